"""The whole state of the running site, and what is known of one request when a route answers it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request

from scrapinsta_ray.simulator.faults import Faults
from scrapinsta_ray.simulator.population import Population, User
from scrapinsta_ray.simulator.sessions import Sessions
from scrapinsta_ray.simulator.threads import Threads


class Looks(dict[str, str]):
    """Class names of the pages: a new random one for each start, so that nobody can rely on them."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, f"x{secrets.token_hex(3)}")


@dataclass
class Site:
    population: Population
    sessions: Sessions
    threads: Threads = field(default_factory=Threads)
    faults: Faults = field(default_factory=Faults)
    looks: Looks = field(default_factory=Looks)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as the gate understood it. `account` is None for whoever is not logged in."""

    method: str
    path: str
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    connection: str
    language: str
    account: str | None
    token: str

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    @property
    def is_admin(self) -> bool:
        """The simulator's own pages, which Instagram does not have."""
        return self.path.startswith("/_")


def site_of(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def visit_of(request: Request) -> Visit:
    visit: Visit = request.scope["visit"]
    return visit


def viewer_of(request: Request) -> User:
    """The logged-in account; the gate has turned away everybody else."""
    user = site_of(request).population.find(visit_of(request).account or "")
    assert user is not None, "The gate let somebody in who is not logged in."
    return user


async def form_of(request: Request) -> dict[str, str]:
    """A urlencoded body, the last value of each name."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def number_of(text: str | None, default: int) -> int:
    """A whole number from a query or form, `default` for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 20 else default

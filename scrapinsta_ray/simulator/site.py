"""The whole state of the running site, and what is known of one request when a route answers it."""

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from starlette.requests import Request

from scrapinsta_ray.simulator.faults import Doing, Faults
from scrapinsta_ray.simulator.journal import Journal
from scrapinsta_ray.simulator.layout import PLAIN, Layout, Layouts
from scrapinsta_ray.simulator.population import Population, User
from scrapinsta_ray.simulator.sessions import Sessions
from scrapinsta_ray.simulator.threads import Threads
from scrapinsta_ray.simulator.troubles import Troubles


class Looks(dict[str, str]):
    """Class names of the pages: a new random one for each start, so that nobody can rely on them."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, f"x{secrets.token_hex(3)}")

    def __getattr__(self, name: str) -> str:
        """Templates ask for attributes first, and finding none is slow."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]


@dataclass
class Site:
    population: Population
    sessions: Sessions
    faults: Faults
    luck: random.Random
    threads: Threads = field(default_factory=Threads)
    troubles: Troubles = field(default_factory=Troubles)
    layouts: Layouts = field(default_factory=Layouts)
    journal: Journal = field(default_factory=Journal)
    second_factors: dict[str, str] = field(default_factory=dict)  # identifier -> who is asked for a code
    looks: Looks = field(default_factory=Looks)
    fragments: dict[str, Markup] = field(default_factory=dict)  # of pages: rendered once
    scripts: dict[Any, Markup] = field(default_factory=dict)  # profiles' inline JSON


def site_over(population: Population) -> Site:
    """A site where nothing has happened yet; what is drawn while it runs follows from the population's seed."""
    luck = random.Random(population.seed)
    return Site(population, Sessions(population), Faults(population.seed), luck)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, as the gate understood it. `account` is None for whoever is not logged in.

    `twists` are the faults that let the route answer, but differently.
    """

    method: str
    path: str
    query: Mapping[str, str]
    cookies: Mapping[str, str]
    connection: str
    language: str
    account: str | None
    token: str
    kind: str
    agent: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    layout: Layout = PLAIN
    twists: Mapping[str, Doing] = field(default_factory=dict)

    @property
    def who(self) -> str | None:
        """Whom this request concerns: the account, or the one that it tries to log in as."""
        wanted = self.form.get("username", "").strip().lower() if self.is_login else ""
        return wanted or self.account

    @property
    def is_login(self) -> bool:
        return self.path.startswith("/api/v1/web/accounts/login/")

    @property
    def is_api(self) -> bool:
        return self.path.startswith(("/api/", "/graphql/")) or "__a" in self.query

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


def number_of(text: str | None, default: int) -> int:
    """A whole number from a query or form, `default` for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 20 else default

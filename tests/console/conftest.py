"""The console in one process, with an operator and two clients."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn
from cryptography.fernet import Fernet, MultiFernet
from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.domain.models import Kind, Profile, Score
from scrapinsta_ray.domain.scoring import MODEL
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.errors import RetryLater
from scrapinsta_ray.store import campaigns, clients, finish, jobs, tasks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.jobs import Asked
from tests.api.conftest import a_filled_store, acme, db, headers_of, other

__all__ = ["a_filled_store", "acme", "db", "headers_of", "other"]

FERNET = MultiFernet([Fernet(Fernet.generate_key())])


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def shot(username: str) -> bytes:
    """What the browser of an account shows; asleep ones have none."""
    if username.startswith("asleep"):
        raise RetryLater(f"{username} has no browser now: it gets one with its next task.")
    return PIXEL


def all_apps(db: Database) -> SideBySide:
    """The four applications, with browsers that can be looked at."""
    gate = Gate(db, FERNET)
    return SideBySide({**make_apps(db, gate), "/": make_console_app(db, gate=gate, screenshot=shot)})


@pytest.fixture
def http(db: Database) -> Iterator[TestClient]:
    """A browser in which nobody has signed in."""
    with TestClient(all_apps(db), raise_server_exceptions=False) as client:
        yield client


@dataclass(frozen=True, slots=True)
class Running:
    """The four applications at an address."""

    url: str
    db: Database


@pytest.fixture
def served(db: Database) -> Iterator[Running]:
    """The applications behind a real socket, as browsers and event streams need it."""
    server = uvicorn.Server(
        uvicorn.Config(
            all_apps(db),
            port=0,
            log_level="critical",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Running(f"http://127.0.0.1:{port}", db)
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def operator(db: Database) -> str:
    """An admin key."""
    made = clients.bootstrap(db)
    assert made
    return made.plaintext


def signed_in(http: TestClient, key: str) -> TestClient:
    """The same browser, once its user has shown a key."""
    page = http.get("/console/sign-in")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    answer = http.post("/console/sign-in", data={"key": key, "csrf": csrf}, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return http


@pytest.fixture
def acmes(http: TestClient, acme: dict[str, str]) -> TestClient:
    """A browser in which acme has signed in."""
    return signed_in(http, acme["X-Api-Key"])


@pytest.fixture
def operators(http: TestClient, operator: str) -> TestClient:
    """A browser in which the operator has signed in."""
    return signed_in(http, operator)


def csrf_of(http: TestClient) -> str:
    """What a form of this session must bring with it."""
    return str(http.get("/console/jobs").text.split('name="csrf" value="')[1].split('"')[0])


def post(http: TestClient, path: str, **fields: str):
    """The answer to a form."""
    return http.post(f"/console{path}", data={"csrf": csrf_of(http), **fields}, follow_redirects=False)


def a_job_with_everything(db: Database) -> str:
    """An analysis with a profile and its score, a failure, and one that waits."""
    job_id = jobs.enqueue_analysis(db, Asked("acme"), ["ana", "luz", "sol"], None).job_id
    done, failed = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=2, ttl_s=60)
    ok = Report(ok=True, code="ok", lease_id=done.lease_id)
    profile = Profile("ana", full_name="=HYPERLINK(1)", followers=1_200)
    score = Score("ana", MODEL, 0.04, 0.7, {"reach": 0.5})
    bad = Report(ok=False, code="not_found", message="Nobody is there.", lease_id=failed.lease_id)
    works = [Work(done, ok, "bot_1", profile=profile, score=score), Work(failed, bad, "bot_1")]
    ended = finish.finish_work(db, works, retry_base_s=1)
    campaigns.settle(db, [one.job_id for one in ended])
    return job_id


def every_page(job_id: str) -> Iterator[str]:
    """Their paths, with `ana` and `bot_1` for one of each kind."""
    yield from ("/", "/jobs", f"/jobs/{job_id}", "/campaigns/new", "/profiles", "/profiles/ana", "/templates")
    yield from (
        "/suppressions",
        "/suppressions?client=*",
        "/accounts",
        "/accounts/bot_1",
        "/accounts/bot_1/now",
    )
    yield from ("/clients", "/clients/acme", "/audit")

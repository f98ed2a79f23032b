"""The four applications in one process, as Serve routes them."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.store import clients, schema
from scrapinsta_ray.store.database import Database


@pytest.fixture(scope="session")
def a_filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded SQLite store with the tenants acme and other; to be copied."""
    path = tmp_path_factory.mktemp("filled") / "store.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    for name in ("acme", "other"):
        clients.create(database, name, name.title(), messages_per_hour=50, messages_per_day=50)
    database.dispose()
    return path


@pytest.fixture
def db(tmp_path: Path, a_filled_store: Path) -> Iterator[Database]:
    """A store with the tenants acme and other."""
    path = tmp_path / "store.db"
    for file in a_filled_store.parent.glob("store.db*"):
        shutil.copy(file, tmp_path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.dispose()


@pytest.fixture
def http(db: Database) -> Iterator[TestClient]:
    """A client of nobody."""
    with TestClient(SideBySide(make_apps(db)), raise_server_exceptions=False) as client:
        yield client


def headers_of(db: Database, client_id: str, *scopes: str) -> dict[str, str]:
    """The headers of a client with one account, client_1."""
    made = clients.create_key(db, client_id, frozenset(scopes) or frozenset(clients.SCOPES))
    return {"X-Api-Key": made.plaintext, "X-Account": "client_1"}


def code_within_5_s(http: TestClient, headers: dict[str, str], path: str = "/jobs") -> str:
    """The error that ends the time of a caller who was let in; replicas may remember it for a moment."""
    deadline = time.monotonic() + 5
    while (answer := http.get(path, headers=headers)).status_code == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    return str(answer.json().get("error", {}).get("code"))


@pytest.fixture
def acme(db: Database) -> dict[str, str]:
    return headers_of(db, "acme")


@pytest.fixture
def other(db: Database) -> dict[str, str]:
    return headers_of(db, "other")

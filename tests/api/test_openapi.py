"""The one OpenAPI document: whatever it says holds, on both databases, for requests good and bad."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.store import clients, leases, schema
from scrapinsta_ray.store.database import Database
from tests.api.conftest import headers_of
from tests.api.documented import config, faults

MANY = {name: 1_000_000 for name in clients.LIMITS if not name.startswith("messages")}


@pytest.fixture(params=["sqlite", "mariadb"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded database with the tenant acme, who may call as often as it likes."""
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "mariadb":
        url = request.getfixturevalue("a_fresh_mariadb_database")
    database = Database(url)
    schema.upgrade(database)
    clients.create(database, "acme", "Acme", messages_per_hour=50, messages_per_day=50)
    clients.set_limits(database, "acme", MANY)
    yield database
    database.dispose()


@pytest.mark.slow
def test_every_answer_is_as_documented(db: Database) -> None:
    key = headers_of(db, "acme")["X-Api-Key"]
    leases.acquire(db, "dispatcher", "me", ttl_s=3_600)  # so that /ready is
    app = SideBySide(make_apps(db))
    api = schemathesis.openapi.from_asgi("/openapi.json", app, config=config(key, 5))
    found = faults(api.exclude(path_regex="/events$"))  # goes on as long as the job does
    assert not found, "\n".join(found)

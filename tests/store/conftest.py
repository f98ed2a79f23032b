"""Every test of the store runs on SQLite and on MariaDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapinsta_ray.store import clients, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import metadata

MANY_CALLS = {name: 1_000_000 for name in clients.LIMITS if name.endswith("_per_minute")}
"""Limits that no test reaches by being quick."""


@pytest.fixture(scope="session")
def migrated_mariadb(mariadb_url: str) -> Iterator[Database]:
    database = Database(mariadb_url, pool_size=20)
    schema.upgrade(database)
    yield database
    database.dispose()


@pytest.fixture(params=["sqlite", "mariadb"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An upgraded, empty database."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/store.db")
        schema.upgrade(database)
        yield database
        database.dispose()
        return
    database = request.getfixturevalue("migrated_mariadb")
    with database.begin() as tx:
        for table in metadata.sorted_tables:
            tx.execute(table.delete())
    yield database


@pytest.fixture
def a_client(db: Database) -> str:
    """A tenant with room for 50 messages an hour, and for as many calls as a test can make."""
    clients.create(db, "acme", "Acme", messages_per_hour=50, messages_per_day=50)
    clients.set_limits(db, "acme", MANY_CALLS)
    return "acme"

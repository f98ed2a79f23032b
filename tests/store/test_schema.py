"""tables.py, the migrations and schema.sql say the same."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, MetaData

from scrapinsta_ray.store import schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import metadata

SCHEMA_SQL = Path(__file__).parents[2] / "schema.sql"


def described(tx: Connection) -> dict[str, str]:
    """Every table as the server itself describes it."""
    return {
        table: tx.exec_driver_sql(f"SHOW CREATE TABLE {table}").one()[1].split(" AUTO_INCREMENT")[0]
        for table in sorted(metadata.tables)
    }


def test_the_migrations_give_the_tables(db: Database) -> None:
    assert not schema.pending(db)
    with db.begin(write=False) as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_schema_sql_is_what_the_tables_say() -> None:
    assert SCHEMA_SQL.read_text() == schema.as_sql(), "run: make schema"


def test_schema_sql_makes_what_the_migrations_make(
    a_fresh_mariadb_database: str, migrated_mariadb: Database
) -> None:
    by_hand = Database(a_fresh_mariadb_database)
    with by_hand.begin() as tx:
        statements = "".join(
            line for line in SCHEMA_SQL.read_text().splitlines(keepends=True) if not line.startswith("--")
        )
        for statement in filter(str.strip, statements.split(";\n")):
            tx.exec_driver_sql(statement.replace("%", "%%"))
        from_file = described(tx)
    by_hand.dispose()
    with migrated_mariadb.begin(write=False) as tx:
        assert from_file == described(tx)


def test_an_upgrade_twice_changes_nothing(db: Database) -> None:
    schema.upgrade(db)
    assert not schema.pending(db)


REVISIONS = [script.revision for script in schema.scripts().walk_revisions()]


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_filled_database_of_every_revision_upgrades_and_keeps_its_rows(
    revision: str, tmp_path: Path, a_fresh_mariadb_database: str
) -> None:
    for url in (f"sqlite:///{tmp_path}/old.db", a_fresh_mariadb_database):
        db = Database(url)
        schema.upgrade(db, revision)
        with db.begin() as tx:
            filled = fill(tx)
        schema.upgrade(db)
        with db.begin(write=False) as tx:
            assert counted(tx, filled) == dict.fromkeys(filled, 1)
            context = MigrationContext.configure(tx, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        db.dispose()


def fill(tx: Connection) -> list[str]:
    """One row in every table, as the database itself describes it; the names of the tables."""
    there = MetaData()
    there.reflect(tx)
    tables = [table for table in there.sorted_tables if table.name != "alembic_version"]
    for table in tables:
        tx.execute(table.insert().values({c.name: a_value(c) for c in table.columns if not c.nullable}))
    return [table.name for table in tables]


def a_value(column: Column[Any]) -> object:
    """Something that fits; a JSON column of MariaDB is a text with a check."""
    samples: dict[type, object] = {
        datetime: datetime.fromisoformat("2026-01-01"),
        str: "1",
        bytes: b"1",
        object: {},  # JSON
        bool: True,
        int: 1,
        float: 1.0,
        Decimal: 1,
    }
    return samples[column.type.python_type]


def counted(tx: Connection, tables: list[str]) -> dict[str, int]:
    return {name: tx.exec_driver_sql(f"SELECT COUNT(*) FROM {name}").scalar_one() for name in tables}

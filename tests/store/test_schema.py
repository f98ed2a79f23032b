"""tables.py, the migrations and schema.sql say the same."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

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

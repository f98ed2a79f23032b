"""Creating, upgrading and printing the schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable, DDLElement

from scrapinsta_ray.store.database import Database, reading
from scrapinsta_ray.store.tables import metadata

_LOCK = "scrapinsta_schema"

_HEADER = """\
-- The schema of ScrapInsta for MySQL 8.0+ and MariaDB 10.6+.
-- Generated from scrapinsta_ray/store/tables.py by `make schema`; a test compares the two.
-- Every state and transition of a task is in docs/architecture.md.
"""


def upgrade(db: Database, revision: str = "head") -> None:
    """Brings the schema to this version (or up to `revision`), keeping the data; several processes may call it."""
    with db.begin() as tx:
        if not db.is_sqlite:
            tx.exec_driver_sql(f"SELECT GET_LOCK('{_LOCK}', 60)")
        try:
            config = _config()
            config.attributes["connection"] = tx
            command.upgrade(config, revision)
        finally:
            if not db.is_sqlite:
                tx.exec_driver_sql(f"SELECT RELEASE_LOCK('{_LOCK}')")


@reading
def pending(tx: Connection) -> bool:
    """True if the database's schema is older than this version, or not there."""
    at = MigrationContext.configure(tx).get_current_revision()
    return at != scripts().get_current_head()


def scripts() -> ScriptDirectory:
    """The migrations."""
    return ScriptDirectory.from_config(_config())


def reset(db: Database) -> None:
    """Drops every table of ours with all data, and makes them anew."""
    with db.begin() as tx:
        metadata.drop_all(tx)
        tx.exec_driver_sql("DROP TABLE IF EXISTS alembic_version")
    upgrade(db)


def as_sql() -> str:
    """The whole MySQL schema, as schema.sql has it."""
    dialect = mysql.dialect()
    statements: list[DDLElement] = []
    for table in metadata.sorted_tables:
        statements.append(CreateTable(table))
        statements += [
            CreateIndex(index) for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return _HEADER + "".join(f"\n{_tidy(str(one.compile(dialect=dialect)))};\n" for one in statements)


def _tidy(sql: str) -> str:
    lines = (line.strip() for line in sql.replace("\t", "    ").strip().splitlines())
    kept = [line for line in lines if line]
    return "\n".join(line if i == 0 or line.startswith(")") else f"    {line}" for i, line in enumerate(kept))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

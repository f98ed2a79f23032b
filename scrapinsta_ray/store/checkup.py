"""Is this database fit for us? Each answer is a sentence, good or bad."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from scrapinsta_ray.store import schema
from scrapinsta_ray.store.database import Database, reading
from scrapinsta_ray.store.tables import metadata

OLDEST_MYSQL = (8, 0)
OLDEST_MARIADB = (10, 6)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `text` says what it is, and if it is not `ok`, what to do."""

    ok: bool
    text: str


def check(db: Database) -> list[Finding]:
    """Version, isolation, time zone, migrations, indexes. Raises DatabaseAway."""
    found = [Finding(True, "SQLite, embedded.")] if db.is_sqlite else list(_server(db))
    if schema.pending(db):
        return [
            *found,
            Finding(False, "The schema is not that of this version: run `scrapinsta db upgrade`."),
        ]
    missing = _missing_indexes(db)
    good = "The schema is that of this version, with all its indexes."
    bad = f"Indexes are missing: {', '.join(missing)}. Leases will be slow; create them as schema.sql says."
    return [*found, Finding(not missing, bad if missing else good)]


def _server(db: Database) -> Iterator[Finding]:
    version, is_mariadb, isolation, zone, engine = _variables(db)
    name, oldest = ("MariaDB", OLDEST_MARIADB) if is_mariadb else ("MySQL", OLDEST_MYSQL)
    fits = version >= oldest
    advice = "" if fits else f" It must be {'.'.join(map(str, oldest))} or newer."
    yield Finding(fits, f"The server is {name} {'.'.join(map(str, version))}.{advice}")
    yield Finding(isolation == "READ-COMMITTED", f"Our sessions run at {isolation}.")
    yield Finding(zone == "+00:00", f"Our sessions' time zone is {zone}.")
    yield Finding(engine == "InnoDB", f"New tables are made by {engine}.")


@reading
def _variables(tx: Connection) -> tuple[tuple[int, ...], bool, str, str, str]:
    names = ("tx_isolation", "transaction_isolation", "time_zone", "default_storage_engine")
    rows = tx.exec_driver_sql("SHOW SESSION VARIABLES WHERE Variable_name IN (%s, %s, %s, %s)", names)
    values: dict[str, str] = {row.Variable_name: row.Value for row in rows}
    isolation = values.get("transaction_isolation") or values["tx_isolation"]
    version = tuple(tx.dialect.server_version_info or ())[:3]
    numbers = tuple(int(part) for part in version if isinstance(part, int))
    is_mariadb = bool(getattr(tx.dialect, "is_mariadb", False))
    return numbers, is_mariadb, isolation, values["time_zone"], values["default_storage_engine"]


@reading
def _missing_indexes(tx: Connection) -> list[str]:
    looked = inspect(tx)
    missing = []
    for table in metadata.sorted_tables:
        there = {tuple(index["column_names"]) for index in looked.get_indexes(table.name)}
        wanted = {str(index.name): tuple(index.columns.keys()) for index in table.indexes}
        missing += [name for name, columns in wanted.items() if columns not in there]
    return sorted(missing)

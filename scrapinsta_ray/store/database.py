"""The engine, the transaction, and what differs between SQLite and MySQL or MariaDB."""

import functools
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import pymysql
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Insert,
    Row,
    Table,
    Text,
    UpdateBase,
    create_engine,
    event,
    exc,
    literal,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from scrapinsta_ray.errors import DatabaseAway, Misconfigured
from scrapinsta_ray.telemetry import context

P = ParamSpec("P")
T = TypeVar("T")

AnyRow = Row[Any, *tuple[Any, ...]]
"""A row of a SELECT whose columns are listed elsewhere."""

RETRIES = 6
"""How often a whole transaction is tried before its error is shown."""

POOL_WAIT_S = 20.0
"""So long a thread waits for a connection; SQLite, which lets one write at a time, may keep it for longer."""

_CONFLICTS = {1213, 1205, 1020}  # deadlock, lock wait timeout, record changed
_AWAY = {2002, 2003, 2006, 2013, 1053, 1927}  # refused, no host, gone, lost, shutting down, connection killed
_REFUSED = {1044, 1045, 1049, 1698}  # no right to the database, wrong user or password, no such database
_WRITE = "scrapinsta_write"


class Database:
    """One database by its URL. Cheap to make; connects on first use.

    `pool_size` is the number of threads that may be in a transaction at once; one more waits for `pool_wait_s`.
    """

    def __init__(self, url: str, *, pool_size: int = 10, pool_wait_s: float = POOL_WAIT_S) -> None:
        self._url = _driver_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        make = _sqlite_engine if self.is_sqlite else _mysql_engine
        self.engine = make(self._url, pool_size=pool_size, max_overflow=0, pool_timeout=pool_wait_s)
        self._writer = self.engine.execution_options(**{_WRITE: True})

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)!r})"

    def begin(self, *, write: bool = True) -> AbstractContextManager[Connection]:
        """One transaction, without retry; `write` takes SQLite's write lock at once (BEGIN IMMEDIATE)."""
        return (self._writer if write else self.engine).begin()

    def dispose(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()


def _driver_url(url: str) -> URL:
    """Raises Misconfigured, which repeats nothing of the address: any part of it may be of the password."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise Misconfigured(_NO_ADDRESS) from None
    backend = parsed.get_backend_name()
    if backend not in {"sqlite", "mysql", "mariadb"}:
        raise Misconfigured("SCRAPINSTA_DATABASE_URL must begin with mysql:// or sqlite:///.")
    if backend == "sqlite":
        return parsed
    if "@" in f"{parsed.host}{parsed.database}{parsed.query}":  # torn apart in the middle of the password
        raise Misconfigured(_NO_ADDRESS)
    return parsed.set(drivername="mysql+pymysql", query={"charset": "utf8mb4", **parsed.query})


_NO_ADDRESS = (
    "SCRAPINSTA_DATABASE_URL is not a database address such as mysql://user:pass@host:3306/db; in the password "
    "write %40 for @, %2F for /, %3F for ?, %3A for : and %25 for %."
)


def _sqlite_engine(url: URL, **pool: float) -> Engine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True, **pool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _mysql_engine(url: URL, **pool: float) -> Engine:
    engine = create_engine(
        url,
        **pool,
        pool_recycle=1800,
        pool_reset_on_return=None,  # `begin` ends what it began; a ROLLBACK more is a round trip more
        connect_args={"connect_timeout": 5},
        hide_parameters=True,  # in errors: they are messages, hashes, sealed secrets
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute("SET SESSION time_zone = '+00:00'")
            cursor.execute(
                "SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')"
            )
            levels = {value for _name, value in cursor.fetchall()}
        if levels != {"READ-COMMITTED"}:
            raise Misconfigured(f"The database must give READ COMMITTED, but it gives {sorted(levels)}.")

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def _comment(
        _tx: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> tuple[str, Any]:
        return commented(statement), parameters

    return engine


def commented(sql: str) -> str:
    """With the id of the request it is for: the server's lists of processes and of slow queries then tell it.

    Behind the first word, since PyMySQL sends many rows as one INSERT only if a statement begins with that word.
    """
    request_id = context.request_id()
    if not request_id:
        return sql
    word, _, rest = sql.partition(" ")
    return f"{word} /* request_id={request_id} */ {rest}"


class UtcTime(TypeDecorator[datetime]):
    """A point in time: UTC with microseconds in the database, with its zone in Python."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime() if dialect.name == "sqlite" else mysql.DATETIME(fsp=6))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


class now(FunctionElement[Any]):
    """The database's clock in UTC, `offset_s` seconds on: `now()`, `now(30)`, `now(-3600)`.

    In a statement made ahead it may be a parameter, whose value is then in microseconds: `microseconds(30)`.
    """

    type = UtcTime()
    inherit_cache = True
    name = "now_utc"

    def __init__(self, offset_s: float | BindParameter[int] = 0) -> None:
        if isinstance(offset_s, BindParameter):
            super().__init__(offset_s)
        elif offset_s:
            super().__init__(literal(microseconds(offset_s), BigInteger()))
        else:
            super().__init__()


def microseconds(seconds: float) -> int:
    """Whole microseconds, the unit of the database's clock."""
    return round(seconds * 1_000_000)


@compiles(now, "mysql")
@compiles(now, "mariadb")
def _mysql_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    if not len(element.clauses):
        return "UTC_TIMESTAMP(6)"
    return f"TIMESTAMPADD(MICROSECOND, {compiler.process(element.clauses, **kw)}, UTC_TIMESTAMP(6))"


@compiles(now, "sqlite")
def _sqlite_now(element: now, compiler: SQLCompiler, **kw: Any) -> str:
    if not len(element.clauses):
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    offset = f"printf('%+.3f seconds', {compiler.process(element.clauses, **kw)} / 1000000.0)"
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', {offset})"


class own_text(FunctionElement[str]):
    """A text of a JSON object, under the key that the row has: `own_text(bindparam("texts"), table.c.id)`; or NULL."""

    type = Text()
    inherit_cache = True
    name = "own_text"


@compiles(own_text, "mysql")
@compiles(own_text, "mariadb")
def _mysql_own_text(element: own_text, compiler: SQLCompiler, **kw: Any) -> str:
    texts, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"JSON_UNQUOTE(JSON_EXTRACT({texts}, CONCAT('$.\"', {key}, '\"')))"


@compiles(own_text, "sqlite")
def _sqlite_own_text(element: own_text, compiler: SQLCompiler, **kw: Any) -> str:
    texts, key = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"json_extract({texts}, '$.\"' || {key} || '\"')"


class now_us(FunctionElement[int]):
    """The database's clock as whole microseconds since 1970; SQLite knows thousandths."""

    type = BigInteger()
    inherit_cache = True
    name = "now_us"


@compiles(now_us, "mysql")
@compiles(now_us, "mariadb")
def _mysql_now_us(_element: now_us, _compiler: SQLCompiler, **_kw: Any) -> str:
    return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"


@compiles(now_us, "sqlite")
def _sqlite_now_us(_element: now_us, _compiler: SQLCompiler, **_kw: Any) -> str:
    seconds = "CAST(strftime('%s', 'now') AS INTEGER)"
    return f"({seconds} * 1000000 + CAST(substr(strftime('%f', 'now'), 4) AS INTEGER) * 1000)"


def clock(tx: Connection) -> datetime:
    """The database's time now."""
    at: datetime = tx.execute(_NOW).scalar_one()
    return at


_NOW = select(now())


def upsert(
    tx: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """Inserts `rows` of plain values; where `key` is taken, sets the columns in `update`, or leaves that row."""
    if rows:
        tx.execute(upserting(tx.dialect.name, table, tuple(key), tuple(update)), list(rows))


@functools.cache
def upserting(dialect: str, table: Table, key: tuple[str, ...], update: tuple[str, ...]) -> Insert:
    """The INSERT of `upsert`."""
    if dialect == "sqlite":
        insert = sqlite.insert(table)
        if not update:
            return insert.on_conflict_do_nothing(key)
        return insert.on_conflict_do_update(key, set_={name: insert.excluded[name] for name in update})
    into = mysql.insert(table)
    changes = {name: into.inserted[name] for name in update} or {key[0]: table.c[key[0]]}
    return into.on_duplicate_key_update(changes)


def change_one(tx: Connection, statement: UpdateBase, values: Mapping[str, str | int | None]) -> int:
    """Runs an INSERT or UPDATE that was made ahead, with plain `values`; how many rows it changed.

    On MySQL the driver gets the text that SQLAlchemy made of it once. Where a statement is as quick as the server is
    with one row, SQLAlchemy's way with it would take as long again.
    """
    if tx.dialect.name == "sqlite":
        return tx.execute(statement, values).rowcount
    sql, constants = _as_text(statement, tx.dialect, tuple(values))
    try:
        with closing(tx.connection.cursor()) as cursor:
            changed: int = cursor.execute(commented(sql), {**constants, **values})
            return changed
    except pymysql.err.Error as error:
        if error.args and error.args[0] in _AWAY:
            tx.invalidate(error)
        raise exc.DBAPIError.instance(sql, None, error, pymysql.err.Error) from error


@functools.lru_cache(maxsize=64)
def _as_text(statement: UpdateBase, dialect: Dialect, names: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    return str(compiled), {name: value for name, value in compiled.params.items() if name not in names}


ROWS = 1000
"""Rows in one INSERT: bounds its size, and how long it keeps other inserts waiting for their numbers."""


def insert_alike(
    tx: Connection, table: Table, common: Mapping[str, Any], own: Sequence[Mapping[str, Any]]
) -> None:
    """Inserts a row for each of `own`, in that order, with the `common` values in all of them.

    Each of `own` has the same columns; a value that JSON cannot hold belongs into `common`.
    """
    if tx.dialect.name == "sqlite":
        tx.execute(table.insert(), [{**common, **row} for row in own])
        return
    for i in range(0, len(own), ROWS):
        _insert_json(tx, table, common, own[i : i + ROWS])


def _insert_json(
    tx: Connection, table: Table, common: Mapping[str, Any], own: Sequence[Mapping[str, Any]]
) -> None:
    """The rows travel as one JSON text, which the server takes apart: the driver's work is that of one value."""
    columns = [table.c[name] for name in own[0]]
    types = ", ".join(f"{c.name} {c.type.compile(tx.dialect)} PATH '$.{c.name}'" for c in columns)
    rows = text(f"JSON_TABLE(:own_rows, '$[*]' COLUMNS (n FOR ORDINALITY, {types})) AS own")
    values = [literal(value, table.c[name].type) for name, value in common.items()]
    each: list[ColumnElement[Any]] = [literal_column(f"own.{c.name}") for c in columns]
    statement = table.insert().from_select(
        [*common, *own[0]], select(*values, *each).select_from(rows).order_by(literal_column("own.n"))
    )
    known = [{name: value for name, value in row.items() if value is not None} for row in own]
    tx.execute(statement, {"own_rows": json.dumps(known, ensure_ascii=False)})


def transaction(work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Database, P], T]:
    """Makes `work(tx, ...)` into `work(db, ...)`: one transaction, tried again as a whole after a conflict."""
    return _whole(work, write=True)


def reading(work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Database, P], T]:
    """Like `transaction`, for work that only reads."""
    return _whole(work, write=False)


_AFTER = "scrapinsta_after_commit"


def after_commit(tx: Connection, act: Callable[[], None]) -> None:
    """Has `act` run once the transaction has been committed, and not at all if it never is."""
    tx.info.setdefault(_AFTER, []).append(act)


def _whole(
    work: Callable[Concatenate[Connection, P], T], *, write: bool
) -> Callable[Concatenate[Database, P], T]:
    @functools.wraps(work)
    def run(db: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
        attempt = 0
        while True:
            try:
                with db.begin(write=write) as tx:
                    tx.info.clear()  # it is the pooled connection's: of a transaction that was rolled back
                    answer = work(tx, *args, **kwargs)
                    then = tx.info.pop(_AFTER, ())
                for act in then:
                    act()
                return answer
            except exc.TimeoutError as error:  # every connection of the pool is in use
                raise DatabaseAway from error
            except exc.DBAPIError as error:
                attempt += 1
                _raise_unless_it_may_pass(error, last=attempt == RETRIES)
            time.sleep(random.uniform(0.2, 1) * min(0.01 * 2**attempt, 0.5))

    return run


def _raise_unless_it_may_pass(error: exc.DBAPIError, *, last: bool) -> None:
    """Returns if another attempt may mend the error; otherwise raises it, named if the server is away or refuses us."""
    code = _code(error)
    if code in _REFUSED and error.orig is not None:
        raise Misconfigured(f"SCRAPINSTA_DATABASE_URL: the server says: {error.orig.args[1]}.") from None
    if last and code in _AWAY:
        raise DatabaseAway from error
    if last or not _may_pass(error, code):
        raise error


def _code(error: exc.DBAPIError) -> int | str | None:
    """MySQL's error number, or SQLite's error name."""
    original = error.orig
    if name := getattr(original, "sqlite_errorname", None):
        return str(name)
    arguments = getattr(original, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _may_pass(error: exc.DBAPIError, code: int | str | None) -> bool:
    if isinstance(code, str):
        return code.startswith("SQLITE_BUSY")
    return code in _CONFLICTS or code in _AWAY or error.connection_invalidated

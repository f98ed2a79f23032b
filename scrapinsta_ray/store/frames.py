"""Whole tables for reading, in batches, without any means to write: what `data` makes its frames from."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, create_engine, event, select
from sqlalchemy.engine import make_url

from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import followings, media, profile_scores, profiles

BATCH = 5_000
"""Rows in one batch."""

Batches = Iterator[Sequence[tuple[Any, ...]]]
"""Rows, some thousand at a time, their values in the order of the columns that come with them."""

SCORES = ("username", "model", "engagement", "success", "confidence", "reason", "parts", "scored_at")
MEDIA = (
    "username",
    "code",
    "kind",
    "taken_at",
    "likes",
    "comments",
    "views",
    "pinned",
    "hidden",
    "seen_at",
)
FOLLOWINGS = (
    "target_username",
    "position",
    "username",
    "full_name",
    "is_private",
    "is_verified",
    "seen_at",
)
PROFILES = (
    "username",
    "full_name",
    "category",
    "rubro",
    "followers",
    "followings",
    "posts",
    "is_verified",
    "is_business",
    "biography",
    "external_url",
    "analyzed_at",
)


def scores(source: str, model: str | None) -> Batches:
    """SCORES of every profile, best first within a model; of one `model` only, or of all. Missing scores come last."""
    score = profile_scores.c
    wanted = select(*(score[name] for name in SCORES)).order_by(
        score.model, score.success.is_(None), score.success.desc(), score.username
    )
    return _read(source, wanted if model is None else wanted.where(score.model == model))


def posts(source: str) -> Batches:
    """MEDIA of every profile, newest first within it."""
    wanted = select(*(media.c[name] for name in MEDIA))
    return _read(source, wanted.order_by(media.c.username, media.c.taken_at.desc(), media.c.code))


def followed(source: str) -> Batches:
    """FOLLOWINGS, list by list, in the order of each list."""
    wanted = select(*(followings.c[name] for name in FOLLOWINGS))
    return _read(source, wanted.order_by(followings.c.target_username, followings.c.position))


def people(source: str) -> Batches:
    """PROFILES, by username."""
    return _read(source, select(*(profiles.c[name] for name in PROFILES)).order_by(profiles.c.username))


def _read(source: str, wanted: Select[Any]) -> Batches:
    with _reading(source) as tx:
        rows = tx.execution_options(yield_per=BATCH).execute(wanted)
        for batch in rows.partitions():
            yield [tuple(row) for row in batch]


@contextmanager
def _reading(source: str) -> Iterator[Connection]:
    """One transaction that the database itself lets only read."""
    engine = _sqlite(source) if make_url(source).get_backend_name() == "sqlite" else _mysql(source)
    try:
        with engine.begin() as tx:
            yield tx
    finally:
        engine.dispose()


def _sqlite(source: str) -> Engine:
    path = Path(make_url(source).database or "")
    if not path.is_file():
        raise Misconfigured(f"There is no store at {path}: `make demo` makes one in ~/.scrapinsta/demo.")
    address = f"{path.absolute().as_uri()}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True, timeout=30))


def _mysql(source: str) -> Engine:
    engine = Database(source, pool_size=1).engine

    @event.listens_for(engine, "connect")
    def _only_read(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION READ ONLY")

    return engine

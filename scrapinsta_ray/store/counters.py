"""Counters that outlive processes: the same from every replica, and never less than before.

What happens in a transaction is counted once it is committed (`count`), in memory: a statement more in each would cost
a lease or a result a quarter of its speed. What processes gather there is added every second (`add`), atomically. A
counter is the sum of its rows.
"""

import random
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from sqlalchemy import Connection, Insert, func, or_, select
from sqlalchemy.dialects import mysql, sqlite

from scrapinsta_ray.domain.models import TaskStatus
from scrapinsta_ray.store.database import after_commit, now, reading, transaction, upserting
from scrapinsta_ray.store.tables import metrics
from scrapinsta_ray.telemetry import counts
from scrapinsta_ray.telemetry.counts import Batch, Series

SLOTS = 8
"""Rows of one counter: each addition takes one by chance, so that two processes rarely wait for each other."""

STALE_S = 150.0
"""A gauge that nobody told for so long is not shown: whoever told it is gone."""

_KEY = ("name", "labels", "slot")


def count(tx: Connection, name: str, amount: int = 1, **labels: str) -> None:
    """Counts `amount` more once the transaction is committed."""
    if amount:
        after_commit(tx, partial(counts.add, name, amount, **labels))


def ended(tx: Connection, kind: str, status: str, code: str | None = None, number: int = 1) -> None:
    """Counts tasks that just ended ok, or with the error `code`; others are not counted."""
    if status == TaskStatus.OK:
        count(tx, "tasks_ok", number, kind=kind)
    elif status == TaskStatus.ERROR:
        count(tx, "tasks_error", number, kind=kind, code=code or "error")


@transaction
def add(tx: Connection, batch: Batch) -> None:
    """What a process has gathered."""
    _add(tx, batch.added, slot=random.randrange(SLOTS))
    rows = [
        {"name": name, "labels": labels, "slot": 0, "value": value, "at": now()}
        for (name, labels), value in sorted(batch.gauges.items())
    ]
    for row in rows:
        tx.execute(upserting(tx.dialect.name, metrics, _KEY, ("value", "at")).values(row))


def _add(tx: Connection, added: Mapping[Series, float], slot: int) -> None:
    rows: list[dict[str, Any]] = [
        {"name": name, "labels": labels, "slot": slot, "value": value}
        for (name, labels), value in sorted(added.items())
    ]
    if rows:
        tx.execute(_adding(tx.dialect.name), rows)


@cache
def _adding(dialect: str) -> Insert:
    if dialect == "sqlite":
        lite = sqlite.insert(metrics)
        return lite.on_conflict_do_update(_KEY, set_={"value": metrics.c.value + lite.excluded.value})
    into = mysql.insert(metrics)
    return into.on_duplicate_key_update(value=metrics.c.value + into.inserted.value)


@reading
def read(tx: Connection) -> dict[Series, float]:
    """Every counter and bucket, and the gauges that were told of late."""
    rows = tx.execute(
        select(metrics.c.name, metrics.c.labels, func.sum(metrics.c.value))
        .where(or_(metrics.c.at.is_(None), metrics.c.at >= now(-STALE_S)))
        .group_by(metrics.c.name, metrics.c.labels)
    )
    return {(name, labels): float(value) for name, labels, value in rows}

"""Counters that outlive processes: the same from every replica, and never less than before.

What happens in a transaction is counted by it (`count`): committed together, or not at all. What processes gather in
memory is added now and then (`add`). A counter is the sum of its rows.
"""

import random
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, func, or_, select
from sqlalchemy.dialects import mysql, sqlite

from scrapinsta_ray.domain.models import TaskStatus
from scrapinsta_ray.store.database import at_end, now, reading, transaction, upserting
from scrapinsta_ray.store.tables import metrics
from scrapinsta_ray.telemetry.catalogue import labels_text
from scrapinsta_ray.telemetry.counts import Batch, Series

SLOTS = 8
"""Rows of one counter that transactions add to: each takes one by chance, so that two rarely wait for each other."""

STALE_S = 150.0
"""A gauge that nobody told for so long is not shown: whoever told it is gone."""

_KEY = ("name", "labels", "slot")
_GATHERED = "scrapinsta_counts"


def count(tx: Connection, name: str, amount: int = 1, **labels: str) -> None:
    """Counts `amount` more when the transaction commits, by one statement for all that it counts, its last."""
    if amount:
        gathered = tx.info.setdefault(_GATHERED, Counter())
        gathered[name, labels_text(name, labels)] += amount
        at_end(tx, _write)


def ended(tx: Connection, kind: str, status: str, code: str | None = None, number: int = 1) -> None:
    """Counts tasks that just ended ok, or with the error `code`; others are not counted."""
    if status == TaskStatus.OK:
        count(tx, "tasks_ok", number, kind=kind)
    elif status == TaskStatus.ERROR:
        count(tx, "tasks_error", number, kind=kind, code=code or "error")


def _write(tx: Connection) -> None:
    gathered: Mapping[Series, float] = tx.info.pop(_GATHERED, {})
    _add(tx, gathered, random.randrange(SLOTS))


@transaction
def add(tx: Connection, batch: Batch) -> None:
    """What a process has gathered."""
    _add(tx, batch.added, slot=0)
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

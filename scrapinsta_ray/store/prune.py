"""Forgetting what is old: finished tasks and jobs after some days, never the ledger.

By primary key, in small committed batches: ids grow with time, so a walk stops at the first row that is too young,
and no row is locked that is not deleted.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select

from scrapinsta_ray.domain.pacing import DAY_S
from scrapinsta_ray.store.database import Database, now, reading, transaction
from scrapinsta_ray.store.tables import account_actions, job_tasks, jobs

BATCH = 1000
"""Rows looked at in one transaction."""

ACTIONS_DAYS = 2
"""Sliding windows look back an hour; two days leave room for a look by a person."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows that a step looked at and deleted (or would have), in one table."""

    table: str
    seen: int
    deleted: int


def prune(db: Database, days: float, *, dry_run: bool = False) -> Iterator[Pruned]:
    """Deletes what ended more than `days` ago, a batch at a time; stopping between two loses nothing."""
    yield from _walk_tasks(db, days, dry_run)
    yield from _walk_jobs(db, days, dry_run)
    actions = _prune_actions(db, dry_run)
    yield Pruned("account_actions", actions, actions)


@reading
def task_span(tx: Connection) -> int:
    """At most so many tasks are there to look at: for a progress bar."""
    first = tx.scalar(select(func.min(job_tasks.c.id))) or 0
    last = tx.scalar(select(func.max(job_tasks.c.id))) or 0
    return int(last - first + 1) if last else 0


def _walk_tasks(db: Database, days: float, dry_run: bool) -> Iterator[Pruned]:
    after: int | None = 0
    while after is not None:
        after, step = _task_batch(db, after, days, dry_run)
        yield step


@transaction
def _task_batch(tx: Connection, after: int, days: float, dry_run: bool) -> tuple[int | None, Pruned]:
    """The next ids behind `after`; with the last of them, or None when there are no more old ones."""
    rows = tx.execute(
        select(
            job_tasks.c.id,
            (job_tasks.c.created_at < now(-days * DAY_S)).label("aged"),
            (job_tasks.c.finished_at < now(-days * DAY_S)).label("old"),  # null while it is unfinished
        )
        .where(job_tasks.c.id > after)
        .order_by(job_tasks.c.id)
        .limit(BATCH)
    ).all()
    old = [row.id for row in rows if row.old]
    if old and not dry_run:
        tx.execute(delete(job_tasks).where(job_tasks.c.id.in_(old), job_tasks.c.finished_at.is_not(None)))
    more = len(rows) == BATCH and rows[-1].aged
    return rows[-1].id if more else None, Pruned("job_tasks", len(rows), len(old))


def _walk_jobs(db: Database, days: float, dry_run: bool) -> Iterator[Pruned]:
    after: str | None = ""
    while after is not None:
        after, step = _job_batch(db, after, days, dry_run)
        yield step


@transaction
def _job_batch(tx: Connection, after: str, days: float, dry_run: bool) -> tuple[str | None, Pruned]:
    """Ended jobs without tasks; a campaign goes in the prune after the one that took its stages."""
    stage = jobs.alias("stage")
    has_tasks = exists().where(job_tasks.c.job_id == jobs.c.id)
    has_stages = exists().where(stage.c.campaign_id == jobs.c.id)
    cutoff = now(-days * DAY_S)
    rows = tx.execute(
        select(
            jobs.c.id,
            (jobs.c.created_at < cutoff).label("aged"),
            ((jobs.c.finished_at < cutoff) & ~has_tasks & ~has_stages).label("old"),
        )
        .where(jobs.c.id > after)
        .order_by(jobs.c.id)
        .limit(BATCH)
    ).all()
    old = [row.id for row in rows if row.old]
    if old and not dry_run:
        tx.execute(delete(jobs).where(jobs.c.id.in_(old)))
    more = len(rows) == BATCH and rows[-1].aged
    return rows[-1].id if more else None, Pruned("jobs", len(rows), len(old))


@transaction
def _prune_actions(tx: Connection, dry_run: bool) -> int:
    ids = tx.scalars(
        select(account_actions.c.id)
        .where(account_actions.c.at < now(-ACTIONS_DAYS * DAY_S))
        .order_by(account_actions.c.id)
        .limit(10 * BATCH)
    ).all()
    if ids and not dry_run:
        tx.execute(delete(account_actions).where(account_actions.c.id.in_(ids)))
    return len(ids)

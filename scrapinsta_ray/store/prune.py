"""Forgetting what is old, each kind of data after its own days; never the ledger, never the audit log.

By primary key, in small committed batches, so that no dispatch waits: stopping between two loses nothing, and a batch
that is cut off never was. A message whose end must be remembered for ever leaves its row, emptied: one of a template,
or one that may have left.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
)

from scrapinsta_ray.domain.models import JobStatus, TaskStatus
from scrapinsta_ray.domain.pacing import DAY_S
from scrapinsta_ray.domain.retention import Retention
from scrapinsta_ray.store import clients, leases, meters, templates, tokens
from scrapinsta_ray.store.batches import behind
from scrapinsta_ray.store.database import Database, now, reading, transaction
from scrapinsta_ray.store.indexes import change
from scrapinsta_ray.store.tables import (
    account_actions,
    followings,
    job_tasks,
    jobs,
    media,
    profile_scores,
    profiles,
    visits,
)

BATCH = 1000
"""Rows looked at in one transaction."""

TURN = 5
"""Batches of each table in one turn of the upkeep."""

EVERY_S = 180.0
"""Between two turns of the upkeep, whoever has them."""

ACTIONS_DAYS = 2
"""Sliding windows look back an hour; two days leave room for a look by a person."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Rows of one table that a step looked at, deleted or emptied (or would have)."""

    table: str
    seen: int
    deleted: int
    emptied: int = 0


Cursor = tuple[Any, ...]
"""The key of the last row looked at; () at the beginning."""

_Step = Callable[[Database, Cursor, float, bool], tuple[Cursor | None, Pruned]]
"""One batch behind a cursor, with the days and whether it is a dry run; the next cursor, None at the end."""


def prune(db: Database, keep: Retention, *, dry_run: bool = False) -> Iterator[Pruned]:
    """Deletes all that is too old, a batch at a time."""
    for step, days in _walks(keep):
        after: Cursor | None = ()
        while after is not None:
            after, pruned = step(db, after, days, dry_run)
            yield pruned
    yield Pruned("account_actions", actions := _prune_actions(db, dry_run), actions)


class Upkeep:
    """The same, a little at a time, for the one who has nothing else to do.

    Where it stopped is remembered by the process alone: a new one begins anew. When it may go on is a lease, so that
    many short-lived processes do no more than one.
    """

    def __init__(self, db: Database, keep: Retention) -> None:
        self._db = db
        self._walks = _walks(keep)
        self._after: dict[int, Cursor] = {}

    def turn(self) -> list[Pruned]:
        """A few batches of every table, and what expires by itself; nothing if the last turn was just now."""
        turn = leases.acquire(self._db, "upkeep", uuid.uuid4().hex, EVERY_S)
        if isinstance(turn, leases.Taken):
            return []
        done = [pruned for number in range(len(self._walks)) for pruned in self._go_on(number)]
        expired = [
            Pruned("account_actions", actions := _prune_actions(self._db, False), actions),
            Pruned("meters", full := meters.forget_full(self._db), full),
            Pruned("revocations", over := tokens.prune(self._db), over),
            Pruned("jobs", left := clients.finish_deletions(self._db), 0, left),
        ]
        return [pruned for pruned in (*done, *expired) if pruned.deleted or pruned.emptied]

    def _go_on(self, number: int) -> Iterator[Pruned]:
        step, days = self._walks[number]
        for _ in range(TURN):
            after, pruned = step(self._db, self._after.get(number, ()), days, False)
            self._after[number] = after or ()
            yield pruned
            if after is None:
                return


def _walks(keep: Retention) -> list[tuple[_Step, float]]:
    every: list[tuple[_Step, float]] = [
        (_task_batch, keep.tasks),
        (_job_batch, keep.tasks),
        (_old_rows(profiles, _older(profiles.c.analyzed_at)), keep.profiles),
        (_old_rows(visits, _unused_visit), keep.profiles),
        (_old_rows(media, _older(media.c.seen_at)), keep.media),
        (_old_rows(followings, _older(followings.c.seen_at)), keep.followings),
        (_old_rows(profile_scores, _older(profile_scores.c.scored_at)), keep.scores),
    ]
    return [(step, days) for step, days in every if days > 0]


@reading
def span(tx: Connection) -> int:
    """At most about so many rows are there to look at: for a progress bar."""
    first = tx.scalar(select(func.min(job_tasks.c.id))) or 0
    last = tx.scalar(select(func.max(job_tasks.c.id))) or 0
    others = (jobs, profiles, visits, media, followings, profile_scores)
    counted = [tx.execute(select(func.count()).select_from(table)).scalar_one() for table in others]
    return int(last - first + 1 if last else 0) + sum(counted)


# ---- tasks and jobs: ids grow with time, so a walk stops at the first row that is too young --------------


@transaction
def _task_batch(tx: Connection, after: Cursor, days: float, dry_run: bool) -> tuple[Cursor | None, Pruned]:
    """Finished tasks of jobs that have ended."""
    cutoff = now(-days * DAY_S)
    running = exists().where(
        jobs.c.id == job_tasks.c.job_id,
        jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED]),
    )
    rows = tx.execute(
        select(
            job_tasks.c.id,
            (job_tasks.c.created_at < cutoff).label("aged"),
            and_(job_tasks.c.finished_at < cutoff, ~running).label("old"),  # null while it is unfinished
            _remembered().label("remembered"),
            or_(job_tasks.c.payload.is_not(null()), job_tasks.c.result.is_not(null())).label("full"),
        )
        .where(job_tasks.c.id > (after[0] if after else 0))
        .order_by(job_tasks.c.id)
        .limit(BATCH)
    ).all()
    gone = [row.id for row in rows if row.old and not row.remembered]
    emptied = [row.id for row in rows if row.old and row.remembered and row.full]
    if gone and not dry_run:
        tx.execute(delete(job_tasks).where(job_tasks.c.id.in_(gone), job_tasks.c.finished_at.is_not(None)))
    if emptied and not dry_run:
        ended = change(emptied).where(job_tasks.c.finished_at.is_not(None))
        tx.execute(ended.values(payload=null(), result=null(), reason=None))
    more = len(rows) == BATCH and rows[-1].aged
    return (rows[-1].id,) if more else None, Pruned("job_tasks", len(rows), len(gone), len(emptied))


def _remembered() -> ColumnElement[bool]:
    """Messages by which nobody gets the same text, or perhaps a second message, however long ago the first was."""
    of_a_template = and_(job_tasks.c.template_id.is_not(None), templates.written())
    return or_(of_a_template, templates.in_doubt())


@transaction
def _job_batch(tx: Connection, after: Cursor, days: float, dry_run: bool) -> tuple[Cursor | None, Pruned]:
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
        .where(jobs.c.id > (after[0] if after else ""))
        .order_by(jobs.c.id)
        .limit(BATCH)
    ).all()
    old = [row.id for row in rows if row.old]
    if old and not dry_run:
        tx.execute(delete(jobs).where(jobs.c.id.in_(old)))
    more = len(rows) == BATCH and rows[-1].aged
    return (rows[-1].id,) if more else None, Pruned("jobs", len(rows), len(old))


# ---- what was collected: keys are names, so a walk goes through the whole table --------------------------


_IsOld = Callable[[float], ColumnElement[bool]]
"""Whether a row is older than so many days."""


def _older(at: Column[Any]) -> _IsOld:
    """By a time that a new look at the person renews."""
    return lambda days: at < now(-days * DAY_S)


def _unused_visit(days: float) -> ColumnElement[bool]:
    """Also one that never had an outcome and that nobody is about to make."""
    under_way = exists().where(job_tasks.c.id == visits.c.task_id, job_tasks.c.status == TaskStatus.SENT)
    return or_(visits.c.visited_at < now(-days * DAY_S), and_(visits.c.visited_at.is_(None), ~under_way))


def _old_rows(table: Table, is_older: _IsOld) -> _Step:
    """The step that deletes old rows of `table`."""
    key = list(table.primary_key)

    @transaction
    def step(tx: Connection, after: Cursor, days: float, dry_run: bool) -> tuple[Cursor | None, Pruned]:
        is_old = is_older(days)
        later = [behind(key, after)] if after else []
        rows = tx.execute(select(*key, is_old.label("old")).where(*later).order_by(*key).limit(BATCH)).all()
        old = sum(bool(row.old) for row in rows)
        last = tuple(rows[-1][: len(key)]) if rows else ()
        if old and not dry_run:
            tx.execute(delete(table).where(*later, _up_to(key, last), is_old))
        return last if len(rows) == BATCH else None, Pruned(str(table.name), len(rows), old)

    return step


def _up_to(key: Sequence[ColumnElement[Any]], at: Cursor) -> ColumnElement[bool]:
    if len(key) == 1:
        return key[0] <= literal(at[0])
    return or_(key[0] < at[0], and_(key[0] == at[0], key[1] <= at[1]))


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

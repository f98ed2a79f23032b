"""Visits to profiles, so that an analysis that comes soon after another, or beside it, visits nothing.

A job says how old a visit may be that it reuses (`max_age_hours`, 0: none). What is fresh when it is asked for ends
with the enqueue; the rest is looked at again when it is leased, since others may have been there meanwhile. A profile
that somebody visits just now is waited for. Who visits has the lease that the row names, for as long as that task has
it: nothing must be given back, and a visit that failed leaves the way open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import Connection, delete, exists, func, or_, select, update

from scrapinsta_ray.domain.models import Kind, Task, TaskStatus
from scrapinsta_ray.domain.routing import shares
from scrapinsta_ray.store import counters
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import AnyRow, clock, now, transaction, upsert
from scrapinsta_ray.store.indexes import change
from scrapinsta_ray.store.memo import Memo
from scrapinsta_ray.store.tables import job_tasks, jobs, profiles, visits
from scrapinsta_ray.store.tasks import lock_queued, mark_leased, tenants_in_turn

LOOK = 32
"""Queued tasks that a lease looks at, at least: those that need no visit end without an account."""

WAIT_S = 2.0
"""How soon a task looks again whether the visit of its profile has ended."""

BEING_READ = "being_read"


@dataclass(frozen=True, slots=True)
class Reads:
    """What a lease brought: tasks for accounts, and jobs of which tasks ended without a visit, for `settle`."""

    tasks: Sequence[Task]
    ended_jobs: Sequence[str] = ()


Demands = Memo[datetime | None]
"""By job the oldest visit that it reuses; None: it wants its own."""

_IS_STORED = or_(visits.c.reason_code.is_not(None), exists().where(profiles.c.username == visits.c.username))
"""A profile that was read must still be there: what was collected may be deleted."""


def reuse_at_once(tx: Connection, job_id: str, max_age_hours: float) -> int:
    """Ends those queued tasks of a new job whose profile was visited of late; how many. Part of a transaction."""
    if not max_age_hours:
        return 0
    fresh = (
        select(job_tasks.c.id)
        .join(visits, visits.c.username == job_tasks.c.username)
        .where(
            job_tasks.c.job_id == job_id,
            job_tasks.c.status == TaskStatus.QUEUED,
            visits.c.visited_at >= now(-max_age_hours * 3600),
            _IS_STORED,
        )
    )
    ids = tx.scalars(fresh).all()
    _end(tx, ids)
    return len(ids)


@transaction
def lease_reads(
    tx: Connection, *, limit: int, ttl_s: float, after_client: str = "", demands: Demands | None = None
) -> Reads:
    """Leases up to `limit` queued analyses, tenants in turn, and ends or delays those that need no visit now.

    Looks at a bounded number of tasks however long the queue; with a `limit` of 0 nothing is leased. May give fewer
    than there are when a tenant has less than its share. `demands` are kept from one call to the next.
    """
    look = max(4 * limit, LOOK)
    tenants, expires = tenants_in_turn(tx, Kind.ANALYZE_PROFILE, ttl_s, after=after_client, most=look)
    find_oldest, demands = partial(_oldest_reused, tx), demands or Demands()
    first = _queued(tx, tenants, limit)
    if first and not any(demands.of({row.job_id for row in first}, find_oldest).values()):  # all want a visit
        return Reads(_go(tx, first, expires))
    rows = _queued(tx, tenants, look)
    oldest = demands.of({row.job_id for row in rows}, find_oldest)
    known = _lock(tx, {row.username for row in rows})
    sorted_out = _Sorted(known, _being_read(tx, known.values()), oldest, limit)
    for row in rows:
        sorted_out.take(row)
    _end(tx, [row.id for row in sorted_out.reused])
    _delay(tx, [row.id for row in sorted_out.waiting])
    leased = _go(tx, sorted_out.going, expires)
    return Reads(leased, sorted({row.job_id for row in sorted_out.reused}))


def _queued(tx: Connection, tenants: Sequence[str], most: int) -> list[AnyRow]:
    """Up to `most` queued analyses, locked, the tenants in turn."""
    queues = [
        lock_queued(tx, Kind.ANALYZE_PROFILE, client, "", limit=share)
        for client, share in zip(tenants, shares(most, len(tenants)), strict=True)
        if share
    ]
    return [row for row in chain.from_iterable(zip_longest(*queues)) if row is not None]


def _go(tx: Connection, rows: Sequence[AnyRow], expires: datetime) -> Sequence[Task]:
    """Leases the locked `rows`, and says that their profiles are being visited."""
    leased = mark_leased(tx, Kind.ANALYZE_PROFILE, rows, expires)
    _claim(tx, leased)
    return leased


class _Sorted:
    """Queued tasks in turn, by what becomes of them; the rest stay queued."""

    def __init__(
        self,
        known: Mapping[str, AnyRow],
        being_read: set[str],
        oldest: Mapping[str, datetime | None],
        limit: int,
    ) -> None:
        self._known, self._being_read, self._oldest, self._limit = known, being_read, oldest, limit
        self.reused: list[AnyRow] = []
        self.waiting: list[AnyRow] = []
        self.going: list[AnyRow] = []

    def take(self, row: AnyRow) -> None:
        oldest, visit = self._oldest[row.job_id], self._known[row.username]
        if oldest and visit.visited_at and visit.visited_at >= oldest and visit.stored:
            self.reused.append(row)
        elif oldest and row.username in self._being_read:
            self.waiting.append(row)
        elif len(self.going) < self._limit:
            self.going.append(row)
            self._being_read.add(row.username)


def record(tx: Connection, outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """What visits ended with, by username: `status`, `reason_code`, `reason`. Part of a transaction."""
    if not outcomes:
        return
    at = clock(tx)
    result = {"reused": True, "analyzed_at": at.isoformat()}
    rows = [
        {"username": name, "visited_at": at, "result": result, **outcomes[name]} for name in sorted(outcomes)
    ]
    upsert(tx, visits, rows, key=["username"], update=[name for name in rows[0] if name != "username"])


def forget_failures(tx: Connection, job_id: str) -> None:
    """Whoever retries the failed tasks of a job wants them visited again. Part of a transaction."""
    failed = select(job_tasks.c.username).where(
        job_tasks.c.job_id == job_id,
        job_tasks.c.status == TaskStatus.ERROR,
        job_tasks.c.kind == Kind.ANALYZE_PROFILE,
    )
    for names in chunks(sorted(tx.scalars(failed))):
        tx.execute(delete(visits).where(visits.c.username.in_(names), visits.c.status == TaskStatus.ERROR))


# ---- rows ------------------------------------------------------------------------------------------------


def _lock(tx: Connection, names: set[str]) -> dict[str, AnyRow]:
    """A locked row for each of `names`, made where there was none, in the order of their names."""
    ordered = sorted(names)
    upsert(tx, visits, [{"username": name} for name in ordered], key=["username"])
    rows = tx.execute(
        select(
            visits.c.username,
            visits.c.visited_at,
            visits.c.task_id,
            visits.c.lease_id,
            _IS_STORED.label("stored"),
        )
        .where(visits.c.username.in_(ordered))
        .order_by(visits.c.username)
        .with_for_update()
    )
    return {row.username: row for row in rows}


def _oldest_reused(tx: Connection, job_ids: set[str]) -> dict[str, datetime | None]:
    """How old a visit may be that a job reuses, counted from when it was asked for."""
    rows = tx.execute(
        select(jobs.c.id, jobs.c.params, jobs.c.created_at).where(jobs.c.id.in_(sorted(job_ids)))
    )
    hours = {row.id: (row.params.get("max_age_hours") or 0, row.created_at) for row in rows}
    return {
        job_id: created_at - timedelta(hours=age) if age else None
        for job_id, (age, created_at) in hours.items()
    }


def _being_read(tx: Connection, known: Any) -> set[str]:
    """Whose visit is under way: its task still has the lease under which it began."""
    claims = {(row.task_id, row.lease_id): row.username for row in known if row.task_id}
    if not claims:
        return set()
    under_way = select(job_tasks.c.id, job_tasks.c.lease_id).where(
        job_tasks.c.id.in_(sorted(task_id for task_id, _ in claims)), job_tasks.c.status == TaskStatus.SENT
    )
    return {claims[key] for key in map(tuple, tx.execute(under_way)) if key in claims}


def _claim(tx: Connection, leased: Sequence[Task]) -> None:
    """In the order of their names, as everybody locks them."""
    ordered = sorted(leased, key=lambda task: task.username)
    rows = [{"username": task.username, "task_id": task.id, "lease_id": task.lease_id} for task in ordered]
    upsert(tx, visits, rows, key=["username"], update=["task_id", "lease_id"])


def _end(tx: Connection, ids: Sequence[int]) -> None:
    """Ends tasks as the visits of their profiles did."""
    for some in chunks(sorted(ids)):
        tx.execute(
            update(job_tasks)
            .where(job_tasks.c.id.in_(some), visits.c.username == job_tasks.c.username)
            .values(
                status=visits.c.status,
                reason_code=visits.c.reason_code,
                reason=visits.c.reason,
                result=visits.c.result,
                finished_at=now(),
            )
        )
        _count(tx, some)


def _count(tx: Connection, ids: Sequence[int]) -> None:
    """What tasks that just ended without a visit ended with."""
    ended = (
        select(job_tasks.c.status, job_tasks.c.reason_code, func.count())
        .where(job_tasks.c.id.in_(ids))
        .group_by(job_tasks.c.status, job_tasks.c.reason_code)
    )
    for status, code, number in tx.execute(ended):
        counters.count(tx, "dedupe_hits", number, reason="visited")
        counters.ended(tx, Kind.ANALYZE_PROFILE, status, code, number)


def _delay(tx: Connection, ids: Sequence[int]) -> None:
    if ids:
        tx.execute(
            change(ids).values(status=TaskStatus.DELAYED, available_at=now(WAIT_S), reason_code=BEING_READ)
        )

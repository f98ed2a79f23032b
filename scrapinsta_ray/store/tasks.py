"""The queue: lease, renew, rescue, promote. How a task ends is in `finish`.

Every lease is one short transaction: a SELECT by `ix_job_tasks_lease`, whose columns are its WHERE and its whole
ORDER BY, SKIP LOCKED, then one UPDATE by primary key.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, Update, bindparam, exists, func, select, update

from scrapinsta_ray.domain.models import SERVER_KINDS, JobStatus, Kind, Task, TaskStatus
from scrapinsta_ray.domain.routing import shares
from scrapinsta_ray.store import counters
from scrapinsta_ray.store.database import AnyRow, microseconds, now, reading, transaction
from scrapinsta_ray.store.ids import new_lease_id
from scrapinsta_ray.store.indexes import CHANGE, DUE, EXPIRY, KEY, LEASE, by, change
from scrapinsta_ray.store.tables import job_tasks, jobs

TASK = (
    job_tasks.c.id,
    job_tasks.c.client_id,
    job_tasks.c.job_id,
    job_tasks.c.username,
    job_tasks.c.account,
    job_tasks.c.attempts,
    job_tasks.c.max_attempts,
    job_tasks.c.maybe_sent,
    job_tasks.c.payload,
    job_tasks.c.lease_holder,
    job_tasks.c.reason_code,
)
"""What a locked row must have to become a Task."""

FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When a parked task becomes due by itself: not before its job is resumed."""

PARKED = {"status": TaskStatus.DELAYED, "available_at": FOR_EVER, "reason_code": "paused"}
"""What becomes of the queued tasks of a paused job."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there is to do, seen in one cheap read."""

    kinds: frozenset[Kind] = frozenset()  # with queued tasks for the fleet
    due: bool = False  # delayed tasks to promote
    expired: bool = False  # leases to rescue


_LOOK = select(
    *(
        exists().where(job_tasks.c.kind == kind, job_tasks.c.status == TaskStatus.QUEUED)
        for kind in SERVER_KINDS
    ),
    exists().where(job_tasks.c.status == TaskStatus.DELAYED, job_tasks.c.available_at <= now()),
    exists().where(job_tasks.c.status == TaskStatus.SENT, job_tasks.c.lease_expires_at <= now()),
)


@reading
def look(tx: Connection) -> Waiting:
    """A few index probes in one statement, whatever the backlog."""
    *found, is_due, is_expired = tx.execute(_LOOK).one()
    kinds = frozenset(kind for kind, there in zip(SERVER_KINDS, found, strict=True) if there)
    return Waiting(kinds, bool(is_due), bool(is_expired))


@transaction
def lease_work(tx: Connection, kind: Kind, *, limit: int, ttl_s: float, after_client: str = "") -> list[Task]:
    """Up to `limit` queued tasks of the fleet's `kind`: tenants take turns, beginning behind `after_client`.

    Within a tenant by priority, then age. May give fewer than there are when a tenant has less than its share; the
    next call gets those.
    """
    waiting, expires = tenants_in_turn(tx, kind, ttl_s, after=after_client, most=limit)
    rows: list[AnyRow] = []
    for client, share in zip(waiting, shares(limit, len(waiting)), strict=True):
        rows += lock_queued(tx, kind, client, "", limit=share)
    return mark_leased(tx, kind, rows, expires)


_QUEUED = (job_tasks.c.kind == bindparam("kind"), job_tasks.c.status == TaskStatus.QUEUED)

_SPAN = select(
    func.min(job_tasks.c.client_id),
    func.max(job_tasks.c.client_id),
    now(bindparam("ttl", type_=BigInteger())),
).where(*_QUEUED)
_NEXT = select(func.min(job_tasks.c.client_id)).where(*_QUEUED, job_tasks.c.client_id > bindparam("after"))


def tenants_in_turn(
    tx: Connection, kind: Kind, ttl_s: float, *, after: str, most: int
) -> tuple[list[str], datetime]:
    """Up to `most` tenants with queued work in the order of their turns, and when a lease of now expires."""
    lowest, highest, expires = tx.execute(_SPAN, {"kind": kind, "ttl": microseconds(ttl_s)}).one()
    return _in_turn(tx, kind, lowest, highest, after=after, most=most), expires


def _in_turn(
    tx: Connection, kind: Kind, lowest: str | None, highest: str, *, after: str, most: int
) -> list[str]:
    """Up to `most` tenants with queued work, in order, beginning behind `after` and going round.

    One index probe a tenant, whatever the backlog; none if `lowest` is `highest`.
    """
    if lowest is None or lowest == highest:
        return [lowest] if lowest else []
    found: list[str] = []
    at = after
    while len(found) < most:
        at = (at < highest and tx.scalar(_NEXT, {"kind": kind, "after": at})) or lowest
        if at in found:
            break
        found.append(at)
    return found


_LOCK = by(
    LEASE,
    select(*TASK)
    .where(
        *_QUEUED,
        job_tasks.c.client_id == bindparam("client"),
        job_tasks.c.account == bindparam("account"),
    )
    .order_by(job_tasks.c.priority, job_tasks.c.id)
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True),
)


def lock_queued(tx: Connection, kind: Kind, client_id: str, account: str, *, limit: int) -> Sequence[AnyRow]:
    """Locks up to `limit` queued tasks that nobody else has locked, first come first."""
    wanted = {"kind": kind, "client": client_id, "account": account, "most": limit}
    return tx.execute(_LOCK, wanted).all()


_LEASE = CHANGE.values(
    status=TaskStatus.SENT,
    attempts=job_tasks.c.attempts + 1,
    lease_id=bindparam("lease"),
    lease_holder=bindparam("holder"),
    lease_expires_at=bindparam("expires"),
)


def mark_leased(
    tx: Connection, kind: Kind, rows: Sequence[AnyRow], expires: datetime, holder: str | None = None
) -> list[Task]:
    """Gives the locked `rows` one new lease, in one statement; they come back as Tasks, in their order.

    `expires` is by the database's clock.
    """
    if not rows:
        return []
    lease_id = new_lease_id()
    ids = sorted(row.id for row in rows)
    tx.execute(_LEASE, {"ids": ids, "lease": lease_id, "holder": holder, "expires": expires})
    counters.count(tx, "tasks_sent", len(ids), kind=kind)
    return [_task(row, kind, lease_id, expires) for row in rows]


def _task(row: AnyRow, kind: Kind, lease_id: str, expires: datetime) -> Task:
    return Task(
        id=row.id,
        client_id=row.client_id,
        job_id=row.job_id,
        kind=kind,
        username=row.username,
        account=row.account,
        attempts=row.attempts + 1,
        max_attempts=row.max_attempts,
        lease_id=lease_id,
        lease_expires_at=expires,
        maybe_sent=row.maybe_sent,
        payload=row.payload or {},
        last_account=row.lease_holder,
        last_code=row.reason_code,
    )


@transaction
def renew(tx: Connection, task_id: int, lease_id: str, ttl_s: float, *, holder: str) -> bool:
    """Another `ttl_s` seconds for a task that `holder` works on; False if the lease is gone: then stop."""
    return tx.execute(_renewing(ttl_s), {"task": task_id, "lease": lease_id, "who": holder}).rowcount == 1


@functools.cache
def _renewing(ttl_s: float) -> Update:
    """Made once: every task begins with it, and making it takes longer than running it."""
    mine = (job_tasks.c.id == bindparam("task"), job_tasks.c.lease_id == bindparam("lease"))
    return (
        update(job_tasks)
        .where(*mine, job_tasks.c.status == TaskStatus.SENT)
        .values(lease_expires_at=now(ttl_s), lease_holder=bindparam("who"))
    )


@reading
def was_begun(tx: Connection, task: Task) -> bool:
    """Did anybody of the fleet ever take it up under this lease?"""
    holder = select(job_tasks.c.lease_holder).where(
        job_tasks.c.id == task.id, job_tasks.c.lease_id == task.lease_id
    )
    return tx.scalar(holder) is not None


@transaction
def give_back(tx: Connection, tasks: Sequence[Task]) -> None:
    """Unused leases back to the queue, the attempt not counted: what a graceful stop does."""
    for task in tasks:
        tx.execute(
            change([task.id])
            .where(job_tasks.c.lease_id == task.lease_id, job_tasks.c.status == TaskStatus.SENT)
            .values(  # due at once: `promote` knows of pauses
                status=TaskStatus.DELAYED,
                available_at=now(),
                reason_code="given_back",
                attempts=job_tasks.c.attempts - 1,
                lease_id=None,
                lease_expires_at=None,
            )
        )


@transaction
def rescue(tx: Connection, *, most: int = 500) -> list[str]:
    """Ends expired leases: back to `queued` (a message with `maybe_sent`), or `error` when no attempt is left.

    Returns the ids of the jobs that lost a task for good, for `campaigns.settle`.
    """
    expired = (
        select(
            job_tasks.c.id,
            job_tasks.c.job_id,
            job_tasks.c.kind,
            job_tasks.c.attempts,
            job_tasks.c.max_attempts,
        )
        .where(job_tasks.c.status == TaskStatus.SENT, job_tasks.c.lease_expires_at <= now())
        .order_by(job_tasks.c.lease_expires_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = tx.execute(by(EXPIRY, expired)).all()
    again = [row for row in rows if row.attempts < row.max_attempts]
    lost = [row for row in rows if row.attempts >= row.max_attempts]
    _mark_doubtful(tx, [row.id for row in again if row.kind == Kind.SEND_MESSAGE])
    _requeue(tx, again, reason_code="lease_expired")
    _expire(tx, [row.id for row in lost])
    for row in rows:
        counters.count(tx, "leases_rescued", kind=row.kind)
    for row in lost:
        counters.count(tx, "tasks_error", kind=row.kind, code="lease_expired")
    return sorted({row.job_id for row in lost})


def _mark_doubtful(tx: Connection, ids: list[int]) -> None:
    if ids:
        tx.execute(change(ids).values(maybe_sent=True))


def _requeue(tx: Connection, rows: Sequence[AnyRow], **values: Any) -> None:
    """Locked tasks back to `queued`; those of a paused job are parked. Rows have id and job_id."""
    paused = _paused(tx, {row.job_id for row in rows})
    free = [row.id for row in rows if row.job_id not in paused]
    parked = [row.id for row in rows if row.job_id in paused]
    if free:
        tx.execute(change(free).values(status=TaskStatus.QUEUED, **values))
    if parked:
        tx.execute(change(parked).values(PARKED))


def _paused(tx: Connection, job_ids: set[str]) -> set[str]:
    """Which of the jobs are paused. Their rows stay share-locked: a pause waits, and then sees what was queued."""
    if not job_ids:
        return set()
    locked = (
        select(jobs.c.id, jobs.c.status)
        .where(jobs.c.id.in_(sorted(job_ids)))
        .order_by(jobs.c.id)
        .with_for_update(read=True)
    )
    return {row.id for row in tx.execute(by(KEY, locked, jobs)) if row.status == JobStatus.PAUSED}


def _expire(tx: Connection, ids: list[int]) -> None:
    if ids:
        tx.execute(
            change(ids).values(
                status=TaskStatus.ERROR,
                reason_code="lease_expired",
                reason="Whoever had the task fell silent, and no attempt is left.",
                finished_at=now(),
            )
        )


@transaction
def promote(tx: Connection, *, most: int = 500) -> int:
    """Moves delayed tasks that are due to `queued`; returns how many were due."""
    due = (
        select(job_tasks.c.id, job_tasks.c.job_id)
        .where(job_tasks.c.status == TaskStatus.DELAYED, job_tasks.c.available_at <= now())
        .order_by(job_tasks.c.available_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    rows = tx.execute(by(DUE, due)).all()
    _requeue(tx, rows, available_at=None)
    return len(rows)

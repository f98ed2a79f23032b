"""Messages handed to a client's extension."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Integer, and_, bindparam, or_, select

from scrapinsta_ray.domain.models import Kind, Task, TaskStatus
from scrapinsta_ray.store import counters, ledger, meters
from scrapinsta_ray.store.database import AnyRow, clock, now, transaction, upsert
from scrapinsta_ray.store.indexes import JOB, by, change
from scrapinsta_ray.store.tables import clients, job_tasks, jobs, sending_accounts
from scrapinsta_ray.store.tasks import TASK, lock_queued, mark_leased

QUIET_S = 30.0
"""When an extension that found nothing asks again."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """Leased messages, and in how many seconds it is worth asking again.

    `touched`: jobs that lost a message which may no longer be sent; one of them may have ended by that.
    """

    tasks: list[Task]
    retry_after_s: float
    touched: set[str] = field(default_factory=set)


@transaction
def pull(
    tx: Connection, client_id: str, account: str, *, limit: int, ttl_s: float, job_id: str | None = None
) -> Pulled:
    """Leases up to `limit` messages of the client's `account`, as many as its hour and day still allow.

    Whoever was written to or suppressed since the enqueue is not handed out: that task ends `cancelled`. Whoever is
    in the hands of another of the client's accounts waits. Whoever another task may have written to comes with
    `maybe_sent`. With `job_id` only that job's messages.

    Pulls of one client take turns, by the lock on its meter, so that all this is exact. Raises RateLimited.
    """
    meters.spend(tx, client_id, meters.PULLS)
    limits = tx.execute(_LIMITS, {"client": client_id, "account": account}).one_or_none()
    if limits is None:  # deleted since it was let in
        return Pulled([], QUIET_S)
    at, paused_until = limits.at, limits.paused_until
    if paused_until and paused_until > at:
        return Pulled([], (paused_until - at).total_seconds())
    queue = Queue(client_id, account, job_id)
    in_hand = _in_hand(tx, client_id)
    out = sum(holder == account for holder in in_hand.values())
    allowed = ledger.allowance(limits, ledger.last_day(tx, client_id, account), out, at)
    rows, touched = _sendable(tx, queue, min(limit, allowed.left), ttl_s, set(in_hand))
    tasks = _with_doubts(
        tx, client_id, mark_leased(tx, Kind.SEND_MESSAGE, rows, at + timedelta(seconds=ttl_s), holder=account)
    )
    if len(tasks) == limit:
        return Pulled(tasks, 0.0, touched)
    spent = len(tasks) == allowed.left
    return Pulled(tasks, max(allowed.retry_after_s, QUIET_S) if spent else QUIET_S, touched)


_LIMITS = select(
    clients.c.messages_per_hour,
    clients.c.messages_per_day,
    now().label("at"),
    select(sending_accounts.c.paused_until)
    .where(
        sending_accounts.c.client_id == bindparam("client"),
        sending_accounts.c.account == bindparam("account"),
    )
    .scalar_subquery()
    .label("paused_until"),
).where(clients.c.id == bindparam("client"))


class Queue(NamedTuple):
    """Where messages are taken from: all of an account, or one job's."""

    client_id: str
    account: str
    job_id: str | None

    def lock(self, tx: Connection, limit: int) -> Sequence[AnyRow]:
        """Locks the first `limit` that nobody else has locked."""
        if self.job_id is None:
            return lock_queued(tx, Kind.SEND_MESSAGE, self.client_id, self.account, limit=limit)
        named = {"client": self.client_id, "account": self.account, "job": self.job_id}
        if tx.scalar(_ITS_JOB, named) is None:
            return []
        return tx.execute(_LOCK_IN_JOB, {**named, "most": limit}).all()


_ITS_JOB = select(jobs.c.id).where(
    jobs.c.id == bindparam("job"),
    jobs.c.client_id == bindparam("client"),
    jobs.c.account == bindparam("account"),
    jobs.c.kind == Kind.SEND_MESSAGE,
)
"""Asked first: the tasks of another's job must not be locked one by one only to be left."""

_LOCK_IN_JOB = by(
    JOB,
    select(*TASK)
    .where(
        job_tasks.c.job_id == bindparam("job"),
        job_tasks.c.status == TaskStatus.QUEUED,
        job_tasks.c.client_id == bindparam("client"),
        job_tasks.c.account == bindparam("account"),
        job_tasks.c.kind == Kind.SEND_MESSAGE,
    )
    .order_by(job_tasks.c.id)  # which is a job's whole order: its tasks have one priority
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True),
)


def _in_hand(tx: Connection, client_id: str) -> dict[str, str]:
    """Whom the client's accounts are about to write to -> the account. Bounded by what its accounts may hold."""
    rows = tx.execute(
        select(job_tasks.c.username, job_tasks.c.account).where(
            job_tasks.c.kind == Kind.SEND_MESSAGE,
            job_tasks.c.status == TaskStatus.SENT,
            job_tasks.c.client_id == client_id,
        )
    )
    return {row.username: row.account for row in rows}


def _sendable(
    tx: Connection, queue: Queue, limit: int, ttl_s: float, in_hand: set[str]
) -> tuple[list[AnyRow], set[str]]:
    """Locked messages that may go out, and the jobs from which others were dropped on the way."""
    touched: set[str] = set()
    while limit > 0:
        rows = queue.lock(tx, limit)
        out = ledger.blocked(
            tx, queue.client_id, {row.username: row.payload.get("cool_off_days") for row in rows}
        )
        dropped = [row for row in rows if row.username in out]
        waiting = _second_of_a_person([row for row in rows if row.username not in out], in_hand)
        _drop(tx, [(row, out[row.username]) for row in dropped])
        _postpone(tx, waiting, ttl_s)
        touched |= {row.job_id for row in dropped}
        kept = [row for row in rows if row not in dropped and row not in waiting]
        if kept or not rows:
            return kept, touched
    return [], touched


def _second_of_a_person(rows: Sequence[AnyRow], in_hand: set[str]) -> list[AnyRow]:
    """Rows whose person is in somebody's hands, or comes in an earlier row."""
    seen = set(in_hand)
    second = []
    for row in rows:
        if row.username in seen:
            second.append(row)
        seen.add(row.username)
    return second


def _with_doubts(tx: Connection, client_id: str, tasks: list[Task]) -> list[Task]:
    """Marks those whose person had a message in somebody's hands before, in any job, that may have left unreported."""
    doubts = _in_doubt(tx, client_id, [task.username for task in tasks if not task.maybe_sent])
    if not doubts:
        return tasks
    tx.execute(change(task.id for task in tasks if task.username in doubts).values(maybe_sent=True))
    return [replace(task, maybe_sent=task.maybe_sent or task.username in doubts) for task in tasks]


def _in_doubt(tx: Connection, client_id: str, usernames: Sequence[str]) -> set[str]:
    if not usernames:
        return set()
    fell_silent = and_(
        job_tasks.c.attempts > 0,
        job_tasks.c.status.in_([TaskStatus.ERROR, TaskStatus.CANCELLED]),
        job_tasks.c.reason_code.in_(["lease_expired", "cancelled"]),
    )
    rows = tx.scalars(
        select(job_tasks.c.username).where(
            job_tasks.c.client_id == client_id,
            job_tasks.c.username.in_(usernames),
            job_tasks.c.kind == Kind.SEND_MESSAGE,
            job_tasks.c.status != TaskStatus.OK,  # those are in the ledger
            or_(job_tasks.c.maybe_sent, fell_silent),
        )
    )
    return set(rows)


def _postpone(tx: Connection, rows: Sequence[AnyRow], seconds: float) -> None:
    if rows:
        tx.execute(
            change(row.id for row in rows).values(
                status=TaskStatus.DELAYED, available_at=now(seconds), reason_code="in_other_hands"
            )
        )


def _drop(tx: Connection, rows: Sequence[tuple[AnyRow, str]]) -> None:
    for row, reason in rows:
        counters.count(tx, "dedupe_hits", reason=reason)
        tx.execute(
            change([row.id]).values(status=TaskStatus.CANCELLED, reason_code=reason, finished_at=now())
        )


def pause(tx: Connection, client_id: str, account: str, seconds: float) -> None:
    """Hands out nothing to this account for so long: the site told it to slow down."""
    until = clock(tx) + timedelta(seconds=seconds)
    row = {"client_id": client_id, "account": account, "paused_until": until}
    upsert(tx, sending_accounts, [row], key=["client_id", "account"], update=["paused_until"])

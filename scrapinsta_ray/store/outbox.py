"""Messages handed to a client's extension."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, ScalarSelect, and_, or_, select

from scrapinsta_ray.domain.models import Kind, Task, TaskStatus
from scrapinsta_ray.store import ledger
from scrapinsta_ray.store.database import AnyRow, clock, now, transaction, upsert
from scrapinsta_ray.store.indexes import change
from scrapinsta_ray.store.tables import clients, job_tasks, sending_accounts
from scrapinsta_ray.store.tasks import lock_queued, mark_leased

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
def pull(tx: Connection, client_id: str, account: str, *, limit: int, ttl_s: float) -> Pulled:
    """Leases up to `limit` messages of the client's `account`, as many as its hour and day still allow.

    Whoever was written to or suppressed since the enqueue is not handed out: that task ends `cancelled`. Whoever is
    in the hands of another of the client's accounts waits. Whoever another task may have written to comes with
    `maybe_sent`. Pulls of one client take turns, so that all this is exact.
    """
    limits = tx.execute(
        select(clients.c.messages_per_hour, clients.c.messages_per_day)
        .where(clients.c.id == client_id)
        .with_for_update()
    ).one()
    at, paused_until = tx.execute(select(now(), _paused_until(client_id, account))).one()
    if paused_until and paused_until > at:
        return Pulled([], (paused_until - at).total_seconds())
    in_hand = _in_hand(tx, client_id)
    out = sum(holder == account for holder in in_hand.values())
    allowed = ledger.allowance(limits, ledger.last_day(tx, client_id, account), out, at)
    rows, touched = _sendable(tx, client_id, account, min(limit, allowed.left), ttl_s, set(in_hand))
    tasks = _with_doubts(
        tx, client_id, mark_leased(tx, Kind.SEND_MESSAGE, rows, at + timedelta(seconds=ttl_s), holder=account)
    )
    if len(tasks) == limit:
        return Pulled(tasks, 0.0, touched)
    spent = len(tasks) == allowed.left
    return Pulled(tasks, max(allowed.retry_after_s, QUIET_S) if spent else QUIET_S, touched)


def _paused_until(client_id: str, account: str) -> ScalarSelect[datetime | None]:
    return (
        select(sending_accounts.c.paused_until)
        .where(sending_accounts.c.client_id == client_id, sending_accounts.c.account == account)
        .scalar_subquery()
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
    tx: Connection, client_id: str, account: str, limit: int, ttl_s: float, in_hand: set[str]
) -> tuple[list[AnyRow], set[str]]:
    """Locked messages that may go out, and the jobs from which others were dropped on the way."""
    touched: set[str] = set()
    while limit > 0:
        rows = lock_queued(tx, Kind.SEND_MESSAGE, client_id, account, limit=limit)
        out = ledger.blocked(tx, client_id, {row.username: row.payload.get("cool_off_days") for row in rows})
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
        tx.execute(
            change([row.id]).values(status=TaskStatus.CANCELLED, reason_code=reason, finished_at=now())
        )


def pause(tx: Connection, client_id: str, account: str, seconds: float) -> None:
    """Hands out nothing to this account for so long: the site told it to slow down."""
    until = clock(tx) + timedelta(seconds=seconds)
    row = {"client_id": client_id, "account": account, "paused_until": until}
    upsert(tx, sending_accounts, [row], key=["client_id", "account"], update=["paused_until"])

"""Messages handed to a client's extension."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, select, update

from scrapinsta_ray.domain.models import Kind, Task, TaskStatus
from scrapinsta_ray.store import ledger
from scrapinsta_ray.store.database import AnyRow, clock, now, transaction
from scrapinsta_ray.store.tables import job_tasks, sending_accounts
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

    Whoever was written to or suppressed since the enqueue is not handed out: that task ends `cancelled`.
    """
    paused_s = _take_turn(tx, client_id, account)
    if paused_s > 0:
        return Pulled([], paused_s)
    allowed = ledger.allowance(tx, client_id, account)
    rows, touched = _sendable(tx, client_id, account, min(limit, allowed.left), ttl_s)
    tasks = mark_leased(tx, Kind.SEND_MESSAGE, rows, holder=account)
    if len(tasks) == limit:
        return Pulled(tasks, 0.0, touched)
    spent = len(tasks) == allowed.left
    return Pulled(tasks, max(allowed.retry_after_s, QUIET_S) if spent else QUIET_S, touched)


def _take_turn(tx: Connection, client_id: str, account: str) -> float:
    """Locks the account's row, so that two pulls cannot both spend the same allowance; seconds it is paused for."""
    row = tx.execute(
        select(sending_accounts.c.paused_until)
        .where(sending_accounts.c.client_id == client_id, sending_accounts.c.account == account)
        .with_for_update()
    ).one_or_none()
    if row is None or row.paused_until is None:
        return 0.0
    until: datetime = row.paused_until
    return max(0.0, (until - clock(tx)).total_seconds())


def _sendable(
    tx: Connection, client_id: str, account: str, limit: int, ttl_s: float
) -> tuple[list[AnyRow], set[str]]:
    """Locked messages that may go out, and the jobs from which others were dropped on the way."""
    touched: set[str] = set()
    while limit > 0:
        rows = lock_queued(tx, Kind.SEND_MESSAGE, client_id, account, limit=limit, ttl_s=ttl_s)
        out = ledger.blocked(
            tx, client_id, {row.username: (row.payload or {}).get("cool_off_days") for row in rows}
        )
        dropped = [row for row in rows if row.username in out]
        _drop(tx, [(row, out[row.username]) for row in dropped])
        touched |= {row.job_id for row in dropped}
        if len(dropped) < len(rows) or not rows:
            return [row for row in rows if row.username not in out], touched
    return [], touched


def _drop(tx: Connection, rows: Sequence[tuple[AnyRow, str]]) -> None:
    for row, reason in rows:
        tx.execute(
            update(job_tasks)
            .where(job_tasks.c.id == row.id)
            .values(status=TaskStatus.CANCELLED, reason_code=reason, finished_at=now())
        )


def pause(tx: Connection, client_id: str, account: str, seconds: float) -> None:
    """Hands out nothing to this account for so long: the site told it to slow down."""
    tx.execute(
        update(sending_accounts)
        .where(sending_accounts.c.client_id == client_id, sending_accounts.c.account == account)
        .values(paused_until=now(seconds))
    )

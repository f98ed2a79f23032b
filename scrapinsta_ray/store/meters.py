"""How much of each limit is used up: exact whichever replica asks, and kept over restarts.

A meter is GCRA, the generic cell rate algorithm (ITU-T I.371), told by its theoretical arrival time `full_at`: with L
units a minute one unit costs T = ceil(60,000,000 / L) microseconds, and at the time t

    amount units pass if full_at <= t + (L - amount) * T; then full_at = max(full_at, t) + amount * T.

So L may come at once, and behind them one every T. The time is the database's. One UPDATE asks and spends; its row lock
puts whoever spends from one meter in a queue until the transaction of what they do has ended, and a rollback gives
back. A meter that was not used for a minute is as good as none: rows are made when they are first needed.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Update,
    bindparam,
    case,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind
from scrapinsta_ray.errors import RateLimited, TooManyTasks
from scrapinsta_ray.store.database import change_one, now_us, reading, transaction, upsert
from scrapinsta_ray.store.indexes import KEY, LEASE, STATUS, by
from scrapinsta_ray.store.tables import clients, job_tasks, jobs, meters

PULLS, RESULTS, ENQUEUES = "pulls", "results", "enqueues"
"""What each client may do so often a minute."""

FAILED_LOGINS = "failed_logins"
FAILED_LOGINS_PER_MINUTE = 10
"""Of each key id, and from each address."""

UNFINISHED_TASKS = "unfinished_tasks"

MINUTE_US = 60_000_000


# ---- so many a minute ------------------------------------------------------------------------------------


def spend(tx: Connection, client_id: str, name: str, amount: int = 1) -> None:
    """Takes `amount` units from the client's meter `name`; raises RateLimited if there are not so many.

    Whoever asks for more than a minute has gets it when nothing is used up, and then waits for as long as it costs: a
    long list is late, but not impossible.
    """
    if refused := _take(tx, client_id, name, amount):
        raise refused


def spend_each(tx: Connection, name: str, amounts: Sequence[tuple[str, int]]) -> list[RateLimited | None]:
    """`spend` for many requests, each (client_id, amount): what each is refused with, or None, in their order.

    One statement a client; one a request where a client's are too much together.
    """
    answers: list[RateLimited | None] = [None] * len(amounts)
    for client_id in sorted({client_id for client_id, _ in amounts}):
        mine = [number for number, (whose, _) in enumerate(amounts) if whose == client_id]
        together = sum(amounts[number][1] for number in mine)
        if len(mine) > 1 and _take(tx, client_id, name, together, alone=False):
            for number in mine:
                answers[number] = _take(tx, client_id, name, amounts[number][1])
        elif len(mine) == 1:
            answers[mine[0]] = _take(tx, client_id, name, together)
    return answers


def _take(tx: Connection, subject: str, name: str, amount: int, *, alone: bool = True) -> RateLimited | None:
    """Spends, or says why not. `alone`: an amount that no minute has may pass when nothing is used up."""
    spending = _spending(tx.dialect.name, name)
    wanted: dict[str, str | int | None] = {"of": subject, "amount": amount, "alone": int(alone)}
    if change_one(tx, spending, wanted):
        return None
    per_minute, wait_us = _wait(tx, subject, name, amount, alone=alone)
    if wait_us <= 0:  # no such meter yet, or its lock came late: a statement's time is that of its beginning
        row = {"subject": subject, "name": name, "full_at": 0}
        upsert(tx, meters, [row], key=["subject", "name"])  # from here on the lock is ours
        if change_one(tx, spending, wanted):
            return None
        per_minute, wait_us = _wait(tx, subject, name, amount, alone=alone)
    return _refused(name, per_minute, wait_us)


@cache
def _spending(dialect: str, name: str) -> Update:
    """The UPDATE that asks and spends; parameters `of`, `amount` and `alone`."""
    amount = bindparam("amount", type_=BigInteger())
    larger = func.max if dialect == "sqlite" else func.greatest
    limit = func.nullif(larger(_limit(name), 0), 0)  # none at all: nothing ever passes
    cost = literal_column(str(MINUTE_US - 1)).op("/" if dialect == "sqlite" else "DIV")(limit) + 1
    room = larger(limit - amount, 0)
    return (
        update(meters)
        .with_hint(f"FORCE INDEX ({KEY})", dialect_name="mysql")
        .where(
            meters.c.subject == bindparam("of"),
            meters.c.name == name,
            meters.c.full_at <= now_us() + room * cost,
            or_(bindparam("alone", type_=BigInteger()) == 1, limit >= amount),
        )
        .values(full_at=larger(meters.c.full_at, now_us()) + amount * cost)
    )


_OF_CLIENT = {
    PULLS: clients.c.pulls_per_minute,
    RESULTS: clients.c.results_per_minute,
    ENQUEUES: clients.c.enqueues_per_minute,
}


def _limit(name: str) -> ColumnElement[int]:
    """Units a minute, for the subject in the parameter `of`; who has no row has what a new client has."""
    if name == FAILED_LOGINS:
        return literal_column(str(FAILED_LOGINS_PER_MINUTE), BigInteger())
    return _own(_OF_CLIENT[name])


def _own(column: Any) -> ColumnElement[int]:
    own = select(column).where(clients.c.id == bindparam("of")).scalar_subquery()
    return func.coalesce(own, literal_column(column.server_default.arg, BigInteger()))


def _wait(tx: Connection, subject: str, name: str, amount: int, *, alone: bool = True) -> tuple[int, int]:
    """The limit, and in how many microseconds `amount` can be had; 0 or less: now."""
    meter = select(meters.c.full_at).where(meters.c.subject == bindparam("of"), meters.c.name == name)
    per_minute, full_at, at = tx.execute(
        select(_limit(name), meter.scalar_subquery(), now_us()), {"of": subject}
    ).one()
    if per_minute < 1 or (amount > per_minute and not alone):
        return per_minute, MINUTE_US
    cost = -(-MINUTE_US // per_minute)
    return per_minute, (full_at or 0) - at - max(per_minute - amount, 0) * cost


def _refused(name: str, per_minute: int, wait_us: int) -> RateLimited:
    return RateLimited(limit=name, per_minute=per_minute, retry_after_s=max(wait_us, 0) / 1e6)


@transaction
def forget_full(tx: Connection, *, most: int = 500) -> int:
    """Deletes up to `most` rows of meters of which nothing is used up; how many. Strangers make new ones for ever."""
    unused = meters.c.full_at < now_us() - MINUTE_US
    rows = tx.execute(
        select(meters.c.subject, meters.c.name).where(unused).order_by(meters.c.full_at).limit(most)
    ).all()
    named = delete(meters).where(
        meters.c.subject == bindparam("of"), meters.c.name == bindparam("named"), unused
    )
    return sum(change_one(tx, named, {"of": row.subject, "named": row.name}) for row in sorted(rows))


# ---- failed log-ins --------------------------------------------------------------------------------------


_PLAIN = re.compile(r"[A-Za-z0-9.:_-]{1,50}")


def stranger(kind: str, name: str) -> str:
    """Whose log-ins are counted: `key:<id>` or `addr:<address>`; what a stranger made up comes as a hash."""
    return f"{kind}:{name if _PLAIN.fullmatch(name) else hashlib.sha256(name.encode()).hexdigest()[:32]}"


@transaction
def failed_login(tx: Connection, *subjects: str) -> None:
    """Counts one against each of the strangers; raises RateLimited, and counts nothing, if one has used up its ten."""
    for subject in sorted(set(subjects)):
        spend(tx, subject, FAILED_LOGINS)


@reading
def may_log_in(tx: Connection, *subjects: str) -> None:
    """Raises RateLimited if one of the strangers has failed so often that its next failure would be refused."""
    for subject in subjects:
        per_minute, wait_us = _wait(tx, subject, FAILED_LOGINS, 1)
        if wait_us > 0:
            raise _refused(FAILED_LOGINS, per_minute, wait_us)


# ---- so many in all --------------------------------------------------------------------------------------


FEW_JOBS = 1_000
"""Live jobs, of all clients, up to which their sizes are added up before tasks are counted."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many unfinished tasks a client has at most, and how many it may have."""

    client_id: str
    at_most: int
    limit: int

    def check(self, tx: Connection, made: int) -> None:
        """Raises TooManyTasks if the `made` tasks, which this transaction has made since, are too many."""
        if self.at_most + made > self.limit:
            unfinished = _count_unfinished(tx, self.client_id, self.limit + made + 1)
            if unfinished > self.limit:
                raise _too_many(self.limit, unfinished - made)


def room_for_tasks(tx: Connection, client_id: str) -> Room:
    """What a client's unfinished tasks leave. Raises TooManyTasks if it is nothing.

    The sizes of its live jobs are a bound that costs little; tasks are counted when that is not enough, at most one
    more than the client may have. It stays exact for whoever has spent from the meter ENQUEUES in this transaction: a
    client's enqueues come one by one.
    """
    limit = tx.execute(select(_own(clients.c.unfinished_tasks)), {"of": client_id}).scalar_one()
    at_most = _size_of_live_jobs(tx, client_id)
    if at_most is None or at_most >= limit:
        at_most = _count_unfinished(tx, client_id, limit + 1)
        if at_most >= limit:
            raise _too_many(limit, at_most)
    return Room(client_id, at_most, limit)


def _too_many(limit: int, unfinished: int) -> TooManyTasks:
    return TooManyTasks(limit=UNFINISHED_TASKS, most=limit, unfinished=unfinished, retry_after_s=60.0)


def _size_of_live_jobs(tx: Connection, client_id: str) -> int | None:
    """Tasks of the client's jobs that have not ended: only they have unfinished ones. None: too many jobs to add up."""
    alive = [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED]
    some = select(jobs.c.client_id, jobs.c.total_items).where(jobs.c.status.in_(alive)).limit(FEW_JOBS + 1)
    live = by(STATUS, some, jobs).subquery()
    mine = case((live.c.client_id == client_id, live.c.total_items), else_=0)
    number, size = tx.execute(select(func.count(), func.coalesce(func.sum(mine), 0)).select_from(live)).one()
    return int(size) if number <= FEW_JOBS else None


def _count_unfinished(tx: Connection, client_id: str, most: int) -> int:
    some = (
        select(literal(1).label("one"))
        .where(
            job_tasks.c.kind.in_(list(Kind)),
            job_tasks.c.status.in_(list(UNFINISHED)),
            job_tasks.c.client_id == client_id,
        )
        .limit(most)
    )
    return tx.scalar(select(func.count()).select_from(by(LEASE, some).subquery())) or 0

"""Who was written to, who must not be, and how much a sending account has left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Connection, Insert, bindparam, exists, func, select

from scrapinsta_ray.domain.pacing import DAY_S, HOUR_S, MESSAGES_PER_DAY_CEILING, Window, next_free, room
from scrapinsta_ray.store import suppressions
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import AnyRow, change_one, clock, now, reading, upserting
from scrapinsta_ray.store.indexes import KEY, NAME, by
from scrapinsta_ray.store.tables import job_tasks, messages_sent


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a sending account may still send: `left` messages now; more in `retry_after_s` seconds if none."""

    left: int
    retry_after_s: float


def record(tx: Connection, ids: Sequence[int], code: str, *, renew: bool) -> None:
    """Ledger rows of the tasks with these ids, from their own rows; the time is now.

    A person who is there already: with `renew` it was another message, after a cool-off; without, it may be the same
    one told again, which leaves the row that its job wrote.
    """
    if ids:
        tx.execute(_record(tx.dialect.name, renew), {"ids": sorted(ids), "code": code})


def record_named(tx: Connection, client_id: str, job_id: str, usernames: Sequence[str], code: str) -> None:
    """Ledger rows, as `record` with `renew`, of the tasks of a client's job for these people."""
    names = {"client": client_id, "of_job": job_id, "to": usernames}
    tx.execute(_record_named(tx.dialect.name), {**names, "code": code})


def record_one(
    tx: Connection, client_id: str, dest_username: str, account: str, job_id: str, code: str
) -> None:
    """One ledger row, as `record` with `renew`; whoever calls has matched every name with the task's row."""
    row = {"client_id": client_id, "dest_username": dest_username, "account": account, "job_id": job_id}
    change_one(tx, _record_one(tx.dialect.name), row | {"code": code})


_PERSON = ("client_id", "dest_username")
_MESSAGE = ("account", "job_id", "code", "sent_at")
_NEWS = select(
    job_tasks.c.client_id,
    job_tasks.c.username,
    job_tasks.c.account,
    job_tasks.c.job_id,
    bindparam("code", type_=messages_sent.c.code.type),
    now(),
)

_there = messages_sent.alias("there")
_TOLD = exists().where(
    _there.c.client_id == job_tasks.c.client_id,
    _there.c.dest_username == job_tasks.c.username,
    _there.c.job_id == job_tasks.c.job_id,
)


@cache
def _record(dialect: str, renew: bool) -> Insert:
    tasks = _NEWS.where(job_tasks.c.id.in_(bindparam("ids", expanding=True)))
    insert = upserting(dialect, messages_sent, _PERSON, _MESSAGE)
    return insert.from_select([*_PERSON, *_MESSAGE], by(KEY, tasks if renew else tasks.where(~_TOLD)))


@cache
def _record_named(dialect: str) -> Insert:
    tasks = _NEWS.where(
        job_tasks.c.job_id == bindparam("of_job"),
        job_tasks.c.username.in_(bindparam("to", expanding=True)),
        job_tasks.c.client_id == bindparam("client"),
    )
    insert = upserting(dialect, messages_sent, _PERSON, _MESSAGE)
    return insert.from_select([*_PERSON, *_MESSAGE], by(NAME, tasks))


@cache
def _record_one(dialect: str) -> Insert:
    return upserting(dialect, messages_sent, _PERSON, _MESSAGE).values(sent_at=now())


def blocked(tx: Connection, client_id: str, cool_off: Mapping[str, int | None]) -> dict[str, str]:
    """Who of `cool_off` (username -> days after which they may be written to again, None: never) must be left out.

    Returns username -> `suppressed`, `cool_off` or `already_contacted`.
    """
    found: dict[str, str] = {}
    for names in chunks(cool_off):
        found |= _contacted(tx, client_id, {name: cool_off[name] for name in names})
        found |= dict.fromkeys(suppressions.among(tx, client_id, names), "suppressed")
    return found


def _contacted(tx: Connection, client_id: str, cool_off: Mapping[str, int | None]) -> dict[str, str]:
    rows = tx.execute(
        select(messages_sent.c.dest_username, messages_sent.c.sent_at).where(
            messages_sent.c.client_id == client_id, messages_sent.c.dest_username.in_(list(cool_off))
        )
    )
    found, at = {}, clock(tx)
    for name, sent_at in rows:
        days = cool_off[name]
        if days is None:
            found[name] = "already_contacted"
        elif sent_at + timedelta(days=days) > at:
            found[name] = "cool_off"
    return found


def allowance(limits: AnyRow, times: Sequence[datetime], out: int, at: datetime) -> Allowance:
    """What an account may still be handed at the time `at`, given when it wrote in the last day and how many are out.

    `limits` has messages_per_hour and messages_per_day; the day's is cut to the ceiling.
    """
    hour = Window(limits.messages_per_hour, HOUR_S)
    day = Window(min(limits.messages_per_day, MESSAGES_PER_DAY_CEILING), DAY_S)
    in_hour = sum(t > at - timedelta(seconds=HOUR_S) for t in times)
    left = min(room(hour, in_hour + out), room(day, len(times) + out))
    free = max(next_free(hour, times, at), next_free(day, times, at))
    return Allowance(left, (free - at).total_seconds())


def last_day(tx: Connection, client_id: str, account: str) -> list[datetime]:
    """When the account wrote in the last 24 hours."""
    rows = tx.scalars(
        select(messages_sent.c.sent_at).where(
            messages_sent.c.client_id == client_id,
            messages_sent.c.account == account,
            messages_sent.c.sent_at > now(-DAY_S),
        )
    )
    return list(rows)


@reading
def count(tx: Connection, client_id: str, job_id: str | None = None) -> int:
    """Ledger rows of a client, or of one of its jobs."""
    where = [messages_sent.c.client_id == client_id]
    if job_id:
        where.append(messages_sent.c.job_id == job_id)
    return tx.execute(select(func.count()).select_from(messages_sent).where(*where)).scalar_one()

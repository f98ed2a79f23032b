"""When a bot account may act: its windows, gaps, rests and hours, all of them rows, so that nothing forgets them.

What is done is counted when it begins, in the transaction that allows it. `domain/pacing.py` decides; this reads what
it decides upon and writes what comes of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any

from sqlalchemy import Connection, Update, bindparam, delete, exists, func, insert, select, update

from scrapinsta_ray.domain.hours import ALWAYS, WorkingHours
from scrapinsta_ray.domain.models import Action, Signal
from scrapinsta_ray.domain.pacing import (
    Pace,
    Past,
    Window,
    frees_at,
    gap_s,
    next_start,
    rest_until,
    slowness_after,
)
from scrapinsta_ray.store import audit
from scrapinsta_ray.store.database import AnyRow, now, reading, transaction
from scrapinsta_ray.store.leases import Lease
from scrapinsta_ray.store.tables import account_actions, accounts, leases

COOLDOWN = "cooldown"
"""The entry of a cooldown among an account's actions."""

PASSING = (Signal.OK, Signal.NOT_FOUND, Signal.PRIVATE)
"""Signals that are no trouble for the account."""

_PARKED = (
    "{} cooldowns in a day: it rests until {:%Y-%m-%d %H:%M} UTC, or until `scrapinsta accounts resume`."
)


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to who would act. `wait_s` 0: begin now, it is counted; infinite: not before a person says so.

    `why` it must wait: gap, cooldown, window, hours, lease, removed, or the account's status.
    """

    wait_s: float = 0.0
    why: str | None = None


@transaction
def take(
    tx: Connection, username: str, action: Action, pace: Pace, *, draw: float, lease: Lease | None = None
) -> Turn:
    """Counts one `action` that begins now, and draws (0..1) the gap behind it; or says how long it must wait.

    With `lease` only for whoever holds that still.
    """
    row = _lock(tx, username)
    if row is None or row.status != "active":
        return Turn(inf, str(row.status) if row else "removed")
    window = pace.windows[action]
    held, nth = _held_and_nth(tx, username, action, window, lease)
    if not held:
        return Turn(inf, "lease")
    at, why = next_start(past_of(row), frees_at(window, nth, row.now), row.now)
    if at > row.now:
        return Turn((at - row.now).total_seconds(), why)
    tx.execute(_BEGUN, {"username": username, "action": action, "amount": 1, "at": row.now})
    next_at = row.now + _seconds(gap_s(pace, row.slowness, draw))
    tx.execute(_USED, {"who": username, "last_used_at": row.now, "next_at": next_at})
    return Turn()


@reading
def look(tx: Connection, username: str, lease: Lease | None = None) -> Turn:
    """The same for whatever is not counted, such as a log-in: nothing changes, and no window is asked."""
    row = tx.execute(_ACCOUNT, {"who": username}).one_or_none()
    if row is None or (shut := _shut(tx, row, lease)):
        return Turn(inf, shut if row else "removed")
    at, why = next_start(past_of(row), row.now, row.now)
    return Turn((at - row.now).total_seconds(), why)


@transaction
def heard(tx: Connection, username: str, signal: Signal, pace: Pace, *, draw: float) -> None:
    """What the site said to a task, at its end: another gap begins, longer after a bad answer."""
    row = _lock(tx, username)
    if row is None:
        return
    slowness, passing = slowness_after(row.slowness, signal), signal in PASSING
    heard = {
        "failures": 0 if passing else row.failures + 1,
        "cooldowns": 0 if passing else row.cooldowns,
        "last_used_at": row.now,
        "last_signal": signal,
        "slowness": slowness,
        "next_at": max(row.next_at or row.now, row.now + _seconds(gap_s(pace, slowness, draw))),
    }
    tx.execute(_HEARD, {"who": username, **heard})


@transaction
def cool_down(tx: Connection, username: str, retry_after_s: float | None) -> float:
    """Rests the account, longer with every time in a row, from the third in its day until tomorrow; the seconds."""
    row = _lock(tx, username)
    if row is None:
        return 0.0
    tx.execute(_BEGUN, {"username": username, "action": COOLDOWN, "amount": 1, "at": row.now})
    hours = past_of(row).hours
    today = tx.scalar(
        select(func.count()).where(
            account_actions.c.username == username,
            account_actions.c.action == COOLDOWN,
            account_actions.c.at >= hours.began(row.now),
        )
    )
    until, parked = rest_until(row.now, row.cooldowns + 1, today or 1, hours, retry_after_s)
    _change(
        tx,
        username,
        cooldowns=row.cooldowns + 1,
        last_signal=Signal.COOLDOWN,
        free_at=max(row.free_at, until),
    )
    if row.status == "active":  # a person's reason is not written over
        _change(tx, username, status_reason=_PARKED.format(today, until) if parked else None)
    return float((until - row.now).total_seconds())


@transaction
def set_hours(tx: Connection, username: str, hours: WorkingHours | None, *, actor: str | None = None) -> bool:
    """The account's working hours, None for always; False if there is no such account."""
    begin, until, zone = (hours.begin, hours.until, hours.zone) if hours else (None, None, None)
    found = tx.execute(
        update(accounts)
        .where(accounts.c.username == username)
        .values(hours_from=begin, hours_to=until, time_zone=zone)
    )
    if found.rowcount and actor:
        audit.note(tx, actor, "", "account.hours", username, hours=str(hours) if hours else "always")
    return found.rowcount == 1


def wake(tx: Connection, usernames: Sequence[str]) -> None:
    """A person has looked at these accounts: what made them rest is over. Windows and gaps stay."""
    tx.execute(
        update(accounts)
        .where(accounts.c.username.in_(usernames))
        .values(free_at=now(), cooldowns=0, failures=0)
    )
    for username in usernames:
        tx.execute(
            delete(account_actions).where(
                account_actions.c.username == username, account_actions.c.action == COOLDOWN
            )
        )


def past_of(row: AnyRow) -> Past:
    """What an account's row says of its pacing."""
    hours = ALWAYS
    if row.hours_from is not None:
        hours = WorkingHours(row.hours_from, row.hours_to, row.time_zone)
    return Past(row.free_at, row.next_at, hours)


_ROW = (
    accounts.c.status,
    accounts.c.free_at,
    accounts.c.next_at,
    accounts.c.slowness,
    accounts.c.cooldowns,
    accounts.c.failures,
    accounts.c.hours_from,
    accounts.c.hours_to,
    accounts.c.time_zone,
)

# Made ahead: every action of every account goes through them, and making them takes as long as running them.
_MINE = accounts.c.username == bindparam("who")
_ACCOUNT = select(*_ROW, now().label("now")).where(_MINE)
_LOCKED = _ACCOUNT.with_for_update()
_HELD = select(
    exists().where(
        leases.c.name == bindparam("lease"),
        leases.c.holder == bindparam("holder"),
        leases.c.epoch == bindparam("epoch"),
        leases.c.expires_at > now(),
    )
)
_NTH = (
    select(account_actions.c.at)
    .where(account_actions.c.username == bindparam("who"), account_actions.c.action == bindparam("what"))
    .order_by(account_actions.c.at.desc())
    .limit(1)
    .offset(bindparam("before"))
)
_HELD_AND_NTH = select(_HELD.scalar_subquery(), _NTH.scalar_subquery())
_BEGUN = insert(account_actions)


def _change_of(*names: str) -> Update:
    return update(accounts).where(_MINE).values({name: bindparam(name) for name in names})


_USED = _change_of("last_used_at", "next_at")
_HEARD = _change_of("failures", "cooldowns", "last_used_at", "last_signal", "slowness", "next_at")


def _lock(tx: Connection, username: str) -> AnyRow | None:
    return tx.execute(_LOCKED, {"who": username}).one_or_none()


def _shut(tx: Connection, row: AnyRow, lease: Lease | None) -> str | None:
    """Why nobody, or not the one with this lease, may act as the account; None if it is open."""
    if row.status != "active":
        return str(row.status)
    return "lease" if lease and not _holds(tx, lease) else None


def _holds(tx: Connection, lease: Lease) -> bool:
    return bool(tx.scalar(_HELD, _named(lease)))


def _named(lease: Lease) -> dict[str, str | int]:
    return {"lease": lease.name, "holder": lease.holder, "epoch": lease.epoch}


def _held_and_nth(
    tx: Connection, username: str, action: Action, window: Window, lease: Lease | None
) -> tuple[bool, datetime | None]:
    """Is the lease, if one is given, still its holder's; and when was the window's last but `limit` action?

    Reads no more of the index than the window holds.
    """
    last = {"who": username, "what": action, "before": window.limit - 1}
    if lease is None:
        return True, tx.scalar(_NTH, last)
    held, nth = tx.execute(_HELD_AND_NTH, {**last, **_named(lease)}).one()
    return bool(held), nth


def _change(tx: Connection, username: str, **values: Any) -> None:
    tx.execute(update(accounts).where(accounts.c.username == username).values(values))


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)

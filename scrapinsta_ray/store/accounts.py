"""Bot accounts: secrets sealed, status, cooldowns and sliding windows, durable across restarts and moves."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import Connection, delete, func, insert, select, update

from scrapinsta_ray.domain.models import Kind, Signal
from scrapinsta_ray.domain.pacing import HOUR_S, cooldown_s
from scrapinsta_ray.store import audit
from scrapinsta_ray.store.database import clock, now, reading, transaction
from scrapinsta_ray.store.sealing import refuse_another_key, unsealed
from scrapinsta_ray.store.tables import account_actions, accounts

Cookies = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a session needs to be the account. Its repr keeps the secrets."""

    username: str
    password: str = field(repr=False)
    cookies: Cookies = field(repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A bot account as an operator sees it; `used` counts actions in the last hour by kind of task."""

    username: str
    status: str
    status_reason: str | None
    free_at: datetime
    cooling_s: float  # seconds until it may act again; 0 when free
    idle_s: float  # seconds since its last task; infinite for a new one
    failures: int
    logins: int
    last_used_at: datetime | None
    last_signal: str | None
    used: Mapping[Kind, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Login:
    """A bot account's name and password, to be stored. Its repr keeps the password."""

    username: str
    password: str = field(repr=False)


@transaction
def add(
    tx: Connection, fernet: MultiFernet, username: str, password: str, *, actor: str | None = None
) -> bool:
    """A new account, active; False if it is there already: then its password is replaced and it is active again.

    Raises Misconfigured if what is here was sealed with another key. An `actor` is noted in the audit log.
    """
    refuse_another_key(tx, fernet)
    return _add(tx, fernet, Login(username, password), actor)


@transaction
def add_all(
    tx: Connection,
    fernet: MultiFernet,
    logins: Sequence[Login],
    *,
    actor: str | None = None,
    progress: Callable[[int], object] = lambda _done: None,
) -> int:
    """Adds all or none, each as `add` does; how many of them are new. `progress` hears how many are done."""
    refuse_another_key(tx, fernet)
    new = 0
    for done, login in enumerate(logins, 1):
        new += _add(tx, fernet, login, actor)
        progress(done)
    return new


def _add(tx: Connection, fernet: MultiFernet, login: Login, actor: str | None) -> bool:
    sealed = fernet.encrypt(login.password.encode())
    changed = tx.execute(
        update(accounts)
        .where(accounts.c.username == login.username)
        .values(password=sealed, cookies=None, status="active", status_reason=None)
    ).rowcount
    if not changed:
        tx.execute(
            insert(accounts).values(
                username=login.username, password=sealed, status="active", free_at=now(), created_at=now()
            )
        )
    _note(tx, actor, "account.password" if changed else "account.added", login.username)
    return not changed


@transaction
def remove(tx: Connection, username: str, *, actor: str | None = None) -> bool:
    """Forgets an account; False if there is none."""
    tx.execute(delete(account_actions).where(account_actions.c.username == username))
    if not tx.execute(delete(accounts).where(accounts.c.username == username)).rowcount:
        return False
    _note(tx, actor, "account.removed", username)
    return True


def _note(tx: Connection, actor: str | None, action: str, username: str, **details: str) -> None:
    if actor:
        audit.note(tx, actor, "", action, username, **details)


@reading
def credentials(tx: Connection, fernet: MultiFernet, username: str) -> Credentials | None:
    """Raises Misconfigured if the secret key is not the one that sealed them."""
    row = tx.execute(
        select(accounts.c.password, accounts.c.cookies).where(accounts.c.username == username)
    ).one_or_none()
    if row is None:
        return None
    cookies = json.loads(unsealed(fernet, row.cookies, username)) if row.cookies else []
    return Credentials(username, unsealed(fernet, row.password, username).decode(), cookies)


@transaction
def save_session(
    tx: Connection, fernet: MultiFernet, username: str, cookies: Cookies, *, logins: int
) -> None:
    """Keeps the cookies for the next browser, and counts `logins` more uses of the password."""
    sealed = fernet.encrypt(json.dumps(cookies).encode())
    tx.execute(
        update(accounts)
        .where(accounts.c.username == username)
        .values(cookies=sealed, logins=accounts.c.logins + logins)
    )


@reading
def everyone(tx: Connection) -> list[Account]:
    """All accounts by name, with what they did in the last hour."""
    at = clock(tx)
    used: dict[str, dict[Kind, int]] = {}
    sums = (
        select(account_actions.c.username, account_actions.c.action, func.sum(account_actions.c.amount))
        .where(account_actions.c.at > now(-HOUR_S))
        .group_by(account_actions.c.username, account_actions.c.action)
    )
    for username, action, amount in tx.execute(sums):
        used.setdefault(username, {})[Kind(action)] = int(amount)
    rows = tx.execute(select(accounts).order_by(accounts.c.username))
    return [_account(row, at, used.get(row.username, {})) for row in rows]


def _account(row: Any, at: datetime, used: Mapping[Kind, int]) -> Account:
    return Account(
        username=row.username,
        status=row.status,
        status_reason=row.status_reason,
        free_at=row.free_at,
        cooling_s=max(0.0, (row.free_at - at).total_seconds()),
        idle_s=(at - row.last_used_at).total_seconds() if row.last_used_at else inf,
        failures=row.failures,
        logins=row.logins,
        last_used_at=row.last_used_at,
        last_signal=row.last_signal,
        used=used,
    )


@transaction
def record(tx: Connection, username: str, kind: Kind, amount: int, signal: Signal) -> None:
    """What the account just did (`amount` actions of `kind`) and what the site said to it."""
    if amount:
        tx.execute(insert(account_actions).values(username=username, action=kind, amount=amount, at=now()))
    passing = signal in (Signal.OK, Signal.NOT_FOUND, Signal.PRIVATE)
    values: dict[str, Any] = {"last_used_at": now(), "last_signal": signal}
    values["failures"] = 0 if passing else accounts.c.failures + 1
    if passing:
        values["cooldowns"] = 0
    tx.execute(update(accounts).where(accounts.c.username == username).values(values))


@transaction
def cool_down(tx: Connection, username: str, retry_after_s: float | None) -> float:
    """Rests the account, longer with every time in a row; returns the seconds."""
    row = tx.execute(
        select(accounts.c.cooldowns).where(accounts.c.username == username).with_for_update()
    ).one_or_none()
    if row is None:
        return 0.0
    seconds = cooldown_s(row.cooldowns + 1, retry_after_s)
    tx.execute(
        update(accounts)
        .where(accounts.c.username == username)
        .values(cooldowns=row.cooldowns + 1, free_at=now(seconds), last_signal=Signal.COOLDOWN)
    )
    return seconds


@transaction
def set_status(
    tx: Connection,
    usernames: Sequence[str],
    status: str,
    reason: str | None = None,
    *,
    actor: str | None = None,
) -> int:
    """`active`, `paused`, `needs_human` or `dead`; returns how many accounts there were."""
    changed = tx.execute(
        update(accounts).where(accounts.c.username.in_(usernames)).values(status=status, status_reason=reason)
    ).rowcount
    if changed:
        for username in usernames:
            _note(tx, actor, f"account.{status}", username)
    return changed

"""Bot accounts: secrets sealed, status, and how they are. When they may act is in `turns`."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.fernet import MultiFernet
from sqlalchemy import (
    BindParameter,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from scrapinsta_ray.domain.models import SERVER_KINDS, Action, TaskStatus, task_id
from scrapinsta_ray.domain.pacing import HOUR_S, Pace, Past, frees_at, next_start, room
from scrapinsta_ray.store import audit, turns
from scrapinsta_ray.store.database import AnyRow, now, reading, transaction
from scrapinsta_ray.store.sealing import refuse_another_key, unsealed
from scrapinsta_ray.store.tables import account_actions, accounts, job_tasks, leases

Cookies = list[dict[str, Any]]

_SEALED = ("password", "cookies", "totp_secret")
"""Columns of secrets."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a session needs to be the account. Its repr keeps the secrets."""

    username: str
    password: str = field(repr=False)
    cookies: Cookies = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Account:
    """A bot account as an operator and the dispatcher see it, at `now`.

    `used` counts its actions of the last hour, `oldest` says when the first of them was. `worker` holds its lease
    (host, process, a word), `task_id` is what it works on.
    """

    username: str
    status: str
    status_reason: str | None
    past: Past
    slowness: float
    failures: int
    logins: int
    last_used_at: datetime | None
    last_signal: str | None
    now: datetime
    used: Mapping[Action, int] = field(default_factory=dict)
    oldest: Mapping[Action, datetime] = field(default_factory=dict)
    worker: str | None = None
    task_id: str | None = None

    def left(self, action: Action, pace: Pace) -> int:
        """What its window still allows."""
        return room(pace.windows[action], self.used.get(action, 0))

    def next_start(self, action: Action, pace: Pace) -> tuple[datetime, str | None]:
        """When it may begin the action, and what it waits for: see `pacing.next_start`."""
        spent = not self.left(action, pace)
        free = frees_at(pace.windows[action], self.oldest.get(action) if spent else None, self.now)
        return next_start(self.past, free, self.now)


@dataclass(frozen=True, slots=True)
class Login:
    """A bot account to be stored; without a TOTP secret the stored one stays. Its repr keeps the secrets."""

    username: str
    password: str = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)


@transaction
def add(
    tx: Connection,
    fernet: MultiFernet,
    username: str,
    password: str,
    *,
    totp_secret: str | None = None,
    actor: str | None = None,
) -> bool:
    """A new account, active; False if it is there already: then its password is replaced and it is active again.

    Raises Misconfigured if what is here was sealed with another key. An `actor` is noted in the audit log.
    """
    refuse_another_key(tx, fernet)
    return _add(tx, fernet, Login(username, password, totp_secret), actor)


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
    secrets = {"password": fernet.encrypt(login.password.encode())}
    if login.totp_secret:
        secrets["totp_secret"] = fernet.encrypt(login.totp_secret.encode())
    changed = tx.execute(
        update(accounts)
        .where(accounts.c.username == login.username)
        .values(**secrets, cookies=None, status="active", status_reason=None)
    ).rowcount
    if not changed:
        tx.execute(
            insert(accounts).values(
                username=login.username, **secrets, status="active", free_at=now(), created_at=now()
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
        select(accounts.c.password, accounts.c.cookies, accounts.c.totp_secret).where(
            accounts.c.username == username
        )
    ).one_or_none()
    if row is None:
        return None
    cookies = json.loads(unsealed(fernet, row.cookies, username)) if row.cookies else []
    totp = unsealed(fernet, row.totp_secret, username).decode() if row.totp_secret else None
    return Credentials(username, unsealed(fernet, row.password, username).decode(), cookies, totp)


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
def everyone(tx: Connection, *, acts: bool = True) -> list[Account]:
    """All accounts by name: how they are, what they did in the last hour, and what they have in hand.

    Without `acts` nothing of the last hour, which is most of the work.
    """
    done, working = _done(tx.execute(_DONE)) if acts else {}, _working(tx)
    rows = tx.execute(_EVERYONE)
    return [_account(row, done.get(row.username, {}), working.get(row.username)) for row in rows]


@reading
def some(tx: Connection, usernames: Collection[str]) -> list[Account]:
    """Those of these that are there, as if they had nothing in hand."""
    who = {"who": sorted(usernames)}
    done = _done(tx.execute(_DONE_BY_SOME, who))
    return [_account(row, done.get(row.username, {}), None) for row in tx.execute(_SOME, who)]


# Made ahead: the dispatcher asks in each of its rounds. The sealed secrets stay where they are.
_EVERYONE = (
    select(*(c for c in accounts.c if c.name not in _SEALED), leases.c.holder, now().label("now"))
    .join(
        leases,
        and_(leases.c.name == literal("account:") + accounts.c.username, leases.c.expires_at > now()),
        isouter=True,
    )
    .order_by(accounts.c.username)
)
_DONE = (
    select(
        account_actions.c.username,
        account_actions.c.action,
        func.count().label("number"),
        func.min(account_actions.c.at).label("first"),
    )
    .where(account_actions.c.at > now(-HOUR_S), account_actions.c.action.in_(list(Action)))
    .group_by(account_actions.c.username, account_actions.c.action)
)
_WORKING = select(job_tasks.c.lease_holder, job_tasks.c.job_id, job_tasks.c.kind, job_tasks.c.username).where(
    job_tasks.c.kind.in_(SERVER_KINDS),
    job_tasks.c.status == TaskStatus.SENT,
    job_tasks.c.lease_expires_at > now(),
)


_WHO: BindParameter[Any] = bindparam("who", expanding=True)
_SOME = _EVERYONE.where(accounts.c.username.in_(_WHO))
_DONE_BY_SOME = _DONE.where(account_actions.c.username.in_(_WHO))


def _done(rows: Iterable[AnyRow]) -> dict[str, dict[Action, tuple[int, datetime]]]:
    """By account and action of the last hour: how many, and when the first. Old ones are forgotten: it is short."""
    found: dict[str, dict[Action, tuple[int, datetime]]] = {}
    for username, action, number, first in rows:
        found.setdefault(username, {})[Action(action)] = (number, first)
    return found


def _working(tx: Connection) -> dict[str, str]:
    """The public name of the task that each account has in hand."""
    return {row.lease_holder: task_id(row.job_id, row.kind, row.username) for row in tx.execute(_WORKING)}


def _account(row: Any, done: Mapping[Action, tuple[int, datetime]], working: str | None) -> Account:
    return Account(
        username=row.username,
        status=row.status,
        status_reason=row.status_reason,
        past=turns.past_of(row),
        slowness=row.slowness,
        failures=row.failures,
        logins=row.logins,
        last_used_at=row.last_used_at,
        last_signal=row.last_signal,
        now=row.now,
        used={action: number for action, (number, _first) in done.items()},
        oldest={action: first for action, (_number, first) in done.items()},
        worker=row.holder,
        task_id=working,
    )


@transaction
def set_status(
    tx: Connection,
    usernames: Sequence[str],
    status: str,
    reason: str | None = None,
    *,
    actor: str | None = None,
) -> int:
    """`active`, `paused`, `needs_human` or `dead`; returns how many accounts there were. Active ones rest no more."""
    changed = tx.execute(
        update(accounts).where(accounts.c.username.in_(usernames)).values(status=status, status_reason=reason)
    ).rowcount
    if changed:
        if status == "active":
            turns.wake(tx, usernames)
        for username in usernames:
            _note(tx, actor, f"account.{status}", username)
    return changed

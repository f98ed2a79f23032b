"""Tenants, their limits and their API keys."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    insert,
    or_,
    select,
    update,
)

from scrapinsta_ray.domain import pacing
from scrapinsta_ray.domain.models import JobStatus
from scrapinsta_ray.store import audit, control
from scrapinsta_ray.store.database import Database, now, reading, transaction, upsert
from scrapinsta_ray.store.tables import api_keys, clients, jobs

SCOPES = ("fetch", "analyze", "send", "pull", "result", "status")
"""What a key without explicit scopes may do."""

ADMIN = "admin"
"""The operator's scope: every other one, and what concerns all clients."""

OPERATOR = "operator"
"""The client that `bootstrap` makes."""

LIMITS = (
    "messages_per_hour", "messages_per_day",  # of each sending account
    "pulls_per_minute", "results_per_minute", "enqueues_per_minute", "unfinished_tasks",  # of the client
)  # fmt: skip

MOST = 10_000_000
"""No limit is higher."""

_CLIENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_KEY = re.compile(r"si_([0-9a-f]{12})_([0-9a-f]{64})")
_NOBODYS = "0" * 64
"""A digest that no secret has: what an unknown key is compared with."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what they may do. `job_id`: a token of that job, which reaches nothing else."""

    client_id: str
    scopes: frozenset[str]
    status: str  # active or suspended
    key_id: str = ""  # the key, or the one that the token was made with
    job_id: str | None = None
    actor: str = ""  # key:<id> or token:<jti>, for the audit log


@dataclass(frozen=True, slots=True)
class Known:
    """A good key's caller, for how many seconds it still is good, and how long ago its use was last noted."""

    caller: Caller
    lasts_s: float
    unused_s: float


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, shown once. Its repr keeps the secret."""

    key_id: str
    client_id: str
    plaintext: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as an operator sees it."""

    key_id: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    live: bool


@dataclass(frozen=True, slots=True)
class Client:
    """A tenant and its limits; messages are per sending account."""

    id: str
    name: str
    status: str
    messages_per_hour: int
    messages_per_day: int
    pulls_per_minute: int = 60
    results_per_minute: int = 6_000
    enqueues_per_minute: int = 30
    unfinished_tasks: int = 200_000


_SHOWN = tuple(clients.c[name] for name in Client.__slots__)


# ---- tenants ---------------------------------------------------------------------------------------------


@transaction
def create(
    tx: Connection,
    client_id: str,
    name: str,
    *,
    messages_per_hour: int = pacing.MESSAGES_PER_HOUR,
    messages_per_day: int = pacing.MESSAGES_PER_DAY,
    actor: str | None = None,
) -> Client:
    """A new active tenant; the day's limit is cut to the ceiling.

    Raises ValueError if the id is not a short name, or is taken: that of a deleted client is not used again, since
    its jobs and its ledger are still there.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        raise ValueError(f"{client_id!r} is no id of a client: use up to 32 of a-z, 0-9 and dashes.")
    if status := tx.scalar(select(clients.c.status).where(clients.c.id == client_id)):
        was = "was" if status == "deleted" else "is"
        raise ValueError(f"There {was} a client {client_id!r} already.")
    client = Client(
        client_id,
        name[:100],
        "active",
        messages_per_hour,
        min(messages_per_day, pacing.MESSAGES_PER_DAY_CEILING),
    )
    tx.execute(
        insert(clients).values(
            id=client.id,
            name=client.name,
            status=client.status,
            messages_per_hour=client.messages_per_hour,
            messages_per_day=client.messages_per_day,
            created_at=now(),
        )
    )
    _note(tx, actor, client_id, "client.created", client_id)
    return client


@transaction
def suspend(tx: Connection, client_id: str, *, actor: str | None = None) -> bool:
    """Refuses its requests from now on, within seconds on every replica; False for an unknown client."""
    return _set_status(tx, client_id, "suspended", "client.suspended", actor)


@transaction
def resume(tx: Connection, client_id: str, *, actor: str | None = None) -> bool:
    """Takes its requests again; False for an unknown client."""
    return _set_status(tx, client_id, "active", "client.resumed", actor)


@transaction
def set_limits(
    tx: Connection, client_id: str, limits: Mapping[str, int], *, actor: str | None = None
) -> Client:
    """Changes those of LIMITS that are given; messages are cut to the day's ceiling.

    Raises LookupError for an unknown client, ValueError for an unknown limit or a number below 1.
    """
    row = tx.execute(select(*_SHOWN).where(_there(client_id)).with_for_update()).one_or_none()
    if row is None:
        raise LookupError(f"There is no client {client_id!r}.")
    wanted = {name: _limit(name, number) for name, number in limits.items()}
    changed = {name: number for name, number in wanted.items() if getattr(row, name) != number}
    if changed:
        tx.execute(update(clients).where(clients.c.id == client_id).values(changed))
        before = {name: getattr(row, name) for name in changed}
        _note(tx, actor, client_id, "client.limits", client_id, before=before, after=changed)
    return Client(**{**row._asdict(), **changed})


def delete(db: Database, client_id: str, *, actor: str | None = None) -> bool:
    """Ends a tenant: its keys go, its unfinished work is cancelled; its ledger and its suppressions stay.

    False for an unknown client. What a replica that has not heard of it yet still takes, `finish_deletions` ends.
    """
    if not _close(db, client_id, actor):
        return False
    finish_deletions(db)
    return True


def finish_deletions(db: Database) -> int:
    """Cancels what deleted clients still have to do; how many jobs that were."""
    left = _left_over(db)
    for client_id, job_id in left:
        control.cancel(db, client_id, job_id)
    return len(left)


@reading
def get(tx: Connection, client_id: str) -> Client | None:
    """One tenant; None if there is none, or no longer."""
    row = tx.execute(select(*_SHOWN).where(_there(client_id))).one_or_none()
    return Client(*row) if row else None


@reading
def everyone(tx: Connection) -> list[Client]:
    """All tenants, by id."""
    query = select(*_SHOWN).where(clients.c.status != "deleted").order_by(clients.c.id)
    return [Client(*row) for row in tx.execute(query)]


def _there(client_id: str) -> ColumnElement[bool]:
    return and_(clients.c.id == client_id, clients.c.status != "deleted")


def _set_status(tx: Connection, client_id: str, status: str, action: str, actor: str | None) -> bool:
    before = tx.scalar(select(clients.c.status).where(_there(client_id)).with_for_update())
    if before not in (None, status):
        tx.execute(update(clients).where(clients.c.id == client_id).values(status=status))
        _note(tx, actor, client_id, action, client_id)
    return before is not None


def _limit(name: str, number: int) -> int:
    if name not in LIMITS:
        raise ValueError(f"There is no limit {name!r}: they are {', '.join(LIMITS)}.")
    if not 1 <= number <= MOST:
        raise ValueError(f"{name} must be from 1 to {MOST}: to stop a client, suspend it.")
    return min(number, pacing.MESSAGES_PER_DAY_CEILING) if name.startswith("messages_") else number


@transaction
def _close(tx: Connection, client_id: str, actor: str | None) -> bool:
    before = tx.scalar(select(clients.c.status).where(clients.c.id == client_id).with_for_update())
    if before not in (None, "deleted"):
        tx.execute(update(clients).where(clients.c.id == client_id).values(status="deleted"))
        removed = tx.execute(api_keys.delete().where(api_keys.c.client_id == client_id)).rowcount
        _note(tx, actor, client_id, "client.deleted", client_id, keys=removed)
    return before is not None


@reading
def _left_over(tx: Connection) -> list[tuple[str, str]]:
    """Unfinished jobs and campaigns of deleted clients, each (client_id, job_id); a campaign stands for its stages."""
    open_states = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED)
    rows = tx.execute(
        select(jobs.c.client_id, jobs.c.id)
        .join(clients, clients.c.id == jobs.c.client_id)
        .where(jobs.c.status.in_(open_states), jobs.c.stage == 0, clients.c.status == "deleted")
    )
    return [(row.client_id, row.id) for row in rows]


# ---- keys ------------------------------------------------------------------------------------------------


@transaction
def create_key(
    tx: Connection,
    client_id: str,
    scopes: frozenset[str] = frozenset(SCOPES),
    *,
    expires_in_s: float | None = None,
    actor: str | None = None,
) -> NewKey:
    """A key `si_<id>_<secret>` with 256 random bits; only its SHA-256 is stored.

    Raises ValueError for an unknown client or scope.
    """
    if not tx.scalar(select(clients.c.id).where(_there(client_id))):
        raise ValueError(f"There is no client {client_id!r}.")
    return _create_key(tx, client_id, scopes, expires_in_s, actor, "key.created")


@transaction
def rotate_key(
    tx: Connection,
    client_id: str,
    key_id: str | None = None,
    *,
    overlap_s: float = 86_400,
    expires_in_s: float | None = None,
    actor: str | None = None,
) -> NewKey:
    """A new key in the place of `key_id`, or of all live ones; the old ones are good for `overlap_s` more at most.

    Raises ValueError if there is no such live key, or if the live keys have different scopes and none is named.
    """
    tx.scalar(
        select(clients.c.id).where(clients.c.id == client_id).with_for_update()
    )  # one rotation at a time
    query = select(api_keys.c.id, api_keys.c.scopes).where(api_keys.c.client_id == client_id, _live())
    old = tx.execute(query if key_id is None else query.where(api_keys.c.id == key_id)).all()
    if not old:
        raise ValueError(f"The client {client_id!r} has no such key that is still good.")
    if len({row.scopes for row in old}) > 1:
        raise ValueError(f"The keys of {client_id!r} have different scopes: say which one to replace.")
    until = now(overlap_s)
    sooner = or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > until)
    ids = [row.id for row in old]
    tx.execute(update(api_keys).where(api_keys.c.id.in_(ids), sooner).values(expires_at=until))
    scopes = frozenset(old[0].scopes.split())
    return _create_key(
        tx, client_id, scopes, expires_in_s, actor, "key.rotated", replaced=ids, overlap_s=overlap_s
    )


@transaction
def revoke_key(tx: Connection, client_id: str, key_id: str, *, actor: str | None = None) -> bool:
    """The key, and every token made with it, is refused within seconds; False if the client has no such key."""
    mine = and_(api_keys.c.client_id == client_id, api_keys.c.id == key_id)
    row = tx.execute(select(api_keys.c.revoked_at).where(mine).with_for_update()).one_or_none()
    if row is not None and row.revoked_at is None:
        tx.execute(update(api_keys).where(mine).values(revoked_at=now()))
        _note(tx, actor, client_id, "key.revoked", key_id)
    return row is not None


@reading
def keys(tx: Connection, client_id: str) -> list[Key]:
    """All keys of a client, the oldest first; of the secrets nothing is shown."""
    query = (
        select(
            api_keys.c.id,
            api_keys.c.scopes,
            api_keys.c.created_at,
            api_keys.c.expires_at,
            api_keys.c.revoked_at,
            api_keys.c.last_used_at,
            case((_live(), 1), else_=0).label("live"),
        )
        .where(api_keys.c.client_id == client_id)
        .order_by(api_keys.c.created_at, api_keys.c.id)
    )
    return [
        Key(
            row.id,
            frozenset(row.scopes.split()),
            row.created_at,
            row.expires_at,
            row.revoked_at,
            row.last_used_at,
            bool(row.live),
        )
        for row in tx.execute(query)
    ]


@transaction
def bootstrap(tx: Connection, *, actor: str | None = None) -> NewKey | None:
    """The first admin key, of the client OPERATOR; None if there is an admin key already."""
    row = {
        "id": OPERATOR,
        "name": "Operator",
        "status": "active",
        "messages_per_hour": pacing.MESSAGES_PER_HOUR,
        "messages_per_day": pacing.MESSAGES_PER_DAY,
        "created_at": tx.scalar(select(now())),
    }
    upsert(tx, clients, [row], key=["id"])
    tx.scalar(select(clients.c.id).where(clients.c.id == OPERATOR).with_for_update())  # one at a time
    live = tx.scalars(select(api_keys.c.scopes).where(_live()))
    if any(ADMIN in scopes.split() for scopes in live):
        return None
    return _create_key(tx, OPERATOR, frozenset({ADMIN}), None, actor, "key.bootstrapped")


@reading
def has_admin(tx: Connection) -> bool:
    """Is there a living key with the scope admin?"""
    live = tx.scalars(select(api_keys.c.scopes).where(_live()))
    return any(ADMIN in scopes.split() for scopes in live)


@reading
def authenticate(tx: Connection, key: str) -> Known | None:
    """Whose key this is; None for an unknown, wrong, expired or revoked one, or one of a deleted client.

    An unknown id and a wrong secret take the same steps: one SELECT, one digest, one comparison in constant time.
    """
    parts = _KEY.fullmatch(key)
    if parts is None:
        return None
    row = tx.execute(
        select(
            api_keys.c.client_id,
            api_keys.c.secret_sha256,
            api_keys.c.scopes,
            api_keys.c.expires_at,
            api_keys.c.last_used_at,
            clients.c.status,
            now().label("at"),
        )
        .join(clients, clients.c.id == api_keys.c.client_id)
        .where(api_keys.c.id == parts[1], _live(), clients.c.status != "deleted")
    ).one_or_none()
    good = secrets.compare_digest(_digest(parts[2]), row.secret_sha256 if row else _NOBODYS)
    if not good or row is None:
        return None
    return Known(
        Caller(
            row.client_id,
            implied(frozenset(row.scopes.split())),
            row.status,
            key_id=parts[1],
            actor=f"key:{parts[1]}",
        ),
        lasts_s=(row.expires_at - row.at).total_seconds() if row.expires_at else inf,
        unused_s=(row.at - row.last_used_at).total_seconds() if row.last_used_at else inf,
    )


@transaction
def note_use(tx: Connection, key_id: str) -> None:
    """Sets when a key was last used, to the minute."""
    stale = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at < now(-60))
    tx.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now()))


def key_id_of(key: str) -> str | None:
    """The id within a key; None if it does not look like one."""
    parts = _KEY.fullmatch(key)
    return parts[1] if parts else None


def implied(scopes: frozenset[str]) -> frozenset[str]:
    """`send` implies pull and result, `admin` everything."""
    if ADMIN in scopes:
        return frozenset({ADMIN, *SCOPES})
    return scopes | {"pull", "result"} if "send" in scopes else scopes


def _create_key(
    tx: Connection,
    client_id: str,
    scopes: frozenset[str],
    expires_in_s: float | None,
    actor: str | None,
    action: str,
    **details: Any,
) -> NewKey:
    if unknown := sorted(scopes - {ADMIN, *SCOPES}):
        raise ValueError(f"There is no scope {unknown[0]!r}: they are {', '.join((*SCOPES, ADMIN))}.")
    if not scopes:
        raise ValueError("A key without any scope is good for nothing.")
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    words = sorted(scopes)
    tx.execute(
        insert(api_keys).values(
            id=key_id,
            client_id=client_id,
            secret_sha256=_digest(secret),
            scopes=" ".join(words),
            created_at=now(),
            expires_at=None if expires_in_s is None else now(expires_in_s),
        )
    )
    _note(tx, actor, client_id, action, key_id, scopes=words, **details)
    return NewKey(key_id, client_id, f"si_{key_id}_{secret}")


def _live() -> ColumnElement[bool]:
    return and_(
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now()),
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note(
    tx: Connection, actor: str | None, client_id: str, action: str, subject: str, **details: Any
) -> None:
    if actor is not None:
        audit.note(tx, actor, client_id, action, subject, **details)

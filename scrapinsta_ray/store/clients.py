"""Tenants and their API keys."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from scrapinsta_ray.domain import pacing
from scrapinsta_ray.store.database import now, reading, transaction
from scrapinsta_ray.store.tables import api_keys, clients

SCOPES = ("fetch", "analyze", "send", "pull", "result", "status")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, and what they may do."""

    client_id: str
    scopes: frozenset[str]
    status: str  # active or suspended


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, shown once. Its repr keeps the secret."""

    key_id: str
    client_id: str
    plaintext: str

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r}, client_id={self.client_id!r})"


@dataclass(frozen=True, slots=True)
class Client:
    """A tenant and its limits per sending account."""

    id: str
    name: str
    status: str
    messages_per_hour: int
    messages_per_day: int


@transaction
def create(
    tx: Connection,
    client_id: str,
    name: str,
    *,
    messages_per_hour: int = pacing.MESSAGES_PER_HOUR,
    messages_per_day: int = pacing.MESSAGES_PER_DAY,
) -> Client:
    """A new active tenant; the day's limit is cut to the ceiling. Raises ValueError if the id is taken."""
    if tx.scalar(select(clients.c.id).where(clients.c.id == client_id)):
        raise ValueError(f"There is a client {client_id!r} already.")
    client = Client(
        client_id, name, "active", messages_per_hour, min(messages_per_day, pacing.MESSAGES_PER_DAY_CEILING)
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
    return client


@transaction
def create_key(tx: Connection, client_id: str, scopes: frozenset[str] = frozenset(SCOPES)) -> NewKey:
    """A key `si_<id>_<secret>` with 256 random bits; only its SHA-256 is stored. Raises ValueError without client."""
    if not tx.scalar(select(clients.c.id).where(clients.c.id == client_id)):
        raise ValueError(f"There is no client {client_id!r}.")
    key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
    tx.execute(
        insert(api_keys).values(
            id=key_id,
            client_id=client_id,
            secret_sha256=_digest(secret),
            scopes=" ".join(sorted(scopes)),
            created_at=now(),
        )
    )
    return NewKey(key_id, client_id, f"si_{key_id}_{secret}")


@reading
def caller_of(tx: Connection, key: str) -> Caller | None:
    """Whose key this is; None for an unknown, wrong, expired or revoked one. Constant time in the secret."""
    _prefix, _, rest = key.partition("_")
    key_id, _, secret = rest.partition("_")
    row = tx.execute(
        select(api_keys.c.client_id, api_keys.c.secret_sha256, api_keys.c.scopes, clients.c.status)
        .join(clients, clients.c.id == api_keys.c.client_id)
        .where(
            api_keys.c.id == (key_id if key_id.isascii() else ""),
            api_keys.c.revoked_at.is_(None),
            or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now()),
        )
    ).one_or_none()
    known = row.secret_sha256 if row else _digest("")
    if not secrets.compare_digest(_digest(secret), known) or row is None:
        return None
    return Caller(row.client_id, _implied(frozenset(row.scopes.split())), row.status)


def _implied(scopes: frozenset[str]) -> frozenset[str]:
    """`send` implies pull and result."""
    return scopes | {"pull", "result"} if "send" in scopes else scopes


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction
def set_status(tx: Connection, client_id: str, status: str) -> bool:
    """Suspends or resumes; False for an unknown client."""
    return tx.execute(update(clients).where(clients.c.id == client_id).values(status=status)).rowcount == 1


@reading
def everyone(tx: Connection) -> list[Client]:
    """All tenants, by id."""
    columns = (
        clients.c.id,
        clients.c.name,
        clients.c.status,
        clients.c.messages_per_hour,
        clients.c.messages_per_day,
    )
    return [Client(*row) for row in tx.execute(select(*columns).order_by(clients.c.id))]

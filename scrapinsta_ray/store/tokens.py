"""What tokens are signed with, and which of them are refused before their time."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.fernet import MultiFernet
from sqlalchemy import Connection, delete, insert, select, update

from scrapinsta_ray.store import audit
from scrapinsta_ray.store.database import Database, clock, now, reading, transaction, upsert
from scrapinsta_ray.store.sealing import refuse_another_key, unsealed
from scrapinsta_ray.store.tables import api_keys, clients, revocations, signing_keys

LONGEST_S = 86_400.0
"""No token lives longer, whatever the settings say: so long a retired key verifies and a revocation is kept."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of HS256: 256 random bits. A retired one only verifies."""

    kid: str
    secret: bytes = field(repr=False)
    retired: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What a token's word is worth now: its client's status, and until when its jti and its job are revoked.

    `status` is None when the client or the key that the token was made with is gone. `job_revoked_at` concerns the
    tokens issued until then.
    """

    status: str | None
    token_revoked: bool
    job_revoked_at: datetime | None


@reading
def keyring(tx: Connection, fernet: MultiFernet) -> list[SigningKey]:
    """Every key that verifies, the newest first. Raises Misconfigured if they were sealed with another key."""
    return _keyring(tx, fernet)


def signing_key(db: Database, fernet: MultiFernet) -> tuple[SigningKey, datetime]:
    """The key that signs, and the database's time; the first key is made here. Raises Misconfigured like `keyring`."""
    key = next((key for key in keyring(db, fernet) if not key.retired), None) or _first(db, fernet)
    return key, _time(db)


@transaction
def rotate(tx: Connection, fernet: MultiFernet, *, actor: str | None = None) -> str:
    """A new key signs from now on; what others have signed is good until its own end. Returns the new key's id.

    Raises Misconfigured if the keys that are here were sealed with another secret key.
    """
    refuse_another_key(tx, fernet)
    tx.execute(update(signing_keys).where(signing_keys.c.retired_at.is_(None)).values(retired_at=now()))
    made = _new_key(tx, fernet)
    if actor is not None:
        audit.note(tx, actor, "", "signing_key.rotated", made.kid)
    return made.kid


@transaction
def revoke(tx: Connection, client_id: str, subject: str, *, actor: str | None = None) -> datetime:
    """Refuses the client's token `subject` (a jti), or all tokens of the job `subject` issued until now; since when."""
    at = clock(tx)
    row = {
        "client_id": client_id,
        "subject": subject,
        "at": at,
        "expires_at": tx.scalar(select(now(LONGEST_S))),
    }
    upsert(tx, revocations, [row], key=["client_id", "subject"], update=["at", "expires_at"])
    if actor is not None:
        audit.note(tx, actor, client_id, "token.revoked", subject)
    return at


@reading
def standing(
    tx: Connection, client_id: str, key_id: str, jtis: Sequence[str], job_id: str | None
) -> Standing:
    """How things stand with a token of `client_id` made with `key_id`; `jtis` are its own and its parent's."""
    live = (
        select(clients.c.status)
        .join(api_keys, api_keys.c.client_id == clients.c.id)
        .where(
            clients.c.id == client_id,
            clients.c.status != "deleted",
            api_keys.c.id == key_id,
            api_keys.c.revoked_at.is_(None),
            (api_keys.c.expires_at.is_(None)) | (api_keys.c.expires_at > now()),
        )
    )
    subjects = [*jtis, job_id] if job_id else list(jtis)
    rows = tx.execute(
        select(revocations.c.subject, revocations.c.at).where(
            revocations.c.client_id == client_id, revocations.c.subject.in_(subjects)
        )
    )
    revoked = {row.subject: row.at for row in rows}
    return Standing(
        status=tx.scalar(live),
        token_revoked=any(jti in revoked for jti in jtis),
        job_revoked_at=revoked.get(job_id) if job_id else None,
    )


@transaction
def prune(tx: Connection, *, most: int = 500) -> int:
    """Deletes up to `most` revocations that concern no living token, and the keys that no living token needs."""
    old = tx.execute(
        select(revocations.c.client_id, revocations.c.subject)
        .where(revocations.c.expires_at < now())
        .order_by(revocations.c.expires_at)
        .limit(most)
    ).all()
    for row in sorted(old):
        tx.execute(
            delete(revocations).where(
                revocations.c.client_id == row.client_id,
                revocations.c.subject == row.subject,
                revocations.c.expires_at < now(),
            )
        )
    keys = tx.execute(delete(signing_keys).where(signing_keys.c.retired_at < now(-LONGEST_S - 60)))
    return len(old) + keys.rowcount


_time = reading(clock)


@transaction
def _first(tx: Connection, fernet: MultiFernet) -> SigningKey:
    refuse_another_key(tx, fernet)
    return next((key for key in _keyring(tx, fernet) if not key.retired), None) or _new_key(tx, fernet)


def _keyring(tx: Connection, fernet: MultiFernet) -> list[SigningKey]:
    rows = tx.execute(
        select(signing_keys.c.kid, signing_keys.c.secret, signing_keys.c.retired_at).order_by(
            signing_keys.c.created_at.desc(), signing_keys.c.kid
        )
    )
    return [
        SigningKey(row.kid, unsealed(fernet, row.secret, "tokens"), row.retired_at is not None)
        for row in rows
    ]


def _new_key(tx: Connection, fernet: MultiFernet) -> SigningKey:
    key = SigningKey(secrets.token_hex(8), secrets.token_bytes(32), retired=False)
    tx.execute(insert(signing_keys).values(kid=key.kid, secret=fernet.encrypt(key.secret), created_at=now()))
    return key

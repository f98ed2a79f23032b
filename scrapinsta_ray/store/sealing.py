"""Secrets at rest: sealed with the operator's key, opened by it, sealed anew with another one.

A sealer (settings.fernet) holds one key or several: the first seals, all open. To change the key, put the new one
first on every machine, call reseal, then take the old one away.
"""

from dataclasses import asdict, dataclass

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import Column, Connection, Table, select, update

from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import audit
from scrapinsta_ray.store.database import reading, transaction
from scrapinsta_ray.store.tables import accounts, signing_keys


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many secrets of each kind are now sealed with the first key."""

    passwords: int
    cookies: int
    second_factors: int
    signing_keys: int


def unsealed(fernet: MultiFernet, sealed: bytes, whose: str) -> bytes:
    """What was sealed. Raises Misconfigured if none of the keys is the one that sealed it."""
    try:
        return fernet.decrypt(sealed)
    except InvalidToken:
        raise _wrong_key(whose) from None


def refuse_another_key(tx: Connection, fernet: MultiFernet) -> None:
    """Raises Misconfigured if the keys do not open what is here: a store sealed with two keys serves nobody.

    One secret is tried: all are sealed by commands that called this first.
    """
    for column, name in (
        (accounts.c.password, accounts.c.username),
        (signing_keys.c.secret, signing_keys.c.kid),
    ):
        row = tx.execute(select(column.label("sealed"), name.label("name")).limit(1)).one_or_none()
        if row is not None:
            unsealed(fernet, row.sealed, row.name)


@reading
def opens(tx: Connection, fernet: MultiFernet) -> bool:
    """Do the keys open what is here? Yes if there is nothing."""
    try:
        refuse_another_key(tx, fernet)
    except Misconfigured:
        return False
    return True


@transaction
def reseal(tx: Connection, fernet: MultiFernet, *, actor: str | None = None) -> Resealed:
    """Seals every secret with the first key, all or none. Raises Misconfigured if one cannot be opened."""
    done = Resealed(
        passwords=_reseal(tx, fernet, accounts, accounts.c.username, accounts.c.password),
        cookies=_reseal(tx, fernet, accounts, accounts.c.username, accounts.c.cookies),
        second_factors=_reseal(tx, fernet, accounts, accounts.c.username, accounts.c.totp_secret),
        signing_keys=_reseal(tx, fernet, signing_keys, signing_keys.c.kid, signing_keys.c.secret),
    )
    if actor:
        audit.note(tx, actor, "", "secrets.resealed", "", **asdict(done))
    return done


def _reseal(
    tx: Connection, fernet: MultiFernet, table: Table, name: Column[str], secret: Column[bytes]
) -> int:
    there = select(name.label("name"), secret.label("sealed")).where(secret.is_not(None)).order_by(name)
    rows = tx.execute(there.with_for_update()).all()
    for row in rows:
        try:
            sealed = fernet.rotate(row.sealed)
        except InvalidToken:
            raise _wrong_key(row.name) from None
        tx.execute(update(table).where(name == row.name).values({secret: sealed}))
    return len(rows)


def _wrong_key(whose: str) -> Misconfigured:
    return Misconfigured(
        f"The secrets of {whose} were sealed with another key: add that one to SCRAPINSTA_SECRET_KEY "
        "or to secret.key, behind the new one."
    )

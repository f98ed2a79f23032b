"""Whom nobody collects or writes to again, known by a salted hash alone.

Whoever stores something under a name asks `among` first, in the same transaction. The salt's row stays share-locked
until that transaction ends, and `forget` locks it for itself alone: so nobody is forgotten while their name is on its
way into a table.
"""

import hmac
import secrets
from collections.abc import Collection

from sqlalchemy import Connection, select

from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import upsert
from scrapinsta_ray.store.tables import salts, suppressions

SALT = "forgotten"
MARK = "#"
"""What a hash begins with, and no username does."""
BEHIND = chr(ord(MARK) + 1)
"""Where names begin, in the order of the database."""

IS_HASH = (suppressions.c.username >= MARK, suppressions.c.username < BEHIND)
IS_NAME = suppressions.c.username >= BEHIND


# Made ahead: every page of a list and every profile goes through them.
_SALT = select(salts.c.value).where(salts.c.name == SALT)
_SALT_ALONE, _SALT_SHARED = _SALT.with_for_update(), _SALT.with_for_update(read=True)
_ANYBODY = select(suppressions.c.username).where(suppressions.c.client_id == "", *IS_HASH).limit(1)


def pseudonym(salt: bytes, username: str) -> str:
    """`#` and 28 hex digits of HMAC-SHA256: the same for the same name, and no way back without trying all names."""
    return MARK + hmac.digest(salt, username.encode(), "sha256").hex()[:28]


def salt(tx: Connection, *, alone: bool = False) -> bytes:
    """The salt, made on first use. Its row stays locked: shared, or for this transaction `alone`."""
    locked = _SALT_ALONE if alone else _SALT_SHARED
    found = tx.scalar(locked)
    if found is None:
        upsert(tx, salts, [{"name": SALT, "value": secrets.token_bytes(32)}], key=["name"])
        found = tx.execute(locked).scalar_one()
    return bytes(found)


def among(tx: Connection, usernames: Collection[str]) -> set[str]:
    """Who of `usernames` was forgotten. Nobody more is until this transaction has ended."""
    return set(pseudonyms(tx, usernames))


def pseudonyms(tx: Connection, usernames: Collection[str]) -> dict[str, str]:
    """Who of `usernames` was forgotten -> what stands for them."""
    if not usernames:
        return {}
    by = salt(tx)
    if not _anybody(tx):
        return {}
    names = {pseudonym(by, name): name for name in usernames}
    found: dict[str, str] = {}
    for some in chunks(names):
        query = select(suppressions.c.username).where(
            suppressions.c.client_id == "", suppressions.c.username.in_(some)
        )
        found |= {names[row]: row for row in tx.scalars(query)}
    return found


def _anybody(tx: Connection) -> bool:
    return tx.execute(_ANYBODY).first() is not None

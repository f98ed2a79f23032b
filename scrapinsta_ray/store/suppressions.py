"""Whom a client, or everybody, must not write to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.store import audit, forgotten
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import clock, reading, transaction, upsert
from scrapinsta_ray.store.tables import suppressions

EVERYBODY = ""
"""The client_id of what holds for all clients."""

OPTED_OUT = "opted_out"
"""The person said so: only the operator takes it back."""

_NAMED = 100
"""People whose hashes one entry of the audit log holds at most."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a list: `invalid` are no usernames, as they were given."""

    added: int
    already: int
    invalid: Sequence[str]


@dataclass(frozen=True, slots=True)
class Removed:
    """`kept` asked for it themselves; `unknown` were not on the list."""

    removed: int
    kept: Sequence[str]
    unknown: Sequence[str]


def among(tx: Connection, client_id: str, names: Sequence[str]) -> list[str]:
    """Who of `names` this client must not write to; those who were forgotten are `forgotten.among` besides."""
    return list(
        tx.scalars(
            select(suppressions.c.username).where(
                suppressions.c.client_id.in_([client_id, EVERYBODY]), suppressions.c.username.in_(names)
            )
        )
    )


def suppress(tx: Connection, client_id: str, username: str, reason: str) -> None:
    """This client never writes to `username` again. A wish of the person's own stands above any other reason."""
    _put(tx, client_id, [username], reason)


def _put(tx: Connection, client_id: str, names: Iterable[str], reason: str) -> None:
    common = {"client_id": client_id, "reason": reason, "created_at": clock(tx)}
    rows = [{**common, "username": name} for name in sorted(names)]
    above = ["reason"] if reason == OPTED_OUT else []
    upsert(tx, suppressions, rows, key=["client_id", "username"], update=above)


@transaction
def add(tx: Connection, actor: str, client_id: str, given: Sequence[str], reason: str) -> Added:
    """Puts people on the list of `client_id`, or of EVERYBODY; who is there already stays as they are.

    Who was forgotten is on everybody's list already, and their name is not stored again.
    """
    names, invalid = _sift(given)
    there, gone = _listed(tx, client_id, names), forgotten.among(tx, names)
    new = [name for name in names if name not in there and name not in gone]
    _put(tx, client_id, [*new, *there] if reason == OPTED_OUT else new, reason)
    if new:
        _note(tx, actor, client_id, "suppression.added", new, reason=reason)
    return Added(len(new), len(names) - len(new), invalid)


@transaction
def remove(
    tx: Connection, actor: str, client_id: str, given: Sequence[str], *, operator: bool = False
) -> Removed:
    """Takes people off the list. Who opted out themselves stays, unless the `operator` asks."""
    names, invalid = _sift(given)
    listed = _listed(tx, client_id, names)
    kept = [name for name in names if listed.get(name) == OPTED_OUT and not operator]
    gone = [name for name in names if name in listed and name not in kept]
    for some in chunks(gone):
        tx.execute(
            delete(suppressions).where(
                suppressions.c.client_id == client_id, suppressions.c.username.in_(some)
            )
        )
    if gone:
        _note(tx, actor, client_id, "suppression.removed", gone)
    return Removed(len(gone), kept, [*(name for name in names if name not in listed), *invalid])


@reading
def page(
    tx: Connection, client_id: str, *, prefix: str = "", after: str = "", limit: int = 100
) -> Sequence[Mapping[str, Any]]:
    """username, reason and created_at of up to `limit` people behind the name `after`, by name.

    Names that begin with `prefix`; hashes of forgotten people are nobody's to read.
    """
    query = (
        select(suppressions.c.username, suppressions.c.reason, suppressions.c.created_at)
        .where(suppressions.c.client_id == client_id, forgotten.IS_NAME, suppressions.c.username > after)
        .order_by(suppressions.c.username)
        .limit(limit)
    )
    if prefix:
        query = query.where(
            suppressions.c.username >= prefix, suppressions.c.username < prefix + "\x7f"
        )  # behind every character of a name
    return [dict(row) for row in tx.execute(query).mappings()]


@reading
def count(tx: Connection, client_id: str) -> tuple[int, int]:
    """How many people are on the list, and how many of them were forgotten."""
    where = suppressions.c.client_id == client_id
    every = select(func.count()).select_from(suppressions).where(where)
    return tx.execute(every).scalar_one(), tx.execute(every.where(*forgotten.IS_HASH)).scalar_one()


def _listed(tx: Connection, client_id: str, names: Sequence[str]) -> dict[str, str]:
    """username -> reason of those of `names` who are on this very list."""
    found: dict[str, str] = {}
    for some in chunks(names):
        rows = tx.execute(
            select(suppressions.c.username, suppressions.c.reason).where(
                suppressions.c.client_id == client_id, suppressions.c.username.in_(some)
            )
        )
        found |= {row.username: row.reason for row in rows}
    return found


def _sift(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Normal usernames, once each and in order; and those that are none."""
    names: dict[str, None] = {}
    invalid = []
    for raw in given:
        try:
            names[usernames.normalize(raw)] = None
        except ValueError:
            invalid.append(raw)
    return list(names), invalid


def _note(
    tx: Connection, actor: str, client_id: str, action: str, names: Sequence[str], **details: str
) -> None:
    """The log outlives whoever is forgotten: it has people by their hashes."""
    salt = forgotten.salt(tx)
    hashes = [forgotten.pseudonym(salt, name) for name in names[:_NAMED]]
    subject = hashes[0] if len(names) == 1 else f"{len(names)} people"
    audit.note(tx, actor, client_id, action, subject, **details, people=hashes)

"""Who changed what, and when: an entry in the same transaction as the change. Entries are only ever added.

Nothing in the package changes or deletes one; who gives the server's user no more than INSERT and SELECT on
`audit_log` has it from the server too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, cast, insert, select

from scrapinsta_ray.store.database import now, reading
from scrapinsta_ray.store.tables import audit_log

DISPATCHER = "dispatcher"
"""The actor of what happens by itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: `actor` did `action` to `subject`, a thing of `client_id` (empty: of everybody)."""

    id: int
    at: datetime
    actor: str
    client_id: str
    action: str
    subject: str
    details: dict[str, Any]


def note(tx: Connection, actor: str, client_id: str, action: str, subject: str, **details: Any) -> None:
    """Adds an entry, as part of the transaction that makes the change; it stands or falls with it.

    `actor` is `cli:<user>`, `key:<id>`, `token:<jti>` or DISPATCHER. Neither `subject` nor `details` may hold a
    secret, or the name of somebody who is to be forgotten.
    """
    entry = {
        "actor": _ascii(actor)[:64],
        "client_id": client_id,
        "action": action,
        "subject": subject[:100],
        "details": details or None,
    }
    tx.execute(insert(audit_log).values(at=now(), **entry))


@reading
def entries(
    tx: Connection,
    client_id: str | None = None,
    *,
    action: str | None = None,
    since: datetime | None = None,
    about: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Sequence[Entry]:
    """The newest `limit` entries, newest first; `before` is the id behind which to go on.

    `about` is the subject, or the hash of one of several people.
    `action` also stands for all that begin with it and a dot: `key` for `key.created`.
    """
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    if client_id is not None:
        query = query.where(audit_log.c.client_id == client_id)
    if action:
        query = query.where(
            (audit_log.c.action == action) | audit_log.c.action.startswith(f"{action}.", autoescape=True)
        )
    if about:
        is_named = cast(audit_log.c.details, String).contains(f'"{about}"', autoescape=True)
        query = query.where((audit_log.c.subject == about) | is_named)
    if since:
        query = query.where(audit_log.c.at >= since)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return [
        Entry(row.id, row.at, row.actor, row.client_id, row.action, row.subject, row.details or {})
        for row in tx.execute(query)
    ]


def _ascii(text: str) -> str:
    """A user of the machine may be called anything; the column is ASCII."""
    return text.encode("ascii", "backslashreplace").decode()

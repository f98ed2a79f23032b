"""Forgetting a person: everything collected about them goes, and only a salted hash of their name stays."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, Table, cast, delete, func, null, or_, select, update

from scrapinsta_ray.domain.models import UNFINISHED, TaskStatus
from scrapinsta_ray.store import audit, campaigns, forgotten
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import Database, clock, now, transaction, upsert
from scrapinsta_ray.store.indexes import change
from scrapinsta_ray.store.tables import (
    followings,
    job_tasks,
    jobs,
    media,
    messages_sent,
    profile_scores,
    profiles,
    suppressions,
    visits,
)

REASON = "forgotten"


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows by table: deleted where they were collected, emptied or renamed to `name` where they must stay."""

    name: str
    rows: Mapping[str, int]
    cancelled: int  # unfinished tasks about the person


def forget(db: Database, actor: str, username: str) -> Erased:
    """Erases `username` in one transaction, for good: nobody collects or writes to them again.

    Who is forgotten already, or was never known, may be forgotten all the same. Raises nothing of its own.
    """
    erased, job_ids = _forget(db, actor, username)
    campaigns.settle(db, job_ids)
    _leave_no_trace(db)
    return erased


@transaction
def _forget(tx: Connection, actor: str, username: str) -> tuple[Erased, set[str]]:
    name = forgotten.pseudonym(forgotten.salt(tx, alone=True), username)
    tasks, cancelled, job_ids = _erase_tasks(tx, username, name)  # first: a lease or result under way ends
    rows = {
        str(table.name): tx.execute(delete(table).where(table.c.username == username)).rowcount
        for table in (profiles, media, profile_scores, visits)
    }
    rows["followings"] = _erase_followings(tx, username)
    rows["job_tasks"] = tasks
    rows["jobs"] = _rename_in_jobs(tx, username, name)
    rows["messages_sent"] = _rename(tx, messages_sent, "dest_username", username, name)
    rows["suppressions"] = _rename(tx, suppressions, "username", username, name)
    row = {"client_id": "", "username": name, "reason": REASON, "created_at": clock(tx)}
    upsert(tx, suppressions, [row], key=["client_id", "username"], update=["reason"])
    audit.note(tx, actor, "", "person.forgotten", name, rows=rows, cancelled=cancelled)
    return Erased(name, rows, cancelled), job_ids


def _erase_followings(tx: Connection, username: str) -> int:
    """Their own list, and their row in everybody else's: an index probe a list."""
    own = tx.execute(delete(followings).where(followings.c.target_username == username)).rowcount
    targets = tx.scalars(select(followings.c.target_username).group_by(followings.c.target_username)).all()
    return own + sum(
        tx.execute(
            delete(followings).where(
                followings.c.target_username.in_(some), followings.c.username == username
            )
        ).rowcount
        for some in chunks(targets)
    )


def _erase_tasks(tx: Connection, username: str, name: str) -> tuple[int, int, set[str]]:
    """How many tasks were about them, how many of those were cancelled, and the jobs of these."""
    about = [
        row
        for client_id in _clients(tx, job_tasks)
        for row in tx.execute(
            select(job_tasks.c.id, job_tasks.c.job_id, job_tasks.c.status)
            .where(job_tasks.c.client_id == client_id, job_tasks.c.username == username)
            .order_by(job_tasks.c.id)
            .with_for_update()
        )
    ]
    unfinished = [row for row in about if row.status in UNFINISHED]
    emptied = {"username": name, "payload": null(), "result": null(), "reason": None}
    for some in chunks(row.id for row in about):
        tx.execute(change(some).values(emptied))
    for some in chunks(row.id for row in unfinished):
        tx.execute(change(some).values(status=TaskStatus.CANCELLED, reason_code=REASON, finished_at=now()))
    return len(about), len(unfinished), {row.job_id for row in unfinished}


def _rename_in_jobs(tx: Connection, username: str, name: str) -> int:
    """Jobs that name them in what was asked, in their key or in their end. Reads all jobs: there is no index for it.

    What a client wrote itself to be sent to others stays as it is.
    """
    texts = (cast(jobs.c.params, String), jobs.c.reason, jobs.c.idempotency_key)
    rows = tx.execute(
        select(jobs.c.id, jobs.c.params, jobs.c.reason, jobs.c.idempotency_key).where(
            or_(*(text.icontains(username, autoescape=True) for text in texts))
        )
    ).all()
    renamed = 0
    for row in rows:
        before = {"params": row.params, "reason": row.reason, "idempotency_key": row.idempotency_key}
        after = _without(before, _mention(username), name)
        if after != before:
            after["idempotency_key"] = after["idempotency_key"] and after["idempotency_key"][:100]
            after["reason"] = after["reason"] and after["reason"][:500]
            tx.execute(update(jobs).where(jobs.c.id == row.id).values(after))
            renamed += 1
    return renamed


_LEFT_ALONE = {"message"}


def _without(value: Any, mention: re.Pattern[str], name: str) -> Any:
    """`value` of JSON with every mention replaced by `name`."""
    match value:
        case str():
            return mention.sub(name, value)
        case list():
            return [_without(item, mention, name) for item in value]
        case dict():
            return {
                mention.sub(name, key): item if key in _LEFT_ALONE else _without(item, mention, name)
                for key, item in value.items()
            }
        case _:
            return value


def _mention(username: str) -> re.Pattern[str]:
    """The name as a whole, however it is written: not as a part of a longer one."""
    return re.compile(rf"(?<![\w.]){re.escape(username)}(?!\w|\.\w)", re.IGNORECASE | re.ASCII)


def _rename(tx: Connection, table: Table, column: str, username: str, name: str) -> int:
    """Their row of each client under the new name; what a client has under that name already stays."""
    renamed = 0
    for client_id in _clients(tx, table):
        of_client = table.c.client_id == client_id
        there = select(table.c[column]).where(of_client, table.c[column] == name)
        is_theirs = (of_client, table.c[column] == username)
        if tx.execute(there).first():
            renamed += tx.execute(delete(table).where(*is_theirs)).rowcount
        else:
            renamed += tx.execute(update(table).where(*is_theirs).values({column: name})).rowcount
    return renamed


def _clients(tx: Connection, table: Table) -> Iterator[str]:
    """Whose rows the table has: an index probe a client."""
    client_id = tx.scalar(select(func.min(table.c.client_id)))
    while client_id is not None:
        yield client_id
        client_id = tx.scalar(select(func.min(table.c.client_id)).where(table.c.client_id > client_id))


# ---- the file itself -------------------------------------------------------------------------------------


def _leave_no_trace(db: Database, *, tries: int = 10) -> None:
    """SQLite only marks deleted rows as free: the file is written anew, and its log emptied.

    With a reader that stays in the way, the log is emptied by whoever writes next.
    """
    if not db.is_sqlite:
        return
    with closing(db.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("VACUUM")
        for _ in range(tries):
            busy, *_pages = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
            time.sleep(0.1)

"""Following lists, page by page, so that a restarted task goes on where it stopped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from scrapinsta_ray.domain.models import Completeness, FollowingPage, Task, TaskStatus
from scrapinsta_ray.errors import StaleLease
from scrapinsta_ray.store import profiles
from scrapinsta_ray.store.database import reading, transaction
from scrapinsta_ray.store.tables import job_tasks


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a list is collected: so many rows, and the cursor behind them; `completeness` once it has ended."""

    collected: int = 0
    cursor: str | None = None
    completeness: Completeness | None = None


@reading
def reached(tx: Connection, task: Task) -> Reached:
    """Where to go on. From the start, if what was stored has no cursor: then the list was read off the page."""
    payload = tx.scalar(select(job_tasks.c.payload).where(job_tasks.c.id == task.id))
    found = _reached(payload or {})
    return found if found.cursor or found.completeness else Reached()


def _reached(payload: Mapping[str, Any]) -> Reached:
    ended = payload.get("completeness")
    return Reached(
        int(payload.get("collected", 0)), payload.get("cursor"), Completeness(ended) if ended else None
    )


@transaction
def save_page(tx: Connection, task: Task, page: FollowingPage, *, start: int) -> Reached:
    """Stores a page whose first row has place `start`, and in the task's payload how far that is.

    Raises StaleLease, with nothing stored, if the task is somebody else's by now.
    """
    now_at = Reached(start + len(page.users), page.next_cursor, page.completeness)
    payload = {
        **task.payload,
        "collected": now_at.collected,
        "cursor": now_at.cursor,
        "completeness": now_at.completeness,
    }
    kept = tx.execute(_KEPT, {"task": task.id, "lease": task.lease_id, "reached": payload})
    if kept.rowcount != 1:
        raise StaleLease()
    profiles.store_followings(tx, task.username, page.users, start=start)
    return now_at


_KEPT = (
    update(job_tasks)
    .where(
        job_tasks.c.id == bindparam("task"),
        job_tasks.c.lease_id == bindparam("lease"),
        job_tasks.c.status == TaskStatus.SENT,
    )
    .values(payload=bindparam("reached"))
)

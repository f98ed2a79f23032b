"""Following lists, page by page, so that a restarted task goes on where it stopped."""

from sqlalchemy import Connection, update

from scrapinsta_ray.domain.models import FollowingPage, Task, TaskStatus
from scrapinsta_ray.errors import StaleLease
from scrapinsta_ray.store import profiles
from scrapinsta_ray.store.database import transaction
from scrapinsta_ray.store.tables import job_tasks


@transaction
def save_page(tx: Connection, task: Task, page: FollowingPage, *, start: int) -> None:
    """Stores a page whose first row has place `start`, and the cursor behind it in the task's payload.

    Raises StaleLease, with nothing stored, if the task is somebody else's by now.
    """
    payload = {**task.payload, "cursor": page.next_cursor, "collected": start + len(page.users)}
    kept = tx.execute(
        update(job_tasks)
        .where(
            job_tasks.c.id == task.id,
            job_tasks.c.lease_id == task.lease_id,
            job_tasks.c.status == TaskStatus.SENT,
        )
        .values(payload=payload)
    )
    if kept.rowcount != 1:
        raise StaleLease()
    profiles.store_followings(tx, task.username, page.users, start=start)

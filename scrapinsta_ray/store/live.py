"""How far jobs are, for whoever watches them: all watched jobs in one statement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from scrapinsta_ray.domain.models import JobStatus, TaskStatus
from scrapinsta_ray.store.database import reading
from scrapinsta_ray.store.tables import job_tasks, jobs

SHOWN: tuple[TaskStatus, ...] = tuple(s for s in TaskStatus if s is not TaskStatus.DELAYED)
"""The contract's states, in the order of the summary."""

ENDED = (JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED)
"""States of a job in which nothing changes by itself."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One job's tasks by state, and its own state; `total_items` is known before its tasks are made."""

    job_id: str
    kind: str
    status: str
    total_items: int
    counts: Mapping[TaskStatus, int]


@reading
def family(tx: Connection, client_id: str | None, job_id: str) -> list[str]:
    """The job and, of a campaign, its stages in order; empty if the client has no such job. None is the operator."""
    own = select(jobs.c.id).where(jobs.c.id == job_id)
    if client_id is not None:
        own = own.where(jobs.c.client_id == client_id)
    if tx.scalar(own) is None:
        return []
    return [
        job_id,
        *tx.scalars(select(jobs.c.id).where(jobs.c.campaign_id == job_id).order_by(jobs.c.stage)),
    ]


@reading
def look(tx: Connection, job_ids: Collection[str]) -> dict[str, Progress]:
    """`progress_of` as a transaction."""
    return progress_of(tx, job_ids)


def progress_of(tx: Connection, job_ids: Collection[str]) -> dict[str, Progress]:
    """job_id -> how far it is, of those that are there; one statement, by the index of a job's tasks."""
    if not job_ids:
        return {}
    columns = (jobs.c.id, jobs.c.kind, jobs.c.status, jobs.c.total_items)
    rows = tx.execute(
        select(*columns, job_tasks.c.status.label("task_status"), func.count(job_tasks.c.job_id).label("n"))
        .join(job_tasks, job_tasks.c.job_id == jobs.c.id, isouter=True)
        .where(jobs.c.id.in_(sorted(job_ids)))
        .group_by(*columns, job_tasks.c.status)
    )
    found: dict[str, Progress] = {}
    for row in rows:
        counts: dict[TaskStatus, int] = dict.fromkeys(SHOWN, 0)
        if row.id in found:
            counts.update(found[row.id].counts)
        if row.task_status:
            counts[TaskStatus(row.task_status).shown] += row.n
        found[row.id] = Progress(row.id, row.kind, row.status, row.total_items, counts)
    return found

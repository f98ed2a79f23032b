"""Whom a finished job brought: the people that the next stage goes on with."""

from typing import Any

from sqlalchemy import Connection, Select, and_, select

from scrapinsta_ray.domain.models import Kind, TaskStatus
from scrapinsta_ray.domain.scoring import MODEL
from scrapinsta_ray.store import forgotten
from scrapinsta_ray.store.tables import followings, job_tasks, jobs, profile_scores


def of_job(tx: Connection, client_id: str, job_id: str, min_score: float | None) -> tuple[list[str], int]:
    """People found by a job of this client, best first, and how many fell below `min_score`.

    A campaign stands for its analysis. Raises LookupError if the client has no such job.
    """
    job = tx.execute(select(jobs).where(jobs.c.id == job_id, jobs.c.client_id == client_id)).one_or_none()
    if job is None:
        raise LookupError(job_id)
    if job.kind == Kind.CAMPAIGN:
        job_id = tx.execute(
            select(jobs.c.id).where(jobs.c.campaign_id == job_id, jobs.c.stage == 2)
        ).scalar_one()
    if job.kind == Kind.FETCH_FOLLOWINGS:
        return followed(tx, job_id), 0
    return best(tx, job_id, min_score)


def followed(tx: Connection, job_id: str) -> list[str]:
    """Usernames that a fetch job collected, in the order of the list; who was forgotten since is left out."""
    names = [row.username for row in tx.execute(following_rows(tx, job_id))]
    return _without_forgotten(tx, names)


def following_rows(tx: Connection, job_id: str) -> Select[Any]:
    """SELECT of what the fetch job saw: rows of its target's list no older than the job, up to its limit."""
    job = tx.execute(select(jobs.c.params, jobs.c.created_at).where(jobs.c.id == job_id)).one()
    return (
        select(followings)
        .where(
            followings.c.target_username == job.params["target_username"],
            followings.c.position < job.params["limit"],
            followings.c.seen_at >= job.created_at,
        )
        .order_by(followings.c.position)
    )


def analysis_rows(job_id: str, *columns: Any) -> Select[Any]:
    """SELECT `columns` of the profiles that an analysis read, each beside its score by the current model, if any."""
    scored = and_(profile_scores.c.username == job_tasks.c.username, profile_scores.c.model == MODEL)
    was_read = (job_tasks.c.status == TaskStatus.OK, job_tasks.c.reason_code.is_(None))  # not private, say
    return (
        select(*columns)
        .select_from(job_tasks)
        .join(profile_scores, scored, isouter=True)
        .where(job_tasks.c.job_id == job_id, *was_read)
    )


def best(tx: Connection, job_id: str, min_score: float | None) -> tuple[list[str], int]:
    """Usernames of an analysis, best success score first; those without a score or below are counted, not given.

    Who was forgotten has no score any more.
    """
    rows = tx.execute(analysis_rows(job_id, job_tasks.c.username, profile_scores.c.success)).all()
    scored = sorted(((s, name) for name, s in rows if s is not None and s >= (min_score or 0)), reverse=True)
    names = _without_forgotten(tx, [name for _score, name in scored])
    return names, len(rows) - len(scored)


def _without_forgotten(tx: Connection, names: list[str]) -> list[str]:
    gone = forgotten.among(tx, names)
    return [name for name in names if name not in gone]

"""Cancel, pause, resume, retry: changes of state, which the fleet and the extensions find in the database.

A campaign's stage stands for its campaign, except for a retry. A pause and whatever makes tasks `queued` again
(`promote`, `rescue`) take the job's row in turns, so that nothing slips past a pause.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, case, null, or_, select, update

from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind, TaskStatus
from scrapinsta_ray.store import audit, campaigns, forgotten, templates, visits
from scrapinsta_ray.store.database import AnyRow, Database, now, transaction
from scrapinsta_ray.store.tables import job_tasks, jobs
from scrapinsta_ray.store.tasks import FOR_EVER, PARKED


@transaction
def cancel(tx: Connection, client_id: str, job_id: str, *, actor: str | None = None) -> bool:
    """Cancels a job or campaign with its unfinished tasks; False if the client has no such job."""
    family = _lock_family(tx, client_id, job_id)
    ids = [job.id for job in family]
    tx.execute(
        update(job_tasks)
        .where(job_tasks.c.job_id.in_(ids), job_tasks.c.status.in_(UNFINISHED))
        .values(status=TaskStatus.CANCELLED, reason_code="cancelled", finished_at=now())
    )
    campaigns.close_jobs(tx, ids, JobStatus.CANCELLED, "cancelled")
    _note(tx, actor, client_id, "job.cancelled", job_id, family)
    return bool(family)


@transaction
def pause(tx: Connection, client_id: str, job_id: str, *, actor: str | None = None) -> bool:
    """Leases nothing more of it; what is in somebody's hands may end. False if the client has no such job."""
    family = _lock_family(tx, client_id, job_id)
    running = [job.id for job in family if job.status == JobStatus.RUNNING]
    _set_status(tx, running, JobStatus.PAUSED)
    tx.execute(
        update(job_tasks)
        .where(job_tasks.c.job_id.in_(running), job_tasks.c.status == TaskStatus.QUEUED)
        .values(PARKED)
    )
    _note(tx, actor, client_id, "job.paused", job_id, family)
    return bool(family)


def resume(db: Database, client_id: str, job_id: str, *, actor: str | None = None) -> bool:
    """Goes on where `pause` stopped; False if the client has no such job."""
    resumed = _resume(db, client_id, job_id, actor)
    campaigns.settle(db, resumed)  # its last tasks may have ended during the pause
    return bool(resumed)


@transaction
def _resume(tx: Connection, client_id: str, job_id: str, actor: str | None) -> list[str]:
    family = _lock_family(tx, client_id, job_id)
    ids = [job.id for job in family]
    _note(tx, actor, client_id, "job.resumed", job_id, family)
    _set_status(tx, ids, JobStatus.RUNNING, only=JobStatus.PAUSED)
    tx.execute(
        update(job_tasks)
        .where(
            job_tasks.c.job_id.in_(ids),
            job_tasks.c.status == TaskStatus.DELAYED,
            job_tasks.c.available_at == FOR_EVER,
        )
        .values(status=TaskStatus.QUEUED, available_at=None, reason_code=None)
    )
    return ids


@transaction
def retry(tx: Connection, client_id: str, job_id: str, *, actor: str | None = None) -> bool:
    """Failed tasks of a job, or of all stages of a campaign, back to `queued` with all their attempts.

    A message that may have left keeps its mark; who had the same template's text from another job meanwhile, or was
    forgotten, is left out. Cancelled and paused jobs stay as they are, and so do all stages of
    such a campaign. False if the client has no such job.
    """
    family = _lock_family(tx, client_id, job_id)
    resting = any(job.kind == Kind.CAMPAIGN and job.status not in _RETRIED for job in family)
    named = [] if resting else [job for job in family if job_id in (job.id, job.campaign_id)]
    chosen = [job for job in named if job.status in _RETRIED]
    failed = [job.id for job in chosen if _requeue_failed(tx, job.id)]
    if failed:
        wake = failed + [job.id for job in family if job.kind == Kind.CAMPAIGN and job.status in _RETRIED]
        _set_status(tx, wake, JobStatus.RUNNING)
        skipped = [job.id for job in family if job.reason_code == campaigns.EARLIER_STAGE_FAILED]
        _set_status(tx, skipped, JobStatus.PENDING)
    _note(tx, actor, client_id, "job.retried", job_id, family)
    return bool(family)


_RETRIED = (JobStatus.DONE, JobStatus.ERROR, JobStatus.RUNNING)


def _requeue_failed(tx: Connection, job_id: str) -> bool:
    in_doubt = and_(
        job_tasks.c.kind == Kind.SEND_MESSAGE, job_tasks.c.reason_code.in_(["lease_expired", "unknown"])
    )
    visits.forget_failures(tx, job_id)
    changed = tx.execute(
        update(job_tasks)
        .where(
            job_tasks.c.job_id == job_id,
            job_tasks.c.status == TaskStatus.ERROR,
            job_tasks.c.username >= forgotten.BEHIND,  # has a name: nobody forgot the person
            or_(job_tasks.c.kind != Kind.SEND_MESSAGE, job_tasks.c.payload.is_not(null())),  # nor the text
            job_tasks.c.id.not_in(templates.had_by_another(tx, job_id)),
        )
        .values(
            maybe_sent=case((in_doubt, True), else_=job_tasks.c.maybe_sent),
            status=TaskStatus.QUEUED,
            attempts=0,
            lease_id=None,
            lease_expires_at=None,
            available_at=None,
            reason_code=None,
            reason=None,
            result=None,
            finished_at=None,
        )
    )
    return changed.rowcount > 0


def _lock_family(tx: Connection, client_id: str, job_id: str) -> Sequence[AnyRow]:
    """The job, its campaign and all its stages, locked in the order of their ids; empty if it is not the client's."""
    own = select(jobs.c.id, jobs.c.campaign_id).where(jobs.c.id == job_id, jobs.c.client_id == client_id)
    row = tx.execute(own).one_or_none()
    if row is None:
        return []
    root = row.campaign_id or row.id
    ids = [root, *tx.scalars(select(jobs.c.id).where(jobs.c.campaign_id == root))]
    locked: Any = select(jobs).where(jobs.c.id.in_(sorted(ids))).order_by(jobs.c.id).with_for_update()
    return tx.execute(locked).all()


def _note(
    tx: Connection, actor: str | None, client_id: str, action: str, job_id: str, family: Sequence[AnyRow]
) -> None:
    """Somebody asked for it; what was there to change is another matter. Nobody hears of other clients' jobs."""
    if actor is not None and family:
        status = next(job.status for job in family if job.id == job_id)
        audit.note(tx, actor, client_id, action, job_id, was=status)


def _set_status(
    tx: Connection, ids: Sequence[str], status: JobStatus, *, only: JobStatus | None = None
) -> None:
    where = [jobs.c.id.in_(ids), *([jobs.c.status == only] if only else [])]
    tx.execute(
        update(jobs).where(*where).values(status=status, reason_code=None, reason=None, finished_at=None)
    )

"""How jobs end, and how the end of one stage begins the next: exactly once, in one transaction a step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, or_, select, update

from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind, TaskStatus
from scrapinsta_ray.errors import TemplateRetired, UnknownTemplate
from scrapinsta_ray.store import candidates, templates, visits
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import AnyRow, Database, clock, reading, transaction
from scrapinsta_ray.store.jobs import SKIPS, Asked, Outreach, add_messages, add_tasks
from scrapinsta_ray.store.tables import job_tasks, jobs

EARLIER_STAGE_FAILED = "earlier_stage_failed"


def settle(db: Database, job_ids: Iterable[str]) -> bool:
    """Ends those of `job_ids` that have no unfinished task left; are there any? What comes after them has begun then.

    Call it after the commit that ended tasks: then the last of two racing results sees that it is the last.
    """
    idle = [job_id for some in chunks(sorted(set(job_ids))) for job_id in _idle(db, some)]
    for job_id in idle:
        _end(db, job_id)
    return bool(idle)


_UNFINISHED = or_(  # the likeliest first: mostly it is the only probe that is made
    *(
        exists().where(job_tasks.c.job_id == jobs.c.id, job_tasks.c.status == status)
        for status in (TaskStatus.QUEUED, TaskStatus.SENT, TaskStatus.DELAYED)
    )
)
_IDLE = (
    select(jobs.c.id)
    .where(jobs.c.id.in_(bindparam("ids", expanding=True)), jobs.c.status == JobStatus.RUNNING, ~_UNFINISHED)
    .order_by(jobs.c.id)
)


@reading
def _idle(tx: Connection, job_ids: Sequence[str]) -> Sequence[str]:
    """Those of the jobs that run without an unfinished task: an index probe or few for each, in one statement."""
    return tx.scalars(_IDLE, {"ids": job_ids}).all()


@dataclass(frozen=True, slots=True)
class Round:
    """A part of the running jobs: those of them that are stragglers, and where the next part begins, "" at the end."""

    stragglers: Sequence[str]
    next: str


@reading
def stragglers(tx: Connection, after: str = "", *, most: int = 500) -> Round:
    """Running jobs without an unfinished task: somebody died between ending a task and settling its job.

    Looks at `most` jobs from `after` on: about one index entry for each, however many tasks and jobs there are.
    """
    rows = tx.execute(
        select(jobs.c.id, _UNFINISHED.label("unfinished"))
        .where(jobs.c.status == JobStatus.RUNNING, jobs.c.id > after)
        .order_by(jobs.c.id)
        .limit(most)
    ).all()
    idle = [row.id for row in rows if not row.unfinished]
    campaigns = _campaigns_among(tx, idle)
    return Round(
        [job_id for job_id in idle if job_id not in campaigns], rows[-1].id if len(rows) == most else ""
    )


def _campaigns_among(tx: Connection, ids: Sequence[str]) -> set[str]:
    """Those have no tasks of their own."""
    of_kind = select(jobs.c.id).where(jobs.c.id.in_(ids), jobs.c.kind == Kind.CAMPAIGN)
    return set(tx.scalars(of_kind)) if ids else set()


def _any_task(tx: Connection, job_id: str, statuses: Iterable[TaskStatus]) -> bool:
    """An index probe a status, whatever the size of the job."""
    probe = (
        select(job_tasks.c.id)
        .where(job_tasks.c.job_id == job_id, job_tasks.c.status.in_(list(statuses)))
        .limit(1)
    )
    return tx.execute(probe).first() is not None


@transaction
def _end(tx: Connection, job_id: str) -> None:
    job = tx.execute(select(jobs).where(jobs.c.id == job_id).with_for_update()).one_or_none()
    if job is None or job.kind == Kind.CAMPAIGN:  # a campaign ends with its stages
        return
    if job.status == JobStatus.RUNNING and not _any_task(tx, job_id, UNFINISHED):
        _close(tx, job)


def _close(tx: Connection, job: AnyRow) -> None:
    """The end of a job, and of its campaign or the beginning of its next stage with it."""
    status, code, reason = _outcome(tx, job)
    close_jobs(tx, [job.id], status, code, reason)
    if job.campaign_id is None:
        return
    if status is JobStatus.ERROR:
        pending = _stages(tx, job.campaign_id, [JobStatus.PENDING])
        close_jobs(tx, [stage.id for stage in pending], JobStatus.CANCELLED, EARLIER_STAGE_FAILED)
        close_jobs(tx, [job.campaign_id], JobStatus.ERROR, code, reason)
        return
    unfinished = _stages(tx, job.campaign_id, [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED])
    following = [stage for stage in unfinished if stage.stage == job.stage + 1]
    if following and following[0].status == JobStatus.PENDING:
        _begin(tx, following[0], after=job)
    elif not unfinished:
        failed = _stages(tx, job.campaign_id, [JobStatus.ERROR])  # and was not retried with this one
        close_jobs(tx, [job.campaign_id], JobStatus.ERROR if failed else JobStatus.DONE, None)


def _stages(tx: Connection, campaign_id: str, statuses: Sequence[JobStatus]) -> Sequence[AnyRow]:
    """Those of a campaign's stages that are in one of `statuses`, locked."""
    return tx.execute(
        select(jobs)
        .where(jobs.c.campaign_id == campaign_id, jobs.c.status.in_(statuses))
        .order_by(jobs.c.stage)
        .with_for_update()
    ).all()


def _begin(tx: Connection, job: AnyRow, *, after: AnyRow) -> None:
    """Makes the stage's tasks from what the stage before brought; a stage without any ends at once."""
    asked = Asked(job.client_id, job.account, job.priority, job.max_attempts)
    if job.kind == Kind.SEND_MESSAGE and (why := _unusable(tx, job)):
        close_jobs(tx, [job.id, job.campaign_id], JobStatus.ERROR, *why)
        return
    if job.kind == Kind.ANALYZE_PROFILE:
        total, skipped = _begin_analysis(tx, asked, job, after), None
    else:
        total, skipped = _begin_messages(tx, asked, job, after)
    tx.execute(
        update(jobs)
        .where(jobs.c.id == job.id)
        .values(status=JobStatus.RUNNING, total_items=total, skipped=skipped)
    )
    if total == 0 or not _any_task(tx, job.id, UNFINISHED):
        _close(tx, job)


def _begin_analysis(tx: Connection, asked: Asked, job: AnyRow, after: AnyRow) -> int:
    names = candidates.followed(tx, after.id)
    add_tasks(tx, asked, job.id, Kind.ANALYZE_PROFILE, [(name, None) for name in names])
    visits.reuse_at_once(tx, job.id, job.params.get("max_age_hours") or 0)
    return len(names)


def _unusable(tx: Connection, job: AnyRow) -> tuple[str, str] | None:
    """Code and reason if what the campaign is to write was retired since it was asked for."""
    if template_id := job.params.get("template_id"):
        try:
            templates.text_of(tx, job.client_id, template_id)
        except (TemplateRetired, UnknownTemplate) as gone:
            return gone.code, gone.message
    return None


def _begin_messages(tx: Connection, asked: Asked, job: AnyRow, after: AnyRow) -> tuple[int, dict[str, int]]:
    outreach = Outreach(**job.params)
    found, below = candidates.best(tx, after.id, outreach.min_success_score)
    total, left_out = add_messages(tx, asked, job.id, outreach, found)
    return total, {reason: left_out[reason] for reason in SKIPS} | {"below_score": below}


def _outcome(tx: Connection, job: AnyRow) -> tuple[JobStatus, str | None, str | None]:
    """Status, reason code and reason of a job whose tasks have all ended.

    `error` when none ended ok and one ended badly. A job of one task has that task's reason.
    """
    if not _any_task(tx, job.id, [TaskStatus.OK]) and _any_task(tx, job.id, [TaskStatus.ERROR]):
        code, reason = _reason(tx, job.id, TaskStatus.ERROR)
        return JobStatus.ERROR, code, reason
    if job.kind == Kind.FETCH_FOLLOWINGS:
        return JobStatus.DONE, *_reason(tx, job.id, TaskStatus.OK)
    return JobStatus.DONE, None, None


def _reason(tx: Connection, job_id: str, status: TaskStatus) -> tuple[str | None, str | None]:
    row = tx.execute(
        select(job_tasks.c.reason_code, job_tasks.c.reason)
        .where(job_tasks.c.job_id == job_id, job_tasks.c.status == status)
        .limit(1)
    ).first()
    return (row.reason_code, row.reason) if row else (None, None)


def close_jobs(
    tx: Connection, ids: Sequence[str], status: JobStatus, code: str | None, reason: str | None = None
) -> None:
    """Ends those of the jobs that have not ended yet. Part of a transaction."""
    tx.execute(
        update(jobs)
        .where(
            jobs.c.id.in_(ids), jobs.c.status.in_([JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED])
        )
        .values(status=status, reason_code=code, reason=reason, finished_at=clock(tx))
    )

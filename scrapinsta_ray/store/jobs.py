"""Enqueuing: what a client asks for becomes a job and its tasks, in one transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, exc, exists, insert, or_, select

from scrapinsta_ray.domain import messages, usernames
from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind, TaskStatus
from scrapinsta_ray.errors import PersonForgotten, RateLimited, TooManyTasks
from scrapinsta_ray.store import candidates, counters, forgotten, ledger, meters, templates, visits
from scrapinsta_ray.store.database import Database, clock, insert_alike, reading, transaction
from scrapinsta_ray.store.ids import new_job_id
from scrapinsta_ray.store.tables import followings, job_tasks, jobs
from scrapinsta_ray.telemetry import context, counts

SKIPS = ("already_contacted", "cool_off", "suppressed", "invalid", "duplicate", "below_score")
"""Why a person is left out of a job, in the contract's words."""

DEDUPED = ("already_contacted", "cool_off", "suppressed", "duplicate")
"""Those of them that say: it was done, or asked for, before."""

STAGES = (Kind.FETCH_FOLLOWINGS, Kind.ANALYZE_PROFILE, Kind.SEND_MESSAGE)
"""A campaign's stages, in order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what all kinds of jobs have in common."""

    client_id: str
    account: str = ""
    priority: int = 5
    max_attempts: int = 4
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Outreach:
    """Whom to write to and what: a `message`, or the newest version of a template when the tasks are made.

    `cool_off_days` None: never a second time.
    """

    message: str | None = None
    usernames: Sequence[str] = ()
    from_job: str | None = None
    min_success_score: float | None = None
    limit: int | None = None
    cool_off_days: int | None = None
    dry_run: bool = False
    template_id: str | None = None

    def params(self) -> dict[str, Any]:
        """What the job's row keeps of it."""
        return {
            "message": self.message,
            "min_success_score": self.min_success_score,
            "limit": self.limit,
            "cool_off_days": self.cool_off_days,
            "dry_run": self.dry_run,
            "template_id": self.template_id,
        }


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The job that stands for what was asked; `stages` of a campaign as (kind, job_id)."""

    job_id: str
    total_items: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    stages: Sequence[tuple[str, str]] = ()


# ---- the four things that can be asked for ---------------------------------------------------------------


def enqueue_fetch(db: Database, asked: Asked, target: str, limit: int) -> Enqueued:
    """Collect the first `limit` accounts that `target` follows. Raises PersonForgotten."""

    def make(tx: Connection, job_id: str) -> Enqueued:
        _refuse_forgotten(tx, target)
        add_job(
            tx, asked, job_id, Kind.FETCH_FOLLOWINGS, {"target_username": target, "limit": limit}, total=1
        )
        add_tasks(tx, asked, job_id, Kind.FETCH_FOLLOWINGS, [(target, {"limit": limit})])
        return Enqueued(job_id, 1)

    return _once(db, asked, make)


def enqueue_analysis(
    db: Database,
    asked: Asked,
    names: Sequence[str],
    extra: Mapping[str, Any] | None,
    *,
    max_age_hours: float = 0,
) -> Enqueued:
    """Read and score each of `names`; no usernames, doubles and the forgotten are left out and counted.

    Profiles visited within `max_age_hours` are not visited again.
    """
    named, sifted = sift(names)

    def make(tx: Connection, job_id: str) -> Enqueued:
        good, skipped = _without_forgotten(tx, named, sifted)
        count_dedupes(tx, skipped)
        params = {"extra": extra, "max_age_hours": max_age_hours}
        add_job(tx, asked, job_id, Kind.ANALYZE_PROFILE, params, total=len(good), skipped=skipped)
        add_tasks(tx, asked, job_id, Kind.ANALYZE_PROFILE, [(name, None) for name in good])
        if not good:
            _set_total(tx, job_id, 0, skipped)
        elif visits.reuse_at_once(tx, job_id, max_age_hours) == len(good):
            _end_as_reused(tx, job_id)
        return Enqueued(job_id, len(good), skipped)

    return _once(db, asked, make)


def _end_as_reused(tx: Connection, job_id: str) -> None:
    """The end of a new job of which no task is left to do: as `campaigns.settle` would say it."""
    ok = exists().where(job_tasks.c.job_id == job_id, job_tasks.c.status == TaskStatus.OK)
    any_ok = tx.scalar(select(ok))
    tx.execute(
        jobs.update()
        .where(jobs.c.id == job_id)
        .values(
            status=JobStatus.DONE if any_ok else JobStatus.ERROR,
            reason_code=None if any_ok else "not_found",
            finished_at=clock(tx),
        )
    )


def enqueue_messages(db: Database, asked: Asked, outreach: Outreach) -> Enqueued:
    """Write to people, named or found by another job of the same client.

    Raises LookupError for an unknown job, UnknownTemplate and TemplateRetired.
    """

    def make(tx: Connection, job_id: str) -> Enqueued:
        found, skipped = _people(tx, asked.client_id, outreach)
        count_dedupes(tx, skipped)
        add_job(tx, asked, job_id, Kind.SEND_MESSAGE, outreach.params(), total=0)
        total, left_out = add_messages(tx, asked, job_id, outreach, found)
        every = Counter(skipped) + Counter(left_out)
        _set_total(tx, job_id, total, every)
        return Enqueued(job_id, total, _with_zeros(every))

    return _once(db, asked, make)


def enqueue_campaign(
    db: Database, asked: Asked, target: str, limit: int, analyze: Mapping[str, Any], outreach: Outreach
) -> Enqueued:
    """Followings of `target`, then their analysis, then messages to the best; each stage begins by itself.

    Raises PersonForgotten, UnknownTemplate and TemplateRetired.
    """

    def make(tx: Connection, job_id: str) -> Enqueued:
        _refuse_forgotten(tx, target)
        _text(tx, asked.client_id, outreach)
        params = {"target_username": target, "limit": limit}
        add_job(tx, asked, job_id, Kind.CAMPAIGN, params, total=0)
        stages = [(kind, new_job_id()) for kind in STAGES]
        every_params = [params, dict(analyze), outreach.params()]
        for number, ((kind, stage_id), stage_params) in enumerate(zip(stages, every_params, strict=True), 1):
            status = JobStatus.RUNNING if number == 1 else JobStatus.PENDING
            add_job(
                tx,
                asked,
                stage_id,
                kind,
                stage_params,
                total=int(number == 1),
                stage=(job_id, number),
                status=status,
            )
        add_tasks(tx, asked, stages[0][1], Kind.FETCH_FOLLOWINGS, [(target, {"limit": limit})])
        return Enqueued(job_id, 0, stages=[(str(kind), stage_id) for kind, stage_id in stages])

    return _once(db, asked, make)


# ---- what would become of it -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Whom an outreach would reach now, and how many it would leave out, by reason."""

    people: Sequence[str]
    skipped: Mapping[str, int]


@transaction
def foresee(tx: Connection, client_id: str, outreach: Outreach) -> Foreseen:
    """What `enqueue_messages` would do, without doing it. Raises as it does."""
    found, skipped = _people(tx, client_id, outreach)
    free, blocked = _sorted_out(tx, client_id, outreach, found)
    return Foreseen(free, _with_zeros(Counter(skipped) + Counter(blocked.values())))


@transaction
def foresee_campaign(tx: Connection, client_id: str, target: str, outreach: Outreach) -> Foreseen:
    """The same among those whom `target` is known to follow, from earlier visits. Raises PersonForgotten."""
    _refuse_forgotten(tx, target)
    known = tx.scalars(
        select(followings.c.username)
        .where(followings.c.target_username == target)
        .order_by(followings.c.position)
        .limit(10_000)
    )
    free, blocked = _sorted_out(tx, client_id, outreach, list(known))
    return Foreseen(free, _with_zeros(Counter(blocked.values())))


@reading
def request_ids(tx: Connection, job_ids: Iterable[str]) -> dict[str, str | None]:
    """Which request made each of the jobs; a campaign's stages are made by the request for the campaign."""
    query = select(jobs.c.id, jobs.c.request_id).where(jobs.c.id.in_(sorted(job_ids)))
    return {row.id: row.request_id for row in tx.execute(query)}


# ---- once per idempotency key ----------------------------------------------------------------------------


def _once(db: Database, asked: Asked, make: Callable[[Connection, str], Enqueued]) -> Enqueued:
    """Runs `make` in a transaction, unless the client's idempotency key has a job already: then that one.

    Raises RateLimited, or TooManyTasks: that costs as much as an enqueue, since tasks were counted for it. The answer
    to a key that has a job costs nothing.
    """
    if before := _already(db, asked):
        counts.add("dedupe_hits", reason="idempotency_key")
        return before
    job_id = new_job_id()
    try:
        return _enqueue(db, asked, job_id, make)
    except (exc.IntegrityError, RateLimited) as refused:
        # Another request with the same key came first, or our own commit went through with its answer lost.
        if before := _already(db, asked, job_id):
            return before
        if isinstance(refused, TooManyTasks):
            transaction(meters.spend)(db, asked.client_id, meters.ENQUEUES)
        raise


@transaction
def _enqueue(
    tx: Connection, asked: Asked, job_id: str, make: Callable[[Connection, str], Enqueued]
) -> Enqueued:
    """`make` within the client's limits. What a campaign's later stages bring is counted, but never refused."""
    meters.spend(tx, asked.client_id, meters.ENQUEUES)
    room = meters.room_for_tasks(tx, asked.client_id)
    made = make(tx, job_id)
    room.check(tx, made.total_items or len(made.stages[:1]))
    return made


@reading
def _already(tx: Connection, asked: Asked, job_id: str | None = None) -> Enqueued | None:
    where = [jobs.c.client_id == asked.client_id]
    if asked.idempotency_key:
        where.append(jobs.c.idempotency_key == asked.idempotency_key)
    elif job_id:
        where.append(jobs.c.id == job_id)
    else:
        return None
    row = tx.execute(select(jobs.c.id, jobs.c.total_items, jobs.c.skipped).where(*where)).one_or_none()
    if row is None:
        return None
    stages = tx.execute(
        select(jobs.c.kind, jobs.c.id).where(jobs.c.campaign_id == row.id).order_by(jobs.c.stage)
    )
    return Enqueued(row.id, row.total_items, row.skipped or {}, [(kind, stage) for kind, stage in stages])


# ---- rows ------------------------------------------------------------------------------------------------


def sift(names: Iterable[str]) -> tuple[list[str], dict[str, int]]:
    """The usernames among `names`, normal and once each, in order; and how many were `invalid` or `duplicate`."""
    good: dict[str, None] = {}
    skipped: Counter[str] = Counter()
    for raw in names:
        try:
            name = usernames.normalize(raw)
        except ValueError:
            skipped["invalid"] += 1
            continue
        skipped["duplicate"] += name in good
        good[name] = None
    return list(good), _with_zeros(skipped)


def _with_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {reason: counts.get(reason, 0) for reason in SKIPS}


def add_job(
    tx: Connection,
    asked: Asked,
    job_id: str,
    kind: Kind,
    params: Mapping[str, Any],
    *,
    total: int,
    skipped: Mapping[str, int] | None = None,
    stage: tuple[str, int] | None = None,
    status: JobStatus = JobStatus.RUNNING,
) -> None:
    """The job's row; `stage` is (campaign's id, number from 1)."""
    campaign_id, number = stage or (None, 0)
    tx.execute(
        insert(jobs).values(
            id=job_id,
            client_id=asked.client_id,
            kind=kind,
            status=status,
            account=asked.account,
            priority=asked.priority,
            max_attempts=asked.max_attempts,
            params=dict(params),
            total_items=total,
            skipped=dict(skipped) if skipped else None,
            campaign_id=campaign_id,
            stage=number,
            idempotency_key=None if stage else asked.idempotency_key,
            created_at=clock(tx),
            request_id=context.request_id(),
        )
    )


def add_tasks(
    tx: Connection,
    asked: Asked,
    job_id: str,
    kind: Kind,
    tasks: Sequence[tuple[str, Mapping[str, Any] | None]],
    *,
    template_id: str | None = None,
) -> None:
    """Queued tasks, one a (username, payload), in a few statements; nobody among them was forgotten."""
    if not tasks:
        return
    common = {
        "client_id": asked.client_id,
        "job_id": job_id,
        "kind": kind,
        "account": asked.account if kind is Kind.SEND_MESSAGE else "",
        "status": TaskStatus.QUEUED,
        "priority": asked.priority,
        "attempts": 0,
        "max_attempts": asked.max_attempts,
        "maybe_sent": False,
        "created_at": clock(tx),
        **({"template_id": template_id} if template_id else {}),
    }
    insert_alike(tx, job_tasks, common, [{"username": name, "payload": payload} for name, payload in tasks])
    counters.count(tx, "tasks_queued", len(tasks), kind=kind)


def add_messages(
    tx: Connection, asked: Asked, job_id: str, outreach: Outreach, people: Sequence[str]
) -> tuple[int, Counter[str]]:
    """Message tasks for the first `outreach.limit` of `people` who may be written to; how many, and who was not."""
    text = _text(tx, asked.client_id, outreach)
    free, blocked = _sorted_out(tx, asked.client_id, outreach, people)
    known = templates.known_people(tx, free)
    payload = {"cool_off_days": outreach.cool_off_days, "dry_run": outreach.dry_run}
    tasks = [
        (name, {**payload, "message": messages.render(text, known.get(name, {"username": name}))})
        for name in free
    ]
    add_tasks(tx, asked, job_id, Kind.SEND_MESSAGE, tasks, template_id=outreach.template_id)
    left_out = Counter(blocked.values())
    count_dedupes(tx, left_out)
    return len(free), left_out


def count_dedupes(tx: Connection, left_out: Mapping[str, int]) -> None:
    """How many people were left out because something was done, or asked for, before."""
    for reason in DEDUPED:
        counters.count(tx, "dedupe_hits", left_out.get(reason, 0), reason=reason)


def _sorted_out(
    tx: Connection, client_id: str, outreach: Outreach, people: Sequence[str]
) -> tuple[list[str], dict[str, str]]:
    """The first `outreach.limit` who may be written to, and why others may not."""
    blocked = dict.fromkeys(_taken(tx, client_id, people, outreach.template_id), "duplicate")
    blocked |= ledger.blocked(tx, client_id, dict.fromkeys(people, outreach.cool_off_days))
    blocked |= dict.fromkeys(forgotten.among(tx, people), "suppressed")
    return [name for name in people if name not in blocked][: outreach.limit], blocked


def _text(tx: Connection, client_id: str, outreach: Outreach) -> str:
    if outreach.template_id:
        return templates.text_of(tx, client_id, outreach.template_id)
    return outreach.message or ""


def _taken(tx: Connection, client_id: str, people: Sequence[str], template_id: str | None) -> list[str]:
    """Who of `people` has an unfinished message of this client already, or had one of this template."""
    live = job_tasks.c.status.in_(UNFINISHED)
    query = select(job_tasks.c.username).where(
        job_tasks.c.client_id == client_id,
        job_tasks.c.username.in_(people),
        job_tasks.c.kind == Kind.SEND_MESSAGE,
        or_(live, templates.used(template_id)) if template_id else live,
    )
    return list(tx.scalars(query))


def _refuse_forgotten(tx: Connection, target: str) -> None:
    if forgotten.among(tx, [target]):
        raise PersonForgotten(field="target_username")


def _without_forgotten(
    tx: Connection, names: Sequence[str], skipped: Mapping[str, int]
) -> tuple[list[str], dict[str, int]]:
    gone = forgotten.among(tx, names)
    return [name for name in names if name not in gone], {**skipped, "suppressed": len(gone)}


def _people(tx: Connection, client_id: str, outreach: Outreach) -> tuple[list[str], dict[str, int]]:
    if not outreach.from_job:
        return sift(outreach.usernames)
    found, below = candidates.of_job(tx, client_id, outreach.from_job, outreach.min_success_score)
    return found, {"below_score": below}


def _set_total(tx: Connection, job_id: str, total: int, skipped: Mapping[str, int]) -> None:
    status = JobStatus.RUNNING if total else JobStatus.DONE
    finished = None if total else clock(tx)
    tx.execute(
        jobs.update()
        .where(jobs.c.id == job_id)
        .values(total_items=total, skipped=_with_zeros(skipped), status=status, finished_at=finished)
    )

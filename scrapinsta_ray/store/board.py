"""What the console shows. Where a `client_id` may be None, that is the operator, who sees every client's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, and_, cast, exists, func, or_, select

from scrapinsta_ray.domain.models import Kind, TaskStatus
from scrapinsta_ray.domain.scoring import MODEL
from scrapinsta_ray.store import ids, live
from scrapinsta_ray.store.database import clock, now, reading
from scrapinsta_ray.store.live import Progress
from scrapinsta_ray.store.tables import (
    job_tasks,
    jobs,
    leases,
    media,
    messages_sent,
    profile_scores,
    profiles,
)

Row = Mapping[str, Any]

HOURS = 24
DAYS = 14

BORN_WITHIN_DAYS = 14
"""Tasks of older jobs are not looked at for the charts: there is no index by their end."""

PROFILE_ORDERS = {
    "success": profile_scores.c.success,
    "engagement": profile_scores.c.engagement,
    "followers": profiles.c.followers,
    "analyzed_at": profiles.c.analyzed_at,
    "username": profiles.c.username,
}
"""What profiles can be sorted by."""


# ---- jobs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """A job in the list; its `progress` adds up that of its stages."""

    job: Row
    counts: Mapping[TaskStatus, int]


@reading
def owner(tx: Connection, client_id: str | None, job_id: str) -> str | None:
    """Whose job this is; None if there is none that `client_id` may see."""
    return tx.scalar(select(jobs.c.client_id).where(jobs.c.id == job_id, *_of(jobs.c.client_id, client_id)))


@reading
def page_of_jobs(
    tx: Connection,
    client_id: str | None,
    *,
    status: str | None = None,
    kind: str | None = None,
    whose: str | None = None,
    before: str | None = None,
    limit: int = 25,
) -> tuple[list[Listed], str | None]:
    """Jobs, newest first, and the cursor of the next page; a campaign's stages are found through the campaign."""
    query = select(jobs).where(jobs.c.stage == 0, *_of(jobs.c.client_id, client_id))
    for column, value in ((jobs.c.status, status), (jobs.c.kind, kind), (jobs.c.client_id, whose)):
        query = query if not value else query.where(column == value)
    if before:
        query = query.where(jobs.c.id < before)
    rows = tx.execute(query.order_by(jobs.c.id.desc()).limit(limit + 1)).mappings().all()
    shown = [dict(row) for row in rows[:limit]]
    known, family = _progress(tx, [row["id"] for row in shown])
    listed = [Listed(row, _sum(known, [row["id"], *family.get(row["id"], ())])) for row in shown]
    return listed, shown[-1]["id"] if len(rows) > limit else None


def _progress(tx: Connection, job_ids: Sequence[str]) -> tuple[dict[str, Progress], dict[str, list[str]]]:
    family: dict[str, list[str]] = {}
    stages = select(jobs.c.id, jobs.c.campaign_id).where(jobs.c.campaign_id.in_(job_ids))
    for row in tx.execute(stages):
        family.setdefault(row.campaign_id, []).append(row.id)
    every = [*job_ids, *(stage for some in family.values() for stage in some)]
    return live.progress_of(tx, every), family


def _sum(known: Mapping[str, Progress], job_ids: Sequence[str]) -> dict[TaskStatus, int]:
    return {
        status: sum(known[job_id].counts[status] for job_id in job_ids if job_id in known)
        for status in live.SHOWN
    }


def _of(column: Any, client_id: str | None) -> list[ColumnElement[bool]]:
    return [] if client_id is None else [column == client_id]


# ---- the overview ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overview:
    """How things are at `at`. `hours`: (hour, ended well, ended badly); `days`: (day, messages)."""

    at: datetime
    queued: Mapping[str, int]  # kind -> tasks
    in_hand: Mapping[str, int]
    hours: Sequence[tuple[datetime, int, int]]
    errors: Sequence[tuple[str, int]]  # of the last day, the most frequent first
    days: Sequence[tuple[datetime, int]]
    messages_today: int  # of the last 24 hours
    jobs: Mapping[str, int]  # status -> unfinished jobs


@dataclass(frozen=True, slots=True)
class Node:
    """A machine, as far as the database knows it: who holds leases from there."""

    name: str
    browsers: int
    dispatcher: bool


@reading
def overview(tx: Connection, client_id: str | None) -> Overview:
    """What the overview shows of a client, or of all; costs a read of the last days' tasks."""
    at = clock(tx)
    depth = _depth(tx, client_id)
    ended = _ended(tx, client_id, at)
    days = _messages(tx, client_id, at)
    today = select(func.count()).select_from(messages_sent)
    today = today.where(messages_sent.c.sent_at > now(-86_400), *_of(messages_sent.c.client_id, client_id))
    return Overview(
        at=at,
        queued=_by_kind(depth, TaskStatus.QUEUED, TaskStatus.DELAYED),
        in_hand=_by_kind(depth, TaskStatus.SENT),
        hours=_hours(ended, at),
        errors=_errors(ended),
        days=days,
        messages_today=tx.scalar(today) or 0,
        jobs=_open_jobs(tx, client_id),
    )


@reading
def nodes(tx: Connection) -> list[Node]:
    """Machines from which somebody holds a lease now, by name."""
    found: dict[str, list[str]] = {}
    query = select(leases.c.name, leases.c.holder).where(leases.c.expires_at > now())
    for name, holder in tx.execute(query):
        found.setdefault(holder.split(":")[0], []).append(name)
    return [
        Node(host, sum(name.startswith("account:") for name in names), "dispatcher" in names)
        for host, names in sorted(found.items())
    ]


def _depth(tx: Connection, client_id: str | None) -> list[tuple[str, str, int]]:
    unfinished = [TaskStatus.QUEUED, TaskStatus.DELAYED, TaskStatus.SENT]
    query = (
        select(job_tasks.c.kind, job_tasks.c.status, func.count())
        .where(
            job_tasks.c.kind.in_(list(Kind)),
            job_tasks.c.status.in_(unfinished),
            *_of(job_tasks.c.client_id, client_id),
        )
        .group_by(job_tasks.c.kind, job_tasks.c.status)
    )
    return [(kind, status, number) for kind, status, number in tx.execute(query)]


def _by_kind(depth: Sequence[tuple[str, str, int]], *states: TaskStatus) -> dict[str, int]:
    found: dict[str, int] = {}
    for kind, status, number in depth:
        if status in states:
            found[kind] = found.get(kind, 0) + number
    return found


Ended = Sequence[tuple[str, str, str | None, int]]
"""(hour, status, reason code, tasks)"""


def _ended(tx: Connection, client_id: str | None, at: datetime) -> Ended:
    hour = func.substr(cast(job_tasks.c.finished_at, String(30)), 1, 13)
    code = func.coalesce(job_tasks.c.reason_code, "")
    begin = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    query = (
        select(hour, job_tasks.c.status, code, func.count())
        .select_from(jobs)
        .join(job_tasks, job_tasks.c.job_id == jobs.c.id)
        .where(
            jobs.c.id >= ids.job_id_at(at - timedelta(days=BORN_WITHIN_DAYS)),
            job_tasks.c.status.in_([TaskStatus.OK, TaskStatus.ERROR]),
            job_tasks.c.finished_at >= begin,
            *_of(jobs.c.client_id, client_id),
        )
        .group_by(hour, job_tasks.c.status, code)
    )
    return [(at_hour, status, why, number) for at_hour, status, why, number in tx.execute(query)]


def _hours(ended: Ended, at: datetime) -> list[tuple[datetime, int, int]]:
    last = at.replace(minute=0, second=0, microsecond=0)
    every = [last - timedelta(hours=back) for back in reversed(range(HOURS))]
    sums: dict[tuple[str, str], int] = {}
    for hour, status, _code, number in ended:
        sums[hour, status] = sums.get((hour, status), 0) + number
    named = [(hour, f"{hour:%Y-%m-%d %H}") for hour in every]
    return [
        (hour, sums.get((name, TaskStatus.OK), 0), sums.get((name, TaskStatus.ERROR), 0))
        for hour, name in named
    ]


def _errors(ended: Ended) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for _hour, status, code, number in ended:
        if status == TaskStatus.ERROR:
            sums[code or "unknown"] = sums.get(code or "unknown", 0) + number
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:8]


def _messages(tx: Connection, client_id: str | None, at: datetime) -> list[tuple[datetime, int]]:
    day = func.substr(cast(messages_sent.c.sent_at, String(30)), 1, 10)
    first = at.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)
    query = (
        select(day, func.count())
        .where(messages_sent.c.sent_at >= first, *_of(messages_sent.c.client_id, client_id))
        .group_by(day)
    )
    found: dict[str, int] = {row[0]: row[1] for row in tx.execute(query)}
    every = [first + timedelta(days=number) for number in range(DAYS)]
    return [(day, found.get(f"{day:%Y-%m-%d}", 0)) for day in every]


def _open_jobs(tx: Connection, client_id: str | None) -> dict[str, int]:
    query = (
        select(jobs.c.status, func.count())
        .where(jobs.c.status.in_(["running", "paused"]), jobs.c.stage == 0, *_of(jobs.c.client_id, client_id))
        .group_by(jobs.c.status)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


# ---- profiles --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which profiles, and in what order."""

    text: str = ""
    min_score: float | None = None
    min_followers: int | None = None
    order: str = "success"
    ascending: bool = False


_SHOWN = (
    profiles.c.username,
    profiles.c.full_name,
    profiles.c.category,
    profiles.c.followers,
    profiles.c.analyzed_at,
    profile_scores.c.engagement,
    profile_scores.c.success,
)


@reading
def page_of_profiles(
    tx: Connection, client_id: str | None, wanted: Wanted, *, offset: int = 0, limit: int = 50
) -> tuple[list[Row], bool]:
    """Profiles with their score by the current model, and whether there are more; of a client, those it had read."""
    column = PROFILE_ORDERS[wanted.order]
    order = [column.is_(None), column.asc() if wanted.ascending else column.desc(), profiles.c.username]
    query = _profiles(client_id, wanted).order_by(*order).offset(offset).limit(limit + 1)
    rows: list[Row] = [dict(row) for row in tx.execute(query).mappings()]
    return rows[:limit], len(rows) > limit


@reading
def points(tx: Connection, client_id: str | None, wanted: Wanted, *, limit: int = 3_000) -> list[Row]:
    """What the charts draw: profiles that have a score, the best first."""
    query = _profiles(client_id, wanted).where(profile_scores.c.success.is_not(None))
    rows = tx.execute(query.order_by(profile_scores.c.success.desc()).limit(limit)).mappings()
    return [dict(row) for row in rows]


def _profiles(client_id: str | None, wanted: Wanted) -> Select[Any]:
    scored = and_(profile_scores.c.username == profiles.c.username, profile_scores.c.model == MODEL)
    query = select(*_SHOWN).select_from(profiles).join(profile_scores, scored, isouter=True)
    if client_id is not None:
        query = query.where(_was_read_for(client_id))
    if wanted.text:
        text = wanted.text.lower()
        query = query.where(
            or_(
                profiles.c.username.contains(text, autoescape=True),
                func.lower(profiles.c.full_name).contains(text, autoescape=True),
                func.lower(profiles.c.category).contains(text, autoescape=True),
            )
        )
    if wanted.min_score is not None:
        query = query.where(profile_scores.c.success >= wanted.min_score)
    if wanted.min_followers is not None:
        query = query.where(profiles.c.followers >= wanted.min_followers)
    return query


def _was_read_for(client_id: str) -> ColumnElement[bool]:
    return exists().where(
        job_tasks.c.client_id == client_id,
        job_tasks.c.username == profiles.c.username,
        job_tasks.c.kind == Kind.ANALYZE_PROFILE,
        job_tasks.c.status == TaskStatus.OK,
    )


@dataclass(frozen=True, slots=True)
class Known:
    """One profile and its history: scores by model, posts, tasks and messages that concern it, newest first."""

    profile: Row
    scores: Sequence[Row]
    posts: Sequence[Row]
    tasks: Sequence[Row]
    messages: Sequence[Row]


@reading
def profile(tx: Connection, client_id: str | None, username: str) -> Known | None:
    """None if it is not stored, or was not read for this client."""
    own = [] if client_id is None else [_was_read_for(client_id)]
    row = tx.execute(select(profiles).where(profiles.c.username == username, *own)).mappings().one_or_none()
    if row is None:
        return None
    scores = select(profile_scores).where(profile_scores.c.username == username)
    posts = select(media).where(media.c.username == username).order_by(media.c.taken_at.desc()).limit(50)
    tasks = select(job_tasks).where(job_tasks.c.username == username, *_of(job_tasks.c.client_id, client_id))
    sent = select(messages_sent).where(
        messages_sent.c.dest_username == username, *_of(messages_sent.c.client_id, client_id)
    )
    return Known(
        dict(row),
        _rows(tx, scores.order_by(profile_scores.c.scored_at.desc())),
        _rows(tx, posts),
        _rows(tx, tasks.order_by(job_tasks.c.id.desc()).limit(50)),
        _rows(tx, sent.order_by(messages_sent.c.sent_at.desc()).limit(50)),
    )


def _rows(tx: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in tx.execute(query).mappings()]

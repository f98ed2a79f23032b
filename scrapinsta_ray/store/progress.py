"""How far jobs are and what they brought: what clients read. The tenant is in every WHERE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from scrapinsta_ray.domain.models import Kind, TaskStatus, task_id
from scrapinsta_ray.store.candidates import analysis_rows, following_rows
from scrapinsta_ray.store.database import reading
from scrapinsta_ray.store.tables import (
    followings,
    job_tasks,
    jobs,
    media,
    messages_sent,
    profile_scores,
    profiles,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursor of the next page; None on the last. Of a following list also how it ended."""

    items: Sequence[Row]
    next_cursor: str | None
    completeness: str | None = None


@reading
def job(tx: Connection, client_id: str, job_id: str) -> Row | None:
    """One job with its stages, or None if this client has no such job."""
    row = _own(tx, client_id, job_id)
    if row is None:
        return None
    stages = tx.execute(select(jobs).where(jobs.c.campaign_id == job_id).order_by(jobs.c.stage)).mappings()
    return {**_shown_job(row), "stages": [_shown_job(stage) for stage in stages]}


@reading
def page(tx: Connection, client_id: str, *, before: str | None = None, limit: int = 50) -> Page:
    """The client's jobs, newest first; a campaign's stages are found through the campaign."""
    where = [jobs.c.client_id == client_id, jobs.c.stage == 0]
    if before:
        where.append(jobs.c.id < before)
    rows = tx.execute(select(jobs).where(*where).order_by(jobs.c.id.desc()).limit(limit + 1)).mappings().all()
    return Page(
        [_shown_job(row) for row in rows[:limit]], rows[limit - 1]["id"] if len(rows) > limit else None
    )


@reading
def summary(tx: Connection, client_id: str, job_id: str) -> Row | None:
    """Tasks by state as the contract shows them; a campaign's are those of all its stages."""
    row = _own(tx, client_id, job_id)
    if row is None:
        return None
    ids = _with_stages(tx, job_id)
    counts: dict[TaskStatus, int] = {s: 0 for s in TaskStatus if s is not TaskStatus.DELAYED}
    by_status = (
        select(job_tasks.c.status, func.count())
        .where(job_tasks.c.job_id.in_(ids))
        .group_by(job_tasks.c.job_id, job_tasks.c.status)  # as the index has it: nothing is sorted
    )
    for status, number in tx.execute(by_status):
        counts[TaskStatus(status).shown] += number
    return {**{str(s): n for s, n in counts.items()}, "total": sum(counts.values()), "status": row["status"]}


@reading
def tasks(
    tx: Connection,
    client_id: str,
    job_id: str,
    *,
    after: int = 0,
    limit: int = 100,
    status: str | None = None,
) -> Page | None:
    """Tasks of a job in the order of their making."""
    if _own(tx, client_id, job_id) is None:
        return None
    where = [job_tasks.c.job_id.in_(_with_stages(tx, job_id)), job_tasks.c.id > after]
    if status:
        where.append(
            job_tasks.c.status.in_([status, *([TaskStatus.DELAYED] if status == TaskStatus.QUEUED else [])])
        )
    rows = (
        tx.execute(select(job_tasks).where(*where).order_by(job_tasks.c.id).limit(limit + 1)).mappings().all()
    )
    cursor = str(rows[limit - 1]["id"]) if len(rows) > limit else None
    return Page([_shown_task(row) for row in rows[:limit]], cursor)


@reading
def results(tx: Connection, client_id: str, job_id: str, *, after: int = -1, limit: int = 100) -> Page | None:
    """What a job brought: followings, profiles with scores and media, or messages. A campaign's are its analysis'."""
    row = _own(tx, client_id, job_id)
    if row is None:
        return None
    if row["kind"] == Kind.CAMPAIGN:
        job_id = tx.execute(
            select(jobs.c.id).where(jobs.c.campaign_id == job_id, jobs.c.stage == 2)
        ).scalar_one()
    match row["kind"]:
        case Kind.FETCH_FOLLOWINGS:
            return _followings(tx, job_id, after, limit)
        case Kind.SEND_MESSAGE:
            return _messages(tx, client_id, job_id, after, limit)
        case _:
            return _profiles(tx, job_id, after, limit)


# ---- the three kinds of results --------------------------------------------------------------------------


def _followings(tx: Connection, job_id: str, after: int, limit: int) -> Page:
    query = following_rows(tx, job_id).where(followings.c.position > after).limit(limit + 1)
    found = _cut([dict(row) for row in tx.execute(query).mappings()], "position", limit)
    payload = tx.scalar(select(job_tasks.c.payload).where(job_tasks.c.job_id == job_id)) or {}
    return replace(found, completeness=payload.get("completeness"))


def _messages(tx: Connection, client_id: str, job_id: str, after: int, limit: int) -> Page:
    query = (
        select(messages_sent)
        .where(
            messages_sent.c.client_id == client_id,
            messages_sent.c.job_id == job_id,
            messages_sent.c.id > after,
        )
        .order_by(messages_sent.c.id)
        .limit(limit + 1)
    )
    return _cut([dict(row) for row in tx.execute(query).mappings()], "id", limit)


def _profiles(tx: Connection, job_id: str, after: int, limit: int) -> Page:
    score = (
        profile_scores.c[name] for name in ("model", "engagement", "success", "confidence", "reason", "parts")
    )
    query = (
        analysis_rows(job_id, job_tasks.c.id.label("task"), job_tasks.c.result, profiles, *score)
        .join(profiles, profiles.c.username == job_tasks.c.username)
        .where(job_tasks.c.id > after)
        .order_by(job_tasks.c.id)
        .limit(limit + 1)
    )
    found = _cut([_with_reuse(dict(row)) for row in tx.execute(query).mappings()], "task", limit)
    posts = _media_of(tx, [row["username"] for row in found.items])
    return Page([{**row, "media": posts.get(row["username"], [])} for row in found.items], found.next_cursor)


def _with_reuse(row: dict[str, Any]) -> dict[str, Any]:
    """Whether the profile was visited for this job, or for another a while before: at `analyzed_at`."""
    result = row.pop("result") or {}
    return {**row, "reused": bool(result.get("reused"))}


def _media_of(tx: Connection, usernames: Sequence[str]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    rows = tx.execute(
        select(media)
        .where(media.c.username.in_(usernames))
        .order_by(media.c.username, media.c.taken_at.desc())
    )
    for row in rows.mappings():
        found.setdefault(row["username"], []).append({k: v for k, v in row.items() if k != "username"})
    return found


def _cut(rows: list[dict[str, Any]], key: str, limit: int) -> Page:
    return Page(rows[:limit], str(rows[limit - 1][key]) if len(rows) > limit else None)


# ---- rows as clients see them ----------------------------------------------------------------------------


def _own(tx: Connection, client_id: str, job_id: str) -> Row | None:
    query = select(jobs).where(jobs.c.id == job_id, jobs.c.client_id == client_id)
    row = tx.execute(query).mappings().one_or_none()
    return dict(row) if row else None


def _with_stages(tx: Connection, job_id: str) -> list[str]:
    return [job_id, *tx.scalars(select(jobs.c.id).where(jobs.c.campaign_id == job_id))]


_JOB_SHOWN = (
    "kind", "status", "account", "priority", "total_items", "skipped", "campaign_id", "stage", "params",
    "reason_code", "reason", "created_at", "finished_at",
)  # fmt: skip


def _shown_job(row: Any) -> dict[str, Any]:
    return {"job_id": row["id"], **{name: row[name] for name in _JOB_SHOWN}}


def _shown_task(row: Any) -> dict[str, Any]:
    return {
        "task_id": task_id(row["job_id"], row["kind"], row["username"]),
        "job_id": row["job_id"],
        "kind": row["kind"],
        "username": row["username"],
        "status": TaskStatus(row["status"]).shown,
        "attempts": row["attempts"],
        "maybe_sent": row["maybe_sent"],
        "reason_code": row["reason_code"],
        "reason": row["reason"],
        "worked_by": row["lease_holder"],
        "result": row["result"],
        "created_at": row["created_at"],
        "finished_at": row["finished_at"],
    }

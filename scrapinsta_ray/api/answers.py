"""What is told of jobs, their tasks and what they brought, as the document has it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from scrapinsta_ray.api.documents import JOB_ID, TIME, example

JobStatus = Literal["pending", "running", "done", "error", "cancelled", "paused"]
Kind = Literal["campaign", "fetch_followings", "analyze_profile", "send_message"]
Status = Literal["queued", "sent", "ok", "error", "cancelled"]
Completeness = Literal["complete", "capped", "soft_blocked", "truncated"]

_STAGE: dict[str, Any] = {
    "job_id": JOB_ID, "kind": "send_message", "status": "running", "account": "my_account", "priority": 5,
    "total_items": 18, "skipped": {"already_contacted": 2}, "campaign_id": None, "stage": 0,
    "params": {"message": "Hola {first_name}"}, "reason_code": None, "reason": None, "created_at": TIME,
    "finished_at": None,
}  # fmt: skip
_TASK: dict[str, Any] = {
    "task_id": f"{JOB_ID}:send_message:ana.garcia", "job_id": JOB_ID, "kind": "send_message",
    "username": "ana.garcia", "status": "ok", "attempts": 1, "maybe_sent": False, "reason_code": None,
    "reason": None, "worked_by": "my_account", "result": None, "created_at": TIME, "finished_at": TIME,
}  # fmt: skip
_SENT: dict[str, Any] = {
    "id": 1, "client_id": "acme", "dest_username": "ana.garcia", "account": "my_account", "job_id": JOB_ID,
    "code": "sent", "sent_at": TIME,
}  # fmt: skip


class _Told(BaseModel):
    model_config = ConfigDict(extra="allow")


class Live(_Told):
    """The process runs."""

    model_config = example(ok=True, version="1.0.0")

    ok: Literal[True]
    version: str


class State(_Told):
    """What is well; what could not be looked at is left out."""

    model_config = example(ok=True, version="1.0.0", database=True, schema=True, dispatcher=True)

    ok: bool
    version: str
    database: bool


class Summary(BaseModel):
    """Tasks of a job by state."""

    model_config = example(queued=1, sent=1, ok=16, error=0, cancelled=0, total=18, status="running")

    queued: int
    sent: int
    ok: int
    error: int
    cancelled: int
    total: int
    status: JobStatus


class JobRow(_Told):
    """A job. `skipped`: people left out, by reason; `campaign_id`: whose stage it is."""

    model_config = example(**_STAGE)

    job_id: str
    kind: Kind
    status: JobStatus
    account: str
    priority: int
    total_items: int
    skipped: dict[str, int] | None
    campaign_id: str | None
    stage: int
    params: dict[str, Any]
    reason_code: str | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None


class Job(JobRow):
    """A job, with its stages if it is a campaign."""

    model_config = example(**_STAGE, stages=[])

    stages: list[JobRow]


class JobPage(BaseModel):
    """Some jobs, newest first; `next_cursor` is null on the last page."""

    model_config = example(items=[_STAGE], next_cursor=None)

    items: list[JobRow]
    next_cursor: str | None


class TaskShown(_Told):
    """One person's part of a job. `reason_code`: why it ended so, or why it waits."""

    model_config = example(**_TASK)

    task_id: str
    job_id: str
    kind: Kind
    username: str
    status: Status
    attempts: int
    maybe_sent: bool
    reason_code: str | None
    reason: str | None
    worked_by: str | None
    result: Any
    created_at: datetime
    finished_at: datetime | None


class TaskPage(BaseModel):
    """Some tasks, oldest first; `next_cursor` is null on the last page."""

    model_config = example(items=[_TASK], next_cursor=None)

    items: list[TaskShown]
    next_cursor: str | None


class Following(_Told):
    """Somebody whom the target follows; `position` in its list is from 0."""

    target_username: str
    username: str
    position: int
    ig_id: str | None
    full_name: str | None
    is_private: bool | None
    is_verified: bool | None
    seen_at: datetime


class Post(_Told):
    """One post; a number that is not told is null."""

    code: str
    kind: str
    taken_at: datetime | None
    likes: int | None
    comments: int | None
    views: int | None


class ProfileRead(_Told):
    """A profile with its score and latest posts; `missing` says why a field is null."""

    username: str
    full_name: str | None
    biography: str | None
    category: str | None
    followers: int | None
    followings: int | None
    posts: int | None
    model: str | None
    engagement: float | None
    success: float | None
    confidence: float | None
    reason: str | None
    rubro: str | None
    analyzed_at: datetime
    reused: bool
    missing: dict[str, Any]
    media: list[Post]


class Message(_Told):
    """A message that left, or was seen in the thread (`already_messaged`)."""

    model_config = example(**_SENT)

    dest_username: str
    account: str
    job_id: str
    code: str
    sent_at: datetime


class Results(BaseModel):
    """What a job brought, by its kind; `completeness` says how a following list ended, and is null until then."""

    model_config = example(items=[_SENT], next_cursor=None, completeness=None)

    items: list[Message] | list[ProfileRead] | list[Following]
    next_cursor: str | None
    completeness: Completeness | None = None

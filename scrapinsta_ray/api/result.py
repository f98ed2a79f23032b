"""Serve application `result` (/api/send/result): what became of messages."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scrapinsta_ray.api import documents
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.documents import example, refusals
from scrapinsta_ray.api.errors import ApiError, OnLimited
from scrapinsta_ray.api.requests import JOB_ID, Account, needs, new_app
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.errors import RateLimited
from scrapinsta_ray.store import campaigns, finish
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Ended, Sent
from scrapinsta_ray.store.gather import Gather
from scrapinsta_ray.store.ids import lease_age_ms
from scrapinsta_ray.telemetry import counts

Code = Literal[
    "sent", "dry_run", "already_messaged", "opted_out", "not_allowed", "not_found", "layout_changed", "rate_limited",
    "unknown", "error",
]  # fmt: skip


_WAS_WRITTEN = ["sent", "dry_run", "already_messaged"]

_WRITTEN: dict[str, Any] = {"properties": {"ok": {"const": True}, "code": {"enum": [None, *_WAS_WRITTEN]}}}
_NOT_WRITTEN: dict[str, Any] = {
    "properties": {"ok": {"const": False}, "code": {"not": {"enum": ["sent", "dry_run"]}}}
}
_EXAMPLE: dict[str, Any] = {
    "job_id": documents.JOB_ID,
    "task_id": f"{documents.JOB_ID}:send_message:ana.garcia",
    "lease_id": "6f1c0d4b2c5e4a7f9a3b8d1e0c2f4a6b",
    "ok": True,
    "code": "sent",
}


class ResultBody(BaseModel):
    """What became of one message. The recipient counts from the task; `dest_username` is for people who read logs."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [_EXAMPLE], "oneOf": [_WRITTEN, _NOT_WRITTEN]},
    )

    job_id: str = Field(max_length=36)
    task_id: str = Field(max_length=100)
    ok: bool
    error: str | None = Field(None, max_length=2_000)
    dest_username: str | None = Field(None, max_length=100)
    lease_id: str | None = Field(None, max_length=32)
    code: Code | None = None
    retry_after_s: float | None = Field(None, ge=0, le=86_400)

    @model_validator(mode="after")
    def _one_story(self) -> "ResultBody":
        if self.ok and self.code not in (None, *_WAS_WRITTEN):
            raise ValueError(f"ok is true, but the code {self.code} says that nothing was sent")
        if not self.ok and self.code in ("sent", "dry_run"):
            raise ValueError(f"ok is false, but the code is {self.code}")
        return self

    def report(self) -> Report:
        """The same in the words of the state table; without a code: `sent`, or an error that is final."""
        return Report(
            ok=self.ok,
            code=self.code or ("sent" if self.ok else "error"),
            message=self.error,
            lease_id=self.lease_id,
            retry_after_s=self.retry_after_s,
        )


class ResultAnswer(BaseModel):
    """Taken."""

    model_config = example(status="ok")

    status: Literal["ok"] = "ok"


class ResultsAnswer(BaseModel):
    """One entry a result, in order: `{"status": "ok"}`, or `{"status": "error", "error": {...}}`."""

    model_config = example(results=[{"status": "ok"}])

    results: list[dict[str, Any]]


def make_result_app(
    db: Database, *, retry_base_s: float = 20, gate: Gate | None = None, on_limited: OnLimited | None = None
) -> FastAPI:
    """The application behind /api/send/result."""
    app = new_app("result", gate or Gate(db), on_limited=on_limited)

    def finish_batch(batch: Sequence[Sequence[Sent]]) -> list[list[Ended] | RateLimited]:
        answers = finish.finish_requests(db, batch, retry_base_s=retry_base_s)
        ended = [one for answer in answers if isinstance(answer, list) for one in answer]
        campaigns.settle(db, {one.job_id for one in ended if one.verdict is Verdict.APPLIED})
        return answers

    gather: Gather[Sequence[Sent], list[Ended] | RateLimited] = Gather(finish_batch)

    @app.post(
        "",
        tags=["send"],
        summary="What became of a message, or of many",
        responses=refusals("TASK_NOT_FOUND", "CONFLICT", "ACCOUNT_MISSING", "ACCOUNT_INVALID"),
    )
    async def result(
        body: ResultBody | Annotated[list[ResultBody], Field(min_length=1, max_length=100)],
        account: Account,
        caller: Annotated[Caller, Depends(needs("result", of_a_job=True))],
    ) -> ResultAnswer | ResultsAnswer:
        bodies = body if isinstance(body, list) else [body]
        began = time.monotonic()
        ended = await gather.submit([_sent(caller, account, one) for one in bodies])
        if isinstance(ended, RateLimited):
            raise ended
        counts.observe("result_lag_ms", (time.monotonic() - began) * 1000, kind=Kind.SEND_MESSAGE)
        _tell_durations(bodies, ended)
        problems = [_problem(one) for one in ended]
        if isinstance(body, list):
            return ResultsAnswer(results=[_entry(problem) for problem in problems])
        if problems[0]:
            raise problems[0]
        return ResultAnswer()

    return app


def _sent(caller: Caller, account: str, body: ResultBody) -> Sent:
    """With the job and username of nobody if the task is not the job's, or not of the job that the caller's token is
    for, or if no task has such a name: what is no ASCII would break the query, and with it everybody's batch."""
    prefix = f"{body.job_id}:{Kind.SEND_MESSAGE}:"
    username = body.task_id.removeprefix(prefix)
    possible = JOB_ID.fullmatch(body.job_id) and usernames.is_valid(username)
    its_own = possible and body.task_id.startswith(prefix) and caller.job_id in (None, body.job_id)
    named = (body.job_id, username) if its_own else ("", "")
    return Sent(caller.client_id, account, *named, body.report())


def _tell_durations(bodies: Sequence[ResultBody], ended: Sequence[Ended]) -> None:
    """How long the messages were in the sender's hands."""
    for body, one in zip(bodies, ended, strict=True):
        age_ms = lease_age_ms(body.lease_id)
        if age_ms is not None and one.verdict is Verdict.APPLIED:
            counts.observe("lease_duration_ms", age_ms, kind=Kind.SEND_MESSAGE)


def _problem(ended: Ended) -> ApiError | None:
    if ended.verdict is None:
        return ApiError(404, "TASK_NOT_FOUND", "There is no such task for this account.")
    if ended.verdict is Verdict.CONFLICT:
        return ApiError(
            409, "CONFLICT", "The lease is no longer yours, or the task ended otherwise: forget it."
        )
    return None


def _entry(problem: ApiError | None) -> dict[str, Any]:
    if problem is None:
        return {"status": "ok"}
    return {
        "status": "error",
        "error": {"code": problem.code, "message": problem.message, "details": problem.details},
    }

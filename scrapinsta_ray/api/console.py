"""Serve application `console` (/): jobs, their progress and results, and how the system is."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from scrapinsta_ray import __version__
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.documents import merged
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.api.errors import ApiError, OnLimited, unknown_job
from scrapinsta_ray.api.login import add_login
from scrapinsta_ray.api.pages import add_pages
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.api.requests import JOB_ID, needs, new_app, not_of_a_job
from scrapinsta_ray.api.result import make_result_app
from scrapinsta_ray.api.suppressions import add_suppressions
from scrapinsta_ray.api.templates import add_templates
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import control, health, progress
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database

Limit = Annotated[int, Query(ge=1, le=1_000)]
JobCursor = Annotated[str | None, Query(pattern=f"^{JOB_ID.pattern}$")]
Status = Literal["queued", "sent", "ok", "error", "cancelled"]


class Summary(BaseModel):
    """Tasks of a job by state."""

    queued: int
    sent: int
    ok: int
    error: int
    cancelled: int
    total: int
    status: str


class Page(BaseModel):
    """Some items; `next_cursor` is null on the last page."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Results(Page):
    """What a job brought; `completeness` says how a following list ended, and is null until then."""

    completeness: Literal["complete", "capped", "soft_blocked", "truncated"] | None = None


def make_console_app(
    db: Database, *, gate: Gate | None = None, on_limited: OnLimited | None = None
) -> FastAPI:
    """The application behind /."""
    gate = gate or Gate(db)
    app = new_app("console", gate, on_limited=on_limited)
    add_login(app, db, gate)
    _add_jobs(app, db)
    add_templates(app, db)
    add_suppressions(app, db)
    _add_health(app, db)
    _add_documents(app, db)
    add_pages(app)
    return app


def _add_jobs(app: FastAPI, db: Database) -> None:
    caller_with_status = Annotated[Caller, Depends(needs("status"))]

    @app.get("/jobs", tags=["jobs"])
    def jobs(
        caller: Annotated[Caller, Depends(needs("status", of_a_job=True))],
        cursor: JobCursor = None,
        limit: Limit = 50,
    ) -> Page:
        if caller.job_id:
            only = progress.job(db, caller.client_id, caller.job_id)
            return Page(items=[dict(only)] if only else [], next_cursor=None)
        return _page(progress.page(db, caller.client_id, before=cursor, limit=limit))

    @app.get("/jobs/{job_id}", tags=["jobs"])
    def job(job_id: str, caller: caller_with_status) -> dict[str, Any]:
        found = progress.job(db, caller.client_id, job_id)
        if found is None:
            raise unknown_job()
        return dict(found)

    @app.get("/jobs/{job_id}/summary", tags=["jobs"])
    def summary(job_id: str, caller: caller_with_status) -> Summary:
        return _summary(db, caller, job_id)

    @app.get("/jobs/{job_id}/tasks", tags=["jobs"])
    def tasks(
        job_id: str,
        caller: caller_with_status,
        cursor: int = 0,
        limit: Limit = 100,
        status: Status | None = None,
    ) -> Page:
        return _page(progress.tasks(db, caller.client_id, job_id, after=cursor, limit=limit, status=status))

    @app.get("/jobs/{job_id}/results", tags=["jobs"])
    def results(job_id: str, caller: caller_with_status, cursor: int = -1, limit: Limit = 100) -> Results:
        found = progress.results(db, caller.client_id, job_id, after=cursor, limit=limit)
        page = _page(found)
        return Results(**page.model_dump(), completeness=found.completeness if found else None)

    _add_control(app, db, "cancel", control.cancel)
    _add_control(app, db, "retry", control.retry)
    _add_control(app, db, "pause", control.pause)
    _add_control(app, db, "resume", control.resume)


def _add_control(app: FastAPI, db: Database, verb: str, change: Callable[..., bool]) -> None:
    @app.post(f"/jobs/{{job_id}}/{verb}", tags=["jobs"], name=verb)
    def control_job(job_id: str, caller: Annotated[Caller, Depends(needs("status"))]) -> Summary:
        found = progress.job(db, caller.client_id, job_id)
        if found is None:
            raise unknown_job()
        if caller.job_id and found["campaign_id"]:
            raise not_of_a_job()  # a stage stands for its whole campaign
        _may_change(caller, found["kind"])
        change(db, caller.client_id, job_id, actor=caller.actor)
        return _summary(db, caller, job_id)


_SCOPES_OF = {
    "fetch_followings": {"fetch"},
    "analyze_profile": {"analyze"},
    "send_message": {"send"},
    "campaign": {"fetch", "analyze", "send"},
}


def _may_change(caller: Caller, kind: str) -> None:
    if lacking := sorted(_SCOPES_OF[kind] - caller.scopes):
        raise ApiError(403, "SCOPE_MISSING", f"The key lacks the scope {lacking[0]}.", missing=lacking)


def _summary(db: Database, caller: Caller, job_id: str) -> Summary:
    found = progress.summary(db, caller.client_id, job_id)
    if found is None:
        raise unknown_job()
    return Summary(**found)


def _page(found: progress.Page | None) -> Page:
    if found is None:
        raise unknown_job()
    return Page(items=[dict(item) for item in found.items], next_cursor=found.next_cursor)


def _add_health(app: FastAPI, db: Database) -> None:
    @app.get("/live", tags=["health"])
    def live() -> dict[str, Any]:
        return {"ok": True, "version": __version__}

    @app.get("/health", tags=["health"])
    def is_healthy() -> JSONResponse:
        return _state(db, "database")

    @app.get("/ready", tags=["health"])
    def ready() -> JSONResponse:
        return _state(db, "database", "schema", "dispatcher")


def _state(db: Database, *needed: str) -> JSONResponse:
    """What is well; 503 if anything `needed` is not."""
    try:
        state = {"database": True, **health.look(db)}
    except DatabaseAway:
        state = {"database": False}
    ok = all(state.get(name) for name in needed)
    body = {"ok": ok, "version": __version__, **state}
    return JSONResponse(body, 200 if ok else 503, headers={} if ok else {"Retry-After": "5"})


def _add_documents(app: FastAPI, db: Database) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    def document() -> dict[str, Any]:
        return merged(
            {
                "/ext": make_enqueue_app(db),
                "/api/send/pull": make_pull_app(db),
                "/api/send/result": make_result_app(db),
                "": app,
            }
        )

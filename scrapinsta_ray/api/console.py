"""Serve application `console` (/): jobs, their progress and results, and how the system is."""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from fastapi.responses import JSONResponse

from scrapinsta_ray import __version__
from scrapinsta_ray.api.answers import (
    Job,
    JobPage,
    JobRow,
    Live,
    Results,
    State,
    Status,
    Summary,
    TaskPage,
)
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.cookies import Cookies
from scrapinsta_ray.api.documents import merged, refusals
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.api.errors import ApiError, OnLimited, unknown_job
from scrapinsta_ray.api.live import LONGEST_S, Look, add_events
from scrapinsta_ray.api.login import add_login
from scrapinsta_ray.api.metrics import add_metrics
from scrapinsta_ray.api.pages import add_pages
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.api.requests import JOB_ID, SCOPES_OF, needs, new_app, not_of_a_job
from scrapinsta_ray.api.result import make_result_app
from scrapinsta_ray.api.suppressions import add_suppressions
from scrapinsta_ray.api.templates import add_templates
from scrapinsta_ray.console.desk import Screenshot
from scrapinsta_ray.console.site import add_console
from scrapinsta_ray.domain.pacing import DEFAULT_PACE, Pace
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import control, health, progress
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database

Limit = Annotated[int, Query(ge=1, le=1_000)]
Place = Annotated[int, Query(ge=-1, le=2**63 - 1, description="as `next_cursor` has it")]
JobCursor = Annotated[str | None, Query(pattern=f"^{JOB_ID.pattern}$")]


def make_console_app(
    db: Database,
    *,
    gate: Gate | None = None,
    on_limited: OnLimited | None = None,
    metrics_token: str | None = None,
    pace: Pace = DEFAULT_PACE,
    max_attempts: int = 4,
    screenshot: Screenshot | None = None,
    look: Look | None = None,
    longest_stream_s: float = LONGEST_S,
) -> FastAPI:
    """The application behind /. `screenshot(username)` shows an account's browser; without it nobody can look.

    `look` and `longest_stream_s` are those of `add_events`.
    """
    gate = gate or Gate(db)
    app = new_app("console", gate, on_limited=on_limited)
    cookies = app.state.cookies = Cookies(gate)
    add_login(app, db, gate)
    _add_jobs(app, db)
    add_events(app, db, look=look, longest_s=longest_stream_s)
    add_templates(app, db)
    add_suppressions(app, db)
    _add_health(app, db)
    add_metrics(app, db, metrics_token)
    _add_documents(app, db)
    add_pages(app)
    add_console(app, db, gate, cookies, pace=pace, max_attempts=max_attempts, screenshot=screenshot)
    return app


def _add_jobs(app: FastAPI, db: Database) -> None:
    caller_with_status = Annotated[Caller, Depends(needs("status"))]

    @app.get("/jobs", tags=["jobs"], summary="All jobs", response_model_exclude_unset=True)
    def jobs(
        caller: Annotated[Caller, Depends(needs("status", of_a_job=True))],
        cursor: JobCursor = None,
        limit: Limit = 50,
    ) -> JobPage:
        if caller.job_id:
            only = progress.job(db, caller.client_id, caller.job_id)
            return JobPage(items=[JobRow(**only)] if only else [], next_cursor=None)
        return JobPage(**_page(progress.page(db, caller.client_id, before=cursor, limit=limit)))

    @app.get("/jobs/{job_id}", tags=["jobs"], summary="One job", responses=_UNKNOWN)
    def job(job_id: str, caller: caller_with_status) -> Job:
        found = progress.job(db, caller.client_id, job_id)
        if found is None:
            raise unknown_job()
        return Job(**found)

    @app.get("/jobs/{job_id}/summary", tags=["jobs"], summary="How far it is", responses=_UNKNOWN)
    def summary(job_id: str, caller: caller_with_status) -> Summary:
        return _summary(db, caller, job_id)

    @app.get("/jobs/{job_id}/tasks", tags=["jobs"], summary="Its tasks", responses=_UNKNOWN)
    def tasks(
        job_id: str,
        caller: caller_with_status,
        cursor: Place = 0,
        limit: Limit = 100,
        status: Status | None = None,
    ) -> TaskPage:
        found = progress.tasks(db, caller.client_id, job_id, after=cursor, limit=limit, status=status)
        return TaskPage(**_page(found))

    @app.get("/jobs/{job_id}/results", tags=["jobs"], summary="What it brought", responses=_UNKNOWN)
    def results(job_id: str, caller: caller_with_status, cursor: Place = -1, limit: Limit = 100) -> Results:
        found = progress.results(db, caller.client_id, job_id, after=cursor, limit=limit)
        return Results(**_page(found), completeness=found.completeness if found else None)

    _add_control(app, db, "cancel", control.cancel)
    _add_control(app, db, "retry", control.retry)
    _add_control(app, db, "pause", control.pause)
    _add_control(app, db, "resume", control.resume)


_UNKNOWN = refusals("JOB_NOT_FOUND")
_VERBS = {
    "cancel": "Nothing more is done; what is out may still be reported",
    "retry": "Failed tasks once more, with all their attempts",
    "pause": "Nothing more is begun until it is resumed",
    "resume": "Goes on after a pause",
}


def _add_control(app: FastAPI, db: Database, verb: str, change: Callable[..., bool]) -> None:
    @app.post(f"/jobs/{{job_id}}/{verb}", tags=["jobs"], name=verb, summary=_VERBS[verb], responses=_UNKNOWN)
    def control_job(job_id: str, caller: Annotated[Caller, Depends(needs("status"))]) -> Summary:
        found = progress.job(db, caller.client_id, job_id)
        if found is None:
            raise unknown_job()
        if caller.job_id and found["campaign_id"]:
            raise not_of_a_job()  # a stage stands for its whole campaign
        _may_change(caller, found["kind"])
        change(db, caller.client_id, job_id, actor=caller.actor)
        return _summary(db, caller, job_id)


def _may_change(caller: Caller, kind: str) -> None:
    if lacking := sorted(set(SCOPES_OF[kind]) - caller.scopes):
        raise ApiError(403, "SCOPE_MISSING", f"The key lacks the scope {lacking[0]}.", missing=lacking)


def _summary(db: Database, caller: Caller, job_id: str) -> Summary:
    found = progress.summary(db, caller.client_id, job_id)
    if found is None:
        raise unknown_job()
    return Summary(**found)


def _page(found: progress.Page | None) -> dict[str, Any]:
    if found is None:
        raise unknown_job()
    return {"items": [dict(item) for item in found.items], "next_cursor": found.next_cursor}


def _add_health(app: FastAPI, db: Database) -> None:
    not_well: dict[int | str, dict[str, Any]] = {
        503: {"model": State, "description": "Something is missing."}
    }

    @app.get("/live", tags=["health"], summary="The process runs", response_model=Live)
    def live() -> dict[str, Any]:
        return {"ok": True, "version": __version__}

    @app.get(
        "/health", tags=["health"], summary="The database is there", response_model=State, responses=not_well
    )
    def is_healthy() -> JSONResponse:
        return _state(db, "database")

    @app.get("/ready", tags=["health"], summary="All is there", response_model=State, responses=not_well)
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
    @cache
    def whole() -> dict[str, Any]:
        return merged(
            {
                "/ext": make_enqueue_app(db),
                "/api/send/pull": make_pull_app(db),
                "/api/send/result": make_result_app(db),
                "": app,
            }
        )

    @app.get("/openapi.json", include_in_schema=False)
    def document() -> dict[str, Any]:
        return whole()

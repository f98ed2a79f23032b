"""Jobs: the list, one of them live, its tasks, its results, and what can be done with it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response, StreamingResponse

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.api.live import told
from scrapinsta_ray.api.requests import JOB_ID
from scrapinsta_ray.console import sheets
from scrapinsta_ray.console.desk import Desk, Sent, Visit, Visitor, back, show
from scrapinsta_ray.domain.models import JobStatus, Kind
from scrapinsta_ray.store import board, clients, control, live, progress
from scrapinsta_ray.store.database import Database

SCOPES_OF = {
    Kind.FETCH_FOLLOWINGS: ("fetch",),
    Kind.ANALYZE_PROFILE: ("analyze",),
    Kind.SEND_MESSAGE: ("send",),
    Kind.CAMPAIGN: ("fetch", "analyze", "send"),
}

_VERBS: Mapping[str, Callable[..., bool]] = {
    "cancel": control.cancel,
    "retry": control.retry,
    "pause": control.pause,
    "resume": control.resume,
}

_TASKS = 50


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /jobs and what is below it."""

    @site.get("/jobs")
    def page(
        visit: Visitor, status: str = "", kind: str = "", client: str = "", before: str = ""
    ) -> Response:
        listed, cursor = board.page_of_jobs(
            desk.db, visit.sees, status=status, kind=kind, whose=client, before=before or None
        )
        everyone = clients.everyone(desk.db) if visit.is_operator else []
        return show(
            visit,
            "jobs.html",
            listed=listed,
            cursor=cursor,
            statuses=list(JobStatus),
            kinds=list(Kind),
            clients=everyone,
            chosen={"status": status, "kind": kind, "client": client},
        )

    @site.get("/jobs/{job_id}")
    def one(visit: Visitor, job_id: str, status: str = "", after: int = 0) -> Response:
        whose = _owner(desk.db, visit, job_id)
        job = progress.job(desk.db, whose, job_id)
        ids = live.family(desk.db, whose, job_id)
        summary = told(ids, live.look(desk.db, ids))
        tasks = progress.tasks(desk.db, whose, job_id, after=after, limit=_TASKS, status=status or None)
        found = progress.results(desk.db, whose, job_id, limit=20)
        if job is None or summary is None or tasks is None or found is None:
            raise _unknown(visit)
        return show(
            visit,
            "job.html",
            job=job,
            whose=whose,
            summary=summary,
            tasks=tasks,
            results=found,
            chosen=status,
            may_change=visit.may(*SCOPES_OF[Kind(job["kind"])]),
            statuses=[str(one) for one in live.SHOWN],
        )

    @site.post("/jobs/{job_id}/{verb}")
    def change(visit: Visitor, form: Sent, job_id: str, verb: str) -> Response:
        whose = _owner(desk.db, visit, job_id)
        job = progress.job(desk.db, whose, job_id)
        if job is None or verb not in _VERBS:
            raise _unknown(visit)
        visit.needs(*SCOPES_OF[Kind(job["kind"])])
        _VERBS[verb](desk.db, whose, job_id, actor=visit.caller.actor)
        return back(visit, f"/jobs/{job_id}", f"job_{verb}")

    @site.get("/jobs/{job_id}/tasks.csv")
    def tasks_csv(visit: Visitor, job_id: str) -> Response:
        whose = _owner(desk.db, visit, job_id)

        def pages() -> Iterator[progress.Page]:
            after: str | None = "0"
            while after is not None and (
                page := progress.tasks(desk.db, whose, job_id, after=int(after), limit=1_000)
            ):
                yield page
                after = page.next_cursor

        return _csv(f"tasks-{job_id[4:12]}.csv", pages(), sheets.TASK_COLUMNS)

    @site.get("/jobs/{job_id}/results.csv")
    def results_csv(visit: Visitor, job_id: str) -> Response:
        whose = _owner(desk.db, visit, job_id)
        job = progress.job(desk.db, whose, job_id)

        def pages() -> Iterator[progress.Page]:
            after: str | None = "-1"
            while after is not None and (
                page := progress.results(desk.db, whose, job_id, after=int(after), limit=500)
            ):
                yield page
                after = page.next_cursor

        columns = sheets.RESULT_COLUMNS[Kind(job["kind"])] if job else ()
        return _csv(f"results-{job_id[4:12]}.csv", pages(), columns)


def _csv(name: str, pages: Iterator[progress.Page], columns: tuple[str, ...]) -> Response:
    rows: Iterator[Mapping[str, Any]] = (row for page in pages for row in page.items)
    return StreamingResponse(
        sheets.lines(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _owner(db: Database, visit: Visit, job_id: str) -> str:
    whose = board.owner(db, visit.sees, job_id) if JOB_ID.fullmatch(job_id) else None
    if whose is None:
        raise _unknown(visit)
    return whose


def _unknown(visit: Visit) -> ApiError:
    return ApiError(404, "JOB_NOT_FOUND", visit.say("There is no such job."))

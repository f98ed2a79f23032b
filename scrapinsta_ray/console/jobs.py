"""Jobs: the list, one of them live, its tasks, its results, and what can be done with it."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response, StreamingResponse

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.api.live import told
from scrapinsta_ray.api.requests import JOB_ID, SCOPES_OF
from scrapinsta_ray.console import sheets
from scrapinsta_ray.console.desk import Desk, Place, Sent, Visit, Visitor, back, show
from scrapinsta_ray.domain.models import JobStatus, Kind
from scrapinsta_ray.store import board, clients, control, live, progress
from scrapinsta_ray.store.database import Database

_VERBS: Mapping[str, Callable[..., bool]] = {
    "cancel": control.cancel,
    "retry": control.retry,
    "pause": control.pause,
    "resume": control.resume,
}

_TASKS = 50


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /jobs and what is below it."""
    _add_list(site, desk)
    _add_one(site, desk)
    _add_control(site, desk)
    _add_sheets(site, desk)


def _add_list(site: FastAPI, desk: Desk) -> None:
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


def _add_one(site: FastAPI, desk: Desk) -> None:
    @site.get("/jobs/{job_id}")
    def one(visit: Visitor, job_id: str, status: str = "", after: Place = 0) -> Response:
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
            may_change=visit.may(*SCOPES_OF[job["kind"]]),
            statuses=[str(one) for one in live.SHOWN],
        )


def _add_control(site: FastAPI, desk: Desk) -> None:
    @site.post("/jobs/{job_id}/{verb}")
    def change(visit: Visitor, form: Sent, job_id: str, verb: str) -> Response:
        whose = _owner(desk.db, visit, job_id)
        job = progress.job(desk.db, whose, job_id)
        if job is None or verb not in _VERBS:
            raise _unknown(visit)
        visit.needs(*SCOPES_OF[job["kind"]])
        _VERBS[verb](desk.db, whose, job_id, actor=visit.caller.actor)
        return back(visit, f"/jobs/{job_id}", f"job_{verb}")


def _add_sheets(site: FastAPI, desk: Desk) -> None:
    @site.get("/jobs/{job_id}/tasks.csv")
    def tasks_csv(visit: Visitor, job_id: str) -> Response:
        whose = _owner(desk.db, visit, job_id)
        pages = _pages(partial(progress.tasks, desk.db, whose, job_id, limit=1_000), 0)
        return _csv(f"tasks-{job_id[4:12]}.csv", pages, sheets.TASK_COLUMNS)

    @site.get("/jobs/{job_id}/results.csv")
    def results_csv(visit: Visitor, job_id: str) -> Response:
        whose = _owner(desk.db, visit, job_id)
        job = progress.job(desk.db, whose, job_id)
        if job is None:
            raise _unknown(visit)
        pages = _pages(partial(progress.results, desk.db, whose, job_id, limit=500), -1)
        return _csv(f"results-{job_id[4:12]}.csv", pages, sheets.RESULT_COLUMNS[Kind(job["kind"])])


def _pages(read: Callable[..., progress.Page | None], after: int) -> Iterator[progress.Page]:
    """All pages of what `read(after=...)` gives."""
    place: str | None = str(after)
    while place is not None and (page := read(after=int(place))):
        yield page
        place = page.next_cursor


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

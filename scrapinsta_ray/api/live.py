"""Live progress: one reader per process looks after all jobs that somebody watches.

However many listen, the database is asked once every PERIOD_S, and not at all when nobody does.
"""

import asyncio
import hashlib
import json
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from scrapinsta_ray.api.documents import refusals
from scrapinsta_ray.api.errors import unknown_job
from scrapinsta_ray.api.requests import needs
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import live
from scrapinsta_ray.store.clients import ADMIN, Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.live import Progress

log = logging.getLogger(__name__)

PERIOD_S = 0.9
"""From one look to the next: with the look itself, a change is told within a second."""

HEARTBEAT_S = 10.0
"""So often something is written, that no proxy takes a stream for dead."""

LONGEST_S = 900.0
"""Then a stream ends and its listener comes again, to be let in anew; as long as a token lives."""


class EventStream(StreamingResponse):
    """Server-sent events, as the document has them."""

    media_type = "text/event-stream"


class Watch:
    """What is known of the watched jobs. One per process."""

    def __init__(self, db: Database, period_s: float = PERIOD_S) -> None:
        self._db = db
        self._period_s = period_s
        self._watched: Counter[str] = Counter()
        self._known: dict[str, Progress] = {}
        self._looked = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def follow(self, ids: Sequence[str]) -> AsyncGenerator[Mapping[str, Progress]]:
        """What there is to know of these jobs, at once and after every look, changed or not."""
        yield await run_in_threadpool(live.look, self._db, ids)
        self._watched.update(ids)
        try:
            while True:
                looked = self._next_look()
                await looked.wait()
                yield {job_id: self._known[job_id] for job_id in ids if job_id in self._known}
        finally:
            self._watched.subtract(ids)
            self._watched += Counter()  # those that nobody watches any more

    def _next_look(self) -> asyncio.Event:
        """Set by the look after this one; a reader is started if there is none in this loop."""
        loop = asyncio.get_running_loop()
        if self._looking is None or self._looking.done() or self._looking.get_loop() is not loop:
            self._looked = asyncio.Event()
            self._looking = loop.create_task(self._look())
        return self._looked

    async def _look(self) -> None:
        while self._watched:
            await asyncio.sleep(self._period_s)
            ids = sorted(self._watched)
            try:
                self._known = await run_in_threadpool(live.look, self._db, ids)
            except DatabaseAway:
                log.warning("live progress: the database is away")
                continue
            except Exception:  # whoever listens must not be left without a reader
                log.exception("live progress: a look failed")
                continue
            looked, self._looked = self._looked, asyncio.Event()
            looked.set()


def told(ids: Sequence[str], known: Mapping[str, Progress]) -> dict[str, Any] | None:
    """The summary of the first of `ids`, with its `stages` if there are more; None if the job is gone."""
    if ids[0] not in known:
        return None
    every = [known[job_id] for job_id in ids if job_id in known]
    counts = {str(status): sum(one.counts[status] for one in every) for status in live.SHOWN}
    summary: dict[str, Any] = {**counts, "total": sum(counts.values()), "status": every[0].status}
    if len(ids) > 1:
        summary["stages"] = [_stage(one) for one in every[1:]]
    return summary


def _stage(one: Progress) -> dict[str, Any]:
    counts = {str(status): number for status, number in one.counts.items()}
    return {
        "job_id": one.job_id,
        "kind": one.kind,
        "status": one.status,
        **counts,
        "total": sum(counts.values()),
    }


def version(summary: Mapping[str, Any]) -> str:
    """An event's id: the same summary has the same one, whichever replica tells it."""
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()[:16]


def has_ended(summary: Mapping[str, Any]) -> bool:
    """Nothing more will change, unless somebody retries the job."""
    return summary["status"] in live.ENDED


async def events(watch: Watch, ids: Sequence[str], seen: str | None) -> AsyncGenerator[str]:
    """Server-sent events: `summary` whenever it is another than the one `seen`, heartbeats, `end` with the job."""
    yield "retry: 1000\n\n"
    began = spoke = time.monotonic()
    longest = LONGEST_S * random.uniform(0.8, 1)  # not all at once
    async with aclosing(watch.follow(ids)) as states:
        async for known in states:
            summary = told(ids, known)
            if summary is None:
                break
            now = time.monotonic()
            if (new := version(summary)) != seen:
                yield f"id: {new}\nevent: summary\ndata: {json.dumps(summary)}\n\n"
                seen, spoke = new, now
            elif now - spoke >= HEARTBEAT_S - PERIOD_S:
                yield ": heartbeat\n\n"
                spoke = now
            if has_ended(summary):
                yield "event: end\ndata: {}\n\n"
                break
            if now - began > longest:
                break


def add_events(app: FastAPI, db: Database, watch: Watch | None = None) -> None:
    """Adds /jobs/{job_id}/events. Who has the scope admin may follow every client's jobs."""
    watch = watch or Watch(db)

    @app.get(
        "/jobs/{job_id}/events",
        tags=["jobs"],
        summary="How far it is, as it goes on: server-sent events",
        response_class=EventStream,
        responses={
            204: {"description": "It has ended, and you have seen that."},
            **refusals("JOB_NOT_FOUND"),
        },
    )
    async def follow(
        job_id: str,
        caller: Annotated[Caller, Depends(needs("status", of_a_page=True))],
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> Response:
        """Server-sent events; 204, which ends an EventSource, to who has seen the job's end already."""
        whose = None if ADMIN in caller.scopes else caller.client_id
        ids = await run_in_threadpool(live.family, db, whose, job_id)
        if not ids:
            raise unknown_job()
        if last_event_id:
            summary = told(ids, await run_in_threadpool(live.look, db, ids))
            if summary and has_ended(summary) and version(summary) == last_event_id:
                return Response(status_code=204)
        return EventStream(events(watch, ids, last_event_id), headers={"X-Accel-Buffering": "no"})

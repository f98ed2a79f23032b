"""Live progress: however many listen, one look a second tells them all how far their jobs are.

In all that costs the database one statement a second, none when nobody listens; three when a stream begins; and one or
two in five seconds for each key, token or session that somebody listens with, to see whether it holds still.
"""

import asyncio
import hashlib
import json
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from math import inf
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from scrapinsta_ray.api.auth import Memory
from scrapinsta_ray.api.documents import refusals
from scrapinsta_ray.api.errors import unknown_job
from scrapinsta_ray.api.requests import is_let_in, needs
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import live
from scrapinsta_ray.store.clients import ADMIN, Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.live import Progress

log = logging.getLogger(__name__)

PERIOD_S = 1.0
"""From the beginning of one look to the next: a change is told within this and the milliseconds of a look."""

HEARTBEAT_S = 10.0
"""So often something is written, that no proxy takes a stream for dead, and the listener's credential is looked at."""

LONGEST_S = 900.0
"""Then a stream ends and its listener comes again; as long as a token lives."""

_GATHERED_S = 0.02
"""Those who were told by one look ask for the next one together."""

Known = Mapping[str, Progress]
Look = Callable[[Collection[str]], Awaitable[Known | None]]
"""How far these jobs are, as far as they are there; None if nobody can say now."""


class EventStream(StreamingResponse):
    """Server-sent events, as the document has them."""

    media_type = "text/event-stream"


def look_into(db: Database) -> Look:
    """Asks the database."""

    async def look(ids: Collection[str]) -> Known | None:
        try:
            return await run_in_threadpool(live.look, db, ids)
        except DatabaseAway:
            log.warning("live progress: the database is away")
        except Exception:  # whoever listens goes on listening
            log.exception("live progress: a look failed")
        return None

    return look


class Reader:
    """Makes what many ask into one look, and begins one every `period_s` at most. Belongs to one event loop."""

    def __init__(self, look: Look, period_s: float = PERIOD_S) -> None:
        self._look_at, self._period_s = look, period_s
        self._asked: set[str] = set()
        self._began = -inf
        self._next: asyncio.Task[Known | None] | None = None

    async def look(self, ids: Collection[str]) -> Known | None:
        """What the next look, together with all who ask for it, finds of these jobs."""
        self._asked.update(ids)
        if self._next is None or self._next.get_loop() is not asyncio.get_running_loop():
            self._next = asyncio.create_task(self._look())
        known = await asyncio.shield(self._next)
        return None if known is None else {job_id: known[job_id] for job_id in ids if job_id in known}

    async def _look(self) -> Known | None:
        await asyncio.sleep(max(_GATHERED_S, self._began + self._period_s - time.monotonic()))
        self._began = time.monotonic()
        asked, self._asked, self._next = sorted(self._asked), set(), None
        return await self._look_at(asked)


class Standing:
    """May those who listen do so still? However many have the same credential, it is looked at as if by one."""

    def __init__(self) -> None:
        self._looked: Memory[asyncio.Task[bool]] = Memory()

    async def holds(self, request: Request) -> bool:
        """Would this request be let in now, or HEARTBEAT_S / 2 ago?"""
        shown = [request.headers.get(name) for name in ("x-api-key", "authorization", "cookie")]
        digest = hashlib.sha256(json.dumps(shown).encode()).digest()
        looked = self._looked.get(digest)
        if looked is None:
            looked = asyncio.create_task(is_let_in(request))
            self._looked.put(digest, looked, HEARTBEAT_S / 2)
        return await asyncio.shield(looked)


def told(ids: Sequence[str], known: Known) -> dict[str, Any] | None:
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


async def states(
    ids: Sequence[str], known: Known, look: Look, holds: Callable[[], Awaitable[bool]], longest_s: float
) -> AsyncGenerator[Known]:
    """`known`, and what every look then finds, until `longest_s` are over or the listener's credential `holds` no more.

    While nobody can say how far the jobs are, what is known is repeated.
    """
    ends_at = time.monotonic() + longest_s
    held_at = time.monotonic()
    while True:
        yield known
        try:
            async with asyncio.timeout(ends_at - time.monotonic()):
                found = await look(ids)
                if time.monotonic() - held_at >= HEARTBEAT_S:
                    held_at = time.monotonic()
                    if not await holds():
                        return
        except TimeoutError:
            return
        known = known if found is None else found


async def events(ids: Sequence[str], known: AsyncGenerator[Known], seen: str | None) -> AsyncGenerator[str]:
    """Server-sent events: `summary` whenever it is another than the one `seen`, heartbeats, `end` with the job."""
    yield "retry: 1000\n\n"
    spoke = time.monotonic()
    async for now_known in known:
        summary = told(ids, now_known)
        if summary is None:
            return
        if (new := version(summary)) != seen:
            yield f"id: {new}\nevent: summary\ndata: {json.dumps(summary)}\n\n"
            seen, spoke = new, time.monotonic()
        elif time.monotonic() - spoke >= HEARTBEAT_S - PERIOD_S:
            yield ": heartbeat\n\n"
            spoke = time.monotonic()
        if has_ended(summary):
            yield "event: end\ndata: {}\n\n"
            return
    yield "retry: 100\n\n"  # what happens meanwhile is told soon


def add_events(app: FastAPI, db: Database, *, look: Look | None = None, longest_s: float = LONGEST_S) -> None:
    """Adds /jobs/{job_id}/events. Who has the scope admin may follow every client's jobs.

    `look`, if given, is asked as soon as anybody wants to know, and answers at its own pace; else the database is
    looked into every PERIOD_S. No stream is longer than `longest_s`.
    """
    reader = Reader(look, 0) if look else Reader(look_into(db))
    standing = Standing()

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
        request: Request,
        caller: Annotated[Caller, Depends(needs("status", of_a_page=True))],
        last_event_id: Annotated[str | None, Header(max_length=100)] = None,
    ) -> Response:
        """Server-sent events; 204, which ends an EventSource, to who has seen the job's end already."""
        whose = None if ADMIN in caller.scopes else caller.client_id
        ids = await run_in_threadpool(live.family, db, whose, job_id)
        if not ids:
            raise unknown_job()
        known = await run_in_threadpool(live.look, db, ids)
        summary = told(ids, known)
        if summary and has_ended(summary) and version(summary) == last_event_id:
            return Response(status_code=204)
        length_s = min(longest_s, LONGEST_S) * random.uniform(0.8, 1)  # not all at once
        found = states(ids, known, reader.look, lambda: standing.holds(request), length_s)
        return EventStream(events(ids, found, last_event_id), headers={"X-Accel-Buffering": "no"})

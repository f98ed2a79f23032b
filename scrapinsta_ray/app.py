"""The one place that assembles things: four Serve applications and, with the console, the fleet.

`serve_config.yaml` names the builders at the end of this file.
"""
# No `from __future__ import annotations` here: Serve reads the builders' parameter type at run time.

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection
from functools import partial
from math import inf
from types import ModuleType
from typing import Any

import ray
from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve
from ray.exceptions import RayError
from ray.serve import Application
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from starlette.types import ASGIApp, Receive, Scope, Send

from scrapinsta_ray import settings
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.api.edge import Rules
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.api.live import LONGEST_S, Known, Reader, look_into
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.api.result import make_result_app
from scrapinsta_ray.cluster import names
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import counters, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import logs
from scrapinsta_ray.telemetry.flusher import Flusher

log = logging.getLogger(__name__)

THREADS = 16
"""Transactions that one replica has open at once: its threads and its connections. More requests may be ongoing, since
streams and results that wait for a common commit need neither."""

SUPERVISOR_S = 3.0
"""A supervisor that says nothing for so long is not asked for the next ABSENT_S."""

ABSENT_S = 10.0


class Release(BaseModel, extra="forbid"):
    """Arguments of every application. A new `release` rolls out the code as it is now on the nodes."""

    release: str = "0"


class Supervisor:
    """Keeps the fleet up: its health check creates what is missing, its end takes the fleet down."""

    def __init__(self, release: str) -> None:
        self._settings = settings.load()
        logs.configure(self._settings.log_format, self._settings.log_level, in_serve=True)
        self._db = Database(self._settings.url, pool_size=3)
        self._reader = Reader(look_into(self._db))
        self._closed = False
        self._up_to_date = False
        if self._settings.embedded:
            schema.upgrade(self._db)
        self._flusher = Flusher(partial(counters.add, self._db))
        log.info("supervisor of release %s", release)

    async def check_health(self) -> None:
        """Called by Serve every few seconds."""
        if self._closed:
            return
        try:
            await asyncio.to_thread(self._ensure)
        except DatabaseAway:
            log.warning("the database is away: the fleet stays as it is")

    async def look(self, job_ids: Collection[str]) -> Known | None:
        """How far these jobs are, for every replica of the console: all their listeners cost one look a second."""
        return await self._reader.look(job_ids)

    def _ensure(self) -> None:
        if not self._up_to_date and schema.pending(self._db):
            log.warning("the schema is not up to date: run `scrapinsta db upgrade`")
            return
        self._up_to_date = True  # and does not become older
        _fleet().ensure(self._db)

    async def __del__(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(_fleet().stop)


def _fleet() -> ModuleType:
    """Imported late: replicas that only answer HTTP start without Selenium and the parsers."""
    from scrapinsta_ray.cluster import fleet

    return fleet


def screenshot(username: str) -> bytes:
    """What the account's browser shows now, as PNG; the fleet is reached through this process' Ray.

    Raises RetryLater, in words for people, when there is nothing to see.
    """
    shot: bytes = _fleet().screenshot(username)
    return shot


class DispatchersBell:
    """Rung, the dispatcher need not wait for its next look at the database. One that is away sees all when it begins.

    A thread of its own calls: no request waits for Ray, whose head may be away. All who ring meanwhile are one call.
    """

    def __init__(self) -> None:
        self._rung = threading.Event()
        threading.Thread(target=self._run, name="dispatcher's bell", daemon=True).start()

    def ring(self) -> None:
        """Returns at once."""
        self._rung.set()

    def _run(self) -> None:
        while self._rung.wait():
            self._rung.clear()
            try:
                ray.get_actor(names.DISPATCHER, names.NAMESPACE).wake.remote()
            except (ValueError, RayError) as error:
                log.info("the dispatcher was not called: %s", type(error).__name__)


class SupervisorsLook:
    """`Supervisor.look` from another replica; while there is no supervisor, that replica looks for itself."""

    def __init__(self, db: Database) -> None:
        self._own = Reader(look_into(db))
        self._absent_until = -inf

    async def __call__(self, job_ids: Collection[str]) -> Known | None:
        if time.monotonic() >= self._absent_until:
            try:
                return await asyncio.wait_for(self._ask(job_ids), SUPERVISOR_S)
            except (RayError, RayServeException, TimeoutError) as error:
                log.info("live progress without the supervisor: %s", type(error).__name__)
                self._absent_until = time.monotonic() + ABSENT_S
        return await self._own.look(job_ids)

    async def _ask(self, job_ids: Collection[str]) -> Known | None:
        app = serve.get_replica_context().app_name
        known: Known | None = await serve.get_deployment_handle("supervisor", app).look.remote(job_ids)
        return known


def _longest_stream_s() -> float:
    """Serve cuts every request at its `request_timeout_s`, if it has one: a stream ends in good time before."""
    timeout_s = _get_global_client().http_config.request_timeout_s
    return timeout_s * 0.8 if timeout_s else LONGEST_S


class Replica:
    """ASGI: an application as one process of many. It has THREADS threads at most, and writes down in the end what it
    has counted.

    Serve sets the threads to `max_ongoing_requests`, after the start and again at each new deployment.
    """

    def __init__(self, app: ASGIApp, flusher: Flusher) -> None:
        self._app, self._flusher = app, flusher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        await self._app(scope, receive, send)
        if scope["type"] == "lifespan":
            await to_thread.run_sync(self._flusher.stop)


def _gate(found: settings.Settings, db: Database) -> Gate:
    rules = Rules(
        trusted_proxies=settings.networks(found.trusted_proxies),
        require_https=found.require_https,
        cors_origins=settings.origins(found.cors_origins),
        behind_serve=True,
    )
    return Gate(db, found.fernet, rules=rules, token_ttl_s=found.token_ttl_s)


Build = Callable[[settings.Settings, Database, Gate], FastAPI]


def _build_enqueue(found: settings.Settings, db: Database, gate: Gate) -> FastAPI:
    return make_enqueue_app(db, max_attempts=found.max_attempts, gate=gate, on_queued=DispatchersBell().ring)


def _build_pull(found: settings.Settings, db: Database, gate: Gate) -> FastAPI:
    return make_pull_app(db, lease_ttl_s=found.message_lease_ttl_s, gate=gate)


def _build_result(found: settings.Settings, db: Database, gate: Gate) -> FastAPI:
    return make_result_app(db, retry_base_s=found.retry_base_s, gate=gate)


def _build_console(found: settings.Settings, db: Database, gate: Gate) -> FastAPI:
    token = found.metrics_token.get_secret_value() if found.metrics_token else None
    return make_console_app(
        db,
        gate=gate,
        metrics_token=token,
        pace=found.pace,
        max_attempts=found.max_attempts,
        screenshot=screenshot,
        look=SupervisorsLook(db),
        longest_stream_s=_longest_stream_s(),
    )


def _assembled(build: Build) -> FastAPI:
    """The application of one replica."""
    found = settings.load()
    logs.configure(found.log_format, found.log_level, in_serve=True)
    db = Database(found.url, pool_size=THREADS + 2)  # the flusher's, and that of results' common commit
    app = build(found, db, _gate(found, db))
    app.add_middleware(Replica, flusher=Flusher(partial(counters.add, db)))
    return app


def _deployment(name: str, build: Build) -> Any:
    """A deployment of the FastAPI app that `build` makes in each replica; its options are in serve_config.yaml."""

    def make() -> FastAPI:  # a plain function: of others Serve does not see that they make an app
        return _assembled(build)

    return serve.deployment(serve.ingress(make)(), name=name)


# ---- what serve_config.yaml imports; no side effects: a builder runs again on every redeploy --------------


def enqueue(args: Release) -> Application:
    """/ext"""
    return _deployment("enqueue", _build_enqueue).bind(args.release)


def pull(args: Release) -> Application:
    """/api/send/pull"""
    return _deployment("pull", _build_pull).bind(args.release)


def result(args: Release) -> Application:
    """/api/send/result"""
    return _deployment("result", _build_result).bind(args.release)


def console(args: Release) -> Application:
    """/ , and the fleet with it."""
    supervisor = serve.deployment(Supervisor, name="supervisor").bind(args.release)
    return _deployment("console", _build_console).bind(args.release, supervisor)

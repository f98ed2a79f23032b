"""The one place that assembles things: four Serve applications and, with the console, the fleet.

`serve_config.yaml` names the builders at the end of this file.
"""
# No `from __future__ import annotations` here: Serve reads the builders' parameter type at run time.

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve
from ray.serve import Application

from scrapinsta_ray import settings
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.api.edge import Rules
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.api.result import make_result_app
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import counters, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import logs
from scrapinsta_ray.telemetry.flusher import Flusher

log = logging.getLogger(__name__)

THREADS = 16
"""Requests that one replica works on at once: `max_ongoing_requests` in serve_config.yaml, and the connection pool."""


class Release(BaseModel, extra="forbid"):
    """Arguments of every application. A new `release` rolls out the code as it is now on the nodes."""

    release: str = "0"


class Supervisor:
    """Keeps the fleet up: its health check creates what is missing, its end takes the fleet down."""

    def __init__(self, release: str) -> None:
        self._settings = settings.load()
        logs.configure(self._settings.log_format, self._settings.log_level)
        self._db = Database(self._settings.url, pool_size=2)
        self._closed = False
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

    def _ensure(self) -> None:
        if schema.pending(self._db):
            log.warning("the schema is not up to date: run `scrapinsta db upgrade`")
            return
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


def _database() -> tuple[settings.Settings, Database, Gate]:
    found = settings.load()
    logs.configure(found.log_format, found.log_level)
    db = Database(found.url, pool_size=THREADS)
    Flusher(partial(counters.add, db))
    return found, db, _gate(found, db)


def _gate(found: settings.Settings, db: Database) -> Gate:
    rules = Rules(
        trusted_proxies=settings.networks(found.trusted_proxies),
        require_https=found.require_https,
        cors_origins=settings.origins(found.cors_origins),
        behind_serve=True,
    )
    return Gate(db, found.fernet, rules=rules, token_ttl_s=found.token_ttl_s)


def _build_enqueue() -> FastAPI:
    found, db, gate = _database()
    return make_enqueue_app(db, max_attempts=found.max_attempts, gate=gate)


def _build_pull() -> FastAPI:
    found, db, gate = _database()
    return make_pull_app(db, lease_ttl_s=found.message_lease_ttl_s, gate=gate)


def _build_result() -> FastAPI:
    found, db, gate = _database()
    return make_result_app(db, retry_base_s=found.retry_base_s, gate=gate)


def _build_console() -> FastAPI:
    found, db, gate = _database()
    token = found.metrics_token.get_secret_value() if found.metrics_token else None
    return make_console_app(
        db,
        gate=gate,
        metrics_token=token,
        pace=found.pace,
        max_attempts=found.max_attempts,
        screenshot=screenshot,
    )


def _deployment(name: str, build: Callable[[], FastAPI]) -> Any:
    """A deployment of the FastAPI app that `build` makes in each replica; its options are in serve_config.yaml."""
    return serve.deployment(serve.ingress(build)(), name=name)


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

"""The first page: how things are."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.console.accounts import state_of
from scrapinsta_ray.console.desk import Desk, Visitor, show
from scrapinsta_ray.store import accounts, board, health
from scrapinsta_ray.store.board import Overview
from scrapinsta_ray.store.database import Database

MEMORY_S = 5.0
"""Whoever looks within so long sees the same numbers: adding them up reads the last days' tasks."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """An overview, until when it is shown, and how long the database took for it in milliseconds."""

    overview: Overview
    until: float
    took_ms: int


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /."""
    lookout = Lookout(desk.db)

    @site.get("/")
    def page(visit: Visitor) -> Response:
        seen = lookout.look(visit.sees)
        operator: dict[str, Any] = {"states": {}, "waiting": [], "nodes": []}
        if visit.is_operator:
            everyone = accounts.everyone(desk.db)
            states = Counter(map(state_of, everyone))
            waiting = [account for account in everyone if account.status == "needs_human"]
            operator = {"states": states, "waiting": waiting, "nodes": board.nodes(desk.db)}
        return show(
            visit,
            "overview.html",
            seen=seen.overview,
            born_within=board.BORN_WITHIN_DAYS,
            chart_hours=[(f"{hour:%H}", [ok, error]) for hour, ok, error in seen.overview.hours],
            chart_days=[(f"{day:%m-%d}", [number]) for day, number in seen.overview.days],
            took_ms=seen.took_ms,
            health=health.look(desk.db),
            sqlite=desk.db.is_sqlite,
            **operator,
        )


class Lookout:
    """Remembers overviews for a moment; one at a time is made."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._seen: dict[str | None, Remembered] = {}

    def look(self, client_id: str | None) -> Remembered:
        with self._lock:
            seen = self._seen.get(client_id)
            if seen is None or seen.until < time.monotonic():
                began = time.monotonic()
                overview = board.overview(self._db, client_id)
                now = time.monotonic()
                seen = Remembered(overview, now + MEMORY_S, round((now - began) * 1_000))
                self._seen = {whose: kept for whose, kept in self._seen.items() if kept.until > now}
                self._seen[client_id] = seen
            return seen

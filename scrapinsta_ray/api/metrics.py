"""/metrics: the whole cluster's numbers as Prometheus reads them, the same from every replica."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import counters, overview
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.overview import Overview
from scrapinsta_ray.telemetry import catalogue
from scrapinsta_ray.telemetry.catalogue import BUCKETS_MS, CATALOGUE
from scrapinsta_ray.telemetry.counts import SUM, Series

STATE_S = 5.0
"""A state that is no older is told again. Counters are always read anew: they must not seem to go back."""


def add_metrics(app: FastAPI, db: Database, token: str | None = None) -> None:
    """GET /metrics; with a `token` only for who bears it."""
    state = _State(db)

    @app.get(
        "/metrics",
        tags=["health"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text"}},
    )
    def metrics(request: Request) -> Response:
        if token and not _bears(request, token):
            raise ApiError(401, "METRICS_TOKEN", "Send the metrics token as Authorization: Bearer <token>.")
        return Response(text_of(_values(db, state)), media_type=CONTENT_TYPE_LATEST)


def _bears(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "")
    return secrets.compare_digest(given.encode(), f"Bearer {token}".encode())


def _values(db: Database, look: Callable[[], Overview]) -> dict[Series, float]:
    try:
        return {**counters.read(db), **look().gauges()}
    except DatabaseAway:
        return {("database_up", ""): 0}  # nothing else is known: no counter falls back to 0


class _State:
    """The overview, looked at again after a while, by one at a time."""

    def __init__(self, db: Database) -> None:
        self._db, self._lock = db, threading.Lock()
        self._seen: tuple[float, Overview] | None = None

    def __call__(self) -> Overview:
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen[0] > STATE_S:
                self._seen = time.monotonic(), overview.look(self._db)
            return self._seen[1]


def text_of(values: Mapping[Series, float]) -> bytes:
    """Values by name and labels in Prometheus' text format, with what the catalogue says of them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(values))
    return generate_latest(registry)


class _Told(Collector):
    def __init__(self, values: Mapping[Series, float]) -> None:
        self._by_name: dict[str, dict[str, float]] = {}
        for (name, labels), value in values.items():
            self._by_name.setdefault(name, {})[labels] = value

    def collect(self) -> Iterable[Metric]:
        """One family for each metric that has values, or whose label values are known."""
        for name, said in CATALOGUE.items():
            if values := self._zeros(said) | self._by_name.get(name, {}):
                yield _family(said, values)

    def _zeros(self, said: catalogue.Metric) -> dict[str, float]:
        if not self._by_name.keys() - {"database_up"}:
            return {}  # the database is away, and 0 would be a lie
        return {catalogue.labels_of(said, values): 0.0 for values in said.known}


def _family(said: catalogue.Metric, values: Mapping[str, float]) -> Metric:
    if said.kind == "histogram":
        return _histogram(said, values)
    kind = CounterMetricFamily if said.kind == "counter" else GaugeMetricFamily
    family = kind(said.name, said.help, labels=said.labels)
    for labels, value in sorted(values.items()):
        family.add_metric(_in_order(said, catalogue.parsed(labels)), value)
    return family


def _histogram(said: catalogue.Metric, values: Mapping[str, float]) -> Metric:
    """Each bucket is kept by itself; Prometheus wants each with all below it."""
    family = HistogramMetricFamily(said.name, said.help, labels=said.labels)
    by_labels: dict[tuple[str, ...], dict[str, float]] = {}
    for text, value in values.items():
        labels = catalogue.parsed(text)
        by_labels.setdefault(tuple(_in_order(said, labels)), {})[labels["le"]] = value
    for label_values, counted in sorted(by_labels.items()):
        family.add_metric(label_values, list(_cumulated(counted)), counted.get(SUM, 0.0))
    return family


def _cumulated(counted: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    below = 0.0
    for bound in (*(f"{bound:g}" for bound in BUCKETS_MS), "+Inf"):
        below += counted.get(bound, 0.0)
        yield bound, below


def _in_order(said: catalogue.Metric, labels: Mapping[str, str]) -> list[str]:
    return [labels.get(name, "") for name in said.labels]

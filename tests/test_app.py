"""What Serve is given: one process of many, with as many threads as connections."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import anyio
import httpx
import pytest
from anyio import to_thread
from fastapi import FastAPI
from starlette.testclient import TestClient

from scrapinsta_ray import app as assembled
from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.store import clients, health, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import counts, logs
from scrapinsta_ray.telemetry.counts import Batch, Counts
from scrapinsta_ray.telemetry.flusher import Flusher
from tests.waiting import until


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A store with two connections, and little patience for a third."""
    made = Database(f"sqlite:///{tmp_path}/store.db", pool_size=2, pool_wait_s=0.2)
    schema.upgrade(made)
    yield made
    made.dispose()


def test_no_more_threads_than_connections_whatever_serve_allows() -> None:
    app = FastAPI()
    working, most, lock = 0, 0, threading.Lock()

    @app.get("/")
    def work() -> None:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.02)
        with lock:
            working -= 1

    app.add_middleware(assembled.Replica, flusher=Flusher(lambda batch: None, counts=Counts()))

    async def ask() -> None:
        to_thread.current_default_thread_limiter().total_tokens = 250  # as Serve does for the console
        async with (
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http,
            anyio.create_task_group() as group,
        ):
            for _ in range(100):
                group.start_soon(http.get, "/")

    anyio.run(ask)
    assert most == assembled.THREADS


def test_at_its_end_a_replica_writes_down_what_it_has_counted() -> None:
    written: list[Batch] = []
    mine = Counts()
    app = FastAPI()
    app.add_middleware(assembled.Replica, flusher=Flusher(written.append, counts=mine, every_s=3600))
    with TestClient(app):
        mine.add("signals", type="ok")
    assert [batch.added for batch in written] == [{("signals", 'type="ok"'): 1}]


def test_the_four_applications_are_assembled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path))
    monkeypatch.delenv("SCRAPINSTA_DATABASE_URL", raising=False)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    monkeypatch.setattr(assembled, "_longest_stream_s", lambda: 60.0)
    counts.ours.take()
    for build in (
        assembled._build_enqueue,
        assembled._build_pull,
        assembled._build_result,
        assembled._build_console,
    ):
        with TestClient(assembled._assembled(build)) as http:
            assert http.get("/nothing").status_code == 404


def test_a_database_without_a_free_connection_is_away(db: Database) -> None:
    clients.create(db, "acme", "Acme")
    key = clients.create_key(db, "acme").plaintext
    http = TestClient(SideBySide(make_apps(db)), raise_server_exceptions=False)
    assert http.get("/jobs", headers={"X-Api-Key": key}).status_code == 200
    with ExitStack() as busy:
        for _ in range(2):
            busy.enter_context(db.begin(write=False))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: http.get("/jobs", headers={"X-Api-Key": key}), range(4)))
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["error"]["code"] for answer in answers} == {"DATABASE_AWAY"}
    assert {answer.headers["Retry-After"] for answer in answers} == {"5"}
    assert health.look(db)


def test_whoever_rings_for_the_dispatcher_waits_for_nobody_and_many_rings_are_few_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, answered, calls = threading.Event(), threading.Event(), 0

    def get_actor(*_names: str) -> None:
        nonlocal calls
        calls += 1
        asked.set()
        assert answered.wait(20)
        raise ValueError("there is none")

    monkeypatch.setattr("ray.get_actor", get_actor)
    bell = assembled.DispatchersBell()
    bell.ring()
    assert asked.wait(20)
    for _ in range(100):  # the head does not answer
        bell.ring()
    assert calls == 1
    answered.set()
    until(lambda: calls == 2)
    bell.ring()
    until(lambda: calls == 3)

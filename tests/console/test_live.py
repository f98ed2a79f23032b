"""Live progress: how soon, at what cost, and after a lost connection."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import httpx
import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from scrapinsta_ray.api import live
from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import campaigns, clients, control, finish, jobs, tasks, tokens
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.api.conftest import headers_of
from tests.console.conftest import Running

Headers = dict[str, str]
Event = dict[str, str]


def a_job(db: Database, *names: str, client: str = "acme") -> str:
    return jobs.enqueue_analysis(db, Asked(client), names, None).job_id


def finish_one(db: Database) -> None:
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    work = Work(task, Report(ok=False, code="not_found", lease_id=task.lease_id), "bot_1")
    ended = finish.finish_work(db, [work], retry_base_s=1)
    campaigns.settle(db, [one.job_id for one in ended])


def events_of(lines: Iterator[str]) -> Iterator[Event]:
    """Events, and heartbeats as {"comment": ...}."""
    now: Event = {}
    for line in lines:
        if not line and now:
            yield now
            now = {}
        elif line:
            name, _, value = line.partition(":")
            now[name or "comment"] = value.strip()


@contextmanager
def listening(served: Running, headers: Headers, job_id: str, **more: str) -> Iterator[Iterator[Event]]:
    with httpx.stream(
        "GET", f"{served.url}/jobs/{job_id}/events", headers={**headers, **more}, timeout=15
    ) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield (one for one in events_of(answer.iter_lines()) if "retry" not in one)


def first_with(events: Iterator[Event], **numbers: int) -> Event:
    """A task that is leased and then ended may be seen in between."""
    return next(one for one in events if numbers.items() <= json.loads(one.get("data", "{}")).items())


def test_a_change_is_told_within_a_second_and_the_end_ends_the_stream(served: Running, acme: Headers) -> None:
    job_id = a_job(served.db, "ana", "luz")
    with listening(served, acme, job_id) as events:
        first = next(events)
        assert json.loads(first["data"]) == {
            "queued": 2, "sent": 0, "ok": 0, "error": 0, "cancelled": 0, "total": 2, "status": "running"
        }  # fmt: skip
        assert first["event"] == "summary"
        finish_one(served.db)
        changed_at = time.monotonic()
        assert first_with(events, error=1)
        assert time.monotonic() - changed_at < 1.5  # of which a second is ours, and the rest the machine's
        finish_one(served.db)
        *_, last, end = events
        assert json.loads(last["data"])["status"] == "error"
        assert end["event"] == "end"


async def follow_all(served: Running, headers: Headers, job_id: str, number: int) -> tuple[int, list[float]]:
    """Statements in five seconds while `number` listen, and how late each then heard of a change, in seconds."""
    ready, statements, late = [], 0, []
    changed_at = 0.0

    async def listen(http: httpx.AsyncClient) -> None:
        async with http.stream("GET", f"{served.url}/jobs/{job_id}/events", headers=headers) as answer:
            ready.append(answer.status_code)
            async for line in answer.aiter_lines():
                if line.startswith("data:") and '"error": 1' in line:
                    late.append(time.monotonic() - changed_at)
                    return

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal statements
        statements += statement.startswith("SELECT")

    limits = httpx.Limits(max_connections=number)
    async with httpx.AsyncClient(timeout=60, limits=limits) as http, anyio.create_task_group() as group:
        for _ in range(number):
            group.start_soon(listen, http)
        with anyio.fail_after(60):
            while len(ready) < number:
                await anyio.sleep(0.05)
        await anyio.sleep(1.5)
        event.listen(served.db.engine, "before_cursor_execute", count)
        await anyio.sleep(5)
        event.remove(served.db.engine, "before_cursor_execute", count)
        changed_at = time.monotonic()
        await anyio.to_thread.run_sync(finish_one, served.db)
    assert set(ready) == {200}
    return statements, late


def test_two_hundred_listeners_cost_one_statement_a_second_in_all(served: Running, acme: Headers) -> None:
    job_id = a_job(served.db, "ana", "luz")
    statements, late = anyio.run(follow_all, served, acme, job_id, 200)
    assert 3 <= statements <= 6
    assert len(late) == 200
    assert max(late) < 3  # two hundred clients in this very process


def test_nobody_listens_and_the_database_is_not_asked(served: Running, acme: Headers) -> None:
    job_id = a_job(served.db, "ana")
    with listening(served, acme, job_id) as events:
        next(events)
    time.sleep(2 * live.PERIOD_S)
    asked = []
    event.listen(served.db.engine, "before_cursor_execute", lambda *_: asked.append(1))
    time.sleep(2 * live.PERIOD_S)
    assert not asked


def test_who_comes_back_hears_only_what_is_new(served: Running, acme: Headers) -> None:
    job_id = a_job(served.db, "ana", "luz")
    with listening(served, acme, job_id) as events:
        seen = next(events)["id"]
    with listening(served, acme, job_id, **{"Last-Event-ID": seen}) as events:
        finish_one(served.db)
        news = first_with(events, error=1)
    with listening(served, acme, job_id, **{"Last-Event-ID": seen}) as events:
        assert next(events)["id"] == news["id"]


def test_who_has_seen_the_end_is_told_not_to_come_back(served: Running, acme: Headers) -> None:
    job_id = a_job(served.db, "ana")
    control.cancel(served.db, "acme", job_id)
    with listening(served, acme, job_id) as events:
        last, end = events
    assert end["event"] == "end"
    again = httpx.get(
        f"{served.url}/jobs/{job_id}/events", headers={**acme, "Last-Event-ID": last["id"]}, timeout=15
    )
    assert again.status_code == 204


def test_a_quiet_stream_beats(served: Running, acme: Headers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 1.5)
    job_id = a_job(served.db, "ana")
    with listening(served, acme, job_id) as events:
        assert [next(events).get("comment", "summary") for _ in range(3)] == [
            "summary",
            "heartbeat",
            "heartbeat",
        ]


def test_a_long_stream_ends_and_is_resumed(
    served: Running, acme: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONGEST_S", 1.0)
    job_id = a_job(served.db, "ana")
    with listening(served, acme, job_id) as events:
        [only] = events
    assert only["event"] == "summary"


@pytest.mark.parametrize("how", ["key", "token", "suspended"])
def test_a_stream_ends_when_its_listener_is_let_in_no_more(
    served: Running, acme: Headers, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 1.0)
    job_id = a_job(served.db, "ana")
    made = httpx.post(f"{served.url}/api/auth/login", json={"api_key": acme["X-Api-Key"]}).json()
    shown = {"Authorization": f"Bearer {made['access_token']}"} if how == "token" else acme
    with (
        listening(served, shown, job_id) as events,
        listening(served, headers_of(served.db, "acme"), job_id) as others,
    ):
        next(events)
        if how == "suspended":
            clients.suspend(served.db, "acme")
        elif how == "key":
            clients.revoke_key(served.db, "acme", acme["X-Api-Key"].split("_")[1])
        else:
            tokens.revoke(served.db, "acme", made["jti"])
        revoked_at = time.monotonic()
        assert [event for event in events if event.get("comment") != "heartbeat"] == []
        assert time.monotonic() - revoked_at < 6
        if how != "suspended":  # whose key is another listens on
            finish_one(served.db)
            assert any("data" in event and '"error": 1' in event["data"] for event in others)


def test_a_campaign_is_told_with_its_stages(served: Running, acme: Headers) -> None:
    made = jobs.enqueue_campaign(
        served.db, Asked("acme", "client_1"), "cafe", 5, {}, Outreach(message="Hola")
    )
    with listening(served, acme, made.job_id) as events:
        summary = json.loads(next(events)["data"])
    assert [(stage["kind"], stage["status"], stage["total"]) for stage in summary["stages"]] == [
        ("fetch_followings", "running", 1), ("analyze_profile", "pending", 0), ("send_message", "pending", 0)
    ]  # fmt: skip


def test_others_jobs_are_unknown_and_the_operator_follows_all(
    http: TestClient, acme: Headers, other: Headers, operator: str, db: Database
) -> None:
    job_id = a_job(db, "ana")
    control.cancel(db, "acme", job_id)
    theirs = http.get(f"/jobs/{job_id}/events", headers=other)
    nobodys = http.get(f"/jobs/job:{'0' * 32}/events", headers=acme)
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.json() == nobodys.json()
    assert http.get(f"/jobs/{job_id}/events").status_code == 401
    assert http.get(f"/jobs/{job_id}/events", headers=headers_of(db, "acme", "pull")).status_code == 403
    assert http.get(f"/jobs/{job_id}/events", headers={"X-Api-Key": operator}).status_code == 200
    token = http.post("/api/auth/jwt", params={"job_id": job_id}, headers=acme).json()["access_token"]
    mine = http.get(f"/jobs/{job_id}/events", headers={"Authorization": f"Bearer {token}"})
    assert '"status": "cancelled"' in mine.text

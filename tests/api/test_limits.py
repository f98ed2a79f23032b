"""Each limit at its edge: 32 requests at once at two replicas, and again after one of them was killed.

The replicas are processes at one MariaDB. What passes is exactly the limit, and behind it what time has given back.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide
from scrapinsta_ray.api.pull import make_pull_app
from scrapinsta_ray.store import clients, jobs, outbox, schema
from scrapinsta_ray.store.database import Database, clock
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.servers import free_port

pytestmark = pytest.mark.timeout(180)

AT_ONCE = 32
MUCH = {"pulls_per_minute": 10_000, "results_per_minute": 10_000, "enqueues_per_minute": 10_000}
MUCH |= {"messages_per_hour": 50, "messages_per_day": 50}

Answers = list[httpx.Response]


class Replica:
    """One of the processes, at an address that it keeps over its restarts."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.api.replica", self._database_url, str(self._port)]
        self._process = subprocess.Popen(command, cwd=Path(__file__).parents[2], env=dict(os.environ))

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/live").raise_for_status()
                return
            except httpx.HTTPError:
                assert self._process.poll() is None, "the replica ended"
                time.sleep(0.1)
        raise AssertionError("the replica did not come up")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Service:
    """Two replicas, their database, and new clients in it."""

    def __init__(self, db: Database, replicas: Sequence[Replica], http: httpx.Client) -> None:
        self.db = db
        self._replicas = replicas
        self._http = http
        self._names = (f"client{number}" for number in count())

    def client(self, **limits: int) -> str:
        """A new one with all limits high but these."""
        name = next(self._names)
        clients.create(self.db, name, name)
        clients.set_limits(self.db, name, MUCH | limits)
        return name

    def headers(self, client: str) -> dict[str, str]:
        return {"X-Api-Key": clients.create_key(self.db, client).plaintext, "X-Account": "own"}

    def at_once(self, path: str, bodies: Sequence[Any], headers: dict[str, str]) -> Answers:
        """POSTs them all at the same time, to the replicas in turns."""

        def post(number: int) -> httpx.Response:
            url = self._replicas[number % len(self._replicas)].url
            return self._http.post(url + path, json=bodies[number], headers=headers)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(post, range(len(bodies))))

    def restart_one(self) -> None:
        self._replicas[0].kill()
        self._replicas[0].start()
        self._replicas[0].wait_until_ready()

    def seconds(self) -> float:
        with self.db.begin(write=False) as tx:
            return clock(tx).timestamp()


@pytest.fixture(scope="module")
def service(a_mariadb_database_of_this_module: str) -> Iterator[Service]:
    db = Database(a_mariadb_database_of_this_module)
    schema.upgrade(db)
    replicas = [Replica(a_mariadb_database_of_this_module) for _ in range(2)]
    try:
        for replica in replicas:
            replica.wait_until_ready()
        with httpx.Client(timeout=60, limits=httpx.Limits(max_connections=AT_ONCE)) as http:
            yield Service(db, replicas, http)
    finally:
        for replica in replicas:
            replica.kill()
        db.dispose()


def passed(answers: Answers, limit: str | None = None) -> Answers:
    """Those that no limit refused; all others say which it was, and when to come back."""
    refused = [answer for answer in answers if answer.status_code == 429]
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["error"]["details"]["limit"] == limit
    return [answer for answer in answers if answer not in refused]


def exactly(service: Service, limit: int, let_through: Callable[[], int]) -> None:
    """Of many at once the limit passes; after a restart what a minute has given back since, and no more."""
    began = service.seconds()
    first = let_through()
    earned = int((service.seconds() - began) * limit / 60)
    assert limit <= first <= limit + earned
    service.restart_one()
    total = first + let_through()
    assert total <= limit + int((service.seconds() - began) * limit / 60)


def test_pulls(service: Service) -> None:
    headers = service.headers(service.client(pulls_per_minute=5))
    ask = lambda: service.at_once("/api/send/pull", [{}] * AT_ONCE, headers)  # noqa: E731
    exactly(service, 5, lambda: len(passed(ask(), "pulls")))


def test_enqueues(service: Service) -> None:
    headers = service.headers(service.client(enqueues_per_minute=5))
    body = {"usernames": ["ana"]}
    ask = lambda: service.at_once("/ext/analyze/enqueue", [body] * AT_ONCE, headers)  # noqa: E731
    exactly(service, 5, lambda: len(passed(ask(), "enqueues")))


def test_results(service: Service) -> None:
    client = service.client(results_per_minute=5)
    results = messages_in_hand(service.db, client)
    headers = service.headers(client)
    done: list[str] = []

    def let_through() -> int:
        waiting = [one for one in results if one["task_id"] not in done][:AT_ONCE]
        answers = service.at_once("/api/send/result", waiting, headers)
        ok = [answer for answer in passed(answers, "results") if answer.json() == {"status": "ok"}]
        new = [one["task_id"] for one, answer in zip(waiting, answers, strict=True) if answer in ok]
        done.extend(new)
        return len(new)

    exactly(service, 5, let_through)
    assert ended(service.db, client) == len(done)


def messages_in_hand(db: Database, client: str) -> list[dict[str, Any]]:
    """Reports on 50 messages that the client's account holds."""
    jobs.enqueue_messages(db, Asked(client, "own"), Outreach("Hola", [f"{client}.{i}" for i in range(50)]))
    tasks = outbox.pull(db, client, "own", limit=50, ttl_s=600).tasks
    return [{"job_id": t.job_id, "task_id": t.task_id, "lease_id": t.lease_id, "ok": True} for t in tasks]


def ended(db: Database, client: str) -> int:
    with db.begin(write=False) as tx:
        query = "SELECT COUNT(*) FROM job_tasks WHERE client_id = %s AND status = 'ok'"
        return int(tx.exec_driver_sql(query, (client,)).scalar_one())


def test_unfinished_tasks(service: Service) -> None:
    headers = service.headers(service.client(unfinished_tasks=16))
    body = {"usernames": ["ana", "eva", "luz"]}
    ask = lambda: service.at_once("/ext/analyze/enqueue", [body] * AT_ONCE, headers)  # noqa: E731
    assert len(passed(ask(), "unfinished_tasks")) == 5
    service.restart_one()
    answers = ask()
    assert passed(answers, "unfinished_tasks") == []
    error = answers[0].json()["error"]
    assert error["code"] == "TOO_MANY_TASKS"
    assert error["details"] == {"limit": "unfinished_tasks", "most": 16, "unfinished": 15}


@pytest.mark.parametrize("limit", ["messages_per_hour", "messages_per_day"])
def test_messages(service: Service, limit: str) -> None:
    client = service.client(**{limit: 5})
    jobs.enqueue_messages(service.db, Asked(client, "own"), Outreach("Hola", [f"p{i}" for i in range(90)]))
    headers = service.headers(client)

    def handed_out() -> int:
        answers = service.at_once("/api/send/pull", [{"limit": 2}] * AT_ONCE, headers)
        return sum(len(answer.json()["items"]) for answer in answers)

    assert handed_out() == 5
    service.restart_one()
    assert handed_out() == 0


def test_failed_logins(service: Service) -> None:
    """The key that fails is known, so that guessing at it is what is limited; who has the whole key still gets in."""
    client = service.client()
    good = service.headers(client)
    wrong = {**good, "X-Api-Key": good["X-Api-Key"][:-64] + "0" * 64}
    ask = lambda: service.at_once("/api/send/pull", [{}] * AT_ONCE, wrong)  # noqa: E731

    def failed() -> int:
        answers = passed(ask(), "failed_logins")
        assert {answer.status_code for answer in answers} <= {401}
        return len(answers)

    exactly(service, 10, failed)


def test_a_key_that_has_a_job_is_answered_at_the_limit(service: Service) -> None:
    headers = service.headers(service.client(enqueues_per_minute=1)) | {"Idempotency-Key": "once"}
    answers = service.at_once("/ext/analyze/enqueue", [{"usernames": ["ana"]}] * AT_ONCE, headers)
    assert len(passed(answers)) == AT_ONCE
    assert len({answer.json()["job_id"] for answer in answers}) == 1


# ---- in this process -------------------------------------------------------------------------------------


def test_who_refuses_tells_it(db: Database, acme: dict[str, str]) -> None:
    clients.set_limits(db, "acme", {"pulls_per_minute": 1})
    told: list[str] = []
    http = TestClient(SideBySide({"/api/send/pull": make_pull_app(db, on_limited=told.append)}))
    answers = [http.post("/api/send/pull", headers=acme) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]
    assert told == ["pulls", "pulls"]
    error = answers[1].json()["error"]
    assert (error["code"], error["details"]) == ("RATE_LIMITED", {"limit": "pulls", "per_minute": 1})
    assert 50 < int(answers[1].headers["Retry-After"]) <= 60


def test_a_list_of_results_costs_as_many(db: Database, http: TestClient, acme: dict[str, str]) -> None:
    clients.set_limits(db, "acme", {"results_per_minute": 5})
    body = [{"job_id": "job:0", "task_id": "job:0:send_message:ana", "ok": True}] * 4
    assert http.post("/api/send/result", json=body, headers=acme).status_code == 200
    refused = http.post("/api/send/result", json=body, headers=acme)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "36")
    assert http.post("/api/send/result", json=body[:1], headers=acme).status_code == 200

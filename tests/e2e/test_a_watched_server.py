"""`serve run`, two consoles behind HAProxy: live progress, one truth in the metrics, one request id throughout."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import psutil
import pymysql
import pytest

from tests.console.test_live import events_of
from tests.e2e import leaks
from tests.e2e.conftest import until
from tests.e2e.test_serve_run import Server, for_a_user
from tests.servers import private_mariadb
from tests.telemetry.test_replicas import only_counters, parsed

pytestmark = pytest.mark.timeout(500)

REQUEST_TIMEOUT_S = 10.0
"""Serve's own: it cuts whatever takes longer."""

REPLICAS = 2


def two_consoles_and_a_short_timeout(config: dict[str, Any]) -> None:
    config["http_options"]["request_timeout_s"] = REQUEST_TIMEOUT_S
    [console] = [app for app in config["applications"] if app["name"] == "console"]
    [deployment] = [one for one in console["deployments"] if one["name"] == "console"]
    del deployment["autoscaling_config"]
    deployment["num_replicas"] = REPLICAS


class Watched(Server):
    """One that logs everything, as does its database."""

    def __init__(self, home: Path, database: ExitStack, database_url: str, site: str) -> None:
        self.statements = home / "statements.log"
        parts = urlsplit(database_url)
        with (
            closing(pymysql.connect(host=parts.hostname, port=parts.port or 0, user="root")) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET GLOBAL general_log_file = %s", [str(self.statements)])
            cursor.execute("SET GLOBAL general_log = ON")
        super().__init__(
            home,
            database,
            database_url,
            site,
            two_consoles_and_a_short_timeout,
            SCRAPINSTA_LOG_LEVEL="DEBUG",
            RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S="30",  # of HAProxy, which on a busy machine takes more than 5
        )
        self.headers = {"X-Api-Key": self.key, "X-Account": "client_1"}

    def logged(self) -> list[dict[str, Any]]:
        """Every line that our processes have written into Ray's folder."""
        lines = [
            line
            for file in (leaks.ray_folder(self.command) / "logs").glob("**/*.err")
            for line in file.read_text(errors="replace").splitlines()
        ]
        return [json.loads(line) for line in lines if line.startswith('{"time": ')]

    def metrics(self) -> dict[str, float]:
        return parsed(httpx.get(f"{self.url}/metrics", timeout=10).raise_for_status().text)

    def consoles(self) -> list[psutil.Process]:
        return self.command.named("ServeReplica:console:console")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, simulator_url: str) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    folder = home / "mariadb"
    folder.mkdir()
    with ExitStack() as database:
        watched = Watched(
            home, database, for_a_user(database.enter_context(private_mariadb(folder))), simulator_url
        )
        try:
            with watched.client() as client:
                until(client.ready, 300, "all applications and the dispatcher")
            until(lambda: len(watched.consoles()) == REPLICAS, 60, "the replicas of the console")
            yield watched
        finally:
            watched.command.end()


# ---- live progress ---------------------------------------------------------------------------------------


class Listener(threading.Thread):
    """What an EventSource does: comes again when a stream ends, and says what it has seen."""

    def __init__(self, server: Watched, job_id: str) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = f"{server.url}/jobs/{job_id}/events", server.headers
        self.heard: list[tuple[float, dict[str, Any]]] = []
        self.streams: list[float] = []
        self.cut: list[Exception] = []
        self.ended = False
        self.start()

    def run(self) -> None:
        seen: dict[str, str] = {}
        pause_s = 1.0
        while not self.ended:
            began = time.monotonic()
            try:
                with httpx.stream("GET", self._url, headers=self._headers | seen, timeout=20) as answer:
                    for event in events_of(answer.raise_for_status().iter_lines()):
                        pause_s = int(event.get("retry", pause_s * 1000)) / 1000
                        if event.get("event") == "summary":
                            seen = {"Last-Event-ID": event["id"]}
                            self.heard.append((time.monotonic(), json.loads(event["data"])))
                        self.ended = self.ended or event.get("event") == "end"
            except httpx.HTTPError as error:
                self.cut.append(error)
            self.streams.append(time.monotonic() - began)
            time.sleep(pause_s)

    def told(self, status: str, since: float) -> float:
        """How late it heard, for the first time since then, that the job is in this state."""

        def after() -> list[float]:
            return [at - since for at, one in self.heard if at > since and one["status"] == status]

        return until(after, 10, status)[0]


def test_streams_end_before_serve_cuts_them_and_nothing_is_missed(server: Watched) -> None:
    with server.client() as client:
        job_id = client.send(message="Hola", usernames=["ana", "luz"])["job_id"]
        listener = Listener(server, job_id)
        until(lambda: listener.heard, 10, "the first event")
        late = []
        while len(listener.streams) < 3:
            for change, status in ((client.pause, "paused"), (client.resume, "running")):
                began = time.monotonic()
                change(job_id)
                late.append(listener.told(status, began))
                time.sleep(0.37)
        client.cancel(job_id)
        until(lambda: listener.ended, 10, "the end")
    assert not listener.cut
    assert REQUEST_TIMEOUT_S / 2 < listener.streams[0] < REQUEST_TIMEOUT_S * 1.5, "so Serve would have cut it"
    states = [one["status"] for _at, one in listener.heard]
    assert all(before != after for before, after in pairwise(states)), "nothing is told twice"
    assert states[-1] == "cancelled"
    assert sorted(late)[len(late) // 2] < 1.1, late
    assert max(late) < 2.5, late  # with a reconnect, on a busy machine


async def listen(server: Watched, job_id: str, listeners: int, open_streams: list[int]) -> None:
    async def one(http: httpx.AsyncClient) -> None:
        while True:
            async with http.stream(
                "GET", f"{server.url}/jobs/{job_id}/events", headers=server.headers
            ) as answer:
                open_streams.append(answer.status_code)
                with suppress(httpx.RemoteProtocolError):  # 200 of them on a busy machine: some are late
                    async for _line in answer.aiter_lines():
                        pass

    limits = httpx.Limits(max_connections=listeners)
    async with httpx.AsyncClient(timeout=60, limits=limits) as http, anyio.create_task_group() as group:
        for _ in range(listeners):
            group.start_soon(one, http)
        with anyio.fail_after(60):
            while len(open_streams) < listeners:
                await anyio.sleep(0.1)
        await anyio.sleep(5)
        group.cancel_scope.cancel()


LOOK = re.compile(r"SELECT jobs\.id, jobs\.kind, .*LEFT OUTER JOIN job_tasks")
"""Without the comment that names a request: what a stream begins with is looked at for itself."""


def test_two_hundred_listeners_at_two_replicas_cost_one_look_a_second_in_all(server: Watched) -> None:
    with server.client() as client:
        job_id = client.send(message="Hola", usernames=["eva"])["job_id"]
        before = server.statements.stat().st_size
        statuses: list[int] = []
        began = time.monotonic()
        anyio.run(listen, server, job_id, 200, statuses)
        lasted = time.monotonic() - began
        client.cancel(job_id)
    with server.statements.open(errors="replace") as log:
        log.seek(before)
        text = re.sub(r"\n(?!\d{6}|\t)", " ", log.read())
    looks = len(LOOK.findall(text))
    assert set(statuses) == {200}
    assert 3 <= looks <= lasted + 2, (looks, lasted)


# ---- one id ----------------------------------------------------------------------------------------------


def test_one_request_id_from_http_to_worker_to_statement(server: Watched) -> None:
    body = {"usernames": ["cafe_lucia"], "max_age_hours": 0}
    headers = {**server.headers, "X-Request-ID": "trace-me-1"}
    made = httpx.post(f"{server.url}/ext/analyze/enqueue", json=body, headers=headers).raise_for_status()
    assert made.headers.get_list("X-Request-ID") == ["trace-me-1"]
    job_id = made.json()["job_id"]
    with server.client() as client:
        until(lambda: client.summary(job_id)["status"] == "done", 60, "the profile")

    def lines() -> list[dict[str, Any]]:
        return [line for line in server.logged() if line.get("request_id") == "trace-me-1"]

    until(lambda: {"request", "task done"} <= {line["event"] for line in lines()}, 15, "both logs")
    by_event = {line["event"]: line for line in lines()}
    assert by_event["request"]["path"] == "/ext/analyze/enqueue"
    done = by_event["task done"]
    assert (done["job_id"], done["account_bot"], done["client"]) == (job_id, "bot_1", "acme")
    assert done["task_id"] == f"{job_id}:analyze_profile:cafe_lucia"
    assert {"time", "level", "latency_ms", "node"} <= done.keys()
    statements = server.statements.read_text(errors="replace")
    commented = set(re.findall(r"(\w+) /\* request_id=trace-me-1 \*/ (?:INTO )?(\w+)", statements))
    assert ("INSERT", "jobs") in commented  # by the API
    assert ("UPDATE", "job_tasks") in commented  # by the worker, which renews its lease


# ---- metrics ---------------------------------------------------------------------------------------------


AGENTS = """
import json, sys
import ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print(json.dumps([f"{n['NodeManagerAddress']}:{n['MetricsExportPort']}" for n in ray.nodes() if n["Alive"]]))
"""


def agents(server: Watched) -> list[str]:
    """The addresses of the nodes' metrics agents."""
    address = leaks.of_raylet(server.command, r"--gcs-address=(\S+)")
    program = [sys.executable, "-c", AGENTS, address]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_rays_agent_tells_the_processes_gauges(server: Watched) -> None:
    [agent] = agents(server)

    def told() -> dict[str, str]:
        lines = httpx.get(f"http://{agent}/metrics", timeout=10).text.splitlines()
        ours = (re.match(r"ray_scrapinsta_(\w+)\{(.*)\} (\S+)", line) for line in lines)
        return {
            f"{m[1]} {tag}": m[3]
            for m in ours
            if m
            for tag in re.findall(r'\b(?:account_bot|state)="\w+"', m[2])
        }

    names = {'session_memory_bytes account_bot="bot_1"', 'browsers state="total"', 'browsers state="free"'}
    until(lambda: names <= told().keys(), 60, "our gauges, each with its own tag")
    values = told()
    assert float(values['session_memory_bytes account_bot="bot_1"']) > 50e6
    assert float(values['browsers state="total"']) >= float(values['browsers state="free"']) >= 0


def test_counters_never_go_back_when_a_replica_or_a_worker_is_killed(server: Watched) -> None:
    over = threading.Event()
    seen: list[dict[str, float]] = []

    def scrape() -> None:
        while not over.wait(0.1):
            try:
                seen.append(only_counters(server.metrics()))
            except httpx.HTTPError:
                continue  # sent to the one that is dead

    scraper = threading.Thread(target=scrape, daemon=True)
    scraper.start()
    try:
        with server.client() as client:
            server.consoles()[0].kill()
            [worker] = server.command.named("ray::InstagramWorker")
            worker.kill()
            names = [f"usuario_{n}" for n in range(6)]
            made = client.analyze([*names, "cafe_lucia"], max_age_hours=0)  # for the worker in its place
            until(lambda: len(server.consoles()) == REPLICAS, 60, "another replica")
            until(
                lambda: client.summary(made["job_id"])["status"] not in ("running", "pending"),
                120,
                "the job's end",
            )
            ended = [client.summary(job["job_id"]) for job in client.jobs()]
        expected = {name: sum(one[name] for one in ended) for name in ("total", "ok", "error")}

        def counted() -> dict[str, float]:
            values = server.metrics()
            names = {"total": "queued", "ok": "ok", "error": "error"}
            return {
                status: sum(v for series, v in values.items() if series.startswith(f"tasks_{name}_total"))
                for status, name in names.items()
            }

        until(lambda: counted() == expected, 15, f"{expected}")
        until(lambda: len(seen) > 10, 30, "enough scrapes")
        # what a worker counts outside of a transaction is written a second later
        of_the_worker = ('signals_total{type="ok"}', 'browser_restarts_total{reason="worker"}')
        until(lambda: all(seen[-1].get(name, 0) >= 1 for name in of_the_worker), 15, f"{of_the_worker}")
    finally:
        over.set()
        scraper.join()
    for before, after in pairwise(seen):
        assert not {name: value for name, value in before.items() if after.get(name, -1) < value}

"""Nodes of one cluster on this machine, each a raylet of its own: one is killed, or stopped and goes on later.

Judged by what the simulated site saw, by the store, and by the processes that are left.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select

from scrapinsta_ray.domain.models import Action
from scrapinsta_ray.processes import send
from scrapinsta_ray.settings import RAY_ENVIRONMENT
from scrapinsta_ray.store import accounts, clients, jobs, progress, schema
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked
from scrapinsta_ray.store.tables import followings
from tests.e2e.conftest import Command, until

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(500)]

CLIENT, TARGET, PAGE = "acme", "sigue_a_todos", 50
TTL_S = 4.0
STORE = "--object-store-memory=80000000"
RAY = str(Path(sys.executable).with_name("ray"))
ENSURE = """
import sys
from scrapinsta_ray import settings
settings.prepare_ray()
import ray
from scrapinsta_ray.cluster import fleet
from scrapinsta_ray.cluster.names import NAMESPACE
from scrapinsta_ray.store.database import Database
ray.init(address=sys.argv[1], namespace=NAMESPACE, logging_level="ERROR", log_to_driver=False)
fleet.ensure(Database(settings.load().url))
"""


class Fleet:
    """A head that carries no browser, and nodes that carry one each; the store they share is a server's."""

    def __init__(self, folder: Path, url: str, site: str) -> None:
        self._folder, self.site, self._nodes = folder, site, 0
        self._settings = {
            **RAY_ENVIRONMENT,
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "5",
            "SCRAPINSTA_DATABASE_URL": url,
            "SCRAPINSTA_SECRET_KEY": Fernet.generate_key().decode(),
            "SCRAPINSTA_SITE_URL": site,
            "SCRAPINSTA_ACTION_GAP_MIN_S": "0",
            "SCRAPINSTA_ACTION_GAP_MAX_S": "0",
            "SCRAPINSTA_LEASE_TTL_S": str(TTL_S),
            "SCRAPINSTA_TASK_LEASE_TTL_S": "5",
            "SCRAPINSTA_RETRY_BASE_S": "0.2",
            "SCRAPINSTA_POLL_IDLE_S": "0.5",
        }
        self.fernet = MultiFernet([Fernet(self._settings["SCRAPINSTA_SECRET_KEY"])])
        self.db = Database(url)
        schema.upgrade(self.db)
        clients.create(self.db, CLIENT, CLIENT)
        self.head = self._start("--head", "--port=0", f"--temp-dir={folder}/ray", "--include-dashboard=false")
        self.address = ""

    def begin(self) -> None:
        self.address = until(self._address, 180, "the head")
        self.ensure()  # the dispatcher, before there is another node

    def _address(self) -> str:
        raylets = self.head.named("raylet/raylet")
        words = raylets[0].cmdline() if raylets and joined(self.head) else []
        return next((word.partition("=")[2] for word in words if word.startswith("--gcs-address=")), "")

    def _start(self, *options: str) -> Command:
        self._nodes += 1
        home = self._folder / f"n{self._nodes}"
        return Command(
            home, "start", "--block", "--num-cpus=1", STORE, *options, program=(RAY,), **self._settings
        )

    def node(self) -> Command:
        """Another node, with one browser."""
        node = self._start(f"--address={self.address}", '--resources={"browser": 1}')
        until(lambda: joined(node), 120, "another node")
        return node

    def ensure(self) -> None:
        """As Serve does it now and then."""
        program = [sys.executable, "-c", ENSURE, self.address]
        subprocess.run(program, env={**os.environ, **self._settings}, check=True, timeout=120)

    def row(self, username: str) -> Account:
        return next(one for one in accounts.everyone(self.db) if one.username == username)

    def ask(self, path: str, **query: Any) -> Any:
        return httpx.get(self.site + path, params=query).raise_for_status().json()

    def end(self) -> None:
        self.head.end()
        self.db.dispose()


def joined(node: Command) -> bool:
    return "Ray runtime started" in node.stdout + node.stderr


@pytest.fixture(scope="module")
def a_fleet(
    short_folder: Path, a_mariadb_database_of_this_module: str, simulator_url: str
) -> Iterator[Fleet]:
    fleet = Fleet(short_folder, a_mariadb_database_of_this_module, simulator_url)
    try:
        fleet.begin()
        yield fleet
    finally:
        fleet.end()


class Reading:
    """One account that reads a long list on one node, slowly from its third page on."""

    def __init__(self, fleet: Fleet, username: str) -> None:
        self.fleet, self.username = fleet, username
        self.names: list[str] = fleet.ask(f"/_truth/followings/{TARGET}")["usernames"]
        accounts.add(fleet.db, fleet.fernet, username, username.replace("bot_", "bot-secret-"))
        self.nodes: list[Command] = []

    def begin(self, node: Command) -> psutil.Process:
        """Its worker, amid the third page, with two pages stored."""
        self.slow_down()
        self.nodes.append(node)
        self.fleet.ensure()
        self.job = jobs.enqueue_fetch(self.fleet.db, Asked(CLIENT), TARGET, 5000).job_id
        until(lambda: self.pages() == 3 and len(self.stored()) == 2 * PAGE, 150, "two pages")
        return self.worker(node)

    def slow_down(self) -> None:
        rule = {"fault": "latency", "account": self.username, "path": "followings", "seconds": 3, "after": 2}
        httpx.post(f"{self.fleet.site}/_faults", json={**rule, "times": -1}).raise_for_status()

    def speed_up(self) -> None:
        httpx.delete(f"{self.fleet.site}/_faults").raise_for_status()

    def worker(self, node: Command, other_than: int = 0) -> psutil.Process:
        """The account's worker on a node, once it has a browser."""

        def found() -> psutil.Process | None:
            workers = [one for one in node.named("ray::InstagramWorker") if one.pid != other_than]
            return workers[0] if workers and browsers(node) else None

        worker = until(found, 120, f"the worker of {self.username}")
        assert worker
        return worker

    def pages(self) -> int:
        """How many the site was asked for."""
        told = self.fleet.ask("/_requests", account=self.username, kind="followings", limit=0)
        return int(told["by_kind"].get("followings", 0))

    def stored(self) -> list[str]:
        wanted = select(followings.c.username).where(followings.c.target_username == TARGET)
        with self.fleet.db.begin(write=False) as tx:
            return list(tx.scalars(wanted.order_by(followings.c.position)))

    def ends_complete(self, interruptions: int) -> None:
        """The whole list, in the site's order, and of its pages none twice but those that were under way."""
        until(lambda: self.fleet_is_done(), 120, "the list's end")
        assert self.stored() == self.names
        least = -(-len(self.names) // PAGE)
        assert least <= self.pages() <= least + interruptions
        used = self.fleet.row(self.username).used
        assert used[Action.FOLLOWING_PAGE] == self.pages(), "each is counted, on whichever node it was read"
        sessions = self.fleet.ask("/_sessions", account=self.username)
        assert sessions["accounts"][self.username]["logins"] == 1, "the cookies were enough"
        assert [one for one in sessions["overlaps"] if one["of"] == "browser"] == []

    def fleet_is_done(self) -> bool:
        told = progress.summary(self.fleet.db, CLIENT, self.job)
        return told is not None and told["status"] == "done"

    def end(self) -> None:
        self.speed_up()
        accounts.remove(self.fleet.db, self.username)
        self.fleet.ensure()
        for node in self.nodes:
            node.end()
        with self.fleet.db.begin() as tx:
            tx.execute(followings.delete())


@pytest.fixture
def a_reading(a_fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Reading]:
    reading = Reading(a_fleet, request.param)
    yield reading
    reading.end()


def browsers(node: Command) -> list[psutil.Process]:
    """Its Chromiums, their children, and chromedrivers."""
    return node.named("chrom")


@pytest.mark.parametrize("a_reading", ["bot_41"], indirect=True)
def test_kill_9_of_a_worker_amid_a_list(a_fleet: Fleet, a_reading: Reading) -> None:
    node = a_fleet.node()
    worker = a_reading.begin(node)
    old = browsers(node)
    assert len(old) > 4
    worker.kill()
    until(lambda: not any(one.is_running() for one in old), 10, "the end of its browser")
    a_reading.worker(node, other_than=worker.pid)
    a_reading.speed_up()
    a_reading.ends_complete(interruptions=1)
    mains = [Path(line.split()[0]).name for line in node.titles("chrom") if "--type=" not in line]
    assert sorted(name for name in mains if "crashpad" not in name) == ["chromedriver", "chromium"]


@pytest.mark.parametrize("a_reading", ["bot_42"], indirect=True)
def test_kill_9_of_a_raylet_amid_a_list(a_fleet: Fleet, a_reading: Reading) -> None:
    node = a_fleet.node()
    a_reading.begin(node)
    [raylet] = node.named("raylet/raylet")
    raylet.kill()
    until(lambda: not browsers(node), 15, "the end of its browser")
    other = a_fleet.node()
    a_reading.nodes.append(other)
    a_reading.worker(other)
    a_reading.speed_up()
    a_reading.ends_complete(interruptions=1)
    assert browsers(node) == []


@pytest.mark.parametrize(
    ("a_reading", "stops"),
    [("bot_43", "all of it"), ("bot_44", "raylet and worker")],
    indirect=["a_reading"],
)
def test_a_node_that_is_stopped_past_its_leases_and_goes_on_later(
    a_fleet: Fleet, a_reading: Reading, stops: str
) -> None:
    node = a_fleet.node()
    worker = a_reading.begin(node)
    [raylet] = node.named("raylet/raylet")
    stopped = node.processes() if stops == "all of it" else [raylet, worker]
    send(signal.SIGSTOP, stopped)
    try:
        other = a_fleet.node()
        a_reading.nodes.append(other)
        a_reading.worker(other)
        if stops != "all of it":
            assert browsers(node) == [], "its guard has ended it"
        a_reading.speed_up()
        a_reading.ends_complete(interruptions=1)
    finally:
        send(signal.SIGCONT, stopped)
    until(lambda: not worker.is_running() and not browsers(node), 30, "the end of worker and browser")
    a_reading.ends_complete(interruptions=1)

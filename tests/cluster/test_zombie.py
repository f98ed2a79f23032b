"""A worker that is stopped past the life of its lease, and goes on later: one account never has two browsers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from scrapinsta_ray.domain.models import Following, FollowingPage, Kind
from scrapinsta_ray.errors import StaleLease
from scrapinsta_ray.instagram import processes
from scrapinsta_ray.store import followings, tasks
from scrapinsta_ray.store.tables import followings as rows
from tests.cluster.conftest import Bench
from tests.site import Ask
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

WORKER = """
import sys
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.store import tasks
worker = InstagramWorker("bot_8")
print("mine", flush=True)
worker.warm_up()
print(worker._keeper._session.browser._service.group, flush=True)
for kind in sys.stdin:
    tasks.rescue(worker._db)
    for task in tasks.lease_work(worker._db, Kind(kind.strip()), limit=1, ttl_s=3):
        print(worker.perform(task).report.code, flush=True)
"""
TTL_S = 3.0


class Process:
    """A worker in a process of its own."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def said(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def do(self, kind: Kind) -> None:
        assert self.process.stdin
        print(kind, file=self.process.stdin, flush=True)

    def end(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start() -> Iterator[Callable[[], Process]]:
    started: list[Process] = []

    def starting() -> Process:
        started.append(Process())
        return started[-1]

    yield starting
    for one in started:
        one.end()


def given_back(bench: Bench) -> bool:
    tasks.rescue(bench.db)
    return Kind.FETCH_FOLLOWINGS in tasks.look(bench.db).kinds


def living(group: int) -> list[Any]:
    return [one for one in processes.running() if one.group == group]


@pytest.mark.parametrize("a_bench", [{"LEASE_TTL_S": str(TTL_S), "TASK_LEASE_TTL_S": "3"}], indirect=True)
def test_a_zombie_has_no_browser_and_writes_nothing(
    a_bench: Bench, ask: Ask, fault: Callable[..., None], start: Callable[[], Process]
) -> None:
    zombie = start()
    assert zombie.said() == "mine"
    group = int(zombie.said())
    task = a_bench.list_of("sigue_a_todos", 150, ttl_s=TTL_S)
    until(lambda: given_back(a_bench))  # so that the worker leases it itself
    before = len(ask("/_faults")["done"])
    fault("latency", account="bot_8", path="followings", seconds=1, after=1, times=-1)
    zombie.do(Kind.FETCH_FOLLOWINGS)
    until(lambda: len(ask("/_faults")["done"]) > before)

    os.kill(zombie.process.pid, signal.SIGSTOP)  # amid the second page
    heir, began = start(), time.monotonic()
    until(lambda: not living(group), TTL_S)
    assert time.monotonic() - began < TTL_S, "its browser is gone before its lease is"
    assert heir.said() == "mine"
    assert int(heir.said()) != group
    ask("/_faults", method="DELETE")
    until(lambda: given_back(a_bench))  # the task's lease may end a little later than the account's
    heir.do(Kind.FETCH_FOLLOWINGS)
    assert heir.said() == "ok"

    os.kill(zombie.process.pid, signal.SIGCONT)
    assert zombie.process.wait(20) != 0, "it ends by itself"
    with pytest.raises(StaleLease):
        followings.save_page(a_bench.db, task, FollowingPage((Following("somebody"),)), start=100)
    overlaps = ask("/_sessions?account=bot_8")["overlaps"]
    assert [one for one in overlaps if one["of"] == "browser"] == []


@pytest.mark.parametrize("a_bench", [{"LEASE_TTL_S": str(TTL_S)}], indirect=True)
def test_kill_9_of_a_worker_leaves_no_browser_and_its_heir_needs_no_password(
    a_bench: Bench, ask: Ask, start: Callable[[], Process]
) -> None:
    first = start()
    assert first.said() == "mine"
    group = int(first.said())
    logins = ask("/_accounts")["accounts"]["bot_8"]["logins"]
    psutil.Process(first.process.pid).kill()
    until(lambda: not living(group), 3)
    second = start()
    assert second.said() == "mine"
    assert int(second.said()) != group
    assert ask("/_accounts")["accounts"]["bot_8"]["logins"] == logins


@pytest.mark.parametrize("a_bench", [{"LEASE_TTL_S": str(TTL_S), "TASK_LEASE_TTL_S": "3"}], indirect=True)
def test_a_list_goes_on_at_its_cursor_after_kill_9_of_its_worker(
    a_bench: Bench, ask: Ask, fault: Callable[..., None], start: Callable[[], Process]
) -> None:
    names = ask("/_truth/followings/sigue_a_todos")["usernames"][:150]
    a_bench.list_of("sigue_a_todos", 150, ttl_s=TTL_S)
    first = start()
    assert first.said() == "mine"
    group = int(first.said())
    until(lambda: given_back(a_bench))  # so that the worker leases it itself
    before = len(ask("/_faults")["done"])
    fault("latency", account="bot_8", path="followings", seconds=2, after=1, times=-1)
    first.do(Kind.FETCH_FOLLOWINGS)
    until(lambda: len(ask("/_faults")["done"]) > before)  # amid the second page
    until(lambda: len(stored(a_bench)) == 50)
    psutil.Process(first.process.pid).kill()
    until(lambda: not living(group), 5)
    ask("/_faults", method="DELETE")

    heir = start()
    assert heir.said() == "mine"
    assert heir.said()
    until(lambda: given_back(a_bench))
    asked = pages_asked(ask)
    heir.do(Kind.FETCH_FOLLOWINGS)
    assert heir.said() == "ok"
    assert stored(a_bench) == names, "each once, in the site's order"
    assert pages_asked(ask) == asked + 2, "the page that was stored is not asked for again"


def stored(bench: Bench) -> list[str]:
    with bench.db.begin(write=False) as tx:
        return list(tx.scalars(select(rows.c.username).order_by(rows.c.position)))


def pages_asked(ask: Ask) -> int:
    return int(ask("/_requests?account=bot_8&kind=followings&limit=0")["by_kind"].get("followings", 0))

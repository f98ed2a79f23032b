"""The idle part of `bench dispatch`: what a whole cluster costs that has nothing to do, and how soon it begins."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil

from scrapinsta_ray import settings
from scrapinsta_ray.bench import cluster
from scrapinsta_ray.bench.figures import Figure, shown
from scrapinsta_ray.bench.floor import connect
from scrapinsta_ray.bench.processes import processor_s, trees
from scrapinsta_ray.bench.registry import Say

CLIENT = "acme"


@dataclass(frozen=True, slots=True)
class Idle:
    """How much is measured of it."""

    accounts: int
    seconds: float
    alone: int  # tasks that are enqueued one by one


def idle_cluster(home: Path, url: str, idle: Idle, say: Say) -> list[Figure]:
    """What a whole cluster costs that has nothing to do, and how soon it begins when it has."""
    with ExitStack() as stack:
        say(f"a cluster with {idle.accounts} accounts")
        desk = stack.enter_context(closing(_Desk(url, idle.accounts)))
        address = stack.enter_context(cluster.running_cluster(home))
        pids = stack.enter_context(_browserless(desk))
        time.sleep(_SETTLE_S)
        say(f"idle for {idle.seconds:.0f} s")
        figures = _costs(url, pids, idle)
        say(f"{idle.alone} tasks, one by one")
        waits = [desk.wait_ms(address, number) for number in range(idle.alone)]
    begins = "from enqueue by HTTP to a free worker starting on it"
    return [
        *figures,
        shown(f"{begins}, median (ms)", median(waits), None, 150, "lower"),
        shown(f"{begins}, slowest of {idle.alone} (ms)", max(waits), None, None, "lower"),
    ]


_SETTLE_S = 8.0
_PAUSE_S = 1.7
"""Between two tasks: all workers are idle again, and the dispatcher's looks are not in step."""


class _Desk:
    """A client with a key, and the accounts of an idle cluster."""

    def __init__(self, url: str, number: int) -> None:
        from scrapinsta_ray.bench.slots import account_name
        from scrapinsta_ray.store import accounts, clients, schema
        from scrapinsta_ray.store.database import Database

        self._connection = connect(url)
        self.db = Database(url)
        schema.upgrade(self.db)
        clients.create(self.db, CLIENT, CLIENT)
        clients.set_limits(self.db, CLIENT, {"enqueues_per_minute": clients.MOST})
        self._key = clients.create_key(self.db, CLIENT).plaintext
        self.names = [account_name(n) for n in range(number)]
        accounts.add_all(self.db, settings.load().fernet, [accounts.Login(n, "secret") for n in self.names])
        accounts.set_status(self.db, self.names, "paused")  # or the supervisor starts workers with browsers

    def close(self) -> None:
        """Ends the connections."""
        self._connection.close()
        self.db.dispose()

    def wait_ms(self, address: str, number: int) -> float:
        """Enqueues one task by HTTP; from before that until a worker began."""
        time.sleep(_PAUSE_S)
        asked = {"usernames": [f"somebody.{number}"], "max_age_hours": 0}
        began = time.time()
        answer = httpx.post(
            f"{address}/ext/analyze/enqueue", json=asked, headers={"X-Api-Key": self._key}, timeout=20
        )
        job_id = answer.raise_for_status().json()["job_id"]
        deadline = time.monotonic() + 30
        while (at := self._began(job_id)) is None:
            assert time.monotonic() < deadline, "nobody began"
            time.sleep(0.05)
        return (at - began) * 1000

    def _began(self, job_id: str) -> float | None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT JSON_EXTRACT(result, '$.at') FROM job_tasks WHERE job_id = %s", (job_id,))
            [[at]] = cursor.fetchall()
        self._connection.commit()
        return float(at) if at is not None else None


@dataclass(frozen=True, slots=True)
class _Processes:
    """Which of a cluster's processes are ours; all others are Ray's."""

    dispatcher: int
    workers: Sequence[int]
    replicas: Sequence[int]

    def ours_s(self) -> float:
        """Seconds of processor that all three have used."""
        return processor_s(map(psutil.Process, [self.dispatcher, *self.workers, *self.replicas]))


@contextmanager
def _browserless(desk: _Desk) -> Iterator[_Processes]:
    """Workers without browsers in the fleet's place, in the cluster that runs."""
    import ray

    from scrapinsta_ray.bench.slots import Browserless
    from scrapinsta_ray.cluster import names
    from scrapinsta_ray.store import accounts

    address = cluster.ray_address()
    ray.init(address=address, namespace=names.NAMESPACE, log_to_driver=False, logging_level="ERROR")
    try:
        kind = ray.remote(num_cpus=0, concurrency_groups={"control": 2})(Browserless)
        workers = [kind.options(name=names.worker_name(name)).remote(name, True) for name in desk.names]
        assert all(ray.get([worker.warm_up.remote() for worker in workers], timeout=600))
        accounts.set_status(desk.db, desk.names, "active")
        dispatcher = ray.get_actor(names.DISPATCHER, names.NAMESPACE)
        pids = ray.get([one.pid.remote() for one in (dispatcher, *workers)])
        yield _Processes(pids[0], pids[1:], _replicas())
        ray.get([worker.close.remote() for worker in workers], timeout=60)
    finally:
        ray.shutdown()


def _replicas() -> list[int]:
    below = psutil.Process().children(recursive=True)
    return [process.pid for process in below if _title(process).startswith("ray::ServeReplica")]


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def _costs(url: str, pids: _Processes, idle: Idle) -> list[Figure]:
    """Statements and processor while nothing happens."""
    with closing(connect(url)) as connection:
        before, spent, all_spent = _statements(connection), pids.ours_s(), _all_s()
        began = time.monotonic()
        time.sleep(idle.seconds)
        after, seconds = _statements(connection), time.monotonic() - began
    percent = (pids.ours_s() - spent) / seconds * 100
    rest = (_all_s() - all_spent) / seconds * 100 - percent
    reads, trips = ((after[n] - before[n]) / seconds for n in (0, 1))
    name = f"idle, {idle.accounts} accounts"
    return [
        shown(f"{name}: statements that read or write (1/s)", reads, None, 3, "lower"),
        shown(f"{name}: round trips to the database, commits included (1/s)", trips, None, None, "lower"),
        shown(f"{name}: dispatcher, replicas and workers (% of a core)", percent, None, 10, "lower"),
        shown(
            f"{name}: Ray's own processes, HAProxy, MariaDB and this one (% of a core)",
            rest,
            None,
            None,
            "lower",
        ),
    ]


def _statements(connection: Any) -> tuple[int, int]:
    """How many the server has been given: those that read or write rows, and all."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' OR Variable_name = 'Questions'")
        found = {name.lower(): int(value) for name, value in cursor.fetchall()}
    return sum(found.get(f"com_{word}", 0) for word in _ROWS), found["questions"]


_ROWS = ("select", "insert", "insert_select", "update", "update_multi", "delete", "delete_multi", "replace")


def _all_s() -> float:
    return processor_s(trees([os.getpid()]))

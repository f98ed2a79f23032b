"""`bench dispatch`: tasks through dispatcher, workers, store and back; what an idle cluster costs; how it grows.

Tasks that do nothing stand beside bare calls to as many Ray actors, one in flight for each as a dispatcher has it, in
turns. The workers have no browser (`bench/slots.py`): they hold their accounts' leases and answer. What is idle is a
whole cluster, Serve included, with the workers of the fleet but for their browsers.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import pymysql.cursors

from scrapinsta_ray import settings
from scrapinsta_ray.bench import cluster
from scrapinsta_ray.bench.figures import Figure, Report, shown
from scrapinsta_ray.bench.floor import Floor, connect
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.idle import Idle, idle_cluster
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import fresh_database, new_folder, private_mariadb
from scrapinsta_ray.processes import Child

CLIENT = "acme"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    workers: int  # with tasks that do nothing
    tasks: int  # in one round
    rounds: int
    sleepers: int  # workers with tasks that take TASK_S
    sleeps: int  # tasks of each of them
    idle: Idle
    growth: tuple[int, ...]


TASK_S = 0.2
_STARTS = 4
_FAR = "far"

FULL = Size(50, 3_000, 5, 30, 40, Idle(20, 60, 40), (10, 100, 400))
QUICK = Size(10, 500, 2, 6, 10, Idle(2, 8, 5), (10,))
TINY = Size(2, 40, 1, 2, 5, Idle(1, 2, 2), (3,))


def run(quick: bool, say: Say) -> Report:
    """The table of what dispatching costs."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say) -> Report:
    """The report at any `size`."""
    with new_folder("si-") as home:
        say("a MariaDB of its own")
        with private_mariadb(home, buffer_pool_mb=512, log_mb=256) as url:
            with closing(Floor(url)) as floor:
                version = floor.version()
            with cluster.environment(home, url):
                figures = _busy(url, size, say)
            with fresh_database(url) as apart, cluster.environment(home, apart):
                figures += _on_two_nodes(home, apart, size, say)
            with (
                fresh_database(url) as another,
                cluster.environment(home, another, PARK_AFTER_S="1"),
            ):
                figures += idle_cluster(home, another, size.idle, say)
    return Report("dispatch", hardware(version), figures)


def _busy(url: str, size: Size, say: Say) -> list[Figure]:
    """On a Ray of its own, without Serve: whatever else the machine does is not the dispatcher's."""
    figures = []
    with ExitStack() as stack:
        fleet = stack.enter_context(_fleet(url))
        say(f"tasks of {TASK_S * 1000:.0f} ms, {size.sleepers} workers")
        figures += _asleep(fleet, size)
        say(f"tasks that do nothing, {size.workers} workers")
        figures += _nothing(fleet, size)
        for number in size.growth:
            say(f"{number} workers")
            figures += _growth(fleet, number, size)
    return figures


def _nothing(fleet: "Fleet", size: Size) -> list[Figure]:
    """The middle pair's ratio; and the same with the transactions that a worker makes for each task."""
    fleet.employ(size.workers)
    fleet.rate(size.tasks // 4)
    fleet.calls_per_s(size.workers, 0.5)
    floors, rates = [], []
    for _ in range(size.rounds):
        floors.append(fleet.calls_per_s(size.workers, 2))
        rates.append(fleet.rate(size.tasks))
    fleet.employ(size.workers, as_workers=True)
    whole = [fleet.rate(size.tasks) for _ in range(2)]
    ratio = median(rate / floor for rate, floor in zip(rates, floors, strict=True))
    name = (
        f"tasks that do nothing, {size.workers} workers, store and back, against bare calls to as many actors"
    )
    own = "the same with a worker's own three transactions for each task"
    return [
        shown(f"{name} (tasks/s)", ratio, median(floors), 0.45),
        shown(f"{own} (tasks/s)", median(whole)),
    ]


def _asleep(fleet: "Fleet", size: Size) -> list[Figure]:
    """The middle of some rounds; and beside each what bare calls come to, for what the machine allows."""
    fleet.employ(size.sleepers, task_s=TASK_S)
    theirs, ours = [], []
    for _ in range(size.rounds):
        theirs.append(fleet.calls_per_s(size.sleepers, size.sleeps * TASK_S / 2) * TASK_S / size.sleepers)
        ours.append(fleet.busy(size.sleepers * size.sleeps, size.sleepers))
    name = _share_of(size.sleepers)
    return [
        shown(name, median(ours), None, 0.9),
        shown(f"{name}, by bare calls to as many actors", median(theirs)),
    ]


def _share_of(workers: int) -> str:
    return f"share of time that {workers} workers with tasks of {TASK_S * 1000:.0f} ms are busy"


def _growth(fleet: "Fleet", workers: int, size: Size) -> list[Figure]:
    fleet.employ(workers)
    fleet.rate(size.tasks // 4)
    rate = fleet.rate(size.tasks)
    figures = [shown(f"tasks that do nothing, {workers} workers (tasks/s)", rate)]
    fleet.employ(workers, task_s=TASK_S)
    busy = fleet.busy(workers * max(4, size.sleeps // 4), workers)
    return [*figures, shown(_share_of(workers), busy)]


def _on_two_nodes(home: Path, url: str, size: Size, say: Say) -> list[Figure]:
    """The workers on a node of their own, as hosts have them: a second raylet of the same machine."""
    say(f"{size.sleepers} workers on a second node")
    with _fleet(url, {_FAR: 0.001}) as fleet, _another_node(home):
        figures = _growth(fleet, size.sleepers, size)
    return [replace(one, name=f"on two nodes: {one.name}") for one in figures]


class Fleet:
    """A dispatcher and its workers without browsers, at work on the database of `url`.

    Their processes start as they are needed, where there are `resources` for them.
    """

    def __init__(self, url: str, caller: Any, resources: Mapping[str, float]) -> None:
        from scrapinsta_ray.store.database import Database

        self._db = Database(url)
        self._connection = connect(url)
        self._actors: list[Any] = []
        self._caller, self._resources = caller, dict(resources)
        self._task: Any = None
        self._jobs = 0

    def close(self) -> None:
        """Ends the connections."""
        self._connection.close()
        self._db.dispose()

    def employ(self, workers: int, *, task_s: float = 0.0, as_workers: bool = False) -> None:
        """So many accounts have a worker from now on, and the others none."""
        import ray

        from scrapinsta_ray.bench.slots import PROCESSES, account_name
        from scrapinsta_ray.store import accounts

        self._grow(min(workers, PROCESSES))
        held = [
            [account_name(number) for number in range(n, workers, PROCESSES)]
            for n in range(len(self._actors))
        ]
        ray.get([a.hold.remote(mine, task_s, as_workers) for a, mine in zip(self._actors, held, strict=True)])
        found = settings.load()
        there = {account.username for account in accounts.everyone(self._db)}
        logins = [accounts.Login(name, "secret") for mine in held for name in mine if name not in there]
        accounts.add_all(self._db, found.fernet, logins)

    def _grow(self, processes: int) -> None:
        """A few at a time: each start takes a processor for a second or two."""
        import ray

        from scrapinsta_ray.bench.slots import MOST, Slots, slot_name

        slots = ray.remote(num_cpus=0, max_concurrency=MOST)(Slots)
        while len(self._actors) < processes:
            few = range(len(self._actors), min(len(self._actors) + _STARTS, processes))
            new = [slots.options(name=slot_name(n), resources=self._resources).remote() for n in few]
            ray.get([actor.hold.remote([], 0.0, False) for actor in new], timeout=600)
            self._actors += new

    def rate(self, number: int) -> float:
        """Tasks a second by when a worker ended them, the first and the last tenth left out."""
        ends = sorted(end for _begin, end in self._spans(number))
        some = ends[number // 10 : number - number // 10]
        return (len(some) - 1) / max(some[-1] - some[0], 1e-3)

    def busy(self, number: int, workers: int) -> float:
        """The share of time that so many workers spent in tasks, the first and the last tenth of it left out."""
        spans = self._spans(number)
        first, last = min(begin for begin, _end in spans), max(end for _begin, end in spans)
        margin = (last - first) / 10
        first, last = first + margin, last - margin
        return sum(max(0.0, min(end, last) - max(begin, first)) for begin, end in spans) / (
            workers * (last - first)
        )

    def _spans(self, number: int) -> list[tuple[float, float]]:
        """So many tasks in the workers' hands: from when to when, in seconds by the workers' clock."""
        from scrapinsta_ray.store import jobs

        self._jobs += 1
        names = [f"p{self._jobs}.{i}" for i in range(number)]
        job_id = jobs.enqueue_analysis(self._db, jobs.Asked(CLIENT), names, None, max_age_hours=0).job_id
        self._until_done(job_id)
        with self._cursor() as cursor:
            cursor.execute(_SPANS, (job_id,))
            spans = [(float(at), float(at) + float(took)) for at, took in cursor.fetchall()]
        assert len(spans) == number, f"{len(spans)} of {number} tasks ended well"
        return spans

    def _until_done(self, job_id: str, limit_s: float = 600) -> None:
        deadline = time.monotonic() + limit_s
        status = ""
        while status != "done":
            assert time.monotonic() < deadline and status != "error", f"the job is {status}"
            time.sleep(0.2)
            with self._cursor() as cursor:
                cursor.execute("SELECT status FROM jobs WHERE id = %s", (job_id,))
                [[status]] = cursor.fetchall()

    def calls_per_s(self, workers: int, seconds: float) -> float:
        """The floor: a task to each worker's process and back, again and again, one at a time for each."""
        import ray

        rate: float = ray.get(
            self._caller.calls_per_s.remote(self._actors[:workers], self._a_task(), seconds)
        )
        return rate

    def _a_task(self) -> Any:
        from scrapinsta_ray.domain.models import Kind
        from scrapinsta_ray.store import jobs, tasks

        if self._task is None:
            jobs.enqueue_fetch(self._db, jobs.Asked(CLIENT), "somebody", 10)
            [self._task] = tasks.lease_work(self._db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=36_000)
        return self._task

    @contextmanager
    def _cursor(self) -> Iterator[pymysql.cursors.Cursor]:
        with self._connection.cursor() as cursor:
            yield cursor
        self._connection.commit()


_SPANS = """
SELECT JSON_EXTRACT(result, '$.at'), JSON_EXTRACT(result, '$.s') FROM job_tasks WHERE job_id = %s AND status = 'ok'
"""


@contextmanager
def _another_node(home: Path) -> Iterator[None]:
    """A second node of the running Ray, which has `_FAR`."""
    import ray

    address = ray.get_runtime_context().gcs_address
    arguments = ["start", f"--address={address}", "--num-cpus=2", f'--resources={{"{_FAR}": 1}}', "--block"]
    # It ends without being drained first, which its actors would not notice.
    environment = settings.child_environment(RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S="0")
    node = Child("ray.scripts.scripts", arguments, environment, home / "node.log")
    try:
        deadline = time.monotonic() + cluster.START_LIMIT_S
        while _FAR not in ray.cluster_resources():
            assert time.monotonic() < deadline, "the second node did not come up"
            time.sleep(0.2)
        yield
    finally:
        node.end(cluster.END_LIMIT_S)


@contextmanager
def _fleet(url: str, resources: Mapping[str, float] | None = None) -> Iterator[Fleet]:
    import ray

    from scrapinsta_ray.bench.slots import Caller, SlotDispatcher
    from scrapinsta_ray.cluster import names
    from scrapinsta_ray.store import clients, schema
    from scrapinsta_ray.store.database import Database

    db = Database(url)
    schema.upgrade(db)
    clients.create(db, CLIENT, CLIENT)
    clients.set_limits(db, CLIENT, {"enqueues_per_minute": clients.MOST, "unfinished_tasks": clients.MOST})
    db.dispose()
    ray.init(
        address="local",
        namespace=names.NAMESPACE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        dispatcher = ray.remote(num_cpus=0, max_concurrency=4)(SlotDispatcher).remote()
        caller = ray.remote(num_cpus=0)(Caller).remote()
        with closing(Fleet(url, caller, resources or {})) as fleet:
            yield fleet
        ray.get(dispatcher.stop.remote(), timeout=60)
    finally:
        ray.shutdown()

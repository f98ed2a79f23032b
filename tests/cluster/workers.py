"""Workers that are threads, for tests of the dispatcher."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from typing import Any

from ray.exceptions import RayActorError

from scrapinsta_ray import errors
from scrapinsta_ray.cluster import names
from scrapinsta_ray.cluster.consequences import report_of
from scrapinsta_ray.domain.models import Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import leases, tasks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.tables import leases as lease_table

Act = Callable[[Task], Work]


class Workers:
    """Stands in for Ray's actors: what each account does with a task, and what it was asked to do."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.acts: dict[str, Act] = {}
        self.asked: list[tuple[str, str]] = []
        self.running: dict[str, Future[Work]] = {}
        self.killed: list[str] = []
        self.pool = ThreadPoolExecutor(16)

    def start(self, username: str, act: Act | None = None, *, process: int = 1) -> None:
        """A worker in a process of its own, with the account's lease."""
        self.acts[username] = act or well
        leases.acquire(self.db, names.account_lease(username), f"node:{process}:{username}", 300)

    def end(self, username: str) -> None:
        """Its process is gone, and later its lease."""
        if running := self.running.pop(username, None):
            with contextlib.suppress(InvalidStateError):  # it has done its task
                running.set_exception(RayActorError())

    def move(self, username: str, act: Act | None = None) -> None:
        """The account gets a worker elsewhere, after the lease of the one before has run out."""
        with self.db.begin() as tx:
            tx.execute(lease_table.delete().where(lease_table.c.name == names.account_lease(username)))
        self.start(username, act, process=2)

    def get_actor(self, name: str, _namespace: str) -> Any:
        return _Handle(self, str(names.username_of(name)))

    def perform(self, username: str, task: Task) -> "Future[Work]":
        result: Future[Work] = Future()
        self.running[username] = result
        self.asked.append((username, task.username))
        self.pool.submit(self._perform, username, task, result)
        return result

    def _perform(self, username: str, task: Task, result: "Future[Work]") -> None:
        tasks.renew(self.db, task.id, task.lease_id, 60, holder=username)
        work = self.acts[username](task)
        with contextlib.suppress(InvalidStateError):  # killed meanwhile
            result.set_result(Work(work.task, work.report, username, work.result))


class _Call:
    def __init__(self, begin: Callable[..., "Future[Any]"]) -> None:
        self.begin = begin

    def remote(self, *arguments: Any) -> "_Call":
        self.result = self.begin(*arguments)
        return self

    def future(self) -> "Future[Any]":
        return self.result


class _Handle:
    def __init__(self, workers: Workers, username: str) -> None:
        self.workers, self.username = workers, username

    @property
    def perform(self) -> _Call:
        return _Call(lambda task: self.workers.perform(self.username, task))

    @property
    def pid(self) -> _Call:
        return _Call(lambda: Future())  # only asked of those that are silent: no answer

    def kill(self) -> None:
        self.workers.killed.append(self.username)
        self.workers.end(self.username)


def well(task: Task) -> Work:
    return Work(task, Report(True, "ok", lease_id=task.lease_id), "")


def failing(error: errors.ScrapInstaError) -> Act:
    return lambda task: Work(task, report_of(error, task.lease_id), "")

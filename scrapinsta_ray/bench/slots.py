"""Workers without browsers, for `bench dispatch`: accounts are held as workers hold them, tasks are done by waiting."""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from typing import Any

import ray

from scrapinsta_ray import settings
from scrapinsta_ray.cluster import names
from scrapinsta_ray.cluster.dispatcher import Dispatcher
from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain.models import Action, Signal, Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import tasks, turns
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work

PROCESSES = 50
"""Of slots; with more workers than that each has several."""
MOST = 8
"""Accounts that one process stands for: four hundred processes would need more memory than most machines have."""


def slot_name(number: int) -> str:
    """The actor of a process."""
    return f"slot:{number}"


def account_name(number: int) -> str:
    """The account by its number, from 0."""
    return f"bot_{number}"


class Slots:
    """Some accounts in one process, each with a lease and a thread of its own."""

    def __init__(self) -> None:
        self._settings = settings.load()
        self._db = Database(self._settings.url, pool_size=4)
        self._held: list[Tenure] = []
        self._task_s = 0.0
        self._as_a_worker = False

    def hold(self, usernames: Sequence[str], task_s: float, as_a_worker: bool) -> int:
        """Lets go what it has and takes these; each task will take `task_s`. The process' id.

        `as_a_worker`: with the three transactions that a worker makes of its own for a task.
        """
        for tenure in self._held:
            tenure.release()
        ttl_s = self._settings.lease_ttl_s
        self._held = [
            Tenure(self._db, names.account_lease(username), ttl_s, lambda: os._exit(1))
            for username in usernames
        ]
        self._task_s, self._as_a_worker = task_s, as_a_worker
        return os.getpid()

    def perform(self, task: Task) -> Work:
        """Waits; the result says when that began and how long it took."""
        at, began = time.time(), time.perf_counter()
        if self._as_a_worker:
            self._act(task)
        if self._task_s:
            time.sleep(self._task_s)
        result = {"at": at, "s": time.perf_counter() - began}
        return Work(task, Report(True, "ok", lease_id=task.lease_id), "slot", result)

    def _act(self, task: Task) -> None:
        """What a worker writes: its lease renewed, its action counted, what the site said. Of the first account."""
        username = self._held[0].lease.name.removeprefix(names.account_lease(""))
        pace, draw = self._settings.pace, random.random()
        tasks.renew(self._db, task.id, task.lease_id, self._settings.task_lease_ttl_s, holder=username)
        turns.take(self._db, username, Action.PROFILE_READ, pace, draw=draw, lease=self._held[0].lease)
        turns.heard(self._db, username, Signal.OK, pace, draw=draw)


class Caller:
    """The floor: an actor, as the dispatcher is one, that calls other actors and does nothing else."""

    async def calls_per_s(self, actors: Sequence[Any], task: Task, seconds: float) -> float:
        """How many a second: a task to each of `actors` and back, again and again, one at a time for each."""
        began = time.monotonic()
        end = began + seconds

        async def again_and_again(actor: Any) -> int:
            done = 0
            while time.monotonic() < end:
                await actor.perform.remote(task)
                done += 1
            return done

        done = sum(await asyncio.gather(*map(again_and_again, actors)))
        return done / (time.monotonic() - began)


class SlotDispatcher(Dispatcher):
    """The dispatcher, with accounts that live in PROCESSES processes."""

    def __init__(self) -> None:
        self._slots: dict[int, Any] = {}
        super().__init__()

    def _worker(self, username: str, holder: str | None) -> Any:
        number = int(username.removeprefix(account_name(0)[:-1])) % PROCESSES
        if number not in self._slots:
            self._slots[number] = ray.get_actor(slot_name(number), names.NAMESPACE)
        return self._slots[number]


class Browserless(InstagramWorker):
    """The fleet's own worker, which does its tasks without a browser; the result says when it began."""

    def warm_up(self) -> bool:
        """As after a first task: idle from now on."""
        with self._keeper.at_work():
            return True

    def perform(self, task: Task) -> Work:
        """With all that a worker does around a task."""
        self._began_at = time.time()
        return super().perform(task)

    def _do(self, task: Task) -> Work:
        return Work(task, Report(True, "ok", lease_id=task.lease_id), self._username, {"at": self._began_at})

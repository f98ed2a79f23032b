"""Processes that lease from one queue at the same time."""

import multiprocessing
import signal
import time
from multiprocessing.synchronize import Barrier
from typing import NamedTuple

from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.store import tasks
from scrapinsta_ray.store.database import Database


class _Process(NamedTuple):
    """What a process of the pool has in hand."""

    db: Database
    start: Barrier


_this: list[_Process] = []


class Pullers:
    """`count` processes, started once; each waits for the others before it begins."""

    def __init__(self, url: str, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._count = count
        self._pool = context.Pool(count, _prepare, (url, context.Barrier(count)))
        self.per_s(0.1)  # connects, and fills the statement caches

    def per_s(self, seconds: float) -> float:
        """Tasks leased per second by all together, in calls of 10, over so many seconds."""
        leased = self._pool.map(_lease, [seconds] * self._count, chunksize=1)
        return sum(leased) / seconds

    def close(self) -> None:
        """Ends the processes."""
        self._pool.terminate()
        self._pool.join()


def _prepare(url: str, start: Barrier) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _this.append(_Process(Database(url, pool_size=1), start))


def _lease(seconds: float) -> int:
    """Leases until the time is over; a call that began in time counts, as all processes have such a one."""
    [(db, start)] = _this
    start.wait(60)
    leased, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        leased += len(tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=10, ttl_s=600))
    return leased

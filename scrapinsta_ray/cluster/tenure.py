"""Holding a lease for as long as a process acts under it, and stopping before it can be somebody else's."""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable

from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import leases
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.leases import Lease

log = logging.getLogger(__name__)


class Tenure:
    """A lease that a thread renews at a third of its life.

    When it cannot be renewed, `lost` is called, once, while a fifth of the life is still left: it must stop
    everything that acts under the name, and usually ends the process. A second thread watches the time, so that a
    database that hangs cannot hold that up. Times are measured from before each request, so the process always
    believes its lease to be shorter than the database does. `renewed` is called after each renewal. A process whose
    parent, the raylet, is gone renews no more.
    """

    def __init__(
        self,
        db: Database,
        name: str,
        ttl_s: float,
        lost: Callable[[], None],
        renewed: Callable[[], None] = lambda: None,
    ) -> None:
        self._db, self._name, self._ttl_s, self._lost, self._renewed = db, name, ttl_s, lost, renewed
        self._over = threading.Event()
        self._parent = os.getppid()
        self._lease, self._sure_until = self._acquire()
        for work in (self._keep, self._watch):
            threading.Thread(target=work, name=f"lease {name}", daemon=True).start()

    def release(self) -> None:
        """Gives the name back; only after everything that acts under it has stopped."""
        self._over.set()
        leases.release(self._db, self._lease)

    @property
    def lease(self) -> Lease:
        """The proof, to be checked with what is written under it."""
        return self._lease

    def is_sure(self) -> bool:
        """True while nobody else can hold the name."""
        return not self._over.is_set() and time.monotonic() < self._sure_until

    def left_s(self) -> float:
        """Seconds after which whatever acts under the name must have ended, by force, unless it is renewed again.

        Later than `lost` is called, and still a tenth of the life before the name can be another's.
        """
        return max(0.0, self._sure_until - self._ttl_s / 10 - time.monotonic())

    def _acquire(self) -> tuple[Lease, float]:
        """Waits until the name is free, however long; a database that is away is waited for too."""
        holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        while True:
            asked = time.monotonic()
            try:
                got = leases.acquire(self._db, self._name, holder, self._ttl_s)
            except DatabaseAway:
                time.sleep(1)
                continue
            if isinstance(got, Lease):
                return got, asked + self._ttl_s
            log.info("waiting for the lease %s of %s", self._name, got.holder)
            time.sleep(min(got.left_s + 0.05, 1.0))

    def _keep(self) -> None:
        pause_s = self._ttl_s / 3
        while not self._over.wait(pause_s):
            if (
                os.getppid() != self._parent
            ):  # the raylet: without it a replacement is under way on another node
                self._lose()
                return
            asked = time.monotonic()
            try:
                renewed = leases.renew(self._db, self._lease, self._ttl_s)
            except DatabaseAway:
                pause_s = self._ttl_s / 15  # the next try may still come in time
                continue
            if not renewed:
                self._lose()
                return
            self._sure_until, pause_s = asked + self._ttl_s, self._ttl_s / 3
            self._renewed()

    def _watch(self) -> None:
        while not self._over.wait(max(0.0, time_s := self._time_s())):
            if time_s <= 0:
                self._lose()

    def _time_s(self) -> float:
        """Seconds until it is time to stop of our own accord."""
        return self._sure_until - self._ttl_s / 5 - time.monotonic()

    def _lose(self) -> None:
        if not self._over.is_set():
            self._over.set()
            log.error("the lease %s cannot be renewed: stopping", self._name)
            self._lost()

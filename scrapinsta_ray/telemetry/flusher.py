"""Writing down what was counted, a second after it was, beside whatever the process does."""

import atexit
import logging
import threading
from collections.abc import Callable

from scrapinsta_ray.telemetry.counts import REPEAT_S, Batch, Counts, ours

log = logging.getLogger(__name__)

EVERY_S = 1.0
"""What a process that is killed has counted since the last time is lost, no more."""


class Flusher:
    """A thread that hands new counts to `write`, if there are any; the rest of them at the end of the process."""

    def __init__(
        self, write: Callable[[Batch], None], *, counts: Counts = ours, every_s: float = EVERY_S
    ) -> None:
        self._write, self._counts, self._every_s = write, counts, every_s
        self._over = threading.Event()
        self._turn = threading.Lock()
        threading.Thread(target=self._run, name="metrics", daemon=True).start()
        atexit.register(self.stop)

    def flush(self) -> None:
        """Writes what is new now. What could not be written is kept for the next time."""
        with self._turn:
            batch = self._counts.take()
            if not batch:
                return
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001 - metrics must never take a process with them
                self._counts.give_back(batch)
                if not self._over.is_set():  # at the end of a process nobody may be there to be told
                    log.info("metrics could not be written: %s", type(error).__name__)

    def stop(self) -> None:
        """Writes the rest and ends the thread."""
        if not self._over.is_set():
            self._over.set()
            atexit.unregister(self.stop)
            self.flush()

    def _run(self) -> None:
        while not self._over.is_set():
            self._counts.wait(REPEAT_S / 2)  # gauges that do not change are told again in time
            if not self._over.wait(self._every_s):
                self.flush()

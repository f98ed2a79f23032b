"""Something to be done after a while, unless it is put off or called off before."""

import logging
import threading
import time
from collections.abc import Callable
from math import inf

log = logging.getLogger(__name__)


class Alarm:
    """Does `work` in a thread of its own when the time that was set has come, once for each `set`.

    Setting it later and clearing it, which every task does, wakes nobody: the thread sleeps until the earliest time
    that it was told, and then looks what has become of it.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work, self._name = work, name
        self._changed = threading.Condition()
        self._at = inf
        self._wakes_at = -inf  # it has not begun to sleep
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def set(self, after_s: float) -> None:
        """In so many seconds from now, whatever was set before."""
        with self._changed:
            self._at = time.monotonic() + after_s
            if self._at < self._wakes_at:
                self._changed.notify()

    def clear(self) -> None:
        """Not at all. What has begun goes on."""
        with self._changed:
            self._at = inf

    def _run(self) -> None:
        while True:
            self._sleep()
            try:
                self._work()
            except Exception:
                log.exception("%s failed", self._name)

    def _sleep(self) -> None:
        with self._changed:
            while (left_s := self._at - time.monotonic()) > 0:
                self._wakes_at = self._at
                self._changed.wait(left_s if left_s < inf else None)
            self._at, self._wakes_at = inf, -inf

"""An idle actor that really rests.

Ray's main thread looks for signals a hundred times a second, whatever there is to do; that alone is more than half a
percent of a core for each worker. Its look runs Python's signal handlers: ours sleeps there, again and again, for as
long as the worker is idle. A call wakes it at once where that can be heard, and else waits for the end of the nap;
signals interrupt it. Tasks run in other threads.
"""

import signal
from types import FrameType

from scrapinsta_ray.cluster.doorbell import CAN_HEAR, Doorbell

NAP_S = 2.0 if CAN_HEAR else 0.25
"""The longest that a call to an idle worker may have to wait, should nobody hear it."""

_SOON_S = 0.001
_AWAKE_S = 0.05
"""Long enough for what has come to reach the main thread."""


class Quiet:
    """Naps of the main thread, in which nothing else may run. To be made there."""

    def __init__(self) -> None:
        self._resting = self._napping = False
        self._doorbell = Doorbell()
        signal.signal(signal.SIGALRM, self._nap)

    def begin(self) -> None:
        """From now on the main thread naps."""
        if not self._resting:
            self._resting = True
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)

    def end(self) -> None:
        """The nap under way is the last one."""
        self._resting = False

    def _nap(self, _number: int, _frame: FrameType | None) -> None:
        if self._resting and not self._napping:  # whoever begins anew amid a nap interrupts it by the signal
            self._napping = True
            try:
                rung = self._doorbell.wait(NAP_S)
            finally:
                self._napping = False
            signal.setitimer(signal.ITIMER_REAL, _AWAKE_S if rung else _SOON_S)

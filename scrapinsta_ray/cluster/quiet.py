"""An idle actor that really rests.

Ray's main thread looks for signals a hundred times a second, whatever there is to do; that alone is more than half a
percent of a core for each worker. Its look runs Python's signal handlers: ours sleeps there, again and again, for as
long as the worker is idle. A call that comes meanwhile waits for the end of one nap; other signals interrupt it. Tasks
run in other threads.
"""

import signal
import time
from types import FrameType

NAP_S = 0.25
"""How long a call to an idle worker may have to wait; half of it as a rule."""

_SOON_S = 0.001


class Quiet:
    """Naps of the main thread, in which nothing else may run. To be made there."""

    def __init__(self) -> None:
        self._resting = False
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
        if self._resting:
            time.sleep(NAP_S)
            signal.setitimer(signal.ITIMER_REAL, _SOON_S)

"""Taking times on a machine that is shared: in turns, and the median of many."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median


class Stopwatch:
    """Seconds of each `with` block, in order."""

    def __init__(self) -> None:
        self.times: list[float] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Times what is inside; what fails is not counted."""
        start = time.perf_counter()
        yield
        self.times.append(time.perf_counter() - start)

    @property
    def median_s(self) -> float:
        """The median block, in seconds."""
        return median(self.times)


def in_turns(rounds: int, *works: Callable[[], object]) -> list[float]:
    """Median seconds of each of `works`, run A B A B, so that a noisy neighbour meets all of them alike."""
    watches = [Stopwatch() for _ in works]
    for _ in range(rounds):
        for watch, work in zip(watches, works, strict=True):
            with watch.running():
                work()
    return [watch.median_s for watch in watches]

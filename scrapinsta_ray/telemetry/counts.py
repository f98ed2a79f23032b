"""What a process has counted since it last wrote it down. Counting takes a lock and an addition, no I/O."""

import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from scrapinsta_ray.telemetry.catalogue import BUCKETS_MS, labels_text

Series = tuple[str, str]
"""A metric's name and its labels as text."""

SUM = "sum"
"""Stands for a bucket's bound where the sum of a histogram is kept."""

REPEAT_S = 60.0
"""A gauge that does not change is written again after so long, for as long as its process lives."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be added, and what is to be set."""

    added: dict[Series, float] = field(default_factory=dict)
    gauges: dict[Series, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.gauges)


class Counts:
    """The counts of one process; any thread may count."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._added: Counter[Series] = Counter()
        self._gauges: dict[Series, float] = {}
        self._told: dict[Series, tuple[float, float]] = {}  # value, and when it was written
        self._news = threading.Event()

    def wait(self, limit_s: float) -> None:
        """Until something is new, or the time is over."""
        self._news.wait(limit_s)

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Counts `amount` more."""
        series = (name, labels_text(name, labels))
        with self._lock:
            self._added[series] += amount  # type: ignore[assignment]
        self._tell()

    def observe(self, name: str, milliseconds: float, **labels: str) -> None:
        """One more value of a histogram."""
        text = labels_text(name, labels)
        at = bisect_left(BUCKETS_MS, milliseconds)
        bound = f"{BUCKETS_MS[at]:g}" if at < len(BUCKETS_MS) else "+Inf"
        with self._lock:
            self._added[name, bucket(text, bound)] += 1
            self._added[name, bucket(text, SUM)] += max(milliseconds, 0)  # type: ignore[assignment]
        self._tell()

    def set(self, name: str, value: float, **labels: str) -> None:
        """A gauge's value now."""
        series = (name, labels_text(name, labels))
        with self._lock:
            is_new = self._gauges.get(series) != value
            self._gauges[series] = value
        if is_new:
            self._tell()

    def _tell(self) -> None:
        if not self._news.is_set():
            self._news.set()

    def unset(self, name: str, **labels: str) -> None:
        """A gauge of what is gone: it is not written again."""
        series = (name, labels_text(name, labels))
        with self._lock:
            self._gauges.pop(series, None)
            self._told.pop(series, None)

    def take(self) -> Batch:
        """All that is new; it counts as written."""
        with self._lock:
            now = time.monotonic()
            self._news.clear()
            batch = Batch(
                dict(self._added), {s: v for s, v in self._gauges.items() if self._is_due(s, v, now)}
            )
            self._added.clear()
            self._told |= {series: (value, now) for series, value in batch.gauges.items()}
        return batch

    def _is_due(self, series: Series, value: float, now: float) -> bool:
        told, at = self._told.get(series, (None, 0.0))
        return told != value or now - at >= REPEAT_S

    def give_back(self, batch: Batch) -> None:
        """It could not be written: it is new again."""
        with self._lock:
            for series, amount in batch.added.items():
                self._added[series] += amount  # type: ignore[assignment]
            for series in batch.gauges:
                self._told.pop(series, None)
        self._tell()


def bucket(labels: str, bound: str) -> str:
    """The labels of one bucket."""
    return ",".join(filter(None, [labels, f'le="{bound}"']))


ours = Counts()
"""Those of this process."""

add, observe, set_to = ours.add, ours.observe, ours.set

"""Gauges of a process, told to the metrics agent of Ray on its node too: there they are `ray_scrapinsta_...`.

The agent keeps one of the same labels from two processes of a node, so that each gauge has a label which tells them
apart; and it forgets what its process has not told for some twenty seconds.
"""

import threading
import time

import ray
from ray.util.metrics import Gauge

from scrapinsta_ray.telemetry.catalogue import CATALOGUE
from scrapinsta_ray.telemetry.counts import ours

REPEAT_S = 5.0
"""So often every gauge is told to the agent again."""

_Labelled = tuple[tuple[str, str], ...]

_gauges: dict[str, Gauge] = {}
_values: dict[str, dict[_Labelled, float]] = {}
_lock = threading.Lock()


def tell(name: str, value: float, **labels: str) -> None:
    """A gauge's value from now on: for our own metrics, and where this process belongs to a Ray, for its agent."""
    ours.set(name, value, **labels)
    if not ray.is_initialized():
        return
    with _lock:
        _values.setdefault(name, {})[tuple(labels.items())] = value
        if not _gauges:
            threading.Thread(target=_repeat, name="metrics for Ray", daemon=True).start()
        if name not in _gauges:
            said = CATALOGUE[name]
            _gauges[name] = Gauge(f"scrapinsta_{name}", description=said.help, tag_keys=said.labels)
    _tell_all()


def tell_no_more(name: str, **labels: str) -> None:
    """What it was the gauge of is gone: it fades in both places."""
    ours.unset(name, **labels)
    with _lock:
        _values.get(name, {}).pop(tuple(labels.items()), None)


def _repeat() -> None:
    while True:
        time.sleep(REPEAT_S)
        _tell_all()


def _tell_all() -> None:
    with _lock:
        for name, values in _values.items():
            for labels, value in values.items():
                _gauges[name].set(value, tags=dict(labels))

"""Gauges of a process, told to the metrics agent of Ray on its node too: there they are `ray_scrapinsta_...`."""

import ray
from ray.util.metrics import Gauge

from scrapinsta_ray.telemetry.catalogue import CATALOGUE
from scrapinsta_ray.telemetry.counts import ours

_gauges: dict[str, Gauge] = {}


def tell(name: str, value: float, **labels: str) -> None:
    """A gauge's value now: for our own metrics, and where this process belongs to a Ray, for its agent."""
    ours.set(name, value, **labels)
    if ray.is_initialized():
        if name not in _gauges:
            said = CATALOGUE[name]
            _gauges[name] = Gauge(f"scrapinsta_{name}", description=said.help, tag_keys=said.labels)
        _gauges[name].set(value, tags=labels)

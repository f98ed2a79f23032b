"""What is usual at a size: rates by follower count, from a data file with its version and sources."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from scrapinsta_ray.domain.scoring.columns import Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate by follower count: straight lines between points in the logarithms of both, level outside."""

    log_followers: Floats
    log_rate: Floats

    def at(self, followers: Floats) -> Floats:
        """The usual rate at each of (N,) follower counts, which are positive or NaN; NaN stays NaN."""
        return np.exp(np.interp(np.log(followers), self.log_followers, self.log_rate))


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """The curves of one data file: per post, (likes + comments) / followers and views / followers."""

    version: str
    engagement: Curve
    views: Curve


@cache
def load(name: str) -> Benchmarks:
    """The benchmarks of this package's data file `name`, such as `benchmarks_v2.json`."""
    data = json.loads(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
    return Benchmarks(data["version"], _curve(data["engagement"]), _curve(data["views"]))


def _curve(points: Sequence[Mapping[str, Any]]) -> Curve:
    logs = [np.log([point[name] for point in points]) for name in ("followers", "rate")]
    return Curve(*logs)

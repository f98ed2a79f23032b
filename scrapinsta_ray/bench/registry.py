"""All benchmarks by name."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from scrapinsta_ray.bench.figures import Report

Say = Callable[[str], None]
"""Tells what is being measured now; called once for each of the benchmark's steps."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A benchmark; its module has `run(quick: bool, say: Say) -> Report`, loaded when it is asked for."""

    summary: str
    module: str
    steps: int  # how often it calls `say`

    def run(self, quick: bool, say: Say) -> Report:
        """Measures; `quick` with less load, in under a minute."""
        report: Report = import_module(self.module).run(quick, say)
        return report


BENCHES = {
    "auth": Bench("What authentication and limits add to a pull.", "scrapinsta_ray.bench.auth", 2),
    "dispatch": Bench(
        "Tasks through dispatcher and store against bare Ray actors, idle and grown.",
        "scrapinsta_ray.bench.dispatch",
        10,
    ),
    "http": Bench("Pulls and results through Serve against bare uvicorn.", "scrapinsta_ray.bench.http", 7),
    "scoring": Bench(
        "Model v2 against plain Python, bare NumPy and itself on two workers.",
        "scrapinsta_ray.bench.scoring",
        6,
    ),
    "scrape": Bench(
        "One account against bare Selenium, and what eight accounts cost.", "scrapinsta_ray.bench.scrape", 7
    ),
    "store": Bench(
        "The leasing store against bare PyMySQL on the same tables.", "scrapinsta_ray.bench.store", 10
    ),
}

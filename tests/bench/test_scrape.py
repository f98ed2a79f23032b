"""`bench scrape`, at a tiny size: every figure is there, and nothing is left. What they say is for `make bench`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from scrapinsta_ray.bench import registry
from tests.processes import title
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]

# In a process of its own: it makes the environment its own, and has a Ray.
MEASURE = """
import dataclasses, json
from scrapinsta_ray.bench import scrape
steps = []
report = scrape.measure(scrape.TINY, steps.append, accounts=1)
print(json.dumps({"figures": [dataclasses.asdict(one) for one in report.figures], "steps": len(steps)}))
"""


@pytest.fixture(scope="module")
def a_tiny_report(short_folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], env=environment(short_folder), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(home)}


def test_every_figure_of_the_table_has_its_bar(a_tiny_report: dict[str, Any], short_folder: Path) -> None:
    bars = [(one["bar"], one["better"]) for one in a_tiny_report["figures"]]
    assert bars == [
        (0.8, "higher"),  # profiles
        (0.8, "higher"),  # followings
        (270, "lower"),  # megabytes of an account
        (3, "lower"),  # processor of idle accounts
    ]
    assert all(one["value"] >= 0 for one in a_tiny_report["figures"])
    assert all(one["value"] > 0 for one in a_tiny_report["figures"][:3])
    assert list(short_folder.glob("scrapinsta-bench-*")) == []


def test_the_progress_bar_ends_where_the_work_does(a_tiny_report: dict[str, Any]) -> None:
    assert a_tiny_report["steps"] == registry.BENCHES["scrape"].steps


def test_an_interrupted_bench_leaves_no_browser_and_no_folder(short_folder: Path) -> None:
    command = [sys.executable, "-m", "scrapinsta_ray", "bench", "scrape", "--quick"]
    with subprocess.Popen(command, env=environment(short_folder), stdout=subprocess.DEVNULL) as bench:
        browsers = until(lambda: browsers_of(bench.pid), 60, "a browser")
        bench.send_signal(signal.SIGINT)
        assert bench.wait(30) == 130
    _gone, alive = psutil.wait_procs(browsers, 10)
    assert alive == []
    assert list(short_folder.glob("scrapinsta-bench-*")) == []


def browsers_of(pid: int) -> list[psutil.Process]:
    return [one for one in psutil.Process(pid).children(recursive=True) if "chrom" in title(one)]

"""`bench store`, at a tiny size: every figure is there. What they say is for `make bench`."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scrapinsta_ray.bench import registry, store
from scrapinsta_ray.bench.figures import Report

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def a_tiny_report() -> tuple[Report, list[str]]:
    steps: list[str] = []
    return store.measure(store.TINY, steps.append), steps


def test_every_figure_of_the_table_has_its_bar(a_tiny_report):
    report, _steps = a_tiny_report
    bars = [(figure.bar, figure.better) for figure in report.figures if figure.bar is not None]
    assert bars == [
        (0.7, "higher"),  # lease
        (0.7, "higher"),  # finish one
        (4, "higher"),  # finish a batch
        (20, "higher"),  # enqueue
        (1.3, "lower"),  # long queue against short
        (1.0, "higher"),  # eight processes against one
    ]
    assert all(figure.value > 0 for figure in report.figures)
    assert sum(figure.name.startswith("SQLite") for figure in report.figures) == 5


def test_the_progress_bar_ends_where_the_work_does(a_tiny_report):
    _report, steps = a_tiny_report
    assert len(steps) == registry.BENCHES["store"].steps


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_bench_leaves_no_server_and_no_folder(tmp_path, number):
    command = [sys.executable, "-m", "scrapinsta_ray", "bench", "store", "--quick"]
    bench = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        server = wait_for_child(bench.pid, "mariadbd")
        bench.send_signal(number)
        assert bench.wait(20) == 130
    finally:
        bench.kill()
        bench.wait()
    assert not server.is_running()
    assert list(tmp_path.iterdir()) == []


def wait_for_child(pid: int, name: str) -> psutil.Process:
    for _ in range(600):
        for child in psutil.Process(pid).children():
            with suppress(psutil.NoSuchProcess):  # others come and go meanwhile
                if child.name() == name:
                    return child
        try:
            psutil.Process(pid).wait(0.1)
            raise AssertionError("the bench ended by itself")
        except psutil.TimeoutExpired:
            continue
    raise AssertionError(f"no {name}")

"""`bench dispatch`, at a tiny size: every figure is there, and nothing is left. What they say is for `make bench`."""

from pathlib import Path
from typing import Any

import pytest

from scrapinsta_ray.bench import dispatch, registry
from tests.bench.in_a_process import tiny_report

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def a_tiny_report(short_folder: Path) -> dict[str, Any]:
    return tiny_report("dispatch", short_folder)


def test_every_figure_of_the_table_has_its_bar(a_tiny_report: dict[str, Any], short_folder: Path) -> None:
    bars = [(one["bar"], one["better"]) for one in a_tiny_report["figures"] if one["bar"] is not None]
    assert bars == [
        (0.9, "higher"),  # share of time that workers are busy
        (0.45, "higher"),  # tasks that do nothing
        (3, "lower"),  # statements of an idle cluster
        (10, "lower"),  # its processor
        (150, "lower"),  # from enqueue to a start
    ]
    assert all(one["value"] > 0 for one in a_tiny_report["figures"])
    assert list(short_folder.glob("si-*")) == []
    shares = [one["value"] for one in a_tiny_report["figures"] if "share of time" in one["name"]]
    assert len(shares) > 2
    assert max(shares) <= 1


def test_the_progress_bar_ends_where_the_work_does(a_tiny_report: dict[str, Any]) -> None:
    shorter = len(dispatch.FULL.growth) - len(dispatch.TINY.growth)
    assert a_tiny_report["steps"] == registry.BENCHES["dispatch"].steps - shorter

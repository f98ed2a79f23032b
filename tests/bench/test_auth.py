"""`bench auth`, at a tiny size: every figure is there. What they say is for `make bench`."""

import pytest

from scrapinsta_ray.bench import auth, registry

pytestmark = pytest.mark.slow


def test_every_way_in_has_its_figure_and_its_bar():
    steps: list[str] = []
    report = auth.measure(auth.TINY, steps.append)
    assert len(steps) == registry.BENCHES["auth"].steps
    named = [figure.name for figure in report.figures if figure.bar == 1.15 and figure.better == "lower"]
    assert [name.split(",")[0] for name in named] == [
        "pull of 10 by a key",
        "pull of 10 by a token",
        "pull of 10 by a key not seen before",
        "pull of 10 by a token not seen before",
    ]
    assert all(figure.value > 0 for figure in report.figures)

"""`bench auth`, at a tiny size: every figure is there. What they say is for `make bench`."""

import pytest

from scrapinsta_ray.bench import auth, registry

pytestmark = pytest.mark.slow


def test_every_way_in_has_its_figure_and_its_bar():
    steps: list[str] = []
    report = auth.measure(auth.TINY, steps.append)
    assert len(steps) == registry.BENCHES["auth"].steps
    assert [(figure.name.removeprefix("pull of 10 by "), figure.bar) for figure in report.figures] == [
        ("a key, with limits (ms)", 1.15),
        ("a token, with limits (ms)", 1.15),
        ("a key, looked up, with limits (ms)", None),
        ("a token, looked up, with limits (ms)", None),
    ]
    assert all(figure.value > 0 for figure in report.figures)

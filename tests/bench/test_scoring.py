"""`bench scoring`, at a tiny size; and its floors compute what the model does."""

import numpy as np
import pytest

from scrapinsta_ray.bench import registry, scoring
from scrapinsta_ray.bench.formulas import dense, plain
from scrapinsta_ray.domain.scoring import arrow, each, v2


@pytest.fixture(scope="module")
def columns():
    return arrow.columns(*scoring._tables(500, seed=3))


def test_plain_python_has_the_same_formulas(columns):
    model = v2.score(columns)
    floor = [plain(*scoring._person(columns, i)) for i in range(500)]
    expected = np.array([[np.nan if value is None else value for value in row] for row in floor])
    found = np.stack([model.engagement, model.success, model.confidence], axis=1)
    assert np.isfinite(found).any(axis=0).all()
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_bare_numpy_has_the_same_formulas(columns):
    model = v2.score(columns)
    blocks = [dense(block) for block in scoring._dense(columns, height=120)]
    for found, expected in zip(
        (model.engagement, model.success, model.confidence), zip(*blocks, strict=True), strict=True
    ):
        np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-9)


@pytest.mark.parametrize("size", [scoring.FULL, scoring.QUICK, scoring.TINY])
def test_the_sample_is_too_small_to_be_compiled(size):
    assert size.sample * scoring.MEDIA < each.MANY


@pytest.mark.slow
def test_every_figure_has_its_bar():
    steps: list[str] = []
    report = scoring.measure(scoring.TINY, steps.append)
    assert len(steps) == registry.BENCHES["scoring"].steps
    assert [(figure.bar, figure.better) for figure in report.figures] == [
        (50, "higher"),  # its formula in plain Python
        (None, "higher"),  # a shorter one
        (1.5, "lower"),  # bare NumPy
        (1.6, "higher"),  # two workers
        (3, "lower"),  # memory
        (1.5, "lower"),  # load_scores, Polars
        (1.5, "lower"),  # load_scores, pandas
    ]
    assert all(figure.value > 0 for figure in report.figures)

"""One formula, plain where there are few and compiled where there are many; each media goes to its owner."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapinsta_ray.domain.scoring import each
from scrapinsta_ray.domain.scoring.columns import Columns


def columns(owner: list[int], n: int) -> Columns:
    """Media whose likes are their places."""
    places = np.arange(len(owner), dtype=np.float64)
    flags = np.zeros(len(owner), dtype=np.bool_)
    return Columns(
        followers=np.arange(n, dtype=np.float64),
        posts=np.zeros(n),
        private=np.zeros(n, dtype=np.bool_),
        owner=np.array(owner, dtype=np.int64),
        likes=places,
        comments=places,
        views=places,
        age=places,
        read_age=places,
        pinned=flags,
        hidden=flags,
        video=flags,
    )


def count_and_sum(first: Any, followers: Any, _posts: Any, _private: Any, likes: Any, *more: Any) -> None:
    scratch, out = more[7], more[8]
    for i in range(len(followers)):
        end = first[i + 1]
        for m in range(first[i], end):
            scratch[0][m - first[i]] = likes[m]
        out[0][i] = end - first[i]
        out[1][i] = total(scratch[0], end - first[i])


def total(values: Any, n: int) -> float:
    summed = 0.0
    for k in range(n):
        summed += values[k]
    return summed


@pytest.fixture(params=["plain", "compiled"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(each, "MANY", 1_000 if request.param == "plain" else 0)


@pytest.mark.usefixtures("_both_ways")
@given(st.lists(st.integers(0, 40), max_size=80), st.integers(41, 50))
@example([3, 3, 4, 4, 7, 7], 41)
@example([7, 3, 4, 3], 41)
def test_each_media_is_its_owners(owner: list[int], n: int) -> None:
    counts, sums = each.of_each(count_and_sum, [total], columns(owner, n), results=2, scratch=1)
    assert counts.tolist() == [owner.count(i) for i in range(n)]
    assert sums.tolist() == [sum(place for place, of in enumerate(owner) if of == i) for i in range(n)]


@pytest.mark.usefixtures("_both_ways")
def test_of_nobody_there_is_nothing() -> None:
    assert each.of_each(count_and_sum, [total], columns([], 0), results=2, scratch=1).shape == (2, 0)


@pytest.mark.parametrize(
    ("owner", "compiled"),
    [([0] * 9, False), ([0] * 10, True), (list(range(40)) * 2, False), (list(range(40)) * 3, True)],
)
def test_it_is_compiled_for_many_media_and_for_many_of_one(
    owner: list[int], compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def as_it_is(formula: each.Formula, parts: Any) -> each.Formula:
        asked.append(parts)
        return formula

    monkeypatch.setattr(each, "MANY", 100)
    monkeypatch.setattr(each, "MANY_OF_ONE", 10)
    monkeypatch.setattr(each, "_compiled", as_it_is)
    counts, _sums = each.of_each(count_and_sum, [total], columns(owner, 40), results=2, scratch=1)
    assert counts.sum() == len(owner)
    assert asked == ([(total,)] if compiled else [])


@pytest.fixture
def _nowhere_to_keep_it(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from numba.core.caching import CacheImpl

    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    monkeypatch.setattr(each, "MANY", 0)
    each._compiled.cache_clear()
    yield
    each._compiled.cache_clear()


@pytest.mark.usefixtures("_nowhere_to_keep_it")
def test_it_is_compiled_also_where_no_folder_can_be_written() -> None:
    counts, _sums = each.of_each(count_and_sum, [total], columns([1, 1], 2), results=2, scratch=1)
    assert counts.tolist() == [0, 2]


def test_who_scores_few_never_loads_the_compiler() -> None:
    """Half a second and 120 MB in each worker, replica and command."""
    script = (
        "import sys\n"
        "import scrapinsta_ray.cli, scrapinsta_ray.cluster.worker, scrapinsta_ray.data\n"
        "from scrapinsta_ray.domain.models import Media, MediaKind, Profile\n"
        "from scrapinsta_ray.domain.scoring import scores_of\n"
        "post = Media('c', 'c', None, MediaKind.IMAGE, 5, 0)\n"
        "scores_of([Profile('ana', followers=9, media=(post,) * 12)] * 25)\n"
        "assert 'numba' not in sys.modules and 'llvmlite' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)

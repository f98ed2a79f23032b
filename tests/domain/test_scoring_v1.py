"""Model v1 against cases worked out by hand, and what holds for any profiles."""

import math
import random as randomness
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain import scoring
from scrapinsta_ray.domain.models import Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring.columns import columns_of
from scrapinsta_ray.domain.scoring.v1 import benchmark, score

MODEL = "v1"


def scores_of(profiles: list[Profile]) -> list[Score]:
    return scoring.scores_of(profiles, model=MODEL)


def post(
    likes: int | None, comments: int | None = 0, views: int | None = None, code: str = "c", **flags: bool
) -> Media:
    return Media(code, code, None, MediaKind.IMAGE, likes, comments, views, **flags)


def person(followers: int | None, *media: Media, username: str = "ana") -> Profile:
    return Profile(username, followers=followers, media=media)


def scored(followers: int | None, *media: Media) -> Score:
    return scores_of([person(followers, *media)])[0]


# ---- worked out by hand -----------------------------------------------------------------------------------


def test_a_profile_at_its_benchmark_gets_one_half():
    got = scored(1_000, post(40, 10), post(50, 0))  # 50 of 1000 per post: 0.05, the usual there
    assert got == Score(
        "ana",
        MODEL,
        0.05,
        0.5,
        {"reach": None, "engagement_score": 0.5, "reach_score": None, "media_used": 2.0},
    )


def test_views_count_three_tenths():
    got = scored(10_000, post(200, 100, views=3_000))  # e 0.03 -> 0.5; r 0.3 -> 0.5
    assert got.success == pytest.approx(0.5)
    got = scored(10_000, post(200, 100, views=27_000))  # r 2.7 -> 0.9
    assert got.parts["reach"] == pytest.approx(2.7)
    assert got.success == pytest.approx(0.7 * 0.5 + 0.3 * 0.9)


def test_pinned_hidden_and_incomplete_posts_are_left_out():
    got = scored(
        100,
        post(8),
        post(1_000, pinned=True),
        post(1_000, hidden=True),
        post(None, 1_000),
        post(1_000, None),
    )
    assert got.engagement == pytest.approx(0.08)
    assert got.parts["media_used"] == 1


def test_missing_is_not_zero():
    assert scored(100, post(8), post(None)).engagement == pytest.approx(0.08)
    assert scored(100, post(8), post(0)).engagement == pytest.approx(0.04)
    assert scored(100, post(8, views=None)).parts["reach"] is None
    assert scored(100, post(8, views=0)).parts["reach"] == 0
    nothing_liked = scored(100, post(0))
    assert (nothing_liked.engagement, nothing_liked.success) == (0, 0)


@pytest.mark.parametrize(
    "profile",
    [
        person(None, post(8)),
        person(0, post(8)),
        person(100),
        person(100, post(None)),
        person(100, post(8, pinned=True)),
        person(100, post(None, views=50)),  # views alone say too little
    ],
    ids=["followers unknown", "no followers", "no media", "likes hidden", "only pinned", "only views"],
)
def test_too_little_to_go_on_gives_no_score(profile):
    [got] = scores_of([profile])
    assert got.engagement is None
    assert got.success is None


def test_nobody_gives_nothing():
    assert scores_of([]) == []
    assert len(score(columns_of([])).success) == 0


def test_the_benchmark_falls_without_steps_and_stays_level_outside():
    at = benchmark(np.array([1.0, 1e2, 1e3, math.sqrt(1e3 * 1e4), 1e4, 1e7, 1e9, np.nan]))
    assert at[:7] == pytest.approx([0.08, 0.08, 0.05, 0.04, 0.03, 0.009, 0.009])
    assert np.isnan(at[7])
    sizes = benchmark(np.logspace(2, 7, 200))
    assert (np.diff(sizes) < 0).all()


# ---- what holds for any profiles --------------------------------------------------------------------------

COUNT = st.none() | st.integers(0, 10_000_000)
POSTS = st.builds(post, COUNT, COUNT, COUNT, pinned=st.booleans(), hidden=st.booleans())
PEOPLE = st.builds(
    lambda followers, media: person(followers, *media),
    st.none() | st.integers(0, 300_000_000),
    st.lists(POSTS, max_size=6),
)
CROWD = st.lists(PEOPLE, max_size=6).map(
    lambda people: [replace(one, username=f"p{i}") for i, one in enumerate(people)]
)


@given(CROWD)
def test_numbers_are_finite_within_bounds_and_never_nan(people):
    with np.errstate(all="raise"):  # no division by nothing on the way
        every = scores_of(people)
    assert [one.username for one in every] == [p.username for p in people]
    for one in every:
        numbers = [one.engagement, one.success, *one.parts.values()]
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert one.success is None or 0 <= one.success < 1
        assert (one.engagement is None) == (one.success is None)


@given(CROWD, st.randoms(use_true_random=False))
def test_neither_the_order_of_profiles_nor_of_media_matters(people, random: randomness.Random):
    expected = {one.username: one for one in scores_of(people)}
    shuffled = [replace(p, media=tuple(random.sample(p.media, len(p.media)))) for p in people]
    random.shuffle(shuffled)
    assert {one.username: one for one in scores_of(shuffled)} == expected


@given(CROWD)
def test_a_profile_scores_the_same_in_any_company(people):
    assert scores_of(people) == [one for p in people for one in scores_of([p])]


@given(PEOPLE, st.integers(0, 5), st.integers(1, 1_000_000))
def test_more_likes_never_score_less(someone, which, more):
    if which >= len(someone.media) or someone.media[which].likes is None:
        return
    liked = replace(someone.media[which], likes=(someone.media[which].likes or 0) + more)
    media = (*someone.media[:which], liked, *someone.media[which + 1 :])
    [before], [after] = scores_of([someone]), scores_of([replace(someone, media=media)])
    assert (before.success is None) == (after.success is None)
    if before.success is not None and after.success is not None:
        assert after.success >= before.success
        counted = not liked.pinned and not liked.hidden and liked.comments is not None
        assert (after.engagement != before.engagement) == counted


def test_the_same_engagement_is_worth_more_in_a_larger_account():
    small, large = scored(1_000, post(30)), scored(100_000, post(3_000))
    assert small.engagement == large.engagement
    assert small.success
    assert large.success
    assert large.success > small.success

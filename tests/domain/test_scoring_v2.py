"""Model v2 against cases worked out by hand, and what holds for any profiles."""

import math
import random as randomness
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import benchmarks, each, scores_of, v2
from scrapinsta_ray.domain.scoring.columns import columns_of
from scrapinsta_ray.domain.scoring.v2 import BENCHMARKS

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIZE = 22_000  # usual there: engagement 0.0098


def post(
    likes: int | None,
    days: float | None = 10,
    comments: int | None = 0,
    views: int | None = None,
    kind: MediaKind = MediaKind.IMAGE,
    **flags: bool,
) -> Media:
    taken_at = None if days is None else NOW - timedelta(days=days)
    return Media("c", "c", taken_at, kind, likes, comments, views, **flags)


def reel(likes: int | None, views: int | None, days: float = 10) -> Media:
    return post(likes, days, views=views, kind=MediaKind.REEL)


def person(
    *media: Media, followers: int | None = SIZE, posts: int | None = 500, is_private: bool = False
) -> Profile:
    return Profile("ana", followers=followers, posts=posts, media=media, is_private=is_private)


def scored(profile: Profile) -> Score:
    return scores_of([profile], NOW, "v2")[0]


def alike(number: int, likes: int = 216, every_days: float = 3) -> list[Media]:
    return [post(likes, 3 + every_days * i) for i in range(number)]


# ---- worked out by hand -----------------------------------------------------------------------------------


def test_what_is_usual_gets_one_half_before_the_activity() -> None:
    usual = round(0.0098 * SIZE)
    got = scored(person(post(usual), post(usual), posts=2))
    assert got.engagement == pytest.approx(usual / SIZE)
    assert got.parts["engagement_score"] == pytest.approx(0.5, abs=0.001)
    assert got.parts["posts_per_week"] == pytest.approx(0.5)  # two in 28 days
    assert got.parts["activity"] == pytest.approx(0.5)
    assert got.success == pytest.approx(0.5 * 0.75, abs=0.001)
    weight = 2 ** (-10 / 30)
    assert got.parts["fresh_media"] == pytest.approx(2 * weight)
    assert got.parts["consistency"] == pytest.approx(1)
    assert got.parts["coverage"] == 1
    assert got.confidence == pytest.approx(2 * weight / (2 * weight + 3))
    assert got.reason is None


def test_views_have_three_tenths_and_count_alone_where_likes_are_hidden() -> None:
    both = scored(person(reel(216, 10_000)))
    rate, usual = 10_000 / SIZE, both.parts["usual_views"] or 0
    assert both.parts["view_rate"] == pytest.approx(rate)
    assert both.parts["reach_score"] == pytest.approx(rate / (rate + usual))
    parts = both.parts
    mixed = 0.7 * (parts["engagement_score"] or 0) + 0.3 * (parts["reach_score"] or 0)
    assert both.success == pytest.approx(mixed * (0.5 + 0.5 * (parts["activity"] or 0)))
    alone = scored(person(reel(None, 10_000)))
    assert alone.engagement is None
    assert alone.success == pytest.approx(
        (parts["reach_score"] or 0) * (0.5 + 0.5 * (parts["activity"] or 0))
    )
    assert (alone.confidence or 0) < (both.confidence or 0)


def test_one_post_that_went_round_the_world_changes_little() -> None:
    calm = scored(person(*alike(9)))
    viral = scored(person(*alike(8), post(2_000_000, 27)))
    assert viral.engagement == pytest.approx(calm.engagement)
    assert viral.success == pytest.approx(calm.success)
    assert (viral.confidence or 0) < (calm.confidence or 0)


@pytest.mark.parametrize(
    "other",
    [post(10**6, pinned=True), post(10**6, days=1.9), post(10**6, hidden=True), post(None, comments=9)],
)
def test_what_does_not_count_changes_no_rate(other: Media) -> None:
    assert scored(person(*alike(4), other)).engagement == scored(person(*alike(4))).engagement


def test_what_was_posted_lately_weighs_more() -> None:
    rising = scored(person(*[post(100 if days > 40 else 900, days) for days in range(4, 90, 6)]))
    falling = scored(person(*[post(900 if days > 40 else 100, days) for days in range(4, 90, 6)]))
    assert (rising.engagement or 0) > 2 * (falling.engagement or 0)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (person(post(8), is_private=True), "private"),
        (person(post(8), followers=None), "followers_unknown"),
        (person(post(8), followers=0), "followers_unknown"),
        (person(posts=0), "no_media"),
        (person(post(8, pinned=True)), "only_pinned"),
        (person(post(8, days=1)), "too_new"),
        (person(post(None), post(None, hidden=True)), "counts_unknown"),
    ],
)
def test_no_score_comes_with_its_reason(profile: Profile, reason: str) -> None:
    got = scored(profile)
    assert (got.engagement, got.success, got.confidence, got.reason) == (None, None, None, reason)


def test_an_unknown_number_lowers_the_confidence_and_is_no_zero() -> None:
    whole = scored(person(*alike(6)))
    for unknown in (post(None, 9), post(216, None), post(216, 9, comments=None)):
        got = scored(person(*alike(6), unknown))
        assert got.engagement == pytest.approx(whole.engagement)
        assert (got.parts["coverage"] or 0) < 1
    assert (scored(person(*alike(6), post(None, 9))).confidence or 0) < (whole.confidence or 0)


def test_the_cadence_is_of_the_span_that_is_known() -> None:
    daily = [post(216, 0.5 + i) for i in range(12)]
    assert scored(person(*daily)).parts["posts_per_week"] == pytest.approx(7 * 12 / 11.5)
    assert scored(person(*daily, posts=12)).parts["posts_per_week"] == pytest.approx(7 * 12 / 28)
    asleep = scored(person(*[post(216, 200 + i) for i in range(12)]))
    assert asleep.parts["posts_per_week"] == 0
    assert asleep.success == pytest.approx((asleep.parts["engagement_score"] or 0) / 2)
    undated = scored(person(post(216, None)))
    assert undated.parts["posts_per_week"] is None
    assert undated.success == undated.parts["engagement_score"]


def test_three_good_posts_are_less_sure_than_twelve() -> None:
    three, twelve = scored(person(*alike(3), posts=3)), scored(person(*alike(12), posts=12))
    assert three.engagement == pytest.approx(twelve.engagement)
    assert (three.confidence or 0) < (twelve.confidence or 0)


def test_counts_read_long_ago_are_old_however_young_they_were() -> None:
    """Of a profile that was read again, media that had gone from its first page by then."""
    assert (scored(person(*[post(216, 300)] * 12)).confidence or 0) < 0.01


def test_the_usual_falls_with_size_without_a_step() -> None:
    usual = benchmarks.load(BENCHMARKS)
    sizes = np.logspace(1, 8, 5_000)
    for curve in (usual.engagement, usual.views):
        rates = curve.at(sizes)
        assert (np.diff(rates) <= 0).all()
        assert (rates[1:] / rates[:-1]).min() > 0.99
    assert usual.engagement.at(np.array([SIZE, np.nan])) == pytest.approx([0.0098, np.nan], nan_ok=True)


# ---- the middle ------------------------------------------------------------------------------------------


def quartiles_by_hand(values: list[float], weights: list[int]) -> float:
    every = sorted(v for v, w in zip(values, weights, strict=True) for _ in range(4 * w))
    quarter = len(every) // 4
    middle = every[quarter : len(every) - quarter]
    return sum(middle) / len(middle)


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 9)), min_size=1, max_size=70))
def test_the_interquartile_mean_is_that_of_repeated_values(pairs: list[tuple[float, int]]) -> None:
    values, weights = [v for v, _ in pairs], [w for _, w in pairs]
    total = float(sum(weights))
    got = v2._interquartile_mean([*values, -1.0], [*map(float, weights), 5.0], len(values), total)
    assert got == pytest.approx(quartiles_by_hand(values, weights), rel=1e-9, abs=1e-9)


# ---- what holds for any profiles --------------------------------------------------------------------------

COUNT = st.none() | st.integers(0, 10_000_000)
POSTS = st.builds(
    post,
    COUNT,
    st.none() | st.floats(-2, 4_000),
    COUNT,
    COUNT,
    st.sampled_from(MediaKind),
    pinned=st.booleans(),
    hidden=st.booleans(),
)
PEOPLE = st.builds(
    lambda media, **more: person(*media, **more),
    st.lists(POSTS, max_size=9),
    followers=st.none() | st.integers(0, 700_000_000),
    posts=COUNT,
    is_private=st.sampled_from([False, False, False, True]),
)
CROWD = st.lists(PEOPLE, max_size=6).map(
    lambda people: [replace(one, username=f"p{i}") for i, one in enumerate(people)]
)


def close(one: Score, other: Score) -> bool:
    """The same but for the last digits, which the order of a sum decides."""
    assert (one.username, one.reason, one.parts.keys()) == (other.username, other.reason, other.parts.keys())
    pairs = zip(numbers(one), numbers(other), strict=True)
    return all(a == b if a is None or b is None else math.isclose(a, b, abs_tol=1e-12) for a, b in pairs)


def numbers(one: Score) -> list[float | None]:
    return [one.engagement, one.success, one.confidence, *one.parts.values()]


@given(CROWD)
def test_numbers_are_finite_within_bounds_and_never_nan(people: list[Profile]) -> None:
    with np.errstate(all="raise", under="ignore"):  # no division by nothing on the way
        every = scores_of(people, NOW, "v2")
    for one in every:
        assert all(number is None or math.isfinite(number) for number in numbers(one))
        assert (one.success is None) == (one.reason is not None) == (one.confidence is None)
        assert one.success is None or 0 <= one.success < 1
        assert one.confidence is None or 0 <= one.confidence < 1


@given(CROWD, st.randoms(use_true_random=False))
def test_neither_the_order_of_profiles_nor_of_media_matters(
    people: list[Profile], random: randomness.Random
) -> None:
    expected = {one.username: one for one in scores_of(people, NOW, "v2")}
    shuffled = [replace(p, media=tuple(random.sample(p.media, len(p.media)))) for p in people]
    random.shuffle(shuffled)
    assert all(close(one, expected[one.username]) for one in scores_of(shuffled, NOW, "v2"))


@given(CROWD)
def test_a_profile_scores_the_same_in_any_company(people: list[Profile]) -> None:
    together = scores_of(people, NOW, "v2")
    assert all(close(one, scored(p)) for one, p in zip(together, [replace(p) for p in people], strict=True))


@given(PEOPLE, st.integers(0, 8), st.integers(1, 1_000_000), st.sampled_from(["likes", "comments", "views"]))
def test_more_likes_never_score_less(someone: Profile, which: int, more: int, of: str) -> None:
    assume(which < len(someone.media) and getattr(someone.media[which], of) is not None)
    liked = replace(someone.media[which], **{of: getattr(someone.media[which], of) + more})
    media = (*someone.media[:which], liked, *someone.media[which + 1 :])
    before, after = scored(someone), scored(replace(someone, media=media))
    assert before.reason == after.reason
    for old, new in [(before.success, after.success), (before.engagement, after.engagement)]:
        assert old is None or new is None or new >= old * (1 - 1e-12)


@given(PEOPLE, st.integers(2, 50))
def test_rates_do_not_know_the_size(someone: Profile, times: int) -> None:
    def grown(number: int | None) -> int | None:
        return None if number is None else number * times

    media = tuple(
        replace(m, likes=grown(m.likes), comments=grown(m.comments), views=grown(m.views))
        for m in someone.media
    )
    small, large = scored(someone), scored(replace(someone, followers=grown(someone.followers), media=media))
    for name in ("view_rate", "consistency", "coverage", "fresh_media"):
        assert large.parts[name] == pytest.approx(small.parts[name])
    assert large.engagement == pytest.approx(small.engagement)
    assert large.confidence == pytest.approx(small.confidence)
    if small.success and large.success:  # the same rate is worth more where it is rarer
        assert large.success >= small.success * (1 - 1e-9)


# ---- compiled --------------------------------------------------------------------------------------------


@given(CROWD)
def test_compiled_it_gives_the_same(people: list[Profile]) -> None:
    columns = columns_of(people, NOW)
    plain = v2.score(columns)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(each, "MANY", 0)
        compiled = v2.score(columns)
    assert plain.reason.tolist() == compiled.reason.tolist()
    for name in ("engagement", "success", "confidence"):
        np.testing.assert_allclose(getattr(compiled, name), getattr(plain, name), rtol=1e-12, atol=1e-12)
    assert compiled.parts.keys() == plain.parts.keys()
    for name, values in plain.parts.items():
        np.testing.assert_allclose(compiled.parts[name], values, rtol=1e-12, atol=1e-12)

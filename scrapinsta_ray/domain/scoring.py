"""Scores of profiles, vectorised: columns in, scores out.

Model `v1`
    engagement  mean over the profile's media of (likes + comments) / followers, media that are pinned or hide or
                lack a count left out
    reach       mean of views / followers over media with views
    success     0.7 * e / (e + b) + 0.3 * r / (r + 0.3), where b is the usual engagement at that size; without any
                views, e / (e + b) alone. A profile at its benchmark gets one half; 1 is never reached.

The benchmark b falls with size. Published medians differ by a factor of ten between sources, so this table is v1's
own and versioned with it; it is interpolated over the logarithm of the followers, so there are no steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.domain.models import Profile, Score

MODEL = "v1"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BENCHMARK_FOLLOWERS = np.array([1e2, 1e3, 1e4, 1e5, 1e6, 1e7])
BENCHMARK_ENGAGEMENT = np.array([0.08, 0.05, 0.03, 0.018, 0.012, 0.009])
REACH_AT_HALF = 0.3
"""Views per follower that give a reach score of one half."""


@dataclass(frozen=True, slots=True)
class Columns:
    """N profiles and their M media. NaN stands for a number that is not known.

    followers: (N,); owner: (M,) index of the profile; likes, comments, views: (M,); counted: (M,) False if pinned.
    """

    followers: Floats
    owner: Ints
    likes: Floats
    comments: Floats
    views: Floats
    counted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """Results, each (N,); NaN where there was too little to go on. Rates are per follower, scores 0..1."""

    engagement: Floats
    reach: Floats
    engagement_score: Floats
    reach_score: Floats
    success: Floats
    media_used: Ints


def score(columns: Columns) -> ScoreColumns:
    """Scores N profiles at once by model v1 (formulas: this module's docstring)."""
    n = len(columns.followers)
    followers = np.where(columns.followers > 0, columns.followers, np.nan)
    engaged = np.where(columns.counted, columns.likes + columns.comments, np.nan)
    engagement = _mean_by_owner(engaged, columns.owner, n) / followers
    reach = _mean_by_owner(np.where(columns.counted, columns.views, np.nan), columns.owner, n) / followers
    engagement_score = engagement / (engagement + benchmark(followers))
    reach_score = reach / (reach + REACH_AT_HALF)
    success = np.where(np.isnan(reach_score), engagement_score, 0.7 * engagement_score + 0.3 * reach_score)
    used = np.bincount(columns.owner[~np.isnan(engaged)], minlength=n)
    return ScoreColumns(engagement, reach, engagement_score, reach_score, success, used)


def benchmark(followers: Floats) -> Floats:
    """Usual engagement rate at that many followers, interpolated over log followers; NaN stays NaN."""
    return np.asarray(
        np.interp(np.log10(followers), np.log10(BENCHMARK_FOLLOWERS), BENCHMARK_ENGAGEMENT), dtype=np.float64
    )


def _mean_by_owner(values: Floats, owner: Ints, n: int) -> Floats:
    known = ~np.isnan(values)
    count = np.bincount(owner[known], minlength=n)
    total = np.bincount(owner[known], weights=values[known], minlength=n)
    mean: Floats = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    return mean


def columns_of(profiles: Sequence[Profile]) -> Columns:
    """The columns of `profiles`, in their order."""
    media = [(i, m) for i, p in enumerate(profiles) for m in p.media]
    return Columns(
        followers=_floats([p.followers for p in profiles]),
        owner=np.array([i for i, _ in media], dtype=np.int64),
        likes=_floats([m.likes for _, m in media]),
        comments=_floats([m.comments for _, m in media]),
        views=_floats([m.views for _, m in media]),
        counted=np.array([not m.pinned and not m.hidden for _, m in media], dtype=np.bool_),
    )


def scores_of(profiles: Sequence[Profile]) -> list[Score]:
    """One Score a profile, in order."""
    scored = score(columns_of(profiles))
    return [_row(profile.username, scored, i) for i, profile in enumerate(profiles)]


def _row(username: str, scored: ScoreColumns, i: int) -> Score:
    parts = {
        "reach": _known(scored.reach[i]),
        "engagement_score": _known(scored.engagement_score[i]),
        "reach_score": _known(scored.reach_score[i]),
        "media_used": float(scored.media_used[i]),
    }
    return Score(username, MODEL, _known(scored.engagement[i]), _known(scored.success[i]), parts)


def _floats(values: Sequence[int | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)

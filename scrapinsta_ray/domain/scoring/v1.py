"""Model `v1`: means over a profile's media, as they stand.

    engagement  mean over the profile's media of (likes + comments) / followers, media that are pinned or hide or
                lack a count left out
    reach       mean of views / followers over media with views
    success     0.7 * e / (e + b) + 0.3 * r / (r + 0.3), where b is the usual engagement at that size; without any
                views, e / (e + b) alone. A profile at its benchmark gets one half; 1 is never reached.

The benchmark b falls with size. Published medians differ by a factor of ten between sources, so this table is v1's
own and versioned with it; it is interpolated over the logarithm of the followers, so there are no steps.
"""

import numpy as np

from scrapinsta_ray.domain.scoring.columns import Columns, Floats, Ints, ScoreColumns

BENCHMARK_FOLLOWERS = np.array([1e2, 1e3, 1e4, 1e5, 1e6, 1e7])
BENCHMARK_ENGAGEMENT = np.array([0.08, 0.05, 0.03, 0.018, 0.012, 0.009])
REACH_AT_HALF = 0.3
"""Views per follower that give a reach score of one half."""


def score(columns: Columns) -> ScoreColumns:
    """Scores N profiles at once (formulas: this module's docstring). No confidence, no reasons."""
    n = len(columns.followers)
    counted = ~columns.pinned & ~columns.hidden
    followers = np.where(columns.followers > 0, columns.followers, np.nan)
    engaged = np.where(counted, columns.likes + columns.comments, np.nan)
    engagement = _mean_by_owner(engaged, columns.owner, n) / followers
    reach = _mean_by_owner(np.where(counted, columns.views, np.nan), columns.owner, n) / followers
    engagement_score = engagement / (engagement + benchmark(followers))
    reach_score = reach / (reach + REACH_AT_HALF)
    success = np.where(np.isnan(reach_score), engagement_score, 0.7 * engagement_score + 0.3 * reach_score)
    used = np.bincount(columns.owner[~np.isnan(engaged)], minlength=n).astype(np.float64)
    parts = {
        "reach": reach,
        "engagement_score": engagement_score,
        "reach_score": reach_score,
        "media_used": used,
    }
    return ScoreColumns(engagement, success, np.full(n, np.nan), np.zeros(n, dtype=np.int8), parts)


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

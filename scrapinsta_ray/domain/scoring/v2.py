"""Model `v2`: what is usual for a profile lately, against what is usual at its size, and how sure that is.

Of each profile the media count that are not pinned, whose owner shows likes, and whose counts were read at least 48 h
after the post (younger ones still grow). Media without a date count as if they were one half-life old.

    weight        w = 2 ** -(age / 30 days)
    engagement    E = interquartile mean over media, by weight, of (likes + comments) / followers: a quarter of the
                  weight at either end is left out, so a single post that went round the world changes little
    view_rate     V = the same of views / followers, over media with views
    engagement_score, reach_score    E / (E + usual engagement) and V / (V + usual views) at that many followers:
                  one half is usual, 1 is never reached, and twice the rate is never the same score
    posts_per_week    posts of the last 28 days, or of the span that is known if that is shorter
    activity      1 - 4 ** -posts_per_week: a post a week gives 3/4
    success       (0.7 * engagement_score + 0.3 * reach_score) * (0.5 + 0.5 * activity); what is not known is left
                  out: one of the two scores alone, or no factor for the activity
    consistency   1 - weighted mean of |e - E| / (e + E) over media: 1 if all are alike
    fresh_media   n = sum of the weights of the media that counted: how many posts of today they are worth
    coverage      share of counts that are known: 0.7 of it engagement and 0.3 views, of media that would show them,
                  times 0.8 + 0.2 * the share with a date
    confidence    n / (n + 3) * coverage * (0.5 + 0.5 * consistency); 0..1

A number that is not known is left out and lowers the confidence; it never counts as zero. Likes hidden but views shown
give a score by the views alone. Private profiles and those with nothing that counts get no score, with the reason.

The half-life, the quartiles and the shares are ours. What is usual at a size, with its sources: benchmarks_v2.json.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.domain.scoring import benchmarks
from scrapinsta_ray.domain.scoring.columns import REASONS, Columns, Floats, ScoreColumns
from scrapinsta_ray.domain.scoring.each import of_each

BENCHMARKS = "benchmarks_v2.json"
HALF_LIFE_DAYS = 30.0
MATURE_DAYS = 2.0
CADENCE_DAYS = 28.0
ENGAGEMENT_SHARE = 0.7
DATE_SHARE = 0.2
HALF_SURE = 3.0
"""Fresh media that make half of the confidence."""

_MEDIA = ("engagement", "view_rate", "consistency", "posts_per_week", "media_used", "fresh_media", "coverage")
PRIVATE, FOLLOWERS_UNKNOWN, NO_MEDIA, ONLY_PINNED, TOO_NEW, COUNTS_UNKNOWN = range(1, len(REASONS))


def score(columns: Columns) -> ScoreColumns:
    """Scores N profiles at once (formulas: this module's docstring)."""
    *found, reason = of_each(_of_all, _PARTS, columns, results=len(_MEDIA) + 1, scratch=4)
    return _scored(columns, dict(zip(_MEDIA, found, strict=True)), reason.astype(np.int8))


# ---- of all profiles at once ------------------------------------------------------------------------------


def _scored(columns: Columns, parts: dict[str, Floats], reason: NDArray[np.int8]) -> ScoreColumns:
    usual = benchmarks.load(BENCHMARKS)
    followers = np.where(reason == 0, columns.followers, np.nan)
    engagement, view_rate = parts.pop("engagement"), parts["view_rate"]
    parts["usual_engagement"], parts["usual_views"] = (
        usual.engagement.at(followers),
        usual.views.at(followers),
    )
    parts["engagement_score"] = engagement / (engagement + parts["usual_engagement"])
    parts["reach_score"] = view_rate / (view_rate + parts["usual_views"])
    parts["activity"] = 1 - np.exp2(-2 * parts["posts_per_week"])
    n, consistency = parts["fresh_media"], parts["consistency"]
    confidence = n / (n + HALF_SURE) * parts["coverage"] * (0.5 + 0.5 * consistency)
    success = _either(parts["engagement_score"], parts["reach_score"]) * _factor(parts["activity"])
    return ScoreColumns(engagement, success, confidence, reason, parts)


def _either(engagement_score: Floats, reach_score: Floats) -> Floats:
    both = ENGAGEMENT_SHARE * engagement_score + (1 - ENGAGEMENT_SHARE) * reach_score
    alone = np.where(np.isnan(engagement_score), reach_score, engagement_score)
    return np.where(np.isnan(both), alone, both)


def _factor(activity: Floats) -> Floats:
    return np.where(np.isnan(activity), 1.0, 0.5 + 0.5 * activity)


# ---- of one profile: plain Python, compiled where there are many (each.py) --------------------------------

Numbers = Sequence[float]
Flags = Sequence[bool]
Found = tuple[float, float, float, float, float, float, float, float]
"""The numbers of _MEDIA, and the index of the reason, 0 if there is a score."""


def _of_all(
    first: Sequence[int],
    followers: Numbers,
    posts: Numbers,
    private: Flags,
    likes: Numbers,
    comments: Numbers,
    views: Numbers,
    age: Numbers,
    read_age: Numbers,
    pinned: Flags,
    hidden: Flags,
    video: Flags,
    scratch: Sequence[list[float]],
    out: Sequence[list[float]],
) -> None:
    engaged, engaged_weight, viewed, viewed_weight = scratch[0], scratch[1], scratch[2], scratch[3]
    for i in range(len(followers)):
        if private[i]:
            found = _none(PRIVATE)
        elif not followers[i] > 0:
            found = _none(FOLLOWERS_UNKNOWN)
        else:
            found = _of_media(
                first[i],
                first[i + 1],
                followers[i],
                posts[i],
                likes,
                comments,
                views,
                age,
                read_age,
                pinned,
                hidden,
                video,
                engaged,
                engaged_weight,
                viewed,
                viewed_weight,
            )
        for k in range(len(found)):
            out[k][i] = found[k]


def _none(reason: int) -> Found:
    nan = math.nan
    return nan, nan, nan, nan, nan, nan, nan, float(reason)


def _of_media(
    first: int,
    end: int,
    followers: float,
    posts: float,
    likes: Numbers,
    comments: Numbers,
    views: Numbers,
    age: Numbers,
    read_age: Numbers,
    pinned: Flags,
    hidden: Flags,
    video: Flags,
    engaged: list[float],
    engaged_weight: list[float],
    viewed: list[float],
    viewed_weight: list[float],
) -> Found:
    """What the media from `first` to before `end` say. Each is written down and kept if the count goes up: without a
    branch, which a processor would guess wrong for every third."""
    unpinned = recent = eligible = dated = videos = used = engaged_n = viewed_n = videos_viewed = 0
    fresh = engaged_total = viewed_total = 0.0
    oldest = -math.inf
    for m in range(first, end):
        if pinned[m]:
            continue
        unpinned += 1
        recent += age[m] <= CADENCE_DAYS
        if age[m] > oldest:
            oldest = age[m]
        if read_age[m] < MATURE_DAYS:
            continue
        weight = _weight(age[m])
        engaged[engaged_n], engaged_weight[engaged_n] = likes[m] + comments[m], weight
        viewed[viewed_n], viewed_weight[viewed_n] = views[m], weight
        shows_likes = (not math.isnan(engaged[engaged_n])) & (not hidden[m])
        shows_views = not math.isnan(views[m])
        eligible += 1
        dated += not math.isnan(age[m])
        videos += video[m]
        videos_viewed += video[m] & shows_views
        used += shows_likes | shows_views
        fresh += weight * (shows_likes | shows_views)
        engaged_n += shows_likes
        engaged_total += weight * shows_likes
        viewed_n += shows_views
        viewed_total += weight * shows_views
    if not used:
        return _none(_reason(end - first, unpinned, eligible))
    engagement = _interquartile_mean(engaged, engaged_weight, engaged_n, engaged_total)
    view_rate = _interquartile_mean(viewed, viewed_weight, viewed_n, viewed_total)
    if math.isnan(engagement):
        spread = _relative_spread(viewed, viewed_weight, viewed_n, viewed_total, view_rate)
    else:
        spread = _relative_spread(engaged, engaged_weight, engaged_n, engaged_total, engagement)
    coverage = _coverage(engaged_n / eligible, videos_viewed, videos, dated / eligible)
    per_week = _posts_per_week(recent, oldest, all_known=posts <= end - first)
    return (
        engagement / followers,
        view_rate / followers,
        1 - spread,
        per_week,
        float(used),
        fresh,
        coverage,
        0.0,
    )


def _weight(age: float) -> float:
    return 0.5 if math.isnan(age) else math.exp(-math.log(2) / HALF_LIFE_DAYS * max(age, 0.0))


def _reason(media: int, unpinned: int, eligible: int) -> int:
    if eligible:
        return COUNTS_UNKNOWN
    if unpinned:
        return TOO_NEW
    return ONLY_PINNED if media else NO_MEDIA


def _interquartile_mean(values: list[float], weights: list[float], n: int, total: float) -> float:
    """Weighted mean of what lies between the quartiles of the first `n`, which it sorts; NaN without any weight.

    The quarter of the weight with the lowest values and the quarter with the highest are left out, a value that lies
    across a quartile counts with the part of its weight inside. https://en.wikipedia.org/wiki/Interquartile_mean
    """
    if not total > 0:
        return math.nan
    _sort(values, weights, n)
    until = summed = 0.0
    for k in range(n):
        inside = min(until + weights[k], 0.75 * total) - max(until, 0.25 * total)
        summed += values[k] * max(inside, 0.0)
        until += weights[k]
    return summed / (0.5 * total)


def _sort(values: list[float], weights: list[float], n: int) -> None:
    """The first `n` by value. By insertion, which is quickest for a page of posts; who has very many is compiled."""
    for k in range(1, n):
        value, weight, at = values[k], weights[k], k
        while at > 0 and values[at - 1] > value:
            values[at], weights[at] = values[at - 1], weights[at - 1]
            at -= 1
        values[at], weights[at] = value, weight


def _relative_spread(values: list[float], weights: list[float], n: int, total: float, middle: float) -> float:
    """Weighted mean of |value - middle| / (value + middle) of the first `n`, which are never negative.

    0 if all are alike, towards 1 if they have nothing in common; NaN without any weight.
    """
    apart = 0.0
    for k in range(n):
        if values[k] + middle > 0:
            apart += weights[k] * abs(values[k] - middle) / (values[k] + middle)
    return apart / total if total > 0 else math.nan


def _coverage(engaged: float, videos_viewed: int, videos: int, dated: float) -> float:
    counts = engaged
    if videos:
        counts = ENGAGEMENT_SHARE * engaged + (1 - ENGAGEMENT_SHARE) * videos_viewed / videos
    return counts * (1 - DATE_SHARE + DATE_SHARE * dated)


def _posts_per_week(recent: int, oldest: float, all_known: bool) -> float:
    """By the last 28 days; by less if the media that are known reach less far and are not all there are.

    `recent` posts are of the last 28 days: all that have a date, if the span is shorter.
    """
    if oldest == -math.inf:
        return math.nan
    days = CADENCE_DAYS if all_known else min(max(oldest, 1.0), CADENCE_DAYS)
    return 7 * recent / days


_PARTS = (
    _none,
    _of_media,
    _weight,
    _reason,
    _interquartile_mean,
    _sort,
    _relative_spread,
    _coverage,
    _posts_per_week,
)

"""The floors of `bench scoring`: the formulas of model v2 once more, in plain Python and in bare NumPy.

Neither knows reasons, profiles without media, or media in any other number than the same for all: each is the shortest
way to engagement, success and confidence (formulas: scrapinsta_ray/domain/scoring/v2.py).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scrapinsta_ray.domain.scoring import benchmarks, v2
from scrapinsta_ray.domain.scoring.columns import Bools, Floats

Post = Mapping[str, Any]
"""likes, comments, views (None: unknown), age and read_age in days, pinned, hidden, video."""


# ---- plain Python -----------------------------------------------------------------------------------------


def plain(followers: float, posts: float, media: Sequence[Post]) -> tuple[float | None, ...]:
    """Engagement, success and confidence of one profile whose media all have an age; None for what is unknown."""
    engaged, viewed = [], []  # (value, weight)
    eligible = shown_views = engaged_n = viewed_n = used = 0
    fresh: float = 0.0
    for post in media:
        if post["pinned"] or post["read_age"] < v2.MATURE_DAYS:
            continue
        eligible += 1
        shown_views += post["video"]
        weight = 2.0 ** (-post["age"] / v2.HALF_LIFE_DAYS)
        shows = not post["hidden"] and post["likes"] is not None and post["comments"] is not None
        if shows:
            engaged.append(((post["likes"] + post["comments"]) / followers, weight))
            engaged_n += 1
        if post["views"] is not None:
            viewed.append((post["views"] / followers, weight))
            viewed_n += post["video"]
        if shows or post["views"] is not None:
            used += 1
            fresh += weight
    if not used:
        return None, None, None
    engagement, view_rate = _middle(engaged), _middle(viewed)
    usual = benchmarks.load(v2.BENCHMARKS)
    score = _score(engagement, _at(usual.engagement, followers))
    reach = _score(view_rate, _at(usual.views, followers))
    share = v2.ENGAGEMENT_SHARE
    coverage = engaged_n / eligible
    if shown_views:
        coverage = share * coverage + (1 - share) * viewed_n / shown_views
    values, middle = (viewed, view_rate) if engagement is None else (engaged, engagement)
    consistency = 1 - _spread(values, middle or 0.0)
    confidence = fresh / (fresh + v2.HALF_SURE) * coverage * (0.5 + 0.5 * consistency)
    success: float | None = reach if score is None else score
    if score is not None and reach is not None:
        success = share * score + (1 - share) * reach
    per_week = _posts_per_week(posts, media)
    if per_week is not None and success is not None:
        success *= 0.5 + 0.5 * (1 - 4**-per_week)
    return engagement, success, confidence


def _middle(pairs: list[tuple[float, float]]) -> float | None:
    if not pairs:
        return None
    total = sum(weight for _value, weight in pairs)
    until, summed = 0.0, 0.0
    for value, weight in sorted(pairs):
        inside = min(until + weight, 0.75 * total) - max(until, 0.25 * total)
        until += weight
        summed += value * max(inside, 0.0)
    return float(summed / (0.5 * total))


def _spread(pairs: Iterable[tuple[float, float]], middle: float) -> float:
    apart = total = 0.0
    for value, weight in pairs:
        apart += weight * (abs(value - middle) / (value + middle) if value + middle else 0.0)
        total += weight
    return apart / total


def _score(rate: float | None, usual: float) -> float | None:
    return None if rate is None else rate / (rate + usual)


def _at(curve: benchmarks.Curve, followers: float) -> float:
    x, points, rates = math.log(followers), curve.log_followers, curve.log_rate
    if x <= points[0]:
        return math.exp(rates[0])
    for i in range(1, len(points)):
        if x <= points[i]:
            part = (x - points[i - 1]) / (points[i] - points[i - 1])
            return math.exp(rates[i - 1] + part * (rates[i] - rates[i - 1]))
    return math.exp(rates[-1])


def _posts_per_week(posts: float, media: Sequence[Post]) -> float | None:
    ages = [post["age"] for post in media if not post["pinned"]]
    if not ages:
        return None
    days = v2.CADENCE_DAYS
    if posts > len(media):
        days = min(max(max(ages), 1.0), days)
    return float(7 * sum(age <= days for age in ages) / days)


# ---- bare NumPy -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dense:
    """Profiles that have all equally many media: (G,) followers and posts, the rest (G, K)."""

    followers: Floats
    posts: Floats
    likes: Floats
    comments: Floats
    views: Floats
    age: Floats
    read_age: Floats
    pinned: Bools
    hidden: Bools
    video: Bools


def dense(of: Dense) -> tuple[Floats, Floats, Floats]:
    """Engagement, success and confidence, each (G,), NaN for what is unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return _dense(of)


def _dense(of: Dense) -> tuple[Floats, Floats, Floats]:
    eligible = ~of.pinned & (of.read_age >= v2.MATURE_DAYS)
    weight = np.exp2(of.age / -v2.HALF_LIFE_DAYS)
    followers = of.followers[:, None]
    engaged = np.where(eligible & ~of.hidden, (of.likes + of.comments) / followers, np.nan)
    viewed = np.where(eligible, of.views / followers, np.nan)
    has_engaged, has_viewed = ~np.isnan(engaged), ~np.isnan(viewed)
    engagement = _dense_middle(engaged, has_engaged, weight)
    view_rate = _dense_middle(viewed, has_viewed, weight)
    usual = benchmarks.load(v2.BENCHMARKS)
    log = np.log(of.followers)
    usual_engagement = np.exp(np.interp(log, usual.engagement.log_followers, usual.engagement.log_rate))
    usual_views = np.exp(np.interp(log, usual.views.log_followers, usual.views.log_rate))
    score = engagement / (engagement + usual_engagement)
    reach = view_rate / (view_rate + usual_views)
    share = v2.ENGAGEMENT_SHARE
    success = share * score + (1 - share) * reach
    success = np.where(np.isnan(success), np.where(np.isnan(score), reach, score), success)
    fresh = np.where(has_engaged | has_viewed, weight, 0.0).sum(axis=1)
    of_engaged = has_engaged.sum(axis=1) / eligible.sum(axis=1)
    of_viewed = (has_viewed & of.video).sum(axis=1) / (eligible & of.video).sum(axis=1)
    coverage = np.where(np.isnan(of_viewed), of_engaged, share * of_engaged + (1 - share) * of_viewed)
    by_views = np.isnan(engagement)
    consistency = 1 - np.where(
        by_views,
        _dense_spread(viewed, has_viewed, view_rate, weight),
        _dense_spread(engaged, has_engaged, engagement, weight),
    )
    confidence = fresh / (fresh + v2.HALF_SURE) * coverage * (0.5 + 0.5 * consistency)
    oldest = np.where(of.pinned, 0.0, of.age).max(axis=1)
    days = np.where(of.posts > of.age.shape[1], np.clip(oldest, 1.0, v2.CADENCE_DAYS), v2.CADENCE_DAYS)
    per_week = 7 * (~of.pinned & (of.age <= days[:, None])).sum(axis=1) / days
    active = np.where(of.pinned.all(axis=1), 1.0, 0.5 + 0.5 * (1 - 4.0**-per_week))
    return engagement, success * active, confidence


def _dense_middle(values: Floats, has: Bools, weight: Floats) -> Floats:
    order = np.argsort(values, axis=1)
    value = np.take_along_axis(np.where(has, values, 0.0), order, axis=1)
    by_value = np.take_along_axis(np.where(has, weight, 0.0), order, axis=1)
    until = np.cumsum(by_value, axis=1)
    total = until[:, -1:]
    inside = np.minimum(until, 0.75 * total) - np.maximum(until - by_value, 0.25 * total)
    middle: Floats = (value * np.maximum(inside, 0.0)).sum(axis=1) / (0.5 * total[:, 0])
    return middle


def _dense_spread(values: Floats, has: Bools, middle: Floats, weight: Floats) -> Floats:
    both = values + middle[:, None]
    apart = np.where(has & (both > 0), np.abs(values - middle[:, None]) / both * weight, 0.0)
    spread: Floats = apart.sum(axis=1) / np.where(has, weight, 0.0).sum(axis=1)
    return spread

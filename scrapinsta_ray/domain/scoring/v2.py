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

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.domain.scoring import benchmarks
from scrapinsta_ray.domain.scoring.blocks import (
    Block,
    blocks,
    count,
    interquartile_mean,
    only,
    over,
    relative_spread,
)
from scrapinsta_ray.domain.scoring.columns import REASONS, Bools, Columns, Floats, ScoreColumns

BENCHMARKS = "benchmarks_v2.json"
HALF_LIFE_DAYS = 30.0
MATURE_DAYS = 2.0
CADENCE_DAYS = 28.0
ENGAGEMENT_SHARE = 0.7
DATE_SHARE = 0.2
HALF_SURE = 3.0
"""Fresh media that make half of the confidence."""

_MEDIA = ("engagement", "view_rate", "consistency", "posts_per_week", "media_used", "fresh_media", "coverage")


def score(columns: Columns) -> ScoreColumns:
    """Scores N profiles at once (formulas: this module's docstring)."""
    n = len(columns.followers)
    of_media = {name: np.full(n, np.nan) for name in _MEDIA}
    reason = np.full(n, REASONS.index("no_media"), dtype=np.int8)
    for block in blocks(columns.owner, n):
        of_block, reason[block.rows] = _of_media(block, columns)
        for name, values in of_block.items():
            of_media[name][block.rows] = values
    return _scored(columns, of_media, _first_reason(columns, reason))


def _first_reason(columns: Columns, reason: NDArray[np.int8]) -> NDArray[np.int8]:
    known = np.where(columns.followers > 0, reason, REASONS.index("followers_unknown"))
    return np.where(columns.private, REASONS.index("private"), known).astype(np.int8)


def _scored(columns: Columns, of_media: dict[str, Floats], reason: NDArray[np.int8]) -> ScoreColumns:
    there = reason == 0
    parts = {name: np.where(there, values, np.nan) for name, values in of_media.items()}
    usual = benchmarks.load(BENCHMARKS)
    followers = np.where(there, columns.followers, np.nan)
    parts["usual_engagement"], parts["usual_views"] = (
        usual.engagement.at(followers),
        usual.views.at(followers),
    )
    parts["engagement_score"] = over(parts["engagement"], parts["engagement"] + parts["usual_engagement"])
    parts["reach_score"] = over(parts["view_rate"], parts["view_rate"] + parts["usual_views"])
    parts["activity"] = 1 - 4.0 ** -parts["posts_per_week"]
    n, consistency = parts["fresh_media"], parts["consistency"]
    confidence = n / (n + HALF_SURE) * parts["coverage"] * (0.5 + 0.5 * consistency)
    success = _either(parts["engagement_score"], parts["reach_score"]) * _factor(parts["activity"])
    return ScoreColumns(parts.pop("engagement"), success, confidence, reason, parts)


def _either(engagement_score: Floats, reach_score: Floats) -> Floats:
    both = ENGAGEMENT_SHARE * engagement_score + (1 - ENGAGEMENT_SHARE) * reach_score
    alone = np.where(np.isnan(engagement_score), reach_score, engagement_score)
    return np.where(np.isnan(both), alone, both)


def _factor(activity: Floats) -> Floats:
    return np.where(np.isnan(activity), 1.0, 0.5 + 0.5 * activity)


@dataclass(frozen=True, slots=True)
class _Media:
    """A block's media as (G, K): NaN or False where there is none, or where it does not count."""

    age: Floats
    weight: Floats
    engaged: Floats
    viewed: Floats
    eligible: Bools
    video: Bools
    posted: Bools  # whatever its counts, it was posted at a known time and is not pinned


def _of_media(block: Block, columns: Columns) -> tuple[dict[str, Floats], NDArray[np.int8]]:
    """What a block's media say: each (G,)."""
    media = _counting(block, columns)
    counts = ~np.isnan(media.engaged) | ~np.isnan(media.viewed)
    engagement = interquartile_mean(media.engaged, media.weight)
    view_rate = interquartile_mean(media.viewed, media.weight)
    spread = relative_spread(media.engaged, engagement, media.weight)
    by_views = np.isnan(engagement)
    spread[by_views] = relative_spread(media.viewed[by_views], view_rate[by_views], media.weight[by_views])
    used, eligible = count(counts), count(media.eligible)
    of_block = {
        "engagement": engagement,
        "view_rate": view_rate,
        "consistency": 1 - spread,
        "posts_per_week": _posts_per_week(block, media, columns),
        "media_used": used,
        "fresh_media": np.einsum("gk,gk->g", media.weight, counts),
        "coverage": _coverage(media, eligible),
    }
    return of_block, _reason(block, used, eligible, columns)


def _counting(block: Block, columns: Columns) -> _Media:
    followers = columns.followers[block.rows, None]
    followers = np.where(followers > 0, followers, np.nan)
    pinned, shows = block.has(columns.pinned), block.filled & ~block.has(columns.hidden)
    age, read_age = np.maximum(block.of(columns.age), 0.0), block.of(columns.read_age)
    eligible = block.filled & ~pinned & ~(read_age < MATURE_DAYS)
    dated = np.where(np.isnan(age), HALF_LIFE_DAYS, age)
    engaged = (block.of(columns.likes) + block.of(columns.comments)) / followers
    viewed = block.of(columns.views) / followers
    return _Media(
        age=age,
        weight=np.exp2(-dated / HALF_LIFE_DAYS),
        engaged=only(engaged, eligible & shows),
        viewed=only(viewed, eligible),
        eligible=eligible,
        video=block.has(columns.video),
        posted=block.filled & ~pinned & ~np.isnan(age),
    )


def _posts_per_week(block: Block, media: _Media, columns: Columns) -> Floats:
    """By the last 28 days; by less if the media that are known reach less far and are not all there are."""
    oldest = (np.fmax(media.age, 0.0) * media.posted).max(axis=1)
    posts = columns.posts[block.rows]
    all_there = posts <= count(block.filled)
    days = np.where(all_there, CADENCE_DAYS, np.clip(oldest, 1.0, CADENCE_DAYS))
    recent = count(media.posted & (media.age <= days[:, None]))
    return np.where(count(media.posted) > 0, 7 * recent / days, np.nan)


def _coverage(media: _Media, eligible: Floats) -> Floats:
    would_show = media.eligible & media.video
    engaged = over(count(~np.isnan(media.engaged)), eligible)
    viewed = over(count(would_show & ~np.isnan(media.viewed)), count(would_show))
    counts = ENGAGEMENT_SHARE * engaged + (1 - ENGAGEMENT_SHARE) * viewed
    dated = over(count(media.eligible & ~np.isnan(media.age)), eligible)
    return np.where(np.isnan(viewed), engaged, counts) * (1 - DATE_SHARE + DATE_SHARE * dated)


def _reason(block: Block, used: Floats, eligible: Floats, columns: Columns) -> NDArray[np.int8]:
    unpinned = count(block.filled & ~block.has(columns.pinned))
    names = np.select(
        [used > 0, eligible > 0, unpinned > 0],
        [0, REASONS.index("counts_unknown"), REASONS.index("too_new")],
        REASONS.index("only_pinned"),
    )
    return names.astype(np.int8)

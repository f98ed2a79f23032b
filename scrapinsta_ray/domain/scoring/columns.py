"""What the models read and write: columns of N profiles and their M media."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.domain.models import Media, MediaKind, Profile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY_S = 86_400.0

REASONS = (None, "private", "followers_unknown", "no_media", "only_pinned", "too_new", "counts_unknown")
"""Why a profile has no score, by the number that stands in ScoreColumns.reason."""


@dataclass(frozen=True, slots=True)
class Columns:
    """N profiles and their M media. NaN stands for a number that is not known.

    followers, posts: (N,) counts; private: (N,)
    owner: (M,) index of the profile; likes, comments, views: (M,) counts
    age: (M,) days from the post to its owner's last reading; read_age: (M,) days from the post to the reading that
    brought its counts; pinned, hidden (likes hidden by the owner), video (of a kind that shows views): (M,)
    """

    followers: Floats
    posts: Floats
    private: Bools
    owner: Ints
    likes: Floats
    comments: Floats
    views: Floats
    age: Floats
    read_age: Floats
    pinned: Bools
    hidden: Bools
    video: Bools


@dataclass(frozen=True, slots=True)
class ScoreColumns:
    """Results, each (N,); NaN where there was too little to go on.

    engagement: (likes + comments) / followers, per post; success, confidence: 0..1 (confidence NaN if the model has
    none); reason: index into REASONS, 0 if there is a score; parts: what the score was made of, by name.
    """

    engagement: Floats
    success: Floats
    confidence: Floats
    reason: NDArray[np.int8]
    parts: Mapping[str, Floats]


VIDEOS = (MediaKind.VIDEO, MediaKind.REEL)


def columns_of(profiles: Sequence[Profile], read_at: datetime | None = None) -> Columns:
    """The columns of profiles that were read at `read_at` (None: the age of their media is not known), in order."""
    media = [(i, m) for i, p in enumerate(profiles) for m in p.media]
    age = np.array([_age(m, read_at) for _, m in media], dtype=np.float64)
    return Columns(
        followers=_floats([p.followers for p in profiles]),
        posts=_floats([p.posts for p in profiles]),
        private=np.array([p.is_private for p in profiles], dtype=np.bool_),
        owner=np.array([i for i, _ in media], dtype=np.int64),
        likes=_floats([m.likes for _, m in media]),
        comments=_floats([m.comments for _, m in media]),
        views=_floats([m.views for _, m in media]),
        age=age,
        read_age=age,
        pinned=np.array([m.pinned for _, m in media], dtype=np.bool_),
        hidden=np.array([m.hidden for _, m in media], dtype=np.bool_),
        video=np.array([m.kind in VIDEOS for _, m in media], dtype=np.bool_),
    )


def _age(media: Media, read_at: datetime | None) -> float:
    if read_at is None or media.taken_at is None:
        return np.nan
    return (read_at - media.taken_at).total_seconds() / DAY_S


def _floats(values: Sequence[int | None]) -> Floats:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)

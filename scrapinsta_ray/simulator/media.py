"""Posts of one account, drawn from its own seed."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.simulator.names import CAPTIONS

MOST = 40
"""How many of an account's posts the site keeps; the profile may count more."""
ID_EPOCH_MS = 1314220021721
"""Instagram's ids begin here: ms = (pk >> 23) + this."""
KINDS = ("image", "video", "carousel", "reel")
MIX = (0.27, 0.07, 0.26, 0.40)
FILMS = ("video", "reel")
_IS_FILM = np.array([kind in FILMS for kind in KINDS])
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Media:
    """One post with its true numbers; `hidden` says that the site must not tell likes and views."""

    pk: int
    code: str
    taken_at: int  # seconds since 1970; the pk says the same second
    kind: str
    likes: int
    comments: int
    plays: int  # 0 for what is no film; what the site shows as views
    caption: str
    pinned: bool
    hidden: bool

    @property
    def film(self) -> bool:
        return self.kind in FILMS

    @property
    def views(self) -> int | None:
        """What an honest reader can know."""
        return self.plays if self.film and not self.hidden else None


def shortcode(pk: int) -> str:
    """base64url of the pk without leading zeros, as in a post's address."""
    return urlsafe_b64encode(pk.to_bytes(9, "big")).decode().lstrip("A")


def _dates(rng: np.random.Generator, count: int, now: datetime) -> NDArray[np.int64]:
    """Seconds since 1970, newest first: some post twice a day, some once a month."""
    pace = np.clip(rng.lognormal(np.log(3.5), 0.9), 0.4, 40.0) * DAY
    gaps = np.maximum(rng.lognormal(0.0, 0.8, count) * pace, 600)
    return np.asarray(now.timestamp() - np.cumsum(gaps), np.int64)


def _likes(rng: np.random.Generator, count: int, followers: int) -> NDArray[np.int64]:
    """Around 2 % of the followers, less for large accounts; each account and each post by luck."""
    rate = 0.035 * max(followers / 1_000, 0.05) ** -0.15 * rng.lognormal(0.0, 0.7)
    return np.asarray(followers * min(rate, 0.4) * rng.lognormal(0.0, 0.6, count), np.int64)


def _pinned(rng: np.random.Generator, count: int) -> NDArray[np.bool_]:
    """One account in five keeps one to three of its old posts on top."""
    pinned = np.zeros(count, np.bool_)
    if count >= 8 and rng.random() < 0.2:
        pinned[rng.choice(np.arange(count // 2, count), int(rng.integers(1, 4)), replace=False)] = True
    return pinned


def draw_media(
    rng: np.random.Generator, followers: int, posts: int, hides_likes: bool, now: datetime
) -> tuple[Media, ...]:
    """The newest posts of one account, newest first."""
    count = min(posts, MOST)
    taken = _dates(rng, count, now)
    likes = _likes(rng, count, followers)
    comments = (likes * 0.03 * rng.lognormal(0.0, 0.9, count)).astype(np.int64)
    plays = ((likes + 5) * 12 * rng.lognormal(0.0, 0.8, count)).astype(np.int64)
    kinds = rng.choice(len(KINDS), count, p=MIX)
    pks = ((taken * 1000 + rng.integers(0, 1000, count) - ID_EPOCH_MS) << 23) | rng.integers(
        0, 1 << 23, count
    )
    captions = rng.integers(0, len(CAPTIONS), count)
    hidden = (rng.random(count) < 0.015) | hides_likes
    pinned = _pinned(rng, count)
    # read as lists: a number at a time out of an array is slow
    columns = (pks, taken, likes, comments, plays * _IS_FILM[kinds], pinned, hidden, kinds, captions)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return tuple(
        Media(pk, shortcode(pk), at, KINDS[kind], liked, said, played, CAPTIONS[caption], on_top, secret)
        for pk, at, liked, said, played, on_top, secret, kind, caption in rows
    )


def in_grid_order(media: tuple[Media, ...]) -> tuple[Media, ...]:
    """As a profile shows them: pinned first, then newest first."""
    return tuple(sorted(media, key=lambda one: not one.pinned))


def films(media: tuple[Media, ...], with_feed_video: bool = True) -> tuple[Media, ...]:
    """What the reels tab shows, pinned first."""
    return tuple(
        m for m in in_grid_order(media) if m.kind == "reel" or (with_feed_video and m.kind == "video")
    )

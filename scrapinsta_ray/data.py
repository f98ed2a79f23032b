"""What was collected as pandas frames, for notebooks. Reads only.

    from scrapinsta_ray.data import load_profiles, load_scores
    best = load_scores(None).merge(load_profiles(None), on="username").head(20)

`source` is the same everywhere: a database's address (`mysql://...` or `sqlite:///...`), the path of a SQLite file, or
None for the database that the settings name. Unknown is `<NA>`, `NaN` or `NaT`, never 0. Times are UTC.

Needs the extra `notebooks`: pip install 'scrapinsta-ray[notebooks]'. Raises Misconfigured if pandas or the store is
missing.
"""

from collections.abc import Sequence
from itertools import chain
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from scrapinsta_ray import settings
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import frames

if TYPE_CHECKING:
    import pandas as pd

_TYPES = {
    "followers": "Int64",
    "followings": "Int64",
    "posts": "Int64",
    "likes": "Int64",
    "comments": "Int64",
    "views": "Int64",
    "position": "Int64",
    "engagement": "float64",
    "success": "float64",
    "confidence": "float64",
    "pinned": "bool",
    "hidden": "bool",
    "is_private": "boolean",
    "is_verified": "boolean",
    "is_business": "boolean",
}

Source = str | PathLike[str] | None


def load_scores(source: Source, *, model: str | None = None) -> "pd.DataFrame":
    """One row a profile and model, best first; only `model` if it is given.

    username
    model           version of the scoring model, such as `v2` (formulas: scrapinsta_ray/domain/scoring/v2.py)
    engagement      (likes + comments) / followers, per post; 0.03 is three in a hundred. NaN: too little known
    success         0..1, one half is usual for an account of that size. NaN: too little known
    confidence      0..1, how sure the score is; NaN without a score, and of `v1`
    reason          why there is no score, such as `private` or `counts_unknown`
    scored_at       UTC
    part_*          what the score was made of, one column each, by the names of the model's module: of `v2`
                    part_engagement_score, part_reach_score, part_activity, part_consistency (0..1), part_view_rate,
                    part_posts_per_week, part_media_used (posts that counted) and others
    """
    frame = _frame(frames.SCORES, frames.scores(_address(source), model))
    pandas = _pandas()
    parts = pandas.DataFrame(list(frame.pop("parts")), index=frame.index)
    return frame.join(parts.astype("float64").add_prefix("part_"))


def load_media(source: Source) -> "pd.DataFrame":
    """One row a post, by username, newest first.

    username, code      the owner, and the post's name in its address
    kind                image, video, carousel or reel
    taken_at, seen_at   when it was posted, when it was read; UTC
    likes, comments, views      counts; <NA> when hidden or not told
    pinned, hidden      kept on top by its owner; likes hidden by its owner
    """
    return _frame(frames.MEDIA, frames.posts(_address(source)))


def load_followings(source: Source) -> "pd.DataFrame":
    """One row for each account that a target follows, in the order of the target's list.

    target_username, position   whose list, and the place in it from 0
    username, full_name         who is followed
    is_private, is_verified     as the list said; <NA> when it did not
    seen_at                     UTC
    """
    return _frame(frames.FOLLOWINGS, frames.followed(_address(source)))


def load_profiles(source: Source) -> "pd.DataFrame":
    """One row a profile, by username.

    username, full_name, category, biography, external_url      as the profile shows them
    rubro                               its field by keywords, such as `fitness` (scrapinsta_ray/domain/rubros.py)
    followers, followings, posts        counts; <NA> when not told
    is_verified, is_business            <NA> when not told
    analyzed_at                         when it was last read, UTC
    """
    return _frame(frames.PROFILES, frames.people(_address(source)))


def _address(source: Source) -> str:
    if source is None:
        return settings.load().url
    text = fspath(source)
    return text if "://" in text else f"sqlite:///{text}"


def _frame(columns: Sequence[str], batches: frames.Batches) -> "pd.DataFrame":
    pandas = _pandas()
    frame = pandas.DataFrame(list(chain.from_iterable(batches)), columns=list(columns))
    for name in columns:
        if name.endswith("_at"):
            frame[name] = pandas.to_datetime(frame[name], utc=True)
        elif name in _TYPES:
            frame[name] = frame[name].astype(_TYPES[name])
    return frame


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise Misconfigured("pandas is missing: pip install 'scrapinsta-ray[notebooks]'.") from None
    return pandas

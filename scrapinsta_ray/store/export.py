"""What was collected, for other programs: columns that stay as they are, rows page by page.

Each page is a short transaction of its own, so that a long export holds nobody up: a row is as it was when its page was
read. Rows come by primary key. The columns are told to users in docs/export.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, func, select

from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.store.batches import behind
from scrapinsta_ray.store.database import Database, reading
from scrapinsta_ray.store.tables import followings, job_tasks, jobs, media, profile_scores, profiles

PAGE = 5_000
"""Rows in one transaction."""

Type = Literal["text", "count", "number", "flag", "time", "words"]
"""count: a whole number; number: a float; flag: true or false; words: a list of text. Each may be missing."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of an export: its name, its type, its unit or meaning."""

    name: str
    type: Type
    meaning: str


_PARTS = (
    ("engagement_score", "0..1: engagement against what is usual at that many followers"),
    ("reach_score", "0..1: views likewise"),
    ("reach", "views / followers, mean per post; of v1"),
    ("view_rate", "views / followers, per post; of v2, as all below"),
    ("usual_engagement", "(likes + comments) / followers that is usual at that many followers"),
    ("usual_views", "views / followers that is usual at that many followers"),
    ("posts_per_week", "posts a week, over the last 28 days"),
    ("activity", "0..1, by posts a week"),
    ("consistency", "0..1; 1: all posts are alike"),
    ("media_used", "posts that counted; of v1 too"),
    ("fresh_media", "posts of today that those are worth"),
    ("coverage", "0..1: share of what is known"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of export: its table, when a row was written, by what a job's people are found, its columns."""

    table: Table
    at: Column[Any]
    person: Column[Any]
    work: Kind
    fields: Sequence[Field]

    @property
    def key(self) -> list[Column[Any]]:
        """By which rows are ordered."""
        return list(self.table.primary_key)


EXPORTS: Mapping[str, Kept] = {
    "profiles": Kept(
        profiles,
        profiles.c.analyzed_at,
        profiles.c.username,
        Kind.ANALYZE_PROFILE,
        (
            Field("username", "text", "its name in the site's addresses"),
            Field("full_name", "text", "as the profile shows it"),
            Field("category", "text", "as the profile shows it"),
            Field("rubro", "text", "its field, by keywords of category and biography"),
            Field("rubro_evidence", "words", "the words that speak for it"),
            Field("followers", "count", "accounts"),
            Field("followings", "count", "accounts"),
            Field("posts", "count", "posts"),
            Field("is_verified", "flag", "verified by the site"),
            Field("is_business", "flag", "a business account"),
            Field("biography", "text", "as the profile shows it"),
            Field("external_url", "text", "as the profile shows it"),
            Field("analyzed_at", "time", "when it was last read, UTC"),
        ),
    ),
    "media": Kept(
        media,
        media.c.seen_at,
        media.c.username,
        Kind.ANALYZE_PROFILE,
        (
            Field("username", "text", "the owner"),
            Field("code", "text", "the post's name in its address"),
            Field("kind", "text", "image, video, carousel or reel"),
            Field("taken_at", "time", "when it was posted, UTC"),
            Field("likes", "count", "likes; missing if hidden or not told"),
            Field("comments", "count", "comments"),
            Field("views", "count", "views"),
            Field("pinned", "flag", "kept on top by its owner"),
            Field("hidden", "flag", "likes hidden by its owner"),
            Field("seen_at", "time", "when it was read, UTC"),
        ),
    ),
    "scores": Kept(
        profile_scores,
        profile_scores.c.scored_at,
        profile_scores.c.username,
        Kind.ANALYZE_PROFILE,
        (
            Field("username", "text", "whose score"),
            Field("model", "text", "version of the scoring model; a profile has a row for each"),
            Field("engagement", "number", "(likes + comments) / followers, per post"),
            Field("success", "number", "0..1, one half is usual"),
            Field("confidence", "number", "0..1; missing of v1"),
            Field("reason", "text", "why there is no score"),
            Field("scored_at", "time", "UTC"),
            *(Field(f"part_{name}", "number", meaning) for name, meaning in _PARTS),
        ),
    ),
    "followings": Kept(
        followings,
        followings.c.seen_at,
        followings.c.target_username,
        Kind.FETCH_FOLLOWINGS,
        (
            Field("target_username", "text", "whose list"),
            Field("position", "count", "place in that list, from 0"),
            Field("username", "text", "who is followed"),
            Field("full_name", "text", "as the list shows it"),
            Field("is_private", "flag", "as the list says"),
            Field("is_verified", "flag", "as the list says"),
            Field("seen_at", "time", "UTC"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One kind of export: all of it, of one job's people, or of rows that were written at `since` or later."""

    kind: str
    job_id: str | None = None
    since: datetime | None = None

    @property
    def kept(self) -> Kept:
        """Its table and columns."""
        return EXPORTS[self.kind]


@reading
def count(tx: Connection, wanted: Wanted) -> int:
    """How many rows there are: for a progress bar. Raises LookupError for a job that does not exist."""
    if wanted.job_id and tx.scalar(select(jobs.c.id).where(jobs.c.id == wanted.job_id)) is None:
        raise LookupError(f"There is no job {wanted.job_id}.")
    query = _filtered(select(func.count()).select_from(wanted.kept.table), wanted)
    return int(tx.execute(query).scalar_one())


def pages(db: Database, wanted: Wanted, size: int = PAGE) -> Iterator[list[Row]]:
    """Rows by primary key, `size` at a time, values in the order of the kind's fields."""
    after: Row | None = None
    while True:
        rows, after = _page(db, wanted, after, size)
        if rows:
            yield rows
        if after is None:
            return


@reading
def _page(tx: Connection, wanted: Wanted, after: Row | None, size: int) -> tuple[list[Row], Row | None]:
    """Rows, and the key behind which the next page begins; None at the end."""
    kept = wanted.kept
    stored = [field.name for field in kept.fields if not field.name.startswith("part_")]
    query = _filtered(select(*kept.key, *_named(kept.table, stored)), wanted)
    if after is not None:
        query = query.where(behind(kept.key, after))
    found = tx.execute(query.order_by(*kept.key).limit(size)).all()
    width = len(kept.key)
    last = tuple(found[-1][:width]) if len(found) == size else None
    return [_row(kept, row[width:]) for row in found], last


def _named(table: Table, stored: Sequence[str]) -> list[ColumnElement[Any]]:
    names = [*stored, "parts"] if "parts" in table.c else stored
    return [table.c[name].label(f"own_{name}") for name in names]


def _row(kept: Kept, values: Sequence[Any]) -> Row:
    if "parts" not in kept.table.c:
        return tuple(values)
    parts = values[-1]
    return (*values[:-1], *(parts.get(name) for name, _meaning in _PARTS))


def _filtered(query: Select[Any], wanted: Wanted) -> Select[Any]:
    kept = wanted.kept
    if wanted.since is not None:
        query = query.where(kept.at >= wanted.since)
    if wanted.job_id is not None:
        stages = select(jobs.c.id).where((jobs.c.id == wanted.job_id) | (jobs.c.campaign_id == wanted.job_id))
        people = select(job_tasks.c.username).where(
            job_tasks.c.job_id.in_(stages), job_tasks.c.kind == kept.work
        )
        query = query.where(kept.person.in_(people))
    return query

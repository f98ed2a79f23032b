"""What is stored, page by page as columns for scoring, and the scores written back.

Each page is read in one short transaction and its scores are written in others. What is due shows in the rows
themselves: a profile whose score by that model is not older than its last reading is done. So work that was cut off
anywhere goes on by beginning again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, select, update

from scrapinsta_ray.domain.scoring import arrow
from scrapinsta_ray.domain.scoring.columns import DAY_S, VIDEOS
from scrapinsta_ray.store import forgotten
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import AnyRow, Database, clock, reading, transaction, upsert
from scrapinsta_ray.store.tables import media, profile_scores, profiles

PAGE = 5_000
"""Profiles read in one transaction, and scored as one partition."""

WRITE = 500
"""Profiles whose scores are written in one transaction: so long a worker may wait for their rows."""


@dataclass(frozen=True, slots=True)
class Due:
    """Which profiles: analyzed at `since` or later; not those whose score by `model` is as new as the profile is,
    unless it was made before `scored_before`."""

    model: str
    since: datetime | None = None
    scored_before: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Of rows of `profiles`."""
        score = profile_scores.c
        new = [score.username == profiles.c.username, score.model == self.model]
        new.append(score.scored_at >= profiles.c.analyzed_at)
        if self.scored_before is not None:
            new.append(score.scored_at >= self.scored_before)
        due = [~exists().where(*new)]
        return due if self.since is None else [*due, profiles.c.analyzed_at >= self.since]


@dataclass(frozen=True, slots=True)
class Page:
    """A partition: `profiles` and `media` as domain/scoring/arrow.py has them; `analyzed_at` of each profile."""

    profiles: pa.Table
    media: pa.Table
    analyzed_at: Sequence[datetime]

    @property
    def last(self) -> str:
        """The username behind which the next page begins."""
        return str(self.profiles.column("username")[-1].as_py())


@dataclass(frozen=True, slots=True)
class Rescored:
    """A profile's new score, and its rubro with its evidence; `analyzed_at` is the reading that was scored."""

    username: str
    analyzed_at: datetime
    engagement: float | None
    success: float | None
    confidence: float | None
    reason: str | None
    parts: Mapping[str, float | None]
    rubro: str | None
    rubro_evidence: Sequence[str]


@reading
def count(tx: Connection, due: Due) -> int:
    """How many profiles are due: for a progress bar."""
    return tx.execute(select(func.count()).select_from(profiles).where(*due.conditions())).scalar_one()


@reading
def now(tx: Connection) -> datetime:
    """The time of the clock by which scores are dated."""
    return clock(tx)


@reading
def page(tx: Connection, due: Due, after: str = "", limit: int = PAGE) -> Page | None:
    """The first `limit` profiles that are due behind the username `after`, with their media; None at the end."""
    of = profiles.c
    rows = tx.execute(
        select(of.username, of.followers, of.posts, of.category, of.biography, of.analyzed_at)
        .where(of.username > after, *due.conditions())
        .order_by(of.username)
        .limit(limit)
    ).all()
    if not rows:
        return None
    columns = {
        name: [getattr(row, name) for row in rows] for name in arrow.PROFILES.names if name != "private"
    }
    private = np.zeros(
        len(rows), dtype=np.uint8
    )  # nothing is stored of a profile that was private when it was read
    found = _media(tx, rows)
    return Page(
        arrow.table({**columns, "private": private}, arrow.PROFILES), found, [row.analyzed_at for row in rows]
    )


def pages(db: Database, due: Due, size: int = PAGE) -> Iterator[Page]:
    """All that is due, by username; what becomes due behind the last page is met, before it is not."""
    after = ""
    while found := page(db, due, after, size):
        yield found
        after = found.last


_COUNTS = ("likes", "comments", "views")
_FLAGS = ("pinned", "hidden")


def _media(tx: Connection, people: Sequence[AnyRow]) -> pa.Table:
    at = {row.username: (i, row.analyzed_at.timestamp()) for i, row in enumerate(people)}
    of = media.c
    names = (*_COUNTS, *_FLAGS)
    found: list[AnyRow] = []
    for some in chunks(at):
        query = select(of.username, of.kind, of.taken_at, of.seen_at, *(of[name] for name in names))
        found += tx.execute(query.where(of.username.in_(some)).order_by(of.username, of.code))
    analyzed = np.array([at[row.username][1] for row in found], dtype=np.float64)
    taken = np.array([_timestamp(row.taken_at) for row in found], dtype=np.float64)
    seen = np.array([_timestamp(row.seen_at) for row in found], dtype=np.float64)
    columns: dict[str, Any] = {name: [getattr(row, name) for row in found] for name in _COUNTS}
    columns |= {name: [int(getattr(row, name)) for row in found] for name in _FLAGS}
    columns |= {
        "owner": [at[row.username][0] for row in found],
        "age": (analyzed - taken) / DAY_S,
        "read_age": (seen - taken) / DAY_S,
        "video": [int(row.kind in VIDEOS) for row in found],
    }
    return arrow.table(columns, arrow.MEDIA)


def _timestamp(at: datetime | None) -> float:
    return np.nan if at is None else at.timestamp()


def write(db: Database, model: str, rescored: Sequence[Rescored]) -> int:
    """Stores scores and rubros, some hundred profiles a transaction; how many. Other models' scores stay.

    Left out is who was forgotten, pruned, or read anew since.
    """
    return sum(_write(db, model, some) for some in chunks(rescored, WRITE))


@transaction
def _write(tx: Connection, model: str, rescored: Sequence[Rescored]) -> int:
    names = sorted(one.username for one in rescored)
    gone = forgotten.among(tx, names)
    of = profiles.c
    stored = {
        row.username: row
        for row in tx.execute(
            select(of.username, of.analyzed_at, of.rubro, of.rubro_evidence)
            .where(of.username.in_(names))
            .order_by(of.username)
            .with_for_update()
        )
    }
    same = [
        one
        for one in rescored
        if one.username not in gone
        and one.username in stored
        and stored[one.username].analyzed_at == one.analyzed_at
    ]
    _write_scores(tx, model, same)
    _write_rubros(tx, [one for one in same if _rubro(one) != _rubro(stored[one.username])])
    return len(same)


def _rubro(of: Any) -> tuple[str | None, list[str]]:
    return of.rubro, list(of.rubro_evidence or ())


def _write_scores(tx: Connection, model: str, rescored: Sequence[Rescored]) -> None:
    at = clock(tx)
    rows = [
        {
            "username": one.username,
            "model": model,
            "engagement": one.engagement,
            "success": one.success,
            "parts": dict(one.parts),
            "scored_at": at,
            "confidence": one.confidence,
            "reason": one.reason,
        }
        for one in rescored
    ]
    values = ("engagement", "success", "parts", "scored_at", "confidence", "reason")
    upsert(tx, profile_scores, rows, key=["username", "model"], update=values)


def _write_rubros(tx: Connection, rescored: Sequence[Rescored]) -> None:
    if rescored:
        tx.execute(
            update(profiles)
            .where(profiles.c.username == bindparam("name"))
            .values(rubro=bindparam("new_rubro"), rubro_evidence=bindparam("new_evidence")),
            [
                {"name": one.username, "new_rubro": one.rubro, "new_evidence": list(one.rubro_evidence)}
                for one in rescored
            ],
        )

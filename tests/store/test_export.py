"""Rows for other programs, page by page, on SQLite and MariaDB; their columns are those of the page for users."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from scrapinsta_ray.domain.models import Following, Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import MODELS, columns_of
from scrapinsta_ray.store import export, jobs, profiles
from scrapinsta_ray.store.database import Database, transaction
from scrapinsta_ray.store.export import EXPORTS, Wanted
from scrapinsta_ray.store.tables import profile_scores
from scrapinsta_ray.store.tables import profiles as profile_table

PAGE = Path(__file__).parent.parent.parent / "docs" / "export.md"
NAMES = ["ana", "bea", "carla", "dora", "eva"]


def a_profile(name: str) -> Profile:
    posts = [Media(f"{name}{n}", str(n), None, MediaKind.IMAGE, n, None, None) for n in range(3)]
    return Profile(name, followers=1000, rubro="food", rubro_evidence=("cafe", "pan"), media=tuple(posts))


@pytest.fixture
def five_people(db: Database) -> list[str]:
    """Five profiles with three posts each, scored by both models, all followed by two others."""
    parts: dict[str, dict[str, float | None]] = {
        "v1": {"reach": 0.3, "media_used": 3.0},
        "v2": {"view_rate": 0.2, "reach_score": None},
    }
    scores = [Score(name, model, 0.1, 0.2, parts[model], 0.5) for name in NAMES for model in ("v2", "v1")]
    transaction(profiles.store)(db, [a_profile(name) for name in NAMES], scores)
    for target in ("gym", "bar"):
        transaction(profiles.store_followings)(db, target, [Following(name) for name in NAMES], start=0)
    return NAMES


def exported(db, kind, size=4, **wanted):
    fields = [field.name for field in EXPORTS[kind].fields]
    pages = list(export.pages(db, Wanted(kind, **wanted), size))
    assert all(len(page) <= size for page in pages)
    return [dict(zip(fields, row, strict=True)) for page in pages for row in page]


@pytest.mark.parametrize(
    ("kind", "rows"), [("profiles", 5), ("media", 15), ("scores", 10), ("followings", 10)]
)
@pytest.mark.parametrize("size", [1, 4, 5, 100])
def test_every_row_comes_once_in_the_order_of_its_key(db, five_people, kind, rows, size):
    found = exported(db, kind, size)
    key = [column.name for column in EXPORTS[kind].key]
    keys = [tuple(row[name] for name in key) for row in found]
    assert len(found) == rows == export.count(db, Wanted(kind))
    assert keys == sorted(set(keys))


def test_values_are_those_that_are_stored(db, five_people):
    [first, *_] = exported(db, "profiles")
    assert first | {"analyzed_at": None} == {
        "username": "ana", "full_name": None, "category": None, "rubro": "food", "rubro_evidence": ["cafe", "pan"],
        "followers": 1000, "followings": None, "posts": None, "is_verified": None, "is_business": None,
        "biography": None, "external_url": None, "analyzed_at": None,
    }  # fmt: skip
    assert first["analyzed_at"].tzinfo is UTC
    v1, v2, *_ = exported(db, "scores")
    assert (v1["model"], v1["part_reach"], v1["part_view_rate"]) == ("v1", 0.3, None)
    assert (v2["model"], v2["part_reach"], v2["part_view_rate"], v2["confidence"]) == ("v2", None, 0.2, 0.5)


def test_every_part_of_every_model_has_a_column():
    parts = {name for model in MODELS.values() for name in model(columns_of([])).parts}
    assert {f"part_{name}" for name in parts} == {
        field.name for field in EXPORTS["scores"].fields if field.name.startswith("part_")
    }


def test_only_what_was_written_since(db, five_people):
    old = datetime.now(UTC) - timedelta(days=30)
    with db.begin() as tx:
        tx.execute(update(profile_table).where(profile_table.c.username < "d").values(analyzed_at=old))
        tx.execute(update(profile_scores).where(profile_scores.c.username < "d").values(scored_at=old))
    since = datetime.now(UTC) - timedelta(days=1)
    assert [row["username"] for row in exported(db, "profiles", since=since)] == ["dora", "eva"]
    assert {row["username"] for row in exported(db, "scores", since=since)} == {"dora", "eva"}
    assert export.count(db, Wanted("profiles", since=since)) == 2


def test_only_the_people_of_a_job(db, five_people, a_client):
    analysis = jobs.enqueue_analysis(db, jobs.Asked(a_client), ["bea", "dora", "nobody"], None)
    lists = jobs.enqueue_fetch(db, jobs.Asked(a_client), "gym", 10)
    assert [row["username"] for row in exported(db, "profiles", job_id=analysis.job_id)] == ["bea", "dora"]
    assert len(exported(db, "media", job_id=analysis.job_id)) == 6
    assert len(exported(db, "scores", job_id=analysis.job_id)) == 4
    assert exported(db, "followings", job_id=analysis.job_id) == []
    assert {row["target_username"] for row in exported(db, "followings", job_id=lists.job_id)} == {"gym"}


def test_an_unknown_job_is_named(db):
    with pytest.raises(LookupError, match="job:none"):
        export.count(db, Wanted("profiles", job_id="job:none"))


@pytest.mark.parametrize("kind", EXPORTS)
def test_the_page_for_users_has_the_columns_of_the_code(kind):
    block = PAGE.read_text().partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", block, re.MULTILINE)
    assert rows == [(field.name, field.type, field.meaning) for field in EXPORTS[kind].fields]

"""Pages of what is stored as columns, scores written back, on SQLite and MariaDB."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain.models import Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import arrow
from scrapinsta_ray.store import forget, profiles, rescoring
from scrapinsta_ray.store.database import Database, reading, transaction
from scrapinsta_ray.store.rescoring import Due, Rescored
from scrapinsta_ray.store.tables import media, profile_scores
from scrapinsta_ray.store.tables import profiles as profile_table
from tests.waiting import until

V2 = Due("v2")
NAMES = ["ana", "bea", "carla", "dora", "eva"]


def a_profile(name: str, **more) -> Profile:
    post = Media(f"{name}_1", f"{name}_1", datetime(2026, 1, 1, tzinfo=UTC), MediaKind.REEL, 30, 2, 400)
    return Profile(name, followers=1000, posts=40, media=(post,), **more)


@pytest.fixture
def five_people(db: Database) -> list[str]:
    """Five profiles with a post each, scored by v1 alone."""
    transaction(profiles.store)(
        db, [a_profile(name) for name in NAMES], [Score(name, "v1", 0.1, 0.2, {}) for name in NAMES]
    )
    return NAMES


@reading
def stored(tx, model="v2"):
    rows = tx.execute(select(profile_scores).where(profile_scores.c.model == model)).all()
    return {row.username: row for row in rows}


def results(page, success=0.5, rubro=None):
    names = page.profiles.column("username").to_pylist()
    return [
        Rescored(name, at, 0.03, success, 0.4, None, {"activity": 0.7}, rubro, ("gym",) if rubro else ())
        for name, at in zip(names, page.analyzed_at, strict=True)
    ]


def due(db, wanted=V2, size=2):
    return [
        name for page in rescoring.pages(db, wanted, size) for name in page.profiles["username"].to_pylist()
    ]


def test_pages_hold_everybody_once_by_name(db, five_people):
    assert due(db) == five_people
    assert rescoring.count(db, V2) == 5


def test_a_page_is_columns_with_ages_in_days_and_nan_for_the_unknown(db, five_people):
    taken = datetime.now(UTC) - timedelta(days=10)
    with db.begin() as tx:
        one = media.c.username == "ana"
        tx.execute(update(media).where(one).values(taken_at=taken, likes=None, pinned=True))
        tx.execute(update(media).where(media.c.username == "bea").values(taken_at=None))
        at = tx.execute(
            select(profile_table.c.analyzed_at).where(profile_table.c.username == "ana")
        ).scalar_one()
        tx.execute(
            update(profile_table)
            .where(profile_table.c.username == "ana")
            .values(analyzed_at=at + timedelta(days=5), followers=None)
        )
    page = rescoring.page(db, V2, "", 2)
    assert page
    columns = arrow.columns(page.profiles, page.media)
    assert columns.owner.tolist() == [0, 1]
    np.testing.assert_allclose(columns.age, [15, np.nan], atol=0.01)
    np.testing.assert_allclose(columns.read_age, [10, np.nan], atol=0.01)
    np.testing.assert_equal(columns.likes, [np.nan, 30])
    np.testing.assert_equal(columns.followers, [np.nan, 1000])
    assert columns.pinned.tolist() == [True, False]
    assert columns.video.tolist() == [True, True]


def test_scores_stand_beside_those_of_other_models(db, five_people):
    for page in rescoring.pages(db, V2, 2):
        assert rescoring.write(db, "v2", results(page)) == page.profiles.num_rows
    assert {name: row.success for name, row in stored(db).items()} == dict.fromkeys(NAMES, 0.5)
    assert stored(db)["ana"].parts == {"activity": 0.7}
    assert {row.success for row in stored(db, "v1").values()} == {0.2}


def test_what_was_cut_off_goes_on_where_it_stopped(db, five_people):
    first = rescoring.page(db, V2, "", 2)
    rescoring.write(db, "v2", results(first))
    assert due(db) == ["carla", "dora", "eva"]
    assert rescoring.count(db, V2) == 3


def test_a_profile_that_was_read_again_is_due_again(db, five_people):
    for page in rescoring.pages(db, V2):
        rescoring.write(db, "v2", results(page))
    assert due(db) == []
    transaction(profiles.store)(db, [a_profile("bea")], [])
    assert due(db) == ["bea"]


def test_scores_from_before_a_time_are_made_anew(db, five_people):
    first = rescoring.page(db, V2, "", 2)
    rescoring.write(db, "v2", results(first))
    written = rescoring.now(db)
    until(lambda: rescoring.now(db) > written)  # SQLite's clock has milliseconds
    begun = Due("v2", scored_before=rescoring.now(db))
    assert due(db, begun) == five_people
    rescoring.write(db, "v2", results(rescoring.page(db, begun, "", 3)))
    assert due(db, begun) == ["dora", "eva"]


def test_only_profiles_that_were_read_since(db, five_people):
    assert due(db, Due("v2", since=rescoring.now(db) + timedelta(hours=1))) == []
    assert due(db, Due("v2", since=rescoring.now(db) - timedelta(hours=1))) == five_people


def test_nothing_is_written_of_who_was_forgotten_meanwhile(db, five_people):
    page = rescoring.page(db, V2)
    forget.forget(db, "cli:test", "ana")
    assert rescoring.write(db, "v2", results(page)) == 4
    assert set(stored(db)) == {"bea", "carla", "dora", "eva"}


def test_a_newer_reading_keeps_its_own_score(db, five_people):
    page = rescoring.page(db, V2)
    transaction(profiles.store)(db, [a_profile("eva")], [Score("eva", "v2", 0.9, 0.9, {}, 0.9)])
    assert rescoring.write(db, "v2", results(page)) == 4
    assert stored(db)["eva"].success == 0.9


@reading
def rubros(tx):
    rows = tx.execute(select(profile_table.c.username, profile_table.c.rubro, profile_table.c.rubro_evidence))
    return {row.username: (row.rubro, row.rubro_evidence) for row in rows}


def test_rubros_are_replaced_and_taken_away(db, five_people):
    transaction(profiles.store)(db, [a_profile("ana", rubro="food", rubro_evidence=("cafe",))], [])
    page = rescoring.page(db, V2)
    rescoring.write(db, "v2", results(page, rubro="fitness"))
    assert set(map(str, rubros(db).values())) == {"('fitness', ['gym'])"}
    again = rescoring.page(db, Due("v2", scored_before=rescoring.now(db) + timedelta(seconds=5)))
    rescoring.write(db, "v2", results(again))
    assert set(map(str, rubros(db).values())) == {"(None, [])"}

"""Frames hold what the store's own functions stored, and nothing can be written through them."""

import builtins
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import exc, text

from scrapinsta_ray.data import load_followings, load_media, load_profiles, load_scores
from scrapinsta_ray.domain.models import Following, Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import frames, profiles, schema
from scrapinsta_ray.store.database import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ANA = Profile(
    "ana",
    full_name="Ana García",
    followers=1_000,
    followings=10,
    posts=2,
    is_verified=True,
    media=(
        Media("a1", "1", NOON, MediaKind.IMAGE, likes=40, comments=10),
        Media("a2", "2", NOON.replace(day=2), MediaKind.REEL, likes=50, comments=0, views=300, pinned=False),
    ),
)
LUZ = Profile("luz", media=(Media("l1", "3", None, MediaKind.IMAGE, hidden=True),))
BIG = Profile(
    "big", followers=3_000_000_000, media=(Media("b1", "4", NOON, MediaKind.IMAGE, likes=1, comments=0),)
)
PEOPLE = [LUZ, ANA, BIG]


def fill(url: str) -> None:
    db = Database(url)
    schema.upgrade(db)
    with db.begin() as tx:
        older = Score("ana", "v0", 0.1, 0.2, {"reach": None})
        profiles.store(tx, PEOPLE, [*scores_of(PEOPLE), older])
        follows = [Following("ana", is_private=False, full_name="Ana"), Following("luz", is_private=True)]
        profiles.store_followings(tx, "cafe", follows, start=0)
        profiles.store_followings(tx, "cafe", [Following("big")], start=2)
    db.dispose()


@pytest.fixture(scope="module")
def a_sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store of data") / "store.db"
    fill(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="module")
def a_mariadb_store(a_mariadb_database_of_this_module: str) -> str:
    fill(a_mariadb_database_of_this_module)
    return a_mariadb_database_of_this_module


@pytest.fixture(params=["path", "sqlite", "mariadb"])
def source(request: pytest.FixtureRequest) -> Iterator[str | Path]:
    """The same store, by each way to name one."""
    if request.param == "mariadb":
        yield request.getfixturevalue("a_mariadb_store")
    else:
        path = request.getfixturevalue("a_sqlite_store")
        yield path if request.param == "path" else f"sqlite:///{path}"


def column(frame: pd.DataFrame, name: str) -> list[Any]:
    """A column's values, None for what is unknown."""
    return [None if pd.isna(value) else value for value in frame[name]]


def test_scores_come_best_first_with_their_parts_as_columns(source: str | Path) -> None:
    frame = load_scores(source, model="v2")
    ana, big, luz = scores_of([ANA, BIG, LUZ])
    assert column(frame, "username") == ["ana", "big", "luz"]
    assert column(frame, "success") == [ana.success, big.success, None]
    assert column(frame, "engagement") == [ana.engagement, big.engagement, None]
    for part in ana.parts:
        assert column(frame, f"part_{part}") == [ana.parts[part], big.parts[part], luz.parts[part]]
    told = {"username", "model", "engagement", "success", "confidence", "reason", "scored_at"}
    assert set(frame.columns) == told | {f"part_{part}" for part in ana.parts}
    assert column(frame, "confidence") == [ana.confidence, big.confidence, None]
    assert column(frame, "reason") == [None, None, "followers_unknown"]
    assert str(frame["scored_at"].dt.tz) == "UTC"


def test_without_a_model_every_version_is_there(source: str | Path) -> None:
    frame = load_scores(source)
    assert column(frame, "model") == ["v0", "v2", "v2", "v2"]
    assert column(frame, "part_media_used") == [None, 2, 1, None]
    assert len(load_scores(source, model="v9")) == 0


def test_media_keep_what_is_not_known_apart_from_zero(source: str | Path) -> None:
    frame = load_media(source)
    assert column(frame, "code") == ["a2", "a1", "b1", "l1"]
    assert column(frame, "likes") == [50, 40, 1, None]
    assert column(frame, "comments") == [0, 10, 0, None]
    assert column(frame, "views") == [300, None, None, None]
    assert column(frame, "hidden") == [False, False, False, True]
    assert column(frame, "kind") == ["reel", "image", "image", "image"]
    assert frame["likes"].dtype == "Int64"
    assert frame["taken_at"][1] == pd.Timestamp(NOON)
    assert pd.isna(frame["taken_at"][3])


def test_followings_keep_the_lists_order(source: str | Path) -> None:
    frame = load_followings(source)
    assert column(frame, "username") == ["ana", "luz", "big"]
    assert column(frame, "position") == [0, 1, 2]
    assert column(frame, "is_private") == [False, True, None]
    assert column(frame, "target_username") == ["cafe"] * 3


def test_profiles_are_typed_even_where_a_column_has_holes(source: str | Path) -> None:
    frame = load_profiles(source)
    assert column(frame, "username") == ["ana", "big", "luz"]
    assert column(frame, "followers") == [1_000, 3_000_000_000, None]
    assert column(frame, "is_verified") == [True, None, None]
    assert column(frame, "full_name") == ["Ana García", None, None]
    assert (frame["followers"].dtype, frame["is_verified"].dtype) == ("Int64", "boolean")


def test_many_rows_come_in_several_batches_and_in_order(
    monkeypatch: pytest.MonkeyPatch, source: str | Path
) -> None:
    whole = load_profiles(source)
    monkeypatch.setattr(frames, "BATCH", 2)
    address = str(source) if "://" in str(source) else f"sqlite:///{source}"
    assert [len(batch) for batch in frames.people(address)] == [2, 1]
    pd.testing.assert_frame_equal(load_profiles(source), whole)


def test_the_database_itself_refuses_a_write(source: str | Path) -> None:
    address = str(source) if "://" in str(source) else f"sqlite:///{source}"
    with frames._reading(address) as tx, pytest.raises(exc.OperationalError, match=r"(?i)read.?only"):
        tx.execute(text("DELETE FROM profiles"))
    assert len(load_profiles(source)) == 3


def test_a_store_that_is_being_written_to_can_be_read(a_sqlite_store: Path) -> None:
    writer = sqlite3.connect(a_sqlite_store, isolation_level=None)
    try:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM profiles")
        assert len(load_profiles(a_sqlite_store)) == 3
    finally:
        writer.execute("ROLLBACK")
        writer.close()


def test_an_empty_store_gives_frames_with_their_columns(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path}/empty.db")
    schema.upgrade(db)
    db.dispose()
    assert list(load_profiles(tmp_path / "empty.db").columns) == list(frames.PROFILES)
    assert load_scores(tmp_path / "empty.db").empty
    assert load_media(tmp_path / "empty.db")["likes"].dtype == "Int64"


def test_without_a_source_the_settings_name_it(monkeypatch: pytest.MonkeyPatch, a_sqlite_store: Path) -> None:
    monkeypatch.setenv("SCRAPINSTA_DATABASE_URL", f"sqlite:///{a_sqlite_store}")
    assert len(load_profiles(None)) == 3


def test_a_missing_store_is_not_made_but_named(tmp_path: Path) -> None:
    missing = tmp_path / "folder" / "none.db"
    with pytest.raises(Misconfigured, match=r"none\.db.*make demo"):
        load_scores(missing)
    assert not missing.parent.exists()


def test_without_pandas_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, a_sqlite_store: Path
) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(Misconfigured, match=r"scrapinsta-ray\[notebooks\]"):
        load_profiles(a_sqlite_store)

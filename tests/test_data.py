"""Frames hold what the store's own functions stored, and nothing can be written through them."""

import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import polars.selectors as cs
import polars.testing
import pytest
from sqlalchemy import exc, text

from scrapinsta_ray.cli import sinks
from scrapinsta_ray.data import columns_of_frames, load_followings, load_media, load_profiles, load_scores
from scrapinsta_ray.domain.models import Following, Media, MediaKind, Profile, Score
from scrapinsta_ray.domain.scoring import MODELS, REASONS, scores_of
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import export, frames, profiles, schema
from scrapinsta_ray.store.database import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ANA = Profile(
    "ana",
    full_name='=Ana "García"',
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
    assert column(frame, "full_name") == ['=Ana "García"', None, None]
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


@pytest.mark.parametrize("missing", ["pandas", "polars", "pyarrow"])
def test_without_a_library_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, a_sqlite_store: Path, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Misconfigured, match=rf"{missing} is missing.*scrapinsta-ray\[notebooks\]"):
        load_profiles(a_sqlite_store)


# ---- Polars, and files -------------------------------------------------------------------------------------

LOADED = [load_scores, load_media, load_followings, load_profiles]


def written(frame: pl.DataFrame, path: Path) -> Path:
    """`frame` as an export, in the format of the path's suffix."""
    match path.suffix:
        case ".parquet":
            frame.write_parquet(path)
        case ".csv":
            frame.with_columns(cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")).write_csv(path)
        case ".jsonl":
            frame.with_columns(cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")).write_ndjson(path)
    return path


def exported(store: Path, kind: str, path: Path) -> Path:
    """What `scrapinsta export` writes."""
    db = Database(f"sqlite:///{store}")
    with path.open("wb") as out:
        sinks.FORMATS[path.suffix[1:]](
            out, export.EXPORTS[kind].fields, export.pages(db, export.Wanted(kind))
        )
    db.dispose()
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("load", LOADED, ids=lambda load: load.__name__)
def test_an_export_gives_what_the_store_gives(
    a_sqlite_store: Path, tmp_path: Path, load: Any, suffix: str
) -> None:
    kind = load.__name__.removeprefix("load_")
    file = exported(a_sqlite_store, kind, tmp_path / f"export{suffix}")
    stored, read = load(a_sqlite_store, frame="polars"), load(file, frame="polars")
    strange = set(read.columns) - set(stored.columns)  # parts of models that nobody has
    assert all(name.startswith("part_") for name in strange)
    key = [
        name
        for name in ("target_username", "username", "model", "position", "code")
        if name in stored.columns
    ]
    polars.testing.assert_frame_equal(
        read.select(stored.columns).sort(key), stored.sort(key), check_exact=True
    )
    ours, theirs = load(file), load(a_sqlite_store)
    assert {name: ours[name].dtype for name in theirs} == {name: theirs[name].dtype for name in theirs}


@pytest.mark.parametrize("load", LOADED, ids=lambda load: load.__name__)
def test_both_kinds_of_frame_hold_the_same(source: str | Path, load: Any) -> None:
    ours, theirs = load(source), load(source, frame="polars")
    assert list(ours.columns) == theirs.columns
    for name in theirs.columns:
        known = [None if value != value else value for value in theirs[name]]
        assert column(ours, name) == known


def test_parts_may_be_one_column_of_a_file(a_sqlite_store: Path, tmp_path: Path) -> None:
    stored = load_scores(a_sqlite_store, frame="polars")
    parts = stored.select(cs.starts_with("part_")).rename(lambda name: name.removeprefix("part_"))
    struct = stored.select(~cs.starts_with("part_")).with_columns(parts=parts.to_struct())
    polars.testing.assert_frame_equal(
        load_scores(written(struct, tmp_path / "struct.parquet"), frame="polars"), stored
    )
    text = struct.with_columns(pl.col("parts").struct.json_encode())
    polars.testing.assert_frame_equal(
        load_scores(written(text, tmp_path / "text.csv"), frame="polars"), stored
    )


def test_one_model_of_a_file(a_sqlite_store: Path, tmp_path: Path) -> None:
    file = written(load_scores(a_sqlite_store, frame="polars"), tmp_path / "scores.parquet")
    assert column(load_scores(file, model="v0"), "username") == ["ana"]
    assert len(load_scores(file, model="v2")) == 3


def test_a_column_that_a_file_lacks_is_unknown_and_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("username,followers,shoe_size\nana,12,40\nluz,,41\n")
    frame = load_profiles(tmp_path / "few.csv")
    assert list(frame.columns) == list(frames.PROFILES)
    assert column(frame, "followers") == [12, None]
    assert column(frame, "is_verified") == [None, None]
    assert frame["is_verified"].dtype == "boolean"


def test_a_file_that_is_no_export_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Misconfigured, match=r"other\.csv is no such export"):
        load_media(tmp_path / "other.csv")
    with pytest.raises(Misconfigured, match=r"none\.parquet.*export --help"):
        load_media(tmp_path / "none.parquet")


def test_no_other_kind_of_frame(a_sqlite_store: Path) -> None:
    with pytest.raises(ValueError, match="polars"):
        load_profiles(a_sqlite_store, frame="cudf")  # type: ignore[call-overload]


# ---- columns for the models --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", list(MODELS))
def test_frames_score_as_the_profiles_that_were_stored(a_sqlite_store: Path, model: str) -> None:
    people = load_profiles(a_sqlite_store, frame="polars")
    read_at = people["analyzed_at"][0]
    assert people["analyzed_at"].n_unique() == 1
    scored = MODELS[model](columns_of_frames(people, load_media(a_sqlite_store, frame="polars")))
    by_name = {one.username: one for one in PEOPLE}
    expected = scores_of([by_name[name] for name in people["username"]], read_at, model)
    assert [None if np.isnan(value) else value for value in scored.success] == [
        None if one.success is None else pytest.approx(one.success, rel=1e-6) for one in expected
    ]
    assert [REASONS[reason] for reason in scored.reason] == [one.reason for one in expected]


def test_media_of_nobody_here_are_left_out(a_sqlite_store: Path) -> None:
    people = load_profiles(a_sqlite_store, frame="polars").filter(pl.col("username") == "big")
    columns = columns_of_frames(people, load_media(a_sqlite_store, frame="polars"))
    assert columns.owner.tolist() == [0]
    assert columns.likes.tolist() == [1]

"""`scrapinsta export`: three formats of the same rows, whole files only."""

import csv
import io
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import insert

from scrapinsta_ray.cli import sinks
from scrapinsta_ray.domain.models import Media, MediaKind, Profile, Score
from scrapinsta_ray.store import export, profiles, schema
from scrapinsta_ray.store.database import transaction
from scrapinsta_ray.store.tables import followings

TAKEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def a_store(shell):
    """Two profiles, one with a name that a spreadsheet would run; a post and a score."""
    post = Media("Cx1", "1", TAKEN, MediaKind.REEL, None, 2, 400, pinned=True)
    ana = Profile(
        "ana", full_name='=HYPERLINK("x")', followers=7, rubro="food", rubro_evidence=("café", "pan")
    )
    with shell.database() as db:
        schema.upgrade(db)
        people = [ana, Profile("bea", is_verified=False, media=(post,))]
        transaction(profiles.store)(db, people, [Score("bea", "v2", 0.1, 0.5, {"coverage": 0.25}, 0.3)])
    return shell


def as_csv(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_csv_is_safe_to_open_in_a_spreadsheet(a_store):
    ana, bea = as_csv(a_store.run("export", "profiles", "--format", "csv").out)
    assert ana["full_name"] == '\'=HYPERLINK("x")'
    assert (ana["followers"], ana["rubro_evidence"]) == ("7", "café, pan")
    assert (bea["followers"], bea["is_verified"], ana["is_verified"]) == ("", "false", "")


def test_json_lines_have_null_for_the_unknown(a_store):
    [post] = map(json.loads, a_store.run("export", "media", "--format", "jsonl").out.splitlines())
    assert post["likes"] is None and post["views"] == 400 and post["pinned"] is True
    assert post["taken_at"] == "2026-03-01T12:00:00+00:00"


def test_parquet_has_the_types_of_the_page(a_store, tmp_path):
    to = tmp_path / "scores.parquet"
    said = json.loads(a_store.run("export", "scores", "--format", "parquet", "-o", str(to), "--json").out)
    assert said == {"kind": "scores", "format": "parquet", "rows": 1, "output": str(to)}
    table = parquet.read_table(to)
    assert table.column_names == [field.name for field in export.EXPORTS["scores"].fields]
    assert table.schema.field("scored_at").type == pa.timestamp("us", tz="UTC")
    [row] = table.to_pylist()
    assert (row["username"], row["success"], row["part_coverage"], row["part_reach"]) == (
        "bea",
        0.5,
        0.25,
        None,
    )
    assert to.stat().st_mode & 0o077 == 0


def test_a_summary_does_not_stand_among_the_rows(a_store):
    a_store.run("export", "profiles", "--format", "csv", "--json")
    assert len(as_csv(a_store.out)) == 2
    assert json.loads(a_store.err)["rows"] == 2


@pytest.mark.parametrize("form", sinks.FORMATS)
@pytest.mark.parametrize("rows", [0, 7])
def test_every_format_gives_back_every_row_over_several_pages(tmp_path, monkeypatch, form, rows):
    monkeypatch.setattr(sinks, "GROUP", 3)
    fields = (export.Field("name", "text", ""), export.Field("n", "count", ""))
    every = [(f"p{n}", n) for n in range(rows)]
    with sinks.whole(tmp_path / "f") as out:
        sinks.FORMATS[form](out, fields, [every[:2], every[2:]])
    text = (tmp_path / "f").read_bytes()
    match form:
        case "parquet":
            found = [(row["name"], row["n"]) for row in parquet.read_table(tmp_path / "f").to_pylist()]
        case "csv":
            found = [(row["name"], int(row["n"])) for row in as_csv(text.decode())]
        case _:
            found = [tuple(json.loads(line).values()) for line in text.splitlines()]
    assert found == every


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("form", sinks.FORMATS)
def test_what_is_cut_off_leaves_nothing_and_what_was_there_stays(tmp_path, form, error):
    to = tmp_path / "old"
    to.write_text("as it was")

    def pages():
        yield [("ana",)]
        raise error

    with pytest.raises(error), sinks.whole(to) as out:
        sinks.FORMATS[form](out, [export.Field("username", "text", "")], pages())
    assert to.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_mistake_is_named(a_store, tmp_path):
    assert a_store.run("export", "profiles", "--format", "csv", "--job", "job:none").code == 1
    assert "There is no job job:none." in a_store.err
    assert a_store.run("export", "scores", "--format", "csv", "-o", str(tmp_path / "no" / "f")).code == 1
    assert "There is no folder" in a_store.err


# ---- memory ----------------------------------------------------------------------------------------------

EXPORTING = """
import re
from pathlib import Path
from scrapinsta_ray import cli
from scrapinsta_ray.cli import sinks
sinks.GROUP = 5_000
try:
    cli.main()
finally:
    print("peak", re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.fixture
def long_lists(shell):
    """20,000 rows of this month, and 80,000 of the last."""
    with shell.database() as db:
        schema.upgrade(db)
        for target, rows, seen_at in (("new", 20_000, TAKEN), ("old", 80_000, TAKEN - timedelta(days=28))):
            people = [
                {"target_username": target, "position": n, "username": f"person_{n}", "seen_at": seen_at}
                for n in range(rows)
            ]
            with db.begin() as tx:
                tx.execute(insert(followings), people)
    return shell


def peak_mb(form: str, to: Path, *words: str) -> float:
    """Memory of a whole process of `scrapinsta export`, at most."""
    command = [
        sys.executable,
        "-c",
        EXPORTING,
        "export",
        "followings",
        "--format",
        form,
        "-o",
        str(to),
        *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=180)
    return int(done.stdout.split()[-1]) / 1024


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak where Linux has it")
def test_five_times_the_rows_take_the_memory_of_one(long_lists, tmp_path):
    for form in sinks.FORMATS:
        few = peak_mb(form, tmp_path / "few", "--since", "2026-02-28")
        many = peak_mb(form, tmp_path / "many")
        assert (tmp_path / "many").stat().st_size > 3 * (tmp_path / "few").stat().st_size
        assert many - few < 10, form  # 80,000 rows at once are 24

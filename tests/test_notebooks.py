"""Every notebook runs from its first cell to its last on a store that looks like the demo's: all as they stand by
nbmake, and each with an eye on what it shows."""

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from scrapinsta_ray.domain.models import Following, Media, MediaKind, Profile
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.store import profiles, schema
from scrapinsta_ray.store.database import Database

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

SOURCE_UNSET = "SOURCE = None"


def a_person(number: int, chance: random.Random, read_at: datetime) -> Profile:
    followers = round(10 ** chance.uniform(2, 6))
    media = tuple(
        Media(
            f"m{number}-{i}",
            f"{number}{i}",
            read_at - timedelta(days=3 + i),
            MediaKind.REEL,
            likes=None if number % 7 == 0 else round(followers * chance.uniform(0.005, 0.1)),
            comments=i,
            views=followers if i % 2 else None,
        )
        for i in range(number % 5)
    )
    return Profile(f"person_{number}", full_name=f"Person {number}", followers=followers, media=media)


def fill(url: str, size: int) -> None:
    """`size` people whom cafe_lucia follows; two others follow every second and every third of them."""
    chance, now = random.Random(7), datetime.now(UTC)
    people = [a_person(i, chance, now) for i in range(size)]
    follows = [Following(p.username) for p in people]
    db = Database(url)
    schema.upgrade(db)
    with db.begin() as tx:
        profiles.store(tx, people, scores_of(people, now))
        for target, step in (("cafe_lucia", 1), ("gimnasio_sol", 2), ("yoga_mar", 3)):
            profiles.store_followings(tx, target, follows[::step], start=0)
    db.dispose()


@pytest.fixture(scope="module")
def a_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "store.db"
    fill(f"sqlite:///{path}", 60)
    return path


@pytest.fixture(scope="module")
def an_empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "store.db"
    fill(f"sqlite:///{path}", 0)
    return path


@pytest.fixture(autouse=True)
def _a_kernel_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Charts as data, files of Jupyter in a folder of the test, no settings of this machine."""
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))


def run(notebook: Any) -> Any:
    return NotebookClient(notebook, timeout=90, kernel_name="python3").execute()


def with_source(name: str, source: Path | str, **more: Any) -> Any:
    """The notebook with its parameters replaced."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    [parameters] = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert parameters.source.startswith(SOURCE_UNSET)
    said = {"SOURCE": str(source), **more}
    parameters.source += "".join(f"\n{name} = {value!r}" for name, value in said.items())
    return notebook


def drawn(notebook: Any) -> list[Any]:
    return outputs(notebook, "application/vnd.plotly.v1+json")


def outputs(notebook: Any, kind: str) -> list[Any]:
    return [o.data[kind] for c in notebook.cells for o in c.get("outputs", []) if kind in o.get("data", {})]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_all_run_as_they_stand_on_the_demos_data(tmp_path: Path) -> None:
    (tmp_path / "home" / "demo").mkdir(parents=True)
    fill(f"sqlite:///{tmp_path}/home/demo/scrapinsta.db", 60)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"]
    command += ["--nbmake", "--nbmake-timeout=240", str(FOLDER)]
    done = subprocess.run(command, cwd=FOLDER.parent, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout[-4_000:]
    assert f"{len(NOTEBOOKS)} passed" in done.stdout


def test_the_first_look_finds_the_demos_store_and_shows_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "home" / "demo").mkdir(parents=True)
    fill(f"sqlite:///{tmp_path}/home/demo/scrapinsta.db", 60)
    done = run(nbformat.read(FOLDER / "01_first_look.ipynb", as_version=4))
    assert "'profiles read': 60" in outputs(done, "text/plain")[0]
    spread, against = drawn(done)
    people, usual = against["data"]
    assert spread["layout"]["title"]["text"] == "Success scores"
    assert (against["layout"]["xaxis"]["type"], against["layout"]["yaxis"]["type"]) == ("log", "log")
    scored = [f"person_{i}" for i in range(60) if i % 5 and i % 7]
    assert sorted(people["text"]) == sorted(scored)
    assert usual["name"] == "usual"
    best, some = (html for html in outputs(done, "text/html") if "<table" in html and "col_heading" in html)
    assert best.count("<tr>") == 21
    assert 1 <= some.count("<tr>") <= 11
    assert "nan" not in best.lower()


def test_why_this_score_takes_one_apart_and_pulls_at_it(a_mariadb_database_of_this_module: str) -> None:
    """By the address of a server."""
    fill(a_mariadb_database_of_this_module, 40)
    done = run(with_source("02_why_this_score.ipynb", a_mariadb_database_of_this_module))
    parts, moved, aged, compared = drawn(done)
    who = outputs(done, "text/plain")[0].strip("'")
    assert parts["layout"]["title"]["text"] == f"Why {who} has this score"
    shown = dict(zip(parts["data"][0]["y"], parts["data"][0]["x"], strict=True))
    likes, _views = moved["data"]
    assert likes["y"] == sorted(likes["y"])
    assert likes["y"][10] == pytest.approx(shown["success"], abs=0.001)  # nothing changed
    score, confidence = aged["data"]
    assert score["y"][-1] < score["y"][0]
    assert confidence["y"][-1] < 0.1 * confidence["y"][0]
    assert len(compared["data"][0]["text"]) == sum(1 for i in range(40) if i % 5 and i % 7)


def test_the_network_finds_the_overlap_and_draws_the_graph(a_store: Path) -> None:
    done = run(with_source("03_the_network.ipynb", a_store))
    overlap, graph = drawn(done)
    [cells] = overlap["data"]
    assert cells["y"] == ["cafe_lucia", "gimnasio_sol", "yoga_mar"]
    assert [list(row) for row in cells["text"]] == [
        ["100%", "50%", "33%"],
        ["100%", "100%", "33%"],
        ["100%", "50%", "100%"],
    ]
    follows, accounts = graph["data"]
    assert len(follows["x"]) == 3 * (60 + 30 + 20)
    assert {name for name in accounts["text"] if name} == {"cafe_lucia", "gimnasio_sol", "yoga_mar"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_scoring_at_scale_gives_the_same_scores(a_store: Path) -> None:
    done = run(with_source("04_scoring_at_scale.ipynb", a_store, COPIES=3, PARTS=4))
    [timeline] = drawn(done)
    assert len(timeline["data"][0]["y"]) == 4
    assert all(name.startswith("worker ") for name in timeline["data"][0]["y"])
    assert "profiles a second" in "".join(outputs(done, "text/plain"))


@pytest.mark.parametrize("name", ["01_first_look.ipynb", "02_why_this_score.ipynb", "03_the_network.ipynb"])
def test_a_store_without_a_single_profile_is_no_error(name: str, an_empty_store: Path) -> None:
    done = run(with_source(name, an_empty_store))
    assert drawn(done)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_without_a_demo_it_says_which_command_makes_one(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    until_loaded = next(i for i, cell in enumerate(notebook.cells) if "newest_demo()" in cell.source)
    del notebook.cells[until_loaded + 1 :]
    with pytest.raises(CellExecutionError, match="make demo"):
        run(notebook)

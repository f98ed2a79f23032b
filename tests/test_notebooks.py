"""Every notebook runs from its first cell to its last on a store that looks like the demo's."""

import random
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

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))

SOURCE_UNSET = "SOURCE = None"


def a_person(number: int, chance: random.Random) -> Profile:
    followers = round(10 ** chance.uniform(2, 6))
    at = datetime(2026, 3, 1, tzinfo=UTC)
    media = tuple(
        Media(
            f"m{number}-{i}",
            f"{number}{i}",
            at - timedelta(days=i),
            MediaKind.REEL,
            likes=None if number % 7 == 0 else round(followers * chance.uniform(0.005, 0.1)),
            comments=i,
            views=followers if i % 2 else None,
        )
        for i in range(number % 5)
    )
    return Profile(f"person_{number}", full_name=f"Person {number}", followers=followers, media=media)


def fill(path: Path, size: int) -> None:
    chance = random.Random(7)
    people = [a_person(i, chance) for i in range(size)]
    db = Database(f"sqlite:///{path}")
    schema.upgrade(db)
    with db.begin() as tx:
        profiles.store(tx, people, scores_of(people))
        profiles.store_followings(tx, "cafe_lucia", [Following(p.username) for p in people], start=0)
    db.dispose()


@pytest.fixture(autouse=True)
def _a_kernel_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Charts as data, files of Jupyter in a folder of the test, no settings of this machine."""
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))


def run(notebook: Any) -> Any:
    return NotebookClient(notebook, timeout=90, kernel_name="python3").execute()


def with_source(path: Path, source: Path) -> Any:
    """The notebook at `path` with its parameter cell replaced."""
    notebook = nbformat.read(path, as_version=4)
    [parameters] = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    assert parameters.source.startswith(SOURCE_UNSET)
    parameters.source = f"SOURCE = {str(source)!r}"
    return notebook


def outputs(notebook: Any, kind: str) -> list[Any]:
    return [o.data[kind] for c in notebook.cells for o in c.get("outputs", []) if kind in o.get("data", {})]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_first_look_finds_the_demos_store_and_shows_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "home" / "demo").mkdir(parents=True)
    fill(tmp_path / "home" / "demo" / "scrapinsta.db", 60)
    done = run(nbformat.read(NOTEBOOKS[0], as_version=4))
    assert "'profiles read': 60" in outputs(done, "text/plain")[0]
    spread, against = outputs(done, "application/vnd.plotly.v1+json")
    people, usual = against["data"]
    assert spread["layout"]["title"]["text"] == "Success scores"
    assert (against["layout"]["xaxis"]["type"], against["layout"]["yaxis"]["type"]) == ("log", "log")
    scored = [f"person_{i}" for i in range(60) if i % 5 and i % 7]
    assert sorted(people["hovertext"]) == sorted(scored)
    assert usual["name"] == "usual"
    best = next(html for html in outputs(done, "text/html") if "<table" in html)
    assert best.count("<tr>") == 21
    assert "nan" not in best.lower()


def test_the_first_look_runs_on_a_named_store_without_a_single_profile(tmp_path: Path) -> None:
    fill(tmp_path / "store.db", 0)
    done = run(with_source(NOTEBOOKS[0], tmp_path / "store.db"))
    assert "'profiles read': 0" in outputs(done, "text/plain")[0]


def test_without_a_demo_it_says_which_command_makes_one() -> None:
    with pytest.raises(CellExecutionError, match="make demo"):
        run(nbformat.read(NOTEBOOKS[0], as_version=4))

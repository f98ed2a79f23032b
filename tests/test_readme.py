"""What the README says is so: its settings, its commands, its addresses, its links, and the same in Spanish."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.main import get_command

from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.settings import RAY_ENVIRONMENT, Settings
from scrapinsta_ray.store.database import Database

ROOT = Path(__file__).parent.parent
ENGLISH, SPANISH = ROOT / "README.md", ROOT / "README.es.md"
BOTH = pytest.mark.parametrize("readme", [ENGLISH, SPANISH], ids=["english", "spanish"])
PAGES = pytest.mark.parametrize(
    "page",
    [
        ENGLISH,
        SPANISH,
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "deploy").glob("**/README.md")),
    ],
    ids=lambda page: str(page.relative_to(ROOT)),
)


# ---- settings ---------------------------------------------------------------------------------------------


def shown_default(name: str) -> str:
    value = Settings.model_fields[name].default
    if value is None:
        return "-"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    assert not isinstance(value, SecretStr)
    return f"`{str(value).replace(str(Path.home()), '~')}`"


def settings_table(readme: Path) -> dict[str, tuple[str, str]]:
    """Variable -> default and meaning, as the page has them."""
    block = readme.read_text().partition("<!-- settings -->")[2].partition("<!-- /settings -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()[2:]]
    return {name.strip("`"): (default, meaning) for name, default, meaning in rows}


@BOTH
def test_every_setting_stands_in_the_table_with_its_default(readme: Path) -> None:
    expected = {f"SCRAPINSTA_{name.upper()}": shown_default(name) for name in Settings.model_fields}
    table = settings_table(readme)
    assert {name: default for name, (default, _meaning) in table.items()} == expected
    assert all(meaning for _default, meaning in table.values())


def test_the_english_meanings_are_those_of_the_settings() -> None:
    table = settings_table(ENGLISH)
    described = {
        f"SCRAPINSTA_{name.upper()}": field.description
        for name, field in Settings.model_fields.items()
        if field.description
    }
    assert {name: table[name][1] for name in described} == described


# ---- commands and addresses -------------------------------------------------------------------------------


def commands() -> set[str]:
    """`scrapinsta ...` as typed: `demo`, `accounts add`, and so on."""
    from scrapinsta_ray import cli

    found = set()
    for name, command in get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in below} if below else {name}
    return found


@PAGES
def test_every_command_exists(page: Path) -> None:
    known = commands()
    named = re.findall(
        r"(?:^|[`(/]|--rm |-- |with-secrets )scrapinsta ([a-z][a-z-]*(?: [a-z][a-z-]*)?)",
        page.read_text(),
        re.MULTILINE,
    )
    assert named
    assert not [words for words in named if words not in known and words.split()[0] not in known]


@BOTH
def test_every_command_stands_in_the_table(readme: Path) -> None:
    rows = re.findall(r"^\| `scrapinsta ([^`]+)` \|", readme.read_text(), re.MULTILINE)
    assert rows
    several = "parse "  # one row for all of them
    known = {words for words in commands() if not words.startswith(several)}
    assert not [words for words in known if not any(f"{row} ".startswith(f"{words} ") for row in rows)]


@PAGES
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)) <= targets


@BOTH
def test_every_address_that_curl_is_given_exists(readme: Path, tmp_path: Path) -> None:
    app = make_console_app(Database(f"sqlite:///{tmp_path}/none.db"))
    [document] = [route for route in app.routes if getattr(route, "path", "") == "/openapi.json"]
    paths = document.endpoint()["paths"]  # type: ignore[attr-defined]
    calls = re.findall(r'curl -s "?(?:\$URL|http://127\.0\.0\.1:8000)(/[^\s"?`]+)', readme.read_text())
    assert len(calls) >= 6
    for call in calls:
        assert call.replace("$JOB", "{job_id}") in paths


def test_the_environment_of_ray_comes_from_the_command_that_prints_it() -> None:
    """Its values stand in one place, settings.py: a page that repeated them would go stale."""
    for readme in (ENGLISH, SPANISH):
        assert not [name for name in RAY_ENVIRONMENT if f"{name}=" in readme.read_text()]


# ---- links and languages ----------------------------------------------------------------------------------


@PAGES
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    links = [name for name in re.findall(r"\]\(([^)#:]+)\)", text) if name]
    tests = [f"{ROOT}/{name}" for name in re.findall(r"`(tests/[\w/.]+)`", text)]
    missing = [name for name in [*links, *tests] if not (page.parent / name).exists()]
    assert not missing


def code(readme: Path) -> list[str]:
    """The lines of code, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", readme.read_text(), re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"(^|\s{2,})# .*", "", line).rstrip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def headings(readme: Path) -> list[int]:
    prose = re.sub(r"^```.*?^```", "", readme.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)]


def test_both_languages_have_the_same_code_and_the_same_parts() -> None:
    assert code(ENGLISH) == code(SPANISH)
    assert headings(ENGLISH) == headings(SPANISH)

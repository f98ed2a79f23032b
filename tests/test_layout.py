"""The checkout belongs to no machine, and its versions are pinned."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent

REGISTRIES = re.compile(
    r"\b(?:pypi\.org|pypi\.python\.org|python(?:hosted)\.org|registry\.(?:npmjs|yarnpkg)\.\w+|proxy\.golang\.org|"
    r"(?:deb|security|ftp)\.debian\.org|(?:archive|security)\.ubuntu\.com)\b"
    r"|--(?:extra-)?index-url|--find-links"
)
MACHINE_PATH = re.compile(
    r"""(?:^|[\s"'`=(\[:,])/(?:root|home|Users|work|opt/pypi|opt/wheels)/[\w.-]""", re.MULTILINE
)


def tracked() -> Iterator[tuple[str, str]]:
    """Name and text of every text file in git, this one left out."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        try:
            yield name, path.read_text()
        except UnicodeDecodeError:
            continue


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATH], ids=["registry", "path of one machine"])
def test_no_file_names_a_registry_or_a_path_of_one_machine(pattern):
    found = [
        f"{name}: {match.group().strip()}" for name, text in tracked() for match in pattern.finditer(text)
    ]
    assert not found


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in wanted}


def direct_dependencies() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for group in [project["dependencies"], *extras] for line in group]


def test_every_version_is_pinned_exactly():
    assert all(re.fullmatch(r"==[\w.]+", version) for version in pins().values())


@pytest.mark.parametrize("wanted", direct_dependencies(), ids=str)
def test_every_direct_dependency_is_pinned_to_a_version_it_allows(wanted):
    version = pins()[canonicalize_name(wanted.name)].removeprefix("==")
    assert wanted.specifier.contains(version)


def test_ray_is_the_release_the_project_was_tried_with():
    assert pins()["ray"] == "==2.60.0"

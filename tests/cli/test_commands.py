"""The command line: what it prints, and what it says when something is wrong."""

import json
import shutil
import socket
from pathlib import Path
from unittest.mock import Mock

import yaml
from ray.serve.schema import ServeDeploySchema
from selenium.common import WebDriverException
from selenium.webdriver.common.selenium_manager import SeleniumManager

from scrapinsta_ray import __version__, local
from tests.cli.conftest import Shell


def test_it_says_its_version_and_its_schema(shell: Shell) -> None:
    assert shell.run("--version").out.strip() == __version__
    assert shell.run("db", "schema").out == (Path(__file__).parents[2] / "schema.sql").read_text()


def test_a_wrong_setting_is_named(shell: Shell) -> None:
    shell.monkeypatch.setenv("SCRAPINSTA_LEASE_TTL_S", "soon")
    assert shell.run("clients", "list").code == 1
    assert "SCRAPINSTA_LEASE_TTL_S" in shell.err


def test_a_taken_port_is_named_with_who_has_it(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert shell.run("demo", "--port", str(port)).code == 1
    assert f"Port {port}" in shell.err
    assert "--port 0" in shell.err


def test_without_chromium_one_sentence_says_what_to_install(shell: Shell) -> None:
    nothing = Mock(side_effect=WebDriverException("no browser, and no network to fetch one"))
    shell.monkeypatch.setattr(SeleniumManager, "binary_paths", nothing)
    shell.monkeypatch.setattr(shutil, "which", lambda *_a, **_k: None)
    assert shell.run("demo", "--port", "0").code == 1
    assert "apt-get install chromium" in shell.err
    assert len(shell.err.strip().splitlines()) == 1


def test_the_database_is_checked_in_words_and_emptied_only_on_demand(shell: Shell) -> None:
    shell.run("clients", "create", "acme")
    assert "ok" in shell.run("db", "check").out
    assert shell.run("db", "reset").code == 1
    assert "--yes" in shell.err
    assert json.loads(shell.run("db", "prune", "--dry-run", "--json").out)["job_tasks"] == 0
    assert shell.run("db", "reset", "--yes").code == 0
    assert json.loads(shell.run("clients", "list", "--json").out) == []


def test_env_prints_what_ray_needs(shell: Shell) -> None:
    lines = shell.run("env").out.splitlines()
    assert "export RAY_SERVE_ENABLE_HA_PROXY=1" in lines
    assert "export RAY_AUTH_MODE=disabled" in lines


def test_every_key_of_serve_config_is_known_to_serve() -> None:
    """Serve drops unknown keys silently, so each key that we write must come back from its schema."""
    written = yaml.safe_load(local.serve_config().read_text())
    read = ServeDeploySchema.model_validate(written).model_dump(exclude_unset=True, mode="json")
    assert lost(written, read) == []


def lost(written: object, read: object, path: str = "") -> list[str]:
    """The paths of keys in `written` that are not in `read`."""
    if isinstance(written, dict):
        if not isinstance(read, dict):
            return [path]
        missing = [f"{path}.{key}" for key in written if key not in read]
        return missing + [
            p for key in written if key in read for p in lost(written[key], read[key], f"{path}.{key}")
        ]
    if isinstance(written, list):
        pairs = zip(written, read, strict=True) if isinstance(read, list) else []
        return [p for i, (a, b) in enumerate(pairs) for p in lost(a, b, f"{path}[{i}]")]
    return []

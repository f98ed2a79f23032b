"""The command line: what it prints, and what it says when something is wrong."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from selenium.common import WebDriverException
from selenium.webdriver.common.selenium_manager import SeleniumManager
from typer.main import get_command

from scrapinsta_ray import __version__, cli, local
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


# ---- all commands ----------------------------------------------------------------------------------------

NO_JSON = {"up", "simulator", "env", "db schema", "secret-key"}  # their text is for one use


def every_command() -> Iterator[tuple[str, Any]]:
    for name, command in get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        yield from ((f"{name} {sub}", one) for sub, one in below.items()) if below else [(name, command)]


@pytest.mark.parametrize(("name", "command"), [pytest.param(n, c, id=n) for n, c in every_command()])
def test_every_command_says_what_happens_and_speaks_json(name: str, command: Any) -> None:
    assert command.help and len(command.help) > 15
    options = {option for parameter in command.params for option in parameter.opts}
    assert ("--json" in options) is (name not in NO_JSON)


def test_the_command_line_starts_without_what_takes_long() -> None:
    heavy = "import sys, scrapinsta_ray.cli; print({'ray', 'selenium', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_refused_log_in_to_the_database_is_one_clear_sentence(shell: Shell, mariadb_url: str) -> None:
    wrong = urlsplit(mariadb_url)._replace(
        netloc=f"nobody:open-sesame@127.0.0.1:{urlsplit(mariadb_url).port}"
    )
    shell.monkeypatch.setenv("SCRAPINSTA_DATABASE_URL", wrong.geturl())
    for words in (("clients", "list"), ("db", "upgrade"), ("db", "check")):
        assert shell.run(*words).code == 1
        assert "Access denied" in shell.err and len(shell.err.strip().splitlines()) == 1
        assert "open-sesame" not in shell.err


def test_a_server_without_tables_says_what_to_run(shell: Shell, a_fresh_mariadb_database: str) -> None:
    shell.monkeypatch.setenv("SCRAPINSTA_DATABASE_URL", a_fresh_mariadb_database)
    assert shell.run("clients", "list").code == 1
    assert "scrapinsta db upgrade" in shell.err
    assert json.loads(shell.run("db", "upgrade", "--json").out) == {"upgraded": True}
    assert json.loads(shell.run("clients", "list", "--json").out) == []


def test_an_unexpected_error_shows_no_local_value(shell: Shell) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("something else")

    shell.monkeypatch.setattr("scrapinsta_ray.store.accounts.add", crash)
    with pytest.raises(RuntimeError):
        shell.run("accounts", "add", "bot_1", "--password-stdin", say="open sesame\n")
    assert cli.app.pretty_exceptions_show_locals is False

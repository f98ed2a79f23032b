"""The command line: what it prints, and what it says when something is wrong."""

import io
import json
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from selenium.common import WebDriverException
from selenium.webdriver.common.selenium_manager import SeleniumManager

from scrapinsta_ray import __version__, cli, local, settings
from scrapinsta_ray.cli import output
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database


@dataclass
class Shell:
    """Runs `scrapinsta WORDS` in this process, with a home of its own."""

    home: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    code: int = 0
    out: str = ""
    err: str = ""

    def run(self, *words: str, say: str = "") -> "Shell":
        self.monkeypatch.setattr("sys.argv", ["scrapinsta", *words])
        self.monkeypatch.setattr("sys.stdin", io.StringIO(say))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        self.code = int(ended.value.code or 0)
        self.out, self.err = self.capture.readouterr()
        return self


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path))
    monkeypatch.delenv("SCRAPINSTA_DATABASE_URL", raising=False)
    monkeypatch.setattr(output.out, "width", 200)
    monkeypatch.setattr(output.err, "width", 200)
    return Shell(tmp_path, monkeypatch, capsys)


def test_it_says_its_version_and_its_schema(shell: Shell) -> None:
    assert shell.run("--version").out.strip() == __version__
    assert shell.run("db", "schema").out == (Path(__file__).parents[1] / "schema.sql").read_text()


def test_a_new_client_s_key_works_and_is_nowhere_in_the_store(shell: Shell) -> None:
    made = json.loads(shell.run("clients", "create", "acme", "--json").out)
    db = Database(settings.load().url)
    caller = clients.caller_of(db, made["key"])
    db.dispose()
    assert caller
    assert caller.client_id == "acme"
    secret = made["key"].rpartition("_")[2].encode()
    assert all(secret not in path.read_bytes() for path in shell.home.glob("scrapinsta.db*"))
    assert "already" in shell.run("clients", "create", "acme").err
    assert shell.code == 1
    assert [row["id"] for row in json.loads(shell.run("clients", "list", "--json").out)] == ["acme"]


def test_bot_accounts_come_and_go_with_their_password_sealed(shell: Shell) -> None:
    assert shell.run("accounts", "add", "@Bot_One", "--password-stdin", say="open sesame\n").code == 0
    [row] = json.loads(shell.run("accounts", "list", "--json").out)
    assert (row["username"], row["status"]) == ("bot_one", "active")
    assert all(b"open sesame" not in path.read_bytes() for path in shell.home.glob("*"))
    assert "bot_one" in shell.run("accounts", "list").out
    assert shell.run("accounts", "resume", "bot_one").code == 0
    assert shell.run("accounts", "remove", "bot_one").code == 0
    assert shell.run("accounts", "remove", "bot_one").code == 1
    assert "no account" in shell.err


def test_a_wrong_key_file_says_so_and_is_never_a_wrong_password(shell: Shell) -> None:
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", "too short")
    assert shell.run("accounts", "add", "bot_1", "--password-stdin", say="x\n").code == 1
    assert "SCRAPINSTA_SECRET_KEY" in shell.err


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

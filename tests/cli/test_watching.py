"""`scrapinsta top` and `scrapinsta doctor`."""

import json
import re
import time

import pytest
from cryptography.fernet import Fernet

from scrapinsta_ray.cli import output
from scrapinsta_ray.store import accounts, jobs, leases, turns
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.cli.conftest import Shell


def test_top_shows_what_there_is(shell: Shell) -> None:
    shell.run("clients", "create", "acme")
    with shell.database() as db:
        accounts.add(db, shell.settings().fernet, "bot_1", "secret")
        accounts.set_status(db, ["bot_1"], "needs_human", "a [challenge]")
        jobs.enqueue_messages(db, Asked("acme", "own"), Outreach(message="hi", usernames=["ana", "bob"]))
        leases.acquire(db, "dispatcher", "x", 60)
    shown = shell.run("top", "--once").out
    for text in ("dispatcher at work", "send_message", "bot_1", "needs_human", "a [challenge]"):
        assert text in shown
    fields = json.loads(shell.run("top", "--once", "--json").out)
    assert fields["tasks"]["send_message"] == {"queued": 2, "delayed": 0, "sent": 0}
    assert fields["accounts"]["needs_human"] == 1 and fields["dispatcher"] is True


def test_top_fits_a_narrow_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.run("clients", "create", "acme")
    with shell.database() as db:
        for number in range(40):
            accounts.add(db, shell.settings().fernet, f"bot_{number}", "secret")
        accounts.set_status(db, ["bot_7"], "needs_human", "challenge " * 30)
        turns.cool_down(db, "bot_8", 7_200)
    shown = shell.run("top", "--once").out.splitlines()
    assert any("bot_8 " in line and "rests " in line for line in shown)
    for name, size in (("width", 60), ("height", 24), ("_force_terminal", True)):
        monkeypatch.setattr(output.out, name, size)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shell.run("top", "--once").out).splitlines()
    assert max(map(len, shown)) <= 60 and len(shown) <= 24
    assert sum("challenge" in line or "chall" in line for line in shown) == 1
    assert any("more" in line for line in shown)


def test_top_ends_at_ctrl_c_and_names_a_database_that_is_away(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("bootstrap")

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as impatient:
        impatient.setattr("scrapinsta_ray.cli.top.time.sleep", interrupted)
        assert shell.run("top").code == 130
    monkeypatch.setenv("SCRAPINSTA_DATABASE_URL", "mysql://nobody@127.0.0.1:1/none")
    assert shell.run("top", "--json").code == 1
    assert "does not answer" in shell.err and not shell.out


def lines(shell: Shell) -> dict[str, list[tuple[bool, str]]]:
    found: dict[str, list[tuple[bool, str]]] = {}
    for line in json.loads(shell.run("doctor", "--json").out):
        found.setdefault(line["what"], []).append((line["ok"], line["text"]))
    return found


def test_doctor_says_what_to_do(shell: Shell) -> None:
    shell.run("bootstrap")
    found = lines(shell)
    assert shell.code == 1
    [(alive, advice)] = found["dispatcher"]
    assert not alive and "serve run" in advice
    for what in ("configuration", "database", "clock", "admin key", "browser", "ray", "disk"):
        assert all(ok for ok, _ in found[what]), found[what]


def test_doctor_is_content_with_a_cluster_that_is_up(shell: Shell) -> None:
    shell.run("bootstrap")
    with shell.database() as db:
        accounts.add(db, shell.settings().fernet, "bot_1", "secret")
        leases.acquire(db, "dispatcher", "x", 60)
    assert shell.run("doctor").code == 0
    assert all(line.startswith("ok ") for line in shell.out.splitlines())


@pytest.mark.parametrize(
    ("name", "value", "what", "says"),
    [
        ("SCRAPINSTA_LEASE_TTL_S", "soon", "configuration", "SCRAPINSTA_LEASE_TTL_S"),
        ("SCRAPINSTA_DATABASE_URL", "mysql://nobody@127.0.0.1:1/none", "database", "database"),
        ("SCRAPINSTA_CHROMIUM", "/no/such/program", "browser", "/no/such/program"),
    ],
)
def test_doctor_names_what_is_wrong(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    found = lines(shell)
    assert shell.code == 1
    assert any(not ok and says in text for ok, text in found[what])


def test_doctor_asks_for_the_key_that_sealed_what_is_stored(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("bootstrap")
    with shell.database() as db:
        accounts.add(db, shell.settings().fernet, "bot_1", "hunter2")
    monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", Fernet.generate_key().decode())
    [(ok, advice)] = lines(shell)["keys"]
    assert not ok and "hunter2" not in advice
    monkeypatch.delenv("SCRAPINSTA_SECRET_KEY")
    (shell.home / "secret.key").unlink()
    [(ok, advice)] = lines(shell)["secret key"]
    assert not ok and "SCRAPINSTA_SECRET_KEY" in advice
    assert shell.code == 1 and not (shell.home / "secret.key").exists()


def test_doctor_sees_a_clock_that_is_wrong_and_makes_no_key(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.run("db", "upgrade")
    here = time.time
    monkeypatch.setattr("scrapinsta_ray.cli.doctor.time.time", lambda: here() - 30)
    found = lines(shell)
    assert not found["clock"][0][0] and "NTP" in found["clock"][0][1]
    assert "none yet" in found["secret key"][0][1]
    assert not (shell.home / "secret.key").exists()

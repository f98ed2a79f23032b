"""`scrapinsta top` and `scrapinsta doctor`."""

import json
import time

import pytest

from scrapinsta_ray.store import accounts, jobs, leases
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
    assert " no " not in shell.out


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

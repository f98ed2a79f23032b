"""`scrapinsta clients`, `keys`, `tokens`, `bootstrap`: what an operator sees and does, and that a key is shown once."""

import json
from typing import Any

import pytest

from scrapinsta_ray.store import audit, clients
from tests.cli.conftest import Shell


@pytest.fixture
def acme(shell: Shell) -> str:
    """The key of a new client `acme`."""
    made = json.loads(shell.run("clients", "create", "acme", "--name", "Acme Ltd", "--json").out)
    return str(made["key"])


def caller(shell: Shell, key: str) -> clients.Caller | None:
    with shell.database() as db:
        known = clients.authenticate(db, key)
    return known.caller if known else None


def rows(shell: Shell, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run(*words, "--json").out)
    return found


def test_a_new_client_s_key_works_and_is_nowhere_in_the_store(shell: Shell, acme: str) -> None:
    known = caller(shell, acme)
    assert known and (known.client_id, known.scopes) == ("acme", frozenset(clients.SCOPES))
    secret = acme.rpartition("_")[2].encode()
    assert all(secret not in path.read_bytes() for path in shell.home.glob("scrapinsta.db*"))
    assert [(row["id"], row["name"]) for row in rows(shell, "clients", "list")] == [("acme", "Acme Ltd")]
    assert "already" in shell.run("clients", "create", "acme").err
    assert shell.code == 1


def test_a_person_gets_the_key_alone_on_standard_output(shell: Shell) -> None:
    shell.run("clients", "create", "acme")
    assert caller(shell, shell.out.strip())
    assert "shown this once" in shell.err


@pytest.mark.parametrize("name", ["Acme", "a b", "x" * 33, "-a", "ñandu", ""])
def test_an_odd_id_is_refused_and_nothing_is_made(shell: Shell, name: str) -> None:
    assert shell.run("clients", "create", "--", name).code == 1
    assert "a-z, 0-9 and dashes" in shell.err
    assert rows(shell, "clients", "list") == []


def test_a_wrong_scope_is_named_before_anything_is_made(shell: Shell) -> None:
    assert shell.run("clients", "create", "acme", "--scope", "fly").code == 2
    assert "fly" in shell.err and "fetch" in shell.err
    assert rows(shell, "clients", "list") == []


def test_a_key_with_scopes_and_an_end(shell: Shell, acme: str) -> None:
    made = json.loads(
        shell.run("keys", "create", "acme", "--scope", "status", "--expires-days", "7", "--json").out
    )
    known = caller(shell, made["key"])
    assert known and known.scopes == {"status"}
    first, second = rows(shell, "keys", "list", "acme")
    assert (first["scopes"], first["expires_at"]) == ("analyze fetch pull result send status", None)
    assert (second["key_id"], second["state"], second["scopes"]) == (made["key_id"], "live", "status")
    assert second["expires_at"] > second["created_at"]


def test_keys_are_listed_and_revoked_without_their_secrets(shell: Shell, acme: str) -> None:
    [row] = rows(shell, "keys", "list", "acme")
    assert shell.run("keys", "revoke", "acme", row["key_id"]).code == 0
    assert caller(shell, acme) is None
    assert rows(shell, "keys", "list", "acme")[0]["state"] == "revoked"
    assert acme.rpartition("_")[2] not in shell.out + shell.run("keys", "list", "acme").out
    assert shell.run("keys", "revoke", "acme", "000000000000").code == 1
    assert "keys list acme" in shell.err


def test_two_keys_overlap_while_one_is_rotated(shell: Shell, acme: str) -> None:
    new = json.loads(shell.run("clients", "rotate-key", "acme", "--overlap-hours", "1", "--json").out)
    assert new["old_keys_end_in_s"] == 3600
    assert caller(shell, acme) and caller(shell, new["key"])
    newest = json.loads(shell.run("clients", "rotate-key", "acme", "--overlap-hours", "0", "--json").out)
    assert not caller(shell, acme) and not caller(shell, new["key"])
    assert caller(shell, newest["key"])


def test_a_client_is_suspended_and_resumed(shell: Shell, acme: str) -> None:
    for verb, status in (("suspend", "suspended"), ("resume", "active")):
        assert json.loads(shell.run("clients", verb, "acme", "--json").out)["status"] == status
        known = caller(shell, acme)
        assert known and known.status == status


def test_limits_are_shown_and_set_and_the_ceiling_is_said(shell: Shell, acme: str) -> None:
    before = json.loads(shell.run("clients", "limits", "acme", "--json").out)
    asked = ("--messages-per-day", "80", "--pulls-per-minute", "7", "--unfinished-tasks", "5000")
    after = json.loads(shell.run("clients", "limits", "acme", *asked, "--json").out)
    assert after == before | {"messages_per_day": 50, "pulls_per_minute": 7, "unfinished_tasks": 5000}
    assert "cut to 50" in shell.err and "hard ceiling" in shell.err
    assert "pulls per minute" in shell.run("clients", "limits", "acme").out
    assert shell.run("clients", "limits", "acme", "--pulls-per-minute", "0").code == 2
    assert "50" in shell.run("clients", "limits", "--help").out


def test_a_delete_is_asked_about_and_ends_the_keys(shell: Shell, acme: str) -> None:
    assert shell.run("clients", "delete", "acme").code == 1
    assert "--yes" in shell.err and caller(shell, acme)
    assert shell.run("clients", "delete", "acme", "--yes").code == 0
    assert caller(shell, acme) is None
    assert rows(shell, "clients", "list") == []


@pytest.mark.parametrize(
    "words",
    [
        ("clients", "suspend", "nobody"),
        ("clients", "resume", "nobody"),
        ("clients", "limits", "nobody"),
        ("clients", "delete", "nobody", "--yes"),
        ("clients", "rotate-key", "nobody"),
        ("keys", "list", "nobody"),
        ("keys", "create", "nobody"),
        ("keys", "revoke", "nobody", "0"),
    ],
    ids=" ".join,
)
def test_an_unknown_client_is_an_error_of_one_sentence(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run(*words).code == 1
    assert "nobody" in shell.err and len(shell.err.strip().splitlines()) == 1


def test_bootstrap_makes_one_admin_key_and_then_none(shell: Shell) -> None:
    made = json.loads(shell.run("bootstrap", "--json").out)
    known = caller(shell, made["key"])
    assert made["created"] and known and clients.ADMIN in known.scopes
    assert json.loads(shell.run("bootstrap", "--json").out) == {"created": False}
    assert "rotate-key operator" in shell.run("bootstrap").err
    assert shell.code == 0


def test_signing_keys_rotate_and_another_secret_key_says_so(shell: Shell) -> None:
    first, second = (json.loads(shell.run("tokens", "rotate", "--json").out)["kid"] for _ in range(2))
    uses = {row["kid"]: row["use"] for row in rows(shell, "tokens", "list")}
    assert uses == {first: "verifies", second: "signs"}
    shell.monkeypatch.setenv("SCRAPINSTA_SECRET_KEY", shell.run("secret-key").out)
    for verb in ("list", "rotate"):
        assert shell.run("tokens", verb).code == 1
        assert "another key" in shell.err


def test_what_an_operator_does_is_in_the_audit_log(shell: Shell, acme: str) -> None:
    shell.run("clients", "limits", "acme", "--pulls-per-minute", "7")
    shell.run("clients", "suspend", "acme")
    shell.run("clients", "rotate-key", "acme")
    with shell.database() as db:
        entries = audit.entries(db)
    assert [entry.action for entry in entries] == [
        *("key.rotated", "client.suspended", "client.limits", "key.created", "client.created")
    ]
    assert all(entry.actor.startswith("cli:") and entry.client_id == "acme" for entry in entries)
    assert acme.rpartition("_")[2] not in repr(entries)

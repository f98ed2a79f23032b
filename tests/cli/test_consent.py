"""Suppressing, forgetting, and what the audit log tells of it."""

import json
from pathlib import Path

import pytest

from scrapinsta_ray.domain.models import Profile
from scrapinsta_ray.store import audit, profiles, suppressions
from scrapinsta_ray.store.database import transaction
from tests.cli.conftest import Shell


@pytest.fixture
def a_list(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text("\ufeffName,Username\nAna,@Ana\nLuz,luz\nAna again,ana\nNobody,\nOdd,no way\n", "utf-8")
    return file


def test_a_csv_is_imported_for_everybody_or_for_one_client(shell: Shell, a_list: Path) -> None:
    shell.run("clients", "create", "acme")
    done = json.loads(shell.run("suppress", "import", str(a_list), "--json").out)
    assert done == {"added": 2, "already": 0, "invalid": ["no way"]}
    said = shell.run("suppress", "import", str(a_list), "--client", "acme", "--reason", "opted_out").err
    assert "2 were added" in said and "'no way'" in said
    shown = json.loads(shell.run("suppress", "list", "--client", "acme", "--json").out)
    assert [(row["username"], row["reason"]) for row in shown] == [("ana", "opted_out"), ("luz", "opted_out")]
    assert len(json.loads(shell.run("suppress", "list", "--prefix", "@L", "--json").out)) == 1


def test_a_file_of_bare_names_and_thousands_of_them(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("\n".join(f"p{i}" for i in range(2500)))
    assert json.loads(shell.run("suppress", "import", str(file), "--json").out)["added"] == 2500
    assert json.loads(shell.run("suppress", "import", str(file), "--json").out)["already"] == 2500
    assert "more than 1000" in shell.run("suppress", "list").err


def test_the_operator_takes_anybody_off(shell: Shell) -> None:
    shell.run("suppress", "add", "@Ana", "luz", "--reason", "opted_out")
    assert "'sol'" in shell.run("suppress", "remove", "ana", "sol").err
    assert [row["username"] for row in json.loads(shell.run("suppress", "list", "--json").out)] == ["luz"]
    assert shell.run("suppress", "add", "x", "--client", "nobody").code == 1
    assert "no client 'nobody'" in shell.err
    assert shell.run("suppress", "add", "x", "--reason", "forgotten").code == 2


def test_a_person_is_forgotten_when_the_operator_means_it(shell: Shell) -> None:
    shell.run("suppress", "add", "zoe.zebra")
    with shell.database() as db:
        transaction(profiles.store)(db, [Profile("zoe.zebra")], [])
    assert shell.run("forget", "@Zoe.Zebra").code == 1
    assert "--yes" in shell.err
    done = json.loads(shell.run("forget", "@Zoe.Zebra", "--yes", "--json").out)
    assert (done["rows"]["profiles"], done["rows"]["suppressions"]) == (1, 1)
    assert done["name"].startswith("#")
    assert "profiles" in shell.run("forget", "zoe.zebra", "--yes").out
    assert "1 who were forgotten" in shell.run("suppress", "list").err
    assert all(b"zoe.zebra" not in path.read_bytes() for path in shell.home.glob("scrapinsta.db*"))


def test_the_audit_log_says_who_did_what(shell: Shell) -> None:
    shell.run("clients", "create", "acme")
    shell.run("suppress", "add", "ana", "luz", "--client", "acme")
    shell.run("forget", "sol", "--yes")
    every = json.loads(shell.run("audit", "--json").out)
    assert {row["action"] for row in every} >= {"client.created", "suppression.added", "person.forgotten"}
    assert all(row["actor"].startswith("cli:") for row in every)
    [added] = json.loads(shell.run("audit", "--action", "suppression", "--json").out)
    assert added["client_id"] == "acme"
    assert added["details"]["reason"] == "asked"
    assert len(json.loads(shell.run("audit", "--person", "luz", "--json").out)) == 1
    assert len(json.loads(shell.run("audit", "--person", "sol", "--json").out)) == 1
    assert json.loads(shell.run("audit", "--since", "2999-01-01", "--json").out) == []
    assert json.loads(shell.run("audit", "--since", "1h", "--limit", "1", "--json").out) == every[:1]
    assert shell.run("audit", "--since", "soon").code == 2
    assert "suppression.added" in shell.run("audit", "--client", "acme").out


def test_a_client_s_templates(shell: Shell) -> None:
    shell.run("clients", "create", "acme")
    made = json.loads(shell.run("templates", "create", "acme", "Hello", "Hola {first_name}", "--json").out)
    assert shell.run("templates", "create", "acme", "Bad", "Hola {password}").code == 1
    assert "{first_name}" in shell.err
    assert "version 2" in shell.run("templates", "version", "acme", made["id"], "-", say="Buenas\n").err
    [shown] = json.loads(shell.run("templates", "list", "acme", "--json").out)
    assert (shown["version"], shown["text"]) == (2, "Buenas")
    assert shell.run("templates", "retire", "acme", made["id"]).code == 0
    assert shell.run("templates", "version", "acme", made["id"], "x").code == 1
    assert "retired" in shell.err
    assert shell.run("templates", "retire", "acme", "tpl:0").code == 1
    with shell.database() as db:
        assert [entry.action for entry in audit.entries(db, "acme", action="template")] == [
            "template.retired",
            "template.changed",
            "template.created",
        ]
        assert suppressions.count(db, "acme") == (0, 0)

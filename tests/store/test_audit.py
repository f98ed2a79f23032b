"""The audit log: an entry with its change or none of both, and nothing that alters one."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

import scrapinsta_ray
from scrapinsta_ray.store import audit
from scrapinsta_ray.store.database import Database, transaction

PACKAGE = Path(scrapinsta_ray.__file__).parent


@transaction
def note(tx: Connection, /, actor: str, client_id: str, action: str, subject: str, **details: object) -> None:
    audit.note(tx, actor, client_id, action, subject, **details)


def test_entries_say_who_did_what_to_what_newest_first(db: Database) -> None:
    note(db, "cli:ana", "acme", "key.created", "abc", scopes=["send"])
    note(db, "key:abc", "acme", "job.cancelled", "job:1")
    note(db, "cli:ana", "", "person.forgotten", "#1")
    assert [(e.actor, e.client_id, e.action, e.subject) for e in audit.entries(db)] == [
        ("cli:ana", "", "person.forgotten", "#1"),
        ("key:abc", "acme", "job.cancelled", "job:1"),
        ("cli:ana", "acme", "key.created", "abc"),
    ]
    assert audit.entries(db)[2].details == {"scopes": ["send"]}


def test_entries_are_found_by_client_action_and_time_and_come_in_pages(db: Database) -> None:
    for n in range(5):
        note(db, "cli:ana", "acme" if n % 2 else "other", f"key.{n}", str(n))
    note(db, "cli:ana", "acme", "keys", "no key's")
    assert [e.subject for e in audit.entries(db, "acme", action="key")] == ["3", "1"]
    assert [e.subject for e in audit.entries(db, action="key.2")] == ["2"]
    first = audit.entries(db, action="key", limit=3)
    rest = audit.entries(db, action="key", before=first[-1].id)
    assert [e.subject for e in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    assert len(audit.entries(db, since=datetime.now(UTC) - timedelta(minutes=1))) == 6
    assert audit.entries(db, since=datetime.now(UTC) + timedelta(minutes=1)) == []


def test_an_entry_falls_with_its_change(db: Database) -> None:
    def fails(tx):
        audit.note(tx, "cli:ana", "acme", "key.created", "abc")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        transaction(fails)(db)
    assert audit.entries(db) == []


def test_actors_and_subjects_of_any_size_and_script_fit(db: Database) -> None:
    note(db, "cli:josé" + "x" * 100, "acme", "key.created", "ü" * 200)
    [entry] = audit.entries(db)
    assert entry.actor.startswith("cli:jos\\xe9x")
    assert (len(entry.actor), len(entry.subject)) == (64, 100)


def test_nothing_in_the_package_changes_or_deletes_an_entry() -> None:
    """Only audit.py knows the table, and it knows no UPDATE and no DELETE."""
    knowing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "audit_log" in path.read_text() and "migrations" not in path.parts
    }
    assert knowing == {"store/audit.py", "store/tables.py"}
    tree = ast.parse((PACKAGE / "store/audit.py").read_text())
    called = {
        getattr(n.func, "attr", getattr(n.func, "id", "")) for n in ast.walk(tree) if isinstance(n, ast.Call)
    }
    assert not called & {"update", "delete", "text", "exec_driver_sql", "upsert", "upserting"}

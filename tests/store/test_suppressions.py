"""The list of whom not to write to: of one client, of everybody, and who asked for it themselves."""

import pytest

from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import audit, finish, jobs, outbox, suppressions
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Outreach

ACTOR = "key:abc"


def listed(db: Database, client: str) -> dict[str, str]:
    return {row["username"]: row["reason"] for row in suppressions.page(db, client)}


def skipped(db: Database, client: str, *names: str) -> int:
    made = jobs.enqueue_messages(db, Asked(client, "c1"), Outreach("Hola", names))
    return made.skipped["suppressed"]


@pytest.fixture
def a_person_who_opted_out(db: Database, a_client: str) -> str:
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    [task] = outbox.pull(db, a_client, "c1", limit=1, ttl_s=60).tasks
    report = Report(False, "opted_out", lease_id=task.lease_id)
    finish.finish_messages(db, [finish.Sent(a_client, "c1", task.job_id, "ana", report)], retry_base_s=1)
    return "ana"


def test_a_list_is_taken_in_normal_spelling_once_each_and_says_what_it_could_not_take(db: Database) -> None:
    added = suppressions.add(db, ACTOR, "acme", [" @Ana ", "ana", "luz", "no way"], "asked")
    assert (added.added, added.already, added.invalid) == (2, 0, ["no way"])
    again = suppressions.add(db, ACTOR, "acme", ["ana", "sol"], "other")
    assert (again.added, again.already) == (1, 1)
    assert listed(db, "acme") == {"ana": "asked", "luz": "asked", "sol": "other"}


def test_a_client_s_list_is_its_own_and_everybody_s_holds_for_all(db: Database, a_client: str) -> None:
    suppressions.add(db, ACTOR, "other", ["ana"], "asked")
    suppressions.add(db, ACTOR, suppressions.EVERYBODY, ["luz"], "asked")
    assert listed(db, a_client) == {}
    assert skipped(db, a_client, "ana", "luz", "sol") == 1
    assert suppressions.remove(db, ACTOR, a_client, ["ana", "luz"]).unknown == ["ana", "luz"]
    assert skipped(db, "other", "ana", "luz", "sol") == 2


def test_a_page_goes_by_name_and_by_its_first_letters(db: Database) -> None:
    suppressions.add(db, ACTOR, "acme", ["ana", "ana.b", "an_x", "b", "anz"], "asked")
    names = [row["username"] for row in suppressions.page(db, "acme", prefix="an", limit=2)]
    rest = [row["username"] for row in suppressions.page(db, "acme", prefix="an", after=names[-1])]
    assert [*names, *rest] == ["an_x", "ana", "ana.b", "anz"]


def test_who_opted_out_stays_unless_the_operator_says_otherwise(
    db: Database, a_client: str, a_person_who_opted_out: str
) -> None:
    suppressions.add(db, ACTOR, a_client, ["luz"], "asked")
    removed = suppressions.remove(db, ACTOR, a_client, ["ana", "luz", "sol", "no way"])
    assert (removed.removed, removed.kept, removed.unknown) == (1, ["ana"], ["sol", "no way"])
    assert skipped(db, a_client, a_person_who_opted_out) == 1
    assert suppressions.remove(db, "cli:op", a_client, ["ana"], operator=True).removed == 1
    assert listed(db, a_client) == {}


def test_a_wish_of_the_person_s_own_stands_above_what_the_client_noted(db: Database) -> None:
    suppressions.add(db, ACTOR, "acme", ["ana"], "asked")
    suppressions.add(db, ACTOR, "acme", ["ana"], "opted_out")
    suppressions.add(db, ACTOR, "acme", ["ana"], "asked")
    assert suppressions.remove(db, ACTOR, "acme", ["ana"]).kept == ["ana"]


def test_the_audit_log_has_each_change_and_no_name(db: Database) -> None:
    suppressions.add(db, ACTOR, "acme", ["ana", "luz"], "asked")
    suppressions.add(db, ACTOR, "acme", ["ana"], "asked")  # changes nothing
    suppressions.remove(db, ACTOR, "acme", ["ana"])
    removed, added = audit.entries(db)
    assert (added.action, added.subject, added.actor) == ("suppression.added", "2 people", ACTOR)
    assert (removed.action, removed.subject) == ("suppression.removed", added.details["people"][0])
    assert not any("ana" in str(entry) for entry in (added, removed))


def test_thousands_at_once(db: Database) -> None:
    names = [f"p{i}" for i in range(2500)]
    assert suppressions.add(db, ACTOR, "acme", names, "asked").added == 2500
    assert suppressions.count(db, "acme") == (2500, 0)
    assert suppressions.remove(db, ACTOR, "acme", names[:2000]).removed == 2000
    assert suppressions.count(db, "acme") == (500, 0)

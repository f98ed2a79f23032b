"""What the console reads, on both databases."""

from typing import Any

import pytest

from scrapinsta_ray.domain.models import Kind, Profile, Score
from scrapinsta_ray.domain.scoring import MODEL
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import (
    board,
    campaigns,
    clients,
    finish,
    jobs,
    leases,
    ledger,
    live,
    outbox,
    suppressions,
    tasks,
)
from scrapinsta_ray.store.board import Wanted
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Sent, Work
from scrapinsta_ray.store.jobs import Asked, Outreach


def end_some(db: Database, *outcomes: Report, profile: bool = True) -> None:
    """Ends as many analyses as there are outcomes."""
    leased = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=len(outcomes), ttl_s=60)
    works = []
    for number, (task, report) in enumerate(zip(leased, outcomes, strict=True)):
        of = task.username
        read = Profile(of, full_name=of.title(), followers=1_000 * (number + 1)) if report.ok else None
        score = Score(of, MODEL, 0.02, 0.3 + number / 10) if report.ok else None
        held = Report(report.ok, report.code, lease_id=task.lease_id)
        works.append(Work(task, held, "bot_1", profile=read, score=score))
    ended = finish.finish_work(db, works, retry_base_s=1)
    campaigns.settle(db, [one.job_id for one in ended])


OK, NOT_FOUND = Report(True, "ok"), Report(False, "not_found")


def test_the_overview_adds_up_what_a_client_or_everybody_has(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    jobs.enqueue_analysis(db, Asked(a_client), ["ana", "luz", "sol", "mar"], None)
    end_some(db, OK, OK, NOT_FOUND)
    jobs.enqueue_messages(db, Asked(a_client, "client_1"), Outreach(message="Hola", usernames=["ana"]))
    [message] = outbox.pull(db, a_client, "client_1", limit=1, ttl_s=60).tasks
    sent = Report(True, "sent", lease_id=message.lease_id)
    finish.finish_messages(db, [Sent(a_client, "client_1", message.job_id, "ana", sent)], retry_base_s=1)
    for whose in (a_client, None):
        seen = board.overview(db, whose)
        assert seen.queued == {"analyze_profile": 1}
        assert sum(ok for _hour, ok, _error in seen.hours) == 3
        assert sum(error for _hour, _ok, error in seen.hours) == 1
        assert len(seen.hours) == board.HOURS and len(seen.days) == board.DAYS
        assert seen.errors == [("not_found", 1)]
        assert seen.messages_today == sum(number for _day, number in seen.days) == 1
        assert seen.jobs["running"] >= 1
    nothing = board.overview(db, "other")
    assert not nothing.queued and not nothing.messages_today and not nothing.errors
    assert not any(ok or error for _hour, ok, error in nothing.hours)


def test_jobs_are_listed_with_their_progress_and_filtered(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    first = jobs.enqueue_analysis(db, Asked(a_client), ["ana"], None).job_id
    campaign = jobs.enqueue_campaign(db, Asked(a_client, "client_1"), "cafe", 5, {}, Outreach(message="Hola"))
    theirs = jobs.enqueue_analysis(db, Asked("other"), ["luz"], None).job_id

    def listed(client_id: str | None, **more: Any) -> list[str]:
        return [one.job["id"] for one in board.page_of_jobs(db, client_id, **more)[0]]

    assert listed(None) == [theirs, campaign.job_id, first]
    assert listed(a_client) == [campaign.job_id, first]
    assert listed(None, whose="other") == [theirs]
    assert listed(a_client, whose="other") == []
    assert listed(None, kind="campaign", status="running") == [campaign.job_id]
    page, cursor = board.page_of_jobs(db, None, limit=1)
    assert [one.job["id"] for one in page] == [theirs] and cursor == theirs
    assert listed(None, before=theirs) == [campaign.job_id, first]
    [one] = board.page_of_jobs(db, None, kind="campaign")[0]
    assert sum(one.counts.values()) == 1  # the task of its first stage
    assert board.owner(db, "other", first) is None
    assert board.owner(db, None, first) == board.owner(db, a_client, first) == a_client


def test_progress_of_a_family_is_one_statement_and_another_clients_is_unknown(
    db: Database, a_client: str
) -> None:
    made = jobs.enqueue_campaign(db, Asked(a_client, "client_1"), "cafe", 5, {}, Outreach(message="Hola"))
    ids = live.family(db, a_client, made.job_id)
    assert ids == [made.job_id, *(stage for _kind, stage in made.stages)]
    assert live.family(db, None, made.job_id) == ids
    assert live.family(db, "other", made.job_id) == []
    known = live.look(db, [*ids, "job:0"])
    assert set(known) == set(ids)
    assert [sum(known[one].counts.values()) for one in ids] == [0, 1, 0, 0]
    assert live.look(db, []) == {}


@pytest.mark.parametrize("order", board.PROFILE_ORDERS)
def test_profiles_are_those_that_were_read_for_the_client(db: Database, a_client: str, order: str) -> None:
    clients.create(db, "other", "Other")
    jobs.enqueue_analysis(db, Asked(a_client), ["ana", "luz", "sol"], None)
    end_some(db, OK, OK, OK)
    rows, more = board.page_of_profiles(db, a_client, Wanted(order=order, ascending=True), limit=2)
    assert [row["username"] for row in rows] == ["ana", "luz"] and more
    rows, more = board.page_of_profiles(db, None, Wanted(order=order), limit=5)
    assert not more and len(rows) == 3
    assert board.page_of_profiles(db, "other", Wanted(order=order)) == ([], False)
    assert board.profile(db, "other", "ana") is None
    assert [
        row["username"] for row in board.points(db, a_client, Wanted(min_score=0.35, min_followers=3_000))
    ] == ["sol"]
    assert [row["username"] for row in board.page_of_profiles(db, None, Wanted(text="LU"))[0]] == ["luz"]
    known = board.profile(db, a_client, "ana")
    assert known and len(known.scores) == len(known.tasks) == 1 and not known.messages


def test_nodes_are_where_leases_are_held(db: Database) -> None:
    leases.acquire(db, "dispatcher", "host-1:7:x", 60)
    leases.acquire(db, "account:bot_1", "host-1:8:x", 60)
    leases.acquire(db, "account:bot_2", "host-2:9:x", 60)
    gone = leases.acquire(db, "account:bot_3", "host-3:9:x", 60)
    assert isinstance(gone, leases.Lease)
    leases.release(db, gone)
    assert board.nodes(db) == [board.Node("host-1", 1, True), board.Node("host-2", 1, False)]


def test_what_is_foreseen_is_what_happens(db: Database, a_client: str) -> None:
    suppressions.add(db, "cli:me", a_client, ["sol"], "asked")
    jobs.enqueue_messages(db, Asked(a_client, "client_1"), Outreach(message="Hola", usernames=["ana"]))
    outreach = Outreach(message="Hola", usernames=["ana", "luz", "sol", "mar", "mar", "?"], limit=1)
    before = board.page_of_jobs(db, a_client)[0]
    foreseen = jobs.foresee(db, a_client, outreach)
    assert board.page_of_jobs(db, a_client)[0] == before
    made = jobs.enqueue_messages(db, Asked(a_client, "client_1"), outreach)
    assert foreseen.people == ["luz"]
    assert made.total_items == 1
    assert dict(foreseen.skipped) == dict(made.skipped)
    assert foreseen.skipped["suppressed"] == foreseen.skipped["invalid"] == 1
    assert foreseen.skipped["duplicate"] == 2
    assert jobs.foresee_campaign(db, a_client, "cafe", outreach).people == []
    assert ledger.count(db, a_client) == 0

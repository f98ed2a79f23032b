"""An analysis that comes soon after another, or beside it, visits nothing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Kind, Profile, Task
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import (
    campaigns,
    clients,
    control,
    finish,
    followings,
    jobs,
    progress,
    tasks,
    visits,
)
from scrapinsta_ray.store.database import Database, now, transaction
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, profiles
from scrapinsta_ray.store.tables import jobs as job_table
from scrapinsta_ray.store.tables import visits as table


def ask(db: Database, *names: str, client: str = "acme", max_age_hours: float = 24) -> str:
    return jobs.enqueue_analysis(db, Asked(client), names, None, max_age_hours=max_age_hours).job_id


def lease(db: Database, limit: int = 10) -> list[Task]:
    reads = visits.lease_reads(db, limit=limit, ttl_s=60)
    campaigns.settle(db, reads.ended_jobs)
    return list(reads.tasks)


def end(db: Database, task: Task, code: str = "ok", *, ok: bool = True, retryable: bool = False) -> None:
    report = Report(ok, code, lease_id=task.lease_id, retryable=retryable)
    profile = Profile(task.username, followers=100) if code == "ok" else None
    score = scores_of([profile])[0] if profile else None
    finish.finish_work(
        db, [finish.Work(task, report, "bot_1", {"media": 0}, profile, score)], retry_base_s=60
    )
    campaigns.settle(db, [task.job_id])


def visit(db: Database, *names: str, code: str = "ok", ok: bool = True) -> None:
    """Somebody else asked for them before."""
    clients.create(db, "before", "Before")
    ask(db, *names, client="before", max_age_hours=0)
    for task in lease(db):
        end(db, task, code, ok=ok)


def shown(db: Database, job_id: str, client: str = "acme") -> list[Any]:
    found = progress.tasks(db, client, job_id)
    assert found
    return list(found.items)


def status(db: Database, job_id: str, client: str = "acme") -> str:
    found = progress.job(db, client, job_id)
    assert found
    return str(found["status"])


def age(db: Database, hours: float) -> None:
    with db.begin() as tx:
        tx.execute(update(table).values(visited_at=now(-hours * 3600)))


def wake(db: Database) -> None:
    """What is delayed is due."""
    _make_due(db)
    tasks.promote(db)


@transaction
def _make_due(tx: Connection) -> None:
    tx.execute(update(job_tasks).where(job_tasks.c.status == "delayed").values(available_at=now(-1)))


def test_a_fresh_profile_is_reused_at_once_and_says_so(db: Database, a_client: str) -> None:
    visit(db, "ana", "luz")
    job_id = ask(db, "ana", "luz")
    assert status(db, job_id) == "done"
    assert lease(db) == []
    for task in shown(db, job_id):
        assert (task["status"], task["attempts"], task["result"]["reused"]) == ("ok", 0, True)
        assert task["result"]["analyzed_at"] and task["finished_at"]
    results = progress.results(db, a_client, job_id)
    assert results and [(row["username"], row["reused"]) for row in results.items] == [
        ("ana", True),
        ("luz", True),
    ]
    assert all(row["success"] is None or row["success"] >= 0 for row in results.items)


def test_what_was_visited_for_the_job_itself_is_not_called_reused(db: Database, a_client: str) -> None:
    job_id = ask(db, "ana")
    for task in lease(db):
        end(db, task)
    results = progress.results(db, a_client, job_id)
    assert results and [row["reused"] for row in results.items] == [False]


@pytest.mark.parametrize(
    ("aged_h", "max_age_hours", "visited_again"),
    [(23, 24, False), (25, 24, True), (0, 0, True), (0.4, 0.5, False), (0.6, 0.5, True)],
)
def test_only_what_is_young_enough_is_reused(
    db: Database, a_client: str, aged_h: float, max_age_hours: float, visited_again: bool
) -> None:
    visit(db, "ana")
    age(db, aged_h)
    ask(db, "ana", max_age_hours=max_age_hours)
    assert bool(lease(db)) is visited_again


@pytest.mark.parametrize(("code", "ok", "ends"), [("private", True, "done"), ("not_found", False, "error")])
def test_private_and_missing_are_reused_with_their_reason(
    db: Database, a_client: str, code: str, ok: bool, ends: str
) -> None:
    visit(db, "ana", code=code, ok=ok)
    job_id = ask(db, "ana")
    [task] = shown(db, job_id)
    assert (task["status"], task["reason_code"]) == ("ok" if ok else "error", code)
    assert task["result"]["reused"] is True
    assert status(db, job_id) == ends
    if not ok:
        control.retry(db, a_client, job_id)
        assert len(lease(db)) == 1, "whoever retries wants to know"


def test_a_profile_that_was_deleted_is_visited_again(db: Database, a_client: str) -> None:
    visit(db, "ana")
    with db.begin() as tx:
        tx.execute(profiles.delete())
    ask(db, "ana")
    assert len(lease(db)) == 1


def test_some_are_reused_and_the_rest_visited(db: Database, a_client: str) -> None:
    visit(db, "ana")
    job_id = ask(db, "luz", "ana", "sol")
    assert [task["status"] for task in shown(db, job_id)] == ["queued", "ok", "queued"]
    assert status(db, job_id) == "running"
    leased = lease(db)
    assert [task.username for task in leased] == ["luz", "sol"]
    for task in leased:
        end(db, task)
    assert status(db, job_id) == "done"


def test_two_jobs_at_once_visit_a_profile_once(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    first, second = ask(db, "ana"), ask(db, "ana", client="other")
    [going] = lease(db)
    assert going.job_id == first
    assert lease(db) == []
    [waiting] = shown(db, second, "other")
    assert (waiting["status"], waiting["reason_code"], waiting["attempts"]) == ("queued", "being_read", 0)
    wake(db)
    assert lease(db) == [], "still being read"
    end(db, going)
    wake(db)
    assert lease(db) == []
    assert status(db, second, "other") == "done"
    assert shown(db, second, "other")[0]["result"]["reused"] is True


def test_if_the_first_fails_the_second_goes_itself(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    ask(db, "ana")
    second = ask(db, "ana", client="other")
    [going] = lease(db)
    lease(db)
    end(db, going, "retry_later", ok=False, retryable=True)
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.job_id == second).values(available_at=now(-1)))
    tasks.promote(db)
    [instead] = lease(db)
    assert instead.job_id == second
    end(db, instead)
    wake(db)
    assert lease(db) == []
    assert status(db, going.job_id) == "done"


def test_a_visitor_that_fell_silent_or_was_cancelled_is_not_waited_for(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    first = ask(db, "ana")
    [going] = lease(db)
    second = ask(db, "ana", client="other")
    control.cancel(db, a_client, first)
    [instead] = lease(db)
    assert instead.job_id == second
    end(db, going)  # too late: refused
    assert status(db, second, "other") == "running"


def test_always_fresh_waits_for_nobody_and_lets_others_wait(db: Database, a_client: str) -> None:
    ask(db, "ana", max_age_hours=0)
    [_going] = lease(db)
    fresh = ask(db, "ana", max_age_hours=0)
    assert [task.job_id for task in lease(db)] == [fresh]
    ask(db, "ana")
    assert lease(db) == []


def test_tenants_take_turns_and_what_needs_no_account_waits_for_none(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    many, one = ask(db, *(f"p{i}" for i in range(40))), ask(db, "only", client="other")
    assert Counter(task.job_id for task in lease(db, 4)) == {many: 3, one: 1}
    visit(db, "late")
    job_id = ask(db, "late2", client="other")
    with db.begin() as tx:
        tx.execute(update(table).where(table.c.username == "late").values(username="late2"))
        tx.execute(update(profiles).where(profiles.c.username == "late").values(username="late2"))
    assert lease(db, 0) == []
    assert status(db, job_id, "other") == "done"


def test_a_campaign_whose_people_are_known_goes_straight_on(db: Database, a_client: str) -> None:
    visit(db, "ana", "luz")
    outreach = Outreach("Hola {username}")
    made = jobs.enqueue_campaign(db, Asked(a_client, "c1"), "cafe", 10, {"max_age_hours": 24}, outreach)
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    page = FollowingPage((Following("ana"), Following("luz")), None, Completeness.COMPLETE)
    followings.save_page(db, task, page, start=0)
    report = Report(True, "ok", lease_id=task.lease_id)
    finish.finish_work(db, [finish.Work(task, report, "bot_1", {"followings": 2})], retry_base_s=1)
    campaigns.settle(db, [task.job_id])
    found = progress.job(db, a_client, made.job_id)
    assert found and [stage["status"] for stage in found["stages"]][:2] == ["done", "done"]


def test_what_a_job_reuses_is_looked_up_once(db: Database, a_client: str) -> None:
    ask(db, "ana", "luz")
    demands = visits.Demands()
    [first] = visits.lease_reads(db, limit=1, ttl_s=60, demands=demands).tasks
    visit(db, *({"ana", "luz"} - {first.username}))
    with db.begin() as tx:  # nobody does that: it shows who looks
        tx.execute(job_table.update().values(params={"max_age_hours": 0}))
    assert visits.lease_reads(db, limit=1, ttl_s=60, demands=demands).tasks == []
    assert [task["status"] for task in shown(db, first.job_id)].count("ok") == 1


def test_many_dispatchers_never_visit_one_profile_twice(db: Database, a_client: str) -> None:
    names = [f"p{i}" for i in range(30)]
    ids = [a_client, "b", "c"]
    for client in ids[1:]:
        clients.create(db, client, client)
    asked = {client: ask(db, *names, client=client) for client in ids}
    visited: Counter[str] = Counter()

    def work(_n: int) -> None:
        for _ in range(200):
            for task in visits.lease_reads(db, limit=2, ttl_s=60).tasks:
                visited[task.username] += 1
                end(db, task)
            wake(db)
            with db.begin(write=False) as tx:
                if not tx.scalars(select(job_tasks.c.id).where(job_tasks.c.finished_at.is_(None))).all():
                    return

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert visited == dict.fromkeys(names, 1)
    campaigns.settle(db, asked.values())
    assert [status(db, job_id, client) for client, job_id in asked.items()] == ["done"] * 3

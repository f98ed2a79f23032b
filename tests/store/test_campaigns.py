"""A campaign's stages follow each other by themselves, once."""

from threading import Barrier, Thread

import pytest

from scrapinsta_ray.domain.models import (
    Completeness,
    Following,
    FollowingPage,
    Kind,
    Media,
    MediaKind,
    Profile,
    Task,
)
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.store import campaigns, control, finish, followings, jobs, ledger, outbox, progress, tasks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Enqueued, Outreach

OK = Report(ok=True, code="ok")


def lease(db: Database, kind: Kind, limit: int = 100) -> list[Task]:
    return tasks.lease_work(db, kind, limit=limit, ttl_s=60)


def end(db: Database, work: list[finish.Work]) -> None:
    finish.finish_work(db, work, retry_base_s=1)
    campaigns.settle(db, {w.task.job_id for w in work})


def report(task: Task, code: str = "ok", ok: bool = True) -> Report:
    return Report(ok=ok, code=code, lease_id=task.lease_id)


def read(task: Task) -> finish.Work:
    followers = 1000 + len(task.username)
    media = tuple(
        Media(f"{task.username}-{i}", str(i), None, MediaKind.IMAGE, 10 * i, i) for i in range(1, 4)
    )
    profile = Profile(task.username, followers=followers, full_name=f"Ana {task.username}", media=media)
    return finish.Work(task, report(task), "bot_1", profile=profile, score=scores_of([profile])[0])


def collect(db: Database, names: list[str]) -> None:
    [task] = lease(db, Kind.FETCH_FOLLOWINGS)
    page = FollowingPage(tuple(Following(name) for name in names), completeness=Completeness.COMPLETE)
    followings.save_page(db, task, page, start=0)
    end(db, [finish.Work(task, report(task), "bot_1", {"followings": len(names)})])


@pytest.fixture
def a_campaign(db: Database, a_client: str) -> Enqueued:
    outreach = Outreach("Hola {first_name}", limit=2)
    return jobs.enqueue_campaign(db, Asked(a_client, "client_1"), "cafe", 10, {}, outreach)


def statuses(db: Database, campaign: Enqueued) -> list[str]:
    shown = progress.job(db, "acme", campaign.job_id)
    assert shown
    return [shown["status"], *(stage["status"] for stage in shown["stages"])]


def test_stages_follow_each_other_to_the_ledger(db: Database, a_campaign: Enqueued) -> None:
    assert statuses(db, a_campaign) == ["running", "running", "pending", "pending"]
    collect(db, ["ana", "luz", "sol"])
    assert statuses(db, a_campaign) == ["running", "done", "running", "pending"]
    end(db, [read(task) for task in lease(db, Kind.ANALYZE_PROFILE)])
    assert statuses(db, a_campaign) == ["running", "done", "done", "running"]
    pulled = outbox.pull(db, "acme", "client_1", limit=10, ttl_s=60).tasks
    assert len(pulled) == 2
    assert {task.payload["message"] for task in pulled} == {"Hola Ana"}
    for task in pulled:
        sent = finish.Sent("acme", "client_1", task.job_id, task.username, report(task, "sent"))
        assert finish.finish_messages(db, [sent], retry_base_s=1)[0].verdict is Verdict.APPLIED
        campaigns.settle(db, [task.job_id])
    assert statuses(db, a_campaign) == ["done"] * 4
    assert ledger.count(db, "acme") == 2
    summary = progress.summary(db, "acme", a_campaign.job_id)
    assert summary == {
        "queued": 0, "sent": 0, "ok": 6, "error": 0, "cancelled": 0, "total": 6, "status": "done"
    }  # fmt: skip


def test_an_unknown_target_ends_the_campaign_with_its_reason(db: Database, a_campaign: Enqueued) -> None:
    [task] = lease(db, Kind.FETCH_FOLLOWINGS)
    end(db, [finish.Work(task, report(task, "not_found", ok=False), "bot_1")])
    assert statuses(db, a_campaign) == ["error", "error", "cancelled", "cancelled"]
    assert progress.job(db, "acme", a_campaign.job_id)["reason_code"] == "not_found"  # type: ignore[index]


def test_an_empty_stage_does_not_hang(db: Database, a_campaign: Enqueued) -> None:
    collect(db, [])
    assert statuses(db, a_campaign) == ["done"] * 4


def test_racing_last_results_begin_the_next_stage_once(db: Database, a_campaign: Enqueued) -> None:
    collect(db, [f"p{i}" for i in range(8)])
    work = [read(task) for task in lease(db, Kind.ANALYZE_PROFILE)]
    gate = Barrier(len(work))

    def one(w: finish.Work) -> None:
        gate.wait()
        end(db, [w])

    threads = [Thread(target=one, args=(w,)) for w in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses(db, a_campaign) == ["running", "done", "done", "running"]
    assert progress.summary(db, "acme", a_campaign.stages[2][1])["total"] == 2  # type: ignore[index]


def test_a_straggler_is_found_and_settled(db: Database, a_campaign: Enqueued) -> None:
    [task] = lease(db, Kind.FETCH_FOLLOWINGS)
    finish.finish_work(db, [finish.Work(task, report(task), "bot_1")], retry_base_s=1)  # and then died
    assert campaigns.stragglers(db).stragglers == [task.job_id]
    campaigns.settle(db, campaigns.stragglers(db).stragglers)
    assert statuses(db, a_campaign) == ["done"] * 4


def test_cancel_ends_every_stage_and_a_late_ok_still_reaches_the_ledger(
    db: Database, a_campaign: Enqueued
) -> None:
    collect(db, ["ana"])
    end(db, [read(task) for task in lease(db, Kind.ANALYZE_PROFILE)])
    [task] = outbox.pull(db, "acme", "client_1", limit=1, ttl_s=60).tasks
    assert control.cancel(db, "acme", a_campaign.job_id)
    assert not control.cancel(db, "another", a_campaign.job_id)
    assert statuses(db, a_campaign) == ["cancelled", "done", "done", "cancelled"]
    sent = finish.Sent("acme", "client_1", task.job_id, task.username, report(task, "sent"))
    assert finish.finish_messages(db, [sent], retry_base_s=1)[0].verdict is Verdict.REPEATED
    assert ledger.count(db, "acme") == 1


def test_stragglers_are_looked_for_in_parts_and_round_again(db: Database, a_client: str) -> None:
    ids = [jobs.enqueue_analysis(db, Asked(a_client), [f"p{i}"], None).job_id for i in range(5)]
    found = [task for task in lease(db, Kind.ANALYZE_PROFILE) if task.username != "p2"]
    finish.finish_work(db, [finish.Work(task, report(task), "bot_1") for task in found], retry_base_s=1)
    first = campaigns.stragglers(db, most=3)
    assert (first.stragglers, first.next) == (ids[:2], ids[2])
    rest = campaigns.stragglers(db, first.next, most=3)
    assert (rest.stragglers, rest.next) == (ids[3:], "")

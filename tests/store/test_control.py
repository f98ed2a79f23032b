"""Pause, resume, retry as changes of state."""

import pytest
from sqlalchemy import update

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import campaigns, control, finish, jobs, outbox, progress, tasks
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks


def lease(db: Database, limit: int = 10) -> list[Task]:
    return tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=limit, ttl_s=60)


def end(db: Database, task: Task, **said: object) -> None:
    report = Report(**{"ok": True, "code": "ok", "lease_id": task.lease_id, **said})  # type: ignore[arg-type]
    finish.finish_work(db, [finish.Work(task, report, "bot_1")], retry_base_s=1)
    campaigns.settle(db, [task.job_id])


def status(db: Database, job_id: str) -> str:
    shown = progress.job(db, "acme", job_id)
    assert shown
    return str(shown["status"])


def make_due(db: Database, column: str) -> None:
    with db.begin() as tx:
        tx.execute(
            update(job_tasks).where(job_tasks.c.status.in_(["sent", "delayed"])).values({column: now(-1)})
        )


@pytest.fixture
def a_job(db: Database, a_client: str) -> str:
    """Three profiles to read."""
    return jobs.enqueue_analysis(db, Asked(a_client, max_attempts=2), ["ana", "luz", "sol"], None).job_id


def test_a_paused_job_leases_nothing_and_loses_nothing(db: Database, a_job: str) -> None:
    [in_hand] = lease(db, 1)
    assert control.pause(db, "acme", a_job)
    assert status(db, a_job) == "paused"
    assert lease(db) == []
    assert tasks.promote(db) == 0
    end(db, in_hand)
    assert control.resume(db, "acme", a_job)
    assert {task.username for task in lease(db)} == {"luz", "sol"}


def test_a_task_that_comes_back_during_a_pause_is_parked(db: Database, a_job: str) -> None:
    rescued, delayed = lease(db, 2)
    end(db, delayed, ok=False, code="retry_later", retryable=True)
    control.pause(db, "acme", a_job)
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.id == rescued.id).values(lease_expires_at=now(-1)))
        tx.execute(update(job_tasks).where(job_tasks.c.id == delayed.id).values(available_at=now(-1)))
    tasks.rescue(db)
    tasks.promote(db)
    assert lease(db) == []
    control.resume(db, "acme", a_job)
    assert len(lease(db)) == 3


def test_what_ends_during_a_pause_ends_the_job_at_its_resumption(db: Database, a_job: str) -> None:
    held = lease(db, 3)
    control.pause(db, "acme", a_job)
    for task in held:
        end(db, task)
    assert status(db, a_job) == "paused"
    control.resume(db, "acme", a_job)
    assert status(db, a_job) == "done"


def test_a_retry_gives_failed_tasks_all_their_attempts(db: Database, a_job: str) -> None:
    ana, luz, sol = lease(db, 3)
    end(db, ana)
    end(db, luz, ok=False, code="not_found")
    end(db, sol, ok=False, code="rejected")
    assert status(db, a_job) == "done"
    assert control.retry(db, "acme", a_job)
    assert status(db, a_job) == "running"
    again = lease(db)
    assert {(task.username, task.attempts) for task in again} == {("luz", 1), ("sol", 1)}
    for task in again:
        end(db, task)
    assert status(db, a_job) == "done"
    assert progress.summary(db, "acme", a_job)["ok"] == 3  # type: ignore[index]


def test_a_campaign_that_failed_goes_on_after_a_retry(db: Database, a_client: str) -> None:
    made = jobs.enqueue_campaign(db, Asked(a_client, "c1"), "cafe", 5, {}, Outreach("Hola"))
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    end(db, task, ok=False, code="rejected")
    assert status(db, made.job_id) == "error"
    assert control.retry(db, a_client, made.job_id)
    assert [status(db, job_id) for _kind, job_id in made.stages] == ["running", "pending", "pending"]
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    end(db, task)
    assert status(db, made.job_id) == "done"


def test_a_retried_message_in_doubt_stays_in_doubt(db: Database, a_client: str) -> None:
    made = jobs.enqueue_messages(db, Asked(a_client, "c1", max_attempts=1), Outreach("Hola", ["ana"]))
    assert outbox.pull(db, a_client, "c1", limit=1, ttl_s=60).tasks
    make_due(db, "lease_expires_at")
    campaigns.settle(db, tasks.rescue(db))
    assert status(db, made.job_id) == "error"
    control.retry(db, a_client, made.job_id)
    [task] = outbox.pull(db, a_client, "c1", limit=1, ttl_s=60).tasks
    assert task.maybe_sent


@pytest.mark.parametrize("change", [control.cancel, control.pause, control.resume, control.retry])
def test_another_tenants_job_is_unknown(db: Database, a_job: str, change: object) -> None:
    assert change(db, "other", a_job) is False  # type: ignore[operator]
    assert status(db, a_job) == "running"


def test_pausing_a_stage_pauses_its_campaign(db: Database, a_client: str) -> None:
    made = jobs.enqueue_campaign(db, Asked(a_client, "c1"), "cafe", 5, {}, Outreach("Hola"))
    control.pause(db, a_client, made.stages[0][1])
    assert status(db, made.job_id) == "paused"
    assert tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60) == []
    control.resume(db, a_client, made.job_id)
    assert status(db, made.stages[0][1]) == "running"

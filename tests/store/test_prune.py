"""What is old goes, in batches; what is young, unfinished or in the ledger stays."""

import pytest
from sqlalchemy import func, select, update

from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.pacing import DAY_S
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import campaigns, checkup, finish, jobs, ledger, outbox, prune, schema, tasks
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, messages_sent
from scrapinsta_ray.store.tables import jobs as job_table


def age(db: Database, days: float) -> None:
    """Everything there is becomes `days` older."""
    with db.begin() as tx:
        long_ago = now(-days * DAY_S)
        tx.execute(update(job_tasks).values(created_at=long_ago))
        tx.execute(update(job_tasks).where(job_tasks.c.finished_at.is_not(None)).values(finished_at=long_ago))
        tx.execute(update(job_table).values(created_at=long_ago))
        tx.execute(update(job_table).where(job_table.c.finished_at.is_not(None)).values(finished_at=long_ago))
        tx.execute(update(messages_sent).values(sent_at=long_ago))


def rows(db: Database) -> tuple[int, int]:
    with db.begin(write=False) as tx:
        counted = [
            tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (job_tasks, job_table)
        ]
    return counted[0], counted[1]


def read_all(db: Database, names: list[str]) -> None:
    jobs.enqueue_analysis(db, Asked("acme"), names, None)
    while leased := tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=100, ttl_s=60):
        work = [finish.Work(t, Report(True, "ok", lease_id=t.lease_id), "bot_1") for t in leased]
        campaigns.settle(db, {one.job_id for one in finish.finish_work(db, work, retry_base_s=1)})


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "BATCH", 3)


@pytest.mark.usefixtures("small_batches")
def test_old_finished_work_goes_and_the_rest_stays(db: Database, a_client: str) -> None:
    read_all(db, [f"old{i}" for i in range(10)])
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    [message] = outbox.pull(db, a_client, "c1", limit=1, ttl_s=60).tasks
    report = Report(True, "sent", lease_id=message.lease_id)
    finish.finish_messages(db, [finish.Sent("acme", "c1", message.job_id, "ana", report)], retry_base_s=1)
    campaigns.settle(db, [message.job_id])
    jobs.enqueue_analysis(db, Asked("acme"), ["unfinished"], None)
    age(db, 100)
    read_all(db, ["unfinished2"])

    assert rows(db) == (13, 4)
    assert sum(step.deleted for step in prune.prune(db, 90, dry_run=True)) == 11
    assert rows(db) == (13, 4)
    list(prune.prune(db, 90))
    assert rows(db) == (2, 2)
    assert ledger.count(db, "acme") == 1
    again = jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    assert again.skipped["already_contacted"] == 1


def test_a_fit_database_is_told_so_and_a_missing_index_is_named(db: Database) -> None:
    assert all(finding.ok for finding in checkup.check(db))
    index = next(index for index in job_tasks.indexes if index.name == "ix_job_tasks_lease")
    with db.begin() as tx:
        index.drop(tx)
    try:
        [wrong] = [finding for finding in checkup.check(db) if not finding.ok]
        assert "ix_job_tasks_lease" in wrong.text
    finally:
        with db.begin() as tx:
            index.create(tx)


def test_a_reset_leaves_an_empty_database_of_this_version(db: Database) -> None:
    read_all(db, ["ana"])
    schema.reset(db)
    assert rows(db) == (0, 0)
    assert not schema.pending(db)

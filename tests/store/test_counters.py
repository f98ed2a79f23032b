"""Counters in the database: what is committed is counted, once, whoever adds."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, event, update

from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import counters, finish, jobs, outbox, overview, tasks
from scrapinsta_ray.store.database import Database, now, transaction
from scrapinsta_ray.store.finish import Sent, Work
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, metrics
from scrapinsta_ray.telemetry import context, counts
from scrapinsta_ray.telemetry.counts import Batch


@pytest.fixture(autouse=True)
def nothing_counted_before() -> None:
    counts.ours.take()


def shown(db: Database) -> dict[str, float]:
    """What this process has counted, written down: `name{labels}` -> value."""
    counters.add(db, counts.ours.take())
    return {
        f"{name}{{{labels}}}" if labels else name: value
        for (name, labels), value in counters.read(db).items()
    }


def test_every_adder_counts(db: Database) -> None:
    batch = Batch(
        {("signals", 'type="ok"'): 1, ("signals", 'type="dead"'): 2}, {("browsers", 'state="free"'): 3}
    )
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: counters.add(db, batch), range(40)))
    assert counters.read(db) == {
        ("signals", 'type="ok"'): 40,
        ("signals", 'type="dead"'): 80,
        ("browsers", 'state="free"'): 3,
    }


def test_a_gauge_that_nobody_tells_is_gone(db: Database) -> None:
    counters.add(db, Batch({}, {("browsers", 'state="free"'): 3}))
    with db.begin() as tx:
        tx.execute(update(metrics).values(at=now(-counters.STALE_S - 1)))
    assert counters.read(db) == {}


def test_what_is_rolled_back_is_not_counted(db: Database) -> None:
    @transaction
    def fail(tx: Connection) -> None:
        counters.count(tx, "tasks_ok", kind="send_message")
        raise KeyError

    @transaction
    def succeed(tx: Connection) -> None:
        counters.count(tx, "tasks_error", kind="send_message", code="unknown")

    with pytest.raises(KeyError):
        fail(db)
    succeed(db)
    assert shown(db) == {'tasks_error{kind="send_message",code="unknown"}': 1}


def test_messages_are_counted_from_the_enqueue_to_their_end(db: Database, a_client: str) -> None:
    people = ["ana", "bob", "cleo", "ana"]
    made = jobs.enqueue_messages(db, Asked(a_client, "own"), Outreach(message="hi", usernames=people))
    pulled = outbox.pull(db, a_client, "own", limit=10, ttl_s=60).tasks
    reports = [Report(True, "sent"), Report(True, "already_messaged"), Report(False, "not_found")]
    for task, report in zip(pulled, reports, strict=True):
        one = Sent(a_client, "own", made.job_id, task.username, report)
        for _ in range(2):  # told twice, counted once
            finish.finish_messages(db, [one], retry_base_s=1)
    assert shown(db) == {
        'tasks_queued{kind="send_message"}': 3,
        'dedupe_hits{reason="duplicate"}': 1,
        'tasks_sent{kind="send_message"}': 3,
        'tasks_ok{kind="send_message"}': 2,
        'tasks_error{kind="send_message",code="not_found"}': 1,
    }


def test_a_batch_of_messages_is_counted(db: Database, a_client: str) -> None:
    people = [f"p{number}" for number in range(6)]
    jobs.enqueue_messages(db, Asked(a_client, "own"), Outreach(message="hi", usernames=people))
    pulled = outbox.pull(db, a_client, "own", limit=6, ttl_s=60).tasks
    sent = [
        Sent(a_client, "own", t.job_id, t.username, Report(True, "sent", lease_id=t.lease_id)) for t in pulled
    ]
    finish.finish_messages(db, sent, retry_base_s=1)
    assert shown(db)['tasks_ok{kind="send_message"}'] == 6


def test_the_fleets_work_and_what_is_rescued(db: Database, a_client: str) -> None:
    asked = Asked(a_client, max_attempts=1)
    jobs.enqueue_analysis(db, asked, ["ana", "bob"], None)
    first, _second = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=2, ttl_s=60)
    work = Work(first, Report(False, "not_found", lease_id=first.lease_id), "bot_1")
    finish.finish_work(db, [work], retry_base_s=1)
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.status == "sent").values(lease_expires_at=now(-1)))
    tasks.rescue(db)
    found = shown(db)
    assert found['tasks_error{kind="analyze_profile",code="not_found"}'] == 1
    assert found['tasks_error{kind="analyze_profile",code="lease_expired"}'] == 1
    assert found['leases_rescued{kind="analyze_profile"}'] == 1
    assert found['tasks_sent{kind="analyze_profile"}'] == 2


def test_a_repeated_request_is_a_hit(db: Database, a_client: str) -> None:
    asked = Asked(a_client, idempotency_key="once")
    for _ in range(2):
        jobs.enqueue_fetch(db, asked, "ana", 10)
    assert shown(db)['dedupe_hits{reason="idempotency_key"}'] == 1


def test_the_overview_counts_what_there_is(db: Database, a_client: str) -> None:
    people = [f"p{number}" for number in range(45)]
    jobs.enqueue_messages(db, Asked(a_client, "own"), Outreach(message="hi", usernames=people))
    pulled = outbox.pull(db, a_client, "own", limit=41, ttl_s=60).tasks
    sent = [
        Sent(a_client, "own", t.job_id, t.username, Report(True, "sent", lease_id=t.lease_id)) for t in pulled
    ]
    finish.finish_messages(db, sent[:40], retry_base_s=1)
    seen = overview.look(db)
    assert (seen.tasks[Kind.SEND_MESSAGE, "queued"], seen.tasks[Kind.SEND_MESSAGE, "sent"]) == (4, 1)
    assert (seen.messages, seen.senders, seen.senders_near_limit) == (40, 1, 1)  # of 50
    assert seen.jobs["running"] == 1 and not seen.dispatcher and seen.latency_ms > 0


def test_a_request_is_named_in_its_jobs_and_its_statements(db: Database, a_client: str) -> None:
    statements: list[str] = []

    @event.listens_for(db.engine, "after_cursor_execute")
    def note(_tx: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    try:
        with context.binding(request_id="req-1"):
            made = jobs.enqueue_fetch(db, Asked(a_client), "ana", 10)
    finally:
        event.remove(db.engine, "after_cursor_execute", note)
    assert jobs.request_ids(db, [made.job_id]) == {made.job_id: "req-1"}
    if not db.is_sqlite:
        assert statements and all("/* request_id=req-1 */" in statement for statement in statements)

"""What the queue's statements cost the server: their plans, the rows they touch and lock, however long the queue.

MySQL and MariaDB only: SQLite has one writer, whose plans matter less.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.errors import TooManyTasks
from scrapinsta_ray.store import (
    campaigns,
    clients,
    finish,
    jobs,
    meters,
    outbox,
    progress,
    schema,
    tasks,
    visits,
)
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.servers import fresh_database

pytestmark = pytest.mark.timeout(180)

TASKS_A_JOB = 1000
BATCH = 10
SHORT, LONG = 8, 200
"""Jobs in a queue."""

CAMPAIGN = f"job:{0:032}"
"""A campaign and, after it, its three stages: jobs of client0."""

FILL_TASKS = f"""
INSERT INTO job_tasks (client_id, job_id, kind, account, username, status, priority, attempts, max_attempts,
    lease_id, lease_expires_at, available_at, maybe_sent, payload, created_at)
WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {TASKS_A_JOB - 1}),
    pairs AS (SELECT job.n AS job, person.n AS person FROM numbers AS job, numbers AS person WHERE job.n < :jobs),
    spread AS (SELECT job, person, CASE WHEN person < 900 THEN 'queued' WHEN person < 960 THEN 'ok'
        WHEN person < 970 THEN 'error' WHEN person < 975 THEN 'sent' ELSE 'delayed' END AS status FROM pairs)
SELECT CONCAT('client', job % 7), CONCAT('job:', LPAD(job, 32, '0')),
    ELT(1 + job % 4, 'analyze_profile', 'send_message', 'analyze_profile', 'fetch_followings'),
    IF(job % 4 = 1, CONCAT('c', job % 5), ''), CONCAT('p', job, '.', person), status, 1 + (job DIV 28) % 5, 1, 4,
    IF(status = 'sent', LPAD(job, 32, '0'), NULL),
    IF(status = 'sent', TIMESTAMPADD(SECOND, 3600 + job, UTC_TIMESTAMP(6)), NULL),
    IF(status = 'delayed', TIMESTAMPADD(SECOND, 3600 + person, UTC_TIMESTAMP(6)), NULL),
    FALSE, '{{"message": "Hola"}}', UTC_TIMESTAMP(6)
FROM spread ORDER BY job, person
"""

FILL_JOBS = """
INSERT INTO jobs (id, client_id, kind, status, account, priority, max_attempts, params, total_items, stage, created_at)
SELECT job_id, MIN(client_id), MIN(kind), 'running', MIN(account), MIN(priority), 4, '{}', COUNT(*), 0, UTC_TIMESTAMP(6)
FROM job_tasks GROUP BY job_id
"""

MAKE_CAMPAIGN = f"""
UPDATE jobs SET campaign_id = '{CAMPAIGN}', stage = 1 WHERE client_id = 'client0' AND id > '{CAMPAIGN}' LIMIT 3
"""

FILL_LEDGER = """
INSERT INTO messages_sent (client_id, dest_username, account, job_id, code, sent_at)
SELECT client_id, username, account, job_id, 'sent', TIMESTAMPADD(HOUR, -30, UTC_TIMESTAMP(6))
FROM job_tasks WHERE kind = 'send_message' AND status = 'ok'
"""

FILL_ACCOUNTS = """
INSERT INTO sending_accounts (client_id, account)
SELECT DISTINCT client_id, account FROM job_tasks WHERE kind = 'send_message'
"""


LOCKS = """
SELECT trx_rows_locked, trx_rows_modified FROM information_schema.innodb_trx
WHERE trx_mysql_thread_id = CONNECTION_ID()
"""


def fill(db: Database, length: int) -> None:
    """`length` jobs of 1,000 tasks each: 7 clients, three kinds of work, nine tenths queued; statistics up to date."""
    schema.upgrade(db)
    for number in range(7):
        clients.create(db, f"client{number}", "Client", messages_per_hour=50, messages_per_day=50)
    with db.begin() as tx:
        tx.execute(text(FILL_TASKS), {"jobs": length})
        for statement in (FILL_JOBS, MAKE_CAMPAIGN, FILL_LEDGER, FILL_ACCOUNTS):
            tx.exec_driver_sql(statement)
        tx.exec_driver_sql("ANALYZE TABLE job_tasks, jobs, messages_sent, sending_accounts").all()


@contextlib.contextmanager
def filled(server_url: str, length: int) -> Iterator[Database]:
    with fresh_database(server_url) as url:
        db = Database(url, pool_size=1)  # one connection, so that its counters are those of our statements
        fill(db, length)
        yield db
        db.dispose()


@pytest.fixture(scope="module")
def a_long_queue(mariadb_url: str) -> Iterator[Database]:
    with filled(mariadb_url, LONG) as db:
        yield db


@pytest.fixture(scope="module")
def a_short_queue(mariadb_url: str) -> Iterator[Database]:
    with filled(mariadb_url, SHORT) as db:
        yield db


Prepared = Callable[[], object]
"""One call of the store, all that must come before it done."""


# ---- what the queue does ---------------------------------------------------------------------------------


def lease(db: Database, limit: int = BATCH) -> list[Task]:
    return tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=limit, ttl_s=600)


def lease_reads(db: Database) -> None:
    assert len(visits.lease_reads(db, limit=BATCH, ttl_s=600).tasks) == BATCH


def pull(db: Database, client: str = "client1", account: str = "c1") -> list[Task]:
    return outbox.pull(db, client, account, limit=BATCH, ttl_s=600).tasks


def pull_of_a_job(db: Database) -> Prepared:
    return lambda: outbox.pull(db, "client5", "c0", limit=BATCH, ttl_s=600, job_id=job(5))


def enqueue(db: Database) -> Prepared:
    clients.set_limits(db, "client6", {"unfinished_tasks": 1_000})
    return lambda: refused(db)


def refused(db: Database) -> None:
    with pytest.raises(TooManyTasks):
        jobs.enqueue_fetch(db, Asked("client6"), "ana", 10)


def forget_meters(db: Database) -> Prepared:
    with db.begin() as tx:
        for number in range(5 * BATCH):
            meters.spend(tx, f"key:{number}", meters.FAILED_LOGINS)
        tx.exec_driver_sql("UPDATE meters SET full_at = full_at - 600000000")
    return lambda: meters.forget_full(db, most=BATCH)


def finish_work(db: Database, leased: list[Task]) -> None:
    done = [finish.Work(task, ok(task, "ok"), "bot") for task in leased]
    assert_applied(finish.finish_work(db, done, retry_base_s=1))


def finish_messages(db: Database, pulled: list[Task]) -> None:
    sent = [
        finish.Sent(task.client_id, task.account, task.job_id, task.username, ok(task, "sent"))
        for task in pulled
    ]
    assert_applied(finish.finish_messages(db, sent, retry_base_s=1))


def ok(task: Task, code: str) -> Report:
    return Report(True, code, lease_id=task.lease_id)


def assert_applied(answers: list[finish.Ended]) -> None:
    assert [answer.verdict for answer in answers] == [Verdict.APPLIED] * BATCH


def renew(db: Database, leased: list[Task]) -> None:
    assert tasks.renew(db, leased[0].id, leased[0].lease_id, 600, holder="bot")


def make_due(db: Database, status: str, column: str) -> None:
    """Ten tasks in `status` become due, as time would make them."""
    with db.begin() as tx:
        tx.exec_driver_sql(
            f"UPDATE job_tasks SET {column} = '2020-01-01' WHERE status = '{status}' ORDER BY id LIMIT {BATCH}"
        )


def job(number: int) -> str:
    return f"job:{number:032}"


def lease_after(act: Callable[[Database, list[Task]], object]) -> Callable[[Database], Prepared]:
    def prepare(db: Database) -> Prepared:
        leased = lease(db)
        return lambda: act(db, leased)

    return prepare


def prepare_finish_messages(db: Database) -> Prepared:
    pulled = pull(db, "client5", "c0")
    return lambda: finish_messages(db, pulled)


def prepare_rescue(db: Database) -> Prepared:
    make_due(db, "sent", "lease_expires_at")
    return lambda: tasks.rescue(db, most=BATCH)


def prepare_promote(db: Database) -> Prepared:
    make_due(db, "delayed", "available_at")
    return lambda: tasks.promote(db, most=BATCH)


CALLS: dict[str, tuple[Callable[[Database], Prepared], int]] = {
    # what it is called, and the index entries it may read when it does ten tasks
    "lease": (lambda db: lambda: lease(db), 60),
    "lease reads": (
        lambda db: lambda: lease_reads(db),
        400,
    ),  # looks at 40 tasks and at the visits of their profiles
    "pull": (lambda db: lambda: pull(db), 150),
    "pull of one job": (pull_of_a_job, 150),
    "enqueue at the limit of 1,000 tasks": (enqueue, 2_600),  # of 28,000 that it has
    "forget meters": (forget_meters, 60),
    "finish work": (lease_after(finish_work), 60),
    "finish messages": (prepare_finish_messages, 60),
    "renew": (lease_after(renew), 5),
    "give back": (lease_after(tasks.give_back), 30),
    "rescue": (prepare_rescue, 60),
    "promote": (prepare_promote, 60),
    "look": (lambda db: lambda: tasks.look(db), 10),
    "settle": (lambda db: lambda: campaigns.settle(db, [job(6)]), 10),
    "stragglers": (lambda db: lambda: campaigns.stragglers(db), 3 * LONG + 10),  # of at most 500 jobs
    "summary": (lambda db: lambda: progress.summary(db, "client6", job(6)), TASKS_A_JOB + 10),
    "summary of a campaign": (
        lambda db: lambda: progress.summary(db, "client0", CAMPAIGN),
        4 * TASKS_A_JOB + 20,
    ),
}

every_call = pytest.mark.parametrize(("prepare", "most"), CALLS.values(), ids=CALLS)


# ---- what it costs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One line of a plan: how one table is read for a statement."""

    table: str | None
    access: str | None
    key: str | None
    extra: str
    statement: str

    @property
    def is_cheap(self) -> bool:
        sorts = "filesort" in self.extra or "temporary" in self.extra
        reads_all = self.table == "job_tasks" and self.access in ("ALL", "index")
        return not sorts and not reads_all


@contextlib.contextmanager
def explained(db: Database) -> Iterator[list[Step]]:
    """The plans of all statements inside, each asked for just before it runs, on its own connection."""
    steps: list[Step] = []

    def explain(
        _connection: Connection, cursor: Any, statement: str, parameters: Any, _context: Any, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            steps.extend(plan(cursor.connection, statement, parameters[0] if many else parameters))

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


def plan(connection: Any, statement: str, parameters: Any) -> list[Step]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", parameters)
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [Step(row["table"], row["type"], row["key"], row["Extra"] or "", statement) for row in rows]


def entries_read(db: Database, act: Callable[[], object]) -> int:
    """How many index entries and rows the server read for `act`."""
    asking = -counter(db) + counter(db)
    before = counter(db)
    act()
    return counter(db) - before - asking


def counter(db: Database) -> int:
    with db.begin(write=False) as tx:
        rows = tx.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
    return sum(int(value) for _name, value in rows)


def rows_locked(tx: Connection, changed: int) -> int:
    """Locks of this transaction, which has changed so many rows. The server looks again when not asked for 0.1 s."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        row = tx.exec_driver_sql(LOCKS).one_or_none()
        if row and row.trx_rows_modified == changed:
            return int(row.trx_rows_locked)
        time.sleep(0.15)
    raise AssertionError(f"The server shows no transaction of ours with {changed} changed rows, but {row}.")


# ---- tests -----------------------------------------------------------------------------------------------


@every_call
def test_nothing_is_sorted_and_no_queue_is_read_whole(
    a_long_queue: Database, prepare: Callable[[Database], Prepared], most: int
) -> None:
    act = prepare(a_long_queue)
    with explained(a_long_queue) as steps:
        act()
    assert steps
    assert [step for step in steps if not step.is_cheap] == []


@every_call
def test_a_call_reads_about_as_much_as_it_handles(
    a_long_queue: Database, prepare: Callable[[Database], Prepared], most: int
) -> None:
    assert 0 < entries_read(a_long_queue, prepare(a_long_queue)) <= most


@pytest.mark.parametrize("limit", [10, 100])
def test_a_lease_locks_about_its_batch(a_long_queue: Database, limit: int) -> None:
    lease_in: Any = tasks.lease_work.__wrapped__  # type: ignore[attr-defined]
    with a_long_queue.begin() as tx:
        leased = lease_in(tx, Kind.ANALYZE_PROFILE, limit=limit, ttl_s=600)
        locked = rows_locked(tx, changed=limit)
    assert len(leased) == limit
    assert limit <= locked <= 4 * limit + 20


def test_a_second_puller_neither_waits_nor_is_sent_away(a_long_queue: Database) -> None:
    lease_in: Any = tasks.lease_work.__wrapped__  # type: ignore[attr-defined]
    other = Database(a_long_queue.engine.url.render_as_string(hide_password=False), pool_size=1)
    with a_long_queue.begin() as tx, other.begin() as second:
        second.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
        taken, more = (
            {task.id for task in lease_in(each, Kind.ANALYZE_PROFILE, limit=BATCH, ttl_s=600)}
            for each in (tx, second)
        )
    other.dispose()
    assert len(taken | more) == 2 * BATCH


def test_a_lease_costs_the_same_however_long_the_queue(
    a_short_queue: Database, a_long_queue: Database
) -> None:
    short = entries_read(a_short_queue, lambda: lease(a_short_queue))
    long = entries_read(a_long_queue, lambda: lease(a_long_queue))
    assert long <= 1.5 * short


@pytest.mark.parametrize("people", [10, 100])
def test_a_queue_that_the_server_has_not_counted_yet_is_not_read_whole(
    a_fresh_mariadb_database: str, people: int
) -> None:
    db = Database(a_fresh_mariadb_database, pool_size=1)
    schema.upgrade(db)
    clients.create(db, "acme", "Acme", messages_per_hour=50, messages_per_day=50)
    names = [f"p{i}" for i in range(people)]
    jobs.enqueue_analysis(db, Asked("acme"), names, None)
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", names))
    with explained(db) as steps:
        finish_work(db, lease(db))
        finish_messages(db, pull(db, "acme", "c1"))
        tasks.rescue(db)
        tasks.promote(db)
    db.dispose()
    locking = [
        step for step in steps if "FOR UPDATE" in step.statement or "UPDATE job_tasks" in step.statement
    ]
    assert len(locking) >= 7
    assert [step for step in locking if not step.is_cheap] == []

"""Meters against a small exact model, at every time and rate, and by many at once."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, select, text, update

from scrapinsta_ray.errors import RateLimited, TooManyTasks
from scrapinsta_ray.store import clients, jobs, meters
from scrapinsta_ray.store.database import Database, now_us, transaction
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks
from scrapinsta_ray.store.tables import jobs as jobs_table
from scrapinsta_ray.store.tables import meters as rows

MS = 1_000
MINUTE_US = 60_000_000
LATER = datetime(2030, 1, 1, tzinfo=UTC)
AT_ONCE = 32


# ---- the model -------------------------------------------------------------------------------------------


class Bucket:
    """A bucket with room for `limit` units of ceil(a minute / limit) microseconds, which runs empty with time.

    This is the leaky bucket of ITU-T I.371, told without GCRA's arrival times.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.unit_us = -(-MINUTE_US // limit)
        self.level_us = 0

    def wait(self, us: int) -> None:
        self.level_us = max(0, self.level_us - us)

    def take(self, amount: int) -> bool:
        fits = self.level_us + amount * self.unit_us <= self.limit * self.unit_us
        if fits or (amount > self.limit and self.level_us == 0):
            self.level_us += amount * self.unit_us
            return True
        return False


@contextmanager
def told_time(tx: Connection) -> Iterator[Callable[[int], None]]:
    """Sets the clock of this one connection to a time in microseconds since 2030."""
    began = int(LATER.timestamp()) * 1_000_000
    if tx.dialect.name != "sqlite":
        yield lambda us: _told(tx.exec_driver_sql(f"SET timestamp = {(began + us) / 1e6:.6f}"))
        tx.exec_driver_sql("SET timestamp = DEFAULT")
        return
    driver: sqlite3.Connection = tx.connection.dbapi_connection  # type: ignore[assignment]
    at = began

    def strftime(layout: str, _now: str) -> str:
        seconds, us = divmod(at, 1_000_000)
        return str(seconds) if layout == "%s" else f"{seconds % 60:02}.{us // MS:03}"

    def tell(us: int) -> None:
        nonlocal at
        at = began + us

    driver.create_function("strftime", 2, strftime)
    yield tell
    driver.create_function("strftime", 2, None)


def _told(_result: object) -> None:
    return None


Step = tuple[int, int]
"""Microseconds of waiting, then an amount that is asked for."""

waits = st.one_of(st.just(0), st.integers(0, 3_000), st.integers(0, 70_000)).map(lambda ms: ms * MS)
steps = st.lists(st.tuples(waits, st.integers(1, 12)), min_size=1, max_size=40)
limits = st.one_of(st.integers(1, 12), st.sampled_from([60, 6_000, 7_777]))


@pytest.fixture
def a_connection(db: Database) -> Iterator[Connection]:
    """One transaction in which the client acme can be limited at will; rolled back at the end."""
    clients.create(db, "acme", "Acme")
    with db.begin() as tx:
        yield tx
        tx.rollback()


def limited(tx: Connection, limit: int) -> None:
    tx.execute(text("UPDATE clients SET pulls_per_minute = :limit"), {"limit": limit})
    tx.execute(delete(rows))


def took(tx: Connection, amount: int) -> bool:
    try:
        meters.spend(tx, "acme", meters.PULLS, amount)
    except RateLimited:
        return False
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(limit=limits, asked=steps)
@example(limit=7, asked=[(0, 1)] * 8 + [(8_571_000, 1), (1_000, 1)])
@example(limit=3, asked=[(0, 5), (59_000 * MS, 1), (200_000 * MS, 5)])
def test_a_meter_is_a_leaky_bucket(a_connection: Connection, limit: int, asked: list[Step]) -> None:
    limited(a_connection, limit)
    bucket, at = Bucket(limit), 0
    passed: list[Step] = []
    with told_time(a_connection) as tell:
        for wait_us, amount in asked:
            at += wait_us
            bucket.wait(wait_us)
            tell(at)
            expected = bucket.take(amount)
            assert took(a_connection, amount) == expected
            passed += [(at, amount)] * expected
    if all(amount <= limit for _at, amount in passed):
        assert_never_faster(passed, limit)


def assert_never_faster(passed: Sequence[Step], limit: int) -> None:
    """In no stretch of time more than the limit at once and, behind it, the limit a minute."""
    for number, (begin, _) in enumerate(passed):
        so_far = 0
        for at, amount in passed[number:]:
            so_far += amount
            assert so_far <= limit + Fraction((at - begin) * limit, MINUTE_US)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(limit=limits, asked=steps)
def test_a_refusal_says_when_to_come_back(a_connection: Connection, limit: int, asked: list[Step]) -> None:
    limited(a_connection, limit)
    at = 0
    with told_time(a_connection) as tell:
        for wait_us, amount in asked:
            at += wait_us
            tell(at)
            if wait_us := told_wait_us(a_connection, amount):
                tell(at + (wait_us - 1) // MS * MS)  # SQLite's clock knows thousandths
                assert told_wait_us(a_connection, amount)
                at += -(-wait_us // MS) * MS
                tell(at)
                assert not told_wait_us(a_connection, amount)


def told_wait_us(tx: Connection, amount: int) -> int:
    """Spends; or the microseconds that the refusal says."""
    try:
        meters.spend(tx, "acme", meters.PULLS, amount)
    except RateLimited as refused:
        return round(refused.retry_after_s * 1_000_000)
    return 0


# ---- many requests in one transaction --------------------------------------------------------------------


def test_what_fits_together_is_spent_together(a_connection: Connection) -> None:
    limited(a_connection, 10)
    asked = [("acme", 4), ("other", 50), ("acme", 6)]
    assert meters.spend_each(a_connection, meters.PULLS, asked) == [None, None, None]
    assert not took(a_connection, 1)


def test_what_is_too_much_together_passes_one_by_one(a_connection: Connection) -> None:
    limited(a_connection, 10)
    asked = [("acme", 6), ("other", 1), ("acme", 5), ("acme", 4)]
    answers = meters.spend_each(a_connection, meters.PULLS, asked)
    assert [answer is None for answer in answers] == [True, True, False, True]
    assert not took(a_connection, 1)


def test_a_sum_above_the_limit_is_no_long_list(a_connection: Connection) -> None:
    limited(a_connection, 10)
    answers = meters.spend_each(a_connection, meters.PULLS, [("acme", 6)] * 3)
    assert [answer is None for answer in answers] == [True, False, False]


def test_a_rollback_gives_back(db: Database) -> None:
    clients.create(db, "acme", "Acme")
    clients.set_limits(db, "acme", {"pulls_per_minute": 1})
    for _ in range(3):
        with db.begin() as tx:
            meters.spend(tx, "acme", meters.PULLS)
            tx.rollback()
    pull(db)
    with pytest.raises(RateLimited):
        pull(db)


def test_a_new_limit_counts_at_once(db: Database) -> None:
    clients.create(db, "acme", "Acme")
    clients.set_limits(db, "acme", {"pulls_per_minute": 2})
    pull(db)
    clients.set_limits(db, "acme", {"pulls_per_minute": 1})
    with pytest.raises(RateLimited):
        pull(db)
    clients.set_limits(db, "acme", {"pulls_per_minute": 60})
    pull(db)


# ---- many at once ----------------------------------------------------------------------------------------


def pull(db: Database) -> None:
    transaction(meters.spend)(db, "acme", meters.PULLS)


def at_once(db: Database, act: Callable[[], object], times: int = AT_ONCE) -> int:
    """How many of so many concurrent calls passed."""

    def passes(_: int) -> bool:
        try:
            act()
        except RateLimited:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        return sum(pool.map(passes, range(times)))


@pytest.mark.parametrize("limit", [1, 5, 31])
def test_of_32_at_once_exactly_the_limit_passes(db: Database, limit: int) -> None:
    clients.create(db, "acme", "Acme")
    clients.set_limits(db, "acme", {"pulls_per_minute": limit})
    began = now(db)
    passed = at_once(db, lambda: pull(db))
    earned = (now(db) - began) * limit // MINUTE_US
    assert limit <= passed <= limit + earned


def now(db: Database) -> int:
    with db.begin(write=False) as tx:
        return tx.execute(select(now_us())).scalar_one()


def test_of_32_failed_logins_at_once_ten_are_counted(db: Database) -> None:
    subjects = meters.stranger("key", "abc"), meters.stranger("addr", "2001:db8::1")
    meters.may_log_in(db, *subjects)
    assert at_once(db, lambda: meters.failed_login(db, *subjects)) == meters.FAILED_LOGINS_PER_MINUTE
    for subject in subjects:
        with pytest.raises(RateLimited) as refused:
            meters.may_log_in(db, subject)
        assert refused.value.limit == "failed_logins"
        assert 0 < refused.value.retry_after_s <= 6
    meters.may_log_in(db, "addr:192.0.2.7")
    meters.failed_login(db, "addr:192.0.2.7")


def test_a_failure_that_one_meter_refuses_is_counted_on_none(db: Database) -> None:
    for _ in range(10):
        meters.failed_login(db, "key:b")
    with pytest.raises(RateLimited):
        meters.failed_login(db, "addr:a", "key:b")
    assert at_once(db, lambda: meters.failed_login(db, "addr:a"), 10) == 10


def test_whatever_a_stranger_calls_itself_fits(db: Database) -> None:
    for name in ("x" * 1000, "ключ", "a b", "", "\x00"):
        meters.failed_login(db, meters.stranger("key", name))
    assert meters.stranger("key", "abc123") == "key:abc123"
    assert meters.stranger("key", "x" * 1000) != meters.stranger("key", "x" * 1001)


def test_unused_meters_are_forgotten_and_no_other(db: Database) -> None:
    clients.create(db, "acme", "Acme")
    for number in range(5):
        meters.failed_login(db, f"key:{number}")
    with db.begin() as tx:
        tx.execute(update(rows).values(full_at=now_us() - MINUTE_US - 1))
    meters.failed_login(db, "key:new")
    pull(db)
    assert [meters.forget_full(db, most=3) for _ in range(3)] == [3, 2, 0]
    with db.begin(write=False) as tx:
        assert set(tx.scalars(select(rows.c.subject))) == {"key:new", "acme"}


def test_who_spends_waits_for_nobody_else(db: Database) -> None:
    """Not for the meters of others, nor for whoever has the client's own row in hand."""
    if db.is_sqlite:
        pytest.skip("one writer at a time")
    for name in ("acme", "other"):
        clients.create(db, name, name)
        transaction(meters.spend)(db, name, meters.PULLS)
    with db.begin() as tx, db.begin() as second:
        second.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
        meters.spend(tx, "other", meters.PULLS)
        meters.spend(tx, "acme", meters.ENQUEUES)
        tx.execute(text("UPDATE clients SET status = 'suspended'"))
        meters.spend(second, "acme", meters.PULLS)
        meters.spend(second, "acme", meters.RESULTS)
        second.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = DEFAULT")


# ---- unfinished tasks ------------------------------------------------------------------------------------


def analyze(db: Database, *names: str, key: str | None = None) -> str:
    return jobs.enqueue_analysis(db, Asked("acme", idempotency_key=key), names, None).job_id


@pytest.fixture
def ten_tasks(db: Database) -> Database:
    """A store where acme may have ten unfinished tasks."""
    clients.create(db, "acme", "Acme")
    clients.set_limits(db, "acme", {"enqueues_per_minute": 1000, "unfinished_tasks": 10})
    return db


def test_of_32_enqueues_at_once_as_many_pass_as_tasks_fit(ten_tasks: Database) -> None:
    assert at_once(ten_tasks, lambda: analyze(ten_tasks, "ana", "eva", "luz")) == 3
    assert tasks_and_jobs(ten_tasks) == (9, 3)
    with pytest.raises(TooManyTasks) as refused:
        analyze(ten_tasks, "ana", "eva")
    assert refused.value.details == {
        "limit": "unfinished_tasks",
        "most": 10,
        "unfinished": 9,
        "retry_after_s": 60.0,
    }
    analyze(ten_tasks, "ana")
    with pytest.raises(TooManyTasks):
        jobs.enqueue_fetch(ten_tasks, Asked("acme"), "ana", 10)


def tasks_and_jobs(db: Database) -> tuple[int, int]:
    with db.begin(write=False) as tx:
        tasks, of = (tx.scalar(select(func.count()).select_from(t)) for t in (job_tasks, jobs_table))
    return tasks or 0, of or 0


def test_every_kind_of_enqueue_counts_and_what_ended_does_not(ten_tasks: Database) -> None:
    outreach = Outreach("Hola", [f"p{i}" for i in range(7)])
    jobs.enqueue_messages(ten_tasks, Asked("acme", "c1"), outreach)
    jobs.enqueue_fetch(ten_tasks, Asked("acme"), "ana", 10)
    jobs.enqueue_campaign(ten_tasks, Asked("acme", "c1"), "eva", 10, {}, Outreach("Hola"))
    analyze(ten_tasks, "luz")
    with pytest.raises(TooManyTasks):
        jobs.enqueue_campaign(ten_tasks, Asked("acme", "c1"), "sol", 10, {}, Outreach("Hola"))
    with ten_tasks.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.username == "ana").values(status="ok"))
    jobs.enqueue_campaign(ten_tasks, Asked("acme", "c1"), "sol", 10, {}, Outreach("Hola"))


def test_tasks_that_ended_in_a_job_that_goes_on_leave_room(ten_tasks: Database) -> None:
    analyze(ten_tasks, *(f"p{i}" for i in range(10)))
    with ten_tasks.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.username != "p0").values(status="ok"))
    analyze(ten_tasks, *(f"q{i}" for i in range(9)))
    with pytest.raises(TooManyTasks) as refused:
        analyze(ten_tasks, "ana", "eva")
    assert refused.value.details["unfinished"] == 10


def test_more_live_jobs_than_are_added_up(ten_tasks: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "FEW_JOBS", 2)
    for number in range(10):
        analyze(ten_tasks, f"p{number}")
    with pytest.raises(TooManyTasks):
        analyze(ten_tasks, "ana")


def test_another_clients_tasks_take_no_room(ten_tasks: Database) -> None:
    jobs.enqueue_analysis(ten_tasks, Asked("other"), [f"p{i}" for i in range(50)], None)
    analyze(ten_tasks, *(f"p{i}" for i in range(10)))


def test_a_key_that_has_a_job_is_answered_at_every_limit_and_costs_nothing(ten_tasks: Database) -> None:
    made = analyze(ten_tasks, *(f"p{i}" for i in range(10)), key="k")
    clients.set_limits(ten_tasks, "acme", {"enqueues_per_minute": 2})
    before = full_at(ten_tasks)
    assert {analyze(ten_tasks, "ana", key="k") for _ in range(5)} == {made}
    assert full_at(ten_tasks) == before


def test_one_key_at_the_edge_is_one_job_for_everybody(ten_tasks: Database) -> None:
    clients.set_limits(ten_tasks, "acme", {"enqueues_per_minute": 1, "unfinished_tasks": 1})
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: analyze(ten_tasks, "ana", key="k"), range(AT_ONCE)))
    assert len(set(made)) == 1


def test_asking_for_too_much_again_and_again_is_limited_as_well(ten_tasks: Database) -> None:
    clients.set_limits(ten_tasks, "acme", {"enqueues_per_minute": 3, "unfinished_tasks": 1})
    seen = []
    for _ in range(5):
        with pytest.raises(RateLimited) as refused:
            analyze(ten_tasks, "ana", "eva")
        seen.append(refused.value.limit)
    assert seen == ["unfinished_tasks"] * 3 + ["enqueues"] * 2


def full_at(db: Database) -> int:
    with db.begin(write=False) as tx:
        used: int = tx.execute(select(rows.c.full_at).where(rows.c.name == meters.ENQUEUES)).scalar_one()
        return used

"""Leases, waits and windows follow the database's clock: a client whose own clock is an hour off changes nothing.

The client is this file as a process of its own, with a shim over Python's clocks. On MariaDB the database's clock is
the server's. On SQLite it is the host's, read by SQLite itself, which no shim in Python reaches: there the test says
that nothing in the store asks Python for the time. A host whose clock is off is off for all who use its file.
"""

import datetime as datetime_module
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import clients, finish, jobs, leases, outbox, tasks
from scrapinsta_ray.store.database import Database, clock, now
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.leases import Lease, Taken
from scrapinsta_ray.store.tables import job_tasks, messages_sent
from scrapinsta_ray.store.tables import leases as lease_rows

HOUR_S = 3600
TTL_S = 600
WRITTEN_MINUTES_AGO = {"recent": 55, "earlier": 65, "yesterday": 23 * 60, "before": 25 * 60}
PEOPLE = ["ana", "eva", "luz"]

EXPECTED: dict[str, Any] = {
    "skipped by cool-off": 3,  # all but the one of 25 hours ago
    "a name that somebody holds": ["taken", "here", TTL_S],
    "a name that is free again": ["lease", 2],
    "renewed": True,
    "rescued": ["lost"],
    "promoted": 1,
    "leased": ["due", "fresh", "lost"],
    "lease ends in": TTL_S,
    "renewed lease ends in": 2 * TTL_S,
    "comes back in": 120,
    "pulled": ["ana", "eva"],  # of three an hour one is used
    "pulled again": [],
    "asks again in": 5 * 60,  # when the message of 55 minutes ago leaves the hour
    "written ago": 0,
}


@pytest.fixture
def a_day_of_work(db: Database) -> Database:
    """Leases that are held and lost, waits that are over and not, messages on both sides of the hour and the day."""
    clients.create(db, "acme", "Acme", messages_per_hour=3, messages_per_day=50)
    names = ["held", "lost", "due", "later", "fresh"]
    jobs.enqueue_analysis(db, Asked("acme"), names, None)
    tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=2, ttl_s=TTL_S)
    for name in ("ours", "over"):
        leases.acquire(db, name, "here", TTL_S)
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(_named("lost")).values(lease_expires_at=now(-1)))
        tx.execute(update(job_tasks).where(_named("due")).values(status="delayed", available_at=now(-1)))
        tx.execute(update(job_tasks).where(_named("later")).values(status="delayed", available_at=now(TTL_S)))
        tx.execute(update(lease_rows).where(lease_rows.c.name == "over").values(expires_at=now(-1)))
        for person, minutes in WRITTEN_MINUTES_AGO.items():
            row = {
                "client_id": "acme",
                "dest_username": person,
                "account": "c1",
                "job_id": "j",
                "code": "sent",
            }
            tx.execute(messages_sent.insert().values(**row, sent_at=now(-60 * minutes)))
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", PEOPLE))
    return db


@pytest.mark.parametrize("shift_s", [0, HOUR_S, -HOUR_S])
def test_a_clock_that_is_an_hour_off_changes_nothing(a_day_of_work: Database, shift_s: int) -> None:
    seen = as_a_client_elsewhere(a_day_of_work, shift_s)
    assert seen.pop("own clock is off by") == [shift_s] * 3  # or the shim does not work
    assert seen == EXPECTED


@pytest.mark.parametrize("shift_s", [0, HOUR_S, -HOUR_S])
def test_what_it_leased_is_out_for_as_long_for_everybody_else(a_day_of_work: Database, shift_s: int) -> None:
    as_a_client_elsewhere(a_day_of_work, shift_s)
    assert tasks.rescue(a_day_of_work) == []
    assert tasks.lease_work(a_day_of_work, Kind.ANALYZE_PROFILE, limit=9, ttl_s=TTL_S) == []
    taken = leases.acquire(a_day_of_work, "over", "here", TTL_S)
    assert isinstance(taken, Taken) and taken.holder == "there"
    assert near(taken.left_s, TTL_S)
    with a_day_of_work.begin() as tx:  # and when that time is over, it is over
        tx.execute(update(job_tasks).where(job_tasks.c.status == "sent").values(lease_expires_at=now(-1)))
        tx.execute(update(lease_rows).values(expires_at=now(-1)))
    tasks.rescue(a_day_of_work)
    again = tasks.lease_work(a_day_of_work, Kind.ANALYZE_PROFILE, limit=9, ttl_s=TTL_S)
    assert {task.username for task in again} == {"held", "lost", "fresh"}
    assert isinstance(leases.acquire(a_day_of_work, "over", "here", TTL_S), Lease)


def as_a_client_elsewhere(db: Database, shift_s: int) -> dict[str, Any]:
    """What this file's `main` says, with times rounded to where they are expected."""
    url = db.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.store.test_clock", url, str(shift_s), str(time.time())]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def near(seconds: float, expected: float) -> bool:
    """Up to half a minute later than expected: machines are slow, but not by an hour."""
    return expected - 30 < seconds < expected + 30


def _named(name: str) -> Any:
    return job_tasks.c.username == name


# ---- the client with its own idea of the time ------------------------------------------------------------


def main(url: str, shift_s: int, parents_time: float) -> None:
    """Does everything that has to do with time once, and prints what came of it."""
    shift_clocks(shift_s)
    own = [time.time(), time.time_ns() / 1e9, datetime_module.datetime.now(UTC).timestamp()]
    db = Database(url)
    seen = {"own clock is off by": [rounded(at - parents_time) for at in own]}
    seen |= of_enqueue(db) | of_names(db) | of_work(db) | of_messages(db)
    db.dispose()
    print(json.dumps(seen))


def shift_clocks(shift_s: int) -> None:
    """Python's clocks an hour off, in the `time` and `datetime` modules and in whatever imported from them before."""
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + shift_s
    time.time_ns = lambda: real_time_ns() + shift_s * 10**9
    shifted = {datetime: _shifted_datetime(shift_s), real_time: time.time, real_time_ns: time.time_ns}
    datetime_module.datetime = shifted[datetime]  # type: ignore[misc]
    for name, module in list(sys.modules.items()):
        if name.startswith("scrapinsta_ray"):
            for attribute, value in list(vars(module).items()):
                if isinstance(value, type(real_time) | type) and value in shifted:
                    setattr(module, attribute, shifted[value])


def _shifted_datetime(shift_s: int) -> Any:
    """A `datetime` whose now is off and which makes ordinary datetimes, as database drivers want them."""

    class AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime)

    class Shifted(datetime, metaclass=AnyDatetime):
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return datetime(*args, **kwargs)  # noqa: DTZ001 - as the caller says

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=shift_s)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(UTC).replace(tzinfo=None)

    return Shifted


def of_enqueue(db: Database) -> dict[str, Any]:
    outreach = Outreach("Hola", list(WRITTEN_MINUTES_AGO), cool_off_days=1)
    made = jobs.enqueue_messages(db, Asked("acme", "c2"), outreach)
    return {"skipped by cool-off": made.skipped["cool_off"]}


def of_names(db: Database) -> dict[str, Any]:
    taken, lease = (leases.acquire(db, name, "there", TTL_S) for name in ("ours", "over"))
    assert isinstance(taken, Taken) and isinstance(lease, Lease)
    return {
        "a name that somebody holds": ["taken", taken.holder, rounded(taken.left_s)],
        "a name that is free again": ["lease", lease.epoch],
        "renewed": leases.renew(db, lease, TTL_S),
    }


def of_work(db: Database) -> dict[str, Any]:
    before = in_state(db, "queued")
    tasks.rescue(db)
    seen: dict[str, Any] = {"rescued": sorted(in_state(db, "queued") - before), "promoted": tasks.promote(db)}
    leased = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=9, ttl_s=TTL_S)
    by_name = {task.username: task for task in leased}
    fresh, due = by_name["fresh"], by_name["due"]
    seen |= {"leased": sorted(by_name), "lease ends in": left(db, fresh, "lease_expires_at")}
    tasks.renew(db, fresh.id, fresh.lease_id, 2 * TTL_S, holder="bot_1")
    later = Report(False, "retry_later", retryable=True, lease_id=due.lease_id, retry_after_s=120)
    finish.finish_work(db, [finish.Work(due, later, "bot_1")], retry_base_s=1)
    return seen | {
        "renewed lease ends in": left(db, fresh, "lease_expires_at"),
        "comes back in": left(db, due, "available_at"),
    }


def of_messages(db: Database) -> dict[str, Any]:
    pulled = outbox.pull(db, "acme", "c1", limit=9, ttl_s=TTL_S)
    for task in pulled.tasks:
        report = Report(True, "sent", lease_id=task.lease_id)
        sent = finish.Sent("acme", "c1", task.job_id, task.username, report)
        finish.finish_messages(db, [sent], retry_base_s=1)
    again = outbox.pull(db, "acme", "c1", limit=9, ttl_s=TTL_S)
    with db.begin(write=False) as tx:
        newest = select(messages_sent.c.sent_at).where(messages_sent.c.dest_username == task.username)
        ago = clock(tx) - tx.execute(newest).scalar_one()
    return {
        "pulled": [task.username for task in pulled.tasks],
        "pulled again": [task.username for task in again.tasks],
        "asks again in": rounded(again.retry_after_s),
        "written ago": rounded(ago.total_seconds()),
    }


def in_state(db: Database, status: str) -> set[str]:
    """Who is in this state among the fleet's tasks."""
    mine = (job_tasks.c.status == status, job_tasks.c.kind == Kind.ANALYZE_PROFILE)
    with db.begin(write=False) as tx:
        return set(tx.scalars(select(job_tasks.c.username).where(*mine)))


def left(db: Database, task: Task, column: str) -> int:
    """Seconds until a time of the task, by the database's clock."""
    with db.begin(write=False) as tx:
        at = tx.execute(select(job_tasks.c[column]).where(job_tasks.c.id == task.id)).scalar_one()
        return rounded((at - clock(tx)).total_seconds())


def rounded(seconds: float) -> int:
    """To the minute: a slow machine is seconds off, a wrong clock an hour."""
    return round(seconds / 60) * 60


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

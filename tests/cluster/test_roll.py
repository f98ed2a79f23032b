"""Who is called: everybody now and then, and between that whoever has done something. And who could begin what."""

import time
from math import inf
from pathlib import Path

import pytest

from scrapinsta_ray.cluster import names, roll
from scrapinsta_ray.cluster.roll import Roll
from scrapinsta_ray.domain.models import Action, Kind, Task
from scrapinsta_ray.domain.pacing import Pace, Window
from scrapinsta_ray.settings import load
from scrapinsta_ray.store import accounts, clients, jobs, leases, schema, tasks, turns
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import leases as lease_table
from tests.waiting import until

PACE = Pace({action: Window(100, 3600) for action in Action}, 5.0, 5.0)
READ = Kind.ANALYZE_PROFILE


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Three accounts, each with a worker."""
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path))
    monkeypatch.setattr(roll, "EVERY_S", 3600)
    found = load()
    made = Database(f"sqlite:///{tmp_path}/store.db")
    schema.upgrade(made)
    accounts.add_all(made, found.fernet, [accounts.Login(name, "x") for name in ("ana", "eva", "luz")])
    for name in ("ana", "eva", "luz"):
        leases.acquire(made, names.account_lease(name), f"node:1:{name}", 300)
    return made


@pytest.fixture
def everybody(db: Database) -> Roll:
    made = Roll(db, PACE)
    made.call()
    assert free(made) == ["ana", "eva", "luz"]
    return made


def free(a_roll: Roll) -> list[str]:
    return sorted(candidate.username for candidate in a_roll.free([READ])[0])


def called(a_roll: Roll) -> list[str]:
    a_roll.call()
    return free(a_roll)


def in_hand(db: Database, username: str) -> Task:
    """A task that the account has begun, and that is not yet written."""
    clients.create(db, "acme", "Acme")
    jobs.enqueue_fetch(db, jobs.Asked("acme"), "somebody", 10)
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    assert tasks.renew(db, task.id, task.lease_id, 60, holder=username)
    return task


def test_who_ended_a_task_is_seen_at_once_and_the_others_after_a_while(
    everybody: Roll, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.set_status(db, ["ana", "luz"], "paused")
    everybody.ended("ana")
    assert called(everybody) == ["eva", "luz"]
    accounts.remove(db, "eva")
    everybody.ended("eva")
    assert called(everybody) == ["luz"]
    assert everybody.holder("eva") is None
    monkeypatch.setattr(roll, "EVERY_S", 0)
    assert called(everybody) == []


def test_who_has_just_answered_is_not_judged_by_what_was_seen_before(everybody: Roll, db: Database) -> None:
    everybody.begins("ana", "job:analyze_profile:somebody")
    assert everybody.any_busy()
    assert not turns.take(db, "ana", Action.PROFILE_READ, PACE, draw=0.5).why
    everybody.ended("ana")
    assert not everybody.any_busy()
    assert free(everybody) == ["eva", "luz"]
    everybody.call()
    able, wait_s = everybody.free([READ])
    assert sorted(one.username for one in able) == ["eva", "luz"]
    assert 3 < wait_s <= 5, "the gap after what it did"


def test_what_could_not_be_read_is_read_the_next_time(
    everybody: Roll, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.set_status(db, ["ana"], "paused")
    everybody.ended("ana")
    with monkeypatch.context() as broken:
        broken.setattr(accounts, "some", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            everybody.call()
    assert free(everybody) == ["eva", "luz"]
    assert called(everybody) == ["eva", "luz"]


def test_a_gap_gets_shorter_while_nobody_looks(everybody: Roll, db: Database) -> None:
    for name in ("ana", "eva", "luz"):
        assert not turns.take(db, name, Action.PROFILE_READ, PACE, draw=0.5).why
        everybody.ended(name)
    everybody.call()

    def gap_s() -> float:
        able, wait_s = everybody.free([READ])
        assert not able
        return wait_s

    first, began = gap_s(), time.monotonic()
    assert 3 < first <= 5
    until(lambda: gap_s() < first - 0.2, 5, "a shorter gap")
    assert first - gap_s() == pytest.approx(time.monotonic() - began, abs=0.1)


def test_a_task_of_ours_that_is_done_and_not_yet_written_keeps_nobody_and_another_s_does(
    everybody: Roll, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "EVERY_S", 0)
    task = in_hand(db, "ana")
    assert called(Roll(db, PACE)) == ["eva", "luz"], "an earlier dispatcher gave it out"
    everybody.begins("ana", task.task_id)
    assert called(everybody) == ["eva", "luz"]
    everybody.ended("ana")
    assert called(everybody) == ["ana", "eva", "luz"]


def test_whose_process_was_lost_waits_for_another_holder(everybody: Roll, db: Database) -> None:
    everybody.lost("ana", everybody.holder("ana"), 3600)
    everybody.lost("eva", "another:2:eva", 3600)
    assert free(everybody) == ["eva", "luz"]
    everybody.rests("luz", 3600)
    assert free(everybody) == ["eva"]
    with db.begin() as tx:
        tx.execute(lease_table.delete().where(lease_table.c.name == names.account_lease("eva")))
    everybody.ended("eva")
    everybody.call()
    assert everybody.free([READ]) == ([], inf)


def test_it_forgets_what_it_gave_out_long_ago(
    everybody: Roll, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll, "EVERY_S", 0)
    monkeypatch.setattr(roll, "_REMEMBERED", 2)
    task = in_hand(db, "ana")
    for task_id in (task.task_id, "another", task.task_id, "a third"):
        everybody.begins("ana", task_id)
    everybody.ended("ana")
    assert called(everybody) == ["ana", "eva", "luz"]
    everybody.begins("eva", "a fourth")
    everybody.ended("eva")
    assert called(everybody) == ["eva", "luz"]

"""A lease is held while it can be renewed, and lost in time when it cannot."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.store import leases, schema
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.leases import Taken
from scrapinsta_ray.store.tables import leases as table


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/store.db")
    schema.upgrade(database)
    yield database
    database.dispose()


def test_it_is_renewed_past_its_life_and_free_after_its_release(db: Database) -> None:
    tenure = Tenure(db, "account:a", 1.2, lost=lambda: None)
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert isinstance(leases.acquire(db, "account:a", "another", 1), Taken)
        assert tenure.is_sure()
        time.sleep(0.1)
    tenure.release()
    assert not tenure.is_sure()
    assert not isinstance(leases.acquire(db, "account:a", "another", 1), Taken)


def test_whoever_loses_it_is_told_before_another_can_have_it(db: Database) -> None:
    lost = threading.Event()
    tenure = Tenure(db, "account:a", 1.2, lost=lost.set)
    with db.begin() as tx:
        tx.execute(update(table).values(epoch=99, holder="another", expires_at=now(60)))
    assert lost.wait(1.0), "told within a third of the life and a little"
    tenure.release()
    with db.begin(write=False) as tx:
        assert tx.execute(table.select()).one().holder == "another"


def test_a_database_that_hangs_does_not_hold_up_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, answered = threading.Event(), threading.Event()
    began = time.monotonic()
    tenure = Tenure(db, "account:a", 1.5, lost=lost.set)
    monkeypatch.setattr(leases, "renew", lambda *_: answered.wait(30))
    assert lost.wait(1.5)
    assert time.monotonic() - began < 1.5, "before anybody else can have it"
    assert not tenure.is_sure()
    answered.set()


def test_a_second_one_waits_for_the_first(db: Database) -> None:
    first = Tenure(db, "account:a", 1.2, lost=lambda: None)
    got: list[Tenure] = []
    waiting = threading.Thread(target=lambda: got.append(Tenure(db, "account:a", 1.2, lost=lambda: None)))
    waiting.start()
    waiting.join(0.6)
    assert not got
    first.release()
    waiting.join(5)
    assert got[0].is_sure()
    got[0].release()

"""One holder at a time, by the database's clock."""

from sqlalchemy import update

from scrapinsta_ray.store import leases
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.leases import Lease, Taken
from scrapinsta_ray.store.tables import leases as table


def test_a_name_has_one_holder_until_it_expires(db: Database) -> None:
    mine = leases.acquire(db, "dispatcher", "a", 30)
    assert isinstance(mine, Lease)
    taken = leases.acquire(db, "dispatcher", "b", 30)
    assert isinstance(taken, Taken)
    assert taken.holder == "a"
    assert 25 < taken.left_s <= 30
    assert leases.renew(db, mine, 30)
    with db.begin() as tx:
        tx.execute(update(table).values(expires_at=now(-0.001)))
    assert not leases.renew(db, mine, 30)
    theirs = leases.acquire(db, "dispatcher", "b", 30)
    assert isinstance(theirs, Lease)
    assert theirs.epoch > mine.epoch
    assert not leases.renew(db, mine, 30)
    leases.release(db, mine)  # too late to take anything from b
    assert isinstance(leases.acquire(db, "dispatcher", "c", 30), Taken)
    leases.release(db, theirs)
    assert isinstance(leases.acquire(db, "dispatcher", "c", 30), Lease)


def test_who_follows_knows_whether_the_name_was_given_back(db: Database) -> None:
    first = leases.acquire(db, "account:bot_1", "a", 30)
    assert isinstance(first, Lease) and not first.bereft
    with db.begin() as tx:
        tx.execute(update(table).values(expires_at=now(-0.001)))
    second = leases.acquire(db, "account:bot_1", "b", 30)
    assert isinstance(second, Lease) and second.bereft
    leases.release(db, second)
    third = leases.acquire(db, "account:bot_1", "c", 30)
    assert isinstance(third, Lease) and not third.bereft

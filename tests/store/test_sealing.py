"""Secrets at rest: sealed, opened by any of the keys, sealed anew; a wrong key says so."""

import json

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import insert, select

from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import accounts, sealing
from scrapinsta_ray.store.accounts import Login
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.tables import accounts as account_rows
from scrapinsta_ray.store.tables import audit_log, signing_keys

COOKIES = [{"name": "sessionid", "value": "cookie of mine"}]


def sealer(*keys: bytes) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


@pytest.fixture
def old() -> bytes:
    return Fernet.generate_key()


@pytest.fixture
def new() -> bytes:
    return Fernet.generate_key()


def with_signing_key(db: Database, fernet: MultiFernet) -> None:
    with db.begin() as tx:
        tx.execute(insert(signing_keys).values(kid="k1", secret=fernet.encrypt(b"signs"), created_at=now()))


def with_second_factor(db: Database, fernet: MultiFernet, username: str) -> None:
    with db.begin() as tx:
        mine = account_rows.update().where(account_rows.c.username == username)
        tx.execute(mine.values(totp_secret=fernet.encrypt(b"JBSWY3DPEHPK3PXP")))


def signing_secret(db: Database, fernet: MultiFernet) -> bytes:
    with db.begin(write=False) as tx:
        return fernet.decrypt(tx.execute(select(signing_keys.c.secret)).scalar_one())


def test_password_and_cookies_are_sealed_and_come_back(db: Database, old: bytes) -> None:
    accounts.add(db, sealer(old), "bot_1", "open sesame")
    accounts.save_session(db, sealer(old), "bot_1", COOKIES, logins=1)
    with db.begin(write=False) as tx:
        row = tx.execute(select(account_rows)).one()
    assert b"sesame" not in row.password and b"cookie" not in row.cookies
    known = accounts.credentials(db, sealer(old), "bot_1")
    assert known and (known.password, known.cookies) == ("open sesame", COOKIES)
    assert "sesame" not in repr(known) and "mine" not in repr(known)


def test_another_key_opens_nothing_and_says_whose_it_is(db: Database, old: bytes, new: bytes) -> None:
    accounts.add(db, sealer(old), "bot_1", "open sesame")
    with pytest.raises(Misconfigured, match=r"bot_1 were sealed with another key.*SCRAPINSTA_SECRET_KEY"):
        accounts.credentials(db, sealer(new), "bot_1")


def test_with_another_key_nothing_more_is_sealed(db: Database, old: bytes, new: bytes) -> None:
    accounts.add(db, sealer(old), "bot_1", "open sesame")
    for add in (
        lambda: accounts.add(db, sealer(new), "bot_2", "x"),
        lambda: accounts.add_all(db, sealer(new), [Login("bot_2", "x")]),
    ):
        with pytest.raises(Misconfigured, match="another key"):
            add()
    assert [account.username for account in accounts.everyone(db)] == ["bot_1"]


def test_the_key_is_changed_in_three_steps_without_a_gap(db: Database, old: bytes, new: bytes) -> None:
    accounts.add_all(db, sealer(old), [Login("bot_1", "one"), Login("bot_2", "two")])
    accounts.save_session(db, sealer(old), "bot_2", COOKIES, logins=1)
    with_signing_key(db, sealer(old))
    with_second_factor(db, sealer(old), "bot_1")

    both = sealer(new, old)
    assert accounts.credentials(db, both, "bot_1")
    done = sealing.Resealed(passwords=2, cookies=1, second_factors=1, signing_keys=1)
    assert sealing.reseal(db, both) == done

    for keys in (sealer(new), both, sealer(old, new)):
        known = accounts.credentials(db, keys, "bot_2")
        assert known and (known.password, known.cookies) == ("two", COOKIES)
        assert signing_secret(db, keys) == b"signs"
    with pytest.raises(Misconfigured):
        accounts.credentials(db, sealer(old), "bot_1")


def test_a_reseal_is_all_or_nothing(db: Database, old: bytes, new: bytes) -> None:
    accounts.add(db, sealer(old), "bot_1", "one")
    with_signing_key(db, sealer(Fernet.generate_key()))
    with pytest.raises(Misconfigured, match="k1"):
        sealing.reseal(db, sealer(new, old))
    assert accounts.credentials(db, sealer(old), "bot_1")


def test_an_import_counts_what_is_new_and_is_noted_without_secrets(db: Database, old: bytes) -> None:
    accounts.add(db, sealer(old), "bot_1", "first")
    logins = [Login("bot_1", "second"), Login("bot_2", "third")]
    assert accounts.add_all(db, sealer(old), logins, actor="cli:ana") == 1
    known = accounts.credentials(db, sealer(old), "bot_1")
    assert known and known.password == "second"
    assert accounts.set_status(db, ["bot_1"], "paused", "a rest", actor="cli:ana") == 1
    assert accounts.remove(db, "bot_2", actor="cli:ana")
    with db.begin(write=False) as tx:
        entries = tx.execute(select(audit_log).order_by(audit_log.c.id)).all()
    assert [(e.actor, e.action, e.subject) for e in entries] == [
        ("cli:ana", "account.password", "bot_1"),
        ("cli:ana", "account.added", "bot_2"),
        ("cli:ana", "account.paused", "bot_1"),
        ("cli:ana", "account.removed", "bot_2"),
    ]
    assert "second" not in json.dumps([list(map(str, e)) for e in entries])
    assert "second" not in repr(logins)

"""Signing keys and revocations: sealed, rotated, forgotten when no living token needs them."""

from datetime import datetime

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select, update

from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import audit, clients, tokens
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.tables import revocations, signing_keys

JTI, JOB = "a" * 32, "job:" + "1" * 32


@pytest.fixture
def fernet() -> MultiFernet:
    return MultiFernet([Fernet(Fernet.generate_key())])


@pytest.fixture
def a_key(db: Database, a_client: str) -> str:
    return clients.create_key(db, a_client).key_id


def revoked(db: Database, key_id: str, *, client_id: str = "acme") -> tuple[bool, datetime | None]:
    found = tokens.standing(db, client_id, key_id, [JTI], JOB)
    return found.token_revoked, found.job_revoked_at


def test_the_first_key_is_made_once_and_stored_sealed(db: Database, fernet: MultiFernet) -> None:
    key, at = tokens.signing_key(db, fernet)
    assert len(key.secret) * 8 == 256
    again, later = tokens.signing_key(db, fernet)
    assert again == key and later >= at
    with db.begin(write=False) as tx:
        assert key.secret not in tx.scalars(select(signing_keys.c.secret)).one()
    assert repr(key.secret) not in repr(key)


def test_a_new_key_signs_and_the_old_one_verifies(db: Database, fernet: MultiFernet) -> None:
    old, _ = tokens.signing_key(db, fernet)
    kid = tokens.rotate(db, fernet, actor="cli:ana")
    assert tokens.signing_key(db, fernet)[0].kid == kid
    assert {(key.kid, key.retired) for key in tokens.keyring(db, fernet)} == {(kid, False), (old.kid, True)}
    assert [entry.subject for entry in audit.entries(db, action="signing_key")] == [kid]


def test_another_secret_key_is_said_to_be_wrong(db: Database, fernet: MultiFernet) -> None:
    tokens.signing_key(db, fernet)
    wrong = MultiFernet([Fernet(Fernet.generate_key())])
    for work in (tokens.keyring, tokens.signing_key, tokens.rotate):
        with pytest.raises(Misconfigured, match="SCRAPINSTA_SECRET_KEY"):
            work(db, wrong)
    assert len(tokens.keyring(db, fernet)) == 1  # nothing was sealed with the wrong one


def test_a_revocation_is_of_one_client_and_one_subject(db: Database, a_key: str) -> None:
    clients.create(db, "other", "Other")
    tokens.revoke(db, "other", JTI)
    assert revoked(db, a_key) == (False, None)
    at = tokens.revoke(db, "acme", JOB, actor="key:x")
    assert revoked(db, a_key) == (False, at)
    tokens.revoke(db, "acme", JTI)
    later = tokens.revoke(db, "acme", JOB)
    assert revoked(db, a_key) == (True, later)
    assert later >= at
    [entry] = audit.entries(db, action="token.revoked")
    assert (entry.client_id, entry.subject) == ("acme", JOB)


def test_a_token_stands_and_falls_with_its_key_and_its_client(
    db: Database, a_client: str, a_key: str
) -> None:
    def status() -> str | None:
        return tokens.standing(db, a_client, a_key, [JTI], None).status

    assert status() == "active"
    clients.suspend(db, a_client)
    assert status() == "suspended"
    clients.resume(db, a_client)
    assert tokens.standing(db, "other", a_key, [JTI], None).status is None
    clients.revoke_key(db, a_client, a_key)
    assert status() is None


def test_what_concerns_no_living_token_is_forgotten(db: Database, fernet: MultiFernet, a_client: str) -> None:
    tokens.signing_key(db, fernet)
    kid = tokens.rotate(db, fernet)
    tokens.revoke(db, a_client, JTI)
    assert tokens.prune(db) == 0
    with db.begin() as tx:
        tx.execute(update(revocations).values(expires_at=now(-1)))
        tx.execute(
            update(signing_keys)
            .where(signing_keys.c.retired_at.is_not(None))
            .values(retired_at=now(-tokens.LONGEST_S - 120))
        )
    assert tokens.prune(db) == 2
    assert [key.kid for key in tokens.keyring(db, fernet)] == [kid]

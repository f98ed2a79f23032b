"""Tenants and keys: rotation, expiry, revocation, limits, the end of a client, and what the audit log hears."""

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain import pacing
from scrapinsta_ray.domain.retention import Retention
from scrapinsta_ray.store import audit, clients, jobs, progress, prune
from scrapinsta_ray.store.clients import ADMIN, SCOPES
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked
from scrapinsta_ray.store.tables import api_keys, suppressions
from scrapinsta_ray.store.tables import clients as clients_table


def expire(db: Database, key_id: str) -> None:
    with db.begin() as tx:
        tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(expires_at=now(-1)))


def good(db: Database, key: clients.NewKey) -> bool:
    return clients.authenticate(db, key.plaintext) is not None


def test_a_key_is_known_by_its_whole_text_alone(db: Database, a_client: str) -> None:
    key = clients.create_key(db, a_client, frozenset({"send"}))
    known = clients.authenticate(db, key.plaintext)
    assert known
    assert known.caller.client_id == a_client
    assert known.caller.scopes == {"send", "pull", "result"}
    assert known.caller.actor == f"key:{key.key_id}"
    another = clients.create_key(db, a_client)
    mixed = f"si_{key.key_id}_{another.plaintext.rpartition('_')[2]}"
    for wrong in (key.plaintext[:-1], key.plaintext + "0", key.plaintext.upper(), mixed, "", "si__", "ñ"):
        assert clients.authenticate(db, wrong) is None


def test_nothing_of_the_secret_is_stored_or_shown(db: Database, a_client: str) -> None:
    key = clients.create_key(db, a_client)
    secret = key.plaintext.rpartition("_")[2]
    assert len(bytes.fromhex(secret)) * 8 == 256
    with db.begin(write=False) as tx:
        assert secret not in str(tx.execute(select(api_keys)).all())
    assert secret not in repr(key) + repr(clients.keys(db, a_client))


def test_an_expired_or_revoked_key_is_refused(db: Database, a_client: str) -> None:
    expiring = clients.create_key(db, a_client, expires_in_s=60)
    known = clients.authenticate(db, expiring.plaintext)
    assert known and 50 < known.lasts_s <= 60
    expire(db, expiring.key_id)
    revoked = clients.create_key(db, a_client)
    assert clients.revoke_key(db, a_client, revoked.key_id, actor="cli:ana")
    assert clients.revoke_key(db, a_client, revoked.key_id, actor="cli:ana")  # once more changes nothing
    assert not good(db, expiring) and not good(db, revoked)
    assert [key.live for key in clients.keys(db, a_client)] == [False, False]
    assert [entry.subject for entry in audit.entries(db, action="key.revoked")] == [revoked.key_id]


def test_another_clients_key_cannot_be_revoked_or_rotated(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    key = clients.create_key(db, a_client)
    assert not clients.revoke_key(db, "other", key.key_id)
    with pytest.raises(ValueError, match="no such key"):
        clients.rotate_key(db, "other", key.key_id)
    assert good(db, key)


def test_a_rotation_overlaps_for_the_chosen_time(db: Database, a_client: str) -> None:
    old = clients.create_key(db, a_client, frozenset({"pull", "result"}))
    new = clients.rotate_key(db, a_client, overlap_s=3_600, actor="cli:ana")
    assert good(db, old) and good(db, new)
    known = clients.authenticate(db, old.plaintext)
    assert known and 3_500 < known.lasts_s <= 3_600
    renewed = clients.authenticate(db, new.plaintext)
    assert renewed and renewed.caller.scopes == {"pull", "result"}
    newest = clients.rotate_key(db, a_client, new.key_id, overlap_s=0)
    assert not good(db, new)
    assert good(db, old) and good(db, newest)  # only the named one was replaced
    [entry] = audit.entries(db, action="key.rotated")
    assert (entry.actor, entry.subject, entry.details["replaced"]) == ("cli:ana", new.key_id, [old.key_id])


def test_a_rotation_never_lengthens_a_life_nor_guesses_scopes(db: Database, a_client: str) -> None:
    short = clients.create_key(db, a_client, expires_in_s=60)
    clients.rotate_key(db, a_client, overlap_s=3_600)
    known = clients.authenticate(db, short.plaintext)
    assert known and known.lasts_s <= 60
    clients.create_key(db, a_client, frozenset({"status"}))
    with pytest.raises(ValueError, match="different scopes"):
        clients.rotate_key(db, a_client)


def test_scopes_are_words_that_exist(db: Database, a_client: str) -> None:
    for scopes in (frozenset({"root"}), frozenset[str]()):
        with pytest.raises(ValueError):
            clients.create_key(db, a_client, scopes)
    assert clients.keys(db, a_client) == []


def test_the_use_of_a_key_is_noted_to_the_minute(db: Database, a_client: str) -> None:
    key = clients.create_key(db, a_client)
    clients.note_use(db, key.key_id)
    [first] = clients.keys(db, a_client)
    clients.note_use(db, key.key_id)
    assert first.last_used_at
    assert clients.keys(db, a_client) == [first]
    with db.begin() as tx:
        tx.execute(update(api_keys).values(last_used_at=now(-120)))
    clients.note_use(db, key.key_id)
    [later] = clients.keys(db, a_client)
    assert later.last_used_at and later.last_used_at >= first.last_used_at


def test_the_first_admin_key_is_made_once(db: Database) -> None:
    first = clients.bootstrap(db, actor="cli:root")
    assert first
    assert clients.bootstrap(db) is None
    known = clients.authenticate(db, first.plaintext)
    assert known and known.caller.scopes == {ADMIN, *SCOPES}
    clients.revoke_key(db, clients.OPERATOR, first.key_id)
    assert clients.bootstrap(db)  # who lost the only one gets another at the machine itself


def test_limits_change_within_bounds(db: Database, a_client: str) -> None:
    before = clients.everyone(db)[0]
    changed = clients.set_limits(
        db, a_client, {"pulls_per_minute": 7, "messages_per_day": 9_999}, actor="cli:ana"
    )
    assert clients.get(db, a_client) == changed
    assert (changed.pulls_per_minute, changed.messages_per_day) == (7, pacing.MESSAGES_PER_DAY_CEILING)
    [entry] = audit.entries(db, action="client.limits")
    assert entry.details == {
        "before": {"pulls_per_minute": before.pulls_per_minute},
        "after": {"pulls_per_minute": 7},
    }
    with pytest.raises(LookupError):
        clients.set_limits(db, "nobody", {"pulls_per_minute": 7})
    for wrong in ({"pulls": 7}, {"pulls_per_minute": 0}, {"pulls_per_minute": 10**9}):
        with pytest.raises(ValueError):
            clients.set_limits(db, a_client, wrong)


def test_suspended_and_resumed(db: Database, a_client: str) -> None:
    key = clients.create_key(db, a_client)
    assert clients.suspend(db, a_client, actor="cli:ana") and clients.suspend(db, a_client, actor="cli:ana")
    known = clients.authenticate(db, key.plaintext)
    assert known and known.caller.status == "suspended"
    assert clients.resume(db, a_client)
    known = clients.authenticate(db, key.plaintext)
    assert known and known.caller.status == "active"
    assert not clients.suspend(db, "nobody") and not clients.resume(db, "nobody")
    assert len(audit.entries(db, action="client.suspended")) == 1


def test_a_deleted_client_leaves_its_suppressions_and_no_work(db: Database, a_client: str) -> None:
    key = clients.create_key(db, a_client)
    job_id = jobs.enqueue_analysis(db, Asked(a_client), ["ana", "luz"], None).job_id
    with db.begin() as tx:
        tx.execute(
            suppressions.insert().values(
                client_id=a_client, username="eva", reason="opted_out", created_at=now()
            )
        )
    assert clients.delete(db, a_client, actor="cli:ana")
    assert clients.delete(db, a_client, actor="cli:ana")  # goes on where it was interrupted
    assert not clients.delete(db, "nobody")
    assert not good(db, key)
    assert clients.keys(db, a_client) == []
    assert clients.everyone(db) == [] and clients.get(db, a_client) is None
    summary = progress.summary(db, a_client, job_id)
    assert summary and (summary["status"], summary["cancelled"]) == ("cancelled", 2)
    with db.begin(write=False) as tx:
        assert tx.scalars(select(suppressions.c.username)).all() == ["eva"]
        assert tx.scalars(select(clients_table.c.status)).all() == ["deleted"]
    assert not clients.resume(db, a_client)
    with pytest.raises(ValueError, match="was a client"):
        clients.create(db, a_client, "A new one would see the old one's jobs")
    with pytest.raises(ValueError):
        clients.create_key(db, a_client)
    assert len(audit.entries(db, action="client.deleted")) == 1


def test_what_a_late_replica_took_of_a_deleted_client_is_ended(db: Database, a_client: str) -> None:
    clients.create(db, "other", "Other")
    clients.delete(db, a_client)
    late = jobs.enqueue_analysis(db, Asked(a_client), ["ana"], None).job_id
    kept = jobs.enqueue_analysis(db, Asked("other"), ["ana"], None).job_id
    prune.Upkeep(db, Retention()).turn()
    for client_id, job_id, status in ((a_client, late, "cancelled"), ("other", kept, "running")):
        summary = progress.summary(db, client_id, job_id)
        assert summary and summary["status"] == status


@pytest.mark.parametrize("client_id", ["", "Acme", "a_b", "-a", "a" * 33, "ñ", "a\n"])
def test_a_clients_id_is_a_short_name(db: Database, client_id: str) -> None:
    with pytest.raises(ValueError):
        clients.create(db, client_id, "x")

"""The one fencing primitive: a name that one holder at a time may act under, by the database's clock.

Whoever cannot renew must stop acting before the lease expires; the next holder gets a higher epoch.
"""

import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Update, and_, bindparam, select, update

from scrapinsta_ray.store.database import now, transaction, upsert
from scrapinsta_ray.store.tables import leases

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Lease:
    """Proof of holding `name`; every write under it may be checked by its epoch.

    `bereft`: the holder before did not give the name back, but let it expire.
    """

    name: str
    holder: str
    epoch: int
    bereft: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else holds it, for `left_s` more seconds unless renewed."""

    holder: str
    left_s: float


@transaction
def acquire(tx: Connection, name: str, holder: str, ttl_s: float) -> Lease | Taken:
    """Takes `name` for `ttl_s` seconds if it is free or expired; the same holder gets it again, with a new epoch."""
    born_expired = {"name": name, "holder": "", "epoch": 0, "expires_at": _LONG_AGO}
    upsert(tx, leases, [born_expired], key=["name"])
    row = tx.execute(
        select(leases.c.holder, leases.c.epoch, leases.c.expires_at, now().label("now"))
        .where(leases.c.name == name)
        .with_for_update()
    ).one()
    left_s = (row.expires_at - row.now).total_seconds()
    if left_s > 0 and row.holder != holder:
        return Taken(row.holder, left_s)
    tx.execute(
        update(leases)
        .where(leases.c.name == name)
        .values(holder=holder, epoch=leases.c.epoch + 1, expires_at=now(ttl_s))
    )
    return Lease(name, holder, row.epoch + 1, bereft=row.holder not in ("", holder))


@transaction
def renew(tx: Connection, lease: Lease, ttl_s: float) -> bool:
    """Another `ttl_s` seconds; False if the lease has expired or is somebody else's: then stop acting at once."""
    mine = {"mine": lease.name, "me": lease.holder, "mine_since": lease.epoch}
    return tx.execute(_renewing(ttl_s), mine).rowcount == 1


@transaction
def release(tx: Connection, lease: Lease) -> None:
    """Gives the name back at once; harmless if it is somebody else's by now."""
    tx.execute(update(leases).where(_is(lease)).values(holder="", expires_at=now()))


@functools.cache
def _renewing(ttl_s: float) -> Update:
    """Made once: idle workers do little else, and making it takes four times as long as running it."""
    mine = and_(
        leases.c.name == bindparam("mine"),
        leases.c.holder == bindparam("me"),
        leases.c.epoch == bindparam("mine_since"),
    )
    return update(leases).where(mine, leases.c.expires_at > now()).values(expires_at=now(ttl_s))


def _is(lease: Lease) -> ColumnElement[bool]:
    return and_(leases.c.name == lease.name, leases.c.holder == lease.holder, leases.c.epoch == lease.epoch)

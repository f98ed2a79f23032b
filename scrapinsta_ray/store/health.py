"""How the database and the fleet are, in a few cheap reads."""

from typing import Any

from sqlalchemy import Connection, select

from scrapinsta_ray.store import schema
from scrapinsta_ray.store.database import Database, now, reading
from scrapinsta_ray.store.tables import leases


def look(db: Database) -> dict[str, Any]:
    """`schema`: up to date; `dispatcher`: one is alive. Raises DatabaseAway."""
    if schema.pending(db):
        return {"schema": False, "dispatcher": False}
    return {"schema": True, "dispatcher": dispatcher_lives(db)}


@reading
def dispatcher_lives(tx: Connection) -> bool:
    """True while somebody holds the dispatcher's lease."""
    alive = select(leases.c.name).where(leases.c.name == "dispatcher", leases.c.expires_at > now())
    return tx.execute(alive).first() is not None

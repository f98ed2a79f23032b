"""The store of the settings, for commands that read or change it directly."""

import os
import pwd

from scrapinsta_ray import settings
from scrapinsta_ray.errors import Misconfigured
from scrapinsta_ray.store import schema
from scrapinsta_ray.store.database import Database


def database() -> tuple[settings.Settings, Database]:
    """The store of the settings; an embedded one is made and upgraded on the way.

    Raises Misconfigured if a server's schema is not that of this version.
    """
    found = settings.load()
    db = Database(found.url)
    if found.embedded:
        schema.upgrade(db)
    elif schema.pending(db):
        raise Misconfigured("The database is not that of this version: run `scrapinsta db upgrade` first.")
    return found, db


def actor() -> str:
    """Who types this command, for the audit log."""
    number = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(number).pw_name}"
    except KeyError:  # in a container, often nobody has a name
        return f"cli:{number}"

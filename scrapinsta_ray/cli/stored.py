"""The store of the settings, for commands that read or change it directly."""

from scrapinsta_ray import settings
from scrapinsta_ray.store import schema
from scrapinsta_ray.store.database import Database


def database() -> tuple[settings.Settings, Database]:
    """The store of the settings; an embedded one is made and upgraded on the way."""
    found = settings.load()
    db = Database(found.url)
    if found.embedded:
        schema.upgrade(db)
    return found, db

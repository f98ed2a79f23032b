"""A replica: all applications in a process of their own, as one of many at one database."""

import sys
from functools import partial

import uvicorn
from cryptography.fernet import Fernet, MultiFernet

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.processes import end_with_parent
from scrapinsta_ray.store import counters
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry.flusher import Flusher

SECRET = "x" * 43 + "="
"""What seals the signing keys of all replicas."""


def main(url: str, port: int) -> None:
    """Serves until it is killed, or its parent is gone."""
    end_with_parent()
    db = Database(url, pool_size=20)
    Flusher(partial(counters.add, db))
    apps = make_apps(db, Gate(db, MultiFernet([Fernet(SECRET)])))
    uvicorn.run(SideBySide(apps), port=port, log_level="error", lifespan="off")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

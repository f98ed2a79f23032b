"""`python -m scrapinsta_ray.bench.bare`: the floor of HTTP. The same applications in one bare uvicorn process.

Each request is a transaction of its own: results are not gathered. Settings are read as everywhere.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar
from unittest.mock import patch

import uvicorn
from anyio import to_thread

from scrapinsta_ray import processes, settings
from scrapinsta_ray.api import result
from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.store import counters
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import logs
from scrapinsta_ray.telemetry.flusher import Flusher

In = TypeVar("In")
Out = TypeVar("Out")

CONNECTIONS = 42
"""As many as Starlette has threads, and the flusher's."""


NICENESS = 15
"""What Ray gives its workers, replicas included: whoever else wants the processors slows both sides alike."""


class OneByOne(Generic[In, Out]):
    """Stands where `Gather` does: a transaction for each item, beside those of others."""

    def __init__(self, work: Callable[[Sequence[In]], Sequence[Out]]) -> None:
        self._work = work

    async def submit(self, item: In) -> Out:
        """The answer to `item`, after its commit."""
        [answer] = await to_thread.run_sync(self._work, [item])
        return answer


def main() -> None:
    """Serves on any free port, which it says, until its parent ends."""
    processes.end_with_parent()
    os.nice(NICENESS)
    found = settings.load()
    logs.configure(found.log_format, found.log_level)
    db = Database(found.url, pool_size=CONNECTIONS)
    with patch.object(result, "Gather", OneByOne):
        apps = make_apps(db, Gate(db, found.fernet))
    flusher = Flusher(partial(counters.add, db))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        print(f"bare: http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        config = uvicorn.Config(SideBySide(apps), access_log=False, log_level=logging.ERROR, lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])
    flusher.stop()


if __name__ == "__main__":
    main()

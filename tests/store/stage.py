"""A program that forks the actors of a test.

`python -m tests.store.stage` reads lines from its input, each a JSON list of actors to start, and answers each line
with the list of their process ids. It forks them, so that they need not import anything, and lets those of one line go
at the same moment.
"""

import ctypes
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scrapinsta_ray.store.database import Database
from tests.store.actors import ROLES, Actor, Log


def serve() -> None:
    """Starts actors as the lines of the input say, until it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them here
    for line in sys.stdin:
        waiting, go = os.pipe()
        pids = [start(actor, waiting, go) for actor in json.loads(line)]
        os.close(waiting)
        os.close(go)
        print(json.dumps(pids), flush=True)


def start(actor: Mapping[str, Any], waiting: int, go: int) -> int:
    parent = os.getpid()
    if pid := os.fork():
        return pid
    code = 1
    try:
        die_with(parent)
        os.close(go)
        os.read(waiting, 1)  # ends when nobody can write any more: when all are there
        code = play(**actor)
    finally:
        os._exit(code)


def die_with(parent: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def play(who: str, role: str, url: str, log: str, options: Mapping[str, Any]) -> int:
    mine = Log(Path(log), who)
    db = Database(url, pool_size=1)
    try:
        ROLES[role](Actor(db, mine, Path(log).parent, who), **options)
    except BaseException:  # noqa: BLE001 - whatever it is, the test must hear of it
        mine.note("failed", error=traceback.format_exc())
        return 1
    db.dispose()
    mine.note("end")
    return 0


if __name__ == "__main__":
    serve()

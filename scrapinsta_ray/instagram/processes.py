"""The machine's processes, from /proc on Linux and from `ps` elsewhere."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Process:
    """One living process. `started` tells it from a later process with the same pid."""

    pid: int
    group: int
    started: str
    command: str  # arguments joined by NUL on Linux (a renamed process: by spaces), by spaces elsewhere


def running() -> Iterator[Process]:
    """Every living process that we may look at; zombies are dead."""
    return _from_proc() if sys.platform == "linux" else _from_ps()


def started(pid: int) -> str | None:
    """When this process started, as an opaque word; None when there is no such living process."""
    found = _read(pid) if sys.platform == "linux" else next(_from_ps(pid), None)
    return found.started if found else None


def kill(process: Process) -> bool:
    """SIGKILL, unless the pid has gone to another process meanwhile. True when the signal was sent."""
    if started(process.pid) != process.started:
        return False
    with suppress(ProcessLookupError, PermissionError):
        os.kill(process.pid, signal.SIGKILL)
        return True
    return False


def wait_for_end(group: int, limit_s: float) -> bool:
    """Wait until no process of a group lives. False when some still do after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while any(process.group == group for process in running()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def memory(group: int) -> int:
    """Bytes that the processes of a group take: shared pages are divided among who shares them (Linux), or counted
    for each (elsewhere). 0 when there is no such process."""
    return sum(_share(process.pid) for process in running() if process.group == group)


def _share(pid: int) -> int:
    if sys.platform != "linux":
        told = subprocess.run(
            ["ps", "-p", str(pid), "-o", "rss="], capture_output=True, text=True, check=False
        )
        return int(told.stdout.strip() or 0) * 1024
    try:
        found = _PSS.search((_PROC / str(pid) / "smaps_rollup").read_text())
    except OSError:  # it ended meanwhile
        return 0
    return int(found[1]) * 1024 if found else 0


def _from_proc() -> Iterator[Process]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (process := _read(int(entry.name))):
            yield process


def _read(pid: int) -> Process | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
        command = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except OSError:  # it ended between the listing and the look
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    state, group, start = fields[0], fields[2], fields[19]
    return None if state in "ZX" else Process(pid, int(group), start, command)


def _from_ps(pid: int | None = None) -> Iterator[Process]:
    which = ["-ax"] if pid is None else ["-p", str(pid)]
    columns = ["-ww", "-o", "pid=,pgid=,stat=,lstart=,command="]
    listing = subprocess.run(["ps", *which, *columns], capture_output=True, text=True, check=False).stdout
    for line in listing.splitlines():
        words = line.split(None, 8)  # lstart is five words: Thu Jan  1 00:00:00 1970
        if len(words) == 9 and not words[2].startswith("Z"):
            yield Process(int(words[0]), int(words[1]), " ".join(words[3:8]), words[8])

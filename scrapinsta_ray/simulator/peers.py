"""Which browser is at the other end of a connection, as far as this machine can tell."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def browser_of(port: int) -> int | None:
    """The process id of the Chromium network process whose socket has this local port.

    Each browser has one such process, so two ids are two browsers, whatever cookies they share. None when the visitor
    is no Chromium, runs on another machine or in another container, or this is not Linux.
    """
    if sys.platform != "linux":
        return None
    inode = next(_inodes(port), None)
    return next(_holders(f"socket:[{inode}]"), None) if inode else None


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{port:04X}") and fields[9] != "0":
                    yield fields[9]


def _holders(link: str) -> Iterator[int]:
    for process in _PROC.iterdir():
        if process.name.isdecimal() and _is_chromium(process) and _holds(process, link):
            yield int(process.name)


def _is_chromium(process: Path) -> bool:
    with suppress(OSError):
        return (process / "comm").read_text().startswith("chrom")
    return False


def _holds(process: Path, link: str) -> bool:
    with suppress(OSError):
        return any(_target(one) == link for one in os.scandir(process / "fd"))
    return False


def _target(descriptor: os.DirEntry[str]) -> str:
    try:
        return os.readlink(descriptor.path)
    except OSError:
        return ""

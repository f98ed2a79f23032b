"""Who owns a browser's folder, and the end of browsers whose owner is gone.

Beside the folder `NAME` of a browser lies `NAME.owner`: the pid, start and process group of the process that
started it. A pid alone is not enough, since pids come back.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from scrapinsta_ray.errors import BrowserGone
from scrapinsta_ray.instagram import processes
from scrapinsta_ray.instagram.processes import Process

_LOCKS = ("SingletonLock", "SingletonCookie", "SingletonSocket")
_FOLDER = re.compile(r"--user-data-dir=(.*?)(?=\0| --|$)", re.DOTALL)
_DRIVER = "chromedriver"


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that started a browser, and the process group that the browser was put in."""

    pid: int
    started: str
    group: int

    def alive(self) -> bool:
        """Does this very process still run?"""
        return processes.started(self.pid) == self.started

    def has_browser(self, living: Iterable[Process]) -> bool:
        """Does anything of its browser live? The guard does from before the first claim to the end."""
        return any(process.group == self.group for process in living)


def claim(folder: Path, group: int) -> None:
    """Write down that this process owns the browser in `folder`, ending what a dead owner left in it.

    An unclosed browser of this same process is taken over, and so is the folder of a process that is stopped or hangs
    once its browser has ended. Raises BrowserGone when another living process has a browser in the folder.
    """
    owner, living = _owner(folder), list(processes.running())
    if owner and owner.pid != os.getpid() and owner.alive() and owner.has_browser(living):
        raise BrowserGone("Another living process has a browser in this folder.", folder=folder.name)
    _end([folder], living)
    _unlock(folder)
    mine = Owner(os.getpid(), processes.started(os.getpid()) or "", group)
    fresh = _owner_file(folder).with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(asdict(mine)))
    fresh.replace(_owner_file(folder))


def release(folder: Path) -> None:
    """The browser in `folder` is closed and has no owner any more."""
    _unlock(folder)
    _owner_file(folder).unlink(missing_ok=True)


def sweep_orphans(root: Path) -> int:
    """Kill the browsers in folders below `root` whose owner is gone, and remove their stale locks.

    Takes both Chromium and chromedriver; a browser of a living owner is never touched. Returns how many
    processes were killed. Safe to call at any time, from several processes at once.
    """
    root = root.resolve()
    living = list(processes.running())
    folders = {folder for process in living if (folder := _folder(process)) and root in folder.parents}
    folders |= {path.with_suffix("") for depth in ("*", "*/*") for path in root.glob(depth + ".owner")}
    orphaned = [folder for folder in folders if not ((owner := _owner(folder)) and owner.alive())]
    killed = _end(orphaned, living)
    for folder in orphaned:
        release(folder)
    return killed


def _end(folders: Iterable[Path], living: list[Process]) -> int:
    """Kill each process of the browsers in these folders; their chromedriver is known by its process group."""
    doomed = set(folders)
    groups = {owner.group for folder in doomed if (owner := _owner(folder))}
    groups |= {process.group for process in living if _folder(process) in doomed} - {os.getpgrp()}
    return sum(processes.kill(process) for process in living if _belongs(process, doomed, groups))


def _belongs(process: Process, folders: set[Path], groups: set[int]) -> bool:
    if _folder(process) in folders:
        return True
    return process.group in groups and _DRIVER in process.command


def _folder(process: Process) -> Path | None:
    found = _FOLDER.search(process.command)
    return Path(found[1]) if found else None


def _owner_file(folder: Path) -> Path:
    return folder.with_name(folder.name + ".owner")


def _owner(folder: Path) -> Owner | None:
    try:
        return Owner(**json.loads(_owner_file(folder).read_text()))
    except (OSError, ValueError, TypeError):  # none, or half a file from a machine that lost its power
        return None


def _unlock(folder: Path) -> None:
    for name in _LOCKS:
        (folder / name).unlink(missing_ok=True)

"""Where a secret may have got to: files, processes, and what Ray knows and shows of actors and tasks."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from tests.e2e.conftest import Command

STATES = """
import asyncio, json, sys
import grpc
from ray._raylet import GcsClient
from ray.util.state.state_manager import StateDataSourceClient

async def main(address):
    channel = grpc.aio.insecure_channel(address, options=[("grpc.max_receive_message_length", 2**28)])
    source = StateDataSourceClient(channel, GcsClient(address=address))
    texts = {}
    for kind in ("actor", "task", "worker", "node"):
        reply = await getattr(source, f"get_all_{kind}_info")()
        texts[kind] = str(reply)
    print(json.dumps(texts))

asyncio.run(main(sys.argv[1]))
"""
"""What `ray list actors`, `ray list tasks` and the dashboard draw from, asked of Ray itself."""


class Search:
    """Looks for secrets by name and text; tells where each was found, never its text."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        assert all(len(text) >= 8 for text in secrets.values()), "too short to be told from other text"
        self._needles = [
            (name, needle)
            for name, text in secrets.items()
            for needle in (text.encode(), text.encode("utf-16-le"))
        ]

    def files(self, folders: Iterable[Path], but: Iterable[Path] = ()) -> list[str]:
        """`name in file` for every regular file below the folders."""
        passed = set(but)
        return [
            f"{name} in {path}"
            for folder in folders
            for path in sorted(folder.rglob("*"))
            if path not in passed and path.is_file() and not path.is_symlink()
            for name in self.bytes(_content(path))
        ]

    def texts(self, texts: Mapping[str, str]) -> list[str]:
        """`name in title` for every text."""
        return [f"{name} in {title}" for title, text in texts.items() for name in self.bytes(text.encode())]

    def bytes(self, data: bytes) -> set[str]:
        """The names of those that are in there."""
        return {name for name, needle in self._needles if needle in data}


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # gone in the meantime
        return b""


def ray_folder(command: Command) -> Path:
    """The session's folder: logs, sockets, what was started how."""
    return Path(of_raylet(command, r"--session_dir=(\S+)"))


def ray_states(command: Command) -> dict[str, str]:
    """What Ray says of its actors, tasks, workers and nodes."""
    address = of_raylet(command, r"--gcs-address=(\S+)")
    program = [sys.executable, "-c", STATES, address]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=True)
    states: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return states


def of_raylet(command: Command, pattern: str) -> str:
    """What the command line of the raylet says; `pattern` has one group."""
    for process in command.named("raylet"):
        if found := re.search(pattern, " ".join(_of(process, "cmdline"))):
            return found[1]
    raise AssertionError("there is no raylet")


def command_lines(command: Command) -> dict[str, str]:
    """Of every process of the system."""
    return {f"the command line of {p.pid}": " ".join(_of(p, "cmdline")) for p in command.processes()}


def environments(command: Command) -> Iterator[tuple[str, dict[str, str]]]:
    """Command line and environment of every process of the system."""
    for process in command.processes():
        yield " ".join(_of(process, "cmdline")), dict(_of(process, "environ"))


def _of(process: psutil.Process, what: str) -> Any:
    try:
        return getattr(process, what)()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return {} if what == "environ" else []

"""Starts actors as processes, watches their log, kills them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scrapinsta_ray.store.database import Database
from tests.store.history import Event
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Crew:
    """The actors of one test, which share a database and a log."""

    url: str
    folder: Path
    stage: "subprocess.Popen[str]"
    pids: dict[str, int] = field(default_factory=dict)
    killed: set[str] = field(default_factory=set)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def start(self, role: str, *options: dict[str, Any], times: int = 1) -> list[str]:
        """One actor for each of `options`, or `times` of them with the same; they begin together. Their names."""
        every = [one for one in options or ({},) for _ in range(times)]
        names = [f"{role} {len(self.pids) + i}" for i in range(len(every))]
        self.pids |= dict(zip(names, self._fork(role, names, every), strict=True))
        return names

    def _fork(self, role: str, names: list[str], options: list[dict[str, Any]]) -> list[int]:
        assert self.stage.stdin and self.stage.stdout
        actors = [
            {"who": who, "role": role, "url": self.url, "log": str(self.log), "options": one}
            for who, one in zip(names, options, strict=True)
        ]
        self.stage.stdin.write(json.dumps(actors) + "\n")
        self.stage.stdin.flush()
        pids: list[int] = json.loads(self.stage.stdout.readline())
        return pids

    def kill(self, name: str) -> None:
        """kill -9."""
        os.kill(self.pids[name], signal.SIGKILL)
        self.killed.add(name)
        until(lambda: not alive(self.pids[name]))

    def enough(self) -> None:
        """Tells those who enqueue that no more is wanted."""
        (self.folder / "enough").touch()

    def stop(self) -> None:
        """Tells those who go on for ever to stop, and waits for everybody."""
        (self.folder / "stop").touch()
        self.wait()

    def wait(self, limit_s: float = 60) -> None:
        """Until every actor has ended, or was killed. Raises what an actor raised."""
        until(lambda: not any(alive(pid) for pid in self.pids.values()), limit_s)
        self.check()
        ended = {event["who"] for event in self.events() if event["what"] == "end"}
        assert self.pids.keys() - self.killed - ended == set()

    def check(self) -> None:
        errors = [event["error"] for event in self.events() if event["what"] == "failed"]
        assert not errors, "\n".join(errors)

    def events(self) -> list[Event]:
        if not self.log.exists():
            return []
        lines = self.log.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def count(self, what: str, phase: str = "ended") -> int:
        self.check()
        return sum(event["what"] == what and event["phase"] == phase for event in self.events())


@contextlib.contextmanager
def stage() -> Iterator["subprocess.Popen[str]"]:
    """A process that forks actors, and ends with all of them."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.store.stage"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def crew(url: str, folder: Path, on: "subprocess.Popen[str]") -> Iterator[Crew]:
    """Actors on a stage; those still there at the end are killed."""
    folder.mkdir(exist_ok=True)
    every = Crew(url, folder, on)
    try:
        yield every
    finally:
        for name, pid in every.pids.items():
            if alive(pid):
                every.kill(name)


def address(db: Database) -> str:
    return db.engine.url.render_as_string(hide_password=False)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

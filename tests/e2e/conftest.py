"""Whole systems, started as a user starts them, and counted by the process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scrapinsta_ray.client import Client
from scrapinsta_ray.processes import send
from tests.processes import title
from tests.waiting import until

__all__ = ["Command", "Kept", "until"]


class Command:
    """`scrapinsta ...` in a process of its own. Whatever it starts is known by the home folder in its environment."""

    def __init__(self, home: Path, *arguments: str, program: tuple[str, ...] = (), **settings: str) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self._out, self._err = home / "stdout", home / "stderr"
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCRAPINSTA_", "RAY_"))}
        environment |= {"SCRAPINSTA_HOME": str(home), **settings}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [*(program or (sys.executable, "-m", "scrapinsta_ray")), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def stdout(self) -> str:
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="replace")

    def said(self, prefix: str) -> str:
        """The rest of a line on stderr or stdout that begins with `prefix`, or nothing yet."""
        if self._process.poll() is not None:
            pytest.fail(
                f"it ended with {self._process.returncode}:\n{self.stdout[-1000:]}{self.stderr[-3000:]}"
            )
        lines = (self.stdout + self.stderr).splitlines(keepends=True)
        found = (line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix))
        return next(found, "")

    def interrupt(self, limit_s: float = 60) -> int:
        """Ctrl-C; its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(limit_s)

    def wait(self, limit_s: float) -> int:
        """Its exit code, when it ends by itself."""
        return self._process.wait(limit_s)

    def processes(self) -> list[psutil.Process]:
        """Every living process that this command started, however far down and whoever its parent is now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def named(self, text: str) -> list[psutil.Process]:
        """Those of its processes whose command line or title has `text`."""
        return [process for process in self.processes() if text in title(process)]

    def titles(self, text: str) -> list[str]:
        """The command lines and titles that have `text`."""
        return [found for found in map(title, self.processes()) if text in found]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            # Chromium's children write over their environment
            home = process.environ().get("SCRAPINSTA_HOME", "")
            return Path(home).is_relative_to(self.home) or f"--user-data-dir={self.home}/" in title(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False

    def end(self) -> None:
        """Whatever is left of it is killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
        send(signal.SIGKILL, self.processes())
        self._process.wait()


class Kept:
    """A demo that goes on running after its campaign."""

    def __init__(self, command: Command) -> None:
        self.command = command
        until(lambda: command.said("Everything goes on"), 240, "the demo's campaign")
        self.url, self.site, self.key = (command.said(f"{name}:") for name in ("console", "site", "key"))

    def client(self) -> Client:
        """The demo's client, as its account client_1."""
        return Client(self.url, self.key, "client_1")


@pytest.fixture(scope="package")
def a_kept_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """One demo for several files of this folder, with short leases, so that what is killed is missed soon."""
    command = Command(
        tmp_path_factory.mktemp("kept"),
        *("demo", "--profiles", "12", "--port", "0", "--keep", "--json"),
        SCRAPINSTA_LEASE_TTL_S="5",
        SCRAPINSTA_TASK_LEASE_TTL_S="6",
        SCRAPINSTA_RETRY_BASE_S="1",
        SCRAPINSTA_LOG_LEVEL="DEBUG",
    )
    try:
        yield Kept(command)
    finally:
        command.end()

"""Where Chromium is, and a chromedriver that cannot outlive us."""

import logging
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.selenium_manager import SeleniumManager

from scrapinsta_ray.errors import BrowserGone, BrowserMissing
from scrapinsta_ray.instagram import processes
from scrapinsta_ray.settings import child_environment

log = logging.getLogger(__name__)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_MAC_APPS = ("Google Chrome", "Chromium")
_DYING_S = 5.0
"""A killed process first gives back its memory, which takes a moment, and longer on a busy machine."""
_STARTED = re.compile(rb"started successfully on port (\d+)")

# Each line that it reads is a number of seconds, after which it kills its group unless another line has come. At the
# end of its input it does so at once. It waits for whatever it starts, so that nobody else has to.
_GUARD = """
while read -r seconds; do
  [ -z "$last" ] || { kill "$last"; wait "$last"; }
  (trap 'kill -9 $!; wait; exit' TERM; sleep "$seconds" & wait $!; kill -9 0) & last=$!
done
kill -9 0
"""


def find_chromium(binary: str | None = None) -> str:
    """Path of Chromium or Chrome: `binary` if given, PATH, macOS's applications, then Selenium Manager.

    Raises BrowserMissing, whose sentence says what to install.
    """
    if binary:
        return _existing(binary)
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or _mac_application() or _managed("browser_path")


def find_chromedriver(chromium: str, driver: str | None = None) -> str:
    """Path of chromedriver: `driver` if given, PATH, else the one Selenium Manager gets for this Chromium.

    Raises BrowserMissing.
    """
    if driver:
        return _existing(driver)
    return shutil.which("chromedriver") or _managed("driver_path", "--browser-path", chromium)


def _existing(path: str) -> str:
    found = shutil.which(path)
    if not found:
        raise BrowserMissing(f"There is no program {path!r}: set the right path, or install Chromium.")
    return found


def _mac_application() -> str | None:
    if platform.system() != "Darwin":
        return None
    homes = (Path("/Applications"), Path.home() / "Applications")
    paths = (home / f"{app}.app/Contents/MacOS/{app}" for home in homes for app in _MAC_APPS)
    return next((str(path) for path in paths if path.exists()), None)


def _managed(key: str, *arguments: str) -> str:
    asked = ["--browser", "chrome", "--timeout", "30", *arguments]
    try:
        found = SeleniumManager().binary_paths(asked).get(key)
    except (WebDriverException, OSError) as error:
        raise BrowserMissing() from error
    if not found:
        raise BrowserMissing()
    return str(found)


class DriverProcess:
    """A chromedriver on a port of its own choosing, in a process group that dies with this Python process.

    The group's first member is a shell that reads a pipe which only we hold open. However we end, even by
    SIGKILL, the pipe closes and the shell kills its group: itself, chromedriver and Chromium. The shell starts
    before chromedriver, so there is no moment without a guard, and while it lives the group's number is not
    given to anybody else. A process that is stopped keeps the pipe open: `limit_life` is for that.
    """

    def __init__(self, chromedriver: str, limit_s: float = 20) -> None:
        """Start it; raises BrowserGone when it does not listen within `limit_s` seconds."""
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
            env=child_environment(secrets=False),
        )
        self.group = self._guard.pid
        self._driver: subprocess.Popen[bytes] | None = None
        try:
            self._driver = self._start(chromedriver)
        except OSError as error:
            self.stop()
            raise BrowserMissing(f"chromedriver does not start: {error.strerror}.") from error
        try:
            self.url = f"http://127.0.0.1:{_port(self._driver, limit_s)}"
        except BrowserGone:
            self.stop()
            raise

    def alive(self) -> bool:
        """Do chromedriver and its guard still run?"""
        return self._guard.poll() is None and self._driver_runs()

    def limit_life(self, seconds: float) -> None:
        """The whole group is killed `seconds` from now, whatever becomes of us, unless this is called again before."""
        assert self._guard.stdin is not None
        with suppress(OSError, ValueError):  # it has ended already
            self._guard.stdin.write(f"{max(0.0, seconds):.2f}\n".encode())
            self._guard.stdin.flush()

    def kill(self) -> bool:
        """Kill the whole group, and wait for nothing. False when it was dead already."""
        if self._guard.poll() is not None and not self._driver_runs():
            return False  # the number may be somebody else's by now
        with suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)
        return True

    def stop(self) -> None:
        """Kill the whole group and wait for its end, so that its folder is free. May be called again."""
        killed = self.kill()
        for process in (self._guard, self._driver):
            if process is not None:
                process.wait()
                _close_pipes(process)
        if killed and not processes.wait_for_end(self.group, _DYING_S):
            log.warning("a browser was killed and still has processes, group %d", self.group)

    def _driver_runs(self) -> bool:
        return self._driver is not None and self._driver.poll() is None

    def _start(self, chromedriver: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [chromedriver, "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=self.group,
            env=child_environment(secrets=False),  # pages of others run in there
        )


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _port(driver: subprocess.Popen[bytes], limit_s: float) -> int:
    """The port that chromedriver says it listens on."""
    assert driver.stdout is not None
    said = b""
    deadline = time.monotonic() + limit_s
    while not (found := _STARTED.search(said)):
        piece = _next_piece(driver.stdout, deadline - time.monotonic())
        if not piece:
            raise BrowserGone("chromedriver did not start.")
        said += piece
    return int(found[1])


def _next_piece(pipe: IO[bytes], limit_s: float) -> bytes:
    """What the pipe has within the limit; nothing at its end or when the limit has passed."""
    ready, _, _ = select.select([pipe], [], [], max(0.0, limit_s))
    return os.read(pipe.fileno(), 65536) if ready else b""

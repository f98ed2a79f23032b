"""An idle Chromium that really rests: its processes are stopped, and go on with the next command to it.

Even with an empty page it does chores some ten times a second, which for a hundred idle accounts is a core.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import psutil
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection


class Rest:
    """The rest of a process and all that it started. Whoever speaks to it does so within `interrupted`."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._stopped: list[psutil.Process] = []
        self._commands = 0
        self._turn = threading.Lock()

    def begin(self) -> None:
        """Stops it (SIGSTOP), unless somebody speaks to it just now."""
        with self._turn, suppress(psutil.Error):
            if not self._commands:
                while running := self._running():
                    self._stopped += running
                    _each(psutil.Process.suspend, running)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """It runs while the body does, and goes on afterwards."""
        with self._turn:
            self._commands += 1
            self._go_on()
        try:
            yield
        finally:
            with self._turn:
                self._commands -= 1

    def _running(self) -> list[psutil.Process]:
        """Those not stopped yet: it may have begun one of them while the others were being stopped."""
        tree = [self._root, *self._root.children(recursive=True)]
        return [process for process in tree if process not in self._stopped]

    def _go_on(self) -> None:
        _each(psutil.Process.resume, self._stopped)
        self._stopped = []


def _each(act: Callable[[psutil.Process], None], processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):  # it has ended, or is root's, as the helper of Chromium's sandbox
            act(process)


class WakingConnection(ChromiumRemoteConnection):
    """The way to a chromedriver whose Chromium may rest."""

    rest: Rest | None = None

    def execute(self, command: str, params: dict[str, Any]) -> Any:
        """As Selenium's, with Chromium awake."""
        with self.rest.interrupted() if self.rest else nullcontext():
            return super().execute(command, params)  # type: ignore[no-untyped-call]

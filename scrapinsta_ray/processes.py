"""Child processes that never outlive their purpose."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from scrapinsta_ray.errors import StartFailed

_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36

_AGAIN_S = 0.05
"""After so long an interrupt that Python dropped is raised again."""


def adopt_orphans() -> None:
    """From now on descendants whose parent dies become our children, so that `end_descendants` finds them (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """SIGTERM for us when our parent is gone, however it went."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def end_descendants(limit_s: float = 5) -> int:
    """Ends every process below this one: asks first, then kills; returns how many there were."""
    found = psutil.Process().children(recursive=True)
    send(signal.SIGTERM, found)
    _gone, alive = psutil.wait_procs(found, limit_s)
    send(signal.SIGKILL, alive)
    psutil.wait_procs(alive, limit_s)
    while late := psutil.Process().children(recursive=True):  # born while we were at it
        send(signal.SIGKILL, late)
        psutil.wait_procs(late, limit_s)
    return len(found)


def lives(process: psutil.Process) -> bool:
    """Is it there, and not only its zombie?"""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def send(number: int, processes: Iterable[psutil.Process]) -> None:
    """A signal to each; those that the end of another one took with it are passed over."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


class Child:
    """A program of ours in a session of its own, so that the terminal's Ctrl-C reaches only us; it writes to `log`."""

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path
    ) -> None:
        self._name = " ".join([module.rpartition(".")[2], *arguments[:1]])
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def announced(self, prefix: str, limit_s: float) -> str:
        """Waits for a line that begins with `prefix`; the rest of it. Raises StartFailed with the end of the log."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            lines = self._log.read_text(errors="replace").splitlines(keepends=True)
            complete = (line for line in lines if line.startswith(prefix) and line.endswith("\n"))
            if line := next(complete, None):
                return line.removeprefix(prefix).strip()
            if self._process.poll() is not None:
                raise StartFailed(f"{self._name} ended:\n{''.join(lines[-10:])}")
            time.sleep(0.1)
        raise StartFailed(f"{self._name} did not come up within {limit_s:.0f} s (log: {self._log}).")

    def end(self, limit_s: float) -> bool:
        """Asks it to end by SIGTERM, then kills it; True if it ended by itself."""
        if self._process.poll() is not None:
            return True
        self._process.terminate()
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return True


def free_port() -> int:
    """A TCP port of the loopback address that nobody has now.

    Below those that systems give away by themselves: nobody gets it by chance before it is used. Raises StartFailed.
    """
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise StartFailed("no port between 20000 and 30000 seems to be free")


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Replaces this process by `python -m module`."""
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGINT and SIGTERM are KeyboardInterrupt here, whatever they meet: what was started is ended, folders go.

    Python drops an exception within a `__del__` or a weak reference's callback, of which each import has one, and makes
    a RuntimeError of one within the making of a class. The one is raised again a moment later, the other made good.
    """
    asked = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        raise KeyboardInterrupt

    def dropped(what: "sys.UnraisableHookArgs") -> None:
        if asked and issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
        else:
            hook(what)

    hook, sys.unraisablehook = sys.unraisablehook, dropped
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    try:
        yield
    except RuntimeError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = hook
        for one, handler in before.items():
            signal.signal(one, handler)


def wait_for_ctrl_c() -> None:
    """Returns at Ctrl-C."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return

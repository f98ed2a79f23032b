"""Processes that may end at any moment, while a test looks at them."""

import contextlib
from collections.abc import Iterable

import psutil


def send(number: int, processes: Iterable[psutil.Process]) -> None:
    """A signal to each; those that the end of another one took with it are passed over."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def title(process: psutil.Process) -> str:
    """Its command line, or what it calls itself; nothing when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""

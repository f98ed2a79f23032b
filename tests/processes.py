"""Processes that may end at any moment, while a test looks at them."""

import psutil


def title(process: psutil.Process) -> str:
    """Its command line, or what it calls itself; nothing when it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""

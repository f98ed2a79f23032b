"""Waiting for a condition, with a limit; never for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], limit_s: float = 30, what: str = "what was waited for") -> T:
    """The first true answer of `look`, which is asked again until the limit."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s:.0f} s"
        time.sleep(0.02 if limit_s <= 30 else 0.1)
    return found

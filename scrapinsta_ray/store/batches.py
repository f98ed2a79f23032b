"""Long lists, a part at a time."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

CHUNK = 1000
"""Values in one IN list."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`values` in order, in lists of at most `size`."""
    every = list(values)
    return (every[i : i + size] for i in range(0, len(every), size))

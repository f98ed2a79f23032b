"""Long lists, a part at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, literal, or_

T = TypeVar("T")

CHUNK = 1000
"""Values in one IN list."""


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`values` in order, in lists of at most `size`."""
    every = list(values)
    return (every[i : i + size] for i in range(0, len(every), size))


def behind(key: Sequence[ColumnElement[Any]], at: Sequence[Any]) -> ColumnElement[bool]:
    """(a, b) > (x, y) in words of which every server makes a range of the primary key (a) or (a, b)."""
    first = key[0] > literal(at[0])
    return or_(first, and_(key[0] == at[0], key[1] > at[1])) if len(key) > 1 else first

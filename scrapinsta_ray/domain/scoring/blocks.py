"""Statistics of each profile's media at once: ragged groups as a few rectangular blocks.

Profiles are gathered by how many media they have, 1, 2, up to 4, up to 8 and so on, so that each block of G profiles is
a matrix (G, K) of which more than half is filled, and NumPy sorts along its rows. Where neighbours have equally many,
as in a page of the site, the matrix is the column itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scrapinsta_ray.domain.scoring.columns import Bools, Floats, Ints

CELLS = 1 << 17
"""Cells of a block at most (unless one profile alone has more): a few such matrices stay in a processor's cache."""


@dataclass(frozen=True, slots=True)
class Block:
    """`rows`: (G,) profiles; `media`: (G, K) index of each one's media, `filled` where there is one.

    A slice in place of `media` is those media in their order, and all of the matrix is filled.
    """

    rows: Ints
    media: Ints | slice
    filled: Bools

    def of(self, column: Floats) -> Floats:
        """An (M,) column as (G, K), NaN where there is no media."""
        if isinstance(self.media, slice):
            return column[self.media].reshape(self.filled.shape)
        return np.where(self.filled, column[self.media], np.nan)

    def has(self, flags: Bools) -> Bools:
        """An (M,) column of flags as (G, K), False where there is no media."""
        if isinstance(self.media, slice):
            return flags[self.media].reshape(self.filled.shape)
        return self.filled & flags[self.media]


def blocks(owner: Ints, n: int) -> Iterator[Block]:
    """Blocks that hold each of `n` profiles with media once, with all its media. `owner`: (M,), in any order."""
    order = None if (owner[1:] >= owner[:-1]).all() else np.argsort(owner, kind="stable")
    count = np.bincount(owner, minlength=n)
    start = np.cumsum(count) - count
    width = 1
    while width < 2 * count.max(initial=0):
        rows = np.flatnonzero((count > width // 2) & (count <= width))
        height = max(1, CELLS // width)
        for first in range(0, len(rows), height):
            some = rows[first : first + height]
            yield _block(some, start[some], count[some], order)
        width *= 2


def _block(rows: Ints, start: Ints, count: Ints, order: Ints | None) -> Block:
    width = int(count.max())
    cells = len(rows) * width
    if order is None and count.min() == width and start[-1] - start[0] == cells - width:
        return Block(rows, slice(start[0], start[0] + cells), np.ones((len(rows), width), dtype=np.bool_))
    place = np.arange(width)
    filled = place < count[:, None]
    at = np.where(filled, start[:, None] + place, start[:, None])
    return Block(rows, at if order is None else order[at], filled)


_KEPT = np.array([np.nan, 1.0])


def only(values: Floats, flags: Bools) -> Floats:
    """`values`, NaN where not `flags`. Without a branch, which a processor would guess wrong for every other media."""
    kept: Floats = values * _KEPT.take(flags.view(np.int8), mode="clip")
    return kept


def count(flags: Bools) -> Floats:
    """How many there are in each row: (G, K) to (G,). A product is far quicker than sums along short rows."""
    return np.asarray(flags @ np.ones(flags.shape[1]), dtype=np.float64)


def interquartile_mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of what lies between the quartiles of each row; (G, K) both, never negative; NaN is left out.

    The quarter of the weight with the lowest values and the quarter with the highest are left out, a value that lies
    across a quartile counts with the part of its weight inside. NaN for a row without values.
    https://en.wikipedia.org/wiki/Interquartile_mean
    """
    rows, width = values.shape
    order = np.argsort(np.fmin(values, np.inf), axis=1)  # NaN last; infinity is quicker to sort
    order += np.arange(0, rows * width, width)[:, None]
    value = np.fmax(values.take(order, mode="clip"), 0.0)  # 0 for NaN, whose weight is 0
    until = np.cumsum((weights * ~np.isnan(values)).take(order, mode="clip"), axis=1)
    total = until[:, -1:]
    inside = np.minimum(until, 0.75 * total)
    inside[:, 1:] -= np.maximum(until[:, :-1], 0.25 * total)
    inside[:, :1] -= 0.25 * total
    return over(np.einsum("gk,gk->g", value, np.maximum(inside, 0.0)), 0.5 * total[:, 0])


def relative_spread(values: Floats, middle: Floats, weights: Floats) -> Floats:
    """Weighted mean of |value - middle| / (value + middle) of each row; (G, K), (G,), (G, K), never negative.

    0 if all are alike, towards 1 if they have nothing in common. NaN values count for nothing; NaN for a row without.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0, which is alike
        apart = np.fmax(np.abs(values - middle[:, None]) / (values + middle[:, None]), 0.0)
    known = weights * ~np.isnan(values)
    return over(np.einsum("gk,gk->g", apart, known), known.sum(axis=1))


def over(part: Floats, whole: Floats) -> Floats:
    """part / whole; NaN where the whole is nothing."""
    quotient: Floats = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
    return quotient

"""One profile after another: a formula in plain Python, which Numba compiles when there are many.

So a formula is written once, for one profile, with its loops over media as one would say them. Of few profiles it runs
as it stands: a program that never scores many never loads the compiler (half a second, 120 MB). The compiled code is
kept where Numba can write: beside this package, else in the user's cache, else for this process alone.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from scrapinsta_ray.domain.scoring.columns import Columns, Floats

MANY = 20_000
"""Media from which on it is compiled: below, that takes longer than the work."""

MANY_OF_ONE = 1_000
"""Media of a single profile from which on it is compiled: a formula may take the square of their number."""

Formula = Callable[..., None]
"""Called as formula(first, followers, posts, private, likes, comments, views, age, read_age, pinned, hidden, video,
scratch, out): media first[i] to first[i + 1] are those of profile i, and its results go to out[0][i], out[1][i] and so
on. `scratch` has rows longer than the most media that anyone has. All of them are lists, or arrays when compiled.
"""


def of_each(
    formula: Formula, parts: Sequence[Callable[..., Any]], columns: Columns, results: int, scratch: int
) -> Floats:
    """`results` numbers of each of N profiles: (results, N). `parts`: the functions that the formula calls, and those
    that they call; `scratch`: rows that it needs."""
    n, count = len(columns.followers), np.bincount(columns.owner, minlength=len(columns.followers))
    first = np.concatenate([[0], np.cumsum(count)]).astype(
        np.uint64
    )  # of which Numba knows that none is negative
    read = [first, columns.followers, columns.posts, columns.private, *_by_owner(columns)]
    shape, width = (results, n), int(count.max(initial=0))
    if len(columns.owner) < MANY and width < MANY_OF_ONE:
        out = np.zeros(shape).tolist()
        formula(*(column.tolist() for column in read), np.zeros((scratch, width + 1)).tolist(), out)
        return np.array(out, dtype=np.float64).reshape(shape)
    compiled, numbers = _compiled(formula, tuple(parts)), np.empty(shape)
    compiled(*map(_frozen, read), np.empty((scratch, width + 1)), numbers)
    return numbers


def _by_owner(columns: Columns) -> list[Any]:
    owner = columns.owner
    names = ("likes", "comments", "views", "age", "read_age", "pinned", "hidden", "video")
    of_media = [getattr(columns, name) for name in names]
    if (owner[1:] >= owner[:-1]).all():
        return of_media
    order = np.argsort(owner, kind="stable")
    return [column[order] for column in of_media]


def _frozen(column: Any) -> Any:
    """One type of array for all, whatever it was made from: Numba compiles anew for each."""
    column = np.ascontiguousarray(column).view()
    column.flags.writeable = False
    return column


@cache
def _compiled(formula: Formula, parts: Sequence[Callable[..., Any]]) -> Formula:
    import numba
    from numba.extending import register_jitable

    for part in parts:
        register_jitable(part)
    compiles: Any = partial(numba.jit, nopython=True, nogil=True, error_model="numpy")
    try:
        made: Formula = compiles(formula, cache=True)
    except RuntimeError:  # no folder to keep it in
        made = compiles(formula)
    return made

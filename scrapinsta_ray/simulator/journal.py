"""Every request of the site, column by column: 100,000 of them are a few megabytes and are told in milliseconds."""

from array import array
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.simulator.kinds import KINDS
from scrapinsta_ray.simulator.times import moment

NOBODY = ""
_KIND = {kind: number for number, kind in enumerate(KINDS)}


@dataclass(frozen=True, slots=True)
class Question:
    """Which requests somebody wants to hear of; times in seconds since 1970, the window in seconds."""

    account: str | None = None
    kinds: Collection[str] = ()
    since: float = 0.0
    until: float = float("inf")
    window: float = 3600.0
    limit: int = 1000


class Journal:
    """When each account asked for what, and what it was answered."""

    def __init__(self) -> None:
        self._accounts: dict[str, int] = {NOBODY: 0}
        self._at, self._status = array("d"), array("H")
        self._account, self._kind = array("H"), array("B")
        self._method: list[str] = []
        self._path: list[str] = []

    def __len__(self) -> int:
        return len(self._at)

    def note(self, at: float, account: str | None, method: str, path: str, kind: str) -> int:
        """Write a request down before it is answered; its row, for `answered`."""
        self._at.append(at)
        self._status.append(0)
        self._account.append(self._accounts.setdefault(account or NOBODY, len(self._accounts)))
        self._kind.append(_KIND[kind])
        self._method.append(method)
        self._path.append(path)
        return len(self._at) - 1

    def answered(self, row: int, status: int) -> None:
        """0 stays for what got no answer: a reset, or a visitor who left."""
        self._status[row] = status

    def tell(self, asked: Question) -> dict[str, Any]:
        """Counts, gaps and the busiest window of the requests asked for, and the last `limit` of them."""
        rows = self._rows(asked)
        at = np.frombuffer(self._at.tobytes())[rows]
        kinds = Counter(KINDS[self._kind[row]] for row in rows)
        statuses = Counter(self._status[row] for row in rows)
        return {
            "count": len(rows),
            "by_kind": dict(kinds),
            "by_status": {str(status): count for status, count in sorted(statuses.items())},
            "first": moment(at[0]) if len(at) else None,
            "last": moment(at[-1]) if len(at) else None,
            "gaps": _gaps(at),
            "busiest": _busiest(at, asked.window),
            "requests": [self._row(int(row)) for row in rows[-asked.limit :]] if asked.limit else [],
        }

    def accounts(self) -> dict[str, int]:
        """How many requests each account made; "" is whoever was not logged in."""
        counts = np.bincount(np.frombuffer(self._account.tobytes(), np.uint16), minlength=len(self._accounts))
        return {name: int(counts[number]) for name, number in self._accounts.items()}

    def _rows(self, asked: Question) -> NDArray[np.intp]:
        at = np.frombuffer(self._at.tobytes())
        wanted = (at >= asked.since) & (at <= asked.until)
        if asked.account is not None:
            number = self._accounts.get(asked.account, -1)
            wanted &= np.frombuffer(self._account.tobytes(), np.uint16) == number
        if asked.kinds:
            numbers = [_KIND[kind] for kind in asked.kinds]
            wanted &= np.isin(np.frombuffer(self._kind.tobytes(), np.uint8), numbers)
        return np.flatnonzero(wanted)

    def _row(self, row: int) -> dict[str, Any]:
        return {
            "at": self._at[row],
            "method": self._method[row],
            "path": self._path[row],
            "kind": KINDS[self._kind[row]],
            "status": self._status[row],
        }


def _gaps(at: NDArray[np.float64]) -> dict[str, float] | None:
    """Seconds between one request and the next."""
    if len(at) < 2:
        return None
    gaps = np.diff(at)
    return {"min": float(gaps.min()), "median": float(np.median(gaps)), "max": float(gaps.max())}


def _busiest(at: NDArray[np.float64], window: float) -> dict[str, Any] | None:
    """The most requests within any `window` seconds, and when those began."""
    if not len(at):
        return None
    counts = np.searchsorted(at, at + window, side="left") - np.arange(len(at))
    start = int(counts.argmax())
    return {"window_s": window, "requests": int(counts[start]), "from": moment(at[start])}

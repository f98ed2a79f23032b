"""The accounts as the dispatcher sees them: who is there, and who could begin what.

Reading all of them for each task that ends would cost more than the task. So those who ended one are read anew, the
others once a second; and who has a task of ours in hand we know ourselves.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.domain.routing import ACTIONS, Candidate
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database

EVERY_S = 1.0
"""So long what an operator, or another process, changed may go unseen. Each worker looks for itself before it acts."""

SHORTEST_S = 0.05
"""No wait is shorter."""

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """An account, and when it was seen (monotonic)."""

    account: Account
    at: float

    def starts_in_s(self, kind: Kind, pace: Pace) -> float:
        """Seconds from now until it may begin a task of that kind."""
        starts = [self.account.next_start(action, pace)[0] for action in ACTIONS[kind]]
        return (max(starts) - self.account.now).total_seconds() - (time.monotonic() - self.at)


class Roll:
    """All accounts, called before each round of the dispatcher; belongs to its loop, but for `call`."""

    def __init__(self, db: Database, pace: Pace) -> None:
        self._db = db
        self._pace = pace
        self._seen: dict[str, _Seen] = {}
        self._all_at = -inf
        self._changed: set[str] = set()
        self._busy: set[str] = set()
        self._handed: dict[str, None] = {}  # the tasks that were given out last
        self._gone: dict[str, tuple[str | None, float]] = {}  # by account: whose worker, and until when
        self._rests: dict[str, float] = {}

    def call(self) -> None:
        """Reads whom it must. A read that fails is made up for by the next."""
        began = time.monotonic()
        changed = set()
        while self._changed:  # the loop adds to it meanwhile
            changed.add(self._changed.pop())
        try:
            if began - self._all_at >= EVERY_S:
                self._seen = {one.username: _Seen(one, began) for one in accounts.everyone(self._db)}
                self._all_at = began
            elif changed:
                there = {one.username: _Seen(one, began) for one in accounts.some(self._db, changed)}
                gone = changed - there.keys()
                self._seen = {
                    name: there.get(name, seen) for name, seen in self._seen.items() if name not in gone
                }
        except BaseException:
            self._changed |= changed
            raise

    def any_busy(self) -> bool:
        """Has any account a task of ours in hand?"""
        return bool(self._busy)

    def holder(self, username: str) -> str | None:
        """Which process held the account when it was last seen."""
        seen = self._seen.get(username)
        return seen.account.worker if seen else None

    def free(self, kinds: Iterable[Kind]) -> tuple[list[Candidate], float]:
        """Who may begin a task of some of `kinds` now, and in how many seconds the next one may (`inf`: nobody)."""
        able, waits = [], [inf]
        for seen in self._seen.values():
            account = seen.account
            if not self._has_hands(account):
                continue
            in_s = {kind: seen.starts_in_s(kind, self._pace) for kind in kinds}
            now = frozenset(kind for kind, wait_s in in_s.items() if wait_s <= 0)
            if now:
                able.append(Candidate(account.username, account.failures, account.last_used_at, now))
            waits += [max(wait_s, SHORTEST_S) for wait_s in in_s.values() if wait_s > 0]
        return able, min(waits)

    def _has_hands(self, account: Account) -> bool:
        """Active, with a worker that lives and has nothing to do. A task of an earlier dispatcher's counts too.

        One that we gave out does not: if it is in hand we know, and it may be done before that is written.
        """
        if account.status != "active" or account.worker is None:
            return False
        if account.username in self._busy or account.username in self._changed:
            return False
        if account.task_id and account.task_id not in self._handed:
            return False
        holder, until = self._gone.get(account.username, (None, 0.0))
        if account.worker == holder and time.monotonic() < until:
            return False
        return time.monotonic() >= self._rests.get(account.username, 0.0)

    # ---- what happens between two calls ------------------------------------------------------------------

    def begins(self, username: str, task_id: str) -> None:
        """The account is given a task."""
        self._busy.add(username)
        self._handed.pop(task_id, None)
        self._handed[task_id] = None
        if len(self._handed) > _REMEMBERED:
            del self._handed[next(iter(self._handed))]

    def ended(self, username: str) -> None:
        """It has answered: its hands are free, and what was seen of it is no more true."""
        self._busy.discard(username)
        self._changed.add(username)

    def rests(self, username: str, seconds: float) -> None:
        """It had no turn for what it was given."""
        self._rests[username] = time.monotonic() + seconds

    def lost(self, username: str, holder: str | None, seconds: float) -> None:
        """The process of `holder` was not there: for so long the account has no worker, unless another holds it."""
        self._gone[username] = holder, time.monotonic() + seconds

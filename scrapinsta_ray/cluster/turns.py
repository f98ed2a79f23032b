"""Waiting for an account's turn before each action, and giving up when it is far away."""

import random
import threading
import time
from collections.abc import Callable

from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.domain.models import Action
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.errors import BudgetSpent
from scrapinsta_ray.store import turns
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.turns import Turn

PATIENCE_S = 150.0
"""A gap is waited for so long with the task in hand; for all else the task goes back at once."""

_LOOK_S = 1.0
_NOT_OURS = Turn(float("inf"), "lease")
_LEAVING = Turn(float("inf"), "leaving")


class Turns:
    """One account's turns, as the store gives them. Whoever is told to wait has done nothing yet."""

    def __init__(self, db: Database, username: str, pace: Pace, tenure: Tenure) -> None:
        self._db, self._username, self._pace, self._tenure = db, username, pace, tenure
        self._ended = threading.Event()

    def end(self) -> None:
        """There is no further turn: the account leaves this node. Who waits for one is woken."""
        self._ended.set()

    def ready(self) -> None:
        """Returns when the account may touch the site, for what is not counted, such as a log-in.

        Raises BudgetSpent as `wait` does.
        """
        self._await(lambda: turns.look(self._db, self._username, self._tenure.lease))

    def wait(self, action: Action, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Returns when the account may begin `action`, which is then counted. Does `meanwhile` before it has to wait.

        Raises BudgetSpent when that is not soon: the window is spent, the account rests, is parked or leaves, or its
        lease is somebody else's.
        """
        self._await(lambda: self._take(action), meanwhile)

    def _take(self, action: Action) -> Turn:
        return turns.take(
            self._db, self._username, action, self._pace, draw=random.random(), lease=self._tenure.lease
        )

    def _await(self, ask: Callable[[], Turn], meanwhile: Callable[[], None] = lambda: None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while (turn := self._asked(ask)).why:
            if turn.why != "gap" or turn.wait_s > deadline - time.monotonic():
                raise BudgetSpent(reason=turn.why)
            meanwhile()
            self._ended.wait(
                min(turn.wait_s, _LOOK_S)
            )  # in short steps: a person may park the account meanwhile

    def _asked(self, ask: Callable[[], Turn]) -> Turn:
        if self._ended.is_set():
            return _LEAVING
        return ask() if self._tenure.is_sure() else _NOT_OURS

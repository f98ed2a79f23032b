"""Accounts that the site does not let go on: a challenge, a checkpoint or a suspension, until a person resolves it."""

import time
from dataclasses import dataclass, field
from typing import Any

from scrapinsta_ray.simulator.times import moment

LASTING = ("checkpoint_required", "challenge_required", "challenge_page", "suspended")
"""The faults that put an account into trouble."""


@dataclass(slots=True)
class Trouble:
    """What stands in an account's way, and every request that it made meanwhile."""

    what: str
    since: float
    until: float | None = None
    touched: list[dict[str, Any]] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "since": moment(self.since),
            "until": None if self.until is None else moment(self.until),
            "touched": self.touched,
        }


class Troubles:
    def __init__(self) -> None:
        self._now: dict[str, Trouble] = {}
        self._past: dict[str, list[Trouble]] = {}

    def of(self, account: str | None) -> Trouble | None:
        return self._now.get(account) if account else None

    def begin(self, account: str, what: str) -> Trouble:
        """Put an account into trouble; what it is in already stays."""
        return self._now.setdefault(account, Trouble(what, time.time()))

    def resolve(self, account: str) -> bool:
        """What a person does in the account's own app; whether there was anything to resolve."""
        trouble = self._now.pop(account, None)
        if trouble is None:
            return False
        trouble.until = time.time()
        self._past.setdefault(account, []).append(trouble)
        return True

    def resolve_all(self) -> None:
        for account in list(self._now):
            self.resolve(account)

    def touch(self, account: str, method: str, path: str, kind: str) -> None:
        """Note a request of an account that is in trouble."""
        if trouble := self._now.get(account):
            trouble.touched.append({"at": moment(time.time()), "method": method, "path": path, "kind": kind})

    def shown(self, account: str) -> dict[str, Any]:
        now = self._now.get(account)
        past = [one.shown() for one in self._past.get(account, [])]
        return {"trouble": now.shown() if now else None, "past": past}

    def accounts(self) -> list[str]:
        """Who is in trouble now."""
        return sorted(self._now)

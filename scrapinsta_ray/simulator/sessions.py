"""Who is logged in, and a journal of what each account did and when."""

import hashlib
import hmac
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from scrapinsta_ray.simulator.population import BOTS, CLIENTS, Population

_MEMBER = re.compile(r"(bot|client)_([1-9][0-9]?)")
MOST_CONNECTIONS = 500
"""How many connections of one session the journal keeps apart."""


def password_of(username: str) -> str | None:
    """bot_7 -> "bot-secret-7"; None for accounts that cannot log in."""
    found = _MEMBER.fullmatch(username)
    if not found or int(found[2]) > (BOTS if found[1] == "bot" else CLIENTS):
        return None
    return f"{found[1]}-secret-{found[2]}"


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@dataclass(slots=True)
class Span:
    """First and last request of something, and how many there were."""

    first: float
    last: float
    requests: int = 0

    def touch(self, now: float) -> None:
        self.last = now
        self.requests += 1

    def shown(self) -> dict[str, Any]:
        return {"first": moment(self.first), "last": moment(self.last), "requests": self.requests}


@dataclass(slots=True)
class SessionLog:
    """What one session cookie was used for. Copied cookies are told apart by their connections."""

    span: Span
    kinds: Counter[str] = field(default_factory=Counter)
    connections: dict[str, Span] = field(default_factory=dict)

    def note(self, kind: str, connection: str, now: float) -> None:
        self.span.touch(now)
        self.kinds[kind] += 1
        if connection in self.connections or len(self.connections) < MOST_CONNECTIONS:
            self.connections.setdefault(connection, Span(now, now)).touch(now)

    def shown(self) -> dict[str, Any]:
        connections = [{"connection": name, **span.shown()} for name, span in self.connections.items()]
        return {**self.span.shown(), "kinds": dict(self.kinds), "connections": connections}


@dataclass(slots=True)
class AccountLog:
    """What one account did: log-ins that worked and failed, and each session."""

    logins: int = 0
    failed_logins: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, SessionLog] = field(default_factory=dict)


class Sessions:
    """Log-ins. A session cookie is signed with the seed, so it also holds after a restart with the same seed."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._key = f"simulator:{population.seed}".encode()
        self._known: dict[str, str] = {}  # token -> account, checked before
        self._ended: set[str] = set()
        self._ended_before: dict[str, int] = {}  # account -> no token issued up to then counts (ns)
        self.accounts: dict[str, AccountLog] = {}
        self.requests = 0

    def log(self, account: str) -> AccountLog:
        return self.accounts.setdefault(account, AccountLog())

    def login(self, username: str, password: str) -> str | None:
        """A new session token, None for a wrong password."""
        expected = password_of(username)
        if expected is None:
            return None
        if not hmac.compare_digest(expected.encode(), password.encode()):
            self.log(username).failed_logins += 1
            return None
        self.log(username).logins += 1
        return self._token(username, f"{time.time_ns():x}-{secrets.token_hex(4)}")

    def _token(self, username: str, nonce: str) -> str:
        user = self._population.find(username)
        mac = hmac.new(self._key, f"{username}:{nonce}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"{user.pk if user else 0}%3A{nonce}%3A27%3A{mac}"

    def resolve(self, token: str | None) -> str | None:
        """The account of a session cookie, None when it is unknown or was ended."""
        if not token or token in self._ended:
            return None
        account = self._known.get(token) or self._verify(token)
        if account is None or _issued(token) <= self._ended_before.get(account, 0):
            return None
        self._known[token] = account
        return account

    def _verify(self, token: str) -> str | None:
        parts = token.split("%3A")
        if len(parts) != 4 or not parts[0].isdigit():
            return None
        user = self._population.by_pk(int(parts[0]))
        genuine = user and hmac.compare_digest(self._token(user.username, parts[1]).encode(), token.encode())
        return user.username if user and genuine else None

    def end(self, token: str) -> None:
        self._ended.add(token)

    def end_all(self, account: str) -> None:
        """Every session of this account is dead from now on."""
        self._ended_before[account] = time.time_ns()

    def note(self, account: str, token: str, kind: str, connection: str) -> None:
        log, now = self.log(account), time.time()
        log.kinds[kind] += 1
        log.sessions.setdefault(token, SessionLog(Span(now, now))).note(kind, connection, now)

    def shown(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for account, log in self.accounts.items():
            sessions = [{"session": _name(token), **one.shown()} for token, one in log.sessions.items()]
            yield (
                account,
                {
                    "logins": log.logins,
                    "failed_logins": log.failed_logins,
                    "kinds": dict(log.kinds),
                    "sessions": sessions,
                },
            )


def _issued(token: str) -> int:
    """When a genuine token was made, in ns; its nonce begins with it."""
    return int(token.split("%3A")[1].partition("-")[0], 16)


def _name(token: str) -> str:
    """The part of a token that names it without being usable as a cookie."""
    return token.split("%3A")[1]

"""Who is logged in, and who used which session from when to when."""

import hashlib
import hmac
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from scrapinsta_ray.simulator.peers import browser_of
from scrapinsta_ray.simulator.population import BOTS, CLIENTS, Population
from scrapinsta_ray.simulator.times import moment

_MEMBER = re.compile(r"(bot|client)_([1-9][0-9]?)")
MOST_CONNECTIONS = 5_000
"""How many connections of one session the journal keeps apart."""


def password_of(username: str) -> str | None:
    """bot_7 -> "bot-secret-7"; None for accounts that cannot log in."""
    found = _MEMBER.fullmatch(username)
    if not found or int(found[2]) > (BOTS if found[1] == "bot" else CLIENTS):
        return None
    return f"{found[1]}-secret-{found[2]}"


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
class Connection:
    """One TCP connection of a session. `browser` is the process behind it, None when that cannot be told."""

    span: Span
    agent: str
    browser: int | None


@dataclass(slots=True)
class SessionLog:
    """What one session cookie was used for. Copied cookies are told apart by their connections and browsers."""

    span: Span
    kinds: Counter[str] = field(default_factory=Counter)
    connections: dict[str, Connection] = field(default_factory=dict)

    def note(self, kind: str, connection: str, agent: str, now: float) -> None:
        self.span.touch(now)
        self.kinds[kind] += 1
        known = self.connections.get(connection)
        if known is None and len(self.connections) < MOST_CONNECTIONS:
            known = Connection(Span(now, now), agent, _browser(connection))
            self.connections[connection] = known
        if known:
            known.span.touch(now)

    def shown(self) -> dict[str, Any]:
        connections = [
            {"connection": name, "browser": one.browser, "user_agent": one.agent, **one.span.shown()}
            for name, one in self.connections.items()
        ]
        return {**self.span.shown(), "kinds": dict(self.kinds), "connections": connections}


def _browser(connection: str) -> int | None:
    port = connection.rpartition(":")[2]
    return browser_of(int(port)) if port.isdecimal() else None


@dataclass(slots=True)
class AccountLog:
    """What one account did: log-ins that worked and failed, and each session."""

    logins: int = 0
    failed_logins: int = 0
    login_times: list[float] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    sessions: dict[str, SessionLog] = field(default_factory=dict)

    def browsers(self) -> dict[int, Span]:
        """From when to when each browser acted, whatever session it used."""
        found: dict[int, Span] = {}
        for one in (connection for log in self.sessions.values() for connection in log.connections.values()):
            if one.browser is not None:
                found[one.browser] = _joined(found.get(one.browser), one.span)
        return found

    def shown(self) -> dict[str, Any]:
        """Sessions, browsers, and where two of either acted at once."""
        browsers = self.browsers()
        spans = {_name(token): log.span for token, log in self.sessions.items()}
        return {
            "logins": self.logins,
            "failed_logins": self.failed_logins,
            "login_times": [moment(at) for at in self.login_times],
            "kinds": dict(self.kinds),
            "sessions": [{"session": _name(token), **one.shown()} for token, one in self.sessions.items()],
            "browsers": [{"browser": pid, **span.shown()} for pid, span in browsers.items()],
            "overlaps": [*_overlaps("session", spans.items()), *_overlaps("browser", browsers.items())],
        }


def _joined(known: Span | None, other: Span) -> Span:
    if known is None:
        return Span(other.first, other.last, other.requests)
    first, last = min(known.first, other.first), max(known.last, other.last)
    return Span(first, last, known.requests + other.requests)


def _overlaps(of: str, spans: Iterable[tuple[Any, Span]]) -> Iterator[dict[str, Any]]:
    """Every two that acted at once: the later one had begun by the earlier one's last request."""
    for (one, first), (other, second) in combinations(spans, 2):
        begin, end = max(first.first, second.first), min(first.last, second.last)
        if begin <= end:
            yield {"of": of, "which": [one, other], "from": moment(begin), "until": moment(end)}


class Sessions:
    """Log-ins. A session cookie is signed with the seed, so it also holds after a restart with the same seed."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self._key = f"simulator:{population.seed}".encode()
        self._known: dict[str, str] = {}  # token -> account, checked before
        self._ended: set[str] = set()
        self._ended_before: dict[str, int] = {}  # account -> no token issued up to then counts (ns)
        self.accounts: dict[str, AccountLog] = {}

    def log(self, account: str) -> AccountLog:
        return self.accounts.setdefault(account, AccountLog())

    def knows(self, username: str, password: str) -> bool:
        """Whether the password is right; a wrong one is counted."""
        expected = password_of(username)
        if expected is None:
            return False
        right = hmac.compare_digest(expected.encode(), password.encode())
        self.log(username).failed_logins += not right
        return right

    def refuse(self, username: str) -> None:
        """Count a log-in that failed for another reason than its password."""
        self.log(username).failed_logins += 1

    def begin(self, username: str) -> str:
        """A new session's token."""
        log = self.log(username)
        log.logins += 1
        log.login_times.append(time.time())
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

    def note(self, at: float, account: str, token: str, kind: str, connection: str, agent: str) -> None:
        log = self.log(account)
        log.kinds[kind] += 1
        log.sessions.setdefault(token, SessionLog(Span(at, at))).note(kind, connection, agent, at)

    def shown(self) -> dict[str, dict[str, Any]]:
        return {account: log.shown() for account, log in self.accounts.items()}


def _issued(token: str) -> int:
    """When a genuine token was made, in ns; its nonce begins with it."""
    return int(token.split("%3A")[1].partition("-")[0], 16)


def _name(token: str) -> str:
    """The part of a token that names it without being usable as a cookie."""
    return token.split("%3A")[1]

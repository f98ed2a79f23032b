"""What the site is told to do wrong: rules, asked once per request, in order. Set by /_faults."""

import random
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from scrapinsta_ray.simulator.kinds import UnknownKind, kinds_in
from scrapinsta_ray.simulator.times import moment

FOREVER = -1
FINE = "ok"
LATENCY = "latency"
KEPT = 10_000
"""How many of the faults that were done are told one by one; the rest is only counted."""

Options = Mapping[str, Any]
_BLOCK: Options = {
    "text": ("try_again_later", "action_blocked", "restrict"),
    "language": (None, "en", "es"),
}
CATALOGUE: Mapping[str, tuple[str, Options]] = {
    "throttled": ("401 Please wait a few minutes", {"require_login": False}),
    "rate_limited": ("429", {"retry_after": 30, "retry_after_as": ("seconds", "date", "none")}),
    "logged_out": ("403 login_required for a call, the log-in form for a page; the session is dead", {}),
    "login_redirect": ("pages and calls lead to /accounts/login/; the session is dead", {}),
    "dead_session": ("the cookie no longer holds: the request is treated as a stranger's", {}),
    "checkpoint_required": ("400 checkpoint_required; pages lead to /challenge/", {"lasting": True}),
    "challenge_required": ("400 challenge_required; pages lead to /challenge/", {"lasting": True}),
    "challenge_page": ("pages and calls lead to the HTML at /challenge/, status 200", {"lasting": True}),
    "suspended": ("pages and calls lead to /accounts/suspended/", {"lasting": True}),
    "feedback_required": ("400 feedback_required; over a page the dialog of an action block", _BLOCK),
    "action_block": ("the same by its other name", _BLOCK),
    "masked_404": ("404 whose body is exactly Not Found", {}),
    "not_found": ("there is no such account", {"language": (None, "en", "es")}),
    "user_null": ('200 {"data":{"user":null}}', {}),
    "private": ("the account is shown as a private one", {}),
    "server_error": ("5xx", {"status": 500}),
    "bad_request": ("400 without a reason", {}),
    "empty": ("200 without a body", {}),
    "graphql_errors": ('200 {"data":null,"errors":[...]}', {}),
    "reset": ("the connection is reset", {}),
    "hang": (
        "no answer until the visitor gives up, or for so many seconds, then a reset",
        {"seconds": 600.0},
    ),
    "truncated": (
        "the body ends early; Content-Length tells the whole length, or with `honest` the cut one",
        {"keep": 0.5, "honest": False},
    ),
    LATENCY: ("the answer comes later by so many seconds, or [from, to]", {"seconds": 0.5}),
    "soft_blocked": ("a following list is empty although the profile counts some", {}),
    "capped": ("a following list shows its first 50 rows, without a cursor", {}),
    "login_popup": ("a log-in dialog with a close button lies over the page", {}),
    "wrong_password": ("a log-in is refused", {}),
    "two_factor": ("a log-in asks for the code of the account's published secret", {}),
}
"""Each fault: what is seen, and its options with their defaults; a tuple lists the choices, the default first."""


_ENTERED = ("api", "page")
WHERE: Mapping[str, Sequence[str]] = {
    "logged_out": _ENTERED,
    "login_redirect": _ENTERED,
    "dead_session": _ENTERED,
    "wrong_password": ("login_call",),
    "two_factor": ("login_call",),
    "soft_blocked": ("followings",),
    "capped": ("followings",),
    "login_popup": ("profile", "followings_page", "reels_page"),
}
"""The only places where these faults show; what other requests a rule would meet does not use it up."""


class UnknownFault(ValueError):
    """The fault asked for does not exist, or its numbers make no sense."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as rules see it. `account` is also that of a log-in attempt; `target` whose profile it is about."""

    account: str | None
    method: str
    path: str
    kind: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Doing:
    """One fault to be done now."""

    fault: str
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rule:
    """When something goes wrong: for whom, where, how often; a script says it request by request."""

    number: int
    steps: tuple[Doing, ...]
    scripted: bool = False
    account: str | None = None
    kinds: frozenset[str] | None = None
    path_prefix: str = "/"
    method: str | None = None
    target: str | None = None
    probability: float = 1.0
    times: int = 1
    after: int = 0
    each_account: bool = False

    def meets(self, asked: Asked) -> bool:
        return (
            self.account in (None, asked.account)
            and (self.kinds is None or asked.kind in self.kinds)
            and asked.path.startswith(self.path_prefix)
            and self.method in (None, asked.method)
            and self.target in (None, asked.target)
        )

    def shown(self) -> dict[str, Any]:
        told = {key: value for key, value in asdict(self).items() if key not in ("steps", "kinds", "number")}
        steps = [{"fault": step.fault, **step.options} for step in self.steps]
        what = (
            {"script": steps}
            if self.scripted
            else {"script": None, "signal": self.steps[0].fault, **steps[0]}
        )
        return {"id": self.number, **what, **told, "path": sorted(self.kinds) if self.kinds else None}


class Faults:
    """The rules now in force, and what has been done on their account. The same requests meet the same faults."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rules: list[Rule] = []
        self._numbers = 0
        self._seen: Counter[tuple[int, str]] = Counter()
        self._done: Counter[tuple[int, str]] = Counter()
        self._drawn: Counter[tuple[int, str]] = Counter()
        self.done: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()

    @property
    def any(self) -> bool:
        """Whether there is any rule to ask."""
        return bool(self._rules)

    @property
    def active(self) -> list[Rule]:
        """The rules that may still do something."""
        return [rule for rule in self._rules if not self._spent(rule)]

    def add(self, asked: Mapping[str, Any]) -> Rule:
        """Raises UnknownFault."""
        rule = read(asked, self._numbers + 1)
        self._numbers += 1
        self._rules.append(rule)
        return rule

    def replace(self, several: Sequence[Mapping[str, Any]]) -> None:
        """These rules instead of all others. Raises UnknownFault, and then nothing has changed."""
        rules = [read(asked, number) for number, asked in enumerate(several, 1)]
        self.clear()
        self._rules, self._numbers = rules, len(rules)

    def remove(self, number: int) -> None:
        self._rules = [rule for rule in self._rules if rule.number != number]

    def clear(self) -> None:
        """Forget the rules and how far each had come; what was done stays told."""
        self._rules, self._numbers = [], 0
        self._seen.clear()
        self._done.clear()
        self._drawn.clear()

    def take(self, asked: Asked) -> list[Doing]:
        """What this request meets: the first rule that has something to say, and every latency before it."""
        doings: list[Doing] = []
        for rule in self._rules:
            step = self._step(rule, asked) if rule.meets(asked) else None
            if step is None:
                continue
            if step.fault != FINE:
                doings.append(step)
                self._note(rule, step, asked)
            if step.fault != LATENCY:
                break
        return doings

    def _step(self, rule: Rule, asked: Asked) -> Doing | None:
        key = _key(rule, asked.account)
        turn = self._seen[key] - rule.after
        self._seen[key] += 1
        if turn < 0:
            return None
        if rule.scripted:
            rounds, place = divmod(turn, len(rule.steps))
            return rule.steps[place] if rule.times == FOREVER or rounds < rule.times else None
        if self._done[key] >= rule.times != FOREVER or self._luck(rule, asked.account) >= rule.probability:
            return None
        self._done[key] += 1
        return rule.steps[0]

    def _luck(self, rule: Rule, account: str | None) -> float:
        """0..1, from the seed, the rule, the account and how manieth of its requests this is.

        So an account's luck does not depend on what others do meanwhile.
        """
        if rule.probability >= 1:
            return 0.0
        key = rule.number, account or ""
        self._drawn[key] += 1
        return random.Random(f"{self._seed}:{rule.number}:{account}:{self._drawn[key]}").random()

    def _spent(self, rule: Rule) -> bool:
        if rule.times == FOREVER or rule.each_account:
            return False
        key = _key(rule, None)
        if rule.scripted:
            return self._seen[key] - rule.after >= rule.times * len(rule.steps)
        return self._done[key] >= rule.times

    def _note(self, rule: Rule, step: Doing, asked: Asked) -> None:
        self.counts[step.fault] += 1
        at = moment(time.time())
        self.done.append({"at": at, "signal": step.fault, "rule": rule.number, **asdict(asked)})

    def shown(self) -> dict[str, Any]:
        return {
            "active": [rule.shown() for rule in self.active],
            "done": list(self.done),
            "counts": dict(self.counts),
        }


def _key(rule: Rule, account: str | None) -> tuple[int, str]:
    return rule.number, (account or "") if rule.each_account else ""


# ---- reading a rule --------------------------------------------------------------------------------------

_WORDS = ("account", "path_prefix", "method", "target", "probability", "times", "after", "each_account")


def read(asked: Mapping[str, Any], number: int) -> Rule:
    """A rule as a test writes it. `signal` is an older word for `fault`. Raises UnknownFault."""
    if not isinstance(asked, Mapping):
        raise UnknownFault("a rule is an object")
    given = dict(asked)
    words = {name: given.pop(name) for name in _WORDS if given.get(name) is not None}
    given = {name: value for name, value in given.items() if name not in _WORDS}
    kinds, script = given.pop("path", None), given.pop("script", None)
    if script is None:
        steps: tuple[Doing, ...] = (_doing(given),)
        words.setdefault("times", FOREVER if "probability" in words else 1)
    elif given or "probability" in words or not isinstance(script, list) or not script:
        raise UnknownFault("a script is a list of faults, without another fault or a probability beside it")
    else:
        steps = tuple(_doing({"fault": step} if isinstance(step, str) else step) for step in script)
    _check(words)
    where = _kinds(kinds)
    if where is None and script is None:
        where = _kinds(WHERE.get(steps[0].fault))
    return Rule(number, steps, script is not None, kinds=where, **words)


def _doing(asked: Any) -> Doing:
    given = dict(asked) if isinstance(asked, Mapping) else {}
    fault = given.pop("fault", None) or given.pop("signal", None)
    given.pop("signal", None)
    if fault == FINE:
        return Doing(FINE)
    if fault not in CATALOGUE:
        raise UnknownFault(f"fault is one of {', '.join(CATALOGUE)}")
    known = CATALOGUE[fault][1]
    for name, value in given.items():
        if name not in known or not _fits(name, value, known[name]):
            raise UnknownFault(f"{fault} has these options: {dict(known)}; not {name}={value!r}")
    defaults = {name: one[0] if isinstance(one, tuple) else one for name, one in known.items()}
    return Doing(fault, defaults | given)


def _fits(name: str, value: Any, known: Any) -> bool:
    if isinstance(known, tuple):
        return value in known
    if name == "seconds" and isinstance(value, list):
        return len(value) == 2 and all(_is_number(one) for one in value) and value[0] <= value[1]
    if isinstance(known, bool):
        return isinstance(value, bool)
    return _is_number(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _kinds(asked: Any) -> frozenset[str] | None:
    names = [asked] if isinstance(asked, str) else asked
    try:
        return kinds_in(names) if names else None
    except (UnknownKind, TypeError) as error:
        raise UnknownFault(str(error)) from error


def _check(words: Mapping[str, Any]) -> None:
    for name, value in words.items():
        if name in ("account", "path_prefix", "method", "target"):
            fits = isinstance(value, str)
        elif name == "each_account":
            fits = isinstance(value, bool)
        elif name == "probability":
            fits = _is_number(value) and value <= 1
        else:
            least = FOREVER if name == "times" else 0
            fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not fits:
            raise UnknownFault(f"{name} cannot be {value!r}")

"""Budgets, windows and cooldowns: given what was done, when may the next action start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scrapinsta_ray.domain.hours import ALWAYS, WorkingHours
from scrapinsta_ray.domain.models import Action, Kind, Signal

MESSAGES_PER_DAY_CEILING = 50
"""No client account sends more in 24 hours, whatever its settings say (community caps: 40 to 50 a day)."""

MESSAGES_PER_DAY = 20
MESSAGES_PER_HOUR = 6

COOLDOWN_FIRST_S = 600.0
COOLDOWN_LONGEST_S = 4 * 3600.0
COOLDOWNS_A_DAY = 3
"""So many in an account's day, and it rests until its tomorrow."""

SLOWEST = 16.0
"""How many times as long gaps get at most."""

_SLOWER = {Signal.OK: 0.9, Signal.NOT_FOUND: 0.9, Signal.PRIVATE: 0.9, Signal.RETRY: 1.5}
"""What an answer does to the gaps; all other answers double them."""

RETRY_FACTOR = {Kind.FETCH_FOLLOWINGS: 1.5, Kind.ANALYZE_PROFILE: 1.0, Kind.SEND_MESSAGE: 15.0}
"""How much longer than a profile's a kind's back-off is: a list costs more, and a message is never urgent."""

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` actions in any stretch of `length_s` seconds."""

    limit: int
    length_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a bot account may be: a window for each action, and the gap between two actions in seconds."""

    windows: Mapping[Action, Window]
    gap_min_s: float = 0.0
    gap_max_s: float = 0.0


DEFAULT_PACE = Pace(
    {Action.PROFILE_READ: Window(150, HOUR_S), Action.FOLLOWING_PAGE: Window(40, HOUR_S)}, 2.0, 9.0
)
"""What the settings say when nobody has changed them."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is stored of an account's pacing; nothing else decides when it may act, so a restart changes nothing."""

    free_at: datetime | None = None  # cooling down until then
    next_at: datetime | None = None  # the gap after its last action ends then
    hours: WorkingHours = ALWAYS


def room(window: Window, used: int) -> int:
    """Actions that the window still allows after `used` of them."""
    return max(0, window.limit - used)


def next_free(window: Window, times: Sequence[datetime], now: datetime) -> datetime:
    """When the next action may start, given the `times` of the past ones (any order): `now` or later.

    A window of none is never free; it says `length_s` from now, when it is worth asking again.
    """
    if window.limit < 1:
        return now + timedelta(seconds=window.length_s)
    newest = sorted(times)[-window.limit :]
    return frees_at(window, newest[0] if len(newest) == window.limit else None, now)


def frees_at(window: Window, nth: datetime | None, now: datetime) -> datetime:
    """The same, given only when the `window.limit`-th newest action was; None if there were not so many."""
    if nth is None:
        return now
    return max(now, nth + timedelta(seconds=window.length_s))


def next_start(past: Past, window_free: datetime, now: datetime) -> tuple[datetime, str | None]:
    """When the next action may start, `now` or later, and what it waits for: the last of these to pass.

    `gap`, `cooldown`, `window` or `hours`; None if it may start now. `window_free` is what `next_free` said.
    """
    waits = [
        (now, None),
        (past.next_at or now, "gap"),
        (past.free_at or now, "cooldown"),
        (window_free, "window"),
    ]
    at, why = max(waits, key=lambda wait: wait[0])
    opens = past.hours.opens(at)
    return (opens, "hours") if opens > at else (at, why)


def gap_s(pace: Pace, slowness: float, draw: float) -> float:
    """The pause after an action: `draw` (0..1) of the way from the shortest to the longest, times `slowness`."""
    low, high = pace.gap_min_s, max(pace.gap_min_s, pace.gap_max_s)
    return (low + draw * (high - low)) * slowness


def slowness_after(slowness: float, signal: Signal) -> float:
    """How many times as long gaps are from now on: longer after a bad answer, a tenth shorter after a good one.

    From 1 to SLOWEST: seven good answers make up for one that doubled it.
    """
    return min(SLOWEST, max(1.0, slowness * _SLOWER.get(signal, 2.0)))


def rest_until(
    now: datetime, in_a_row: int, today: int, hours: WorkingHours = ALWAYS, retry_after_s: float | None = None
) -> tuple[datetime, bool]:
    """How long an account rests after a cooldown signal, and whether that parks it until its tomorrow.

    It is the `in_a_row`-th without a good answer between, and the `today`-th of the account's day (1 is the first).
    """
    until = now + timedelta(seconds=cooldown_s(in_a_row, retry_after_s))
    if today < COOLDOWNS_A_DAY:
        return until, False
    return max(until, hours.tomorrow(now)), True


def cooldown_s(in_a_row: int, retry_after_s: float | None = None) -> float:
    """Rest after the `in_a_row`-th cooldown signal (1 is the first): 10, 20, 40 minutes, up to 4 hours.

    What the site asks for (`retry_after_s`) is kept to if it is longer.
    """
    own = min(COOLDOWN_FIRST_S * 2.0 ** max(0, min(in_a_row, 16) - 1), COOLDOWN_LONGEST_S)
    return max(own, retry_after_s or 0.0)


def retry_delay_s(attempts: int, base_s: float, jitter: float) -> float:
    """Back-off before attempt `attempts` + 1: base, doubled each time, up to an hour, times 0.5 + `jitter` (0..1)."""
    return float(min(base_s * 2.0 ** max(0, min(attempts, 20) - 1), HOUR_S) * (0.5 + jitter))

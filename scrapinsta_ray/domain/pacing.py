"""Budgets, windows and cooldowns: given what was done, when may the next action start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from scrapinsta_ray.domain.models import Kind

MESSAGES_PER_DAY_CEILING = 50
"""No client account sends more in 24 hours, whatever its settings say (community caps: 40 to 50 a day)."""

MESSAGES_PER_DAY = 20
MESSAGES_PER_HOUR = 6

COOLDOWN_FIRST_S = 600.0
COOLDOWN_LONGEST_S = 4 * 3600.0

RETRY_FACTOR = {Kind.FETCH_FOLLOWINGS: 1.5, Kind.ANALYZE_PROFILE: 1.0, Kind.SEND_MESSAGE: 15.0}
"""How much longer than a profile's a kind's back-off is: a list costs more, and a message is never urgent."""

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` actions in any stretch of `length_s` seconds."""

    limit: int
    length_s: float


def room(window: Window, used: int) -> int:
    """Actions that the window still allows after `used` of them."""
    return max(0, window.limit - used)


def next_free(window: Window, times: Sequence[datetime], now: datetime) -> datetime:
    """When the next action may start, given the `times` of the past ones (any order): `now` or later.

    A window of none is never free; it says `length_s` from now, when it is worth asking again.
    """
    if window.limit < 1:
        return now + timedelta(seconds=window.length_s)
    since = now - timedelta(seconds=window.length_s)
    recent = sorted(t for t in times if t > since)
    if len(recent) < window.limit:
        return now
    return recent[-window.limit] + timedelta(seconds=window.length_s)


def cooldown_s(in_a_row: int, retry_after_s: float | None = None) -> float:
    """Rest after the `in_a_row`-th cooldown signal (1 is the first): 10, 20, 40 minutes, up to 4 hours.

    What the site asks for (`retry_after_s`) is kept to if it is longer.
    """
    own = min(COOLDOWN_FIRST_S * 2.0 ** max(0, min(in_a_row, 16) - 1), COOLDOWN_LONGEST_S)
    return max(own, retry_after_s or 0.0)


def retry_delay_s(attempts: int, base_s: float, jitter: float) -> float:
    """Back-off before attempt `attempts` + 1: base, doubled each time, up to an hour, times 0.5 + `jitter` (0..1)."""
    return float(min(base_s * 2.0 ** max(0, min(attempts, 20) - 1), HOUR_S) * (0.5 + jitter))

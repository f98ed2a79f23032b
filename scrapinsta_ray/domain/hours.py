"""When in its day an account works. An account's day begins when its work does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_SPAN = re.compile(r"(\d{1,2})(?::(\d\d))?-(\d{1,2})(?::(\d\d))?")
_OFFSET = re.compile(r"(?:UTC)?([+-])(\d{1,2})(?::?(\d\d))?")
_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """From one minute of the day to another in a time zone; over midnight if `until` is not the greater."""

    begin: int = 0
    until: int = _MINUTES
    zone: str = "UTC"

    def __str__(self) -> str:
        return f"{_shown(self.begin)}-{_shown(self.until)} {self.zone}"

    def opens(self, at: datetime) -> datetime:
        """The first moment from `at` on (itself, if it is one) that lies within the hours."""
        if self.until - self.begin == _MINUTES:  # always, as most are
            return at
        return next(max(start, at) for start, end in self._shifts(at) if end > at)

    def began(self, at: datetime) -> datetime:
        """When the account's day of `at` began."""
        return max(start for start, _end in self._shifts(at, until_s=0) if start <= at)

    def tomorrow(self, at: datetime) -> datetime:
        """When its next day begins."""
        return next(start for start, _end in self._shifts(at) if start > at)

    def _shifts(self, at: datetime, until_s: float = 4 * 86_400) -> Iterator[tuple[datetime, datetime]]:
        """Its hours in UTC, in order, from two days before `at` on. A clock change may leave a day without any."""
        zone = zone_of(self.zone)
        day = at.astimezone(zone).date() - timedelta(days=2)
        while True:
            start = _instant(datetime.combine(day, time()), self.begin, zone)
            if (start - at).total_seconds() > until_s:
                return
            over = _MINUTES if self.until <= self.begin else 0
            end = _instant(datetime.combine(day, time()), self.until + over, zone)
            if end > start:
                yield start, end
            day += timedelta(days=1)


ALWAYS = WorkingHours()


def parse_hours(text: str, zone: str = "UTC") -> WorkingHours | None:
    """`9-21`, `8:30-13:15`, `22-6`; None for `always`. Raises ValueError with what is wrong."""
    if text.strip().lower() == "always":
        return None
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError("say hours like 9-21 or 8:30-13:15, or always")
    begin, until = (int(found[i]) * 60 + int(found[i + 1] or 0) for i in (1, 3))
    if begin >= _MINUTES or until > _MINUTES or any(int(found[i] or 0) > 59 for i in (2, 4)):
        raise ValueError("a day has the hours from 0:00 to 24:00")
    zone_of(zone)
    return WorkingHours(begin, until, zone)


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """`Europe/Madrid`, `UTC`, `+02:00`, `-3`. Raises ValueError for what is neither."""
    if offset := _OFFSET.fullmatch(name):
        distance = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        if distance > timedelta(hours=14):
            raise ValueError(f"{name} is no offset from UTC")
        return timezone(-distance if offset[1] == "-" else distance)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"{name} is no time zone: say one like Europe/Madrid, or an offset like +02:00"
        ) from None


def _instant(midnight: datetime, minute: int, zone: tzinfo) -> datetime:
    """The wall clock's `minute` of a day, in UTC. One that a clock change skips is taken as the moment after it."""
    return (midnight + timedelta(minutes=minute)).replace(tzinfo=zone).astimezone(UTC)


def _shown(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    return f"{hour}:{rest:02}" if rest else str(hour)

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.hours import ALWAYS, WorkingHours, parse_hours, zone_of

ZONES = ["UTC", "Europe/Madrid", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "+05:45", "-3"]
TIMES = st.integers(0, 10**9).map(lambda s: datetime(2009, 1, 5, tzinfo=UTC) + timedelta(seconds=s))
HOURS = st.builds(WorkingHours, st.integers(0, 1439), st.integers(0, 1440), st.sampled_from(ZONES))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "zone", "at", "opens"),
    [
        ("9-21", "UTC", "2026-03-02 08:00", "2026-03-02 09:00"),
        ("9-21", "UTC", "2026-03-02 09:00", "2026-03-02 09:00"),
        ("9-21", "UTC", "2026-03-02 20:59:59", "2026-03-02 20:59:59"),
        ("9-21", "UTC", "2026-03-02 21:00", "2026-03-03 09:00"),
        ("8:30-13:15", "+02:00", "2026-03-02 11:15", "2026-03-03 06:30"),
        ("22-6", "UTC", "2026-03-02 03:00", "2026-03-02 03:00"),
        ("22-6", "UTC", "2026-03-02 07:00", "2026-03-02 22:00"),
        (
            "9-21",
            "Europe/Madrid",
            "2026-03-28 21:00",
            "2026-03-29 07:00",
        ),  # its clocks went forward that night
        ("9-21", "Europe/Madrid", "2026-03-27 21:00", "2026-03-28 08:00"),
        (
            "2:15-2:45",
            "Europe/Madrid",
            "2026-03-28 12:00",
            "2026-03-29 01:15",
        ),  # skipped: the moment after it
        ("9-9", "UTC", "2026-03-02 08:59", "2026-03-02 08:59"),
    ],
)
def test_when_the_hours_open(hours: str, zone: str, at: str, opens: str) -> None:
    found = parse_hours(hours, zone)
    assert found and found.opens(utc(at)) == utc(opens)


@pytest.mark.parametrize(
    ("hours", "at", "began", "tomorrow"),
    [
        (ALWAYS, "2026-03-02 00:00", "2026-03-02 00:00", "2026-03-03 00:00"),
        (ALWAYS, "2026-03-02 23:59", "2026-03-02 00:00", "2026-03-03 00:00"),
        (WorkingHours(540, 1260), "2026-03-02 08:00", "2026-03-01 09:00", "2026-03-02 09:00"),
        (WorkingHours(540, 1260), "2026-03-02 22:00", "2026-03-02 09:00", "2026-03-03 09:00"),
        (WorkingHours(1320, 360), "2026-03-02 03:00", "2026-03-01 22:00", "2026-03-02 22:00"),
    ],
)
def test_a_day_begins_with_the_hours(hours: WorkingHours, at: str, began: str, tomorrow: str) -> None:
    assert (hours.began(utc(at)), hours.tomorrow(utc(at))) == (utc(began), utc(tomorrow))


@given(HOURS, TIMES)
def test_opening_is_never_before_now_and_is_open(hours: WorkingHours, at: datetime) -> None:
    opens = hours.opens(at)
    assert opens >= at
    assert hours.opens(opens) == opens
    assert opens - at <= timedelta(days=3)


@given(HOURS, TIMES, st.integers(0, 100_000))
def test_opening_is_monotone(hours: WorkingHours, at: datetime, seconds: int) -> None:
    assert hours.opens(at) <= hours.opens(at + timedelta(seconds=seconds))


@given(HOURS, TIMES)
def test_now_lies_in_the_day_that_began_and_ends_with_tomorrow(hours: WorkingHours, at: datetime) -> None:
    assert hours.began(at) <= at < hours.tomorrow(at)
    assert hours.began(hours.tomorrow(at)) == hours.tomorrow(at)


@given(TIMES, st.sampled_from(ZONES))
def test_always_is_always(at: datetime, zone: str) -> None:
    assert WorkingHours(zone=zone).opens(at) == at


@pytest.mark.parametrize("text", ["", "9", "9-25", "24-3", "9:60-10", "nine-five", "9-21-23", "-1-4"])
def test_what_is_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_hours(text)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "+15:00", "../etc/passwd", "/etc/localtime"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError):
        zone_of(zone)
    with pytest.raises(ValueError):
        parse_hours("9-21", zone)


def test_always_has_no_hours_and_hours_read_as_they_are_said() -> None:
    assert parse_hours("always") is None
    assert str(parse_hours("08:30-21", "Europe/Madrid")) == "8:30-21 Europe/Madrid"

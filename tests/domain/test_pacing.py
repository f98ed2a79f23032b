from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain import pacing
from scrapinsta_ray.domain.pacing import Window, cooldown_s, next_free, retry_delay_s, room

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = Window(3, 3600)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=s) for s in seconds]


def test_room_is_what_is_left_and_never_negative():
    assert [room(HOUR, used) for used in (0, 2, 3, 9)] == [3, 1, 0, 0]


@pytest.mark.parametrize(
    ("times", "wait_s"),
    [
        ([], 0),
        (ago(1, 2), 0),
        (ago(10, 20, 30), 3570),  # the oldest of three leaves in an hour less half a minute
        (ago(30, 10, 20), 3570),
        (ago(10, 20, 3599), 1),
        (ago(10, 20, 3600), 0),  # exactly an hour ago is outside
        (ago(10, 20, 30, 40, 50), 3570),  # of too many the third last counts
        (ago(5, 4000, 5000, 6000), 0),
    ],
)
def test_the_next_action_waits_until_the_window_has_room(times, wait_s):
    assert next_free(HOUR, times, NOW) == NOW + timedelta(seconds=wait_s)


def test_a_window_of_none_is_never_free():
    assert next_free(Window(0, 60), [], NOW) == NOW + timedelta(seconds=60)


@given(
    st.lists(st.integers(0, 10_000), max_size=30),
    st.integers(1, 8),
    st.integers(1, 7200),
)
def test_whoever_heeds_next_free_never_exceeds_the_window(seconds, limit, length_s):
    """Any stretch of the window's length, beginning anywhere, holds at most `limit` heeded actions."""
    window = Window(limit, length_s)
    done: list[datetime] = []
    at = NOW
    for pause in seconds:
        at = max(at + timedelta(seconds=pause), next_free(window, done, at + timedelta(seconds=pause)))
        done.append(at)
    for first in done:
        stretch = [t for t in done if first <= t < first + timedelta(seconds=length_s)]
        assert len(stretch) <= limit


@given(st.lists(st.integers(0, 5000), max_size=12), st.integers(1, 5))
def test_next_free_is_the_earliest_moment(seconds, limit):
    window, times = Window(limit, 3600), ago(*seconds)
    free = next_free(window, times, NOW)
    assert free >= NOW
    if free > NOW:
        a_little_before = free - timedelta(microseconds=1)
        inside = [t for t in times if a_little_before - timedelta(seconds=3600) < t]
        assert len(inside) >= limit


def test_cooldowns_double_up_to_four_hours():
    minutes = [cooldown_s(n) / 60 for n in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert minutes == [10, 20, 40, 80, 160, 240, 240, 240]


def test_what_the_site_asks_for_is_kept_to_if_it_is_longer():
    assert cooldown_s(1, 30) == 600
    assert cooldown_s(1, 7200) == 7200
    assert cooldown_s(9, 8 * 3600) == 8 * 3600


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(1, 0.5, 20), (2, 0.5, 40), (3, 0.5, 80), (1, 0, 10), (1, 1, 30), (99, 0.5, 3600), (99, 1, 5400)],
)
def test_retries_back_off_with_jitter_up_to_an_hour(attempts, jitter, seconds):
    assert retry_delay_s(attempts, 20, jitter) == seconds


def test_the_limits_of_messages_are_modest():
    assert (pacing.MESSAGES_PER_DAY, pacing.MESSAGES_PER_HOUR) == (20, 6)
    assert pacing.MESSAGES_PER_DAY_CEILING == 50

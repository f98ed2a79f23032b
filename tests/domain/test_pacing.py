from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain import pacing
from scrapinsta_ray.domain.hours import ALWAYS, WorkingHours
from scrapinsta_ray.domain.models import Action, Signal
from scrapinsta_ray.domain.pacing import (
    Pace,
    Past,
    Window,
    cooldown_s,
    gap_s,
    next_free,
    next_start,
    rest_until,
    retry_delay_s,
    room,
    slowness_after,
)

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


# ---- an account's pace -----------------------------------------------------------------------------------

READS = st.sampled_from([Signal.OK, Signal.RETRY, Signal.COOLDOWN])
SOME_HOURS = st.sampled_from([ALWAYS, WorkingHours(540, 1260), WorkingHours(1320, 360, "Europe/Madrid")])
PACES = st.builds(
    lambda limit, low, more: Pace({Action.PROFILE_READ: Window(limit, 3600)}, low, low + more),
    st.integers(1, 6),
    st.floats(0, 300),
    st.floats(0, 300),
)


@given(
    PACES,
    SOME_HOURS,
    st.lists(st.tuples(st.integers(0, 4000), READS, st.floats(0, 1), st.integers(0, 9000)), max_size=25),
)
def test_over_any_history_window_gap_rest_and_hours_are_kept(pace, hours, asked) -> None:
    """An account that asks, waits as told, and hears something: whatever it hears."""
    window = pace.windows[Action.PROFILE_READ]
    done: list[datetime] = []
    bad_today: list[datetime] = []
    past, slowness, in_a_row, now = Past(hours=hours), 1.0, 0, NOW
    for pause_s, heard, draw, retry_after_s in asked:
        now += timedelta(seconds=pause_s)
        at, why = next_start(past, next_free(window, done, now), now)
        assert at >= now and (why is None) == (at == now)
        while at > now:  # waiting exactly so long is enough, but for what opens only later
            now = at
            at, _why = next_start(past, next_free(window, done, now), now)
        restarted = Past(past.free_at, past.next_at, hours)  # from what is stored, and nothing else
        assert next_start(restarted, next_free(window, list(reversed(done)), now), now) == (now, None)
        if done:
            assert (now - done[-1]).total_seconds() >= pace.gap_min_s - 1e-5
        assert past.free_at is None or now >= past.free_at
        assert hours.opens(now) == now
        done.append(now)
        assert sum(1 for t in done if t > now - timedelta(seconds=window.length_s)) <= window.limit
        before, slowness = slowness, slowness_after(slowness, heard)
        assert slowness >= before or heard is Signal.OK
        past = Past(past.free_at, now + timedelta(seconds=gap_s(pace, slowness, draw)), hours)
        in_a_row = in_a_row + 1 if heard is Signal.COOLDOWN else 0 if heard is Signal.OK else in_a_row
        if heard is Signal.COOLDOWN:
            bad_today = [t for t in bad_today if t >= hours.began(now)] + [now]
            free_at, parked = rest_until(now, in_a_row, len(bad_today), hours, retry_after_s)
            assert free_at >= now + timedelta(seconds=max(600, retry_after_s))
            assert parked == (len(bad_today) >= 3)
            assert not parked or free_at >= hours.tomorrow(now)
            past = Past(free_at, past.next_at, hours)


@given(PACES, st.floats(1, 16), st.floats(0, 1), st.sampled_from(Signal))
def test_a_gap_never_shrinks_on_a_bad_answer(pace, slowness, draw, signal) -> None:
    after = slowness_after(slowness, signal)
    assert 1 <= after <= 16
    if signal not in (Signal.OK, Signal.NOT_FOUND, Signal.PRIVATE):
        assert after >= slowness
        assert gap_s(pace, after, draw) >= gap_s(pace, slowness, draw)


@given(PACES, st.floats(1, 16), st.floats(0, 1))
def test_a_gap_lies_between_its_bounds(pace, slowness, draw) -> None:
    gap = gap_s(pace, slowness, draw)
    assert pace.gap_min_s * slowness - 1e-6 <= gap <= pace.gap_max_s * slowness + 1e-6


def test_gaps_relax_with_good_answers() -> None:
    slowness, answers = slowness_after(1.0, Signal.COOLDOWN), 0
    assert slowness == 2
    while slowness > 1:
        slowness, answers = slowness_after(slowness, Signal.OK), answers + 1
    assert answers == 7


def test_the_third_cooldown_of_a_day_rests_the_account_until_tomorrow() -> None:
    nine_to_nine = WorkingHours(540, 1260)
    assert rest_until(NOW, 1, 1, nine_to_nine) == (NOW + timedelta(minutes=10), False)
    assert rest_until(NOW, 2, 2, nine_to_nine) == (NOW + timedelta(minutes=20), False)
    assert rest_until(NOW, 3, 3, nine_to_nine) == (NOW + timedelta(hours=21), True)
    late = NOW.replace(hour=23, minute=50)
    assert rest_until(late, 3, 3) == (late + timedelta(minutes=40), True), "tomorrow is too soon"
    assert rest_until(NOW, 1, 1, nine_to_nine, 7200)[0] == NOW + timedelta(hours=2)


def test_what_an_action_waits_for_is_named() -> None:
    soon, later = NOW + timedelta(seconds=5), NOW + timedelta(minutes=9)
    assert next_start(Past(), NOW, NOW) == (NOW, None)
    assert next_start(Past(next_at=soon), NOW, NOW) == (soon, "gap")
    assert next_start(Past(free_at=later, next_at=soon), NOW, NOW) == (later, "cooldown")
    assert next_start(Past(next_at=soon), later, NOW) == (later, "window")
    closed = WorkingHours(13 * 60, 14 * 60)
    assert next_start(Past(next_at=soon, hours=closed), NOW, NOW) == (NOW.replace(hour=13), "hours")

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import SERVER_KINDS, Kind
from scrapinsta_ray.domain.routing import Candidate, choose, shares

NOW = datetime(2026, 3, 1, tzinfo=UTC)
READ, FETCH = Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS


def account(name: str, *, room: int = 10, failures: int = 0, used_ago_s: float | None = None) -> Candidate:
    used = None if used_ago_s is None else NOW - timedelta(seconds=used_ago_s)
    return Candidate(name, failures, used, {READ: room})


def chosen(*candidates: Candidate) -> str | None:
    found = choose(candidates, READ)
    return found.username if found else None


def test_nobody_can_be_chosen_from_nobody():
    assert chosen() is None
    assert chosen(account("a", room=0)) is None
    assert choose([account("a")], FETCH) is None  # room for reads is no room for fetches


def test_the_longest_unused_comes_first_and_a_new_account_before_all():
    assert chosen(account("a", used_ago_s=5), account("b", used_ago_s=50)) == "b"
    assert chosen(account("a", used_ago_s=5000), account("new")) == "new"


def test_recent_failures_count_more_than_rest():
    assert chosen(account("a", failures=1, used_ago_s=5000), account("b", used_ago_s=1)) == "b"


def test_failures_beyond_three_are_all_alike():
    assert chosen(account("a", failures=9, used_ago_s=50), account("b", failures=3, used_ago_s=5)) == "a"


def test_a_time_without_a_zone_is_taken_as_utc():
    naive = replace(account("a"), last_used_at=(NOW - timedelta(seconds=9)).replace(tzinfo=None))
    assert chosen(naive, account("b", used_ago_s=5)) == "a"


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.text("abc", min_size=1, max_size=4),
        st.integers(0, 9),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        st.dictionaries(st.sampled_from(SERVER_KINDS), st.integers(-1, 3)),
    ),
    max_size=6,
)


@given(CANDIDATES, st.sampled_from(SERVER_KINDS), st.randoms())
def test_an_account_without_room_is_never_chosen_and_order_does_not_matter(candidates, kind, random):
    able = [c for c in candidates if c.room.get(kind, 0) > 0]
    found = choose(candidates, kind)
    assert (found in able) if able else (found is None)
    shuffled = random.sample(candidates, len(candidates))
    again = choose(shuffled, kind)
    assert (again and again.username) == (found and found.username)


@given(st.integers(1, 7), st.integers(0, 3))
def test_in_a_sequence_every_account_gets_its_turn(size, failures):
    """Alike accounts are used in turns: after any number of tasks their counts differ by at most one."""
    fleet = {f"bot_{i}": account(f"bot_{i}", failures=failures) for i in range(size)}
    counts = dict.fromkeys(fleet, 0)
    for step in range(5 * size):
        found = choose(fleet.values(), READ)
        assert found
        counts[found.username] += 1
        fleet[found.username] = replace(found, last_used_at=NOW + timedelta(seconds=step))
        assert max(counts.values()) - min(counts.values()) <= 1


def test_an_unlucky_account_works_once_the_others_windows_are_full():
    fleet = {name: account(name, room=3) for name in ("a", "b")} | {"unlucky": account("unlucky", failures=7)}
    order = []
    for step in range(8):
        found = choose(fleet.values(), READ)
        assert found
        order.append(found.username)
        fleet[found.username] = replace(
            found, room={READ: found.room[READ] - 1}, last_used_at=NOW + timedelta(seconds=step)
        )
    assert order == ["a", "b", "a", "b", "a", "b", "unlucky", "unlucky"]


@given(st.integers(0, 500), st.integers(0, 60))
def test_shares_sum_to_the_limit_and_differ_by_at_most_one(limit, tenants):
    got = shares(limit, tenants)
    assert len(got) == tenants
    if tenants:
        assert sum(got) == limit
        assert max(got) - min(got) <= 1
        assert got == sorted(got, reverse=True)  # what is left over goes to those whose turn comes first

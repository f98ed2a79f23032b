from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import SERVER_KINDS, Kind
from scrapinsta_ray.domain.routing import Candidate, Wish, assign, choose, in_turn, shares, wish_of

NOW = datetime(2026, 3, 1, tzinfo=UTC)
READ, FETCH = Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS


def account(name: str, *, failures: int = 0, used_ago_s: float | None = None) -> Candidate:
    used = None if used_ago_s is None else NOW - timedelta(seconds=used_ago_s)
    return Candidate(name, failures, used, frozenset({READ}))


def chosen(*candidates: Candidate, wish: Wish | None = None) -> str | None:
    found = choose(candidates, READ, wish)
    return found.username if found else None


def assigned(wishes: list[Wish], *candidates: Candidate) -> list[str | None]:
    return [found.username if found else None for found in assign(wishes, candidates, READ)]


def test_nobody_can_be_chosen_from_nobody():
    assert chosen() is None
    assert chosen(replace(account("a"), kinds=frozenset())) is None
    assert choose([account("a")], FETCH) is None  # who may read may not fetch


def test_the_longest_unused_comes_first_and_a_new_account_before_all():
    assert chosen(account("a", used_ago_s=5), account("b", used_ago_s=50)) == "b"
    assert chosen(account("a", used_ago_s=5000), account("new")) == "new"


@pytest.mark.parametrize(("failures", "handicap_s"), [(1, 60), (2, 120), (3, 240), (4, 480), (9, 480)])
def test_a_failure_counts_like_a_later_use(failures, handicap_s):
    unlucky = account("a", failures=failures, used_ago_s=1000)
    assert chosen(unlucky, account("b", used_ago_s=1000 - handicap_s + 1)) == "b"
    assert chosen(unlucky, account("b", used_ago_s=1000 - handicap_s - 1)) == "a"


def test_a_time_without_a_zone_is_taken_as_utc():
    naive = replace(account("a"), last_used_at=(NOW - timedelta(seconds=9)).replace(tzinfo=None))
    assert chosen(naive, account("b", used_ago_s=5)) == "a"


def test_wishes_are_heard_and_never_leave_a_task_without_an_account():
    fresh, used = account("fresh"), account("used", used_ago_s=1)
    assert chosen(fresh, used, wish=Wish(stick_to="used")) == "used"
    assert chosen(fresh, used, wish=Wish(stick_to="gone")) == "fresh"
    assert chosen(fresh, used, wish=Wish(avoid="fresh")) == "used"
    assert chosen(fresh, wish=Wish(avoid="fresh")) == "fresh"


def test_whoever_sticks_comes_before_whoever_avoids_before_the_rest():
    fresh, used = account("fresh"), account("used", used_ago_s=1)
    assert assigned([Wish(), Wish(stick_to="fresh")], fresh, used) == ["used", "fresh"]
    assert assigned([Wish(), Wish(avoid="used")], fresh, used) == ["used", "fresh"]
    assert assigned([Wish(), Wish(), Wish()], fresh, used) == ["fresh", "used", None]


@pytest.mark.parametrize(
    ("code", "has_cursor", "wish"),
    [
        (None, False, Wish()),
        ("budget_spent", True, Wish(stick_to="a")),
        ("cooldown", True, Wish(stick_to="a")),  # it rests: then another goes on
        ("worker_failed", True, Wish(stick_to="a")),
        ("worker_failed", False, Wish(avoid="a")),
        ("lease_expired", False, Wish(avoid="a")),
        ("retry_later", True, Wish(avoid="a")),
        ("layout_changed", False, Wish(avoid="a")),
        ("budget_spent", False, Wish()),
    ],
)
def test_what_a_task_wishes_after_its_last_attempt(code, has_cursor, wish):
    assert wish_of("a", code, has_cursor) == wish


KINDS = st.frozensets(st.sampled_from(SERVER_KINDS))
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.text("abc", min_size=1, max_size=4),
        st.integers(0, 9),
        st.none() | st.datetimes(timezones=st.just(UTC)),
        KINDS,
    ),
    max_size=6,
    unique_by=lambda candidate: candidate.username,
)
WISHES = st.lists(
    st.builds(
        Wish, st.none() | st.text("abc", min_size=1, max_size=2), st.none() | st.text("abc", max_size=2)
    ),
    max_size=6,
)


@given(CANDIDATES, st.sampled_from(SERVER_KINDS), st.randoms())
def test_an_account_that_may_not_is_never_chosen_and_order_does_not_matter(candidates, kind, random):
    able = [c for c in candidates if kind in c.kinds]
    found = choose(candidates, kind)
    assert (found in able) if able else (found is None)
    assert choose(random.sample(candidates, len(candidates)), kind) == found


@given(CANDIDATES, WISHES, st.sampled_from(SERVER_KINDS))
def test_as_many_tasks_get_an_account_as_there_are_able_accounts(candidates, wishes, kind):
    able = [c for c in candidates if kind in c.kinds]
    given_out = [c for c in assign(wishes, candidates, kind) if c]
    assert len(given_out) == min(len(wishes), len(able)) == len({c.username for c in given_out})
    assert all(c in able for c in given_out)


@given(WISHES, CANDIDATES)
def test_a_task_sticks_if_its_account_is_free(wishes, candidates):
    given_out = assign(wishes, candidates, READ)
    able = {c.username for c in candidates if READ in c.kinds}
    for name in {w.stick_to for w in wishes} & able:
        assert any(
            w.stick_to == name and c and c.username == name for w, c in zip(wishes, given_out, strict=True)
        )


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


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.integers(20, 60))
def test_no_account_starves_whatever_failed(failures, every_s):
    """However often accounts failed, each is used again within the longest handicap and a turn of all."""
    fleet = {f"bot_{i}": account(f"bot_{i}", failures=n, used_ago_s=0) for i, n in enumerate(failures)}
    longest_s = 480 + every_s * (len(fleet) + 1)
    last = dict.fromkeys(fleet, 0)
    for second in range(every_s, 2000, every_s):
        found = choose(fleet.values(), READ)
        assert found
        assert second - last[found.username] <= longest_s
        last[found.username] = second
        fleet[found.username] = replace(found, last_used_at=NOW + timedelta(seconds=second))
    assert all(2000 - at <= longest_s for at in last.values())


def test_accounts_that_fail_get_fewer_tasks_while_others_are_free():
    fleet = {name: account(name, used_ago_s=0) for name in ("a", "b")}
    fleet["unlucky"] = account("unlucky", failures=4, used_ago_s=0)
    used: Counter[str] = Counter()
    for second in range(0, 3600, 10):
        found = choose(fleet.values(), READ)
        assert found
        used[found.username] += 1
        fleet[found.username] = replace(found, last_used_at=NOW + timedelta(seconds=second))
    assert 0 < used["unlucky"] < used["a"] / 10


@given(st.integers(0, 500), st.integers(0, 60))
def test_shares_sum_to_the_limit_and_differ_by_at_most_one(limit, tenants):
    got = shares(limit, tenants)
    assert len(got) == tenants
    if tenants:
        assert sum(got) == limit
        assert max(got) - min(got) <= 1
        assert got == sorted(got, reverse=True)  # what is left over goes to those whose turn comes first


@given(st.sets(st.sampled_from("abcdef"), min_size=1))
def test_whose_turn_it_is_goes_round(those):
    last, seen = None, []
    for _ in range(2 * len(those)):
        last = in_turn(those, last)[0]
        seen.append(last)
    assert set(seen[: len(those)]) == those == set(seen[len(those) :])
    assert sorted(in_turn(those, last)) == sorted(those)

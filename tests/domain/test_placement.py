"""Browsers are spread by what hosts carry, and settle."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.placement import Host, emptiest, leavers, one_too_many

SMALL, LARGE, LEAVING = Host("small", 4), Host("large", 16), Host("leaving", 16, leaving=True)


def test_the_first_goes_where_it_is_the_smallest_part():
    assert emptiest([SMALL, LARGE], {}) == LARGE


def test_a_host_that_leaves_or_is_full_takes_none():
    assert emptiest([SMALL, LEAVING], {"small": 4}) is None
    assert emptiest([SMALL, LEAVING], {"small": 3}) == SMALL


def test_whoever_is_on_a_leaving_host_goes():
    assert leavers([SMALL, LEAVING], {"ana": "small", "luz": "leaving", "eva": "gone"}) == {"luz"}


def test_a_host_that_joined_gets_its_share_and_the_idle_go_first():
    places = {"ana": "a", "luz": "a", "eva": "a", "sol": "a"}
    assert one_too_many([Host("a", 4), Host("b", 4)], places, idle={"luz"}) == "luz"


def test_even_is_left_alone():
    hosts = [Host("a", 4), Host("b", 4)]
    assert one_too_many(hosts, {"ana": "a", "luz": "b"}, ()) is None
    assert one_too_many(hosts, {"ana": "a", "luz": "a", "eva": "b"}, ()) is None
    assert one_too_many([], {"ana": "a"}, ()) is None


@given(
    st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=40),
)
def test_moving_one_after_the_other_comes_to_an_end(sizes, spots):
    hosts = [Host(f"h{n}", size, leaving) for n, (size, leaving) in enumerate(sizes)]
    places: dict[str, str] = {}
    for n, spot in enumerate(spots):
        host = hosts[spot % len(hosts)]
        if Counter(places.values())[host.name] < host.browsers:
            places[f"bot_{n}"] = host.name
    for _ in range(len(places) + 1):
        mover = one_too_many(hosts, places, ())
        if mover is None:
            break
        target = emptiest(hosts, Counter(places.values()))
        assert target
        places[mover] = target.name
    else:
        raise AssertionError("it never settles")

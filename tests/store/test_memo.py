"""What is looked up once, and no more of it than there is room for."""

from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.store.memo import Memo

NAMES = st.sets(st.text("abcdef", min_size=1, max_size=2), max_size=5)


@given(st.lists(NAMES, max_size=12))
def test_with_room_for_all_each_name_is_looked_up_once(asked: list[set[str]]) -> None:
    memo, looked_up = Memo[str](), list[str]()

    def look_up(names: set[str]) -> dict[str, str]:
        looked_up.extend(names)
        return {name: name.upper() for name in names}

    for names in asked:
        assert memo.of(names, look_up) == {name: name.upper() for name in names}
    assert sorted(looked_up) == sorted(set().union(*asked))


@given(st.lists(NAMES, max_size=12), st.integers(1, 4))
def test_with_little_room_the_answers_are_the_same(asked: list[set[str]], most: int) -> None:
    memo = Memo[str](most)
    for names in asked:
        assert memo.of(names, lambda some: {name: name.upper() for name in some}) == {
            name: name.upper() for name in names
        }
        assert len(memo._known) < most + 5  # as many as one asks for at most


def test_what_is_not_found_is_left_out_and_looked_up_again() -> None:
    memo = Memo[str]()
    assert memo.of({"ana"}, lambda _: {}) == {}
    assert memo.of({"ana"}, lambda _: {"ana": "found"}) == {"ana": "found"}

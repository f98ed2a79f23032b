"""The people of the site: the same for the same seed, and as uneven as people are."""

import re
import time
from base64 import urlsafe_b64decode
from datetime import timedelta

import numpy as np
import pytest

from scrapinsta_ray.simulator.population import DEFAULT_TARGET, NOBODY, Population, User, make_population
from tests.simulator.conftest import NOW


def everybody(people: Population) -> list[User]:
    return [people.user(index) for index in range(people.size)]


def target(people: Population) -> User:
    user = people.find(DEFAULT_TARGET)
    assert user
    return user


def test_the_same_seed_gives_the_same_people_posts_and_lists(people):
    again = make_population(people.size, people.seed, people.now)
    assert everybody(again) == everybody(people)
    assert again.followings(target(again)) == people.followings(target(people))
    assert [again.media(user) for user in everybody(again)[:50]] == [
        people.media(user) for user in everybody(people)[:50]
    ]


def test_another_seed_gives_other_people(people):
    assert everybody(make_population(people.size, 8, NOW)) != everybody(people)


def test_usernames_and_ids_are_unique_and_allowed(people):
    names = [user.username for user in everybody(people)]
    assert len(set(names)) == len(names)
    assert len({user.pk for user in everybody(people)}) == len(names)
    assert all(re.fullmatch(r"(?!.*\.\.)[a-z0-9_][a-z0-9._]{0,28}[a-z0-9_]", name) for name in names)


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_shares_are_near_those_of_the_real_site(seed):
    crowd = make_population(4000, seed, NOW).crowd
    assert crowd.private.mean() == pytest.approx(0.12, abs=0.03)
    assert crowd.verified.mean() == pytest.approx(0.04, abs=0.02)
    assert crowd.hides_likes.mean() == pytest.approx(0.06, abs=0.02)
    assert (crowd.posts == 0).mean() == pytest.approx(0.04, abs=0.015)
    large = crowd.followers > np.quantile(crowd.followers, 0.99)
    assert crowd.verified[large].mean() > 5 * crowd.verified[~large].mean()


def test_followers_have_a_heavy_tail():
    followers = make_population(4000, 7, NOW).crowd.followers
    assert followers.min() < 100 < np.median(followers) < 5_000 < 1_000_000 < followers.max()


@pytest.mark.parametrize("seed", range(6))
def test_any_first_sixty_of_the_default_target_have_private_and_missing_ones(seed):
    people = make_population(2000, seed, NOW)
    rows = [people.user(index) for index in people.followings(target(people))]
    assert len(rows) == len(set(rows)) == target(people).followings >= 300
    assert any(row.is_private for row in rows[:60])
    assert 2 <= sum(not row.exists for row in rows[:60]) <= 4
    assert all(people.find(row.username) is None for row in rows if not row.exists)


def test_whom_the_default_target_follows_takes_messages(people):
    assert not any(people.user(index).refusal for index in people.followings(target(people)))


def test_lists_are_as_long_as_the_profile_says(people):
    for user in everybody(people)[:80]:
        rows = people.followings(user)
        assert len(set(rows)) == len(rows) == user.followings
        assert user.index not in rows


def test_posts_are_dated_by_their_ids_and_newest_first(people):
    media = [one for user in everybody(people)[:80] for one in people.media(user)]
    for one in media:
        assert ((one.pk >> 23) + 1314220021721) // 1000 == one.taken_at
        assert int.from_bytes(urlsafe_b64decode(one.code.rjust(12, "A"))) == one.pk
        assert one.taken_at < NOW.timestamp()
    for user in everybody(people)[:80]:
        dates = [one.taken_at for one in people.media(user)]
        assert dates == sorted(dates, reverse=True)
        assert len(dates) == min(user.posts, 40)


def test_pinned_posts_are_old(people):
    pinned = [
        (n, people.media(user))
        for user in everybody(people)
        for n, m in enumerate(people.media(user))
        if m.pinned
    ]
    assert pinned
    assert all(n >= len(media) // 2 for n, media in pinned)


def test_what_is_no_film_has_no_views_and_hidden_posts_tell_none(people):
    for user in everybody(people)[:200]:
        for one in people.media(user):
            assert (one.views is not None) == (one.film and not one.hidden)
            assert one.hidden or not user.hides_likes


def test_likes_follow_the_followers(people):
    users = [user for user in everybody(people) if user.posts > 10]
    followers = np.log([user.followers for user in users])
    likes = np.log([1 + np.median([one.likes for one in people.media(user)]) for user in users])
    assert np.corrcoef(followers, likes)[0, 1] > 0.7


def test_named_accounts_are_there(people):
    named = {name: people.find(name) for name in people.fixtures().values()}
    assert named.pop(NOBODY) is None
    assert all(named.values())
    assert people.find("CAFE_Lucia") == target(people)
    assert people.find("bot_99") and people.find("client_9")
    assert people.find("bot_100") is None


@pytest.mark.parametrize("size", [1, 2, 40])
def test_tiny_populations_work(size):
    people = make_population(size, 3, NOW)
    for name in people.fixtures().values():
        if user := people.find(name):
            assert len(people.followings(user)) == len(set(people.followings(user)))


def test_an_empty_population_is_refused():
    with pytest.raises(ValueError):
        make_population(0, 1, NOW)


def test_a_hundred_thousand_people_start_quickly():
    began = time.perf_counter()
    people = make_population(100_000, 7, NOW - timedelta(days=1))
    assert len(people.followings(target(people))) == target(people).followings
    assert time.perf_counter() - began < 5

"""The people of the site: drawn once from (size, seed), the same for every start; media and lists on demand.

What is needed of everybody is kept in arrays (100,000 users start in a second); a `User`, its media and its
following list are made from the seed when somebody looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scrapinsta_ray.simulator import names
from scrapinsta_ray.simulator.media import Media, draw_media

DEFAULT_TARGET = "cafe_lucia"
NOBODY = "nadie_aqui"
BOTS, CLIENTS = 99, 9
LIMITED_LIST = 50
"""How many rows the site shows of a list that it limits."""
GHOST_EVERY = 30
"""One row in so many of a following list is an account that is gone by now."""


@dataclass(frozen=True, slots=True)
class User:
    """One account. `exists` is false for accounts that are listed but whose profile is gone."""

    index: int
    pk: int
    username: str
    full_name: str = ""
    biography: str = ""
    external_url: str | None = None
    category: str | None = None
    followers: int = 0
    followings: int = 0
    posts: int = 0
    is_private: bool = False
    is_verified: bool = False
    is_business: bool = False
    hides_likes: bool = False
    limited_list: bool = False  # the site shows only the first of whom it follows
    refusal: str | None = None  # "requests" or "followers": why it takes no message
    exists: bool = True


@dataclass(frozen=True)
class Crowd:
    """The drawn people, column by column; row i of each array is user i."""

    usernames: Sequence[str]
    ids: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    biography: NDArray[np.int64]
    category: NDArray[np.int64]  # -1 for none
    link: NDArray[np.int64]  # 0 none, 1 a link page, 2 a domain of their own
    followers: NDArray[np.int64]
    followings: NDArray[np.int64]
    posts: NDArray[np.int64]
    private: NDArray[np.bool_]
    verified: NDArray[np.bool_]
    business: NDArray[np.bool_]
    hides_likes: NDArray[np.bool_]
    ghost: NDArray[np.bool_]
    refusal: NDArray[np.int64]  # 0 none, 1 requests, 2 followers

    def __len__(self) -> int:
        return len(self.usernames)

    def user(self, index: int) -> User:
        name = self.usernames[index]
        first, last = names.FIRST[self.first[index]], names.LAST[self.last[index]]
        links = (
            None,
            f"https://linktr.ee/{name}",
            f"https://www.{name.replace('_', '-').strip('-.')}.example/",
        )
        category = int(self.category[index])
        return User(
            index=index,
            pk=int(self.ids[index]),
            username=name,
            full_name=f"{first} {last}",
            biography=names.BIOGRAPHIES[self.biography[index]],
            external_url=links[self.link[index]],
            category=names.CATEGORIES[category] if category >= 0 else None,
            followers=int(self.followers[index]),
            followings=int(self.followings[index]),
            posts=int(self.posts[index]),
            is_private=bool(self.private[index]),
            is_verified=bool(self.verified[index]),
            is_business=bool(self.business[index]),
            hides_likes=bool(self.hides_likes[index]),
            refusal=(None, "requests", "followers")[self.refusal[index]],
            exists=not self.ghost[index],
        )


def _followers(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Log-normal for most, a Pareto tail for one in twenty: tens to tens of millions."""
    ordinary = rng.lognormal(np.log(900), 1.5, size)
    stars = 20_000 * (1 + rng.pareto(0.75, size))
    drawn = np.where(rng.random(size) < 0.05, stars, ordinary)
    return np.clip(drawn, 12, 250_000_000).astype(np.int64)


def _ids(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    """Distinct ids in no order, of 8 to 11 digits."""
    ids = 10_000_000 + np.cumsum(rng.integers(1_000, 900_000, size))
    return rng.permutation(ids).astype(np.int64)


def _followings(rng: np.random.Generator, size: int) -> NDArray[np.int64]:
    most = max(1, min(3_000, size // 3))
    return np.clip(rng.lognormal(np.log(180), 0.9, size), 1, most).astype(np.int64)


def _verified(rng: np.random.Generator, followers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """About 4 % of all, hardly any small account and most very large ones."""
    chance = 0.012 + 0.85 / (1 + np.exp(-2.2 * (np.log10(followers) - 5.6)))
    return np.asarray(rng.random(len(followers)) < chance)


def draw_crowd(rng: np.random.Generator, size: int, taken: set[str]) -> Crowd:
    first, last = rng.integers(0, len(names.FIRST), size), rng.integers(0, len(names.LAST), size)
    followers = _followers(rng, size)
    business = rng.random(size) < 0.25
    posts = np.clip(rng.lognormal(np.log(90), 1.3, size), 1, 9_000).astype(np.int64)
    return Crowd(
        usernames=names.unique(names.usernames(rng, first.tolist(), last.tolist()), taken),
        ids=_ids(rng, size),
        first=first,
        last=last,
        biography=rng.integers(0, len(names.BIOGRAPHIES), size),
        category=np.where(business, rng.integers(0, len(names.CATEGORIES), size), -1),
        link=rng.choice(3, size, p=[0.65, 0.2, 0.15]),
        followers=followers,
        followings=_followings(rng, size),
        posts=np.where(rng.random(size) < 0.04, 0, posts),
        private=(rng.random(size) < 0.125) & (followers < 200_000) & ~business | (rng.random(size) < 0.03),
        verified=_verified(rng, followers),
        business=business,
        hides_likes=rng.random(size) < 0.06,
        ghost=rng.random(size) < 0.03,
        refusal=rng.choice(3, size, p=[0.97, 0.02, 0.01]),
    )


def _fixtures(start: int, size: int) -> list[User]:
    """The accounts that tests and the demo call by name."""
    rich = User(
        start,
        201,
        DEFAULT_TARGET,
        "Café Lucía",
        "Café de especialidad · Sevilla ☕\nReto del mes: latte art challenge",
        "https://cafelucia.example/",
        "Café",
        followers=18_432,
        followings=min(412, size * 4 // 5),
        posts=268,
        is_business=True,
    )
    plain = replace(rich, biography="", external_url=None, category=None, is_business=False, posts=24)
    some = min(400, size * 4 // 5)
    everyone = min(10_000, size * 9 // 10)
    drafts = [
        rich,
        replace(plain, username="casa_privada", full_name="Casa Privada", is_private=True, followings=some),
        replace(plain, username="solo_silencio", full_name="Silencio", followings=0),
        replace(plain, username="lista_corta", full_name="Lista Corta", followings=some, limited_list=True),
        replace(plain, username="sigue_a_todos", full_name="Sigue a Todos", followings=everyone),
        replace(plain, username="no_molestar", full_name="No Molestar", followings=3, refusal="requests"),
        replace(plain, username="solo_amigos", full_name="Solo Amigos", followings=3, refusal="followers"),
    ]
    return [replace(user, index=start + n, pk=201 + n) for n, user in enumerate(drafts)]


def _members(start: int) -> list[User]:
    """The accounts that can log in: the fleet's bots and the clients' senders, quiet people with no posts."""
    logins = [f"bot_{n}" for n in range(1, BOTS + 1)] + [f"client_{n}" for n in range(1, CLIENTS + 1)]
    return [
        User(start + n, 1001 + n, name, name.replace("_", " ").title(), followers=12 + n)
        for n, name in enumerate(logins)
    ]


class Population:
    """Everybody on the site; look people up by name or id, then ask for their media and whom they follow."""

    def __init__(self, size: int, seed: int, now: datetime) -> None:
        self.size, self.seed, self.now = size, seed, now
        fixtures = _fixtures(size, size)
        self.named = fixtures + _members(size + len(fixtures))
        rng = np.random.default_rng([seed, size])
        self.crowd = draw_crowd(rng, size, {user.username for user in self.named} | {NOBODY})
        self._ghosts = np.flatnonzero(self.crowd.ghost)
        self._weights = np.where(self.crowd.ghost, 0.0, self.crowd.followers**0.3)
        everybody = [*self.crowd.usernames, *(user.username for user in self.named)]
        self._by_name: Mapping[str, int] = {name: index for index, name in enumerate(everybody)}
        ids = [*self.crowd.ids.tolist(), *(user.pk for user in self.named)]
        self._by_pk: Mapping[int, int] = {pk: index for index, pk in enumerate(ids)}
        # Cached per population: a user is read many times in a row, and two populations share nothing.
        self.user = lru_cache(maxsize=20_000)(self._user)
        self.media = lru_cache(maxsize=4_000)(self._media)
        self.followings = lru_cache(maxsize=400)(self._followings)
        self._welcoming = frozenset(self._followings(fixtures[0]))

    def _user(self, index: int) -> User:
        if index >= self.size:
            return self.named[index - self.size]
        user = self.crowd.user(index)
        # Whom the default target follows always takes messages, so that the demo can count on its number.
        return replace(user, refusal=None) if index in self._welcoming else user

    def find(self, username: str) -> User | None:
        """The account with this name, None when there is no profile to open."""
        index = self._by_name.get(username.lower())
        user = None if index is None else self.user(index)
        return user if user and user.exists else None

    def by_pk(self, pk: int) -> User | None:
        index = self._by_pk.get(pk)
        user = None if index is None else self.user(index)
        return user if user and user.exists else None

    def rng(self, user: User, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, self.size, purpose, user.index])

    def _media(self, user: User) -> tuple[Media, ...]:
        """The last 40 posts at most, newest first."""
        return draw_media(self.rng(user, 1), user.followers, user.posts, user.hides_likes, self.now)

    def _followings(self, user: User) -> tuple[int, ...]:
        """Indexes of whom `user` follows, in the order of the list: known people more often, no one twice."""
        rng = self.rng(user, 2)
        wanted = min(user.followings, self.size)
        ghosts = rng.permutation(self._ghosts)[: wanted // GHOST_EVERY]
        living = self._draw_followed(rng, user.index, wanted - len(ghosts))
        return tuple(_spread(rng, living.tolist(), ghosts.tolist()))

    def _draw_followed(self, rng: np.random.Generator, own: int, wanted: int) -> NDArray[np.int64]:
        """Weighted sampling without replacement (Efraimidis and Spirakis: the smallest exponential keys)."""
        if not wanted:
            return np.zeros(0, np.int64)
        with np.errstate(divide="ignore"):
            keys = rng.exponential(size=self.size) / self._weights
        if own < self.size:
            keys[own] = np.inf
        return rng.permutation(np.argsort(keys)[:wanted])

    def shown_followings(self, user: User) -> tuple[int, ...]:
        """What the site is willing to list."""
        return self.followings(user)[: LIMITED_LIST if user.limited_list else None]

    def fixtures(self) -> dict[str, str]:
        return {
            "default_target": DEFAULT_TARGET,
            "private": "casa_privada",
            "missing": NOBODY,
            "follows_nobody": "solo_silencio",
            "limited_list": "lista_corta",
            "long_list": "sigue_a_todos",
            "refuses_requests": "no_molestar",
            "refuses_strangers": "solo_amigos",
        }


def _spread(rng: np.random.Generator, living: list[int], ghosts: list[int]) -> list[int]:
    """One ghost somewhere in each thirty rows, so that any first page of some length has them."""
    rows = list(living)
    for block, ghost in enumerate(ghosts):
        rows.insert(block * GHOST_EVERY + int(rng.integers(0, GHOST_EVERY)), ghost)
    return rows


def today() -> datetime:
    """The start of today (UTC): two starts on one day give the same posts."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def make_population(size: int = 2000, seed: int = 7, now: datetime | None = None) -> Population:
    """The people for (size, seed, now); posts are dated back from `now`, by default the start of today."""
    if size < 1:
        raise ValueError("A population needs at least one person.")
    return Population(size, seed, now or today())


def page_of(rows: Sequence[Any], start: int, count: int) -> tuple[Sequence[Any], int | None]:
    """One page of a list and where the next begins, None after the last."""
    end = start + count
    return rows[start:end], end if end < len(rows) else None

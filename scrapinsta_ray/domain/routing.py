"""Which account takes which task, and whose turn among the tenants and the kinds of task it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from scrapinsta_ray.domain.models import Action, Kind

T = TypeVar("T", bound=str)

ACTIONS = {
    Kind.ANALYZE_PROFILE: (Action.PROFILE_READ,),
    Kind.FETCH_FOLLOWINGS: (Action.PROFILE_READ, Action.FOLLOWING_PAGE),
}
"""What an account does for a task, so which of its windows need room for it to begin."""

HANDICAP_S = 60.0
"""An account that failed counts as if used so much later; doubled with each further failure in a row."""

_MOST_DOUBLINGS = 3
_NEVER = datetime.min.replace(tzinfo=UTC)
_COMPLAINTS = frozenset({"retry_later", "layout_changed", "browser_gone"})
"""Reasons after which the next attempt is better made by another account."""

_CRASHES = frozenset({"worker_failed", "lease_expired"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that could work now, on tasks of `kinds`. `failures` in a row, up to now."""

    username: str
    failures: int = 0
    last_used_at: datetime | None = None
    kinds: frozenset[Kind] = frozenset(ACTIONS)


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom a task would rather go to, and whom it would rather not. It takes another if it must."""

    stick_to: str | None = None
    avoid: str | None = None


def wish_of(last_account: str | None, last_code: str | None, has_cursor: bool) -> Wish:
    """What a task wishes after its last attempt, by `last_account`, ended with `last_code`.

    A cursor belongs to the session that was given it: go on with that, even after a crash, unless the site failed it.
    """
    if last_code in _COMPLAINTS or (last_code in _CRASHES and not has_cursor):
        return Wish(avoid=last_account)
    return Wish(stick_to=last_account if has_cursor else None)


def assign(wishes: Sequence[Wish], candidates: Iterable[Candidate], kind: Kind) -> list[Candidate | None]:
    """An account for each task of `kind`, in the order of `wishes`; None only where no account is left.

    Wishes are heard in turn, those to stick before those to avoid, and never leave a task or an account without the
    other.
    """
    free = [candidate for candidate in candidates if kind in candidate.kinds]
    given: list[Candidate | None] = [None] * len(wishes)
    for i, wish in _first_those_who_stick(wishes, {c.username for c in free}):
        found = choose(free, kind, wish)
        if found is None:
            break
        free.remove(found)
        given[i] = found
    return given


def choose(candidates: Iterable[Candidate], kind: Kind, wish: Wish | None = None) -> Candidate | None:
    """The account for a task of `kind`, or None if none may take it: as wished, else the longest unused.

    Failures make an account look used more recently than it was, by a minute to eight: it is avoided while others
    are rested, and still has its turn.
    """
    wish = wish or Wish()
    able = [c for c in candidates if kind in c.kinds]
    return min(
        able, key=lambda c: (c.username != wish.stick_to, c.username == wish.avoid, *_rank(c)), default=None
    )


def _first_those_who_stick(wishes: Sequence[Wish], names: set[str]) -> list[tuple[int, Wish]]:
    def rank(numbered: tuple[int, Wish]) -> int:
        wish = numbered[1]
        return 0 if wish.stick_to in names else 1 if wish.avoid in names else 2

    return sorted(enumerate(wishes), key=rank)


def _rank(candidate: Candidate) -> tuple[datetime, str]:
    """Who is earlier here has rested longer."""
    last = candidate.last_used_at
    if last is None:
        return _NEVER + _handicap(candidate.failures), candidate.username
    return (last if last.tzinfo else last.replace(tzinfo=UTC)) + _handicap(
        candidate.failures
    ), candidate.username


def _handicap(failures: int) -> timedelta:
    if not failures:
        return timedelta()
    return timedelta(seconds=HANDICAP_S * 2 ** min(failures - 1, _MOST_DOUBLINGS))


def shares(limit: int, tenants: int) -> list[int]:
    """How many of `limit` tasks each of `tenants` waiting tenants gets in this round, in the order of their turns."""
    if not tenants:
        return []
    each, over = divmod(limit, tenants)
    return [each + (i < over) for i in range(tenants)]


def in_turn(those: Iterable[T], after: T | None) -> list[T]:
    """All of `those` in their order, beginning behind `after` and going round."""
    ordered = sorted(those)
    behind = [one for one in ordered if after is not None and one > after]
    return behind + [one for one in ordered if one not in behind]

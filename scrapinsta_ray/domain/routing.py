"""Which account takes the next task, and whose turn among the tenants it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from scrapinsta_ray.domain.models import Kind

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account that could work now. `room`: actions that its windows still allow, by kind of task."""

    username: str
    failures: int = 0
    last_used_at: datetime | None = None
    room: Mapping[Kind, int] = field(default_factory=dict)


def choose(candidates: Iterable[Candidate], kind: Kind) -> Candidate | None:
    """The account for a task of `kind`: fewest recent failures, then longest unused; None if none has room.

    Failures are capped at three, so that an unlucky account comes back to its turn once the others are used up.
    """
    able = [c for c in candidates if c.room.get(kind, 0) > 0]
    return min(able, key=_preference, default=None)


def _preference(candidate: Candidate) -> tuple[int, datetime, str]:
    last = candidate.last_used_at or _NEVER
    return min(candidate.failures, 3), last if last.tzinfo else last.replace(tzinfo=UTC), candidate.username


def shares(limit: int, tenants: int) -> list[int]:
    """How many of `limit` tasks each of `tenants` waiting tenants gets in this round, in the order of their turns."""
    if not tenants:
        return []
    each, over = divmod(limit, tenants)
    return [each + (i < over) for i in range(tenants)]

"""What never changes once it is there, and is therefore looked up once."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class Memo(Generic[V]):
    """Values by name. When it has `most` it forgets all of them, and looks them up again as they are asked for."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._known: dict[str, V] = {}

    def of(self, names: set[str], look_up: Callable[[set[str]], Mapping[str, V]]) -> dict[str, V]:
        """The values of `names`, as far as `look_up` finds those that are not known yet."""
        known = self._known
        if unknown := names - known.keys():
            if len(known) >= self._most:
                self._known = known = {}  # another: who reads the old one beside us still finds it whole
                unknown = names
            known |= look_up(unknown)
        return {name: known[name] for name in names if name in known}

"""On which host an account's browser should run: evenly by what each host carries, and on none that is leaving."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Host:
    """A host that carries so many browsers; one that is `leaving` takes none any more."""

    name: str
    browsers: float
    leaving: bool = False


def emptiest(hosts: Collection[Host], taken: Mapping[str, int]) -> Host | None:
    """The host on which one more browser makes the least of a crowd; None when there is no room."""
    room = [host for host in hosts if not host.leaving and taken.get(host.name, 0) + 1 <= host.browsers]
    return min(room, key=lambda host: (_crowd(host, taken, 1), host.name), default=None)


def leavers(hosts: Collection[Host], places: Mapping[str, str]) -> set[str]:
    """Accounts, of those with a place, that must go because their host does."""
    leaving = {host.name for host in hosts if host.leaving}
    return {account for account, place in places.items() if place in leaving}


def one_too_many(hosts: Collection[Host], places: Mapping[str, str], idle: Collection[str]) -> str | None:
    """An account whose move to the emptiest host would make it more even, rather one of `idle`; None if all is well.

    One that had moved would not be told to move back.
    """
    taken = Counter(places.values())
    target = emptiest(hosts, taken)
    crowded = [host for host in hosts if not host.leaving and taken[host.name]]
    if target is None or not crowded:
        return None
    fullest = max(crowded, key=lambda host: (_crowd(host, taken), host.name))
    if _crowd(fullest, taken) <= _crowd(target, taken, 1):
        return None
    there = [account for account, place in places.items() if place == fullest.name]
    return min(there, key=lambda account: (account not in idle, account))


def _crowd(host: Host, taken: Mapping[str, int], more: int = 0) -> float:
    return (taken.get(host.name, 0) + more) / host.browsers if host.browsers else float("inf")

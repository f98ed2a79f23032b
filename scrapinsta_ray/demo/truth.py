"""What was stored, held against what the simulator knows to be true."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

_PROFILE = ("id", "full_name", "biography", "followers", "followings", "posts", "is_verified")
_MEDIA = ("likes", "comments", "views", "pinned", "hidden")
_CHUNK = 100


class Truth:
    """The simulator's own knowledge, at `/_truth`."""

    def __init__(self, site_url: str) -> None:
        self._site_url = site_url

    def users(self, usernames: Sequence[str]) -> dict[str, Any]:
        """username -> its truth, None for those that do not exist."""
        found: dict[str, Any] = {}
        for i in range(0, len(usernames), _CHUNK):
            names = ",".join(usernames[i : i + _CHUNK])
            found |= self._get("users", usernames=names)["users"]
        return found

    def followings(self, username: str) -> list[str]:
        """Whom `username` follows, in order."""
        return list(self._get(f"followings/{username}")["usernames"])

    def messages_by_recipient(self) -> Counter[str]:
        """How many messages each person has got."""
        threads = self._get("threads")["threads"]
        return Counter({thread["to"]: len(thread["messages"]) for thread in threads})

    def _get(self, what: str, **parameters: str) -> Any:
        return httpx.get(f"{self._site_url}/_truth/{what}", params=parameters, timeout=30).json()


def mismatches(profiles: Iterable[Mapping[str, Any]], users: Mapping[str, Any]) -> list[str]:
    """Every stored value that is not the true one, as `username.field: stored, not true`."""
    found: list[str] = []
    for stored in profiles:
        true = users.get(stored["username"])
        if true is None or true["is_private"]:
            found.append(f"{stored['username']}: stored, but missing or private")
            continue
        found += _differences(stored["username"], _named(stored), true, _PROFILE)
        found += _media_differences(stored, true)
    return found


def _named(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {**stored, "id": stored["ig_id"]}


def _media_differences(stored: Mapping[str, Any], true: Mapping[str, Any]) -> list[str]:
    known = {media["code"]: media for media in true["media"]}
    found: list[str] = []
    if len(stored["media"]) < min(12, len(known)):
        found.append(f"{stored['username']}.media: {len(stored['media'])} stored of {len(known)}")
    for media in stored["media"]:
        where = f"{stored['username']}/{media['code']}"
        if media["code"] not in known:
            found.append(f"{where}: stored, but there is no such media")
            continue
        found += _differences(where, media, known[media["code"]], _MEDIA)
        found += _date_difference(where, media["taken_at"], known[media["code"]]["taken_at"])
    return found


def _differences(
    where: str, stored: Mapping[str, Any], true: Mapping[str, Any], fields: Sequence[str]
) -> list[str]:
    return [
        f"{where}.{name}: {stored[name]!r}, not {true[name]!r}"
        for name in fields
        if _comparable(stored[name]) != _comparable(true[name])
    ]


def _comparable(value: Any) -> Any:
    """An empty text and none are the same to a reader; 0 and unknown are not."""
    return None if value == "" else value


def _date_difference(where: str, stored: str | None, true: str) -> list[str]:
    if stored is None:
        return [f"{where}.taken_at: null, not {true}"]
    difference = datetime.fromisoformat(stored) - datetime.fromisoformat(true)
    return [] if abs(difference.total_seconds()) <= 1 else [f"{where}.taken_at: {stored}, not {true}"]

"""Looking into JSON of an uncertain shape: paths, alternatives, and why a value is missing."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scrapinsta_ray.errors import LayoutChanged

T = TypeVar("T")

_ID = re.compile(r"[1-9]\d{0,19}", re.ASCII)
_WHOLE = re.compile(r"\d{1,16}", re.ASCII)
_MOST = 2**53  # no count on the site comes near; beyond it a float has lost digits

ABSENT = "absent"  # the answer has no such field
NULL = "null"  # the field is there and empty
MALFORMED = "malformed"  # it is not what such a field holds
HIDDEN = "hidden"  # the owner does not show it
PRIVATE = "private"  # not collected
NO_FILM = "no_film"  # a photo has no views


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value with the path it came from, or none and why."""

    value: T | None
    source: str
    missing: str | None = None


def loads(text: str) -> Any:
    """The JSON of a body; a list of them when it is streamed as several. Raises LayoutChanged when it is none."""
    text = text.strip("\ufeff \t\r\n").removeprefix("for (;;);")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if len(streamed := _streamed(text)) > 1:
            return streamed
        raise LayoutChanged("The answer is not JSON.", missing="json") from error


def _streamed(text: str) -> list[Any]:
    """The documents of a text that holds one a line; none of them when one is broken."""
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return []


def at(data: Any, path: str) -> Any:
    """What lies at a dotted path ("entry_data.ProfilePage.0.graphql.user"); None when it does not lead there."""
    if "." not in path:  # most of them, and there are many
        return data.get(path) if isinstance(data, dict) else None
    for step in path.split("."):
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            data = data[int(step)]
        else:
            return None
    return data


def below(data: Any, *keys: str) -> Iterator[tuple[str, Any]]:
    """Every (path, value) whose key is one of `keys`, the least deep first. Also looks into JSON inside strings."""
    waiting: deque[tuple[str, Any]] = deque([("", data)])
    while waiting:
        path, here = waiting.popleft()
        for key, value in _children(here, keys):
            step = f"{path}.{key}" if path else key
            if key in keys:
                yield step, value
            waiting.append((step, value))


def _children(here: Any, keys: Sequence[str]) -> Iterator[tuple[str, Any]]:
    here = _opened(here, keys)
    if isinstance(here, dict):
        yield from here.items()
    elif isinstance(here, list):
        yield from ((str(index), value) for index, value in enumerate(here))


def _opened(here: Any, keys: Sequence[str]) -> Any:
    """What JSON inside a text says, when it mentions one of the keys."""
    if isinstance(here, str) and here.lstrip()[:1] in ("{", "[") and any(key in here for key in keys):
        return _quiet(here)
    return here


def _quiet(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def objects(data: Any, *inside: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every (path, object) in data, itself included, the least deep first; also in texts that mention `inside`."""
    waiting: deque[tuple[str, Any]] = deque([("", data)])
    while waiting:
        path, here = waiting.popleft()
        here = _opened(here, inside)
        if isinstance(here, dict):
            yield path, here
        waiting.extend((joined(path, key), value) for key, value in _children(here, inside))


def joined(*steps: str) -> str:
    """One dotted path."""
    return ".".join(filter(None, steps))


def gap(data: Any, *paths: str) -> str:
    """Where data leaves the known paths: the longest beginning of one of them, with the step that is missing."""
    reached = [(_depth(data, path.split(".")), path) for path in paths]
    deepest = max(depth for depth, _ in reached)
    if deepest == 0:
        empty = [path.partition(".")[0] for path in paths if _present(data, path.partition(".")[0])]
        return " | ".join(dict.fromkeys(empty)) or " | ".join(paths)
    path = next(path for depth, path in reached if depth == deepest)
    return ".".join(path.split(".")[: deepest + 1])


def _depth(data: Any, steps: Sequence[str]) -> int:
    """How many of the steps lead to something."""
    return next((n for n in range(len(steps)) if at(data, ".".join(steps[: n + 1])) is None), len(steps))


def count(node: Mapping[str, Any], *paths: str) -> Found[int]:
    """The first of the alternatives that holds a count: a whole number from 0 up."""
    return _first(node, paths, _count)


def text(node: Mapping[str, Any], *paths: str) -> Found[str]:
    """The first of the alternatives that holds a text; an empty text is a value."""
    return _first(node, paths, lambda value: value if isinstance(value, str) else None)


def flag(node: Mapping[str, Any], *paths: str) -> Found[bool]:
    """The first of the alternatives that holds true or false."""
    return _first(node, paths, lambda value: value if isinstance(value, bool) else None)


def identity(node: Mapping[str, Any], *paths: str) -> Found[str]:
    """The first of the alternatives that holds an id: digits, as text or number. "pk_owner" ids lose the owner."""
    return _first(node, paths, _identity)


def rows(value: Any) -> list[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def whole(value: Any) -> int | None:
    """A whole number as JSON may carry it: 12, 12.0 or "12"; may be negative. Never a bool."""
    if type(value) is int:  # nearly all of them
        return value
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _MOST else None
    return None


def _count(value: Any) -> int | None:
    found = whole(value)
    return found if found is not None and 0 <= found < _MOST else None


def _identity(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < 2**64 else None
    if not isinstance(value, str):
        return None
    digits = value.partition("_")[0]
    return digits if _ID.fullmatch(digits) else None


def _first(node: Mapping[str, Any], paths: Sequence[str], read: Callable[[Any], T | None]) -> Found[T]:
    reason = ABSENT
    for path in paths:
        given = at(node, path)
        if given is None:
            reason = NULL if reason == ABSENT and _present(node, path) else reason
        elif (value := read(given)) is not None:
            return Found(value, path)
        else:
            reason = MALFORMED
    return Found(None, paths[0], reason)


def _present(node: Any, path: str) -> bool:
    parent, _, last = path.rpartition(".")
    holder = at(node, parent) if parent else node
    return isinstance(holder, dict) and last in holder

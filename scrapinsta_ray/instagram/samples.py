"""What an operator needs when the site's pages have changed: samples that show the shape and nobody's data.

The parsers raise LayoutChanged; whoever holds the text that they could not read counts it and keeps it here.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import folded, is_html

MOST = 10
"""Samples that are kept of one kind."""
_LONGEST = 1_000_000  # characters of a sample

# Fields whose values are the site's own words, when they look like one.
_OWN_FIELDS = ("__typename", "status", "product_type", "error_type")
_OWN_WORD = re.compile(r"[A-Za-z_]{1,40}")
_NAMES = ("username", "full_name")
_STEPS = frozenset(
    "p reel reels tv followers following accounts login explore direct stories tagged api v1 graphql users feed clips "
    "user friendships challenge https: http: www.instagram.com".split()
)
_LABELS = frozenset(
    "followers follower following posts post seguidores seguidor seguidos publicaciones publicación suggested for you "
    "sugerencias para ti verified verificado k m mil millones".split()
)
_OWN_ATTRIBUTES = (
    "rel",
    "property",
    "name",
    "role",
    "type",
    "dir",
    "lang",
    "data-sjs",
    "http-equiv",
    "media",
)
_ADDRESSES = ("href", "src", "action")
_DECODER = json.JSONDecoder()
_SCRIPT = frozenset(
    "window _sharedData __additionalDataLoaded JSON parse requireLazy handle var function".split()
)


@dataclass(frozen=True, slots=True)
class Samples:
    """Layout changes of one process: how often each was met, and redacted samples in a folder for the operator."""

    folder: Path
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (kind, path of what was missing)."""

    def note(self, kind: str, text: str, error: LayoutChanged) -> None:
        """Count a text that could not be read, and keep what it looked like. `kind` is profile, media ..."""
        missing = str(error.details.get("missing", ""))
        self.counts[kind, missing] += 1
        if self.counts[kind, missing] == 1:
            keep(self.folder, kind, text, error)


def keep(folder: Path, kind: str, text: str, error: LayoutChanged, most: int = MOST) -> Path | None:
    """Write a redacted sample of what could not be read, readable by its owner only; beside it what was missing.

    The same shape is kept once, at most `most` of a kind; None when nothing was written. The sample has the ending
    that `scrapinsta parse` takes it by.
    """
    redacted = redact(text[:_LONGEST])
    name = f"{kind}-{hashlib.sha256(redacted.encode('utf-8', 'replace')).hexdigest()[:12]}"
    path = folder / f"{name}.{'html' if is_html(text) else 'json'}"
    if path.exists() or len(list(folder.glob(f"{kind}-*.why"))) >= most:
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    why = {"kind": kind, "message": error.message, "missing": error.details.get("missing")}
    _write(path, redacted)
    _write(path.with_suffix(".why"), json.dumps(why))
    return path


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_bytes(text.encode("utf-8", "replace"))


def redact(text: str) -> str:
    """The text with its structure and without what it says of anybody.

    JSON keeps its keys, types, lengths, nulls, booleans, numbers below ten and the site's own words (`__typename`);
    HTML keeps its elements, roles, the labels of icons, and the inline JSON likewise. Letters become x, digits 1.
    """
    if is_html(text):
        page = _Page()
        page.feed(text)
        page.close()
        return "".join(page.parts)
    try:
        return _json(json.loads(text))
    except (ValueError, RecursionError):
        return _masked(text)


def _masked(text: str) -> str:
    """As long as before: letters are x, digits 1, and whatever is not ASCII is x."""
    return re.sub(r"[^\x00-\x7f]", "x", re.sub(r"[0-9]", "1", re.sub(r"[A-Za-z]", "x", text)))


# ---- JSON ------------------------------------------------------------------------------------------------


def _redacted(data: Any, names: frozenset[str], field_name: str = "") -> Any:
    if isinstance(data, dict):
        return {_key(key, names): _redacted(value, names, key) for key, value in data.items()}
    if isinstance(data, list):
        return [_redacted(value, names, field_name) for value in data]
    if isinstance(data, str):
        return _text(data, names, field_name)
    if isinstance(data, bool) or not isinstance(data, int | float):
        return data
    return data if -10 < data < 10 and isinstance(data, int) else _number(data)


def _number(value: float) -> float:
    """As many digits, all of them ones."""
    text = re.sub(r"[0-9]", "1", repr(value))
    try:
        return int(text) if isinstance(value, int) else float(text)
    except ValueError:  # infinity
        return 1


def _text(text: str, names: frozenset[str], field_name: str) -> str:
    if field_name in _OWN_FIELDS and _OWN_WORD.fullmatch(text) and text not in names:
        return text
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.dumps(_redacted(json.loads(text), names), ensure_ascii=False)
        except (ValueError, RecursionError):
            return _masked(text)
    return _address(text) if text.startswith(("/", "http")) else _masked(text)


def _key(key: str, names: frozenset[str]) -> str:
    """Keys are the site's; those that are a person's name or number, or no word at all, are not."""
    return key if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$:.-]*", key) and key not in names else _masked(key)


def _names(data: Any) -> Iterator[str]:
    """Every name of a person that the data tells; it may stand among the keys too."""
    waiting = [data]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield from (here[name] for name in _NAMES if isinstance(here.get(name), str))
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _address(text: str) -> str:
    """An address with the steps that are the site's own."""
    return re.sub(r"[^/?#&=%]+", lambda step: step[0] if step[0] in _STEPS else _masked(step[0]), text)


# ---- HTML ------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """Writes a page again while it is read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._inside: str | None = None  # script or style

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("script", "style") else None
        self.parts.append(f"<{tag}{''.join(_attributes(tag, attrs))}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.parts.append(f"<{tag}{''.join(_attributes(tag, attrs))}/>")

    def handle_endtag(self, tag: str) -> None:
        self._inside = None
        self.parts.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.parts.append(_script(data))
        elif self._inside is None:
            self.parts.append(escape(_shown(data), quote=False))

    def handle_decl(self, decl: str) -> None:
        self.parts.append("<!DOCTYPE html>")


def _attributes(tag: str, attrs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    for name, value in attrs:
        kept = re.fullmatch(r"[a-z][\w:-]*", name)
        if kept and value is None:
            yield f" {name}"
        elif kept:
            yield f' {name}="{escape(_attribute(tag, name, value or ""))}"'


def _attribute(tag: str, name: str, value: str) -> str:
    if name in _OWN_ATTRIBUTES or (tag == "svg" and name == "aria-label"):
        return value
    return _address(value) if name in _ADDRESSES else _shown(value)


def _shown(text: str) -> str:
    """Words for people: only those that name a count or a list stay."""
    return re.sub(
        r"[^\W\d]+|\d+|[^\x00-\x7f]",
        lambda word: word[0] if folded(word[0]) in _LABELS else _masked(word[0]),
        text,
    )


def _script(body: str) -> str:
    """The JSON in a script redacted as JSON, in the rest every string masked."""
    parts, end = [], 0
    for begin in (found.start() for found in re.finditer(r'[{\[](?=\s*["{\[])', body)):
        if begin < end:
            continue
        try:
            data, stop = _DECODER.raw_decode(body, begin)
            parts += [_code(body[end:begin]), _json(data).replace("<", "\\u003C")]
            end = stop
        except (ValueError, RecursionError):
            continue
    return "".join([*parts, _code(body[end:])])


def _json(data: Any) -> str:
    return json.dumps(_redacted(data, frozenset(_names(data))), ensure_ascii=False)


def _code(text: str) -> str:
    """Of what is no JSON, only the names by which the parsers find it, and the signs."""
    return re.sub(
        r"[\w$]+|[^\x00-\x7f]", lambda word: word[0] if word[0] in _SCRIPT else _masked(word[0]), text
    )

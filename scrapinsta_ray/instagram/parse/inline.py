"""The JSON that a page carries inside itself, found without running anything."""

import json
import re
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser

# An object (or a string that holds one) as a script writes it: `window._sharedData = {...};`,
# `window.__additionalDataLoaded('/name/', {...});`, `requireLazy([...], () => handle({...}))`, `JSON.parse("{...}")`.
_BEGINS = re.compile(r'\{(?=\s*")|(?<=JSON\.parse\()\s*(?=")')
_NAMES = re.compile(r"_sharedData|__additionalDataLoaded")
_NEAR = 200  # characters before an object in which its name is looked for
_TRIES = 100  # objects of one script that are no JSON, before it is given up
_DECODER = json.JSONDecoder()


def inline_documents(tree: LexborHTMLParser, *keys: str) -> Iterator[tuple[str, Any]]:
    """Every (kind, data) of the page's scripts that mention one of `keys`, in the page's order.

    `kind` is `data-sjs`, `json`, `_sharedData`, `__additionalDataLoaded`, or `script` for any other place. Scripts
    that hold no valid JSON are passed over.
    """
    for script in tree.css("script"):
        body = script.text()
        if not any(key in body for key in keys):
            continue
        kind = "data-sjs" if "data-sjs" in script.attributes else "json"
        found = list(_whole(kind, body)) if "json" in (script.attributes.get("type") or "") else []
        yield from found or _within(body, keys)


def _whole(kind: str, body: str) -> Iterator[tuple[str, Any]]:
    try:
        yield kind, json.loads(body)
    except (ValueError, RecursionError):
        return


def _within(body: str, keys: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The objects of a script that mention one of the keys, none inside another."""
    end = tries = 0
    while tries < _TRIES and (found := _BEGINS.search(body, end)):
        begin = found.start() if found[0] == "{" else found.end()
        try:
            data, end = _DECODER.raw_decode(body, begin)
        except (ValueError, RecursionError):
            tries, end = tries + 1, begin + 1
            continue
        if any(key in body[begin:end] for key in keys):
            yield _name(body, begin), data


def _name(body: str, begin: int) -> str:
    names = _NAMES.findall(body, max(0, begin - _NEAR), begin)
    return names[-1] if names else "script"

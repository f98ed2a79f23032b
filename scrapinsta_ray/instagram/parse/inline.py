"""The JSON that a page carries inside itself, found without running anything."""

import json
import re
from collections.abc import Iterator
from typing import Any

from selectolax.lexbor import LexborHTMLParser

# `window._sharedData = {...};` and `window.__additionalDataLoaded('/name/', {...});`
_ASSIGNED = re.compile(
    r"window\.(_sharedData)\s*=\s*(?=\{)|window\.(__additionalDataLoaded)\s*\([^{]*?,\s*(?=\{)"
)
_DECODER = json.JSONDecoder()


def inline_documents(tree: LexborHTMLParser, *keys: str) -> Iterator[tuple[str, Any]]:
    """Every (kind, data) of the page's scripts that mention one of `keys`, in the page's order.

    `kind` is `data-sjs`, `json`, `_sharedData` or `__additionalDataLoaded`. Scripts that hold no valid JSON are
    passed over.
    """
    for script in tree.css("script"):
        body = script.text()
        if not any(key in body for key in keys):
            continue
        if (script.attributes.get("type") or "").startswith("application/json"):
            yield from _whole("data-sjs" if "data-sjs" in script.attributes else "json", body)
        else:
            yield from _assigned(body)


def _whole(kind: str, body: str) -> Iterator[tuple[str, Any]]:
    try:
        yield kind, json.loads(body)
    except (ValueError, RecursionError):
        return


def _assigned(body: str) -> Iterator[tuple[str, Any]]:
    for found in _ASSIGNED.finditer(body):
        try:
            data, _ = _DECODER.raw_decode(body, found.end())
        except (ValueError, RecursionError):
            continue
        yield found[1] or found[2], data

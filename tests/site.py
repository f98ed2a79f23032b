"""The simulated site as tests talk to it: by its address alone."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

Ask = Callable[..., Any]
"""What the fixture `ask` gives: `ask("/_truth")`, `ask("/_layout", {"api": "unknown"}, "PUT")`."""


def ask_at(address: str, body: Any = None, method: str | None = None) -> Any:
    """The JSON that this address answers to a GET, or to a POST of `body`, unless `method` says otherwise."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)

"""Bodies: bounded in size, time and depth, and JSON in UTF-8 that every database can hold."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from math import isfinite
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray.api.errors import ApiError, answer

MAX_BODY = 1_000_000
"""Bytes of a request's body."""

BODY_WITHIN_S = 15.0
"""From the first byte that we ask for to the last."""

MAX_DEPTH = 20
"""Lists and objects within each other; MariaDB reads no more than 32."""

_DIGITS = 20


class BoundedBody:
    """ASGI: refuses a body above MAX_BODY, announced or not, and one that takes longer than `within_s`."""

    def __init__(self, app: ASGIApp, within_s: float = BODY_WITHIN_S) -> None:
        self._app = app
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if _announced(Headers(scope=scope)) > MAX_BODY:
                await answer(_too_large())(scope, receive, send)
                return
            receive = _bounded(receive, self._within_s)
        await self._app(scope, receive, send)


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length[:20]) if length.isascii() and length.isdigit() else 0


def _bounded(receive: Receive, within_s: float) -> Receive:
    seen = 0
    whole = False
    deadline = 0.0

    async def bounded() -> Message:
        nonlocal seen, whole, deadline
        if whole:  # what comes now is the end of the connection, whenever that is
            return await receive()
        deadline = deadline or asyncio.get_running_loop().time() + within_s
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise _too_slow(within_s) from None
        whole = not message.get("more_body", False)
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise _too_large()
        return message

    return bounded


def _too_large() -> ApiError:
    return ApiError(
        413, "TOO_LARGE", f"The body is larger than {MAX_BODY} bytes: send it in parts.", headers=_CLOSE
    )


def _too_slow(within_s: float) -> ApiError:
    return ApiError(
        408, "BODY_TOO_SLOW", f"The body did not arrive within {within_s:g} seconds.", headers=_CLOSE
    )


_CLOSE = {"Connection": "close"}  # what still comes of this body is nobody's


class StrictJsonRoute(APIRoute):
    """A route whose JSON is read by `strict_json`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class _StrictRequest(Request):
    async def json(self) -> Any:
        return strict_json(await self.body())


def strict_json(body: bytes) -> Any:
    """The value of a JSON text. Raises ApiError 400 for everything that is none, is too deep, or that no column holds:
    NUL, half a surrogate pair, numbers that are not finite or longer than any column."""
    try:
        text = body.decode()
        value = json.loads(text, parse_float=_float, parse_int=_int, parse_constant=_float)
        if "\\u" in text or text.count("[") + text.count("{") > MAX_DEPTH:
            _check(value)
    except (ValueError, RecursionError) as wrong:
        raise ApiError(400, "MALFORMED_JSON", f"The body is not JSON that we take: {_why(wrong)}.") from None
    return value


def _why(wrong: Exception) -> str:
    match wrong:
        case json.JSONDecodeError():
            return f"{wrong.msg} at {wrong.pos}"
        case UnicodeDecodeError():
            return "it is not UTF-8"
        case RecursionError():
            return "it is too deep"
        case _:
            return str(wrong)


def _float(text: str) -> float:
    """JSON knows no whole numbers: 5.0 is 5."""
    if not isfinite(number := float(text)):
        raise ValueError("a number is not finite")
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _int(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _check(value: Any) -> None:
    """Raises ValueError; level by level, since a recursion is what a deep value wants."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        for text in (one for one in level if isinstance(one, str)):
            _check_text(text)
        below = []
        for one in level:
            if isinstance(one, dict):
                below += [*one, *one.values()]
            elif isinstance(one, list):
                below += one
        level = below
    if level:
        raise ValueError("it is too deep")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise ValueError("a text has a NUL in it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a text has half a surrogate pair in it") from None

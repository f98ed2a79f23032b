"""Faults of the connection itself: resets, answers that end early, answers that never come."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "transport"
"""Where the server leaves a request's connection: scope["state"][TRANSPORT]."""


async def cut(scope: Scope, receive: Receive, after_s: float = 0.0) -> None:
    """Reset the connection, after so many seconds or as soon as the visitor has left.

    Raises ConnectionResetError where there is no connection: in a test that calls the application itself.
    """
    if after_s:
        with suppress(TimeoutError):
            await asyncio.wait_for(_left(receive), after_s)
    transport = _transport(scope)
    if transport is None:
        raise ConnectionResetError("The simulator was told to reset this connection.")
    linger = struct.pack("ii", 1, 0)  # closing with it sends RST instead of FIN
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _left(receive)


async def truncated(
    answer: ASGIApp, scope: Scope, receive: Receive, send: Send, options: Mapping[str, Any]
) -> None:
    """The answer, of whose body only `keep` comes: a share below 1, else a number of bytes.

    With `honest` Content-Length is that of what comes; else that of the whole body, and the connection ends early.
    """
    start, body = await _held(answer, scope, receive)
    keep = options["keep"]
    shown = body[: int(len(body) * keep if keep < 1 else keep)]
    told = len(shown) if options["honest"] else len(body)
    headers = [(name, value) for name, value in start.get("headers", ()) if name != b"content-length"]
    await send({**start, "headers": [*headers, (b"content-length", str(told).encode())]})
    transport = _transport(scope)
    if told == len(shown) or transport is None:
        await send({"type": "http.response.body", "body": shown})
        return
    await send({"type": "http.response.body", "body": shown, "more_body": True})
    transport.close()
    await _left(receive)


async def _held(answer: ASGIApp, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """An answer's start and whole body, not yet sent."""
    held: list[Message] = []

    async def hold(message: Message) -> None:
        held.append(message)

    await answer(scope, receive, hold)
    return held[0], b"".join(message.get("body", b"") for message in held[1:])


def _transport(scope: Scope) -> asyncio.Transport | None:
    found: asyncio.Transport | None = scope.get("state", {}).get(TRANSPORT)
    return found


async def _left(receive: Receive) -> None:
    """Wait until the visitor has gone; without that the server takes the answer for one that was forgotten."""
    while (await receive())["type"] != "http.disconnect":
        pass

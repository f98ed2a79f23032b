"""What all requests have in common: an id, a bounded body, a caller."""

import re
import uuid
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, FastAPI, Header
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray import __version__
from scrapinsta_ray.api import errors
from scrapinsta_ray.api.errors import ApiError, OnLimited
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database

MAX_BODY = 1_000_000
"""Bytes of a request's body."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def new_app(title: str, *, on_limited: OnLimited | None = None) -> FastAPI:
    """A FastAPI app with the house's errors, request ids and limits; its documents are the console's."""
    app = FastAPI(title=title, version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(app, on_limited)
    app.add_middleware(RequestFrame)
    return app


class RequestFrame:
    """ASGI: echoes or makes X-Request-ID, and refuses a body above MAX_BODY, announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = headers.get("x-request-id", "")
        request_id = request_id if _REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        if _announced(headers) > MAX_BODY:
            await _too_large()(scope, receive, send_with_id)
            return
        await self._app(scope, _bounded(receive), send_with_id)


def _announced(headers: Headers) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _bounded(receive: Receive) -> Receive:
    seen = 0

    async def bounded() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise ApiError(413, "TOO_LARGE", _TOO_LARGE)
        return message

    return bounded


_TOO_LARGE = f"The body is larger than {MAX_BODY} bytes: send it in parts."


def _too_large() -> JSONResponse:
    return JSONResponse(errors.envelope("TOO_LARGE", _TOO_LARGE), 413)


def needs(db: Database, *scopes: str) -> Callable[..., Caller]:
    """A dependency: the caller by its key, holding every one of `scopes`, not suspended."""

    def caller(
        x_api_key: Annotated[str | None, Header()] = None, x_client_id: Annotated[str | None, Header()] = None
    ) -> Caller:
        if not x_api_key:
            raise ApiError(401, "NO_CREDENTIALS", "Send your key in the header X-Api-Key.")
        known = clients.authenticate(db, x_api_key)
        if known is None:
            raise ApiError(401, "BAD_CREDENTIALS", "This key is not known, has expired or was revoked.")
        found = known.caller
        if found.status != "active":
            raise ApiError(403, "CLIENT_SUSPENDED", "This client is suspended: ask the operator.")
        if x_client_id and x_client_id != found.client_id:
            raise ApiError(403, "WRONG_CLIENT", "X-Client-Id is not the key's client.")
        if lacking := sorted(set(scopes) - found.scopes):
            raise ApiError(403, "SCOPE_MISSING", f"The key lacks the scope {lacking[0]}.", missing=lacking)
        return found

    return caller


def account(x_account: Annotated[str | None, Header()] = None) -> str:
    """A dependency: the client's own sending account, from X-Account."""
    if not x_account:
        raise ApiError(422, "ACCOUNT_MISSING", "Send your account's username in the header X-Account.")
    try:
        return usernames.normalize(x_account)
    except ValueError as wrong:
        raise ApiError(422, "ACCOUNT_INVALID", f"X-Account: {wrong}") from None


Account = Annotated[str, Depends(account)]

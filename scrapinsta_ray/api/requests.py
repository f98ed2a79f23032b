"""What all requests have in common: an id, an edge, a caller, an account."""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray import __version__
from scrapinsta_ray.api import errors
from scrapinsta_ray.api.auth import Gate, Session
from scrapinsta_ray.api.bodies import BoundedBody, StrictJsonRoute
from scrapinsta_ray.api.cookies import Cookies
from scrapinsta_ray.api.edge import Edge, Rules
from scrapinsta_ray.api.errors import ApiError, OnLimited, unknown_job
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.errors import DatabaseAway, RateLimited
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.telemetry import context, counts

log = logging.getLogger(__name__)

JOB_ID = re.compile(r"job:[0-9a-f]{32}")

SCOPES_OF: Mapping[str, tuple[str, ...]] = {
    Kind.FETCH_FOLLOWINGS: ("fetch",),
    Kind.ANALYZE_PROFILE: ("analyze",),
    Kind.SEND_MESSAGE: ("send",),
    Kind.CAMPAIGN: ("fetch", "analyze", "send"),
}
"""Who may change a job of this kind, or make one."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")


def new_app(title: str, gate: Gate, *, on_limited: OnLimited | None = None) -> FastAPI:
    """A FastAPI app behind `gate`, with the house's errors, request ids and limits; its documents are the console's."""
    app = _App(title=title, version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gate = gate
    app.router.route_class = StrictJsonRoute
    errors.install(app, on_limited)
    app.add_middleware(BoundedBody)
    return app


class _App(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Everything that Starlette has, answers to failures included, within the edge."""
        rules: Rules = self.state.gate.rules
        edge = Edge(super().build_middleware_stack(), rules)
        return RequestId(edge, self.title, tells=not rules.behind_serve)


class RequestId:
    """ASGI: echoes or makes X-Request-ID, under which all is logged that the request leads to; counts the answer.

    It `tells` the id unless somebody before us does.
    """

    def __init__(self, app: ASGIApp, name: str, *, tells: bool = True) -> None:
        self._app, self._name, self._tells = app, name, tells

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = Headers(scope=scope).get("x-request-id", "")
        request_id = request_id if _REQUEST_ID.fullmatch(request_id) else uuid.uuid4().hex

        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                heard(self._name, scope, message["status"], (time.perf_counter() - began) * 1000)
                told = [(b"x-request-id", request_id.encode())] if self._tells else []
                message["headers"] = [*message.get("headers", ()), *told]
            await send(message)

        with context.binding(request_id=request_id):
            await self._app(scope, receive, send_with_id)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_SLOW_MS = 1000.0


def heard(name: str, scope: Scope, status: int, latency_ms: float) -> None:
    """Counts an answer under its route's template: a path that a stranger made up is `unmatched`, whatever it is."""
    route = getattr(scope.get("route"), "path", None)
    template = "unmatched" if route is None else f"{scope.get('root_path', '')}{route}" or "/"
    method = scope["method"] if scope["method"] in _METHODS else "other"
    counts.add("http_requests", app=name, method=method, route=template, status=str(status))
    counts.observe("http_request_duration_ms", latency_ms, app=name)
    level = logging.INFO if status >= 500 or latency_ms >= _SLOW_MS or name == "enqueue" else logging.DEBUG
    log.log(level, "request", extra={"path": template, "code": status, "latency_ms": round(latency_ms, 1)})


async def session_of(
    request: Request,
    _key: Annotated[str | None, Security(APIKeyHeader(name="X-Api-Key", auto_error=False))],
    _bearer: Annotated[object, Security(HTTPBearer(auto_error=False, bearerFormat="JWT"))],
    _client_id: Annotated[str | None, Header(alias="X-Client-Id")] = None,
) -> Session:
    """A dependency: the one who asks, by X-Api-Key or a token, not suspended. The parameters are for the document."""
    gate: Gate = request.app.state.gate
    return permitted(await gate.session(request), request)


async def session_of_page(
    request: Request,
    _key: Annotated[str | None, Security(APIKeyHeader(name="X-Api-Key", auto_error=False))],
    _bearer: Annotated[object, Security(HTTPBearer(auto_error=False, bearerFormat="JWT"))],
) -> Session:
    """A dependency: likewise, and the cookie of somebody who has signed in at the console counts as well."""
    gate: Gate = request.app.state.gate
    cookies: Cookies | None = getattr(request.app.state, "cookies", None)
    shown = "x-api-key" in request.headers or "authorization" in request.headers
    if cookies and not shown and (signed := await cookies.signed(request)):
        return permitted(signed.session, request)
    return permitted(await gate.session(request), request)


async def is_let_in(request: Request) -> bool:
    """Would the one who asks be let in again as now? Taken for granted while the database is away."""
    try:
        await session_of_page(request, None, None)
    except DatabaseAway:
        return True
    except (ApiError, RateLimited):
        return False
    return True


def permitted(session: Session, request: Request) -> Session:
    """`session`, unless its client is suspended or not the one that X-Client-Id names. Raises ApiError 403."""
    if session.caller.status != "active":
        raise ApiError(403, "CLIENT_SUSPENDED", "This client is suspended: ask the operator.")
    named = request.headers.get("x-client-id")
    if named and named != session.caller.client_id:
        raise ApiError(403, "WRONG_CLIENT", "X-Client-Id is not the client of this key or token.")
    return session


def needs(*scopes: str, of_a_job: bool = False, of_a_page: bool = False) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, holding every one of `scopes`.

    A token of one job is let in where the path names that job; where it names another one, that is unknown to it.
    Elsewhere only if `of_a_job`: such a route must itself keep to `caller.job_id`. `of_a_page`: what the console's
    pages load themselves, and which changes nothing.
    """
    who = session_of_page if of_a_page else session_of

    async def caller(session: Annotated[Session, Depends(who)], request: Request) -> Caller:
        found = session.caller
        job_id = request.path_params.get("job_id")
        if job_id is not None and (not JOB_ID.fullmatch(job_id) or found.job_id not in (None, job_id)):
            raise unknown_job()
        if found.job_id and job_id is None and not of_a_job:
            raise not_of_a_job()
        if lacking := sorted(set(scopes) - found.scopes):
            raise ApiError(403, "SCOPE_MISSING", f"The key lacks the scope {lacking[0]}.", missing=lacking)
        return found

    caller.scopes = scopes  # type: ignore[attr-defined]  # for the document
    return caller


def not_of_a_job() -> ApiError:
    """What a token of one job gets where more than that job is meant."""
    return ApiError(403, "TOKEN_OF_A_JOB", "This token is for one job alone: use the key.")


async def account(x_account: Annotated[str | None, Header()] = None) -> str:
    """A dependency: the client's own sending account, from X-Account. Async, for else it would take a thread."""
    if not x_account:
        raise ApiError(422, "ACCOUNT_MISSING", "Send your account's username in the header X-Account.")
    try:
        return usernames.normalize(x_account)
    except ValueError as wrong:
        raise ApiError(422, "ACCOUNT_INVALID", f"X-Account: {wrong}") from None


Account = Annotated[str, Depends(account)]

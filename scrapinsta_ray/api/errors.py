"""One envelope for every error: `{"error": {"code", "message", "details"}}`."""

import logging
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from scrapinsta_ray.errors import (
    DatabaseAway,
    Misconfigured,
    PersonForgotten,
    RateLimited,
    ScrapInstaError,
    TemplateRetired,
    UnknownTemplate,
)
from scrapinsta_ray.telemetry import counts

log = logging.getLogger(__name__)


class ApiError(HTTPException):
    """An answer that is not a success. An HTTPException, since FastAPI lets only those pass out of a body's reading."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        **details: Any,
    ) -> None:
        super().__init__(status, message, dict(headers or {}))
        self.code, self.message, self.details = code, message, details


def unknown_job() -> ApiError:
    """The same for a job that is not there and for another tenant's."""
    return ApiError(404, "JOB_NOT_FOUND", "There is no such job.")


def envelope(code: str, message: str, details: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of every error."""
    return {"error": {"code": code, "message": message, "details": dict(details or {})}}


OnLimited = Callable[[str], None]
"""Is told the name of a limit that refused a request."""


def install(app: FastAPI, on_limited: OnLimited | None = None) -> None:
    """Translates every exception of `app` once."""
    app.state.on_limited = on_limited
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DatabaseAway, _database_away)
    app.add_exception_handler(Misconfigured, _misconfigured)
    app.add_exception_handler(RateLimited, _rate_limited)
    for refusal in _REFUSALS:
        app.add_exception_handler(refusal, _refused)
    app.add_exception_handler(Exception, _internal)


_REFUSALS: dict[type[ScrapInstaError], int] = {
    PersonForgotten: 422,
    UnknownTemplate: 404,
    TemplateRetired: 409,
}
"""What the store does not do for a client, and the status that says so."""


def _answer(status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status, headers=dict(headers or {}))


def answer(error: ApiError) -> JSONResponse:
    """The answer that says `error`."""
    return _answer(error.status_code, envelope(error.code, error.message, error.details), error.headers)


async def _api_error(_request: Request, error: Any) -> JSONResponse:
    return answer(error)


async def _invalid(_request: Request, error: Any) -> JSONResponse:
    problems = error.errors()
    if any(problem["type"] == "json_invalid" for problem in problems):
        return _answer(400, envelope("MALFORMED_JSON", "The body is not JSON."))
    fields = [{"field": _place(problem["loc"]), "problem": problem["msg"]} for problem in problems]
    message = "; ".join(f"{field['field']}: {field['problem']}" for field in fields[:3])
    return _answer(422, envelope("VALIDATION_FAILED", message, {"fields": fields}))


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc if part not in ("body", "query", "path", "header")) or "body"


_WORDS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 400: "MALFORMED", 413: "TOO_LARGE"}


async def _http_error(request: Request, error: Any) -> JSONResponse:
    code = _WORDS.get(error.status_code, "HTTP_ERROR")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return _answer(error.status_code, envelope(code, str(error.detail)), headers)


def _allowed(request: Request) -> str:
    """The methods of every route of this path; Starlette names those of the first one alone."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    here = next(route.path for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(
        sorted({method for route in routes if route.path == here for method in route.methods or ()})
    )


async def _database_away(_request: Request, error: Any) -> JSONResponse:
    return _answer(503, envelope("DATABASE_AWAY", error.message), {"Retry-After": "5"})


async def _misconfigured(_request: Request, error: Any) -> JSONResponse:
    return _answer(503, envelope("MISCONFIGURED", error.message), {"Retry-After": "60"})


async def _refused(_request: Request, error: Any) -> JSONResponse:
    return _answer(_REFUSALS[type(error)], envelope(error.code.upper(), error.message, error.details))


async def _rate_limited(request: Request, error: Any) -> JSONResponse:
    counts.add("api_rate_limited", limit=error.limit)
    if on_limited := request.app.state.on_limited:
        on_limited(error.limit)
    details = {name: value for name, value in error.details.items() if name != "retry_after_s"}
    body = envelope(error.code.upper(), error.message, details)
    return _answer(429, body, {"Retry-After": str(max(1, ceil(error.retry_after_s)))})


async def _internal(request: Request, error: Any) -> JSONResponse:
    log.error("request failed", exc_info=error, extra={"path": request.url.path})
    return _answer(
        500, envelope("INTERNAL", "Something went wrong here; the request id finds it in the logs.")
    )

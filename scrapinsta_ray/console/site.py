"""The console, all of it: a sub-application under /console, with errors that people can read."""

import logging
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.cookies import Cookies
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console import (
    accounts,
    audit,
    campaigns,
    clients,
    entry,
    jobs,
    overview,
    profiles,
    suppressions,
    templates,
)
from scrapinsta_ray.console.desk import (
    HOME,
    Desk,
    Screenshot,
    SignInFirst,
    Visit,
    markup,
    say_of,
    visit_of,
    with_query,
)
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.errors import (
    DatabaseAway,
    Misconfigured,
    RateLimited,
    ScrapInstaError,
    UnknownTemplate,
)
from scrapinsta_ray.store.database import Database

log = logging.getLogger(__name__)

_YEAR = "public, max-age=31536000, immutable"


def add_console(
    app: FastAPI,
    db: Database,
    gate: Gate,
    cookies: Cookies,
    *,
    pace: Pace,
    max_attempts: int = 4,
    screenshot: Screenshot | None = None,
) -> None:
    """Mounts the console in `app`. `screenshot(username)` gives a PNG, or raises RetryLater in words for people."""
    site = FastAPI(title="console pages", openapi_url=None, docs_url=None, redoc_url=None)
    site.state.gate, site.state.cookies = gate, cookies
    _install_errors(site)
    desk = Desk(db, cookies, pace, max_attempts, screenshot)
    entry.add(site, desk, gate)
    for pages in (overview, jobs, campaigns, profiles, templates, suppressions, accounts, clients, audit):
        pages.add(site, desk)
    site.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    _add_plotly(site)
    app.mount(HOME, site)


def _add_plotly(site: FastAPI) -> None:
    """Plotly's own file from its wheel; its version is in the address, so that it may be kept for good."""

    @site.get("/plotly/{version}/plotly.min.js")
    def plotly(version: str) -> Response:
        if version != profiles.plotly_version():
            raise HTTPException(404)
        source = files("plotly") / "package_data" / "plotly.min.js"
        return FileResponse(str(source), media_type="text/javascript", headers={"Cache-Control": _YEAR})


# ---- errors ----------------------------------------------------------------------------------------------


def _install_errors(site: FastAPI) -> None:
    site.add_exception_handler(SignInFirst, _sign_in)
    site.add_exception_handler(HTTPException, _http_error)
    site.add_exception_handler(RequestValidationError, _misread)
    site.add_exception_handler(ScrapInstaError, _refused)
    site.add_exception_handler(DatabaseAway, _away)
    site.add_exception_handler(Misconfigured, _away)
    site.add_exception_handler(Exception, _internal)


async def _sign_in(request: Request, _error: Any) -> Response:
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = asked if request.method == "GET" and asked.rstrip("/") != HOME else ""
    return RedirectResponse(with_query(f"{HOME}/sign-in", {"next": wanted}), 303)


async def _http_error(request: Request, error: Any) -> Response:
    if (
        error.status_code == 405 and request.method == "GET"
    ):  # the answer to a form, loaded again by its address
        above = request.url.path.rpartition("/")[0]
        return RedirectResponse(with_query(above, request.query_params), 303)
    message = getattr(error, "message", "")
    return _page(request, error.status_code, message, error.headers, visit=await _known_visit(request))


async def _misread(request: Request, _error: Any) -> Response:
    """An address that no page of ours has made."""
    message = say_of(request)("There is no such page.")
    return _page(request, 404, message, visit=await _known_visit(request))


async def _known_visit(request: Request) -> Visit | None:
    """Who looks, so that they find their way on from an error; None if that cannot be said."""
    try:
        return await visit_of(request)
    except (SignInFirst, ApiError, ScrapInstaError):
        return None


async def _refused(request: Request, error: Any) -> Response:
    if isinstance(error, RateLimited):
        wait = str(timedelta(seconds=max(1, round(error.retry_after_s))))
        message = say_of(request)("That is too often: try again in {wait}.", wait=wait)
        return _page(request, 429, message, {"Retry-After": str(max(1, round(error.retry_after_s)))})
    status = 404 if isinstance(error, UnknownTemplate) else 409
    return _page(request, status, error.message, visit=await _known_visit(request))


async def _away(request: Request, error: Any) -> Response:
    return _page(request, 503, error.message, {"Retry-After": "5"})


async def _internal(request: Request, error: Any) -> Response:
    log.error("a page failed", exc_info=error, extra={"path": request.url.path})
    return _page(request, 500, "")


def _page(
    request: Request, status: int, message: str, headers: Any = None, *, visit: Visit | None = None
) -> Response:
    say = say_of(request)
    text = say.known(message) or say.known(HTTPStatus(status).phrase)
    csrf = visit.signed.csrf if visit else ""
    body = markup(request, "error.html", status=status, message=text, visit=visit, csrf=csrf)
    return HTMLResponse(body, status, headers=dict(headers or {}))

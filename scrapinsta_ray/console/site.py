"""The console, all of it: a sub-application under /console, with errors that people can read."""

import logging
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.cookies import Cookies
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
from scrapinsta_ray.console.desk import HOME, Desk, Screenshot, SignInFirst, markup, say_of, with_query
from scrapinsta_ray.domain.pacing import Pace
from scrapinsta_ray.errors import DatabaseAway, Misconfigured, RateLimited, ScrapInstaError
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
    site.add_exception_handler(ScrapInstaError, _refused)
    site.add_exception_handler(DatabaseAway, _away)
    site.add_exception_handler(Misconfigured, _away)
    site.add_exception_handler(Exception, _internal)


async def _sign_in(request: Request, _error: Any) -> Response:
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = asked if request.method == "GET" and asked.rstrip("/") != HOME else ""
    return RedirectResponse(with_query(f"{HOME}/sign-in", {"next": wanted}), 303)


async def _http_error(request: Request, error: Any) -> Response:
    return _page(request, error.status_code, getattr(error, "message", ""), error.headers)


async def _refused(request: Request, error: Any) -> Response:
    if isinstance(error, RateLimited):
        wait = str(timedelta(seconds=max(1, round(error.retry_after_s))))
        message = say_of(request)("That is too often: try again in {wait}.", wait=wait)
        return _page(request, 429, message, {"Retry-After": str(max(1, round(error.retry_after_s)))})
    return _page(request, 409, error.message)


async def _away(request: Request, error: Any) -> Response:
    return _page(request, 503, error.message, {"Retry-After": "5"})


async def _internal(request: Request, error: Any) -> Response:
    log.error("a page failed", exc_info=error, extra={"path": request.url.path})
    return _page(request, 500, "")


def _page(request: Request, status: int, message: str, headers: Any = None) -> Response:
    say = say_of(request)
    text = say.known(message) or say.known(HTTPStatus(status).phrase)
    body = markup(request, "error.html", status=status, message=text)
    return HTMLResponse(body, status, headers=dict(headers or {}))

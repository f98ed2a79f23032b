"""Signing in with a key, signing out, and the language."""

import secrets

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from scrapinsta_ray.api import cookies as session_cookies
from scrapinsta_ray.api.auth import Credential, Gate
from scrapinsta_ray.api.cookies import is_https
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console import texts
from scrapinsta_ray.console.desk import (
    FORM,
    HOME,
    LANGUAGE,
    Desk,
    Sent,
    Visitor,
    local,
    markup,
    read_form,
    refuse_strange,
    say_of,
)
from scrapinsta_ray.errors import RateLimited
from scrapinsta_ray.store import tokens

_YEAR_S = 365 * 86_400


def add(site: FastAPI, desk: Desk, gate: Gate) -> None:
    """Adds /sign-in, /sign-out and /language."""

    @site.get("/sign-in")
    def form(request: Request) -> Response:
        return _form(request, request.query_params.get("next", ""))

    @site.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = await read_form(request)
        refuse_strange(request, form["csrf"], request.cookies.get(FORM, ""))
        say = say_of(request)
        try:
            key = Credential(form["key"], is_key=True)
            session = await run_in_threadpool(gate.admit, key, request)
        except RateLimited:
            return _form(request, form["next"], say("Too many wrong keys: wait a minute."), 429)
        except ApiError:
            return _form(
                request, form["next"], say("This key is not known, has expired or was revoked."), 401
            )
        if session.caller.status != "active":
            return _form(request, form["next"], say("This client is suspended: ask the operator."), 403)
        if "status" not in session.caller.scopes:
            return _form(request, form["next"], say("Your key lacks the scope {scope}.", scope="status"), 403)
        response = RedirectResponse(local(form["next"]), 303)
        desk.cookies.put(response, desk.cookies.begin(session), https=is_https(request))
        response.delete_cookie(FORM, path=HOME)
        return response

    @site.post("/sign-out")
    def sign_out(visit: Visitor, _form: Sent) -> Response:
        tokens.revoke(
            desk.db, visit.caller.client_id, visit.signed.session.jti or "", actor=visit.caller.actor
        )
        response = RedirectResponse(f"{HOME}/sign-in", 303)
        response.delete_cookie(session_cookies.NAME, path="/")
        return response

    @site.get("/language")
    def language(request: Request, to: str = "en", back: str = HOME) -> Response:
        response = RedirectResponse(local(back), 303)
        if to in texts.LANGUAGES:
            response.set_cookie(
                LANGUAGE,
                to,
                max_age=_YEAR_S,
                path=HOME,
                httponly=True,
                samesite="strict",
                secure=is_https(request),
            )
        return response


def _form(request: Request, after: str, problem: str = "", status: int = 200) -> Response:
    csrf = request.cookies.get(FORM) or secrets.token_hex(16)
    body = markup(request, "sign_in.html", csrf=csrf, after=after, problem=problem)
    response = HTMLResponse(body, status)
    response.set_cookie(FORM, csrf, path=HOME, httponly=True, samesite="strict", secure=is_https(request))
    return response

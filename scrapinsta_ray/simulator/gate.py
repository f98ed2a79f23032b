"""The one place that every request passes: who is it, note it, inject a fault, turn away who may not enter."""

import re
import secrets
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray.simulator.faults import REPLIES
from scrapinsta_ray.simulator.site import Site, Visit
from scrapinsta_ray.simulator.texts import language_of

_OPEN = re.compile(
    r"/(accounts/login/.*|api/v1/web/accounts/login/ajax/|challenge/.*|accounts/suspended/|favicon\.ico)?"
)
_ALWAYS = re.compile(r"/(challenge/.*|accounts/suspended/|favicon\.ico)")
"""Where a fault sends people, and what no fault concerns."""
_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"/", "home"),
        (r"/favicon\.ico", "asset"),
        (r"/accounts/.*|/api/v1/web/accounts/.*", "login"),
        (r"/api/v1/users/web_profile_info/", "web_profile_info"),
        (r"/api/v1/users/.*", "user_info"),
        (r"/api/v1/feed/.*", "feed"),
        (r"/api/v1/clips/.*", "clips"),
        (r"/api/v1/friendships/.*", "followings"),
        (r"/api/v1/direct_v2/threads/broadcast/.*", "send_message"),
        (r"/api/.*", "other_call"),
        (r"/direct/.*", "thread"),
        (r"/(p|reel)/.*|/[^/]+/(p|reel)/.*", "post"),
        (r"/[^/]+/following/", "followings_page"),
        (r"/[^/]+/reels/", "reels_page"),
        (r"/[^/]+/?", "profile"),
    )
)
_WALL = {
    "message": "Please wait a few minutes before you try again.",
    "require_login": True,
    "igweb_rollout": True,
    "status": "fail",
}


def kind_of(path: str) -> str:
    """What sort of page or call a path is, for the journal."""
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(path)), "other")


class Gate:
    """ASGI middleware; leaves what it learned as scope["visit"]."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.admit(self.read(Request(scope)), scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def admit(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        scope["visit"] = visit
        if visit.is_admin:
            await self.app(scope, receive, send)
            return
        self.note(visit)
        answer = self.fault(visit) or turned_away(visit) or self.app
        await answer(scope, receive, _giving_cookies(send, visit))

    def read(self, request: Request) -> Visit:
        token = request.cookies.get("sessionid", "")
        hl = request.query_params.get("hl") or request.cookies.get("ig_lang")
        return Visit(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            cookies=request.cookies,
            connection=f"{request.client.host}:{request.client.port}" if request.client else "",
            language=language_of(hl, request.headers.get("accept-language")),
            account=self.site.sessions.resolve(token),
            token=token,
        )

    def fault(self, visit: Visit) -> Response | None:
        """What the site was told to answer instead; a session said to be dead is dead from then on."""
        fault = None if _ALWAYS.fullmatch(visit.path) else self.site.faults.take(visit.account, visit.path)
        if fault is None:
            return None
        if fault.signal == "logged_out" and visit.account:
            self.site.sessions.end_all(visit.account)
        return REPLIES[fault.signal](fault, visit.is_api)

    def note(self, visit: Visit) -> None:
        self.site.sessions.requests += 1
        if visit.account:
            self.site.sessions.note(visit.account, visit.token, kind_of(visit.path), visit.connection)


def turned_away(visit: Visit) -> Response | None:
    """What somebody who is not logged in gets instead: a 401 for a call, the log-in form for a page."""
    if visit.account or _OPEN.fullmatch(visit.path):
        return None
    if visit.is_api:
        return JSONResponse(_WALL, 401)
    wanted = f"{visit.path}?{urlencode(visit.query)}" if visit.query else visit.path
    return RedirectResponse(f"/accounts/login/?next={quote(wanted, safe='')}", 302)


def _giving_cookies(send: Send, visit: Visit) -> Send:
    """Gives a browser that has none yet its csrftoken, mid and ig_did; calls also get the www-claim."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            _add_cookies(message, visit)
        await send(message)

    return sending


def _add_cookies(message: MutableMapping[str, Any], visit: Visit) -> None:
    headers = list(message.get("headers", ()))
    given = b"".join(value for name, value in headers if name == b"set-cookie")
    fresh = {
        "csrftoken": secrets.token_hex(16),
        "mid": secrets.token_urlsafe(20),
        "ig_did": secrets.token_hex(16),
    }
    if visit.query.get("hl"):
        fresh["ig_lang"] = visit.language
    for name, value in fresh.items():
        if (name not in visit.cookies or name == "ig_lang") and f"{name}=".encode() not in given:
            cookie = f"{name}={value}; Path=/; Max-Age=31449600; SameSite=Lax"
            headers.append((b"set-cookie", cookie.encode()))
    if visit.is_api and visit.account:
        headers.append((b"x-ig-set-www-claim", f"hmac.{visit.account}".encode()))
    message["headers"] = headers

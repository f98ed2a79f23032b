"""The one place that every request passes: who is it, note it, do what was ordered, turn away who may not enter."""

import asyncio
import re
import secrets
import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scrapinsta_ray.simulator import wire
from scrapinsta_ray.simulator.answers import reply, seconds_of
from scrapinsta_ray.simulator.faults import LATENCY, Asked, Doing
from scrapinsta_ray.simulator.kinds import kind_of
from scrapinsta_ray.simulator.layout import PLAIN, UnknownLayout
from scrapinsta_ray.simulator.site import Site, Visit, number_of
from scrapinsta_ray.simulator.texts import language_of
from scrapinsta_ray.simulator.troubles import LASTING

_OPEN = re.compile(
    r"/(accounts/login/.*|api/v1/web/accounts/login/.*|challenge/.*|accounts/suspended/|favicon\.ico)?"
)
_ALWAYS = re.compile(r"/(challenge/.*|accounts/suspended/|favicon\.ico)")
"""Where a fault sends people, and what no fault concerns."""
_ENDS_SESSION = ("logged_out", "login_redirect", "dead_session")
_SILENT = ("reset", "hang")
_WALL = {
    "message": "Please wait a few minutes before you try again.",
    "require_login": True,
    "igweb_rollout": True,
    "status": "fail",
}
_NAMED = re.compile(r"/(?!api/|accounts/|direct/|challenge/|graphql/)([^/]+)/.*")
_NUMBERED = re.compile(r"/api/v1/(?:users|feed/user|friendships)/(\d+)/.*")


class Gate:
    """ASGI middleware; leaves what it learned as scope["visit"]."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        if scope["path"].startswith("/_"):
            scope["visit"] = self.read(request, {})
            await self.app(scope, receive, send)
            return
        try:
            visit = self.read(request, await _form(request))
        except UnknownLayout as error:
            await Response(str(error), 422)(scope, receive, send)
            return
        await self.admit(visit, scope, receive, send)

    async def admit(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        row = self.note(visit)
        doings = self.doings(visit)
        for latency in (doing for doing in doings if doing.fault == LATENCY):
            await asyncio.sleep(seconds_of(latency, self.site.luck))
        doing = doings[-1] if doings and doings[-1].fault != LATENCY else None
        scope["visit"] = visit = self.struck(visit, doing) if doing else visit
        if doing and doing.fault in _SILENT:
            await wire.cut(scope, receive, seconds_of(doing, self.site.luck))
            return
        answer = (doing and reply(doing, Request(scope))) or turned_away(visit) or self.app
        outward = self.telling(row, _giving_cookies(send, visit))
        if doing and doing.fault == "truncated":
            await wire.truncated(answer, scope, receive, outward, doing.options)
        else:
            await answer(scope, receive, outward)

    def read(self, request: Request, form: Mapping[str, str]) -> Visit:
        query, cookies = dict(request.query_params), request.cookies
        token = cookies.get("sessionid", "")
        account = self.site.sessions.resolve(token)
        wished = query.pop("_layout", "") or request.headers.get("x-layout", "")
        layout = PLAIN if request.url.path.startswith("/_") else self.site.layouts.of(account, wished)
        spoken = language_of(
            query.get("hl") or cookies.get("ig_lang"), request.headers.get("accept-language")
        )
        return Visit(
            method=request.method,
            path=request.url.path,
            query=query,
            cookies=cookies,
            connection=f"{request.client.host}:{request.client.port}" if request.client else "",
            language=layout.language or spoken,
            account=account,
            token=token,
            kind=kind_of(request.url.path),
            agent=request.headers.get("user-agent", ""),
            form=form,
            layout=layout,
        )

    def note(self, visit: Visit) -> int:
        """Its row in the journal."""
        now = round(time.time(), 6)  # as times are told, so that one that was told can be asked for
        if visit.account:
            session = (visit.token, visit.kind, visit.connection, visit.agent)
            self.site.sessions.note(now, visit.account, *session)
        if who := visit.who:
            self.site.troubles.touch(who, visit.method, visit.path, visit.kind)
        return self.site.journal.note(now, visit.who, visit.method, visit.path, visit.kind)

    def telling(self, row: int, send: Send) -> Send:
        """Also writes down with which status the request of this row was answered."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.site.journal.answered(row, message["status"])
            await send(message)

        return sending

    def doings(self, visit: Visit) -> Sequence[Doing]:
        """What stands in this account's way, else what the rules say."""
        if _ALWAYS.fullmatch(visit.path):
            return ()
        if trouble := self.site.troubles.of(visit.who):
            return (Doing(trouble.what),)
        if not self.site.faults.any:
            return ()
        asked = Asked(visit.who, visit.method, visit.path, visit.kind, self.target(visit))
        return self.site.faults.take(asked)

    def target(self, visit: Visit) -> str | None:
        """Whose profile a request is about, as far as it says."""
        if found := visit.query.get("username") or visit.query.get("to"):
            return found.lower()
        numbered = _NUMBERED.fullmatch(visit.path)
        pk = numbered[1] if numbered else visit.form.get("target_user_id")
        if pk:
            user = self.site.population.by_pk(number_of(pk, 0))
            return user.username if user else None
        named = _NAMED.fullmatch(visit.path)
        return named[1].lower() if named else None

    def struck(self, visit: Visit, doing: Doing) -> Visit:
        """The visit after a fault: without its session, its account in trouble, or shown something else."""
        if doing.fault in _ENDS_SESSION:
            if visit.account:
                self.site.sessions.end_all(visit.account)
            return replace(visit, account=None)
        if doing.fault in LASTING and visit.who and doing.options.get("lasting"):
            self.site.troubles.begin(visit.who, doing.fault)
        return replace(visit, twists={doing.fault: doing})


async def _form(request: Request) -> dict[str, str]:
    """A urlencoded body, the last value of each name."""
    if request.method != "POST":
        return {}
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))


def turned_away(visit: Visit) -> Response | None:
    """What somebody who is not logged in gets instead: a 401 for a call, the log-in form for a page."""
    if visit.account or _OPEN.fullmatch(visit.path):
        return None
    if visit.kind == "profile" and visit.layout.strangers == "profiles" and not visit.is_api:
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
    for name, fresh in (("csrftoken", _hexadecimal), ("mid", _urlsafe), ("ig_did", _hexadecimal)):
        if name not in visit.cookies and f"{name}=".encode() not in given:
            headers.append(_cookie(name, fresh()))
    if visit.query.get("hl"):
        headers.append(_cookie("ig_lang", visit.language))
    if visit.is_api and visit.account:
        headers.append((b"x-ig-set-www-claim", f"hmac.{visit.account}".encode()))
    message["headers"] = headers


def _hexadecimal() -> str:
    return secrets.token_hex(16)


def _urlsafe() -> str:
    return secrets.token_urlsafe(20)


def _cookie(name: str, value: str) -> tuple[bytes, bytes]:
    return b"set-cookie", f"{name}={value}; Path=/; Max-Age=31449600; SameSite=Lax".encode()

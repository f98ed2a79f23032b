"""Orders to the simulator, and what it did: /_about, /_faults, /_layout, /_accounts, /_sessions, /_requests, /_threads.

The real site has nothing like it.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from scrapinsta_ray.simulator import totp
from scrapinsta_ray.simulator.faults import CATALOGUE, UnknownFault
from scrapinsta_ray.simulator.journal import Question
from scrapinsta_ray.simulator.kinds import GROUPS, KINDS, UnknownKind, kinds_in
from scrapinsta_ray.simulator.layout import UnknownLayout
from scrapinsta_ray.simulator.pages import render
from scrapinsta_ray.simulator.sessions import password_of
from scrapinsta_ray.simulator.site import Site, site_of
from scrapinsta_ray.simulator.troubles import LASTING

RECENT = 100
"""How many of the last faults the page lists."""


class Nonsense(ValueError):
    """The order cannot be understood."""


async def faults(request: Request) -> Response:
    """GET tells, POST adds a rule or a list of them, PUT sets exactly these, DELETE clears (?id= only one)."""
    site = site_of(request)
    try:
        if request.method == "DELETE":
            _clear_faults(site, request.query_params.get("id"))
        elif request.method == "PUT":
            site.faults.replace(_rules(await _json(request)))
        elif request.method == "POST":
            for rule in _rules(await _json(request)):
                site.faults.add(rule)
    except (Nonsense, UnknownFault) as error:
        return _refused(error)
    if request.method == "GET" and _is_person(request):
        return await about(request)
    return JSONResponse(site.faults.shown())


def _clear_faults(site: Site, number: str | None) -> None:
    """All rules, with every account's trouble; or one rule alone."""
    if number is None:
        site.faults.clear()
        site.troubles.resolve_all()
    elif number.isdecimal():
        site.faults.remove(int(number))
    else:
        raise Nonsense("id is the number of a rule")


def _rules(body: Any) -> list[Mapping[str, Any]]:
    several = body.get("rules", body) if isinstance(body, dict) else body
    rules = several if isinstance(several, list) else [several]
    if not all(isinstance(rule, dict) for rule in rules):
        raise Nonsense("a rule is an object, several are a list of them")
    return rules


async def layout(request: Request) -> Response:
    """GET tells, POST and PUT change the parts they name (of one `account`, or of the site), DELETE clears."""
    layouts = site_of(request).layouts
    try:
        if request.method == "DELETE":
            layouts.clear()
        elif request.method != "GET":
            layouts.change(_object(await _json(request)))
    except (Nonsense, UnknownLayout) as error:
        return _refused(error)
    return JSONResponse(layouts.shown())


async def accounts(request: Request) -> Response:
    """Who did something or is in trouble, with what they need to log in."""
    site = site_of(request)
    names = sorted({*site.sessions.accounts, *site.troubles.accounts()})
    return JSONResponse({"accounts": {name: _account(site, name) for name in names}})


def _account(site: Site, name: str) -> dict[str, Any]:
    secret = totp.secret_of(name)
    log = site.sessions.accounts.get(name)
    return {
        "username": name,
        "password": password_of(name),
        "totp_secret": secret,
        "code": totp.totp(secret),
        "logins": log.logins if log else 0,
        "failed_logins": log.failed_logins if log else 0,
        **site.troubles.shown(name),
    }


async def account(request: Request) -> Response:
    """GET tells of one account; POST .../resolve, .../logout, or a trouble such as .../challenge_required."""
    site, name = site_of(request), request.path_params["name"].lower()
    if password_of(name) is None:
        return JSONResponse({"error": "this account cannot log in"}, 404)
    action = request.path_params.get("action")
    if action == "resolve":
        site.troubles.resolve(name)
    elif action == "logout":
        site.sessions.end_all(name)
    elif action in LASTING:
        site.troubles.begin(name, action)
    elif action:
        return _refused(Nonsense(f"an account can be told: resolve, logout, {', '.join(LASTING)}"))
    return JSONResponse(_account(site, name))


async def sessions(request: Request) -> Response:
    """Of each account: log-ins, sessions, browsers, from when to when, and where two acted at once."""
    told = site_of(request).sessions.shown()
    wanted = request.query_params.get("account")
    found = {name: one for name, one in told.items() if wanted in (None, name)}
    overlaps = [{"account": name, **overlap} for name, one in found.items() for overlap in one["overlaps"]]
    return JSONResponse({"accounts": found, "overlaps": overlaps})


async def requests(request: Request) -> Response:
    """?account=&kind=&since=&until=&window=&limit=; kind may come several times, times are ISO or seconds."""
    site = site_of(request)
    try:
        asked = _question(request)
    except (ValueError, UnknownKind) as error:
        return _refused(error)
    return JSONResponse({"accounts": site.journal.accounts(), **site.journal.tell(asked)})


def _question(request: Request) -> Question:
    query = request.query_params
    return Question(
        account=query.get("account"),
        kinds=kinds_in(query.getlist("kind")),
        since=_seconds(query.get("since"), 0.0),
        until=_seconds(query.get("until"), float("inf")),
        window=float(query.get("window", 3600)),
        limit=max(0, int(query.get("limit", 1000))),
    )


def _seconds(text: str | None, default: float) -> float:
    """A number of seconds since 1970, or a time in ISO 8601 with its zone."""
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text.replace(" ", "+")).timestamp()


async def written(request: Request) -> Response:
    """`{"from", "to", "by", "text"}`: a bubble in the thread of an account with somebody, by either of them."""
    site = site_of(request)
    try:
        body = _object(await _json(request))
        account, to, by, text = (str(body.get(name) or "") for name in ("from", "to", "by", "text"))
        recipient = site.population.find(to)
        if recipient is None or by not in (account, to) or not text.strip():
            raise Nonsense("say from, to, by one of them, and a text")
    except Nonsense as error:
        return _refused(error)
    site.threads.open(account, recipient).add(by, text, "")
    return JSONResponse({"status": "ok"})


async def about(request: Request) -> Response:
    """For people: what the site was told to do, and what it did."""
    site = site_of(request)
    told = site.faults.shown()
    html = render(
        "about.html",
        faults=told["active"],
        done=told["done"][: -RECENT - 1 : -1],
        counts=told["counts"],
        layout=site.layouts.shown(),
        accounts={
            name: _account(site, name)
            for name in sorted({*site.sessions.accounts, *site.troubles.accounts()})
        },
        sessions=site.sessions.shown(),
        requests=site.journal.accounts(),
        catalogue=CATALOGUE,
        kinds=[*KINDS, *GROUPS],
        population=site.population,
    )
    return HTMLResponse(html)


def _is_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise Nonsense("the body is not JSON") from error


def _object(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Nonsense("the body is an object")
    return body


def _refused(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


ROUTES = [
    Route("/_about", about),
    Route("/_faults", faults, methods=["GET", "POST", "PUT", "DELETE"]),
    Route("/_layout", layout, methods=["GET", "POST", "PUT", "DELETE"]),
    Route("/_accounts", accounts),
    Route("/_accounts/{name}", account),
    Route("/_accounts/{name}/{action}", account, methods=["POST"]),
    Route("/_sessions", sessions),
    Route("/_requests", requests),
    Route("/_threads", written, methods=["POST"]),
]

"""The calls that the pages' own scripts make."""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrapinsta_ray.simulator import json_shapes as shapes
from scrapinsta_ray.simulator import totp
from scrapinsta_ray.simulator.answers import fail
from scrapinsta_ray.simulator.media import Media, films, in_grid_order
from scrapinsta_ray.simulator.population import LIMITED_LIST, User, page_of
from scrapinsta_ray.simulator.sessions import password_of
from scrapinsta_ray.simulator.site import Site, number_of, site_of, viewer_of, visit_of

PAGE, MOST = 12, 200
_GRAPH_CURSOR = "QVFE"
_PASSWORD = re.compile(r"#PWD_INSTAGRAM_BROWSER:0:\d*:(.*)", re.DOTALL)
Handler = Callable[[Request], Awaitable[Response]]


def has_csrf(request: Request) -> bool:
    token = request.cookies.get("csrftoken")
    return bool(token) and request.headers.get("x-csrftoken") == token


def with_csrf(handler: Handler) -> Handler:
    """A POST whose X-CSRFToken is not the cookie's is refused."""

    async def checked(request: Request) -> Response:
        return await handler(request) if has_csrf(request) else fail(403, "CSRF token missing or incorrect")

    return checked


def shown_media(request: Request, user: User) -> tuple[Media, ...]:
    """What a stranger may see of this account's posts."""
    return () if user.is_private else site_of(request).population.media(user)


def seen(request: Request, user: User | None) -> User | None:
    """The account as this visit is to see it: a fault may make it private."""
    return replace(user, is_private=True) if user and "private" in visit_of(request).twists else user


def user_of(request: Request) -> User | None:
    pk = number_of(str(request.path_params["pk"]), 0)
    return seen(request, site_of(request).population.by_pk(pk))


# Log-in


@with_csrf
async def login(request: Request) -> Response:
    site, visit = site_of(request), visit_of(request)
    username = visit.who or ""
    packed = _PASSWORD.fullmatch(visit.form.get("enc_password", ""))
    right = site.sessions.knows(username, packed[1] if packed else visit.form.get("password", ""))
    if right and "wrong_password" in visit.twists:
        site.sessions.refuse(username)
        right = False
    if not right:
        known = password_of(username) is not None
        return JSONResponse({"user": known, "authenticated": False, "status": "ok"})
    if "two_factor" in visit.twists:
        return _asks_for_code(site, username)
    return _logged_in(site, username)


def _asks_for_code(site: Site, username: str) -> Response:
    identifier = secrets.token_urlsafe(16)
    site.second_factors[identifier] = username
    told = {
        "username": username,
        "sms_two_factor_on": False,
        "totp_two_factor_on": True,
        "two_factor_identifier": identifier,
    }
    return fail(400, "", two_factor_required=True, two_factor_info=told, error_type="two_factor_required")


@with_csrf
async def two_factor(request: Request) -> Response:
    site, form = site_of(request), visit_of(request).form
    username = site.second_factors.get(form.get("identifier", ""))
    if username is None or username != form.get("username", "").strip().lower():
        return fail(400, "Your session has expired. Please log in again.", error_type="invalid_identifier")
    code = re.sub(r"\s", "", form.get("verificationCode", ""))
    if not totp.accepts(totp.secret_of(username), code):
        site.sessions.refuse(username)
        message = "Please check the security code and try again."
        return fail(400, message, error_type="sms_code_validation_code_invalid")
    del site.second_factors[form["identifier"]]
    return _logged_in(site, username)


def _logged_in(site: Site, username: str) -> Response:
    token = site.sessions.begin(username)
    pk = token.partition("%3A")[0]
    answer = JSONResponse(
        {"user": True, "userId": pk, "authenticated": True, "oneTapPrompt": True, "status": "ok"}
    )
    answer.set_cookie("sessionid", token, max_age=31_536_000, httponly=True, samesite="lax")
    answer.set_cookie("ds_user_id", pk, max_age=7_776_000, samesite="lax")
    answer.set_cookie("rur", f"CLN%2C{pk}%2C{secrets.token_hex(4)}", httponly=True, samesite="lax")
    return answer


# Profiles and posts


async def web_profile_info(request: Request) -> Response:
    if not request.headers.get("x-ig-app-id"):
        return fail(400, "useragent mismatch")
    name = request.query_params.get("username", "")
    user = seen(request, site_of(request).population.find(name))
    if user is None:
        return _no_such_user(name)
    return JSONResponse(_PROFILE_SHAPES[visit_of(request).layout.api](request, user) | {"status": "ok"})


def _no_such_user(name: str) -> Response:
    """The site says it in two ways; each name always gets the same one."""
    if crc32(name.encode()) % 2:
        return fail(404, "User not found")
    return JSONResponse({"data": {"user": None}, "status": "ok"})


def old_user(request: Request, user: User) -> dict[str, Any]:
    return shapes.old_user(user, shown_media(request, user), visit_of(request).layout)


def _xdt_profile(request: Request, user: User) -> dict[str, Any]:
    data = {"xig_user_by_username": shapes.new_user(user)}
    media, cursor = first_posts(request, user)
    return {"data": data | shapes.timeline(user, media, cursor, visit_of(request).layout)["data"]}


_PROFILE_SHAPES: dict[str, Callable[[Request, User], dict[str, Any]]] = {
    "web_profile_info": lambda request, user: {"data": {"user": old_user(request, user)}},
    "graphql": lambda request, user: {"graphql": {"user": old_user(request, user)}},
    "users_info": lambda request, user: {"user": shapes.new_user(user)},
    "xdt": _xdt_profile,
    "unknown": lambda request, user: {"payload": {"title": user.username}},
}


async def user_info(request: Request) -> Response:
    user = user_of(request)
    if user is None:
        return fail(404, "User not found")
    return JSONResponse({"user": shapes.new_user(user), "status": "ok"})


def first_posts(request: Request, user: User) -> tuple[Sequence[Media], str | None]:
    """The first page of a profile's posts, and the cursor of the next."""
    shown, more = page_of(in_grid_order(shown_media(request, user)), 0, PAGE)
    return shown, feed_cursor(user, shown) if more else None


async def feed(request: Request) -> Response:
    user, look = user_of(request), visit_of(request).layout
    if user is None:
        return fail(404, "User not found")
    if user.is_private:
        return fail(400, "Not authorized to view user")
    media = in_grid_order(shown_media(request, user))
    cursor = number_of(request.query_params.get("max_id", "").partition("_")[0], 0)
    start = next((n + 1 for n, one in enumerate(media) if one.pk == cursor), 0)
    page, more = page_of(media, start, min(number_of(request.query_params.get("count"), PAGE), 33) or PAGE)
    after = feed_cursor(user, page) if more else None
    if look.feed == "xdt":
        return JSONResponse(shapes.timeline(user, page, after, look))
    if look.feed == "nodes":
        return JSONResponse(shapes.old_timeline(user, page, after, look))
    answer = {
        "items": [shapes.item(user, one, look) for one in page],
        "num_results": len(page),
        "more_available": more is not None,
        "user": {"pk": str(user.pk), "username": user.username},
        "status": "ok",
    }
    return JSONResponse(answer | ({"next_max_id": after} if after else {}))


def feed_cursor(user: User, page: Sequence[Media]) -> str:
    return f"{page[-1].pk}_{user.pk}"


@with_csrf
async def clips(request: Request) -> Response:
    form, look = visit_of(request).form, visit_of(request).layout
    user = seen(request, site_of(request).population.by_pk(number_of(form.get("target_user_id"), 0)))
    if user is None:
        return fail(404, "User not found")
    media = films(shown_media(request, user), form.get("include_feed_video", "").lower() == "true")
    size = min(number_of(form.get("page_size"), PAGE), 50) or PAGE
    page, more = page_of(media, _clips_start(form.get("max_id", "")), size)
    items = [shapes.clip(user, one, look) for one in page]
    if look.clips == "connection":
        return JSONResponse(shapes.reels(items, clips_cursor(more) or None))
    paging = {"max_id": clips_cursor(more), "more_available": more is not None}
    return JSONResponse({"items": items, "paging_info": paging, "status": "ok"})


def clips_cursor(start: int | None) -> str:
    return urlsafe_b64encode(f"clips:{start}".encode()).decode() if start else ""


def _clips_start(cursor: str) -> int:
    try:
        return number_of(urlsafe_b64decode(cursor).decode().partition(":")[2], 0)
    except ValueError:
        return 0


# Whom somebody follows


async def following(request: Request) -> Response:
    user, query = user_of(request), request.query_params
    if user is None:
        return fail(404, "User not found")
    if user.is_private:
        return fail(400, "Not authorized to view user")
    start = number_of(query.get("max_id", "").removeprefix(_GRAPH_CURSOR), 0)
    return JSONResponse(
        _following_page(request, user, query.get("count"), start, visit_of(request).layout.followings)
    )


async def following_query(request: Request) -> Response:
    """The GraphQL call: ?variables={"id", "first", "after"}."""
    try:
        asked = dict(json.loads(request.query_params.get("variables", "")))
    except (ValueError, TypeError):
        return fail(400, "Invalid request")
    user = seen(request, site_of(request).population.by_pk(number_of(str(asked.get("id")), 0)))
    if user is None or user.is_private:
        return JSONResponse({"data": {"user": None}, "status": "ok"})
    start = number_of(str(asked.get("after") or "").removeprefix(_GRAPH_CURSOR), 0)
    return JSONResponse(_following_page(request, user, str(asked.get("first")), start, "graphql"))


def _following_page(request: Request, user: User, asked: str | None, start: int, form: str) -> dict[str, Any]:
    population, visit = site_of(request).population, visit_of(request)
    count = min(number_of(asked, PAGE), MOST) or PAGE
    limited = user.limited_list or "capped" in visit.twists
    rows = population.shown_followings(user)[: LIMITED_LIST if limited else None]
    if "soft_blocked" in visit.twists:
        rows = ()
    page, more = page_of(rows, start, len(rows) if limited else count)
    people = [population.user(index) for index in page]
    if form == "dialog":
        return shapes.following_unknown(people, more)
    if form == "graphql":
        cursor = None if more is None else f"{_GRAPH_CURSOR}{more}"
        return shapes.following_graph(user, people, cursor, user.followings)
    answer: dict[str, Any] = {
        "users": [shapes.follow_row(one, visit.layout) for one in people],
        "big_list": more is not None,
        "page_size": count,
        "has_more": more is not None,
        "should_limit_list_of_followers": limited,
        "status": "ok",
    }
    if more is not None:  # the cursor is a number after some pages and a string after others
        answer["next_max_id"] = shapes.typed(more, visit.layout.cursor, as_number=more % 5 == 0)
    return answer


async def suggestions(request: Request) -> Response:
    """Five accounts that the page offers below a list; they do not belong to it."""
    population = site_of(request).population
    start = number_of(request.query_params.get("target_id"), 0) % population.size
    around = (population.user((start + step) % population.size) for step in range(30))
    users = [user for user in around if user.exists][:5]
    return JSONResponse({"users": [shapes.follow_row(user) for user in users], "status": "ok"})


# Direct messages


@with_csrf
async def open_thread(request: Request) -> Response:
    form = visit_of(request).form
    wanted = re.findall(r"\d+", form.get("recipient_users", ""))
    user = site_of(request).population.by_pk(number_of(wanted[0], 0)) if wanted else None
    if user is None:
        return fail(404, "User not found")
    thread = site_of(request).threads.open(viewer_of(request).username, user)
    return JSONResponse({"thread_id": thread.id, "users": [shapes.follow_row(user)], "status": "ok"})


@with_csrf
async def send_text(request: Request) -> Response:
    form, account = visit_of(request).form, visit_of(request).account or ""
    thread = site_of(request).threads.find(account, form.get("thread_id", ""))
    text = form.get("text", "")
    if thread is None or not text.strip():
        return fail(400, "Invalid request")
    if thread.recipient.refusal:
        return fail(403, "Not allowed to message", refusal=thread.recipient.refusal)
    message = thread.add(account, text, form.get("client_context", ""))
    at = round(message.at * 1_000_000)
    payload = {
        "item_id": str(at),
        "timestamp": str(at),
        "thread_id": thread.id,
        "client_context": message.context,
    }
    return JSONResponse({"action": "item_ack", "status_code": "200", "payload": payload, "status": "ok"})


ROUTES = [
    Route("/api/v1/web/accounts/login/ajax/", login, methods=["POST"]),
    Route("/api/v1/web/accounts/login/ajax/two_factor/", two_factor, methods=["POST"]),
    Route("/api/v1/users/web_profile_info/", web_profile_info),
    Route("/api/v1/users/{pk:int}/info/", user_info),
    Route("/api/v1/feed/user/{pk:int}/", feed),
    Route("/api/v1/clips/user/", clips, methods=["POST"]),
    Route("/api/v1/friendships/{pk:int}/following/", following),
    Route("/graphql/query/", following_query),
    Route("/api/v1/discover/chaining/", suggestions),
    Route("/api/v1/direct_v2/create_group_thread/", open_thread, methods=["POST"]),
    Route("/api/v1/direct_v2/threads/broadcast/text/", send_text, methods=["POST"]),
]

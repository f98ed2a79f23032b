"""The calls that the pages' own scripts make."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from zlib import crc32

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrapinsta_ray.simulator import json_shapes as shapes
from scrapinsta_ray.simulator.media import Media, films, in_grid_order
from scrapinsta_ray.simulator.population import User, page_of
from scrapinsta_ray.simulator.sessions import password_of
from scrapinsta_ray.simulator.site import form_of, number_of, site_of, viewer_of, visit_of

PAGE, MOST = 12, 200
_PASSWORD = re.compile(r"#PWD_INSTAGRAM_BROWSER:0:\d*:(.*)", re.DOTALL)
Handler = Callable[[Request], Awaitable[Response]]


def fail(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"message": message, "status": "fail", **more}, status)


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


def user_of(request: Request) -> User | None:
    return site_of(request).population.by_pk(number_of(str(request.path_params["pk"]), 0))


# Log-in


@with_csrf
async def login(request: Request) -> Response:
    form = await form_of(request)
    username = form.get("username", "").strip().lower()
    packed = _PASSWORD.fullmatch(form.get("enc_password", ""))
    token = site_of(request).sessions.login(username, packed[1] if packed else form.get("password", ""))
    if token is None:
        known = password_of(username) is not None
        return JSONResponse({"user": known, "authenticated": False, "status": "ok"})
    pk = token.partition("%3A")[0]
    answer = JSONResponse(
        {"user": True, "userId": pk, "authenticated": True, "oneTapPrompt": True, "status": "ok"}
    )
    answer.set_cookie("sessionid", token, max_age=31_536_000, httponly=True, samesite="lax")
    answer.set_cookie("ds_user_id", pk, max_age=7_776_000, samesite="lax")
    return answer


# Profiles and posts


async def web_profile_info(request: Request) -> Response:
    if not request.headers.get("x-ig-app-id"):
        return fail(400, "useragent mismatch")
    name = request.query_params.get("username", "")
    user = site_of(request).population.find(name)
    if user is None:
        return _no_such_user(name)
    return JSONResponse({"data": {"user": shapes.old_user(user, shown_media(request, user))}, "status": "ok"})


def _no_such_user(name: str) -> Response:
    """The site says it in two ways; each name always gets the same one."""
    if crc32(name.encode()) % 2:
        return fail(404, "User not found")
    return JSONResponse({"data": {"user": None}, "status": "ok"})


async def user_info(request: Request) -> Response:
    user = user_of(request)
    if user is None:
        return fail(404, "User not found")
    return JSONResponse({"user": shapes.new_user(user), "status": "ok"})


async def feed(request: Request) -> Response:
    user = user_of(request)
    if user is None:
        return fail(404, "User not found")
    if user.is_private:
        return fail(400, "Not authorized to view user")
    media = in_grid_order(shown_media(request, user))
    cursor = number_of(request.query_params.get("max_id", "").partition("_")[0], 0)
    start = next((n + 1 for n, one in enumerate(media) if one.pk == cursor), 0)
    page, more = page_of(media, start, min(number_of(request.query_params.get("count"), PAGE), 33) or PAGE)
    answer = {
        "items": [shapes.item(user, one) for one in page],
        "num_results": len(page),
        "more_available": more is not None,
        "user": {"pk": str(user.pk), "username": user.username},
        "status": "ok",
    }
    return JSONResponse(answer | ({"next_max_id": feed_cursor(user, page)} if more else {}))


def feed_cursor(user: User, page: Sequence[Media]) -> str:
    return f"{page[-1].pk}_{user.pk}"


@with_csrf
async def clips(request: Request) -> Response:
    form = await form_of(request)
    user = site_of(request).population.by_pk(number_of(form.get("target_user_id"), 0))
    if user is None:
        return fail(404, "User not found")
    media = films(shown_media(request, user), form.get("include_feed_video", "").lower() == "true")
    size = min(number_of(form.get("page_size"), PAGE), 50) or PAGE
    page, more = page_of(media, _clips_start(form.get("max_id", "")), size)
    return JSONResponse(
        {
            "items": [shapes.clip(user, one) for one in page],
            "paging_info": {"max_id": clips_cursor(more), "more_available": more is not None},
            "status": "ok",
        }
    )


def clips_cursor(start: int | None) -> str:
    return urlsafe_b64encode(f"clips:{start}".encode()).decode() if start else ""


def _clips_start(cursor: str) -> int:
    try:
        return number_of(urlsafe_b64decode(cursor).decode().partition(":")[2], 0)
    except ValueError:
        return 0


# Whom somebody follows


async def following(request: Request) -> Response:
    population, user = site_of(request).population, user_of(request)
    if user is None:
        return fail(404, "User not found")
    if user.is_private:
        return fail(400, "Not authorized to view user")
    count = min(number_of(request.query_params.get("count"), PAGE), MOST) or PAGE
    rows = population.shown_followings(user)
    size = len(rows) if user.limited_list else count
    page, more = page_of(rows, number_of(request.query_params.get("max_id"), 0), size)
    answer: dict[str, Any] = {
        "users": [shapes.follow_row(population.user(index)) for index in page],
        "big_list": more is not None,
        "page_size": count,
        "has_more": more is not None,
        "should_limit_list_of_followers": user.limited_list,
        "status": "ok",
    }
    if more is not None:  # the cursor is a number after some pages and a string after others
        answer["next_max_id"] = more if more % 5 == 0 else str(more)
    return JSONResponse(answer)


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
    form = await form_of(request)
    wanted = re.findall(r"\d+", form.get("recipient_users", ""))
    user = site_of(request).population.by_pk(number_of(wanted[0], 0)) if wanted else None
    if user is None:
        return fail(404, "User not found")
    thread = site_of(request).threads.open(viewer_of(request).username, user)
    return JSONResponse({"thread_id": thread.id, "users": [shapes.follow_row(user)], "status": "ok"})


@with_csrf
async def send_text(request: Request) -> Response:
    form, account = await form_of(request), visit_of(request).account or ""
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
    Route("/api/v1/users/web_profile_info/", web_profile_info),
    Route("/api/v1/users/{pk:int}/info/", user_info),
    Route("/api/v1/feed/user/{pk:int}/", feed),
    Route("/api/v1/clips/user/", clips, methods=["POST"]),
    Route("/api/v1/friendships/{pk:int}/following/", following),
    Route("/api/v1/discover/chaining/", suggestions),
    Route("/api/v1/direct_v2/create_group_thread/", open_thread, methods=["POST"]),
    Route("/api/v1/direct_v2/threads/broadcast/text/", send_text, methods=["POST"]),
]

"""The pages that a person sees."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from scrapinsta_ray.simulator import json_shapes as shapes
from scrapinsta_ray.simulator.answers import block_of
from scrapinsta_ray.simulator.api import PAGE, clips_cursor, first_posts, old_user, seen, shown_media
from scrapinsta_ray.simulator.media import Media, films
from scrapinsta_ray.simulator.pages import inline, page
from scrapinsta_ray.simulator.population import User, page_of
from scrapinsta_ray.simulator.site import site_of, viewer_of, visit_of
from scrapinsta_ray.simulator.threads import Thread

MOST_SCRIPTS = 2_000
"""How many profiles' inline JSON is kept ready."""
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#c13584"/>'
    '<circle cx="8" cy="8" r="4" fill="none" stroke="#fff" stroke-width="1.5"/></svg>'
)


async def favicon(request: Request) -> Response:
    return Response(ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})


async def home(request: Request) -> Response:
    if visit_of(request).account is None:
        return page(request, "login.html", next="/")
    return page(request, "home.html", posts=_home_posts(request), **_over(request))


def _home_posts(request: Request) -> list[tuple[User, Media]]:
    """The latest post of a few public accounts."""
    population = site_of(request).population
    users = [population.user(index) for index in range(min(12, population.size))]
    open_ones = [user for user in users if user.exists and not user.is_private and user.posts]
    return [(user, population.media(user)[0]) for user in open_ones[:4]]


async def login(request: Request) -> Response:
    after = _wanted(request)
    if visit_of(request).account:
        return RedirectResponse(after, 302)
    return page(request, "login.html", next=after)


async def two_factor(request: Request) -> Response:
    """The second step of a log-in; its script remembers whose."""
    return page(request, "two_factor.html", next=_wanted(request))


def _wanted(request: Request) -> str:
    """Where a log-in leads: to a page of this site."""
    wanted = request.query_params.get("next", "/")
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else "/"


async def logout(request: Request) -> Response:
    site_of(request).sessions.end(visit_of(request).token)
    answer = RedirectResponse("/", 302)
    for name in ("sessionid", "ds_user_id"):
        answer.delete_cookie(name)
    return answer


def missing(request: Request) -> Response:
    return page(request, "missing.html", 404)


async def not_found(request: Request, error: Exception) -> Response:
    """A path that no route knows. Also a call gets the page: a bare "Not Found" would mean a challenge."""
    if visit_of(request).is_admin:
        return Response("Not Found", 404, media_type="text/plain")
    return missing(request)


# Profiles


async def profile(request: Request) -> Response:
    if "__a" in request.query_params:
        return _as_json(request)
    return _profile(request, tab="posts")


async def following(request: Request) -> Response:
    return _profile(request, tab="posts", opened="following")


async def reels(request: Request) -> Response:
    return _profile(request, tab="reels")


def _as_json(request: Request) -> Response:
    """?__a=1: the profile as older pages asked for it."""
    user = seen(request, site_of(request).population.find(request.path_params["username"]))
    if user is None:
        return JSONResponse({}, 404)
    return JSONResponse({"graphql": {"user": old_user(request, user)}, "status": "ok"})


def _profile(request: Request, tab: str, opened: str = "") -> Response:
    user = seen(request, site_of(request).population.find(request.path_params["username"]))
    if user is None:
        return missing(request)
    data = {"user_id": str(user.pk), "username": user.username, "tab": tab, "opened": opened}
    return page(
        request,
        "profile.html",
        user=user,
        tab=tab,
        scripts=_scripts(request, user, tab),
        page_json=data,
        **_over(request, user.username),
    )


def _over(request: Request, username: str = "Instagram") -> dict[str, Any]:
    """The dialogs that lie over a page because a fault says so."""
    visit = visit_of(request)
    block = visit.twists.get("action_block") or visit.twists.get("feedback_required")
    over = block_of(block, visit.language) if block else None
    return {"over": over, "popup": username if "login_popup" in visit.twists else False}


def _scripts(request: Request, user: User, tab: str) -> Markup:
    """The profile's JSON inside its page, in the layout's shape; the newest keeps until it is asked for again."""
    kept, look = site_of(request).scripts, visit_of(request).layout
    key = (user.pk, user.is_private, tab, look)
    if key not in kept:
        while len(kept) >= MOST_SCRIPTS:
            del kept[next(iter(kept))]
        kept[key] = _SCRIPTS[look.profile](request, user, tab)
    return kept[key]


def _sjs(request: Request, user: User, tab: str) -> Markup:
    grid = _reels_grid(request, user) if tab == "reels" else _posts_grid(request, user)
    return Markup(
        '<script type="application/json" data-sjs>{}</script>\n'
        '<script type="application/json" data-sjs id="grid-data">{}</script>'
    ).format(inline(shapes.page_user(user)), inline(grid))


def _shared_data(request: Request, user: User, tab: str) -> Markup:
    data = inline(shapes.shared_data(old_user(request, user)))
    return Markup('<script type="text/javascript">window._sharedData = {};</script>').format(data)


def _additional_data(request: Request, user: User, tab: str) -> Markup:
    data = inline({"graphql": {"user": old_user(request, user)}})
    loading = "window.__additionalDataLoaded = window.__additionalDataLoaded || (() => {});"
    call = Markup("window.__additionalDataLoaded('/{}/', {});").format(user.username, data)
    return Markup('<script type="text/javascript">{}\n{}</script>').format(Markup(loading), call)


def _no_data(request: Request, user: User, tab: str) -> Markup:
    return Markup("")


_SCRIPTS: dict[str, Callable[[Request, User, str], Markup]] = {
    "sjs": _sjs,
    "shared_data": _shared_data,
    "additional_data": _additional_data,
    "none": _no_data,
}


def _posts_grid(request: Request, user: User) -> dict[str, Any]:
    shown, cursor = first_posts(request, user)
    look = visit_of(request).layout
    return shapes.preloaded("PolarisProfilePostsQuery", shapes.timeline(user, shown, cursor, look))


def _reels_grid(request: Request, user: User) -> dict[str, Any]:
    shown, more = page_of(films(shown_media(request, user)), 0, PAGE)
    clips = [shapes.clip(user, one, visit_of(request).layout) for one in shown]
    return shapes.preloaded(
        "PolarisProfileReelsTabContentQuery", shapes.reels(clips, clips_cursor(more) or None)
    )


async def post(request: Request) -> Response:
    """One post's own page; it is found by looking through its owner's posts."""
    user = site_of(request).population.find(request.path_params["username"])
    media = shown_media(request, user) if user else ()
    one = next((m for m in media if m.code == request.path_params["code"]), None)
    if user is None or one is None:
        return missing(request)
    return page(request, "post.html", user=user, post=one, **_over(request))


# Messages


async def inbox(request: Request) -> Response:
    threads = site_of(request).threads.written(viewer_of(request).username)
    return page(request, "inbox.html", threads=threads, **_over(request))


async def new_thread(request: Request) -> Response:
    """/direct/new/?to=username leads to the thread with that account."""
    user = site_of(request).population.find(request.query_params.get("to", ""))
    if user is None:
        return missing(request)
    thread = site_of(request).threads.open(viewer_of(request).username, user)
    return RedirectResponse(f"/direct/t/{thread.id}/", 302)


async def thread(request: Request) -> Response:
    account = viewer_of(request).username
    found = site_of(request).threads.find(account, request.path_params["thread_id"])
    if found is None:
        return missing(request)
    return page(request, "thread.html", thread=found, data=_thread_data(found, account), **_over(request))


def _thread_data(found: Thread, account: str) -> dict[str, Any]:
    bubbles = [{"text": message.text, "mine": message.by == account} for message in found.messages]
    return {"thread_id": found.id, "name": found.recipient.username, "messages": bubbles}


async def challenge(request: Request) -> Response:
    return page(request, "notice.html", text="challenge")


async def suspended(request: Request) -> Response:
    return page(request, "notice.html", text="suspended")


async def with_slash(request: Request) -> Response:
    """/name leads to /name/, as on the site."""
    return RedirectResponse(f"{request.url.path}/", 301)


ROUTES = [
    Route("/", home),
    Route("/favicon.ico", favicon),
    Route("/accounts/login/", login),
    Route("/accounts/login/two_factor", two_factor),
    Route("/accounts/login/two_factor/", two_factor),
    Route("/accounts/logout/", logout, methods=["GET", "POST"]),
    Route("/accounts/suspended/", suspended),
    Route("/challenge/{rest:path}", challenge),
    Route("/direct/inbox/", inbox),
    Route("/direct/new/", new_thread),
    Route("/direct/t/{thread_id}/", thread),
    Route("/{username}/", profile),
    Route("/{username}", with_slash),
    Route("/{username}/following/", following),
    Route("/{username}/reels/", reels),
    Route("/{username}/p/{code}/", post),
    Route("/{username}/reel/{code}/", post),
]

"""/_truth: what is really so, for tests. The real site has nothing like it."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scrapinsta_ray.simulator.media import Media
from scrapinsta_ray.simulator.population import DEFAULT_TARGET, User
from scrapinsta_ray.simulator.site import site_of
from scrapinsta_ray.simulator.times import moment


def media_truth(media: Media) -> dict[str, Any]:
    return {
        "code": media.code,
        "id": str(media.pk),
        "taken_at": datetime.fromtimestamp(media.taken_at, UTC).isoformat(),
        "kind": media.kind,
        "likes": None if media.hidden else media.likes,
        "comments": media.comments,
        "views": media.views,
        "pinned": media.pinned,
        "hidden": media.hidden,
    }


def user_truth(user: User, media: tuple[Media, ...]) -> dict[str, Any]:
    return {
        "username": user.username,
        "id": str(user.pk),
        "full_name": user.full_name,
        "biography": user.biography,
        "external_url": user.external_url,
        "category": user.category,
        "followers": user.followers,
        "followings": user.followings,
        "posts": user.posts,
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "is_business": user.is_business,
        "refuses_messages": user.refusal,
        "media": [media_truth(one) for one in media],
    }


async def overview(request: Request) -> Response:
    site = site_of(request)
    return JSONResponse(
        {
            "seed": site.population.seed,
            "population": site.population.size,
            "now": site.population.now.isoformat(),
            "default_target": DEFAULT_TARGET,
            "fixtures": site.population.fixtures(),
            "requests": len(site.journal),
            "logins": {account: log.logins for account, log in site.sessions.accounts.items()},
        }
    )


async def users(request: Request) -> Response:
    """?usernames=a,b; null for who has no profile to open. Private accounts are told whole, posts included."""
    population = site_of(request).population
    asked = [name.strip() for name in request.query_params.get("usernames", "").split(",")]
    found = {name: population.find(name) for name in asked if name}
    return JSONResponse(
        {"users": {name: user and user_truth(user, population.media(user)) for name, user in found.items()}}
    )


async def followings(request: Request) -> Response:
    """Names in the order of the list; `completeness` is null where the site shows no list at all."""
    population = site_of(request).population
    user = population.find(request.path_params["username"])
    if user is None:
        return JSONResponse({"usernames": None, "completeness": None}, 404)
    shown = () if user.is_private else population.shown_followings(user)
    ended = "capped" if user.limited_list else "complete"
    names = [population.user(index).username for index in shown]
    return JSONResponse({"usernames": names, "completeness": None if user.is_private else ended})


async def threads(request: Request) -> Response:
    written = [
        {
            "from": thread.account,
            "to": thread.recipient.username,
            "thread_id": thread.id,
            "messages": [{"by": m.by, "text": m.text, "at": moment(m.at)} for m in thread.messages],
        }
        for thread in site_of(request).threads.written()
    ]
    return JSONResponse({"threads": written})


async def sessions(request: Request) -> Response:
    return JSONResponse({"accounts": site_of(request).sessions.shown()})


ROUTES = [
    Route("/_truth", overview),
    Route("/_truth/users", users),
    Route("/_truth/followings/{username}", followings),
    Route("/_truth/threads", threads),
    Route("/_truth/sessions", sessions),
]

"""A profile, from every JSON shape that the site is known to use, else from what the page shows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Profile
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import is_html, parsed
from scrapinsta_ray.instagram.parse import media as posts
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.inline import inline_documents
from scrapinsta_ray.instagram.parse.page import profile_on_page

NEW_USER = "xig_user_by_username"
_USERS = ("data.user", "graphql.user", "entry_data.ProfilePage.0.graphql.user", "user")

# field of the model -> where the shapes, old and new, have it
_TEXTS = {
    "full_name": ("full_name",),
    "biography": ("biography",),
    "external_url": ("external_url", "bio_links.0.url"),
    "category": ("category_name", "category"),
}
_COUNTS = {
    "followers": ("edge_followed_by.count", "follower_count"),
    "followings": ("edge_follow.count", "following_count"),
    "posts": ("edge_owner_to_timeline_media.count", "media_count"),
}
_FLAGS = {
    "is_private": ("is_private",),
    "is_verified": ("is_verified",),
    "is_business": ("is_business_account", "is_business"),
}


def parse_profile(text: str, username: str | None = None) -> Profile:
    """A profile of an answer (JSON) or a page (HTML), with the posts that it carries.

    `username` tells whose profile is wanted where a page also speaks of others. Each field's `source` is a path
    in the answer, or `dom:` and what was looked at; each None has its reason in `missing`. Raises LayoutChanged
    when there is no profile in any known shape.
    """
    wanted = username.lower() if username else None
    if not is_html(text):
        return profile_in(shapes.loads(text), wanted)
    tree = parsed(text)
    return _inline(tree, wanted) or profile_on_page(tree, wanted)


def profile_in(data: Any, username: str | None = None) -> Profile:
    """As parse_profile, on data."""
    for path, user in _users(data, username):
        return _with_posts(_profile(user, path), user, [(path, user), ("", data)])
    raise LayoutChanged("The answer holds no profile.", missing=f"{' | '.join(_USERS)} | {NEW_USER}")


def inline_profile(html: str, username: str | None = None) -> Profile | None:
    """As parse_profile, from a page's scripts alone; None when they hold no profile."""
    return _inline(parsed(html), username.lower() if username else None)


def _inline(tree: LexborHTMLParser, username: str | None) -> Profile | None:
    """The posts may be in another script than the user."""
    documents = list(inline_documents(tree, NEW_USER, "graphql", "follower_count", posts.TIMELINE))
    for kind, data in documents:
        for path, user in _users(data, username):
            profile = _profile(user, f"{kind}:{path}")
            return _with_posts(
                profile, user, [(f"{kind}:{path}", user), *((f"{k}:", d) for k, d in documents)]
            )
    return None


def _users(data: Any, username: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, user) of each profile that this may be, the surest first."""
    known = ((path, shapes.at(data, path)) for path in _USERS)
    for path, user in chain(known, _deep(data)):
        if _is_user(user) and username in (None, user["username"].lower()):
            yield path, user


def _deep(data: Any) -> Iterator[tuple[str, Any]]:
    for path, holder in shapes.below(data, NEW_USER):
        yield path, holder
        for deeper, user in shapes.below(holder, "user", "result", "data"):
            yield f"{path}.{deeper}", user
    # pages preload the answers of several queries; a `user` with counts is a profile, others are mere names
    for path, user in shapes.below(data, "user"):
        if _is_user(user) and any(shapes.count(user, *where).value is not None for where in _COUNTS.values()):
            yield path, user


def _is_user(user: Any) -> bool:
    name = user.get("username") if isinstance(user, dict) else None
    return isinstance(name, str) and usernames.is_valid(name.lower())


def _profile(user: Mapping[str, Any], path: str) -> Profile:
    identity = shapes.identity(user, "id", "pk", "pk_id")
    found: dict[str, shapes.Found[Any]] = {"id": identity}
    found |= {name: shapes.text(user, *where) for name, where in _TEXTS.items()}
    found |= {name: shapes.count(user, *where) for name, where in _COUNTS.items()}
    found |= {name: shapes.flag(user, *where) for name, where in _FLAGS.items()}
    values: dict[str, Any] = {name: one.value for name, one in found.items()}
    return Profile(
        username=user["username"].lower(),
        **(values | {"is_private": bool(values["is_private"])}),
        source={name: f"{path}.{one.source}" for name, one in found.items() if one.value is not None},
        missing={name: one.missing for name, one in found.items() if one.missing},
    )


def _with_posts(profile: Profile, user: Mapping[str, Any], holders: list[tuple[str, Any]]) -> Profile:
    """The profile with the posts that came with it: within the user, or in a list of their own beside it."""
    hides = user.get("hide_like_and_view_counts") is True
    for path, holder in holders:
        try:
            page = posts.media_in(holder, hides)
        except LayoutChanged:
            continue
        place = f"{path}.{page.source}" if path and not path.endswith(":") else path + page.source
        source = {**profile.source, "media": place}
        return replace(profile, media=page.media, source=source, missing={**profile.missing, **page.missing})
    return replace(profile, missing={**profile.missing, "media": shapes.ABSENT})


def without_contents(profile: Profile) -> Profile:
    """A private profile as it is kept: who it is and that it is private, nothing collected."""
    names = (*_TEXTS, *_COUNTS, "is_verified", "is_business", "media")
    source = {name: path for name, path in profile.source.items() if name in ("id", "is_private")}
    missing = dict.fromkeys(names, shapes.PRIVATE)
    return Profile(profile.username, profile.id, is_private=True, source=source, missing=missing)

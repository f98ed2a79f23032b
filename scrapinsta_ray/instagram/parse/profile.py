"""A profile, from every JSON shape that the site is known to use, else from what the page shows."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
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
from scrapinsta_ray.instagram.parse.page import profile_on_page, username_of

NEW_USER = "xig_user_by_username"
_USERS = (
    "data.user",
    f"data.{NEW_USER}",
    "graphql.user",
    "data.graphql.user",
    "entry_data.ProfilePage.0.graphql.user",
    "user",
)
_MENTIONED = (NEW_USER, "graphql", "follower_count", "edge_followed_by", *posts.PLACES)

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
    "posts": ("edge_owner_to_timeline_media.count", "media_count", "all_media_count"),
}
_FLAGS = {
    "is_private": ("is_private",),
    "is_verified": ("is_verified",),
    "is_business": ("is_business_account", "is_business"),
}
FIELDS = ("id", *_TEXTS, *_COUNTS, *_FLAGS)
"""Fields of a profile that have a source, or a reason in `missing`."""


def parse_profile(text: str, username: str | None = None) -> Profile:
    """A profile of an answer (JSON) or a page (HTML), with the posts that it carries.

    `username` tells whose profile is wanted where a page also speaks of others. Each field's `source` is a path
    in the answer, or `dom:` and what was looked at; each None has its reason in `missing`. What a page's JSON does not
    tell is taken from what the page shows. An `is_private` that nothing tells is False with a reason in `missing`.
    Raises LayoutChanged when there is no profile in any known shape.
    """
    wanted = username.lower() if username else None
    if not is_html(text):
        return profile_in(shapes.loads(text), wanted)
    tree = parsed(text)
    inline = _inline(tree, wanted)
    try:
        shown = profile_on_page(tree, inline.username if inline else wanted)
    except LayoutChanged:
        if inline is None:
            raise
        return inline
    return completed(inline, shown) if inline else shown


def profile_in(data: Any, username: str | None = None) -> Profile:
    """As parse_profile, on data."""
    if (found := _profile_of([("", data)], username)) is None:
        raise LayoutChanged("The answer holds no profile.", missing=_gap(data))
    return found


def inline_profile(html: str, username: str | None = None) -> Profile | None:
    """As parse_profile, from a page's scripts alone; None when they hold no profile."""
    return _inline(parsed(html), username.lower() if username else None)


def completed(profile: Profile, other: Profile) -> Profile:
    """The profile, and what it does not tell from another reading of the same person."""
    lacking = {name for name in FIELDS if name in profile.missing and name in other.source}
    if "media" in profile.missing and other.media:
        lacking.add("media")
    told: dict[str, Any] = {name: getattr(other, name) for name in lacking}
    source = {name: path for name, path in other.source.items() if name.partition(".")[0] in lacking}
    missing = {name: why for name, why in profile.missing.items() if name not in lacking}
    if "media" in lacking:
        missing |= {name: why for name, why in other.missing.items() if name.startswith("media.")}
    return replace(profile, **told, source={**profile.source, **source}, missing=missing)


Documents = list[tuple[str, Any]]
"""(where it was found, data) of each JSON document of one answer or page; the place of a lone answer is empty."""


def _inline(tree: LexborHTMLParser, username: str | None) -> Profile | None:
    """The posts may be in another script than the user."""
    documents = [(f"{kind}:", data) for kind, data in inline_documents(tree, *_MENTIONED)]
    return _profile_of(documents, username or _named(tree, documents))


def _named(tree: LexborHTMLParser, documents: Documents) -> str | None:
    """Whose page it says to be, if its scripts know that person too."""
    name = username_of(tree)
    return name if any(True for _, data in documents for _ in _users(data, name)) else None


def _profile_of(documents: Documents, username: str | None) -> Profile | None:
    """The first user that it may be, completed by what else is said of the same person, with the posts."""
    users = _found(documents, username)
    if not users:
        return None
    path, first = users[0]
    profile = _profile(first, path)
    for path, user in users[1:]:
        if _same(profile, user):
            profile = completed(profile, _profile(user, path))
    return _with_posts(profile, first, users[0][0], documents)


def _found(documents: Documents, username: str | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Whom the documents may mean: those with counts first. The first that has all ends the search."""
    users = []
    for place, data in documents:
        for path, user in _users(data, username):
            users.append((place + path, user))
            if _counts(user) == len(_COUNTS):
                return sorted(users, key=lambda found: -_counts(found[1]))
    return sorted(users, key=lambda found: not _counts(found[1]))


def _users(data: Any, username: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, user) of each profile that this may be, the surest first."""
    seen: set[int] = set()
    known = ((path, shapes.at(data, path)) for path in _USERS)
    for path, user in chain(known, _deep(data)):
        if id(user) not in seen and _is_user(user) and username in (None, user["username"].lower()):
            seen.add(id(user))
            yield path, user


def _deep(data: Any) -> Iterator[tuple[str, Any]]:
    for path, holder in shapes.below(data, NEW_USER):
        yield from ((shapes.joined(path, deeper), user) for deeper, user in _people(holder))
    # pages preload the answers of several queries; who has counts is a profile, others are mere names
    for path, user in shapes.objects(data, "username"):
        if "username" in user and _counts(user):
            yield path, user


def _people(holder: Any) -> list[tuple[str, Any]]:
    """The users below a name that promises one: those with counts first, then the least deep."""
    found = [(path, user) for path, user in shapes.objects(holder, "username") if _is_user(user)]
    return sorted(found, key=lambda one: not _counts(one[1]))[:1]


def _counts(user: Mapping[str, Any]) -> int:
    """How many of a profile's counts it has."""
    return sum(shapes.count(user, *where).value is not None for where in _COUNTS.values())


def _is_user(user: Any) -> bool:
    name = user.get("username") if isinstance(user, dict) else None
    return isinstance(name, str) and usernames.is_valid(name.lower())


def _same(profile: Profile, user: Mapping[str, Any]) -> bool:
    ids = {profile.id, shapes.identity(user, "pk", "id", "pk_id").value} - {None}
    return user["username"].lower() == profile.username and len(ids) < 2


def _gap(data: Any) -> str:
    """Where the known paths to a user break off."""
    for path in _USERS:
        if isinstance(user := shapes.at(data, path), dict):
            return f"{path}.username" if not _is_user(user) else path
    return shapes.gap(data, *_USERS)


def _profile(user: Mapping[str, Any], path: str) -> Profile:
    found: dict[str, shapes.Found[Any]] = {"id": shapes.identity(user, "pk", "id", "pk_id")}
    found |= {name: shapes.text(user, *where) for name, where in _TEXTS.items()}
    found |= {name: shapes.count(user, *where) for name, where in _COUNTS.items()}
    found |= {name: shapes.flag(user, *where) for name, where in _FLAGS.items()}
    values: dict[str, Any] = {name: one.value for name, one in found.items()}
    source = {name: shapes.joined(path, one.source) for name, one in found.items() if one.value is not None}
    return Profile(
        username=user["username"].lower(),
        **(values | {"is_private": bool(values["is_private"])}),
        source={"username": shapes.joined(path, "username"), **source},
        missing={name: one.missing for name, one in found.items() if one.missing},
    )


def _with_posts(profile: Profile, user: Mapping[str, Any], path: str, documents: Documents) -> Profile:
    """The profile with the posts that came with it: within the user, or in lists of their own beside it."""
    hides = user.get("hide_like_and_view_counts") is True
    pages = []
    for place, holder in [(path, user), *documents]:
        with suppress(LayoutChanged):
            page = posts.media_in(holder, hides, owner=profile.username)
            pages.append(replace(page, source=_under(place, page.source)))
        if pages and pages[0].media and len(documents) == 1:
            break
    pages.sort(key=lambda page: not page.media)
    if not pages:
        return replace(profile, missing={**profile.missing, "media": shapes.ABSENT})
    media = posts.merged(*(page.media for page in pages))
    reasons: dict[str, str] = {}
    for page in reversed(pages):
        reasons |= page.missing
    origins = {f"media.{name}": places for name, places in pages[0].origins.items()}
    return replace(
        profile,
        media=media,
        source={**profile.source, "media": pages[0].source, **origins},
        missing={**profile.missing, **dict(posts.unknown_fields(media, reasons)), **_unread(reasons)},
    )


def _unread(reasons: Mapping[str, str]) -> dict[str, str]:
    """Of the reasons, those of whole posts (`media.3`) and of kinds."""
    return {name: why for name, why in reasons.items() if name.count(".") == 1 or name.endswith(".kind")}


def _under(place: str, source: str) -> str:
    return place + source if place.endswith(":") else shapes.joined(place, source)


def without_contents(profile: Profile) -> Profile:
    """A private profile as it is kept: who it is and that it is private, nothing collected."""
    names = (*_TEXTS, *_COUNTS, "is_verified", "is_business", "media")
    source = {name: path for name, path in profile.source.items() if name in ("id", "is_private")}
    missing = dict.fromkeys(names, shapes.PRIVATE)
    return Profile(profile.username, profile.id, is_private=True, source=source, missing=missing)

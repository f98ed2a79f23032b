"""What a profile's page shows to people: the fallback when it carries no JSON that we know.

Class names change weekly, so only addresses, roles, labels and attributes are used.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Media, MediaKind, Profile
from scrapinsta_ray.domain.numbers import parse_count
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import folded
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.media import pk_of, taken_at

_PRIVATE = ("this account is private", "esta cuenta es privada")
_VERIFIED = ("verified", "verificado", "verificada", "cuenta verificada")
_VIEWS = ("view count icon", "icono de número de visualizaciones", "icono de visualizaciones")
_PINNED = ("pinned post icon", "pinned post", "icono de publicación fijada", "publicación fijada")
_CAROUSEL = ("carousel", "carrusel", "secuencia")
_LABELS = {
    "followers": r"followers?|seguidores?",
    "followings": r"following|seguidos?|siguiendo",
    "posts": r"posts?|publicaci(?:ones|ón)",
}
_LINKS = {"followers": "/followers", "followings": "/following"}
_NUMBER = r"(\d[\d.,\s]*(?:\s?(?:k|m|b|mil|mill\.?|millones|millón))?(?:\s?m)?)"


def profile_on_page(tree: LexborHTMLParser, username: str | None = None) -> Profile:
    """The profile that this page shows, with the posts of its grid. Raises LayoutChanged when it shows none."""
    name = _username(tree) or username
    header = tree.css_first("header")
    if name is None or (username and name != username) or (header is None and not _described(tree)):
        raise LayoutChanged("The page shows no profile.", missing="header a[href*='/followers']")
    private = _is_private(tree)
    profile = Profile(
        name, full_name=_full_name(tree, name), is_private=private, is_verified=_verified(header)
    )
    profile = replace(profile, media=() if private else tuple(_grid(tree)))
    return _sourced(_counted(profile, tree, header))


def _counted(profile: Profile, tree: LexborHTMLParser, header: LexborNode | None) -> Profile:
    """Exact numbers of the header before the rounded ones of the page's description."""
    found: dict[str, tuple[int | None, str]] = {}
    for name in _LABELS:
        shown = _header_count(header, name) if header else None
        found[name] = (
            (shown, "dom:header") if shown is not None else (_described_count(tree, name), "dom:description")
        )
    if all(value is None for value, _ in found.values()) and not profile.is_private:
        raise LayoutChanged("The page shows no counts.", missing="header a[href*='/followers']")
    counts: dict[str, Any] = {name: value for name, (value, _) in found.items()}
    sources = {name: source for name, (value, source) in found.items() if value is not None}
    return replace(profile, **counts, source=sources)


def _sourced(profile: Profile) -> Profile:
    source = {**profile.source, "is_private": "dom:headings", "media": "dom:grid"}
    source |= {"full_name": "dom:title"} if profile.full_name else {}
    source |= {"is_verified": "dom:header"} if profile.is_verified is not None else {}
    told = ("id", "full_name", "biography", "external_url", "category", "followers", "followings", "posts")
    missing = {name: shapes.ABSENT for name in (*told, "is_business") if getattr(profile, name) is None}
    for one in profile.media:
        counts = ("likes", "comments", "views") if one.kind is MediaKind.REEL else ("likes", "comments")
        missing |= {
            f"media.{one.code}.{name}": shapes.ABSENT for name in counts if getattr(one, name) is None
        }
    return replace(profile, source=source, missing=missing)


def _username(tree: LexborHTMLParser) -> str | None:
    """Whose page it is, by its canonical address, else by the description's (@name)."""
    for selector, attribute in (("link[rel=canonical]", "href"), ("meta[property='og:url']", "content")):
        path = urlsplit(_attribute(tree, selector, attribute)).path.strip("/").split("/")[0].lower()
        if usernames.is_valid(path):
            return path
    named = re.search(r"\(@([\w.]{1,30})\)", _titles(tree))
    return named[1].lower() if named and usernames.is_valid(named[1].lower()) else None


def _full_name(tree: LexborHTMLParser, username: str) -> str | None:
    named = re.match(rf"\s*(.+?)\s*\(@{re.escape(username)}\)", _titles(tree), re.IGNORECASE | re.DOTALL)
    return named[1] if named else None


def _titles(tree: LexborHTMLParser) -> str:
    title = tree.css_first("title")
    return _attribute(tree, "meta[property='og:title']", "content") or (title.text() if title else "")


def _is_private(tree: LexborHTMLParser) -> bool:
    """Said outside of the header, where the biography is, and by the whole of an element's text."""
    places = tree.css("main h1, main h2, main span, main div, section h2, article h2")
    return any(folded(node.text()) in _PRIVATE for node in places if not _inside(node, "header"))


def _inside(node: LexborNode, tag: str) -> bool:
    here: LexborNode | None = node
    while here is not None and here.tag != tag:
        here = here.parent
    return here is not None


def _verified(header: LexborNode | None) -> bool | None:
    if header is None:
        return None
    return any(
        folded(svg.attributes.get("aria-label") or "") in _VERIFIED for svg in header.css("svg[aria-label]")
    )


def _header_count(header: LexborNode, name: str) -> int | None:
    """Of the link to the list, its exact number in a title first; posts have no link."""
    for link in header.css("a[href]"):
        # logged out, the list's address is the encoded target of a log-in link
        if name in _LINKS and re.search(
            rf"{_LINKS[name]}(/|$|\?)", unquote(link.attributes.get("href") or "")
        ):
            titled = link.css_first("span[title]")
            exact = parse_count(titled.attributes.get("title")) if titled else None
            return exact if exact is not None else parse_count(link.text(separator=" "))
    texts = (node.text(separator=" ") for node in header.css("li, span, div"))
    whole = re.compile(rf"\s*{_NUMBER}\s*(?:{_LABELS[name]})\s*", re.IGNORECASE)
    return next((parse_count(found[1]) for text in texts if (found := whole.fullmatch(text))), None)


def _described(tree: LexborHTMLParser) -> str:
    return _attribute(tree, "meta[property='og:description']", "content") or _attribute(
        tree, "meta[name=description]", "content"
    )


def _described_count(tree: LexborHTMLParser, name: str) -> int | None:
    """From "52M Followers, 5 Following, 1,234 Posts - See Instagram photos ..."; the bio may come after the dash."""
    counts = re.split(r"\s[-–]\s", _described(tree), maxsplit=1)[0]
    found = re.search(rf"{_NUMBER}\s*(?:{_LABELS[name]})\b", counts, re.IGNORECASE)
    return parse_count(found[1]) if found else None


def _attribute(tree: LexborHTMLParser, selector: str, attribute: str) -> str:
    node = tree.css_first(selector)
    return (node.attributes.get(attribute) or "") if node else ""


def _grid(tree: LexborHTMLParser) -> Iterator[Media]:
    seen: set[str] = set()
    for link in tree.css("a[href*='/p/'], a[href*='/reel/']"):
        found = re.search(r"/(p|reel)/([\w-]{5,})/?(?:$|\?)", link.attributes.get("href") or "")
        pk = pk_of(found[2]) if found else None
        if found and pk and found[2] not in seen:
            seen.add(found[2])
            yield _tile(link, found[2], str(pk), reel=found[1] == "reel")


def _tile(link: LexborNode, code: str, pk: str, reel: bool) -> Media:
    labels = [folded(svg.attributes.get("aria-label") or "") for svg in link.css("svg[aria-label]")]
    carousel = any(label in _CAROUSEL for label in labels)
    kind = MediaKind.REEL if reel else MediaKind.CAROUSEL if carousel else MediaKind.IMAGE
    # the overlay lists likes, then comments; with one number it is not said which
    shown = [parse_count(row.text(separator=" ")) for row in link.css("li")]
    likes, comments = shown if len(shown) == 2 else (None, None)
    pinned = any(label in _PINNED for label in labels)
    return Media(code, pk, taken_at(pk, code), kind, likes, comments, _tile_views(link), pinned)


def _tile_views(link: LexborNode) -> int | None:
    """The number beside the eye: in the nearest element around it that holds one."""
    eye = next(
        (s for s in link.css("svg[aria-label]") if folded(s.attributes["aria-label"] or "") in _VIEWS), None
    )
    here = eye.parent if eye else None
    while here is not None and here != link.parent:
        if (views := parse_count(here.text(separator=" "))) is not None:
            return views
        here = here.parent
    return None

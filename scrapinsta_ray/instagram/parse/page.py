"""What a profile's page shows to people: what completes, or stands in for, the JSON that it carries.

Class names change weekly, so only addresses, roles, labels and attributes are used.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain import usernames
from scrapinsta_ray.domain.models import Profile
from scrapinsta_ray.domain.numbers import parse_count
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import around, folded, is_a, profile_of
from scrapinsta_ray.instagram.parse import labels, shapes
from scrapinsta_ray.instagram.parse.media import MediaPage, grid_page

_LISTS = {"followers": "followers", "followings": "following"}
_FIELDS = (
    "id",
    "full_name",
    "biography",
    "external_url",
    "category",
    *labels.COUNTS,
    "is_verified",
    "is_business",
)
_COUNT = r"(\d[\d.,'’\s]*(?:\s?(?:k|m|b|mil|mill\.?|millones|millón))?(?:\s?m)?)"
_OWN_WORDS = re.compile(r"instagram|photos and videos|fotos y v[ií]deos", re.IGNORECASE)


def profile_on_page(tree: LexborHTMLParser, username: str | None = None) -> Profile:
    """The profile that this page shows, with the posts of its grid. Raises LayoutChanged when it shows none.

    Sources are `dom:header`, `dom:title`, `dom:grid`, `dom:headings` and, weakest, `dom:description`.
    """
    name = username_of(tree) or username
    header = _header(tree)
    if name is None or (username and name != username) or (header is None and not _described(tree)):
        raise LayoutChanged("The page shows no profile.", missing="header a[href*='/followers']")
    found = dict(_shown(tree, header, name))
    if not any(field in found for field in labels.COUNTS) and not found.get("is_private", (False,))[0]:
        raise LayoutChanged("The page shows no counts.", missing="header a[href*='/followers']")
    posts = None if found.get("is_private", (False, ""))[0] else next(iter(grid_page(tree)), None)
    return _made(name, found, posts)


def username_of(tree: LexborHTMLParser) -> str | None:
    """Whose page it is: by its own address, its title's (@name), or the links of its header."""
    for selector, attribute in (
        ("link[rel=canonical]", "href"),
        ("meta[property='og:url']", "content"),
        ("meta[property='al:android:url']", "content"),
    ):
        if name := _first_step(_attribute(tree, selector, attribute)):
            return name
    named = re.search(r"\(?@([\w.]{1,30})\b", _titles(tree))
    if named and usernames.is_valid(named[1].lower()):
        return named[1].lower()
    header = tree.css_first("header")
    links = (_list_of(link) for link in header.css("a[href]")) if header else ()
    return next((found[0] for found in links if found), None) or _headed(header)


def followings_shown(tree: LexborHTMLParser) -> int | None:
    """How many the page's header says that its profile follows."""
    header = _header(tree)
    return _header_count(header, "followings") if header else None


def _headed(header: LexborNode | None) -> str | None:
    texts = (node.text(strip=True) for node in header.css("h1, h2")) if header else ()
    return next((text for text in texts if usernames.is_valid(text)), None)


def _first_step(address: str) -> str | None:
    """The profile of a page's own address: also of its reels, followers and other parts."""
    try:
        steps = [step for step in urlsplit(address).path.split("/") if step]
    except ValueError:
        return None
    if steps and steps[0] == "_u":
        del steps[0]
    return profile_of(f"/{steps[0]}/") if steps and len(steps) < 3 else None


def _header(tree: LexborHTMLParser) -> LexborNode | None:
    """Where the counts are: the header with links to the lists, else any."""
    headers = tree.css("header")
    return next((one for one in headers if any(_list_of(link) for link in one.css("a[href]"))), None) or next(
        iter(headers), None
    )


def _shown(
    tree: LexborHTMLParser, header: LexborNode | None, name: str
) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Each field that the page tells: (field, (value, source)). Exact numbers come before rounded ones."""
    for field in labels.COUNTS:
        if header and (count := _header_count(header, field)) is not None:
            yield field, (count, "dom:header")
        elif (count := _described_count(tree, field)) is not None:
            yield field, (count, "dom:description")
    if full_name := _full_name(tree, name):
        yield "full_name", (full_name, "dom:title")
    if biography := _described_biography(tree):
        yield "biography", (biography, "dom:description")
    if header or _is_private(tree):  # a page that shows its head would say it
        yield "is_private", (_is_private(tree), "dom:headings")
    if header and header.css_first("a[href], span, li"):
        yield "is_verified", (labels.is_verified(header), "dom:header")


def _made(name: str, found: dict[str, tuple[Any, str]], posts: MediaPage | None) -> Profile:
    source = {"username": "dom:page", **{field: place for field, (_, place) in found.items()}}
    missing = {field: shapes.ABSENT for field in (*_FIELDS, "is_private") if field not in found}
    if posts:
        source |= {
            "media": posts.source,
            **{f"media.{field}": place for field, place in posts.origins.items()},
        }
        missing |= posts.missing
    else:
        missing["media"] = shapes.ABSENT
    values = {field: value for field, (value, _) in found.items()}
    return Profile(name, **values, media=posts.media if posts else (), source=source, missing=missing)


# ---- who -------------------------------------------------------------------------------------------------


def _full_name(tree: LexborHTMLParser, username: str) -> str | None:
    """From "(2) Jane (@jane) • Instagram photos and videos"; some pages' description ends in the same words."""
    for text in (_titles(tree), re.split(r"\s[-–—]\s|: ", _described(tree), maxsplit=1)[-1]):
        named = re.match(
            rf"\s*(?:\(\d+\+?\)\s*)?(.+?)\s*\(@{re.escape(username)}\)", text, re.IGNORECASE | re.DOTALL
        )
        if named and not _OWN_WORDS.search(named[1]):
            return named[1]
    return None


def _titles(tree: LexborHTMLParser) -> str:
    title = tree.css_first("title")
    return _attribute(tree, "meta[property='og:title']", "content") or (title.text() if title else "")


def _is_private(tree: LexborHTMLParser) -> bool:
    """Said outside of the header, where the biography is, and of dialogs, by the whole of an element's text."""
    places = tree.css("h1, h2, h3, span, div, p")
    return any(folded(node.text()) in labels.PRIVATE and not _is_personal(node) for node in places)


def _is_personal(node: LexborNode) -> bool:
    """A place where people write."""
    return any(is_a(place, ("header", "a", "li"), ("row", "textbox")) for place in around(node))


# ---- counts ----------------------------------------------------------------------------------------------


def _header_count(header: LexborNode, field: str) -> int | None:
    """Of the link to the list, its exact number in a title first; posts have no link, nor has what is private."""
    for link in header.css("a[href]"):
        if field in _LISTS and (found := _list_of(link)) and found[1] == _LISTS[field]:
            return _exact(link)
    return _labelled_count(header, field)


def _list_of(link: LexborNode) -> tuple[str, str] | None:
    """(username, followers or following) of a link to a list.

    Logged out, the list's address is the encoded target of a log-in link.
    """
    href = unquote(unquote(link.attributes.get("href") or ""))
    found = re.search(r"/([\w.]{1,30})/(followers|following)/?(?:$|[?&#])", href)
    return (found[1].lower(), found[2]) if found and usernames.is_valid(found[1].lower()) else None


def _exact(node: LexborNode) -> int | None:
    for titled in (node, *node.css("[title]")):
        if (exact := parse_count(titled.attributes.get("title"))) is not None:
            return exact
    return parse_count(node.text(separator=" "))


def _labelled_count(header: LexborNode, field: str) -> int | None:
    """The first element that says nothing but a number and its label; the biography comes after the counts."""
    whole = re.compile(rf"\s*{_COUNT}\s*(?:de\s+)?(?:{labels.COUNTS[field]})\s*", re.IGNORECASE)
    flipped = re.compile(rf"\s*(?:{labels.COUNTS[field]})\s*{_COUNT}\s*", re.IGNORECASE)
    for node in header.css("li, button, a, span, div"):
        text = node.text(separator=" ")
        if whole.fullmatch(text) or flipped.fullmatch(text):
            return _exact(node)
    return None


def _described(tree: LexborHTMLParser) -> str:
    return _attribute(tree, "meta[property='og:description']", "content") or _attribute(
        tree, "meta[name=description]", "content"
    )


def _described_count(tree: LexborHTMLParser, field: str) -> int | None:
    """From "52M Followers, 5 Following, 1,234 Posts - See Instagram photos ..."; what follows may be the biography."""
    counts = re.split(r"\s[-–—]\s|: ", _described(tree), maxsplit=1)[0]
    found = re.search(rf"{_COUNT}\s*(?:de\s+)?(?:{labels.COUNTS[field]})\b", counts, re.IGNORECASE)
    return parse_count(found[1]) if found else None


def _described_biography(tree: LexborHTMLParser) -> str | None:
    """From "... - Jane (@jane) on Instagram: "what she says""; None where it was cut."""
    described = _attribute(tree, "meta[name=description]", "content")
    found = re.search(r"\(@[\w.]+\) (?:on|en) Instagram: [\"“](.*)[\"”]\s*$", described, re.DOTALL)
    return found[1] if found and not found[1].endswith(("...", "…")) else None


def _attribute(tree: LexborHTMLParser, selector: str, attribute: str) -> str:
    node = tree.css_first(selector)
    return (node.attributes.get(attribute) or "") if node else ""

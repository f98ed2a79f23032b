"""The posts that a profile's page shows as tiles, with the little that a tile tells."""

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain.models import Media, MediaKind
from scrapinsta_ray.domain.numbers import parse_count
from scrapinsta_ray.instagram.html import around, folded, is_a
from scrapinsta_ray.instagram.parse import labels, shapes
from scrapinsta_ray.instagram.parse.ids import pk_of, taken_at

_LINK = re.compile(r"/(p|reel|tv)/([\w-]{5,})/?(?:$|[?#])")
_ELSEWHERE = ("header", "footer", "nav", "aside")
_COUNTS = ("likes", "comments", "views")


def reasons(media: Iterable[Media]) -> Iterator[tuple[str, str]]:
    """Why fields of the posts of a grid are None: (`media.CODE.likes`, reason)."""
    for one in media:
        for name in _COUNTS:
            if getattr(one, name) is None:
                photo = name == "views" and one.kind in (MediaKind.IMAGE, MediaKind.CAROUSEL)
                yield f"media.{one.code}.{name}", shapes.NO_FILM if photo else shapes.ABSENT
        if one.taken_at is None:
            yield f"media.{one.code}.taken_at", shapes.ABSENT


def tiles(tree: LexborHTMLParser) -> Iterator[Media]:
    """The posts of a page's grid, in order, each once. A tile without a mark is taken for a photo."""
    seen: set[str] = set()
    for link in tree.css("a[href*='/p/'], a[href*='/reel/'], a[href*='/tv/']"):
        found = _LINK.search(link.attributes.get("href") or "")
        pk = pk_of(found[2]) if found else None
        if found and pk and found[2] not in seen and not _elsewhere(link):
            seen.add(found[2])
            yield _tile(link, found[1], found[2], str(pk))


def _elsewhere(link: LexborNode) -> bool:
    """A link in a biography, a comment's dialog or the site's own parts is no tile."""
    return any(is_a(place, _ELSEWHERE, ("dialog",)) for place in around(link))


def _tile(link: LexborNode, place: str, code: str, pk: str) -> Media:
    icons = labels.icons(link)
    likes, comments = _overlay(link)
    return Media(
        code,
        pk,
        taken_at(pk, code),
        _kind(place, icons),
        likes,
        comments,
        _views(link),
        pinned=any(labels.PINNED.search(icon) for icon in icons),
    )


def _kind(place: str, icons: list[str]) -> MediaKind:
    if place == "reel" or any(labels.REEL.search(icon) for icon in icons):
        return MediaKind.REEL
    if any(labels.CAROUSEL.search(icon) for icon in icons):
        return MediaKind.CAROUSEL
    film = place == "tv" or any(labels.VIDEO.search(icon) or labels.VIEWS.search(icon) for icon in icons)
    return MediaKind.VIDEO if film else MediaKind.IMAGE


def _overlay(link: LexborNode) -> tuple[int | None, int | None]:
    """(likes, comments) of what shows under the pointer: by their icons, else two numbers in that order."""
    eyed = _eyed(link)
    rows = [row for row in link.css("li") or _numbered(link) if eyed is None or not _touches(row, eyed)]
    shown = [parse_count(_words(row)) for row in rows]
    likes, comments = (_marked(rows, shown, mark) for mark in (labels.LIKES, labels.COMMENTS))
    if likes is None and comments is None and len(shown) == 2:
        return shown[0], shown[1]  # with one number it is not said which it is
    return likes, comments


def _numbered(link: LexborNode) -> list[LexborNode]:
    """The innermost elements that show a number, or what is around one if that holds an icon too."""
    leaves = [one for one in link.css("span, div, p") if parse_count(_own_words(one)) is not None]
    parents = (leaf.parent for leaf in leaves)
    marked = (parent if parent and len(parent.css("svg")) == 1 else None for parent in parents)
    return [parent or leaf for leaf, parent in zip(leaves, marked, strict=True)]


def _touches(row: LexborNode, other: LexborNode) -> bool:
    """Does one lie in the other?"""
    return row == other or other in around(row) or row in around(other)


def _marked(rows: list[LexborNode], shown: list[int | None], mark: re.Pattern[str]) -> int | None:
    pairs = zip(rows, shown, strict=True)
    return next((count for row, count in pairs if any(mark.search(i) for i in labels.icons(row))), None)


def _views(link: LexborNode) -> int | None:
    if (eyed := _eyed(link)) is not None:
        return parse_count(_beside(eyed))
    # an icon that was saved as its label: "View Count Icon10.2K"
    texts = (_own_words(one) for one in link.css("span, div, p, li"))
    return next((parse_count(text) for text in texts if labels.VIEWS.search(folded(text))), None)


def _eyed(link: LexborNode) -> LexborNode | None:
    """The nearest element around the eye that holds one number, the overlay left out."""
    eye = next((svg for svg in link.css("svg") if labels.VIEWS.search(labels.label(svg))), None)
    places = takewhile(lambda place: place != link.parent, around(eye) if eye else ())
    return next((place for place in places if parse_count(_beside(place)) is not None), None)


def _beside(place: LexborNode) -> str:
    return _words(place, without="" if place.tag in ("ul", "li") else "ul")


def _own_words(node: LexborNode) -> str:
    return " ".join(child.text() for child in node.iter(include_text=True) if child.tag == "-text")


def _words(node: LexborNode, without: str = "") -> str:
    """A node's text without its icons' titles, and without what lies in elements of one name."""
    return " ".join(_texts(node, {"svg", "title", without})).strip()


def _texts(node: LexborNode, without: set[str]) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text()
        elif child.tag not in without:
            yield from _texts(child, without)

"""The posts that a profile's page shows as tiles, with the little that a tile tells."""

import re
from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from scrapinsta_ray.domain.models import Media, MediaKind
from scrapinsta_ray.domain.numbers import parse_count
from scrapinsta_ray.instagram.html import around, is_a
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
    rows = [row for row in link.css("li") if not any(labels.VIEWS.search(icon) for icon in labels.icons(row))]
    shown = [parse_count(_words(row)) for row in rows]
    likes, comments = (_marked(rows, shown, mark) for mark in (labels.LIKES, labels.COMMENTS))
    if likes is None and comments is None and len(shown) == 2:
        return shown[0], shown[1]  # with one number it is not said which it is
    return likes, comments


def _marked(rows: list[LexborNode], shown: list[int | None], mark: re.Pattern[str]) -> int | None:
    named = (
        count
        for row, count in zip(rows, shown, strict=True)
        if any(mark.search(i) for i in labels.icons(row))
    )
    return next(named, None)


def _views(link: LexborNode) -> int | None:
    """The number beside the eye: in the nearest element around it that holds one, the overlay left out."""
    eye = next((svg for svg in link.css("svg") if labels.VIEWS.search(labels.label(svg))), None)
    here = eye.parent if eye else None
    while here is not None and here != link.parent:
        if (
            views := parse_count(_words(here, without="ul" if here.tag not in ("ul", "li") else ""))
        ) is not None:
            return views
        here = here.parent
    return None


def _words(node: LexborNode, without: str = "") -> str:
    """A node's text without its icons' titles, and without what lies in elements of one name."""
    return " ".join(_texts(node, {"svg", "title", without})).strip()


def _texts(node: LexborNode, without: set[str]) -> Iterator[str]:
    for child in node.iter(include_text=True):
        if child.tag == "-text":
            yield child.text()
        elif child.tag not in without:
            yield from _texts(child, without)

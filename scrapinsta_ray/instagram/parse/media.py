"""Posts and reels, from every list that the site is known to answer with."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from selectolax.lexbor import LexborHTMLParser

from scrapinsta_ray.domain.models import Media, MediaKind
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import is_html, parsed
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.grid import reasons, tiles
from scrapinsta_ray.instagram.parse.ids import code_of, moment, pk_of, taken_at
from scrapinsta_ray.instagram.parse.inline import inline_documents

T = TypeVar("T")

TIMELINE = "xdt_api__v1__feed__user_timeline_graphql_connection"
CLIPS = "xdt_api__v1__clips__user__connection_v2"
OLD_TIMELINE = "edge_owner_to_timeline_media"
OLD_VIDEOS = "edge_felix_video_timeline"
GUESTS_TIMELINE = "polaris_ordered_timeline_connection"

_TIMELINES = (TIMELINE, OLD_TIMELINE, GUESTS_TIMELINE)
_POSTS = ("shortcode_media", "xdt_shortcode_media", "xig_polaris_media", "if_not_gated_logged_out")
PLACES = (*_TIMELINES, CLIPS, "xdt_api__v1__", *_POSTS, '"items"')
"""What a script of a page mentions when it carries posts."""

# Lists whose names have changed before and may again; not those of tagged, saved, liked or suggested posts.
_LIKE_OURS = re.compile(
    r"feed__user_timeline|user_timeline|timeline_connection|clips__user|owner_to_timeline"
)

_LIKES = ("like_count", "edge_liked_by.count", "edge_media_preview_like.count")
_COMMENTS = (
    "comment_count",
    "edge_media_to_comment.count",
    "edge_media_to_parent_comment.count",
    "edge_media_preview_comment.count",
)
# What the site shows as a reel's views are its plays.
_VIEWS = ("play_count", "ig_play_count", "video_play_count", "view_count", "video_view_count")
_PINS = ("pinned_for_users", "timeline_pinned_user_ids", "clips_tab_pinned_user_ids")
_CLIPS_ONLY = ("clips_tab_pinned_user_ids", "clips_metadata")
_DISABLED = "like_and_view_counts_disabled"
_HIDDEN_LIKES = 3  # what the site answers for likes when the owner hides them
_NO_FILM = (MediaKind.IMAGE, MediaKind.CAROUSEL)
_TYPES = {1: MediaKind.IMAGE, 2: MediaKind.VIDEO, 8: MediaKind.CAROUSEL}
_NAMED = (("Sidecar", MediaKind.CAROUSEL), ("Video", MediaKind.VIDEO), ("Image", MediaKind.IMAGE))


@dataclass(frozen=True, slots=True)
class MediaPage:
    """A list of posts as the site gave it, in its order.

    `source` is where the list lies, `origins` where in a post each field was found (`id` for dates that follow from
    it), `missing` why a field of one post (`media.CODE.likes`) is None. A kind that the site did not tell is `image`,
    with its reason in `missing`.
    """

    media: tuple[Media, ...]
    source: str
    missing: Mapping[str, str] = field(default_factory=dict)
    next_cursor: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict)


def parse_media(text: str, reels: bool = False) -> MediaPage:
    """Posts of an answer or a page, of whichever known shape. Raises LayoutChanged when it has none of them.

    `reels` says that the list is one of reels: first looked for where a page carries those, and a film that says
    nothing of its kind is one.
    """
    if not is_html(text):
        return media_in(shapes.loads(text), reels=reels)
    tree = parsed(text)
    pages = [*_inline_pages(tree, reels), *grid_page(tree, reels)]
    if not pages:
        raise LayoutChanged("The page carries no list of posts.", missing=CLIPS if reels else TIMELINE)
    return next((page for page in pages if reels and CLIPS in page.source), pages[0])


def grid_page(tree: LexborHTMLParser, reels: bool = False) -> list[MediaPage]:
    """What a page shows as tiles, if it shows any."""
    media = tuple(one for one in tiles(tree) if one.kind is MediaKind.REEL or not reels)
    return [MediaPage(media, "dom:grid", dict(reasons(media)), None, {"taken_at": "id"})] if media else []


def _inline_pages(tree: LexborHTMLParser, reels: bool) -> list[MediaPage]:
    """The lists of posts in a page's scripts; those that hold some before the empty ones."""
    found = []
    for kind, data in inline_documents(tree, *PLACES):
        with suppress(LayoutChanged):
            page = media_in(data, reels=reels)
            found.append(replace(page, source=f"{kind}:{page.source}"))
    return sorted(found, key=lambda page: not page.media)


def media_in(data: Any, hides: bool = False, reels: bool = False, owner: str | None = None) -> MediaPage:
    """As parse_media, on data. `hides` says that the profile hides likes and views, if the data itself does not.

    `owner` is the username whose posts are wanted, where a list may mix in those of others.
    """
    failed = LayoutChanged(
        "The answer holds no list of posts.", missing=shapes.gap(data, "items", f"data.{TIMELINE}.edges")
    )
    empty = None
    for source, rows, holder in _lists(data):
        try:
            page = _page(_owned(rows, source, owner), source, holder, hides or _hides(data, source), reels)
        except LayoutChanged as error:
            failed = error
            continue
        if page.media:
            return page
        empty = empty or page
    if empty is None:
        raise failed
    return empty


def _hides(data: Any, source: str) -> bool:
    """Does the profile in which a list lies hide its likes?"""
    profile = source.removesuffix(".edges").rpartition(".")[0]
    return bool(profile) and shapes.at(data, f"{profile}.hide_like_and_view_counts") is True


def _lists(data: Any) -> Iterator[tuple[str, list[Any], Mapping[str, Any]]]:
    """(path, rows, what holds them) of each list of posts that this may be, the surest first."""
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        yield "items", data["items"], data
    for names in (_TIMELINES, (CLIPS,), (OLD_VIDEOS,)):
        for path, found in shapes.below(data, *names):
            if isinstance(found, dict) and isinstance(found.get("edges"), list):
                yield f"{path}.edges", found["edges"], found
    for path, post in shapes.below(data, *_POSTS):
        if isinstance(post, dict) and isinstance(post.get("shortcode") or post.get("code"), str):
            yield path, [post], {}
    yield from _unnamed(data)


def _unnamed(data: Any) -> Iterator[tuple[str, list[Any], Mapping[str, Any]]]:
    """Lists of posts under a name of their kind, and whatever `items` hold something with a shortcode."""
    for path, holder in shapes.objects(data, *PLACES):
        rows = holder.get("edges") if _LIKE_OURS.search(path.rpartition(".")[2]) else holder.get("items")
        if isinstance(rows, list) and any(isinstance(n := _node(row), dict) and _code(n) for row in rows):
            yield shapes.joined(path, "edges" if "edges" in holder else "items"), rows, holder


def _owned(rows: list[Any], source: str, owner: str | None) -> list[Any]:
    """What guests are shown as a profile's posts has others' among them."""
    if owner is None or GUESTS_TIMELINE not in source:
        return rows
    return [row for row in rows if _owners(_node(row)) in (set(), {owner}) or owner in _owners(_node(row))]


def _owners(node: Any) -> set[str]:
    if not isinstance(node, dict):
        return set()
    people = [node.get("user"), node.get("owner"), *shapes.rows(node.get("coauthor_producers"))]
    names = (one.get("username") for one in people if isinstance(one, dict))
    return {name.lower() for name in names if isinstance(name, str)}


def merged(*lists: Iterable[Media]) -> tuple[Media, ...]:
    """One list without doubles, in order of first sight. What one list does not tell is taken from a later one."""
    together: dict[str, Media] = {}
    for media in (one for some in lists for one in some):
        known = together.get(media.id)
        together[media.id] = _joined(known, media) if known else media
    return tuple(together.values())


def _page(rows: list[Any], source: str, holder: Mapping[str, Any], hides: bool, reels: bool) -> MediaPage:
    notes = _Notes({}, {})
    media = []
    for index, row in enumerate(rows):
        read = _media(_node(row), hides, notes, clips=reels or CLIPS in source or _is_clip(row))
        if read is None:
            notes.missing[f"media.{index}"] = shapes.MALFORMED
        else:
            media.append(read)
    if rows and not media:
        raise LayoutChanged("No post of the list could be read.", missing=f"{source}.0.pk")
    return MediaPage(tuple(media), source, notes.missing, _cursor(holder), notes.sources())


@dataclass(frozen=True, slots=True)
class _Notes:
    """What is noted while a list is read; see MediaPage."""

    missing: dict[str, str]
    origins: dict[str, list[str]]

    def take(self, code: str, name: str, found: shapes.Found[T]) -> T | None:
        """The value, with a note of where it came from or why there is none."""
        if found.missing:
            self.missing[f"media.{code}.{name}"] = found.missing
        elif found.source not in (places := self.origins.setdefault(name, [])):
            places.append(found.source)
        return found.value

    def sources(self) -> dict[str, str]:
        """Of each field, every place in a post where it was found."""
        return {name: " | ".join(places) for name, places in self.origins.items()}


def _node(row: Any) -> Any:
    """The post itself: edges wrap it in `node`, reels once more in `media`."""
    for wrapper in ("node", "media", "media_or_ad"):
        inner = row.get(wrapper) if isinstance(row, dict) else None
        row = inner if isinstance(inner, dict) else row
    return row


def _is_clip(row: Any) -> bool:
    """Only the lists of reels wrap a post in `media`."""
    row = row.get("node", row) if isinstance(row, dict) else None
    return isinstance(row, dict) and isinstance(row.get("media"), dict)


def _media(node: Any, hides: bool, notes: _Notes, clips: bool) -> Media | None:
    if not isinstance(node, dict):
        return None
    code = _code(node)
    pk = shapes.identity(node, "pk", "id").value or _text(code and pk_of(code))
    if not pk:
        return None
    code = code or code_of(int(pk))
    hidden = _hidden(node, hides)
    at = notes.take(code, "taken_at", _date(node, pk, code))
    kind = notes.take(code, "kind", _kind(node, clips)) or MediaKind.IMAGE
    return Media(
        code=code,
        id=pk,
        taken_at=at,
        kind=kind,
        likes=notes.take(code, "likes", _unless(hidden, shapes.count(node, *_LIKES))),
        comments=notes.take(code, "comments", shapes.count(node, *_COMMENTS)),
        views=notes.take(code, "views", _views(node, kind)),
        pinned=any(shapes.rows(node.get(key)) for key in _PINS) or node.get("is_pinned") is True,
        hidden=hidden,
    )


def _views(node: Mapping[str, Any], kind: MediaKind) -> shapes.Found[int]:
    views = _unless(node.get(_DISABLED) is True, shapes.count(node, *_VIEWS))
    if kind in _NO_FILM:  # lists carry a 0 there
        return shapes.Found(None, views.source, shapes.NO_FILM)
    return views


def _unless(hidden: bool, found: shapes.Found[int]) -> shapes.Found[int]:
    return shapes.Found(None, found.source, shapes.HIDDEN) if hidden else found


def _hidden(node: Mapping[str, Any], profile_hides: bool) -> bool:
    if node.get(_DISABLED) is True:
        return True
    likes = [shapes.whole(given) for path in _LIKES if (given := shapes.at(node, path)) is not None]
    return -1 in likes or (profile_hides and _HIDDEN_LIKES in likes and _DISABLED not in node)


def _kind(node: Mapping[str, Any], clips: bool) -> shapes.Found[MediaKind]:
    if node.get("product_type") == "clips":
        return shapes.Found(MediaKind.REEL, "product_type")
    found = next((one for one in _kinds(node) if one.value), shapes.Found(None, "media_type", shapes.ABSENT))
    clip = clips or any(node.get(name) is not None for name in _CLIPS_ONLY)
    if clip and node.get("product_type") is None and found.value in (None, MediaKind.VIDEO):
        return shapes.Found(MediaKind.REEL, "list")
    return found


def _kinds(node: Mapping[str, Any]) -> Iterator[shapes.Found[MediaKind]]:
    """What each field that tells a kind says, the surest first."""
    yield shapes.Found(_TYPES.get(shapes.whole(node.get("media_type")) or 0), "media_type")
    typename = str(node.get("__typename", ""))
    yield shapes.Found(next((kind for word, kind in _NAMED if word in typename), None), "__typename")
    if node.get("carousel_media") or node.get("edge_sidecar_to_children"):
        yield shapes.Found(MediaKind.CAROUSEL, "carousel_media")
    if isinstance(film := node.get("is_video"), bool):
        yield shapes.Found(MediaKind.VIDEO if film else MediaKind.IMAGE, "is_video")
    if node.get("video_versions") or any((shapes.whole(node.get(name)) or 0) > 0 for name in _VIEWS):
        yield shapes.Found(MediaKind.VIDEO, "video_versions")


def _code(node: Mapping[str, Any]) -> str | None:
    code = node.get("shortcode") or node.get("code")
    return code if isinstance(code, str) and pk_of(code) else None


def _date(node: Mapping[str, Any], pk: str, code: str) -> shapes.Found[datetime]:
    for key in ("taken_at", "taken_at_timestamp"):
        seconds = shapes.whole(node.get(key))
        if seconds is not None and (told := moment(seconds)):
            return shapes.Found(told, key)
    told = taken_at(pk, code)
    return shapes.Found(told, "id", None if told else shapes.ABSENT)


def _cursor(holder: Mapping[str, Any]) -> str | None:
    pages = (holder, holder.get("page_info"), holder.get("paging_info"))
    return next(filter(None, map(_next, pages)), None)


def _next(page: Any) -> str | None:
    if (
        not isinstance(page, dict)
        or page.get("has_next_page") is False
        or page.get("more_available") is False
    ):
        return None
    return next((str(page[key]) for key in ("next_max_id", "end_cursor", "max_id") if page.get(key)), None)


def _joined(known: Media, other: Media) -> Media:
    reel = MediaKind.REEL in (known.kind, other.kind)
    # reels' own lists count plays, which is what the site shows; a timeline may count started views
    views = (other.views, known.views) if other.kind is MediaKind.REEL else (known.views, other.views)
    hidden = known.hidden or other.hidden
    return replace(
        known,
        taken_at=known.taken_at or other.taken_at,
        kind=MediaKind.REEL if reel else known.kind,
        likes=None if hidden else _either(known.likes, other.likes),
        comments=_either(known.comments, other.comments),
        views=_either(*views),
        pinned=known.pinned or other.pinned,
        hidden=hidden,
    )


def _either(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def _text(number: int | str | None) -> str | None:
    return str(number) if number else None


def unknown_fields(media: Iterable[Media], missing: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Of the reasons, those that still hold for these posts, e.g. after merging."""
    for one in media:
        for name in ("taken_at", "likes", "comments", "views"):
            key = f"media.{one.code}.{name}"
            if getattr(one, name) is None and key in missing:
                yield key, missing[key]

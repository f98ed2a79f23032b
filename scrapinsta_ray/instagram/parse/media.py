"""Posts and reels, from every list that the site is known to answer with."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapinsta_ray.domain.models import Media, MediaKind
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.html import is_html, parsed
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.parse.inline import inline_documents

TIMELINE = "xdt_api__v1__feed__user_timeline_graphql_connection"
CLIPS = "xdt_api__v1__clips__user__connection_v2"
OLD_TIMELINE = "edge_owner_to_timeline_media"
OLD_VIDEOS = "edge_felix_video_timeline"

_ID_EPOCH_MS = 1314220021721  # Instagram's ids begin here: ms = (pk >> 23) + this
_FIRST_PK = 10**14  # smaller ones are not of this form
_FIRST_POST = datetime(2010, 7, 1, tzinfo=UTC)  # the site's first photo is of that month
_CODE = 11  # characters of a shortcode; longer ones carry a key for private posts behind it

_LIKES = ("like_count", "edge_liked_by.count", "edge_media_preview_like.count")
_COMMENTS = ("comment_count", "edge_media_to_comment.count", "edge_media_to_parent_comment.count")
# What the site shows as a reel's views are its plays.
_VIEWS = ("play_count", "ig_play_count", "video_play_count", "view_count", "video_view_count")
_PINS = ("pinned_for_users", "timeline_pinned_user_ids", "clips_tab_pinned_user_ids")
_DISABLED = "like_and_view_counts_disabled"
_HIDDEN_LIKES = 3  # what the site answers for likes when the owner hides them
_NO_FILM = (MediaKind.IMAGE, MediaKind.CAROUSEL)
_TYPES = {1: MediaKind.IMAGE, 2: MediaKind.VIDEO, 8: MediaKind.CAROUSEL}


@dataclass(frozen=True, slots=True)
class MediaPage:
    """A list of posts as the site gave it, in its order. `missing` says why a field of a post is None."""

    media: tuple[Media, ...]
    source: str
    missing: Mapping[str, str] = field(default_factory=dict)
    next_cursor: str | None = None


def parse_media(text: str) -> MediaPage:
    """Posts of an answer or a page, of whichever known shape. Raises LayoutChanged when it has none of them."""
    if not is_html(text):
        return media_in(shapes.loads(text))
    for kind, data in inline_documents(parsed(text), TIMELINE, CLIPS, OLD_TIMELINE):
        try:
            found = media_in(data)
        except LayoutChanged:
            continue
        return replace(found, source=f"{kind}:{found.source}")
    raise LayoutChanged("The page carries no list of posts.", missing=TIMELINE)


def media_in(data: Any, hides: bool = False) -> MediaPage:
    """As parse_media, on data. `hides` says that the profile hides likes and views."""
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        return _page(data["items"], "items", data, hides)
    for path, found in shapes.below(data, TIMELINE, CLIPS, OLD_TIMELINE):
        if isinstance(found, dict) and isinstance(found.get("edges"), list):
            return _page(found["edges"], f"{path}.edges", found, hides)
    raise LayoutChanged("The answer holds no list of posts.", missing=f"items | {TIMELINE}.edges")


def merged(*lists: Iterable[Media]) -> tuple[Media, ...]:
    """One list without doubles, in order of first sight. What one list does not tell is taken from a later one."""
    together: dict[str, Media] = {}
    for media in (one for some in lists for one in some):
        known = together.get(media.id)
        together[media.id] = _joined(known, media) if known else media
    return tuple(together.values())


def taken_at(pk: str | None, code: str | None) -> datetime | None:
    """When a post was made, as its id says (within 16 minutes for nearly all); the shortcode is the id in base64."""
    number = int(pk) if pk else pk_of(code or "")
    if number is None or number < _FIRST_PK:
        return None
    return _moment(((number >> 23) + _ID_EPOCH_MS) / 1000)


def pk_of(code: str) -> int | None:
    """The id that a shortcode spells; None when it spells none."""
    try:
        raw = base64.b64decode(code[:_CODE].rjust(12, "A"), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return int.from_bytes(raw, "big") or None


def code_of(pk: int) -> str:
    """The shortcode of an id."""
    raw = pk.to_bytes(9, "big")
    return base64.urlsafe_b64encode(raw).decode().lstrip("A")


def _page(rows: list[Any], source: str, holder: Mapping[str, Any], hides: bool) -> MediaPage:
    missing: dict[str, str] = {}
    media = []
    for index, row in enumerate(rows):
        read = _media(_node(row), hides, missing, clips=CLIPS in source)
        if read is None:
            missing[f"media.{index}"] = shapes.MALFORMED
        else:
            media.append(read)
    if rows and not media:
        raise LayoutChanged("No post of the list could be read.", missing=f"{source}.0.pk")
    return MediaPage(tuple(media), source, missing, _cursor(holder))


def _node(row: Any) -> Any:
    """The post itself: edges wrap it in `node`, reels once more in `media`."""
    for wrapper in ("node", "media"):
        inner = row.get(wrapper) if isinstance(row, dict) else None
        row = inner if isinstance(inner, dict) else row
    return row


def _media(node: Any, hides: bool, missing: dict[str, str], clips: bool) -> Media | None:
    if not isinstance(node, dict):
        return None
    code = _code(node)
    pk = shapes.identity(node, "pk", "id").value or _text(code and pk_of(code))
    if not pk:
        return None
    media = Media(
        code=code or code_of(int(pk)),
        id=pk,
        taken_at=_date(node, pk, code),
        kind=_kind(node, clips),
        pinned=any(shapes.rows(node.get(key)) for key in _PINS),
        hidden=_hidden(node, hides),
    )
    return _counted(media, node, missing)


def _counted(media: Media, node: Mapping[str, Any], missing: dict[str, str]) -> Media:
    likes = _unless(media.hidden, shapes.count(node, *_LIKES))
    views = _unless(node.get(_DISABLED) is True, shapes.count(node, *_VIEWS))
    if media.kind in _NO_FILM:  # lists carry a 0 there
        views = shapes.Found(None, views.source)
    comments = shapes.count(node, *_COMMENTS)
    for name, found in (("likes", likes), ("comments", comments), ("views", views)):
        if found.missing:
            missing[f"media.{media.code}.{name}"] = found.missing
    return replace(media, likes=likes.value, comments=comments.value, views=views.value)


def _unless(hidden: bool, found: shapes.Found[int]) -> shapes.Found[int]:
    return shapes.Found(None, found.source, shapes.HIDDEN) if hidden else found


def _hidden(node: Mapping[str, Any], profile_hides: bool) -> bool:
    if node.get(_DISABLED) is True:
        return True
    likes = [shapes.whole(given) for path in _LIKES if (given := shapes.at(node, path)) is not None]
    return -1 in likes or (profile_hides and _HIDDEN_LIKES in likes and _DISABLED not in node)


def _kind(node: Mapping[str, Any], clips: bool) -> MediaKind:
    typename = str(node.get("__typename", ""))
    if node.get("product_type") == "clips" or (clips and node.get("product_type") is None):
        return MediaKind.REEL
    if known := _TYPES.get(shapes.whole(node.get("media_type")) or 0):
        return known
    if "Sidecar" in typename or node.get("carousel_media") or node.get("edge_sidecar_to_children"):
        return MediaKind.CAROUSEL
    film = "Video" in typename or node.get("is_video") is True or node.get("video_versions")
    return MediaKind.VIDEO if film else MediaKind.IMAGE


def _code(node: Mapping[str, Any]) -> str | None:
    code = node.get("shortcode") or node.get("code")
    return code if isinstance(code, str) and pk_of(code) else None


def _date(node: Mapping[str, Any], pk: str, code: str | None) -> datetime | None:
    for key in ("taken_at", "taken_at_timestamp"):
        seconds = shapes.whole(node.get(key))
        if seconds is not None and (moment := _moment(seconds)):
            return moment
    return taken_at(pk, code)


def _moment(seconds: float) -> datetime | None:
    """Within the years that the site can know of, else it is not a date."""
    if not 0 < seconds < 2**32:
        return None
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment if moment >= _FIRST_POST else None


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
        for name in ("likes", "comments", "views"):
            key = f"media.{one.code}.{name}"
            if getattr(one, name) is None and key in missing:
                yield key, missing[key]

"""A user or a post in each JSON shape that the site's pages and calls use, old and new. Pure functions."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from scrapinsta_ray.simulator.layout import PLAIN, Layout
from scrapinsta_ray.simulator.media import Media, in_grid_order
from scrapinsta_ray.simulator.population import User

Json = dict[str, Any]

TYPENAMES = {"image": "GraphImage", "video": "GraphVideo", "reel": "GraphVideo", "carousel": "GraphSidecar"}
MEDIA_TYPES = {"image": 1, "video": 2, "reel": 2, "carousel": 8}
PRODUCT_TYPES = {"image": "feed", "video": "feed", "reel": "clips", "carousel": "carousel_container"}
OLD_PAGE = 12
HIDDEN_OLD, HIDDEN_NEW = -1, 3
"""What the site says instead of a hidden like count: -1 in the old shape, 3 in the new one."""


# The old shape: web_profile_info and, in pages, graphql.user.


def old_user(user: User, media: Sequence[Media], look: Layout = PLAIN) -> Json:
    """`data.user` of web_profile_info, with the first page of the timeline; a private account shows none."""
    shown = () if user.is_private or look.edges == "empty" else in_grid_order(tuple(media))[:OLD_PAGE]
    return {
        "id": str(user.pk),
        "username": user.username,
        "full_name": user.full_name,
        "biography": user.biography,
        "external_url": user.external_url,
        "category_name": user.category,
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "is_business_account": user.is_business,
        "is_professional_account": user.is_business,
        "hide_like_and_view_counts": user.hides_likes,
        "edge_followed_by": {"count": user.followers},
        "edge_follow": {"count": user.followings},
        "edge_mutual_followed_by": {"count": 0, "edges": []},
        "followed_by_viewer": False,
        "edge_felix_video_timeline": {"count": 0, "page_info": _page_info(None), "edges": []},
        "edge_owner_to_timeline_media": {
            "count": user.posts,
            "page_info": _page_info(
                shown[-1] if len(shown) < min(user.posts, len(media)) and shown else None
            ),
            "edges": [{"node": old_node(user, one, look)} for one in shown],
        },
    }


def _page_info(last: Media | None) -> Json:
    return {"has_next_page": last is not None, "end_cursor": f"QVFE{last.code}" if last else None}


def old_node(user: User, media: Media, look: Layout = PLAIN) -> Json:
    likes = _likes(media, HIDDEN_OLD, look)
    node: Json = {
        "__typename": TYPENAMES[media.kind],
        "id": str(media.pk),
        "shortcode": media.code,
        "is_video": media.film,
        "product_type": PRODUCT_TYPES[media.kind],
        "taken_at_timestamp": media.taken_at,
        "like_and_view_counts_disabled": media.hidden,
        "owner": {"id": str(user.pk), "username": user.username},
        "edge_media_to_comment": {"count": media.comments},
        "edge_media_to_parent_comment": {"count": media.comments},
        "edge_media_to_caption": {"edges": [{"node": {"text": media.caption}}] if media.caption else []},
        "pinned_for_users": [{"id": str(user.pk), "username": user.username}] if media.pinned else [],
    }
    node |= {edge: {"count": likes} for edge in _like_edges(media, look)}
    if media.film:
        node["video_view_count"] = media.views
    return node if look.taken_at else _undated(node)


def _like_edges(media: Media, look: Layout) -> Iterator[str]:
    """The site leaves out now one, now the other of the two."""
    left_out = {"mixed": media.pk % 3, "liked_by": 1, "preview": 0, "both": 2}.get(look.likes_edges)
    if left_out is None:
        return
    if left_out != 0:
        yield "edge_liked_by"
    if left_out != 1:
        yield "edge_media_preview_like"


def _likes(media: Media, hidden: int, look: Layout) -> int:
    """The count, or what this shape says instead of a hidden one unless the layout says otherwise."""
    if not media.hidden:
        return media.likes
    return {"minus_one": HIDDEN_OLD, "three": HIDDEN_NEW}.get(look.hidden_likes, hidden)


def _undated(shape: Json) -> Json:
    """Without a date, which then follows from the id."""
    return {key: value for key, value in shape.items() if key not in ("taken_at", "taken_at_timestamp")}


def old_timeline(user: User, media: Sequence[Media], more: str | None, look: Layout = PLAIN) -> Json:
    """The older timeline as a call answers it: `data.user.edge_owner_to_timeline_media`."""
    edges = [{"node": old_node(user, one, look)} for one in media]
    info = {"has_next_page": more is not None, "end_cursor": more}
    connection = {"count": user.posts, "page_info": info, "edges": edges}
    return {"data": {"user": {"edge_owner_to_timeline_media": connection}}, "status": "ok"}


# The new shape: inline JSON of pages, users/{pk}/info/, feed and clips.


def new_user(user: User) -> Json:
    """The user below `xig_user_by_username` in a page's inline JSON, and of users/{pk}/info/."""
    return {
        "pk": str(user.pk),
        "id": str(user.pk),
        "username": user.username,
        "full_name": user.full_name,
        "biography": user.biography,
        "external_url": user.external_url,
        "bio_links": [{"url": user.external_url, "title": ""}] if user.external_url else [],
        "category": user.category,
        "follower_count": user.followers,
        "following_count": user.followings,
        "media_count": user.posts,
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "is_business": user.is_business,
        "account_type": 2 if user.is_business else 1,
        "hd_profile_pic_url_info": {"url": "/favicon.ico"},
    }


def item(user: User, media: Media, look: Layout = PLAIN) -> Json:
    """A post in a feed's `items` and in the newer timeline's nodes."""
    shape: Json = {
        "pk": str(media.pk),
        "id": f"{media.pk}_{user.pk}",
        "code": media.code,
        "taken_at": media.taken_at,
        "media_type": MEDIA_TYPES[media.kind],
        "product_type": PRODUCT_TYPES[media.kind],
        "like_count": _likes(media, HIDDEN_NEW, look),
        "comment_count": media.comments,
        "like_and_view_counts_disabled": media.hidden,
        "timeline_pinned_user_ids": [user.pk] if media.pinned else [],
        "caption": {"text": media.caption} if media.caption else None,
        "user": {"pk": str(user.pk), "username": user.username, "is_private": user.is_private},
    }
    if media.views is not None:
        shape["play_count"] = media.views
    return shape if look.taken_at else _undated(shape)


def clip(user: User, media: Media, look: Layout = PLAIN) -> Json:
    """A film of the reels tab: `{"media": {...}}`. The page shows play_count; view_count counts longer looks."""
    seen = None if media.views is None else media.plays // 4
    shape: Json = {
        "pk": str(media.pk),
        "id": f"{media.pk}_{user.pk}",
        "code": media.code,
        "taken_at": media.taken_at,
        "media_type": 2,
        "product_type": PRODUCT_TYPES[media.kind],
        "play_count": media.views,
        "view_count": seen,
        "like_count": _likes(media, HIDDEN_OLD if media.pk % 2 else HIDDEN_NEW, look),
        "comment_count": media.comments,
        "like_and_view_counts_disabled": media.hidden,
        "clips_tab_pinned_user_ids": [user.pk] if media.pinned else [],
        "user": {"pk": str(user.pk), "id": str(user.pk)},
    }
    return {"media": shape if look.taken_at else _undated(shape)}


def timeline(user: User, media: Iterable[Media], more: str | None, look: Layout = PLAIN) -> Json:
    """The newer timeline as a page's inline JSON carries it."""
    edges = [{"node": item(user, one, look), "cursor": f"{one.pk}_{user.pk}"} for one in media]
    info = {"has_next_page": more is not None, "end_cursor": more, "has_previous_page": False}
    return {
        "data": {"xdt_api__v1__feed__user_timeline_graphql_connection": {"edges": edges, "page_info": info}},
        "status": "ok",
    }


def reels(clips: Sequence[Json], more: str | None) -> Json:
    """The reels tab as a page's inline JSON carries it: without dates, which follow from the ids."""
    edges = [{"node": {"media": _undated(one["media"])}, "cursor": ""} for one in clips]
    info = {"has_next_page": more is not None, "end_cursor": more}
    return {
        "data": {"xdt_api__v1__clips__user__connection_v2": {"edges": edges, "page_info": info}},
        "status": "ok",
    }


def follow_row(user: User, look: Layout = PLAIN) -> Json:
    """A row of friendships/{id}/following/; the pk is now a number, now a string, as on the site."""
    return {
        "pk": typed(user.pk, look.pk, as_number=user.pk % 2 == 1),
        "id": str(user.pk),
        "username": user.username,
        "full_name": user.full_name,
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "latest_reel_media": 0,
    }


def typed(number: int, how: str, as_number: bool) -> int | str:
    """An id or a cursor as a number or a string; "mixed" leaves it to `as_number`."""
    return number if how == "number" or (how == "mixed" and as_number) else str(number)


def following_graph(user: User, rows: Iterable[User], more: str | None, count: int) -> Json:
    """The GraphQL form of a page of a following list."""
    keys = ("id", "username", "full_name", "is_verified", "is_private")
    edges = [{"node": {key: follow_row(one)[key] for key in keys}} for one in rows]
    info = {"has_next_page": more is not None, "end_cursor": more}
    edge = {"count": count, "page_info": info, "edges": edges}
    return {"data": {"user": {"id": str(user.pk), "edge_follow": edge}}, "status": "ok"}


def following_unknown(rows: Iterable[User], more: int | None) -> Json:
    """A page of a following list in a shape that only this site's own scripts know."""
    people = [[one.username, one.full_name, one.is_verified, one.pk] for one in rows]
    return {"payload": {"people": people, "after": more}, "status": "ok"}


# How a page wraps a result: deep, as the site does, so that only a search by name finds it.


def preloaded(name: str, result: Json) -> Json:
    """One answer that the page's scripts find ready, below require[0][3][0].__bbox.require[0][3][1]."""
    stream = ["RelayPrefetchedStreamCache", "next", [], [f"adp_{name}RelayPreloader_1", _complete(result)]]
    return {"require": [["ScheduledServerJS", "handle", None, [{"__bbox": {"require": [stream]}}]]]}


def _complete(result: Json) -> Json:
    return {"__bbox": {"complete": True, "result": result, "sequence_number": 0}}


def page_user(user: User) -> Json:
    return preloaded("PolarisProfilePageContentQuery", {"data": {"xig_user_by_username": new_user(user)}})


def shared_data(user: Json) -> Json:
    """What older pages set as window._sharedData."""
    return {"config": {"csrf_token": ""}, "entry_data": {"ProfilePage": [{"graphql": {"user": user}}]}}


def page_viewer(user: User) -> Json:
    """Who is logged in, as each page says it to its own scripts."""
    viewer = {"id": str(user.pk), "username": user.username, "full_name": user.full_name}
    return {"require": [["XIGSharedData", "handle", None, [{"config": {"viewer": viewer}}]]]}

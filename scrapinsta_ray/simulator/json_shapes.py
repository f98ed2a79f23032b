"""A user or a post in each JSON shape that the site's pages and calls use, old and new. Pure functions."""

from collections.abc import Iterable, Sequence
from typing import Any

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


def old_user(user: User, media: Sequence[Media]) -> Json:
    """`data.user` of web_profile_info, with the first page of the timeline; a private account shows none."""
    shown = () if user.is_private else in_grid_order(tuple(media))[:OLD_PAGE]
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
            "edges": [{"node": old_node(user, one)} for one in shown],
        },
    }


def _page_info(last: Media | None) -> Json:
    return {"has_next_page": last is not None, "end_cursor": f"QVFE{last.code}" if last else None}


def old_node(user: User, media: Media) -> Json:
    likes = HIDDEN_OLD if media.hidden else media.likes
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
    # The site leaves out now one, now the other of the two like edges.
    if media.pk % 3 != 0:
        node["edge_liked_by"] = {"count": likes}
    if media.pk % 3 != 1:
        node["edge_media_preview_like"] = {"count": likes}
    if media.film:
        node["video_view_count"] = media.views
    return node


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


def item(user: User, media: Media) -> Json:
    """A post in a feed's `items` and in the newer timeline's nodes."""
    shape: Json = {
        "pk": str(media.pk),
        "id": f"{media.pk}_{user.pk}",
        "code": media.code,
        "taken_at": media.taken_at,
        "media_type": MEDIA_TYPES[media.kind],
        "product_type": PRODUCT_TYPES[media.kind],
        "like_count": HIDDEN_NEW if media.hidden else media.likes,
        "comment_count": media.comments,
        "like_and_view_counts_disabled": media.hidden,
        "timeline_pinned_user_ids": [user.pk] if media.pinned else [],
        "caption": {"text": media.caption} if media.caption else None,
        "user": {"pk": str(user.pk), "username": user.username, "is_private": user.is_private},
    }
    if media.views is not None:
        shape["play_count"] = media.views
    return shape


def clip(user: User, media: Media) -> Json:
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
        "like_count": _hidden_likes(media) if media.hidden else media.likes,
        "comment_count": media.comments,
        "like_and_view_counts_disabled": media.hidden,
        "clips_tab_pinned_user_ids": [user.pk] if media.pinned else [],
        "user": {"pk": str(user.pk), "id": str(user.pk)},
    }
    return {"media": shape}


def _hidden_likes(media: Media) -> int:
    return HIDDEN_OLD if media.pk % 2 else HIDDEN_NEW


def timeline(user: User, media: Iterable[Media], more: str | None) -> Json:
    """The newer timeline as a page's inline JSON carries it."""
    edges = [{"node": item(user, one), "cursor": f"{one.pk}_{user.pk}"} for one in media]
    info = {"has_next_page": more is not None, "end_cursor": more, "has_previous_page": False}
    return {
        "data": {"xdt_api__v1__feed__user_timeline_graphql_connection": {"edges": edges, "page_info": info}},
        "status": "ok",
    }


def reels(clips: Sequence[Json], more: str | None) -> Json:
    """The reels tab as a page's inline JSON carries it: without dates, which follow from the ids."""
    nodes = [
        {"media": {key: value for key, value in one["media"].items() if key != "taken_at"}} for one in clips
    ]
    edges = [{"node": node, "cursor": ""} for node in nodes]
    info = {"has_next_page": more is not None, "end_cursor": more}
    return {
        "data": {"xdt_api__v1__clips__user__connection_v2": {"edges": edges, "page_info": info}},
        "status": "ok",
    }


def follow_row(user: User) -> Json:
    """A row of friendships/{id}/following/; the pk is now a number, now a string, as on the site."""
    return {
        "pk": user.pk if user.pk % 2 else str(user.pk),
        "id": str(user.pk),
        "username": user.username,
        "full_name": user.full_name,
        "is_private": user.is_private,
        "is_verified": user.is_verified,
        "latest_reel_media": 0,
    }


# How a page wraps a result: deep, as the site does, so that only a search by name finds it.


def preloaded(name: str, result: Json) -> Json:
    """One answer that the page's scripts find ready, below require[0][3][0].__bbox.require[0][3][1]."""
    stream = ["RelayPrefetchedStreamCache", "next", [], [f"adp_{name}RelayPreloader_1", _complete(result)]]
    return {"require": [["ScheduledServerJS", "handle", None, [{"__bbox": {"require": [stream]}}]]]}


def _complete(result: Json) -> Json:
    return {"__bbox": {"complete": True, "result": result, "sequence_number": 0}}


def page_user(user: User) -> Json:
    return preloaded("PolarisProfilePageContentQuery", {"data": {"xig_user_by_username": new_user(user)}})


def page_viewer(user: User) -> Json:
    """Who is logged in, as each page says it to its own scripts."""
    viewer = {"id": str(user.pk), "username": user.username, "full_name": user.full_name}
    return {"require": [["XIGSharedData", "handle", None, [{"config": {"viewer": viewer}}]]]}

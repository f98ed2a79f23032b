"""Answers and pages in every shape that the site is known to use, written by hand. Names, ids and words are made up."""

import json
from typing import Any

SITE = "https://www.instagram.com"
CODE, PK = "CAxyPW6luuN", "2319856240795511693"
OTHER_CODE, OTHER_PK = "CmiJDLsBRgA", "3000000000000000000"

GRAPH_VIDEO: dict[str, Any] = {
    "__typename": "GraphVideo",
    "id": PK,
    "shortcode": CODE,
    "dimensions": {"height": 1137, "width": 640},
    "is_video": True,
    "video_view_count": 1768779,
    "taken_at_timestamp": 1590768532,
    "edge_media_preview_like": {"count": 250123},
    "edge_media_to_comment": {"count": 4321},
    "pinned_for_users": [],
    "edge_media_to_caption": {"edges": [{"node": {"text": "Action Blocked. 777 likes"}}]},
    "owner": {"id": "1518284433", "username": "jane.doe"},
}
XDT_REEL: dict[str, Any] = {
    "pk": OTHER_PK,
    "id": f"{OTHER_PK}_1518284433",
    "code": OTHER_CODE,
    "taken_at": 1671841890,
    "like_count": 16965,
    "comment_count": 80,
    "play_count": 401421,
    "view_count": 100856,
    "media_type": 2,
    "product_type": "clips",
    "like_and_view_counts_disabled": False,
    "timeline_pinned_user_ids": [],
    "caption": {"text": "checkpoint_required", "pk": "18000000000000000"},
    "user": {"pk": "1518284433", "username": "jane.doe"},
}
CLIP: dict[str, Any] = {  # as clips/user answers it: nothing says of what kind it is
    "pk": OTHER_PK,
    "code": OTHER_CODE,
    "taken_at": 1671841890,
    "play_count": 401421,
    "view_count": 100856,
    "like_count": 16965,
    "comment_count": 80,
    "like_and_view_counts_disabled": False,
    "clips_tab_pinned_user_ids": [],
}
OLD_USER: dict[str, Any] = {
    "id": "1518284433",
    "username": "jane.doe",
    "full_name": "Jane Doe",
    "biography": "This account is private",
    "external_url": "https://example.org/",
    "category_name": "Artist",
    "is_private": False,
    "is_verified": True,
    "is_business_account": False,
    "hide_like_and_view_counts": False,
    "edge_followed_by": {"count": 52979346},
    "edge_follow": {"count": 5},
    "edge_mutual_followed_by": {"count": 2, "edges": [{"node": {"username": "ana"}}]},
    "edge_felix_video_timeline": {
        "count": 0,
        "page_info": {"has_next_page": False, "end_cursor": None},
        "edges": [],
    },
    "edge_owner_to_timeline_media": {
        "count": 321,
        "page_info": {"has_next_page": True, "end_cursor": "QVFEx"},
        "edges": [{"node": GRAPH_VIDEO}],
    },
    "edge_saved_media": {
        "count": 1,
        "edges": [{"node": {**GRAPH_VIDEO, "id": "9", "shortcode": "BBBBBBBBBBB"}}],
    },
}
NEW_USER: dict[str, Any] = {
    "pk": "1518284433",
    "pk_id": "1518284433",
    "id": "17841401518284433",
    "username": "jane.doe",
    "full_name": "Jane Doe",
    "biography": "This account is private",
    "bio_links": [{"url": "https://example.org/", "title": ""}],
    "category": "Artist",
    "follower_count": 52979346,
    "following_count": 5,
    "media_count": 321,
    "is_private": False,
    "is_verified": True,
    "is_business": False,
    "mutual_followers": [{"username": "ana", "full_name": "Ana"}],
}
VIEWER = {"config": {"viewer": {"id": "9", "username": "bot_1", "full_name": "Bot", "biography": ""}}}

TIMELINE_NAME = "xdt_api__v1__feed__user_timeline_graphql_connection"
CLIPS_NAME = "xdt_api__v1__clips__user__connection_v2"


def connection(name: str, *nodes: Any, more: bool = True) -> dict[str, Any]:
    """A list of the newer GraphQL answers."""
    edges = [{"node": node, "cursor": "c"} for node in nodes]
    info = {"has_next_page": more, "end_cursor": "END" if more else None}
    return {"data": {name: {"edges": edges, "page_info": info}}, "extensions": {"is_final": True}}


def script(data: Any, attributes: str = 'type="application/json" data-content-len="9" data-sjs') -> str:
    return f"<script {attributes}>{json.dumps(data)}</script>"


def preloaded(result: Any) -> str:
    """An answer where a page's scripts find it ready."""
    stream = [
        "RelayPrefetchedStreamCache",
        "next",
        [],
        ["adp_1", {"__bbox": {"complete": True, "result": result}}],
    ]
    return script({"require": [["ScheduledServerJS", "handle", None, [{"__bbox": {"require": [stream]}}]]]})


def page(*parts: str, title: str = "Jane Doe (@jane.doe) • Instagram photos and videos") -> str:
    """A page with the parts in its body, saved by a browser."""
    return (
        f"<!DOCTYPE html>\n<!-- saved from url=(0035){SITE}/jane.doe/ -->\n<html lang='en'><head><meta charset='utf-8'>"
        f"<title>{title}</title></head><body>{''.join(parts)}</body></html>"
    )


def shared_data(user: Any) -> str:
    data = {"config": VIEWER["config"], "entry_data": {"ProfilePage": [{"graphql": {"user": user}}]}}
    return f"<script>window._sharedData = {json.dumps(data)};</script>"


PROFILES: dict[str, str] = {
    "web_profile_info": json.dumps({"data": {"user": OLD_USER}, "status": "ok"}),
    "?__a=1": json.dumps({"logging_page_id": "profilePage_1", "graphql": {"user": OLD_USER}}),
    "guarded": "for (;;);" + json.dumps({"graphql": {"user": OLD_USER}}),
    "users info": json.dumps({"user": NEW_USER, "status": "ok"}),
    "profile query": json.dumps(
        {"data": {"user": NEW_USER, "viewer": {"user": {"pk": "9", "username": "bot_1"}}}}
    ),
    "streamed": json.dumps({"data": {"user": NEW_USER}})
    + "\n"
    + json.dumps({"label": "x", "data": {"a": 1}}),
    "_sharedData": page(shared_data(OLD_USER)),
    "_sharedData by its name": page(
        shared_data(OLD_USER).replace("window._sharedData", 'window["_sharedData"]')
    ),
    "__additionalDataLoaded": page(
        "<script>window._sharedData = {};</script>",
        "<script>window.__additionalDataLoaded('/jane.doe/', "
        + json.dumps({"graphql": {"user": OLD_USER}})
        + ");</script>",
    ),
    "JSON.parse": page(
        f"<script>handle(JSON.parse({json.dumps(json.dumps({'graphql': {'user': OLD_USER}}))}))</script>"
    ),
    "requireLazy": page(
        "<script>requireLazy(['a'], function(){ use({'x': 1}, "
        + json.dumps({"data": {"xig_user_by_username": NEW_USER}})
        + "); });</script>"
    ),
    "data-sjs": page(script(VIEWER), preloaded({"data": {"xig_user_by_username": NEW_USER}})),
    "data-sjs, deeper": page(
        script(VIEWER), preloaded({"data": {"xig_user_by_username": {"profile": {"owner": NEW_USER}}}})
    ),
    "data-sjs, in a text": page(preloaded(json.dumps({"data": {"xig_user_by_username": NEW_USER}}))),
    "data-sjs, twice in a text": page(
        preloaded({"payload": json.dumps({"more": json.dumps([{"xig_user_by_username": NEW_USER}])})})
    ),
    "data-sjs, by query": page(script(VIEWER), preloaded({"data": {"user": NEW_USER}})),
    "data-sjs, in two scripts": page(
        preloaded({"data": {"user": {"pk": "1518284433", "username": "jane.doe", "category": "Artist"}}}),
        preloaded({"data": {"xig_user_by_username": {k: v for k, v in NEW_USER.items() if k != "category"}}}),
    ),
}

MEDIA: dict[str, str] = {
    "web_profile_info": PROFILES["web_profile_info"],
    "_sharedData": PROFILES["_sharedData"],
    "timeline": json.dumps(connection(TIMELINE_NAME, XDT_REEL)),
    "timeline of a page": page(script(VIEWER), preloaded(connection(TIMELINE_NAME, XDT_REEL))),
    "timeline, renamed": json.dumps(connection(TIMELINE_NAME + "_v2", XDT_REEL)),
    "feed": json.dumps({"items": [XDT_REEL], "next_max_id": "N", "more_available": True, "status": "ok"}),
    "feed in data": json.dumps({"data": {"feed": {"items": [XDT_REEL]}}, "status": "ok"}),
    "guests' timeline": page(
        preloaded(
            {
                "data": {
                    "xig_user_by_username": {
                        "id": "1",
                        "polaris_ordered_timeline_connection": {"edges": [{"node": XDT_REEL}]},
                    }
                }
            }
        )
    ),
    "one post, old": json.dumps({"graphql": {"shortcode_media": GRAPH_VIDEO}}),
    "one post, new": json.dumps({"data": {"xdt_api__v1__media__shortcode__web_info": {"items": [XDT_REEL]}}}),
}
REELS: dict[str, str] = {
    "clips/user": json.dumps(
        {"items": [{"media": CLIP}], "paging_info": {"max_id": "M", "more_available": True}, "status": "ok"}
    ),
    "GraphQL": json.dumps(connection(CLIPS_NAME, {"media": CLIP, "__typename": "XDTClipsItem"})),
    "GraphQL, older name": json.dumps(connection("xdt_api__v1__clips__user__connection", {"media": CLIP})),
    "page": page(
        preloaded(connection(TIMELINE_NAME, {**XDT_REEL, "play_count": 1})),
        preloaded(connection(CLIPS_NAME, {"media": CLIP})),
    ),
}

ANA = {"pk": 12, "username": "Ana", "full_name": "Ana P", "is_private": False, "is_verified": True}
FOLLOWINGS: dict[str, str] = {
    "API": json.dumps(
        {
            "users": [ANA],
            "big_list": True,
            "page_size": 12,
            "next_max_id": 50,
            "has_more": True,
            "status": "ok",
        }
    ),
    "API, the end": json.dumps({"users": [ANA], "big_list": False, "page_size": 12, "status": "ok"}),
    "GraphQL": json.dumps(
        {
            "data": {
                "user": {
                    "edge_follow": {
                        "count": 70,
                        "page_info": {"has_next_page": True, "end_cursor": "QVFE"},
                        "edges": [
                            {
                                "node": {
                                    "id": "12",
                                    "username": "ana",
                                    "full_name": "Ana P",
                                    "is_verified": True,
                                }
                            }
                        ],
                    }
                }
            },
            "status": "ok",
        }
    ),
}

WORDS = {
    "en": {
        "followers": "followers",
        "following": "following",
        "posts": "posts",
        "verified": "Verified",
        "views": "View Count Icon",
        "pinned": "Pinned post icon",
        "Following": "Following",
        "suggested": "Suggested for you",
        "private": "This account is private",
        "counts": ("52.9M", "1,234", "56"),
        "exact": "52,979,346",
        "short": "10.2K",
        "description": "52M Followers, 1,234 Following, 56 Posts - See Instagram photos from Jane (@jane.doe)",
    },
    "es": {
        "followers": "seguidores",
        "following": "seguidos",
        "posts": "publicaciones",
        "verified": "Verificado",
        "views": "Icono de número de reproducciones",
        "pinned": "Icono de publicación fijada",
        "Following": "Seguidos",
        "suggested": "Sugerencias para ti",
        "private": "Esta cuenta es privada",
        "counts": ("52,9\u00a0M", "1234", "56"),
        "exact": "52.979.346",
        "short": "10,2\u00a0mil",
        "description": "52 M seguidores, 1.234 seguidos, 56 publicaciones: Mira las fotos de Jane (@jane.doe)",
    },
}


def header(language: str = "en", list_address: str = "/jane.doe/{}/", exact: bool = True) -> str:
    """A profile's head, with a biography that says all it can to mislead."""
    words: dict[str, Any] = WORDS[language]
    followers, following, posts = words["counts"]
    title = f' title="{words["exact"]}"' if exact else ""
    return f"""<header><section><h2 dir="auto"><span>jane.doe</span></h2>
<svg aria-label="{words["verified"]}"><title>x</title></svg></section>
<ul><li><div><span><span>{posts}</span></span> {words["posts"]}</div></li>
<li><div><a href="{list_address.format("followers")}" role="link"><span{title}><span>{followers}</span></span>
 {words["followers"]}</a></div></li>
<li><div><a href="{list_address.format("following")}" role="link"><span><span>{following}</span></span>
 {words["following"]}</a></div></li></ul>
<section><span dir="auto">Jane Doe</span><h1 dir="auto">Action Blocked</h1><span>{words["private"]}</span>
<span>9,999 {words["followers"]}</span><span>77 {words["posts"]}</span><a href="{SITE}/p/BBBBBBBBBBB/">a post</a>
<a href="{SITE}/jane.doe/followers/mutualOnly/">Followed by <b>ana</b> + 12 more</a></section></header>"""


def grid(language: str = "en", site: str = "") -> str:
    """A pinned photo, a carousel and a reel whose overlay and views show."""
    words: dict[str, Any] = WORDS[language]
    return f"""<div><a href="{site}/jane.doe/p/CAxyPW6luuN/" role="link"><img alt="Photo by Jane on May 29, 2020">
<svg aria-label="{words["pinned"]}"><title>{words["pinned"]}</title></svg></a>
<a href="{site}/p/CAxyPW6luuO/"><svg aria-label="Carousel"></svg></a>
<a href="{site}/jane.doe/reel/CAxyPW6luuP/"><div><ul><li><span>16.9K</span></li><li><span>80</span></li></ul></div>
<div><div><svg aria-label="{words["views"]}"><title>{words["views"]}</title></svg></div>
<span><span>{words["short"]}</span></span></div></a></div>"""


def row(name: str, full_name: str = "", badge: str = "", site: str = SITE) -> str:
    """Somebody in the following dialog."""
    mark = f'<div><svg aria-label="{badge}"><title>{badge}</title></svg></div>' if badge else ""
    return f"""<div><div><a href="{site}/{name}/" role="link"><img alt="{name}'s profile picture"></a></div><div><div>
<a href="{site}/{name}/" role="link"><span dir="auto">{name}</span></a>{mark}</div>
<span dir="auto"><span>{full_name}</span></span></div><button type="button"><div>Follow</div></button></div>"""


def dialog(*parts: str, language: str = "en") -> str:
    heading = WORDS[language]["Following"]
    return f"""<div role="dialog"><div><h1><div>{heading}</div></h1>
<button><svg aria-label="Close"></svg></button></div>
<div style="overflow: auto"><div>{"".join(parts)}</div></div></div>"""


def suggestions(language: str = "en") -> str:
    said = WORDS[language]["suggested"]
    return (
        f'<div><div><span>{said}</span><a href="/explore/people/">See all</a></div>{row("eve", "Eve")}</div>'
    )


PAGES: dict[str, str] = {
    f"{language}, {where}": page(f"<main>{header(language, address)}{grid(language, site)}</main>")
    for language in WORDS
    for where, address, site in (
        ("live", "/jane.doe/{}/", ""),
        ("saved", SITE + "/jane.doe/{}/", SITE),
        ("logged out", "/accounts/login/?next=%2Fjane.doe%2F{}%2F&source=x", ""),
    )
}

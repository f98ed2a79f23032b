"""Saved pages and answers in every known shape, and what becomes of them when anything in them is changed."""

import copy
import json
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram import saved
from scrapinsta_ray.instagram.parse.ids import taken_at
from tests.instagram.documents import (
    ANA,
    CLIP,
    CLIPS_NAME,
    CODE,
    FOLLOWINGS,
    GRAPH_VIDEO,
    MEDIA,
    NEW_USER,
    OLD_USER,
    OTHER_CODE,
    OTHER_PK,
    PAGES,
    PK,
    PROFILES,
    REELS,
    SITE,
    TIMELINE_NAME,
    VIEWER,
    WORDS,
    XDT_REEL,
    connection,
    dialog,
    grid,
    header,
    page,
    preloaded,
    row,
    script,
    suggestions,
)

PROFILE_FIELDS = "username id full_name biography followers followings posts is_private is_verified".split()
MEDIA_FIELDS = "code id taken_at kind likes comments views pinned hidden".split()


def only(answer: Any, read: Any = saved.media) -> dict[str, Any]:
    posts: list[dict[str, Any]] = read(answer if isinstance(answer, str) else json.dumps(answer))["media"]
    (found,) = posts
    return found


# ---- profiles --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", PROFILES)
def test_every_profile_document_has_one_normal_form(shape):
    read = saved.profile(PROFILES[shape])
    assert list(read) == [*PROFILE_FIELDS, "media", "source", "missing"]
    told = {name: read[name] for name in PROFILE_FIELDS}
    assert told == {
        "username": "jane.doe",
        "id": "1518284433",
        "full_name": "Jane Doe",
        "biography": "This account is private",
        "followers": 52979346,
        "followings": 5,
        "posts": 321,
        "is_private": False,
        "is_verified": True,
    }


@pytest.mark.parametrize("text", [*PROFILES.values(), *PAGES.values()])
def test_each_field_has_a_source_or_a_reason_and_not_both(text):
    read = saved.profile(text)
    for name in PROFILE_FIELDS:
        assert (read[name] is None) == (name in read["missing"]) == (name not in read["source"]), name
    for post in read["media"]:
        for name in ("taken_at", "likes", "comments", "views", "kind"):
            assert (post[name] is None) == (f"media.{post['code']}.{name}" in read["missing"]), name


def test_neither_saved_posts_nor_the_viewer_are_the_profiles():
    read = saved.profile(PROFILES["web_profile_info"])
    assert [post["code"] for post in read["media"]] == [CODE]
    assert saved.profile(PROFILES["data-sjs"])["username"] == "jane.doe"


@pytest.mark.parametrize("name", ["is_private", "is_verified", "biography", "full_name"])
def test_what_is_not_told_is_null(name):
    user = {key: value for key, value in NEW_USER.items() if key != name}
    read = saved.profile(json.dumps({"user": user}))
    assert read[name] is None
    assert read["missing"][name] == "absent"


def test_guests_see_a_timeline_of_its_own_with_others_posts_in_it():
    user = {key: NEW_USER[key] for key in ("pk", "id", "username", "follower_count")} | {
        "all_media_count": None
    }
    nodes = [
        {"code": CODE, "media_type": 8, "user": {"username": "jane.doe"}},
        {"code": "DdMX9JJNoUt", "media_type": 1, "user": {"username": "somebody"}},
        {
            "code": OTHER_CODE,
            "media_type": 1,
            "user": {"username": "b"},
            "coauthor_producers": [{"username": "jane.doe"}],
        },
    ]
    edges = [{"node": node} for node in nodes]
    timeline = {"id": user["id"], "polaris_ordered_timeline_connection": {"edges": edges}}
    read = saved.profile(
        page(*(preloaded({"data": {"xig_user_by_username": part}}) for part in (user, timeline)))
    )
    assert [post["code"] for post in read["media"]] == [CODE, OTHER_CODE]
    assert (read["followers"], read["posts"], read["missing"]["posts"]) == (52979346, None, "null")


def test_what_the_json_does_not_tell_the_page_may_show():
    user = {"pk": "1518284433", "username": "jane.doe", "is_private": False}
    read = saved.profile(
        page(preloaded({"data": {"xig_user_by_username": user}}), f"<main>{header()}{grid()}</main>")
    )
    assert (read["id"], read["followers"], read["followings"], read["posts"]) == (
        "1518284433",
        52979346,
        1234,
        56,
    )
    assert read["source"]["id"].startswith("data-sjs:")
    assert read["source"]["followers"] == "dom:header"
    assert len(read["media"]) == 3


def test_a_page_says_whose_it_is_when_its_scripts_speak_of_several():
    other = NEW_USER | {"username": "somebody", "pk": "7", "id": "7", "follower_count": 1}
    text = page(preloaded({"data": {"user": other}}), preloaded({"data": {"user": NEW_USER}}))
    assert saved.profile(text)["followers"] == 52979346
    assert saved.profile(text, "Somebody")["followers"] == 1


@pytest.mark.parametrize("name", PAGES)
def test_a_page_as_people_see_it(name):
    read = saved.profile(PAGES[name])
    assert [read[field] for field in PROFILE_FIELDS[:3]] == ["jane.doe", None, "Jane Doe"]
    assert (read["followers"], read["followings"], read["posts"]) == (52979346, 1234, 56)
    assert (read["is_private"], read["is_verified"]) == (False, True)
    photo, carousel, reel = read["media"]
    assert [one["kind"] for one in read["media"]] == ["image", "carousel", "reel"]
    assert [one["pinned"] for one in read["media"]] == [True, False, False]
    assert (reel["likes"], reel["comments"], reel["views"]) == (16900, 80, 10200)
    assert (photo["likes"], carousel["views"]) == (None, None)
    assert only(PAGES[name], saved.reels)["code"] == "CAxyPW6luuP"


EYE = '<svg aria-label="View Count Icon"><title>View Count Icon</title></svg>'


@pytest.mark.parametrize(
    ("inner", "likes", "comments", "views"),
    [
        (
            f"<div>{EYE}<span>10.2K</span></div><ul><li><span>1,234</span></li><li>56</li></ul>",
            1234,
            56,
            10200,
        ),
        (
            f"<p><span>1,234</span><span>56</span></p><div><p>{EYE}</p><span><b>10.2K</b></span></div>",
            1234,
            56,
            10200,
        ),
        (
            f"""<div><p><svg aria-label="Comment"></svg><span>56</span></p><p><svg aria-label="Like"></svg>
            <span>1,234</span></p></div><div>{EYE}<span>10.2K</span></div>""",
            1234,
            56,
            10200,
        ),
        (f"<ul><li>{EYE}<span>10.2K</span></li><li>1</li><li>2</li></ul>", 1, 2, 10200),
        (f"{EYE}10.2K", None, None, 10200),
        (f"<div><div>{EYE}</div><div><span>10,2\u00a0mil</span></div></div>", None, None, 10200),
        ("<span>View Count Icon10.2K</span>", None, None, 10200),
        (f"<div>{EYE}<span>0</span></div>", None, None, 0),
        (f"<div>{EYE}<span>–</span></div><ul><li>5</li><li>6</li></ul>", 5, 6, None),
        (f"<div>{EYE}<span>7</span></div><ul><li>5</li></ul>", None, None, 7),  # likes or comments?
    ],
)
def test_tiles_of_the_reels_grid(inner, likes, comments, views):
    post = only(page(f'<main><a href="/jane.doe/reel/{CODE}/">{inner}</a></main>'), saved.reels)
    assert (post["likes"], post["comments"], post["views"]) == (likes, comments, views)


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("tag", ["h2", "span", "h1"])
def test_a_private_page_shows_counts_without_links(language, tag):
    words: dict[str, Any] = WORDS[language]
    head = re.sub(r"<a href=\"(?!http).*?>|</a>", "", header(language))
    read = saved.profile(page(f"<main>{head}<div><{tag}>{words['private']}</{tag}></div></main>"))
    assert read["is_private"] is True
    assert (read["followers"], read["followings"], read["posts"]) == (52979346, 1234, 56)
    assert read["media"] == []


@pytest.mark.parametrize("language", WORDS)
def test_a_pages_description_is_the_weakest_source(language):
    text = page().replace(
        "</head>", f'<meta property="og:description" content="{WORDS[language]["description"]}"></head>'
    )
    read = saved.profile(text)
    assert (read["followers"], read["followings"], read["posts"]) == (52_000_000, 1234, 56)
    assert read["source"]["followers"] == "dom:description"
    assert read["is_private"] is None


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ({"data": {"user": None}, "status": "ok"}, "data.user"),
        ({"data": None, "errors": [{"message": "x"}]}, "data"),
        ({"graphql": {}}, "graphql.user"),
        ({"entry_data": {"ProfilePage": []}}, "entry_data.ProfilePage.0"),
        ({"user": {"pk": 1}}, "user.username"),
        ([], "data.user | "),
    ],
)
def test_an_unknown_shape_says_where_the_known_one_breaks_off(answer, missing):
    with pytest.raises(LayoutChanged) as raised:
        saved.profile(json.dumps(answer))
    assert raised.value.details["missing"].startswith(missing)


def test_a_page_that_was_cut_off_gives_what_it_has():
    text = PROFILES["data-sjs"]
    cut = text[: text.rindex("mutual_followers") - 3] + "}}]}}"
    assert saved.profile(cut)["followers"] == 52979346


# ---- posts and reels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", MEDIA)
def test_every_list_of_posts_has_one_normal_form(shape):
    post = only(MEDIA[shape])
    assert list(post) == MEDIA_FIELDS
    expected = {
        CODE: [CODE, PK, "2020-05-29T16:08:52+00:00", "video", 250123, 4321, 1768779, False, False],
        OTHER_CODE: [
            OTHER_CODE,
            OTHER_PK,
            "2022-12-24T00:31:30+00:00",
            "reel",
            16965,
            80,
            401421,
            False,
            False,
        ],
    }
    assert list(post.values()) == expected[post["code"]]


@pytest.mark.parametrize("shape", REELS)
@pytest.mark.parametrize("read", [saved.reels, saved.media])
def test_a_list_of_reels_says_nothing_of_their_kind(shape, read):
    if shape == "page" and read is saved.media:
        pytest.skip("a page's posts are its timeline")
    post = only(REELS[shape], read)
    assert (post["kind"], post["views"], post["likes"]) == ("reel", 401421, 16965)


def test_a_clip_without_a_date_has_that_of_its_id():
    clip = {key: value for key, value in CLIP.items() if key != "taken_at"}
    read = saved.reels(json.dumps(connection(CLIPS_NAME, {"media": clip})))
    assert read["source"]["media.taken_at"] == "id"
    told = datetime.fromisoformat(read["media"][0]["taken_at"])
    assert told == taken_at(OTHER_PK, None)
    assert told.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "ids",
    [
        {"pk": int(PK), "code": CODE},
        {"pk": PK, "id": f"{PK}_1518284433"},
        {"id": f"{PK}_1518284433"},
        {"id": PK, "shortcode": CODE},
        {"code": CODE},
        {"pk": None, "id": None, "code": CODE},
        {"pk": "17", "code": CODE},
    ],
)
def test_an_id_comes_in_many_forms_and_any_tells_the_date(ids):
    post = only({"items": [{**ids, "taken_at": None, "media_type": 1}]})
    assert post["code"] == (CODE if ids.get("pk") != "17" else ids["code"])
    assert post["taken_at"].startswith("2020-05-29T16:07:16")
    assert post["id"] == (PK if ids.get("pk") != "17" else "17")


@pytest.mark.parametrize("likes", [-1, 3, 0, 999])
def test_what_the_owner_hides_is_null(likes):
    post = only({"items": [XDT_REEL | {"like_count": likes, "like_and_view_counts_disabled": True}]})
    assert (post["likes"], post["views"], post["comments"], post["hidden"]) == (None, None, 80, True)


@pytest.mark.parametrize(
    "edges", [("edge_liked_by",), ("edge_media_preview_like",), ("edge_liked_by", "edge_media_preview_like")]
)
def test_minus_one_in_either_edge_is_hidden(edges):
    node = {key: value for key, value in GRAPH_VIDEO.items() if "like" not in key} | {
        e: {"count": -1} for e in edges
    }
    user = OLD_USER | {"edge_owner_to_timeline_media": {"count": 1, "edges": [{"node": node}]}}
    post = only({"data": {"user": user}})
    assert (post["likes"], post["hidden"], post["views"]) == (None, True, 1768779)


def test_three_likes_are_three_likes_when_nothing_is_hidden():
    assert only({"items": [XDT_REEL | {"like_count": 3}]})["likes"] == 3
    node = {key: value for key, value in GRAPH_VIDEO.items() if "like" not in key} | {
        "edge_liked_by": {"count": 3}
    }
    user = OLD_USER | {"edge_owner_to_timeline_media": {"edges": [{"node": node}]}}
    assert only({"data": {"user": user}})["likes"] == 3
    hides = {"data": {"user": user | {"hide_like_and_view_counts": True}}}
    assert [only(hides, read)["likes"] for read in (saved.profile, saved.media, saved.reels)] == [None] * 3


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"__typename": "XDTGraphImage"}, "image"),
        ({"__typename": "XDTGraphSidecar"}, "carousel"),
        ({"__typename": "XDTGraphVideo"}, "video"),
        ({"__typename": "GraphVideo", "product_type": "clips"}, "reel"),
        ({"__typename": "XDTMediaDict", "media_type": 2, "product_type": "clips"}, "reel"),
        ({"media_type": 2, "product_type": "feed"}, "video"),
        ({"media_type": 2, "product_type": "igtv"}, "video"),
        ({"media_type": 8, "product_type": "carousel_container"}, "carousel"),
        ({"media_type": 1}, "image"),
        ({"is_video": False}, "image"),
        ({"is_video": True}, "video"),
        ({"play_count": 9}, "video"),
        ({"carousel_media": [{"pk": 1}]}, "carousel"),
        ({}, None),
    ],
)
def test_kinds(fields, kind):
    assert only({"items": [{"code": CODE, **fields}]})["kind"] == kind


def test_posts_of_a_page_are_in_scripts_of_their_own():
    text = page(
        preloaded({"data": {"xig_user_by_username": NEW_USER}}),
        preloaded(connection(TIMELINE_NAME, {**XDT_REEL, "play_count": None, "view_count": None})),
        preloaded(connection(CLIPS_NAME, {"media": CLIP | {"clips_tab_pinned_user_ids": [1]}})),
    )
    read = saved.profile(text)
    (post,) = read["media"]
    assert (post["views"], post["pinned"], post["kind"]) == (401421, True, "reel")
    assert f"media.{OTHER_CODE}.views" not in read["missing"]


def test_older_videos_stand_in_for_a_timeline_that_came_empty():
    user = OLD_USER | {
        "edge_owner_to_timeline_media": {"count": 9, "edges": []},
        "edge_felix_video_timeline": {"count": 1, "edges": [{"node": GRAPH_VIDEO}]},
    }
    assert only({"data": {"user": user}}, saved.profile)["views"] == 1768779


def test_a_profile_may_come_without_posts():
    user = OLD_USER | {"edge_owner_to_timeline_media": {"count": 9, "edges": []}}
    read = saved.profile(json.dumps({"data": {"user": user}}))
    assert (read["posts"], read["media"]) == (9, [])
    assert "media" not in read["missing"]


# ---- followings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "cursor", "completeness"),
    [("API", "50", None), ("API, the end", None, "complete"), ("GraphQL", "QVFE", None)],
)
def test_every_following_list_has_one_normal_form(shape, cursor, completeness):
    read = saved.followings(FOLLOWINGS[shape])
    private = None if shape == "GraphQL" else False
    assert read == {
        "users": [
            {"id": "12", "username": "ana", "full_name": "Ana P", "is_private": private, "is_verified": True}
        ],
        "next_cursor": cursor,
        "completeness": completeness,
    }


@pytest.mark.parametrize(
    ("answer", "count", "completeness"),
    [
        (
            {"users": [ANA], "has_more": True},
            70,
            "complete",
        ),  # the end is a missing cursor, whatever else it says
        ({"users": [ANA], "should_limit_list_of_followers": True}, 700, "capped"),
        ({"users": []}, 70, "soft_blocked"),
        ({"users": [], "should_limit_list_of_followers": True}, 70, "soft_blocked"),
        ({"users": []}, 0, "complete"),
        ({"users": []}, None, "complete"),
        ({"users": [], "big_list": True}, None, "soft_blocked"),
        ({"users": [], "big_list": True}, 0, "complete"),
        ({"users": [ANA], "next_max_id": ""}, None, "complete"),
        ({"users": [ANA], "next_max_id": 0}, None, "complete"),
        (
            {"data": {"user": {"edge_follow": {"count": 7, "edges": [], "page_info": {}}}}},
            None,
            "soft_blocked",
        ),
        ({"data": {"user": {"edge_follow": {"count": 0, "edges": []}}}}, 9, "complete"),
        (
            {
                "data": {
                    "user": {"edge_follow": {"edges": [{"node": ANA}], "page_info": {"has_next_page": True}}}
                }
            },
            9,
            "truncated",
        ),
    ],
)
def test_how_a_list_without_a_cursor_ended(answer, count, completeness):
    assert saved.followings(json.dumps(answer), count)["completeness"] == completeness


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("site", ["", SITE])
def test_the_dialog_of_a_saved_page_ends_at_its_suggestions(language, site):
    people = [
        row("ana", "Ana Pérez", str(WORDS[language]["verified"]), site),
        row("bob", "Suggested", site=site),
        row("carl.x", site=site),
    ]
    text = page(header(language), dialog(*people, suggestions(language), language=language))
    read = saved.followings(text)
    assert [(user["username"], user["full_name"], user["is_verified"]) for user in read["users"]] == [
        ("ana", "Ana Pérez", True),
        ("bob", "Suggested", None),
        ("carl.x", None, None),
    ]
    assert (read["next_cursor"], read["completeness"]) == (None, "capped")  # the head counts 1,234


@pytest.mark.parametrize(
    ("parts", "count", "completeness"),
    [
        ((row("ana"), row("bob"), suggestions()), 2, "complete"),
        ((row("ana"), row("bob"), suggestions()), None, "complete"),
        ((row("ana"), row("bob")), 2, "complete"),
        ((row("ana"), row("bob")), 9, "truncated"),
        ((row("ana"), row("bob")), None, None),
        ((), 9, "soft_blocked"),
    ],
)
def test_how_a_dialog_ended(parts, count, completeness):
    assert saved.followings(page(dialog(*parts)), count)["completeness"] == completeness


def test_a_page_without_the_dialog_has_no_list():
    with pytest.raises(LayoutChanged) as raised:
        saved.followings(PAGES["en, live"])
    assert "dialog" in raised.value.details["missing"]


# ---- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_begin_with_a_byte_order_mark(encoding):
    for text in (PROFILES["users info"], PROFILES["data-sjs"]):
        assert saved.profile(saved.decoded(text.encode(encoding)))["followers"] == 52979346


@pytest.mark.parametrize(
    ("file", "signal", "reason"),
    [
        (
            {"status": 200, "url": f"{SITE}/challenge/?next=/a/", "headers": {}, "body": page()},
            "human",
            "challenge",
        ),
        ({"status": 404, "url": f"{SITE}/api/v1/x/", "body": "Not Found"}, "human", "masked_challenge"),
        (
            {"status": 404, "url": f"{SITE}/web/friendships/1/follow/", "body": "Not Found"},
            "human",
            "masked_challenge",
        ),
        ({"status": 404, "url": f"{SITE}/jane.doe/?__a=1", "body": "Not Found"}, "human", "masked_challenge"),
        ({"status": 404, "url": f"{SITE}/jane.doe/", "body": "Not Found"}, "not_found", "not_found"),
        (
            {"status": "429", "url": SITE, "headers": [["Retry-After", 9]], "body": None},
            "cooldown",
            "throttled",
        ),
        ({"status": None, "url": SITE, "body": None}, "retry", "status_0"),
        ({"status": 0, "url": SITE}, "retry", "status_0"),
        ({"status": 200, "url": f"{SITE}/api/v1/x/", "body": ""}, "retry", "empty"),
        (
            {"status": 200, "url": f"{SITE}/graphql/query", "body": {"data": {"user": None}}},
            "not_found",
            "not_found",
        ),
        (
            {"status": 200, "url": SITE, "body": page(), "dialogs": ["Action Blocked"]},
            "cooldown",
            "action_block",
        ),
        (
            {"status": 302, "url": SITE, "headers": {"location": "/accounts/login/"}},
            "relogin",
            "login_redirect",
        ),
        ({"status": 200, "url": "", "body": json.dumps({"user": NEW_USER})}, "ok", "ok"),
    ],
)
def test_signals_of_files(file, signal, reason):
    assert saved.signal(json.dumps(file)) == {"signal": signal, "reason": reason}


@pytest.mark.parametrize("text", ["", "<html>", "[]", '{"message": "checkpoint_required", "status": "fail"}'])
def test_a_file_that_is_no_answer_says_what_it_lacks(text):
    with pytest.raises(LayoutChanged) as raised:
        saved.signal(text)
    assert raised.value.details["missing"]


# ---- whatever is changed in them -------------------------------------------------------------------------

READERS: dict[str, Any] = {
    "profile": saved.profile,
    "media": saved.media,
    "reels": saved.reels,
    "followings": saved.followings,
    "signal": saved.signal,
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["-1", "12.3K", "1,234", "jane.doe", "{", '{"username": "x"}'])
)
SOMETHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["count", "edges", "node", "username", "items", "user"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)
DOCUMENTS = [
    {"data": {"user": OLD_USER}, "status": "ok"},
    {"user": NEW_USER},
    {"data": {"xig_user_by_username": NEW_USER}},
    connection(TIMELINE_NAME, XDT_REEL, {**XDT_REEL, "pk": PK, "code": CODE, "like_count": -1}),
    connection(CLIPS_NAME, {"media": CLIP}),
    {"items": [{"media": CLIP}, {"media": XDT_REEL}], "paging_info": {"max_id": 7, "more_available": True}},
    {"items": [XDT_REEL], "next_max_id": 7},
    *(json.loads(text) for text in FOLLOWINGS.values()),
]


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


@st.composite
def damaged(draw: Any) -> Any:
    """A known document with some of its values gone or of another type."""
    data = [copy.deepcopy(draw(st.sampled_from(DOCUMENTS)))]
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(places(data)[1:] or [(0,)]))
        holder: Any = data
        for step in way:
            holder = holder[step]
        if draw(st.booleans()) or holder is data:
            holder[last] = draw(SOMETHING)
        else:
            del holder[last]
    return data[0] if data else None


def numbers(data: Any) -> list[int]:
    """Every number and id of a normal form; dates and cursors apart."""
    if isinstance(data, dict):
        told = [
            value
            for key, value in data.items()
            if key not in ("taken_at", "next_cursor", "source", "missing", "code")
        ]
        return [number for value in told for number in numbers(value)]
    if isinstance(data, list):
        return [number for value in data for number in numbers(value)]
    if isinstance(data, bool) or data is None:
        return []
    return (
        [data] if isinstance(data, int) else [int(data)] if re.fullmatch(r"[1-9]\d*", data, re.ASCII) else []
    )


def stands_in(number: int, text: str) -> bool:
    given = {int(found) for found in re.findall(r"\d+", text)}
    floats = {
        int(float(found)) for found in re.findall(r"\d+(?:\.\d+)?(?:e\+?\d+)?", text) if float(found) < 1e20
    }
    codes = re.findall(r'"(?:short)?code": "([\w-]+)"', text)
    return number in given | floats or any(str(number) == str(pk) for pk in map(spelled, codes))


def spelled(code: str) -> int:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    found = 0
    for char in code[:11]:
        found = found * 64 + alphabet.index(char) if char in alphabet else 0
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(damaged(), st.sampled_from(sorted(READERS)), st.sampled_from(["json", "sjs", "text", "shared"]))
def test_no_damage_makes_a_parser_fail_or_a_number_up(data, reader, wrapped):
    wrappers: dict[str, Any] = {
        "json": json.dumps,
        "sjs": lambda value: page(script(VIEWER), preloaded(value)),
        "text": lambda value: page(preloaded(json.dumps(value))),
        "shared": lambda value: page(f"<script>window._sharedData = {json.dumps(value)};</script>"),
    }
    text = wrappers[wrapped](data)
    try:
        read = READERS[reader](text)
    except LayoutChanged as error:
        assert error.details["missing"]  # noqa: PT017 - either outcome is right
        return
    assert all(stands_in(number, text) for number in numbers(read))


@given(
    SOMETHING | st.lists(SOMETHING) | st.dictionaries(st.text(max_size=8), SOMETHING),
    st.sampled_from(sorted(READERS)),
)
def test_no_json_makes_a_parser_fail(data, reader):
    try:
        assert isinstance(READERS[reader](json.dumps(data)), dict)
    except LayoutChanged as error:
        assert error.details["missing"]  # noqa: PT017 - either outcome is right


@settings(max_examples=60)
@given(
    st.binary(max_size=200), st.sampled_from(sorted(READERS)), st.sampled_from([b"", b"<html>", b'{"data": '])
)
def test_no_bytes_make_a_parser_fail(raw, reader, start):
    try:
        assert isinstance(READERS[reader](saved.decoded(start + raw)), dict)
    except LayoutChanged as error:
        assert error.details["missing"]  # noqa: PT017 - either outcome is right


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(PAGES)), st.sampled_from(["profile", "media", "followings"]))
def test_no_page_with_a_hole_in_it_makes_a_parser_fail(data, name, reader):
    text = PAGES[name].replace("</body>", dialog(row("ana"), suggestions()) + "</body>")
    begin = data.draw(st.integers(6, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    try:
        assert isinstance(READERS[reader](text[:begin] + text[end:]), dict)
    except LayoutChanged as error:
        assert error.details["missing"]  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("depth", [100, 990, 5000])
@pytest.mark.parametrize("reader", READERS)
def test_deep_documents_end_well(reader, depth):
    for text in ("[" * depth + "]" * depth, '{"user":' * depth + "1" + "}" * depth, "<div>" * depth):
        with pytest.raises(LayoutChanged):
            READERS[reader](text)

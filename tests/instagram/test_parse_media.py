import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import Media, MediaKind
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.parse.ids import code_of, pk_of, taken_at
from scrapinsta_ray.instagram.parse.media import merged, parse_media

OLD = {
    "__typename": "GraphVideo",
    "id": "2319856240795511693",
    "shortcode": "CAxyPW6luuN",
    "is_video": True,
    "video_view_count": 1768779,
    "taken_at_timestamp": 1590768532,
    "edge_media_preview_like": {"count": 250123},
    "edge_media_to_comment": {"count": 1200},
    "pinned_for_users": [],
    "edge_media_to_caption": {"edges": [{"node": {"text": "999 likes, Action Blocked"}}]},
}
NEW = {
    "pk": "2319856240795511693",
    "id": "2319856240795511693_1518284433",
    "code": "CAxyPW6luuN",
    "taken_at": 1590768532,
    "like_count": 16965,
    "comment_count": 80,
    "play_count": 401421,
    "view_count": 100856,
    "media_type": 2,
    "product_type": "clips",
    "timeline_pinned_user_ids": [],
}


def old_timeline(*nodes):
    edges = [{"node": node} for node in nodes]
    return {"data": {"user": {"edge_owner_to_timeline_media": {"count": len(nodes), "edges": edges}}}}


def new_timeline(*nodes):
    name = "xdt_api__v1__feed__user_timeline_graphql_connection"
    page = {"has_next_page": True, "end_cursor": "END"}
    return {"data": {name: {"edges": [{"node": node} for node in nodes], "page_info": page}}}


def feed(*nodes):
    return {"items": list(nodes), "next_max_id": "NEXT", "more_available": True, "status": "ok"}


def clips(*nodes):
    return {
        "items": [{"media": node} for node in nodes],
        "paging_info": {"max_id": "M", "more_available": True},
    }


def clips_graphql(*nodes):
    name = "xdt_api__v1__clips__user__connection_v2"
    return {"data": {name: {"edges": [{"node": {"media": node}} for node in nodes]}}}


def only(shape) -> Media:
    (media,) = parse_media(json.dumps(shape)).media
    return media


def without(node, *keys):
    return {key: value for key, value in node.items() if key not in keys}


def test_an_old_node():
    assert only(old_timeline(OLD)) == Media(
        code="CAxyPW6luuN",
        id="2319856240795511693",
        taken_at=datetime(2020, 5, 29, 16, 8, 52, tzinfo=UTC),
        kind=MediaKind.VIDEO,
        likes=250123,
        comments=1200,
        views=1768779,
    )


@pytest.mark.parametrize("shape", [new_timeline, feed, clips, clips_graphql])
def test_every_newer_list_holds_the_same_reel(shape):
    assert only(shape(NEW)) == Media(
        code="CAxyPW6luuN",
        id="2319856240795511693",
        taken_at=datetime(2020, 5, 29, 16, 8, 52, tzinfo=UTC),
        kind=MediaKind.REEL,
        likes=16965,
        comments=80,
        views=401421,
    )


@pytest.mark.parametrize(
    ("shape", "cursor"), [(feed, "NEXT"), (clips, "M"), (new_timeline, "END"), (clips_graphql, None)]
)
def test_the_cursor_of_each_list(shape, cursor):
    assert parse_media(json.dumps(shape(NEW))).next_cursor == cursor


def test_no_cursor_when_the_list_says_that_there_is_no_more():
    assert parse_media(json.dumps(feed(NEW) | {"more_available": False})).next_cursor is None


@pytest.mark.parametrize(
    ("edges", "likes"),
    [
        ({"edge_liked_by": {"count": 7}}, 7),
        ({"edge_media_preview_like": {"count": 8}}, 8),
        ({}, None),
        ({"edge_liked_by": {"count": None}}, None),
        ({"edge_liked_by": {"count": "many"}}, None),
        ({"edge_liked_by": None, "edge_media_preview_like": {"count": 9}}, 9),
    ],
)
def test_either_like_edge_may_be_missing(edges, likes):
    node = without(OLD, "edge_media_preview_like") | edges
    assert only(old_timeline(node)).likes == likes


@pytest.mark.parametrize(
    ("fields", "likes", "views", "hidden"),
    [
        ({"like_count": -1}, None, 401421, True),
        ({"like_count": 3, "like_and_view_counts_disabled": True}, None, None, True),
        ({"like_count": -1, "like_and_view_counts_disabled": True}, None, None, True),
        ({"like_count": 3, "like_and_view_counts_disabled": False}, 3, 401421, False),
        ({"like_count": 3}, 3, 401421, False),
        ({"like_count": 0}, 0, 401421, False),
    ],
)
def test_hidden_likes_are_none_and_said_to_be_hidden(fields, likes, views, hidden):
    page = parse_media(json.dumps(feed(NEW | fields)))
    (media,) = page.media
    assert (media.likes, media.views, media.hidden) == (likes, views, hidden)
    assert (page.missing.get("media.CAxyPW6luuN.likes") == "hidden") is hidden


def test_a_field_that_is_not_there_says_why():
    node = without(NEW, "comment_count") | {"play_count": None, "view_count": None, "like_count": "x"}
    assert parse_media(json.dumps(feed(node))).missing == {
        "media.CAxyPW6luuN.comments": "absent",
        "media.CAxyPW6luuN.views": "null",
        "media.CAxyPW6luuN.likes": "malformed",
    }


@pytest.mark.parametrize("kind", [1, 8])
def test_a_photo_has_no_views_even_where_the_list_has_a_zero(kind):
    node = NEW | {"media_type": kind, "product_type": "feed", "play_count": None, "view_count": 0}
    page = parse_media(json.dumps(feed(node)))
    assert page.media[0].views is None
    assert page.missing["media.CAxyPW6luuN.views"] == "no_film"


@pytest.mark.parametrize(
    ("node", "kind"),
    [
        (OLD | {"__typename": "GraphImage", "is_video": False}, MediaKind.IMAGE),
        (OLD | {"__typename": "GraphSidecar", "is_video": False}, MediaKind.CAROUSEL),
        (OLD, MediaKind.VIDEO),
        (OLD | {"product_type": "clips"}, MediaKind.REEL),
        (NEW, MediaKind.REEL),
        (NEW | {"product_type": "feed"}, MediaKind.VIDEO),
        (NEW | {"product_type": "carousel_container", "media_type": 8}, MediaKind.CAROUSEL),
        (NEW | {"product_type": "feed", "media_type": 1}, MediaKind.IMAGE),
    ],
)
def test_kinds(node, kind):
    assert only(old_timeline(node)).kind is kind


@pytest.mark.parametrize(
    "pins",
    [
        {"pinned_for_users": [{"id": "1"}]},
        {"timeline_pinned_user_ids": [1]},
        {"clips_tab_pinned_user_ids": ["1"]},
    ],
)
def test_pinned_posts_keep_their_flag(pins):
    assert only(feed(NEW | pins)).pinned
    assert not only(feed(NEW)).pinned


def test_a_missing_date_follows_from_the_id():
    media = only(clips_graphql(without(NEW, "taken_at")))
    assert media.taken_at is not None
    assert abs(media.taken_at - datetime.fromtimestamp(1590768532, UTC)) < timedelta(minutes=16)


def test_a_missing_id_follows_from_the_code_and_the_other_way_round():
    assert only(feed(without(NEW, "pk", "id"))).id == "2319856240795511693"
    assert only(feed(without(NEW, "code"))).code == "CAxyPW6luuN"


def test_an_id_too_small_to_tell_a_date_tells_none():
    assert taken_at("12345", None) is None


@given(st.integers(10**17, 2**63 - 1))
def test_code_and_id_are_the_same_number(pk):
    assert pk_of(code_of(pk)) == pk
    assert taken_at(None, code_of(pk)) == taken_at(str(pk), None)


def test_a_row_that_is_no_post_is_left_out_and_counted():
    page = parse_media(json.dumps(feed({"ad": True}, NEW)))
    assert [media.code for media in page.media] == ["CAxyPW6luuN"]
    assert page.missing["media.0"] == "malformed"


def test_an_empty_list_is_a_list():
    assert parse_media(json.dumps(old_timeline())).media == ()


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"items": {}}', '{"items": [1]}', "<html></html>", "{"]
)
def test_an_unknown_shape_names_what_is_missing(text):
    with pytest.raises(LayoutChanged) as raised:
        parse_media(text)
    assert raised.value.details["missing"]


def test_merging_fills_what_one_list_does_not_tell():
    timeline = only(old_timeline(OLD | {"product_type": "clips", "video_view_count": None}))
    reel = only(clips(NEW | {"clips_tab_pinned_user_ids": [1]}))
    (together,) = merged([timeline], [reel])
    assert together == replace(timeline, views=401421, pinned=True)


def test_merging_prefers_a_reels_plays_over_a_timelines_views():
    timeline = only(old_timeline(OLD))
    (together,) = merged([timeline], [only(clips(NEW))])
    assert (together.views, together.kind, together.likes) == (401421, MediaKind.REEL, 250123)


def test_what_one_list_hides_stays_hidden():
    hidden = only(feed(NEW | {"like_count": -1}))
    (together,) = merged([only(feed(NEW))], [hidden])
    assert together.hidden
    assert together.likes is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["count", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NODES = st.dictionaries(st.sampled_from(sorted({*OLD, *NEW, "like_and_view_counts_disabled"})), VALUES)


@given(
    st.lists(st.one_of(VALUES, NODES.map(lambda fields: NEW | fields)), max_size=3),
    st.sampled_from([feed, clips, clips_graphql, new_timeline, old_timeline]),
)
def test_whatever_a_node_holds_no_number_is_made_up(nodes, shape):
    text = json.dumps(shape(*nodes))
    try:
        page = parse_media(text)
    except LayoutChanged:
        return
    for media in page.media:
        for number in (media.likes, media.comments, media.views):
            assert number is None or (
                number >= 0 and (str(number) in text or f"{number:e}" in text or number > 10**15)
            )


@given(
    st.text(max_size=200) | st.builds(lambda text: f"<html><script>{text}</script>", st.text(max_size=100))
)
def test_no_text_raises_anything_but_layout_changed(text):
    with pytest.raises(LayoutChanged):
        parse_media(text)

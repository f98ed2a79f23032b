import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import MediaKind, Profile
from scrapinsta_ray.errors import LayoutChanged
from scrapinsta_ray.instagram.parse.profile import parse_profile, without_contents

NODE = {"__typename": "GraphImage", "id": "2319856240795511693", "shortcode": "CAxyPW6luuN"}
OLD = {
    "id": "1518284433",
    "username": "Jane.Doe",
    "full_name": "Jane",
    "biography": "hola",
    "external_url": None,
    "category_name": "Artist",
    "is_private": False,
    "is_verified": True,
    "is_business_account": False,
    "edge_followed_by": {"count": 52979346},
    "edge_follow": {"count": 5},
    "edge_owner_to_timeline_media": {"count": 321, "edges": [{"node": NODE}]},
}
NEW = {
    "pk": 1518284433,
    "username": "Jane.Doe",
    "full_name": "Jane",
    "biography": "hola",
    "category": "Artist",
    "follower_count": 52979346,
    "following_count": 5,
    "media_count": 321,
    "is_private": False,
    "is_verified": True,
    "is_business": False,
}
VIEWER = {"config": {"viewer": {"id": "9", "username": "bot_1", "full_name": "Bot"}}}


def script(data, attributes='type="application/json" data-sjs'):
    return f"<script {attributes}>{json.dumps(data)}</script>"


def sjs(result):
    stream = ["RelayPrefetchedStreamCache", "next", [], ["adp_X", {"__bbox": {"result": result}}]]
    return script({"require": [["ScheduledServerJS", "handle", None, [{"__bbox": {"require": [stream]}}]]]})


def html(*parts):
    return f"<!DOCTYPE html><html><body>{''.join(parts)}</body></html>"


SHAPES = {
    "web_profile_info": json.dumps({"data": {"user": OLD}, "status": "ok"}),
    "?__a=1": json.dumps({"graphql": {"user": OLD}}),
    "sharedData": html(
        f"<script>window._sharedData = {json.dumps({'entry_data': {'ProfilePage': [{'graphql': {'user': OLD}}]}})};"
        "</script>"
    ),
    "additionalData": html(
        "<script>window.__additionalDataLoaded('/jane.doe/', "
        f"{json.dumps({'graphql': {'user': OLD}})});</script>"
    ),
    "users info": json.dumps({"user": NEW, "status": "ok"}),
    "data-sjs": html(script(VIEWER), sjs({"data": {"xig_user_by_username": NEW}})),
    "data-sjs, deeper": html(sjs({"data": {"xig_user_by_username": {"result": {"user": NEW}}}})),
    "data-sjs, as text": html(sjs(json.dumps({"data": {"xig_user_by_username": NEW}}))),
    "data-sjs, by query": html(script(VIEWER), sjs({"data": {"user": NEW}})),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("asked_for", [None, "jane.doe", "Jane.Doe"])
def test_every_json_shape_gives_the_same_profile(shape, asked_for):
    profile = parse_profile(SHAPES[shape], asked_for)
    assert profile.username == "jane.doe"
    assert profile.id == "1518284433"
    assert (profile.full_name, profile.biography, profile.category) == ("Jane", "hola", "Artist")
    assert (profile.followers, profile.followings, profile.posts) == (52979346, 5, 321)
    assert (profile.is_private, profile.is_verified, profile.is_business) == (False, True, False)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_field_has_a_source_or_a_reason(shape):
    profile = parse_profile(SHAPES[shape])
    for name in (
        "id",
        "full_name",
        "biography",
        "external_url",
        "category",
        "followers",
        "followings",
        "posts",
    ):
        assert (getattr(profile, name) is None) == (name in profile.missing) == (name not in profile.source)


def test_a_source_is_the_path_of_the_value():
    assert parse_profile(SHAPES["web_profile_info"]).source["followers"] == "data.user.edge_followed_by.count"
    assert parse_profile(SHAPES["users info"]).source["followers"] == "user.follower_count"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"edge_followed_by": {"count": -1}}, "malformed"),
        ({"edge_followed_by": {"count": "12.3K"}}, "malformed"),
        ({"edge_followed_by": {"count": True}}, "malformed"),
        ({"edge_followed_by": {"count": None}}, "null"),
        ({"edge_followed_by": {}}, "absent"),
        ({"edge_followed_by": None}, "absent"),
    ],
)
def test_a_count_that_is_none_says_why_and_is_never_zero(given, reason):
    profile = parse_profile(json.dumps({"data": {"user": OLD | given}}))
    assert profile.followers is None
    assert profile.missing["followers"] == reason


def test_zero_is_a_count():
    assert parse_profile(json.dumps({"data": {"user": OLD | {"edge_follow": {"count": 0}}}})).followings == 0


def test_the_posts_come_along():
    (media,) = parse_profile(SHAPES["web_profile_info"]).media
    assert (media.code, media.kind) == ("CAxyPW6luuN", MediaKind.IMAGE)


def test_the_posts_may_be_in_a_script_of_their_own():
    node = {"pk": "2319856240795511693", "code": "CAxyPW6luuN", "media_type": 8, "like_count": 4}
    name = "xdt_api__v1__feed__user_timeline_graphql_connection"
    page = html(
        sjs({"data": {"xig_user_by_username": NEW}}), sjs({"data": {name: {"edges": [{"node": node}]}}})
    )
    (media,) = parse_profile(page).media
    assert (media.kind, media.likes) == (MediaKind.CAROUSEL, 4)


def test_a_profile_that_hides_its_likes_has_hidden_posts():
    user = OLD | {"hide_like_and_view_counts": True}
    user["edge_owner_to_timeline_media"] = {
        "count": 2,
        "edges": [{"node": NODE | {"edge_liked_by": {"count": 3}}}],
    }
    (media,) = parse_profile(json.dumps({"data": {"user": user}})).media
    assert media.hidden
    assert media.likes is None


def test_the_viewer_is_not_taken_for_the_profile():
    with pytest.raises(LayoutChanged):
        parse_profile(html(script(VIEWER)))
    with pytest.raises(LayoutChanged):
        parse_profile(SHAPES["data-sjs"], "somebody.else")


def test_a_private_profile_keeps_nothing():
    profile = parse_profile(json.dumps({"data": {"user": OLD | {"is_private": True}}}))
    kept = without_contents(profile)
    assert kept == Profile(
        "jane.doe", "1518284433", is_private=True, source=kept.source, missing=kept.missing
    )
    assert kept.missing["followers"] == "private"


LABELS = {
    "en": ("followers", "following", "posts", "Verified", "View Count Icon", "Pinned post icon"),
    "es": (
        "seguidores",
        "seguidos",
        "publicaciones",
        "Verificado",
        "Icono de número de visualizaciones",
        "Icono de publicación fijada",
    ),
}
COUNTS = {"en": ("12.3K", "1,234", "56"), "es": ("12,3 mil", "1.234", "56")}


def dom(language, link="/jane.doe/{}/", rest="", exact="12,345"):
    followers, following, posts, verified, views, pinned = LABELS[language]
    shown = COUNTS[language]
    exact = exact.replace(",", ".") if language == "es" else exact
    title = f' title="{exact}"' if exact else ""
    return f"""<!DOCTYPE html><html><head><title>Jane Doe (@jane.doe) • Instagram</title></head><body><main>
<header><h2>jane.doe</h2><svg aria-label="{verified}"></svg><ul>
<li><span><span>{shown[2]}</span></span> {posts}</li>
<li><a href="{link.format("followers")}"><span{title}>{shown[0]}</span> {followers}</a></li>
<li><a href="{link.format("following")}"><span>{shown[1]}</span> {following}</a></li>
</ul><span>This account is private</span><span>9 999 {followers}</span></header>
<div><a href="/jane.doe/p/CAxyPW6luuN/"><img><svg aria-label="{pinned}"></svg>
<ul><li><span>1,234</span></li><li><span>7</span></li></ul></a>
<a href="/jane.doe/reel/CAxyPW6luuO/"><div><svg aria-label="{views}"></svg><span>10.2K</span></div></a></div>
{rest}</main></body></html>"""


@pytest.mark.parametrize("language", LABELS)
def test_what_the_page_shows_is_the_last_resort(language):
    profile = parse_profile(dom(language), "jane.doe")
    assert (profile.followers, profile.followings, profile.posts) == (12345, 1234, 56)
    assert (profile.full_name, profile.is_verified, profile.is_private) == ("Jane Doe", True, False)
    assert profile.source["followers"] == "dom:header"
    post, reel = profile.media
    assert (post.code, post.pinned, post.likes, post.comments) == ("CAxyPW6luuN", True, 1234, 7)
    assert (reel.kind, reel.views, reel.likes) == (MediaKind.REEL, 10_200, None)
    assert post.taken_at is not None
    assert post.taken_at.astimezone(UTC) > datetime(2020, 5, 29, tzinfo=UTC)
    assert profile.missing["media.CAxyPW6luuO.likes"] == "absent"


def test_logged_out_links_encode_their_slashes():
    profile = parse_profile(dom("en", "/accounts/login/?next=%2Fjane.doe%2F{}%2F"), "jane.doe")
    assert (profile.followers, profile.followings) == (12345, 1234)


def test_without_an_exact_number_the_shown_one_counts():
    assert parse_profile(dom("es", exact=""), "jane.doe").followers == 12_300


@pytest.mark.parametrize("text", ["This account is private", "Esta cuenta es privada"])
def test_a_private_page_is_told_from_a_biography_that_says_so(text):
    profile = parse_profile(dom("en", rest=f"<div><h2>{text}</h2></div>"), "jane.doe")
    assert profile.is_private
    assert profile.media == ()


@pytest.mark.parametrize(
    ("description", "counts"),
    [
        (
            "52M Followers, 5 Following, 1,234 Posts - See Instagram photos from Jane (@jane.doe)",
            (52_000_000, 5, 1234),
        ),
        ("1,2 M seguidores, 345 seguidos, 1.234 publicaciones - Mira las fotos", (1_200_000, 345, 1234)),
        ("12,3 mil seguidores, 0 seguidos, 1 publicación - 99 followers", (12_300, 0, 1)),
    ],
)
def test_a_pages_description_has_rounded_counts(description, counts):
    page = f"""<html><head><title>Jane (@jane.doe) • Instagram</title>
<meta property="og:description" content="{description}"></head><body></body></html>"""
    profile = parse_profile(page)
    assert (profile.followers, profile.followings, profile.posts) == counts
    assert profile.source["followers"] == "dom:description"


@pytest.mark.parametrize(
    "text", ["", "null", "{}", "<html></html>", '{"data": {"user": null}}', html("<header></header>"), "{"]
)
def test_an_unknown_shape_names_what_is_missing(text):
    with pytest.raises(LayoutChanged) as raised:
        parse_profile(text)
    assert raised.value.details["missing"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["count", "edges"]), inner),
    max_leaves=5,
)
USERS = st.dictionaries(st.sampled_from(sorted({*OLD, *NEW, "bio_links"})), VALUES)
WRAPPED = st.sampled_from(
    [
        lambda user: json.dumps({"data": {"user": user}}),
        lambda user: html(sjs({"data": {"xig_user_by_username": user}})),
        lambda user: html(sjs(json.dumps({"xig_user_by_username": user}))),
    ]
)


@given(USERS, WRAPPED, st.sampled_from([{}, OLD, NEW]))
def test_whatever_a_user_holds_no_count_is_made_up(fields, wrap, base):
    text = wrap(base | fields)
    try:
        profile = parse_profile(text)
    except LayoutChanged:
        return
    for number in (profile.followers, profile.followings, profile.posts):
        assert number is None or (number >= 0 and (str(number) in text or number > 10**15))


FRAGMENTS = st.sampled_from(
    """<header> </header> <main> <a|href="/x/followers/"> 12K <span|title='5'> </a> <li> posts
    <title>A|(@a)</title> <h2> <script|type="application/json"> { } </script> \x00 é
    <a|href="/p/CAxyPW6luuN/"> <svg|aria-label="View|Count|Icon">
    window._sharedData|=| 1,5""".replace("|", "\t").split(" ")
)


@given(st.lists(FRAGMENTS | st.text(max_size=5), max_size=20).map("".join))
def test_no_page_raises_anything_but_layout_changed(text):
    for page in (text, "<html>" + text):
        try:
            assert isinstance(parse_profile(page), Profile)
        except LayoutChanged as error:
            assert error.details["missing"]  # noqa: PT017 - either outcome is right

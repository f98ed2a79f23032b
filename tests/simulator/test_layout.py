"""The site in each of its known shapes; all of them tell the same."""

import json
import re

import pytest

from scrapinsta_ray.simulator.layout import CHOICES, Layout, Layouts, UnknownLayout
from tests.simulator.test_pages import found, inline

PROFILE = "/api/v1/users/web_profile_info/?username=cafe_lucia"
FEED, LIST = "/api/v1/feed/user/201/", "/api/v1/friendships/201/following/"
SHARED = re.compile(r"window\._sharedData = (\{.*?\});</script>", re.DOTALL)
ADDITIONAL = re.compile(r"__additionalDataLoaded\('/cafe_lucia/', (\{.*?\})\);</script>", re.DOTALL)


def show(client, **parts):
    answer = client.put("/_layout", json=parts)
    assert answer.status_code == 200, answer.text
    return answer.json()


def assigned(pattern, page):
    """What a page's script sets or hands over."""
    (text,) = pattern.findall(page)
    return json.loads(text)


def hiding(people):
    users = (people.user(index) for index in range(people.size))
    return next(u for u in users if u.exists and not u.is_private and u.hides_likes and u.posts > 12)


# Where a profile is


def test_a_page_may_carry_the_profile_as_shared_data(bot):
    show(bot, profile="shared_data")
    page = bot.get("/cafe_lucia/").text
    user = assigned(SHARED, page)["entry_data"]["ProfilePage"][0]["graphql"]["user"]
    assert (user["username"], user["edge_followed_by"]["count"]) == ("cafe_lucia", 18432)
    assert len(user["edge_owner_to_timeline_media"]["edges"]) == 12
    assert not inline(page, "xig_user_by_username")


def test_a_page_may_carry_the_profile_as_additional_data(bot):
    show(bot, profile="additional_data")
    page = bot.get("/cafe_lucia/").text
    assert assigned(ADDITIONAL, page)["graphql"]["user"]["edge_follow"]["count"] == 412


def test_a_page_may_carry_no_profile_at_all(bot):
    show(bot, profile="none")
    page = bot.get("/cafe_lucia/").text
    assert "follower_count" not in page and "edge_followed_by" not in page
    assert not inline(page, "xdt_api__v1__feed__user_timeline_graphql_connection")
    assert 'title="18,432"' in page


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("web_profile_info", ["data", "user"]),
        ("graphql", ["graphql", "user"]),
        ("users_info", ["user"]),
        ("xdt", ["data", "xig_user_by_username"]),
    ],
)
def test_the_call_for_a_profile(bot, api, path):
    show(bot, api=api)
    user = bot.get(PROFILE).json()
    for step in path:
        user = user[step]
    assert user["username"] == "cafe_lucia"
    assert {18432} & {user.get("follower_count"), user.get("edge_followed_by", {}).get("count")}


def test_the_call_for_a_profile_may_be_unknown(bot):
    show(bot, api="unknown")
    assert "18432" not in bot.get(PROFILE).text


def test_older_pages_answer_as_json(bot):
    user = bot.get("/cafe_lucia/?__a=1&__d=dis").json()["graphql"]["user"]
    assert user["edge_followed_by"]["count"] == 18432
    assert bot.get("/nadie_aqui/?__a=1").json() == {}
    bot.post("/_accounts/bot_1/logout")
    assert bot.get("/cafe_lucia/?__a=1").status_code == 401


def test_the_posts_of_a_profile_may_be_left_out(bot):
    show(bot, edges="empty")
    timeline = bot.get(PROFILE).json()["data"]["user"]["edge_owner_to_timeline_media"]
    assert (timeline["count"], timeline["edges"]) == (268, [])


# Posts


def everything(client, after):
    """Every page of a list; `after` reads (rows, next cursor) from a body."""
    rows: list[object] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = after(client.get(FEED, params={"max_id": cursor}).json())
        rows += page
    return rows


def test_the_feed_in_its_three_shapes(bot, people):
    true = {media.code for media in people.media(people.find("cafe_lucia"))}
    items = everything(bot, lambda body: (body["items"], body.get("next_max_id")))
    assert {item["code"] for item in items} == true
    show(bot, feed="xdt")
    nodes = everything(
        bot,
        lambda body: (
            [e["node"] for e in body["data"]["xdt_api__v1__feed__user_timeline_graphql_connection"]["edges"]],
            body["data"]["xdt_api__v1__feed__user_timeline_graphql_connection"]["page_info"]["end_cursor"],
        ),
    )
    assert {node["code"] for node in nodes} == true
    show(bot, feed="nodes")
    old = everything(
        bot,
        lambda body: (
            [e["node"] for e in body["data"]["user"]["edge_owner_to_timeline_media"]["edges"]],
            body["data"]["user"]["edge_owner_to_timeline_media"]["page_info"]["end_cursor"],
        ),
    )
    assert {node["shortcode"] for node in old} == true


def test_reels_as_a_connection(bot):
    form = {"target_user_id": 201, "include_feed_video": "true"}
    items = bot.post("/api/v1/clips/user/", data=form).json()["items"]
    show(bot, clips="connection")
    (edges,) = (one["edges"] for one in bot.post("/api/v1/clips/user/", data=form).json()["data"].values())
    assert [edge["node"]["media"]["pk"] for edge in edges] == [item["media"]["pk"] for item in items]


@pytest.mark.parametrize("path", [FEED, PROFILE])
def test_posts_may_come_without_a_date(bot, path):
    assert "taken_at" in bot.get(path).text
    show(bot, taken_at=False)
    assert "taken_at" not in bot.get(path).text
    assert "taken_at" not in bot.get("/cafe_lucia/").text


@pytest.mark.parametrize(("how", "said"), [("minus_one", {-1}), ("three", {3})])
def test_hidden_likes(bot, people, how, said):
    user = hiding(people)
    show(bot, hidden_likes=how)
    body = bot.get(f"/api/v1/users/web_profile_info/?username={user.username}").json()
    likes = [
        edge["count"] for name in ("edge_liked_by", "edge_media_preview_like") for edge in found(body, name)
    ]
    items = bot.get(f"/api/v1/feed/user/{user.pk}/").json()["items"]
    assert {*likes, *(item["like_count"] for item in items)} == said
    assert all(item["like_and_view_counts_disabled"] for item in items)


@pytest.mark.parametrize(
    ("edges", "given"),
    [
        ("both", {"edge_liked_by", "edge_media_preview_like"}),
        ("liked_by", {"edge_liked_by"}),
        ("preview", {"edge_media_preview_like"}),
        ("none", set()),
    ],
)
def test_like_edges(bot, edges, given):
    show(bot, likes_edges=edges)
    nodes = found(bot.get(PROFILE).json(), "node")
    posts = [node for node in nodes if "shortcode" in node]
    assert len(posts) == 12
    assert all({"edge_liked_by", "edge_media_preview_like"} & set(node) == given for node in posts)


# Whom somebody follows


@pytest.mark.parametrize(("how", "kind"), [("number", int), ("string", str)])
def test_ids_and_cursors_of_one_kind(bot, how, kind):
    show(bot, pk=how, cursor=how)
    pages = [bot.get(LIST, params={"max_id": start}).json() for start in range(0, 60, 12)]
    assert {type(page["next_max_id"]) for page in pages} == {kind}
    assert {type(user["pk"]) for page in pages for user in page["users"]} == {kind}


def test_the_list_as_a_graph(bot):
    true = bot.get("/_truth/followings/cafe_lucia").json()["usernames"]
    show(bot, followings="graphql")
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        edge = bot.get(LIST, params={"count": 50, "max_id": cursor}).json()["data"]["user"]["edge_follow"]
        names += [row["node"]["username"] for row in edge["edges"]]
        cursor = edge["page_info"]["end_cursor"]
        assert edge["page_info"]["has_next_page"] is (cursor is not None)
    assert names == true and edge["count"] == 412


def test_the_graph_may_be_asked_for_itself(bot):
    ask = {"variables": json.dumps({"id": "201", "first": 50, "after": "QVFE400"})}
    edge = bot.get("/graphql/query/", params=ask).json()["data"]["user"]["edge_follow"]
    assert len(edge["edges"]) == 12 and edge["page_info"] == {"has_next_page": False, "end_cursor": None}
    assert bot.get("/graphql/query/?variables=x").status_code == 400
    assert bot.get("/graphql/query/", params={"variables": '{"id":5}'}).json()["data"] == {"user": None}


def test_the_list_may_be_in_no_known_shape(bot):
    show(bot, followings="dialog")
    body = bot.get(LIST).json()
    assert "users" not in body and not found(body, "edge_follow") and len(body["payload"]["people"]) == 12


# What people see


@pytest.mark.parametrize(
    ("numbers", "exact", "short"),
    [
        ("en", "18,432", "18.4K"),
        ("es", "18.432", "18,4\u00a0mil"),
        ("space", "18 432", "18,4 mil"),
        ("nbsp", "18\u00a0432", "18,4\u00a0mil"),
        ("narrow", "18\u202f432", "18,4\u202fmil"),
        ("words", "18.432", "18,4 mil"),
    ],
)
def test_numbers(bot, numbers, exact, short):
    show(bot, numbers=numbers)
    assert f'title="{exact}"><span>{short}</span>' in bot.get("/cafe_lucia/").text


def test_the_exact_count_may_be_missing(bot):
    show(bot, titles=False)
    assert '<span><span>18.4K</span></span> <span class="' in bot.get("/cafe_lucia/").text


def test_one_language_for_all(bot):
    show(bot, language="es")
    assert "seguidores" in bot.get("/cafe_lucia/?hl=en").text


def test_links_may_have_their_slashes_encoded(bot):
    show(bot, links="encoded")
    page = bot.get("/cafe_lucia/").text
    assert 'href="/accounts/login/?next=%2Fcafe_lucia%2Ffollowers%2F"' in page
    assert 'href="/cafe_lucia/followers/"' not in page


def test_strangers_may_see_profiles_but_no_lists(stranger):
    assert stranger.get("/cafe_lucia/").status_code == 302
    show(stranger, strangers="profiles")
    page = stranger.get("/cafe_lucia/").text
    assert "18.4K" in page and "next=%2Fcafe_lucia%2Ffollowing%2F" in page and "<nav" not in page
    assert stranger.get("/cafe_lucia/following/").status_code == 302
    assert stranger.get(PROFILE).status_code == stranger.get("/cafe_lucia/?__a=1").status_code == 401


@pytest.mark.parametrize(
    ("form", "named"), [("username", ["username", "password"]), ("email", ["email", "pass"]), ("unnamed", [])]
)
def test_the_log_in_form(stranger, form, named):
    show(stranger, login_form=form)
    page = stranger.get("/accounts/login/").text
    assert re.findall(r'<input name="(\w+)"', page) == named
    assert page.count("<input") == 2


# Whose layout


def test_an_account_may_see_another_layout(app, bot):
    show(bot, account="bot_2", profile="none")
    assert inline(bot.get("/cafe_lucia/").text, "xig_user_by_username")
    assert show(bot, account="bot_1", profile="none")["accounts"] == {
        "bot_1": {"profile": "none"},
        "bot_2": {"profile": "none"},
    }
    assert not inline(bot.get("/cafe_lucia/").text, "xig_user_by_username")
    bot.delete("/_layout")
    assert inline(bot.get("/cafe_lucia/").text, "xig_user_by_username")


def test_a_request_may_ask_for_its_own(bot):
    assert not inline(bot.get("/cafe_lucia/?_layout=profile:none").text, "xig_user_by_username")
    assert "taken_at" not in bot.get(FEED, headers={"X-Layout": "taken_at:false,feed:items"}).text
    assert "taken_at" in bot.get(FEED).text
    assert bot.get("/cafe_lucia/?_layout=x:y").status_code == 422


@pytest.mark.parametrize(
    "body", [{"x": 1}, {"profile": "x"}, {"taken_at": 1}, {"taken_at": "false"}, [], "x"]
)
def test_nonsense_is_422(bot, body):
    assert bot.put("/_layout", json=body).status_code == 422
    assert bot.get("/_layout").json()["accounts"] == {}


def test_the_defaults_are_the_first_choices():
    assert {name: choices[0] for name, choices in CHOICES.items()} == parts_of(Layout())
    with pytest.raises(UnknownLayout):
        Layouts().of("bot_1", "profile")


def parts_of(layout):
    return {name: getattr(layout, name) for name in Layout.__dataclass_fields__}

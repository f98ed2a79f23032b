"""The calls, against the truth."""

from datetime import datetime

import pytest

CLIPS = "/api/v1/clips/user/"


def truth(client, name):
    return client.get("/_truth/users", params={"usernames": name}).json()["users"][name]


def public(people, number=40):
    users = (people.user(index) for index in range(people.size))
    return [user for user in users if user.exists and not user.is_private and user.posts][:number]


def old_profile(client, name):
    return client.get("/api/v1/users/web_profile_info/", params={"username": name}).json()["data"]["user"]


def all_feed(client, pk, count=12):
    items, cursor, more = [], "", True
    while more:
        body = client.get(f"/api/v1/feed/user/{pk}/", params={"count": count, "max_id": cursor}).json()
        items += body["items"]
        cursor, more = body.get("next_max_id"), body["more_available"]
        assert more == ("next_max_id" in body)
    return items


def all_clips(client, pk, **more):
    items, cursor = [], ""
    while True:
        form = {"target_user_id": pk, "page_size": 12, "max_id": cursor, "include_feed_video": "true", **more}
        body = client.post(CLIPS, data=form).json()
        items += [item["media"] for item in body["items"]]
        cursor = body["paging_info"]["max_id"]
        if not body["paging_info"]["more_available"]:
            return items


def all_followings(client, pk, count=200):
    names, cursor, more = [], "", True
    while more:
        body = client.get(
            f"/api/v1/friendships/{pk}/following/", params={"count": count, "max_id": cursor}
        ).json()
        names += [user["username"] for user in body["users"]]
        cursor, more = body.get("next_max_id"), body["has_more"]
        assert more == ("next_max_id" in body)
    return names


def test_the_old_profile_is_the_truth(bot, people):
    for user in public(people):
        said, true = old_profile(bot, user.username), truth(bot, user.username)
        assert {
            "id": said["id"],
            "full_name": said["full_name"],
            "biography": said["biography"],
            "external_url": said["external_url"],
            "category": said["category_name"],
            "followers": said["edge_followed_by"]["count"],
            "followings": said["edge_follow"]["count"],
            "posts": said["edge_owner_to_timeline_media"]["count"],
            "is_private": said["is_private"],
            "is_verified": said["is_verified"],
            "is_business": said["is_business_account"],
        }.items() <= true.items()


def test_the_old_nodes_are_the_truth(bot, people):
    either = set()
    for user in public(people):
        true = {media["id"]: media for media in truth(bot, user.username)["media"]}
        edges = old_profile(bot, user.username)["edge_owner_to_timeline_media"]["edges"]
        assert len(edges) == min(12, len(true))
        for node in (edge["node"] for edge in edges):
            media = true[node["id"]]
            likes = {node[k]["count"] for k in ("edge_liked_by", "edge_media_preview_like") if k in node}
            either.add(tuple(k in node for k in ("edge_liked_by", "edge_media_preview_like")))
            assert likes == {-1 if media["hidden"] else media["likes"]}
            assert node.get("video_view_count") == media["views"]
            assert node["edge_media_to_comment"]["count"] == media["comments"]
            assert node["taken_at_timestamp"] == datetime.fromisoformat(media["taken_at"]).timestamp()
            assert bool(node["pinned_for_users"]) == media["pinned"]
            assert node["is_video"] == (media["kind"] in ("video", "reel"))
    assert either == {(True, True), (True, False), (False, True)}


def test_pinned_posts_come_first(bot, people):
    users = public(people, 600)
    pinning = next(u for u in users if any(m.pinned for m in people.media(u)))
    said = all_feed(bot, pinning.pk)
    flags = [bool(item["timeline_pinned_user_ids"]) for item in said]
    assert flags == sorted(flags, reverse=True) and any(flags)
    assert [i["pk"] for i in said if not i["timeline_pinned_user_ids"]] == sorted(
        (i["pk"] for i in said if not i["timeline_pinned_user_ids"]), key=int, reverse=True
    )


def test_the_whole_feed_is_the_truth(bot, people):
    for user in public(people, 25):
        true = {media["id"]: media for media in truth(bot, user.username)["media"]}
        items = all_feed(bot, user.pk)
        assert {item["pk"] for item in items} == set(true) and len(items) == len(true)
        for item in items:
            media = true[item["pk"]]
            assert item["like_and_view_counts_disabled"] == media["hidden"]
            assert item["like_count"] == (3 if media["hidden"] else media["likes"])
            assert item.get("play_count") == media["views"]
            assert (item["media_type"], item["product_type"]) == {
                "image": (1, "feed"),
                "video": (2, "feed"),
                "carousel": (8, "carousel_container"),
                "reel": (2, "clips"),
            }[media["kind"]]


def test_clips_are_the_films(bot, people):
    for user in public(people, 25):
        true = {m["id"]: m for m in truth(bot, user.username)["media"] if m["kind"] in ("video", "reel")}
        items = all_clips(bot, user.pk)
        assert {item["pk"] for item in items} == set(true)
        assert all(item["play_count"] == true[item["pk"]]["views"] for item in items)
        assert all(item["like_count"] in (-1, 3) for item in items if true[item["pk"]]["hidden"])
        reels = all_clips(bot, user.pk, include_feed_video="false")
        assert {i["pk"] for i in reels} == {pk for pk, media in true.items() if media["kind"] == "reel"}


def test_hidden_likes_come_in_both_ways(bot, people):
    hiding = [user for user in public(people, 600) if user.hides_likes]
    said = {item["like_count"] for user in hiding for item in all_clips(bot, user.pk)}
    assert said == {-1, 3}


def test_clips_need_the_csrf_token(bot):
    bot.headers["X-CSRFToken"] = "x"
    assert bot.post(CLIPS, data={"target_user_id": 201}).status_code == 403


def test_the_following_list_is_the_truth(bot):
    true = bot.get("/_truth/followings/cafe_lucia").json()
    assert true["completeness"] == "complete"
    assert all_followings(bot, 201) == true["usernames"]
    assert all_followings(bot, 201, count=37) == true["usernames"]
    assert len(true["usernames"]) == truth(bot, "cafe_lucia")["followings"]


def test_ids_and_cursors_are_numbers_and_strings(bot):
    pages = [
        bot.get("/api/v1/friendships/201/following/", params={"count": 12, "max_id": start}).json()
        for start in range(0, 120, 12)
    ]
    assert {type(page["next_max_id"]) for page in pages} == {int, str}
    assert {type(user["pk"]) for page in pages for user in page["users"]} == {int, str}


@pytest.mark.parametrize(
    ("asked", "given"), [(None, 12), (50, 50), (200, 200), (5000, 200), ("x", 12), (0, 12)]
)
def test_page_sizes(bot, asked, given):
    query = {} if asked is None else {"count": asked}
    assert len(bot.get("/api/v1/friendships/201/following/", params=query).json()["users"]) == given


def test_a_limited_list_ends_early_without_a_cursor(bot, people):
    pk = people.find("lista_corta").pk
    body = bot.get(f"/api/v1/friendships/{pk}/following/").json()
    assert len(body["users"]) == 50 and "next_max_id" not in body
    assert body["should_limit_list_of_followers"] is True
    assert truth(bot, "lista_corta")["followings"] == 400
    assert bot.get("/_truth/followings/lista_corta").json()["completeness"] == "capped"


def test_whoever_follows_nobody_has_an_empty_list(bot, people):
    body = bot.get(f"/api/v1/friendships/{people.find('solo_silencio').pk}/following/").json()
    assert body["users"] == [] and "next_max_id" not in body


def test_private_accounts_tell_their_header_only(bot, people):
    pk = people.find("casa_privada").pk
    assert old_profile(bot, "casa_privada")["edge_owner_to_timeline_media"]["edges"] == []
    for path in [f"/api/v1/friendships/{pk}/following/", f"/api/v1/feed/user/{pk}/"]:
        answer = bot.get(path)
        assert (answer.status_code, answer.json()["message"]) == (400, "Not authorized to view user")
    assert all_clips(bot, pk) == []


def test_missing_accounts_are_told_in_two_ways(bot, people):
    gone = [people.user(i).username for i in range(people.size) if people.crowd.ghost[i]]
    answers = {
        (a.status_code, a.text)
        for a in (bot.get("/api/v1/users/web_profile_info/", params={"username": n}) for n in gone)
    }
    assert {status for status, _ in answers} == {200, 404}
    assert len(answers) == 2


@pytest.mark.parametrize("path", ["users/5/info", "feed/user/5", "friendships/5/following"])
def test_unknown_ids_are_404(bot, path):
    answer = bot.get(f"/api/v1/{path}/")
    assert (answer.status_code, answer.json()["message"]) == (404, "User not found")


def test_the_app_id_is_wanted(bot):
    del bot.headers["X-IG-App-ID"]
    assert bot.get("/api/v1/users/web_profile_info/?username=cafe_lucia").status_code == 400


def test_user_info_is_the_newer_shape(bot):
    user = bot.get("/api/v1/users/201/info/").json()["user"]
    assert (user["pk"], user["follower_count"], user["media_count"]) == ("201", 18432, 268)


def test_answers_carry_the_claim(bot):
    assert bot.get("/api/v1/users/201/info/").headers["x-ig-set-www-claim"].startswith("hmac.")


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 40, "é", "Y2xpcHM6"])
def test_nonsense_cursors_begin_anew(bot, cursor):
    assert bot.get("/api/v1/friendships/201/following/", params={"max_id": cursor}).status_code == 200
    assert bot.get("/api/v1/feed/user/201/", params={"max_id": cursor}).status_code == 200
    assert bot.post(CLIPS, data={"target_user_id": 201, "max_id": cursor}).status_code == 200


def test_suggestions_are_people_with_profiles(bot, people):
    users = bot.get("/api/v1/discover/chaining/?target_id=201").json()["users"]
    assert len(users) == 5 and all(people.find(user["username"]) for user in users)

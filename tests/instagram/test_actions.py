import re
from dataclasses import asdict
from datetime import datetime

import pytest

from scrapinsta_ray.domain.models import Completeness
from scrapinsta_ray.errors import CoolDown, LayoutChanged, NeedsHuman, RetryLater, TaskRejected
from scrapinsta_ray.instagram import actions
from scrapinsta_ray.instagram.actions import fetch_followings, fetch_profile, send_message
from scrapinsta_ray.instagram.parse.profile import parse_profile

pytestmark = pytest.mark.browser

TARGET = "cafe_lucia"
FIELDS = (
    "id full_name biography external_url category followers followings posts is_private is_verified is_business"
).split()


@pytest.fixture
def people(ask, a_session):
    """The truth about some that the target follows, by name; None for those who are gone."""
    names = ask(f"/_truth/followings/{TARGET}")["usernames"][:150]
    return ask(f"/_truth/users?usernames={','.join(names)}")["users"]


def first(people, wanted):
    return next(name for name, truth in people.items() if truth and wanted(truth))


def is_open(truth) -> bool:
    return not truth["is_private"] and truth["posts"] > 12


def test_every_profile_equals_the_truth(a_session, people):
    for name, truth in list(people.items())[:50]:
        if truth is None:
            with pytest.raises(TaskRejected) as raised:
                fetch_profile(a_session, name)
            assert raised.value.reason == "not_found"
        elif not truth["is_private"]:
            assert_true(fetch_profile(a_session, name), truth)


def assert_true(profile, truth):
    read = asdict(profile)
    assert {name: read[name] for name in FIELDS} == {name: truth[name] for name in FIELDS}
    known = {media["code"]: media for media in truth["media"]}
    assert len({media.id for media in profile.media}) == len(profile.media) >= min(12, len(known))
    for media in read["media"]:
        expected = dict(known[media["code"]])
        assert media["taken_at"] == datetime.fromisoformat(expected.pop("taken_at"))
        assert {name: media[name] for name in expected} == expected


def test_a_private_profile_keeps_nothing(a_session, people):
    name = first(people, lambda truth: truth["is_private"])
    profile = fetch_profile(a_session, name)
    assert profile.is_private
    assert profile.id == people[name]["id"]
    assert profile.media == ()
    for field in ("full_name", "biography", "followers", "followings", "posts"):
        assert getattr(profile, field) is None
        assert profile.missing[field] == "private"


@pytest.mark.parametrize("limit", [3, 30])
def test_the_media_limit_counts_the_timeline(a_session, people, limit, monkeypatch):
    name = first(people, lambda truth: len(truth["media"]) > 30)
    monkeypatch.setattr(actions, "_with_reels", lambda session, profile: profile)
    profile = fetch_profile(a_session, name, media_limit=limit)
    newest = sorted(people[name]["media"], key=lambda media: not media["pinned"])[:limit]
    assert [media.code for media in profile.media] == [media["code"] for media in newest]


def test_a_profile_takes_two_calls_and_no_page(a_session, people, ask):
    name = first(people, is_open)
    before = ask("/_truth")["requests"]
    fetch_profile(a_session, name)
    assert ask("/_truth")["requests"] == before + 2


def test_the_pages_json_serves_when_the_call_fails(a_session, people, monkeypatch):
    def changed(data, username):
        raise LayoutChanged

    monkeypatch.setattr(actions, "profile_in", changed)
    name = first(people, is_open)
    profile = fetch_profile(a_session, name)
    assert_true(profile, people[name] | {"is_business": profile.is_business})
    assert profile.source["followers"].startswith("data-sjs:")
    private = first(people, lambda truth: truth["is_private"])
    assert fetch_profile(a_session, private).is_private


def test_the_page_itself_is_the_last_resort(a_session, people, monkeypatch):
    def changed(data, username):
        raise LayoutChanged

    monkeypatch.setattr(actions, "profile_in", changed)
    monkeypatch.setattr(actions, "inline_profile", lambda html, username: None)
    monkeypatch.setattr("scrapinsta_ray.instagram.parse.profile._inline", lambda tree, username: None)
    name = first(people, is_open)
    profile = fetch_profile(a_session, name)
    assert (profile.followers, profile.posts) == (people[name]["followers"], people[name]["posts"])
    assert profile.source["followers"] == "dom:header"
    assert {media.code for media in profile.media} <= {media["code"] for media in people[name]["media"]}
    assert profile.media


@pytest.mark.parametrize(
    ("signal", "error"),
    [
        ("throttled", CoolDown),
        ("rate_limited", CoolDown),
        ("feedback_required", CoolDown),
        ("checkpoint_required", NeedsHuman),
        ("server_error", RetryLater),
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/users/", "/api/v1/clips/"])
def test_what_the_site_says_on_the_way_reaches_the_caller(a_session, people, fault, signal, error, path):
    name = first(people, is_open)
    fault(signal, account="bot_3", path_prefix=path)
    with pytest.raises(error):
        fetch_profile(a_session, name)


def test_followings_page_by_page_up_to_the_limit(a_session, ask):
    names = ask(f"/_truth/followings/{TARGET}")["usernames"]
    pages = list(fetch_followings(a_session, TARGET, 60))
    assert [len(page.users) for page in pages] == [50, 10]
    assert [page.completeness for page in pages] == [None, Completeness.TRUNCATED]
    assert [user.username for page in pages for user in page.users] == names[:60]


def test_followings_go_on_from_a_cursor(a_session, ask):
    names = ask(f"/_truth/followings/{TARGET}")["usernames"]
    page = next(fetch_followings(a_session, TARGET, 500))
    rest = [
        user.username
        for page in fetch_followings(a_session, TARGET, 10, page.next_cursor)
        for user in page.users
    ]
    assert rest == names[50:60]


@pytest.mark.parametrize("kind", ["complete", "capped"])
def test_a_list_says_how_it_ended(a_session, ask, people, kind):
    def ends(name):
        return ask(f"/_truth/followings/{name}")["completeness"] == kind

    names = [ask("/_truth")["fixtures"]["limited_list"], *(name for name in people if people[name])]
    name = next(name for name in names if ends(name))
    pages = list(fetch_followings(a_session, name, 5000))
    assert pages[-1].completeness is Completeness(kind)
    assert [user.username for page in pages for user in page.users] == ask(f"/_truth/followings/{name}")[
        "usernames"
    ]


def test_an_empty_list_of_somebody_who_follows_some_is_a_soft_block(a_session, monkeypatch):
    answer = a_session.get_json

    def emptied(path):
        return {"users": [], "status": "ok"} if "/friendships/" in path else answer(path)

    monkeypatch.setattr(a_session, "get_json", emptied)
    (page,) = fetch_followings(a_session, TARGET, 100)
    assert page.completeness is Completeness.SOFT_BLOCKED


def test_more_rows_than_asked_for_are_cut_and_none_is_lost(a_session, monkeypatch):
    answer = a_session.get_json

    def generous(path):
        rows = [{"pk": n, "username": f"u{n}"} for n in range(1, 21)]
        return {"users": rows, "next_max_id": "20"} if "/friendships/" in path else answer(path)

    monkeypatch.setattr(a_session, "get_json", generous)
    (page,) = fetch_followings(a_session, TARGET, 5, cursor="7")
    assert (len(page.users), page.next_cursor, page.completeness) == (5, "7", Completeness.TRUNCATED)


@pytest.mark.parametrize(
    ("wanted", "reason"), [(lambda t: t and t["is_private"], "private"), (lambda t: t is None, "not_found")]
)
def test_followings_of_whom_cannot_be_read(a_session, people, wanted, reason):
    name = next(name for name, truth in people.items() if wanted(truth))
    with pytest.raises(TaskRejected) as raised:
        next(fetch_followings(a_session, name, 10))
    assert raised.value.reason == reason


def test_the_dialog_serves_when_the_lists_json_has_changed(a_session, ask, monkeypatch):
    def changed(*_given):
        raise LayoutChanged

    monkeypatch.setattr(actions, "followings_in", changed)
    names = ask(f"/_truth/followings/{TARGET}")["usernames"]
    pages = list(fetch_followings(a_session, TARGET, 30))
    assert [user.username for page in pages for user in page.users] == names[:30]
    assert pages[-1].completeness is Completeness.TRUNCATED


def test_the_dialog_knows_its_end(a_session, ask, people, monkeypatch):
    def short(name, truth):
        told = ask(f"/_truth/followings/{name}")
        return told["completeness"] == "complete" and 0 < truth["followings"] == len(told["usernames"]) < 150

    def changed(*_given):
        raise LayoutChanged

    name = next(name for name, truth in people.items() if truth and is_open(truth) and short(name, truth))
    monkeypatch.setattr(actions, "followings_in", changed)
    pages = list(fetch_followings(a_session, name, 5000))
    assert [user.username for page in pages for user in page.users] == ask(f"/_truth/followings/{name}")[
        "usernames"
    ]
    assert pages[-1].completeness is Completeness.COMPLETE


TEXT = "¡Hola! 🌞 ¿Qué tal?\nUna segunda línea"


def written(ask, to):
    return [
        message["text"]
        for thread in ask("/_truth/threads")["threads"]
        if (thread["from"], thread["to"]) == ("bot_3", to)
        for message in thread["messages"]
    ]


def test_a_message_arrives_as_it_was_written_and_once(a_session, ask, people):
    name = first(people, lambda truth: not truth["refuses_messages"])
    send_message(a_session, name, TEXT)
    assert written(ask, name) == [TEXT]
    send_message(a_session, name, TEXT, look_first=True)
    assert written(ask, name) == [TEXT]


@pytest.mark.parametrize("why", ["refuses_requests", "refuses_strangers"])
def test_a_refusal_rejects_the_task(a_session, ask, why):
    name = ask("/_truth")["fixtures"][why]
    with pytest.raises(TaskRejected) as raised:
        send_message(a_session, name, TEXT)
    assert raised.value.reason == "not_allowed"
    assert not written(ask, name)


def test_nobody_to_write_to(a_session, people):
    gone = next(name for name, truth in people.items() if truth is None)
    with pytest.raises(TaskRejected) as raised:
        send_message(a_session, gone, TEXT)
    assert raised.value.reason == "not_found"


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_page_as_it_is_shown_is_read_in_both_languages(a_session, people, language):
    name = first(people, is_open)
    a_session.open(f"/{name}/reels/?hl={language}")
    a_session.wait_for("return !!document.querySelector('a[href*=\"/reel/\"] svg')", "reels")
    html = re.sub(r"<script.*?</script>", "", a_session.page().html, flags=re.DOTALL)
    a_session.open("/?hl=en")
    profile = parse_profile(html, name)
    assert profile.source["followers"] == "dom:header"
    assert (profile.followers, profile.posts) == (people[name]["followers"], people[name]["posts"])
    assert profile.is_verified is people[name]["is_verified"]
    assert any(media.views is not None for media in profile.media)

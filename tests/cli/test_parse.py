"""`scrapinsta parse`: saved files in, one object a line out; what cannot be read is said and the rest goes on."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell
from tests.instagram.documents import FOLLOWINGS, MEDIA, PAGES, PROFILES, REELS

ANSWER = json.dumps({"status": 429, "url": "https://www.instagram.com/api/v1/x/", "headers": {}, "body": ""})
NOT_FOUND = json.dumps({"data": {"user": None}, "status": "ok"})


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Writes a file and tells its name."""

    def written(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return written


def lines(shell: Shell) -> list[dict[str, Any]]:
    return [json.loads(line) for line in shell.out.splitlines()]


def test_profiles_are_one_object_a_line_in_the_order_of_the_files(shell: Shell, file: Any) -> None:
    names = [file("a.json", PROFILES["users info"]), file("b.html", PAGES["es, saved"])]
    shell.run("parse", "profile", *names, "--json")
    api, page = lines(shell)
    assert (shell.code, shell.err) == (0, "")
    assert (api["username"], api["followers"], api["media"]) == ("jane.doe", 52979346, [])
    assert (page["followings"], [post["kind"] for post in page["media"]]) == (
        1234,
        ["image", "carousel", "reel"],
    )
    assert page["source"]["followers"] == "dom:header"
    assert page["missing"]["id"] == "absent"


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("media", MEDIA["feed"], {"kind": "reel", "likes": 16965}),
        (
            "reels",
            REELS["clips/user"],
            {"kind": "reel", "views": 401421, "taken_at": "2022-12-24T00:31:30+00:00"},
        ),
    ],
)
def test_posts_are_one_object_a_file(
    shell: Shell, file: Any, kind: str, text: str, wanted: dict[str, Any]
) -> None:
    shell.run("parse", kind, file("a.json", text), "--json")
    (found,) = lines(shell)
    (post,) = found["media"]
    assert {name: post[name] for name in wanted} == wanted
    assert found["source"]["media"] == "items"


def test_a_following_list_says_how_it_ended_when_the_count_is_known(shell: Shell, file: Any) -> None:
    empty = file("a.json", json.dumps({"users": [], "status": "ok"}))
    shell.run("parse", "followings", empty, file("b.json", FOLLOWINGS["API"]), "--count", "70", "--json")
    assert [(one["next_cursor"], one["completeness"]) for one in lines(shell)] == [
        (None, "soft_blocked"),
        ("50", None),
    ]


def test_a_signal_is_two_words(shell: Shell, file: Any) -> None:
    shell.run("parse", "signal", file("a.json", ANSWER), "--json")
    assert lines(shell) == [{"signal": "cooldown", "reason": "throttled"}]


def test_a_dash_is_standard_input(shell: Shell) -> None:
    shell.run("parse", "profile", "-", "--json", say=PROFILES["data-sjs"])
    assert lines(shell)[0]["followers"] == 52979346


def test_what_cannot_be_read_is_one_line_each_and_the_others_go_on(
    shell: Shell, file: Any, tmp_path: Path
) -> None:
    names = [
        file("gone.json", NOT_FOUND),
        file("odd.json", '{"graphql": {"person": {}}}'),
        file("broken.json", "{"),
        str(tmp_path / "none.json"),
        file("good.json", PROFILES["users info"]),
    ]
    shell.run("parse", "profile", *names, "--json")
    assert shell.code == 1
    assert [one["username"] for one in lines(shell)] == ["jane.doe"]
    gone, odd, broken, none = shell.err.splitlines()
    assert names[0] in gone
    assert "not_found" in gone
    assert "data.user" in gone
    assert names[1] in odd
    assert "graphql.user" in odd
    assert names[2] in broken
    assert names[3] in none


@pytest.mark.parametrize("kind", ["profile", "media", "reels", "followings", "signal"])
def test_without_json_it_is_a_table(shell: Shell, file: Any, kind: str) -> None:
    text = {"profile": PAGES["en, live"], "followings": FOLLOWINGS["API"], "signal": ANSWER}
    shown = shell.run("parse", kind, file("a", text.get(kind, PAGES["en, live"]))).out
    wanted = {"profile": "52979346", "followings": "ana", "signal": "throttled"}
    assert wanted.get(kind, "CAxyPW6luuP") in shown
    assert shell.code == 0


def test_help_says_what_comes_out(shell: Shell) -> None:
    assert "next_cursor" in shell.run("parse", "media", "--help").out

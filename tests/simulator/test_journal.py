"""What was asked when, also when it was a lot."""

import json
import time

import pytest

from scrapinsta_ray.simulator.journal import Journal, Question

KINDS = ("feed", "followings", "profile")


def filled(number, step=1.0, accounts=2):
    journal = Journal()
    for n in range(number):
        row = journal.note(n * step, f"bot_{n % accounts + 1}", "GET", f"/{n % 100}/", KINDS[n % 3])
        journal.answered(row, 200 if n % 10 else 429)
    return journal


def test_counts_of_one_account_and_kind():
    told = filled(60).tell(Question("bot_1", ["feed"]))
    assert told["count"] == 10 and told["by_kind"] == {"feed": 10}
    assert filled(60).accounts() == {"": 0, "bot_1": 30, "bot_2": 30}
    assert filled(60).tell(Question())["by_status"] == {"200": 54, "429": 6}


def test_gaps_and_the_busiest_window():
    journal = Journal()
    for at in (0, 100, 101, 102, 103, 300):
        journal.note(at, "bot_1", "GET", "/a/", "profile")
    told = journal.tell(Question("bot_1", window=4))
    assert told["gaps"] == {"min": 1, "median": 1, "max": 197}
    assert (told["busiest"]["requests"], told["busiest"]["from"]) == (4, "1970-01-01T00:01:40+00:00")
    assert (
        journal.tell(Question("bot_1", window=3))["busiest"]["requests"] == 3
    )  # the window's end is outside


def test_a_span_of_time_and_the_last_rows():
    told = filled(100).tell(Question(since=10, until=19, limit=3))
    assert told["count"] == 10
    assert [row["at"] for row in told["requests"]] == [17, 18, 19]
    assert told["requests"][0] == {
        "at": 17,
        "method": "GET",
        "path": "/17/",
        "kind": "profile",
        "status": 200,
    }


def test_who_was_never_there():
    told = filled(3).tell(Question("bot_9"))
    assert (told["count"], told["first"], told["gaps"], told["busiest"]) == (0, None, None, None)
    assert Journal().tell(Question())["count"] == 0


def test_a_hundred_thousand_requests_are_cheap():
    began = time.process_time()
    journal = filled(100_000, 0.01, 8)
    assert time.process_time() - began < 2
    began = time.process_time()
    assert journal.tell(Question("bot_3", limit=0))["count"] == 12_500
    assert time.process_time() - began < 0.3


def test_over_http(bot):
    since = time.time()
    for _ in range(3):
        bot.get("/api/v1/feed/user/201/")
    bot.get("/cafe_lucia/")
    told = bot.get("/_requests", params={"account": "bot_1", "kind": ["feed"], "since": since}).json()
    assert told["count"] == 3 and told["by_status"] == {"200": 3}
    assert {row["path"] for row in told["requests"]} == {"/api/v1/feed/user/201/"}
    api = bot.get("/_requests", params={"account": "bot_1", "kind": "api", "since": told["first"]}).json()
    assert api["count"] == 3
    json.dumps(api)


def test_orders_to_the_simulator_are_not_in_it(bot):
    before = bot.get("/_requests").json()["count"]
    bot.get("/_faults")
    assert bot.get("/_requests").json()["count"] == before


@pytest.mark.parametrize("query", ["kind=x", "since=yesterday", "window=x", "limit=x"])
def test_nonsense_is_422(bot, query):
    assert bot.get(f"/_requests?{query}").status_code == 422

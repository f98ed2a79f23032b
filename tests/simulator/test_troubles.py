"""A challenge stays until a person resolves it, and what the account does meanwhile is written down."""

import pytest

from tests.simulator.conftest import TestClient, log_in

INFO = "/api/v1/users/201/info/"
LOGIN = "/api/v1/web/accounts/login/ajax/"


def trouble(client, name="bot_1"):
    return client.get(f"/_accounts/{name}").json()["trouble"]


@pytest.mark.parametrize(
    ("fault", "message", "leads_to"),
    [
        ("checkpoint_required", "checkpoint_required", "/challenge/"),
        ("challenge_required", "challenge_required", "/challenge/"),
    ],
)
def test_calls_and_pages_meet_it_until_it_is_resolved(bot, fault, message, leads_to):
    bot.post("/_faults", json={"fault": fault, "account": "bot_1"})
    for _ in range(3):
        answer = bot.get(INFO)
        assert (answer.status_code, answer.json()["message"]) == (400, message)
    assert bot.get("/cafe_lucia/").headers["location"].startswith(leads_to)
    bot.post("/_accounts/bot_1/resolve")
    assert bot.get(INFO).status_code == bot.get("/cafe_lucia/").status_code == 200


@pytest.mark.parametrize(
    ("fault", "leads_to"), [("challenge_page", "/challenge/"), ("suspended", "/accounts/suspended/")]
)
def test_some_lead_even_calls_to_a_page(bot, fault, leads_to):
    bot.post("/_faults", json={"fault": fault})
    for path in (INFO, "/cafe_lucia/", INFO):
        answer = bot.get(path)
        assert answer.status_code == 302 and answer.headers["location"].startswith(leads_to)
    page = bot.get(answer.headers["location"])
    assert page.status_code == 200 and "<h1>" in page.text


def test_a_challenge_tells_where_it_is(bot):
    bot.post("/_accounts/bot_1/challenge_required")
    assert {"url", "api_path", "native_flow"} <= set(bot.get(INFO).json()["challenge"])
    bot.post("/_accounts/bot_1/resolve")
    bot.post("/_accounts/bot_1/checkpoint_required")
    assert bot.get(INFO).json() == {
        "message": "checkpoint_required",
        "checkpoint_url": "/challenge/action/AXF/",
        "lock": False,
        "flow_render_type": 0,
        "status": "fail",
    }


def test_every_request_meanwhile_is_written_down(bot):
    bot.post("/_accounts/bot_1/challenge_required")
    assert trouble(bot)["touched"] == []
    bot.get(INFO)
    bot.get("/challenge/action/AXF/")
    bot.post(LOGIN, data={"username": "bot_1", "password": "bot-secret-1"})
    assert [(one["method"], one["kind"]) for one in trouble(bot)["touched"]] == [
        ("GET", "user_info"),
        ("GET", "challenge"),
        ("POST", "login_call"),
    ]
    told = bot.post("/_accounts/bot_1/resolve").json()
    assert told["trouble"] is None and len(told["past"][0]["touched"]) == 3
    bot.get(INFO)
    assert len(bot.get("/_accounts/bot_1").json()["past"][0]["touched"]) == 3


def test_it_cannot_be_logged_in_upon(app, bot):
    bot.post("/_accounts/bot_1/checkpoint_required")
    answer = bot.post(LOGIN, data={"username": "bot_1", "password": "bot-secret-1"})
    assert (answer.status_code, answer.json()["message"]) == (400, "checkpoint_required")


def test_others_are_not_concerned(app, bot):
    bot.post("/_accounts/bot_1/checkpoint_required")
    other = TestClient(app, headers=bot.headers)
    other.cookies.set("csrftoken", bot.cookies["csrftoken"])
    log_in(other, "bot_2")
    assert other.get(INFO).status_code == 200


def test_one_that_does_not_last_is_met_once(bot):
    bot.post("/_faults", json={"fault": "checkpoint_required", "lasting": False})
    assert [bot.get(INFO).status_code for _ in range(2)] == [400, 200]


def test_clearing_the_faults_resolves_all(bot):
    bot.post("/_accounts/bot_1/suspended")
    bot.delete("/_faults")
    assert bot.get(INFO).status_code == 200


def test_a_session_can_be_ended_by_order(bot):
    bot.post("/_accounts/bot_1/logout")
    assert bot.get(INFO).status_code == 401
    log_in(bot, "bot_1")
    assert bot.get(INFO).status_code == 200


def test_accounts_tell_what_they_need_to_log_in(bot):
    told = bot.get("/_accounts").json()["accounts"]["bot_1"]
    assert (told["password"], told["logins"]) == ("bot-secret-1", 1)
    assert len(told["code"]) == 6 and len(told["totp_secret"]) == 32


def test_unknown_accounts_and_orders(bot):
    assert bot.get("/_accounts/cafe_lucia").status_code == 404
    assert bot.post("/_accounts/bot_1/dance").status_code == 422

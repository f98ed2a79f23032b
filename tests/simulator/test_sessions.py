"""Logging in, cookies, and the journal of who did what."""

import pytest

from scrapinsta_ray.simulator.app import make_app
from scrapinsta_ray.simulator.population import make_population
from scrapinsta_ray.simulator.sessions import AccountLog, Connection, SessionLog, Span
from tests.simulator.conftest import NOW, TestClient, log_in

LOGIN = "/api/v1/web/accounts/login/ajax/"


def test_a_first_visit_gets_the_form_and_the_cookies(app):
    client = TestClient(app)
    page = client.get("/").text
    assert 'name="username"' in page and 'name="password"' in page and 'type="submit"' in page
    assert {"csrftoken", "mid", "ig_did"} <= set(client.cookies)


def test_logging_in_gives_a_session_that_the_page_shows(stranger):
    log_in(stranger, "bot_3")
    assert {"sessionid", "ds_user_id"} <= set(stranger.cookies)
    assert 'href="/bot_3/"' in stranger.get("/").text


def test_the_packed_password_of_the_real_form_is_understood(stranger):
    form = {"username": "client_2", "enc_password": "#PWD_INSTAGRAM_BROWSER:0:1790000000:client-secret-2"}
    assert stranger.post(LOGIN, data=form).json()["authenticated"]


@pytest.mark.parametrize(
    ("username", "password", "known"),
    [
        ("bot_1", "bot-secret-2", True),
        ("bot_1", "", True),
        ("bot_1", "contraseña", True),
        ("bot_100", "bot-secret-100", False),
        ("client_10", "client-secret-10", False),
        ("cafe_lucia", "x", False),
    ],
)
def test_wrong_names_and_passwords_are_refused(stranger, username, password, known):
    answer = stranger.post(LOGIN, data={"username": username, "password": password})
    assert answer.json() == {"user": known, "authenticated": False, "status": "ok"}
    assert "sessionid" not in stranger.cookies


def test_logging_in_needs_the_csrf_token(stranger):
    stranger.headers["X-CSRFToken"] = "another"
    assert stranger.post(LOGIN, data={"username": "bot_1", "password": "bot-secret-1"}).status_code == 403


def test_a_cookie_outlives_a_restart_with_the_same_seed(bot, people):
    restarted = TestClient(make_app(people), cookies={"sessionid": bot.cookies["sessionid"]})
    assert 'href="/bot_1/"' in restarted.get("/").text


def test_a_cookie_of_another_seed_or_a_made_up_one_is_nothing(bot):
    other = make_app(make_population(50, 8, NOW))
    for token in [bot.cookies["sessionid"], "1001%3Aabc%3A27%3Adef", "x", "a%3Ab%3Ac%3Ad", "%3A%3A%3A"]:
        page = TestClient(other, cookies={"sessionid": token}).get("/").text
        assert 'name="username"' in page


def test_after_logging_out_the_cookie_is_dead(bot):
    token = bot.cookies["sessionid"]
    assert bot.get("/accounts/logout/").status_code == 302
    bot.cookies.set("sessionid", token)
    assert bot.get("/api/v1/users/201/info/").status_code == 401


def test_all_sessions_of_an_account_can_be_ended(app, bot):
    app.state.site.sessions.end_all("bot_1")
    assert bot.get("/cafe_lucia/").status_code == 302
    log_in(bot, "bot_1")
    assert bot.get("/cafe_lucia/").status_code == 200


@pytest.mark.parametrize("path", ["/cafe_lucia/", "/direct/new/?to=cafe_lucia", "/cafe_lucia/following/"])
def test_pages_lead_strangers_to_the_form_and_back(stranger, path):
    answer = stranger.get(path)
    assert answer.status_code == 302
    form = stranger.get(answer.headers["location"])
    assert f'location.assign("{path}")' in form.text


@pytest.mark.parametrize("wanted", ["//elsewhere.example/", "https://elsewhere.example/"])
def test_the_form_leads_to_no_other_site(stranger, wanted):
    page = stranger.get("/accounts/login/", params={"next": wanted}).text
    assert 'location.assign("/")' in page and "elsewhere" not in page


def test_calls_of_strangers_are_401(stranger):
    answer = stranger.get("/api/v1/users/web_profile_info/?username=cafe_lucia")
    assert answer.status_code == 401
    assert answer.json()["message"] == "Please wait a few minutes before you try again."
    assert answer.json()["require_login"] is True


def test_the_journal_tells_log_ins_sessions_and_kinds(bot):
    log_in(bot, "bot_1")
    bot.get("/cafe_lucia/")
    bot.get("/api/v1/users/web_profile_info/?username=cafe_lucia")
    bot.get("/cafe_lucia/")
    told = bot.get("/_truth/sessions").json()["accounts"]["bot_1"]
    assert told["logins"] == 2
    assert told["kinds"]["profile"] == 2 and told["kinds"]["web_profile_info"] == 1
    last = told["sessions"][-1]
    assert last["requests"] == 3 and last["first"] <= last["last"]
    assert bot.cookies["sessionid"] not in str(told)


def test_two_sessions_at_once_are_found(app, bot):
    other = TestClient(app, headers=bot.headers)
    other.cookies.set("csrftoken", bot.cookies["csrftoken"])
    bot.get("/cafe_lucia/")
    log_in(other, "bot_1")
    for client in (other, bot, other):
        assert client.get("/cafe_lucia/").status_code == 200
    told = bot.get("/_sessions", params={"account": "bot_1"}).json()
    (overlap,) = told["overlaps"]
    one, two = told["accounts"]["bot_1"]["sessions"]
    assert overlap["which"] == [one["session"], two["session"]] and overlap["of"] == "session"
    assert (overlap["from"], overlap["until"]) == (two["first"], one["last"])


def test_one_session_after_the_other_is_none_at_once(app, bot):
    bot.get("/cafe_lucia/")
    log_in(bot, "bot_1")
    bot.get("/cafe_lucia/")
    told = bot.get("/_sessions").json()
    assert told["overlaps"] == []
    assert len(told["accounts"]["bot_1"]["sessions"]) == 2
    assert len(told["accounts"]["bot_1"]["login_times"]) == 2


def test_a_copied_cookie_in_two_browsers_is_found():
    log = AccountLog()
    session = log.sessions["token%3An"] = SessionLog(Span(0, 9))
    for name, browser, first, last in [("a", 11, 0, 3), ("b", 11, 2, 5), ("c", 12, 4, 9), ("d", None, 0, 9)]:
        session.connections[name] = Connection(Span(first, last, 1), "agent", browser)
    (overlap,) = log.shown()["overlaps"]
    assert (overlap["of"], overlap["which"]) == ("browser", [11, 12])
    assert overlap["from"].endswith("00:00:04+00:00") and overlap["until"].endswith("00:00:05+00:00")
    assert {one["browser"]: one["requests"] for one in log.shown()["browsers"]} == {11: 2, 12: 1}

"""What the site does wrong when it is told to, and to whom."""

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.simulator.conftest import TestClient, log_in

INFO = "/api/v1/users/201/info/"


def order(client, **fault):
    answer = client.post("/_faults", json=fault)
    assert answer.status_code == 200
    return answer.json()


@pytest.mark.parametrize(
    ("signal", "status", "message"),
    [
        ("throttled", 401, "Please wait a few minutes before you try again."),
        ("logged_out", 403, "login_required"),
        ("checkpoint_required", 400, "checkpoint_required"),
        ("feedback_required", 400, "feedback_required"),
    ],
)
def test_calls_that_fail_with_a_message(bot, signal, status, message):
    order(bot, signal=signal)
    answer = bot.get(INFO)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


def test_too_many_requests_says_when_to_come_back(bot):
    order(bot, signal="rate_limited", retry_after=7)
    answer = bot.get(INFO)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


def test_a_server_error(bot):
    order(bot, signal="server_error")
    assert bot.get("/cafe_lucia/").status_code == 500


def test_a_fault_ends_after_its_times(bot):
    order(bot, signal="throttled", times=2)
    assert [bot.get(INFO).status_code for _ in range(4)] == [401, 401, 200, 200]
    told = bot.get("/_faults").json()
    assert told["active"] == [] and len(told["done"]) == 2


def test_a_fault_without_end_lasts_until_it_is_cleared(bot):
    order(bot, signal="throttled", times=-1)
    assert [bot.get(INFO).status_code for _ in range(3)] == [401, 401, 401]
    assert bot.delete("/_faults").json()["active"] == []
    assert bot.get(INFO).status_code == 200


def test_a_fault_of_one_account_below_one_path_meets_no_one_else(app, bot):
    other = TestClient(app, headers=bot.headers)
    other.cookies.set("csrftoken", bot.cookies["csrftoken"])
    log_in(other, "bot_2")
    order(bot, signal="throttled", account="bot_1", path_prefix="/api/v1/users/", times=-1)
    assert other.get(INFO).status_code == 200
    assert bot.get("/cafe_lucia/").status_code == 200
    assert bot.get(INFO).status_code == 401


def test_a_dead_session_stays_dead(bot):
    order(bot, signal="logged_out")
    assert [bot.get("/").status_code, bot.get(INFO).status_code] == [302, 401]
    log_in(bot, "bot_1")
    assert bot.get(INFO).status_code == 200


def test_a_checkpoint_leads_pages_to_the_challenge(bot):
    order(bot, signal="checkpoint_required", times=-1)
    answer = bot.get("/cafe_lucia/")
    assert answer.status_code == 302
    assert "<h1>Confirm it&#39;s you to log in</h1>" in bot.get(answer.headers["location"]).text


# Every row of the table of signals, as a call and as a page sees it.


def met(client, path=INFO, **fault):
    """The answer of a request that meets this fault."""
    order(client, **fault)
    return client.get(path)


@pytest.mark.parametrize("login", [True, False])
def test_throttled_with_and_without_require_login(bot, login):
    answer = met(bot, fault="throttled", require_login=login)
    assert (answer.status_code, answer.json().get("require_login", False)) == (401, login)
    assert answer.json()["status"] == "fail"


def test_too_many_requests_may_name_a_date_or_nothing(bot):
    until = parsedate_to_datetime(
        met(bot, fault="rate_limited", retry_after_as="date").headers["retry-after"]
    )
    assert 25 < (until - datetime.now(UTC)).total_seconds() < 31
    answer = met(bot, fault="rate_limited", retry_after_as="none")
    assert answer.status_code == 429 and "retry-after" not in answer.headers


def test_a_dead_session_by_a_call_says_so_in_its_title(bot):
    body = met(bot, fault="logged_out").json()
    assert body["error_title"] == "You've Been Logged Out" and body["logout_reason"]


@pytest.mark.parametrize("path", [INFO, "/cafe_lucia/"])
def test_a_redirect_to_the_log_in_form(bot, path):
    answer = met(bot, path, fault="login_redirect")
    assert (answer.status_code, answer.headers["location"]) == (302, "/accounts/login/")
    form = bot.get("/accounts/login/")
    assert form.status_code == 200 and 'type="password"' in form.text


def test_a_session_may_die_without_a_word(bot):
    answer = met(bot, fault="dead_session")
    assert (answer.status_code, answer.json()["require_login"]) == (401, True)
    assert bot.get("/cafe_lucia/").status_code == 302


def test_feedback_is_required(bot):
    body = met(bot, fault="feedback_required").json()
    assert body["feedback_title"] == "Try Again Later" and "protect our community" in body["feedback_message"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Try Again Later"),
        ({"text": "action_blocked"}, "Action Blocked"),
        ({"text": "restrict"}, "We restrict certain activity to protect our community"),
        (
            {"text": "restrict", "language": "es"},
            "Restringimos determinada actividad para proteger a nuestra comunidad",
        ),
        ({"language": "es"}, "Inténtalo de nuevo más tarde"),
    ],
)
def test_an_action_block_is_a_dialog_over_the_page(bot, options, sentence):
    answer = met(bot, "/cafe_lucia/", fault="action_block", **options)
    dialog = answer.text.split('role="dialog"')[1].split("</div></div>")[0]
    assert answer.status_code == 200 and sentence in dialog
    assert 'role="dialog"' not in bot.get("/cafe_lucia/").text.split("<script>")[-2]


def test_a_masked_challenge_is_two_bare_words(bot):
    answer = met(bot, fault="masked_404")
    assert (answer.status_code, answer.text) == (404, "Not Found")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Sorry, this page isn&#39;t available."),
        ({"language": "es"}, "Esta página no está disponible."),
    ],
)
def test_a_page_that_is_not_found(bot, options, sentence):
    answer = met(bot, "/cafe_lucia/", fault="not_found", **options)
    assert answer.status_code == 404 and f"<h2>{sentence}</h2>" in answer.text


def test_a_call_that_finds_nobody(bot):
    assert met(bot, fault="not_found").json()["message"] == "User not found"
    assert met(bot, fault="user_null").json() == {"data": {"user": None}, "status": "ok"}


def test_a_profile_shown_as_private(bot):
    order(bot, fault="private", target="cafe_lucia", times=-1)
    page = bot.get("/cafe_lucia/?hl=es").text
    assert "<h2>Esta cuenta es privada</h2>" in page and "/p/" not in page
    user = bot.get("/api/v1/users/web_profile_info/?username=cafe_lucia").json()["data"]["user"]
    assert user["is_private"] is True and user["edge_owner_to_timeline_media"]["edges"] == []
    assert bot.get("/api/v1/friendships/201/following/").json()["message"] == "Not authorized to view user"
    assert bot.post("/api/v1/clips/user/", data={"target_user_id": 201}).json()["items"] == []
    assert bot.get("/sigue_a_todos/").text.count("Esta cuenta es privada") == 0


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_errors_of_the_server(bot, status):
    assert met(bot, fault="server_error", status=status).status_code == status


def test_an_empty_body(bot):
    answer = met(bot, fault="empty")
    assert (answer.status_code, answer.text) == (200, "")


def test_errors_instead_of_data(bot):
    answer = met(bot, fault="graphql_errors")
    assert answer.status_code == 200 and answer.json()["data"] is None and answer.json()["errors"]


def test_a_success_at_the_challenge_is_none(bot):
    order(bot, fault="challenge_page")
    answer = bot.get(INFO, follow_redirects=True)
    assert answer.status_code == 200 and answer.url.path.startswith("/challenge/")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_soft_blocked_list_is_empty_although_the_profile_counts(bot):
    order(bot, fault="soft_blocked", times=-1)
    body = bot.get("/api/v1/friendships/201/following/").json()
    assert body["users"] == [] and "next_max_id" not in body
    variables = '{"id":"201","first":12}'
    edge = bot.get("/graphql/query/", params={"variables": variables}).json()["data"]["user"]["edge_follow"]
    assert (edge["count"], edge["edges"]) == (412, [])
    assert bot.get("/api/v1/users/201/info/").json()["user"]["following_count"] == 412


def test_any_list_may_be_capped(bot):
    body = met(bot, "/api/v1/friendships/201/following/?count=12", fault="capped").json()
    assert len(body["users"]) == 50 and body["should_limit_list_of_followers"] and "next_max_id" not in body


def test_a_log_in_popup_has_a_close_button(bot):
    page = met(bot, "/cafe_lucia/", fault="login_popup").text
    dialog = page.split('role="dialog"')[1]
    assert 'aria-label="Close"' in dialog and 'href="/accounts/login/"' in dialog and "18,432" in page


def test_a_right_password_may_be_refused(stranger):
    order(stranger, fault="wrong_password", account="bot_1")
    form = {"username": "Bot_1", "password": "bot-secret-1"}
    answers = [stranger.post("/api/v1/web/accounts/login/ajax/", data=form).json() for _ in range(2)]
    assert [one["authenticated"] for one in answers] == [False, True]


def test_a_log_in_may_need_a_second_factor(stranger):
    order(stranger, fault="two_factor", account="bot_1", times=-1)
    form = {"username": "bot_1", "password": "bot-secret-1"}
    answer = stranger.post("/api/v1/web/accounts/login/ajax/", data=form)
    assert answer.status_code == 400 and answer.json()["two_factor_required"] is True
    assert "sessionid" not in stranger.cookies
    info = answer.json()["two_factor_info"]
    second = {"username": "bot_1", "identifier": info["two_factor_identifier"], "verificationCode": "000000"}
    path = "/api/v1/web/accounts/login/ajax/two_factor/"
    assert stranger.post(path, data=second).json()["error_type"] == "sms_code_validation_code_invalid"
    second["verificationCode"] = stranger.get("/_accounts/bot_1").json()["code"]
    assert stranger.post(path, data=second).json()["authenticated"] is True
    assert 'href="/bot_1/"' in stranger.get("/").text
    assert stranger.post(path, data=second).status_code == 400
    log_in(stranger, "bot_2")


def test_a_rule_knows_whose_profile_a_request_is_about(bot):
    order(bot, fault="empty", target="cafe_lucia", times=-1)
    paths = [
        "/cafe_lucia/",
        "/Cafe_Lucia/reels/",
        INFO,
        "/api/v1/users/web_profile_info/?username=cafe_lucia",
    ]
    assert [bot.get(path).text for path in [*paths, "/api/v1/feed/user/201/"]] == [""] * 5
    assert bot.post("/api/v1/clips/user/", data={"target_user_id": 201}).text == ""
    assert bot.get("/api/v1/users/202/info/").text != ""


def test_an_answer_may_come_later(bot):
    order(bot, fault="latency", seconds=[0.2, 0.3], path="user_info")
    began = time.perf_counter()
    assert bot.get(INFO).status_code == 200
    assert 0.2 <= time.perf_counter() - began < 2


def test_several_rules_at_once_and_one_taken_back(bot):
    rules = [{"fault": "empty", "path": "feed", "times": -1}, {"fault": "server_error", "times": -1}]
    assert [rule["id"] for rule in bot.put("/_faults", json=rules).json()["active"]] == [1, 2]
    assert bot.get("/api/v1/feed/user/201/").text == "" and bot.get(INFO).status_code == 500
    assert [rule["id"] for rule in bot.delete("/_faults?id=2").json()["active"]] == [1]
    assert bot.get(INFO).status_code == 200 and bot.get("/api/v1/feed/user/201/").text == ""


def test_the_page_for_people_tells_orders_and_deeds(bot):
    order(bot, fault="throttled", account="bot_1", path="user_info", times=3)
    bot.post("/_faults", json={"script": ["ok", "reset"], "target": "<b>"})
    bot.get(INFO)
    for path in ("/_about", "/_faults"):
        page = bot.get(path, headers={"Accept": "text/html"}).text
        assert "<code>ok, reset</code>" in page and "about &lt;b&gt;" in page
        assert "1 × <code>throttled</code>" in page and "<td>bot_1</td>" in page
    assert bot.get("/_faults").json()["counts"] == {"throttled": 1}


@pytest.mark.parametrize("body", [{}, {"signal": "x"}, {"signal": "throttled", "more": 1}, [1], "x"])
def test_nonsense_is_422(bot, body):
    assert bot.post("/_faults", json=body).status_code == 422
    assert bot.get("/_faults").json()["active"] == []


@pytest.mark.browser
def test_a_blocked_message_opens_the_dialog_of_an_action_block(browser, site_url):
    wait = WebDriverWait(browser, 15, poll_frequency=0.05).until
    browser.get(f"{site_url}/accounts/login/?next=/direct/new/%3Fto=cafe_lucia")
    browser.find_element(By.NAME, "username").send_keys("client_3")
    browser.find_element(By.NAME, "password").send_keys("client-secret-3", Keys.ENTER)
    box = wait(lambda b: b.find_element(By.CSS_SELECTOR, "[role=textbox]"))
    browser.execute_async_script(
        "const fault = {signal: 'feedback_required', account: 'client_3', path_prefix: '/api/v1/direct_v2/'};"
        "fetch('/_faults', {method: 'POST', body: JSON.stringify(fault)}).then(() => arguments[0]())"
    )
    box.send_keys("hola", Keys.ENTER)
    dialog = wait(lambda b: b.find_element(By.CSS_SELECTOR, "[role=dialog]"))
    assert "Try Again Later" in dialog.text
    assert box.text == "hola"
    assert not browser.find_elements(By.CSS_SELECTOR, "[role=row]")

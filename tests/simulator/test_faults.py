"""What the site does wrong when it is told to, and to whom."""

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

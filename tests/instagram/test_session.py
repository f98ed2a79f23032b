import base64
import hashlib
import json
import logging
import time

import pytest

from scrapinsta_ray.errors import BudgetSpent, CoolDown, LayoutChanged, NeedsHuman, RetryLater, SessionLost
from scrapinsta_ray.instagram import login
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions, Response
from scrapinsta_ray.instagram.parse.profile import profile_in
from scrapinsta_ray.instagram.session import AccountSession
from tests.servers import free_port

pytestmark = pytest.mark.browser


def logins(ask, account: str) -> int:
    return int(ask("/_truth/sessions")["accounts"].get(account, {"logins": 0})["logins"])


def bot(browser, url, number=5, **more) -> AccountSession:
    return AccountSession(browser, url, f"bot_{number}", f"bot-secret-{number}", **more)


def test_the_password_is_used_once(a_clean_browser, simulator_url, ask):
    before = logins(ask, "bot_5")
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    session.ensure_logged_in()
    assert session.password_logins == 1
    assert logins(ask, "bot_5") == before + 1


def test_saved_cookies_are_enough_for_a_new_browser(a_clean_browser, simulator_url, folder, ask):
    first = bot(a_clean_browser, simulator_url)
    first.ensure_logged_in()
    saved = first.cookies()
    assert {"sessionid", "csrftoken", "ds_user_id"} <= {cookie["name"] for cookie in saved}
    before = logins(ask, "bot_5")
    with Browser(BrowserOptions(folder)) as browser:
        second = bot(browser, simulator_url, cookies=saved)
        second.ensure_logged_in()
        assert second.password_logins == 0
        assert second.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")["status"] == "ok"
    assert logins(ask, "bot_5") == before


def test_cookies_as_selenium_writes_them_are_taken_too(a_clean_browser, simulator_url):
    first = bot(a_clean_browser, simulator_url)
    first.ensure_logged_in()
    saved = a_clean_browser.driver.get_cookies()
    a_clean_browser.devtools("Network.clearBrowserCookies")
    second = bot(a_clean_browser, simulator_url, cookies=saved)
    second.ensure_logged_in()
    assert second.password_logins == 0


def test_a_sessionid_alone_proves_nothing(a_clean_browser, simulator_url):
    dead = [{"name": "sessionid", "value": "1%3Adead%3A27%3Abeef", "path": "/"}]
    session = bot(a_clean_browser, simulator_url, cookies=dead)
    session.ensure_logged_in()
    assert session.password_logins == 1


def test_another_accounts_session_is_not_used(a_clean_browser, simulator_url):
    bot(a_clean_browser, simulator_url, 6).ensure_logged_in()
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    assert session.password_logins == 1
    page = session.open("/")
    assert 'href="/bot_5/"' in page.html


def test_a_wrong_password_needs_a_person(a_clean_browser, simulator_url):
    session = AccountSession(a_clean_browser, simulator_url, "bot_5", "not-the-password")
    with pytest.raises(NeedsHuman) as raised:
        session.ensure_logged_in()
    assert raised.value.details["reason"] == "bad_password"
    assert "not-the-password" not in str(raised.value) + repr(raised.value.details)


def test_a_checkpoint_needs_a_person(a_clean_browser, simulator_url, fault):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    fault("checkpoint_required", account="bot_5")
    with pytest.raises(NeedsHuman):
        session.ensure_logged_in()
    assert session.password_logins == 1


def test_a_dead_session_is_lost_and_one_log_in_brings_it_back(a_clean_browser, simulator_url, fault):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    fault("logged_out", account="bot_5", path_prefix="/api/")
    with pytest.raises(SessionLost):
        session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")
    session.ensure_logged_in()
    assert session.password_logins == 2
    assert session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")["status"] == "ok"


def test_retry_after_reaches_the_caller(a_clean_browser, simulator_url, fault):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    fault("rate_limited", account="bot_5", path_prefix="/api/", retry_after=77)
    with pytest.raises(CoolDown) as raised:
        session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")
    assert raised.value.retry_after_s == 77


def test_a_call_without_a_page_opens_the_site_first(a_clean_browser, simulator_url):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    a_clean_browser.goto("about:blank")
    assert session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")["status"] == "ok"


def test_calls_carry_the_headers_of_the_pages_scripts(a_clean_browser, simulator_url):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    headers = session.request_headers()
    assert headers["X-IG-App-ID"] == "936619743392459"
    assert headers["X-IG-WWW-Claim"] == "0"
    assert headers["X-Requested-With"] == "XMLHttpRequest"
    saved = {cookie["name"]: cookie["value"] for cookie in session.cookies()}
    assert headers["X-CSRFToken"] == saved["csrftoken"]
    session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")
    assert session.request_headers()["X-IG-WWW-Claim"] == "hmac.bot_5"


def test_a_site_that_is_away_is_a_passing_fault(a_clean_browser):
    session = AccountSession(a_clean_browser, f"http://127.0.0.1:{free_port()}", "bot_5", "bot-secret-5")
    with pytest.raises(RetryLater):
        session.ensure_logged_in()


def test_secrets_are_shown_nowhere(a_clean_browser, simulator_url, caplog):
    caplog.set_level(logging.DEBUG)
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    token = next(cookie["value"] for cookie in session.cookies() if cookie["name"] == "sessionid")
    shown = repr(session) + str(session) + repr(session.browser) + caplog.text
    assert "bot-secret-5" not in shown
    assert token not in shown


FORMS = {
    "by name": '<input name="username"><input name="password" type="password">',
    "since 2026": '<input name="email"><input name="pass" type="password">',
    "by type": '<input type="text"><input type="password">',
    "by autocomplete": '<input autocomplete="username"><input type="password">',
}


@pytest.mark.parametrize("form", FORMS)
def test_the_form_is_found_by_name_and_else_by_type(a_clean_browser, form):
    script = "document.forms[0].onsubmit = e => { e.preventDefault(); window.typed = true; document.forms[0].remove() }"
    a_clean_browser.goto(
        f"data:text/html,<form>{FORMS[form]}<button>Log in</button></form><script>{script}</script>"
    )
    login.with_password(a_clean_browser, "bot_5", "x")
    assert a_clean_browser.run("return window.typed") is True


def test_a_second_factor_needs_a_person(a_clean_browser):
    code = "<form><input name=verificationCode></form>"
    a_clean_browser.goto(f"data:text/html,{code}")
    with pytest.raises(NeedsHuman) as raised:
        login.settled(a_clean_browser, "bot_5")
    assert raised.value.details["reason"] == "two_factor"


def secret_of(username: str) -> str:
    """As the simulator publishes it."""
    return base64.b32encode(hashlib.sha256(f"second factor of {username}".encode()).digest()[:20]).decode()


def test_the_second_factor_s_code_is_made_from_its_secret(a_clean_browser, simulator_url, fault, ask):
    fault("two_factor", account="bot_5")
    before = logins(ask, "bot_5")
    session = bot(a_clean_browser, simulator_url, totp_secret=secret_of("bot_5"))
    session.ensure_logged_in()
    assert session.password_logins == 1
    assert logins(ask, "bot_5") == before + 1
    assert secret_of("bot_5") not in repr(session)


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (None, "two_factor"),
        (secret_of("bot_6"), "two_factor_refused"),
        ("no base32!", "two_factor_secret"),
    ],
)
def test_without_the_right_secret_a_person_is_told_what_to_do(
    a_clean_browser, simulator_url, fault, secret, reason
):
    fault("two_factor", account="bot_5")
    session = bot(a_clean_browser, simulator_url, totp_secret=secret)
    with pytest.raises(NeedsHuman, match=r"scrapinsta accounts resume bot_5") as raised:
        session.ensure_logged_in()
    assert raised.value.details["reason"] == reason
    assert (secret or "-") not in raised.value.message or secret is None


def test_a_code_that_is_about_to_end_is_not_typed(monkeypatch):
    slept: list[float] = []
    second = 8.5
    monkeypatch.setattr(time, "time", lambda: 1_699_999_980 + second)  # a code began at that moment
    monkeypatch.setattr(time, "sleep", slept.append)
    login._code(secret_of("bot_5"), "bot_5")
    assert not slept
    second = 28.5
    login._code(secret_of("bot_5"), "bot_5")
    assert slept == [pytest.approx(1.5)]


def test_a_session_that_is_no_longer_ours_asks_the_site_nothing(a_clean_browser, simulator_url, ask):
    ours = True
    session = bot(a_clean_browser, simulator_url, may_act=lambda: ours)
    session.ensure_logged_in()
    before, ours = ask("/_truth")["requests"], False
    for act in (session.ensure_logged_in, lambda: session.get_json("/api/v1/x/"), lambda: session.open("/")):
        with pytest.raises(BudgetSpent):
            act()
    assert ask("/_truth")["requests"] == before


def test_a_parked_page_opens_the_site_again(a_clean_browser, simulator_url):
    session = bot(a_clean_browser, simulator_url)
    session.ensure_logged_in()
    a_clean_browser.park()
    assert a_clean_browser.run("return location.href") == "about:blank"
    assert session.get_json("/api/v1/users/web_profile_info/?username=cafe_lucia")["status"] == "ok"


@pytest.mark.parametrize(
    ("popup", "left"),
    [
        (
            '<div role="dialog"><button>Allow all cookies</button><button>Decline optional cookies</button></div>',
            1,
        ),
        ('<div role="dialog"><button>Turn on</button><button>Not Now</button></div>', 1),
        (
            '<div role="dialog"><a href="/accounts/login/">Log in</a><button><svg aria-label="Close"/></button></div>',
            1,
        ),
        ('<div role="dialog"><a href="/ana/">ana</a><button><svg aria-label="Close"/></button></div>', 0),
    ],
)
def test_popups_get_the_answer_that_shares_least(a_clean_browser, popup, left):
    a_clean_browser.goto(f"data:text/html,{popup}")
    a_clean_browser.run(
        "window.clicked = []; document.onclick = e => window.clicked.push(e.target.closest('button').innerText)"
    )
    assert login.dismiss_popups(a_clean_browser) == left
    assert not {"Allow all cookies", "Turn on"} & set(a_clean_browser.run("return window.clicked"))


class Answering(Browser):
    """A browser of which only the answers are there."""

    def __init__(self, *bodies: str) -> None:
        self._bodies = iter(bodies)

    def fetch(self, method, path, headers=None, form=None):
        return Response(200, "https://www.instagram.com" + path, {}, next(self._bodies), "csrftoken=x")

    def devtools(self, command, **parameters):
        return {"cookies": []}


def test_a_text_that_no_parser_knows_is_shown_whole_and_only_there():
    unread = []

    def note(kind, text, error):
        unread.append((kind, text, error.details.get("missing")))

    session = bot(Answering('{"status":"ok","data":{"person":{}}}'), "", unread=note)
    with pytest.raises(LayoutChanged), session.reading("profile"):
        profile_in(session.get_json("/api/v1/users/web_profile_info/?username=a"), "a")
    [(kind, text, missing)] = unread
    assert (kind, text) == ("profile", '{"status":"ok","data":{"person":{}}}')
    assert missing
    with pytest.raises(LayoutChanged), session.reading("reels"):
        raise LayoutChanged
    assert unread[1:] == [("reels", "", None)], "never the text of an earlier answer"


def test_an_answer_is_taken_apart_once(monkeypatch):
    taken = []
    loads = json.loads

    def counted(text, **more):
        taken.append(text)
        return loads(text, **more)

    monkeypatch.setattr(json, "loads", counted)
    session = bot(Answering('{"status":"ok"}', '{"status":"fail","message":"checkpoint_required"}'), "")
    assert session.get_json("/api/v1/x/") == {"status": "ok"}
    with pytest.raises(NeedsHuman):
        session.get_json("/api/v1/x/")
    assert len(taken) == 2

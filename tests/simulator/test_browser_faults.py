"""Faults and layouts as a real Chromium meets them."""

import sys

import httpx
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from scrapinsta_ray.simulator.totp import totp
from tests.simulator.conftest import a_chromium
from tests.simulator.test_browser import all_of, log_in, wait

pytestmark = pytest.mark.browser

FETCH = """
const [path, done] = arguments;
fetch(path).then(answer => answer.text().then(body => [answer.status, answer.url, body]))
  .then(done, error => done([0, "", String(error)]));
"""
CALL = "/api/v1/users/201/info/"


@pytest.fixture
def site(site_url):
    """Orders to the site, taken back afterwards."""
    with httpx.Client(base_url=site_url, timeout=10) as client:
        yield client
        client.delete("/_faults")
        client.delete("/_layout")


def order(site, **fault):
    assert site.post("/_faults", json=fault).status_code == 200


def show(site, **parts):
    assert site.put("/_layout", json=parts).status_code == 200


def fetched(browser, path=CALL):
    return browser.execute_async_script(FETCH, path)


@pytest.fixture
def a_bot(browser, site_url):
    """bot_6, logged in."""
    log_in(browser, site_url, "bot_6", "bot-secret-6")
    return browser


@pytest.mark.parametrize(
    "fault", [{"fault": "reset"}, {"fault": "truncated"}, {"fault": "hang", "seconds": 0.2}], ids=str
)
def test_a_broken_connection_fails_the_fetch(a_bot, site, fault):
    order(site, account="bot_6", path="user_info", times=-1, **fault)
    status, _, body = fetched(a_bot)
    assert status == 0 and "TypeError" in body
    site.delete("/_faults")
    assert fetched(a_bot)[0] == 200


def test_cut_json_comes_as_a_success(a_bot, site):
    order(site, account="bot_6", fault="truncated", honest=True)
    status, _, body = fetched(a_bot)
    assert status == 200 and body.startswith('{"user"') and not body.endswith("}")


@pytest.mark.parametrize(
    ("fault", "path"), [("challenge_page", "/challenge/"), ("suspended", "/accounts/suspended/")]
)
def test_a_fetch_that_ends_at_a_page_of_trouble(a_bot, site, fault, path):
    order(site, account="bot_6", fault=fault, path="user_info")
    status, url, body = fetched(a_bot)
    assert status == 200 and path in url and "<h1" in body


def test_a_log_in_popup_lies_over_the_profile_and_can_be_closed(a_bot, site, site_url):
    order(site, fault="login_popup", account="bot_6", times=-1)
    a_bot.get(f"{site_url}/cafe_lucia/")
    wait(a_bot, lambda b: all_of(b, "#grid a"))
    (dialog,) = all_of(a_bot, "[role=dialog]")
    dialog.find_element(By.CSS_SELECTOR, 'svg[aria-label="Close"]').click()
    assert not all_of(a_bot, "[role=dialog]")


def test_an_action_block_lies_over_the_page(a_bot, site, site_url):
    order(site, fault="action_block", account="bot_6", text="restrict", language="es")
    a_bot.get(f"{site_url}/cafe_lucia/")
    (dialog,) = all_of(a_bot, "[role=dialog]")
    assert "Restringimos determinada actividad para proteger a nuestra comunidad" in dialog.text


def test_a_second_factor_is_asked_for_and_taken(browser, site, site_url):
    order(site, fault="two_factor", account="bot_7", times=-1)
    browser.get(site_url)
    browser.find_element(By.NAME, "username").send_keys("bot_7")
    browser.find_element(By.NAME, "password").send_keys("bot-secret-7", Keys.ENTER)
    field = wait(browser, lambda b: b.find_element(By.NAME, "verificationCode"))
    assert "/accounts/login/two_factor" in browser.current_url
    field.send_keys("000000", Keys.ENTER)
    alert = wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, "[role=alert]"))
    assert "check the security code" in alert.text
    field.clear()
    field.send_keys(totp(site.get("/_accounts/bot_7").json()["totp_secret"]))
    browser.find_element(By.CSS_SELECTOR, "form button").click()
    wait(browser, lambda b: all_of(b, 'nav a[href="/bot_7/"]'))


@pytest.mark.parametrize("form", ["email", "unnamed"])
def test_each_log_in_form_logs_in(browser, site, site_url, form):
    show(site, login_form=form)
    browser.get(site_url)
    assert not all_of(browser, "input[name=username], input[name=password]")
    user, password = all_of(browser, "input")
    user.send_keys("bot_8")
    password.send_keys("bot-secret-8", Keys.ENTER)
    wait(browser, lambda b: all_of(b, 'nav a[href="/bot_8/"]'))


@pytest.mark.parametrize("profile", ["shared_data", "additional_data", "none"])
@pytest.mark.parametrize("feed", ["items", "xdt", "nodes"])
def test_the_grid_is_there_in_every_layout(a_bot, site, site_url, profile, feed):
    show(site, profile=profile, feed=feed)
    a_bot.get_log("browser")  # what earlier tests left
    a_bot.get(f"{site_url}/cafe_lucia/")

    def all_loaded(b):
        b.execute_script("scrollTo(0, document.body.scrollHeight)")
        return len(all_of(b, "#grid a")) == 40

    wait(a_bot, all_loaded)
    assert not a_bot.get_log("browser")


def test_reels_without_their_icon_say_views_in_words(a_bot, site, site_url):
    show(site, views="text", clips="connection", profile="none")
    a_bot.get(f"{site_url}/cafe_lucia/reels/")
    tile = wait(a_bot, lambda b: all_of(b, '#grid a[href*="/reel/"]'))[0]
    assert not all_of(tile, "svg[aria-label='View Count Icon']")
    assert tile.get_attribute("textContent").startswith("View Count Icon")


@pytest.mark.parametrize("followings", ["graphql", "dialog"])
def test_the_dialog_lists_all_in_every_layout(a_bot, site, site_url, people, followings):
    show(site, followings=followings)
    a_bot.get(f"{site_url}/cafe_lucia/following/")

    def suggested(b):
        b.execute_script(
            "const inner = [...document.querySelectorAll('div[role=dialog] div')]"
            ".find(div => getComputedStyle(div).overflowY === 'auto');"
            "if (inner) inner.scrollTop = inner.scrollHeight"
        )
        return all_of(b, "div[role=dialog] h4")

    (heading,) = wait(a_bot, suggested)
    names = a_bot.execute_script(
        "const links = arguments[0].parentElement.firstChild.querySelectorAll('a');"
        "return [...new Set([...links].map(link => link.pathname.slice(1, -1)))]",
        heading,
    )
    assert names == [people.user(i).username for i in people.followings(people.find("cafe_lucia"))]


def test_numbers_are_written_the_same_by_the_page_and_its_scripts(a_bot, site, site_url):
    show(site, numbers="words")
    a_bot.get(f"{site_url}/cafe_lucia/")
    said = [a_bot.execute_script(f"return shortened({n})") for n in (1234, 12399, 1_000_000, 2_500_000, 999)]
    assert said == ["1.234", "12,3 mil", "1 millón", "2,5 millones", "999"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
def test_two_browsers_with_one_cookie_are_told_apart(a_bot, site, site_url, tmp_path):
    def told():
        return site.get("/_sessions", params={"account": "bot_6"}).json()

    before = told()
    with a_chromium(tmp_path / "second") as second:
        second.get(f"{site_url}/challenge/x/")
        for cookie in a_bot.get_cookies():
            second.add_cookie({key: cookie[key] for key in ("name", "value", "path")})
        second.get(f"{site_url}/cafe_lucia/")
        wait(second, lambda b: all_of(b, 'nav a[href="/bot_6/"]'))
        a_bot.get(f"{site_url}/cafe_lucia/")
    fresh = [one["of"] for one in told()["overlaps"] if one not in before["overlaps"]]
    assert fresh == ["browser"]
    browsers = [len(one["accounts"]["bot_6"]["browsers"]) for one in (before, told())]
    assert browsers[1] == browsers[0] + 1

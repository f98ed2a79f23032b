"""A real Chromium on the site."""

import pytest
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = pytest.mark.browser


def wait(browser, condition):
    return WebDriverWait(browser, 15, poll_frequency=0.05).until(condition)


def all_of(browser, css):
    return browser.find_elements(By.CSS_SELECTOR, css)


def log_in(browser, url, name="bot_5", password="bot-secret-5", path="/"):
    browser.get(url + path)
    browser.find_element(By.NAME, "username").send_keys(name)
    browser.find_element(By.NAME, "password").send_keys(password, Keys.ENTER)
    wait(browser, lambda b: all_of(b, f'nav a[href="/{name}/"]'))


def test_log_in_by_the_form_and_come_back_to_the_page(browser, site_url):
    browser.get(f"{site_url}/cafe_lucia/")
    assert "/accounts/login/" in browser.current_url
    browser.find_element(By.NAME, "username").send_keys("bot_5")
    browser.find_element(By.NAME, "password").send_keys("wrong", Keys.ENTER)
    assert "incorrect" in wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, "[role=alert]")).text
    browser.find_element(By.NAME, "password").clear()
    browser.find_element(By.NAME, "password").send_keys("bot-secret-5", Keys.ENTER)
    wait(browser, lambda b: b.current_url.endswith("/cafe_lucia/"))
    assert {"sessionid", "ds_user_id"} <= {cookie["name"] for cookie in browser.get_cookies()}


def test_a_profile_shows_counts_and_posts_and_loads_more(browser, site_url):
    log_in(browser, site_url, path="/accounts/login/?next=/cafe_lucia/")
    wait(browser, lambda b: all_of(b, "#grid a"))
    title = browser.find_element(By.CSS_SELECTOR, 'header a[href$="/followers/"] span[title]')
    assert (title.get_attribute("title"), title.text) == ("18,432", "18.4K")
    assert len(all_of(browser, '#grid a[href*="/p/"], #grid a[href*="/reel/"]')) == 12

    def all_loaded(b):
        b.execute_script("scrollTo(0, document.body.scrollHeight)")
        return len(all_of(b, "#grid a")) == 40

    wait(browser, all_loaded)


def test_the_dialog_scrolls_to_the_end_and_then_suggests(browser, site_url, people):
    log_in(browser, site_url, path="/accounts/login/?next=/cafe_lucia/")
    wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, 'a[href$="/following/"]')).click()
    wait(browser, lambda b: all_of(b, "div[role=dialog] a"))
    assert browser.current_url.endswith("/cafe_lucia/following/")

    def suggested(b):
        b.execute_script(
            "const inner = [...document.querySelectorAll('div[role=dialog] div')]"
            ".find(div => div.scrollHeight > div.clientHeight && getComputedStyle(div).overflowY === 'auto');"
            "if (inner) inner.scrollTop = inner.scrollHeight"
        )
        return all_of(b, "div[role=dialog] h4")

    (heading,) = wait(browser, suggested)
    assert heading.text == "Suggested for you"
    before = browser.execute_script(
        "const links = arguments[0].parentElement.firstChild.querySelectorAll('a');"
        "const names = [...links].map(link => link.pathname.slice(1, -1));"
        "return [...new Set(names)]",
        heading,
    )
    assert before == [people.user(i).username for i in people.followings(people.find("cafe_lucia"))]
    after = wait(browser, lambda b: all_of(b, "div[role=dialog] h4 + div a"))
    assert len(after) == 10


def test_the_address_of_the_list_opens_the_dialog(browser, site_url):
    log_in(browser, site_url, path="/accounts/login/?next=/lista_corta/following/")
    wait(browser, lambda b: all_of(b, "div[role=dialog] h4"))
    browser.find_element(By.CSS_SELECTOR, "div[role=dialog] button[aria-label=Close]").click()
    assert not all_of(browser, "div[role=dialog]")
    assert browser.current_url.endswith("/lista_corta/")


def test_reels_show_views_and_on_hover_likes_and_comments(browser, site_url, people):
    log_in(browser, site_url, path="/accounts/login/?next=/cafe_lucia/reels/")
    tiles = wait(browser, lambda b: all_of(b, 'a[href*="/reel/"]'))
    assert all_of(tiles[0], 'svg[aria-label="View Count Icon"]')
    ActionChains(browser).move_to_element(tiles[0]).perform()
    code = tiles[0].get_attribute("href").split("/")[-2]
    media = next(m for m in people.media(people.find("cafe_lucia")) if m.code == code)
    counts = [li.text for li in wait(browser, lambda b: all_of(tiles[0], "li"))]
    assert counts == [f"{media.likes:,}", f"{media.comments:,}"]


@pytest.mark.parametrize("how", ["button", "enter"])
def test_a_typed_message_becomes_a_bubble_and_stays(browser, site_url, how):
    log_in(browser, site_url, "client_1", "client-secret-1")
    browser.get(f"{site_url}/sigue_a_todos/")
    browser.find_element(By.ID, "message").click()
    box = wait(
        browser, lambda b: b.find_element(By.CSS_SELECTOR, 'div[contenteditable="true"][role="textbox"]')
    )
    before = len(all_of(browser, "div[role=row]"))
    box.send_keys(f"Hola por {how}", Keys.SHIFT, Keys.ENTER, Keys.SHIFT, "segunda línea")
    if how == "button":
        buttons = [one for one in all_of(browser, "[role=button]") if one.text == "Send"]
        buttons[0].click()
    else:
        box.send_keys(Keys.ENTER)
    wait(browser, lambda b: len(all_of(b, "div[role=row]")) == before + 1)
    assert box.text == ""
    browser.refresh()
    rows = wait(browser, lambda b: all_of(b, 'div[role=row] div[dir="auto"]'))
    assert rows[-1].text == f"Hola por {how}\nsegunda línea"


def test_a_refused_message_says_so_and_leaves_no_bubble(browser, site_url):
    log_in(browser, site_url, "client_2", "client-secret-2")
    browser.get(f"{site_url}/direct/new/?to=no_molestar")
    wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, "[role=textbox]")).send_keys("hola", Keys.ENTER)
    alert = wait(browser, lambda b: b.find_element(By.CSS_SELECTOR, "[role=alert]"))
    assert "doesn't allow new message requests" in alert.text
    assert not all_of(browser, "div[role=row]")

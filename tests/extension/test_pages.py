"""Popup and options as a user presses them."""

import json
import re
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.extension.conftest import ACCOUNT, EXTENSION, Api, Installed, bubbles, until

pytestmark = [pytest.mark.browser]


def opened(installed: Installed, path: str, width: int = 420, height: int = 900) -> Installed:
    installed.driver.switch_to.window(installed.home)
    installed.driver.set_window_size(width, height)
    installed.driver.get(installed.page(path))
    WebDriverWait(installed.driver, 10).until(lambda driver: driver.find_element(By.TAG_NAME, "h1").text)
    return installed


def fill(installed: Installed, form: str, **fields: str) -> None:
    for name, value in fields.items():
        field = installed.driver.find_element(By.CSS_SELECTOR, f"#{form} [name={name}]")
        field.clear()
        field.send_keys(value)


def press(installed: Installed, selector: str) -> None:
    installed.driver.find_element(By.CSS_SELECTOR, selector).click()


def text(installed: Installed, selector: str) -> str:
    return installed.driver.find_element(By.CSS_SELECTOR, selector).text


def test_the_campaign_form_makes_a_campaign(installed: Installed, api: Api) -> None:
    opened(installed, "popup/popup.html")
    fill(
        installed, "form_campaign", target="cafe_lucia", limit="12", message="Hola {first_name}", messages="5"
    )
    assert text(installed, "#preview") == "Hola Ana"
    press(installed, "#form_campaign button")
    done = until(lambda: text(installed, "#form_campaign [role=status]"), "the answer")
    assert "job:" in done, done
    with api.client() as client:
        jobs = list(client.jobs())
    assert jobs[0]["kind"] == "campaign"
    until(lambda: "0 " in text(installed, "#jobs"), "the job in the list")


def test_followings_and_analysis_are_asked_for_once_however_often_pressed(
    installed: Installed, api: Api
) -> None:
    opened(installed, "popup/popup.html")
    press(installed, "#tab_analysis")
    fill(installed, "form_analysis", usernames="ana, luz\nsol")
    press(installed, "#form_analysis button")
    until(lambda: "job:" in text(installed, "#form_analysis [role=status]"), "the answer")
    press(installed, "#tab_followings")
    fill(installed, "form_followings", target="cafe_lucia", limit="7")
    press(installed, "#form_followings button")
    until(lambda: "job:" in text(installed, "#form_followings [role=status]"), "the answer")
    with api.client() as client:
        kinds = sorted(job["kind"] for job in client.jobs())
    assert kinds == ["analyze_profile", "fetch_followings"]


def test_a_refusal_is_shown_in_the_servers_words(installed: Installed) -> None:
    opened(installed, "popup/popup.html")
    fill(installed, "form_campaign", target="not a name!", message="Hola {nickname}")
    press(installed, "#form_campaign button")
    shown = until(lambda: text(installed, "#form_campaign [role=status]"), "the refusal")
    assert "username" in shown or "Unknown field" in shown


def test_start_and_pause_show_what_is_going_on(installed: Installed) -> None:
    opened(installed, "popup/popup.html")
    assert text(installed, "#phase").startswith("Paused")
    press(installed, "#start")
    until(lambda: "nothing to send" in text(installed, "#phase"), "the rest")
    assert re.search(r"\d:\d\d", text(installed, "#next"))
    press(installed, "#pause")
    until(lambda: text(installed, "#phase").startswith("Paused"), "the pause")
    assert installed.memory()["sender"]["phase"] == "paused"


def test_the_options_are_kept_and_tested(installed: Installed, api: Api, site: str) -> None:
    installed.run("await chrome.storage.local.remove('settings')")
    installed.driver.switch_to.new_window("tab")
    installed.driver.get(f"{site}/cafe_lucia/")
    opened(installed, "options/options.html", 900)
    for name, value in (("server", api.url), ("key", api.key)):
        installed.driver.find_element(By.ID, name).send_keys(value)
    press(installed, "#read_account")
    until(
        lambda: installed.driver.find_element(By.ID, "account").get_property("value") == ACCOUNT,
        "the account",
    )
    field = installed.driver.find_element(By.ID, "perDay")
    field.clear()
    field.send_keys("50")
    press(installed, "#form .main")
    status = until(lambda: text(installed, "#test_status"), "the test")
    assert "acme" in status, status
    kept = installed.memory()["settings"]
    assert (kept["server"], kept["account"], kept["pace"]["perDay"]) == (api.url, ACCOUNT, 50)
    assert kept["limits"]["messages_per_day"] == 50


@pytest.mark.parametrize(("key", "says"), [("si_0_0", "not known"), ("", "not known")])
def test_the_test_button_says_what_is_wrong(key: str, says: str, installed: Installed, api: Api) -> None:
    installed.configure(api, key=key)
    opened(installed, "options/options.html", 900)
    press(installed, "#test")
    status = until(lambda: text(installed, "#test_status"), "the test")
    assert "server says" in status


def test_a_server_that_is_not_there_is_told(installed: Installed, api: Api) -> None:
    installed.configure(api, server="http://127.0.0.1:9")
    opened(installed, "options/options.html", 900)
    press(installed, "#test")
    until(lambda: "does not answer" in text(installed, "#test_status"), "the test")


def test_a_profile_has_a_button_that_collects_its_followings(
    installed: Installed, api: Api, site: str
) -> None:
    installed.driver.switch_to.new_window("tab")
    installed.driver.get(f"{site}/cafe_lucia/")
    button = until(
        lambda: installed.driver.find_elements(By.CSS_SELECTOR, ".scrapinsta-collect"), "the button"
    )[0]
    assert button.text == "Collect followings"
    button.click()
    until(lambda: button.text == "Asked for", "the answer")
    with api.client() as client:
        [job] = client.jobs()
    assert job["kind"] == "fetch_followings"
    assert bubbles(site).get("cafe_lucia", []) == []


def test_every_text_is_there_in_both_languages() -> None:
    texts = {
        language: json.loads((EXTENSION / "_locales" / language / "messages.json").read_text())
        for language in ("en", "es")
    }
    assert texts["en"].keys() == texts["es"].keys()
    assert all(one["message"].strip() for language in texts.values() for one in language.values())
    sources = "".join(path.read_text() for path in EXTENSION.rglob("*") if path.suffix in (".js", ".html"))
    used = set(re.findall(r"data-text=\"(\w+)\"|\btext\('(\w+)'", sources))
    names = {name for pair in used for name in pair if name}
    assert names <= texts["en"].keys()


def test_the_package_is_whole_and_the_same_twice(tmp_path: Path) -> None:
    from scripts.extension_zip import members, pack

    first, second = pack(tmp_path / "a"), pack(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    names = {member.as_posix() for member in members()}
    assert {"manifest.json", "background.js", "content/site.js", "icons/128.png"} <= names
    assert not any(name.startswith("store/") or "node_modules" in name for name in names)

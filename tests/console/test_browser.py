"""The console in a real Chromium."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from scrapinsta_ray.store import accounts, jobs
from scrapinsta_ray.store.jobs import Asked
from tests.console.conftest import FERNET, Running
from tests.console.test_live import finish_one
from tests.console.test_pages import a_job_with_everything, every_page

pytestmark = [pytest.mark.browser]

AXE = Path(__file__).parents[1] / "extension" / "node" / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = "--headless=new --no-sandbox --disable-gpu --no-first-run --lang=en-US --window-size=1200,900".split()


class Browser:
    """A Chromium, and what its user does with it."""

    def __init__(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in FLAGS:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.home = ""

    def go(self, path: str) -> None:
        self.driver.get(self.home + path)

    def find(self, selector: str) -> Any:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, selector: str) -> None:
        """Presses what leads to another page, and waits for that."""
        before = self.find("html")
        self.find(selector).click()
        until(lambda: _is_gone(before), f"{selector} leads nowhere")

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.find(f"[name={name}]")
            field.clear()
            field.send_keys(value)

    def sign_in(self, key: str) -> None:
        self.go("/console/sign-in")
        self.fill(key=key)
        self.press("main button")

    def text(self) -> str:
        return str(self.find("main").text)

    def send(self, command: str, **arguments: Any) -> None:
        """A command of DevTools."""
        self.driver.execute_cdp_cmd(command, arguments)

    def faults(self) -> list[Any]:
        """What axe finds serious or worse on this page."""
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run().then(found => done(found.violations.map(one => ({id: one.id, impact: one.impact,"
            " where: one.nodes.slice(0, 3).map(node => node.html)}))))"
        )
        return [one for one in found if one["impact"] in ("serious", "critical")]


def _is_gone(element: Any) -> bool:
    try:
        element.is_enabled()
    except Exception:  # noqa: BLE001 - gone in whichever way Chromium says it
        return True
    return False


def until(look: Callable[[], Any], what: str, limit_s: float = 20) -> Any:
    """The first true answer of `look`."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium: Browser, served: Running) -> Iterator[Browser]:
    chromium.home = served.url
    chromium.driver.get("about:blank")
    chromium.send("Network.enable")
    chromium.send("Network.clearBrowserCookies")
    yield chromium
    chromium.send("Emulation.setScriptExecutionDisabled", value=False)
    chromium.send("Emulation.clearDeviceMetricsOverride")
    chromium.send("Emulation.setEmulatedMedia", features=[])
    chromium.driver.get("about:blank")


def test_a_campaign_is_started_watched_live_and_cancelled(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    browser.sign_in(acme["X-Api-Key"])
    browser.press("a[href$='/campaigns/new']")
    browser.fill(target_username="cafe_lucia", limit="5", message="Hola {first_name}", account="client_1")
    browser.press("[formaction]")
    assert "What would happen now" in browser.text() and "Hola ana.garcia" in browser.text()
    browser.press("button.main")
    assert "The job has begun." in browser.text() and "Campaign: cafe_lucia" in browser.text()
    browser.press("form[action$='/cancel'] button")
    assert "cancelled" in browser.find(".state").text


def test_a_change_shows_by_itself_and_what_failed_is_retried(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    job_id = jobs.enqueue_analysis(served.db, Asked("acme"), ["ana", "luz"], None).job_id
    browser.sign_in(acme["X-Api-Key"])
    browser.go(f"/console/jobs/{job_id}")
    until(lambda: "live" in browser.text(), "the stream opens")
    finish_one(served.db)
    until(lambda: browser.find("[data-count=error]").text == "1", "the number changes by itself")
    assert browser.find("[data-part=error]").get_attribute("width") == "50.00"
    finish_one(served.db)
    until(lambda: browser.find("#live").get_attribute("data-status") == "error", "the end shows by itself")
    browser.press("form[action$='/retry'] button")
    assert browser.find("[data-count=queued]").text == "2"


def test_an_account_is_paused(browser: Browser, operator: str, served: Running) -> None:
    accounts.add(served.db, FERNET, "bot_1", "secret")
    browser.sign_in(operator)
    browser.press("a[href$='/accounts']")
    browser.press("tbody a")
    browser.fill(reason="holiday")
    browser.press("button.grave")
    assert "paused" in browser.find(".state").text and "holiday" in browser.text()
    [account] = accounts.everyone(served.db)
    assert account.status == "paused"


def test_without_javascript_everything_can_be_read_and_done(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    job_id = a_job_with_everything(served.db)
    browser.sign_in(acme["X-Api-Key"])
    browser.go(f"/console/jobs/{job_id}")
    assert "Nobody is there." in browser.text() and "live" not in browser.text()
    browser.press("form[action$='/pause'] button")
    assert "The job is paused." in browser.text()
    browser.go("/console/profiles")
    assert browser.find("#histogram svg").is_displayed()
    browser.press(".who button")
    assert "Your key" in browser.text()


def test_by_keyboard_alone(browser: Browser, acme: dict[str, str], served: Running) -> None:
    job_id = jobs.enqueue_analysis(served.db, Asked("acme"), ["ana"], None).job_id
    browser.go("/console/sign-in")
    active = browser.driver.switch_to.active_element
    assert active.get_attribute("name") == "key"  # ready to be typed into
    before = browser.find("html")
    active.send_keys(acme["X-Api-Key"], Keys.ENTER)
    until(lambda: _is_gone(before), "signed in")
    browser.go(f"/console/jobs/{job_id}")
    seen = []
    for _ in range(25):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.driver.switch_to.active_element
        seen.append(focused.text)
        outline = browser.driver.execute_script("return getComputedStyle(arguments[0]).outlineStyle", focused)
        assert outline != "none", focused.text
        if focused.text == "Cancel":
            break
    assert seen[0] == "Skip to the content"
    before = browser.find("html")
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    until(lambda: _is_gone(before), "cancelled")
    assert "The job is cancelled." in browser.text()


def test_on_a_phone_no_page_is_wider_than_the_screen(
    browser: Browser, operator: str, served: Running
) -> None:
    job_id = a_job_with_everything(served.db)
    accounts.add(served.db, FERNET, "bot_1", "secret")
    browser.sign_in(operator)
    browser.send(
        "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True
    )
    for path in every_page(job_id):
        browser.go(f"/console{path}")
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 360, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(browser: Browser, operator: str, served: Running, scheme: str) -> None:
    assert AXE.exists(), "axe-core is missing: run `make setup`"
    job_id = a_job_with_everything(served.db)
    accounts.add(served.db, FERNET, "bot_1", "secret")
    browser.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.go("/console/sign-in")
    assert not browser.faults()
    browser.sign_in(operator)
    for path in every_page(job_id):
        browser.go(f"/console{path}")
        assert not browser.faults(), path


def test_plotly_draws_from_the_consoles_own_address(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    a_job_with_everything(served.db)
    browser.sign_in(acme["X-Api-Key"])
    browser.go("/console/profiles")
    until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#scatter .point"), "the points are drawn")
    addresses = browser.driver.execute_script(
        "return performance.getEntriesByType('resource').map(r => r.name)"
    )
    assert all(address.startswith(served.url) for address in addresses)

"""The console in a real Chromium."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from scrapinsta_ray.store import accounts, clients, jobs, leases, outbox, suppressions, templates
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked
from tests.console.conftest import FERNET, Running, a_job_with_everything, every_page
from tests.console.test_live import finish_one

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

    def tab_to(self, name: str, most: int = 60) -> Any:
        """Moves the focus to what is called so (its text, or its field's name), which must show that it has it."""
        for _ in range(most):
            self.type(Keys.TAB)
            focused = self.driver.switch_to.active_element
            if name in (focused.text, focused.get_attribute("name")):
                style = self.driver.execute_script(
                    "return getComputedStyle(arguments[0]).outlineStyle", focused
                )
                assert style != "none", name
                return focused
        raise AssertionError(f"{name} is not reached")

    def type(self, *keys: str) -> None:
        """Into whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def enter(self) -> None:
        """Presses Enter on what has the focus, and waits for the next page."""
        before = self.find("html")
        self.type(Keys.ENTER)
        until(lambda: _is_gone(before), "Enter leads nowhere")

    def complaints(self) -> list[str]:
        """What the browser's console has from this page, and was not there before; chatter aside."""
        return [
            one["message"] for one in self.driver.get_log("browser") if one["level"] in ("SEVERE", "WARNING")
        ]

    def in_colours(self, scheme: str) -> None:
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

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
    """The first true answer of `look`; a page that goes away while it looks answers nothing."""
    deadline = time.monotonic() + limit_s
    while True:
        with suppress(StaleElementReferenceException, NoSuchElementException):
            if found := look():
                return found
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(chromium: Browser, served: Running) -> Iterator[Browser]:
    chromium.home = served.url
    chromium.driver.get("about:blank")
    chromium.complaints()
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


def test_without_javascript_a_campaign_is_foreseen_and_started(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    browser.sign_in(acme["X-Api-Key"])
    browser.go("/console/campaigns/new")
    browser.find("[value=names]").click()
    browser.fill(usernames="ana no-name", message="Hola {first_name}", account="client_1")
    browser.press("[formaction]")
    assert "1 people would be written to" in browser.text()
    browser.press("button.main")
    assert "The job has begun." in browser.text()
    [task] = outbox.pull(served.db, "acme", "client_1", limit=5, ttl_s=60).tasks
    assert task.username == "ana"


def test_a_whole_campaign_by_keyboard_alone(browser: Browser, acme: dict[str, str], served: Running) -> None:
    browser.go("/console/sign-in")
    active = browser.driver.switch_to.active_element
    assert active.get_attribute("name") == "key"  # ready to be typed into
    browser.type(acme["X-Api-Key"])
    browser.enter()
    browser.type(Keys.TAB)
    assert browser.driver.switch_to.active_element.text == "Skip to the content"
    browser.tab_to("New campaign")
    browser.enter()
    browser.tab_to("target_username")
    browser.type("cafe_lucia")
    browser.tab_to("message")
    browser.type("Hola {first_name}")
    browser.tab_to("account")
    browser.type("client_1")
    browser.tab_to("Preview")
    browser.enter()
    assert "What would happen now" in browser.text() and "Hola ana.garcia" in browser.text()
    browser.tab_to("Start")
    browser.enter()
    assert "The job has begun." in browser.text()
    for verb, said in (("Pause", "is paused."), ("Resume", "goes on."), ("Cancel", "is cancelled.")):
        browser.tab_to(verb)
        browser.enter()
        assert f"The job {said}" in browser.text()


LONG = "challenge: the site asks to confirm the account at /challenge/" + "a" * 120


def long_things(db: Database) -> None:
    """What fills pages to their edges."""
    for name in ("bot_1", "asleep_1", "bot_with_a_name_of_30_letters_"):
        accounts.add(db, FERNET, name, "secret")
    accounts.set_status(db, ["bot_with_a_name_of_30_letters_"], "needs_human", LONG)
    clients.create(db, "c" * 32, "A client with a name as long as names may be " * 2)
    suppressions.add(db, "test", "acme", [f"{'s' * 26}{number}" for number in range(120)], "opted_out")
    templates.create(db, "test", "acme", "N" * 100, "Hola {first_name} " + "x" * 500)
    leases.acquire(db, "account:bot_1", f"{'node' * 15}.internal:1:x", 60)


def all_pages(db: Database, job_id: str) -> list[str]:
    [template] = templates.page(db, "acme")
    more = ("/accounts/asleep_1/now", "/accounts/bot_with_a_name_of_30_letters_", f"/clients/{'c' * 32}")
    of_acme = ("/templates?client=acme", f"/templates/{template.id}?client=acme", "/suppressions?client=acme")
    return [*every_page(job_id), *more, *of_acme, "/profiles?text=nobody", "/jobs?status=pending"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_on_a_phone_no_page_is_wider_than_the_screen(
    browser: Browser, operator: str, served: Running, language: str
) -> None:
    job_id = a_job_with_everything(served.db)
    long_things(served.db)
    browser.go(f"/console/language?to={language}")
    browser.sign_in(operator)
    browser.send(
        "Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True
    )
    for path in all_pages(served.db, job_id):
        browser.go(f"/console{path}")
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 360, path
    browser.go("/console/campaigns/new")
    browser.fill(target_username="cafe_lucia", message="x" * 300, account="client_1")
    browser.press("[formaction]")
    assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_and_no_page_logs_one(
    browser: Browser, operator: str, served: Running, scheme: str
) -> None:
    assert AXE.exists(), "axe-core is missing: run `make setup`"
    job_id = a_job_with_everything(served.db)
    long_things(served.db)
    browser.in_colours(scheme)
    browser.go("/console/sign-in")
    assert not browser.faults()
    browser.sign_in(operator)
    browser.complaints()
    for path in all_pages(served.db, job_id):
        browser.go(f"/console{path}")
        if path == "/profiles":
            until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#scatter .point"), "the points")
        assert not browser.complaints(), path
        assert not browser.faults(), path


def test_axe_finds_no_serious_fault_in_what_answers_forms(
    browser: Browser, operator: str, served: Running
) -> None:
    browser.go("/console/sign-in")
    browser.fill(key="si_wrong")
    browser.press("main button")
    assert not browser.faults()
    browser.sign_in(operator)
    browser.go("/console/nothing")
    assert not browser.faults()
    browser.go("/console/campaigns/new")
    browser.fill(target_username="cafe_lucia", message="Hola {first_name}", account="client_1")
    browser.press("[formaction]")
    assert browser.find("#preview").is_displayed() and not browser.faults()
    browser.fill(message="Hola {nobody}")
    browser.press("button.main")
    assert browser.find("[role=alert]").is_displayed() and not browser.faults()
    browser.go("/console/clients/acme")
    browser.press("form[action$='/keys'] button")
    assert browser.find("#new-key").is_displayed() and not browser.faults()


def test_plotly_draws_from_the_consoles_own_address(
    browser: Browser, acme: dict[str, str], served: Running
) -> None:
    a_job_with_everything(served.db)
    browser.sign_in(acme["X-Api-Key"])
    browser.go("/console/profiles")
    until(lambda: browser.driver.find_elements(By.CSS_SELECTOR, "#scatter .point"), "the points are drawn")
    fill = "return getComputedStyle(document.querySelector('#histogram .point path') ?? document.body).fill"
    before = browser.driver.execute_script(fill)
    browser.in_colours("dark")
    until(
        lambda: browser.driver.execute_script(fill) not in (before, "rgb(0, 0, 0)"),
        "they are drawn anew in the dark",
    )
    assert not browser.complaints()
    addresses = browser.driver.execute_script(
        "return performance.getEntriesByType('resource').map(r => r.name)"
    )
    assert all(address.startswith(served.url) for address in addresses)

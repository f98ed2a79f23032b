"""The log-in form: who the page says is viewing it, and one log-in with the password."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.errors import LayoutChanged, NeedsHuman, RetryLater
from scrapinsta_ray.instagram.browser import Browser, translated
from scrapinsta_ray.instagram.signals import classify, raise_for

# What the page shows of who is logged in. The viewer's name is in the page's JSON (`"viewer":{...,"username"}`);
# without it, a link to the account's own profile in the navigation says the same.
_LOOK = """
const own = arguments[0];
const visible = node => node && node.getClientRects().length > 0;
const password = document.querySelector("input[type=password]");
let viewer = null;
for (const script of document.querySelectorAll('script[type="application/json"]')) {
  const found = /"viewer":\\{[^{}]*?"username":"([\\w.]+)"/.exec(script.textContent);
  if (found) { viewer = found[1].toLowerCase(); break; }
}
const links = [...document.querySelectorAll(`a[href="/${own}/"]`)];
const outside = links.some(link => !link.closest("article, [role=dialog]"));
return {
  url: location.href,
  status: (performance.getEntriesByType("navigation")[0] || {}).responseStatus || 200,
  form: visible(password),
  second_factor: !!document.querySelector("input[name=verificationCode], input[autocomplete=one-time-code]"),
  viewer: viewer || (outside && !visible(password) ? own : null),
  title: document.title,
  notices: [...document.querySelectorAll("[role=dialog], [role=alert], [role=alertdialog]")].map(n => n.innerText),
};
"""

# Each input by name, by the names in use since 2026, by type.
_INPUTS = """
const password = document.querySelector("input[name=password], input[name=pass], input[type=password]");
const form = password && (password.form || document);
const user = form && form.querySelector(
  "input[name=username], input[name=email], input[type=text], input[type=email], input:not([type])");
return user && password ? [user, password] : null;
"""

# The choice that shares least: necessary cookies only, do not save the log-in, no notifications, close.
_DISMISS = """
const least = new RegExp("^(only allow essential cookies|decline optional cookies|not now|ahora no" +
  "|permitir solo cookies (necesarias|esenciales)|rechazar cookies opcionales)$", "i");
const buttons = [...document.querySelectorAll("button, [role=dialog] [role=button]")];
const crosses = [...document.querySelectorAll('[role=dialog] :is(svg[aria-label="Close"], svg[aria-label="Cerrar"])')]
  .filter(cross => cross.closest("[role=dialog]").querySelector('a[href^="/accounts/"], input[type=password]'))
  .map(cross => cross.closest("button, [role=button]") || cross.parentElement);
const found = [...buttons.filter(button => least.test(button.innerText.trim())), ...crosses];
found.forEach(button => button.click());
return found.length;
"""


class State(StrEnum):
    """Who is viewing the page."""

    IN = "in"  # the account
    OUT = "out"  # nobody, the log-in form is shown; or somebody else
    UNSURE = "unsure"  # the page has not said yet


@dataclass(frozen=True, slots=True)
class Look:
    """What the page shows of who is logged in."""

    url: str
    status: int
    form: bool
    second_factor: bool
    viewer: str | None
    title: str
    notices: Sequence[str]

    def state(self, username: str) -> State:
        """IN only when the page names this account as its viewer."""
        if self.viewer == username:
            return State.IN
        return State.OUT if self.form or self.viewer else State.UNSURE


def look(browser: Browser, username: str) -> Look:
    """One look at the open page."""
    return Look(**browser.run(_LOOK, username))


def settled(browser: Browser, username: str, limit_s: float = 15) -> State:
    """Wait until the page has said who is viewing it.

    Raises what the page says instead (a challenge, a suspension ...), and RetryLater after `limit_s` seconds.
    """
    deadline = time.monotonic() + limit_s
    while True:
        seen = look(browser, username)
        _raise_for(seen)  # first: a challenge also names whom it is for
        if (state := seen.state(username)) is not State.UNSURE:
            return state
        if time.monotonic() > deadline:
            raise RetryLater("The page does not say whether the account is logged in.", reason="login_unsure")
        time.sleep(0.05)


def with_password(browser: Browser, username: str, password: str, limit_s: float = 20) -> None:
    """Fill in the form of the open page and wait until the site has let us in.

    Raises NeedsHuman for a wrong password or a second factor, what else the page says, LayoutChanged when there
    is no form, and RetryLater when nothing happens within `limit_s` seconds.
    """
    dismiss_popups(browser)
    _submit(browser, username, password)
    deadline = time.monotonic() + limit_s
    while (seen := look(browser, username)).form or seen.second_factor:
        _raise_for(seen)
        if time.monotonic() > deadline:
            raise RetryLater("The log-in form did not go away.", reason="login_failed")
        time.sleep(0.05)
    _raise_for(seen)


def dismiss_popups(browser: Browser) -> int:
    """Answer cookie banners and offers with the choice that shares least; close a log-in popup. How many."""
    return int(browser.run(_DISMISS))


def _submit(browser: Browser, username: str, password: str) -> None:
    inputs: list[WebElement] | None = browser.run(_INPUTS)
    if not inputs:
        raise LayoutChanged("The page shows no log-in form.", missing="input[type=password]")
    with translated():
        for field, text in zip(inputs, (username, password), strict=True):
            field.clear()
            field.send_keys(text)
        inputs[1].send_keys(Keys.ENTER)


def _raise_for(seen: Look) -> None:
    """What the page says, apart from that nobody is logged in: that is what we are here for."""
    if seen.second_factor:
        raise NeedsHuman("The site asks for a second factor.", reason="two_factor")
    title = f"<title>{seen.title.replace('<', '')}</title>"
    verdict = classify(seen.status, seen.url, {}, title, seen.notices, expects_json=False)
    if verdict.signal is not Signal.RELOGIN:
        raise_for(verdict)

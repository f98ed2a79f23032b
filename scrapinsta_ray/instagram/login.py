"""The log-in form: who the page says is viewing it, and one log-in with the password."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pyotp
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.errors import LayoutChanged, NeedsHuman, RetryLater, SessionLost
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
  second_factor: !!document.querySelector(
    "input[name=verificationCode], input[name=security_code], input[autocomplete=one-time-code]"),
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

_CODE = """
return document.querySelector(
  "input[name=verificationCode], input[name=security_code], input[autocomplete=one-time-code]");
"""
_CODE_LIFE_S = 30
_SHORTEST_S = 3
"""A code that holds for less is not typed: the next one is waited for."""

NO_SECRET = (
    "The site asks for a second factor. Give the secret of its authenticator app with `scrapinsta accounts add "
    "{0} --totp-stdin`, or log in by hand once; then `scrapinsta accounts resume {0}`."
)
WRONG_CODE = (
    "The site refused the second factor's code: check the account's secret and this machine's clock, then "
    "`scrapinsta accounts resume {0}`."
)
WRONG_SECRET = (
    "The stored secret of the second factor is not base32: give it again with `scrapinsta accounts add {0} "
    "--totp-stdin`, then `scrapinsta accounts resume {0}`."
)

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


def with_password(
    browser: Browser, username: str, password: str, totp_secret: str | None = None, limit_s: float = 20
) -> None:
    """Fill in the form of the open page, then the second factor's if there is one, until the site has let us in.

    Raises NeedsHuman for a wrong password, and for a second factor without its secret or with a wrong one; what else
    the page says; LayoutChanged when there is no form; SessionLost when nothing happens within `limit_s` seconds.
    """
    dismiss_popups(browser)
    _submit(browser, username, password)
    if _next(browser, limit_s, lambda seen: seen.form).second_factor:
        _with_code(browser, username, totp_secret, limit_s)


def _with_code(browser: Browser, username: str, totp_secret: str | None, limit_s: float) -> None:
    if totp_secret is None:
        raise NeedsHuman(NO_SECRET.format(username), reason="two_factor")
    dismiss_popups(browser)
    before = look(browser, username).notices
    field: WebElement = browser.run(_CODE)
    with translated():
        field.send_keys(_code(totp_secret, username), Keys.ENTER)
    # a notice that was not there says that the code is wrong
    if _next(browser, limit_s, lambda seen: seen.second_factor and seen.notices == before).second_factor:
        raise NeedsHuman(WRONG_CODE.format(username), reason="two_factor_refused")


def _code(totp_secret: str, username: str) -> str:
    """The code of now, which holds for long enough to be sent."""
    if (left_s := _CODE_LIFE_S - time.time() % _CODE_LIFE_S) < _SHORTEST_S:
        time.sleep(left_s)
    try:
        return pyotp.TOTP(totp_secret.replace(" ", ""), interval=_CODE_LIFE_S).now()
    except ValueError:
        raise NeedsHuman(WRONG_SECRET.format(username), reason="two_factor_secret") from None


def _next(browser: Browser, limit_s: float, same: Callable[[Look], bool]) -> Look:
    """The page once it is no longer the `same`. Raises what it says, but for the second factor that it asks for."""
    deadline = time.monotonic() + limit_s
    while True:
        seen = look(browser, "")
        if not seen.second_factor:
            _raise_for(seen)
        if not same(seen):
            return seen
        if time.monotonic() > deadline:
            raise SessionLost("The log-in form did not go away.", reason="login_failed")
        time.sleep(0.05)


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

"""One account's session in one browser: log-in, cookies, and calls made as the page's own scripts make them."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.errors import BudgetSpent, LayoutChanged, RetryLater, SessionLost
from scrapinsta_ray.instagram import login
from scrapinsta_ray.instagram.browser import Browser, Response
from scrapinsta_ray.instagram.parse import shapes
from scrapinsta_ray.instagram.signals import Verdict, classify, raise_for

_APP_ID = "936619743392459"  # of the site's own web client
_ASBD_ID = "129477"
_CSRF = re.compile(r"(?:^|;\s*)csrftoken=([^;]+)")
_COOKIE_FIELDS = ("name", "value", "domain", "path", "secure", "httpOnly", "sameSite", "expires")

_PAGE = """
const navigation = performance.getEntriesByType("navigation")[0];
return {
  status: (navigation && navigation.responseStatus) || 200,
  url: location.href,
  html: document.documentElement ? document.documentElement.outerHTML : "",
  notices: [...document.querySelectorAll("[role=dialog], [role=alert], [role=alertdialog]")].map(n => n.innerText),
};
"""


Unread = Callable[[str, str, LayoutChanged], None]
"""Told of a text that no parser knows: what it should be (profile, reels ...), the text, and what was missing."""


@dataclass(frozen=True, slots=True)
class Page:
    """The open page as it is now: its HTML after scripts ran, and the texts of its dialogs and alerts."""

    status: int
    url: str
    html: str
    notices: Sequence[str]


class AccountSession:
    """A bot account on the site. Holds the password and cookies, and shows them nowhere.

    Every method may raise what signals.raise_for raises (RetryLater, CoolDown, SessionLost, NeedsHuman,
    AccountDead, TaskRejected), and BrowserGone.
    """

    def __init__(
        self,
        browser: Browser,
        site_url: str,
        username: str,
        password: str,
        cookies: Iterable[Mapping[str, Any]] = (),
        totp_secret: str | None = None,
        may_act: Callable[[], bool] = lambda: True,
        unread: Unread = lambda kind, text, error: None,
    ) -> None:
        """`totp_secret` is that of the second factor's app, in base32. `may_act` is asked before each request: once it
        says no, nothing more is asked of the site, and BudgetSpent (reason lease) is raised. `unread` is told of each
        text whose shape is new.
        """
        self.browser = browser
        self.site_url = site_url.rstrip("/")
        self.username = username
        self.password_logins = 0
        self.is_proven = False  # by a page, since the site last said something else
        self._password = password
        self._totp_secret = totp_secret
        self._may_act = may_act
        self._unread = unread
        self._text = ""  # what was read last
        self._cookies = [dict(cookie) for cookie in cookies]
        self._csrf: str | None = None
        self._claim = "0"

    def __repr__(self) -> str:
        return f"<AccountSession {self.username} {self.password_logins} log-ins>"

    # ---- log-in ------------------------------------------------------------------------------------------

    def ensure_logged_in(self) -> None:
        """Be logged in, by the saved cookies if they still hold, else by the password, once.

        A log-in counts when a page says who is viewing it, not when a cookie exists. Raises NeedsHuman (reason
        bad_password, two_factor, challenge ...), CoolDown, AccountDead, SessionLost when the site took the password
        and lets nobody in, or RetryLater when the page does not make up its mind.
        """
        self._restore_cookies()
        self._visit("/")
        self.is_proven = login.settled(self.browser, self.username) is login.State.IN
        if not self.is_proven:
            self._log_in()

    def _log_in(self) -> None:
        self._forget_others()
        self.password_logins += 1
        login.with_password(self.browser, self.username, self._password, self._totp_secret)
        self._visit("/")  # the page after the form may be an offer to save the password
        if login.settled(self.browser, self.username) is not login.State.IN:
            raise SessionLost(
                "The site took the password and then showed the log-in form.", reason="login_failed"
            )
        self.is_proven = True

    def cookies(self) -> list[dict[str, Any]]:
        """The site's cookies, to be saved (sealed) and handed to the next session of this account."""
        found = self.browser.devtools("Network.getCookies", urls=[self.site_url])["cookies"]
        return [{key: cookie[key] for key in _COOKIE_FIELDS if key in cookie} for cookie in found]

    def _restore_cookies(self) -> None:
        """Only once: after a failed log-in the saved ones are known to be dead."""
        cookies, self._cookies = self._cookies, []
        if cookies:
            self.browser.devtools(
                "Network.setCookies", cookies=[_cookie(one, self.site_url) for one in cookies]
            )

    def _forget_others(self) -> None:
        """A page that is viewed by another account must not be logged in upon."""
        if login.look(self.browser, self.username).viewer:
            self.browser.devtools("Network.clearBrowserCookies")
            self._visit("/")

    # ---- calls from inside the page ----------------------------------------------------------------------

    def get_json(self, path: str) -> Any:
        """The JSON object that the site answers to a GET of its web API."""
        return self._json(self.fetch("GET", path))

    def post_form_json(self, path: str, form: Mapping[str, str]) -> Any:
        """The JSON object that the site answers to a POST of a form."""
        return self._json(self.fetch("POST", path, form))

    def get_text(self, path: str) -> str:
        """The HTML of a page, unrendered: its inline JSON without the cost of opening it."""
        answer = self.fetch("GET", path)
        self._heed(classify(answer.status, answer.url, answer.headers, answer.body, expects_json=False))
        self._text = answer.body
        return answer.body

    @contextmanager
    def reading(self, kind: str) -> Iterator[None]:
        """Where the body meets a shape that it does not know, the text that was read last is shown to `unread`.

        LayoutChanged goes on, with its message for the caller.
        """
        self._text = ""
        try:
            yield
        except LayoutChanged as error:
            self._unread(kind, self._text, error)
            raise
        finally:
            self._text = ""

    def fetch(self, method: str, path: str, form: Mapping[str, str] | None = None) -> Response:
        """One request from inside the page, unjudged. Opens the site first when no page of it is open."""
        self._check_turn()
        try:
            answer = self.browser.fetch(method, path, self.request_headers(), form)
        except RetryLater as error:
            if error.details.get("reason") != "no_page":
                raise
            self._visit("/")
            answer = self.browser.fetch(method, path, self.request_headers(), form)
        self._claim = answer.headers.get("x-ig-set-www-claim", self._claim)
        if found := _CSRF.search(answer.cookies):
            self._csrf = found[1]
        return answer

    def request_headers(self) -> dict[str, str]:
        """The headers that the page's own scripts send with a call."""
        return {
            "X-IG-App-ID": _APP_ID,
            "X-ASBD-ID": _ASBD_ID,
            "X-CSRFToken": self._csrf_token(),
            "X-IG-WWW-Claim": self._claim,
            "X-Requested-With": "XMLHttpRequest",
        }

    def _csrf_token(self) -> str:
        """Read from the browser after each page; between calls every answer tells the current one."""
        if self._csrf is None:
            given = self.browser.devtools("Network.getCookies", urls=[self.site_url])["cookies"]
            self._csrf = next((cookie["value"] for cookie in given if cookie["name"] == "csrftoken"), "")
        return self._csrf

    def _json(self, answer: Response) -> Any:
        """The answer's JSON, which is taken apart once: for its meaning and for what it holds."""
        self._text = answer.body
        try:
            data = shapes.loads(answer.body)
        except LayoutChanged:
            self._heed(classify(answer.status, answer.url, answer.headers, answer.body))
            raise
        self._heed(classify(answer.status, answer.url, answer.headers, answer.body, answer=data))
        return data

    # ---- pages -------------------------------------------------------------------------------------------

    def open(self, path: str) -> Page:
        """Open a page of the site, close what lies over it, and return it. Raises what the page says."""
        self._visit(path)
        login.dismiss_popups(self.browser)
        return self.page()

    def page(self) -> Page:
        """The page that is open now. Raises what it says."""
        page = Page(**self.browser.run(_PAGE))
        self._heed(classify(page.status, page.url, {}, page.html, page.notices, expects_json=False))
        self._text = page.html
        return page

    def wait_for(self, script: str, what: str, limit_s: float = 15) -> Any:
        """Run a script in the page until it returns something true, and return that.

        Raises what the page says if it says something, else LayoutChanged naming `what` after `limit_s` seconds.
        """
        deadline = time.monotonic() + limit_s
        while not (found := self.browser.run(script)):
            if time.monotonic() > deadline:
                self.page()
                raise LayoutChanged(f"The page shows no {what}.", missing=what)
            time.sleep(0.05)
        return found

    def _heed(self, verdict: Verdict) -> None:
        """Raises what the site says. Strangers are told to wait too, so whoever is may be one by now."""
        if verdict.signal is Signal.COOLDOWN:
            self.is_proven = False
        raise_for(verdict)

    def _check_turn(self) -> None:
        if not self._may_act():
            raise BudgetSpent("The account's lease is in doubt.", reason="lease")

    def _visit(self, path: str) -> None:
        self._check_turn()
        self.browser.goto(self.site_url + path)
        self._csrf = None


def _cookie(saved: Mapping[str, Any], site_url: str) -> dict[str, Any]:
    """A saved cookie, ours or as Selenium writes them, in DevTools' words."""
    cookie = {key: saved[key] for key in _COOKIE_FIELDS if saved.get(key) is not None}
    if saved.get("expiry") is not None:
        cookie["expires"] = saved["expiry"]
    if cookie.get("expires", 0) < 0:  # a cookie of the browser's session
        del cookie["expires"]
    return cookie if "domain" in cookie else cookie | {"url": site_url}


def as_form(value: Any) -> str:
    """A list or an object as the site's forms carry it: compact JSON."""
    return json.dumps(value, separators=(",", ":"))

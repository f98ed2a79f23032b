"""One Chromium under Selenium: start, drive, stop. It never outlives the process that started it."""

import json
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from selenium.common.exceptions import (
    InvalidSessionIdException,
    NoSuchWindowException,
    SessionNotCreatedException,
    TimeoutException,
    WebDriverException,
)
from selenium.webdriver import ChromeOptions, Remote
from selenium.webdriver.remote.client_config import ClientConfig
from urllib3.exceptions import HTTPError

from scrapinsta_ray.errors import BrowserGone, RetryLater
from scrapinsta_ray.instagram import orphans, processes
from scrapinsta_ray.instagram.chromium import DriverProcess, find_chromedriver, find_chromium
from scrapinsta_ray.instagram.orphans import sweep_orphans
from scrapinsta_ray.instagram.rest import Rest, WakingConnection

__all__ = ["Browser", "BrowserOptions", "Response", "find_chromium", "sweep_orphans", "translated"]

# At DEBUG Selenium writes what it types, passwords included.
logging.getLogger("selenium").setLevel(logging.INFO)

# What Chromium does besides and need not. Several cost a process each: a pop-up below the address bar that is never
# seen, one for each site a page embeds, one in reserve, and pages kept for a way back that is never gone.
_UNUSED = (
    "BackForwardCache",
    "IsolateOrigins",
    "MediaRouter",
    "OptimizationHints",
    "PreloadTopChromeWebUI",
    "SegmentationPlatform",
    "SpareRendererForSitePerProcess",
    "Translate",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "WebUIOmniboxPopup",
    "site-per-process",
)
_DISK_CACHE_BYTES = 32 * 2**20
_CALLERS = 2  # connections to chromedriver: who works, and who looks

# Nothing here hides that a program drives this browser; it only keeps Chromium from doing other work.
_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    f"--disable-features={','.join(_UNUSED)}",
    "--disable-gpu",
    "--disable-quic",
    "--disable-site-isolation-trials",
    "--disable-sync",
    "--enable-features=NetworkServiceInProcess2",
    "--incognito",  # cookies and pages stay in memory: on the disk Chromium would hide them from nobody
    "--no-default-browser-check",
    "--no-first-run",
    "--renderer-process-limit=1",
    f"--disk-cache-size={_DISK_CACHE_BYTES}",
    "--blink-settings=imagesEnabled=false",  # the elements stay, their bytes are not fetched
    "--remote-debugging-pipe",  # no port that others on the machine could speak to; also ends with chromedriver
)

_GONE = re.compile(
    r"not reachable|disconnected|crashed|detached|no such execution context|unable to receive message"
    r"|target window already closed|web view not found|failed to start",
    re.IGNORECASE,
)

# Evaluated over DevTools, which takes half of what chromedriver's own way of running scripts does.
_FETCH = """
(async ([method, path, headers, form, limit]) => {
  if (!location.protocol.startsWith("http")) return {error: "no page"};
  const request = {method, headers, credentials: "include", cache: "no-store", signal: AbortSignal.timeout(limit)};
  if (form !== null) request.body = new URLSearchParams(form);
  try {
    const r = await fetch(path, request);
    return {
      status: r.status, url: r.url, headers: Object.fromEntries(r.headers), body: await r.text(),
      cookies: document.cookie};
  } catch (error) {
    return {error: String(error)};
  }
})(%s)
"""


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """How to start one browser. `user_data_dir` belongs to it alone and may be reused after it is closed."""

    user_data_dir: Path
    headless: bool = True
    language: str = "en-US"
    page_load_timeout_s: float = 30
    start_timeout_s: float = 25
    binary: str | None = None  # None: found, see find_chromium
    driver: str | None = None
    window_size: tuple[int, int] = (1280, 900)


@dataclass(frozen=True, slots=True)
class Response:
    """What an in-page request got, redirects followed: `url` is the last address. Header names are lower-case."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: str = field(repr=False)
    cookies: str = field(default="", repr=False)  # the page's readable ones after the answer


class Browser:
    """A running Chromium. Starts when made; use as a context manager, or call close().

    Raises BrowserMissing when there is no Chromium, BrowserGone when it does not start. Every method raises
    BrowserGone when the browser has died and RetryLater for a passing fault of the page or the network.
    One thread drives it; screenshot() and alive() may be called from others at any time.
    """

    def __init__(self, options: BrowserOptions) -> None:
        self._options = options
        self._folder = options.user_data_dir.absolute()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._closing = threading.Lock()
        self._closed = False
        binary = find_chromium(options.binary)
        self._service = DriverProcess(find_chromedriver(binary, options.driver))
        try:
            orphans.claim(self._folder, self._service.group)
            self._start(binary)
        except BaseException:
            self._service.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Browser {self._folder.name} {'closed' if self._closed else 'open'}>"

    def goto(self, url: str) -> None:
        """Open an address and wait until its document is parsed."""
        with translated():
            self.driver.get(url)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        with translated():
            return self.driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript that calls its last argument when it is done, and return what it passes."""
        with translated():
            return self.driver.execute_async_script(script, *arguments)

    def fetch(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Response:
        """Make a request from inside the open page, with its cookies, as the page's own scripts do.

        `path` is relative to the page's site; `form` is sent url-encoded. Raises RetryLater with `reason` no_page
        when no page of a site is open, or network when the answer did not arrive whole.
        """
        limit_ms = int(self._options.page_load_timeout_s * 1000)
        sent = None if form is None else dict(form)
        arguments = json.dumps([method, path, dict(headers or {}), sent, limit_ms])
        answer = self._evaluated(_FETCH % arguments)
        if "error" in answer:
            reason = "no_page" if answer["error"] == "no page" else "network"
            raise RetryLater("The request from inside the page failed.", reason=reason, cause=answer["error"])
        return Response(**answer)

    def devtools(self, command: str, **parameters: Any) -> Any:
        """Run a command of the DevTools protocol, e.g. `Network.setCookies`."""
        with translated():
            answer = self.driver.execute("executeCdpCommand", {"cmd": command, "params": parameters})
        return answer["value"]

    def _evaluated(self, expression: str) -> Any:
        """What the page's promise comes to. A page that goes away meanwhile answers nothing."""
        told = self.devtools("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        return told["result"].get("value", {"error": "no value"})

    def screenshot(self) -> bytes:
        """What the window shows now, as PNG."""
        with translated():
            return self.driver.get_screenshot_as_png()

    def alive(self) -> bool:
        """Do chromedriver and Chromium still run? Asks the system, not the browser: answers at once, always."""
        return not self._closed and self._service.alive() and self._chromium_runs()

    def limit_life(self, seconds: float) -> None:
        """Let it be killed `seconds` from now, even if this process hangs or is stopped then. Again: extended."""
        self._service.limit_life(seconds)

    def memory(self) -> int:
        """Bytes that chromedriver and Chromium take, what they share with other browsers divided among them."""
        return processes.memory(self._service.group)

    def park(self) -> None:
        """Show an empty page, which does nothing; the next request opens the site again."""
        self.goto("about:blank")

    def rest(self) -> None:
        """Stop Chromium's processes; the next thing that is asked of it wakes them."""
        if self._connection.rest:
            self._connection.rest.begin()

    def close(self) -> None:
        """Quit Chromium and leave no process of it. May be called again, and from any thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            with suppress(WebDriverException, HTTPError, OSError):
                # a hung browser is killed below anyway
                self._connection.client_config.timeout = 5
                self.driver.quit()
            self._service.stop()
            orphans.release(self._folder)

    def kill(self) -> None:
        """End it at once, whatever it does: for when there is no time for close(), which may follow."""
        self._service.kill()

    def _start(self, binary: str) -> None:
        try:
            self.driver = self._connect(binary)
            self._chromium_pid = int(self.driver.capabilities["goog:processID"])
            self._connection.rest = Rest(self._chromium_pid)
        except BaseException:
            orphans.release(self._folder)
            raise

    def _connect(self, binary: str) -> Remote:
        limit_s = int(self._options.page_load_timeout_s)
        self._connection = WakingConnection(
            self._service.url,
            vendor_prefix="goog",
            browser_name="chrome",
            ignore_proxy=True,  # chromedriver is on this machine whatever http_proxy says
            client_config=ClientConfig(
                self._service.url,
                timeout=int(self._options.start_timeout_s),
                init_args_for_pool_manager={"init_args_for_pool_manager": {"maxsize": _CALLERS}},
            ),
        )
        with translated():
            driver = Remote(command_executor=self._connection, options=self._chrome_options(binary))
            driver.set_page_load_timeout(limit_s)
            driver.set_script_timeout(limit_s + 2)  # a fetch gives up by itself before that
        # more than the longest wait, so that only a browser that hangs is given up
        self._connection.client_config.timeout = limit_s + 15
        return driver

    def _chrome_options(self, binary: str) -> ChromeOptions:
        options = ChromeOptions()
        options.binary_location = binary
        options.page_load_strategy = "eager"
        width, height = self._options.window_size
        own = [f"--user-data-dir={self._folder}", f"--lang={self._options.language}"]
        own += [f"--window-size={width},{height}"]
        own += ["--headless=new"] if self._options.headless else []
        own += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to run for root
        for flag in (*_FLAGS, *own):
            options.add_argument(flag)
        preferences = {"intl.accept_languages": self._options.language, "credentials_enable_service": False}
        options.add_experimental_option("prefs", preferences)
        return options

    def _chromium_runs(self) -> bool:
        return processes.started(self._chromium_pid) is not None


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Selenium raises into BrowserGone or RetryLater, without the addresses and texts it quotes."""
    try:
        yield
    except TimeoutException as error:
        raise RetryLater("The page took too long to answer.", reason="timeout") from error
    except (InvalidSessionIdException, NoSuchWindowException, SessionNotCreatedException) as error:
        raise BrowserGone(cause=type(error).__name__) from error
    except WebDriverException as error:
        if _GONE.search(error.msg or ""):
            raise BrowserGone(cause=type(error).__name__) from error
        raise RetryLater(**_cause(error)) from error
    except (HTTPError, ConnectionError, TimeoutError) as error:  # chromedriver itself does not answer
        raise BrowserGone(cause=type(error).__name__) from error


def _cause(error: WebDriverException) -> dict[str, str]:
    network = re.search(r"net::(ERR_\w+)", error.msg or "")
    return {"reason": "network", "cause": network[1]} if network else {"cause": type(error).__name__}

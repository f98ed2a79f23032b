"""Browsers, and bot accounts on the simulated site. The site is reached by its address alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
from scrapinsta_ray.instagram.session import AccountSession


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for one browser."""
    return tmp_path / "browsers" / "bot.a"


@pytest.fixture(scope="module")
def a_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that a module's tests share; its cookies are cleared by `a_clean_browser`."""
    with Browser(BrowserOptions(tmp_path_factory.mktemp("browsers") / "shared")) as browser:
        yield browser


@pytest.fixture
def a_clean_browser(a_browser: Browser) -> Browser:
    """The shared browser, as if it had never been anywhere."""
    a_browser.devtools("Network.clearBrowserCookies")
    a_browser.goto("about:blank")
    return a_browser


@pytest.fixture(scope="module")
def a_session(a_browser: Browser, simulator_url: str) -> AccountSession:
    """bot_3, logged in."""
    session = AccountSession(a_browser, simulator_url, "bot_3", "bot-secret-3")
    session.ensure_logged_in()
    return session

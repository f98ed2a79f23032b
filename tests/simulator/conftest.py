"""A small site, in this process and as a server of its own, and browsers that are logged in to it."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from starlette.applications import Starlette

from scrapinsta_ray.simulator.app import make_app
from scrapinsta_ray.simulator.population import Population, make_population

with warnings.catch_warnings():  # it would rather have httpx2
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = ["TestClient"]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --lang=en-US --window-size=1100,900"
).split()


@pytest.fixture(scope="session")
def people() -> Population:
    return make_population(600, 7, NOW)


@pytest.fixture
def app(people: Population) -> Starlette:
    return make_app(people)


@pytest.fixture
def stranger(app: Starlette) -> TestClient:
    """A browser that is not logged in but has been here: it holds a csrftoken."""
    client = TestClient(app, follow_redirects=False, headers={"X-IG-App-ID": "936619743392459"})
    client.get("/accounts/login/")
    client.headers["X-CSRFToken"] = client.cookies["csrftoken"]
    return client


def log_in(client: TestClient, username: str) -> TestClient:
    secret = username.replace("_", "-secret-")
    answer = client.post("/api/v1/web/accounts/login/ajax/", data={"username": username, "password": secret})
    assert answer.json()["authenticated"] is True
    return client


@pytest.fixture
def bot(stranger: TestClient) -> TestClient:
    return log_in(stranger, "bot_1")


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scrapinsta_ray.simulator", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def address(server: subprocess.Popen[str]) -> str:
    """Where it says that it answers; blocks until it does."""
    assert server.stdout is not None
    return server.stdout.readline().removeprefix("simulator: ").strip()


def stop(server: subprocess.Popen[str]) -> int:
    server.terminate()
    server.communicate(timeout=5)
    return server.returncode


@pytest.fixture(scope="module")
def site_url() -> Iterator[str]:
    server = start("--population", "600", "--seed", "7", "--now", NOW.isoformat(), "--parent-watch")
    try:
        yield address(server)
    finally:
        stop(server)


@contextmanager
def a_chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    if CHROMIUM.exists():
        options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS, f"--user-data-dir={folder}"]:
        options.add_argument(flag)
    driver = Path("/usr/bin/chromedriver")
    service = Service(str(driver)) if driver.exists() else Service()
    chrome = webdriver.Chrome(options=options, service=service)
    try:
        yield chrome
    finally:
        chrome.quit()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One Chromium for a module's tests."""
    with a_chromium(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> webdriver.Chrome:
    """A browser that remembers nothing."""
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    return chromium

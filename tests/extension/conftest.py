"""The extension in a real Chromium, against the API and the simulated site."""

import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import uvicorn
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from starlette.types import Receive, Scope, Send

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.client import Client
from scrapinsta_ray.store import clients, schema
from scrapinsta_ray.store.database import Database
from tests.site import ask_at

EXTENSION = Path(__file__).parents[2] / "extension"
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1200,900"
).split()
ACCOUNT = "client_1"

T = TypeVar("T")


def until(look: Callable[[], T], what: str, limit_s: float = 30) -> T:
    """The first true answer of `look`."""
    deadline = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_s:.0f} s"
        time.sleep(0.05)
    return found


class Api:
    """The four applications in this process, with one client; `away` when it answers nobody."""

    def __init__(self, db: Database) -> None:
        clients.create(db, "acme", "Acme", messages_per_hour=50, messages_per_day=50)
        self.db, self.key = db, clients.create_key(db, "acme").plaintext
        self._away = False
        self._away_after_pull = False
        self._apps = SideBySide(make_apps(db))
        self._server = uvicorn.Server(
            uvicorn.Config(self._answer, interface="asgi3", port=0, log_level="critical", lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "the API")
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._away:
            raise ConnectionAbortedError("away")  # uvicorn answers 500
        await self._apps(scope, receive, send)
        if self._away_after_pull and scope.get("path") == "/api/send/pull":
            self._away = True

    @contextmanager
    def away_after_pull(self) -> Iterator[None]:
        """From the next pull's answer on the server is away, until the end of the block."""
        self._away_after_pull = True
        try:
            yield
        finally:
            self._away = self._away_after_pull = False

    def client(self) -> Client:
        return Client(self.url, self.key, ACCOUNT)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    db = Database(f"sqlite:///{tmp_path}/store.db")
    schema.upgrade(db)
    running = Api(db)
    yield running
    running.close()
    db.dispose()


@pytest.fixture
def site(simulator_url: str) -> Iterator[str]:
    """The simulated site, without faults."""
    yield simulator_url
    ask_at(f"{simulator_url}/_faults", method="DELETE")


def bubbles(site: str) -> dict[str, list[str]]:
    """Recipient -> what client_1 wrote to them."""
    threads = ask_at(f"{site}/_truth/threads")["threads"]
    return {
        thread["to"]: [message["text"] for message in thread["messages"] if message["by"] == ACCOUNT]
        for thread in threads
        if thread["from"] == ACCOUNT
    }


def unpacked(folder: Path, site: str, server: str) -> Path:
    """The extension as it is, for another site, with the server's permission given: nobody is there to click."""
    shutil.copytree(EXTENSION, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["host_permissions"] = [f"{site}/*", f"http://{urlsplit(server).hostname}/*"]
    manifest["content_scripts"][0]["matches"] = [f"{site}/*"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


class Installed:
    """A Chromium with the extension, logged in to the site."""

    def __init__(self, folder: Path, profile: Path, site: str, language: str = "en-US") -> None:
        self.site, self._folder, self._profile, self._language = site, folder, profile, language
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:32]
        self.id = "".join(chr(ord("a") + int(digit, 16)) for digit in digest)
        self.start()

    def start(self) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        wanted = [f"--load-extension={self._folder}", f"--user-data-dir={self._profile}"]
        for flag in [
            *FLAGS,
            *wanted,
            f"--lang={self._language}",
            "--disable-features=DisableLoadExtensionCommandLineSwitch",
        ]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(30)
        self.driver.get(self.page("options/options.html"))
        self.home = self.driver.current_window_handle

    def page(self, path: str) -> str:
        return f"chrome-extension://{self.id}/{path}"

    def quit(self) -> None:
        self.driver.quit()

    def run(self, script: str, *arguments: Any) -> Any:
        """An async function's body, run in a page of the extension; what it returns."""
        self.driver.switch_to.window(self.home)
        wrapped = (
            "const done = arguments[arguments.length - 1]; const given = [...arguments].slice(0, -1);"
            f"(async (...args) => {{ {script} }})(...given)"
            ".then(value => done({value}), error => done({error: String(error)}));"
        )
        answer = self.driver.execute_async_script(wrapped, *arguments)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def ask(self, what: str, **more: Any) -> Any:
        """What popup and options ask of the service worker."""
        answer = self.run("return chrome.runtime.sendMessage(args[0])", {"ask": what, **more})
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def memory(self) -> dict[str, Any]:
        """What is written down: sender, outbox, log."""
        found: dict[str, Any] = self.run("return chrome.storage.local.get(null)")
        return found

    def configure(self, api: Api, **more: Any) -> None:
        """Settings as the options page keeps them; without pauses, unless said."""
        pace = {"perHour": 50, "perDay": 50, "gapMinS": 0, "gapMaxS": 0, "fromHour": 0, "toHour": 0}
        limits = {"messages_per_hour": 50, "messages_per_day": 50}
        self.store(
            **{"server": api.url, "key": api.key, "account": ACCOUNT, "pace": pace, "limits": limits, **more}
        )

    def store(self, **settings: Any) -> None:
        """What the options page has kept."""
        self.run("await chrome.storage.local.set({settings: args[0]})", settings)

    def past_dry_runs(self) -> None:
        """As after the first ten messages."""
        self.run(
            "const {sender} = await chrome.storage.local.get('sender');"
            "await chrome.storage.local.set({sender: {...sender, dryRunsLeft: 0}})"
        )

    def log_in(self, account: str = ACCOUNT) -> None:
        """The user logs in to the site, in a tab of their own."""
        self.driver.switch_to.new_window("tab")
        self.driver.get(f"{self.site}/")
        script = """
            const done = arguments[arguments.length - 1];
            const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
            fetch("/api/v1/web/accounts/login/ajax/", {method: "POST", headers: {"X-CSRFToken": token,
              "Content-Type": "application/x-www-form-urlencoded"},
              body: new URLSearchParams({username: arguments[0], password: arguments[1]})})
              .then(answer => answer.json()).then(body => done(body.authenticated));
        """
        assert self.driver.execute_async_script(script, account, account.replace("_", "-secret-"))
        self.driver.close()
        self.driver.switch_to.window(self.home)

    def kill_worker(self) -> bool:
        """Ends the service worker, as Chrome does when it naps; False if there was none."""
        targets = self.driver.execute_cdp_cmd("Target.getTargets", {})["targetInfos"]
        ours = [one for one in targets if one["type"] == "service_worker" and self.id in one["url"]]
        for target in ours:
            self.driver.execute_cdp_cmd("Target.closeTarget", {"targetId": target["targetId"]})
        return bool(ours)

    def restart(self) -> None:
        """The user closes the browser and opens it again."""
        self.driver.quit()
        self.start()


@contextmanager
def ready(tmp_path: Path, api: Api, site: str, language: str) -> Iterator[Installed]:
    folder = unpacked(tmp_path / "extension", site, api.url)
    browser = Installed(folder, tmp_path / "profile", site, language)
    try:
        browser.configure(api)
        browser.log_in()
        browser.past_dry_runs()
        yield browser
    finally:
        browser.quit()


@pytest.fixture
def installed(tmp_path: Path, api: Api, site: str) -> Iterator[Installed]:
    """The extension, configured, logged in, past its dry runs, not yet started."""
    with ready(tmp_path, api, site, "en-US") as browser:
        yield browser


@pytest.fixture
def spanish(tmp_path: Path, api: Api, site: str) -> Iterator[Installed]:
    """The same in the browser of somebody who reads Spanish."""
    with ready(tmp_path, api, site, "es-ES") as browser:
        yield browser

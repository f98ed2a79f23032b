"""A stand-in for the client's browser extension: the same HTTP calls, typing into the site through Selenium."""

import threading
from pathlib import Path
from typing import Any

from scrapinsta_ray.client import Client
from scrapinsta_ray.errors import ScrapInstaError, TaskRejected
from scrapinsta_ray.instagram import actions
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
from scrapinsta_ray.instagram.session import AccountSession

_LONGEST_WAIT_S = 0.5
"""The demo does not wait out the pauses that a real sender keeps."""


class StandInSender:
    """Pulls, sends and reports in a thread of its own until `stop`, or until something fails: then `failure` is set."""

    def __init__(self, client: Client, site_url: str, account: str, password: str, profile: Path) -> None:
        self._client, self._site_url = client, site_url
        self._account, self._password, self._profile = account, password, profile
        self._stopping = threading.Event()
        self.now_writing_to: str | None = None
        self.failure: Exception | None = None
        self._thread = threading.Thread(target=self._guarded, name="sender", daemon=True)

    def start(self) -> None:
        """Opens the browser and begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the message that is under way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _guarded(self) -> None:
        try:
            with Browser(BrowserOptions(user_data_dir=self._profile)) as browser:
                session = AccountSession(browser, self._site_url, self._account, self._password)
                session.ensure_logged_in()
                self._send_all(session)
        except Exception as error:  # noqa: BLE001 - the edge of the thread: whoever waits for it must see why
            self.failure = error

    def _send_all(self, session: AccountSession) -> None:
        while not self._stopping.is_set():
            pulled = self._client.pull(limit=5)
            for item in pulled["items"]:
                self._client.result([self._send(session, item)])
            self._stopping.wait(min(pulled["retry_after_s"], _LONGEST_WAIT_S))

    def _send(self, session: AccountSession, item: dict[str, Any]) -> dict[str, Any]:
        result = {"job_id": item["job_id"], "task_id": item["task_id"], "lease_id": item["lease_id"]}
        self.now_writing_to = item["dest_username"]
        try:
            actions.send_message(
                session, item["dest_username"], item["payload"]["message"], item["maybe_sent"]
            )
        except TaskRejected as error:
            return {**result, "ok": False, "code": error.reason, "error": error.message}
        except ScrapInstaError as error:
            return {**result, "ok": False, "code": "unknown", "error": error.message}
        finally:
            self.now_writing_to = None
        return {**result, "ok": True, "code": "sent"}

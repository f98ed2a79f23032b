"""One account's session: made when it is needed, made again when its browser died, renewed when that is worn out."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from scrapinsta_ray import errors
from scrapinsta_ray.cluster import names
from scrapinsta_ray.cluster.alarm import Alarm
from scrapinsta_ray.cluster.quiet import Quiet
from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
from scrapinsta_ray.instagram.session import AccountSession, Unread
from scrapinsta_ray.settings import Settings
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.telemetry import counts, through_ray

log = logging.getLogger(__name__)

_WEIGHED_EVERY_S = 60.0
"""A working browser's memory is looked at so often, since looking costs as much as reading a profile or two."""

_TIDY_AFTER_S = 15.0
"""So long after it was parked a browser has given back what its last page took, and may be stopped."""


class SessionKeeper:
    """The only session of an account, or none.

    It holds the account's lease, and no browser outlives that. One thread works with it, within `at_work`; `lives`
    and `screenshot` are for all.
    """

    def __init__(
        self, db: Database, found: Settings, username: str, unread: Unread, quiet: Quiet | None = None
    ) -> None:
        """Waits until no other process can be this account. While it is idle, so is `quiet`'s thread.

        `unread` is told of texts that no parser knows.
        """
        self._db, self._settings, self._username = db, found, username
        self._session: AccountSession | None = None
        self._logins_saved = 0
        self._tasks = 0
        self._bytes = 0  # that the browser took at the last look
        self._why: str | None = None  # the last browser ended
        self._weighed_at = -_WEIGHED_EVERY_S
        self._working = threading.Lock()
        self._parking = Alarm(partial(self._if_idle, self._park), "park")
        self._resting = Alarm(partial(self._if_idle, self._rest), "rest")
        self._unread, self._quiet = unread, quiet
        lease = names.account_lease(username)
        self.tenure = Tenure(db, lease, found.lease_ttl_s, self._lost, self._limit_life)
        if self.tenure.lease.bereft:
            self._why = "worker"

    # ---- for the thread that works -----------------------------------------------------------------------

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While the body runs the page is left alone; a while after it, it is parked."""
        with self._working:
            self._parking.clear()
            self._resting.clear()
            if self._quiet:
                self._quiet.end()
            try:
                yield
            finally:
                self._tasks += 1
                self._weigh_now_and_then()
                self._parking.set(self._settings.park_after_s)

    def logged_in(self) -> AccountSession:
        """The session, in a living browser; once more proved by a page, and its cookies saved, when it is in doubt.

        Raises what AccountSession.ensure_logged_in raises, BrowserGone and BrowserMissing, and NeedsHuman when the
        account was removed.
        """
        session = self._session
        if session is None or not session.browser.alive() or self._worn_out():
            self._why = self._why if session is None or session.browser.alive() else "died"
            self.quit()
            session = self._new()
        if not session.is_proven:
            try:
                session.ensure_logged_in()
            finally:
                self._save(session)
        return session

    def is_logged_in(self) -> bool:
        """Is there a session to go on with, as it is?"""
        session = self._session
        return session is not None and session.is_proven and session.browser.alive()

    def quit(self) -> None:
        """Saves the cookies as far as that goes, and ends the browser."""
        session, self._session = self._session, None
        if session is not None:
            self._why = self._why or "session"
            with suppress(errors.ScrapInstaError):
                self._save(session)
            session.browser.close()
            through_ray.tell_no_more("session_memory_bytes", account_bot=self._username)

    # ---- for others --------------------------------------------------------------------------------------

    def lives(self) -> bool:
        """Is there a browser, and does it run?"""
        session = self._session
        return session is not None and session.browser.alive()

    def screenshot(self) -> bytes:
        """What the browser shows now, as PNG. Raises RetryLater when there is none."""
        session = self._session
        if session is None or not session.browser.alive():
            raise errors.RetryLater(
                f"{self._username} has no browser now: it gets one with its next task.", reason="no_browser"
            )
        try:
            return session.browser.screenshot()
        finally:
            self._resting.set(_TIDY_AFTER_S)  # it woke for the picture

    def close(self) -> None:
        """Ends the browser, then gives the account back: for a planned end."""
        with self._working:
            self.quit()
            self.tenure.release()

    # ---- the lease ---------------------------------------------------------------------------------------

    def _limit_life(self) -> None:
        """The browser ends before the lease does, whatever becomes of this process."""
        session = self._session
        if session is not None:
            session.browser.limit_life(self.tenure.left_s())

    def _lost(self) -> None:
        """The account may soon be somebody else's: the browser ends, and with it this process, which Ray replaces."""
        try:
            session = self._session
            if session is not None:
                session.browser.kill()
        finally:
            os._exit(1)  # whatever the browser did; its guard ends it with us

    # ---- the browser -------------------------------------------------------------------------------------

    def _new(self) -> AccountSession:
        """A session in a new browser, known at once, so that whatever happens it can be ended."""
        known = accounts.credentials(self._db, self._settings.fernet, self._username)
        if known is None:
            raise errors.NeedsHuman("This account was removed.")
        session = AccountSession(
            Browser(self._options()),
            self._settings.site_url,
            known.username,
            known.password,
            known.cookies,
            totp_secret=known.totp_secret,
            may_act=self.tenure.is_sure,
            unread=self._unread,
        )
        self._session, self._logins_saved, self._tasks, self._bytes = session, 0, 0, 0
        if self._why:
            counts.add("browser_restarts", reason=self._why)
            self._why = None
        self._limit_life()
        return session

    def _options(self) -> BrowserOptions:
        return BrowserOptions(
            user_data_dir=self._settings.home / "browsers" / self._username,
            headless=self._settings.headless,
            language=self._settings.language,
            binary=self._settings.chromium,
            driver=self._settings.chromedriver,
        )

    def _worn_out(self) -> bool:
        if self._tasks >= self._settings.browser_tasks:
            why, self._why = f"{self._tasks} tasks", "tasks"
        elif self._bytes > self._settings.browser_memory_mb * 2**20:
            why, self._why = "its memory", "memory"
        else:
            return False
        log.info("a new browser after %s", why, extra={"account_bot": self._username})
        return True

    def _weigh_now_and_then(self) -> None:
        """In a thread of its own: no task waits for it, and an idle account costs nothing."""
        session = self._session
        if session is not None and time.monotonic() - self._weighed_at >= _WEIGHED_EVERY_S:
            self._weighed_at = time.monotonic()
            threading.Thread(target=self._weigh, args=(session,), name="weigh", daemon=True).start()

    def _weigh(self, session: AccountSession) -> None:
        weight = session.browser.memory()
        if session is self._session:
            self._bytes = weight
            through_ray.tell("session_memory_bytes", weight, account_bot=self._username)

    def _save(self, session: AccountSession) -> None:
        if not session.browser.alive() or not self.tenure.is_sure():
            return
        accounts.save_session(
            self._db,
            self._settings.fernet,
            self._username,
            session.cookies(),
            logins=session.password_logins - self._logins_saved,
        )
        self._logins_saved = session.password_logins

    # ---- idle --------------------------------------------------------------------------------------------

    def _if_idle(self, work: Callable[[], None]) -> None:
        if not self._working.acquire(blocking=False):
            return
        try:
            work()
        except errors.ScrapInstaError:
            log.info("an idle page could not be parked", extra={"account_bot": self._username})
        finally:
            self._working.release()

    def _park(self) -> None:
        if self._session is not None:
            self._session.browser.park()
            self._resting.set(_TIDY_AFTER_S)
        if self._quiet:
            self._quiet.begin()

    def _rest(self) -> None:
        if self._session is not None:
            self._session.browser.rest()

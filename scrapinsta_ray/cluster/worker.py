"""One bot account at work: one lease, one browser, one task at a time."""

import logging
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from scrapinsta_ray import errors, settings
from scrapinsta_ray.cluster import names
from scrapinsta_ray.cluster.consequences import report_of, signal_of
from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.cluster.turns import Turns
from scrapinsta_ray.domain.models import Action, Kind, Signal, Task
from scrapinsta_ray.domain.pacing import COOLDOWN_LONGEST_S
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.instagram import actions
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
from scrapinsta_ray.instagram.orphans import sweep_orphans
from scrapinsta_ray.instagram.session import AccountSession
from scrapinsta_ray.store import accounts, followings, tasks, turns
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.telemetry import logs

log = logging.getLogger(__name__)


class InstagramWorker:
    """The actor of a bot account. Its constructor waits until no other process can be this account."""

    def __init__(self, username: str) -> None:
        self._settings = settings.load()
        logs.configure(self._settings.log_format, self._settings.log_level)
        self._username = username
        self._db = Database(self._settings.url, pool_size=4)
        self._session: AccountSession | None = None
        self._logins_saved = 0
        self._browsers = self._settings.home / "browsers"
        self._tenure = Tenure(self._db, names.account_lease(username), self._settings.lease_ttl_s, self._lost)
        self._turns = Turns(self._db, username, self._settings.pace, self._tenure)
        sweep_orphans(self._browsers)

    # ---- the default group: one at a time ----------------------------------------------------------------

    def warm_up(self) -> bool:
        """Starts the browser and logs in, before the first task; False if that did not work, which is recorded."""
        try:
            self._turns.ready()
            self._logged_in()
        except errors.ScrapInstaError as error:
            self._blame_account(error)
            return False
        return True

    def perform(self, task: Task) -> Work:
        """Does one task and says what became of it. Raises nothing that the site or the browser can cause."""
        began = time.monotonic()
        if not self._renew(task):
            return Work(task, report_of(errors.StaleLease(), task.lease_id), self._username)
        with self._renewing(task):
            work = self._try(task)
        log.info(
            "task done" if work.report.ok else "task failed",
            extra={
                "job_id": task.job_id,
                "task_id": task.task_id,
                "client": task.client_id,
                "account_bot": self._username,
                "code": work.report.code,
                "latency_ms": round((time.monotonic() - began) * 1000),
            },
        )
        return work

    def close(self) -> None:
        """Quits the browser, then gives the account back: for a planned end."""
        self._quit_browser()
        self._tenure.release()

    # ---- the control group: answers while a task runs ----------------------------------------------------

    @ray.method(concurrency_group="control")
    def health(self) -> dict[str, bool]:
        """Does it hold its account, and does its browser live?"""
        session = self._session
        return {"sure": self._tenure.is_sure(), "browser": session is not None and session.browser.alive()}

    @ray.method(concurrency_group="control")
    def pid(self) -> int:
        """The worker's process."""
        return os.getpid()

    # ---- one task ----------------------------------------------------------------------------------------

    def _try(self, task: Task) -> Work:
        try:
            work = self._with_one_relogin(task)
            signal: Signal | None = Signal.OK
        except errors.ScrapInstaError as error:
            self._blame_account(error)
            work = Work(task, report_of(error, task.lease_id), self._username, {"account": self._username})
            signal = signal_of(error)
        if signal is not None:
            turns.heard(self._db, self._username, signal, self._settings.pace, draw=random.random())
        return work

    def _with_one_relogin(self, task: Task) -> Work:
        try:
            return self._do(task)
        except errors.SessionLost:
            self._quit_browser()
            return self._do(task)

    def _do(self, task: Task) -> Work:
        self._turns.ready()
        session = self._logged_in()
        if not self._tenure.is_sure():
            raise errors.RetryLater("The account's lease is in doubt.")
        if task.kind is Kind.FETCH_FOLLOWINGS:
            return self._fetch_followings(session, task)
        return self._analyze(session, task)

    def _analyze(self, session: AccountSession, task: Task) -> Work:
        self._turns.wait(Action.PROFILE_READ)
        profile = actions.fetch_profile(session, task.username)
        if profile.is_private:
            raise errors.TaskRejected("This account is private: nothing is collected.", reason="private")
        result = {"account": self._username, "media": len(profile.media)}
        return Work(task, _ok(task), self._username, result, profile)

    def _fetch_followings(self, session: AccountSession, task: Task) -> Work:
        """Stores each page as it comes; goes on behind the pages of an earlier attempt."""
        collected, completeness = int(task.payload.get("collected", 0)), None
        left = int(task.payload["limit"]) - collected
        self._turns.wait(Action.PROFILE_READ)  # the target's own page comes before its list
        self._turns.wait(Action.FOLLOWING_PAGE)
        for page in actions.fetch_followings(session, task.username, left, task.payload.get("cursor")):
            followings.save_page(self._db, task, page, start=collected)
            collected += len(page.users)
            completeness = page.completeness
            if completeness is None:
                self._turns.wait(Action.FOLLOWING_PAGE)  # the next one is asked for after this
        result = {"account": self._username, "followings": collected, "completeness": completeness}
        return Work(task, _ok(task), self._username, result)

    @contextmanager
    def _renewing(self, task: Task) -> Iterator[None]:
        """Renews the task's lease at a third of its life while the body runs."""
        done = threading.Event()
        every_s = self._settings.task_lease_ttl_s / 3

        def renew() -> None:
            while not done.wait(every_s):
                try:
                    self._renew(task)
                except errors.DatabaseAway:
                    log.warning("cannot renew a task", extra={"task_id": task.task_id})

        thread = threading.Thread(target=renew, name="task lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _renew(self, task: Task) -> bool:
        ttl_s = self._settings.task_lease_ttl_s
        return tasks.renew(self._db, task.id, task.lease_id, ttl_s, holder=self._username)

    # ---- the session -------------------------------------------------------------------------------------

    def _logged_in(self) -> AccountSession:
        """The account's session, in a living browser; the cookies are saved when it is new."""
        if self._session is not None and self._session.browser.alive():
            return self._session
        self._quit_browser()
        session = self._new_session()
        try:
            session.ensure_logged_in()
        finally:
            self._session, self._logins_saved = session, 0
            self._save_session(session)
        return session

    def _new_session(self) -> AccountSession:
        known = accounts.credentials(self._db, self._settings.fernet, self._username)
        if known is None:
            raise errors.NeedsHuman("This account was removed.")
        options = BrowserOptions(
            user_data_dir=self._browsers / self._username,
            headless=self._settings.headless,
            language=self._settings.language,
            binary=self._settings.chromium,
            driver=self._settings.chromedriver,
        )
        return AccountSession(
            Browser(options), self._settings.site_url, known.username, known.password, known.cookies
        )

    def _save_session(self, session: AccountSession) -> None:
        if not session.browser.alive():
            return
        accounts.save_session(
            self._db,
            self._settings.fernet,
            self._username,
            session.cookies(),
            logins=session.password_logins - self._logins_saved,
        )
        self._logins_saved = session.password_logins

    def _quit_browser(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.browser.close()

    # ---- when the site or the lease says stop ------------------------------------------------------------

    def _blame_account(self, error: errors.ScrapInstaError) -> None:
        """Rests or parks the account if the error is about it; a browser that is gone is put away."""
        match error:
            case errors.AccountDead():
                accounts.set_status(self._db, [self._username], "dead", error.message)
            case errors.NeedsHuman() | errors.Misconfigured() | errors.BrowserMissing():
                accounts.set_status(self._db, [self._username], "needs_human", error.message)
            case errors.SessionLost():
                accounts.set_status(self._db, [self._username], "paused", error.message)
            case errors.CoolDown():
                longest = COOLDOWN_LONGEST_S if error.details.get("reason") == "action_block" else None
                turns.cool_down(self._db, self._username, error.retry_after_s or longest)
            case errors.BrowserGone():
                self._quit_browser()

    def _lost(self) -> None:
        """The account may soon be somebody else's: the browser ends, and with it this process, which Ray replaces."""
        try:
            self._quit_browser()
        finally:
            os._exit(1)  # whatever the browser did; its guard ends it with us


def _ok(task: Task) -> Report:
    return Report(True, "ok", lease_id=task.lease_id)

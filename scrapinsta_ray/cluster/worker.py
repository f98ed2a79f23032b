"""One bot account at work: one lease, one browser, one task at a time."""

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import ray

from scrapinsta_ray import errors, settings
from scrapinsta_ray.cluster.alarm import Alarm
from scrapinsta_ray.cluster.consequences import report_of, signal_of
from scrapinsta_ray.cluster.pages import Pages
from scrapinsta_ray.cluster.quiet import Quiet
from scrapinsta_ray.cluster.sessions import SessionKeeper
from scrapinsta_ray.cluster.turns import Turns
from scrapinsta_ray.domain.models import Action, Kind, Signal, Task
from scrapinsta_ray.domain.pacing import COOLDOWN_LONGEST_S
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.instagram import actions
from scrapinsta_ray.instagram.orphans import sweep_orphans
from scrapinsta_ray.instagram.samples import Samples
from scrapinsta_ray.instagram.session import AccountSession
from scrapinsta_ray.store import accounts, counters, followings, tasks, turns
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.followings import Reached
from scrapinsta_ray.telemetry import context, counts, logs
from scrapinsta_ray.telemetry.flusher import Flusher

log = logging.getLogger(__name__)


class InstagramWorker:
    """The actor of a bot account. Its constructor waits until no other process can be this account."""

    def __init__(self, username: str, main_thread_rests: bool = False) -> None:
        """`main_thread_rests`: the main thread is Ray's, and has nothing to do while the worker is idle."""
        self._settings = settings.load()
        logs.configure(self._settings.log_format, self._settings.log_level)
        self._username = username
        self._db = Database(self._settings.url, pool_size=4)
        self._flusher = Flusher(partial(counters.add, self._db))
        self._samples = Samples(self._settings.home / "samples")
        self._keeper = SessionKeeper(
            self._db, self._settings, username, self._unread, Quiet() if main_thread_rests else None
        )
        self._in_hand: Task | None = None
        self._renewal = Alarm(self._renew_what_is_in_hand, "task lease")
        self._turns = Turns(self._db, username, self._settings.pace, self._keeper.tenure)
        sweep_orphans(self._settings.home / "browsers")

    # ---- the default group: one at a time ----------------------------------------------------------------

    def warm_up(self) -> bool:
        """Starts the browser and logs in, before the first task; False if that did not work, which is recorded."""
        with self._keeper.at_work():
            try:
                self._turns.ready()
                self._keeper.logged_in()
            except errors.ScrapInstaError as error:
                self._blame_account(error)
                return False
        return True

    def perform(self, task: Task) -> Work:
        """Does one task and says what became of it. Raises nothing that the site or the browser can cause."""
        with context.binding(
            request_id=task.request_id,
            job_id=task.job_id,
            task_id=task.task_id,
            client=task.client_id,
            account_bot=self._username,
        ):
            return self._perform(task)

    def _perform(self, task: Task) -> Work:
        began = time.monotonic()
        if not self._renew(task):
            return Work(task, report_of(errors.StaleLease(), task.lease_id), self._username)
        with self._keeper.at_work(), self._renewing(task):
            work = self._try(task)
        log.info(
            "task done" if work.report.ok else "task failed",
            extra={"code": work.report.code, "latency_ms": round((time.monotonic() - began) * 1000)},
        )
        return work

    def close(self) -> None:
        """Quits the browser, then gives the account back: for a planned end."""
        self._keeper.close()
        self._flusher.stop()

    def leave(self) -> None:
        """Closes, and ends its process for good: its account begins anew on another node."""
        self.close()
        ray.actor.exit_actor()

    # ---- the control group: answers while a task runs ----------------------------------------------------

    @ray.method(concurrency_group="control")
    def health(self) -> dict[str, bool]:
        """Does it hold its account, and does its browser live?"""
        return {"sure": self._keeper.tenure.is_sure(), "browser": self._keeper.lives()}

    @ray.method(concurrency_group="control")
    def screenshot(self) -> bytes:
        """What its browser shows now, as PNG. Raises RetryLater when it has none."""
        return self._keeper.screenshot()

    @ray.method(concurrency_group="control")
    def hand_back(self) -> None:
        """Begins no further action: what it has in hand is finished, or goes back with what was read so far."""
        self._turns.end()

    @ray.method(concurrency_group="control")
    def pid(self) -> int:
        """The worker's process."""
        return os.getpid()

    # ---- one task ----------------------------------------------------------------------------------------

    def _try(self, task: Task) -> Work:
        try:
            work = self._persistently(task)
            signal: Signal | None = Signal.OK
        except errors.ScrapInstaError as error:
            self._blame_account(error)
            report = report_of(error, task.lease_id, task.attempts)
            work = Work(task, report, self._username, {"account": self._username})
            signal = signal_of(error)
        if signal is not None:
            counts.add("signals", type=signal)
            turns.heard(self._db, self._username, signal, self._settings.pace, draw=random.random())
        return work

    def _persistently(self, task: Task) -> Work:
        """One new log-in for a dead session and one new browser for a dead one cost the task no attempt."""
        spare = {errors.SessionLost, errors.BrowserGone}
        while True:
            try:
                return self._do(task)
            except (errors.SessionLost, errors.BrowserGone) as error:
                self._keeper.quit()
                if type(error) not in spare:
                    raise
                spare.remove(type(error))
                log.info("%s: once more", error.code, extra={"task_id": task.task_id})

    def _do(self, task: Task) -> Work:
        if not self._keeper.is_logged_in():  # what that takes is not counted, but not always allowed
            self._turns.ready()
        session = self._keeper.logged_in()
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
        """Stores each page as it comes; goes on behind the pages of an earlier attempt, and of this one."""
        reached = followings.reached(self._db, task)
        if not reached.completeness:
            reached = self._collect(session, task, reached)
        result = {
            "account": self._username,
            "followings": reached.collected,
            "completeness": reached.completeness,
        }
        return Work(task, _ok(task), self._username, result)

    def _collect(self, session: AccountSession, task: Task, reached: Reached) -> Reached:
        left = int(task.payload["limit"]) - reached.collected
        self._turns.wait(Action.PROFILE_READ)  # the target's own page comes before its list
        self._turns.wait(Action.FOLLOWING_PAGE)
        with Pages(self._db, task, reached) as pages:
            for page in actions.fetch_followings(session, task.username, left, reached.cursor):
                pages.add(page)
                if page.completeness is None:  # the next one is asked for after this
                    self._turns.wait(Action.FOLLOWING_PAGE, pages.store)
                pages.store()
        return pages.reached()

    @contextmanager
    def _renewing(self, task: Task) -> Iterator[None]:
        """Renews the task's lease at a third of its life while the body runs."""
        self._in_hand = task
        self._renewal.set(self._settings.task_lease_ttl_s / 3)
        try:
            yield
        finally:
            self._in_hand = None
            self._renewal.clear()

    def _renew_what_is_in_hand(self) -> None:
        task = self._in_hand
        if task is None:
            return
        try:
            self._renew(task)
        except errors.DatabaseAway:
            log.warning("cannot renew a task", extra={"task_id": task.task_id})
        self._renewal.set(self._settings.task_lease_ttl_s / 3)

    def _renew(self, task: Task) -> bool:
        ttl_s = self._settings.task_lease_ttl_s
        return tasks.renew(self._db, task.id, task.lease_id, ttl_s, holder=self._username)

    # ---- when the site or the lease says stop ------------------------------------------------------------

    def _blame_account(self, error: errors.ScrapInstaError) -> None:
        """Rests or parks the account if the error is about it; whom a person must look at has no browser meanwhile."""
        match error:
            case errors.AccountDead():
                self._set_aside("dead", error)
            case errors.NeedsHuman() | errors.Misconfigured() | errors.BrowserMissing():
                self._set_aside("needs_human", error)
            case errors.SessionLost():
                self._set_aside("paused", error)
            case errors.CoolDown():
                longest = COOLDOWN_LONGEST_S if error.details.get("reason") == "action_block" else None
                turns.cool_down(self._db, self._username, error.retry_after_s or longest)

    def _unread(self, kind: str, text: str, error: errors.LayoutChanged) -> None:
        """A text of a shape that no parser knows: counted, and what it looks like kept for the operator."""
        counts.add("layout_changed")
        missing = error.details.get("missing")
        log.warning("layout changed: %s: %s (missing: %s)", kind, error.message, missing)
        try:
            self._samples.note(kind, text, error)
        except OSError as problem:
            log.warning("no sample could be kept: %s", problem.strerror)

    def _set_aside(self, status: str, error: errors.ScrapInstaError) -> None:
        """Parks the account until a person resumes it; its browser ends, so that not even a page's scripts go on."""
        reason = error.details.get("reason")
        why = f"{error.message} ({reason})" if reason else error.message
        accounts.set_status(self._db, [self._username], status, why[:300])
        self._keeper.quit()


def _ok(task: Task) -> Report:
    return Report(True, "ok", lease_id=task.lease_id)

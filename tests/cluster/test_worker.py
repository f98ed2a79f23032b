"""One account's worker meets what a site, a browser and a machine can do in the middle of a task."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from scrapinsta_ray.cluster import sessions
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain.models import Kind
from scrapinsta_ray.domain.transitions import Verdict
from scrapinsta_ray.instagram import actions, processes
from scrapinsta_ray.instagram.browser import Browser
from scrapinsta_ray.simulator.faults import CATALOGUE
from scrapinsta_ray.store import tasks
from scrapinsta_ray.store.tables import followings
from scrapinsta_ray.telemetry import counts
from tests.cluster.conftest import Bench
from tests.site import Ask
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

WHO = "bot_8"


def browser_of(worker: InstagramWorker) -> Browser:
    session = worker._keeper._session
    assert session
    return session.browser


def public(ask: Ask, number: int) -> list[str]:
    """Profiles that can be read, with films, so that reading one takes at least two calls."""
    names = ask("/_truth/followings/cafe_lucia")["usernames"][:80]
    users = ask(f"/_truth/users?usernames={','.join(names)}")["users"]
    found = [n for n, user in users.items() if user and not user["is_private"] and user["posts"] > 12]
    return found[:number]


def pages_asked(ask: Ask) -> int:
    told = ask(f"/_requests?account={WHO}&kind=followings&limit=0")
    return int(told["by_kind"].get("followings", 0))


FAULTS = {  # in the middle of a task: what it ends with, whether it may be tried again, how the account is then
    "throttled": ("cooldown", True, "active"),
    "rate_limited": ("cooldown", True, "active"),
    "feedback_required": ("cooldown", True, "active"),
    "action_block": ("cooldown", True, "active"),
    "checkpoint_required": ("needs_human", True, "needs_human"),
    "challenge_required": ("needs_human", True, "needs_human"),
    "challenge_page": ("needs_human", True, "needs_human"),
    "masked_404": ("needs_human", True, "needs_human"),
    "suspended": ("needs_human", True, "dead"),
    "server_error": ("retry_later", True, "active"),
    "bad_request": ("retry_later", True, "active"),
    "graphql_errors": ("retry_later", True, "active"),
    "empty": ("retry_later", True, "active"),
    "reset": ("retry_later", True, "active"),
    "truncated": ("retry_later", True, "active"),
    "hang": ("retry_later", True, "active"),
}
ABOUT_THE_PROFILE = {  # what it ends with, and whether that is well
    "not_found": ("not_found", False),
    "user_null": ("not_found", False),
    "private": ("private", True),
}
DEAD_SESSIONS = ("logged_out", "login_redirect")
ELSEWHERE = {
    "dead_session",
    "latency",
    "soft_blocked",
    "capped",
    "login_popup",
    "wrong_password",
    "two_factor",
}
"""Faults that end no task, that only lists know, or that meet a log-in: tested beside those."""


def order(ask: Ask, name: str, path: str, **more: Any) -> None:
    """Let a fault meet the worker; Chromium itself asks again on a fresh connection, so some must go on."""
    often = {"reset": -1, "hang": -1}.get(name, 1)
    seconds = {"seconds": 0.2} if name == "hang" else {}
    ask("/_faults", {"fault": name, "account": WHO, "path": path, "times": often, **seconds, **more})


def test_no_fault_is_forgotten() -> None:
    assert {*FAULTS, *ABOUT_THE_PROFILE, *DEAD_SESSIONS, *ELSEWHERE} == CATALOGUE.keys()


def test_each_fault_in_the_middle_of_a_task(a_bench: Bench, a_worker: InstagramWorker, ask: Ask) -> None:
    names = iter(public(ask, len(FAULTS) + 1))
    before = logins(ask)
    for name, (code, retryable, status) in FAULTS.items():
        [task] = a_bench.analysis(next(names))
        order(ask, name, "clips")
        try:
            work = a_worker.perform(task)
        finally:
            ask("/_faults", method="DELETE")
        assert (work.report.code, work.report.retryable, a_bench.row.status) == (code, retryable, status), (
            name
        )
        a_bench.resume()
    [task] = a_bench.analysis(next(names))
    assert a_worker.perform(task).report.ok
    assert logins(ask) == before + 1, "cookies were enough for every new browser"


def logins(ask: Ask) -> int:
    """By which the simulated site has let the account in, since the site began."""
    return int(ask("/_accounts")["accounts"].get(WHO, {"logins": 0})["logins"])


def test_each_fault_in_the_middle_of_a_list(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "FOLLOWING_PAGE", 12)
    names = ask("/_truth/followings/sigue_a_todos")["usernames"][:240]
    task = a_bench.list_of("sigue_a_todos", len(names), ttl_s=300)
    for number, (name, (code, retryable, status)) in enumerate(FAULTS.items(), start=1):
        order(ask, name, "followings", after=1)
        try:
            work = a_worker.perform(task)
        finally:
            ask("/_faults", method="DELETE")
        assert (work.report.code, work.report.retryable, a_bench.row.status) == (code, retryable, status), (
            name
        )
        assert _stored(a_bench, "sigue_a_todos") == names[: 12 * number], (
            f"{name}: the page before it is kept"
        )
        a_bench.resume()
    assert a_worker.perform(task).report.ok
    assert _stored(a_bench, "sigue_a_todos") == names


def test_what_the_site_says_of_a_profile_ends_its_task(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None]
) -> None:
    for (name, (code, well)), who in zip(ABOUT_THE_PROFILE.items(), public(ask, 3), strict=True):
        fault(name, account=WHO, path="api_profile")
        work = a_worker.perform(a_bench.analysis(who)[0])
        assert (work.report.code, work.report.ok, work.report.retryable) == (code, well, False), name
        assert work.profile is None
        assert a_bench.row.status == "active"


@pytest.mark.parametrize("which", ["chromium", "chromedriver"])
def test_a_task_outlives_its_browser(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None], which: str
) -> None:
    assert a_worker.warm_up()
    browser = browser_of(a_worker)
    pids = {
        "chromium": browser._chromium_pid,
        "chromedriver": browser._service._driver.pid if browser._service._driver else 0,
    }
    [task] = a_bench.analysis(*public(ask, 1))
    before = len(ask("/_faults")["done"])
    fault("latency", account=WHO, path="clips", seconds=5)

    def kill() -> None:
        until(lambda: len(ask("/_faults")["done"]) > before)
        os.kill(pids[which], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    work = a_worker.perform(task)
    killer.join()
    assert work.report.ok
    assert task.attempts == 1, "and no attempt was lost"
    assert browser_of(a_worker) is not browser
    until(lambda: not [one for one in processes.running() if one.group == browser._service.group])


@pytest.mark.parametrize("a_bench", [{"TASK_LEASE_TTL_S": "3"}], indirect=True)
def test_a_task_that_takes_twice_its_lease_stays_the_worker_s(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None]
) -> None:
    a_worker.warm_up()
    fault("latency", account=WHO, path="clips", seconds=6)
    [task] = a_bench.analysis(*public(ask, 1), ttl_s=3)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(a_worker.perform, task)
        while not work.done():
            tasks.rescue(a_bench.db)
            assert not tasks.lease_work(a_bench.db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
            wait([work], timeout=0.2)
    assert [ended.verdict for ended in a_bench.end(work.result())] == [Verdict.APPLIED]


@pytest.mark.parametrize("dies", DEAD_SESSIONS)
def test_a_dead_session_is_logged_in_again_once(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None], dies: str
) -> None:
    first, second = public(ask, 2)
    assert a_worker.warm_up()
    before = logins(ask)
    fault(dies, account=WHO, path="clips")
    assert a_worker.perform(a_bench.analysis(first)[0]).report.ok
    assert logins(ask) == before + 1
    fault(dies, account=WHO, path="clips", times=-1)
    work = a_worker.perform(a_bench.analysis(second)[0])
    assert (work.report.code, work.report.retryable) == ("session_lost", True)
    assert a_bench.row.status == "paused"
    assert logins(ask) == before + 2
    assert a_worker.health() == {"sure": True, "browser": False}


def test_whoever_was_told_to_wait_may_be_a_stranger_and_proves_its_session(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None]
) -> None:
    first, second = a_bench.analysis(*public(ask, 2))
    assert a_worker.warm_up()
    before = logins(ask)
    fault("dead_session", account=WHO, path="clips")
    assert a_worker.perform(first).report.code == "cooldown"
    seen = ask(f"/_requests?account={WHO}&limit=0")["count"]
    assert a_worker.perform(second).report.code == "budget_spent"
    assert ask(f"/_requests?account={WHO}&limit=0")["count"] == seen, "not while it rests"
    a_bench.resume()
    assert a_worker.perform(second).report.ok
    assert logins(ask) == before + 1


def test_a_challenged_account_is_left_alone_until_a_person_resumes_it(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None]
) -> None:
    [name] = public(ask, 1)
    [task] = a_bench.analysis(name)
    fault("challenge_required", account=WHO, path="clips")
    a_bench.end(a_worker.perform(task))
    assert a_bench.row.status == "needs_human"
    assert "challenge" in (a_bench.row.status_reason or "")
    seen = ask(f"/_requests?account={WHO}&limit=0")["count"]
    until(lambda: _due(a_bench))
    [again] = a_bench.leased(Kind.ANALYZE_PROFILE)
    work = a_worker.perform(again)
    assert (work.report.code, work.report.ok) == ("budget_spent", False)
    assert not a_worker.warm_up()
    assert ask(f"/_requests?account={WHO}&limit=0")["count"] == seen
    assert a_bench.row.status == "needs_human"
    ask(f"/_accounts/{WHO}/resolve", {}, "POST")
    a_bench.resume()
    assert a_worker.perform(again).report.ok


def _due(bench: Bench) -> bool:
    tasks.promote(bench.db)
    return Kind.ANALYZE_PROFILE in tasks.look(bench.db).kinds


@pytest.mark.parametrize("a_bench", [{"BROWSER_TASKS": "2"}], indirect=True)
def test_a_browser_is_renewed_after_its_tasks_and_keeps_the_session(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask
) -> None:
    used = []
    for task in a_bench.analysis(*public(ask, 5)):
        assert a_worker.perform(task).report.ok
        used.append(browser_of(a_worker))
    assert used[0] is used[1] is not used[2] is used[3] is not used[4]
    assert not used[0].alive()
    assert a_bench.row.logins == 1


@pytest.mark.parametrize("a_bench", [{"BROWSER_MEMORY_MB": "100"}], indirect=True)
def test_a_browser_that_has_grown_too_big_is_renewed(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_WEIGHED_EVERY_S", 0.0)
    used = []
    for task in a_bench.analysis(*public(ask, 2)):
        assert a_worker.perform(task).report.ok
        used.append(browser_of(a_worker))
        until(lambda: a_worker._keeper._bytes > 100 * 2**20)
    assert used[0] is not used[1]
    assert not used[0].alive()


@pytest.mark.parametrize("a_bench", [{"PARK_AFTER_S": "0.2"}], indirect=True)
def test_an_idle_account_s_page_is_left_and_opened_again(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask
) -> None:
    first, second = a_bench.analysis(*public(ask, 2))
    assert a_worker.perform(first).report.ok
    until(lambda: browser_of(a_worker).run("return location.href") == "about:blank")
    assert a_worker.perform(second).report.ok


@pytest.mark.parametrize("a_bench", [{"PARK_AFTER_S": "0.2"}], indirect=True)
def test_an_idle_account_s_browser_is_stopped_and_goes_on_with_the_next_task(
    a_bench: Bench, monkeypatch: pytest.MonkeyPatch, a_worker: InstagramWorker, ask: Ask
) -> None:
    monkeypatch.setattr(sessions, "_TIDY_AFTER_S", 0.1)
    pids = set()

    def stopped() -> bool:
        pids.add(browser_of(a_worker)._chromium_pid)
        return all(psutil.Process(pid).status() == psutil.STATUS_STOPPED for pid in pids)

    for task in a_bench.analysis(*public(ask, 2)):
        assert a_worker.perform(task).report.ok
        until(stopped)
        assert a_worker.health() == {"sure": True, "browser": True}
    assert len(pids) == 1, "no other browser was begun"
    assert a_worker.screenshot().startswith(b"\x89PNG")
    until(stopped)


def test_a_shape_that_no_parser_knows_is_counted_and_kept_without_what_it_says(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    [name] = public(ask, 1)
    counted: list[str] = []
    monkeypatch.setattr(counts, "add", lambda metric, *_amount, **_labels: counted.append(metric))
    ask("/_layout", {"api": "unknown", "account": WHO}, "PUT")
    try:
        work = a_worker.perform(a_bench.analysis(name)[0])
    finally:
        ask("/_layout", method="DELETE")
    assert work.report.ok, "the page itself could still be read"
    assert counted.count("layout_changed") == 1
    [sample] = (a_bench.home / "samples").glob("profile-*.json")
    assert sample.stat().st_mode & 0o077 == 0
    assert name not in sample.read_text()


def test_a_screenshot_while_it_works(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, fault: Callable[..., None]
) -> None:
    assert a_worker.warm_up()
    [task] = a_bench.analysis(*public(ask, 1))
    fault("latency", account=WHO, path="clips", seconds=1)
    with _performing(a_worker, task):
        assert a_worker.screenshot().startswith(b"\x89PNG")


@contextmanager
def _performing(worker: InstagramWorker, task: Any) -> Iterator[None]:
    works: list[Any] = []
    thread = threading.Thread(target=lambda: works.append(worker.perform(task)))
    thread.start()
    yield
    thread.join()
    assert works[0].report.ok


def test_a_list_goes_on_where_its_browser_died(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ask("/_truth/followings/sigue_a_todos")["usernames"][:160]
    task = a_bench.list_of("sigue_a_todos", 160)
    taken = 0

    def turn(action: object, meanwhile: object = None) -> None:
        nonlocal taken
        taken += 1
        if taken == 4:  # the profile, and two pages
            os.kill(browser_of(a_worker)._chromium_pid, signal.SIGKILL)

    monkeypatch.setattr(a_worker._turns, "wait", turn)
    before = pages_asked(ask)
    work = a_worker.perform(task)
    assert work.report.ok
    assert work.result == {"account": WHO, "followings": 160, "completeness": "truncated"}
    assert pages_asked(ask) == before + 4, "no page was asked for twice"
    [ended] = a_bench.end(work)
    assert ended.verdict is Verdict.APPLIED
    assert _stored(a_bench, "sigue_a_todos") == names


def test_a_list_whose_end_was_stored_but_not_told_is_not_read_again(
    a_bench: Bench, a_worker: InstagramWorker, ask: Ask
) -> None:
    task = a_bench.list_of("cafe_lucia", 60)
    assert a_worker.perform(task).report.ok
    before = pages_asked(ask)
    work = a_worker.perform(task)
    assert (work.result or {})["followings"] == 60
    assert pages_asked(ask) == before
    assert len(_stored(a_bench, "cafe_lucia")) == 60


def _stored(bench: Bench, target: str) -> list[str]:
    wanted = select(followings.c.username).where(followings.c.target_username == target)
    with bench.db.begin(write=False) as tx:
        return list(tx.scalars(wanted.order_by(followings.c.position)))


@pytest.mark.parametrize("a_bench", [{"PROFILE_READS_PER_HOUR": "3"}], indirect=True)
def test_an_account_that_moves_to_another_worker_keeps_its_window(a_bench: Bench, ask: Ask) -> None:
    codes = []
    leased = iter(a_bench.analysis(*public(ask, 4)))
    for _ in range(2):
        worker = InstagramWorker(a_bench.account)
        try:
            codes += [worker.perform(next(leased)).report.code for _ in range(2)]
        finally:
            worker.close()
    assert codes == ["ok", "ok", "ok", "budget_spent"]
    assert a_bench.row.logins == 1

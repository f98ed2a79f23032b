"""The dispatcher at work on a store, with workers that are threads: who gets what, and what a dead one costs."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import ray
from cryptography.fernet import Fernet, MultiFernet
from ray.exceptions import ActorUnavailableError, RayActorError
from sqlalchemy import select

from scrapinsta_ray import errors
from scrapinsta_ray.cluster import dispatcher
from scrapinsta_ray.cluster.dispatcher import Dispatcher
from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Kind, Task
from scrapinsta_ray.store import (
    accounts,
    clients,
    finish,
    followings,
    jobs,
    progress,
    schema,
    tasks,
    visits,
)
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Work
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks
from scrapinsta_ray.telemetry import logs
from tests.cluster.workers import Workers, failing, well
from tests.waiting import until

CLIENT = "acme"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    given = {
        "HOME": str(tmp_path),
        "POLL_IDLE_S": "0.1",
        "ACTION_GAP_MIN_S": "0",
        "ACTION_GAP_MAX_S": "0",
        "TASK_LEASE_TTL_S": "1",
        "LEASE_TTL_S": "60",
        "RETRY_BASE_S": "0.1",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"SCRAPINSTA_{name}", value)
    monkeypatch.delenv("SCRAPINSTA_DATABASE_URL", raising=False)
    database = Database(f"sqlite:///{tmp_path}/scrapinsta.db")
    schema.upgrade(database)
    clients.create(database, CLIENT, CLIENT)
    yield database
    database.dispose()


@pytest.fixture
def workers(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Of bot_1, bot_2 and bot_3, who have accounts and no worker yet."""
    fernet = MultiFernet([Fernet(Fernet.generate_key())])
    for number in (1, 2, 3):
        accounts.add(db, fernet, f"bot_{number}", "secret")
    found = Workers(db)
    monkeypatch.setattr(ray, "get_actor", found.get_actor)
    monkeypatch.setattr(ray, "kill", lambda handle, **_: handle.kill())
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    yield found
    found.pool.shutdown(wait=False)


@pytest.fixture
def dispatch(workers: Workers) -> Iterator[Callable[[], Dispatcher]]:
    """Starts the dispatcher."""
    started: list[Dispatcher] = []

    def start() -> Dispatcher:
        started.append(Dispatcher())
        return started[-1]

    yield start
    for name in list(workers.running):
        workers.end(name)
    for one in started:
        one.stop()


def ask(db: Database, *usernames: str, max_age_hours: float = 0) -> str:
    return jobs.enqueue_analysis(db, Asked(CLIENT), usernames, None, max_age_hours=max_age_hours).job_id


def summary(db: Database, job_id: str) -> Any:
    return progress.summary(db, CLIENT, job_id)


def attempts(db: Database) -> set[int]:
    with db.begin(write=False) as tx:
        return set(tx.scalars(select(job_tasks.c.attempts)))


def people(number: int) -> list[str]:
    return [f"p{i}" for i in range(number)]


def test_work_is_spread_over_the_accounts_that_have_a_worker(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    for name in ("bot_1", "bot_2"):
        workers.start(name)
    job_id = ask(db, *people(20))
    dispatch()
    until(lambda: summary(db, job_id)["status"] == "done")
    assert summary(db, job_id)["ok"] == 20
    assert set(Counter(username for username, _ in workers.asked)) == {"bot_1", "bot_2"}
    assert attempts(db) == {1}


def test_an_account_works_on_while_what_it_brought_is_written_and_a_stop_waits_for_that(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.start("bot_1")
    write, may_write = finish.finish_work, threading.Event()

    def slowly(*given: Any, **named: Any) -> Any:
        assert may_write.wait(30)
        return write(*given, **named)

    monkeypatch.setattr(finish, "finish_work", slowly)
    job_id = ask(db, *people(3))
    one = dispatch()
    until(lambda: len(workers.asked) == 3)
    assert summary(db, job_id)["ok"] == 0
    stopped = workers.pool.submit(one.stop)
    with pytest.raises(TimeoutError):
        stopped.result(0.5)
    may_write.set()
    assert stopped.result(30)
    assert summary(db, job_id)["ok"] == 3
    assert attempts(db) == {1}


def test_what_begins_with_the_end_of_a_job_is_seen_at_once(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPINSTA_POLL_IDLE_S", "60")

    def act(task: Task) -> Work:
        if task.kind is Kind.FETCH_FOLLOWINGS:
            page = FollowingPage((Following("ana"), Following("luz")), None, Completeness.COMPLETE)
            followings.save_page(db, task, page, start=0)
        return well(task)

    workers.start("bot_1", act)
    campaign = jobs.enqueue_campaign(db, Asked(CLIENT, "client_1"), "cafe", 10, {}, Outreach("Hi"))
    dispatch()
    until(lambda: summary(db, campaign.job_id)["status"] == "done")
    assert [name for _, name in workers.asked] == ["cafe", "ana", "luz"]


def test_a_parked_account_is_left_alone_and_its_task_goes_to_another_without_losing_an_attempt(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    def challenged(task: Task) -> Work:
        accounts.set_status(db, ["bot_1"], "needs_human", "a challenge")
        return failing(errors.NeedsHuman())(task)

    workers.start("bot_1", challenged)
    job_id = ask(db, *people(3))
    dispatch()
    until(lambda: [name for name, _ in workers.asked] == ["bot_1"])
    until(lambda: summary(db, job_id)["queued"] == 3)
    workers.start("bot_2")
    until(lambda: summary(db, job_id)["status"] == "done")
    assert [name for name, _ in workers.asked].count("bot_1") == 1
    assert attempts(db) == {1}
    accounts.set_status(db, ["bot_1"], "active")
    back = threading.Event()

    def is_back(task: Task) -> Work:
        back.set()
        return well(task)

    def waits_for_it(task: Task) -> Work:
        back.wait(20)
        return well(task)

    workers.acts |= {"bot_1": is_back, "bot_2": waits_for_it}
    again = ask(db, *people(8))
    until(lambda: summary(db, again)["status"] == "done")
    assert back.is_set()


def test_after_a_death_the_account_gets_nothing_until_another_process_holds_it(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    begun, silent = threading.Event(), threading.Event()

    def dies(task: Task) -> Work:
        begun.set()
        silent.wait(20)
        return well(task)

    workers.start("bot_1", dies)
    job_id = ask(db, "ana")
    dispatch()
    assert begun.wait(20)
    workers.end("bot_1")
    until(lambda: summary(db, job_id)["queued"] == 1)
    time.sleep(1.5)  # long enough for its back-off to end, and for it to be handed out again
    assert len(workers.asked) == 1 and summary(db, job_id)["queued"] == 1
    workers.move("bot_1", well)
    until(lambda: summary(db, job_id)["status"] == "done")
    assert attempts(db) == {2}
    silent.set()


def test_a_worker_that_does_not_answer_is_ended_and_another_takes_over(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPINSTA_LEASE_TTL_S", "1.5")
    for_ever = threading.Event()

    def stuck(task: Task) -> Work:
        for_ever.wait(30)
        return well(task)

    workers.start("bot_1", stuck)
    job_id = ask(db, "ana")
    dispatch()
    until(lambda: "bot_1" in workers.running)
    workers.start("bot_2")
    until(lambda: summary(db, job_id)["status"] == "done")
    assert workers.killed == ["bot_1"]
    assert [name for name, _ in workers.asked] == ["bot_1", "bot_2"]
    for_ever.set()


def test_a_worker_that_is_not_there_costs_its_task_nothing(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPINSTA_TASK_LEASE_TTL_S", "60")  # a lease that runs out would cost an attempt
    workers.start("bot_1")
    gone: Future[Work] = Future()
    gone.set_exception(RayActorError())
    there, asked = workers.perform, []

    def away(username: str, task: Task) -> "Future[Work]":
        asked.append(username)
        return gone if username == "bot_1" else there(username, task)

    monkeypatch.setattr(workers, "perform", away)
    job_id = ask(db, "ana")
    dispatch()
    until(lambda: asked == ["bot_1"])
    workers.start("bot_2")
    until(lambda: summary(db, job_id)["status"] == "done")
    assert asked == ["bot_1", "bot_2"] and attempts(db) == {1}


def test_a_worker_that_cannot_be_reached_for_a_moment_is_soon_tried_again(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "_UNREACHABLE_S", 0.5)
    workers.start("bot_1")
    lost: Future[Work] = Future()
    lost.set_exception(ActorUnavailableError("the connection is gone", None))
    there, asked = workers.perform, []

    def at_first_away(username: str, task: Task) -> "Future[Work]":
        asked.append(username)
        return there(username, task) if len(asked) > 1 else lost

    monkeypatch.setattr(workers, "perform", at_first_away)
    job_id = ask(db, "ana")
    dispatch()
    until(lambda: summary(db, job_id)["status"] == "done", 20)  # a lease's life is 60 s here
    assert asked == ["bot_1", "bot_1"] and attempts(db) == {1}


def test_kinds_of_task_take_turns_on_one_account(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    workers.start("bot_1")
    analysis = ask(db, *people(30))
    lists = [jobs.enqueue_fetch(db, Asked(CLIENT), f"cafe{i}", 10).job_id for i in range(3)]
    dispatch()
    until(lambda: all(summary(db, job_id)["status"] == "done" for job_id in (analysis, *lists)))
    order = [target for _, target in workers.asked]
    assert max(order.index(f"cafe{i}") for i in range(3)) < 10


def test_what_another_dispatcher_s_worker_has_in_hand_is_waited_for(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    workers.start("bot_1")
    ask(db, "ana")
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    tasks.renew(db, task.id, task.lease_id, 2, holder="bot_1")  # and then that dispatcher was killed
    began = time.monotonic()
    job_id = ask(db, "luz")
    dispatch()
    until(lambda: summary(db, job_id)["status"] == "done")
    assert time.monotonic() - began > 1.5


def test_what_is_known_needs_no_account(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    first, second = ask(db, "ana", max_age_hours=24), ask(db, "ana", max_age_hours=24)
    with db.begin() as tx:
        visits.record(tx, {"ana": {"status": "ok", "reason_code": "private", "reason": None}})
    dispatch()
    until(lambda: {summary(db, job_id)["status"] for job_id in (first, second)} == {"done"})
    assert workers.asked == []


def test_a_list_goes_on_with_the_account_that_has_its_cursor_page_by_page(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    def a_page_at_a_time(task: Task) -> Work:
        reached = followings.reached(db, task)
        users = tuple(Following(f"f{reached.collected + i}") for i in range(5))
        last = reached.collected + 5 == 30
        end = Completeness.TRUNCATED if last else None
        page = FollowingPage(users, f"after {reached.collected + 5}", end)
        followings.save_page(db, task, page, start=reached.collected)
        return well(task) if last else failing(errors.CoolDown())(task)

    for name in ("bot_1", "bot_2", "bot_3"):
        workers.start(name, a_page_at_a_time)
    job_id = jobs.enqueue_fetch(db, Asked(CLIENT), "cafe", 30).job_id
    dispatch()
    until(lambda: summary(db, job_id)["status"] == "done")
    assert len(workers.asked) == 6 and len({name for name, _ in workers.asked}) == 1
    assert attempts(db) == {1}
    results = progress.results(db, CLIENT, job_id)
    assert results and [row["username"] for row in results.items] == [f"f{i}" for i in range(30)]
    assert results.completeness == "truncated"


def test_an_account_without_a_turn_hands_its_task_on_and_is_not_asked_at_once_again(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher]
) -> None:
    workers.start("bot_1", failing(errors.BudgetSpent()))
    job_id = ask(db, "ana")
    dispatch()
    until(lambda: len(workers.asked) == 1)
    workers.start("bot_2")
    until(lambda: summary(db, job_id)["status"] == "done")
    assert [name for name, _ in workers.asked] == ["bot_1", "bot_2"]
    assert attempts(db) == {1}


def test_who_is_called_looks_at_once(
    db: Database, workers: Workers, dispatch: Callable[[], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPINSTA_POLL_IDLE_S", "600")
    workers.start("bot_1")
    dispatcher = dispatch()

    for name in ("ana", "luz"):  # the first may be seen by the look with which it begins
        job_id = ask(db, name)
        until(lambda job=job_id: told_of(dispatcher, db, job))  # type: ignore[misc]


def told_of(dispatcher: Dispatcher, db: Database, job_id: str) -> bool:
    dispatcher.wake()
    return bool(summary(db, job_id)["status"] == "done")

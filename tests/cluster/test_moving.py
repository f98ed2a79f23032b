"""A worker that is sent to another node hands back what it has in hand; the next one goes on from there."""

from typing import Any
from unittest.mock import MagicMock

import pytest
import ray

from scrapinsta_ray.cluster import fleet, nodes
from scrapinsta_ray.cluster.nodes import Carrier
from scrapinsta_ray.cluster.worker import InstagramWorker
from scrapinsta_ray.domain.placement import Host
from scrapinsta_ray.store import accounts
from scrapinsta_ray.store.accounts import Account
from tests.cluster.conftest import Bench
from tests.site import Ask

HERE, THERE = Carrier(Host("here", 4), "node 1"), Carrier(Host("there", 4), "node 2")


@pytest.mark.browser
def test_what_is_handed_back_is_done_by_the_next_worker(a_bench: Bench, ask: Ask) -> None:
    [task] = a_bench.analysis("cafe_lucia")
    leaving = InstagramWorker(a_bench.account)
    leaving.hand_back()
    work = leaving.perform(task)
    leaving.close()
    assert (work.report.code, work.report.retryable) == ("budget_spent", True)
    a_bench.end(work)
    with a_bench.db.begin() as tx:
        tx.exec_driver_sql("UPDATE job_tasks SET status = 'queued', available_at = NULL")
    [again] = a_bench.leased(task.kind)
    assert again.attempts == 1, "it costs the task no attempt"
    worker = InstagramWorker(a_bench.account)
    try:
        assert worker.perform(again).report.code == "ok"
    finally:
        worker.close()


def an_account(name: str, place: str | None, task: str | None = None) -> Account:
    nothing: Any = None
    return Account(name, "active", None, nothing, 1, 0, 0, None, None, nothing, {}, {}, place, task)


@pytest.fixture
def sent_away(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(fleet, "_send_away", lambda account: found.append(account.username))
    return found


def test_who_is_on_a_node_that_is_drained_leaves_at_once(sent_away: list[str]) -> None:
    drained = Carrier(Host("here", 4, leaving=True), "node 1")
    known = [
        an_account("ana", "here:1:a", "job"),
        an_account("luz", "there:1:a"),
        an_account("eva", "here:2:b"),
    ]
    fleet._move(known, [drained, THERE])
    assert sent_away == ["ana", "eva"]


def test_a_node_that_joined_gets_one_at_a_time_and_the_idle_first(sent_away: list[str]) -> None:
    known = [
        an_account("ana", "here:1:a", "job"),
        an_account("luz", "here:2:a"),
        an_account("eva", "here:3:b"),
    ]
    fleet._move(known, [HERE, THERE])
    assert sent_away == ["eva"]


def test_nobody_moves_for_evenness_while_others_are_on_their_way(sent_away: list[str]) -> None:
    known = [an_account("ana", "here:1:a"), an_account("luz", "here:2:a"), an_account("eva", None)]
    fleet._move(known, [HERE, THERE])
    assert sent_away == []


def test_nodes_on_one_machine_are_one_host(monkeypatch: pytest.MonkeyPatch) -> None:
    living = [
        {"NodeID": name, "Alive": True, "NodeManagerHostname": "one", "Resources": {"browser": 2.0}}
        for name in ("a", "b")
    ]
    monkeypatch.setattr("ray.nodes", lambda: living)
    monkeypatch.setattr("ray._private.state.state.get_draining_nodes", lambda: {"a": 0})
    assert nodes.carriers() == [Carrier(Host("one", 2.0), "b")]
    monkeypatch.setattr("ray._private.state.state.get_draining_nodes", lambda: {"a": 0, "b": 0})
    assert nodes.carriers()[0].host.leaving


def test_the_account_of_the_row_says_where_its_lease_is(a_bench: Bench) -> None:
    worker = InstagramWorker(a_bench.account)
    try:
        [row] = accounts.everyone(a_bench.db)
        assert fleet._places([row])[a_bench.account] == (row.worker or "").split(":")[0] != ""
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("declared", "needs"),
    [
        pytest.param({"browser": 4.0, "no_browsers": 1.0}, {"browser": 1.0}, id="hosts have joined"),
        pytest.param({"no_browsers": 1.0}, {"browser": 1.0}, id="a head whose hosts are still to come"),
        pytest.param({}, {}, id="a machine by itself: serve run alone"),
    ],
)
def test_a_worker_takes_a_declared_browser(
    monkeypatch: pytest.MonkeyPatch, declared: dict[str, float], needs: dict[str, float]
) -> None:
    new_worker = MagicMock()
    monkeypatch.setattr(fleet, "new_worker", new_worker)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 2.0, **declared})
    fleet._begin(["ana"], [], [])
    new_worker.assert_called_once_with("ana", resources=needs)

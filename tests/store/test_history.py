"""The judge of histories: it passes what a good store does, and catches each kind of broken promise."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.store.history import Final, violations

History = list[dict[str, Any]]
World = dict[str, Any]


def events(number: int, at: float, what: str, asked: World, answer: World | None) -> History:
    """A call that took a tenth of a second; without an answer its process died."""
    call = {"who": "worker", "n": number, "what": what}
    began = [{**call, "phase": "began", "at": at, **asked}]
    return began if answer is None else [*began, {**call, "phase": "ended", "at": at + 0.1, **answer}]


def lease(number: int, at: float, task: int, lease_id: str) -> History:
    given = [{"id": task, "lease": lease_id, "expires": at + 10}]
    return events(number, at, "lease", {"ttl_s": 10}, {"tasks": given})


def report(number: int, at: float, task: int, lease_id: str, *, verdict: str | None = "applied") -> History:
    """An ok on task 1, a profile, or on task 2, a message to ana."""
    about = {"id": task, "lease": lease_id, "ok": True, "client": "acme"}
    said = {1: {"job": "j1", "username": "p", "message": False, "code": "ok"},
            2: {"job": "j2", "username": "ana", "message": True, "code": "sent"}}[task]  # fmt: skip
    answer = {"verdicts": [verdict]} if verdict else None
    return events(number, at, "report", {"reports": [{**about, **said}]}, answer)


def typed(number: int, at: float) -> History:
    return events(number, at, "type", {"client": "acme", "username": "ana"}, None)


def a_good_history() -> History:
    """A profile whose first worker died, and a message whose report was asked for twice."""
    return [
        *events(0, 0, "enqueue", {"names": ["p"]}, {"job": "j1", "total": 1}),
        *events(1, 1, "enqueue", {"names": ["ana"]}, {"job": "j2", "total": 1}),
        *lease(2, 2, 1, "a"),
        *events(3, 4, "renew", {"id": 1, "lease": "a", "ttl_s": 10}, {"held": True}),
        *lease(4, 15, 1, "b"),
        *report(5, 16, 1, "b"),
        *lease(6, 17, 2, "c"),
        *typed(7, 18),
        *report(8, 19, 2, "c", verdict=None),
        *report(9, 20, 2, "c", verdict="repeated"),
    ]


def a_good_end() -> Final:
    job = {"status": "done", "total_items": 1}
    return Final(
        tasks={
            1: {
                "job_id": "j1",
                "client_id": "acme",
                "username": "p",
                "kind": "analyze_profile",
                "status": "ok",
            },
            2: {
                "job_id": "j2",
                "client_id": "acme",
                "username": "ana",
                "kind": "send_message",
                "status": "ok",
            },
        },
        jobs={"j1": {**job, "kind": "analyze_profile"}, "j2": {**job, "kind": "send_message"}},
        ledger=[{"client_id": "acme", "dest_username": "ana", "job_id": "j2"}],
    )


def test_a_good_history_passes() -> None:
    assert violations(a_good_history(), a_good_end()) == []


Plant = Callable[[History, Any], object]

PLANTED: dict[str, tuple[str, Plant]] = {
    "leased while somebody has it": ("one_holder", lambda h, f: h.extend(lease(20, 3, 1, "x"))),
    "leased while a renewed lease holds": ("one_holder", lambda h, f: h.extend(lease(20, 12.5, 1, "x"))),
    "a lease given out twice": ("lease_id", lambda h, f: h.extend(lease(20, 15, 1, "b"))),
    "leased after its end": ("after_the_end", lambda h, f: h.extend(lease(20, 40, 1, "x"))),
    "leased after its job was cancelled": (
        "after_the_end",
        lambda h, f: h.extend([*events(20, 1.5, "cancel", {"job": "j2"}, {}), *lease(21, 17, 2, "x")]),
    ),
    "a stale worker's result taken": ("stale", lambda h, f: h.extend(report(20, 15.5, 1, "a"))),
    "an ok lost": ("ok_is_lost", lambda h, f: f.tasks[1].update(status="error")),
    "an ok lost with its task": ("ok_is_lost", lambda h, f: f.tasks.pop(1)),
    "an ok taken twice": ("counts_twice", lambda h, f: h.extend(report(20, 16.5, 1, "b"))),
    "a message typed twice": ("written_to_twice", lambda h, f: h.extend(typed(20, 21))),
    "a person twice in the ledger": ("written_to_twice", lambda h, f: f.ledger.append(f.ledger[0])),
    "a ledger row that nobody reported": (
        "has_its_ok",
        lambda h, f: f.ledger.append({**f.ledger[0], "dest_username": "luz"}),
    ),
    "a sent message without its ledger row": ("in_the_ledger", lambda h, f: f.ledger.clear()),
    "an answered job lost": ("enqueue_is_there", lambda h, f: f.jobs.pop("j1")),
    "a task of an answered job lost": ("enqueue_is_there", lambda h, f: f.tasks.pop(2)),
    "a task left in somebody's hands": ("everything_ends", lambda h, f: f.tasks[1].update(status="sent")),
    "a job that never ends": ("everything_ends", lambda h, f: f.jobs["j1"].update(status="running")),
    "a count that does not add up": ("add_up", lambda h, f: f.jobs["j1"].update(total_items=2)),
}


@pytest.mark.parametrize(("rule", "plant"), PLANTED.values(), ids=PLANTED)
def test_a_broken_promise_is_found(rule: str, plant: Plant) -> None:
    history, end = copy.deepcopy(a_good_history()), copy.deepcopy(a_good_end())
    plant(history, end)
    assert any(rule in found.partition(":")[0] for found in violations(history, end))

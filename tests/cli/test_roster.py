"""`scrapinsta accounts list` and `hours`: how accounts are and when they may act."""

import json
from typing import Any

import pytest

from scrapinsta_ray.domain.models import Action, Kind
from scrapinsta_ray.store import accounts, clients, jobs, leases, tasks, turns
from scrapinsta_ray.store.jobs import Asked
from tests.cli.conftest import Shell


@pytest.fixture
def a_shell(shell: Shell) -> Shell:
    """With bot_1."""
    shell.run("accounts", "add", "bot_1", "--password-stdin", say="x\n")
    return shell


def listed(shell: Shell) -> dict[str, Any]:
    [row] = json.loads(shell.run("accounts", "list", "--json").out)
    return dict(row)


def test_a_new_account_may_act_now(a_shell: Shell) -> None:
    row = listed(a_shell)
    assert row["budget_left"] == {"profile_read": 150, "following_page": 40}
    assert (row["free_in_s"], row["waits_for"], row["hours"], row["node"]) == (0, None, "always", None)
    assert "150 reads, 40 pages" in a_shell.run("accounts", "list").out


def test_what_it_did_and_does_is_shown(a_shell: Shell) -> None:
    pace = a_shell.settings().pace
    with a_shell.database() as db:
        turns.take(db, "bot_1", Action.PROFILE_READ, pace, draw=0.5)
        leases.acquire(db, "account:bot_1", "node_7:123:x", 60)
        clients.create(db, "acme", "Acme")
        jobs.enqueue_analysis(db, Asked("acme"), ["ana"], None)
        [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
        tasks.renew(db, task.id, task.lease_id, 60, holder="bot_1")
    row = listed(a_shell)
    assert row["budget_left"]["profile_read"] == 149
    assert (row["waits_for"], row["node"], row["task"]) == ("gap", "node_7", task.task_id)
    assert 0 < row["free_in_s"] <= 9
    assert "analyze_profile ana" in a_shell.run("accounts", "list").out


def test_a_rest_until_tomorrow_says_why_and_ends_with_resume(a_shell: Shell) -> None:
    with a_shell.database() as db:
        for _ in range(3):
            turns.cool_down(db, "bot_1", None)
    row = listed(a_shell)
    assert row["status"] == "active" and row["waits_for"] == "cooldown"
    assert row["reason"].startswith("3 cooldowns in a day") and row["last_signal"] == "cooldown"
    assert "(cooldown)" in a_shell.run("accounts", "list").out
    a_shell.run("accounts", "resume", "bot_1")
    assert (listed(a_shell)["free_in_s"], listed(a_shell)["reason"]) == (0, None)


def test_a_parked_account_waits_for_a_person(a_shell: Shell) -> None:
    with a_shell.database() as db:
        accounts.set_status(db, ["bot_1"], "needs_human", "a challenge")
    row = listed(a_shell)
    assert (row["status"], row["reason"], row["next"], row["waits_for"]) == (
        "needs_human",
        "a challenge",
        None,
        "resume",
    )
    assert "after resume" in a_shell.run("accounts", "list").out


def test_hours_are_set_shown_and_taken_away(a_shell: Shell) -> None:
    assert a_shell.run("accounts", "hours", "bot_1", "9-21", "Europe/Madrid").code == 0
    assert listed(a_shell)["hours"] == "9-21 Europe/Madrid"
    answer = json.loads(a_shell.run("accounts", "hours", "@Bot_1", "always", "--json").out)
    assert answer == {"username": "bot_1", "hours": "always"}
    assert listed(a_shell)["hours"] == "always"


@pytest.mark.parametrize("words", [("bot_1", "9"), ("bot_1", "9-21", "Atlantis"), ("nobody", "9-21")])
def test_wrong_hours_change_nothing(a_shell: Shell, words: tuple[str, ...]) -> None:
    assert a_shell.run("accounts", "hours", *words).code != 0
    assert listed(a_shell)["hours"] == "always"

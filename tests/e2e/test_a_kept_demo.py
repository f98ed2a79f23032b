"""One running demo, and what is done to it."""

import json
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.demo.sender import StandInSender
from scrapinsta_ray.demo.truth import Truth, mismatches
from tests.e2e.conftest import Kept, until

pytestmark = pytest.mark.timeout(400)


def ended(client: Client, job_id: str, limit_s: float = 60) -> dict[str, Any]:
    def done() -> dict[str, Any]:
        job = client.job(job_id)
        return job if job["status"] not in ("running", "pending") else {}

    return until(done, limit_s, f"the end of {job_id}")


def test_the_demo_ran_a_whole_campaign(a_kept_demo: Kept) -> None:
    summary = json.loads(a_kept_demo.command.stdout)
    truth = Truth(a_kept_demo.site)
    users = truth.users(truth.followings("cafe_lucia")[:12])
    public = [name for name, user in users.items() if user and not user["is_private"]]
    assert summary["followings"] == 12
    assert summary["profiles"] == summary["scores"] == len(public)
    assert summary["messages_ok"] == summary["ledger"] == 4
    assert summary["duplicates"] == summary["mismatches"] == summary["errors"] == 0
    assert summary["accounts_used"] >= 2
    assert sum(truth.messages_by_recipient().values()) == 4


def test_the_console_tells_how_it_is(a_kept_demo: Kept) -> None:
    for path in ("/", "/docs", "/openapi.json", "/live", "/health", "/ready"):
        assert httpx.get(a_kept_demo.url + path, follow_redirects=True).status_code == 200, path


@pytest.mark.parametrize(
    ("target", "status", "reason"),
    [
        ("nadie_aqui", "error", "not_found"),
        ("casa_privada", "done", "private"),
        ("solo_silencio", "done", None),
    ],
)
def test_a_campaign_that_finds_nobody_ends(a_kept_demo: Kept, target: str, status: str, reason: str) -> None:
    with a_kept_demo.client() as client:
        made = client.campaign(target, 10, {"message": "Hola"})
        job = ended(client, made["job_id"])
        first = job["stages"][0]
        assert (job["status"], first["reason_code"]) == (status, reason)
        assert list(client.results(first["job_id"])) == []
        assert all(stage["status"] not in ("running", "pending") for stage in job["stages"])


def test_a_wrong_key_is_refused_through_serve(a_kept_demo: Kept) -> None:
    with Client(a_kept_demo.url, "si_0_0") as nobody, pytest.raises(Refused) as refused:
        nobody.summary("job:0")
    assert (refused.value.status, refused.value.code) == (401, "BAD_CREDENTIALS")


def test_kill_9_of_dispatcher_and_worker_loses_nothing(a_kept_demo: Kept, tmp_path: Path) -> None:
    with a_kept_demo.client() as client:
        before = Truth(a_kept_demo.site).messages_by_recipient()
        made = client.campaign("sigue_a_todos", 150, {"message": "Hola {username}", "limit": 5})
        analysis = made["stages"][1]["job_id"]
        until(lambda: client.summary(analysis)["ok"] >= 10, 60, "ten profiles")
        [dispatcher] = a_kept_demo.command.named("ray::Dispatcher")
        worker = a_kept_demo.command.named("ray::InstagramWorker")[0]
        dispatcher.kill()
        worker.kill()
        psutil.wait_procs([dispatcher, worker], 5)
        assert client.summary(analysis)["status"] == "running", "the campaign was over before the kill"
        sender = StandInSender(client, a_kept_demo.site, "client_1", "client-secret-1", tmp_path / "sender")
        sender.start()
        try:
            job = ended(client, made["job_id"], 180)
        finally:
            sender.stop()
        assert sender.failure is None
        assert job["status"] == "done"
        complete_and_once(client, a_kept_demo.site, made, before)
    browsers_of_three_accounts(a_kept_demo)


def complete_and_once(client: Client, site: str, made: dict[str, Any], before: dict[str, int]) -> None:
    """Every following collected, every public profile read rightly, every message sent once."""
    fetch, analyze, send = (stage["job_id"] for stage in made["stages"])
    truth = Truth(site)
    listed = [row["username"] for row in client.results(fetch)]
    assert listed == truth.followings("sigue_a_todos")[:150]
    users = truth.users(listed)
    profiles = list(client.results(analyze))
    assert {p["username"] for p in profiles} == {n for n, u in users.items() if u and not u["is_private"]}
    assert mismatches(profiles, users) == []
    assert not [task for task in client.tasks(analyze, "error") if task["reason_code"] != "not_found"]
    messages = truth.messages_by_recipient()
    assert set(messages.values()) == {1}
    assert sum(messages.values()) - sum(before.values()) == 5 == len(list(client.results(send)))


def browsers_of_three_accounts(kept: Kept) -> None:
    """Each account has one browser again, the killed worker's old one is gone."""

    def browsers() -> bool:
        mains = [line for line in kept.command.titles("--user-data-dir=") if "--type=" not in line]
        folders = [
            a for line in mains for a in line.split() if a.startswith("--user-data-dir=") and "bot_" in a
        ]
        return len(folders) == len(set(folders)) == 3

    until(browsers, 30, "three browsers")

"""The sender in a real Chromium: real pages, a real service worker, a real server."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from scrapinsta_ray.client import Client
from scrapinsta_ray.store import ledger, tasks
from scrapinsta_ray.store.database import now
from scrapinsta_ray.store.tables import job_tasks
from tests.extension.conftest import ACCOUNT, Api, Installed, bubbles, unpacked, until
from tests.site import ask_at

pytestmark = [pytest.mark.browser]

TEXT = "Hola {username}, ¿qué tal? ☕"


def text_for(name: str) -> str:
    return TEXT.format(username=name)


@pytest.fixture
def people(site: str) -> list[str]:
    """Three who take messages and to whom nobody has written."""
    written = bubbles(site)
    users = ask_at(f"{site}/_truth/users?usernames=" + ",".join(_public(site)))["users"]
    free = [name for name, user in users.items() if user and not user["is_private"] and name not in written]
    return free[:3]


def _public(site: str) -> list[str]:
    names: list[str] = ask_at(f"{site}/_truth/followings/cafe_lucia")["usernames"]
    return names[:120]


def enqueue(api: Api, names: list[str], **more: Any) -> str:
    with api.client() as client:
        made = client.send(names, message=TEXT, **more)
    assert made["total_items"] == len(names), made
    return str(made["job_id"])


def wait_for(api: Api, job_id: str, limit_s: float = 60, **counts: int) -> None:
    """Until the job's summary has these numbers."""
    with api.client() as client:
        until(lambda: counts.items() <= client.summary(job_id).items(), f"{counts}", limit_s)


def reason(api: Api, job_id: str) -> str:
    with api.client() as client:
        [task] = client.tasks(job_id)
    return str(task["reason_code"] or "sent")


def test_messages_are_typed_seen_and_reported(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    job_id = enqueue(api, people)
    installed.ask("start")
    wait_for(api, job_id, ok=3)
    written = bubbles(site)
    assert {name: written[name] for name in people} == {name: [text_for(name)] for name in people}
    assert ledger.count(api.db, "acme") == 3
    memory = installed.memory()
    assert memory["outbox"] == []
    assert [line["who"] for line in memory["log"] if line["what"] == "sent"] == people
    assert len(memory["sender"]["history"]) == 3


STEPS = ["pulling", "opening", "entering", "reading", "typing", "sending"]


def resume_and_kill_at(installed: Installed, step: str) -> None:
    """Ends the service worker as soon as it has written down that this step begins."""
    installed.run(
        """
        const seen = new Promise(resolve => chrome.storage.local.onChanged.addListener(changes => {
          if (changes.sender?.newValue.phase === args[0]) resolve(true);
        }));
        chrome.runtime.sendMessage({ask: 'start'});
        await seen;
        """,
        step,
    )
    assert installed.kill_worker()


@pytest.mark.parametrize("step", STEPS)
def test_a_service_worker_killed_at_a_step_goes_on_and_writes_once(
    step: str, installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    [name] = people[:1]
    job_id = enqueue(api, [name])
    resume_and_kill_at(installed, step)
    if step == "pulling":  # the answer, with the lease in it, may be lost: then the lease must run out
        release_if_leased(api, job_id)
    installed.ask("state")  # whatever calls it begins its next life
    wait_for(api, job_id, ok=1)
    assert bubbles(site)[name] == [text_for(name)]
    assert ledger.count(api.db, "acme") == 1


def release_if_leased(api: Api, job_id: str) -> None:
    with api.db.begin() as tx:
        leased = (job_tasks.c.job_id == job_id) & (job_tasks.c.status == "sent")
        tx.execute(update(job_tasks).where(leased).values(lease_expires_at=now(-1)))
    tasks.rescue(api.db)


def test_a_browser_closed_in_the_middle_goes_on_when_it_is_opened(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    job_id = enqueue(api, people[:1])
    resume_and_kill_at(installed, "sending")
    installed.restart()
    wait_for(api, job_id, ok=1)
    assert bubbles(site)[people[0]] == [text_for(people[0])]


def test_reports_wait_for_a_server_that_is_away(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    job_id = enqueue(api, people[:1])
    with api.away_after_pull():
        installed.ask("start")
        until(lambda: people[0] in bubbles(site), "the bubble")
        until(lambda: len(installed.memory()["outbox"]) == 1, "the report in the outbox")
    installed.restart()
    installed.ask("flush")
    wait_for(api, job_id, ok=1)
    assert installed.memory()["outbox"] == []


def test_a_lease_that_ran_out_during_a_nap_is_not_used(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    job_id = enqueue(api, people[:1])
    resume_and_kill_at(installed, "reading")
    release_if_leased(api, job_id)
    installed.run(
        "const {sender} = await chrome.storage.local.get('sender'); sender.item.deadline = Date.now();"
        "await chrome.storage.local.set({sender})"
    )
    installed.ask("state")
    wait_for(api, job_id, ok=1)
    assert bubbles(site)[people[0]] == [text_for(people[0])]
    assert "lease_lost" in [line["what"] for line in installed.memory()["log"]]
    with api.client() as client:
        [task] = client.tasks(job_id)
    assert task["attempts"] == 2


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_sites_block_pauses_for_long(
    language: str, installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    job_id = enqueue(api, people[:2])
    ask_at(
        f"{site}/_faults",
        {"fault": "action_block", "account": ACCOUNT, "text": "restrict", "language": language},
    )
    installed.ask("start")
    sender = until(lambda: _resting(installed, "blocked"), "the rest")
    assert sender["until"] - sender["since"] >= 3_500_000
    wait_for(api, job_id, queued=2)
    with api.client() as client:
        assert client.pull()["items"] == []  # the server keeps the account's queue back as well
    assert not set(people) & set(bubbles(site))


def _resting(installed: Installed, why: str) -> dict[str, Any]:
    sender: dict[str, Any] = installed.memory()["sender"]
    return sender if sender["phase"] == "resting" and sender["why"] == why else {}


def test_who_asked_not_to_be_written_to_is_left_alone_for_ever(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    [name] = people[:1]
    ask_at(
        f"{site}/_threads", {"from": ACCOUNT, "to": name, "by": name, "text": "No me escribas más, por favor"}
    )
    job_id = enqueue(api, [name])
    installed.ask("start")
    wait_for(api, job_id, error=1)
    assert reason(api, job_id) == "opted_out"
    assert bubbles(site)[name] == []
    with api.client() as client:
        assert client.send([name], message=TEXT)["skipped"]["suppressed"] == 1


def test_a_thread_with_the_same_text_is_not_written_to_again(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    [name] = people[:1]
    ask_at(f"{site}/_threads", {"from": ACCOUNT, "to": name, "by": ACCOUNT, "text": text_for(name)})
    job_id = enqueue(api, [name])
    installed.ask("start")
    wait_for(api, job_id, ok=1)
    assert reason(api, job_id) == "already_messaged"
    assert bubbles(site)[name] == [text_for(name)]
    assert ledger.count(api.db, "acme") == 1


def test_a_dry_run_writes_nothing(installed: Installed, api: Api, site: str, people: list[str]) -> None:
    installed.configure(api, dryRun=True)
    job_id = enqueue(api, people)
    installed.ask("start")
    wait_for(api, job_id, ok=3)
    assert not set(people) & set(bubbles(site))
    assert ledger.count(api.db, "acme") == 0


@pytest.mark.parametrize(("name", "code"), [("no_molestar", "not_allowed"), ("solo_amigos", "not_allowed")])
def test_a_refusal_ends_the_message(name: str, code: str, installed: Installed, api: Api) -> None:
    job_id = enqueue(api, [name])
    installed.ask("start")
    wait_for(api, job_id, error=1)
    assert reason(api, job_id) == code


def test_who_is_not_there_ends_the_message(installed: Installed, api: Api) -> None:
    job_id = enqueue(api, ["nobody.is.called.so"])
    installed.ask("start")
    wait_for(api, job_id, error=1)
    assert reason(api, job_id) == "not_found"


def test_spanish_pages_are_understood(spanish: Installed, api: Api, site: str, people: list[str]) -> None:
    job_id = enqueue(api, people[:1])
    spanish.ask("start")
    wait_for(api, job_id, ok=1)
    assert bubbles(site)[people[0]] == [text_for(people[0])]


def test_another_account_in_the_browser_stops_it(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    installed.configure(api, account="somebody_else")
    with Client(api.url, api.key, "somebody_else") as client:
        job_id = client.send(people[:1], message=TEXT)["job_id"]
    installed.ask("start")
    sender = until(lambda: _stopped(installed), "the stop")
    assert (sender["why"], sender["detail"]) == ("other_account", ACCOUNT)
    assert people[0] not in bubbles(site)
    with api.client() as client:
        assert client.summary(job_id)["ok"] == 0


def _stopped(installed: Installed) -> dict[str, Any]:
    sender: dict[str, Any] = installed.memory()["sender"]
    return sender if sender["phase"] == "stopped" else {}


def test_a_session_that_is_over_stops_it(
    installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    enqueue(api, people[:1])
    ask_at(f"{site}/_faults", {"fault": "dead_session", "account": ACCOUNT})
    installed.ask("start")
    assert until(lambda: _stopped(installed), "the stop")["why"] == "logged_out"
    assert people[0] not in bubbles(site)


def test_two_browsers_with_one_account_never_double(
    tmp_path: Path, installed: Installed, api: Api, site: str, people: list[str]
) -> None:
    folder = unpacked(tmp_path / "second", site, api.url)
    other = Installed(folder, tmp_path / "second_profile", site)
    try:
        other.configure(api)
        other.log_in()
        other.past_dry_runs()
        job_id = enqueue(api, people)
        installed.ask("start")
        other.ask("start")
        wait_for(api, job_id, ok=3, limit_s=90)
    finally:
        other.quit()
    written = bubbles(site)
    assert {name: written[name] for name in people} == {name: [text_for(name)] for name in people}
    assert ledger.count(api.db, "acme") == 3

"""Many processes at one queue: each task once, nobody sent away while there is work, every job ended."""

import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.store import control, jobs, ledger, outbox, progress, tasks
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks
from scrapinsta_ray.store.tables import jobs as jobs_table
from tests.store.actors import Log
from tests.store.crew import Crew, address, crew, stage
from tests.store.history import History, final, violations
from tests.waiting import until

PULLERS = 8
ACCOUNTS = ("c1", "c2", "c3", "c4")


@pytest.fixture(scope="module")
def a_stage() -> Iterator["subprocess.Popen[str]"]:
    with stage() as process:
        yield process


@pytest.fixture
def processes(db: Database, a_stage: "subprocess.Popen[str]", tmp_path: Path) -> Iterator[Crew]:
    with crew(address(db), tmp_path / "crew", a_stage) as every:
        yield every


def enqueue(db: Database, names: Sequence[str], client: str = "acme") -> str:
    return jobs.enqueue_analysis(db, Asked(client), names, None).job_id


def people(many: int) -> list[str]:
    return [f"p{i}" for i in range(many)]


def given_out(history: History) -> list[int]:
    return [task["id"] for call, _ended in history.answered("lease") for task in call.answer["tasks"]]


def sent_away_too_early(history: History) -> list[str]:
    """Pulls that came back empty before another pull of the same account began that found something."""
    first_empty: dict[str, float] = {}
    for call, ended in history.answered("lease"):
        account = call.asked.get("account", "")
        if not call.answer["tasks"]:
            first_empty[account] = min(ended, first_empty.get(account, ended))
    return [
        f"{call.asked['who']} found {len(call.answer['tasks'])} tasks {call.began - first_empty[account]:.3f} s later"
        for call, _ended in history.answered("lease")
        if (account := call.asked.get("account", "")) in first_empty
        and call.answer["tasks"]
        and call.began > first_empty[account]
    ]


def as_given(task: Task, code: str = "ok") -> dict[str, Any]:
    """A leased task as an actor is told of it."""
    names = (
        "id",
        "client_id",
        "job_id",
        "username",
        "account",
        "attempts",
        "max_attempts",
        "lease_id",
        "maybe_sent",
    )
    fields = {name: getattr(task, name) for name in names}
    return {**fields, "kind": task.kind, "expires": task.lease_expires_at.isoformat(), "code": code}


def job_states(db: Database) -> Counter[str]:
    with db.begin(write=False) as tx:
        return Counter(tx.scalars(select(jobs_table.c.status)))


# ---- leasing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tenants", [1, 5])
def test_eight_pullers_get_each_task_once_and_none_is_sent_away_early(
    db: Database, processes: Crew, tenants: int
) -> None:
    """5,000 tasks of one tenant, 1,000 of five; less on SQLite, where one process writes at a time."""
    size = 1000 if db.is_sqlite or tenants > 1 else 5000
    for number in range(tenants):
        enqueue(db, people(size // tenants), f"client{number}")
    processes.start("takes_everything", {"limit": 10}, times=PULLERS)
    processes.wait()
    history = History.of(processes.events())
    assert len(given_out(history)) == len(set(given_out(history))) == size
    assert sent_away_too_early(history) == []


def test_eight_senders_get_each_message_once_and_none_is_sent_away_early(
    db: Database, a_client: str, processes: Crew
) -> None:
    for number, account in enumerate(ACCOUNTS):
        names = [f"p{number}.{i}" for i in range(40)]
        jobs.enqueue_messages(db, Asked(a_client, account), Outreach("Hola", names))
    orders = [[*ACCOUNTS[i % 4 :], *ACCOUNTS[: i % 4]] for i in range(PULLERS)]
    processes.start("takes_messages", *({"client": a_client, "accounts": o, "limit": 3} for o in orders))
    processes.wait()
    history = History.of(processes.events())
    assert len(given_out(history)) == len(set(given_out(history))) == 160
    assert sent_away_too_early(history) == []


# ---- finishing -------------------------------------------------------------------------------------------


def test_racing_results_of_the_last_tasks_end_every_job(db: Database, processes: Crew) -> None:
    ids = [enqueue(db, people(PULLERS)) for _ in range(30)]
    leased = [
        task for _ in range(3) for task in tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=80, ttl_s=600)
    ]
    assert len(leased) == len(ids) * PULLERS
    shares = [[as_given(task) for task in leased if task.username == f"p{i}"] for i in range(PULLERS)]
    processes.start("finishes", *({"work": work} for work in shares))
    processes.wait()
    assert job_states(db) == {"done": len(ids)}
    assert violations(processes.events(), final(db)) == []


def test_a_cancelled_job_gives_out_nothing_more(db: Database, processes: Crew) -> None:
    """Eight processes work on three jobs, one of which is cancelled under their hands."""
    doomed, *kept = [enqueue(db, people(200), f"client{i}") for i in range(3)]
    processes.start("works_everything", {"limit": 6}, times=PULLERS)
    until(lambda: processes.count("report") > 10)
    with Log(processes.log, "test").call("cancel", job=doomed):
        assert control.cancel(db, "client0", doomed)
    processes.wait()
    assert violations(processes.events(), final(db)) == []
    summary = progress.summary(db, "client0", doomed)
    assert summary and summary["status"] == "cancelled"
    assert summary["cancelled"] > 0 and summary["ok"] + summary["cancelled"] == 200
    for number, job_id in enumerate(kept, 1):
        other = progress.summary(db, f"client{number}", job_id)
        assert other and (other["status"], other["ok"]) == ("done", 200)


def test_a_late_ok_and_a_rescue_agree(db: Database, a_client: str, processes: Crew) -> None:
    """Leases have expired; one process takes them back while others report that the messages did leave."""
    jobs.enqueue_messages(db, Asked(a_client, "c1", max_attempts=1), Outreach("Hola", people(20)))
    jobs.enqueue_messages(
        db, Asked(a_client, "c2", max_attempts=9), Outreach("Hola", [f"q{i}" for i in range(20)])
    )
    late = [
        task
        for account in ("c1", "c2")
        for task in outbox.pull(db, a_client, account, limit=20, ttl_s=60).tasks
    ]
    with db.begin() as tx:
        tx.execute(update(job_tasks).values(lease_expires_at=now(-1)))
    processes.start("rescues", times=2)
    work = [as_given(task, "sent") for task in late]
    names = processes.start("finishes", {"work": work}, {"work": work[::-1]})
    until(lambda: sum(e["what"] == "end" and e["who"] in names for e in processes.events()) == 2)
    processes.stop()
    assert ledger.count(db, a_client) == 40
    assert violations(processes.events(), final(db)) == []


# ---- one dispatcher --------------------------------------------------------------------------------------


def test_one_of_three_dispatchers_acts_at_a_time(db: Database, processes: Crew) -> None:
    ttl_s = 0.4
    names = processes.start(
        "dispatches", *({"name": f"node{i}", "ttl_s": ttl_s, "terms": 1000} for i in range(3))
    )
    until(lambda: processes.count("act") > 40)
    [acting] = [event["who"] for event in processes.events()[-1:]]
    processes.kill(acting if acting in names else names[0])
    before = processes.count("act")
    until(lambda: processes.count("act") > before + 40)
    processes.stop()
    acts = sorted(History.of(processes.events()).answered("act"), key=lambda act: act[0].began)
    assert len({call.asked["holder"] for call, _ended in acts}) >= 2
    for (first, ended), (second, _ended) in pairwise(acts):
        assert second.asked["epoch"] >= first.asked["epoch"]
        if second.asked["holder"] != first.asked["holder"]:
            assert second.asked["epoch"] > first.asked["epoch"]
            assert second.began >= ended

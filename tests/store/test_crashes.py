"""kill -9 of whoever works, and of the database: nothing is lost, nothing done twice, no answer taken back."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapinsta_ray.store import campaigns, clients, control, jobs, ledger, outbox, schema, tasks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.servers import free_port, private_mariadb
from tests.store.actors import Actor, Log, ok, unfinished
from tests.store.conftest import MANY_CALLS
from tests.store.crew import Crew, address, crew, stage
from tests.store.history import final, violations
from tests.store.test_processes import as_given, people
from tests.waiting import until

ACCOUNTS = ("c1", "c2", "c3", "c4", "c5", "c6")
CLIENT = "acme"
TTL_S = 2.0


@pytest.fixture(scope="module")
def a_stage() -> Iterator["subprocess.Popen[str]"]:
    with stage() as process:
        yield process


@pytest.fixture
def processes(db: Database, a_stage: "subprocess.Popen[str]", tmp_path: Path) -> Iterator[Crew]:
    with crew(address(db), tmp_path / "crew", a_stage) as every:
        yield every


def survivor(db: Database, processes: Crew) -> Actor:
    """The test itself as one of the actors, in the same log and world."""
    return Actor(db, Log(processes.log, "survivor"), processes.folder, "survivor")


# ---- one process dies ------------------------------------------------------------------------------------


def test_what_a_killed_puller_held_comes_back_and_is_done_once(
    db: Database, a_client: str, processes: Crew
) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), ["ana"], None)
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["luz"]))
    [puller] = processes.start("takes_and_hangs", {"ttl_s": 0.5, "client": a_client, "account": "c1"})
    until(lambda: processes.count("hangs", "began"))
    processes.kill(puller)
    me = survivor(db, processes)
    until(lambda: finishes_everything(me, a_client))
    assert ledger.count(db, a_client) == 1
    assert violations(processes.events(), final(db)) == []


def finishes_everything(me: Actor, client: str) -> bool:
    """Rescues, works and sends what there is; True when nothing is left."""
    tasks.rescue(me.db)
    if work := me.lease(5, ttl_s=60):
        me.report([ok(task) for task in work])
    if pulled := me.pull(client, "c1", 5, ttl_s=60):
        me.report([ok(task, me.write_to(task)) for task in pulled])
    return unfinished(me.db) == 0


@pytest.mark.parametrize("end", ["expiry", "cancel"])
def test_a_new_job_does_not_write_again_to_whom_a_killed_sender_wrote(
    db: Database, a_client: str, processes: Crew, end: str
) -> None:
    """The sender typed and was killed before it said so; its task ends. The next one looks into the thread."""
    first = jobs.enqueue_messages(db, Asked(a_client, "c1", max_attempts=1), Outreach("Hola", ["luz"]))
    [sender] = processes.start("takes_and_hangs", {"ttl_s": 0.3, "client": a_client, "account": "c1"})
    until(lambda: processes.count("hangs", "began"))
    processes.kill(sender)
    if end == "cancel":
        control.cancel(db, a_client, first.job_id)
    else:
        until(lambda: tasks.rescue(db) == [first.job_id])
        campaigns.settle(db, [first.job_id])
    assert jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["luz"])).total_items == 1
    until(lambda: finishes_everything(survivor(db, processes), a_client))
    assert ledger.count(db, a_client) == 1
    assert violations(processes.events(), final(db)) == []


@pytest.mark.parametrize("statement", ["UPDATE job_tasks", "INSERT INTO messages_sent", "COMMIT"])
def test_a_batch_of_messages_ends_whole_or_not_at_all(
    db: Database, a_client: str, processes: Crew, statement: str
) -> None:
    """A process finishes three messages and is killed just before `statement`."""
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", people(3)))
    pulled = outbox.pull(db, a_client, "c1", limit=3, ttl_s=60).tasks
    before = final(db)
    [finisher] = processes.start(
        "hangs_before", {"statement": statement, "work": [as_given(task, "sent") for task in pulled]}
    )
    until(lambda: processes.count("hangs", "began"))
    processes.kill(finisher)
    assert final(db) == before
    survivor(db, processes).report([ok(task, "sent") for task in pulled])  # the extension asks again
    assert ledger.count(db, a_client) == 3
    assert violations(processes.events(), final(db)) == []


# ---- everything dies -------------------------------------------------------------------------------------


def prepare(url: str) -> None:
    db = Database(url)
    schema.upgrade(db)
    clients.create(db, CLIENT, "Acme", messages_per_hour=50, messages_per_day=50)
    clients.set_limits(db, CLIENT, MANY_CALLS)
    db.dispose()


def load(processes: Crew) -> list[str]:
    """Six processes that enqueue, work, send and keep; the names of those that go on until they are stopped."""
    who = {"client": CLIENT, "accounts": ACCOUNTS}
    processes.start("enqueues", {**who, "people": 250, "backlog": 60})
    lasting = [
        processes.start("works", {"ttl_s": TTL_S}, times=2),
        processes.start("sends", {"ttl_s": TTL_S, **who}, times=2),
        processes.start("keeps"),
    ]
    return [name for names in lasting for name in names]


def replace(processes: Crew, name: str) -> None:
    """kill -9, and another of its kind."""
    role = name.rpartition(" ")[0]
    processes.kill(name)
    options = {"works": {"ttl_s": TTL_S}, "keeps": {}}
    sends = {"ttl_s": TTL_S, "client": CLIENT, "accounts": ACCOUNTS}
    processes.start(role, options.get(role, sends))


def drain(db: Database, processes: Crew) -> None:
    """Wants nothing more, waits until everything has ended, then stops the processes."""
    processes.enough()
    until(lambda: any(e["what"] == "end" and e["who"] == "enqueues 0" for e in processes.events()))
    until(lambda: unfinished(db) == 0, limit_s=60)
    processes.stop()


def go_on(processes: Crew, reports: int) -> None:
    """Waits for so many more reports that were answered."""
    so_far = processes.count("report")
    until(lambda: processes.count("report") >= so_far + reports, limit_s=40)


def test_processes_killed_under_load_lose_nothing(db: Database, processes: Crew) -> None:
    clients.create(db, CLIENT, "Acme", messages_per_hour=50, messages_per_day=50)
    clients.set_limits(db, CLIENT, MANY_CALLS)
    lasting = load(processes)
    for name in lasting:
        go_on(processes, 3)
        replace(processes, name)
    drain(db, processes)
    assert violations(processes.events(), final(db)) == []


def test_a_database_killed_under_load_loses_nothing_that_it_answered(
    a_stage: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    folder, port = tmp_path / "mariadb", free_port()
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        with private_mariadb(folder, port) as url:
            prepare(url)
            processes = stack.enter_context(crew(url, tmp_path / "crew", a_stage))
            lasting = load(processes)
            go_on(processes, 15)
        for victim in (lasting[0], lasting[2]):  # the server is dead: kill -9 at the end of each block
            with private_mariadb(folder, port):
                go_on(processes, 15)
                replace(processes, victim)
        with private_mariadb(folder, port):
            db = Database(url)
            drain(db, processes)
            at_the_end = final(db)
            db.dispose()
    assert violations(processes.events(), at_the_end) == []
    assert len(at_the_end.ledger) > 20

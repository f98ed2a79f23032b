"""What the processes of a test do with the one database that they share: `tests.store.stage` lets them play.

Each actor appends what it does to a log, one JSON object a line, and ends with `end` or `failed`.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection, event, func, select

from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind, Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store import campaigns, finish, jobs, leases, outbox, tasks
from scrapinsta_ray.store.database import Database, reading
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks
from scrapinsta_ray.store.tables import jobs as jobs_table

RETRY_BASE_S = 0.002
"""Back-off of failed tasks here: short, so that all of them come to an end."""


class Log:
    """One process's lines in the common log. A line is one write, so that a killed process leaves whole lines."""

    def __init__(self, path: Path, who: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._who = who
        self._numbers = itertools.count()

    def say(self, what: str, phase: str, number: int, **details: Any) -> None:
        line = {"at": time.time(), "who": self._who, "n": number, "what": what, "phase": phase, **details}
        os.write(self._file, json.dumps(line).encode() + b"\n")

    def note(self, what: str, **details: Any) -> None:
        self.say(what, "began", next(self._numbers), **details)

    @contextlib.contextmanager
    def call(self, what: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Says that a call began, and, unless it raises, that it ended with the answer put into the dictionary."""
        number, answer = next(self._numbers), dict[str, Any]()
        self.say(what, "began", number, **asked)
        yield answer
        self.say(what, "ended", number, **answer)


class Actor:
    """Calls the store and logs each call with its answer."""

    def __init__(self, db: Database, log: Log, folder: Path, seed: str) -> None:
        self.db, self.log = db, log
        self.chance = random.Random(seed)
        self._folder = folder

    @property
    def is_told_to_stop(self) -> bool:
        return (self._folder / "stop").exists()

    @property
    def has_enough(self) -> bool:
        """No new jobs are wanted."""
        return (self._folder / "enough").exists()

    def lease(self, limit: int, ttl_s: float, kind: Kind = Kind.ANALYZE_PROFILE) -> list[Task]:
        with self.log.call("lease", ttl_s=ttl_s) as answer:
            got = tasks.lease_work(self.db, kind, limit=limit, ttl_s=ttl_s)
            answer["tasks"] = [said(task) for task in got]
        return got

    def pull(self, client: str, account: str, limit: int, ttl_s: float) -> list[Task]:
        with self.log.call("lease", ttl_s=ttl_s, account=account) as answer:
            pulled = outbox.pull(self.db, client, account, limit=limit, ttl_s=ttl_s)
            answer["tasks"] = [said(task) for task in pulled.tasks]
        campaigns.settle(self.db, pulled.touched)
        return pulled.tasks

    def renew(self, task: Task, ttl_s: float) -> bool:
        with self.log.call("renew", id=task.id, lease=task.lease_id, ttl_s=ttl_s) as answer:
            answer["held"] = tasks.renew(self.db, task.id, task.lease_id, ttl_s, holder="bot")
        return bool(answer["held"])

    def give_back(self, unused: Sequence[Task]) -> None:
        with self.log.call("give_back", tasks=[said(task) for task in unused]):
            tasks.give_back(self.db, unused)

    def report(self, ended: Sequence[tuple[Task, Report]]) -> None:
        """Ends tasks, all of the fleet or all messages, and settles their jobs."""
        with self.log.call("report", reports=[reported(task, report) for task, report in ended]) as answer:
            answers = self._finish(ended)
            answer["verdicts"] = [one.verdict.value if one.verdict else "unknown" for one in answers]
        campaigns.settle(self.db, [task.job_id for task, _report in ended])

    def _finish(self, ended: Sequence[tuple[Task, Report]]) -> list[finish.Ended]:
        if all(task.account for task, _report in ended):
            sent = [finish.Sent(t.client_id, t.account, t.job_id, t.username, r) for t, r in ended]
            return finish.finish_messages(self.db, sent, retry_base_s=RETRY_BASE_S)
        done = [finish.Work(task, report, "bot") for task, report in ended]
        return finish.finish_work(self.db, done, retry_base_s=RETRY_BASE_S)

    def enqueue(self, names: Sequence[str], make: Callable[[], jobs.Enqueued]) -> None:
        with self.log.call("enqueue", names=list(names)) as answer:
            made = make()
            answer |= {"job": made.job_id, "total": made.total_items}

    def write_to(self, task: Task) -> str:
        """What a sender does in the client's browser; the code that it reports.

        A file stands for the thread with a person. In doubt the sender looks there before it types.
        """
        thread = self._folder / f"{task.client_id}.{task.username}"
        if task.maybe_sent and thread.exists():
            return "already_messaged"
        thread.touch()
        self.log.note("type", client=task.client_id, username=task.username)
        return "sent"


def said(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "lease": task.lease_id,
        "job": task.job_id,
        "expires": task.lease_expires_at.timestamp(),
        "doubt": task.maybe_sent,
    }


def reported(task: Task, report: Report) -> dict[str, Any]:
    return {
        "id": task.id,
        "lease": report.lease_id,
        "job": task.job_id,
        "client": task.client_id,
        "username": task.username,
        "message": bool(task.account),
        "ok": report.ok,
        "code": report.code,
    }


def ok(task: Task, code: str = "ok") -> tuple[Task, Report]:
    return task, Report(True, code, lease_id=task.lease_id)


# ---- actors of the tests with processes ------------------------------------------------------------------


def takes_everything(me: Actor, limit: int) -> None:
    """Leases until there is nothing more."""
    while me.lease(limit, ttl_s=600):
        pass


def takes_messages(me: Actor, client: str, accounts: Sequence[str], limit: int) -> None:
    """Pulls for one account after the other until there is nothing more."""
    for account in accounts:
        while me.pull(client, account, limit, ttl_s=600):
            pass


def works_everything(me: Actor, limit: int) -> None:
    """Leases and finishes until there is nothing more."""
    while got := me.lease(limit, ttl_s=600):
        me.report([ok(task) for task in got])


def finishes(me: Actor, work: Sequence[Mapping[str, Any]]) -> None:
    """Reports ok on tasks that somebody leased, one after the other."""
    for one in work:
        me.report([ok(given(one), one["code"])])


def given(task: Mapping[str, Any]) -> Task:
    """A task from what a test says of it."""
    fields = {name: value for name, value in task.items() if name not in ("code", "kind", "expires")}
    expires = datetime.fromisoformat(task["expires"])
    return Task(kind=Kind(task["kind"]), lease_expires_at=expires, payload={}, **fields)


def rescues(me: Actor) -> None:
    """Ends expired leases until it is told to stop."""
    while not me.is_told_to_stop:
        campaigns.settle(me.db, tasks.rescue(me.db, most=3))


def dispatches(me: Actor, name: str, ttl_s: float, terms: int) -> None:
    """Holds the dispatcher's lease `terms` times, acting while it does; after every term it dies or gives it back."""
    while terms and not me.is_told_to_stop:
        asked = time.monotonic()
        lease = leases.acquire(me.db, "dispatcher", name, ttl_s)
        if isinstance(lease, leases.Lease):
            terms -= 1
            act_under(me, lease, asked, ttl_s)
        else:
            time.sleep(0.005)


def act_under(me: Actor, lease: leases.Lease, asked: float, ttl_s: float) -> None:
    """Acts, renews at a third of the time, and stops before the lease can have expired."""
    actions = me.chance.randrange(2, 30)
    while actions and time.monotonic() < asked + 0.8 * ttl_s:
        actions -= 1
        with me.log.call("act", epoch=lease.epoch, holder=lease.holder):
            time.sleep(0.002)
        if time.monotonic() > asked + ttl_s / 3:
            began = time.monotonic()
            if not leases.renew(me.db, lease, ttl_s):
                return
            asked = began
    if me.chance.random() < 0.5:
        leases.release(me.db, lease)


# ---- actors that are killed ------------------------------------------------------------------------------


def takes_and_hangs(me: Actor, ttl_s: float, client: str, account: str) -> NoReturn:
    """Leases a task and a message, types the message, and says nothing more."""
    me.lease(1, ttl_s)
    for task in me.pull(client, account, 1, ttl_s):
        me.write_to(task)
    hang(me)


def hangs_before(me: Actor, statement: str, work: Sequence[Mapping[str, Any]]) -> None:
    """Finishes `work` in one batch and hangs just before it sends `statement` (or COMMIT)."""

    def before(_c: Connection, _cursor: Any, sql: str, _p: Any, _context: Any, _many: bool) -> None:
        if sql.startswith(statement):
            hang(me)

    event.listen(me.db.engine, "before_cursor_execute", before)
    if statement == "COMMIT":
        event.listen(me.db.engine, "commit", lambda _connection: hang(me))
    me.report([ok(given(one), one["code"]) for one in work])


def hang(me: Actor) -> NoReturn:
    me.log.note("hangs")
    while True:
        signal.pause()


# ---- actors that put a store under load ------------------------------------------------------------------


def patiently(act: Callable[[], object]) -> None:
    """Tries `act` again while the database is away."""
    while True:
        try:
            act()
        except DatabaseAway:
            time.sleep(0.02)
        else:
            return


def enqueues(me: Actor, client: str, accounts: Sequence[str], people: int, backlog: int) -> None:
    """Small jobs, profiles and messages in turns, until it is enough; a lost answer is asked for again.

    The same people are in many of them. No more while `backlog` have not ended: others can keep up.
    """
    for number in itertools.count():
        if me.has_enough:
            return
        patiently(lambda: until_few(me, backlog))
        names = [f"p{i}" for i in me.chance.sample(range(people), 6)]
        key = f"{os.getpid()}.{number}"
        account = me.chance.choice(list(accounts)) if number % 2 else ""
        asked = Asked(client, account, max_attempts=30, idempotency_key=key)
        patiently(lambda asked=asked, names=names: enqueue(me, asked, names))  # type: ignore[misc]


def until_few(me: Actor, backlog: int) -> None:
    while unfinished(me.db) > backlog and not me.has_enough:
        time.sleep(0.02)


@reading
def unfinished(tx: Connection) -> int:
    """Jobs and tasks that have not ended."""
    waiting = select(func.count()).where(job_tasks.c.status.in_(UNFINISHED))
    running = select(func.count()).where(jobs_table.c.status == JobStatus.RUNNING)
    return tx.execute(waiting).scalar_one() + tx.execute(running).scalar_one()


def enqueue(me: Actor, asked: Asked, names: Sequence[str]) -> None:
    if asked.account:
        me.enqueue(names, lambda: jobs.enqueue_messages(me.db, asked, Outreach("Hola", names)))
    else:
        me.enqueue(names, lambda: jobs.enqueue_analysis(me.db, asked, names, None))


def until_stopped(me: Actor, act: Callable[[], object]) -> None:
    """Acts over and over; what fails because the database is away is left as it is, as a dying process would."""
    while not me.is_told_to_stop:
        try:
            found = act()
        except DatabaseAway:
            found = None
        if not found:
            time.sleep(0.02)


def works(me: Actor, ttl_s: float) -> None:
    """A worker with all the moods that one can have."""
    until_stopped(me, lambda: work_once(me, ttl_s))


def work_once(me: Actor, ttl_s: float) -> list[Task]:
    got = me.lease(4, ttl_s)
    mood = me.chance.random()
    if not got or mood < 0.05:
        return got  # forgotten: the lease expires
    if mood < 0.15:
        me.give_back(got)
    else:
        if mood < 0.4:
            got = [task for task in got if me.renew(task, ttl_s)]
        me.report([(task, result(me, task)) for task in got])
    return got


def result(me: Actor, task: Task) -> Report:
    mood = me.chance.random()
    if mood < 0.1:
        return Report(False, "retry_later", retryable=True, lease_id=task.lease_id)
    if mood < 0.2:
        return Report(False, "not_found", lease_id=task.lease_id)
    return Report(True, "ok", lease_id=task.lease_id)


def sends(me: Actor, ttl_s: float, client: str, accounts: Sequence[str]) -> None:
    """A sender that types as soon as it may, and sometimes forgets to say so."""
    until_stopped(me, lambda: send_once(me, ttl_s, client, me.chance.choice(list(accounts))))


def send_once(me: Actor, ttl_s: float, client: str, account: str) -> list[Task]:
    asked = time.monotonic()
    pulled = me.pull(client, account, 3, ttl_s)
    if time.monotonic() > asked + ttl_s / 2:
        return pulled  # the answer came late: it may be somebody else's turn
    codes = [(task, me.write_to(task)) for task in pulled]
    if pulled and me.chance.random() > 0.1:
        me.report([ok(task, code) for task, code in codes])
    return pulled


def keeps(me: Actor) -> None:
    """What the dispatcher does between leases: rescue, promote, settle."""

    def tick() -> None:
        campaigns.settle(me.db, tasks.rescue(me.db))
        tasks.promote(me.db)
        campaigns.settle(me.db, campaigns.stragglers(me.db).stragglers)

    until_stopped(me, tick)


ROLES: Mapping[str, Callable[..., object]] = {
    role.__name__: role
    for role in (
        takes_everything, takes_messages, works_everything, finishes, rescues, dispatches,
        takes_and_hangs, hangs_before, enqueues, works, sends, keeps,
    )
}  # fmt: skip

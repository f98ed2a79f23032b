"""Judges what processes did to a store: their logs and the database at the end, rule by rule.

Processes write two events a call: `began` with what they ask for, `ended` with the answer. Without the second the call
may or may not have happened. Every rule is sound for that: it accuses only when no order of commits explains both.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import select

from scrapinsta_ray.domain.models import JobStatus, TaskStatus
from scrapinsta_ray.domain.transitions import CONTACTED
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import job_tasks, jobs, messages_sent

Event = Mapping[str, Any]

ENDED_TASKS = {TaskStatus.OK, TaskStatus.ERROR, TaskStatus.CANCELLED}
ENDED_JOBS = {JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED}


@dataclass(frozen=True)
class Call:
    """One call of a process: what it asked for, and the answer if one came. Times in seconds."""

    what: str
    began: float
    ended: float | None
    asked: Event
    answer: Event


@dataclass(frozen=True)
class Hold:
    """A task in somebody's hands: from some moment in `began` to `ended`, to `expires` unless renewed."""

    task: int
    lease: str
    granted: float  # by the database's clock
    expires: float
    began: float
    ended: float


@dataclass(frozen=True)
class Final:
    """The database at the end."""

    tasks: Mapping[int, Event] = field(default_factory=dict)
    jobs: Mapping[str, Event] = field(default_factory=dict)
    ledger: Sequence[Event] = ()


def final(db: Database) -> Final:
    with db.begin(write=False) as tx:
        every = [tx.execute(select(table)).mappings().all() for table in (job_tasks, jobs, messages_sent)]
    tasks, all_jobs, ledger = ([dict(row) for row in rows] for rows in every)
    return Final({row["id"]: row for row in tasks}, {row["id"]: row for row in all_jobs}, ledger)


@dataclass(frozen=True)
class History:
    calls: Sequence[Call]

    @classmethod
    def of(cls, events: Iterable[Event]) -> "History":
        """Pairs each `began` with its `ended`, by process and number."""
        began: dict[tuple[str, int], Event] = {}
        ended: dict[tuple[str, int], Event] = {}
        for event in events:
            phases = {"began": began, "ended": ended}
            if event["phase"] in phases:
                phases[event["phase"]][event["who"], event["n"]] = event
        return cls([_call(event, ended.get(key)) for key, event in began.items()])

    def of_kind(self, what: str) -> Iterator[Call]:
        return (call for call in self.calls if call.what == what)

    def answered(self, what: str) -> Iterator[tuple[Call, float]]:
        """Calls whose answer came, with the time it came."""
        return ((call, call.ended) for call in self.of_kind(what) if call.ended is not None)

    def holds(self) -> dict[int, list[Hold]]:
        """All leases of each task, in the order in which the database gave them."""
        found: dict[int, list[Hold]] = defaultdict(list)
        for call, ended in self.answered("lease"):
            for task in call.answer["tasks"]:
                granted = task["expires"] - call.asked["ttl_s"]
                hold = Hold(task["id"], task["lease"], granted, task["expires"], call.began, ended)
                found[hold.task].append(hold)
        return {task: sorted(every, key=lambda hold: hold.granted) for task, every in found.items()}

    def reports(self) -> Iterator[tuple[Call, Event, str | None]]:
        """Each report with its call and its verdict, None where no answer came."""
        for call in self.of_kind("report"):
            verdicts = call.answer.get("verdicts") or [None] * len(call.asked["reports"])
            for report, verdict in zip(call.asked["reports"], verdicts, strict=True):
                yield call, report, verdict


def _call(began: Event, ended: Event | None) -> Call:
    return Call(began["what"], began["at"], ended["at"] if ended else None, began, ended or {})


def violations(events: Iterable[Event], at_the_end: Final) -> list[str]:
    """Everything that a store which keeps its promises could not have done, in words."""
    history = History.of(events)
    return [f"{rule.__name__}: {found}" for rule in RULES for found in rule(history, at_the_end)]


# ---- leases ----------------------------------------------------------------------------------------------


def one_holder_at_a_time(history: History, _final: Final) -> Iterator[str]:
    """A task is leased again only after its last lease was reported on, given back, or had expired."""
    let_go = _let_go(history)
    renewed = _renewed_until(history)
    for task, holds in history.holds().items():
        for first, second in pairwise(holds):
            expires = max(first.expires, renewed.get((task, first.lease), 0))
            free = min(expires, let_go.get((task, first.lease), expires))
            if second.ended < free:
                yield f"task {task} was given out {free - second.ended:.3f} s before it was free"


def _let_go(history: History) -> dict[tuple[int, str], float]:
    """The earliest moment at which a holder may have let go by itself, by task and lease."""
    found: dict[tuple[int, str], float] = {}
    every = [(call, report) for call, report, _verdict in history.reports()]
    every += [(call, task) for call in history.of_kind("give_back") for task in call.asked["tasks"]]
    for call, task in every:
        key = (task["id"], task["lease"])
        found[key] = min(call.began, found.get(key, call.began))
    return found


def _renewed_until(history: History) -> dict[tuple[int, str], float]:
    found: dict[tuple[int, str], float] = {}
    for call, _ended in history.answered("renew"):
        if call.answer["held"]:
            key = (call.asked["id"], call.asked["lease"])
            found[key] = max(found.get(key, 0), call.began + call.asked["ttl_s"])
    return found


def no_lease_id_is_used_twice(history: History, _final: Final) -> Iterator[str]:
    used = Counter((hold.task, hold.lease) for holds in history.holds().values() for hold in holds)
    yield from (
        f"task {task} was given out twice under {lease}" for (task, lease), n in used.items() if n > 1
    )


def no_lease_after_the_end(history: History, at_the_end: Final) -> Iterator[str]:
    ends = _ends(history, at_the_end)
    for task, holds in history.holds().items():
        if late := [hold for hold in holds if task in ends and hold.began > ends[task]]:
            yield f"task {task} was given out {late[0].began - ends[task]:.3f} s after its end"


def _ends(history: History, at_the_end: Final) -> dict[int, float]:
    """When it was known that a task had ended: by an ok, or by the cancelling of its job."""
    found = {}
    for call, report, verdict in history.reports():
        if verdict == "applied" and report["ok"] and call.ended:
            found[report["id"]] = call.ended
    cancelled = {call.asked["job"]: ended for call, ended in history.answered("cancel")}
    for task, row in at_the_end.tasks.items():
        if row["job_id"] in cancelled:
            found.setdefault(task, cancelled[row["job_id"]])
    return found


def no_stale_report_is_taken(history: History, _final: Final) -> Iterator[str]:
    """The fleet's reports count only under the newest lease."""
    holds = history.holds()
    for call, report, verdict in history.reports():
        if report["message"] or verdict != "applied":
            continue
        of_task = holds.get(report["id"], [])
        own = [hold.granted for hold in of_task if hold.lease == report["lease"]]
        if own and any(hold.granted > own[0] and hold.ended < call.began for hold in of_task):
            yield f"task {report['id']} was finished under a lease that was over"


# ---- results ---------------------------------------------------------------------------------------------


def no_ok_is_lost(history: History, at_the_end: Final) -> Iterator[str]:
    for _call, report, verdict in history.reports():
        if not report["ok"] or verdict not in ("applied", "repeated"):
            continue
        status = at_the_end.tasks[report["id"]]["status"] if report["id"] in at_the_end.tasks else None
        allowed = {TaskStatus.OK} if verdict == "applied" else {TaskStatus.OK, TaskStatus.CANCELLED}
        if status not in allowed:
            yield f"task {report['id']} was reported ok and answered {verdict}, but is {status}"


def no_ok_counts_twice(history: History, _final: Final) -> Iterator[str]:
    applied = Counter(r["id"] for _call, r, verdict in history.reports() if r["ok"] and verdict == "applied")
    yield from (f"task {task} ended {n} times" for task, n in applied.items() if n > 1)


# ---- messages --------------------------------------------------------------------------------------------


def nobody_is_written_to_twice(history: History, at_the_end: Final) -> Iterator[str]:
    typed = Counter((call.asked["client"], call.asked["username"]) for call in history.of_kind("type"))
    yield from (f"{client} wrote to {person} {n} times" for (client, person), n in typed.items() if n > 1)
    rows = Counter((row["client_id"], row["dest_username"]) for row in at_the_end.ledger)
    yield from (
        f"{person} is in the ledger of {client} {n} times" for (client, person), n in rows.items() if n > 1
    )


def every_ledger_row_has_its_ok(history: History, at_the_end: Final) -> Iterator[str]:
    said = {
        (report["client"], report["username"], report["job"])
        for _call, report, _verdict in history.reports()
        if report["message"] and report["code"] in CONTACTED
    }
    for row in at_the_end.ledger:
        if (row["client_id"], row["dest_username"], row["job_id"]) not in said:
            yield f"{row['dest_username']} is in the ledger of {row['client_id']}, but nobody said so"


def every_sent_message_is_in_the_ledger(history: History, at_the_end: Final) -> Iterator[str]:
    ledger = {(row["client_id"], row["dest_username"]) for row in at_the_end.ledger}
    answered = {
        (report["client"], report["username"])
        for _call, report, verdict in history.reports()
        if report["message"] and report["code"] in CONTACTED and verdict in ("applied", "repeated")
    }
    ended = {
        (row["client_id"], row["username"])
        for row in at_the_end.tasks.values()
        if row["kind"] == "send_message" and row["status"] == TaskStatus.OK
    }
    yield from (f"{person} of {client} is missing" for client, person in sorted((answered | ended) - ledger))


# ---- jobs ------------------------------------------------------------------------------------------------


def every_answered_enqueue_is_there(history: History, at_the_end: Final) -> Iterator[str]:
    people: dict[str, set[str]] = defaultdict(set)
    for row in at_the_end.tasks.values():
        people[row["job_id"]].add(row["username"])
    for call, _ended in history.answered("enqueue"):
        job, total, names = call.answer["job"], call.answer["total"], set(call.asked["names"])
        if job not in at_the_end.jobs:
            yield f"{job} is missing"
        elif len(people[job]) != total or not people[job] <= names:
            yield f"{job} has {len(people[job])} tasks of {total}"


def everything_ends(_history: History, at_the_end: Final) -> Iterator[str]:
    for task, row in at_the_end.tasks.items():
        if row["status"] not in ENDED_TASKS:
            yield f"task {task} is {row['status']}"
    for job, row in at_the_end.jobs.items():
        if row["status"] not in ENDED_JOBS:
            yield f"{job} is {row['status']}"


def counts_add_up(_history: History, at_the_end: Final) -> Iterator[str]:
    """Each job has as many tasks as it says, and has not failed if a task of it went well."""
    made = Counter(row["job_id"] for row in at_the_end.tasks.values())
    well = Counter(row["job_id"] for row in at_the_end.tasks.values() if row["status"] == TaskStatus.OK)
    for job, row in at_the_end.jobs.items():
        if row["total_items"] != made[job]:
            yield f"{job} says {row['total_items']} tasks and has {made[job]}"
        if row["status"] == JobStatus.ERROR and row["kind"] != "send_message" and well[job]:
            yield f"{job} failed with {well[job]} tasks that went well"
    yield from (f"{job} has tasks and is no job" for job in made.keys() - at_the_end.jobs.keys())


RULES: Sequence[Callable[[History, Final], Iterator[str]]] = (
    one_holder_at_a_time,
    no_lease_id_is_used_twice,
    no_lease_after_the_end,
    no_stale_report_is_taken,
    no_ok_is_lost,
    no_ok_counts_twice,
    nobody_is_written_to_twice,
    every_ledger_row_has_its_ok,
    every_sent_message_is_in_the_ledger,
    every_answered_enqueue_is_there,
    everything_ends,
    counts_add_up,
)

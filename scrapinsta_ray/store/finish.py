"""How tasks end: many reports in one transaction, and with them whatever the reports brought."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select, tuple_

from scrapinsta_ray.domain.models import Kind, Profile, Score, Task, TaskStatus
from scrapinsta_ray.domain.pacing import RETRY_FACTOR, retry_delay_s
from scrapinsta_ray.domain.transitions import Change, Held, Report, Verdict, apply
from scrapinsta_ray.store import ledger, outbox, profiles
from scrapinsta_ray.store.database import AnyRow, now, transaction
from scrapinsta_ray.store.indexes import KEY, NAME, by, change
from scrapinsta_ray.store.tables import job_tasks

DEFAULT_PAUSE_S = 3600.0
"""Rest of a sending account that was limited without being told for how long."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker made of a task of the fleet."""

    task: Task
    report: Report
    account: str  # the bot account that did it
    result: Mapping[str, Any] | None = None
    profile: Profile | None = None
    score: Score | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a sender says became of a message. `username` names the task within its job, nothing more."""

    client_id: str
    account: str
    job_id: str
    username: str
    report: Report


@dataclass(frozen=True, slots=True)
class Ended:
    """How one report was taken; None: there is no such task of this client and account."""

    job_id: str
    verdict: Verdict | None


_HELD = (
    job_tasks.c.id,
    job_tasks.c.client_id,
    job_tasks.c.account,
    job_tasks.c.job_id,
    job_tasks.c.username,
    job_tasks.c.kind,
    job_tasks.c.status,
    job_tasks.c.lease_id,
    job_tasks.c.attempts,
    job_tasks.c.max_attempts,
    now().label("now"),
)


@transaction
def finish_work(tx: Connection, done: Sequence[Work], *, retry_base_s: float) -> list[Ended]:
    """Ends the fleet's tasks and stores what they brought, all or nothing; a stale lease stores nothing.

    Answers in the order of `done`.
    """
    ids = sorted({work.task.id for work in done})
    locked = select(*_HELD).where(job_tasks.c.id.in_(ids)).order_by(job_tasks.c.id).with_for_update()
    ending = _Ending({row.id: row for row in tx.execute(by(KEY, locked))}, retry_base_s)
    answers, kept = [], []
    for work in done:
        change = ending.take(work.task.id, work.report, work.result, work.account)
        answers.append(Ended(work.task.job_id, change.verdict if change else None))
        if change and change.verdict is Verdict.APPLIED:
            kept.append(work)
    ending.write(tx)
    profiles.store(tx, [w.profile for w in kept if w.profile], [w.score for w in kept if w.score])
    return answers


@transaction
def finish_messages(tx: Connection, sent: Sequence[Sent], *, retry_base_s: float) -> list[Ended]:
    """Ends messages: task and ledger row together, the recipient taken from the task. Answers in order.

    Tenant and account are part of the look-up, so that another's task is as unknown as none.
    """
    ending = _Ending(_lock_messages(tx, sent), retry_base_s)
    answers: list[Ended] = []
    news: dict[bool, list[dict[str, Any]]] = {
        True: [],
        False: [],
    }  # ledger rows: of this report, of a repeated one
    for one in sent:
        key = (one.client_id, one.account, one.job_id, one.username)
        change = ending.take(key, one.report, {"code": one.report.code}, one.account)
        answers.append(Ended(one.job_id, change.verdict if change else None))
        if change is None:
            continue
        if change.contacted:
            news[change.verdict is Verdict.APPLIED].append(_ledger_row(ending.rows[key], one.report.code))
        _heed(tx, one, change)
    ending.write(tx)
    ledger.record(tx, news[True], renew=True)
    ledger.record(tx, news[False], renew=False)
    return answers


class _Ending:
    """Locked tasks by key, the reports on them in order, and the fewest UPDATEs that say the outcome."""

    def __init__(self, rows: Mapping[Any, AnyRow], retry_base_s: float) -> None:
        self.rows = rows
        self._held = {key: _held(row) for key, row in rows.items()}
        self._retry_base_s = retry_base_s
        self._moves: dict[str, tuple[dict[str, Any], list[int]]] = {}

    def take(self, key: Any, report: Report, result: Mapping[str, Any] | None, holder: str) -> Change | None:
        """The change by `report`, which the next report on the same task already sees; None for an unknown key."""
        if key not in self.rows:
            return None
        change = apply(self._held[key], report)
        if change.verdict is Verdict.APPLIED:
            self._held[key] = replace(self._held[key], status=change.status)
            values = self._values(self.rows[key], change, report) | {"result": result, "lease_holder": holder}
            self._moves.setdefault(repr(values), (values, []))[1].append(self.rows[key].id)
        return change

    def _values(self, row: AnyRow, change: Change, report: Report) -> dict[str, Any]:
        values: dict[str, Any] = {
            "status": change.status,
            "reason_code": None if report.ok and report.code in ("ok", "sent") else report.code,
            "reason": report.message[:500] if report.message else None,
        }
        if change.status is TaskStatus.DELAYED:
            base_s = self._retry_base_s * RETRY_FACTOR[Kind(row.kind)]
            delay_s = report.retry_after_s or retry_delay_s(row.attempts, base_s, random.random())
            values["available_at"] = row.now + timedelta(seconds=delay_s)
        else:
            values["finished_at"] = row.now
        if change.maybe_sent:
            values["maybe_sent"] = True
        if change.free_attempt:
            values["attempts"] = row.attempts - 1
        return values

    def write(self, tx: Connection) -> None:
        """Alike outcomes go into one statement, ids in key order."""
        for values, ids in self._moves.values():
            tx.execute(change(ids).values(values))


def _held(row: AnyRow) -> Held:
    return Held(Kind(row.kind), TaskStatus(row.status), row.lease_id, row.attempts, row.max_attempts)


def _lock_messages(tx: Connection, sent: Sequence[Sent]) -> dict[tuple[str, str, str, str], AnyRow]:
    names = sorted({(one.job_id, one.username) for one in sent})
    locked = (
        select(*_HELD)
        .where(
            tuple_(job_tasks.c.job_id, job_tasks.c.username).in_(names),
            job_tasks.c.client_id.in_(sorted({one.client_id for one in sent})),
            job_tasks.c.kind == Kind.SEND_MESSAGE,
        )
        .order_by(job_tasks.c.job_id, job_tasks.c.username)
        .with_for_update()
    )
    rows = tx.execute(by(NAME, locked))
    return {(row.client_id, row.account, row.job_id, row.username): row for row in rows}


def _ledger_row(row: AnyRow, code: str) -> dict[str, Any]:
    return {
        "client_id": row.client_id,
        "dest_username": row.username,
        "account": row.account,
        "job_id": row.job_id,
        "code": code,
        "sent_at": row.now,
    }


def _heed(tx: Connection, sent: Sent, change: Change) -> None:
    """What a report says beyond its task. A wish not to be written to counts however late it comes."""
    if sent.report.code == "opted_out":
        ledger.suppress(tx, sent.client_id, sent.username, "opted_out")
    if sent.report.code == "rate_limited" and change.verdict is Verdict.APPLIED:
        outbox.pause(tx, sent.client_id, sent.account, sent.report.retry_after_s or DEFAULT_PAUSE_S)

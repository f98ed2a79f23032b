"""How tasks end: many reports in one transaction, and with them whatever the reports brought."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Text, bindparam, select, tuple_

from scrapinsta_ray.domain.models import Kind, Profile, Score, Task, TaskStatus
from scrapinsta_ray.domain.pacing import RETRY_FACTOR, retry_delay_s
from scrapinsta_ray.domain.transitions import Change, Held, Report, Verdict, apply
from scrapinsta_ray.errors import RateLimited
from scrapinsta_ray.store import counters, forgotten, ledger, meters, outbox, profiles, suppressions, visits
from scrapinsta_ray.store.batches import chunks
from scrapinsta_ray.store.database import (
    AnyRow,
    Database,
    change_one,
    microseconds,
    now,
    own_text,
    transaction,
)
from scrapinsta_ray.store.indexes import CHANGE, CHANGE_NAMED, KEY, NAME, by
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


Costs = Sequence[tuple[str, int]]
"""Of each request: whose it is, and how many results it has."""

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
)


_LOCK = by(
    KEY,
    select(*_HELD)
    .where(job_tasks.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(job_tasks.c.id)
    .with_for_update(),
)

_LOCK_MESSAGES = by(
    NAME,
    select(*_HELD)
    .where(
        tuple_(job_tasks.c.job_id, job_tasks.c.username).in_(bindparam("names", expanding=True)),
        job_tasks.c.client_id.in_(bindparam("clients", expanding=True)),
        job_tasks.c.kind == Kind.SEND_MESSAGE,
    )
    .order_by(job_tasks.c.job_id, job_tasks.c.username)
    .with_for_update(),
)


@transaction
def finish_work(tx: Connection, done: Sequence[Work], *, retry_base_s: float) -> list[Ended]:
    """Ends the fleet's tasks and stores what they brought, all or nothing; a stale lease stores nothing.

    Answers in the order of `done`.
    """
    locked = tx.execute(_LOCK, {"ids": sorted({work.task.id for work in done})})
    ending = _Ending({row.id: row for row in locked}, retry_base_s)
    answers, kept = [], []
    for work in done:
        change = ending.take(work.task.id, work.report, work.result, work.account)
        answers.append(Ended(work.task.job_id, change.verdict if change else None))
        if change and change.verdict is Verdict.APPLIED:
            kept.append(work)
    ending.write(tx)
    profiles.store(tx, [w.profile for w in kept if w.profile], [w.score for w in kept if w.score])
    visits.record(tx, {w.task.username: _outcome(w.report) for w in kept if _is_final(w)})
    return answers


def _is_final(work: Work) -> bool:
    """Another would have seen the same: the profile was read, is private, or is not there."""
    return work.task.kind is Kind.ANALYZE_PROFILE and (work.report.ok or work.report.code == "not_found")


def _outcome(report: Report) -> dict[str, Any]:
    return {"status": TaskStatus.OK if report.ok else TaskStatus.ERROR, **_reason(report)}


def finish_messages(db: Database, sent: Sequence[Sent], *, retry_base_s: float) -> list[Ended]:
    """Ends messages: task and ledger row together, the recipient taken from the task. Answers in order.

    Tenant and account are part of the look-up, so that another's task is as unknown as none.
    """
    if groups := _few_groups(sent):
        with suppress(_NotAllHeld):
            _end_all_held(db, groups, sent[0].report)
            return [Ended(one.job_id, Verdict.APPLIED) for one in sent]
    return transaction(_end_messages)(db, sent, retry_base_s)


def finish_requests(
    db: Database, requests: Sequence[Sequence[Sent]], *, retry_base_s: float
) -> list[list[Ended] | RateLimited]:
    """`finish_messages` for several requests together, each of one client. Answers in order.

    A request for which its client's meter of results has too little left is refused whole, and changes nothing.
    """
    sent = [one for request in requests for one in request]
    costs = [(request[0].client_id, len(request)) for request in requests]
    if groups := _few_groups(sent):
        with suppress(_NotAllHeld):
            _end_all_held(db, groups, sent[0].report, costs)
            return [[Ended(one.job_id, Verdict.APPLIED) for one in request] for request in requests]
    return _end_requests(db, requests, costs, retry_base_s)


@transaction
def _end_requests(
    tx: Connection, requests: Sequence[Sequence[Sent]], costs: Costs, retry_base_s: float
) -> list[list[Ended] | RateLimited]:
    refused = meters.spend_each(tx, meters.RESULTS, costs)
    taken = [one for request, no in zip(requests, refused, strict=True) if no is None for one in request]
    ended = iter(_end_messages(tx, taken, retry_base_s) if taken else [])
    return [no or [next(ended) for _ in request] for request, no in zip(requests, refused, strict=True)]


def _end_messages(tx: Connection, sent: Sequence[Sent], retry_base_s: float) -> list[Ended]:
    if len(sent) == 1 and _end_held(tx, sent[0]):
        return [Ended(sent[0].job_id, Verdict.APPLIED)]
    ending = _Ending(_lock_messages(tx, sent), retry_base_s)
    answers: list[Ended] = []
    contacts: dict[tuple[str, str], list[_Contact]] = {}
    for one in sent:
        key = (one.client_id, one.account, one.job_id, one.username)
        change = ending.take(key, one.report, {"code": one.report.code}, one.account)
        answers.append(Ended(one.job_id, change.verdict if change else None))
        if change is None:
            continue
        if change.contacted:
            contact = _Contact(one.report.code, change.verdict is Verdict.APPLIED, ending.rows[key].id)
            contacts.setdefault((one.client_id, one.username), []).append(contact)
        _heed(tx, one, change)
    ending.write(tx)
    _record(tx, contacts.values())
    return _with_forgotten(tx, sent, answers, retry_base_s)


class _Contact(NamedTuple):
    """A report that a message left, on this task. Told again it is no news."""

    code: str
    is_news: bool
    task_id: int


def _record(tx: Connection, contacts: Iterable[Sequence[_Contact]]) -> None:
    """Ledger rows of each person's contacts, in their order: first everybody's first, then everybody's second."""
    for nth in zip_longest(*contacts):
        alike: dict[tuple[str, bool], list[int]] = {}
        for contact in filter(None, nth):
            alike.setdefault((contact.code, contact.is_news), []).append(contact.task_id)
        for (code, is_news), ids in sorted(alike.items()):
            ledger.record(tx, ids, code, renew=is_news)


def _with_forgotten(
    tx: Connection, sent: Sequence[Sent], ended: list[Ended], retry_base_s: float
) -> list[Ended]:
    """Also reports on people who were forgotten while their message was out: their tasks have another name by now."""
    lost = [n for n, one in enumerate(ended) if one.verdict is None]
    names = forgotten.pseudonyms(tx, {sent[n].username for n in lost})
    known = [n for n in lost if sent[n].username in names]
    again = [
        replace(sent[n], username=names[sent[n].username], report=replace(sent[n].report, message=None))
        for n in known
    ]
    for n, one in zip(known, _end_messages(tx, again, retry_base_s) if again else [], strict=True):
        ended[n] = one
    return ended


_IN_HAND = (
    job_tasks.c.job_id == bindparam("of_job"),
    job_tasks.c.client_id == bindparam("client"),
    job_tasks.c.account == bindparam("by"),
    job_tasks.c.lease_id == bindparam("lease"),
    job_tasks.c.kind == Kind.SEND_MESSAGE,
    job_tasks.c.status == TaskStatus.SENT,
)
"""A message that this account of this client holds by this lease; the recipient is named beside it."""

_END_HELD = CHANGE_NAMED.where(job_tasks.c.username == bindparam("to"), *_IN_HAND).values(
    finished_at=now(), result=bindparam("answer", type_=Text())
)


def _end_held(tx: Connection, one: Sent) -> bool:
    """What most reports are, without a look first: whoever holds the lease says that the message left.

    False, and nothing changed, if this is any other case.
    """
    if not _says_it_left(one):
        return False
    names = {"client": one.client_id, "to": one.username, "by": one.account, "of_job": one.job_id}
    values = {"status": TaskStatus.OK, "answer": json.dumps({"code": one.report.code})}
    if not change_one(
        tx, _END_HELD, {**names, **values, **_reason(one.report), "lease": one.report.lease_id}
    ):
        return False
    ledger.record_one(tx, one.client_id, one.username, one.account, one.job_id, one.report.code)
    counters.ended(tx, Kind.SEND_MESSAGE, TaskStatus.OK)
    return True


def _says_it_left(one: Sent) -> bool:
    """A holder's word that the message left, in names without the blanks at the end that MySQL's = does not see."""
    report = one.report
    held = Held(Kind.SEND_MESSAGE, TaskStatus.SENT, report.lease_id, attempts=1, max_attempts=1)
    names = (one.client_id, one.username, one.account, one.job_id, report.lease_id or " ")
    return apply(held, report).contacted and not any(name.endswith(" ") for name in names)


class _NotAllHeld(Exception):
    """Some message of a batch is not in its reporter's hands, or over its limit: nothing of the batch was done."""


_END_ALL_HELD = CHANGE_NAMED.where(
    job_tasks.c.username.in_(bindparam("to", expanding=True)), *_IN_HAND
).values(finished_at=now())


def _few_groups(sent: Sequence[Sent]) -> dict[tuple[str, ...], list[str]]:
    """The groups of a batch, if there are few of them; one message alone is ended otherwise.

    A group takes as long as a look at ten messages, and what comes after a look as long as two groups.
    """
    groups = _groups(sent) if len(sent) > 1 else {}
    return groups if len(groups) <= 2 + len(sent) // 10 else {}


def _groups(sent: Sequence[Sent]) -> dict[tuple[str, ...], list[str]]:
    """Recipients by what else names a task that its holder says has left; empty if reports are of different kinds."""
    words = {(one.report.code, one.report.message) for one in sent}
    people = {(one.client_id, one.username) for one in sent}
    groups: dict[tuple[str, ...], list[str]] = {}
    if len(words) == 1 and len(people) == len(sent) and all(map(_says_it_left, sent)):
        for one in sent:
            lease = one.report.lease_id or ""
            groups.setdefault((one.job_id, one.client_id, one.account, lease), []).append(one.username)
    return groups


@transaction
def _end_all_held(
    tx: Connection, groups: Mapping[tuple[str, ...], list[str]], report: Report, costs: Costs = ()
) -> None:
    """Many of `_end_held`. Raises _NotAllHeld, with nothing done, if that is not what they all are, or not paid for."""
    if any(meters.spend_each(tx, meters.RESULTS, costs)):
        raise _NotAllHeld
    values = {"status": TaskStatus.OK, "result": {"code": report.code}, **_reason(report)}
    for (job_id, client_id, account, lease_id), names in sorted(groups.items()):
        who = {"of_job": job_id, "client": client_id, "by": account, "lease": lease_id, "to": sorted(names)}
        if tx.execute(_END_ALL_HELD, {**values, **who}).rowcount != len(names):
            raise _NotAllHeld
        ledger.record_named(tx, client_id, job_id, who["to"], report.code)
        counters.ended(tx, Kind.SEND_MESSAGE, TaskStatus.OK, number=len(names))


_END = CHANGE.values(finished_at=now())
_DELAY = CHANGE.values(available_at=now(bindparam("available_in", type_=BigInteger())))
_OWN = {
    "result": own_text(bindparam("results", type_=Text()), job_tasks.c.id),
    "lease_holder": own_text(bindparam("holders", type_=Text()), job_tasks.c.id),
}
_END_EACH = _END.values(_OWN)
_DELAY_EACH = _DELAY.values(_OWN)
_EACH = 64
"""Tasks in one such statement: the server looks their texts up in one another's company."""


class _Ending:
    """Locked tasks by key, the reports on them in order, and the fewest UPDATEs that say the outcome."""

    def __init__(self, rows: Mapping[Any, AnyRow], retry_base_s: float) -> None:
        self.rows = rows
        self._held = {key: _held(row) for key, row in rows.items()}
        self._retry_base_s = retry_base_s
        self._moves: dict[int, dict[str, Any]] = {}
        self._kinds = {row.id: row.kind for row in rows.values()}

    def take(self, key: Any, report: Report, result: Mapping[str, Any] | None, holder: str) -> Change | None:
        """The change by `report`, which the next report on the same task already sees; None for an unknown key."""
        if key not in self.rows:
            return None
        change = apply(self._held[key], report)
        if change.verdict is Verdict.APPLIED:
            self._held[key] = replace(self._held[key], status=change.status)
            row = self.rows[key]
            values = self._values(row, change, report) | {"result": result, "lease_holder": holder}
            self._moves[row.id] = self._moves.get(row.id, {}) | values  # the last word on a task counts
        return change

    def _values(self, row: AnyRow, change: Change, report: Report) -> dict[str, Any]:
        values: dict[str, Any] = {"status": change.status, **_reason(report)}
        if change.status is TaskStatus.DELAYED:
            base_s = self._retry_base_s * RETRY_FACTOR[Kind(row.kind)]
            delay_s = report.retry_after_s or retry_delay_s(row.attempts, base_s, random.random())
            values["available_in"] = microseconds(delay_s)
        if change.maybe_sent:
            values["maybe_sent"] = True
        if change.free_attempt:
            values["attempts"] = row.attempts - 1
        return values

    def write(self, tx: Connection) -> None:
        """Alike outcomes go into one statement, ids in key order, even when results and holders differ."""
        alike: dict[str, tuple[dict[str, Any], dict[int, dict[str, Any]]]] = {}
        for task_id, values in sorted(self._moves.items()):
            common = {name: value for name, value in values.items() if name not in _OWN}
            own = {name: values[name] for name in _OWN}
            alike.setdefault(repr(common), (common, {}))[1][task_id] = own
            counters.ended(tx, self._kinds[task_id], values["status"], values["reason_code"])
        for common, each in alike.values():
            _write(tx, common, each)


def _write(tx: Connection, common: dict[str, Any], each: dict[int, dict[str, Any]]) -> None:
    """The outcome that tasks have in common, and what each has of its own."""
    delayed = common["status"] is TaskStatus.DELAYED
    first, *others = each.values()
    if all(own == first for own in others):
        tx.execute(_DELAY if delayed else _END, {**common, **first, "ids": list(each)})
        return
    for ids in chunks(each, _EACH):
        own = {
            "results": json.dumps(
                {i: json.dumps(result) for i in ids if (result := each[i]["result"]) is not None}
            ),
            "holders": json.dumps({i: each[i]["lease_holder"] for i in ids}),
        }
        tx.execute(_DELAY_EACH if delayed else _END_EACH, {**common, **own, "ids": ids})


def _reason(report: Report) -> dict[str, str | None]:
    return {
        "reason_code": None if report.ok and report.code in ("ok", "sent") else report.code,
        "reason": report.message[:500] if report.message else None,
    }


def _held(row: AnyRow) -> Held:
    return Held(Kind(row.kind), TaskStatus(row.status), row.lease_id, row.attempts, row.max_attempts)


def _lock_messages(tx: Connection, sent: Sequence[Sent]) -> dict[tuple[str, str, str, str], AnyRow]:
    names = sorted({(one.job_id, one.username) for one in sent})
    rows = tx.execute(_LOCK_MESSAGES, {"names": names, "clients": sorted({one.client_id for one in sent})})
    return {(row.client_id, row.account, row.job_id, row.username): row for row in rows}


def _heed(tx: Connection, sent: Sent, change: Change) -> None:
    """What a report says beyond its task. A wish not to be written to counts however late it comes."""
    if sent.report.code == "opted_out":
        suppressions.suppress(tx, sent.client_id, sent.username, suppressions.OPTED_OUT)
    if sent.report.code == "rate_limited" and change.verdict is Verdict.APPLIED:
        outbox.pause(tx, sent.client_id, sent.account, sent.report.retry_after_s or DEFAULT_PAUSE_S)

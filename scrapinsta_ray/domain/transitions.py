"""What a report does to a task: the state table, as one pure function.

Held in somebody's hands a task is `sent`. Reports of the fleet count only under the current lease; reports of a
sender may come late, and a message that left is a fact whatever the task's state says.
"""

from dataclasses import dataclass
from enum import Enum

from scrapinsta_ray.domain.models import Kind, TaskStatus

CONTACTED = frozenset({"sent", "already_messaged"})
"""Result codes after which a person counts as written to."""

GIVE_BACK = frozenset({"layout_changed", "unknown"})
"""Codes of a sender that stopped for a reason of its own: the message is still wanted."""


NOBODYS_FAULT = frozenset(
    {"rate_limited", "cooldown", "needs_human", "session_lost", "budget_spent", "worker_away"}
)
"""Codes after which the account rests, not the task: it comes back, and the attempt is not counted."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the store knows of a task when a report on it arrives."""

    kind: Kind
    status: TaskStatus
    lease_id: str | None
    attempts: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker or a sender says became of a task. `lease_id` None: a sender that kept none."""

    ok: bool
    code: str
    message: str | None = None
    retryable: bool = False
    lease_id: str | None = None
    retry_after_s: float | None = None


class Verdict(Enum):
    """How a report is taken."""

    APPLIED = "applied"  # the task moves to `Change.status`
    REPEATED = "repeated"  # said before, or no longer of interest: nothing changes, the answer is still yes
    CONFLICT = "conflict"  # contradicts what is known, or comes under a stale lease: refused


@dataclass(frozen=True, slots=True)
class Change:
    """The outcome of a report. `contacted`: the person goes to the ledger, in the same transaction."""

    verdict: Verdict
    status: TaskStatus
    contacted: bool = False
    maybe_sent: bool = False
    free_attempt: bool = False  # the attempt was nobody's fault and is not counted


def apply(held: Held, report: Report) -> Change:
    """The state after `report`. Pure; total over every state."""
    if report.ok or (held.kind is Kind.SEND_MESSAGE and report.code == "already_messaged"):
        return _apply_ok(held, report)  # whoever calls it an error because nothing was typed says the same
    return _apply_error(held, report)


def _apply_ok(held: Held, report: Report) -> Change:
    contacted = held.kind is Kind.SEND_MESSAGE and report.code in CONTACTED
    if held.status is TaskStatus.OK:
        return Change(Verdict.REPEATED, TaskStatus.OK, contacted)  # after a dry run it is news to the ledger
    if held.status is TaskStatus.CANCELLED:
        return Change(Verdict.REPEATED, TaskStatus.CANCELLED, contacted)
    if _is_current(held, report) or contacted:  # a late ok of a message is still a fact
        return Change(Verdict.APPLIED, TaskStatus.OK, contacted)
    return Change(Verdict.CONFLICT, held.status)


def _apply_error(held: Held, report: Report) -> Change:
    if held.status in (TaskStatus.ERROR, TaskStatus.CANCELLED):
        return Change(Verdict.REPEATED, held.status)
    if not _is_current(held, report):
        return Change(Verdict.CONFLICT, held.status)
    maybe_sent = report.code == "unknown"
    if report.code in NOBODYS_FAULT:
        return Change(Verdict.APPLIED, TaskStatus.DELAYED, free_attempt=True)
    if (report.retryable or report.code in GIVE_BACK) and held.attempts < held.max_attempts:
        return Change(Verdict.APPLIED, TaskStatus.DELAYED, maybe_sent=maybe_sent)
    return Change(Verdict.APPLIED, TaskStatus.ERROR, maybe_sent=maybe_sent)


def _is_current(held: Held, report: Report) -> bool:
    """True if the reporter holds the task now; a sender may leave its lease out, the fleet may not."""
    if held.status is not TaskStatus.SENT:
        return False
    if report.lease_id is None:
        return held.kind is Kind.SEND_MESSAGE
    return report.lease_id == held.lease_id

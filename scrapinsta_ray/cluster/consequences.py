"""What an error means for the task, and what it means for the account."""

from scrapinsta_ray.domain.models import Signal
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.errors import (
    AccountDead,
    BrowserGone,
    BrowserMissing,
    BudgetSpent,
    CoolDown,
    LayoutChanged,
    Misconfigured,
    NeedsHuman,
    RetryLater,
    ScrapInstaError,
    SessionLost,
    StaleLease,
    TaskRejected,
)

PARKS = (NeedsHuman, Misconfigured, BrowserMissing)
"""Errors that only a person can mend: the account is parked with the reason, its tasks go to others."""

_SIGNALS: list[tuple[type[ScrapInstaError] | tuple[type[ScrapInstaError], ...], Signal]] = [
    (AccountDead, Signal.DEAD),
    (PARKS, Signal.HUMAN),
    (CoolDown, Signal.COOLDOWN),
    (SessionLost, Signal.RELOGIN),
]
_AT_ONCE_S = 0.5
"""A task that an account could not do for its own reasons goes to another account."""


def signal_of(error: ScrapInstaError) -> Signal | None:
    """What the site told the account; None if nobody asked it anything. A page we cannot read is no fault of it."""
    if isinstance(error, (BudgetSpent, StaleLease)):
        return None
    if isinstance(error, LayoutChanged):
        return Signal.OK
    if isinstance(error, TaskRejected):
        return Signal.PRIVATE if error.reason == "private" else Signal.NOT_FOUND
    return next((signal for kind, signal in _SIGNALS if isinstance(error, kind)), Signal.RETRY)


def report_of(error: ScrapInstaError, lease_id: str, attempts: int = 1) -> Report:
    """What becomes of the task: a private profile ends ok, a missing one badly, all else is tried again.

    A page of a shape that is not known is tried once more, later: sites try new shapes on some of their visitors.
    `attempts` counts this one.
    """
    if isinstance(error, TaskRejected):
        return Report(error.reason == "private", error.reason, error.message, lease_id=lease_id)
    if isinstance(error, (BudgetSpent, CoolDown, SessionLost, *PARKS)):
        code = "needs_human" if isinstance(error, PARKS) else error.code
        return Report(False, code, error.message, retryable=True, lease_id=lease_id, retry_after_s=_AT_ONCE_S)
    if isinstance(error, LayoutChanged):
        return Report(False, error.code, error.message, retryable=attempts < 2, lease_id=lease_id)
    if isinstance(error, (RetryLater, BrowserGone)):
        return Report(False, error.code, error.message, retryable=True, lease_id=lease_id)
    return Report(False, error.code, error.message, lease_id=lease_id)

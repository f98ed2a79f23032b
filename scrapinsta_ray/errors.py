"""Exceptions named by what the catcher must do. The docstring is the sentence that a person reads."""

from typing import Any, ClassVar


class ScrapInstaError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())
        self.message = str(self.args[0])
        self.details = details

    def __reduce__(self) -> Any:  # travels between Ray processes with its details
        return _rebuild, (type(self), self.message, self.details)


def _rebuild(kind: type[ScrapInstaError], message: str, details: dict[str, Any]) -> ScrapInstaError:
    return kind(message, **details)


# ---- the site said something -----------------------------------------------------------------------------


class RetryLater(ScrapInstaError):
    """A passing fault of the site or the network: try the task again later."""

    code = "retry_later"


class CoolDown(ScrapInstaError):
    """The site asks this account to slow down: give the task back and rest the account."""

    code = "cooldown"

    @property
    def retry_after_s(self) -> float | None:
        """What the site asked for, in seconds, if it said."""
        return self.details.get("retry_after_s")


class BudgetSpent(ScrapInstaError):
    """This account may not act for a while: the task goes on later, or with another account."""

    code = "budget_spent"


class SessionLost(ScrapInstaError):
    """The account is logged out: log in again once, then pause it."""

    code = "session_lost"


class NeedsHuman(ScrapInstaError):
    """The site wants a person to look at this account: it is parked until somebody resumes it."""

    code = "needs_human"


class AccountDead(NeedsHuman):
    """The site has suspended this account."""

    code = "account_suspended"


class TaskRejected(ScrapInstaError):
    """The task can never succeed: end it with its reason and do not retry."""

    code = "rejected"

    @property
    def reason(self) -> str:
        """A reason code such as `not_found`."""
        return str(self.details.get("reason", self.code))


class LayoutChanged(ScrapInstaError):
    """The page has a shape that the parsers do not know."""

    code = "layout_changed"


class BrowserGone(ScrapInstaError):
    """The browser died or stopped answering: start a new one and try the task again."""

    code = "browser_gone"


# ---- the system itself -----------------------------------------------------------------------------------


class BrowserMissing(ScrapInstaError):
    """No Chromium was found: install it (Debian: apt-get install chromium chromium-driver; macOS: Chrome)."""

    code = "browser_missing"


class StaleLease(ScrapInstaError):
    """The lease is no longer yours: somebody else has the task now."""

    code = "stale_lease"


class RateLimited(ScrapInstaError):
    """A limit is used up: the details name it, and Retry-After says when to come back."""

    code = "rate_limited"

    @property
    def limit(self) -> str:
        """Its name, such as `pulls`."""
        return str(self.details["limit"])

    @property
    def retry_after_s(self) -> float:
        """When it is worth another try, in seconds."""
        return float(self.details["retry_after_s"])


class TooManyTasks(RateLimited):
    """This client has as many unfinished tasks as it may have: wait until some have ended, or cancel some."""

    code = "too_many_tasks"


class DatabaseAway(ScrapInstaError):
    """The database does not answer: nothing was half done, try again shortly."""

    code = "database_away"


class StartFailed(ScrapInstaError):
    """A part of the system did not come up."""

    code = "start_failed"


class ClusterLost(ScrapInstaError):
    """The cluster that ran here has ended by itself: what is stored is kept, start it again."""

    code = "cluster_lost"


class Misconfigured(ScrapInstaError):
    """A setting is missing or wrong."""

    code = "misconfigured"


# ---- what a client asks for cannot be had ----------------------------------------------------------------


class PersonForgotten(ScrapInstaError):
    """This person asked to be forgotten: nothing is collected about them."""

    code = "person_forgotten"


class UnknownTemplate(ScrapInstaError):
    """There is no such template."""

    code = "template_not_found"


class TemplateRetired(ScrapInstaError):
    """This template is retired: take another, or make a new one."""

    code = "template_retired"

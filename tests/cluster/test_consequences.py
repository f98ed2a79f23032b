"""What errors mean for the task and for the account."""

import pytest

from scrapinsta_ray import errors
from scrapinsta_ray.cluster.consequences import report_of, signal_of
from scrapinsta_ray.domain.models import Kind, Signal, TaskStatus
from scrapinsta_ray.domain.transitions import Held, apply


def after(error: errors.ScrapInstaError, attempts: int = 1) -> tuple[TaskStatus, bool]:
    """State of the task, and whether the attempt is given back."""
    change = apply(
        Held(Kind.ANALYZE_PROFILE, TaskStatus.SENT, "l", attempts, 2), report_of(error, "l", attempts)
    )
    return change.status, change.free_attempt


@pytest.mark.parametrize(
    ("error", "signal"),
    [
        (errors.CoolDown(retry_after_s=60), Signal.COOLDOWN),
        (errors.NeedsHuman(), Signal.HUMAN),
        (errors.AccountDead(), Signal.DEAD),
        (errors.SessionLost(), Signal.RELOGIN),
        (errors.Misconfigured(), Signal.HUMAN),
        (errors.BrowserMissing(), Signal.HUMAN),
        (errors.BudgetSpent(), None),
    ],
)
def test_what_is_the_account_s_fault_costs_the_task_nothing(
    error: errors.ScrapInstaError, signal: Signal | None
) -> None:
    assert after(error, attempts=2) == (TaskStatus.DELAYED, True)
    assert signal_of(error) is signal


@pytest.mark.parametrize("error", [errors.RetryLater(), errors.BrowserGone()])
def test_passing_faults_are_tried_again_until_no_attempt_is_left(error: errors.ScrapInstaError) -> None:
    assert after(error) == (TaskStatus.DELAYED, False)
    assert after(error, attempts=2) == (TaskStatus.ERROR, False)
    assert signal_of(error) is Signal.RETRY


def test_private_ends_well_and_missing_badly() -> None:
    assert after(errors.TaskRejected(reason="private"))[0] is TaskStatus.OK
    assert after(errors.TaskRejected(reason="not_found"))[0] is TaskStatus.ERROR
    assert report_of(errors.TaskRejected(reason="private"), "l").code == "private"


def test_a_page_that_cannot_be_read_is_tried_once_more_and_is_no_fault_of_the_account() -> None:
    error = errors.LayoutChanged(missing="data.user")
    assert after(error) == (TaskStatus.DELAYED, False)
    assert report_of(error, "l", 2).retryable is False
    assert report_of(error, "l", 2).code == "layout_changed"
    assert signal_of(error) is Signal.OK

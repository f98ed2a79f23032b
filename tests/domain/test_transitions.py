"""The state table of docs/architecture.md: every state, every kind of report."""

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapinsta_ray.domain.models import Kind, TaskStatus
from scrapinsta_ray.domain.transitions import (
    CONTACTED,
    GIVE_BACK,
    NOBODYS_FAULT,
    Change,
    Held,
    Report,
    Verdict,
    apply,
)

APPLIED, REPEATED, CONFLICT = Verdict.APPLIED, Verdict.REPEATED, Verdict.CONFLICT
QUEUED, DELAYED, SENT = TaskStatus.QUEUED, TaskStatus.DELAYED, TaskStatus.SENT
OK, ERROR, CANCELLED = TaskStatus.OK, TaskStatus.ERROR, TaskStatus.CANCELLED

MINE, THEIRS = "lease-1", "lease-2"


def held(kind: Kind, status: TaskStatus, lease_id: str | None = MINE, attempts: int = 1) -> Held:
    return Held(kind, status, lease_id, attempts, max_attempts=4)


def message(status: TaskStatus, lease_id: str | None = MINE, attempts: int = 1) -> Held:
    return held(Kind.SEND_MESSAGE, status, lease_id, attempts)


def analysis(status: TaskStatus, lease_id: str | None = MINE, attempts: int = 1) -> Held:
    return held(Kind.ANALYZE_PROFILE, status, lease_id, attempts)


# ---- the table, row by row: (state before, verdict, state after, in the ledger) ---------------------------


@pytest.mark.parametrize("code", sorted(CONTACTED))
@pytest.mark.parametrize("lease_id", [MINE, THEIRS, None], ids=["current lease", "another lease", "no lease"])
@pytest.mark.parametrize(
    ("before", "verdict", "after", "contacted"),
    [
        (QUEUED, APPLIED, OK, True),
        (DELAYED, APPLIED, OK, True),
        (SENT, APPLIED, OK, True),
        (OK, REPEATED, OK, True),  # after a dry run it is news; the ledger keeps a row that it has
        (ERROR, APPLIED, OK, True),
        (CANCELLED, REPEATED, CANCELLED, True),
    ],
)
def test_a_message_that_left_is_a_fact_under_any_lease(before, verdict, after, contacted, lease_id, code):
    assert apply(message(before), Report(True, code, lease_id=lease_id)) == Change(verdict, after, contacted)


@pytest.mark.parametrize(
    ("before", "lease_id", "verdict", "after"),
    [
        (QUEUED, MINE, CONFLICT, QUEUED),
        (DELAYED, MINE, CONFLICT, DELAYED),
        (SENT, MINE, APPLIED, OK),
        (SENT, None, APPLIED, OK),
        (SENT, THEIRS, CONFLICT, SENT),
        (OK, MINE, REPEATED, OK),
        (ERROR, MINE, CONFLICT, ERROR),
        (CANCELLED, MINE, REPEATED, CANCELLED),
    ],
)
def test_a_dry_run_writes_to_nobody(before, lease_id, verdict, after):
    assert apply(message(before), Report(True, "dry_run", lease_id=lease_id)) == Change(verdict, after)


@pytest.mark.parametrize("kind", [Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS])
@pytest.mark.parametrize(
    ("before", "lease_id", "verdict", "after"),
    [
        (QUEUED, MINE, CONFLICT, QUEUED),
        (DELAYED, MINE, CONFLICT, DELAYED),
        (SENT, MINE, APPLIED, OK),
        (SENT, THEIRS, CONFLICT, SENT),
        (SENT, None, CONFLICT, SENT),
        (OK, MINE, REPEATED, OK),
        (OK, THEIRS, REPEATED, OK),
        (ERROR, MINE, CONFLICT, ERROR),
        (CANCELLED, MINE, REPEATED, CANCELLED),
    ],
)
@pytest.mark.parametrize("code", ["ok", "sent"], ids=["ok", "ok with a sender's code"])
def test_the_fleets_ok_counts_under_the_current_lease_only(kind, before, lease_id, verdict, after, code):
    assert apply(held(kind, before), Report(True, code, lease_id=lease_id)) == Change(verdict, after)


@pytest.mark.parametrize("kind", [Kind.SEND_MESSAGE, Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS])
@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (QUEUED, CONFLICT),
        (DELAYED, CONFLICT),
        (OK, CONFLICT),
        (ERROR, REPEATED),
        (CANCELLED, REPEATED),
    ],
)
@pytest.mark.parametrize("lease_id", [MINE, THEIRS, None])
@pytest.mark.parametrize("code", ["not_found", "unknown", "rate_limited", "retry_later"])
def test_an_error_changes_nothing_that_is_in_nobodys_hands(kind, before, verdict, lease_id, code):
    report = Report(False, code, retryable=code == "retry_later", lease_id=lease_id)
    assert apply(held(kind, before), report) == Change(verdict, before)


@pytest.mark.parametrize("kind", [Kind.SEND_MESSAGE, Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS])
def test_an_error_under_another_lease_is_refused(kind):
    report = Report(False, "not_found", lease_id=THEIRS)
    assert apply(held(kind, SENT), report) == Change(CONFLICT, SENT)


@pytest.mark.parametrize(
    ("attempts", "retryable", "code", "change"),
    [
        (1, False, "not_found", Change(APPLIED, ERROR)),
        (1, False, "not_allowed", Change(APPLIED, ERROR)),
        (1, False, "opted_out", Change(APPLIED, ERROR)),
        (1, True, "retry_later", Change(APPLIED, DELAYED)),
        (3, True, "retry_later", Change(APPLIED, DELAYED)),
        (4, True, "retry_later", Change(APPLIED, ERROR)),
        (1, False, "layout_changed", Change(APPLIED, DELAYED)),
        (4, False, "layout_changed", Change(APPLIED, ERROR)),
        (1, False, "unknown", Change(APPLIED, DELAYED, maybe_sent=True)),
        (4, False, "unknown", Change(APPLIED, ERROR, maybe_sent=True)),
        (1, False, "rate_limited", Change(APPLIED, DELAYED, free_attempt=True)),
        (4, False, "rate_limited", Change(APPLIED, DELAYED, free_attempt=True)),
        (4, True, "needs_human", Change(APPLIED, DELAYED, free_attempt=True)),
    ],
)
def test_an_error_of_whoever_holds_the_task(attempts, retryable, code, change):
    report = Report(False, code, retryable=retryable, lease_id=MINE)
    assert apply(message(SENT, attempts=attempts), report) == change
    assert apply(analysis(SENT, attempts=attempts), report) == change


def test_an_error_without_a_lease_is_a_senders_right_and_not_the_fleets():
    report = Report(False, "not_found")
    assert apply(message(SENT), report) == Change(APPLIED, ERROR)
    assert apply(analysis(SENT), report) == Change(CONFLICT, SENT)


@pytest.mark.parametrize("before", [QUEUED, DELAYED, SENT, ERROR])
def test_already_messaged_counts_as_contacted_even_if_the_sender_calls_it_an_error(before):
    report = Report(False, "already_messaged", lease_id=THEIRS)
    assert apply(message(before), report) == Change(APPLIED, OK, contacted=True)
    assert apply(analysis(SENT), report) == Change(CONFLICT, SENT)


# ---- what holds for all of them ---------------------------------------------------------------------------

CODES = sorted(CONTACTED | GIVE_BACK | NOBODYS_FAULT | {"ok", "dry_run", "not_found", "retry_later", ""})
LEASES = st.sampled_from([MINE, THEIRS, None])
HELD = st.builds(
    Held,
    kind=st.sampled_from([Kind.SEND_MESSAGE, Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS]),
    status=st.sampled_from(TaskStatus),
    lease_id=LEASES,
    attempts=st.integers(0, 6),
    max_attempts=st.integers(1, 6),
)
REPORTS = st.builds(
    Report,
    ok=st.booleans(),
    code=st.sampled_from(CODES) | st.text(max_size=10),
    retryable=st.booleans(),
    lease_id=LEASES,
    retry_after_s=st.none() | st.floats(0, 1e5),
)


@given(HELD, REPORTS)
def test_only_an_applied_report_moves_a_task(before, report):
    change = apply(before, report)
    if change.verdict is APPLIED:
        assert change.status in (OK, ERROR, DELAYED)
        assert before.status is not OK
        assert before.status is not CANCELLED
    else:
        assert change == Change(change.verdict, before.status, change.contacted)


@given(HELD, REPORTS)
def test_no_ok_of_a_message_is_lost(before, report):
    if before.kind is not Kind.SEND_MESSAGE or not report.ok or report.code not in CONTACTED:
        return
    change = apply(before, report)
    assert change.verdict is not CONFLICT
    assert change.contacted


@given(HELD, REPORTS)
def test_nobody_is_in_the_ledger_without_a_sender_that_says_so(before, report):
    if apply(before, report).contacted:
        assert before.kind is Kind.SEND_MESSAGE
        assert report.code in CONTACTED


@given(HELD, REPORTS)
def test_a_stale_lease_of_the_fleet_changes_nothing(before, report):
    if before.kind is Kind.SEND_MESSAGE:
        return
    if report.lease_id is not None and report.lease_id == before.lease_id and before.status is SENT:
        return
    change = apply(before, report)
    assert change.verdict is not APPLIED
    assert change == Change(change.verdict, before.status)


@given(HELD, REPORTS)
def test_saying_it_twice_changes_nothing_more(before, report):
    once = apply(before, report)
    twice = apply(replace(before, status=once.status), report)
    assert twice.verdict is not APPLIED
    assert twice.status is once.status


@given(HELD, REPORTS)
def test_a_task_without_attempts_comes_back_only_if_nobody_was_at_fault(before, report):
    used_up = dataclasses.replace(before, attempts=before.max_attempts)
    change = apply(used_up, report)
    if change.status is DELAYED and change.verdict is APPLIED:
        assert change.free_attempt
        assert report.code in NOBODYS_FAULT

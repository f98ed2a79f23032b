"""Every metric: its name, what it says, its labels. `docs/architecture.md` says where each is counted."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scrapinsta_ray.domain.models import Signal

BUCKETS_MS = (
    1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
)  # fmt: skip
"""Upper bounds of every histogram, in milliseconds; above them all there is one more."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A counter's name is shown with `_total` behind it. `known`: label values of which there is a 0 from the start."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()


def _each(*values: str) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


_KINDS = _each("fetch_followings", "analyze_profile", "send_message")
_ERRORS = tuple((*kind, "error") for kind in _KINDS)
_REPEATED = _each("already_contacted", "cool_off", "suppressed", "duplicate", "visited", "idempotency_key")
_LIMITS = _each("pulls", "results", "enqueues", "failed_logins", "unfinished_tasks")
_RESTARTS = _each("died", "session", "tasks", "memory", "worker")
_SIGNALS = _each(*(str(signal) for signal in Signal))

_METRICS = (
    # counted in the transaction that does what they count
    Metric("tasks_queued", "counter", "Tasks that were made.", ("kind",), _KINDS),
    Metric("tasks_sent", "counter", "Leases of tasks: handed to a worker or to a sender.", ("kind",), _KINDS),
    Metric("tasks_ok", "counter", "Tasks that ended well.", ("kind",), _KINDS),
    Metric(
        "tasks_error", "counter", "Tasks that ended badly, by what went wrong.", ("kind", "code"), _ERRORS
    ),
    Metric(
        "leases_rescued", "counter", "Leases of tasks that ran out and were taken back.", ("kind",), _KINDS
    ),
    Metric(
        "dedupe_hits",
        "counter",
        "People and profiles left out because it was done before, or soon.",
        ("reason",),
        _REPEATED,
    ),
    # gathered in memory by each process
    Metric("api_rate_limited", "counter", "Requests that a limit refused.", ("limit",), _LIMITS),
    Metric("http_requests", "counter", "Answers, by route template.", ("app", "method", "route", "status")),
    Metric("signals", "counter", "What the site told the bot accounts.", ("type",), _SIGNALS),
    Metric(
        "browser_restarts",
        "counter",
        "Browsers that were started in the place of another.",
        ("reason",),
        _RESTARTS,
    ),
    Metric("layout_changed", "counter", "Pages of a shape that no parser knows.", (), ((),)),
    Metric("scoring_batches", "counter", "Batches of profiles that were scored.", (), ((),)),
    Metric("scored_profiles", "counter", "Profiles in them.", (), ((),)),
    Metric("lease_duration_ms", "histogram", "From the lease of a task to its result.", ("kind",)),
    Metric("result_lag_ms", "histogram", "From the arrival of results to their commit.", ("kind",)),
    Metric("dispatch_latency_ms", "histogram", "From seeing queued work to its handing out.", ("kind",)),
    Metric("http_request_duration_ms", "histogram", "Until an answer begins.", ("app",)),
    Metric("session_memory_bytes", "gauge", "What an account's browser takes.", ("account_bot",)),
    Metric("browsers", "gauge", "Browsers that the nodes declare: in all, and free.", ("state",)),
    # read from the database when asked
    Metric("tasks", "gauge", "Unfinished tasks; counted up to 50000 each.", ("kind", "status")),
    Metric("jobs", "gauge", "Jobs that have not ended; counted up to 50000 each.", ("status",)),
    Metric("accounts", "gauge", "Bot accounts.", ("status",)),
    Metric("accounts_resting", "gauge", "Active bot accounts in a rest."),
    Metric("accounts_without_worker", "gauge", "Active bot accounts that no process holds."),
    Metric("messages_last_day", "gauge", "Messages of all clients in the last 24 hours."),
    Metric("sending_accounts", "gauge", "Accounts that sent in the last 24 hours."),
    Metric("sending_accounts_near_limit", "gauge", "Those of them with four fifths of their day used up."),
    Metric("dispatcher_up", "gauge", "1 if a dispatcher holds its lease."),
    Metric("database_up", "gauge", "1 if the database answers."),
    Metric("database_latency_ms", "gauge", "A smallest transaction, just now."),
)

CATALOGUE: Mapping[str, Metric] = {metric.name: metric for metric in _METRICS}

_ODD = re.compile(r"[^A-Za-z0-9_./{}:*-]")


def labels_text(name: str, labels: Mapping[str, str]) -> str:
    """`kind="send_message",code="unknown"`, in the catalogue's order. Raises ValueError for other labels."""
    wanted = CATALOGUE[name].labels
    if set(labels) != set(wanted):
        raise ValueError(f"{name} has the labels {wanted}, not {tuple(labels)}")
    return ",".join(f'{label}="{_ODD.sub("_", str(labels[label]))[:80]}"' for label in wanted)


def labels_of(metric: Metric, values: tuple[str, ...]) -> str:
    """The same for values in the catalogue's order."""
    return labels_text(metric.name, dict(zip(metric.labels, values, strict=True)))


_PAIR = re.compile(r'([a-z_]+)="([^"]*)"')


def parsed(labels: str) -> dict[str, str]:
    """The labels of `labels_text`, and a bucket's `le` if it is there."""
    return dict(_PAIR.findall(labels))

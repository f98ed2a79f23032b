"""The state of everything in numbers, read when somebody asks: a bounded amount of index, whatever the backlog."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Integer, func, literal, select

from scrapinsta_ray.domain.models import UNFINISHED, JobStatus, Kind
from scrapinsta_ray.domain.pacing import DAY_S, MESSAGES_PER_DAY_CEILING
from scrapinsta_ray.store import counters, health
from scrapinsta_ray.store.database import Database, now, reading
from scrapinsta_ray.store.indexes import LEASE, STATUS, by
from scrapinsta_ray.store.tables import accounts, clients, job_tasks, jobs, leases, messages_sent
from scrapinsta_ray.telemetry.catalogue import labels_text
from scrapinsta_ray.telemetry.counts import Series

MOST = 50_000
"""Tasks of one kind and state, and jobs of one state, are counted so far."""

NEAR = 0.8
"""Share of its day from which a sending account is near its limit."""

KINDS = (Kind.FETCH_FOLLOWINGS, Kind.ANALYZE_PROFILE, Kind.SEND_MESSAGE)


@dataclass(frozen=True, slots=True)
class Overview:
    """How much there is of everything that may change both ways."""

    tasks: Mapping[tuple[str, str], int]  # kind, status
    jobs: Mapping[str, int]
    accounts: Mapping[str, int]
    resting: int
    without_worker: int
    messages: int
    senders: int
    senders_near_limit: int
    dispatcher: bool
    latency_ms: float

    def gauges(self) -> dict[Series, float]:
        """The same as the metrics of the catalogue."""
        found: dict[Series, float] = {
            ("accounts_resting", ""): self.resting,
            ("accounts_without_worker", ""): self.without_worker,
            ("messages_last_day", ""): self.messages,
            ("sending_accounts", ""): self.senders,
            ("sending_accounts_near_limit", ""): self.senders_near_limit,
            ("dispatcher_up", ""): self.dispatcher,
            ("database_latency_ms", ""): self.latency_ms,
            ("database_up", ""): 1,
        }
        for (kind, status), number in self.tasks.items():
            found["tasks", labels_text("tasks", {"kind": kind, "status": status})] = number
        for name, counted in (("jobs", self.jobs), ("accounts", self.accounts)):
            for status, number in counted.items():
                found[name, labels_text(name, {"status": status})] = number
        return found


def look(db: Database) -> Overview:
    """Everything now. Raises DatabaseAway."""
    latency_ms = ping_ms(db)
    every = _accounts(db)
    used = _used_days(db)
    return Overview(
        tasks={(kind, status): _tasks(db, kind, status) for kind in KINDS for status in UNFINISHED},
        jobs={
            status: _jobs(db, status) for status in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED)
        },
        accounts={status: every[status] for status in ("active", "paused", "needs_human", "dead")},
        resting=every["resting"],
        without_worker=every["without_worker"],
        messages=sum(number for number, _ in used),
        senders=len(used),
        senders_near_limit=sum(number >= NEAR * limit for number, limit in used),
        dispatcher=health.dispatcher_lives(db),
        latency_ms=latency_ms,
    )


def ping_ms(db: Database) -> float:
    """What the smallest transaction takes, in milliseconds. Raises DatabaseAway."""
    began = time.perf_counter()
    _nothing(db)
    return (time.perf_counter() - began) * 1000


def totals(db: Database) -> dict[str, float]:
    """Each counter's sum over its labels, by name."""
    sums: Counter[str] = Counter()
    for (name, labels), value in counters.read(db).items():
        if 'le="' not in labels:
            sums[name] += value  # type: ignore[assignment]
    return dict(sums)


@reading
def _nothing(tx: Connection) -> None:
    tx.execute(select(literal(1, Integer())))


@reading
def _tasks(tx: Connection, kind: str, status: str) -> int:
    some = (
        select(literal(1, Integer()).label("one"))
        .where(job_tasks.c.kind == kind, job_tasks.c.status == status)
        .limit(MOST)
    )
    return tx.scalar(select(func.count()).select_from(by(LEASE, some).subquery())) or 0


@reading
def _jobs(tx: Connection, status: str) -> int:
    some = select(literal(1, Integer()).label("one")).where(jobs.c.status == status).limit(MOST)
    return tx.scalar(select(func.count()).select_from(by(STATUS, some, jobs).subquery())) or 0


@reading
def _accounts(tx: Connection) -> Counter[str]:
    """By status; and of the active ones, how many rest and how many have no worker."""
    every = select(accounts.c.username, accounts.c.status, (accounts.c.free_at > now()).label("rests"))
    held = select(leases.c.name).where(leases.c.name.like("account:%"), leases.c.expires_at > now())
    working = set(tx.scalars(held))
    found: Counter[str] = Counter()
    for username, status, rests in tx.execute(every):
        found[status] += 1
        if status == "active":
            found["resting"] += bool(rests)
            found["without_worker"] += f"account:{username}" not in working
    return found


@reading
def _used_days(tx: Connection) -> list[tuple[int, int]]:
    """Of each account that sent within a day: how many messages, and how many it may.

    The last message of each account is one step in the index; only of those who sent lately more is read.
    """
    m = messages_sent.c
    last = (
        select(m.client_id, m.account, func.max(m.sent_at).label("last"))
        .group_by(m.client_id, m.account)
        .subquery()
    )
    of_day = (
        select(func.count(), func.max(clients.c.messages_per_day))
        .select_from(last)
        .join(messages_sent, (m.client_id == last.c.client_id) & (m.account == last.c.account))
        .join(clients, clients.c.id == last.c.client_id)
        .where(last.c.last > now(-DAY_S), m.sent_at > now(-DAY_S))
        .group_by(last.c.client_id, last.c.account)
    )
    return [(number, min(limit, MESSAGES_PER_DAY_CEILING)) for number, limit in tx.execute(of_day)]

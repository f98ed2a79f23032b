"""What the store should do, in plain Python over a few dictionaries: the state table and its rules, read from the
design and written without a thought for speed, locks or SQL.

Time is told: a lease is out until `expire`, a wait lasts until `make_due`, and the ledger grows older by `age`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice

Key = tuple[str, str]
"""A task: (job_id, username)."""

FETCH, ANALYZE, SEND, CAMPAIGN = "fetch_followings", "analyze_profile", "send_message", "campaign"
UNFINISHED = ("queued", "delayed", "sent")
ALIVE = ("pending", "running", "paused")

CONTACTED = ("sent", "already_messaged")
AGAIN = ("layout_changed", "unknown")
NOBODYS_FAULT = ("rate_limited", "cooldown", "needs_human", "session_lost")


@dataclass
class Task:
    """A task and all leases that were ever given on it, the last one last."""

    job_id: str
    username: str
    kind: str
    client: str
    account: str
    priority: int
    max_attempts: int
    age: int  # in the order of birth
    cool_off_days: int | None = None
    status: str = "queued"
    attempts: int = 0
    leases: list[str] = field(default_factory=list)
    expired: bool = False
    due: bool = False
    parked: bool = False  # waits for its job's resumption
    maybe_sent: bool = False
    cut_off: bool = False  # cancelled while it was in somebody's hands
    reason: str | None = None

    @property
    def key(self) -> Key:
        return self.job_id, self.username

    @property
    def rank(self) -> tuple[int, int]:
        """Who goes first within a tenant: by priority, then age."""
        return self.priority, self.age


@dataclass
class Job:
    """A job; a campaign's stage knows its campaign."""

    id: str
    client: str
    kind: str
    account: str
    priority: int
    max_attempts: int
    status: str = "running"
    campaign: str | None = None
    stage: int = 0
    cool_off_days: int | None = None
    limit: int | None = None
    skipped_by_failure: bool = False


@dataclass
class Contact:
    """One ledger row: the last message that a client's accounts wrote to a person."""

    account: str
    job_id: str
    hours_ago: int = 0


@dataclass(frozen=True)
class Report:
    """What somebody says of a task, under which lease (None: without naming one)."""

    ok: bool
    code: str
    retryable: bool
    lease: str | None


class Model:
    """All that the store should know."""

    def __init__(self, limits: dict[str, tuple[int, int]]) -> None:
        self.limits = limits  # client -> messages per account and hour, and day
        self.tasks: dict[Key, Task] = {}
        self.jobs: dict[str, Job] = {}
        self.ledger: dict[tuple[str, str], Contact] = {}
        self.suppressed: set[tuple[str, str]] = set()
        self.limited: set[tuple[str, str]] = set()  # accounts that the site told to rest
        self.brought: dict[str, list[str]] = {}  # whom a fetch job found
        self.every_lease: set[str] = set()
        self._ages = count()

    # ---- views -------------------------------------------------------------------------------------------

    def of(self, job_ids: Iterable[str], *statuses: str) -> list[Task]:
        """Tasks of the jobs, oldest first, in one of `statuses` if any are given."""
        wanted = set(job_ids)
        return [
            t for t in self.tasks.values() if t.job_id in wanted and (not statuses or t.status in statuses)
        ]

    def family(self, job_id: str) -> list[Job]:
        """A job, or its campaign with all stages."""
        root = self.jobs[job_id].campaign or job_id
        return [job for job in self.jobs.values() if root in (job.id, job.campaign)]

    def summary(self, job_id: str) -> dict[str, int | str]:
        """Counts as clients see them."""
        shown = [job.id for job in self.jobs.values() if job_id in (job.id, job.campaign)]
        counts = {
            word: len(self.of(shown, *words))
            for word, words in {
                "queued": ("queued", "delayed"),
                "sent": ("sent",),
                "ok": ("ok",),
                "error": ("error",),
                "cancelled": ("cancelled",),
            }.items()
        }
        return {**counts, "total": sum(counts.values()), "status": self.jobs[job_id].status}

    def blocked(self, client: str, person: str, cool_off_days: int | None) -> str | None:
        """Why the client may not write to the person now."""
        if (client, person) in self.suppressed:
            return "suppressed"
        contact = self.ledger.get((client, person))
        if contact is None:
            return None
        if cool_off_days is None:
            return "already_contacted"
        return "cool_off" if contact.hours_ago < cool_off_days * 24 else None

    def in_hand(self, client: str) -> list[Task]:
        """Messages that the client's accounts are about to write."""
        return [t for t in self._messages(client) if t.status == "sent"]

    def room(self, client: str, account: str) -> int:
        """Messages that the account may still be handed: what is out counts as sent."""
        if (client, account) in self.limited:
            return 0
        ages = [
            c.hours_ago for (owner, _), c in self.ledger.items() if (owner, c.account) == (client, account)
        ]
        out = sum(t.account == account for t in self.in_hand(client))
        hour, day = self.limits[client]
        return max(
            0, min(hour - out - sum(age < 1 for age in ages), day - out - sum(age < 24 for age in ages))
        )

    def _messages(self, client: str) -> list[Task]:
        return [t for t in self.tasks.values() if (t.kind, t.client) == (SEND, client)]

    # ---- enqueue -----------------------------------------------------------------------------------------

    def add(self, job: Job, names: Iterable[str]) -> None:
        """A job with its tasks."""
        self.jobs[job.id] = job
        for name in names:
            account = job.account if job.kind == SEND else ""
            self.tasks[job.id, name] = Task(
                job.id, name, job.kind, job.client, account, job.priority, job.max_attempts, next(self._ages),
                job.cool_off_days,
            )  # fmt: skip

    def add_messages(self, job: Job, people: Iterable[str]) -> None:
        """A job that writes to those who may be written to; done at once when there is none."""
        free = [name for name in dict.fromkeys(people) if not self._left_out(job, name)][: job.limit]
        self.add(job, free)
        if not free:
            self._close(job)

    def _left_out(self, job: Job, person: str) -> bool:
        live = [t for t in self._messages(job.client) if t.status in UNFINISHED and t.username == person]
        return bool(live) or self.blocked(job.client, person, job.cool_off_days) is not None

    # ---- leases ------------------------------------------------------------------------------------------

    def turns(self, kind: str, limit: int, after: str) -> list[Task]:
        """What the fleet gets: one task a tenant in turn, beginning behind `after`; whoever has none left passes."""
        queues: dict[str, list[Task]] = {}
        for task in sorted(self.tasks.values(), key=lambda t: (t.client <= after, t.client, t.rank)):
            if (task.kind, task.status) == (kind, "queued"):
                queues.setdefault(task.client, []).append(task)
        dealt = [queue.pop(0) for queue in islice(cycle(queues.values()), limit if queues else 0) if queue]
        return sorted(dealt, key=lambda t: (t.client <= after, t.client, t.rank))

    def lease(self, keys: Iterable[Key], lease: str) -> None:
        """These tasks are in one holder's hands, under a lease that was never given before."""
        assert lease not in self.every_lease
        self.every_lease.add(lease)
        for key in keys:
            task = self.tasks[key]
            assert task.status == "queued", task
            assert self.jobs[task.job_id].status == "running", "only running jobs lease"
            task.maybe_sent = task.maybe_sent or self._in_doubt(task)
            task.status, task.attempts, task.expired = "sent", task.attempts + 1, False
            task.leases.append(lease)

    def _in_doubt(self, task: Task) -> bool:
        """May another message have reached this person, of which nobody said so?"""
        others = [other for other in self.tasks.values() if other.key != task.key and other.kind == SEND]
        same = [
            o for o in others if (o.client, o.username) == (task.client, task.username) and o.status != "ok"
        ]
        silent = ("lease_expired", "cancelled")
        return task.kind == SEND and any(
            o.maybe_sent or (o.attempts and o.status in ("error", "cancelled") and o.reason in silent)
            for o in same
        )

    def check_pull(
        self,
        client: str,
        account: str,
        limit: int,
        handed: Sequence[Key],
        dropped: Collection[Key],
        waiting: Collection[Key],
    ) -> None:
        """Judges what a pull did before any of it is written down here.

        `handed` went out, `dropped` ended because nobody may write to them any more, `waiting` are put off.
        """
        held = {t.username for t in self.in_hand(client)}
        queued = [t for t in self._messages(client) if (t.account, t.status) == (account, "queued")]
        out = [self.tasks[key] for key in handed]
        allowed = min(limit, self.room(client, account))
        sendable = [t for t in queued if t.username not in held and not self._blocked(t)]
        assert len(out) <= allowed, "more than the hour, the day or the puller allows"
        assert all(t in sendable for t in out), "to somebody who must not get it now"
        assert len({t.username for t in out}) == len(out), "twice to one person"
        assert out == sorted(out, key=lambda t: t.rank), "not by priority and age"
        passed = [t for t in sendable if out and t.rank < out[-1].rank and t not in out]
        assert {t.username for t in passed} <= {t.username for t in out}, "somebody's turn was passed over"
        assert out or not (allowed and sendable), "empty-handed while there was something to send"
        assert all(self._blocked(self.tasks[key]) for key in dropped), "dropped without a reason"
        hands = held | {t.username for t in out}
        assert all(self.tasks[key].username in hands for key in waiting), "put off without a reason"

    def doubts(self, task: Task) -> tuple[bool, bool]:
        """Must, and may, the sender look into the thread first? What any job of the client left open counts."""
        mine = [t for t in self._messages(task.client) if t.username == task.username]
        unproven = [t for t in mine if t.status != "ok"]
        return any(t.maybe_sent or t.cut_off for t in unproven), any(t.leases for t in unproven)

    def _blocked(self, task: Task) -> str | None:
        return self.blocked(task.client, task.username, task.cool_off_days)

    def drop(self, keys: Iterable[Key]) -> None:
        """Ends messages that may no longer be sent."""
        for key in keys:
            self.tasks[key].status, self.tasks[key].reason = "cancelled", self._blocked(self.tasks[key])

    def put_off(self, keys: Iterable[Key]) -> None:
        """The person is in other hands: later."""
        for key in keys:
            self._delay(self.tasks[key], "in_other_hands")

    def give_back(self, task: Task, lease: str) -> None:
        """An unused lease costs no attempt."""
        if task.status == "sent" and lease == task.leases[-1]:
            task.attempts -= 1
            self._delay(task, "given_back", due=True)

    def expire(self, task: Task) -> None:
        """The holder fell silent for longer than its lease."""
        task.expired = task.status == "sent"

    def renew(self, task: Task, lease: str) -> bool:
        """Still there: only under the current lease."""
        current = task.status == "sent" and lease == task.leases[-1]
        task.expired = task.expired and not current
        return current

    def rescue(self) -> set[str]:
        """Ends expired leases; the jobs that lost a task for good."""
        lost = set()
        for task in self.tasks.values():
            if task.status == "sent" and task.expired:
                task.maybe_sent = task.maybe_sent or task.kind == SEND
                if task.attempts < task.max_attempts:
                    self._queue(task)
                else:
                    task.status, task.reason = "error", "lease_expired"
                    lost.add(task.job_id)
        return lost

    def make_due(self, task: Task) -> None:
        """Its wait is over; a parked task waits for its job instead."""
        task.due = task.status == "delayed" and not task.parked

    def promote(self) -> int:
        """Whose wait is over is queued again; how many."""
        due = [t for t in self.tasks.values() if t.status == "delayed" and t.due]
        for task in due:
            self._queue(task)
        return len(due)

    def _queue(self, task: Task) -> None:
        """To the queue; or, in a paused job, to wait for its resumption."""
        task.due = False
        if self.jobs[task.job_id].status == "paused":
            self._park(task)
        else:
            task.status = "queued"

    def _park(self, task: Task) -> None:
        self._delay(task, "paused", parked=True)

    def _delay(self, task: Task, reason: str, *, due: bool = False, parked: bool = False) -> None:
        task.status, task.reason, task.due, task.parked = "delayed", reason, due, parked

    # ---- reports -----------------------------------------------------------------------------------------

    def report(self, task: Task, said: Report) -> str:
        """`applied`, `repeated` (taken, nothing changes) or `conflict` (refused, nothing changes)."""
        message = task.kind == SEND
        if message and said.code == "opted_out":
            self.suppressed.add((task.client, task.username))
        named = said.lease == task.leases[-1] if said.lease else message
        current = task.status == "sent" and named
        if message and said.code in CONTACTED:
            return self._contacted(task, said.code)
        if task.status == "cancelled":
            return "repeated"
        if said.ok:
            return self._ok(task, said.code, current)
        return self._error(task, said, current)

    def _contacted(self, task: Task, code: str) -> str:
        """A message that left is a fact, whatever the task's state says; told again it is no second message."""
        before = self.ledger.get((task.client, task.username))
        if before is None or before.job_id != task.job_id:
            self.ledger[task.client, task.username] = Contact(task.account, task.job_id)
        if task.status in ("ok", "cancelled"):
            return "repeated"
        task.status, task.reason = "ok", None if code == "sent" else code
        return "applied"

    def _ok(self, task: Task, code: str, current: bool) -> str:
        if task.status == "ok":
            return "repeated"
        if not current:
            return "conflict"
        task.status, task.reason = "ok", None if code == "ok" else code
        return "applied"

    def _error(self, task: Task, said: Report, current: bool) -> str:
        if task.status == "error":
            return "repeated"
        if not current:
            return "conflict"
        task.maybe_sent = task.maybe_sent or (said.code == "unknown" and task.kind == SEND)
        if said.code in NOBODYS_FAULT:
            task.attempts -= 1
            self._delay(task, said.code)
        elif (said.retryable or said.code in AGAIN) and task.attempts < task.max_attempts:
            self._delay(task, said.code)
        else:
            task.status, task.reason = "error", said.code
        if task.kind == SEND and said.code == "rate_limited":
            self.limited.add((task.client, task.account))
        return "applied"

    def age(self, hours: int) -> None:
        """So long passes for the ledger."""
        for contact in self.ledger.values():
            contact.hours_ago += hours

    # ---- jobs --------------------------------------------------------------------------------------------

    def settle(self, job_ids: Iterable[str]) -> None:
        """Ends those jobs that have nothing left to do."""
        for job in [self.jobs[job_id] for job_id in sorted(job_ids)]:
            if job.kind != CAMPAIGN and job.status == "running" and not self.of([job.id], *UNFINISHED):
                self._close(job)

    def stragglers(self) -> set[str]:
        """Running jobs that have nothing left to do."""
        running = [j.id for j in self.jobs.values() if j.status == "running" and j.kind != CAMPAIGN]
        return {job_id for job_id in running if not self.of([job_id], *UNFINISHED)}

    def _close(self, job: Job) -> None:
        failed = not self.of([job.id], "ok") and bool(self.of([job.id], "error"))
        job.status = "error" if failed else "done"
        if job.campaign is None:
            return
        campaign, *stages = self.family(job.id)
        if failed:
            for stage in stages:
                if stage.status == "pending":
                    stage.status, stage.skipped_by_failure = "cancelled", True
            campaign.status = "error"
        elif (following := job.stage) < len(stages) and stages[following].status == "pending":
            self._begin(stages[following], stages[job.stage - 1])
        elif all(stage.status not in ALIVE for stage in stages) and campaign.status == "running":
            campaign.status = "error" if any(stage.status == "error" for stage in stages) else "done"

    def _begin(self, stage: Job, before: Job) -> None:
        stage.status = "running"
        if stage.kind == ANALYZE:
            self.add(stage, self.brought.get(before.id, []))
        else:  # the best first: all have the same score here, and then it goes by name, backwards
            read = {t.username for t in self.of([before.id], "ok") if t.reason is None}
            self.add_messages(stage, sorted(read, reverse=True))
        if stage.status == "running" and not self.of([stage.id]):
            self._close(stage)

    def cancel(self, job_id: str) -> None:
        """Ends the job, or its whole campaign."""
        family = self.family(job_id)
        for task in self.of((job.id for job in family), *UNFINISHED):
            task.cut_off = task.cut_off or task.status == "sent"
            task.status, task.reason = "cancelled", "cancelled"
        for job in family:
            job.status = "cancelled" if job.status in ALIVE else job.status

    def pause(self, job_id: str) -> None:
        """Leases nothing more, loses nothing."""
        running = [job for job in self.family(job_id) if job.status == "running"]
        for job in running:
            job.status = "paused"
        for task in self.of((job.id for job in running), "queued"):
            self._park(task)

    def resume(self, job_id: str) -> None:
        """Goes on; what ended meanwhile may have ended the job."""
        family = self.family(job_id)
        for job in family:
            job.status = "running" if job.status == "paused" else job.status
        for task in self.of((job.id for job in family), "delayed"):
            if task.parked:
                task.status, task.parked = "queued", False
        self.settle(job.id for job in family)

    def retry(self, job_id: str) -> None:
        """Failed tasks once more, with all their attempts; a paused or cancelled job or campaign stays as it is."""
        family = self.family(job_id)
        if family[0].status in ("paused", "cancelled"):
            return
        chosen = [
            j for j in family if job_id in (j.id, j.campaign) and j.status in ("done", "error", "running")
        ]
        failed = self.of((job.id for job in chosen), "error")
        for task in failed:
            task.status, task.attempts, task.reason = "queued", 0, None
        for job in family if failed else []:
            if job.id in {t.job_id for t in failed} or job.kind == CAMPAIGN:
                job.status = "running"
            elif job.skipped_by_failure:
                job.status, job.skipped_by_failure = "pending", False

"""The store against the model, step by step, on both databases: whatever is asked in whatever order, they agree."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, select, update

from scrapinsta_ray.domain import models, transitions
from scrapinsta_ray.domain.models import (
    Completeness,
    Following,
    FollowingPage,
    Kind,
    Media,
    MediaKind,
    Profile,
)
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.errors import StaleLease
from scrapinsta_ray.store import (
    campaigns,
    clients,
    control,
    finish,
    followings,
    jobs,
    outbox,
    progress,
    tasks,
)
from scrapinsta_ray.store import suppressions as store_suppressions
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked, Enqueued, Outreach
from scrapinsta_ray.store.tables import job_tasks, messages_sent, sending_accounts, suppressions
from scrapinsta_ray.store.tables import jobs as job_rows
from tests.store.conftest import MANY_CALLS
from tests.store.model import ALIVE, ANALYZE, CAMPAIGN, FETCH, SEND, UNFINISHED, Job, Key, Model, Report, Task

LIMITS = {"acme": (2, 3), "beta": (50, 50)}
USED = (job_tasks, job_rows, messages_sent, suppressions, sending_accounts)
TTL_S = 600.0  # nothing becomes due or expires by itself while an example runs
FOUND = ["ana", "eva", "luz"]  # whom every target follows
TARGETS = (f"target{number}" for number in count())

people = st.lists(st.sampled_from(["ana", "eva", "luz", "sol"]), min_size=1, max_size=4)
tenants = st.sampled_from(["acme", "beta"])
accounts = st.sampled_from(["c1", "c2"])
priorities = st.sampled_from([1, 5])
attempts = st.integers(1, 3)
cool_offs = st.sampled_from([None, 1, 1])
idempotency_keys = st.sampled_from([None, None, None, "key"])
picks = st.integers(0, 7)
leases = st.sampled_from(["current", "current", "current", "old", "none", "never given"])

WORK_ENDS = [
    (True, "ok", False),
    (True, "ok", False),
    (True, "private", False),
    (False, "not_found", False),
    (False, "layout_changed", False),
    (False, "retry_later", True),
    (False, "cooldown", False),
    (False, "needs_human", False),
]
MESSAGE_ENDS = [
    (True, "sent", False),
    (True, "sent", False),
    (True, "already_messaged", False),
    (False, "already_messaged", False),
    (True, "dry_run", False),
    (False, "opted_out", False),
    (False, "not_allowed", False),
    (False, "layout_changed", False),
    (False, "unknown", False),
    (False, "rate_limited", False),
    (False, "error", True),
]
work_reports = st.lists(st.tuples(picks, leases, st.sampled_from(WORK_ENDS)), min_size=1, max_size=4)
message_reports = st.lists(st.tuples(picks, leases, st.sampled_from(MESSAGE_ENDS)), min_size=1, max_size=4)


def profile_of(username: str) -> Profile:
    """Of everybody the same, so that all have the same score."""
    posts = tuple(Media(f"m{i}", str(i), None, MediaKind.IMAGE, 10 * i, i) for i in range(1, 4))
    return Profile(username, followers=1000, media=posts)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to the store and to the model."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(LIMITS)
        self.given: dict[Key, models.Task] = {}  # every task that was ever leased, as it was handed out last
        self.by_key: dict[tuple[str, str], str] = {}
        self.shown: str | None = None  # the job whose summary is looked at next

    @initialize()
    def start(self) -> None:
        with self.db.begin() as tx:
            for table in USED:
                tx.execute(table.delete())

    # ---- enqueue -----------------------------------------------------------------------------------------

    @rule(
        client=st.sampled_from(["acme", "beta", "core"]),
        names=people,
        priority=priorities,
        most=attempts,
        key=idempotency_keys,
    )
    def enqueue_analysis(
        self, client: str, names: list[str], priority: int, most: int, key: str | None
    ) -> None:
        asked = Asked(client, priority=priority, max_attempts=most, idempotency_key=key)
        made = jobs.enqueue_analysis(self.db, asked, names, None)
        if self._is_new(asked, made):
            self.model.add(self._job(asked, made.job_id, ANALYZE), dict.fromkeys(names))

    @rule(
        client=tenants,
        account=accounts,
        names=people,
        priority=priorities,
        most=attempts,
        cool_off=cool_offs,
        key=idempotency_keys,
    )
    def enqueue_messages(
        self,
        client: str,
        account: str,
        names: list[str],
        priority: int,
        most: int,
        cool_off: int | None,
        key: str | None,
    ) -> None:
        asked = Asked(client, account, priority, most, key)
        made = jobs.enqueue_messages(self.db, asked, Outreach("Hola", names, cool_off_days=cool_off))
        if self._is_new(asked, made):
            self.model.add_messages(self._job(asked, made.job_id, SEND, cool_off_days=cool_off), names)
            assert made.total_items == len(self.model.of([made.job_id]))
            assert made.total_items + sum(made.skipped.values()) == len(names)

    @rule(client=tenants, account=accounts, most=attempts, cool_off=cool_offs)
    def enqueue_campaign(self, client: str, account: str, most: int, cool_off: int | None) -> None:
        asked, target = Asked(client, account, max_attempts=most), next(TARGETS)
        outreach = Outreach("Hola", limit=2, cool_off_days=cool_off)
        made = jobs.enqueue_campaign(self.db, asked, target, 10, {}, outreach)
        self.model.add(self._job(asked, made.job_id, CAMPAIGN), [])
        for number, (kind, job_id) in enumerate(made.stages, 1):
            stage = self._job(asked, job_id, kind, campaign=made.job_id, stage=number)
            stage.status = "running" if number == 1 else "pending"
            if kind == SEND:
                stage.cool_off_days, stage.limit = cool_off, 2
            self.model.add(stage, [target] if number == 1 else [])
        self.shown = made.job_id

    def _is_new(self, asked: Asked, made: Enqueued) -> bool:
        """False, having looked that it is the same job, if the client has used this idempotency key before."""
        self.shown = made.job_id
        if asked.idempotency_key is None:
            return True
        first = self.by_key.setdefault((asked.client_id, asked.idempotency_key), made.job_id)
        assert first == made.job_id
        return made.job_id not in self.model.jobs

    def _job(self, asked: Asked, job_id: str, kind: str, **more: Any) -> Job:
        return Job(job_id, asked.client_id, kind, asked.account, asked.priority, asked.max_attempts, **more)

    # ---- leases ------------------------------------------------------------------------------------------

    @rule(
        kind=st.sampled_from([Kind.ANALYZE_PROFILE, Kind.ANALYZE_PROFILE, Kind.FETCH_FOLLOWINGS]),
        limit=st.integers(1, 6),
        after=st.sampled_from(["", "acme", "beta", "core"]),
    )
    def lease_work(self, kind: Kind, limit: int, after: str) -> None:
        self._lease_work(kind, limit, after)

    def _lease_work(self, kind: Kind, limit: int, after: str) -> list[Task]:
        expected = self.model.turns(kind, limit, after)
        leased = tasks.lease_work(self.db, kind, limit=limit, ttl_s=TTL_S, after_client=after)
        assert [key_of(task) for task in leased] == [task.key for task in expected]
        self._hold(leased)
        return expected

    @rule(client=tenants, account=accounts, limit=st.integers(1, 4), settled=st.booleans())
    def pull(self, client: str, account: str, limit: int, settled: bool) -> None:
        self._pull(client, account, limit, settled)

    def _pull(self, client: str, account: str, limit: int, settled: bool) -> list[Task]:
        queued = [t for t in self.model.tasks.values() if t.kind == SEND and t.status == "queued"]
        pulled = outbox.pull(self.db, client, account, limit=limit, ttl_s=TTL_S)
        states = self._states()
        handed = [key_of(task) for task in pulled.tasks]
        dropped = [task.key for task in queued if states[task.key] == "cancelled"]
        waiting = [task.key for task in queued if states[task.key] == "delayed"]
        self.model.check_pull(client, account, limit, handed, dropped, waiting)
        assert pulled.touched == {job_id for job_id, _ in dropped}
        assert len(handed) == limit or pulled.retry_after_s > 0
        self.model.drop(dropped)
        self.model.put_off(waiting)
        self._hold(pulled.tasks)
        self._settle(pulled.touched, settled)
        return [self.model.tasks[key] for key in handed]

    def _hold(self, leased: list[models.Task]) -> None:
        if not leased:
            return
        [lease] = {task.lease_id for task in leased}
        self._compare_doubts(leased)
        self.model.lease([key_of(task) for task in leased], lease)
        for task in leased:
            known = self.model.tasks[key_of(task)]
            assert (task.client_id, task.account) == (known.client, known.account)
            assert task.attempts == known.attempts
            self.given[known.key] = task

    def _compare_doubts(self, leased: list[models.Task]) -> None:
        for task in leased:
            known = self.model.tasks[key_of(task)]
            must, may = self.model.doubts(known) if known.kind == SEND else (False, False)
            assert must <= task.maybe_sent <= may
            known.maybe_sent = task.maybe_sent

    @precondition(lambda self: self.given)
    @rule(pick=picks, lease=leases)
    def renew(self, pick: int, lease: str) -> None:
        task = self._pick(pick)
        named = self._lease(task, lease) or ""
        renewed = tasks.renew(self.db, self.given[task.key].id, named, TTL_S, holder="bot_1")
        assert renewed == self.model.renew(task, named)

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def give_back(self, pick: int) -> None:
        """The fleet's work only: a message may have left once it was handed out."""
        task = self._pick(pick)
        if task.kind != SEND:
            given = self.given[task.key]
            tasks.give_back(self.db, [given])
            self.model.give_back(task, given.lease_id)

    @precondition(lambda self: self.given)
    @rule(chosen=st.lists(picks, min_size=1, max_size=3), settled=st.booleans())
    def fall_silent(self, chosen: list[int], settled: bool) -> None:
        for task in map(self._pick, chosen):
            self._set(task, "sent", lease_expires_at=now(-1))
            self.model.expire(task)
        self.rescue(settled)

    @precondition(lambda self: self.given)
    @rule(pick=picks)
    def expire_unseen(self, pick: int) -> None:
        """A lease may be over for a while before anybody looks: until then its holder may still come."""
        task = self._pick(pick)
        self._set(task, "sent", lease_expires_at=now(-1))
        self.model.expire(task)

    @rule(settled=st.booleans())
    def rescue(self, settled: bool) -> None:
        lost = tasks.rescue(self.db)
        assert set(lost) == self.model.rescue()
        self._settle(lost, settled)

    @precondition(lambda self: any(t.status == "delayed" for t in self.model.tasks.values()))
    @rule(some=st.booleans())
    def wait(self, some: bool) -> None:
        """Waits end: one of them, or all."""
        delayed = [t for t in self.model.tasks.values() if t.status == "delayed" and not t.parked]
        for task in delayed[: 1 if some else None]:
            self._set(task, "delayed", available_at=now(-1))
            self.model.make_due(task)
        self.promote()

    @rule()
    def promote(self) -> None:
        assert tasks.promote(self.db) == self.model.promote()

    @precondition(lambda self: self.model.ledger or self.model.limited)
    @rule(hours=st.sampled_from([2, 25]))
    def hours_pass(self, hours: int) -> None:
        """For the ledger and for accounts that the site told to rest."""
        with self.db.begin() as tx:
            for row in tx.execute(select(messages_sent.c.id, messages_sent.c.sent_at)).all():
                earlier = row.sent_at - timedelta(hours=hours)
                tx.execute(update(messages_sent).where(messages_sent.c.id == row.id).values(sent_at=earlier))
            tx.execute(update(sending_accounts).values(paused_until=now(-1)))
        self.model.age(hours)
        self.model.limited.clear()

    # ---- reports -----------------------------------------------------------------------------------------

    @precondition(lambda self: any(self.model.tasks[key].kind != SEND for key in self.given))
    @rule(said=work_reports, settled=st.booleans())
    def finish_work(self, said: list[tuple[int, str, tuple[bool, str, bool]]], settled: bool) -> None:
        named = [(self._pick(pick, FETCH, ANALYZE), lease, end) for pick, lease, end in said]
        self._end_work([(task, self._report(task, lease, *end)) for task, lease, end in named], settled)

    @rule(failing=st.sampled_from([[], ["ana"], ["eva", "luz"], FOUND]))
    def a_round_of_the_fleet(self, failing: list[str]) -> None:
        """Whatever is queued, ended at once: so campaigns get on."""
        for kind in (Kind.FETCH_FOLLOWINGS, Kind.ANALYZE_PROFILE):
            leased = self._lease_work(kind, 6, "")
            ends = [(False, "not_found", False) if t.username in failing else WORK_ENDS[0] for t in leased]
            self._end_work(
                [(t, self._report(t, "current", *end)) for t, end in zip(leased, ends, strict=True)], True
            )

    def _end_work(self, reports: list[tuple[Task, Report]], settled: bool) -> None:
        for task, report in reports:
            self._collect(task, report)
        work = [self._work(task, report) for task, report in reports]
        ended = finish.finish_work(self.db, work, retry_base_s=TTL_S)
        self._compare_verdicts(reports, ended, settled)

    def _collect(self, task: Task, report: Report) -> None:
        """A fetch that ends well saved its pages before; under a stale lease it can save none."""
        if task.kind != FETCH or not report.ok:
            return
        page = FollowingPage(tuple(Following(name) for name in FOUND), completeness=Completeness.COMPLETE)
        given = self.given[task.key]
        if task.status == "sent":
            followings.save_page(self.db, given, page, start=0)
            self.model.brought[task.job_id] = FOUND
        else:
            with raising(StaleLease):
                followings.save_page(self.db, given, page, start=0)

    def _work(self, task: Task, report: Report) -> finish.Work:
        given = self.given[task.key]
        read = profile_of(task.username) if report.code == "ok" and task.kind == ANALYZE else None
        score = scores_of([read])[0] if read else None
        return finish.Work(given, as_told(report), "bot_1", profile=read, score=score)

    @precondition(lambda self: any(self.model.tasks[key].kind == SEND for key in self.given))
    @rule(said=message_reports, settled=st.booleans())
    def finish_messages(self, said: list[tuple[int, str, tuple[bool, str, bool]]], settled: bool) -> None:
        named = [(self._pick(pick, SEND), lease, end) for pick, lease, end in said]
        self._end_messages([(task, self._report(task, lease, *end)) for task, lease, end in named], settled)

    @rule(client=tenants, account=accounts, end=st.sampled_from(MESSAGE_ENDS), cancelled=st.booleans())
    def a_round_of_an_extension(
        self, client: str, account: str, end: tuple[bool, str, bool], cancelled: bool
    ) -> None:
        """Pulls and sends; sometimes the job is cancelled meanwhile."""
        pulled = self._pull(client, account, 2, True)
        for task in pulled if cancelled else []:
            self._tell(self.model.jobs[task.job_id], control.cancel, self.model.cancel)
        self._end_messages([(task, self._report(task, "current", *end)) for task in pulled], True)

    def _end_messages(self, reports: list[tuple[Task, Report]], settled: bool) -> None:
        sent = [finish.Sent(t.client, t.account, *t.key, as_told(report)) for t, report in reports]
        ended = finish.finish_messages(self.db, sent, retry_base_s=TTL_S)
        self._compare_verdicts(reports, ended, settled)

    def _compare_verdicts(
        self, reports: list[tuple[Task, Report]], ended: list[finish.Ended], settled: bool
    ) -> None:
        expected = [self.model.report(task, report) for task, report in reports]
        assert [one.verdict.value if one.verdict else None for one in ended] == expected
        self._settle({one.job_id for one in ended if one.verdict is transitions.Verdict.APPLIED}, settled)

    @precondition(lambda self: any(self.model.tasks[key].kind == SEND for key in self.given))
    @rule(pick=picks, end=st.sampled_from(MESSAGE_ENDS), stranger=st.sampled_from(["tenant", "account"]))
    def a_stranger_reports(self, pick: int, end: tuple[bool, str, bool], stranger: str) -> None:
        """Another tenant, or another account of the same, reaches nothing, even knowing the lease."""
        task = self._pick(pick, SEND)
        client = {"acme": "beta", "beta": "acme"}[task.client] if stranger == "tenant" else task.client
        account = {"c1": "c2", "c2": "c1"}[task.account] if stranger == "account" else task.account
        sent = finish.Sent(client, account, *task.key, as_told(self._report(task, "current", *end)))
        assert finish.finish_messages(self.db, [sent], retry_base_s=TTL_S)[0].verdict is None

    def _report(self, task: Task, lease: str, ok: bool, code: str, retryable: bool) -> Report:
        return Report(ok, code, retryable, self._lease(task, lease))

    def _lease(self, task: Task, which: str) -> str | None:
        known = {"current": task.leases[-1], "old": task.leases[0], "none": None}
        return known.get(which, "f" * 32)

    def _pick(self, number: int, *kinds: str) -> Task:
        """One of the tasks that were ever leased: those in hand first, as they are worth more tries."""
        given = [self.model.tasks[key] for key in self.given]
        chosen = [t for t in given if not kinds or t.kind in kinds]
        chosen.sort(key=lambda t: t.status != "sent")
        return chosen[number % len(chosen)]

    # ---- control -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        self._tell(self._job_of(pick, *ALIVE), control.cancel, self.model.cancel)

    @precondition(lambda self: self.model.jobs)
    @rule(pick=picks)
    def pause(self, pick: int) -> None:
        self._tell(self._job_of(pick, "running"), control.pause, self.model.pause)

    @precondition(lambda self: any(job.status == "paused" for job in self.model.jobs.values()))
    @rule(pick=picks)
    def resume(self, pick: int) -> None:
        self._tell(self._job_of(pick, "paused"), control.resume, self.model.resume)

    @precondition(lambda self: any(task.status == "error" for task in self.model.tasks.values()))
    @rule(pick=picks, all_stages=st.booleans())
    def retry(self, pick: int, all_stages: bool) -> None:
        failed = self.model.of(self.model.jobs, "error")
        job = self.model.jobs[failed[pick % len(failed)].job_id]
        if all_stages and job.campaign:
            job = self.model.jobs[job.campaign]
        self._tell(job, control.retry, self.model.retry)

    def _job_of(self, pick: int, *first: str) -> Job:
        """One of the jobs, those in these states first, then the newest."""
        newest = list(reversed(self.model.jobs.values()))
        newest.sort(key=lambda job: job.status not in first)
        return newest[pick % len(newest)]

    def _tell(
        self, job: Job, change: Callable[[Database, str, str], bool], told: Callable[[str], None]
    ) -> None:
        assert change(self.db, job.client, job.id)
        told(job.id)
        self.shown = job.id

    @rule(client=tenants, name=st.sampled_from(["ana", "eva", "sol"]))
    def suppress(self, client: str, name: str) -> None:
        with self.db.begin() as tx:
            store_suppressions.suppress(tx, client, name, "asked")
        self.model.suppressed.add((client, name))

    @rule()
    def settle_stragglers(self) -> None:
        """Whoever ended tasks died before settling their jobs: the dispatcher does."""
        found = campaigns.stragglers(self.db).stragglers
        assert set(found) == self.model.stragglers()
        self._settle(found, True)

    def _settle(self, job_ids: Any, settled: bool) -> None:
        if settled:
            campaigns.settle(self.db, job_ids)
            self.model.settle(set(job_ids))
        self.shown = max(job_ids, default=self.shown)

    # ---- what always holds -------------------------------------------------------------------------------

    @invariant()
    def store_and_model_agree(self) -> None:
        with self.db.begin(write=False) as tx:
            self._compare_tasks(tx)
            self._compare_ledger(tx)
            found = {row.id: row.status for row in tx.execute(select(job_rows.c.id, job_rows.c.status))}
            assert found == {job.id: job.status for job in self.model.jobs.values()}
            unwanted = tx.execute(select(suppressions.c.client_id, suppressions.c.username))
            assert {(row.client_id, row.username) for row in unwanted} == self.model.suppressed
        self._compare_summary()

    def _compare_tasks(self, tx: Connection) -> None:
        rows = tx.execute(select(job_tasks).order_by(job_tasks.c.id)).all()
        assert [in_store(row) for row in rows] == [in_model(task) for task in self.model.tasks.values()]
        held = [(row.client_id, row.username) for row in rows if (row.kind, row.status) == (SEND, "sent")]
        assert len(held) == len(set(held)), "a person is in two hands of a client"

    def _compare_ledger(self, tx: Connection) -> None:
        rows = tx.execute(select(messages_sent, now().label("now"))).all()
        found = {
            (row.client_id, row.dest_username): (row.account, row.job_id, hours_ago(row)) for row in rows
        }
        assert len(found) == len(rows), "a person is twice in the ledger of a client"
        told = self.model.ledger.items()
        assert found == {person: (c.account, c.job_id, c.hours_ago) for person, c in told}

    def _compare_summary(self) -> None:
        if self.shown:
            job = self.model.jobs[self.shown]
            assert progress.summary(self.db, job.client, job.id) == self.model.summary(job.id)

    def teardown(self) -> None:
        for job_id in self.model.jobs:
            self.shown = job_id
            self._compare_summary()

    # ---- the database beside its functions ---------------------------------------------------------------

    def _states(self) -> dict[Key, str]:
        columns = (job_tasks.c.job_id, job_tasks.c.username, job_tasks.c.status)
        with self.db.begin(write=False) as tx:
            return {(row.job_id, row.username): row.status for row in tx.execute(select(*columns))}

    def _set(self, task: Task, status: str, **values: Any) -> None:
        """Moves a time of a task, if it is in `status`, as if the clock had gone on."""
        where = (
            job_tasks.c.job_id == task.job_id,
            job_tasks.c.username == task.username,
            job_tasks.c.status == status,
        )
        with self.db.begin() as tx:
            tx.execute(update(job_tasks).where(*where).values(values))


def key_of(task: models.Task) -> Key:
    return task.job_id, task.username


def as_told(report: Report) -> transitions.Report:
    return transitions.Report(
        report.ok, report.code, retryable=report.retryable, lease_id=report.lease, retry_after_s=None
    )


def in_store(row: Any) -> tuple[Any, ...]:
    """What must be equal of a row: the doubt until it ends, the lease in a hand, the reason when it waits or ended."""
    doubt = row.maybe_sent if row.status in UNFINISHED else None
    reason = row.reason_code if row.status not in ("queued", "sent") else None
    lease = row.lease_id if row.status == "sent" else None
    return row.job_id, row.username, row.kind, row.client_id, row.status, row.attempts, doubt, reason, lease


def in_model(task: Task) -> tuple[Any, ...]:
    doubt = task.maybe_sent if task.status in UNFINISHED else None
    reason = task.reason if task.status not in ("queued", "sent") else None
    lease = task.leases[-1] if task.status == "sent" else None
    return *task.key, task.kind, task.client, task.status, task.attempts, doubt, reason, lease


def hours_ago(row: Any) -> int:
    age: timedelta = row.now - row.sent_at
    return round(age.total_seconds() / 3600)


@contextmanager
def raising(error: type[Exception]) -> Iterator[None]:
    """pytest.raises, whose own exception hypothesis would take for the end of the run."""
    try:
        yield
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


@pytest.mark.timeout(900)  # a failure takes minutes to become a short one
def test_the_store_does_what_the_model_says(db: Database) -> None:
    for client, (hour, day) in LIMITS.items():
        clients.create(db, client, client.title(), messages_per_hour=hour, messages_per_day=day)
        clients.set_limits(db, client, MANY_CALLS)
    clients.create(db, "core", "Core")  # reads only, and is known so that it has as many calls
    clients.set_limits(db, "core", MANY_CALLS)

    class OnThisDatabase(StoreMachine):
        pass

    OnThisDatabase.db = db
    much = settings(
        max_examples=80 if db.is_sqlite else 30,  # MariaDB flushes each commit to the disk
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(OnThisDatabase, settings=much)


# ---- what the machine found, as short as it can be told --------------------------------------------------


@pytest.fixture
def three_messages(db: Database) -> list[models.Task]:
    """In the hands of acme's account c1."""
    clients.create(db, "acme", "Acme")
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", FOUND, cool_off_days=30))
    return outbox.pull(db, "acme", "c1", limit=3, ttl_s=TTL_S).tasks


def tell(db: Database, *said: tuple[models.Task, bool, str]) -> None:
    reports = [(task, transitions.Report(ok, code, lease_id=task.lease_id)) for task, ok, code in said]
    sent = [finish.Sent(task.client_id, task.account, *key_of(task), report) for task, report in reports]
    finish.finish_messages(db, sent, retry_base_s=TTL_S)


def states(db: Database) -> list[str]:
    with db.begin(write=False) as tx:
        return list(tx.scalars(select(job_tasks.c.status).order_by(job_tasks.c.id)))


def test_the_last_word_of_a_batch_counts(db: Database, three_messages: list[models.Task]) -> None:
    ana, eva, _ = three_messages
    tell(db, (ana, True, "sent"), (eva, False, "unknown"), (eva, True, "sent"))
    assert states(db) == ["ok", "ok", "sent"]


def test_a_resumed_campaign_runs_on(db: Database) -> None:
    made = jobs.enqueue_campaign(db, Asked("acme", "c1"), "cafe", 5, {}, Outreach("Hola"))
    assert control.pause(db, "acme", made.job_id) and control.resume(db, "acme", made.job_id)
    shown = progress.job(db, "acme", made.job_id)
    assert shown and shown["status"] == "running"
    assert [stage["status"] for stage in shown["stages"]] == ["running", "pending", "pending"]


@pytest.mark.parametrize("change", [control.pause, control.cancel])
def test_no_retry_wakes_an_earlier_stage_of_a_campaign_that_is_to_rest(
    db: Database, change: Callable[[Database, str, str], bool]
) -> None:
    made = jobs.enqueue_campaign(db, Asked("acme", "c1", max_attempts=1), "cafe", 5, {}, Outreach("Hola"))
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=TTL_S)
    followings.save_page(db, task, FollowingPage(tuple(map(Following, FOUND))), start=0)
    work = [finish.Work(task, transitions.Report(True, "ok", lease_id=task.lease_id), "bot_1")]
    finish.finish_work(db, work, retry_base_s=TTL_S)
    campaigns.settle(db, [task.job_id])
    for task in tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=3, ttl_s=TTL_S):
        ok = task.username == "ana"
        report = transitions.Report(ok, "ok" if ok else "not_found", lease_id=task.lease_id)
        score = scores_of([profile_of("ana")])[0] if ok else None
        finish.finish_work(db, [finish.Work(task, report, "bot_1", score=score)], retry_base_s=TTL_S)
    campaigns.settle(db, [task.job_id])
    change(db, "acme", made.job_id)
    control.retry(db, "acme", made.job_id)
    assert tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=9, ttl_s=TTL_S) == []


def test_a_late_ok_of_a_cancelled_message_renews_an_old_ledger_row(
    db: Database, three_messages: list[models.Task]
) -> None:
    tell(db, (three_messages[0], True, "sent"))
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-40 * 86_400)))
    again = Outreach("Hola", ["ana"], cool_off_days=30)
    second = jobs.enqueue_messages(db, Asked("acme", "c1"), again)
    [task] = outbox.pull(db, "acme", "c1", limit=1, ttl_s=TTL_S).tasks
    control.cancel(db, "acme", second.job_id)
    tell(db, (task, True, "sent"))
    assert jobs.enqueue_messages(db, Asked("acme", "c1"), again).skipped["cool_off"] == 1


def test_the_same_message_told_again_is_not_another_one(
    db: Database, three_messages: list[models.Task]
) -> None:
    ana = three_messages[0]
    control.cancel(db, "acme", ana.job_id)
    tell(db, (ana, True, "sent"))
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-40 * 86_400)))
    tell(db, (ana, True, "sent"))
    again = Outreach("Hola", ["ana"], cool_off_days=30)
    assert jobs.enqueue_messages(db, Asked("acme", "c1"), again).total_items == 1

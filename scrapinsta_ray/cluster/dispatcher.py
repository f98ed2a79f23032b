"""The dispatcher: leases tasks for accounts that are free, routes them, and writes results in batches.

It remembers nothing that matters: kill it at any moment, and the next one goes on from the database.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from scrapinsta_ray import settings
from scrapinsta_ray.cluster import names
from scrapinsta_ray.cluster.roll import SHORTEST_S, Roll
from scrapinsta_ray.cluster.scoring import score_batch
from scrapinsta_ray.cluster.tenure import Tenure
from scrapinsta_ray.domain import rubros
from scrapinsta_ray.domain.models import Kind, Profile, Score, Task
from scrapinsta_ray.domain.routing import Candidate, assign, in_turn, shares, wish_of
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.errors import BudgetSpent, DatabaseAway
from scrapinsta_ray.store import campaigns, counters, finish, jobs, prune, tasks, visits
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Ended, Work
from scrapinsta_ray.store.gather import Gather
from scrapinsta_ray.store.ids import lease_age_ms
from scrapinsta_ray.store.memo import Memo
from scrapinsta_ray.store.tasks import Waiting
from scrapinsta_ray.store.visits import Demands, Reads
from scrapinsta_ray.telemetry import counts, logs
from scrapinsta_ray.telemetry.flusher import Flusher

log = logging.getLogger(__name__)

_STRAGGLERS_EVERY_S = 10.0
_LOOK_S = 0.25
"""So long a look at the queue is good for those who end a task."""

_LINGER_S = 0.1
"""So long a result waits for company: nobody waits for it but the end of its job."""

_SWITCH_S = 0.001
"""How long one of its threads may keep the others waiting: it computes little, and answers many."""

_RESTS_S = 2.0
_UNREACHABLE_S = 10.0
_LONGEST_TTL_S = 15.0
_REUSES = 20
"""Looks at queued profiles in one round, while they need no visit."""


class Dispatcher:
    """The actor. Its loop runs in a thread of its own, from the constructor on, so that a restarted one goes on."""

    def __init__(self) -> None:
        sys.setswitchinterval(_SWITCH_S)
        self._settings = settings.load()
        logs.configure(self._settings.log_format, self._settings.log_level)
        self._db = Database(self._settings.url, pool_size=6)
        self._flusher = Flusher(partial(counters.add, self._db))
        self._requests = Memo[str | None]()  # by job: which request made it
        self._demands = Demands()
        self._waiting = Waiting()
        self._look_again_at = 0.0
        self._roll = Roll(self._db, self._settings.pace)
        self._runs: set[asyncio.Task[None]] = set()  # of tasks, until their results are written
        self._rubros = rubros.load(self._settings.rubros_file)
        self._actors: dict[str, tuple[str | None, Any]] = {}  # of each account, and who held it then
        self._last_client: dict[Kind, str] = {}
        self._last_kind: Kind | None = None
        self._stragglers_at = 0.0
        self._stragglers_after = ""
        self._upkeep = prune.Upkeep(self._db, self._settings.retention)
        self._upkeep_at = 0.0
        self._upkeep_turn: asyncio.Task[None] | None = None
        self._stopping = False
        self._wake: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main()), name="dispatcher", daemon=True
        )
        self._thread.start()

    def pid(self) -> int:
        """The dispatcher's process."""
        return os.getpid()

    def wake(self) -> None:
        """There is something to do: look now. It would be seen without that, but later."""
        self._look_again_at = 0.0
        if self._loop and self._wake:
            with contextlib.suppress(RuntimeError):  # its loop has ended
                self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self, limit_s: float = 20) -> bool:
        """Leases nothing more, waits for what is under way, gives the lease back; False if that took too long."""
        self._stopping = True
        self.wake()
        self._thread.join(limit_s)
        self._flusher.stop()
        return not self._thread.is_alive()

    # ---- the loop ----------------------------------------------------------------------------------------

    async def _main(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._results: Gather[Work, Ended] = Gather(self._finish, linger_s=_LINGER_S)
        tenure = await asyncio.to_thread(
            Tenure, self._db, names.DISPATCHER, self._lease_ttl_s(), lambda: os._exit(1)
        )
        log.info("dispatcher at work")
        while not self._stopping:
            self._wake.clear()
            await self._sleep(await self._safe_poll())
        await asyncio.gather(*self._runs, return_exceptions=True)
        tenure.release()

    def _lease_ttl_s(self) -> float:
        """Short: while a dead dispatcher's lease lasts, nobody dispatches. There is one to renew, not hundreds."""
        return min(self._settings.lease_ttl_s, _LONGEST_TTL_S)

    async def _sleep(self, seconds: float) -> None:
        assert self._wake
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    async def _safe_poll(self) -> float:
        try:
            return await self._poll()
        except DatabaseAway:
            log.warning("the database is away")
            return self._settings.poll_idle_s
        except Exception:
            log.exception("a round of the dispatcher failed")
            return self._settings.poll_idle_s

    async def _poll(self) -> float:
        """One round; returns in how many seconds the next is worth while."""
        self._round_began = time.monotonic()
        waiting = await self._look()
        if waiting.due:
            await asyncio.to_thread(tasks.promote, self._db)
        if waiting.expired:
            await asyncio.to_thread(self._rescue)
        if time.monotonic() >= self._stragglers_at:
            await asyncio.to_thread(self._settle_stragglers)
        self._begin_upkeep()
        if not waiting.kinds:
            return SHORTEST_S if waiting.due or waiting.expired else self._settings.poll_idle_s
        await asyncio.to_thread(self._roll.call)
        able, wait_s = self._roll.free(waiting.kinds)
        await self._hand_out(in_turn(waiting.kinds, self._last_kind), able)
        wait_s = min(wait_s, self._settings.poll_idle_s)
        if Kind.ANALYZE_PROFILE in waiting.kinds and not self._roll.any_busy():  # some need no account
            reads = await asyncio.to_thread(self._lease_reads, 0)
            return SHORTEST_S if reads.ended_jobs else wait_s
        return wait_s

    async def _look(self) -> Waiting:
        """What there is to do. What is due, or has expired, is told once."""
        seen = Waiting(self._waiting.kinds)
        if time.monotonic() >= self._look_again_at or not seen.kinds:
            self._look_again_at = time.monotonic() + _LOOK_S
            seen = self._waiting = await asyncio.to_thread(tasks.look, self._db)
        return seen

    def _rescue(self) -> None:
        campaigns.settle(self._db, tasks.rescue(self._db))

    def _settle_stragglers(self) -> None:
        found = campaigns.stragglers(self._db, self._stragglers_after)
        campaigns.settle(self._db, found.stragglers)
        self._stragglers_after = found.next
        self._stragglers_at = time.monotonic() + _STRAGGLERS_EVERY_S

    def _begin_upkeep(self) -> None:
        """Now and then a turn of it, beside the rounds: no dispatch waits for it."""
        under_way = self._upkeep_turn and not self._upkeep_turn.done()
        if not under_way and time.monotonic() >= self._upkeep_at:
            self._upkeep_at = time.monotonic() + prune.EVERY_S
            self._upkeep_turn = asyncio.create_task(self._keep_up())

    async def _keep_up(self) -> None:
        try:
            for done in await asyncio.to_thread(self._upkeep.turn):
                log.info(
                    "of %s, %d old rows went and %d were emptied", done.table, done.deleted, done.emptied
                )
        except DatabaseAway:
            log.warning("no upkeep: the database is away")
        except Exception:
            log.exception("a turn of the upkeep failed")

    # ---- leasing and routing -----------------------------------------------------------------------------

    async def _hand_out(self, kinds: Sequence[Kind], able: list[Candidate]) -> None:
        """Kinds have equal shares of the accounts; what one leaves, the next may have."""
        for kind, share in zip(kinds, shares(len(able), len(kinds)), strict=True):
            able = await self._assign(kind, able, share)
        for kind in kinds:
            able = await self._assign(kind, able, len(able))

    async def _assign(self, kind: Kind, able: list[Candidate], most: int) -> list[Candidate]:
        """Leases up to `most` tasks, no more than there are accounts for them; returns which accounts are left."""
        limit = min(most, sum(kind in candidate.kinds for candidate in able))
        if not limit:
            return able
        leased = await asyncio.to_thread(self._lease, kind, limit)
        if len(leased) < limit:  # less is left than was seen
            self._look_again_at = 0.0
        wishes = [
            wish_of(task.last_account, task.last_code, bool(task.payload.get("cursor"))) for task in leased
        ]
        for task, chosen in zip(leased, assign(wishes, able, kind), strict=True):
            assert chosen, "no more tasks than accounts were leased"
            self._last_client[kind], self._last_kind = task.client_id, kind
            able = [candidate for candidate in able if candidate is not chosen]
            self._start(chosen.username, task)
            counts.observe("dispatch_latency_ms", (time.monotonic() - self._round_began) * 1000, kind=kind)
        return able

    def _lease(self, kind: Kind, limit: int) -> Sequence[Task]:
        if kind is Kind.ANALYZE_PROFILE:
            return self._with_requests(self._lease_reads(limit).tasks)
        after, ttl_s = self._last_client.get(kind, ""), self._settings.task_lease_ttl_s
        return self._with_requests(
            tasks.lease_work(self._db, kind, limit=limit, ttl_s=ttl_s, after_client=after)
        )

    def _with_requests(self, leased: Sequence[Task]) -> Sequence[Task]:
        """The tasks with the ids of the requests they come from, which are looked up once a job."""
        requests = self._requests.of({task.job_id for task in leased}, partial(jobs.request_ids, self._db))
        return [replace(task, request_id=requests.get(task.job_id)) for task in leased]

    def _lease_reads(self, limit: int) -> Reads:
        """Profiles that must be visited; goes on while what it sees needs no visit."""
        leased: list[Task] = []
        ended: set[str] = set()
        for _ in range(_REUSES):
            reads = visits.lease_reads(
                self._db,
                limit=limit - len(leased),
                ttl_s=self._settings.task_lease_ttl_s,
                after_client=self._last_client.get(Kind.ANALYZE_PROFILE, ""),
                demands=self._demands,
            )
            leased += reads.tasks
            ended.update(reads.ended_jobs)
            if len(leased) == limit or not reads.ended_jobs:
                break
        campaigns.settle(self._db, ended)
        return Reads(leased, sorted(ended))

    def _start(self, username: str, task: Task) -> None:
        self._roll.begins(username, task.task_id)
        run = asyncio.create_task(self._run(username, task))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    # ---- one task in a worker's hands --------------------------------------------------------------------

    async def _run(self, username: str, task: Task) -> None:
        """A worker that has answered may have another task, while what it brought is written."""
        try:
            try:
                work = await self._perform(username, task)
                if work.report.code == BudgetSpent.code:  # it knows better than our last look
                    self._roll.rests(username, _RESTS_S)
            finally:
                self._roll.ended(username)
                assert self._wake
                self._wake.set()
            began = time.monotonic()
            await self._submit(work)
            counts.observe("result_lag_ms", (time.monotonic() - began) * 1000, kind=task.kind)
            counts.observe("lease_duration_ms", lease_age_ms(task.lease_id) or 0, kind=task.kind)
        except DatabaseAway:
            log.warning("a result is lost with the database away", extra={"task_id": task.task_id})
        except Exception:
            log.exception("a task failed", extra={"task_id": task.task_id, "account_bot": username})

    async def _submit(self, work: Work) -> None:
        """Writes the result down. A database that is away is waited for, until the lease must have run out."""
        until = time.monotonic() + self._settings.task_lease_ttl_s
        while True:
            try:
                await self._results.submit(work)
                return
            except DatabaseAway:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(1)

    async def _perform(self, username: str, task: Task) -> Work:
        holder = self._roll.holder(username)
        try:
            worker = self._worker(username, holder)
            return await self._watched(worker, asyncio.wrap_future(worker.perform.remote(task).future()))
        except (RayActorError, RayTaskError, ValueError) as error:
            log.warning(
                "a worker failed: %s",
                type(error).__name__,
                extra={"task_id": task.task_id, "account_bot": username},
            )
            if isinstance(error, ActorUnavailableError):  # it may live, or just begin
                self._roll.lost(username, holder, _UNREACHABLE_S)
            elif not isinstance(error, RayTaskError):  # no more tasks until another process holds the account
                self._roll.lost(username, holder, 2 * self._settings.lease_ttl_s)
            begun = await asyncio.to_thread(tasks.was_begun, self._db, task)
            code = "worker_failed" if begun else "worker_away"
            report = Report(False, code, retryable=True, lease_id=task.lease_id, retry_after_s=1.0)
            return Work(task, report, username)

    def _worker(self, username: str, holder: str | None) -> Any:
        """The account's actor, which Ray is asked for once for each process that has held the account."""
        known, actor = self._actors.get(username, (None, None))
        if actor is None or known != holder:
            actor = ray.get_actor(names.worker_name(username), names.NAMESPACE)
            self._actors[username] = holder, actor
        return actor

    async def _watched(self, worker: Any, result: "asyncio.Future[Work]") -> Work:
        """The result, however long it takes; a worker that does not even answer its control group is ended.

        Ray then starts another, which waits until the account's lease has run out.
        """
        while not (await asyncio.wait({result}, timeout=self._settings.task_lease_ttl_s))[0]:
            if not await self._answers(worker):
                log.error("a worker does not answer and is ended")
                ray.kill(worker, no_restart=False)
        return await result

    async def _answers(self, worker: Any) -> bool:
        pulse = asyncio.wrap_future(worker.pid.remote().future())
        try:
            await asyncio.wait_for(pulse, 2 * self._lease_ttl_s())
        except TimeoutError:
            return False
        except RayActorError:
            return True  # its task's result says the same
        return True

    def _finish(self, done: Sequence[Work]) -> list[Ended]:
        """Scores what was read and ends the tasks, profile and score in the same transaction; then settles jobs."""
        read = [self._with_rubro(work.profile) for work in done if work.profile]
        scores: list[Score] = ray.get(score_batch.remote(read, datetime.now(UTC))) if read else []
        if read:
            counts.add("scoring_batches")
            counts.add("scored_profiles", len(read))
        judged = zip(read, scores, strict=True)
        every = [_with(work, *next(judged)) if work.profile else work for work in done]
        ended = finish.finish_work(self._db, every, retry_base_s=self._settings.retry_base_s)
        if campaigns.settle(self._db, {one.job_id for one in ended if one.verdict is Verdict.APPLIED}):
            self.wake()  # the end of a job may be the beginning of another
        return ended

    def _with_rubro(self, profile: Profile) -> Profile:
        found = self._rubros.find(profile.category, profile.biography)
        return replace(profile, rubro=found.name, rubro_evidence=found.evidence) if found else profile


def _with(work: Work, profile: Profile, score: Score) -> Work:
    return replace(work, profile=profile, score=score)

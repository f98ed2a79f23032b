"""`bench http`: pulls and results through Serve, against the same applications under bare uvicorn.

Both have one MariaDB with default durability and one driver, wrk, with the same list of requests. They take turns, and
what a round has leased or ended is put back before the next. The floor is one process in which each request is a
transaction of its own; Serve is a whole cluster in HAProxy mode, fleet without accounts included. The p99 is measured
with an open loop at half of what Serve took at most, since wrk knows no rate. Both sides are warm: Serve has as many
replicas as its autoscaling gives to so many connections.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import median

import pymysql.cursors

from scrapinsta_ray.bench import cluster
from scrapinsta_ray.bench.figures import Figure, Report, shown
from scrapinsta_ray.bench.floor import Floor, connect
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.processes import processor_s, trees
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import new_folder, private_mariadb
from scrapinsta_ray.bench.wrk import Load, Request, Wrk, at_rate
from scrapinsta_ray.domain.pacing import MESSAGES_PER_DAY_CEILING
from scrapinsta_ray.store import clients, jobs, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Outreach

PULL, RESULT = "/api/send/pull", "/api/send/result"
CALL = 10
"""Messages in one pull."""
PULLS = MESSAGES_PER_DAY_CEILING // CALL
"""Pulls of one sender, after which it has in hand what a day allows."""
FEW, MANY = 8, 32
"""Connections, each of another sender."""
LEASE = 10
"""Results under one lease: what a pull has brought."""
P99_MS = 60.0
_SETTLED_S = 0.5
"""After so long without a change, and as long as a slow request took, what wrk left behind has ended too."""
_UNANSWERED_S = 5.0
"""The same on a machine so busy that a whole round had no answer."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    warm_s: float  # of each side before its rounds
    seconds: float  # of one round of one side
    rounds: int
    pullers: int  # clients with a sender each, who pull PULLS times a round
    results: int  # in one round, at most
    calm: int  # rounds at half the peak, of which the one in the middle counts


FULL = Size(warm_s=40, seconds=3, rounds=9, pullers=480, results=9_600, calm=5)
QUICK = Size(warm_s=20, seconds=1, rounds=3, pullers=160, results=2_560, calm=3)
TINY = Size(warm_s=1, seconds=1, rounds=1, pullers=96, results=1_280, calm=1)


def run(quick: bool, say: Say) -> Report:
    """The table of what Serve costs and gains."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say) -> Report:
    """The report at any `size`. Raises ServerFailed without wrk."""
    with ExitStack() as stack:
        home = stack.enter_context(new_folder("si-"))
        wrk = Wrk(home)
        say("a MariaDB of its own")
        url = stack.enter_context(private_mariadb(home, buffer_pool_mb=512, log_mb=256))
        stack.enter_context(cluster.environment(home, url))
        say("messages")
        desk = Desk(url, wrk, size)
        stack.callback(desk.close)
        say("bare uvicorn and a cluster")
        bare = stack.enter_context(cluster.running_bare(home))
        serve = stack.enter_context(cluster.running_cluster(home))
        idle = _idle_cluster()
        say(f"pulls, {FEW} connections")
        pulls = desk.in_turns(desk.pulls, bare, serve, FEW)
        say(f"results, {FEW} connections")
        few = desk.in_turns(desk.results, bare, serve, FEW)
        say(f"results, {MANY} connections")
        many = desk.in_turns(desk.results, bare, serve, MANY)
        say("pulls at half the peak rate")
        calm = [desk.calm_pulls(bare, serve) for _ in range(size.calm)]
        with closing(Floor(url)) as floor:
            version = floor.version()
    return Report("http", hardware(version), [*_figures(pulls, few, many, calm), idle])


def _figures(pulls: "Turns", few: "Turns", many: "Turns", calm: Sequence[tuple[Load, Load]]) -> list[Figure]:
    name = "against bare uvicorn, a transaction a request"
    theirs, ours = (
        sorted(loads, key=lambda load: load.p99_ms)[len(loads) // 2] for loads in zip(*calm, strict=True)
    )
    late = f"p99 of a pull of {CALL} at half the peak, {ours.per_s:.0f}/s, open loop"
    return [
        shown(
            f"pull of {CALL} through Serve, {FEW} connections, {name} (1/s)", pulls.ratio, pulls.floor, 0.9
        ),
        shown(f"result through Serve, {FEW} connections, {name} (1/s)", few.ratio, few.floor, 0.9),
        shown(f"result through Serve, {MANY} connections, {name} (1/s)", many.ratio, many.floor, 1.15),
        shown(f"{late} (ms)", ours.p99_ms, None, P99_MS, "lower"),
        shown("median of the same (ms)", ours.p50_ms, None, None, "lower"),
        shown("the p99 of bare uvicorn at such rates (ms)", theirs.p99_ms, None, None, "lower"),
    ]


@dataclass(frozen=True, slots=True)
class Turns:
    """Rounds of both sides, one right after the other; each pair has a ratio of its own."""

    ours: Sequence[Load]
    theirs: Sequence[Load]

    @property
    def ratio(self) -> float:
        """The middle pair's: our rate divided by theirs."""
        return median(a.per_s / b.per_s for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def floor(self) -> float:
        """The middle one of the floor's rates."""
        return median(load.per_s for load in self.theirs)


class Desk:
    """Messages, who asks for them, and how they are put back."""

    def __init__(self, url: str, wrk: Wrk, size: Size) -> None:
        self._wrk, self._size = wrk, size
        self._connection = connect(url)
        db = Database(url)
        schema.upgrade(db)
        self._pulls = wrk.listed("pulls", _pulling(db, size.pullers))
        senders = _senders(db, size.results)
        db.dispose()
        self._lease_all()
        self._results = wrk.listed("results", self._reports(senders))

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def in_turns(
        self, work: Callable[[str, int, float], Load], bare: str, serve: str, connections: int
    ) -> Turns:
        """Rounds of `work` on both servers, each first in turn, after as many as it takes them to get warm.

        Serve has then as many replicas as its autoscaling gives to so many connections.
        """
        sides: dict[str, list[Load]] = {bare: [], serve: []}
        for url in sides:
            warm_at = time.monotonic() + self._size.warm_s
            while time.monotonic() < warm_at:
                work(url, connections, self._size.seconds)
        for number in range(self._size.rounds):
            for url, loads in list(sides.items())[:: 1 if number % 2 else -1]:
                loads.append(work(url, connections, self._size.seconds))
        return Turns(sides[serve], sides[bare])

    def pulls(self, url: str, connections: int, seconds: float) -> Load:
        """A round of pulls, each of which brings CALL messages."""
        self._put_back()
        load = self._wrk.run(url + PULL, self._pulls, connections, seconds)
        self._count(PULL, load, CALL, connections)
        return load

    def results(self, url: str, connections: int, seconds: float) -> Load:
        """A round of results, each of which ends a message."""
        self._put_back()
        load = self._wrk.run(url + RESULT, self._results, connections, seconds)
        self._count(RESULT, load, 1, connections)
        return load

    def calm_pulls(self, bare: str, serve: str) -> tuple[Load, Load]:
        """Theirs and ours at half the rate that ours has just been seen to reach: the machine is as quick as then."""
        half = self.pulls(serve, FEW, self._size.seconds).per_s / 2
        return self._calm_pull(bare, half), self._calm_pull(serve, half)

    def _calm_pull(self, url: str, per_s: float) -> Load:
        """Pulls at this rate, as long as there are messages for."""
        self._put_back()
        seconds = min(4 * self._size.seconds, (self._size.pullers * PULLS - FEW * PULLS) / per_s)
        return at_rate(url + PULL, self._pulls, per_s, seconds)

    def _count(self, path: str, load: Load, each: int, connections: int) -> None:
        """Did every request do its work? Those under way at the end are waited for, and may have done it."""
        done, before = self._done(path), -1
        while done != before:
            time.sleep(max(_SETTLED_S, load.p99_ms / 1000) if load.requests else _UNANSWERED_S)
            done, before = self._done(path), done
        assert 0 <= done - load.requests * each <= connections * each, (
            f"{path}: {load.requests} requests, {done} messages"
        )

    def _done(self, path: str) -> int:
        """Messages that pulls have leased, or that results have ended, since they were put back."""
        status, client = ("sent", "puller") if path == PULL else ("ok", "sender")
        with self._cursor() as cursor:
            cursor.execute(_COUNT, (status, f"{client}%"))
            [[done]] = cursor.fetchall()
        return int(done)

    def _put_back(self) -> None:
        with self._cursor() as cursor:
            for statement in _PUT_BACK:
                cursor.execute(statement)

    def _lease_all(self) -> None:
        with self._cursor() as cursor:
            cursor.execute(_LEASE_ALL, (LEASE,))
            cursor.execute("ANALYZE TABLE job_tasks")

    def _reports(self, senders: Sequence["Sender"]) -> list[Request]:
        """The senders take turns; each goes through its messages in order."""
        found: dict[tuple[str, str], list[Request]] = {}
        by_name = {(sender.client, sender.account): sender for sender in senders}
        with self._cursor() as cursor:
            cursor.execute(_LEASED)
            for client, account, job_id, username, lease_id in cursor.fetchall():
                task = f"{job_id}:send_message:{username}"
                said = {"job_id": job_id, "task_id": task, "lease_id": lease_id, "ok": True, "code": "sent"}
                request = Request(by_name[client, account].key, account, json.dumps(said))
                found.setdefault((client, account), []).append(request)
        return [one for turn in zip(*found.values(), strict=True) for one in turn]

    @contextmanager
    def _cursor(self) -> Iterator[pymysql.cursors.Cursor]:
        with self._connection.cursor() as cursor:
            yield cursor
        self._connection.commit()


# ---- who asks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sender:
    """A client's account with a key of the client."""

    client: str
    account: str
    key: str


def _client(db: Database, name: str) -> str:
    """A client with what an operator may allow at most; its key."""
    most = MESSAGES_PER_DAY_CEILING
    clients.create(db, name, name, messages_per_hour=most, messages_per_day=most)
    clients.set_limits(db, name, {"pulls_per_minute": clients.MOST, "results_per_minute": clients.MOST})
    return clients.create_key(db, name).plaintext


def _pulling(db: Database, number: int) -> list[Request]:
    """Pulls of so many clients, FEW at a time, each in turn until it has a day's messages in hand."""
    names = [f"person.{i}" for i in range(MESSAGES_PER_DAY_CEILING + 1)]
    keys = [_client(db, f"puller{i}") for i in range(number)]
    for i in range(number):
        jobs.enqueue_messages(db, Asked(f"puller{i}", "own"), Outreach("Hola", names))
    ask = partial(Request, account="own", body=json.dumps({"limit": CALL}))
    groups = [keys[i : i + FEW] for i in range(0, number, FEW)]
    return [ask(key) for group in groups for _ in range(PULLS) for key in group]


def _senders(db: Database, results: int) -> list[Sender]:
    """MANY senders of FEW clients, with so many messages together, and one each that stays queued."""
    each = results // MANY
    found = []
    for number in range(FEW):
        client = f"sender{number}"
        key = _client(db, client)
        for account in (f"own{i}" for i in range(MANY // FEW)):
            names = [f"{account}.{i}" for i in range(each + 1)]
            jobs.enqueue_messages(db, Asked(client, account), Outreach("Hola", names))
            found.append(Sender(client, account, key))
    return found


_LEASE_ALL = """
UPDATE job_tasks
SET status = 'sent', attempts = 1, lease_holder = account, lease_expires_at = TIMESTAMPADD(HOUR, 4, UTC_TIMESTAMP(6)),
    lease_id = MD5(CONCAT(job_id, '/', CAST(SUBSTRING_INDEX(username, '.', -1) AS UNSIGNED) DIV %s))
WHERE client_id LIKE 'sender%%' AND username NOT LIKE '%%.0'
"""
_LEASED = """
SELECT client_id, account, job_id, username, lease_id FROM job_tasks
WHERE client_id LIKE 'sender%' AND status = 'sent' ORDER BY id
"""
_PUT_BACK = (
    """
    UPDATE job_tasks SET status = 'queued', attempts = 0, lease_id = NULL, lease_holder = NULL, lease_expires_at = NULL
    WHERE kind = 'send_message' AND status = 'sent' AND client_id LIKE 'puller%'
    """,
    """
    UPDATE job_tasks SET status = 'sent', result = NULL, finished_at = NULL, reason_code = NULL
    WHERE kind = 'send_message' AND status = 'ok' AND client_id LIKE 'sender%'
    """,
    "DELETE FROM messages_sent",
)
_COUNT = "SELECT COUNT(*) FROM job_tasks WHERE kind = 'send_message' AND status = %s AND client_id LIKE %s"


# ---- what stands beside the floor ------------------------------------------------------------------------


def _idle_cluster(seconds: float = 5.0) -> Figure:
    """The cluster does not end while the floor has its turn."""
    cores = processor_s(trees([os.getpid()]))
    began = time.monotonic()
    time.sleep(seconds)
    percent = (processor_s(trees([os.getpid()])) - cores) / (time.monotonic() - began) * 100
    return shown("processor of the idle cluster beside the floor (% of a core)", percent, None, None, "lower")

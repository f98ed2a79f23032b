"""`bench store`: the leasing store against bare PyMySQL, in turns on one MariaDB with default durability."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count

from scrapinsta_ray.bench.figures import Figure, Report, against, shown
from scrapinsta_ray.bench.floor import Floor
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.pullers import Pullers
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import fresh_database, new_folder, private_mariadb
from scrapinsta_ray.bench.timing import Stopwatch, in_turns
from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.domain.pacing import MESSAGES_PER_DAY_CEILING
from scrapinsta_ray.domain.transitions import Report as Outcome
from scrapinsta_ray.domain.transitions import Verdict
from scrapinsta_ray.store import clients, finish, jobs, outbox, schema, tasks
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.ids import new_job_id
from scrapinsta_ray.store.jobs import Asked, Outreach

CLIENT = "acme"
CALL = 10
"""Tasks in one lease call."""
BATCH = 64
"""Results in one transaction."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    leases: int = 400  # lease calls of each side
    finishes: int = 400  # messages ended one by one, of each side
    batches: int = 20  # transactions of BATCH messages
    enqueue: int = 5_000  # tasks in one enqueue
    enqueues: int = 7
    inserts: int = 300  # single rows beside each enqueue
    backlog: int = 1_000_000
    few: int = 1_000
    depth_leases: int = 400  # lease calls at either backlog
    pull_s: float = 4.0  # seconds of one round of pullers
    pull_rounds: int = 5
    lives: int = 3  # times that `enqueue` tasks live and end


FULL = Size()
QUICK = Size(
    leases=100,
    finishes=100,
    batches=5,
    enqueues=3,
    inserts=100,
    backlog=100_000,
    depth_leases=100,
    pull_s=1.0,
    pull_rounds=3,
    lives=1,
)
TINY = Size(
    leases=10,
    finishes=10,
    batches=2,
    enqueue=200,
    enqueues=1,
    inserts=20,
    backlog=5_000,
    few=200,
    depth_leases=10,
    pull_s=0.2,
    pull_rounds=1,
    lives=1,
)


def run(quick: bool, say: Say) -> Report:
    """The table of the store's speed on a MariaDB of its own, then the same on SQLite."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say) -> Report:
    """The report at any `size`."""
    say("a MariaDB of its own")
    with new_folder() as folder, private_mariadb(folder, buffer_pool_mb=1024, log_mb=256) as server:
        figures, version = _on_mariadb(server, size, say)
        say("SQLite")
        with closing_database(f"sqlite:///{folder}/store.db") as db:
            figures += _on_sqlite(db, size)
    return Report("store", hardware(version), figures)


@contextmanager
def closing_database(url: str, pool_size: int = 2) -> Iterator[Database]:
    """A database with the schema and the client, disposed of at the end."""
    db = Database(url, pool_size=pool_size)
    try:
        schema.upgrade(db)
        _new_client(db, CLIENT)
        yield db
    finally:
        db.dispose()


def _new_client(db: Database, name: str) -> str:
    most = MESSAGES_PER_DAY_CEILING
    return clients.create(db, name, name, messages_per_hour=most, messages_per_day=most).id


def _on_mariadb(server: str, size: Size, say: Say) -> tuple[list[Figure], str]:
    """All figures that have a floor; and the server's version."""
    figures: list[Figure] = []
    with _bench_database(server) as (_url, db, floor):
        say("leases")
        figures.append(_leases(db, floor, size))
        say("messages pulled")
        figures.append(_pulls(db, floor, size))
        say("messages ended")
        figures += _finishes(db, floor, size)
        say("enqueues")
        figures += _enqueues(db, floor, size)
        say("whole lives")
        figures.append(_lives("whole life of a task: enqueue, lease, finish (tasks/s)", db, size))
        version = floor.version()
    with _bench_database(server) as few, _bench_database(server) as many:
        say(f"filling {size.backlog:,} tasks")
        many[2].fill(CLIENT, new_job_id(), size.backlog)
        say(f"leases at {size.backlog:,} queued tasks")
        figures.append(_depth(few, many, size))
        say("leases by eight processes")
        figures.append(_processes(many, size))
    return figures, version


Three = tuple[str, Database, Floor]


@contextmanager
def _bench_database(server: str) -> Iterator[Three]:
    """An upgraded database of its own: its URL, the store's way in and the bare one."""
    with ExitStack() as stack:
        url = stack.enter_context(fresh_database(server))
        db = stack.enter_context(closing_database(url))
        floor = stack.enter_context(closing(Floor(url)))
        yield url, db, floor


# ---- leases ----------------------------------------------------------------------------------------------


def _lease(db: Database, limit: int = CALL) -> list[Task]:
    return tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=limit, ttl_s=600)


def _full_lease(db: Database) -> None:
    assert len(_lease(db)) == CALL


def _leases(db: Database, floor: Floor, size: Size) -> Figure:
    floor.fill(CLIENT, new_job_id(), 2 * CALL * (size.leases + 20))
    bare = lambda: floor.lease(Kind.ANALYZE_PROFILE, CLIENT)  # noqa: E731
    in_turns(10, lambda: _full_lease(db), bare)
    ours, theirs = in_turns(size.leases, lambda: _full_lease(db), bare)
    return against("lease calls of 10, one puller (calls/s)", 1 / ours, 1 / theirs, 0.7)


def _pulls(db: Database, floor: Floor, size: Size) -> Figure:
    """Pulls by an extension: as a lease, but with the account's limits and the ledger in the same transaction."""
    calls = MESSAGES_PER_DAY_CEILING // CALL
    ours, theirs = Stopwatch(), Stopwatch()
    for number in range(max(2, size.leases // calls // 2)):
        client = _new_client(db, f"pull{number}")
        _enqueue_messages(db, client, "own", CALL * calls * 2)
        for _ in range(calls):
            with ours.running():
                pulled = outbox.pull(db, client, "own", limit=CALL, ttl_s=600)
            assert len(pulled.tasks) == CALL
        for _ in range(calls):
            with theirs.running():
                floor.lease(Kind.SEND_MESSAGE, client, "own")
    name = "pull calls of 10 messages, with limits and ledger (calls/s)"
    return against(name, 1 / ours.median_s, 1 / theirs.median_s)


def _depth(few: Three, many: Three, size: Size) -> Figure:
    """The same call on two databases of one server, in turns; the short queue is topped up between."""
    job_id, calls = new_job_id(), size.few // CALL // 4
    few[2].fill(CLIENT, job_id, size.few)
    in_turns(5, lambda: _full_lease(few[1]), lambda: _full_lease(many[1]))
    watches = Stopwatch(), Stopwatch()
    for round_ in range(max(1, size.depth_leases // calls)):
        few[2].fill(CLIENT, new_job_id(), CALL * (calls if round_ else 5))
        for _ in range(calls):
            for watch, (_url, db, _floor) in zip(watches, (few, many), strict=True):
                with watch.running():
                    _full_lease(db)
    short, long = (watch.median_s * 1000 for watch in watches)
    name = f"lease median at {size.backlog:,} queued tasks against {size.few:,} (ms)"
    return against(name, long, short, 1.3, "lower")


def _processes(many: Three, size: Size) -> Figure:
    """One and eight in turns, from the long queue, which must not run dry."""
    url, _db, floor = many
    with closing(Pullers(url, 1)) as one, closing(Pullers(url, 8)) as eight:
        rates = [(one.per_s(size.pull_s), eight.per_s(size.pull_s)) for _ in range(size.pull_rounds)]
    assert floor.lease(Kind.ANALYZE_PROFILE, CLIENT) == CALL
    alone, together = (sorted(side)[len(side) // 2] for side in zip(*rates, strict=True))
    return against("leased by 8 processes against 1 (tasks/s)", together, alone, 1.0)


# ---- results ---------------------------------------------------------------------------------------------


_numbers = count()


def _enqueue_messages(db: Database, client: str, account: str, number: int) -> None:
    names = [f"{account}.{i}" for i in range(number)]
    made = jobs.enqueue_messages(db, Asked(client, account), Outreach("Hola", names))
    assert made.total_items == number


def _messages_in_hand(db: Database, number: int) -> list[Task]:
    """So many leased messages, of clients that have as many in hand as a day allows."""
    found: list[Task] = []
    while len(found) < number:
        client = _new_client(db, f"client{next(_numbers)}")
        _enqueue_messages(db, client, "own", MESSAGES_PER_DAY_CEILING)
        found += outbox.pull(db, client, "own", limit=MESSAGES_PER_DAY_CEILING, ttl_s=600).tasks
    return found[:number]


def _sent(message: Task) -> finish.Sent:
    report = Outcome(True, "sent", lease_id=message.lease_id)
    return finish.Sent(message.client_id, message.account, message.job_id, message.username, report)


def _end_messages(db: Database, messages: Sequence[Task]) -> None:
    ended = finish.finish_messages(db, list(map(_sent, messages)), retry_base_s=60)
    assert all(one.verdict is Verdict.APPLIED for one in ended)


def _end_metered(db: Database, message: Task) -> None:
    """As the API does: the client's meter of results is paid in the same transaction."""
    assert finish.finish_requests(db, [[_sent(message)]], retry_base_s=60) == [
        [finish.Ended(message.job_id, Verdict.APPLIED)]
    ]


def _finishes(db: Database, floor: Floor, size: Size) -> list[Figure]:
    """One at a time and in batches, against the bare result, all in turns."""
    each = size.finishes // size.batches
    messages = iter(_messages_in_hand(db, (size.batches + 1) * (3 * each + BATCH)))
    one, metered, batch, bare = [Stopwatch() for _ in range(4)]
    for round_ in range(size.batches + 1):
        if round_ == 1:  # the first was to warm up
            one, metered, batch, bare = [Stopwatch() for _ in range(4)]
        for _ in range(each):
            with one.running():
                _end_messages(db, [next(messages)])
            with metered.running():
                _end_metered(db, next(messages))
            message = next(messages)
            with bare.running():
                floor.finish(message)
        some = [next(messages) for _ in range(BATCH)]
        with batch.running():
            _end_messages(db, some)
    single = 1 / bare.median_s
    return [
        against("finish one message, with ledger (messages/s)", 1 / one.median_s, single, 0.7),
        against("finish one message, with the client's meter too (messages/s)", 1 / metered.median_s, single),
        against("finish messages in batches of 64 (messages/s)", BATCH / batch.median_s, single, 4),
    ]


# ---- whole jobs ------------------------------------------------------------------------------------------


def _enqueue(db: Database, number: int) -> str:
    names = [f"person.{i}" for i in range(number)]
    made = jobs.enqueue_analysis(db, Asked(CLIENT), names, None)
    assert made.total_items == number
    return made.job_id


def _enqueues(db: Database, floor: Floor, size: Size) -> list[Figure]:
    watches = whole, copied, messages, each, together = [Stopwatch() for _ in range(5)]
    for round_ in range(size.enqueues):
        names = [f"p{i}" for i in range(size.inserts)]
        with whole.running():
            job_id = _enqueue(db, size.enqueue)
        with copied.running():
            assert floor.copy(job_id, new_job_id()) == size.enqueue
        with messages.running():
            _enqueue_messages(db, CLIENT, f"bulk{round_}", size.enqueue)
        with each.running():
            floor.insert(CLIENT, new_job_id(), names)
        with together.running():
            floor.insert(CLIENT, new_job_id(), names, commit_each=False)
    tasks_s, messages_s = size.enqueue / whole.median_s, size.enqueue / messages.median_s
    single, uncommitted = (size.inserts / watch.median_s for watch in watches[3:])
    by_server, number = size.enqueue / copied.median_s, f"{size.enqueue:,}"
    return [
        against(f"enqueue {number} tasks, against a row and a commit each (tasks/s)", tasks_s, single, 20),
        against(f"enqueue {number} tasks, against rows in one commit (tasks/s)", tasks_s, uncommitted),
        against(f"enqueue {number} tasks, against the server copying them (tasks/s)", tasks_s, by_server),
        against(f"enqueue {number} messages, against a row and a commit each (tasks/s)", messages_s, single),
    ]


def _lives(name: str, db: Database, size: Size) -> Figure:
    """Tasks a second from asking to end, one process, leased in tens and ended in batches of 64."""
    watch = Stopwatch()
    for _ in range(size.lives):
        _drain(db)
        with watch.running():
            _enqueue(db, size.enqueue)
            _drain(db)
    return shown(name, size.enqueue / watch.median_s)


def _drain(db: Database) -> None:
    waiting: list[Task] = []
    while leased := _lease(db):
        waiting += leased
        if len(waiting) >= BATCH:
            _end(db, waiting[:BATCH])
            waiting = waiting[BATCH:]
    _end(db, waiting)


def _end(db: Database, done: Sequence[Task]) -> None:
    work = [finish.Work(task, Outcome(True, "ok", lease_id=task.lease_id), "bot_1") for task in done]
    ended = finish.finish_work(db, work, retry_base_s=60)
    assert all(one.verdict is Verdict.APPLIED for one in ended)


# ---- SQLite ----------------------------------------------------------------------------------------------


def _on_sqlite(db: Database, size: Size) -> list[Figure]:
    """The same work on SQLite, by itself."""
    names = [f"person.{i}" for i in range(CALL * (size.leases + 10))]
    jobs.enqueue_analysis(db, Asked(CLIENT), names, None)
    in_turns(10, lambda: _full_lease(db))
    [lease_s] = in_turns(size.leases, lambda: _full_lease(db))
    messages = iter(_messages_in_hand(db, size.finishes + BATCH * size.batches))
    [one_s] = in_turns(size.finishes, lambda: _end_messages(db, [next(messages)]))
    [batch_s] = in_turns(size.batches, lambda: _end_messages(db, [next(messages) for _ in range(BATCH)]))
    [enqueue_s] = in_turns(size.enqueues, lambda: _enqueue(db, size.enqueue))
    return [
        shown("SQLite: lease calls of 10, one puller (calls/s)", 1 / lease_s),
        shown("SQLite: finish one message, with ledger (messages/s)", 1 / one_s),
        shown("SQLite: finish messages in batches of 64 (messages/s)", BATCH / batch_s),
        shown(f"SQLite: enqueue {size.enqueue:,} tasks (tasks/s)", size.enqueue / enqueue_s),
        _lives("SQLite: whole life of a task: enqueue, lease, finish (tasks/s)", db, size),
    ]

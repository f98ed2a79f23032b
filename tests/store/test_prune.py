"""What is old goes, in batches; what is young, unfinished or in the ledger stays."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select, update

from scrapinsta_ray.domain.models import Following, Kind, Media, MediaKind, Profile, Score, Task
from scrapinsta_ray.domain.pacing import DAY_S
from scrapinsta_ray.domain.retention import Retention
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import (
    campaigns,
    checkup,
    control,
    finish,
    jobs,
    ledger,
    outbox,
    prune,
    schema,
    tasks,
    templates,
    visits,
)
from scrapinsta_ray.store import profiles as stored
from scrapinsta_ray.store.database import Database, now, reading, transaction
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import (
    followings,
    job_tasks,
    leases,
    media,
    messages_sent,
    meters,
    profile_scores,
    profiles,
    revocations,
)
from scrapinsta_ray.store.tables import jobs as job_table
from scrapinsta_ray.store.tables import visits as visit_table


def age(db: Database, days: float) -> None:
    """Everything there is becomes `days` older."""
    with db.begin() as tx:
        long_ago = now(-days * DAY_S)
        tx.execute(update(job_tasks).values(created_at=long_ago))
        tx.execute(update(job_tasks).where(job_tasks.c.finished_at.is_not(None)).values(finished_at=long_ago))
        tx.execute(update(job_table).values(created_at=long_ago))
        tx.execute(update(job_table).where(job_table.c.finished_at.is_not(None)).values(finished_at=long_ago))
        tx.execute(update(messages_sent).values(sent_at=long_ago))


def rows(db: Database) -> tuple[int, int]:
    with db.begin(write=False) as tx:
        counted = [
            tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (job_tasks, job_table)
        ]
    return counted[0], counted[1]


def tell(db: Database, task: Task, code: str, *, ok: bool = False) -> None:
    one = finish.Sent("acme", "c1", task.job_id, task.username, Report(ok, code, lease_id=task.lease_id))
    finish.finish_messages(db, [one], retry_base_s=1)


COLLECTED = {
    profiles: profiles.c.analyzed_at,
    media: media.c.seen_at,
    followings: followings.c.seen_at,
    profile_scores: profile_scores.c.scored_at,
}


@transaction
def collect(tx: Connection, names: list[str]) -> None:
    """A profile with two posts, a score and a list of two for each name."""
    posts = tuple(Media(str(i), str(i), None, MediaKind.IMAGE, 1, 1) for i in range(2))
    found = [Profile(name, media=posts) for name in names]
    stored.store(tx, found, [Score(name, "v1", 0.1, 0.1) for name in names])
    for name in names:
        stored.store_followings(tx, name, [Following("x"), Following("y")], start=0)


@transaction
def make_older(tx: Connection, days: float) -> None:
    for table, column in COLLECTED.items():
        tx.execute(update(table).values({column: now(-days * DAY_S)}))


@transaction
def end_rest(tx: Connection) -> None:
    tx.execute(update(leases).where(leases.c.name == "upkeep").values(expires_at=now(-1)))


@reading
def held(tx: Connection) -> dict[str, int]:
    return {
        str(table.name): tx.execute(select(func.count()).select_from(table)).scalar_one()
        for table in COLLECTED
    }


def read_all(db: Database, names: list[str]) -> None:
    jobs.enqueue_analysis(db, Asked("acme"), names, None)
    while leased := tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=100, ttl_s=60):
        work = [finish.Work(t, Report(True, "ok", lease_id=t.lease_id), "bot_1") for t in leased]
        campaigns.settle(db, {one.job_id for one in finish.finish_work(db, work, retry_base_s=1)})


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "BATCH", 3)


@pytest.mark.usefixtures("small_batches")
def test_old_finished_work_goes_and_the_rest_stays(db: Database, a_client: str) -> None:
    read_all(db, [f"old{i}" for i in range(10)])
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    [message] = outbox.pull(db, a_client, "c1", limit=1, ttl_s=60).tasks
    report = Report(True, "sent", lease_id=message.lease_id)
    finish.finish_messages(db, [finish.Sent("acme", "c1", message.job_id, "ana", report)], retry_base_s=1)
    campaigns.settle(db, [message.job_id])
    jobs.enqueue_analysis(db, Asked("acme"), ["unfinished"], None)
    age(db, 100)
    read_all(db, ["unfinished2"])

    assert rows(db) == (13, 4)
    assert sum(step.deleted for step in prune.prune(db, Retention(), dry_run=True)) == 11
    assert rows(db) == (13, 4)
    list(prune.prune(db, Retention()))
    assert rows(db) == (2, 2)
    assert ledger.count(db, "acme") == 1
    again = jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    assert again.skipped["already_contacted"] == 1


@pytest.mark.usefixtures("small_batches")
def test_each_kind_of_what_was_collected_has_its_own_days(db: Database) -> None:
    collect(db, [f"old{i}" for i in range(10)])
    make_older(db, 100)
    collect(db, ["young1", "old3", "young2"])
    before = held(db)
    keep = Retention(tasks=0, profiles=50, media=0, followings=50, scores=200)
    planned = sum(step.deleted for step in prune.prune(db, keep, dry_run=True))
    assert held(db) == before == {"profiles": 12, "media": 24, "followings": 24, "profile_scores": 12}
    assert sum(step.deleted for step in prune.prune(db, keep)) == planned == 9 + 18
    assert held(db) == {"profiles": 3, "media": 24, "followings": 6, "profile_scores": 12}


def test_a_message_of_a_template_stays_as_an_empty_row(db: Database, a_client: str) -> None:
    template = templates.create(db, "cli:op", a_client, "Hello", "Hola {username}")
    outreach = Outreach(None, ["ana", "luz", "sol"], template_id=template.id)
    jobs.enqueue_messages(db, Asked(a_client, "c1", max_attempts=1), outreach)
    ana, luz, sol = outbox.pull(db, a_client, "c1", limit=3, ttl_s=60).tasks
    tell(db, ana, "sent", ok=True)
    tell(db, luz, "not_allowed")
    tell(db, sol, "unknown")
    campaigns.settle(db, [ana.job_id])
    age(db, 100)
    done = [step for step in prune.prune(db, Retention()) if step.table == "job_tasks"]
    assert (sum(step.deleted for step in done), sum(step.emptied for step in done)) == (1, 2)
    with db.begin(write=False) as tx:
        left = tx.execute(select(job_tasks.c.username, job_tasks.c.payload, job_tasks.c.result)).all()
    assert sorted(map(tuple, left)) == [("ana", None, None), ("sol", None, None)]
    assert not any(step.emptied for step in prune.prune(db, Retention()))
    control.retry(db, a_client, ana.job_id)  # of what is emptied, nothing is left to send
    assert outbox.pull(db, a_client, "c1", limit=3, ttl_s=60).tasks == []
    again = replace(outreach, cool_off_days=1)
    assert jobs.enqueue_messages(db, Asked(a_client, "c1"), again).skipped["duplicate"] == 2


def test_what_a_running_job_has_done_is_not_old(db: Database, a_client: str) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), ["ana", "luz"], None)
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    work = finish.Work(task, Report(True, "ok", lease_id=task.lease_id), "bot")
    finish.finish_work(db, [work], retry_base_s=1)
    age(db, 100)
    list(prune.prune(db, Retention()))
    assert rows(db) == (2, 1)


def test_visits_go_with_the_profiles_unless_somebody_is_on_the_way(db: Database, a_client: str) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), ["ana", "luz"], None)
    assert len(visits.lease_reads(db, limit=2, ttl_s=60).tasks) == 2
    with db.begin() as tx:
        rest = {"task_id": None, "lease_id": None}
        tx.execute(visit_table.insert().values(username="old", visited_at=now(-400 * DAY_S), **rest))
        tx.execute(visit_table.insert().values(username="never", **rest))
        tx.execute(visit_table.insert().values(username="young", visited_at=now(-1), **rest))
    done = [step for step in prune.prune(db, Retention()) if step.table == "visits"]
    assert sum(step.deleted for step in done) == 2
    with db.begin(write=False) as tx:
        assert sorted(tx.scalars(select(visit_table.c.username))) == ["ana", "luz", "young"]


@pytest.mark.usefixtures("small_batches")
def test_the_upkeep_goes_on_where_it_stopped_and_rests_between_turns(db: Database) -> None:
    collect(db, [f"old{i:03}" for i in range(40)])
    make_older(db, 400)
    first, second = prune.Upkeep(db, Retention()), prune.Upkeep(db, Retention())
    assert sum(step.deleted for step in first.turn() if step.table == "profiles") == prune.TURN * 3
    assert second.turn() == []  # too early, whoever asks
    assert first.turn() == []
    assert held(db)["profiles"] == 40 - prune.TURN * 3
    for _ in range(5):
        end_rest(db)
        first.turn()
    assert held(db)["profiles"] == 0


def test_the_upkeep_forgets_what_expired(db: Database) -> None:
    with db.begin() as tx:
        old = {"client_id": "acme", "subject": "x", "at": now(-9 * DAY_S), "expires_at": now(-8 * DAY_S)}
        tx.execute(revocations.insert().values(old))
        tx.execute(meters.insert().values(subject="addr:1", name="failed_logins", full_at=0))
    done = prune.Upkeep(db, Retention()).turn()
    assert {(step.table, step.deleted) for step in done} == {("revocations", 1), ("meters", 1)}


def test_two_upkeeps_at_once_take_one_turn(db: Database) -> None:
    collect(db, ["ana"])
    make_older(db, 400)
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(lambda _: prune.Upkeep(db, Retention()).turn(), range(4)))
    assert sum(bool(turn) for turn in turns) == 1


def test_a_fit_database_is_told_so_and_a_missing_index_is_named(db: Database) -> None:
    assert all(finding.ok for finding in checkup.check(db))
    index = next(index for index in job_tasks.indexes if index.name == "ix_job_tasks_lease")
    with db.begin() as tx:
        index.drop(tx)
    try:
        [wrong] = [finding for finding in checkup.check(db) if not finding.ok]
        assert "ix_job_tasks_lease" in wrong.text
    finally:
        with db.begin() as tx:
            index.create(tx)


def test_a_reset_leaves_an_empty_database_of_this_version(db: Database) -> None:
    read_all(db, ["ana"])
    schema.reset(db)
    assert rows(db) == (0, 0)
    assert not schema.pending(db)

"""A forgotten person: no name left anywhere, counts as they were, and nothing collected or sent again."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, update

from scrapinsta_ray.domain.models import (
    Following,
    FollowingPage,
    Kind,
    Media,
    MediaKind,
    Profile,
    Task,
)
from scrapinsta_ray.domain.scoring import scores_of
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.errors import PersonForgotten, StaleLease
from scrapinsta_ray.store import (
    audit,
    campaigns,
    control,
    finish,
    followings,
    forget,
    jobs,
    ledger,
    outbox,
    profiles,
    progress,
    suppressions,
    tasks,
    visits,
)
from scrapinsta_ray.store.database import Database, transaction
from scrapinsta_ray.store.forget import Erased
from scrapinsta_ray.store.jobs import Asked, Enqueued, Outreach
from scrapinsta_ray.store.tables import job_tasks, metadata

ME = "cli:op"
NAME = "zoe.zebra"
"""Whoever is forgotten; nothing else in these tests contains it."""


def forget_zoe(db: Database) -> Erased:
    return forget.forget(db, ME, NAME)


def everything(db: Database) -> str:
    """All that the database holds, by its tables; with SQLite, also the bytes of its files."""
    with db.begin(write=False) as tx:
        held = repr([[dict(row) for row in tx.execute(select(t)).mappings()] for t in metadata.sorted_tables])
    if db.is_sqlite and (path := db.engine.url.database):
        with open(path, "rb") as file:
            held += repr(file.read())
        with open(f"{path}-wal", "rb") as file:
            held += repr(file.read())
    return held


def knows_zoe(db: Database) -> bool:
    return NAME in everything(db).lower()


def counts(db: Database, client: str) -> dict[str, int]:
    with db.begin(write=False) as tx:
        return {
            "tasks": tx.execute(select(func.count()).select_from(job_tasks)).scalar_one(),
            "ledger": ledger.count(db, client),
            "suppressed": suppressions.count(db, client)[0],
        }


def send(db: Database, client: str, *names: str, account: str = "c1") -> Enqueued:
    return jobs.enqueue_messages(db, Asked(client, account), Outreach("Hola {first_name}", names))


def pull(db: Database, client: str = "acme") -> list[Task]:
    return outbox.pull(db, client, "c1", limit=10, ttl_s=60).tasks


def report(
    db: Database, task: Task, code: str = "sent", *, ok: bool = True, said: str | None = None
) -> Verdict | None:
    told = Report(ok, code, message=said, lease_id=task.lease_id)
    one = finish.Sent("acme", "c1", task.job_id, task.username, told)
    return finish.finish_messages(db, [one], retry_base_s=1)[0].verdict


def zoe() -> Profile:
    post = Media(f"{NAME}-1", "1", None, MediaKind.IMAGE, 1, 1)
    return Profile(NAME, full_name="Zoe Zebra", followers=10, media=(post,))


def a_page(*names: str) -> FollowingPage:
    return FollowingPage(tuple(Following(name) for name in names))


def fetch(db: Database, target: str, *names: str) -> str:
    made = jobs.enqueue_fetch(db, Asked("acme"), target, 10)
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    followings.save_page(db, task, a_page(*names), start=0)
    end(db, task)
    return made.job_id


def lease_one(db: Database, kind: Kind = Kind.ANALYZE_PROFILE) -> Task:
    [task] = tasks.lease_work(db, kind, limit=1, ttl_s=60)
    return task


def end(db: Database, task: Task, profile: Profile | None = None) -> Verdict | None:
    told = Report(True, "ok", lease_id=task.lease_id)
    score = scores_of([profile])[0] if profile else None
    work = finish.Work(task, told, "bot", {"account": "bot"}, profile, score)
    [ended] = finish.finish_work(db, [work], retry_base_s=1)
    campaigns.settle(db, [task.job_id])
    return ended.verdict


@pytest.fixture
def a_well_known_person(db: Database, a_client: str) -> str:
    """Read, followed, following, written to, suppressed, named in what was asked, by two clients."""
    fetch(db, NAME, "ana", "luz")
    fetch(db, "cafe", "ana", NAME)
    jobs.enqueue_analysis(db, Asked(a_client), [NAME], {"why": f"met @{NAME.upper()} at cafe", NAME: [1]})
    end(db, lease_one(db), zoe())
    jobs.enqueue_fetch(db, Asked("other", idempotency_key=f"list-of-{NAME}"), NAME, 5)
    send(db, a_client, NAME, "ana")
    written = next(task for task in pull(db) if task.username == NAME)
    report(db, written)
    suppressions.add(db, ME, a_client, [NAME], "asked")
    suppressions.add(db, ME, suppressions.EVERYBODY, [NAME], "asked")
    return NAME


@pytest.mark.usefixtures("a_well_known_person")
def test_no_name_is_left_and_counts_are_as_they_were(db: Database, a_client: str) -> None:
    before = counts(db, a_client)
    assert knows_zoe(db)
    erased = forget_zoe(db)
    assert not knows_zoe(db)
    assert counts(db, a_client) == before
    assert erased.rows == {
        "profiles": 1,
        "media": 1,
        "profile_scores": 1,
        "visits": 1,
        "followings": 3,
        "job_tasks": 4,
        "jobs": 3,
        "messages_sent": 1,
        "suppressions": 2,
    }
    assert erased.cancelled == 1
    [entry] = audit.entries(db, action="person.forgotten")
    assert (entry.actor, entry.subject, entry.details["rows"]) == (ME, erased.name, dict(erased.rows))


@pytest.mark.usefixtures("a_well_known_person")
def test_jobs_about_them_end_and_others_do_not_notice(db: Database, a_client: str) -> None:
    asked = progress.page(db, "other").items[0]["job_id"]
    running = send(db, a_client, "luz").job_id
    forget_zoe(db)
    assert progress.job(db, "other", asked)["status"] == "done"  # type: ignore[index]
    assert progress.job(db, a_client, running)["status"] == "running"  # type: ignore[index]
    [task] = progress.tasks(db, "other", asked).items  # type: ignore[union-attr]
    assert (task["status"], task["reason_code"]) == ("cancelled", "forgotten")
    assert [t.username for t in pull(db)] == ["luz"]


def test_whoever_was_forgotten_is_never_collected_or_written_to_again(db: Database, a_client: str) -> None:
    forget_zoe(db)
    for enqueue in (
        lambda: jobs.enqueue_fetch(db, Asked(a_client), NAME, 5),
        lambda: jobs.enqueue_campaign(db, Asked("other", "c1"), NAME, 5, {}, Outreach("Hola")),
    ):
        with pytest.raises(PersonForgotten):
            enqueue()
    read = jobs.enqueue_analysis(db, Asked(a_client), [NAME, "ana"], None)
    assert (read.total_items, read.skipped["suppressed"]) == (1, 1)
    sent = send(db, a_client, NAME, "ana")
    assert (sent.total_items, sent.skipped["suppressed"]) == (1, 1)
    assert suppressions.add(db, ME, a_client, [NAME], "opted_out").already == 1
    job_id = fetch(db, "cafe", "ana", NAME, "luz")
    shown = progress.results(db, a_client, job_id)
    assert shown
    assert [(row["username"], row["position"]) for row in shown.items] == [("ana", 0), ("luz", 2)]
    transaction(profiles.store)(db, [zoe()], scores_of([zoe()]))
    assert not knows_zoe(db)


def test_others_are_forgotten_for_themselves_alone(db: Database, a_client: str) -> None:
    near = [NAME + "s", "a" + NAME, NAME + ".b", NAME[:-1]]
    jobs.enqueue_analysis(db, Asked(a_client), near, {"people": near, "text": " ".join(near)})
    for name in near:
        suppressions.add(db, ME, a_client, [name], "asked")
    before = everything(db)
    forget_zoe(db)
    after = everything(db)
    assert all(after.count(f"'{name}'") >= before.count(f"'{name}'") for name in near)
    [job] = progress.page(db, a_client).items
    assert job["params"]["extra"]["text"] == " ".join(near)
    assert job["total_items"] == 4


def test_a_retry_asks_for_nobody_who_was_forgotten(db: Database, a_client: str) -> None:
    job_id = jobs.enqueue_analysis(db, Asked(a_client), [NAME], None).job_id
    task = lease_one(db)
    failed = finish.Work(task, Report(False, "not_found", lease_id=task.lease_id), "bot")
    finish.finish_work(db, [failed], retry_base_s=1)
    campaigns.settle(db, [job_id])
    forget_zoe(db)
    assert control.retry(db, a_client, job_id)
    assert tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60) == []
    assert progress.job(db, a_client, job_id)["status"] == "error"  # type: ignore[index]


def test_twice_is_as_good_as_once(db: Database, a_client: str) -> None:
    send(db, a_client, NAME)
    first, second = forget_zoe(db), forget_zoe(db)
    assert first.name == second.name
    assert first.rows["job_tasks"] == 1
    assert not any(second.rows.values())
    assert suppressions.count(db, suppressions.EVERYBODY) == (1, 1)


# ---- while something is under way ------------------------------------------------------------------------


def test_a_message_that_was_out_is_still_counted_when_it_comes_back(db: Database, a_client: str) -> None:
    send(db, a_client, NAME, "ana")
    held = {task.username: task for task in pull(db)}
    forget_zoe(db)
    batch = [
        finish.Sent(
            "acme",
            "c1",
            task.job_id,
            name,
            Report(True, "sent", message=f"to {name}", lease_id=task.lease_id),
        )
        for name, task in [*held.items(), ("nobody", held["ana"])]
    ]
    verdicts = [one.verdict for one in finish.finish_messages(db, batch, retry_base_s=1)]
    assert verdicts == [Verdict.REPEATED, Verdict.APPLIED, None]
    assert ledger.count(db, a_client) == 2
    assert not knows_zoe(db)


def test_a_late_wish_is_heard(db: Database, a_client: str) -> None:
    send(db, a_client, NAME)
    [task] = pull(db)
    forget_zoe(db)
    report(db, task, "opted_out", ok=False)
    assert suppressions.count(db, a_client) == (1, 1)
    assert not knows_zoe(db)


def test_another_tenant_s_report_still_finds_nothing(db: Database, a_client: str) -> None:
    send(db, a_client, NAME)
    [task] = pull(db)
    forget_zoe(db)
    one = finish.Sent("other", "c1", task.job_id, NAME, Report(True, "sent", lease_id=task.lease_id))
    assert finish.finish_messages(db, [one], retry_base_s=1)[0].verdict is None


def test_a_worker_that_was_reading_them_stores_nothing(db: Database, a_client: str) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), [NAME], None)
    reading = lease_one(db)
    jobs.enqueue_fetch(db, Asked(a_client), NAME, 5)
    fetching = lease_one(db, Kind.FETCH_FOLLOWINGS)
    forget_zoe(db)
    assert end(db, reading, zoe()) is not Verdict.APPLIED
    with pytest.raises(StaleLease):
        followings.save_page(db, fetching, a_page("ana"), start=0)
    assert not knows_zoe(db)


def test_forgotten_between_the_enqueue_and_the_visit(db: Database, a_client: str) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), [NAME, "ana"], None, max_age_hours=24)
    held = visits.lease_reads(db, limit=2, ttl_s=60).tasks
    forget_zoe(db)
    told = [end(db, task, Profile(task.username)) for task in held]
    assert told == [Verdict.REPEATED if task.username == NAME else Verdict.APPLIED for task in held]
    assert not knows_zoe(db)


def race(db: Database, work: Callable[[int], object]) -> None:
    """Four threads do `work(n)` over and over; in their midst zoe is forgotten."""
    going, stop = threading.Barrier(5), threading.Event()

    def keep_on(n: int) -> None:
        for turn in range(200):
            work(4 * turn + n)
            if turn == 3:
                going.wait(30)
            if turn > 5 and stop.is_set():
                return

    with ThreadPoolExecutor(4) as pool:
        threads = [pool.submit(keep_on, n) for n in range(4)]
        going.wait(30)
        forget_zoe(db)
        stop.set()
        for thread in threads:
            thread.result(60)


def test_forgotten_amid_pages_that_name_them(db: Database, a_client: str) -> None:
    for n in range(4):
        jobs.enqueue_fetch(db, Asked(a_client), f"cafe{n}", 5000)
    leased = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=4, ttl_s=600)

    def save(n: int) -> None:
        followings.save_page(db, leased[n % 4], a_page(f"p{n}", NAME, f"q{n}"), start=n)

    race(db, save)
    forget._leave_no_trace(db)
    assert not knows_zoe(db)


def test_forgotten_amid_requests_that_name_them(db: Database, a_client: str) -> None:
    def ask(n: int) -> None:
        jobs.enqueue_analysis(db, Asked(a_client), [f"p{n}", NAME], None)
        suppressions.add(db, ME, "other", [f"p{n}", NAME], "asked")

    race(db, ask)
    forget._leave_no_trace(db)
    assert not knows_zoe(db)


def test_forgotten_amid_results_about_them(db: Database, a_client: str) -> None:
    for _ in range(30):
        jobs.enqueue_analysis(db, Asked(a_client), [NAME], None)
    leased = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=30, ttl_s=600)

    def result(n: int) -> None:
        if n < len(leased):
            end(db, leased[n], zoe())

    race(db, result)
    forget._leave_no_trace(db)
    assert not knows_zoe(db)


def test_a_campaign_under_way_goes_on_without_them(db: Database, a_client: str) -> None:
    made = jobs.enqueue_campaign(db, Asked(a_client, "c1"), "cafe", 5, {}, Outreach("Hola"))
    task = lease_one(db, Kind.FETCH_FOLLOWINGS)
    followings.save_page(db, task, a_page("ana", NAME), start=0)
    forget_zoe(db)
    end(db, task)
    assert lease_one(db).username == "ana"
    with db.begin() as tx:  # and were they to be found once more
        tx.execute(update(job_tasks).values(payload=json.loads("{}")))
    assert made.stages
    assert not knows_zoe(db)

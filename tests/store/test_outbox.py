"""What a pull hands out: of one job, and never more than the hour and the day allow, whoever asks and however."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain.models import Task
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.errors import RateLimited
from scrapinsta_ray.store import clients, finish, jobs, outbox
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.finish import Ended, Sent
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, messages_sent
from tests.store.conftest import MANY_CALLS


def people(many: int, letter: str = "p") -> list[str]:
    return [f"{letter}{i}" for i in range(many)]


def enqueue(db: Database, names: Sequence[str], account: str = "c1", *, dry_run: bool = False) -> str:
    outreach = Outreach("Hola", names, dry_run=dry_run)
    return jobs.enqueue_messages(db, Asked("acme", account), outreach).job_id


def pull(db: Database, job_id: str | None = None, limit: int = 10, account: str = "c1") -> list[Task]:
    return outbox.pull(db, "acme", account, limit=limit, ttl_s=60, job_id=job_id).tasks


def report(task: Task, code: str = "sent") -> Sent:
    return Sent("acme", task.account, task.job_id, task.username, Report(True, code, lease_id=task.lease_id))


# ---- one job ---------------------------------------------------------------------------------------------


def test_a_pull_of_a_job_takes_that_jobs_messages_in_order(db: Database, a_client: str) -> None:
    enqueue(db, people(3, "a"))
    second = enqueue(db, people(3, "b"))
    assert [task.username for task in pull(db, second, 2)] == ["b0", "b1"]
    assert [task.username for task in pull(db, second)] == ["b2"]
    assert [task.username for task in pull(db)] == people(3, "a")


def test_a_pull_of_a_job_of_somebody_else_finds_nothing(db: Database, a_client: str) -> None:
    of_another_account = enqueue(db, people(2), "c2")
    clients.create(db, "other", "Other")
    theirs = jobs.enqueue_messages(db, Asked("other", "c1"), Outreach("Hola", people(2))).job_id
    analysis = jobs.enqueue_analysis(db, Asked("acme"), people(2), None).job_id
    for job_id in (of_another_account, theirs, analysis, "job:0", ""):
        assert pull(db, job_id) == []


def test_who_is_in_the_hands_of_another_job_waits(db: Database, a_client: str) -> None:
    first, second = enqueue(db, ["ana"]), enqueue(db, ["eva", "luz"])
    with db.begin() as tx:  # as two enqueues at the same moment could leave it
        tx.execute(update(job_tasks).where(job_tasks.c.username == "eva").values(username="ana"))
    assert [task.username for task in pull(db, first)] == ["ana"]
    assert [task.username for task in pull(db, second)] == ["luz"]


# ---- the hour and the day --------------------------------------------------------------------------------


@pytest.fixture(params=["hour", "day"])
def six_messages(db: Database, request: pytest.FixtureRequest) -> Database:
    """Twenty messages of two jobs for c1, of which it may write six in an hour or in a day."""
    limits = {"messages_per_hour": 50, "messages_per_day": 50, f"messages_per_{request.param}": 6}
    clients.create(db, "acme", "Acme")
    clients.set_limits(db, "acme", {**MANY_CALLS, **limits})
    return db


def test_of_32_pulls_at_once_by_key_and_by_job_exactly_six_come(six_messages: Database) -> None:
    db = six_messages
    ids = [None, enqueue(db, people(10, "a")), enqueue(db, people(10, "b"))]
    with ThreadPoolExecutor(16) as pool:
        every = [task for tasks in pool.map(lambda i: pull(db, ids[i % 3], 2), range(32)) for task in tasks]
    assert len({task.id for task in every}) == len(every) == 6
    finish.finish_messages(db, [report(task) for task in every], retry_base_s=1)
    assert [pull(db, job_id) for job_id in ids] == [[], [], []]
    with db.begin() as tx:
        hours = 2 if clients.get(db, "acme").messages_per_hour == 6 else 25  # type: ignore[union-attr]
        tx.execute(
            update(messages_sent)
            .where(messages_sent.c.dest_username == every[0].username)
            .values(sent_at=now(-3600 * hours))
        )
    assert len(pull(db)) == 1


def test_a_dry_run_counts_while_it_is_out_and_not_when_it_is_over(six_messages: Database) -> None:
    db = six_messages
    dry = enqueue(db, people(4, "d"), dry_run=True)
    enqueue(db, people(10, "e"))
    pulled = pull(db, dry)
    assert len(pulled) == 4
    assert len(pull(db)) == 2
    finish.finish_messages(db, [report(task, "dry_run") for task in pulled], retry_base_s=1)
    assert len(pull(db)) == 4
    assert pull(db) == []


# ---- results ---------------------------------------------------------------------------------------------


def finished(db: Database, *requests: Sequence[Sent]) -> list[list[Ended] | RateLimited]:
    return finish.finish_requests(db, requests, retry_base_s=1)


def states(db: Database) -> dict[str, str]:
    with db.begin(write=False) as tx:
        rows = tx.execute(select(job_tasks.c.username, job_tasks.c.status))
        return {row.username: row.status for row in rows}


def test_a_request_over_the_limit_touches_no_other_of_its_batch(db: Database, a_client: str) -> None:
    enqueue(db, people(7))
    sent = [report(task) for task in pull(db)]
    clients.set_limits(db, "acme", {"results_per_minute": 5})
    first, second, third = finished(db, sent[:3], sent[3:6], sent[6:])
    assert isinstance(second, RateLimited) and second.limit == "results"
    assert second.details["per_minute"] == 5 and second.retry_after_s > 0
    assert isinstance(first, list) and [one.verdict for one in first] == [Verdict.APPLIED] * 3
    assert isinstance(third, list) and [one.verdict for one in third] == [Verdict.APPLIED]
    assert states(db) == {f"p{i}": "sent" if i in (3, 4, 5) else "ok" for i in range(7)}


def test_a_client_over_its_limit_touches_no_other_client(db: Database, a_client: str) -> None:
    enqueue(db, people(2))
    mine = [report(task) for task in pull(db)]
    clients.create(db, "other", "Other")
    jobs.enqueue_messages(db, Asked("other", "c1"), Outreach("Hola", ["luz"]))
    [theirs] = outbox.pull(db, "other", "c1", limit=1, ttl_s=60).tasks
    clients.set_limits(db, "acme", {"results_per_minute": 1})
    other = Sent("other", "c1", theirs.job_id, "luz", Report(True, "sent", lease_id=theirs.lease_id))
    answers = finished(db, mine[:1], [other], mine[1:])
    assert [isinstance(answer, RateLimited) for answer in answers] == [False, False, True]
    assert states(db) == {"p0": "ok", "p1": "sent", "luz": "ok"}


def test_what_fits_is_answered_in_order_whatever_it_says(db: Database, a_client: str) -> None:
    enqueue(db, people(3))
    ana, eva, luz = [report(task) for task in pull(db)]
    stranger = Sent("acme", "c1", "job:0", "nobody", Report(True, "sent"))
    answers = finished(db, [ana, stranger], [luz], [ana, eva])
    verdicts = [[one.verdict for one in answer] for answer in answers if isinstance(answer, list)]
    assert verdicts == [[Verdict.APPLIED, None], [Verdict.APPLIED], [Verdict.REPEATED, Verdict.APPLIED]]


def test_a_list_longer_than_a_minute_has_is_late_but_not_impossible(db: Database, a_client: str) -> None:
    enqueue(db, people(4))
    sent = [report(task) for task in pull(db)]
    clients.set_limits(db, "acme", {"results_per_minute": 2})
    [taken] = finished(db, sent[:3])
    assert isinstance(taken, list)
    [refused] = finished(db, sent[3:])
    assert isinstance(refused, RateLimited) and 50 < refused.retry_after_s <= 60

"""Lease, renew, rescue, finish: the rows of the state table, on real databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.domain.models import Kind, Task
from scrapinsta_ray.domain.transitions import Report, Verdict
from scrapinsta_ray.store import clients, finish, jobs, ledger, outbox, progress, tasks
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, messages_sent, sending_accounts, suppressions


def enqueue(db: Database, client: str, names: list[str], priority: int = 5) -> str:
    return jobs.enqueue_analysis(db, Asked(client, priority=priority), names, None).job_id


def lease(db: Database, limit: int = 10, ttl_s: float = 60, after: str = "") -> list[Task]:
    return tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=limit, ttl_s=ttl_s, after_client=after)


def ended(db: Database, task: Task, report: Report) -> Verdict | None:
    return finish.finish_work(db, [finish.Work(task, report, "bot_1")], retry_base_s=10)[0].verdict


def sent(
    db: Database, task: Task, report: Report, client: str = "acme", account: str = "c1"
) -> Verdict | None:
    one = finish.Sent(client, account, task.job_id, task.username, report)
    return finish.finish_messages(db, [one], retry_base_s=10)[0].verdict


def state(db: Database, task: Task) -> str:
    with db.begin(write=False) as tx:
        return str(tx.execute(select(job_tasks.c.status).where(job_tasks.c.id == task.id)).scalar_one())


def expire(db: Database, task: Task) -> None:
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.id == task.id).values(lease_expires_at=now(-1)))


@pytest.fixture
def a_message(db: Database, a_client: str) -> Task:
    """A message in the hands of the client's account c1."""
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana"]))
    [task] = pull(db)
    return task


def pull(db: Database, limit: int = 10) -> list[Task]:
    return outbox.pull(db, "acme", "c1", limit=limit, ttl_s=60).tasks


def test_tenants_take_turns_then_priority_then_age(db: Database) -> None:
    enqueue(db, "big", [f"big{i}" for i in range(50)])
    enqueue(db, "big", ["urgent"], priority=1)
    enqueue(db, "small", ["only"])
    assert [t.username for t in lease(db, 4)] == ["urgent", "big0", "only"]
    assert [t.username for t in lease(db, 2, after="small")] == ["big1", "big2"]


def test_eight_pullers_get_every_task_once(db: Database) -> None:
    enqueue(db, "acme", [f"p{i}" for i in range(200)])

    def drain(_: int) -> list[int]:
        mine: list[int] = []
        while got := lease(db, 7):
            mine += [t.id for t in got]
        return mine

    with ThreadPoolExecutor(8) as pool:
        every = [i for mine in pool.map(drain, range(8)) for i in mine]
    assert len(every) == len(set(every)) == 200


def test_a_stale_worker_finishes_nothing(db: Database) -> None:
    enqueue(db, "acme", ["ana"])
    [old] = lease(db)
    expire(db, old)
    assert tasks.rescue(db) == []
    [new] = lease(db)
    assert new.attempts == 2
    assert new.lease_id != old.lease_id
    assert not tasks.renew(db, old.id, old.lease_id, 60, holder="bot_1")
    assert ended(db, old, Report(True, "ok", lease_id=old.lease_id)) is Verdict.CONFLICT
    assert ended(db, new, Report(True, "ok")) is Verdict.CONFLICT  # the fleet must name its lease
    assert ended(db, new, Report(True, "ok", lease_id=new.lease_id)) is Verdict.APPLIED
    assert ended(db, new, Report(True, "ok", lease_id=new.lease_id)) is Verdict.REPEATED
    assert ended(db, new, Report(False, "late", lease_id=new.lease_id)) is Verdict.CONFLICT


def test_a_retryable_error_waits_and_comes_back_until_no_attempt_is_left(db: Database) -> None:
    jobs.enqueue_analysis(db, Asked("acme", max_attempts=2), ["ana"], None)
    again = {"ok": False, "code": "retry_later", "retryable": True}
    [first] = lease(db)
    assert ended(db, first, Report(lease_id=first.lease_id, **again)) is Verdict.APPLIED  # type: ignore[arg-type]
    assert state(db, first) == "delayed"
    assert tasks.promote(db) == 0
    with db.begin() as tx:
        tx.execute(update(job_tasks).values(available_at=now(-1)))
    assert tasks.promote(db) == 1
    [second] = lease(db)
    ended(db, second, Report(lease_id=second.lease_id, **again))  # type: ignore[arg-type]
    assert state(db, second) == "error"


def test_a_lease_that_expires_for_the_last_time_ends_the_task(db: Database) -> None:
    job_id = jobs.enqueue_analysis(db, Asked("acme", max_attempts=1), ["ana"], None).job_id
    [task] = lease(db)
    expire(db, task)
    assert tasks.rescue(db) == [job_id]
    assert state(db, task) == "error"


def test_given_back_leases_cost_no_attempt(db: Database) -> None:
    enqueue(db, "acme", ["ana"])
    tasks.give_back(db, lease(db))
    assert tasks.promote(db) == 1
    [task] = lease(db)
    assert task.attempts == 1


def test_a_rescued_message_is_marked_and_a_late_ok_still_counts(db: Database, a_message: Task) -> None:
    expire(db, a_message)
    tasks.rescue(db)
    [again] = pull(db)
    assert again.maybe_sent
    assert sent(db, a_message, Report(False, "x", lease_id=a_message.lease_id)) is Verdict.CONFLICT
    assert sent(db, a_message, Report(True, "sent", lease_id=a_message.lease_id)) is Verdict.APPLIED
    assert ledger.count(db, "acme") == 1
    assert sent(db, again, Report(True, "sent", lease_id=again.lease_id)) is Verdict.REPEATED
    assert ledger.count(db, "acme") == 1


def test_another_tenant_or_account_reaches_no_message(db: Database, a_message: Task) -> None:
    report = Report(True, "sent", lease_id=a_message.lease_id)
    assert sent(db, a_message, report, client="other") is None
    assert sent(db, a_message, report, account="c2") is None
    assert state(db, a_message) == "sent"
    assert ledger.count(db, "acme") == 0


def test_nobody_is_written_to_twice(db: Database, a_message: Task) -> None:
    sent(db, a_message, Report(True, "sent", lease_id=a_message.lease_id))
    again = jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", ["ana", "@Ana", "luz", "no way"]))
    assert again.total_items == 1
    assert again.skipped["already_contacted"] == again.skipped["duplicate"] == again.skipped["invalid"] == 1
    cool = jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", ["ana"], cool_off_days=30))
    assert cool.skipped["cool_off"] == 1


def test_who_was_suppressed_since_is_not_handed_out(db: Database, a_client: str) -> None:
    job = jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana", "luz"]))
    with db.begin() as tx:
        tx.execute(
            suppressions.insert().values(client_id="", username="ana", reason="asked", created_at=now())
        )
    assert [t.username for t in pull(db, 1)] == ["luz"]
    summary = progress.summary(db, a_client, job.job_id)
    assert summary
    assert summary["cancelled"] == 1


def test_an_opt_out_suppresses_and_a_limit_pauses(db: Database, a_client: str) -> None:
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana", "luz"]))
    ana, luz = pull(db)
    sent(db, ana, Report(False, "opted_out", lease_id=ana.lease_id))
    assert jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("x", ["ana"])).skipped["suppressed"] == 1
    sent(db, luz, Report(False, "rate_limited", lease_id=luz.lease_id, retry_after_s=120))
    assert state(db, luz) == "delayed"
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.id == luz.id).values(available_at=now(-1)))
    tasks.promote(db)
    paused = outbox.pull(db, "acme", "c1", limit=5, ttl_s=60)
    assert paused.tasks == []
    assert 100 < paused.retry_after_s <= 120
    with db.begin() as tx:
        tx.execute(update(sending_accounts).values(paused_until=None))
    [again] = pull(db)
    assert again.attempts == 1  # being limited costs no attempt


def test_an_hour_counts_what_is_out_as_well(db: Database) -> None:
    clients.create(db, "acme", "Acme")  # 6 an hour
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", [f"p{i}" for i in range(20)]))
    with ThreadPoolExecutor(6) as pool:
        every = [t.id for got in pool.map(lambda _: pull(db, 3), range(6)) for t in got]
    assert len(every) == len(set(every)) == 6
    assert outbox.pull(db, "acme", "c1", limit=1, ttl_s=60).retry_after_s >= 30


def test_one_batch_may_say_the_same_thing_twice(db: Database, a_message: Task) -> None:
    report = Report(True, "sent", lease_id=a_message.lease_id)
    one = finish.Sent("acme", "c1", a_message.job_id, a_message.username, report)
    answers = finish.finish_messages(db, [one, one], retry_base_s=1)
    assert [a.verdict for a in answers] == [Verdict.APPLIED, Verdict.REPEATED]


def test_a_batch_with_one_message_of_another_lease_ends_the_others(db: Database, a_client: str) -> None:
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana", "luz", "sol"]))
    held = pull(db)
    reports = [Report(True, "dry_run", lease_id=held[0].lease_id) for _ in held]
    reports[1] = Report(True, "dry_run", lease_id="f" * 32)
    said = [finish.Sent("acme", "c1", t.job_id, t.username, r) for t, r in zip(held, reports, strict=True)]
    answers = finish.finish_messages(db, said, retry_base_s=1)
    assert [a.verdict for a in answers] == [Verdict.APPLIED, Verdict.CONFLICT, Verdict.APPLIED]
    assert [state(db, task) for task in held] == ["ok", "sent", "ok"]
    assert ledger.count(db, "acme") == 0


def test_a_batch_of_the_same_words_ends_whole_even_with_a_stale_lease_among_it(
    db: Database, a_client: str
) -> None:
    jobs.enqueue_messages(db, Asked(a_client, "c1"), Outreach("Hola", ["ana", "luz", "sol"]))
    held = pull(db)
    expire(db, held[1])
    tasks.rescue(db)
    said = [
        finish.Sent("acme", "c1", t.job_id, t.username, Report(True, "sent", lease_id=t.lease_id))
        for t in held
    ]
    answers = finish.finish_messages(db, said, retry_base_s=1)
    assert [a.verdict for a in answers] == [
        Verdict.APPLIED
    ] * 3  # a message that left is a fact, lease or not
    assert [state(db, task) for task in held] == ["ok"] * 3
    assert ledger.count(db, "acme") == 3


@pytest.mark.parametrize("number", [2, 150])
def test_each_task_of_a_batch_keeps_what_its_worker_said(db: Database, a_client: str, number: int) -> None:
    enqueue(db, a_client, [f"p{n}" for n in range(number)])
    leased = lease(db, limit=number)
    said = {task.id: {"text": f'{task.username}: "ñ" \\ 🎈 \n', "rate": 1 / (task.id + 2)} for task in leased}
    said[leased[0].id] = None  # type: ignore[assignment]
    works = [
        finish.Work(task, Report(True, "ok", lease_id=task.lease_id), f"bot.{task.id}", said[task.id])
        for task in leased
    ]
    finish.finish_work(db, works, retry_base_s=1)
    columns = (job_tasks.c.id, job_tasks.c.result, job_tasks.c.lease_holder, job_tasks.c.status)
    with db.begin(write=False) as tx:
        found = {row.id: row for row in tx.execute(select(*columns))}
    assert {row.result is None for row in found.values()} == {True, False}
    assert {task_id: row.result for task_id, row in found.items()} == said
    assert all(row.lease_holder == f"bot.{row.id}" for row in found.values())
    assert {row.status for row in found.values()} == {"ok"}


def test_an_analysis_of_no_valid_name_is_done_at_once(db: Database, a_client: str) -> None:
    made = jobs.enqueue_analysis(db, Asked(a_client), ["no good", ".."], None)
    assert (made.total_items, made.skipped["invalid"]) == (0, 2)
    summary = progress.summary(db, a_client, made.job_id)
    assert summary
    assert summary["status"] == "done"


def test_an_idempotency_key_has_one_job(db: Database) -> None:
    asked = Asked("acme", idempotency_key="k1")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: jobs.enqueue_analysis(db, asked, ["ana"], None), range(4)))
    assert len({m.job_id for m in made}) == 1
    other = jobs.enqueue_analysis(db, Asked("other", idempotency_key="k1"), ["ana"], None)
    assert other.job_id != made[0].job_id


def test_one_person_is_in_one_live_message_and_in_one_hand(db: Database, a_client: str) -> None:
    outreach = Outreach("Hola", ["ana", "luz"])
    jobs.enqueue_messages(db, Asked(a_client, "c1"), outreach)
    second = jobs.enqueue_messages(db, Asked(a_client, "c2"), outreach)
    assert (second.total_items, second.skipped["duplicate"]) == (0, 2)


def test_two_accounts_of_a_client_never_hold_the_same_person(db: Database, a_client: str) -> None:
    for account in ("c1", "c2"):
        jobs.enqueue_messages(db, Asked(a_client, account), Outreach("Hola", [f"only_{account}"]))
    with db.begin() as tx:  # as two enqueues at the same moment could leave it
        tx.execute(update(job_tasks).values(username="ana"))
    with ThreadPoolExecutor(2) as pool:
        both = list(
            pool.map(lambda account: outbox.pull(db, a_client, account, limit=5, ttl_s=60), ["c1", "c2"])
        )
    assert sum(len(pulled.tasks) for pulled in both) == 1
    [held] = [task for pulled in both for task in pulled.tasks]
    assert (
        sent(db, held, Report(True, "sent", lease_id=held.lease_id), account=held.account) is Verdict.APPLIED
    )
    with db.begin() as tx:
        tx.execute(update(job_tasks).where(job_tasks.c.status == "delayed").values(available_at=now(-1)))
    tasks.promote(db)
    other = "c2" if held.account == "c1" else "c1"
    assert outbox.pull(db, a_client, other, limit=5, ttl_s=60).tasks == []
    assert ledger.count(db, a_client) == 1


def ledger_row(db: Database) -> tuple[object, ...] | None:
    with db.begin(write=False) as tx:
        row = tx.execute(
            select(messages_sent.c.dest_username, messages_sent.c.code, messages_sent.c.sent_at)
        ).first()
    return tuple(row) if row else None


def test_a_message_that_left_after_a_dry_run_reaches_the_ledger(db: Database, a_message: Task) -> None:
    assert sent(db, a_message, Report(True, "dry_run", lease_id=a_message.lease_id)) is Verdict.APPLIED
    assert ledger_row(db) is None
    assert sent(db, a_message, Report(True, "sent", lease_id=a_message.lease_id)) is Verdict.REPEATED
    assert ledger_row(db)


def test_saying_it_again_leaves_the_ledger_as_it_was(db: Database, a_message: Task) -> None:
    report = Report(True, "sent", lease_id=a_message.lease_id)
    sent(db, a_message, report)
    first = ledger_row(db)
    sent(db, a_message, report)
    assert ledger_row(db) == first


def test_after_a_cool_off_the_ledger_tells_of_the_last_message(db: Database, a_message: Task) -> None:
    sent(db, a_message, Report(True, "sent", lease_id=a_message.lease_id))
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-40 * 86_400)))
    before = ledger_row(db)
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", ["ana"], cool_off_days=30))
    [again] = pull(db)
    sent(db, again, Report(True, "sent", lease_id=again.lease_id))
    assert ledger_row(db) != before
    assert ledger.count(db, "acme") == 1


def test_an_old_message_told_again_hides_no_new_one(db: Database, a_message: Task) -> None:
    old = finish.Sent(
        "acme", "c1", a_message.job_id, "ana", Report(True, "sent", lease_id=a_message.lease_id)
    )
    finish.finish_messages(db, [old], retry_base_s=10)
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-40 * 86_400)))
    before = ledger_row(db)
    jobs.enqueue_messages(db, Asked("acme", "c1"), Outreach("Hola", ["ana"], cool_off_days=30))
    [again] = pull(db)
    new = finish.Sent("acme", "c1", again.job_id, "ana", Report(True, "sent", lease_id=again.lease_id))
    ended = finish.finish_messages(db, [new, old], retry_base_s=10)
    assert [one.verdict for one in ended] == [Verdict.APPLIED, Verdict.REPEATED]
    assert ledger_row(db) != before


def test_an_opt_out_counts_even_under_a_stale_lease(db: Database, a_message: Task) -> None:
    assert sent(db, a_message, Report(False, "opted_out", lease_id="0" * 32)) is Verdict.CONFLICT
    skipped = jobs.enqueue_messages(db, Asked("acme", "c2"), Outreach("x", ["ana"])).skipped
    assert skipped["suppressed"] == 1

"""Templates: versions, retirement, and the same text to nobody twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import update

from scrapinsta_ray.domain.models import Following, FollowingPage, Kind, Profile, Score, Task
from scrapinsta_ray.domain.pacing import DAY_S
from scrapinsta_ray.domain.scoring import MODEL
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.errors import TemplateRetired, UnknownTemplate
from scrapinsta_ray.store import (
    audit,
    campaigns,
    control,
    finish,
    followings,
    jobs,
    outbox,
    profiles,
    progress,
    tasks,
    templates,
)
from scrapinsta_ray.store.database import Database, now, transaction
from scrapinsta_ray.store.jobs import Asked, Outreach
from scrapinsta_ray.store.tables import job_tasks, messages_sent
from scrapinsta_ray.store.templates import Template

ME = "key:abc"


@pytest.fixture
def a_template(db: Database, a_client: str) -> Template:
    return templates.create(db, ME, a_client, "Hello", "Hola {first_name}")


def write(
    db: Database, template: Template, *names: str, account: str = "c1", **more: object
) -> jobs.Enqueued:
    outreach = Outreach(None, names, template_id=template.id, **more)  # type: ignore[arg-type]
    return jobs.enqueue_messages(db, Asked("acme", account, max_attempts=1), outreach)


def pull(db: Database, account: str = "c1") -> list[Task]:
    return outbox.pull(db, "acme", account, limit=10, ttl_s=60).tasks


def report(db: Database, task: Task, code: str, *, ok: bool = False) -> None:
    said = Report(ok, code, lease_id=task.lease_id)
    finish.finish_messages(db, [finish.Sent("acme", "c1", task.job_id, task.username, said)], retry_base_s=1)


def test_the_newest_version_is_written_until_it_is_retired(db: Database, a_template: Template) -> None:
    write(db, a_template, "ana")
    second = templates.add_version(db, ME, "acme", a_template.id, "Buenas {username}")
    assert (second.version, second.name) == (2, "Hello")
    write(db, a_template, "luz")
    assert [task.payload["message"] for task in pull(db)] == ["Hola ana", "Buenas luz"]
    assert templates.retire(db, ME, "acme", a_template.id).retired_at
    with pytest.raises(TemplateRetired):
        write(db, a_template, "sol")
    with pytest.raises(TemplateRetired):
        templates.add_version(db, ME, "acme", a_template.id, "x")
    assert templates.get(db, "acme", a_template.id).retired_at
    assert [e.action for e in audit.entries(db)] == [
        "template.retired",
        "template.changed",
        "template.created",
    ]


@pytest.mark.parametrize(
    "use",
    [
        lambda db, template: templates.get(db, "other", template),
        lambda db, template: templates.retire(db, ME, "other", template),
        lambda db, template: templates.add_version(db, ME, "other", template, "x"),
        lambda db, template: jobs.enqueue_messages(
            db, Asked("other", "c1"), Outreach(None, ["ana"], template_id=template)
        ),
        lambda db, template: jobs.enqueue_campaign(
            db, Asked("other", "c1"), "cafe", 5, {}, Outreach(None, template_id=template)
        ),
    ],
)
def test_another_client_s_template_is_unknown(
    db: Database, a_template: Template, use: Callable[[Database, str], object]
) -> None:
    for template_id in (a_template.id, "tpl:0"):
        with pytest.raises(UnknownTemplate):
            use(db, template_id)
    assert templates.page(db, "other") == []


def test_pages_go_from_the_newest_on(db: Database, a_client: str) -> None:
    made = [templates.create(db, ME, a_client, str(n), "x").id for n in range(5)]
    templates.add_version(db, ME, a_client, made[3], "y")
    first = templates.page(db, a_client, limit=2)
    rest = templates.page(db, a_client, before=first[-1].id)
    assert [t.id for t in (*first, *rest)] == sorted(made, reverse=True)
    assert {t.text for t in first} <= {"x", "y"}


def test_a_preview_shows_what_is_known_of_each(db: Database) -> None:
    ana = Profile("ana", full_name="Ana García", category="Café")
    transaction(profiles.store)(db, [ana], [])
    shown = templates.preview(db, "{first_name}, {category}", ["ana", "luz"])
    assert shown == {"ana": "Ana, Café", "luz": "luz, "}


def test_nobody_gets_the_same_text_twice_even_after_a_cool_off(db: Database, a_template: Template) -> None:
    write(db, a_template, "ana", "luz")
    ana, luz = pull(db)
    report(db, ana, "sent", ok=True)
    report(db, luz, "not_allowed")
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-10 * DAY_S)))
    again = write(db, a_template, "ana", "luz", cool_off_days=1)
    assert (again.total_items, again.skipped["duplicate"]) == (1, 1)
    other_text = jobs.enqueue_messages(
        db, Asked("acme", "c1"), Outreach("Otra cosa", ["ana"], cool_off_days=1)
    )
    assert other_text.total_items == 1


def test_whoever_may_have_had_it_does_not_get_it_again(db: Database, a_template: Template) -> None:
    made = write(db, a_template, "ana", "luz", "sol")
    ana, _luz, sol = pull(db)
    report(db, ana, "unknown")
    with db.begin() as tx:  # luz's sender falls silent
        tx.execute(update(job_tasks).where(job_tasks.c.username == "luz").values(lease_expires_at=now(-1)))
    tasks.rescue(db)
    control.cancel(db, "acme", made.job_id)
    assert write(db, a_template, "ana", "luz", "sol").skipped["duplicate"] == 3
    report(db, sol, "sent", ok=True)  # and it did


def test_a_retry_leaves_out_who_had_it_from_another_job(db: Database, a_template: Template) -> None:
    first = write(db, a_template, "ana", "luz")
    for task in pull(db):
        report(db, task, "not_allowed")
    campaigns.settle(db, [first.job_id])
    write(db, a_template, "ana")
    [ana] = pull(db)
    report(db, ana, "sent", ok=True)
    assert control.retry(db, "acme", first.job_id)
    with db.begin() as tx:
        tx.execute(update(messages_sent).values(sent_at=now(-10 * DAY_S)))
    assert [task.username for task in pull(db)] == ["luz"]


def test_a_dry_run_is_no_message(db: Database, a_template: Template) -> None:
    write(db, a_template, "ana", dry_run=True)
    [task] = pull(db)
    report(db, task, "dry_run", ok=True)
    assert write(db, a_template, "ana").total_items == 1


def test_of_many_who_ask_at_once_one_writes_to_each_person(db: Database, a_template: Template) -> None:
    names = [f"p{i}" for i in range(20)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda n: write(db, a_template, *names, account=f"c{n}"), range(6)))
    assert sum(one.total_items for one in made) == 20


def run_to_messages(db: Database) -> None:
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    followings.save_page(db, task, FollowingPage((Following("ana"),)), start=0)
    end(db, task)
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    end(db, task, Profile("ana", full_name="Ana"), Score("ana", MODEL, 0.1, 0.9))


def end(db: Database, task: Task, profile: Profile | None = None, score: Score | None = None) -> None:
    work = finish.Work(task, Report(True, "ok", lease_id=task.lease_id), "bot", None, profile, score)
    finish.finish_work(db, [work], retry_base_s=1)
    campaigns.settle(db, [task.job_id])


def test_a_campaign_writes_the_version_of_the_day_its_messages_are_made(
    db: Database, a_template: Template
) -> None:
    jobs.enqueue_campaign(db, Asked("acme", "c1"), "cafe", 5, {}, Outreach(None, template_id=a_template.id))
    templates.add_version(db, ME, "acme", a_template.id, "Nueva, {first_name}")
    run_to_messages(db)
    [task] = pull(db)
    assert task.payload["message"] == "Nueva, Ana"


def test_a_campaign_whose_template_was_retired_ends_and_says_why(db: Database, a_template: Template) -> None:
    made = jobs.enqueue_campaign(
        db, Asked("acme", "c1"), "cafe", 5, {}, Outreach(None, template_id=a_template.id)
    )
    templates.retire(db, ME, "acme", a_template.id)
    run_to_messages(db)
    assert pull(db) == []
    shown = progress.job(db, "acme", made.job_id)
    assert shown
    assert (shown["status"], shown["reason_code"]) == ("error", "template_retired")
    assert [stage["status"] for stage in shown["stages"]] == ["done", "done", "error"]

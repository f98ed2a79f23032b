"""A long following list, whose collectors are killed, goes on where its last page was stored."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Kind, Task
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.errors import StaleLease
from scrapinsta_ray.store import campaigns, finish, followings, jobs, progress, tasks
from scrapinsta_ray.store.database import Database, now
from scrapinsta_ray.store.jobs import Asked
from scrapinsta_ray.store.tables import followings as table
from scrapinsta_ray.store.tables import job_tasks

ROWS, PAGE = 10_000, 50

COLLECTOR = f"""
import sys
from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Kind
from scrapinsta_ray.store import followings, tasks
from scrapinsta_ray.store.database import Database

db = Database(sys.argv[1])
[task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=600)
reached = followings.reached(db, task)
assert reached.collected == int(reached.cursor or 0)
print("began", reached.collected, flush=True)
while not reached.completeness:
    at = reached.collected
    users = tuple(Following(f"f{{i}}") for i in range(at, at + {PAGE}))
    end = at + {PAGE}
    page = FollowingPage(users, str(end), Completeness.TRUNCATED if end == {ROWS} else None)
    reached = followings.save_page(db, task, page, start=at)
    print("page", end, flush=True)
"""


def lease(db: Database) -> Task:
    [task] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=600)
    return task


def stored(db: Database) -> int:
    with db.begin(write=False) as tx:
        return tx.scalar(select(func.count()).select_from(table)) or 0


def collect_until_killed(db: Database, pages: int) -> int:
    """Where a collector began that was killed in its `pages`-th page or later."""
    url = db.engine.url.render_as_string(hide_password=False)
    with subprocess.Popen(
        [sys.executable, "-c", COLLECTOR, url],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout
        began = int(process.stdout.readline().split()[1])
        for _ in range(pages):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    with db.begin() as tx:
        tx.execute(update(job_tasks).values(lease_expires_at=now(-1)))
    tasks.rescue(db)
    return began


def test_a_list_of_10_000_survives_kills(db: Database, a_client: str) -> None:
    job_id = jobs.enqueue_fetch(db, Asked(a_client, max_attempts=9), "cafe", ROWS).job_id
    began = [collect_until_killed(db, 12) for _ in range(3)]
    assert began[0] == 0 and began[1] >= 12 * PAGE and began[2] >= began[1] + 12 * PAGE
    task = lease(db)
    reached = followings.reached(db, task)
    assert reached.collected == stored(db) >= began[2] + 12 * PAGE
    until = time.monotonic() + 100
    while not reached.completeness and time.monotonic() < until:
        start = reached.collected
        end = min(start + 500, ROWS)
        page = FollowingPage(
            tuple(Following(f"f{i}") for i in range(start, end)),
            str(end),
            Completeness.TRUNCATED if end == ROWS else None,
        )
        reached = followings.save_page(db, task, page, start=start)
    report = Report(True, "ok", lease_id=task.lease_id)
    result = {"followings": reached.collected, "completeness": reached.completeness}
    finish.finish_work(db, [finish.Work(task, report, "bot_1", result)], retry_base_s=1)
    campaigns.settle(db, [job_id])
    assert stored(db) == ROWS
    found = progress.results(db, a_client, job_id, after=ROWS - 3, limit=10)
    assert found and [row["username"] for row in found.items] == ["f9998", "f9999"]
    assert found.completeness == "truncated"
    shown = progress.tasks(db, a_client, job_id)
    assert shown and shown.items[0]["result"] == {"followings": ROWS, "completeness": "truncated"}


@pytest.mark.parametrize("end", Completeness)
def test_a_list_says_how_it_ended(db: Database, a_client: str, end: Completeness) -> None:
    job_id = jobs.enqueue_fetch(db, Asked(a_client), "cafe", 100).job_id
    task = lease(db)
    page = FollowingPage((Following("ana"),), "next")
    followings.save_page(db, task, page, start=0)
    found = progress.results(db, a_client, job_id)
    assert found and found.completeness is None and len(found.items) == 1
    followings.save_page(db, task, FollowingPage((), None, end), start=1)
    assert followings.reached(db, task).completeness is end
    found = progress.results(db, a_client, job_id)
    assert found and found.completeness == end


def test_a_stale_collector_stores_nothing(db: Database, a_client: str) -> None:
    jobs.enqueue_fetch(db, Asked(a_client), "cafe", 100)
    zombie = lease(db)
    with db.begin() as tx:
        tx.execute(update(job_tasks).values(lease_expires_at=now(-1)))
    tasks.rescue(db)
    heir = lease(db)
    with pytest.raises(StaleLease):
        followings.save_page(db, zombie, FollowingPage((Following("late"),), "x"), start=0)
    assert stored(db) == 0
    followings.save_page(db, heir, FollowingPage((Following("ana"),), "x"), start=0)
    assert stored(db) == 1

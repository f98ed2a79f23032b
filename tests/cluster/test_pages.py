"""Pages of a list are stored in their order, behind their reader, and all of them however it ends."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from scrapinsta_ray.cluster.pages import Pages
from scrapinsta_ray.domain.models import Completeness, Following, FollowingPage, Kind, Task
from scrapinsta_ray.errors import CoolDown, StaleLease
from scrapinsta_ray.store import clients, jobs, schema, tasks
from scrapinsta_ray.store import followings as stored
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.followings import Reached
from scrapinsta_ray.store.tables import followings, job_tasks


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/pages.db")
    schema.upgrade(database)
    clients.create(database, "acme", "acme")
    yield database
    database.dispose()


@pytest.fixture
def task(db: Database) -> Task:
    jobs.enqueue_fetch(db, jobs.Asked("acme"), "cafe_lucia", 100)
    [leased] = tasks.lease_work(db, Kind.FETCH_FOLLOWINGS, limit=1, ttl_s=60)
    return leased


def page(number: int, last: bool = False) -> FollowingPage:
    users = tuple(Following(f"user_{number}_{n}") for n in range(3))
    return FollowingPage(users, None if last else f"c{number}", Completeness.COMPLETE if last else None)


def rows(db: Database) -> list[str]:
    with db.begin(write=False) as tx:
        return list(tx.scalars(select(followings.c.username).order_by(followings.c.position)))


def names(*pages: FollowingPage) -> list[str]:
    return [user.username for one in pages for user in one.users]


def test_pages_are_stored_in_their_order_with_the_cursor_behind_them(db: Database, task: Task) -> None:
    given = [page(1), page(2), page(3, last=True)]
    with Pages(db, task, Reached()) as pages:
        for one in given:
            pages.add(one)
            pages.store()
    assert pages.reached() == Reached(9, None, Completeness.COMPLETE) == stored.reached(db, task)
    assert rows(db) == names(*given)


def interrupted(db: Database, task: Task, *given: FollowingPage) -> None:
    with Pages(db, task, Reached()) as pages:
        for one in given:
            pages.add(one)
        raise CoolDown


def test_what_was_added_is_stored_whatever_ends_the_reading(db: Database, task: Task) -> None:
    with pytest.raises(CoolDown):
        interrupted(db, task, page(1), page(2))
    assert stored.reached(db, task) == Reached(6, "c2")
    assert rows(db) == names(page(1), page(2))


def test_a_page_is_written_while_the_next_is_read_and_before_it_is_taken(
    db: Database, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write = threading.Event()
    save = stored.save_page

    def slow(*arguments: object, **more: int) -> Reached:
        assert may_write.wait(10)
        return save(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(stored, "save_page", slow)
    with Pages(db, task, Reached()) as pages:
        pages.add(page(1))
        pages.store()
        assert rows(db) == []
        may_write.set()
        pages.add(page(2))
        assert rows(db) == names(page(1))


def lose(db: Database) -> None:
    with db.begin() as tx:
        tx.execute(update(job_tasks).values(lease_id="another"))


def add_one_more(pages: Pages) -> None:
    pages.add(page(3))


def end(pages: Pages) -> None:
    """The end of the `with` tells it too."""


def lost_midway(db: Database, task: Task, then: Callable[[Pages], None]) -> None:
    with Pages(db, task, Reached()) as pages:
        pages.add(page(1))
        pages.reached()
        lose(db)
        pages.add(page(2))
        pages.store()
        then(pages)


@pytest.mark.parametrize("then", [add_one_more, end])
def test_whoever_has_lost_the_task_stores_no_page_and_is_told(
    db: Database, task: Task, then: Callable[[Pages], None]
) -> None:
    with pytest.raises(StaleLease):
        lost_midway(db, task, then)
    assert rows(db) == names(page(1))


def test_what_the_site_said_counts_more_than_a_page_that_could_not_be_stored(
    db: Database, task: Task
) -> None:
    lose(db)
    with pytest.raises(CoolDown):
        interrupted(db, task, page(1))
    assert rows(db) == []

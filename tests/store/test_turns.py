"""An account's turns: windows, gaps, rests and hours as rows, which no restart and no move forgets."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from math import inf

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from scrapinsta_ray.domain.hours import WorkingHours
from scrapinsta_ray.domain.models import Action, Kind, Signal
from scrapinsta_ray.domain.pacing import HOUR_S, Pace, Window, next_free
from scrapinsta_ray.domain.retention import Retention
from scrapinsta_ray.store import accounts, jobs, leases, tasks, turns
from scrapinsta_ray.store.accounts import Account
from scrapinsta_ray.store.database import Database, clock, now
from scrapinsta_ray.store.jobs import Asked
from scrapinsta_ray.store.leases import Lease
from scrapinsta_ray.store.prune import ACTIONS_DAYS, Upkeep
from scrapinsta_ray.store.tables import account_actions
from scrapinsta_ray.store.tables import accounts as table
from scrapinsta_ray.store.turns import Turn

READ, PAGE = Action.PROFILE_READ, Action.FOLLOWING_PAGE
FREE = Pace({READ: Window(3, HOUR_S), PAGE: Window(2, HOUR_S)})
GAPS = Pace(FREE.windows, 100, 100)


@pytest.fixture
def bot(db: Database) -> str:
    accounts.add(db, MultiFernet([Fernet(Fernet.generate_key())]), "bot_1", "secret")
    return "bot_1"


def take(
    db: Database, bot: str, action: Action = READ, pace: Pace = FREE, lease: Lease | None = None
) -> Turn:
    return turns.take(db, bot, action, pace, draw=0.5, lease=lease)


def hear(db: Database, bot: str, signal: Signal, pace: Pace = FREE) -> None:
    turns.heard(db, bot, signal, pace, draw=0.5)


def shown(db: Database) -> Account:
    [account] = accounts.everyone(db)
    return account


def pass_by(db: Database, seconds: float) -> None:
    """So long passes for the account."""
    with db.begin() as tx:
        for row in tx.execute(select(account_actions)).all():
            at = row.at - timedelta(seconds=seconds)
            tx.execute(update(account_actions).where(account_actions.c.id == row.id).values(at=at))
        for row in tx.execute(select(table)).all():
            values = {
                name: getattr(row, name) - timedelta(seconds=seconds)
                for name in ("free_at", "next_at", "last_used_at")
                if getattr(row, name)
            }
            tx.execute(update(table).where(table.c.username == row.username).values(values))


def test_a_window_is_spent_action_by_action_and_opens_again(db: Database, bot: str) -> None:
    assert [take(db, bot).why for _ in range(5)] == [None, None, None, "window", "window"]
    assert HOUR_S - 60 < take(db, bot).wait_s <= HOUR_S
    assert [take(db, bot, PAGE).why for _ in range(3)] == [None, None, "window"]
    assert (shown(db).left(READ, FREE), shown(db).left(PAGE, FREE)) == (0, 0)
    assert shown(db).next_start(READ, FREE)[1] == "window"
    pass_by(db, HOUR_S + 1)
    assert (shown(db).left(READ, FREE), shown(db).next_start(READ, FREE)[1]) == (3, None)
    assert take(db, bot).why is None


def test_nothing_is_in_memory(db: Database, bot: str) -> None:
    for _ in range(3):
        take(db, bot)
    hear(db, bot, Signal.COOLDOWN)
    before = shown(db)
    elsewhere = Database(db.engine.url.render_as_string(hide_password=False))
    assert take(elsewhere, bot).why == "window"
    after = accounts.everyone(elsewhere)[0]
    assert (after.past, after.used, after.oldest, after.slowness) == (
        before.past,
        before.used,
        before.oldest,
        before.slowness,
    )
    elsewhere.dispose()


def test_many_at_once_never_exceed_the_window(db: Database, bot: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: take(db, bot), range(16)))
    assert sum(answer.why is None for answer in answers) == 3


def test_a_gap_follows_each_action_and_each_answer_and_a_bad_one_doubles_it(db: Database, bot: str) -> None:
    assert take(db, bot, pace=GAPS) == Turn()
    turn = take(db, bot, pace=GAPS)
    assert turn.why == "gap" and 90 < turn.wait_s <= 100
    pass_by(db, 60)
    hear(db, bot, Signal.OK, GAPS)
    assert 90 < take(db, bot, pace=GAPS).wait_s <= 100, "from the task's end on"
    hear(db, bot, Signal.COOLDOWN, GAPS)
    assert 190 < take(db, bot, pace=GAPS).wait_s <= 200
    hear(db, bot, Signal.OK, GAPS)
    assert 190 < take(db, bot, pace=GAPS).wait_s <= 200, "what was said before holds"
    pass_by(db, 300)
    assert take(db, bot, pace=GAPS) == Turn()
    assert 170 < take(db, bot, pace=GAPS).wait_s <= 180, "a tenth shorter after a good answer"


def test_cooldowns_double_and_the_third_of_a_day_parks_until_tomorrow(db: Database, bot: str) -> None:
    zone = WorkingHours(0, 1440, _zone_at_noon(db))
    turns.set_hours(db, bot, zone)
    assert turns.cool_down(db, bot, None) == 600
    assert take(db, bot).why == "cooldown"
    assert turns.cool_down(db, bot, None) == 1200
    assert shown(db).status_reason is None
    assert turns.cool_down(db, bot, None) > 10 * 3600
    account = shown(db)
    assert account.status == "active" and "3 cooldowns" in str(account.status_reason)
    assert account.past.free_at == zone.tomorrow(account.now)
    accounts.set_status(db, [bot], "active")  # a person looked
    assert take(db, bot) == Turn()
    assert turns.cool_down(db, bot, None) == 600


def _zone_at_noon(db: Database) -> str:
    """An offset at which it is about noon now, so that no midnight comes between."""
    with db.begin(write=False) as tx:
        hour = clock(tx).hour
    return f"{12 - hour:+d}"


def test_a_good_answer_ends_the_row_of_cooldowns_but_not_the_rest(db: Database, bot: str) -> None:
    turns.cool_down(db, bot, None)
    hear(db, bot, Signal.OK)
    assert take(db, bot).why == "cooldown"
    assert turns.cool_down(db, bot, None) == 600


def test_what_the_site_asks_for_is_kept_and_never_shortened(db: Database, bot: str) -> None:
    assert turns.cool_down(db, bot, 7200) == 7200
    turns.cool_down(db, bot, None)
    assert 7100 < take(db, bot).wait_s <= 7200


def test_outside_its_hours_an_account_rests(db: Database, bot: str) -> None:
    with db.begin(write=False) as tx:
        at = clock(tx)
    closed = WorkingHours((at.hour + 2) % 24 * 60, (at.hour + 3) % 24 * 60)
    assert turns.set_hours(db, bot, closed, actor="cli:ana")
    turn = take(db, bot)
    assert turn.why == "hours" and 3600 <= turn.wait_s <= 7200
    assert turns.look(db, bot).why == "hours"
    assert turns.set_hours(db, bot, None)
    assert take(db, bot) == Turn()
    assert not turns.set_hours(db, "nobody", closed)


@pytest.mark.parametrize("status", ["paused", "needs_human", "dead"])
def test_a_parked_account_touches_nothing_until_a_person_resumes_it(
    db: Database, bot: str, status: str
) -> None:
    accounts.set_status(db, [bot], status, "why")
    assert take(db, bot) == turns.look(db, bot) == Turn(inf, status)
    assert turns.take(db, "nobody", READ, FREE, draw=0) == Turn(inf, "removed")
    accounts.set_status(db, [bot], "active")
    assert take(db, bot) == turns.look(db, bot) == Turn()


def test_only_the_holder_of_the_lease_has_a_turn(db: Database, bot: str) -> None:
    mine = leases.acquire(db, "account:bot_1", "host_a:1:x", 60)
    assert isinstance(mine, Lease)
    assert take(db, bot, lease=mine) == Turn()
    leases.release(db, mine)
    assert take(db, bot, lease=mine) == turns.look(db, bot, mine) == Turn(inf, "lease")
    other = leases.acquire(db, "account:bot_1", "host_b:2:y", 60)
    assert isinstance(other, Lease)
    assert take(db, bot, lease=mine).why == "lease"
    assert take(db, bot, lease=other) == Turn()
    assert shown(db).left(READ, FREE) == 1, "the move reset nothing"
    assert shown(db).worker == "host_b:2:y"


def test_an_account_shows_its_task(db: Database, bot: str, a_client: str) -> None:
    jobs.enqueue_analysis(db, Asked(a_client), ["ana"], None)
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    tasks.renew(db, task.id, task.lease_id, 60, holder=bot)
    assert shown(db).task_id == task.task_id


def test_old_actions_go_with_the_upkeep_and_no_window_misses_them(db: Database, bot: str) -> None:
    take(db, bot)
    pass_by(db, ACTIONS_DAYS * 24 * HOUR_S + 1)
    take(db, bot)
    Upkeep(db, Retention()).turn()
    with db.begin(write=False) as tx:
        assert tx.scalar(select(func.count()).select_from(account_actions)) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0, 3 * HOUR_S), min_size=1, max_size=12), st.integers(1, 5))
def test_the_store_answers_as_the_pure_rule_does(
    db: Database, bot: str, ago_s: list[float], limit: int
) -> None:
    """Whatever was stored before a restart: the turn comes when the rule says."""
    window = Window(limit, HOUR_S)
    with db.begin() as tx:
        tx.execute(account_actions.delete())
        for seconds in ago_s:
            at = now(-seconds)
            tx.execute(insert(account_actions).values(username=bot, action=READ, amount=1, at=at))
        times: list[datetime] = list(tx.scalars(select(account_actions.c.at)))
        expected_s = (next_free(window, times, clock(tx)) - clock(tx)).total_seconds()
    turn = take(db, bot, pace=Pace({READ: window}))
    assert turn.wait_s == pytest.approx(max(0.0, expected_s), abs=1)

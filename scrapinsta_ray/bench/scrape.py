"""`bench scrape`: one account against bare Selenium, and what eight accounts cost. The site answers at once."""

import contextlib
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

from scrapinsta_ray import settings
from scrapinsta_ray.bench.figures import Figure, Report, shown
from scrapinsta_ray.bench.hardware import hardware
from scrapinsta_ray.bench.processes import processor_s, pss, trees
from scrapinsta_ray.bench.registry import Say
from scrapinsta_ray.bench.servers import new_folder, running_simulator
from scrapinsta_ray.bench.timing import Stopwatch
from scrapinsta_ray.instagram import chromium

CLIENT = "acme"
TARGET = "sigue_a_todos"
"""Of the simulated people, the one who follows all others."""

ACCOUNTS = 8
_MEGABYTE = 2**20
_FORM = {"page_size": "12", "max_id": "", "include_feed_video": "true"}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    profiles: int = 25
    slice: int = 5  # profiles that one side reads before it is the other's turn
    rounds: int = 60
    followings: int = 1_000
    lists: int = 15
    reads_each: int = 8  # by each of the eight accounts, before they are weighed
    settle_s: float = 40.0  # a browser's chores after its start, and the last collection of its garbage
    idle_s: float = 60.0
    population: int = 2_000


FULL = Size()
QUICK = Size(profiles=10, rounds=12, lists=3, reads_each=2, settle_s=5, idle_s=6)
TINY = Size(
    profiles=2, slice=2, rounds=1, followings=60, lists=1, reads_each=1, settle_s=1, idle_s=1, population=400
)


def run(quick: bool, say: Say) -> Report:
    """The table of what reading costs."""
    return measure(QUICK if quick else FULL, say)


def measure(size: Size, say: Say, accounts: int = ACCOUNTS) -> Report:
    """The report at any `size`."""
    say("a simulated site")
    with new_folder() as home, running_simulator(home, population=size.population) as site:
        _set(home, site)
        people = _people(site, max(size.profiles, size.reads_each * accounts))
        say("an account and bare Selenium")
        with _worker() as worker, _bare(home, site) as bare:
            say(f"profiles, {size.rounds} times {size.slice} in turns")
            figures = [_profiles(worker, bare, dict(list(people.items())[: size.profiles]), size)]
            say(f"a list of {size.followings:,}, {size.lists} times in turns")
            figures.append(_followings(worker, bare, size))
        say(f"{accounts} accounts on Ray")
        figures += _eight(people, size, say, accounts)
    return Report("scrape", hardware(), figures)


# ---- what is measured on ---------------------------------------------------------------------------------


def _set(home: Path, site: str) -> None:
    """The settings of this process and its children: that site, a store of its own, no pacing."""
    pacing = {"ACTION_GAP_MIN_S": "0", "ACTION_GAP_MAX_S": "0"}
    windows = {"PROFILE_READS_PER_HOUR": "1000000", "FOLLOWING_PAGES_PER_HOUR": "1000000"}
    browsers = {"PARK_AFTER_S": "1", "BROWSER_TASKS": "1000000", "BROWSER_MEMORY_MB": "4000"}
    given = {"HOME": str(home), "SITE_URL": site, "LOG_LEVEL": "ERROR", **pacing, **windows, **browsers}
    for name in [name for name in os.environ if name.startswith("SCRAPINSTA_")]:
        del os.environ[name]
    os.environ.update({f"SCRAPINSTA_{name}": value for name, value in given.items()})


def _asked(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def _people(site: str, number: int) -> dict[str, str]:
    """Public profiles with enough posts that reading one takes two calls: name and id."""
    names = _asked(f"{site}/_truth/followings/{TARGET}")["usernames"][:300]
    users = _asked(f"{site}/_truth/users?usernames={','.join(names)}")["users"]
    open_ones = {
        name: user["id"]
        for name, user in users.items()
        if user and not user["is_private"] and user["posts"] > 12
    }
    return dict(list(open_ones.items())[:number])


class Account:
    """A bot account's worker as the fleet runs it, but in this process: leases, turns, browser, parsers, store."""

    def __init__(self) -> None:
        from scrapinsta_ray.cluster.worker import InstagramWorker
        from scrapinsta_ray.store import clients, schema
        from scrapinsta_ray.store.database import Database

        self._found = settings.load()
        self.db = Database(self._found.url)
        schema.upgrade(self.db)
        clients.create(self.db, CLIENT, CLIENT)
        clients.set_limits(self.db, CLIENT, {"enqueues_per_minute": clients.MOST})
        add_bots(self.db, self._found, 1)
        self._worker = InstagramWorker("bot_1")
        assert self._worker.warm_up()

    def read(self, names: Sequence[str], watch: Stopwatch) -> None:
        """Reads profiles that are asked for anew, and stores them."""
        from scrapinsta_ray.domain.models import Kind
        from scrapinsta_ray.store import jobs

        jobs.enqueue_analysis(self.db, jobs.Asked(CLIENT), list(names), None)
        self._perform(Kind.ANALYZE_PROFILE, len(names), watch)

    def follow(self, target: str, limit: int, watch: Stopwatch) -> None:
        """Reads a following list from its start, and stores it."""
        from scrapinsta_ray.domain.models import Kind
        from scrapinsta_ray.store import jobs

        jobs.enqueue_fetch(self.db, jobs.Asked(CLIENT), target, limit)
        [work] = self._perform(Kind.FETCH_FOLLOWINGS, 1, watch)
        assert work.result["followings"] == limit, work.result

    def _perform(self, kind: Any, number: int, watch: Stopwatch) -> list[Any]:
        from scrapinsta_ray.store import finish, tasks

        leased = tasks.lease_work(self.db, kind, limit=number, ttl_s=600)
        assert len(leased) == number
        with watch.running():
            works = [self._worker.perform(task) for task in leased]
        assert all(work.report.ok for work in works), [work.report for work in works]
        finish.finish_work(self.db, works, retry_base_s=60)
        return works

    def close(self) -> None:
        """Ends the browser."""
        self._worker.close()
        self.db.dispose()


def add_bots(db: Any, found: settings.Settings, number: int) -> None:
    """bot_1 to bot_`number` of the simulator."""
    from scrapinsta_ray.store import accounts

    for one in range(1, number + 1):
        accounts.add(db, found.fernet, f"bot_{one}", f"bot-secret-{one}")


@contextmanager
def _worker() -> Iterator[Account]:
    account = Account()
    with contextlib.closing(account):
        yield account


class Bare:
    """The floor: Selenium alone, logged in, making the same requests from inside the page and parsing nothing."""

    _FETCH = """
const [method, path, body, done] = arguments;
const csrf = (document.cookie.match(/csrftoken=([^;]+)/) || [])[1];
const headers = {"X-IG-App-ID": "936619743392459", "X-CSRFToken": csrf, "X-Requested-With": "XMLHttpRequest"};
const request = {method, headers, cache: "no-store", body: body && new URLSearchParams(body)};
fetch(path, request).then(r => r.text()).then(done, error => done(String(error)));
"""
    _CURSOR = re.compile(r'"next_max_id":"?([^",}]+)')

    def __init__(self, driver: Chrome, site: str, username: str) -> None:
        self.driver = driver
        driver.get(f"{site}/")
        fields = driver.find_elements("css selector", "form input")
        fields[0].send_keys(username)
        fields[1].send_keys(username.replace("bot_", "bot-secret-") + Keys.ENTER)
        deadline = time.monotonic() + 20
        while "sessionid" not in {cookie["name"] for cookie in driver.get_cookies()}:
            assert time.monotonic() < deadline, "the log-in did not work"
            time.sleep(0.05)
        driver.get(f"{site}/")

    def fetch(self, method: str, path: str, form: Mapping[str, str] | None = None) -> str:
        """One request from inside the page; its text."""
        text: str = self.driver.execute_async_script(self._FETCH, method, path, dict(form) if form else None)
        return text

    def read(self, people: Mapping[str, str], watch: Stopwatch) -> None:
        """The two calls that reading a profile takes, for each."""
        with watch.running():
            for name, number in people.items():
                self.fetch("GET", f"/api/v1/users/web_profile_info/?username={name}")
                text = self.fetch("POST", "/api/v1/clips/user/", {"target_user_id": number, **_FORM})
                assert '"items"' in text

    def follow(self, target: str, number: str, limit: int, watch: Stopwatch) -> None:
        """The calls that a list of so many takes; of each answer only the cursor is looked for."""
        with watch.running():
            self.fetch("GET", f"/api/v1/users/web_profile_info/?username={target}")
            cursor = ""
            for left in range(limit, 0, -50):
                more = f"&max_id={cursor}" if cursor else ""
                text = self.fetch(
                    "GET", f"/api/v1/friendships/{number}/following/?count={min(50, left)}{more}"
                )
                found = self._CURSOR.search(text)
                cursor = found[1] if found else ""


@contextmanager
def _bare(home: Path, site: str) -> Iterator[Bare]:
    options = ChromeOptions()
    options.binary_location = chromium.find_chromium()
    for flag in ("--headless=new", f"--user-data-dir={home}/bare", *(["--no-sandbox"] * (os.geteuid() == 0))):
        options.add_argument(flag)
    driver = Chrome(options, Service(chromium.find_chromedriver(options.binary_location)))
    try:
        yield Bare(driver, site, "bot_2")
    finally:
        driver.quit()


# ---- one account -----------------------------------------------------------------------------------------


def _profiles(account: Account, bare: Bare, people: Mapping[str, str], size: Size) -> Figure:
    names = list(people)
    slices = [names[start : start + size.slice] for start in range(0, len(names), size.slice)]
    account.read(names, Stopwatch())
    bare.read(people, Stopwatch())
    pairs = Pairs()
    for part in islice(cycle(slices), size.rounds):
        pairs.run(partial(account.read, part), partial(bare.read, {name: people[name] for name in part}))
    name = "profiles of one account, against bare Selenium that parses nothing (profiles/s)"
    return shown(name, pairs.ratio, size.slice / pairs.theirs.median_s, 0.8)


def _followings(account: Account, bare: Bare, size: Size) -> Figure:
    site, number = settings.load().site_url, size.followings
    user = _asked(f"{site}/_truth/users?usernames={TARGET}")["users"][TARGET]["id"]
    pairs = Pairs()
    for _ in range(size.lists):
        pairs.run(partial(account.follow, TARGET, number), partial(bare.follow, TARGET, user, number))
    name = f"{number:,} followings of one target, against bare Selenium likewise (followings/s)"
    return shown(name, pairs.ratio, number / pairs.theirs.median_s, 0.8)


class Pairs:
    """The same work by both sides, again and again, one right after the other and each first in turn.

    Each pair gives a ratio of its own and the middle one counts: a neighbour that slows one side of a pair down spoils
    that pair and no more.
    """

    def __init__(self) -> None:
        self.ours, self.theirs = Stopwatch(), Stopwatch()

    def run(self, ours: Callable[[Stopwatch], None], theirs: Callable[[Stopwatch], None]) -> None:
        """One pair. Each work times with the watch that it is given what counts of it."""
        sides = [(ours, self.ours), (theirs, self.theirs)]
        for work, watch in sides if len(self.ours.times) % 2 else reversed(sides):
            work(watch)

    @property
    def ratio(self) -> float:
        """Our speed divided by theirs."""
        return median(theirs / ours for ours, theirs in zip(self.ours.times, self.theirs.times, strict=True))


# ---- eight accounts --------------------------------------------------------------------------------------


def _eight(people: Mapping[str, str], size: Size, say: Say, accounts: int) -> list[Figure]:
    """Memory after work, and processor time while idle, of whole process trees: worker, chromedriver, Chromium."""
    with ExitStack() as stack:
        workers = stack.enter_context(_fleet(accounts))
        _busy(workers, list(people), size.reads_each)
        say("weighing them")
        megabytes = sum(map(pss, trees(workers.pids))) / _MEGABYTE / accounts
        say(f"idle for {size.idle_s:.0f} s")
        time.sleep(size.settle_s)
        before, began = processor_s(trees(workers.pids)), time.monotonic()
        time.sleep(size.idle_s)
        percent = (processor_s(trees(workers.pids)) - before) / (time.monotonic() - began) * 100
    return [
        shown(
            f"memory per account at {accounts} accounts, worker and Chromium (MB of PSS)",
            megabytes,
            None,
            270,
            "lower",
        ),
        shown(f"processor of {accounts} idle accounts (% of a core)", percent, None, 3, "lower"),
    ]


@dataclass(frozen=True, slots=True)
class Workers:
    """The fleet's own worker actors."""

    actors: Sequence[Any]
    pids: Sequence[int]


@contextmanager
def _fleet(number: int) -> Iterator[Workers]:
    settings.prepare_ray()
    import ray

    from scrapinsta_ray.cluster import fleet
    from scrapinsta_ray.store.database import Database

    found = settings.load()
    db = Database(found.url)
    add_bots(db, found, number)
    db.dispose()
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        actors = [fleet.new_worker(f"bot_{one}") for one in range(1, number + 1)]
        assert all(ray.get([actor.warm_up.remote() for actor in actors], timeout=180))
        yield Workers(actors, ray.get([actor.pid.remote() for actor in actors]))
        ray.get([actor.close.remote() for actor in actors], timeout=60)
    finally:
        ray.shutdown()


def _busy(workers: Workers, names: Sequence[str], each: int) -> None:
    """Every account reads some profiles, all at the same time."""
    import ray

    from scrapinsta_ray.domain.models import Kind
    from scrapinsta_ray.store import jobs, tasks
    from scrapinsta_ray.store.database import Database

    db = Database(settings.load().url)
    wanted = names[: each * len(workers.actors)]
    jobs.enqueue_analysis(db, jobs.Asked(CLIENT), list(wanted), None)
    leased = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=len(wanted), ttl_s=600)
    db.dispose()
    calls = [workers.actors[n % len(workers.actors)].perform.remote(task) for n, task in enumerate(leased)]
    assert all(work.report.ok for work in ray.get(calls, timeout=180))

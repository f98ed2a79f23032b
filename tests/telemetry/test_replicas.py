"""/metrics of two replicas at one database: the same from each, never less than before, and what the database says."""

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from scrapinsta_ray.store import clients, schema
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import job_tasks, messages_sent
from tests.api.test_limits import MUCH, Replica

pytestmark = pytest.mark.timeout(180)

LINE = re.compile(r"^([a-z_]+(?:\{[^}]*\})?) ([0-9.e+-]+|NaN)$")


def parsed(text: str) -> dict[str, float]:
    matches = (LINE.match(line) for line in text.splitlines() if not line.startswith("#"))
    return {match[1]: float(match[2]) for match in matches if match}


def only_counters(values: dict[str, float]) -> dict[str, float]:
    return {name: v for name, v in values.items() if re.search(r"(_total|_bucket|_sum|_count)(\{|$)", name)}


class Watched:
    """Two replicas that are scraped in turns, all the time, and messages that are sent through them."""

    def __init__(self, url: str) -> None:
        self.db = Database(url)
        schema.upgrade(self.db)
        clients.create(self.db, "acme", "Acme")
        clients.set_limits(self.db, "acme", MUCH)
        key = clients.create_key(self.db, "acme").plaintext
        self.headers = {"X-Api-Key": key}
        self.replicas = [Replica(url), Replica(url)]
        self.seen: list[dict[str, float]] = []
        self._accounts = (f"own{number}" for number in count())
        self._over = threading.Event()
        for replica in self.replicas:
            replica.wait_until_ready()
        self._scraper = threading.Thread(target=self._scrape, daemon=True)
        self._scraper.start()

    def close(self) -> None:
        self._over.set()
        self._scraper.join()
        for replica in self.replicas:
            replica.kill()
        self.db.dispose()

    def values(self, replica: int) -> dict[str, float]:
        return parsed(httpx.get(f"{self.replicas[replica].url}/metrics", timeout=10).raise_for_status().text)

    def _scrape(self) -> None:
        for turn in count():
            if self._over.wait(0.05):
                return
            try:
                self.seen.append(only_counters(self.values(turn % 2)))
            except httpx.HTTPError:
                continue  # this one is dead

    def send(self, replica: int, messages: int = 10) -> None:
        """A job of an account of its own, pulled and reported at one replica as far as that lives."""
        headers = {**self.headers, "X-Account": next(self._accounts)}
        people = [f"{headers['X-Account']}.p{number}" for number in range(messages)]
        with httpx.Client(base_url=self.replicas[replica].url, headers=headers, timeout=20) as http:
            http.post("/ext/send/enqueue", json={"usernames": people, "message": "hi"}).raise_for_status()
            for item in http.post("/api/send/pull", json={"limit": messages}).json()["items"]:
                names = {name: item[name] for name in ("job_id", "task_id", "lease_id")}
                answer = http.post("/api/send/result", json={**names, "ok": True, "code": "sent"})
                answer.raise_for_status()

    def stored(self) -> dict[str, int]:
        with self.db.begin(write=False) as tx:
            rows = tx.execute(select(job_tasks.c.status, func.count()).group_by(job_tasks.c.status))
            by_status = Counter({row[0]: row[1] for row in rows})
            sent = tx.scalar(select(func.sum(job_tasks.c.attempts))) or 0
            ledger = tx.scalar(select(func.count()).select_from(messages_sent)) or 0
        return {"queued": by_status.total(), "sent": int(sent), "ok": by_status["ok"], "ledger": ledger}

    def counted(self, replica: int) -> dict[str, int]:
        values = self.values(replica)
        kind = 'kind="send_message"'
        told = {name: int(values[f"tasks_{name}_total{{{kind}}}"]) for name in ("queued", "sent", "ok")}
        return told | {"ledger": int(values["messages_last_day"])}

    def assert_equal_to_the_database(self, *replicas: int) -> None:
        """Within the seconds that it takes to write counts down and to look at the state again."""
        deadline = time.monotonic() + 12
        while any(self.counted(replica) != self.stored() for replica in replicas):
            assert time.monotonic() < deadline, ([self.counted(r) for r in replicas], self.stored())
            time.sleep(0.2)

    def assert_never_less(self) -> None:
        assert len(self.seen) > 5
        for before, after in zip(self.seen, self.seen[1:], strict=False):
            less = {
                name: (value, after.get(name))
                for name, value in before.items()
                if after.get(name, -1) < value
            }
            assert not less


@pytest.fixture
def watched(a_fresh_mariadb_database: str) -> Iterator[Watched]:
    there = Watched(a_fresh_mariadb_database)
    try:
        yield there
    finally:
        there.close()


def test_counters_only_grow_and_are_the_databases_over_a_kill(watched: Watched) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(watched.send, [0, 1] * 3))
    watched.assert_equal_to_the_database(0, 1)
    watched.replicas[0].kill()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(watched.send, [1] * 4))
    watched.assert_equal_to_the_database(1)
    watched.replicas[0].start()
    watched.replicas[0].wait_until_ready()
    watched.send(0)
    watched.assert_equal_to_the_database(0, 1)
    watched.assert_never_less()


def test_what_a_killed_one_had_not_written_down_is_all_that_is_lost(watched: Watched) -> None:
    def send_until_it_dies() -> None:
        while True:
            try:
                watched.send(0, 3)
            except (httpx.HTTPError, KeyError):
                return

    sender = threading.Thread(target=send_until_it_dies)
    sender.start()
    time.sleep(3)
    at_kill = watched.stored()
    watched.replicas[0].kill()
    sender.join()
    time.sleep(0.5)
    counted, stored = watched.counted(1), watched.stored()
    assert 0 < counted["ok"] <= stored["ok"]
    a_second = at_kill["ok"] / 3 * 2.5  # of the work it did, with room for a busy machine
    assert stored["ok"] - counted["ok"] <= a_second + 10
    watched.send(1)
    watched.assert_never_less()


def test_paths_that_strangers_make_up_are_one_series(watched: Watched) -> None:
    url = watched.replicas[0].url
    for number in range(20):
        httpx.get(f"{url}/nothing/{number}")
        httpx.get(f"{url}/jobs/job:{number:032x}", headers=watched.headers)
        httpx.request(f"ODD{number}", f"{url}/")
    deadline = time.monotonic() + 10

    def ours() -> dict[str, Any]:
        return {name: v for name, v in watched.values(1).items() if name.startswith("http_requests_total")}

    while sum(v for name, v in ours().items() if 'route="unmatched"' in name) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    names = ours()
    assert not [name for name in names if re.search(r"\d{2}|ODD", re.sub(r'status="\d+"', "", name))]
    assert len(names) < 12

"""Clients at work while hosts come and go: campaigns without end, and messages that are sent as they become due."""

import itertools
import json
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.store import clients
from tests.multihost.cluster import Cluster, until
from tests.store.actors import Log
from tests.store.history import Event, final, violations

TARGET = "cafe_lucia"
PROFILES = 40
MESSAGES = 3
SENDERS = tuple(f"client_{number}" for number in range(1, 6))


class Load:
    """A client of its own with several senders, since no client reaches a person twice: there are only so many people.

    What it asks and is answered is written down for tests/store/history.py.
    """

    def __init__(self, cluster: Cluster, file: Path) -> None:
        """Several may write to one file, one after the other: the judges look at all that there ever was."""
        self._cluster, self._file, self._name = cluster, file, uuid.uuid4().hex[:8]
        self._id = f"client-{self._name}"
        clients.create(cluster.db, self._id, self._id, messages_per_hour=50, messages_per_day=50)
        self._key = clients.create_key(cluster.db, self._id).plaintext
        self._campaigns: list[str] = []
        self._enough, self._over = threading.Event(), threading.Event()
        self._typed: dict[str, str] = {}
        self._failures: list[str] = []
        self._threads = [
            threading.Thread(target=self._safely, args=(work,), daemon=True)
            for work in (self._ask, self._send)
        ]
        for thread in self._threads:
            thread.start()

    # ---- for the test ------------------------------------------------------------------------------------

    def end(self, limit_s: float) -> None:
        """No new campaigns; waits until every one has ended."""
        self._enough.set()
        until(lambda: not self._running(), limit_s, "the end of all campaigns")
        self._over.set()
        for thread in self._threads:
            thread.join(30)
        assert not self._failures, self._failures

    def abandon(self) -> None:
        self._enough.set()
        self._over.set()

    def judged(self) -> list[str]:
        """What was lost, or done twice, by the store's history and by the site's own record."""
        at_the_end = final(self._cluster.db)
        numbers = {
            f"{row['job_id']}:{row['kind']}:{row['username']}": n for n, row in at_the_end.tasks.items()
        }
        events = [self._numbered(event, numbers) for event in self._events()]
        return violations(events, at_the_end) + two_sessions(self._cluster)

    @staticmethod
    def _numbered(event: Event, numbers: Mapping[str, int]) -> Event:
        """With the store's own numbers of tasks in place of the names that clients see."""
        if "reports" not in event:
            return event
        return {**event, "reports": [{**one, "id": numbers[one["id"]]} for one in event["reports"]]}

    def incomplete(self) -> list[str]:
        """Campaigns that did not end well, or with less than they promised."""
        found = [] if self._typed else ["no message was sent"]
        at_the_end = final(self._cluster.db)
        for job in self._campaigns:
            row = at_the_end.jobs[job]
            if row["status"] != "done":
                found.append(f"{job} is {row['status']}")
        found += [
            f"{row['kind']} of {row['username']} ended with {row['reason_code']}"
            for row in at_the_end.tasks.values()
            if row["status"] == "error" and row["reason_code"] != "not_found"
        ]
        return found

    def _events(self) -> list[Event]:
        return [json.loads(line) for line in self._file.read_text().splitlines()]

    # ---- the client --------------------------------------------------------------------------------------

    def _safely(self, work: Any) -> None:
        try:
            work()
        except Exception as error:
            self._failures.append(repr(error))
            raise

    def _ask(self) -> None:
        """Two campaigns at a time, until it is enough."""
        numbers = itertools.count()
        while not self._enough.is_set():
            if len(self._running()) < 2:
                number = next(numbers)
                self._reach(SENDERS[number % len(SENDERS)], partial(self._campaign, number=number))
            self._enough.wait(1)

    def _campaign(self, client: Client, number: int) -> None:
        made = client.campaign(
            TARGET,
            PROFILES,
            {"message": "Hola {first_name}", "limit": MESSAGES},
            analyze={"max_age_hours": 0},
            idempotency_key=f"{self._name}-{number}",
        )
        if made["job_id"] not in self._campaigns:
            self._campaigns.append(made["job_id"])

    def _running(self) -> list[str]:
        rows = final(self._cluster.db).jobs
        return [job for job in self._campaigns if rows[job]["status"] not in ("done", "error", "cancelled")]

    def _send(self) -> None:
        log = Log(self._file, f"sends {self._name}")
        while not self._over.is_set():
            for sender in SENDERS:
                self._reach(sender, partial(self._pull_and_send, sender=sender, log=log))
            self._over.wait(2)

    def _pull_and_send(self, client: Client, sender: str, log: Log) -> None:
        for item in client.pull(5)["items"]:
            person, key = item["dest_username"], item["task_id"]
            if person not in self._typed:
                log.note("type", client=self._id, username=person)
                self._typed[person] = key
            elif self._typed[person] != key:
                self._failures.append(f"{person} was handed out twice")
            report = {
                "id": key,
                "client": self._id,
                "username": person,
                "job": item["job_id"],
                "lease": item["lease_id"],
                "message": True,
                "ok": True,
                "code": "sent",
            }
            wire = {name: item[name] for name in ("job_id", "task_id", "lease_id")} | {
                "ok": True,
                "code": "sent",
            }
            until(partial(self._report, sender, log, wire, report), 240, "a report")

    def _report(self, sender: str, log: Log, wire: Mapping[str, Any], report: Event) -> bool:
        """As the extension does: it keeps its report until it is taken."""
        with log.call("report", reports=[report]) as answer:
            try:
                with self._client(sender) as client:
                    client.result([dict(wire)])
            except (Refused, httpx.HTTPError):
                answer["verdicts"] = [None]
                return False
            answer["verdicts"] = ["applied"]
        return True

    def _client(self, sender: str) -> Client:
        return Client(self._cluster.url, self._key, sender, timeout_s=10)

    def _reach(self, sender: str, call: Any) -> None:
        """One call through whichever node answers; none does while the head is away."""
        try:
            with self._client(sender) as client:
                call(client)
        except (Refused, httpx.HTTPError):
            self._over.wait(1)


def two_sessions(cluster: Cluster) -> list[str]:
    """Where an account acted from two hosts at once, or had two browsers, by the site's own record."""
    told = cluster.asked("/_sessions")
    found = [f"{one['account']}: two {one['of']}s at once" for one in told["overlaps"]]
    for account, record in told["accounts"].items():
        spans = sorted(
            (_at(one["first"]), _at(one["last"]), one["connection"].rpartition(":")[0])
            for session in record["sessions"]
            for one in session["connections"]
        )
        for earlier, later in itertools.combinations(spans, 2):
            if earlier[2] != later[2] and later[0] < earlier[1]:
                found.append(f"{account} acted from {earlier[2]} and {later[2]} at {later[0]}")
    return found


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""Many listeners, one look; whose key is revoked hears no more. Over a real socket: tests/console/test_live.py."""

import asyncio
import time
from collections.abc import Collection

import pytest
from starlette.requests import Request

from scrapinsta_ray.api import live
from scrapinsta_ray.api.live import Known, Reader, Standing, events, states
from scrapinsta_ray.domain.models import JobStatus, TaskStatus
from scrapinsta_ray.store.live import SHOWN, Progress

PERIOD_S = 0.2


def of(job_id: str, ok: int = 0, status: str = JobStatus.RUNNING) -> Progress:
    counts = dict.fromkeys(SHOWN, 0) | {TaskStatus.OK: ok}
    return Progress(job_id, "analyze_profile", status, 9, counts)


class Looks:
    """A database that remembers when it was asked for what."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.at: list[float] = []
        self.away = False

    async def __call__(self, ids: Collection[str]) -> Known | None:
        self.asked.append(sorted(ids))
        self.at.append(time.monotonic())
        return None if self.away else {job_id: of(job_id) for job_id in ids if job_id != "gone"}


def test_all_who_ask_share_a_look_and_one_begins_per_period() -> None:
    looks = Looks()

    async def listen() -> None:
        reader = Reader(looks, PERIOD_S)

        async def one(number: int) -> None:
            for _ in range(3):
                known = await reader.look([f"job:{number % 4}", "gone"])
                assert known is not None and list(known) == [f"job:{number % 4}"]

        await asyncio.gather(*map(one, range(200)))

    asyncio.run(listen())
    assert looks.asked == [["gone", "job:0", "job:1", "job:2", "job:3"]] * 3
    assert all(
        after - before >= PERIOD_S * 0.95 for before, after in zip(looks.at, looks.at[1:], strict=False)
    )


def test_readers_of_two_replicas_share_the_looks_of_a_third() -> None:
    looks = Looks()

    async def listen() -> None:
        theirs = Reader(looks, PERIOD_S)
        replicas = [Reader(theirs.look, 0), Reader(theirs.look, 0)]

        async def one(number: int) -> None:
            for _ in range(3):
                assert await replicas[number % 2].look([f"job:{number}"])

        await asyncio.gather(*map(one, range(50)))

    asyncio.run(listen())
    assert len(looks.asked) == 3 and all(len(asked) == 50 for asked in looks.asked)


def test_who_joins_during_a_look_waits_for_the_next_one_only() -> None:
    looks = Looks()

    async def join() -> float:
        theirs = Reader(looks, PERIOD_S)
        reader = Reader(theirs.look, 0)
        first = asyncio.create_task(reader.look(["job:1"]))
        await first
        waiting = asyncio.create_task(reader.look(["job:1"]))
        await asyncio.sleep(PERIOD_S / 2)
        assert await reader.look(["job:2"])
        await waiting
        return looks.at[1] - looks.at[0]

    assert asyncio.run(join()) < PERIOD_S * 1.5
    assert looks.asked == [["job:1"], ["job:1", "job:2"]]


async def told(looks: Looks, length_s: float, holds: bool = True) -> list[str]:
    async def still() -> bool:
        return holds

    reader = Reader(looks, PERIOD_S)
    found = states(["job:1"], {"job:1": of("job:1")}, reader.look, still, length_s)
    return [text async for text in events(["job:1"], found, None)]


def test_a_stream_ends_in_time_and_asks_its_listener_to_come_again_soon() -> None:
    began = time.monotonic()
    said = asyncio.run(told(Looks(), 0.5))
    assert 0.45 < time.monotonic() - began < 1.5
    assert said[0] == "retry: 1000\n\n" and "event: summary" in said[1] and said[2:] == ["retry: 100\n\n"]


def test_while_the_database_is_away_a_stream_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.1)
    looks = Looks()
    looks.away = True
    said = asyncio.run(told(looks, 1.0))
    assert ": heartbeat\n\n" in said and said[-1] == "retry: 100\n\n"


def test_who_may_listen_no_more_is_told_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.3)
    looks = Looks()
    asyncio.run(told(looks, 30, holds=False))
    assert len(looks.asked) <= 3


def test_one_credential_is_looked_at_once_however_many_listen_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []

    async def is_let_in(request: Request) -> bool:
        looked.append(request.headers["x-api-key"])
        await asyncio.sleep(0.01)
        return request.headers["x-api-key"] != "revoked"

    monkeypatch.setattr(live, "is_let_in", is_let_in)

    def request(key: str) -> Request:
        return Request({"type": "http", "headers": [(b"x-api-key", key.encode())]})

    async def ask() -> list[bool]:
        standing = Standing()
        keys = ["good", "revoked"] * 50
        return await asyncio.gather(*(standing.holds(request(key)) for key in keys))

    assert asyncio.run(ask()) == [True, False] * 50
    assert sorted(looked) == ["good", "revoked"]

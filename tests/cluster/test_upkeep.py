"""The dispatcher's upkeep: beside its rounds, now and then, and never their end."""

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from scrapinsta_ray.cluster.dispatcher import Dispatcher
from scrapinsta_ray.errors import DatabaseAway
from scrapinsta_ray.store.prune import Pruned
from scrapinsta_ray.telemetry import logs


@pytest.fixture
def a_dispatcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    """Whose loop does not run by itself."""
    monkeypatch.setenv("SCRAPINSTA_HOME", str(tmp_path))
    monkeypatch.delenv("SCRAPINSTA_DATABASE_URL", raising=False)
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    found = Dispatcher()
    monkeypatch.undo()
    return found


def turns(a_dispatcher: Dispatcher, turn: Callable[[], list[Pruned]], rounds: int) -> None:
    async def run() -> None:
        for _ in range(rounds):
            a_dispatcher._begin_upkeep()
            if a_dispatcher._upkeep_turn:
                await a_dispatcher._upkeep_turn

    a_dispatcher._upkeep.turn = turn  # type: ignore[method-assign]
    asyncio.run(run())


def test_one_turn_until_the_next_is_due(a_dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    done: list[int] = []

    def turn() -> list[Pruned]:
        done.append(1)
        return [Pruned("media", 10, 3)]

    with caplog.at_level(logging.INFO):
        turns(a_dispatcher, turn, rounds=3)
    assert len(done) == 1
    assert "of media, 3 old rows went" in caplog.text
    a_dispatcher._upkeep_at = 0.0
    turns(a_dispatcher, turn, rounds=1)
    assert len(done) == 2


@pytest.mark.parametrize("trouble", [DatabaseAway(), RuntimeError("a bug")])
def test_trouble_is_told_and_ends_nothing(
    a_dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture, trouble: Exception
) -> None:
    def turn() -> list[Pruned]:
        raise trouble

    turns(a_dispatcher, turn, rounds=2)
    assert "upkeep" in caplog.text

"""`bench http`, at a tiny size: every figure is there, and nothing is left. What they say is for `make bench`."""

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from scrapinsta_ray.bench import openloop, registry
from scrapinsta_ray.bench.servers import ServerFailed
from scrapinsta_ray.bench.wrk import Wrk
from tests.bench.in_a_process import tiny_report

needs_wrk = pytest.mark.skipif(
    shutil.which("wrk") is None, reason="wrk is not installed: scripts/setup.sh bench"
)


@pytest.fixture(scope="module")
def a_tiny_report(short_folder: Path) -> dict[str, Any]:
    return tiny_report("http", short_folder)


@needs_wrk
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_figure_of_the_table_has_its_bar(a_tiny_report: dict[str, Any], short_folder: Path) -> None:
    figures = a_tiny_report["figures"]
    bars = [(one["bar"], one["better"]) for one in figures if one["bar"] is not None]
    assert bars == [
        (0.9, "higher"),  # pulls
        (0.9, "higher"),  # results of few
        (1.15, "higher"),  # results of many
        (60, "lower"),  # late pulls
    ]
    assert all(one["value"] > 0 for one in figures)
    assert a_tiny_report["steps"] == registry.BENCHES["http"].steps
    assert list(short_folder.glob("si-*")) == []


def test_without_wrk_it_says_how_to_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerFailed, match="wrk is not installed"):
        Wrk(tmp_path)


def test_who_waits_behind_a_slow_answer_is_late_too() -> None:
    """A closed loop would ask less often, and see only the one."""
    turns = asyncio.Lock()
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            await go_on(reader, writer)
        writer.close()

    async def go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            async with turns:
                asked += 1
                await asyncio.sleep(1.0 if asked == openloop.WARM + 1 else 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async def measured() -> list[float]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        requests = [("key", "own", "{}")] * (openloop.WARM + 20)
        try:
            return await openloop.measure(f"http://127.0.0.1:{port}", requests, 20, 1)
        finally:
            server.close()
            await asyncio.sleep(0.1)  # the connections are closed by now, and the handlers see it

    times = asyncio.run(measured())
    assert len(times) == 20
    assert min(times[:10]) > 400

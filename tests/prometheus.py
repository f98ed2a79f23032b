"""Debian's Prometheus, where it is installed, for tests that ask it something."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scrapinsta_ray.bench.servers import DIES_WITH_ITS_PARENT
from tests.servers import free_port
from tests.waiting import until

_PATH = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.prefix) / "prometheus/usr/bin")])
PROMETHEUS, PROMTOOL = (shutil.which(name, path=_PATH) or "" for name in ("prometheus", "promtool"))

needs_prometheus = pytest.mark.skipif(
    not (PROMETHEUS and PROMTOOL),
    reason="Prometheus is not installed: scripts/setup.sh monitoring, or apt-get install prometheus",
)


class Prometheus:
    """A running one."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=10).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def value(self, expression: str) -> float:
        """The only number that an expression gives; waits out the gap that an answer leaves which came too late."""
        [series] = until(lambda: self.ask(expression), 20, expression)
        return float(series["value"][1])

    def has_asked(self) -> bool:
        """It runs, and has read its targets."""
        with contextlib.suppress(httpx.HTTPError, ValueError):  # while it starts it says so in plain words
            return bool(self.ask("up == 1"))
        return False


@contextlib.contextmanager
def running_prometheus(folder: Path, config: str, limit_s: float = 60) -> Iterator[Prometheus]:
    """A Prometheus with this configuration, until the end of the body."""
    (folder / "prometheus.yml").write_text(config)
    port = free_port()
    options = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    guarded = [sys.executable, "-c", DIES_WITH_ITS_PARENT, str(os.getpid()), PROMETHEUS, *options]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        deadline = time.monotonic() + limit_s
        while not server.has_asked():
            assert process.poll() is None, (folder / "prometheus.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "Prometheus reads nothing"
            time.sleep(0.2)
        yield server
    finally:
        process.kill()
        process.wait()

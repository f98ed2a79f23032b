"""Ctrl-C at awkward moments: nothing is left running."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from scrapinsta_ray.domain.models import Kind
from tests.e2e.conftest import Command, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def a_demo(tmp_path: Path) -> Iterator[Callable[[], Command]]:
    started: list[Command] = []

    def start() -> Command:
        started.append(Command(tmp_path / f"home{len(started)}", "demo", "--port", "0", "--profiles", "100"))
        return started[-1]

    yield start
    for command in started:
        command.end()


def test_while_ray_starts(a_demo: Callable[[], Command]) -> None:
    demo = a_demo()
    until(lambda: demo.named("gcs_server"), 60, "Ray's first process")
    demo.interrupt()
    assert demo.processes() == []


def test_in_the_middle_of_a_campaign(a_demo: Callable[[], Command]) -> None:
    demo = a_demo()
    until(lambda: "Profiles: " in demo.stdout, 150, Kind.ANALYZE_PROFILE)
    assert demo.named("chromedriver")
    demo.interrupt()
    assert demo.processes() == []


def test_kill_9_of_the_demo_itself(a_demo: Callable[[], Command]) -> None:
    demo = a_demo()
    until(lambda: demo.named("raylet"), 60, "Ray")
    [parent] = demo.named("--profiles 100")
    parent.kill()
    psutil.wait_procs([parent], 5)
    until(lambda: not demo.processes(), 60, "the end of everything that it started")

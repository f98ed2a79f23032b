"""An idle Chromium is stopped, and nothing that may happen to it meanwhile is lost or left behind."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from scrapinsta_ray.errors import BrowserGone
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
from scrapinsta_ray.processes import lives
from tests.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]


def tree(browser: Browser) -> list[psutil.Process]:
    root = psutil.Process(browser._chromium_pid)
    return list(filter(lives, [root, *root.children(recursive=True)]))


def all_stopped(browser: Browser) -> bool:
    return all(process.status() == psutil.STATUS_STOPPED for process in tree(browser))


@pytest.fixture
def resting(folder: Path) -> Iterator[Browser]:
    with Browser(BrowserOptions(folder)) as browser:
        browser.goto("data:text/html,<title>hello</title>")
        browser.rest()
        until(lambda: all_stopped(browser))
        yield browser


def test_it_takes_no_processor_and_lives(resting: Browser) -> None:
    before = sum(sum(process.cpu_times()[:2]) for process in tree(resting))
    time.sleep(1)  # in which nothing must happen
    assert sum(sum(process.cpu_times()[:2]) for process in tree(resting)) == before
    assert len(tree(resting)) > 2
    assert resting.alive()
    assert resting.memory() > 50e6


def test_the_next_command_wakes_it(resting: Browser) -> None:
    assert resting.run("return document.title") == "hello"
    assert not all_stopped(resting)
    resting.rest()
    until(lambda: all_stopped(resting))
    assert resting.screenshot().startswith(b"\x89PNG")


def test_it_is_closed_as_quickly_as_one_awake(resting: Browser) -> None:
    processes = tree(resting)
    began = time.monotonic()
    resting.close()
    assert time.monotonic() - began < 4, "five seconds are what a browser that hangs is given"
    assert not any(map(lives, processes))


def test_its_end_at_its_limit_comes_all_the_same(resting: Browser) -> None:
    processes = tree(resting)
    resting.limit_life(0.2)
    until(lambda: not any(map(lives, processes)))


def test_who_speaks_to_it_is_not_cut_off(folder: Path) -> None:
    with Browser(BrowserOptions(folder)) as browser, ThreadPoolExecutor() as pool:
        said = pool.submit(browser.run_async, "setTimeout(arguments[0], 1000, 'done')")
        while not said.done():
            browser.rest()
        assert said.result(10) == "done"


def test_many_who_look_while_it_is_put_to_rest_again_and_again(folder: Path) -> None:
    with Browser(BrowserOptions(folder)) as browser, ThreadPoolExecutor() as pool:
        over = threading.Event()

        def rests() -> int:
            number = 0
            while not over.is_set():
                browser.rest()
                number += 1
            return number

        tired = pool.submit(rests)
        shots = list(pool.map(lambda _: browser.screenshot(), range(30)))
        over.set()
        assert all(shot.startswith(b"\x89PNG") for shot in shots)
        assert tired.result(10) > 0
        assert browser.run("return 1 + 1") == 2


def test_a_process_that_is_not_ours_to_stop_keeps_nothing_awake(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the helper of Chromium's sandbox, which is root's."""
    suspend = psutil.Process.suspend
    with Browser(BrowserOptions(folder)) as browser:
        [*_, roots] = tree(browser)

        def suspend_ours(process: psutil.Process) -> None:
            if process == roots:
                raise psutil.AccessDenied(process.pid)
            suspend(process)

        monkeypatch.setattr(psutil.Process, "suspend", suspend_ours)
        browser.rest()
        ours = [process for process in tree(browser) if process != roots]
        until(lambda: all(process.status() == psutil.STATUS_STOPPED for process in ours))
        assert browser.run("return 1 + 1") == 2


def test_one_that_died_at_rest_says_so(resting: Browser) -> None:
    psutil.Process(resting._chromium_pid).kill()
    until(lambda: not resting.alive())
    with pytest.raises(BrowserGone):
        resting.goto("about:blank")
    resting.rest()

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scrapinsta_ray.errors import BrowserGone, BrowserMissing, RetryLater
from scrapinsta_ray.instagram import processes
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions, find_chromium, sweep_orphans
from scrapinsta_ray.instagram.chromium import DriverProcess
from tests.servers import free_port
from tests.waiting import until

pytestmark = pytest.mark.browser

OWNER = """
import sys
from pathlib import Path
from scrapinsta_ray.instagram.browser import Browser, BrowserOptions
browser = Browser(BrowserOptions(Path(sys.argv[1])))
print(browser._service.group, flush=True)
sys.stdin.read()
"""


def members(group: int) -> list[str]:
    """The living processes of a browser's group."""
    return [process.command for process in processes.running() if process.group == group]


def in_folder(folder: Path) -> list[str]:
    return [
        process.command for process in processes.running() if f"--user-data-dir={folder}" in process.command
    ]


@pytest.fixture
def an_owner(folder):
    """Another process that owns a browser in `folder`, and the browser's process group."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdin
    assert owner.stdout
    group = int(owner.stdout.readline())
    yield owner, group
    owner.kill()
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()
    until(lambda: not members(group))


def test_nothing_is_left_after_close(folder):
    with Browser(BrowserOptions(folder)) as browser:
        group = browser._service.group
        assert len(members(group)) > 3
        assert browser.alive()
        browser.goto("data:text/html,<title>hello</title>")
        assert browser.run("return document.title") == "hello"
    assert not browser.alive()
    assert not members(group)
    assert not in_folder(folder)
    assert not list(folder.parent.glob("*.owner"))
    assert not list(folder.glob("Singleton*"))
    browser.close()


SLOW_TO_DIE = f"""#!{sys.executable}
import os, time
child = os.fork()
memory = bytearray(1) * (1 if child else 600_000_000)  # the system takes it back page by page
print("started successfully on port 1", flush=True)
time.sleep(60)
"""


def test_what_takes_long_to_die_is_waited_for(tmp_path):
    driver = tmp_path / "chromedriver"
    driver.write_text(SLOW_TO_DIE)
    driver.chmod(0o755)
    process = DriverProcess(str(driver))
    until(lambda: processes.memory(process.group) > 600e6)
    process.stop()
    assert not members(process.group)


def test_nothing_is_left_when_the_owner_is_killed(an_owner, folder):
    owner, group = an_owner
    assert len(members(group)) > 3
    owner.kill()
    until(lambda: not members(group) and not in_folder(folder), 3)


def test_a_browser_whose_chromium_was_killed_says_so(folder):
    with Browser(BrowserOptions(folder)) as browser:
        os.kill(browser._chromium_pid, signal.SIGKILL)
        until(lambda: not browser.alive())
        with pytest.raises(BrowserGone):
            browser.goto("about:blank")
        group = browser._service.group
    until(lambda: not members(group))


def test_a_browser_whose_chromedriver_was_killed_says_so(folder):
    with Browser(BrowserOptions(folder)) as browser:
        driver = browser._service._driver
        assert driver
        os.kill(driver.pid, signal.SIGKILL)
        until(lambda: not browser.alive())
        with pytest.raises(BrowserGone):
            browser.run("return 1")
        group = browser._service.group
    until(lambda: not members(group))


def test_nothing_is_left_of_a_stopped_owner_s_browser_when_its_life_is_over(folder):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.replace("sys.stdin.read()", LIVES), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert owner.stdout
        group = int(owner.stdout.readline())
        time.sleep(2.5)  # longer than one life: it was extended
        assert len(members(group)) > 3
        os.kill(owner.pid, signal.SIGSTOP)
        until(lambda: not members(group) and not in_folder(folder), 3)
        with Browser(BrowserOptions(folder)) as heir:  # who was stopped does not hold the folder for ever
            assert heir.alive()
    finally:
        owner.kill()
        owner.communicate()


LIVES = """
import time
while True:
    browser.limit_life(1.5)
    time.sleep(0.5)
"""


def test_a_browser_without_its_guard_does_not_count_as_alive(folder):
    with Browser(BrowserOptions(folder)) as browser:
        os.kill(browser._service.group, signal.SIGKILL)
        until(lambda: not browser.alive())
        group = browser._service.group
    until(lambda: not members(group))


def test_a_life_prolonged_often_leaves_no_process(folder):
    with Browser(BrowserOptions(folder)) as browser:
        for _ in range(20):
            browser.limit_life(30)
        until(
            lambda: sum(command.startswith("sleep") for command in members(browser._service.group)) == 1, 20
        )


def test_killing_takes_no_time(folder):
    with Browser(BrowserOptions(folder)) as browser:
        assert browser._service._driver
        os.kill(browser._service._driver.pid, signal.SIGSTOP)  # it would not answer a request to quit
        began = time.monotonic()
        browser.kill()
        assert time.monotonic() - began < 0.5
        until(lambda: not browser.alive())
        browser.close()


def test_it_says_how_much_memory_it_takes(a_browser):
    assert 50e6 < a_browser.memory() < 500e6


def test_one_page_has_one_renderer(folder, simulator_url):
    with Browser(BrowserOptions(folder)) as browser:
        browser.goto(simulator_url)
        browser.goto(f"{simulator_url}/accounts/login/")
        browser.park()
        renderers = [one for one in members(browser._service.group) if "--type=renderer" in one]
        assert len(renderers) == 1


def test_its_folder_can_be_used_again_after_it_died(an_owner, folder):
    owner, _ = an_owner
    owner.kill()
    owner.wait()
    with Browser(BrowserOptions(folder)) as browser:  # the other one may still be dying
        assert browser.alive()


def test_a_folder_with_a_living_owner_is_refused(an_owner, folder):
    _, group = an_owner
    with pytest.raises(BrowserGone, match="Another living process"):
        Browser(BrowserOptions(folder))
    assert members(group)


def test_the_sweep_ends_orphans_and_spares_the_living(an_owner, tmp_path, folder):
    owner, group = an_owner
    with Browser(BrowserOptions(folder.with_name("bot.b"))) as living:
        assert sweep_orphans(tmp_path) == 0
        # the guard goes first, so that nothing ends the browser with its owner
        os.kill(group, signal.SIGKILL)
        owner.kill()
        owner.wait()
        stale = folder / "SingletonLock"
        stale.unlink(missing_ok=True)
        stale.symlink_to("elsewhere-1")
        assert sweep_orphans(tmp_path) > 3
        until(lambda: not members(group) and not in_folder(folder))
        assert not stale.is_symlink()
        assert living.alive()
        assert living.run("return 1") == 1
    assert not list(folder.parent.glob("*.owner"))


def test_an_owner_is_known_by_its_start_and_not_by_its_pid_alone(tmp_path, folder):
    folder.mkdir(parents=True)
    owner = folder.with_name(folder.name + ".owner")
    owner.write_text(f'{{"pid": {os.getpid()}, "started": "before", "group": 0}}')
    assert sweep_orphans(tmp_path) == 0
    assert not owner.exists()


def test_two_start_at_the_same_time_and_do_not_disturb_each_other(tmp_path):
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda name: Browser(BrowserOptions(tmp_path / name)), ["one", "two"])
    with one, two:
        one.goto("data:text/html,<title>one</title>")
        two.goto("data:text/html,<title>two</title>")
        assert one.run("return document.title") == "one"
        one.close()
        assert two.run("return document.title") == "two"


def test_a_request_goes_out_from_inside_the_page(a_browser, simulator_url):
    a_browser.goto(simulator_url)
    answer = a_browser.fetch("GET", "/_truth")
    assert (answer.status, answer.url) == (200, f"{simulator_url}/_truth")
    assert answer.headers["content-type"] == "application/json"
    assert '"seed"' in answer.body
    assert "csrftoken=" in answer.cookies


def test_a_request_without_a_page_says_so(a_browser):
    a_browser.goto("about:blank")
    with pytest.raises(RetryLater) as raised:
        a_browser.fetch("GET", "/")
    assert raised.value.details["reason"] == "no_page"


def test_an_address_where_nobody_listens_is_a_passing_fault(a_browser):
    with pytest.raises(RetryLater) as raised:
        a_browser.goto(f"http://127.0.0.1:{free_port()}/")
    assert raised.value.details["reason"] == "network"


def test_a_page_that_never_ends_is_given_up(folder):
    with Browser(BrowserOptions(folder, page_load_timeout_s=1)) as browser:
        with pytest.raises(RetryLater) as raised:
            browser.run_async("")
        assert raised.value.details["reason"] == "timeout"
        assert browser.run("return 1") == 1


def test_a_screenshot_can_be_taken_while_a_request_runs(a_browser, simulator_url):
    a_browser.goto(simulator_url)
    shots: list[bytes] = []
    shooter = threading.Thread(target=lambda: shots.append(a_browser.screenshot()))
    shooter.start()
    answers = [a_browser.fetch("GET", "/_truth").status for _ in range(10)]
    shooter.join(10)
    assert answers == [200] * 10
    assert shots[0].startswith(b"\x89PNG")


def test_images_stay_in_the_page_but_are_not_fetched(a_browser):
    a_browser.goto("data:text/html,<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>")
    assert a_browser.run("return document.images.length") == 1


def test_automation_is_not_hidden(a_browser):
    assert a_browser.run("return navigator.webdriver") is True


@pytest.mark.parametrize("given", ["/nonexistent/chromium"])
def test_a_wrong_path_is_said_in_one_sentence(folder, given):
    with pytest.raises(BrowserMissing, match=given):
        Browser(BrowserOptions(folder, binary=given))
    with pytest.raises(BrowserMissing, match=given):
        Browser(BrowserOptions(folder, driver=given))


def test_without_any_chromium_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(
        "scrapinsta_ray.instagram.chromium.SeleniumManager.binary_paths", lambda self, arguments: {}
    )
    with pytest.raises(BrowserMissing, match="apt-get install chromium chromium-driver"):
        find_chromium()


def test_a_driver_that_is_no_driver_is_given_up_at_once(folder, tmp_path):
    fake = tmp_path / "chromedriver"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(BrowserGone, match="did not start"):
        Browser(BrowserOptions(folder, driver=str(fake)))


def test_a_chromium_that_does_not_start_leaves_nothing(folder):
    with pytest.raises(BrowserGone):
        Browser(BrowserOptions(folder, binary="/bin/false", start_timeout_s=2))
    assert not in_folder(folder)
    assert not list(folder.parent.glob("*.owner"))

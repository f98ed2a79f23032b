"""Servers and databases that several rooms' tests use, and which tests run beside which."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.servers import ServerFailed, fresh_database, private_mariadb, running_simulator
from tests.site import Ask, ask_at

# The same examples in every run, and none fails because a busy machine was slow. `--hypothesis-profile=search` looks
# for new ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")

# In the background of a shell Ctrl-C is ignored, and children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TOGETHER = ("tests/e2e/", "tests/multihost/")
"""Folders whose tests share a cluster, or the ports that Serve takes. They come first: it takes them longest."""


def _folder_that_stays_together(nodeid: str) -> str | None:
    return next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process waits for another in the end."""
    items.sort(key=lambda item: _folder_that_stays_together(item.nodeid) is None)


class SideBySide(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests stay in one process, and those of some folders."""

    def _split_scope(self, nodeid: str) -> str:
        return _folder_that_stays_together(nodeid) or nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SideBySide:
    """For `-n 2`: files in the order of the collection."""
    config.option.loadscopereorder = False
    return SideBySide(config, log)


@pytest.fixture(scope="session")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB or MySQL server: one for this run, or the one of SCRAPINSTA_TEST_DATABASE_URL."""
    if given := os.environ.get("SCRAPINSTA_TEST_DATABASE_URL"):
        yield given
        return
    try:
        with private_mariadb(tmp_path_factory.mktemp("mariadb")) as url:
            yield url
    except ServerFailed as failure:
        pytest.fail(str(failure), pytrace=False)


@pytest.fixture
def a_fresh_mariadb_database(mariadb_url: str) -> Iterator[str]:
    """The URL of an empty database for one test."""
    with fresh_database(mariadb_url) as url:
        yield url


@pytest.fixture(scope="module")
def a_mariadb_database_of_this_module(mariadb_url: str) -> Iterator[str]:
    """The URL of a database that starts empty and is shared by one module's tests."""
    with fresh_database(mariadb_url) as url:
        yield url


@pytest.fixture(scope="session")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulated Instagram: seed 7, 400 people."""
    try:
        with running_simulator(tmp_path_factory.mktemp("simulator")) as url:
            yield url
    except ServerFailed as failure:
        pytest.fail(str(failure), pytrace=False)


@pytest.fixture(scope="session")
def ask(simulator_url: str) -> Ask:
    """Ask the simulator what is really so, or tell it what to do wrong: `ask("/_faults", {...})`."""
    return lambda path, body=None, method=None: ask_at(simulator_url + path, body, method)


@pytest.fixture
def fault(ask: Ask) -> Iterator[Callable[..., None]]:
    """Let the site do something wrong: `fault("throttled", account="bot_4", path="clips")`."""
    yield lambda name, **more: ask("/_faults", {"fault": name, **more})
    ask("/_faults", method="DELETE")


@pytest.fixture(scope="module")
def short_folder() -> Iterator[Path]:
    """For a Ray of one's own: its sockets lie deep in it, and their paths have a limit."""
    with tempfile.TemporaryDirectory(prefix="s-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)

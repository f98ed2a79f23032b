"""Servers and databases that several rooms' tests use."""

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import ServerFailed, fresh_database, private_mariadb, running_simulator
from tests.site import Ask, ask_at

# The same examples in every run, and none fails because a busy machine was slow. `--hypothesis-profile=search` looks
# for new ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")


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

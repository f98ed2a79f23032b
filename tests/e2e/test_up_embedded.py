"""`scrapinsta up --embedded` with nothing configured."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scrapinsta_ray.client import Client
from tests.e2e.conftest import Command, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Command]:
    command = Command(
        tmp_path, "up", "--embedded", "--port", "0", "--browsers", "1", SCRAPINSTA_ACTION_GAP_MAX_S="2"
    )
    yield command
    command.end()


def test_it_brings_its_own_site_store_and_key(up: Command) -> None:
    key = until(lambda: up.said("key: "), 30, "the key")
    url = until(lambda: up.said("scrapinsta: "), 120, "the address")
    with Client(url, key, "client_1") as client:
        until(client.ready, 30, "the dispatcher")
        made = client.campaign("cafe_lucia", 2, {"message": "Hola"})
        analysis = made["stages"][1]["job_id"]
        until(lambda: client.summary(analysis)["status"] == "done", 60, "two profiles")
        assert len(list(client.results(made["stages"][0]["job_id"]))) == 2
    up.interrupt()
    assert up.processes() == []

"""A running Serve answers as its OpenAPI document says."""

from contextlib import closing

import httpx
import pytest
import schemathesis

from scrapinsta_ray.client import Client
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database
from tests.api.documented import config, faults
from tests.e2e.conftest import Kept

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]


def a_client_of_its_own(demo: Kept) -> str:
    """A key whose requests use up no limit of the demo's client."""
    [file] = demo.command.home.rglob("scrapinsta.db")
    db = Database(f"sqlite:///{file}")
    try:
        clients.create(db, "documented", "Documented")
        return clients.create_key(db, "documented").plaintext
    finally:
        db.dispose()


def test_every_answer_is_as_documented(a_kept_demo: Kept) -> None:
    key = a_client_of_its_own(a_kept_demo)
    settings = config(key, 1, "documented", is_random=False)
    api = schemathesis.openapi.from_url(f"{a_kept_demo.url}/openapi.json", config=settings)
    with closing(Client(a_kept_demo.url, key, "my_account")) as client:
        try:
            found = faults(api.exclude(path_regex="/events$"))  # goes on as long as the job does
        finally:
            for job in list(client.jobs()):
                client.cancel(job["job_id"])
    assert not found, "\n".join(found)


def test_every_answer_has_one_request_id(a_kept_demo: Kept) -> None:
    for path in ("/live", "/jobs", "/nowhere", "/api/send/pull", "/ext/nowhere"):
        made = httpx.get(a_kept_demo.url + path).headers.get_list("X-Request-ID")
        assert len(made) == 1, path
        mine = httpx.get(a_kept_demo.url + path, headers={"X-Request-ID": "mine-1"})
        assert mine.headers.get_list("X-Request-ID") == ["mine-1"], path

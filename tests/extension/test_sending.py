"""The sender in a real Chromium: real pages, real service worker, real server."""

import pytest

from scrapinsta_ray.store import ledger
from tests.extension.conftest import Api, Installed, bubbles, until

pytestmark = [pytest.mark.browser]


def test_messages_are_typed_seen_and_reported(installed: Installed, api: Api, site: str) -> None:
    names = ["cafe_lucia"]
    with api.client() as client:
        job_id = client.send(names, message="Hola {username}, ¿qué tal?")["job_id"]
        installed.ask("resume")
        until(lambda: client.summary(job_id)["ok"] == len(names), "all are sent", 90)
    assert bubbles(site) == {name: [f"Hola {name}, ¿qué tal?"] for name in names}
    assert ledger.count(api.db, "acme") == len(names)

"""Without a database: 503 in the envelope, and on again when it is back."""

from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.store.database import Database
from tests.servers import free_port


def test_every_call_says_that_the_database_is_away() -> None:
    nowhere = Database(f"mysql://nobody:hidden@127.0.0.1:{free_port()}/none")
    assert "hidden" not in repr(nowhere)
    http = TestClient(SideBySide(make_apps(nowhere)), raise_server_exceptions=False)
    answer = http.get("/jobs", headers={"X-Api-Key": "si_0_0"})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "DATABASE_AWAY"
    assert answer.headers["Retry-After"] == "5"
    health = http.get("/health")
    assert health.status_code == 503
    assert health.json()["ok"] is False
    assert http.get("/live").status_code == 200

"""Who is told that there is work for the fleet, and of what."""

from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide
from scrapinsta_ray.api.enqueue import make_enqueue_app
from scrapinsta_ray.store import progress
from scrapinsta_ray.store.database import Database

READ = [
    ("/ext/followings/enqueue", {"target_username": "cafe"}),
    ("/ext/analyze/enqueue", {"usernames": ["ana"]}),
]


def test_the_fleet_is_told_once_the_work_is_there_and_of_nothing_else(
    db: Database, acme: dict[str, str]
) -> None:
    seen: list[int] = []

    def tell() -> None:
        seen.append(len(progress.page(db, "acme").items))

    app = make_enqueue_app(db, on_queued=tell)
    http = TestClient(SideBySide({"/ext": app}))
    for path, body in READ:
        assert http.post(path, json=body, headers=acme).status_code == 200
    assert http.post(READ[1][0], json={"usernames": []}, headers=acme).status_code == 422
    message = {"usernames": ["ana"], "message": "Hola"}
    assert http.post("/ext/send/enqueue", json=message, headers=acme).status_code == 200
    assert seen == [1, 2]

"""The do-not-contact list over HTTP."""

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.store import forget, suppressions
from scrapinsta_ray.store.database import Database
from tests.api.conftest import headers_of

Headers = dict[str, str]


def add(http: TestClient, headers: Headers, *names: str, **more: str) -> dict[str, object]:
    answer = http.post("/suppressions", json={"usernames": names, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def remove(http: TestClient, headers: Headers, *names: str) -> dict[str, object]:
    answer = http.request("DELETE", "/suppressions", json={"usernames": names}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def listed(http: TestClient, headers: Headers, **params: str) -> list[str]:
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = http.get("/suppressions", params={**params, "cursor": cursor}, headers=headers).json()
        names += [item["username"] for item in page["items"]]
        cursor = page["next_cursor"]
    return names


def test_people_are_put_on_the_list_and_taken_off(http: TestClient, acme: Headers) -> None:
    assert add(http, acme, "@Ana", "luz", "no way") == {"added": 2, "already": 0, "invalid": ["no way"]}
    assert add(http, acme, "ana") == {"added": 0, "already": 1, "invalid": []}
    [item, _] = http.get("/suppressions", headers=acme).json()["items"]
    assert (item["username"], item["reason"]) == ("ana", "asked")
    assert item["created_at"].endswith("Z")
    assert remove(http, acme, "ana", "sol") == {"removed": 1, "kept": [], "unknown": ["sol"]}
    assert http.delete("/suppressions/@Luz", headers=acme).json()["removed"] == 1
    assert http.delete("/suppressions/luz", headers=acme).status_code == 404
    assert listed(http, acme) == []


def test_the_list_is_read_in_pages_and_by_first_letters(http: TestClient, acme: Headers) -> None:
    add(http, acme, *(f"an{i}" for i in range(5)), "b", "a.b")
    assert listed(http, acme, limit="2") == ["a.b", *(f"an{i}" for i in range(5)), "b"]
    assert listed(http, acme, limit="2", q="@AN") == [f"an{i}" for i in range(5)]


def test_whoever_is_suppressed_after_the_enqueue_is_not_handed_out(http: TestClient, acme: Headers) -> None:
    send = {"usernames": ["ana", "luz"], "message": "Hola"}
    job_id = http.post("/ext/send/enqueue", json=send, headers=acme).json()["job_id"]
    add(http, acme, "ana")
    items = http.post("/api/send/pull", headers=acme).json()["items"]
    assert [item["dest_username"] for item in items] == ["luz"]
    [ana, _] = http.get(f"/jobs/{job_id}/tasks", headers=acme).json()["items"]
    assert (ana["status"], ana["reason_code"]) == ("cancelled", "suppressed")


def test_who_opted_out_is_the_operator_s_to_take_off(http: TestClient, acme: Headers) -> None:
    send = {"usernames": ["ana"], "message": "Hola"}
    http.post("/ext/send/enqueue", json=send, headers=acme)
    [item] = http.post("/api/send/pull", headers=acme).json()["items"]
    result = {"job_id": item["job_id"], "task_id": item["task_id"], "ok": False, "code": "opted_out"}
    http.post("/api/send/result", json=result, headers=acme)
    assert listed(http, acme) == ["ana"]
    refused = http.delete("/suppressions/ana", headers=acme)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "OPTED_OUT")
    assert remove(http, acme, "ana")["kept"] == ["ana"]
    assert listed(http, acme) == ["ana"]


def test_each_client_has_its_own(http: TestClient, acme: Headers, other: Headers, db: Database) -> None:
    add(http, acme, "ana")
    suppressions.add(db, "cli:op", suppressions.EVERYBODY, ["luz"], "asked")
    assert listed(http, other) == []
    assert remove(http, other, "ana", "luz")["unknown"] == ["ana", "luz"]
    assert http.delete("/suppressions/ana", headers=other).status_code == 404
    assert listed(http, acme) == ["ana"]


def test_the_hash_of_a_forgotten_person_is_nobody_s_to_read(
    http: TestClient, acme: Headers, db: Database
) -> None:
    add(http, acme, "zoe", "ana")
    forget.forget(db, "cli:op", "zoe")
    assert listed(http, acme) == ["ana"]
    assert add(http, acme, "zoe") == {"added": 0, "already": 1, "invalid": []}
    assert listed(http, acme) == ["ana"]


@pytest.mark.parametrize(
    "body",
    [
        {"usernames": []},
        {"usernames": ["x"] * 5001},
        {"usernames": ["x"], "reason": "No Way"},
        {"usernames": ["x"], "reason": "forgotten"},
        {"usernames": ["x"], "client_id": "other"},
    ],
)
def test_what_is_no_list_is_refused(http: TestClient, acme: Headers, body: object) -> None:
    assert http.post("/suppressions", json=body, headers=acme).status_code == 422
    assert listed(http, acme) == []


def test_it_takes_the_scope_send(http: TestClient, db: Database) -> None:
    weak = headers_of(db, "acme", "fetch", "analyze", "status", "pull", "result")
    for verb, path in (("GET", ""), ("POST", ""), ("DELETE", ""), ("DELETE", "/ana")):
        answer = http.request(verb, f"/suppressions{path}", json={"usernames": ["ana"]}, headers=weak)
        assert answer.json()["error"]["code"] == "SCOPE_MISSING"

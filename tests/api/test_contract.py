"""The HTTP contract, call by call."""

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.api.bodies import MAX_BODY
from scrapinsta_ray.domain.models import Kind, Profile
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import clients, finish, ledger, tasks
from scrapinsta_ray.store.database import Database
from tests.api.conftest import code_within_5_s, headers_of

Headers = dict[str, str]
CAMPAIGN = {
    "target_username": "Cafe_Lucia",
    "limit": 5,
    "analyze": {},
    "send": {"message": "Hola {first_name}"},
}


def send(http: TestClient, headers: Headers, *names: str) -> str:
    answer = http.post("/ext/send/enqueue", json={"usernames": names, "message": "Hola"}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["job_id"])


def test_every_enqueue_makes_a_job_that_its_client_sees(
    http: TestClient, acme: Headers, other: Headers
) -> None:
    followings = http.post(
        "/ext/followings/enqueue", json={"target_username": " @Cafe "}, headers=acme
    ).json()
    analyze = http.post("/ext/analyze/enqueue", json={"usernames": ["a", "b", "A"]}, headers=acme).json()
    messages = http.post("/ext/send/enqueue", json={"usernames": ["a"], "message": "x"}, headers=acme).json()
    campaign = http.post("/ext/campaigns/enqueue", json=CAMPAIGN, headers=acme).json()
    assert analyze["total_items"] == 2
    assert messages["skipped"]["already_contacted"] == 0
    assert [s["kind"] for s in campaign["stages"]] == ["fetch_followings", "analyze_profile", "send_message"]
    made = [campaign["job_id"], messages["job_id"], analyze["job_id"], followings["job_id"]]
    assert [job["job_id"] for job in http.get("/jobs", headers=acme).json()["items"]] == made
    page = http.get("/jobs?limit=3", headers=acme).json()
    rest = http.get("/jobs", params={"cursor": page["next_cursor"]}, headers=acme).json()
    assert [job["job_id"] for job in page["items"] + rest["items"]] == made
    assert http.get("/jobs", headers=other).json()["items"] == []


def test_another_tenants_job_answers_as_an_unknown_one(
    http: TestClient, acme: Headers, other: Headers
) -> None:
    job_id = send(http, acme, "ana")
    for path in ("", "/summary", "/tasks", "/results"):
        theirs = http.get(f"/jobs/{job_id}{path}", headers=other)
        nobodys = http.get(f"/jobs/job:{'0' * 32}{path}", headers=other)
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() == nobodys.json()
    assert http.post(f"/jobs/{job_id}/cancel", headers=other).status_code == 404
    from_theirs = {"from_job": job_id, "message": "x"}
    assert http.post("/ext/send/enqueue", json=from_theirs, headers=other).status_code == 404


def test_a_message_is_pulled_sent_and_in_the_ledger(http: TestClient, acme: Headers, db: Database) -> None:
    job_id = send(http, acme, "ana", "luz")
    pulled = http.post("/api/send/pull", json={"limit": 1}, headers=acme).json()
    [item] = pulled["items"]
    assert item["dest_username"] == "ana"
    assert item["payload"]["message"] == "Hola"
    assert item["task_id"] == f"{job_id}:send_message:ana"
    assert not item["maybe_sent"]
    result = {"job_id": job_id, "task_id": item["task_id"], "ok": True, "lease_id": item["lease_id"]}
    assert http.post("/api/send/result", json=result, headers=acme).json() == {"status": "ok"}
    assert http.post("/api/send/result", json=result, headers=acme).json() == {"status": "ok"}
    contradicting = http.post("/api/send/result", json={**result, "ok": False}, headers=acme)
    assert contradicting.status_code == 409
    assert ledger.count(db, "acme") == 1
    summary = http.get(f"/jobs/{job_id}/summary", headers=acme).json()
    assert summary == {
        "queued": 1, "sent": 0, "ok": 1, "error": 0, "cancelled": 0, "total": 2, "status": "running"
    }  # fmt: skip
    [row] = http.get(f"/jobs/{job_id}/results", headers=acme).json()["items"]
    assert row["dest_username"] == "ana"


def test_results_come_as_a_list_too(http: TestClient, acme: Headers) -> None:
    job_id = send(http, acme, "ana", "luz")
    items = http.post("/api/send/pull", headers=acme).json()["items"]
    results = [
        {"job_id": job_id, "task_id": i["task_id"], "ok": True, "lease_id": i["lease_id"]} for i in items
    ]
    unknown = {"job_id": job_id, "task_id": f"{job_id}:send_message:nobody", "ok": True}
    answer = http.post("/api/send/result", json=[*results, unknown], headers=acme).json()["results"]
    assert [one["status"] for one in answer] == ["ok", "ok", "error"]
    assert answer[2]["error"]["code"] == "TASK_NOT_FOUND"
    assert http.get(f"/jobs/{job_id}", headers=acme).json()["status"] == "done"


def test_another_account_or_tenant_ends_no_message(http: TestClient, acme: Headers, other: Headers) -> None:
    job_id = send(http, acme, "ana")
    [item] = http.post("/api/send/pull", headers=acme).json()["items"]
    result = {"job_id": job_id, "task_id": item["task_id"], "ok": True}
    assert http.post("/api/send/result", json=result, headers=other).status_code == 404
    assert http.post("/api/send/result", json=result, headers={**acme, "X-Account": "c2"}).status_code == 404
    assert http.get(f"/jobs/{job_id}/summary", headers=acme).json()["sent"] == 1


def test_cancel_ends_a_campaign(http: TestClient, acme: Headers) -> None:
    job_id = http.post("/ext/campaigns/enqueue", json=CAMPAIGN, headers=acme).json()["job_id"]
    summary = http.post(f"/jobs/{job_id}/cancel", headers=acme).json()
    assert summary["status"] == "cancelled"
    assert summary["cancelled"] == 1


def test_the_same_idempotency_key_gives_the_same_campaign(http: TestClient, acme: Headers) -> None:
    headers = {**acme, "Idempotency-Key": "k"}
    first = http.post("/ext/campaigns/enqueue", json=CAMPAIGN, headers=headers).json()
    assert http.post("/ext/campaigns/enqueue", json=CAMPAIGN, headers=headers).json() == first


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "NO_CREDENTIALS"),
        ({"X-Api-Key": "si_000000000000_wrong"}, 401, "BAD_CREDENTIALS"),
        ({"X-Api-Key": "nonsense"}, 401, "BAD_CREDENTIALS"),
    ],
)
def test_no_or_a_wrong_key(http: TestClient, headers: Headers, status: int, code: str) -> None:
    answer = http.get("/jobs", headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code
    assert answer.headers["X-Request-ID"]


def test_scopes_and_suspension(http: TestClient, db: Database) -> None:
    weak = headers_of(db, "acme", "fetch")
    answer = http.post("/ext/campaigns/enqueue", json=CAMPAIGN, headers=weak)
    assert answer.status_code == 403
    assert answer.json()["error"]["details"]["missing"] == ["analyze", "send"]
    assert http.get("/jobs", headers={**weak, "X-Client-Id": "other"}).status_code == 403
    sender = headers_of(db, "acme", "send", "status")  # implies pull and result
    assert http.post("/api/send/pull", headers=sender).status_code == 200
    clients.suspend(db, "acme")
    assert code_within_5_s(http, sender) == "CLIENT_SUSPENDED"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/ext/followings/enqueue", {"target_username": "no way"}),
        ("/ext/followings/enqueue", {"target_username": "ok", "limit": 0}),
        ("/ext/analyze/enqueue", {"usernames": []}),
        ("/ext/send/enqueue", {"usernames": ["a"], "message": "Hola {password}"}),
        ("/ext/send/enqueue", {"message": "Hola"}),
        ("/api/send/pull", {"limit": 101}),
        ("/api/send/result", {"job_id": "x"}),
        ("/api/send/result", []),
        ("/api/send/result", {"job_id": "x", "task_id": "y", "ok": True, "code": "rate_limited"}),
        ("/api/send/result", {"job_id": "x", "task_id": "y", "ok": False, "code": "sent"}),
    ],
)
def test_bad_bodies_say_which_field(http: TestClient, acme: Headers, path: str, body: object) -> None:
    answer = http.post(path, json=body, headers=acme)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "VALIDATION_FAILED"
    assert answer.json()["error"]["details"]["fields"]


def test_malformed_large_and_lost_requests(http: TestClient, acme: Headers) -> None:
    malformed = http.post(
        "/ext/analyze/enqueue", content=b"{", headers={**acme, "Content-Type": "application/json"}
    )
    assert (malformed.status_code, malformed.json()["error"]["code"]) == (400, "MALFORMED_JSON")
    large = http.post("/ext/analyze/enqueue", content=b" " * (MAX_BODY + 1), headers=acme)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "TOO_LARGE")
    chunked = http.post("/ext/analyze/enqueue", content=iter([b" " * MAX_BODY, b" "]), headers=acme)
    assert (chunked.status_code, chunked.json()["error"]["code"]) == (413, "TOO_LARGE")
    assert http.get("/nowhere").json()["error"]["code"] == "NOT_FOUND"
    assert http.get("/ext/followings/enqueue").json()["error"]["code"] == "METHOD_NOT_ALLOWED"
    assert http.get("/live", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"


def test_health_tells_what_is_missing(http: TestClient) -> None:
    assert http.get("/health").json()["ok"] is True
    ready = http.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["dispatcher"] is False


def test_one_document_for_all_applications(http: TestClient) -> None:
    paths = http.get("/openapi.json").json()["paths"]
    assert {"/ext/campaigns/enqueue", "/api/send/pull", "/api/send/result", "/jobs/{job_id}/summary"} <= set(
        paths
    )
    assert http.get("/docs").status_code == 200


def test_a_job_is_paused_resumed_and_retried(http: TestClient, acme: Headers, db: Database) -> None:
    job_id = send(http, acme, "ana")
    assert http.post(f"/jobs/{job_id}/pause", headers=acme).json()["status"] == "paused"
    assert http.post("/api/send/pull", headers=acme).json()["items"] == []
    assert http.post(f"/jobs/{job_id}/resume", headers=acme).json()["status"] == "running"
    [item] = http.post("/api/send/pull", headers=acme).json()["items"]
    result = {"job_id": job_id, "task_id": item["task_id"], "ok": False, "code": "not_allowed"}
    http.post("/api/send/result", json=result, headers=acme)
    assert http.get(f"/jobs/{job_id}", headers=acme).json()["status"] == "error"
    retried = http.post(f"/jobs/{job_id}/retry", headers=acme).json()
    assert (retried["status"], retried["queued"]) == ("running", 1)
    weak = headers_of(db, "acme", "status")
    for verb in ("pause", "resume", "retry", "cancel"):
        assert http.post(f"/jobs/{job_id}/{verb}", headers=weak).json()["error"]["code"] == "SCOPE_MISSING"
        assert http.post(f"/jobs/job:0/{verb}", headers=acme).status_code == 404


def test_an_analysis_says_what_it_did_not_visit_again(http: TestClient, acme: Headers, db: Database) -> None:
    body = {"usernames": ["ana"]}
    http.post("/ext/analyze/enqueue", json=body, headers=acme)
    [task] = tasks.lease_work(db, Kind.ANALYZE_PROFILE, limit=1, ttl_s=60)
    report = Report(True, "ok", lease_id=task.lease_id)
    finish.finish_work(db, [finish.Work(task, report, "bot", profile=Profile("ana"))], retry_base_s=1)
    again = http.post("/ext/analyze/enqueue", json=body, headers=acme).json()["job_id"]
    assert http.get(f"/jobs/{again}/summary", headers=acme).json()["status"] == "done"
    [result] = http.get(f"/jobs/{again}/results", headers=acme).json()["items"]
    assert result["reused"] is True and result["analyzed_at"]
    fresh = http.post("/ext/analyze/enqueue", json={**body, "max_age_hours": 0}, headers=acme).json()[
        "job_id"
    ]
    assert http.get(f"/jobs/{fresh}/summary", headers=acme).json()["queued"] == 1
    refused = http.post("/ext/analyze/enqueue", json={**body, "max_age_hours": -1}, headers=acme)
    assert refused.status_code == 422

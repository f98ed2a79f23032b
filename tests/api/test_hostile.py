"""Requests that nobody sends by mistake: never a 500, always the envelope and a request id. On both databases."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.store import clients, schema
from scrapinsta_ray.store.database import Database
from tests.api.conftest import headers_of

Headers = dict[str, str]

MANY = {name: 1_000_000 for name in clients.LIMITS if not name.startswith("messages")}
quickly = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An upgraded database with the tenant acme, who may call as often as it likes."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/store.db"
    if request.param == "mariadb":
        url = request.getfixturevalue("a_mariadb_database_of_this_module")
    database = Database(url)
    schema.upgrade(database)
    clients.create(database, "acme", "Acme", messages_per_hour=50, messages_per_day=50)
    clients.set_limits(database, "acme", MANY)
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def http(db: Database) -> Iterator[TestClient]:
    with TestClient(SideBySide(make_apps(db)), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def acme(db: Database) -> Headers:
    return headers_of(db, "acme")


def well_told(answer: httpx.Response) -> int:
    """Its status, once it is seen to be no fault of ours and, if it is a refusal, in the envelope."""
    assert answer.status_code < 500, answer.text
    assert len(answer.headers.get_list("X-Request-ID")) == 1
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert set(answer.json()) == {"error"}
        assert set(answer.json()["error"]) == {"code", "message", "details"}
    return answer.status_code


NASTY = st.sampled_from(
    ["", "\0", "/", "..", "%2F", "%00", "ñandú", "😀", "\u202e", "job:", "job:" + "0" * 32, "tpl:" + "f" * 32,
     "JOB:" + "0" * 32, "job:" + "0" * 32 + "\n", "' OR 1=1 --", "%", "-1", "9" * 30, "1e400", "NaN", "null", "[]",
     "a" * 3_000, "\ud7ff", "ａｎａ", "k\u0301", "#" + "0" * 29]
)  # fmt: skip
TEXT = NASTY | st.text(max_size=40)
PATHS = st.sampled_from(
    ["/jobs/{}", "/jobs/{}/summary", "/jobs/{}/tasks", "/jobs/{}/results", "/jobs/{}/cancel", "/jobs/{}/retry",
     "/jobs/{}/events", "/templates/{}", "/templates/{}/retire", "/templates/{}/versions", "/suppressions/{}",
     "/ext/{}/enqueue", "/api/send/{}", "/api/auth/{}", "/{}"]
)  # fmt: skip
METHODS = st.sampled_from(["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "BREW"])
QUERIES = st.lists(
    st.tuples(st.sampled_from(["cursor", "limit", "status", "q", "job_id", "cursor[]", "limit[0]"]), TEXT),
    max_size=4,
)


@quickly
@given(method=METHODS, path=PATHS, part=TEXT, query=QUERIES)
def test_any_address_is_answered(
    http: TestClient, acme: Headers, method: str, path: str, part: str, query: list[tuple[str, str]]
) -> None:
    address = path.format(quote(part, safe="", errors="replace"))
    well_told(http.request(method, address, params=query, headers=acme))


FIELDS = st.sampled_from(
    ["usernames", "username", "target_username", "limit", "message", "template_id", "from_job", "priority",
     "batch_size", "max_age_hours", "extra", "min_success_score", "cool_off_days", "dry_run", "job_id", "task_id",
     "ok", "error", "lease_id", "code", "retry_after_s", "jti", "api_key", "scopes", "ttl_s", "name", "text",
     "reason", "send"]
)  # fmt: skip
NUMBERS = st.sampled_from([0, -1, 1.5, 2**15, 2**31, 2**53 + 1, 2**63, 2**64, 10**19, 5e-324, 1e308, -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | st.integers(-(2**70), 2**70),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(FIELDS, VALUES, max_size=6)
CALLS = st.sampled_from(
    ["/ext/followings/enqueue", "/ext/analyze/enqueue", "/ext/send/enqueue", "/ext/campaigns/enqueue", "/api/send/pull",
     "/api/send/result", "/api/auth/login", "/api/auth/jwt", "/api/auth/revoke", "/suppressions", "/templates",
     "/templates/preview"]
)  # fmt: skip
GOOD: dict[str, Any] = {
    "/ext/followings/enqueue": {"target_username": "ana"},
    "/ext/analyze/enqueue": {"usernames": ["ana"]},
    "/ext/send/enqueue": {"usernames": ["ana"], "message": "Hola"},
    "/ext/campaigns/enqueue": {"target_username": "ana", "send": {"message": "Hola"}},
    "/api/send/result": {
        "job_id": "job:" + "0" * 32,
        "task_id": "job:" + "0" * 32 + ":send_message:a",
        "ok": True,
    },
    "/suppressions": {"usernames": ["ana"]},
    "/templates": {"name": "t", "text": "Hola"},
    "/templates/preview": {"text": "Hola", "usernames": ["ana"]},
}


@quickly
@given(path=CALLS, body=BODIES | VALUES, among=st.booleans())
def test_any_json_is_answered(http: TestClient, acme: Headers, path: str, body: Any, among: bool) -> None:
    if among and isinstance(body, dict):  # a good one with something else in it
        known = GOOD.get(path, {})
        body = {**known, **{name: body[name] for name in body if name in known or len(body) < 3}}
    well_told(
        http.post(
            path, content=json.dumps(body).encode(), headers={**acme, "Content-Type": "application/json"}
        )
    )


@quickly
@given(
    path=CALLS,
    body=st.binary(max_size=60),
    kind=st.sampled_from(["application/json", "text/plain", "", "x/y; é"]),
)
def test_any_bytes_are_answered(http: TestClient, acme: Headers, path: str, body: bytes, kind: str) -> None:
    well_told(http.post(path, content=body, headers={**acme, "Content-Type": kind.encode("latin-1")}))


HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=255, exclude_characters="\r\n"), max_size=120)


@quickly
@given(account=HEADER, key=HEADER, client=HEADER, request_id=HEADER)
def test_any_header_is_answered(
    http: TestClient, acme: Headers, account: str, key: str, client: str, request_id: str
) -> None:
    odd = {"X-Account": account, "Idempotency-Key": key, "X-Request-ID": request_id, "Last-Event-ID": key}
    sent = {**{name: value.encode() for name, value in acme.items()}}
    sent |= {name: value.encode("latin-1") for name, value in odd.items()}
    body = {"usernames": ["ana"], "message": "Hola", "dry_run": True}
    well_told(http.post("/ext/send/enqueue", json=body, headers=sent))
    named = {**sent, "X-Client-Id": client.encode("latin-1")}
    assert well_told(http.get("/jobs", headers=named)) == (200 if client in ("", "acme") else 403)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/send/result", {"job_id": "jób", "task_id": "jób:send_message:ana", "ok": True}),
        ("/api/send/result", {"job_id": "job:1", "task_id": "job:1:send_message:ñandú", "ok": True}),
        (
            "/api/send/result",
            {"job_id": "job:" + "0" * 32, "task_id": "job:" + "0" * 32 + ":send_message:😀", "ok": True},
        ),
    ],
)
def test_what_no_column_can_be_compared_with_is_unknown(
    http: TestClient, acme: Headers, path: str, body: dict[str, Any]
) -> None:
    """MariaDB refuses to compare ASCII columns with other letters; a batch of everybody's results would fail."""
    assert well_told(http.post(path, json=body, headers=acme)) == 404


@pytest.mark.parametrize("where", ["tasks", "results"])
def test_a_cursor_beyond_every_column_is_a_422(http: TestClient, acme: Headers, where: str) -> None:
    job = http.post("/ext/analyze/enqueue", json={"usernames": ["ana"]}, headers=acme).json()["job_id"]
    for cursor, status in ((2**63 - 1, 200), (2**63, 422), (10**30, 422), (-2, 422)):
        answer = http.get(f"/jobs/{job}/{where}", params={"cursor": cursor}, headers=acme)
        assert well_told(answer) == status


def test_of_two_equal_fields_one_counts(http: TestClient, acme: Headers) -> None:
    body = b'{"limit": 1, "limit": 2}'
    sent = {**acme, "Content-Type": "application/json"}
    assert well_told(http.post("/api/send/pull", content=body, headers=sent)) == 200


@pytest.mark.parametrize("value", ["false", 0, "yes", None])
def test_a_report_is_not_guessed_at(http: TestClient, acme: Headers, value: object) -> None:
    """`ok: "false"` is no word of whether a message left."""
    job = "job:" + "0" * 32
    body = {"job_id": job, "task_id": f"{job}:send_message:ana", "ok": value}
    assert well_told(http.post("/api/send/result", json=body, headers=acme)) == 422

"""Tokens: what they reach, how they end, and what is no token."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from scrapinsta_ray.api import claims
from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.claims import BadToken, Claims
from scrapinsta_ray.store import clients, tokens
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tokens import SigningKey
from tests.api.conftest import code_within_5_s, headers_of

Headers = dict[str, str]
FERNET = MultiFernet([Fernet(Fernet.generate_key())])


def app_of(db: Database, fernet: MultiFernet | None = FERNET) -> TestClient:
    gate = Gate(db, fernet)
    return TestClient(SideBySide(make_apps(db, gate)), raise_server_exceptions=False)


@pytest.fixture
def http(db: Database) -> Iterator[TestClient]:
    with app_of(db) as client:
        yield client


@pytest.fixture
def a_job(http: TestClient, acme: Headers) -> str:
    return send(http, acme, "ana")


def send(http: TestClient, headers: Headers, *names: str) -> str:
    answer = http.post("/ext/send/enqueue", json={"usernames": names, "message": "Hola"}, headers=headers)
    return str(answer.json()["job_id"])


def bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}", "X-Account": "client_1"}


def login(http: TestClient, headers: Headers) -> Headers:
    answer = http.post("/api/auth/login", json={"api_key": headers["X-Api-Key"]})
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


def token_of(http: TestClient, headers: Headers, job_id: str | None = None, **body: Any) -> dict[str, Any]:
    where = {"job_id": job_id} if job_id else {}
    answer = http.post("/api/auth/jwt", params=where, json=body or None, headers=headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def code(http: TestClient, headers: Headers, path: str = "/jobs", method: str = "GET", **kwargs: Any) -> str:
    answer = http.request(method, path, headers=headers, **kwargs)
    return "" if answer.is_success else str(answer.json()["error"]["code"])


# ---- a token of a client -----------------------------------------------------------------------------------


def test_a_token_stands_for_its_key_everywhere(http: TestClient, acme: Headers, a_job: str) -> None:
    answer = http.post("/api/auth/login", json={"api_key": acme["X-Api-Key"]}).json()
    assert (answer["token_type"], answer["expires_in"], answer["client_id"]) == ("bearer", 900, "acme")
    said = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert said["client_id"] == "acme" and said["jti"] == answer["jti"] and said["exp"] - said["iat"] <= 900
    mine = bearer(answer["access_token"])
    assert [job["job_id"] for job in http.get("/jobs", headers=mine).json()["items"]] == [a_job]
    assert len(http.post("/api/send/pull", headers=mine).json()["items"]) == 1
    assert code(http, {**mine, "X-Client-Id": "other"}) == "WRONG_CLIENT"
    assert code(http, {"Authorization": mine["Authorization"].replace("Bearer", "bearer ")}) == ""


def test_a_wrong_or_suspended_log_in(http: TestClient, acme: Headers, db: Database) -> None:
    wrong = {"api_key": f"si_{'0' * 12}_{'0' * 64}"}
    assert code(http, {}, "/api/auth/login", "POST", json=wrong) == "BAD_CREDENTIALS"
    clients.suspend(db, "acme")
    mine = {"api_key": acme["X-Api-Key"]}
    assert code(http, {}, "/api/auth/login", "POST", json=mine) == "CLIENT_SUSPENDED"


def test_a_token_makes_no_wider_and_no_longer_one(http: TestClient, acme: Headers) -> None:
    narrow = token_of(http, acme, scopes=["status", "pull"], ttl_s=60)
    assert (narrow["scope"], narrow["expires_in"]) == ("pull status", 60)
    mine = bearer(narrow["access_token"])
    assert code(http, mine, "/ext/analyze/enqueue", "POST", json={"usernames": ["a"]}) == "SCOPE_MISSING"
    wider = {"json": {"scopes": ["status", "send"]}}
    assert code(http, mine, "/api/auth/jwt", "POST", **wider) == "SCOPE_MISSING"
    child = token_of(http, mine, ttl_s=900)
    assert child["scope"] == "pull status" and child["expires_in"] <= 60
    assert code(http, bearer(child["access_token"]), "/api/auth/jwt", "POST") == "KEY_NEEDED"
    assert code(http, acme, "/api/auth/jwt", "POST", json={"scopes": ["admin"]}) == "SCOPE_MISSING"


# ---- a token of a job --------------------------------------------------------------------------------------


def test_a_token_of_a_job_reaches_that_job_alone(http: TestClient, acme: Headers, a_job: str) -> None:
    another = send(http, acme, "luz", "eva")
    answer = token_of(http, acme, a_job)
    said = jwt.decode(answer["access_token"], options={"verify_signature": False})
    assert said["job_id"] == answer["job_id"] == a_job
    mine = bearer(answer["access_token"])
    assert [job["job_id"] for job in http.get("/jobs", headers=mine).json()["items"]] == [a_job]
    for path in ("", "/summary", "/tasks", "/results"):
        assert code(http, mine, f"/jobs/{a_job}{path}") == ""
        assert http.get(f"/jobs/{another}{path}", headers=mine).json() == (
            http.get(f"/jobs/job:{'0' * 32}{path}", headers=acme).json()
        )
    for verb in ("cancel", "retry", "pause", "resume"):
        assert code(http, mine, f"/jobs/{another}/{verb}", "POST") == "JOB_NOT_FOUND"
    for path, body in (
        ("/ext/send/enqueue", {"usernames": ["eva"], "message": "Hola"}),
        ("/ext/analyze/enqueue", {"usernames": ["eva"]}),
        ("/ext/followings/enqueue", {"target_username": "eva"}),
    ):
        assert code(http, mine, path, "POST", json=body) == "TOKEN_OF_A_JOB"
    pulled = http.post("/api/send/pull", headers=mine).json()["items"]
    assert [(item["job_id"], item["dest_username"]) for item in pulled] == [(a_job, "ana")]
    [theirs] = http.post("/api/send/pull", json={"limit": 1}, headers=acme).json()["items"]
    assert theirs["job_id"] == another
    result = {"job_id": another, "task_id": theirs["task_id"], "ok": True}
    assert code(http, mine, "/api/send/result", "POST", json=result) == "TASK_NOT_FOUND"
    result = {"job_id": a_job, "task_id": pulled[0]["task_id"], "ok": True}
    assert code(http, mine, "/api/send/result", "POST", json=result) == ""
    assert code(http, mine, f"/jobs/{a_job}/cancel", "POST") == ""


def test_every_other_route_is_closed_to_a_token_of_a_job(http: TestClient, acme: Headers, a_job: str) -> None:
    """A new route cannot forget it: what does not name the job and is not listed here answers 403 or 401."""
    mine = bearer(token_of(http, acme, a_job)["access_token"])
    open_to_it = {"/jobs", "/api/send/pull", "/api/send/result"}
    own = {"/api/auth/login", "/api/auth/jwt", "/api/auth/revoke", "/api/auth/me"}
    probes = {"/live", "/health", "/ready", "/metrics"}
    for path, operations in http.get("/openapi.json").json()["paths"].items():
        if path in open_to_it | own | probes or "{job_id}" in path:
            continue
        for method in operations:
            there = path.replace("{template_id}", f"tpl:{'0' * 32}")
            answer = http.request(method.upper(), there, headers={**mine, "Content-Type": "application/json"})
            assert answer.status_code in (403, 422), (method, path, answer.text)
            if answer.status_code == 403:
                assert answer.json()["error"]["code"] == "TOKEN_OF_A_JOB"


def test_a_token_of_a_job_makes_none_for_another(http: TestClient, acme: Headers, a_job: str) -> None:
    another = send(http, acme, "luz")
    mine = bearer(token_of(http, acme, a_job)["access_token"])
    for job_id in (another, "job:" + "0" * 32, "x"):
        assert code(http, mine, f"/api/auth/jwt?job_id={job_id}", "POST") == "JOB_NOT_FOUND"
    assert token_of(http, mine)["job_id"] == token_of(http, mine, a_job)["job_id"] == a_job
    assert code(http, mine, "/api/auth/revoke", "POST", json={"job_id": another}) == "TOKEN_OF_A_JOB"
    assert code(http, mine, "/api/auth/revoke", "POST", json={"jti": "a" * 32}) == "TOKEN_OF_A_JOB"


def test_another_clients_job_is_unknown(http: TestClient, other: Headers, a_job: str) -> None:
    assert code(http, other, f"/api/auth/jwt?job_id={a_job}", "POST") == "JOB_NOT_FOUND"
    assert code(http, other, "/api/auth/revoke", "POST", json={"job_id": a_job}) == "JOB_NOT_FOUND"


def test_a_token_of_a_job_never_is_an_admins(
    http: TestClient, db: Database, acme: Headers, a_job: str
) -> None:
    admin = headers_of(db, "acme", "admin")
    assert token_of(http, admin, a_job)["scope"] == " ".join(sorted(clients.SCOPES))
    with_admin = {"json": {"scopes": ["admin"]}}
    assert code(http, admin, f"/api/auth/jwt?job_id={a_job}", "POST", **with_admin) == "SCOPE_MISSING"


def test_a_token_of_a_stage_does_not_end_its_campaign(http: TestClient, acme: Headers) -> None:
    body = {"target_username": "cafe", "limit": 5, "analyze": {}, "send": {"message": "Hola"}}
    stages = http.post("/ext/campaigns/enqueue", json=body, headers=acme).json()["stages"]
    mine = bearer(token_of(http, acme, stages[0]["job_id"])["access_token"])
    assert code(http, mine, f"/jobs/{stages[0]['job_id']}/cancel", "POST") == "TOKEN_OF_A_JOB"
    assert code(http, mine, f"/jobs/{stages[0]['job_id']}/summary") == ""


# ---- the end of a token ------------------------------------------------------------------------------------


def test_a_revoked_token_is_out_on_every_replica_within_five_seconds(
    http: TestClient, acme: Headers, db: Database
) -> None:
    with app_of(db) as another_replica:
        parent = token_of(http, acme)
        mine = bearer(parent["access_token"])
        child = bearer(token_of(http, mine)["access_token"])
        kept = login(http, acme)
        for replica in (http, another_replica):
            assert [code(replica, who) for who in (mine, child, kept)] == ["", "", ""]
        answer = http.post("/api/auth/revoke", json={"jti": parent["jti"]}, headers=acme)
        assert answer.json() == {"revoked": True}
        since = time.monotonic()
        for replica in (another_replica, http):
            assert code_within_5_s(replica, mine) == code_within_5_s(replica, child) == "TOKEN_REVOKED"
            assert code(replica, kept) == ""
        assert time.monotonic() - since < 5


def test_revoking_a_job_ends_the_tokens_it_has_until_then(
    http: TestClient, acme: Headers, a_job: str
) -> None:
    old, of_client = bearer(token_of(http, acme, a_job)["access_token"]), login(http, acme)
    assert code(http, acme, "/api/auth/revoke", "POST", json={"job_id": a_job}) == ""
    assert code_within_5_s(http, old) == "TOKEN_REVOKED"
    time.sleep(0.002)  # two tokens of one millisecond cannot be told apart
    new = bearer(token_of(http, acme, a_job)["access_token"])
    assert code(http, new) == code(http, of_client) == ""


def test_another_client_revokes_nothing(
    http: TestClient, acme: Headers, other: Headers, db: Database
) -> None:
    mine = token_of(http, acme)
    assert code(http, other, "/api/auth/revoke", "POST", json={"jti": mine["jti"]}) == ""
    with app_of(db) as a_fresh_replica:
        assert code(a_fresh_replica, bearer(mine["access_token"])) == ""


@pytest.mark.parametrize("end", ["suspend", "delete", "revoke", "rotate"])
def test_a_token_falls_with_its_key_and_its_client(
    http: TestClient, acme: Headers, db: Database, end: str
) -> None:
    mine = login(http, acme)
    assert code(http, mine) == ""
    if end == "rotate":
        clients.rotate_key(db, "acme", overlap_s=0)
    elif end == "revoke":
        clients.revoke_key(db, "acme", acme["X-Api-Key"].split("_")[1])
    else:
        {"suspend": clients.suspend, "delete": clients.delete}[end](db, "acme")
    expected = "CLIENT_SUSPENDED" if end == "suspend" else "TOKEN_REVOKED"
    assert code_within_5_s(http, mine) == expected


def test_tokens_outlive_a_new_signing_key(http: TestClient, acme: Headers, db: Database) -> None:
    old = login(http, acme)
    kid = tokens.rotate(db, FERNET)
    new = login(http, acme)
    assert jwt.get_unverified_header(new["Authorization"].split()[1])["kid"] == kid
    with app_of(db) as a_fresh_replica:
        assert code(http, old) == code(http, new) == code(a_fresh_replica, old) == ""


def test_a_token_is_good_at_once_wherever_it_was_made(http: TestClient, acme: Headers, db: Database) -> None:
    with app_of(db) as another_replica:
        assert code(another_replica, bearer("a.b.c")) == "BAD_CREDENTIALS"  # its ring is read, and empty
        assert code(another_replica, login(http, acme)) == ""
        tokens.rotate(db, FERNET)
        assert code(another_replica, login(http, acme)) == ""


def test_a_wrong_secret_key_is_said_so_and_keys_go_on(http: TestClient, acme: Headers, db: Database) -> None:
    mine = login(http, acme)
    for fernet in (MultiFernet([Fernet(Fernet.generate_key())]), None):
        with app_of(db, fernet) as misconfigured:
            answer = misconfigured.get("/jobs", headers=mine)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "MISCONFIGURED")
            asked = {"api_key": acme["X-Api-Key"]}
            assert code(misconfigured, {}, "/api/auth/login", "POST", json=asked) == "MISCONFIGURED"
            assert code(misconfigured, acme) == ""


# ---- what is no token --------------------------------------------------------------------------------------


def crafted(db: Database, acme: Headers, **changed: Any) -> str:
    """A token of acme's with other claims; `alg`, `kid` and `secret` are those of its signature."""
    key, at = tokens.signing_key(db, FERNET)
    header = {"kid": changed.pop("kid", key.kid)}
    alg, secret = changed.pop("alg", "HS256"), changed.pop("secret", key.secret)
    said = {
        "iss": "scrapinsta", "client_id": "acme", "scope": "status", "key": acme["X-Api-Key"].split("_")[1],
        "jti": "a" * 32, "iat": at.timestamp(), "exp": int(at.timestamp()) + 900, **changed,
    }  # fmt: skip
    said = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(said, secret, alg, headers={name: value for name, value in header.items() if value})


def test_a_crafted_token_with_nothing_wrong_is_one(http: TestClient, acme: Headers, db: Database) -> None:
    assert code(http, bearer(crafted(db, acme))) == ""


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"alg": "none", "secret": None}, "BAD_CREDENTIALS"),
        ({"alg": "HS512", "secret": b"x" * 64}, "BAD_CREDENTIALS"),
        ({"secret": b"x" * 64}, "BAD_CREDENTIALS"),
        ({"kid": "0" * 16}, "BAD_CREDENTIALS"),
        ({"kid": "../../dev/null"}, "BAD_CREDENTIALS"),
        ({"kid": None}, "BAD_CREDENTIALS"),
        ({"iss": "somebody"}, "BAD_CREDENTIALS"),
        ({"iss": None}, "BAD_CREDENTIALS"),
        ({"exp": None}, "BAD_CREDENTIALS"),
        ({"jti": None}, "BAD_CREDENTIALS"),
        ({"jti": 7}, "BAD_CREDENTIALS"),
        ({"scope": ["status"]}, "BAD_CREDENTIALS"),
        ({"client_id": {"a": 1}}, "BAD_CREDENTIALS"),
        ({"client_id": "other"}, "TOKEN_REVOKED"),  # its key is not the other's
        ({"client_id": "nobody"}, "TOKEN_REVOKED"),
        ({"scope": ""}, "SCOPE_MISSING"),
        ({"exp": 1_000_000_000}, "TOKEN_EXPIRED"),
        ({"iat": 99_999_999_999}, "BAD_CREDENTIALS"),
        ({"nbf": 99_999_999_999}, "BAD_CREDENTIALS"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_token_is_found(
    http: TestClient, acme: Headers, db: Database, changed: dict[str, Any], expected: str
) -> None:
    assert code(http, bearer(crafted(db, acme, **changed))) == expected


def test_clocks_may_be_ten_seconds_apart(http: TestClient, acme: Headers, db: Database) -> None:
    now = int(time.time())
    assert code(http, bearer(crafted(db, acme, exp=now - claims.LEEWAY_S + 4))) == ""
    assert code(http, bearer(crafted(db, acme, iat=now + claims.LEEWAY_S - 4))) == ""
    assert code(http, bearer(crafted(db, acme, exp=now - claims.LEEWAY_S - 1))) == "TOKEN_EXPIRED"
    assert code(http, bearer(crafted(db, acme, iat=now + claims.LEEWAY_S + 5))) == "BAD_CREDENTIALS"


def test_a_tampered_token_is_none(http: TestClient, acme: Headers, db: Database) -> None:
    head, body, signature = crafted(db, acme).split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=="))
    said["scope"] = "status send admin"
    wider = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    for token in (f"{head}.{wider}.{signature}", f"{head}.{body}.", f"{head}.{body}", "a.b.c", "x" * 9_000):
        assert code(http, bearer(token)) == "BAD_CREDENTIALS"
    assert code(http, {"X-Api-Key": f"{head}.{body}.{signature}"}) == "BAD_CREDENTIALS"  # a token is no key


def test_failed_tokens_are_counted_by_address(db: Database) -> None:
    gate = Gate(db, FERNET)
    with TestClient(SideBySide(make_apps(db, gate)), client=("8.8.8.8", 1)) as http:
        answers = [http.get("/jobs", headers=bearer(f"a.b.{n}")).status_code for n in range(11)]
    assert answers == [401] * 10 + [429]


KEY = SigningKey("0" * 16, b"k" * 32, retired=False)
GOOD = claims.sign(
    Claims("acme", frozenset({"status"}), "k", "a" * 32, time.time(), time.time() + 900, None, None), KEY
)
PARTS = st.text("abcXYZ019_-", max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def test_the_good_token_of_the_properties_is_good() -> None:
    assert claims.read(GOOD, {KEY.kid: KEY.secret}).client_id == "acme"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100) | st.tuples(PARTS, PARTS, PARTS).map(".".join))
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(BadToken):
        claims.read(text, {KEY.kid: KEY.secret})


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(GOOD) - 2), letter=st.sampled_from("abcdefXYZ0189_-."))
def test_no_letter_of_a_token_may_change(position: int, letter: str) -> None:
    """But for the last one, whose two last bits nobody reads."""
    changed = GOOD[:position] + letter + GOOD[position + 1 :]
    if changed != GOOD:
        with pytest.raises(BadToken):
            claims.read(changed, {KEY.kid: KEY.secret})


@settings(max_examples=300, deadline=None)
@given(header=JSON, body=JSON)
def test_no_signed_nonsense_breaks_the_reader(header: Any, body: Any) -> None:
    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    with pytest.raises(BadToken):
        claims.read(f"{part(header)}.{part(body)}.{part('x')}", {KEY.kid: KEY.secret})
    signed = jwt.api_jws.encode(json.dumps(body).encode(), KEY.secret, "HS256", headers={"kid": KEY.kid})
    with pytest.raises(BadToken):
        claims.read(signed, {KEY.kid: KEY.secret})


def test_a_header_of_a_thousand_levels_is_no_token() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2_900).decode().rstrip("=")
    with pytest.raises(BadToken):
        claims.read(f"{deep}.e30.x", {})

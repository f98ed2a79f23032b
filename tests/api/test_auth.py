"""Keys at the gate: remembered for two seconds, counted when they are wrong, told apart by nothing."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

from scrapinsta_ray.api import auth
from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Credential, Gate, Memory
from scrapinsta_ray.api.edge import Rules
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.errors import RateLimited
from scrapinsta_ray.settings import networks
from scrapinsta_ray.store import clients, meters
from scrapinsta_ray.store.database import Database
from tests.api.conftest import code_within_5_s, headers_of

Headers = dict[str, str]
GUESSES = meters.FAILED_LOGINS_PER_MINUTE


def app_of(db: Database, gate: Gate | None = None, address: str = "10.0.0.9") -> TestClient:
    """A replica, as the peer `address` sees it."""
    return TestClient(
        SideBySide(make_apps(db, gate)), raise_server_exceptions=False, client=(address, 50_000)
    )


@pytest.fixture
def another_replica(tmp_path: Path, db: Database) -> Iterator[TestClient]:
    """A second process' applications over the same store."""
    mine = Database(f"sqlite:///{tmp_path}/store.db")
    with app_of(mine) as client:
        yield client
    mine.dispose()


def code(http: TestClient, headers: Headers, path: str = "/jobs") -> tuple[int, str]:
    answer = http.get(path, headers=headers)
    return answer.status_code, "" if answer.is_success else answer.json()["error"]["code"]


def wrong_secret(headers: Headers) -> Headers:
    return {**headers, "X-Api-Key": headers["X-Api-Key"].rpartition("_")[0] + "_" + "0" * 64}


# ---- what a replica remembers ------------------------------------------------------------------------------


def test_a_common_request_asks_the_database_nothing_about_its_key(
    http: TestClient, acme: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert http.get("/jobs", headers=acme).status_code == 200
    monkeypatch.setattr(clients, "authenticate", lambda *_: pytest.fail("the key was looked up again"))
    assert http.get("/jobs", headers=acme).status_code == 200


@pytest.mark.parametrize("end", ["suspend", "delete", "revoke"])
def test_who_is_out_is_out_on_every_replica_within_five_seconds(
    http: TestClient, another_replica: TestClient, acme: Headers, db: Database, end: str
) -> None:
    for replica in (http, another_replica):
        assert code(replica, acme) == (200, "")
    key_id = acme["X-Api-Key"].split("_")[1]
    ends: dict[str, Callable[[], Any]] = {
        "suspend": lambda: clients.suspend(db, "acme"),
        "delete": lambda: clients.delete(db, "acme"),
        "revoke": lambda: clients.revoke_key(db, "acme", key_id),
    }
    ends[end]()
    since = time.monotonic()
    expected = "CLIENT_SUSPENDED" if end == "suspend" else "BAD_CREDENTIALS"
    assert code_within_5_s(http, acme) == code_within_5_s(another_replica, acme) == expected
    assert time.monotonic() - since < 5


def test_a_resumed_client_is_in_again(http: TestClient, acme: Headers, db: Database) -> None:
    clients.suspend(db, "acme")
    assert code(http, acme) == (403, "CLIENT_SUSPENDED")
    clients.resume(db, "acme")
    deadline = time.monotonic() + 5
    while code(http, acme)[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_key_is_not_remembered_beyond_its_own_end(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "MEMORY_S", 3_600.0)
    with app_of(db) as http:
        http.get("/live")  # all is up before the key's few seconds begin
        key = clients.create_key(db, "acme", expires_in_s=3)
        headers = {"X-Api-Key": key.plaintext}
        assert code(http, headers) == (200, "")
        assert code_within_5_s(http, headers) == "BAD_CREDENTIALS"


def test_a_keys_use_is_noted(http: TestClient, acme: Headers, db: Database) -> None:
    assert clients.keys(db, "acme")[0].last_used_at is None
    http.get("/jobs", headers=acme)
    assert clients.keys(db, "acme")[0].last_used_at


def test_the_memory_is_bounded_and_holds_no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_MOST", 3)
    memory: Memory[int] = Memory()
    for number in range(5):
        memory.put(bytes([number]), number, 60)
    assert [memory.get(bytes([number])) for number in range(5)] == [None, None, 2, 3, 4]
    memory.put(b"x", 1, 0)
    assert memory.get(b"x") is None
    credential = Credential("si_0_secret", is_key=True)
    assert "secret" not in repr(credential)
    assert b"secret" not in credential.digest()


# ---- wrong keys --------------------------------------------------------------------------------------------


def test_failed_log_ins_are_counted_by_key_exactly_and_on_every_replica(
    http: TestClient, another_replica: TestClient, acme: Headers
) -> None:
    wrong = wrong_secret(acme)
    replicas = [http, another_replica] * GUESSES
    answers = [code(replica, wrong) for replica in replicas]
    assert answers[:GUESSES] == [(401, "BAD_CREDENTIALS")] * GUESSES
    assert set(answers[GUESSES:]) == {(429, "RATE_LIMITED")}
    refused = http.get("/jobs", headers=wrong)
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"]["details"]["limit"] == "failed_logins"


def test_a_stranger_locks_out_nobody_who_was_in(http: TestClient, acme: Headers, db: Database) -> None:
    assert code(http, acme) == (200, "")
    for _ in range(GUESSES + 1):
        code(http, wrong_secret(acme))
    assert code(http, wrong_secret(acme)) == (429, "RATE_LIMITED")
    deadline = time.monotonic() + auth.MEMORY_S + 0.5
    while time.monotonic() < deadline:  # beyond the memory: it is looked up again, and good
        assert code(http, acme) == (200, "")
        time.sleep(0.2)
    assert http.post("/api/auth/login", json={"api_key": acme["X-Api-Key"]}).status_code == 200


def test_failures_are_counted_by_address_where_it_is_known(db: Database) -> None:
    gate = Gate(db, rules=Rules(networks("10.0.0.0/8")))
    with app_of(db, gate) as http:

        def guess(number: int, address: str) -> int:
            key = f"si_{number:012x}_{'0' * 64}"
            return code(http, {"X-Api-Key": key, "X-Forwarded-For": f"1.1.1.1, {address}"})[0]

        assert [guess(n, "8.8.8.8") for n in range(GUESSES + 2)] == [401] * GUESSES + [429] * 2
        assert guess(99, "8.8.4.4") == 401
        key = clients.create_key(db, "acme").plaintext
        fresh = {"X-Api-Key": key, "X-Forwarded-For": "8.8.8.8"}
        assert code(http, fresh) == (429, "RATE_LIMITED")  # a good one, but nobody knew it
        assert code(http, {"X-Api-Key": key}) == (200, "")


def test_without_a_proxy_a_forged_address_counts_for_nothing(db: Database) -> None:
    with app_of(db, address="8.8.8.8") as http:
        answers = [
            code(http, {"X-Api-Key": f"si_{n:012x}_{'0' * 64}", "X-Forwarded-For": f"9.9.9.{n}"})[0]
            for n in range(GUESSES + 1)
        ]
    assert answers == [401] * GUESSES + [429]


def test_an_unknown_id_and_a_wrong_secret_take_the_same_steps(
    db: Database, acme: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which part was wrong shows neither in the answer, nor in the statements, nor in what is compared."""
    steps: list[str] = []

    def watched(place: Any, name: str) -> None:
        real = getattr(place, name)

        def step(*args: Any, **kwargs: Any) -> Any:
            steps.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(place, name, step)

    for place, name in (
        (secrets, "compare_digest"),
        (clients, "_digest"),
        (clients, "authenticate"),
        (meters, "may_log_in"),
        (meters, "failed_login"),
    ):
        watched(place, name)

    def told(headers: Headers) -> tuple[list[str], Any]:
        steps.clear()
        with app_of(db) as http:
            answer = http.get("/jobs", headers=headers)
        return list(steps), (answer.status_code, answer.json(), sorted(answer.headers))

    code_of_a_known_id = told(wrong_secret(acme))
    assert code_of_a_known_id == told({**acme, "X-Api-Key": f"si_{'f' * 12}_{'0' * 64}"})
    expired = clients.create_key(db, "acme", expires_in_s=-1)
    revoked = clients.create_key(db, "acme")
    clients.revoke_key(db, "acme", revoked.key_id)
    for ended in (expired, revoked):
        assert told({**acme, "X-Api-Key": ended.plaintext}) == code_of_a_known_id
    assert code_of_a_known_id[0] == [
        "may_log_in",
        "authenticate",
        "_digest",
        "compare_digest",
        "failed_login",
    ]


def test_a_known_key_tells_nothing_by_being_remembered(http: TestClient, acme: Headers) -> None:
    """A wrong secret is looked up although the right one is remembered: else a quick no would give the id away."""
    http.get("/jobs", headers=acme)
    with patch.object(clients, "authenticate", wraps=clients.authenticate) as looked_up:
        assert code(http, wrong_secret(acme)) == (401, "BAD_CREDENTIALS")
    looked_up.assert_called_once()


# ---- headers of all kinds ----------------------------------------------------------------------------------


def request_with(headers: dict[str, str]) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "path": "/", "method": "GET"})


ANY_HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=200)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=ANY_HEADER, authorization=ANY_HEADER | ANY_HEADER.map(lambda text: f"Bearer {text}"))
def test_no_header_breaks_the_gate(db: Database, key: str, authorization: str) -> None:
    gate = Gate(db, MultiFernet([Fernet(Fernet.generate_key())]))
    for headers in ({"X-Api-Key": key}, {"Authorization": authorization}):
        request = request_with(headers)
        with pytest.raises((ApiError, RateLimited)) as refused:
            gate.admit(auth._credential(request), request)
        assert getattr(refused.value, "status_code", 429) in (401, 429)


def test_another_client_id_and_a_lacking_scope_are_refused(http: TestClient, db: Database) -> None:
    headers = headers_of(db, "acme", "fetch")
    assert code(http, {**headers, "X-Client-Id": "other"}) == (403, "WRONG_CLIENT")
    assert code(http, {**headers, "X-Client-Id": "acme"}) == (403, "SCOPE_MISSING")


def test_an_admin_key_may_do_everything_in_its_own_client(http: TestClient, db: Database) -> None:
    admin = headers_of(db, "acme", "admin")
    assert http.post("/ext/analyze/enqueue", json={"usernames": ["ana"]}, headers=admin).status_code == 200
    assert http.post("/api/send/pull", headers=admin).status_code == 200
    assert http.get("/api/auth/me", headers=admin).json()["scopes"] == sorted([*clients.SCOPES, "admin"])


def test_me_says_who_one_is_and_how_much_one_may(http: TestClient, acme: Headers, db: Database) -> None:
    clients.set_limits(db, "acme", {"pulls_per_minute": 7})
    me = http.get("/api/auth/me", headers=acme).json()
    assert (me["client_id"], me["name"], me["job_id"]) == ("acme", "Acme", None)
    assert me["scopes"] == sorted(clients.SCOPES)
    assert me["limits"] == {
        "messages_per_hour": 50, "messages_per_day": 50, "pulls_per_minute": 7, "results_per_minute": 6000,
        "enqueues_per_minute": 30, "unfinished_tasks": 200000,
    }  # fmt: skip

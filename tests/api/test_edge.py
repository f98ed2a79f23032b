"""The edge: who is believed about addresses and HTTPS, who may ask from another site, what every answer carries."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.testclient import TestClient
from starlette.types import Message, Scope
from uvicorn.middleware.proxy_headers import _TrustedHosts

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.bodies import MAX_BODY, MAX_DEPTH, BoundedBody, strict_json
from scrapinsta_ray.api.edge import Rules, counted, last_untrusted, origin_of
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.settings import RAY_ENVIRONMENT, Settings, networks, origins
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database

Headers = dict[str, str]
PROXIES = networks("10.0.0.0/8, 192.168.1.1, fd00::/8")
EXTENSION = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"


def scope_of(peer: str, *forwarded: str, proto: str = "", scheme: str = "http") -> Scope:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    return {"type": "http", "client": (peer, 1), "headers": headers, "scheme": scheme}


def app_of(db: Database, rules: Rules, peer: str = "10.0.0.1") -> TestClient:
    return TestClient(
        SideBySide(make_apps(db, Gate(db, rules=rules))), raise_server_exceptions=False, client=(peer, 1)
    )


# ---- who is at the other end -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("8.8.8.8", (), "8.8.8.8"),
        ("8.8.8.8", ("9.9.9.9",), "8.8.8.8"),  # not a proxy: what it says of others is nothing
        ("172.16.0.1", ("9.9.9.9",), None),  # private and not configured: somebody's load balancer
        ("127.0.0.1", ("9.9.9.9",), None),
        ("testclient", ("9.9.9.9",), None),
        ("10.0.0.1", (), None),
        ("10.0.0.1", ("9.9.9.9",), "9.9.9.9"),
        ("10.0.0.1", ("1.2.3.4, 9.9.9.9",), "9.9.9.9"),  # what the client itself had claimed stands before
        ("10.0.0.1", ("9.9.9.9, 10.2.2.2, 192.168.1.1",), "9.9.9.9"),
        ("10.0.0.1", ("1.2.3.4", "9.9.9.9"), "9.9.9.9"),
        ("10.0.0.1", ("9.9.9.9:4711",), "9.9.9.9"),
        ("10.0.0.1", ("[2001:4860::1]:4711",), "2001:4860::1"),
        ("10.0.0.1", ("::ffff:9.9.9.9",), "9.9.9.9"),
        ("fd00::1", ("2001:4860::1",), "2001:4860::1"),
        ("10.0.0.1", ("10.3.3.3",), None),
        ("10.0.0.1", ("9.9.9.9, unknown",), None),  # beyond what we cannot read nobody is believed
        ("10.0.0.1", ("9.9.9.9,, ",), "9.9.9.9"),
    ],
)
def test_the_address_is_the_last_hop_that_is_none_of_ours(
    peer: str, forwarded: tuple[str, ...], address: str | None
) -> None:
    found = origin_of(scope_of(peer, *forwarded), Rules(PROXIES)).address
    assert found == (ip_address(address) if address else None)


@pytest.mark.parametrize(
    ("peer", "proto", "scheme", "https"),
    [
        ("10.0.0.1", "https", "http", True),
        ("10.0.0.1", "http", "https", False),
        ("10.0.0.1", "https, http", "http", False),
        ("10.0.0.1", "", "https", True),
        ("8.8.8.8", "https", "http", False),
        ("172.16.0.1", "https", "http", False),
        ("8.8.8.8", "", "https", True),
    ],
)
def test_https_is_what_a_configured_proxy_or_the_connection_says(
    peer: str, proto: str, scheme: str, https: bool
) -> None:
    assert origin_of(scope_of(peer, proto=proto, scheme=scheme), Rules(PROXIES)).https is https


HOPS = st.lists(
    st.ip_addresses().map(str) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    max_size=6,
)


@given(HOPS)
def test_whatever_is_forwarded_the_address_is_one_or_none(hops: list[str]) -> None:
    found = origin_of(scope_of("10.0.0.1", ", ".join(hops)), Rules(PROXIES))
    assert found.address is None or not any(found.address in net for net in PROXIES)
    assert origin_of(scope_of("172.16.0.1", ", ".join(hops)), Rules(PROXIES)).address is None


@given(claimed=HOPS, client=st.ip_addresses(network="9.0.0.0/8"))
def test_what_a_client_claims_never_moves_its_address(claimed: list[str], client: Any) -> None:
    """The proxy adds whom it saw; whatever came before is the client's own invention."""
    assert last_untrusted([", ".join([*claimed, str(client)])], PROXIES) == client


def test_one_machine_has_a_whole_ipv6_network() -> None:
    assert counted(ip_address("2001:4860::1")) == counted(ip_address("2001:4860::ffff:1")) == "2001:4860::"
    assert counted(ip_address("9.9.9.9")) == "9.9.9.9"
    assert counted(None) is None


def test_uvicorn_believes_no_forwarded_header_before_we_see_it() -> None:
    trusted = _TrustedHosts(RAY_ENVIRONMENT["FORWARDED_ALLOW_IPS"])
    assert "127.0.0.1" not in trusted and "10.0.0.1" not in trusted


def test_settings_of_the_edge_are_checked_at_the_start() -> None:
    assert networks("10.0.0.0/8 ::1") == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert origins(f"https://a.example.com/, {EXTENSION}") == ("https://a.example.com", EXTENSION)
    assert networks(None) == origins(None) == ()
    for wrong in ({"trusted_proxies": "10.0.0.1/8"}, {"trusted_proxies": "all"}, {"cors_origins": "*"}):
        with pytest.raises(ValidationError):
            Settings(**wrong)  # type: ignore[arg-type]


# ---- HTTPS -------------------------------------------------------------------------------------------------


def test_plain_http_is_refused_where_https_is_required(db: Database, acme: Headers) -> None:
    with app_of(db, Rules(PROXIES, require_https=True)) as http:
        public = {**acme, "X-Forwarded-For": "9.9.9.9"}
        refused = http.get("/jobs", headers={**public, "X-Forwarded-Proto": "http"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "HTTPS_REQUIRED")
        assert refused.headers["X-Request-ID"]
        assert "Strict-Transport-Security" not in refused.headers
        secure = http.get("/jobs", headers={**public, "X-Forwarded-Proto": "https"})
        assert secure.status_code == 200
        assert "max-age" in secure.headers["Strict-Transport-Security"]
        for probe in ("/live", "/health", "/ready"):
            assert http.get(probe).status_code != 403
            assert http.get(probe, headers={"X-Forwarded-For": "9.9.9.9"}).status_code == 403
        assert http.get("/jobs", headers=acme).status_code == 403
    with app_of(db, Rules(PROXIES, require_https=True), peer="9.9.9.9") as http:
        forged = {**acme, "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.0.0.1"}
        assert http.get("/jobs", headers=forged).status_code == 403
        assert http.get("/live", headers=forged).status_code == 403


# ---- other sites -------------------------------------------------------------------------------------------


PREFLIGHT = {
    "Origin": EXTENSION,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-api-key,x-account,content-type",
}


def test_no_other_site_may_ask_unless_it_was_configured(http: TestClient, acme: Headers) -> None:
    preflight = http.options("/api/send/pull", headers=PREFLIGHT)
    assert (preflight.status_code, preflight.json()["error"]["code"]) == (405, "METHOD_NOT_ALLOWED")
    answer = http.get("/jobs", headers={**acme, "Origin": EXTENSION})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_extension_may_ask_once_its_origin_is_configured(db: Database, acme: Headers) -> None:
    with app_of(db, Rules(cors_origins=(EXTENSION,))) as http:
        preflight = http.options("/api/send/pull", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == EXTENSION
        assert "x-api-key" in preflight.headers["Access-Control-Allow-Headers"]
        for answer in (
            http.get("/jobs", headers={**acme, "Origin": EXTENSION}),
            http.get("/jobs", headers={"Origin": EXTENSION}),  # errors are readable too
        ):
            assert answer.headers["Access-Control-Allow-Origin"] == EXTENSION
            assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
            assert "Access-Control-Allow-Credentials" not in answer.headers
        stranger = http.get("/jobs", headers={**acme, "Origin": f"{EXTENSION}.evil.example"})
        assert "Access-Control-Allow-Origin" not in stranger.headers
        assert http.options("/jobs", headers={**PREFLIGHT, "Origin": "null"}).status_code == 405


# ---- headers of every answer -------------------------------------------------------------------------------


def test_every_answer_carries_the_security_headers(
    http: TestClient, acme: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    answers = [
        http.get("/jobs", headers=acme),
        http.get("/jobs"),
        http.get("/nowhere"),
        http.post("/ext/analyze/enqueue", content=b" " * (MAX_BODY + 1), headers=acme),
        http.get("/live"),
        http.get("/docs"),
    ]
    monkeypatch.setattr(clients, "get", broken)
    answers.append(http.get("/api/auth/me", headers=acme))
    assert [answer.status_code for answer in answers] == [200, 401, 404, 413, 200, 200, 500]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert len(answer.headers.get_list("X-Request-ID")) == 1
        assert "Strict-Transport-Security" not in answer.headers
    assert answers[-1].json()["error"]["code"] == "INTERNAL"


def test_the_docs_load_nothing_from_elsewhere(http: TestClient) -> None:
    page = http.get("/docs")
    assert "http" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "unsafe-eval" not in policy
    for path in ("/docs/static/swagger-ui-bundle.js", "/docs/static/swagger-ui.css", "/docs/start.js"):
        assert path in page.text
        assert http.get(path).status_code == 200
    assert http.get("/docs/static/../../settings.py").status_code == 404


# ---- bodies ------------------------------------------------------------------------------------------------


async def slow_body(pause_s: float) -> AsyncIterator[bytes]:
    yield b'{"usernames": ['
    await asyncio.sleep(pause_s)
    yield b'"ana"]}'


def test_a_slow_body_is_cut_off_and_frees_its_place(
    db: Database, acme: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedBody.__init__, "__defaults__", (0.3,))
    transport = httpx.ASGITransport(SideBySide(make_apps(db)))

    async def post(pause_s: float) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            headers = {**acme, "Content-Type": "application/json"}
            return await http.post("/ext/analyze/enqueue", content=slow_body(pause_s), headers=headers)

    since = time.monotonic()
    answer = asyncio.run(post(30))
    assert time.monotonic() - since < 10
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "BODY_TOO_SLOW")
    assert answer.headers["Connection"] == "close"
    assert asyncio.run(post(0)).status_code == 200


def test_many_small_chunks_do_not_stretch_the_time() -> None:
    async def drip() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def app(_scope: Scope, receive: Any, _send: Any) -> None:
        while True:
            await receive()

    with pytest.raises(ApiError, match=r"0\.2 seconds"):
        asyncio.run(BoundedBody(app, 0.2)({"type": "http", "headers": []}, drip, drip))  # type: ignore[arg-type]


def post_raw(http: TestClient, headers: Headers, body: bytes) -> tuple[int, str]:
    answer = http.post(
        "/ext/analyze/enqueue", content=body, headers={**headers, "Content-Type": "application/json"}
    )
    return answer.status_code, "" if answer.is_success else answer.json()["error"]["code"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"usernames": ["\xff"]}',
        b'{"usernames": ["\xed\xa0\x80"]}',  # half a surrogate pair, as UTF-8 never has it
        '{"usernames": ["ana"]}'.encode("utf-16"),
        b'{"usernames": ["ana"], "extra": {"a": "\\u0000"}}',
        b'{"usernames": ["ana"], "extra": {"\\u0000": 1}}',
        b'{"usernames": ["ana"], "extra": {"a": ["\\ud800"]}}',
        b'{"usernames": ["ana"], "extra": {"a": NaN}}',
        b'{"usernames": ["ana"], "extra": {"a": -Infinity}}',
        b'{"usernames": ["ana"], "extra": {"a": 1e999}}',
        b'{"usernames": ["ana"], "extra": {"a": ' + b"9" * 5_000 + b"}}",
        b'{"usernames": ["ana"], "extra": {"a": ' + b"[" * 30 + b"]" * 30 + b"}}",
        b'{"usernames": ["ana"], "extra": ' + b'{"a":' * 30 + b"1" + b"}" * 31,
        b"[" * 200_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"usernames": ["a\x00b"]}',
        b"\xef\xbb\xbf{}",
        b"{",
    ],
    ids=range(17),
)
def test_what_is_not_json_or_fits_no_column_is_a_400(http: TestClient, acme: Headers, body: bytes) -> None:
    assert post_raw(http, acme, body) == (400, "MALFORMED_JSON")


def test_the_deepest_that_is_taken(http: TestClient, acme: Headers) -> None:
    extra = b"[" * (MAX_DEPTH - 3) + b"]" * (MAX_DEPTH - 3)
    assert post_raw(http, acme, b'{"usernames": ["ana"], "extra": {"a": ' + extra + b"}}") == (200, "")
    assert post_raw(http, acme, b'{"usernames": ["ana"], "extra": {"a": "\\ud83d\\ude00"}}') == (200, "")


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_400(body: bytes) -> None:
    try:
        value = strict_json(body)
    except ApiError as refused:
        assert refused.status_code == 400  # noqa: PT017
    else:
        json.dumps(value, allow_nan=False).encode()

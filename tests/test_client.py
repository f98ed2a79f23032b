"""The Python client: one method for every call of the OpenAPI document, and errors with all that they say."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.client import Client, Refused
from scrapinsta_ray.store.database import Database

JOB = "job:0"
TEMPLATE = "tpl:0"
NOT_CALLED = {
    ("get", "/jobs/{job_id}/events"),  # a stream, for browsers
    ("get", "/metrics"),  # for Prometheus
}


class Server:
    """Answers everything alike, and remembers what was asked."""

    def __init__(self, answer: httpx.Response | None = None) -> None:
        self.answer = answer or httpx.Response(200, json={"items": [], "next_cursor": None})
        self.requests: list[httpx.Request] = []

    def client(self, **options: Any) -> Client:
        return Client("http://server", transport=httpx.MockTransport(self._handle), **options)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer


def call_everything(client: Client) -> None:
    client.login("si_key")
    client.jwt(JOB)
    client.revoke(jti="x")
    client.followings("ana")
    client.analyze(["ana"], priority=1)
    client.send(["ana"], message="Hola")
    client.campaign("ana", 5, {"message": "Hola"})
    for listed in (
        client.jobs(),
        client.tasks(JOB, "error"),
        client.results(JOB),
        client.suppressions("a"),
        client.templates(),
    ):
        assert list(listed) == []
    for change in (client.job, client.summary, client.cancel, client.retry, client.pause, client.resume):
        change(JOB)
    client.me()
    client.suppress(["ana"])
    client.allow(["ana"])
    client.allow_one("ana")
    client.new_template("first", "Hola {first_name}")
    client.new_version(TEMPLATE, "Hola")
    client.retire_template(TEMPLATE)
    client.template(TEMPLATE)
    client.preview(["ana"], template_id=TEMPLATE)
    client.preview(["ana"], text="Hola")
    client.pull(3)
    client.result([{"ok": True}])
    for look in (client.live, client.health, client.ready):
        assert look()


def test_every_call_of_the_document_has_its_method(tmp_path: Path) -> None:
    app = make_console_app(Database(f"sqlite:///{tmp_path}/none.db"))
    [document] = [route for route in app.routes if getattr(route, "path", "") == "/openapi.json"]
    paths: dict[str, Any] = document.endpoint()["paths"]  # type: ignore[attr-defined]
    there = {(verb, path) for path, verbs in paths.items() for verb in verbs} - NOT_CALLED
    server = Server()
    with server.client(key="k", account="acme") as client:
        call_everything(client)
    called = {(request.method.lower(), request.url.path) for request in server.requests}
    assert not [(verb, path) for verb, path in there if not _is_called(verb, path, called)]


def _is_called(verb: str, path: str, called: set[tuple[str, str]]) -> bool:
    pattern = re.compile(re.sub(r"{[^}]*}", "[^/]+", path))
    return any(verb == method and pattern.fullmatch(address) for method, address in called)


def test_a_key_or_a_token_and_the_account_go_with_every_call() -> None:
    server = Server()
    with server.client(key="si_1", account="acme") as by_key, server.client(token="jwt") as by_token:
        by_key.pull()
        by_token.pull()
    first, second = (request.headers for request in server.requests)
    assert (first["X-Api-Key"], first["X-Account"], "Authorization" in first) == ("si_1", "acme", False)
    assert (second["Authorization"], "X-Api-Key" in second) == ("Bearer jwt", False)


def test_pages_are_followed_to_the_last() -> None:
    pages = {"": ([1, 2], "b"), "b": ([3], None)}

    def page(request: httpx.Request) -> httpx.Response:
        items, cursor = pages[request.url.params.get("cursor", "")]
        return httpx.Response(200, json={"items": [{"n": n} for n in items], "next_cursor": cursor})

    with Client("http://server", transport=httpx.MockTransport(page)) as client:
        assert [row["n"] for row in client.jobs()] == [1, 2, 3]


def test_a_refusal_says_when_to_come_back() -> None:
    body = {"error": {"code": "RATE_LIMITED", "message": "wait", "details": {"limit": "pulls"}}}
    server = Server(httpx.Response(429, json=body, headers={"Retry-After": "7"}))
    with server.client() as client, pytest.raises(Refused, match="wait") as refused:
        client.pull()
    error = refused.value
    assert (error.status, error.code, error.retry_after_s) == (429, "RATE_LIMITED", 7)
    assert error.details == {"limit": "pulls"}


@pytest.mark.parametrize("retry_after", ["", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_an_answer_that_is_no_json_is_an_error_too(retry_after: str) -> None:
    server = Server(httpx.Response(502, text="<html>", headers={"Retry-After": retry_after}))
    with server.client() as client, pytest.raises(Refused) as refused:
        client.job(JOB)
    assert (refused.value.status, refused.value.code, refused.value.retry_after_s) == (502, "NO_JSON", None)


def test_nothing_there_is_not_ready() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with Client("http://server", transport=httpx.MockTransport(refuse)) as client:
        assert not client.ready()


def test_a_name_stays_one_part_of_the_path() -> None:
    server = Server()
    with server.client() as client:
        client.allow_one("../jobs?x#y")
    assert server.requests[0].url.raw_path == b"/suppressions/..%2Fjobs%3Fx%23y"

"""Every operation of the OpenAPI document is tried with what it must refuse: others' ids, weak keys, no keys.

A new operation is walked without a word here. One that takes an id of a new kind fails until IDS or PLAIN names it.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet
from sqlalchemy import select
from starlette.testclient import TestClient

from scrapinsta_ray.api.apps import SideBySide, make_apps
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.tables import metadata
from tests.api.conftest import headers_of
from tests.api.replica import SECRET

Ids = Mapping[str, str]

IDS = {
    "job_id", "from_job", "task_id", "lease_id", "template_id", "jti", "username", "usernames", "target_username",
    "dest_username", "cursor", "X-Account", "X-Client-Id", "Idempotency-Key",
}  # fmt: skip
"""Names of parameters and fields that say whose or which."""

PLAIN = {
    "limit", "status", "q", "last-event-id", "batch_size", "priority", "max_age_hours", "extra", "message",
    "min_success_score", "cool_off_days", "dry_run", "analyze", "send", "ok", "error", "code", "retry_after_s",
    "reason", "name", "text", "scopes", "ttl_s", "api_key",
}  # fmt: skip
"""Those that do not."""

INSTEAD_OF = {"template_id": "message", "from_job": "usernames", "jti": "job_id"}

OPEN = {"/live", "/health", "/ready", "/metrics", "/api/auth/login"}
"""What the contract lets anybody ask; of log-ins the key is in the body."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document, with every place where an id may stand."""

    method: str
    path: str
    described: Mapping[str, Any]
    body: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def is_open(self) -> bool:
        return "security" not in self.described

    @property
    def scopes(self) -> list[str]:
        return list(self.described.get("x-scopes", ()))

    def names(self) -> set[str]:
        """Of all parameters and fields."""
        return {one["name"] for one in self.described["parameters"]} | self._fields

    @property
    def _fields(self) -> set[str]:
        return set(self.described["fields"])

    def variants(self) -> list[str | None]:
        """The fields of its body that stand instead of another one, each of which is worth a request of its own."""
        return [None, *sorted(self._fields & set(INSTEAD_OF))]

    def ask(self, http: TestClient, headers: Mapping[str, str], ids: Ids, variant: str | None = None) -> Any:
        """Asks with `ids` in every place."""
        given: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}}
        for one in self.described["parameters"]:
            if one["name"] in ids and one["name"] != "cursor":
                given[one["in"]][one["name"]] = ids[one["name"]]
            elif one["name"] == "cursor" and (found := self._cursor(ids)):
                given["query"]["cursor"] = found
        return http.request(
            self.method,
            self.path.format(**given["path"]),
            params=given["query"],
            headers={**headers, **given["header"]},
            json=_filled(copy.deepcopy(self.body), ids, variant),
        )

    def _cursor(self, ids: Ids) -> str | None:
        last = self.path.rsplit("/", 1)[-1]
        return {"jobs": ids["job_id"], "templates": ids["template_id"], "suppressions": ids["username"]}.get(
            last
        )


def _filled(value: Any, ids: Ids, variant: str | None) -> Any:
    """The example `value` with `ids` in it."""
    if isinstance(value, list):
        return [_filled(one, ids, variant) for one in value]
    if not isinstance(value, dict):
        return value
    if variant and INSTEAD_OF[variant] in value:
        del value[INSTEAD_OF[variant]]
        value[variant] = ids[variant]
    for name, one in value.items():
        if name in ids:
            value[name] = [ids[name]] if isinstance(one, list) else ids[name]
        else:
            value[name] = _filled(one, ids, variant)
    return value


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All of a document, with their examples."""
    schemas = document["components"]["schemas"]
    for path, verbs in document["paths"].items():
        for method, described in verbs.items():
            body, fields = None, set()
            if content := described.get("requestBody", {}).get("content"):
                schema = content["application/json"]["schema"]
                name = next(iter(re.findall(r"schemas/(\w+)", str(schema))))
                body = schemas[name]["examples"][0]
                fields = _fields(schemas[name], schemas)
            yield Operation(method, path, {**described, "fields": fields}, body)


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    found = set(schema.get("properties", ()))
    for one in schema.get("properties", {}).values():
        for name in re.findall(r"schemas/(\w+)", str(one)):
            found |= _fields(schemas[name], schemas)
    return found


# ---- the two tenants -------------------------------------------------------------------------------------


@dataclass
class World:
    """What acme has, and the ids that nobody has, in the same places."""

    db: Database
    acme: dict[str, str]
    other: dict[str, str]
    theirs: Ids
    nobodys: Ids

    def state(self) -> dict[str, Any]:
        """All rows of acme, but for what only counts its own calls."""
        with self.db.begin() as tx:
            return {
                table.name: [
                    tuple(row) for row in tx.execute(select(table).where(table.c.client_id == "acme"))
                ]
                for table in metadata.sorted_tables
                if "client_id" in table.c and table.name not in ("api_keys", "counters")
            }

    def http(self) -> TestClient:
        """A fresh replica, which remembers nothing."""
        return replica(self.db)

    def operations(self) -> list[Operation]:
        return list(operations(self.http().get("/openapi.json").json()))

    def secured(self) -> list[Operation]:
        return [one for one in self.operations() if not one.is_open]


def replica(db: Database) -> TestClient:
    """One of many: they all have the same secret key."""
    apps = make_apps(db, Gate(db, MultiFernet([Fernet(SECRET)])))
    return TestClient(SideBySide(apps), raise_server_exceptions=False)


MANY = {name: 1_000_000 for name in clients.LIMITS if not name.startswith("messages")}


@pytest.fixture
def world(db: Database) -> World:
    """Acme has a message that is out, a template, somebody whom it does not write to, and a token."""
    acme, other = headers_of(db, "acme"), headers_of(db, "other")
    for name in ("acme", "other"):
        clients.set_limits(db, name, MANY)
    with replica(db) as http:

        def made(path: str, body: Any, **headers: str) -> Any:
            answer = http.post(path, json=body, headers={**acme, **headers})
            assert answer.status_code == 200, answer.text
            return answer.json()

        send = {"usernames": ["ana", "luz"], "message": "Hola"}
        job = made("/ext/send/enqueue", send, **{"Idempotency-Key": "theirs"})["job_id"]
        [item] = made("/api/send/pull", {"limit": 1})["items"]
        template = made("/templates", {"name": "t", "text": "Hola"})["id"]
        made("/suppressions", {"usernames": ["theirs"]})
        jti = made(f"/api/auth/jwt?job_id={job}", {})["jti"]
    theirs = _ids(job, item["task_id"], item["lease_id"], template, jti, "theirs", "acme")
    away = str.maketrans("0123456789abcdef", "123456789abcdef0")
    nobodys = _ids(
        job[:-1] + job[-1].translate(away),
        item["task_id"].replace(job, job[:-1] + job[-1].translate(away)),
        item["lease_id"].translate(away),
        template[:-1] + template[-1].translate(away),
        jti.translate(away),
        "nobody",
        "nobody",
    )
    return World(db, acme, other, theirs, nobodys)


def _ids(job: str, task: str, lease: str, template: str, jti: str, person: str, client: str) -> Ids:
    people = dict.fromkeys(("username", "usernames", "target_username", "dest_username"), person)
    found = {
        "job_id": job, "from_job": job, "task_id": task, "lease_id": lease, "template_id": template, "jti": jti,
        "X-Account": "client_1", "Idempotency-Key": person, "X-Client-Id": client, **people,
    }  # fmt: skip
    assert set(found) | {"cursor"} == IDS
    return found


_NEW = [
    (r"(job|tpl):[0-9a-f]{32}", "ID"),
    (r'"access_token":"[^"]+"', "TOKEN"),
    (r"[0-9a-f]{32}", "ID"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
]


def told(answer: Any) -> tuple[int, str]:
    """What an answer says, but for the ids in it, its own and new ones."""
    text = answer.text
    for pattern, word in [*_NEW, (r"theirs|nobody", "PERSON")]:
        text = re.sub(pattern, word, text)
    return answer.status_code, text


# ---- the walks -------------------------------------------------------------------------------------------


def test_every_place_for_an_id_is_known(world: World) -> None:
    for one in world.operations():
        assert one.names() <= IDS | PLAIN, (
            f"{one}: does {one.names() - IDS - PLAIN} name something of a tenant's?"
        )


def test_every_route_is_in_the_document(world: World) -> None:
    pages = {"/openapi.json", "/docs", "/docs/start.js", "/docs/static", "/", "/metrics"}
    known = {str(one) for one in world.operations()}
    for prefix, app in make_apps(world.db).items():
        for route in app.routes:
            path = prefix.rstrip("/") + getattr(route, "path", "?")
            for method in getattr(route, "methods", None) or ():
                is_page = path in pages or path.startswith(("/console", "/static"))
                assert is_page or f"{method} {path}" in known or method == "HEAD", f"{method} {path}"


def test_another_tenants_id_answers_as_an_unknown_one(world: World) -> None:
    before = world.state()
    http = world.http()
    for one in world.secured():
        for variant in one.variants():
            ids = [
                {k: v for k, v in some.items() if k != "X-Client-Id"}
                for some in (world.theirs, world.nobodys)
            ]
            theirs, nobodys = (one.ask(http, world.other, some, variant) for some in ids)
            assert told(theirs) == told(nobodys), f"{one} by {variant}"
            assert theirs.status_code not in (422, 429, 500), f"{one} by {variant}: {theirs.text}"
            if "job_id" in one.path or "template_id" in one.path:
                assert theirs.status_code == 404, f"{one}: {theirs.text}"
            named = [one.ask(http, world.other, some, variant) for some in (world.theirs, world.nobodys)]
            if "X-Client-Id" in one.names():
                assert told(named[0]) == told(named[1])
                assert named[0].status_code == 403
    assert world.state() == before


def test_a_key_without_the_scope_does_nothing(world: World) -> None:
    before = world.state()
    http = world.http()
    for one in world.secured():
        for missing in one.scopes:
            rest = [s for s in clients.SCOPES if missing not in clients.implied(frozenset({s}))]
            answer = one.ask(http, headers_of(world.db, "acme", *rest), world.theirs)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "SCOPE_MISSING"), str(one)
    assert world.state() == before
    assert {str(one) for one in world.secured() if not one.scopes} == {
        "POST /api/auth/jwt",
        "POST /api/auth/revoke",
        "GET /api/auth/me",
    }


def test_a_jobs_control_needs_the_scope_of_its_kind(world: World) -> None:
    before = world.state()
    http = world.http()
    weak = headers_of(world.db, "acme", "status", "fetch", "analyze", "pull", "result")
    for verb in ("cancel", "retry", "pause", "resume"):
        answer = http.post(f"/jobs/{world.theirs['job_id']}/{verb}", headers=weak)
        assert answer.json()["error"]["details"]["missing"] == ["send"]
    assert world.state() == before


KEEP_TO_THE_JOB = {"GET /jobs", "POST /api/send/pull", "POST /api/send/result", "GET /api/auth/me"}
"""Take a token of a job, and show nothing of another one."""


def test_a_token_of_another_job_reaches_nothing(world: World) -> None:
    http = world.http()
    job = http.post("/ext/analyze/enqueue", json={"usernames": ["eva"]}, headers=world.acme).json()["job_id"]
    token = http.post("/api/auth/jwt", params={"job_id": job}, headers=world.acme).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "X-Account": "client_1"}
    before = world.state()
    for one in world.secured():
        for variant in one.variants():
            answer = one.ask(http, headers, world.theirs, variant)
            if str(one) in KEEP_TO_THE_JOB:
                assert world.theirs["job_id"] not in answer.text
                assert answer.status_code in (200, 404), f"{one}: {answer.text}"
            else:
                assert answer.status_code in (403, 404), f"{one}: {answer.text}"
    assert world.state() == before


def test_a_suspended_client_does_nothing(world: World) -> None:
    token = world.http().post("/api/auth/jwt", headers=world.acme).json()["access_token"]
    clients.suspend(world.db, "acme")
    before = world.state()
    http = world.http()
    for one in world.secured():
        for shown in (world.acme, {"Authorization": f"Bearer {token}"}):
            answer = one.ask(http, shown, world.theirs)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CLIENT_SUSPENDED"), str(one)
    login = http.post("/api/auth/login", json={"api_key": world.acme["X-Api-Key"]})
    assert (login.status_code, login.json()["error"]["code"]) == (403, "CLIENT_SUSPENDED")
    assert world.state() == before


def test_without_credentials_nothing_but_the_open_routes_answers(world: World) -> None:
    before = world.state()
    http = world.http()
    assert {one.path for one in world.operations() if one.is_open} == OPEN
    for one in world.secured():
        answer = one.ask(http, {}, world.theirs)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "NO_CREDENTIALS"), str(one)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.state() == before

"""Templates over HTTP: made, changed, retired, seen in advance, and written with."""

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.domain.models import Profile
from scrapinsta_ray.store import audit, forget, profiles
from scrapinsta_ray.store.database import Database, transaction
from tests.api.conftest import headers_of

Headers = dict[str, str]
NOBODY_S = f"tpl:{'0' * 32}"


def make(http: TestClient, headers: Headers, text: str = "Hola {first_name}") -> str:
    answer = http.post("/templates", json={"name": " Hello ", "text": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def error_of(http: TestClient, headers: Headers, path: str, body: object) -> tuple[int, str]:
    answer = http.post(path, json=body, headers=headers)
    return answer.status_code, answer.json()["error"]["code"]


@pytest.fixture
def a_template(http: TestClient, acme: Headers) -> str:
    return make(http, acme)


def test_a_template_is_made_changed_and_retired(http: TestClient, acme: Headers, a_template: str) -> None:
    made = http.get(f"/templates/{a_template}", headers=acme).json()
    assert (made["version"], made["name"], made["retired_at"]) == (1, "Hello", None)
    changed = http.post(f"/templates/{a_template}/versions", json={"text": "Buenas"}, headers=acme).json()
    assert (changed["version"], changed["text"]) == (2, "Buenas")
    assert http.post(f"/templates/{a_template}/retire", headers=acme).json()["retired_at"]
    again = error_of(http, acme, f"/templates/{a_template}/versions", {"text": "x"})
    assert again == (409, "TEMPLATE_RETIRED")
    send = {"usernames": ["ana"], "template_id": a_template}
    assert error_of(http, acme, "/ext/send/enqueue", send) == (409, "TEMPLATE_RETIRED")


def test_a_message_is_written_with_the_newest_version_once_per_person(
    http: TestClient, acme: Headers, a_template: str
) -> None:
    http.post(f"/templates/{a_template}/versions", json={"text": "Buenas {username}"}, headers=acme)
    send = {"usernames": ["ana", "luz"], "template_id": a_template}
    assert http.post("/ext/send/enqueue", json=send, headers=acme).json()["total_items"] == 2
    again = http.post("/ext/send/enqueue", json=send, headers=acme).json()
    assert (again["total_items"], again["skipped"]["duplicate"]) == (0, 2)
    items = http.post("/api/send/pull", headers=acme).json()["items"]
    assert [item["payload"]["message"] for item in items] == ["Buenas ana", "Buenas luz"]


def test_a_campaign_takes_a_template_too(http: TestClient, acme: Headers, a_template: str) -> None:
    campaign = {"target_username": "cafe", "limit": 5, "send": {"template_id": a_template}}
    assert http.post("/ext/campaigns/enqueue", json=campaign, headers=acme).status_code == 200
    campaign["send"] = {"template_id": NOBODY_S}
    assert error_of(http, acme, "/ext/campaigns/enqueue", campaign) == (404, "TEMPLATE_NOT_FOUND")


@pytest.mark.parametrize(
    "text", [{}, {"message": "x", "template_id": NOBODY_S}, {"template_id": "x"}, {"message": "{nope}"}]
)
def test_a_send_has_exactly_one_text(http: TestClient, acme: Headers, text: Headers) -> None:
    body = {"usernames": ["ana"], **text}
    assert error_of(http, acme, "/ext/send/enqueue", body) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize("template_id", [NOBODY_S, "tpl:1", "%00", "preview"])
def test_another_client_s_template_is_as_unknown_as_none(
    http: TestClient, acme: Headers, other: Headers, a_template: str, template_id: str
) -> None:
    for headers, unknown in ((other, a_template), (acme, template_id)):
        answers = [
            http.get(f"/templates/{unknown}", headers=headers),
            http.post(f"/templates/{unknown}/versions", json={"text": "x"}, headers=headers),
            http.post(f"/templates/{unknown}/retire", headers=headers),
            http.post(f"/templates/{unknown}/preview", json={"usernames": ["ana"]}, headers=headers),
        ]
        said = [(answer.status_code, answer.json()["error"]) for answer in answers]
        none = {"code": "TEMPLATE_NOT_FOUND", "message": "There is no such template.", "details": {}}
        assert said == [(404, none)] * 4
    assert http.get("/templates", headers=other).json() == {"items": [], "next_cursor": None}
    send = {"usernames": ["ana"], "template_id": a_template}
    assert error_of(http, other, "/ext/send/enqueue", send) == (404, "TEMPLATE_NOT_FOUND")
    assert http.get(f"/templates/{a_template}", headers=acme).json()["version"] == 1


def test_templates_come_in_pages_newest_first(http: TestClient, acme: Headers) -> None:
    made = {make(http, acme) for _ in range(5)}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = http.get("/templates", params=params, headers=acme).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted(made, reverse=True)


def test_a_preview_shows_what_each_would_read(
    http: TestClient, db: Database, acme: Headers, a_template: str
) -> None:
    transaction(profiles.store)(db, [Profile("ana", full_name="Ana García")], [])
    people = {"usernames": ["@Ana", "luz"]}
    stored = http.post(f"/templates/{a_template}/preview", json=people, headers=acme).json()
    free = http.post("/templates/preview", json={**people, "text": "Hola {first_name}"}, headers=acme).json()
    assert stored == free
    assert stored["items"] == [
        {"username": "ana", "text": "Hola Ana"},
        {"username": "luz", "text": "Hola luz"},
    ]


def test_an_unknown_field_is_refused_with_what_is_known(http: TestClient, acme: Headers) -> None:
    for path, body in (
        ("/templates", {"name": "x", "text": "Hola {password}"}),
        ("/templates/preview", {"text": "Hola {password}", "usernames": ["ana"]}),
    ):
        answer = http.post(path, json=body, headers=acme)
        assert answer.status_code == 422
        [field] = answer.json()["error"]["details"]["fields"]
        assert field["field"] == "text"
        assert "{password}" in field["problem"] and "{first_name}" in field["problem"]


def test_it_takes_the_scope_send_and_is_in_the_audit_log(
    http: TestClient, db: Database, acme: Headers, a_template: str
) -> None:
    weak = headers_of(db, "acme", "fetch", "status")
    assert error_of(http, weak, "/templates", {"name": "x", "text": "x"}) == (403, "SCOPE_MISSING")
    [entry] = audit.entries(db, "acme", action="template")
    assert (entry.actor, entry.subject) == (f"key:{acme['X-Api-Key'].split('_')[1]}", a_template)


def test_nobody_asks_for_whom_was_forgotten(http: TestClient, db: Database, acme: Headers) -> None:
    forget.forget(db, "cli:op", "zoe")
    fetch = {"target_username": "Zoe"}
    assert error_of(http, acme, "/ext/followings/enqueue", fetch) == (422, "PERSON_FORGOTTEN")
    campaign = {**fetch, "send": {"message": "x"}}
    assert error_of(http, acme, "/ext/campaigns/enqueue", campaign) == (422, "PERSON_FORGOTTEN")
    send = {"usernames": ["zoe"], "message": "x"}
    assert http.post("/ext/send/enqueue", json=send, headers=acme).json()["skipped"]["suppressed"] == 1

"""Who signs in, how long that lasts, and what a session may not do."""

import time

import pytest
from cryptography.fernet import Fernet
from starlette.testclient import TestClient

from scrapinsta_ray.api import cookies
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.store import clients, control
from scrapinsta_ray.store.database import Database
from tests.console.conftest import FERNET, a_job_with_everything, csrf_of, post, signed_in


def test_a_key_opens_a_session_in_a_cookie_that_scripts_and_other_sites_do_not_get(
    http: TestClient, acme: dict[str, str]
) -> None:
    away = http.get("/console/jobs?status=error", follow_redirects=False)
    assert away.headers["location"] == "/console/sign-in?next=%2Fconsole%2Fjobs%3Fstatus%3Derror"
    page = http.get("/console/sign-in?next=/console/jobs")
    csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
    fields = {"csrf": csrf, "key": acme["X-Api-Key"], "next": "/console/jobs"}
    answer = http.post("/console/sign-in", data=fields, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/jobs")
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith(cookies.NAME)]
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and "Secure" not in cookie
    assert acme["X-Api-Key"] not in cookie
    assert "acme" in http.get("/console/jobs").text


def test_a_form_sends_nobody_to_another_site(http: TestClient, acme: dict[str, str]) -> None:
    csrf = http.get("/console/sign-in").text.split('name="csrf" value="')[1].split('"')[0]
    for after in ("https://evil.example", "//evil.example", "/\\evil.example", "/console//evil.example"):
        fields = {"csrf": csrf, "key": acme["X-Api-Key"], "next": after}
        http.cookies.set("scrapinsta_form", csrf, path="/console")
        answer = http.post("/console/sign-in", data=fields, follow_redirects=False)
        assert answer.headers["location"] == "/console"


def test_a_session_is_made_anew_at_every_sign_in(
    acmes: TestClient, operator: str, acme: dict[str, str]
) -> None:
    planted, csrf = acmes.cookies[cookies.NAME], csrf_of(acmes)
    signed_in(acmes, operator)
    assert acmes.cookies[cookies.NAME] != planted
    assert csrf_of(acmes) != csrf
    assert acmes.post("/console/sign-out", data={"csrf": csrf}).status_code == 403
    assert acmes.get("/console/accounts").status_code == 200
    acmes.cookies.set(cookies.NAME, planted)
    assert acmes.get("/console/accounts").status_code == 404  # it has not become the operator's


@pytest.mark.parametrize("key", ["si_000000000000_" + "0" * 64, "nonsense", ""])
def test_a_wrong_key_opens_nothing(http: TestClient, key: str) -> None:
    csrf = http.get("/console/sign-in").text.split('name="csrf" value="')[1].split('"')[0]
    answer = http.post("/console/sign-in", data={"csrf": csrf, "key": key})
    assert answer.status_code == 401
    assert cookies.NAME not in http.cookies
    assert "not known" in answer.text


def test_who_signs_out_is_out_with_every_copy_of_the_cookie(acmes: TestClient) -> None:
    copy = acmes.cookies[cookies.NAME]
    assert post(acmes, "/sign-out").status_code == 303
    assert cookies.NAME not in acmes.cookies
    acmes.cookies.set(cookies.NAME, copy)
    deadline = time.monotonic() + 5
    while acmes.get("/console/jobs", follow_redirects=False).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_session_falls_with_its_key(acmes: TestClient, db: Database, acme: dict[str, str]) -> None:
    key_id = acme["X-Api-Key"].split("_")[1]
    clients.revoke_key(db, "acme", key_id)
    deadline = time.monotonic() + 5
    while acmes.get("/console/jobs", follow_redirects=False).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_cookie_of_another_make_is_no_session(http: TestClient) -> None:
    for made in (
        "",
        "x",
        Fernet(Fernet.generate_key()).encrypt(b"{}").decode(),
        FERNET.encrypt(b'{"use": "x"}').decode(),
    ):
        http.cookies.set(cookies.NAME, made)
        assert http.get("/console/jobs", follow_redirects=False).status_code == 303


def test_a_form_without_its_token_or_from_elsewhere_changes_nothing(acmes: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    for fields, headers in (
        ({}, {}),
        ({"csrf": "0" * 32}, {}),
        ({"csrf": csrf_of(acmes)}, {"Origin": "https://evil.example"}),
    ):
        answer = acmes.post(f"/console/jobs/{job_id}/cancel", data=fields, headers=headers)
        assert answer.status_code == 403
    assert acmes.get(f"/jobs/{job_id}/summary").status_code == 401  # the cookie is for the pages alone


def test_a_cookie_follows_a_job_live_and_reaches_no_other_route(acmes: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    control.cancel(db, "acme", job_id)
    told = acmes.get(f"/jobs/{job_id}/events")
    assert told.status_code == 200 and '"status": "cancelled"' in told.text
    assert acmes.get(f"/jobs/{job_id}").status_code == 401
    assert acmes.post(f"/jobs/{job_id}/retry").status_code == 401


def test_a_session_lasts_while_it_is_used_and_twelve_hours_at_most(
    acmes: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    first = acmes.cookies[cookies.NAME]
    monkeypatch.setattr(cookies, "MEMORY_S", 0.0)

    def after(minutes: float) -> int:
        monkeypatch.setattr(time, "time", lambda: now + minutes * 60)
        return int(acmes.get("/console/jobs", follow_redirects=False).status_code)

    for minutes in range(20, 12 * 60, 20):
        assert after(minutes) == 200, minutes
    assert acmes.cookies[cookies.NAME] != first
    assert after(12 * 60 + 1) == 303


def test_an_unused_session_ends(acmes: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + cookies.IDLE_S + 5)
    assert acmes.get("/console/jobs", follow_redirects=False).status_code == 303


def test_over_https_the_cookie_is_secure(db: Database, acme: dict[str, str]) -> None:
    with TestClient(make_console_app(db, gate=Gate(db, FERNET)), base_url="https://testserver") as http:
        page = http.get("/console/sign-in")
        csrf = page.text.split('name="csrf" value="')[1].split('"')[0]
        answer = http.post(
            "/console/sign-in", data={"csrf": csrf, "key": acme["X-Api-Key"]}, follow_redirects=False
        )
    assert all("Secure" in one for one in answer.headers.get_list("set-cookie") if cookies.NAME in one)

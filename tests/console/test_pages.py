"""The console's pages, as a browser without JavaScript gets them."""

import base64
import csv
import io
import re

import pytest
from starlette.testclient import TestClient

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.console import make_console_app
from scrapinsta_ray.console import sheets
from scrapinsta_ray.domain.transitions import Report
from scrapinsta_ray.store import accounts, audit, clients, finish, jobs, outbox, suppressions, templates
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.finish import Sent
from scrapinsta_ray.store.jobs import Asked, Outreach
from tests.console.conftest import FERNET, PIXEL, a_job_with_everything, every_page, post, signed_in


def test_pages_have_a_strict_policy_and_nothing_inline(operators: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    accounts.add(db, FERNET, "bot_1", "secret")
    for path in every_page(job_id):
        answer = operators.get(f"/console{path}")
        assert answer.status_code == 200, (path, answer.text[:300])
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store", path
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", answer.text), (
            path
        )
        assert "secret" not in answer.text


def test_every_link_of_every_page_leads_somewhere(operators: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    accounts.add(db, FERNET, "bot_1", "secret")
    found = set()
    for path in every_page(job_id):
        found |= set(re.findall(r'(?:href|src)="(/[^"]*)"', operators.get(f"/console{path}").text))
    for link in sorted(found):
        if "/language" in link:
            continue
        assert operators.get(link.replace("&amp;", "&")).status_code == 200, link


# ---- who sees what ---------------------------------------------------------------------------------------


def test_a_client_sees_its_own_and_the_operator_all(
    http: TestClient, db: Database, other: dict[str, str], operator: str
) -> None:
    job_id = a_job_with_everything(db)
    signed_in(http, other["X-Api-Key"])
    assert job_id not in http.get("/console/jobs").text
    for path in (
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/tasks.csv",
        f"/jobs/{job_id}/results.csv",
        "/profiles/ana",
    ):
        assert http.get(f"/console{path}").status_code == 404, path
    for path in ("/accounts", "/clients", "/clients/acme", "/accounts/bot_1"):
        assert http.get(f"/console{path}").status_code == 404, path
    for verb in ("pause", "resume", "retry"):
        assert post(http, f"/jobs/{job_id}/{verb}").status_code == 404, verb
    assert "ana" not in http.get("/console/profiles").text
    assert http.get("/console/profiles.json").json()["scatter"]["data"][0]["text"] == []
    mine = templates.create(db, "test", "acme", "Mine", "Hola")
    assert http.get(f"/console/templates/{mine.id}?client=acme").status_code == 404
    assert post(http, f"/templates/{mine.id}/retire", client="acme").status_code == 404
    assert post(http, "/suppressions", client="acme", usernames="ana").status_code == 303
    assert not suppressions.page(db, "acme")
    assert mine.id not in http.get("/console/audit?client=acme").text
    assert post(http, f"/jobs/{job_id}/cancel").status_code == 404
    assert post(http, "/clients/acme/suspend").status_code == 404
    assert post(http, "/templates", client="acme", name="x", text="y").status_code == 303
    assert [one.id for one in templates.page(db, "acme")] == [mine.id]
    http.cookies.clear()
    signed_in(http, operator)
    assert job_id in http.get("/console/jobs").text
    assert http.get(f"/console/jobs/{job_id}").status_code == 200


def test_a_narrow_key_changes_nothing(http: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    made = clients.create_key(db, "acme", frozenset({"status"}))
    signed_in(http, made.plaintext)
    page = http.get(f"/console/jobs/{job_id}").text
    assert "/retry" not in page and "/campaigns/new" not in page
    assert post(http, f"/jobs/{job_id}/retry").status_code == 403
    assert http.get("/console/templates").status_code == 403


# ---- jobs ------------------------------------------------------------------------------------------------


def test_a_job_with_reasons_and_its_verbs(acmes: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    page = acmes.get(f"/console/jobs/{job_id}").text
    assert "Nobody is there." in page and "not found" in page and "0.700" in page
    for verb, status in (
        ("pause", "paused"),
        ("resume", "running"),
        ("retry", "running"),
        ("cancel", "cancelled"),
    ):
        assert f"/{verb}" in acmes.get(f"/console/jobs/{job_id}").text, verb
        answer = post(acmes, f"/jobs/{job_id}/{verb}")
        assert answer.status_code == 303
        assert f'data-status="{status}"' in acmes.get(answer.headers["location"]).text
    assert [one.action for one in audit.entries(db, "acme")][:4] == [
        "job.cancelled", "job.retried", "job.resumed", "job.paused"
    ]  # fmt: skip
    assert post(acmes, f"/jobs/{job_id}/explode").status_code == 404


def test_csv_is_whole_and_no_spreadsheet_runs_it(acmes: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    answer = acmes.get(f"/console/jobs/{job_id}/results.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment")
    head, row = answer.text.lstrip("\ufeff").splitlines()
    assert head.startswith("username,full_name")
    assert row.startswith("ana,'=HYPERLINK(1),")
    assert len(acmes.get(f"/console/jobs/{job_id}/tasks.csv").text.splitlines()) == 4


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t=", "\r=", "\n=", "  ="])
def test_no_cell_is_a_formula(begin: str) -> None:
    [_head, row] = sheets.lines(("biography",), [{"biography": f"{begin}SUM(1)"}])
    [read] = next(csv.reader(io.StringIO(row, newline="")))
    assert read == f"'{begin}SUM(1)"
    [_head, number] = sheets.lines(("followers",), [{"followers": -3}])
    assert number.strip() == "-3"


def test_filters(acmes: TestClient, db: Database) -> None:
    job_id = a_job_with_everything(db)
    assert job_id in acmes.get("/console/jobs?status=running&kind=analyze_profile").text
    assert job_id not in acmes.get("/console/jobs?status=done").text
    failed = acmes.get(f"/console/jobs/{job_id}?status=error").text
    assert "<td>luz</td>" in failed and "<td>sol</td>" not in failed
    assert "ana" in acmes.get("/console/profiles?score=0,5&order=followers&up=1").text
    assert "/profiles/ana" not in acmes.get("/console/profiles?score=0.8").text
    drawn = acmes.get("/console/profiles.json").json()
    assert drawn["histogram"]["data"][0]["x"] == [0.7]
    assert drawn["scatter"]["data"][0]["marker"]["color"] == [0.7]
    assert "template" not in drawn["scatter"]["layout"]


# ---- a campaign ------------------------------------------------------------------------------------------


def message_sent(db: Database, name: str) -> None:
    job = jobs.enqueue_messages(db, Asked("acme", "client_1"), Outreach(message="x", usernames=[name]))
    outbox.pull(db, "acme", "client_1", limit=1, ttl_s=60)
    sent = Sent("acme", "client_1", job.job_id, name, Report(ok=True, code="sent"))
    finish.finish_messages(db, [sent], retry_base_s=1)


def test_a_preview_says_who_is_left_out_and_makes_no_job(acmes: TestClient, db: Database) -> None:
    message_sent(db, "old")
    before = len(acmes.get("/jobs", headers={}).text)
    names = "Ana old ana no-name luz"
    fields = {"way": "names", "usernames": names, "message": "Hola {first_name}", "account": "client_1"}
    page = post(acmes, "/campaigns/preview", **fields)
    assert page.status_code == 200, page.text
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))
    assert "2 people would be written to" in text
    assert (
        "already written to 1" in text
        and "are no usernames 1" in text
        and "named twice, or have a message already 1" in text
    )
    assert "Hola ana" in text
    assert len(acmes.get("/jobs", headers={}).text) == before
    assert len(acmes.get("/console/jobs").text.split("<tr>")) == 3  # the head, and the job of message_sent
    started = post(acmes, "/campaigns/new", key="k1", **fields)
    again = post(acmes, "/campaigns/new", key="k1", **fields)
    assert started.status_code == again.status_code == 303
    assert started.headers["location"] == again.headers["location"]


def test_a_campaign_begins_and_a_wrong_one_says_why(acmes: TestClient) -> None:
    fields = {
        "way": "target",
        "target_username": "Cafe_Lucia",
        "limit": "5",
        "message": "Hola",
        "account": "client_1",
    }
    assert post(acmes, "/campaigns/preview", **fields).status_code == 200
    started = post(acmes, "/campaigns/new", **fields)
    assert started.status_code == 303
    assert "cafe_lucia" in acmes.get(started.headers["location"]).text
    for wrong in (
        {"message": "Hola {nobody}"},
        {"limit": "0.5"},
        {"account": "-"},
        {"target_username": "--"},
    ):
        answer = post(acmes, "/campaigns/new", **{**fields, **wrong})
        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text


# ---- what else can be changed ----------------------------------------------------------------------------


def test_templates(acmes: TestClient, db: Database) -> None:
    made = post(acmes, "/templates", name="First", text="Hola {first_name}")
    assert "Hola Ana" in acmes.get(made.headers["location"]).text
    path = made.headers["location"].removeprefix("/console").split("?")[0]
    assert "Adiós Ana" in post(acmes, f"{path}/version", what="preview", text="Adiós {first_name}").text
    assert post(acmes, f"{path}/version", what="save", text="Buenas").status_code == 303
    assert post(acmes, f"{path}/version", what="save", text="{x}").status_code == 422
    assert [one.version for one in templates.page(db, "acme")] == [2]
    assert post(acmes, f"{path}/retire").status_code == 303
    assert post(acmes, f"{path}/version", what="save", text="Buenas").status_code == 409


def test_suppressions(acmes: TestClient) -> None:
    assert post(acmes, "/suppressions", usernames="ana luz", reason="opted_out").status_code == 303
    assert post(acmes, "/suppressions", usernames="sol", reason="asked").status_code == 303
    page = acmes.get("/console/suppressions").text
    assert "3 people" in page
    assert "suppression_kept" in post(acmes, "/suppressions/remove", username="ana").headers["location"]
    assert "suppression_removed" in post(acmes, "/suppressions/remove", username="sol").headers["location"]
    assert "<td>sol</td>" not in acmes.get("/console/suppressions?text=s").text
    assert "<td>luz</td>" in acmes.get("/console/suppressions?text=l").text


def test_accounts_are_paused_resumed_and_freed_by_a_person(operators: TestClient, db: Database) -> None:
    accounts.add(db, FERNET, "bot_1", "secret")
    post(operators, "/accounts/bot_1/pause", reason="holiday")
    assert "holiday" in operators.get("/console/accounts").text
    post(operators, "/accounts/bot_1/resume")
    accounts.set_status(db, ["bot_1"], "needs_human", "challenge")
    assert "bot_1" in operators.get("/console/").text.split('role="alert"')[1][:200]
    assert "A person has solved" in operators.get("/console/accounts/bot_1").text
    post(operators, "/accounts/bot_1/solved")
    [account] = accounts.everyone(db)
    assert account.status == "active"


def test_a_look_at_an_accounts_browser(
    operators: TestClient, db: Database, operator: str, acme: dict[str, str]
) -> None:
    for name in ("bot_1", "asleep_1"):
        accounts.add(db, FERNET, name, "secret")
    assert "/console/accounts/bot_1/now" in operators.get("/console/accounts/bot_1").text
    page = operators.get("/console/accounts/bot_1/now")
    assert f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}" in page.text
    assert page.headers["cache-control"] == "no-store"
    asleep = operators.get("/console/accounts/asleep_1/now", headers={"Accept-Language": "es"})
    assert "asleep_1 no tiene navegador ahora" in asleep.text and "<img" not in asleep.text
    assert operators.get("/console/accounts/nobody/now").status_code == 404
    with TestClient(make_console_app(db, gate=Gate(db, FERNET))) as blind:
        signed_in(blind, operator)
        assert "/now" not in blind.get("/console/accounts/bot_1").text
        assert blind.get("/console/accounts/bot_1/now").status_code == 404
    signed_in(operators, acme["X-Api-Key"])
    assert operators.get("/console/accounts/bot_1/now").status_code == 404


def test_clients_keys_and_limits(operators: TestClient, db: Database) -> None:
    assert post(operators, "/clients", id="new", name="New").status_code == 303
    assert post(operators, "/clients", id="New Client", name="x").status_code == 422
    made = post(operators, "/clients/new/keys", scope_status="on", days="3")
    assert made.headers["cache-control"] == "no-store"
    key = re.search(r"si_[0-9a-f]{12}_[0-9a-f]{64}", made.text)
    assert key and clients.authenticate(db, key[0])
    assert key[0] not in operators.get("/console/clients/new").text
    assert post(operators, "/clients/new/limits", messages_per_day="500").status_code == 303
    changed = clients.get(db, "new")
    assert changed and changed.messages_per_day == 50
    assert post(operators, f"/clients/new/keys/{key[0].split('_')[1]}/revoke").status_code == 303
    assert clients.authenticate(db, key[0]) is None
    assert post(operators, "/clients/new/suspend").status_code == 303
    assert post(operators, "/clients/operator/suspend").status_code == 409
    assert "client.suspended" in operators.get("/console/audit?action=client").text


# ---- errors and what stands still -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/jobs/x",
        "/profiles/nobody",
        "/audit?before=x",
        f"/audit?before={10**30}",
        "/profiles?skip=-1",
    ],
)
def test_errors_are_pages_from_which_one_goes_on(acmes: TestClient, path: str) -> None:
    answer = acmes.get(f"/console{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/console/jobs"' in answer.text and "Sign out" in answer.text


def test_an_error_shows_a_stranger_nothing(http: TestClient) -> None:
    answer = http.get("/console/nothing")
    assert answer.status_code == 404 and 'href="/console/jobs"' not in answer.text


def test_a_fault_of_ours_is_a_page_without_its_details(
    acmes: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr("scrapinsta_ray.store.board.page_of_jobs", broken)
    answer = acmes.get("/console/jobs")
    assert answer.status_code == 500 and answer.headers["content-type"].startswith("text/html")
    assert "hunter2" not in answer.text and "Traceback" not in answer.text


def test_what_answers_a_form_can_be_loaded_by_its_address(operators: TestClient) -> None:
    for path, above in (("/clients/acme/keys", "/clients/acme"), ("/campaigns/preview", "/campaigns/new")):
        answer = operators.get(f"/console{path}")
        assert answer.status_code == 200 and answer.url.path == f"/console{above}"


def test_plotlys_file_may_be_kept(acmes: TestClient) -> None:
    plotly = acmes.get(re.findall(r'/console/plotly/[^"]+', acmes.get("/console/profiles").text)[0])
    assert plotly.headers["cache-control"].endswith("immutable")

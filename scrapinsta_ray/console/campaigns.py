"""A new campaign: what would be written, to whom not and why, before anything begins."""

import secrets
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scrapinsta_ray.api.enqueue import CampaignBody, SendBody
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console.desk import Desk, Form, Sent, Visit, back, show, visit_of
from scrapinsta_ray.domain import usernames
from scrapinsta_ray.errors import ScrapInstaError
from scrapinsta_ray.store import board, clients, jobs, templates
from scrapinsta_ray.store.jobs import Asked, Foreseen

_NUMBERS = ("limit", "messages", "cool_off_days")
_SAMPLE = ("ana.garcia",)


async def _sender(visit: Annotated[Visit, Depends(visit_of)]) -> Visit:
    visit.needs("send")
    return visit


Sender = Annotated[Visit, Depends(_sender)]


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /campaigns/new and its preview."""

    @site.get("/campaigns")
    def home(visit: Sender) -> Response:
        return back(visit, "/campaigns/new")

    @site.get("/campaigns/new")
    def new(visit: Sender, from_job: str = "", client: str = "") -> Response:
        form = Form({"way": "job" if from_job else "target", "from_job": from_job, "client": client})
        form |= {"limit": "50", "messages": "20", "min_success_score": "0.5", "key": secrets.token_hex(16)}
        return _page(desk, visit, form)

    @site.post("/campaigns/preview")
    def preview(visit: Sender, form: Sent) -> Response:
        client_id = visit.client(form["client"])
        try:
            body = _body(form)
            account = usernames.normalize(form["account"])
            foreseen = _foresee(desk, client_id, body)
            text = body.send.message if isinstance(body, CampaignBody) else body.message
            template_id = body.send.template_id if isinstance(body, CampaignBody) else body.template_id
            text = text or templates.get(desk.db, client_id, template_id or "").text
            written = templates.preview(desk.db, text, list(foreseen.people[:3]) or list(_SAMPLE))
        except (ValueError, LookupError, ScrapInstaError) as wrong:
            return _page(desk, visit, form, problems=_problems(visit, wrong))
        form["account"] = account
        return _page(desk, visit, form, foreseen=foreseen, written=written)

    @site.post("/campaigns/new")
    def start(visit: Sender, form: Sent) -> Response:
        client_id = visit.client(form["client"])
        try:
            body = _body(form)
            account = usernames.normalize(form["account"])
            asked = Asked(client_id, account, 5, desk.max_attempts, form["key"][:32] or None)
            made = _enqueue(desk, visit, asked, body)
        except (ValueError, LookupError, ScrapInstaError) as wrong:
            return _page(desk, visit, form, problems=_problems(visit, wrong))
        return back(visit, f"/jobs/{made}", "job_started")


def _enqueue(desk: Desk, visit: Visit, asked: Asked, body: CampaignBody | SendBody) -> str:
    if isinstance(body, SendBody):
        return jobs.enqueue_messages(desk.db, asked, body.outreach()).job_id
    visit.needs("fetch", "analyze", "send")
    target, analyze = body.target_username, body.analyze.model_dump()
    return jobs.enqueue_campaign(desk.db, asked, target, body.limit, analyze, body.send.outreach()).job_id


def _foresee(desk: Desk, client_id: str, body: CampaignBody | SendBody) -> Foreseen:
    if isinstance(body, SendBody):
        return jobs.foresee(desk.db, client_id, body.outreach())
    return jobs.foresee_campaign(desk.db, client_id, body.target_username, body.send.outreach())


def _body(form: Form) -> CampaignBody | SendBody:
    """What the form asks for, as the API would be asked. Raises ValueError."""
    outreach: dict[str, Any] = {
        "message": None if form["template_id"] else form["message"].replace("\r\n", "\n"),
        "template_id": form["template_id"] or None,
        "min_success_score": _score(form["min_success_score"]) if form["way"] != "names" else None,
        "limit": form.number("messages"),
        "cool_off_days": form.number("cool_off_days"),
        "dry_run": form["dry_run"] == "on",
    }
    if form["way"] == "target":
        return CampaignBody.model_validate(
            {
                "target_username": form["target_username"],
                "limit": form.number("limit") or 10,
                "send": outreach,
            }
        )
    if form["way"] == "job":
        return SendBody.model_validate({"from_job": form["from_job"], **outreach})
    return SendBody.model_validate({"usernames": form["usernames"].replace(",", " ").split(), **outreach})


def _score(text: str) -> float | None:
    """Raises ValueError for what is no number."""
    try:
        return float(text.replace(",", ".")) if text else None
    except ValueError:
        raise ValueError(f"{text[:20]} is no number.") from None


def _problems(visit: Visit, wrong: Exception) -> list[str]:
    if isinstance(wrong, ValidationError):
        return [f"{_field(visit, error['loc'])}: {_said(visit, error)}" for error in wrong.errors()]
    if isinstance(wrong, ScrapInstaError):
        return [visit.say.known(wrong.message)]
    if isinstance(wrong, LookupError):
        return [visit.say("There is no such job.")]
    return [visit.say.known(str(wrong))]


def _said(visit: Visit, error: ErrorDetails) -> str:
    """What is wrong with one field."""
    about = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return visit.say.known(str(about["error"]))
        case "greater_than_equal":
            return visit.say("At least {n}.", n=about["ge"])
        case "less_than_equal":
            return visit.say("At most {n}.", n=about["le"])
    return visit.say("This is missing, or not as it should be.")


def _field(visit: Visit, loc: tuple[int | str, ...]) -> str:
    names = {
        "target_username": visit.say("Whose followings"),
        "limit": visit.say("How many"),
        "message": visit.say("Message"),
        "min_success_score": visit.say("Lowest score (0 to 1)"),
        "cool_off_days": visit.say("Days until a second message; empty: never"),
        "usernames": visit.say("Usernames"),
        "from_job": visit.say("Job"),
    }
    last = str(loc[-1]) if loc else ""
    return names.get(last, visit.say("The form"))


def _page(desk: Desk, visit: Visit, form: Form, **more: Any) -> Response:
    client_id = visit.client(form["client"])
    if visit.is_operator and clients.get(desk.db, client_id) is None:
        raise ApiError(404, "NOT_FOUND", visit.say("There is no such client."))
    known = templates.page(desk.db, client_id, limit=200)
    earlier, _cursor = board.page_of_jobs(desk.db, client_id, limit=30)
    return show(
        visit,
        "campaign.html",
        status=422 if more.get("problems") else 200,
        form=form,
        client_id=client_id,
        clients=clients.everyone(desk.db) if visit.is_operator else [],
        templates=[template for template in known if template.retired_at is None],
        earlier=[one.job for one in earlier if one.job["kind"] != "send_message"],
        **({"problems": [], "foreseen": None, "written": {}} | more),
    )

"""Message templates: versions, previews, their end."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console.campaigns import Sender
from scrapinsta_ray.console.desk import Desk, Sent, Visit, back, show
from scrapinsta_ray.domain import messages
from scrapinsta_ray.errors import UnknownTemplate
from scrapinsta_ray.store import clients, templates


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /templates."""

    @site.get("/templates")
    def page(visit: Sender, client: str = "") -> Response:
        return _list(desk, visit, visit.client(client))

    @site.post("/templates")
    def create(visit: Sender, form: Sent) -> Response:
        client_id = visit.client(form["client"])
        text = form["text"].replace("\r\n", "\n")
        try:
            if not form["name"]:
                raise ValueError(visit.say("Give the template a name."))
            made = templates.create(desk.db, visit.caller.actor, client_id, form["name"][:100], text)
        except ValueError as wrong:
            return _list(desk, visit, client_id, 422, problem=visit.say.known(str(wrong)), typed=form)
        return back(visit, f"/templates/{made.id}", "template_created", client=form["client"])

    @site.get("/templates/{template_id}")
    def one(visit: Sender, template_id: str, client: str = "") -> Response:
        return _one(desk, visit, visit.client(client), template_id)

    @site.post("/templates/{template_id}/version")
    def add_version(visit: Sender, form: Sent, template_id: str) -> Response:
        client_id = visit.client(form["client"])
        text = form["text"].replace("\r\n", "\n")
        if form["what"] == "preview":
            return _one(desk, visit, client_id, template_id, typed=text)
        try:
            templates.add_version(desk.db, visit.caller.actor, client_id, template_id, text)
        except ValueError as wrong:
            problem = visit.say.known(str(wrong))
            return _one(desk, visit, client_id, template_id, 422, typed=text, problem=problem)
        return back(visit, f"/templates/{template_id}", "template_changed", client=form["client"])

    @site.post("/templates/{template_id}/retire")
    def retire(visit: Sender, form: Sent, template_id: str) -> Response:
        templates.retire(desk.db, visit.caller.actor, visit.client(form["client"]), template_id)
        return back(visit, f"/templates/{template_id}", "template_retired", client=form["client"])


def _list(desk: Desk, visit: Visit, client_id: str, status: int = 200, **more: Any) -> Response:
    return show(
        visit,
        "templates.html",
        status=status,
        client_id=client_id,
        clients=clients.everyone(desk.db) if visit.is_operator else [],
        found=templates.page(desk.db, client_id, limit=200),
        fields=messages.FIELDS,
        **({"problem": "", "typed": {"name": "", "text": ""}} | more),
    )


def _one(
    desk: Desk,
    visit: Visit,
    client_id: str,
    template_id: str,
    status: int = 200,
    *,
    typed: str | None = None,
    problem: str = "",
) -> Response:
    try:
        template = templates.get(desk.db, client_id, template_id)
    except UnknownTemplate as unknown:
        raise ApiError(404, "NOT_FOUND", visit.say.known(unknown.message)) from None
    text = template.text if typed is None else typed
    try:
        messages.check(text)
        shown = messages.render(
            text, {"username": "ana.garcia", "full_name": "Ana García", "category": "Café"}
        )
    except ValueError as wrong:
        shown, problem = "", visit.say.known(str(wrong))
    return show(
        visit,
        "template.html",
        status=status,
        client_id=client_id,
        template=template,
        text=text,
        shown=shown,
        problem=problem,
        fields=messages.FIELDS,
    )

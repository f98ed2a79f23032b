"""Clients, their limits and their keys: all of them for the operator, for a client its own to read."""

from typing import Any

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.console.desk import Desk, Operator, Sent, Visit, Visitor, back, show
from scrapinsta_ray.store import clients
from scrapinsta_ray.store.clients import ADMIN, LIMITS, SCOPES, NewKey

_DAY_S = 86_400


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /clients."""
    _add_list(site, desk)
    _add_limits(site, desk)
    _add_suspension(site, desk)
    _add_keys(site, desk)


def _add_list(site: FastAPI, desk: Desk) -> None:
    @site.get("/clients")
    def page(visit: Operator) -> Response:
        return _list(desk, visit)

    @site.post("/clients")
    def create(visit: Operator, form: Sent) -> Response:
        try:
            made = clients.create(desk.db, form["id"], form["name"] or form["id"], actor=visit.caller.actor)
        except ValueError as wrong:
            return _list(desk, visit, 422, problem=visit.say.known(str(wrong)))
        return back(visit, f"/clients/{made.id}", "client_created")

    @site.get("/clients/{client_id}")
    def one(visit: Visitor, client_id: str) -> Response:
        return _one(desk, visit, client_id)


def _add_limits(site: FastAPI, desk: Desk) -> None:
    @site.post("/clients/{client_id}/limits")
    def limits(visit: Operator, form: Sent, client_id: str) -> Response:
        try:
            wanted = {name: number for name in LIMITS if (number := form.number(name)) is not None}
            clients.set_limits(desk.db, client_id, wanted, actor=visit.caller.actor)
        except ValueError as wrong:
            return _one(desk, visit, client_id, 422, problem=visit.say.known(str(wrong)))
        except LookupError:
            raise _unknown(visit) from None
        return back(visit, f"/clients/{client_id}", "client_limits")


def _add_suspension(site: FastAPI, desk: Desk) -> None:
    @site.post("/clients/{client_id}/suspend")
    def suspend(visit: Operator, _form: Sent, client_id: str) -> Response:
        if client_id == visit.caller.client_id:
            raise ApiError(409, "CONFLICT", visit.say("You cannot suspend yourself."))
        if not clients.suspend(desk.db, client_id, actor=visit.caller.actor):
            raise _unknown(visit)
        return back(visit, f"/clients/{client_id}", "client_suspended")

    @site.post("/clients/{client_id}/resume")
    def resume(visit: Operator, _form: Sent, client_id: str) -> Response:
        if not clients.resume(desk.db, client_id, actor=visit.caller.actor):
            raise _unknown(visit)
        return back(visit, f"/clients/{client_id}", "client_resumed")


def _add_keys(site: FastAPI, desk: Desk) -> None:
    @site.post("/clients/{client_id}/keys")
    def create_key(visit: Operator, form: Sent, client_id: str) -> Response:
        scopes = frozenset(name for name in (*SCOPES, ADMIN) if form[f"scope_{name}"])
        try:
            days = form.number("days")
            made = clients.create_key(
                desk.db,
                client_id,
                scopes,
                expires_in_s=days * _DAY_S if days else None,
                actor=visit.caller.actor,
            )
        except (ValueError, OverflowError) as wrong:
            return _one(desk, visit, client_id, 422, problem=visit.say.known(str(wrong)))
        return _one(desk, visit, client_id, made=made)

    @site.post("/clients/{client_id}/keys/{key_id}/revoke")
    def revoke(visit: Operator, _form: Sent, client_id: str, key_id: str) -> Response:
        if not clients.revoke_key(desk.db, client_id, key_id, actor=visit.caller.actor):
            raise _unknown(visit)
        return back(visit, f"/clients/{client_id}", "key_revoked")


def _list(desk: Desk, visit: Visit, status: int = 200, problem: str = "") -> Response:
    return show(visit, "clients.html", status=status, found=clients.everyone(desk.db), problem=problem)


def _one(
    desk: Desk,
    visit: Visit,
    client_id: str,
    status: int = 200,
    *,
    problem: str = "",
    made: NewKey | None = None,
) -> Response:
    client = clients.get(desk.db, client_id) if visit.sees in (None, client_id) else None
    if client is None:
        raise _unknown(visit)
    more: dict[str, Any] = {"limits": [(name, getattr(client, name)) for name in LIMITS]}
    return show(
        visit,
        "client.html",
        status=status,
        client=client,
        keys=clients.keys(desk.db, client_id),
        scopes=(*SCOPES, ADMIN),
        usual=SCOPES,
        problem=problem,
        made=made,
        **more,
    )


def _unknown(visit: Visit) -> ApiError:
    return ApiError(404, "NOT_FOUND", visit.say("There is no such client."))

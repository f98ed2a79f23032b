"""Whom a client, or everybody, must not write to."""

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.console.campaigns import Sender
from scrapinsta_ray.console.desk import Desk, Form, Sent, Visit, back, show
from scrapinsta_ray.store import clients, suppressions

EVERYBODY = "*"
"""How the operator names everybody's list in an address."""

_ROWS = 100
_REASONS = ("asked", "opted_out", "complained", "other")


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /suppressions."""

    @site.get("/suppressions")
    def page(visit: Sender, client: str = "", text: str = "", after: str = "") -> Response:
        whose = _whose(visit, client)
        found = suppressions.page(
            desk.db, whose, prefix=text.strip().lstrip("@").lower()[:30], after=after, limit=_ROWS + 1
        )
        count, forgotten = suppressions.count(desk.db, whose)
        return show(
            visit,
            "suppressions.html",
            found=found[:_ROWS],
            cursor=found[_ROWS - 1]["username"] if len(found) > _ROWS else None,
            count=count - forgotten,
            forgotten=forgotten,
            whose=whose,
            everybody=EVERYBODY,
            clients=clients.everyone(desk.db) if visit.is_operator else [],
            reasons=_REASONS,
            chosen={"client": client, "text": text},
        )

    @site.post("/suppressions")
    def add_people(visit: Sender, form: Sent) -> Response:
        names = form["usernames"].replace(",", " ").split()[:5_000]
        reason = form["reason"] if form["reason"] in _REASONS else "asked"
        added = suppressions.add(desk.db, visit.caller.actor, _whose(visit, form["client"]), names, reason)
        done = "suppression_invalid" if added.invalid else "suppression_added"
        return _back(visit, form, done)

    @site.post("/suppressions/remove")
    def remove(visit: Sender, form: Sent) -> Response:
        whose = _whose(visit, form["client"])
        removed = suppressions.remove(
            desk.db, visit.caller.actor, whose, [form["username"]], operator=visit.is_operator
        )
        return _back(visit, form, "suppression_kept" if removed.kept else "suppression_removed")


def _back(visit: Visit, form: Form, done: str) -> Response:
    return back(visit, "/suppressions", done, client=form["client"])


def _whose(visit: Visit, named: str) -> str:
    if visit.is_operator and named == EVERYBODY:
        return suppressions.EVERYBODY
    return visit.client(named)

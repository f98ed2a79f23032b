"""Who changed what, and when."""

from fastapi import FastAPI
from fastapi.responses import Response

from scrapinsta_ray.console.desk import Desk, Place, Visitor, show
from scrapinsta_ray.store import audit

_ROWS = 100
ABOUT = ("account", "client", "job", "key", "person", "suppression", "template", "token")
"""What entries are about: the first word of an action."""


def add(site: FastAPI, desk: Desk) -> None:
    """Adds /audit."""

    @site.get("/audit")
    def page(visit: Visitor, client: str = "", action: str = "", before: Place | None = None) -> Response:
        whose = visit.sees if visit.sees is not None else client or None
        found = audit.entries(desk.db, whose, action=action[:40] or None, before=before, limit=_ROWS + 1)
        return show(
            visit,
            "audit.html",
            found=found[:_ROWS],
            cursor=found[_ROWS - 1].id if len(found) > _ROWS else None,
            about=ABOUT,
            chosen={"client": client, "action": action},
        )

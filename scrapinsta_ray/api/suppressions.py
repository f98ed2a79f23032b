"""The client's do-not-contact list: /suppressions."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from scrapinsta_ray.api.documents import TIME, example, refusals
from scrapinsta_ray.api.errors import ApiError
from scrapinsta_ray.api.requests import needs
from scrapinsta_ray.store import suppressions
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database

Sender = Annotated[Caller, Depends(needs("send"))]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Names = Annotated[list[str], Field(min_length=1, max_length=5_000, examples=[["ana.garcia", "@luz"]])]
Begins = Annotated[str, Query(pattern=r"^@?[A-Za-z0-9._]{0,30}$", description="first letters of the name")]
Cursor = Annotated[str, Query(pattern=r"^[a-z0-9._]{0,30}$")]

_ONLY_THE_OPERATOR = "This person asked not to be written to: only the operator may take that back."


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SuppressBody(_Body):
    """Whom not to write to. The reason `opted_out` says that they asked for it themselves: that is for good."""

    model_config = example(usernames=["ana.garcia", "@luz"], reason="asked")

    usernames: Names
    reason: str = Field("asked", pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["asked", "opted_out"])


class AllowBody(_Body):
    """Whom to take off the list."""

    model_config = example(usernames=["ana.garcia"])

    usernames: Names


class SuppressAnswer(BaseModel):
    """`already`: were on the list; `invalid`: are no usernames, as they were given."""

    model_config = example(added=1, already=1, invalid=["a b"])

    added: int
    already: int
    invalid: list[str]


class AllowAnswer(BaseModel):
    """`kept`: asked not to be written to, which only the operator takes back; `unknown`: were not on the list."""

    model_config = example(removed=1, kept=[], unknown=[])

    removed: int
    kept: list[str]
    unknown: list[str]


class Suppression(BaseModel):
    """Somebody whom this client does not write to."""

    username: str
    reason: str
    created_at: datetime


class SuppressionPage(BaseModel):
    """Some people, by name; `next_cursor` is null on the last page."""

    model_config = example(
        items=[{"username": "ana.garcia", "reason": "asked", "created_at": TIME}], next_cursor=None
    )

    items: list[Suppression]
    next_cursor: str | None


def add_suppressions(app: FastAPI, db: Database) -> None:
    """Adds /suppressions: the client's own list. Everybody's is the operator's."""

    @app.get("/suppressions", tags=["suppressions"], summary="Who is on the list")
    def page(caller: Sender, q: Begins = "", cursor: Cursor = "", limit: Limit = 100) -> SuppressionPage:
        prefix = q.removeprefix("@").lower()
        found = suppressions.page(db, caller.client_id, prefix=prefix, after=cursor, limit=limit + 1)
        items = [Suppression(**row) for row in found[:limit]]
        return SuppressionPage(items=items, next_cursor=items[-1].username if len(found) > limit else None)

    @app.post(
        "/suppressions",
        tags=["suppressions"],
        summary="Never write to these people",
        responses=refusals("REASON_RESERVED"),
    )
    def add(body: SuppressBody, caller: Sender) -> SuppressAnswer:
        if body.reason == "forgotten":
            raise ApiError(422, "REASON_RESERVED", "Only the operator can have a person forgotten.")
        added = suppressions.add(db, caller.actor, caller.client_id, body.usernames, body.reason)
        return SuppressAnswer(added=added.added, already=added.already, invalid=list(added.invalid))

    @app.delete("/suppressions", tags=["suppressions"], summary="Take people off the list")
    def remove(body: AllowBody, caller: Sender) -> AllowAnswer:
        removed = suppressions.remove(db, caller.actor, caller.client_id, body.usernames)
        return AllowAnswer(removed=removed.removed, kept=list(removed.kept), unknown=list(removed.unknown))

    @app.delete(
        "/suppressions/{username}",
        tags=["suppressions"],
        summary="Take one person off the list",
        responses=refusals("OPTED_OUT", "SUPPRESSION_NOT_FOUND"),
    )
    def remove_one(username: str, caller: Sender) -> AllowAnswer:
        removed = suppressions.remove(db, caller.actor, caller.client_id, [username])
        if removed.kept:
            raise ApiError(403, "OPTED_OUT", _ONLY_THE_OPERATOR)
        if removed.unknown:
            raise ApiError(404, "SUPPRESSION_NOT_FOUND", "This person is not on your list.")
        return AllowAnswer(removed=removed.removed, kept=[], unknown=[])

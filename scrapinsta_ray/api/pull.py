"""Serve application `pull` (/api/send/pull): hands out messages to a client's extension."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict, Field

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.documents import JOB_ID, TIME, example, refusals
from scrapinsta_ray.api.errors import OnLimited
from scrapinsta_ray.api.requests import Account, needs, new_app
from scrapinsta_ray.domain.models import Task
from scrapinsta_ray.store import campaigns, outbox
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database


class PullBody(BaseModel):
    """How many messages the extension can take now."""

    model_config = ConfigDict(extra="forbid", strict=True) | example(limit=10)

    limit: int = Field(10, ge=1, le=100)


class Item(BaseModel):
    """One message to send. `maybe_sent`: look into the thread before typing."""

    job_id: str
    task_id: str
    dest_username: str
    payload: dict[str, Any]
    lease_id: str
    lease_expires_at: datetime
    attempt: int
    maybe_sent: bool


class PullAnswer(BaseModel):
    """Leased messages, and when to ask again."""

    model_config = example(
        items=[
            {
                "job_id": JOB_ID,
                "task_id": f"{JOB_ID}:send_message:ana.garcia",
                "dest_username": "ana.garcia",
                "payload": {"message": "Hola Ana", "dry_run": False},
                "lease_id": "6f1c0d4b2c5e4a7f9a3b8d1e0c2f4a6b",
                "lease_expires_at": TIME,
                "attempt": 1,
                "maybe_sent": False,
            }
        ],
        retry_after_s=0,
    )

    items: list[Item]
    retry_after_s: float


def make_pull_app(
    db: Database, *, lease_ttl_s: float = 600, gate: Gate | None = None, on_limited: OnLimited | None = None
) -> FastAPI:
    """The application behind /api/send/pull."""
    app = new_app("pull", gate or Gate(db), on_limited=on_limited)

    @app.post(
        "",
        tags=["send"],
        summary="The next messages to send",
        responses=refusals("ACCOUNT_MISSING", "ACCOUNT_INVALID"),
    )
    def pull(
        account: Account,
        caller: Annotated[Caller, Depends(needs("pull", of_a_job=True))],
        body: PullBody | None = None,
    ) -> PullAnswer:
        limit = (body or PullBody()).limit
        pulled = outbox.pull(
            db, caller.client_id, account, limit=limit, ttl_s=lease_ttl_s, job_id=caller.job_id
        )
        campaigns.settle(db, pulled.touched)
        return PullAnswer(
            items=[_item(task) for task in pulled.tasks], retry_after_s=round(pulled.retry_after_s, 3)
        )

    return app


def _item(task: Task) -> Item:
    return Item(
        job_id=task.job_id,
        task_id=task.task_id,
        dest_username=task.username,
        payload=dict(task.payload),
        lease_id=task.lease_id,
        lease_expires_at=task.lease_expires_at,
        attempt=task.attempts,
        maybe_sent=task.maybe_sent,
    )

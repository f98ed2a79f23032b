"""Serve application `enqueue` (/ext): what clients ask for."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scrapinsta_ray.api import requests
from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.documents import JOB_ID, example, one_of, refusals
from scrapinsta_ray.api.errors import OnLimited, unknown_job
from scrapinsta_ray.api.requests import Account, needs, new_app
from scrapinsta_ray.api.templates import TEMPLATE_ID, Text, Username
from scrapinsta_ray.store import jobs
from scrapinsta_ray.store.clients import Caller
from scrapinsta_ray.store.database import Database
from scrapinsta_ray.store.jobs import Asked, Enqueued, Outreach

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=100, pattern=r"^[\x21-\x7e]+$")]
Priority = Annotated[int, Field(ge=1, le=10, description="1 first")]
MaxAge = Annotated[
    float,
    Field(
        ge=0,
        le=24 * 365,
        description="a profile visited within so many hours is not visited again; 0: always is",
    ),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class FollowingsBody(_Body):
    """Collect whom a public account follows."""

    model_config = example(target_username="cafe_lucia", limit=60)

    target_username: Username
    limit: int = Field(10, ge=1, le=10_000)


class AnalyzeBody(_Body):
    """Read and score profiles. What is no username is left out."""

    model_config = example(usernames=["ana.garcia", "@luz"], priority=5, max_age_hours=24)

    usernames: list[str] = Field(min_length=1, max_length=5_000)
    batch_size: int = Field(
        25, ge=1, le=5_000, description="kept for older clients; batches form by themselves"
    )
    priority: Priority = 5
    max_age_hours: MaxAge = 24
    extra: dict[str, Any] | None = None


class OutreachBody(_Body):
    """What to write, as `message` or by `template_id`, and to how many."""

    model_config = one_of(
        ("message", "template_id"),
        example={"message": "Hola {first_name}", "limit": 20, "min_success_score": 0.5},
    )

    message: Text | None = None
    template_id: str | None = Field(
        None, pattern=f"^{TEMPLATE_ID.pattern}$", description="its newest version, once per person"
    )
    min_success_score: float | None = Field(None, ge=0, le=1)
    limit: int | None = Field(None, ge=1, le=5_000)
    cool_off_days: int | None = Field(None, ge=1, le=3_650, description="absent: never a second time")
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_text(self) -> "OutreachBody":
        if (self.message is None) == (self.template_id is None):
            raise ValueError("give either message or template_id")
        return self

    def outreach(self) -> Outreach:
        """The same as a value of the store."""
        return Outreach(**self.model_dump())


class SendBody(OutreachBody):
    """Write to people who are named, or to those that an earlier job found."""

    model_config = one_of(
        ("message", "template_id"),
        ("usernames", "from_job"),
        example={"from_job": JOB_ID, "message": "Hola {first_name}", "limit": 20, "cool_off_days": 365},
    )

    usernames: list[str] = Field([], max_length=5_000)
    from_job: str | None = Field(None, pattern=f"^{requests.JOB_ID.pattern}$")

    @model_validator(mode="after")
    def _somebody(self) -> "SendBody":
        if bool(self.usernames) == bool(self.from_job):
            raise ValueError("give either usernames or from_job")
        return self


class CampaignAnalyze(_Body):
    """Options of a campaign's second stage."""

    model_config = example(priority=5, max_age_hours=24)

    priority: Priority = 5
    max_age_hours: MaxAge = 24


class CampaignBody(FollowingsBody):
    """Followings of one target, their analysis, messages to the best."""

    model_config = example(
        target_username="cafe_lucia", limit=60, analyze={}, send={"message": "Hola {first_name}", "limit": 20}
    )

    analyze: CampaignAnalyze = CampaignAnalyze()
    send: OutreachBody


class JobAnswer(BaseModel):
    """The job that was made."""

    model_config = example(job_id=JOB_ID)

    job_id: str


class AnalyzeAnswer(JobAnswer):
    """How many profiles will be read."""

    model_config = example(job_id=JOB_ID, total_items=2)

    total_items: int


class SendAnswer(AnalyzeAnswer):
    """How many messages will be sent, and how many people are left out by reason."""

    model_config = example(job_id=JOB_ID, total_items=18, skipped={"already_contacted": 1, "suppressed": 1})

    skipped: dict[str, int]


class Stage(BaseModel):
    """A campaign's stage is a job of its own."""

    kind: str
    job_id: str


class CampaignAnswer(JobAnswer):
    """The campaign and its stages, in order."""

    model_config = example(job_id=JOB_ID, stages=[{"kind": "fetch_followings", "job_id": JOB_ID}])

    stages: list[Stage]


_OF_A_TEXT = (
    "TEMPLATE_NOT_FOUND",
    "TEMPLATE_RETIRED",
    "ACCOUNT_MISSING",
    "ACCOUNT_INVALID",
    "TOO_MANY_TASKS",
)


OnQueued = Callable[[], None]
"""Is told that there is work for the fleet, once that is committed; nothing is lost if nobody hears it."""


def make_enqueue_app(
    db: Database,
    *,
    max_attempts: int = 4,
    gate: Gate | None = None,
    on_limited: OnLimited | None = None,
    on_queued: OnQueued = lambda: None,
) -> FastAPI:
    """The application behind /ext."""
    app = new_app("enqueue", gate or Gate(db), on_limited=on_limited)
    _add_reading(app, db, max_attempts, on_queued)
    _add_writing(app, db, max_attempts, on_queued)
    return app


def _add_reading(app: FastAPI, db: Database, max_attempts: int, on_queued: OnQueued) -> None:
    @app.post(
        "/followings/enqueue",
        tags=["enqueue"],
        summary="Collect whom an account follows",
        responses=refusals("PERSON_FORGOTTEN", "TOO_MANY_TASKS"),
    )
    def followings(
        body: FollowingsBody,
        caller: Annotated[Caller, Depends(needs("fetch"))],
        idempotency_key: Key = None,
    ) -> JobAnswer:
        asked = Asked(caller.client_id, max_attempts=max_attempts, idempotency_key=idempotency_key)
        made = jobs.enqueue_fetch(db, asked, body.target_username, body.limit)
        on_queued()
        return JobAnswer(job_id=made.job_id)

    @app.post(
        "/analyze/enqueue",
        tags=["enqueue"],
        summary="Read and score profiles",
        responses=refusals("TOO_MANY_TASKS"),
    )
    def analyze(
        body: AnalyzeBody,
        caller: Annotated[Caller, Depends(needs("analyze"))],
        idempotency_key: Key = None,
    ) -> AnalyzeAnswer:
        asked = Asked(caller.client_id, "", body.priority, max_attempts, idempotency_key)
        made = jobs.enqueue_analysis(db, asked, body.usernames, body.extra, max_age_hours=body.max_age_hours)
        on_queued()
        return AnalyzeAnswer(job_id=made.job_id, total_items=made.total_items)


def _add_writing(app: FastAPI, db: Database, max_attempts: int, on_queued: OnQueued) -> None:
    @app.post(
        "/send/enqueue",
        tags=["enqueue"],
        summary="Write to people",
        responses=refusals("JOB_NOT_FOUND", *_OF_A_TEXT),
    )
    def send(
        body: SendBody,
        account: Account,
        caller: Annotated[Caller, Depends(needs("send"))],
        idempotency_key: Key = None,
    ) -> SendAnswer:
        asked = Asked(caller.client_id, account, 5, max_attempts, idempotency_key)
        made = _messages(db, asked, body)
        return SendAnswer(job_id=made.job_id, total_items=made.total_items, skipped=dict(made.skipped))

    @app.post(
        "/campaigns/enqueue",
        tags=["enqueue"],
        summary="All three in a row: collect, read, write to the best",
        responses=refusals("PERSON_FORGOTTEN", *_OF_A_TEXT),
    )
    def campaigns(
        body: CampaignBody,
        account: Account,
        caller: Annotated[Caller, Depends(needs("fetch", "analyze", "send"))],
        idempotency_key: Key = None,
    ) -> CampaignAnswer:
        asked = Asked(caller.client_id, account, body.analyze.priority, max_attempts, idempotency_key)
        made = jobs.enqueue_campaign(
            db, asked, body.target_username, body.limit, body.analyze.model_dump(), body.send.outreach()
        )
        on_queued()
        stages = [Stage(kind=kind, job_id=job_id) for kind, job_id in made.stages]
        return CampaignAnswer(job_id=made.job_id, stages=stages)


def _messages(db: Database, asked: Asked, body: SendBody) -> Enqueued:
    try:
        return jobs.enqueue_messages(db, asked, body.outreach())
    except LookupError:
        raise unknown_job() from None

"""Serve application `enqueue` (/ext): what clients ask for."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from scrapinsta_ray.api.auth import Gate
from scrapinsta_ray.api.errors import OnLimited, unknown_job
from scrapinsta_ray.api.requests import Account, needs, new_app
from scrapinsta_ray.api.templates import TEMPLATE_ID, Text
from scrapinsta_ray.domain import usernames
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
    model_config = ConfigDict(extra="forbid")


class FollowingsBody(_Body):
    """Collect whom a public account follows."""

    target_username: str
    limit: int = Field(10, ge=1, le=10_000)

    @field_validator("target_username")
    @classmethod
    def _normal(cls, value: str) -> str:
        return usernames.normalize(value)


class AnalyzeBody(_Body):
    """Read and score profiles."""

    usernames: list[str] = Field(min_length=1, max_length=5_000)
    batch_size: int = Field(
        25, ge=1, le=5_000, description="kept for older clients; batches form by themselves"
    )
    priority: Priority = 5
    max_age_hours: MaxAge = 24
    extra: dict[str, Any] | None = None


class OutreachBody(_Body):
    """What to write, as `message` or by `template_id`, and to how many."""

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

    usernames: list[str] = Field([], max_length=5_000)
    from_job: str | None = Field(None, max_length=36)

    @model_validator(mode="after")
    def _somebody(self) -> "SendBody":
        if bool(self.usernames) == bool(self.from_job):
            raise ValueError("give either usernames or from_job")
        return self


class CampaignAnalyze(_Body):
    """Options of a campaign's second stage."""

    priority: Priority = 5
    max_age_hours: MaxAge = 24


class CampaignBody(FollowingsBody):
    """Followings of one target, their analysis, messages to the best."""

    analyze: CampaignAnalyze = CampaignAnalyze()
    send: OutreachBody


class JobAnswer(BaseModel):
    """The job that was made."""

    job_id: str


class AnalyzeAnswer(JobAnswer):
    """How many profiles will be read."""

    total_items: int


class SendAnswer(AnalyzeAnswer):
    """How many messages will be sent, and how many people are left out by reason."""

    skipped: dict[str, int]


class Stage(BaseModel):
    """A campaign's stage is a job of its own."""

    kind: str
    job_id: str


class CampaignAnswer(JobAnswer):
    """The campaign and its stages, in order."""

    stages: list[Stage]


def make_enqueue_app(
    db: Database, *, max_attempts: int = 4, gate: Gate | None = None, on_limited: OnLimited | None = None
) -> FastAPI:
    """The application behind /ext."""
    app = new_app("enqueue", gate or Gate(db), on_limited=on_limited)

    @app.post("/followings/enqueue", tags=["enqueue"])
    def followings(
        body: FollowingsBody,
        caller: Annotated[Caller, Depends(needs("fetch"))],
        idempotency_key: Key = None,
    ) -> JobAnswer:
        asked = Asked(caller.client_id, max_attempts=max_attempts, idempotency_key=idempotency_key)
        return JobAnswer(job_id=jobs.enqueue_fetch(db, asked, body.target_username, body.limit).job_id)

    @app.post("/analyze/enqueue", tags=["enqueue"])
    def analyze(
        body: AnalyzeBody,
        caller: Annotated[Caller, Depends(needs("analyze"))],
        idempotency_key: Key = None,
    ) -> AnalyzeAnswer:
        asked = Asked(caller.client_id, "", body.priority, max_attempts, idempotency_key)
        made = jobs.enqueue_analysis(db, asked, body.usernames, body.extra, max_age_hours=body.max_age_hours)
        return AnalyzeAnswer(job_id=made.job_id, total_items=made.total_items)

    @app.post("/send/enqueue", tags=["enqueue"])
    def send(
        body: SendBody,
        account: Account,
        caller: Annotated[Caller, Depends(needs("send"))],
        idempotency_key: Key = None,
    ) -> SendAnswer:
        asked = Asked(caller.client_id, account, 5, max_attempts, idempotency_key)
        made = _messages(db, asked, body)
        return SendAnswer(job_id=made.job_id, total_items=made.total_items, skipped=dict(made.skipped))

    @app.post("/campaigns/enqueue", tags=["enqueue"])
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
        stages = [Stage(kind=kind, job_id=job_id) for kind, job_id in made.stages]
        return CampaignAnswer(job_id=made.job_id, stages=stages)

    return app


def _messages(db: Database, asked: Asked, body: SendBody) -> Enqueued:
    try:
        return jobs.enqueue_messages(db, asked, body.outreach())
    except LookupError:
        raise unknown_job() from None

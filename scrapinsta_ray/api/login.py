"""Tokens for keys, narrower tokens for tokens, their end, and who one is: /api/auth."""

from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from scrapinsta_ray.api import documents
from scrapinsta_ray.api.auth import Credential, Gate, Session, bad_credentials
from scrapinsta_ray.api.documents import example, one_of, refusals
from scrapinsta_ray.api.errors import ApiError, unknown_job
from scrapinsta_ray.api.requests import JOB_ID, not_of_a_job, permitted, session_of
from scrapinsta_ray.store import clients, progress, tokens
from scrapinsta_ray.store.database import Database

Scope = Literal["fetch", "analyze", "send", "pull", "result", "status", "admin"]


class LoginBody(BaseModel):
    """A key, to be changed into a token."""

    model_config = ConfigDict(extra="forbid", strict=True) | example(api_key="si_0123456789ab_...")

    api_key: str = Field(min_length=1, max_length=200, examples=["si_..."], repr=False)


class TokenBody(BaseModel):
    """What the token may do, and for how long: never more than its maker."""

    model_config = ConfigDict(extra="forbid", strict=True) | example(scopes=["status"], ttl_s=300)

    scopes: list[Scope] | None = Field(None, min_length=1, max_length=10, description="absent: all of yours")
    ttl_s: float | None = Field(None, ge=1, le=tokens.LONGEST_S, description="absent: as the server has it")


class RevokeBody(BaseModel):
    """One token by its jti, or all tokens of a job."""

    model_config = ConfigDict(extra="forbid", strict=True) | one_of(
        ("jti", "job_id"), example={"job_id": documents.JOB_ID}
    )

    jti: str | None = Field(None, pattern=r"^[0-9a-f]{32}$")
    job_id: str | None = Field(None, pattern=f"^{JOB_ID.pattern}$")

    @model_validator(mode="after")
    def _one(self) -> "RevokeBody":
        if (self.jti is None) == (self.job_id is None):
            raise ValueError("give either jti or job_id")
        return self


class TokenAnswer(BaseModel):
    """Send it as `Authorization: Bearer <access_token>`."""

    model_config = example(
        access_token="eyJ...", token_type="bearer", expires_in=900, client_id="acme", scope="send status",
        job_id=None, jti="0123456789abcdef0123456789abcdef",
    )  # fmt: skip

    access_token: str = Field(repr=False)
    token_type: Literal["bearer"] = "bearer"
    expires_in: int
    client_id: str
    scope: str
    job_id: str | None
    jti: str


class RevokeAnswer(BaseModel):
    """It is refused everywhere within seconds."""

    model_config = example(revoked=True)

    revoked: Literal[True] = True


_LIMITS = {
    "messages_per_hour": 6, "messages_per_day": 20, "pulls_per_minute": 60, "results_per_minute": 6_000,
    "enqueues_per_minute": 30, "unfinished_tasks": 200_000,
}  # fmt: skip


class Limits(BaseModel):
    """Messages are per sending account."""

    model_config = example(**_LIMITS)

    messages_per_hour: int
    messages_per_day: int
    pulls_per_minute: int
    results_per_minute: int
    enqueues_per_minute: int
    unfinished_tasks: int


class MeAnswer(BaseModel):
    """Whose key or token this is, and what it may do."""

    model_config = example(
        client_id="acme", name="Acme", scopes=["send", "status"], job_id=None, limits=_LIMITS
    )

    client_id: str
    name: str
    scopes: list[str]
    job_id: str | None
    limits: Limits


def add_login(app: FastAPI, db: Database, gate: Gate) -> None:
    """Adds /api/auth/login, /jwt, /revoke and /me."""

    @app.post(
        "/api/auth/login",
        tags=["auth"],
        summary="A token for a key",
        responses=refusals("BAD_CREDENTIALS", "CLIENT_SUSPENDED", "WRONG_CLIENT", "RATE_LIMITED"),
    )
    def login(body: LoginBody, request: Request) -> TokenAnswer:
        session = permitted(gate.admit(Credential(body.api_key, is_key=True), request), request)
        return _token(gate, session, None, TokenBody())

    @app.post(
        "/api/auth/jwt",
        tags=["auth"],
        summary="A narrower token, perhaps of one job",
        responses=refusals("JOB_NOT_FOUND", "KEY_NEEDED"),
    )
    def jwt(
        session: Annotated[Session, Depends(session_of)],
        job_id: Annotated[str | None, Query(max_length=36)] = None,
        body: TokenBody | None = None,
    ) -> TokenAnswer:
        of_job = session.caller.job_id
        if of_job and job_id not in (None, of_job):
            raise unknown_job()
        if job_id:
            _own_job(db, session, job_id)
        return _token(gate, session, job_id or of_job, body or TokenBody())

    @app.post(
        "/api/auth/revoke",
        tags=["auth"],
        summary="Ends a token, or all tokens of a job",
        responses=refusals("JOB_NOT_FOUND"),
    )
    def revoke(body: RevokeBody, session: Annotated[Session, Depends(session_of)]) -> RevokeAnswer:
        caller = session.caller
        if caller.job_id and (body.jti or body.job_id) not in (session.jti, caller.job_id):
            raise not_of_a_job()
        if body.job_id:
            _own_job(db, session, body.job_id)
        tokens.revoke(db, caller.client_id, body.jti or body.job_id or "", actor=caller.actor)
        return RevokeAnswer()

    @app.get("/api/auth/me", tags=["auth"], summary="Who one is, and one's limits")
    def me(session: Annotated[Session, Depends(session_of)]) -> MeAnswer:
        caller = session.caller
        client = clients.get(db, caller.client_id)
        if client is None:  # it was deleted a moment ago
            raise bad_credentials()
        return MeAnswer(
            client_id=client.id,
            name=client.name,
            scopes=sorted(caller.scopes),
            job_id=caller.job_id,
            limits=Limits(**{name: getattr(client, name) for name in clients.LIMITS}),
        )


def _own_job(db: Database, session: Session, job_id: str) -> None:
    if not JOB_ID.fullmatch(job_id) or progress.job(db, session.caller.client_id, job_id) is None:
        raise unknown_job()


def _token(gate: Gate, session: Session, job_id: str | None, body: TokenBody) -> TokenAnswer:
    scopes = frozenset(body.scopes) if body.scopes else None
    if scopes and (lacking := sorted(scopes - session.caller.scopes)):
        raise ApiError(403, "SCOPE_MISSING", f"You lack the scope {lacking[0]} yourself.", missing=lacking)
    if job_id and scopes and clients.ADMIN in scopes:
        raise ApiError(403, "SCOPE_MISSING", "A token of a job has no scope admin.", missing=[clients.ADMIN])
    issued = gate.issue(session, job_id=job_id, scopes=scopes, ttl_s=body.ttl_s)
    return TokenAnswer(
        access_token=issued.access_token,
        expires_in=issued.expires_in,
        client_id=session.caller.client_id,
        scope=" ".join(sorted(issued.scopes)),
        job_id=job_id,
        jti=issued.jti,
    )

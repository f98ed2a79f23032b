"""The nouns of the system, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a job does; every task of a job is of its job's kind. A campaign has stages instead of tasks."""

    FETCH_FOLLOWINGS = "fetch_followings"
    ANALYZE_PROFILE = "analyze_profile"
    SEND_MESSAGE = "send_message"
    CAMPAIGN = "campaign"


SERVER_KINDS = (Kind.FETCH_FOLLOWINGS, Kind.ANALYZE_PROFILE)
"""Kinds that the fleet works on; the rest is worked on by a client's extension."""


class Action(StrEnum):
    """What a bot account does on the site and its windows count."""

    PROFILE_READ = "profile_read"
    FOLLOWING_PAGE = "following_page"


class TaskStatus(StrEnum):
    """States of a task; the table of transitions is in docs/architecture.md."""

    QUEUED = "queued"  # may be leased now
    DELAYED = "delayed"  # waits for its available_at; shown as queued outside
    SENT = "sent"  # leased: in somebody's hands until lease_expires_at
    OK = "ok"  # ended well
    ERROR = "error"  # ended badly, error_code says why
    CANCELLED = "cancelled"  # ended by its owner

    @property
    def shown(self) -> "TaskStatus":
        """The word that clients see: the five states of the contract."""
        return TaskStatus.QUEUED if self is TaskStatus.DELAYED else self


UNFINISHED = (TaskStatus.QUEUED, TaskStatus.DELAYED, TaskStatus.SENT)


class JobStatus(StrEnum):
    """States of a job."""

    PENDING = "pending"  # a campaign's stage that has not begun
    RUNNING = "running"
    DONE = "done"
    ERROR = "error"  # no task ended ok and at least one ended badly
    CANCELLED = "cancelled"
    PAUSED = "paused"


class MediaKind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    CAROUSEL = "carousel"
    REEL = "reel"


class Completeness(StrEnum):
    """How a following list ended."""

    COMPLETE = "complete"  # the site said that there is no more
    CAPPED = "capped"  # the site shows only a part of this list
    SOFT_BLOCKED = "soft_blocked"  # the profile counts some, the list shows none
    TRUNCATED = "truncated"  # we stopped at the limit that was asked for


class Signal(StrEnum):
    """What the site just told us, by consequence."""

    OK = "ok"
    RETRY = "retry"  # a passing fault
    COOLDOWN = "cooldown"  # this account is too fast
    RELOGIN = "relogin"  # the session is dead, the account is not
    HUMAN = "human"  # a challenge: a person is needed
    DEAD = "dead"  # the account is suspended
    NOT_FOUND = "not_found"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class Media:
    """One post. Counts are None when the site did not say or hid them; never 0 for unknown."""

    code: str
    id: str
    taken_at: datetime | None
    kind: MediaKind
    likes: int | None = None
    comments: int | None = None
    views: int | None = None
    pinned: bool = False
    hidden: bool = False  # the owner hides likes (and views)


@dataclass(frozen=True, slots=True)
class Profile:
    """One public profile as read. `source` names where each field came from, `missing` why a field is None."""

    username: str
    id: str | None = None
    full_name: str | None = None
    biography: str | None = None
    external_url: str | None = None
    category: str | None = None
    followers: int | None = None
    followings: int | None = None
    posts: int | None = None
    is_private: bool = False
    is_verified: bool | None = None
    is_business: bool | None = None
    media: tuple[Media, ...] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    rubro: str | None = None  # its field, by the rules of domain/rubros.py; not told by the site
    rubro_evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Following:
    """One row of a following list."""

    username: str
    id: str | None = None
    full_name: str | None = None
    is_private: bool | None = None
    is_verified: bool | None = None


@dataclass(frozen=True, slots=True)
class FollowingPage:
    """A page of a following list; `completeness` is set on the last page and only there."""

    users: tuple[Following, ...]
    next_cursor: str | None = None
    completeness: Completeness | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """A profile's score under one version of a model; None where the profile gives too little to go on."""

    username: str
    model: str
    engagement: float | None  # engagement rate, (likes + comments) / followers per post
    success: float | None  # 0..1
    parts: Mapping[str, float | None] = field(default_factory=dict)
    confidence: float | None = None  # 0..1; None of a model that has none
    reason: str | None = None  # why there is no score


@dataclass(frozen=True, slots=True)
class Task:
    """A leased task, in the hands of whoever holds `lease_id`."""

    id: int
    client_id: str
    job_id: str
    kind: Kind
    username: str  # whom the task is about: target, profile, or recipient
    account: str  # the client's sending account; "" for the fleet's work
    attempts: int
    max_attempts: int
    lease_id: str
    lease_expires_at: datetime
    maybe_sent: bool
    payload: Mapping[str, Any]
    last_account: str | None = None  # who had it before
    last_code: str | None = None  # and why that was not the end of it
    request_id: str | None = None  # of the request that made its job

    @property
    def task_id(self) -> str:
        """The public name of the task."""
        return task_id(self.job_id, self.kind, self.username)


def task_id(job_id: str, kind: Kind | str, username: str) -> str:
    """`{job_id}:{kind}:{username}`; a job_id is `job:<32 hex>`."""
    return f"{job_id}:{kind}:{username}"

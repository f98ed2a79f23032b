"""All settings, in one frozen place: the only reader of the environment.

Every field is `SCRAPINSTA_<NAME>` in the environment, for instance `SCRAPINSTA_DATABASE_URL`.
"""

import os
import re
import secrets
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Literal

from cryptography.fernet import Fernet, MultiFernet
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from scrapinsta_ray.domain.models import Action
from scrapinsta_ray.domain.pacing import HOUR_S, Pace, Window
from scrapinsta_ray.domain.retention import Retention
from scrapinsta_ray.errors import Misconfigured

Network = IPv4Network | IPv6Network


class Settings(BaseSettings):
    """Read once per process; a wrong value fails here, loudly, and names its variable."""

    model_config = SettingsConfigDict(
        env_prefix="SCRAPINSTA_", frozen=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(
        Path.home() / ".scrapinsta", description="Folder of the embedded store, keys and browsers."
    )
    database_url: SecretStr | None = Field(
        None, description="mysql://user:pass@host:port/db?charset=utf8mb4; unset: SQLite in `home`."
    )
    secret_key: SecretStr | None = Field(
        None,
        description="Fernet keys with commas between: the first seals secrets at rest, all open; "
        "unset: `home`/secret.key.",
    )
    site_url: str = Field("https://www.instagram.com", description="The site to read.")
    cluster_address: str | None = Field(
        None, description="Ray address for the command line; unset: a local Ray."
    )

    task_lease_ttl_s: float = Field(60, gt=0, description="How long a worker may be silent about a task.")
    message_lease_ttl_s: float = Field(
        600, gt=0, description="How long a sender may be silent about a message."
    )
    lease_ttl_s: float = Field(
        40, gt=1, description="Life of the accounts' leases; the dispatcher's lives 15 s at most."
    )
    poll_idle_s: float = Field(
        2.0, gt=0, description="The dispatcher's longest sleep when nothing is queued."
    )
    max_attempts: int = Field(
        4, ge=1, le=20, description="Leases a task may use up before it ends as an error."
    )
    retry_base_s: float = Field(
        20, gt=0, description="First back-off of a failed task; doubles, with jitter."
    )

    token_ttl_s: float = Field(900, ge=10, le=86_400, description="Life of a token (JWT).")
    trusted_proxies: str | None = Field(
        None,
        description="Proxies whose X-Forwarded-For and -Proto are believed: addresses or CIDRs, commas between.",
    )
    require_https: bool = Field(
        False, description="Refuses plain HTTP; a trusted proxy says what the client came by."
    )
    cors_origins: str | None = Field(
        None,
        description="Web origins that may ask, commas between; an extension is chrome-extension://ID. Unset: none.",
    )

    profile_reads_per_hour: int = Field(150, ge=1, description="Per bot account.")
    following_pages_per_hour: int = Field(40, ge=1, description="Per bot account.")
    action_gap_min_s: float = Field(2, ge=0, description="Shortest pause of an account between two actions.")
    action_gap_max_s: float = Field(9, ge=0, description="Longest pause of an account between two actions.")

    retention_tasks_days: int = Field(
        90, ge=0, description="How long finished tasks and jobs are kept; 0: for ever."
    )
    retention_profiles_days: int = Field(
        365, ge=0, description="Profiles since they were last read; 0: for ever."
    )
    retention_media_days: int = Field(365, ge=0, description="Posts since they were last seen; 0: for ever.")
    retention_followings_days: int = Field(
        365, ge=0, description="Following lists since they were last seen; 0: for ever."
    )
    retention_scores_days: int = Field(365, ge=0, description="Scores since they were made; 0: for ever.")

    headless: bool = True
    chromium: str | None = Field(None, description="Path of Chromium or Chrome; unset: found on PATH.")
    chromedriver: str | None = Field(
        None, description="Path of chromedriver; unset: PATH, then Selenium Manager."
    )
    language: str = "en-US"
    browsers_per_node: int = Field(
        4, ge=1, description="Browsers that a Ray started by us carries on this machine."
    )

    browser_tasks: int = Field(300, ge=1, description="A browser is renewed after so many tasks.")
    park_after_s: float = Field(
        20, gt=0, description="An idle account's page is left for an empty one after so long."
    )
    browser_memory_mb: int = Field(
        700, ge=100, description="A browser is renewed when it takes more memory than that."
    )

    rubros_file: Path | None = Field(
        None, description="Your own fields of profiles and their keywords (JSON); they go before ours."
    )

    metrics_token: SecretStr | None = Field(
        None, description="What /metrics asks for as a bearer token; unset: it is open."
    )
    log_format: Literal["json", "text"] = Field(
        "json", validation_alias=AliasChoices("SCRAPINSTA_LOG_FORMAT", "LOG_FORMAT")
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("site_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, value: str | None) -> str | None:
        networks(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, value: str | None) -> str | None:
        origins(value)
        return value

    @property
    def url(self) -> str:
        """The database's address, secret included: never log it."""
        return (
            self.database_url.get_secret_value()
            if self.database_url
            else f"sqlite:///{self.home}/scrapinsta.db"
        )

    @property
    def pace(self) -> Pace:
        """How fast a bot account may be."""
        windows = {
            Action.PROFILE_READ: Window(self.profile_reads_per_hour, HOUR_S),
            Action.FOLLOWING_PAGE: Window(self.following_pages_per_hour, HOUR_S),
        }
        return Pace(windows, self.action_gap_min_s, self.action_gap_max_s)

    @property
    def retention(self) -> Retention:
        """For how long each kind of data is kept."""
        return Retention(
            tasks=self.retention_tasks_days,
            profiles=self.retention_profiles_days,
            media=self.retention_media_days,
            followings=self.retention_followings_days,
            scores=self.retention_scores_days,
        )

    @property
    def embedded(self) -> bool:
        """True when the store is a local SQLite file, which may be created on the way."""
        return self.url.startswith("sqlite")

    @cached_property
    def fernet(self) -> MultiFernet:
        """The sealer of secrets at rest: the first key seals, all open. Raises Misconfigured for what is no key."""
        if self.secret_key:
            return _sealer(self.secret_key.get_secret_value(), "SCRAPINSTA_SECRET_KEY")
        path = self.home / "secret.key"
        return _sealer(_key_file(path), str(path))


def networks(text: str | None) -> tuple[Network, ...]:
    """`10.0.0.0/8, ::1` as networks. Raises ValueError for anything else."""
    return tuple(ip_network(part) for part in _parts(text))


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?")


def origins(text: str | None) -> tuple[str, ...]:
    """`https://console.example.com, chrome-extension://ID` as origins. Raises ValueError for anything else."""
    found = tuple(part.rstrip("/") for part in _parts(text))
    if wrong := next((origin for origin in found if not _ORIGIN.fullmatch(origin)), None):
        raise ValueError(f"{wrong!r} is no origin such as https://console.example.com")
    return found


def _parts(text: str | None) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text or "") if part]


def _sealer(text: str, where: str) -> MultiFernet:
    """Of the keys in `text`, with commas, blanks or line ends between. The error repeats nothing of them."""
    try:
        return MultiFernet([Fernet(key) for key in re.split(r"[,\s]+", text.strip(", \t\r\n"))])
    except ValueError:
        raise Misconfigured(
            f"{where} must hold Fernet keys, each 32 bytes in url-safe base64, with commas or line ends "
            "between; `scrapinsta secret-key` makes one."
        ) from None


def _key_file(path: Path) -> str:
    """What is in `path`; on first use a new key, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
        file.write(Fernet.generate_key().decode())
    try:
        os.link(draft, path)  # whoever comes first wins, and nobody reads half a key
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text()


def load() -> Settings:
    """Settings from the environment. Raises Misconfigured with one line per wrong variable."""
    try:
        return Settings()
    except ValidationError as wrong:
        lines = [f"{_variable(e['loc'])}: {e['msg']}" for e in wrong.errors()]
        raise Misconfigured("\n".join(lines)) from None


def _variable(place: tuple[int | str, ...]) -> str:
    return f"SCRAPINSTA_{'_'.join(map(str, place)).upper().removeprefix('SCRAPINSTA_')}"


RAY_ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",  # said explicitly: a local ray.init would turn tokens on for itself alone
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "120",  # a busy machine takes longer than Ray waits by itself
    "RAY_agent_register_timeout_ms": "120000",
    "FORWARDED_ALLOW_IPS": "none",  # uvicorn would believe every X-Forwarded-For that comes through a local HAProxy
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",  # else every end takes 30 seconds
}
"""What `ray start`, `ray.init` and `serve run` need in their environment, on every node alike."""


def prepare_ray(**more: str) -> None:
    """Puts RAY_ENVIRONMENT, and `more`, into this process' environment, before Ray is imported.

    What the operator has set already is kept, but for `more`.
    """
    for name, value in RAY_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ.update(more)


def child_environment(*, secrets: bool = True, **changes: str) -> dict[str, str]:
    """This process' environment with `changes`, for a child; without our secrets, for one that must not know them."""
    hidden = () if secrets else SECRETS
    return {**{name: value for name, value in os.environ.items() if name not in hidden}, **changes}


SECRETS = tuple(
    f"SCRAPINSTA_{name.upper()}"
    for name, field in Settings.model_fields.items()
    if "SecretStr" in str(field.annotation)
)
"""The variables that hold a secret."""

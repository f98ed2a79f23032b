"""The schema: the single source of schema.sql and of the first migration.

Times are UTC with microseconds, by the database's own clock. Names (usernames, ids, words) are ASCII and compared
byte by byte.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from scrapinsta_ray.store.database import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_INNODB: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}

Time = UtcTime()
Serial = BigInteger().with_variant(Integer(), "sqlite")


def Name(length: int) -> TypeEngine[str]:
    """An ASCII string that is compared byte by byte."""
    return String(length).with_variant(
        mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"), "mysql", "mariadb"
    )


# ---- tenants ---------------------------------------------------------------------------------------------

clients = Table(
    "clients",
    metadata,
    Column("id", Name(32), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("status", Name(12), nullable=False, default="active", comment="active or suspended"),
    Column("messages_per_hour", SmallInteger, nullable=False, comment="per sending account"),
    Column("messages_per_day", SmallInteger, nullable=False, comment="per sending account"),
    Column("created_at", Time, nullable=False),
    Column("pulls_per_minute", Integer, nullable=False, server_default="60"),
    Column("results_per_minute", Integer, nullable=False, server_default="6000"),
    Column("enqueues_per_minute", Integer, nullable=False, server_default="30"),
    Column("unfinished_tasks", Integer, nullable=False, server_default="200000", comment="at most so many"),
    **_INNODB,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Name(16), primary_key=True, comment="the middle part of si_<id>_<secret>"),
    Column("client_id", Name(32), nullable=False, index=True),
    Column("secret_sha256", Name(64), nullable=False),
    Column("scopes", Name(100), nullable=False, comment="words with blanks between"),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time),
    Column("revoked_at", Time),
    Column("last_used_at", Time, comment="to the minute"),
    **_INNODB,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", Name(16), primary_key=True),
    Column("secret", LargeBinary, nullable=False, comment="sealed with the secret key"),
    Column("created_at", Time, nullable=False),
    Column("retired_at", Time, comment="signs nothing new from then on"),
    comment="what tokens are signed with; the newest signs, all verify",
    **_INNODB,
)

revocations = Table(
    "revocations",
    metadata,
    Column("client_id", Name(32), primary_key=True),
    Column(
        "subject", Name(36), primary_key=True, comment="a token's jti, or a job: all its tokens until now"
    ),
    Column("at", Time, nullable=False),
    Column("expires_at", Time, nullable=False, comment="no token that it concerns lives longer"),
    Index("ix_revocations_expiry", "expires_at"),
    **_INNODB,
)

meters = Table(
    "meters",
    metadata,
    Column("subject", Name(64), primary_key=True, comment="a client; key:<id> or addr:<address> for log-ins"),
    Column("name", Name(20), primary_key=True, comment="pulls, results, enqueues, failed_logins"),
    Column("full_at", BigInteger, nullable=False, comment="GCRA's theoretical arrival time, microseconds"),
    Index("ix_meters_full", "full_at"),
    comment="how much of each limit is used up",
    **_INNODB,
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", Time, nullable=False),
    Column("actor", Name(64), nullable=False, comment="cli:<user>, key:<id>, token:<jti> or dispatcher"),
    Column("client_id", Name(32), nullable=False, comment="whose things changed; empty: everybody's"),
    Column("action", Name(40), nullable=False),
    Column("subject", String(100), nullable=False, comment="key, job, template, person, account"),
    Column("details", JSON),
    Index("ix_audit_log_client", "client_id", "id"),
    comment="who did what when; only ever added to",
    **_INNODB,
)

sending_accounts = Table(
    "sending_accounts",
    metadata,
    Column("client_id", Name(32), primary_key=True),
    Column("account", Name(30), primary_key=True),
    Column("paused_until", Time, comment="set when the site limits this account"),
    comment="a client's own account, once the site has limited it",
    **_INNODB,
)

# ---- the queue -------------------------------------------------------------------------------------------

jobs = Table(
    "jobs",
    metadata,
    Column("id", Name(36), primary_key=True, comment="job:<UUIDv7 in hex>: in the order of birth"),
    Column("client_id", Name(32), nullable=False),
    Column("kind", Name(20), nullable=False),
    Column("status", Name(10), nullable=False, comment="pending, running, done, error, cancelled, paused"),
    Column(
        "account", Name(30), nullable=False, default="", comment="the client's sending account, if it sends"
    ),
    Column("priority", SmallInteger, nullable=False, default=5),
    Column("max_attempts", SmallInteger, nullable=False, comment="of each of its tasks"),
    Column("params", JSON, nullable=False),
    Column("total_items", Integer, nullable=False, default=0),
    Column("skipped", JSON, comment="who was left out when tasks were made, counted by reason"),
    Column("campaign_id", Name(36), comment="the campaign whose stage this job is"),
    Column("stage", SmallInteger, nullable=False, default=0, comment="1, 2, 3 within the campaign"),
    Column("reason_code", Name(40), comment="why it ended so, or why it waits"),
    Column("reason", String(500)),
    Column("idempotency_key", Name(100)),
    Column("created_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("request_id", Name(100), comment="of the request that made it"),
    UniqueConstraint("client_id", "idempotency_key"),
    Index("ix_jobs_newest", "client_id", "id"),
    Index("ix_jobs_status", "status", "id"),
    Index("ix_jobs_campaign", "campaign_id", "stage"),
    **_INNODB,
)

job_tasks = Table(
    "job_tasks",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("client_id", Name(32), nullable=False),
    Column("job_id", Name(36), nullable=False),
    Column("kind", Name(20), nullable=False),
    Column("username", Name(30), nullable=False, comment="target, profile, or recipient"),
    Column(
        "account", Name(30), nullable=False, default="", comment="who must send it; empty: the fleet's work"
    ),
    Column("status", Name(10), nullable=False, comment="queued, delayed, sent, ok, error, cancelled"),
    Column("priority", SmallInteger, nullable=False, default=5, comment="1 first"),
    Column("attempts", SmallInteger, nullable=False, default=0),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("available_at", Time, comment="delayed: becomes queued then"),
    Column("lease_id", Name(32), comment="never used again once given out"),
    Column("lease_holder", Name(80), comment="bot account or client's account that has it"),
    Column("lease_expires_at", Time, comment="sent: rescued then"),
    Column("maybe_sent", Boolean(create_constraint=False), nullable=False, default=False),
    Column("payload", JSON),
    Column("result", JSON),
    Column("reason_code", Name(40), comment="why it ended so, or why it waits"),
    Column("reason", String(500)),
    Column("created_at", Time, nullable=False),
    Column("finished_at", Time),
    Column("template_id", Name(36), comment="whose text it carries: once per client, template and person"),
    UniqueConstraint("job_id", "username"),
    Index("ix_job_tasks_lease", "kind", "status", "client_id", "account", "priority", "id"),
    Index("ix_job_tasks_job", "job_id", "status"),
    Index("ix_job_tasks_person", "client_id", "username"),
    Index("ix_job_tasks_due", "status", "available_at"),
    Index("ix_job_tasks_expiry", "status", "lease_expires_at"),
    **_INNODB,
)

messages_sent = Table(
    "messages_sent",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("client_id", Name(32), nullable=False),
    Column("dest_username", Name(30), nullable=False),
    Column("account", Name(30), nullable=False),
    Column("job_id", Name(36), nullable=False),
    Column("code", Name(20), nullable=False, comment="sent, or already_messaged when seen in the thread"),
    Column("sent_at", Time, nullable=False),
    UniqueConstraint("client_id", "dest_username"),
    Index("ix_messages_sent_window", "client_id", "account", "sent_at"),
    comment="the ledger: who was written to, once per client and person",
    **_INNODB,
)

templates = Table(
    "templates",
    metadata,
    Column("id", Name(36), primary_key=True, comment="tpl:<UUIDv7 in hex>"),
    Column("version", Integer, primary_key=True, autoincrement=False, comment="from 1; the newest is used"),
    Column("client_id", Name(32), nullable=False),
    Column("name", String(100), nullable=False),
    Column("text", Text, nullable=False, comment="with the fields of domain/messages.py"),
    Column("created_at", Time, nullable=False),
    Column("retired_at", Time),
    Index("ix_templates_client", "client_id", "id"),
    **_INNODB,
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("client_id", Name(32), primary_key=True, comment="empty: nobody may write to this person"),
    Column(
        "username", Name(30), primary_key=True, comment="or # and a salted hash: forgotten, never collected"
    ),
    Column("reason", Name(40), nullable=False),
    Column("created_at", Time, nullable=False),
    **_INNODB,
)

salts = Table(
    "salts",
    metadata,
    Column("name", Name(20), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="random, made once: what the hashes of forgotten people are salted with",
    **_INNODB,
)

# ---- what was collected ----------------------------------------------------------------------------------

profiles = Table(
    "profiles",
    metadata,
    Column("username", Name(30), primary_key=True),
    Column("ig_id", Name(32)),
    Column("full_name", String(200)),
    Column("biography", Text),
    Column("external_url", String(500)),
    Column("category", String(100)),
    Column("followers", BigInteger),
    Column("followings", BigInteger),
    Column("posts", BigInteger),
    Column("is_verified", Boolean(create_constraint=False)),
    Column("is_business", Boolean(create_constraint=False)),
    Column("source", JSON, nullable=False, comment="where each field was read"),
    Column("missing", JSON, nullable=False, comment="why a field is null"),
    Column("analyzed_at", Time, nullable=False),
    Column("rubro", Name(40), comment="its field, by keywords of category and biography"),
    Column("rubro_evidence", JSON, comment="the words that speak for it"),
    **_INNODB,
)

media = Table(
    "media",
    metadata,
    Column("username", Name(30), primary_key=True),
    Column("code", Name(32), primary_key=True),
    Column("ig_id", Name(32), nullable=False),
    Column("taken_at", Time),
    Column("kind", Name(10), nullable=False),
    Column("likes", BigInteger, comment="null: hidden or not told; never 0 for unknown"),
    Column("comments", BigInteger),
    Column("views", BigInteger),
    Column("pinned", Boolean(create_constraint=False), nullable=False),
    Column("hidden", Boolean(create_constraint=False), nullable=False),
    Column("seen_at", Time, nullable=False),
    **_INNODB,
)

visits = Table(
    "visits",
    metadata,
    Column("username", Name(30), primary_key=True),
    Column("visited_at", Time, comment="null: never with an outcome"),
    Column("status", Name(10), comment="ok or error: how a task ends that reuses the visit"),
    Column("reason_code", Name(40), comment="private, not_found; null: the profile is stored"),
    Column("reason", String(500)),
    Column("result", JSON, comment="of such a task"),
    Column("task_id", BigInteger, comment="who visits it, for as long as the task has this lease"),
    Column("lease_id", Name(32)),
    comment="when a profile was last visited for an analysis, so that others need not",
    **_INNODB,
)

followings = Table(
    "followings",
    metadata,
    Column("target_username", Name(30), primary_key=True),
    Column("username", Name(30), primary_key=True),
    Column("position", Integer, nullable=False, comment="place in the target's list, from 0"),
    Column("ig_id", Name(32)),
    Column("full_name", String(200)),
    Column("is_private", Boolean(create_constraint=False)),
    Column("is_verified", Boolean(create_constraint=False)),
    Column("seen_at", Time, nullable=False),
    Index("ix_followings_position", "target_username", "position"),
    **_INNODB,
)

profile_scores = Table(
    "profile_scores",
    metadata,
    Column("username", Name(30), primary_key=True),
    Column("model", Name(20), primary_key=True),
    Column("engagement", Double, comment="(likes + comments) / followers, per post"),
    Column("success", Double, comment="0 to 1"),
    Column("parts", JSON, nullable=False),
    Column("scored_at", Time, nullable=False),
    Column("confidence", Double, comment="0 to 1; null: none, or a model that says nothing of it"),
    Column("reason", Name(40), comment="why there is no score"),
    Index("ix_profile_scores_best", "model", "success"),
    **_INNODB,
)

# ---- the fleet -------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("username", Name(30), primary_key=True),
    Column("password", LargeBinary, nullable=False, comment="sealed with the secret key"),
    Column(
        "cookies",
        LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb"),
        comment="sealed likewise",
    ),
    Column("status", Name(12), nullable=False, comment="active, paused, needs_human, dead"),
    Column("status_reason", String(300)),
    Column("free_at", Time, nullable=False, comment="cooling down until then"),
    Column("cooldowns", SmallInteger, nullable=False, default=0, comment="in a row"),
    Column("failures", SmallInteger, nullable=False, default=0, comment="tasks in a row that failed"),
    Column("logins", Integer, nullable=False, default=0, comment="times the password was used"),
    Column("last_used_at", Time),
    Column("last_signal", Name(12)),
    Column("created_at", Time, nullable=False),
    Column("next_at", Time, comment="no action before: the gap after the last one"),
    Column("slowness", Double, nullable=False, server_default="1", comment="gaps are so many times as long"),
    Column("hours_from", SmallInteger, comment="works from this minute of its day; null: always"),
    Column("hours_to", SmallInteger, comment="until this minute; over midnight if it is the smaller"),
    Column("time_zone", Name(64), comment="of its hours: an IANA name, or an offset such as +02:00"),
    Column("totp_secret", LargeBinary, comment="sealed likewise; null: no second factor by app"),
    comment="bot accounts; one browser session each",
    **_INNODB,
)

account_actions = Table(
    "account_actions",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("username", Name(30), nullable=False),
    Column("action", Name(20), nullable=False),
    Column("amount", SmallInteger, nullable=False),
    Column("at", Time, nullable=False),
    Index("ix_account_actions_window", "username", "action", "at"),
    comment="what a bot account did lately: its sliding windows survive restarts and moves",
    **_INNODB,
)

leases = Table(
    "leases",
    metadata,
    Column("name", Name(60), primary_key=True),
    Column("holder", Name(100), nullable=False),
    Column("epoch", BigInteger, nullable=False, comment="grows with every change of holder"),
    Column("expires_at", Time, nullable=False),
    comment="who alone may act as the dispatcher or as an account",
    **_INNODB,
)

# ---- what is said of it all ------------------------------------------------------------------------------

metrics = Table(
    "metrics",
    metadata,
    Column("name", Name(40), primary_key=True),
    Column("labels", Name(250), primary_key=True, comment='as Prometheus writes them: kind="send_message"'),
    Column(
        "slot",
        SmallInteger,
        primary_key=True,
        autoincrement=False,
        comment="a sum of several rows, so that writers rarely wait for each other",
    ),
    Column("value", Double, nullable=False),
    Column("at", Time, comment="of a gauge: when it was so"),
    comment="counters, histograms by bucket, and gauges that processes tell",
    **_INNODB,
)

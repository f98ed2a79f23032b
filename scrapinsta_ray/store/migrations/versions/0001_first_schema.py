"""The first schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INNODB = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def name(length: int) -> TypeEngine[str]:
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "account_actions",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("username", name(30), nullable=False),
        sa.Column("action", name(20), nullable=False),
        sa.Column("amount", sa.SmallInteger(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_actions")),
        comment="what a bot account did lately: its sliding windows survive restarts and moves",
        **INNODB,
    )
    op.create_index(
        "ix_account_actions_window", "account_actions", ["username", "action", "at"], unique=False
    )
    op.create_table(
        "accounts",
        sa.Column("username", name(30), nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=False, comment="sealed with the secret key"),
        sa.Column(
            "cookies",
            sa.LargeBinary()
            .with_variant(mysql.MEDIUMBLOB(), "mariadb")
            .with_variant(mysql.MEDIUMBLOB(), "mysql"),
            nullable=True,
            comment="sealed likewise",
        ),
        sa.Column("status", name(12), nullable=False, comment="active, paused, needs_human, dead"),
        sa.Column("status_reason", sa.String(length=300), nullable=True),
        sa.Column("free_at", TIME, nullable=False, comment="cooling down until then"),
        sa.Column("cooldowns", sa.SmallInteger(), nullable=False, comment="in a row"),
        sa.Column("failures", sa.SmallInteger(), nullable=False, comment="tasks in a row that failed"),
        sa.Column("logins", sa.Integer(), nullable=False, comment="times the password was used"),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("last_signal", name(12), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_accounts")),
        comment="bot accounts; one browser session each",
        **INNODB,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", name(16), nullable=False, comment="the middle part of si_<id>_<secret>"),
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("secret_sha256", name(64), nullable=False),
        sa.Column("scopes", name(100), nullable=False, comment="words with blanks between"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        **INNODB,
    )
    op.create_index(op.f("ix_api_keys_client_id"), "api_keys", ["client_id"], unique=False)
    op.create_table(
        "clients",
        sa.Column("id", name(32), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("status", name(12), nullable=False, comment="active or suspended"),
        sa.Column("messages_per_hour", sa.SmallInteger(), nullable=False, comment="per sending account"),
        sa.Column("messages_per_day", sa.SmallInteger(), nullable=False, comment="per sending account"),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clients")),
        **INNODB,
    )
    op.create_table(
        "followings",
        sa.Column("target_username", name(30), nullable=False),
        sa.Column("username", name(30), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the target's list, from 0"),
        sa.Column("ig_id", name(32), nullable=True),
        sa.Column("full_name", sa.String(length=200), nullable=True),
        sa.Column("is_private", sa.Boolean(), nullable=True),
        sa.Column("is_verified", sa.Boolean(), nullable=True),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("target_username", "username", name=op.f("pk_followings")),
        **INNODB,
    )
    op.create_index("ix_followings_position", "followings", ["target_username", "position"], unique=False)
    op.create_table(
        "job_tasks",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("job_id", name(36), nullable=False),
        sa.Column("kind", name(20), nullable=False),
        sa.Column("username", name(30), nullable=False, comment="target, profile, or recipient"),
        sa.Column("account", name(30), nullable=False, comment="who must send it; empty: the fleet's work"),
        sa.Column("status", name(10), nullable=False, comment="queued, delayed, sent, ok, error, cancelled"),
        sa.Column("priority", sa.SmallInteger(), nullable=False, comment="1 first"),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), nullable=False),
        sa.Column("available_at", TIME, nullable=True, comment="delayed: becomes queued then"),
        sa.Column("lease_id", name(32), nullable=True, comment="never used again once given out"),
        sa.Column(
            "lease_holder", name(80), nullable=True, comment="bot account or client's account that has it"
        ),
        sa.Column("lease_expires_at", TIME, nullable=True, comment="sent: rescued then"),
        sa.Column("maybe_sent", sa.Boolean(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("reason_code", name(40), nullable=True, comment="why it ended so, or why it waits"),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_tasks")),
        sa.UniqueConstraint("job_id", "username", name=op.f("uq_job_tasks_job_id_username")),
        **INNODB,
    )
    op.create_index("ix_job_tasks_due", "job_tasks", ["status", "available_at"], unique=False)
    op.create_index("ix_job_tasks_expiry", "job_tasks", ["status", "lease_expires_at"], unique=False)
    op.create_index("ix_job_tasks_job", "job_tasks", ["job_id", "status"], unique=False)
    op.create_index(
        "ix_job_tasks_lease",
        "job_tasks",
        ["kind", "status", "client_id", "account", "priority", "id"],
        unique=False,
    )
    op.create_index("ix_job_tasks_person", "job_tasks", ["client_id", "username"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", name(36), nullable=False, comment="job:<UUIDv7 in hex>: in the order of birth"),
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("kind", name(20), nullable=False),
        sa.Column(
            "status", name(10), nullable=False, comment="pending, running, done, error, cancelled, paused"
        ),
        sa.Column("account", name(30), nullable=False, comment="the client's sending account, if it sends"),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("max_attempts", sa.SmallInteger(), nullable=False, comment="of each of its tasks"),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("total_items", sa.Integer(), nullable=False),
        sa.Column(
            "skipped",
            sa.JSON(),
            nullable=True,
            comment="who was left out when tasks were made, counted by reason",
        ),
        sa.Column("campaign_id", name(36), nullable=True, comment="the campaign whose stage this job is"),
        sa.Column("stage", sa.SmallInteger(), nullable=False, comment="1, 2, 3 within the campaign"),
        sa.Column("reason_code", name(40), nullable=True, comment="why it ended so, or why it waits"),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("idempotency_key", name(100), nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("client_id", "idempotency_key", name=op.f("uq_jobs_client_id_idempotency_key")),
        **INNODB,
    )
    op.create_index("ix_jobs_campaign", "jobs", ["campaign_id", "stage"], unique=False)
    op.create_index("ix_jobs_newest", "jobs", ["client_id", "id"], unique=False)
    op.create_index("ix_jobs_status", "jobs", ["status", "id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", name(60), nullable=False),
        sa.Column("holder", name(100), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="grows with every change of holder"),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        comment="who alone may act as the dispatcher or as an account",
        **INNODB,
    )
    op.create_table(
        "media",
        sa.Column("username", name(30), nullable=False),
        sa.Column("code", name(32), nullable=False),
        sa.Column("ig_id", name(32), nullable=False),
        sa.Column("taken_at", TIME, nullable=True),
        sa.Column("kind", name(10), nullable=False),
        sa.Column(
            "likes", sa.BigInteger(), nullable=True, comment="null: hidden or not told; never 0 for unknown"
        ),
        sa.Column("comments", sa.BigInteger(), nullable=True),
        sa.Column("views", sa.BigInteger(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", "code", name=op.f("pk_media")),
        **INNODB,
    )
    op.create_table(
        "messages_sent",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("dest_username", name(30), nullable=False),
        sa.Column("account", name(30), nullable=False),
        sa.Column("job_id", name(36), nullable=False),
        sa.Column(
            "code", name(20), nullable=False, comment="sent, or already_messaged when seen in the thread"
        ),
        sa.Column("sent_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages_sent")),
        sa.UniqueConstraint(
            "client_id", "dest_username", name=op.f("uq_messages_sent_client_id_dest_username")
        ),
        comment="the ledger: who was written to, once per client and person",
        **INNODB,
    )
    op.create_index(
        "ix_messages_sent_window", "messages_sent", ["client_id", "account", "sent_at"], unique=False
    )
    op.create_table(
        "profile_scores",
        sa.Column("username", name(30), nullable=False),
        sa.Column("model", name(20), nullable=False),
        sa.Column(
            "engagement", sa.Double(), nullable=True, comment="(likes + comments) / followers, per post"
        ),
        sa.Column("success", sa.Double(), nullable=True, comment="0 to 1"),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("scored_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", "model", name=op.f("pk_profile_scores")),
        **INNODB,
    )
    op.create_index("ix_profile_scores_best", "profile_scores", ["model", "success"], unique=False)
    op.create_table(
        "profiles",
        sa.Column("username", name(30), nullable=False),
        sa.Column("ig_id", name(32), nullable=True),
        sa.Column("full_name", sa.String(length=200), nullable=True),
        sa.Column("biography", sa.Text(), nullable=True),
        sa.Column("external_url", sa.String(length=500), nullable=True),
        sa.Column("category", sa.String(length=100), nullable=True),
        sa.Column("followers", sa.BigInteger(), nullable=True),
        sa.Column("followings", sa.BigInteger(), nullable=True),
        sa.Column("posts", sa.BigInteger(), nullable=True),
        sa.Column("is_verified", sa.Boolean(), nullable=True),
        sa.Column("is_business", sa.Boolean(), nullable=True),
        sa.Column("source", sa.JSON(), nullable=False, comment="where each field was read"),
        sa.Column("missing", sa.JSON(), nullable=False, comment="why a field is null"),
        sa.Column("analyzed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_profiles")),
        **INNODB,
    )
    op.create_table(
        "sending_accounts",
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("account", name(30), nullable=False),
        sa.Column("paused_until", TIME, nullable=True, comment="set when the site limits this account"),
        sa.PrimaryKeyConstraint("client_id", "account", name=op.f("pk_sending_accounts")),
        comment="a client's own account, once the site has limited it",
        **INNODB,
    )
    op.create_table(
        "suppressions",
        sa.Column("client_id", name(32), nullable=False, comment="empty: nobody may write to this person"),
        sa.Column("username", name(30), nullable=False),
        sa.Column("reason", name(40), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("client_id", "username", name=op.f("pk_suppressions")),
        **INNODB,
    )

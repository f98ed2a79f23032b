"""Tokens, limits, templates, audit: what the HTTP side needs on the open internet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INNODB = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def name(length: int) -> TypeEngine[str]:
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql", "mariadb")


def upgrade() -> None:
    for column, default, comment in (
        ("pulls_per_minute", "60", None),
        ("results_per_minute", "6000", None),
        ("enqueues_per_minute", "30", None),
        ("unfinished_tasks", "200000", "at most so many"),
    ):
        op.add_column(
            "clients",
            sa.Column(column, sa.Integer(), server_default=default, nullable=False, comment=comment),
        )
    op.add_column("api_keys", sa.Column("last_used_at", TIME, nullable=True, comment="to the minute"))
    op.add_column(
        "job_tasks",
        sa.Column(
            "template_id",
            name(36),
            nullable=True,
            comment="whose text it carries: once per client, template and person",
        ),
    )
    with op.batch_alter_table("suppressions") as suppressions:
        suppressions.alter_column(
            "username",
            existing_type=name(30),
            existing_nullable=False,
            comment="or # and a salted hash: forgotten, never collected",
        )
    op.create_table(
        "signing_keys",
        sa.Column("kid", name(16), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="sealed with the secret key"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("retired_at", TIME, nullable=True, comment="signs nothing new from then on"),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signing_keys")),
        comment="what tokens are signed with; the newest signs, all verify",
        **INNODB,
    )
    op.create_table(
        "revocations",
        sa.Column("client_id", name(32), nullable=False),
        sa.Column(
            "subject", name(36), nullable=False, comment="a token's jti, or a job: all its tokens until now"
        ),
        sa.Column("at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, comment="no token that it concerns lives longer"),
        sa.PrimaryKeyConstraint("client_id", "subject", name=op.f("pk_revocations")),
        **INNODB,
    )
    op.create_index("ix_revocations_expiry", "revocations", ["expires_at"])
    op.create_table(
        "meters",
        sa.Column(
            "subject", name(64), nullable=False, comment="a client; key:<id> or addr:<address> for log-ins"
        ),
        sa.Column("name", name(20), nullable=False, comment="pulls, results, enqueues, failed_logins"),
        sa.Column(
            "full_at", sa.BigInteger(), nullable=False, comment="GCRA's theoretical arrival time, microseconds"
        ),
        sa.PrimaryKeyConstraint("subject", "name", name=op.f("pk_meters")),
        comment="how much of each limit is used up",
        **INNODB,
    )
    op.create_index("ix_meters_full", "meters", ["full_at"])
    op.create_table(
        "audit_log",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column(
            "actor", name(64), nullable=False, comment="cli:<user>, key:<id>, token:<jti> or dispatcher"
        ),
        sa.Column("client_id", name(32), nullable=False, comment="whose things changed; empty: everybody's"),
        sa.Column("action", name(40), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False, comment="key, job, template, person, account"),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        comment="who did what when; only ever added to",
        **INNODB,
    )
    op.create_index("ix_audit_log_client", "audit_log", ["client_id", "id"])
    op.create_table(
        "templates",
        sa.Column("id", name(36), nullable=False, comment="tpl:<UUIDv7 in hex>"),
        sa.Column(
            "version", sa.Integer(), autoincrement=False, nullable=False, comment="from 1; the newest is used"
        ),
        sa.Column("client_id", name(32), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="with the fields of domain/messages.py"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("retired_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", "version", name=op.f("pk_templates")),
        **INNODB,
    )
    op.create_index("ix_templates_client", "templates", ["client_id", "id"])
    op.create_table(
        "salts",
        sa.Column("name", name(20), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_salts")),
        comment="random, made once: what the hashes of forgotten people are salted with",
        **INNODB,
    )

"""Gaps, working hours and second factors of bot accounts; visits that others may use."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
INNODB = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def name(length: int) -> TypeEngine[str]:
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql", "mariadb")


def upgrade() -> None:
    for column in (
        sa.Column("next_at", TIME, comment="no action before: the gap after the last one"),
        sa.Column(
            "slowness", sa.Double(), server_default="1", nullable=False, comment="gaps are so many times as long"
        ),
        sa.Column("hours_from", sa.SmallInteger(), comment="works from this minute of its day; null: always"),
        sa.Column(
            "hours_to", sa.SmallInteger(), comment="until this minute; over midnight if it is the smaller"
        ),
        sa.Column(
            "time_zone", name(64), comment="of its hours: an IANA name, or an offset such as +02:00"
        ),
        sa.Column("totp_secret", sa.LargeBinary(), comment="sealed likewise; null: no second factor by app"),
    ):
        op.add_column("accounts", column)
    op.create_table(
        "visits",
        sa.Column("username", name(30), nullable=False),
        sa.Column("visited_at", TIME, comment="null: never with an outcome"),
        sa.Column("status", name(10), comment="ok or error: how a task ends that reuses the visit"),
        sa.Column("reason_code", name(40), comment="private, not_found; null: the profile is stored"),
        sa.Column("reason", sa.String(500)),
        sa.Column("result", sa.JSON(), comment="of such a task"),
        sa.Column("task_id", sa.BigInteger(), comment="who visits it, for as long as the task has this lease"),
        sa.Column("lease_id", name(32)),
        sa.PrimaryKeyConstraint("username", name=op.f("pk_visits")),
        comment="when a profile was last visited for an analysis, so that others need not",
        **INNODB,
    )
    # a window's entry says what was done, not for which kind of task: a list takes reads and pages
    for kind, action in (("analyze_profile", "profile_read"), ("fetch_followings", "following_page")):
        op.execute(
            sa.text("UPDATE account_actions SET action = :action WHERE action = :kind").bindparams(
                kind=kind, action=action
            )
        )

"""Metrics that outlive processes; a job knows the request that made it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
INNODB = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def name(length: int) -> TypeEngine[str]:
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql", "mariadb")


def upgrade() -> None:
    op.add_column("jobs", sa.Column("request_id", name(100), comment="of the request that made it"))
    op.create_table(
        "metrics",
        sa.Column("name", name(40), nullable=False),
        sa.Column(
            "labels", name(250), nullable=False, comment='as Prometheus writes them: kind="send_message"'
        ),
        sa.Column(
            "slot",
            sa.SmallInteger(),
            autoincrement=False,
            nullable=False,
            comment="a sum of several rows, so that writers rarely wait for each other",
        ),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("at", TIME, comment="of a gauge: when it was so"),
        sa.PrimaryKeyConstraint("name", "labels", "slot", name=op.f("pk_metrics")),
        comment="counters, histograms by bucket, and gauges that processes tell",
        **INNODB,
    )

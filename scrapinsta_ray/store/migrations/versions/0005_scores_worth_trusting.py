"""How sure a score is, or why there is none; the field of a profile."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def name(length: int) -> TypeEngine[str]:
    ascii_bin = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(ascii_bin, "mysql", "mariadb")


def upgrade() -> None:
    op.add_column(
        "profile_scores",
        sa.Column(
            "confidence", sa.Double(), comment="0 to 1; null: none, or a model that says nothing of it"
        ),
    )
    op.add_column("profile_scores", sa.Column("reason", name(40), comment="why there is no score"))
    op.add_column(
        "profiles",
        sa.Column("rubro", name(40), comment="its field, by keywords of category and biography"),
    )
    op.add_column("profiles", sa.Column("rubro_evidence", sa.JSON(), comment="the words that speak for it"))

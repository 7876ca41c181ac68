"""Sums of the roll-ups by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "days",
        sa.Column("series", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("day", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("conclusive", sa.BigInteger, nullable=False),
        sa.Column("rechecks", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", "day", name="pk_days"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO days (series, day, conclusive, rechecks) "
        "SELECT series, hour - hour % 86400, sum(up + degraded + down), sum(rechecks) "
        "FROM rollups WHERE hour > 0 GROUP BY series, hour - hour % 86400"
    )

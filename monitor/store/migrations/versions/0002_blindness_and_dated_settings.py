"""Where locations were blind, and since when which settings judge a check."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("valid_from", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("interval", sa.Double, nullable=False),
        sa.Column("timeout", sa.Double, nullable=False),
        sa.Column("confirm_down", sa.Integer, nullable=False),
        sa.Column("confirm_up", sa.Integer, nullable=False),
        sa.Column("spacing", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("system", "check", "valid_from", name="pk_settings"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "blind",
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.PrimaryKeyConstraint("location", "start", name="pk_blind"),
        sqlite_with_rowid=False,
    )

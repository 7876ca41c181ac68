"""On which day outcomes were received, and the two parts of a seal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outcomes", sa.Column("received", sa.SmallInteger))
    op.create_table(
        "received_days",
        sa.Column("day", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("first_due", sa.BigInteger, nullable=False),
        sa.Column("last_due", sa.BigInteger, nullable=False),
        sa.Column("outcomes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_received_days"),
        sqlite_with_rowid=False,
    )
    op.drop_table("seals")  # nothing has been sealed before this revision
    op.create_table(
        "seals",
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("outcomes", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("outcomes_digest", sa.Text, nullable=False),
        sa.Column("evidence_digest", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_seals"),
    )

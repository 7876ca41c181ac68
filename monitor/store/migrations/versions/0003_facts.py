"""Gauges, maintenance, incidents, closed periods, evidence, seals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gauges",
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("series", "name", name="pk_gauges"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "maintenance",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("systems", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("notice_at", sa.BigInteger, nullable=False),
        sa.Column("notice_url", sa.Text),
        sa.Column("series", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("cancelled_at", sa.BigInteger),
        sa.Column("cancelled_by", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_maintenance"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("location", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger),
        sa.Column("down_seconds", sa.BigInteger, nullable=False),
        sa.Column("root", sa.Text),
        sa.Column("party", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("detected_at", sa.BigInteger, nullable=False),
        sa.Column("merged_into", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
    )
    op.create_index("ix_incidents", "incidents", ["system", "start"])
    op.create_table(
        "incident_facts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("incident", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("effective_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("text", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_incident_facts"),
    )
    op.create_index("ix_incident_facts", "incident_facts", ["incident"])
    op.create_table(
        "periods",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("start", sa.BigInteger, nullable=False),
        sa.Column("end", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger, nullable=False),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("reopened_at", sa.BigInteger),
        sa.Column("reopened_by", sa.Text),
        sa.Column("reopened_why", sa.Text),
        sa.PrimaryKeyConstraint("kind", "name", "version", name="pk_periods"),
    )
    op.create_table(
        "evidence",
        sa.Column("due_at", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("try", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("due_at", "series", "try", "step", name="pk_evidence"),
    )
    op.create_table(
        "seals",
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("outcomes", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.BigInteger, nullable=False),
        sa.Column("previous", sa.Text),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_seals"),
    )

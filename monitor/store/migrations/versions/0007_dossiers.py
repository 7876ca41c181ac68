"""Dossiers, their units and groups, forms, points of index 766, how far a collection has come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended IS NULL")


def upgrade() -> None:
    op.create_table(
        "dossier_groups",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("procedure", sa.Text, nullable=False),
        sa.Column("sector", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dossier_groups"),
        sa.UniqueConstraint("unit", "procedure", "sector", name="uq_dossier_groups_unit"),
    )
    op.create_table(
        "dossiers",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("group", sa.Integer, nullable=False),
        sa.Column("channel", sa.SmallInteger, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("applied", sa.BigInteger),
        sa.Column("accepted", sa.BigInteger),
        sa.Column("due", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("updated", sa.BigInteger, nullable=False),
        sa.Column("deadline", sa.BigInteger),
        sa.Column("timeliness", sa.SmallInteger),
        sa.PrimaryKeyConstraint("code", name="pk_dossiers"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dossiers_applied", "dossiers", ["applied"])
    op.create_index("ix_dossiers_accepted", "dossiers", ["accepted"])
    op.create_index("ix_dossiers_ended", "dossiers", ["ended"])
    op.create_index("ix_dossiers_open", "dossiers", ["deadline"], sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_table(
        "dossier_supplements",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("requested", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("answered", sa.BigInteger),
        sa.PrimaryKeyConstraint("code", "requested", name="pk_dossier_supplements"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dossier_supplements", "dossier_supplements", ["requested"])
    op.create_table(
        "dossier_names",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "code", name="pk_dossier_names"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "units",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("parent", sa.Text),
        sa.Column("level", sa.Text),
        sa.Column("valid_to", sa.Text),
        sa.Column("successor", sa.Text),
        sa.Column("imported", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("code", "valid_from", name="pk_units"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dossier_collections",
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("watermark", sa.BigInteger),
        sa.Column("since", sa.BigInteger),
        sa.Column("next_watermark", sa.BigInteger),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("until", sa.BigInteger),
        sa.Column("listed", sa.BigInteger),
        sa.Column("next_since", sa.BigInteger),
        sa.PrimaryKeyConstraint("system", name="pk_dossier_collections"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dossier_forms",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("end", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("violations", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dossier_forms"),
        sa.UniqueConstraint("start", "end", "source", "version", name="uq_dossier_forms_start"),
    )
    op.create_table(
        "official_scores",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("start", sa.Text, nullable=False),
        sa.Column("end", sa.Text, nullable=False),
        sa.Column("unit", sa.Text, nullable=False),
        sa.Column("component", sa.Text, nullable=False),
        sa.Column("points", sa.Text),
        sa.Column("numerator", sa.Text),
        sa.Column("denominator", sa.Text),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_official_scores"),
    )
    op.create_index("ix_official_scores", "official_scores", ["start", "end"])
    op.create_table(
        "dossier_answers",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("found", sa.SmallInteger),
        sa.PrimaryKeyConstraint("code", name="pk_dossier_answers"),
        sqlite_with_rowid=False,
    )

"""An index of the imported outcomes alone: whether a period holds any must not cost a look at all its rows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IMPORTED = sa.text("(code & 1) = 1")  # codec.outcome_code: the lowest bit is the origin


def upgrade() -> None:
    op.create_index("ix_outcomes_imported", "outcomes", ["due_at"], sqlite_where=_IMPORTED, postgresql_where=_IMPORTED)

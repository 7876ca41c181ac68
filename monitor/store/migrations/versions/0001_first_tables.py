"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROLLUP_COUNTS = (
    *("up", "degraded", "down", "inconclusive", "rechecks", "failed_rechecks", "micros"),
    *("dns", "connect", "tls", "wait", "transfer"),
    *("le_50ms", "le_100ms", "le_250ms", "le_500ms", "le_1000ms", "le_2500ms", "le_5000ms", "le_10000ms", "le_inf"),
)


def upgrade() -> None:
    _create(
        "series",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("check", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.UniqueConstraint("system", "check", "location", name="uq_series_system"),
        key=("id",),
        with_rowid=True,
    )
    _create(
        "step_names",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.UniqueConstraint("name", name="uq_step_names_name"),
        key=("id",),
        with_rowid=True,
    )
    _create(
        "outcomes",
        sa.Column("due_at", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("try", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("micros", sa.Integer, nullable=False),
        sa.Column("code", sa.SmallInteger, nullable=False),
        sa.Column("steps", sa.LargeBinary, nullable=False),
        key=("due_at", "series", "try"),
    )
    _create(
        "boundaries",
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("step", sa.Text),
        key=("series", "at"),
    )
    _create(
        "lines",
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("step", sa.Text),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("open", sa.Text),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("try", sa.SmallInteger, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("last_reason", sa.Text),
        sa.Column("last_step", sa.Text),
        sa.Column("micros", sa.Integer, nullable=False),
        key=("series",),
    )
    _create(
        "rollups",
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ROLLUP_COUNTS),
        key=("series", "hour"),
    )
    _create(
        "reasons",
        sa.Column("series", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("tries", sa.BigInteger, nullable=False),
        key=("series", "hour", "reason", "step"),
    )
    counters = _create(
        "counters",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        key=("name",),
    )
    ticks = _create(
        "ticks",
        sa.Column("id", sa.SmallInteger, autoincrement=False, nullable=False),
        sa.Column("second", sa.BigInteger, nullable=False),
        key=("id",),
        with_rowid=True,
    )
    _create(
        "meta",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        key=("name",),
        with_rowid=True,
    )
    op.bulk_insert(counters, [{"name": "transactions", "value": 0}])
    op.bulk_insert(ticks, [{"id": 1, "second": 0}])


def _create(name: str, *parts: sa.schema.SchemaItem, key: tuple[str, ...], with_rowid: bool = False) -> sa.Table:
    primary = sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")
    return op.create_table(name, *parts, primary, sqlite_with_rowid=with_rowid)

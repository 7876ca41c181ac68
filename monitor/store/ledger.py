"""What is made from outcomes, on its way into tables: lines, boundaries, roll-ups, reasons.

The recorder keeps it up to date with each batch, a rebuild makes it from the beginning; both through this one class, so
that they cannot differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert
from sqlalchemy.dialects import postgresql, sqlite

from monitor.judge import Boundary, Line, Revision, Try, splice, step
from monitor.model import Settings, Verdict
from monitor.store import schema
from monitor.store.codec import line_row
from monitor.store.database import Database

_LIMITS = [round(limit * 1_000_000) for limit in schema.LATENCY_BUCKETS]
_VERDICTS = (Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.INCONCLUSIVE)
_NO_COUNTS = [0] * len(schema.ROLLUP_COUNTS)
_RECHECKS, _FAILED_RECHECKS, _MICROS, _PHASES, _BUCKETS = (
    schema.ROLLUP_COUNTS.index(name) for name in ("rechecks", "failed_rechecks", "micros", "dns", "le_50ms")
)


class Ledger:
    """Changes wait in memory until `write` puts them into the tables, which are the store's or a rebuild's own."""

    def __init__(self, database: Database, tables: Sequence[Table] = schema.DERIVED) -> None:
        lines, boundaries, rollups, reasons = tables
        self._put_line = database.many(upsert(database, lines, add=False))
        self._add_rollup = database.many(upsert(database, rollups, add=True))
        self._add_reason = database.many(upsert(database, reasons, add=True))
        self._insert_boundary = database.many(insert(boundaries))
        self._delete_boundaries = database.many(
            boundaries.delete().where(
                boundaries.c.series == bindparam("series_"),
                boundaries.c.at >= bindparam("start"),
                boundaries.c.at < bindparam("end_"),
            )
        )
        self.lines: dict[int, Line] = {}
        self._changed: set[int] = set()
        self._boundaries: dict[int, list[Boundary]] = {}
        self._cuts: dict[int, int] = {}
        self._counts: dict[tuple[int, int], list[int]] = {}
        self._reasons: Counter[tuple[int, int, str, str]] = Counter()

    def judge(self, series: int, try_: Try, settings: Settings) -> tuple[Boundary, ...]:
        """Take a line over its next try; returns what `judge.step` does."""
        line, changes = step(self.lines.get(series) or Line(), try_, settings)
        self.lines[series] = line
        self._changed.add(series)
        if changes:
            at = changes[0].at
            self._cuts[series] = min(at, self._cuts.get(series, at))
            splice(self._boundaries.setdefault(series, []), changes)
        return changes

    def revise(self, connection: Connection, series: int, revision: Revision) -> None:
        """Take a line over late tries, at once; of this series nothing may be waiting."""
        self.lines[series] = revision.line
        self._changed.add(series)
        span = (series, revision.start, _FOREVER if revision.end is None else revision.end)
        _many(connection, self._delete_boundaries, [span])
        _many(connection, self._insert_boundary, [(series, *b) for b in revision.boundaries])

    def count(self, series: int, try_: Try, phases: Sequence[int]) -> None:
        """Add a try to the roll-up of its hour (figures, section 7): first tries, and rechecks beside.

        A try asked out of turn (0) is neither. `phases` are its sums in units of 0.1 ms.
        """
        if try_.try_ < 1:
            return
        hour = try_.started_at // 3_600_000 * 3600
        counts = self._counts.get((series, hour))
        if counts is None:
            counts = self._counts[series, hour] = _NO_COUNTS.copy()
        verdict = try_.verdict
        if try_.try_ > 1:
            counts[_RECHECKS] += 1
            counts[_FAILED_RECHECKS] += verdict is Verdict.DOWN
            return
        counts[_VERDICTS.index(verdict)] += 1
        if try_.reason is not None:
            self._reasons[series, hour, try_.reason, try_.step or ""] += 1
        if verdict is not Verdict.INCONCLUSIVE:
            counts[_MICROS] += try_.micros
            for number, units in enumerate(phases, _PHASES):
                counts[number] += units
            counts[_BUCKETS + bisect_left(_LIMITS, try_.micros)] += 1

    def write(self, connection: Connection) -> None:
        """Put all that waits into the tables, in the caller's transaction."""
        _many(connection, self._delete_boundaries, [(s, cut, _FOREVER) for s, cut in self._cuts.items()])
        _many(connection, self._insert_boundary, [(s, *b) for s, kept in self._boundaries.items() for b in kept])
        _many(connection, self._put_line, [line_row(s, self.lines[s]) for s in self._changed])
        _many(
            connection,
            self._add_rollup,
            [(s, hour, *counts) for (s, at), counts in self._counts.items() for hour in (at, schema.ALWAYS)],
        )
        _many(
            connection,
            self._add_reason,
            [(s, hour, *why, n) for (s, at, *why), n in self._reasons.items() for hour in (at, schema.ALWAYS)],
        )
        for waiting in (self._changed, self._boundaries, self._cuts, self._counts, self._reasons):
            waiting.clear()


_FOREVER = 1 << 62


def _many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)


def upsert(database: Database, table: Table, *, add: bool) -> Any:
    """Insert a row; where its key is known, add to what is there, or put itself in its place."""
    dialect = sqlite if database.is_sqlite else postgresql
    row = dialect.insert(table)
    values: Iterable[str] = (c.name for c in table.columns if not c.primary_key)
    return row.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: table.c[name] + row.excluded[name] if add else row.excluded[name] for name in values},
    )

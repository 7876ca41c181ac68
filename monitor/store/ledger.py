"""What is made from outcomes, on its way into tables: lines, boundaries, roll-ups, reasons, blindness.

The recorder keeps it up to date with each batch, a rebuild makes it from the beginning; both through this one class, so
that they cannot differ.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import Column, Connection, Table, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from monitor.judge import Blind, Boundary, Line, Revision, Try, cut, splice, step
from monitor.model import Settings, Verdict
from monitor.store import schema
from monitor.store.codec import boundary_of, line_row
from monitor.store.database import Database

_LIMITS = [round(limit * 1_000_000) for limit in schema.LATENCY_BUCKETS]
_VERDICTS = (Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.INCONCLUSIVE)
_CONCLUSIVE = _VERDICTS.index(Verdict.INCONCLUSIVE)  # so many verdicts are
_NO_COUNTS = [0] * len(schema.ROLLUP_COUNTS)
_RECHECKS, _FAILED_RECHECKS, _MICROS, _PHASES, _BUCKETS = (
    schema.ROLLUP_COUNTS.index(name) for name in ("rechecks", "failed_rechecks", "micros", "dns", "le_50ms")
)


class Ledger:
    """Changes wait in memory until `write` puts them into the tables, which are the store's or a rebuild's own."""

    def __init__(self, database: Database, tables: Sequence[Table] = schema.DERIVED) -> None:
        lines, boundaries, rollups, days, reasons, blind = tables
        self._boundaries_table = boundaries
        self._put_line = database.many(upsert(database, lines, add=False))
        self._add_rollup = database.many(upsert(database, rollups, add=True))
        self._add_day = database.many(upsert(database, days, add=True))
        self._add_reason = database.many(upsert(database, reasons, add=True))
        self._insert_boundary = database.many(insert(boundaries))
        self._delete_boundaries = database.many(
            boundaries.delete().where(
                boundaries.c.series == bindparam("series_"),
                boundaries.c.at >= bindparam("start"),
                boundaries.c.at < bindparam("end_"),
            )
        )
        self._delete_reason = database.many(
            reasons.delete().where(
                *(reasons.c[name] == bindparam(f"{name}_") for name in ("series", "hour", "reason", "step")),
                reasons.c.tries == bindparam("none"),
            )
        )
        self._insert_blind = database.many(insert(blind))
        self._delete_blind = database.many(
            blind.delete().where(blind.c.location == bindparam("location_"), blind.c.start == bindparam("start_"))
        )
        self.lines: dict[int, Line] = {}
        self.touched: dict[int, int] = {}  # lines whose boundaries have changed, with the first second of it
        self.blinded: set[str] = set()  # locations whose blindness has changed
        self._changed: set[int] = set()
        self._boundaries: dict[int, list[Boundary]] = {}
        self._replaced: dict[int, int] = {}  # all boundaries in the table from this second on
        self._counts: dict[_Hour, list[int]] = {}
        self._reasons: Counter[_Why] = Counter()
        self._corrections: dict[_Hour, list[int]] = {}
        self._reason_corrections: Counter[_Why] = Counter()

    # --- lines -------------------------------------------------------------------------------------------------------

    def judge(self, series: int, try_: Try, settings: Settings) -> tuple[Boundary, ...]:
        """Take a line over its next try, as it counts; returns what `judge.step` does."""
        line, changes = step(self.lines.get(series) or Line(), try_, settings)
        self.lines[series] = line
        self._changed.add(series)
        if changes:
            self._replace(series, changes)
        return changes

    def cut(self, series: int, blind: Sequence[Blind], until: int) -> list[Boundary]:
        """Cut a line where its location became blind, after the line's last try and up to an instant (ms).

        To do so again changes nothing. Returns the boundaries that `judge.cut` does.
        """
        made: list[Boundary] = []
        line = self.lines.get(series)
        if line is None or line.last is None:
            return made
        first = bisect_right(blind, line.last.started_at, key=_start_ms)
        for piece in blind[first : bisect_right(blind, until, key=_start_ms)]:
            line, changes = cut(line, piece.start)
            made += changes
        if line is not self.lines[series]:
            self.lines[series] = line
            self._changed.add(series)
        if made:
            self._replace(series, made)
        return made

    def boundaries(self, connection: Connection, series: int, second: int) -> list[Boundary]:
        """Those of a line from the last one at or before a second on."""
        table = self._boundaries_table.c
        last = select(func.max(table.at)).where(table.series == series, table.at <= second).scalar_subquery()
        chosen = select(table.at, table.state, table.reason, table.step)
        chosen = chosen.where(table.series == series, table.at >= func.coalesce(last, second)).order_by(table.at)
        found = [boundary_of(row) for row in connection.execute(chosen)]
        if series in self._replaced:
            found = [b for b in found if b.at < self._replaced[series]] + self._boundaries.get(series, [])
        return found[max(bisect_right(found, second, key=attrgetter("at")) - 1, 0) :]

    def _replace(self, series: int, changes: Sequence[Boundary]) -> None:
        at = changes[0].at
        self._replaced[series] = min(at, self._replaced.get(series, at))
        self._touch(series, at)
        splice(self._boundaries.setdefault(series, []), changes)

    def _touch(self, series: int, second: int) -> None:
        self.touched[series] = min(second, self.touched.get(series, second))

    # --- counts ------------------------------------------------------------------------------------------------------

    def count(self, series: int, try_: Try, phases: Sequence[int]) -> None:
        """Add a try, as it came, to the roll-up of its hour (figures, section 7): first tries, and rechecks beside.

        A try asked out of turn (0) is neither. `phases` are its sums in units of 0.1 ms.
        """
        if try_.try_ < 1:
            return
        hour = try_.started_at // 3_600_000 * 3600
        counts = self._counts.get((series, hour))
        if counts is None:
            counts = self._counts[series, hour] = _NO_COUNTS.copy()
        _tally(counts, try_, phases, 1)
        if try_.reason is not None and try_.try_ == 1:
            self._reasons[series, hour, try_.reason, try_.step or ""] += 1

    def correct(self, series: int, was: Try, now: Try, phases: Sequence[int]) -> None:
        """Let a try that was counted count for something else in its hour; since the beginning it stays what it was."""
        if was == now or was.try_ < 1:
            return
        hour = was.started_at // 3_600_000 * 3600
        counts = self._corrections.setdefault((series, hour), _NO_COUNTS.copy())
        for try_, sign in ((was, -1), (now, 1)):
            _tally(counts, try_, phases, sign)
            if try_.reason is not None and try_.try_ == 1:
                self._reason_corrections[series, hour, try_.reason, try_.step or ""] += sign

    # --- tables ------------------------------------------------------------------------------------------------------

    def revise(self, connection: Connection, series: int, revision: Revision) -> None:
        """Replace what a line was in the past, at once; of this series nothing may be waiting."""
        self.lines[series] = revision.line
        self._changed.add(series)
        self._touch(series, revision.start)
        span = (series, revision.start, _FOREVER if revision.end is None else revision.end)
        _many(connection, self._delete_boundaries, [span])
        _many(connection, self._insert_boundary, [(series, *b) for b in revision.boundaries])

    def see(self, connection: Connection, location: str, old: Sequence[Blind], new: Sequence[Blind]) -> None:
        """Replace where a location was blind, at once."""
        gone, come = {*old} - {*new}, {*new} - {*old}
        if gone or come:
            self.blinded.add(location)
        _many(connection, self._delete_blind, [(location, blind.start) for blind in gone])
        _many(connection, self._insert_blind, [(location, *blind) for blind in sorted(come, key=_start_ms)])

    def write(self, connection: Connection) -> None:
        """Put all that waits into the tables, in the caller's transaction."""
        _many(connection, self._delete_boundaries, [(s, at, _FOREVER) for s, at in self._replaced.items()])
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
        _many(connection, self._add_rollup, [(*where, *counts) for where, counts in self._corrections.items()])
        _many(connection, self._add_day, [_day(*where, counts) for where, counts in self._hours()])
        _many(connection, self._add_reason, [(*why, n) for why, n in self._reason_corrections.items() if n])
        # A reason that nothing has any more has no row, as if it had never had one.
        _many(connection, self._delete_reason, [(*why, 0) for why, n in self._reason_corrections.items() if n < 0])
        for waiting in (
            *(self._changed, self._boundaries, self._replaced, self._counts, self._reasons),
            *(self._corrections, self._reason_corrections),
        ):
            waiting.clear()

    def _hours(self) -> Iterator[tuple[_Hour, list[int]]]:
        """What is added to each hour, tries and corrections."""
        yield from self._counts.items()
        yield from self._corrections.items()


_Hour: TypeAlias = tuple[int, int]  # series, hour
_Why: TypeAlias = tuple[int, int, str, str]  # series, hour, reason, step
_FOREVER = 1 << 62
_DAY = 86_400


def _tally(counts: list[int], try_: Try, phases: Sequence[int], sign: int) -> None:
    """Add a try to the counts of a roll-up, or take it back."""
    verdict = try_.verdict
    if try_.try_ > 1:
        counts[_RECHECKS] += sign
        if verdict is Verdict.DOWN:
            counts[_FAILED_RECHECKS] += sign
        return
    counts[_VERDICTS.index(verdict)] += sign
    if verdict is not Verdict.INCONCLUSIVE:
        counts[_MICROS] += sign * try_.micros
        for number, units in enumerate(phases, _PHASES):
            counts[number] += sign * units
        counts[_BUCKETS + bisect_left(_LIMITS, try_.micros)] += sign


def _day(series: int, hour: int, counts: Sequence[int]) -> tuple[int, int, int, int]:
    """What an hour adds to its day, as a row of `days`."""
    return series, hour // _DAY * _DAY, sum(counts[:_CONCLUSIVE]), counts[_RECHECKS]


def _start_ms(blind: Blind) -> int:
    return blind.start * 1000


def _many(connection: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        connection.exec_driver_sql(statement, rows)


def upsert(database: Database, table: Table, *, add: bool = False, newer: Column[Any] | None = None) -> Any:
    """Insert a row; where its key is known, add to what is there, or put itself in its place.

    In its place only with a greater value of `newer`, a column of the table, if that is given.
    """
    dialect = sqlite if database.is_sqlite else postgresql
    row = dialect.insert(table)
    values: Iterable[str] = (c.name for c in table.columns if not c.primary_key)
    return row.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: table.c[name] + row.excluded[name] if add else row.excluded[name] for name in values},
        where=None if newer is None else row.excluded[newer.key] > newer,
    )

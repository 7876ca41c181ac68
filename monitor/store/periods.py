"""The book of closed periods, and what only the figures of a period ask of the outcomes.

A closed period keeps what it was closed with. It may be reopened, which changes none of its figures, and closed again
as a next version; every version stays. Instants in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from monitor.blindness import blindness, merged
from monitor.figures import Tries
from monitor.judge import Blind, Boundary, Try, fold, in_time, known_at
from monitor.model import CONTROL_SYSTEM, Reason, Settings, Verdict, verdict_of
from monitor.store import schema
from monitor.store.database import Database, StoreError
from monitor.store.dated import Dated
from monitor.store.evidence import check_unsealed
from monitor.store.outcomes import Key, Names, between, try_of_row

_DAY = 86_400

_MEASURED = text("(code & 1) = 0")  # codec.outcome_code: the lowest bit is the origin


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """One version of a closed period. `inputs` is a digest of what the `figures` (JSON) were made from.

    `reason` is why there is another version, None for the first; `reopened_at` is None while the version is in force.
    """

    kind: str
    name: str
    version: int
    start: int
    end: int
    closed_at: int
    closed_by: str
    reason: str | None
    inputs: str
    figures: str
    reopened_at: int | None = None
    reopened_by: str | None = None
    reopened_why: str | None = None


class PeriodBook:
    """Closed periods, in the store, and counts of the tries of a period."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- closed periods ----------------------------------------------------------------------------------------------

    def close(
        self,
        kind: str,
        name: str,
        start: int,
        end: int,
        *,
        at: int,
        by: str,
        inputs: str,
        figures: str,
        reason: str | None = None,
    ) -> ClosedPeriod:
        """Keep the figures of a period as its first version, or as the next one of a period that was reopened.

        Raises StoreError for one that is closed, or without a reason where there is an earlier version.
        """
        with self._database.writing() as connection:
            check_unsealed(connection, self._database.place, at)
            versions = [_closed(row) for row in connection.execute(_versions(kind, name))]
            if versions and versions[-1].reopened_at is None:
                said = f"{name} ({kind}) is closed already, as version {versions[-1].version}; reopen it first"
                raise StoreError(said, permanent=True)
            if not versions and reason:
                raise StoreError(f"{name} ({kind}) was never closed: its first version has no reason", permanent=True)
            if versions and not reason:
                said = f"{name} ({kind}) was closed before: version {len(versions) + 1} needs a reason"
                raise StoreError(said, permanent=True)
            made = ClosedPeriod(kind, name, len(versions) + 1, start, end, at, by, reason, inputs, figures)
            row = {column.name: getattr(made, column.name) for column in schema.periods.columns}
            try:
                with connection.begin_nested():
                    connection.execute(insert(schema.periods).values(row))
            except IntegrityError:
                raise StoreError(f"{name} ({kind}) was closed by somebody else just now", permanent=True) from None
        return made

    def reopen(self, kind: str, name: str, *, at: int, by: str, why: str) -> ClosedPeriod:
        """Say that the version in force is not the last word. Its figures stay. Raises StoreError where none is."""
        table = schema.periods
        chosen = update(table).where(table.c.kind == kind, table.c.name == name, table.c.reopened_at.is_(None))
        with self._database.writing() as connection:
            check_unsealed(connection, self._database.place, at)
            values = chosen.values(reopened_at=at, reopened_by=by, reopened_why=why).returning(*table.columns)
            row = connection.execute(values).one_or_none()
        if row is None:
            raise StoreError(f"{name} ({kind}) is not closed", permanent=True)
        return _closed(row)

    def versions(self, kind: str, name: str) -> list[ClosedPeriod]:
        """Every version of a period, the first one first; none for one that was never closed."""
        with self._database.reading() as connection:
            return [_closed(row) for row in connection.execute(_versions(kind, name))]

    def all(self) -> list[ClosedPeriod]:
        """Every version of every period, in order of time."""
        table = schema.periods.c
        chosen = select(schema.periods).order_by(table.start, table.end, table.kind, table.name, table.version)
        with self._database.reading() as connection:
            return [_closed(row) for row in connection.execute(chosen)]

    # --- what a period's figures ask ---------------------------------------------------------------------------------

    def tries(self, start: int, end: int) -> dict[Key, Tries]:
        """The first tries of every line in the hours that begin in [start, end), added up by the database."""
        rollups, days, reasons = schema.rollups.c, schema.days.c, schema.reasons.c
        conclusive = rollups.up + rollups.degraded + rollups.down
        start = max(start, 1)  # the row of hour 0 counts since the beginning
        whole = -(-start // _DAY) * _DAY, end // _DAY * _DAY
        if whole[0] >= whole[1]:
            whole = end, end
        summed = (
            _summed(rollups.hour, (start, whole[0]), conclusive, rollups.rechecks),
            _summed(days.day, whole, days.conclusive, days.rechecks),
            _summed(rollups.hour, (whole[1], end), conclusive, rollups.rechecks),
        )
        causes = _summed(reasons.hour, (start, end), reasons.tries, by=(reasons.reason,))
        names, counted = Names(), dict[int, tuple[int, int]]()
        failed: dict[int, dict[Reason, int]] = {}
        with self._database.reading() as connection:
            names.read(connection)
            for counts in summed:
                for line, number, rechecks in connection.execute(counts).all():
                    if number is not None:
                        before = counted.get(line, (0, 0))
                        counted[line] = before[0] + int(number), before[1] + int(rechecks)
            for line, reason, number in connection.execute(causes).all():
                if reason is not None and verdict_of(Reason(reason)) is Verdict.DOWN:
                    failed.setdefault(line, {})[Reason(reason)] = int(number)
        return {names.keys[line]: Tries(*counts, failed.get(line, {})) for line, counts in counted.items()}

    def first_hour(self) -> int | None:
        """The first hour (seconds) of which any outcome is known, None without any."""
        rollups, series = schema.rollups.c, schema.series.c
        # Line by line, each a look into the index: the table as a whole has a row an hour of each.
        of_line = select(rollups.hour).where(rollups.series == series.id, rollups.hour >= 1).order_by(rollups.hour)
        with self._database.reading() as connection:
            hours = connection.execute(select(of_line.limit(1).scalar_subquery()).select_from(schema.series)).scalars()
            found = min((hour for hour in hours if hour is not None), default=None)
        return None if found is None else int(found)

    def imported(self, start: int, end: int) -> set[Key]:
        """The lines that have imported outcomes due in [start, end)."""
        table = schema.outcomes.c
        chosen = select(table.series).distinct().where(table.due_at >= start * 1000, table.due_at < end * 1000)
        with self._database.reading() as connection:
            numbers = set(connection.execute(chosen.where(schema.IMPORTED)).scalars())
            if not numbers:
                return set()
            names = Names()
            names.read(connection)
        return {names.keys[number] for number in numbers}

    def measured(self, keys: Collection[Key], start: int, end: int, now: int) -> dict[Key, list[Boundary]]:
        """The boundaries of these lines in [start, end), with the last one before, as if nothing had been imported.

        They are judged again from the outcomes due from a day before to a day after: a line forgets what was earlier
        after some tries of one kind, so only one that flaps all day long might differ from one judged from the first.
        """
        since, until = (start - _DAY) * 1000, (end + _DAY) * 1000
        places = {location for _, _, location in keys}
        with self._database.reading() as connection:
            names, dated = Names(), Dated()
            names.read(connection)
            dated.read(connection)
            wanted = {n for n, key in names.keys.items() if key in keys or _is_control(key, places)}
            tries: dict[Key, list[Try]] = {}
            for row in connection.execute(between(since, until, wanted).where(_MEASURED)):
                key, try_ = names.keys[row.series], try_of_row(row, names)
                settings = dated.of(key[:2], try_.due_at)
                if settings is not None and in_time(*try_.key, settings):
                    tries.setdefault(key, []).append(try_)
        for of_line in tries.values():
            of_line.sort(key=lambda t: t.key)
        blind = {place: _blindness(tries, place, dated) for place in places}
        made: dict[Key, list[Boundary]] = {}
        for key in keys:
            line, boundaries = fold(tries.get(key, ()), _judged_by(dated, key), blind=blind[key[2]])
            boundaries = known_at(min(now * 1000, until), boundaries, line)
            before = [b for b in boundaries if b.at <= start][-1:]
            made[key] = [*before, *(b for b in boundaries if start < b.at < end)]
        return made


def _blindness(tries: Mapping[Key, list[Try]], place: str, dated: Dated) -> list[Blind]:
    controls = ((tries[key], _judged_by(dated, key)) for key in sorted(tries) if _is_control(key, {place}))
    return merged(blindness(controls))


def _is_control(key: Key, places: Collection[str]) -> bool:
    return key[0] == CONTROL_SYSTEM and key[2] in places


def _judged_by(dated: Dated, key: Key) -> Callable[[Try], Settings]:
    def judged_by(try_: Try) -> Settings:
        settings = dated.of(key[:2], try_.due_at)
        assert settings is not None, "only tries with settings are judged"
        return settings

    return judged_by


def _summed(at: Any, span: tuple[int, int], *counts: Any, by: Sequence[Any] = ()) -> Any:
    """Sums of counts of each line in a span; from each line to its own rows, for SQLite would look at those of all."""
    line, table = schema.series.c.id, at.table
    of_line = and_(table.c.series == line, at >= span[0], at < span[1])
    sums = select(line, *by, *map(func.sum, counts))
    return sums.outerjoin_from(schema.series, table, of_line).group_by(line, *by)


def _versions(kind: str, name: str) -> Any:
    table = schema.periods.c
    return select(schema.periods).where(table.kind == kind, table.name == name).order_by(table.version)


def _closed(row: Any) -> ClosedPeriod:
    return ClosedPeriod(**row._mapping)

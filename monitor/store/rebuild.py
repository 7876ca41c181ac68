"""Lines, boundaries and roll-ups made again from the outcomes, by the same ledger that the recorder keeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Column, ColumnElement, Connection, MetaData, Select, Table, and_, func, insert, select

from monitor.judge import EARLIEST_MS, Try, seen
from monitor.model import CONTROL_SYSTEM, Settings
from monitor.store import schema
from monitor.store.books import FOREVER, Books, Sight
from monitor.store.codec import line_of, phase_sums
from monitor.store.database import Database, StoreError
from monitor.store.dated import Dated, SettingsOf
from monitor.store.ledger import Ledger
from monitor.store.outcomes import Names, outcome_of_row, try_of, why_not_judged
from monitor.store.recorder import count_transaction, date_first
from monitor.store.sight import look

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many outcomes of how many are done."""

RAW_FROM = "raw_from"
"""The fact about the store (`Store.set_meta`) that says in ms since when all outcomes are there; absent: since ever."""

_CHUNK = 5000  # outcomes held in memory, apart from those that wait for an earlier start


def check_can_be_rebuilt(database: Database, *, keep_closed: bool) -> None:
    """Raises StoreError where outcomes are gone, and, unless `keep_closed`, where periods are closed."""
    due_at, period = schema.outcomes.c.due_at, schema.periods.c
    with database.reading() as connection:
        gone = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == RAW_FROM)).scalar()
        if gone is not None:
            since = datetime.fromtimestamp(int(gone) / 1000, UTC)
            raise StoreError(
                f"{database.place}: outcomes are no longer all there, but only those since {since:%Y-%m-%d %H:%M} UTC; "
                "what was made from the others can't be made again: rebuild a copy that has them",
                permanent=True,
            )
        first, last = connection.execute(select(func.min(due_at), func.max(due_at))).one()
        if keep_closed or first is None:
            return
        touched = and_(period.start <= last // 1000, period.end > first // 1000, period.reopened_at.is_(None))
        closed = select(period.name, period.kind).where(touched).order_by(period.start, period.end, period.kind)
        names = [f"{name} ({kind})" for name, kind in connection.execute(closed)]
    if names:
        raise StoreError(
            f"{database.place}: closed: {', '.join(names)}; reopen with `motcua period reopen`, or rebuild with "
            "--keep-closed, which leaves the figures of closed periods as they are",
            permanent=True,
        )


def rebuild(database: Database, settings: SettingsOf, progress: Progress | None) -> None:
    """See `Store.rebuild`. The work is done beside the tables, which are changed in one transaction at the end."""
    _date_all(database, settings)
    with database.scratch() as connection:
        beside = _tables_beside(connection)
        with database.reading() as reader:
            transactions = _transactions(reader)
            books = Books(Names(), Dated(), Ledger(database, beside), {})
            books.names.read(reader)
            books.dated.read(reader)
            _judge_all(connection, reader, books, progress)
        connection.execution_options(writes=True)
        with connection.begin():
            if count_transaction(connection) != transactions + 1:
                raise StoreError(f"{database.place}: outcomes were recorded meanwhile; stop the recorder and try again")
            for table, new in zip(schema.DERIVED, beside, strict=True):
                connection.execute(table.delete())
                connection.execute(insert(table).from_select(list(table.columns), select(new)))


class Difference(NamedTuple):
    """The first row of a table that is not what the outcomes give; `at` in seconds, None where rows have no instant.

    `system` and `check` are None of the blindness of a location. None for `stored`, `made`: there is no such row.
    """

    table: str
    system: str | None
    check: str | None
    location: str
    at: int | None
    stored: tuple[Any, ...] | None
    made: tuple[Any, ...] | None


def differences(
    database: Database, progress: Progress | None, start: int | None = None, end: int | None = None
) -> list[Difference]:
    """See `Store.verify_lines`. Nothing is written; what is read is all as of one instant."""
    with database.scratch() as connection, database.reading() as reader:
        beside = _tables_beside(connection)
        books = Books(Names(), Dated(), Ledger(database, beside), {})
        books.names.read(reader)
        books.dated.read(reader)
        _judge_all(connection, reader, books, progress)
        found: list[Difference] = []
        for table, new in zip(schema.DERIVED, beside, strict=True):
            stored, made = (_in_order(t, start, end) for t in (table, new))
            with reader.execute(stored) as kept, connection.execute(made) as again:
                pairs = zip_longest(map(tuple, kept), map(tuple, again))
                if pair := next((pair for pair in pairs if pair[0] != pair[1]), None):
                    found.append(_difference(table, books.names, *pair))
        return found


_INSTANTS = {"boundaries": "at", "rollups": "hour", "days": "day", "reasons": "hour", "blind": "start"}


def _in_order(table: Table, start: int | None, end: int | None) -> Select[Any]:
    """The rows of a derived table that begin in [start, end) (seconds), by their keys; all of those without instant."""
    instant = _INSTANTS.get(table.name.removeprefix("new_"))
    chosen = select(table).order_by(*table.primary_key).execution_options(yield_per=_CHUNK)
    if instant is not None and start is not None:
        chosen = chosen.where(table.c[instant] >= start)
    if instant is not None and end is not None:
        chosen = chosen.where(table.c[instant] < end)
    return chosen


def _difference(table: Table, names: Names, stored: tuple[Any, ...] | None, made: tuple[Any, ...] | None) -> Difference:
    keys = [column.name for column in table.primary_key]
    columns = table.columns.keys()
    known = [dict(zip(columns, row, strict=True)) for row in (stored, made) if row]
    first = min(known, key=lambda row: [row[key] for key in keys])
    instant = _INSTANTS.get(table.name)
    at = first[instant] if instant else None
    if stored and made and [known[0][key] for key in keys] != [known[1][key] for key in keys]:
        stored, made = (stored, None) if first is known[0] else (None, made)
    if table.name == "blind":
        return Difference(table.name, None, None, first["location"], at, stored, made)
    system, check, location = names.keys[first["series"]]
    return Difference(table.name, system, check, location, at, stored, made)


def _date_all(database: Database, settings: SettingsOf) -> None:
    """Checks without settings yet, in a store that is older than these, have those of the catalogue from now on."""
    with database.writing() as connection:
        count_transaction(connection)
        books = Books(Names(), Dated(), Ledger(database), {})
        books.names.read(connection)
        books.dated.read(connection)
        books.ledger.lines.update(map(line_of, connection.execute(select(schema.lines))))
        date_first(connection, books, {key[:2] for key in books.names.series}, settings)


def _judge_all(connection: Connection, reader: Connection, books: Books, progress: Progress | None) -> None:
    """Make everything in the tables beside, on `connection`: controls first, for they say what all others are worth."""
    names, _, ledger, sights = books
    controls = {number for number, key in names.keys.items() if key[0] == CONTROL_SYSTEM}
    table = schema.outcomes.c
    with closing(_judged(reader, books, table.series.in_(controls))) as judged:
        for number, (try_, series, settings, phases) in enumerate(_in_order_of_start(judged), 1):
            ledger.judge(series, try_, settings)
            ledger.count(series, try_, phases)
            sight = sights.setdefault(names.keys[series][2], Sight())
            sight.controls.add(series)
            sight.at = max(sight.at, try_.started_at)
            if number % _CHUNK == 0:
                _write(connection, ledger)
    _write(connection, ledger)
    for location, sight in sights.items():
        with connection.begin():
            sight.set(look(connection, books, sight, outcomes=reader))
            ledger.see(connection, location, (), sight.runs)
    blind = {n: sights[location].blind for n, (_, _, location) in names.keys.items() if location in sights}
    with closing(_judged(reader, books, table.series.not_in(controls), progress)) as judged:
        for number, (try_, series, settings, phases) in enumerate(_in_order_of_start(judged), 1):
            counts_as = try_
            if seconds := blind.get(series):
                ledger.cut(series, seconds, try_.started_at)
                counts_as = seen(try_, seconds)
            ledger.judge(series, counts_as, settings)
            ledger.count(series, try_, phases)
            ledger.correct(series, try_, counts_as, phases)
            if number % _CHUNK == 0:
                _write(connection, ledger)
    for series in ledger.lines.keys() - controls:
        ledger.cut(series, blind.get(series, ()), FOREVER)
    _write(connection, ledger)


def _tables_beside(connection: Connection) -> list[Table]:
    """Empty tables like the derived ones, which only this connection sees and which go with it."""
    metadata = MetaData()
    tables = [
        Table(
            f"new_{table.name}",
            metadata,
            *(Column(c.name, c.type, primary_key=c.primary_key, nullable=c.nullable) for c in table.columns),
            prefixes=["TEMPORARY"],
        )
        for table in schema.DERIVED
    ]
    with connection.begin():
        metadata.create_all(connection, checkfirst=False)
    return tables


def _transactions(connection: Connection) -> int:
    counter = schema.counters.c
    number: int = connection.execute(select(counter.value).where(counter.name == "transactions")).scalar_one()
    return number


_Judged: TypeAlias = tuple[Try, int, Settings, Sequence[int]]


def _judged(
    connection: Connection, books: Books, chosen: ColumnElement[bool], progress: Progress | None = None
) -> Generator[_Judged]:
    """Every chosen outcome that is judged, in order of its due instant."""
    names, dated, _, _ = books
    table = schema.outcomes
    total: int = connection.execute(select(func.count()).select_from(table).where(chosen)).scalar_one()
    in_order = select(table).where(chosen).order_by(table.c.due_at, table.c.series, table.c["try"])
    with connection.execution_options(yield_per=_CHUNK).execute(in_order) as rows:
        for done, row in enumerate(rows):
            if progress and done % _CHUNK == 0:
                progress(done, total)
            outcome = outcome_of_row(row, names)
            known = dated.of((outcome.system, outcome.check), outcome.due_at)
            if known is not None and why_not_judged(outcome, known) is None:
                yield try_of(outcome), row.series, known, phase_sums(outcome.steps)
    if progress:
        progress(total, total)


def _in_order_of_start(judged: Iterator[_Judged]) -> Iterator[_Judged]:
    """The same in order of start: what comes later in order of due instant cannot have started much earlier."""
    waiting: list[tuple[tuple[int, int, int, int], _Judged]] = []
    for one in judged:
        try_, series = one[0], one[1]
        while waiting and waiting[0][0][0] < try_.due_at - EARLIEST_MS:
            yield heapq.heappop(waiting)[1]
        heapq.heappush(waiting, ((*try_.key, series), one))
    while waiting:
        yield heapq.heappop(waiting)[1]


def _write(connection: Connection, ledger: Ledger) -> None:
    with connection.begin():
        ledger.write(connection)

"""Lines, boundaries and roll-ups made again from the outcomes, by the same ledger that the recorder keeps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TypeAlias

from sqlalchemy import Column, Connection, MetaData, Table, func, insert, select

from monitor.judge import EARLIEST_MS, Try
from monitor.model import Settings
from monitor.store import schema
from monitor.store.codec import phase_sums
from monitor.store.database import Database, StoreError
from monitor.store.ledger import Ledger
from monitor.store.outcomes import Names, outcome_of_row, try_of, why_not_judged
from monitor.store.recorder import SettingsOf, count_transaction

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many outcomes of how many are done."""

_CHUNK = 5000  # outcomes held in memory, apart from those that wait for an earlier start


def rebuild(database: Database, settings: SettingsOf, progress: Progress | None) -> None:
    """See `Store.rebuild`. The work is done beside the tables, which are changed in one transaction at the end."""
    with database.scratch() as connection:
        beside = _tables_beside(connection)
        with database.reading() as reader:
            transactions = _transactions(reader)
            ledger = Ledger(database, beside)
            with closing(_judged(reader, settings, progress)) as judged:
                for number, (try_, series, known, phases) in enumerate(_in_order_of_start(judged), 1):
                    ledger.judge(series, try_, known)
                    ledger.count(series, try_, phases)
                    if number % _CHUNK == 0:
                        _write(connection, ledger)
            _write(connection, ledger)
        connection.execution_options(writes=True)
        with connection.begin():
            if count_transaction(connection) != transactions + 1:
                raise StoreError(f"{database.place}: outcomes were recorded meanwhile; stop the recorder and try again")
            for table, new in zip(schema.DERIVED, beside, strict=True):
                connection.execute(table.delete())
                connection.execute(insert(table).from_select(list(table.columns), select(new)))


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


def _judged(connection: Connection, settings: SettingsOf, progress: Progress | None) -> Generator[_Judged]:
    """Every outcome that is judged, in order of its due instant."""
    names = Names()
    names.read(connection)
    total: int = connection.execute(select(func.count()).select_from(schema.outcomes)).scalar_one()
    table = schema.outcomes
    in_order = select(table).order_by(table.c.due_at, table.c.series, table.c["try"])
    with connection.execution_options(yield_per=_CHUNK).execute(in_order) as rows:
        for done, row in enumerate(rows):
            if progress and done % _CHUNK == 0:
                progress(done, total)
            outcome = outcome_of_row(row, names)
            known = settings(outcome.system, outcome.check)
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

"""What locations see: where they were blind, by the lines of their control targets."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from operator import attrgetter

from sqlalchemy import Connection, select

from monitor.blindness import GOOD, beginning, darkness, good_verdict
from monitor.judge import EARLIEST_MS, Blind, Boundary, Line, hold_ms, in_time, known_at
from monitor.model import CONTROL_SYSTEM, State
from monitor.store import schema
from monitor.store.books import FOREVER, Books, Sight
from monitor.store.outcomes import Names, between, try_of_row

_BACK = (3600, 86_400, 30 * 86_400)  # seconds; how far it is looked back for a time when something was seen


def read_sights(connection: Connection, names: Names, lines: Mapping[int, Line]) -> dict[str, Sight]:
    """What every location saw as the database knows it, with the lines that it has."""
    sights: dict[str, Sight] = {}
    for number, line in lines.items():
        system, _, location = names.keys[number]
        if system == CONTROL_SYSTEM and line.last:
            sight = sights.setdefault(location, Sight())
            sight.controls.add(number)
            sight.at = max(sight.at, line.last.started_at)
    table = schema.blind
    runs: dict[str, list[Blind]] = {}
    for location, start, end in connection.execute(select(table).order_by(table.c.location, table.c.start)):
        runs.setdefault(location, []).append(Blind(start, end))
    for location, found in runs.items():
        sights.setdefault(location, Sight()).set(found)
    return sights


def newly_silent(sight: Sight, lines: Mapping[int, Line], before: int) -> int:
    """The first second that is known to be silent now and was not by an instant (ms) before; FOREVER: there is none."""
    controls = (lines[number] for number in sight.controls)
    silent = (line for line in controls if line.state is not State.NO_DATA and before < line.until <= sight.at)
    return min((known_at(sight.at, (), line)[-1].at for line in silent), default=FOREVER)


def look(
    connection: Connection, books: Books, sight: Sight, second: int | None = None, outcomes: Connection | None = None
) -> list[Blind]:
    """Where the location was blind, if before a second (None: ever) nothing of its controls has changed.

    It is enough to look at what was since a time before that when a control was good. `outcomes` is the connection to
    read them from, if it is another one.
    """
    for start in [*(second - back for back in _BACK if second is not None), -FOREVER]:
        lines = [_line(connection, books, number, start, sight.at) for number in sight.controls]
        if start == -FOREVER or any(line and line[0].at == start and line[0].state in GOOD for line in lines):
            break
    reader = connection if outcomes is None else outcomes
    found = [Blind(_beginning(reader, books, sight, first), end) for first, end in darkness(lines)]
    return [b for b in sight.runs if b.end is not None and b.end <= start] + found


def _line(connection: Connection, books: Books, number: int, start: int, at: int) -> list[Boundary]:
    """The boundaries of a control's line as known by an instant (ms); the one in force at `start` is put there."""
    known = known_at(at, books.ledger.boundaries(connection, number, start), books.ledger.lines[number])
    first = bisect_right(known, start, key=attrgetter("at")) - 1
    return known if first < 0 else [known[first]._replace(at=start), *known[first + 1 :]]


def _beginning(connection: Connection, books: Books, sight: Sight, second: int) -> int:
    """See `blindness.beginning`; only good verdicts that hold until then matter."""
    at = second * 1000
    reaches = [books.dated.reach(books.names.keys[number][:2], at, 1) for number in sight.controls]
    earliest = at - max(hold for hold, _ in reaches) - max(latest for _, latest in reaches)
    goods = []
    for row in connection.execute(between(earliest, at + 1000 + EARLIEST_MS, sight.controls)):
        try_ = try_of_row(row, books.names)
        settings = books.dated.of(books.names.keys[row.series][:2], try_.due_at)
        if settings is not None and in_time(*try_.key, settings):
            good = good_verdict(try_, hold_ms(settings))
            goods += [good] if good else []
    return beginning(second, goods)

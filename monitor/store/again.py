"""Lines whose past has changed: read what is around the change and judge that again.

Tries come after later ones of their line have been judged, and locations turn out to have been blind.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection

from monitor.judge import EARLIEST_MS, Blind, Event, Try, TryKey, Window, end_of, events, in_time, revise, seen
from monitor.model import Settings
from monitor.store.books import Books
from monitor.store.codec import phase_sums, unpack_steps
from monitor.store.outcomes import between, try_of_row

_HOLDS = 2  # what is read first, on either side; four times as much for lines that need more


@dataclass(frozen=True, slots=True)
class Again:
    """A line, and the span of instants [first, last] in ms within which what happened to it has changed.

    `late` are tries in it that were not judged yet.
    """

    series: int
    first: int
    last: int
    late: frozenset[TryKey] = frozenset()


class Past(NamedTuple):
    """What a line was judged by, and what it is to be judged by.

    `before` and `after` is the blindness of its location; `waiting` are tries in the table, by line, that go on where
    it ends: they are not judged here.
    """

    before: Sequence[Blind] = ()
    after: Sequence[Blind] = ()
    waiting: Collection[tuple[int, TryKey]] = ()


PastOf: TypeAlias = Callable[[int], Past]
"""By the number of a line."""


class _Row(NamedTuple):
    try_: Try
    settings: Settings
    steps: bytes


def judge_again(connection: Connection, books: Books, changed: Iterable[Again], past_of: PastOf) -> dict[int, int]:
    """Bring lines, boundaries and counts to where they would be had it been so from the beginning.

    Returns the second from which on each line was looked at: before it nothing has changed. What is read is a few holds
    on either side, and more only for lines that do not settle within them; lines that changed at about the same time
    are read together, for rows lie in order of time.
    """
    waiting = list(changed)
    since: dict[int, int] = {}
    holds = _HOLDS
    while waiting:
        reaches = [_Reach(one, holds, books) for one in waiting]
        waiting = []
        for start, end, group in _overlapping(reaches):
            rows = _read(connection, books, start, end, [reach.one.series for reach in group])
            for reach in group:
                series = reach.one.series
                second = _judge(connection, books, reach, rows[series], past_of(series))
                if second is None:
                    waiting.append(reach.one)
                else:
                    since[series] = second
        holds *= 4
    return since


def _judge(connection: Connection, books: Books, reach: _Reach, rows: Sequence[_Row], past: Past) -> int | None:
    """The second from which on the line is judged again, None where the rows around were not enough."""
    one, series, ledger = reach.one, reach.one.series, books.ledger
    line = ledger.lines[series]
    assert line.last is not None, "what is after the line's end has not changed"
    # A try due outside may have started up to here and from there on; what is after the line's end is not judged here.
    horizon, limit = reach.start + reach.latest, min(reach.end - EARLIEST_MS, end_of(line) + 1)
    around = [
        row for row in rows if horizon <= row.try_.started_at < limit and (series, row.try_.key) not in past.waiting
    ]
    judged = [row for row in around if row.try_.key not in one.late] if one.late else around
    old, new = _events(judged, past.before, horizon, limit), _events(around, past.after, horizon, limit)
    if old == new:
        return one.first // 1000
    window = Window(old, new, horizon, reach.hold, complete=line.last.started_at < limit)
    revision = revise(line, ledger.boundaries(connection, series, horizon // 1000), window)
    if revision is None:
        return None
    ledger.revise(connection, series, revision)
    if past.before is not past.after:
        for try_, _, steps in judged:
            was, now = seen(try_, past.before), seen(try_, past.after)
            if was is not now:
                ledger.correct(series, was, now, phase_sums(unpack_steps(steps, books.names.step_names)))
    return revision.start


def _read(connection: Connection, books: Books, start: int, end: int, series: Collection[int]) -> dict[int, list[_Row]]:
    """The judged tries of these lines due in [start, end), in order of start."""
    rows: dict[int, list[_Row]] = {one: [] for one in series}
    for row in connection.execute(between(start, end, series)):
        try_ = try_of_row(row, books.names)
        settings = books.dated.of(books.names.keys[row.series][:2], try_.due_at)
        if settings is not None and in_time(*try_.key, settings):
            rows[row.series].append(_Row(try_, settings, row.steps))
    for found in rows.values():
        found.sort(key=lambda row: row.try_.key)
    return rows


class _Reach:
    """How far around what changed a line is to be read: all tries due in [start, end)."""

    def __init__(self, one: Again, holds: int, books: Books) -> None:
        self.one = one
        self.hold, self.latest = books.dated.reach(books.names.keys[one.series][:2], one.first, holds)
        self.start = one.first - holds * self.hold - self.latest
        self.end = one.last + holds * self.hold + EARLIEST_MS


def _events(rows: Sequence[_Row], blind: Sequence[Blind], horizon: int, limit: int) -> list[Event]:
    settings = {row.try_.key: row.settings for row in rows}
    first = max(bisect_right(blind, horizon, key=_start_ms) - 1, 0)  # it may have begun before
    near = blind[first : bisect_left(blind, limit, key=_start_ms)]
    happened = events((row.try_ for row in rows), lambda t: settings[t.key], near)
    return [event for event in happened if event.try_.started_at >= horizon]


def _start_ms(blind: Blind) -> int:
    return blind.start * 1000


def _overlapping(reaches: Iterable[_Reach]) -> Iterator[tuple[int, int, list[_Reach]]]:
    """Lines that are to be read at the same time, with the span of them all."""
    group: list[_Reach] = []
    begin = finish = 0
    for reach in sorted(reaches, key=lambda reach: reach.start):
        if group and reach.start > finish:
            yield begin, finish, group
            group = []
        begin = begin if group else reach.start
        finish = max(finish, reach.end) if group else reach.end
        group.append(reach)
    if group:
        yield begin, finish, group

"""Tries that come after later ones of their line have been judged: read what is around them and judge that again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from monitor.judge import EARLIEST_MS, Boundary, Try, Window, hold_ms, latest_ms, revise
from monitor.model import Settings
from monitor.store import schema
from monitor.store.codec import boundary_of
from monitor.store.ledger import Ledger
from monitor.store.outcomes import Names, between, outcome_of_row, try_of, why_not_judged


@dataclass(frozen=True, slots=True)
class Late:
    """The late tries of one line; they are in the table already."""

    series: int
    settings: Settings
    tries: Sequence[Try]

    def span(self, holds: int) -> tuple[int, int]:
        """[start, end) in ms within which all tries are due that started within so many holds of these."""
        reach = holds * hold_ms(self.settings)
        first, last = (f(t.started_at for t in self.tries) for f in (min, max))
        return first - reach - latest_ms(self.settings), last + reach + EARLIEST_MS


def judge_late(connection: Connection, ledger: Ledger, names: Names, late: Iterable[Late]) -> None:
    """Bring the lines and boundaries to where they would be had all tries come in order.

    What is read is a few holds on either side, and more only for lines that do not settle within them; lines that are
    late at about the same time are read together, for rows lie in order of time.
    """
    waiting = list(late)
    holds = 4
    while waiting:
        unsettled = []
        for start, end, group in _overlapping(waiting, holds):
            around = _read(connection, names, start, end, {one.series: one.settings for one in group})
            unsettled += [
                one for one in group if not _judge_one(connection, ledger, one, around[one.series], start, end)
            ]
        waiting = unsettled
        holds *= 4


def _judge_one(connection: Connection, ledger: Ledger, late: Late, around: Sequence[Try], start: int, end: int) -> bool:
    """Whether the tries around, due in [start, end), were enough."""
    line, settings = ledger.lines[late.series], late.settings
    assert line.last is not None, "what is late has something after it"
    # A try due outside may have started up to here and from there on.
    horizon, limit = start + latest_ms(settings), end - EARLIEST_MS
    window = Window(
        [t for t in around if horizon <= t.started_at < limit and t.key <= line.last.key],
        horizon,
        hold_ms(settings),
        complete=line.last.started_at < limit,
    )
    boundaries = _boundaries(connection, late.series, horizon // 1000)
    revision = revise(line, boundaries, window, {t.key for t in late.tries}, lambda _: settings)
    if revision:
        ledger.revise(connection, late.series, revision)
    return revision is not None


def _overlapping(late: Iterable[Late], holds: int) -> Iterator[tuple[int, int, list[Late]]]:
    """Lines whose spans overlap, with the span of them all."""
    group: list[Late] = []
    begin = finish = 0
    for one in sorted(late, key=lambda one: one.span(holds)):
        start, end = one.span(holds)
        if group and start > finish:
            yield begin, finish, group
            group = []
        begin = begin if group else start
        finish = max(finish, end) if group else end
        group.append(one)
    if group:
        yield begin, finish, group


def _read(
    connection: Connection, names: Names, start: int, end: int, settings: Mapping[int, Settings]
) -> dict[int, list[Try]]:
    """The judged tries of these lines due in [start, end), in order of start."""
    tries: dict[int, list[Try]] = {series: [] for series in settings}
    for row in connection.execute(between(start, end, settings.keys())):
        outcome = outcome_of_row(row, names)
        if why_not_judged(outcome, settings[row.series]) is None:
            tries[row.series].append(try_of(outcome))
    for found in tries.values():
        found.sort(key=lambda t: t.key)
    return tries


def _boundaries(connection: Connection, series: int, second: int) -> list[Boundary]:
    """Those of a line from the last one at or before a second on."""
    table = schema.boundaries.c
    last = select(func.max(table.at)).where(table.series == series, table.at <= second).scalar_subquery()
    chosen = select(table.at, table.state, table.reason, table.step)
    chosen = chosen.where(table.series == series, table.at >= func.coalesce(last, second)).order_by(table.at)
    return [boundary_of(row) for row in connection.execute(chosen)]

"""Outcomes that are new, on their way into lines: in the order in which they may come, which is any.

Controls are judged first, for they say where their locations were blind, and with that what all others are worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from monitor.blindness import difference, spliced
from monitor.judge import Blind, Boundary, Line, Try, TryKey, end_of, seen
from monitor.model import CONTROL_SYSTEM, Reason, Settings, State
from monitor.store.again import Again, Past, judge_again
from monitor.store.books import FOREVER, Books, Sight
from monitor.store.sight import look, newly_silent

_AT_ONCE = 600  # seconds of outcomes that are read at once where a location turns out to have been blind


class Change(NamedTuple):
    """A line's change of state, for the log: found now, in force since second `at`."""

    system: str
    check: str
    location: str
    old: State
    new: State
    at: int
    reason: Reason | None
    step: str | None


class New(NamedTuple):
    """A try that is to be judged; it is in the table and counted as it came. `phases` are in units of 0.1 ms."""

    try_: Try
    series: int
    settings: Settings
    location: str
    phases: Sequence[int]


class _Anew(NamedTuple):
    """Where a location turns out to have been blind, against what was known: they differ in `span`, not outside."""

    before: Sequence[Blind]
    after: Sequence[Blind]
    span: Blind


class Judging:
    """Judges what is new within one transaction."""

    def __init__(self, connection: Connection, books: Books) -> None:
        self._connection, self._books = connection, books
        self._names, self._ledger, self._sights = books.names, books.ledger, books.sights
        self._lines = books.ledger.lines

    def judge(self, new: Iterable[New]) -> list[Change]:
        """Bring lines up to date; each may be late."""
        controls: list[New] = []
        checks: list[New] = []
        for one in new:
            (controls if self._names.keys[one.series][0] == CONTROL_SYSTEM else checks).append(one)
        changes, anew = self._judge_controls(controls) if controls else ([], {})
        return changes + self._judge_checks(checks, anew)

    # --- controls ----------------------------------------------------------------------------------------------------

    def _judge_controls(self, new: Sequence[New]) -> tuple[list[Change], dict[str, _Anew]]:
        late, following = self._sort(new, {})
        for one in following:
            self._sights.setdefault(one.location, Sight()).controls.add(one.series)
        before = {one.location: self._sights[one.location].at for one in new}
        since = dict.fromkeys(before, FOREVER)  # the second from which the lines of controls have changed
        states = {one.series: self._lines[one.series].state for one in late}
        waiting = {(one.series, one.try_.key) for one in following}
        revised = judge_again(self._connection, self._books, _late(late), lambda _: Past(waiting=waiting))
        for series, second in revised.items():
            location = self._names.keys[series][2]
            since[location] = min(since[location], second)
        changes = self._changes_since(states)
        for try_, series, settings, location, _ in following:
            line = self._lines.get(series) or Line()
            made = self._ledger.judge(series, try_, settings)
            changes += self._changes(series, line.state, made)
            if made or try_.started_at < before[location]:
                doubts = (t.started_at // 1000 for t in line.run)
                since[location] = min(since[location], try_.started_at // 1000, *doubts, *(b.at for b in made))
            sight = self._sights[location]
            sight.at = max(sight.at, try_.started_at)
        return changes, self._look(before, since)

    def _look(self, before: Mapping[str, int], since: Mapping[str, int]) -> dict[str, _Anew]:
        """What locations saw otherwise than was known before, by the changes of their controls since a second."""
        anew: dict[str, _Anew] = {}
        for location, at in before.items():
            sight = self._sights[location]
            second = min(since[location], newly_silent(sight, self._lines, at))
            if second == FOREVER:
                continue
            blind, runs = sight.blind, look(self._connection, self._books, sight, second)
            self._ledger.see(self._connection, location, sight.runs, runs)
            sight.set(runs)
            if span := difference(blind, sight.blind):
                anew[location] = _Anew(blind, sight.blind, span)
        return anew

    # --- checks ------------------------------------------------------------------------------------------------------

    def _judge_checks(self, new: Sequence[New], anew: Mapping[str, _Anew]) -> list[Change]:
        """First late tries by what was known of blindness, then what has become known of it, then all that goes on."""
        clear = {location: sight.clear for location, sight in self._sights.items() if sight.blind}
        clear |= dict.fromkeys(anew, FOREVER)
        late, following = self._sort(new, clear)
        waiting = {(one.series, one.try_.key) for one in following} if late or anew else set()
        affected = {location: self._checks_at(location) for location in anew}
        states = {series: self._lines[series].state for lines in affected.values() for series in lines}
        states |= {one.series: self._lines[one.series].state for one in late}

        def known(location: str) -> Sequence[Blind]:
            return anew[location].before if location in anew else self._blind(location)

        def past_of(series: int) -> Past:
            blind = known(self._names.keys[series][2])
            return Past(blind, blind, waiting)

        for one in late:
            self._ledger.correct(one.series, one.try_, seen(one.try_, known(one.location)), one.phases)
        judge_again(self._connection, self._books, _late(late), past_of)
        for location, lines in affected.items():
            self._see_anew(lines, anew[location], waiting)
        changes = self._changes_since(states)
        cut = {series for lines in affected.values() for series in lines}
        for one in following:
            changes += self._go_on(one, clear, cut)
        for series in cut:
            changes += self._cut(series, self._blind(self._names.keys[series][2]), FOREVER)
        return changes

    def _go_on(self, one: New, clear: Mapping[str, int], cut: set[int]) -> list[Change]:
        """Judge a try that goes on where its line ends; `cut` gets the line if its location was blind since then."""
        try_, series, settings, location, phases = one
        changes: list[Change] = []
        line = self._lines.get(series)
        if clear and (line is None or line.last is None or line.last.started_at < clear.get(location, 0)):
            cut.add(series)
            blind = self._blind(location)
            changes = self._cut(series, blind, try_.started_at)
            try_ = seen(try_, blind)
            self._ledger.correct(series, one.try_, try_, phases)
            line = self._lines.get(series)
        made = self._ledger.judge(series, try_, settings)
        return changes + self._changes(series, line.state if line else State.NO_DATA, made) if made else changes

    def _see_anew(self, lines: Sequence[int], anew: _Anew, waiting: set[tuple[int, TryKey]]) -> None:
        """Judge the checks of a location again where it turns out to have been blind, or not."""
        end = max((end_of(self._lines[series]) // 1000 + 1 for series in lines), default=0)
        if anew.span.end is not None:
            end = min(end, anew.span.end)
        for before, after, start, stop in _slices(anew, end):
            past = Past(before, after, waiting)
            again = [
                Again(series, start * 1000, stop * 1000)
                for series in lines
                if end_of(self._lines[series]) >= start * 1000
            ]
            judge_again(self._connection, self._books, again, lambda _, past=past: past)  # type: ignore[misc]

    # --- small things ------------------------------------------------------------------------------------------------

    def _sort(self, new: Iterable[New], clear: Mapping[str, int]) -> tuple[list[New], list[New]]:
        """Those that are late, and those that go on where their line ends, in order.

        Only before the end of blindness, which is `clear`, a line may end later than with its last try.
        """
        late: list[New] = []
        following: list[New] = []
        for one in new:
            line = self._lines.get(one.series)
            if line is None or line.last is None:
                following.append(one)
                continue
            at = one.try_.started_at
            cut = clear and at < clear.get(one.location, 0) and at < end_of(line)
            (late if cut or one.try_.key < line.last.key else following).append(one)
        return late, sorted(following, key=_key)

    def _blind(self, location: str) -> Sequence[Blind]:
        sight = self._sights.get(location)
        return sight.blind if sight else ()

    def _checks_at(self, location: str) -> list[int]:
        """The lines of a location, those of controls apart."""
        keys = self._names.keys
        return [s for s in self._lines if keys[s][2] == location and keys[s][0] != CONTROL_SYSTEM]

    def _cut(self, series: int, blind: Sequence[Blind], until: int) -> list[Change]:
        line = self._lines.get(series)
        return self._changes(series, line.state, self._ledger.cut(series, blind, until)) if line else []

    def _changes(self, series: int, old: State, made: Iterable[Boundary]) -> list[Change]:
        changes = []
        for now in made:
            if now.state is not old:
                changes.append(Change(*self._names.keys[series], old, now.state, now.at, now.reason, now.step))
            old = now.state
        return changes

    def _changes_since(self, states: Mapping[int, State]) -> list[Change]:
        """How lines stand now that were judged again, against how they stood."""
        return [
            change
            for series, old in states.items()
            if (now := self._lines[series].boundary)
            for change in self._changes(series, old, [now])
        ]


def _late(new: Iterable[New]) -> list[Again]:
    by_line: dict[int, list[TryKey]] = {}
    for one in new:
        by_line.setdefault(one.series, []).append(one.try_.key)
    return [Again(series, min(keys)[0], max(keys)[0], frozenset(keys)) for series, keys in by_line.items()]


def _key(one: New) -> tuple[TryKey, int]:
    return one.try_.key, one.series


def _slices(anew: _Anew, end: int) -> Iterator[tuple[Sequence[Blind], Sequence[Blind], int, int]]:
    """What was known and what is, one stretch of time after the other, so that not too much is read at once."""
    before, start = anew.before, anew.span.start
    while start < end - _AT_ONCE:
        stop = start + _AT_ONCE
        after = spliced(anew.after, anew.before, stop)
        yield before, after, start, stop
        before, start = after, stop
    yield before, anew.after, start, max(start, end)

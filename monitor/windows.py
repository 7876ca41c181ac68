"""How long each system was in each state in windows that end now, without counting their whole past at each look.

Days (of UTC) that are over are counted once and kept. Before a kept day is used again, the store says a mark of it: a
sum over its boundaries, which is another one as soon as an outcome that came late, or a rebuild, has changed any of
them. Then that day and those after it, into which it carries its states, are counted anew. So what is said is always
what a count of all boundaries would say.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

from monitor.catalogue import Catalogue
from monitor.judge import Interval, Line
from monitor.model import State
from monitor.status import DAY, Key, Timelines
from monitor.store import Store

Seconds: TypeAlias = Mapping[State, int]
Silence: TypeAlias = tuple[tuple[int, Key], ...]
Piece: TypeAlias = tuple[int, int, int]
"""[start, end) in seconds, and the place of its state in `_STATES`. Numbers alone: the collector of garbage may forget
such tuples, and there are ten thousands."""

_STATES = tuple(State)
_NUMBER = {state: number for number, state in enumerate(_STATES)}


@dataclass(frozen=True, slots=True)
class _Day:
    """A day that is over, with that by which one sees that it is still so."""

    mark: int | None
    silence: Silence
    pieces: Mapping[str, Sequence[Piece]]
    seconds: Mapping[str, tuple[int, ...]]


class Windows:
    """Of one catalogue and store. Threads may share it."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue, self._store = catalogue, store
        self._lock = Lock()
        self._days: dict[int, _Day] = {}
        self._before: tuple[int, int] | None = None  # a day, and the mark of what was in force when it began
        self._whole: object = None  # all by which one sees that nothing has changed

    def count(
        self, lengths: Mapping[str, int], lines: Mapping[Key, Line], recent: Timelines, now: float
    ) -> dict[str, dict[str, Seconds]]:
        """By window and system the seconds of each state in the last so many seconds.

        `recent`: the lines of at least the last day up to `now`; `lines`: as they stand. Raises StoreError.
        """
        end = int(now)
        today, starts = end // DAY, {name: end - length for name, length in lengths.items()}
        with self._lock:
            self._bring_up_to_date(min(starts.values()) // DAY, today, lines)
            days = dict(self._days)
        lately = {system: _pieces(recent.system(system)) for system in self._catalogue.systems}
        return {
            name: {system: _sum(days, system, intervals, (start, end), today) for system, intervals in lately.items()}
            for name, start in starts.items()
        }

    def _bring_up_to_date(self, first: int, today: int, lines: Mapping[Key, Line]) -> None:
        """Keep the days from `first` to the one before `today`, and count those anew that are not as they were."""
        anchor = min(first, self._before[0]) if self._before else first
        first_before = self._store.mark_before(first * DAY)  # what is checked below was so even after this
        before = first_before if anchor == first else self._store.mark_before(anchor * DAY)
        mark = self._store.mark(anchor * DAY, today * DAY)
        silence = sorted((line.until, key) for key, line in lines.items() if line.until < today * DAY * 1000)
        whole = (first, today, anchor, before, mark, silence)
        if whole == self._whole:
            return
        marks = self._store.marks(anchor * DAY, today * DAY)
        seen = {day: (marks.get(day), _silent_in(silence, day)) for day in range(anchor, today)}
        good = self._before == (anchor, before)
        for day in range(anchor, today):
            good = good and day in self._days and (self._days[day].mark, self._days[day].silence) == seen[day]
            if not good:
                self._days.pop(day, None)
        self._days = {day: kept for day, kept in self._days.items() if first <= day < today}
        self._before = first, first_before
        missing = next((day for day in range(first, today) if day not in self._days), today)
        if missing < today:
            self._days |= self._counted(missing, today, lines, seen)
        self._whole = whole

    def _counted(
        self, first: int, end: int, lines: Mapping[Key, Line], seen: Mapping[int, tuple[int | None, Silence]]
    ) -> dict[int, _Day]:
        boundaries = self._store.boundaries(first * DAY, end * DAY)
        timelines = Timelines(self._catalogue, boundaries, lines, first * DAY, end * DAY)
        whole = {system: _pieces(timelines.system(system)) for system in self._catalogue.systems}
        days = {}
        for day in range(first, end):
            pieces = {system: _within(line, day * DAY, (day + 1) * DAY) for system, line in whole.items()}
            days[day] = _Day(*seen[day], pieces, {system: _seconds(line) for system, line in pieces.items()})
        return days


def _silent_in(silence: Sequence[tuple[int, Key]], day: int) -> Silence:
    """The lines that have been silent since some instant before the end of a day, and are still."""
    return tuple(silence[: bisect_left(silence, ((day + 1) * DAY * 1000,))])


def _sum(
    days: Mapping[int, _Day], system: str, lately: Sequence[Piece], period: tuple[int, int], today: int
) -> Seconds:
    start, end = period
    parts = [_seconds(_within(lately, max(start, today * DAY), end))]
    first, offset = divmod(start, DAY)
    if offset and first < today:
        parts.append(_seconds(_within(days[first].pieces[system], start, (first + 1) * DAY)))
        first += 1
    parts.extend(days[day].seconds[system] for day in range(first, today))
    return dict(zip(_STATES, map(sum, zip(*parts, strict=True)), strict=True))


def _pieces(line: Sequence[Interval]) -> list[Piece]:
    return [(start, end, _NUMBER[state]) for start, end, state, _, _ in line]


def _within(line: Sequence[Piece], start: int, end: int) -> list[Piece]:
    """The parts of a line in [start, end)."""
    return [
        (max(begin, start), min(finish, end), state) for begin, finish, state in line if begin < end and finish > start
    ]


def _seconds(line: Sequence[Piece]) -> tuple[int, ...]:
    found = [0] * len(_STATES)
    for start, end, state in line:
        found[state] += end - start
    return tuple(found)

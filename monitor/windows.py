"""How long each system was in each state in windows that end now, without counting their whole past at each look.

Days (of UTC) that are over are counted once and kept. Before a kept day is used again, the store says a mark of it: a
sum over its boundaries, which is another one as soon as an outcome that came late, or a rebuild, has changed any of
them. Then that day and those after it, into which it carries its states, are counted anew. So what is said is always
what a count of all boundaries would say.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TypeAlias

from monitor.availability import seconds
from monitor.catalogue import Catalogue
from monitor.judge import Interval, Line
from monitor.model import State
from monitor.status import DAY, Key, Timelines
from monitor.store import Store

Seconds: TypeAlias = Mapping[State, int]
Silence: TypeAlias = tuple[tuple[int, Key], ...]


@dataclass(frozen=True, slots=True)
class _Day:
    """A day that is over, with that by which one sees that it is still so."""

    mark: int | None
    silence: Silence
    intervals: Mapping[str, Sequence[Interval]]
    seconds: Mapping[str, Seconds]


class Windows:
    """Of one catalogue and store. Threads may share it."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue, self._store = catalogue, store
        self._lock = Lock()
        self._days: dict[int, _Day] = {}
        self._before: tuple[int, int] | None = None  # a day, and the mark of what was in force when it began

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
        lately = {system: recent.system(system) for system in self._catalogue.systems}
        return {
            name: {system: _sum(days, system, intervals, (start, end), today) for system, intervals in lately.items()}
            for name, start in starts.items()
        }

    def _bring_up_to_date(self, first: int, today: int, lines: Mapping[Key, Line]) -> None:
        """Keep the days from `first` to the one before `today`, and count those anew that are not as they were."""
        anchor = min(first, self._before[0]) if self._before else first
        first_before = self._store.mark_before(first * DAY)  # what is checked below was so even after this
        before = first_before if anchor == first else self._store.mark_before(anchor * DAY)
        marks = self._store.marks(anchor * DAY, today * DAY)
        silence = sorted((line.until, key) for key, line in lines.items() if line.until < today * DAY * 1000)
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

    def _counted(
        self, first: int, end: int, lines: Mapping[Key, Line], seen: Mapping[int, tuple[int | None, Silence]]
    ) -> dict[int, _Day]:
        boundaries = self._store.boundaries(first * DAY, end * DAY)
        timelines = Timelines(self._catalogue, boundaries, lines, first * DAY, end * DAY)
        whole = {system: timelines.system(system) for system in self._catalogue.systems}
        days = {}
        for day in range(first, end):
            intervals = {system: _within(line, day * DAY, (day + 1) * DAY) for system, line in whole.items()}
            days[day] = _Day(*seen[day], intervals, {system: seconds(line) for system, line in intervals.items()})
        return days


def _silent_in(silence: Sequence[tuple[int, Key]], day: int) -> Silence:
    """The lines that have been silent since some instant before the end of a day, and are still."""
    return tuple(silence[: bisect_left(silence, ((day + 1) * DAY * 1000,))])


def _sum(
    days: Mapping[int, _Day], system: str, lately: Sequence[Interval], period: tuple[int, int], today: int
) -> Seconds:
    start, end = period
    total: Counter[State] = Counter(dict.fromkeys(State, 0))
    first, offset = divmod(start, DAY)
    if offset and first < today:
        total.update(seconds(_within(days[first].intervals[system], start, today * DAY)))
        first += 1
    for day in range(first, today):
        total.update(days[day].seconds[system])
    total.update(seconds(_within(lately, max(start, today * DAY), end)))
    return total


def _within(line: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """The parts of a line in [start, end)."""
    return [
        interval._replace(start=max(interval.start, start), end=min(interval.end, end))
        for interval in line
        if interval.start < end and interval.end > start
    ]

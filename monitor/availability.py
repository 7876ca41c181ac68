"""Lines put together, and seconds counted: docs/figures.md, sections 3, 4, 6 and 7.

Pure, and exact: seconds are integers, ratios are fractions. What goes in are the intervals of `judge.timeline`: of each
line one list over the same period, in order and without gaps; where a list says nothing, there is no data.

A figure is the sum of the pieces that `explain` lists: there is no other way to count.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import accumulate, pairwise
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from monitor.judge import Interval
from monitor.model import Reason, Settings, State, Verdict, verdict_of
from monitor.spans import Span, subtract, union
from monitor.words import STATES, duration

Timeline: TypeAlias = Sequence[Interval]

# Looked up once: Python 3.11 calls a function for every State.UP, and there are millions.
_UP, _DEGRADED, _DOWN, _NO_DATA = State.UP, State.DEGRADED, State.DOWN, State.NO_DATA

GOOD = frozenset({_UP, _DEGRADED})
BAD = frozenset({_DOWN, _DEGRADED})


def quorum(lines: Sequence[Timeline], k: int | None, start: int, end: int) -> list[Interval]:
    """The line of a check from those of its locations, over [start, end) (section 3).

    `k` locations must see it down; None: more than half of those that report in that second. Down somewhere without
    enough to say so is no state of its own. Raises ValueError for a k that the locations can never reach.
    """
    if k is not None and not 1 <= k <= len(lines):
        raise ValueError(f"a quorum of {k} is impossible with {len(lines)} locations")

    def state(seen: _Counts) -> State:
        down, silent, degraded = seen[_DOWN], seen[_NO_DATA], seen[_DEGRADED]
        reporting = len(lines) - silent
        needed = reporting // 2 + 1 if k is None else k
        if down >= needed:
            return _DOWN
        if not reporting or (down and reporting < needed):
            return _NO_DATA
        return _DEGRADED if down + degraded >= min(needed, reporting) else _UP

    return _combine(lines, (), state, start, end)


def compose(critical: Sequence[Timeline], others: Sequence[Timeline], start: int, end: int) -> list[Interval]:
    """The line of a system from those of its checks, over [start, end) (section 4).

    It is the worst of the critical ones; others make it degraded at most, and without data they are ignored. Raises
    ValueError for a system without a critical check.
    """
    if not critical:
        raise ValueError("a system without a critical check has no line")

    def worst(seen: _Counts) -> State:
        if seen[_DOWN]:
            return _DOWN
        if seen[_NO_DATA]:
            return _NO_DATA
        return _DEGRADED if seen[_DEGRADED] else _UP

    return _combine(critical, others, worst, start, end)


_Counts: TypeAlias = Mapping[State, int]
"""How many lines are in each state."""


def _combine(
    lines: Sequence[Timeline],
    others: Sequence[Timeline],
    state_of: Callable[[_Counts], State],
    start: int,
    end: int,
) -> list[Interval]:
    """One line out of several, in one sweep over their changes; of `others` a bad one counts as degraded, else as up.

    An interval has the reason and step of the member that has been bad for longest.
    """
    combined: list[Interval] = []
    members: list[Interval | None] = [None] * (len(lines) + len(others))
    counted = [_NO_DATA] * len(lines) + [_UP] * len(others)
    counts = dict.fromkeys(State, 0) | {_NO_DATA: len(lines), _UP: len(others)}
    changes = [*_changes(lines, start, end, _CRITICAL), *_changes(others, start, end, _OTHER, len(lines))]
    changes.sort(key=_FROM)
    now: State | None = None
    begin, cause, at = start, (), start
    for second, number, member, state in [*changes, (end, 0, None, _NO_DATA)]:
        if second > at:
            if (since_at := state_of(counts)) is not now:
                if now is not None:
                    combined.append(Interval(begin, at, now, *cause))
                begin, now = at, since_at
                cause = () if since_at is _UP else _cause(members, since_at, at)
            at = second
        counts[counted[number]] -= 1
        counts[state] += 1
        members[number], counted[number] = member, state
    if now is not None:
        combined.append(Interval(begin, end, now, *cause))
    return combined


_CRITICAL = {state: state for state in State}
_OTHER = {state: _DEGRADED if state in BAD else _UP for state in State}
"""As which state a line in each state counts."""


def _changes(
    lines: Sequence[Timeline], start: int, end: int, counts_as: Mapping[State, State], first: int = 0
) -> Iterator[tuple[int, int, Interval | None, State]]:
    """The seconds of [start, end) from which on a line is in an interval, and as what it counts.

    Lines are numbered from `first` on. Where one says nothing it has no interval: no data.
    """
    nothing = counts_as[_NO_DATA]
    for number, line in enumerate(lines, first):
        at = start
        for interval in _within(line, start, end):
            begin, finish, state, _, _ = interval
            if begin > at:
                yield at, number, None, nothing
            yield begin, number, interval, counts_as[state]
            at = finish
        if at < end:
            yield at, number, None, nothing


def _cause(members: Iterable[Interval | None], state: State, at: int) -> tuple[Any, ...]:
    """Reason and step of the member that has been for longest what makes the whole bad.

    A line that says nothing has been so since `at`.
    """
    why = BAD if state is _DEGRADED else (state,)
    first: Interval | None = None
    for member in members:
        here = member or Interval(at, at, _NO_DATA)
        if here.state in why and (first is None or here.start < first.start):
            first = here
    return first[3:] if first else ()


_START, _END = attrgetter("start"), attrgetter("end")


def _within(line: Timeline, start: int, end: int) -> Timeline:
    """The intervals of a line that have seconds in [start, end), whole."""
    if start >= end:
        return ()
    return line[bisect_right(line, start, key=_END) : bisect_left(line, end, key=_START)]


def clip(line: Timeline, start: int, end: int) -> list[Interval]:
    """The part of a line that lies in [start, end)."""
    inside = list(_within(line, start, end))
    if inside and inside[0].start < start:
        inside[0] = inside[0]._replace(start=start)
    if inside and inside[-1].end > end:
        inside[-1] = inside[-1]._replace(end=end)
    return inside


# --- counting --------------------------------------------------------------------------------------------------------


def seconds(intervals: Iterable[Interval]) -> dict[State, int]:
    """How many seconds the line spent in each state; every state is a key."""
    counted = dict.fromkeys(State, 0)
    for interval in intervals:
        counted[interval.state] += interval.end - interval.start
    return counted


def availability(counted: Mapping[State, int]) -> Fraction | None:
    """(observed - down) / observed, exact; degraded is available. None, "no data", where nothing was observed."""
    good = sum(counted[s] for s in GOOD)
    return ratio(good, good + counted[_DOWN])


def coverage(counted: Mapping[State, int]) -> Fraction | None:
    """observed / all, exact; None for an empty set of seconds."""
    whole = sum(counted.values())
    return ratio(whole - counted[_NO_DATA], whole)


def ratio(part: int, whole: int) -> Fraction | None:
    """An exact fraction; 0/0 is no data, never 0 or 100 % (section 6)."""
    return Fraction(part, whole) if whole else None


def percent(fraction: Fraction, decimals: int = 2) -> str:
    """A share as people read it here, rounded DOWN to the decimals shown (section 6): "99,95%"."""
    return _written(math.floor(fraction * 100 * 10**decimals), decimals)


def percent_up(fraction: Fraction, decimals: int = 2) -> str:
    """A rate of errors as people read it here, rounded UP to the decimals shown (section 6): "0,01%"."""
    return _written(math.ceil(fraction * 100 * 10**decimals), decimals)


def duration_up(seconds: Fraction | int) -> str:
    """A mean time in its two largest units, rounded UP to the smaller one (section 6): "14 giờ 30 phút"."""
    whole = math.ceil(seconds)
    if whole >= 3600:
        whole += -whole % 60
    if whole >= 86_400:
        whole += -whole % 3600
    return duration(whole)


def _written(units: int, decimals: int) -> str:
    whole, rest = divmod(units, 10**decimals)
    return f"{whole},{rest:0{decimals}d}%" if decimals else f"{whole}%"


# --- whose a down second is -------------------------------------------------------------------------------------------


class Stretch(NamedTuple):
    """Down seconds [start, end) of one cause.

    `root` is the system at the root of it, `since` the second in which the outage of `root` began, `party` who answers
    for it. Where `root` is the system itself, the seconds are its own; else it was unreachable through its parent.
    """

    start: int
    end: int
    root: str
    since: int
    party: str


class Outage(NamedTuple):
    """An outage of a system, true start and end, whatever period is looked at (section 7).

    Its `stretches` are its down seconds; what lies between them is silence. Reason and step are those of its first
    second. `ongoing`: nothing good has been seen since.
    """

    system: str
    start: int
    end: int  # the end of the last down second
    stretches: tuple[Stretch, ...]
    reason: Reason | None = None
    step: str | None = None
    ongoing: bool = False

    @property
    def seconds(self) -> int:
        """Its duration: its down seconds."""
        return sum([end - start for start, end, *_ in self.stretches])

    @property
    def own(self) -> tuple[Stretch, ...]:
        """The part that is the system's own: it reaches to the end, and may be empty."""
        return tuple(s for s in self.stretches if s.root == self.system)

    @property
    def through_parent(self) -> int:
        """The down seconds that are a parent's, listed beside."""
        return sum(s.end - s.start for s in self.stretches if s.root != self.system)

    @property
    def party(self) -> str:
        """The party of its first second."""
        return self.stretches[0].party

    def seconds_in(self, start: int, end: int) -> int:
        """Its down seconds in [start, end): they are split at the edges of periods."""
        if start <= self.start and self.end <= end:
            return self.seconds
        return sum(max(0, min(s.end, end) - max(s.start, start)) for s in self.stretches)


class Attribution(NamedTuple):
    """A person's decision that the down seconds of a system in [start, end) are a party's; the latest one wins."""

    decided_at: int
    system: str
    start: int
    end: int
    party: str


def grace(child: Iterable[Settings], parent: Iterable[Settings]) -> int:
    """g of section 4 in whole seconds: the longest interval + timeout, of one check, among the critical ones of both.

    Down seconds are whole, so they are at most g apart exactly if they are at most the whole part of g apart.
    """
    return max((round(1000 * s.interval) + round(1000 * s.timeout)) // 1000 for s in (*child, *parent))


class Bond(NamedTuple):
    """Seconds [start, end) in which one party answers for a system, and it hangs on these parents, each with its g."""

    start: int
    end: int
    party: str
    parents: Mapping[str, int]


def outages(
    lines: Mapping[str, Timeline],
    depends_on: Mapping[str, Collection[str]],
    grace_of: Callable[[str, str], int],
    party_of: Mapping[str, str],
    decisions: Iterable[Attribution] = (),
    bonds: Mapping[str, Sequence[Bond]] = MappingProxyType({}),
    *,
    now: int,
) -> dict[str, list[Outage]]:
    """The outages of every system in order, each second with its root cause and its party (sections 4 and 7).

    The lines reach back before the period of interest, until no outage is cut, and end at `now`; a line that ends
    before is that of a system that no longer counts. `grace_of` takes child and parent. A parent without a line takes
    nothing. Raises ValueError where systems depend on one another in a circle, KeyError for one without a party.

    An outage that shares a down second with an outage of a parent is the parents' second by second from its first one,
    as long as a parent is down at most g seconds before or after; only the outage's own down seconds are asked, not
    the silence within it. From the first second where none is, it is the system's own. Where several parents are down,
    the one is named

    - that is down in that very second, before one that only was or will be;
    - then the one whose outage began first, then the first by id.

    Root cause and party are those of the named parent's nearest down second, of two equally near the earlier.
    A decision about a system holds for its seconds, and for those that others owe to them.

    `bonds` are the terms of systems for which they have changed, in order and without gaps, in place of g and party: a
    second is judged by those that are in force in it, whatever the parent's down second is that is near. `depends_on`
    has all parents that there ever were.
    """
    graph = {system: sorted({p for p in depends_on.get(system, ()) if p in lines}) for system in lines}
    decided = _decided(decisions)
    reached: dict[tuple[str, int], list[_Reach]] = {}
    found: dict[str, list[Outage]] = {}
    for system in TopologicalSorter(graph).static_order():
        parties: Sequence[tuple[int, int, str]] = ()
        if of := bonds.get(system):
            reaches = [_bound(parent, found[parent], of) for parent in graph[system]]
            parties = [(bond.start, bond.end, bond.party) for bond in of]
        else:
            keys = [(parent, grace_of(system, parent)) for parent in graph[system]]
            for key in keys:
                if key not in reached:
                    reached[key] = _reaches(key[0], found[key[0]], key[1])
            reaches = [reached[key] for key in keys]
        found[system] = [
            _outage(system, downs, ongoing, reaches, party_of[system], decided.get(system, ()), parties)
            for downs, ongoing in _in_one_piece(lines[system], now)
        ]
    return {system: found[system] for system in lines}


class _Starts(Protocol):
    @property
    def start(self) -> int: ...


_Started = TypeVar("_Started", bound=_Starts)


def starting(items: Iterable[_Started], start: int, end: int) -> list[_Started]:
    """The outages or incidents that are counted in the period [start, end): those that start in it (section 7)."""
    return [item for item in items if start <= item.start < end]


class _Reach(NamedTuple):
    """Seconds [start, end) whose nearest down second of a parent is in `stretch`, itself one or at most g away."""

    start: int
    end: int
    near: bool  # not down itself
    began: int  # the start of the parent's outage
    parent: str
    stretch: Stretch


def _reaches(parent: str, found: Sequence[Outage], g: int) -> list[_Reach]:
    """All seconds that a parent may take, in order."""
    stretches = [(outage.start, stretch) for outage in found for stretch in outage.stretches]
    # Of two stretches the earlier one has the seconds up to the middle between its last and the other's first one.
    middles = [(before.end - 1 + after.start) // 2 + 1 for (_, before), (_, after) in pairwise(stretches)]
    made: list[_Reach] = []
    for (began, stretch), low, high in zip(stretches, [-math.inf, *middles], [*middles, math.inf], strict=False):
        first, last = int(max(stretch.start - g, low)), int(min(stretch.end + g, high))
        for start, end, near in (
            (first, stretch.start, True),
            (stretch.start, stretch.end, False),
            (stretch.end, last, True),
        ):
            if start < end:
                made.append(_Reach(start, end, near, began, parent, stretch))
    return made


def _bound(parent: str, found: Sequence[Outage], bonds: Iterable[Bond]) -> list[_Reach]:
    """The seconds that a parent may take of a child whose terms have changed: those in which it hangs on the parent."""
    return [
        reach._replace(start=max(reach.start, bond.start), end=min(reach.end, bond.end))
        for bond in bonds
        if parent in bond.parents
        for reach in _reaches(parent, found, bond.parents[parent])
        if max(reach.start, bond.start) < min(reach.end, bond.end)
    ]


def _in_one_piece(line: Timeline, now: int) -> list[tuple[list[Interval], bool]]:
    """The down intervals of each outage, and whether it may go on: silence neither ends nor parts it (section 7)."""
    pieces: list[list[Interval]] = []
    is_open = False
    for interval in line:
        if interval.state is _DOWN:
            if not is_open:
                pieces.append([])
            pieces[-1].append(interval)
            is_open = True
        elif interval.state is not _NO_DATA:
            is_open = False
    is_open = is_open and line[-1].end >= now
    return [(piece, is_open and piece is pieces[-1]) for piece in pieces]


def _outage(
    system: str,
    downs: Sequence[Interval],
    ongoing: bool,
    reaches: Sequence[Sequence[_Reach]],
    party: str,
    decided: Sequence[tuple[int, int, str]],
    parties: Sequence[tuple[int, int, str]] = (),
) -> Outage:
    first = downs[0]
    reaches = [_about(parent, first.start, downs[-1].end) for parent in reaches]
    if not any(_shares_a_second(downs, parent) for parent in reaches):
        reaches = ()
    if len(downs) == 1 and not (reaches or decided or parties):  # as a rule
        own = Stretch(first.start, first.end, system, first.start, party)
        return Outage(system, first.start, first.end, (own,), first.reason, first.step, ongoing)
    stretches: list[Stretch] = []
    taken = _taken(downs, reaches)
    if parties:
        taken = _parted(taken, parties)
    for start, end, reach in taken:
        if parties and not reach:
            party = next(of for begin, finish, of in parties if begin <= start < finish)
        cause = reach.stretch if reach else Stretch(start, end, system, first.start, party)
        for begin, finish, decision in _cut(start, end, decided):
            stretch = Stretch(begin, finish, cause.root, cause.since, decision[2] if decision else cause.party)
            if stretches and stretches[-1].end == begin and stretches[-1][2:] == stretch[2:]:
                stretches[-1] = stretches[-1]._replace(end=finish)
            else:
                stretches.append(stretch)
    return Outage(system, first.start, downs[-1].end, tuple(stretches), first.reason, first.step, ongoing)


def _taken(downs: Sequence[Interval], reaches: Sequence[Sequence[_Reach]]) -> Iterator[tuple[int, int, _Reach | None]]:
    """The down seconds of an outage, with the parent that takes them; None from where it is the system's own.

    Some parent shares a second with it, or there are none.
    """
    taken = bool(reaches)
    for down in downs:
        at = down.start
        while taken and at < down.end:
            here = [next(_cut(at, down.end, parent)) for parent in reaches]
            candidates = [reach for *_, reach in here if reach]
            taken = bool(candidates)
            if taken:
                end = min(finish for _, finish, _ in here)
                yield at, end, min(candidates, key=lambda r: (r.near, r.began, r.parent))
                at = end
        if at < down.end:
            yield at, down.end, None


_Range = TypeVar("_Range", bound=tuple[Any, ...])  # start, end and what else is known of it


def _about(ranges: Sequence[_Range], start: int, end: int) -> Sequence[_Range]:
    """Those of the sorted, disjoint ranges that have seconds in [start, end)."""
    return ranges[bisect_right(ranges, start, key=_TO) : bisect_left(ranges, end, key=_FROM)]


def _parted(
    taken: Iterable[tuple[int, int, _Reach | None]], parties: Sequence[tuple[int, int, str]]
) -> Iterator[tuple[int, int, _Reach | None]]:
    """The same, with what is the system's own cut where another party answers for it."""
    for start, end, reach in taken:
        if reach:
            yield start, end, reach
        else:
            yield from ((begin, finish, None) for begin, finish, _ in _cut(start, end, parties))


def _shares_a_second(downs: Sequence[Interval], reaches: Sequence[_Reach]) -> bool:
    """Whether a parent is down itself in some down second."""
    return any(
        not reach.near and reach.start < down.end and down.start < reach.end for reach in reaches for down in downs
    )


def _decided(decisions: Iterable[Attribution]) -> dict[str, list[tuple[int, int, str]]]:
    """What was decided about each system at last: disjoint ranges in order, each with its party."""
    decided: dict[str, list[tuple[int, int, str]]] = {}
    for decision in sorted(decisions, reverse=True):
        known = decided.setdefault(decision.system, [])
        free = subtract(union([(decision.start, decision.end)]), union((start, end) for start, end, _ in known))
        known.extend((start, end, decision.party) for start, end in free)
    return {system: sorted(known) for system, known in decided.items()}


def _cut(start: int, end: int, ranges: Sequence[_Range]) -> Iterator[tuple[int, int, _Range | None]]:
    """[start, end) in parts, each with that of the sorted, disjoint ranges in which it lies; None: in none."""
    for here in _about(ranges, start, end) if ranges and start < end else ():
        if start < here[0]:
            yield start, here[0], None
        finish = min(end, here[1])
        yield max(start, here[0]), finish, here
        start = finish
    if start < end:
        yield start, end, None


_FROM, _TO = itemgetter(0), itemgetter(1)


# --- the three availabilities -----------------------------------------------------------------------------------------

NO_FIGURE = STATES[_NO_DATA].lower()
"""What stands where a figure would be 0/0."""

ENOUGH = Fraction(95, 100)
"""The coverage below which a figure is provisional."""


class Kind(StrEnum):
    RAW = "raw"
    CONTRACTUAL = "contractual"
    OFFICE = "office"


class Exclusion(StrEnum):
    """Why a second of the period is not in the set of a figure."""

    MAINTENANCE = "maintenance"
    OTHER_PARTY = "other_party"
    OUTSIDE_HOURS = "outside_hours"


@dataclass(frozen=True)
class Basis:
    """Which of the scheduled seconds a figure is about (section 6): see `RAW`, `contractual` and `office`.

    `spans` are sorted and disjoint; a second inside them, outside them, is left out for the reason given. `party`: the
    down seconds of another one are left out as well. `unconfirmed`: it hangs on a year of a calendar that is not
    official yet.
    """

    kind: Kind
    spans: tuple[Span, ...] = ()
    inside: Exclusion | None = None
    outside: Exclusion | None = None
    party: str | None = None
    unconfirmed: bool = False

    def of(self, cause: Stretch | None) -> Exclusion | None:
        """Why down seconds of this cause are left out, wherever they lie."""
        if self.party is None or cause is None or cause.party == self.party:
            return None
        return Exclusion.OTHER_PARTY

    def kept(self, start: int, end: int) -> int:
        """How many of the seconds [start, end) are not left out for where they lie."""
        if not self.inside and not self.outside:
            return end - start
        spans, starts, lengths = self.spans, self._starts, self._lengths
        within = 0
        if place := bisect_right(starts, end):  # the seconds of spans before `end`, less those before `start`
            begin, finish = spans[place - 1]
            within = lengths[place - 1] + min(finish, end) - begin
        if place := bisect_right(starts, start, 0, place):
            begin, finish = spans[place - 1]
            within -= lengths[place - 1] + min(finish, start) - begin
        return within if self.outside else end - start - within

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.spans]

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        """How many seconds the spans before each span have."""
        return tuple(accumulate((end - start for start, end in self.spans), initial=0))


RAW = Basis(Kind.RAW)


def contractual(party: str, maintenance: Iterable[Span], *, unconfirmed: bool = False) -> Basis:
    """Without the seconds of valid maintenance and the down seconds of another party than the contract's.

    A second that is both leaves once, as maintenance.
    """
    return Basis(
        Kind.CONTRACTUAL, tuple(union(maintenance)), inside=Exclusion.MAINTENANCE, party=party, unconfirmed=unconfirmed
    )


def office(hours: Iterable[Span], *, unconfirmed: bool = False) -> Basis:
    """Inside the service hours."""
    return Basis(Kind.OFFICE, tuple(union(hours)), outside=Exclusion.OUTSIDE_HOURS, unconfirmed=unconfirmed)


class Piece(NamedTuple):
    """Seconds [start, end) of a period and what became of them in a figure.

    `excluded` None: they are in its set. Down seconds have their root cause, another system if the one looked at was
    unreachable through its parent, and the party that answers for them.
    """

    start: int
    end: int
    state: State
    excluded: Exclusion | None = None
    root: str | None = None
    party: str | None = None


@dataclass(frozen=True)
class Figure:
    """One availability: whole seconds of its set, and those of the period that are not in it.

    `down_seconds`, `no_data_seconds` and `degraded_seconds` are within `set_seconds`.
    """

    kind: Kind
    set_seconds: int
    down_seconds: int
    no_data_seconds: int
    degraded_seconds: int
    maintenance_seconds: int = 0
    other_party_seconds: int = 0
    outside_hours_seconds: int = 0
    unconfirmed: bool = False

    @property
    def observed_seconds(self) -> int:
        return self.set_seconds - self.no_data_seconds

    @property
    def available_seconds(self) -> int:
        """Up and degraded."""
        return self.observed_seconds - self.down_seconds

    @cached_property
    def availability(self) -> Fraction | None:
        """(observed - down) / observed, exact; None is "no data"."""
        return ratio(self.available_seconds, self.observed_seconds)

    @cached_property
    def coverage(self) -> Fraction | None:
        """observed / set, exact; None for an empty set."""
        return ratio(self.observed_seconds, self.set_seconds)

    @property
    def provisional(self) -> bool:
        """Whether coverage is below 95 % (at exactly 95 % it is not), or a year of the calendar is unconfirmed."""
        return self.unconfirmed or (self.coverage is not None and self.coverage < ENOUGH)

    def text(self, decimals: int = 2) -> str:
        """The availability as people read it, rounded DOWN: "99,95%", "không có dữ liệu"."""
        return NO_FIGURE if self.availability is None else percent(self.availability, decimals)


def scheduled(period: Span, life: Span, now: int) -> Span:
    """The scheduled seconds: the period within the system's life, a running one up to `now`; start = end if none."""
    start = max(period[0], life[0])
    return start, max(start, min(period[1], life[1], now))


def explain(line: Timeline, period: Span, basis: Basis = RAW, found: Iterable[Outage] = ()) -> list[Piece]:
    """Every second of the scheduled `period`, in order, with what became of it in the figure.

    The pieces that are not excluded add up to the figure's set, all of them to the period. `found` are the line's
    outages; without them no down second is another party's.
    """
    return [
        Piece(begin, finish, state, (basis.inside if span else basis.outside) or basis.of(cause), *_labels(cause))
        for start, end, state, cause in _causes(line, period, found)
        for begin, finish, span in _cut(start, end, basis.spans)
    ]


def figure(line: Timeline, period: Span, basis: Basis = RAW, found: Iterable[Outage] = ()) -> Figure:
    """Count what `explain` lists, without listing it: of a line that is mostly up, only what is not."""
    start, end = period
    down = degraded = no_data = other_party = 0
    stretches = sorted(stretch for o in found for stretch in o.stretches if basis.of(stretch)) if basis.party else ()
    kept = basis.kept if basis.inside or basis.outside else _length
    at = start
    for begin, finish, state, _, _ in clip(line, start, end):
        if begin > at:
            no_data += kept(at, begin)
        at = finish
        if state is _UP:
            continue
        seconds = kept(begin, finish)
        if state is _DEGRADED:
            degraded += seconds
        elif state is _NO_DATA:
            no_data += seconds
        else:
            down += seconds
            if stretches:
                other_party += sum(kept(*piece) for *piece, cause in _cut(begin, finish, stretches) if cause)
    if at < end:
        no_data += kept(at, end)
    in_place = kept(start, end)
    left_out = end - start - in_place
    maintenance, outside = (left_out, 0) if basis.inside else (0, left_out)
    return Figure(
        basis.kind,
        in_place - other_party,
        down - other_party,
        no_data,
        degraded,
        maintenance,
        other_party,
        outside,
        basis.unconfirmed,
    )


def _length(start: int, end: int) -> int:
    return end - start


def _causes(line: Timeline, period: Span, found: Iterable[Outage]) -> Iterator[tuple[int, int, State, Stretch | None]]:
    """The line over the period without gaps, a down part with the stretch of the outages in which it lies."""
    stretches = sorted(stretch for outage in found for stretch in outage.stretches)
    for start, end, interval in _cut(*period, line):
        state = interval.state if interval else _NO_DATA
        if state is _DOWN and stretches:
            for begin, finish, cause in _cut(start, end, stretches):
                yield begin, finish, state, cause
        else:
            yield start, end, state, None


def _labels(cause: Stretch | None) -> tuple[str, str] | tuple[()]:
    return (cause.root, cause.party) if cause else ()


# --- what was promised ------------------------------------------------------------------------------------------------


class SlaVerdict(StrEnum):
    """What became of an objective."""

    MET = "met"
    BROKEN = "broken"
    NO_DATA = "no_data"


@dataclass(frozen=True)
class Sla:
    """A figure held against its objective: the verdict, and the error budget in exact seconds."""

    objective: Fraction
    verdict: SlaVerdict
    allowed: Fraction  # down seconds: (1 - objective) x observed
    spent: int

    @property
    def left(self) -> Fraction:
        """Below zero once the objective is broken."""
        return self.allowed - self.spent


def sla(counted: Figure, objective: Fraction) -> Sla:
    """Hold a figure against its objective, on exact fractions; reached exactly is met.

    Raises ValueError for an objective that is no share above 0.
    """
    if not 0 < objective <= 1:
        raise ValueError(f"an objective of {objective} is out of range: above 0, at most 1")
    if counted.availability is None:
        verdict = SlaVerdict.NO_DATA
    else:
        verdict = SlaVerdict.MET if counted.availability >= objective else SlaVerdict.BROKEN
    return Sla(objective, verdict, (1 - objective) * counted.observed_seconds, counted.down_seconds)


# --- rates of errors --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ErrorRate:
    """The error rate of checks: of the first tries (try 1) that were conclusive, those that failed (section 7).

    `failed` counts them by reason. What was inconclusive or lost is in neither number. `rechecks` are counted beside
    and in no rate. The real traffic's rate is a figure of its own: the two are never added.

    Raises ValueError for numbers that cannot be: more failed than conclusive, or a reason that is no failure.
    """

    conclusive: int
    failed: Mapping[Reason, int]
    rechecks: int = 0

    def __post_init__(self) -> None:
        wrong = [reason for reason in self.failed if verdict_of(reason) is not Verdict.DOWN]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: no reason of a failed try")
        if min(self.failed.values(), default=0) < 0 or sum(self.failed.values()) > self.conclusive:
            raise ValueError("more first tries failed than were conclusive, or fewer than none")

    @property
    def rate(self) -> Fraction | None:
        """Exact; None, "no data", where no first try was conclusive."""
        return ratio(sum(self.failed.values()), self.conclusive)

    def of(self, reason: Reason) -> Fraction | None:
        """The part of the rate that is due to one reason; the parts add up to it."""
        return ratio(self.failed.get(reason, 0), self.conclusive)

    def text(self, decimals: int = 2) -> str:
        """As people read it, rounded UP: "0,01%", "không có dữ liệu"."""
        return NO_FIGURE if self.rate is None else percent_up(self.rate, decimals)

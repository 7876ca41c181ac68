"""Lines put together, and seconds counted: docs/figures.md, sections 3, 4 and 6.

Pure, and exact: seconds are integers, ratios are fractions. What goes in are the intervals of `judge.timeline`: of each
line one list over the same period, in order and without gaps; where a list says nothing, there is no data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from monitor.judge import Interval
from monitor.model import State

Timeline: TypeAlias = Sequence[Interval]

GOOD = frozenset({State.UP, State.DEGRADED})


def quorum(lines: Sequence[Timeline], k: int | None, start: int, end: int) -> list[Interval]:
    """The line of a check from those of its locations, over [start, end) (section 3).

    `k` locations must see it down; None: more than half of those that report in that second. Down somewhere without
    enough to say so is no state of its own. Raises ValueError for a k that the locations can never reach.
    """
    if k is not None and not 1 <= k <= len(lines):
        raise ValueError(f"a quorum of {k} is impossible with {len(lines)} locations")

    def state(seen: Sequence[State]) -> State:
        reporting = sum(s is not State.NO_DATA for s in seen)
        down, degraded = seen.count(State.DOWN), seen.count(State.DEGRADED)
        needed = reporting // 2 + 1 if k is None else k
        if down >= needed:
            return State.DOWN
        if not reporting or (down and reporting < needed):
            return State.NO_DATA
        return State.DEGRADED if down + degraded >= min(needed, reporting) else State.UP

    return _combine(lines, state, start, end)


_WORST_FIRST = (State.DOWN, State.NO_DATA, State.DEGRADED, State.UP)


def compose(critical: Sequence[Timeline], others: Sequence[Timeline], start: int, end: int) -> list[Interval]:
    """The line of a system from those of its checks, over [start, end) (section 4).

    It is the worst of the critical ones; others make it degraded at most, and without data they are ignored. Raises
    ValueError for a system without a critical check.
    """
    if not critical:
        raise ValueError("a system without a critical check has no line")

    def state(seen: Sequence[State]) -> State:
        worst = min(seen[: len(critical)], key=_WORST_FIRST.index)
        spoilt = any(s in (State.DOWN, State.DEGRADED) for s in seen[len(critical) :])
        return State.DEGRADED if worst is State.UP and spoilt else worst

    return _combine([*critical, *others], state, start, end)


def _combine(
    lines: Sequence[Timeline], state_of: Callable[[Sequence[State]], State], start: int, end: int
) -> list[Interval]:
    """One line out of several; an interval has the reason and step of the member that has been bad for longest."""
    combined: list[Interval] = []
    for begin, finish, members in _slices(lines, start, end):
        state = state_of([m.state for m in members])
        if combined and combined[-1].state is state:
            combined[-1] = combined[-1]._replace(end=finish)
            continue
        cause = min((m for m in members if _explains(m.state, state)), key=lambda m: m.start, default=None)
        combined.append(Interval(begin, finish, state, *(cause[3:] if cause else ())))
    return combined


def _explains(member: State, state: State) -> bool:
    """Whether a member in this state may be the reason for the whole; a good whole has no reason."""
    if state is State.DEGRADED:
        return member in (State.DEGRADED, State.DOWN)
    return member is state is not State.UP


def _slices(lines: Sequence[Timeline], start: int, end: int) -> Iterator[tuple[int, int, list[Interval]]]:
    """[begin, finish) in which no line changes, with the interval that each line is in."""
    edges = sorted({start, end} | {i.start for line in lines for i in line} | {i.end for line in lines for i in line})
    edges = [edge for edge in edges if start <= edge <= end]
    places = [0] * len(lines)
    for begin, finish in pairwise(edges):
        members = []
        for number, line in enumerate(lines):
            while places[number] < len(line) and line[places[number]].end <= begin:
                places[number] += 1
            at = line[places[number]] if places[number] < len(line) else None
            covers = at is not None and at.start <= begin
            members.append(at if at is not None and covers else Interval(begin, finish, State.NO_DATA))
        yield begin, finish, members


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
    return ratio(good, good + counted[State.DOWN])


def coverage(counted: Mapping[State, int]) -> Fraction | None:
    """observed / all, exact; None for an empty set of seconds."""
    whole = sum(counted.values())
    return ratio(whole - counted[State.NO_DATA], whole)


def ratio(part: int, whole: int) -> Fraction | None:
    """An exact fraction; 0/0 is no data, never 0 or 100 % (section 6)."""
    return Fraction(part, whole) if whole else None


def percent(fraction: Fraction, decimals: int = 2) -> str:
    """A share as people read it here, rounded DOWN to the decimals shown (section 6): "99,95%"."""
    scaled = fraction * 100 * 10**decimals
    whole, rest = divmod(scaled.numerator // scaled.denominator, 10**decimals)
    return f"{whole},{rest:0{decimals}d}%" if decimals else f"{whole}%"

"""From tries to state lines: the rules of docs/figures.md, section 2, for one check at one location.

Pure: a `Line` is what must be remembered of the past, `step` takes it over one more try. What comes out are
`Boundary`s: the instants at which the line changes its state. Everything here is a function of the tries in their
order of start, so lines can be thrown away and folded again, and a try that comes late is judged as if it had come in
order (`revise`).

What the blindness of a location does to the lines of its checks (section 3) is here too: tries that start in it count
as inconclusive (`seen`), and where it begins a line is cut (`cut`). monitor/blindness.py says when a location is blind.

Instants of tries are ms since the epoch; seconds of lines are whole seconds since the epoch. An instant enters the
line rounded down to its second; within one second the exact start orders: the later one wins.

The rules suppose that a hold is never shorter than a second; the catalogue sees to it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import merge
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from monitor.model import Reason, Settings, State, Verdict

_STATE = {Verdict.UP: State.UP, Verdict.DEGRADED: State.DEGRADED, Verdict.DOWN: State.DOWN}

TryKey: TypeAlias = tuple[int, int, int]
"""(started_at, due_at, try): the order in which the tries of one line are judged; unique within the line."""


class Try(NamedTuple):
    """What of an outcome is judged. `micros`, its duration, is only carried along for display."""

    started_at: int  # ms
    due_at: int  # ms
    try_: int
    verdict: Verdict
    reason: Reason | None = None
    step: str | None = None
    micros: int = 0

    @property
    def key(self) -> TryKey:
        return self[:3]


SettingsOf: TypeAlias = Callable[[Try], Settings]
"""The settings of a try's own slot."""


class Boundary(NamedTuple):
    """From second `at` on the line is in `state`; reason and step are those of the try with which that began."""

    at: int
    state: State
    reason: Reason | None = None
    step: str | None = None


class Interval(NamedTuple):
    """[start, end) in seconds."""

    start: int
    end: int
    state: State
    reason: Reason | None = None
    step: str | None = None


class Blind(NamedTuple):
    """[start, end) in seconds in which a location sees nothing; end None: it lasts. Several are in order and apart."""

    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """All that must be remembered of a line to judge its next try; `Line()` is a line without tries.

    `run` are the tries that contradict the state and are not confirmed yet: failed ones, or good ones while down.
    `before` is the boundary before `boundary`, kept only while a later try may still fall into the second of
    `boundary` and so undo it.
    """

    boundary: Boundary | None = None  # the last one; None: nothing is known yet
    before: Boundary | None = None
    until: int = 0  # ms: the end of the hold of the last verdict; an inconclusive one ends at its start
    run: tuple[Try, ...] = ()
    last: Try | None = None

    @property
    def state(self) -> State:
        """The state as of the last try; `current` says what it is worth now."""
        return self.boundary.state if self.boundary else State.NO_DATA

    @property
    def since(self) -> int | None:
        """The second in which that state began, None when nothing is known yet."""
        return self.boundary.at if self.boundary else None

    @property
    def reason(self) -> Reason | None:
        return self.boundary.reason if self.boundary else None

    @property
    def step(self) -> str | None:
        return self.boundary.step if self.boundary else None


# --- one try after the other -----------------------------------------------------------------------------------------


def step(line: Line, try_: Try, settings: Settings) -> tuple[Line, tuple[Boundary, ...]]:
    """The line after one more try, judged by the settings of its slot (figures, section 2).

    The boundaries returned replace every earlier one at or after the second of the first of them: an outage starts
    at the first of the tries that confirm it and ends at the first of those that confirm its end. None are returned
    when nothing changed.

    1. A verdict whose hold has ended before this try (at the very instant: it has ended) leaves no data behind it.
       A doubt cut like that by silence, in either direction, is no data from its first try on.
    2. Inconclusive: no data from here until the next conclusive try. A doubt that it cuts counts as cut by silence.
    3. Good: refutes a doubt and counts at once, except while down, where it takes `confirm_up` in a row.
    4. Failed: renews the hold; while not down it takes `confirm_down` in a row, until when the state before goes on.

    Raises ValueError when the try does not come after the line's last one: a late try needs `revise`.
    """
    if line.last is not None and try_[:3] <= line.last[:3]:
        raise ValueError("a try must come after the line's last one")
    at = try_.started_at
    state, run = line.state, line.run
    changes: list[Boundary] = []
    if at >= line.until:
        if state is not State.NO_DATA:
            changes.append(_silence(line))
        state, run = State.NO_DATA, ()

    if try_.verdict is Verdict.INCONCLUSIVE:
        if state is not State.NO_DATA or line.boundary is None:
            first = run[0].started_at if run else at
            changes.append(Boundary(first // 1000, State.NO_DATA, try_.reason, try_.step))
        return _after(line, changes, at, at, (), try_)

    counted, run = _weigh(state, run, try_, settings)
    changes.extend(
        Boundary(t.started_at // 1000, _STATE[t.verdict], t.reason, t.step)
        for t in counted
        if _STATE[t.verdict] is not state
    )
    return _after(line, changes, at, at + hold_ms(settings), run, try_)


def fold(
    tries: Iterable[Try], settings_of: SettingsOf, line: Line | None = None, blind: Sequence[Blind] = ()
) -> tuple[Line, list[Boundary]]:
    """Judge tries that are in order of start, going on from `line`; the boundaries are those made by these tries.

    `blind` is the blindness of their location, all of it after the line's last try. Raises ValueError when a try is
    out of order.
    """
    line = line or Line()
    boundaries: list[Boundary] = []
    for event in events(tries, settings_of, blind):
        line, changes = take(line, event)
        if changes:
            splice(boundaries, changes)
    return line, boundaries


def splice(boundaries: list[Boundary], changes: Sequence[Boundary]) -> None:
    """Let the boundaries that `step` returned replace those at or after the first of them, in place."""
    while boundaries and boundaries[-1].at >= changes[0].at:
        boundaries.pop()
    boundaries.extend(changes)


def hold_ms(settings: Settings) -> int:
    """How long a verdict holds when nothing follows, in ms."""
    return round(settings.hold * 1000)


def _weigh(
    state: State, run: tuple[Try, ...], try_: Try, settings: Settings
) -> tuple[tuple[Try, ...], tuple[Try, ...]]:
    """The tries that count from their starts on now that `try_` is known, and those that are still in doubt."""
    failed = try_.verdict is Verdict.DOWN
    if not failed and state is not State.DOWN:
        return (try_,), ()
    if failed and state is State.DOWN:
        return (), ()
    run = (*run, try_)
    needed = settings.confirm_down if failed else settings.confirm_up
    return (run, ()) if len(run) >= needed else ((), run)


def _silence(line: Line) -> Boundary:
    """Where no data begins once the hold of the last verdict has ended."""
    first = line.run[0].started_at if line.run else line.until
    return Boundary(first // 1000, State.NO_DATA)


def _after(
    line: Line, changes: list[Boundary], at: int, until: int, run: tuple[Try, ...], last: Try | None
) -> tuple[Line, tuple[Boundary, ...]]:
    """The line after what happened at `at` (ms), and the boundaries that are left.

    What lasted no whole second has vanished.
    """
    boundary, before = line.boundary, line.before
    returned: tuple[Boundary, ...] = ()
    if changes:
        known = [b for b in (before, boundary) if b]
        trail = known.copy()
        for change in changes:
            while trail and trail[-1].at >= change.at:
                trail.pop()
            if not trail or trail[-1].state is not change.state:  # equal neighbours are one
                trail.append(change)
        if trail != known:
            grown = trail[: len(known)] == known
            returned = tuple(trail[len(known) :] if grown else trail)  # from the one before what has vanished on
            boundary = trail[-1]
            before = trail[-2] if len(trail) > 1 else None
    if before and boundary and boundary.at < (run[0].started_at if run else at) // 1000:
        before = None  # a later try falls into a later second
    return Line(boundary, before, until, run, last), returned


# --- blindness of the location ---------------------------------------------------------------------------------------


def is_blind(blind: Sequence[Blind], at: int) -> bool:
    """Whether the second of an instant (ms) lies in blindness."""
    index = bisect_right(blind, at // 1000, key=attrgetter("start")) - 1
    return index >= 0 and ((end := blind[index].end) is None or at // 1000 < end)


def seen(try_: Try, blind: Sequence[Blind]) -> Try:
    """The try as it counts: where its location is blind even a good one is inconclusive (section 3)."""
    if try_.verdict is Verdict.INCONCLUSIVE or not is_blind(blind, try_.started_at):
        return try_
    return try_._replace(verdict=Verdict.INCONCLUSIVE, reason=Reason.BLIND, step=None)


def cut(line: Line, second: int) -> tuple[Line, tuple[Boundary, ...]]:
    """The line of a check whose location becomes blind with this second: no data until its next verdict (section 3).

    All tries of the line started before that second. Where something still holds it is as if an inconclusive try had
    started with the second, except that the line's last try stays; else nothing changes. Returns what `step` does.
    """
    at = second * 1000
    if at >= line.until or (line.state is State.NO_DATA and not line.run):
        return line, ()
    changes = []
    if line.state is not State.NO_DATA:
        first = line.run[0].started_at if line.run else at
        changes.append(Boundary(first // 1000, State.NO_DATA, Reason.BLIND))
    return _after(line, changes, at, at, (), line.last)


def end_of(line: Line) -> int:
    """The start of the line's last try, or the cut after it that ended its hold, in ms.

    What starts later goes on where the line ends; all else is late (`revise`). Raises ValueError for `Line()`.
    """
    if line.last is None:
        raise ValueError("a line without tries has no end")
    nothing_holds = line.state is State.NO_DATA and not line.run  # since an inconclusive try, or a cut
    return line.until if nothing_holds else line.last.started_at


class Event(NamedTuple):
    """What happens to a line: a try as it counts, and the settings of its slot; without settings it is a cut."""

    try_: Try
    settings: Settings | None

    @property
    def key(self) -> TryKey:
        return self.try_.key


def events(tries: Iterable[Try], settings_of: SettingsOf, blind: Sequence[Blind] = ()) -> Iterator[Event]:
    """What tries in order of start and the blindness of their location do to a line, in order."""
    if not blind:
        return (Event(t, settings_of(t)) for t in tries)
    counted = (Event(seen(t, blind), settings_of(t)) for t in tries)
    return merge(counted, map(_cut, blind), key=attrgetter("key"))


def take(line: Line, event: Event) -> tuple[Line, tuple[Boundary, ...]]:
    """`step` or `cut`."""
    try_, settings = event
    return cut(line, try_.started_at // 1000) if settings is None else step(line, try_, settings)


def _cut(blind: Blind) -> Event:
    """It comes before every try that starts in the same instant."""
    return Event(Try(blind.start * 1000, -1, -1, Verdict.INCONCLUSIVE, Reason.BLIND), None)


# --- what is to be judged again --------------------------------------------------------------------------------------

EARLIEST_MS = 1000
"""How long before its due instant a try may seem to have started, in ms (section 1)."""


def latest_ms(settings: Settings, try_: int | None = None) -> int:
    """How long after its due instant a try may start, in ms: interval + tries x (timeout + 2 x spacing) (section 1).

    A slot has at most as many tries as the longest run that confirms; without `try_` this is the bound for them all.
    """
    most = max(settings.confirm_down, settings.confirm_up)
    tries = most if try_ is None else min(try_, most)
    return round(1000 * (settings.interval + tries * (settings.timeout + 2 * settings.spacing)))


def in_time(started_at: int, due_at: int, try_: int, settings: Settings) -> bool:
    """Whether a try started when it could (ms); if not, some clock was stepped and it is not judged (section 1)."""
    return due_at - EARLIEST_MS <= started_at <= due_at + latest_ms(settings, try_)


AHEAD_MS = 10_000
"""How long after it was received a try may seem to have started, in ms (section 8)."""


def is_future(started_at: int, received_at: int) -> bool:
    """Whether a try seems to start after it was received (ms): some clock was stepped, and it is not even kept."""
    return started_at > received_at + AHEAD_MS


@dataclass(frozen=True, slots=True)
class Window:
    """What happened to one line at or after `horizon` (ms), all of it, in order.

    `old` is what it was judged by, `new` what it should have been: late tries are in `new` alone, and what the location
    saw may have changed. `hold` is the longest that a verdict before them may hold, in ms. `complete` says that they
    reach to the line's end; if not, more follow, and that did not change.
    """

    old: Sequence[Event]
    new: Sequence[Event]
    horizon: int
    hold: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Revision:
    """What changes: the line, and the boundaries with start <= at < end (seconds; None: to the end)."""

    line: Line
    boundaries: tuple[Boundary, ...]
    start: int
    end: int | None


def revise(line: Line, boundaries: Sequence[Boundary], window: Window) -> Revision | None:
    """Judge again around what has changed in the past; the result is as if it had been so from the beginning.

    `line` and `boundaries` are what was made of the old; of the boundaries those from the last one at or before the
    horizon on. Something has changed, and the first change is not after the end of the line (`end_of`): what is, is
    taken on from there.

    A line forgets: after enough tries in a row of one kind, after a gap and after an inconclusive try it stands as it
    would whatever was before. So it is enough to fold from the last such place before the first change to where the
    old and the new line stand the same again. None when the window is too small for that: ask again with a longer one.
    """
    old_events, new_events = ({e.key: e for e in part} for part in (window.old, window.new))
    keys = sorted(old_events.keys() | new_events.keys())
    changed = {key for key in keys if old_events.get(key) != new_events.get(key)}
    first_change = min(changed)
    # To go on with the first change there must be a try to go on with.
    goes_on = any(e.settings is not None and e.key >= first_change for e in reversed(window.new))
    places = keys[: keys.index(first_change) + goes_on]
    anchor = _anchor([old_events.get(key) or new_events[key] for key in places], window)
    if anchor is None:
        return None
    first, start, bare = anchor
    known = [b for b in boundaries if b.at < start]
    new = old = replace(bare, boundary=known[-1] if known else None)
    made: list[Boundary] = []
    for index, key in enumerate(keys[first:], first + 1):
        if event := new_events.get(key):
            new, changes = take(new, event)
            if changes:
                splice(made, changes)
        if before := old_events.get(key):
            old, _ = take(old, before)
        changed.discard(key)
        # Where a second is over and nothing is in doubt, what follows changes later seconds only. A cut is no such
        # place: only a try makes sure that both hold equally long.
        settled = not (changed or new.run or old.run) and new.state is old.state
        settled = settled and event is not None and event == before and event.settings is not None
        if settled and index < len(keys) and keys[index][0] // 1000 > key[0] // 1000:
            end = key[0] // 1000 + 1
            made = [b for b in made if b.at >= start]
            return Revision(_stand_on(line, [*known, *made, *_from(boundaries, end)]), tuple(made), start, end)
    if not window.complete:
        return None
    last = max((t for t in (new.last, line.last) if t), key=lambda t: t.key, default=None)
    return Revision(replace(new, last=last), tuple(_from(made, start)), start, None)


def _anchor(places: Sequence[Event], window: Window) -> tuple[int, int, Line] | None:
    """The last of these events, none of them after the first change, where what was before does not matter.

    It is given as the index of the event to go on with, the second from which boundaries may change, and the line
    there, whose boundary is the last one before that second.
    """
    found = None
    previous: Event | None = None
    last: Try | None = None
    until = window.horizon + window.hold
    row = 0  # tries of one kind
    for index, event in enumerate(places):
        try_, settings = event
        if _second(try_) > until // 1000:
            found = index, _second(try_), Line(until=until, last=last)
        elif previous and row >= _enough(previous) and _second(try_) > _second(previous.try_):
            found = index, _second(previous.try_) + 1, Line(until=until, last=last)
        same = previous and _kind(previous.try_) is _kind(try_) and try_.started_at < until
        row = row + 1 if same else 1
        if settings is None:
            until = min(until, try_.started_at)
        else:
            last = try_
            until = try_.started_at + (0 if try_.verdict is Verdict.INCONCLUSIVE else hold_ms(settings))
        previous = event
    return found


def _enough(event: Event) -> int:
    """How long a row of such tries must be for the line to stand the same whatever was before it."""
    try_, settings = event
    if settings is None or try_.verdict is Verdict.INCONCLUSIVE:
        return 1
    return settings.confirm_down if try_.verdict is Verdict.DOWN else settings.confirm_up


def _kind(try_: Try) -> Verdict:
    """Its verdict, where degraded is good as well (section 2)."""
    return Verdict.UP if try_.verdict is Verdict.DEGRADED else try_.verdict


def _stand_on(line: Line, boundaries: Sequence[Boundary]) -> Line:
    """The line with its last boundaries taken from these."""
    if not boundaries or line.last is None:
        return line
    # Where there is no data, a cut may have come after the last try.
    at = line.until if line.state is State.NO_DATA else line.last.started_at
    open_ = boundaries[-1].at == (line.run[0].started_at if line.run else at) // 1000
    before = boundaries[-2] if open_ and len(boundaries) > 1 else None
    return replace(line, boundary=boundaries[-1], before=before)


def _from(boundaries: Iterable[Boundary], second: int) -> list[Boundary]:
    return [b for b in boundaries if b.at >= second]


def _second(try_: Try) -> int:
    return try_.started_at // 1000


# --- reading a line --------------------------------------------------------------------------------------------------


def standing(line: Line, now: float) -> Boundary | None:
    """The boundary in force at `now` (seconds), with the silence since the last try; None: nothing was ever known.

    While a doubt is neither confirmed nor refuted nor cut, the state before it goes on.
    """
    return _silence(line) if _is_silent(line, now * 1000) else line.boundary


def current(line: Line, now: float) -> State:
    """The state of the line at `now` (seconds)."""
    return State.NO_DATA if _is_silent(line, now * 1000) else line.state


def known_at(at: float, boundaries: Sequence[Boundary], line: Line) -> list[Boundary]:
    """The boundaries as known at an instant (ms): with the silence since the line's last try."""
    known = list(boundaries)
    if _is_silent(line, at):
        splice(known, [_silence(line)])
    return known


def timeline(boundaries: Sequence[Boundary], line: Line | None, start: int, end: int, now: float) -> list[Interval]:
    """The line over [start, end) in seconds, without gaps; a running period ends at `now`.

    `boundaries` are in order and include the last one at or before `start`; before the first one there is no data.
    The silence after the line's last try is added here: it is stored only once a later try has ended it.
    """
    end = min(end, int(now))
    known = known_at(now * 1000, boundaries, line) if line else boundaries
    intervals: list[Interval] = []
    here, begin = Boundary(start, State.NO_DATA), start
    for following in known:
        if following.at <= start:
            here = following
        elif following.at >= end:
            break
        elif following.state is not here.state:  # equal neighbours are one; the reason is the first one's
            intervals.append(Interval(begin, following.at, here.state, here.reason, here.step))
            here, begin = following, following.at
    if begin < end:
        intervals.append(Interval(begin, end, *here[1:]))
    return intervals


def _is_silent(line: Line, at: float) -> bool:
    """Whether by an instant (ms) the hold of the line's last verdict has ended and left no data."""
    return line.state is not State.NO_DATA and at >= line.until

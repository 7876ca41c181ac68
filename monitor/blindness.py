"""When a location is blind: docs/figures.md, section 3, from the lines of its control targets.

Pure. Controls are judged like checks, each on a line of its own; a location is blind where none of those that have a
say sees anything. That is found out only when it has lasted for a while, and then it is true of the time before.

What is not known yet is not said: the silence of a control counts from the next try of any control of the location on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from monitor.judge import Blind, Boundary, SettingsOf, Try, fold, hold_ms, is_blind, known_at
from monitor.model import State, Verdict

GOOD = frozenset({State.UP, State.DEGRADED})


class Good(NamedTuple):
    """A good verdict of a control: [start, until) in ms is how long it holds when nothing follows."""

    start: int
    until: int


def blindness(controls: Iterable[tuple[Sequence[Try], SettingsOf]]) -> list[Blind]:
    """The blindness of a location, from all tries of each of its controls, in order of start, and their settings.

    Each piece is of its own; they may touch.
    """
    heard = [(tries, settings_of) for tries, settings_of in controls if tries]
    at = max((tries[-1].started_at for tries, _ in heard), default=0)
    lines, goods = [], []
    for tries, settings_of in heard:
        line, boundaries = fold(tries, settings_of)
        lines.append(known_at(at, boundaries, line))
        goods += [good for t in tries if (good := good_verdict(t, hold_ms(settings_of(t))))]
    return [Blind(beginning(second, goods), end) for second, end in darkness(lines)]


def good_verdict(try_: Try, hold: int) -> Good | None:
    """What a control's try says in favour of its location; `hold` in ms."""
    good = try_.verdict in (Verdict.UP, Verdict.DEGRADED)
    return Good(try_.started_at, try_.started_at + hold) if good else None


def darkness(lines: Iterable[Sequence[Boundary]]) -> Iterator[tuple[int, int | None]]:
    """[start, end) in seconds in which no control is good, from where one is down; end None: no good one followed.

    A control without data has no vote: so all that have one are down at the start. `lines` are the boundaries of the
    controls as known by the start of the last try of them all.
    """
    states: dict[int, State] = {}
    start = None
    changes = sorted((b.at, number, b.state) for number, line in enumerate(lines) for b in line)
    for second, those in groupby(changes, key=itemgetter(0)):
        states.update((number, state) for _, number, state in those)
        if start is None and State.DOWN in states.values() and GOOD.isdisjoint(states.values()):
            start = second
        elif start is not None and not GOOD.isdisjoint(states.values()):
            yield start, second
            start = None
    if start is not None:
        yield start, None


def beginning(second: int, goods: Iterable[Good]) -> int:
    """The second in which the blindness begins that `darkness` finds from `second` on.

    It is that of the last good verdict, if that one would hold until then: somewhere in between the sight was lost.
    """
    last = max((good for good in goods if good.start // 1000 <= second), default=None)
    return last.start // 1000 if last and second * 1000 < last.until else second


def merged(blind: Iterable[Blind]) -> list[Blind]:
    """The same seconds in as few pieces as possible; they are in order."""
    pieces: list[Blind] = []
    for piece in blind:
        if pieces and pieces[-1].end == piece.start:
            pieces[-1] = Blind(pieces[-1].start, piece.end)
        else:
            pieces.append(piece)
    return pieces


def difference(one: Sequence[Blind], other: Sequence[Blind]) -> Blind | None:
    """From the first second to the last in which only one of the two is blind; None where there is none."""
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    edges = sorted({edge for blind in (*one, *other) for edge in blind if edge is not None})
    differing = [
        Blind(start, end)
        for start, end in pairwise([*edges, None])
        if start is not None and is_blind(one, start * 1000) is not is_blind(other, start * 1000)
    ]
    return Blind(differing[0].start, differing[-1].end) if differing else None


def spliced(before: Iterable[Blind], after: Iterable[Blind], second: int) -> list[Blind]:
    """What the one says before a second, and the other from it on."""
    early = [Blind(b.start, second if b.end is None else min(b.end, second)) for b in before if b.start < second]
    late = [Blind(max(b.start, second), b.end) for b in after if b.end is None or b.end > second]
    return merged([*early, *late])

"""Sections 2 and 3 of docs/figures.md once more, written from their text and not from the judge's code.

Second by second, and with hindsight: tries are cut into stretches (by inconclusive tries, by silence, by blindness),
stretches into runs of failed and of good tries, and every try gets the state that holds from its start to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby, pairwise
from typing import TypeAlias

from monitor.judge import Try
from monitor.model import Settings, State, Verdict

OF_VERDICT = {Verdict.UP: State.UP, Verdict.DEGRADED: State.DEGRADED, Verdict.DOWN: State.DOWN}
GOOD = (State.UP, State.DEGRADED)

SettingsOf: TypeAlias = Callable[[Try], Settings]


def seconds(
    tries: Iterable[Try], settings_of: SettingsOf, start: int, end: int, now: int, blind: Collection[int] = ()
) -> list[State]:
    """The state of each second in [start, end), as known at `now` (seconds); the tries may be in any order.

    `blind` are the seconds in which their location was blind.
    """
    return _line(tries, settings_of, range(start, min(end, now)), now * 1000, blind)


def blind_seconds(controls: Sequence[tuple[Sequence[Try], SettingsOf]], end: int) -> set[int]:
    """The seconds before `end` in which a location with these controls was blind, as known by the last try of them."""
    known = max((t.started_at for tries, _ in controls for t in tries), default=-1)
    whole = range(known // 1000 + 1)
    lines = [_line(tries, settings_of, whole, known) for tries, settings_of in controls]
    good = [
        (t.started_at, t.started_at + _hold(t, settings_of))
        for tries, settings_of in controls
        for t in tries
        if t.verdict in (Verdict.UP, Verdict.DEGRADED)
    ]
    blind: set[int] = set()
    for second in whole:
        votes = [line[second] for line in lines if line[second] is not State.NO_DATA]
        if votes and all(vote is State.DOWN for vote in votes):
            seen_again = (s for s in whole[second + 1 :] if any(line[s] in GOOD for line in lines))
            blind.update(range(_lost(second, good), next(seen_again, end)))
    return blind


def _lost(second: int, good: Sequence[tuple[int, int]]) -> int:
    """Since when nothing was seen, if all controls with a vote are down in this second; `good` verdicts hold until."""
    start, until = max((g for g in good if g[0] // 1000 <= second), default=(0, 0))
    return start // 1000 if second * 1000 < until else second


def _line(
    tries: Iterable[Try], settings_of: SettingsOf, whole: range, now: int, blind: Collection[int] = ()
) -> list[State]:
    """As `seconds`, but known at an instant in ms."""
    ordered = sorted((t for t in tries if t.started_at <= now), key=lambda t: (t.started_at, t.due_at, t.try_))
    said_blind = Verdict.INCONCLUSIVE  # good ones too
    ordered = [t._replace(verdict=said_blind) if t.started_at // 1000 in blind else t for t in ordered]
    states = _states(ordered, settings_of, now, blind)
    # The exact start orders within a second, the later one wins: a second is worth what its last instant is.
    return [_at(min(second * 1000 + 999, now), ordered, states, settings_of, blind) for second in whole]


def _hold(try_: Try, settings_of: SettingsOf) -> int:
    settings = settings_of(try_)
    return round(1000 * (2 * settings.interval + settings.timeout))


def _blinded(after: int, until: int, blind: Collection[int]) -> bool:
    """Whether a second after that of the one instant, up to that of the other (ms), was blind."""
    return any(second in blind for second in range(after // 1000 + 1, until // 1000 + 1))


def _at(
    instant: int, ordered: Sequence[Try], states: Sequence[State], settings_of: SettingsOf, blind: Collection[int]
) -> State:
    before = [i for i, t in enumerate(ordered) if t.started_at <= instant]
    if not before:
        return State.NO_DATA
    i = before[-1]
    ended = instant >= ordered[i].started_at + _hold(ordered[i], settings_of)
    waits = instant // 1000 in blind or _blinded(ordered[i].started_at, instant, blind)  # for its next verdict
    return State.NO_DATA if ended or waits else states[i]


def _states(ordered: Sequence[Try], settings_of: SettingsOf, now: int, blind: Collection[int]) -> list[State]:
    states: list[State] = []
    for stretch, is_open in _stretches(ordered, settings_of, now, blind):
        if stretch[0].verdict is Verdict.INCONCLUSIVE:
            states.append(State.NO_DATA)
            continue
        runs = [list(group) for _, group in groupby(stretch, key=lambda t: t.verdict is Verdict.DOWN)]
        before, outage = State.NO_DATA, False
        for number, run in enumerate(runs):
            failed = run[0].verdict is Verdict.DOWN
            last = number == len(runs) - 1
            wanted = (settings_of(t).confirm_down if failed else settings_of(t).confirm_up for t in run)
            confirmed = any(length >= needed for length, needed in enumerate(wanted, 1))
            if failed and (outage or confirmed):
                run_states = [State.DOWN] * len(run)
                outage = True
            elif not failed and (confirmed or not outage):
                run_states = [OF_VERDICT[t.verdict] for t in run]
                outage = False
            else:  # a doubt: refuted by the run after it, still open, or cut
                run_states = [before if not last or is_open else State.NO_DATA] * len(run)
            states += run_states
            before = run_states[-1]
    return states


def _stretches(
    ordered: Sequence[Try], settings_of: SettingsOf, now: int, blind: Collection[int]
) -> list[tuple[list[Try], bool]]:
    """Tries that nothing cuts, an inconclusive one alone; with each, whether its last verdict still holds at `now`."""
    if not ordered:
        return []

    def holds(try_: Try, until: int) -> bool:
        return until < try_.started_at + _hold(try_, settings_of) and not _blinded(try_.started_at, until, blind)

    stretches = [[ordered[0]]]
    for one, other in pairwise(ordered):
        if Verdict.INCONCLUSIVE in (one.verdict, other.verdict) or not holds(one, other.started_at):
            stretches.append([])
        stretches[-1].append(other)
    last = holds(stretches[-1][-1], now)
    return [(s, last and s is stretches[-1]) for s in stretches]

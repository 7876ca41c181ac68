"""Section 2 of docs/figures.md once more, written from its text and not from monitor/judge.py, second by second.

It looks at everything with hindsight: tries are cut into stretches (by inconclusive tries and by silence), stretches
into runs of failed and of good tries, and every try gets the state that holds from its start to the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise

from monitor.judge import Try
from monitor.model import Settings, State, Verdict

OF_VERDICT = {Verdict.UP: State.UP, Verdict.DEGRADED: State.DEGRADED, Verdict.DOWN: State.DOWN}


def seconds(
    tries: Sequence[Try], settings_of: Callable[[Try], Settings], start: int, end: int, now: int
) -> list[State]:
    """The state of each second in [start, end), as known at `now` (seconds); the tries may be in any order."""
    ordered = sorted((t for t in tries if t.started_at <= now * 1000), key=lambda t: (t.started_at, t.due_at, t.try_))
    states = _states(ordered, settings_of, now)
    # The exact start orders within a second, the later one wins: a second is worth what its last instant is.
    return [_at(second * 1000 + 999, ordered, states, settings_of) for second in range(start, min(end, now))]


def _hold(try_: Try, settings_of: Callable[[Try], Settings]) -> int:
    settings = settings_of(try_)
    return round(1000 * (2 * settings.interval + settings.timeout))


def _at(instant: int, ordered: Sequence[Try], states: Sequence[State], settings_of: Callable[[Try], Settings]) -> State:
    before = [i for i, t in enumerate(ordered) if t.started_at <= instant]
    if not before:
        return State.NO_DATA
    i = before[-1]
    return states[i] if instant < ordered[i].started_at + _hold(ordered[i], settings_of) else State.NO_DATA


def _states(ordered: Sequence[Try], settings_of: Callable[[Try], Settings], now: int) -> list[State]:
    states: list[State] = []
    for stretch, is_open in _stretches(ordered, settings_of, now):
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
    ordered: Sequence[Try], settings_of: Callable[[Try], Settings], now: int
) -> list[tuple[list[Try], bool]]:
    """Tries that nothing cuts, an inconclusive one alone; with each, whether its last verdict still holds at `now`."""
    if not ordered:
        return []
    stretches = [[ordered[0]]]
    for one, other in pairwise(ordered):
        cut = Verdict.INCONCLUSIVE in (one.verdict, other.verdict)
        if cut or other.started_at >= one.started_at + _hold(one, settings_of):
            stretches.append([])
        stretches[-1].append(other)
    last = stretches[-1][-1]
    holds = now * 1000 < last.started_at + _hold(last, settings_of)
    return [(s, holds and s is stretches[-1]) for s in stretches]

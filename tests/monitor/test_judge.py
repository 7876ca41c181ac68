"""Section 2 of docs/figures.md: each rule by a case worked out by hand, then all of them against the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.judge import (
    Blind,
    Boundary,
    Event,
    Interval,
    Line,
    Try,
    Window,
    current,
    end_of,
    events,
    fold,
    hold_ms,
    in_time,
    revise,
    splice,
    standing,
    step,
    timeline,
)
from monitor.model import Reason, Settings, State, Verdict
from tests.monitor import oracle

MINUTE = Settings(interval=60, timeout=10)  # a verdict holds for 130 s
VERDICTS = {
    "up": (Verdict.UP, None),
    "slow": (Verdict.DEGRADED, Reason.SLOW),
    "down": (Verdict.DOWN, Reason.HTTP_5XX),
    "refused": (Verdict.DOWN, Reason.CONNECT_REFUSED),
    "blind": (Verdict.INCONCLUSIVE, Reason.BLIND),
}


def tries(text: str) -> list[Try]:
    """ "0 up, 60.5 down": each try's start in seconds and what it said."""
    made = []
    for number, part in enumerate(text.split(",")):
        second, word = part.split()
        made.append(Try(round(float(second) * 1000), number, 1, *VERDICTS[word], step="s" if word != "up" else None))
    return made


def line_of(text: str, settings: Settings = MINUTE) -> tuple[Line, list[Boundary]]:
    return fold(tries(text), lambda _: settings)


def written(intervals: Sequence[Interval]) -> str:
    """ "0 up, 130 no_data, 200": where each state begins, and the end."""
    return ", ".join([f"{i.start} {i.state}" for i in intervals] + [str(i.end) for i in intervals[-1:]])


# (what it shows, the tries, now, the line from 0 to now); settings: every 60 s, timeout 10 s, 3 to fall, 2 to rise
CASES = [
    ("before the first try there is no data", "50 up", 100, "0 no_data, 50 up, 100"),
    ("a verdict holds for 2 x interval + timeout, then no data", "0 up", 200, "0 up, 130 no_data, 200"),
    ("at the very end of the hold it has ended", "0 up, 130 up", 140, "0 up, 140"),
    ("the hold's end is rounded down", "0.9 up, 200 up", 210, "0 up, 130 no_data, 200 up, 210"),
    ("the next verdict ends the one before", "0 up, 60 slow, 120 up", 130, "0 up, 60 degraded, 120 up, 130"),
    ("down is confirmed by three and starts at the first", "0 up, 60 down, 62 down, 64 down", 70, "0 up, 60 down, 70"),
    ("later slots confirm as well as rechecks", "0 up, 60 down, 120 down, 180 down", 190, "0 up, 60 down, 190"),
    ("two failed tries are a doubt: the state before goes on", "0 up, 60 down, 62 down", 70, "0 up, 70"),
    ("degraded goes on through a doubt too", "0 slow, 60 down, 62 down", 70, "0 degraded, 70"),
    ("a refuted failure leaves the line as it was", "0 up, 60 down, 62 down, 64 up", 70, "0 up, 70"),
    ("a refuted failure renews the hold", "0 up, 100 down, 220 up", 240, "0 up, 240"),
    ("what refutes carries its own state", "0 up, 60 down, 62 slow", 70, "0 up, 62 degraded, 70"),
    (
        "degraded breaks a row of failures",
        "0 up, 60 down, 62 down, 64 slow, 66 down, 68 down",
        70,
        "0 up, 64 degraded, 70",
    ),
    (
        "after a refutation the row starts anew",
        "0 up, 60 down, 62 up, 64 down, 66 down, 68 down",
        70,
        "0 up, 64 down, 70",
    ),
    ("an outage ends at the first of two good tries", "0 down, 2 down, 4 down, 60 up, 62 up", 70, "0 down, 60 up, 70"),
    ("one good try does not end an outage yet", "0 down, 2 down, 4 down, 60 up", 70, "0 down, 70"),
    (
        "one good try followed by a failure changes nothing",
        "0 down, 2 down, 4 down, 60 up, 62 down, 120 up, 180 up",
        190,
        "0 down, 120 up, 190",
    ),
    (
        "degraded is good, and each good try carries its own state",
        "0 down, 2 down, 4 down, 60 slow, 62 up",
        70,
        "0 down, 60 degraded, 62 up, 70",
    ),
    ("down is held like up", "0 down, 2 down, 4 down", 200, "0 down, 134 no_data, 200"),
    ("a failed try renews the hold of an outage", "0 down, 2 down, 4 down, 120 down", 240, "0 down, 240"),
    ("a doubt cut by silence: no data from its first try", "0 up, 60 down, 62 down", 192, "0 up, 60 no_data, 192"),
    ("until the silence the doubt is open", "0 up, 60 down, 62 down", 191, "0 up, 191"),
    (
        "a doubt in the good direction cut by silence",
        "0 down, 2 down, 4 down, 60 up",
        200,
        "0 down, 60 no_data, 200",
    ),
    ("inconclusive ends the verdict before it", "0 up, 60 blind", 70, "0 up, 60 no_data, 70"),
    ("until the next conclusive one", "0 up, 60 blind, 120 up", 130, "0 up, 60 no_data, 120 up, 130"),
    ("inconclusive cuts the row", "0 up, 60 down, 62 down, 64 blind, 66 down", 70, "0 up, 60 no_data, 70"),
    (
        "a doubt cut by an inconclusive try is like one cut by silence",
        "0 down, 2 down, 4 down, 60 up, 62 blind",
        70,
        "0 down, 60 no_data, 70",
    ),
    ("after no data the first good try counts at once", "0 blind, 60 slow", 70, "0 no_data, 60 degraded, 70"),
    (
        "even where it was down before",
        "0 down, 2 down, 4 down, 60 blind, 62 up",
        70,
        "0 down, 60 no_data, 62 up, 70",
    ),
    (
        "after no data an outage needs its own confirmation",
        "0 down, 2 down, 4 down, 60 blind, 62 down, 64 down",
        70,
        "0 down, 60 no_data, 70",
    ),
    (
        "and then starts at the first of its own tries",
        "0 down, 2 down, 4 down, 60 blind, 62 down, 64 down, 66 down",
        70,
        "0 down, 60 no_data, 62 down, 70",
    ),
    ("a first failure ever is no outage", "0 down, 2 down", 100, "0 no_data, 100"),
    ("silence in a doubt without data leaves no trace", "0 down, 2 down, 200 down", 210, "0 no_data, 210"),
    ("a good try after silence counts at once", "0 up, 60 down, 300 up", 310, "0 up, 60 no_data, 300 up, 310"),
    ("instants are rounded down", "0.9 up, 60.999 slow", 70, "0 up, 60 degraded, 70"),
    ("within a second the later one wins", "0 up, 60.1 slow, 60.9 up", 70, "0 up, 70"),
    (
        "an outage that began in its second wins",
        "0 slow, 60.1 up, 60.2 down, 62 down, 64 down",
        70,
        "0 degraded, 60 down, 70",
    ),
    (
        "an outage that goes on in the second in which data ended is one",
        "0 down, 2 down, 4.2 down, 60.1 blind, 60.2 down, 62 down, 64 down",
        70,
        "0 down, 70",
    ),
]


@pytest.mark.parametrize(("said", "now", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_rule_of_section_2(said: str, now: int, expected: str) -> None:
    line, boundaries = line_of(said)
    assert written(timeline(boundaries, line, 0, now, now)) == expected
    assert oracle.seconds(tries(said), lambda _: MINUTE, 0, now, now) == per_second(boundaries, line, now)


def per_second(boundaries: Sequence[Boundary], line: Line, now: int) -> list[State]:
    return [i.state for i in timeline(boundaries, line, 0, now, now) for _ in range(i.start, i.end)]


def test_a_try_is_judged_by_the_settings_of_its_own_slot() -> None:
    early, late = Settings(60, 10, confirm_down=3), Settings(60, 10, confirm_down=2)
    failed = tries("0 up, 60 down, 120 down")
    assert fold(failed, lambda _: early)[1] == [Boundary(0, State.UP)]
    boundaries = fold(failed, lambda t: late if t.started_at >= 100_000 else early)[1]
    assert boundaries[-1] == Boundary(60, State.DOWN, Reason.HTTP_5XX, "s")


def test_a_hold_is_that_of_its_own_try() -> None:
    short, long = Settings(10, 5), Settings(60, 10)
    line, boundaries = fold(tries("0 up, 60 up"), lambda t: long if t.started_at == 0 else short)
    assert written(timeline(boundaries, line, 0, 100, 100)) == "0 up, 85 no_data, 100"


def test_one_try_confirms_where_one_is_enough() -> None:
    line, boundaries = line_of("0 up, 60 down, 120 up", Settings(60, 10, confirm_down=1, confirm_up=1))
    assert written(timeline(boundaries, line, 0, 130, 130)) == "0 up, 60 down, 120 up, 130"


def test_an_interval_has_the_reason_and_step_with_which_it_began() -> None:
    line, boundaries = line_of("0 up, 60 refused, 62 down, 64 down, 66 blind")
    assert boundaries == [
        Boundary(0, State.UP),
        Boundary(60, State.DOWN, Reason.CONNECT_REFUSED, "s"),
        Boundary(66, State.NO_DATA, Reason.BLIND, "s"),
    ]
    assert (line.state, line.since, line.reason, line.step) == (State.NO_DATA, 66, Reason.BLIND, "s")
    assert line.last is not None and line.last.reason is Reason.BLIND


def test_silence_has_no_reason() -> None:
    line, _ = line_of("0 up, 60 down")
    assert standing(line, 189.999) == Boundary(0, State.UP)
    assert standing(line, 190) == Boundary(60, State.NO_DATA)
    assert standing(Line(), 100) is None


def test_the_current_state_knows_the_silence() -> None:
    line, _ = line_of("0 up")
    assert [current(line, now) for now in (0, 129.999, 130, 1e9)] == [State.UP, State.UP, State.NO_DATA, State.NO_DATA]
    assert current(Line(), 0) is State.NO_DATA


def test_only_what_changes_is_returned() -> None:
    line = Line()
    returned = []
    for try_ in tries("0 up, 60 up, 120 down, 122 down, 124 down, 180 down"):
        line, changes = step(line, try_, MINUTE)
        returned.append([b.at for b in changes])
    assert returned == [[0], [], [], [], [120], []]


def test_a_boundary_that_vanishes_takes_its_neighbour_back() -> None:
    line, _ = line_of("0 up, 60.1 slow")
    line, changes = step(line, tries("60.9 up")[0]._replace(due_at=9), MINUTE)
    assert changes == (Boundary(0, State.UP),)  # it replaces all from second 0 on, the vanished one too
    assert line.boundary == Boundary(0, State.UP)


def test_a_try_out_of_order_is_refused() -> None:
    line, _ = line_of("60 up")
    with pytest.raises(ValueError, match="after"):
        step(line, tries("0 up")[0], MINUTE)


def test_a_timeline_is_clipped_to_its_period_and_to_now() -> None:
    line, boundaries = line_of("0 up, 60 down, 62 down, 64 down")
    assert written(timeline(boundaries, line, 50, 100, now=80)) == "50 up, 60 down, 80"
    assert written(timeline(boundaries[1:], line, 60, 65, now=80)) == "60 down, 65"
    assert timeline(boundaries, line, 90, 100, now=80) == []
    assert written(timeline([], None, 0, 10, now=80)) == "0 no_data, 10"


def test_a_start_that_a_stepped_clock_gave_is_known() -> None:
    # interval 60 + tries x (10 + 2 x 2)
    assert in_time(99_000, 100_000, 1, MINUTE)
    assert not in_time(98_999, 100_000, 1, MINUTE)
    assert in_time(174_000, 100_000, 1, MINUTE)
    assert not in_time(174_001, 100_000, 1, MINUTE)
    assert in_time(188_000, 100_000, 2, MINUTE)
    assert not in_time(160_001, 100_000, 0, MINUTE)


# --- against the oracle -----------------------------------------------------------------------------------------------

SETTINGS = [
    Settings(interval=2, timeout=1),
    Settings(interval=3, timeout=0.5, confirm_down=2, confirm_up=1),
    Settings(interval=1, timeout=0.3, confirm_down=1, confirm_up=3),
]


@st.composite
def sequences(draw: st.DrawFn, most: int = 30) -> list[Try]:
    """Tries in order of start, dense enough for every rule to meet every other, some within one second or instant."""
    gaps = draw(st.lists(st.one_of(st.integers(0, 1200), st.integers(1200, 9000)), min_size=1, max_size=most))
    words = draw(st.lists(st.sampled_from(list(VERDICTS)), min_size=len(gaps), max_size=len(gaps)))
    started, made = 1000, []
    for number, (gap, word) in enumerate(zip(gaps, words, strict=True)):
        started += gap
        made.append(Try(started, number, 1, *VERDICTS[word]))
    return made


@given(sequences(), st.integers(0, 120), st.data())
def test_the_line_agrees_with_the_oracle_in_every_second(given_tries: list[Try], now: int, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.sampled_from(SETTINGS), min_size=len(given_tries), max_size=len(given_tries)))
    seen = [t for t in given_tries if t.started_at <= now * 1000]

    def settings_of(try_: Try) -> Settings:
        return drawn[try_.due_at]

    line, boundaries = fold(seen, settings_of)
    assert per_second(boundaries, line, now) == oracle.seconds(given_tries, settings_of, 0, now, now)


@given(sequences())
def test_boundaries_are_canonical(given_tries: list[Try]) -> None:
    line, boundaries = fold(given_tries, lambda _: SETTINGS[0])
    assert all(a.at < b.at and a.state is not b.state for a, b in pairwise(boundaries))
    assert line.boundary == (boundaries[-1] if boundaries else None)


@given(sequences())
def test_each_step_returns_all_that_changed(given_tries: list[Try]) -> None:
    line = Line()
    kept: list[Boundary] = []
    for number, try_ in enumerate(given_tries, 1):
        line, changes = step(line, try_, SETTINGS[0])
        if changes:
            splice(kept, changes)
        assert kept == fold(given_tries[:number], lambda _: SETTINGS[0])[1]


@st.composite
def blindnesses(draw: st.DrawFn) -> list[Blind]:
    """A few pieces, apart from each other; the last one may last."""
    edges = sorted(draw(st.sets(st.integers(0, 90), max_size=6)))
    pieces = [Blind(*edges[i : i + 2]) for i in range(0, len(edges) - 1, 2)]
    return [*pieces, Blind(edges[-1], None)] if len(edges) % 2 else pieces


def covered(blind: Sequence[Blind], end: int = 1000) -> set[int]:
    return {second for b in blind for second in range(b.start, end if b.end is None else b.end)}


@given(sequences(), blindnesses(), st.integers(0, 20), st.data())
def test_a_line_in_blindness_agrees_with_the_oracle(
    given_tries: list[Try], blind: list[Blind], later: int, data: st.DataObject
) -> None:
    drawn = data.draw(st.lists(st.sampled_from(SETTINGS), min_size=len(given_tries), max_size=len(given_tries)))

    def settings_of(try_: Try) -> Settings:
        return drawn[try_.due_at]

    now = max([given_tries[-1].started_at // 1000 + 1, *(b.start for b in blind), *(b.end or 0 for b in blind)]) + later
    line, boundaries = fold(given_tries, settings_of, blind=blind)
    expected = oracle.seconds(given_tries, settings_of, 0, now, now, covered(blind))
    assert per_second(boundaries, line, now) == expected
    assert all(a.at < b.at and a.state is not b.state for a, b in pairwise(boundaries))


@given(sequences(40), blindnesses(), st.sampled_from([100, 6000, 12_000, 30_000]), st.integers(1, 30_000), st.data())
def test_what_changes_in_the_past_is_judged_as_if_it_had_been_so(
    given_tries: list[Try], before: list[Blind], back: int, ahead: int, data: st.DataObject
) -> None:
    settings = data.draw(st.sampled_from(SETTINGS))
    late = data.draw(st.sets(st.sampled_from(given_tries), max_size=2))
    known = [t for t in given_tries if t not in late]
    shorter = [b._replace(start=b.start + 1) for b in before if b.end is None or b.end > b.start + 1]
    after = data.draw(st.sampled_from([before, before[1:], before[:-1], shorter]))
    before, after = data.draw(st.permutations([before, after]))
    old, new = list(events(known, lambda _: settings, before)), list(events(given_tries, lambda _: settings, after))
    line, boundaries = fold(known, lambda _: settings, blind=before)
    changed = {*old} ^ {*new}
    if not known or not changed or end_of(line) < min(changed).try_.started_at:
        return  # what is after the line's end is no change of the past
    horizon, end = min(changed).try_.started_at - back, max(changed).try_.started_at + ahead

    def within(part: list[Event]) -> list[Event]:
        return [e for e in part if horizon <= e.try_.started_at < end]

    window = Window(within(old), within(new), horizon, hold_ms(settings), max(*old, *new).try_.started_at < end)
    from_horizon = [b for b in boundaries if b.at <= horizon // 1000][-1:]
    from_horizon += [b for b in boundaries if b.at > horizon // 1000]
    revision = revise(line, from_horizon, window)
    if revision is None:
        assert horizon > -7_000 or not window.complete  # all of it is always enough
        return
    kept = [b for b in boundaries if b.at < revision.start]
    later = [] if revision.end is None else [b for b in boundaries if b.at >= revision.end]
    expected = fold(given_tries, lambda _: settings, blind=after)
    assert (revision.line, [*kept, *revision.boundaries, *later]) == expected

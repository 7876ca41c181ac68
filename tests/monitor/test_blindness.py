"""Section 3 of docs/figures.md, when a location is blind: by cases worked out by hand, then against the oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.blindness import blindness, difference, merged, spliced
from monitor.judge import Blind, Boundary, Try, fold, timeline
from monitor.model import Reason, Settings, State, Verdict
from tests.monitor import oracle
from tests.monitor.test_judge import SETTINGS, VERDICTS, blindnesses, covered, tries, written

CONTROL = Settings(interval=30, timeout=5, confirm_down=3, confirm_up=1)  # a verdict holds for 65 s
MINUTE = Settings(interval=60, timeout=10)

# (what it shows, the tries of each control, where the location is blind)
CASES = [
    ("one control that answers is enough", ["0 up, 30 down, 32 down, 34 down", "0 up, 30 up"], []),
    (
        "all are down: from the start of the last good verdict to the first good one",
        ["0 up, 30 down, 32 down, 34 down, 60 down, 90 up", "10 up, 40 down, 42 down, 44 down, 70 down, 100 up"],
        [(10, 90)],
    ),
    ("while no good one follows it lasts", ["0 up, 30 down, 32 down, 34 down"], [(0, None)]),
    ("two failures confirm nothing", ["0 up, 30 down, 32 down, 60 up"], []),
    (
        "a refuted doubt of one leaves the others' votes",
        ["0 up, 30 down, 32 down, 34 down", "0 up, 30 down, 40 up"],
        [],
    ),
    ("a control that was never heard of has no vote", ["0 up, 30 down, 32 down, 34 down", ""], [(0, None)]),
    (
        "a control without data has no vote: from its silence on, when its last verdict holds no more",
        ["0 up, 30 down, 60 down, 90 down, 120 down", "5 up"],
        [(70, None)],
    ),
    (
        "silence is known with the next try",
        ["0 up, 30 down, 32 down, 34 down, 60 down", "5 up"],
        [],
    ),
    (
        "an inconclusive control has none either",
        ["0 up, 30 down, 32 down, 34 down", "20 up, 40 blind"],
        [(20, None)],
    ),
    (
        "nor has one in a doubt that silence cut",
        ["0 up, 30 down, 60 down, 90 down, 120 down", "5 up, 35 down"],
        [(5, None)],
    ),
    ("the first ones ever may be down", ["7.5 down, 30 down, 32 down, 60 up"], [(7, 60)]),
    (
        "a good verdict that holds no more says nothing of when the sight was lost",
        ["0 up, 65 down, 67 down, 69 down"],
        [(65, None)],
    ),
    ("it holds to its last instant", ["0.1 up, 65 down, 67 down, 69 down"], [(0, None)]),
    ("one good try ends it", ["0 up, 30 down, 32 down, 34 down, 60 up, 62 down, 64 up"], [(0, 60)]),
    (
        "going blind again at once begins with that good try",
        ["0 up, 30 down, 32 down, 34 down, 60 up, 62 down, 64 down, 66 down"],
        [(0, 60), (60, None)],
    ),
    (
        "silence does not end it, nor does a failure after it",
        ["0 up, 30 down, 32 down, 34 down, 200 down, 230 down, 300 up"],
        [(0, 300)],
    ),
    ("an inconclusive try does not end it", ["0 up, 30 down, 32 down, 34 down, 40 blind, 60 slow"], [(0, 60)]),
    ("silence alone is no blindness", ["0 up, 300 up"], []),
]


@pytest.mark.parametrize(("said", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_rule_of_section_3(said: list[str], expected: list[tuple[int, int | None]]) -> None:
    of_all = [(tries(one) if one else [], lambda _: CONTROL) for one in said]
    found = blindness(of_all)
    assert found == expected
    assert oracle.blind_seconds(of_all, 1000) == covered(found)


def test_the_line_of_a_check_in_blindness() -> None:
    """Good tries count for nothing in it, the verdict from before does not come back after it."""
    blind = [Blind(50, 90)]
    line, boundaries = fold(tries("0 up, 60 up, 120 up"), lambda _: MINUTE, blind=blind)
    assert written(timeline(boundaries, line, 0, 130, 130)) == "0 up, 50 no_data, 120 up, 130"
    assert boundaries[1] == Boundary(50, State.NO_DATA, Reason.BLIND)
    line, boundaries = fold(tries("0 up"), lambda _: MINUTE, blind=blind)
    assert written(timeline(boundaries, line, 0, 130, 130)) == "0 up, 50 no_data, 130"
    assert line.last == tries("0 up")[0]


def test_an_outage_needs_its_own_confirmation_after_blindness() -> None:
    failed = "0 down, 2 down, 4 down, 60 down, 62 down, 120 down"
    line, boundaries = fold(tries(failed), lambda _: MINUTE, blind=[Blind(50, 60)])
    assert written(timeline(boundaries, line, 0, 130, 130)) == "0 down, 50 no_data, 60 down, 130"
    line, boundaries = fold(tries(failed), lambda _: MINUTE, blind=[Blind(50, 61)])
    assert written(timeline(boundaries, line, 0, 130, 130)) == "0 down, 50 no_data, 130"


def test_a_doubt_that_blindness_cuts_is_no_data_from_its_first_try() -> None:
    line, boundaries = fold(tries("0 up, 60 down, 62 down"), lambda _: MINUTE, blind=[Blind(63, None)])
    assert written(timeline(boundaries, line, 0, 70, 70)) == "0 up, 60 no_data, 70"


def test_an_inconclusive_try_in_blindness_keeps_its_own_reason() -> None:
    own = Try(60_000, 60_000, 1, Verdict.INCONCLUSIVE, Reason.PROBE_ERROR)
    _, boundaries = fold([own], lambda _: MINUTE, blind=[Blind(60, None)])
    assert boundaries == [Boundary(60, State.NO_DATA, Reason.PROBE_ERROR)]


# --- against the oracle -----------------------------------------------------------------------------------------------

MOSTLY_FAILED = ["up", "slow", "down", "refused", "down", "refused", "down", "refused", "blind"]


@st.composite
def controls_of_a_location(draw: st.DrawFn) -> list[list[Try]]:
    """Up to three controls that fail together now and then; every try has its own number as due_at."""
    made: list[list[Try]] = []
    number = 0
    for _ in range(draw(st.integers(1, 3))):
        started, one = 0, []
        gaps = st.one_of(st.integers(0, 1200), st.integers(500, 4000), st.just(7000))
        for gap in draw(st.lists(gaps, max_size=18)):
            started += gap
            one.append(Try(started, number, 1, *VERDICTS[draw(st.sampled_from(MOSTLY_FAILED))]))
            number += 1
        made.append(one)
    return made


@given(controls_of_a_location(), st.data())
def test_blindness_agrees_with_the_oracle_in_every_second(controls: list[list[Try]], data: st.DataObject) -> None:
    count = sum(map(len, controls))
    drawn = data.draw(st.lists(st.sampled_from(SETTINGS), min_size=count, max_size=count))

    def settings_of(try_: Try) -> Settings:
        return drawn[try_.due_at]

    of_all = [(tries, settings_of) for tries in controls]
    found = blindness(of_all)
    assert covered(found) == oracle.blind_seconds(of_all, 1000)
    assert all(b.start < (1000 if b.end is None else b.end) for b in found)
    assert len(merged(found)) <= len(found)


@given(blindnesses(), blindnesses(), st.integers(0, 140))
def test_sets_of_seconds(one: list[Blind], other: list[Blind], second: int) -> None:
    differing = covered(one) ^ covered(other)
    found = difference(one, other)
    if found is None:
        assert not differing
    else:
        assert (min(differing), max(differing) + 1) == (found.start, found.end or 1000)
    both = spliced(one, other, second)
    assert covered(both) == {s for s in covered(one) if s < second} | {s for s in covered(other) if s >= second}
    assert both == merged(both)

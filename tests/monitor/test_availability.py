"""docs/figures.md, sections 3, 4 and 6: lines put together and seconds counted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.availability import availability, compose, coverage, percent, quorum, ratio, seconds
from monitor.judge import Interval
from monitor.model import Reason, State

LETTERS = {"U": State.UP, "G": State.DEGRADED, "D": State.DOWN, "-": State.NO_DATA}


def line(text: str) -> list[Interval]:
    """ "UUDD-": a letter a second; the reason of what is bad tells where it began."""
    made: list[Interval] = []
    for second, letter in enumerate(text):
        state = LETTERS[letter]
        if made and made[-1].state is state:
            made[-1] = made[-1]._replace(end=second + 1)
        else:
            made.append(Interval(second, second + 1, state, step=None if letter == "U" else f"{letter}{second}"))
    return made


def letters(intervals: Sequence[Interval]) -> str:
    names = {state: letter for letter, state in LETTERS.items()}
    return "".join(names[i.state] * (i.end - i.start) for i in intervals)


@pytest.mark.parametrize(
    ("locations", "k", "expected"),
    [
        (["UGD-"], None, "UGD-"),  # one location is the check
        (["UUDD", "UDDD", "UUUD"], None, "UUDD"),  # more than half of three: two
        (["DD", "UU"], None, "UU"),  # one of two is no majority; one of them is good: up
        (["D", "D"], None, "D"),
        (["DDD", "-UU", "--U"], None, "DUU"),  # half of those that report, not of all
        (["DD", "-U", "--"], 2, "-U"),  # down somewhere and fewer than k report: no data
        (["UG-", "---"], 2, "UG-"),  # one reporting location that is good is up, also under an explicit k
        (["GD", "UG"], 2, "UG"),  # degraded takes k that are degraded or down
        (["GG", "UD", "UU"], 1, "GD"),
        (["-", "-"], 1, "-"),
    ],
)
def test_a_check_from_several_locations(locations: list[str], k: int | None, expected: str) -> None:
    made = quorum([line(text) for text in locations], k, 0, len(expected))
    assert letters(made) == expected


@pytest.mark.parametrize("k", [0, 3])
def test_an_impossible_quorum_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match="impossible"):
        quorum([line("U"), line("U")], k, 0, 1)


def test_the_reason_is_that_of_the_member_down_for_longest() -> None:
    made = quorum([line("UUDD"), line("UDDD"), line("DDUD")], 2, 0, 4)
    assert [(i.start, i.state, i.step) for i in made] == [(0, State.UP, None), (1, State.DOWN, "D0")]


@pytest.mark.parametrize(
    ("critical", "others", "expected"),
    [
        (["UGD-"], [], "UGD-"),
        (["DDDD", "-GUD"], [], "DDDD"),
        (["----", "GUU-"], [], "----"),  # silence of a critical check is never up
        (["UUUU"], ["UGD-"], "UGGU"),  # others: degraded at most, without data ignored
        (["DG-U"], ["DDDD"], "DG-G"),
    ],
)
def test_a_system_from_its_checks(critical: list[str], others: list[str], expected: str) -> None:
    made = compose([line(t) for t in critical], [line(t) for t in others], 0, len(expected))
    assert letters(made) == expected


def test_a_system_without_a_critical_check_is_refused() -> None:
    with pytest.raises(ValueError, match="critical"):
        compose([], [line("U")], 0, 1)


def test_a_period_without_intervals_is_no_data() -> None:
    assert compose([[]], [], 5, 9) == [Interval(5, 9, State.NO_DATA)]
    assert letters(compose([line("UUU")], [], 1, 5)) == "UU--"
    assert compose([line("UUU")], [], 2, 2) == []


def test_intervals_are_clipped_to_the_period() -> None:
    made = compose([line("UUDDUU")], [], 3, 5)
    assert [(i.start, i.end, i.state) for i in made] == [(3, 4, State.DOWN), (4, 5, State.UP)]


def test_seconds_are_counted_by_state() -> None:
    assert seconds(line("UUGD--")) == {State.UP: 2, State.DEGRADED: 1, State.DOWN: 1, State.NO_DATA: 2}


def test_the_ratios_are_exact_and_no_data_is_no_number() -> None:
    counted = seconds(line("UUGD--"))
    assert (availability(counted), coverage(counted)) == (Fraction(3, 4), Fraction(2, 3))
    assert availability(seconds(line("--"))) is None
    assert coverage(seconds([])) is None
    assert ratio(0, 5) == 0


@pytest.mark.parametrize(
    ("fraction", "decimals", "expected"),
    [
        (Fraction(99999, 100000), 2, "99,99%"),  # down, never up to 100
        (Fraction(9995, 10000), 2, "99,95%"),
        (Fraction(1), 2, "100,00%"),
        (Fraction(0), 1, "0,0%"),
        (Fraction(2, 3), 0, "66%"),
        (Fraction(95, 1000), 3, "9,500%"),
        (Fraction(1, 20000), 2, "0,00%"),
    ],
)
def test_percentages_are_rounded_down(fraction: Fraction, decimals: int, expected: str) -> None:
    assert percent(fraction, decimals) == expected


TEXTS = st.text("UGD-", min_size=8, max_size=8)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.integers(0, 4))
def test_a_quorum_is_what_the_text_says_in_every_second(texts: list[str], chosen: int) -> None:
    k = min(chosen, len(texts)) or None
    expected = ""
    for second in zip(*texts, strict=True):
        reporting = [s for s in second if s != "-"]
        needed = k or len(reporting) // 2 + 1
        down, bad = second.count("D"), second.count("D") + second.count("G")
        if down >= needed:
            expected += "D"
        elif not reporting or (down > 0 and len(reporting) < needed):
            expected += "-"
        else:
            expected += "G" if bad >= min(needed, len(reporting)) else "U"
    assert letters(quorum([line(t) for t in texts], k, 0, 8)) == expected


def test_every_pair_of_states_has_one_worst() -> None:
    order = "D-GU"
    for a, b in product(order, order):
        assert letters(compose([line(a), line(b)], [], 0, 1)) == min(a, b, key=order.index)


def test_a_reason_travels_with_its_interval() -> None:
    down = [Interval(0, 4, State.DOWN, Reason.HTTP_5XX, "token")]
    assert compose([down, line("UUUU")], [], 0, 4) == [Interval(0, 4, State.DOWN, Reason.HTTP_5XX, "token")]

"""docs/figures.md, sections 3, 4, 6 and 7: lines put together and seconds counted; test_figures.py has the figures."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.availability import (
    RAW,
    Attribution,
    ErrorRate,
    Exclusion,
    Figure,
    Kind,
    Outage,
    Piece,
    SlaVerdict,
    Stretch,
    availability,
    compose,
    contractual,
    coverage,
    duration_up,
    explain,
    figure,
    grace,
    office,
    outages,
    percent,
    percent_up,
    quorum,
    ratio,
    scheduled,
    seconds,
    sla,
    starting,
)
from monitor.judge import Interval
from monitor.model import Reason, Settings, State

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


# --- rounded up -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fraction", "decimals", "expected"),
    [
        (Fraction(1, 100000), 2, "0,01%"),  # up, never down to 0
        (Fraction(1, 3), 2, "33,34%"),
        (Fraction(1, 8), 1, "12,5%"),
        (Fraction(0), 2, "0,00%"),
        (Fraction(1), 0, "100%"),
        (Fraction(999_999, 1_000_000), 2, "100,00%"),
    ],
)
def test_rates_of_errors_are_rounded_up(fraction: Fraction, decimals: int, expected: str) -> None:
    assert percent_up(fraction, decimals) == expected


@pytest.mark.parametrize(
    ("mean", "expected"),
    [
        (0, "0 giây"),
        (Fraction(1, 3), "1 giây"),
        (59, "59 giây"),
        (Fraction(119, 2), "1 phút 00 giây"),
        (3599, "59 phút 59 giây"),
        (Fraction(7199, 2), "1 giờ 00 phút"),
        (3601, "1 giờ 01 phút"),
        (14 * 3600 + 29 * 60 + 1, "14 giờ 30 phút"),
        (14 * 3600 + 30 * 60, "14 giờ 30 phút"),
        (86_399, "1 ngày 00 giờ"),
        (86_401, "1 ngày 01 giờ"),
        (10 * 86_400, "10 ngày 00 giờ"),
    ],
)
def test_mean_times_are_rounded_up(mean: Fraction | int, expected: str) -> None:
    assert duration_up(mean) == expected


@given(st.fractions(0, 10**7))
def test_a_mean_time_never_reads_shorter_than_it_is(mean: Fraction) -> None:
    units = {"ngày": 86_400, "giờ": 3600, "phút": 60, "giây": 1}
    words = duration_up(mean).split()
    shown = sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert mean <= shown < mean + 3600


# --- outages ----------------------------------------------------------------------------------------------------------


def test_the_grace_is_the_longest_interval_and_timeout_of_one_check_of_both() -> None:
    child = [Settings(interval=60, timeout=10), Settings(interval=30, timeout=20)]
    parent = [Settings(interval=20, timeout=10)]
    assert grace(child, parent) == grace(parent, child) == 70
    assert grace([Settings(10, 0.3)], [Settings(9.9, 0.9)]) == 10  # seconds are whole: at most 10.8 is at most 10
    assert grace([Settings(0.1, 0.2)], [Settings(2.9, 0.1)]) == 3  # no binary fractions


def test_an_outage_has_reason_step_and_party_of_its_first_second() -> None:
    down = [
        Interval(0, 10, State.UP),
        Interval(10, 20, State.DOWN, Reason.CONNECT_TIMEOUT, "token"),
        Interval(20, 30, State.NO_DATA, Reason.BLIND),
        Interval(30, 40, State.DOWN, Reason.HTTP_5XX, "search"),
        Interval(40, 50, State.UP),
    ]
    bus = [Interval(0, 10, State.UP), Interval(10, 15, State.DOWN), Interval(15, 50, State.UP)]
    found = outages({"app": down, "bus": bus}, {"app": ("bus",)}, lambda *_: 2, {"app": "a", "bus": "b"}, now=50)
    assert found["app"] == [
        Outage(
            "app",
            10,
            40,
            (
                Stretch(10, 17, "bus", 10, "b"),
                Stretch(17, 20, "app", 10, "a"),
                Stretch(30, 40, "app", 10, "a"),
            ),
            Reason.CONNECT_TIMEOUT,
            "token",
        )
    ]
    outage = found["app"][0]
    assert (outage.seconds, outage.through_parent, outage.party) == (20, 7, "b")
    assert outage.own == outage.stretches[1:]
    assert [outage.seconds_in(*period) for period in ((0, 12), (12, 35), (35, 100), (20, 30))] == [2, 13, 5, 0]
    assert starting(found["app"], 0, 10) == []
    assert starting(found["app"], 10, 11) == [outage]


def test_the_grace_is_that_of_the_pair() -> None:
    lines = {"app": line("UUUUDDDD"), "bus": line("UUUUDUUU"), "web": line("UUUUDDDD")}
    found = outages(
        lines,
        {"app": ("bus",), "web": ("bus",)},
        lambda child, parent: {("app", "bus"): 2, ("web", "bus"): 0}[child, parent],
        dict.fromkeys(lines, "a"),
        now=8,
    )
    assert [(s.root, s.start, s.end) for s in found["app"][0].stretches] == [("bus", 4, 7), ("app", 7, 8)]
    assert [(s.root, s.start, s.end) for s in found["web"][0].stretches] == [("bus", 4, 5), ("web", 5, 8)]


def test_down_intervals_in_one_piece_are_one_stretch() -> None:
    down = [Interval(0, 2, State.DOWN, Reason.HTTP_5XX), Interval(2, 4, State.DOWN, Reason.NOT_HTTP)]
    found = outages({"app": down}, {}, lambda *_: 0, {"app": "a"}, now=4)["app"]
    assert [outage.stretches for outage in found] == [(Stretch(0, 4, "app", 0, "a"),)]
    assert found[0].ongoing


def test_where_the_line_says_nothing_an_outage_goes_on() -> None:
    down = [Interval(0, 2, State.DOWN), Interval(5, 7, State.DOWN), Interval(7, 9, State.UP)]
    found = outages({"app": down}, {}, lambda *_: 0, {"app": "a"}, now=9)["app"]
    assert [(o.start, o.end, o.seconds, o.ongoing) for o in found] == [(0, 7, 4, False)]


def test_a_parent_without_a_line_takes_nothing() -> None:
    found = outages({"app": line("UD")}, {"app": ("bus",)}, lambda *_: 9, {"app": "a"}, now=2)["app"]
    assert [s.root for s in found[0].stretches] == ["app"]


def test_systems_in_a_circle_are_refused() -> None:
    lines = {"app": line("D"), "bus": line("D")}
    with pytest.raises(ValueError, match="cycle"):
        outages(lines, {"app": ("bus",), "bus": ("app",)}, lambda *_: 0, {"app": "a", "bus": "b"}, now=1)


def test_of_decisions_the_latest_wins_whatever_their_order() -> None:
    decisions = [Attribution(5, "app", 0, 4, "late"), Attribution(3, "app", 2, 8, "early")]
    for given_ in (decisions, decisions[::-1]):
        found = outages({"app": line("DDDDDDDDDD")}, {}, lambda *_: 0, {"app": "a"}, given_, now=10)["app"]
        assert [(s.party, s.start, s.end) for s in found[0].stretches] == [
            ("late", 0, 4),
            ("early", 4, 8),
            ("a", 8, 10),
        ]


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "life", "now", "expected"),
    [
        ((10, 20), (0, 100), 50, (10, 20)),
        ((10, 20), (12, 18), 50, (12, 18)),
        ((10, 20), (0, 100), 15, (10, 15)),
        ((10, 20), (0, 100), 5, (10, 10)),
        ((10, 20), (30, 100), 50, (30, 30)),
        ((10, 20), (0, 5), 50, (10, 10)),
    ],
)
def test_what_is_scheduled(period: tuple[int, int], life: tuple[int, int], now: int, expected: tuple[int, int]) -> None:
    assert scheduled(period, life, now) == expected


def test_every_second_is_explained() -> None:
    lines = {"app": line("UUDDDDGG--"), "bus": line("UUDDUUUUUU")}
    found = outages(lines, {"app": ("bus",)}, lambda *_: 0, {"app": "a", "bus": "b"}, now=10)["app"]
    assert explain(lines["app"], (1, 10), contractual("a", [(3, 5), (9, 20)]), found) == [
        Piece(1, 2, State.UP),
        Piece(2, 3, State.DOWN, Exclusion.OTHER_PARTY, "bus", "b"),
        Piece(3, 4, State.DOWN, Exclusion.MAINTENANCE, "bus", "b"),
        Piece(4, 5, State.DOWN, Exclusion.MAINTENANCE, "app", "a"),
        Piece(5, 6, State.DOWN, None, "app", "a"),
        Piece(6, 8, State.DEGRADED),
        Piece(8, 9, State.NO_DATA),
        Piece(9, 10, State.NO_DATA, Exclusion.MAINTENANCE),
    ]
    assert figure(lines["app"], (1, 10), contractual("a", [(3, 5), (9, 20)]), found) == Figure(
        Kind.CONTRACTUAL, 5, 1, 1, 2, maintenance_seconds=3, other_party_seconds=1
    )
    assert explain(lines["app"], (4, 8), office([(5, 7)]), found) == [
        Piece(4, 5, State.DOWN, Exclusion.OUTSIDE_HOURS, "app", "a"),
        Piece(5, 6, State.DOWN, None, "app", "a"),
        Piece(6, 7, State.DEGRADED),
        Piece(7, 8, State.DEGRADED, Exclusion.OUTSIDE_HOURS),
    ]


def test_the_figure_of_a_line_without_attribution() -> None:
    counted = figure(line("UDDG-"), (0, 5))
    assert counted == Figure(Kind.RAW, 5, 2, 1, 1)
    assert (counted.observed_seconds, counted.available_seconds) == (4, 2)
    assert figure(line("UDDG-"), (0, 5), contractual("a", [])).down_seconds == 2  # nobody else is known to be at fault


# --- what was promised ------------------------------------------------------------------------------------------------


def of(observed: int, down: int) -> Figure:
    return Figure(Kind.CONTRACTUAL, observed + 7, down, 7, 0)


@pytest.mark.parametrize(
    ("counted", "objective", "verdict", "allowed", "left"),
    [
        (of(1000, 4), "99.5%", SlaVerdict.MET, 5, 1),
        (of(1000, 5), "99.5%", SlaVerdict.MET, 5, 0),  # reached exactly
        (of(1000, 6), "99.5%", SlaVerdict.BROKEN, 5, -1),
        (of(999, 5), "99.5%", SlaVerdict.BROKEN, Fraction(999, 200), Fraction(-1, 200)),
        (of(2_592_000, 2592), "99.9%", SlaVerdict.MET, 2592, 0),  # 43,2 minutes of 30 days
        (of(2_592_000, 2593), "99.9%", SlaVerdict.BROKEN, 2592, -1),  # and reads 99,89 %
        (of(1000, 0), "100%", SlaVerdict.MET, 0, 0),
        (of(1000, 1), "100%", SlaVerdict.BROKEN, 0, -1),
        (of(0, 0), "99.5%", SlaVerdict.NO_DATA, 0, 0),
    ],
)
def test_an_objective_is_judged_on_exact_fractions(
    counted: Figure, objective: str, verdict: SlaVerdict, allowed: Fraction | int, left: Fraction | int
) -> None:
    held = sla(counted, Fraction(objective.removesuffix("%")) / 100)
    assert (held.verdict, held.allowed, held.spent, held.left) == (verdict, allowed, counted.down_seconds, left)


@pytest.mark.parametrize("objective", [Fraction(0), Fraction(-1), Fraction(2), Fraction(199, 2)])
def test_an_objective_that_is_no_share_is_refused(objective: Fraction) -> None:
    with pytest.raises(ValueError, match="out of range"):
        sla(of(10, 0), objective)


@given(st.integers(1, 10**8), st.integers(0, 10**8), st.fractions(Fraction(1, 10**6), 1))
def test_an_objective_is_met_exactly_if_the_budget_lasts(observed: int, down: int, objective: Fraction) -> None:
    held = sla(of(observed, min(down, observed)), objective)
    assert (held.verdict is SlaVerdict.MET) == (held.left >= 0)


# --- rates of errors --------------------------------------------------------------------------------------------------


def test_the_error_rate_is_of_conclusive_first_tries() -> None:
    rate = ErrorRate(3000, {Reason.HTTP_5XX: 2, Reason.READ_TIMEOUT: 5}, rechecks=14)
    assert rate.rate == Fraction(7, 3000)
    assert rate.text() == "0,24%"  # 0,2333... %
    assert rate.text(3) == "0,234%"
    assert (rate.of(Reason.READ_TIMEOUT), rate.of(Reason.NO_FLOW)) == (Fraction(5, 3000), Fraction(0))
    assert sum((part for reason in rate.failed if (part := rate.of(reason))), Fraction()) == rate.rate


def test_a_rate_of_nothing_is_no_data_and_one_without_failures_is_nought() -> None:
    nothing = ErrorRate(0, {})
    assert (nothing.rate, nothing.of(Reason.HTTP_5XX), nothing.text()) == (None, None, "không có dữ liệu")
    assert ErrorRate(10, {}).text() == "0,00%"
    assert ErrorRate(10, {Reason.HTTP_4XX: 10}).text() == "100,00%"


@pytest.mark.parametrize(
    ("conclusive", "failed", "why"),
    [
        (5, {Reason.HTTP_5XX: 4, Reason.NOT_HTTP: 2}, "more first tries failed"),
        (5, {Reason.HTTP_5XX: -1}, "fewer than none"),
        (-1, {}, "more first tries failed"),
        (5, {Reason.SLOW: 1}, "slow: no reason"),  # degraded is not failed
        (5, {Reason.BLIND: 1}, "blind: no reason"),  # inconclusive is in neither part
    ],
)
def test_counts_that_cannot_be_are_refused(conclusive: int, failed: dict[Reason, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        ErrorRate(conclusive, failed)


def test_a_figure_counts_what_it_is_asked_for() -> None:
    assert [figure([], (5, 9), basis).set_seconds for basis in (RAW, contractual("a", []), office([]))] == [4, 4, 0]

"""docs/figures.md, section 7: incidents, how they are found again, and their clocks; test_figures.py has seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import count
from operator import attrgetter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.availability import Outage, Stretch, outages
from monitor.incidents import (
    SEVERITIES,
    Affected,
    Breach,
    Change,
    ChangeKind,
    Clocks,
    Extent,
    Incident,
    ResponseFrom,
    Severity,
    Stored,
    Term,
    Terms,
    breaches,
    extent_of,
    incidents,
    mean_text,
    mtbf,
    mtta,
    mttr,
    reconcile,
    repeats,
    severity,
)
from monitor.judge import Interval
from monitor.model import Reason, State
from monitor.spans import Span, union
from tests.monitor import figures_oracle as oracle

DAY = 86_400


def outage(start: int, end: int, *, system: str = "app", party: str = "vnpt", ongoing: bool = False) -> Outage:
    return Outage(system, start, end, (Stretch(start, end, system, start, party),), Reason.HTTP_5XX, "s", ongoing)


def made(*spans: Span, system: str = "app", party: str = "vnpt", ongoing: bool = False) -> list[Incident]:
    """The incidents of one system that has outages at these times; the last of them goes on."""
    of_system = [
        outage(*span, system=system, party=party, ongoing=ongoing and span == spans[-1]) for span in sorted(spans)
    ]
    return incidents({system: of_system})


# --- incidents --------------------------------------------------------------------------------------------------------


def test_an_incident_has_what_its_first_own_second_says() -> None:
    through = Outage(
        "app",
        100,
        200,
        (Stretch(100, 150, "bus", 90, "tinh"), Stretch(150, 200, "app", 100, "vnpt")),
        Reason.READ_TIMEOUT,
        "search",
    )
    bus = outage(90, 145, system="bus", party="tinh")
    first, second = incidents({"app": [through], "bus": [bus]})
    assert first == Incident("bus", 90, 145, False, (bus,), (Affected("app", 100, 150, 50),))
    assert second == Incident("app", 150, 200, False, (through,))
    assert (second.seconds, second.party, second.reason, second.step) == (50, "vnpt", Reason.READ_TIMEOUT, "search")
    assert (first.seconds, first.party) == (55, "tinh")


def test_an_incident_goes_on_as_its_last_outage_does() -> None:
    (one,) = made((0, 10), (500, 510), ongoing=True)
    assert (one.start, one.end, one.ongoing, one.seconds) == (0, 510, True, 20)


LENGTHS = st.one_of(st.integers(1, 9), st.sampled_from([590, 599, 600, 601]))


@given(st.lists(st.tuples(LENGTHS, st.sampled_from("UD-")), max_size=12))
@settings(deadline=None)
def test_the_oracle_finds_the_same_incidents(parts: list[tuple[int, str]]) -> None:
    text = "".join(letter * length for length, letter in parts)
    states = {"U": State.UP, "D": State.DOWN, "-": State.NO_DATA}
    line, at = [], 0
    for length, letter in parts:
        line.append(Interval(at, at + length, states[letter]))
        at += length
    found = incidents(outages({"app": line}, {}, lambda *_: 0, {"app": "vnpt"}, now=at))
    causes = oracle.causes({"app": text}, {}, lambda *_: 0, {"app": "vnpt"})["app"]
    expected = [(own[0], own[-1] + 1, len(own)) for own in oracle.incidents("app", causes, text)]
    assert [(i.start, i.end, i.seconds) for i in found] == expected


# --- found again ------------------------------------------------------------------------------------------------------


def said(changes: Iterable[Change]) -> str:
    return ", ".join(
        f"{c.kind} {c.id or ''}".strip() + (f" into {c.into}" if c.into is not None else "") for c in changes
    )


RECONCILED = [
    # name, stored (id, start, end; None: open), found, goes on, expected
    ("new", [], [(100, 200)], True, "opened"),
    ("new, and over already", [], [(100, 200)], False, "opened"),
    ("two at once", [], [(100, 200), (1000, 1100)], False, "opened, opened"),
    ("nothing has changed", [(1, 100, 200)], [(100, 200)], False, ""),
    ("it goes on as it did", [(1, 100, None)], [(100, 250)], True, ""),
    ("its start moves", [(1, 100, None)], [(90, 250)], True, "moved 1"),
    ("its start and end move", [(1, 100, 200)], [(150, 260)], False, "moved 1"),
    ("it ends", [(1, 100, None)], [(100, 250)], False, "restored 1"),
    ("it ends and had begun earlier", [(1, 100, None)], [(90, 250)], False, "moved 1, restored 1"),
    ("the next outage reopens it", [(1, 100, 200)], [(100, 200), (800, 850)], True, "reopened 1"),
    ("a second later it is another", [(1, 100, 200)], [(100, 200), (801, 850)], True, "opened"),
    ("reopened and over again", [(1, 100, 200)], [(100, 200), (300, 400)], False, "reopened 1, restored 1"),
    ("its end was none", [(1, 100, 200)], [(100, 300)], True, "reopened 1"),
    ("its end was too early", [(1, 100, 200)], [(100, 300)], False, "moved 1"),
    ("it was none", [(1, 100, 200)], [], False, "withdrawn 1"),
    ("an open one was none", [(1, 100, None)], [], False, "withdrawn 1"),
    ("near is no overlap", [(1, 100, 200)], [(200, 300)], False, "opened, withdrawn 1"),
    ("a second is enough", [(1, 100, 200)], [(199, 300)], False, "moved 1"),
    (
        "two become one: the older id stays",
        [(1, 100, 200), (2, 1000, 1100)],
        [(100, 1100)],
        False,
        "moved 1, withdrawn 2 into 1",
    ),
    (
        "the older one is that with the smaller id, not the earlier one",
        [(7, 100, 200), (3, 1000, 1100)],
        [(100, 1100)],
        False,
        "moved 3, withdrawn 7 into 3",
    ),
    (
        "three become one that goes on",
        [(1, 100, 200), (2, 1000, 1100), (3, 2000, None)],
        [(100, 2500)],
        True,
        "reopened 1, withdrawn 2 into 1, withdrawn 3 into 1",
    ),
    ("one becomes two: the first keeps it", [(1, 100, 1000)], [(100, 200), (900, 1000)], False, "moved 1, opened"),
    ("one that went on becomes two", [(1, 100, None)], [(100, 200), (900, 1000)], True, "restored 1, opened"),
    (
        "two and two, overlapping across",
        [(1, 100, 200), (2, 900, 1900)],
        [(100, 1000), (1700, 1900)],
        False,
        "moved 1, moved 2",
    ),
]


@pytest.mark.parametrize(
    ("stored", "found", "ongoing", "expected"), [case[1:] for case in RECONCILED], ids=[case[0] for case in RECONCILED]
)
def test_stored_incidents_are_found_again(
    stored: list[tuple[int, int, int | None]], found: list[Span], ongoing: bool, expected: str
) -> None:
    known = [Stored(id_, "app", start, end) for id_, start, end in stored]
    assert said(reconcile(known, made(*found, ongoing=ongoing)).changes) == expected


def test_a_withdrawn_incident_comes_back_only_where_no_other_is() -> None:
    gone = Stored(1, "app", 100, 200, withdrawn=True)
    found = made((100, 200))
    assert said(reconcile([gone], found).changes) == "reinstated 1"
    assert said(reconcile([gone, Stored(2, "app", 150, 200)], found).changes) == "moved 2"
    assert said(reconcile([gone], []).changes) == ""


def test_what_was_merged_comes_back_when_it_is_apart_again() -> None:
    stored = [Stored(1, "app", 100, 1100), Stored(2, "app", 1000, 1100, withdrawn=True)]
    assert said(reconcile(stored, made((100, 200), (1000, 1100))).changes) == "moved 1, reinstated 2"


def test_systems_do_not_mix() -> None:
    stored = [Stored(1, "app", 100, 200)]
    assert said(reconcile(stored, made((100, 200), system="bus")).changes) == "withdrawn 1, opened"


def test_a_change_has_the_incident_and_all_that_were_found_are_kept() -> None:
    first, second = made((100, 200), (5000, 5100))
    stored = [Stored(4, "app", 100, 200), Stored(5, "app", 5000, None)]
    result = reconcile(stored, [second, first])
    assert result.changes == (Change(ChangeKind.RESTORED, 5, second),)
    assert result.kept == {4: first, 5: second}


def test_stored_ones_from_before_the_lines_are_left_alone() -> None:
    stored = [
        Stored(1, "app", 100, 200),
        Stored(2, "app", 300, 900, withdrawn=True),
        Stored(3, "app", 5000, 5100),
    ]
    assert said(reconcile(stored, [], since=801).changes) == "withdrawn 3"
    with pytest.raises(ValueError, match="incident 1 may reach"):
        reconcile(stored, [], since=800)  # what starts at 800 would reopen it
    with pytest.raises(ValueError, match="incident 9 may reach"):
        reconcile([Stored(9, "app", 100, None)], [], since=10_000)


STARTS = st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 900)), max_size=6)


def apart(spans: Iterable[tuple[int, int]]) -> list[Span]:
    return union((start, start + length) for start, length in spans)


@st.composite
def stored_incidents(draw: st.DrawFn) -> list[Stored]:
    ids, goes_on = draw(st.permutations(range(1, 8))), draw(st.booleans())
    known = [
        Stored(id_, "app", start, end, draw(st.booleans()))
        for id_, (start, end) in zip(ids, apart(draw(STARTS)), strict=False)
    ]
    if known and goes_on:
        known[-1] = known[-1]._replace(end=None)
    return known


def stored_again(stored: Sequence[Stored], changes: Iterable[Change]) -> list[Stored]:
    """What a store holds once it has done what the changes say."""
    known = {one.id: one for one in stored}
    fresh = count(max(known, default=0) + 1)
    for change in changes:
        if change.incident is None:
            assert change.id is not None
            known[change.id] = known[change.id]._replace(withdrawn=True)
            continue
        id_ = next(fresh) if change.id is None else change.id
        end = None if change.incident.ongoing else change.incident.end
        known[id_] = Stored(id_, change.incident.system, change.incident.start, end)
    return list(known.values())


@given(stored_incidents(), STARTS, st.booleans(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_what_was_stored_is_found_as_it_is(
    stored: list[Stored], spans: list[tuple[int, int]], ongoing: bool, random: Random
) -> None:
    found = made(*apart(spans), ongoing=ongoing) if spans else []
    result = reconcile(stored, found)
    mixed, others = stored.copy(), found.copy()
    random.shuffle(mixed)
    random.shuffle(others)
    assert reconcile(mixed, others) == result

    after = stored_again(stored, result.changes)
    assert {one.id for one in stored} <= {one.id for one in after}  # nothing is ever deleted
    live = sorted((one.start, one.end) for one in after if not one.withdrawn)
    assert live == [(i.start, None if i.ongoing else i.end) for i in found]
    again = reconcile(after, found)
    assert again.changes == ()
    assert len(again.kept) == len(found)
    for change in result.changes:
        assert change.into is None or change.into in result.kept


# --- how bad ----------------------------------------------------------------------------------------------------------


def test_the_table_of_severities_is_complete_and_monotone() -> None:
    order = [Extent.WHOLE, Extent.FUNCTION, Extent.REGIONAL, Extent.DEGRADED]
    for criticality in ("high", "medium", "low"):
        row = [severity(criticality, extent) for extent in order]
        assert row == sorted(row)
    for extent in order:
        column = [severity(criticality, extent) for criticality in ("high", "medium", "low")]
        assert column == sorted(column)
    assert len(SEVERITIES) == 12
    assert severity("high", Extent.WHOLE) is Severity.S1
    assert severity("low", Extent.DEGRADED) is Severity.S4


def test_a_contract_may_have_a_table_of_its_own() -> None:
    assert severity("low", Extent.WHOLE, {("low", Extent.WHOLE): Severity.S1}) is Severity.S1
    with pytest.raises(KeyError):
        severity("high", Extent.WHOLE, {})


@pytest.mark.parametrize(
    ("critical", "expected"),
    [
        ([[(0, 50)]], Extent.WHOLE),  # the only critical check
        ([[(0, 50)], []], Extent.FUNCTION),
        ([[(0, 30)], [(29, 50)]], Extent.WHOLE),  # together for a second
        ([[(0, 30)], [(30, 50)]], Extent.FUNCTION),  # one after the other
        ([[(0, 90)], [(60, 90)]], Extent.FUNCTION),  # together, but not in the incident
    ],
)
def test_the_extent_of_an_incident(critical: list[list[Span]], expected: Extent) -> None:
    lines = [[Interval(*span, State.DOWN) for span in spans] + [Interval(90, 99, State.UP)] for spans in critical]
    (incident,) = made((0, 50))
    assert extent_of(incident, lines) is expected


# --- clocks -----------------------------------------------------------------------------------------------------------

HOUR = 3600
S1 = Terms(respond=HOUR // 2, restore=4 * HOUR)


@pytest.mark.parametrize(
    ("clocks", "terms", "now", "expected"),
    [
        (Clocks(0, detected=60, vendor_answered=1860, restored=14_400), S1, 99_999, []),  # used up exactly
        (Clocks(0, detected=60, vendor_answered=1861), S1, 2000, [Breach(Term.RESPONSE, 1800, 1801)]),
        (Clocks(0, detected=60, restored=14_401), S1, 99_999, [
            Breach(Term.RESPONSE, 1800, 14_341), Breach(Term.RESTORATION, 14_400, 14_401),
        ]),  # restored without an answer: the restoration is one
        (Clocks(0, detected=60), S1, 1860, []),  # not yet
        (Clocks(0, detected=60), S1, 1861, [Breach(Term.RESPONSE, 1800, 1801)]),
        (Clocks(0, detected=60, restored=500), S1, 99_999, []),
        (Clocks(0), S1, 9999, []),  # nothing is detected: no response is due
        (Clocks(0, detected=60, vendor_answered=50), S1, 9999, []),  # the vendor knew before us
        (Clocks(0, detected=60), Terms(), 10**9, []),  # nothing promised
        (Clocks(0, detected=60), Terms(respond=0), 61, [Breach(Term.RESPONSE, 0, 1)]),
        (Clocks(0, detected=60, vendor_notified=5000, vendor_answered=6000), S1, 9999, [
            Breach(Term.RESPONSE, 1800, 5940),
        ]),
        (
            Clocks(0, detected=60, vendor_notified=5000, vendor_answered=6000),
            Terms(respond=1000, response_from=ResponseFrom.VENDOR_NOTIFIED), 9999, [],
        ),
        (
            Clocks(0, detected=60, vendor_notified=5000, vendor_answered=6001),
            Terms(respond=1000, response_from=ResponseFrom.VENDOR_NOTIFIED), 9999, [Breach(Term.RESPONSE, 1000, 1001)],
        ),
        (Clocks(0, detected=60), Terms(respond=9, response_from=ResponseFrom.VENDOR_NOTIFIED), 10**6, []),
    ],
)  # fmt: skip
def test_terms_round_the_clock(clocks: Clocks, terms: Terms, now: int, expected: list[Breach]) -> None:
    assert breaches(clocks, terms, now) == expected


def test_terms_in_working_hours() -> None:
    hours = [(7 * HOUR, 11 * HOUR), (13 * HOUR, 17 * HOUR), (DAY + 7 * HOUR, DAY + 11 * HOUR)]
    terms = Terms(respond=HOUR, restore=8 * HOUR, working_hours=True)
    # Detected at 16:30: half an hour that day, half an hour the next morning.
    evening = Clocks(16 * HOUR, detected=16 * HOUR + 1800, vendor_answered=DAY + 7 * HOUR + 1800)
    assert breaches(evening, terms, 2 * DAY, hours) == []
    late = Clocks(16 * HOUR, detected=16 * HOUR + 1800, vendor_answered=DAY + 7 * HOUR + 1801)
    assert breaches(late, terms, 2 * DAY, hours) == [Breach(Term.RESPONSE, HOUR, HOUR + 1)]
    assert breaches(late, terms, 2 * DAY, hours[::-1]) == [Breach(Term.RESPONSE, HOUR, HOUR + 1)]
    # From the night: 4 h before noon, 4 h after, a second on the next day.
    night = Clocks(0, restored=DAY + 7 * HOUR + 1)
    assert breaches(night, terms, 2 * DAY, hours) == [Breach(Term.RESTORATION, 8 * HOUR, 8 * HOUR + 1)]
    assert breaches(Clocks(0, restored=DAY + 7 * HOUR), terms, 2 * DAY, hours) == []
    assert breaches(night, Terms(restore=8 * HOUR), 2 * DAY, hours) != []  # round the clock they do not matter


def test_working_hours_must_be_given() -> None:
    with pytest.raises(ValueError, match="working hours"):
        breaches(Clocks(0), Terms(working_hours=True), 1)


# --- means ------------------------------------------------------------------------------------------------------------


def test_mean_times() -> None:
    clocks = [Clocks(0, detected=10, acknowledged=20), Clocks(0, detected=10, acknowledged=35), Clocks(0, detected=10)]
    assert mtta(clocks) == Fraction(35, 2)
    assert mtta([Clocks(0, detected=10, acknowledged=5)]) == 0
    assert mtta([Clocks(0, acknowledged=5)]) is None
    assert mttr(made((0, 10), (1000, 1021))) == Fraction(31, 2)
    assert mttr([]) is None
    assert mtbf(100, 3) == Fraction(100, 3)
    assert mtbf(0, 2) == 0
    assert mtbf(100, 0) is None


def test_mean_times_in_words() -> None:
    assert mean_text(None) == "không có"
    assert mean_text(Fraction(104_399, 2)) == "14 giờ 30 phút"


def test_repeats_within_days_of_the_last_end() -> None:
    week = 7 * DAY
    app = made((0, 100), (100 + week, 200 + week), (201 + 2 * week, 300 + 2 * week), (50 * DAY, 50 * DAY + 1))
    everything = (0, 100 * DAY)
    system: attrgetter[str] = attrgetter("system")
    assert repeats(app, everything, 7, system) == {"app": 1}
    assert repeats(app, everything, 8, system) == {"app": 2}
    assert repeats(app, everything, 30, system) == {"app": 2}  # 36 days lie before the last one
    assert repeats(app, everything, 36, system) == {"app": 3}
    assert repeats(app, (week, 2 * week), 7, system) == {"app": 1}  # what was before counts as before
    assert repeats(app, (0, 50), 7, system) == {"app": 0}
    assert repeats(app, (70 * DAY, 90 * DAY), 7, system) == {}


def test_repeats_of_a_party_reach_over_its_systems() -> None:
    both = [*made((0, 100)), *made((1000, 1100), system="portal"), *made((2000, 2100), system="bus", party="tinh")]
    period = (0, DAY)
    assert repeats(both, period, 7, attrgetter("party")) == {"vnpt": 1, "tinh": 0}
    assert repeats(both, period, 7, attrgetter("system")) == {"app": 0, "portal": 0, "bus": 0}
    assert repeats(both[::-1], period, 7, attrgetter("system", "party")) == {
        ("app", "vnpt"): 0,
        ("portal", "vnpt"): 0,
        ("bus", "tinh"): 0,
    }


def test_a_long_incident_of_a_party_is_not_forgotten_for_a_short_one() -> None:
    both = [*made((0, 20 * DAY)), *made((10, 20), system="portal"), *made((25 * DAY, 26 * DAY), system="web")]
    assert repeats(both, (20 * DAY, 30 * DAY), 7, attrgetter("party")) == {"vnpt": 1}

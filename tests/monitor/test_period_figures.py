"""Figures of a period: how far lines are drawn so that no outage is cut, and what the figures are a function of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor import words
from monitor.availability import Attribution, Outage, SlaVerdict
from monitor.catalogue import Catalogue
from monitor.figures import (
    REACH,
    Account,
    Draft,
    PeriodFigures,
    Refused,
    Tries,
    longest_hold,
    outages_of,
    promise_in,
    read,
    rows,
    rulings,
    spans_of,
    verdicts,
)
from monitor.judge import Boundary, Line, Try
from monitor.maintenance import Window
from monitor.model import CONTROL_SYSTEM, Reason, State, Verdict
from monitor.spans import Span
from monitor.status import DAY, Key
from tests.monitor.province import load

START = 1_790_787_600  # 2026-10-01 00:00 in the province
DAY_OF = (START, START + DAY)
NOW = START + 30 * DAY
GRACE = 70

SYSTEM = """
  {name}:
    name: {{vi: Hệ thống {name}, en: System {name}}}
    owner: centre
    party: {party}
    connector: http
    options: {{base_url: http://127.0.0.1:9}}
    {more}
    checks: {{home: {{options: {{path: /}}}}}}
"""

HEAD = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}, timezone: Asia/Ho_Chi_Minh}
defaults: {interval: 60s, timeout: 10s}
parties:
  vendor: {name: {vi: Nhà thầu, en: Vendor}}
  carrier: {name: {vi: Đơn vị truyền dẫn, en: Carrier}}
  centre: {name: {vi: Trung tâm, en: Centre}}
contracts:
  hire: {party: vendor, name: {vi: Hợp đồng, en: Contract}, objective: 99.5%, valid_to: 2027-01-01}
calendars:
  state:
    hours: {thu: ["07:00-11:00"]}
    years: {2026: {confirmed: true, days: []}}
locations:
  office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "http://127.0.0.1:9/"}]}
systems:
"""

TEXT = HEAD + "".join(
    SYSTEM.format(name=name, party=party, more=more)
    for name, party, more in (
        ("network", "carrier", ""),
        ("bus", "centre", "depends_on: [network]"),
        ("igate", "vendor", "depends_on: [bus, network]\n    contract: hire"),
        ("portal", "centre", "depends_on: [bus]\n    objective: 99%"),
    )
)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load(tmp_path_factory.mktemp("catalogue"), TEXT)


@dataclass
class Kept:
    """A store that holds boundaries as given, and remembers what it was asked for."""

    told: dict[Key, list[Boundary]]
    known: Mapping[Key, Line] = field(default_factory=dict)
    counts: Mapping[Key, Tries] = field(default_factory=dict)
    announced: Sequence[Window] = ()
    brought: Collection[Key] = ()
    without: Mapping[Key, Sequence[Boundary]] = field(default_factory=dict)
    asked: list[Span] = field(default_factory=list)

    @property
    def periods(self) -> Kept:
        return self

    @property
    def maintenance(self) -> Kept:
        return self

    def boundaries(self, start: int, end: int) -> dict[Key, list[Boundary]]:
        self.asked.append((start, end))
        return {key: found for key, told in self.told.items() if (found := cut(told, start, end))}

    def lines(self) -> Mapping[Key, Line]:
        return self.known

    def tries(self, start: int, end: int) -> Mapping[Key, Tries]:
        return self.counts

    def imported(self, start: int, end: int) -> Collection[Key]:
        return self.brought

    def measured(self, keys: Collection[Key], start: int, end: int, now: int) -> dict[Key, list[Boundary]]:
        return {key: cut(self.without.get(key, ()), start, end) for key in keys}

    def windows(self, start: int, end: int) -> list[Window]:
        return [w for w in self.announced if w.start < end and start < w.end]


def cut(told: Sequence[Boundary], start: int, end: int) -> list[Boundary]:
    return [b for b in told if b.at <= start][-1:] + [b for b in told if start < b.at < end]


LETTERS = {"U": State.UP, "G": State.DEGRADED, "D": State.DOWN, "-": State.NO_DATA}


def line(*told: tuple[int, str]) -> list[Boundary]:
    """Boundaries by their second after START and the letter of the state."""
    return [Boundary(START + at, LETTERS[letter], Reason.HTTP_5XX if letter == "D" else None) for at, letter in told]


def key(system: str) -> Key:
    return system, "home", "office"


def told_of(**lines: list[Boundary]) -> dict[Key, list[Boundary]]:
    return {key(system): boundaries for system, boundaries in lines.items()}


def outages_in(figures: PeriodFigures) -> dict[str, list[Outage]]:
    """The outages of each system that counts, as far as they touch the period."""
    return {s: [o for o in figures.outages[s] if o.seconds_in(*span)] for s, span in figures.spans.items()}


# --- how far ----------------------------------------------------------------------------------------------------------


def test_as_a_rule_a_day_around_the_period_is_read(catalogue: Catalogue) -> None:
    good = line((-9 * DAY, "U"), (3600, "D"), (7200, "U"))
    kept = Kept(told_of(network=good, bus=good, igate=good, portal=good))
    read(catalogue, kept, DAY_OF, NOW)
    assert kept.asked == [(START - DAY, START + 2 * DAY)]


def test_a_running_period_is_read_until_now(catalogue: Catalogue) -> None:
    kept = Kept(told_of(igate=line((-9 * DAY, "U"))))
    figures = read(catalogue, kept, DAY_OF, START + 3600)
    assert kept.asked == [(START - DAY, START + 3600)]
    assert figures.is_running
    assert figures.spans["igate"] == (START, START + 3600)


def test_a_long_outage_is_found_whole(catalogue: Catalogue) -> None:
    days = 100
    kept = Kept(told_of(portal=line((-days * DAY - 60, "U"), (-days * DAY, "D"), (-9 * DAY, "-"), (20 * DAY, "U"))))
    (outage,) = outages_in(read(catalogue, kept, (START - 10 * DAY, START), NOW))["portal"]
    assert (outage.start, outage.end, outage.ongoing) == (START - days * DAY, START - 9 * DAY, False)
    kept.told = told_of(portal=line((-60, "U"), (0, "D"), (20 * DAY, "U")))
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW))["portal"]
    assert (outage.start, outage.end, outage.ongoing) == (START, START + 20 * DAY, False)
    kept.told = told_of(portal=line((-60, "U"), (0, "D")))
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW))["portal"]
    assert (outage.start, outage.end, outage.ongoing) == (START, NOW, True)


def test_what_was_never_known_before_is_not_looked_for(catalogue: Catalogue) -> None:
    kept = Kept(told_of(portal=line((-300, "D"), (300, "U"))))
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW))["portal"]
    assert (outage.start, outage.end) == (START - 300, START + 300)
    assert kept.asked == [(START - DAY, START + 2 * DAY)]


def test_an_outage_longer_than_the_reach_is_cut_there(catalogue: Catalogue) -> None:
    kept = Kept(told_of(network=line((-2 * REACH, "D"))))
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW, only="network"))["network"]
    assert outage.start == START - REACH
    assert len([span for span in kept.asked if span[0] < START - DAY]) == 0  # as it is now it was then


def test_only_one_system_reads_no_child_and_every_parent(catalogue: Catalogue) -> None:
    figures = read(catalogue, Kept({}), DAY_OF, NOW, only="bus")
    assert list(figures.spans) == ["bus"]
    assert list(figures.lines.systems) == ["network", "bus"]


def test_a_parent_that_was_down_the_night_before(catalogue: Catalogue) -> None:
    """The child is down over midnight; its parent was, until 30 s before: that is within the grace."""
    kept = Kept(
        told_of(
            network=line((-3 * DAY, "U")),
            bus=line((-3 * DAY, "U"), (-2 * DAY, "D"), (-30, "U")),
            portal=line((-3 * DAY, "U"), (-600, "D"), (600, "U")),
        )
    )
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW, only="portal"))["portal"]
    assert [(s.start - START, s.end - START, s.root, s.since - START) for s in outage.stretches] == [
        (-600, -30 + GRACE, "bus", -2 * DAY), (-30 + GRACE, 600, "portal", -600),
    ]  # fmt: skip
    assert of(read(catalogue, kept, DAY_OF, NOW), "bus").outages == ()  # needed, but not of this period


def test_a_parent_that_had_come_back_just_before_the_child_went(catalogue: Catalogue) -> None:
    """40 s before igate is down the bus has come back; 40 s later the network goes. The bus began first."""
    kept = Kept(
        told_of(
            network=line((-3 * DAY, "U"), (-560, "D"), (600, "U")),
            bus=line((-3 * DAY, "U"), (-2 * DAY, "D"), (-640, "U")),
            igate=line((-3 * DAY, "U"), (-600, "D"), (600, "U")),
        )
    )
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW, only="igate"))["igate"]
    assert [(s.start - START, s.end - START, s.root) for s in outage.stretches] == [
        (-600, -640 + GRACE, "bus"), (-640 + GRACE, 600, "network"),
    ]  # fmt: skip


def test_a_parent_that_goes_just_after_the_child_came_back(catalogue: Catalogue) -> None:
    """The network is back 90 s before igate, more than the grace; but 30 s after that the bus goes."""
    kept = Kept(
        told_of(
            network=line((-3 * DAY, "U"), (DAY - 600, "D"), (DAY + 10, "U")),
            bus=line((-3 * DAY, "U"), (DAY + 130, "D"), (DAY + 900, "U")),
            igate=line((-3 * DAY, "U"), (DAY - 600, "D"), (DAY + 100, "U")),
        )
    )
    (outage,) = outages_in(read(catalogue, kept, DAY_OF, NOW, only="igate"))["igate"]
    assert [(s.start - START - DAY, s.end - START - DAY, s.root) for s in outage.stretches] == [
        (-600, 10 + GRACE, "network"), (10 + GRACE, 100, "bus"),
    ]  # fmt: skip


def test_the_silence_after_the_last_try_is_known_now(catalogue: Catalogue) -> None:
    last = Try(1000 * (START - 60), 1000 * (START - 60), 1, Verdict.UP)
    up = Boundary(START - 3600, State.UP)
    stands = Line(up, None, 1000 * (START + 70), (), last)
    figures = read(catalogue, Kept({key("portal"): [up]}, {key("portal"): stands}), DAY_OF, NOW, only="portal")
    (portal,) = figures.systems
    assert portal.raw.figure.no_data_seconds == DAY - 70


TIMES = st.tuples(st.integers(-3, 5), st.integers(-18, 18)).map(lambda at: at[0] * DAY // 2 + 10 * at[1])


@st.composite
def lines_of(draw: st.DrawFn) -> dict[Key, list[Boundary]]:
    """Lines that change at about the same times: midnights and noons."""
    made = {}
    for system in ("network", "bus", "igate", "portal"):
        instants = sorted(draw(st.sets(TIMES, max_size=10)))
        letters = draw(st.lists(st.sampled_from("UDD-"), min_size=len(instants), max_size=len(instants)))
        made[key(system)] = line(*zip(instants, letters, strict=True))
    return made


@given(lines_of(), st.sampled_from([START + DAY // 2, START + DAY, NOW]))
@examples(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_read_is_enough(catalogue: Catalogue, told: dict[Key, list[Boundary]], now: int) -> None:
    """The outages that touch the period are those that lines from the beginning of time to now would give."""
    whole = Draft(catalogue, Kept(told).boundaries, {}, (START - 20 * DAY, now), now).lines(
        spans_of(catalogue, (START - 20 * DAY, now), now)
    )
    expected = outages_of(catalogue, whole, (), now)
    for only in (None, *catalogue.systems):
        for system, found in outages_in(read(catalogue, Kept(told), DAY_OF, now, only=only)).items():
            assert found == [o for o in expected[system] if o.seconds_in(*DAY_OF)]


# --- what counts ------------------------------------------------------------------------------------------------------


def month(catalogue: Catalogue, kept: Kept, attributions: Sequence[Attribution] = ()) -> PeriodFigures:
    return read(catalogue, kept, (START, START + 14 * DAY), NOW, attributions)


def story() -> Kept:
    """The bus is down for an hour on the 3rd, igate with it; igate alone on the 8th, a Thursday, at 08:00."""
    eighth = 7 * DAY + 8 * 3600
    bus = line((-9 * DAY, "U"), (2 * DAY, "D"), (2 * DAY + 3600, "U"))
    igate = line((-9 * DAY, "U"), (2 * DAY, "D"), (2 * DAY + 3600, "U"), (eighth, "D"), (eighth + 7200, "U"))
    good = line((-9 * DAY, "U"))
    counts = {key("igate"): Tries(1000, 4, {Reason.HTTP_5XX: 5})}
    return Kept(told_of(network=good, bus=bus, igate=igate, portal=good), counts=counts)


def of(figures: PeriodFigures, system: str) -> Any:
    return next(s for s in figures.systems if s.system == system)


def test_the_sum_of_its_parts(catalogue: Catalogue) -> None:
    igate = of(month(catalogue, story()), "igate")
    assert isinstance(igate.contractual, Account)
    assert isinstance(igate.office, Account)
    assert igate.raw.figure.down_seconds == 3 * 3600
    assert igate.contractual.figure.down_seconds == 2 * 3600
    assert igate.contractual.figure.other_party_seconds == 3600
    assert (igate.office.figure.set_seconds, igate.office.figure.down_seconds) == (2 * 4 * 3600, 2 * 3600)
    assert igate.errors.rate == Fraction(5, 1000)
    assert igate.errors.rechecks == 4
    assert igate.commitment.account.figure == igate.contractual.figure
    assert igate.commitment.sla.verdict is SlaVerdict.BROKEN
    assert of(month(catalogue, story()), "portal").commitment.sla.verdict is SlaVerdict.MET
    assert of(month(catalogue, story()), "bus").commitment is None


def test_imported_outcomes_decide_no_promise(catalogue: Catalogue) -> None:
    kept = story()
    kept.brought = [key("igate")]
    kept.without = told_of(igate=line((-9 * DAY, "U"), (7 * DAY, "-"), (8 * DAY, "U")))
    igate = of(month(catalogue, kept), "igate")
    assert igate.contractual.figure.down_seconds == 2 * 3600
    assert (igate.commitment.sla.verdict, igate.commitment.sla.spent) == (SlaVerdict.MET, 0)
    assert igate.commitment.sla.allowed == Fraction(5, 1000) * 13 * DAY
    held = verdicts(month(catalogue, kept))
    assert [(v["system"], v["measured_only"], v["provisional"]) for v in held] == [
        ("igate", True, True), ("portal", True, False),  # 13 of 14 days are observed
    ]  # fmt: skip


def test_imported_controls_take_no_outage_off_a_promise(catalogue: Catalogue) -> None:
    """By them the office was blind on the 8th: igate's two hours of that day are told as no data, and yet count."""
    kept = story()
    measured = dict(kept.told)
    eighth = 7 * DAY + 8 * 3600
    kept.told[key("igate")] = line((-9 * DAY, "U"), (eighth, "-"), (eighth + 7200, "U"))
    kept.brought, kept.without = [(CONTROL_SYSTEM, "gateway", "office")], measured
    igate = of(month(catalogue, kept), "igate")
    assert igate.contractual.figure.down_seconds == 0
    assert (igate.commitment.sla.verdict, igate.commitment.sla.spent) == (SlaVerdict.BROKEN, 7200)
    kept.brought = [(CONTROL_SYSTEM, "gateway", "elsewhere")]  # from where nothing is seen
    assert month(catalogue, kept).measured is None


def test_a_contract_covers_part_of_a_period(catalogue: Catalogue) -> None:
    turn = START + 92 * DAY  # 2027-01-01
    hire = catalogue.contracts["hire"]
    assert promise_in(catalogue, "igate", (turn - DAY, turn + DAY)) == ("hire", hire, (turn - DAY, turn))
    assert promise_in(catalogue, "igate", (turn, turn + DAY)) is None
    assert promise_in(catalogue, "portal", DAY_OF) is None


def test_what_contracts_say_of_a_window(catalogue: Catalogue) -> None:
    window = Window("1", frozenset({"igate", "portal", "gone"}), START, START + 60, START - 9 * DAY)
    ruled = rulings(catalogue, window)
    assert list(ruled) == ["hire"]
    assert not isinstance(ruled["hire"], str) and ruled["hire"].valid
    early = replace(window, start=START - 300 * DAY, notice_at=START - 400 * DAY)
    assert rulings(catalogue, early) == {"hire": "lịch làm việc chưa có năm 2025"}


def test_a_refused_figure_is_a_row_without_numbers(catalogue: Catalogue) -> None:
    kept = story()
    kept.announced = [Window("1", frozenset({"igate"}), START, START + 60, START - 400 * DAY)]
    figures = read(catalogue, kept, (START - 300 * DAY, START + DAY), NOW)
    refused = of(figures, "igate").office
    assert isinstance(refused, Refused)
    row = next(r for r in rows(figures) if (r["system"], r["figure"]) == ("igate", "office"))
    assert (row["text"], row["set_seconds"], row["provisional"]) == (
        "không tính: lịch làm việc chưa có năm 2025", None, None,
    )  # fmt: skip


def test_the_longest_hold(catalogue: Catalogue) -> None:
    assert longest_hold(catalogue) == 2 * 60 + 10


# --- what they are a function of --------------------------------------------------------------------------------------


def catalogue_with(folder: Path, old: str, new: str) -> Catalogue:
    assert old in TEXT
    return load(folder, TEXT.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Hệ thống bus", "Trục"),
        ("valid_to: 2027-01-01", "valid_to: 2026-12-01"),  # beyond the period
        ("2026: {confirmed: true, days: []}", "2026: {confirmed: true, days: []}, 2027: {confirmed: true, days: []}"),
        ("http://127.0.0.1:9}", "http://127.0.0.2:9}"),
        ("interval: 60s", "interval: 60.0s"),
    ],
)
def test_what_does_not_matter_changes_no_digest(catalogue: Catalogue, tmp_path: Path, old: str, new: str) -> None:
    assert month(catalogue_with(tmp_path, old, new), story()).digest == month(catalogue, story()).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("valid_to: 2027-01-01", "valid_to: 2026-10-10"),
        ("2026: {confirmed: true", "2026: {confirmed: false"),
        ('thu: ["07:00-11:00"]', 'thu: ["07:00-12:00"]'),
        ("objective: 99.5%", "objective: 99.9%"),
        ("objective: 99%", "objective: 98%"),
        ("party: carrier", "party: centre"),
        ("depends_on: [bus]", "depends_on: [network]"),
        ("interval: 60s", "interval: 61s"),  # the grace between child and parent
        ("hire: {party: vendor", "hire: {maintenance_notice_days: 2, party: vendor"),
    ],
)
def test_what_matters_changes_it(catalogue: Catalogue, tmp_path: Path, old: str, new: str) -> None:
    assert month(catalogue_with(tmp_path, old, new), story()).digest != month(catalogue, story()).digest


def test_so_do_the_facts_of_the_period(catalogue: Catalogue) -> None:
    digests = [month(catalogue, story()).digest]
    kept = story()
    kept.announced = [Window("1", frozenset({"igate"}), START, START + 60, START - DAY)]
    digests.append(month(catalogue, kept).digest)
    kept.announced = [replace(kept.announced[0], cancelled_at=START - 60)]
    digests.append(month(catalogue, kept).digest)
    kept.announced = [replace(kept.announced[0], systems=frozenset({"gone"}))]
    assert month(catalogue, kept).digest == digests[0]
    kept = story()
    kept.counts = {key("igate"): Tries(1000, 4, {Reason.HTTP_5XX: 6})}
    digests.append(month(catalogue, kept).digest)
    decision = Attribution(1, "igate", START + 7 * DAY, START + 8 * DAY, "centre")
    digests.append(month(catalogue, story(), [decision]).digest)
    older = Attribution(1, "igate", START - 8 * DAY, START, "centre")
    assert month(catalogue, story(), [older]).digest == digests[0]
    kept = story()
    kept.told = {**kept.told, key("portal"): line((-9 * DAY, "U"), (DAY, "-"), (DAY + 1, "U"))}
    digests.append(month(catalogue, kept).digest)
    kept = story()
    kept.brought = [key("igate")]
    digests.append(month(catalogue, kept).digest)
    assert len(set(digests)) == len(digests)


def test_what_comes_after_the_period_does_not(catalogue: Catalogue) -> None:
    """An outage is under way at the end; that it ends, and what follows, is of no matter to what was before.

    So is the bus, which goes 40 s after the portal is back.
    """
    kept, later = story(), story()
    end = 14 * DAY
    kept.told = {**kept.told, key("portal"): line((-9 * DAY, "U"), (end - 60, "D"))}
    later.told = {**later.told, key("portal"): line((-9 * DAY, "U"), (end - 60, "D"), (end + 60, "U"), (end + 99, "-"))}
    later.told[key("bus")] = [*story().told[key("bus")], *line((end + 100, "D"), (end + 200, "U"))]
    later.announced = [Window("1", frozenset({"igate"}), START + end, START + end + 60, START)]
    assert month(catalogue, kept).digest == month(catalogue, later).digest
    assert of(month(catalogue, kept), "portal").outages != of(month(catalogue, later), "portal").outages


def test_but_what_shows_whose_it_was_does(catalogue: Catalogue) -> None:
    """The bus is seen down only after midnight: then the portal's outage had been the bus's from its first second."""
    kept, later = story(), story()
    end = 14 * DAY
    portal = line((-9 * DAY, "U"), (end - 30, "D"), (end + 600, "U"))
    kept.told = {**kept.told, key("portal"): portal}
    bus = [*story().told[key("bus")], *line((end + 10, "D"), (end + 300, "U"))]
    later.told = {**later.told, key("portal"): portal, key("bus"): bus}
    assert month(catalogue, kept).digest != month(catalogue, later).digest


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "said"),
    [("99.5", "99,5%"), ("100", "100%"), ("99.995", "99,995%"), ("99", "99%"), ("0.1", "0,1%")],
)
def test_a_share_is_written_as_it_was_promised(share: str, said: str) -> None:
    assert words.share(Fraction(share) / 100) == said


def test_a_whole_number() -> None:
    assert [words.number(n) for n in (0, 999, 1000, 2_678_400)] == ["0", "999", "1.000", "2.678.400"]

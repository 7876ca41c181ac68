"""Terms that change: every second is judged by those in force in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor import terms
from monitor.availability import Exclusion, SlaVerdict
from monitor.catalogue import Catalogue
from monitor.figures import Account, PeriodFigures, SystemFigures, read, rows
from monitor.incident_rules import IncidentRules
from monitor.incidents import Severity
from monitor.judge import Boundary
from monitor.maintenance import Window
from monitor.model import Reason, State
from monitor.status import DAY, Key, Timelines
from monitor.terms import Recorded, Subject, bodies, with_past
from tests.monitor import figures_oracle as oracle
from tests.monitor.province import load
from tests.monitor.test_period_figures import Kept

START = 1_790_787_600  # 2026-10-01 00:00 in the province
STATE = {"U": State.UP, "G": State.DEGRADED, "D": State.DOWN, "-": State.NO_DATA}
LETTER = {state: letter for letter, state in STATE.items()}

TEXT = """
province: {{id: tinh_thu, name: {{vi: Tỉnh Thử, en: Test Province}}, timezone: Asia/Ho_Chi_Minh}}
defaults: {{interval: 2s, timeout: 1s}}
parties:
  vendor: {{name: {{vi: Nhà thầu, en: Vendor}}}}
  carrier: {{name: {{vi: Đơn vị truyền dẫn, en: Carrier}}}}
  centre: {{name: {{vi: Trung tâm, en: Centre}}}}
contracts:
  hire:
    {{party: {promises}, name: {{vi: Hợp đồng, en: Contract}}, objective: {objective}, maintenance_notice_days: {days},
    terms: {{S1: {{fix: {fix}}}, S2: {{fix: {fix}}}}}}}
  next: {{party: carrier, name: {{vi: Hợp đồng mới, en: New contract}}, objective: 90%}}
calendars: {{state: {{years: {{2026: {{confirmed: true, days: []}}}}}}}}
locations:
  a: {{name: {{vi: Nơi a, en: A}}, controls: [{{id: a0, url: "http://127.0.0.1:9/"}}]}}
  b: {{name: {{vi: Nơi b, en: B}}, controls: [{{id: b0, url: "http://127.0.0.1:9/"}}]}}
systems:
  net:
    {{name: {{vi: Mạng, en: Net}}, owner: centre, party: carrier, connector: http, options: {{base_url: "http://127.0.0.1:9"}},
    checks: {{c: {{options: {{path: /}}, locations: [a]}}}}}}
  bus:
    {{name: {{vi: Trục, en: Bus}}, owner: centre, party: centre, connector: http, options: {{base_url: "http://127.0.0.1:9"}},
    depends_on: [{grandparents}], checks: {{c: {{options: {{path: /}}, locations: [a]}}}}}}
  igate:
    name: {{vi: Một cửa, en: Igate}}
    owner: centre
    party: {party}
    contract: {contract}
    criticality: high
    connector: http
    options: {{base_url: "http://127.0.0.1:9"}}
    depends_on: [{parents}]
    checks:
      c0: {{options: {{path: /}}{quorum}}}
      c1: {{critical: {critical}, interval: 4s, options: {{path: /}}, locations: [b]}}
"""
LINES: list[Key] = [
    ("net", "c", "a"), ("bus", "c", "a"), ("igate", "c0", "a"), ("igate", "c0", "b"), ("igate", "c1", "b"),
]  # fmt: skip


class Said(NamedTuple):
    """What a catalogue says."""

    quorum: int | None = None
    critical: bool = False  # c1
    parents: tuple[str, ...] = ("bus",)
    grandparents: tuple[str, ...] = ()
    party: str = "vendor"
    promises: str = "vendor"
    objective: str = "99%"
    days: int = 0
    contract: str = "hire"
    fix: str = "4h"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provinces")


@cache
def catalogue(folder: Path, said: Said) -> Catalogue:
    written = said._asdict() | {
        "quorum": f", quorum: {said.quorum}" if said.quorum else "",
        "critical": str(said.critical).lower(),
        "parents": ", ".join(said.parents),
        "grandparents": ", ".join(said.grandparents),
    }
    return load(folder, TEXT.format(**written))


History = Sequence[tuple[int, Said]]
"""What a catalogue said from which second after START on; the first of them before, too."""


def province(folder: Path, history: History) -> Catalogue:
    """The last catalogue, with the others as its past."""
    recorded: list[Recorded] = []
    for number, (at, said) in enumerate(history):
        for (subject, id_), body in terms.changed(catalogue(folder, said), recorded).items():
            recorded.append(Recorded(subject, id_, START + at if number else terms.ALWAYS, body))
    return with_past(catalogue(folder, history[-1][1]), recorded, START + 10**6)


def told(letters: Sequence[str]) -> dict[Key, list[Boundary]]:
    """The boundaries of the LINES, one letter a second from START on; good since long before, and after."""
    made: dict[Key, list[Boundary]] = {}
    for key, line in zip(LINES, letters, strict=True):
        made[key] = [Boundary(START - 400 * DAY, State.UP)]
        for second, letter in enumerate([*line, "U"]):
            if STATE[letter] is not made[key][-1].state:
                reason = Reason.HTTP_5XX if letter == "D" else None
                made[key].append(Boundary(START + second, STATE[letter], reason))
    return made


def counted(folder: Path, history: History, letters: Sequence[str], kept: Kept | None = None) -> PeriodFigures:
    length = len(letters[0])
    kept = kept or Kept(told(letters))
    return read(province(folder, history), kept, (START, START + length), START + length)


def of(figures: PeriodFigures, system: str = "igate") -> SystemFigures:
    return next(one for one in figures.systems if one.system == system)


# --- by brute force ---------------------------------------------------------------------------------------------------

WIDTH = 60
PARENTS = [(), ("bus",), ("net",), ("bus", "net"), ("bus", "net")]


@st.composite
def letters(draw: st.DrawFn) -> str:
    runs = draw(st.lists(st.tuples(st.sampled_from("UUDDDG-"), st.integers(1, 14)), max_size=12))
    return ("".join(letter * length for letter, length in runs) + "U" * WIDTH)[:WIDTH]


SAID = st.tuples(
    st.sampled_from([None, 1, 2]),
    st.booleans(),
    st.sampled_from(PARENTS),
    st.sampled_from([(), ("net",)]),
    st.sampled_from(["vendor", "carrier"]),
).map(lambda said: Said(*said))
HISTORIES = st.lists(st.tuples(st.integers(0, WIDTH), SAID), min_size=2, max_size=4).map(
    lambda rows: sorted(dict(rows).items())
)


@examples(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HISTORIES, st.lists(letters(), min_size=len(LINES), max_size=len(LINES)))
def test_every_second_is_judged_by_its_own_terms(
    folder: Path, history: list[tuple[int, Said]], seen: list[str]
) -> None:
    figures = counted(folder, history, seen)
    expected = lines_by_oracle(history, seen)
    for system, line in expected.items():
        drawn = "".join(LETTER[i.state] * (i.end - i.start) for i in of(figures, system).raw.line if i.end > START)
        assert drawn[-WIDTH:] == line, system

    def in_force(second: int) -> Said:
        return next(said for at, said in reversed(history) if at <= second or at == history[0][0])

    def g(child: str, parent: str, second: int) -> int | None:
        said = in_force(second)
        if parent not in (said.parents if child == "igate" else said.grandparents if child == "bus" else ()):
            return None
        return 5 if child == "igate" and said.critical else 3

    causes = oracle.causes(
        expected,
        {"igate": ["bus", "net"], "bus": ["net"]},
        lambda *_: 0,
        {},
        g_in=g,
        party_in=lambda system, second: in_force(second).party if system == "igate" else PARTY[system],
    )
    for system in expected:
        stretches = [s for outage in of(figures, system).outages for s in outage.stretches]
        made = {second - START: (s.root, s.party) for s in stretches for second in range(s.start, s.end)}
        assert made == {second: (cause.root, cause.party) for second, cause in causes[system].items()}, system


PARTY = {"net": "carrier", "bus": "centre"}


def lines_by_oracle(history: History, seen: Sequence[str]) -> dict[str, str]:
    net, bus, c0a, c0b, c1 = seen
    made = ""
    for second in range(WIDTH):
        said = next(said for at, said in reversed(history) if at <= second or at == history[0][0])
        c0 = oracle.check([c0a[second], c0b[second]], said.quorum)
        made += oracle.system([c0, c1[second]], []) if said.critical else oracle.system([c0], [c1[second]])
    return {"net": net, "bus": bus, "igate": made}


# --- named cases ------------------------------------------------------------------------------------------------------

OLD = Said()
UP = "U" * 60


def down(start: int, end: int, width: int = 60) -> str:
    return "U" * start + "D" * (end - start) + "U" * (width - end)


@dataclass(frozen=True)
class Case:
    """Igate over 60 s: what was said from when on, which seconds its lines and its parents were down, and what counts.

    `raw` and `contractual` are down seconds, `own` those that no parent takes.
    """

    name: str
    history: History
    raw: int
    contractual: int
    own: int
    c0: str = UP
    c1: str = UP
    bus: str = UP
    net: str = UP


CASES = [
    Case("critical from 20 on", [(0, OLD), (20, Said(critical=True))], 20, 20, 20, c1=down(10, 40)),
    Case("no longer critical from 20 on", [(0, Said(critical=True)), (20, OLD)], 10, 10, 10, c1=down(10, 40)),
    Case("one location is enough from 20 on", [(0, Said(quorum=2)), (20, Said(quorum=1))], 20, 20, 20, c0=down(10, 40)),
    Case("two must see it from 20 on", [(0, Said(quorum=1)), (20, Said(quorum=2))], 10, 10, 10, c0=down(10, 40)),
    Case(
        "a parent takes nothing from the second on in which it is none",
        [(0, Said(critical=True)), (20, Said(critical=True, parents=()))],
        30, 20, 20, c1=down(10, 40), bus=down(10, 40),
    ),
    Case(
        "a new parent takes nothing of an outage that is the child's own already",
        [(0, Said(critical=True, parents=())), (20, Said(critical=True))],
        30, 30, 30, c1=down(10, 40), bus=down(10, 40),
    ),
    Case(
        "a parent that was down before it became one shares no second with the child",
        [(0, Said(critical=True, parents=())), (10, Said(critical=True))],
        30, 30, 30, c1=down(10, 40), bus=down(5, 10),
    ),
    Case(
        "g is that of the second: without the slow critical check 3 s instead of 5 s",
        [(0, Said(critical=True, quorum=1)), (23, Said(quorum=1))],
        20, 16, 16, c0=down(20, 40), bus=down(18, 21),
    ),
    Case(
        "the party that answers, from 20 on",
        [(0, Said(critical=True)), (20, Said(critical=True, party="carrier"))],
        30, 10, 30, c1=down(10, 40),
    ),
    Case(
        "another party promises from 20 on: the figure is about what comes after",
        [(0, Said(critical=True)), (20, Said(critical=True, party="carrier", promises="carrier"))],
        30, 20, 30, c1=down(10, 40),
    ),
    Case(
        "another contract from 20 on",
        [(0, Said(critical=True)), (20, Said(critical=True, party="carrier", contract="next"))],
        30, 20, 30, c1=down(10, 40),
    ),
    Case(
        "terms said twice",
        [(0, OLD), (15, Said(critical=True)), (20, OLD), (30, Said(critical=True))],
        15, 15, 15, c1=down(10, 40),
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case(folder: Path, case: Case) -> None:
    igate = of(counted(folder, case.history, [case.net, case.bus, case.c0, UP, case.c1]))
    assert igate.raw.figure.down_seconds == case.raw
    assert isinstance(igate.contractual, Account)
    assert igate.contractual.figure.down_seconds == case.contractual
    assert sum(s.end - s.start for outage in igate.outages for s in outage.own) == case.own


def test_a_contract_is_read_as_it_was_written_with_its_days(folder: Path) -> None:
    """Its days are dates again; and nothing warns, as pydantic does of days that it has just written."""
    catalogue.__wrapped__(folder, OLD)  # writes the file
    text = (folder / "catalogue.yaml").read_text(encoding="utf-8")
    known = load(folder, text.replace("next: {party", "next: {valid_from: 2026-01-01, valid_to: 2027-01-01, party"))
    body = bodies(known)[Subject.CONTRACT, "next"]
    again = terms._contract_of("next", body, known)
    assert (again.valid_from, again.valid_to) == (date(2026, 1, 1), date(2027, 1, 1))
    assert again == known.contracts["next"]


def test_a_period_before_a_change_is_what_it_was(folder: Path) -> None:
    """Figures and the digest of their inputs: a closed period does not say that its inputs have changed."""
    seen = [UP, UP, down(10, 20), down(10, 20), down(30, 40)]
    before = counted(folder, [(0, OLD)], seen)
    changed = Said(1, True, ("net",), ("net",), "carrier", "carrier", "90%", 5, "next", "1h")
    after = counted(folder, [(0, OLD), (60, changed)], seen)
    assert after.digest == before.digest
    assert rows(after) == rows(before)
    assert counted(folder, [(0, OLD), (59, changed)], seen).digest != before.digest


def test_a_new_check_says_nothing_of_the_time_before_it(folder: Path) -> None:
    """Its silence would make all that was seen before it no data."""
    new = catalogue(folder, OLD)
    igate = new.systems["igate"]
    old = replace(
        new, systems={**new.systems, "igate": igate.model_copy(update={"checks": {"c0": igate.checks["c0"]}})}
    )
    old = replace(old, _terms={})
    recorded = [Recorded(*subject, terms.ALWAYS, body) for subject, body in bodies(old).items()]
    recorded += [Recorded(*subject, START + 30, body) for subject, body in terms.changed(new, recorded).items()]
    dated = with_past(new, recorded, START + 60)
    seen = told([UP, UP, UP, UP, "-" * 30 + "U" * 30])
    del seen["igate", "c1", "b"][0]
    figures = read(dated, Kept(seen), (START, START + 60), START + 60)
    assert of(figures).raw.figure.no_data_seconds == 0
    assert [check.check for check in of(figures).checks] == ["c0", "c1"]
    assert [check.check for check in of(read(dated, Kept(seen), (START, START + 30), START + 60)).checks] == ["c0"]


def test_a_window_is_judged_by_the_terms_when_its_notice_went_out(folder: Path) -> None:
    early = Window("1", frozenset({"igate"}), START + 10, START + 20, START - DAY)
    late = Window("2", frozenset({"igate"}), START + 30, START + 40, START + 29)
    kept = Kept(told([UP] * 5), announced=[early, late])
    igate = of(counted(folder, [(0, OLD), (25, Said(days=5))], [UP] * 5, kept))
    assert isinstance(igate.contractual, Account)
    left_out = [
        (p.start - START, p.end - START) for p in igate.contractual.pieces() if p.excluded is Exclusion.MAINTENANCE
    ]
    assert left_out == [(10, 20)]


def test_each_part_has_the_down_seconds_that_its_own_objective_allows(folder: Path) -> None:
    """Of 20 s at 90 % and 40 s at 95 %: 2 s and 2 s, so 4 s of 60."""
    history = [(0, Said(objective="90%")), (20, Said(objective="95%"))]
    for seconds, verdict in ((4, SlaVerdict.MET), (5, SlaVerdict.BROKEN)):
        igate = of(counted(folder, history, [UP, UP, down(30, 30 + seconds), down(30, 30 + seconds), UP]))
        assert igate.commitment is not None
        assert igate.commitment.sla.allowed == 4
        assert igate.commitment.sla.objective == Fraction(56, 60)
        assert igate.commitment.sla.verdict is verdict


def test_the_objective_of_the_last_contract_is_held_against_its_own_time(folder: Path) -> None:
    igate = of(counted(folder, [(0, OLD), (20, Said(contract="next"))], [UP] * 5))
    assert igate.commitment is not None
    assert igate.commitment.account.span == (START + 20, START + 60)
    assert igate.commitment.sla.objective == Fraction(9, 10)


def test_incidents_are_judged_by_the_terms_at_their_start(folder: Path) -> None:
    dated = province(
        folder, [(0, Said(critical=True, fix="4h")), (20, Said(critical=True, fix="1h", promises="carrier"))]
    )
    rules = IncidentRules(dated)
    first, second = (rules.terms("igate", Severity.S1, START + at) for at in (19, 20))
    assert first is not None and second is not None
    assert (first.restore, second.restore) == (4 * 3600, 3600)
    contracts = [rules.contract("igate", START + at) for at in (19, 20)]
    assert [contract and contract.party for contract in contracts] == ["vendor", "carrier"]


def test_what_a_circle_of_dependencies_gives(folder: Path) -> None:
    """The bus hung on net, now net hangs on the bus: the older one takes nothing."""
    today = catalogue(folder, Said(grandparents=()))
    systems = {**today.systems, "net": today.systems["net"].model_copy(update={"depends_on": ("bus",)})}
    turned = replace(today, systems=systems, _terms={})
    old = catalogue(folder, Said(grandparents=("net",)))
    recorded = [Recorded(*subject, terms.ALWAYS, body) for subject, body in bodies(old).items()]
    recorded += [Recorded(*subject, START + 30, body) for subject, body in terms.changed(turned, recorded).items()]
    dated = with_past(turned, recorded, START + 60)
    assert terms.parents(dated) == {"net": ("bus",), "bus": (), "igate": ("bus",)}
    seen = Kept(told([down(10, 50), down(10, 50), UP, UP, UP]))
    figures = read(dated, seen, (START, START + 60), START + 60)
    assert of(figures, "bus").outages[0].through_parent == 0


def test_a_correction_holds_from_an_earlier_instant_on_and_what_it_replaced_stays_written(folder: Path) -> None:
    first, wrong, right = (catalogue(folder, Said(quorum=quorum)) for quorum in (None, 1, 2))
    key = Subject.SYSTEM, "igate"
    recorded = [
        Recorded(*key, terms.ALWAYS, bodies(first)[key]),
        Recorded(*key, START + 40, bodies(wrong)[key]),
        Recorded(*key, START + 20, bodies(right)[key]),
    ]
    dated = with_past(right, recorded, START + 60)
    quorums = [terms.terms_at(dated, "igate", START + at).checks["c0"].quorum for at in (19, 20, 40)]
    assert quorums == [None, 2, 2]


def test_what_is_not_recorded_yet_holds_from_now_on(folder: Path) -> None:
    key = Subject.SYSTEM, "igate"
    recorded = [Recorded(*key, terms.ALWAYS, bodies(catalogue(folder, OLD))[key])]
    dated = with_past(catalogue(folder, Said(quorum=2)), recorded, START + 30)
    quorums = [terms.terms_at(dated, "igate", START + at).checks["c0"].quorum for at in (29, 30)]
    assert quorums == [None, 2]
    assert with_past(catalogue(folder, OLD), recorded, START) is catalogue(folder, OLD)


def test_the_line_now_has_the_terms_of_now(folder: Path) -> None:
    dated = province(folder, [(0, OLD), (20, Said(critical=True))])
    view = Timelines(dated, told([UP, UP, UP, UP, down(10, 60)]), {}, START, START + 60)
    assert [(i.start - START, i.state) for i in view.system("igate")] == [
        (0, State.UP), (10, State.DEGRADED), (20, State.DOWN)
    ]  # fmt: skip

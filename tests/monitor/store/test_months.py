"""Random periods from their outcomes to their figures: what a store and `figures.read` make of them, by brute force.

Outcomes come in any order and twice; there are gaps, several locations with quorums, blindness, settings and terms that
change, parents, maintenance that counts or does not, service hours, attributions. The oracle counts second by second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from monitor.availability import Attribution, Figure
from monitor.catalogue import Catalogue
from monitor.figures import Account, PeriodFigures, read, rows
from monitor.model import CONTROL_SYSTEM, Outcome, Settings, State
from monitor.spans import Span
from monitor.store import Key, Store
from tests.monitor import figures_oracle as oracle
from tests.monitor.province import load
from tests.monitor.store.test_worlds import (
    BASE,
    CHOICES,
    CONTROL_CHOICES,
    DERIVED,
    CheckKey,
    Expected,
    Step,
    World,
    a_store,
    happen,
    outcomes,
)
from tests.monitor.store.test_worlds import empty as empty  # noqa: PLC0414 - a fixture
from tests.monitor.store.test_worlds import rows as rows_of

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
START = BASE // 1000  # Friday 28/08/2026, 15:00 in the province
QUORUMS = [None, 1, 2]
HOURS = ['["15:01-15:02"]', '["07:00-11:00", "14:00-15:01"]', '["00:00-24:00"]']
DAYS_OF_NOTICE = [0, 1]
LETTER = {State.UP: "U", State.DEGRADED: "G", State.DOWN: "D", State.NO_DATA: "-"}

TEXT = """
province: {{id: tinh_thu, name: {{vi: Tỉnh Thử, en: Test Province}}, timezone: Asia/Ho_Chi_Minh}}
defaults: {{interval: 5s, timeout: 2s}}
parties:
  vendor: {{name: {{vi: Nhà thầu, en: Vendor}}}}
  carrier: {{name: {{vi: Đơn vị truyền dẫn, en: Carrier}}}}
contracts:
  hire:
    {{party: {promises}, name: {{vi: Hợp đồng, en: Contract}}, objective: 99%, maintenance_notice_days: {notice}}}
calendars:
  state:
    hours: {{mon: {hours}, tue: {hours}, wed: {hours}, thu: {hours}, fri: {hours}}}
    years: {{2026: {{confirmed: true, days: []}}, 2027: {{confirmed: true, days: []}}}}
locations:
  a: {{name: {{vi: Nơi a, en: A}}, controls: [{{id: a0, url: "http://127.0.0.1:9/"}}]}}
  b: {{name: {{vi: Nơi b, en: B}}, controls: [{{id: b0, url: "http://127.0.0.1:9/"}}]}}
systems:
  bus:
    {{name: {{vi: Trục, en: Bus}}, owner: vendor, party: carrier, connector: http, options: {{base_url: "http://127.0.0.1:9"}},
    checks: {{c: {{interval: 8s, timeout: 3s, options: {{path: /}}, locations: [a]}}}}}}
  igate:
    {{name: {{vi: Một cửa, en: Igate}}, owner: vendor, party: vendor, contract: hire, depends_on: [{parents}],
    connector: http, options: {{base_url: "http://127.0.0.1:9"}},
    checks: {{c0: {{options: {{path: /}}{quorum}}},
      c1: {{critical: {critical}, options: {{path: /}}, locations: [b]}}}}}}
"""
GRACE = 11  # of igate and the bus: 8 s + 3 s

LINES: list[Key] = [("bus", "c", "a"), ("igate", "c0", "a"), ("igate", "c0", "b"), ("igate", "c1", "b")]
CONTROLS: list[Key] = [(CONTROL_SYSTEM, "a0", "a"), (CONTROL_SYSTEM, "b0", "b")]
PARTY = {"bus": "carrier", "igate": "vendor"}


class Announced(NamedTuple):
    """Maintenance of systems in [start, end), seconds after START; the notice, and a cancellation, before the start."""

    systems: Sequence[str]
    start: int
    end: int
    notice: int
    cancelled: int | None


class Terms(NamedTuple):
    """What the catalogue says of igate."""

    quorum: int | None
    notice_days: int
    critical: bool  # c1
    has_parent: bool
    promises: str  # the contract's party


class Month(NamedTuple):
    """`terms` are those before and from the second `turn` on."""

    world: World
    terms: tuple[Terms, Terms]
    turn: int
    hours: str
    announced: Sequence[Announced]
    decisions: Sequence[oracle.Decision]
    period: Span  # seconds after START
    middle: int
    now: int


BEFORE = [-60, 0, 1, 3600, 16 * 3600, 39 * 3600, 40 * 3600, 5 * 86_400]
"""Seconds between a notice, or a cancellation, and the start of the maintenance: the start is on a Friday, 15:00."""


@st.composite
def months(draw: st.DrawFn) -> Month:
    keys = [*LINES, *CONTROLS]
    choices: dict[CheckKey, list[Settings]] = {key[:2]: CONTROL_CHOICES if key in CONTROLS else CHOICES for key in keys}
    made: list[Outcome] = [outcome for key in keys for outcome in draw(outcomes(key, 12))]
    first = {key: draw(st.sampled_from(of_check)) for key, of_check in choices.items()}
    changed = {key: draw(st.sampled_from(of_check)) for key, of_check in choices.items()}
    dated = [Step(settings=first, now=0.0), Step(settings=changed, now=START + draw(st.integers(5, 60)))]
    order = draw(st.permutations(made))
    order += draw(st.lists(st.sampled_from(order), max_size=6)) if order else []
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=6)))
    steps = [Step(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    whole = max((o.started_at - BASE for o in made), default=0) // 1000 + 20
    unknown = dict.fromkeys(first, 0)
    second = st.integers(0, whole)
    announced = st.builds(
        lambda systems, start, length, notice, cancelled: Announced(systems, start, start + length, notice, cancelled),
        st.sampled_from([["igate"], ["bus"], ["bus", "igate"]]),
        second,
        st.integers(1, 40),
        st.sampled_from(BEFORE),
        st.sampled_from([None, None, None, 0, 60]),
    )
    decision = st.builds(
        lambda system, start, length, party: (system, range(start, start + length), party),
        st.sampled_from(["bus", "igate"]),
        second,
        st.integers(1, 60),
        st.sampled_from(["vendor", "carrier"]),
    )
    terms = st.builds(
        Terms,
        st.sampled_from(QUORUMS),
        st.sampled_from(DAYS_OF_NOTICE),
        st.booleans(),
        st.sampled_from([True, True, False]),
        st.sampled_from(["vendor", "vendor", "carrier"]),
    )
    start = draw(st.integers(-10, whole // 2))
    end = start + draw(st.integers(1, whole))
    before = draw(terms)
    return Month(
        World(made, first, unknown, [*dated, *steps]),
        (before, draw(st.one_of(st.just(before), terms))),
        draw(st.integers(-200_000, 0) | second),
        draw(st.sampled_from(HOURS)),
        draw(st.lists(announced, max_size=3)),
        [oracle.Decision(number, *said) for number, said in enumerate(draw(st.lists(decision, max_size=3)))],
        (start, end),
        draw(st.integers(start, end)),
        whole,
    )


Provinces: TypeAlias = Callable[[Terms, str], Catalogue]


@pytest.fixture(scope="module")
def provinces(tmp_path_factory: pytest.TempPathFactory) -> Provinces:
    folder = tmp_path_factory.mktemp("provinces")

    @cache
    def province(terms: Terms, hours: str) -> Catalogue:
        text = TEXT.format(
            quorum=f", quorum: {terms.quorum}" if terms.quorum else "",
            hours=hours,
            notice=terms.notice_days,
            critical=str(terms.critical).lower(),
            parents="bus" if terms.has_parent else "",
            promises=terms.promises,
        )
        return load(folder, text)

    return province


def dated(store: Store, provinces: Provinces, month: Month) -> Catalogue:
    """The last catalogue, with what the store has recorded of the one before."""
    before, after = (provinces(terms, month.hours) for terms in month.terms)
    store.terms.record(before, START - 10**7)
    store.terms.record(after, START + month.turn)
    return store.terms.dated(after, START + month.now)


@examples(max_examples=80, deadline=None)
@given(months())
def test_a_month_is_what_the_rules_say_second_by_second(empty: Path, provinces: Provinces, month: Month) -> None:
    with a_store(empty) as store:
        province = dated(store, provinces, month)
        happen(store, month.world)
        announce(store, month.announced)
        figures = figures_of(store, province, month)
        expected = Truth(store, month)
        for system in figures.systems:
            for account in system.accounts:
                assert isinstance(account, Account)
                assert account.span == expected.span(account.kind.value)
                assert numbers(account.figure) == expected.count(system.system, account.kind.value)
            lasted = {o.start - START: o.seconds_in(*system.span) for o in system.outages}
            assert lasted == expected.outages(system.system)
            for check in system.checks:
                assert isinstance(check.office, Account)
                assert numbers(check.raw.figure) == expected.count_check((system.system, check.check), "raw")
                assert numbers(check.office.figure) == expected.count_check((system.system, check.check), "office")
        halves_add_up(store, province, month)
        same_again(store, province, month, figures)
    with a_store(empty) as other:
        happen(other, in_order(month.world))
        announce(other, month.announced)
        assert figures_of(other, province, month).inputs == figures.inputs
        assert rows(figures_of(other, province, month)) == rows(figures)


def figures_of(store: Store, province: Catalogue, month: Month, span: Span | None = None) -> PeriodFigures:
    start, end = span or month.period
    decisions = [Attribution(d.number, d.system, START + d.seconds.start, START + d.seconds.stop, d.party)
                 for d in month.decisions]  # fmt: skip
    return read(province, store, (START + start, START + end), START + month.now, decisions)


def in_order(world: World) -> World:
    """The same settings, then every outcome once, in order of start."""
    dated = [step for step in world.steps if step.settings is not None]
    return world._replace(steps=[*dated, Step(sorted(world.made, key=lambda o: o.started_at))])


def announce(store: Store, announced: Sequence[Announced]) -> None:
    for one in announced:
        span = START + one.start, START + one.end
        (made,) = store.maintenance.add(one.systems, [span], span[0] - one.notice, at=START, by="cli")
        if one.cancelled is not None:
            store.maintenance.cancel(made.id, at=span[0] - one.cancelled, by="cli")


def numbers(figure: Figure) -> oracle.Count:
    return oracle.Count(figure.set_seconds, figure.down_seconds, figure.no_data_seconds, figure.degraded_seconds)


def halves_add_up(store: Store, province: Catalogue, month: Month) -> None:
    start, end = month.period
    parts = [(start, end), (start, month.middle), (month.middle, end)]
    whole, *halves = (dict(accounts(figures_of(store, province, month, part))) for part in parts if part[0] < part[1])
    for name, figure in whole.items():
        if name[2] == "contractual" and len({terms.promises for terms in month.terms}) > 1:
            continue  # the whole has the last contract alone
        sums = [numbers(half[name]) for half in halves if name in half]
        assert numbers(figure) == oracle.Count(*(sum(values) for values in zip(*map(values_of, sums), strict=True)))


def accounts(figures: PeriodFigures) -> Iterator[tuple[tuple[str, str, str], Figure]]:
    for system in figures.systems:
        named = [("", account) for account in system.accounts]
        named += [(check.check, account) for check in system.checks for account in (check.raw, check.office)]
        for name, account in named:
            assert isinstance(account, Account)
            yield (system.system, name, account.kind.value), account.figure


def values_of(count: oracle.Count) -> tuple[int, int, int, int]:
    return count.seconds, count.down, count.no_data, count.degraded


def same_again(store: Store, province: Catalogue, month: Month, figures: PeriodFigures) -> None:
    """A rebuild gives the same bytes, and the figures are a function of what was kept."""
    before = rows_of(store, *DERIVED)
    store.rebuild(lambda _system, _check: None)
    assert rows_of(store, *DERIVED) == before
    assert figures_of(store, province, month).digest == figures.digest


class Truth:
    """The same by the oracle: letters of every second from START to now, and sets of seconds."""

    def __init__(self, store: Store, month: Month) -> None:
        self._month = month
        known = Expected(store, month.world)
        silent = "-" * month.now
        seen = {
            key: "".join(LETTER[s] for s in known.seconds(key, month.now)) if key in known.tries else silent
            for key in LINES
        }
        self.checks = {
            ("bus", "c"): seen["bus", "c", "a"],
            ("igate", "c0"): self._turned(
                *(oracle.check([seen["igate", "c0", "a"], seen["igate", "c0", "b"]], t.quorum) for t in month.terms)
            ),
            ("igate", "c1"): seen["igate", "c1", "b"],
        }
        self.lines = {
            "bus": oracle.system([self.checks["bus", "c"]], []),
            "igate": self._turned(*(self._igate(terms.critical) for terms in month.terms)),
        }
        self.causes = oracle.causes(self.lines, {"igate": ["bus"]}, lambda *_: GRACE, PARTY, month.decisions, self._g)
        self._raw = oracle.raw(range(*month.period), range(-1000, 1000), month.now)

    def _turned(self, before: str, after: str) -> str:
        """A line that is made by other terms from the turn on."""
        turn = max(self._month.turn, 0)
        return before[:turn] + after[turn:]

    def _igate(self, critical: bool) -> str:
        c0, c1 = self.checks["igate", "c0"], self.checks["igate", "c1"]
        return oracle.system([c0, c1], []) if critical else oracle.system([c0], [c1])

    def _terms(self, second: int) -> Terms:
        return self._month.terms[second >= self._month.turn]

    def _g(self, _child: str, _parent: str, second: int) -> int | None:
        return GRACE if self._terms(second).has_parent else None

    def span(self, kind: str) -> Span:
        """Where another party promises from the turn on, the contractual figure is about what comes after it."""
        start, end = self._month.period
        end = min(end, self._month.now)
        changed = self._month.terms[0].promises != self._month.terms[1].promises
        if kind == "contractual" and changed and start < self._month.turn < end:
            start = self._month.turn
        return START + start, START + end

    def count(self, system: str, kind: str) -> oracle.Count:
        return oracle.count(self.lines[system], self._set(system, kind))

    def count_check(self, check: CheckKey, kind: str) -> oracle.Count:
        return oracle.count(self.checks[check], self._set(check[0], kind))

    def outages(self, system: str) -> dict[int, int]:
        """By first second, how many down seconds lie in the period; those without any are left out."""
        counted = {o[0]: len(self._raw.intersection(o)) for o in oracle.outages(self.lines[system])}
        return {start: seconds for start, seconds in counted.items() if seconds}

    def _set(self, system: str, kind: str) -> set[int]:
        if kind == "raw":
            return self._raw
        if kind == "office":
            return {s for s in self._raw if self._in_hours(s)}
        planned = [range(m.start, m.end) for m in self._month.announced if system in m.systems and self._counts(m)]
        start, end = (at - START for at in self.span("contractual"))
        own = {s for s in self._raw if start <= s < end}
        return oracle.contractual(own, planned, self.causes[system], self._terms(end - 1).promises)

    def _in_hours(self, second: int) -> bool:
        """By the clock on the wall: 28/08/2026 is a Friday, and no second here lies on another day."""
        at = datetime.fromtimestamp(START + second, UTC) + timedelta(hours=7)
        clock = f"{at:%H:%M}"
        shifts = [shift.split("-") for shift in self._month.hours.strip('[]"').replace('"', "").split(", ")]
        return any(begin <= clock < end for begin, end in shifts)

    def _counts(self, one: Announced) -> bool:
        if (one.cancelled is not None and one.cancelled > 0) or one.notice < 0:
            return False
        first_day, notice_day = (self._day(one.start - before) for before in (0, one.notice))
        between = [notice_day + timedelta(days=n) for n in range(1, (first_day - notice_day).days)]
        return sum(day.weekday() < 5 for day in between) >= self._terms(one.start - one.notice).notice_days

    def _day(self, second: int) -> date:
        return datetime.fromtimestamp(START + second, ZONE).date()

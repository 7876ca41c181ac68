"""The figures of a period: docs/figures.md, sections 3 to 7 put together for the systems and checks of a catalogue.

Pure but for what it asks of `Records`, which is the store. `read` asks and counts, and what it returns knows everything
else: each figure with the seconds that it is counted from, the outages, the rates of errors, what was promised, and a
digest of all that the figures are a function of.

- A contract counts on its own days: where it covers part of a period, the contractual figure is about that part, and
  where it covers none there is no such figure.
- An objective is held against the contractual figure; for a system without a contract against the raw one. Where a
  period holds imported outcomes, the verdict is about measured ones alone (section 1).
- Checks have a raw and an office figure: contracts and outages are about systems.
- A rate of errors counts the hours that begin in the period while the system counts, and a try belongs to the hour in
  which it started. Periods begin at midnight: in a zone that is not whole hours away from UTC, tries around it count on
  the wrong side.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cached_property, partial
from graphlib import TopologicalSorter
from math import ceil
from typing import Any, NamedTuple, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from monitor.availability import (
    GOOD,
    RAW,
    Attribution,
    Basis,
    ErrorRate,
    Figure,
    Kind,
    Outage,
    Piece,
    Sla,
    Timeline,
    clip,
    compose,
    contractual,
    explain,
    figure,
    office,
    outages,
    percent_up,
    scheduled,
    sla,
)
from monitor.calendars import UnknownYear, confirmed, service_seconds
from monitor.catalogue import STATE_CALENDAR, Calendar, Catalogue, Contract
from monitor.judge import Boundary, Line, known_at, timeline
from monitor.maintenance import Planned, Ruling, Window, valid_seconds, verdict
from monitor.model import CONTROL_SYSTEM, Reason, State
from monitor.periods import epoch
from monitor.spans import Span, union
from monitor.status import DAY, Key, Timelines, lifetime
from monitor.terms import (
    ALWAYS,
    FOREVER,
    Phase,
    bonds,
    checks_in,
    contract_at,
    contracts_in,
    ever,
    keys_in,
    longest_reach,
    parents,
    phases,
    terms_at,
)

REACH = 400 * DAY
"""How far before a period the beginning of an outage is looked for, in seconds; a longer one is cut there."""


ReadBoundaries: TypeAlias = Callable[[int, int], Mapping[Key, Sequence[Boundary]]]
"""The boundaries of every line in [start, end) in seconds, with the last one at or before `start`."""


class Tries(NamedTuple):
    """First tries of one line in a period: the conclusive ones, the failed by reason; rechecks are counted beside."""

    conclusive: int = 0
    rechecks: int = 0
    failed: Mapping[Reason, int] = {}


class PeriodRecords(Protocol):
    """What is asked of the store about a period; `store.periods.Periods`. Instants in seconds."""

    def tries(self, start: int, end: int) -> Mapping[Key, Tries]: ...

    def imported(self, start: int, end: int) -> Collection[Key]: ...

    def measured(self, keys: Collection[Key], start: int, end: int, now: int) -> Mapping[Key, Sequence[Boundary]]: ...


class MaintenanceRecords(Protocol):
    def windows(self, start: int, end: int) -> Sequence[Window]: ...


class Records(Protocol):
    """What is asked of the store."""

    @property
    def periods(self) -> PeriodRecords: ...

    @property
    def maintenance(self) -> MaintenanceRecords: ...

    def boundaries(self, start: int, end: int) -> Mapping[Key, Sequence[Boundary]]: ...

    def lines(self) -> Mapping[Key, Line]: ...


# --- the lines, as far as they are needed -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Lines:
    """What was seen. Lines of systems reach from before the period to after it until no outage is cut."""

    systems: Mapping[str, Timeline]
    checks: Mapping[tuple[str, str], Timeline]
    boundaries: Mapping[Key, Sequence[Boundary]] = field(repr=False)
    start: int  # from here
    end: int  # ... to here all boundaries were read


class Draft:
    """Draws the lines of systems and of all that they depend on, reading boundaries as far as these turn out to matter.

    Of each system the outages are needed whole that touch the period, for their beginnings and ends. Of a parent those
    that come within its grace of an outage of the child, and so up every chain. So children are drawn first.

    What is read widens in steps that double, from one day around the period: forward to `now` at most, back by `REACH`
    at most. As a rule the day is enough; what has been down or silent for long costs as many months of boundaries.
    """

    def __init__(
        self, catalogue: Catalogue, read: ReadBoundaries, lines: Mapping[Key, Line], period: Span, now: int
    ) -> None:
        self._catalogue, self._read, self._lines, self._now = catalogue, read, lines, now
        self._limit = period[0] - REACH
        self._start, self._end = period[0] - DAY, min(now, period[1] + DAY)
        self._step_back = self._step_on = DAY
        self._boundaries = self._known(self._start, self._end)

    def lines(self, spans: Mapping[str, Span]) -> Lines:
        """The lines of these systems, given with the seconds that count, and of those that they hang on."""
        graph = parents(self._catalogue)
        parents_first = list(TopologicalSorter(graph).static_order())
        needed = dict(spans)
        drawn: dict[str, Timeline] = {}
        checks: dict[tuple[str, str], Timeline] = {}
        for system in reversed(parents_first):
            if system not in needed:
                continue
            line, extent, of_checks = self._whole(system, needed[system])
            drawn[system] = clip(line, *extent)
            if system in spans:
                checks.update({(system, check): of_check for check, of_check in of_checks.items()})
            for parent in graph[system]:
                g = grace_between(self._catalogue, system, parent)
                start, end = needed.get(parent, extent)
                needed[parent] = min(start, extent[0] - g), max(end, min(extent[1] + g, self._now))
        in_order = {system: drawn[system] for system in self._catalogue.systems if system in drawn}
        return Lines(in_order, checks, self._boundaries, self._start, self._end)

    def _whole(self, system: str, span: Span) -> tuple[Timeline, Span, Mapping[str, Timeline]]:
        """A system's line, and the span widened until it cuts no outage; with the lines of its checks."""
        from_ = self._start
        while True:
            line, checks = self._drawn(system, from_)
            begin, _, is_sure = _back(line, span[0])
            if not is_sure and from_ > self._limit and line and line[0].start == from_:
                last = self._last_change(system)
                if last is not None and last <= self._limit:  # as it is now it was at the limit
                    from_ = self._limit
                    continue
                if last is not None:
                    self._read_back()
                    from_ = self._start
                    continue
            end = span[1]
            if _back(line, span[1])[1]:
                end, is_sure = _on(line, span[1])
                if not is_sure and self._end < self._now and line[-1].end == self._end:
                    self._read_on()
                    continue
            return line, (begin, end), checks

    def _drawn(self, system: str, start: int) -> tuple[Timeline, dict[str, Timeline]]:
        timelines = Timelines(self._catalogue, self._boundaries, {}, start, self._end)
        if system in self._catalogue.past.systems:
            names = checks_in(self._catalogue, system, *timelines.life(system))
            return timelines.system(system), {check: timelines.check(system, check) for check in names}
        specs = self._catalogue.systems[system].checks
        checks: dict[str, Timeline] = {check: timelines.check(system, check) for check in specs}
        critical = [line for check, line in checks.items() if specs[check].critical]
        others = [line for check, line in checks.items() if not specs[check].critical]
        if len(checks) == 1:  # then there is nothing to be put together
            return critical[0], checks
        return compose(critical, others, *timelines.life(system)), checks

    def _last_change(self, system: str) -> int | None:
        """When a critical line of the system last changed before what was read; None: it had never been known."""
        keys = critical_keys(self._catalogue, system)
        firsts = [known[0].at for key in keys if (known := self._boundaries.get(key))]
        return max((at for at in firsts if at <= self._start), default=None)

    def _read_back(self) -> None:
        start = max(self._limit, self._start - self._step_back)
        self._boundaries = _joined(self._known(start, self._start), self._boundaries)
        self._start, self._step_back = start, 2 * self._step_back

    def _read_on(self) -> None:
        end = min(self._now, self._end + self._step_on)
        self._boundaries = _joined(self._boundaries, self._known(self._end, end))
        self._end, self._step_on = end, 2 * self._step_on

    def _known(self, start: int, end: int) -> dict[Key, Sequence[Boundary]]:
        """What is read, with the silence since the last try of each line as it is known now."""
        return {
            key: known_at(self._now * 1000, boundaries, self._lines[key]) if key in self._lines else boundaries
            for key, boundaries in self._read(start, end).items()
        }


def _joined(
    earlier: Mapping[Key, Sequence[Boundary]], later: Mapping[Key, Sequence[Boundary]]
) -> dict[Key, Sequence[Boundary]]:
    """Boundaries of two spans that follow one another; the second begins with the last one of the first."""
    joined = dict(earlier)
    for key, boundaries in later.items():
        by_second = {b.at: b for b in (*joined.get(key, ()), *boundaries)}
        joined[key] = [by_second[at] for at in sorted(by_second)]
    return joined


def _back(line: Timeline, at: int) -> tuple[int, bool, bool]:
    """Where the outage began that is open at an instant, or the instant itself; and whether there is one.

    At last whether that is sure: the line is good at some time before.
    """
    begin, is_open = at, False
    for interval in reversed(line):
        if interval.start >= at:
            continue
        if interval.state in GOOD:
            return begin, is_open, True
        if interval.state is State.DOWN:
            begin, is_open = interval.start, True
    return begin, is_open, False


def _on(line: Timeline, at: int) -> tuple[int, bool]:
    """Where the first good second is from an instant on, or the end of the line; and whether there is one."""
    good = next((i.start for i in line if i.start >= at and i.state in GOOD), None)
    return (max(at, line[-1].end), False) if good is None else (good, True)


def critical_keys(catalogue: Catalogue, system: str) -> set[Key]:
    """The lines of the checks of a system that are critical, or were."""
    return {
        (system, check, location)
        for terms in ever(catalogue, system)
        for check, of in terms.checks.items()
        if of.critical
        for location in of.locations
    }


def grace_between(catalogue: Catalogue, child: str, parent: str) -> int:
    """g of section 4, in whole seconds; the longest that there was, where terms have changed."""
    return max(longest_reach(terms) for system in (child, parent) for terms in ever(catalogue, system))


# --- counted ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """A figure with all that it is counted from."""

    basis: Basis
    line: Timeline = field(repr=False)
    span: Span
    outages: Sequence[Outage] = field(default=(), repr=False)

    @property
    def kind(self) -> Kind:
        return self.basis.kind

    @cached_property
    def figure(self) -> Figure:
        return figure(self.line, self.span, self.basis, self.outages)

    def pieces(self) -> list[Piece]:
        """Every second of the span, in order, with what became of it; the figure is their sum."""
        return explain(self.line, self.span, self.basis, self.outages)


@dataclass(frozen=True, slots=True)
class Refused:
    """A figure that cannot be counted, and why, in Vietnamese."""

    kind: Kind
    why: str


@dataclass(frozen=True)
class CheckFigures:
    """What became of a check."""

    check: str
    raw: Account
    office: Account | Refused


class Commitment(NamedTuple):
    """An objective, and the figure that is held against it: of measured outcomes alone."""

    account: Account
    sla: Sla


@dataclass(frozen=True)
class SystemFigures:
    """What became of a system. `contractual` is None without a contract in the period.

    `span` are the seconds of the period in which it counts. `outages` are those with down seconds in it, with their
    true beginnings and ends. `commitment` is None where there is no objective, or no figure to hold against it.
    """

    system: str
    span: Span
    raw: Account
    contractual: Account | Refused | None
    office: Account | Refused
    outages: tuple[Outage, ...]
    errors: ErrorRate
    checks: tuple[CheckFigures, ...]
    commitment: Commitment | None

    @property
    def accounts(self) -> tuple[Account | Refused, ...]:
        """The system's own figures, in order."""
        return tuple(account for account in (self.raw, self.contractual, self.office) if account)


@dataclass(frozen=True)
class PeriodFigures:
    """All figures of a period as known at `now`, of the systems that count in it; see `read`.

    `spans` are the seconds in which each of them counts. `imported` are the lines that imported outcomes made, controls
    of their location among them; `measured` are all lines without these outcomes, None where the period holds none.
    """

    catalogue: Catalogue
    period: Span
    now: int
    spans: Mapping[str, Span] = field(repr=False)
    lines: Lines = field(repr=False)
    tries: Mapping[Key, Tries] = field(repr=False)
    windows: Sequence[Window] = ()
    attributions: Sequence[Attribution] = ()
    imported: Collection[Key] = ()
    measured: Lines | None = field(default=None, repr=False)

    @property
    def is_running(self) -> bool:
        return self.now < self.period[1]

    @cached_property
    def outages(self) -> dict[str, list[Outage]]:
        """The outages of every system and of those that it hangs on."""
        return outages_of(self.catalogue, self.lines, self.attributions, self.now)

    @cached_property
    def systems(self) -> tuple[SystemFigures, ...]:
        counting = _Counting(self)
        return tuple(counting.system(system) for system in self.spans)

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """All that the figures are a function of, as JSON holds it; what comes after the period is not in it."""
        return _inputs(self)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the inputs."""
        return hashlib.sha256(canonical(self.inputs).encode()).hexdigest()


def canonical(value: Any) -> str:
    """JSON in the one form in which equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def spans_of(catalogue: Catalogue, period: Span, now: int) -> dict[str, Span]:
    """The seconds of a period in which each system counts, up to `now`; one without any is left out."""
    spans = {s: scheduled(period, lifetime(catalogue, s, *period), now) for s in catalogue.systems}
    return {system: span for system, span in spans.items() if span[0] < span[1]}


def outages_of(
    catalogue: Catalogue, lines: Lines, attributions: Iterable[Attribution], now: int
) -> dict[str, list[Outage]]:
    """The outages that the lines hold, with their root causes and parties."""
    depends_on = parents(catalogue)
    party_of = {system: catalogue.systems[system].party for system in lines.systems}
    grace_of = partial(grace_between, catalogue)
    dated = bonds(catalogue, depends_on, lines.systems)
    return outages(lines.systems, depends_on, grace_of, party_of, attributions, dated, now=now)


def read(
    catalogue: Catalogue,
    records: Records,
    period: Span,
    now: int,
    attributions: Sequence[Attribution] = (),
    only: str | None = None,
) -> PeriodFigures:
    """Ask for all that the figures of a period are counted from, as known at `now`: of all systems, or of one.

    `attributions` are what people decided about whose fault an outage was.
    """
    spans = {s: span for s, span in spans_of(catalogue, period, now).items() if only in (None, s)}
    end = min(period[1], now)
    known = records.lines()
    lines = Draft(catalogue, records.boundaries, known, period, now).lines(spans)
    imported = _touched(catalogue, lines.systems, records.periods.imported(lines.start - DAY, lines.end))
    measured = None
    if imported:

        def read_measured(start: int, end: int) -> Mapping[Key, Sequence[Boundary]]:
            again = records.periods.measured(imported, start, end, now)
            return {**records.boundaries(start, end), **again}

        others = {key: line for key, line in known.items() if key not in imported}
        measured = Draft(catalogue, read_measured, others, period, now).lines(spans)
    tries = _tries(records, spans)
    windows = records.maintenance.windows(period[0], end)
    return PeriodFigures(catalogue, period, now, spans, lines, tries, windows, attributions, imported, measured)


def _tries(records: Records, spans: Mapping[str, Span]) -> dict[Key, Tries]:
    """The tries of each system while it counts; as a rule that is the same span for all."""
    known = {span: records.periods.tries(*span) for span in set(spans.values())}
    return {key: tries for span, of in known.items() for key, tries in of.items() if spans.get(key[0]) == span}


def _touched(catalogue: Catalogue, systems: Iterable[str], imported: Collection[Key]) -> frozenset[Key]:
    """The lines of systems that are not what was measured: an imported control says what its location could see."""
    places = {location for system, _, location in imported if system == CONTROL_SYSTEM}
    return frozenset(key for key in _keys(catalogue, systems) if key in imported or key[2] in places)


class Told(NamedTuple):
    """An outage as it was told, in seconds; `end` None: it goes on."""

    system: str
    start: int
    end: int | None


def rest_on_imports(catalogue: Catalogue, records: Records, outages: Mapping[int, Told], now: int) -> set[int]:
    """Which of these outages are not what measured outcomes alone say: other seconds of a line are down in them.

    Looked at are the lines of the system's critical checks and of those of its parents, from the second before an
    outage to the one after it. Of a system that is not in the catalogue nothing is known.
    """
    known = {id_: told for id_, told in outages.items() if told.system in catalogue.systems}
    if not known:
        return set()
    hold = longest_hold(catalogue)
    first = min(told.start for told in known.values()) - hold
    if not records.periods.imported(first, max(told.end or now for told in known.values()) + hold):
        return set()  # as a rule
    lines = records.lines()
    return {id_ for id_, told in known.items() if _rests(catalogue, records, told, lines, hold, now)}


def _rests(catalogue: Catalogue, records: Records, told: Told, lines: Mapping[Key, Line], hold: int, now: int) -> bool:
    start, end = told.start - 1, now if told.end is None else told.end + 1
    imported = records.periods.imported(start - hold, end + hold)
    systems = _with_parents(catalogue, told.system)
    critical = {key for system in systems for key in critical_keys(catalogue, system)}
    keys = _touched(catalogue, systems, imported) & critical
    if not keys:
        return False
    seen, measured = records.boundaries(start, end), records.periods.measured(keys, start, end, now)
    return any(
        _down(seen.get(key, ()), lines.get(key), start, end, now) != _down(measured[key], None, start, end, now)
        for key in keys
    )


def _with_parents(catalogue: Catalogue, system: str) -> set[str]:
    found, waiting, graph = set[str](), [system], parents(catalogue)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(graph[one])
    return found


def _down(boundaries: Sequence[Boundary], line: Line | None, start: int, end: int, now: int) -> list[Span]:
    return [(i.start, i.end) for i in timeline(boundaries, line, start, end, now) if i.state is State.DOWN]


class _Counting:
    """What the figures of several systems have in common."""

    def __init__(self, figures: PeriodFigures) -> None:
        self._figures, self._catalogue = figures, figures.catalogue
        self._zone = ZoneInfo(figures.catalogue.province.timezone)
        self._hours: dict[tuple[str, Span], Basis | Refused] = {}
        self._windows: dict[str, list[Window]] = {}
        for window in figures.windows:
            for system in window.systems:
                self._windows.setdefault(system, []).append(window)
        self._measured: dict[str, list[Outage]] = {}
        if figures.measured:
            self._measured = outages_of(self._catalogue, figures.measured, figures.attributions, figures.now)

    def system(self, system: str) -> SystemFigures:
        figures = self._figures
        span, line = figures.spans[system], figures.lines.systems[system]
        found = tuple(outage for outage in figures.outages[system] if outage.seconds_in(*span))
        raw = Account(RAW, line, span, found)
        promised = self._contractual(system, raw)
        hours = self._office(system, span)
        return SystemFigures(
            system,
            span,
            raw,
            promised,
            hours if isinstance(hours, Refused) else Account(hours, line, span, found),
            found,
            self._errors(system),
            tuple(self._check(system, check, span, hours) for check in checks_in(self._catalogue, system, *span)),
            self._commitment(system, raw, promised),
        )

    def _check(self, system: str, check: str, span: Span, hours: Basis | Refused) -> CheckFigures:
        line = self._figures.lines.checks[system, check]
        account = hours if isinstance(hours, Refused) else Account(hours, line, span)
        return CheckFigures(check, Account(RAW, line, span), account)

    def _contractual(self, system: str, raw: Account) -> Account | Refused | None:
        promised = promise_in(self._catalogue, system, raw.span)
        if promised is None:
            return None
        try:
            planned = planned_in(self._catalogue, system, promised, self._windows.get(system, ()))
        except UnknownYear as error:
            return Refused(Kind.CONTRACTUAL, error.vi)
        basis = contractual(promised.contract.party, planned.spans, unconfirmed=planned.provisional)
        return Account(basis, raw.line, promised.span, raw.outages)

    def _office(self, system: str, span: Span) -> Basis | Refused:
        name = self._catalogue.systems[system].calendar or STATE_CALENDAR
        if (name, span) not in self._hours:
            self._hours[name, span] = self._count_hours(calendar_of(self._catalogue, name), span)
        return self._hours[name, span]

    def _count_hours(self, calendar: Calendar, span: Span) -> Basis | Refused:
        first, last = (datetime.fromtimestamp(at, self._zone).date() for at in (span[0], span[1] - 1))
        try:
            official = confirmed(calendar, first, last + timedelta(days=1))
            return office(service_seconds(calendar, self._zone, *span), unconfirmed=not official)
        except UnknownYear as error:
            return Refused(Kind.OFFICE, error.vi)

    def _errors(self, system: str) -> ErrorRate:
        known = self._figures.tries
        keys = keys_in(self._catalogue, system, *self._figures.spans[system])
        of_lines = [known[key] for key in keys if key in known]
        failed: Counter[Reason] = Counter()
        for tries in of_lines:
            failed.update(tries.failed)
        return ErrorRate(sum(t.conclusive for t in of_lines), failed, sum(t.rechecks for t in of_lines))

    def _commitment(self, system: str, raw: Account, promised: Account | Refused | None) -> Commitment | None:
        held = promised or raw
        if isinstance(held, Refused):
            return None
        parts = objectives_in(self._catalogue, system, held.span, with_contract=promised is not None)
        if not parts:
            return None
        line, found = held.line, held.outages
        if self._figures.measured:
            line, found = self._figures.measured.systems[system], self._measured[system]
        held = Account(held.basis, line, (parts[0][0][0], parts[-1][0][1]), found)
        return Commitment(held, sla(held.figure, _mean_objective(held, parts)))


def _mean_objective(held: Account, parts: Sequence[tuple[Span, Fraction]]) -> Fraction:
    """What is to be reached by the whole, so that it has the down seconds that the objectives allow its parts."""
    if len(parts) == 1:
        return parts[0][1]
    seen = [figure(held.line, span, held.basis, held.outages).observed_seconds for span, _ in parts]
    weighted = sum((n * objective for n, (_, objective) in zip(seen, parts, strict=True)), Fraction(0))
    return weighted / sum(seen) if sum(seen) else parts[-1][1]


_NO_YEARS = Calendar(years={})


def calendar_of(catalogue: Catalogue, name: str | None) -> Calendar:
    """A calendar by its id, that of the state without one; where there is none it is one that lists no year."""
    return catalogue.calendars.get(name or STATE_CALENDAR, _NO_YEARS)


class Promised(NamedTuple):
    """A contract of a system, as it stood in the last of the seconds in which it counts."""

    name: str
    contract: Contract
    span: Span


def promise_in(catalogue: Catalogue, system: str, span: Span) -> Promised | None:
    """The contract of a system, and the seconds of a span in which it is valid; None where there are none.

    Where another contract takes its place in the span, or another party promises, it is the last one, from there on
    (section 8).
    """
    zone = ZoneInfo(catalogue.province.timezone)
    found: Promised | None = None
    for phase in phases(catalogue, system, *span):
        if (name := phase.terms.contract) is None:
            continue
        for part, contract in contracts_in(catalogue, name, phase.start, phase.end):
            start, end = _valid(contract, part, zone)
            if start >= end:
                continue
            if found and found.span[1] == start and (found.name, found.contract.party) == (name, contract.party):
                start = found.span[0]
            found = Promised(name, contract, (start, end))
    return found


def planned_in(catalogue: Catalogue, system: str, promised: Promised, windows: Iterable[Window]) -> Planned:
    """The valid maintenance in the seconds of a contract: of each window by its terms when the notice went out.

    Raises UnknownYear.
    """
    by_terms: dict[tuple[int, str | None], list[Window]] = {}
    for window in windows:
        of = contract_at(catalogue, promised.name, window.notice_at)
        by_terms.setdefault((of.maintenance_notice_days, of.calendar), []).append(window)
    zone = ZoneInfo(catalogue.province.timezone)
    planned = [
        valid_seconds(announced, system, days, calendar_of(catalogue, calendar), zone, *promised.span)
        for (days, calendar), announced in by_terms.items()
    ]
    return Planned(union(span for of in planned for span in of.spans), any(of.provisional for of in planned))


def _valid(contract: Contract, span: Span, zone: ZoneInfo) -> Span:
    start, end = span
    if contract.valid_from:
        start = max(start, _midnight(contract.valid_from, zone))
    if contract.valid_to:
        end = min(end, _midnight(contract.valid_to, zone))
    return start, end


def objectives_in(catalogue: Catalogue, system: str, span: Span, *, with_contract: bool) -> list[tuple[Span, Fraction]]:
    """The objectives of a system and the seconds of a span that each is about, its own before its contract's.

    Of a span in which there is none for a while, they are those after the last such second (section 8).
    """
    found: list[tuple[Span, Fraction]] = []
    for phase in phases(catalogue, system, *span):
        own, name = phase.terms.objective, phase.terms.contract
        if own is None and with_contract and name is not None:
            told = [(s, contract.objective) for s, contract in contracts_in(catalogue, name, phase.start, phase.end)]
        else:
            told = [((phase.start, phase.end), own)]
        for part, objective in told:
            if objective is None:
                found = []
            elif found and found[-1][1] == objective:
                found[-1] = (found[-1][0][0], part[1]), objective
            else:
                found.append((part, objective))
    return found if found and found[-1][0][1] == span[1] else []


def rulings(catalogue: Catalogue, window: Window) -> dict[str, Ruling | str]:
    """What each contract in force says of a window of its systems, by its id; a text is why it cannot be said."""
    found: dict[str, Ruling | str] = {}
    for system in sorted(window.systems & catalogue.systems.keys()):
        promised = promise_in(catalogue, system, (window.start, window.end))
        if promised is None:
            continue
        name, contract = promised.name, contract_at(catalogue, promised.name, window.notice_at)
        zone = ZoneInfo(catalogue.province.timezone)
        calendar = calendar_of(catalogue, contract.calendar)
        try:
            found[name] = verdict(window, contract.maintenance_notice_days, calendar, zone)
        except UnknownYear as error:
            found[name] = error.vi
    return found


def _midnight(day: date, zone: ZoneInfo) -> int:
    return epoch(datetime.combine(day, time()), zone)


# --- as programs read it ----------------------------------------------------------------------------------------------


def rows(figures: PeriodFigures, *, explained: bool = False, checks: bool = True) -> list[dict[str, Any]]:
    """Every figure as one flat object, the same in `motcua availability --json` and in a closed period.

    Of each system raw, contractual, office, then of each check raw and office; `check` is null in the system's own. A
    figure that is refused has the reason as its text and null in place of numbers. The system's raw object alone has
    its outages in the period (`start`, `end` true, in seconds since the epoch, `end` null while it goes on;
    `down_seconds` those in the period, so that they add up) and its rates of errors, of all reasons (null) first.
    `explained`: each has the `pieces` that it is the sum of. `checks`: those of checks too.
    """
    made: list[dict[str, Any]] = []
    for system in figures.systems:
        accounts: list[tuple[str | None, Account | Refused]] = [(None, account) for account in system.accounts]
        for check in system.checks if checks else ():
            accounts += [(check.check, check.raw), (check.check, check.office)]
        for name, account in accounts:
            made.append(_row(figures.catalogue, system.system, name, account))
            if explained and isinstance(account, Account):
                made[-1]["pieces"] = [piece._asdict() for piece in account.pieces()]
            if account is system.raw:
                made[-1]["outages"] = [_outage_row(outage, system.span) for outage in system.outages]
                made[-1]["error_rates"] = _error_rows(system.errors)
    return made


def _row(catalogue: Catalogue, system: str, check: str | None, account: Account | Refused) -> dict[str, Any]:
    row: dict[str, Any] = {"system": system, "check": check, "figure": account.kind.value}
    if isinstance(account, Refused):
        row |= dict.fromkeys(_NUMBERS) | {"text": f"không tính: {account.why}"}
    else:
        row |= {name: getattr(account.figure, name) for name in _NUMBERS} | {"text": account.figure.text()}
    return row | ({"simulated": True} if catalogue.simulated else {})


_NUMBERS = (
    *("down_seconds", "observed_seconds", "set_seconds", "no_data_seconds", "degraded_seconds"),
    "provisional",
)


def _outage_row(outage: Outage, span: Span) -> dict[str, Any]:
    return {
        "start": outage.start,
        "end": None if outage.ongoing else outage.end,
        "down_seconds": outage.seconds_in(*span),
        "reason": outage.reason,
        "party": outage.party,
    }


def _error_rows(errors: ErrorRate) -> list[dict[str, Any]]:
    whole = {"reason": None, "failed": sum(errors.failed.values()), "conclusive": errors.conclusive}
    shown = [whole | {"text": errors.text()}]
    for reason, failed in sorted(errors.failed.items(), key=lambda item: (-item[1], item[0])):
        rate = errors.of(reason) or Fraction(0)
        shown.append({"reason": reason, "failed": failed, "conclusive": errors.conclusive, "text": percent_up(rate)})
    return shown


def verdicts(figures: PeriodFigures) -> list[dict[str, Any]]:
    """What became of each objective, as a closed period keeps it; shares and seconds as exact fractions in text."""
    return [
        {
            "system": system.system,
            "figure": system.commitment.account.kind.value,
            "objective": str(system.commitment.sla.objective),
            "verdict": system.commitment.sla.verdict.value,
            "allowed_seconds": str(system.commitment.sla.allowed),
            "down_seconds": system.commitment.sla.spent,
            "provisional": system.commitment.account.figure.provisional,
            "measured_only": figures.measured is not None,
        }
        for system in figures.systems
        if system.commitment
    ]


def frozen(figures: PeriodFigures, *, checks: bool = True) -> dict[str, Any]:
    """All that is shown of figures, and kept of a closed period: names may change later."""
    catalogue = figures.catalogue
    return {
        "rows": rows(figures, checks=checks),
        "verdicts": verdicts(figures),
        "systems": {system: catalogue.systems[system].name.vi for system in figures.spans},
        "parties": {party: spec.name.vi for party, spec in catalogue.parties.items()},
        "simulated": catalogue.simulated,
    }


def is_as_counted(closed: Mapping[str, Any], figures: PeriodFigures) -> bool:
    """Whether closed figures (`frozen`) and verdicts are those that are counted now; of the same inputs they are.

    Where they are not, somebody has edited the closed ones. Why a figure is refused may be said in other words by
    another version of the program.
    """
    then, now = ([_unworded(row) for row in known] for known in (closed["rows"], rows(figures)))
    return numbers(then) == numbers(now) and canonical(closed["verdicts"]) == canonical(verdicts(figures))


def _unworded(row: Mapping[str, Any]) -> dict[str, Any]:
    left_out = {"simulated"} | ({"text"} if row.get("set_seconds") is None else set())
    return {name: value for name, value in row.items() if name not in left_out}


def numbers(rows: Iterable[Mapping[str, Any]]) -> str:
    """All but the ends of outages: one that goes on beyond the period ends some time."""
    ended = [row | {"outages": [o | {"end": None} for o in row.get("outages", ())]} for row in map(dict, rows)]
    return canonical(ended)


def longest_hold(catalogue: Catalogue) -> int:
    """The longest hold of any check, in whole seconds: so long after its end a period is not settled (section 7)."""
    settings = (
        catalogue.settings(system, check) for system, spec in catalogue.systems.items() for check in spec.checks
    )
    return max(ceil(known.hold) for known in settings if known)


# --- what they are a function of --------------------------------------------------------------------------------------

RULES = 1
"""Of which rules the figures are: a change in how they are counted, with the same inputs, gets a new number."""


def _inputs(figures: PeriodFigures) -> dict[str, Any]:
    catalogue, lines = figures.catalogue, figures.lines
    start, end = figures.period
    return {
        "rules": RULES,
        "period": [start, end, catalogue.province.timezone],
        "systems": {system: _system_input(figures, system) for system in lines.systems},
        "contracts": dict(_contract_inputs(figures)),
        "calendars": _calendar_inputs(figures),
        "lines": _line_inputs(figures, lines, _keys(catalogue, lines.systems, *figures.period)),
        "measured": _line_inputs(figures, figures.measured, _imported_in(figures)) if figures.measured else {},
        "outages": {system: list(_stretches(found, figures.period)) for system, found in figures.outages.items()},
        "maintenance": sorted(
            [w.id, sorted(w.systems & figures.spans.keys()), w.start, w.end, w.notice_at, w.cancelled_at]
            for w in figures.windows
            if w.systems & figures.spans.keys()
        ),
        "attributions": sorted(
            decision
            for decision in figures.attributions
            if decision.system in lines.systems and max(decision.start, start) < min(decision.end, end)
        ),
        "tries": {
            "/".join(key): [*tries[:2], dict(sorted(tries.failed.items()))]
            for key, tries in figures.tries.items()
            if key[0] in figures.spans
        },
    }


def _system_input(figures: PeriodFigures, system: str) -> dict[str, Any]:
    catalogue = figures.catalogue
    told = [
        ([phase.start, phase.end], _terms_input(catalogue, phase))
        for phase in phases(catalogue, system, *figures.period)
    ]
    common = {"counts": figures.spans.get(system), "calendar": catalogue.systems[system].calendar}
    dated = [(span, terms) for number, (span, terms) in enumerate(told) if not number or told[number - 1][1] != terms]
    return common | (told[0][1] if len(dated) == 1 else {"dated": dated})


def _terms_input(catalogue: Catalogue, phase: Phase) -> dict[str, Any]:
    terms = phase.terms
    known = [parent for parent in terms.depends_on if parent in catalogue.systems]
    of_parents = {parent: terms_at(catalogue, parent, phase.start) for parent in known}
    return {
        "party": terms.party,
        "contract": terms.contract,
        "objective": str(terms.objective) if terms.objective else None,
        "depends_on": {p: max(longest_reach(terms), longest_reach(of)) for p, of in of_parents.items()},
        "checks": {check: [of.critical, of.quorum, sorted(of.locations)] for check, of in terms.checks.items()},
    }


def _contract_inputs(figures: PeriodFigures) -> Iterator[tuple[str, Any]]:
    """By contract and system; those in force at the notice of a window count in what is planned, and are told there."""
    for system, span in figures.spans.items():
        if promised := promise_in(figures.catalogue, system, span):
            name, contract, valid = promised
            objective = str(contract.objective) if contract.objective else None
            terms: list[Any] = [contract.party, objective, contract.maintenance_notice_days, contract.calendar]
            others = _other_terms(figures, system, promised)
            yield f"{name}/{system}", [*terms, *valid, *([others] if others else [])]


def _other_terms(figures: PeriodFigures, system: str, promised: Promised) -> list[Any]:
    """What else a contract said that changed: its objective in the span, its notice when a window was announced."""
    catalogue, (name, contract, span) = figures.catalogue, promised
    parts = [[*part, str(objective)] for part, objective in objectives_in(catalogue, system, span, with_contract=True)]
    asked = [(w.id, contract_at(catalogue, name, w.notice_at)) for w in figures.windows if system in w.systems]
    notices = [
        [id_, of.maintenance_notice_days, of.calendar]
        for id_, of in sorted(asked, key=lambda one: one[0])
        if (of.maintenance_notice_days, of.calendar) != (contract.maintenance_notice_days, contract.calendar)
    ]
    return [parts if len(parts) > 1 else [], notices] if len(parts) > 1 or notices else []


def _calendar_inputs(figures: PeriodFigures) -> dict[str, Any]:
    """The calendars that are asked, with the years that may be needed: from the first notice to the last day."""
    catalogue, zone = figures.catalogue, ZoneInfo(figures.catalogue.province.timezone)
    start, end = figures.period
    notices = [w.notice_at for w in figures.windows if w.systems & figures.spans.keys()]
    first, last = (datetime.fromtimestamp(at, zone).year for at in (min([start - DAY, *notices]), end - 1))
    names: set[str] = set()
    for system, span in figures.spans.items():
        names.add(catalogue.systems[system].calendar or STATE_CALENDAR)
        if promised := promise_in(catalogue, system, span):
            notices = [w.notice_at for w in figures.windows if system in w.systems]
            of = [promised.contract, *(contract_at(catalogue, promised.name, at) for at in notices)]
            names |= {contract.calendar or STATE_CALENDAR for contract in of}
    return {name: _calendar_input(calendar_of(catalogue, name), first, last) for name in sorted(names)}


def _calendar_input(calendar: Calendar, first: int, last: int) -> dict[str, Any]:
    return {
        "hours": {day: [[s.start, s.end] for s in shifts] for day, shifts in calendar.hours.items()},
        "years": {
            str(year): [of.confirmed, sorted([str(d.date), d.kind, d.as_weekday] for d in of.days)]
            for year, of in calendar.years.items()
            if first <= year <= last
        },
    }


def _keys(catalogue: Catalogue, systems: Iterable[str], start: int = ALWAYS, end: int = FOREVER) -> Iterator[Key]:
    """The lines of systems that counted at some time in [start, end)."""
    for system in systems:
        yield from keys_in(catalogue, system, start, end)


def _imported_in(figures: PeriodFigures) -> set[Key]:
    return {*figures.imported} & {*_keys(figures.catalogue, figures.lines.systems, *figures.period)}


def _line_inputs(figures: PeriodFigures, lines: Lines, keys: Iterable[Key]) -> dict[str, Any]:
    start, end = figures.period
    end = min(end, figures.now)
    return {
        "/".join(key): [list(i) for i in timeline(lines.boundaries.get(key, ()), None, start, end, end)] for key in keys
    }


def _stretches(found: Iterable[Outage], period: Span) -> Iterator[list[Any]]:
    """Whose the down seconds of the period are: what is seen after it may tell."""
    start, end = period
    for outage in found:
        if outage.seconds_in(start, end):
            inside = [s for s in outage.stretches if s.start < end and start < s.end]
            yield [outage.start, [[max(s.start, start), min(s.end, end), *s[2:]] for s in inside]]

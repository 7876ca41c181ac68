"""Dossiers of the one-stop desk: the official form, what must hold in it, units as a tree, what an outage touched.

Pure. The form is II.06a/VPCP/KSTT of Circular 01/2020/TT-VPCP; how each of its figures is made of dossiers is said in
docs/dossiers.md. Instants are seconds since the epoch, periods half-open. A due date is never moved.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from fractions import Fraction
from itertools import islice, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.spans import Span

ACCEPTANCE_SECONDS = 8 * 3600
"""Working time within which an online dossier is to be accepted, or sent back for a supplement."""

_ONE_DAY = timedelta(days=1)


class Status(IntEnum):
    """Where a dossier stands, by the national portal's list TrangThaiHoSo.

    Two are not on it. UNKNOWN: a status that we cannot place; GONE: the system has the dossier no more, which is shown,
    and ends nothing: it is counted as it was.
    """

    UNKNOWN = 0
    SUBMITTED = 1
    ACCEPTED = 2
    NOT_ACCEPTED = 3
    PROCESSING = 4
    SUPPLEMENT = 5
    PAYMENT = 6
    WITHDRAWN = 7
    STOPPED = 8
    DONE = 9
    RETURNED = 10
    GONE = 11


FINAL = frozenset({Status.NOT_ACCEPTED, Status.WITHDRAWN, Status.STOPPED, Status.DONE, Status.RETURNED})
"""After these nothing more is to be done for a dossier."""


class Channel(IntEnum):
    """How a dossier came, by the national portal's list KenhThucHien."""

    DIRECT = 1
    ONLINE = 2
    POST = 3


class Timeliness(IntEnum):
    """When a dossier was ended beside its due date."""

    EARLY = 0  # before the day it was due
    ON_TIME = 1
    OVERDUE = 2


@dataclass(frozen=True, slots=True)
class Dossier:
    """All that is ever kept of one dossier: no word of it names a person. Dates in seconds, None: not yet, or not said.

    `ended` is when it was done; of one that was refused, withdrawn or stopped, when that was said. As it is collected
    it is None where the system does not say; what is kept then is said by `ended_at`.
    """

    code: str
    unit: str
    procedure: str
    sector: str
    channel: Channel
    status: Status
    applied: int | None
    accepted: int | None
    due: int | None
    ended: int | None
    updated: int


class Supplement(NamedTuple):
    """The citizen was asked for more at `requested`, and had brought it by `answered` (None: not yet)."""

    requested: int
    answered: int | None = None


def ended_at(status: Status, completed: int | None, updated: int, before: int | None = None) -> int | None:
    """When a dossier ended: as is said, else the change to a final status.

    `before`: when it had ended by what was known so far; a later change of one that stays ended does not move that.
    """
    if completed is not None:
        return completed
    if status not in FINAL:
        return None
    return updated if before is None else before


def deadline(due: int | None, zone: ZoneInfo) -> int | None:
    """The last second at which a dossier is in time. A due date without an hour (midnight) means the whole day."""
    if due is None:
        return None
    local = datetime.fromtimestamp(due, zone)
    if local.time() != time():
        return due
    return int(datetime.combine(local.date() + _ONE_DAY, time(), zone).timestamp()) - 1


def timeliness(due: int | None, ended: int | None, zone: ZoneInfo) -> Timeliness | None:
    """Of an ended dossier, None of an open one. Without a due date nothing was missed: on time."""
    limit = deadline(due, zone)
    if ended is None:
        return None
    if due is None or limit is None:
        return Timeliness.ON_TIME
    if ended > limit:
        return Timeliness.OVERDUE
    done, day_due = (datetime.fromtimestamp(at, zone).date() for at in (ended, due))
    return Timeliness.EARLY if done < day_due else Timeliness.ON_TIME


# --- the official form ------------------------------------------------------------------------------------------------


class Counts(NamedTuple):
    """Columns (3) to (13) of form II.06a, as counted or as written: each is kept as it came, sums too."""

    received: int = 0
    new_online: int = 0
    new_direct: int = 0
    carried_over: int = 0
    resolved: int = 0
    resolved_early: int = 0
    resolved_on_time: int = 0
    resolved_overdue: int = 0
    pending: int = 0
    pending_in_time: int = 0
    pending_overdue: int = 0

    def plus(self, other: Counts) -> Counts:
        """Column by column."""
        return Counts(*map(sum, zip(self, other, strict=True)))

    @property
    def new(self) -> int:
        """What came in the period: (4)+(5)."""
        return self.new_online + self.new_direct

    @property
    def on_time(self) -> Fraction | None:
        """Share of the resolved ones that were not overdue; None where none was resolved."""
        return Fraction(self.resolved_early + self.resolved_on_time, self.resolved) if self.resolved else None


COLUMNS = Counts._fields
"""Names of columns (3) to (13), in order."""

HEADINGS: Mapping[str, str] = dict(
    zip(
        COLUMNS,
        (
            "Tiếp nhận: tổng số (3)", "trực tuyến (4)", "trực tiếp, bưu chính (5)", "kỳ trước chuyển sang (6)",
            "Đã giải quyết: tổng số (7)", "trước hạn (8)", "đúng hạn (9)", "quá hạn (10)",
            "Đang giải quyết: tổng số (11)", "trong hạn (12)", "quá hạn (13)",
        ),
        strict=True,
    )
)  # fmt: skip

TOTAL = "Tổng số"
"""How the row is named that sums up all others."""


class Row(NamedTuple):
    """One row of the form: column (2), its code where there is one, and columns (3) to (13)."""

    name: str
    code: str | None
    counts: Counts


class Source(StrEnum):
    """Where the figures of a form come from."""

    OFFICIAL = "official"  # the spreadsheet as it was handed in
    STATISTICS = "statistics"  # iGate's own statistics
    DOSSIERS = "dossiers"  # counted by us, dossier by dossier


@dataclass(frozen=True, slots=True)
class Form:
    """A form of the days [start, end). `total` is the row of totals as written, None: it has none.

    `subtotals` are rows that sum up some of the others: their counts beside the names of those.
    """

    start: date
    end: date
    source: Source
    rows: tuple[Row, ...]
    total: Counts | None = None
    subtotals: tuple[tuple[Row, tuple[Row, ...]], ...] = ()

    @property
    def sum(self) -> Counts:
        """All rows added up: what the total must be."""
        return total(row.counts for row in self.rows)


def total(counts: Iterable[Counts]) -> Counts:
    """Column by column."""
    whole = Counts()
    for one in counts:
        whole = whole.plus(one)
    return whole


class Violation(NamedTuple):
    """An identity that does not hold in a row: what is written, and what it should be by the other figures."""

    row: str
    identity: str
    written: int
    expected: int

    @property
    def vi(self) -> str:
        said = f"{self.row}: {self.identity} không khớp: ghi {_number(self.written)}, theo các cột khác"
        return f"{said} {_number(self.expected)} (lệch {_signed(self.written - self.expected)})"


_IDENTITIES: Sequence[tuple[str, Callable[[Counts], int], Callable[[Counts], int]]] = (
    ("(3)=(4)+(5)+(6)", lambda c: c.received, lambda c: c.new_online + c.new_direct + c.carried_over),
    (
        "(7)=(8)+(9)+(10)",
        lambda c: c.resolved,
        lambda c: c.resolved_early + c.resolved_on_time + c.resolved_overdue,
    ),
    ("(11)=(12)+(13)", lambda c: c.pending, lambda c: c.pending_in_time + c.pending_overdue),
    ("(3)=(7)+(11)", lambda c: c.received, lambda c: c.resolved + c.pending),
)


def violations(form: Form) -> list[Violation]:
    """What does not hold within a form: the identities of each row, totals, subtotals. Nothing is mended."""
    found = [v for row in form.rows for v in _of_row(row.name, row.counts)]
    for row, parts in form.subtotals:
        found += _of_row(row.name, row.counts)
        found += _sums(row.name, row.counts, total(part.counts for part in parts))
    if form.total is not None:
        found += _of_row(TOTAL, form.total)
        found += _sums(TOTAL, form.total, form.sum)
    return found


def carried(before: Form, after: Form) -> list[Violation]:
    """Where (6) of a form is not (11) of the one before it, row by row and in all.

    A row that only one of the forms has counts 0 in the other; a unit that was merged shows up as two of these.
    """
    identity = "(6)=(11) của kỳ trước"
    found = []
    for later, earlier in _matched(after.rows, before.rows):
        had = earlier.counts.pending if earlier else 0
        got = later.counts.carried_over if later else 0
        row = later or earlier
        if row and had != got:
            found.append(Violation(row.name, identity, got, had))
    had, got = (before.total or before.sum).pending, (after.total or after.sum).carried_over
    return [*found, *([Violation(TOTAL, identity, got, had)] if had != got else [])]


def _of_row(name: str, counts: Counts) -> list[Violation]:
    checked = ((identity, left(counts), right(counts)) for identity, left, right in _IDENTITIES)
    return [Violation(name, identity, *sides) for identity, *sides in checked if sides[0] != sides[1]]


def _sums(name: str, written: Counts, expected: Counts) -> list[Violation]:
    pairs = zip(COLUMNS, written, expected, strict=True)
    return [
        Violation(name, f"{HEADINGS[column]} = tổng các dòng", one, other)
        for column, one, other in pairs
        if one != other
    ]


def differences(one: Form, other: Form) -> list[tuple[str, str, int, int]]:
    """Where two forms of one period differ: row, column, and what each says. Rows are matched by code, then by name."""
    totals = Row(TOTAL, None, one.total or one.sum), Row(TOTAL, None, other.total or other.sum)
    return [
        (row.name, column, a, b)
        for row, match in (*_matched(one.rows, other.rows), totals)
        if row and match
        for column, a, b in zip(COLUMNS, row.counts, match.counts, strict=True)
        if a != b
    ]


def _matched(rows: Sequence[Row], others: Sequence[Row]) -> list[tuple[Row | None, Row | None]]:
    """Rows beside those of another form, by code, else by name, each once; then what only the other one has."""
    left = list(others)
    found: dict[int, Row] = {}
    for by_code in (True, False):
        for at, row in enumerate(rows):
            if at not in found and (match := _match(row, left, by_code=by_code)):
                found[at] = match
                left.remove(match)
    return [*((row, found.get(at)) for at, row in enumerate(rows)), *((None, other) for other in left)]


def _match(row: Row, others: Iterable[Row], *, by_code: bool) -> Row | None:
    if by_code:
        return next((other for other in others if row.code and other.code == row.code), None)
    return next((other for other in others if other.name == row.name), None)


_TONES = "\u0300\u0301\u0303\u0309\u0323"


def alphabetical(name: str) -> tuple[str, str]:
    """What sorts names by the Vietnamese alphabet: ă, â after a, đ after d; tones only tell like names apart."""
    letters = unicodedata.normalize("NFD", name.casefold().replace("đ", "d\u0335"))
    letters = letters.replace("\u0302", "\u0307")  # â comes after ă
    return "".join(c for c in letters if c not in _TONES), letters


def _number(count: int) -> str:
    return f"{count:,}".replace(",", ".")


def _signed(count: int) -> str:
    return f"{'+' if count > 0 else '-' if count < 0 else ''}{_number(abs(count))}"


# --- units ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit under one name and one parent, on the days [valid_from, valid_to); None is open.

    The same code may come several times, one after the other. `successor`: who took over when it ended.
    """

    code: str
    name: str
    parent: str | None = None
    level: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    successor: str | None = None

    def valid(self, day: date) -> bool:
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


class AmbiguousUnit(ValueError):
    """Several units have one name; `codes` tell them apart."""

    def __init__(self, name: str, codes: Sequence[str]) -> None:
        super().__init__(f"{len(codes)} units are named {name!r}: say which by its code ({', '.join(sorted(codes))})")
        self.codes = tuple(codes)


class UnitTree:
    """Units by code, as of any day. A code that is not listed is a unit of its own, named by its code."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._entries: dict[str, list[Unit]] = {}
        for unit in units:
            self._entries.setdefault(unit.code, []).append(unit)
        for entries in self._entries.values():
            entries.sort(key=lambda u: u.valid_from or date.min)

    def problems(self) -> list[str]:
        """What is wrong with the tree, in Vietnamese: circles, overlaps, parents and successors that are not there."""
        found = []
        for code, entries in self._entries.items():
            for unit in entries:
                if unit.valid_from and unit.valid_to and unit.valid_to <= unit.valid_from:
                    found.append(f"đơn vị {code}: ngày hết hiệu lực không sau ngày bắt đầu")
                found += [
                    f"đơn vị {code}: không có {what} {other} trong danh sách"
                    for what, other in (("đơn vị cấp trên", unit.parent), ("đơn vị kế thừa", unit.successor))
                    if other and other not in self._entries
                ]
            for one, other in pairwise(entries):
                if one.valid_to is None or (other.valid_from or date.min) < one.valid_to:
                    found.append(f"đơn vị {code}: hai dòng có thời gian hiệu lực chồng nhau")
            for what, step in (("cấp trên", _parent), ("kế thừa", _successor)):
                if self._is_circle(code, step):
                    found.append(f"đơn vị {code}: quan hệ {what} đi vòng")
        return found

    def _is_circle(self, code: str, step: Callable[[Unit], str | None]) -> bool:
        seen: set[str] = set()
        ahead = [code]
        while ahead:
            for unit in self._entries.get(ahead.pop(), ()):
                following = step(unit)
                if following == code:
                    return True
                if following and following not in seen:
                    seen.add(following)
                    ahead.append(following)
        return False

    def at(self, code: str, day: date) -> Unit | None:
        """The unit as it is on a day; else its last entry before, or its first one."""
        entries = self._entries.get(code)
        if not entries:
            return None
        before = [u for u in entries if (u.valid_from or date.min) <= day]
        return before[-1] if before else entries[0]

    def name(self, code: str, day: date) -> str:
        """Its name on a day."""
        unit = self.at(code, day)
        return unit.name if unit else code

    def current(self, code: str, day: date) -> str:
        """Who answers on a day for what a unit had: itself, or its successor where it has ended."""
        seen = {code}
        while (unit := self.at(code, day)) and unit.valid_to is not None and unit.valid_to <= day and unit.successor:
            code = unit.successor
            if code in seen:
                break
            seen.add(code)
        return code

    def find(self, text: str, day: date) -> str | None:
        """The code of the unit with this code or name, in any case; of several those that are one on this day.

        Raises AmbiguousUnit where these are several.
        """
        wanted = text.strip().casefold()
        named: dict[str, bool] = {}
        for code, entries in self._entries.items():
            if wanted == code.casefold():
                return code
            for unit in entries:
                if wanted == unit.name.casefold():
                    named[code] = named.get(code, False) or unit.valid(day)
        codes = [code for code, is_valid in named.items() if is_valid] or list(named)
        if len(codes) > 1:
            raise AmbiguousUnit(text.strip(), codes)
        return codes[0] if codes else None

    def under(self, code: str, codes: Collection[str], day: date) -> set[str]:
        """Those of `codes` that belong to a unit on a day: itself, all below it, and what these took over."""
        return {other for other in codes if code in self._line(other, day)}

    def grouped(self, codes: Collection[str], chosen: Collection[str], day: date) -> dict[str, str]:
        """For each of `codes` the nearest of `chosen` that it belongs to on a day, else the unit at the top.

        Where all have one unit above them, the province, the top is what lies right below it.
        """
        lines = {code: self._above(code, day) for code in codes}
        depth = 2 if len({line[-1] for line in lines.values()}) == 1 else 1
        return {
            code: next((unit for unit in line if unit in chosen), line[-min(depth, len(line))])
            for code, line in lines.items()
        }

    def _line(self, code: str, day: date) -> set[str]:
        """A unit and all above it on a day."""
        return {code, *self._above(code, day)}

    def _above(self, code: str, day: date) -> list[str]:
        """Who answers for a unit on a day and all above it, the nearest first."""
        found: list[str] = []
        at: str | None = self.current(code, day)
        while at and at not in found:
            found.append(at)
            unit = self.at(at, day)
            at = self.current(unit.parent, day) if unit and unit.parent else None
        return found


def _parent(unit: Unit) -> str | None:
    return unit.parent


def _successor(unit: Unit) -> str | None:
    return unit.successor


class Group(NamedTuple):
    """What dossiers are counted by; each a code."""

    unit: str
    procedure: str
    sector: str


class By(StrEnum):
    """What the rows of a form are."""

    UNIT = "unit"
    SECTOR = "sector"
    PROCEDURE = "procedure"


def form_of(
    counts: Mapping[Group, Counts],
    start: date,
    end: date,
    units: UnitTree,
    names: Mapping[tuple[str, str], str],
    by: By = By.UNIT,
    unit: str | None = None,
) -> Form:
    """The form of what was counted, its rows in order of names; `names` of procedures and sectors by (by, code).

    Units bear the names, and lie under the parents, of the period's last day; what a unit had that ended before is its
    successor's. `unit`: that one and all below it.
    """
    day = end - _ONE_DAY
    chosen = None if unit is None else units.under(unit, {group.unit for group in counts}, day)
    rows: dict[str, Counts] = {}
    for group, one in counts.items():
        if chosen is None or group.unit in chosen:
            key = {By.UNIT: units.current(group.unit, day), By.SECTOR: group.sector, By.PROCEDURE: group.procedure}[by]
            rows[key] = rows.get(key, Counts()).plus(one)
    named = {key: units.name(key, day) if by is By.UNIT else names.get((by, key), key) for key in rows}
    made = (Row(named[key], key, rows[key]) for key in sorted(rows, key=lambda k: (alphabetical(named[k]), k)))
    return Form(start, end, Source.DOSSIERS, tuple(made))


# --- working time -----------------------------------------------------------------------------------------------------


def worked(spans: Sequence[Span], start: int, end: int) -> int:
    """Seconds of working time in [start, end); `spans` are the working hours around it, in order."""
    first = bisect_right(spans, start, key=lambda span: span[1])
    within = islice(spans, first, bisect_left(spans, end, lo=first, key=lambda span: span[0]))
    return sum(min(end, b) - max(start, a) for a, b in within)


def late_acceptance(applied: int, accepted: int | None, now: int, spans: Sequence[Span]) -> bool:
    """Whether an online dossier waited for more than 8 working hours to be accepted, or still waits so long."""
    return worked(spans, applied, now if accepted is None else accepted) > ACCEPTANCE_SECONDS


def late_by_unit(waited: Iterable[tuple[str, int, int | None]], now: int, spans: Sequence[Span]) -> dict[str, int]:
    """How many of these dossiers (unit, applied, accepted) were, or are, accepted late, by unit."""
    late = Counter(unit for unit, applied, accepted in waited if late_acceptance(applied, accepted, now, spans))
    return dict(late)


# --- what an outage touched -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Impact:
    """What can be said of dossiers around an outage: a correlation, never a cause.

    `expected` is the mean of the same hours of `weeks` earlier weeks; None where there is none to compare with.
    `due` are the codes of dossiers open at the start whose due date lay in the outage or within a working day after;
    `supplements` those for which something more was asked for during it.
    """

    start: int
    end: int
    received: int
    expected: Fraction | None
    weeks: int
    due: tuple[str, ...]
    overdue: tuple[str, ...]  # of `due`: what was ended too late, or is late and open
    supplements: tuple[str, ...]

    @property
    def missing(self) -> Fraction | None:
        """How many fewer came than expected; 0 where more came."""
        return None if self.expected is None else max(Fraction(0), self.expected - self.received)


def impact(
    span: Span,
    received: int,
    earlier: Sequence[int],
    due: Iterable[tuple[str, int, int | None]],
    supplements: Iterable[str],
    now: int,
) -> Impact:
    """Put together what was counted around an outage.

    `earlier`: in the same hours of earlier weeks; `due`: codes, each with the last second in time and when it ended.
    """
    expected = Fraction(sum(earlier), len(earlier)) if earlier else None
    touched = list(due)
    late = (code for code, limit, ended in touched if (now if ended is None else ended) > limit)
    codes = tuple(code for code, _, _ in touched)
    return Impact(*span, received, expected, len(earlier), codes, tuple(late), tuple(supplements))


def comparable(
    start: int, end: int, outages: Iterable[Span], is_working: Callable[[date], bool], zone: ZoneInfo, weeks: int = 4
) -> list[Span]:
    """The same hours of the weeks before that may be compared: days of the same kind, no outage in them."""
    known = list(outages)
    wanted = [is_working(day) for day in _days(start, end, zone)]
    found = []
    for week in range(1, weeks + 1):
        span = start - week * 7 * 86_400, end - week * 7 * 86_400
        same = [is_working(day) for day in _days(*span, zone)] == wanted
        if same and not any(a < span[1] and span[0] < b for a, b in known):
            found.append(span)
    return found


def _days(start: int, end: int, zone: ZoneInfo) -> list[date]:
    first, last = (datetime.fromtimestamp(at, zone).date() for at in (start, max(start, end - 1)))
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def working_day_after(end: int, is_working: Callable[[date], bool], zone: ZoneInfo) -> int:
    """The end of the first whole working day after an instant: until then a due date counts as touched."""
    day = datetime.fromtimestamp(end, zone).date() + _ONE_DAY
    while not is_working(day):
        day += _ONE_DAY
    return int(datetime.combine(day + _ONE_DAY, time(), zone).timestamp())


# --- iGate beside the national portal ---------------------------------------------------------------------------------


class Match(NamedTuple):
    """Dossiers of one day (of acceptance) and unit: how many iGate has, how many of them were asked for, and found.

    What was asked and neither found nor missing could not be told: the portal did not answer.
    """

    day: date
    unit: str
    igate: int
    asked: int
    found: int
    missing: tuple[str, ...]

    @property
    def rate(self) -> Fraction | None:
        """Share of those whose answer is known that are on the portal."""
        told = self.found + len(self.missing)
        return Fraction(self.found, told) if told else None


def matches(
    dossiers: Iterable[tuple[str, str, int]], answers: Mapping[str, bool | None], zone: ZoneInfo
) -> list[Match]:
    """Count (code, unit, accepted) by day and unit; `answers`: found, not there, or (None) not told."""
    igate: Counter[tuple[date, str]] = Counter()
    asked: Counter[tuple[date, str]] = Counter()
    found: Counter[tuple[date, str]] = Counter()
    missing: dict[tuple[date, str], list[str]] = {}
    for code, unit, accepted in dossiers:
        key = datetime.fromtimestamp(accepted, zone).date(), unit
        igate[key] += 1
        if code in answers:
            asked[key] += 1
            found[key] += answers[code] is True
            if answers[code] is False:
                missing.setdefault(key, []).append(code)
    return [
        Match(*key, igate[key], asked[key], found[key], tuple(sorted(missing.get(key, ())))) for key in sorted(igate)
    ]

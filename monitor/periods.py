"""The periods that figures are made for: months, quarters, halves, nine months and years, or any run of days.

Pure. A period is a half-open run of days of the province's zone. The same text means other days in each kind:

- `calendar`: "2026-10" is 1 to 31 October, as contracts and the national portal count.
- `admin_15_14`: "2026-10" is 15 September to 14 October, as administrative reports count (Decree 09/2019/NĐ-CP,
  article 12); quarter, half, nine months and year begin and end with their months: 2026 is 15/12/2025 to 14/12/2026.
- `custom`: "2026-10-01..2026-10-20", both days counted.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Kind(StrEnum):
    """Which days a period's text means."""

    CALENDAR = "calendar"
    ADMIN = "admin_15_14"
    CUSTOM = "custom"


class PeriodError(ValueError):
    """A text that is no period; says what to write."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days [start, end); `name` is the text that `parse` makes it of."""

    kind: Kind
    name: str
    start: date
    end: date

    @property
    def last(self) -> date:
        """The last day that counts."""
        return self.end - timedelta(days=1)

    @property
    def vi(self) -> str:
        """The name alone: "Tháng 10 năm 2026"."""
        if self.kind is Kind.CUSTOM:
            return f"Từ ngày {self.start:%d/%m/%Y} đến ngày {self.last:%d/%m/%Y}"
        year, first, count = _months(self.name)
        match count:
            case 1:
                # Decree 30/2020/NĐ-CP writes a zero before months 1 and 2, so that no digit can be added, and no other.
                return f"Tháng {first:02d} năm {year}" if first < 3 else f"Tháng {first} năm {year}"
            case 3:
                return f"Quý {_ROMAN[first // 3]} năm {year}"
            case 6:
                return f"6 tháng {'đầu' if first == 1 else 'cuối'} năm {year}"
            case 9:
                return f"9 tháng năm {year}"
            case _:
                return f"Năm {year}"

    @property
    def en(self) -> str:
        """The name alone: "October 2026"."""
        if self.kind is Kind.CUSTOM:
            return f"{_english(self.start)} to {_english(self.last)}"
        year, first, count = _months(self.name)
        match count:
            case 1:
                return f"{_MONTHS[first - 1]} {year}"
            case 3:
                return f"Quarter {_ROMAN[first // 3]} of {year}"
            case 6:
                return f"{'First' if first == 1 else 'Second'} half of {year}"
            case 9:
                return f"First nine months of {year}"
            case _:
                return f"Year {year}"

    @property
    def vi_dated(self) -> str:
        """With its days, which the name leaves open: "Tháng 10 năm 2026 (từ ngày 15/09/2026 đến ngày 14/10/2026)"."""
        if self.kind is Kind.CUSTOM:
            return self.vi
        return f"{self.vi} (từ ngày {self.start:%d/%m/%Y} đến ngày {self.last:%d/%m/%Y})"

    @property
    def en_dated(self) -> str:
        """With its days: "October 2026 (15 September 2026 to 14 October 2026)"."""
        if self.kind is Kind.CUSTOM:
            return self.en
        return f"{self.en} ({_english(self.start)} to {_english(self.last)})"


_ROMAN = ("I", "II", "III", "IV")
# Not calendar.month_name: that one speaks the language of the machine.
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def _english(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


# --- reading ----------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"(\d{4})(?:-(?:(\d\d)|Q(\d)|H(\d)|(9M)))?", re.ASCII)
_DAYS = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", re.ASCII)
_WRITE = "write 2026-10 for a month, 2026-Q3, 2026-H1, 2026-9M or 2026"
_WRITE_DAYS = "write 2026-10-01..2026-10-20, the first and the last day that count"
_YEARS = range(2000, 2100)


def parse(text: str, kind: Kind | str) -> Period:
    """The period that a text means in a kind: "2026-10", "2026-Q3", "2026-H1", "2026-9M", "2026", or two days.

    Small letters and blanks around are allowed. A custom period counts whole days and both that are written; it has
    no hours. Raises PeriodError for anything else.
    """
    if kind not in set(Kind):
        raise PeriodError(f"{kind!r} is no kind of period; write {', '.join(Kind)}")
    wanted = Kind(kind)
    name = text.strip().upper()
    if wanted is Kind.CUSTOM:
        return _parse_days(name)
    if _DAYS.fullmatch(name):
        raise PeriodError(f"{text!r} names days, which is kind custom; for kind {wanted} {_WRITE}")
    try:
        year, first, count = _months(name)
    except ValueError:
        raise PeriodError(f"{text!r} is no period of kind {wanted}; {_WRITE}") from None
    _check_year(text, year)
    return _of_months(wanted, name, year, first, count)


def seconds(period: Period, zone: ZoneInfo) -> tuple[int, int]:
    """[start, end) of a period in seconds since the epoch, from midnight to midnight of the zone.

    A running period is not cut here: it ends at now where figures are counted.
    """
    start, end = (epoch(datetime.combine(day, time()), zone) for day in (period.start, period.end))
    return start, end


def _months(name: str) -> tuple[int, int, int]:
    """Year, first month and number of months of a period's name; ValueError where it is none."""
    match = _NAME.fullmatch(name)
    if not match:
        raise ValueError(name)
    year, month, quarter, half, nine = match.groups()
    number = int(month or quarter or half or 1)
    count = 1 if month else 3 if quarter else 6 if half else 9 if nine else 12
    if not 1 <= number <= (1 if nine else 12 // count):
        raise ValueError(name)
    return int(year), 1 + (number - 1) * count, count


def _of_months(kind: Kind, name: str, year: int, first: int, count: int) -> Period:
    """The run of months, from the 1st of the first one or from the 15th of the month before it."""
    before, day = (1, 15) if kind is Kind.ADMIN else (0, 1)
    start = year * 12 + first - 1 - before
    edges = (date(month // 12, month % 12 + 1, day) for month in (start, start + count))
    return Period(kind, name, *edges)


def _parse_days(name: str) -> Period:
    match = _DAYS.fullmatch(name)
    if not match:
        raise PeriodError(f"{name!r} is no period of kind custom; {_WRITE_DAYS}")
    try:
        first, last = date.fromisoformat(match[1]), date.fromisoformat(match[2])
    except ValueError:
        raise PeriodError(f"{name!r} names a day that is not in the calendar; {_WRITE_DAYS}") from None
    if last < first:
        raise PeriodError(f"{name!r} ends before it begins; {_WRITE_DAYS}")
    _check_year(name, first.year)
    _check_year(name, last.year)
    return _of_days(first, last + timedelta(days=1))


def _of_days(start: date, end: date) -> Period:
    return Period(Kind.CUSTOM, f"{start}..{end - timedelta(days=1)}", start, end)


def _check_year(text: str, year: int) -> None:
    if year not in _YEARS:
        raise PeriodError(f"{text!r}: the year must lie between {_YEARS[0]} and {_YEARS[-1]}")


# --- what to compare with ---------------------------------------------------------------------------------------------


def previous(period: Period) -> Period:
    """The period before: of the same length, ending where this one begins.

    Nine months have none that has a name: theirs are the nine months of the year before.
    """
    if period.kind is Kind.CUSTOM:
        return _of_days(period.start - (period.end - period.start), period.start)
    year, first, count = _months(period.name)
    if first == 1:
        year, first = year - 1, 1 if count == 9 else 13 - count
    else:
        first -= count
    return _of_months(period.kind, _name(year, first, count), year, first, count)


def year_before(period: Period) -> Period:
    """The same period of the year before; where only one of the years has a 29 February, February ends with its month.

    So 01/02 to 28/02/2025 is compared with 01/02 to 29/02/2024, and 29/02/2024 alone with 28/02/2023.
    """
    if period.kind is not Kind.CUSTOM:
        year, first, count = _months(period.name)
        return _of_months(period.kind, _name(year - 1, first, count), year - 1, first, count)
    start, end = period.start, period.end
    if (start.month, start.day) == (2, 29):
        start = start.replace(day=28)
    if (end.month, end.day) == (2, 29):
        end = date(end.year, 3, 1)
    return _of_days(start.replace(year=start.year - 1), end.replace(year=end.year - 1))


def _name(year: int, first: int, count: int) -> str:
    number = (first - 1) // count + 1
    return f"{year}" + {1: f"-{number:02d}", 3: f"-Q{number}", 6: f"-H{number}", 9: "-9M", 12: ""}[count]


# --- the clock on the wall --------------------------------------------------------------------------------------------


def epoch(wall: datetime, zone: ZoneInfo) -> int:
    """The first second, since the epoch, at which the clocks of the zone show this time (naive) or a later one.

    So a time that comes twice means the first, and one that the clocks skip means the instant at which they jump.
    """
    first, second = (int(wall.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if first <= second:
        return first
    # The time is skipped, and the jump lies between its two readings: by the clock after it, and by the one before.
    return second + bisect_left(range(second, first), wall, key=lambda at: _wall(at, zone))


def _wall(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at, zone).replace(tzinfo=None)

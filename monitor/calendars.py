"""Working days and service hours, by the calendars of the catalogue: docs/figures.md, section 5.

Pure. A calendar lists the hours of each weekday and, year by year, the days that differ. A year that is not listed is
refused (`UnknownYear`), never guessed: a figure counted without its holidays would be wrong and look right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from monitor.catalogue import Calendar, CalendarYear, Name, Shift, SpecialDay, Weekday
from monitor.periods import epoch
from monitor.spans import Span, intersect, union

_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ONE_DAY = timedelta(days=1)


class DayKind(StrEnum):
    """What a day is: as its weekday says (working, off), or one of the kinds of special days."""

    WORKING = "working"
    OFF = "off"
    HOLIDAY = "holiday"
    COMPENSATORY_OFF = "compensatory_off"  # for a holiday that fell on a day off
    SWAPPED_OFF = "swapped_off"  # in exchange for a swapped_work day
    SWAPPED_WORK = "swapped_work"


class UnknownYear(LookupError):
    """A day is needed of a year that the calendar does not list."""

    def __init__(self, year: int) -> None:
        self.year = year
        self.vi = f"lịch làm việc chưa có năm {year}"
        super().__init__(
            f"the calendar does not list {year}; add {year} under its years in the catalogue, with the special days "
            "and with `confirmed: false` until the list is official"
        )


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day. `shifts` are those that begin on it; `name` is that of a special day.

    `working`: it counts as a working day, as it has hours by its kind. In a calendar without any hours Monday to
    Friday count, and swapped_work days that stand for one of these.
    """

    date: date
    kind: DayKind
    working: bool
    shifts: tuple[Shift, ...]
    name: Name | None


def day(calendar: Calendar, date_: date) -> CalendarDay:
    """What a day is. Raises UnknownYear."""
    special = next((d for d in _year(calendar, date_.year).days if d.date == date_), None)
    if special and special.kind != "swapped_work":
        return CalendarDay(date_, DayKind(special.kind), False, (), special.name)
    weekday = (special and special.as_weekday) or _WEEKDAYS[date_.weekday()]
    shifts = calendar.hours.get(weekday, ())
    has_hours = any(calendar.hours.values())
    working = bool(shifts) if has_hours else weekday in _WEEKDAYS[:5]
    if special:
        return CalendarDay(date_, DayKind.SWAPPED_WORK, working, shifts, special.name)
    return CalendarDay(date_, DayKind.WORKING if working else DayKind.OFF, working, shifts, None)


def service_seconds(calendar: Calendar, zone: ZoneInfo, start: int, end: int) -> list[Span]:
    """The service hours within [start, end), in seconds since the epoch; none where the calendar has no hours.

    A shift belongs to the day it starts on: one that passes midnight goes on into a holiday, and one from the day
    before the period counts where it reaches in. Times are those of the clock on the wall (`periods.epoch`). Raises
    UnknownYear; the day before the period is needed only where some shift passes midnight.
    """
    if start >= end:
        return []
    first, last = (datetime.fromtimestamp(at, zone).date() for at in (start, end - 1))
    shifts = [
        (_at(date_, shift.start, zone), _at(date_, shift.end, zone))
        for date_ in _days(_needed(calendar, first), last + _ONE_DAY)
        for shift in day(calendar, date_).shifts
    ]
    return intersect(union(shifts), [(start, end)])


def confirmed(calendar: Calendar, start_day: date, end_day: date) -> bool:
    """Whether the service hours of [start_day, end_day) come from official lists alone.

    The day before counts where some shift passes midnight. Raises UnknownYear.
    """
    if start_day >= end_day:
        return True
    years = range(_needed(calendar, start_day).year, (end_day - _ONE_DAY).year + 1)
    lists = [_year(calendar, year) for year in years]
    return all(content.confirmed for content in lists)


class Notice(NamedTuple):
    """How many working days lie between, and whether the lists in which they were counted are official."""

    days: int
    confirmed: bool


def notice(calendar: Calendar, notice_day: date, first_day: date, enough: int | None = None) -> Notice:
    """Count whole working days strictly between two days: neither the first nor the last is counted.

    Counted back from the last day, and no further than `enough`: a notice given long ahead needs no list of a year
    that lies long before. Raises UnknownYear where the count needs a year that is not listed.
    """
    found, official = 0, True
    at = first_day - _ONE_DAY
    while at > notice_day and (enough is None or found < enough):
        found += day(calendar, at).working
        official &= _year(calendar, at.year).confirmed
        at -= _ONE_DAY
    return Notice(found, official)


def working_days_between(calendar: Calendar, notice_day: date, first_day: date) -> int:
    """How many whole working days lie strictly between two days. Raises UnknownYear."""
    return notice(calendar, notice_day, first_day).days


def _year(calendar: Calendar, year: int) -> CalendarYear:
    try:
        return calendar.years[year]
    except KeyError:
        raise UnknownYear(year) from None


def _needed(calendar: Calendar, first: date) -> date:
    """The first day whose shifts may reach into `first`: a shift ends on the next day at the latest."""
    passes_midnight = any(shift.end > 1440 for shifts in calendar.hours.values() for shift in shifts)
    return first - _ONE_DAY if passes_midnight else first


def _days(start: date, end: date) -> Iterator[date]:
    while start < end:
        yield start
        start += _ONE_DAY


def _at(date_: date, minute: int, zone: ZoneInfo) -> int:
    return epoch(datetime.combine(date_, time()) + timedelta(minutes=minute), zone)


# --- a first list -----------------------------------------------------------------------------------------------------

_EXCHANGED = re.compile(r"thay cho ngày (\d\d)/(\d\d)/(\d{4})")


def seeded(year: int) -> CalendarYear:
    """A first list of a year's special days, to be checked and corrected by hand: never confirmed.

    From the library `holidays`, which works out what the law says (Labour Code 2019, article 112) and knows the
    exchanges of days announced so far. An exchange that it does not know is missing here, so no figure may use this
    list unasked: it is what a person starts from.
    """
    import holidays  # noqa: PLC0415  # it loads hundreds of modules, for a command that is called once a year

    def listed(language: str, *, observed: bool = True) -> dict[date, str]:
        # An exchange may reach over the turn of the year: 31/12/2018 was off against 05/01/2019.
        return dict(
            holidays.country_holidays("VN", years=range(year - 1, year + 2), language=language, observed=observed)
        )

    vi, en, by_law = listed("vi"), listed("en_US"), listed("vi", observed=False)
    days: list[SpecialDay] = []
    for date_, name in vi.items():
        if match := _EXCHANGED.search(name):
            worked = date(int(match[3]), int(match[2]), int(match[1]))
            days += _exchange(date_, worked)
        elif date_ in by_law:
            days.append(_special(date_, "holiday", name, en[date_]))
        else:
            days.append(_special(date_, "compensatory_off", name, en[date_]))
    return CalendarYear(
        confirmed=False, days=tuple(sorted((d for d in days if d.date.year == year), key=lambda d: d.date))
    )


def _exchange(off: date, worked: date) -> Iterator[SpecialDay]:
    yield _special(
        off, "swapped_off", f"Nghỉ hoán đổi, làm bù ngày {worked:%d/%m/%Y}", f"Off in exchange for {worked:%d/%m/%Y}"
    )
    yield _special(
        worked,
        "swapped_work",
        f"Làm bù cho ngày {off:%d/%m/%Y}",
        f"Worked in exchange for {off:%d/%m/%Y}",
        _WEEKDAYS[off.weekday()],
    )


def _special(date_: date, kind: str, vi: str, en: str, as_weekday: Weekday | None = None) -> SpecialDay:
    return SpecialDay.model_validate(
        {"date": f"{date_}", "kind": kind, "name": {"vi": vi, "en": en}, "as_weekday": as_weekday}
    )

"""docs/figures.md, section 5: kinds of days, service hours, working days of a notice; and sets of seconds."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor import calendars, spans
from monitor.calendars import UnknownYear, confirmed, notice, seeded, service_seconds, working_days_between
from monitor.catalogue import Calendar, CalendarYear
from monitor.periods import parse, seconds

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
EXAMPLE = Path(__file__).parents[2] / "config" / "province.example.yaml"
OFFICE = ["07:00-11:00", "13:00-17:00"]
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), OFFICE)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NAME = {"vi": "Ngày thử", "en": "Test day"}


def of_the_example() -> Calendar:
    """The state's calendar as the example catalogue has it, with the list of 2026."""
    text = yaml.load(EXAMPLE.read_text(encoding="utf-8"), yaml.BaseLoader)
    return Calendar.model_validate(text["calendars"]["state"])


STATE = of_the_example()


def made(hours: dict[str, list[str]], *days: str, year: int = 2026, official: bool = True) -> Calendar:
    """A calendar of one year; "2026-11-24 holiday", "2026-08-22 swapped_work mon" are its special days."""
    special = [
        {"date": d, "kind": kind, "name": NAME, **({"as_weekday": weekday[0]} if weekday else {})}
        for d, kind, *weekday in (text.split() for text in days)
    ]
    return Calendar.model_validate({"hours": hours, "years": {year: {"confirmed": official, "days": special}}})


def at(text: str, zone: ZoneInfo = VIET_NAM) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def shown(found: Sequence[spans.Span], zone: ZoneInfo = VIET_NAM) -> list[str]:
    """Each span as "24/11 00:00-06:00"."""
    return [
        f"{datetime.fromtimestamp(start, zone):%d/%m %H:%M}-{datetime.fromtimestamp(end, zone):%H:%M}"
        for start, end in found
    ]


# --- what a day is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "kind", "working"),
    [
        ("2026-01-01", "holiday", False),
        ("2026-01-02", "swapped_off", False),
        ("2026-01-05", "working", True),
        ("2026-01-10", "swapped_work", True),  # a Saturday
        ("2026-01-11", "off", False),
        ("2026-02-13", "working", True),
        ("2026-02-14", "off", False),  # Saturday before Tết
        ("2026-02-16", "holiday", False),
        ("2026-02-17", "holiday", False),
        ("2026-02-20", "holiday", False),
        ("2026-02-22", "off", False),
        ("2026-02-23", "working", True),
        ("2026-04-26", "holiday", False),  # a Sunday
        ("2026-04-27", "compensatory_off", False),
        ("2026-04-28", "working", True),
        ("2026-04-30", "holiday", False),
        ("2026-05-01", "holiday", False),
        ("2026-08-22", "swapped_work", True),  # a Saturday
        ("2026-08-29", "off", False),
        ("2026-08-31", "swapped_off", False),  # a Monday
        ("2026-09-01", "holiday", False),
        ("2026-09-02", "holiday", False),
        ("2026-09-03", "working", True),
        ("2026-11-24", "holiday", False),
        ("2026-11-25", "working", True),
    ],
)
def test_days_of_2026(day: str, kind: str, working: bool) -> None:
    found = calendars.day(STATE, date.fromisoformat(day))
    assert (found.date, found.kind, found.working) == (date.fromisoformat(day), kind, working)
    assert [(s.start, s.end) for s in found.shifts] == ([(420, 660), (780, 1020)] if working else [])
    assert (found.name is not None) == (kind not in ("working", "off"))


def test_a_special_day_has_its_name() -> None:
    name = calendars.day(STATE, date(2026, 2, 17)).name
    assert name and (name.vi, name.en) == ("Tết Nguyên đán", "Lunar New Year")


def test_a_day_worked_in_exchange_has_the_hours_of_its_weekday() -> None:
    short_friday = made({**WEEK, "fri": ["07:00-11:00"]}, "2026-01-10 swapped_work fri", "2026-08-22 swapped_work mon")
    assert [s.end for s in calendars.day(short_friday, date(2026, 1, 10)).shifts] == [660]
    assert [s.end for s in calendars.day(short_friday, date(2026, 8, 22)).shifts] == [660, 1020]


def test_a_saturday_with_hours_is_a_working_day() -> None:
    one_stop = made({**WEEK, "sat": ["07:30-11:30"]})
    assert calendars.day(one_stop, date(2026, 10, 3)).working
    assert not calendars.day(one_stop, date(2026, 10, 4)).working


def test_an_exchange_for_a_weekday_without_hours_is_no_working_day() -> None:
    mornings = made({"mon": OFFICE, "fri": []}, "2026-01-10 swapped_work fri", "2026-01-17 swapped_work mon")
    found = [calendars.day(mornings, date(2026, 1, d)) for d in (10, 17)]
    assert [(d.kind, d.working) for d in found] == [("swapped_work", False), ("swapped_work", True)]


@pytest.mark.parametrize("hours", [{}, {"mon": []}])
def test_without_any_hours_monday_to_friday_are_working_days(hours: dict[str, list[str]]) -> None:
    bare = made(hours, "2026-10-05 holiday", "2026-10-10 swapped_work mon", "2026-10-17 swapped_work sun")
    days = [calendars.day(bare, date(2026, 10, n)) for n in (2, 3, 4, 5, 6, 10, 17)]
    assert [d.working for d in days] == [True, False, False, False, True, True, False]
    assert not any(d.shifts for d in days)
    assert service_seconds(bare, VIET_NAM, at("2026-10-01"), at("2026-11-01")) == []


def test_a_year_that_is_not_listed_is_refused_with_what_to_add() -> None:
    with pytest.raises(UnknownYear, match=r"does not list 2027; add 2027 .*confirmed: false") as caught:
        calendars.day(STATE, date(2027, 3, 1))
    assert (caught.value.year, caught.value.vi) == (2027, "lịch làm việc chưa có năm 2027")


# --- service hours ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-10-01", "2026-10-02", ["01/10 07:00-11:00", "01/10 13:00-17:00"]),
        ("2026-10-01T08:30", "2026-10-01T13:15", ["01/10 08:30-11:00", "01/10 13:00-13:15"]),
        ("2026-10-01T11:00", "2026-10-01T13:00", []),
        ("2026-10-01T12:00", "2026-10-01T12:00", []),
        ("2026-10-02T16:00", "2026-10-05T08:00", ["02/10 16:00-17:00", "05/10 07:00-08:00"]),
        ("2026-02-14", "2026-02-24", ["23/02 07:00-11:00", "23/02 13:00-17:00"]),  # Tết and both weekends
        ("2026-08-22", "2026-08-24", ["22/08 07:00-11:00", "22/08 13:00-17:00"]),  # Saturday worked
        ("2026-08-29", "2026-09-03", []),  # Saturday to the holiday
        ("2026-11-24", "2026-11-25", []),
    ],
)
def test_service_hours(start: str, end: str, expected: list[str]) -> None:
    assert shown(service_seconds(STATE, VIET_NAM, at(start), at(end))) == expected


@pytest.mark.parametrize(
    ("period", "days"),
    [
        ("2026-01", 21),  # 22 from Monday to Friday, 1 and 2 off, Saturday 10 worked
        ("2026-02", 15),  # 20, Tết 5
        ("2026-04", 20),  # 22, 27 and 30 off
        ("2026-08", 21),  # 21, 31 off, Saturday 22 worked
        ("2026-09", 20),  # 22, 1 and 2 off
        ("2026-11", 20),  # 21, 24 off
        ("2026", 249),  # 261, 14 off, 2 worked
    ],
)
def test_service_hours_of_whole_periods(period: str, days: int) -> None:
    start, end = seconds(parse(period, "calendar"), VIET_NAM)
    assert spans.length(service_seconds(STATE, VIET_NAM, start, end)) == days * 8 * 3600


NIGHTS = made({"mon": ["22:00-06:00"], "tue": ["05:00-07:00", "22:00-24:00"], "sat": ["12:00-08:00"]})


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-10-05", "2026-10-07", ["05/10 22:00-07:00", "06/10 22:00-00:00"]),  # a Monday; 05:00-06:00 counts once
        ("2026-10-06", "2026-10-06T12:00", ["06/10 00:00-07:00"]),  # begun on the day before the period
        ("2026-10-06T02:00", "2026-10-06T03:00", ["06/10 02:00-03:00"]),
        ("2026-10-07", "2026-10-08", []),  # 22:00-24:00 ends at midnight
        ("2026-10-10", "2026-10-12", ["10/10 12:00-08:00"]),  # a Saturday's goes on into the Sunday that is off
    ],
)
def test_shifts_that_pass_midnight(start: str, end: str, expected: list[str]) -> None:
    assert shown(service_seconds(NIGHTS, VIET_NAM, at(start), at(end))) == expected


def test_a_shift_belongs_to_the_day_it_starts_on() -> None:
    nights = made({weekday: ["22:00-06:00"] for weekday in WEEKDAYS}, "2026-11-24 holiday")
    found = service_seconds(nights, VIET_NAM, at("2026-11-23T12:00"), at("2026-11-25T23:00"))
    assert shown(found) == ["23/11 22:00-06:00", "25/11 22:00-23:00"]  # into the holiday, none out of it


def test_a_day_worked_in_exchange_takes_the_night_shift_too() -> None:
    nights = made({"mon": ["22:00-06:00"]}, "2026-08-22 swapped_work mon", "2026-08-31 swapped_off")
    found = service_seconds(nights, VIET_NAM, at("2026-08-22"), at("2026-09-02"))
    assert shown(found) == ["22/08 22:00-06:00", "24/08 22:00-06:00"]


def test_the_year_before_is_needed_only_where_a_shift_passes_midnight() -> None:
    start, end = at("2026-01-01"), at("2026-01-05")
    assert service_seconds(STATE, VIET_NAM, start, end) == []
    to_midnight = made({"thu": ["18:00-24:00"]})
    assert shown(service_seconds(to_midnight, VIET_NAM, start, end)) == ["01/01 18:00-00:00"]
    with pytest.raises(UnknownYear, match="2025"):
        service_seconds(NIGHTS, VIET_NAM, start, end)
    with pytest.raises(UnknownYear, match="2027"):
        service_seconds(STATE, VIET_NAM, at("2026-12-31"), at("2027-01-01") + 1)
    assert len(service_seconds(STATE, VIET_NAM, at("2026-12-31"), at("2027-01-01"))) == 2


@pytest.mark.parametrize(
    ("shift", "day", "start", "minutes"),
    [
        ("00:00-06:00", "2026-03-29", "2026-03-28T23:00Z", 300),  # 02:00 to 03:00 is skipped
        ("02:15-03:30", "2026-03-29", "2026-03-29T01:00Z", 30),  # begins at the jump
        ("01:30-02:30", "2026-03-29", "2026-03-29T00:30Z", 30),  # ends at the jump
        ("00:00-06:00", "2026-10-25", "2026-10-24T22:00Z", 420),  # 02:00 to 03:00 comes twice
        ("01:00-02:30", "2026-10-25", "2026-10-24T23:00Z", 90),  # ends at the first 02:30
    ],
)
def test_shifts_go_by_the_clock_on_the_wall(shift: str, day: str, start: str, minutes: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    sundays = made({"sun": [shift]})
    begin = int(datetime.fromisoformat(start).timestamp())
    found = service_seconds(sundays, berlin, at(day, berlin), at(day, berlin) + 86_400)
    assert found == [(begin, begin + minutes * 60)]


def test_a_shift_that_the_clocks_skip_has_no_seconds() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = at("2026-03-29", berlin)
    assert service_seconds(made({"sun": ["02:10-02:50"]}), berlin, start, start + 86_400) == []


SHIFTS = st.lists(st.integers(0, 95), min_size=0, max_size=6, unique=True).map(sorted)  # quarters of an hour


def _shifts(edges: list[int]) -> list[str]:
    """Pairs of edges; what is left over passes midnight, to an hour before the first one."""
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    if len(edges) % 2 and edges[0] >= 4:
        pairs.append((edges[-1], edges[0] - 4))
    return [f"{a // 4:02d}:{a % 4 * 15:02d}-{b // 4:02d}:{b % 4 * 15:02d}" for a, b in pairs]


SPECIAL = st.dictionaries(
    st.integers(1, 10),
    st.sampled_from(["holiday", "compensatory_off", "swapped_off", *(f"swapped_work {d}" for d in WEEKDAYS)]),
    max_size=4,
)


@settings(deadline=None)  # thousands of minutes, on a machine that may be busy
@given(
    st.dictionaries(st.sampled_from(WEEKDAYS), SHIFTS.map(_shifts)),
    SPECIAL,
    st.integers(1440, 9 * 1440),
    st.integers(0, 3 * 1440),
)
@example({"mon": ["22:00-06:00"]}, {6: "holiday"}, 5 * 1440, 1440)
def test_service_hours_are_those_of_a_walk_over_every_minute(
    hours: dict[str, list[str]], special: dict[int, str], begin: int, length: int
) -> None:
    calendar = made(hours, *(f"2026-10-{d:02d} {kind}" for d, kind in special.items()))

    def serves(wall: datetime) -> bool:
        for back in (0, 1):
            day = wall.date() - timedelta(days=back)
            kind, *weekday = special.get(day.day if day.month == 10 else 0, WEEKDAYS[day.weekday()]).split()
            for shift in hours.get(weekday[0] if weekday else kind, ()):
                start, end = ((int(t[:2]) * 60 + int(t[3:])) for t in shift.split("-"))
                minute = wall.hour * 60 + wall.minute + back * 1440
                if start <= minute < (end if end > start else end + 1440):
                    return True
        return False

    first = at("2026-10-01") + begin * 60
    minutes = range(first, first + length * 60, 60)
    expected = {minute for minute in minutes if serves(datetime.fromtimestamp(minute, VIET_NAM))}
    found = service_seconds(calendar, VIET_NAM, first, first + length * 60)
    assert {second for start, end in found for second in range(start, end, 60)} == expected
    assert spans.length(found) == 60 * len(expected)
    assert found == spans.union(found)


# --- official or not --------------------------------------------------------------------------------------------------

TWO_YEARS = {
    2026: CalendarYear(confirmed=True, days=()),
    2027: CalendarYear(confirmed=False, days=()),
}
OFFICE_HOURS = made(WEEK).model_copy(update={"years": TWO_YEARS})
NIGHT_HOURS = made({"mon": ["22:00-06:00"]}).model_copy(update={"years": TWO_YEARS})


@pytest.mark.parametrize(
    ("calendar", "start", "end", "expected"),
    [
        (OFFICE_HOURS, "2026-01-01", "2027-01-01", True),
        (OFFICE_HOURS, "2026-12-15", "2027-01-02", False),
        (OFFICE_HOURS, "2027-01-01", "2027-02-01", False),
        (OFFICE_HOURS, "2027-01-01", "2027-01-01", True),  # no day
        (OFFICE_HOURS, "2028-01-01", "2028-01-01", True),
        (NIGHT_HOURS, "2026-01-02", "2026-02-01", True),
    ],
)
def test_whether_the_lists_are_official(calendar: Calendar, start: str, end: str, expected: bool) -> None:
    assert confirmed(calendar, date.fromisoformat(start), date.fromisoformat(end)) is expected


@pytest.mark.parametrize(
    ("calendar", "start", "end", "year"),
    [
        (OFFICE_HOURS, "2025-12-31", "2026-01-02", 2025),
        (OFFICE_HOURS, "2026-12-31", "2029-01-01", 2028),  # refused, although 2027 is not official anyway
        (NIGHT_HOURS, "2026-01-01", "2026-02-01", 2025),  # a shift may reach in from 31 December
    ],
)
def test_no_year_is_official_that_is_not_listed(calendar: Calendar, start: str, end: str, year: int) -> None:
    with pytest.raises(UnknownYear) as caught:
        confirmed(calendar, date.fromisoformat(start), date.fromisoformat(end))
    assert caught.value.year == year


# --- working days of a notice -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notice_day", "first_day", "expected"),
    [
        ("2026-10-16", "2026-10-26", 5),  # Friday to Monday, a week between
        ("2026-10-17", "2026-10-26", 5),  # from Saturday or Sunday it is the same
        ("2026-10-18", "2026-10-26", 5),
        ("2026-10-19", "2026-10-26", 4),
        ("2026-10-23", "2026-10-26", 0),  # only a weekend between
        ("2026-10-26", "2026-10-26", 0),
        ("2026-10-27", "2026-10-26", 0),
        ("2026-02-06", "2026-02-23", 5),  # Tết counts for nothing
        ("2026-02-13", "2026-02-23", 0),
        ("2026-04-23", "2026-04-28", 1),  # Giỗ Tổ on a Sunday and the Monday in its place
        ("2026-04-24", "2026-04-28", 0),
        ("2026-08-21", "2026-08-24", 1),  # the Saturday between is worked
        ("2026-08-28", "2026-09-03", 0),  # weekend, exchange, two holidays
        ("2026-08-27", "2026-09-03", 1),
        ("2026-11-23", "2026-11-25", 0),  # 24 November
        ("2026-11-22", "2026-11-25", 1),
        ("2026-01-01", "2026-12-31", 248),
    ],
)
def test_working_days_strictly_between(notice_day: str, first_day: str, expected: int) -> None:
    assert working_days_between(STATE, date.fromisoformat(notice_day), date.fromisoformat(first_day)) == expected


def test_a_count_goes_back_no_further_than_needed() -> None:
    long_before = date(2025, 11, 1)
    assert notice(STATE, long_before, date(2026, 3, 2), 5) == (5, True)
    with pytest.raises(UnknownYear, match="2025"):
        notice(STATE, long_before, date(2026, 3, 2), 500)
    with pytest.raises(UnknownYear, match="2025"):
        working_days_between(STATE, date(2025, 12, 30), date(2026, 1, 2))
    assert working_days_between(STATE, date(2025, 12, 31), date(2026, 1, 6)) == 1  # 31 December is not counted


def test_a_count_is_official_only_where_it_counted() -> None:
    assert notice(OFFICE_HOURS, date(2026, 12, 30), date(2027, 1, 1)) == (1, True)
    assert notice(OFFICE_HOURS, date(2026, 12, 30), date(2027, 1, 2)) == (2, False)
    assert notice(OFFICE_HOURS, date(2026, 12, 1), date(2027, 1, 5), 1) == (1, False)
    assert notice(OFFICE_HOURS, date(2027, 1, 4), date(2027, 1, 5)) == (0, True)  # no day was looked at


@given(st.dates(date(2026, 1, 1), date(2026, 12, 31)), st.integers(-3, 120), st.none() | st.integers(1, 40))
def test_working_days_are_those_of_a_walk_over_every_day(first: date, days: int, enough: int | None) -> None:
    last = min(first + timedelta(days=days), date(2026, 12, 31))
    off = {d.date for d in STATE.years[2026].days if d.kind != "swapped_work"}
    worked = {date(2026, 1, 10), date(2026, 8, 22)}
    between = [first + timedelta(days=n) for n in range(1, max(0, (last - first).days))]
    count = sum((d.weekday() < 5 and d not in off) or d in worked for d in between)
    assert notice(STATE, first, last, enough).days == (count if enough is None else min(count, enough))


# --- a first list -----------------------------------------------------------------------------------------------------


def kinds(year: CalendarYear) -> dict[str, str]:
    return {str(d.date): d.kind for d in year.days}


# What is known of 2026 from primary texts or two sources.
KNOWN_2026 = {
    "2026-01-01": "holiday",
    "2026-02-16": "holiday",
    "2026-02-17": "holiday",
    "2026-02-18": "holiday",
    "2026-02-19": "holiday",
    "2026-02-20": "holiday",
    "2026-04-26": "holiday",
    "2026-04-27": "compensatory_off",
    "2026-04-30": "holiday",
    "2026-05-01": "holiday",
    "2026-08-22": "swapped_work",
    "2026-08-31": "swapped_off",
    "2026-09-01": "holiday",
    "2026-09-02": "holiday",
    "2026-11-24": "holiday",
}

# day: (in the example catalogue, in the first list)
DIFFERENCES_2026 = {
    "2026-01-02": ("swapped_off", None),  # announced, but the library does not know of it
    "2026-01-10": ("swapped_work", None),
}


def test_the_first_list_of_2026() -> None:
    assert kinds(seeded(2026)) == KNOWN_2026


def test_where_the_first_list_of_2026_differs_from_the_example_catalogue() -> None:
    example, first = kinds(STATE.years[2026]), kinds(seeded(2026))
    differing = {d for d in example | first if example.get(d) != first.get(d)}
    assert {d: (example.get(d), first.get(d)) for d in differing} == DIFFERENCES_2026


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2019, {"2019-01-05": "swapped_work", "2019-04-29": "swapped_off", "2019-05-04": "swapped_work"}),
        (2018, {"2018-02-14": "compensatory_off", "2018-09-03": "compensatory_off", "2018-12-31": "swapped_off"}),
        (2025, {"2025-04-26": "swapped_work", "2025-05-02": "swapped_off", "2025-09-01": "holiday"}),
        (
            2027,  # Tết on a Saturday and a Sunday, 1 May on a Saturday
            {"2027-02-04": "compensatory_off", "2027-02-10": "compensatory_off", "2027-05-03": "compensatory_off"},
        ),
    ],
)
def test_first_lists_of_other_years(year: int, expected: dict[str, str]) -> None:
    found = kinds(seeded(year))
    assert expected.items() <= found.items()
    assert all(day.startswith(str(year)) for day in found)


def test_an_exchange_over_the_turn_of_the_year_names_its_weekday() -> None:
    worked = seeded(2019).days[1]  # for Monday 31/12/2018
    assert (str(worked.date), worked.as_weekday) == ("2019-01-05", "mon")
    assert (worked.name.vi, worked.name.en) == ("Làm bù cho ngày 31/12/2018", "Worked in exchange for 31/12/2018")


@pytest.mark.parametrize("year", [2025, 2026, 2027, 2028])
def test_a_first_list_is_never_official_and_fit_for_a_catalogue(year: int) -> None:
    first = seeded(year)
    assert first.confirmed is False
    dates = [d.date for d in first.days]
    assert dates == sorted(set(dates))
    assert all(unicodedata.is_normalized("NFC", d.name.vi) and d.name.vi != d.name.en for d in first.days)
    calendar = STATE.model_copy(update={"years": {year: first}})
    assert [calendars.day(calendar, d.date).kind for d in first.days] == [d.kind for d in first.days]


def test_names_of_a_first_list_are_in_both_languages() -> None:
    names = {str(d.date): (d.name.vi, d.name.en) for d in seeded(2026).days}
    assert names["2026-09-02"] == ("Quốc khánh", "National Day")
    assert names["2026-08-31"] == ("Nghỉ hoán đổi, làm bù ngày 22/08/2026", "Off in exchange for 22/08/2026")


# --- sets of seconds --------------------------------------------------------------------------------------------------

RANGES = st.lists(st.tuples(st.integers(0, 30), st.integers(-1, 6)).map(lambda r: (r[0], r[0] + r[1])), max_size=8)


def held(found: Sequence[spans.Span]) -> set[int]:
    return {second for start, end in found for second in range(start, end)}


def is_normal(found: Sequence[spans.Span]) -> bool:
    edges = [edge for span in found for edge in span]
    return edges == sorted(set(edges))


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ([], []),
        ([(5, 5), (7, 6)], []),
        ([(3, 5), (0, 3)], [(0, 5)]),  # what touches is one
        ([(0, 9), (2, 3), (8, 12)], [(0, 12)]),
        ([(10, 12), (0, 3)], [(0, 3), (10, 12)]),
    ],
)
def test_a_union_is_sorted_and_disjoint(ranges: list[spans.Span], expected: list[spans.Span]) -> None:
    assert spans.union(ranges) == expected


def test_what_is_left_of_an_outage_in_which_maintenance_begins() -> None:
    assert spans.subtract([(100, 400)], [(200, 300)]) == [(100, 200), (300, 400)]
    assert spans.subtract([(100, 400)], [(300, 500)]) == [(100, 300)]
    assert spans.subtract([(100, 400)], [(0, 500)]) == []


@given(RANGES, RANGES)
@example([(0, 5), (6, 9)], [(0, 7)])
@example([(0, 7)], [(0, 5), (6, 9)])
def test_sets_of_seconds(some: list[spans.Span], others: list[spans.Span]) -> None:
    one, other = spans.union(some), spans.union(others)
    assert is_normal(one) and held(one) == held(some)
    assert spans.length(one) == len(held(some))
    for found, expected in (
        (spans.union([*one, *other]), held(one) | held(other)),
        (spans.intersect(one, other), held(one) & held(other)),
        (spans.subtract(one, other), held(one) - held(other)),
    ):
        assert is_normal(found)
        assert held(found) == expected

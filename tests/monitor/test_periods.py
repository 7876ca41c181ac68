"""Periods: which days a text means, what they are called, and what they are compared with."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.periods import Kind, Period, PeriodError, epoch, parse, previous, seconds, year_before

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")

# First and last day, both counted.
DAYS = [
    ("calendar", "2026-10", "2026-10-01", "2026-10-31"),
    ("calendar", "2024-02", "2024-02-01", "2024-02-29"),
    ("calendar", "2026-12", "2026-12-01", "2026-12-31"),
    ("calendar", "2026-Q1", "2026-01-01", "2026-03-31"),
    ("calendar", "2026-Q4", "2026-10-01", "2026-12-31"),
    ("calendar", "2026-H1", "2026-01-01", "2026-06-30"),
    ("calendar", "2026-H2", "2026-07-01", "2026-12-31"),
    ("calendar", "2026-9M", "2026-01-01", "2026-09-30"),
    ("calendar", "2026", "2026-01-01", "2026-12-31"),
    ("admin_15_14", "2026-10", "2026-09-15", "2026-10-14"),
    ("admin_15_14", "2026-01", "2025-12-15", "2026-01-14"),
    ("admin_15_14", "2026-03", "2026-02-15", "2026-03-14"),
    ("admin_15_14", "2026-Q1", "2025-12-15", "2026-03-14"),
    ("admin_15_14", "2026-Q3", "2026-06-15", "2026-09-14"),
    ("admin_15_14", "2026-H1", "2025-12-15", "2026-06-14"),
    ("admin_15_14", "2026-H2", "2026-06-15", "2026-12-14"),
    ("admin_15_14", "2026-9M", "2025-12-15", "2026-09-14"),
    ("admin_15_14", "2026", "2025-12-15", "2026-12-14"),
    ("custom", "2026-10-01..2026-10-20", "2026-10-01", "2026-10-20"),
    ("custom", "2026-12-31..2026-12-31", "2026-12-31", "2026-12-31"),
    ("custom", "2025-12-20..2026-02-28", "2025-12-20", "2026-02-28"),
]


@pytest.mark.parametrize(("kind", "text", "first", "last"), DAYS)
def test_the_days_that_a_text_means(kind: str, text: str, first: str, last: str) -> None:
    made = parse(text, kind)
    assert (str(made.start), str(made.last)) == (first, last)
    assert made.end == made.last + timedelta(days=1)
    assert (made.kind, made.name) == (Kind(kind), text)


def test_small_letters_and_blanks_around_mean_the_same() -> None:
    assert parse(" 2026-q3 ", "calendar") == parse("2026-Q3", Kind.CALENDAR)
    assert parse("2026-9m\n", "calendar") == parse("2026-9M", "calendar")


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("calendar", "", "write 2026-10 for a month, 2026-Q3, 2026-H1, 2026-9M or 2026"),
        ("calendar", "2026-13", "write 2026-10"),
        ("calendar", "2026-00", "write 2026-10"),
        ("calendar", "2026-1", "write 2026-10"),
        ("calendar", "2026-Q0", "write 2026-10"),
        ("calendar", "2026-Q5", "write 2026-10"),
        ("calendar", "2026-H3", "write 2026-10"),
        ("calendar", "2026-6M", "write 2026-10"),
        ("calendar", "10/2026", "write 2026-10"),
        ("calendar", "2026-10-01", "write 2026-10"),
        ("calendar", "٢٠٢٦-10", "write 2026-10"),
        ("admin_15_14", "2026-10-01..2026-10-20", "kind custom"),
        ("calendar", "1999-12", "between 2000 and 2099"),
        ("calendar", "2100", "between 2000 and 2099"),
        ("custom", "2026-10", "write 2026-10-01..2026-10-20"),
        ("custom", "2026-10-01", "write 2026-10-01..2026-10-20"),
        ("custom", "2026-10-01T08:00..2026-10-01T17:00", "write 2026-10-01..2026-10-20"),
        ("custom", "2026-02-29..2026-03-01", "not in the calendar"),
        ("custom", "2026-10-20..2026-10-01", "ends before it begins"),
        ("custom", "1999-12-31..2000-01-01", "between 2000 and 2099"),
        ("custom", "2099-12-31..2100-01-01", "between 2000 and 2099"),
        ("quarterly", "2026-Q3", "write calendar, admin_15_14, custom"),
    ],
)
def test_what_is_no_period_is_told_what_to_write(kind: str, text: str, said: str) -> None:
    with pytest.raises(PeriodError, match=said) as caught:
        parse(text, kind)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("kind", "text", "vi", "en"),
    [
        (
            "admin_15_14",
            "2026-10",
            "Tháng 10 năm 2026 (từ ngày 15/09/2026 đến ngày 14/10/2026)",
            "October 2026 (15 September 2026 to 14 October 2026)",
        ),
        (
            "calendar",
            "2026-01",
            "Tháng 01 năm 2026 (từ ngày 01/01/2026 đến ngày 31/01/2026)",
            "January 2026 (1 January 2026 to 31 January 2026)",
        ),
        (
            "calendar",
            "2026-02",
            "Tháng 02 năm 2026 (từ ngày 01/02/2026 đến ngày 28/02/2026)",
            "February 2026 (1 February 2026 to 28 February 2026)",
        ),
        (
            "calendar",
            "2026-03",
            "Tháng 3 năm 2026 (từ ngày 01/03/2026 đến ngày 31/03/2026)",
            "March 2026 (1 March 2026 to 31 March 2026)",
        ),
        (
            "calendar",
            "2026-Q3",
            "Quý III năm 2026 (từ ngày 01/07/2026 đến ngày 30/09/2026)",
            "Quarter III of 2026 (1 July 2026 to 30 September 2026)",
        ),
        (
            "calendar",
            "2026-H1",
            "6 tháng đầu năm 2026 (từ ngày 01/01/2026 đến ngày 30/06/2026)",
            "First half of 2026 (1 January 2026 to 30 June 2026)",
        ),
        (
            "calendar",
            "2026-H2",
            "6 tháng cuối năm 2026 (từ ngày 01/07/2026 đến ngày 31/12/2026)",
            "Second half of 2026 (1 July 2026 to 31 December 2026)",
        ),
        (
            "admin_15_14",
            "2026-9M",
            "9 tháng năm 2026 (từ ngày 15/12/2025 đến ngày 14/09/2026)",
            "First nine months of 2026 (15 December 2025 to 14 September 2026)",
        ),
        (
            "admin_15_14",
            "2026",
            "Năm 2026 (từ ngày 15/12/2025 đến ngày 14/12/2026)",
            "Year 2026 (15 December 2025 to 14 December 2026)",
        ),
        (
            "custom",
            "2026-10-01..2026-10-20",
            "Từ ngày 01/10/2026 đến ngày 20/10/2026",
            "1 October 2026 to 20 October 2026",
        ),
    ],
)
def test_what_a_period_is_called(kind: str, text: str, vi: str, en: str) -> None:
    made = parse(text, kind)
    assert (made.vi_dated, made.en_dated) == (vi, en)
    assert (made.vi, made.en) == (vi.partition(" (")[0], en.partition(" (")[0])


def test_every_quarter_has_its_roman_number() -> None:
    assert [parse(f"2026-Q{n}", "calendar").vi.split()[1] for n in (1, 2, 3, 4)] == ["I", "II", "III", "IV"]


# --- what to compare with ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["calendar", "admin_15_14"])
@pytest.mark.parametrize(
    ("text", "before", "last_year"),
    [
        ("2026-10", "2026-09", "2025-10"),
        ("2026-01", "2025-12", "2025-01"),
        ("2026-Q2", "2026-Q1", "2025-Q2"),
        ("2026-Q1", "2025-Q4", "2025-Q1"),
        ("2026-H2", "2026-H1", "2025-H2"),
        ("2026-H1", "2025-H2", "2025-H1"),
        ("2026-9M", "2025-9M", "2025-9M"),  # the nine months before have no name
        ("2026", "2025", "2025"),
    ],
)
def test_periods_to_compare_with(kind: str, text: str, before: str, last_year: str) -> None:
    assert previous(parse(text, kind)) == parse(before, kind)
    assert year_before(parse(text, kind)) == parse(last_year, kind)


@pytest.mark.parametrize(
    ("text", "before", "last_year"),
    [
        ("2026-10-01..2026-10-20", "2026-09-11..2026-09-30", "2025-10-01..2025-10-20"),
        ("2026-01-01..2026-01-01", "2025-12-31..2025-12-31", "2025-01-01..2025-01-01"),
        ("2024-02-29..2024-02-29", "2024-02-28..2024-02-28", "2023-02-28..2023-02-28"),
        ("2024-02-01..2024-02-29", "2024-01-03..2024-01-31", "2023-02-01..2023-02-28"),
        ("2024-02-01..2024-02-28", "2024-01-04..2024-01-31", "2023-02-01..2023-02-28"),
        ("2025-02-01..2025-02-28", "2025-01-04..2025-01-31", "2024-02-01..2024-02-29"),
        ("2024-02-29..2024-03-10", "2024-02-18..2024-02-28", "2023-02-28..2023-03-10"),
    ],
)
def test_custom_periods_to_compare_with(text: str, before: str, last_year: str) -> None:
    assert previous(parse(text, "custom")).name == before
    assert year_before(parse(text, "custom")).name == last_year


NAMES = st.builds(
    "{}{}".format,
    st.integers(2001, 2099),
    st.sampled_from(["", "-9M", "-H1", "-H2", *(f"-Q{n}" for n in range(1, 5)), *(f"-{n:02d}" for n in range(1, 13))]),
)
CUSTOM = st.builds(
    lambda first, days: parse(f"{first}..{first + timedelta(days=days)}", "custom"),
    st.dates(date(2001, 1, 2), date(2090, 1, 1)),
    st.integers(0, 360),
)
PERIODS = st.builds(parse, NAMES, st.sampled_from([Kind.CALENDAR, Kind.ADMIN])) | CUSTOM


@given(PERIODS)
def test_the_previous_period_ends_where_this_one_begins(period: Period) -> None:
    before = previous(period)
    if not period.name.endswith("9M"):
        assert before.end == period.start
    assert before.kind == period.kind
    assert parse(before.name, before.kind) == before  # a name is a text that can be read again


@given(PERIODS)
def test_the_year_before_is_one_year_earlier(period: Period) -> None:
    earlier = year_before(period)
    assert parse(earlier.name, earlier.kind) == earlier
    for now, then in ((period.start, earlier.start), (period.last, earlier.last)):
        assert 364 <= (now - then).days <= 366
        assert (now.month, then.year) == (then.month, now.year - 1)


@given(st.sampled_from([Kind.CALENDAR, Kind.ADMIN]), st.integers(2001, 2099))
def test_the_parts_make_up_the_whole(kind: Kind, year: int) -> None:
    def edges(*names: str) -> tuple[date, date]:
        parts = [parse(f"{year}{name}", kind) for name in names]
        assert all(a.end == b.start for a, b in pairwise(parts))
        return parts[0].start, parts[-1].end

    months = [f"-{n:02d}" for n in range(1, 13)]
    assert edges(*months) == edges("-Q1", "-Q2", "-Q3", "-Q4") == edges("-H1", "-H2") == edges("")
    assert edges(*months[:9]) == edges("-9M")
    assert edges(*months[6:9]) == edges("-Q3")


# --- seconds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "start", "end"),
    [
        ("calendar", "2026-10", "2026-09-30T17:00Z", "2026-10-31T17:00Z"),
        ("admin_15_14", "2026-10", "2026-09-14T17:00Z", "2026-10-14T17:00Z"),
        ("custom", "2026-01-01..2026-01-01", "2025-12-31T17:00Z", "2026-01-01T17:00Z"),
    ],
)
def test_seconds_are_from_midnight_to_midnight_of_the_zone(kind: str, text: str, start: str, end: str) -> None:
    expected = tuple(int(datetime.fromisoformat(edge).timestamp()) for edge in (start, end))
    assert seconds(parse(text, kind), VIET_NAM) == expected


@pytest.mark.parametrize(
    ("zone", "text", "hours"),
    [
        ("Europe/Berlin", "2026-03-29..2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25..2026-10-25", 25),
        ("America/Sao_Paulo", "2018-11-03..2018-11-03", 24),
        ("America/Sao_Paulo", "2018-11-04..2018-11-04", 23),  # began at 01:00: there was no midnight
        ("Asia/Ho_Chi_Minh", "2026-10-25..2026-10-25", 24),
        ("Pacific/Apia", "2011-12-30..2011-12-30", 0),  # skipped as a whole
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, text: str, hours: int) -> None:
    start, end = seconds(parse(text, "custom"), ZoneInfo(zone))
    assert end - start == hours * 3600


@settings(deadline=None)  # hundreds of minutes, on a machine that may be busy
@given(
    st.sampled_from(
        [
            ("Europe/Berlin", "2026-03-29T02:00"),
            ("Europe/Berlin", "2026-10-25T02:00"),
            ("Australia/Lord_Howe", "2026-04-05T02:00"),  # half an hour
            ("Australia/Lord_Howe", "2026-10-04T02:00"),
            ("America/Sao_Paulo", "2018-11-04T00:00"),
            ("Pacific/Apia", "2011-12-30T00:00"),
            ("Asia/Ho_Chi_Minh", "2026-10-25T00:00"),
        ]
    ),
    st.integers(-150, 150),
)
@example(("Europe/Berlin", "2026-03-29T02:00"), 30)
@example(("Europe/Berlin", "2026-10-25T02:00"), 30)
def test_a_time_on_the_wall_is_the_first_second_that_shows_it_or_a_later_one(
    place: tuple[str, str], minutes: int
) -> None:
    zone, wall = ZoneInfo(place[0]), datetime.fromisoformat(place[1]) + timedelta(minutes=minutes)
    found = epoch(wall, zone)

    def shown(second: int) -> datetime:
        return datetime.fromtimestamp(second, zone).replace(tzinfo=None)

    assert shown(found) >= wall
    assert all(shown(earlier) < wall for earlier in range(found - 60, found - 8 * 3600, -60))
    assert shown(found - 1) < wall

"""docs/figures.md, section 5: which announced maintenance is valid, and which seconds it takes out."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitor import spans
from monitor.calendars import UnknownYear
from monitor.catalogue import Calendar
from monitor.maintenance import MAX_DATES, RuleError, Ruling, Window, expand, valid_seconds, verdict

VIET_NAM = ZoneInfo("Asia/Ho_Chi_Minh")
EXAMPLE = Path(__file__).parents[2] / "config" / "province.example.yaml"
STATE = Calendar.model_validate(yaml.load(EXAMPLE.read_text(encoding="utf-8"), yaml.BaseLoader)["calendars"]["state"])
NOTHING_LISTED = Calendar(years={})


def at(text: str, zone: ZoneInfo = VIET_NAM) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


def window(start: str, notice: str, cancelled: str | None = None, hours: float = 2, id_: str = "w1") -> Window:
    begin = at(start)
    sent = None if cancelled is None else at(cancelled)
    return Window(id_, frozenset({"igate"}), begin, begin + round(hours * 3600), at(notice), sent)


def judged(found: Window, days: int, calendar: Calendar = STATE) -> Ruling:
    return verdict(found, days, calendar, VIET_NAM)


# --- the notice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "notice", "start", "valid"),
    [
        # A plain week; the window is on a Monday.
        (5, "2026-10-16T16:00", "2026-10-26T22:00", True),  # Monday to Friday lie between
        (5, "2026-10-17T09:00", "2026-10-26T22:00", True),  # sent on Saturday
        (5, "2026-10-18T23:59:59", "2026-10-26T22:00", True),  # the last second of Sunday
        (5, "2026-10-19T00:00", "2026-10-26T22:00", False),  # Monday itself is not counted
        (4, "2026-10-19T00:00", "2026-10-26T22:00", True),  # exactly 4
        (6, "2026-10-16T00:00", "2026-10-26T22:00", False),
        (6, "2026-10-15T23:00", "2026-10-26T22:00", True),
        (7, "2026-10-14T12:00", "2026-10-26T22:00", True),
        (7, "2026-10-15T00:00", "2026-10-26T22:00", False),
        # The day is that of the start, however early or late in the day.
        (5, "2026-10-18T12:00", "2026-10-26T00:00", True),
        (5, "2026-10-19T12:00", "2026-10-26T23:59:59", False),
        (5, "2026-10-19T12:00", "2026-10-27T00:00", True),
        (1, "2026-10-22T23:00", "2026-10-24T01:00", True),  # a window on Saturday, Friday lies between
        (1, "2026-10-23T07:00", "2026-10-24T01:00", False),
        (1, "2026-10-23T07:00", "2026-10-26T22:00", False),  # a weekend between is nothing
        # Tết 2026: 16 to 20 February.
        (5, "2026-02-06T17:00", "2026-02-23T00:30", True),  # 9 to 13
        (5, "2026-02-08T17:00", "2026-02-23T00:30", True),
        (5, "2026-02-09T08:00", "2026-02-23T00:30", False),
        (1, "2026-02-13T08:00", "2026-02-18T08:00", False),  # in the middle of Tết
        (1, "2026-02-12T08:00", "2026-02-18T08:00", True),
        # Days swapped and days in lieu.
        (1, "2026-08-21T08:00", "2026-08-24T08:00", True),  # Saturday 22/8 is worked
        (1, "2026-08-14T08:00", "2026-08-17T08:00", False),  # another Saturday is not
        (1, "2026-08-28T08:00", "2026-09-03T08:00", False),  # 31/8 exchanged, 1/9 and 2/9 holidays
        (1, "2026-08-27T08:00", "2026-09-03T08:00", True),
        (1, "2026-01-09T08:00", "2026-01-12T08:00", True),  # Saturday 10/1 is worked
        (1, "2026-04-24T08:00", "2026-04-28T08:00", False),  # Sunday 26/4, off on 27/4
        (1, "2026-04-23T08:00", "2026-04-28T08:00", True),
        # 24 November.
        (1, "2026-11-23T08:00", "2026-11-25T08:00", False),
        (1, "2026-11-22T08:00", "2026-11-25T08:00", True),
        # None asked for: not after the start.
        (0, "2026-11-24T21:59:59", "2026-11-24T22:00", True),
        (0, "2026-11-24T22:00:00", "2026-11-24T22:00", True),
        (0, "2026-11-24T22:00:01", "2026-11-24T22:00", False),
        (1, "2026-11-26T08:00", "2026-11-24T22:00", False),  # announced afterwards
    ],
)
def test_the_notice(days: int, notice: str, start: str, valid: bool) -> None:
    assert judged(window(start, notice), days).valid is valid


def test_days_are_those_of_the_provinces_zone() -> None:
    sent = int(datetime.fromisoformat("2026-10-18T17:30Z").timestamp())  # Monday 00:30 in the province
    late = Window("w1", frozenset({"igate"}), at("2026-10-26T22:00"), at("2026-10-26T23:00"), sent)
    assert not verdict(late, 5, STATE, VIET_NAM).valid
    assert verdict(late, 5, STATE, ZoneInfo("UTC")).valid


def test_notice_is_counted_in_the_contracts_own_calendar() -> None:
    every_day = Calendar.model_validate(
        {
            "hours": {weekday: ["00:00-24:00"] for weekday in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")},
            "years": {2026: {"confirmed": True, "days": []}},
        }
    )
    found = window("2026-10-26T22:00", "2026-10-23T08:00")
    assert judged(found, 2, every_day).valid
    assert not judged(found, 2).valid


@pytest.mark.parametrize(
    ("days", "found", "valid", "vi", "en"),
    [
        (
            5,
            window("2026-10-26T22:00", "2026-10-20T08:00"),
            False,
            "báo trước 3 ngày làm việc, hợp đồng cần 5",
            "announced 3 working days ahead, the contract asks for 5",
        ),
        (
            2,
            window("2026-10-26T22:00", "2026-10-22T08:00"),
            False,
            "báo trước 1 ngày làm việc, hợp đồng cần 2",
            "announced 1 working day ahead, the contract asks for 2",
        ),
        (
            5,
            window("2026-10-26T22:00", "2026-10-01T08:00"),
            True,
            "báo trước đủ 5 ngày làm việc",
            "announced 5 working days or more ahead",
        ),
        (
            0,
            window("2026-10-26T22:00", "2026-10-26T22:00"),
            True,
            "báo không muộn hơn giờ bắt đầu",
            "announced by its start",
        ),
        (
            5,
            window("2026-10-26T22:00", "2026-10-26T22:05"),
            False,
            "báo sau khi bảo trì đã bắt đầu",
            "announced after its start",
        ),
        (
            1,
            window("2026-10-26T22:00", "2026-10-01T08:00", cancelled="2026-10-26T21:59:59"),
            False,
            "đã hủy trước giờ bắt đầu",
            "cancelled before its start",
        ),
        (
            0,
            window("2026-10-26T22:00", "2026-10-01T08:00", cancelled="2026-10-26T22:00"),
            True,
            "báo không muộn hơn giờ bắt đầu; thông báo hủy không gửi trước giờ bắt đầu nên không tính",
            "announced by its start; the cancellation was not sent before the start and does not count",
        ),
    ],
)
def test_a_verdict_in_words(days: int, found: Window, valid: bool, vi: str, en: str) -> None:
    assert judged(found, days) == Ruling(valid, False, vi, en)


@pytest.mark.parametrize(
    ("cancelled", "valid"),
    [
        ("2026-10-20T08:00", False),
        ("2026-10-26T21:59:59", False),
        ("2026-10-26T22:00", True),  # not before the start
        ("2026-10-26T23:00", True),
        (None, True),
    ],
)
def test_a_cancellation_counts_if_sent_before_the_start(cancelled: str | None, valid: bool) -> None:
    assert judged(window("2026-10-26T22:00", "2026-10-01T08:00", cancelled), 5).valid is valid


def test_a_window_ends_after_it_begins() -> None:
    with pytest.raises(ValueError, match="w7 ends before it begins"):
        Window("w7", frozenset({"igate"}), 100, 100, 0)


# --- years ------------------------------------------------------------------------------------------------------------


def years(**official: bool) -> Calendar:
    """Monday to Friday, in years such as y2026=True (official) or y2027=False."""
    listed = {int(name[1:]): {"confirmed": value, "days": []} for name, value in official.items()}
    return Calendar.model_validate({"years": listed})


@pytest.mark.parametrize(
    ("notice", "start", "days", "provisional"),
    [
        ("2026-12-21", "2026-12-30", 5, False),
        ("2026-12-21", "2027-01-04", 5, True),  # Friday 1 January 2027 was counted
        ("2026-12-28", "2027-01-04", 9, True),  # not valid, and that may change with the list
        ("2026-11-02", "2027-03-01", 5, True),
        ("2026-12-30", "2027-01-01", 1, False),  # only 31 December
        ("2027-01-03", "2027-01-04", 1, False),  # no day between to be counted
        ("2027-01-03", "2027-01-04", 0, False),  # nothing to count
    ],
)
def test_a_notice_counted_in_a_year_that_is_not_official(notice: str, start: str, days: int, provisional: bool) -> None:
    ruling = judged(window(start, notice), days, years(y2026=True, y2027=False))
    assert ruling.provisional is provisional
    assert ("tạm tính" in ruling.vi, "provisional" in ruling.en) == (provisional, provisional)


def test_a_notice_counted_in_a_year_that_is_not_listed_is_refused() -> None:
    with pytest.raises(UnknownYear, match="2027"):
        judged(window("2027-01-05", "2026-12-01"), 5)
    with pytest.raises(UnknownYear, match="2025"):
        judged(window("2026-01-02", "2025-12-01"), 5)


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (0, window("2027-01-05", "2026-12-01")),
        (5, window("2027-01-05", "2027-01-06")),
        (5, window("2027-01-05", "2027-01-04")),  # no day between
        (5, window("2027-01-05", "2026-12-01", cancelled="2027-01-04")),
    ],
)
def test_what_needs_no_count_needs_no_year(days: int, found: Window) -> None:
    assert judged(found, days, NOTHING_LISTED).provisional is False


def test_a_notice_long_ahead_needs_the_years_near_the_window_alone() -> None:
    assert judged(window("2026-10-26T22:00", "2024-05-01"), 5).valid


# --- the seconds that are taken out -----------------------------------------------------------------------------------

START, END = at("2026-10-01"), at("2026-11-01")


def planned(*windows: Window, system: str = "igate", days: int = 5, start: int = START, end: int = END) -> list[str]:
    found, provisional = valid_seconds(windows, system, days, STATE, VIET_NAM, start, end)
    assert not provisional
    assert found == spans.union(found)
    zoned = [(datetime.fromtimestamp(a, VIET_NAM), datetime.fromtimestamp(b, VIET_NAM)) for a, b in found]
    return [f"{a:%d/%m %H:%M}-{b:%H:%M}" for a, b in zoned]


def test_a_valid_window_takes_out_its_seconds_and_no_more() -> None:
    assert planned(window("2026-10-26T22:00", "2026-10-01")) == ["26/10 22:00-00:00"]
    assert planned(window("2026-10-26T22:00", "2026-10-20")) == []


def test_only_the_systems_that_are_named() -> None:
    both = Window("w1", frozenset({"lgsp", "portal"}), at("2026-10-26T22:00"), at("2026-10-26T23:00"), at("2026-10-01"))
    assert planned(both, system="lgsp") == planned(both, system="portal") == ["26/10 22:00-23:00"]
    assert planned(both, system="igate") == []  # although it hangs on lgsp


def test_windows_that_overlap_count_once() -> None:
    windows = [
        window("2026-10-26T22:00", "2026-10-01", hours=2),
        window("2026-10-26T23:00", "2026-10-02", hours=2, id_="w2"),
        window("2026-10-26T22:30", "2026-10-25", hours=9, id_="w3"),  # too late, and takes nothing with it
        window("2026-10-20T01:00", "2026-10-01", hours=1, id_="w4"),
    ]
    assert planned(*windows) == planned(*reversed(windows)) == ["20/10 01:00-02:00", "26/10 22:00-01:00"]


def test_an_extension_is_a_window_of_its_own() -> None:
    first = window("2026-10-26T22:00", "2026-10-01", hours=2)
    extension = window("2026-10-27T00:00", "2026-10-26T23:50", hours=2, id_="w2")
    assert planned(first, extension) == ["26/10 22:00-00:00"]
    assert planned(first, extension, days=0) == ["26/10 22:00-02:00"]


def test_windows_are_cut_to_the_period() -> None:
    over_the_edge = window("2026-10-31T23:00", "2026-10-01", hours=3)
    assert planned(over_the_edge) == ["31/10 23:00-00:00"]
    assert planned(over_the_edge, start=END, end=END + 86_400) == ["01/11 00:00-02:00"]
    assert planned(over_the_edge, end=at("2026-10-31T23:00")) == []
    assert planned(over_the_edge, start=at("2026-11-01T02:00"), end=END + 86_400) == []


def test_only_windows_that_touch_the_period_can_make_it_provisional() -> None:
    calendar = years(y2026=True, y2027=False)
    windows = [window("2026-12-30T22:00", "2026-12-01"), window("2027-01-06T22:00", "2026-12-01", id_="w2")]
    new_year, later = at("2027-01-01"), at("2027-02-01")

    def judged_in(start: int, end: int, listed: Calendar, system: str = "igate") -> tuple[int, bool]:
        found, provisional = valid_seconds(windows, system, 5, listed, VIET_NAM, start, end)
        return spans.length(found), provisional

    assert judged_in(new_year - 86_400 * 30, new_year, calendar) == (7200, False)
    assert judged_in(new_year, later, calendar) == (7200, True)
    assert judged_in(new_year, later, calendar, "portal") == (0, False)
    assert judged_in(new_year - 86_400 * 30, new_year, years(y2026=True)) == (7200, False)
    with pytest.raises(UnknownYear, match="2027"):
        judged_in(new_year, later, years(y2026=True))


def test_a_window_that_begins_inside_an_outage_counts_second_by_second() -> None:
    down = [(at("2026-10-26T21:00"), at("2026-10-27T01:00"))]
    found, _ = valid_seconds([window("2026-10-26T22:00", "2026-10-01")], "igate", 5, STATE, VIET_NAM, START, END)
    left = spans.subtract(down, found)
    assert left == [(at("2026-10-26T21:00"), at("2026-10-26T22:00")), (at("2026-10-27T00:00"), at("2026-10-27T01:00"))]


WINDOWS = st.builds(
    lambda start, length, notice, cancelled, system: Window(
        "w", frozenset({system}), START + start, START + start + length, START + notice, cancelled and START + cancelled
    ),
    st.integers(0, 60),
    st.integers(1, 30),
    st.integers(-5, 70),
    st.none() | st.integers(1, 70),
    st.sampled_from(["igate", "portal"]),
)


@given(st.lists(WINDOWS, max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_the_seconds_are_those_of_a_walk_over_every_second(windows: list[Window], begin: int, length: int) -> None:
    start, end = START + begin, START + begin + length
    found, _ = valid_seconds(windows, "igate", 0, NOTHING_LISTED, VIET_NAM, start, end)
    expected = {
        second
        for second in range(start, end)
        for w in windows
        if "igate" in w.systems and w.start <= second < w.end
        if w.notice_at <= w.start and (w.cancelled_at is None or w.cancelled_at >= w.start)
    }
    assert {second for a, b in found for second in range(a, b)} == expected
    assert spans.length(found) == len(expected)


@given(
    st.dates(date(2026, 2, 1), date(2026, 12, 30)),
    st.integers(0, 86_399),
    st.integers(0, 31),
    st.integers(0, 86_399),
    st.integers(1, 20),
)
def test_the_notice_is_that_of_a_walk_over_every_day(first: date, start: int, ahead: int, sent: int, days: int) -> None:
    notice_day = first - timedelta(days=ahead)
    begin, notice = at(f"{first}") + start, at(f"{notice_day}") + sent
    off = {d.date for d in STATE.years[2026].days if d.kind != "swapped_work"}
    worked = {d.date for d in STATE.years[2026].days if d.kind == "swapped_work"}
    between = [notice_day + timedelta(days=n) for n in range(1, ahead)]
    count = sum((d.weekday() < 5 and d not in off) or d in worked for d in between)
    ruling = judged(Window("w", frozenset({"igate"}), begin, begin + 1, notice), days)
    assert ruling.valid == (count >= days)
    if notice <= begin and not ruling.valid:
        assert f"báo trước {count} ngày làm việc" in ruling.vi


# --- series -----------------------------------------------------------------------------------------------------------


def dates(rule: str, first: str, until: str | None = None, zone: ZoneInfo = VIET_NAM) -> list[str]:
    found = expand(rule, at(first, zone), 7200, zone, at(until, zone) if until else None)
    assert all(end - start == 7200 for start, end in found)
    return [f"{datetime.fromtimestamp(start, zone):%Y-%m-%d %H:%M}" for start, _ in found]


@pytest.mark.parametrize(
    ("rule", "first", "until", "expected"),
    [
        (
            "FREQ=MONTHLY;BYDAY=1SU;COUNT=3",
            "2026-10-04T01:00",
            None,
            ["2026-10-04 01:00", "2026-11-01 01:00", "2026-12-06 01:00"],
        ),
        (
            "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3",
            "2026-10-01T22:00",
            None,
            ["2026-10-01 22:00", "2026-10-06 22:00", "2026-10-08 22:00"],
        ),
        ("freq=daily;interval=2;count=2", "2026-10-01T22:00", None, ["2026-10-01 22:00", "2026-10-03 22:00"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=2", "2026-01-31T22:00", None, ["2026-01-31 22:00", "2026-02-28 22:00"]),
        ("FREQ=MONTHLY;BYDAY=SA,SU;BYSETPOS=-1;COUNT=2", "2026-10-31", None, ["2026-10-31 00:00", "2026-11-29 00:00"]),
        ("FREQ=MONTHLY;BYMONTH=3,9;BYMONTHDAY=5;COUNT=2", "2026-09-05", None, ["2026-09-05 00:00", "2027-03-05 00:00"]),
        ("FREQ=YEARLY;COUNT=2", "2026-10-01T22:00", None, ["2026-10-01 22:00", "2027-10-01 22:00"]),
        # A day in UNTIL counts as a whole; with a time, by the clock on the wall or in UTC, to that second.
        ("FREQ=DAILY;UNTIL=20261002", "2026-10-01T22:00", None, ["2026-10-01 22:00", "2026-10-02 22:00"]),
        ("FREQ=DAILY;UNTIL=20261002T220000", "2026-10-01T22:00", None, ["2026-10-01 22:00", "2026-10-02 22:00"]),
        ("FREQ=DAILY;UNTIL=20261002T215959", "2026-10-01T22:00", None, ["2026-10-01 22:00"]),
        ("FREQ=DAILY;UNTIL=20261002T150000Z", "2026-10-01T22:00", None, ["2026-10-01 22:00", "2026-10-02 22:00"]),
        ("FREQ=DAILY;UNTIL=20261002T145959Z", "2026-10-01T22:00", None, ["2026-10-01 22:00"]),
        # An end from outside: windows begin before it.
        ("FREQ=DAILY", "2026-10-01T22:00", "2026-10-03T22:00", ["2026-10-01 22:00", "2026-10-02 22:00"]),
        ("FREQ=DAILY;COUNT=1", "2026-10-01T22:00", "2026-10-09", ["2026-10-01 22:00"]),
    ],
)
def test_the_dates_of_a_series(rule: str, first: str, until: str | None, expected: list[str]) -> None:
    assert dates(rule, first, until) == expected


def test_a_series_keeps_its_time_on_the_wall() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    found = expand("FREQ=DAILY;COUNT=2", at("2026-10-24T22:00", berlin), 60, berlin)
    assert found[1][0] - found[0][0] == 25 * 3600
    assert dates("FREQ=DAILY;COUNT=2", "2026-10-24T22:00", zone=berlin) == ["2026-10-24 22:00", "2026-10-25 22:00"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=DAILY", "never ends; add COUNT or UNTIL"),
        ("FREQ=MONTHLY;BYDAY=1TH", "never ends"),
        (f"FREQ=DAILY;COUNT={MAX_DATES + 1}", f"more than {MAX_DATES} dates"),
        ("FREQ=WEEKLY;UNTIL=20991231", f"more than {MAX_DATES} dates"),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=5", "the first window, on 2026-10-01, is no day of the rule"),
        ("FREQ=DAILY;UNTIL=20260930", "gives no date before its end"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", "gives no date"),
        ("FREQ=HOURLY;COUNT=5", "needs one of FREQ=DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5", "needs one of FREQ"),
        ("BYDAY=MO;COUNT=5", "needs one of FREQ"),
        ("", "is no rule"),
        ("every Sunday", "is no rule"),
        ("FREQ=DAILY;COUNT=5;COUNT=6", "names a part twice"),
        ("FREQ=DAILY;COUNT=5\nEXDATE:20261003T220000", "COUNT=5\nEXDATE:20261003T220000 is not understood"),
        ("FREQ=DAILY;BYHOUR=1,2;COUNT=5", "FREQ=DAILY takes no BYHOUR, but FREQ, INTERVAL, COUNT, UNTIL, BYDAY"),
        ("FREQ=WEEKLY;BYDAY=1MO;COUNT=5", "BYDAY=1MO is not understood"),
        ("FREQ=MONTHLY;BYDAY=XX;COUNT=5", "BYDAY=XX is not understood"),
        ("FREQ=MONTHLY;BYDAY=99MO;COUNT=5", "BYDAY=99MO is not understood"),
        ("FREQ=MONTHLY;BYMONTHDAY=32;COUNT=5", "BYMONTHDAY=32 is not understood"),
        ("FREQ=YEARLY;BYMONTH=13;COUNT=5", "BYMONTH=13 is not understood"),
        ("FREQ=MONTHLY;BYSETPOS=0;COUNT=5", "BYSETPOS=0 is not understood"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0 is not understood"),
        ("FREQ=DAILY;COUNT=1,2", "COUNT=1,2 is not understood"),
        ("FREQ=DAILY;INTERVAL=0;COUNT=5", "INTERVAL=0 is not understood"),  # dateutil would never come back
        ("FREQ=DAILY;UNTIL=31/12/2026", "write UNTIL=20261231"),
        ("FREQ=DAILY;UNTIL=20261301", "write UNTIL=20261231"),
        ("FREQ=DAILY;UNTIL=99991231T235959Z", "write UNTIL=20261231"),
    ],
)
def test_a_rule_that_gives_no_list_is_told_what_to_write(rule: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        expand(rule, at("2026-10-01T22:00"), 7200, VIET_NAM)
    assert said in str(caught.value).replace("\\n", "\n")


def test_the_longest_list_and_a_window_without_length() -> None:
    first = at("2026-10-01T22:00")
    assert len(expand(f"FREQ=DAILY;COUNT={MAX_DATES}", first, 60, VIET_NAM)) == MAX_DATES
    with pytest.raises(RuleError, match=str(MAX_DATES)):
        expand("FREQ=DAILY", first, 60, VIET_NAM, first + MAX_DATES * 86_400 + 1)
    with pytest.raises(RuleError, match="a second"):
        expand("FREQ=DAILY;COUNT=1", first, 0, VIET_NAM)


def series(notice: str, cancelled: str | None = None) -> list[Window]:
    """Two hours on the first Sunday of each month from October on, by one notice; one cancellation for all dates."""
    sent = None if cancelled is None else at(cancelled)
    spans_ = expand("FREQ=MONTHLY;BYDAY=1SU;COUNT=3", at("2026-10-04T01:00"), 7200, VIET_NAM)
    return [
        Window(f"s1/{number}", frozenset({"igate"}), *span, at(notice), sent, "s1")
        for number, span in enumerate(spans_, 1)
    ]


@pytest.mark.parametrize(
    ("notice", "cancelled", "valid"),
    [
        ("2026-09-25T08:00", None, [True, True, True]),  # Monday 28/9 to Friday 2/10 lie between
        ("2026-09-28T08:00", None, [False, True, True]),  # too late for the first date alone
        ("2026-11-28T08:00", None, [False, False, True]),  # Monday 30/11 to Friday 4/12; two dates were past
        ("2026-09-25T08:00", "2026-10-04T00:59:59", [False, False, False]),
        ("2026-09-25T08:00", "2026-10-04T01:00", [True, False, False]),  # the first had begun
        ("2026-09-25T08:00", "2026-11-01T02:00", [True, True, False]),
        ("2026-09-25T08:00", "2026-12-06T03:00", [True, True, True]),
    ],
)
def test_each_date_of_a_series_is_judged_against_its_one_notice(
    notice: str, cancelled: str | None, valid: list[bool]
) -> None:
    assert [judged(w, 5).valid for w in series(notice, cancelled)] == valid


def test_the_seconds_of_a_series() -> None:
    found, _ = valid_seconds(series("2026-09-28T08:00"), "igate", 5, STATE, VIET_NAM, START, at("2026-12-01"))
    assert found == [(at("2026-11-01T01:00"), at("2026-11-01T03:00"))]

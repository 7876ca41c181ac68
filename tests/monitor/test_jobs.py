"""When a job is due: hours of the province, working days, what was missed, and the rest after a failure."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.catalogue import Calendar, CalendarYear, Name, SpecialDay
from monitor.jobs import LONGEST_PAUSE, Daily, Every, Job, Monthly, Ran, When, due, latest, pause, working_days

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
WEEKDAYS = working_days(None)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def job(when: When, name: str = "j") -> Job:
    return Job(name, when, lambda _: None)


def is_due(when: When, now: str, ran: Ran | None) -> bool:
    return bool(due([job(when)], {} if ran is None else {"j": ran}, at(now), ZONE, WEEKDAYS))


def ran(started: str) -> Ran:
    return Ran(at("2026-01-01"), at(started), at(started) + 60)


SIX = time(6)


@pytest.mark.parametrize(
    ("when", "now", "expected"),
    [
        (Every(900), "2026-11-24T08:14:59", "2026-11-24T08:00:00"),
        (Every(900), "2026-11-24T08:15:00", "2026-11-24T08:15:00"),
        (Daily(SIX), "2026-11-24T05:59:59", "2026-11-23T06:00:00"),
        (Daily(SIX), "2026-11-24T06:00:00", "2026-11-24T06:00:00"),
        (Daily(SIX, working=True), "2026-11-23T05:00:00", "2026-11-20T06:00:00"),  # a Monday: Friday's
        (Daily(SIX, working=True), "2026-11-22T12:00:00", "2026-11-20T06:00:00"),
        (Monthly(1, SIX), "2026-11-01T05:00:00", "2026-10-01T06:00:00"),
        (Monthly(1, SIX), "2026-11-24T05:00:00", "2026-11-01T06:00:00"),
        (Monthly(31, SIX), "2026-11-30T06:00:00", "2026-11-30T06:00:00"),
        (Monthly(31, SIX), "2027-03-01T06:00:00", "2027-02-28T06:00:00"),
        (Monthly(1, SIX, working=True), "2026-11-01T12:00:00", "2026-10-01T06:00:00"),  # 1 November is a Sunday
        (Monthly(1, SIX, working=True), "2026-11-02T06:00:00", "2026-11-02T06:00:00"),
        (Monthly(31, SIX, working=True), "2026-11-02T06:00:00", "2026-11-02T06:00:00"),  # 31 October is a Saturday
        (Monthly(15, SIX, working=True), "2026-11-16T05:59:00", "2026-10-15T06:00:00"),
        (Monthly(15, SIX, working=True), "2026-11-30T05:59:00", "2026-11-16T06:00:00"),
    ],
)
def test_the_last_instant_at_which_it_was_due(when: When, now: str, expected: str) -> None:
    assert latest(when, at(now), ZONE, WEEKDAYS) == at(expected)


def test_a_day_off_of_the_calendar_is_no_working_day_and_a_year_without_list_has_its_weekdays() -> None:
    name = Name(vi="Nghỉ lễ", en="Holiday")
    holiday = SpecialDay.model_validate({"date": "2026-11-24", "kind": "holiday", "name": name.model_dump()})
    calendar = Calendar(years={2026: CalendarYear(confirmed=True, days=(holiday,))})
    is_working = working_days(calendar)
    assert latest(Daily(SIX, working=True), at("2026-11-24T12:00"), ZONE, is_working) == at("2026-11-23T06:00")
    assert is_working(date(2031, 1, 1))
    assert not is_working(date(2031, 1, 4))


def test_without_any_working_day_nothing_is_due() -> None:
    assert latest(Daily(SIX, working=True), at("2026-11-24T12:00"), ZONE, lambda _: False) is None
    assert due([job(Daily(SIX, working=True))], {}, at("2026-11-24T12:00"), ZONE, lambda _: False) == []


def test_an_interval_begins_at_once_and_an_hour_of_the_day_waits_for_it() -> None:
    assert is_due(Every(900), "2026-11-24T08:01", None)
    assert not is_due(Daily(SIX), "2026-11-24T08:01", None)
    seen = Ran(at("2026-11-24T08:01"))
    assert not is_due(Daily(SIX), "2026-11-25T05:59", seen)
    assert is_due(Daily(SIX), "2026-11-25T06:00", seen)


def test_what_was_missed_is_made_up_once() -> None:
    """A week without anybody: one run, and then the usual hour again."""
    when = Daily(SIX)
    assert is_due(when, "2026-11-24T09:00", ran("2026-11-17T06:00:01"))
    again = ran("2026-11-24T09:00")
    assert not is_due(when, "2026-11-24T23:59", again)
    assert is_due(when, "2026-11-25T06:00", again)


def test_a_run_that_lasts_longer_than_its_interval_is_due_again_at_its_end() -> None:
    began = Ran(at("2026-11-24"), at("2026-11-24T08:00"), at("2026-11-24T08:20"))
    assert is_due(Every(900), "2026-11-24T08:20", began)


def test_a_failed_job_rests_longer_each_time_and_an_hour_at_most() -> None:
    failed = at("2026-11-24T08:00")
    for failures, seconds in ((1, 60), (2, 120), (3, 240), (7, LONGEST_PAUSE), (500, LONGEST_PAUSE)):
        assert pause(failures) == seconds
        runs = {"j": Ran(failed - 9000, failed - 7200, failed - 7100, failed, failures)}
        assert due([job(Every(900))], runs, failed + seconds - 1, ZONE, WEEKDAYS) == []
        assert len(due([job(Every(900))], runs, failed + seconds, ZONE, WEEKDAYS)) == 1


def test_a_run_clears_the_failures() -> None:
    bad = Ran(0.0).badly(10.0).badly(80.0)
    assert (bad.failures, bad.failed) == (2, 80.0)
    assert bad.well(200.0, 210.0) == Ran(0.0, 200.0, 210.0)


def test_the_one_that_waits_longest_comes_first() -> None:
    jobs = [job(Every(60), "often"), job(Daily(SIX), "daily"), job(Every(60), "again")]
    runs = {"daily": ran("2026-11-23T06:00")}
    found = due(jobs, runs, at("2026-11-24T08:00:30"), ZONE, WEEKDAYS)
    assert [one.name for one in found] == ["daily", "again", "often"]


def test_a_clock_that_was_ahead_stops_nothing() -> None:
    ahead = Ran(at("2027-11-24"), at("2027-11-24"), at("2027-11-24"), at("2027-11-24"), 3)
    assert is_due(Every(900), "2026-11-24T08:00", ahead)
    assert not is_due(Daily(SIX), "2026-11-24T08:00", ahead)


@given(
    st.sampled_from(
        [Every(600), Daily(SIX), Daily(SIX, working=True), Monthly(31, SIX), Monthly(30, SIX, working=True)]
    ),
    st.integers(1_700_000_000, 1_900_000_000),
    st.lists(st.integers(0, 40 * 86_400), min_size=1, max_size=20),
)
def test_whenever_one_looks_each_instant_is_served_once(when: When, start: int, looks: list[int]) -> None:
    """A look that finds it due runs it: never twice for one instant, and no instant is left when it ends."""
    runs, served = {"j": Ran(float(start))}, []
    for now in sorted(float(start + one) for one in looks):
        if due([job(when)], runs, now, ZONE, WEEKDAYS):
            served.append((now, latest(when, now, ZONE, WEEKDAYS)))
            runs = {"j": runs["j"].well(now, now)}
        assert due([job(when)], runs, now, ZONE, WEEKDAYS) == []
    assert all(one[1] < other[1] for one, other in pairwise(served) if one[1] and other[1])

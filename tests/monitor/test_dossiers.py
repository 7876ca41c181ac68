"""The official form and what must hold in it, due dates, units as a tree, what outages touched: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from monitor.dossiers import (
    By,
    Counts,
    Form,
    Group,
    Row,
    Source,
    Status,
    Timeliness,
    Unit,
    UnitTree,
    alphabetical,
    carried,
    comparable,
    deadline,
    differences,
    ended_at,
    form_of,
    late_acceptance,
    late_by_unit,
    matches,
    timeliness,
    violations,
    worked,
    working_day_after,
)

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
YEAR_2023 = Counts(84_859, 53_325, 30_286, 1_248, 83_741, 20_376, 63_358, 7, 1_118, 1_118, 0)
"""Service centre of the province in its report of 2023."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def form(*rows: Row, total: Counts | None = None, start: date = date(2023, 1, 1), days: int = 365) -> Form:
    return Form(start, start + timedelta(days=days), Source.OFFICIAL, rows, total)


SMALL = Counts(10, 3, 5, 2, 7, 1, 5, 1, 3, 2, 1)


# --- the form ---


def test_the_figures_of_2023_hold() -> None:
    assert violations(form(Row("Trung tâm", None, YEAR_2023), total=YEAR_2023)) == []
    assert YEAR_2023.on_time == Fraction(83_734, 83_741)
    assert YEAR_2023.new == 83_611


@pytest.mark.parametrize(
    ("column", "identities"),
    [
        ("received", {"(3)=(4)+(5)+(6)", "(3)=(7)+(11)"}),
        ("new_online", {"(3)=(4)+(5)+(6)"}),
        ("new_direct", {"(3)=(4)+(5)+(6)"}),
        ("carried_over", {"(3)=(4)+(5)+(6)"}),
        ("resolved", {"(7)=(8)+(9)+(10)", "(3)=(7)+(11)"}),
        ("resolved_early", {"(7)=(8)+(9)+(10)"}),
        ("resolved_on_time", {"(7)=(8)+(9)+(10)"}),
        ("resolved_overdue", {"(7)=(8)+(9)+(10)"}),
        ("pending", {"(11)=(12)+(13)", "(3)=(7)+(11)"}),
        ("pending_in_time", {"(11)=(12)+(13)"}),
        ("pending_overdue", {"(11)=(12)+(13)"}),
    ],
)
def test_each_column_that_is_wrong_breaks_its_identities(column: str, identities: set[str]) -> None:
    wrong = YEAR_2023._replace(**{column: getattr(YEAR_2023, column) + 1})
    found = violations(form(Row("Trung tâm", None, wrong)))
    assert {v.identity for v in found} == identities
    assert {abs(v.written - v.expected) for v in found} == {1}


def test_a_violation_says_its_row_and_both_figures() -> None:
    wrong = YEAR_2023._replace(received=84_860)
    (said, _) = violations(form(Row("Trung tâm", None, wrong)))
    assert said.vi == ("Trung tâm: (3)=(4)+(5)+(6) không khớp: ghi 84.860, theo các cột khác 84.859 (lệch +1)")


def test_a_total_is_the_sum_of_its_rows() -> None:
    rows = Row("A", None, SMALL), Row("B", None, SMALL)
    twice = SMALL.plus(SMALL)
    assert violations(form(*rows, total=twice)) == []
    (found,) = violations(form(*rows, total=twice._replace(pending_overdue=3, pending_in_time=3)))[:1]
    assert (found.row, found.written, found.expected) == ("Tổng số", 3, 4)


def test_a_subtotal_is_the_sum_of_the_rows_below_it() -> None:
    a, b = Row("A", None, SMALL), Row("B", None, SMALL)
    heads = ((Row("Cấp xã", None, SMALL), (a, b)),)
    found = violations(Form(date(2023, 1, 1), date(2024, 1, 1), Source.OFFICIAL, (a, b), None, heads))
    assert {v.row for v in found} == {"Cấp xã"}
    assert len(found) == 11


def test_what_is_open_at_the_end_is_carried_over() -> None:
    first = form(Row("A", None, SMALL), Row("B", None, SMALL))
    carried_all = SMALL._replace(carried_over=3, received=11, resolved=8, resolved_on_time=6)
    next_ = form(Row("A", None, carried_all), Row("B", None, carried_all), start=date(2024, 1, 1))
    assert carried(first, next_) == []
    wrong = form(Row("A", None, carried_all), Row("C", None, SMALL), start=date(2024, 1, 1))
    found = {(v.row, v.written, v.expected) for v in carried(first, wrong)}
    assert found == {("C", 2, 0), ("B", 0, 3), ("Tổng số", 5, 6)}


def test_two_sources_are_compared_column_by_column() -> None:
    one = form(Row("Sở A", "01", SMALL))
    other = Form(one.start, one.end, Source.DOSSIERS, (Row("Sở A (mới)", "01", SMALL._replace(pending=4)),))
    assert differences(one, other) == [("Sở A", "pending", 3, 4), ("Tổng số", "pending", 3, 4)]


# --- one dossier ---


@pytest.mark.parametrize(
    ("due", "ended", "said"),
    [
        ("2026-03-10 17:00", "2026-03-09 23:59", Timeliness.EARLY),
        ("2026-03-10 17:00", "2026-03-10 00:00", Timeliness.ON_TIME),
        ("2026-03-10 17:00", "2026-03-10 17:00", Timeliness.ON_TIME),
        ("2026-03-10 17:00", "2026-03-10 17:00:01", Timeliness.OVERDUE),
        ("2026-03-10", "2026-03-10 23:59:59", Timeliness.ON_TIME),
        ("2026-03-10", "2026-03-11", Timeliness.OVERDUE),
        (None, "2026-03-11", Timeliness.ON_TIME),
        ("2026-03-10", None, None),
    ],
)
def test_timeliness(due: str | None, ended: str | None, said: Timeliness | None) -> None:
    assert timeliness(due and at(due), ended and at(ended), ZONE) is said  # type: ignore[arg-type]


def test_a_due_date_without_an_hour_means_the_whole_day() -> None:
    assert deadline(at("2026-03-10"), ZONE) == at("2026-03-11") - 1
    assert deadline(at("2026-03-10 17:00"), ZONE) == at("2026-03-10 17:00")


def test_the_end_is_what_is_said_else_the_last_change_of_a_final_status() -> None:
    assert ended_at(Status.RETURNED, 5, 9) == 5
    assert ended_at(Status.WITHDRAWN, None, 9) == 9
    assert ended_at(Status.PROCESSING, None, 9) is None
    assert ended_at(Status.RETURNED, None, 9, before=7) == 7
    assert ended_at(Status.RETURNED, 8, 9, before=7) == 8
    assert ended_at(Status.PROCESSING, None, 9, before=7) is None


# --- units ---

TREE = UnitTree(
    [
        Unit("P", "Tỉnh"),
        Unit("D", "Huyện", "P", "huyen", None, date(2025, 7, 1), "X"),
        Unit("X1", "Xã Một", "D", "xa", None, date(2025, 7, 1), "X"),
        Unit("X", "Xã Mới", "P", "xa", date(2025, 7, 1)),
        Unit("S", "Sở Cũ", "P", None, None, date(2025, 3, 1)),
        Unit("S", "Sở Mới", "P", None, date(2025, 3, 1)),
    ]
)


def test_a_unit_bears_the_name_of_its_day() -> None:
    assert TREE.name("S", date(2025, 2, 28)) == "Sở Cũ"
    assert TREE.name("S", date(2025, 3, 1)) == "Sở Mới"
    assert TREE.name("không rõ", date(2025, 3, 1)) == "không rõ"


def test_a_successor_has_what_a_unit_had() -> None:
    assert TREE.current("X1", date(2025, 6, 30)) == "X1"
    assert TREE.current("X1", date(2025, 7, 1)) == "X"
    codes = ["P", "D", "X1", "X", "S"]
    assert TREE.under("D", codes, date(2025, 6, 30)) == {"D", "X1"}
    assert TREE.under("X", codes, date(2025, 7, 1)) == {"D", "X1", "X"}
    assert TREE.under("P", codes, date(2025, 7, 1)) == set(codes)


def test_the_form_follows_the_tree() -> None:
    counted = {Group("X1", "t", "l"): SMALL, Group("X", "t", "l"): SMALL, Group("S", "t2", "l"): SMALL}
    after = form_of(counted, date(2025, 7, 1), date(2025, 8, 1), TREE, {})
    assert [(r.name, r.counts.received) for r in after.rows] == [("Sở Mới", 10), ("Xã Mới", 20)]
    before = form_of(counted, date(2025, 2, 1), date(2025, 3, 1), TREE, {})
    assert [r.name for r in before.rows] == ["Sở Cũ", "Xã Một", "Xã Mới"]
    names = {("sector", "l"): "Đất đai"}
    by_sector = form_of(counted, date(2025, 7, 1), date(2025, 8, 1), TREE, names, By.SECTOR, "X")
    assert by_sector.rows == (Row("Đất đai", "l", SMALL.plus(SMALL)),)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ([Unit("A", "A", "B"), Unit("B", "B", "A")], "đi vòng"),
        ([Unit("A", "A", "Z")], "không có đơn vị cấp trên Z"),
        ([Unit("A", "A"), Unit("A", "B", valid_from=date(2025, 1, 1))], "chồng nhau"),
        ([Unit("A", "A", valid_from=date(2025, 1, 2), valid_to=date(2025, 1, 2))], "không sau"),
    ],
)
def test_a_tree_says_what_is_wrong_with_it(units: list[Unit], said: str) -> None:
    assert any(said in problem for problem in UnitTree(units).problems())
    assert TREE.problems() == []


# --- outages ---


def is_working(day: date) -> bool:
    return day.weekday() < 5 and day != date(2026, 9, 2)


def test_acceptance_is_late_after_eight_working_hours() -> None:
    openings = [at(f"2026-03-{d:02d} {h:02d}:00") for d in (12, 13, 16) for h in (7, 13)]
    hours = [(opening, opening + 4 * 3600) for opening in openings]
    friday = at("2026-03-13 16:00")
    assert not late_acceptance(friday, at("2026-03-16 16:00"), 0, hours)
    assert late_acceptance(friday, at("2026-03-16 16:01"), 0, hours)
    assert late_acceptance(friday, None, at("2026-03-16 16:30"), hours)
    waited = [("A", friday, None), ("A", friday, at("2026-03-16 16:01")), ("B", friday, friday + 60)]
    assert late_by_unit(waited, at("2026-03-16 16:30"), hours) == {"A": 2}
    for start, end in ((0, friday), (friday, friday), (at("2026-03-13 12:00"), at("2026-03-13 14:00")), (0, 2**40)):
        assert worked(hours, start, end) == sum(max(0, min(end, b) - max(start, a)) for a, b in hours)


def test_the_same_hours_of_earlier_weeks_are_compared() -> None:
    start, end = at("2026-09-09 08:00"), at("2026-09-09 10:00")  # Wednesday; a week before is a holiday
    week = 7 * 86_400
    outage = start - 2 * week + 60, start - 2 * week + 120
    assert comparable(start, end, [outage], is_working, ZONE) == [
        (start - 3 * week, end - 3 * week),
        (start - 4 * week, end - 4 * week),
    ]


def test_due_within_a_working_day_after() -> None:
    assert working_day_after(at("2026-03-13 10:00"), is_working, ZONE) == at("2026-03-17")  # Friday: Monday counts
    assert working_day_after(at("2026-09-01 10:00"), is_working, ZONE) == at("2026-09-04")


def test_matches_by_day_and_unit() -> None:
    day = at("2026-03-13 08:00")
    found = matches(
        [("a", "U", day), ("b", "U", day), ("c", "U", day), ("d", "U", day + 86_400)],
        {"a": True, "b": False, "c": None},
        ZONE,
    )
    assert [(m.day, m.igate, m.asked, m.found, m.missing, m.rate) for m in found] == [
        (date(2026, 3, 13), 3, 3, 1, ("b",), Fraction(1, 2)),
        (date(2026, 3, 14), 1, 0, 0, (), None),
    ]


def test_rows_of_two_forms_are_matched_by_code_and_then_by_name() -> None:
    """A unit that has a code in one form alone is the same unit."""
    days = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
    ten = Counts(pending=10, carried_over=10)
    before = Form(*days[:2], Source.OFFICIAL, (Row("Sở A", None, ten), Row("Sở B cũ", "B", ten), Row("X", None, ten)))
    after = Form(*days[1:], Source.OFFICIAL, (Row("Sở A", "A", ten), Row("Sở B", "B", ten), Row("X", None, ten)))
    assert carried(before, after) == []
    twice = tuple(Row("Hộ tịch", None, Counts(pending=n, carried_over=n)) for n in (1, 2))
    assert carried(replace(before, rows=twice), replace(after, rows=twice)) == []


def test_names_are_sorted_by_the_vietnamese_alphabet() -> None:
    names = ["Y tế", "Đất đai", "Du lịch", "Dược phẩm", "Áo", "Ăn", "An ninh", "Đường bộ", "Ấn", "Văn bằng", "ao"]
    expected = ["An ninh", "ao", "Áo", "Ăn", "Ấn", "Du lịch", "Dược phẩm", "Đất đai", "Đường bộ", "Văn bằng", "Y tế"]
    assert sorted(names, key=alphabetical) == expected

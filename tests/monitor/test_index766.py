"""Index 766: when a dossier is in time, what earns points, what has no figure."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from monitor import index766
from monitor.dossiers import Supplement
from monitor.index766 import Component, FormulaError, OfficialScore, Own, Progress, formulas, in_force, in_time

TEXT = (Path(index766.__file__).parent / "index766.yaml").read_text(encoding="utf-8")
END = 1000


@pytest.mark.parametrize(
    ("ended", "supplements", "said"),
    [
        (500, [], True),
        (501, [], False),
        (END, [], False),  # ended after the period: open at its end, and late by then
        (None, [], False),
        (600, [Supplement(100, 200)], True),  # 100 taken off
        (601, [Supplement(100, 200)], False),
        (700, [Supplement(100, 200), Supplement(300, 400)], True),
        (None, [Supplement(400)], True),  # waits for the citizen: ends there
        (None, [Supplement(501)], False),
        (None, [Supplement(100, 200), Supplement(300)], False),  # waits for a second time: overdue
        (None, [Supplement(100, 200), Supplement(300, END)], False),  # answered after the period: it waits
        (None, [Supplement(300), Supplement(END)], True),  # the second one lies after the period
    ],
)
def test_in_time(ended: int | None, supplements: list[Supplement], said: bool) -> None:
    assert in_time(500, ended, supplements, END) is said


def test_without_a_due_date_it_cannot_be_said() -> None:
    assert in_time(None, 500, [], END) is None
    assert in_time(None, None, [Supplement(1, 2), Supplement(3)], END) is False  # but a second wait is overdue
    assert Progress().plus(None).plus(True).plus(False).plus(True) == Progress(2, 1, 1)


@pytest.mark.parametrize("number", [0, 1])
def test_the_published_versions_have_six_groups_and_a_hundred_points(number: int) -> None:
    formula = formulas(TEXT)[number]
    assert [sum(c.max for c in group.components) for group in formula.groups] == [18, 20, 12, 10, 22, 18]
    assert formula.max == 100


def test_a_period_is_judged_by_the_version_of_its_last_day() -> None:
    known = formulas(TEXT)
    assert in_force(known, date(2022, 6, 22)) is None
    assert [in_force(known, day).version for day in (date(2025, 12, 31), date(2026, 1, 1))] == ["2022", "2026"]  # type: ignore[union-attr]


def test_points_are_in_proportion_up_to_the_target() -> None:
    with_target = Component(id="x", name="x", max=6, target=0.5)
    assert with_target.points(Fraction(1, 4)) == 3
    assert with_target.points(Fraction(1, 2)) == with_target.points(Fraction(1)) == 6
    assert Component(id="x", name="x", max=20).points(Fraction(83_734, 83_741)) == 20 * Fraction(83_734, 83_741)


def test_what_cannot_be_told_has_no_figure() -> None:
    formula = formulas(TEXT)[0]
    own: dict[str, Own | str] = {"progress": Own(83_734, 83_741), "online": Own(0, 0)}
    made = {s.component.id: s for s in index766.scores(formula, own, {"1.1": OfficialScore("", "1.1", Fraction(5))})}
    assert index766.written(made["2.1"].estimate) == "19,99"
    assert (made["3.3"].estimate, made["3.3"].note) == (None, "không có hồ sơ trong kỳ")
    assert (made["1.1"].estimate, made["1.1"].official, made["1.1"].difference) == (None, Fraction(5), None)
    assert index766.written(made["1.2"].official) == "không tính được"
    assert index766.total(s.official for s in made.values()) is None
    assert index766.total([Fraction(1), Fraction(2)]) == 3


def test_the_estimate_stands_beside_the_portal_s_points() -> None:
    formula = formulas(TEXT)[0]
    official = {"2.1": OfficialScore("", "2.1", Fraction("19.5"))}
    (made,) = [s for s in index766.scores(formula, {"progress": Own(95, 100)}, official) if s.component.id == "2.1"]
    assert (made.estimate, made.official, made.difference) == (Fraction(19), Fraction("19.5"), Fraction("-0.5"))
    assert index766.written(made.difference) == "-0,50"


def test_classes() -> None:
    said = [index766.class_of(Fraction(points)) for points in ("90", "89.99", "70", "50", "0")]
    assert said == ["Xuất sắc", "Tốt", "Khá", "Trung bình", "Yếu"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("versions: [", "not YAML, line 1"),
        ("[]", "no version"),
        ("versions: [{version: a, valid_from: 2022-01-01, groups: []}]", "groups"),
        (TEXT.replace('id: "1.2"', 'id: "1.1"'), "a component is there twice"),
        (TEXT.replace("target: 0.8", "target: 8"), "target"),
    ],
    ids=["yaml", "empty", "groups", "twice", "target"],
)
def test_a_bad_file_of_formulas_says_where(text: str, said: str) -> None:
    with pytest.raises(FormulaError, match=said):
        formulas(text)

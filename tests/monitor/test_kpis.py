"""Figures of dossiers for boards: as of the last collection, by units that add up, and what cannot be told is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor import kpis
from monitor.catalogue import Catalogue
from monitor.dossiers import Channel, Counts, Dossier, Form, Row, Source, Status, Unit, UnitTree
from monitor.index766 import OfficialScore
from monitor.kpis import OTHERS, Kpis
from monitor.store import Store
from monitor.store.dossiers import Progress
from tests.monitor.province import CATALOGUE, load, store_in

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
CALENDAR = """
calendars:
  state:
    hours: {%s}
    years: {2026: {confirmed: true, days: []}}
""" % ", ".join(f'{day}: ["07:00-11:00", "13:00-17:00"]' for day in ("mon", "tue", "wed", "thu", "fri"))  # noqa: UP031


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


NOW = at("2026-10-01 15:00")  # a Thursday
UNTIL = at("2026-10-01 14:50")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as store:
        yield store


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path, CATALOGUE + CALENDAR)


def dossier(number: int, unit: str = "A", channel: Channel = Channel.ONLINE, **but: Any) -> Dossier:
    """Submitted and accepted on 1 October at 8, due on the 9th at 17, open."""
    applied = but.pop("applied", at("2026-10-01 08:00"))
    accepted = but.pop("accepted", applied)
    due, ended = but.pop("due", at("2026-10-09 17:00")), but.pop("ended", None)
    status = but.pop("status", Status.RETURNED if ended else Status.PROCESSING)
    assert not but
    return Dossier(f"H00-{number}", unit, "p", "s", channel, status, applied, accepted, due, ended, ended or applied)


def keep(store: Store, *dossiers: Dossier, until: int | None = UNTIL) -> None:
    progress = Progress("igate", until, since=0, until=until)
    store.dossiers.keep(dossiers, ZONE, progress=progress)


def read(catalogue: Catalogue, store: Store) -> Kpis:
    made = kpis.read(catalogue, store, NOW)
    assert made is not None
    return made


def test_nothing_is_said_before_the_first_complete_collection(catalogue: Catalogue, store: Store) -> None:
    assert kpis.read(catalogue, store, NOW) is None
    keep(store, dossier(1), until=None)
    assert kpis.read(catalogue, store, NOW) is None


def test_received_resolved_and_pending_as_of_the_collection(catalogue: Catalogue, store: Store) -> None:
    september, january, last_year = at("2026-09-30 08:00"), at("2026-01-05 08:00"), at("2025-12-30 08:00")
    keep(
        store,
        dossier(1),
        dossier(2, channel=Channel.DIRECT, due=at("2026-10-01 14:55")),  # due after the collection: not overdue
        dossier(3, channel=Channel.POST, due=at("2026-10-01 14:45")),  # due before it: overdue
        dossier(4, applied=september, due=at("2026-10-02")),  # all of tomorrow
        dossier(5, applied=september, ended=at("2026-10-01 09:00")),
        dossier(6, applied=january, due=at("2026-10-01 17:00"), ended=at("2026-10-01 09:00")),
        dossier(7, applied=last_year, due=at("2026-01-07 17:00"), ended=at("2026-01-08 09:00")),
        dossier(8, unit="B", accepted=None),
        dossier(9, unit="B", accepted=None, ended=at("2026-10-01 09:00"), status=Status.NOT_ACCEPTED),
    )
    made = read(catalogue, store)
    assert made.at == UNTIL
    assert dict(+made.received) == {
        ("A", "online", "today"): 1, ("A", "online", "month"): 1, ("A", "online", "year"): 4,
        **{("A", channel, period): 1 for channel in ("direct", "post") for period in ("today", "month", "year")},
    }  # fmt: skip
    assert dict(+made.resolved) == {
        ("A", "online", timely, period): 1
        for timely, periods in (
            ("early", ("today", "month", "year")), ("on_time", ("today", "month", "year")), ("overdue", ("year",)),
        )
        for period in periods
    }  # fmt: skip
    assert dict(+made.pending) == {
        ("A", "online", "in_time"): 2, ("A", "direct", "in_time"): 1, ("A", "post", "overdue"): 1,
    }  # fmt: skip
    assert (dict(+made.due_today), dict(+made.due_tomorrow)) == ({"A": 1}, {"A": 1})


def test_late_acceptance_counts_working_hours(catalogue: Catalogue, store: Store, tmp_path: Path) -> None:
    keep(
        store,
        dossier(1, applied=at("2026-10-01 07:00"), accepted=at("2026-10-01 14:00")),  # 5 hours of work
        dossier(2, applied=at("2026-10-01 01:00"), accepted=None),  # 13 hours by the clock, 5:50 of work
    )
    assert (read(catalogue, store).online, read(catalogue, store).late["A"]) == ({"A": 2}, 0)
    tuesday = at("2026-10-06 12:00")
    keep(
        store,
        dossier(3, applied=at("2026-10-01 16:00"), accepted=at("2026-10-05 08:00")),  # 1 + 8 + 1
        dossier(4, applied=at("2026-10-02 16:00"), accepted=at("2026-10-05 13:30")),  # 1 + 4 + 0.5
        until=tuesday,
    )
    made = kpis.read(catalogue, store, tuesday)
    assert made is not None
    assert (made.online["A"], made.late["A"]) == (4, 2)  # the second one still waits
    without = kpis.read(load(tmp_path), store, tuesday)
    assert without is not None
    assert (without.online, without.late) == ({}, {})


TREE = [
    Unit("H00", "Tỉnh"), Unit("A", "Sở A", "H00"), Unit("A1", "Phòng A1", "A"), Unit("A2", "Phòng A2", "A"),
    Unit("B", "Sở B", "H00"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("units", "chosen", "expected"),
    [
        ([], (), {"A": "A", "A1": "A1", "B": "B", "H00": "H00"}),
        (TREE, (), {"A": "A", "A1": "A", "A2": "A", "B": "B", "H00": "H00"}),
        (TREE, ("A1",), {"A": "A", "A1": "A1", "A2": "A", "B": "B", "H00": "H00"}),
        (TREE, ("H00",), {"A1": "H00", "B": "H00"}),
        (TREE, (), {"A": "A"}),
        ([*TREE, Unit("C", "Sở C")], (), {"A1": "H00", "B": "H00", "C": "C"}),  # two at the top
    ],
    ids=["no_tree", "below_the_province", "chosen", "province", "one", "two_at_the_top"],
)
def test_units_under_whose_name_others_are_counted(
    units: list[Unit], chosen: tuple[str, ...], expected: dict[str, str]
) -> None:
    assert UnitTree(units).grouped(expected, chosen, date(2026, 10, 1)) == expected


def test_a_unit_with_figures_of_its_own_is_not_in_those_above_it(
    catalogue: Catalogue, store: Store, tmp_path: Path
) -> None:
    store.dossiers.import_units(TREE)
    keep(store, *(dossier(n, unit) for n, unit in enumerate(("A", "A1", "A2", "B"))))
    chosen = load(tmp_path, CATALOGUE.replace("locations:", "dossiers: {units: [A1]}\nlocations:", 1))
    made = read(chosen, store)
    assert {unit: n for (unit, _, period), n in made.received.items() if period == "year"} == {"A": 2, "A1": 1, "B": 1}
    assert made.names == {"A": "Sở A", "A1": "Phòng A1", "B": "Sở B"}


def test_of_too_many_units_the_smallest_are_one(
    catalogue: Catalogue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kpis, "MAX_UNITS", 2)
    keep(store, *(dossier(n, unit) for n, unit in enumerate("AABBBCD")))
    made = read(catalogue, store)
    assert {unit: n for (unit, _, period), n in made.received.items() if period == "year"} == {
        "A": 2,
        "B": 3,
        OTHERS: 2,
    }
    assert made.names[OTHERS] == "Các đơn vị còn lại"


def test_of_a_period_that_is_known_in_part_nothing_is_said(catalogue: Catalogue, store: Store) -> None:
    september = Progress("igate", UNTIL, since=at("2026-09-15"), until=UNTIL)
    store.dossiers.keep([dossier(1)], ZONE, progress=september)
    made = read(catalogue, store)
    assert {period for *_, period in made.received} == {"today", "month"}
    assert (made.online["A"], sum(made.pending.values())) == (1, 1)
    today = Progress("igate", UNTIL, since=at("2026-10-01 09:00"), until=UNTIL)
    store.dossiers.keep([], ZONE, progress=today)
    made = read(catalogue, store)
    assert (made.received, made.online, sum(made.pending.values())) == ({}, {}, 1)
    assert all(one.own is None for one in made.index["month"])


def test_index_766_of_the_running_month_and_of_the_last_official_period(catalogue: Catalogue, store: Store) -> None:
    september = at("2026-09-10 08:00")
    keep(
        store,
        dossier(1, applied=september, ended=at("2026-09-11 09:00")),
        dossier(2, applied=september, due=at("2026-09-11 17:00"), ended=at("2026-09-14 09:00")),
        dossier(3),
    )
    assert read(catalogue, store).index.keys() == {"month"}
    score = OfficialScore("", "2.1", Fraction(19), Fraction(95), Fraction(100))
    of_a_unit = OfficialScore("A", "2.1", Fraction(1))
    store.dossiers.keep_scores(date(2026, 9, 1), date(2026, 10, 1), [score], at=NOW, by="thu")
    store.dossiers.keep_scores(date(2026, 10, 1), date(2026, 11, 1), [of_a_unit], at=NOW, by="thu")
    made = read(catalogue, store)
    (month,) = [one for one in made.index["month"] if one.component == "2.1"]
    (official,) = [one for one in made.index["official"] if one.component == "2.1"]
    assert month[2:] == (Fraction(20), None, (1, 1))
    assert official[2:] == (Fraction(10), Fraction(19), (1, 2))
    assert {one.component for one in made.index["month"] if one.own is not None} == {"2.1"}


def test_what_else_of_index_766_dossiers_can_say(store: Store) -> None:
    span = at("2026-10-01"), at("2026-11-01")
    keep(store, dossier(1), dossier(2, due=at("2026-10-01 09:00")), dossier(3, channel=Channel.DIRECT))

    def own(**official: OfficialScore) -> Any:
        return kpis.own_estimates(store, span, ZONE, official)

    assert own()["synchronised"] == "chưa đối soát với Cổng DVCQG (reconcile)"
    assert own()["used"] == "thiếu số thủ tục trực tuyến: nhập điểm 3.1 của Cổng DVCQG với tử số"
    # Half of 5.4: overdue dossiers; without the petitions it has no figure.
    assert own()["satisfaction"] == "thiếu tỷ lệ phản ánh; riêng hồ sơ quá hạn: 1 / 3 = 33,33%"
    assert "suy từ thay đổi trạng thái" in own()["progress"].note
    store.dossiers.keep_answers({"H00-1": True, "H00-2": False}, NOW)
    assert own()["synchronised"] == "mới đối soát 2 / 3 hồ sơ (reconcile)"
    store.dossiers.keep_answers({"H00-3": True}, NOW)
    assert own()["synchronised"][:3] == (2, 3, 1)
    of_31 = OfficialScore("", "3.1", Fraction(2), Fraction(4), Fraction(5))
    assert own(**{"3.1": of_31})["used"][:3] == (1, 4, 1)  # one procedure of the four that are offered online
    assert own(**{"3.1": of_31._replace(numerator=None)})["used"].startswith("thiếu số thủ tục")
    store.dossiers.mark_gone(["H00-2"])  # iGate has it no more: nobody asks the portal for it
    assert own()["synchronised"][:3] == (2, 2, 1)


def test_statistics_alone_are_the_running_month(catalogue: Catalogue, store: Store, tmp_path: Path) -> None:
    counted = load(tmp_path, CATALOGUE.replace("locations:", "dossiers: {source: statistics}\nlocations:", 1))
    assert kpis.read(counted, store, NOW) is None
    rows = Row("Sở A", "A", Counts(10, 4, 3, 3, 6, 1, 4, 1, 4, 2, 2)), Row("Sở B", "B", Counts())
    form = Form(date(2026, 10, 1), date(2026, 11, 1), Source.STATISTICS, rows)
    store.dossiers.keep_form(form, (), at=UNTIL, by="jobs", in_place=True)
    made = read(counted, store)
    assert (made.at, made.names, made.index) == (UNTIL, {"A": "Sở A", "B": "Sở B"}, {})
    assert dict(+made.received) == {("A", "online", "month"): 4, ("A", "direct", "month"): 3}
    assert dict(+made.resolved) == {
        ("A", "any", timely, "month"): n for timely, n in (("early", 1), ("on_time", 4), ("overdue", 1))
    }
    assert dict(+made.pending) == {("A", "any", "in_time"): 2, ("A", "any", "overdue"): 2}

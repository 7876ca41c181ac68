"""The commands availability, maintenance, calendar and period: every figure here was worked out by hand.

A province asked every four hours, in October 2026: 31 days, 2 678 400 s. A verdict holds for 8 h 10 s.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import create_engine, text

from monitor.availability import Attribution
from monitor.cli import figures as commands
from monitor.model import Outcome, Reason
from monitor.store import Store
from monitor.words import SIMULATED
from tests import servers
from tests.monitor import test_cli
from tests.monitor.province import load, outcome, store_in
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR, DAY = 3600, 86_400
SLOT = 4 * HOUR
OCTOBER = 31 * DAY

CATALOGUE = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}, timezone: Asia/Ho_Chi_Minh}
simulated: true
defaults: {interval: 4h, timeout: 10s}
parties:
  vendor: {name: {vi: Nhà thầu, en: Vendor}}
  carrier: {name: {vi: Đơn vị truyền dẫn, en: Carrier}}
  centre: {name: {vi: Trung tâm, en: Centre}}
contracts:
  hire: {party: vendor, name: {vi: Hợp đồng, en: Contract}, objective: 99.5%, maintenance_notice_days: 2}
calendars:
  state:
    hours: &hours
      mon: ["07:00-11:00", "13:00-17:00"]
      tue: ["07:00-11:00", "13:00-17:00"]
      wed: ["07:00-11:00", "13:00-17:00"]
      thu: ["07:00-11:00", "13:00-17:00"]
      fri: ["07:00-11:00", "13:00-17:00"]
    years: {2026: {confirmed: true, days: [{date: 2026-11-24, kind: holiday, name: {vi: Ngày lễ, en: Holiday}}]}}
  mornings: {hours: {tue: ["07:00-11:00"]}, years: {2026: {confirmed: false, days: []}}}
locations:
  office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "http://127.0.0.1:9/"}]}
systems:
  bus:
    name: {vi: Trục liên thông, en: Bus}
    owner: centre
    party: carrier
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {list: {options: {path: /}}}
  igate:
    name: {vi: Một cửa điện tử, en: One-stop system}
    owner: centre
    party: vendor
    contract: hire
    depends_on: [bus]
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {search: {options: {path: /}}}
  portal:
    name: {vi: Cổng dịch vụ công, en: Portal}
    owner: centre
    party: centre
    objective: 99%
    calendar: mornings
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {home: {options: {path: /}}}
  coming:
    name: {vi: Hệ thống mới, en: New system}
    owner: centre
    party: centre
    valid_from: 2026-12-01
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {home: {options: {path: /}}}
"""


def at(wall: str) -> int:
    """A time of the clock on the wall in the province."""
    return int(datetime.fromisoformat(wall).replace(tzinfo=ZONE).timestamp())


START, END = at("2026-10-01T00:00"), at("2026-11-01T00:00")

Failing = Mapping[int, Reason]
"""Slots that fail, by their instant."""


def tries(system: str, check: str, start: int, end: int, failing: Failing, silent: Iterable[int] = ()) -> list[Outcome]:
    """A try every four hours; what contradicts the state is repeated 2 s apart until it is confirmed."""
    made: list[Outcome] = []
    is_down, quiet = False, set(silent)
    for slot in range(start, end, SLOT):
        reason = failing.get(slot)
        if slot not in quiet:
            count = 1 if is_down == (reason is not None) else 3 if reason else 2
            made += [outcome(system, check, slot + 2 * n, reason, try_=1 + n, late=2.0 * n) for n in range(count)]
            is_down = reason is not None
    return made


SEARCH_FAILS = {at("2026-10-06T08:00"): Reason.HTTP_5XX, at("2026-10-20T12:00"): Reason.CONNECT_TIMEOUT}
LIST_FAILS = {at("2026-10-20T12:00"): Reason.DNS_FAILURE}
HOME_SILENT = range(at("2026-10-10T04:00"), at("2026-10-14T00:00"), SLOT)


def october(until: str = "2026-11-03T00:00") -> list[Outcome]:
    """igate is down on Tuesday 6 October from 08:00 to 12:00, and with the bus on Tuesday 20 from 12:00 to 16:00.

    The portal is not asked from 10 October 04:00 until 14 October.
    """
    start, end = at("2026-09-29T00:00"), at(until)
    told = tries("igate", "search", start, end, SEARCH_FAILS)
    told += tries("bus", "list", start, end, LIST_FAILS)
    told += tries("portal", "home", start, end, {}, HOME_SILENT)
    return sorted(told, key=lambda o: o.started_at)


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    load(tmp_path, CATALOGUE)
    return tmp_path / "catalogue.yaml"


@pytest.fixture
def data(tmp_path: Path, catalogue: Path) -> Path:
    folder = tmp_path / "data"
    with store_in(folder) as store:
        store.record(october(), load(tmp_path, CATALOGUE).settings)
    return folder


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the commands think that it is another time; here 3 November 2026, noon."""

    def set_(wall: str) -> None:
        monkeypatch.setattr(commands, "now", lambda: at(wall))

    set_("2026-11-03T12:00")
    return set_


Ask = Callable[..., test_cli.Done]


@pytest.fixture
def ask(motcua: Motcua, catalogue: Path, data: Path, today: Callable[[str], None]) -> Ask:
    """`motcua words...` about that province."""

    def ask(*words: str | Path, **more: Any) -> test_cli.Done:
        where = [] if "--data" in words else ["--data", data]
        return motcua(*words, "-c", catalogue, *where, **more)

    return ask


def rows_of(done: test_cli.Done) -> list[dict[str, Any]]:
    assert (done.code, done.err) == (0, "")
    listed = json.loads(done.out)
    assert isinstance(listed, list)
    return listed


def one(rows: list[dict[str, Any]], system: str, figure: str, check: str | None = None) -> dict[str, Any]:
    (row,) = [r for r in rows if (r["system"], r["figure"], r["check"]) == (system, figure, check)]
    return row


def numbers(row: Mapping[str, Any]) -> tuple[int, int, int, int, str]:
    """Down, observed, set, no data, text."""
    names = ("down_seconds", "observed_seconds", "set_seconds", "no_data_seconds", "text")
    down, observed, whole, no_data, said = (row[name] for name in names)
    return down, observed, whole, no_data, said


def announce(ask: Ask) -> None:
    """Tuesday 6 October, 08:00 to 09:00; Friday and Monday lie between: two whole working days."""
    done = ask(
        *("maintenance", "add", "igate", "--from", "2026-10-06T08:00", "--to", "2026-10-06T09:00"),
        *("--notice", "2026-10-01T15:00", "--title", "Thay đĩa", "--by", "to_truc"),
    )
    assert done.code == 0, done.err


# --- the three figures ------------------------------------------------------------------------------------------------

KEYS = {
    *("system", "check", "figure", "down_seconds", "observed_seconds", "set_seconds", "no_data_seconds"),
    *("degraded_seconds", "provisional", "text", "simulated"),
}


def test_the_three_figures_of_a_month(ask: Ask) -> None:
    announce(ask)
    rows = rows_of(ask("availability", "--period", "2026-10", "--kind", "calendar", "--json"))
    # 4 h on the 6th, 4 h on the 20th.
    assert numbers(one(rows, "igate", "raw")) == (8 * HOUR, OCTOBER, OCTOBER, 0, "98,92%")
    # Without the hour of maintenance and without the four hours of the bus; 3 h of 739 h are left.
    left = OCTOBER - HOUR - 4 * HOUR
    assert numbers(one(rows, "igate", "contractual")) == (3 * HOUR, left, left, 0, "99,59%")
    # 22 working days of 8 h. Of the 6th 08:00-11:00, of the 20th 13:00-16:00.
    hours = 22 * 8 * HOUR
    assert numbers(one(rows, "igate", "office")) == (6 * HOUR, hours, hours, 0, "96,59%")
    assert numbers(one(rows, "igate", "raw", "search")) == (8 * HOUR, OCTOBER, OCTOBER, 0, "98,92%")
    assert numbers(one(rows, "igate", "office", "search")) == (6 * HOUR, hours, hours, 0, "96,59%")
    assert numbers(one(rows, "bus", "raw")) == (4 * HOUR, OCTOBER, OCTOBER, 0, "99,46%")


def test_silence_lowers_the_coverage_and_below_95_percent_a_figure_is_provisional(ask: Ask) -> None:
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    raw, mornings = one(rows, "portal", "raw"), one(rows, "portal", "office")
    silent = 4 * DAY - (8 * HOUR + 10)  # the verdict of 10 October 00:00 held for so long
    assert numbers(raw) == (0, OCTOBER - silent, OCTOBER, silent, "100,00%")
    assert raw["provisional"] is True
    # Its own calendar, of a year that is not official: four Tuesday mornings; that of the 13th was not observed.
    assert numbers(mornings) == (0, 3 * 4 * HOUR, 4 * 4 * HOUR, 4 * HOUR, "100,00%")
    assert one(rows, "igate", "raw")["provisional"] is False
    day = rows_of(ask("availability", "--period", "2026-10-20..2026-10-20", "--json"))
    assert [one(day, "portal", k)["provisional"] for k in ("raw", "office")] == [False, True]


def test_what_programs_get_is_a_flat_list(ask: Ask) -> None:
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    assert [(r["system"], r["check"], r["figure"]) for r in rows] == [
        ("bus", None, "raw"), ("bus", None, "office"), ("bus", "list", "raw"), ("bus", "list", "office"),
        ("igate", None, "raw"), ("igate", None, "contractual"), ("igate", None, "office"),
        ("igate", "search", "raw"), ("igate", "search", "office"),
        ("portal", None, "raw"), ("portal", None, "office"), ("portal", "home", "raw"), ("portal", "home", "office"),
    ]  # fmt: skip
    for row in rows:
        more = {"outages", "error_rates"} if (row["figure"], row["check"]) == ("raw", None) else set()
        assert row.keys() == KEYS | more
        assert row["simulated"] is True


def test_data_that_are_not_simulated_say_nothing_of_it(ask: Ask, catalogue: Path) -> None:
    catalogue.write_text(CATALOGUE.replace("simulated: true", "simulated: false"), encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    assert all(row.keys() >= KEYS - {"simulated"} and "simulated" not in row for row in rows)
    assert SIMULATED not in ask("availability", "--period", "2026-10").out


def test_outages_and_rates_of_errors_come_with_the_raw_figure(ask: Ask) -> None:
    raw = one(rows_of(ask("availability", "--period", "2026-10", "--json")), "igate", "raw")
    sixth, twentieth = at("2026-10-06T08:00"), at("2026-10-20T12:00")
    assert raw["outages"] == [
        {"start": sixth, "end": sixth + SLOT, "down_seconds": SLOT, "reason": "http_5xx", "party": "vendor"},
        {
            "start": twentieth,
            "end": twentieth + SLOT,
            "down_seconds": SLOT,
            "reason": "connect_timeout",
            "party": "carrier",  # the bus was down: it is the bus's
        },
    ]
    # 186 slots, two of which failed at the first try; rechecks are in no rate. 2/186 = 1.075...%, rounded up.
    assert raw["error_rates"] == [
        {"reason": None, "failed": 2, "conclusive": 186, "text": "1,08%"},
        {"reason": "connect_timeout", "failed": 1, "conclusive": 186, "text": "0,54%"},
        {"reason": "http_5xx", "failed": 1, "conclusive": 186, "text": "0,54%"},
    ]


def test_in_words(ask: Ask) -> None:
    announce(ask)
    done = ask("availability", "--period", "2026-10", "--kind", "calendar")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(SIMULATED)
    assert "Tháng 10 năm 2026 (từ ngày 01/10/2026 đến ngày 31/10/2026)" in done.out
    for line in (
        r"Toàn thời gian +│ +98,92% │ +2.649.600 / 2.678.400 │ 28.800 giây │ +0 giây │ 100,00% │",
        r"Theo hợp đồng +│ +99,59% │ +2.649.600 / 2.660.400 │ 10.800 giây │",
        r"Trong giờ làm việc │ +96,59% │ +612.000 / 633.600 │ 21.600 giây │",
        r"Toàn thời gian +│ +100,00% │ .* │ 88,17% │ +2.361.610 / 2.678.400 │ tạm tính ",
        # 0.5 % of 2 660 400 s are 13 302 s = 3 h 41 min 42 s, of which 3 h were used.
        r"Cam kết 99,5%, theo hợp đồng: ĐẠT \(được gián đoạn 3 giờ 41 phút, đã gián đoạn 3 giờ 00 phút, còn 41 phút",
        r"Cam kết 99%, toàn thời gian: ĐẠT \(.*\), tạm tính",
        r"Tỷ lệ lỗi kiểm tra: 1,08% \(2 / 186 lần\); .*máy chủ báo lỗi \(HTTP 5xx\) 0,54% \(1\)",
        r"Gián đoạn 08:00:00 06/10/2026 → 12:00:00 06/10/2026; 14.400 giây trong kỳ; máy chủ báo lỗi",
        r"; 14.400 giây trong kỳ; máy chủ báo lỗi \(HTTP 5xx\); bên chịu trách nhiệm: Nhà thầu",
        r"Gián đoạn 12:00:00 20/10/2026 → 16:00:00 20/10/2026; .*; bên chịu trách nhiệm: Đơn vị truyền dẫn",
    ):
        assert re.search(line, done.out), line
    assert "kiểm tra search" not in done.out  # only with --system


def test_a_promise_that_is_broken_says_by_how_much(ask: Ask) -> None:
    done = ask("availability", "--period", "2026-10", "--system", "igate")
    # Without the maintenance: 4 h down of 740 h, 99.459...%; 0.5 % of 2 664 000 s are 3 h 42 min.
    assert "KHÔNG ĐẠT (được gián đoạn 3 giờ 42 phút, đã gián đoạn 4 giờ 00 phút, vượt 18 phút 00 giây)" in done.out
    assert "kiểm tra search" in done.out
    assert "Cổng dịch vụ công" not in done.out


def test_a_decision_of_a_person_moves_an_outage(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Attribution(1, "igate", at("2026-10-06T00:00"), at("2026-10-07T00:00"), "centre")
    monkeypatch.setattr(commands, "_attributions", lambda _: [said])
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    left = OCTOBER - 8 * HOUR
    assert numbers(one(rows, "igate", "contractual")) == (0, left, left, 0, "100,00%")
    assert [o["party"] for o in one(rows, "igate", "raw")["outages"]] == ["centre", "carrier"]


# --- which days -------------------------------------------------------------------------------------------------------


def test_an_outage_keeps_its_beginning_and_end_in_every_period(ask: Ask) -> None:
    rows = rows_of(ask("availability", "--period", "2026-10-06..2026-10-06", "--kind", "custom", "--json"))
    assert one(rows, "igate", "raw")["outages"][0]["down_seconds"] == SLOT
    night = dict.fromkeys(range(at("2026-10-27T20:00"), at("2026-10-29T04:00"), SLOT), Reason.HTTP_5XX)
    with store_in(Path("data2")) as store:
        province = load(Path.cwd(), CATALOGUE)
        store.record(tries("portal", "home", at("2026-10-01T00:00"), END, night), province.settings)
    for day, down in (("27", 4 * HOUR), ("28", DAY), ("29", 4 * HOUR)):
        done = ask("availability", "--period", f"2026-10-{day}..2026-10-{day}", "--json", "--data", "data2")
        (outage,) = one(rows_of(done), "portal", "raw")["outages"]
        edges = at("2026-10-27T20:00"), at("2026-10-29T04:00")
        assert (outage["start"], outage["end"], outage["down_seconds"]) == (*edges, down)


def test_the_same_text_means_other_days_in_an_administrative_report(ask: Ask) -> None:
    """15 September to 14 October: the first outcome is of 29 September 00:00, 14 days later."""
    rows = rows_of(ask("availability", "--period", "2026-10", "--kind", "admin_15_14", "--json"))
    assert numbers(one(rows, "igate", "raw"))[:4] == (4 * HOUR, 16 * DAY, 30 * DAY, 14 * DAY)
    assert one(rows, "igate", "raw")["provisional"] is True


def test_days_need_no_kind(ask: Ask) -> None:
    rows = rows_of(ask("availability", "--period", "2026-10-05..2026-10-06", "--json"))
    assert numbers(one(rows, "igate", "raw"))[:3] == (4 * HOUR, 2 * DAY, 2 * DAY)


def test_without_a_period_it_is_this_month_until_now(ask: Ask, today: Callable[[str], None]) -> None:
    today("2026-10-06T10:00")
    for words in ([], ["--kind", "running"]):
        rows = rows_of(ask("availability", *words, "--json"))
        assert numbers(one(rows, "igate", "raw"))[:3] == (2 * HOUR, 5 * DAY + 10 * HOUR, 5 * DAY + 10 * HOUR)
    # What is recorded beyond is of no matter for the set, but it is known already where the outage ends.
    assert "Kỳ chưa kết thúc: tính đến 10:00:00 06/10/2026" in ask("availability").out


def test_an_outage_that_goes_on_has_no_end(ask: Ask, today: Callable[[str], None]) -> None:
    down = dict.fromkeys(range(at("2026-11-02T08:00"), at("2026-11-03T12:00"), SLOT), Reason.HTTP_4XX)
    with store_in(Path("data2")) as store:
        told = tries("igate", "search", at("2026-10-31T00:00"), at("2026-11-03T12:00"), down)
        store.record(told, load(Path.cwd(), CATALOGUE).settings)
    (outage,) = one(rows_of(ask("availability", "--json", "--data", "data2")), "igate", "raw")["outages"]
    assert (outage["start"], outage["end"], outage["down_seconds"]) == (at("2026-11-02T08:00"), None, 28 * HOUR)
    assert "đang diễn ra" in ask("availability", "--data", "data2").out


def test_a_system_counts_from_its_first_day(ask: Ask, catalogue: Path) -> None:
    catalogue.write_text(CATALOGUE.replace("2026-12-01", "2026-10-31"), encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    raw = one(rows, "coming", "raw")
    assert (*numbers(raw), raw["provisional"]) == (0, 0, DAY, DAY, "không có dữ liệu", True)
    assert raw["outages"] == []
    assert raw["error_rates"] == [{"reason": None, "failed": 0, "conclusive": 0, "text": "không có dữ liệu"}]


def test_tries_before_the_first_day_and_after_the_last_are_in_no_rate(ask: Ask, catalogue: Path) -> None:
    """From the 7th to the 29th: 23 days of 6 slots, without the failure of the 6th."""
    life = "  igate:\n    valid_from: 2026-10-07\n    valid_to: 2026-10-30\n"
    catalogue.write_text(CATALOGUE.replace("  igate:\n", life), encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    whole, *reasons = one(rows, "igate", "raw")["error_rates"]
    assert (whole["failed"], whole["conclusive"]) == (1, 23 * 6)
    assert [of["reason"] for of in reasons] == ["connect_timeout"]
    assert one(rows, "bus", "raw")["error_rates"][0]["conclusive"] == 31 * 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--period", "2026-13"], "'2026-13' is no period of kind calendar; write 2026-10 for a month"),
        (["--period", "2026-10-01..2026-10-20", "--kind", "calendar"], "names days, which is kind custom"),
        (["--period", "2026-12"], "2026-12 has not begun: its first day is 2026-12-01"),
        (
            ["--period", "2026-10", "--system", "igat"],
            "system igat is not in the catalogue (bus, igate, portal, coming)",
        ),
        (["--period", "2026-10", "--system", "coming"], "system coming does not count in 2026-10: see its valid_from"),
        (["--period", "2026-10", "--kind", "running"], "--kind running is this month until now; leave --period out"),
        (["--kind", "admin_15_14"], "--kind admin_15_14 needs a --period"),
        (["--kind", "monthly"], "Invalid value for '--kind'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_period_that_is_none(ask: Ask, words: list[str], said: str) -> None:
    done = ask("availability", *words)
    assert done.code == 2
    assert said in done.line


# --- contracts and calendars ------------------------------------------------------------------------------------------


def test_a_contract_counts_on_its_own_days(ask: Ask, catalogue: Path) -> None:
    dated = "hire: {party: vendor, valid_from: 2026-10-16, valid_to: 2026-10-21, "
    catalogue.write_text(CATALOGUE.replace("hire: {party: vendor, ", dated), encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    left = 5 * DAY - 4 * HOUR  # the 16th to the 20th, without the bus's hours
    assert numbers(one(rows, "igate", "contractual"))[:3] == (0, left, left)
    assert numbers(one(rows, "igate", "raw"))[2] == OCTOBER
    catalogue.write_text(CATALOGUE.replace("hire: {party: vendor, ", dated.replace("10-", "11-")), encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    assert not [r for r in rows if r["figure"] == "contractual"]
    assert "Cam kết" not in ask("availability", "--period", "2026-10", "--system", "igate").out


def test_a_year_that_is_not_listed_refuses_what_needs_it(ask: Ask, catalogue: Path) -> None:
    catalogue.write_text(CATALOGUE.replace("years: {2026: {confirmed: true", "years: {2025: {confirmed: true").replace(
        "2026-11-24", "2025-11-24"), encoding="utf-8")  # fmt: skip
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    for check in (None, "search"):
        refused = one(rows, "igate", "office", check)
        assert refused["text"] == "không tính: lịch làm việc chưa có năm 2026"
        assert [refused[name] for name in sorted(KEYS) if name.endswith("seconds")] == [None] * 5
        assert refused["provisional"] is None
    assert one(rows, "igate", "contractual")["text"] == "99,45%"  # there is no notice to be counted
    announce(ask)
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    assert one(rows, "igate", "contractual")["text"] == "không tính: lịch làm việc chưa có năm 2026"
    done = ask("availability", "--period", "2026-10", "--system", "igate", "--explain")
    assert done.code == 0
    assert "không tính: lịch làm việc chưa có năm 2026" in done.out
    assert "Cam kết" not in done.out
    assert one(rows, "portal", "office")["text"] == "100,00%"  # its calendar has the year


def test_a_catalogue_without_a_calendar_has_no_office_figure(ask: Ask, catalogue: Path) -> None:
    written = CATALOGUE.replace("calendars:\n  state:", "calendars:\n  other:")
    catalogue.write_text(written, encoding="utf-8")
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    assert one(rows, "igate", "office")["text"] == "không tính: lịch làm việc chưa có năm 2026"


# --- why --------------------------------------------------------------------------------------------------------------


def test_every_second_is_explained_and_they_add_up(ask: Ask) -> None:
    announce(ask)
    rows = rows_of(ask("availability", "--period", "2026-10", "--json", "--explain"))
    for row in rows:
        pieces = row["pieces"]
        assert (pieces[0]["start"], pieces[-1]["end"]) == (START, END)
        assert all(a["end"] == b["start"] for a, b in pairwise(pieces))
        kept = [p for p in pieces if p["excluded"] is None]
        assert sum(p["end"] - p["start"] for p in kept) == row["set_seconds"]
        assert sum(p["end"] - p["start"] for p in kept if p["state"] == "down") == row["down_seconds"]
    contractual = one(rows, "igate", "contractual")["pieces"]
    assert [(p["excluded"], p["party"], p["end"] - p["start"]) for p in contractual if p["state"] == "down"] == [
        ("maintenance", "vendor", HOUR), (None, "vendor", 3 * HOUR), ("other_party", "carrier", 4 * HOUR),
    ]  # fmt: skip


def test_in_words_too(ask: Ask) -> None:
    announce(ask)
    done = ask("availability", "--period", "2026-10", "--system", "igate", "--explain")
    assert done.code == 0
    for line in (
        r"08:00:00 06/10/2026 → 09:00:00 06/10/2026 +3.600 giây +Gián đoạn +không tính: bảo trì có báo trước",
        r"09:00:00 06/10/2026 → 12:00:00 06/10/2026 +10.800 giây +Gián đoạn +tính là gián đoạn; truy vấn: máy chủ báo",
        r"truy vấn: máy chủ báo lỗi \(HTTP 5xx\); bên chịu trách nhiệm: Nhà thầu",
        r"12:00:00 20/10/2026 → 16:00:00 20/10/2026 +14.400 giây +Gián đoạn +không tính: gián đoạn do bên khác; ",
        r"; do Trục liên thông; bên chịu trách nhiệm: Đơn vị truyền dẫn",
        r"11:00:00 01/10/2026 → 13:00:00 01/10/2026 +7.200 giây +Hoạt động +không tính: ngoài giờ làm việc",
        r"Cộng: 2.649.600 sẵn sàng \+ 10.800 gián đoạn \+ 0 không quan sát được \+ 3.600 không tính \(bảo trì có báo",
        r"\+ 14.400 không tính \(gián đoạn do bên khác\) = 2.678.400 giây",
        r"Sẵn sàng: 2.649.600 / \(2.649.600 \+ 10.800\) = 99,59%",
        r"Độ phủ: 2.660.400 / \(2.660.400 \+ 0\) = 100,00%",
    ):
        assert re.search(line, done.out), line


def test_imported_outcomes_are_shown_but_nothing_is_promised_about_them(
    ask: Ask, motcua: Motcua, catalogue: Path
) -> None:
    """Of the 6th, 08:00 to 20:00, only an import tells; measured is nothing then, from 12:00:10 on."""
    province = load(Path.cwd(), CATALOGUE)
    whole = [o for o in october() if o.system == "igate"]
    told = [o for o in whole if at("2026-10-06T08:00") <= o.due_at // 1000 < at("2026-10-06T20:00")]
    with store_in(Path("other")) as store:
        store.record(told, province.settings)
    assert motcua("outcomes", "export", "--data", "other", "--out", "told.jsonl").code == 0
    with store_in(Path("data2")) as store:
        store.record([o for o in whole if o not in told], province.settings)
    assert motcua("outcomes", "import", "told.jsonl", "--data", "data2", "-c", catalogue).code == 0
    rows = rows_of(ask("availability", "--period", "2026-10", "--json", "--data", "data2"))
    # The bus was not asked here: its hours are igate's own.
    assert numbers(one(rows, "igate", "contractual"))[:3] == (8 * HOUR, OCTOBER, OCTOBER)
    said = ask("availability", "--period", "2026-10", "--data", "data2").out
    # Measured: up at 04:00, held until 12:00:10, then nothing until 20:00: 28 790 s less. 0.5 % of 2 649 610 s are
    # 3 h 40 min 48 s; it was down on the 20th alone.
    assert re.search(
        r"KHÔNG ĐẠT \(được gián đoạn 3 giờ 40 phút, đã gián đoạn 4 giờ 00 phút, vượt .*\), chỉ xét số liệu tự đo", said
    )


# --- maintenance ------------------------------------------------------------------------------------------------------


def test_maintenance_is_announced_listed_and_called_off(ask: Ask, today: Callable[[str], None]) -> None:
    announce(ask)
    today("2026-11-26T09:00")  # a notice that goes out now is none from the future
    done = ask(
        *("maintenance", "add", "igate", "portal", "--from", "2026-11-28T22:00", "--to", "2026-11-29T04:00"),
        *("--notice", "2026-11-26T09:00", "--url", "https://thong-bao.example/2"),
        env={"MOTCUA_BY": "truc_ban"},
    )
    assert done.code == 0
    assert "hire: không tính: báo trước 1 ngày làm việc, hợp đồng cần 2" in done.out  # Friday the 27th
    listed = json.loads(ask("maintenance", "list", "--json").out)
    first, second = listed["maintenance"]
    assert listed["simulated"] is True
    assert (first["id"], first["systems"], first["title"], first["made_by"]) == (1, ["igate"], "Thay đĩa", "to_truc")
    assert first["rulings"] == [
        {"contract": "hire", "valid": True, "provisional": False, "text": "báo trước đủ 2 ngày làm việc"}
    ]
    assert (second["start"], second["end"]) == (at("2026-11-28T22:00"), at("2026-11-29T04:00"))
    assert (second["notice_at"], second["notice_url"]) == (at("2026-11-26T09:00"), "https://thong-bao.example/2")
    assert (second["systems"], second["made_by"]) == (["igate", "portal"], "truc_ban")
    assert (second["made_at"], second["cancelled_at"], second["series"]) == (at("2026-11-26T09:00"), None, None)

    today("2026-11-28T21:59")
    done = ask("maintenance", "cancel", "2", "--at", "2026-11-28T21:59")
    assert "hire: không tính: đã hủy trước giờ bắt đầu" in done.out
    done = ask("maintenance", "cancel", "1", "--at", "2026-10-06T08:00")
    assert "tính là bảo trì: báo trước đủ 2 ngày làm việc; thông báo hủy không gửi trước giờ bắt đầu" in done.out
    shown = ask("maintenance", "list", "--period", "2026-11").out
    assert shown.startswith(SIMULATED)
    assert "22:00:00 28/11/2026" in shown
    assert "08:00:00 06/10/2026" not in shown
    assert "không có" in ask("maintenance", "list", "--period", "2026-12").out


def test_a_series_is_one_notice_that_lists_its_dates(ask: Ask) -> None:
    first = ("--from", "2026-10-04T02:00", "--to", "2026-10-04T03:00", "--notice", "2026-09-28T09:00")
    assert ask("maintenance", "add", "igate", *first, "--rrule", "FREQ=WEEKLY", "--count", "3").code == 0
    assert ask("maintenance", "add", "igate", *first, "--rrule", "FREQ=WEEKLY", "--until", "2026-10-12").code == 0
    found = json.loads(ask("maintenance", "list", "--json").out)["maintenance"]
    assert [m["start"] for m in found] == [at(f"2026-10-{d}T02:00") for d in ("04", "04", "11", "11", "18")]
    by_series = {s: [m["id"] for m in found if m["series"] == s] for s in {m["series"] for m in found}}
    assert sorted(by_series.values()) == [[1, 2, 3], [4, 5]]
    assert ask("maintenance", "cancel", "2", "--at", "2026-10-10T09:00").code == 0
    rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
    # The 4th and the 11th (once, by the second series) and the 18th.
    assert numbers(one(rows, "igate", "contractual"))[2] == OCTOBER - 4 * HOUR - 3 * HOUR


def test_a_notice_that_came_late_is_on_record_and_does_not_count(ask: Ask) -> None:
    done = ask(
        *("maintenance", "add", "igate", "--from", "2026-10-06T08:00", "--to", "2026-10-06T09:00"),
        *("--notice", "2026-10-06T08:30"),
    )
    assert done.code == 0
    assert "hire: không tính: báo sau khi bảo trì đã bắt đầu" in done.out


ADD = ["maintenance", "add", "igate", "--from", "2026-11-28T22:00", "--to", "2026-11-29T04:00"]
NOTICE = ["--notice", "2026-11-02T09:00"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["maintenance", "add", "igat", *ADD[3:], *NOTICE], "system igat is not in the catalogue"),
        ([*ADD[:6], "2026-11-28T22:00", *NOTICE], "the maintenance ends before it begins; --to comes after --from"),
        ([*ADD, "--notice", "2026-11-29T04:01"], "the notice comes after the end of the maintenance"),
        ([*ADD, "--notice", "2026-11-03T12:01"], "--notice 12:01:00 03/11/2026 lies in the future"),
        ([*ADD, "--notice", "20/11/2026"], "'20/11/2026' is no instant; write 2026-10-01"),
        (ADD, "Missing option '--notice'"),
        ([*ADD, "--notice", "0001-01-01"], "lies outside of the years 2000 to 2099"),
        ([*ADD, *NOTICE, "--by", "Nguyễn Văn A"], "is no account"),
        ([*ADD, *NOTICE, "--title", "gọi (000) 000 0000"], "looks like a telephone number"),
        ([*ADD, *NOTICE, "--title", "một\nhai"], "more than one line"),
        ([*ADD, *NOTICE, "--url", "http://u:p@host.invalid/x"], "the address holds an account"),
        (["period", "close", "2026-10", "--reason", " "], "the text is empty"),
        (["maintenance", "add", *ADD[3:], *NOTICE], "Missing argument 'SYSTEM...'"),
        ([*ADD, *NOTICE, "--count", "3"], "--count and --until go with --rrule"),
        ([*ADD, *NOTICE, "--rrule", "FREQ=WEEKLY"], "never ends; add COUNT or UNTIL"),
        ([*ADD, *NOTICE, "--rrule", "WEEKLY", "--count", "3"], "is no rule"),
        (["maintenance", "cancel", "7"], "maintenance 7 is unknown; `motcua maintenance list` shows all"),
        (["maintenance", "cancel", "1", "--at", "2026-11-03T12:01"], "--at 12:01:00 03/11/2026 lies in the future"),
        (["maintenance", "cancel", "x"], "Invalid value for 'ID'"),
        (["maintenance", "list", "--period", "x"], "'x' is no period of kind calendar"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_maintenance_that_is_none(ask: Ask, words: list[str], said: str) -> None:
    done = ask(*words)
    assert done.code == 2
    assert said in done.line
    assert json.loads(ask("maintenance", "list", "--json").out)["maintenance"] == []


def test_a_maintenance_is_called_off_once(ask: Ask) -> None:
    announce(ask)
    assert ask("maintenance", "cancel", "1").code == 0
    done = ask("maintenance", "cancel", "1")
    assert (done.code, done.line) == (2, "motcua: maintenance 1 is cancelled already")


# --- calendars --------------------------------------------------------------------------------------------------------


def test_a_year_of_the_catalogue(motcua: Motcua, catalogue: Path) -> None:
    done = motcua("calendar", "show", "2026", "-c", catalogue)
    assert (done.code, done.err) == (0, "")
    assert "Lịch state năm 2026: đã xác nhận" in done.out
    assert re.search(r"24/11/2026 +│ Thứ Ba +│ nghỉ lễ +│ Ngày lễ", done.out)
    assert "tháng 10: 22, tháng 11: 20, tháng 12: 23" in done.out  # November has 21 weekdays, one of them off
    body = json.loads(motcua("calendar", "show", "2026", "-c", catalogue, "--json").out)
    assert (body["calendar"], body["listed"], body["confirmed"]) == ("state", True, True)
    assert body["working_days"][9:] == [22, 20, 23]
    body = json.loads(motcua("calendar", "show", "2026", "--calendar", "mornings", "-c", catalogue, "--json").out)
    assert (body["confirmed"], body["working_days"][9]) == (False, 4)


def test_a_year_that_is_not_listed_is_a_first_list_to_be_pasted(motcua: Motcua, catalogue: Path) -> None:
    done = motcua("calendar", "show", "2027", "-c", catalogue)
    assert done.code == 0
    assert "Lịch state năm 2027: chưa xác nhận, chưa có trong danh mục" in done.out
    assert re.search(r"01/01/2027 +│ Thứ Sáu +│ nghỉ lễ", done.out)
    pasted = motcua("calendar", "show", "2027", "-c", catalogue, "--yaml").out
    assert yaml.safe_load(pasted)[2027]["confirmed"] is False
    text_ = CATALOGUE.replace("years: {2026: {confirmed: true, days: [{date: 2026-11-24", "years:\n@", 1)
    start = text_.index("@")
    text_ = text_[:start] + pasted + text_[text_.index("\n", start) + 1 :]
    catalogue.write_text(text_, encoding="utf-8")
    body = json.loads(motcua("calendar", "show", "2027", "-c", catalogue, "--json").out)
    assert (body["listed"], body["confirmed"]) == (True, False)
    assert body["days"][0]["date"] == "2027-01-01"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--calendar", "stat"], "calendar stat is not in the catalogue (state, mornings)"),
        (["--yaml", "--json"], "--yaml and --json are two forms; choose one"),
    ],
)
def test_a_calendar_that_is_none(motcua: Motcua, catalogue: Path, words: list[str], said: str) -> None:
    done = motcua("calendar", "show", "2026", *words, "-c", catalogue)
    assert done.code == 2
    assert said in done.line
    assert motcua("calendar", "show", "26", "-c", catalogue).code == 2


# --- closed periods ---------------------------------------------------------------------------------------------------

UNCHANGED = "dữ liệu đầu vào không đổi từ khi chốt"
CHANGED = "dữ liệu đầu vào đã thay đổi từ khi chốt"


def test_a_closed_period_stays_as_it_is(ask: Ask, data: Path) -> None:
    done = ask("period", "close", "2026-10", "--by", "to_truc")
    assert (done.code, done.err) == (0, "")
    digest = re.search(r"2026-10 \(calendar\): đã chốt phiên bản 1, SHA-256 đầu vào ([0-9a-f]{64})", done.out)
    assert digest
    shown = json.loads(ask("period", "show", "2026-10", "--json").out)
    assert (shown["version"], shown["closed_by"], shown["reason"], shown["changed"]) == (1, "to_truc", None, False)
    assert shown["inputs"] == digest[1]
    assert shown["figures"] == rows_of_closed(ask)
    assert one(shown["figures"], "igate", "contractual")["text"] == "99,45%"
    assert shown["verdicts"][0] == {
        "system": "igate", "figure": "contractual", "objective": "199/200", "verdict": "broken",
        "allowed_seconds": "13320", "down_seconds": 14400, "provisional": False, "measured_only": False,
    }  # fmt: skip
    assert UNCHANGED in ask("period", "show", "2026-10").out
    said = ask("availability", "--period", "2026-10", "--system", "igate").out
    assert f"Đã chốt phiên bản 1 lúc 12:00:00 03/11/2026: {UNCHANGED}" in said

    announce(ask)  # found out later: the closed figures stay, the live ones move
    said = ask("period", "show", "2026-10").out
    assert f"{CHANGED}\n" in said
    assert "99,45%" in said
    assert "99,59%" not in said
    said = ask("availability", "--period", "2026-10").out
    assert f"Đã chốt phiên bản 1 lúc 12:00:00 03/11/2026: {CHANGED}\n" in said
    assert "99,59%" in said
    done = ask("availability", "--period", "2026-10", "--json")
    assert CHANGED in done.err
    assert isinstance(json.loads(done.out), list)


@pytest.mark.parametrize("what", ["seconds", "text", "outages", "verdict"])
def test_closed_figures_that_were_edited_are_told(ask: Ask, data: Path, what: str) -> None:
    assert ask("period", "close", "2026-10").code == 0
    with closing(sqlite3.connect(data / "motcua.db")) as database:
        (kept,) = database.execute("SELECT figures FROM periods").fetchone()
        closed = json.loads(kept)
        row = one(closed["rows"], "igate", "raw")
        if what == "seconds":
            row["down_seconds"] = 0
        elif what == "text":
            row["text"] = "100,00%"
        elif what == "outages":
            row["outages"].pop()
        else:
            closed["verdicts"][0]["verdict"] = "met"
        database.execute("UPDATE periods SET figures = ?", [json.dumps(closed)])
        database.commit()
    done = ask("period", "show", "2026-10")
    assert (done.code, done.err) == (1, "")
    assert "SỐ LIỆU ĐÃ CHỐT BỊ SỬA" in done.out
    assert UNCHANGED not in done.out
    done = ask("period", "show", "2026-10", "--json")
    told = json.loads(done.out)
    assert (done.code, told["changed"], told["edited"]) == (1, False, True)
    assert "SỐ LIỆU ĐÃ CHỐT BỊ SỬA" in ask("availability", "--period", "2026-10").out


def rows_of_closed(ask: Ask) -> list[dict[str, Any]]:
    """The live rows of a period that is closed: what is closed is said beside."""
    rows: list[dict[str, Any]] = json.loads(ask("availability", "--period", "2026-10", "--json").out)
    return rows


def test_a_next_version_needs_a_reopening_and_a_reason(ask: Ask) -> None:
    assert ask("period", "close", "2026-10").code == 0
    done = ask("period", "close", "2026-10", "--reason", "vì thế")
    assert (done.code, done.line) == (2, "motcua: 2026-10 (calendar) is closed already, as version 1; reopen it first")
    assert ask("period", "reopen", "2026-10", "--why", "Bổ sung bảo trì", "--by", "to_truc").code == 2  # takes no -c


def test_versions(motcua: Motcua, ask: Ask, data: Path) -> None:
    assert ask("period", "close", "2026-10").code == 0
    reopen = ["period", "reopen", "2026-10", "--data", data]
    assert motcua(*reopen, "--why", "Bổ sung bảo trì", "--by", "to_truc").code == 0
    done = motcua(*reopen, "--why", "lần nữa")
    assert (done.code, done.line) == (2, "motcua: 2026-10 (calendar) is not closed")
    assert "sau đó mở lại" in ask("availability", "--period", "2026-10").out
    announce(ask)
    done = ask("period", "close", "2026-10")
    assert (done.code, done.line) == (2, "motcua: 2026-10 (calendar) was closed before: version 2 needs a reason")
    assert ask("period", "close", "2026-10", "--reason", "Có biên bản bảo trì").code == 0

    first = ask("period", "show", "2026-10", "--version", "1").out
    assert "99,45%" in first
    assert "Mở lại lúc 12:00:00 03/11/2026 bởi to_truc: Bổ sung bảo trì" in first
    assert CHANGED in first
    second = ask("period", "show", "2026-10").out
    assert "99,59%" in second
    assert "Lý do của phiên bản này: Có biên bản bảo trì" in second
    assert UNCHANGED in second
    done = ask("period", "show", "2026-10", "--version", "3")
    assert (done.code, done.line) == (2, "motcua: 2026-10 (calendar) has no version 3, but 2")
    listed = json.loads(ask("period", "list", "--json").out)["periods"]
    assert [(p["name"], p["version"], p["reopened_why"]) for p in listed] == [
        ("2026-10", 1, "Bổ sung bảo trì"), ("2026-10", 2, None),
    ]  # fmt: skip
    assert "Có biên bản bảo trì" in ask("period", "list").out


def test_a_late_outcome_changes_the_inputs(ask: Ask, data: Path, catalogue: Path) -> None:
    assert ask("period", "close", "2026-10").code == 0
    province = load(catalogue.parent, CATALOGUE)
    late = [outcome("portal", "home", slot) for slot in HOME_SILENT]
    known = october()
    with store_in(data) as store:
        store.record([o for o in october("2026-11-03T12:00") if o not in known], province.settings)
    assert UNCHANGED in ask("period", "show", "2026-10").out  # what comes after the period is of no matter to it
    with store_in(data) as store:
        store.record(late, province.settings)
    said = ask("period", "show", "2026-10").out
    assert CHANGED in said
    assert "88,17%" in said


def test_inputs_that_move_no_figure_are_told_apart(ask: Ask, catalogue: Path) -> None:
    assert ask("period", "close", "2026-10").code == 0
    ask(
        *("maintenance", "add", "igate", "--from", "2026-10-06T08:00", "--to", "2026-10-06T09:00"),
        *("--notice", "2026-10-06T08:30"),
    )
    assert f"{CHANGED}, các con số vẫn như đã chốt" in ask("period", "show", "2026-10").out
    catalogue.write_text(CATALOGUE.replace("Cổng dịch vụ công", "Cổng mới"), encoding="utf-8")
    shown = ask("period", "show", "2026-10").out
    assert "Cổng dịch vụ công" in shown  # a closed period keeps its names


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["period", "close", "2026-11"], "2026-11 can be closed from 08:00:10 01/12/2026 on, 28810 s after its end"),
        (["period", "close", "2026-10-1"], "'2026-10-1' is no period of kind calendar"),
        (["period", "show", "2026-10"], "2026-10 (calendar) is not closed"),
        (["period", "show", "2026-10", "--kind", "admin_15_14"], "2026-10 (admin_15_14) is not closed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_period_that_cannot_be_closed_or_shown(ask: Ask, words: list[str], said: str) -> None:
    done = ask(*words)
    assert done.code == 2
    assert said in done.line


def test_a_period_is_settled_one_hold_after_its_end(ask: Ask, today: Callable[[str], None]) -> None:
    today("2026-11-01T08:00:09")
    assert ask("period", "close", "2026-10").code == 2
    today("2026-11-01T08:00:10")
    assert ask("period", "close", "2026-10").code == 0


# --- on PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.live("postgres")
def test_the_same_on_postgresql(motcua: Motcua, catalogue: Path, today: Callable[[str], None]) -> None:
    with servers.postgres() as server:
        env = {"MOTCUA_DATABASE_URL": server.url}
        engine = create_engine(server.url)
        try:
            assert motcua("upgrade", env=env).code == 0
            store = Store.open(server.url)
            store.record(october(), load(catalogue.parent, CATALOGUE).settings)
            store.close()

            def ask(*words: str, **_: Any) -> test_cli.Done:
                return motcua(*words, "-c", catalogue, env=env)

            announce(ask)
            rows = rows_of(ask("availability", "--period", "2026-10", "--json"))
            assert [one(rows, "igate", k)["text"] for k in ("raw", "contractual", "office")] == [
                "98,92%", "99,59%", "96,59%",
            ]  # fmt: skip
            assert one(rows, "igate", "raw")["error_rates"][0]["text"] == "1,08%"
            assert ask("period", "close", "2026-10").code == 0
            assert UNCHANGED in ask("period", "show", "2026-10").out
            assert motcua("period", "reopen", "2026-10", "--why", "vì thế", env=env).code == 0
            assert ask("maintenance", "cancel", "1").code == 0
            assert ask("period", "close", "2026-10", "--reason", "vì thế").code == 0
            with engine.connect() as connection:
                assert connection.execute(text("SELECT count(*) FROM periods")).scalar() == 2
        finally:
            engine.dispose()

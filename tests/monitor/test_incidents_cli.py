"""The commands about incidents: what they say, what they write down, and what they refuse in one line."""

from __future__ import annotations

import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.incident_rules import IncidentRules, IncidentState
from monitor.model import Outcome
from monitor.store import Store
from monitor.words import IMPORTED, SIMULATED
from tests.monitor import test_cli
from tests.monitor.province import store_in
from tests.monitor.store.test_incidents import CATALOGUE, T0, app, day, live_as_it_came, read, told
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
DETECTED = T0 + 200

TERMS = """contracts:
  hire:
    party: vendor
    name: {vi: Hợp đồng thuê, en: Contract}
    terms:
      S2: {response: 1m, fix: 1m, response_from: vendor_notified}
locations:
"""
PROMISED = CATALOGUE.replace("locations:\n", TERMS, 1).replace(
    "    party: vendor\n", "    party: vendor\n    contract: hire\n"
)
# The contract's own party is no system: it must not have a contract.
PROMISED = PROMISED.replace("  hire:\n    party: vendor\n    contract: hire\n", "  hire:\n    party: vendor\n", 1)


def at(second: int) -> str:
    """An instant as it is given to a command."""
    return datetime.fromtimestamp(T0 + second, ZONE).replace(tzinfo=None).isoformat()


def clock(second: int) -> str:
    """The same as a person reads it."""
    return datetime.fromtimestamp(T0 + second, ZONE).strftime("%H:%M:%S %d/%m/%Y")


def story() -> list[Outcome]:
    """The bus is down in [60, 140), the one-stop system stays so in [168, 261), and is again in [1661, 1721)."""
    return day(
        told("bus", "ping", "UUU" + "D" * 4 + "U" * 33),
        app("UUU" + "D" * 10 + "U" * 27, start=1),
        app("UUUDDDUUU", start=1601),
    )


@pytest.fixture
def rules(tmp_path: Path) -> IncidentRules:
    return read(tmp_path, PROMISED)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path / "data") as opened:
        opened.incidents.clock = lambda: float(DETECTED)
        yield opened


Say = Callable[..., test_cli.Done]


@pytest.fixture
def say(motcua: Motcua, store: Store, rules: IncidentRules, tmp_path: Path) -> Say:
    """`motcua incidents words...` on the story: incident 1 is the bus's, 2 and 3 are the one-stop system's."""
    live_as_it_came(store, rules, story())
    return lambda *words, **more: motcua(
        "incidents", *words, "-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data", **more
    )


def told_in(done: test_cli.Done) -> dict[str, Any]:
    assert (done.code, done.err) == (0, "")
    body: dict[str, Any] = json.loads(done.out)
    assert body["simulated"] is True
    return body


def row_of(done: test_cli.Done, text: str) -> str:
    assert (done.code, done.err) == (0, "")
    (row,) = [line for line in done.out.splitlines() if text in line]
    return row


# --- list -------------------------------------------------------------------------------------------------------------


def test_the_list_says_it_in_words(say: Say) -> None:
    done = say("list", "--period", "2026-10")
    assert done.out.startswith(SIMULATED)
    bus = row_of(done, clock(60))
    for words in (
        " 1 ",
        "Trục",
        "Mức 1",
        clock(140),
        "1 phút 20 giây",
        "truy vấn: máy chủ báo lỗi",
        "Trung tâm",
        "Đã khôi phục",
    ):
        assert words in bus
    own = row_of(done, clock(168))
    for words in (" 2 ", "Một cửa", "Mức 2", clock(261), "1 phút 33 giây", "Nhà thầu"):
        assert words in own
    assert "Do cán bộ báo" not in done.out


def test_the_list_for_programs(say: Say) -> None:
    body = told_in(say("list", "--since", at(0), "--until", at(3600), "--json"))
    assert body["reported"] == []
    assert [(i["id"], i["system"], i["start"] - T0, i["end"] - T0, i["down_seconds"]) for i in body["incidents"]] == [
        (1, "bus", 60, 140, 80), (2, "app", 168, 261, 93), (3, "app", 1661, 1721, 60),
    ]  # fmt: skip
    first = body["incidents"][0]
    assert (first["state"], first["severity"], first["party"], first["reason"], first["detected_at"]) == (
        "restored", "S1", "centre", "http_5xx", DETECTED,
    )  # fmt: skip


def test_a_part_of_the_list(say: Say) -> None:
    def ids(*words: str) -> list[int]:
        return [i["id"] for i in told_in(say("list", *words, "--json"))["incidents"]]

    assert ids("--period", "2026-10", "--system", "app") == [2, 3]
    assert ids("--since", at(140), "--until", at(1661)) == [2]
    assert ids("--period", "2026-09") == []
    assert ids("--period", "2026-09-30..2026-10-01") == [1, 2, 3]
    assert ids("--period", "2026-10", "--state", "closed") == []
    say("close", "1", "--why", "xong")
    assert ids("--period", "2026-10", "--state", "closed") == [1]
    assert ids() == []  # they are more than 30 days ago


def test_withdrawn_ones_are_shown_where_they_are_asked_for(say: Say, store: Store, rules: IncidentRules) -> None:
    store.record(
        [*told("portal", "home", "U-D-D-D"), *told("portal", "home", "U" * 7, place="branch")],
        rules.catalogue.settings,
        rules=rules,
    )
    late = [*told("lists", "call", "U-D-D-D-UU", start=2000)]
    store.record(late, rules.catalogue.settings, rules=rules)
    store.record(told("lists", "call", "---U-U", start=2000), rules.catalogue.settings, rules=rules)
    listed = told_in(say("list", "--period", "2026-10", "--json"))["incidents"]
    assert [i["id"] for i in listed] == [1, 2, 3]
    (gone,) = told_in(say("list", "--period", "2026-10", "--state", "withdrawn", "--json"))["incidents"]
    assert (gone["system"], gone["state"]) == ("lists", "withdrawn")
    assert len(told_in(say("list", "--period", "2026-10", "--state", "all", "--json"))["incidents"]) == 4


def test_one_that_goes_on_has_its_seconds_as_of_now(say: Say, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(told("lists", "call", "UUUDDD", start=3000)))
    (found,) = told_in(say("list", "--period", "2026-10", "--state", "open", "--json"))["incidents"]
    assert (found["system"], found["end"], found["down_seconds"]) == ("lists", None, 40 + 48)
    row = row_of(say("list", "--period", "2026-10", "--system", "lists"), clock(3060))
    assert "Đang diễn ra" in row
    assert "1 phút 28 giây" in row


# --- show -------------------------------------------------------------------------------------------------------------


def test_an_incident_in_full(say: Say) -> None:
    say("ack", "2", "--at", at(260), "--by", "truc_ban")
    say("notify-vendor", "2", "--at", at(180), "--ticket", "INC-0042")
    say("answer", "2", "--at", at(250), "--claims-start", at(175), "--claims-end", at(231))
    say("note", "2", "--text", "Mất điện tại phòng máy")
    done = say("show", "2")
    assert done.out.startswith(SIMULATED)
    for label, said in (
        ("Tình trạng", "Đã khôi phục"),
        ("Mức độ", "Mức 2"),
        ("Bắt đầu", f"{clock(168)} (nhà thầu khai {clock(175)}, muộn hơn 7 giây)"),
        ("Kết thúc", f"{clock(261)} (nhà thầu khai {clock(231)}, sớm hơn 30 giây)"),
        ("Gián đoạn ", "1 phút 33 giây (93 giây)"),
        ("Trước đó", "107 giây không truy cập được qua Trục"),
        ("Tiếp nhận", clock(260)),
        ("Báo nhà thầu", clock(180)),
        ("Nhà thầu trả lời", clock(250)),
        ("Bên chịu trách nhiệm", "Nhà thầu"),
        ("Nguyên nhân gốc", "Một cửa"),
    ):
        row = next(line for line in done.out.splitlines() if line.strip().startswith(label))
        assert said in row
    assert "Hợp đồng thuê: phản hồi trong 1 phút, khắc phục trong 1 phút (24/7)" in done.out
    assert "VI PHẠM thời hạn phản hồi: 1 phút 10 giây, cam kết 1 phút;" in done.out
    assert "VI PHẠM thời hạn khắc phục: 1 phút 33 giây" in done.out
    assert "phiếu INC-0042" in done.out
    assert "Mất điện tại phòng máy" in done.out


def test_an_incident_in_full_for_programs(say: Say) -> None:
    say("answer", "2", "--at", at(250), "--claims-end", at(231))
    say("notify-vendor", "2", "--at", at(180))
    whole = told_in(say("show", "2", "--json"))
    assert whole["incident"]["root_cause"] == "app"
    assert whole["parents"] == [{"system": "bus", "seconds": 107}]
    assert whole["affected"] == []
    assert whole["claims"] == {"start": None, "end": T0 + 231}
    assert whole["clocks"] == {
        "started": T0 + 168, "detected": DETECTED, "acknowledged": None, "vendor_notified": T0 + 180,
        "vendor_answered": T0 + 250, "restored": T0 + 261, "closed": None,
    }  # fmt: skip
    assert whole["terms"] == {
        "response_seconds": 60, "fix_seconds": 60, "clock": "24x7", "response_from": "vendor_notified",
    }  # fmt: skip
    assert whole["breaches"] == [
        {"term": "response", "allowed_seconds": 60, "elapsed_seconds": 70},
        {"term": "restoration", "allowed_seconds": 60, "elapsed_seconds": 93},
    ]
    assert [(fact["kind"], fact["by"]) for fact in whole["facts"]] == [
        ("vendor_answered", "cli"), ("vendor_notified", "cli"),
    ]  # fmt: skip
    bus = told_in(say("show", "1", "--json"))
    assert bus["affected"] == [{"system": "app", "start": T0 + 61, "end": T0 + 168, "seconds": 107}]
    assert (bus["terms"], bus["breaches"]) == (None, [])
    assert "Hệ thống không truy cập được vì sự cố này" in say("show", "1").out


def test_what_is_another_partys_breaks_no_term(say: Say, store: Store) -> None:
    done = say("attribute", "2", "--party", "carrier", "--root-cause", "bus", "--why", "Đứt cáp", "--by", "lanh_dao")
    assert done.code == 0
    assert "quy trách nhiệm" in done.out
    shown = say("show", "2").out
    assert "Nhà mạng (lanh_dao quyết định)" in shown
    assert "không áp dụng: bên chịu trách nhiệm là Nhà mạng" in shown
    assert re.search(r"Nguyên nhân gốc +Trục", shown)
    assert told_in(say("show", "2", "--json"))["breaches"] == []
    (decision,) = store.incidents.attributions()
    assert (decision.system, decision.start - T0, decision.end - T0, decision.party) == ("app", 168, 261, "carrier")
    say("attribute", "2", "--party", "vendor", "--why", "Xem lại biên bản")
    assert len(told_in(say("show", "2", "--json"))["breaches"]) == 1
    assert [decision.party for decision in store.incidents.attributions()] == ["vendor"]
    assert len(store.incidents.facts(2)) == 2


def test_terms_in_working_hours(say: Say, tmp_path: Path) -> None:
    """1 October 2026 is a Thursday; the incident begins at 03:29:28 and ends at 03:31:01."""
    calendar = """calendars:
  state:
    hours: {thu: ["02:00-03:30"]}
    years: {2026: {confirmed: true, days: []}}
systems:
"""
    text = PROMISED.replace("systems:\n", calendar, 1).replace("response_from: vendor_notified", "clock: working_hours")
    (tmp_path / "catalogue.yaml").write_text(text, encoding="utf-8")
    assert told_in(say("show", "2", "--json"))["breaches"] == []  # 32 s of it
    (tmp_path / "catalogue.yaml").write_text(text.replace("03:30", "03:31"), encoding="utf-8")
    assert told_in(say("show", "2", "--json"))["breaches"] == [
        {"term": "restoration", "allowed_seconds": 60, "elapsed_seconds": 92}
    ]
    (tmp_path / "catalogue.yaml").write_text(
        text.replace("{2026: {confirmed: true, days: []}}", "{}"), encoding="utf-8"
    )
    assert told_in(say("show", "2", "--json"))["breaches"] is None
    assert "chưa xét được: lịch làm việc chưa có năm 2026" in say("show", "2").out


# --- what people did --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ack", "1", "--at", at(150)], f"Sự cố 1: đã tiếp nhận, {clock(150)}, cli"),
        (["ack", "1", "--at", at(150), "--by", "truc.ban-2"], f"Sự cố 1: đã tiếp nhận, {clock(150)}, truc.ban-2"),
        (["notify-vendor", "1", "--at", at(150), "--ticket", "A/7"], f"đã báo nhà thầu, {clock(150)}, cli: phiếu A/7"),
        (["answer", "1", "--at", at(170), "--claims-end", at(141)], f"nhà thầu đã trả lời, {clock(170)}, cli"),
        (["note", "1", "--at", at(170), "--text", " Đã gọi trực "], f"ghi chú, {clock(170)}, cli: Đã gọi trực\n"),
        (["close", "1", "--at", at(170), "--why", "Đã thay máy"], f"đã đóng, {clock(170)}, cli: Đã thay máy"),
    ],
    ids=["ack", "by", "notify-vendor", "answer", "note", "close"],
)  # fmt: skip
def test_what_is_written_down_is_said(say: Say, words: list[str], said: str) -> None:
    done = say(*words)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(SIMULATED)
    assert said in done.out


def test_who_writes_may_stand_in_the_environment(say: Say, store: Store) -> None:
    say("ack", "1", env={"MOTCUA_BY": "truc_ban"})
    assert [fact.by for fact in store.incidents.facts(1)] == ["truc_ban"]


def test_a_closed_incident(say: Say, store: Store) -> None:
    say("close", "1", "--at", at(170), "--why", "Đã thay máy")
    record = store.incidents.get(1)
    assert (record.state, record.end) == (IncidentState.CLOSED, T0 + 140)
    assert store.incidents.clocks(1).closed == T0 + 170
    assert "Đã đóng" in row_of(say("list", "--period", "2026-10"), clock(60))


BAD = [
    (["show", "99"], "there is no incident 99"),
    (["ack", "99"], "there is no incident 99"),
    (["ack", "1", "--at", "2099-01-01"], "the instant lies in the future"),
    (["ack", "1", "--at", "2026-09-01"], "the instant lies more than a day before incident 1 began"),
    (["ack", "1", "--by", "Nguyễn Văn A"], "'Nguyễn Văn A' is no account: letters a-z, digits, "),
    (["ack", "1", "--by", "a@b.vn"], "'a@b.vn' is no account: "),
    (["note", "1", "--text", "  "], "the text is empty"),
    (["note", "1", "--text", "x" * 2001], "the text has 2001 characters; 2000 at most"),
    (["note", "1", "--text", "CCCD 000000000000"], "the text has a number of 9 or 12 digits, as identity"),
    (["note", "1", "--text", "gọi 0900 000 000"], "the text has what looks like a telephone number"),
    (["notify-vendor", "1", "--ticket", "số 7"], "'số 7' is no ticket: letters, digits and ._/#-, 40 at most"),
    (["notify-vendor", "1", "--ticket", "000000000"], "the text has a number of 9 or 12 digits"),
    (["answer", "1", "--claims-end", "2099-01-01"], "the vendor's time lies in the future"),
    (["answer", "1", "--claims-start", at(100), "--claims-end", at(99)], "by the vendor's times it ends before"),
    (["attribute", "1", "--party", "carier", "--why", "x"], "party carier is not in the catalogue (vendor, centre"),
    (["attribute", "1", "--party", "carrier", "--root-cause", "x", "--why", "x"], "system x is not in the catalogue"),
    (["attribute", "1", "--party", "carrier", "--why", "số 000 000 000"], "the text has a number of 9 or 12 digits"),
    (["close", "1", "--why", "x", "--at", at(139)], "the instant lies before the end of incident 1"),
    (["report", "nowhere", "--since", at(0), "--text", "x"], "system nowhere is not in the catalogue (bus, app, "),
    (["report", "app", "--since", "2099-01-01", "--text", "x"], "the instant lies in the future"),
    (["report", "app", "--since", at(0), "--until", at(0), "--text", "x"], "it ends before it begins"),
    (["report", "app", "--since", at(0), "--text", "gọi +84900000000"], "the text has what looks like"),
    (["list", "--system", "nowhere"], "system nowhere is not in the catalogue (bus, app, "),
    (["list", "--period", "2026-13"], "'2026-13' is no period of kind calendar; "),
    (["summary", "--period", "2098-01"], "2098-01 has not begun"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "said"), BAD, ids=[f"{n} {words[0]}" for n, (words, _) in enumerate(BAD)])
def test_what_cannot_be_is_refused_in_one_line(say: Say, store: Store, words: list[str], said: str) -> None:
    done = say(*words)
    assert done.code == 2
    assert done.line.startswith("motcua") and f": {said}" in done.line
    assert not any(store.incidents.facts(record.id) for record in store.incidents.list(0, 1 << 40))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "--period", "2026-10", "--since", at(0)], "--period and --since, --until are two ways to say it"),
        (["list", "--since", at(5), "--until", at(5)], "--since comes before --until"),
        (["list", "--state", "shut"], "Invalid value for '--state'"),
        (["show", "x"], "Invalid value for 'ID'"),
        (["show", "0"], "Invalid value for 'ID'"),
        (["note", "1"], "Missing option '--text'"),
        (["close", "1"], "Missing option '--why'"),
        (["ack", "1", "--at", "gestern"], "Invalid value for '--at': 'gestern' is no instant"),
    ],
)
def test_words_that_are_wrong(say: Say, words: list[str], said: str) -> None:
    done = say(*words)
    assert done.code == 2
    assert done.line.startswith(f"motcua incidents {words[0]}: {said}")


def test_what_stands_otherwise_is_refused(say: Say, store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(told("lists", "call", "UUUDDD", start=3000)))
    assert say("close", "4", "--why", "x").line == "motcua: incident 4 goes on; it can be closed once it is over"
    assert say("close", "1", "--why", "x").code == 0
    assert say("close", "1", "--why", "x").line == "motcua: incident 1 is closed already"
    store.record(told("lists", "call", "---U", every=15, start=3020), rules.catalogue.settings, rules=rules)
    assert say("ack", "4").line == "motcua: incident 4 was withdrawn"
    assert say("note", "4", "--text", "báo nhầm").code == 0


TEXTS = [
    "Từ 01/10/2026 14:05:09 đến 2026-10-02 08:30",
    "ngày 01-10-2026 14:05",
    "máy chủ 192.168.100.200 lỗi HTTP 503, hồ sơ 000.00.00.H00-261001-0001",
    "1.234.567 bản ghi trong 45 phút",
]


@pytest.mark.parametrize(
    "text", ["gọi (000) 000 0000", "gọi 0000–000–000", "số 00 00 00 000000", "thư a@hop-thu.invalid", "x\udc80"]
)
def test_however_a_number_is_grouped_it_is_one(say: Say, store: Store, text: str) -> None:
    before = len(store.incidents.facts(1))
    assert say("note", "1", "--text", text).code == 2
    assert len(store.incidents.facts(1)) == before


@pytest.mark.parametrize("text", TEXTS)
def test_dates_addresses_and_counts_are_no_personal_data(say: Say, text: str) -> None:
    assert say("note", "1", "--text", text).code == 0


@pytest.mark.parametrize(
    "text",
    [
        "000000000", "000 000 000", "số 000-000-000", "000000000000", "0000 0000 0000", "000.000.000.000.",
        "CCCD:000000000000", "0900000000", "09.00.00.00.00", "+84900000000", "84 900 000 000", "024 0000 0000",
        "０９０００００００００",
    ],
)  # fmt: skip
def test_numbers_of_persons_are(say: Say, text: str) -> None:
    done = say("note", "1", "--text", f"gọi {text} nhé")
    assert done.code == 2
    assert "leave personal data out" in done.line


# --- reported ---------------------------------------------------------------------------------------------------------


def test_what_desk_staff_report_is_listed_apart_and_counts_nowhere(say: Say, store: Store) -> None:
    before = told_in(say("summary", "--period", "2026-10", "--json"))
    done = say("report", "app", "--since", at(300), "--text", "Không in được giấy hẹn", "--by", "mot_cua")
    assert (done.code, done.err) == (0, "")
    assert f"Sự cố 4: Một cửa, mức 2, cán bộ báo, từ {clock(300)}" in done.out
    body = told_in(say("list", "--period", "2026-10", "--json"))
    assert [i["id"] for i in body["incidents"]] == [1, 2, 3]
    (reported,) = body["reported"]
    assert (reported["kind"], reported["state"], reported["start"] - T0, reported["end"]) == (
        "reported",
        "open",
        300,
        None,
    )
    listed = say("list", "--period", "2026-10").out
    assert listed.index("Do cán bộ báo (không tính vào độ sẵn sàng)") < listed.index(clock(300))
    assert "Không in được giấy hẹn" in say("show", "4").out
    assert told_in(say("summary", "--period", "2026-10", "--json")) == before
    assert say("attribute", "4", "--party", "vendor", "--why", "x").line == (
        "motcua: incident 4 is no outage of a system: there are no seconds to attribute"
    )
    assert say("close", "4", "--at", at(299), "--why", "x").line.startswith("motcua: the instant lies before the end")
    assert say("close", "4", "--at", at(900), "--why", "Đã cài lại máy in").code == 0
    record = store.incidents.get(4)
    assert (record.state, record.end) == (IncidentState.CLOSED, T0 + 900)


def test_a_report_of_what_is_over(say: Say, store: Store, rules: IncidentRules) -> None:
    say("report", "app", "--since", at(300), "--until", at(600), "--text", "Chậm", "--severity", "S4")
    record = store.incidents.get(4)
    assert (record.state, record.end, record.severity, record.down_seconds) == ("restored", T0 + 600, "S4", 0)
    store.rebuild(rules.catalogue.settings, rules=rules)
    assert store.incidents.get(4) == record


# --- summary ----------------------------------------------------------------------------------------------------------


def test_the_summary_of_a_period(say: Say) -> None:
    """The one-stop system is up for 60 + 568 + 60 + 88 s, the bus for 60 + 688 s."""
    say("ack", "2", "--at", at(260))  # 60 s after its detection
    say("attribute", "3", "--party", "carrier", "--why", "Đứt cáp")
    body = told_in(say("summary", "--period", "2026-10", "--kind", "calendar", "--json"))
    systems = {row.pop("system"): row for row in body["systems"]}
    assert systems["app"] == {
        "number": 2, "down_seconds": 153, "mtta_seconds": 60, "mttr_seconds": 77, "mtbf_seconds": 388,
        "repeats_7d": 1, "repeats_30d": 1,
    }  # fmt: skip
    assert systems["bus"] == {
        "number": 1, "down_seconds": 80, "mtta_seconds": None, "mttr_seconds": 80, "mtbf_seconds": 748,
        "repeats_7d": 0, "repeats_30d": 0,
    }  # fmt: skip
    assert systems["portal"]["number"] == 0
    assert systems["portal"]["mttr_seconds"] is None
    parties = {row.pop("party"): row for row in body["parties"]}
    assert [(p, t["number"], t["down_seconds"], t["mtbf_seconds"], t["repeats_7d"]) for p, t in parties.items()] == [
        ("vendor", 1, 93, 776, 0), ("centre", 1, 80, 748, 0), ("carrier", 1, 60, None, 0),
    ]  # fmt: skip
    assert (body["all"]["number"], body["all"]["mttr_seconds"], body["all"]["mtbf_seconds"]) == (3, 78, 508)
    # The one-stop system after the bus repeats nothing: each system counts its own.
    assert (body["all"]["repeats_7d"], body["all"]["repeats_30d"], body["left_out"]) == (1, 1, 0)


def test_the_summary_in_words(say: Say) -> None:
    done = say("summary", "--period", "2026-10-01..2026-10-31", "--kind", "custom")
    assert done.out.startswith(SIMULATED)
    row = row_of(done, "Một cửa")
    assert re.search(r"2 +│ +2 phút 33 giây +│ +không có +│ +1 phút 17 giây +│ +6 phút 28 giây +│ +1 +│ +1 ", row)


# --- imported outcomes ------------------------------------------------------------------------------------------------


def test_what_rests_on_imported_outcomes_is_marked_and_not_judged(
    say: Say, store: Store, rules: IncidentRules, motcua: Motcua, tmp_path: Path
) -> None:
    """What an import alone tells is marked; one that says what was measured anyway, of another time, marks nothing."""
    told_elsewhere = day(app("UUUDDDDDDDUUU", start=4001), told("bus", "ping", "U" * 4, start=702))
    imported = [replace(o, origin="imported") for o in told_elsewhere]
    store.record(imported, rules.catalogue.settings, rules=rules)
    listed = {i["id"]: i for i in told_in(say("list", "--period", "2026-10", "--json"))["incidents"]}
    assert [i["imported"] for i in listed.values()] == [False, False, False, True]
    assert IMPORTED.split()[0] in row_of(say("list", "--period", "2026-10"), clock(listed[4]["start"] - T0))

    for id_ in (2, 4):
        say("notify-vendor", str(id_), "--at", at(listed[id_]["start"] - T0))
    own, brought = (told_in(say("show", str(id_), "--json")) for id_ in (2, 4))
    assert {b["term"] for b in own["breaches"]} == {"response", "restoration"}
    assert brought["breaches"] is None
    assert brought["incident"]["imported"] is True
    shown = say("show", "4").out
    assert IMPORTED in row_of(say("show", "4"), "Nguồn số liệu")
    assert "VI PHẠM" not in shown
    assert IMPORTED not in say("show", "2").out

    body = told_in(say("summary", "--period", "2026-10", "--json"))
    assert (body["all"]["number"], body["left_out"]) == (3, 1)
    assert f"Không tính 1 sự cố {IMPORTED}" in say("summary", "--period", "2026-10").out

    where = ("-c", tmp_path / "catalogue.yaml", "--data", tmp_path / "data")
    for number, is_said in (("2", False), ("4", True)):
        assert motcua("evidence", "export", number, "--out", tmp_path / f"{number}.zip", *where).code == 0
        with zipfile.ZipFile(tmp_path / f"{number}.zip") as packet:
            assert (IMPORTED in packet.read("QUY-TRINH.md").decode()) is is_said
            assert json.loads(packet.read("incident.json"))["imported"] is is_said


# --- beside a recorder ------------------------------------------------------------------------------------------------


def test_people_write_while_a_recorder_is_at_work(say: Say, store: Store, rules: IncidentRules) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for one in day(
                told("portal", "home", "UUUDDDUU" * 40), told("portal", "home", "UUUDDDUU" * 40, place="branch")
            ):
                store.record([one], rules.catalogue.settings, rules=rules)
                time.sleep(0.01)  # a recorder waits for messages; SQLite's lock is not given out in turn
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    recorder = threading.Thread(target=work)
    recorder.start()
    notes = 0
    while recorder.is_alive() or not notes:
        assert say("note", "1", "--text", "đang theo dõi").code == 0
        notes += 1
    recorder.join()
    assert not failures
    assert len(store.incidents.facts(1)) == notes
    assert len(store.incidents.list(0, 1 << 40, "portal")) > 0

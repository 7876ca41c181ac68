"""The commands `motcua dossiers` on a simulated province: collect, form, index766, impact, reconcile, end to end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors import CONNECTORS
from connectors.sandbox import Sandbox, spawn
from monitor import catalogue as catalogues
from monitor import collection
from monitor.cli import dossiers as commands
from monitor.dossiers import Channel, Dossier, Status, Unit
from monitor.incidents import Severity
from monitor.model import Reason, Settings
from monitor.store.dossiers import Progress
from monitor.wiring import example_catalogue
from tests.connectors.harness import ENGINE_WARNS
from tests.monitor import test_cli
from tests.monitor.province import outcome, store_in
from tests.monitor.test_cli import Motcua

pytestmark = ENGINE_WARNS

motcua = test_cli.motcua


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sets up logs of the whole process."""
    monkeypatch.setattr(commands, "log_to_stderr", lambda **_: None)


ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ENVIRONMENT: dict[str, str] = {}
SMALL_UNIT = "Ban Quản lý Khu kinh tế (mô phỏng)"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with spawn(year=2025, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    ENVIRONMENT.update(running.environment)
    yield running
    running.clear()


def run(motcua: Motcua, *words: Any, code: int = 0) -> Any:
    done = motcua("dossiers", *words, "--data", "data", "-c", example_catalogue(), env=ENVIRONMENT)
    assert done.code == code, done.err
    return done


def read(motcua: Motcua, *words: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(motcua, *words, "--json").out)
    assert found["simulated"] is True
    return found


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def test_a_month_from_igate_to_the_form_to_the_index_to_the_portal(motcua: Motcua, sandbox: Sandbox) -> None:
    month = "--period", "2025-12"
    done = read(motcua, "collect", *month, "--rate", 20)
    assert (done["statistics"], done["bad"], done["resumed"]) == (1, [], False)

    form = read(motcua, "form", *month)
    # What was open before December and has not changed since may be missing.
    assert (form["source"], form["provisional"], form["violations"], form["differences"]) == ("dossiers", True, [], [])
    assert "còn thiếu" in form["notes"][0]
    assert len(form["rows"]) == 11
    assert form["total"]["received"] == sum(row["received"] for row in form["rows"]) == 9226
    assert read(motcua, "form", *month, "--source", "statistics")["total"] == form["total"]
    sectors = read(motcua, "form", *month, "--by", "sector", "--unit", "Sở Tư pháp (mô phỏng)")
    assert sectors["rows"][0]["unit"] == "Sở Tư pháp (mô phỏng)"
    assert sum(row["received"] for row in sectors["rows"]) == next(
        row["received"] for row in form["rows"] if row["unit"] == "Sở Tư pháp (mô phỏng)"
    )

    unnamed = json.loads(motcua("dossiers", "form", *month, "--json", "--data", "data").out)
    assert (unnamed["simulated"], unnamed["total"]) == (True, form["total"])

    early = read(motcua, "form", "--period", "2025-11")
    assert early["provisional"] and "chỉ có hồ sơ thay đổi từ 01/12/2025 00:00" in early["notes"]
    assert "không chốt được" in run(motcua, "form", "--period", "2025-11", "--close", code=2).err
    assert "không chốt được" in run(motcua, "form", *month, "--close", code=2).err

    assert read(motcua, "index766", "--period", "2025-11")["provisional"] is True
    index = {row["component"]: row for row in read(motcua, "index766", *month)["rows"]}
    assert (index["2.1"]["numerator"], index["2.1"]["denominator"]) == (9226, 9226)
    assert (index["2.1"]["own_estimate"], index["2.1"]["official_score"]) == (20.0, None)
    assert (index["3.3"]["own_estimate"], index["3.3"]["text"]) == (None, "không tính được")

    portal = read(motcua, "reconcile", *month, "--unit", SMALL_UNIT, "--rate", 20)
    (expected,) = [row["new_online"] + row["new_direct"] for row in form["rows"] if row["unit"] == SMALL_UNIT]
    assert portal["total"] == {
        "igate": expected, "asked": expected, "found": expected, "missing": 0, "unanswered": 0,
    }  # fmt: skip
    assert {row["unit"] for row in portal["rows"]} == {SMALL_UNIT}
    shown = {row["component"]: row for row in read(motcua, "index766", *month, "--unit", SMALL_UNIT)["rows"]}
    assert "nhân tỷ lệ đồng bộ 100,00%" in shown["3.3"]["note"]
    assert shown["3.3"]["own_estimate"] == 6.0

    sandbox.fault("national.call", "no_match")
    other = read(
        motcua, "reconcile", "--period", "2025-12-01..2025-12-03", "--unit", "Sở Nội vụ (mô phỏng)", "--rate", 20
    )
    assert other["total"]["missing"] == other["total"]["asked"] > 0
    assert all(row["rate"] == 0 and len(row["missing"]) == row["igate"] for row in other["rows"])
    sandbox.clear()
    again = read(
        motcua, "reconcile", "--period", "2025-12-01..2025-12-03", "--unit", "Sở Nội vụ (mô phỏng)", "--rate", 20
    )
    assert again["total"]["found"] == other["total"]["igate"]

    sandbox.fault("national.call", "http_500")
    failed = run(motcua, "reconcile", "--period", "2025-12-04..2025-12-04", "--unit", "Sở Nội vụ (mô phỏng)", code=1)
    assert "không trả lời câu nào" in failed.err


def test_what_igate_has_no_more_is_shown(motcua: Motcua, sandbox: Sandbox) -> None:
    days = "--period", "2025-12-29..2025-12-31"
    assert read(motcua, "collect", *days, "--only", "dossiers", "--rate", 20)["gone"] is None
    before = read(motcua, "form", *days)
    assert before["gone"] == []
    with store_in(Path("data")) as store:
        was = before["total"]["received"]
        store.dossiers.keep([dossier(1, accepted="2025-12-30 08:00", updated="2025-12-30")], ZONE)
    assert read(motcua, "collect", *days, "--gone", "--rate", 20)["gone"] == ["H00-0001"]
    form = read(motcua, "form", *days)
    assert (form["gone"], form["total"]["received"]) == (["H00-0001"], was + 1)
    assert read(motcua, "form", *days, "--unit", "Sở Y tế (mô phỏng)")["gone"] == []
    assert "iGate không còn (có thể đã bị xóa): 1: H00-0001" in run(motcua, "form", *days).out
    again = run(motcua, "collect", *days, "--gone", "--rate", 20)
    assert "Hồ sơ mới thấy không còn trên iGate: 0\n" in again.out
    assert "--gone goes with" in run(motcua, "collect", "--gone", "--every", "15m", code=2).err


def test_a_collection_that_fails_says_so_in_one_line(motcua: Motcua, sandbox: Sandbox) -> None:
    sandbox.fault("igate.search", "http_403")
    done = run(motcua, "collect", code=1)
    assert done.err.splitlines()[-1] == "motcua: step dossiers: auth_failed (HTTP 403)"
    assert "only" in run(motcua, "collect", "--only", "statistics", code=2).err


def test_statistics_in_the_place_of_dossiers_where_the_catalogue_says_so(
    motcua: Motcua, sandbox: Sandbox, tmp_path: Path
) -> None:
    text = (
        example_catalogue()
        .read_text(encoding="utf-8")
        .replace("\ndossiers:\n", "\ndossiers:\n  source: statistics\n", 1)
    )
    (tmp_path / "counted.yaml").write_text(text, encoding="utf-8")
    words = "dossiers", "collect", "--json", "--data", "data", "-c", tmp_path / "counted.yaml"
    done = motcua(*words, env=ENVIRONMENT)
    assert (done.code, json.loads(done.out)["statistics"]) == (0, 1), done.err
    assert "new" not in json.loads(done.out)
    bare = text.replace("paths: {statistics:", "paths: {search: /pa/dossier/search} #")
    (tmp_path / "counted.yaml").write_text(bare, encoding="utf-8")
    failed = motcua(*words, env=ENVIRONMENT)
    assert (failed.code, failed.err) == (
        2,
        "motcua: dossiers.source is statistics, which needs igate paths.statistics\n",
    )


def test_a_reconciliation_that_is_broken_off_goes_on(
    motcua: Motcua, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = "--period", "2025-12-30..2025-12-31"
    run(motcua, "collect", *days, "--only", "dossiers", "--rate", 20)
    with store_in(Path("data")) as store:
        codes = [code for code, *_ in store.dossiers.accepted_in(at("2025-12-30"), at("2026-01-01"))][:20]
    province = catalogues.load(example_catalogue(), CONNECTORS, {**os.environ, **ENVIRONMENT})
    kept: dict[str, bool | None] = {}
    sleep, slept = time.sleep, list[float]()

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        slept.append(seconds)
        if len(slept) == 15:
            raise KeyboardInterrupt

    monkeypatch.setattr("monitor.collection.time.sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collection.on_portal(province, "national_portal", next(iter(province.locations)), codes, 20, kept.update)
    assert 0 < len(kept) < 15  # what was answered, though it was less than is kept at once
    assert set(kept) < set(codes[:15]) and all(kept.values())
    monkeypatch.undo()


def test_reconciled_days_are_those_that_are_collected(motcua: Motcua, sandbox: Sandbox) -> None:
    with store_in(Path("data")):
        pass
    days = "--period", "2025-12-30..2025-12-31"
    assert "chưa thu thập hồ sơ nào" in run(motcua, "reconcile", *days, code=2).err
    run(motcua, "collect", *days, "--only", "dossiers", "--rate", 20)
    early = "--period", "2025-11", "--no-ask"
    found = read(motcua, "reconcile", *early)
    assert (found["provisional"], found["notes"]) == (True, ["chỉ có hồ sơ thay đổi từ 30/12/2025 00:00"])
    assert "Tạm tính: chỉ có hồ sơ thay đổi từ 30/12/2025 00:00" in run(motcua, "reconcile", *early).out
    assert read(motcua, "reconcile", *days, "--no-ask")["provisional"] is False


def test_points_are_imported_beside_the_estimate(motcua: Motcua, tmp_path: Path, sandbox: Sandbox) -> None:
    path = tmp_path / "766.csv"
    path.write_text("Mã thành phần;Điểm;Tử số;Mẫu số\n2.1;19,5;;\n1.4;5,4;90;100\n", encoding="utf-8")
    assert "--period" in run(motcua, "import", path, code=2).err
    run(motcua, "import", path, "--period", "2025-12")
    found = read(motcua, "index766", "--period", "2025-12")
    rows = {row["component"]: row for row in found["rows"]}
    assert (rows["2.1"]["official_score"], rows["2.1"]["own_estimate"], rows["2.1"]["text"]) == (19.5, None, "19,50")
    assert found["total"] == {"own_estimate": None, "official_score": None, "max": 100, "class": None}


def dossier(number: int, **values: Any) -> Dossier:
    made = Dossier(
        f"H00-{number:04d}", "A", "p", "s", Channel.ONLINE, Status.PROCESSING, None, None, None, None, at("2026-03-10")
    )
    for name, value in values.items():
        object.__setattr__(made, name, at(value) if isinstance(value, str) else value)
    return made


@pytest.fixture
def with_an_outage(motcua: Motcua) -> None:
    """iGate was away on Tuesday 10/03/2026 from 08:00 to 10:00; two dossiers came, where 4 and 6 came before."""
    submitted = ["2026-03-10 08:30", "2026-03-10 09:59", "2026-03-10 10:00"]
    submitted += [f"2026-03-03 08:{n:02d}" for n in range(4)] + [f"2026-02-24 09:{n:02d}" for n in range(6)]
    submitted += [f"2026-02-17 08:{n:02d}" for n in range(50)]  # in Tết: not compared
    made = [dossier(n, applied=instant) for n, instant in enumerate([*submitted, "2026-02-16"])]
    due = {"accepted": "2026-03-01"}
    made += [
        dossier(101, due="2026-03-10 09:00", **due),
        dossier(102, due="2026-03-11 17:00", ended="2026-03-11 16:00", **due),
        dossier(103, due="2026-03-11 17:00", ended="2026-03-12 08:00", **due),
        dossier(104, due="2026-03-12 17:00", **due),  # two working days after
        dossier(105, due="2026-03-10 09:00", ended="2026-03-10 07:59", **due),  # done before
        dossier(106, due="2026-03-11 17:00", accepted="2026-03-10 11:00"),  # came after
        dossier(107, **due),
    ]
    with store_in(Path("data")) as store:
        done = Progress("igate", watermark=1, since=0, until=at("2026-04-01"))
        store.dossiers.keep(made, ZONE, units=[Unit("A", "Sở A")], progress=done)
        asked = dossier(107, status=Status.SUPPLEMENT, updated="2026-03-10 09:15", **due)
        store.dossiers.keep([asked], ZONE)
        store.incidents.report(
            "igate", Severity.S1, "cli", "mat ket noi", start=at("2026-03-10 08:00"), end=at("2026-03-10 10:00")
        )


def test_weeks_that_are_known_in_part_are_not_compared(motcua: Motcua, sandbox: Sandbox, with_an_outage: None) -> None:
    with store_in(Path("data")) as store:
        since = Progress("igate", watermark=1, since=at("2026-03-01"), until=at("2026-04-01"))
        store.dossiers.keep([], ZONE, progress=since)
    (touched,) = read(motcua, "impact", "--period", "2026-03")["incidents"]
    assert (touched["received"], touched["expected"], touched["weeks"]) == (2, 4.0, 1)


def test_what_an_outage_touched(motcua: Motcua, sandbox: Sandbox, with_an_outage: None) -> None:
    found = read(motcua, "impact", "--period", "2026-03")
    (touched,) = found["incidents"]
    assert (touched["received"], touched["expected"], touched["missing"], touched["weeks"]) == (2, 5.0, 3.0, 2)
    assert touched["due"] == ["H00-0101", "H00-0102", "H00-0103"]
    assert touched["overdue"] == ["H00-0101", "H00-0103"]
    assert touched["supplements"] == ["H00-0107"]
    assert found["note"] == commands.CORRELATION
    text = run(motcua, "impact", "--period", "2026-03", "--unit", "Sở A").out
    assert "trung bình cùng giờ của 2 tuần trước: 5,0; ít hơn: 3,0" in text
    assert "Trong đó đã quá hạn: 2: H00-0101, H00-0103" in text
    assert commands.CORRELATION in text
    assert (
        "kỳ 01/03/2026 đến 31/03/2026 không có sự cố 7"
        in run(motcua, "impact", "--period", "2026-03", "--incident", 7, code=2).err
    )
    assert "Không có sự cố nào" in run(motcua, "impact", "--period", "2026-04").out


def test_what_was_asked_for_while_the_population_database_could_not_be_reached(
    motcua: Motcua, sandbox: Sandbox, with_an_outage: None
) -> None:
    start = at("2026-03-10 09:00")
    outcomes = [
        outcome("population", "reach", start + second, reason, location="van_phong")
        for second in range(-60, 1860, 20)
        for reason in [Reason.CONNECT_TIMEOUT if 0 <= second < 1800 else None]
    ]
    asked = [
        dossier(number, status=Status.SUPPLEMENT, accepted="2026-03-01", updated=instant)
        for number, instant in ((201, "2026-03-10 09:29"), (202, "2026-03-10 09:31"), (203, "2026-03-10 08:30"))
    ]
    with store_in(Path("data")) as store:
        store.record(outcomes, lambda *_: Settings(20, 8))
        for one in asked:
            store.dossiers.keep([replace(one, status=Status.PROCESSING, updated=at("2026-03-02"))], ZONE)
        store.dossiers.keep(asked, ZONE)
    found = read(motcua, "impact", "--period", "2026-03")
    (database,) = found["databases"]
    assert database.pop("observed") >= 1800
    assert database == {
        "system": "population",
        "down": [{"start": start, "end": start + 1800}],
        "seconds": 1800,
        "supplements": ["H00-0107", "H00-0201"],
    }
    text = run(motcua, "impact", "--period", "2026-03").out
    assert "Không tra cứu được: 1 lần, tổng 30 phút 00 giây" in text
    assert "Yêu cầu bổ sung phát sinh trong lúc ấy: 2: H00-0107, H00-0201" in text
    assert "Không có dữ liệu theo dõi trong kỳ" in run(motcua, "impact", "--period", "2026-02").out
    assert read(motcua, "impact", "--period", "2026-03", "--incident", 1)["databases"] == []


def test_due_dates_are_what_igate_says(motcua: Motcua, sandbox: Sandbox, with_an_outage: None) -> None:
    run(motcua, "impact", "--period", "2026-03")
    with store_in(Path("data")) as store:
        due = store.dossiers.due_in(0, at("2027-01-01"), at("2027-01-01"))
    assert [limit for code, limit, _ in due if code == "H00-0101"] == [at("2026-03-10 09:00")]


def test_an_unknown_unit_is_named(motcua: Motcua, sandbox: Sandbox, with_an_outage: None) -> None:
    assert "không có đơn vị Sở Z" in run(motcua, "form", "--period", "2026-03", "--unit", "Sở Z", code=2).err

"""The commands `motcua dossiers`: what they take in, what they show, what they refuse."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from monitor.dossiers import COLUMNS, Channel, Counts, Dossier, Form, Row, Source, Status, Unit
from monitor.store.dossiers import Progress
from tests.monitor import forms, test_cli
from tests.monitor.province import store_in
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua


def shown(motcua: Motcua, *words: Any) -> dict[str, Any]:
    done = motcua("dossiers", *words, "--json", "--data", "data")
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_the_form_of_2023_goes_in_and_comes_out(motcua: Motcua, tmp_path: Path) -> None:
    rows = [[1, "Trung tâm", *forms.CENTRE], ["", "Tổng số", *forms.CENTRE]]
    done = motcua("dossiers", "import", forms.xlsx(tmp_path / "f.xlsx", rows), "--data", "data")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Đã nhập Biểu II.06a từ 01/01/2023 đến 31/12/2023: 1 dòng, phiên bản 1\n"
    found = shown(motcua, "form", "--period", "2023", "--kind", "calendar")
    (row,) = found["rows"]
    assert row["unit"] == "Trung tâm"
    assert [row[column] for column in COLUMNS] == [found["total"][column] for column in COLUMNS] == forms.CENTRE
    assert (found["source"], found["violations"], found["provisional"]) == ("official", [], False)
    text = motcua("dossiers", "form", "--period", "2023", "--data", "data").out
    assert "Đúng hạn: 83.734 / 83.741 đã giải quyết = 99,99%" in text
    assert "Trực tuyến: 53.325 / 83.611 mới tiếp nhận = 63,78%" in text
    assert "Năm 2023 (từ ngày 01/01/2023 đến ngày 31/12/2023)" in text


def test_what_does_not_add_up_is_taken_in_and_said(motcua: Motcua, tmp_path: Path) -> None:
    wrong = [*forms.CENTRE[:4], 83_742, *forms.CENTRE[5:]]
    done = motcua("dossiers", "import", forms.csv(tmp_path / "f.csv", [[1, "A", *wrong]]), "--data", "data")
    assert done.code == 0
    assert "KHÔNG KHỚP: A: (7)=(8)+(9)+(10) không khớp: ghi 83.742, theo các cột khác 83.741 (lệch +1)" in done.err
    found = shown(motcua, "form", "--period", "2023")
    assert found["rows"][0]["resolved"] == 83_742
    assert {v["identity"] for v in found["violations"]} == {"(7)=(8)+(9)+(10)", "(3)=(7)+(11)"}


def test_a_bad_spreadsheet_leaves_nothing_behind(motcua: Motcua, tmp_path: Path) -> None:
    bad = ["x", *forms.CENTRE[1:]]
    path = forms.csv(tmp_path / "f.csv", [[1, "A", *bad], [2, "B", *bad]])
    done = motcua("dossiers", "import", path, "--data", "data")
    assert done.code == 2
    assert done.err.splitlines() == [
        f"{path}: trang tính f.csv, ô C6: không phải là số hồ sơ",
        f"{path}: trang tính f.csv, ô C7: không phải là số hồ sơ",
        f"motcua: {path}: 2 lỗi; chưa nhập gì",
    ]
    assert motcua("dossiers", "form", "--period", "2023", "--data", "data").code == 2


def test_a_file_of_no_kind_is_named_once(motcua: Motcua, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("Họ tên;Số\nA;1\n", encoding="utf-8")
    done = motcua("dossiers", "import", tmp_path / "f.csv", "--data", "data")
    first, last = done.err.splitlines()
    assert first.startswith(f"{tmp_path / 'f.csv'}: không nhận ra biểu: không có dòng đánh số cột (1) (2) … (13)")
    assert (done.code, last) == (2, f"motcua: {tmp_path / 'f.csv'}: 1 lỗi; chưa nhập gì")


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ("2026-13", "--period 2026-13: không phải kỳ loại calendar; ghi 2026-10, 2026-Q3, 2026-H1, 2026-9M, 2026 hoặc"),
        ("2026-10-20..2026-10-01", "ghi 2026-10-01..2026-10-20, ngày đầu không sau ngày cuối"),
    ],
)
def test_a_period_that_is_none(period: str, said: str, motcua: Motcua) -> None:
    done = motcua("dossiers", "form", "--period", period, "--data", "data")
    assert (done.code, said in done.err) == (2, True)


def test_of_a_time_that_nobody_has_looked_at_there_are_no_zeros(motcua: Motcua) -> None:
    with store_in(Path("data")) as store:
        progress = Progress("igate", watermark=1, since=at("2026-10-01"), until=at("2026-11-20"))
        store.dossiers.keep((), ZONE, progress=progress)
    done = motcua("dossiers", "form", "--period", "2024-01", "--data", "data")
    assert done.code == 2
    assert "chưa có số liệu kỳ 01/01/2024 đến 31/01/2024 (đếm theo hồ sơ); hãy thu thập" in done.err
    assert shown(motcua, "form", "--period", "2026-10")["total"]["received"] == 0  # nothing came, and that is known


def test_other_figures_need_a_reason(motcua: Motcua, tmp_path: Path) -> None:
    first = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    other = forms.csv(tmp_path / "g.csv", [[1, "B", *forms.CENTRE]])
    motcua("dossiers", "import", first, "--data", "data")
    assert "phiên bản 1" in motcua("dossiers", "import", first, "--data", "data").out
    refused = motcua("dossiers", "import", other, "--data", "data")
    said = "kỳ 01/01/2023 đến 31/12/2023 đã có phiên bản 1 (biểu đã nhập), số liệu khác: ghi lý do bằng --reason"
    assert (refused.code, said in refused.err) == (2, True)
    assert "phiên bản 2" in motcua("dossiers", "import", other, "--reason", "đính chính", "--data", "data").out
    assert shown(motcua, "form", "--period", "2023")["rows"][0]["unit"] == "B"


def test_a_period_must_be_that_of_the_form(motcua: Motcua, tmp_path: Path) -> None:
    path = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    done = motcua("dossiers", "import", path, "--period", "2023", "--kind", "admin_15_14", "--data", "data")
    assert (done.code, "biểu ghi kỳ 01/01/2023 đến 31/12/2023" in done.err) == (2, True)
    undated = forms.csv(tmp_path / "g.csv", [[1, "A", *forms.CENTRE]], forms.HEAD[3:])
    assert "hãy thêm --period" in motcua("dossiers", "import", undated, "--data", "data").err


def test_contiguous_forms_are_held_against_one_another(motcua: Motcua, tmp_path: Path) -> None:
    first = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    later = forms.csv(tmp_path / "g.csv", [[1, "A", 5, 2, 2, 1, 5, 1, 3, 1, 0, 0, 0]], forms.HEAD[3:])
    motcua("dossiers", "import", first, "--data", "data")
    done = motcua("dossiers", "import", later, "--period", "2024", "--data", "data")
    assert "A: (6)=(11) của kỳ trước không khớp: ghi 1, theo các cột khác 1.118" in done.err
    assert len(shown(motcua, "form", "--period", "2024")["violations"]) == 2


def test_one_unit_of_a_form(motcua: Motcua, tmp_path: Path) -> None:
    path = forms.csv(tmp_path / "f.csv", [[1, "Sở A", *forms.CENTRE], [2, "Sở B", *forms.CENTRE]])
    motcua("dossiers", "import", path, "--data", "data")
    assert [r["unit"] for r in shown(motcua, "form", "--period", "2023", "--unit", "sở b")["rows"]] == ["Sở B"]
    missing = motcua("dossiers", "form", "--period", "2023", "--unit", "Sở C", "--data", "data")
    assert (missing.code, "Sở A, Sở B" in missing.err) == (2, True)


def test_what_cannot_be_meant_is_refused(motcua: Motcua, tmp_path: Path) -> None:
    missing = motcua("dossiers", "import", "nowhere.xlsx", "--data", "data")
    assert (missing.code, missing.err) == (2, "motcua: nowhere.xlsx: không đọc được tệp: No such file or directory\n")
    path = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    assert "--unit không dùng ở đây" in motcua("dossiers", "import", path, "--unit", "A", "--data", "data").err
    assert "cần có --period" in motcua("dossiers", "form", "--kind", "admin_15_14", "--data", "data").err
    assert "there is no store" in motcua("dossiers", "form", "--data", "data").err
    motcua("dossiers", "import", path, "--data", "data")
    assert "2021" in motcua("dossiers", "index766", "--period", "2021", "--data", "data").err
    (tmp_path / "bad.yaml").write_text("versions: [", encoding="utf-8")
    bad = motcua("dossiers", "index766", "--formula", tmp_path / "bad.yaml", "--data", "data")
    assert (bad.code, "not YAML, line 1" in bad.err) == (2, True)


def test_units_are_imported_with_their_mistakes_said(motcua: Motcua, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text("Mã đơn vị,Tên đơn vị,Mã đơn vị cấp trên\nA,Sở A,Z\n", encoding="utf-8")
    refused = motcua("dossiers", "import", path, "--data", "data")
    assert (refused.code, "không có đơn vị cấp trên Z" in refused.err) == (2, True)
    path.write_text("Mã đơn vị,Tên đơn vị,Mã đơn vị cấp trên\nA,Sở A,\nB,Phòng B,A\n", encoding="utf-8")
    assert motcua("dossiers", "import", path, "--data", "data").out == "Đã nhập danh sách 2 đơn vị\n"
    form = forms.csv(tmp_path / "f.csv", [[1, "Sở A", *forms.CENTRE]])
    motcua("dossiers", "import", form, "--data", "data")
    (row,) = shown(motcua, "form", "--period", "2023", "--unit", "A")["rows"]
    assert (row["unit"], row["code"]) == ("Sở A", "A")


ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


def collected(folder: Path, *numbers: int, until: str = "2025-11-02", since: int = 0) -> None:
    """Dossiers of October 2025 of two units, as they would be collected; each open."""
    noon, due = at("2025-10-05 12:00"), at("2025-12-01 17:00")
    with store_in(folder) as store:
        rows = [
            Dossier(f"H00-{n}", "AB"[n % 2], "p", "s", Channel.ONLINE, Status.PROCESSING, noon, noon, due, None, noon)
            for n in numbers
        ]
        units = Unit("A", "Sở A"), Unit("B", "Sở B")
        store.dossiers.keep(rows, ZONE, units=units, progress=Progress("igate", 1, since, until=at(until)))


def test_a_closed_period_keeps_its_figures_and_says_what_has_changed(motcua: Motcua, tmp_path: Path) -> None:
    month = "--period", "2025-10"
    collected(tmp_path / "data", 1, 2, 3)
    closed = motcua("dossiers", "form", *month, "--close", "--data", "data")
    assert (closed.code, "phiên bản 1" in closed.err) == (0, True)
    found = shown(motcua, "form", *month)
    assert (found["version"], found["provisional"], found["differences"]) == (1, False, [])
    assert found["notes"][0].startswith("kỳ đã chốt lúc ")

    collected(tmp_path / "data", 4, until="2025-11-03")
    found = shown(motcua, "form", *month)
    assert (found["version"], found["total"]["received"], found["provisional"]) == (1, 3, False)
    assert "đã thay đổi sau khi chốt" in found["notes"][1]
    assert {(d["row"], d["column"], d["here"], d["there"]) for d in found["differences"]} >= {
        ("Sở A", "received", 1, 2),
        ("Tổng số", "received", 3, 4),
    }
    text = motcua("dossiers", "form", *month, "--data", "data").out
    assert "Lệch so với số đếm hôm nay: Sở A, Tiếp nhận: tổng số (3): 1 / 2" in text
    one = shown(motcua, "form", *month, "--unit", "Sở A")
    assert (one["version"], [row["received"] for row in one["rows"]]) == (1, [1])
    assert "đếm lại hôm nay" in shown(motcua, "form", *month, "--by", "procedure")["notes"][0]

    assert motcua("dossiers", "form", *month, "--close", "--data", "data").code == 2
    again = motcua("dossiers", "form", *month, "--close", "--reason", "nhập muộn", "--data", "data")
    assert "phiên bản 2" in again.err
    found = shown(motcua, "form", *month)
    assert (found["version"], found["total"]["received"], found["differences"]) == (2, 4, [])


def test_what_was_open_before_the_first_day_that_is_known_may_be_missing(motcua: Motcua, tmp_path: Path) -> None:
    collected(tmp_path / "data", 1, since=at("2025-10-01"))
    found = shown(motcua, "form", "--period", "2025-10")
    assert (found["provisional"], "còn thiếu ở các cột (3), (6), (11) đến (13)" in found["notes"][0]) == (True, True)
    refused = motcua("dossiers", "form", "--period", "2025-10", "--close", "--data", "data")
    assert (refused.code, "không chốt được" in refused.err) == (2, True)
    assert shown(motcua, "index766", "--period", "2025-10")["provisional"] is True


def test_statistics_of_a_month_that_went_on_are_provisional(motcua: Motcua, tmp_path: Path) -> None:
    form = Form(date(2025, 10, 1), date(2025, 11, 1), Source.STATISTICS, (Row("Sở A", "A", Counts()),))
    with store_in(tmp_path / "data") as store:
        store.dossiers.keep_form(form, (), at=at("2025-10-20 09:00"), by="jobs", in_place=True)
    found = shown(motcua, "form", "--period", "2025-10")
    assert found["provisional"] and "lấy lúc 20/10/2025 09:00, khi kỳ chưa kết thúc" in found["notes"][0]
    with store_in(tmp_path / "data") as store:
        store.dossiers.keep_form(form, (), at=at("2025-11-01 00:00"), by="jobs", in_place=True)
    assert shown(motcua, "form", "--period", "2025-10")["provisional"] is False


def test_units_of_one_name_are_told_apart_by_their_codes(motcua: Motcua, tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    head = "Mã đơn vị,Tên đơn vị,Hiệu lực từ,Hiệu lực đến,Mã đơn vị kế thừa\n"
    path.write_text(head + "B1,Phòng Tư pháp,,,\nB2,Phòng Tư pháp,,,\nC1,Xã C,,01/07/2020,C2\nC2,Xã C,01/07/2020,,\n")
    assert motcua("dossiers", "import", path, "--data", "data").code == 0
    refused = motcua(
        "dossiers", "import", forms.csv(tmp_path / "f.csv", [[1, "Phòng Tư pháp", *forms.CENTRE]]), "--data", "data"
    )
    assert (refused.code, "(B1, B2)" in refused.err, "Traceback" in refused.err) == (2, True, False)
    good = forms.csv(tmp_path / "g.csv", [[1, "B2", *forms.CENTRE], [2, "Xã C", *forms.CENTRE]])
    assert motcua("dossiers", "import", good, "--data", "data").code == 0
    assert [row["code"] for row in shown(motcua, "form", "--period", "2023")["rows"]] == ["B2", "C2"]
    asked = motcua("dossiers", "form", "--period", "2023", "--unit", "phòng tư pháp", "--data", "data")
    assert (asked.code, "(B1, B2)" in asked.err) == (2, True)


def test_points_beyond_their_maximum_are_refused(motcua: Motcua, tmp_path: Path) -> None:
    path = tmp_path / "766.csv"
    path.write_text("Mã thành phần;Điểm\n2.1;600\n", encoding="utf-8")
    refused = motcua("dossiers", "import", path, "--period", "2025-10", "--data", "data")
    assert (refused.code, "ô B2: quá điểm tối đa" in refused.err) == (2, True)

"""The commands `motcua dossiers`: what they take in, what they show, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from monitor.dossiers import COLUMNS
from tests.monitor import forms, test_cli
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


def test_other_figures_need_a_reason(motcua: Motcua, tmp_path: Path) -> None:
    first = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    other = forms.csv(tmp_path / "g.csv", [[1, "B", *forms.CENTRE]])
    motcua("dossiers", "import", first, "--data", "data")
    assert "phiên bản 1" in motcua("dossiers", "import", first, "--data", "data").out
    refused = motcua("dossiers", "import", other, "--data", "data")
    assert (refused.code, "--reason" in refused.err) == (2, True)
    assert "phiên bản 2" in motcua("dossiers", "import", other, "--reason", "đính chính", "--data", "data").out
    assert shown(motcua, "form", "--period", "2023")["rows"][0]["unit"] == "B"


def test_a_period_must_be_that_of_the_form(motcua: Motcua, tmp_path: Path) -> None:
    path = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    done = motcua("dossiers", "import", path, "--period", "2023", "--kind", "admin_15_14", "--data", "data")
    assert (done.code, "2023-01-01 to 2023-12-31" in done.err) == (2, True)
    undated = forms.csv(tmp_path / "g.csv", [[1, "A", *forms.CENTRE]], forms.HEAD[3:])
    assert "give --period" in motcua("dossiers", "import", undated, "--data", "data").err


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
    assert (missing.code, missing.err) == (2, "motcua: nowhere.xlsx: can't read: No such file or directory\n")
    path = forms.csv(tmp_path / "f.csv", [[1, "A", *forms.CENTRE]])
    assert "--unit has no meaning" in motcua("dossiers", "import", path, "--unit", "A", "--data", "data").err
    assert "needs a --period" in motcua("dossiers", "form", "--kind", "admin_15_14", "--data", "data").err
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

"""Official spreadsheets are read whole or not at all, and every bad cell is named."""

from __future__ import annotations

import contextlib
import unicodedata
import zipfile
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from monitor import spreadsheets
from monitor.dossiers import Counts, Row, violations
from monitor.spreadsheets import Unreadable, cell_name
from tests.monitor import forms

START, END = date(2023, 1, 1), date(2024, 1, 1)
HALF = [42, 20, 20, 2, 40, 10, 25, 5, 2, 1, 1]


def complaints(path: Path) -> list[str]:
    with pytest.raises(Unreadable) as caught:
        spreadsheets.form(spreadsheets.read(path), START, END)
    return [str(cell) for cell in caught.value.cells]


@pytest.mark.parametrize("write", [forms.xlsx, forms.csv])
def test_the_form_of_2023_is_read(write: Any, tmp_path: Path) -> None:
    rows = [[1, "Trung tâm Phục vụ hành chính công", *forms.CENTRE], [None, "Tổng số", *forms.CENTRE]]
    sheets = spreadsheets.read(write(tmp_path / "form", rows))
    assert spreadsheets.is_form(sheets)
    assert spreadsheets.period_of(sheets) == (START, END)
    read = spreadsheets.form(sheets, START, END)
    assert read.rows == (Row("Trung tâm Phục vụ hành chính công", None, Counts(*forms.CENTRE)),)
    assert read.total == Counts(*forms.CENTRE)
    assert violations(read) == []


def test_numbers_are_read_as_people_write_them(tmp_path: Path) -> None:
    written = ["84.859", "53 325", "30,286", "1248", 83741.0, "20.376", "63.358", "07", "1.118", " 1118 ", "-"]
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", [["01", "A", *written]])), START, END)
    assert list(read.rows[0].counts) == forms.CENTRE


def test_groups_sum_up_what_is_below_them(tmp_path: Path) -> None:
    rows = [
        ["I", "Cấp tỉnh", *(2 * n for n in HALF)], [1, "Sở A", *HALF], [2, "Sở B", *HALF],
        ["II", "Cấp xã", *HALF], [1, "Xã C", *HALF], ["III", "Ngành dọc", *HALF],
        ["", "TỔNG CỘNG", *(4 * n for n in HALF)],
    ]  # fmt: skip
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", rows)), START, END)
    assert [row.name for row in read.rows] == ["Sở A", "Sở B", "Xã C", "Ngành dọc"]
    assert [(row.name, len(parts)) for row, parts in read.subtotals] == [("Cấp tỉnh", 2), ("Cấp xã", 1)]
    assert violations(read) == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("abc", "không phải là số hồ sơ"),
        (-3, "số âm"),
        ("-1.234", "số âm"),
        (1.5, "số lẻ, cần số nguyên"),
        ("1.24", "không phải là số hồ sơ"),
        ("#REF!", "công thức lỗi (#REF!)"),
        (True, "giá trị đúng/sai, cần số hồ sơ"),
        ("9" * 13, "số quá lớn"),
        (10**15, "số quá lớn"),
        ("=1+2", "công thức chưa có giá trị; mở tệp bằng Excel rồi lưu lại"),
    ],
)
def test_a_bad_cell_is_named(cell: Any, reason: str, tmp_path: Path) -> None:
    row = [1, "A", *forms.CENTRE]
    row[6] = cell
    said = complaints(forms.xlsx(tmp_path / "f.xlsx", [row]))
    assert said == [f"trang tính Biểu II.06a, ô G6: {reason}"]


def test_all_bad_cells_are_named_at_once(tmp_path: Path) -> None:
    one, two = [1, "A", *forms.CENTRE], [2, "", *forms.CENTRE]
    one[2], two[12] = "x", "y"
    rows = [one, two, [3, "A", *forms.CENTRE], ["", "Tổng số", *forms.CENTRE], ["", "Cộng", *forms.CENTRE]]
    cells = [said.partition("ô ")[2] for said in complaints(forms.csv(tmp_path / "f.csv", rows))]
    assert cells == [
        "C6: không phải là số hồ sơ",
        "M7: không phải là số hồ sơ",
        "B7: thiếu tên đơn vị hoặc lĩnh vực",
        "B8: tên A có hai lần",
        "B10: có hai dòng tổng số",
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "tệp không có dòng nào"),
        (b"\xff\xfe\x00", "không phải XLSX, cũng không phải CSV; mở bằng Excel rồi lưu"),
        (b"\x89PNG\r\n\x1a\n\x00", "không phải XLSX, cũng không phải CSV"),
        (b"caf\xe9;1\n", "không phải XLSX, cũng không phải CSV"),  # of another code page
        (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "tệp XLS kiểu cũ; mở bằng Excel rồi lưu thành XLSX"),
        (b"PK\x03\x04 rubbish", "không phải tệp XLSX, hoặc tệp bị hỏng"),
        (b'a,"b', "dấu ngoặc kép chưa đóng"),
        (b"a,b\n1,2\n", "không tìm thấy dòng đánh số cột"),
    ],
)
def test_a_file_that_is_none(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    (said,) = complaints(path)
    assert reason in said


def test_headings_of_the_command_itself_are_understood(tmp_path: Path) -> None:
    names = ["unit", *Counts._fields]
    path = forms.csv(tmp_path / "f.csv", [["A", *forms.CENTRE]], [names])
    assert spreadsheets.form(spreadsheets.read(path), START, END).rows == (Row("A", None, Counts(*forms.CENTRE)),)


def test_columns_that_nobody_asked_for_are_dropped(tmp_path: Path) -> None:
    head = (*forms.HEAD[:4], [*forms.HEAD[4], "Họ tên"])
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE, "NGƯỜI MÔ PHỎNG"]], head)
    assert "MÔ PHỎNG" not in repr(spreadsheets.form(spreadsheets.read(path), START, END))


def test_units_are_read_with_their_days(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_text(
        "Mã đơn vị,Tên đơn vị,Mã đơn vị cấp trên,Cấp,Hiệu lực từ,Hiệu lực đến,Mã đơn vị kế thừa\n"
        "A,Xã A,P,xa,,01/07/2025,B\nB,Xã B,P,xa,2025-07-01,,\nP,Tỉnh,,tinh,,,\n",
        encoding="utf-8",
    )
    sheets = spreadsheets.read(path)
    assert spreadsheets.is_units(sheets) and not spreadsheets.is_form(sheets)
    one, two, _ = spreadsheets.units(sheets)
    assert (one.valid_to, one.successor, two.valid_from) == (date(2025, 7, 1), "B", date(2025, 7, 1))
    path.write_text("Mã đơn vị,Tên đơn vị,Hiệu lực từ\nA,,hôm qua\nB,B,\nB,B,\n", encoding="utf-8")
    with pytest.raises(Unreadable) as caught:
        spreadsheets.units(spreadsheets.read(path))
    assert [cell.cell for cell in caught.value.cells] == ["C2", "B2", "A4"]


def test_points_are_read_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "766.csv"
    path.write_text("Mã thành phần;Điểm;Tử số;Mẫu số\n2.1;19,98;83.734;83.741\n1.4;5.5;;\n", encoding="utf-8")
    sheets = spreadsheets.read(path)
    assert spreadsheets.is_scores(sheets)
    one, two = spreadsheets.scores(sheets, {"2.1": 20, "1.4": 6})
    assert (one.points, one.numerator, one.denominator) == (Fraction("19.98"), Fraction(83734), Fraction(83741))
    assert (two.unit, two.points, two.numerator) == ("", Fraction("5.5"), None)
    with pytest.raises(Unreadable, match=r"không có thành phần 2\.1"):
        spreadsheets.scores(sheets, {"1.4": 6})


def test_cells_are_named_as_in_a_spreadsheet() -> None:
    assert [cell_name(0, 0), cell_name(6, 3), cell_name(9, 26)] == ["A1", "D7", "AA10"]


def test_a_sheet_that_says_it_has_one_cell_is_read_whole(tmp_path: Path) -> None:
    path, other = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE]]), tmp_path / "g.xlsx"
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(other, "w") as written:
        for name in good.namelist():
            content = good.read(name)
            if name.endswith("sheet1.xml"):
                assert b'<dimension ref="A1:M8"' in content
                content = content.replace(b'<dimension ref="A1:M8"', b'<dimension ref="A1"')
            written.writestr(name, content)
    assert spreadsheets.form(spreadsheets.read(other), START, END).rows == (Row("A", None, Counts(*forms.CENTRE)),)


def test_a_damaged_workbook_is_refused_in_one_sentence(tmp_path: Path) -> None:
    content = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE]]).read_bytes()
    path, read = tmp_path / "bad.xlsx", 0
    damaged = range(40, len(content), 97)
    for at in damaged:
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        with contextlib.suppress(Unreadable):  # anything else is a bug
            spreadsheets.form(spreadsheets.read(path), START, END)
            read += 1
    assert read < len(damaged)


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """The workbook with something else in its sheet."""
    other = path.with_name(f"patched_{path.name}")
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(other, "w") as written:
        for name in good.namelist():
            content = good.read(name)
            if name.endswith("sheet1.xml"):
                assert old in content
                content = content.replace(old, new, 1)
            written.writestr(name, content)
    return other


def test_a_number_without_end_is_a_bad_cell(tmp_path: Path) -> None:
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", 777_777, *forms.CENTRE[1:]]])
    endless = patched(path, b"<v>777777</v>", b"<v>1e999</v>")
    assert complaints(endless) == ["trang tính Biểu II.06a, ô C6: số quá lớn"]


@pytest.mark.parametrize("written", [b"NaN", b"INF", b"-inf", b"1.5.2", b""])
def test_a_number_that_is_none_is_a_bad_cell(written: bytes, tmp_path: Path) -> None:
    rows = [[1, "A", 777_777, *forms.CENTRE[1:]], [2, "B", *forms.CENTRE[:-1], "x"]]
    path = patched(forms.xlsx(tmp_path / "f.xlsx", rows), b"<v>777777</v>", b"<v>" + written + b"</v>")
    own = ["trang tính Biểu II.06a, ô C6: không phải là số hồ sơ"] if written else []
    assert complaints(path) == [*own, "trang tính Biểu II.06a, ô M7: không phải là số hồ sơ"]


def test_a_number_that_is_none_where_nobody_reads_it_does_no_harm(tmp_path: Path) -> None:
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE, 777_777]])
    read = spreadsheets.form(spreadsheets.read(patched(path, b"<v>777777</v>", b"<v>NaN</v>")), START, END)
    assert list(read.rows[0].counts) == forms.CENTRE


def test_a_formula_that_was_calculated_is_its_value(tmp_path: Path) -> None:
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", "=84859", *forms.CENTRE[1:]]])
    calculated = patched(path, b"<f>84859</f>", b"<f>84859</f><v>84859</v>")
    read = spreadsheets.form(spreadsheets.read(calculated), START, END)
    assert list(read.rows[0].counts) == forms.CENTRE


def test_a_row_far_below_is_refused_at_once(tmp_path: Path) -> None:
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE]])
    far = b'<row r="40000000"><c r="A40000000"><v>1</v></c></row></sheetData>'
    (said,) = complaints(patched(path, b"</sheetData>", far))
    assert "500000 ô" in said


@pytest.mark.parametrize("write", [forms.xlsx, forms.csv])
def test_a_row_whose_figures_are_all_bad_is_one(write: Any, tmp_path: Path) -> None:
    rows = [[None, "Sở A", "?"], [1, "Sở B", *HALF], [None, "Sở C", *["#REF!"] * 11]]
    said = complaints(write(tmp_path / "f", rows))
    assert len(said) == 12
    assert "C6: không phải là số hồ sơ" in said[0]


def test_letters_hold_roman_numerals(tmp_path: Path) -> None:
    rows = [
        ["A", "Cấp tỉnh", *(3 * n for n in HALF)], ["I", "Khối sở", *(2 * n for n in HALF)], [1, "Sở A", *HALF],
        [2, "Sở B", *HALF], ["II", "Khối khác", *HALF], ["B", "Cấp xã", *HALF], ["I", "Vùng", *HALF],
        [1, "Xã C", *HALF],
    ]  # fmt: skip
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", rows)), START, END)
    assert {row.name for row in read.rows} == {"Sở A", "Sở B", "Khối khác", "Xã C"}
    assert [(row.name, len(parts)) for row, parts in read.subtotals] == [
        ("Cấp tỉnh", 3), ("Khối sở", 2), ("Cấp xã", 1), ("Vùng", 1),
    ]  # fmt: skip
    assert violations(read) == []


def test_the_letter_after_h_is_no_numeral(tmp_path: Path) -> None:
    rows = [row for letter in "ABCDEFGHI" for row in ([letter, f"Nhóm {letter}", *HALF], [1, "Hộ tịch", *HALF])]
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", rows)), START, END)
    assert [len(parts) for _, parts in read.subtotals] == [1] * 9


def test_a_name_is_unique_within_its_group(tmp_path: Path) -> None:
    rows = [["I", "Cấp tỉnh", *HALF], [1, "Hộ tịch", *HALF], ["II", "Cấp xã", *HALF], [1, "Hộ tịch", *HALF]]
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", rows)), START, END)
    assert [row.name for row in read.rows] == ["Hộ tịch", "Hộ tịch"]
    (said,) = complaints(forms.xlsx(tmp_path / "f.xlsx", [*rows, [2, "Hộ tịch", *HALF]]))
    assert "tên Hộ tịch có hai lần" in said


@pytest.mark.parametrize("name", ["Tổng số (1+2)", "TỔNG CỘNG CÁC ĐƠN VỊ", "Cộng (1+2)"])
def test_a_total_may_say_more(name: str, tmp_path: Path) -> None:
    rows: list[list[Any]] = [[1, "Công ty Cấp nước", *HALF], [name, None, *HALF]]
    read = spreadsheets.form(spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", rows)), START, END)
    assert ([row.name for row in read.rows], read.total) == (["Công ty Cấp nước"], Counts(*HALF))


def test_days_are_those_of_the_sheet_with_the_form(tmp_path: Path) -> None:
    path = forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE]])
    book = load_workbook(path)
    book.create_sheet("Bìa", 0).append(["So sánh (Từ ngày 15/08/2022 đến ngày 14/09/2022)"])
    book.save(path)
    assert spreadsheets.period_of(spreadsheets.read(path)) == (START, END)


@pytest.mark.parametrize(
    "days", [("31/12/2023", "01/01/2023"), ("31/02/2023", "01/03/2023"), ("01/01/2023", "31/12/9999")]
)
def test_days_that_cannot_be_meant_are_refused(days: tuple[str, str], tmp_path: Path) -> None:
    head = ([f"(Từ ngày {days[0]} đến ngày {days[1]})"], forms.HEAD[-1])
    sheets = spreadsheets.read(forms.xlsx(tmp_path / "f.xlsx", [[1, "A", *forms.CENTRE]], head))
    with pytest.raises(Unreadable, match=r"dòng 1: .* không phải là một kỳ"):
        spreadsheets.period_of(sheets)


TONES = "\u0300\u0301\u0303\u0309\u0323"


def windows_1258(text: str) -> bytes:
    """As Windows in Vietnamese writes it: tones are letters of their own behind those that they stand on."""
    said = b""
    for letter in text:
        parts = unicodedata.normalize("NFD", letter)
        bare = unicodedata.normalize("NFC", "".join(part for part in parts if part not in TONES))
        said += (bare + "".join(part for part in parts if part in TONES)).encode("cp1258")
    return said


@pytest.mark.parametrize(
    "encode",
    [lambda t: t.encode("utf-8"), lambda t: t.encode("utf-16"), lambda t: b"\xfe\xff" + t.encode("utf-16-be"),
     windows_1258],
    ids=["utf-8", "utf-16", "big-endian", "windows-1258"],
)  # fmt: skip
def test_a_csv_may_come_in_the_encodings_that_excel_writes(encode: Callable[[str], bytes], tmp_path: Path) -> None:
    path = forms.csv(tmp_path / "f.csv", [[1, "Sở Nông nghiệp và Môi trường", *forms.CENTRE]])
    path.write_bytes(encode(path.read_text(encoding="utf-8-sig")))
    sheets = spreadsheets.read(path)
    assert spreadsheets.period_of(sheets) == (date(2023, 1, 1), date(2024, 1, 1))
    (row,) = spreadsheets.form(sheets, START, END).rows
    assert row == Row("Sở Nông nghiệp và Môi trường", None, Counts(*forms.CENTRE))


def test_the_delimiter_is_that_of_the_headings(tmp_path: Path) -> None:
    name = "Sở " + ", ".join("ABCDEFGHIJKLMNO")
    path = forms.csv(tmp_path / "f.csv", [[1, f'"{name}"', *forms.CENTRE]])
    assert spreadsheets.form(spreadsheets.read(path), START, END).rows == (Row(name, None, Counts(*forms.CENTRE)),)


@pytest.mark.parametrize(
    ("points", "reason"), [(-1, "ngoài phạm vi"), ("-1,5", "ngoài phạm vi"), (600, "quá điểm tối đa")]
)
def test_points_lie_within_their_maximum(points: Any, reason: str, tmp_path: Path) -> None:
    path, book = tmp_path / "766.xlsx", Workbook()
    for row in (["Mã thành phần", "Điểm"], ["2.1", points]):
        book.worksheets[0].append(row)
    book.save(path)
    with pytest.raises(Unreadable, match=reason) as caught:
        spreadsheets.scores(spreadsheets.read(path), {"2.1": 20})
    assert [cell.cell for cell in caught.value.cells] == ["B2"]

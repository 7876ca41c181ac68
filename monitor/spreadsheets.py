"""Official spreadsheets, XLSX or CSV, as tables of cells; the official form, units and points read out of them.

A file is read whole or not at all: `Unreadable` says every bad cell with its sheet, its name and the reason. Columns
that are not asked for never leave this module.
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from monitor.dossiers import COLUMNS, Counts, Form, Row, Source, Unit
from monitor.index766 import OfficialScore

MAX_BYTES = 20_000_000
"""A form has some hundred rows; a larger file is another one."""

MAX_CELLS = 500_000


class BadCell(NamedTuple):
    """What cannot be read, where; `cell` is as in D7, "" for the sheet as a whole."""

    sheet: str
    cell: str
    reason: str

    def __str__(self) -> str:
        return f"trang tính {self.sheet}, ô {self.cell}: {self.reason}" if self.cell else f"{self.sheet}: {self.reason}"


class Unreadable(ValueError):
    """A spreadsheet is not what it should be; `cells` are all reasons."""

    def __init__(self, cells: Sequence[BadCell]) -> None:
        super().__init__("; ".join(map(str, cells)))
        self.cells = tuple(cells)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of cells: text, numbers, dates, None for an empty one."""

    name: str
    rows: tuple[tuple[Any, ...], ...]


def read(path: Path) -> list[Sheet]:
    """The sheets of an XLSX or CSV file. Raises Unreadable, OSError."""
    if path.stat().st_size > MAX_BYTES:
        raise Unreadable([BadCell(path.name, "", f"tệp lớn hơn {MAX_BYTES // 1_000_000} MB")])
    content = path.read_bytes()
    sheets = _workbook(path.name, content) if content[:2] == b"PK" else [_text(path.name, content)]
    if not any(any(_said(cell) for cell in row) for sheet in sheets for row in sheet.rows):
        raise Unreadable([BadCell(path.name, "", "tệp không có dòng nào")])
    return sheets


def _workbook(name: str, content: bytes) -> list[Sheet]:
    try:
        try:
            return _unpacked(name, content)
        except ValueError as error:
            if isinstance(error, Unreadable):
                raise
            return _unpacked(name, _numbers_as_text(content))
    except Unreadable:
        raise
    except Exception:  # noqa: BLE001 - whatever the library makes of a broken file
        raise Unreadable([BadCell(name, "", "không phải tệp XLSX, hoặc tệp bị hỏng")]) from None


def _unpacked(name: str, content: bytes) -> list[Sheet]:
    from openpyxl import load_workbook  # noqa: PLC0415 - heavy, for one command

    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        if sum(part.file_size for part in packed.infolist()) > 10 * MAX_BYTES:
            raise Unreadable([BadCell(name, "", "nội dung giải nén quá lớn")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that the library leaves out
        values = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        formulas = load_workbook(io.BytesIO(content), read_only=True)
        try:
            pairs = zip(values.worksheets, formulas.worksheets, strict=True)
            return [_sheet(name, *pair) for pair in pairs]
        finally:
            values.close()
            formulas.close()


_NUMBER_CELL = re.compile(
    rb"""<c\b((?:[^>"'/]|"[^"]*"|'[^']*')*)>((?:<f\b[^>]*/>|<f\b[^>]*>[^<]*</f>)?<v>)([^<]*)(?=</v>)"""
)
_TYPE = re.compile(rb"""\st=["'](\w+)["']""")


def _numbers_as_text(content: bytes) -> bytes:
    """The workbook with numbers that are none, such as NaN, as texts: the library gives up a whole sheet for one.

    As texts they are bad cells like others, named where they are read.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as good, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for name in good.namelist():
            part = good.read(name)
            written.writestr(name, _NUMBER_CELL.sub(_as_text, part) if name.startswith("xl/worksheets/") else part)
    return packed.getvalue()


def _as_text(cell: re.Match[bytes]) -> bytes:
    attributes, before, value = cell.groups()
    kind = _TYPE.search(attributes)
    if (kind and kind[1] != b"n") or re.fullmatch(rb"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value):
        return cell[0]
    return b'<c%s t="str">%s%s' % (_TYPE.sub(b"", attributes), before, value)


class _Uncalculated:
    """A formula whose value nobody has calculated: no number, and not an empty cell either."""

    def __str__(self) -> str:
        return "công thức"


def _sheet(name: str, values: Any, formulas: Any) -> Sheet:
    for sheet in (values, formulas):
        sheet.reset_dimensions()  # some programs write wrong ones, and rows would be missing
    pairs = zip(values.iter_rows(), formulas.iter_rows(), strict=True)
    return Sheet(values.title, _limited(name, (list(map(_value, *pair)) for pair in pairs)))


def _value(cell: Any, written: Any) -> Any:
    """What a cell is worth. A text that is empty (type str) was calculated, a number without digits was not."""
    if written.data_type == "f" and cell.value is None and cell.data_type == "n":
        return _Uncalculated()
    return cell.value


def _limited(name: str, rows: Iterable[Sequence[Any]]) -> tuple[tuple[Any, ...], ...]:
    made, cells = [], 0
    for row in rows:
        cells += max(1, len(row))  # a far row has many empty ones before it
        if cells > MAX_CELLS:
            raise Unreadable([BadCell(name, "", f"có hơn {MAX_CELLS} ô: không phải biểu mẫu")])
        made.append(tuple(row))
    return tuple(made)


_OLD_EXCEL = bytes.fromhex("d0cf11e0a1b11ae1")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\ufffd]")
_VIETNAMESE = re.compile("[đươĐƯƠ\u0300\u0301\u0303\u0309\u0323]")


def _decoded(content: bytes) -> str | None:
    """The text in UTF-8, in UTF-16 with its mark, or in Windows-1258; None where it is none of these.

    Excel calls UTF-16 Unicode Text, and writes a plain CSV in the code page of its Windows: 1258 where that is in
    Vietnamese. What is read so must hold Vietnamese letters, for every byte is a letter of some code page.
    """
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1258"]
    for encoding in encodings:
        with suppress(ValueError):
            text = content.decode(encoding)
            if not _NOT_TEXT.search(text) and (encoding != "cp1258" or _VIETNAMESE.search(text)):
                return unicodedata.normalize("NFC", text)
    return None


def _text(name: str, content: bytes) -> Sheet:
    """CSV with commas, semicolons or tabs: whichever makes its headings columns."""
    text = _decoded(content)
    if text is None:
        if content.startswith(_OLD_EXCEL):
            raise Unreadable([BadCell(name, "", "tệp XLS kiểu cũ; mở bằng Excel rồi lưu thành XLSX")])
        said = "không phải XLSX, cũng không phải CSV; mở bằng Excel rồi lưu thành XLSX hoặc CSV UTF-8"
        raise Unreadable([BadCell(name, "", said)])
    busiest = sorted(",;\t", key=lambda mark: -max((line.count(mark) for line in text.splitlines()), default=0))
    sheets: dict[str, Sheet] = {}
    for delimiter in busiest:
        with suppress(csv.Error):
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
            sheets[delimiter] = sheet = Sheet(name, _limited(name, rows))
            if _columns(sheet) is not None or is_units([sheet]) or is_scores([sheet]):
                return sheet
    if busiest[0] not in sheets:
        raise Unreadable([BadCell(name, "", "CSV sai định dạng: dấu ngoặc kép chưa đóng")])
    return sheets[busiest[0]]


# --- cells ------------------------------------------------------------------------------------------------------------


def cell_name(row: int, column: int) -> str:
    """The name of a cell by its numbers from 0: (6, 3) is D7."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(65 + letter) + letters
    return f"{letters}{row + 1}"


def _said(cell: Any) -> str:
    """What a cell says, without blanks around; "" for an empty one."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return " ".join(unicodedata.normalize("NFC", str(cell)).split())


def _key(cell: Any) -> str:
    """A heading without its marks: "Mã đơn vị" is "ma don vi"."""
    plain = unicodedata.normalize("NFD", _said(cell).casefold().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]+", " ", "".join(c for c in plain if not unicodedata.combining(c))).strip()


_TOO_LARGE = 10**12
_WHOLE = re.compile(r"\d+|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})+")


def _count(cell: Any) -> int:
    """A number of dossiers: 1248, "1.248", "07"; an empty cell and "-" are 0. Raises ValueError with the reason."""
    if isinstance(cell, bool):
        raise ValueError("giá trị đúng/sai, cần số hồ sơ")  # noqa: TRY004 - of a file, not of a caller
    _calculated(cell)
    if isinstance(cell, int | float):
        if cell < 0:
            raise ValueError("số âm")
        if not cell < _TOO_LARGE:  # infinity and what is no number neither
            raise ValueError("số quá lớn")
        if cell != int(cell):
            raise ValueError("số lẻ, cần số nguyên")
        return int(cell)
    text = _said(cell)
    if text in ("", "-", "–"):
        return 0
    if text.startswith("#"):
        raise ValueError(f"công thức lỗi ({text[:10]})")
    if text.startswith("-") and _WHOLE.fullmatch(text[1:]):
        raise ValueError("số âm")
    if not _WHOLE.fullmatch(text):
        raise ValueError("không phải là số hồ sơ")
    number = int(re.sub(r"\D", "", text))
    if number >= _TOO_LARGE:
        raise ValueError("số quá lớn")
    return number


def _calculated(cell: Any) -> None:
    if isinstance(cell, _Uncalculated):
        raise ValueError("công thức chưa có giá trị; mở tệp bằng Excel rồi lưu lại")  # noqa: TRY004 - of a file


def _is_count(cell: Any) -> bool:
    try:
        return bool(_said(cell)) and _count(cell) >= 0
    except ValueError:
        return False


def _fraction(cell: Any) -> Fraction | None:
    """A number with a decimal comma or point, None for an empty cell. Raises ValueError with the reason."""
    _calculated(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        if not math.isfinite(cell) or not 0 <= cell < _TOO_LARGE:
            raise ValueError("số nằm ngoài phạm vi")
        return Fraction(str(cell))
    text = _said(cell)
    if text in ("", "-", "–", "N/A"):
        return None
    if "," in text:
        text = text.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"\d{1,3}(\.\d{3})+", text):
        text = text.replace(".", "")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("không phải là số") from None
    if not number.is_finite() or not 0 <= number < _TOO_LARGE:
        raise ValueError("số nằm ngoài phạm vi")
    return Fraction(number)


def _day(cell: Any) -> date | None:
    """A day: a date, 01/07/2025 or 2025-07-01; None for an empty cell. Raises ValueError with the reason."""
    _calculated(cell)
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = _said(cell)
    if not text:
        return None
    for pattern in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError("không phải là ngày; ghi dd/mm/yyyy")


class _Reader:
    """Reads cells of a sheet and gathers what is wrong."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet = sheet
        self.bad: list[BadCell] = []

    def cell(self, row: int, column: int) -> Any:
        cells = self.sheet.rows[row]
        return cells[column] if column < len(cells) else None

    def value(self, row: int, column: int, read: Callable[[Any], Any], default: Any) -> Any:
        try:
            return read(self.cell(row, column))
        except ValueError as error:
            self.complain(row, column, str(error))
            return default

    def complain(self, row: int, column: int, reason: str) -> None:
        self.bad.append(BadCell(self.sheet.name, cell_name(row, column), reason))


# --- form II.06a ------------------------------------------------------------------------------------------------------

_NUMBERED = re.compile(r"\(?(\d{1,2})\)?(?: ?=.*)?")
_DATES = re.compile(r"từ ngày (\d{1,2}/\d{1,2}/\d{4}) đến(?: hết)? ngày (\d{1,2}/\d{1,2}/\d{4})", re.IGNORECASE)
_GROUPED = re.compile(r"[IVX]+|[A-Z]")
_TOTAL = re.compile(r"tong (?:so|cong)(?: .*)?|(?:tong|cong)(?: \d+)*")
_SOME = 4  # cells: a signature below a form fills fewer of the columns with figures


def is_form(sheets: Sequence[Sheet]) -> bool:
    """Whether some sheet has the row of column numbers, (1) to (13)."""
    return any(_columns(sheet) is not None for sheet in sheets)


def period_of(sheets: Sequence[Sheet]) -> tuple[date, date] | None:
    """[start, end) as the head of the form says it: "(Từ ngày 15/12/2022 đến ngày 14/12/2023)".

    Another sheet may speak of other days. Raises Unreadable where the days can't be meant.
    """
    for sheet in sheets:
        for at, row in enumerate(sheet.rows[:20] if _columns(sheet) is not None else ()):
            if match := _DATES.search(" ".join(_said(cell) for cell in row)):
                if days := _half_open(*match.groups()):
                    return days
                said = f"“{match[0]}” không phải là một kỳ: ngày sai, hoặc ngày đầu sau ngày cuối"
                raise Unreadable([BadCell(f"{sheet.name}, dòng {at + 1}", "", said)])
    return None


def _half_open(first: str, last: str) -> tuple[date, date] | None:
    """[start, end) of the days as written, None where they can't be meant."""
    try:
        start, end = (datetime.strptime(day, "%d/%m/%Y").date() for day in (first, last))  # noqa: DTZ007
        return (start, end + timedelta(days=1)) if start <= end else None
    except (ValueError, OverflowError):
        return None


def form(sheets: Sequence[Sheet], start: date, end: date) -> Form:
    """The official form of [start, end). Raises Unreadable with every bad cell.

    The row (1) (2) ... (13) says where the columns are. Below it, a row numbered by a letter or a Roman numeral sums
    up those until the next one of its kind (A holds I, II, ...; the kind that comes first is the upper one); a row
    named "Tổng số" or "Tổng cộng" sums up all.
    """
    found = [(sheet, *place) for sheet in sheets if (place := _columns(sheet)) is not None]
    if not found:
        said = "không tìm thấy dòng đánh số cột (1) (2) … (13) của Biểu II.06a"
        raise Unreadable([BadCell(sheets[0].name, "", said)])
    if len(found) > 1:
        names = ", ".join(sheet.name for sheet, *_ in found)
        raise Unreadable([BadCell(names, "", "nhiều trang tính có Biểu II.06a; chỉ để lại một")])
    reader = _FormReader(*found[0])
    reader.read()
    if reader.bad:
        raise Unreadable(reader.bad)
    subtotals = tuple((group.row, tuple(group.parts)) for group in reader.groups if group.parts)
    return Form(start, end, Source.OFFICIAL, tuple(reader.rows), reader.whole, subtotals)


@dataclass
class _Grouped:
    """A row that sums up those below it, and the groups that it lies in."""

    row: Row
    is_letter: bool
    above: list[_Grouped]
    parts: list[Row] = field(default_factory=list)


class _FormReader(_Reader):
    """Sorts the rows of a form: plain ones, those that sum up some, the one that sums up all."""

    def __init__(self, sheet: Sheet, head: int, columns: Mapping[int, int]) -> None:
        super().__init__(sheet)
        self._head, self._columns = head, columns
        self.rows: list[Row] = []
        self.groups: list[_Grouped] = []
        self._open: list[_Grouped] = []  # the groups that the next row lies in, the widest first
        self._letter = ""  # of the last group that has one
        self.whole: Counts | None = None

    def read(self) -> None:
        for at, number, name in self._form_rows():
            counts = Counts(*(self.value(at, self._columns[c], _count, 0) for c in range(3, 14)))
            if _TOTAL.fullmatch(_key(name or number)):
                if self.whole is not None:
                    self.complain(at, self._columns[2], "có hai dòng tổng số")
                self.whole = counts
            elif not name:
                self.complain(at, self._columns[2], "thiếu tên đơn vị hoặc lĩnh vực")
            else:
                self._sort(at, number, Row(name, None, counts))
        self._add_empty_groups()
        if not self.rows and self.whole is not None:
            self.rows = [Row("Toàn đơn vị", None, self.whole)]
        if not self.rows and not self.bad:
            self.bad.append(BadCell(self.sheet.name, "", "biểu không có dòng số liệu nào"))

    def _sort(self, at: int, number: str, row: Row) -> None:
        if _GROUPED.fullmatch(number):
            self._open_group(number, row)
            return
        beside = self._open[-1].parts if self._open else self.rows
        if any(row.name == other.name for other in beside):
            self.complain(at, self._columns[2], f"tên {row.name} có hai lần")
        self.rows.append(row)
        for group in self._open:
            group.parts.append(row)

    def _open_group(self, number: str, row: Row) -> None:
        follows = bool(self._letter) and number == chr(ord(self._letter) + 1)  # I after H is a letter
        is_letter = follows or not re.fullmatch("[IVX]+", number)
        if is_letter:
            self._letter = number
        kinds = [group.is_letter for group in self._open]
        above = self._open[: kinds.index(is_letter)] if is_letter in kinds else self._open
        group = _Grouped(row, is_letter, above)
        self.groups.append(group)
        self._open = [*above, group]

    def _add_empty_groups(self) -> None:
        """A group without rows below it is a row itself."""
        found = []
        for group in reversed(self.groups):  # the inner ones before those that they lie in
            if not group.parts:
                found.append(group.row)
                for other in group.above:
                    other.parts.append(group.row)
        self.rows += reversed(found)

    def _form_rows(self) -> Iterator[tuple[int, str, str]]:
        """Each row with figures: where it is, its number and its name. Below the form come names and signatures.

        A row whose figures are all bad is one too; below the last good one it has to fill some cells.
        """
        columns, made = self._columns, []
        for at in range(self._head + 1, len(self.sheet.rows)):
            number = _said(self.cell(at, columns[1])).rstrip(".") if 1 in columns else ""
            cells = [self.cell(at, columns[c]) for c in range(3, 14)]
            is_sure, filled = number.isdigit() or any(map(_is_count, cells)), sum(bool(_said(cell)) for cell in cells)
            made.append((at, number, _said(self.cell(at, columns[2])), is_sure, filled))
        last = max((at for at, *_, is_sure, _ in made if is_sure), default=self._head)
        for at, number, name, is_sure, filled in made:
            if is_sure or (name and filled >= (1 if at < last else _SOME)):
                yield at, number, name


def _columns(sheet: Sheet) -> tuple[int, dict[int, int]] | None:
    """The row of column numbers, or of the names that `motcua dossiers form --json` uses; where each column is."""
    names = ("", "", "unit", *COLUMNS)
    for at, row in enumerate(sheet.rows[:60]):
        found: dict[int, int] = {}
        for column, cell in enumerate(row):
            if (match := _NUMBERED.fullmatch(_said(cell))) and 1 <= int(match[1]) <= 13:
                found.setdefault(int(match[1]), column)
        if len(found) == 13 and list(found) == sorted(found):
            return at, found
        said = [_said(cell) for cell in row]
        if all(name in said for name in names if name):
            return at, {number: said.index(name) for number, name in enumerate(names) if name}
    return None


# --- tables with headings ---------------------------------------------------------------------------------------------

_UNITS = {
    "code": ("ma don vi", "ma"),
    "name": ("ten don vi", "ten"),
    "parent": ("ma don vi cap tren", "ma cap tren"),
    "level": ("cap",),
    "valid_from": ("hieu luc tu", "tu ngay"),
    "valid_to": ("hieu luc den", "het hieu luc"),
    "successor": ("ma don vi ke thua", "ma ke thua"),
}
_SCORES = {
    "component": ("ma thanh phan", "chi so thanh phan", "thanh phan"),
    "points": ("diem",),
    "numerator": ("tu so",),
    "denominator": ("mau so",),
    "unit": ("ma don vi", "don vi"),
}


def is_units(sheets: Sequence[Sheet]) -> bool:
    """Whether some sheet is a list of units: "Mã đơn vị" and "Tên đơn vị" head two of its columns."""
    return _headed(sheets, _UNITS, ("code", "name")) is not None


def is_scores(sheets: Sequence[Sheet]) -> bool:
    """Whether some sheet is a table of points: "Mã thành phần" and "Điểm" head two of its columns."""
    return _headed(sheets, _SCORES, ("component", "points")) is not None


def units(sheets: Sequence[Sheet]) -> list[Unit]:
    """The units of a list; "Hiệu lực đến" is the first day on which a unit is no more. Raises Unreadable."""
    reader, head, columns = _table(sheets, _UNITS, ("code", "name"))
    made: dict[tuple[str, date | None], Unit] = {}
    for at in _below(reader, head, columns):
        text = {name: _said(reader.cell(at, c)) or None for name, c in columns.items()}
        first, after = (reader.value(at, columns[n], _day, None) if n in columns else None for n in _VALID)
        for name in ("code", "name"):
            if not text[name]:
                reader.complain(at, columns[name], "để trống")
        code = text["code"] or ""
        if (code, first) in made:
            reader.complain(at, columns["code"], f"mã {code} có hai dòng từ cùng một ngày")
        unit = Unit(
            code, text["name"] or "", text.get("parent"), text.get("level"), first, after, text.get("successor")
        )
        made[code, first] = unit
    if reader.bad:
        raise Unreadable(reader.bad)
    return list(made.values())


_VALID = ("valid_from", "valid_to")


def scores(sheets: Sequence[Sheet], most: Mapping[str, int]) -> list[OfficialScore]:
    """The points of a table, `most` by the id of each component that is known. Raises Unreadable."""
    reader, head, columns = _table(sheets, _SCORES, ("component", "points"))
    made: dict[tuple[str, str], OfficialScore] = {}
    for at in _below(reader, head, columns):
        component = _said(reader.cell(at, columns["component"]))
        unit = _said(reader.cell(at, columns["unit"])) if "unit" in columns else ""
        if component not in most:
            reader.complain(at, columns["component"], f"không có thành phần {component[:20] or '(trống)'}")
        if (unit, component) in made:
            reader.complain(at, columns["component"], f"thành phần {component} có hai dòng")
        numbers = [
            reader.value(at, columns[name], _fraction, None) if name in columns else None
            for name in OfficialScore._fields[2:]
        ]
        if numbers[0] is not None and numbers[0] > most.get(component, numbers[0]):
            reader.complain(at, columns["points"], f"quá điểm tối đa của thành phần {component} ({most[component]})")
        made[unit, component] = OfficialScore(unit, component, *numbers)
    if reader.bad:
        raise Unreadable(reader.bad)
    return list(made.values())


def _table(
    sheets: Sequence[Sheet], headings: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> tuple[_Reader, int, dict[str, int]]:
    found = _headed(sheets, headings, needed)
    if found is None:
        said = " và ".join(f"“{headings[name][0]}”" for name in needed)
        raise Unreadable([BadCell(sheets[0].name, "", f"không có dòng tiêu đề với {said}")])
    sheet, head, columns = found
    return _Reader(sheet), head, columns


def _headed(
    sheets: Sequence[Sheet], headings: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> tuple[Sheet, int, dict[str, int]] | None:
    for sheet in sheets:
        for at, row in enumerate(sheet.rows[:20]):
            keys = {_key(cell): column for column, cell in reversed(list(enumerate(row)))}
            found = {name: keys[word] for name, words in headings.items() for word in reversed(words) if word in keys}
            if all(name in found for name in needed):
                return sheet, at, found
    return None


def _below(reader: _Reader, head: int, columns: Mapping[str, int]) -> Iterator[int]:
    for at in range(head + 1, len(reader.sheet.rows)):
        if any(_said(reader.cell(at, column)) for column in columns.values()):
            yield at

"""The report's tables as XLSX: one sheet a table, numbers as numbers, shares cut as the text is."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from monitor.report.archive import rezip
from monitor.report.model import Cell, Document, Heading, Paragraph, Table

_BOLD = Font(name="Times New Roman", bold=True)
_FONT = Font(name="Times New Roman")
_WRAPPED = Alignment(wrap_text=True, vertical="top")
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")


def render(document: Document) -> bytes:
    """The file: the text on the first sheet, then the tables."""
    book = Workbook(write_only=True)
    book.properties.title = f"{document.kind} {document.subject}".replace("\n", " ")
    book.properties.creator = document.head.issuer
    book.properties.created = made_at = datetime.fromtimestamp(document.made_at, UTC).replace(tzinfo=None)
    _text(book.create_sheet(document.texts["sheet_value"]), document)
    for number, table in enumerate(document.tables, 1):
        _table(book.create_sheet(f"{number}_{table.id}"[:31]), table)
    content = io.BytesIO()
    book.save(content)
    stamp = made_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()

    def dated(name: str, data: bytes) -> bytes:
        return _MODIFIED.sub(rb"\g<1>" + stamp, data) if name == "docProps/core.xml" else data

    return rezip(content.getvalue(), dated)


def lines(document: Document) -> Iterator[tuple[str, bool]]:
    """Everything but tables, in order, each with whether it is a heading."""
    for mark in document.marks:
        yield mark, True
    yield f"{document.kind} {document.subject}".replace("\n", " "), True
    for block in document.all_blocks():
        if isinstance(block, Heading):
            yield block.text, True
        elif isinstance(block, Paragraph):
            yield block.text, False


def _text(sheet: Any, document: Document) -> None:
    sheet.column_dimensions["A"].width = 120
    for said, is_heading in lines(document):
        cell = WriteOnlyCell(sheet, value=_safe(said))
        cell.font, cell.alignment, cell.data_type = _BOLD if is_heading else _FONT, _WRAPPED, "s"
        sheet.append([cell])


def _table(sheet: Any, table: Table) -> None:
    whole = sum(column.width for column in table.columns)
    for number, column in enumerate(table.columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(10, round(110 * column.width / whole))
    sheet.freeze_panes = "A3"
    title = WriteOnlyCell(sheet, value=_safe(table.title))
    title.font = _BOLD
    sheet.append([title])
    sheet.append([_heading(sheet, column.heading) for column in table.columns])
    for row in table.rows:
        sheet.append([_cell(sheet, cell, bold=row.group or row.total) for cell in row.cells])


def _heading(sheet: Any, text: str) -> Any:
    cell = WriteOnlyCell(sheet, value=_safe(text))
    cell.font, cell.alignment = _BOLD, _WRAPPED
    return cell


def _cell(sheet: Any, cell: Cell, *, bold: bool) -> Any:
    if cell.value is None and not bold and not cell.text.startswith("="):
        return _safe(cell.text) or None
    made = WriteOnlyCell(sheet, value=_value(cell))
    if isinstance(cell.value, Fraction):
        made.number_format = "0.00%"
    elif cell.value is not None:
        made.number_format = "#,##0"
    else:
        made.data_type = "s"  # a name that begins with = is no formula
    if bold:
        made.font = _BOLD
    return made


def _value(cell: Cell) -> Any:
    if cell.value is None:
        return _safe(cell.text)
    return float(cell.value) if isinstance(cell.value, Fraction) else cell.value


def _safe(text: str) -> str:
    return _ILLEGAL.sub("", text)

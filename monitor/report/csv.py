"""The report's tables as CSV, one file a table in a ZIP; UTF-8 with a mark, so that Excel reads it right."""

from __future__ import annotations

import csv
import io
import zipfile
from fractions import Fraction

from monitor.report.archive import rezip
from monitor.report.model import Cell, Document, Table


def render(document: Document) -> bytes:
    """The archive. Numbers are plain (2678400), shares decimals (0.9995): for programs, whatever their language."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, table in enumerate(document.tables, 1):
            archive.writestr(f"{number:02d}_{table.id}.csv", _text(table).encode("utf-8-sig"))
    return rezip(made.getvalue())


def _text(table: Table) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.heading for column in table.columns])
    writer.writerows([_written(cell) for cell in row.cells] for row in table.rows)
    return out.getvalue()


def _written(cell: Cell) -> str:
    """A text that a spreadsheet would take for a formula gets a quotation mark before it."""
    if cell.value is None:
        return f"'{cell.text}" if cell.text[:1] in ("=", "+", "@") else cell.text
    if isinstance(cell.value, Fraction):
        return f"{cell.value.numerator * 10_000 // cell.value.denominator / 10_000:.4f}"
    return str(cell.value)

"""Official spreadsheets as provinces write them, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook

HEAD = (
    ["Biểu số II.06a/VPCP/KSTT"],
    ["TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"],
    ["Kỳ báo cáo: năm 2023 (Từ ngày 01/01/2023 đến ngày 31/12/2023)"],
    ["STT", "Đơn vị", "Tiếp nhận", None, None, None, "Đã giải quyết", None, None, None, "Đang giải quyết", None, None],
    [f"({n})" for n in range(1, 14)],
)
CENTRE = [84_859, 53_325, 30_286, 1_248, 83_741, 20_376, 63_358, 7, 1_118, 1_118, 0]
"""The report's figures of 2023, in the order of columns (3) to (13)."""

FOOT = (
    ["", "", "", "", "", "", "", "Trà Vinh, ngày 05 tháng 01 năm 2024"],
    ["", "NGƯỜI LẬP BIỂU", "", "", "THỦ TRƯỞNG"],
)


def xlsx(path: Path, rows: Sequence[Sequence[Any]], head: Sequence[Sequence[Any]] = HEAD) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Biểu II.06a"
    for row in (*head, *rows, *FOOT):
        sheet.append(list(row))
    book.save(path)
    return path


def csv(path: Path, rows: Sequence[Sequence[Any]], head: Sequence[Sequence[Any]] = HEAD) -> Path:
    lines = [";".join("" if cell is None else str(cell) for cell in row) for row in (*head, *rows, *FOOT)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path

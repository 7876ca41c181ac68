"""The report as PDF/A by typst: `report.typ` lays out what this module hands it as JSON; no text is ever markup.

Liberation Serif is embedded, which has the widths of Times New Roman. Typst takes another font in silence where it is
missing, so that is looked at first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import typst

from monitor.report.model import Block, Chart, Document, Figure, Heading, Paragraph, ReportError, Table

FONT = "Liberation Serif"
FOLDERS = (
    "/usr/share/fonts/truetype/liberation2",  # Debian's fonts-liberation2
    "/usr/share/fonts/truetype/liberation",  # fonts-liberation
    "/usr/share/fonts/liberation-serif",  # Fedora
    "/usr/share/fonts/liberation",  # Arch
)
"""Where the font is looked for."""

STYLES = frozenset({("Normal", 400), ("Normal", 700), ("Italic", 400), ("Italic", 700)})
"""What has to be there of it."""


def fonts(folders: Sequence[str] = FOLDERS) -> typst.Fonts:
    """The font in the first folder that has it whole. Raises ReportError where none has."""
    for folder in folders:
        if Path(folder).is_dir():
            found = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder])
            known = {(str(one.style).capitalize(), one.weight) for one in found.fonts() if one.family == FONT}
            if known >= STYLES:
                return found
    raise ReportError(f"the font {FONT} is missing; on Debian: apt-get install fonts-liberation2")


def render(document: Document) -> bytes:
    """The file. Raises ReportError where the font is missing."""
    charts: list[str] = []
    told = {
        "language": document.language,
        "head": document.head._asdict(),
        "kind": document.kind,
        "subject": document.subject,
        "marks": document.marks,
        "texts": document.texts,
        "blocks": [_block(block, charts) for block in document.blocks],
        "appendices": [
            {**appendix._asdict(), "blocks": [_block(block, charts) for block in appendix.blocks]}
            for appendix in document.appendices
        ],
    }
    text = (resources.files("monitor.report") / "report.typ").read_bytes()
    inputs = {"report": json.dumps(told, ensure_ascii=False), "charts": json.dumps(charts, ensure_ascii=False)}
    return _compile(text, inputs, document.made_at, format="pdf", pdf_standards=["a-2a"])


def pictures(charts: Sequence[Chart], ppi: int = 200) -> list[bytes]:
    """Charts as PNG, for programs that cannot show SVG: one run of typst for all of them."""
    if not charts:
        return []
    text = (resources.files("monitor.report") / "pictures.typ").read_bytes()
    inputs = {"charts": json.dumps([[c.svg, c.width, c.height] for c in charts], ensure_ascii=False)}
    made = _compile(text, inputs, 0, format="png", ppi=float(ppi))
    return [made] if isinstance(made, bytes) else list(made)


def _compile(text: bytes, inputs: dict[str, str], made_at: int, **options: Any) -> Any:
    known = fonts()
    compiler = typst.Compiler(text, font_paths=known, ignore_system_fonts=True, sys_inputs=inputs)
    timestamp = datetime.fromtimestamp(made_at, UTC)
    try:
        return compiler.compile(timestamp=timestamp, **options)
    except typst.TypstError as error:
        raise ReportError(f"typst: {error.message}") from None


def _block(block: Block, charts: list[str]) -> dict[str, Any] | None:
    if isinstance(block, Heading):
        return {"is": "heading", **block._asdict()}
    if isinstance(block, Paragraph):
        return {"is": "paragraph", **block._asdict()}
    if isinstance(block, Figure):
        return {"is": "figure", "title": block.title, **_chart(block.chart, charts)}
    return None if block.data_only else _table(block, charts)


def _chart(chart: Chart, charts: list[str]) -> dict[str, Any]:
    charts.append(chart.svg)
    return {"number": len(charts) - 1, "alt": chart.alt, "width": chart.width, "height": chart.height}


def _table(table: Table, charts: list[str]) -> dict[str, Any]:
    return {
        "is": "table",
        "title": table.title,
        "columns": [[column.heading, column.width, column.numeric] for column in table.columns],
        "rows": [
            {
                "group": row.group,
                "total": row.total,
                "cells": [_chart(cell.chart, charts) if cell.chart else cell.text for cell in row.cells],
            }
            for row in table.rows
        ],
    }

"""The report as PDF/A by typst: `report.typ` lays out what this module hands it as JSON; no text is ever markup.

Liberation Serif is embedded, which has the widths of Times New Roman.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from monitor.report.model import Block, Chart, Document, Figure, Heading, Paragraph, Table
from monitor.report.typesetting import typeset


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
    inputs = {"report": json.dumps(told, ensure_ascii=False), "charts": json.dumps(charts, ensure_ascii=False)}
    (made,) = typeset("report.typ", inputs, document.made_at, format="pdf", pdf_standards=["a-2a"])
    return made


def pictures(charts: Sequence[Chart], ppi: int = 200) -> list[bytes]:
    """Charts as PNG, for programs that cannot show SVG: one run of typst for all of them."""
    if not charts:
        return []
    inputs = {"charts": json.dumps([[c.svg, c.width, c.height] for c in charts], ensure_ascii=False)}
    return typeset("pictures.typ", inputs, 0, format="png", ppi=float(ppi))


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
                "drawn": any(cell.chart for cell in row.cells),
                "cells": [_chart(cell.chart, charts) if cell.chart else _breakable(cell.text) for cell in row.cells],
            }
            for row in table.rows
        ],
    }


def _breakable(text: str) -> str:
    """A digest has no place to break a line at: it gets one in its middle."""
    return f"{text[:32]}\u200b{text[32:]}" if len(text) == 64 and " " not in text else text

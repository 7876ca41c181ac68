"""One renderer a format: a document in, a file's bytes out. A new format is one module and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monitor.report import csv, docx, html, pdf, xlsx
from monitor.report.model import Document

RENDERERS: Mapping[str, Callable[[Document], bytes]] = {
    "docx": docx.render,
    "pdf": pdf.render,
    "xlsx": xlsx.render,
    "csv": csv.render,
    "html": html.render,
}

ENDINGS: Mapping[str, str] = {"docx": "docx", "pdf": "pdf", "xlsx": "xlsx", "csv": "csv.zip", "html": "html"}
"""How files end; the tables as CSV are one archive."""

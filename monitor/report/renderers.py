"""One renderer a format: a document in, a file's bytes out. A new format is one module and one line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

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


def render(document: Document, formats: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """The files of these formats as they become ready. Raises ReportError.

    PDF is made first: typst's process takes the most memory, and what the other formats leave behind would stand beside
    it.
    """
    for name in sorted(formats, key=lambda one: one != "pdf"):
        yield name, RENDERERS[name](document)

"""What a report is made of, whatever its format: headings, paragraphs, tables, charts.

Pure values. A renderer knows these alone; it decides nothing about figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias


class ReportError(Exception):
    """A report that cannot be made; says what to do. `permanent`: trying again does not help."""

    def __init__(self, message: str, *, permanent: bool = True) -> None:
        super().__init__(message)
        self.permanent = permanent


class Chart(NamedTuple):
    """A drawing as SVG, its size in points, and the text for those who do not see it."""

    svg: str
    width: int
    height: int
    alt: str


class Cell(NamedTuple):
    """What stands in a table: `text` for readers, `value` for spreadsheets where it is a number.

    A fraction is a share; its value is cut as the text is, so that both show the same.
    """

    text: str
    value: int | Fraction | None = None
    chart: Chart | None = None


class Column(NamedTuple):
    """`width` is a share of the table's width, beside the other columns'."""

    heading: str
    width: float
    numeric: bool = False


class Row(NamedTuple):
    """`group`: one cell across the whole table that heads the rows after it. `total`: a sum."""

    cells: Sequence[Cell]
    group: bool = False
    total: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`id` names it in files. `data_only`: too long to be read, so it is in spreadsheets alone."""

    id: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    data_only: bool = False


class Heading(NamedTuple):
    level: int
    text: str


class Paragraph(NamedTuple):
    """`bullet`: with a dash before it. `note`: smaller, for what qualifies a table."""

    text: str
    bullet: bool = False
    note: bool = False


class Figure(NamedTuple):
    title: str
    chart: Chart


Block: TypeAlias = Heading | Paragraph | Table | Figure


class Head(NamedTuple):
    """The letterhead and the place of the signature, as Decree 30/2020/NĐ-CP, Appendix I, wants them.

    `symbol` follows the blank number; `authority` are the lines above the blank signature; `name` may be empty.
    """

    superior: str
    issuer: str
    symbol: str
    place_and_date: str
    to: Sequence[str]
    recipients: Sequence[str]
    authority: Sequence[str]
    name: str


class Appendix(NamedTuple):
    number: str  # Roman
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. `marks` stand above everything: that it is a draft, that its data are simulated.

    `made_at` (seconds) dates the file itself, so that the same report gives the same bytes.
    """

    language: str
    head: Head
    kind: str  # BÁO CÁO
    subject: str
    marks: Sequence[str]
    blocks: Sequence[Block]
    appendices: Sequence[Appendix]
    made_at: int
    identity: str
    texts: dict[str, str] = field(default_factory=dict)  # what renderers say themselves

    def all_blocks(self) -> Iterator[Block]:
        yield from self.blocks
        for appendix in self.appendices:
            yield from appendix.blocks

    @property
    def tables(self) -> list[Table]:
        return [block for block in self.all_blocks() if isinstance(block, Table)]

"""The report as DOCX, as it is signed: Decree 30/2020/NĐ-CP, Appendix I, with real styles and headings.

Tables are written as XML and not cell by cell: python-docx takes a minute for what takes a second here. Charts are SVG
with a PNG beside it for programs that show no SVG.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

import docx
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Cm, Mm, Pt, RGBColor, Twips

from monitor.report.archive import rezip
from monitor.report.model import Block, Cell, Chart, Document, Figure, Heading, Paragraph, Row, Table
from monitor.report.pdf import pictures

FONT = "Times New Roman"
TWIPS = 9072
"""The width between the margins: 160 mm."""

_NAMES = nsdecls("w", "r", "wp", "a", "pic")
_SVG = 'xmlns:asvg="http://schemas.microsoft.com/office/drawing/2016/SVG/main"'
_SVG_URI = "{96DAC541-7B7A-43D3-8B79-37D633B846F1}"
_EMU = 12_700  # in a point


def render(document: Document) -> bytes:
    """The file. Raises ReportError where the font for the pictures of charts is missing."""
    return _Writer(document).file()


class _Writer:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._docx = docx.Document()
        self._body = self._docx.element.body
        charts = [*_charts(document.all_blocks())]
        self._pictures = dict(zip(map(id, charts), pictures(charts), strict=True))
        self._drawn = 0

    def file(self) -> bytes:
        _set_styles(self._docx)
        self._set_properties()
        self._page(self._docx.sections[0])
        self._head()
        for block in self._document.blocks:
            self._block(block)
        self._signature()
        for appendix in self._document.appendices:
            self._appendix(appendix.number, appendix.title, appendix.blocks)
        self._numbers()
        made = io.BytesIO()
        self._docx.save(made)
        return rezip(made.getvalue())

    def _set_properties(self) -> None:
        properties, d = self._docx.core_properties, self._document
        properties.title = f"{d.kind} {d.subject}".replace("\n", " ")
        properties.author = d.head.issuer
        properties.language = "vi-VN" if d.language == "vi" else "en-GB"
        properties.created = properties.modified = datetime.fromtimestamp(d.made_at, UTC).replace(tzinfo=None)
        properties.last_modified_by, properties.comments, properties.revision = d.head.issuer, d.identity, 1

    def _page(self, section: Any) -> None:
        section.page_width, section.page_height = Mm(210), Mm(297)
        section.top_margin = section.bottom_margin = Mm(20)
        section.left_margin, section.right_margin = Mm(30), Twips(1133)  # 20 mm at most
        section.header_distance = Mm(9)

    # --- the first page ----------------------------------------------------------------------------------------------

    def _head(self) -> None:
        d, texts = self._document, self._document.texts
        if d.marks:
            self._add(_paragraph(" - ".join(d.marks), "Mark"))
        head = d.head
        left = [(head.superior.upper(), 24, "")] if head.superior else []
        left += [(head.issuer.upper(), 24, "<w:b/>")]
        right = [(texts["nation"], 24, "<w:b/>"), (texts["motto"], 26, "<w:b/>")]
        number = [(f"{texts['number']}        /{head.symbol}", 26, "")]
        day = [(head.place_and_date, 26, "<w:i/>")]
        cells = [[_lines(left) + _ruled(1100), _lines(right) + _ruled(1060)], [_lines(number), _lines(day)]]
        self._add(_plain_table((3800, 5272), cells))
        self._add(_paragraph(d.kind, "Title"))
        for line in d.subject.split("\n"):
            self._add(_paragraph(line, "Subtitle"))
        self._add(_ruled(3100))
        if len(head.to) == 1:
            self._add(_paragraph(f"{texts['to']} {head.to[0]}.", "Centred"))
        elif head.to:
            self._add(_paragraph(texts["to"], "Centred"))
            for to in _listed(head.to):
                self._add(_paragraph(to, "Centred"))

    def _signature(self) -> None:
        head, texts = self._document.head, self._document.texts
        left = _lines([(texts["recipients"], 24, "<w:b/><w:i/>")], "left")
        left += _lines([(one, 22, "") for one in _listed(head.recipients)], "left")
        right = _lines([(line.upper(), 28, "<w:b/>") for line in head.authority] or [("", 28, "")])
        right += _lines([("", 28, "")] * 5) + _lines([(head.name, 28, "<w:b/>")])
        self._add(_paragraph("", "Table Text"))
        self._add(_plain_table((3800, 5272), [[left, right]]))

    def _appendix(self, number: str, title: str, blocks: Sequence[Block]) -> None:
        self._page(self._docx.add_section())
        texts = self._document.texts
        self._add(_paragraph(f"{texts['appendix']} {number}", "Appendix"))
        self._add(_paragraph(title, "Subtitle"))
        self._add(_paragraph(texts["attached"], "Attached"))
        for block in blocks:
            self._block(block)

    def _numbers(self) -> None:
        """The page number centred in the top margin, not on page 1; each appendix counts its own pages."""
        for number, section in enumerate(self._docx.sections):
            section.header.is_linked_to_previous = False
            paragraph = section.header.paragraphs[0]
            paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
            paragraph._p.append(
                parse_xml(f'<w:fldSimple {_NAMES} w:instr=" PAGE "><w:r><w:t>1</w:t></w:r></w:fldSimple>')
            )
            section.different_first_page_header_footer = number == 0
            start = OxmlElement("w:pgNumType")
            start.set(qn("w:start"), "1")
            section._sectPr.insert_element_before(start, "w:cols", "w:formProt", "w:vAlign", "w:titlePg", "w:docGrid")

    # --- blocks ------------------------------------------------------------------------------------------------------

    def _block(self, block: Block) -> None:
        if isinstance(block, Heading):
            self._add(_paragraph(block.text, f"Heading {block.level}"))
        elif isinstance(block, Paragraph):
            said = f"- {block.text}" if block.bullet else block.text
            self._add(_paragraph(said, "Note" if block.note else "Body Text"))
        elif isinstance(block, Figure):
            width = min(block.chart.width, 450)
            self._add(_holding(self._drawing(block.chart, width), "Picture"))
            self._add(_paragraph(block.title, "Figure Caption"))
        elif not block.data_only:
            self._add(_paragraph(block.title, "Table Caption"))
            self._add(self._table(block))
            self._add(_paragraph("", "After Table"))

    def _table(self, table: Table) -> str:
        style = "Table Small" if len(table.columns) > 8 else "Table Text"
        widths = _widths([column.width for column in table.columns])
        headings = "".join(
            _cell(_paragraph(column.heading, style, "center", bold=True), width)
            for column, width in zip(table.columns, widths, strict=True)
        )
        rows = "".join(self._row(table, row, widths, style) for row in table.rows)
        return (
            f'<w:tbl {_NAMES}><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="{TWIPS}" w:type="dxa"/>'
            '<w:tblLayout w:type="fixed"/><w:tblCellMar><w:left w:w="57" w:type="dxa"/><w:right w:w="57" w:type="dxa"/>'
            f'</w:tblCellMar><w:tblLook w:firstRow="1"/><w:tblCaption w:val={_attribute(table.title)}/></w:tblPr>'
            f"{_grid(widths)}"
            f"<w:tr><w:trPr><w:cantSplit/><w:tblHeader/></w:trPr>{headings}</w:tr>{rows}</w:tbl>"
        )

    def _row(self, table: Table, row: Row, widths: Sequence[int], style: str) -> str:
        if row.group:
            text = _paragraph(row.cells[0].text, style, bold=True, keep=True)
            cells = _cell(text, TWIPS, f'<w:gridSpan w:val="{len(widths)}"/>')
        else:
            cells = "".join(
                _cell(self._content(cell, style, column.numeric, row.total), width)
                for cell, column, width in zip(row.cells, table.columns, widths, strict=True)
            )
        return f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{cells}</w:tr>"

    def _content(self, cell: Cell, style: str, numeric: bool, total: bool) -> str:
        if cell.chart:
            return _holding(self._drawing(cell.chart, cell.chart.width), style)
        return _paragraph(cell.text, style, "right" if numeric else "", bold=total)

    def _drawing(self, chart: Chart, width: float) -> str:
        """An inline picture: PNG, and in its extension the SVG, which newer programs show."""
        self._drawn += 1
        number, part = self._drawn, self._docx.part
        ids = []
        for ending, kind, blob in (
            ("png", "image/png", self._pictures[id(chart)]),
            ("svg", "image/svg+xml", chart.svg.encode()),
        ):
            image = Part(PackURI(f"/word/media/chart{number}.{ending}"), kind, blob, part.package)
            ids.append(part.relate_to(image, RELATIONSHIP_TYPE.IMAGE))
        cx, cy = round(width * _EMU), round(width * chart.height / chart.width * _EMU)
        named = f'id="{number}" name="chart{number}" descr={_attribute(chart.alt)}'
        return (
            f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0"><wp:extent cx="{cx}" cy="{cy}"/>'
            f"<wp:docPr {named}/><a:graphic><a:graphicData "
            'uri="http://schemas.openxmlformats.org/drawingml/2006/picture"><pic:pic><pic:nvPicPr>'
            f'<pic:cNvPr {named}/><pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="{ids[0]}"><a:extLst>'
            f'<a:ext uri="{_SVG_URI}"><asvg:svgBlip {_SVG} r:embed="{ids[1]}"/></a:ext></a:extLst></a:blip>'
            '<a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm><a:off x="0" y="0"/>'
            f'<a:ext cx="{cx}" cy="{cy}"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom>'
            "</pic:spPr></pic:pic></a:graphicData>"
            "</a:graphic></wp:inline></w:drawing></w:r>"
        )

    def _add(self, xml: str) -> None:
        """Before the properties of the last section, which end the body."""
        for element in parse_xml(f"<w:body {_NAMES}>{xml}</w:body>"):
            self._body.insert(len(self._body) - 1, element)


def _charts(blocks: Iterator[Block]) -> Iterator[Chart]:
    for block in blocks:
        if isinstance(block, Figure):
            yield block.chart
        elif isinstance(block, Table) and not block.data_only:
            yield from (cell.chart for row in block.rows for cell in row.cells if cell.chart)


# --- styles -----------------------------------------------------------------------------------------------------------

_CENTRE, _BOTH = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.JUSTIFY

_STYLES: dict[str, dict[str, Any]] = {
    # name: size, bold, italic, alignment, points before and after, indent of the first line
    "Normal": {"size": 14, "line": 1.0},
    "Body Text": {"size": 14, "align": _BOTH, "before": 6, "indent": 1.27, "line": 1.1},
    "Note": {"size": 12, "italic": True, "align": _BOTH, "before": 3, "after": 3},
    "Title": {"size": 14, "bold": True, "align": _CENTRE, "before": 12},
    "Subtitle": {"size": 14, "bold": True, "align": _CENTRE},
    "Heading 1": {"size": 14, "bold": True, "before": 12, "after": 4, "keep": True},
    "Heading 2": {"size": 14, "bold": True, "before": 8, "after": 4, "keep": True},
    "Appendix": {"size": 14, "bold": True, "align": _CENTRE, "base": "Heading 1"},
    "Attached": {"size": 14, "italic": True, "align": _CENTRE, "after": 6},
    "Mark": {"size": 14, "bold": True, "align": _CENTRE, "after": 6},
    "Centred": {"size": 14, "align": _CENTRE},
    "Header": {"size": 14, "align": _CENTRE},
    "Picture": {"size": 14, "align": _CENTRE, "before": 6, "keep": True},
    "Figure Caption": {"size": 12, "italic": True, "align": _CENTRE, "after": 6},
    "Table Caption": {"size": 13, "bold": True, "align": _CENTRE, "before": 8, "after": 4, "keep": True},
    "Table Text": {"size": 10.5},
    "Table Small": {"size": 8.5},
    "After Table": {"size": 6},
}


def _set_styles(document: Any) -> None:
    styles = document.styles
    for name, wanted in _STYLES.items():
        known = name in styles
        style = styles[name] if known else styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH)
        if not known:
            style.base_style = styles[wanted.get("base", "Normal")]
        _set_font(style, wanted)
        form = style.paragraph_format
        form.alignment = wanted.get("align")
        form.space_before, form.space_after = Pt(wanted.get("before", 0)), Pt(wanted.get("after", 0))
        form.line_spacing = wanted.get("line", 1.0)
        form.keep_with_next = wanted.get("keep", False)
        if "indent" in wanted:
            form.first_line_indent = Cm(wanted["indent"])
        for border in style.element.findall(f"./{qn('w:pPr')}/{qn('w:pBdr')}"):
            border.getparent().remove(border)


def _set_font(style: Any, wanted: dict[str, Any]) -> None:
    font = style.font
    font.name, font.size, font.color.rgb = FONT, Pt(wanted["size"]), RGBColor(0, 0, 0)
    font.bold, font.italic = wanted.get("bold", False), wanted.get("italic", False)
    names = style.element.rPr.rFonts
    for theme in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
        names.attrib.pop(qn(theme), None)
    for script in ("w:ascii", "w:hAnsi", "w:eastAsia", "w:cs"):
        names.set(qn(script), FONT)
    for spacing in style.element.rPr.findall(qn("w:spacing")) + style.element.rPr.findall(qn("w:kern")):
        style.element.rPr.remove(spacing)


# --- parts of XML -----------------------------------------------------------------------------------------------------


def _attribute(text: str) -> str:
    return '"' + escape(text, {'"': "&quot;", "\n": " "}) + '"'


def _clean(text: str) -> str:
    """XML knows no control characters."""
    return escape("".join(letter for letter in text if letter >= " " or letter in "\t\n"))


_IDS = {name: name.replace(" ", "") for name in _STYLES}


def _paragraph(text: str, style: str, align: str = "", *, bold: bool = False, keep: bool = False) -> str:
    properties = f'<w:pStyle w:val="{_IDS[style]}"/>' + ("<w:keepNext/>" if keep else "")
    properties += f'<w:jc w:val="{align}"/>' if align else ""
    run = f'<w:r>{"<w:rPr><w:b/></w:rPr>" if bold else ""}<w:t xml:space="preserve">{_clean(text)}</w:t></w:r>'
    return f"<w:p><w:pPr>{properties}</w:pPr>{run if text else ''}</w:p>"


def _holding(run: str, style: str) -> str:
    return f'<w:p><w:pPr><w:pStyle w:val="{_IDS[style]}"/></w:pPr>{run}</w:p>'


def _lines(lines: Sequence[tuple[str, int, str]], align: str = "center") -> str:
    """Lines of the head and of the signature: text, size in half points, other properties."""
    return "".join(
        f'<w:p><w:pPr><w:jc w:val="{align}"/></w:pPr><w:r><w:rPr>{extra}<w:sz w:val="{size}"/></w:rPr>'
        f'<w:t xml:space="preserve">{_clean(text)}</w:t></w:r></w:p>'
        for text, size, extra in lines
    )


def _ruled(indent: int) -> str:
    """A line under what stands before it, shorter than the column by `indent` twips on both sides."""
    return (
        f'<w:p><w:pPr><w:pBdr><w:top w:val="single" w:sz="6" w:space="1" w:color="000000"/></w:pBdr>'
        '<w:spacing w:before="40" w:line="120" w:lineRule="exact"/>'
        f'<w:ind w:left="{indent}" w:right="{indent}"/></w:pPr></w:p>'
    )


def _cell(content: str, width: int, more: str = "") -> str:
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{more}<w:vAlign w:val="center"/></w:tcPr>{content}</w:tc>'


def _plain_table(widths: Sequence[int], rows: Sequence[Sequence[str]]) -> str:
    """Without borders: what stands side by side."""
    made = ""
    for row in rows:
        cells = (
            f'<w:tc><w:tcPr><w:tcW w:w="{w}" w:type="dxa"/></w:tcPr>{c}</w:tc>'
            for w, c in zip(widths, row, strict=True)
        )
        made += f"<w:tr><w:trPr><w:cantSplit/></w:trPr>{''.join(cells)}</w:tr>"
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:tblLayout w:type="fixed"/><w:tblCellMar>'
        '<w:left w:w="0" w:type="dxa"/><w:right w:w="0" w:type="dxa"/></w:tblCellMar></w:tblPr>'
        f"{_grid(widths)}{made}</w:tbl>"
    )


def _grid(widths: Sequence[int]) -> str:
    return "<w:tblGrid>" + "".join(f'<w:gridCol w:w="{width}"/>' for width in widths) + "</w:tblGrid>"


def _widths(shares: Sequence[float]) -> list[int]:
    whole = sum(shares)
    widths = [int(TWIPS * share / whole) for share in shares]
    return [*widths[:-1], TWIPS - sum(widths[:-1])]


def _listed(items: Sequence[str]) -> list[str]:
    """Dash, item, semicolon; after the last one a full stop: as offices write lists."""
    return [f"- {item}{'.' if number == len(items) else ';'}" for number, item in enumerate(items, 1)]

"""The report as one HTML file that can be printed: no other file, no script, charts as SVG in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from monitor.report.model import Block, Cell, Document, Figure, Heading, Paragraph, Table

_STYLE = """
@page { size: A4; margin: 20mm 20mm 20mm 30mm; }
body { font: 14pt/1.35 "Times New Roman", "Liberation Serif", serif; color: #000; background: #fff;
  max-width: 160mm; margin: 20mm auto; }
header, .head, .sign { display: grid; grid-template-columns: 42% 58%; text-align: center; }
h1, .kind, .subject, .marks { text-align: center; font-size: 14pt; font-weight: bold; margin: 0; }
h2, h3 { font-size: 14pt; margin: 1em 0 .4em; break-after: avoid; }
p { text-align: justify; text-indent: 1.27cm; margin: 6pt 0; }
p.note { font-size: 12pt; font-style: italic; text-indent: 0; }
table { border-collapse: collapse; width: 100%; font-size: 10.5pt; margin: 4pt 0 10pt; }
caption { font: bold 13pt "Times New Roman", "Liberation Serif", serif; margin: 8pt 0 4pt; }
th, td { border: .5pt solid #000; padding: 2pt 3pt; text-align: left; overflow-wrap: anywhere; }
thead { display: table-header-group; } tr { break-inside: avoid; }
th { text-align: center; } td.n { text-align: right; } tr.group th { text-align: left; }
tr.total td { font-weight: bold; }
figure { margin: 8pt 0; text-align: center; break-inside: avoid; } figure svg { max-width: 100%; height: auto; }
figcaption { font-size: 12pt; font-style: italic; }
section.appendix { break-before: page; } .recipients { text-align: left; font-size: 11pt; }
.rule { border-top: 1pt solid #000; width: 35%; margin: 2pt auto; } .space { height: 2.6cm; }
"""


def render(document: Document) -> bytes:
    """The file, UTF-8."""
    return "\n".join(_page(document)).encode()


def _page(d: Document) -> Iterator[str]:
    title = f"{d.kind} {d.subject}".replace("\n", " ")
    yield f'<!DOCTYPE html>\n<html lang="{d.language}"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    if d.marks:
        yield f'<p class="marks">{escape(" - ".join(d.marks))}</p>'
    yield from _head(d)
    for block in d.blocks:
        yield from _block(block)
    yield from _signature(d)
    for appendix in d.appendices:
        yield f'<section class="appendix"><h1>{escape(d.texts["appendix"])} {appendix.number}</h1>'
        yield f'<div class="subject">{escape(appendix.title)}</div>'
        for block in appendix.blocks:
            yield from _block(block)
        yield "</section>"
    yield "</body></html>\n"


def _head(d: Document) -> Iterator[str]:
    head, texts = d.head, d.texts
    superior = f"{escape(head.superior.upper())}<br>" if head.superior else ""
    yield f'<div class="head"><div>{superior}<b>{escape(head.issuer.upper())}</b><div class="rule"></div>'
    yield f"{escape(texts['number'])} &emsp;&emsp;/{escape(head.symbol)}</div>"
    yield f'<div><b>{escape(texts["nation"])}<br>{escape(texts["motto"])}</b><div class="rule"></div>'
    yield f"<i>{escape(head.place_and_date)}</i></div></div>"
    yield f'<h1 class="kind">{escape(d.kind)}</h1>'
    yield f'<div class="subject">{escape(d.subject).replace(chr(10), "<br>")}</div><div class="rule"></div>'
    if head.to:
        yield f'<div style="text-align:center">{escape(texts["to"])} {escape("; ".join(head.to))}.</div>'


def _signature(d: Document) -> Iterator[str]:
    head = d.head
    yield f'<div class="sign"><div class="recipients"><b><i>{escape(d.texts["recipients"])}</i></b>'
    for number, who in enumerate(head.recipients, 1):
        yield f"<br>- {escape(who)}{'.' if number == len(head.recipients) else ';'}"
    authority = "<br>".join(escape(line.upper()) for line in head.authority)
    yield f'</div><div><b>{authority}</b><div class="space"></div><b>{escape(head.name)}</b></div></div>'


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"<h{block.level + 1}>{escape(block.text)}</h{block.level + 1}>"
    elif isinstance(block, Paragraph):
        said = escape(f"- {block.text}" if block.bullet else block.text)
        yield f'<p class="note">{said}</p>' if block.note else f"<p>{said}</p>"
    elif isinstance(block, Figure):
        yield f"<figure>{_own_ids(block.chart.svg, block.title)}<figcaption>{escape(block.title)}</figcaption></figure>"
    elif not block.data_only:
        yield from _table(block)


def _own_ids(svg: str, name: str) -> str:
    """In one page two drawings may not have patterns of one name."""
    own = "p" + "".join(letter for letter in name if letter.isascii() and letter.isalnum())
    return svg.replace('id="nothing"', f'id="{own}"').replace("url(#nothing)", f"url(#{own})")


def _table(table: Table) -> Iterator[str]:
    yield f"<table><caption>{escape(table.title)}</caption><thead><tr>"
    yield "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in table.columns) + "</tr></thead><tbody>"
    for number, row in enumerate(table.rows):
        if row.group:
            span = len(table.columns)
            yield f'<tr class="group"><th scope="colgroup" colspan="{span}">{escape(row.cells[0].text)}</th></tr>'
        else:
            kind = ' class="total"' if row.total else ""
            yield f"<tr{kind}>{_cells(table, row.cells, f'{table.id}{number}')}</tr>"
    yield "</tbody></table>"


def _cells(table: Table, cells: Sequence[Cell], name: str) -> str:
    return "".join(
        f"<td{' class=' + chr(34) + 'n' + chr(34) if column.numeric else ''}>"
        f"{_own_ids(cell.chart.svg, name) if cell.chart else escape(cell.text)}</td>"
        for cell, column in zip(cells, table.columns, strict=True)
    )

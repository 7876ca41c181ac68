"""The five formats: what the decree wants of the DOCX, what a reader gets of the others, and the same bytes again."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pypdf
import pytest
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Mm, Pt

from monitor import periods
from monitor.report import content, dossiers, typesetting
from monitor.report.charts import LIMITS, SHADES, heat_map, shade
from monitor.report.facts import Facts, gather
from monitor.report.model import Document, ReportError
from monitor.report.renderers import ENDINGS, RENDERERS
from tests import servers
from tests.monitor.report import story
from tests.monitor.report.story import at

pytestmark = pytest.mark.live("liberation2")  # charts of a DOCX have pictures beside them


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    folder = tmp_path_factory.mktemp("story")
    catalogue = story.load(folder)
    with story.store_of(folder / "data", catalogue) as store:
        story.fill(store)
        period, now = periods.parse("2026-10", "calendar"), at(story.NOW)
        return gather(catalogue, store, period, now, dossiers.gather(catalogue, store, period, now))


@pytest.fixture(scope="module")
def document(facts: Facts) -> Document:
    return content.document(facts, "vi")


@pytest.fixture(scope="module")
def paper(document: Document) -> Any:
    return docx.Document(io.BytesIO(RENDERERS["docx"](document)))


# --- Decree 30/2020/NĐ-CP, Appendix I ---------------------------------------------------------------------------------


def test_the_page_is_a4_with_the_margins_of_the_decree(paper: Any) -> None:
    assert len(paper.sections) == 4  # the text and three appendices
    for section in paper.sections:
        assert (round(section.page_width.mm), round(section.page_height.mm)) == (210, 297)
        assert Mm(20) <= section.top_margin <= Mm(25)
        assert Mm(20) <= section.bottom_margin <= Mm(25)
        assert Mm(30) <= section.left_margin <= Mm(35)
        assert Mm(15) <= section.right_margin <= Mm(20)


def test_the_page_number_is_centred_at_the_top_and_not_on_page_1(paper: Any) -> None:
    for number, section in enumerate(paper.sections):
        header = section.header.paragraphs[0]
        assert header.alignment == WD_ALIGN_PARAGRAPH.CENTER
        assert "PAGE" in header._p.xml
        assert section.different_first_page_header_footer is (number == 0)
        assert 'w:pgNumType w:start="1"' in section._sectPr.xml  # each appendix counts its own pages
    assert paper.sections[0].first_page_header.paragraphs[0].text == ""
    assert paper.styles["Header"].font.size in (Pt(13), Pt(14))


def runs(cell: Any) -> dict[str, tuple[float, bool, bool]]:
    return {
        run.text: (run.font.size.pt, bool(run.bold), bool(run.italic))
        for paragraph in cell.paragraphs
        for run in paragraph.runs
    }


def test_the_head(paper: Any, document: Document) -> None:
    head = paper.tables[0]
    left, right = (runs(head.cell(0, n)) for n in (0, 1))
    assert left == {"ỦY BAN NHÂN DÂN TỈNH THỬ": (12, False, False), "VĂN PHÒNG": (12, True, False)}
    assert right == {
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM": (12, True, False),
        "Độc lập - Tự do - Hạnh phúc": (13, True, False),
    }
    assert head._tbl.xml.count("<w:pBdr>") == 2  # a line under each
    assert runs(head.cell(1, 0)) == {"Số:        /BC-VP": (13, False, False)}
    ((said, look),) = runs(head.cell(1, 1)).items()
    assert re.fullmatch(r"Tỉnh Thử, ngày +tháng +năm 2026", said)  # blank for the registry
    assert list(look) == [13, False, True]
    texts = [p.text for p in paper.paragraphs]
    assert texts[0] == "DỰ THẢO - DỮ LIỆU MÔ PHỎNG"
    at_ = texts.index("BÁO CÁO")
    assert texts[at_ + 3] == "Tháng 10 năm 2026 (từ ngày 01/10/2026 đến ngày 31/10/2026)"
    assert texts[at_ + 5 : at_ + 8] == ["Kính gửi:", "- Sở thử thứ nhất;", "- Sở thử thứ hai."]


def test_the_text(paper: Any) -> None:
    body = paper.styles["Body Text"]
    assert body.font.name == "Times New Roman"
    assert body.font.size in (Pt(13), Pt(14))
    assert body.paragraph_format.alignment == WD_ALIGN_PARAGRAPH.JUSTIFY
    assert round(body.paragraph_format.first_line_indent.cm, 2) in (1.0, 1.27)
    assert body.paragraph_format.space_before >= Pt(6)
    assert 1 <= body.paragraph_format.line_spacing <= 1.5
    texts = [p.text for p in paper.paragraphs]
    last = texts[texts.index("Phụ lục I") - 4 : texts.index("Phụ lục I")]
    assert any(text.endswith("./.") for text in last)
    headings = [p.text for p in paper.paragraphs if p.style.name == "Heading 1"]
    assert [text.split(".")[0] for text in headings] == ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"]
    appendices = [p.text for p in paper.paragraphs if p.style.name == "Appendix"]
    assert appendices == ["Phụ lục I", "Phụ lục II", "Phụ lục III"]
    whole = " ".join(texts[: texts.index("Phụ lục I")])
    assert all(name in whole for name in appendices)  # an appendix is referred to in the text


def test_the_signature_and_the_recipients(paper: Any) -> None:
    (place,) = [table for table in paper.tables if "Nơi nhận:" in table.cell(0, 0).text]
    left, right = place.cell(0, 0), place.cell(0, 1)
    assert [p.text for p in left.paragraphs] == ["Nơi nhận:", "- Như trên;", "- Lưu: VT, HCQT."]
    assert runs(left)["Nơi nhận:"] == (12, True, True)
    assert runs(left)["- Như trên;"] == (11, False, False)
    assert [p.text for p in right.paragraphs if p.text] == ["KT. CHÁNH VĂN PHÒNG", "PHÓ CHÁNH VĂN PHÒNG"]


def test_tables_repeat_their_headings_and_rows_are_not_cut(paper: Any) -> None:
    listed = [table for table in paper.tables if table._tbl.tblPr.find(docx.oxml.ns.qn("w:tblCaption")) is not None]
    assert len(listed) > 10
    for table in listed:
        assert "<w:tblHeader/>" in table.rows[0]._tr.xml
        assert all("<w:cantSplit/>" in row._tr.xml for row in table.rows)


def test_charts_are_vectors_with_a_text(paper: Any, document: Document) -> None:
    drawn = [e for e in paper.element.body.iter() if e.tag.endswith("}svgBlip")]
    parts = {str(part.partname) for part in paper.part.package.iter_parts()}
    assert len(drawn) == len([p for p in parts if p.endswith(".svg")]) == len([p for p in parts if "chart" in p]) // 2
    alt = [e.get("descr") for e in paper.element.body.iter() if e.tag.endswith("}docPr")]
    assert len(alt) == len(drawn) > 3
    assert all(len(text) > 20 for text in alt)


# --- the others -------------------------------------------------------------------------------------------------------


def fonts_of(page: Any) -> list[Any]:
    return list(page["/Resources"]["/Font"].values())


def test_the_pdf_is_archival_and_brings_its_font(document: Document) -> None:
    made = pypdf.PdfReader(io.BytesIO(RENDERERS["pdf"](document)))
    names = set()
    for page in made.pages:
        assert [round(float(side) * 25.4 / 72) for side in page.mediabox[2:]] == [210, 297]
        for font in fonts_of(page):
            inner = font.get_object()["/DescendantFonts"][0].get_object()
            names.add(inner["/BaseFont"].partition("+")[2])
            assert "/FontFile2" in inner["/FontDescriptor"] or "/FontFile3" in inner["/FontDescriptor"]
    assert names == {"LiberationSerif", "LiberationSerif-Bold", "LiberationSerif-Italic", "LiberationSerif-BoldItalic"}
    metadata = made.xmp_metadata
    assert metadata is not None
    assert b"<pdfaid:part>2</pdfaid:part>" in metadata.stream.get_data()
    text = unicodedata.normalize("NFC", " ".join(page.extract_text() for page in made.pages))
    flat = " ".join(text.split())
    for said in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "99,45%", "2.664.000", "./."):
        assert said in flat
    starts = [page.extract_text().split()[:3] for page in made.pages]
    assert starts[0][0] not in ("1", "2")  # page 1 shows no number
    appendices = [number for number, start in enumerate(starts) if start[1:] == ["Phụ", "lục"]]
    assert len(appendices) == 3
    for first, following in pairwise([0, *appendices, len(starts)]):
        shown = [starts[page][0] for page in range(first, following)]
        assert shown[first == 0 :] == [str(number + 1) for number in range(first == 0, following - first)]
    assert str(made.root_object["/Lang"]).startswith("vi")


@pytest.mark.live("pdftoppm")
def test_nothing_is_printed_in_the_margins(document: Document, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(RENDERERS["pdf"](document))
    program = servers.find("pdftoppm")
    subprocess.run(
        [program, "-r", "50", "-gray", str(tmp_path / "a.pdf"), str(tmp_path / "page")], check=True, timeout=60
    )
    pages = sorted(tmp_path.glob("page-*.pgm"))
    assert len(pages) > 5
    for page in pages:
        kind, size, most, ink = page.read_bytes().split(b"\n", 3)
        width, height = map(int, size.split())
        assert (kind, most, round(width / 50 * 25.4), round(height / 50 * 25.4)) == (b"P5", b"255", 210, 297)
        dark = [divmod(at_, width) for at_, grey in enumerate(ink) if grey < 128]
        left, right = (25.4 / 50 * edge(x for _, x in dark) for edge in (min, max))
        assert left >= 29
        assert right <= 191
        assert max(y for y, _ in dark) * 25.4 / 50 <= 278  # 19 mm are left below


def test_a_missing_font_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="apt-get install fonts-liberation2"):
        typesetting.fonts([str(tmp_path), "/nowhere"])


def test_the_same_report_gives_the_same_bytes(facts: Facts, document: Document) -> None:
    first = {name: render(document) for name, render in RENDERERS.items()}
    time.sleep(2.1)  # the dates in a ZIP archive have steps of two seconds
    again = content.document(Facts.of(facts.text), "vi")
    assert again == document
    assert {name: render(again) for name, render in RENDERERS.items()} == first


def texts(document: Document) -> Iterator[str]:
    for table in document.tables:
        yield from (cell.text for row in table.rows for cell in row.cells)


def test_the_spreadsheet_has_numbers_as_numbers(document: Document) -> None:
    book = openpyxl.load_workbook(io.BytesIO(RENDERERS["xlsx"](document)))
    assert len(book.sheetnames) == len(document.tables) + 1
    sheet = book["1_availability"]
    (row,) = [r for r in sheet.iter_rows() if r[0].value == "Theo hợp đồng"]
    assert [cell.value for cell in row] == [
        "Theo hợp đồng", 0.9945, 2_635_200, 2_649_600, 14_400, 0, 2_649_600, 1.0
    ]  # fmt: skip
    assert row[1].number_format == "0.00%"
    checks = book[f"{[t.id for t in document.tables].index('checks') + 1}_checks"]
    assert checks.max_row == 2 + 3  # title, headings, and the three that were ever asked


def test_csv_is_one_file_a_table(document: Document) -> None:
    with zipfile.ZipFile(io.BytesIO(RENDERERS["csv"](document))) as archive:
        assert len(archive.namelist()) == len(document.tables)
        rows = list(csv.reader(io.StringIO(archive.read("01_availability.csv").decode("utf-8-sig"))))
    assert rows[0][0] == "Cách tính"
    assert ["Theo hợp đồng", "0.9945", "2635200", "2649600", "14400", "0", "2649600", "1.0000"] in rows


def test_html_is_one_file_that_is_well_formed_and_says_the_same(document: Document) -> None:
    text = RENDERERS["html"](document).decode()

    class Reader(HTMLParser):
        open: list[str] = []
        cells: list[str] = []

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert tag not in ("script", "link", "img")
            if tag not in ("br", "meta"):
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

        def handle_data(self, data: str) -> None:
            self.cells.append(data)

    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    shown = {cell.text for table in document.tables if not table.data_only for row in table.rows for cell in row.cells
             if not cell.chart and cell.text}  # fmt: skip
    assert shown <= set(reader.cells)
    ids = re.findall(r'id="(p\w+)"', text)
    assert len(ids) == len(set(ids))


def test_all_texts_are_composed_and_vietnamese(document: Document) -> None:
    for said in [*texts(document), *(getattr(block, "text", "") for block in document.all_blocks())]:
        assert said == unicodedata.normalize("NFC", said)


def test_english_is_another_translation_of_the_same_numbers(facts: Facts, document: Document) -> None:
    english = content.document(facts, "en")
    assert english.subject.endswith("October 2026 (1 October 2026 to 31 October 2026)")
    assert [t.id for t in english.tables] == [t.id for t in document.tables]
    for one, other in zip(english.tables, document.tables, strict=True):
        values = [[[cell.value for cell in row.cells] for row in table.rows] for table in (one, other)]
        assert values[0] == values[1]
    vietnamese = re.compile("[ăâđêôơưĂÂĐÊÔƠƯ]")
    own = [getattr(block, "text", "") for block in english.all_blocks()]
    named = ("Tỉnh", "Văn phòng", "Bằng")
    assert [text for text in own if vietnamese.search(text) and not any(n in text for n in named)] == []
    for render in RENDERERS.values():
        assert render(english)
    assert set(ENDINGS) == set(RENDERERS)


# --- charts -----------------------------------------------------------------------------------------------------------


def test_shades_are_told_apart_in_black_and_white() -> None:
    greys = [int(colour[1:3], 16) for colour in SHADES]
    assert all(colour[1:3] == colour[3:5] == colour[5:7] for colour in SHADES)
    assert all(lighter - darker >= 0x20 for lighter, darker in pairwise(greys))
    assert [shade(limit) for limit in LIMITS] == list(SHADES[:-1])
    assert [shade(limit + 1) for limit in LIMITS] == list(SHADES[1:])


def test_an_hour_without_data_is_neither_white_nor_black() -> None:
    chart = heat_map([("01/10", [0] * 24, [0, *[3600] * 23])], list("abcde"), "x", "alt")
    cells = re.findall(r'height="10" fill="([^"]+)"', chart.svg)
    assert cells == ["url(#nothing)", *["#ffffff"] * 23]


def test_facts_of_another_program_are_refused(facts: Facts) -> None:
    told = json.loads(facts.text)
    del told["heat"]
    with pytest.raises(ReportError, match="another program"):
        Facts.of(json.dumps(told))

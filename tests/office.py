"""make test-office: the DOCX and the XLSX of a report as LibreOffice sees them; not part of `make test`.

It opens both without a screen, turns them into PDF and looks at what came out: pages, diacritics, numbers. With a
folder as argument, the first page and a page with a table stay there as PNG, of both PDFs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pypdf

from monitor import periods
from monitor.report import content, dossiers
from monitor.report.facts import gather
from monitor.report.renderers import RENDERERS
from tests.monitor.report import story
from tests.monitor.report.story import at

SAID = (
    *("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "BÁO CÁO", "KT. CHÁNH VĂN PHÒNG"),
    *("99,45%", "2.635.200", "Phụ lục III", "Nơi nhận:", "./."),
)


def main(words: list[str]) -> int:
    office, pages = shutil.which("soffice"), shutil.which("pdftoppm")
    if office is None or pages is None:
        print("apt-get install libreoffice-writer-nogui libreoffice-calc-nogui poppler-utils", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="motcua-office-") as folder:
        here = Path(folder)
        report(here)
        home = f"-env:UserInstallation=file://{here / 'home'}"
        for name in ("report.docx", "report.xlsx"):
            command = [
                office,
                home,
                "--headless",
                "--convert-to",
                "pdf",
                "--outdir",
                str(here / "office"),
                str(here / name),
            ]
            subprocess.run(command, check=True, timeout=180, stdout=subprocess.DEVNULL)
            (here / "office" / "report.pdf").rename(here / "office" / f"{name}.pdf")
        check(here / "office" / "report.docx.pdf", here / "report.pdf")
        sheets = pypdf.PdfReader(here / "office" / "report.xlsx.pdf")
        assert "Độ sẵn sàng" in "".join(page.extract_text() for page in sheets.pages), "the spreadsheet shows no table"
        if words:
            picture(pages, here / "office" / "report.docx.pdf", Path(words[0]) / "report-docx")
            picture(pages, here / "report.pdf", Path(words[0]) / "report-pdf")
    print("LibreOffice shows what was written")
    return 0


def report(folder: Path) -> None:
    catalogue = story.load(folder)
    with story.store_of(folder / "data", catalogue) as store:
        story.fill(store)
        period, now = periods.parse("2026-10", "calendar"), at(story.NOW)
        facts = gather(catalogue, store, period, now, dossiers.gather(catalogue, store, period, now))
    made = content.document(facts, "vi")
    for name in ("docx", "xlsx", "pdf"):
        (folder / f"report.{name}").write_bytes(RENDERERS[name](made))


def check(shown: Path, own: Path) -> None:
    """The text is whole, on A4, in a font as wide as Times New Roman, and about as long as our own PDF."""
    office, ours = pypdf.PdfReader(shown), pypdf.PdfReader(own)
    text = " ".join(" ".join(page.extract_text() for page in office.pages).split())
    for said in SAID:
        assert said in text, f"not in what LibreOffice shows: {said}"
    for page in office.pages:
        assert [round(float(side) * 25.4 / 72) for side in page.mediabox[2:]] == [210, 297]
    assert abs(len(office.pages) - len(ours.pages)) <= 3, f"{len(office.pages)} pages, our PDF has {len(ours.pages)}"
    first, second = (page.extract_text().split() for page in office.pages[:2])
    assert first[0] != "1", "page 1 has a number"
    assert second[0] == "2", "page 2 has none"


def picture(program: str, pdf: Path, target: Path) -> None:
    for page in (1, 2):
        command = [program, "-r", "56", "-gray", "-png", "-singlefile", "-f", str(page), "-l", str(page)]
        subprocess.run([*command, str(pdf), f"{target}-{page}"], check=True, timeout=60)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

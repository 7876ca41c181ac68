"""What a report says: facts in, a document out. One function and one line in `SECTIONS` a section.

Pure. Every share has its numerator and denominator beside it; where nothing was observed the report says so. A rule of
section VIII names the figure that triggers it. Each section is a module beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from monitor.report.content.appendices import corrections_appendix, evidence_appendix, method_appendix
from monitor.report.content.assessment import assessment_section, rules
from monitor.report.content.common import ROMAN, Context, Edits
from monitor.report.content.dossiers import dossiers_section
from monitor.report.content.errors import errors_section
from monitor.report.content.frame import closing, letterhead, marks_of, opening, subject_of, texts_of
from monitor.report.content.incidents import SHOWN_INCIDENTS, incidents_section, vendors_section
from monitor.report.content.monitor import monitor_section
from monitor.report.content.summary import summary_section
from monitor.report.content.systems import systems_section
from monitor.report.facts import Facts
from monitor.report.language import Tongue
from monitor.report.model import Appendix, Block, Document, Figure, Heading, Table

__all__ = ["SECTIONS", "SHOWN_INCIDENTS", "Edits", "document", "rule_ids"]

Section = Callable[[Context], list[Block]]


def document(
    facts: Facts,
    language: str,
    edits: Edits = Edits(),  # noqa: B008 - a frozen value
    corrections: Sequence[str] | None = None,
) -> Document:
    """The whole report. `corrections` are what changed since the version before, None of a first one."""
    c = Context(facts, Tongue(language, ZoneInfo(facts.zone)), edits)
    blocks: list[Block] = list(opening(c))
    for number, section in enumerate(SECTIONS):
        title, *body = section(c)
        assert isinstance(title, Heading), "a section begins with its heading"
        blocks += [Heading(1, f"{ROMAN[number]}. {title.text}"), *body]
    blocks += list(closing(c))
    appendices = (
        Appendix(c.appendices["method"], c.t("PHƯƠNG PHÁP TÍNH", "METHOD"), list(method_appendix(c))),
        Appendix(c.appendices["evidence"], c.t("DANH MỤC CHỨNG CỨ", "LIST OF EVIDENCE"), list(evidence_appendix(c))),
        Appendix(
            c.appendices["corrections"], c.t("ĐÍNH CHÍNH", "CORRECTIONS"), list(corrections_appendix(c, corrections))
        ),
    )
    made = Document(
        language=language,
        head=letterhead(c),
        kind=c.t("BÁO CÁO", "REPORT"),
        subject=subject_of(c),
        marks=marks_of(c),
        blocks=blocks,
        appendices=appendices,
        made_at=facts.closed["closed_at"] if facts.closed else facts.as_of,
        identity=facts.digest,
        texts=texts_of(c),
    )
    return _numbered(made, c)


def rule_ids(facts: Facts) -> list[str]:
    """The ids of the sentences of section VIII, by which `Edits` name them."""
    return [said.id for said in rules(Context(facts, Tongue("vi", ZoneInfo(facts.zone)), Edits()))]


def _numbered(made: Document, c: Context) -> Document:
    """Tables and figures in order of appearance: "Bảng 1. ..."."""
    tables = figures = 0

    def number(block: Block) -> Block:
        nonlocal tables, figures
        if isinstance(block, Table) and not block.data_only:
            tables += 1
            return replace(block, title=f"{c.t('Bảng', 'Table')} {tables}. {block.title}")
        if isinstance(block, Figure):
            figures += 1
            return block._replace(title=f"{c.t('Hình', 'Figure')} {figures}. {block.title}")
        return block

    blocks = [number(block) for block in made.blocks]
    appendices = [a._replace(blocks=[number(block) for block in a.blocks]) for a in made.appendices]
    return replace(made, blocks=blocks, appendices=appendices)


SECTIONS: tuple[Section, ...] = (
    summary_section,
    systems_section,
    errors_section,
    incidents_section,
    vendors_section,
    dossiers_section,
    monitor_section,
    assessment_section,
)
"""Sections I to VIII, in order."""

"""What stands around the sections: letterhead, subject, marks, opening and closing."""

from __future__ import annotations

from collections.abc import Iterator

from monitor import words
from monitor.report.content.common import Context, edited_note, lowered
from monitor.report.model import Block, Head, Paragraph


def subject_of(c: Context) -> str:
    return c.t(
        f"Tình hình hoạt động của các hệ thống thông tin\nphục vụ giải quyết thủ tục hành chính\n{c.period}",
        f"Operation of the information systems behind the one-stop desk\n{c.period}",
    )


def marks_of(c: Context) -> list[str]:
    marks = [c.t("DỰ THẢO", "DRAFT")] if c.facts.is_draft else []
    marks += [c.t("SỐ LIỆU ĐÃ CHỐT BỊ SỬA", "CLOSED FIGURES WERE EDITED")] if c.facts.is_edited else []
    return marks + ([c.t(words.SIMULATED, "SIMULATED DATA")] if c.facts.simulated else [])


def texts_of(c: Context) -> dict[str, str]:
    t = c.t
    return {
        "nation": t("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "SOCIALIST REPUBLIC OF VIET NAM"),
        "motto": t("Độc lập - Tự do - Hạnh phúc", "Independence - Freedom - Happiness"),
        "number": t("Số:", "No.:"),
        "to": t("Kính gửi:", "To:"),
        "recipients": t("Nơi nhận:", "Recipients:"),
        "appendix": t("Phụ lục", "Appendix"),
        "attached": t("(Kèm theo Báo cáo số:         ngày         )", "(Attached to report no.:         of         )"),
        "sheet_value": t("Nội dung", "Text"),
    }


def letterhead(c: Context) -> Head:
    head, t = c.facts.head, c.t
    issuer = head.get("issuer") or c.t.name(c.facts.province).upper()
    place = head.get("place") or c.t.name(c.facts.province)
    date = t(f"{place}, ngày        tháng        năm {head['year']}", f"{place},                    {head['year']}")
    return Head(
        superior=head.get("superior") or "",
        issuer=issuer,
        symbol=head.get("symbol") or "BC",
        place_and_date=date,
        to=head.get("to") or (),
        recipients=head.get("recipients") or (t("Lưu: VT", "Archive"),),
        authority=head.get("authority") or (),
        name=head.get("signatory") or "",
    )


def opening(c: Context) -> Iterator[Block]:
    t, facts = c.t, c.facts
    issuer = facts.head.get("issuer") or t.name(facts.province)
    yield Paragraph(
        t(
            "Thực hiện nhiệm vụ theo dõi, đánh giá hoạt động của các hệ thống thông tin phục vụ tiếp nhận và giải "
            f"quyết thủ tục hành chính; {_as_name(issuer)} báo cáo kết quả như sau:",
            f"{issuer} reports on the operation of the information systems behind the one-stop desk as follows:",
        )
    )
    if facts.is_draft:
        when = t.moment(facts.as_of)
        yield Paragraph(
            t(
                f"Đây là dự thảo: số liệu của kỳ chưa được chốt, tính đến {when} và có thể còn thay đổi.",
                f"This is a draft: the period is not closed; its figures are those of {when} and may change.",
            ),
            note=True,
        )
    if facts.is_edited:
        yield Paragraph(edited_note(c), note=True)
    if facts.simulated:
        yield Paragraph(
            t(
                "Toàn bộ số liệu dưới đây là dữ liệu mô phỏng, không phản ánh hoạt động của hệ thống nào.",
                "All figures below are simulated and describe no real system.",
            ),
            note=True,
        )


def _as_name(issuer: str) -> str:
    """A body within a sentence: what a letterhead writes in capitals is not shouted there."""
    if not issuer.isupper():
        return issuer
    return issuer[0] + issuer[1:].lower()


def closing(c: Context) -> Iterator[Block]:
    yield Paragraph(
        c.t(
            "Trên đây là Báo cáo tình hình hoạt động của các hệ thống thông tin phục vụ giải quyết thủ tục hành chính "
            f"{lowered(c.facts.chosen.vi)}. Phương pháp tính tại {c.appendix('method')}, danh mục chứng cứ tại "
            f"{c.appendix('evidence')}, đính chính tại {c.appendix('corrections')}./.",
            f"This is the report for {c.facts.chosen.en}. The method is in {c.appendix('method')}, the evidence in "
            f"{c.appendix('evidence')}, corrections are in {c.appendix('corrections')}./.",
        )
    )

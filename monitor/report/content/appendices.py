"""Appendices I to III: method, evidence, corrections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from monitor.availability import ratio
from monitor.report.content.common import Context, edited_note, lowered
from monitor.report.content.incidents import incident_table
from monitor.report.method import method_text
from monitor.report.model import Block, Cell, Column, Heading, Paragraph, Row, Table


def method_appendix(c: Context) -> Iterator[Block]:
    t, method = c.t, c.facts.method
    yield from method_text(t)
    yield Heading(2, t("Chính sách đánh giá", "Policies"))
    columns = (
        Column(t("Mã chính sách", "Policy"), 20),
        Column(t("Chu kỳ (giây)", "Interval (s)"), 15, numeric=True),
        Column(t("Thời hạn (giây)", "Timeout (s)"), 15, numeric=True),
        Column(t("Xác nhận gián đoạn (lượt)", "Confirms down"), 18, numeric=True),
        Column(t("Xác nhận khôi phục (lượt)", "Confirms up"), 18, numeric=True),
        Column(t("Số phép kiểm tra", "Checks"), 14, numeric=True),
    )
    rows = [
        Row(
            (
                Cell(p["id"]),
                _plain(c, p["interval"]),
                _plain(c, p["timeout"]),
                *(c.n(p[name]) for name in ("confirm_down", "confirm_up", "checks")),
            )
        )
        for p in method["policies"]
    ]
    yield Table("policies", t("Chính sách đánh giá kết quả đo", "Policies by which tries are judged"), columns, rows)
    yield Paragraph(
        t(
            f"Phiên bản quy tắc tính: {method['rules']}. Mã băm của danh mục: {method['catalogue']}.",
            f"Version of the rules: {method['rules']}. Hash of the catalogue: {method['catalogue']}.",
        ),
        note=True,
    )
    yield from _calendars(c)
    yield from _worked(c)


def _plain(c: Context, seconds: float) -> Cell:
    return c.n(int(seconds)) if seconds == int(seconds) else Cell(c.t.decimal(Fraction(str(seconds))))


def _calendars(c: Context) -> Iterator[Block]:
    t = c.t
    yield Heading(2, t("Lịch làm việc", "Calendars"))
    for name, kept in c.facts.method["calendars"].items():
        years = []
        for year, official in kept["years"].items():
            said = {
                True: t("chính thức", "official"),
                False: t("chưa chính thức", "not official yet"),
                None: t("chưa có trong danh mục", "not in the catalogue"),
            }[official]
            years.append(f"{year}: {said}")
        yield Paragraph(f"{name}: {', '.join(years)}.", bullet=True)
    rows = [
        Row((Cell(name), Cell(t.day(day["date"])), Cell(t.word(day["kind"])), Cell(t.name(day["name"]))))
        for name, kept in c.facts.method["calendars"].items()
        for day in kept["days"]
    ]
    if not rows:
        yield Paragraph(t("Không có ngày đặc biệt nào trong kỳ.", "There is no special day in the period."))
        return
    columns = (
        Column(t("Lịch", "Calendar"), 20),
        Column(t("Ngày", "Day"), 20),
        Column(t("Loại", "Kind"), 20),
        Column(t("Tên", "Name"), 40),
    )
    yield Table("special_days", t("Ngày đặc biệt trong kỳ", "Special days in the period"), columns, rows)


def _worked(c: Context) -> Iterator[Block]:
    """One system's figure with this period's numbers: the one with most down seconds, by contract if there is such."""
    t = c.t
    yield Heading(2, t("Ví dụ tính", "A figure worked out"))
    found = [
        (row["figure"] == "contractual", row["down_seconds"], system, row)
        for system, of in c.rows.items()
        for row in of.values()
        if row["figure"] != "office" and row["observed_seconds"]
    ]
    if not found:
        yield Paragraph(
            t("Không có số liệu quan sát nào để làm ví dụ.", "Nothing was observed that could be worked out.")
        )
        return
    _, down, system, row = max(found, key=lambda one: one[:3])
    contractual = row["figure"] == "contractual"
    kept = c.facts.exclusions.get(system, {}) if contractual else {}
    off, theirs = kept.get("maintenance", 0), kept.get("other_party", 0)
    whole, observed, silent = row["set_seconds"], row["observed_seconds"], row["no_data_seconds"]
    n = t.number
    yield Paragraph(f"{c.system(system)}, {lowered(t.word(row['figure']))}:")
    yield Paragraph(
        t(
            f"Giây theo lịch {n(whole + off + theirs)} − bảo trì hợp lệ {n(off)} − gián đoạn do bên khác {n(theirs)} = "
            f"{n(whole)} giây phải tính;",
            f"scheduled {n(whole + off + theirs)} − valid maintenance {n(off)} − down by another party {n(theirs)} = "
            f"{n(whole)} seconds in the set;",
        ),
        bullet=True,
    )
    yield Paragraph(
        t(
            f"{n(whole)} − {n(silent)} giây không có dữ liệu = {n(observed)} giây quan sát được; độ phủ {n(observed)}/"
            f"{n(whole)} = {t.share(ratio(observed, whole))};",
            f"{n(whole)} − {n(silent)} without data = {n(observed)} observed; coverage {n(observed)}/{n(whole)} = "
            f"{t.share(ratio(observed, whole))};",
        ),
        bullet=True,
    )
    yield Paragraph(
        t(
            f"Độ sẵn sàng = ({n(observed)} − {n(down)})/{n(observed)} = {n(observed - down)}/{n(observed)} = "
            f"{t.share(ratio(observed - down, observed))}.",
            f"availability = ({n(observed)} − {n(down)})/{n(observed)} = {n(observed - down)}/{n(observed)} = "
            f"{t.share(ratio(observed - down, observed))}.",
        ),
        bullet=True,
    )


def evidence_appendix(c: Context) -> Iterator[Block]:
    t, kept = c.t, c.facts.evidence
    yield Paragraph(
        t(
            "Mỗi lượt kiểm tra lỗi có chứng cứ kèm mã băm SHA-256; mỗi ngày (tính theo giờ UTC, kết thúc lúc 7 giờ "
            "sáng giờ "
            "Việt Nam) có một con dấu là mã băm của toàn bộ kết quả đo và chứng cứ nhận trong ngày cùng con dấu của "
            "ngày "
            "trước. Bản báo cáo này là bản lưu bên ngoài của các con dấu dưới đây.",
            "What is seen of a failed check has a SHA-256; each day (of UTC) has a seal, one digest over all that was "
            "received in it and over the seal of the day before. This report is a copy of these seals outside the "
            "store.",
        )
    )
    if c.outages:
        yield incident_table(c, "all_incidents", t("Toàn bộ sự cố trong kỳ", "All incidents"), c.outages)
        columns = (
            Column(t("Sự cố", "Incident"), 12),
            Column(t("Số chứng cứ", "Pieces"), 14, numeric=True),
            Column(t("SHA-256 của danh sách mã băm chứng cứ", "SHA-256 of the list of digests"), 74),
        )
        rows = []
        for incident in c.outages:
            of = kept["incidents"].get(str(incident["id"]), {"number": 0, "digest": None})
            digest = of["digest"] or t("không có chứng cứ kèm theo", "no evidence")
            rows.append(Row((Cell(str(incident["id"])), c.n(of["number"]), Cell(digest))))
        yield Table("evidence", t("Chứng cứ của sự cố", "Evidence of incidents"), columns, rows)
    else:
        yield Paragraph(t("Không có sự cố nào cần chứng cứ.", "There is no incident to give evidence of."))
    if not kept["seals"]:
        yield Paragraph(t("Chưa có con dấu nào của các ngày trong kỳ.", "No day of the period has a seal."))
        return
    sealed = (
        Column(t("Ngày (UTC)", "Day (UTC)"), 16),
        Column(t("Kết quả đo", "Outcomes"), 12, numeric=True),
        Column(t("Chứng cứ", "Evidence"), 10, numeric=True),
        Column(t("Con dấu (SHA-256)", "Seal (SHA-256)"), 62),
    )
    rows = [
        Row((Cell(t.day(seal["day"])), c.n(seal["outcomes"]), c.n(seal["evidence"]), Cell(seal["digest"])))
        for seal in kept["seals"]
    ]
    yield Table("seals", t("Con dấu từng ngày", "Seals"), sealed, rows)


def corrections_appendix(c: Context, corrections: Sequence[str] | None) -> Iterator[Block]:
    t, closed = c.t, c.facts.closed
    if closed is None:
        yield Paragraph(t("Dự thảo, chưa có phiên bản nào được chốt.", "A draft: no version was closed."))
        return
    when = t.moment(closed["closed_at"])
    yield Paragraph(
        t(
            f"Số liệu của kỳ được chốt lúc {when} (phiên bản {closed['version']}), SHA-256 đầu vào {closed['inputs']}.",
            f"The period was closed at {when} (version {closed['version']}), SHA-256 of its inputs {closed['inputs']}.",
        )
    )
    if closed["reason"]:
        yield Paragraph(t(f"Lý do chốt lại: {closed['reason']}.", f"Why it was closed again: {closed['reason']}."))
    if c.facts.is_edited:
        yield Paragraph(edited_note(c))
    if closed["changed_since"]:
        yield Paragraph(
            t(
                "Dữ liệu đầu vào đã thay đổi kể từ khi chốt; các số liệu trong báo cáo vẫn là số liệu đã chốt.",
                "The inputs have changed since; the figures are those of the closing.",
            )
        )
    if corrections is None:
        yield Paragraph(t("Đây là phiên bản đầu tiên của báo cáo.", "This is the first version of the report."))
        return
    if not corrections:
        yield Paragraph(t("Không có nội dung nào thay đổi.", "Nothing has changed."))
    for said in corrections:
        yield Paragraph(said, bullet=True)

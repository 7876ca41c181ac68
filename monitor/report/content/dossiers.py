"""Section VI: form II.06a, index 766, the portal, dossiers around outages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from monitor.availability import ratio
from monitor.dossiers import COLUMNS, HEADINGS
from monitor.report.content.common import Context, part_of
from monitor.report.model import Block, Cell, Column, Heading, Paragraph, Row, Table


def dossiers_section(c: Context) -> list[Block]:
    t, kept = c.t, c.facts.dossiers
    blocks: list[Block] = [Heading(1, t("HỒ SƠ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH", "DOSSIERS"))]
    blocks.append(Heading(2, t("1. Tình hình giải quyết (Biểu số II.06a)", "1. Form II.06a")))
    if form := kept.get("form"):
        blocks += _form(c, form)
    else:
        blocks.append(
            Paragraph(
                t(
                    "Không có số liệu hồ sơ của kỳ: chưa thu thập từ iGate và chưa nhập biểu.",
                    "There are no figures of dossiers: none were collected from iGate, no form was imported.",
                )
            )
        )
    blocks.append(Heading(2, t("2. Bộ chỉ số 766", "2. Index 766")))
    if index := kept.get("index766"):
        blocks += _index(c, index)
    else:
        blocks.append(
            Paragraph(
                t("Không có số liệu để ước tính và chưa nhập điểm của Cổng.", "There are neither points nor data.")
            )
        )
    blocks.append(Heading(2, t("3. Đối soát với Cổng Dịch vụ công quốc gia", "3. Beside the national portal")))
    blocks.append(Paragraph(_reconciled(c, kept.get("reconciled"))))
    blocks.append(Heading(2, t("4. Hồ sơ trong thời gian gián đoạn", "4. Dossiers around outages")))
    blocks += _touched(c, kept)
    return blocks


def _form(c: Context, form: Mapping[str, Any]) -> Iterator[Block]:
    t = c.t
    english = "received|online|in person, by post|carried over|resolved|early|on time|overdue|pending|in time|overdue"
    headings = [HEADINGS[column] for column in COLUMNS] if t.is_vi else english.split("|")
    columns = (
        Column(t("Đơn vị (2)", "Unit"), 21),
        *(Column(heading, 7.2, numeric=True) for heading in headings),
    )
    rows = [Row((Cell(row["name"]), *(c.n(row[column]) for column in COLUMNS))) for row in form["rows"]]
    total = Row((Cell(t("Tổng số", "Total")), *(c.n(form["total"][column]) for column in COLUMNS)), total=True)
    yield Table("dossier_form", t("Tình hình giải quyết hồ sơ", "Dossiers"), columns, [*rows, total])
    source = {
        "official": t("biểu chính thức đã nhập", "the official form as imported"),
        "statistics": t("thống kê của iGate", "iGate's statistics"),
        "dossiers": t("đếm theo từng hồ sơ đã thu thập", "counted dossier by dossier"),
    }[form["source"]]
    yield Paragraph(t(f"Nguồn: {source}. Đơn vị tính: hồ sơ.", f"Source: {source}."), note=True)
    for note in form["notes"]:
        yield Paragraph(f"{t('Tạm tính', 'Provisional')}: {note}.", note=True)
    if form["violations"]:
        yield Paragraph(
            t(
                "Các hệ thức bắt buộc của biểu KHÔNG khớp, số liệu được giữ nguyên như nguồn: ",
                "Identities of the form do NOT hold; figures are left as they came: ",
            )
            + "; ".join(form["violations"])
            + "."
        )
    else:
        yield Paragraph(
            t(
                "Các hệ thức (3)=(4)+(5)+(6), (7)=(8)+(9)+(10), (11)=(12)+(13), (3)=(7)+(11) đều khớp ở mọi dòng.",
                "All identities of the form hold in every row.",
            ),
            note=True,
        )


def _index(c: Context, index: Mapping[str, Any]) -> Iterator[Block]:
    t = c.t
    columns = (
        Column(t("Thành phần", "Component"), 36),
        Column(t("Tối đa", "Max"), 9, numeric=True),
        Column(t("Ước tính", "Estimate"), 13, numeric=True),
        Column(t("Điểm của Cổng", "Portal's points"), 13, numeric=True),
        Column(t("Tử số / mẫu số; ghi chú", "Ratio; note"), 29),
    )
    rows = []
    for one in index["rows"]:
        parts = f"{t.number(one['numerator'])} / {t.number(one['denominator'])}" if one["denominator"] else ""
        said = "; ".join(part for part in (parts, one["note"]) if part)
        what = f"{one['component']} {one['name']}"
        rows.append(Row((Cell(what), c.n(one["max"]), Cell(one["estimate"]), Cell(one["official"]), Cell(said))))
    whole = (Cell(t("Cộng", "Total")), c.n(index["max"]), Cell(index["estimate"]), Cell(index["official"]), Cell(""))
    title = t(f"Bộ chỉ số 766 (công thức {index['formula']})", f"Index 766 (formula {index['formula']})")
    yield Table("index766", title, columns, [*rows, Row(whole, total=True)])


def _reconciled(c: Context, kept: Mapping[str, int] | None) -> str:
    t = c.t
    if not kept or not kept["told"]:
        return t(
            "Chưa đối soát hồ sơ của kỳ với Cổng Dịch vụ công quốc gia.", "No dossier of the period was looked up."
        )
    share = part_of(t, t.share(ratio(kept["found"], kept["told"])), kept["found"], kept["told"], t("hồ sơ", "dossiers"))
    return t(
        f"Trong {t.counted(kept['igate'])} hồ sơ iGate tiếp nhận, {t.counted(kept['told'])} hồ sơ có câu trả lời của "
        f"Cổng; "
        f"có trên Cổng: {share}.",
        f"Of {t.number(kept['igate'])} dossiers accepted in iGate the portal answered for {t.number(kept['told'])}; on "
        f"the portal: {share}.",
    )


def _touched(c: Context, kept: Mapping[str, Any]) -> Iterator[Block]:
    t, found = c.t, kept.get("impact")
    if found is None:
        yield Paragraph(
            t(
                "Không có hồ sơ đã thu thập, hoặc lịch làm việc còn thiếu, để đối chiếu với sự cố.",
                "There are no collected dossiers, or no calendar, to hold incidents against.",
            )
        )
        return
    if not found:
        yield Paragraph(t("Không có sự cố nào để đối chiếu.", "There is no incident to look at."))
        return
    columns = (
        Column(t("Sự cố", "Incident"), 12),
        Column(t("Hồ sơ nộp", "Submitted"), 16, numeric=True),
        Column(t("Dự kiến cùng giờ", "Expected"), 18, numeric=True),
        Column(t("Đến hạn", "Due"), 16, numeric=True),
        Column(t("Trong đó quá hạn", "Overdue of these"), 18, numeric=True),
        Column(t("Yêu cầu bổ sung", "Supplements"), 20, numeric=True),
    )
    rows = [
        Row(
            (
                Cell(str(one["incident"])),
                c.n(one["received"]),
                Cell(t.decimal(Fraction(one["expected"])) if one["expected"] else t("không có", "none")),
                *(c.n(one[name]) for name in ("due", "overdue", "supplements")),
            )
        )
        for one in found
    ]
    yield Table("touched", t("Hồ sơ trong thời gian gián đoạn", "Dossiers around outages"), columns, rows)
    yield Paragraph(
        t(
            "Số liệu cho thấy sự trùng hợp về thời gian, không khẳng định nguyên nhân; ngày hẹn trả không bị thay đổi.",
            "This is a correlation in time, not a cause; no due date was moved.",
        ),
        note=True,
    )

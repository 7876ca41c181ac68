"""Sections IV and V: incidents with the vendor's clocks and repeats, and the scorecard of parties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from monitor import words
from monitor.report.content.common import Context, fraction_of
from monitor.report.model import Block, Cell, Column, Heading, Paragraph, Row, Table

SHOWN_INCIDENTS = 40
"""So many incidents are in section IV, the longest ones; all of them are in Appendix II."""


def left_out_note(c: Context) -> str:
    """What no tally has, as `motcua incidents summary` says it; empty where there is nothing of that kind."""
    number = c.facts.tallies.get("left_out", 0)
    if not number:
        return ""
    return c.t(
        f"Không tính {c.t.counted(number)} sự cố {words.IMPORTED}.",
        f"{number} incidents that rest on imported data are not counted.",
    )


def incidents_section(c: Context) -> list[Block]:
    t = c.t
    blocks: list[Block] = [Heading(1, t("SỰ CỐ", "INCIDENTS"))]
    if not c.outages:
        said = t("Không có sự cố gián đoạn nào trong thời gian quan sát được.", "No outage in what was observed.")
        if not c.raw[1]:
            said = t("Không có dữ liệu quan sát, nên không xác định được sự cố.", "Nothing was observed.")
        return [*blocks, Paragraph(said)]
    shown = c.outages
    if len(shown) > SHOWN_INCIDENTS:
        longest = sorted(shown, key=lambda i: (-(i["down"] or 0), i["id"]))[:SHOWN_INCIDENTS]
        shown = sorted(longest, key=lambda i: (i["start"], i["id"]))
        blocks.append(
            Paragraph(
                t(
                    f"Trong kỳ có {t.number(len(c.outages))} sự cố; bảng dưới đây nêu {SHOWN_INCIDENTS} sự cố dài "
                    f"nhất, "
                    f"toàn bộ sự cố có tại {c.appendix('evidence')}.",
                    f"There were {len(c.outages)} incidents; the table has the {SHOWN_INCIDENTS} longest, "
                    f"{c.appendix('evidence')} has all of them.",
                )
            )
        )
    blocks.append(incident_table(c, "incidents", t("Sự cố trong kỳ", "Incidents"), shown))
    if any(not i["in_period"] for i in c.outages):
        blocks.append(
            Paragraph(
                t(
                    "(**) Bắt đầu từ kỳ trước, đã được đếm ở kỳ đó; chỉ số giây trong kỳ này được tính ở đây.",
                    "(**) Began in an earlier period and is counted there; only its seconds in this one are here.",
                ),
                note=True,
            )
        )
    if any(i.get("imported") for i in c.outages):
        blocks.append(
            Paragraph(
                t(
                    f"(***) Sự cố {words.IMPORTED}, hệ thống này không tự đo được đúng như vậy: không xét thời hạn hợp "
                    "đồng, không tính vào số sự cố, MTTA, MTTR, MTBF và số lần lặp lại.",
                    "(***) Rests on imported data: no terms are judged, and it is in no number, MTTA, MTTR, MTBF.",
                ),
                note=True,
            )
        )
    blocks += [*_clock_table(c), _repeat_table(c), *_not_counted(c)]
    return blocks


def _not_counted(c: Context) -> Iterator[Block]:
    if said := left_out_note(c):
        yield Paragraph(said, note=True)


def incident_table(c: Context, id_: str, title: str, shown: Iterable[Mapping[str, Any]]) -> Table:
    t = c.t
    columns = (
        Column(t("Số", "No."), 7),
        Column(t("Hệ thống; lỗi; bên chịu trách nhiệm", "System; failure; party"), 33),
        Column(t("Bắt đầu", "Start"), 14),
        Column(t("Kết thúc", "End"), 14),
        Column(t("Gián đoạn trong kỳ (giây)", "Down in the period (s)"), 12, numeric=True),
        Column(t("Trong giờ làm việc (giây)", "In office hours (s)"), 11, numeric=True),
        Column(t("Ngoài giờ (giây)", "Outside (s)"), 11, numeric=True),
        Column(t("Mức", "Level"), 7),
    )
    rows = []
    for i in shown:
        outside = None if i["down"] is None or i["office"] is None else i["down"] - i["office"]
        what = "; ".join(s for s in (c.system(i["system"]), t.fails(i["step"], i["reason"]), c.party(i["party"])) if s)
        end = t.moment(i["end"]) or t("đang diễn ra", "going on")
        number = f"{i['id']}" + ("" if i["in_period"] else " (**)") + (" (***)" if i.get("imported") else "")
        rows.append(
            Row(
                (
                    Cell(number),
                    Cell(what),
                    Cell(t.moment(i["start"])),
                    Cell(end),
                    c.n(i["down"]),
                    c.n(i["office"]),
                    c.n(outside),
                    Cell(i["severity"]),
                )
            )
        )
    return Table(id_, title, columns, rows)


def _clock_table(c: Context) -> Iterator[Block]:
    """The vendor's clocks, of the incidents for which something was promised."""
    t = c.t
    promised = [i for i in c.outages if i.get("terms") or i.get("refused")]
    if not promised:
        yield Paragraph(
            t(
                "Không có sự cố nào thuộc cam kết phản hồi, khắc phục của hợp đồng.",
                "No incident falls under terms of response and fix of a contract.",
            )
        )
        return
    columns = (
        Column(t("Số", "No."), 7),
        Column(t("Phát hiện", "Detected"), 15),
        Column(t("Báo nhà thầu", "Vendor told"), 15),
        Column(t("Nhà thầu trả lời", "Vendor answered"), 15),
        Column(t("Khôi phục", "Restored"), 15),
        Column(t("Thời hạn phản hồi; khắc phục", "Terms: response; fix"), 15),
        Column(t("Vi phạm", "Broken"), 18),
    )
    shown = [i for i in promised if i.get("breaches") or i.get("refused")] or promised
    if len(shown) > SHOWN_INCIDENTS:
        shown = shown[:SHOWN_INCIDENTS]
    rows = []
    for i in shown:
        times = [Cell(t.moment(i["clocks"][n])) for n in ("detected", "vendor_notified", "vendor_answered", "restored")]
        rows.append(Row((Cell(str(i["id"])), *times, Cell(_terms(c, i)), Cell(_broken(c, i)))))
    title = t("Đồng hồ của nhà thầu", "The vendor's clocks")
    yield Table("clocks", title, columns, rows)
    number = sum(bool(i.get("breaches")) for i in promised)
    yield Paragraph(
        t(
            f"{t.counted(len(promised))} sự cố thuộc cam kết của hợp đồng, {t.counted(number)} sự cố có vi phạm.",
            f"{len(promised)} incidents fall under terms of a contract, {number} broke some.",
        )
        + (
            t(f" Bảng nêu {len(shown)} sự cố.", f" The table has {len(shown)} of them.")
            if len(shown) < len(promised)
            else ""
        )
    )


def _terms(c: Context, incident: Mapping[str, Any]) -> str:
    terms = incident.get("terms")
    if not terms:
        return ""
    return "; ".join(c.t.duration(s) for s in (terms["respond"], terms["restore"]) if s is not None)


def _broken(c: Context, incident: Mapping[str, Any]) -> str:
    if incident.get("refused"):
        return c.t(f"không xét được: {incident['refused']}", "cannot be judged: the calendar lacks a year")
    parts = [
        c.t(
            f"{c.t.word(b['term'])} {c.t.duration(b['elapsed'])}, quá {c.t.duration(b['elapsed'] - b['allowed'])}",
            f"{c.t.word(b['term'])} {c.t.duration(b['elapsed'])}, {c.t.duration(b['elapsed'] - b['allowed'])} late",
        )
        for b in incident.get("breaches") or ()
    ]
    return "; ".join(parts) or c.t("không", "none")


def _repeat_table(c: Context) -> Table:
    t = c.t
    columns = (
        Column(t("Hệ thống", "System"), 34),
        Column(t("Số sự cố", "Incidents"), 11, numeric=True),
        Column(t("Gián đoạn (giây)", "Down (s)"), 13, numeric=True),
        Column("MTTR", 14),
        Column("MTBF", 14),
        Column(t("Lặp lại 7 ngày", "Repeats, 7 days"), 10, numeric=True),
        Column(t("Lặp lại 30 ngày", "Repeats, 30 days"), 10, numeric=True),
    )
    rows = [
        Row((Cell(c.system(s)), *_tally_cells(c, tally)))
        for s, tally in c.facts.tallies["systems"].items()
        if tally["number"]
    ]
    whole = Row((Cell(t("Tất cả", "All")), *_tally_cells(c, c.facts.tallies["all"])), total=True)
    title = t("Số sự cố bắt đầu trong kỳ và sự cố lặp lại", "Incidents that began in the period, and repeats")
    return Table("repeats", title, columns, [*rows, whole])


def _tally_cells(c: Context, tally: Mapping[str, Any]) -> tuple[Cell, ...]:
    means = [Cell(c.t.mean(fraction_of(tally[name]))) for name in ("mttr", "mtbf")]
    return c.n(tally["number"]), c.n(tally["seconds"]), *means, c.n(tally["repeats"]["7"]), c.n(tally["repeats"]["30"])


# --- V. vendors -------------------------------------------------------------------------------------------------------


def vendors_section(c: Context) -> list[Block]:
    t = c.t
    blocks: list[Block] = [Heading(1, t("ĐÁNH GIÁ NHÀ THẦU, ĐƠN VỊ VẬN HÀNH", "SCORECARD OF VENDORS AND OPERATORS"))]
    parties = c.facts.tallies["parties"]
    if not parties:
        return [*blocks, Paragraph(t("Không có bên nào trong kỳ.", "No party counts in the period."))]
    columns = (
        Column(t("Bên chịu trách nhiệm", "Party"), 27),
        Column(t("Số sự cố", "Incidents"), 8, numeric=True),
        Column(t("Gián đoạn (giây)", "Down (s)"), 11, numeric=True),
        Column("MTTA", 13),
        Column("MTTR", 13),
        Column("MTBF", 13),
        Column(t("Phản hồi quá hạn", "Late answers"), 8, numeric=True),
        Column(t("Khắc phục quá hạn", "Late fixes"), 8, numeric=True),
    )
    rows = []
    for party, tally in parties.items():
        late = [b["term"] for i in c.judged if i["party"] == party for b in i.get("breaches") or ()]
        means = [Cell(t.mean(fraction_of(tally[name]))) for name in ("mtta", "mttr", "mtbf")]
        broken = (c.n(late.count("response")), c.n(late.count("restoration")))
        rows.append(Row((Cell(c.party(party)), c.n(tally["number"]), c.n(tally["seconds"]), *means, *broken)))
    note = t(
        "MTTA: thời gian trung bình từ phát hiện đến tiếp nhận, của những sự cố đã được tiếp nhận; MTTR: thời gian "
        "gián "
        "đoạn trung bình; MTBF: thời gian sẵn sàng chia cho số sự cố. Quá hạn xét theo thời hạn của hợp đồng.",
        "MTTA: mean time from detection to acknowledgement, of those that were acknowledged; MTTR: mean down time; "
        "MTBF: "
        "available time by the number of incidents. Late is what the contract says.",
    )
    title = t("Sự cố theo bên chịu trách nhiệm", "Incidents by party")
    blocks += [Table("parties", title, columns, rows), Paragraph(note, note=True), *_not_counted(c), *_party_months(c)]
    return blocks


def _party_months(c: Context) -> Iterator[Block]:
    t, months = c.t, c.facts.months
    promised = {spec["party"] for spec in c.facts.contracts.values()}
    seen = {party for month in months for party in month["parties"]}
    shown = [
        party for party in c.facts.names["parties"] if party in promised & (seen | set(c.facts.tallies["parties"]))
    ]
    if not shown:
        said = t("Không có bên nào theo hợp đồng trong danh mục.", "No party has a contract in the catalogue.")
        yield Paragraph(said)
        return
    columns = (
        Column(t("Tháng", "Month"), 40),
        Column(t("Số sự cố", "Incidents"), 30, numeric=True),
        Column(t("Gián đoạn (giây)", "Down (s)"), 30, numeric=True),
    )
    rows = []
    for party in shown:
        rows.append(Row((Cell(c.party(party)),), group=True))
        for month in months:
            name = Cell(f"{month['name'][5:]}/{month['name'][:4]}")
            if not month.get("watched", True):
                rows.append(Row((name, *(Cell(t("chưa theo dõi", "not watched")),) * 2)))
                continue
            number, seconds = month["parties"].get(party, (0, 0))
            rows.append(Row((name, c.n(number), c.n(seconds))))
    title = t("Sự cố bắt đầu trong 12 tháng, theo nhà thầu", "Incidents that began in 12 months, by vendor")
    yield Table("party_months", title, columns, rows)

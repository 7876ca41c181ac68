"""Section III: error rates of checks, failures of iGate by step, reason and hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from monitor.availability import ratio
from monitor.report import charts
from monitor.report.content.common import Context
from monitor.report.model import Block, Cell, Column, Figure, Heading, Paragraph, Row, Table


def errors_section(c: Context) -> list[Block]:
    t = c.t
    blocks: list[Block] = [
        Heading(1, t("TỶ LỆ LỖI", "ERROR RATES")),
        Heading(2, t("1. Tỷ lệ lượt kiểm tra lỗi", "1. Failed checks")),
    ]
    rows = []
    for system, of in c.rows.items():
        whole, *reasons = of["raw"]["error_rates"]
        top = reasons[0] if reasons else None
        why = f"{t.fails(None, top['reason'])} ({t.number(top['failed'])})" if top else ""
        rate = c.rate(ratio(whole["failed"], whole["conclusive"]))
        rows.append(Row((Cell(c.system(system)), rate, c.n(whole["failed"]), c.n(whole["conclusive"]), Cell(why))))
    if not rows:
        return [*blocks, Paragraph(t("Không có hệ thống nào trong kỳ.", "No system counts in the period."))]
    columns = (
        Column(t("Hệ thống", "System"), 34),
        Column(t("Tỷ lệ lỗi", "Rate"), 13, numeric=True),
        Column(t("Lượt lỗi", "Failed"), 11, numeric=True),
        Column(t("Lượt có kết quả", "Conclusive"), 13, numeric=True),
        Column(t("Lỗi nhiều nhất (số lượt)", "Most frequent (number)"), 29),
    )
    blocks += [
        Table("errors", t("Tỷ lệ lượt kiểm tra lỗi", "Failed checks"), columns, rows),
        Paragraph(
            t(
                "Chỉ tính lượt kiểm tra thứ nhất có kết quả; tỷ lệ được làm tròn lên. Đây là lỗi của lượt kiểm tra, "
                "không "
                "phải tỷ lệ lỗi của giao dịch thật.",
                "First tries with a conclusive result alone; rates are rounded up. It is the rate of checks, not of "
                "real "
                "traffic.",
            ),
            note=True,
        ),
        *_hours(c),
        Heading(2, t("2. Lỗi của phần mềm một cửa (iGate)", "2. Failures of iGate")),
        *_igate(c),
        _checks(c),
    ]
    return blocks


def _hours(c: Context) -> Iterator[Block]:
    t, hours = c.t, c.facts.errors["hours"]
    if not any(one["conclusive"] for one in c.facts.errors["checks"]):
        yield Paragraph(t("Không có lượt kiểm tra nào có kết quả trong kỳ.", "No check had a conclusive result."))
        return
    if not any(hours):
        yield Paragraph(t("Không có lượt kiểm tra nào lỗi trong kỳ.", "No check failed in the period."))
        return
    busiest = max(range(24), key=lambda hour: (hours[hour], -hour))
    alt = t(
        f"Số lượt lỗi theo giờ trong ngày; nhiều nhất lúc {busiest} giờ: {t.number(hours[busiest])} lượt",
        f"Failed checks by hour of the day; most at {busiest}:00: {t.number(hours[busiest])}",
    )
    labels = [str(hour) for hour in range(24)]
    title = t("Số lượt lỗi theo giờ trong ngày, mọi hệ thống", "Failed checks by hour of the day, all systems")
    yield Figure(title, charts.bars(hours, labels, [t.number(n) for n in hours], alt))


def _igate(c: Context) -> Iterator[Block]:
    t, found = c.t, c.facts.errors["igate"]
    if not found:
        yield Paragraph(
            t("Danh mục không có hệ thống nào loại iGate trong kỳ.", "The catalogue has no system of kind iGate.")
        )
    for system, errors in found.items():
        total = sum(errors["hours"])
        mine = [i for i in c.outages if i["system"] == system]
        yield Paragraph(
            t(
                f"{c.system(system)}: {t.counted(total)} lượt kiểm tra lỗi, gồm {t.counted(errors['confirmed'])} lượt "
                f"trong những giờ có gián đoạn được xác nhận và {t.counted(errors['unconfirmed'])} lượt lỗi chưa được "
                f"xác nhận thành gián đoạn; {t.counted(len(mine))} sự cố gián đoạn được xác nhận.",
                f"{c.system(system)}: {t.number(total)} failed checks, {t.number(errors['confirmed'])} in hours with "
                f"confirmed down time, {t.number(errors['unconfirmed'])} that were not confirmed; "
                f"{len(mine)} confirmed incidents.",
            )
        )
        if total:
            yield _parts(c, f"steps_{system}", t("Lỗi theo bước", "Failures by step"), errors["steps"], total, t.step)
            named = t("Lỗi theo nguyên nhân", "Failures by reason")
            yield _parts(c, f"reasons_{system}", named, errors["reasons"], total, lambda r: t.fails(None, r))
    reported = [i for i in c.facts.incidents if i["kind"] == "reported"]
    yield Paragraph(
        t(
            f"Cán bộ một cửa báo {t.counted(len(reported))} lỗi mà các phép kiểm tra không đo được; những lỗi này được "
            "liệt kê riêng, không tính vào độ sẵn sàng.",
            f"Desk staff reported {len(reported)} faults that no check measures; they are listed apart and are in no "
            "availability.",
        )
    )
    if reported:
        columns = (
            Column(t("Số", "No."), 8),
            Column(t("Hệ thống", "System"), 46),
            Column(t("Bắt đầu", "Start"), 23),
            Column(t("Kết thúc", "End"), 23),
        )
        rows = [
            Row((Cell(str(i["id"])), Cell(c.system(i["system"])), Cell(t.moment(i["start"])), Cell(t.moment(i["end"]))))
            for i in reported
        ]
        yield Table("reported", t("Lỗi do cán bộ báo", "Faults reported by staff"), columns, rows)


def _parts(
    c: Context, id_: str, title: str, counts: Mapping[str, int], total: int, name: Callable[[str], str]
) -> Table:
    t = c.t
    columns = (
        Column(t("Nội dung", "What"), 60),
        Column(t("Lượt lỗi", "Failed"), 20, numeric=True),
        Column(t("Tỷ trọng", "Share"), 20, numeric=True),
    )
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [
        Row((Cell(name(key) or t("không xác định", "unknown")), c.n(count), c.rate(Fraction(count, total))))
        for key, count in ordered
    ]
    return Table(id_, title, columns, [*rows, Row((Cell(t("Cộng", "Total")), c.n(total), Cell("")), total=True)])


def _checks(c: Context) -> Table:
    t = c.t
    headings = t("Hệ thống|Kiểm tra|Điểm đo|Lượt lỗi|Lượt có kết quả|Lượt thử lại",
                 "System|Check|Location|Failed|Conclusive|Rechecks").split("|")  # fmt: skip
    columns = [Column(heading, 16, numeric=number > 2) for number, heading in enumerate(headings)]
    rows = [
        Row(
            (
                *(Cell(one[name]) for name in ("system", "check", "location")),
                *(c.n(one[name]) for name in ("failed", "conclusive", "rechecks")),
            )
        )
        for one in c.facts.errors["checks"]
    ]
    return Table("checks", t("Lượt kiểm tra theo phép kiểm tra", "Tries by check"), columns, rows, data_only=True)

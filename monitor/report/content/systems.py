"""Section II: availability of each system, objectives, change, pictures, maintenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from monitor.availability import ENOUGH, ratio
from monitor.report import charts
from monitor.report.content.common import Context, availability_of
from monitor.report.language import Tongue
from monitor.report.model import Block, Cell, Column, Figure, Heading, Paragraph, Row, Table


def systems_section(c: Context) -> list[Block]:
    t = c.t
    blocks: list[Block] = [Heading(1, t("ĐỘ SẴN SÀNG CỦA CÁC HỆ THỐNG", "AVAILABILITY OF THE SYSTEMS"))]
    if not c.rows:
        return [*blocks, Paragraph(t("Không có hệ thống nào trong kỳ.", "No system counts in the period."))]
    blocks += [
        Paragraph(
            t(
                f"Ba cách tính, cách xác định và ví dụ tính đầy đủ nêu tại {c.appendix('method')}. Tỷ lệ được làm tròn "
                "xuống; kết luận về cam kết dựa trên số chưa làm tròn.",
                f"The three figures are explained, with one worked out in full, in {c.appendix('method')}. Shares are "
                "rounded down; objectives are judged on exact figures.",
            )
        ),
        _availability_table(c),
        *_provisional_notes(c),
        _promise_table(c),
        Figure(t("Thời gian gián đoạn theo ngày và giờ", "Down time by day and hour"), _heat(c)),
        *_twelve_months(c),
        *_maintenance(c),
    ]  # fmt: skip
    return blocks


def _availability_table(c: Context) -> Table:
    t = c.t
    columns = (
        Column(t("Cách tính", "Figure"), 20),
        Column(t("Độ sẵn sàng", "Availability"), 14, numeric=True),
        Column(t("Giây sẵn sàng", "Seconds available"), 15, numeric=True),
        Column(t("Giây quan sát được", "Seconds observed"), 15, numeric=True),
        Column(t("Giây gián đoạn", "Seconds down"), 13, numeric=True),
        Column(t("Giây suy giảm", "Seconds degraded"), 12, numeric=True),
        Column(t("Giây phải tính", "Seconds in the set"), 15, numeric=True),
        Column(t("Độ phủ", "Coverage"), 13, numeric=True),
    )
    rows: list[Row] = []
    for number, (system, of) in enumerate(c.rows.items(), 1):
        rows.append(Row((Cell(f"{number}. {c.system(system)}"),), group=True))
        rows += [_availability_row(c, row) for row in of.values()]
    return Table("availability", t("Độ sẵn sàng trong kỳ", "Availability in the period"), columns, rows)


def _availability_row(c: Context, row: Mapping[str, Any]) -> Row:
    label = Cell(c.t.word(row["figure"]))
    if row["set_seconds"] is None:
        refused = c.t(row["text"], "not counted: the calendar lacks a year")
        return Row((label, Cell(refused), *[Cell("")] * 6))
    observed, down = row["observed_seconds"], row["down_seconds"]
    share = c.share(ratio(observed - down, observed))
    if row["provisional"]:
        share = share._replace(text=f"{share.text} (*)")
    counts = [c.n(number) for number in (observed - down, observed, down, row["degraded_seconds"], row["set_seconds"])]
    return Row((label, share, *counts, c.share(ratio(observed, row["set_seconds"]))))


def _provisional_notes(c: Context) -> Iterator[Paragraph]:
    t = c.t
    rows = [(s, row) for s, of in c.rows.items() for row in of.values()]
    if any(row["provisional"] for _, row in rows):
        yield Paragraph(
            t(
                f"(*) Tạm tính: độ phủ dưới {t.promised(ENOUGH)} hoặc lịch làm việc của năm chưa chính thức.",
                f"(*) Provisional: coverage below {t.promised(ENOUGH)}, or a calendar that is not official yet.",
            ),
            note=True,
        )
    refused = {row["text"] for _, row in rows if row["set_seconds"] is None}
    for why in sorted(refused):
        yield Paragraph(
            t(
                f"Có số liệu {why}; cần bổ sung lịch làm việc vào danh mục rồi lập lại báo cáo.",
                "Some figures are not counted, for the calendar lacks a year: add it and build the report again.",
            ),
            note=True,
        )
    start, end = c.facts.span
    late = [s for s, of in c.rows.items() if of["raw"]["set_seconds"] < min(end, c.facts.as_of) - start]
    if late:
        yield Paragraph(
            t(
                "Chỉ tính phần thời gian hệ thống thuộc phạm vi theo dõi: ",
                "These count in a part of the period only: ",
            )
            + "; ".join(c.system(s) for s in late[:10])
            + ("; …" if len(late) > 10 else "")
            + ".",
            note=True,
        )
    without = [s for s in c.rows if not c.facts.systems.get(s, {}).get("contract")]
    if without:
        yield Paragraph(
            t(
                f"{t.counted(len(without))} hệ thống không có hợp đồng trong danh mục nên không có độ sẵn sàng theo "
                "hợp đồng.",
                f"{len(without)} systems have no contract in the catalogue, so no figure by contract.",
            ),
            note=True,
        )


def _promise_table(c: Context) -> Table:
    t = c.t
    columns = (
        Column(t("Hệ thống", "System"), 23),
        Column(t("Cam kết", "Objective"), 14, numeric=True),
        Column(t("Được gián đoạn (giây)", "Allowed (s)"), 13, numeric=True),
        Column(t("Đã gián đoạn (giây)", "Down (s)"), 13, numeric=True),
        Column(t("Kết luận", "Verdict"), 14),
        Column(t("So với kỳ trước", "Against the period before"), 14, numeric=True),
        Column(t("So với cùng kỳ năm trước", "Against a year ago"), 14, numeric=True),
        Column(t("12 tháng", "12 months"), 13),
    )
    rows = [
        Row((Cell(c.system(s)), *_promise(c, s), _change(c, s, "previous"), _change(c, s, "year_before"), _spark(c, s)))
        for s in c.rows
    ]  # fmt: skip
    title = t("Cam kết và diễn biến", "Objectives and trend")
    return Table("objectives", title, columns, rows)


def _promise(c: Context, system: str) -> tuple[Cell, ...]:
    verdict = c.verdicts.get(system)
    if verdict is None:
        return Cell(c.t("không có", "none")), Cell(""), Cell(""), Cell("")
    allowed = Fraction(verdict["allowed_seconds"])
    said = c.t.word(verdict["verdict"])
    if verdict["verdict"] == "no_data":
        return Cell(c.t.promised(Fraction(verdict["objective"]))), Cell(""), Cell(""), Cell(said)
    said += c.t(", tạm tính", ", provisional") if verdict["provisional"] else ""
    said += c.t(", chỉ số tự đo", ", measured only") if verdict["measured_only"] else ""
    objective = Fraction(verdict["objective"])
    return Cell(c.t.promised(objective), objective), c.n(int(allowed)), c.n(verdict["down_seconds"]), Cell(said)


def _change(c: Context, system: str, which: str) -> Cell:
    """Against another closed period, by the same kind of figure: contractual where there is one, else raw."""
    kind = "contractual" if "contractual" in c.rows[system] else "raw"
    other = c.facts.history[which]
    if other is None:
        return Cell(c.t("chưa chốt", "not closed"))
    seconds = other["figures"].get(system, {}).get(kind)
    now = availability_of(c.rows[system][kind])
    then = ratio(seconds[1] - seconds[0], seconds[1]) if seconds else None
    if now is None or then is None:
        return Cell(c.t("không có dữ liệu", "no data"))
    return Cell(c.t.points(now - then))


def _month_values(c: Context, system: str) -> list[Fraction | None]:
    values = []
    for month in c.facts.history["months"]:
        seconds = ((month["figures"] or {}).get(system) or {}).get("raw")
        values.append(ratio(seconds[1] - seconds[0], seconds[1]) if seconds else None)
    return values


def _spark(c: Context, system: str) -> Cell:
    values = _month_values(c, system)
    known = [value for value in values if value is not None]
    if not known:
        return Cell(c.t("chưa có", "none yet"))
    alt = c.t(
        f"{c.system(system)}, {len(known)} tháng có số liệu: từ {c.t.share(min(known))} đến {c.t.share(max(known))}",
        f"{c.system(system)}, {len(known)} months with figures: {c.t.share(min(known))} to {c.t.share(max(known))}",
    )
    text = f"{c.t.share(min(known))} - {c.t.share(max(known))}"
    return Cell(text, None, charts.sparkline(values, alt))


def _heat(c: Context) -> Any:
    t, heat = c.t, c.facts.heat
    rows = []
    for row in heat["rows"]:
        label = t.day(row["label"])[:5] if heat["by"] == "day" else _weekday(t, int(row["label"]))
        rows.append((label, row["down"], row["observed"]))
    down = sum(sum(row["down"]) for row in heat["rows"])
    worst = max(
        ((row["down"][hour], row["label"], hour) for row in heat["rows"] for hour in range(24)), default=(0, "", 0)
    )
    alt = t(
        f"Bản đồ nhiệt theo ngày và giờ: tổng {t.number(down)} giây gián đoạn",
        f"Heat map by day and hour: {t.number(down)} seconds down in all",
    )
    if worst[0]:
        alt += t(f"; nhiều nhất {t.number(worst[0])} giây", f"; most in one hour {t.number(worst[0])} seconds")
    legend = t(
        "không gián đoạn|đến 1 phút|đến 5 phút|đến 30 phút|trên 30 phút", "none|to 1 min|to 5 min|to 30 min|more"
    )
    return charts.heat_map(rows, legend.split("|"), t("không có dữ liệu", "no data"), alt)


def _weekday(t: Tongue, number: int) -> str:
    short = t("T2|T3|T4|T5|T6|T7|CN", "Mon|Tue|Wed|Thu|Fri|Sat|Sun")
    return short.split("|")[number]


def _twelve_months(c: Context) -> Iterator[Block]:
    t = c.t
    values: list[Fraction | None] = []
    for month in c.facts.history["months"]:
        seconds = [of["raw"] for of in (month["figures"] or {}).values() if of.get("raw")]
        down, observed = sum(s[0] for s in seconds), sum(s[1] for s in seconds)
        values.append(ratio(observed - down, observed))
    known = sum(value is not None for value in values)
    if not known:
        yield Paragraph(t("Chưa có tháng nào được chốt số liệu.", "No month is closed yet."), note=True)
        return
    labels = [f"{m['name'][5:]}/{m['name'][2:4]}" for m in c.facts.history["months"]]
    alt = t(
        f"Độ sẵn sàng chung của {known} tháng có số liệu", f"Availability of all systems in {known} months with figures"
    )
    alt += ": " + ", ".join(f"{label} {t.share(v)}" for label, v in zip(labels, values, strict=True) if v is not None)
    title = t(
        "Độ sẵn sàng chung, 12 tháng (gạch chéo: tháng chưa chốt)", "Availability, 12 months (hatched: not closed)"
    )
    yield Figure(title, charts.months(values, labels, [t.share(v) for v in values], alt))


def _maintenance(c: Context) -> Iterator[Block]:
    t = c.t
    if not c.facts.windows:
        yield Paragraph(t("Không có bảo trì nào được thông báo trong kỳ.", "No maintenance was announced."))
        return
    columns = (
        Column(t("Nội dung, hệ thống", "What, systems"), 38),
        Column(t("Từ", "From"), 17),
        Column(t("Đến", "To"), 17),
        Column(t("Xét theo hợp đồng", "By the contract"), 28),
    )
    rows = []
    for window in c.facts.windows:
        named = ", ".join(c.system(system) for system in window["systems"])
        rulings = [f"{_contract(c, key)}: {c.t.name(said)}" for key, said in window["rulings"].items()]
        said = "; ".join(rulings) or t("không thuộc hợp đồng nào", "under no contract")
        when = (Cell(t.moment(window["start"])), Cell(t.moment(window["end"])))
        rows.append(Row((Cell(f"{window['title']}: {named}"), *when, Cell(said))))
    yield Table("maintenance", t("Bảo trì đã thông báo", "Announced maintenance"), columns, rows)


def _contract(c: Context, key: str) -> str:
    spec = c.facts.contracts.get(key)
    return c.t.name(spec["name"]) if spec else key

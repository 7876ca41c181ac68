"""Section VII: what the monitor itself did not see."""

from __future__ import annotations

from monitor.availability import ratio
from monitor.report.content.common import Context, part_of
from monitor.report.model import Block, Cell, Column, Heading, Paragraph, Row, Table


def monitor_section(c: Context) -> list[Block]:
    t, (_, observed, scheduled) = c.t, c.raw
    covered = part_of(t, t.share(ratio(observed, scheduled)), observed, scheduled)
    columns = (
        Column(t("Điểm đo", "Location"), 34),
        Column(t("Thời gian (giây)", "Time (s)"), 16, numeric=True),
        Column(t("Mất tầm quan sát (giây)", "Blind (s)"), 17, numeric=True),
        Column(t("Không hoạt động (giây)", "Silent (s)"), 17, numeric=True),
        Column(t("Số lần mất tầm quan sát", "Times blind"), 16, numeric=True),
    )
    rows = []
    for place, kept in c.facts.monitor["locations"].items():
        blind, silent = (sum(b - a for a, b in kept[name]) for name in ("blind", "silent"))
        name = Cell(t.name(c.facts.names["locations"][place]))
        rows.append(Row((name, c.n(kept["seconds"]), c.n(blind), c.n(silent), c.n(len(kept["blind"])))))
    return [
        Heading(1, t("HỆ THỐNG GIÁM SÁT", "THE MONITOR ITSELF")),
        Paragraph(
            t(
                f"Độ phủ chung: {covered}. Thời gian không quan sát được không tính là sẵn sàng và không tính là gián "
                "đoạn.",
                f"Coverage in all: {covered}. What was not observed counts neither as up nor as down.",
            )
        ),
        Table("locations", t("Điểm đo", "Locations"), columns, rows),
        Paragraph(
            t(
                "Mất tầm quan sát: mọi đích đối chứng của điểm đo cùng im lặng, tức đường truyền của chính điểm đo "
                "bị mất. "
                "Không hoạt động: không có kết quả của đích đối chứng nào, tức hệ thống giám sát dừng.",
                "Blind: all control targets failed, so it was the location's own line. Silent: no control target was "
                "even "
                "asked, so the monitor did not run.",
            ),
            note=True,
        ),
    ]

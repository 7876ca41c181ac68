"""Every number of the DOCX is read back and made again from exported outcomes: `recount` knows none of our code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import docx
import pytest
import yaml
from docx.table import Table

from monitor.cli import figures, report
from tests.monitor import test_cli
from tests.monitor.report import story
from tests.monitor.report.recount import Recount, lasting, number, share
from tests.monitor.report.story import ZONE, at
from tests.monitor.test_cli import Motcua

motcua = test_cli.motcua
pytestmark = pytest.mark.live("liberation2")  # charts of a DOCX have pictures beside them

START, END = at("2026-10-01T00:00"), at("2026-11-01T00:00")
MAINTENANCE = [(at("2026-10-25T00:00"), at("2026-10-25T04:00"))]
NAMES = {"bus": "Trục liên thông", "igate": "Một cửa điện tử", "portal": "Cổng dịch vụ công", "archive": "Kho lưu trữ"}
PARTIES = {"vendor": "Nhà thầu", "carrier": "Đơn vị truyền dẫn", "centre": "Trung tâm"}
REASONS = {
    "http_5xx": "máy chủ báo lỗi (HTTP 5xx)",
    "connect_timeout": "không kết nối được trong thời hạn",
    "read_timeout": "không trả lời trong thời hạn",
    "dns_failure": "không phân giải được tên miền",
}
STEPS = {"search": "tra cứu hồ sơ", "request": "truy vấn"}
KINDS = {"raw": "Toàn thời gian", "contractual": "Theo hợp đồng", "office": "Trong giờ làm việc"}


@pytest.fixture
def built(motcua: Motcua, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Recount, dict[str, str]]:
    """The DOCX of a closed month, the recount of what was exported, and the seals as the command prints them."""
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        story.fill(store)
    for commands in (figures, report):
        monkeypatch.setattr(commands, "now", lambda: at(story.NOW))
    shared = ("--data", "data", "-c", "catalogue.yaml")
    assert motcua("period", "close", "2026-10", *shared).code == 0
    done = motcua("report", "build", "--period", "2026-10", "--format", "docx", "--out", "out", *shared)
    assert done.code == 0, done.err
    exported = motcua("outcomes", "export", "--data", "data").out.splitlines()
    seals = dict(line.split(" ") for line in motcua("seals", "--data", "data").out.splitlines() if line[:1].isdigit())
    read = docx.Document(str(tmp_path / "out" / "bao-cao-calendar-2026-10-v1.docx"))
    return read, Recount(exported, yaml.safe_load(story.CATALOGUE), START, END), seals


def tables(read: Any) -> dict[str, list[list[str]]]:
    """Tables by their captions, without numbers: rows of texts, the heading left out; merged cells are one."""
    found: dict[str, list[list[str]]] = {}
    caption = ""
    for element in read.element.body:
        if element.tag.endswith("}p"):
            said = "".join(t.text or "" for t in element.iter() if t.tag.endswith("}t"))
            caption = said.partition(". ")[2] if said.startswith("Bảng ") else caption if not said else ""
        elif element.tag.endswith("}tbl") and caption:
            rows = Table(element, read).rows[1:]
            found[caption] = [["".join(p.text for p in c.paragraphs) for c in _cells(row)] for row in rows]
    return found


def _cells(row: Any) -> Iterator[Any]:
    seen: list[Any] = []
    for cell in row.cells:
        if all(cell._tc is not other for other in seen):
            seen.append(cell._tc)
            yield cell


def moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, ZONE).strftime("%d/%m/%Y %H:%M:%S")


def expected(again: Recount, seals: Mapping[str, str]) -> dict[str, list[list[str]]]:
    made: dict[str, list[list[str]]] = {}
    made["Độ sẵn sàng trong kỳ"] = rows = []
    for n, (system, name) in enumerate(NAMES.items(), 1):
        rows.append([f"{n}. {name}"])
        for kind in ("raw", "contractual", "office") if system == "igate" else ("raw", "office"):
            down, seen, whole = again.figure(system, kind, MAINTENANCE)
            mark = " (*)" if seen * 100 < whole * 95 else ""
            available = share(seen - down, seen) + mark
            counts = [number(c) for c in (seen - down, seen, down, 0, whole)]
            rows.append([KINDS[kind], available, *counts, share(seen, whole)])

    promised = {"igate": ("contractual", 5), "portal": ("raw", 10)}
    made["Cam kết và diễn biến"] = rows = []
    for system, name in NAMES.items():
        row = [name, "không có", "", "", ""]
        if system in promised:
            kind, per_mille = promised[system]
            down, seen, whole = again.figure(system, kind, MAINTENANCE)
            verdict = "ĐẠT" if down * 1000 <= per_mille * seen else "KHÔNG ĐẠT"
            verdict += ", tạm tính" if seen * 100 < whole * 95 else ""
            objective = {5: "99,5%", 10: "99%"}[per_mille]
            row = [name, objective, number(seen * per_mille // 1000), number(down), verdict]
        rows.append([*row, "chưa chốt", "chưa chốt", "chưa có" if system == "archive" else ""])

    made["Tỷ lệ lượt kiểm tra lỗi"] = rows = []
    for system, name in NAMES.items():
        failed, conclusive, reasons, *_ = again.errors(system)
        top = min(reasons.items(), key=lambda item: (-item[1], item[0])) if reasons else None
        why = f"{REASONS[top[0]]} ({top[1]})" if top else ""
        rows.append([name, share(failed, conclusive, up=True), number(failed), number(conclusive), why])

    failed, _, reasons, steps, _ = again.errors("igate")
    for title, found_of, names in (("Lỗi theo bước", steps, STEPS), ("Lỗi theo nguyên nhân", reasons, REASONS)):
        ordered = sorted(found_of.items(), key=lambda item: (-item[1], item[0]))
        made[title] = [[names[key], number(n), share(n, failed, up=True)] for key, n in ordered]
        made[title].append(["Cộng", number(failed), ""])
    made["Lỗi do cán bộ báo"] = [["3", NAMES["igate"], "07/10/2026 08:00:00", "07/10/2026 09:00:00"]]

    found = again.incidents()
    ids = {"igate": "1", "bus": "2"}  # in the order in which they were found
    spec = again.catalogue["systems"]
    made["Sự cố trong kỳ"] = rows = []
    for system, start, end, reason, step in found:
        inside = sum(max(0, min(b, end) - max(a, start)) for a, b in again.hours())
        what = f"{NAMES[system]}; {STEPS[step or '']}: {REASONS[reason or '']}; {PARTIES[spec[system]['party']]}"
        lengths = [number(end - start), number(inside), number(end - start - inside)]
        rows.append([ids[system], what, moment(start), moment(end), *lengths, "S1"])
    made["Toàn bộ sự cố trong kỳ"] = rows
    made["Chứng cứ của sự cố"] = [[ids[i[0]], "0", "không có chứng cứ kèm theo"] for i in found]

    (_, start, end, *_) = next(i for i in found if i[0] == "igate")
    late_answer, late_fix = at("2026-10-06T09:00") - (start + 10), end - start
    broken = f"thời hạn phản hồi {minutes(late_answer)}, quá {minutes(late_answer - 1800)}"
    broken += f"; thời hạn khắc phục {lasting(late_fix)}, quá {lasting(late_fix - 7200)}"
    times = [moment(start + 10), "06/10/2026 08:10:00", "06/10/2026 09:00:00", moment(end)]
    made["Đồng hồ của nhà thầu"] = [["1", *times, "30 phút 00 giây; 2 giờ 00 phút", broken]]

    def tally(members: list[Any], available: int) -> list[str]:
        down = sum(end - start for _, start, end, *_ in members)
        means = [lasting(down / len(members)), lasting(available / len(members))] if members else ["không có"] * 2
        return [number(len(members)), number(down), *means]

    seconds = {s: again.figure(s, "raw")[1] - again.figure(s, "raw")[0] for s in NAMES}
    by = "Số sự cố bắt đầu trong kỳ và sự cố lặp lại"
    made[by] = [
        [NAMES[s], *tally([i for i in found if i[0] == s], seconds[s]), "0", "0"]
        for s in NAMES
        if any(i[0] == s for i in found)
    ]
    again_30 = 0  # a repeat is one of the same system
    for system in NAMES:
        starts = sorted((i[1], i[2]) for i in found if i[0] == system)
        again_30 += sum(later[0] - earlier[1] <= 30 * 86_400 for earlier, later in pairwise(starts))
    made[by].append(["Tất cả", *tally(found, sum(seconds.values())), "0", number(again_30)])

    made["Sự cố theo bên chịu trách nhiệm"] = rows = []
    for party, name in PARTIES.items():
        mine = [i for i in found if spec[i[0]]["party"] == party]
        cells = tally(mine, sum(seconds[s] for s in NAMES if spec[s]["party"] == party))
        mtta = "4 phút 50 giây" if party == "vendor" else "không có"
        late = "1" if party == "vendor" else "0"
        rows.append([name, *cells[:2], mtta, *cells[2:], late, late])
    (own,) = [i for i in found if spec[i[0]]["party"] == "vendor"]
    months = [f"{n % 12 + 1:02d}/{n // 12}" for n in range(2025 * 12 + 10, 2026 * 12 + 10)]
    last = [months[-1], "1", number(own[2] - own[1])]
    title = "Sự cố bắt đầu trong 12 tháng, theo nhà thầu"
    # The first outcome is of 29 September: before it nobody watched, and nothing is known.
    unknown = [[month, "chưa theo dõi", "chưa theo dõi"] for month in months[:-2]]
    made[title] = [[PARTIES["vendor"]], *unknown, [months[-2], "0", "0"], last]

    made["Điểm đo"] = [["Văn phòng", number(END - START), "0", number(again.silent()), "0"]]
    form = [number(count) for count in story.FORM]
    made["Tình hình giải quyết hồ sơ"] = [["Trung tâm", *form], ["Tổng số", *form]]
    systems = len(NAMES)
    policy = ["14.400", "10", "3", "2", number(systems)]
    made["Chính sách đánh giá kết quả đo"] = [policy]
    made["Ngày đặc biệt trong kỳ"] = [["state", "15/10/2026", "nghỉ lễ", "Ngày thử"]]
    made["Bảo trì đã thông báo"] = [
        ["Nâng cấp: Một cửa điện tử", "25/10/2026 00:00:00", "25/10/2026 04:00:00",
         "Hợp đồng thuê: báo trước đủ 2 ngày làm việc"]
    ]  # fmt: skip
    made["Con dấu từng ngày"] = [
        [f"{day[8:]}/{day[5:7]}/{day[:4]}", "", "0", digest]
        for day, digest in sorted(seals.items())
        if "2026-09-30" <= day <= "2026-10-31"
    ]
    return made


def test_every_table_is_what_the_exported_outcomes_say(built: tuple[Any, Recount, dict[str, str]]) -> None:
    read, again, seals = built
    found, wanted = tables(read), expected(again, seals)
    assert found.keys() == wanted.keys()
    assert len(wanted["Con dấu từng ngày"]) == 32
    for title, rows in wanted.items():
        shown = found[title]
        if title == "Chính sách đánh giá kết quả đo":
            shown = [row[1:] for row in shown]  # its id is a digest
        if title == "Con dấu từng ngày":
            shown = [[row[0], "", *row[2:]] for row in shown]
        assert shown == rows, title
    counted = sum(int(row[1]) for row in found["Con dấu từng ngày"])
    received = (at("2026-09-30T07:00"), at("2026-11-01T07:00"))
    told = [o for o in story.outcomes() if received[0] <= o.started_at / 1000 < received[1]]
    assert counted == len(told)


_TOKEN = re.compile(r"\d[\d.]*(?:,\d+)?%?")


def test_every_number_of_the_text_is_one_of_the_tables_or_made_from_them(
    built: tuple[Any, Recount, dict[str, str]],
) -> None:
    read, again, seals = built
    known = {token for rows in expected(again, seals).values() for row in rows for c in row for token in tokens(c)}
    whole = [again.figure(system, "raw") for system in NAMES]
    down, seen, scheduled = (sum(column) for column in zip(*whole, strict=True))
    known |= {number(seen), number(scheduled), number(seen - down), share(seen, scheduled), share(seen - down, seen)}
    found = again.incidents()
    total = sum(end - start for _, start, end, *_ in found)
    known |= set(tokens(lasting(total))) | {f"{len(found):02d}", f"{len(NAMES):02d}"}
    own = again.figure("igate", "contractual", MAINTENANCE)
    known |= set(tokens(lasting(own[0] - own[1] * 5 // 1000))) | set(tokens(minutes(own[0] - own[1] * 5 // 1000)))
    known |= {number(END - START), number(4 * 3600), number(own[0])}  # the figure that is worked out
    failed = again.errors("igate")[0]
    known |= {f"{n:02d}" for n in (failed, again.unconfirmed("igate"), failed - again.unconfirmed("igate"))}
    known |= {"01", "02", "0"}  # one is late, one was reported, of two objectives; none overdue
    known |= {share(again.silent(), END - START, up=True)}
    timely = story.FORM.resolved - story.FORM.resolved_overdue
    known |= {number(timely), share(timely, story.FORM.resolved)}
    text = [p.text for p in read.paragraphs]
    start, end = text.index("I. TÓM TẮT"), text.index("Phụ lục I")
    said = [t for t in text[start:end] if not t.startswith(("Bảng ", "Hình ")) and not re.match(r"[IVX\d]+\. ", t)]
    said += text[text.index("Ví dụ tính") + 1 : text.index("Phụ lục II")]
    fixed = re.compile(
        r"\d{2}/\d{2}/\d{4}|[Tt]háng 10 năm 2026|99,5%|99%|95%|12 tháng|30 ngày|\(\d+\)[^;.]*|766|II\.06a|số \d"
    )
    unknown = {token for t in said for token in tokens(fixed.sub("", t)) if token not in known}
    assert not unknown, [t for t in said if unknown & set(tokens(fixed.sub("", t)))]


def tokens(text: str) -> list[str]:
    return [token.rstrip(".") for token in _TOKEN.findall(text)]


def minutes(seconds: int) -> str:
    return f"{seconds // 60} phút {seconds % 60:02d} giây"


def test_the_picture_says_what_was_down(built: tuple[Any, Recount, dict[str, str]]) -> None:
    read, again, _ = built
    down = sum(again.figure(system, "raw")[0] for system in NAMES)
    alt = [e.get("descr") for e in read.element.body.iter() if e.tag.endswith("}docPr")]
    assert any(text.startswith(f"Bản đồ nhiệt theo ngày và giờ: tổng {number(down)} giây gián đoạn") for text in alt)
    hours = sum((again.errors(system)[4] for system in NAMES), again.errors("bus")[4] - again.errors("bus")[4])
    busiest = max(hours, key=lambda hour: (hours[hour], -hour))
    assert f"Số lượt lỗi theo giờ trong ngày; nhiều nhất lúc {busiest} giờ: {hours[busiest]} lượt" in alt

"""Section VI: what was collected, imported and looked up; every number was worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from monitor import periods
from monitor.dossiers import Channel, Counts, Dossier, Form, Row, Source, Status, Unit
from monitor.index766 import OfficialScore
from monitor.report import content, dossiers
from monitor.report.facts import gather
from monitor.report.model import Document, Paragraph
from monitor.store import Store
from monitor.store.dossiers import Progress
from tests.monitor.report import story
from tests.monitor.report.story import ZONE, at

OCTOBER = periods.parse("2026-10", "calendar")
OPEN = Dossier(
    "H00-3", "A", "p", "s", Channel.ONLINE, Status.ACCEPTED,
    at("2026-10-02T08:00"), at("2026-10-02T09:00"), at("2026-11-20T17:00"), None, at("2026-10-02T09:00"),
)  # fmt: skip
EARLY = replace(
    OPEN, code="H00-1", status=Status.RETURNED, applied=at("2026-10-06T08:30"), accepted=at("2026-10-06T09:00"),
    due=at("2026-10-20T17:00"), ended=at("2026-10-10T10:00"), updated=at("2026-10-10T10:00"),
)  # fmt: skip
LATE = replace(
    OPEN, code="H00-2", channel=Channel.DIRECT, status=Status.RETURNED, applied=at("2026-10-01T08:00"),
    accepted=at("2026-10-01T09:00"), due=at("2026-10-06T11:00"), ended=at("2026-10-06T15:00"),
    updated=at("2026-10-06T15:00"),
)  # fmt: skip


def collected(store: Store, until: int | None = None) -> None:
    progress = Progress("igate", watermark=1, since=0, until=until or at(story.NOW))
    store.dossiers.keep([OPEN, EARLY, LATE], ZONE, units=[Unit("A", "Sở A")], progress=progress)


def told(store: Store, catalogue: Any) -> tuple[dict[str, Any], Document]:
    now = at(story.NOW)
    kept = dossiers.gather(catalogue, store, OCTOBER, now)
    return kept, content.document(gather(catalogue, store, OCTOBER, now, kept), "vi")


def rows(document: Document, table: str) -> list[list[str]]:
    (found,) = [one for one in document.tables if one.id == table]
    return [[cell.text for cell in row.cells] for row in found.rows]


def paragraphs(document: Document) -> list[str]:
    return [block.text for block in document.blocks if isinstance(block, Paragraph)]


def test_what_was_collected(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        collected(store)
        store.dossiers.keep_answers({"H00-1": True, "H00-2": False}, at(story.NOW))
        kept, document = told(store, catalogue)
    assert rows(document, "dossier_form") == [
        ["Sở A", *["3", "2", "1", "0", "2", "1", "0", "1", "1", "1", "0"]],
        ["Tổng số", *["3", "2", "1", "0", "2", "1", "0", "1", "1", "1", "0"]],
    ]
    index = {row[0].split(" ")[0]: row for row in rows(document, "index766")}
    inferred = "yêu cầu bổ sung suy từ thay đổi trạng thái giữa hai lần thu thập"
    assert index["2.1"][2:] == [
        "13,33",
        "không tính được",
        f"2 / 3; {inferred}",
    ]  # 20 x 2/3: one early, one pending in time
    assert index["3.3"][2] == "không tính được"  # since 2026 it is a ratio that dossiers do not tell
    assert index["Cộng"][2:4] == ["không tính được", "không tính được"]
    # In the outage of the 6th one was submitted, and one was due that was late; none in that of the 20th.
    assert rows(document, "touched") == [
        ["1", "1", "không có", "1", "1", "0"],
        ["2", "0", "0,0", "0", "0", "0"],
    ]
    said = paragraphs(document)
    assert any("Trong 03 hồ sơ iGate tiếp nhận, 02 hồ sơ có câu trả lời" in text and "50,00%" in text for text in said)
    assert any("trước hạn và đúng hạn 50,00% (1/2 hồ sơ)" in text for text in said)
    assert kept["simulated"] is False


def test_a_closed_period_keeps_its_figures_and_says_that_inputs_have_changed(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        collected(store)
        closed = Form(OCTOBER.start, OCTOBER.end, Source.DOSSIERS, (Row("Sở A", "A", Counts(3, 2, 1)),))
        store.dossiers.keep_form(closed, (), at=at(story.NOW), by="thu")
        kept, _ = told(store, catalogue)
    assert (kept["form"]["version"], kept["form"]["total"]["resolved"]) == (1, 0)
    assert kept["form"]["notes"] == ["dữ liệu đầu vào đã thay đổi sau khi chốt: số đếm hôm nay khác số đã chốt"]


def test_what_is_known_in_part_says_so(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        collected(store)
        since = Progress("igate", watermark=1, since=at("2026-09-01T00:00"), until=at(story.NOW))
        store.dossiers.keep([], ZONE, progress=since)
        kept, _ = told(store, catalogue)
    assert any("mà không thay đổi còn thiếu" in note for note in kept["form"]["notes"])


def test_the_online_ratio_by_the_formula_of_2025(tmp_path: Path) -> None:
    catalogue, year = story.load(tmp_path), 365 * 86_400

    def earlier(one: Dossier) -> Dossier:
        moved = {name: at_ - year for name in _INSTANTS if (at_ := getattr(one, name)) is not None}
        return replace(one, **moved)

    with story.store_of(tmp_path / "data", catalogue, []) as store:
        progress = Progress("igate", watermark=1, since=0, until=at(story.NOW))
        store.dossiers.keep([earlier(one) for one in (OPEN, EARLY, LATE)], ZONE, progress=progress)
        store.dossiers.keep_answers({"H00-1": True, "H00-2": False}, at(story.NOW))
        kept = dossiers.gather(catalogue, store, periods.parse("2025-10", "calendar"), at(story.NOW))
    (online,) = [row for row in kept["index766"]["rows"] if row["component"] == "3.3"]
    assert (online["numerator"], online["denominator"]) == (2, 3)
    assert online["estimate"] == "4,00"  # 6 x (2/3 x 1/2) / 0,5


_INSTANTS = ("applied", "accepted", "due", "ended", "updated")


def test_a_form_that_does_not_add_up_is_said_and_left_as_it_came(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        wrong = story.FORM._replace(resolved=83_742)
        form = Form(date(2026, 10, 1), date(2026, 11, 1), Source.OFFICIAL, (Row("Trung tâm", None, wrong),), wrong)
        store.dossiers.keep_form(form, [], at=at(story.NOW), by="truc_ban")
        score = OfficialScore("", "2.1", Fraction("19.5"))
        store.dossiers.keep_scores(date(2026, 10, 1), date(2026, 11, 1), [score], at=at(story.NOW), by="truc_ban")
        _, document = told(store, catalogue)
    said = paragraphs(document)
    assert any("KHÔNG khớp" in text and "ghi 83.742, theo các cột khác 83.741 (lệch +1)" in text for text in said)
    assert any("Rà soát số liệu hồ sơ trước khi gửi" in text for text in said)
    assert "83.742" in rows(document, "dossier_form")[0]
    assert next(row for row in rows(document, "index766") if row[0].startswith("2.1"))[3] == "19,50"


def test_dossiers_that_are_not_all_there_are_provisional(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        collected(store, at("2026-10-20T00:00"))
        _, document = told(store, catalogue)
    assert "Tạm tính: hồ sơ mới thu thập đến 20/10/2026 00:00." in paragraphs(document)
    assert any(said.startswith("Hồ sơ (tạm tính, xem mục VI): tiếp nhận") for said in paragraphs(document))
    assert Counts(*map(int, rows(document, "dossier_form")[0][1:])).pending == 1


def test_nothing_is_known_of_dossiers(tmp_path: Path) -> None:
    catalogue = story.load(tmp_path)
    with story.store_of(tmp_path / "data", catalogue) as store:
        kept, document = told(store, catalogue)
    assert kept == {}
    assert not {"dossier_form", "index766", "touched"} & {table.id for table in document.tables}
    said = paragraphs(document)
    assert "Không có số liệu hồ sơ của kỳ: chưa thu thập từ iGate và chưa nhập biểu." in said
    assert "Kỳ này chưa có số liệu hồ sơ, nên báo cáo không nêu ảnh hưởng đến hồ sơ." in said

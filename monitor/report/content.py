"""What a report says: facts in, a document out. One function and one line in `SECTIONS` a section.

Pure. Every share has its numerator and denominator beside it; where nothing was observed the report says so. A rule of
section VIII names the figure that triggers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from monitor import words
from monitor.availability import ENOUGH, ratio
from monitor.dossiers import COLUMNS, HEADINGS
from monitor.report import charts
from monitor.report.facts import Facts
from monitor.report.language import Tongue, ceil4, floor4
from monitor.report.method import method_text
from monitor.report.model import (
    Appendix,
    Block,
    Cell,
    Column,
    Document,
    Figure,
    Head,
    Heading,
    Paragraph,
    Row,
    Table,
)

SHOWN_INCIDENTS = 40
"""So many incidents are in section IV, the longest ones; all of them are in Appendix II."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What a person changed in section VIII: sentences of rules taken out or put in other words, and own ones."""

    remove: tuple[str, ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)
    assessment: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Context:
    """What the sections have in common."""

    facts: Facts
    t: Tongue
    edits: Edits

    def system(self, system: str) -> str:
        known = self.facts.names["systems"]
        return self.t.name(known[system]) if system in known else system

    def party(self, party: str | None) -> str:
        known = self.facts.names["parties"]
        return self.t.name(known[party]) if party in known else party or ""

    @cached_property
    def period(self) -> str:
        chosen = self.facts.chosen
        return chosen.vi_dated if self.t.is_vi else chosen.en_dated

    @cached_property
    def rows(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The figures of each system, by kind."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for row in self.facts.figures["rows"]:
            if row["check"] is None:
                found.setdefault(row["system"], {})[row["figure"]] = row
        return found

    @cached_property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        return {verdict["system"]: verdict for verdict in self.facts.figures["verdicts"]}

    @cached_property
    def raw(self) -> tuple[int, int, int]:
        """Down, observed and scheduled seconds of all systems together."""
        rows = [of["raw"] for of in self.rows.values()]
        names = ("down_seconds", "observed_seconds", "set_seconds")
        down, observed, scheduled = (sum(row[name] for row in rows) for name in names)
        return down, observed, scheduled

    @cached_property
    def outages(self) -> list[dict[str, Any]]:
        return [i for i in self.facts.incidents if i["kind"] == "outage"]

    @cached_property
    def began(self) -> list[dict[str, Any]]:
        """The incidents that are counted in the period."""
        return [i for i in self.outages if i["in_period"]]

    @cached_property
    def judged(self) -> list[dict[str, Any]]:
        """Those of them that measured outcomes alone make: imported ones are in no tally and under no terms."""
        return [i for i in self.began if not i.get("imported")]

    @cached_property
    def appendices(self) -> dict[str, str]:
        return {name: _ROMAN[number] for number, name in enumerate(("method", "evidence", "corrections"))}

    def appendix(self, name: str) -> str:
        return f"{self.t('Phụ lục', 'Appendix')} {self.appendices[name]}"

    # cells

    def n(self, count: int | None) -> Cell:
        return Cell("", None) if count is None else Cell(self.t.number(count), count)

    def share(self, fraction: Fraction | None) -> Cell:
        return Cell(self.t.share(fraction), None if fraction is None else floor4(fraction))

    def rate(self, fraction: Fraction | None) -> Cell:
        return Cell(self.t.rate(fraction), None if fraction is None else ceil4(fraction))


_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
Section = Callable[[_Context], list[Block]]


def document(facts: Facts, language: str, edits: Edits = Edits(), corrections: Sequence[str] | None = None) -> Document:
    """The whole report. `corrections` are what changed since the version before, None of a first one."""
    c = _Context(facts, Tongue(language, ZoneInfo(facts.zone)), edits)
    blocks: list[Block] = list(_opening(c))
    for number, section in enumerate(SECTIONS):
        title, *body = section(c)
        assert isinstance(title, Heading), "a section begins with its heading"
        blocks += [Heading(1, f"{_ROMAN[number]}. {title.text}"), *body]
    blocks += list(_closing(c))
    appendices = (
        Appendix(c.appendices["method"], c.t("PHƯƠNG PHÁP TÍNH", "METHOD"), list(_method(c))),
        Appendix(c.appendices["evidence"], c.t("DANH MỤC CHỨNG CỨ", "LIST OF EVIDENCE"), list(_evidence(c))),
        Appendix(c.appendices["corrections"], c.t("ĐÍNH CHÍNH", "CORRECTIONS"), list(_corrections(c, corrections))),
    )
    made = Document(
        language=language,
        head=_head(c),
        kind=c.t("BÁO CÁO", "REPORT"),
        subject=_subject(c),
        marks=_marks(c),
        blocks=blocks,
        appendices=appendices,
        made_at=facts.closed["closed_at"] if facts.closed else facts.as_of,
        identity=facts.digest,
        texts=_texts(c),
    )
    return _numbered(made, c)


def rule_ids(facts: Facts) -> list[str]:
    """The ids of the sentences of section VIII, by which `Edits` name them."""
    return [said.id for said in rules(_Context(facts, Tongue("vi", ZoneInfo(facts.zone)), Edits()))]


def _numbered(made: Document, c: _Context) -> Document:
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


# --- around the text --------------------------------------------------------------------------------------------------


def _subject(c: _Context) -> str:
    return c.t(
        f"Tình hình hoạt động của các hệ thống thông tin\nphục vụ giải quyết thủ tục hành chính\n{c.period}",
        f"Operation of the information systems behind the one-stop desk\n{c.period}",
    )


def _marks(c: _Context) -> list[str]:
    marks = [c.t("DỰ THẢO", "DRAFT")] if c.facts.is_draft else []
    marks += [c.t("SỐ LIỆU ĐÃ CHỐT BỊ SỬA", "CLOSED FIGURES WERE EDITED")] if c.facts.is_edited else []
    return marks + ([c.t(words.SIMULATED, "SIMULATED DATA")] if c.facts.simulated else [])


def _texts(c: _Context) -> dict[str, str]:
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


def _head(c: _Context) -> Head:
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


def _opening(c: _Context) -> Iterator[Block]:
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
        yield Paragraph(_edited(c), note=True)
    if facts.simulated:
        yield Paragraph(
            t(
                "Toàn bộ số liệu dưới đây là dữ liệu mô phỏng, không phản ánh hoạt động của hệ thống nào.",
                "All figures below are simulated and describe no real system.",
            ),
            note=True,
        )


def _edited(c: _Context) -> str:
    """Of closed figures that somebody changed in the store: what the report shows, and why it proves nothing."""
    assert c.facts.closed is not None, "only what was closed can be edited"
    return c.t(
        f"Số liệu đã chốt (phiên bản {c.facts.closed['version']}) BỊ SỬA sau khi chốt: dữ liệu đầu vào không đổi nhưng "
        "tính lại cho số liệu khác. Số liệu dưới đây không dùng làm căn cứ; cần mở lại và chốt lại kỳ.",
        f"The closed figures (version {c.facts.closed['version']}) were EDITED after the closing: the same inputs give "
        "others. They prove nothing; the period has to be reopened and closed again.",
    )


def _as_name(issuer: str) -> str:
    """A body within a sentence: what a letterhead writes in capitals is not shouted there."""
    if not issuer.isupper():
        return issuer
    return issuer[0] + issuer[1:].lower()


def _closing(c: _Context) -> Iterator[Block]:
    yield Paragraph(
        c.t(
            "Trên đây là Báo cáo tình hình hoạt động của các hệ thống thông tin phục vụ giải quyết thủ tục hành chính "
            f"{_lower(c.facts.chosen.vi)}. Phương pháp tính tại {c.appendix('method')}, danh mục chứng cứ tại "
            f"{c.appendix('evidence')}, đính chính tại {c.appendix('corrections')}./.",
            f"This is the report for {c.facts.chosen.en}. The method is in {c.appendix('method')}, the evidence in "
            f"{c.appendix('evidence')}, corrections are in {c.appendix('corrections')}./.",
        )
    )


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


# --- I. summary -------------------------------------------------------------------------------------------------------


def _summary(c: _Context) -> list[Block]:
    sentences = [_watched(c), _available(c), _happened(c), _kept_promises(c), _about_dossiers(c)]
    return [Heading(1, c.t("TÓM TẮT", "SUMMARY")), *(Paragraph(said, bullet=True) for said in sentences)]


def _watched(c: _Context) -> str:
    _, observed, scheduled = c.raw
    t, number = c.t, len(c.rows)
    if not number:
        return t("Trong kỳ không có hệ thống nào thuộc phạm vi theo dõi.", "No system counts in the period.")
    covered = _of(t, t.share(ratio(observed, scheduled)), observed, scheduled)
    return t(
        f"{c.period}: theo dõi {t.counted(number)} hệ thống, quan sát được {covered}.",
        f"{c.period}: {number} systems were watched, {covered} were observed.",
    )


def _of(t: Tongue, share: str, part: int, whole: int, unit: str | None = None) -> str:
    """A share with its numerator and denominator, which are seconds unless a unit is named."""
    return f"{share} ({t.number(part)}/{t.number(whole)} {t('giây', 'seconds') if unit is None else unit})"


def _available(c: _Context) -> str:
    t, (down, observed, _) = c.t, c.raw
    if not observed:
        return t(
            "Không có dữ liệu quan sát nào, nên không kết luận được về độ sẵn sàng của hệ thống nào.",
            "Nothing was observed, so nothing can be said about the availability of any system.",
        )
    whole = _of(t, t.share(ratio(observed - down, observed)), observed - down, observed)
    known = {s: _availability(of["raw"]) for s, of in c.rows.items()}
    worst = min((s for s in known if known[s] is not None), key=lambda s: (known[s], s))
    silent = sum(value is None for value in known.values())
    said = t(
        f"Tính chung, các hệ thống sẵn sàng {whole} trong thời gian quan sát được",
        f"Together the systems were available for {whole} of what was observed",
    )
    if known[worst] != 1:
        said += t(
            f"; thấp nhất là {c.system(worst)} với {t.share(known[worst])}",
            f"; the lowest is {c.system(worst)} with {t.share(known[worst])}",
        )
    if Fraction(observed, c.raw[2]) < ENOUGH:
        said += t(", số liệu tạm tính", ", which is provisional")
    if silent:
        said += t(f"; {t.counted(silent)} hệ thống không có dữ liệu", f"; of {silent} systems there are no data")
    return f"{said}."


def _availability(row: Mapping[str, Any]) -> Fraction | None:
    if row["observed_seconds"] is None:
        return None
    return ratio(row["observed_seconds"] - row["down_seconds"], row["observed_seconds"])


def _happened(c: _Context) -> str:
    t, whole = c.t, c.facts.tallies["all"]
    beside = f" {said}" if (said := _left_out(c)) else ""
    if not whole["number"]:
        if not c.raw[1]:
            return t("Không có dữ liệu để xác định sự cố.", "There are no data from which incidents could be told.")
        none = t(
            "Không ghi nhận sự cố nào bắt đầu trong kỳ trong thời gian quan sát được.",
            "No incident began in the time that was observed.",
        )
        return none + beside
    longest = max(c.judged, key=lambda i: (i["seconds"], -i["id"])) if c.judged else None
    said = t(
        f"Có {t.counted(whole['number'])} sự cố bắt đầu trong kỳ, tổng thời gian gián đoạn "
        f"{t.duration(whole['seconds'])}, trung bình mỗi sự cố {t.mean(_fraction(whole['mttr']))}",
        f"{whole['number']} incidents began, {t.duration(whole['seconds'])} down in all, "
        f"{t.mean(_fraction(whole['mttr']))} each on average",
    )
    if longest:
        said += t(
            f"; dài nhất là sự cố số {longest['id']} của {c.system(longest['system'])}, "
            f"{t.duration(longest['seconds'])}",
            f"; the longest is incident {longest['id']} of {c.system(longest['system'])}, "
            f"{t.duration(longest['seconds'])}",
        )
    return f"{said}.{beside}"


def _left_out(c: _Context) -> str:
    """What no tally has, as `motcua incidents summary` says it; empty where there is nothing of that kind."""
    number = c.facts.tallies.get("left_out", 0)
    if not number:
        return ""
    return c.t(
        f"Không tính {c.t.counted(number)} sự cố {words.IMPORTED}.",
        f"{number} incidents that rest on imported data are not counted.",
    )


def _fraction(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)


def _kept_promises(c: _Context) -> str:
    t = c.t
    judged = [v for v in c.verdicts.values() if v["verdict"] != "no_data"]
    broken = [v["system"] for v in judged if v["verdict"] == "broken"]
    if not c.verdicts:
        return t("Không có hệ thống nào có cam kết về độ sẵn sàng.", "No system has an objective.")
    if not judged:
        return t("Chưa đủ dữ liệu để kết luận về cam kết.", "There are not enough data to judge any objective.")
    unsure = sum(v["provisional"] for v in judged)
    note = t(f" (trong đó {t.counted(unsure)} tạm tính)", f" ({unsure} of these provisionally)") if unsure else ""
    if not broken:
        return t(
            f"Cả {t.counted(len(judged))} cam kết về độ sẵn sàng có dữ liệu đều đạt{note}.",
            f"All {len(judged)} objectives with data were met{note}.",
        )
    names = "; ".join(c.system(system) for system in broken[:5]) + ("; …" if len(broken) > 5 else "")
    return t(
        f"{t.counted(len(broken))} trong {t.counted(len(judged))} cam kết về độ sẵn sàng{note} không đạt: {names}.",
        f"{len(broken)} of {len(judged)} objectives{note} were not met: {names}.",
    )


def _about_dossiers(c: _Context) -> str:
    t, form = c.t, c.facts.dossiers.get("form")
    if not form:
        return t(
            "Kỳ này chưa có số liệu hồ sơ, nên báo cáo không nêu ảnh hưởng đến hồ sơ.",
            "There are no figures of dossiers, so nothing is said of what outages touched.",
        )
    total = form["total"]
    good = total["resolved"] - total["resolved_overdue"]
    timely = _of(t, t.share(ratio(good, total["resolved"])), good, total["resolved"], t("hồ sơ", "dossiers"))
    note = t(" (tạm tính, xem mục VI)", " (provisional, see VI)") if form["notes"] else ""
    return t(
        f"Hồ sơ{note}: tiếp nhận {t.counted(total['received'])}, đã giải quyết {t.counted(total['resolved'])}, "
        f"trước hạn và đúng hạn {timely}, đang giải quyết quá hạn {t.counted(total['pending_overdue'])}.",
        f"Dossiers{note}: {t.number(total['received'])} received, {t.number(total['resolved'])} resolved, "
        f"in time {timely}, {t.number(total['pending_overdue'])} pending and overdue.",
    )


# --- II. availability -------------------------------------------------------------------------------------------------


def _systems(c: _Context) -> list[Block]:
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


def _availability_table(c: _Context) -> Table:
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


def _availability_row(c: _Context, row: Mapping[str, Any]) -> Row:
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


def _provisional_notes(c: _Context) -> Iterator[Paragraph]:
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


def _promise_table(c: _Context) -> Table:
    t = c.t
    columns = (
        Column(t("Hệ thống", "System"), 27),
        Column(t("Cam kết", "Objective"), 10, numeric=True),
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


def _promise(c: _Context, system: str) -> tuple[Cell, ...]:
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


def _change(c: _Context, system: str, which: str) -> Cell:
    """Against another closed period, by the same kind of figure: contractual where there is one, else raw."""
    kind = "contractual" if "contractual" in c.rows[system] else "raw"
    other = c.facts.history[which]
    if other is None:
        return Cell(c.t("chưa chốt", "not closed"))
    seconds = other["figures"].get(system, {}).get(kind)
    now = _availability(c.rows[system][kind])
    then = ratio(seconds[1] - seconds[0], seconds[1]) if seconds else None
    if now is None or then is None:
        return Cell(c.t("không có dữ liệu", "no data"))
    return Cell(c.t.points(now - then))


def _month_values(c: _Context, system: str) -> list[Fraction | None]:
    values = []
    for month in c.facts.history["months"]:
        seconds = ((month["figures"] or {}).get(system) or {}).get("raw")
        values.append(ratio(seconds[1] - seconds[0], seconds[1]) if seconds else None)
    return values


def _spark(c: _Context, system: str) -> Cell:
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


def _heat(c: _Context) -> Any:
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


def _twelve_months(c: _Context) -> Iterator[Block]:
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


def _maintenance(c: _Context) -> Iterator[Block]:
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


def _contract(c: _Context, key: str) -> str:
    spec = c.facts.contracts.get(key)
    return c.t.name(spec["name"]) if spec else key


# --- III. errors ------------------------------------------------------------------------------------------------------


def _errors(c: _Context) -> list[Block]:
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


def _hours(c: _Context) -> Iterator[Block]:
    t, hours = c.t, c.facts.errors["hours"]
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


def _igate(c: _Context) -> Iterator[Block]:
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
    c: _Context, id_: str, title: str, counts: Mapping[str, int], total: int, name: Callable[[str], str]
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


def _checks(c: _Context) -> Table:
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


# --- IV. incidents ----------------------------------------------------------------------------------------------------


def _incidents(c: _Context) -> list[Block]:
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
    blocks.append(_incident_table(c, "incidents", t("Sự cố trong kỳ", "Incidents"), shown))
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


def _not_counted(c: _Context) -> Iterator[Block]:
    if said := _left_out(c):
        yield Paragraph(said, note=True)


def _incident_table(c: _Context, id_: str, title: str, shown: Iterable[Mapping[str, Any]]) -> Table:
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


def _clock_table(c: _Context) -> Iterator[Block]:
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


def _terms(c: _Context, incident: Mapping[str, Any]) -> str:
    terms = incident.get("terms")
    if not terms:
        return ""
    return "; ".join(c.t.duration(s) for s in (terms["respond"], terms["restore"]) if s is not None)


def _broken(c: _Context, incident: Mapping[str, Any]) -> str:
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


def _repeat_table(c: _Context) -> Table:
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


def _tally_cells(c: _Context, tally: Mapping[str, Any]) -> tuple[Cell, ...]:
    means = [Cell(c.t.mean(_fraction(tally[name]))) for name in ("mttr", "mtbf")]
    return c.n(tally["number"]), c.n(tally["seconds"]), *means, c.n(tally["repeats"]["7"]), c.n(tally["repeats"]["30"])


# --- V. vendors -------------------------------------------------------------------------------------------------------


def _vendors(c: _Context) -> list[Block]:
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
        means = [Cell(t.mean(_fraction(tally[name]))) for name in ("mtta", "mttr", "mtbf")]
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


def _party_months(c: _Context) -> Iterator[Block]:
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
            number, seconds = month["parties"].get(party, (0, 0))
            rows.append(Row((Cell(f"{month['name'][5:]}/{month['name'][:4]}"), c.n(number), c.n(seconds))))
    title = t("Sự cố bắt đầu trong 12 tháng, theo nhà thầu", "Incidents that began in 12 months, by vendor")
    yield Table("party_months", title, columns, rows)


# --- VI. dossiers -----------------------------------------------------------------------------------------------------


def _dossiers(c: _Context) -> list[Block]:
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


def _form(c: _Context, form: Mapping[str, Any]) -> Iterator[Block]:
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


def _index(c: _Context, index: Mapping[str, Any]) -> Iterator[Block]:
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


def _reconciled(c: _Context, kept: Mapping[str, int] | None) -> str:
    t = c.t
    if not kept or not kept["told"]:
        return t(
            "Chưa đối soát hồ sơ của kỳ với Cổng Dịch vụ công quốc gia.", "No dossier of the period was looked up."
        )
    share = _of(t, t.share(ratio(kept["found"], kept["told"])), kept["found"], kept["told"], t("hồ sơ", "dossiers"))
    return t(
        f"Trong {t.counted(kept['igate'])} hồ sơ iGate tiếp nhận, {t.counted(kept['told'])} hồ sơ có câu trả lời của "
        f"Cổng; "
        f"có trên Cổng: {share}.",
        f"Of {t.number(kept['igate'])} dossiers accepted in iGate the portal answered for {t.number(kept['told'])}; on "
        f"the portal: {share}.",
    )


def _touched(c: _Context, kept: Mapping[str, Any]) -> Iterator[Block]:
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


# --- VII. the monitor itself ------------------------------------------------------------------------------------------


def _monitor(c: _Context) -> list[Block]:
    t, (_, observed, scheduled) = c.t, c.raw
    covered = _of(t, t.share(ratio(observed, scheduled)), observed, scheduled)
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


# --- VIII. assessment -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of section VIII: the id by which a person changes it, and whether it proposes something."""

    id: str
    text: str
    proposal: bool = False


def _assessment(c: _Context) -> list[Block]:
    t, edits = c.t, c.edits
    kept = [
        replace(said, text=edits.replace.get(said.id, said.text)) for said in rules(c) if said.id not in edits.remove
    ]
    assessed = [said.text for said in kept if not said.proposal] + list(edits.assessment)
    proposed = [said.text for said in kept if said.proposal] + list(edits.proposals)
    nothing = t("Không.", "None.")
    return [
        Heading(1, t("ĐÁNH GIÁ VÀ ĐỀ XUẤT", "ASSESSMENT AND PROPOSALS")),
        Heading(2, t("1. Đánh giá", "1. Assessment")),
        *(Paragraph(text, bullet=True) for text in assessed or [nothing]),
        Heading(2, t("2. Kiến nghị, đề xuất", "2. Proposals")),
        *(Paragraph(text, bullet=True) for text in proposed or [nothing]),
    ]


def rules(c: _Context) -> Iterator[Said]:
    """What the figures say by themselves, each sentence with the figure that triggers it."""
    for rule in (
        _rule_coverage,
        _rule_objectives,
        _rule_repeats,
        _rule_terms,
        _rule_blind,
        _rule_forms,
        _rule_contracts,
    ):
        yield from rule(c)


def _rule_coverage(c: _Context) -> Iterator[Said]:
    t, (_, observed, scheduled) = c.t, c.raw
    share = ratio(observed, scheduled)
    if share is None or share >= ENOUGH:
        return
    covered = _of(t, t.share(share), observed, scheduled)
    yield Said(
        "coverage",
        t(
            f"Độ phủ chung {covered} thấp hơn {t.promised(ENOUGH)}: số liệu của kỳ là tạm tính.",
            f"Coverage of {covered} is below {t.promised(ENOUGH)}: the figures are provisional.",
        ),
    )
    yield Said(
        "coverage.proposal",
        t(
            f"Bảo đảm hoạt động liên tục của hệ thống giám sát (căn cứ: độ phủ {t.share(share)}).",
            f"Keep the monitor running without gaps (figure: coverage {t.share(share)}).",
        ),
        proposal=True,
    )


def _rule_objectives(c: _Context) -> Iterator[Said]:
    t = c.t
    for system, verdict in c.verdicts.items():
        if verdict["verdict"] == "no_data":
            continue
        down, observed = _held(c, verdict)
        share, promised = ratio(observed - down, observed), t.promised(Fraction(verdict["objective"]))
        counted = _of(t, t.share(share), observed - down, observed)
        if verdict["verdict"] == "met":
            note = t(", tạm tính", ", provisionally") if verdict["provisional"] else ""
            yield Said(
                f"objective.{system}",
                t(
                    f"{c.system(system)} đạt cam kết {promised}: {counted}{note}.",
                    f"{c.system(system)} met its objective of {promised}: {counted}{note}.",
                ),
            )
            continue
        over = verdict["down_seconds"] - int(Fraction(verdict["allowed_seconds"]))
        yield Said(
            f"objective.{system}",
            t(
                f"{c.system(system)} không đạt cam kết {promised}: {counted}, vượt mức gián đoạn cho phép "
                f"{t.duration(over)}.",
                f"{c.system(system)} missed its objective of {promised}: {counted}, {t.duration(over)} more down "
                "than allowed.",
            ),
        )
        party = c.party(c.facts.systems.get(system, {}).get("party"))
        yield Said(
            f"objective.{system}.proposal",
            t(
                f"Đề nghị {party} giải trình và có biện pháp khắc phục đối với {c.system(system)} (căn cứ: độ sẵn sàng "
                f"{t.share(share)} so với cam kết {promised}).",
                f"Ask {party} to account for {c.system(system)} and to mend it (figure: {t.share(share)} against "
                f"{promised}).",
            ),
            proposal=True,
        )


def _held(c: _Context, verdict: Mapping[str, Any]) -> tuple[int, int]:
    """Down and observed seconds that an objective was held against: of measured outcomes where others came too."""
    objective = Fraction(verdict["objective"])
    if verdict["measured_only"] and objective < 1:
        return verdict["down_seconds"], int(Fraction(verdict["allowed_seconds"]) / (1 - objective))
    return verdict["down_seconds"], c.rows[verdict["system"]][verdict["figure"]]["observed_seconds"]


def _rule_repeats(c: _Context) -> Iterator[Said]:
    t = c.t
    for system, tally in c.facts.tallies["systems"].items():
        again, number = tally["repeats"]["30"], tally["number"]
        if again < 3:
            continue
        yield Said(
            f"repeats.{system}",
            t(
                f"{c.system(system)} có {t.counted(again)}/{t.counted(number)} sự cố lặp lại trong 30 ngày.",
                f"{again} of {number} incidents of {c.system(system)} came again within 30 days.",
            ),
        )
        yield Said(
            f"repeats.{system}.proposal",
            t(
                f"Yêu cầu phân tích nguyên nhân gốc của các sự cố lặp lại của {c.system(system)} (căn cứ: "
                f"{t.counted(again)} lần lặp lại trong 30 ngày).",
                f"Ask for the root cause of the repeated incidents of {c.system(system)} (figure: {again} repeats).",
            ),
            proposal=True,
        )


def _rule_terms(c: _Context) -> Iterator[Said]:
    t = c.t
    broken = sorted((i["party"] or "", b["term"]) for i in c.judged for b in i.get("breaches") or ())
    for party, of in groupby(broken, key=lambda one: one[0]):
        terms = [term for _, term in of]
        late, unfixed = terms.count("response"), terms.count("restoration")
        said = t(
            f"phản hồi quá hạn {t.counted(late)} lần, khắc phục quá hạn {t.counted(unfixed)} lần",
            f"{late} late answers, {unfixed} late fixes",
        )
        yield Said(f"terms.{party}", f"{c.party(party)}: {said}.")
        yield Said(
            f"terms.{party}.proposal",
            t(
                f"Đề nghị xử lý vi phạm thời hạn của {c.party(party)} theo hợp đồng (căn cứ: {said}).",
                f"Apply the contract to the terms that {c.party(party)} broke (figure: {said}).",
            ),
            proposal=True,
        )


def _rule_blind(c: _Context) -> Iterator[Said]:
    t = c.t
    for place, kept in c.facts.monitor["locations"].items():
        lost = sum(b - a for name in ("blind", "silent") for a, b in kept[name])
        if kept["seconds"] and lost * 20 > kept["seconds"]:
            name = t.name(c.facts.names["locations"][place])
            share = _of(t, t.rate(ratio(lost, kept["seconds"])), lost, kept["seconds"])
            yield Said(
                f"blind.{place}",
                t(
                    f"Kiểm tra đường truyền và máy của điểm đo {name} (căn cứ: không quan sát được {share}).",
                    f"Look at the line and the machine of {name} (figure: {share} not observed).",
                ),
                proposal=True,
            )


def _rule_forms(c: _Context) -> Iterator[Said]:
    form = c.facts.dossiers.get("form")
    if form and form["violations"]:
        number = len(form["violations"])
        yield Said(
            "forms",
            c.t(
                f"Rà soát số liệu hồ sơ trước khi gửi (căn cứ: {c.t.counted(number)} hệ thức không khớp).",
                f"Mend the figures of dossiers before they are sent (figure: {number} identities do not hold).",
            ),
            proposal=True,
        )


def _rule_contracts(c: _Context) -> Iterator[Said]:
    t = c.t
    without = [s for s in c.rows if not c.facts.systems.get(s, {}).get("contract") and s not in c.verdicts]
    if without:
        yield Said(
            "contracts",
            t(
                f"Xác định mức cam kết cho các hệ thống chưa có (căn cứ: {t.counted(len(without))}/"
                f"{t.counted(len(c.rows))} hệ thống không có cam kết).",
                f"Agree on objectives where there are none (figure: {len(without)} of {len(c.rows)} systems).",
            ),
            proposal=True,
        )


SECTIONS: tuple[Section, ...] = (
    _summary,
    _systems,
    _errors,
    _incidents,
    _vendors,
    _dossiers,
    _monitor,
    _assessment,
)
"""Sections I to VIII, in order."""


# --- appendices -------------------------------------------------------------------------------------------------------


def _method(c: _Context) -> Iterator[Block]:
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


def _plain(c: _Context, seconds: float) -> Cell:
    return c.n(int(seconds)) if seconds == int(seconds) else Cell(c.t.decimal(Fraction(str(seconds))))


def _calendars(c: _Context) -> Iterator[Block]:
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


def _worked(c: _Context) -> Iterator[Block]:
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
    yield Paragraph(f"{c.system(system)}, {_lower(t.word(row['figure']))}:")
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


def _evidence(c: _Context) -> Iterator[Block]:
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
        yield _incident_table(c, "all_incidents", t("Toàn bộ sự cố trong kỳ", "All incidents"), c.outages)
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


def _corrections(c: _Context, corrections: Sequence[str] | None) -> Iterator[Block]:
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
        yield Paragraph(_edited(c))
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

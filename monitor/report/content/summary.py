"""Section I: five sentences that a chairman can read."""

from __future__ import annotations

from fractions import Fraction

from monitor.availability import ENOUGH, ratio
from monitor.report.content.common import Context, availability_of, fraction_of, part_of
from monitor.report.content.incidents import left_out_note
from monitor.report.model import Block, Heading, Paragraph


def summary_section(c: Context) -> list[Block]:
    sentences = [_watched(c), _available(c), _happened(c), _kept_promises(c), _about_dossiers(c)]
    return [Heading(1, c.t("TÓM TẮT", "SUMMARY")), *(Paragraph(said, bullet=True) for said in sentences)]


def _watched(c: Context) -> str:
    _, observed, scheduled = c.raw
    t, number = c.t, len(c.rows)
    if not number:
        return t("Trong kỳ không có hệ thống nào thuộc phạm vi theo dõi.", "No system counts in the period.")
    covered = part_of(t, t.share(ratio(observed, scheduled)), observed, scheduled)
    return t(
        f"{c.period}: theo dõi {t.counted(number)} hệ thống, quan sát được {covered}.",
        f"{c.period}: {number} systems were watched, {covered} were observed.",
    )


def _available(c: Context) -> str:
    t, (down, observed, _) = c.t, c.raw
    if not observed:
        return t(
            "Không có dữ liệu quan sát nào, nên không kết luận được về độ sẵn sàng của hệ thống nào.",
            "Nothing was observed, so nothing can be said about the availability of any system.",
        )
    whole = part_of(t, t.share(ratio(observed - down, observed)), observed - down, observed)
    known = {s: availability_of(of["raw"]) for s, of in c.rows.items()}
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


def _happened(c: Context) -> str:
    t, whole = c.t, c.facts.tallies["all"]
    beside = f" {said}" if (said := left_out_note(c)) else ""
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
        f"{t.duration(whole['seconds'])}, trung bình mỗi sự cố {t.mean(fraction_of(whole['mttr']))}",
        f"{whole['number']} incidents began, {t.duration(whole['seconds'])} down in all, "
        f"{t.mean(fraction_of(whole['mttr']))} each on average",
    )
    if longest:
        said += t(
            f"; dài nhất là sự cố số {longest['id']} của {c.system(longest['system'])}, "
            f"{t.duration(longest['seconds'])}",
            f"; the longest is incident {longest['id']} of {c.system(longest['system'])}, "
            f"{t.duration(longest['seconds'])}",
        )
    return f"{said}.{beside}"


def _kept_promises(c: Context) -> str:
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


def _about_dossiers(c: Context) -> str:
    t, form = c.t, c.facts.dossiers.get("form")
    if not form:
        return t(
            "Kỳ này chưa có số liệu hồ sơ, nên báo cáo không nêu ảnh hưởng đến hồ sơ.",
            "There are no figures of dossiers, so nothing is said of what outages touched.",
        )
    total = form["total"]
    good = total["resolved"] - total["resolved_overdue"]
    timely = part_of(t, t.share(ratio(good, total["resolved"])), good, total["resolved"], t("hồ sơ", "dossiers"))
    note = t(" (tạm tính, xem mục VI)", " (provisional, see VI)") if form["notes"] else ""
    return t(
        f"Hồ sơ{note}: tiếp nhận {t.counted(total['received'])}, đã giải quyết {t.counted(total['resolved'])}, "
        f"trước hạn và đúng hạn {timely}, đang giải quyết quá hạn {t.counted(total['pending_overdue'])}.",
        f"Dossiers{note}: {t.number(total['received'])} received, {t.number(total['resolved'])} resolved, "
        f"in time {timely}, {t.number(total['pending_overdue'])} pending and overdue.",
    )

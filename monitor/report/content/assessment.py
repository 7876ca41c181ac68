"""Section VIII: sentences by rules, each with the figure that triggers it, and what a person made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Any

from monitor.availability import ENOUGH, ratio
from monitor.report.content.common import Context, part_of
from monitor.report.model import Block, Heading, Paragraph


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of section VIII: the id by which a person changes it, and whether it proposes something."""

    id: str
    text: str
    proposal: bool = False


def assessment_section(c: Context) -> list[Block]:
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


def rules(c: Context) -> Iterator[Said]:
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


def _rule_coverage(c: Context) -> Iterator[Said]:
    t, (_, observed, scheduled) = c.t, c.raw
    share = ratio(observed, scheduled)
    if share is None or share >= ENOUGH:
        return
    covered = part_of(t, t.share(share), observed, scheduled)
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


def _rule_objectives(c: Context) -> Iterator[Said]:
    t = c.t
    for system, verdict in c.verdicts.items():
        if verdict["verdict"] == "no_data":
            continue
        down, observed = _held(c, verdict)
        share, promised = ratio(observed - down, observed), t.promised(Fraction(verdict["objective"]))
        counted = part_of(t, t.share(share), observed - down, observed)
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


def _held(c: Context, verdict: Mapping[str, Any]) -> tuple[int, int]:
    """Down and observed seconds that an objective was held against: of measured outcomes where others came too."""
    objective = Fraction(verdict["objective"])
    if verdict["measured_only"] and objective < 1:
        return verdict["down_seconds"], int(Fraction(verdict["allowed_seconds"]) / (1 - objective))
    return verdict["down_seconds"], c.rows[verdict["system"]][verdict["figure"]]["observed_seconds"]


def _rule_repeats(c: Context) -> Iterator[Said]:
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


def _rule_terms(c: Context) -> Iterator[Said]:
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


def _rule_blind(c: Context) -> Iterator[Said]:
    t = c.t
    for place, kept in c.facts.monitor["locations"].items():
        lost = sum(b - a for name in ("blind", "silent") for a, b in kept[name])
        if kept["seconds"] and lost * 20 > kept["seconds"]:
            name = t.name(c.facts.names["locations"][place])
            share = part_of(t, t.rate(ratio(lost, kept["seconds"])), lost, kept["seconds"])
            yield Said(
                f"blind.{place}",
                t(
                    f"Kiểm tra đường truyền và máy của điểm đo {name} (căn cứ: không quan sát được {share}).",
                    f"Look at the line and the machine of {name} (figure: {share} not observed).",
                ),
                proposal=True,
            )


def _rule_forms(c: Context) -> Iterator[Said]:
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


def _rule_contracts(c: Context) -> Iterator[Said]:
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

"""What the sections have in common: the facts with their names, texts, cells; shares with numerator and denominator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from monitor.availability import ratio
from monitor.report.facts import Facts
from monitor.report.language import Tongue, ceil4, floor4
from monitor.report.model import Cell


@dataclass(frozen=True, slots=True)
class Edits:
    """What a person changed in section VIII: sentences of rules taken out or put in other words, and own ones."""

    remove: tuple[str, ...] = ()
    replace: Mapping[str, str] = field(default_factory=dict)
    assessment: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
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
        return {name: ROMAN[number] for number, name in enumerate(("method", "evidence", "corrections"))}

    def appendix(self, name: str) -> str:
        return f"{self.t('Phụ lục', 'Appendix')} {self.appendices[name]}"

    # cells

    def n(self, count: int | None) -> Cell:
        return Cell("", None) if count is None else Cell(self.t.number(count), count)

    def share(self, fraction: Fraction | None) -> Cell:
        return Cell(self.t.share(fraction), None if fraction is None else floor4(fraction))

    def rate(self, fraction: Fraction | None) -> Cell:
        return Cell(self.t.rate(fraction), None if fraction is None else ceil4(fraction))


ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")


def edited_note(c: Context) -> str:
    """Of closed figures that somebody changed in the store: what the report shows, and why it proves nothing."""
    assert c.facts.closed is not None, "only what was closed can be edited"
    return c.t(
        f"Số liệu đã chốt (phiên bản {c.facts.closed['version']}) BỊ SỬA sau khi chốt: dữ liệu đầu vào không đổi nhưng "
        "tính lại cho số liệu khác. Số liệu dưới đây không dùng làm căn cứ; cần mở lại và chốt lại kỳ.",
        f"The closed figures (version {c.facts.closed['version']}) were EDITED after the closing: the same inputs give "
        "others. They prove nothing; the period has to be reopened and closed again.",
    )


def lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def part_of(t: Tongue, share: str, part: int, whole: int, unit: str | None = None) -> str:
    """A share with its numerator and denominator, which are seconds unless a unit is named."""
    return f"{share} ({t.number(part)}/{t.number(whole)} {t('giây', 'seconds') if unit is None else unit})"


def availability_of(row: Mapping[str, Any]) -> Fraction | None:
    if row["observed_seconds"] is None:
        return None
    return ratio(row["observed_seconds"] - row["down_seconds"], row["observed_seconds"])


def fraction_of(text: str | None) -> Fraction | None:
    return None if text is None else Fraction(text)

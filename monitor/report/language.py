"""How a report writes words, numbers and times: Vietnamese as offices write it, English as a working translation."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from math import ceil
from zoneinfo import ZoneInfo

from monitor import words
from monitor.availability import NO_FIGURE, duration_up, percent, percent_up
from monitor.incidents import NONE
from monitor.model import Reason

LANGUAGES = ("vi", "en")

_EN_WORDS: Mapping[str, str] = {
    "raw": "All hours",
    "contractual": "By contract",
    "office": "In office hours",
    "met": "MET",
    "broken": "NOT MET",
    "no_data": "no data",
    "open": "Going on",
    "restored": "Restored",
    "closed": "Closed",
    "withdrawn": "Withdrawn",
    "response": "response",
    "restoration": "restoration",
    "holiday": "holiday",
    "compensatory_off": "day in lieu",
    "swapped_off": "swapped day off",
    "swapped_work": "worked in exchange",
    "acknowledged": "acknowledged",
    "S1": "S1",
    "S2": "S2",
    "S3": "S3",
    "S4": "S4",
}
_VI_WORDS: Mapping[str, str] = {
    **words.FIGURES,
    **words.SLA,
    **words.INCIDENT_STATES,
    **words.TERMS,
    **words.DAYS,
    **words.SEVERITIES,
}


class Tongue:
    """One language of a report, in one zone. `tongue("vi", "en")` chooses a text."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language, self.zone = language, zone

    @property
    def is_vi(self) -> bool:
        return self.language == "vi"

    def __call__(self, vi: str, en: str) -> str:
        return unicodedata.normalize("NFC", vi if self.is_vi else en)

    def name(self, named: Mapping[str, str]) -> str:
        """The name of something: {"vi": ..., "en": ...}."""
        return unicodedata.normalize("NFC", named[self.language])

    def word(self, key: str) -> str:
        """A word of a closed set: kinds of figures, verdicts, states, terms, severities."""
        return (_VI_WORDS if self.is_vi else _EN_WORDS)[key]

    def fails(self, step: str | None, reason: str | None) -> str:
        """Step and reason in words."""
        if self.is_vi:
            return words.what_fails(step, Reason(reason) if reason else None)
        said = (reason or "").replace("_", " ")
        return f"{step}: {said}" if step and said else step or said

    def step(self, step: str) -> str:
        return words.STEPS.get(step, step) if self.is_vi else step

    # --- numbers -----------------------------------------------------------------------------------------------------

    def number(self, count: int) -> str:
        """A whole number: "2.678.400"; "2,678,400" in English."""
        return words.number(count) if self.is_vi else f"{count:,}"

    def counted(self, count: int) -> str:
        """A whole number within a sentence: offices write a zero before a single digit, "07 hồ sơ"."""
        return f"{count:02d}" if self.is_vi and 0 < count < 10 else self.number(count)

    def share(self, fraction: Fraction | None) -> str:
        """An availability or a coverage, rounded DOWN: "99,95%"; "không có dữ liệu" of nothing."""
        return self._percent(percent, fraction)

    def rate(self, fraction: Fraction | None) -> str:
        """A rate of errors, rounded UP."""
        return self._percent(percent_up, fraction)

    def _percent(self, write: object, fraction: Fraction | None) -> str:
        if fraction is None:
            return NO_FIGURE if self.is_vi else "no data"
        said = percent(fraction) if write is percent else percent_up(fraction)
        return said if self.is_vi else said.replace(",", ".")

    def promised(self, fraction: Fraction) -> str:
        """A share as it was promised: "99,5%"."""
        said = words.share(fraction)
        return said if self.is_vi else said.replace(",", ".")

    def points(self, fraction: Fraction) -> str:
        """A difference of shares in points of a percent, rounded toward zero: "+0,12 điểm %"."""
        hundredths = abs(fraction.numerator * 10_000) // fraction.denominator
        sign = "" if not hundredths else "-" if fraction < 0 else "+"
        said = f"{sign}{hundredths // 100},{hundredths % 100:02d}"
        return f"{said} điểm %" if self.is_vi else f"{said.replace(',', '.')} pp"

    def decimal(self, value: Fraction) -> str:
        said = words.decimal(value)
        return said if self.is_vi else said.translate(str.maketrans(".,", ",."))

    # --- times -------------------------------------------------------------------------------------------------------

    def duration(self, seconds: int) -> str:
        """In its two largest units: "14 giờ 30 phút"."""
        return self._units(words.duration(seconds))

    def mean(self, seconds: Fraction | None) -> str:
        """A mean time, rounded UP; "không có" of nothing."""
        if seconds is None:
            return NONE if self.is_vi else "none"
        return self._units(duration_up(seconds))

    def _units(self, said: str) -> str:
        if not self.is_vi:
            for vi, en in (("ngày", "d"), ("giờ", "h"), ("phút", "min"), ("giây", "s")):
                said = said.replace(vi, en)
        return said

    def moment(self, seconds: int | None) -> str:
        """An instant to its second: "24/11/2026 14:05:09"; "" of none."""
        if seconds is None:
            return ""
        return datetime.fromtimestamp(seconds, self.zone).strftime("%d/%m/%Y %H:%M:%S")

    def day(self, day: date | str) -> str:
        return f"{date.fromisoformat(day) if isinstance(day, str) else day:%d/%m/%Y}"


def floor4(fraction: Fraction) -> Fraction:
    """Cut to hundredths of a percent, as an availability is written."""
    return Fraction(fraction.numerator * 10_000 // fraction.denominator, 10_000)


def ceil4(fraction: Fraction) -> Fraction:
    """The same upwards, as a rate of errors is written."""
    return Fraction(ceil(fraction * 10_000), 10_000)

"""What a report says of dossiers: the form, index 766, what the portal has, what outages touched (docs/dossiers.md).

Nothing is collected here: it is counted from what `motcua dossiers` has brought. What there is no figure of is left
out, and the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from monitor import calendars, index766, kpis, periods, words
from monitor import dossiers as counting
from monitor.catalogue import STATE_CALENDAR, Catalogue
from monitor.dossiers import TOTAL, By, Form, Source, Violation
from monitor.periods import Period
from monitor.store import Store
from monitor.store.incidents import IncidentRecord

SIMULATED_META = "dossiers_simulated"
"""The fact about a store that its dossiers were collected from a simulated province."""

TOUCHED_INCIDENTS = 40
"""So many incidents, the longest ones, are held against dossiers."""

_DAY = 86_400


def gather(catalogue: Catalogue, store: Store, period: Period, now: int) -> dict[str, Any]:
    """All of it as JSON holds it; an empty mapping where there are no figures of the period at all."""
    reading = _Reading(catalogue, store, period, now)
    found = {
        "form": reading.form(),
        "index766": reading.index(),
        "reconciled": reading.reconciled(),
        "impact": reading.impact(),
    }
    if not any(found.values()):
        return {}
    return {**found, "simulated": store.meta().get(SIMULATED_META) == "yes"}


class _Reading:
    def __init__(self, catalogue: Catalogue, store: Store, period: Period, now: int) -> None:
        self.catalogue, self.store, self.book, self.period, self.now = catalogue, store, store.dossiers, period, now
        self.zone = ZoneInfo(catalogue.province.timezone)
        self.span = periods.seconds(period, self.zone)
        self.until, self.since = self.book.collected_until(), self.book.collected_since()
        self.is_collected = self.since is not None and (self.until is None or self.until > self.span[0])
        self.end = min(self.span[1], now if self.until is None else self.until)

    # --- the form ----------------------------------------------------------------------------------------------------

    def form(self) -> dict[str, Any] | None:
        """The official form where it was imported, else what is counted, else iGate's statistics."""
        start, end = self.period.start, self.period.end
        notes: Sequence[str] = ()
        if kept := self.book.form(start, end, Source.OFFICIAL):
            made, version = kept.form, kept.version
        elif kept := self.book.form(start, end, Source.DOSSIERS):
            made, version, notes = kept.form, kept.version, self._changed_since(kept.form)
        elif self.is_collected:
            made, version, notes = self._counted(), None, self.notes()
        elif kept := self.book.form(start, end, Source.STATISTICS):
            made, version = kept.form, kept.version
            if kept.made_at < self.span[1]:
                notes = [f"thống kê của iGate lấy lúc {words.moment(kept.made_at, self.zone)}, khi kỳ chưa kết thúc"]
        else:
            return None
        whole = made.total or made.sum
        return {
            "source": made.source.value,
            "version": version,
            "rows": [{"name": row.name, **row.counts._asdict()} for row in made.rows if row.name != TOTAL],
            "total": whole._asdict(),
            "violations": [violation.vi for violation in self._violations(made)],
            "notes": list(notes),
        }

    def _counted(self) -> Form:
        counts, period = self.book.counts(self.span[0], self.end), self.period
        return counting.form_of(counts, period.start, period.end, self.book.units(), self.book.names(), By.UNIT)

    def _changed_since(self, closed: Form) -> list[str]:
        """A closed period keeps its figures and says where today's count is another one (figures, section 7)."""
        changed = counting.differences(closed, self._counted())
        return ["dữ liệu đầu vào đã thay đổi sau khi chốt: số đếm hôm nay khác số đã chốt"] if changed else []

    def notes(self) -> list[str]:
        """What is missing of the collected dossiers."""
        said = []
        if self.until is None:
            said.append("lần thu thập đầu tiên chưa xong, số liệu còn thiếu")
        elif self.until < self.span[1]:
            said.append(f"hồ sơ mới thu thập đến {words.moment(self.until, self.zone)}")
        if self.since is not None and self.since > self.span[0]:
            said.append(f"chỉ có hồ sơ thay đổi từ {words.moment(self.since, self.zone)}")
        elif self.since:
            said.append(f"hồ sơ tồn từ trước {words.moment(self.since, self.zone)} mà không thay đổi còn thiếu")
        return said

    def _violations(self, made: Form) -> list[Violation]:
        found = counting.violations(made)
        if before := self.book.form_before(made.start, made.source):
            found += counting.carried(before.form, made)
        return found

    # --- index 766 ---------------------------------------------------------------------------------------------------

    def index(self) -> dict[str, Any] | None:
        official = {
            component: score
            for (unit, component), score in self.book.scores(self.period.start, self.period.end).items()
            if unit == ""
        }
        formula = index766.in_force(kpis.our_formulas(), self.period.last)
        if formula is None or not (official or self.is_collected):
            return None
        scores = index766.scores(formula, kpis.own_estimates(self.store, self.span, self.zone, official), official)
        rows = [
            {
                "component": score.component.id,
                "name": score.component.name,
                "max": score.component.max,
                "numerator": score.own.numerator if score.own else None,
                "denominator": score.own.denominator if score.own else None,
                "estimate": index766.written(score.estimate),
                "official": index766.written(score.official),
                "note": score.note,
            }
            for score in scores
        ]
        given = index766.total(score.official for score in scores)
        estimated = index766.total(score.estimate for score in scores)
        return {
            "formula": formula.version,
            "max": formula.max,
            "rows": rows,
            "estimate": index766.written(estimated),
            "official": index766.written(given),
            "class": None if given is None else index766.class_of(given),
        }

    # --- the portal --------------------------------------------------------------------------------------------------

    def reconciled(self) -> dict[str, int] | None:
        if not self.book.answers(*self.span):
            return None
        found, told, igate = kpis.synchronised_of(self.book, self.span, self.zone)
        return {"igate": igate, "found": found, "missing": told - found, "told": told}

    # --- outages -----------------------------------------------------------------------------------------------------

    def impact(self) -> list[dict[str, Any]] | None:
        """What the longest incidents touched; None where no dossiers are known, or which days are working days."""
        if self.until is None or STATE_CALENDAR not in self.catalogue.calendars:
            return None
        records = [
            r
            for r in self.store.incidents.list(*self.span)
            if r.kind in ("outage", "reported") and r.state != "withdrawn"
        ]
        longest = sorted(records, key=lambda r: (-r.down_seconds, r.id))[:TOUCHED_INCIDENTS]
        chosen = {r.id for r in longest}
        try:
            return [{"incident": r.id, "system": r.system, **self._impact(r)} for r in records if r.id in chosen]
        except calendars.UnknownYear:
            return None

    def _impact(self, record: IncidentRecord) -> dict[str, Any]:
        assert self.until is not None, "asked only where dossiers are known"
        found = kpis.impact(self.catalogue, self.store, record, self.now, self.until)
        return {
            "received": found.received,
            "expected": None if found.expected is None else str(found.expected),
            "due": len(found.due),
            "overdue": len(found.overdue),
            "supplements": len(found.supplements),
        }

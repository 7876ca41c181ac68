"""What a report is made from: read once from the store, and kept with the report as JSON.

The figures are those that the period was closed with; of one that is not closed they are counted now, which makes a
draft. Everything else (incidents, errors, seals, dossiers) is read at the same time. Whoever has the facts can make
the same report again, whatever becomes of the store.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from monitor import figures as counting
from monitor import periods, scorecards
from monitor.availability import Outage, Stretch, clip
from monitor.calendars import UnknownYear
from monitor.catalogue import STATE_CALENDAR, Catalogue, Letterhead, Name
from monitor.figures import Account
from monitor.incident_rules import (
    FactKind,
    IncidentKind,
    IncidentRules,
    IncidentState,
    Tally,
)
from monitor.incidents import Clocks, Incident
from monitor.judge import timeline
from monitor.model import CONTROL_SYSTEM, State, Verdict, verdict_of
from monitor.periods import Kind, Period
from monitor.report.model import ReportError
from monitor.spans import Span, intersect, length, subtract, union
from monitor.store import Store
from monitor.store.incidents import IncidentRecord
from monitor.terms import contract_at, terms_at

DAY = 86_400
HOUR = 3600
LATE = 5
"""A slot starts at most so many seconds late: its due instant may lie that far before an incident."""

IGATE = "igate"
"""The connector of the dossier software."""

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many steps of how many are done."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Values as JSON holds them: seconds since the epoch, days as YYYY-MM-DD, names as {"vi", "en"}.

    `closed` is the version of the period, None of a draft. `figures` are `counting.frozen`'s. `history` holds figures
    of other closed periods alone: a report compares with nothing that may still change.
    """

    period: dict[str, str]
    zone: str
    province: dict[str, str]
    simulated: bool
    as_of: int
    span: list[int]
    closed: dict[str, Any] | None
    figures: dict[str, Any]
    names: dict[str, dict[str, dict[str, str]]]
    systems: dict[str, dict[str, Any]]
    contracts: dict[str, dict[str, Any]]
    exclusions: dict[str, dict[str, int]]
    history: dict[str, Any]
    errors: dict[str, Any]
    heat: dict[str, Any]
    incidents: list[dict[str, Any]]
    tallies: dict[str, Any]
    months: list[dict[str, Any]]
    windows: list[dict[str, Any]]
    monitor: dict[str, Any]
    evidence: dict[str, Any]
    method: dict[str, Any]
    dossiers: dict[str, Any]
    head: dict[str, Any]

    @property
    def text(self) -> str:
        """JSON, in the order of the catalogue."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @property
    def digest(self) -> str:
        """SHA-256 of all but the instant of reading: equal facts make equal reports."""
        return hashlib.sha256(counting.canonical({**asdict(self), "as_of": 0}).encode()).hexdigest()

    @classmethod
    def of(cls, text: str) -> Facts:
        """From that JSON. Raises ReportError for facts that another program made."""
        try:
            return cls(**json.loads(text))
        except TypeError:
            said = "this version was made by another program, which alone can make it again"
            raise ReportError(said) from None

    @property
    def is_draft(self) -> bool:
        return self.closed is None

    @property
    def is_edited(self) -> bool:
        """Whether somebody changed the closed figures in the store: the same inputs give others."""
        return self.closed is not None and bool(self.closed.get("edited"))

    @property
    def chosen(self) -> Period:
        return periods.parse(self.period["name"], self.period["kind"])


def gather(
    catalogue: Catalogue,
    store: Store,
    period: Period,
    now: int,
    dossiers: Mapping[str, Any] | None = None,
    progress: Progress = lambda *_: None,
) -> Facts:
    """Read all that a report of a period says, as known at `now` (seconds).

    `dossiers` is what `report.dossiers.gather` has found. Raises ReportError for a period that has not begun.
    """
    zone = ZoneInfo(catalogue.province.timezone)
    span = periods.seconds(period, zone)
    if now <= span[0]:
        raise ReportError(f"{period.name} has not begun: its first day is {period.start}")
    reading = _Reading(catalogue, store, period, span, now, zone)
    parts: dict[str, Any] = {}
    steps = reading.steps()
    for done, (name, read) in enumerate(steps.items()):
        progress(done, len(steps))
        parts[name] = read()
    progress(len(steps), len(steps))
    facts = Facts(
        period={"kind": period.kind.value, "name": period.name},
        zone=catalogue.province.timezone,
        province=_named(catalogue.province.name),
        simulated=reading.frozen["simulated"] or bool((dossiers or {}).get("simulated")),
        as_of=now,
        span=list(span),
        closed=reading.closed_facts(),
        figures=reading.frozen,
        dossiers=dict(dossiers or {}),
        **parts,
    )
    return Facts.of(facts.text)  # what is kept is what is shown


def _named(name: Name) -> dict[str, str]:
    return {"vi": name.vi, "en": name.en}


class _Reading:
    """What several parts of the facts have in common."""

    def __init__(
        self, catalogue: Catalogue, store: Store, period: Period, span: Span, now: int, zone: ZoneInfo
    ) -> None:
        catalogue = store.terms.dated(catalogue, now)
        self.catalogue, self.store, self.period = catalogue, store, period
        self.span, self.now, self.zone = span, now, zone
        self.end = min(span[1], now)
        self.live = counting.read(catalogue, store, span, now, store.incidents.attributions())
        versions = store.periods.versions(period.kind, period.name)
        self.closed = versions[-1] if versions and versions[-1].reopened_at is None else None
        self.frozen: dict[str, Any] = json.loads(
            self.closed.figures if self.closed else counting.canonical(counting.frozen(self.live))
        )
        self.rules = IncidentRules(catalogue)

    def steps(self) -> dict[str, Callable[[], Any]]:
        """The parts, each with how it is read, in the order in which they need one another."""
        return {
            "names": self._names,
            "systems": self._systems,
            "contracts": self._contracts,
            "exclusions": self._exclusions,
            "history": self._history,
            "errors": self._errors,
            "heat": self._heat,
            "incidents": self._incidents,
            "tallies": self._tallies,
            "months": self._months,
            "windows": self._windows,
            "monitor": self._monitor,
            "evidence": self._evidence,
            "method": self._method,
            "head": self._head,
        }

    # --- what the catalogue says -------------------------------------------------------------------------------------

    def closed_facts(self) -> dict[str, Any] | None:
        if self.closed is None:
            return None
        kept = asdict(self.closed)
        named = {name: kept[name] for name in ("version", "closed_at", "closed_by", "reason", "inputs")}
        changed = self.closed.inputs != self.live.digest
        edited = not changed and not counting.is_as_counted(self.frozen, self.live)
        return {**named, "changed_since": changed, "edited": edited}

    def _names(self) -> dict[str, dict[str, dict[str, str]]]:
        """Names as they were when the period was closed; what has left the catalogue has no English one."""
        systems = {key: _named(spec.name) for key, spec in self.catalogue.systems.items()}
        parties = {key: _named(spec.name) for key, spec in self.catalogue.parties.items()}
        for known, kept in ((systems, self.frozen["systems"]), (parties, self.frozen["parties"])):
            for key, vi in kept.items():
                known[key] = {"vi": vi, "en": known[key]["en"] if key in known else vi}
        locations = {key: _named(spec.name) for key, spec in self.catalogue.locations.items()}
        return {"systems": systems, "parties": parties, "locations": locations}

    def _systems(self) -> dict[str, dict[str, Any]]:
        made = {}
        for system, spec in self.catalogue.systems.items():
            terms = terms_at(self.catalogue, system, self.end - 1)
            promised = self._held_against.get(system, self.catalogue.objective(system))
            made[system] = {
                "party": terms.party,
                "contract": terms.contract,
                "criticality": terms.criticality,
                "connector": spec.connector,
                "calendar": spec.calendar or STATE_CALENDAR,
                "objective": str(promised) if promised else None,
                "valid_from": str(spec.valid_from) if spec.valid_from else None,
                "valid_to": str(spec.valid_to) if spec.valid_to else None,
                "checks": len(terms.checks),
            }
        return made

    @cached_property
    def _held_against(self) -> dict[str, Fraction]:
        """What each system was held against in the period."""
        return {system.system: system.commitment.sla.objective for system in self.live.systems if system.commitment}

    def _contracts(self) -> dict[str, dict[str, Any]]:
        known = dict.fromkeys([*self.catalogue.contracts, *self.catalogue.past.contracts])
        stood = {key: contract_at(self.catalogue, key, self.end - 1) for key in known}
        return {
            key: {
                "party": spec.party,
                "name": _named(spec.name),
                "number": spec.number,
                "objective": str(spec.objective) if spec.objective else None,
                "notice_days": spec.maintenance_notice_days,
                "calendar": spec.calendar or STATE_CALENDAR,
                "terms": {
                    level: {"response": promise.response, "fix": promise.fix, "clock": promise.clock}
                    for level, promise in spec.terms.items()
                },
            }
            for key, spec in stood.items()
        }

    def _exclusions(self) -> dict[str, dict[str, int]]:
        made = {}
        for system in self.live.systems:
            seconds: dict[str, int] = {}
            for account in system.accounts:
                if isinstance(account, Account):
                    counted = account.figure
                    seconds["maintenance"] = seconds.get("maintenance", 0) + counted.maintenance_seconds
                    seconds["other_party"] = seconds.get("other_party", 0) + counted.other_party_seconds
                    seconds["outside_hours"] = seconds.get("outside_hours", 0) + counted.outside_hours_seconds
            made[system.system] = seconds
        return made

    def _head(self) -> dict[str, Any]:
        day = datetime.fromtimestamp(self.closed.closed_at if self.closed else self.now, self.zone).date()
        chosen = letterhead(self.catalogue.report.letterheads, day)
        return {
            "known": chosen is not None,
            "year": day.year,
            **(json.loads(chosen.model_dump_json(exclude={"valid_from", "valid_to"})) if chosen else {}),
        }

    def _method(self) -> dict[str, Any]:
        groups: Counter[tuple[float, float, int, int, float]] = Counter()
        for system, spec in self.catalogue.systems.items():
            if system in self.live.spans:
                for check in spec.checks:
                    if known := self.catalogue.settings(system, check):
                        s = known
                        groups[s.interval, s.timeout, s.confirm_down, s.confirm_up, s.spacing] += 1
        names = {self.catalogue.systems[s].calendar or STATE_CALENDAR for s in self.live.spans}
        names |= {contract.calendar or STATE_CALENDAR for contract in self.catalogue.contracts.values()}
        return {
            "rules": counting.RULES,
            "catalogue": self.catalogue.hash,
            "policies": [_policy(values, checks) for values, checks in sorted(groups.items())],
            "calendars": {name: self._calendar(name) for name in sorted(names)},
        }

    def _calendar(self, name: str) -> dict[str, Any]:
        calendar = self.catalogue.calendars.get(name)
        years = range(self.period.start.year, self.period.last.year + 1)
        listed = calendar.years if calendar else {}
        days = [d for year in years if year in listed for d in listed[year].days]
        return {
            "hours": {day: [[shift.start, shift.end] for shift in shifts] for day, shifts in (calendar.hours.items())}
            if calendar
            else {},
            "years": {str(year): listed[year].confirmed if year in listed else None for year in years},
            "days": [
                {"date": str(d.date), "kind": d.kind, "name": _named(d.name)}
                for d in sorted(days, key=lambda d: d.date)
                if self.period.start <= d.date < self.period.end
            ],
        }

    # --- other periods -----------------------------------------------------------------------------------------------

    def _history(self) -> dict[str, Any]:
        kind = self.period.kind
        months = [periods.parse(name, Kind.CALENDAR if kind is Kind.CUSTOM else kind) for name in self._month_names()]
        return {
            "previous": self._closed_rows(periods.previous(self.period)),
            "year_before": self._closed_rows(periods.year_before(self.period)),
            "months": [{"name": month.name, "figures": (self._closed_rows(month) or {}).get("figures")}
                       for month in months],
        }  # fmt: skip

    def _month_names(self) -> list[str]:
        """The 12 months up to the last one of the period."""
        last = self.period.last.year * 12 + self.period.last.month - 1
        return [f"{month // 12}-{month % 12 + 1:02d}" for month in range(last - 11, last + 1)]

    def _closed_rows(self, period: Period) -> dict[str, Any] | None:
        """Figures of systems in another period, if it was closed: [down, observed, set] seconds, null if refused."""
        if (period.kind, period.name) == (self.period.kind, self.period.name):
            rows: Iterable[Mapping[str, Any]] = self.frozen["rows"]
        else:
            versions = self.store.periods.versions(period.kind, period.name)
            if not versions:
                return None
            rows = json.loads(versions[-1].figures)["rows"]
        found: dict[str, dict[str, Any]] = {}
        for row in rows:
            if row["check"] is None:
                seconds = [row["down_seconds"], row["observed_seconds"], row["set_seconds"]]
                found.setdefault(row["system"], {})[row["figure"]] = None if seconds[0] is None else seconds
        return {"name": period.name, "kind": period.kind.value, "figures": found}

    # --- errors ------------------------------------------------------------------------------------------------------

    def _errors(self) -> dict[str, Any]:
        """Failed first tries by step, reason and hour of the day; in iGate also beside the confirmed outages."""
        hours, igate, cache = [0] * 24, dict[str, dict[str, Any]](), dict[int, int]()
        specs = self.catalogue.systems
        for (system, check, _), counts in self.store.reasons(self.span[0], self.end).items():
            if system not in self.live.spans or check not in specs[system].checks:
                continue
            failed = [c for c in counts if verdict_of(c.reason) is Verdict.DOWN]
            for count in failed:
                hours[self._hour(count.hour, cache)] += count.tries
            if specs[system].connector == IGATE and failed:
                kept = igate.setdefault(system, _no_errors())
                down = self._down_hours(system, check)
                for count in failed:
                    _add(kept["steps"], count.step or "", count.tries)
                    _add(kept["reasons"], count.reason, count.tries)
                    kept["hours"][self._hour(count.hour, cache)] += count.tries
                    kept["confirmed" if count.hour in down else "unconfirmed"] += count.tries
        for system in self.live.spans:
            if specs[system].connector == IGATE:
                igate.setdefault(system, _no_errors())
        checks = [
            {
                "system": system,
                "check": check,
                "location": location,
                "conclusive": tries.conclusive,
                "failed": sum(tries.failed.values()),
                "rechecks": tries.rechecks,
            }
            for (system, check, location), tries in sorted(self.live.tries.items())
            if system in self.live.spans
        ]
        return {"hours": hours, "igate": igate, "checks": checks}

    def _hour(self, at: int, cache: dict[int, int]) -> int:
        if at not in cache:
            cache[at] = datetime.fromtimestamp(at, self.zone).hour
        return cache[at]

    def _down_hours(self, system: str, check: str) -> set[int]:
        """The hours in which a check has confirmed down seconds."""
        line = self.live.lines.checks.get((system, check), ())
        return {
            hour
            for piece in line
            if piece.state is State.DOWN
            for hour in range(piece.start // HOUR * HOUR, piece.end, HOUR)
        }

    # --- the picture of the period -----------------------------------------------------------------------------------

    def _heat(self) -> dict[str, Any]:
        """Down and observed seconds of all systems, hour by hour; of more than 31 days by weekday."""
        start, count = self.span[0], (self.span[1] - self.span[0] + HOUR - 1) // HOUR
        down, observed = [0] * count, [0] * count
        for span, number in Counter(self.live.spans.values()).items():
            _spread(observed, start, *span, number)
        for system, span in self.live.spans.items():
            for piece in clip(self.live.lines.systems[system], *span):
                if piece.state is State.DOWN:
                    _spread(down, start, piece.start, piece.end, 1)
                elif piece.state is State.NO_DATA:
                    _spread(observed, start, piece.start, piece.end, -1)
        by_day = (self.period.end - self.period.start).days <= 31
        rows: dict[str, dict[str, Any]] = {}
        for number in range(count):
            at = datetime.fromtimestamp(start + number * HOUR, self.zone)
            label = str(at.date()) if by_day else str(at.weekday())
            row = rows.setdefault(label, {"label": label, "down": [0] * 24, "observed": [0] * 24})
            row["down"][at.hour] += down[number]
            row["observed"][at.hour] += observed[number]
        return {"by": "day" if by_day else "weekday", "rows": [rows[label] for label in sorted(rows)]}

    # --- incidents ---------------------------------------------------------------------------------------------------

    def _incidents(self) -> list[dict[str, Any]]:
        seen = self.store.incidents.current(self.rules, self.now)
        records = [r for r in self._records(*self.span) if r.start < self.end]
        clocks = self.store.incidents.clocks_of(records)
        self._imported = scorecards.brought_in(self.catalogue, self.store, records, self.now)
        offices = {system.system: system.office for system in self.live.systems}
        return [self._incident(r, clocks[r.id], seen.get(r.id), offices.get(r.system)) for r in records]

    def _records(self, start: int, end: int) -> list[IncidentRecord]:
        return [r for r in self.store.incidents.list(start, end) if r.state is not IncidentState.WITHDRAWN]

    def _incident(self, r: IncidentRecord, clocks: Clocks, seen: Incident | None, office: Any) -> dict[str, Any]:
        made: dict[str, Any] = {
            "id": r.id,
            "kind": r.kind.value,
            "system": r.system,
            "location": r.location,
            "state": r.state.value,
            "severity": r.severity.value,
            "start": r.start,
            "end": r.end,
            "seconds": seen.seconds if seen else r.down_seconds,
            "in_period": self.span[0] <= r.start < self.span[1],
            "party": r.party,
            "root": r.root,
            "reason": r.reason.value if r.reason else None,
            "step": r.step,
            "clocks": {name: getattr(clocks, name) for name in _CLOCKS},
        }
        if r.kind is IncidentKind.OUTAGE:
            made |= self._down(r, office)
            imported = r.id in self._imported
            made |= {"terms": None, "breaches": None, "imported": True} if imported else self._promised(r, clocks)
        if clocks.vendor_answered is not None:
            answers = [f for f in self.store.incidents.facts(r.id) if f.kind is FactKind.VENDOR_ANSWERED]
            made["claims"] = {
                name: answers[-1].value.get(f"claims_{name}") if answers else None for name in ("start", "end")
            }
        return made

    def _down(self, r: IncidentRecord, office: Any) -> dict[str, Any]:
        """Its own down seconds in the period, and how many of them lie in service hours (None: not countable)."""
        span = self.live.spans.get(r.system)
        if span is None:
            return {"down": None, "office": None}
        end = self.now if r.end is None else r.end
        pieces = [
            (max(s.start, span[0]), min(s.end, span[1]))
            for s in self._own(r.system)
            if s.start < end and r.start < s.end
        ]
        inside = [(a, b) for a, b in pieces if a < b]
        hours = sum(office.basis.kept(a, b) for a, b in inside) if isinstance(office, Account) else None
        return {"down": length(union(inside)), "office": hours}

    def _own(self, system: str) -> Iterator[Stretch]:
        found: Sequence[Outage] = self.live.outages.get(system, ())
        return (stretch for outage in found for stretch in outage.own)

    def _promised(self, r: IncidentRecord, clocks: Clocks) -> dict[str, Any]:
        terms = self.rules.terms(r.system, r.severity, r.start)
        at = self.now if r.end is None else max(r.end, min(self.now, clocks.vendor_answered or r.end))
        try:
            broken = self.rules.breaches(r.system, r.severity, clocks, r.party, at)
        except UnknownYear as error:
            return {"terms": None, "breaches": None, "refused": error.vi}
        named = {"respond": terms.respond, "restore": terms.restore, "hours": terms.working_hours} if terms else None
        contract = self.rules.contract(r.system, r.start)
        return {
            "terms": named if contract and contract.party == r.party else None,
            "breaches": [{"term": b.term.value, "allowed": b.allowed, "elapsed": b.elapsed} for b in broken],
        }

    def _tallies(self) -> dict[str, Any]:
        available = {
            row["system"]: row["observed_seconds"] - row["down_seconds"]
            for row in self.frozen["rows"]
            if row["check"] is None and row["figure"] == "raw"
        }
        card = scorecards.scorecard(self.catalogue, self.store, self.span, available, self.now)
        return {
            "systems": {system: _tally(tally) for system, tally in card.systems.items()},
            "parties": {party: _tally(tally) for party, tally in card.parties.items()},
            "all": _tally(card.all),
            "left_out": card.left_out,
        }

    def _months(self) -> list[dict[str, Any]]:
        """Incidents by party that began in each of the 12 months up to the period's end, days of the province.

        Those that rest on imported outcomes are left out, as in the tallies. `watched`: it did not end before the
        first outcome that is known.
        """
        kind = Kind.CALENDAR if self.period.kind is Kind.CUSTOM else self.period.kind
        spans = {name: periods.seconds(periods.parse(name, kind), self.zone) for name in self._month_names()}
        first, last = min(s for s, _ in spans.values()), max(e for _, e in spans.values())
        records = scorecards.outages(self.store, first, min(last, self.now))
        imported = scorecards.brought_in(self.catalogue, self.store, records, self.now)
        records = [r for r in records if r.id not in imported]
        since = self.store.periods.first_hour()
        made = []
        for name, (start, end) in spans.items():
            parties: dict[str, list[int]] = {}
            for r in records:
                if start <= r.start < end:
                    kept = parties.setdefault(r.party or "", [0, 0])
                    kept[0] += 1
                    kept[1] += r.down_seconds
            made.append({"name": name, "parties": parties, "watched": since is not None and since < end})
        return made

    def _windows(self) -> list[dict[str, Any]]:
        made = []
        for announced in self.store.maintenance.announcements(*self.span):
            window = announced.window
            if not window.systems & self.live.spans.keys():
                continue
            said = counting.rulings(self.catalogue, window)
            made.append(
                {
                    "title": announced.title,
                    "systems": sorted(window.systems),
                    "start": window.start,
                    "end": window.end,
                    "notice_at": window.notice_at,
                    "rulings": {
                        name: {"valid": None, "vi": ruling, "en": ruling}
                        if isinstance(ruling, str)
                        else {"valid": ruling.valid, "vi": ruling.vi, "en": ruling.en}
                        for name, ruling in said.items()
                    },
                }
            )
        return sorted(made, key=lambda w: (w["start"], w["title"]))

    # --- the monitor itself ------------------------------------------------------------------------------------------

    def _monitor(self) -> dict[str, Any]:
        """Where and how long it saw nothing: blind (all controls down), and silent (no control said anything)."""
        start, end = self.span[0], self.end
        blind = self.store.blind(start, end)
        places = {}
        for place, spec in self.catalogue.locations.items():
            pieces = union(
                (max(start, b.start), min(end, end if b.end is None else b.end)) for b in blind.get(place, ())
            )
            silent: list[Span] = [(start, end)]
            for control in spec.controls:
                told = self.live.lines.boundaries.get((CONTROL_SYSTEM, control.id, place), ())
                quiet = [(i.start, i.end) for i in timeline(told, None, start, end, end) if i.state is State.NO_DATA]
                silent = intersect(silent, quiet)
            silent = subtract(silent, pieces)
            places[place] = {
                "seconds": end - start,
                "blind": [list(p) for p in pieces if p[0] < p[1]],
                "silent": [list(p) for p in silent],
            }
        return {"locations": places}

    # --- evidence ----------------------------------------------------------------------------------------------------

    def _evidence(self) -> dict[str, Any]:
        book = self.store.evidence
        kept = {}
        for r in self._records(*self.span):
            if r.kind is IncidentKind.OUTAGE and r.start < self.end:
                until = self.now if r.end is None else r.end
                digests = [e.digest for e in book.of_tries(r.system, (r.start - LATE) * 1000, until * 1000)]
                whole = hashlib.sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()
                kept[str(r.id)] = {"number": len(digests), "digest": whole if digests else None}
        days = [datetime.fromtimestamp(at, ZoneInfo("UTC")).date() for at in (self.span[0], self.end - 1)]
        chain = [s for s in book.seals() if days[0] <= s.day <= days[1]]
        return {
            "incidents": kept,
            "seals": [{"day": str(s.day), "digest": s.digest, "outcomes": s.outcomes, "evidence": s.evidence}
                      for s in chain],
            "days": [str(days[0]), str(days[1])],
        }  # fmt: skip


_CLOCKS = ("detected", "acknowledged", "vendor_notified", "vendor_answered", "restored", "closed")


def letterhead(known: Iterable[Letterhead], day: date) -> Letterhead | None:
    """The letterhead of a day; of several that are valid the last one in the file."""
    valid = [
        one
        for one in known
        if (one.valid_from is None or one.valid_from <= day) and (one.valid_to is None or day < one.valid_to)
    ]
    return valid[-1] if valid else None


def _policy(values: tuple[float, float, int, int, float], checks: int) -> dict[str, Any]:
    """Settings by which checks are judged; the id is theirs alone, so that two reports can be compared."""
    names = ("interval", "timeout", "confirm_down", "confirm_up", "spacing")
    settings = dict(zip(names, values, strict=True))
    return {"id": hashlib.sha256(counting.canonical(settings).encode()).hexdigest()[:8], **settings, "checks": checks}


def _no_errors() -> dict[str, Any]:
    return {"steps": {}, "reasons": {}, "hours": [0] * 24, "confirmed": 0, "unconfirmed": 0}


def _add(counts: dict[str, int], key: str, number: int) -> None:
    counts[key] = counts.get(key, 0) + number


def _spread(hours: list[int], origin: int, start: int, end: int, weight: int) -> None:
    """Add the seconds of [start, end) to the hours that they lie in, counted from `origin`."""
    at = start
    while at < end:
        number = (at - origin) // HOUR
        until = min(end, origin + (number + 1) * HOUR)
        hours[number] += weight * (until - at)
        at = until


def _tally(tally: Tally) -> dict[str, Any]:
    """Mean times as exact fractions in text, null without any."""
    return {
        "number": tally.number,
        "seconds": tally.seconds,
        "mtta": None if tally.mtta is None else str(tally.mtta),
        "mttr": None if tally.mttr is None else str(tally.mttr),
        "mtbf": None if tally.mtbf is None else str(tally.mtbf),
        "repeats": {str(days): count for days, count in tally.repeats.items()},
    }

"""The incidents that begin in a period, counted by system, by party and together: the same for command and report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from monitor.catalogue import Catalogue
from monitor.figures import Told, rest_on_imports
from monitor.incident_rules import (
    REPEAT_DAYS,
    IncidentKind,
    IncidentRules,
    IncidentState,
    Tally,
    tallies,
    together,
)
from monitor.incidents import Clocks, Incident
from monitor.spans import Span
from monitor.store import Store
from monitor.store.incidents import IncidentRecord

DAY = 86_400
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Tallies of measured outages. `left_out`: those that begin in the period and rest on imported outcomes."""

    systems: Mapping[str, Tally]
    parties: Mapping[str, Tally]
    all: Tally
    left_out: int


def scorecard(catalogue: Catalogue, store: Store, period: Span, available: Mapping[str, int], now: int) -> Scorecard:
    """Of a period, as known at `now`. `available` are the available seconds of the raw figure of each system.

    A party has those of the systems that are its own by the catalogue; one with neither systems nor incidents is left
    out. Raises StoreError.
    """
    counted, left_out = _counted(catalogue, store, period, now)
    by_party: dict[str, int | None] = dict.fromkeys([*catalogue.parties, *(i.party for i, _ in counted)])
    for system, seconds in available.items():
        if system in catalogue.systems:
            party = catalogue.systems[system].party
            by_party[party] = (by_party[party] or 0) + seconds
    of_systems = defaultdict[str, list[tuple[Incident, Clocks]]](list)
    for one in counted:
        of_systems[one[0].system].append(one)
    systems = {
        system: tallies(of_systems[system], period, {system: seconds}, lambda i: i.system)[system]
        for system, seconds in available.items()
    }
    parties = tallies(counted, period, by_party, lambda i: i.party)
    whole = tallies(counted, period, {_ALL: sum(available.values())}, lambda _: _ALL)[_ALL]
    owners = {spec.party for spec in catalogue.systems.values()}
    shown = {party: tally for party, tally in parties.items() if tally.number or party in owners}
    return Scorecard(systems, shown, together(whole, systems.values()), left_out)


def brought_in(catalogue: Catalogue, store: Store, records: Iterable[IncidentRecord], now: int) -> set[int]:
    """Which of these incidents are outages that rest on imported outcomes (figures.rest_on_imports), by their ids."""
    told = {r.id: Told(r.system, r.start, r.end) for r in records if r.kind is IncidentKind.OUTAGE}
    return rest_on_imports(catalogue, store, told, now)


def outages(store: Store, start: int, end: int) -> list[IncidentRecord]:
    """The outages that overlap [start, end) and were not withdrawn."""
    known = store.incidents.list(start, end)
    return [r for r in known if r.kind is IncidentKind.OUTAGE and r.state is not IncidentState.WITHDRAWN]


def _counted(catalogue: Catalogue, store: Store, period: Span, now: int) -> tuple[list[tuple[Incident, Clocks]], int]:
    """Measured outages that begin in the period or in the days before that matter to repeats; how many are left out."""
    records = outages(store, period[0] - max(REPEAT_DAYS) * DAY, period[1])
    imported = brought_in(catalogue, store, records, now)
    left_out = sum(r.id in imported and period[0] <= r.start < period[1] for r in records)
    measured = [r for r in records if r.id not in imported]
    clocks = store.incidents.clocks_of(measured)
    going_on = store.incidents.current(IncidentRules(catalogue), now)
    seconds = {id_: incident.seconds for id_, incident in going_on.items()}
    counted = [(r._replace(down_seconds=seconds.get(r.id, r.down_seconds)).incident, clocks[r.id]) for r in measured]
    return counted, left_out

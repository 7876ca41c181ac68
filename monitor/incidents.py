"""From outages to incidents, and their clocks: docs/figures.md, section 7.

Pure. An incident is derived from outages and can be made again at any time; what people did about it are facts. Both
meet in `reconcile`: an incident found again keeps the id under which it is stored. Instants are whole seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple, TypeVar

from monitor.availability import Outage, Timeline, duration_up, ratio
from monitor.model import Reason, State
from monitor.spans import Span, intersect, length, union

REOPEN = 600
"""An outage that starts at most this many seconds after the end of an incident reopens it."""

DAY = 86_400


class Affected(NamedTuple):
    """A system that was unreachable through the incident's: its first and its last such second, and how many."""

    system: str
    start: int
    end: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Incident:
    """Outages of one system that are its own, each at most `REOPEN` after the one before.

    `start` is where the first of them became the system's own; the part before is a parent's, and the system is listed
    there among the `affected`. `end` is that of the last down second, so far if it is `ongoing`.
    """

    system: str
    start: int
    end: int
    ongoing: bool
    outages: tuple[Outage, ...]
    affected: tuple[Affected, ...] = ()

    @property
    def seconds(self) -> int:
        """Its own down seconds."""
        return sum(stretch.end - stretch.start for outage in self.outages for stretch in outage.own)

    @property
    def party(self) -> str:
        """The party of its first second."""
        return self.outages[0].own[0].party

    @property
    def reason(self) -> Reason | None:
        return self.outages[0].reason

    @property
    def step(self) -> str | None:
        return self.outages[0].step


def incidents(found: Mapping[str, Sequence[Outage]]) -> list[Incident]:
    """The incidents that the outages of all systems make, in order of start; each system's outages come in order."""
    affected: dict[tuple[str, int], list[Affected]] = {}
    for system, outages in found.items():
        for stretch in (stretch for outage in outages for stretch in outage.stretches if stretch.root != system):
            part = Affected(system, stretch.start, stretch.end, stretch.end - stretch.start)
            affected.setdefault((stretch.root, stretch.since), []).append(part)
    made = [
        _incident(system, parts, [a for part in parts for a in affected.get((system, part.start), ())])
        for system, outages in found.items()
        for parts in _reopened([outage for outage in outages if outage.own])
    ]
    return sorted(made, key=lambda i: (i.start, i.system))


def _reopened(outages: Sequence[Outage]) -> list[list[Outage]]:
    """Outages with a part of their own, put together where one reopens what the one before began."""
    groups: list[list[Outage]] = []
    for outage in outages:
        if groups and outage.own[0].start - groups[-1][-1].end <= REOPEN:
            groups[-1].append(outage)
        else:
            groups.append([outage])
    return groups


def _incident(system: str, outages: Sequence[Outage], parts: Iterable[Affected]) -> Incident:
    affected = [
        Affected(child, min(p.start for p in of), max(p.end for p in of), sum(p.seconds for p in of))
        for child, of in ((child, list(of)) for child, of in groupby(sorted(parts), key=lambda p: p.system))
    ]
    last = outages[-1]
    return Incident(system, outages[0].own[0].start, last.end, last.ongoing, tuple(outages), tuple(affected))


# --- found again ------------------------------------------------------------------------------------------------------


class Stored(NamedTuple):
    """An incident as it is stored; `end` None: it goes on. Of two ids the smaller is the older."""

    id: int
    system: str
    start: int
    end: int | None
    withdrawn: bool = False


class ChangeKind(StrEnum):
    OPENED = "opened"  # new; whether it is over already, the incident says
    MOVED = "moved"  # another start, or another end of what had ended
    REOPENED = "reopened"  # it had ended and goes on, or went on for a while
    RESTORED = "restored"  # it has ended
    REINSTATED = "reinstated"  # it had been withdrawn and is there after all
    WITHDRAWN = "withdrawn"  # nothing is left of it; it is kept


class Change(NamedTuple):
    """What is to be done. `id` None: the incident gets one; `into`: the id that has the time of a withdrawn one."""

    kind: ChangeKind
    id: int | None
    incident: Incident | None
    into: int | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The changes, and every stored incident that was found again, changed or not: its derived parts may differ."""

    changes: tuple[Change, ...]
    kept: Mapping[int, Incident] = field(default_factory=dict)


def reconcile(stored: Iterable[Stored], found: Iterable[Incident], since: int | None = None) -> Reconciliation:
    """Match the incidents that were made again with those that are stored: by overlap, within a system.

    In order of start each found one keeps the oldest id that it overlaps and that no earlier one has kept, the id of a
    withdrawn one only where there is no other. A stored one that is left is withdrawn, and points to the one that has
    taken its time, if any. Nothing is ever deleted; once the changes are stored, the same call says that there are
    none.

    `since` is the second in which the lines began from which `found` was made; None: they hold everything. Stored ones
    from before are left alone. Raises ValueError if one of them may reach into the lines: they have to begin earlier.
    """
    asked: dict[str, list[Stored]] = {}
    for one in stored:
        if since is None or one.start >= since:
            asked.setdefault(one.system, []).append(one)
        elif not one.withdrawn and (one.end is None or since - one.end <= REOPEN):
            raise ValueError(f"incident {one.id} may reach beyond the start of the lines")
    again: dict[str, list[Incident]] = {}
    for incident in found:
        again.setdefault(incident.system, []).append(incident)
    changes: list[Change] = []
    kept: dict[int, Incident] = {}
    for system in sorted(asked.keys() | again.keys()):
        changes += _matched(asked.get(system, []), again.get(system, []), kept)
    return Reconciliation(tuple(changes), kept)


def _matched(stored: Iterable[Stored], found: Iterable[Incident], kept: dict[int, Incident]) -> list[Change]:
    """The changes of one system; what is kept is added to `kept`."""
    candidates = sorted(stored, key=lambda s: (s.withdrawn, s.id))
    ids: list[tuple[int, Incident]] = []
    changes: list[Change] = []
    for incident in sorted(found, key=lambda i: i.start):
        match = next((s for s in candidates if s.id not in kept and _overlap(s, incident)), None)
        if match is None:
            changes.append(Change(ChangeKind.OPENED, None, incident))
            continue
        kept[match.id] = incident
        ids.append((match.id, incident))
        changes += [Change(kind, match.id, incident) for kind in _differences(match, incident)]
    for one in candidates:
        if one.id not in kept and not one.withdrawn:
            into = next((id_ for id_, incident in ids if _overlap(one, incident)), None)
            changes.append(Change(ChangeKind.WITHDRAWN, one.id, None, into))
    return changes


def _overlap(stored: Stored, found: Incident) -> bool:
    end = math.inf if stored.end is None else stored.end
    return stored.start < (math.inf if found.ongoing else found.end) and found.start < end


def _differences(stored: Stored, found: Incident) -> list[ChangeKind]:
    """What became of a stored incident, in the order in which it is told."""
    if stored.withdrawn:
        return [ChangeKind.REINSTATED]
    again = stored.end is not None and (found.ongoing or any(o.own[0].start >= stored.end for o in found.outages))
    over = not found.ongoing and (stored.end is None or again)
    moved = stored.start != found.start or not (again or over or stored.end in (None, found.end))
    told = ((ChangeKind.MOVED, moved), (ChangeKind.REOPENED, again), (ChangeKind.RESTORED, over))
    return [kind for kind, happened in told if happened]


# --- how bad ----------------------------------------------------------------------------------------------------------


class Severity(StrEnum):
    """From S1, the worst."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"


class Extent(StrEnum):
    """How much of a system fails."""

    WHOLE = "whole"  # all critical checks at once
    FUNCTION = "function"  # a critical check, while another one works
    REGIONAL = "regional"  # down somewhere, without the quorum: an advisory
    DEGRADED = "degraded"  # slow, or a check fails that is not critical


SEVERITIES: Mapping[tuple[str, Extent], Severity] = {
    ("high", Extent.WHOLE): Severity.S1,
    ("high", Extent.FUNCTION): Severity.S2,
    ("high", Extent.REGIONAL): Severity.S3,
    ("high", Extent.DEGRADED): Severity.S3,
    ("medium", Extent.WHOLE): Severity.S2,
    ("medium", Extent.FUNCTION): Severity.S3,
    ("medium", Extent.REGIONAL): Severity.S3,
    ("medium", Extent.DEGRADED): Severity.S4,
    ("low", Extent.WHOLE): Severity.S3,
    ("low", Extent.FUNCTION): Severity.S3,
    ("low", Extent.REGIONAL): Severity.S4,
    ("low", Extent.DEGRADED): Severity.S4,
}
"""By the criticality of the system; a contract may have a table of its own."""


def severity(criticality: str, extent: Extent, table: Mapping[tuple[str, Extent], Severity] = SEVERITIES) -> Severity:
    """The severity of what fails; raises KeyError where the table does not say."""
    return table[criticality, extent]


def extent_of(incident: Incident, critical: Sequence[Timeline]) -> Extent:
    """Whole if all critical checks of the system were down together in a second of the incident, else a function."""
    common = union((s.start, s.end) for outage in incident.outages for s in outage.own)
    for line in critical:
        common = intersect(common, union((i.start, i.end) for i in line if i.state is State.DOWN))
    return Extent.WHOLE if common else Extent.FUNCTION


# --- clocks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clocks:
    """When what happened in an incident; None: not yet. `started` and `restored` are measured, the others are facts."""

    started: int
    detected: int | None = None
    acknowledged: int | None = None
    vendor_notified: int | None = None
    vendor_answered: int | None = None
    restored: int | None = None
    closed: int | None = None


class ResponseFrom(StrEnum):
    """From where a contract counts the time to the vendor's answer."""

    DETECTED = "detected"
    VENDOR_NOTIFIED = "vendor_notified"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract promises for one severity, in seconds; None: nothing.

    `working_hours`: both are counted inside the working hours alone, else round the clock.
    """

    respond: int | None = None
    restore: int | None = None
    working_hours: bool = False
    response_from: ResponseFrom = ResponseFrom.DETECTED


class Term(StrEnum):
    RESPONSE = "response"
    RESTORATION = "restoration"


class Breach(NamedTuple):
    """A term that was not kept, in seconds on its clock."""

    term: Term
    allowed: int
    elapsed: int


def breaches(clocks: Clocks, terms: Terms, now: int, working: Sequence[Span] | None = None) -> list[Breach]:
    """The terms that an incident has broken as of `now`; one that is used up exactly is kept.

    The response runs from the instant that the contract names to the vendor's answer, or to the restoration where that
    comes first; while that instant is not known it does not run. The restoration runs from the start of the incident
    to its end, silence and reopenings included: elapsed time, not down seconds. What is not done yet runs to `now`.

    `working` are the working hours. Raises ValueError if the terms need them and they are not given.
    """
    if terms.working_hours and working is None:
        raise ValueError("these terms are counted in working hours, and none are given")
    known = union(working or ()) if terms.working_hours else None
    notified = terms.response_from is ResponseFrom.VENDOR_NOTIFIED
    answered = min((at for at in (clocks.vendor_answered, clocks.restored) if at is not None), default=now)
    fixed = now if clocks.restored is None else clocks.restored
    promised = (
        (Term.RESPONSE, terms.respond, clocks.vendor_notified if notified else clocks.detected, answered),
        (Term.RESTORATION, terms.restore, clocks.started, fixed),
    )
    broken: list[Breach] = []
    for term, allowed, start, end in promised:
        if allowed is not None and start is not None and (elapsed := _elapsed(start, end, known)) > allowed:
            broken.append(Breach(term, allowed, elapsed))
    return broken


def _elapsed(start: int, end: int, working: Sequence[Span] | None) -> int:
    """Seconds from one instant to another on a clock; 0 where they come in the other order."""
    if start >= end:
        return 0
    return end - start if working is None else length(intersect([(start, end)], working))


# --- means ------------------------------------------------------------------------------------------------------------

NONE = "không có"
"""What stands where there is nothing to take a mean of."""


def mtta(clocks: Iterable[Clocks]) -> Fraction | None:
    """Mean seconds from detection to acknowledgement, of the incidents that were acknowledged; None without any."""
    times = [
        max(0, c.acknowledged - c.detected) for c in clocks if c.acknowledged is not None and c.detected is not None
    ]
    return ratio(sum(times), len(times))


def mttr(counted: Iterable[Incident]) -> Fraction | None:
    """Mean down seconds of the incidents that start in a period, wherever they end; None without any.

    One that goes on has those so far: then it is a lower bound.
    """
    times = [incident.seconds for incident in counted]
    return ratio(sum(times), len(times))


def mtbf(available_seconds: int, number: int) -> Fraction | None:
    """Available seconds of the raw figure of a period by the number of incidents that start in it; None without any."""
    return ratio(available_seconds, number)


def mean_text(seconds: Fraction | None) -> str:
    """A mean time as people read it, rounded UP: "14 giờ 30 phút", "không có"."""
    return NONE if seconds is None else duration_up(seconds)


_Group = TypeVar("_Group", bound=Hashable)


def repeats(
    counted: Iterable[Incident], period: Span, days: int, group_of: Callable[[Incident], _Group]
) -> dict[_Group, int]:
    """How many incidents of each group that start in the period are repeats.

    A repeat starts at most `days` x 24 hours after the end of one of its group that comes before it in order of start.
    Groups are systems or parties; `counted` reaches back so many days before the period. A group without an incident in
    the period is not named.
    """
    number: dict[_Group, int] = {}
    ended: dict[_Group, int] = {}
    for incident in sorted(counted, key=lambda i: (i.start, i.system)):
        group = group_of(incident)
        if period[0] <= incident.start < period[1]:
            again = group in ended and incident.start - ended[group] <= days * DAY
            number[group] = number.get(group, 0) + again
        ended[group] = max(incident.end, ended.get(group, incident.end))
    return number

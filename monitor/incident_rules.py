"""What a catalogue makes of lines: outages, incidents, how bad they are, and what was promised about them.

Pure. A store gives lines and boundaries and gets incidents; it keeps them, and what people write about them. What they
may write is said here too, at the end.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from graphlib import TopologicalSorter
from typing import TypeAlias
from zoneinfo import ZoneInfo

from monitor import calendars
from monitor.availability import GOOD, Attribution, Outage, outages, quorum
from monitor.catalogue import STATE_CALENDAR, Catalogue, Contract
from monitor.incidents import (
    SEVERITIES,
    Breach,
    Clocks,
    Extent,
    Incident,
    ResponseFrom,
    Severity,
    Terms,
    breaches,
    extent_of,
    incidents,
    mtbf,
    mtta,
    mttr,
    repeats,
    severity,
)
from monitor.judge import Boundary, Line, timeline
from monitor.model import State
from monitor.spans import Span
from monitor.status import Key, Timelines, lifetime
from monitor.terms import bonds, contract_at, ever, keys_in, longest_reach, parents, terms_at

_FOREVER = 1 << 40


class IncidentKind(StrEnum):
    """What an incident is about."""

    OUTAGE = "outage"  # of a system, as it was measured
    BLIND = "blind"  # of the monitor at a location
    REPORTED = "reported"  # told by desk staff: what no probe sees; in no availability


class IncidentState(StrEnum):
    """Where an incident stands."""

    OPEN = "open"
    RESTORED = "restored"  # over, as measured
    CLOSED = "closed"  # over, and a person has said that nothing is left to do
    WITHDRAWN = "withdrawn"  # outcomes that came later say that it was none; kept


class FactKind(StrEnum):
    """What people wrote down about an incident."""

    ACKNOWLEDGED = "acknowledged"
    VENDOR_NOTIFIED = "vendor_notified"
    VENDOR_ANSWERED = "vendor_answered"
    NOTE = "note"
    ATTRIBUTED = "attributed"
    CLOSED = "closed"


# --- what the lines make ----------------------------------------------------------------------------------------------

Boundaries: TypeAlias = Mapping[Key, Sequence[Boundary]]
Lines: TypeAlias = Mapping[Key, Line]


@dataclass(frozen=True, slots=True)
class Found:
    """An incident as the lines make it, and how bad it is."""

    incident: Incident
    severity: Severity


@dataclass(frozen=True, slots=True)
class Made:
    """The outages and incidents of each system, in order of start; parents come before their children.

    `wakes`: of some systems the `now` from which on the mere passing of time may change them, though no line changes.
    """

    outages: Mapping[str, Sequence[Outage]]
    incidents: Mapping[str, Sequence[Found]]
    wakes: Mapping[str, int]


class IncidentRules:
    """Everything about incidents that a catalogue says."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._zone = ZoneInfo(catalogue.province.timezone)
        self._parents = parents(catalogue)
        parents_first = list(TopologicalSorter(self._parents).static_order())
        self._children_first = parents_first[::-1]
        self._children: dict[str, list[str]] = {system: [] for system in self._parents}
        self._depth: dict[str, int] = {}
        for system in parents_first:
            for parent in self._parents[system]:
                self._children[parent].append(system)
            self._depth[system] = 1 + max((self._depth[p] for p in self._parents[system]), default=-1)
        self._reach = {
            system: max(map(longest_reach, ever(catalogue, system)), default=0) for system in catalogue.systems
        }
        self._keys = {system: keys_in(catalogue, system) for system in catalogue.systems}
        self.reach = max((self.grace(c, p) for c, parents in self._parents.items() for p in parents), default=0)
        """The longest grace of any child and parent, in seconds."""

    def __contains__(self, system: str) -> bool:
        return system in self._parents

    @property
    def depth(self) -> int:
        """How many parents the longest chain of systems has above its last one."""
        return max(self._depth.values(), default=0)

    def affected(self, systems: Iterable[str]) -> set[str]:
        """These systems and all that are reached through them: whose incidents may change with theirs."""
        return self._closure(systems, self._children)

    def needed(self, systems: Iterable[str]) -> list[str]:
        """These systems and all through which they are reached, each before its parents."""
        wanted = self._closure(systems, self._parents)
        return [system for system in self._children_first if system in wanted]

    def children(self, system: str) -> Sequence[str]:
        """The systems that are reached through this one, directly."""
        return self._children[system]

    def parents(self, system: str) -> Sequence[str]:
        """The systems through which this one is reached, directly."""
        return self._parents[system]

    def keys(self, system: str) -> Sequence[Key]:
        """The lines that count for a system, or did."""
        return self._keys[system]

    def grace(self, child: str, parent: str) -> int:
        """The g of figures, section 4; the longest that there was, where terms have changed."""
        return max(self._reach[child], self._reach[parent])

    def turning(self, second: int) -> dict[str, int]:
        """When other terms come into force after a second: systems may change then though no line does."""
        rows = self.catalogue.past.systems.items()
        coming = {system: [at for at, _ in of[1:] if at > second] for system, of in rows}
        return {system: min(of) + 1 for system, of in coming.items() if of}

    def silence_matters(self, key: Key, line: Line) -> bool:
        """Whether an incident may begin or end because a line falls silent.

        It may where other locations then decide alone, where a parent that is down takes nothing any more, and where a
        doubt is cut: then what was good from its beginning on was not.
        """
        if key not in self._keys.get(key[0], ()):
            return False
        return line.state is State.DOWN or bool(line.run) or len(self.catalogue.locations_of(*key[:2])) > 1

    def is_cut(self, system: str, second: int, boundaries: Boundaries, lines: Lines, now: int) -> bool:
        """Whether an outage of the system may reach over this second: it is not seen to be good there.

        Checks of which nothing was known by then do not count: a check that is new in the catalogue does not make what
        was before it one long outage.
        """
        start, end = lifetime(self.catalogue, system, second, second + 1)
        if start == end:
            return False
        known = {key[1] for key in self._keys[system] if (told := boundaries.get(key)) and told[0].at <= second}
        for check, spec in terms_at(self.catalogue, system, second).checks.items():
            if spec.critical and check in known:
                keys = [(system, check, location) for location in spec.locations]
                # As known now: a doubt that silence has cut is none even where it began.
                places = [timeline(boundaries.get(k, ()), lines.get(k), second, second + 1, now) for k in keys]
                line = places[0] if len(places) == 1 else quorum(places, spec.quorum, second, second + 1)
                if line[0].state not in GOOD:
                    return True
        return False

    def make(
        self,
        starts: Mapping[str, int],
        boundaries: Boundaries,
        lines: Lines,
        now: int,
        decisions: Iterable[Attribution] = (),
    ) -> Made:
        """The outages and incidents of systems, each from a second in which no outage is cut (`is_cut`) up to `now`.

        Parents that are not among the systems take nothing. The boundaries of a line include the last one at or before
        its start.
        """
        starts = {system: starts[system] for system in reversed(self._children_first) if system in starts}
        views = {start: Timelines(self.catalogue, boundaries, lines, start, now) for start in set(starts.values())}
        found = outages(
            {system: views[start].system(system) for system, start in starts.items()},
            self._parents,
            self.grace,
            {system: self.catalogue.systems[system].party for system in starts},
            decisions,
            bonds(self.catalogue, self._parents, starts),
            now=now,
        )
        made: dict[str, list[Found]] = {system: [] for system in starts}
        for incident in incidents(found):
            view = views[starts[incident.system]]
            made[incident.system].append(Found(incident, self._severity(incident, view)))
        return Made(found, made, self._wakes(found, now))

    def _severity(self, incident: Incident, view: Timelines) -> Severity:
        checks = terms_at(self.catalogue, incident.system, incident.start).checks
        critical = [view.check(incident.system, check) for check, spec in checks.items() if spec.critical]
        return self.severity(incident.system, extent_of(incident, critical), incident.start)

    def _wakes(self, found: Mapping[str, Sequence[Outage]], now: int) -> dict[str, int]:
        """When a parent that is no longer down has taken its last second, or a system's life is over."""
        wakes: dict[str, int] = {}
        for system, of_system in found.items():
            if not of_system or not of_system[-1].ongoing:
                continue
            instants = [lifetime(self.catalogue, system, now, _FOREVER)[1] + 1]
            if of_system[-1].stretches[-1].root != system:
                parents = [parent for parent in self._parents[system] if found.get(parent)]
                instants.append(max(found[p][-1].end + self.grace(system, p) for p in parents) + 1)
            if (at := min(i for i in instants if i > now)) < _FOREVER:
                wakes[system] = at
        return wakes

    def _closure(self, systems: Iterable[str], edges: Mapping[str, Iterable[str]]) -> set[str]:
        waiting, found = list(systems), set[str]()
        while waiting:
            if (system := waiting.pop()) not in found:
                found.add(system)
                waiting.extend(edges[system])
        return found

    # --- how bad, and what was promised ------------------------------------------------------------------------------

    def severity(self, system: str, extent: Extent, at: int) -> Severity:
        """Of what begins at an instant (seconds): by the contract's own table where it has one, else by the usual."""
        spec = terms_at(self.catalogue, system, at)
        own = contract_at(self.catalogue, spec.contract, at).severities if spec.contract else {}
        table = dict(SEVERITIES)
        table |= {(str(c), Extent(e)): Severity(s) for c, row in own.items() for e, s in row.items()}
        return severity(spec.criticality, extent, table)

    def contract(self, system: str, at: int) -> Contract | None:
        """The contract in force for a system at an instant (seconds): its days are those of the province's zone."""
        name = terms_at(self.catalogue, system, at).contract if system in self else None
        if name is None:
            return None
        contract = contract_at(self.catalogue, name, at)
        day = datetime.fromtimestamp(at, self._zone).date()
        begun = contract.valid_from is None or contract.valid_from <= day
        return contract if begun and (contract.valid_to is None or day < contract.valid_to) else None

    def terms(self, system: str, level: Severity, at: int) -> Terms | None:
        """What is promised for an incident of a system that starts at an instant; None: nothing."""
        contract = self.contract(system, at)
        promise = contract.terms.get(level.value) if contract else None
        if promise is None:
            return None
        response, fix = (None if s is None else math.ceil(s) for s in (promise.response, promise.fix))
        return Terms(response, fix, promise.clock == "working_hours", ResponseFrom(promise.response_from))

    def breaches(self, system: str, level: Severity, clocks: Clocks, party: str | None, now: int) -> list[Breach]:
        """The terms that were broken as of `now`; none where nothing was promised, or another party is responsible.

        Raises calendars.UnknownYear where working hours are needed of a year that the calendar does not list.
        """
        contract, terms = self.contract(system, clocks.started), self.terms(system, level, clocks.started)
        if contract is None or terms is None or contract.party != party:
            return []
        return breaches(clocks, terms, now, self._working(contract, clocks, now) if terms.working_hours else None)

    def _working(self, contract: Contract, clocks: Clocks, now: int) -> list[Span]:
        """The working hours of the contract's calendar while some clock of the incident may run."""
        known = [at for at in (clocks.detected, clocks.vendor_notified) if at is not None]
        start, end = min([clocks.started, *known]), now if clocks.restored is None else clocks.restored
        return calendars.service_seconds(
            self.catalogue.calendars[contract.calendar or STATE_CALENDAR], self._zone, start, end
        )


# --- how many, how long -----------------------------------------------------------------------------------------------

REPEAT_DAYS = (7, 30)
"""Within how many days of the last one an incident is a repeat."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The incidents of a system, of a party or of all that start in a period (figures, section 7)."""

    number: int
    seconds: int  # down
    mtta: Fraction | None
    mttr: Fraction | None
    mtbf: Fraction | None
    repeats: Mapping[int, int]  # by REPEAT_DAYS


def tallies(
    counted: Sequence[tuple[Incident, Clocks]],
    period: Span,
    available: Mapping[str, int | None],
    group_of: Callable[[Incident], str],
) -> dict[str, Tally]:
    """By the groups of `available`, which has the available seconds of the period's raw figure of each.

    A party without systems has none (None), and no MTBF. `counted` reaches back so many days before the period as the
    longest of REPEAT_DAYS.
    """
    again = {days: repeats([i for i, _ in counted], period, days, group_of) for days in REPEAT_DAYS}
    made: dict[str, Tally] = {}
    for group, seconds in available.items():
        here = [(i, c) for i, c in counted if group_of(i) == group and period[0] <= i.start < period[1]]
        incidents_ = [i for i, _ in here]
        made[group] = Tally(
            len(here),
            sum(i.seconds for i in incidents_),
            mtta(c for _, c in here),
            mttr(incidents_),
            None if seconds is None else mtbf(seconds, len(here)),
            {days: found.get(group, 0) for days, found in again.items()},
        )
    return made


def together(of_all: Tally, groups: Iterable[Tally]) -> Tally:
    """The tally of all with the repeats of its groups added up: two systems that fail in turn repeat nothing."""
    added = Counter[int]()
    for tally in groups:
        added.update(tally.repeats)
    return replace(of_all, repeats={days: added[days] for days in REPEAT_DAYS})


# --- what may be written ----------------------------------------------------------------------------------------------

TEXT_LIMIT = 2000

_ACCOUNT = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,39}")
_DATES_AND_TIMES = re.compile(
    r"(?<!\d)(?:\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}|\d{1,2}:\d\d(?::\d\d)?)(?!\d)"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP_ADDRESS = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.])")
_DOSSIER_CODE = re.compile(r"(?<!\w)\d{3}(?:\.\d{2}){1,3}\.H\d{2}-\d{6}-\d{4,6}(?!\w)")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[ \t.()\u2010-\u2015-]{1,3}(?=\d)")  # however a number is grouped, it is one
_IDENTITY_NUMBER = re.compile(r"(?<!\d)(?:\d{12}|\d{9})(?!\d)")
_PHONE_NUMBER = re.compile(r"(?<!\d)(?:\+?84|0)\d{8,10}(?!\d)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


class BadText(ValueError):
    """A text that may not be written down; says why."""


def checked_text(text: str) -> str:
    """A free text without blanks around it. Raises BadText: it is empty, too long, or may name a person.

    It is scanned for what looks like an identity card's number (9 or 12 digits), a telephone number or an e-mail
    address; dates, times, IP addresses and codes of dossiers are none.
    """
    clean = unicodedata.normalize("NFC", text).strip()
    if not clean:
        raise BadText("the text is empty")
    if len(clean) > TEXT_LIMIT:
        raise BadText(f"the text has {len(clean)} characters; {TEXT_LIMIT} at most")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in clean):
        raise BadText("the text has control characters, or bytes that are no UTF-8")
    scanned = _DOSSIER_CODE.sub("x", unicodedata.normalize("NFKC", clean))
    scanned = _IP_ADDRESS.sub("x", _DATES_AND_TIMES.sub("x", scanned))
    if _EMAIL.search(scanned):
        raise BadText("the text has an e-mail address; leave personal data out")
    scanned = _BETWEEN_DIGITS.sub("", scanned)
    if _IDENTITY_NUMBER.search(scanned):
        raise BadText("the text has a number of 9 or 12 digits, as identity cards have; leave personal data out")
    if _PHONE_NUMBER.search(scanned):
        raise BadText("the text has what looks like a telephone number; leave personal data out")
    return clean


def checked_account(name: str) -> str:
    """The name of an account or a role, such as `truc_ban`. Raises BadText."""
    if not _ACCOUNT.fullmatch(name):
        raise BadText(
            f"{name!r} is no account: letters a-z, digits, '.', '_', '-', a letter first, 40 at most; no person's name"
        )
    return name

"""Terms of the catalogue, each from a second on: a second is judged by those in force in it (docs/figures.md).

Pure. Terms are what the line of a system, its root causes and its contract are made by: which checks are critical and
how many locations decide, on which systems it depends, who answers for it, what was promised. The catalogue holds those
of today; `Catalogue.past` holds what the store has recorded of others. A system that is not in it has never changed.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias, TypeVar

from monitor.availability import Bond
from monitor.catalogue import Catalogue, CheckTerms, Contract, Past, SystemTerms
from monitor.spans import Span

Key: TypeAlias = tuple[str, str, str]  # system, check, location

ALWAYS = 0
"""The first terms of a system or a contract hold from the beginning of time."""

FOREVER = 1 << 40
"""A second after all others."""


class Subject(StrEnum):
    """What terms are of."""

    SYSTEM = "system"
    CONTRACT = "contract"


class Recorded(NamedTuple):
    """Terms as they were recorded, in that order: they hold from `valid_from` (seconds) on, whatever was said before.

    `body` is canonical JSON (`bodies`).
    """

    subject: Subject
    id: str
    valid_from: int
    body: str


class Phase(NamedTuple):
    """Seconds [start, end) in which the terms of a system are the same."""

    start: int
    end: int
    terms: SystemTerms


# --- asked ------------------------------------------------------------------------------------------------------------


def phases(catalogue: Catalogue, system: str, start: int, end: int) -> list[Phase]:
    """The terms of a system in every second of [start, end), in order; none for an empty span."""
    if start >= end:
        return []
    rows = catalogue.past.systems.get(system)
    if rows is None:
        return [Phase(start, end, catalogue.terms(system))]
    return [Phase(*span, terms) for span, terms in _within(rows, start, end)]


def ever(catalogue: Catalogue, system: str) -> list[SystemTerms]:
    """All terms that a system has had, the oldest first."""
    rows = catalogue.past.systems.get(system)
    return [terms for _, terms in rows] if rows else [catalogue.terms(system)]


def terms_at(catalogue: Catalogue, system: str, second: int) -> SystemTerms:
    """The terms of a system in a second."""
    return phases(catalogue, system, second, second + 1)[0].terms


def checks_in(catalogue: Catalogue, system: str, start: int, end: int) -> list[str]:
    """The checks of a system that counted at some time in [start, end), in order."""
    return list(dict.fromkeys(check for phase in phases(catalogue, system, start, end) for check in phase.terms.checks))


def keys_in(catalogue: Catalogue, system: str, start: int = ALWAYS, end: int = FOREVER) -> list[Key]:
    """The lines of a system that counted at some time in [start, end): by default those that ever did."""
    return list(
        dict.fromkeys(
            (system, check, location)
            for phase in phases(catalogue, system, start, end)
            for check, terms in phase.terms.checks.items()
            for location in terms.locations
        )
    )


def contracts_in(catalogue: Catalogue, name: str, start: int, end: int) -> list[tuple[Span, Contract]]:
    """A contract as it stood in every second of [start, end), in order; whether it is valid then, its days say."""
    rows = catalogue.past.contracts.get(name)
    if rows is None:
        return [((start, end), catalogue.contracts[name])] if start < end else []
    return _within(rows, start, end)


def contract_at(catalogue: Catalogue, name: str, second: int) -> Contract:
    """A contract as it stood in a second."""
    return contracts_in(catalogue, name, second, second + 1)[0][1]


_T = TypeVar("_T")


def _within(rows: Sequence[tuple[int, _T]], start: int, end: int) -> list[tuple[Span, _T]]:
    """What is in force in [start, end), with its seconds; the first of the rows holds before its second too."""
    if start >= end:
        return []
    first = max(bisect_right(rows, start, key=itemgetter(0)) - 1, 0)
    found: list[tuple[Span, _T]] = []
    for number in range(first, len(rows)):
        begin = start if number == first else rows[number][0]
        finish = rows[number + 1][0] if number + 1 < len(rows) else end
        if begin >= end:
            break
        if begin < min(finish, end):
            found.append(((begin, min(finish, end)), rows[number][1]))
    return found


def as_of(catalogue: Catalogue, second: int) -> Catalogue:
    """The catalogue as if the terms that were in force in a second had always been."""
    past = catalogue.past
    systems = {system: [(ALWAYS, terms_at(catalogue, system, second))] for system in past.systems}
    contracts = {name: [(ALWAYS, contract_at(catalogue, name, second))] for name in past.contracts}
    return replace(catalogue, past=Past(systems, contracts))


# --- who hangs on whom ------------------------------------------------------------------------------------------------


def parents(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """By system all that it has ever depended on and that are in the catalogue, today's first; without a circle.

    Where a dependency was turned round, the newer one counts and the older one takes nothing: each would wait for the
    other to know its root cause.
    """
    graph = {
        system: [parent for parent in ever(catalogue, system)[-1].depends_on if parent in catalogue.systems]
        for system in catalogue.systems
    }
    for system, rows in catalogue.past.systems.items():
        for _, terms in reversed(rows):
            for parent in terms.depends_on:
                if parent in graph and parent not in graph[system] and not _reaches(graph, parent, system):
                    graph[system].append(parent)
    return {system: tuple(of) for system, of in graph.items()}


def _reaches(graph: Mapping[str, Iterable[str]], start: str, wanted: str) -> bool:
    waiting, seen = [start], set[str]()
    while waiting:
        if (one := waiting.pop()) == wanted:
            return True
        if one not in seen:
            seen.add(one)
            waiting.extend(graph[one])
    return False


def longest_reach(terms: SystemTerms) -> int:
    """The longest interval + timeout of a critical check: what a system brings into g (figures, section 4)."""
    return max((check.reach for check in terms.checks.values() if check.critical), default=0)


def bonds(catalogue: Catalogue, graph: Mapping[str, Sequence[str]], systems: Iterable[str]) -> dict[str, list[Bond]]:
    """What `availability.outages` needs to know of systems whose terms, or those of a parent, have changed.

    `graph` are the `parents`. A second of the child is judged by the terms of both that are in force in it.
    """
    past = catalogue.past.systems
    return {system: _bonds(catalogue, graph, system) for system in systems if past.keys() & {system, *graph[system]}}


def _bonds(catalogue: Catalogue, graph: Mapping[str, Sequence[str]], system: str) -> list[Bond]:
    past = catalogue.past.systems
    changes = {at for one in (system, *graph[system]) for at, _ in past.get(one, ())[1:]}
    edges = [-FOREVER, *sorted(changes), FOREVER]
    made: list[Bond] = []
    for start, end in pairwise(edges):
        own = terms_at(catalogue, system, start)
        hangs_on = {
            parent: max(longest_reach(own), longest_reach(terms_at(catalogue, parent, start)))
            for parent in graph[system]
            if parent in own.depends_on
        }
        made.append(Bond(start, end, own.party, hangs_on))
    return made


# --- recorded ---------------------------------------------------------------------------------------------------------

_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode


def bodies(catalogue: Catalogue) -> dict[tuple[Subject, str], str]:
    """Today's terms as they are recorded: canonical JSON by subject and id."""
    systems = {(Subject.SYSTEM, name): _dump(_written(catalogue.terms(name))) for name in catalogue.systems}
    contracts = {(Subject.CONTRACT, name): _dump(_promised(spec)) for name, spec in catalogue.contracts.items()}
    return systems | contracts


def _written(terms: SystemTerms) -> dict[str, Any]:
    objective = None if terms.objective is None else str(terms.objective)
    checks = [[check, list(of)] for check, of in terms.checks.items()]  # a list: their order counts in a report
    return terms._asdict() | {"objective": objective, "checks": checks}


def _promised(contract: Contract) -> dict[str, Any]:
    """All of it but its names: these are no terms."""
    # Without warnings: pydantic gives one for every date with a validator of ours, and writes it well.
    told = contract.model_dump(mode="json", exclude={"name", "number", "objective"}, warnings=False)
    return told | {"objective": None if contract.objective is None else str(contract.objective)}


def _system_of(body: str) -> SystemTerms:
    told = json.loads(body)
    checks = {
        check: CheckTerms(critical, quorum, tuple(locations), reach)
        for check, (critical, quorum, locations, reach) in told["checks"]
    }
    objective = None if told["objective"] is None else Fraction(told["objective"])
    return SystemTerms(
        told["party"], told["contract"], objective, told["criticality"], tuple(told["depends_on"]), checks
    )


def _contract_of(name: str, body: str, catalogue: Catalogue) -> Contract:
    told = json.loads(body)
    objective = told.pop("objective")
    known = catalogue.contracts.get(name)
    named = {"name": known.name if known else {"vi": name, "en": name}, "number": known.number if known else None}
    made = Contract.model_validate({**{key: value for key, value in told.items() if value is not None}, **named})
    return made.model_copy(update={"objective": None if objective is None else Fraction(objective)})


def changed(catalogue: Catalogue, recorded: Iterable[Recorded]) -> dict[tuple[Subject, str], str]:
    """Today's terms that are other than the last ones that were recorded, or that never were."""
    known = _effective(recorded)
    return {
        subject: body
        for subject, body in bodies(catalogue).items()
        if subject not in known or known[subject][-1][1] != body
    }


def newest(recorded: Iterable[Recorded]) -> dict[tuple[Subject, str], Recorded]:
    """Of each subject what holds at last."""
    rows = _effective(recorded).items()
    return {(subject, id_): Recorded(subject, id_, *of[-1]) for (subject, id_), of in rows}


def changed_since(catalogue: Catalogue, recorded: Iterable[Recorded], since: int) -> dict[tuple[Subject, str], str]:
    """Today's terms that are other than those in some second from `since` on; what was never recorded is today's."""
    known = _effective(recorded)
    return {
        subject: body
        for subject, body in bodies(catalogue).items()
        if any(told != body for _, told in _within(known.get(subject, [(ALWAYS, body)]), since, FOREVER))
    }


def with_past(catalogue: Catalogue, recorded: Iterable[Recorded], now: int) -> Catalogue:
    """The catalogue with what was recorded of its past; what it says that is not recorded yet holds from `now` on."""
    known = _effective(recorded)
    if not known:
        return catalogue
    today = bodies(catalogue)
    for subject, rows in known.items():
        if subject in today and rows[-1][1] != today[subject]:
            _add(rows, (now, today[subject]))
    systems = {
        system: [(at, _system_of(body)) for at, body in rows]
        for (subject, system), rows in known.items()
        if subject is Subject.SYSTEM and len(rows) > 1 and system in catalogue.systems
    }
    contracts = {
        name: [(at, _contract_of(name, body, catalogue)) for at, body in rows]
        for (subject, name), rows in known.items()
        if subject is Subject.CONTRACT and (len(rows) > 1 or name not in catalogue.contracts)
    }
    if not systems and not contracts:
        return catalogue
    return replace(catalogue, past=Past(systems, contracts))


def _effective(recorded: Iterable[Recorded]) -> dict[tuple[Subject, str], list[tuple[int, str]]]:
    known: dict[tuple[Subject, str], list[tuple[int, str]]] = {}
    for row in recorded:
        _add(known.setdefault((row.subject, row.id), []), (row.valid_from, row.body))
    return known


def _add(rows: list[tuple[int, str]], row: tuple[int, str]) -> None:
    """What is said later replaces what was said before of the seconds from its own on."""
    while rows and rows[-1][0] >= row[0]:
        rows.pop()
    if not rows or rows[-1][1] != row[1]:
        rows.append(row)

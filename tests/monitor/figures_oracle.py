"""Sections 3, 4, 6 and 7 of docs/figures.md once more, written from their text and not from the code, second by second.

A line is a text with one letter a second: U up, G degraded, D down, - no data. Second 0 is its first one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Cause:
    """Whose a down second is; `began` is the first second of the outage that it is part of."""

    root: str
    party: str
    began: int


@dataclass(frozen=True)
class Decision:
    """A person's word on the seconds of a system; of two the one with the larger number wins."""

    number: int
    system: str
    seconds: range
    party: str


def check(lines: Sequence[str], k: int | None) -> str:
    """The line of a check from those of its locations, all equally long."""
    return "".join(_seen(column, k) for column in zip(*lines, strict=True))


def _seen(column: Sequence[str], k: int | None) -> str:
    reporting = [letter for letter in column if letter != "-"]
    if not reporting:
        return "-"
    enough = k if k is not None else min(n for n in range(1, len(column) + 1) if 2 * n > len(reporting))
    down, bad = reporting.count("D"), reporting.count("D") + reporting.count("G")
    if down >= enough:
        return "D"
    if down > 0 and len(reporting) < enough:
        return "-"
    return "G" if bad >= min(enough, len(reporting)) else "U"


def system(critical: Sequence[str], others: Sequence[str]) -> str:
    """The line of a system from those of its checks, all equally long."""
    made = []
    for number, column in enumerate(zip(*critical, strict=True)):
        worst = next(letter for letter in "D-GU" if letter in column)
        spoilt = any(line[number] in "DG" for line in others)
        made.append("G" if worst == "U" and spoilt else worst)
    return "".join(made)


def outages(line: str) -> list[list[int]]:
    """The down seconds of each outage: any good second ends it, silence does not."""
    found: list[list[int]] = []
    ended = True
    for second, letter in enumerate(line):
        if letter == "D":
            if ended:
                found.append([])
            found[-1].append(second)
            ended = False
        elif letter in "UG":
            ended = True
    return found


def causes(
    lines: Mapping[str, str],
    depends_on: Mapping[str, Collection[str]],
    g: Callable[[str, str], int],
    party_of: Mapping[str, str],
    decisions: Iterable[Decision] = (),
    g_in: Callable[[str, str, int], int | None] | None = None,
    party_in: Callable[[str, int], str] | None = None,
) -> dict[str, dict[int, Cause]]:
    """Of every system and every down second: the root cause and the party.

    `g_in` is the g of a child and a parent in a second, None where the one does not depend on the other; `party_in` who
    answers for a system in it.
    """
    near_by = g_in or (lambda child, parent, _second: g(child, parent))
    whose = party_in or (lambda system, _second: party_of[system])
    known: dict[str, dict[int, Cause]] = {}

    def look(system: str) -> dict[int, Cause]:
        if system not in known:
            parents = [p for p in depends_on.get(system, ()) if p in lines]
            known[system] = {}
            for outage in outages(lines[system]):
                known[system].update(through(system, outage, parents))
        return known[system]

    def through(system: str, outage: list[int], parents: list[str]) -> dict[int, Cause]:
        theirs = any(second in look(p) and near_by(system, p, second) is not None for second in outage for p in parents)
        made: dict[int, Cause] = {}
        for second in outage:
            close = []
            for parent in parents:
                reach = near_by(system, parent, second)
                near = [(abs(s - second), s) for s in look(parent) if reach is not None and abs(s - second) <= reach]
                if near:
                    away, at = min(near)
                    close.append((away > 0, look(parent)[at].began, parent, at))
            theirs = theirs and bool(close)
            root, party = system, whose(system, second)
            if theirs:
                *_, parent, at = min(close)
                root, party = look(parent)[at].root, look(parent)[at].party
            said = [d for d in decisions if d.system == system and second in d.seconds]
            if said:
                party = max(said, key=lambda d: d.number).party
            made[second] = Cause(root, party, outage[0])
        return made

    return {system: look(system) for system in lines}


@dataclass(frozen=True)
class Count:
    seconds: int
    down: int
    no_data: int
    degraded: int

    @property
    def availability(self) -> Fraction | None:
        observed = self.seconds - self.no_data
        return Fraction(observed - self.down, observed) if observed else None

    @property
    def coverage(self) -> Fraction | None:
        return Fraction(self.seconds - self.no_data, self.seconds) if self.seconds else None


def count(line: str, seconds: Collection[int]) -> Count:
    """Of a set of seconds; where the line says nothing there is no data."""
    letters = [line[s] if 0 <= s < len(line) else "-" for s in seconds]
    return Count(len(letters), letters.count("D"), letters.count("-"), letters.count("G"))


def raw(period: range, life: range, now: int) -> set[int]:
    return {s for s in period if s in life and s < now}


def contractual(
    scheduled: set[int], maintenance: Iterable[range], of_system: Mapping[int, Cause], party: str
) -> set[int]:
    planned = {s for window in maintenance for s in window}
    others = {s for s, cause in of_system.items() if cause.party != party}
    return scheduled - planned - others


def office(scheduled: set[int], hours: Iterable[range]) -> set[int]:
    return scheduled & {s for shift in hours for s in shift}


def incidents(system: str, of_system: Mapping[int, Cause], line: str) -> list[list[int]]:
    """The own down seconds of each incident: 600 s at most from the last second's end to the next one's start."""
    found: list[list[int]] = []
    for outage in outages(line):
        own = [s for s in outage if of_system[s].root == system]
        if own and found and own[0] - (found[-1][-1] + 1) <= 600:
            found[-1] += own
        elif own:
            found.append(own)
    return found

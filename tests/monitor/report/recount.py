"""The numbers of a report once more, from exported outcomes and the catalogue's text: written from docs/figures.md.

It imports nothing of ours. Each system has one check at one location, and no location is ever blind; nothing here knows
more than that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from math import ceil, floor
from typing import Any
from zoneinfo import ZoneInfo

Span = tuple[int, int]
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass
class Try:
    started: int  # ms
    number: int
    good: bool
    reason: str | None
    step: str | None


@dataclass
class System:
    """What was counted of a system in [start, end)."""

    line: list[tuple[int, int, str]]
    tries: list[Try]
    outages: list[Span] = field(default_factory=list)
    parents: list[Span] = field(default_factory=list)  # down seconds that are the parent's


class Recount:
    def __init__(self, exported: Iterable[str], catalogue: Mapping[str, Any], start: int, end: int) -> None:
        self.catalogue, self.start, self.end = catalogue, start, end
        self.zone = ZoneInfo(catalogue["province"]["timezone"])
        self.interval, self.timeout = 4 * 3600, 10
        told = [json.loads(line) for line in exported]
        self.systems = {name: self._system(name, told) for name in catalogue["systems"]}
        self.control = self._system("_control", told)
        for name, spec in catalogue["systems"].items():
            for parent in spec.get("depends_on", ()):
                self._through(self.systems[name], self.systems[parent])

    def _system(self, name: str, told: Sequence[Mapping[str, Any]]) -> System:
        tries = [
            Try(o["started_at"], o["try"], o["verdict"] in ("up", "degraded"), o["reason"], _step(o))
            for o in told
            if o["system"] == name
        ]
        tries.sort(key=lambda t: t.started)
        # A control is asked every 30 s and has 3 s to answer, whatever the checks do.
        hold = 2 * 30 + 3 if name == "_control" else 2 * self.interval + self.timeout
        whole = self._line(tries, 1000 * hold)
        return System(list(_clip(whole, self.start, self.end)), tries, _outages(whole))

    # --- section 2 ---------------------------------------------------------------------------------------------------

    def _line(self, tries: Sequence[Try], hold: int) -> list[tuple[int, int, str]]:
        """[from, to) and U, D or -: with hindsight, stretch by stretch between silences of `hold` ms."""
        changes: list[tuple[int, str]] = []
        stretches: list[list[Try]] = []
        for one in tries:
            if not stretches or one.started - stretches[-1][-1].started >= hold:
                stretches.append([])
            stretches[-1].append(one)
        for stretch in stretches:
            now = "-"
            for number, one in enumerate(stretch):
                run = 0
                while number + run < len(stretch) and stretch[number + run].good == one.good:
                    run += 1
                cut = number + run == len(stretch)
                if one.good and (now != "D" or run >= 2):
                    now = "U"
                elif not one.good and (now == "D" or run >= 3):
                    now = "D"
                elif cut and now != "-" and one.good == (now == "D"):
                    now = "-"
                changes.append((one.started // 1000, now))
            changes.append(((stretch[-1].started + hold) // 1000, "-"))
        made = [(a, b, state) for (a, state), (b, _) in pairwise([*changes, (self.end + 10**9, "-")]) if a < b]
        first = made[0][0] if made else self.end + 10**9
        return [(0, first, "-"), *made]

    # --- section 4 ---------------------------------------------------------------------------------------------------

    def _through(self, child: System, parent: System) -> None:
        g = self.interval + self.timeout
        for start, end in child.outages:
            for a, b in parent.outages:
                if max(start, a) < min(end, b):
                    child.parents.append((start, min(end, b + g)))

    # --- sections 5 and 6 --------------------------------------------------------------------------------------------

    def hours(self) -> list[Span]:
        """The working hours of the period."""
        calendar = self.catalogue["calendars"]["state"]
        off = {day["date"] for year in calendar["years"].values() for day in year["days"]}
        day = datetime.fromtimestamp(self.start, self.zone).date()
        found = []
        while self._at(day, 0) < self.end:
            for shift in () if day in off else calendar["hours"].get(WEEKDAYS[day.weekday()], ()):
                begin, finish = (int(t[:2]) * 60 + int(t[3:]) for t in shift.split("-"))
                found.append((self._at(day, begin), self._at(day, finish)))
            day += timedelta(days=1)
        return found

    def _at(self, day: date, minute: int) -> int:
        return int(datetime.combine(day, time(minute // 60, minute % 60), self.zone).timestamp())

    def figure(self, name: str, kind: str, maintenance: Sequence[Span] = ()) -> tuple[int, int, int]:
        """Down, observed and all seconds of a figure."""
        system = self.systems[name]
        down, silent = ([(a, b) for a, b, state in system.line if state == letter] for letter in ("D", "-"))
        whole: Sequence[Span] = [(self.start, self.end)]
        if kind == "office":
            hours = self.hours()
            return _seconds(down, hours), _seconds(hours, whole) - _seconds(silent, hours), _seconds(hours, whole)
        if kind == "raw":
            return _seconds(down, whole), self.end - self.start - _seconds(silent, whole), self.end - self.start
        theirs = _seconds(_minus(_both(down, system.parents), maintenance), whole)
        in_set = self.end - self.start - _seconds(maintenance, whole) - theirs
        own = _seconds(_minus(_minus(down, system.parents), maintenance), whole)
        return own, in_set - _seconds(_minus(silent, maintenance), whole), in_set

    # --- section 7 ---------------------------------------------------------------------------------------------------

    def incidents(self) -> list[tuple[str, int, int, str | None, str | None]]:
        """System, start, end, reason and step of every incident that begins in the period, in order."""
        found = []
        for name, system in self.systems.items():
            for start, end in system.outages:
                own = _minus([(start, end)], system.parents)
                if own and self.start <= own[0][0] < self.end:
                    first = next(t for t in system.tries if t.started // 1000 == start)
                    found.append((name, own[0][0], end, first.reason, first.step))
        return sorted(found, key=lambda i: (i[1], i[0]))

    def errors(self, name: str) -> tuple[int, int, Counter[str], Counter[str], Counter[int]]:
        """Failed and all first tries of the period; the failed by reason, by step, by hour of the day."""
        firsts = [t for t in self.systems[name].tries if t.number == 1 and self.start <= t.started / 1000 < self.end]
        failed = [t for t in firsts if not t.good]
        hours = Counter(datetime.fromtimestamp(t.started / 1000, self.zone).hour for t in failed)
        return (
            len(failed),
            len(firsts),
            Counter(t.reason or "" for t in failed),
            Counter(t.step or "" for t in failed),
            hours,
        )

    def unconfirmed(self, name: str) -> int:
        """Failed first tries in hours without a down second."""
        down = [(a, b) for a, b, state in self.systems[name].line if state == "D"]
        firsts = [t for t in self.systems[name].tries if t.number == 1 and self.start <= t.started / 1000 < self.end]
        return sum(
            not t.good and not _seconds(down, [(t.started // 3_600_000 * 3600, t.started // 3_600_000 * 3600 + 3600)])
            for t in firsts
        )

    def silent(self) -> int:
        """Seconds in which the control said nothing."""
        return sum(b - a for a, b, state in self.control.line if state == "-")


def _step(outcome: Mapping[str, Any]) -> str | None:
    return next((s["name"] for s in outcome["steps"] if s["verdict"] not in ("up", "skipped")), None)


def _outages(line: Sequence[tuple[int, int, str]]) -> list[Span]:
    return [(a, b) for a, b, state in _merged(line) if state == "D"]


def _merged(line: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    made: list[tuple[int, int, str]] = []
    for a, b, state in line:
        if made and made[-1][2] == state and made[-1][1] == a:
            made[-1] = (made[-1][0], b, state)
        else:
            made.append((a, b, state))
    return made


def _clip(line: Sequence[tuple[int, int, str]], start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for a, b, state in _merged(line):
        if max(a, start) < min(b, end):
            yield max(a, start), min(b, end), state


def _both(one: Iterable[Span], other: Sequence[Span]) -> list[Span]:
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)]


def _minus(one: Iterable[Span], other: Sequence[Span]) -> list[Span]:
    left = list(one)
    for c, d in other:
        left = [piece for a, b in left for piece in ((a, min(b, c)), (max(a, d), b)) if piece[0] < piece[1]]
    return left


def _seconds(one: Iterable[Span], other: Sequence[Span]) -> int:
    return sum(b - a for a, b in _both(one, other))


# --- as it is written -------------------------------------------------------------------------------------------------


def number(count: int) -> str:
    digits = str(count)
    parts: list[str] = []
    while digits:
        digits, part = digits[:-3], digits[-3:]
        parts.insert(0, part)
    return ".".join(parts)


def share(part: int, whole: int, *, up: bool = False) -> str:
    if not whole:
        return "không có dữ liệu"
    hundredths = (ceil if up else floor)(part * 10_000 / whole) if part * 10_000 % whole else part * 10_000 // whole
    return f"{hundredths // 100},{hundredths % 100:02d}%"


def lasting(seconds: float) -> str:
    """A mean time, upwards, in its two largest units."""
    whole = ceil(seconds)
    whole += -whole % 60 if whole >= 3600 else 0
    whole += -whole % 3600 if whole >= 86_400 else 0
    if whole >= 86_400:
        return f"{whole // 86_400} ngày {whole % 86_400 // 3600:02d} giờ"
    return f"{whole // 3600} giờ {whole % 3600 // 60:02d} phút"

"""The lines of systems put together from what the store holds, and where every system stands now.

Pure: takes the catalogue, lines and boundaries, and `now`. Metrics, pages, the terminal's table and `motcua status`
all say what is said here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from types import MappingProxyType
from typing import TypeAlias
from zoneinfo import ZoneInfo

from monitor.availability import compose, quorum
from monitor.catalogue import Catalogue, System
from monitor.judge import Boundary, Interval, Line, standing, timeline
from monitor.model import Reason, State
from monitor.terms import Phase, phases

Key: TypeAlias = tuple[str, str, str]  # system, check, location
DAY = 86_400


@dataclass(frozen=True, slots=True)
class CheckStatus:
    """One check over its locations, as it stands now; instants in seconds, None where there is nothing yet."""

    check: str
    critical: bool
    state: State
    since: int | None
    step: str | None
    reason: Reason | None
    last_at: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """One system as it stands now. `step` and `reason` say what fails; `seconds` is the latest try's duration."""

    system: str
    name: str
    party: str
    state: State
    since: int | None
    step: str | None
    reason: Reason | None
    last_at: float | None
    seconds: float | None
    checks: tuple[CheckStatus, ...]
    certificate_not_after: float | None = None  # the end of the certificate that ends first, where one was seen


class Timelines:
    """The lines of every system and check of a catalogue over [start, now), in seconds, cut to each system's life."""

    def __init__(
        self,
        catalogue: Catalogue,
        boundaries: Mapping[Key, Sequence[Boundary]],
        lines: Mapping[Key, Line],
        start: int,
        now: float,
    ) -> None:
        self._catalogue, self._boundaries, self._lines = catalogue, boundaries, lines
        self._start, self._now = start, now
        self._checks: dict[tuple[str, str], list[Interval]] = {}
        self._systems: dict[str, list[Interval]] = {}

    def check(self, system: str, check: str) -> list[Interval]:
        """The line of a check from those of its locations (figures, section 3)."""
        if (system, check) not in self._checks:
            self._checks[system, check] = self._check(system, check)
        return self._checks[system, check]

    def _check(self, system: str, check: str) -> list[Interval]:
        start, end = self.life(system)
        if system in self._catalogue.past.systems:
            return _joined(
                self._in_phase(phase, system, check) for phase in phases(self._catalogue, system, start, end)
            )
        places = [
            timeline(self._boundaries.get(key, ()), self._lines.get(key), start, end, self._now)
            for key in _keys(self._catalogue, system, check)
        ]
        if len(places) == 1:
            return places[0]
        return quorum(places, self._catalogue.systems[system].checks[check].quorum, start, end)

    def _in_phase(self, phase: Phase, system: str, check: str) -> list[Interval]:
        """The line of a check while the terms of its system are the same; no data while it is not among its checks."""
        terms = phase.terms.checks.get(check)
        if terms is None:
            return [Interval(phase.start, phase.end, State.NO_DATA)]
        keys = [(system, check, location) for location in terms.locations]
        known = [(self._boundaries.get(key, ()), self._lines.get(key)) for key in keys]
        places = [timeline(*of, *self.life(system), self._now) for of in known]
        return quorum(places, terms.quorum, phase.start, phase.end)

    def system(self, system: str) -> list[Interval]:
        """The line of a system from those of its checks (figures, section 4)."""
        if system not in self._systems:
            self._systems[system] = self._system(system)
        return self._systems[system]

    def _system(self, system: str) -> list[Interval]:
        if system in self._catalogue.past.systems:
            return _joined(
                compose(
                    [self.check(system, check) for check, of in phase.terms.checks.items() if of.critical],
                    [self.check(system, check) for check, of in phase.terms.checks.items() if not of.critical],
                    phase.start,
                    phase.end,
                )
                for phase in phases(self._catalogue, system, *self.life(system))
            )
        checks = self._catalogue.systems[system].checks
        critical = [self.check(system, check) for check, spec in checks.items() if spec.critical]
        others = [self.check(system, check) for check, spec in checks.items() if not spec.critical]
        return compose(critical, others, *self.life(system))

    def life(self, system: str) -> tuple[int, int]:
        """The part of the period in which the system counts."""
        return lifetime(self._catalogue, system, self._start, int(self._now))


def _joined(parts: Iterable[Sequence[Interval]]) -> list[Interval]:
    """One line out of parts that follow one another; what goes on over a seam is one interval."""
    line: list[Interval] = []
    for interval in (interval for part in parts for interval in part):
        if line and line[-1].state is interval.state and line[-1].end == interval.start:
            line[-1] = line[-1]._replace(end=interval.end)
        else:
            line.append(interval)
    return line


def lifetime(catalogue: Catalogue, system: str, start: int, end: int) -> tuple[int, int]:
    """[start, end) cut to the system's [valid_from, valid_to); empty, start = end, outside of it."""
    spec, zone = catalogue.systems[system], ZoneInfo(catalogue.province.timezone)
    if spec.valid_from:
        start = max(start, _midnight(spec.valid_from, zone))
    if spec.valid_to:
        end = min(end, _midnight(spec.valid_to, zone))
    return start, max(start, end)


def alive(catalogue: Catalogue, system: str, now: float) -> bool:
    """Whether the system counts at `now`."""
    start, end = lifetime(catalogue, system, int(now), int(now) + 1)
    return start < end


def overview(
    catalogue: Catalogue,
    boundaries: Mapping[Key, Sequence[Boundary]],
    lines: Mapping[Key, Line],
    now: float,
    certificates: Mapping[str, float] = MappingProxyType({}),
) -> list[SystemStatus]:
    """Where every living system stands now; `boundaries` of the last day suffice.

    `certificates`: by system the end of the one that ends first, in seconds since the epoch.
    """
    return overview_of(catalogue, last_day(catalogue, boundaries, lines, now), lines, now, certificates)


def last_day(
    catalogue: Catalogue, boundaries: Mapping[Key, Sequence[Boundary]], lines: Mapping[Key, Line], now: float
) -> Timelines:
    """The lines of the last day, the second that is now included."""
    return Timelines(catalogue, boundaries, lines, int(now) - DAY, now + 1)


def overview_of(
    catalogue: Catalogue,
    lines_of: Timelines,
    lines: Mapping[Key, Line],
    now: float,
    certificates: Mapping[str, float] = MappingProxyType({}),
) -> list[SystemStatus]:
    """The overview from the `last_day`."""
    return [
        replace(
            _system_status(catalogue, lines_of, lines, system, spec, now),
            certificate_not_after=certificates.get(system),
        )
        for system, spec in catalogue.systems.items()
        if alive(catalogue, system, now)
    ]


def _system_status(
    catalogue: Catalogue,
    lines_of: Timelines,
    lines: Mapping[Key, Line],
    system: str,
    spec: System,
    now: float,
) -> SystemStatus:
    checks = tuple(_check_status(catalogue, lines_of, lines, system, check, now) for check in spec.checks)
    here = lines_of.system(system)[-1]
    latest = max((c for c in checks if c.last_at), key=lambda c: c.last_at or 0, default=None)
    return SystemStatus(
        system,
        spec.name.vi,
        catalogue.parties[spec.party].name.vi,
        here.state,
        _since(here, lines_of.life(system)[0], _beginnings(here.state, checks)),
        here.step,
        here.reason,
        latest.last_at if latest else None,
        latest.seconds if latest else None,
        checks,
    )


def _check_status(
    catalogue: Catalogue, lines_of: Timelines, lines: Mapping[Key, Line], system: str, check: str, now: float
) -> CheckStatus:
    here = lines_of.check(system, check)[-1]
    known = [lines[key] for key in _keys(catalogue, system, check) if key in lines]
    last = max((line.last for line in known if line.last), default=None)
    stands = [standing(line, now) for line in known]
    return CheckStatus(
        check,
        catalogue.systems[system].checks[check].critical,
        here.state,
        _since(here, lines_of.life(system)[0], [b.at for b in stands if b and b.state is here.state]),
        here.step,
        here.reason,
        last.started_at / 1000 if last else None,
        last.micros / 1e6 if last else None,
    )


def _beginnings(state: State, checks: Sequence[CheckStatus]) -> list[int]:
    """Since when the checks are as they are that put the system into its state."""
    critical = [check for check in checks if check.critical]
    if state is State.UP:  # all of them, so the last to become so
        return [max(check.since or 0 for check in critical)]
    if state is State.DEGRADED:
        return [c.since for c in checks if c.state in (State.DOWN, State.DEGRADED) and c.since is not None]
    return [check.since for check in critical if check.state is state and check.since is not None]


def _since(here: Interval, start: int, known: Sequence[int]) -> int | None:
    """When the present state began: by its interval, or before the period, where the lines themselves remember.

    None where there has never been anything else than no data.
    """
    earlier = [at for at in known if at <= start] if here.start <= start else []
    if earlier:
        return min(earlier)
    return here.start if here.state is not State.NO_DATA or here.start > start or known else None


def _keys(catalogue: Catalogue, system: str, check: str) -> Iterator[Key]:
    return ((system, check, location) for location in catalogue.locations_of(system, check))


def _midnight(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp())

"""Work by the calendar: which job is due, and when a failed one is tried again. Pure.

Instants are seconds since the epoch; hours and days are those of the province's zone. What was missed while nobody ran
is made up once: a job is due when its latest instant has passed since its last good run, however many have passed.
"""

from __future__ import annotations

import threading
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from monitor.calendars import UnknownYear, day
from monitor.catalogue import Calendar

FIRST_PAUSE, LONGEST_PAUSE = 60, 3600
"""Seconds after a first failure, and after many: each pause is twice the one before."""

_ONE_DAY = timedelta(days=1)
_FAR = 400  # days: no calendar has so many days off in a row


class Stopped(Exception):
    """A job gives up because its process ends; it is due again, and goes on where it can."""


class Every(NamedTuple):
    """At each multiple of so many seconds; at once where it has never run."""

    seconds: float


class Daily(NamedTuple):
    """At an hour of each day, or of each working day."""

    at: time
    working: bool = False


class Monthly(NamedTuple):
    """At an hour of a day of each month (a short month's last), or of the first working day from that day on."""

    day: int
    at: time
    working: bool = False


When: TypeAlias = Every | Daily | Monthly
IsWorking: TypeAlias = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Job:
    """What is done, and when. `work` raises Stopped soon after its event is set, and may be run again."""

    name: str
    when: When
    work: Callable[[threading.Event], None]


class Ran(NamedTuple):
    """What is known of a job's past. `since`: when it was first seen; `started` and `succeeded`: its last good run.

    `failed` and `failures`: when it failed last and how often in a row; None and 0 after a good run.
    """

    since: float
    started: float | None = None
    succeeded: float | None = None
    failed: float | None = None
    failures: int = 0

    def well(self, started: float, ended: float) -> Ran:
        return Ran(self.since, started, ended)

    def badly(self, ended: float) -> Ran:
        return self._replace(failed=ended, failures=self.failures + 1)


def due(
    jobs: Sequence[Job], last_runs: Mapping[str, Ran], now: float, zone: ZoneInfo, is_working: IsWorking
) -> list[Job]:
    """The jobs to run now, the one that has waited longest first; a failed one rests before it is tried again."""
    waiting = []
    for job in jobs:
        at = latest(job.when, now, zone, is_working)
        ran = last_runs.get(job.name) or Ran(now)
        if at is not None and at > _done(job.when, ran, now) and not _rests(ran, now):
            waiting.append((at, job.name, job))
    return [job for *_, job in sorted(waiting, key=lambda one: one[:2])]


def latest(when: When, now: float, zone: ZoneInfo, is_working: IsWorking) -> float | None:
    """The last instant up to now at which a job was due; None: there is none within a year."""
    if isinstance(when, Every):
        return now // when.seconds * when.seconds
    today = datetime.fromtimestamp(now, zone).date()
    days = (today - n * _ONE_DAY for n in range(_FAR))
    instants = (_instant(one, when.at, zone) for one in days if _falls_on(when, one, is_working))
    return next((at for at in instants if at <= now), None)


def _falls_on(when: Daily | Monthly, one: date, is_working: IsWorking) -> bool:
    if isinstance(when, Daily):
        return not when.working or is_working(one)
    if not when.working:
        return one == _named(when, one)
    if not is_working(one):
        return False
    named = _named(when, one)
    if named > one:  # it is a day of the month before, on which nobody worked until now
        named = _named(when, one.replace(day=1) - _ONE_DAY)
    return not any(is_working(named + n * _ONE_DAY) for n in range((one - named).days))


def _named(when: Monthly, one: date) -> date:
    """The day that is meant in the month of this one."""
    return one.replace(day=min(when.day, monthrange(one.year, one.month)[1]))


def _instant(one: date, at: time, zone: ZoneInfo) -> float:
    return datetime.combine(one, at, zone).timestamp()


def _done(when: When, ran: Ran, now: float) -> float:
    """Up to when nothing is to be made up. What lies in the future was written by a clock that was wrong."""
    known = [ran.started] if isinstance(when, Every) else [ran.started, ran.since]
    past = [at for at in known if at is not None and at <= now]
    return max(past, default=float("-inf") if isinstance(when, Every) else now)


def _rests(ran: Ran, now: float) -> bool:
    return ran.failed is not None and ran.failed <= now < ran.failed + pause(ran.failures)


def pause(failures: int) -> float:
    """Seconds of rest after so many failures in a row."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10)))


def working_days(calendar: Calendar | None) -> IsWorking:
    """Which days are working days. Without a calendar, or in a year that it does not list, Monday to Friday are.

    A report that comes on a holiday does less harm than one that does not come.
    """

    def is_working(one: date) -> bool:
        try:
            return day(calendar, one).working if calendar else one.weekday() < 5
        except UnknownYear:
            return one.weekday() < 5

    return is_working

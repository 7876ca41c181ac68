"""Timed work: a loop that does what the calendar asks for, one job after the other, in no hurry.

A plain loop, like the tick: what is due is a pure function of the last runs, which are in the store, so a restart
forgets nothing. Celery beat keeps its own file of last runs, makes nothing up, and would want a broker and a worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from zoneinfo import ZoneInfo

import structlog

from monitor import collection
from monitor.catalogue import STATE_CALENDAR, Catalogue
from monitor.collection import CollectionError
from monitor.jobs import Every, IsWorking, Job, Monthly, Ran, Stopped, due, pause, working_days
from monitor.periods import Kind
from monitor.report import life, mail
from monitor.report.model import ReportError
from monitor.store import Store, StoreError
from monitor.store.jobs import JobRuns
from monitor.wiring import ConfigurationError

LOOK = 2.0  # seconds between two looks at what is due
BY = "lich"  # who closes and makes what the calendar asks for

log = structlog.get_logger("jobs")


def calendar_jobs(catalogue: Catalogue, store: Store, clock: Callable[[], float] = time.time) -> list[Job]:
    """Every job of an installation; another one is a line here. Raises ConfigurationError."""
    return [
        *_collections(catalogue, store),
        *_reports(catalogue, store, clock),
    ]


def _collections(catalogue: Catalogue, store: Store) -> list[Job]:
    """Dossiers from each iGate, where the catalogue says how often."""
    every, systems = catalogue.dossiers.every, collection.igate_systems(catalogue)
    if every is None:
        return []
    countable = len(systems) == 1 and collection.search_of(catalogue, systems[0]).has_statistics
    if catalogue.dossiers.source == "statistics" and not countable:
        hint = "with options.paths.statistics; or write source: search"
        raise ConfigurationError(f"dossiers.source: statistics needs one system of connector igate, {hint}")
    work = partial(collection.by_calendar, store, catalogue)
    return [Job(f"dossiers_{system}", Every(every), partial(work, system)) for system in systems]


def _reports(catalogue: Catalogue, store: Store, clock: Callable[[], float]) -> list[Job]:
    """The reports of each kind of month, on its day; whoever signs them need not ask."""
    work = partial(_report, catalogue, store, clock)
    return [Job(f"report_{kind}", Monthly(day, life.DUE_AT), partial(work, kind)) for kind, day in life.DUE_ON.items()]


def _report(catalogue: Catalogue, store: Store, clock: Callable[[], float], kind: Kind, stop: threading.Event) -> None:
    """Close, build and send what became due since the last good run. Raises ReportError where it is too early for some.

    The instants that were missed are all made up for: each has its own months.
    """

    def unless_stopped(*_: int) -> None:
        if stop.is_set():
            raise Stopped

    now, ran = int(clock()), store.job_runs.all().get(f"report_{kind}")
    since = now if ran is None else ran.since if ran.started is None else ran.started
    due = life.due(now, ZoneInfo(catalogue.province.timezone), [kind], since)
    mail.send_due(catalogue, store, now, BY, due, unless_stopped)
    early = [period.name for period in due if now < life.settled_at(catalogue, period)]
    if early:
        raise ReportError(f"{', '.join(early)} ({kind}): the last hold is not over; it is tried again", permanent=False)


class Runner:
    """Does what is due until it is stopped. Whatever ails a job, the others go on and it is tried again."""

    def __init__(
        self,
        jobs: Sequence[Job],
        runs: JobRuns,
        zone: ZoneInfo,
        is_working: IsWorking,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs, self._runs, self._zone, self._is_working, self._clock = jobs, runs, zone, is_working, clock
        self._known: dict[str, Ran] | None = None
        self._unkept: set[str] = set()
        self._failing = ""  # said once, when it begins

    def run(self, stop: threading.Event) -> None:
        """Look at what is due every few seconds until `stop` is set."""
        while not stop.wait(LOOK):
            while not stop.is_set() and self.look(stop):
                pass
        self._last_runs()  # what ran last is kept, too

    def look(self, stop: threading.Event) -> bool:
        """Run the job that is due first; whether there was one."""
        known = self._last_runs()
        if known is None:
            return False
        now = self._clock()
        for job in self._jobs:
            if job.name not in known:
                self._keep(job.name, Ran(now))
        ready = due(self._jobs, known, now, self._zone, self._is_working)
        return bool(ready) and self._do(ready[0], known[ready[0].name], stop)

    def _do(self, job: Job, ran: Ran, stop: threading.Event) -> bool:
        began = self._clock()
        log.info("job.started", job=job.name)
        try:
            job.work(stop)
        except Stopped:
            log.info("job.stopped", job=job.name)
            return False
        except Exception as error:  # noqa: BLE001 - whatever ails it, the next try may do better
            ran = ran.badly(self._clock())
            said = str(error) if isinstance(error, _TOLD) else _bug(error)
            log.warning("job.failed", job=job.name, error=said, failures=ran.failures, again_in=pause(ran.failures))
        else:
            ran = ran.well(began, self._clock())
            log.info("job.done", job=job.name, seconds=round(self._clock() - began, 1))
        self._keep(job.name, ran)
        return True

    def _last_runs(self) -> dict[str, Ran] | None:
        """As the store has them, None while it is away; this process alone changes them, so it asks once."""
        try:
            if self._known is None:
                self._known = self._runs.all()
            for name in list(self._unkept):
                self._runs.keep(name, self._known[name])
                self._unkept.discard(name)
        except StoreError as error:
            if str(error) != self._failing:
                log.warning("jobs.store_away", error=str(error))
            self._failing = str(error)
            return None
        self._failing = ""
        return self._known

    def _keep(self, name: str, ran: Ran) -> None:
        """In memory at once; in the store with the next look, however often it is away."""
        assert self._known is not None
        self._known[name] = ran
        self._unkept.add(name)


_TOLD = (StoreError, CollectionError, ConfigurationError, ReportError)
"""Errors whose texts are made to be read, without a secret."""


def _bug(error: Exception) -> str:
    """A kind of error alone: its text may hold a secret."""
    return type(error).__name__


def make_runner(catalogue: Catalogue, store: Store) -> Runner:
    """The runner of an installation's jobs. Raises ConfigurationError."""
    is_working = working_days(catalogue.calendars.get(STATE_CALENDAR))
    zone = ZoneInfo(catalogue.province.timezone)
    return Runner(calendar_jobs(catalogue, store), store.job_runs, zone, is_working)

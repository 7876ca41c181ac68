"""/metrics: what the store holds, in Prometheus' exposition format. The only importer of prometheus_client.

A collector over lines, counters and roll-ups, made anew for every scrape: it survives restarts, forgets systems that
left the catalogue, and needs no multiprocess directory. Never touches raw outcomes.
"""

from __future__ import annotations

import platform
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from monitor import __version__, kpis
from monitor.availability import availability, coverage
from monitor.calendars import UnknownYear
from monitor.catalogue import Catalogue
from monitor.dossiers import Source
from monitor.figures import planned_in, promise_in
from monitor.garbage import collecting_later
from monitor.incident_rules import IncidentKind, IncidentRules
from monitor.incidents import Severity
from monitor.judge import Line
from monitor.kpis import Kpis
from monitor.maintenance import Window
from monitor.metric_names import DURATION_BUCKETS, LATENESS_BUCKETS, STATE_VALUES, Kind, metric
from monitor.model import CONTROL_SYSTEM, Gauge, State, Verdict, verdict_of
from monitor.status import DAY, Key, Timelines, alive, last_day, overview_of
from monitor.store import Rollup, Store, StoreError
from monitor.store.dossiers import Progress
from monitor.windows import Windows
from monitor.wire import PHASES

WINDOWS = {"1d": DAY, "30d": 30 * DAY}
KPIS_KEPT = 60  # seconds between two looks at the dossiers
_TICK = 10_000  # units of a roll-up's phases in a second

log = structlog.get_logger("metrics")


class Exporter:
    """The text of /metrics for one catalogue and store."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, catalogue: Catalogue, store: Store, clock: Callable[[], float]) -> None:
        self._today, self._store, self._clock = catalogue, store, clock
        self._zone = ZoneInfo(catalogue.province.timezone)
        self._use(catalogue)
        self._highest: dict[tuple[str, ...], float] = {}
        self._kpis = _KeptKpis(catalogue, store)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def _use(self, catalogue: Catalogue) -> None:
        self._catalogue, self._rules = catalogue, IncidentRules(catalogue)
        self._in_windows = Windows(catalogue, self._store)

    def look_at_dossiers(self) -> None:
        """Count the dossiers again where something has come in. It may take seconds: before a scrape, never in one.

        Raises StoreError.
        """
        self._kpis.look(self._clock())

    def run(self, stop: threading.Event) -> None:
        """Look at the dossiers now and once a minute, until `stop` is set; scrapes show what the last look found."""
        failing = ""  # said once, when it begins
        while not stop.is_set():
            try:
                self.look_at_dossiers()
                failing = ""
            except Exception as error:  # noqa: BLE001 - the next look may do better; until then the last figures stand
                said = str(error) if isinstance(error, StoreError) else type(error).__name__
                if said != failing:
                    log.warning("dossiers.not_counted", error=said)
                failing = said
            stop.wait(KPIS_KEPT)

    def text(self) -> bytes:
        """Of dossiers what the last look found, nothing before the first. Raises StoreError without a store."""
        with collecting_later():
            return generate_latest(self._registry)

    def describe(self) -> Sequence[Metric]:
        return ()  # registering must not ask the store

    def collect(self) -> Iterator[Metric]:
        now = self._clock()
        if (dated := self._store.terms.dated(self._today, now)) is not self._catalogue:
            self._use(dated)
        families = _Families()
        lines = self._store.lines()
        boundaries = self._store.boundaries(int(now) - DAY, int(now) + 1)
        recent = last_day(self._catalogue, boundaries, lines, now)
        self._states(families, lines, recent, now)
        self._measured(families)
        self._windows(families, lines, recent, now)
        self._counts(families)
        self._incidents(families, int(now))
        self._promised(families, int(now))
        self._dossiers(families, now)
        self._watcher(families)
        self._deliveries(families, int(now * 1000))
        yield from families.all()

    def _states(self, families: _Families, lines: Mapping[Key, Line], recent: Timelines, now: float) -> None:
        for status in overview_of(self._catalogue, recent, lines, now):
            spec = self._catalogue.systems[status.system]
            about = (status.system, spec.name.vi, spec.party, spec.connector, spec.criticality)
            families.gauge("motcua_system_info", about, 1)
            for parent in spec.depends_on:
                families.gauge("motcua_system_parent_info", (status.system, parent), 1)
            families.gauge("motcua_system_state", (status.system,), STATE_VALUES[status.state])
            if status.since is not None:
                families.gauge("motcua_system_state_since_timestamp_seconds", (status.system,), status.since)
            for check in status.checks:
                labels = (status.system, check.check)
                families.gauge("motcua_check_state", labels, STATE_VALUES[check.state])
                settings = self._catalogue.settings(*labels)
                families.gauge("motcua_check_interval_seconds", labels, settings.interval if settings else 0)
                if check.state is State.DOWN:
                    families.gauge("motcua_check_down_info", (*labels, check.step or "", check.reason or ""), 1)
                for location in self._catalogue.locations_of(*labels):
                    self._latest(families, (*labels, location), lines)
        for location in self._catalogue.locations:
            for control in self._catalogue.controls(location):
                labels = (CONTROL_SYSTEM, control.check)
                families.gauge("motcua_check_interval_seconds", labels, control.settings.interval)
                self._latest(families, (*labels, location), lines)

    def _latest(self, families: _Families, key: Key, lines: Mapping[Key, Line]) -> None:
        """Of what is asked now: a check or a location that left the catalogue must not look silent for ever."""
        if key in lines and (last := lines[key].last):
            families.gauge("motcua_check_last_outcome_timestamp_seconds", key, last.started_at / 1000)

    def _measured(self, families: _Families) -> None:
        """Of the checks and locations that are asked now."""
        for (system, check, location), gauges in self._store.gauges().items():
            spec = self._catalogue.systems.get(system)
            if not spec or check not in spec.checks or location not in self._catalogue.locations_of(system, check):
                continue
            for gauge, measured in gauges.items():
                labels = (system, check, location)
                if gauge is Gauge.CERTIFICATE_NOT_AFTER:
                    families.gauge("motcua_certificate_expiry_timestamp_seconds", labels, measured.value)
                else:
                    families.gauge("motcua_check_measured", (*labels, gauge), measured.value)

    def _windows(self, families: _Families, lines: Mapping[Key, Line], recent: Timelines, now: float) -> None:
        """The raw availability of the last day and the last 30 (figures, section 6: a running period ends at now)."""
        for name, of_systems in self._in_windows.count(WINDOWS, lines, recent, now).items():
            for system, counted in of_systems.items():
                labels = (system, name)
                families.gauge("motcua_system_down_seconds", labels, counted[State.DOWN])
                families.gauge("motcua_system_degraded_seconds", labels, counted[State.DEGRADED])
                observed = sum(counted.values()) - counted[State.NO_DATA]
                families.gauge("motcua_system_observed_seconds", labels, observed)
                for metric_name, value in (
                    ("motcua_system_availability_ratio", availability(counted)),
                    ("motcua_system_coverage_ratio", coverage(counted)),
                ):
                    if value is not None:
                        families.gauge(metric_name, labels, float(value))
        for system in self._catalogue.systems:
            objective = self._catalogue.objective(system)
            if objective is not None:
                families.gauge("motcua_system_objective_ratio", (system,), float(objective))

    def _counts(self, families: _Families) -> None:
        by_check: dict[tuple[str, str], list[Rollup]] = defaultdict(list)
        by_system: dict[str, list[Rollup]] = defaultdict(list)
        for (system, check, _), rollup in self._store.totals().items():
            if system in self._catalogue.systems and check in self._catalogue.systems[system].checks:
                by_check[system, check].append(rollup)
                by_system[system].append(rollup)
        for key, rollups in by_check.items():
            families.counter("motcua_check_first_tries_total", (*key, "ok"), sum(r.up + r.degraded for r in rollups))
            families.counter("motcua_check_first_tries_total", (*key, "failed"), sum(r.down for r in rollups))
            inconclusive = sum(r.inconclusive for r in rollups)
            families.counter("motcua_check_first_tries_total", (*key, "inconclusive"), inconclusive)
            families.counter("motcua_check_rechecks_total", key, sum(r.rechecks for r in rollups))
        for system, rollups in by_system.items():
            buckets = [sum(counts) for counts in zip(*(r.buckets for r in rollups), strict=True)]
            total = sum(r.micros for r in rollups) / 1e6
            families.histogram("motcua_system_try_duration_seconds", (system,), DURATION_BUCKETS, buckets, total)
            for number, phase in enumerate(PHASES):
                spent = sum(r.phases[number] for r in rollups) / _TICK
                families.counter("motcua_system_phase_seconds_total", (system, phase), spent)
        failures: Counter[tuple[str, str, str]] = Counter()
        for (system, _, _), counts in self._store.reason_totals().items():
            if system in self._catalogue.systems:
                for count in counts:
                    if verdict_of(count.reason) is Verdict.DOWN:  # not slow, not our own side's failure
                        failures[system, count.step or "", count.reason] += count.tries
        for labels, tries in failures.items():
            families.counter("motcua_system_failures_total", labels, tries)

    def _incidents(self, families: _Families, now: int) -> None:
        going_on = self._store.incidents.current(self._rules, now)
        still = [record for record in self._store.incidents.list(now, now + 1) if record.end is None]
        blind = {record.location for record in still if record.kind is IncidentKind.BLIND}
        for location in self._catalogue.locations:
            families.gauge("motcua_location_blind", (location,), location in blind)
        open_ = Counter((r.system, r.severity) for r in still if r.kind is IncidentKind.OUTAGE)
        further: Counter[str] = Counter()  # down seconds since the last change of a line
        for record in still:
            if seen := going_on.get(record.id):
                further[record.system] += max(0, seen.seconds - record.down_seconds)
        counted = self._store.incidents.counted(now)
        for system, spec in self._catalogue.systems.items():
            for severity in Severity:
                families.gauge("motcua_incidents_open", (system, severity), open_[system, severity])
            began = {spec.party: 0} | {party or "": c.began for (of, party), c in counted.items() if of == system}
            for party, number in began.items():
                self._rising(families, "motcua_incidents_total", (system, party), number)
            of_system = [c for (of, _), c in counted.items() if of == system]
            for name, value in (
                ("motcua_incident_down_seconds_total", sum(c.down for c in of_system) + further[system]),
                ("motcua_incident_acknowledge_seconds_total", sum(c.acknowledge for c in of_system)),
                ("motcua_incidents_acknowledged_total", sum(c.acknowledged for c in of_system)),
                ("motcua_incident_fix_seconds_total", sum(c.fix for c in of_system)),
                ("motcua_incidents_restored_total", sum(c.restored for c in of_system)),
            ):
                self._rising(families, name, (system,), value)

    def _rising(self, families: _Families, name: str, labels: tuple[str, ...], value: float) -> None:
        """A late outcome may take an incident back; a counter that falls would look like a restart."""
        highest = max(value, self._highest.get((name, *labels), 0))
        self._highest[name, *labels] = highest
        families.counter(name, labels, highest)

    def _promised(self, families: _Families, now: int) -> None:
        """What the contracts in force promise, and the maintenance that they take out."""
        windows = self._store.maintenance.windows(now, now + 1)
        for system in self._catalogue.systems:
            for severity in Severity:
                if terms := self._rules.terms(system, severity, now):
                    for name, seconds_ in (("response", terms.respond), ("restoration", terms.restore)):
                        if seconds_ is not None:
                            families.gauge(f"motcua_system_{name}_term_seconds", (system, severity), seconds_)
            active = self._is_maintained(system, windows, now)
            families.gauge("motcua_maintenance_active", (system,), active)

    def _is_maintained(self, system: str, windows: Sequence[Window], now: int) -> bool:
        promised = promise_in(self._catalogue, system, (now, now + 1))
        if promised is None:
            return False
        try:
            return bool(planned_in(self._catalogue, system, promised, windows).spans)
        except UnknownYear:
            return False  # as the figure that it would be taken out of

    def _dossiers(self, families: _Families, now: float) -> None:
        found = self._kpis.found
        made = found.kpis
        if made is not None:
            _show_kpis(families, made)
        for source, number in found.violations.items():
            families.gauge("motcua_dossiers_form_violations", (source,), number)
        wanted = self._catalogue.dossiers
        collected = {progress.system: progress.until for progress in found.collections}
        for system, spec in self._catalogue.systems.items():
            if spec.connector != "igate" or not alive(self._catalogue, system, now):
                continue
            of_statistics = None if made is None else made.at
            at = collected.get(system) if wanted.source == "search" else of_statistics
            if at is not None:
                families.gauge("motcua_dossiers_collected_timestamp_seconds", (system,), at)
            if wanted.every is not None:
                families.gauge("motcua_dossiers_collection_interval_seconds", (system,), wanted.every)

    def _watcher(self, families: _Families) -> None:
        for name, ran in self._store.job_runs.all().items():
            families.gauge("motcua_job_last_success_timestamp_seconds", (name,), ran.succeeded or 0)
            families.gauge("motcua_job_failures", (name,), ran.failures)
        counters = self._store.counters()
        for verdict in ("up", "degraded", "down", "inconclusive"):
            families.counter("motcua_outcomes_total", (verdict,), counters.get(f"outcomes_{verdict}", 0))
        families.counter("motcua_conflicts_total", (), counters.get("conflicts", 0))
        for location in self._catalogue.locations:
            counted = {name: counters.get(f"{name}@{location}", 0) for name in _ENGINE_COUNTERS}
            for cause in ("overrun", "late", "capacity", "unknown_check"):
                families.counter("motcua_slots_skipped_total", (location, cause), counted[f"slots_{cause}"])
            for name in ("outcomes_dropped", "engine_errors", "batches_skewed"):
                families.counter(f"motcua_{name}_total", (location,), counted[name])
            families.counter("motcua_clock_steps_total", (location,), counters.get(f"clock_step@{location}", 0))
            late = [counters.get(f"start_lateness_le_{limit}@{location}", 0) for limit in (*LATENESS_BUCKETS, "+Inf")]
            total = counted["start_lateness_us"] / 1e6
            families.histogram("motcua_start_lateness_seconds", (location,), LATENESS_BUCKETS, late, total)
        families.gauge("motcua_store_size_bytes", (), self._store.size())
        families.gauge("motcua_build_info", (__version__, platform.python_version()), 1)
        families.gauge("motcua_catalogue_info", (self._catalogue.hash, str(self._catalogue.simulated).lower()), 1)

    def _deliveries(self, families: _Families, now: int) -> None:
        """Of every channel from its first scrape on: an increase needs the zero before it."""
        told = self._store.outbox.deliveries(now)
        for channel in dict.fromkeys([*self._catalogue.alerts.channels, *(channel for channel, _ in told.attempts)]):
            for result in ("ok", "failed"):
                attempts = told.attempts.get((channel, result), 0)
                families.counter("motcua_deliveries_total", (channel, result), attempts)
        families.gauge("motcua_deliveries_waiting", (), told.waiting)
        families.counter("motcua_deliveries_given_up_total", (), told.failed)


_ENGINE_COUNTERS = (
    "slots_overrun", "slots_late", "slots_capacity", "slots_unknown_check", "outcomes_dropped", "engine_errors",
    "batches_skewed", "start_lateness_us",
)  # fmt: skip


class _Found(NamedTuple):
    """What a look at the dossiers found: the figures, how much does not hold in forms, and the collections."""

    kpis: Kpis | None = None
    violations: Mapping[Source, int] = {}
    collections: Sequence[Progress] = ()


class _KeptKpis:
    """The figures of dossiers, which may take the database some seconds: counted only when something has come in."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self._catalogue, self._store = catalogue, store
        self._mark: object = None
        self.found = _Found()
        """As of the last look; replaced as a whole, so that a scrape in between shows one look or the other."""

    def look(self, now: float) -> None:
        """Raises StoreError; what was found before stands then."""
        book = self._store.dossiers
        mark, made = book.read_mark(), self.found.kpis
        if mark != self._mark:
            made = kpis.read(self._catalogue, self._store, int(now))
        self.found = _Found(made, book.number_of_violations(), book.collections())
        self._mark = mark


def _show_kpis(families: _Families, made: Kpis) -> None:
    families.gauge("motcua_dossiers_figures_timestamp_seconds", (), made.at)
    for figure in kpis.FIGURES:
        families.gauge("motcua_dossiers_provisional", (figure,), figure in made.provisional)
    for unit, name in made.names.items():
        families.gauge("motcua_dossiers_unit_info", (unit, name), 1)
        families.gauge("motcua_dossiers_due_today", (unit,), made.due_today[unit])
        families.gauge("motcua_dossiers_due_tomorrow", (unit,), made.due_tomorrow[unit])
        families.gauge("motcua_dossiers_gone", (unit,), made.gone[unit])
    for labels, count in made.received.items():
        families.gauge("motcua_dossiers_received", labels, count)
    ended: Counter[tuple[str, str]] = Counter()
    in_time: Counter[tuple[str, str]] = Counter()
    for (unit, channel, timeliness, period), count in (+made.resolved).items():
        ended[unit, period] += count
        in_time[unit, period] += count if timeliness != "overdue" else 0
        families.gauge("motcua_dossiers_resolved", (unit, channel, timeliness, period), count)
    for key, count in (+ended).items():
        families.gauge("motcua_dossiers_on_time_ratio", key, in_time[key] / count)
    for labels, count in (+made.pending).items():
        families.gauge("motcua_dossiers_pending", labels, count)
    for unit, count in made.online.items():
        families.gauge("motcua_dossiers_submitted_online", (unit,), count)
        families.gauge("motcua_dossiers_accepted_late", (unit,), made.late[unit])
    _show_index(families, made)


def _show_index(families: _Families, made: Kpis) -> None:
    for period, points in made.index.items():
        for one in points:
            key = one.component, period
            families.gauge("motcua_dossiers_index766_max_points", key, one.maximum)
            for source, value in (("own", one.own), ("official", one.official)):
                if value is not None:
                    families.gauge("motcua_dossiers_index766_points", (*key, source), float(value))
            for name, part in zip(("numerator", "denominator"), one.parts or (), strict=False):
                families.gauge(f"motcua_dossiers_index766_{name}", key, part)


class _Families:
    """Metric families by the names of the one table, in its order of use."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def all(self) -> Iterable[Metric]:
        return self._families.values()

    def gauge(self, name: str, labels: Sequence[str], value: float) -> None:
        self._family(name, Kind.GAUGE).add_metric(labels, value)

    def counter(self, name: str, labels: Sequence[str], value: float) -> None:
        self._family(name, Kind.COUNTER).add_metric(labels, value)

    def histogram(
        self, name: str, labels: Sequence[str], limits: Sequence[float], counts: Sequence[int], total: float
    ) -> None:
        """`counts`: how many fell into each bucket alone, one more than `limits`."""
        cumulative, buckets = 0, []
        for limit, count in zip((*map(str, limits), "+Inf"), counts, strict=True):
            cumulative += count
            buckets.append((limit, cumulative))
        self._family(name, Kind.HISTOGRAM).add_metric(labels, buckets, total)

    def _family(self, name: str, kind: Kind):  # type: ignore[no-untyped-def]
        if name not in self._families:
            row = metric(name)
            if row.kind is not kind:
                raise ValueError(f"{name} is a {row.kind}")
            make = {
                Kind.GAUGE: GaugeMetricFamily,
                Kind.COUNTER: CounterMetricFamily,
                Kind.HISTOGRAM: HistogramMetricFamily,
            }[kind]
            self._families[name] = make(name, row.help, labels=row.labels)
        return self._families[name]

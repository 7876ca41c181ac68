"""The one table of metrics: what /metrics exports and what boards and rules may ask for.

Labels hold ids and words of closed sets, never a URL, a message or anything that a watched system said; names for
people are in `_info` metrics, so that renaming a system breaks no series. A check costs at most twelve series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """Prometheus' type of a metric."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table. `buckets` are a histogram's upper limits in seconds, without +Inf."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def series_names(self) -> tuple[str, ...]:
        """What PromQL calls its series."""
        if self.kind is Kind.HISTOGRAM:
            return (f"{self.name}_bucket", f"{self.name}_count", f"{self.name}_sum")
        return (self.name,)


STATE_VALUES: Mapping[str, int] = MappingProxyType({"no_data": -1, "down": 0, "degraded": 1, "up": 2})
"""What a state is worth as a number: the worse, the smaller, and 0 is down."""

DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LATENESS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""The store and the engine, which count into them, have the same; a test compares."""

_STATE_HELP = "-1 no data, 0 down, 1 degraded, 2 up"
_WINDOW_HELP = "in the last 1d or 30d, raw (figures, section 6)"

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "system": "id of a system in the catalogue; `_control` for the monitor's own control targets",
        "check": "id of a check within its system",
        "location": "id of the place that asks",
        "result": "of a try: `ok` (up or degraded), `failed` (down), `inconclusive` (our own side failed); "
        "of a delivery: `ok` (the channel took it), `failed`",
        "verdict": "`up`, `degraded`, `down`, `inconclusive`",
        "reason": "a reason of the closed set in `monitor/model.py`",
        "step": "name of a step, as its connector calls it",
        "phase": "`dns`, `connect`, `tls`, `wait`, `transfer`",
        "gauge": "a gauge of the closed set in `monitor/model.py`: `procedures`, `fields_present`",
        "window": "`1d` or `30d`, up to now",
        "cause": "`overrun` (the check's previous run was unfinished), `late`, `capacity`, `unknown_check`",
        "name": "a system's name for people",
        "parent": "id of a system through which another one is reached",
        "party": "id of the party that answers for the system",
        "connector": "kind of the system",
        "criticality": "criticality of the system in the catalogue",
        "version": "of motcua",
        "python": "version of Python",
        "hash": "of the catalogue in force",
        "simulated": "`true` for the sandbox's province, else `false`",
        "severity": "`S1` to `S4`, the worst first",
        "unit": "code of a unit below the province, or named in the catalogue; `_others`: all but the 200 largest",
        "timeliness": "of what was ended `early`, `on_time`, `overdue`; of what is open `in_time`, `overdue`",
        "period": "`today`, `month`, `year`, each so far; `official`: the latest with points of the national portal",
        "component": "id of a component of index 766 in `monitor/index766.yaml`",
        "source": "of points `own` or `official`; of forms `official`, `statistics` or `dossiers`",
        "figure": "of dossiers that are open: `pending`; of our own estimate: `index766`",
        "job_name": "of a calendar job (`job` would be Prometheus' own label)",
        "channel": "of dossiers `direct`, `online`, `post`, `any` where iGate's statistics do not say; of deliveries "
        "the id of a channel of messages in the catalogue, `heartbeat` for the dead man's switch, `grafana` for "
        "regions on boards",
    }
)
"""What a label's values are."""


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name, Kind.HISTOGRAM, text, labels, buckets)


_TABLE = (
    # a check
    _gauge("motcua_check_state", f"State of the check over its locations: {_STATE_HELP}.", "system", "check"),
    _gauge(
        "motcua_check_down_info",
        "1 while the check is down, with the step that fails and why; absent otherwise.",
        "system",
        "check",
        "step",
        "reason",
    ),
    _gauge(
        "motcua_check_last_outcome_timestamp_seconds",
        "Start of the latest recorded try, whatever it said.",
        "system",
        "check",
        "location",
    ),
    _gauge("motcua_check_interval_seconds", "Time from one scheduled try to the next.", "system", "check"),
    _counter("motcua_check_first_tries_total", "First tries of scheduled slots.", "system", "check", "result"),
    _counter("motcua_check_rechecks_total", "Tries repeated to confirm or refute a change.", "system", "check"),
    _gauge(
        "motcua_certificate_expiry_timestamp_seconds",
        "When the certificate that the check saw last ends.",
        "system",
        "check",
        "location",
    ),
    _gauge(
        "motcua_check_measured",
        "What the latest good try counted besides its verdict, such as published procedures.",
        "system",
        "check",
        "location",
        "gauge",
    ),
    # a system
    _gauge("motcua_system_info", "1; what the system is.", "system", "name", "party", "connector", "criticality"),
    _gauge("motcua_system_parent_info", "1; a system through which the system is reached.", "system", "parent"),
    _gauge("motcua_system_state", f"State of the system: {_STATE_HELP}.", "system"),
    _gauge("motcua_system_state_since_timestamp_seconds", "Since when the system is in its state.", "system"),
    _counter("motcua_system_failures_total", "First tries that failed.", "system", "step", "reason"),
    _histogram(
        "motcua_system_try_duration_seconds",
        "Duration of conclusive first tries, all steps together.",
        DURATION_BUCKETS,
        "system",
    ),
    _counter(
        "motcua_system_phase_seconds_total",
        "Time that conclusive first tries spent in each phase.",
        "system",
        "phase",
    ),
    _gauge("motcua_system_observed_seconds", f"Seconds with data {_WINDOW_HELP}.", "system", "window"),
    _gauge("motcua_system_down_seconds", f"Seconds down {_WINDOW_HELP}.", "system", "window"),
    _gauge("motcua_system_degraded_seconds", f"Seconds degraded {_WINDOW_HELP}.", "system", "window"),
    _gauge(
        "motcua_system_availability_ratio",
        f"(observed - down) / observed {_WINDOW_HELP}; absent where nothing was observed.",
        "system",
        "window",
    ),
    _gauge("motcua_system_coverage_ratio", f"Observed / scheduled seconds {_WINDOW_HELP}.", "system", "window"),
    _gauge("motcua_system_objective_ratio", "Availability that the contract promises; absent without.", "system"),
    # the watcher itself
    _counter("motcua_outcomes_total", "Outcomes recorded, rechecks too.", "verdict"),
    _counter("motcua_conflicts_total", "Second records of one identity, which are not kept (figures, section 1)."),
    _counter("motcua_slots_skipped_total", "Scheduled tries that were not made.", "location", "cause"),
    _counter("motcua_outcomes_dropped_total", "Outcomes lost because the broker was away for too long.", "location"),
    _counter("motcua_engine_errors_total", "Bugs of ours that the engine survived; see its log.", "location"),
    _counter(
        "motcua_batches_skewed_total",
        "Batches whose sender's clock differs by more than 2 s from the worker's.",
        "location",
    ),
    _counter(
        "motcua_clock_steps_total",
        "Outcomes whose start cannot be right, for a clock was stepped: not judged, from the future not even stored.",
        "location",
    ),
    _histogram(
        "motcua_start_lateness_seconds",
        "How long after its due instant a scheduled try started.",
        LATENESS_BUCKETS,
        "location",
    ),
    _gauge("motcua_build_info", "1; what runs.", "version", "python"),
    _gauge("motcua_catalogue_info", "1; the catalogue in force.", "hash", "simulated"),
    # incidents: what is counted once never goes back, or Prometheus takes it for a restart
    _gauge("motcua_incidents_open", "Incidents of the system that go on; 0 without.", "system", "severity"),
    _counter("motcua_incidents_total", "Incidents that began, by the party that answers for them.", "system", "party"),
    _counter("motcua_incident_down_seconds_total", "Down seconds of the system's own incidents.", "system"),
    _counter(
        "motcua_incident_acknowledge_seconds_total",
        "Time from detection to acknowledgement, of the acknowledged incidents.",
        "system",
    ),
    _counter("motcua_incidents_acknowledged_total", "Incidents that somebody acknowledged.", "system"),
    _counter("motcua_incident_fix_seconds_total", "Down seconds of the incidents that are over.", "system"),
    _counter("motcua_incidents_restored_total", "Incidents that are over.", "system"),
    _gauge(
        "motcua_system_response_term_seconds",
        "Time to answer that the contract in force promises; absent without.",
        "system",
        "severity",
    ),
    _gauge(
        "motcua_system_restoration_term_seconds",
        "Time to restore that the contract in force promises; absent without.",
        "system",
        "severity",
    ),
    _gauge(
        "motcua_maintenance_active",
        "1 while planned maintenance that the contract takes out is under way, else 0 (figures, section 5).",
        "system",
    ),
    # dossiers: as of the last complete collection; looked at once a minute, beside the scrapes
    _gauge("motcua_dossiers_unit_info", "1; a unit that has figures of its own.", "unit", "name"),
    _gauge(
        "motcua_dossiers_figures_timestamp_seconds", "As of when the figures of dossiers are; looked at once a minute."
    ),
    _gauge(
        "motcua_dossiers_provisional",
        "1 while what was open before the first day collected, and has not changed since, is missing; else 0.",
        "figure",
    ),
    _gauge(
        "motcua_dossiers_gone",
        "Dossiers that iGate has no more; they are still counted, in every figure.",
        "unit",
    ),
    _gauge(
        "motcua_dossiers_received",
        "Dossiers accepted in the period; without those of units that have their own figures.",
        "unit",
        "channel",
        "period",
    ),
    _gauge(
        "motcua_dossiers_resolved",
        "Dossiers ended in the period; absent where there are none.",
        "unit",
        "channel",
        "timeliness",
        "period",
    ),
    _gauge(
        "motcua_dossiers_pending",
        "Open dossiers; absent where there are none.",
        "unit",
        "channel",
        "timeliness",
    ),
    _gauge("motcua_dossiers_due_today", "Open dossiers due in what is left of the day.", "unit"),
    _gauge("motcua_dossiers_due_tomorrow", "Open dossiers due on the next day.", "unit"),
    _gauge(
        "motcua_dossiers_on_time_ratio",
        "Dossiers ended early or on time / ended in the period; absent where none was.",
        "unit",
        "period",
    ),
    _gauge("motcua_dossiers_submitted_online", "Dossiers submitted online this month, refused ones apart.", "unit"),
    _gauge(
        "motcua_dossiers_accepted_late",
        "Of these, those that waited for more than 8 working hours, or still wait so long.",
        "unit",
    ),
    _gauge(
        "motcua_dossiers_index766_points",
        "Points of a component: our own estimate, or the national portal's; absent where there are none.",
        "component",
        "period",
        "source",
    ),
    _gauge("motcua_dossiers_index766_max_points", "Points of a component at most.", "component", "period"),
    _gauge("motcua_dossiers_index766_numerator", "Numerator of our own estimate.", "component", "period"),
    _gauge("motcua_dossiers_index766_denominator", "Denominator of our own estimate.", "component", "period"),
    _gauge(
        "motcua_dossiers_form_violations",
        "Identities of form II.06a that do not hold in the last versions of all forms kept.",
        "source",
    ),
    _gauge(
        "motcua_dossiers_collected_timestamp_seconds",
        "When the last complete collection from the system began; absent before the first.",
        "system",
    ),
    _gauge("motcua_dossiers_collection_interval_seconds", "How often the catalogue has it collected.", "system"),
    # the watcher itself, and what it tells
    _gauge("motcua_job_last_success_timestamp_seconds", "When the job ended well last; 0: never.", "job_name"),
    _gauge("motcua_job_failures", "How often in a row the job has failed.", "job_name"),
    _gauge("motcua_location_blind", "1 while the location is blind, else 0 (figures, section 3).", "location"),
    _gauge("motcua_store_size_bytes", "Size of the database."),
    _counter("motcua_deliveries_total", "Attempts to deliver a message, by what came of them.", "channel", "result"),
    _gauge("motcua_deliveries_waiting", "Messages that are due and that no channel has taken yet."),
    _counter("motcua_deliveries_given_up_total", "Messages that no channel took in time, and that are given up."),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _TABLE})
"""Every metric by its name, in the order of docs/metrics.md."""


def metric(name: str) -> Metric:
    """The row of this name; raises KeyError where the table has none."""
    return METRICS[name]


def series_names() -> frozenset[str]:
    """Every name that PromQL may use."""
    return frozenset(name for metric in _TABLE for name in metric.series_names)

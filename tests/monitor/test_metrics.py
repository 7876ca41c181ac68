"""/metrics says what the store holds, under the names, labels and types of the one table."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors import engine
from monitor import __version__, kpis, metrics
from monitor.catalogue import Catalogue
from monitor.dossiers import Channel, Counts, Dossier, Form, Row, Source, Status, Unit
from monitor.incident_rules import FactKind, IncidentRules, IncidentState
from monitor.index766 import OfficialScore
from monitor.jobs import Ran
from monitor.metric_names import DURATION_BUCKETS, LABELS, LATENESS_BUCKETS, METRICS, STATE_VALUES, Kind
from monitor.metrics import Exporter
from monitor.model import CONTROL_SYSTEM, Gauge, Outcome, Reason
from monitor.status import DAY
from monitor.store import LATENCY_BUCKETS, Store, StoreError
from monitor.store.dossiers import Progress
from tests.monitor.province import CATALOGUE, NOW, load, outcome, series_of_a_day, store_in
from tests.monitor.store.test_outbox import World

STATISTICS = {
    "starts@office": 8,
    "start_lateness_us@office": 61_500,
    "start_lateness_le_0.001@office": 5,
    "start_lateness_le_0.05@office": 2,
    "start_lateness_le_+Inf@office": 1,
    "slots_overrun@office": 2,
    "slots_late@office": 3,
    "slots_capacity@office": 4,
    "slots_unknown_check@office": 5,
    "outcomes_dropped@office": 6,
    "engine_errors@office": 7,
    "batches_skewed@branch": 8,
}


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as store:
        yield store


class Scrape:
    """One answer of /metrics, read by somebody else's parser."""

    def __init__(self, catalogue: Catalogue, store: Store, now: float = NOW, exporter: Exporter | None = None) -> None:
        self.text = (exporter or self.exporter(catalogue, store, now)).text().decode()
        self.families = {family.name: family for family in text_string_to_metric_families(self.text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    @staticmethod
    def exporter(catalogue: Catalogue, store: Store, now: float = NOW) -> Exporter:
        made = Exporter(catalogue, store, lambda: now)
        made.look_at_dossiers()
        return made

    def value(self, name: str, **labels: str) -> float | None:
        """The one sample of exactly these labels; None where there is none."""
        found = [s.value for s in self.samples if s.name == name and s.labels == labels]
        assert len(found) < 2
        return found[0] if found else None

    def all(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        return {tuple(s.labels[label] for label in labels): s.value for s in self.samples if s.name == name}


@pytest.fixture
def scrape(catalogue: Catalogue, store: Store) -> Scrape:
    store.record([measured(o) for o in series_of_a_day()], catalogue.settings, STATISTICS)
    return Scrape(catalogue, store)


def measured(outcome: Outcome) -> Outcome:
    """The same, and its first step has counted something."""
    first, *others = outcome.steps
    gauges = ((Gauge.PROCEDURES, 1808.0), (Gauge.CERTIFICATE_NOT_AFTER, outcome.started_at / 1000 + 86_400))
    return replace(outcome, steps=(replace(first, gauges=gauges), *others))


def test_gauges_are_those_of_the_latest_try(catalogue: Catalogue, store: Store) -> None:
    """Whatever the order in which the tries come."""
    outcomes = [measured(o) for o in series_of_a_day()]
    for part in (outcomes[len(outcomes) // 2 :], outcomes[: len(outcomes) // 2]):
        store.record(part, catalogue.settings, {})
    latest = max(o.started_at for o in outcomes if (o.system, o.check, o.location) == ("igate", "search", "office"))
    labels = {"system": "igate", "check": "search", "location": "office"}
    samples = Scrape(catalogue, store).samples
    assert [s.value for s in samples if s.labels == labels and s.name.startswith("motcua_certificate")] == [
        latest / 1000 + 86_400
    ]
    assert [s.value for s in samples if s.labels == {**labels, "gauge": "procedures"}] == [1808.0]


def test_incidents_are_counted_once_settled_and_never_less(catalogue: Catalogue, store: Store) -> None:
    rules, igate = IncidentRules(catalogue), {"system": "igate"}
    store.incidents.clock = lambda: NOW - 170
    store.record(series_of_a_day(), catalogue.settings, {}, rules)
    just_now = Scrape(catalogue, store, NOW - 150)
    assert just_now.all("motcua_incidents_open", "system", "severity")["igate", "S2"] == 1
    assert just_now.value("motcua_incidents_total", **igate, party="vendor") == 0  # a parent might still take it
    assert just_now.value("motcua_location_blind", location="office") == 0
    (incident,) = store.incidents.list(NOW - 600, NOW)
    store.incidents.clock = lambda: NOW - 110
    store.incidents.add_fact(incident.id, FactKind.ACKNOWLEDGED, "truc_ban")
    now = Scrape(catalogue, store)
    assert now.value("motcua_incidents_total", **igate, party="vendor") == 1
    assert now.value("motcua_incident_down_seconds_total", **igate) == 180
    assert now.value("motcua_incidents_acknowledged_total", **igate) == 1
    assert now.value("motcua_incident_acknowledge_seconds_total", **igate) == 60
    assert now.value("motcua_incidents_restored_total", **igate) == 0
    good = [outcome("igate", "search", NOW + second) for second in (0, 60)]
    store.record(good, catalogue.settings, {}, rules)
    assert Scrape(catalogue, store, NOW + 599).value("motcua_incidents_restored_total", **igate) == 0
    exporter = Scrape.exporter(catalogue, store, NOW + 601)
    over = Scrape(catalogue, store, exporter=exporter)
    assert over.value("motcua_incidents_restored_total", **igate) == 1
    assert over.value("motcua_incident_fix_seconds_total", **igate) == 180
    assert over.all("motcua_incidents_open", "system", "severity")["igate", "S2"] == 0
    # An outcome that comes late says that there was none: what was counted stays counted.
    late = [outcome("igate", "search", NOW - 179 + minute, try_=9) for minute in (0, 2, 60, 120)]
    store.record(late, catalogue.settings, {}, rules)
    assert store.incidents.list(NOW - 600, NOW)[0].state is IncidentState.WITHDRAWN
    assert Scrape(catalogue, store, exporter=exporter).value("motcua_incidents_restored_total", **igate) == 1


def test_maintenance_that_the_contract_takes_out_is_said(catalogue: Catalogue, store: Store) -> None:
    store.maintenance.add(["portal"], [(NOW - 60, NOW + 60)], NOW - 30 * DAY, at=NOW, by="truc_ban")
    assert Scrape(catalogue, store).value("motcua_maintenance_active", system="portal") == 0  # has no contract
    for days, expected in ((0, 0), (30, 1)):
        store.maintenance.add(["igate"], [(NOW - 60, NOW + 60)], NOW - days * DAY, at=NOW, by="truc_ban")
        assert Scrape(catalogue, store).value("motcua_maintenance_active", system="igate") == expected


IGATE = """
  dossier_software:
    name: {vi: Phần mềm hồ sơ, en: Dossier software}
    owner: centre
    party: vendor
    connector: igate
    options: {gateway_url: "http://127.0.0.1:9", login: false}
    checks: {search: {options: {steps: [search]}}}
"""
STATE_HOURS = """
calendars:
  state: {hours: {thu: ["07:00-11:00", "13:00-17:00"]}, years: {2026: {confirmed: true, days: []}}}
dossiers: {every: 15m}
"""


@pytest.fixture
def collecting(tmp_path: Path) -> Catalogue:
    """The province, and an iGate whose dossiers are collected."""
    return load(tmp_path, CATALOGUE + IGATE + STATE_HOURS)


@pytest.fixture
def whole(collecting: Catalogue, store: Store) -> Scrape:
    """With dossiers: today two online and one at the desk; one of these is ended early, one waits since 7:00."""
    store.record([measured(o) for o in series_of_a_day()], collecting.settings, STATISTICS)
    keep_dossiers(store)
    return Scrape(collecting, store)


def keep_dossiers(store: Store) -> None:
    book, due = store.dossiers, NOW + 8 * DAY
    seven, noon = NOW - 5 * 3600, NOW - 60
    rows = [
        Dossier("H00-1", "A", "p", "s", Channel.ONLINE, Status.RETURNED, seven, seven + 60, due, noon, noon),
        Dossier("H00-2", "A", "p", "s", Channel.ONLINE, Status.PROCESSING, seven, noon, due, None, noon),
        Dossier("H00-3", "A", "p", "s", Channel.DIRECT, Status.PROCESSING, noon, noon, NOW - 90, None, noon),
    ]
    units = [Unit("A", "Sở Mẫu")]
    done = Progress("dossier_software", NOW - 30, since=0, until=NOW - 30)
    book.keep(rows, ZoneInfo("Asia/Ho_Chi_Minh"), units=units, progress=done)
    september = date(2026, 9, 1), date(2026, 10, 1)
    book.keep_scores(*september, [OfficialScore("", "2.1", Fraction(39, 2))], at=NOW, by="thu")
    form = Form(*september, Source.OFFICIAL, (Row("Sở Mẫu", "A", Counts(3, 1, 1, 0, 2, 1, 1, 0, 1, 1, 0)),))
    book.keep_form(form, book.checked(form), at=NOW, by="thu")
    store.job_runs.keep("dossiers_dossier_software", Ran(NOW - 100.0, NOW - 30.0, NOW - 20.0))


def test_figures_of_dossiers(whole: Scrape) -> None:
    def of(name: str, *labels: str) -> dict[tuple[str, ...], float]:
        return whole.all(f"motcua_dossiers_{name}", *labels)

    assert of("unit_info", "unit", "name") == {("A", "Sở Mẫu"): 1}
    assert of("received", "channel", "period")["online", "today"] == 2
    assert of("received", "channel", "period")["direct", "year"] == 1
    assert of("resolved", "channel", "timeliness", "period") == {
        ("online", "early", period): 1 for period in ("today", "month", "year")
    }
    assert of("pending", "channel", "timeliness") == {("online", "in_time"): 1, ("direct", "overdue"): 1}
    assert of("on_time_ratio", "unit", "period") == {("A", period): 1 for period in ("today", "month", "year")}
    assert (of("due_today", "unit"), of("due_tomorrow", "unit")) == ({("A",): 0}, {("A",): 0})
    assert (of("submitted_online", "unit"), of("accepted_late", "unit")) == ({("A",): 2}, {("A",): 0})
    assert of("index766_points", "component", "period", "source") == {
        ("2.1", "month", "own"): pytest.approx(40 / 3),
        ("2.1", "official", "official"): 19.5,
    }
    assert of("index766_numerator", "component", "period") == {("2.1", "month"): 2}
    assert of("index766_denominator", "component", "period") == {("2.1", "month"): 3}
    assert of("form_violations", "source") == {("official",): 1}
    assert of("collected_timestamp_seconds", "system") == {("dossier_software",): NOW - 30}
    assert of("collection_interval_seconds", "system") == {("dossier_software",): 900}
    assert whole.value("motcua_dossiers_figures_timestamp_seconds") == NOW - 30
    job = {"job_name": "dossiers_dossier_software"}
    assert whole.value("motcua_job_last_success_timestamp_seconds", **job) == NOW - 20
    assert whole.value("motcua_job_failures", **job) == 0


def test_dossiers_are_counted_beside_the_scrapes_and_when_something_came_in(
    collecting: Catalogue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_dossiers(store)
    counted: list[int] = []
    read = kpis.read

    def noted(catalogue: Catalogue, store: Store, now: int) -> kpis.Kpis | None:
        counted.append(now)
        return read(catalogue, store, now)

    monkeypatch.setattr(kpis, "read", noted)
    clock = [float(NOW)]
    exporter = Exporter(collecting, store, lambda: clock[0])

    def received() -> float | None:
        found = Scrape(collecting, store, exporter=exporter).all("motcua_dossiers_received", "channel", "period")
        return found.get(("online", "today"))

    assert (received(), counted) == (None, [])  # a scrape counts nothing itself
    exporter.look_at_dossiers()
    assert (received(), received(), counted) == (2, 2, [NOW])
    later = Progress("dossier_software", NOW + 10, since=0, until=NOW + 10)
    more = Dossier("H00-4", "A", "p", "s", Channel.ONLINE, Status.PROCESSING, NOW, NOW, None, None, NOW)
    store.dossiers.keep([more], ZoneInfo("Asia/Ho_Chi_Minh"), progress=later)
    assert received() == 2
    clock[0] = NOW + 60
    exporter.look_at_dossiers()
    assert received() == 3
    exporter.look_at_dossiers()
    assert counted == [NOW, NOW + 60]
    store.dossiers.mark_gone(["H00-4"])
    store.dossiers.looked_for_gone(NOW + 70)
    exporter.look_at_dossiers()
    found = Scrape(collecting, store, exporter=exporter).all("motcua_dossiers_gone", "unit")
    assert (found, received()) == ({("A",): 1}, 3)


def test_a_look_that_fails_leaves_the_last_figures(
    collecting: Catalogue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_dossiers(store)
    exporter, stop, looks = Exporter(collecting, store, lambda: NOW), threading.Event(), list[int]()
    mark = store.dossiers.read_mark

    def away() -> tuple[int | None, ...]:
        looks.append(1)
        if len(looks) == 3:
            stop.set()
        if len(looks) > 1:
            raise StoreError("the store is away")
        return mark()

    monkeypatch.setattr(store.dossiers, "read_mark", away)
    monkeypatch.setattr(metrics, "KPIS_KEPT", 0)
    exporter.run(stop)
    assert len(looks) == 3
    assert Scrape(collecting, store, exporter=exporter).value("motcua_dossiers_figures_timestamp_seconds") == NOW - 30


@pytest.mark.parametrize(("since", "provisional"), [(0, 0), (NOW - 100 * DAY, 1)])
def test_what_is_known_in_part_is_marked_provisional(
    since: int, provisional: int, collecting: Catalogue, store: Store
) -> None:
    keep_dossiers(store)
    store.dossiers.keep((), ZoneInfo("UTC"), progress=Progress("dossier_software", NOW, since=since, until=NOW - 30))
    found = Scrape(collecting, store).all("motcua_dossiers_provisional", "figure")
    assert found == {("pending",): provisional, ("index766",): provisional}


def test_statistics_are_a_collection_too(tmp_path: Path, store: Store) -> None:
    counted = load(tmp_path, CATALOGUE + IGATE + STATE_HOURS.replace("15m", "15m, source: statistics"))
    form = Form(date(2026, 10, 1), date(2026, 11, 1), Source.STATISTICS, (Row("Sở Mẫu", "A", Counts()),))
    store.dossiers.keep_form(form, (), at=NOW - 7, by="jobs", in_place=True)
    found = Scrape(counted, store).all("motcua_dossiers_collected_timestamp_seconds", "system")
    assert found == {("dossier_software",): NOW - 7}


def test_what_was_never_collected_or_done_says_so(collecting: Catalogue, store: Store) -> None:
    store.job_runs.keep("dossiers_dossier_software", Ran(NOW - 100.0).badly(NOW - 50.0))
    scrape = Scrape(collecting, store)
    job = {"job_name": "dossiers_dossier_software"}
    assert scrape.value("motcua_job_last_success_timestamp_seconds", **job) == 0
    assert scrape.value("motcua_job_failures", **job) == 1
    assert scrape.all("motcua_dossiers_collected_timestamp_seconds", "system") == {}
    assert {s.name for s in scrape.samples if "dossiers" in s.name} == {"motcua_dossiers_collection_interval_seconds"}


def test_deliveries_are_those_of_the_outbox(tmp_path: Path) -> None:
    w = World(tmp_path)
    results = {(c, r): 0.0 for c in ("hook", "mail", "off") for r in ("ok", "failed")}
    assert Scrape(w.catalogue, w.store, w.now).all("motcua_deliveries_total", "channel", "result") == results
    w.run("portal", "home", "+---", every=2)
    scrape = Scrape(w.catalogue, w.store, w.now)
    assert scrape.value("motcua_deliveries_waiting") == 1
    row = w.store.outbox.claim("hook", w.now * 1000)
    assert row is not None
    w.store.outbox.failed(row, "no", w.now * 1000, w.now * 1000)
    assert Scrape(w.catalogue, w.store, w.now).value("motcua_deliveries_waiting") == 1  # it is to be tried again
    w.send()
    w.store.outbox.count("heartbeat", "ok")
    scrape = Scrape(w.catalogue, w.store, w.now)
    results |= {("hook", "ok"): 1, ("hook", "failed"): 1, ("heartbeat", "ok"): 1, ("heartbeat", "failed"): 0}
    assert scrape.all("motcua_deliveries_total", "channel", "result") == results
    assert (scrape.value("motcua_deliveries_waiting"), scrape.value("motcua_deliveries_given_up_total")) == (0, 0)
    w.run("portal", "home", "++", every=2)
    row = w.store.outbox.claim("hook", w.now * 1000)
    assert row is not None
    w.store.outbox.failed(row, "no", None, w.now * 1000)
    assert Scrape(w.catalogue, w.store, w.now).value("motcua_deliveries_given_up_total") == 1
    w.store.close()


def test_every_name_of_the_table_is_there_and_no_other(whole: Scrape) -> None:
    exported = {family.name + ("_total" if family.type == "counter" else "") for family in whole.families.values()}
    assert exported == set(METRICS)


def test_types_helps_and_labels_are_those_of_the_table(whole: Scrape) -> None:
    for row in METRICS.values():
        family = whole.families[row.name.removesuffix("_total") if row.kind is Kind.COUNTER else row.name]
        assert (family.type, family.documentation) == (row.kind, row.help)
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == set(row.labels), sample
            assert sample.name in row.series_names
    assert all(label in LABELS for row in METRICS.values() for label in row.labels)


def test_no_series_twice(whole: Scrape) -> None:
    series = [(s.name, tuple(sorted(s.labels.items()))) for s in whole.samples]
    assert len(series) == len(set(series))


def test_a_check_costs_at_most_twelve_series(scrape: Scrape) -> None:
    mine = [s for s in scrape.samples if s.labels.get("system") == "igate" and s.labels.get("check") == "search"]
    assert 0 < len(mine) <= 12


def test_who_counts_and_who_shows_have_the_same_buckets(scrape: Scrape) -> None:
    assert LATENCY_BUCKETS == DURATION_BUCKETS
    assert engine.LATENESS_BUCKETS == LATENESS_BUCKETS
    for name, buckets in (
        ("motcua_system_try_duration_seconds", DURATION_BUCKETS),
        ("motcua_start_lateness_seconds", LATENESS_BUCKETS),
    ):
        limits = {float(s.labels["le"]) for s in scrape.samples if s.name == f"{name}_bucket"}
        assert limits == {*buckets, float("inf")}


def test_an_empty_store_says_what_is_watched_and_no_more(catalogue: Catalogue, store: Store) -> None:
    scrape = Scrape(catalogue, store)
    assert scrape.all("motcua_system_state", "system") == {("igate",): -1, ("portal",): -1}
    assert scrape.all("motcua_system_availability_ratio", "system", "window") == {}
    assert scrape.all("motcua_check_last_outcome_timestamp_seconds", "system") == {}
    assert scrape.all("motcua_system_state_since_timestamp_seconds", "system") == {}
    assert scrape.value("motcua_system_observed_seconds", system="igate", window="1d") == 0
    assert scrape.value("motcua_system_coverage_ratio", system="igate", window="1d") == 0


# --- states -----------------------------------------------------------------------------------------------------------


def test_states(scrape: Scrape) -> None:
    assert scrape.all("motcua_system_state", "system") == {
        ("igate",): STATE_VALUES["down"],
        ("portal",): STATE_VALUES["up"],
    }
    assert scrape.all("motcua_check_state", "system", "check") == {
        ("igate", "search"): 0,
        ("igate", "login"): 2,
        ("igate", "forms"): 1,
        ("portal", "home"): 2,
    }


def test_what_is_down_says_step_and_reason_and_nothing_else_has_any(scrape: Scrape) -> None:
    assert scrape.all("motcua_check_down_info", "system", "check", "step", "reason") == {
        ("igate", "search", "request", "http_5xx"): 1
    }
    assert scrape.value("motcua_system_state_since_timestamp_seconds", system="igate") == NOW - 180
    assert scrape.value("motcua_system_state_since_timestamp_seconds", system="portal") == NOW - 599


def test_info_has_the_names_for_people(scrape: Scrape) -> None:
    labels = ("system", "name", "party", "connector", "criticality")
    assert scrape.all("motcua_system_info", *labels) == {
        ("igate", "Một cửa điện tử", "vendor", "http", "high"): 1,
        ("portal", "Cổng dịch vụ công", "centre", "http", "medium"): 1,
    }


def test_the_latest_try_of_everything_that_is_asked(scrape: Scrape) -> None:
    assert scrape.all("motcua_check_last_outcome_timestamp_seconds", "system", "check", "location") == {
        ("igate", "search", "office"): NOW - 60,
        ("igate", "login", "office"): NOW - 59,
        ("igate", "forms", "office"): NOW - 58,
        ("portal", "home", "office"): NOW - 59,
        ("portal", "home", "branch"): NOW - 59,
        (CONTROL_SYSTEM, "gateway", "office"): NOW - 59,
    }


def test_the_interval_beside_each_of_them(scrape: Scrape) -> None:
    """The rule MotcuaNoOutcome compares the two: one without the other would never, or always, fire."""
    intervals = scrape.all("motcua_check_interval_seconds", "system", "check")
    assert intervals.keys() >= {
        labels[:2]
        for labels in scrape.all("motcua_check_last_outcome_timestamp_seconds", "system", "check", "location")
    }
    assert intervals["igate", "search"] == 60
    assert intervals[CONTROL_SYSTEM, "gateway"] == 30


def test_what_left_the_catalogue_is_forgotten(tmp_path: Path, catalogue: Catalogue, store: Store) -> None:
    """Else a location that was renamed would look silent for ever."""
    store.record(
        [
            outcome("portal", "home", NOW - 9000, location="branch"),
            outcome("retired", "home", NOW - DAY),
            outcome("igate", "search", NOW - 30, Reason.HTTP_4XX),
        ],
        catalogue.settings,
    )
    fewer = load(
        tmp_path, CATALOGUE.replace("home: {options: {path: /}}", "home: {options: {path: /}, locations: [office]}")
    )
    scrape = Scrape(fewer, store)
    assert scrape.all("motcua_check_last_outcome_timestamp_seconds", "system", "location") == {
        ("igate", "office"): NOW - 30
    }
    renamed = load(tmp_path, CATALOGUE.replace("igate:", "one_stop:"))
    assert not [s for s in Scrape(renamed, store).samples if s.labels.get("system") == "igate"]


# --- windows ----------------------------------------------------------------------------------------------------------


def test_the_seconds_of_a_window_and_their_ratios(scrape: Scrape) -> None:
    # portal: good from the first second on
    assert scrape.value("motcua_system_observed_seconds", system="portal", window="1d") == 599
    assert scrape.value("motcua_system_availability_ratio", system="portal", window="1d") == 1
    assert scrape.value("motcua_system_coverage_ratio", system="portal", window="1d") == pytest.approx(599 / DAY)
    # igate: login from second 1 on, search 540 s of 600 (an inconclusive try took away one minute), down for 180
    assert scrape.value("motcua_system_down_seconds", system="igate", window="1d") == 180
    assert scrape.value("motcua_system_observed_seconds", system="igate", window="1d") == 539
    assert scrape.value("motcua_system_availability_ratio", system="igate", window="30d") == pytest.approx(359 / 539)
    assert scrape.value("motcua_system_coverage_ratio", system="igate", window="30d") == pytest.approx(539 / 30 / DAY)
    # degraded: forms is slow from second 2 on, whenever the critical ones are up; then search itself was
    assert scrape.value("motcua_system_degraded_seconds", system="igate", window="1d") == 358


def test_an_outage_leaves_the_day_and_stays_in_the_month(catalogue: Catalogue, store: Store) -> None:
    old = NOW - 3 * DAY
    store.record(
        [
            *(
                outcome("portal", "home", old + at, Reason.HTTP_5XX, location=place)
                for at in (0, 60, 120)
                for place in ("office", "branch")
            ),
            *(outcome("portal", "home", NOW - 60, location=place) for place in ("office", "branch")),
        ],
        catalogue.settings,
    )
    scrape = Scrape(catalogue, store)
    assert scrape.value("motcua_system_down_seconds", system="portal", window="1d") == 0
    assert scrape.value("motcua_system_down_seconds", system="portal", window="30d") == 120 + 130  # and one hold
    assert scrape.value("motcua_system_availability_ratio", system="portal", window="1d") == 1


def test_objectives(scrape: Scrape) -> None:
    assert scrape.all("motcua_system_objective_ratio", "system") == {("igate",): 0.995}


# --- counts -----------------------------------------------------------------------------------------------------------


def test_first_tries_and_rechecks_of_a_check(scrape: Scrape) -> None:
    assert scrape.all("motcua_check_first_tries_total", "system", "check", "result") == {
        ("igate", "search", "ok"): 6,
        ("igate", "search", "failed"): 3,
        ("igate", "search", "inconclusive"): 1,
        **{("igate", check, "ok"): 10 for check in ("login", "forms")},
        **{("igate", check, result): 0 for check in ("login", "forms") for result in ("failed", "inconclusive")},
        ("portal", "home", "ok"): 20,  # from two locations
        ("portal", "home", "failed"): 0,
        ("portal", "home", "inconclusive"): 0,
    }
    rechecks = scrape.all("motcua_check_rechecks_total", "system", "check")
    assert rechecks["igate", "search"] == 2
    assert sum(rechecks.values()) == 2


def test_failures_are_first_tries_that_failed(scrape: Scrape) -> None:
    """Neither slow ones, which are good, nor those that say nothing of the system."""
    assert scrape.all("motcua_system_failures_total", "system", "step", "reason") == {
        ("igate", "request", "http_5xx"): 2,
        ("igate", "request", "read_timeout"): 1,
    }
    failed = sum(scrape.all("motcua_system_failures_total", "system", "step", "reason").values())
    results = scrape.all("motcua_check_first_tries_total", "system", "check", "result")
    assert failed == sum(count for (*_, result), count in results.items() if result == "failed")


def test_durations_of_conclusive_first_tries(scrape: Scrape) -> None:
    buckets = scrape.all("motcua_system_try_duration_seconds_bucket", "system", "le")
    igate = {float(limit): count for (system, limit), count in buckets.items() if system == "igate"}
    # login 10 and search 5 + 3 of 0.2 s, forms 10 of 3 s, search 1 of 7 s; the inconclusive one is not there
    assert igate == {0.05: 0, 0.1: 0, 0.25: 18, 0.5: 18, 1: 18, 2.5: 18, 5: 28, 10: 29, float("inf"): 29}
    assert scrape.value("motcua_system_try_duration_seconds_count", system="igate") == 29
    total = scrape.value("motcua_system_try_duration_seconds_sum", system="igate")
    assert total is not None
    assert total == pytest.approx(18 * 0.2 + 10 * 3 + 7)
    phases = scrape.all("motcua_system_phase_seconds_total", "system", "phase")
    assert [phases["igate", phase] for phase in ("dns", "connect", "tls", "wait", "transfer")] == pytest.approx(
        [0.29, 0.58, 0.87, total - 2.9, 1.16]
    )


def test_the_watcher_itself(scrape: Scrape) -> None:
    assert scrape.all("motcua_outcomes_total", "verdict") == {
        ("up",): 45, ("degraded",): 11, ("down",): 5, ("inconclusive",): 1,
    }  # fmt: skip
    assert scrape.all("motcua_slots_skipped_total", "location", "cause") == {
        ("office", "overrun"): 2, ("office", "late"): 3, ("office", "capacity"): 4, ("office", "unknown_check"): 5,
        ("branch", "overrun"): 0, ("branch", "late"): 0, ("branch", "capacity"): 0, ("branch", "unknown_check"): 0,
    }  # fmt: skip
    for name, expected in (
        ("motcua_outcomes_dropped_total", (6, 0)),
        ("motcua_engine_errors_total", (7, 0)),
        ("motcua_batches_skewed_total", (0, 8)),
    ):
        assert scrape.all(name, "location") == dict(zip([("office",), ("branch",)], expected, strict=True))
    assert list(scrape.all("motcua_build_info", "version")) == [(__version__,)]


def test_lateness_is_cumulative(scrape: Scrape) -> None:
    buckets = scrape.all("motcua_start_lateness_seconds_bucket", "location", "le")
    office = {float(limit): count for (place, limit), count in buckets.items() if place == "office"}
    assert office == {
        limit: 5 if limit < 0.05 else 7 for limit in LATENESS_BUCKETS
    } | {float("inf"): 8}  # fmt: skip
    assert scrape.value("motcua_start_lateness_seconds_sum", location="office") == pytest.approx(0.0615)


def test_a_second_record_of_one_identity_is_a_conflict(catalogue: Catalogue, store: Store) -> None:
    one = outcome("igate", "search", NOW - 60)
    other = outcome("igate", "search", NOW - 59.5, Reason.HTTP_5XX, late=0.5)
    assert one.due_at == other.due_at
    store.record([one], catalogue.settings)
    store.record([one, other], catalogue.settings)
    scrape = Scrape(catalogue, store)
    assert scrape.value("motcua_conflicts_total") == 1
    assert scrape.value("motcua_outcomes_total", verdict="down") == 0


def test_what_a_stepped_clock_brings_is_counted_by_location(catalogue: Catalogue, store: Store) -> None:
    from_the_future = outcome("igate", "search", NOW + 60)
    too_late = outcome("igate", "search", NOW - 3600, late=3000)
    store.record([from_the_future, too_late], catalogue.settings, received_at=int(NOW))
    scrape = Scrape(catalogue, store)
    assert scrape.all("motcua_clock_steps_total", "location") == {("office",): 2, ("branch",): 0}
    assert sum(scrape.all("motcua_outcomes_total", "verdict").values()) == 1, "one of them is not stored"


def test_the_catalogue_in_force(scrape: Scrape, catalogue: Catalogue) -> None:
    assert scrape.all("motcua_catalogue_info", "hash", "simulated") == {(catalogue.hash, "true"): 1}


def test_counters_survive_another_store_object(tmp_path: Path, catalogue: Catalogue, scrape: Scrape) -> None:
    with store_in(tmp_path) as reopened:
        again = Scrape(catalogue, reopened)
    assert again.samples == scrape.samples


def test_a_scrape_costs_no_more_with_more_outcomes(catalogue: Catalogue, store: Store) -> None:
    """It reads lines, boundaries and counts; the table of outcomes could be gone."""
    store.record(series_of_a_day(), catalogue.settings)
    before = Scrape(catalogue, store).text
    from sqlalchemy import text

    with store._database.writing() as connection:
        connection.execute(text("DELETE FROM outcomes"))
    assert Scrape(catalogue, store).text == before


def test_an_order_of_arrival_does_not_show(tmp_path: Path, catalogue: Catalogue) -> None:
    texts = set()
    for number, order in enumerate(itertools.islice(_orders(series_of_a_day()), 3)):
        folder = tmp_path / str(number)
        with store_in(folder) as store:
            for one in order:
                store.record([one], catalogue.settings)
            texts.add("\n".join(sorted(Scrape(catalogue, store).text.splitlines())))
    assert len(texts) == 1


def _orders(outcomes: Sequence[Outcome]) -> Iterator[Sequence[Outcome]]:
    yield outcomes
    yield outcomes[::-1]
    yield [*outcomes[1::2], *outcomes[::2]]

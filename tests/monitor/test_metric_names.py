"""The table of metrics keeps Prometheus' conventions and our own rules about labels."""

from __future__ import annotations

import re

import pytest

from connectors import engine
from monitor.metric_names import (
    DURATION_BUCKETS,
    LABELS,
    LATENESS_BUCKETS,
    METRICS,
    STATE_VALUES,
    Kind,
    Metric,
    metric,
    series_names,
)
from monitor.model import State
from monitor.store import schema

FORBIDDEN_LABELS = {"url", "host", "message", "error", "address"}  # values that a watched system could choose


@pytest.mark.parametrize("row", METRICS.values(), ids=METRICS.keys())
def test_names_follow_the_conventions(row: Metric) -> None:
    assert re.fullmatch(r"motcua(_[a-z0-9]+)+", row.name)
    assert row.name.endswith("_total") == (row.kind is Kind.COUNTER)
    assert not row.name.endswith(("_bucket", "_sum", "_count"))
    assert not re.search(r"_(ms|millis|milliseconds|percent|minutes|hours)(_|$)", row.name)
    assert row.help.endswith(".")
    assert len(row.help) < 120


@pytest.mark.parametrize("row", METRICS.values(), ids=METRICS.keys())
def test_labels_are_few_explained_and_closed(row: Metric) -> None:
    assert len(set(row.labels)) == len(row.labels) <= 5
    assert set(row.labels) <= LABELS.keys() - FORBIDDEN_LABELS - {"le"}
    assert ("name" in row.labels) <= row.name.endswith("_info")


def test_every_label_is_used() -> None:
    assert LABELS.keys() == {label for row in METRICS.values() for label in row.labels}


@pytest.mark.parametrize("row", METRICS.values(), ids=METRICS.keys())
def test_histograms_alone_have_buckets_and_they_rise(row: Metric) -> None:
    assert bool(row.buckets) == (row.kind is Kind.HISTOGRAM)
    assert list(row.buckets) == sorted(set(row.buckets))


def test_those_who_count_have_the_same_buckets() -> None:
    assert schema.LATENCY_BUCKETS == DURATION_BUCKETS
    assert engine.LATENESS_BUCKETS == LATENESS_BUCKETS


def test_a_check_at_one_location_costs_at_most_twelve_series() -> None:
    per_check = [row for row in METRICS.values() if {"system", "check"} <= set(row.labels)]
    assert sum(3 if "result" in row.labels else 1 for row in per_check) <= 12


def test_every_state_has_its_number_and_the_worse_is_smaller() -> None:
    assert STATE_VALUES.keys() == {state.value for state in State}
    assert STATE_VALUES["down"] < STATE_VALUES["degraded"] < STATE_VALUES["up"]


def test_look_up() -> None:
    assert metric("motcua_system_state").labels == ("system",)
    with pytest.raises(KeyError):
        metric("motcua_system_stat")
    assert {"motcua_system_state", "motcua_start_lateness_seconds_bucket"} <= series_names()
    assert "motcua_start_lateness_seconds" not in series_names()

"""What the tests of boards and rules read out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
import yaml

from dashboards import build
from monitor.metric_names import METRICS

ALL_BOARDS = {name: board() for name, board in build.BOARDS.items()}

RULES = [
    rule
    for group in yaml.safe_load((build.ROOT / "dashboards/prometheus/rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
RECORDED: Mapping[str, str] = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = [rule for rule in RULES if "alert" in rule]

VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "6h",
    "$__interval": "1m",
    "$system": ".*",
    "$bus": ".*",
    "$location": ".*",
    "$unit": ".*",
    "$period": "month",
}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (panel for panel in board["panels"] if panel["type"] != "row")


def targets(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (target for panel in panels(board) for target in panel["targets"])


def expressions(board: dict[str, Any]) -> Iterator[str]:
    """All PromQL of a board: that of its panels and that of its regions."""
    yield from (target["expr"] for target in targets(board))
    yield from (annotation["expr"] for annotation in board["annotations"]["list"])


def as_promql(expression: str) -> str:
    """The expression with Grafana's variables replaced, as Prometheus would receive it."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def names(expression: str) -> set[str]:
    """The metrics and recorded series that an expression asks for."""
    return set(selectors(promql_parser.parse(as_promql(expression))))


def selectors(expression: Any) -> Iterator[str]:
    """Names of the metrics in a parsed expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression.name or ""
    for attribute in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(expression, attribute, None)
        if child is not None:
            yield from selectors(child)
    for argument in getattr(expression, "args", None) or []:
        yield from selectors(argument)


# --- what a monitor can answer that has run for a minute --------------------------------------------------------------


_LATER = {
    "motcua_deliveries_total",  # the catalogue of these tests names no channel
    "motcua_incidents_acknowledged_total",  # nobody acknowledges anything there
    # dossiers are collected, and jobs run, in a live test of their own
    *(name for name in METRICS if name.startswith(("motcua_dossiers_", "motcua_job_"))),
    "motcua_incidents_restored_total",  # counts once nothing reopens it any more, ten minutes later
}


def _answerable(expression: str) -> bool:
    """Not what comes later, and never what only a monitor knows that was there yesterday."""
    settled = "> 0.5)" in expression  # means of incidents that are over, or answered: there are none yet
    return not (names(expression) & _LATER or " offset " in expression or settled)


def _young(board: dict[str, Any]) -> dict[str, Any]:
    """The board without what `_answerable` leaves out."""
    kept = [
        {**panel, "targets": [target for target in panel.get("targets", []) if _answerable(target["expr"])]}
        for panel in board["panels"]
    ]
    return {**board, "panels": [panel for panel in kept if panel["targets"] or panel["type"] == "row"]}


BOARDS = {name: _young(board) for name, board in ALL_BOARDS.items()}

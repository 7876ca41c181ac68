"""What the tests of boards and rules read out of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser

from dashboards import build

BOARDS = {name: board() for name, board in build.BOARDS.items()}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (panel for panel in board["panels"] if panel["type"] != "row")


def targets(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (target for panel in panels(board) for target in panel["targets"])


def as_promql(expression: str) -> str:
    """The expression with Grafana's variables replaced, as Prometheus would receive it."""
    for variable, value in {"$__rate_interval": "1m", "$__range": "6h", "$__interval": "1m", "$system": ".*"}.items():
        expression = expression.replace(variable, value)
    return expression


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

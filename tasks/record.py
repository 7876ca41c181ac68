"""Finished outcomes, written by the one active recorder."""

from __future__ import annotations

from monitor.wire import load_outcomes
from tasks.parts import Parts


def record(parts: Parts, text: str) -> None:
    """May run twice for one message: the store keeps the first of two records of one identity."""
    parts.record(*load_outcomes(text))

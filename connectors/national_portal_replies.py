"""What the national portal's replies say, and what of it is expected (protocols, sections 2.1, 2.2 and 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors import expect
from monitor.model import Finding, Gauge, Reason, Reply, Rule

CODES = ("error_code", "errorCode", "ErrorCode", "ERROR_CODE")
GOOD = ("0", "00")


def code_of(reply: Reply) -> str:
    return next((code for name in CODES if (code := expect.as_code(reply.json.get(name)))), "")


def refused(reply: Reply) -> Finding | None:
    """At the login any error code means that it did not take place."""
    found = expect.no_error_code(*CODES, accepted=GOOD)(reply)
    return Finding(Reason.AUTH_FAILED, found.detail) if found else None


def session(reply: Reply) -> Finding | None:
    return None if reply.json["session"].strip() else Finding(Reason.CONTRACT_VIOLATION, "field session is empty")


def _rows(reply: Reply) -> list[dict[str, Any]] | Finding:
    """The rows of a result; none where it is absent, one where it is an object."""
    result = reply.json.get("result")
    if result is None or isinstance(result, dict):
        return [result] if result else []
    if not isinstance(result, list):
        return Finding(Reason.CONTRACT_VIOLATION, f"field result is {expect.type_name(result)}, array was due")
    at = next((i for i, row in enumerate(result) if not isinstance(row, dict)), None)
    if at is None:
        return result
    return Finding(Reason.CONTRACT_VIOLATION, f"field result.{at} is {expect.type_name(result[at])}, object was due")


def _cell(row: Mapping[str, Any], name: str) -> str:
    """The code in a column, whose name comes in any case; "" where there is none."""
    return next((expect.as_code(value) for key, value in row.items() if key.upper() == name), "")


def listed(column: str) -> Rule:
    """The result has rows, the first of them with its code."""

    def rule(reply: Reply) -> Finding | None:
        rows = _rows(reply)
        if isinstance(rows, Finding):
            return rows
        if not rows:
            empty = reply.json.get("result") is not None
            return Finding(Reason.CONTRACT_VIOLATION, "field result is empty" if empty else "missing field result")
        if _cell(rows[0], column):
            return None
        return Finding(Reason.CONTRACT_VIOLATION, f"missing field result.0.{column}")

    return rule


def dossier(code: str) -> Rule:
    """The dossier is on the portal. A reply that does not repeat its code is taken at its word."""

    def rule(reply: Reply) -> Finding | None:
        rows = _rows(reply)
        if isinstance(rows, Finding):
            return rows
        if not any(rows):
            return Finding(Reason.CONTENT_MISMATCH, "dossier not found")
        codes = {_cell(row, "MAHOSO") for row in rows} - {""}
        return Finding(Reason.CONTENT_MISMATCH, "another dossier") if codes and code not in codes else None

    return rule


def number_of_procedures(reply: Reply) -> Mapping[Gauge, float]:
    rows = _rows(reply)
    return {} if isinstance(rows, Finding) else {Gauge.PROCEDURES: float(len(rows))}

"""Values as text: JSON for the messages between our processes, and the JSON lines of `motcua outcomes export`.

Messages are positional lists in one string: kombu looks into every dict and Celery prints every argument, and at a
thousand checks a second both would cost more than the checks. Exports have names, for people and other programs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields as fields_of
from typing import Any, TypeVar

from monitor.model import Batch, Exchange, Gauge, Outcome, Phases, Reason, Slot, State, StepResult, Verdict, verdict_of

_Word = TypeVar("_Word", Verdict, Reason)

_dump = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class WireError(ValueError):
    """A text that is no such value; the message says what is wrong with it."""


def dump_batch(batch: Batch) -> str:
    slots = [[s.system, s.check, s.due_at, s.state, *([True] if s.asked else [])] for s in batch.slots]
    return _dump([batch.location, batch.sent_at, batch.catalogue, slots])


def load_batch(text: str) -> Batch:
    """Raises WireError."""
    try:
        location, sent_at, catalogue, slots = json.loads(text)
        _require(str, location, catalogue, *(name for system, check, *_ in slots for name in (system, check)))
        _require(int, sent_at, *(due for _, _, due, *_ in slots))
        return Batch(location, sent_at, catalogue, tuple(_slot(*slot) for slot in slots))
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError(f"no batch of slots: {error}") from None


def _slot(system: str, check: str, due_at: int, state: str, asked: bool = False) -> Slot:
    _require(bool, asked)
    return Slot(system, check, due_at, State(state), asked)


def dump_outcomes(outcomes: Iterable[Outcome], statistics: Mapping[str, int]) -> str:
    """Finished outcomes and an engine's counts; with the exchanges of failed steps, as evidence."""
    return _dump([[_outcome_to_list(o) for o in outcomes], dict(statistics)])


def load_outcomes(text: str) -> tuple[list[Outcome], dict[str, int]]:
    """Raises WireError."""
    try:
        outcomes, statistics = json.loads(text)
        return [_outcome_from_list(o) for o in outcomes], {str(k): int(v) for k, v in statistics.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise WireError(f"no outcomes: {error}") from None


def _require(kind: type, *values: object) -> None:
    for value in values:
        if type(value) is not kind:
            raise TypeError("a value of another type")


# Every outcome passes here once a try: durations travel as whole microseconds, words are looked up, not parsed.

_VERDICTS: dict[str | None, Verdict] = {verdict.value: verdict for verdict in Verdict}
_REASONS: dict[str | None, Reason | None] = {None: None, **{reason.value: reason for reason in Reason}}
_GAUGES = {gauge.value: gauge for gauge in Gauge}


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("a number without end")
    return float(value)


def _micros(seconds: float) -> int:
    return int(seconds * 1e6 + 0.5)


def _outcome_to_list(o: Outcome) -> list[Any]:
    return [
        o.system, o.check, o.location, o.due_at, o.try_, o.started_at, _micros(o.seconds), o.verdict, o.reason,
        [_step_to_list(s) for s in o.steps], o.origin,
    ]  # fmt: skip


def _step_to_list(s: StepResult) -> list[Any]:
    p = s.phases
    phases = [_micros(p.dns), _micros(p.connect), _micros(p.tls), _micros(p.wait), _micros(p.transfer)]
    fields = [s.name, s.verdict, s.reason, s.status, phases]
    if s.gauges or _is_evidence(s):
        gauges = [list(gauge) for gauge in s.gauges]
        return [*fields, gauges, _exchange_to_list(s.exchange) if _is_evidence(s) else None]
    return fields


def _is_evidence(s: StepResult) -> bool:
    """Exchanges of good steps are for `motcua probe` alone."""
    return s.exchange is not None and s.verdict not in (None, Verdict.UP)


def _exchange_to_list(exchange: Exchange | None) -> list[Any] | None:
    return [getattr(exchange, f.name) for f in fields_of(Exchange)] if exchange else None


def _exchange_from_list(values: Sequence[Any] | None) -> Exchange | None:
    if values is None:
        return None
    request, status, headers, length, address, certificate, error, detail, body = values
    texts = (address, certificate, error, detail, body)
    _require(str, request, *texts, *(text for pair in headers for text in pair))
    _require(int, status, length)
    return Exchange(request, status, tuple([(name, value) for name, value in headers]), length, *texts)


def _outcome_from_list(fields: Sequence[Any]) -> Outcome:
    system, check, location, due_at, try_, started_at, micros, verdict, reason, steps, origin = fields
    _require(str, system, check, location, origin)
    _require(int, due_at, try_, started_at, micros)
    return Outcome(
        system, check, location, due_at, try_, started_at, micros / 1e6, _VERDICTS[verdict], _REASONS[reason],
        tuple([_step_from_list(*step) for step in steps]), origin,
    )  # fmt: skip


def _step_from_list(
    name: str,
    verdict: str | None,
    reason: str | None,
    status: int,
    phases: Sequence[int],
    gauges: Sequence[tuple[str, float]] = (),
    exchange: Sequence[Any] | None = None,
) -> StepResult:
    dns, connect, tls, wait, transfer = phases
    _require(str, name)
    _require(int, status, dns, connect, tls, wait, transfer)
    return StepResult(
        name,
        _VERDICTS[verdict] if verdict else None,
        _REASONS[reason],
        Phases(dns / 1e6, connect / 1e6, tls / 1e6, wait / 1e6, transfer / 1e6),
        status,
        _exchange_from_list(exchange),
        tuple([(_GAUGES[gauge], _finite(value)) for gauge, value in gauges]),
    )


# --- export ----------------------------------------------------------------------------------------------------------

PHASES = ("dns", "connect", "tls", "wait", "transfer")


def export_line(o: Outcome) -> str:
    """One outcome as one JSON line with the fields of docs/figures.md, section 1."""
    return _dump(
        {
            "system": o.system,
            "check": o.check,
            "location": o.location,
            "due_at": o.due_at,
            "try": o.try_,
            "started_at": o.started_at,
            "seconds": round(o.seconds, 6),
            "verdict": o.verdict,
            "reason": o.reason,
            "steps": [
                {
                    "name": s.name,
                    "verdict": s.verdict or "skipped",
                    "reason": s.reason,
                    "status": s.status,
                    **{phase: round(getattr(s.phases, phase), 6) for phase in PHASES},
                }
                for s in o.steps
            ],
            "origin": o.origin,
        }
    )


def import_line(text: str) -> Outcome:
    """The outcome of one exported line, its origin `imported`. Raises WireError that names the field."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("not JSON") from None
    if not isinstance(line, dict):
        raise WireError("not a JSON object")
    steps = line.get("steps", [])
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise WireError("steps: a list of objects was due")
    outcome = Outcome(
        system=_text(line, "system"),
        check=_text(line, "check"),
        location=_text(line, "location"),
        due_at=_instant(line, "due_at"),
        try_=_number(line, "try", most=99),
        started_at=_instant(line, "started_at"),
        seconds=_seconds(line, "seconds"),
        verdict=_member(line, "verdict", Verdict),
        reason=_member(line, "reason", Reason) if line.get("reason") is not None else None,
        steps=tuple(_import_step(step) for step in steps),
        origin="imported",
    )
    _agree("reason", outcome.verdict, outcome.reason)
    return outcome


def _import_step(step: dict[str, Any]) -> StepResult:
    verdict = None if step.get("verdict") == "skipped" else _member(step, "verdict", Verdict)
    reason = _member(step, "reason", Reason) if step.get("reason") is not None else None
    phases = Phases(*(_seconds(step, phase) if phase in step else 0.0 for phase in PHASES))
    _agree("reason of a step", verdict or Verdict.UP, reason)  # skipped: without a reason, too
    return StepResult(_text(step, "name"), verdict, reason, phases, _number(step, "status", most=999))


def _agree(name: str, verdict: Verdict, reason: Reason | None) -> None:
    if verdict_of(reason) is not verdict:
        raise WireError(f"{name}: {reason or 'none'} makes the verdict {verdict_of(reason)}, not {verdict}")


def _text(line: dict[str, Any], name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise WireError(f"{name}: a text of 1 to 64 characters was due")
    return value


def _number(line: dict[str, Any], name: str, most: int) -> int:
    value = line.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise WireError(f"{name}: a whole number from 0 to {most} was due")
    return value


def _instant(line: dict[str, Any], name: str) -> int:
    value = _number(line, name, most=10**14)
    if value < 10**12:
        raise WireError(f"{name}: milliseconds since 1970 were due, these look like seconds")
    return value


def _seconds(line: dict[str, Any], name: str) -> float:
    value = line.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 86_400:
        raise WireError(f"{name}: seconds were due")
    return float(value)


def _member(line: dict[str, Any], name: str, kind: type[_Word]) -> _Word:
    try:
        return kind(str(line.get(name)))
    except ValueError:
        raise WireError(f"{name}: one of {', '.join(kind)} was due") from None

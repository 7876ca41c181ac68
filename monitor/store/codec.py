"""Values as the tables hold them: dense in `outcomes`, whose rows are counted in millions, readable elsewhere.

Numbers given here are in databases: lists only ever grow at their end, and nothing in them changes its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from monitor.judge import Boundary, Line, Try
from monitor.model import Phases, Reason, State, StepResult, Verdict

PHASE_UNIT = 10_000
"""Units of a step's phase in a second: 0.1 ms each."""

_VERDICTS = (Verdict.UP, Verdict.DEGRADED, Verdict.DOWN, Verdict.INCONCLUSIVE, None)  # None: a step that was skipped
_REASONS = (
    None,
    Reason.DNS_FAILURE,
    Reason.CONNECT_REFUSED,
    Reason.CONNECT_TIMEOUT,
    Reason.TLS_EXPIRED,
    Reason.TLS_UNTRUSTED,
    Reason.TLS_HOSTNAME,
    Reason.TLS_PROTOCOL,
    Reason.TLS_HANDSHAKE,
    Reason.CONNECTION_RESET,
    Reason.EMPTY_REPLY,
    Reason.NOT_HTTP,
    Reason.READ_TIMEOUT,
    Reason.DEADLINE_EXCEEDED,
    Reason.TRUNCATED,
    Reason.TOO_LARGE,
    Reason.BAD_ENCODING,
    Reason.REDIRECT_LOOP,
    Reason.UNEXPECTED_REDIRECT,
    Reason.HTTP_4XX,
    Reason.HTTP_5XX,
    Reason.AUTH_FAILED,
    Reason.BUSINESS_ERROR,
    Reason.CONTRACT_VIOLATION,
    Reason.CONTENT_MISMATCH,
    Reason.NO_FLOW,
    Reason.SLOW,
    Reason.BLIND,
    Reason.PROBE_ERROR,
    Reason.RATE_LIMITED,
)
_ORIGINS = ("measured", "imported")


# --- outcomes --------------------------------------------------------------------------------------------------------


@cache
def outcome_code(verdict: Verdict, reason: Reason | None, origin: str) -> int:
    """Verdict, reason and origin as one number; a measured `up` is 0, which SQLite stores in no byte at all."""
    return _step_code(verdict, reason) * len(_ORIGINS) + _ORIGINS.index(origin)


@cache
def outcome_of(code: int) -> tuple[Verdict, Reason | None, str]:
    step, origin = divmod(code, len(_ORIGINS))
    verdict, reason = _step_of(step)
    assert verdict is not None, "an outcome is never skipped"
    return verdict, reason, _ORIGINS[origin]


@cache
def _step_code(verdict: Verdict | None, reason: Reason | None) -> int:
    return _REASONS.index(reason) * len(_VERDICTS) + _VERDICTS.index(verdict)


@cache
def _step_of(code: int) -> tuple[Verdict | None, Reason | None]:
    reason, verdict = divmod(code, len(_VERDICTS))
    return _VERDICTS[verdict], _REASONS[reason]


# A step is: number of its name, a head, then what the head does not say: verdict and reason, HTTP status, and each
# phase that is not zero. All but the head are variable-length integers, 7 bits a byte, the lowest first.
_PLAIN = 1 << 5  # up, without a reason
_OK = 1 << 6  # HTTP status 200


def pack_steps(steps: Iterable[StepResult], names: Mapping[str, int]) -> tuple[bytes, list[int]]:
    """The steps of one try, and the sum of each phase over them in units of 0.1 ms, to which phases are rounded.

    `names` gives the number of each step's name.
    """
    packed = bytearray()
    sums = [0] * 5
    for step in steps:
        _append(packed, names[step.name])
        at = len(packed)
        head = 0
        packed.append(0)
        if step.verdict is Verdict.UP and step.reason is None:
            head = _PLAIN
        else:
            _append(packed, _step_code(step.verdict, step.reason))
        if step.status == 200:
            head |= _OK
        else:
            _append(packed, step.status)
        p = step.phases
        for number, seconds in enumerate((p.dns, p.connect, p.tls, p.wait, p.transfer)):
            if (units := round(seconds * PHASE_UNIT)) > 0:
                head |= 1 << number
                sums[number] += units
                if units < 0x80:
                    packed.append(units)
                elif units < 0x4000:
                    packed.append(units & 0x7F | 0x80)
                    packed.append(units >> 7)
                else:
                    _append(packed, units)
        packed[at] = head
    return bytes(packed), sums


def unpack_steps(packed: bytes, names: Mapping[int, str]) -> tuple[StepResult, ...]:
    """The steps that `pack_steps` packed, without exchanges; `names` gives the name of each number."""
    steps = []
    at = 0
    while at < len(packed):
        name, at = _read(packed, at)
        head = packed[at]
        at += 1
        code, status = 0, 200
        if not head & _PLAIN:
            code, at = _read(packed, at)
        if not head & _OK:
            status, at = _read(packed, at)
        phases = [0.0] * 5
        for number in range(5):
            if head & 1 << number:
                units, at = _read(packed, at)
                phases[number] = units / PHASE_UNIT
        steps.append(StepResult(names[name], *_step_of(code), Phases(*phases), status))
    return tuple(steps)


def phase_sums(steps: Iterable[StepResult]) -> list[int]:
    """The sums that `pack_steps` gave for these unpacked steps."""
    sums = [0] * 5
    for step in steps:
        p = step.phases
        for number, seconds in enumerate((p.dns, p.connect, p.tls, p.wait, p.transfer)):
            sums[number] += round(seconds * PHASE_UNIT)
    return sums


def _append(packed: bytearray, number: int) -> None:
    while number >= 0x80:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)


def _read(packed: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while (byte := packed[at]) >= 0x80:
        number |= (byte & 0x7F) << shift
        shift += 7
        at += 1
    return number | byte << shift, at + 1


# --- lines -----------------------------------------------------------------------------------------------------------


def line_row(number: int, line: Line) -> tuple[Any, ...]:
    """A row of `lines` in the order of its columns; the line has had a try."""
    last = line.last
    assert last is not None, "a line is stored once it has a try"
    return (
        number, line.state, line.since, line.reason, line.step, line.until, _pack_open(line),
        last.started_at, last.due_at, last.try_, last.verdict, last.reason, last.step, last.micros,
    )  # fmt: skip


def line_of(row: Iterable[Any]) -> tuple[int, Line]:
    """Number of the series, and its line, of a row of `lines`."""
    number, state, since, reason, step, until, open_, started_at, due_at, try_, verdict, why, where, micros = row
    boundary = None if since is None else boundary_of((since, state, reason, step))
    before, run = _unpack_open(open_) if open_ else (None, ())
    last = _try_of((started_at, due_at, try_, verdict, why, where, micros))
    return number, Line(boundary, before, until, run, last)


def boundary_of(row: Iterable[Any]) -> Boundary:
    at, state, reason, step = row
    return Boundary(at, _STATE_OF[state], reason and _REASON_OF[reason], step)


def boundaries_of(rows: Iterable[Any]) -> list[Boundary]:
    """Those of rows that have the series before them; there are many."""
    state_of, reason_of = _STATE_OF, _REASON_OF
    return [Boundary(at, state_of[state], reason and reason_of[reason], step) for _, at, state, reason, step in rows]


_STATE_OF = {state.value: state for state in State}  # a call of the enumeration costs five times as much
_REASON_OF = {reason.value: reason for reason in Reason}


def _try_of(row: Iterable[Any]) -> Try:
    started_at, due_at, try_, verdict, reason, step, micros = row
    return Try(started_at, due_at, try_, Verdict(verdict), reason and Reason(reason), step, micros)


def _pack_open(line: Line) -> str | None:
    if line.before is None and not line.run:
        return None
    return json.dumps([line.before, line.run], separators=(",", ":"))


def _unpack_open(text: str) -> tuple[Boundary | None, tuple[Try, ...]]:
    before, run = json.loads(text)
    return before and boundary_of(before), tuple(map(_try_of, run))

"""What goes into the tables comes out of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.judge import Boundary, Line, Try
from monitor.model import Phases, Reason, State, StepResult, Verdict, verdict_of
from monitor.store.codec import line_of, line_row, outcome_code, outcome_of, pack_steps, phase_sums, unpack_steps

NAMES = {name: number for number, name in enumerate(["token", "portal", "search", "x" * 64], 1)} | {"rare": 70_000}
REASONS = st.sampled_from([None, *Reason])
UNITS = st.integers(0, 200) | st.integers(0, 20_000) | st.integers(0, 10**9)


@st.composite
def steps(draw: st.DrawFn) -> StepResult:
    reason = draw(REASONS)
    verdict = None if draw(st.booleans()) and reason is None else verdict_of(reason)
    phases = Phases(*(draw(UNITS) / 10_000 for _ in range(5)))
    return StepResult(draw(st.sampled_from(list(NAMES))), verdict, reason, phases, draw(st.integers(0, 999)))


@given(st.lists(steps(), max_size=6).map(tuple))
def test_steps_come_back_as_they_were(given_steps: tuple[StepResult, ...]) -> None:
    packed, sums = pack_steps(given_steps, NAMES)
    assert unpack_steps(packed, {number: name for name, number in NAMES.items()}) == given_steps
    assert sums == phase_sums(given_steps)


def test_a_usual_step_takes_few_bytes() -> None:
    first = StepResult("token", Verdict.UP, None, Phases(0.001, 0.004, 0.012, 0.2, 0.003), 200)
    later = StepResult("search", Verdict.UP, None, Phases(wait=0.2, transfer=0.003), 200)
    assert [len(pack_steps([step], NAMES)[0]) for step in (first, later)] == [8, 5]


def test_phases_are_rounded_to_a_tenth_of_a_millisecond() -> None:
    packed, sums = pack_steps([StepResult("token", Verdict.UP, phases=Phases(0.00004, 0.00006))], NAMES)
    (step,) = unpack_steps(packed, {1: "token"})
    assert step.phases == Phases(0.0, 0.0001)
    assert sums == [0, 1, 0, 0, 0]


def test_every_verdict_and_reason_has_a_code_of_its_own_that_fits() -> None:
    codes = {}
    for verdict in Verdict:
        for reason in [None, *Reason]:
            for origin in ("measured", "imported"):
                code = outcome_code(verdict, reason, origin)
                assert outcome_of(code) == (verdict, reason, origin)
                codes[code] = True
    assert len(codes) == 4 * (1 + len(Reason)) * 2
    assert max(codes) < 2**15


def test_codes_stay_what_they_are() -> None:
    """They are in databases: a change here makes old rows say something else."""
    assert outcome_code(Verdict.UP, None, "measured") == 0
    assert outcome_code(Verdict.DOWN, Reason.DNS_FAILURE, "measured") == 14
    assert outcome_code(Verdict.DEGRADED, Reason.SLOW, "imported") == 263
    assert outcome_code(Verdict.INCONCLUSIVE, Reason.RATE_LIMITED, "measured") == 296


def test_a_line_comes_back_with_its_doubts() -> None:
    failed = Try(60_000, 60_000, 1, Verdict.DOWN, Reason.HTTP_5XX, "portal", 1234)
    for line in (
        Line(None, None, 190_000, (failed,), failed),
        Line(Boundary(60, State.UP), Boundary(2, State.NO_DATA, Reason.BLIND), 190_000, (failed, failed), failed),
        Line(Boundary(60, State.DOWN, Reason.SLOW, "x"), None, 190_000, (), failed._replace(reason=None, step=None)),
    ):
        assert line_of(line_row(7, line)) == (7, line)

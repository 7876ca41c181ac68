"""Values as text and back, and what becomes of texts that are no such values."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Batch, Exchange, Gauge, Outcome, Phases, Reason, Slot, State, StepResult, Verdict, verdict_of
from monitor.wire import (
    WireError,
    dump_batch,
    dump_outcomes,
    export_line,
    import_line,
    load_batch,
    load_outcomes,
)

NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
INSTANTS = st.integers(10**12, 10**14)
SECONDS = st.integers(0, 86_399_999_999).map(lambda us: us / 1e6)  # whole microseconds: the precision that travels
REASONS = st.none() | st.sampled_from(Reason)


@st.composite
def steps(draw: st.DrawFn) -> StepResult:
    name, status = draw(NAMES), draw(st.integers(0, 999))
    phases = Phases(*(draw(SECONDS) for _ in range(5)))
    if draw(st.booleans()):
        return StepResult(name, None, None, phases, status)
    reason = draw(REASONS)
    return StepResult(name, verdict_of(reason), reason, phases, status)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    reason = draw(REASONS)
    return Outcome(
        draw(NAMES),
        draw(NAMES),
        draw(NAMES),
        draw(INSTANTS),
        draw(st.integers(0, 99)),
        draw(INSTANTS),
        draw(SECONDS),
        verdict_of(reason),
        reason,
        tuple(draw(st.lists(steps(), max_size=4))),
        draw(st.sampled_from(["measured", "imported"])),
    )


SLOTS = st.builds(Slot, NAMES, NAMES, INSTANTS, st.sampled_from(State), st.booleans())
FAILED = Outcome(
    "igate",
    "one_stop",
    "van_phong",
    1_760_000_000_123,
    2,
    1_760_000_002_125,
    0.75,
    Verdict.DOWN,
    Reason.HTTP_5XX,
    (
        StepResult("token", Verdict.UP, None, Phases(0.001, 0.002, 0.003, 0.2, 0.004), 200),
        StepResult("search", Verdict.DOWN, Reason.HTTP_5XX, Phases(wait=0.54), 502),
        StepResult("procedures", None),
    ),
)

# --- messages ---


@given(st.builds(Batch, NAMES, INSTANTS, NAMES, st.lists(SLOTS, max_size=5).map(tuple)))
def test_a_batch_comes_back_as_it_was(batch: Batch) -> None:
    assert load_batch(dump_batch(batch)) == batch


@given(st.lists(outcomes(), max_size=3), st.dictionaries(NAMES, st.integers(0, 10**12), max_size=3))
def test_outcomes_and_counts_come_back_as_they_were(given_outcomes: list[Outcome], counts: dict[str, int]) -> None:
    assert load_outcomes(dump_outcomes(given_outcomes, counts)) == (given_outcomes, counts)


def test_what_comes_back_is_of_our_own_types() -> None:
    """Equal would be the mere text, too; but `is` and `match` tell them apart."""
    ((outcome,), _) = load_outcomes(dump_outcomes([FAILED], {}))
    assert type(outcome.verdict) is Verdict
    assert type(outcome.reason) is Reason
    assert [type(step.verdict) for step in outcome.steps] == [Verdict, Verdict, type(None)]
    batch = Batch("van_phong", 1, "h", (Slot("igate", "one_stop", 1, State.DOWN),))
    assert type(load_batch(dump_batch(batch)).slots[0].state) is State


def test_gauges_travel_and_cost_nothing_where_there_are_none() -> None:
    measured = replace(FAILED.steps[0], gauges=((Gauge.PROCEDURES, 1808.0), (Gauge.CERTIFICATE_NOT_AFTER, 1.8e9)))
    text = dump_outcomes([replace(FAILED, steps=(measured,))], {})
    assert load_outcomes(text)[0][0].steps == (measured,)
    assert "procedures" in text
    assert "[[" not in dump_outcomes([FAILED], {}).partition("token")[2].partition("]]")[0]
    for broken in ("NaN", "Infinity", '"x"', "null"):
        with pytest.raises(WireError):
            load_outcomes(text.replace("1808.0", broken))
    with pytest.raises(WireError):
        load_outcomes(text.replace("procedures", "nguoi_dan"))


def test_only_the_exchanges_of_failed_steps_travel() -> None:
    """They are evidence; those of good steps are for `motcua probe` alone."""
    headers = (("content-type", "text/html"), ("retry-after", "5"))
    shown = Exchange("GET https://igate.invalid/", 502, headers, 7, "192.0.2.1", "", "x", "HTTP 502", "một trang")
    good, bad = (replace(step, exchange=shown) for step in FAILED.steps[:2])
    text = dump_outcomes([replace(FAILED, steps=(good, bad, FAILED.steps[2]))], {})
    assert text.count("igate.invalid") == 1
    assert [step.exchange for step in load_outcomes(text)[0][0].steps] == [None, shown, None]
    for broken in (text.replace("502,[[", '"502",[['), text.replace('"retry-after"', "5"), text.replace(',"x"', "")):
        with pytest.raises(WireError):
            load_outcomes(broken)


def test_a_message_is_one_short_text() -> None:
    """kombu looks into every dict and Celery prints every argument."""
    text = dump_outcomes([FAILED], {"slots_late": 1})
    assert isinstance(text, str)
    assert len(text) < 300
    assert text.startswith('[[["igate","one_stop","van_phong",1760000000123,2,')


def test_more_than_microseconds_do_not_travel() -> None:
    ((outcome,), _) = load_outcomes(dump_outcomes([replace(FAILED, seconds=0.1234567)], {}))
    assert outcome.seconds == 0.123457


BAD_BATCHES = {
    "nothing": "",
    "no JSON": "van_phong",
    "half a message": dump_batch(Batch("van_phong", 1, "h", ()))[:-3],
    "another type": "7",
    "an object": '{"location": "van_phong"}',
    "too short": '["van_phong", 1, "h"]',
    "too long": '["van_phong", 1, "h", [], 1]',
    "slots are no list": '["van_phong", 1, "h", 7]',
    "a slot too short": '["van_phong", 1, "h", [["igate", "one_stop", 1]]]',
    "an unknown state": '["van_phong", 1, "h", [["igate", "one_stop", 1, "broken"]]]',
    "an instant that is a text": '["van_phong", 1, "h", [["igate", "one_stop", "now", "up"]]]',
    "an instant that is missing": '["van_phong", 1, "h", [["igate", "one_stop", null, "up"]]]',
    "a check that is a list": '["van_phong", 1, "h", [["igate", ["one_stop"], 1, "up"]]]',
    "no sender's clock": '["van_phong", null, "h", []]',
    "a location that is a number": '[7, 1, "h", []]',
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", BAD_BATCHES.values(), ids=BAD_BATCHES.keys())
def test_a_text_that_is_no_batch_is_refused(text: str) -> None:
    with pytest.raises(WireError, match=r"^no batch of slots: "):
        load_batch(text)


def changed(position: int, value: Any) -> str:
    message = json.loads(dump_outcomes([FAILED], {}))
    message[0][0][position] = value
    return json.dumps(message)


BAD_OUTCOMES = {
    "nothing": "",
    "no JSON": "[[",
    "another type": "null",
    "no counts": "[[]]",
    "counts that are a list": "[[], []]",
    "a count that is no number": '[[], {"slots_late": "many"}]',
    "an outcome too short": '[[["igate", "one_stop"]], {}]',
    "an unknown verdict": changed(7, "fine"),
    "an unknown reason": changed(8, "sunspots"),
    "an instant that is a text": changed(3, "now"),
    "seconds that are a text": changed(6, "fast"),
    "a system that is missing": changed(0, None),
    "a step too short": changed(9, [["search"]]),
    "a step of an unknown verdict": changed(9, [["search", "fine", None, 200, [0, 0, 0, 0, 0]]]),
    "phases that are texts": changed(9, [["search", "up", None, 200, ["0", 0, 0, 0, 0]]]),
    "too many phases": changed(9, [["search", "up", None, 200, [0, 0, 0, 0, 0, 0]]]),
    "nested too deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", BAD_OUTCOMES.values(), ids=BAD_OUTCOMES.keys())
def test_a_text_that_is_no_outcomes_is_refused(text: str) -> None:
    with pytest.raises(WireError, match=r"^no outcomes: "):
        load_outcomes(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=15))
def test_whatever_json_comes_it_is_a_value_or_a_wire_error(document: Any) -> None:
    for load in (load_batch, load_outcomes, import_line):
        with contextlib.suppress(WireError):
            load(json.dumps(document))


# --- export ---


@given(outcomes())
def test_an_exported_line_comes_back_as_imported(outcome: Outcome) -> None:
    assert import_line(export_line(outcome)) == replace(outcome, origin="imported")


def test_an_exported_line_has_the_names_of_the_figures() -> None:
    line = json.loads(export_line(FAILED))
    assert line == {
        "system": "igate",
        "check": "one_stop",
        "location": "van_phong",
        "due_at": 1_760_000_000_123,
        "try": 2,
        "started_at": 1_760_000_002_125,
        "seconds": 0.75,
        "verdict": "down",
        "reason": "http_5xx",
        "steps": [
            {
                "name": "token",
                "verdict": "up",
                "reason": None,
                "status": 200,
                "dns": 0.001,
                "connect": 0.002,
                "tls": 0.003,
                "wait": 0.2,
                "transfer": 0.004,
            },
            {
                "name": "search",
                "verdict": "down",
                "reason": "http_5xx",
                "status": 502,
                "dns": 0.0,
                "connect": 0.0,
                "tls": 0.0,
                "wait": 0.54,
                "transfer": 0.0,
            },
            {
                "name": "procedures",
                "verdict": "skipped",
                "reason": None,
                "status": 0,
                "dns": 0.0,
                "connect": 0.0,
                "tls": 0.0,
                "wait": 0.0,
                "transfer": 0.0,
            },
        ],
        "origin": "measured",
    }


def test_a_line_needs_neither_steps_nor_a_reason_when_all_is_well() -> None:
    line = {
        "system": "cong_tinh",
        "check": "trang_chu",
        "location": "van_phong",
        "due_at": 1_760_000_000_000,
        "try": 1,
        "started_at": 1_760_000_000_000,
        "seconds": 1,
        "verdict": "up",
    }
    assert import_line(json.dumps(line)) == Outcome(
        "cong_tinh",
        "trang_chu",
        "van_phong",
        1_760_000_000_000,
        1,
        1_760_000_000_000,
        1.0,
        Verdict.UP,
        origin="imported",
    )


def line_with(**fields: Any) -> str:
    return json.dumps(json.loads(export_line(FAILED)) | fields)


def step_with(**fields: Any) -> str:
    return line_with(steps=[{"name": "search", "verdict": "down", "reason": "http_5xx", "status": 502} | fields])


# (the line, what the message must say: the field first)
BAD_LINES = {
    "no JSON": ("{", "^not JSON$"),
    "nested too deep": ("[" * 100_000, "^not JSON$"),
    "a list": ("[]", "^not a JSON object$"),
    "no system": (line_with(system=None), "^system: a text of 1 to 64"),
    "a system without a name": (line_with(system=""), "^system: a text of 1 to 64"),
    "a name too long": (line_with(check="x" * 65), "^check: a text of 1 to 64"),
    "a location that is a number": (line_with(location=7), "^location: a text"),
    "a name that is a person's": (line_with(check="Nguyễn Văn A 000000000000"), "^check: a text of 1 to 64"),
    "half of a character": (line_with(system="\ud800"), "^system: a text of 1 to 64"),
    "a name of two lines": (step_with(name="a\nb"), "^name: a text"),
    "an instant in seconds": (line_with(due_at=1_760_000_000), "^due_at: milliseconds since 1970"),
    "an instant that is a text": (line_with(started_at="2025-10-09T08:53:20Z"), "^started_at: a whole number"),
    "an instant with a fraction": (line_with(due_at=1_760_000_000_000.5), "^due_at: a whole number"),
    "a try that is true": (line_with(**{"try": True}), "^try: a whole number from 0 to 99"),
    "a negative try": (line_with(**{"try": -1}), "^try: a whole number from 0 to 99"),
    "negative seconds": (line_with(seconds=-0.1), "^seconds: seconds were due"),
    "endless seconds": (line_with(seconds=float("inf")), "^seconds: seconds were due"),
    "seconds that are no number": (line_with(seconds=float("nan")), "^seconds: seconds were due"),
    "an unknown verdict": (line_with(verdict="fine"), "^verdict: one of up, degraded, down, inconclusive was due"),
    "an unknown reason": (line_with(reason="sunspots"), "^reason: one of dns_failure, .* was due"),
    "up with a reason": (line_with(verdict="up"), "^reason: http_5xx makes the verdict down, not up"),
    "down without one": (line_with(reason=None), "^reason: none makes the verdict up, not down"),
    "down because we were blind": (line_with(reason="blind"), "^reason: blind makes the verdict inconclusive"),
    "down because it was slow": (line_with(reason="slow"), "^reason: slow makes the verdict degraded"),
    "steps that are an object": (line_with(steps={}), "^steps: a list of objects"),
    "a step that is a text": (line_with(steps=["search"]), "^steps: a list of objects"),
    "a step without a name": (step_with(name=""), "^name: a text"),
    "a step of an unknown verdict": (step_with(verdict="fine"), "^verdict: one of"),
    "a step that is down because it was slow": (step_with(reason="slow"), "^reason of a step: slow makes"),
    "a step that was skipped for a reason": (step_with(verdict="skipped"), "^reason of a step: http_5xx makes"),
    "a step with negative time": (step_with(wait=-1), "^wait: seconds were due"),
    "a step without a status": (step_with(status=None), "^status: a whole number"),
}


@pytest.mark.parametrize(("text", "message"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_refused_and_the_message_names_the_field(text: str, message: str) -> None:
    with pytest.raises(WireError, match=message):
        import_line(text)


def test_the_good_line_of_these_cases_is_good() -> None:
    assert import_line(line_with()).reason is Reason.HTTP_5XX
    assert import_line(step_with()).steps[0].reason is Reason.HTTP_5XX

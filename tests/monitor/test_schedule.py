"""What is due, and when: arithmetic that two processes must get alike."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Batch, Settings, Slot, State
from monitor.schedule import BATCH, batches, due, phase

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
INTERVALS = st.integers(1, 300) | st.integers(1, 120_000)  # ms
INSTANTS = st.integers(0, 2_000_000_000_000)

Key = tuple[str, str]


def every(ms: int) -> Settings:
    return Settings(interval=ms / 1000, timeout=ms / 4000)


def handed_out(checks: dict[Key, Settings], seconds: range) -> list[Slot]:
    """Every slot of these seconds, in the order in which the scheduler hands them out."""
    parts = (batches("van_phong", checks, second, 0, "hash", lambda *_: State.UP) for second in seconds)
    return [slot for part in parts for batch in part for slot in batch.slots]


# --- phases ---

# Worked out apart from our code: printf igate/one_stop | b2sum -l 64, as a number, modulo the interval.
# They stay what they are over versions and machines: another phase would shift every check of a running province.
PHASES = [
    ("igate", "one_stop", 20_000, 11_263),
    ("igate", "one_stop", 60_000, 31_263),
    ("national_portal", "home", 60_000, 13_750),
    ("_control", "control_a", 30_000, 13_424),
    ("bưu điện", "tra cứu", 1_000, 628),
]


@pytest.mark.parametrize(("system", "check", "interval", "expected"), PHASES)
def test_phases_are_stable(system: str, check: str, interval: int, expected: int) -> None:
    assert phase(system, check, interval) == expected


def test_checks_of_a_province_spread_over_the_interval() -> None:
    tenths = Counter(phase(f"he_thong_{n % 50}", f"muc_{n // 50}", 60_000) // 6_000 for n in range(2_000))
    assert sorted(tenths) == list(range(10))
    assert max(tenths.values()) < 260, "200 on average"


# --- due ---


@given(NAMES, NAMES, INTERVALS, INSTANTS, st.integers(0, 5_000))
def test_due_is_every_instant_of_the_phase_and_no_other(
    system: str, check: str, interval: int, start: int, span: int
) -> None:
    found = due(system, check, every(interval), start, start + span)
    expected_phase = phase(system, check, interval)
    assert all(start <= t < start + span and t % interval == expected_phase for t in found)
    assert len(found) in (span // interval, -(-span // interval)), "none is left out"
    assert all(later - earlier == interval for earlier, later in pairwise(found))


@given(INTERVALS, INSTANTS, st.lists(st.integers(0, 5_000), max_size=8))
def test_adjoining_periods_name_every_instant_exactly_once(interval: int, start: int, spans: list[int]) -> None:
    pieces: list[int] = []
    at = start
    for span in spans:
        pieces += due("igate", "one_stop", every(interval), at, at + span)
        at += span
    assert pieces == list(due("igate", "one_stop", every(interval), start, at))


def test_an_interval_of_less_than_a_millisecond_is_one() -> None:
    assert len(due("igate", "one_stop", Settings(interval=0.0001, timeout=0.1), 0, 10)) == 10


# --- batches ---


@given(
    st.dictionaries(st.tuples(NAMES, NAMES), st.integers(100, 90_000).map(every), min_size=1, max_size=12),
    st.integers(0, 2_000_000_000),
    st.integers(1, 15),
)
def test_contiguous_seconds_hand_out_every_slot_exactly_once(
    checks: dict[Key, Settings], second: int, count: int
) -> None:
    found = Counter(
        (slot.system, slot.check, slot.due_at) for slot in handed_out(checks, range(second, second + count))
    )
    expected = {
        (system, check, t)
        for (system, check), settings in checks.items()
        for t in due(system, check, settings, second * 1000, (second + count) * 1000)
    }
    assert found == Counter(expected)


@given(st.integers(0, 2 * BATCH + 50))
def test_batches_are_full_but_for_the_last_and_in_order_of_instant(count: int) -> None:
    checks = {("igate", f"muc_{n}"): every(1_000) for n in range(count)}
    made = list(batches("van_phong", checks, 1_700_000_000, 1_699_999_999_000, "hash", lambda *_: State.UP))
    assert [len(batch.slots) for batch in made] == [BATCH] * (count // BATCH) + [count % BATCH] * (count % BATCH > 0)
    instants = [slot.due_at for batch in made for slot in batch.slots]
    assert instants == sorted(instants)
    assert all(1_700_000_000_000 <= t < 1_700_000_001_000 for t in instants)


def test_batch_size_is_within_what_the_design_allows() -> None:
    assert 50 <= BATCH <= 200


def test_a_batch_says_where_from_when_and_by_which_catalogue_and_each_slot_its_state() -> None:
    states = {("igate", "one_stop"): State.DOWN, ("shared", "list"): State.NO_DATA}
    (batch,) = batches(
        "van_phong",
        dict.fromkeys(states, every(1_000)),
        1_700_000_000,
        1_699_999_999_123,
        "hash",
        lambda system, check: states[system, check],
    )
    assert batch == Batch(
        "van_phong",
        1_699_999_999_123,
        "hash",
        (
            Slot("igate", "one_stop", 1_700_000_000_263, State.DOWN),
            Slot("shared", "list", 1_700_000_000_474, State.NO_DATA),
        ),
    )


def test_a_second_in_which_nothing_is_due_makes_no_batch() -> None:
    checks = {("igate", "one_stop"): every(20_000)}  # due at 11.263 s into each 20 s
    assert handed_out(checks, range(11)) == []
    assert [slot.due_at for slot in handed_out(checks, range(20))] == [11_263]

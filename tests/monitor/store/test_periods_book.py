"""The book of closed periods, and what the figures of a period ask of the outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from monitor.figures import Tries
from monitor.judge import Boundary
from monitor.model import CONTROL_SYSTEM, Outcome, Reason, Settings, State, Verdict
from monitor.store import Store, StoreError
from monitor.store.codec import outcome_code
from tests.monitor.province import NOW, outcome

HOUR = 3600
NOON = NOW  # the start of an hour
KEY = ("igate", "search", "office")
MINUTE = Settings(interval=60, timeout=10)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    made.upgrade()
    yield made
    made.close()


def known(_system: str, _check: str) -> Settings:
    return MINUTE


# --- closed periods ---------------------------------------------------------------------------------------------------


def close(store: Store, *, figures: str = "[]", reason: str | None = None, name: str = "2026-10") -> int:
    made = {"at": NOON + 2 * HOUR, "by": "cli", "inputs": "0" * 64, "figures": figures, "reason": reason}
    return store.periods.close("calendar", name, NOON, NOON + HOUR, **made).version  # type: ignore[arg-type]


def test_versions_follow_one_another_and_all_stay(store: Store) -> None:
    book = store.periods
    assert book.versions("calendar", "2026-10") == []
    with pytest.raises(StoreError, match="never closed"):
        close(store, reason="lý do của bản đầu")
    assert close(store, figures="[1]") == 1
    (first,) = book.versions("calendar", "2026-10")
    assert (first.kind, first.name, first.start, first.end) == ("calendar", "2026-10", NOON, NOON + HOUR)
    assert (first.closed_at, first.closed_by, first.reason) == (NOON + 2 * HOUR, "cli", None)
    assert (first.inputs, first.figures, first.reopened_at) == ("0" * 64, "[1]", None)

    reopened = book.reopen("calendar", "2026-10", at=NOON + 3 * HOUR, by="to_truc", why="vì thế")
    assert reopened == replace(first, reopened_at=NOON + 3 * HOUR, reopened_by="to_truc", reopened_why="vì thế")
    assert close(store, figures="[2]", reason="số mới") == 2
    versions = book.versions("calendar", "2026-10")
    assert versions[0] == reopened
    assert (versions[1].version, versions[1].figures, versions[1].reason) == (2, "[2]", "số mới")


def test_what_is_closed_is_not_closed_again(store: Store) -> None:
    close(store)
    with pytest.raises(StoreError, match="closed already, as version 1; reopen it first") as caught:
        close(store, reason="số mới")
    assert caught.value.permanent
    store.periods.reopen("calendar", "2026-10", at=NOON, by="cli", why="vì thế")
    for reason in (None, ""):
        with pytest.raises(StoreError, match="version 2 needs a reason"):
            close(store, reason=reason)
    assert len(store.periods.versions("calendar", "2026-10")) == 1


def test_only_what_is_closed_is_reopened(store: Store) -> None:
    with pytest.raises(StoreError, match=r"2026-10 \(calendar\) is not closed"):
        store.periods.reopen("calendar", "2026-10", at=NOON, by="cli", why="vì thế")
    close(store)
    with pytest.raises(StoreError, match="is not closed"):
        store.periods.reopen("admin_15_14", "2026-10", at=NOON, by="cli", why="vì thế")
    store.periods.reopen("calendar", "2026-10", at=NOON, by="cli", why="vì thế")
    with pytest.raises(StoreError, match="is not closed"):
        store.periods.reopen("calendar", "2026-10", at=NOON, by="cli", why="lần nữa")


def test_all_versions_of_all_periods(store: Store) -> None:
    for name in ("2026-11", "2026-10"):
        close(store, name=name)
    assert [(p.name, p.version) for p in store.periods.all()] == [("2026-10", 1), ("2026-11", 1)]


# --- counts -----------------------------------------------------------------------------------------------------------


def test_first_tries_are_added_up_over_the_hours_of_a_period(store: Store) -> None:
    told = [
        outcome(*KEY[:2], NOON - 60, Reason.HTTP_4XX),  # the hour before
        outcome(*KEY[:2], NOON),
        outcome(*KEY[:2], NOON + 60, Reason.SLOW, seconds=5),
        outcome(*KEY[:2], NOON + 120, Reason.HTTP_5XX),
        outcome(*KEY[:2], NOON + 122, Reason.HTTP_5XX, try_=2, late=2),
        outcome(*KEY[:2], NOON + 180, Reason.READ_TIMEOUT, step="login"),
        outcome(*KEY[:2], NOON + HOUR + 60, Reason.READ_TIMEOUT),
        outcome(*KEY[:2], NOON + HOUR + 120, Reason.BLIND),
        outcome(*KEY[:2], NOON + HOUR + 180, try_=0),
        outcome("portal", "home", NOON + 60),
        outcome(*KEY[:2], NOON + 2 * HOUR, Reason.DNS_FAILURE),  # the hour after
    ]
    store.record(told, known)
    assert store.periods.tries(NOON, NOON + 2 * HOUR) == {
        KEY: Tries(5, 1, {Reason.HTTP_5XX: 1, Reason.READ_TIMEOUT: 2}),
        ("portal", "home", "office"): Tries(1, 0, {}),
    }
    assert store.periods.tries(NOON + 9 * HOUR, NOON + 10 * HOUR) == {}
    assert store.periods.tries(0, NOON + 9 * HOUR)[KEY].conclusive == 7  # and not the row that counts since ever


# --- imported outcomes ------------------------------------------------------------------------------------------------


def test_the_lowest_bit_of_a_code_is_the_origin() -> None:
    """The queries of `periods` rely on it."""
    reasons = [None, *Reason]
    for verdict, reason in product((Verdict.UP, Verdict.DOWN), reasons):
        assert outcome_code(verdict, reason, "measured") % 2 == 0
        assert outcome_code(verdict, reason, "imported") % 2 == 1


def minutes(start: int, end: int, reason: Reason | None = None, origin: str = "measured") -> list[Outcome]:
    return [replace(outcome(*KEY[:2], NOON + 60 * n, reason), origin=origin) for n in range(start, end)]


def test_lines_with_imported_outcomes_are_found_by_their_due_instant(store: Store) -> None:
    store.record(minutes(0, 10), known)
    assert store.periods.imported(0, NOON + HOUR) == set()
    store.record(minutes(10, 11, Reason.HTTP_5XX, "imported"), known)
    store.record([outcome("portal", "home", NOON)], known)
    assert store.periods.imported(NOON + 600, NOON + 601) == {KEY}
    assert store.periods.imported(NOON, NOON + 600) == set()
    assert store.periods.imported(NOON + 601, NOON + HOUR) == set()


def stored(store: Store, told: Sequence[Outcome], start: int, end: int) -> list[Boundary]:
    store.record(sorted(told, key=lambda o: o.started_at), known)
    return store.boundaries(start, end)[KEY]


def test_without_imports_the_line_is_the_one_that_is_stored(store: Store) -> None:
    told = [*minutes(0, 20), *minutes(20, 30, Reason.HTTP_5XX), *minutes(30, 40), *minutes(50, 60)]
    start, end = NOON + 600, NOON + 2 * HOUR
    expected = stored(store, told, start, end)
    assert [b.state for b in expected] == [State.UP, State.DOWN, State.UP, State.NO_DATA, State.UP]
    silence = Boundary(NOON + 59 * 60 + 130, State.NO_DATA)  # stored once a later try has ended it
    assert store.periods.measured([KEY], start, end, end) == {KEY: [*expected, silence]}
    assert store.periods.measured([KEY], start, end, NOON + HOUR) == {KEY: expected}  # it still holds


def test_the_time_of_imported_outcomes_is_no_data(store: Store) -> None:
    imported = minutes(20, 30, Reason.HTTP_5XX, "imported")
    told = [*minutes(0, 20), *imported, *minutes(30, 40)]
    start, end = NOON, NOON + HOUR
    assert State.DOWN in [b.state for b in stored(store, told, start, end)]
    assert store.periods.measured([KEY], start, end, NOON + 40 * 60) == {
        KEY: [
            Boundary(NOON, State.UP),
            Boundary(NOON + 19 * 60 + 130, State.NO_DATA),
            Boundary(NOON + 30 * 60, State.UP),
        ]
    }


def test_a_part_begins_with_the_boundary_before_it(store: Store) -> None:
    stored(store, [*minutes(0, 20), *minutes(20, 30, Reason.HTTP_5XX), *minutes(30, 40)], NOON, NOON + HOUR)
    made = store.periods.measured([KEY], NOON + 25 * 60, NOON + 29 * 60, NOON + 40 * 60)
    assert [(b.at, b.state) for b in made[KEY]] == [(NOON + 20 * 60, State.DOWN)]


def test_where_the_location_was_blind_nothing_counts(store: Store) -> None:
    """The only control is down from the 20th minute to the 30th."""
    controls = [
        outcome(CONTROL_SYSTEM, "gateway", NOON + 60 * n, Reason.CONNECT_TIMEOUT if 20 <= n < 30 else None)
        for n in range(40)
    ]
    told = [*minutes(0, 40), *controls]
    expected = stored(store, told, NOON, NOON + HOUR)
    assert State.NO_DATA in [b.state for b in expected]
    assert store.periods.measured([KEY], NOON, NOON + HOUR, NOON + 40 * 60) == {KEY: expected}


def test_a_slot_is_judged_by_the_settings_of_its_time(store: Store) -> None:
    told = [*minutes(0, 10), *minutes(10, 12, Reason.HTTP_5XX), *minutes(12, 20)]
    store.record(told, lambda *_: replace(MINUTE, confirm_down=2))
    expected = store.boundaries(NOON, NOON + HOUR)[KEY]
    assert State.DOWN in [b.state for b in expected]
    assert store.periods.measured([KEY], NOON, NOON + HOUR, NOON + 20 * 60) == {KEY: expected}


def test_a_stepped_clock_is_not_judged(store: Store) -> None:
    stepped = outcome(*KEY[:2], NOON + 400, Reason.BLIND, late=-300)
    expected = stored(store, [*minutes(0, 20), stepped], NOON, NOON + HOUR)
    assert store.periods.measured([KEY], NOON, NOON + HOUR, NOON + 20 * 60) == {KEY: expected}

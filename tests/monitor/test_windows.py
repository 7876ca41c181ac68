"""What is kept of days that are over says the same as a count of everything, whatever comes late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from monitor.catalogue import Catalogue
from monitor.judge import Boundary
from monitor.metrics import WINDOWS, Exporter
from monitor.model import Reason, State
from monitor.status import DAY, Key, Timelines, last_day
from monitor.store import Store
from monitor.windows import Windows
from tests.monitor.province import NOW, load, outcome, store_in

CHECKS = [
    ("igate", "search", "office"), ("igate", "login", "office"), ("igate", "forms", "office"),
    ("portal", "home", "office"), ("portal", "home", "branch"), ("retired", "home", "office"),
    ("coming", "home", "office"),
]  # fmt: skip


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return load(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as store:
        yield store


def from_all(catalogue: Catalogue, store: Store, now: float) -> dict[str, dict[str, dict[State, int]]]:
    """The same, counted from every boundary, second by second."""
    found: dict[str, dict[str, dict[State, int]]] = {}
    for name, length in WINDOWS.items():
        start = int(now) - length
        boundaries = store.boundaries(start, int(now) + 1)
        lines = Timelines(catalogue, boundaries, store.lines(), start, now)
        found[name] = {}
        for system in catalogue.systems:
            counted = dict.fromkeys(State, 0)
            for interval in lines.system(system):
                counted[interval.state] += interval.end - interval.start
            found[name][system] = counted
    return found


def kept(windows: Windows, catalogue: Catalogue, store: Store, now: float) -> dict[str, dict[str, dict[State, int]]]:
    lines, boundaries = store.lines(), store.boundaries(int(now) - DAY, int(now) + 1)
    counted = windows.count(WINDOWS, lines, last_day(catalogue, boundaries, lines, now), now)
    return {name: {system: dict(seconds) for system, seconds in one.items()} for name, one in counted.items()}


def batch(random: Random, now: float, back: int) -> list[tuple[str, str, str, float, Reason | None]]:
    """Tries of one check a minute apart, begun up to `back` seconds ago."""
    system, check, location = random.choice(CHECKS)
    at = now - random.randrange(1, back)
    reasons = random.choices([None, Reason.HTTP_5XX, Reason.SLOW, Reason.BLIND], [5, 4, 1, 1], k=random.randrange(1, 9))
    return [(system, check, location, at + 60 * n, reason) for n, reason in enumerate(reasons) if at + 60 * n < now]


def record(store: Store, catalogue: Catalogue, tries: list[tuple[str, str, str, float, Reason | None]]) -> None:
    made = [outcome(system, check, at, reason, location=place) for system, check, place, at, reason in tries]
    store.record(made, catalogue.settings)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_late_the_same_is_said(catalogue: Catalogue, store: Store, seed: int) -> None:
    random, now = Random(seed), NOW + 0.5
    windows, changed = Windows(catalogue, store), 0
    before = None
    for _ in range(60):
        back = random.choice([600, 600, 3600, 2 * DAY, 35 * DAY, 70 * DAY])
        record(store, catalogue, batch(random, now, back))
        said = kept(windows, catalogue, store, now)
        assert said == from_all(catalogue, store, now)
        changed += said != before
        before = said
        now += random.choice([0, 1, 15, 600, 7 * 3600, DAY, 5 * DAY])
    assert changed > 20


def test_a_late_try_that_only_puts_off_a_silence_shows(catalogue: Catalogue, store: Store) -> None:
    """It makes no boundary: the line is as it was, but for longer."""
    windows, at = Windows(catalogue, store), NOW - 3 * DAY
    record(store, catalogue, [("portal", "home", place, at, None) for place in ("office", "branch")])
    before = kept(windows, catalogue, store, NOW)
    marks = store.marks(0, NOW)
    record(store, catalogue, [("portal", "home", place, at + 60.0, None) for place in ("office", "branch")])
    assert store.marks(0, NOW) == marks
    after = kept(windows, catalogue, store, NOW)
    assert after == from_all(catalogue, store, NOW)
    assert after["30d"]["portal"][State.UP] == before["30d"]["portal"][State.UP] + 60


def test_a_clock_that_was_set_back_and_a_long_pause(catalogue: Catalogue, store: Store) -> None:
    random, windows = Random(7), Windows(catalogue, store)
    for now in (NOW, NOW + 90 * DAY, NOW + 2 * DAY, NOW - DAY, NOW + DAY / 2):
        for _ in range(5):
            record(store, catalogue, batch(random, now, 20 * DAY))
        assert kept(windows, catalogue, store, now) == from_all(catalogue, store, now)


def test_days_that_are_as_they_were_are_not_read_again(
    catalogue: Catalogue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, windows = Random(8), Windows(catalogue, store)
    for _ in range(40):
        record(store, catalogue, batch(random, NOW, 29 * DAY))
    record(store, catalogue, [("igate", "search", "office", NOW - 60, None)])
    kept(windows, catalogue, store, NOW)
    read: list[tuple[int, int]] = []
    asked = store.boundaries

    def boundaries(start: int, end: int) -> dict[Key, list[Boundary]]:
        read.append((start, end))
        return asked(start, end)

    monkeypatch.setattr(store, "boundaries", boundaries)
    lines, recent = store.lines(), Timelines(catalogue, asked(NOW - DAY, NOW + 31), store.lines(), NOW - DAY, NOW + 31)
    windows.count(WINDOWS, lines, recent, NOW + 30)
    assert read == []
    late = NOW - 3 * DAY
    record(store, catalogue, [("igate", "search", "office", late + 60 * n, Reason.HTTP_5XX) for n in range(3)])
    windows.count(WINDOWS, store.lines(), recent, NOW + 30)
    assert read == [(late // DAY * DAY, NOW // DAY * DAY)]


def test_the_exporter_that_was_there_all_the_time_says_the_same(catalogue: Catalogue, store: Store) -> None:
    random, clock = Random(9), [float(NOW)]
    exporter = Exporter(catalogue, store, lambda: clock[0])
    for _ in range(12):
        record(store, catalogue, batch(random, clock[0], 3 * DAY))
        assert exporter.text() == Exporter(catalogue, store, lambda: clock[0]).text()
        clock[0] += 5 * 3600


def test_states_are_told_apart_by_the_length_of_their_names() -> None:
    """The mark of a boundary counts on it."""
    assert len({len(state.value) for state in State}) == len(State)

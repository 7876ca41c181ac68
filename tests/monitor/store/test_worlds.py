"""Random worlds: locations with controls that fail, checks, settings that change, outcomes in any order.

What a store makes of them is held against the oracle second by second, against the pure functions row by row, and
against a rebuild byte by byte.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import select

from monitor.blindness import blindness, merged
from monitor.judge import Blind, Boundary, Line, Try, fold, in_time, is_blind
from monitor.model import CONTROL_SYSTEM, Outcome, Phases, Reason, Settings, State, StepResult, Verdict, verdict_of
from monitor.store import Key, Store, schema
from monitor.store.outcomes import try_of
from tests.monitor import oracle

BASE = 1_787_904_000_000  # ms: the start of an hour, long before the clock of any test
CHOICES = [
    Settings(interval=4, timeout=1, spacing=0.5),
    Settings(interval=2, timeout=0.5, confirm_down=2, spacing=0.5),
    Settings(interval=6, timeout=2, confirm_down=1, confirm_up=3, spacing=1),
]
CONTROL_CHOICES = [
    Settings(interval=3, timeout=0.5, confirm_down=2, confirm_up=1, spacing=0.5),
    Settings(interval=5, timeout=1, confirm_down=3, confirm_up=1, spacing=0.5),
    Settings(interval=2, timeout=0.5, confirm_down=1, confirm_up=1, spacing=0.5),
]

CheckKey = tuple[str, str]


class Step(NamedTuple):
    """Something that happens to the store: a message comes, or a recorder starts with another catalogue."""

    batch: Sequence[Outcome] = ()
    settings: Mapping[CheckKey, Settings] | None = None
    now: float = 0.0


class World(NamedTuple):
    made: Sequence[Outcome]
    catalogue: Mapping[CheckKey, Settings]
    unknown: Mapping[CheckKey, int]  # the step from which on the catalogue knows a check
    steps: Sequence[Step]


@st.composite
def worlds(draw: st.DrawFn, most: int = 16) -> World:
    checks: dict[Key, list[Settings]] = {}
    for location in "ab"[: draw(st.integers(1, 2))]:
        for control in range(draw(st.integers(1, 2))):
            checks[CONTROL_SYSTEM, f"{location}{control}", location] = CONTROL_CHOICES
        for check in range(draw(st.integers(1, 2))):
            checks["igate", f"c{check}", location] = CHOICES
    made = [outcome for key in checks for outcome in draw(outcomes(key, most))]
    keys: dict[CheckKey, list[Settings]] = {key[:2]: choices for key, choices in checks.items()}
    catalogue = {key: draw(st.sampled_from(choices)) for key, choices in keys.items()}
    order = draw(st.permutations(made)) if draw(st.booleans()) else sorted(made, key=lambda o: o.started_at)
    order = [*order, *draw(st.lists(st.sampled_from(order), max_size=4))] if order else []
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=8)))
    steps = [Step(order[a:b]) for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    for _ in range(draw(st.integers(0, 3))):
        chosen = draw(st.sets(st.sampled_from(sorted(keys)), min_size=1))
        changed = {key: draw(st.sampled_from(keys[key])) for key in sorted(chosen)}
        now = BASE / 1000 + draw(st.integers(-5, 70))
        steps.insert(draw(st.integers(0, len(steps))), Step(settings=changed, now=now))
    unknown = {key: draw(st.sampled_from([0, 0, 0, 2])) for key in sorted(keys)}
    return World(made, catalogue, unknown, steps)


@st.composite
def outcomes(draw: st.DrawFn, key: Key, most: int) -> list[Outcome]:
    """Of one line. Controls fail for long, so that both of a location do at once."""
    due_at, made, number = BASE + 10_000 + draw(st.integers(0, 3000)), [], 1
    good = [None, None, Reason.SLOW, Reason.HTTP_5XX, Reason.CONNECT_REFUSED, Reason.PROBE_ERROR]
    bad = [Reason.HTTP_5XX] * 5 + [Reason.CONNECT_REFUSED, None, Reason.BLIND]
    reasons = good
    for gap in draw(st.lists(st.sampled_from([0, 300, 1000, 2000, 3000, 4000, 4000, 9000]), max_size=most)):
        if draw(st.integers(0, 4)) == 0:
            reasons = bad if reasons is good else good
        number = number + 1 if gap == 0 else draw(st.sampled_from([1, 1, 1, 0]))
        due_at += gap
        reason = draw(st.sampled_from(reasons))
        late = draw(st.sampled_from([0, 3, 3, 40, -1000, 1700, 30_000]))
        steps = (StepResult("s", verdict_of(reason), reason, Phases(wait=0.1), 200),)
        started_at = due_at + late + 500 * (number - 1)
        made.append(Outcome(*key, due_at, number, started_at, 0.1, verdict_of(reason), reason, steps))
    unique = {(o.due_at, o.try_): o for o in reversed(made)}
    return list(unique.values())


def happen(store: Store, world: World) -> None:
    for number, step in enumerate(world.steps):

        def catalogue(system: str, check: str, number: int = number) -> Settings | None:
            key = system, check
            return world.catalogue[key] if number >= world.unknown[key] else None

        if step.settings is not None:
            store.date_settings(step.settings, step.now)
        else:
            store.record(step.batch, catalogue)


class Expected:
    """What the pure functions make of a world, judged by the settings that the store dated."""

    def __init__(self, store: Store, world: World) -> None:
        self._rows: dict[CheckKey, list[tuple[int, Settings]]] = {}
        for system, check, valid_from, *values in rows(store, "settings"):
            self._rows.setdefault((system, check), []).append((valid_from, Settings(*values)))
        self.tries: dict[Key, list[Try]] = {}
        for o in world.made:
            settings = self.settings((o.system, o.check), o.due_at)
            if settings is not None and in_time(o.started_at, o.due_at, o.try_, settings):
                self.tries.setdefault((o.system, o.check, o.location), []).append(try_of(o))
        for tries in self.tries.values():
            tries.sort()

    def settings(self, check: CheckKey, due_at: int) -> Settings | None:
        dated = self._rows.get(check, [])
        index = bisect_right(dated, due_at, key=lambda row: row[0])
        return dated[index - 1][1] if index else None

    def settings_of(self, key: Key, shift: int = 0) -> Callable[[Try], Settings]:
        """Of the slots of a line whose instants were shifted."""

        def known(try_: Try) -> Settings:
            settings = self.settings(key[:2], try_.due_at + shift)
            assert settings is not None
            return settings

        return known

    def controls(self, location: str) -> list[Key]:
        return [key for key in self.tries if key[0] == CONTROL_SYSTEM and key[2] == location]

    def blind(self, location: str) -> list[Blind]:
        return blindness([(self.tries[key], self.settings_of(key)) for key in self.controls(location)])

    def line(self, key: Key) -> tuple[Line, list[Boundary]]:
        blind = [] if key[0] == CONTROL_SYSTEM else merged(self.blind(key[2]))
        return fold(self.tries[key], self.settings_of(key), blind=blind)

    def seconds(self, key: Key, end: int) -> list[State]:
        """By the oracle, from BASE on."""
        blind: set[int] = set()
        if key[0] != CONTROL_SYSTEM:
            of_all = [(self._shifted(k), self.settings_of(k, BASE)) for k in self.controls(key[2])]
            blind = oracle.blind_seconds(of_all, end)
        return oracle.seconds(self._shifted(key), self.settings_of(key, BASE), 0, end, end, blind)

    def _shifted(self, key: Key) -> list[Try]:
        return [t._replace(started_at=t.started_at - BASE, due_at=t.due_at - BASE) for t in self.tries[key]]


def rows(store: Store, *names: str) -> list[tuple[Any, ...]]:
    """All rows of tables in the order of their keys."""
    with store._database.reading() as connection:
        chosen = [schema.metadata.tables[name] for name in names]
        return [tuple(row) for t in chosen for row in connection.execute(select(t).order_by(*t.primary_key))]


DERIVED = [table.name for table in schema.DERIVED]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without anything: a copy of it costs less than making one."""
    path = tmp_path_factory.mktemp("worlds") / "empty.db"
    made = Store.open(f"sqlite:///{path}")
    made.upgrade()
    made.close()
    return path


@contextmanager
def a_store(empty: Path) -> Iterator[Store]:
    with TemporaryDirectory(dir=empty.parent) as folder:
        store = Store.open(f"sqlite:///{shutil.copy(empty, folder)}")
        try:
            yield store
        finally:
            store.close()


@examples(max_examples=150, deadline=None)
@given(worlds())
def test_any_order_of_arrival_gives_what_the_rules_say(empty: Path, world: World) -> None:
    with a_store(empty) as store:
        happen(store, world)
        expected = Expected(store, world)
        end = (max((o.started_at for o in world.made), default=BASE) - BASE) // 1000 + 20
        lines, boundaries, blind = store.lines(), store.boundaries(0, 1 << 40), store.blind(0, 1 << 40)
        timelines = store.timelines(BASE // 1000, BASE // 1000 + end, BASE // 1000 + end)
        assert lines.keys() == expected.tries.keys()
        for key in expected.tries:
            assert blind.get(key[2], []) == merged(expected.blind(key[2]))
            assert (lines[key], boundaries.get(key, [])) == expected.line(key)
            seen = [i.state for i in timelines[key] for _ in range(i.start, i.end)]
            assert seen == expected.seconds(key, end)
        check_counts(store, expected)


def check_counts(store: Store, expected: Expected) -> None:
    """First tries in blindness are inconclusive in the hours, and what they said since the beginning."""
    hours, totals, reasons = store.rollups(0, 1 << 40), store.totals(), store.reasons(0, 1 << 40)
    of_period = store.periods.tries(0, 1 << 40)
    for key, tries in expected.tries.items():
        blind = [] if key[0] == CONTROL_SYSTEM else merged(expected.blind(key[2]))
        first = [t for t in tries if t.try_ == 1]
        said, worth = (
            Counter(t.verdict for t in first),
            Counter(Verdict.INCONCLUSIVE if is_blind(blind, t.started_at) else t.verdict for t in first),
        )
        rollups = hours.get(key, [])
        for verdict in Verdict:
            assert sum(getattr(r, verdict) for r in rollups) == worth[verdict]
            assert (getattr(totals[key], verdict) if key in totals else 0) == said[verdict]
        conclusive = worth.total() - worth[Verdict.INCONCLUSIVE]
        assert sum(sum(r.buckets) for r in rollups) == conclusive
        assert sum(r.micros for r in rollups) == 100_000 * conclusive
        if key in of_period:
            rechecks = sum(r.rechecks for r in rollups)
            assert of_period[key][:2] == (conclusive, rechecks)
        failed = sum(c.tries for c in reasons.get(key, []) if verdict_of(c.reason) is Verdict.DOWN)
        assert failed == worth[Verdict.DOWN]


@examples(max_examples=100, deadline=None)
@given(worlds())
def test_a_rebuild_gives_the_same_bytes_under_any_catalogue(empty: Path, world: World) -> None:
    with a_store(empty) as store:
        happen(store, world)
        before = rows(store, *DERIVED)
        store.rebuild(lambda _system, _check: None)
        assert rows(store, *DERIVED) == before

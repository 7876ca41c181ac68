"""What a store promises, on any database: tests/live runs the same on PostgreSQL."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import MetaData, insert, select, text, update

from monitor.figures import Tries
from monitor.judge import Blind, Boundary, Interval, Line, fold, in_time
from monitor.model import CONTROL_SYSTEM, Outcome, Phases, Reason, Settings, State, StepResult, Verdict, verdict_of
from monitor.store import LATENCY_BUCKETS, Change, ReasonCount, Recorded, Store, StoreError, database, schema
from monitor.store.outcomes import try_of

MINUTE = Settings(interval=60, timeout=10)
HOUR = 1_787_904_000  # the start of an hour in 2026, long before the clock of any test, in seconds
NOON = HOUR * 1000
KEY = ("igate", "search", "office")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[[], Store]]:
    opened = []

    def open_() -> Store:
        opened.append(Store.open(url))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    made = open_store()
    made.upgrade()
    return made


def outcome(
    second: float,
    reason: Reason | None = None,
    *,
    try_: int = 1,
    key: tuple[str, str, str] = KEY,
    seconds: float = 0.2,
    late_ms: int = 3,
    step: str = "search",
) -> Outcome:
    """One try, so many seconds after noon."""
    due_at = NOON + round(second * 1000)
    verdict = verdict_of(reason)
    steps = (StepResult(step, verdict, reason, Phases(0.001, 0.002, 0.003, 0.15, 0.004), 500 if reason else 200),)
    return Outcome(*key, due_at, try_, due_at + late_ms, seconds, verdict, reason, steps)


def known(system: str, check: str) -> Settings | None:
    return MINUTE


def igate_only(system: str, check: str) -> Settings | None:
    return MINUTE if system == "igate" else None


FAILED = Reason.HTTP_5XX


def tables(store: Store, *names: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of tables in the order of their keys, by default of those made from outcomes."""
    chosen = [schema.metadata.tables[name] for name in names] or schema.DERIVED
    with store._database.reading() as connection:
        return {t.name: [tuple(r) for r in connection.execute(select(t).order_by(*t.primary_key))] for t in chosen}


# --- outcomes ---------------------------------------------------------------------------------------------------------


def test_an_outcome_comes_back_as_it_was(store: Store) -> None:
    steps = (
        StepResult("token", Verdict.UP, None, Phases(0.0012, 0.0034, 0.0201, 0.0999, 0.0), 200),
        StepResult("search", Verdict.DOWN, Reason.CONTRACT_VIOLATION, Phases(wait=1.2345, transfer=0.0001), 302),
        StepResult("procedures", None),
    )
    full = Outcome(
        "igate",
        "search",
        "office",
        NOON,
        2,
        NOON - 7,
        1.359201,
        Verdict.DOWN,
        Reason.CONTRACT_VIOLATION,
        steps,
        "imported",
    )
    bare = Outcome("lgsp", "ping", "office", NOON, 0, NOON, 0.0, Verdict.INCONCLUSIVE, Reason.PROBE_ERROR)
    assert store.record([full, bare], known) == Recorded(2, 0, 0, doubted=frozenset({"igate"}))
    assert list(store.outcomes(NOON, NOON + 1)) == [full, bare]


def test_an_identity_is_kept_once(store: Store) -> None:
    first, other = outcome(0), outcome(0, FAILED, late_ms=5)
    assert store.record([first, first, other], known).new == 1
    recorded = store.record([outcome(60), first, other, outcome(60, try_=2)], known)
    assert (recorded.new, recorded.duplicates, recorded.conflicts) == (2, 1, 1)
    assert list(store.outcomes(NOON, NOON + 60_000)) == [first]
    counters = store.counters()
    assert (counters["duplicates"], counters["conflicts"], counters["outcomes_up"]) == (2, 2, 3)
    assert store.totals()[KEY].up == 2


def test_the_stream_has_the_period_and_the_system_asked_for(store: Store) -> None:
    made = [outcome(s, key=(system, "c", "office")) for s in range(0, 3000, 2) for system in ("a", "b")]
    store.record(made, known)
    assert list(store.outcomes(NOON, NOON + 3_000_000)) == made
    assert list(store.outcomes(NOON + 2000, NOON + 6000, "b")) == [made[3], made[5]]
    assert list(store.outcomes(NOON, NOON + 6000, "c")) == []
    stream = store.outcomes(NOON, NOON + 3_000_000)
    assert next(stream) == made[0]
    stream.close()  # type: ignore[attr-defined]
    assert store.first_outcome() == NOON


def test_an_empty_store_has_nothing(store: Store) -> None:
    assert store.record([], known) == Recorded(0, 0, 0)
    assert store.first_outcome() is None
    assert (store.lines(), store.totals(), store.states(0), store.rollups(0, HOUR)) == ({}, {}, {}, {})
    assert store.size() > 0


# --- lines ------------------------------------------------------------------------------------------------------------

STORY = [outcome(0), *(outcome(60 + 2 * n, FAILED, try_=n + 1) for n in range(3)), outcome(120), outcome(122, try_=2)]


def test_lines_follow_the_outcomes(store: Store) -> None:
    recorded = store.record(STORY, known)
    assert store.boundaries(HOUR, HOUR + 3600)[KEY] == [
        Boundary(HOUR, State.UP),
        Boundary(HOUR + 60, State.DOWN, FAILED, "search"),
        Boundary(HOUR + 120, State.UP),
    ]
    assert recorded.changes == (
        Change(*KEY, State.NO_DATA, State.UP, HOUR, None, None),
        Change(*KEY, State.UP, State.DOWN, HOUR + 60, FAILED, "search"),
        Change(*KEY, State.DOWN, State.UP, HOUR + 120, None, None),
    )
    line = store.lines()[KEY]
    assert line.last == try_of(STORY[-1])
    assert line.last.micros == 200_000
    assert (line.state, line.since) == (State.UP, HOUR + 120)


def test_a_period_begins_with_the_boundary_in_force(store: Store) -> None:
    store.record(STORY, known)
    assert [b.at for b in store.boundaries(HOUR + 60, HOUR + 120)[KEY]] == [HOUR + 60]
    assert [b.at for b in store.boundaries(HOUR + 61, HOUR + 121)[KEY]] == [HOUR + 60, HOUR + 120]
    assert store.boundaries(HOUR - 100, HOUR) == {}


def test_the_silence_is_known_on_reading(store: Store) -> None:
    store.record(STORY, known)
    end_of_hold = HOUR + 122 + 130
    assert store.states(end_of_hold) == {KEY: State.UP}  # 3 ms are left
    assert store.states(end_of_hold + 0.003) == {KEY: State.NO_DATA}
    assert store.timelines(HOUR + 100, HOUR + 3600, now=end_of_hold + 10)[KEY] == [
        Interval(HOUR + 100, HOUR + 120, State.DOWN, FAILED, "search"),
        Interval(HOUR + 120, end_of_hold, State.UP),
        Interval(end_of_hold, end_of_hold + 10, State.NO_DATA),
    ]


def test_an_outcome_from_the_future_is_counted_and_not_kept(store: Store) -> None:
    """The first one is as late as a clock may go wrong; of the others, one is asked out of turn."""
    edge, stepped = outcome(60, late_ms=10_000), outcome(60, FAILED, try_=2, late_ms=10_001)
    tomorrow = outcome(86_400, FAILED, try_=0)
    recorded = store.record([edge, stepped, tomorrow], known, {"overruns": 2}, received_at=HOUR + 60)
    assert (recorded.new, recorded.duplicates, recorded.conflicts, recorded.future) == (1, 0, 0, 2)
    assert list(store.outcomes(0, 10 * NOON)) == [edge]
    assert (store.counters()["clock_step"], store.counters()["overruns"]) == (2, 2)
    assert store.lines()[KEY].last == try_of(edge)


def test_outcomes_from_the_future_do_not_stand_in_the_way_of_the_present(store: Store) -> None:
    future = [outcome(86_400, try_=0), outcome(86_400, try_=0, key=(CONTROL_SYSTEM, "gateway", "office"))]
    store.record(future, known, {"overruns": 1}, received_at=HOUR)
    for second in (0, 60, 120):
        store.record([outcome(second, FAILED)], known, received_at=HOUR + second + 1)
    assert store.counters()["overruns"] == 1
    assert (store.lines()[KEY].state, store.lines()[KEY].since) == (State.DOWN, HOUR)
    before = tables(store)
    store.rebuild(known)
    assert tables(store) == before


def test_unknown_checks_and_stepped_clocks_are_kept_and_counted_only(store: Store) -> None:
    stepped = outcome(0, FAILED, late_ms=80_000)
    recorded = store.record([stepped, outcome(0, key=("gone", "c", "l"))], igate_only)
    assert recorded.new == 2
    counters = store.counters()
    assert (counters["clock_step"], counters["unknown_check"]) == (1, 1)
    assert (store.lines(), store.totals(), store.reason_totals()) == ({}, {}, {})
    assert len(list(store.outcomes(NOON, NOON + 1))) == 2


# --- any order, any number of times -----------------------------------------------------------------------------------

DENSE = Settings(interval=4, timeout=1, spacing=0.5)
SYSTEMS = count()


def dense(system: str, check: str) -> Settings | None:
    return DENSE


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Outcome], list[list[int]]]:
    """Outcomes of two lines, and batches of their indexes: every one at least once, in any order."""
    system = f"system-{next(SYSTEMS)}"
    made = []
    for location in ("a", "b"):
        due_at = NOON + draw(st.integers(0, 5000))
        for gap in draw(st.lists(st.one_of(st.just(4000), st.integers(1, 30_000)), max_size=25)):
            due_at += gap
            reason = draw(st.sampled_from([None, None, FAILED, FAILED, Reason.SLOW, Reason.BLIND]))
            steps = (StepResult("s", verdict_of(reason), reason, Phases(wait=0.1), 200),)
            started_at = due_at + draw(st.integers(-1000, 7000))
            made.append(Outcome(system, "c", location, due_at, 1, started_at, 0.1, verdict_of(reason), reason, steps))
    order = draw(st.permutations(range(len(made))))
    again = draw(st.lists(st.sampled_from(order), max_size=5)) if order else []
    order = [*order, *again]
    cuts = sorted(draw(st.sets(st.integers(0, len(order)), max_size=6)))
    return made, [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals())
def test_any_order_of_arrival_gives_the_same(store: Store, arriving: tuple[list[Outcome], list[list[int]]]) -> None:
    made, batches = arriving
    for batch in batches:
        store.record([made[i] for i in batch], dense)
    lines, boundaries = store.lines(), store.boundaries(0, 1 << 40)
    for key in {(o.system, o.check, o.location) for o in made}:
        judged = [o for o in made if o.location == key[2] and in_time(o.started_at, o.due_at, o.try_, DENSE)]
        line, expected = fold(sorted(map(try_of, judged)), lambda _: DENSE)
        assert boundaries.get(key, []) == expected
        assert lines.get(key, Line()) == line


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals())
def test_a_rebuild_makes_the_same_rows(store: Store, arriving: tuple[list[Outcome], list[list[int]]]) -> None:
    made, batches = arriving
    for batch in batches:
        store.record([made[i] for i in batch], dense)
    before = tables(store)
    store.rebuild(dense)
    assert tables(store) == before


def test_an_old_outcome_changes_its_own_time_only(store: Store) -> None:
    """Months after it, and while the line is in doubt, it is judged from what is around it."""
    months = 40_000 * 60
    now = [outcome(months + s) for s in range(0, 600, 60)] + [outcome(months + 600, FAILED)]
    store.record([*STORY, *now], known)
    expected = tables(store)["lines"]
    recorded = store.record([outcome(400), outcome(460, FAILED)], known)
    assert recorded.changes == ()
    assert tables(store)["lines"] == expected
    made = store.boundaries(HOUR, HOUR + months + 3600)[KEY]
    assert [b.at - HOUR for b in made] == [0, 60, 120, 252, 400, 460, months]


def test_late_outcomes_are_found_among_those_of_many_others(store: Store) -> None:
    crowd = [outcome(s + n / 100, key=(f"s{n}", "c", "l")) for s in range(0, 1200, 60) for n in range(20)]
    store.record(crowd, known)
    late = [outcome(s + n / 100 + 1, FAILED, try_=2, key=(f"s{n}", "c", "l")) for s in (540, 600) for n in range(20)]
    store.record(late[::-1], known)
    before = tables(store)
    store.rebuild(known)
    assert tables(store) == before


# --- dated settings ---------------------------------------------------------------------------------------------------

STRICT = Settings(interval=60, timeout=10, confirm_down=2)


def dated(store: Store) -> list[tuple[str, float, int]]:
    """Check, since when (seconds after noon; None: always), how many failures confirm an outage."""
    rows = tables(store, "settings")["settings"]
    return [(check, at and (at - NOON) / 1000, confirm) for _, check, at, _, _, confirm, *_ in rows]


def test_a_slot_is_judged_by_the_settings_of_its_time(store: Store) -> None:
    store.record([outcome(0), outcome(60, FAILED), outcome(120, FAILED), outcome(180)], known)
    assert store.date_settings({KEY[:2]: STRICT}, HOUR + 300) == [KEY[:2]]
    assert dated(store) == [("search", 0, 3), ("search", 300, 2)]
    store.record([outcome(300), outcome(360, FAILED), outcome(420, FAILED)], known)
    store.record([outcome(240), outcome(61, FAILED, try_=2)], known)  # late: three in a row, as was needed then
    made = [(b.at - HOUR, b.state) for b in store.boundaries(0, 1 << 40)[KEY]]
    assert made == [(0, State.UP), (60, State.DOWN), (180, State.UP), (360, State.DOWN)]
    before = tables(store)
    store.rebuild(lambda *_: None)
    assert tables(store) == before


def test_settings_that_have_not_changed_are_not_written_again(store: Store) -> None:
    assert store.date_settings({KEY[:2]: MINUTE, ("igate", "login"): STRICT}, HOUR) == []
    assert store.date_settings({KEY[:2]: MINUTE}, HOUR + 60) == []
    assert dated(store) == [("login", 0, 2), ("search", 0, 3)]
    store.record([outcome(0)], known)
    assert store.lines()[KEY].until == NOON + 3 + 130_000


def test_settings_go_back_and_forth(store: Store, open_store: Callable[[], Store]) -> None:
    """A clock that was set back does not put new settings before older ones."""
    for number, (settings, at) in enumerate([(MINUTE, 0), (STRICT, 60), (MINUTE, 30), (STRICT, 90)]):
        writer = (store, open_store())[number % 2]
        assert bool(writer.date_settings({KEY[:2]: settings}, HOUR + at)) is (number > 0)
    assert dated(store) == [("search", 0, 3), ("search", 60, 2), ("search", 60.001, 3), ("search", 90, 2)]


def test_a_check_that_left_the_catalogue_is_judged_by_what_it_had(store: Store) -> None:
    store.record(STORY[:1], known)
    store.record(STORY[1:], lambda *_: None)
    assert store.lines()[KEY].state is State.UP
    assert "unknown_check" not in store.counters()


def test_no_slot_that_was_judged_is_judged_by_newer_settings(store: Store) -> None:
    """A worker's clock is ahead of the recorder's."""
    store.record([outcome(0), outcome(301, FAILED), outcome(302, FAILED)], known)
    store.date_settings({KEY[:2]: STRICT}, HOUR + 300)
    assert dated(store)[-1] == ("search", 302.001, 2)
    before = tables(store)
    store.rebuild(known)
    assert tables(store) == before


def test_what_was_unknown_when_it_came_stays_unjudged(store: Store) -> None:
    store.record([outcome(0), outcome(60)], lambda *_: None)
    store.record([outcome(120), outcome(30)], known)
    assert dated(store) == [("search", 60.001, 3)]
    assert store.boundaries(0, 1 << 40)[KEY] == [Boundary(HOUR + 120, State.UP)]
    assert store.counters()["unknown_check"] == 3
    before = tables(store)
    store.rebuild(known)
    assert tables(store) == before


def test_a_late_try_is_found_among_those_of_a_longer_interval(store: Store) -> None:
    """What may matter to it is as far away as the settings of then allow, not those of now."""
    hourly = Settings(interval=3600, timeout=10)
    hours = [outcome(3600 * n) for n in range(3)]
    store.record(hours, lambda *_: hourly)
    store.date_settings({KEY[:2]: Settings(2, 1)}, HOUR + 3 * 3600)
    store.record([outcome(3 * 3600 + 2 * n) for n in range(10)], known)
    store.record([outcome(3600 * 2 + 1800, FAILED), outcome(3600 * 3 - 1, FAILED)], known)
    store.record([outcome(3600 * 2 + 2000, FAILED)], known)
    before = tables(store)
    assert [b.at - HOUR for b in store.boundaries(0, 1 << 40)[KEY]] == [0, 9000, 10800]
    store.rebuild(known)
    assert tables(store) == before


# --- blindness --------------------------------------------------------------------------------------------------------

CONTROL = Settings(interval=30, timeout=5, confirm_down=3, confirm_up=1)  # a verdict holds for 65 s
GATEWAY, ROUTER = (CONTROL_SYSTEM, "gateway", "office"), (CONTROL_SYSTEM, "router", "office")
BRANCH = ("igate", "search", "branch")


def with_controls(system: str, check: str) -> Settings | None:
    return CONTROL if system == CONTROL_SYSTEM else MINUTE


def control(second: float, reason: Reason | None = None, key: tuple[str, str, str] = GATEWAY) -> Outcome:
    return outcome(second, reason, key=key, try_=0)


SIGHT_LOST = [control(0), *(control(s, FAILED) for s in (30, 32, 34))]  # blind from 0 on, known at 34


def states(store: Store, key: tuple[str, str, str], until: int) -> list[tuple[int, State]]:
    """Where each state of a line begins, in seconds after noon."""
    return [(i.start - HOUR, i.state) for i in store.timelines(HOUR, HOUR + until, HOUR + until)[key]]


def test_a_blind_location_has_no_data_and_its_tries_count_for_nothing(store: Store) -> None:
    store.record([outcome(-60), outcome(-60, key=BRANCH), outcome(25, key=BRANCH)], with_controls)
    store.record([outcome(20, FAILED), outcome(22, FAILED, try_=2), outcome(24, FAILED, try_=3)], with_controls)
    assert states(store, KEY, 30)[-1] == (20, State.DOWN)
    recorded = store.record(SIGHT_LOST, with_controls)
    assert Change(*KEY, State.DOWN, State.NO_DATA, HOUR, Reason.BLIND, None) in recorded.changes
    assert store.blind(HOUR, HOUR + 40) == {"office": [Blind(HOUR, None)]}
    store.record([outcome(40), control(60), outcome(60.5), outcome(80, FAILED)], with_controls)
    assert store.blind(HOUR + 59, HOUR + 70) == {"office": [Blind(HOUR, HOUR + 60)]}
    assert store.blind(HOUR + 60, HOUR + 70) == {}
    assert states(store, KEY, 90) == [(0, State.NO_DATA), (60, State.UP)]
    assert states(store, BRANCH, 90) == [(0, State.UP)]
    (hour,) = store.rollups(HOUR, HOUR + 3600)[KEY]
    assert (hour.up, hour.down, hour.inconclusive, hour.rechecks, hour.failed_rechecks) == (1, 1, 2, 2, 0)
    assert (hour.micros, sum(hour.buckets)) == (400_000, 2)
    assert store.reasons(HOUR, HOUR + 3600)[KEY] == [
        ReasonCount(HOUR, Reason.BLIND, None, 2),
        ReasonCount(HOUR, FAILED, "search", 1),
    ]
    rebuilt_is_the_same(store)


def test_counts_since_the_beginning_only_grow(store: Store) -> None:
    """Prometheus takes a counter that shrinks for one that began anew."""
    store.record([outcome(0), outcome(20, FAILED), outcome(24)], with_controls)
    before = store.totals()[KEY], store.reason_totals()[KEY]
    store.record(SIGHT_LOST, with_controls)
    assert (store.totals()[KEY], store.reason_totals()[KEY]) == before
    assert store.reasons(HOUR, HOUR + 3600)[KEY] == [ReasonCount(HOUR, Reason.BLIND, None, 3)]
    rebuilt_is_the_same(store)


def test_after_blindness_a_check_waits_for_its_next_verdict(store: Store) -> None:
    store.record([outcome(-10), *SIGHT_LOST, control(60), outcome(110)], with_controls)
    assert states(store, KEY, 120) == [(0, State.NO_DATA), (110, State.UP)]
    rebuilt_is_the_same(store)


def test_a_late_verdict_of_a_control_gives_back_what_was_taken(store: Store) -> None:
    made = [outcome(s) for s in range(-60, 180, 20)]
    store.record(made, with_controls)
    expected = tables(store)
    store.record(SIGHT_LOST, with_controls)
    assert states(store, KEY, 50) == [(0, State.NO_DATA)]
    store.record([control(29, key=ROUTER)], with_controls)  # the other control had answered just before
    assert store.blind(0, 1 << 40) == {}
    after = tables(store)
    lines, boundaries = after["lines"], after["boundaries"]
    assert [row for row in lines if row[0] == 1] == expected["lines"]
    assert [row for row in boundaries if row[0] == 1] == expected["boundaries"]
    assert [row for row in after["rollups"] if row[0] == 1] == expected["rollups"]
    rebuilt_is_the_same(store)


def test_a_verdict_of_the_engine_is_inconclusive_for_that_try_alone(store: Store) -> None:
    store.record([control(0), outcome(0), outcome(60, Reason.BLIND), outcome(62, try_=2)], with_controls)
    assert states(store, KEY, 70) == [(0, State.UP), (60, State.NO_DATA), (62, State.UP)]
    assert store.blind(0, 1 << 40) == {}


def test_controls_that_are_told_of_late_change_hours_of_many_lines(store: Store) -> None:
    """What a location saw comes after all that its checks said; the work is done piece by piece."""
    keys = [("igate", f"c{n}", "office") for n in range(8)]
    store.record([outcome(s + n, key=key) for s in range(-60, 5400, 60) for n, key in enumerate(keys)], with_controls)
    store.record([control(0), *(control(s, FAILED) for s in range(30, 4000, 30)), control(4000)], with_controls)
    for n, key in enumerate(keys):
        seen_again = 4020 + n
        assert states(store, key, 4500) == [(0, State.NO_DATA), (seen_again, State.UP)]
    assert store.rollups(HOUR, HOUR + 3600)[keys[0]][0].inconclusive == 60
    rebuilt_is_the_same(store)


def test_what_comes_with_the_news_of_blindness_is_judged_in_order(store: Store) -> None:
    """A doubt from before it, in the very message: blindness cuts it, whatever was judged first."""
    lost = [control(40), *(control(s, FAILED) for s in (60, 62, 64))]
    store.record([outcome(0)], with_controls)
    store.record([outcome(30, FAILED), outcome(50), *lost], with_controls)
    assert store.blind(0, 1 << 40) == {"office": [Blind(HOUR + 40, None)]}
    assert states(store, KEY, 70) == [(0, State.UP), (30, State.NO_DATA)]
    rebuilt_is_the_same(store)


def test_blindness_that_lasts_is_known_to_the_next_recorder(store: Store, open_store: Callable[[], Store]) -> None:
    store.record([outcome(0), *SIGHT_LOST], with_controls)
    other = open_store()
    other.record([outcome(60), outcome(62, key=("igate", "new", "office"))], with_controls)
    assert {key: line.state for key, line in store.lines().items() if key[0] == "igate"} == {
        KEY: State.NO_DATA,
        ("igate", "new", "office"): State.NO_DATA,
    }
    store.record([control(90), outcome(120)], with_controls)
    assert store.states(HOUR + 121)[KEY] is State.UP
    rebuilt_is_the_same(store)


def rebuilt_is_the_same(store: Store) -> None:
    before = tables(store)
    store.rebuild(lambda *_: None)
    assert tables(store) == before


# --- counts -----------------------------------------------------------------------------------------------------------


def test_the_rollup_of_an_hour(store: Store) -> None:
    store.record(
        [
            outcome(-0.001, seconds=9),  # starts in this hour, by 2 ms
            outcome(60, seconds=0.05),  # a bucket's limit belongs to it
            outcome(120, Reason.SLOW, seconds=2.6),
            outcome(180, FAILED, seconds=11, step="token"),
            outcome(182, FAILED, try_=2),
            outcome(184, try_=3),
            outcome(240, Reason.BLIND, seconds=5),
            outcome(250, FAILED, try_=0),
            outcome(3600),
        ],
        known,
    )
    first, second = store.rollups(HOUR, HOUR + 7200)[KEY]
    assert (first.hour, second.hour) == (HOUR, HOUR + 3600)
    assert (first.up, first.degraded, first.down, first.inconclusive) == (2, 1, 1, 1)
    assert (first.rechecks, first.failed_rechecks, first.conclusive) == (2, 1, 4)
    assert first.micros == 22_650_000
    assert first.phases == (40, 80, 120, 6000, 160)
    assert dict(zip([*LATENCY_BUCKETS, None], first.buckets, strict=True)) == {
        0.05: 1, 0.1: 0, 0.25: 0, 0.5: 0, 1.0: 0, 2.5: 0, 5.0: 1, 10.0: 1, None: 1,
    }  # fmt: skip
    assert store.rollups(HOUR + 1, HOUR + 3600) == {}
    assert store.rollups(0, HOUR + 1) == {KEY: [first]}
    total = store.totals()[KEY]
    assert (total.hour, total.up, total.micros) == (0, 3, 22_850_000)
    assert total.buckets == tuple(a + b for a, b in zip(first.buckets, second.buckets, strict=True))
    counted = [
        ReasonCount(HOUR, Reason.BLIND, "search", 1),
        ReasonCount(HOUR, FAILED, "token", 1),
        ReasonCount(HOUR, Reason.SLOW, "search", 1),
    ]
    assert store.reasons(HOUR, HOUR + 3600) == {KEY: counted}
    assert store.reasons(0, HOUR) == {}
    assert store.reason_totals() == {KEY: [c._replace(hour=0) for c in counted]}


def test_what_comes_twice_counts_once(store: Store) -> None:
    store.record(STORY, known, {"slots_skipped": 2})
    before = tables(store)
    recorded = store.record(STORY, known, {"slots_skipped": 2})
    assert (recorded.new, recorded.duplicates) == (0, 6)
    assert tables(store) == before
    assert store.counters()["slots_skipped"] == 2
    store.record([], known, {"slots_skipped": 3})
    assert store.counters()["slots_skipped"] == 5


# --- transactions -----------------------------------------------------------------------------------------------------


def test_a_call_that_fails_leaves_nothing_behind(store: Store) -> None:
    store.record([outcome(0)], known)
    before = tables(store, *schema.metadata.tables)

    def broken(system: str, check: str) -> Settings | None:
        raise KeyError(system)

    with pytest.raises(KeyError):
        store.record([outcome(60, key=("new", "new", "new"), step="new")], broken)
    assert tables(store, *schema.metadata.tables) == before
    assert store.record([outcome(60, key=("new", "new", "new"), step="new"), outcome(60)], known).new == 2
    assert {key[0] for key in store.lines()} == {"igate", "new"}


def test_two_writers_find_out_about_each_other(store: Store, open_store: Callable[[], Store]) -> None:
    other = open_store()
    for number, one in enumerate(STORY):
        (store, other)[number % 2].record([one], known)
    line, boundaries = fold(map(try_of, STORY), lambda _: MINUTE)
    assert (store.lines()[KEY], store.boundaries(0, 1 << 40)[KEY]) == (line, boundaries)


def test_threads_share_a_store(store: Store) -> None:
    made = [[outcome(s, key=(f"s{n}", "c", "l")) for s in range(0, 600, 60)] for n in range(4)]
    failures: list[BaseException] = []

    def work(mine: Sequence[Outcome]) -> None:
        try:
            for one in mine:
                store.record([one], known)
                store.lines()
                list(store.outcomes(NOON, NOON + 60_000))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sum(total.up for total in store.totals().values()) == 40


def test_a_tick_is_claimed_once(store: Store, open_store: Callable[[], Store]) -> None:
    other = open_store()
    assert store.claim_tick(100)
    assert not other.claim_tick(100)
    assert other.claim_tick(101)
    assert not store.claim_tick(99)


def test_one_recorder_at_a_time(store: Store, open_store: Callable[[], Store]) -> None:
    other = open_store()
    with store.recorder_lock():
        with pytest.raises(StoreError, match="another recorder is active"), other.recorder_lock(wait=0.1):
            pass
        store.record([outcome(0)], known)
    with other.recorder_lock():
        pass


def test_a_standby_waits_for_its_turn(store: Store, open_store: Callable[[], Store]) -> None:
    other, taken, turn = open_store(), threading.Event(), threading.Event()

    def stand_by() -> None:
        with other.recorder_lock(wait=None):
            turn.set()

    with store.recorder_lock():
        taken.set()
        thread = threading.Thread(target=stand_by)
        thread.start()
        assert not turn.wait(0.05)
    thread.join()
    assert turn.is_set()


# --- tries of a period ------------------------------------------------------------------------------------------------


def test_tries_of_a_period_are_the_sum_of_its_hours_wherever_it_begins_and_ends(store: Store) -> None:
    store.record(
        [outcome(minutes * 60, FAILED if minutes % 77 == 0 else None) for minutes in range(0, 7200, 11)], known
    )
    day = HOUR // 86_400 * 86_400
    for start, end in (
        *((day, day + 86_400), (day + 61_200, day + 3 * 86_400 + 61_200), (day + 3600, day + 7200)),
        *((day + 82_800, day + 90_000), (0, 1 << 40), (day + 86_400, day + 86_400), (day + 43_200, day + 86_400)),
    ):
        hours = store.rollups(start, end).get(KEY, [])
        found = store.periods.tries(start, end).get(KEY, Tries())
        assert found.conclusive == sum(r.up + r.degraded + r.down for r in hours)
        assert sum(found.failed.values()) == sum(r.down for r in hours)
        assert found.rechecks == sum(r.rechecks for r in hours)


def test_a_store_that_is_older_than_sums_by_day_has_them_after_its_upgrade(open_store: Callable[[], Store]) -> None:
    store = open_store()
    upgraded_to(store, "0009")
    hours = [(1, hour, *range(1, 6)) for hour in (HOUR, HOUR + 3600, HOUR + 86_400)]
    hours.append((1, schema.ALWAYS, 9, 9, 9, 9, 9))
    columns = ("series", "hour", *schema.VERDICT_COUNTS, "rechecks")
    with store._database.writing() as connection:
        for row in hours:
            none = dict.fromkeys(schema.ROLLUP_COUNTS, 0)
            connection.execute(insert(schema.rollups).values(none | dict(zip(columns, row, strict=True))))
    store.upgrade()
    day = HOUR // 86_400 * 86_400
    assert sorted(tables(store, "days")["days"]) == [(1, day, 12, 10), (1, day + 86_400, 6, 5)]


def upgraded_to(store: Store, revision: str) -> None:
    """The tables as an older program left them."""
    with store._database.writing() as connection:
        database.upgrade_to(revision, connection)


# --- rebuild ----------------------------------------------------------------------------------------------------------


def test_a_rebuild_mends_what_was_derived(store: Store) -> None:
    store.record([*STORY, outcome(300, late_ms=80_000), outcome(300, key=("gone", "c", "l"))], igate_only)
    before = tables(store)
    with store._database.writing() as connection:
        connection.execute(schema.boundaries.delete())
        connection.execute(update(schema.rollups).values(up=99))
    seen: list[tuple[int, int]] = []
    store.rebuild(igate_only, lambda done, total: seen.append((done, total)))
    assert tables(store) == before
    assert seen[0] == (0, 8)
    assert seen[-1] == (8, 8)
    store.record([outcome(360, FAILED)], known)  # a recorder goes on from what was made
    assert store.lines()[KEY].run == (try_of(outcome(360, FAILED)),)


def test_a_row_that_outcomes_do_not_give_is_told(store: Store) -> None:
    store.record([*STORY, outcome(300, late_ms=80_000)], known)
    assert store.verify_lines() == []
    with store._database.writing() as connection:
        connection.execute(update(schema.days).values(conclusive=schema.days.c.conclusive + 1))
        connection.execute(update(schema.boundaries).values(step="other"))
    told = {(found.table, found.system, found.at) for found in store.verify_lines()}
    assert told == {("boundaries", "igate", HOUR), ("days", "igate", HOUR // 86_400 * 86_400)}
    assert {found.table for found in store.verify_lines(start=HOUR + 86_400)} == set()


def test_a_rebuild_judges_by_the_settings_of_the_time_whatever_the_catalogue(store: Store) -> None:
    store.record([*STORY, outcome(0, key=("gone", "c", "l"))], known)
    before = tables(store)
    store.rebuild(lambda system, _check: Settings(60, 10, confirm_down=4) if system == "igate" else None)
    assert tables(store) == before


def test_a_rebuild_of_a_store_that_is_older_than_dated_settings_takes_those_of_the_catalogue(store: Store) -> None:
    store.record([*STORY, outcome(0, key=("gone", "c", "l"))], known)
    with store._database.writing() as connection:
        connection.execute(schema.settings.delete())
    strict = Settings(60, 10, confirm_down=4)
    store.rebuild(lambda system, _check: strict if system == "igate" else None)
    assert store.boundaries(0, 1 << 40) == {KEY: [Boundary(HOUR, State.UP)]}
    assert tables(store, "settings")["settings"] == [("igate", "search", 0, 60.0, 10.0, 4, 2, 2.0)]


def test_a_rebuild_that_fails_changes_nothing(store: Store) -> None:
    store.record(STORY, known)
    before = tables(store)

    def broken(done: int, total: int) -> None:
        raise KeyError(done)

    with pytest.raises(KeyError):
        store.rebuild(known, broken)
    assert tables(store) == before


def test_time_whose_outcomes_are_gone_is_not_rebuilt(store: Store) -> None:
    store.record(STORY, known)
    before = tables(store)
    store.set_meta("raw_from", str(NOON + 60_000))
    said = re.escape("no longer all there, but only those since 2026-08-28 08:01 UTC")
    for keep_closed in (False, True):
        with pytest.raises(StoreError, match=said) as caught:
            store.rebuild(known, keep_closed=keep_closed)
        assert caught.value.permanent
    assert tables(store) == before


def close(store: Store, name: str, start: int, end: int) -> None:
    made = {"at": end, "by": "cli", "inputs": "0" * 64, "figures": '["as they were"]'}
    store.periods.close("calendar", name, start, end, **made)  # type: ignore[arg-type]


def test_what_is_closed_is_not_rebuilt_unasked(store: Store) -> None:
    store.record(STORY, known)
    close(store, "before", HOUR - 7200, HOUR)  # ends where the first outcome is due: it has none
    close(store, "later", HOUR + 7200, HOUR + 9000)
    store.rebuild(known)
    close(store, "last", HOUR + 60, HOUR + 7200)
    close(store, "first", HOUR - 60, HOUR + 60)
    everything = [table.name for table in schema.metadata.sorted_tables]
    before = tables(store, *everything)
    with pytest.raises(StoreError) as caught:
        store.rebuild(known)
    assert caught.value.permanent
    assert "closed: first (calendar), last (calendar); reopen with `motcua period reopen`" in str(caught.value)
    assert tables(store, *everything) == before


def test_a_closed_period_keeps_its_figures_whatever_is_rebuilt(store: Store) -> None:
    store.record(STORY, known)
    close(store, "2026-10", HOUR, HOUR + 60)
    (kept,) = store.periods.all()
    with store._database.writing() as connection:
        connection.execute(schema.boundaries.delete())
    store.rebuild(known, keep_closed=True)
    assert store.boundaries(0, 1 << 40)
    assert store.periods.all() == [kept]
    store.periods.reopen("calendar", "2026-10", at=HOUR, by="cli", why="vì thế")
    store.rebuild(known)
    assert store.periods.all()[0].figures == kept.figures


def test_a_rebuild_gives_way_to_a_recorder(store: Store, open_store: Callable[[], Store]) -> None:
    store.record(STORY, known)
    before = tables(store)["boundaries"]

    def interfere(done: int, total: int) -> None:
        if done == 0:
            open_store().record([outcome(180)], known)

    with pytest.raises(StoreError, match="recorded meanwhile"):
        store.rebuild(known, interfere)
    assert tables(store)["boundaries"] == before


# --- migrations -------------------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store._database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    store.upgrade()
    store.check()


def test_two_may_upgrade_at_once(open_store: Callable[[], Store]) -> None:
    stores, failures = [open_store(), open_store(), open_store()], []

    def upgrade(store: Store) -> None:
        try:
            store.upgrade()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=upgrade, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    stores[0].check()


def test_a_store_without_tables_says_so(open_store: Callable[[], Store]) -> None:
    with pytest.raises(StoreError, match="motcua upgrade") as caught:
        open_store().check()
    assert caught.value.permanent
    with pytest.raises(StoreError, match="motcua upgrade"):
        open_store().lines()


def test_a_newer_store_is_left_alone(store: Store) -> None:
    with store._database.writing() as connection:
        version = MetaData()
        version.reflect(connection, only=["alembic_version"])
        connection.execute(update(version.tables["alembic_version"]).values(version_num="9999"))
    for attempt in (store.upgrade, store.check):
        with pytest.raises(StoreError, match="newer motcua") as caught:
            attempt()
        assert caught.value.permanent


def test_facts_about_the_store_are_kept(store: Store) -> None:
    store.set_meta("catalogue", "a")
    store.set_meta("catalogue", "b")
    assert store.meta() == {"catalogue": "b"}


def test_an_error_of_the_database_is_told_in_one_sentence(store: Store) -> None:
    with pytest.raises(StoreError) as caught, store._database.writing() as connection:
        connection.execute(insert(schema.ticks).values(id=1, second=0))
    assert "\n" not in str(caught.value)
    assert caught.value.permanent
    with pytest.raises(StoreError), store._database.reading() as connection:
        connection.execute(text("SELECT nonsense"))


def test_a_mark_tells_every_change_of_a_day(store: Store) -> None:
    with store._database.writing() as connection:
        for number in (1, 2, 3):
            connection.execute(schema.series.insert().values(system=f"s{number}", check="c", location="l"))
            for at in (86_400, 100_000, 172_900 + number * 500, 200_000):
                row = {"series": number, "at": at, "state": "down" if at % 1000 else "up"}
                connection.execute(schema.boundaries.insert().values(row))
    assert store.marks(0, 10**10).keys() == {1, 2}
    assert store.mark_before(86_399) == 0
    assert store.mark_before(100_000) == store.mark_before(173_399) != store.mark_before(173_400)
    seen = [store.marks(0, 10**10)]
    table = schema.boundaries
    for where, change in (
        ((1, 173_400), {"at": 173_407}),
        ((2, 173_900), {"at": 173_893}),  # so that the sum of the instants is what it was
        ((1, 173_407), {"state": "degraded"}),
        ((2, 173_893), {"series": 1}),
    ):
        with store._database.writing() as connection:
            here = table.c.series == where[0], table.c.at == where[1]
            assert connection.execute(table.update().where(*here).values(change)).rowcount == 1
        seen.append(store.marks(0, 10**10))
    with store._database.writing() as connection:
        connection.execute(table.delete().where(table.c.series == 1, table.c.at == 173_893))
    seen.append(store.marks(0, 10**10))
    assert len({marks[2] for marks in seen}) == len(seen)
    assert store.mark(0, 10**10) == sum(seen[-1].values())
    assert {marks[1] for marks in seen} == {store.marks(86_400, 172_800)[1]}

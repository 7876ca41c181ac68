"""Evidence and seals in the store: what is received is dated, sealed, and whatever is changed after that is found.

On any database: tests/live runs the same on PostgreSQL.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from monitor import wiring
from monitor.model import Exchange, Outcome, Phases, Reason, Settings, StepResult, verdict_of
from monitor.seals import Part, date_of, evidence_of, number_of, outcome_line, start_of
from monitor.store import Store, StoreError
from monitor.store.evidence import Verification
from monitor.wiring import Sealer, sealing
from tests.monitor.province import load

MINUTE = Settings(interval=60, timeout=10)
FIRST = date(2026, 11, 23)
START = start_of(number_of(FIRST)) // 1000  # seconds
DAY = 86_400


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
    made.evidence.clock = lambda: START + 10 * DAY
    return made


def known(system: str, check: str) -> Settings | None:
    return MINUTE


def outcome(
    second: float,
    reason: Reason | None = None,
    *,
    try_: int = 1,
    key: tuple[str, str, str] = ("igate", "search", "office"),
    shown: bool = True,
    late_ms: int = 3,
) -> Outcome:
    """One try so many seconds after the first day began; a failed one is shown with its exchange."""
    due_at = (START * 1000) + round(second * 1000)
    exchange = Exchange(f"GET http://igate.invalid/{second}", 503, detail="HTTP 503") if reason and shown else None
    phases = Phases(0.001, 0.002, 0.003, 0.15, 0.004)
    steps = (StepResult("search", verdict_of(reason), reason, phases, 503 if reason else 200, exchange),)
    return Outcome(*key, due_at, try_, due_at + late_ms, 0.2, verdict_of(reason), reason, steps)


FAILED = Reason.HTTP_5XX


def receive(store: Store, at: float, *outcomes: Outcome) -> None:
    """Record so many seconds after the first day began."""
    store.record(outcomes, known, received_at=START + at)


def seal_all(store: Store) -> None:
    for day in store.evidence.unsealed():
        store.evidence.seal(day)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def run(store: Store, statement: str, **values: Any) -> int:
    with store._database.writing() as connection:
        return connection.execute(text(statement), values).rowcount


def rows(store: Store, statement: str) -> list[tuple[Any, ...]]:
    with store._database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_evidence_is_kept_as_it_was_seen(store: Store) -> None:
    failed = outcome(60, FAILED)
    receive(store, 61.5, outcome(0), failed, outcome(62, FAILED, try_=2, shown=False))
    (stored,) = store.evidence.of_tries("igate", 0, 1 << 60)
    seen = evidence_of(failed)
    assert seen is not None
    assert stored == ((START * 1000) + 61_500, seen.body, seen.digest)
    assert sha256(stored.body.encode()).hexdigest() == stored.digest
    assert json.loads(stored.body)["exchange"]["request"] == "GET http://igate.invalid/60"


def test_the_first_record_of_a_try_has_the_evidence(store: Store) -> None:
    first, other = outcome(60, FAILED), outcome(60, FAILED, late_ms=9)
    receive(store, 61, first, other)
    receive(store, 62, other)
    receive(store, 63, outcome(120), outcome(120, FAILED))
    (stored,) = store.evidence.of_tries("igate", 0, 1 << 60)
    assert json.loads(stored.body)["started_at"] == first.started_at


def test_evidence_is_read_by_system_and_time(store: Store) -> None:
    receive(store, 500, *(outcome(s, FAILED, key=(k, "c", "l")) for s in (60, 0, 120) for k in ("b", "a")))
    found = [json.loads(e.body) for e in store.evidence.of_tries("a", START * 1000, START * 1000 + 120_000)]
    assert [(e["system"], e["due_at"] - START * 1000) for e in found] == [("a", 0), ("a", 60_000)]
    assert list(store.evidence.of_tries("nobody", 0, 1 << 60)) == []


def test_what_fails_to_be_recorded_leaves_no_evidence(store: Store) -> None:
    def broken(system: str, check: str) -> Settings | None:
        raise KeyError(system)

    with pytest.raises(KeyError):
        store.record([outcome(0, FAILED)], broken, received_at=START)
    assert list(store.evidence.of_tries("igate", 0, 1 << 60)) == []
    assert rows(store, "SELECT * FROM received_days") == []


# --- the day of receipt -----------------------------------------------------------------------------------------------


def test_outcomes_belong_to_the_day_on_which_they_came(store: Store) -> None:
    receive(store, DAY - 0.001, outcome(DAY - 60), outcome(DAY - 120))
    receive(store, DAY, outcome(DAY - 30), outcome(DAY - 30))  # a day later, and the second is known
    receive(store, DAY + 5, outcome(DAY))
    receive(store, DAY + 6)
    first = number_of(FIRST)
    assert rows(store, "SELECT day, outcomes, last_due - first_due FROM received_days") == [
        (first, 2, 60_000),
        (first + 1, 2, 30_000),
    ]
    assert rows(store, "SELECT received, count(*) FROM outcomes GROUP BY 1") == [(first, 2), (first + 1, 2)]
    ms = START * 1000
    assert store.evidence.days_of("igate", ms, ms + 2 * DAY * 1000) == [day(0), day(1)]
    assert store.evidence.days_of("igate", ms, ms + DAY * 1000 - 60_001) == [day(0)]
    assert store.evidence.days_of("lgsp", ms, ms + DAY * 1000) == []


def test_what_is_recorded_without_a_time_is_received_now(store: Store) -> None:
    store.record([outcome(0)], known)
    assert rows(store, "SELECT received FROM outcomes") == [(number_of(day(10)),)]


def test_a_clock_that_is_set_back_puts_nothing_under_a_seal(store: Store) -> None:
    receive(store, 10, outcome(0, FAILED))
    seal_all(store)  # up to day 9
    receive(store, 20, outcome(10, FAILED))
    assert rows(store, "SELECT received FROM outcomes ORDER BY due_at") == [
        (number_of(FIRST),),
        (number_of(day(10)),),
    ]
    assert rows(store, "SELECT received_at FROM evidence ORDER BY due_at")[1] == ((START + 10 * DAY) * 1000,)
    assert store.evidence.verify().findings == ()
    store.evidence.clock = lambda: START + 11 * DAY
    assert store.evidence.seal(day(10)).evidence == 1
    assert store.evidence.verify().findings == ()


# --- sealing ----------------------------------------------------------------------------------------------------------

MIXED = [
    outcome(second, FAILED if second % 180 == 0 else None, key=(system, "c", place))
    for second in range(0, 600, 60)
    for place in ("office", "branch")
    for system in ("lgsp", "igate", "Igate", "éigate", "i_gate")
]


def content(previous: str | None, outcomes: list[Outcome]) -> str:
    """What a day's seal is the digest of, from the outcomes themselves."""

    def key(one: Outcome) -> tuple[Any, ...]:
        names = (one.system, one.check, one.location)
        return *(name.encode() for name in names), one.due_at, one.try_

    in_order = sorted(outcomes, key=key)
    seen = [found for one in in_order if (found := evidence_of(one))]
    return f"{previous or ''}\n" + "".join(map(outcome_line, in_order)) + "".join(f"{e.digest}\n" for e in seen)


def test_a_seal_can_be_made_again_from_what_it_seals(store: Store) -> None:
    receive(store, 700, *MIXED[:30])
    receive(store, 800, *MIXED[30:70])
    receive(store, DAY, *MIXED[70:])
    seal_all(store)
    first, second, *_ = store.evidence.seals()
    for seal, expected in ((first, content(None, MIXED[:70])), (second, content(first.digest, MIXED[70:]))):
        assert seal.digest == sha256(expected.encode()).hexdigest()
        assert "".join(store.evidence.content(seal.day)) == expected
    assert (first.day, first.outcomes, first.evidence, first.previous) == (FIRST, 70, 30, None)
    assert (second.day, second.outcomes, second.previous) == (day(1), 30, first.digest)


@examples(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(MIXED[:12]), st.integers(1, 12))
def test_the_order_of_arrival_does_not_show_in_a_seal(
    tmp_path_factory: pytest.TempPathFactory, order: list[Outcome], size: int
) -> None:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('order') / 'store.db'}")
    store.upgrade()
    store.evidence.clock = lambda: START + DAY
    for begin in range(0, 12, size):
        receive(store, 700 + begin, *order[begin : begin + size])
    assert store.evidence.seal(FIRST).digest == sha256(content(None, MIXED[:12]).encode()).hexdigest()
    store.close()


def test_days_without_data_are_sealed_too(store: Store) -> None:
    receive(store, 10, outcome(0))
    receive(store, 3 * DAY, outcome(60))
    assert store.evidence.unsealed() == [day(n) for n in range(10)]
    seal_all(store)
    seals = store.evidence.seals()
    assert [seal.day for seal in seals] == [day(n) for n in range(10)]
    assert [seal.outcomes for seal in seals] == [1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert [seal.previous for seal in seals] == [None, *(seal.digest for seal in seals[:-1])]
    assert store.evidence.unsealed() == []
    assert seals[0].made_at == (START + 10 * DAY) * 1000


def test_a_day_is_sealed_once(store: Store) -> None:
    receive(store, 10, outcome(0))
    made = store.evidence.seal(FIRST)
    store.evidence.clock = lambda: START + 20 * DAY
    assert store.evidence.seal(FIRST) == made
    assert store.evidence.seals() == [made]


def test_a_day_that_cannot_be_sealed_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="nothing had been received by 2026-11-23"):
        store.evidence.seal(FIRST)
    assert store.evidence.unsealed() == []
    receive(store, DAY + 10, outcome(0))
    with pytest.raises(StoreError, match="nothing had been received by 2026-11-23"):
        store.evidence.seal(FIRST)
    with pytest.raises(StoreError, match="2026-11-24 is the first day and has no seal; seal it before 2026-11-25"):
        store.evidence.seal(day(2))
    store.evidence.seal(day(1))
    with pytest.raises(StoreError, match="2026-11-25 has no seal; seal it before 2026-11-27"):
        store.evidence.seal(day(4))
    with pytest.raises(StoreError, match="2026-12-03 is not over yet"):
        store.evidence.seal(day(10))
    store.evidence.clock = lambda: START + 3 * DAY - 0.001
    with pytest.raises(StoreError, match="2026-11-25 is not over yet"):
        store.evidence.seal(day(2))
    store.evidence.clock = lambda: START + 3 * DAY
    assert store.evidence.seal(day(2)).outcomes == 0


def test_what_comes_while_a_day_is_sealed_is_sealed_with_it(store: Store, open_store: Callable[[], Store]) -> None:
    """A recorder whose transaction began before midnight, or whose clock was set back."""
    receive(store, 10, outcome(0))
    other, told = open_store(), []

    def meanwhile(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == 1:
            receive(other, DAY - 1, outcome(60, FAILED))

    sealed = store.evidence.seal(FIRST, meanwhile)
    assert (sealed.outcomes, sealed.evidence) == (2, 1)
    assert told == [(0, 1), (0, 2)]
    assert store.evidence.verify().findings == ()


def test_sealing_holds_up_no_recording(store: Store, open_store: Callable[[], Store]) -> None:
    receive(store, 700, *MIXED)
    other, recorded = open_store(), threading.Event()

    def record() -> None:
        receive(other, 2 * DAY, outcome(999))
        recorded.set()

    def meanwhile(done: int, total: int) -> None:
        thread = threading.Thread(target=record)
        thread.start()
        assert recorded.wait(4), "a recorder waits while a day is read"
        thread.join()

    assert store.evidence.seal(FIRST, meanwhile).outcomes == len(MIXED)


def test_an_outcome_that_cannot_be_read_is_not_sealed_over(store: Store) -> None:
    receive(store, 10, outcome(0))
    run(store, "UPDATE outcomes SET code = 9999")
    with pytest.raises(StoreError, match="can't be read"):
        store.evidence.seal(FIRST)


def test_the_content_of_a_day_without_seal_is_not_told(store: Store) -> None:
    receive(store, 10, outcome(0))
    with pytest.raises(StoreError, match="2026-11-23 has no seal"):
        list(store.evidence.content(FIRST))


def test_late_outcomes_far_away_are_found(store: Store) -> None:
    receive(store, 10, outcome(0), outcome(-400 * DAY), outcome(-40 * DAY, FAILED))
    sealed = store.evidence.seal(FIRST)
    assert (sealed.outcomes, sealed.evidence) == (3, 1)


# --- verifying --------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(store: Store) -> Store:
    """Three days with data, one without, six more; all of them sealed, and a day that goes on."""
    for number in (0, 1, 3):
        receive(
            store,
            number * DAY + 700,
            *(outcome(number * DAY + s, FAILED if s % 120 == 0 else None) for s in range(0, 600, 60)),
            *(outcome(number * DAY + s, key=("lgsp", "c", "l")) for s in range(0, 600, 60)),
        )
    seal_all(store)
    receive(store, 10 * DAY + 5, outcome(10 * DAY))
    return store


def found(verification: Verification) -> set[tuple[date | None, Part]]:
    return {(finding.day, finding.part) for finding in verification.findings}


def test_all_is_well(sealed: Store) -> None:
    told: list[tuple[int, int]] = []
    verification = sealed.evidence.verify(progress=lambda done, total: told.append((done, total)))
    assert verification == Verification(10, 60, 15)
    assert told[0] == (0, 75)
    assert told[-1] == (75, 75)
    assert sealed.evidence.verify(day(1)) == Verification(1, 20, 5)
    with pytest.raises(StoreError, match="2026-12-03 has no seal"):
        sealed.evidence.verify(day(10))


def test_an_empty_store_is_well(store: Store) -> None:
    assert store.evidence.verify() == Verification(0, 0, 0)


ONE = f"due_at = {(START + DAY) * 1000 + 120_000} AND series = 1"
OTHER_DAY = f"due_at = {(START + 3 * DAY) * 1000 + 120_000} AND series = 1"
SWAP = """
    UPDATE seals SET digest = other.digest FROM seals AS other
    WHERE seals.day IN ('2026-11-24', '2026-11-28') AND other.day IN ('2026-11-24', '2026-11-28')
    AND seals.day <> other.day
"""

TAMPERINGS = [
    pytest.param(f"UPDATE outcomes SET code = 0 WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="a verdict"),
    pytest.param(f"UPDATE outcomes SET started = started + 1 WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="a start"),
    pytest.param(f"UPDATE outcomes SET micros = 1 WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="a duration"),
    pytest.param(f"UPDATE outcomes SET steps = substr(steps, 1, 0) WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="steps"),
    pytest.param(f"UPDATE outcomes SET code = 9999 WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="a code there is not"),
    pytest.param(f"UPDATE outcomes SET steps = 'x' WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="steps that are none"),
    pytest.param(f"DELETE FROM outcomes WHERE {ONE}", {(day(1), Part.OUTCOMES)}, id="an outcome deleted"),
    pytest.param(
        f"INSERT INTO outcomes SELECT due_at + 1, series, try, started, micros, code, steps, received"
        f" FROM outcomes WHERE {ONE}",
        {(day(1), Part.OUTCOMES)},
        id="an outcome inserted",
    ),
    pytest.param(
        f"INSERT INTO outcomes SELECT due_at + 9000000000, series, try, started, micros, code, steps, received"
        f" FROM outcomes WHERE {ONE}",
        {(day(1), Part.OUTCOMES)},
        id="an outcome inserted where no one looks for it",
    ),
    pytest.param(
        f"INSERT INTO outcomes SELECT due_at + 86400000, series, try, started, micros, code, steps, NULL"
        f" FROM outcomes WHERE {ONE}",
        {(None, Part.OUTCOMES)},
        id="an outcome inserted without a day",
    ),
    pytest.param(
        f"INSERT INTO outcomes SELECT due_at + 1, 77, try, started, micros, code, steps, received"
        f" FROM outcomes WHERE {ONE}",
        {(day(1), Part.OUTCOMES)},
        id="an outcome of nobody",
    ),
    pytest.param(
        f"UPDATE outcomes SET received = received + 1 WHERE {ONE}",
        {(day(1), Part.OUTCOMES), (day(2), Part.OUTCOMES)},
        id="an outcome moved to another day",
    ),
    pytest.param(
        f"UPDATE outcomes SET received = received - 9 WHERE {ONE}",
        {(day(1), Part.OUTCOMES), *((day(n), Part.MISSING) for n in range(-8, 0))},
        id="an outcome moved before the first day",
    ),
    pytest.param(
        "UPDATE series SET system = 'other' WHERE id = 2",
        {(day(n), Part.OUTCOMES) for n in (0, 1, 3)},
        id="the name of a system",
    ),
    pytest.param(
        "UPDATE step_names SET name = 'other'",
        {(day(n), Part.OUTCOMES) for n in (0, 1, 3)},
        id="the name of a step",
    ),
    pytest.param(
        f"UPDATE evidence SET body = replace(body, '503', '200') WHERE {ONE}", {(day(1), Part.EVIDENCE)}, id="a body"
    ),
    pytest.param(f"UPDATE evidence SET digest = upper(digest) WHERE {ONE}", {(day(1), Part.EVIDENCE)}, id="a digest"),
    pytest.param(
        f"UPDATE evidence SET (body, digest) = (SELECT body, digest FROM evidence WHERE {OTHER_DAY}) WHERE {ONE}",
        {(day(1), Part.EVIDENCE)},
        id="a body with its digest, of another try",
    ),
    pytest.param(f"DELETE FROM evidence WHERE {ONE}", {(day(1), Part.EVIDENCE)}, id="evidence deleted"),
    pytest.param(
        f"INSERT INTO evidence SELECT due_at, series, 2, step, received_at, body, digest FROM evidence WHERE {ONE}",
        {(day(1), Part.EVIDENCE)},
        id="evidence inserted",
    ),
    pytest.param(
        f"UPDATE evidence SET received_at = received_at + 86400000 WHERE {ONE}",
        {(day(1), Part.EVIDENCE), (day(2), Part.EVIDENCE)},
        id="evidence moved to another day",
    ),
    pytest.param(
        "UPDATE seals SET digest = outcomes_digest WHERE day = '2026-11-24'",
        {(day(1), Part.SEAL), (day(2), Part.CHAIN)},
        id="a seal",
    ),
    pytest.param(
        SWAP,
        {(day(1), Part.SEAL), (day(2), Part.CHAIN), (day(5), Part.SEAL), (day(6), Part.CHAIN)},
        id="two seals swapped",
    ),
    pytest.param(
        "UPDATE seals SET previous = outcomes_digest WHERE day = '2026-11-24'",
        {(day(1), Part.CHAIN), (day(1), Part.SEAL)},
        id="a link of the chain",
    ),
    pytest.param(
        "UPDATE seals SET outcomes = 19 WHERE day = '2026-11-24'", {(day(1), Part.OUTCOMES)}, id="a seal's number"
    ),
    pytest.param(
        "DELETE FROM seals WHERE day = '2026-11-24'",
        {(day(1), Part.MISSING), (day(2), Part.CHAIN)},
        id="a seal deleted",
    ),
    pytest.param(
        "DELETE FROM seals WHERE day = '2026-11-23'",
        {(day(0), Part.MISSING), (day(1), Part.CHAIN)},
        id="the first seal deleted",
    ),
]


@pytest.mark.parametrize(("statement", "expected"), TAMPERINGS)
def test_whatever_is_changed_is_found(sealed: Store, statement: str, expected: set[tuple[date | None, Part]]) -> None:
    run(sealed, statement)
    assert found(sealed.evidence.verify()) == expected


# --- closed periods ---------------------------------------------------------------------------------------------------


def close(store: Store, at: int, **more: Any) -> None:
    store.periods.close(
        "calendar", "2026-10", 0, 100, at=at, by="to_truc", inputs="ab" * 32, figures='{"rows":[]}', **more
    )


@pytest.fixture
def closed(store: Store) -> Store:
    """A period that was closed on the first day, and reopened and closed again on the next one; both are sealed."""
    store.record([outcome(1)], known, received_at=START + 1)
    close(store, START + 10)
    store.periods.reopen("calendar", "2026-10", at=START + DAY, by="to_truc", why="Bổ sung")
    close(store, START + DAY + 5, reason="Bổ sung")
    for number in (0, 1):
        store.evidence.seal(FIRST + timedelta(days=number))
    return store


def test_closings_are_under_the_seal_of_their_day(closed: Store) -> None:
    seals = closed.evidence.seals()
    assert [seal.closed for seal in seals] == [1, 2]
    content = ""
    for seal in seals:
        content = "".join(closed.evidence.content(seal.day))
        assert sha256(content.encode()).hexdigest() == seal.digest
    assert '"figures":' in content and '"reopened_why":"Bổ sung"' in content
    assert closed.evidence.verify().findings == ()


SECOND = FIRST + timedelta(days=1)


@pytest.mark.parametrize(
    ("statement", "days"),
    [
        ("UPDATE periods SET figures = '{}' WHERE version = 1", {FIRST}),
        ("UPDATE periods SET inputs = 'cd' WHERE version = 2", {SECOND}),
        ("UPDATE periods SET closed_by = 'ai_do' WHERE version = 2", {SECOND}),
        ("UPDATE periods SET reason = 'Khác' WHERE version = 2", {SECOND}),
        ("UPDATE periods SET reopened_why = 'Khác' WHERE version = 1", {SECOND}),
        ("UPDATE periods SET reopened_at = NULL WHERE version = 1", {SECOND}),
        ("DELETE FROM periods WHERE version = 2", {SECOND}),
        ("UPDATE periods SET closed_at = closed_at - 86400 WHERE version = 2", {FIRST, SECOND}),
        ("UPDATE seals SET closed_digest = 'ab' WHERE closed = 1", {FIRST}),
    ],
)
def test_closed_figures_that_were_edited_are_found(closed: Store, statement: str, days: set[date]) -> None:
    with closed._database.writing() as connection:
        connection.exec_driver_sql(statement)
    found = closed.evidence.verify().findings
    assert {(finding.day, finding.part) for finding in found} == {(day, Part.CLOSED) for day in days}
    assert {finding.day for finding in closed.evidence.verify(SECOND).findings} == days & {SECOND}


def test_closed_figures_are_looked_at_where_raw_rows_are_gone(closed: Store) -> None:
    with closed._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM outcomes")
        connection.exec_driver_sql("UPDATE periods SET figures = '{}' WHERE version = 1")
    closed.set_meta("raw_from", str((START + 10 * DAY) * 1000))
    found = closed.evidence.verify()
    assert found.unchecked == (FIRST,)
    assert {(finding.day, finding.part) for finding in found.findings} == {(FIRST, Part.CLOSED)}


def test_a_seal_from_before_closings_were_sealed_stays_good(store: Store) -> None:
    store.record([outcome(1)], known, received_at=START + 1)
    store.evidence.seal(FIRST)
    with store._database.writing() as connection:
        connection.exec_driver_sql("UPDATE seals SET closed = NULL, closed_digest = NULL")
        connection.exec_driver_sql(
            'INSERT INTO periods (kind, name, version, start, "end", closed_at, closed_by, inputs, figures) '
            f"VALUES ('calendar', '2026-10', 1, 0, 100, {START + 10}, 'to_truc', 'ab', '{{}}')"
        )
    assert store.evidence.verify().findings == ()


def test_a_seal_cannot_pass_for_one_from_before_closings_were_sealed(closed: Store) -> None:
    with closed._database.writing() as connection:
        connection.exec_driver_sql("UPDATE seals SET closed = NULL, closed_digest = NULL")
    assert {(f.day, f.part) for f in closed.evidence.verify().findings} == {(FIRST, Part.SEAL), (SECOND, Part.SEAL)}


def test_nothing_is_closed_on_a_day_that_is_sealed(closed: Store) -> None:
    with pytest.raises(StoreError, match="2026-11-24 is sealed"):
        closed.periods.reopen("calendar", "2026-10", at=START + 2 * DAY - 1, by="to_truc", why="Bổ sung")
    assert closed.evidence.verify().findings == ()


def test_one_day_is_looked_at_alone(sealed: Store) -> None:
    run(sealed, f"DELETE FROM outcomes WHERE {ONE}")
    assert found(sealed.evidence.verify(day(1))) == {(day(1), Part.OUTCOMES)}
    assert sealed.evidence.verify(day(0)).findings == ()


def test_two_whole_seals_that_were_swapped_are_found(sealed: Store) -> None:
    for before, after in (("2026-11-24", "x"), ("2026-11-28", "2026-11-24"), ("x", "2026-11-28")):
        run(sealed, "UPDATE seals SET day = :after WHERE day = :before", before=before, after=after)
    assert {day for day, _ in found(sealed.evidence.verify())} >= {day(1), day(5)}


def test_a_chain_that_was_written_anew_says_nothing_by_itself(sealed: Store) -> None:
    """Why copies are kept outside: monitor.seals.compare_copies."""
    before = {seal.day: seal.digest for seal in sealed.evidence.seals()}
    run(sealed, f"DELETE FROM outcomes WHERE {ONE}")
    run(sealed, f"DELETE FROM evidence WHERE {ONE}")
    run(sealed, "DELETE FROM seals WHERE day >= '2026-11-24'")
    seal_all(sealed)
    assert sealed.evidence.verify().findings == ()
    after = {seal.day: seal.digest for seal in sealed.evidence.seals()}
    assert [d for d in before if before[d] != after[d]] == [day(n) for n in range(1, 10)]


def test_what_is_not_under_a_seal_yet_is_told(sealed: Store) -> None:
    sealed.evidence.clock = lambda: START + 12 * DAY
    assert sealed.evidence.verify().waiting == (day(10), day(11))
    assert sealed.evidence.verify(day(0)).waiting == ()


def test_outcomes_that_are_older_than_seals_are_told(sealed: Store) -> None:
    run(sealed, f"UPDATE outcomes SET received = NULL WHERE due_at < {START * 1000 + 120_000}")
    verification = sealed.evidence.verify()
    assert verification.unsealed == 4
    assert found(verification) == {(day(0), Part.OUTCOMES)}


def test_days_whose_outcomes_are_gone_are_told(sealed: Store) -> None:
    begin = (START + DAY) * 1000
    run(sealed, f"DELETE FROM outcomes WHERE due_at < {begin}")
    assert found(sealed.evidence.verify()) == {(day(0), Part.OUTCOMES)}
    sealed.set_meta("raw_from", str(begin))
    assert sealed.evidence.verify() == Verification(10, 40, 15, (), (day(0),))
    run(sealed, f"UPDATE evidence SET body = '' WHERE due_at < {begin} AND due_at > {begin - 86_000_000}")
    assert found(sealed.evidence.verify()) == {(day(0), Part.EVIDENCE)}


def test_a_seal_of_no_day_is_told(sealed: Store) -> None:
    run(sealed, "UPDATE seals SET day = 'x' WHERE day = '2026-11-24'")
    with pytest.raises(StoreError, match="a seal of 'x'"):
        sealed.evidence.verify()


def test_settings_are_told_with_the_instant_of_their_beginning(store: Store) -> None:
    receive(store, 10, outcome(0), outcome(0, key=("lgsp", "c", "l")))
    slow = Settings(interval=300, timeout=10)
    store.date_settings({("igate", "search"): slow}, START + 100)
    assert store.evidence.settings_of("igate") == {"search": [(0, MINUTE), ((START + 100) * 1000, slow)]}
    assert store.evidence.settings_of("nobody") == {}


def test_numbers_of_days_reach_far_enough() -> None:
    assert date_of(2**15 - 1).year == 2109


# --- at the edge ------------------------------------------------------------------------------------------------------


def test_the_sealer_seals_every_day_that_is_over(store: Store) -> None:
    receive(store, 700, *MIXED)
    with capture_logs() as logs:
        Sealer(store).look(threading.Event())
    assert [seal.day for seal in store.evidence.seals()] == [day(n) for n in range(10)]
    made = [line for line in logs if line["event"] == "seal.made"]
    assert len(made) == 10
    first = store.evidence.seals()[0]
    assert (made[0]["day"], made[0]["digest"], made[0]["outcomes"]) == ("2026-11-23", first.digest, len(MIXED))


def test_the_sealer_seals_while_others_work_and_ends_when_it_is_told(store: Store) -> None:
    receive(store, 700, *MIXED)
    began = threading.active_count()
    with sealing(store):
        for _ in range(500):
            if store.evidence.unsealed() == []:
                break
            threading.Event().wait(0.01)
    assert store.evidence.unsealed() == []
    assert threading.active_count() == began


def test_a_seal_that_is_under_way_is_given_up_at_the_end(store: Store) -> None:
    receive(store, 700, *MIXED)
    stop = threading.Event()
    stop.set()
    with capture_logs() as logs:
        Sealer(store).run(stop)
    assert [line["event"] for line in logs] == ["seal.stopped"]
    assert store.evidence.seals() == []
    receive(store, 901, outcome(900))  # and the store goes on
    Sealer(store).look(threading.Event())
    assert store.evidence.seals()[0].outcomes == len(MIXED) + 1


def test_what_ails_a_seal_is_said_once(store: Store) -> None:
    receive(store, 10, outcome(0))
    run(store, "UPDATE outcomes SET code = 9999")
    sealer, stop = Sealer(store), threading.Event()
    with capture_logs() as logs:
        sealer.look(stop)
        sealer.look(stop)
        run(store, "UPDATE outcomes SET code = 0")
        sealer.look(stop)
    assert [line["event"] for line in logs] == ["seal.failing"] + ["seal.made"] * 10
    assert "can't be read" in logs[0]["error"]


def test_a_long_seal_says_how_far_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "SEAL_TELL", 0.0)
    receive(store, 10, outcome(0))
    with capture_logs() as logs:
        Sealer(store).look(threading.Event())
    assert logs[0] == {"event": "seal.progress", "log_level": "info", "day": "2026-11-23", "done": 0, "total": 1}


def test_the_recorder_dates_what_it_receives(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: START + 2 * DAY + 5.0)
    wiring.Recorder(store, load(tmp_path)).record([outcome(0)], {})
    assert rows(store, "SELECT received FROM outcomes") == [(number_of(day(2)),)]

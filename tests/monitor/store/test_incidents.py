"""Incidents as the store keeps them, on hand-made days; tests/live runs the same on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from sqlalchemy import event

import connectors
from monitor import catalogue as catalogues
from monitor.availability import Attribution
from monitor.incident_rules import BadText, FactKind, IncidentKind, IncidentRules, IncidentState
from monitor.incidents import Breach, ChangeKind, Clocks, Extent, ResponseFrom, Severity, Term, Terms
from monitor.model import Outcome, Reason, StepResult, verdict_of
from monitor.store import Store, schema
from monitor.store.incidents import IncidentError, IncidentRecord

T0 = 1_790_800_000  # a second in 2026, long before the clock of any test
EVERY = 20
HOLD = 48  # of a verdict: 2 x 20 + 8
GRACE = 28  # between a child and its parent: 20 + 8

CATALOGUE = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}}
simulated: true
defaults: {interval: 20s, timeout: 8s}
parties:
  vendor: {name: {vi: Nhà thầu, en: Vendor}}
  centre: {name: {vi: Trung tâm, en: Centre}}
  carrier: {name: {vi: Nhà mạng, en: Carrier}}
locations:
  office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "http://127.0.0.1:9/"}]}
  branch: {name: {vi: Chi nhánh, en: Branch}, controls: [{id: router, url: "http://127.0.0.1:9/"}]}
systems:
  bus:
    name: {vi: Trục, en: Bus}
    owner: centre
    party: centre
    criticality: high
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {ping: {locations: [office]}}
  app:
    name: {vi: Một cửa, en: One-stop}
    owner: centre
    party: vendor
    criticality: high
    connector: http
    options: {base_url: http://127.0.0.1:9}
    depends_on: [bus]
    checks: {search: {locations: [office]}, login: {locations: [office]}, forms: {locations: [office], critical: false}}
  lists:
    name: {vi: Danh mục, en: Lists}
    owner: centre
    party: vendor
    criticality: low
    connector: http
    options: {base_url: http://127.0.0.1:9}
    depends_on: [bus]
    checks: {call: {locations: [office]}}
  last:
    name: {vi: Cuối, en: Last}
    owner: centre
    party: vendor
    connector: http
    options: {base_url: http://127.0.0.1:9}
    depends_on: [lists]
    checks: {call: {}}
  portal:
    name: {vi: Cổng, en: Portal}
    owner: centre
    party: vendor
    connector: http
    options: {base_url: http://127.0.0.1:9}
    checks: {home: {}}
"""


def read(folder: Path, text: str = CATALOGUE) -> IncidentRules:
    path = folder / "catalogue.yaml"
    path.write_text(text, encoding="utf-8")
    return IncidentRules(catalogues.load(path, connectors.CONNECTORS, {}))


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> IncidentRules:
    return read(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def open_store(url: str) -> Iterator[Callable[[], Store]]:
    opened: list[Store] = []

    def open_() -> Store:
        opened.append(Store.open(url))
        opened[-1].upgrade()
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    return open_store()


REASONS = {"U": None, "D": Reason.HTTP_5XX, "G": Reason.SLOW, "B": Reason.BLIND}


def told(
    system: str, check: str, text: str, *, start: float = 0, every: float = EVERY, place: str = "office"
) -> list[Outcome]:
    """What a check says from `start` seconds after T0 on, a letter a slot: U up, D down, G slow, B blind, - nothing."""
    made = []
    for number, letter in enumerate(text):
        if letter != "-":
            at = round((T0 + start + number * every) * 1000)
            verdict, reason = verdict_of(REASONS[letter]), REASONS[letter]
            steps = (StepResult("request", verdict, reason),)
            made.append(Outcome(system, check, place, at, 1, at, 0.2, verdict, reason, steps))
    return made


def app(search: str, login: str | None = None, **more: Any) -> list[Outcome]:
    """The two critical checks of the one-stop system."""
    return [*told("app", "search", search, **more), *told("app", "login", login or "U" * len(search), **more)]


def day(*lines: Iterable[Outcome]) -> list[Outcome]:
    """In order of start."""
    return sorted((o for line in lines for o in line), key=lambda o: o.started_at)


class Shown(NamedTuple):
    """What must not depend on the order of arrival; seconds after T0."""

    system: str
    state: str
    start: int
    end: int | None
    seconds: int | None  # of one that is over
    party: str | None
    severity: str
    why: str | None


def shown(record: IncidentRecord) -> Shown:
    end, seconds = (None, None) if record.end is None else (record.end - T0, record.down_seconds)
    return Shown(
        record.system, record.state, record.start - T0, end, seconds, record.party, record.severity, record.reason
    )


def live(store: Store) -> list[Shown]:
    """All that were not withdrawn."""
    records = store.incidents.list(0, 1 << 40)
    return sorted(shown(r) for r in records if r.state is not IncidentState.WITHDRAWN)


def made_of_all(store: Store, rules: IncidentRules) -> list[Shown]:
    """What the whole lines make, without a store's help."""
    lines = store.lines()
    now = max((line.last.started_at // 1000 for line in lines.values() if line.last), default=0) + 1
    starts = dict.fromkeys(rules.catalogue.systems, 0)
    made = rules.make(starts, store.boundaries(0, 1 << 40), lines, now)
    return sorted(
        Shown(
            i.system,
            "open" if i.ongoing else "restored",
            i.start - T0,
            None if i.ongoing else i.end - T0,
            None if i.ongoing else i.seconds,
            i.party,
            f.severity,
            i.reason,
        )
        for found in made.incidents.values()
        for f in found
        for i in [f.incident]
    )


def record(store: Store, rules: IncidentRules, *parts: Iterable[Outcome]) -> list[tuple[ChangeKind, str]]:
    """Each part in one transaction; what happened to incidents."""
    happened: list[tuple[ChangeKind, str]] = []
    for part in parts:
        recorded = store.record(list(part), rules.catalogue.settings, rules=rules)
        happened += [(change.kind, change.incident.system) for change in recorded.incidents]
    return happened


def live_as_it_came(store: Store, rules: IncidentRules, outcomes: Sequence[Outcome]) -> list[tuple[ChangeKind, str]]:
    """Every outcome as soon as it is there."""
    return record(store, rules, *([o] for o in outcomes))


# --- any order --------------------------------------------------------------------------------------------------------

LINES = [
    ("bus", "ping", "office"), ("app", "search", "office"), ("app", "login", "office"), ("lists", "call", "office"),
    ("last", "call", "office"), ("last", "call", "branch"), ("portal", "home", "office"), ("portal", "home", "branch"),
]  # fmt: skip

LENGTHS = (1, 2, 3, 4, 5, 8, 20, 35)


def said_at_random(random: Random) -> str:
    """What a check says for some time. It begins well: a silence never broken is not told from absence."""
    return "U" + "".join(random.choice("UUUDDDD-G") * random.choice(LENGTHS) for _ in range(random.randrange(1, 9)))


def arriving(random: Random) -> list[list[Outcome]]:
    """What all checks say, in batches, out of order by so many seconds; of one the network may have been slow."""
    made = day(
        *(
            told(system, check, said_at_random(random), start=random.randrange(20), place=place)
            for system, check, place in LINES
        )
    )
    disorder, size = random.choice([0, 0, 3, 60, 300, 1000]), random.choice([1, 1, 2, 7, 50, 10_000])
    slow, delay = random.choice([*LINES, None, None]), random.choice([50, 200, 2000])

    def arrival(outcome: Outcome) -> float:
        is_slow = (outcome.system, outcome.check, outcome.location) == slow and random.random() < 0.9
        return outcome.started_at / 1000 + random.uniform(0, disorder) + is_slow * delay

    order = sorted(made, key=arrival)
    return [order[n : n + size] for n in range(0, len(order), size)]


@pytest.mark.parametrize("seed", range(24))
def test_any_order_of_arrival_gives_the_same_incidents(store: Store, rules: IncidentRules, seed: int) -> None:
    record(store, rules, *arriving(Random(seed)))
    expected = made_of_all(store, rules)
    assert live(store) == expected
    before = store.incidents.list(0, 1 << 40)
    store.rebuild(rules.catalogue.settings, rules=rules)
    assert live(store) == expected
    assert {r.id for r in before} <= {r.id for r in store.incidents.list(0, 1 << 40)}


# --- one system -------------------------------------------------------------------------------------------------------

OPENED, MOVED, REOPENED, RESTORED, REINSTATED, WITHDRAWN = (
    ChangeKind.OPENED, ChangeKind.MOVED, ChangeKind.REOPENED, ChangeKind.RESTORED, ChangeKind.REINSTATED,
    ChangeKind.WITHDRAWN,
)  # fmt: skip


def only(store: Store) -> IncidentRecord:
    (found,) = store.incidents.list(0, 1 << 40)
    return found


def span(record: IncidentRecord) -> tuple[int, int | None]:
    return record.start - T0, None if record.end is None else record.end - T0


def test_an_outage_is_an_incident_from_its_first_failure_to_its_end(store: Store, rules: IncidentRules) -> None:
    store.incidents.clock = lambda: T0 + 111.5
    made = app("UUUDDDDUU")
    happened = live_as_it_came(store, rules, day(made[:6], made[9:15]))
    assert happened == [(OPENED, "app")]
    found = only(store)
    assert (found.kind, found.state, span(found)) == (IncidentKind.OUTAGE, IncidentState.OPEN, (60, None))
    assert (found.root, found.party, found.reason, found.step) == ("app", "vendor", Reason.HTTP_5XX, "request")
    assert found.severity is Severity.S2  # a function of a system of high criticality
    assert found.detected_at == (T0 + 111) * 1000 + 500
    store.incidents.clock = lambda: T0 + 999
    assert live_as_it_came(store, rules, day(made[6:9], made[15:])) == [(RESTORED, "app")]
    after = only(store)
    assert (after.id, after.state, span(after), after.down_seconds) == (
        found.id, IncidentState.RESTORED, (60, 140), 80,
    )  # fmt: skip
    assert after.detected_at == found.detected_at


def test_it_is_worse_once_the_whole_system_is_down(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, app("UUUDDDD"))
    assert only(store).severity is Severity.S2
    live_as_it_came(store, rules, app("DDD", "DDD", start=140))
    assert only(store).severity is Severity.S1
    live_as_it_came(store, rules, app("UU", start=200))
    assert only(store).severity is Severity.S1


def test_what_is_not_critical_makes_no_incident(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(app("UUUUUUUU"), told("app", "forms", "UUDDDDDD")))
    assert store.incidents.list(0, 1 << 40) == []


def test_the_next_outage_within_ten_minutes_reopens_it(store: Store, rules: IncidentRules) -> None:
    flapping = app("UUU" + "DDDUU" * 3 + "U" * 28 + "DDDUU")  # 28 slots and two more are 600 s
    assert live_as_it_came(store, rules, day(flapping)) == [
        (OPENED, "app"), (RESTORED, "app"), *[(REOPENED, "app"), (RESTORED, "app")] * 3,
    ]  # fmt: skip
    found = only(store)
    assert (span(found), found.down_seconds, found.state) == ((60, 980), 240, IncidentState.RESTORED)
    live_as_it_came(store, rules, day(app("U" * 30 + "DDD", start=1020)))  # 640 s
    assert [span(r) for r in store.incidents.list(0, 1 << 40)] == [(60, 980), (1620, None)]


def test_silence_neither_ends_nor_parts_it(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(app("UUUDDD")))  # the last failure is at 100
    live_as_it_came(store, rules, day(told("portal", "home", "U" * 60)))
    assert span(only(store)) == (60, None)
    live_as_it_came(store, rules, day(app("DDD", start=1200)))
    assert span(only(store)) == (60, None)
    live_as_it_came(store, rules, day(app("UU", start=1260)))
    found = only(store)
    assert (span(found), found.down_seconds) == ((60, 1260), 100 + HOLD - 60 + 60)


def test_after_silence_the_first_good_verdict_ends_it_where_it_was_last_down(
    store: Store, rules: IncidentRules
) -> None:
    live_as_it_came(store, rules, day(app("UUUDDD")))
    live_as_it_came(store, rules, day(app("U", start=5000)))
    found = only(store)
    assert (found.state, span(found)) == (IncidentState.RESTORED, (60, 100 + HOLD))


def test_what_was_good_in_doubt_does_not_end_it_once_silence_has_cut_the_doubt(
    store: Store, rules: IncidentRules
) -> None:
    """The search fails at 180 and 200 and is not heard again: from 180 on nothing is known of it."""
    search = told("app", "search", "U" * 9 + "DD")
    login = [*told("app", "login", "UUUDDD"), *told("app", "login", "U" * 6, start=205)]
    assert live_as_it_came(store, rules, day(search, login)) == [(OPENED, "app"), (RESTORED, "app"), (REOPENED, "app")]
    assert span(only(store)) == (60, None)


def test_late_outcomes_move_its_start(store: Store, rules: IncidentRules) -> None:
    early = app("UUUDDDDDD")
    record(store, rules, [*early[:3], *early[5:]])
    first = only(store)
    assert span(first) == (100, None)
    assert record(store, rules, early[3:5]) == [(MOVED, "app")]
    assert (only(store).id, span(only(store)), only(store).detected_at) == (first.id, (60, None), first.detected_at)


def test_late_outcomes_refute_it(store: Store, rules: IncidentRules) -> None:
    every_other = [*told("app", "search", "U-D-D-D-UU"), *told("app", "login", "U" * 10)]
    assert record(store, rules, every_other) == [(OPENED, "app")]
    first = only(store)
    assert span(first) == (40, 160)
    refuting = told("app", "search", "---U-U")
    assert record(store, rules, refuting) == [(WITHDRAWN, "app")]
    gone = only(store)
    assert (gone.id, gone.state, span(gone)) == (first.id, IncidentState.WITHDRAWN, (40, 160))
    assert live(store) == []
    assert record(store, rules, refuting) == []


def test_an_open_one_is_withdrawn_and_is_not_taken_for_the_next(store: Store, rules: IncidentRules) -> None:
    record(store, rules, [*told("app", "search", "U-D-D-D"), *told("app", "login", "U" * 7)])
    assert record(store, rules, told("app", "search", "---U-U-U")) == [(WITHDRAWN, "app")]
    gone = only(store)
    assert gone.end is not None
    live_as_it_came(store, rules, day(app("UUUDDD", start=160)))
    assert [(r.state, r.start - T0) for r in store.incidents.list(0, 1 << 40)] == [
        (IncidentState.WITHDRAWN, 40), (IncidentState.OPEN, 220),
    ]  # fmt: skip


def test_two_become_one_and_what_was_written_about_either_stays(store: Store, rules: IncidentRules) -> None:
    store.incidents.clock = lambda: T0 + 10_000
    two = day(app("UUUDDDUU" + "-" * 40 + "UUUDDDUU"))
    live_as_it_came(store, rules, two)
    older, newer = store.incidents.list(0, 1 << 40)
    store.incidents.add_fact(newer.id, FactKind.ACKNOWLEDGED, "truc_ban", effective_at=(T0 + 1200) * 1000)
    between = day(app("D" * 40 + "DDD", start=8 * EVERY - 40))
    happened = record(store, rules, [o for o in between if o not in two])
    assert (WITHDRAWN, "app") in happened
    kept, gone = store.incidents.list(0, 1 << 40)
    assert (kept.id, gone.id) == (older.id, newer.id)
    assert (gone.state, gone.merged_into) == (IncidentState.WITHDRAWN, older.id)
    assert live(store) == made_of_all(store, rules)
    assert store.incidents.clocks(kept.id).acknowledged == T0 + 1200
    with pytest.raises(IncidentError, match=f"incident {newer.id} was withdrawn; it is part of incident {older.id}"):
        store.incidents.add_fact(newer.id, FactKind.ACKNOWLEDGED, "truc_ban")


# --- several systems --------------------------------------------------------------------------------------------------


def test_what_is_reached_through_the_bus_has_no_incident_of_its_own(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(
        store,
        rules,
        day(
            told("bus", "ping", "UUUDDDDDDDUUUU", start=1),
            app("UUUDDDDDDDUUUU"),
            told("lists", "call", "UUUDDDDDDDDUUU", start=2),
            told("portal", "home", "U" * 14),
        ),
    )
    assert live(store) == made_of_all(store, rules)
    (bus,) = [r for r in store.incidents.list(0, 1 << 40) if r.state is not IncidentState.WITHDRAWN]
    assert (bus.system, span(bus), bus.down_seconds, bus.party) == ("bus", (61, 201), 140, "centre")
    seen = store.incidents.seen(rules, bus.id, T0 + 300)
    assert seen is not None
    assert [(a.system, a.start - T0, a.end - T0, a.seconds) for a in seen.affected] == [
        ("app", 60, 200, 140), ("lists", 62, 222, 160),
    ]  # fmt: skip


def test_a_child_that_fails_before_its_parent_is_known_to_is_taken_back(store: Store, rules: IncidentRules) -> None:
    happened = live_as_it_came(store, rules, day(app("UUUDDDD"), told("bus", "ping", "UUUDDDD", start=15)))
    assert happened == [(OPENED, "app"), (OPENED, "bus"), (WITHDRAWN, "app")]
    assert [s.system for s in live(store)] == ["bus"]


def test_a_child_that_stays_down_has_its_own_incident_although_no_line_changes(
    store: Store, rules: IncidentRules
) -> None:
    """From where the bus, which was last down in second 139, takes nothing any more: no verdict says so."""
    both = day(told("bus", "ping", "UUUDDDDUUUUUU"), app("UUU" + "D" * 10, start=1))
    happened = live_as_it_came(store, rules, both)
    assert happened == [(OPENED, "bus"), (RESTORED, "bus"), (OPENED, "app")]
    bus, own = store.incidents.list(0, 1 << 40)
    assert (span(bus), span(own)) == ((60, 140), (139 + GRACE + 1, None))
    live_as_it_came(store, rules, day(app("UU", start=261)))
    own = store.incidents.get(own.id)
    assert (span(own), own.down_seconds) == ((168, 261), 93)
    seen = store.incidents.seen(rules, own.id, T0 + 400)
    assert seen is not None
    assert [(o.start - T0, o.through_parent) for o in seen.outages] == [(61, 107)]


def test_a_parent_that_falls_silent_takes_nothing(store: Store, rules: IncidentRules) -> None:
    both = day(told("bus", "ping", "UUUDDD"), app("UUU" + "D" * 10, start=1))
    assert live_as_it_came(store, rules, both) == [(OPENED, "bus"), (OPENED, "app")]
    assert [span(r) for r in store.incidents.list(0, 1 << 40)] == [(60, None), (100 + HOLD - 1 + GRACE + 1, None)]


def test_a_parent_whose_tries_come_late_was_never_silent(store: Store, rules: IncidentRules) -> None:
    """They change no state; the child's incident was none all the same."""
    bus, child = told("bus", "ping", "UUU" + "D" * 13), app("UUU" + "D" * 12, start=1)
    live_as_it_came(store, rules, day(bus[:6], child))
    assert [s.system for s in live(store)] == ["app", "bus"]
    recorded = store.record(bus[6:], rules.catalogue.settings, rules=rules)
    assert recorded.changes == ()
    assert [(c.kind, c.incident.system) for c in recorded.incidents] == [(WITHDRAWN, "app")]
    assert [s.system for s in live(store)] == ["bus"]


def test_where_one_of_two_locations_falls_silent_the_other_one_decides(store: Store, rules: IncidentRules) -> None:
    fails = told("portal", "home", "UUU" + "D" * 10)
    works = told("portal", "home", "UUUUU", place="branch")  # until 80 + HOLD
    assert live_as_it_came(store, rules, day(fails, works)) == [(OPENED, "portal")]
    assert span(only(store)) == (80 + HOLD, None)


def test_an_outage_ends_with_the_life_of_its_system(store: Store, tmp_path: Path) -> None:
    midnight = 74_000
    rules = read(tmp_path, CATALOGUE.replace("  portal:\n", "  portal:\n    valid_to: 2026-10-02\n"))
    fails = told("portal", "home", "UUU" + "D" * 20, start=midnight - 400)
    fails += told("portal", "home", "UUU" + "D" * 20, start=midnight - 399, place="branch")
    live_as_it_came(store, rules, [o for o in day(fails) if o.started_at < (T0 + midnight) * 1000])
    assert span(only(store)) == (midnight - 339, None)
    live_as_it_came(store, rules, day(told("bus", "ping", "UUU", start=midnight - 10)))
    assert (only(store).state, span(only(store))) == (IncidentState.RESTORED, (midnight - 339, midnight))


def test_a_system_that_left_the_catalogue_keeps_its_incidents(
    store: Store, rules: IncidentRules, tmp_path: Path
) -> None:
    live_as_it_came(store, rules, day(told("portal", "home", "UUUDDD")))
    before = only(store)
    without = read(tmp_path, CATALOGUE[: CATALOGUE.index("  portal:")])
    live_as_it_came(store, without, day(app("UUUDDDUU"), told("portal", "home", "UUU", start=200)))
    store.rebuild(rules.catalogue.settings, rules=without)
    assert store.incidents.get(before.id) == before
    assert [r.system for r in store.incidents.list(0, 1 << 40)] == ["portal", "app"]


def test_a_check_that_is_new_does_not_join_what_was_before(store: Store, rules: IncidentRules, tmp_path: Path) -> None:
    live_as_it_came(store, rules, day(app("UUU" + "DDDUU" + "U" * 35 + "DDDUU" + "U" * 70)))
    before = live(store)
    assert len(before) == 2
    more = read(
        tmp_path, CATALOGUE.replace("forms: {locations: [office], critical: false}", "new: {locations: [office]}")
    )
    live_as_it_came(store, more, day(app("UUUUU", start=2500), told("app", "new", "UUUUU", start=2500)))
    assert live(store) == before


# --- recorders, rebuilds ----------------------------------------------------------------------------------------------


def test_another_recorder_goes_on_with_what_is_there(
    store: Store, open_store: Callable[[], Store], rules: IncidentRules
) -> None:
    both = day(told("bus", "ping", "UUUDDDDUUUUUU"), app("UUU" + "D" * 7 + "UUU", start=1))
    for number, one in enumerate(both):
        record((store, open_store())[number % 2] if number % 7 == 0 else store, rules, [one])
    assert live(store) == made_of_all(store, rules)
    bus, own = store.incidents.list(0, 1 << 40)
    assert (span(bus), span(own)) == ((60, 140), (168, 201))


def test_what_went_on_without_a_line_that_changes_is_seen_by_the_next_recorder(
    store: Store, open_store: Callable[[], Store], rules: IncidentRules
) -> None:
    both = day(told("bus", "ping", "UUUDDDDUUUUUU"), app("UUU" + "D" * 10, start=1))
    live_as_it_came(store, rules, both[:27])  # the last at 160
    assert live_as_it_came(open_store(), rules, both[27:]) == [(OPENED, "app")]


def test_what_was_recorded_without_rules_is_made_later(store: Store, rules: IncidentRules) -> None:
    lines = day(told("bus", "ping", "UUUDDDDUUUUUU"), app("UUU" + "D" * 7 + "UUU", start=1))
    for outcome in lines:
        store.record([outcome], rules.catalogue.settings)
    assert store.incidents.list(0, 1 << 40) == []
    assert record(store, rules, told("portal", "home", "U", start=300)) == [(OPENED, "bus"), (OPENED, "app")]
    assert live(store) == made_of_all(store, rules)
    store.record(told("portal", "home", "DDD", start=320), rules.catalogue.settings)
    assert record(store, rules, told("portal", "home", "D", start=380)) == [(OPENED, "portal")]


def test_a_rebuild_keeps_ids_and_mends_the_rest(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(told("bus", "ping", "UUUDDDDUUUUUU"), app("UUU" + "D" * 7 + "UUU", start=1)))
    before = store.incidents.list(0, 1 << 40)
    with store._database.writing() as connection:
        table = schema.incidents
        connection.execute(table.update().values(severity="S4", down_seconds=1, party="carrier"))
        connection.execute(table.update().where(table.c.id == before[0].id).values(start=T0 + 90))
    store.rebuild(rules.catalogue.settings, rules=rules)
    assert store.incidents.list(0, 1 << 40) == before


def test_a_rebuild_withdraws_what_the_lines_do_not_make(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(app("UUUDDDDUU")))
    with store._database.writing() as connection:
        connection.execute(schema.outcomes.delete().where(schema.outcomes.c.code != 0))
    store.rebuild(rules.catalogue.settings, rules=rules)
    assert only(store).state is IncidentState.WITHDRAWN


def test_a_call_that_fails_leaves_no_incident(
    store: Store, rules: IncidentRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = day(app("UUUDDDD"))
    live_as_it_came(store, rules, made[:10])

    def broken(*_: object) -> None:
        raise LookupError

    with monkeypatch.context() as patch:
        patch.setattr(IncidentRules, "make", broken)
        with pytest.raises(LookupError):
            store.record(made[10:], rules.catalogue.settings, rules=rules)
    assert store.incidents.list(0, 1 << 40) == []
    assert record(store, rules, made[10:]) == [(OPENED, "app")]


def test_where_nothing_changes_the_database_is_not_asked(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, day(app("UUU" + "D" * 20)))
    said: list[str] = []
    event.listen(store._database.engine, "before_cursor_execute", lambda *arguments: said.append(arguments[2]))
    record(store, rules, app("DDDD", start=460))
    with_rules, said[:] = said.copy(), []
    store.record(app("DDDD", start=540), rules.catalogue.settings)
    assert with_rules == said
    assert not [statement for statement in said if "incident" in statement]


# --- blindness --------------------------------------------------------------------------------------------------------


def test_a_blind_monitor_has_one_incident_and_no_system_has_one(store: Store, rules: IncidentRules) -> None:
    """The control at the office, asked every 30 s, is last good at 90 and good again at 240."""
    made = day(told("_control", "gateway", "UUUUDDDDUU", every=30), app("UUUUUDDDDDDDUUU"))
    happened = live_as_it_came(store, rules, made)
    assert happened == [(OPENED, "app"), (OPENED, "_control"), (WITHDRAWN, "app"), (RESTORED, "_control")]
    blind = [r for r in store.incidents.list(0, 1 << 40) if r.state is not IncidentState.WITHDRAWN]
    assert [(r.kind, r.location, span(r), r.party, r.reason) for r in blind] == [
        (IncidentKind.BLIND, "office", (90, 240), None, Reason.BLIND)
    ]
    assert blind[0].state is IncidentState.RESTORED
    before = store.incidents.list(0, 1 << 40)
    store.rebuild(rules.catalogue.settings, rules=rules)
    assert store.incidents.list(0, 1 << 40) == before
    with pytest.raises(IncidentError, match="no outage of a system"):
        store.incidents.add_fact(blind[0].id, FactKind.ATTRIBUTED, "cli", value={"party": "carrier"}, text="x")


def test_blindness_that_lasts_is_an_open_incident(store: Store, rules: IncidentRules) -> None:
    live_as_it_came(store, rules, told("_control", "router", "UUDDDD", every=30, place="branch"))
    assert (only(store).location, only(store).state, span(only(store))) == ("branch", IncidentState.OPEN, (30, None))


# --- facts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def later(store: Store) -> Store:
    """An hour after T0."""
    store.incidents.clock = lambda: T0 + 3600.0
    return store


def decide(store: Store, id_: int, party: str) -> None:
    store.incidents.add_fact(id_, FactKind.ATTRIBUTED, "lanh_dao", value={"party": party}, text="Có biên bản")


def test_facts_come_back_as_they_were_written(later: Store, rules: IncidentRules) -> None:
    live_as_it_came(later, rules, day(app("UUUDDDDUU")))
    id_ = only(later).id
    made = [
        later.incidents.add_fact(id_, FactKind.ACKNOWLEDGED, "truc_ban", effective_at=(T0 + 170) * 1000 + 500),
        later.incidents.add_fact(id_, FactKind.VENDOR_NOTIFIED, "truc_ban", value={"ticket": None}),
        later.incidents.add_fact(id_, FactKind.NOTE, "to-truc.2", text="  Đã gọi\n trực  "),
        later.incidents.add_fact(id_, FactKind.ACKNOWLEDGED, "cli", effective_at=(T0 + 200) * 1000),
    ]
    assert later.incidents.facts(id_) == made
    assert [(f.at, f.value, f.text) for f in made[1:3]] == [
        ((T0 + 3600) * 1000, {}, None), ((T0 + 3600) * 1000, {}, "Đã gọi\n trực"),
    ]  # fmt: skip
    assert later.incidents.clocks(id_) == Clocks(
        T0 + 60, T0 + 3600, acknowledged=T0 + 170, vendor_notified=T0 + 3600, restored=T0 + 140
    )


def test_a_fact_must_fit_its_kind(later: Store, rules: IncidentRules) -> None:
    live_as_it_came(later, rules, day(app("UUUDDDDUU")))
    id_ = only(later).id
    for kind, value, said in (
        (FactKind.NOTE, {"ticket": "A7"}, "ticket does not belong to note"),
        (FactKind.ATTRIBUTED, {}, "name the party"),
        (FactKind.VENDOR_ANSWERED, {"claims_end": T0 + 3601}, "lies in the future"),
    ):
        with pytest.raises(IncidentError, match=said):
            later.incidents.add_fact(id_, kind, "cli", value=value)
    with pytest.raises(BadText):
        later.incidents.add_fact(id_, FactKind.NOTE, "cli", text="số 000000000000")
    with pytest.raises(IncidentError, match="there is no incident 77"):
        later.incidents.add_fact(77, FactKind.NOTE, "cli", text="x")
    assert later.incidents.facts(id_) == []


def test_a_decision_follows_an_incident_whose_start_moves(later: Store, rules: IncidentRules) -> None:
    early = app("UUUDDDDDDUU")
    record(later, rules, [*early[:3], *early[5:]])
    decide(later, only(later).id, "centre")
    decide(later, only(later).id, "carrier")
    assert record(later, rules, early[3:5]) == [(MOVED, "app")]
    assert (span(only(later)), only(later).party) == ((60, 180), "carrier")
    assert later.incidents.attributions() == [Attribution((T0 + 3600) * 1000, "app", T0 + 60, T0 + 180, "carrier")]
    later.rebuild(rules.catalogue.settings, rules=rules)
    assert only(later).party == "carrier"


def test_a_decision_holds_for_the_rest_of_what_turns_out_to_be_two(later: Store, rules: IncidentRules) -> None:
    record(later, rules, day(app("UUUDDD" + "-" * 44 + "DDDUU")))
    assert span(only(later)) == (60, 1060)
    decide(later, only(later).id, "carrier")
    happened = record(later, rules, app("U", start=205))
    assert (OPENED, "app") in happened
    first, second = later.incidents.list(0, 1 << 40)
    assert [(span(r), r.party) for r in (first, second)] == [((60, 148), "carrier"), ((1000, 1060), "carrier")]
    decide(later, second.id, "vendor")
    later.rebuild(rules.catalogue.settings, rules=rules)
    assert [r.party for r in later.incidents.list(0, 1 << 40)] == ["carrier", "vendor"]


def test_a_decision_about_one_that_goes_on_holds_to_its_end(later: Store, rules: IncidentRules) -> None:
    live_as_it_came(later, rules, day(app("UUUDDD")))
    decide(later, only(later).id, "carrier")
    assert later.incidents.attributions()[0].end > T0 + 10**6
    live_as_it_came(later, rules, day(app("DDUU", start=120)))
    assert (only(later).party, only(later).state) == ("carrier", IncidentState.RESTORED)


def test_a_closed_incident_that_fails_again_is_open(later: Store, rules: IncidentRules) -> None:
    live_as_it_came(later, rules, day(app("UUUDDDUU")))
    later.incidents.add_fact(only(later).id, FactKind.CLOSED, "cli", effective_at=(T0 + 160) * 1000, text="xong")
    closed = only(later)
    assert (closed.state, later.incidents.clocks(closed.id).closed) == (IncidentState.CLOSED, T0 + 160)
    record(later, rules, told("app", "search", "-" * 6 + "-U", every=19))  # a late try that changes nothing of it
    later.rebuild(rules.catalogue.settings, rules=rules)
    assert only(later) == closed
    assert live_as_it_came(later, rules, day(app("UUDDD", start=160))) == [(REOPENED, "app")]
    again = only(later)
    assert (again.id, again.state, later.incidents.clocks(again.id).closed) == (closed.id, IncidentState.OPEN, None)
    live_as_it_came(later, rules, day(app("UU", start=260)))
    assert only(later).state is IncidentState.RESTORED


def test_a_decision_about_what_was_none_takes_nothing(later: Store, rules: IncidentRules) -> None:
    record(later, rules, [*told("app", "search", "U-D-D-D-UU"), *told("app", "login", "U" * 10)])
    decide(later, only(later).id, "carrier")
    record(later, rules, told("app", "search", "---U-U"))
    assert only(later).state is IncidentState.WITHDRAWN
    assert later.incidents.attributions() == []


def test_two_write_at_once(later: Store, open_store: Callable[[], Store], rules: IncidentRules) -> None:
    live_as_it_came(later, rules, day(app("UUUDDDUU")))
    id_, failures = only(later).id, []

    def write(store: Store) -> None:
        store.incidents.clock = later.incidents.clock
        try:
            for _ in range(20):
                store.incidents.add_fact(id_, FactKind.NOTE, "cli", text="theo dõi")
            store.incidents.add_fact(id_, FactKind.CLOSED, "cli", text="xong")
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(open_store(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(error) for error in failures] == [f"incident {id_} is closed already"]
    assert len(later.incidents.facts(id_)) == 41


# --- the catalogue's rules --------------------------------------------------------------------------------------------

HIRE = """contracts:
  hire:
    party: vendor
    name: {vi: Hợp đồng, en: Contract}
    valid_from: 2026-10-01
    valid_to: 2026-10-02
    terms:
      S1: {response: 30m, fix: 4h}
      S3: {fix: 90.5s, clock: working_hours, response_from: vendor_notified}
    severities:
      high: {function: S3}
calendars:
  state: {hours: {thu: ["07:00-11:00"]}, years: {2026: {confirmed: true, days: []}}}
systems:
"""


def test_what_a_contract_promises(tmp_path: Path) -> None:
    text = CATALOGUE.replace("systems:\n", HIRE, 1)
    text = text.replace("  app:\n", "  app:\n    contract: hire\n")
    rules = read(tmp_path, text)
    assert rules.catalogue.systems["app"].contract == "hire"
    assert rules.severity("app", Extent.FUNCTION, 0) is Severity.S3  # by the contract's own table
    assert rules.severity("app", Extent.WHOLE, 0) is Severity.S1
    assert rules.severity("bus", Extent.FUNCTION, 0) is Severity.S2
    assert rules.terms("app", Severity.S1, T0) == Terms(1800, 14_400)
    assert rules.terms("app", Severity.S3, T0) == Terms(
        None, 91, working_hours=True, response_from=ResponseFrom.VENDOR_NOTIFIED
    )
    assert rules.terms("app", Severity.S2, T0) is None
    assert rules.terms("bus", Severity.S1, T0) is None
    midnight = T0 - 12_400  # of 1 October in the province
    assert rules.terms("app", Severity.S1, midnight) is not None
    assert rules.terms("app", Severity.S1, midnight - 1) is None
    assert rules.terms("app", Severity.S1, midnight + 86_400) is None
    seven = midnight + 7 * 3600
    clocks = Clocks(seven - 3600, detected=seven - 3590, restored=seven + 92)
    assert rules.breaches("app", Severity.S3, clocks, "vendor", T0) == [Breach(Term.RESTORATION, 91, 92)]
    assert rules.breaches("app", Severity.S3, clocks, "carrier", T0) == []

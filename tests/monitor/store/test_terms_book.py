"""The book of terms, and incidents made by terms that change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor import wiring
from monitor.catalogue import Catalogue
from monitor.incident_rules import IncidentRules
from monitor.incidents import Severity
from monitor.model import Reason
from monitor.store import Store
from monitor.terms import Subject, terms_at
from tests.monitor.province import CATALOGUE, MIDNIGHT, load, outcome, store_in

T0 = MIDNIGHT
KEY = Subject.SYSTEM, "igate"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with store_in(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load(tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The forms, which were not critical, are; the contract asks for three days of notice."""
    text = CATALOGUE.replace("critical: false", "critical: true").replace("notice_days: 0", "notice_days: 3")
    return load(tmp_path_factory.mktemp("changed"), text)


def test_first_terms_hold_always_and_later_ones_from_their_instant(
    store: Store, catalogue: Catalogue, changed: Catalogue
) -> None:
    assert store.terms.record(catalogue, T0) == []
    assert store.terms.dated(catalogue, T0) is catalogue
    assert store.terms.record(catalogue, T0 + 60) == []
    assert store.terms.record(changed, T0 + 100) == [KEY, (Subject.CONTRACT, "hire")]
    dated = store.terms.dated(changed, T0 + 200)
    critical = [terms_at(dated, "igate", T0 + at).checks["forms"].critical for at in (-(10**6), 99, 100)]
    assert critical == [False, False, True]
    assert [(e.terms.id, e.terms.valid_from, e.made_at) for e in store.terms.entries()][-2:] == [
        ("igate", T0 + 100, T0 + 100), ("hire", T0 + 100, T0 + 100)
    ]  # fmt: skip


def test_a_clock_that_was_set_back_changes_no_terms_that_hold(
    store: Store, catalogue: Catalogue, changed: Catalogue
) -> None:
    store.terms.record(catalogue, T0)
    store.terms.record(changed, T0 + 100)
    store.terms.record(catalogue, T0 + 50)
    assert [e.terms.valid_from for e in store.terms.entries() if e.terms.id == "igate"] == [0, T0 + 100, T0 + 101]


def test_a_correction_is_written_beside_what_it_replaces(
    store: Store, catalogue: Catalogue, changed: Catalogue
) -> None:
    store.terms.record(catalogue, T0)
    store.terms.record(changed, T0 + 100)
    for expected in ([KEY], []):  # what holds already is not written again
        corrected = store.terms.correct(
            changed, T0 + 50, at=T0 + 200, by="giam_sat", reason="Phụ lục ký sớm hơn", only=KEY
        )
        assert corrected == expected
    dated = store.terms.dated(changed, T0 + 200)
    assert terms_at(dated, "igate", T0 + 50).checks["forms"].critical
    assert not terms_at(dated, "igate", T0 + 49).checks["forms"].critical
    last = store.terms.entries()[-1]
    assert (last.made_by, last.reason, last.terms.valid_from) == ("giam_sat", "Phụ lục ký sớm hơn", T0 + 50)
    assert len(store.terms.entries()) == len([e for e in store.terms.entries() if e.terms.valid_from == 0]) + 3


def minutes(store: Store, rules: IncidentRules, start: int, end: int, *, failing: str) -> None:
    """Outcomes of igate's checks, one a minute."""
    for minute in range(start, end):
        for check in ("search", "login", "forms"):
            reason = Reason.HTTP_5XX if check == failing else None
            at = T0 + 60 * minute
            store.record([outcome("igate", check, at, reason)], rules.catalogue.settings, {}, rules, received_at=at + 1)


def test_an_incident_begins_when_a_check_that_fails_becomes_critical(
    store: Store, catalogue: Catalogue, changed: Catalogue
) -> None:
    store.terms.record(catalogue, T0)
    minutes(store, IncidentRules(catalogue), 0, 20, failing="forms")
    assert store.incidents.list(0, 1 << 40) == []
    turn = T0 + 20 * 60 + 30
    store.terms.record(changed, turn)
    with_past = IncidentRules(store.terms.dated(changed, turn))
    minutes(store, with_past, 20, 30, failing="forms")
    minutes(store, with_past, 30, 40, failing="")
    (incident,) = store.incidents.list(0, 1 << 40)
    assert (incident.start, incident.end) == (turn, T0 + 30 * 60)
    assert incident.severity is Severity.S2
    store.rebuild(changed.settings, rules=with_past)
    assert store.incidents.list(0, 1 << 40) == [incident]


def test_an_incident_ends_when_its_check_is_no_longer_critical(
    store: Store, catalogue: Catalogue, changed: Catalogue
) -> None:
    store.terms.record(changed, T0)
    minutes(store, IncidentRules(changed), 0, 20, failing="forms")
    turn = T0 + 20 * 60 + 30
    store.terms.record(catalogue, turn)
    store_again = Store.open(store._database.engine.url.render_as_string(hide_password=False))
    with_past = IncidentRules(store_again.terms.dated(catalogue, turn))
    minutes(store_again, with_past, 20, 25, failing="forms")
    store_again.close()
    (incident,) = store.incidents.list(0, 1 << 40)
    assert (incident.start, incident.end) == (T0, turn)


def test_a_recorder_records_the_terms_of_its_catalogue_with_the_first_message(
    store: Store, catalogue: Catalogue, changed: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, province in enumerate((catalogue, changed)):
        monkeypatch.setattr("monitor.wiring.time.time", lambda number=number: T0 + 1000.0 * number)
        recorder = wiring.Recorder(store, province)
        assert not number or len(store.terms.entries()) == len(catalogue.systems) + len(catalogue.contracts)
        recorder.record([outcome("igate", "forms", T0 + 1000 * number - 1)], {})
    assert [e.terms.valid_from for e in store.terms.entries() if e.terms.id == "igate"] == [0, T0 + 1000]

"""The book of dossiers: what comes twice or late, supplements, forms in versions, counts held against a plain count."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.dossiers import (
    Channel,
    Counts,
    Dossier,
    Form,
    Group,
    Row,
    Source,
    Status,
    Supplement,
    Timeliness,
    Unit,
    Violation,
    deadline,
    timeliness,
    total,
    violations,
)
from monitor.index766 import OfficialScore
from monitor.store import Store, StoreError, schema
from monitor.store.dossiers import Kept, Pending, Progress
from tests.monitor.store import test_store

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR, DAY = 3600, 86_400

open_store = test_store.open_store


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def store(open_store: Callable[[], Store]) -> Store:
    made = open_store()
    made.upgrade()
    return made


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp())


MARCH, APRIL = at("2026-03-01"), at("2026-04-01")
PLAIN = Dossier(
    "H00-1", "A", "p", "s", Channel.ONLINE, Status.ACCEPTED,
    at("2026-03-02 08:00"), at("2026-03-02 09:00"), at("2026-03-10 17:00"), None, at("2026-03-02 09:00"),
)  # fmt: skip


def keep(store: Store, *dossiers: Dossier) -> Kept:
    return store.dossiers.keep(dossiers, ZONE)


def test_an_end_is_not_moved_by_later_changes_of_what_stays_ended(store: Store) -> None:
    done = replace(PLAIN, status=Status.DONE, updated=at("2026-03-09 10:00"))
    returned = replace(done, status=Status.RETURNED, updated=at("2026-04-20 10:00"))
    keep(store, done)
    (before,) = store.dossiers.counts(MARCH, APRIL).values()
    keep(store, returned)
    (after,) = store.dossiers.counts(MARCH, APRIL).values()
    assert (before.resolved, after) == (1, before)
    reopened = replace(done, status=Status.PROCESSING, updated=at("2026-04-21 10:00"))
    again = replace(done, updated=at("2026-04-22 10:00"))
    keep(store, reopened)
    keep(store, again)
    (after,) = store.dossiers.counts(MARCH, APRIL).values()
    assert after.resolved == 0
    keep(store, replace(again, ended=at("2026-03-30 10:00"), updated=at("2026-04-23 10:00")))  # as the system says
    (after,) = store.dossiers.counts(MARCH, APRIL).values()
    assert after.resolved == 1


def test_a_dossier_comes_twice_and_in_any_order(store: Store) -> None:
    done = replace(PLAIN, status=Status.RETURNED, ended=at("2026-03-09 10:00"), updated=at("2026-03-09 10:00"))
    assert keep(store, PLAIN) == Kept(1, 0)
    assert keep(store, PLAIN) == Kept(0, 0)
    assert keep(store, done, PLAIN) == Kept(0, 1)
    assert keep(store, PLAIN) == Kept(0, 0)
    (counts,) = store.dossiers.counts(MARCH, APRIL).values()
    assert counts == Counts(1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0)


def a_province(number: int) -> Iterator[Dossier]:
    rng = random.Random(766)
    for n in range(number):
        applied = at("2026-01-01") + rng.randrange(120 * DAY)
        accepted = None if rng.random() < 0.05 else applied + rng.randrange(3 * DAY)
        due = None if accepted is None or rng.random() < 0.1 else accepted + rng.randrange(30 * DAY)
        ended = None if accepted is None or rng.random() < 0.2 else accepted + 1 + rng.randrange(30 * DAY)
        status = Status.PROCESSING if ended is None else Status.RETURNED
        group = f"U{rng.randrange(3)}", f"p{rng.randrange(4)}", f"s{rng.randrange(2)}"
        yield Dossier(f"H00-{n:05d}", *group, rng.choice(list(Channel)), status, applied, accepted, due, ended, applied)


def test_counts_are_those_of_a_plain_count(store: Store) -> None:
    province = list(a_province(3000))
    keep(store, *province)
    expected: dict[Group, Counter[str]] = {}
    for d in province:
        if d.accepted is None or d.accepted >= APRIL or (d.ended is not None and d.ended < MARCH):
            continue
        count = expected.setdefault(Group(d.unit, d.procedure, d.sector), Counter())
        new = "new_online" if d.channel is Channel.ONLINE else "new_direct"
        count[new if d.accepted >= MARCH else "carried_over"] += 1
        if d.ended is not None and d.ended < APRIL:
            kind = timeliness(d.due, d.ended, ZONE)
            assert kind is not None
            count[("resolved_early", "resolved_on_time", "resolved_overdue")[kind]] += 1
        else:
            limit = deadline(d.due, ZONE)
            count["pending_overdue" if limit is not None and limit < APRIL else "pending_in_time"] += 1
    found = store.dossiers.counts(MARCH, APRIL)
    assert found.keys() == expected.keys()
    for group, counts in found.items():
        assert {k: v for k, v in counts._asdict().items() if k in expected[group]} == dict(expected[group])
        form = Form(date(2026, 3, 1), date(2026, 4, 1), Source.DOSSIERS, (Row("x", None, counts),))
        assert violations(form) == []
    before, after = (total(store.dossiers.counts(*span).values()) for span in ((MARCH - 9, MARCH), (MARCH, APRIL)))
    assert after.carried_over == before.pending > 0
    judged = store.dossiers.judged(MARCH, APRIL)
    without = list(store.dossiers.special(MARCH, APRIL))
    assert sum(map(sum, judged.values())) + len(without) == after.received
    assert all(one.due is None and one.supplements == () for one in without)
    overdue = sum(one.overdue for one in judged.values())
    assert overdue == after.resolved_overdue + after.pending_overdue
    received = store.dossiers.received([MARCH, MARCH + 9 * DAY], APRIL)
    assert sum(n for (_, c), (n, _) in received.items() if c is Channel.ONLINE) == after.new_online
    late = total(store.dossiers.counts(MARCH + 9 * DAY, APRIL).values())
    assert sum(n for (_, c), (_, n) in received.items() if c is not Channel.ONLINE) == late.new_direct
    resolved = store.dossiers.resolved([MARCH, MARCH + 9 * DAY], APRIL)
    for timely, whole, part in (
        (Timeliness.EARLY, after.resolved_early, late.resolved_early),
        (Timeliness.ON_TIME, after.resolved_on_time, late.resolved_on_time),
        (Timeliness.OVERDUE, after.resolved_overdue, late.resolved_overdue),
    ):
        assert sum(n for (_, _, t), (n, _) in resolved.items() if t is timely) == whole
        assert sum(n for (_, _, t), (_, n) in resolved.items() if t is timely) == part
    open_ = store.dossiers.pending(APRIL, ZONE)
    assert sum(map(sum, open_.values())) == sum(d.ended is None and d.accepted is not None for d in province)


def test_requests_for_more_are_seen_in_the_status(store: Store) -> None:
    first, second = at("2026-03-03 10:00"), at("2026-03-06 10:00")
    asked = replace(PLAIN, status=Status.SUPPLEMENT, updated=first)
    brought = replace(PLAIN, status=Status.PROCESSING, updated=first + DAY)
    again = replace(PLAIN, status=Status.SUPPLEMENT, updated=second)
    for one in (PLAIN, asked, asked, brought, asked, again, replace(again, updated=second + HOUR)):
        keep(store, one)
    (seen,) = store.dossiers.special(MARCH, APRIL)
    assert seen.supplements == (Supplement(first, first + DAY), Supplement(second))
    assert store.dossiers.supplements(first, first + 1) == ["H00-1"]
    assert store.dossiers.supplements(first + 1, second) == []
    assert store.dossiers.judged(MARCH, APRIL) == {}


def test_pending_by_unit_and_due_day(store: Store) -> None:
    now = at("2026-03-10 10:00")
    dues = [
        ("A", "2026-03-10 09:00"), ("A", "2026-03-10 17:00"), ("A", "2026-03-10"), ("A", "2026-03-11 17:00"),
        ("B", "2026-03-09 17:00"), ("B", "2026-03-09"), ("B", "2026-03-12 08:00"), ("B", None),
    ]  # fmt: skip
    made = [replace(PLAIN, code=f"H00-{n}", unit=u, due=due and at(due)) for n, (u, due) in enumerate(dues)]  # type: ignore[arg-type]
    keep(store, *made, replace(PLAIN, code="done", ended=now), replace(PLAIN, code="not yet", accepted=None))
    found = store.dossiers.pending(now, ZONE)
    assert list(found.items()) == [
        (("B", Channel.ONLINE), Pending(2, 0, 0, 2)),
        (("A", Channel.ONLINE), Pending(1, 2, 1, 0)),
    ]


def test_who_waited_long_to_be_accepted(store: Store) -> None:
    applied = at("2026-03-02 08:00")
    late = replace(PLAIN, code="late", accepted=applied + 9 * HOUR)
    waiting = replace(PLAIN, code="waiting", accepted=None)
    refused = replace(PLAIN, code="refused", accepted=None, ended=applied + DAY, status=Status.NOT_ACCEPTED)
    desk = replace(late, code="desk", channel=Channel.DIRECT)
    keep(store, PLAIN, late, waiting, refused, desk)
    found = sorted(store.dossiers.slow_to_accept(MARCH, APRIL, applied + DAY, 8 * HOUR), key=str)
    assert found == [("A", applied, applied + 9 * HOUR), ("A", applied, None)]
    assert store.dossiers.submitted_online(MARCH, APRIL) == {"A": 3}
    assert list(store.dossiers.slow_to_accept(MARCH, APRIL, applied + HOUR, 8 * HOUR)) == [found[0]]


def test_a_form_has_versions(store: Store) -> None:
    book = store.dossiers
    form = Form(date(2026, 3, 1), date(2026, 4, 1), Source.OFFICIAL, (Row("A", "a", Counts(*range(11))),), Counts())
    broken = [Violation("A", "(3)=(7)+(11)", 1, 2)]
    first = book.keep_form(form, broken, at=1, by="cli")
    assert (first.version, first.form, first.violations) == (1, form, tuple(broken))
    assert book.keep_form(form, [], at=2, by="cli").id == first.id
    other = replace(form, total=None)
    with pytest.raises(StoreError, match="version 1") as caught:
        book.keep_form(other, [], at=2, by="cli")
    assert caught.value.permanent
    assert book.keep_form(other, [], at=2, by="cli", reason="r").version == 2
    found = book.form(form.start, form.end, Source.OFFICIAL)
    assert found is not None and (found.form, found.reason) == (other, "r")
    assert [kept.version for kept in book.forms()] == [1, 2]
    assert book.broken_forms() == []
    book.keep_form(form, broken, at=3, by="cli", reason="r")
    assert [kept.version for kept in book.broken_forms()] == [3]
    assert book.form(form.start, form.end, Source.DOSSIERS) is None
    before, after = book.form_before(form.end, Source.OFFICIAL), book.form_after(form.start, Source.OFFICIAL)
    assert before is not None and after is not None and before.version == after.version == 3


def test_units_that_people_listed_are_left_alone(store: Store) -> None:
    book = store.dossiers
    book.keep([PLAIN], ZONE, units=[Unit("A", "Sở A"), Unit("B", "Sở B")], names={("procedure", "p"): "Cấp phép"})
    listed = [
        Unit("A", "Sở A cũ", None, "tinh", None, date(2026, 3, 1), "C"),
        Unit("C", "Sở C", valid_from=date(2026, 3, 1)),
    ]
    book.import_units(listed)
    book.keep([], ZONE, units=[Unit("A", "Tên khác"), Unit("B", "Sở B mới")])
    tree = book.units()
    assert [tree.name(code, date(2026, 2, 1)) for code in "ABC"] == ["Sở A cũ", "Sở B mới", "Sở C"]
    assert tree.current("A", date(2026, 3, 1)) == "C"
    assert book.names() == {("procedure", "p"): "Cấp phép"}
    book.import_units([])
    assert book.units().at("C", date(2026, 3, 1)) is None


def test_progress_and_dossiers_are_kept_together(store: Store) -> None:
    book = store.dossiers
    assert (book.progress("igate"), book.collected_until(), book.collected_since()) == (Progress("igate"), None, None)
    under_way = Progress("igate", since=0, next_watermark=5, page=3, size=500, started_at=9)
    book.keep([PLAIN], ZONE, progress=under_way)
    assert (book.progress("igate"), book.collected_until(), book.collected_since()) == (under_way, None, 0)
    bad = replace(PLAIN, code="bad", status="no status")  # type: ignore[arg-type]
    with pytest.raises((ValueError, StoreError)):
        book.keep([replace(PLAIN, code="other"), bad], ZONE, progress=replace(under_way, page=4))
    assert (book.number(), book.progress("igate").page) == (1, 3)
    book.keep([], ZONE, progress=replace(under_way, page=0, started_at=None, until=9))
    assert book.collected_until() == 9


def test_the_latest_points_count(store: Store) -> None:
    book, days = store.dossiers, (date(2026, 3, 1), date(2026, 4, 1))
    book.keep_scores(*days, [OfficialScore("", "2.1", Fraction("19.5"), Fraction(1), Fraction(3))], at=1, by="cli")
    book.keep_scores(
        *days, [OfficialScore("", "2.1", Fraction("19.6")), OfficialScore("A", "1.4", None)], at=2, by="cli"
    )
    found = book.scores(*days)
    assert found["", "2.1"] == OfficialScore("", "2.1", Fraction("19.6"), None, None)
    assert found["A", "1.4"].points is None
    assert book.scores(date(2026, 4, 1), date(2026, 5, 1)) == {}


def test_the_portal_s_latest_word_counts(store: Store) -> None:
    keep(store, PLAIN, replace(PLAIN, code="H00-2"), replace(PLAIN, code="H00-3", accepted=APRIL))
    book = store.dossiers
    book.keep_answers({"H00-1": False, "H00-2": None, "H00-3": True}, 1)
    book.keep_answers({"H00-1": True}, 2)
    assert book.answers(MARCH, APRIL) == {"H00-1": True, "H00-2": None}
    assert [code for code, _, _ in book.accepted_in(MARCH, APRIL)] == ["H00-1", "H00-2"]
    assert book.accepted_in(MARCH, APRIL, ["B"]) == []


def test_submitted_in_spans(store: Store) -> None:
    keep(store, PLAIN, replace(PLAIN, code="H00-2", applied=at("2026-03-03 08:00"), unit="B"))
    applied = PLAIN.applied
    assert applied is not None
    spans = [(MARCH, APRIL), (applied, applied + 1), (applied + 1, applied + 2)]
    assert store.dossiers.submitted(spans) == [2, 1, 0]
    assert store.dossiers.submitted(spans, ["B"]) == [1, 0, 0]
    assert store.dossiers.first_applied() == applied


def test_columns_of_the_store_hold_nothing_else(store: Store) -> None:
    assert {column.name for column in schema.dossiers.columns} == {
        "code", "group", "channel", "status", "applied", "accepted", "due", "ended", "updated", "deadline",
        "timeliness",
    }  # fmt: skip

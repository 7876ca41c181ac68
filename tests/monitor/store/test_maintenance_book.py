"""The book of announced maintenance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.maintenance import Window
from monitor.store import Store, StoreError

HOUR = 3600
NOON = 1_790_830_800
NIGHT = NOON + 10 * HOUR
NOTICE = NOON - 86_400


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    made.upgrade()
    yield made
    made.close()


def test_a_window_is_kept_as_it_was_announced(store: Store) -> None:
    book = store.maintenance
    more = {"title": "Thay đĩa", "notice_url": "https://thong-bao.example/1"}
    (made,) = book.add(["portal", "igate"], [(NIGHT, NIGHT + HOUR)], NOTICE, at=NOON, by="to_truc", **more)
    assert made.window == Window("1", frozenset({"igate", "portal"}), NIGHT, NIGHT + HOUR, NOTICE)
    assert (made.id, made.title, made.notice_url) == (1, "Thay đĩa", "https://thong-bao.example/1")
    assert (made.made_at, made.made_by, made.cancelled_by) == (NOON, "to_truc", None)
    assert book.announcements() == [made]


def test_the_dates_of_a_series_have_one_name_and_each_its_id(store: Store) -> None:
    spans = [(NIGHT + n * 86_400, NIGHT + n * 86_400 + HOUR) for n in range(3)]
    first = store.maintenance.add(["igate"], spans, NOTICE, at=NOON, by="cli")
    second = store.maintenance.add(["igate"], spans[:2], NOTICE, at=NOON, by="cli")
    assert [one.id for one in (*first, *second)] == [1, 2, 3, 4, 5]
    assert len({one.window.series for one in first}) == len({one.window.series for one in second}) == 1
    assert first[0].window.series not in (None, second[0].window.series)
    (alone,) = store.maintenance.add(["igate"], spans[:1], NOTICE, at=NOON, by="cli")
    assert alone.window.series is None


def test_it_is_listed_in_order_of_start_as_far_as_it_touches(store: Store) -> None:
    book = store.maintenance
    late, early = (
        book.add(["igate"], [(start, start + HOUR)], NOTICE, at=NOON, by="cli")[0]
        for start in (NIGHT + 4 * HOUR, NIGHT)
    )
    assert book.announcements() == [early, late]
    assert book.windows(NIGHT + HOUR - 1, NIGHT + 4 * HOUR + 1) == [early.window, late.window]
    assert book.windows(NIGHT + HOUR, NIGHT + 4 * HOUR) == []
    assert book.announcements(start=NIGHT + HOUR) == [late]
    assert book.announcements(end=NIGHT + 4 * HOUR) == [early]


def test_a_cancellation_is_written_once(store: Store) -> None:
    book = store.maintenance
    (made,) = book.add(["igate"], [(NIGHT, NIGHT + HOUR)], NOTICE, at=NOON, by="cli")
    cancelled = book.cancel(made.id, at=NOON + 60, by="to_truc")
    assert cancelled == replace(made, window=replace(made.window, cancelled_at=NOON + 60), cancelled_by="to_truc")
    assert book.windows(NIGHT, NIGHT + HOUR) == [cancelled.window]  # whether it counts is not said here
    for id_, said in ((made.id, "maintenance 1 is cancelled already"), (9, "maintenance 9 is unknown")):
        with pytest.raises(StoreError, match=said) as caught:
            book.cancel(id_, at=NOON, by="cli")
        assert caught.value.permanent
    assert book.announcements() == [cancelled]


@pytest.mark.parametrize(
    ("systems", "spans"),
    [([], [(NIGHT, NIGHT + HOUR)]), (["igate"], []), (["igate"], [(NIGHT, NIGHT + HOUR), (NIGHT, NIGHT)])],
)
def test_what_is_no_window_is_not_written(store: Store, systems: list[str], spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match=r"names systems|ends before"):
        store.maintenance.add(systems, spans, NOTICE, at=NOON, by="cli")
    assert store.maintenance.announcements() == []

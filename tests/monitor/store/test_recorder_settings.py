"""A recorder that starts dates what its catalogue says."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from monitor.model import CONTROL_SYSTEM, Settings
from monitor.store import Store, StoreError
from monitor.wiring import Recorder, Unrecorded, all_settings
from tests.monitor.province import CATALOGUE, load, outcome, store_in
from tests.monitor.store.test_store import tables

SEARCH = ("igate", "search")


def settings_rows(store: Store, check: tuple[str, str]) -> list[tuple[int, float]]:
    """Since when which interval."""
    return [(row[2], row[3]) for row in tables(store, "settings")["settings"] if row[:2] == check]


def test_all_checks_and_controls_have_settings(tmp_path: Path) -> None:
    catalogue = load(tmp_path)
    found = all_settings(catalogue)
    assert {system for system, _ in found} == {*catalogue.systems, CONTROL_SYSTEM}
    assert found[SEARCH] == Settings(60, 10)
    assert all(settings == catalogue.settings(*key) for key, settings in found.items())
    assert found[CONTROL_SYSTEM, "router"].confirm_up == 1


def test_another_catalogue_counts_from_the_start_of_its_recorder(tmp_path: Path) -> None:
    first, second = load(tmp_path), load(tmp_path, CATALOGUE.replace("interval: 60s", "interval: 30s"))
    with store_in(tmp_path) as store:
        began = time.time()
        for catalogue in (first, first, second, second):
            recorder = Recorder(store, catalogue)
            recorder.record([outcome("igate", "search", began - 3600)], {})
        ((always, minute), (since, half)) = settings_rows(store, SEARCH)
        assert (always, minute, half) == (0, 60.0, 30.0)
        assert began * 1000 - 1 <= since <= time.time() * 1000 + 1
        assert [interval for _, interval in settings_rows(store, (CONTROL_SYSTEM, "gateway"))] == [30.0]
        then = since / 1000 + 1  # a slot that is the new catalogue's
        recorder.record([outcome("igate", "search", began - 1800), outcome("igate", "search", then)], {})
        assert store.lines()["igate", "search", "office"].until == round(then * 1000) + 70_000


def test_a_store_that_is_away_hears_of_settings_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_in(tmp_path) as store:
        recorder = Recorder(store, load(tmp_path))
        away = threading.Event()
        date_settings = store.date_settings

        def sometimes(settings: dict[tuple[str, str], Settings], now: float) -> object:
            if not away.is_set():
                away.set()
                recorder.stopping.set()  # do not wait
                raise StoreError("away")
            return date_settings(settings, now)

        monkeypatch.setattr(store, "date_settings", sometimes)
        with pytest.raises(Unrecorded):
            recorder.record([outcome("igate", "search", 1_790_000_000)], {})
        assert store.first_outcome() is None
        recorder.record([outcome("igate", "search", 1_790_000_000)], {})
        assert settings_rows(store, SEARCH) == [(0, 60.0)]

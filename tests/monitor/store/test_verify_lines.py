"""What is made from the outcomes, made again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples

from monitor.cli import evidence as commands_of_evidence
from monitor.model import CONTROL_SYSTEM, Reason
from monitor.store import Store, schema
from tests.monitor.province import NOW, TODAY, load, outcome, series_of_a_day, store_in
from tests.monitor.store.test_worlds import World, a_store, happen, rows, worlds
from tests.monitor.store.test_worlds import empty as empty  # noqa: PLC0414 - a fixture
from tests.monitor.test_cli import Motcua
from tests.monitor.test_cli import motcua as motcua  # noqa: PLC0414 - a fixture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def store(folder: Path, tmp_path: Path) -> Iterator[Store]:
    with store_in(folder) as opened:
        blind = [outcome(CONTROL_SYSTEM, "gateway", NOW - 900 + at, Reason.CONNECT_REFUSED) for at in (0, 30, 60)]
        opened.record([*series_of_a_day(), *blind], load(tmp_path, TODAY).settings)
        yield opened


def test_lines_that_are_as_the_outcomes_give_them(store: Store) -> None:
    assert rows(store, "boundaries") and rows(store, "blind")
    assert store.verify_lines() == []


@examples(max_examples=40, deadline=None)
@given(worlds())
def test_whatever_comes_in_any_order_verifies(empty: Path, world: World) -> None:
    with a_store(empty) as made:
        happen(made, world)
        assert made.verify_lines() == []


SERIES = "(SELECT id FROM series WHERE system = 'igate' AND \"check\" = 'search')"


@pytest.mark.parametrize(
    ("statement", "table", "told"),
    [
        (f"UPDATE boundaries SET state = 'up' WHERE series = {SERIES} AND state = 'down'", "boundaries", "both"),
        (f"UPDATE boundaries SET at = at + 60 WHERE series = {SERIES} AND state = 'down'", "boundaries", "made"),
        (f"DELETE FROM boundaries WHERE series = {SERIES} AND state = 'down'", "boundaries", "made"),
        (f"INSERT INTO boundaries VALUES ({SERIES}, {NOW - 150}, 'up', NULL, NULL)", "boundaries", "stored"),
        (f"UPDATE rollups SET down = 0 WHERE series = {SERIES} AND hour > 0", "rollups", "both"),
        (f"UPDATE days SET conclusive = 0 WHERE series = {SERIES}", "days", "both"),
        (f"UPDATE reasons SET tries = 9 WHERE series = {SERIES} AND hour > 0", "reasons", "both"),
        (f"UPDATE lines SET state = 'up' WHERE series = {SERIES}", "lines", "both"),
        ('UPDATE blind SET "end" = "end" + 1', "blind", "both"),
    ],
)
def test_what_was_edited_is_told(store: Store, statement: str, table: str, told: str) -> None:
    with store._database.writing() as connection:
        assert connection.exec_driver_sql(statement).rowcount > 0
    (found,) = store.verify_lines()
    assert found.table == table
    assert told == ("both" if found.stored and found.made else "stored" if found.stored else "made")
    named = (None, None, "office") if table == "blind" else ("igate", "search", "office")
    assert (found.system, found.check, found.location) == named
    if table == "boundaries":
        assert found.at == (NOW - 150 if told == "stored" else NOW - 180)


def test_every_derived_table_has_a_name_for_people() -> None:
    assert commands_of_evidence._TABLES.keys() == {table.name for table in schema.DERIVED}


def test_a_part_of_the_time_is_compared_alone(store: Store) -> None:
    with store._database.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM boundaries WHERE series = {SERIES} AND state = 'down'")
    assert store.verify_lines(start=NOW - 180, end=NOW - 179) != []
    assert store.verify_lines(start=NOW - 179) == []
    assert store.verify_lines(end=NOW - 180) == []


def test_the_command_says_what_differs(store: Store, folder: Path, motcua: Motcua) -> None:
    done = motcua("verify", "--lines", "--data", folder)
    assert done.code == 0, done.err
    assert "Đã dựng lại mọi trạng thái và số đếm" in done.out
    with store._database.writing() as connection:
        connection.exec_driver_sql(f"DELETE FROM boundaries WHERE series = {SERIES} AND state = 'down'")
    done = motcua("verify", "--lines", "--data", folder)
    assert done.code == 1
    assert "đường trạng thái igate/search tại office, từ 11:57:00 01/10/2026: thiếu trong kho" in done.out
    assert motcua("verify", "--data", folder).code == 0
    done = motcua("verify", "--from", "2026-10-01", "--data", folder)
    assert (done.code, "--from and --to go with --lines" in done.line) == (2, True)
    done = motcua("verify", "--lines", "--from", "2026-10-02", "--to", "2026-10-02", "--data", folder)
    assert (done.code, "--to does not come after --from" in done.line) == (2, True)

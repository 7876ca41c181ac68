"""What is SQLite's alone: its file, its faults, its size; and what is left when the recorder is killed."""

from __future__ import annotations

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from monitor.model import Settings
from monitor.store import Store, StoreError, database, schema
from monitor.store.database import Database, explain
from tests.bench.bench_store import BATCH, SHAPES, outcomes_of
from tests.monitor.store.test_outbox import World
from tests.monitor.store.test_store import STORY, known, outcome, tables

ROOT = Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    made = Store.open(f"sqlite:///{path}")
    made.upgrade()
    yield made
    made.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("not a database, but long enough to look at\n" * 100)
    with pytest.raises(StoreError, match="not a motcua database") as caught:
        Store.open(f"sqlite:///{path}")
    assert caught.value.permanent
    assert str(path) in str(caught.value)


def test_a_directory_that_does_not_exist_is_named(path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as caught:
        Store.open(f"sqlite:///{path.parent / 'nowhere' / 'store.db'}")
    assert caught.value.permanent


def test_a_store_that_can_only_be_read_says_so(store: Store, path: Path) -> None:
    store.record(STORY, known)
    store.close()
    copy = Store.open(f"sqlite:///file:{path}?mode=ro&uri=true")
    assert len(copy.lines()) == 1
    with pytest.raises(StoreError, match="can only be read"):
        copy.record([outcome(300)], known)
    copy.close()


def test_a_full_disk_is_told_and_loses_nothing_that_was_recorded(store: Store) -> None:
    store.record(STORY, known)
    before = tables(store, *schema.metadata.tables)
    full = [True]

    @event.listens_for(store._database.engine, "checkout")
    def limit(connection: sqlite3.Connection, *_: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0] if full else 1_000_000
        connection.execute(f"PRAGMA max_page_count = {pages}")

    many = [outcome(300 + n, key=(f"s{n}", "c", "l")) for n in range(2000)]
    with pytest.raises(StoreError, match="the disk is full") as caught:
        store.record(many, known)
    assert not caught.value.permanent
    assert tables(store, *schema.metadata.tables) == before
    full.clear()
    assert store.record(many, known).new == 2000


def test_a_writer_that_stays_too_long_is_told_as_a_lock(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    other = Store.open(f"sqlite:///{path}")
    with store._database.writing(), pytest.raises(StoreError, match="it is locked") as caught:
        other.record(STORY, known)
    assert not caught.value.permanent
    assert other.lines() == {}  # readers wait for nobody
    assert other.record(STORY, known).new == len(STORY)
    other.close()


def test_the_file_is_set_up_for_one_writer_and_many_readers(store: Store) -> None:
    with store._database.reading() as connection:
        said = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous", "busy_timeout")
        ]
        dense = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'outcomes'").scalar_one()
    assert said == ["wal", 1, 5000]
    assert "WITHOUT ROWID" in dense


@pytest.mark.parametrize("shape", SHAPES)
def test_an_outcome_takes_less_than_80_bytes_all_in(store: Store, shape: str) -> None:
    empty, made, n = store.size(), outcomes_of(SHAPES[shape]), 20 * BATCH
    for _ in range(n // BATCH):
        store.record(list(islice(made, BATCH)), known)
    assert (store.size() - empty) / n < 80


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "oracle://user:secret@host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_that_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert caught.value.permanent
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "told", "permanent"),
    [
        ('FATAL:  password authentication failed for user "motcua"', "the user name or the password is wrong", True),
        ("could not extend file: No space left on device", "the disk is full", False),
        ("something\nnobody knew, with a value", "RuntimeError: something", True),
    ],
)
def test_what_a_driver_says_is_told_in_a_sentence(said: str, told: str, permanent: bool) -> None:
    error = explain(RuntimeError(said), "postgresql://motcua:***@db/motcua")
    assert str(error) == f"postgresql://motcua:***@db/motcua: {told}"
    assert error.permanent is permanent


def test_a_lock_of_another_process_is_seen_and_ends_with_it(store: Store, path: Path) -> None:
    program = """
        import sys
        from monitor.store import Store
        with Store.open(sys.argv[1]).recorder_lock():
            print("locked", flush=True)
            sys.stdin.read()
    """
    with running(program, f"sqlite:///{path}") as process:
        assert process.stdout is not None and process.stdout.readline() == "locked\n"
        with pytest.raises(StoreError, match="another recorder"), store.recorder_lock():
            pass
        process.kill()
        process.wait()
        with store.recorder_lock(wait=5):
            pass


def test_nothing_recorded_is_lost_or_doubled_when_the_recorder_is_killed(store: Store, path: Path) -> None:
    program = """
        import sys
        from itertools import islice
        from tests.bench.bench_store import SETTINGS, outcomes_of
        from monitor.store import Store
        store, made = Store.open(sys.argv[1]), outcomes_of(("request",))
        for number in range(1, 10_000):
            store.record(list(islice(made, 100)), lambda *_: SETTINGS)
            print(number, flush=True)
    """
    with running(program, f"sqlite:///{path}") as process:
        assert process.stdout is not None
        confirmed = [int(process.stdout.readline()) for _ in range(10)]
        process.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in process.stdout.read().split()]
    kept = list(store.outcomes(0, 1 << 60))
    made = list(islice(outcomes_of(("request",)), len(kept)))
    assert len(kept) in (
        100 * confirmed[-1],
        100 * confirmed[-1] + 100,
    )  # the last one's word may be lost, not the rest
    assert len({(o.system, o.check, o.due_at) for o in kept}) == len(kept)
    # Delivered again, with more: the store goes on as if nothing had been.
    more = list(islice(outcomes_of(("request",)), len(kept) + 500))
    assert store.record(more, known).duplicates == len(made)
    before = tables(store)
    store.rebuild(known)
    assert tables(store) == before
    assert sum(total.conclusive for total in store.totals().values()) == len(more)


def running(program: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python program of its own in the project's directory."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_copy_of_the_package_alone_can_upgrade(tmp_path: Path) -> None:
    """As an installed wheel does: nothing of the repository is needed."""
    shutil.copytree(ROOT / "monitor", tmp_path / "monitor", ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        f"from monitor.store import Store; s = Store.open('sqlite:///{tmp_path / 'new.db'}'); s.upgrade(); s.check()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_revisions_are_a_chain_in_files_named_by_them() -> None:
    files = sorted((Path(schema.__file__).parent / "migrations" / "versions").glob("*.py"))
    previous = None
    for file in files:
        text = file.read_text()
        revision, down = (re.search(rf"^{name} = (.*)$", text, re.MULTILINE) for name in ("revision", "down_revision"))
        assert revision is not None and down is not None
        assert file.name.startswith(revision[1].strip('"') + "_")
        assert down[1] == (f'"{previous}"' if previous else "None")
        previous = revision[1].strip('"')


def test_settings_that_need_longer_windows_find_them(store: Store) -> None:
    """A line that never forgets (one good, one failed, for ever) is read back to its beginning."""
    slow = Settings(interval=60, timeout=10, confirm_down=3, confirm_up=2)
    reasons = [STORY[1].reason, None]
    made = [outcome(60 * n, reasons[n % 2]) for n in range(300)]
    late, rest = made[250], [*made[:250], *made[251:]]
    store.record([outcome(-60), *rest], lambda *_: slow)
    store.record([late], lambda *_: slow)
    before = tables(store)
    store.rebuild(lambda *_: slow)
    assert tables(store) == before


def test_a_look_at_the_outbox_reads_no_whole_table(tmp_path: Path) -> None:
    w = World(tmp_path)
    w.run("portal", "home", "+---", every=2)
    with w.store._database.reading() as connection:
        engine, asked = connection.engine, list[tuple[str, Any]]()

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    w.look()
    w.store.outbox.firing("hook")
    w.store.outbox.claim("hook", w.now * 1000)
    event.remove(engine, "before_cursor_execute", note)
    read = [(statement, values) for statement, values in asked if statement.startswith("SELECT")]
    with w.store._database.reading() as connection:
        plans = [
            str(step[3])
            for statement, values in read
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        ]
    w.store.close()
    of_messages = [plan for plan in plans if " messages" in plan]
    assert len(of_messages) > 5
    for plan in (plan for plan in plans if " messages" in plan or " incidents" in plan):
        assert plan.startswith("SEARCH"), plan
        assert "(kind=?)" not in plan, "as long as the table, in the end"

"""The database under the store: connections, transactions, errors in one sentence, locks, migrations.

SQLite and PostgreSQL are the same to everything above this module.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import ClauseElement, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

BUSY_SECONDS = 5
"""How long a transaction waits for another one to end before it gives up."""

# Numbers of PostgreSQL's advisory locks; they are the database's own, so any will do.
_UPGRADE_LOCK = 7_301_002


class Lock(NamedTuple):
    """What one process alone may be: `name` as messages and SQLite's file have it, `key` PostgreSQL's number."""

    name: str
    key: int


RECORDER_LOCK = Lock("recorder", 7_301_001)
JOBS_LOCK = Lock("jobs", 7_301_003)
_ANOTHER = {"recorder": "another recorder is active", "jobs": "another process runs its jobs"}


class StoreError(Exception):
    """The store cannot do what it was asked; the text says why in one sentence.

    `permanent`: trying again does not help before somebody has mended something.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class Database:
    """An engine with our rules on it. `place` names the database in messages, without its password."""

    def __init__(self, url: str) -> None:
        """Raises StoreError when the URL is none that we know; connects to nothing."""
        parsed = _parse(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.place = str(parsed.database) if self.is_sqlite else parsed.render_as_string(hide_password=True)
        self.path = Path(parsed.database or "") if self.is_sqlite else None
        if self.is_sqlite:
            self.engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS})
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                parsed, pool_pre_ping=True, paramstyle="format", connect_args={"connect_timeout": BUSY_SECONDS}
            )
        # Writers lock at their very beginning: a reader that became a writer could not wait for another one.
        self._writers = self.engine.execution_options(writes=True)
        # Several queries of one reader see one state of things.
        self._readers = (
            self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that may write; committed at the end. Raises StoreError."""
        return self._transaction(self._writers)

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that only reads, all of it at one instant. Raises StoreError."""
        return self._transaction(self._readers)

    @contextmanager
    def scratch(self) -> Iterator[Connection]:
        """A connection of one's own for temporary tables, which go when it is closed here. Raises StoreError.

        Its transactions are the caller's and lock nothing, unless they set the option `writes` first.
        """
        with self._guarded(self.engine.connect) as connection:
            connection.detach()
            yield connection

    def many(self, statement: ClauseElement) -> str:
        """A statement as the driver's own text, for `exec_driver_sql` with a list of tuples in its columns' order.

        SQLAlchemy's own way for many rows costs thrice as much, and recording is all about many rows.
        """
        return str(statement.compile(dialect=self.engine.dialect))

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        with self._guarded(engine.begin) as connection:
            yield connection

    @contextmanager
    def _guarded(self, open_: Callable[[], AbstractContextManager[Connection]]) -> Iterator[Connection]:
        try:
            with open_() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError) as error:
            raise explain(error, self.place) from error

    def close(self) -> None:
        self.engine.dispose()

    # --- migrations --------------------------------------------------------------------------------------------------

    def upgrade(self) -> None:
        """Bring the tables to the newest revision; harmless when they are, also for two processes at once.

        Raises StoreError when they are newer than this program.
        """
        with self.writing() as connection:
            if not self.is_sqlite:  # SQLite has locked the whole file already
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            self._check_revision(connection)
            upgrade_to("head", connection)

    def check(self) -> None:
        """Raises StoreError unless the tables are those of this program."""
        with self.reading() as connection:
            revision = self._check_revision(connection)
        if revision != _revisions()[-1]:
            raise StoreError(f"{self.place}: its tables are not up to date; run `motcua upgrade`", permanent=True)

    def _check_revision(self, connection: Connection) -> str | None:
        """The revision of the tables, None where there are none yet."""
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if revision and revision not in _revisions():
            message = f"{self.place}: its tables are of a newer motcua (revision {revision}); upgrade the program"
            raise StoreError(message, permanent=True)
        return revision

    # --- the locks of the one recorder and the one who runs jobs -----------------------------------------------------

    @contextmanager
    def lock(self, lock: Lock, wait: float | None = 0) -> Iterator[None]:
        """Be the one while inside; the lock ends with the process at the latest.

        `wait`: seconds to go on trying, None for ever. Raises StoreError when another one is active.
        """
        with self._lock_file(lock, wait) if self.path else self._advisory_lock(lock, wait):
            yield

    @contextmanager
    def _lock_file(self, lock: Lock, wait: float | None) -> Iterator[None]:
        assert self.path is not None
        try:
            file = self.path.with_name(f"{self.path.name}.{lock.name}").open("ab")
        except OSError as error:
            raise StoreError(f"{self.place}: {error.strerror}", permanent=True) from None
        with file:  # closing it unlocks it

            def locked() -> bool:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            self._wait_for(lock, locked, wait)
            yield

    @contextmanager
    def _advisory_lock(self, lock: Lock, wait: float | None) -> Iterator[None]:
        # A session of its own, without a transaction: one that stayed open would keep PostgreSQL from tidying up.
        alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        with self._guarded(alone.connect) as connection:

            def ask(function: str) -> bool:
                return bool(connection.execute(text(f"SELECT {function}(:key)"), {"key": lock.key}).scalar())

            self._wait_for(lock, lambda: ask("pg_try_advisory_lock"), wait)
            try:
                yield
            finally:
                ask("pg_advisory_unlock")

    def _wait_for(self, lock: Lock, locked: Callable[[], bool], wait: float | None) -> None:
        deadline = None if wait is None else time.monotonic() + wait
        while not locked():
            if deadline is not None and time.monotonic() >= deadline:
                raise StoreError(f"{self.place}: {_ANOTHER[lock.name]} on it")
            time.sleep(0.2)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError):
        # Not the URL itself: it may hold a password.
        raise StoreError("the database's URL is none; write sqlite:///path or postgresql://…", permanent=True) from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"{parsed.get_backend_name()} is not supported; use SQLite or PostgreSQL", permanent=True)
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StoreError("the store needs a file: sqlite:///path", permanent=True)
    return parsed


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: see _begin_sqlite
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def upgrade_to(revision: str, connection: Connection) -> None:
    """Bring the tables of a connection to a revision, or to the newest one, "head"."""
    # Here, for they take as long to load as all else that a command needs, and only an upgrade needs them.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _revisions() -> list[str]:
    """All revisions, the newest one last: files are named by them, in order."""
    return sorted(file.name.split("_")[0] for file in (_MIGRATIONS / "versions").glob("*_*.py"))


_MIGRATIONS = Path(__file__).with_name("migrations")


# (what the driver says, in small letters; what it means; whether waiting does not help)
_MEANINGS = (
    ("database is locked", "it is locked: another process writes for longer than 5 s", False),
    ("file is not a database", "this is not a motcua database: not an SQLite file", True),
    ("database disk image is malformed", "the file is damaged; restore a copy", True),
    ("disk is full", "the disk is full", False),
    ("no space left", "the disk is full", False),
    ("readonly database", "it can only be read: check the owner of the file and of its directory", True),
    ("unable to open database file", "the file cannot be opened: check that its directory exists and is ours", True),
    ("password authentication failed", "the user name or the password is wrong", True),
    ("no password supplied", "a password is needed", True),
    ("pg_hba.conf", "the server does not let this user in from here (pg_hba.conf)", True),
    ("permission denied", "this user may not do that", True),
    ("does not exist", "it does not exist there, or its tables do not: run `motcua upgrade`", True),
    ("no such table", "its tables do not exist: run `motcua upgrade`", True),
    ("connection refused", "nothing answers there", False),
    ("failed to resolve host", "the host's name is unknown", False),
    ("timeout", "it does not answer in time", False),
    ("too many clients", "the server has no connection left", False),
    ("starting up", "the server is starting", False),
)


def explain(error: Exception, place: str) -> StoreError:
    """What an error of the driver means, without SQL, parameters or password."""
    said = str(getattr(error, "orig", error)).strip()
    for fragment, meaning, permanent in _MEANINGS:
        if fragment in said.lower():
            return StoreError(f"{place}: {meaning}", permanent=permanent)
    transient = isinstance(error, OperationalError | InterfaceError | PoolTimeoutError)
    kind = type(getattr(error, "orig", error)).__name__
    return StoreError(
        f"{place}: {kind}: {said.splitlines()[0] if said else 'no reason given'}", permanent=not transient
    )

"""The store's tests once more, on a real PostgreSQL: a database for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text

from monitor.store import Store, StoreError
from tests import servers
from tests.monitor.store.test_store import *  # noqa: F403 - these are the tests

pytestmark = pytest.mark.live("postgres")

_number = count()


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    with servers.postgres() as running:
        yield running


@pytest.fixture(scope="module")
def admin(server: servers.Server) -> Iterator[Engine]:
    engine = create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    yield engine
    engine.dispose()


@pytest.fixture  # type: ignore[no-redef] # in place of SQLite's
def url(server: servers.Server, admin: Engine) -> str:
    name = f"store_{next(_number)}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    # Without the driver's name: so it stands in people's settings.
    return server.url.replace("postgresql+psycopg", "postgresql").removesuffix("/postgres") + f"/{name}"


def test_a_database_that_is_missing_is_named(server: servers.Server) -> None:
    url = server.url.removesuffix("/postgres").replace("motcua@", "motcua:secret@") + "/nowhere"
    with pytest.raises(StoreError, match="does not exist") as caught:
        Store.open(url)
    assert caught.value.permanent
    assert "secret" not in str(caught.value)


def test_a_server_that_does_not_answer_is_no_lasting_fault() -> None:
    with pytest.raises(StoreError, match="nothing answers") as caught:
        Store.open(f"postgresql://motcua@127.0.0.1:{servers.free_port()}/motcua")
    assert not caught.value.permanent


def test_a_store_outlives_a_restart_of_its_server(store: Store, server: servers.Server) -> None:
    from tests.monitor.store.test_store import STORY, known

    store.record(STORY[:3], known)
    server.kill()
    with pytest.raises(StoreError) as caught:
        store.record(STORY[3:], known)
    assert not caught.value.permanent
    server.start()
    assert store.record(STORY, known).new == 3
    before = store.lines()
    store.rebuild(known)
    assert store.lines() == before


def test_the_recorders_lock_ends_with_its_session(store: Store, open_store: Any, admin: Engine) -> None:
    lock = store.recorder_lock()
    lock.__enter__()
    with admin.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
    with open_store().recorder_lock(wait=5):
        pass
    with pytest.raises(StoreError):
        lock.__exit__(None, None, None)

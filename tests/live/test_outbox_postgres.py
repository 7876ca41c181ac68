"""The outbox once more, on a real PostgreSQL: its claims lock rows, not the whole file."""

from __future__ import annotations

import pytest

from tests.live import test_store_postgres as postgres
from tests.monitor.store.test_outbox import *  # noqa: F403 - these are the tests

pytestmark = pytest.mark.live("postgres")

server, admin, url = postgres.server, postgres.admin, postgres.url

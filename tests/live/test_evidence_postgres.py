"""Evidence and seals once more, on a real PostgreSQL: its texts sort otherwise, and its readers stream otherwise."""

from __future__ import annotations

import pytest

from tests.live import test_store_postgres as postgres
from tests.monitor.store.test_evidence import *  # noqa: F403 - these are the tests

pytestmark = pytest.mark.live("postgres")

server, admin, url = postgres.server, postgres.admin, postgres.url

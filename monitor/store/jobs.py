"""The last runs of the calendar's jobs, in the table of facts about the store: one row a job."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager

from sqlalchemy import select

from monitor.jobs import Ran
from monitor.store import schema
from monitor.store.database import JOBS_LOCK, Database
from monitor.store.ledger import upsert

_PREFIX = "job."


class JobRuns:
    """When each job ran last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[str, Ran]:
        """By the names of the jobs, also of those that are no more."""
        table = schema.meta.c
        with self._database.reading() as connection:
            rows = connection.execute(select(table.name, table.value).where(table.name.startswith(_PREFIX))).all()
        return {name.removeprefix(_PREFIX): Ran(**json.loads(value)) for name, value in rows}

    def keep(self, name: str, ran: Ran) -> None:
        """Keep what is known of a job now."""
        row = {"name": _PREFIX + name, "value": json.dumps(ran._asdict())}
        with self._database.writing() as connection:
            connection.execute(upsert(self._database, schema.meta), [row])

    def lock(self, wait: float | None = 0) -> AbstractContextManager[None]:
        """Be the one who runs jobs while inside. Raises StoreError when another one still is after `wait` seconds."""
        return self._database.lock(JOBS_LOCK, wait)

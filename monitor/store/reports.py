"""The book of reports: what each version was made from, so that it can be made again. Instants in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from monitor.store import schema
from monitor.store.database import Database, StoreError

_table = schema.reports


@dataclass(frozen=True, slots=True)
class KeptReport:
    """One version of a report. `facts` is "" where a list was asked for; `reason` is None for the first version."""

    kind: str
    name: str
    version: int
    period_version: int
    made_at: int
    made_by: str
    reason: str | None
    digest: str
    facts: str
    edits: str
    sent_at: int | None = None


class ReportBook:
    """Reports, in the store: `Store.reports`. Any method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(
        self,
        kind: str,
        name: str,
        period_version: int,
        *,
        digest: str,
        facts: str,
        edits: str,
        at: int,
        by: str,
        reason: str | None = None,
    ) -> KeptReport:
        """Keep a report as the next version of its period; one that says the same as the last one is not kept again.

        Raises StoreError without a reason where there is an earlier version that says something else.
        """
        with self._database.writing() as connection:
            known = [_kept(row) for row in connection.execute(_versions(kind, name))]
            if known and (known[-1].digest, known[-1].edits) == (digest, edits):
                return known[-1]
            if known and not reason:
                said = f"the report of {name} ({kind}) is there already, as version {known[-1].version}"
                raise StoreError(f"{said}: another one needs a --reason", permanent=True)
            version, why = len(known) + 1, reason if known else None
            made = KeptReport(kind, name, version, period_version, at, by, why, digest, facts, edits)
            row = {column.name: getattr(made, column.name) for column in _table.columns}
            try:
                with connection.begin_nested():
                    connection.execute(insert(_table).values(row))
            except IntegrityError:
                said = f"the report of {name} ({kind}) was made by somebody else just now"
                raise StoreError(said, permanent=True) from None
        return made

    def versions(self, kind: str, name: str) -> list[KeptReport]:
        """Every version of a report, the first one first."""
        with self._database.reading() as connection:
            return [_kept(row) for row in connection.execute(_versions(kind, name))]

    def all(self) -> list[KeptReport]:
        """Every version of every report, in order of making, without what they are made from."""
        columns = [column for column in _table.columns if column.name != "facts"]
        chosen = select(*columns).order_by(_table.c.made_at, _table.c.kind, _table.c.name, _table.c.version)
        with self._database.reading() as connection:
            return [KeptReport(**row._mapping, facts="") for row in connection.execute(chosen)]

    def sent(self, kept: KeptReport, at: int) -> None:
        """Write down that a version was sent."""
        one = _table.c.kind == kept.kind, _table.c.name == kept.name, _table.c.version == kept.version
        with self._database.writing() as connection:
            connection.execute(update(_table).where(*one).values(sent_at=at))


def _versions(kind: str, name: str) -> Any:
    return select(_table).where(_table.c.kind == kind, _table.c.name == name).order_by(_table.c.version)


def _kept(row: Any) -> KeptReport:
    return KeptReport(**row._mapping)

"""The book of terms: what the catalogue said of systems and contracts, each from a second on. Nothing is taken out.

What is made of it is in `monitor.terms`. Instants in seconds.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from monitor.catalogue import Catalogue
from monitor.store import schema
from monitor.store.database import Database
from monitor.terms import ALWAYS, Recorded, Subject, changed, changed_since, newest, with_past

PROGRAM = "motcua"
"""Who records terms where a program has started with a changed catalogue."""


class Entry(NamedTuple):
    """Terms as they were recorded: when, by whom, and why where a person did."""

    terms: Recorded
    made_at: int
    made_by: str
    reason: str | None


class TermBook:
    """The terms that there have been, in the store: `Store.terms`. Any method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: tuple[Catalogue, int, Catalogue] | None = None  # what `dated` made last, and of how many entries

    def record(self, catalogue: Catalogue, now: int) -> list[tuple[Subject, str]]:
        """Let the terms of a catalogue hold from `now` on; the first ones of a subject hold from the beginning.

        A recorder that starts says so. Those that hold already stay so, and so do those of subjects that the catalogue
        no longer has. Returns the subjects whose terms have changed; new ones are none.
        """
        with self._database.writing() as connection:
            known = [entry.terms for entry in _entries(connection)]
            last = newest(known)
            new = [
                Recorded(*subject, max(now, last[subject].valid_from + 1) if subject in last else ALWAYS, body)
                for subject, body in changed(catalogue, known).items()
            ]
            _add(connection, new, now, PROGRAM, None)
        return [(row.subject, row.id) for row in new if (row.subject, row.id) in last]

    def correct(
        self,
        catalogue: Catalogue,
        since: int,
        *,
        at: int,
        by: str,
        reason: str,
        only: tuple[Subject, str] | None = None,
    ) -> list[tuple[Subject, str]]:
        """Let the terms of a catalogue hold from an earlier second on, whatever was recorded before; of one or of all.

        Returns the subjects whose terms have changed in some second.
        """
        with self._database.writing() as connection:
            known = [entry.terms for entry in _entries(connection)]
            bodies = changed_since(catalogue, known, since)
            new = [Recorded(*subject, since, body) for subject, body in bodies.items() if only in (None, subject)]
            _add(connection, new, at, by, reason)
        return [(row.subject, row.id) for row in new]

    def entries(self) -> list[Entry]:
        """All that was recorded, in that order."""
        with self._database.reading() as connection:
            return _entries(connection)

    def dated(self, catalogue: Catalogue, now: float) -> Catalogue:
        """The catalogue with its past; what it says that is not recorded yet holds from the first such `now` on."""
        with self._database.reading() as connection:
            number: int = connection.execute(select(func.coalesce(func.max(schema.terms.c.number), 0))).scalar_one()
            last = self._last
            if last is None or last[0] is not catalogue or last[1] != number:
                made = with_past(catalogue, [entry.terms for entry in _entries(connection)], int(now))
                self._last = last = catalogue, number, made
        return last[2]


def _entries(connection: Connection) -> list[Entry]:
    table = schema.terms
    return [
        Entry(Recorded(Subject(subject), id_, valid_from, body), *about)
        for _, subject, id_, valid_from, body, *about in connection.execute(select(table).order_by(table.c.number))
    ]


def _add(connection: Connection, new: list[Recorded], at: int, by: str, reason: str | None) -> None:
    about = {"made_at": at, "made_by": by, "reason": reason}
    if new:
        connection.execute(insert(schema.terms), [row._asdict() | about for row in new])

"""Recording: outcomes in, once each, and everything that follows from them, in one transaction.

Every message may come twice and in any order; what is in the tables afterwards is a function of the outcomes kept.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from monitor.incident_rules import IncidentRules
from monitor.judge import is_future
from monitor.model import Outcome, Settings, State, Verdict
from monitor.seals import day_of
from monitor.store import schema
from monitor.store.books import Books
from monitor.store.codec import line_of
from monitor.store.database import Database
from monitor.store.dated import CheckKey, Dated, SettingsOf, changed_settings, first_settings
from monitor.store.evidence import EvidenceKeeper
from monitor.store.gauges import keep_gauges
from monitor.store.incidents import IncidentChange, IncidentKeeper
from monitor.store.judging import Change, Judging, New
from monitor.store.ledger import Ledger, upsert
from monitor.store.outbox import announce_changes
from monitor.store.outcomes import Keeper, Kept, Names, try_of, why_not_judged
from monitor.store.sight import read_sights


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one call of `record` did: each of its outcomes is new, a duplicate, a conflict or from the future."""

    new: int
    duplicates: int  # known with the same start
    conflicts: int  # known with another start: the first record of an identity is kept
    changes: tuple[Change, ...] = ()
    incidents: tuple[IncidentChange, ...] = ()
    future: int = 0  # not kept (judge.is_future)
    doubted: frozenset[str] = frozenset()  # systems of which a try has failed that is not confirmed yet


class Recorder:
    """The one writer of outcomes. It remembers lines and numbers between calls, and forgets them when it must."""

    def __init__(self, database: Database, incidents: IncidentKeeper) -> None:
        self._database = database
        self._incidents = incidents
        self._keeper = Keeper(database)
        self._evidence = EvidenceKeeper(database)
        self._add_to_counter = database.many(upsert(database, schema.counters, add=True))
        self._one_at_a_time = threading.Lock()
        self._forget()

    def record(
        self,
        outcomes: Sequence[Outcome],
        settings: SettingsOf,
        statistics: Mapping[str, int],
        rules: IncidentRules | None = None,
        *,
        received_at: int,
    ) -> Recorded:
        """See `Store.record`."""
        with self._transaction() as connection:
            counts: Counter[str] = Counter()
            now, received_at = received_at, self._evidence.received_at(connection, received_at)
            future = [o for o in outcomes if is_future(o.started_at, received_at)]
            if future:
                outcomes = [o for o in outcomes if not is_future(o.started_at, received_at)]
            for one in future:
                _count(counts, "clock_step", one.location)
            date_first(connection, self._books, {(o.system, o.check) for o in outcomes}, settings)
            new = self._keeper.keep(connection, self._books.names, outcomes, counts, day_of(received_at))
            self._evidence.keep(connection, new, received_at)
            changes = Judging(connection, self._books).judge(self._judged(new, counts))
            self._books.ledger.write(connection)
            incidents = self._incidents.update(connection, rules, self._books, {kept.series for kept in new})
            if incidents and rules is not None:
                announce_changes(connection, self._database, rules, incidents, now)
            keep_gauges(connection, self._database, new)
            counts.update(f"outcomes_{kept.outcome.verdict}" for kept in new)
            if new or not outcomes:  # else the whole message has come before, and its statistics with it
                counts.update(statistics)
            if counts:
                connection.exec_driver_sql(self._add_to_counter, list(counts.items()))
            came_of = len(new), counts["duplicates"], counts["conflicts"], tuple(changes), incidents, len(future)
            return Recorded(*came_of, self._doubted(new))

    def date_settings(self, settings: Mapping[CheckKey, Settings], now: int) -> list[CheckKey]:
        """See `Store.date_settings`."""
        with self._transaction() as connection:
            date_first(connection, self._books, settings, lambda *check: settings[check])
            changed = changed_settings(connection, self._books.names, self._books.dated, settings, now)
            self._books.dated.add(connection, changed)
            return sorted(changed)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._one_at_a_time:
            try:
                with self._database.writing() as connection:
                    self._catch_up(connection)
                    self._books.ledger.touched.clear()
                    self._books.ledger.blinded.clear()
                    yield connection
            except BaseException:
                self._forget()  # numbers and lines that the database has taken back
                raise

    def _forget(self) -> None:
        self._transactions = -1
        self._books = Books(Names(), Dated(), Ledger(self._database), {})
        self._incidents.forget()

    def _catch_up(self, connection: Connection) -> None:
        """Know what is in the tables: from memory, unless somebody else has written since."""
        transactions = count_transaction(connection)
        if transactions != self._transactions + 1:
            self._forget()
            names, dated, ledger, sights = self._books
            names.read(connection)
            dated.read(connection)
            ledger.lines.update(map(line_of, connection.execute(select(schema.lines))))
            sights.update(read_sights(connection, names, ledger.lines))
        self._transactions = transactions

    def _doubted(self, new: Iterable[Kept]) -> frozenset[str]:
        lines = self._books.ledger.lines
        failed = [kept for kept in new if kept.outcome.verdict is Verdict.DOWN and kept.series in lines]
        return frozenset(
            kept.outcome.system
            for kept in failed
            if (line := lines[kept.series]).run and line.state is not State.DOWN and line.last == try_of(kept.outcome)
        )

    def _judged(self, new: Iterable[Kept], counts: Counter[str]) -> Iterator[New]:
        """Those that are judged, counted as they came; of the others there is a number."""
        dated, ledger = self._books.dated, self._books.ledger
        for series, outcome, phases in new:
            known = dated.of((outcome.system, outcome.check), outcome.due_at)
            if (why_not := why_not_judged(outcome, known)) or known is None:
                _count(counts, why_not or "", outcome.location)
                continue
            try_ = try_of(outcome)
            ledger.count(series, try_, phases)
            yield New(try_, series, known, outcome.location, phases)


def _count(counts: Counter[str], name: str, location: str) -> None:
    counts.update((name, f"{name}@{location}"))


def date_first(connection: Connection, books: Books, checks: Iterable[CheckKey], settings: SettingsOf) -> None:
    """Checks that have no settings yet have those of the catalogue from now on."""
    unknown = sorted(books.dated.unknown(checks))
    first = {check: found for check in unknown if (found := settings(*check)) is not None}
    books.dated.add(connection, first_settings(connection, books.names, books.ledger.lines.keys(), first))


def count_transaction(connection: Connection) -> int:
    """Number this transaction among those that change outcomes or what is made of them.

    The row that this changes is locked until the end, so no two of them are under way at once, and whoever finds a
    number that does not follow his last one knows that somebody else has been at work.
    """
    counter = schema.counters.c
    count = update(schema.counters).where(counter.name == "transactions").values(value=counter.value + 1)
    number: int = connection.execute(count.returning(counter.value)).scalar_one()
    return number

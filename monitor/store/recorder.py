"""Recording: outcomes in, once each, and everything that follows from them, in one transaction.

Every message may come twice and in any order; what is in the tables afterwards is a function of the outcomes kept.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from sqlalchemy import Connection, select, update

from monitor.judge import Boundary, Try
from monitor.model import Outcome, Reason, Settings, State
from monitor.store import schema
from monitor.store.codec import line_of
from monitor.store.database import Database
from monitor.store.late import Late, judge_late
from monitor.store.ledger import Ledger, upsert
from monitor.store.outcomes import Keeper, Kept, Names, try_of, why_not_judged

SettingsOf: TypeAlias = Callable[[str, str], Settings | None]
"""The settings of (system, check); None for a check that the catalogue does not know."""


class Change(NamedTuple):
    """A line's change of state, for the log: found now, in force since second `at`."""

    system: str
    check: str
    location: str
    old: State
    new: State
    at: int
    reason: Reason | None
    step: str | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one call of `record` did: each of its outcomes is new, a duplicate or a conflict."""

    new: int
    duplicates: int  # known with the same start
    conflicts: int  # known with another start: the first record of an identity is kept
    changes: tuple[Change, ...] = ()


class Recorder:
    """The one writer of outcomes. It remembers lines and numbers between calls, and forgets them when it must."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keeper = Keeper(database)
        self._add_to_counter = database.many(upsert(database, schema.counters, add=True))
        self._one_at_a_time = threading.Lock()
        self._forget()

    def record(self, outcomes: Sequence[Outcome], settings: SettingsOf, statistics: Mapping[str, int]) -> Recorded:
        """See `Store.record`."""
        with self._one_at_a_time:
            try:
                with self._database.writing() as connection:
                    return self._record(connection, outcomes, settings, statistics)
            except BaseException:
                self._forget()  # numbers and lines that the database has taken back
                raise

    def _record(
        self, connection: Connection, outcomes: Sequence[Outcome], settings: SettingsOf, statistics: Mapping[str, int]
    ) -> Recorded:
        self._catch_up(connection)
        counts: Counter[str] = Counter()
        new = self._keeper.keep(connection, self._names, outcomes, counts)
        changes = self._judge(connection, new, settings, counts)
        self._ledger.write(connection)
        counts.update(f"outcomes_{kept.outcome.verdict}" for kept in new)
        if new or not outcomes:  # else the whole message has come before, and its statistics with it
            counts.update(statistics)
        if counts:
            connection.exec_driver_sql(self._add_to_counter, list(counts.items()))
        return Recorded(len(new), counts["duplicates"], counts["conflicts"], tuple(changes))

    def _forget(self) -> None:
        self._transactions = -1
        self._names = Names()
        self._ledger = Ledger(self._database)

    def _catch_up(self, connection: Connection) -> None:
        """Know what is in the tables: from memory, unless somebody else has written since."""
        transactions = count_transaction(connection)
        if transactions != self._transactions + 1:
            self._forget()
            self._names.read(connection)
            self._ledger.lines = dict(map(line_of, connection.execute(select(schema.lines))))
        self._transactions = transactions

    def _judge(
        self, connection: Connection, new: Iterable[Kept], settings: SettingsOf, counts: Counter[str]
    ) -> list[Change]:
        """Count and judge: late tries first, then those that go on where their line ends."""
        lines = self._ledger.lines
        late: dict[int, tuple[Settings, list[Try]]] = {}
        following: list[tuple[Try, int, Settings]] = []
        for series, outcome, phases in new:
            known = settings(outcome.system, outcome.check)
            if (why_not := why_not_judged(outcome, known)) or known is None:
                counts[why_not or ""] += 1
                continue
            try_ = try_of(outcome)
            self._ledger.count(series, try_, phases)
            line = lines.get(series)
            if line and line.last and try_.key < line.last.key:
                late.setdefault(series, (known, []))[1].append(try_)
            else:
                following.append((try_, series, known))
        changes = self._judge_late(connection, [Late(series, *found) for series, found in late.items()])
        for try_, series, known in sorted(following, key=lambda f: f[0].key):
            old = lines[series].state if series in lines else State.NO_DATA
            for boundary in self._ledger.judge(series, try_, known):
                changes += self._change(series, old, boundary)
                old = boundary.state
        return changes

    def _judge_late(self, connection: Connection, late: Sequence[Late]) -> list[Change]:
        if not late:
            return []
        before = {one.series: self._ledger.lines[one.series].state for one in late}
        judge_late(connection, self._ledger, self._names, late)
        return [
            change
            for series, old in before.items()
            for change in self._change(series, old, self._ledger.lines[series].boundary)
        ]

    def _change(self, series: int, old: State, now: Boundary | None) -> list[Change]:
        if now is None or now.state is old:
            return []
        return [Change(*self._names.keys[series], old, now.state, now.at, now.reason, now.step)]


def count_transaction(connection: Connection) -> int:
    """Number this transaction among those that change outcomes or what is made of them.

    The row that this changes is locked until the end, so no two of them are under way at once, and whoever finds a
    number that does not follow his last one knows that somebody else has been at work.
    """
    counter = schema.counters.c
    count = update(schema.counters).where(counter.name == "transactions").values(value=counter.value + 1)
    number: int = connection.execute(count.returning(counter.value)).scalar_one()
    return number

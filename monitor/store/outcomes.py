"""The table of outcomes: each kept once, in dense rows whose lines and steps are numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Select, insert, select
from sqlalchemy.exc import IntegrityError

from monitor.judge import Try, in_time
from monitor.model import Outcome, Settings
from monitor.store import schema
from monitor.store.codec import outcome_code, outcome_of, pack_steps, unpack_steps
from monitor.store.database import Database

Key: TypeAlias = tuple[str, str, str]
"""(system, check, location): the name of a line."""

_Identity: TypeAlias = tuple[int, int, int]  # due_at, series, try

_MOST_MICROS = 2**31 - 1  # 35 minutes, far above any deadline


class Names:
    """The numbers of lines and steps. They are only ever added to, so what one knows of them stays true."""

    def __init__(self) -> None:
        self.series: dict[Key, int] = {}
        self.keys: dict[int, Key] = {}
        self.steps: dict[str, int] = {}
        self.step_names: dict[int, str] = {}

    def read(self, connection: Connection) -> None:
        """Learn all that the database knows."""
        for number, system, check, location in connection.execute(select(schema.series)):
            self._learn_series(number, (system, check, location))
        for number, name in connection.execute(select(schema.step_names)):
            self._learn_step(number, name)

    def number(self, connection: Connection, key: Key) -> int:
        """The number of a line, given to it now if it has none."""
        if key not in self.series:
            row = insert(schema.series).values(dict(zip(("system", "check", "location"), key, strict=True)))
            self._learn_series(connection.execute(row.returning(schema.series.c.id)).scalar_one(), key)
        return self.series[key]

    def number_steps(self, connection: Connection, outcomes: Sequence[Outcome]) -> None:
        """See to it that each step of these outcomes has a number."""
        for name in sorted({step.name for outcome in outcomes for step in outcome.steps} - self.steps.keys()):
            row = insert(schema.step_names).values(name=name)
            self._learn_step(connection.execute(row.returning(schema.step_names.c.id)).scalar_one(), name)

    def _learn_series(self, number: int, key: Key) -> None:
        self.series[key], self.keys[number] = number, key

    def _learn_step(self, number: int, name: str) -> None:
        self.steps[name], self.step_names[number] = number, name


# --- writing ---------------------------------------------------------------------------------------------------------


class Kept(NamedTuple):
    """An outcome that is new, and the sums of its steps' phases in units of 0.1 ms."""

    series: int
    outcome: Outcome
    phases: Sequence[int]


class Keeper:
    """Inserts outcomes whose identity is new; the first record of an identity stays (figures, section 1)."""

    def __init__(self, database: Database) -> None:
        self._insert = database.many(insert(schema.outcomes))

    def keep(
        self, connection: Connection, names: Names, outcomes: Sequence[Outcome], counts: Counter[str], received: int
    ) -> list[Kept]:
        """The new ones, inserted; the others are counted as `duplicates`, or `conflicts` when they started elsewhen.

        `received` is the number of today (seals.day_of). Known ones are rare, so all are inserted as if there were
        none; where that fails they are taken out first.
        """
        names.number_steps(connection, outcomes)
        new: dict[_Identity, Kept] = {}
        rows: dict[_Identity, tuple[Any, ...]] = {}
        for outcome in outcomes:
            key = outcome.system, outcome.check, outcome.location
            series = names.series.get(key) or names.number(connection, key)
            identity = outcome.due_at, series, outcome.try_
            if identity in new:
                counts[_again(new[identity].outcome.started_at, outcome)] += 1
                continue
            packed, phases = pack_steps(outcome.steps, names.steps)
            code = outcome_code(outcome.verdict, outcome.reason, outcome.origin)
            rows[identity] = (*identity, outcome.started_at - outcome.due_at, micros(outcome), code, packed, received)
            new[identity] = Kept(series, outcome, phases)
        try:
            with connection.begin_nested():
                self._insert_all(connection, rows)
        except IntegrityError:
            for identity, started_at in _known(connection, rows):
                counts[_again(started_at, new.pop(identity).outcome)] += 1
                del rows[identity]
            self._insert_all(connection, rows)
        return list(new.values())

    def _insert_all(self, connection: Connection, rows: Mapping[_Identity, tuple[Any, ...]]) -> None:
        if rows:
            connection.exec_driver_sql(self._insert, [rows[identity] for identity in sorted(rows)])


def micros(outcome: Outcome) -> int:
    """The duration of an outcome in microseconds."""
    return min(round(outcome.seconds * 1_000_000), _MOST_MICROS)


def _again(kept_start: int, outcome: Outcome) -> str:
    return "duplicates" if kept_start == outcome.started_at else "conflicts"


def _known(connection: Connection, identities: Collection[_Identity]) -> Iterator[tuple[_Identity, int]]:
    """Those that are in the table, with the start that is kept."""
    table = schema.outcomes.c
    instants = sorted({due_at for due_at, _, _ in identities})
    for part in (instants[i : i + 500] for i in range(0, len(instants), 500)):
        known = select(table.due_at, table.series, table["try"], table.started).where(table.due_at.in_(part))
        for due_at, series, try_, started in connection.execute(known).all():
            if (due_at, series, try_) in identities:
                yield (due_at, series, try_), due_at + started


# --- reading ---------------------------------------------------------------------------------------------------------


def between(start: int, end: int, series: Collection[int] | None = None) -> Select[Any]:
    """Rows due in [start, end) in ms, in order of the key; of these lines only, if given."""
    table = schema.outcomes
    chosen = select(table).where(table.c.due_at >= start, table.c.due_at < end)
    if series is not None:
        chosen = chosen.where(table.c.series.in_(series))
    return chosen.order_by(table.c.due_at, table.c.series, table.c["try"])


def outcome_of_row(row: Sequence[Any], names: Names) -> Outcome:
    """The outcome of a row; phases are in steps of 0.1 ms, exchanges are not kept."""
    due_at, series, try_, started, duration, code, packed, *_ = row
    verdict, reason, origin = outcome_of(code)
    steps = unpack_steps(packed, names.step_names)
    seconds = duration / 1_000_000
    return Outcome(*names.keys[series], due_at, try_, due_at + started, seconds, verdict, reason, steps, origin)


# --- judging ---------------------------------------------------------------------------------------------------------


def why_not_judged(outcome: Outcome, settings: Settings | None) -> str | None:
    """The counter of outcomes that are stored but neither judged nor in a figure, None for the others (section 1)."""
    if settings is None:
        return "unknown_check"
    return None if in_time(outcome.started_at, outcome.due_at, outcome.try_, settings) else "clock_step"


def try_of(outcome: Outcome) -> Try:
    """What of an outcome is judged."""
    step = outcome.failed_step if outcome.reason else None
    return Try(outcome.started_at, outcome.due_at, outcome.try_, outcome.verdict, outcome.reason, step, micros(outcome))


def try_of_row(row: Sequence[Any], names: Names) -> Try:
    """The same of a row; its steps are looked at only where they say something."""
    due_at, _, number, started, duration, code, *_ = row
    verdict, reason, _ = outcome_of(code)
    if reason is not None:
        return try_of(outcome_of_row(row, names))
    return Try(due_at + started, due_at, number, verdict, None, None, duration)

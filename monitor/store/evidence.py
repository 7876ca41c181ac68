"""Evidence of failed tries, the day on which outcomes were received, and the seals over them (docs/evidence.md).

What is received is dated in the recording transaction. A day is sealed once it is over, from a reading transaction of
its own; the seal is written only if nothing has been received meanwhile. A day that is sealed takes nothing any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, and_, case, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.model import Outcome, Settings
from monitor.seals import (
    DAY_MS,
    EvidenceKey,
    Finding,
    Part,
    Seal,
    Sealing,
    closing_line,
    compare,
    compare_closed,
    date_of,
    day_of,
    evidence_of,
    forged,
    gaps,
    is_genuine,
    number_of,
    outcome_line,
    reopening_line,
    start_of,
)
from monitor.store import schema
from monitor.store.database import Database, StoreError
from monitor.store.outcomes import Kept, Names, outcome_of_row

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many outcomes and pieces of evidence of how many are done."""

_CHUNK = 500  # rows in memory, and between two words about progress
_RAW_FROM = "raw_from"  # rebuild.RAW_FROM, which builds on this module
_STREAM = {"yield_per": _CHUNK}


class Stored(NamedTuple):
    """Evidence as it is kept: its body is JSON (seals.evidence_of); `received_at` in ms."""

    received_at: int
    body: str
    digest: str


class Verification(NamedTuple):
    """What `EvidenceBook.verify` has looked at, and what does not match; nothing in `findings`: all is well.

    `unchecked` are sealed days whose outcomes are no longer kept, `waiting` those that are over and not sealed yet,
    `unsealed` counts the outcomes that are older than seals.
    """

    days: int
    outcomes: int
    evidence: int
    findings: tuple[Finding, ...] = ()
    unchecked: tuple[date, ...] = ()
    waiting: tuple[date, ...] = ()
    unsealed: int = 0


# --- in the recording transaction -------------------------------------------------------------------------------------


class EvidenceKeeper:
    """Keeps what was seen of failed tries, and where the outcomes of the day are."""

    def __init__(self, database: Database) -> None:
        dialect = sqlite if database.is_sqlite else postgresql
        # Known is what an earlier recording of a try brought whose outcome has been taken out since.
        self._insert = database.many(dialect.insert(schema.evidence).on_conflict_do_nothing())

    def received_at(self, connection: Connection, now: int) -> int:
        """When what comes now counts as received (ms): now, but never on a day that is sealed."""
        sealed = _last_sealed(connection)
        return now if sealed is None else max(now, start_of(sealed + 1))

    def keep(self, connection: Connection, new: Sequence[Kept], received_at: int) -> None:
        """Keep what belongs to outcomes that are new."""
        if not new:
            return
        dues = [kept.outcome.due_at for kept in new]
        _count_received(connection, day_of(received_at), min(dues), max(dues), len(new))
        rows = [
            (kept.outcome.due_at, kept.series, kept.outcome.try_, seen.step, received_at, seen.body, seen.digest)
            for kept in new
            if (seen := evidence_of(kept.outcome))
        ]
        if rows:
            connection.exec_driver_sql(self._insert, rows)


def _count_received(connection: Connection, day: int, first: int, last: int, number: int) -> None:
    table = schema.received_days
    known = {
        "first_due": case((table.c.first_due > first, first), else_=table.c.first_due),
        "last_due": case((table.c.last_due < last, last), else_=table.c.last_due),
        "outcomes": table.c.outcomes + number,
    }
    if connection.execute(update(table).where(table.c.day == day).values(known)).rowcount == 0:
        row = {"day": day, "first_due": first, "last_due": last, "outcomes": number}
        connection.execute(insert(table).values(row))


# --- the book ---------------------------------------------------------------------------------------------------------


class EvidenceBook:
    """Evidence and seals, in the store: `Store.evidence`. Any method raises StoreError.

    `clock` says what time it is (seconds).
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.clock = clock

    # --- sealing -----------------------------------------------------------------------------------------------------

    def unsealed(self) -> list[date]:
        """The days that are over and have no seal, from the day after the last seal on, or from the first day."""
        with self._database.reading() as connection:
            return _waiting(connection, self._today)

    def seal(self, day: date, progress: Progress | None = None) -> Seal:
        """Seal a day: over all that was received in it and over the seal of the day before; one that is, stays.

        Raises StoreError for a day that is not over, that lies before the first one, or that follows one without seal.
        """
        while True:
            with self._database.reading() as connection:
                if kept := _seals(connection, day).get(day):
                    return kept
                previous = self._previous(connection, day)
                received = _received_on(connection, number_of(day))
                made = self._make(connection, day, previous, received, progress)
            with self._database.writing() as connection:
                _hold_up_recording(connection)
                is_same = _received_on(connection, number_of(day)) == received
                is_same = is_same and len(_closings(connection, day)) == made.closed
                if is_same and not _seals(connection, day):
                    connection.execute(insert(schema.seals).values(_seal_row(made)))
                    return made

    def _make(
        self,
        connection: Connection,
        day: date,
        previous: str | None,
        received: _Received | None,
        progress: Progress | None,
    ) -> Seal:
        sealing, rows = Sealing(previous), _Rows(connection, self._database)
        if received is not None:
            with closing(rows.outcomes(number_of(day), received)) as outcomes:
                for outcome in outcomes:
                    if outcome is None:
                        raise StoreError(f"{self._database.place}: an outcome of {day} can't be read", permanent=True)
                    if progress and sealing.outcomes % _CHUNK == 0:
                        progress(sealing.outcomes, received.number)
                    sealing.add_outcome(outcome)
            with closing(rows.evidence(number_of(day), received)) as seen:
                for _, _, digest in seen:
                    sealing.add_evidence(digest)
        for line in _closings(connection, day):
            sealing.add_closing(line)
        return sealing.seal(day, round(self.clock() * 1000))

    @property
    def _today(self) -> int:
        return day_of(round(self.clock() * 1000))

    def _previous(self, connection: Connection, day: date) -> str | None:
        """The digest of the day before, None for the first day; raises StoreError where the day can't be sealed."""
        number, first, last = number_of(day), _first_received(connection), _last_sealed(connection)
        place = self._database.place
        if number >= self._today:
            raise StoreError(f"{place}: {day} is not over yet; it can be sealed from 00:00 UTC of the next day on")
        if first is None or number < first:
            raise StoreError(f"{place}: nothing had been received by {day}; there is nothing to seal")
        if last is None:
            if number > first:
                raise StoreError(f"{place}: {date_of(first)} is the first day and has no seal; seal it before {day}")
            return None
        if number != last + 1:
            raise StoreError(f"{place}: {date_of(last + 1)} has no seal; seal it before {day}")
        return _seals(connection, date_of(last))[date_of(last)].digest

    # --- reading -----------------------------------------------------------------------------------------------------

    def seals(self) -> list[Seal]:
        """The chain, in order of days."""
        with self._database.reading() as connection:
            return list(_seals(connection).values())

    def content(self, day: date) -> Iterator[str]:
        """All lines that the seal of a day is the SHA-256 of, with their ends; the first is the digest before it.

        They are read as they are asked for. Raises StoreError where the day has no seal.
        """
        with self._database.reading() as connection:
            seal = _seals(connection, day).get(day)
            if seal is None:
                raise StoreError(f"{self._database.place}: {day} has no seal; `motcua seals` shows all", permanent=True)
            yield f"{seal.previous or ''}\n"
            if received := _received_on(connection, number_of(day)):
                rows = _Rows(connection, self._database)
                with closing(rows.outcomes(number_of(day), received)) as outcomes:
                    yield from (outcome_line(outcome) for outcome in outcomes if outcome)
                with closing(rows.evidence(number_of(day), received)) as seen:
                    yield from (f"{digest}\n" for _, _, digest in seen)
            if seal.closed is not None:
                yield from _closings(connection, day)

    def of_tries(self, system: str, start: int, end: int) -> Iterator[Stored]:
        """The evidence of a system's tries due in [start, end) (ms), in order of due instant, as a stream."""
        table = schema.evidence
        chosen = select(table.c.received_at, table.c.body, table.c.digest)
        chosen = chosen.outerjoin_from(table, schema.series, schema.series.c.id == table.c.series)
        chosen = chosen.where(table.c.due_at >= start, table.c.due_at < end, schema.series.c.system == system)
        in_order = chosen.order_by(table.c.due_at, table.c.series, table.c["try"], table.c.step)
        with self._database.reading() as connection, connection.execute(in_order, execution_options=_STREAM) as rows:
            for row in rows:
                yield Stored(*row)

    def days_of(self, system: str, start: int, end: int) -> list[date]:
        """The days on which the outcomes of a system due in [start, end) (ms) were received, in order."""
        table = schema.outcomes
        mine = select(schema.series.c.id).where(schema.series.c.system == system)
        chosen = select(table.c.received).distinct().where(table.c.due_at >= start, table.c.due_at < end)
        chosen = chosen.where(table.c.series.in_(mine), table.c.received.is_not(None)).order_by(table.c.received)
        with self._database.reading() as connection:
            return [date_of(number) for number in connection.execute(chosen).scalars()]

    def settings_of(self, system: str) -> dict[str, list[tuple[int, Settings]]]:
        """What judged the checks of a system: by check from which instant on (ms) which settings were in force."""
        table = schema.settings
        chosen = select(table).where(table.c.system == system).order_by(table.c.check, table.c.valid_from)
        found: dict[str, list[tuple[int, Settings]]] = {}
        with self._database.reading() as connection:
            for _, check, valid_from, *values in connection.execute(chosen):
                found.setdefault(check, []).append((valid_from, Settings(*values)))
        return found

    # --- verifying ---------------------------------------------------------------------------------------------------

    def verify(self, day: date | None = None, progress: Progress | None = None) -> Verification:
        """Make every seal and every digest of evidence again, of one day if it is named, and say what does not match.

        It takes nothing for granted but the rows themselves. Raises StoreError where the named day has no seal.
        """
        with self._database.reading() as connection:
            return _Verifying(connection, self._database, day, progress).verify(self._today)


class _Received(NamedTuple):
    """Where the rows of a day are, and how many."""

    first_due: int
    last_due: int
    number: int


class _Verifying:
    """One run of `EvidenceBook.verify`."""

    def __init__(self, connection: Connection, database: Database, day: date | None, progress: Progress | None) -> None:
        self._connection, self._day, self._progress = connection, day, progress
        self._seals = _seals(connection)
        if day is not None and day not in self._seals:
            raise StoreError(f"{database.place}: {day} has no seal; `motcua seals` shows all", permanent=True)
        self._rows = _Rows(connection, database)
        self._raw_from = _raw_from(connection)
        # Not as `received_days` has it: somebody may have put rows elsewhere.
        self._outcomes = _by_day(connection, schema.outcomes, schema.outcomes.c.received)
        self._evidence = _by_day(connection, schema.evidence, _evidence_day())
        self._chosen = list(self._seals) if day is None else [day]
        numbers = [number_of(chosen) for chosen in self._chosen]
        rows = [days[n].number for n in numbers for days in (self._outcomes, self._evidence) if n in days]
        self._done, self._total = 0, sum(rows)
        self._seen = (0, 0)  # outcomes, evidence
        self._findings: set[Finding] = set()

    def verify(self, today: int) -> Verification:
        unchecked = tuple(day for day in self._chosen if not self._check(self._seals[day]))
        waiting: tuple[date, ...] = ()
        unsealed = 0
        if self._day is None:
            self._findings.update(gaps(self._seals, map(date_of, (*self._outcomes, *self._evidence))))
            waiting = tuple(_waiting(self._connection, today))
            unsealed = self._undated()
        if self._progress:
            self._progress(self._total, self._total)
        findings = tuple(sorted(self._findings, key=lambda f: (f.day or date.min, f.part, f.text)))
        return Verification(len(self._chosen), *self._seen, findings, unchecked, waiting, unsealed)

    def _check(self, kept: Seal) -> bool:
        """Look at one day; whether its outcomes are there to make the seal again."""
        number = number_of(kept.day)
        known = _received_on(self._connection, number)
        there = self._outcomes[number].number if number in self._outcomes else 0
        # That raw rows are gone is taken for true where rows are missing, and nowhere else.
        is_whole = known is None or known.first_due >= self._raw_from or there >= kept.outcomes
        sealing = Sealing(kept.previous)
        if is_whole and number in self._outcomes:
            with closing(self._rows.outcomes(number, self._outcomes[number])) as outcomes:
                for outcome in outcomes:
                    self._count()
                    if outcome is None:
                        self._findings.add(Finding(kept.day, Part.OUTCOMES, "kết quả đo: có dòng không đọc được"))
                    else:
                        sealing.add_outcome(outcome)
        if number in self._evidence:
            with closing(self._rows.evidence(number, self._evidence[number])) as seen:
                for key, body, digest in seen:
                    self._count()
                    if not is_genuine(key, body, digest):
                        self._findings.add(forged(kept.day, key))
                    sealing.add_evidence(digest)
        for line in _closings(self._connection, kept.day) if kept.closed is not None else ():
            sealing.add_closing(line)
        self._seen = self._seen[0] + sealing.outcomes, self._seen[1] + sealing.evidence
        made = sealing.seal(kept.day, kept.made_at)
        self._findings.update(compare(kept, made if is_whole else None, self._seals.get(date_of(number - 1))))
        self._findings.update(compare_closed(kept, made))
        return is_whole

    def _count(self) -> None:
        if self._progress and self._done % _CHUNK == 0:
            self._progress(self._done, self._total)
        self._done += 1

    def _undated(self) -> int:
        """How many outcomes are older than seals. Those that can't be, somebody has put there since."""
        table = schema.outcomes.c
        undated = select(func.count()).select_from(schema.outcomes).where(table.received.is_(None))
        number: int = self._connection.execute(undated).scalar_one()
        if not self._outcomes:
            return number
        began = start_of(min(self._outcomes) + 1)
        late: int = self._connection.execute(undated.where(table.due_at >= began)).scalar_one()
        if late:
            self._findings.add(Finding(None, Part.OUTCOMES, f"{late} kết quả đo không ghi ngày nhận"))
        return number - late


# --- rows -------------------------------------------------------------------------------------------------------------


class _Rows:
    """The rows of days, in the order in which they are sealed, as streams. Texts are compared byte by byte."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._collation = "BINARY" if database.is_sqlite else "C"
        self._names = Names()
        self._names.read(connection)

    def outcomes(self, day: int, where: _Received) -> Generator[Outcome | None]:
        """Those that were received on a day; None is one that can't be read."""
        table = schema.outcomes
        for row in self._stream(table, table.c, table.c.received == day, where):
            try:
                yield outcome_of_row(row, self._names)
            except (LookupError, ValueError, TypeError, AssertionError):  # no recorder has written it
                yield None

    def evidence(self, day: int, where: _Received) -> Generator[tuple[EvidenceKey, str, str]]:
        """Key, body and digest of the evidence that was received on a day."""
        table, line = schema.evidence, schema.series.c
        key = (line.system, line.check, line.location, table.c.due_at, table.c["try"], table.c.step)
        on_the_day = table.c.received_at >= start_of(day), table.c.received_at < start_of(day + 1)
        for *of, body, digest in self._stream(table, (*key, table.c.body, table.c.digest), and_(*on_the_day), where):
            system, check, location, due_at, try_, step = of
            yield (system, check, location, due_at, try_, step), body, digest

    def _stream(
        self, table: Table, columns: Iterable[Any], on_the_day: ColumnElement[bool], where: _Received
    ) -> Iterator[Any]:
        # An outer join, because SQLite might turn an inner one round and look at the whole day for each line.
        line = schema.series.c
        chosen = select(*columns).outerjoin_from(table, schema.series, line.id == table.c.series)
        chosen = chosen.where(on_the_day, table.c.due_at >= where.first_due, table.c.due_at <= where.last_due)
        names = [name.collate(self._collation) for name in (line.system, line.check, line.location)]
        rest = [table.c[name] for name in ("due_at", "try", "step") if name in table.c]
        with self._connection.execute(chosen.order_by(*names, *rest), execution_options=_STREAM) as rows:
            yield from rows


def _closings(connection: Connection, day: date) -> list[str]:
    """The lines of what was closed on a day, then of what was reopened, by their keys."""
    table, names = schema.periods.c, ("kind", "name", "version")
    start, end = (start_of(number_of(day) + days) // 1000 for days in (0, 1))
    lines: list[str] = []
    for at, line_of in ((table.closed_at, closing_line), (table.reopened_at, reopening_line)):
        chosen = select(schema.periods).where(at >= start, at < end)
        found = sorted(connection.execute(chosen).mappings(), key=lambda row: [row[name] for name in names])
        lines += [line_of(dict(row)) for row in found]
    return lines


def check_unsealed(connection: Connection, place: str, at: int) -> None:
    """Let no seal be made meanwhile. Raises StoreError where the day of an instant (seconds) has its seal already."""
    _hold_up_recording(connection)
    last = _last_sealed(connection)
    if last is not None and day_of(1000 * at) <= last:
        said = (
            f"{place}: {date_of(day_of(1000 * at))} is sealed already and takes nothing more; was the clock set back?"
        )
        raise StoreError(said, permanent=True)


def _by_day(connection: Connection, table: Table, day: ColumnElement[int]) -> dict[int, _Received]:
    """Where the rows of each day are, from the rows themselves."""
    due = table.c.due_at
    chosen = select(day.label("number"), func.min(due), func.max(due), func.count()).where(day.is_not(None))
    return {number: _Received(*where) for number, *where in connection.execute(chosen.group_by("number"))}


def _evidence_day() -> ColumnElement[int]:
    """As `seals.day_of`."""
    return schema.evidence.c.received_at // DAY_MS + day_of(0)


def _received_on(connection: Connection, day: int) -> _Received | None:
    table = schema.received_days.c
    chosen = select(table.first_due, table.last_due, table.outcomes).where(table.day == day)
    row = connection.execute(chosen).one_or_none()
    return None if row is None else _Received(*row)


def _first_received(connection: Connection) -> int | None:
    first: int | None = connection.execute(select(func.min(schema.received_days.c.day))).scalar()
    return first


def _last_sealed(connection: Connection) -> int | None:
    day = connection.execute(select(func.max(schema.seals.c.day))).scalar()
    return None if day is None else number_of(_day(day))


def _waiting(connection: Connection, today: int) -> list[date]:
    """The days before today that have no seal, after the last one that has."""
    last = _last_sealed(connection)
    first = _first_received(connection) if last is None else last + 1
    return [] if first is None else [date_of(number) for number in range(first, today)]


def _raw_from(connection: Connection) -> int:
    """The instant (ms) from which on all outcomes are there."""
    said = connection.execute(select(schema.meta.c.value).where(schema.meta.c.name == _RAW_FROM)).scalar()
    return 0 if said is None else int(said)


def _seals(connection: Connection, day: date | None = None) -> dict[date, Seal]:
    """The chain, in order, or its seal of one day."""
    table = schema.seals.c
    chosen = select(*(table[name] for name in Seal._fields)).order_by(table.day)
    if day is not None:
        chosen = chosen.where(table.day == day.isoformat())
    return {(at := _day(row[0])): Seal(at, *row[1:]) for row in connection.execute(chosen)}


def _seal_row(seal: Seal) -> dict[str, Any]:
    return {**seal._asdict(), "day": seal.day.isoformat()}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise StoreError(f"there is a seal of {text!r}, which is no day", permanent=True) from None


def _hold_up_recording(connection: Connection) -> None:
    """Let no recording transaction be under way until the end of this one: each changes this row first."""
    counter = schema.counters.c
    connection.execute(select(counter.value).where(counter.name == "transactions").with_for_update())

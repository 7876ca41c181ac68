"""The store: what the other parts may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Integer, Select, and_, func, insert, literal_column, or_, select, text, update

from monitor.blindness import merged
from monitor.incident_rules import IncidentRules
from monitor.judge import Blind, Boundary, Interval, Line, timeline
from monitor.model import Gauge, Outcome, Reason, Settings, State
from monitor.store import schema
from monitor.store.codec import boundaries_of, line_of
from monitor.store.database import RECORDER_LOCK, Database
from monitor.store.dated import CheckKey, SettingsOf
from monitor.store.dossiers import DossierBook
from monitor.store.evidence import EvidenceBook
from monitor.store.gauges import Measured, read_gauges
from monitor.store.incidents import IncidentKeeper, Incidents
from monitor.store.jobs import JobRuns
from monitor.store.maintenance import MaintenanceBook
from monitor.store.outbox import Outbox
from monitor.store.outcomes import Key, Names, between, outcome_of_row
from monitor.store.periods import PeriodBook
from monitor.store.rebuild import Difference, Progress, check_can_be_rebuilt, differences, rebuild
from monitor.store.recorder import Recorded, Recorder
from monitor.store.reports import ReportBook
from monitor.store.terms import TermBook

_T = TypeVar("_T")

_AT_ONCE = 10_000  # rows that are fetched at a time


@dataclass(frozen=True, slots=True)
class Rollup:
    """Counts of one line in one hour, or since the beginning (hour 0).

    `up` to `inconclusive` are first tries; rechecks are counted beside. Durations, phases and buckets are of the first
    tries with a conclusive verdict: `micros` their sum in microseconds, `phases` the sums of dns, connect, tls, wait
    and transfer in units of 0.1 ms, `buckets` how many took at most so long (LATENCY_BUCKETS, then the rest), each
    counted in one.
    """

    hour: int  # its start in seconds since the epoch; a try belongs to the hour in which it started
    up: int
    degraded: int
    down: int
    inconclusive: int
    rechecks: int
    failed_rechecks: int
    micros: int
    phases: tuple[int, ...]
    buckets: tuple[int, ...]

    @property
    def conclusive(self) -> int:
        """The denominator of the error rate; `down` is its numerator (figures, section 7)."""
        return self.up + self.degraded + self.down


class ReasonCount(NamedTuple):
    """How many first tries of one line in one hour had this reason, decided by this step (None: by the whole)."""

    hour: int
    reason: Reason
    step: str | None
    tries: int


class Store:
    """Everything that is kept, in SQLite or PostgreSQL. Threads may share it.

    Any method raises StoreError when the database cannot do what is asked.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.incidents = Incidents(database)
        self._recorder = Recorder(database, IncidentKeeper(self.incidents.now))
        self.maintenance = MaintenanceBook(database)
        self.periods = PeriodBook(database)
        self.evidence = EvidenceBook(database)
        self.dossiers = DossierBook(database)
        self.job_runs = JobRuns(database)
        self.outbox = Outbox(database)
        self.reports = ReportBook(database)
        self.terms = TermBook(database)

    @classmethod
    def open(cls, url: str) -> Store:
        """The store at `sqlite:///path` (four slashes: absolute) or `postgresql://…`; creates no directory.

        Raises StoreError when it cannot be reached. Its tables are brought up to date by `upgrade` alone.
        """
        database = Database(url)
        try:
            with database.reading() as connection:
                connection.execute(text("SELECT count(*) FROM sqlite_master" if database.is_sqlite else "SELECT 1"))
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close the connections that nobody uses; the store opens new ones when it is asked again."""
        self._database.close()

    def upgrade(self) -> None:
        """Make the tables, or bring them up to date; harmless when they are, also for two processes at once.

        Raises StoreError when they were made by a newer program.
        """
        self._database.upgrade()

    def check(self) -> None:
        """Raises StoreError unless the tables are exactly those of this program."""
        self._database.check()

    # --- writing -----------------------------------------------------------------------------------------------------

    def record(
        self,
        outcomes: Sequence[Outcome],
        settings: SettingsOf,
        statistics: Mapping[str, int] | None = None,
        rules: IncidentRules | None = None,
        *,
        received_at: float | None = None,
    ) -> Recorded:
        """Keep new outcomes, in any order, and bring lines and counts up to date: all in one transaction, or nothing.

        - An identity (system, check, location, due_at, try) is kept once, the first record of it.
        - Each is judged by the settings that were in force for its slot (`date_settings`). Of a check that never had
          any, `settings` are the first ones: they hold from the beginning of time.
        - Outcomes of checks without settings, and those that a stepped clock gave an impossible start, are kept and
          counted (`unknown_check`, `clock_step`), but neither judged nor in a roll-up (figures, section 1).
        - One that starts more than 10 s after `received_at` is not kept, but counted as `clock_step` (section 8).
        - Controls may show that their location was blind: then its checks are judged again (figures, section 3).
        - By the `rules` the incidents are brought up to date; without, by the next call that has some.
        - `statistics` are added to the counters, unless all outcomes of the call are known: then it is a repetition.
        - They belong to the day of `received_at` (seconds, by default now), whose seal they will be under, with what
          was seen of failed tries. A day that is sealed takes nothing any more, even if a clock was set back: then
          they belong to the first day that is not.
        """
        received = round(1000 * (self.evidence.clock() if received_at is None else received_at))
        return self._recorder.record(outcomes, settings, statistics or {}, rules, received_at=received)

    def recorder_lock(self, wait: float | None = 0) -> AbstractContextManager[None]:
        """Be the one recorder while inside. Raises StoreError when another one still is after `wait` seconds.

        None waits for ever: a hot standby. Where the lock is lost (PostgreSQL restarts), two recorders may be at work
        for a while; that costs time but breaks nothing, since each transaction finds out.
        """
        return self._database.lock(RECORDER_LOCK, wait)

    def rebuild(
        self,
        settings: SettingsOf,
        progress: Progress | None = None,
        rules: IncidentRules | None = None,
        *,
        keep_closed: bool = False,
    ) -> None:
        """Make lines, boundaries, roll-ups and blindness again from the outcomes and the dated settings.

        They come out the same, whatever the catalogue: its `settings` are used for checks alone that never had any.
        Readers see the old ones until all is done. By the `rules` all incidents are made again: those that are found
        again keep their ids, the others are withdrawn; without, the next recorder does so. Raises StoreError when
        outcomes are recorded meanwhile (hold `recorder_lock`), and before anything is done

        - where the outcomes of some time are gone (`raw_from` among the facts about the store);
        - unless `keep_closed`, where outcomes lie in a closed period that was not reopened. Its figures would stay as
          they were closed (nothing that is made here is read for them), but they may no longer be what the lines say.
        """
        check_can_be_rebuilt(self._database, keep_closed=keep_closed)
        self.incidents.unmake()
        rebuild(self._database, settings, progress)
        if rules is not None:
            self.incidents.make_all(rules)

    def verify_lines(
        self, progress: Progress | None = None, start: int | None = None, end: int | None = None
    ) -> list[Difference]:
        """Judge all outcomes again, beside the tables, and say where these do not hold what that gives.

        Of each derived table the first row that differs, of those that begin in [start, end) (seconds); none: all is
        byte by byte what the outcomes give. Lines as of their last try have no instant and are always compared. Nothing
        is written, and recording may go on. Raises StoreError where the outcomes of some time are gone.
        """
        check_can_be_rebuilt(self._database, keep_closed=True)
        return differences(self._database, progress, start, end)

    def date_settings(self, settings: Mapping[CheckKey, Settings], now: float) -> list[CheckKey]:
        """Let these settings judge the slots of their checks (system, check) from `now` on (seconds).

        A recorder that starts says so of all that its catalogue has. Those that are in force already stay so, and so do
        those of checks that are not named; a check's first ones hold from the beginning of time. No slot that has been
        judged is judged otherwise: where there are such after `now`, the new settings hold from after them. Returns the
        checks whose settings have changed.
        """
        return self._recorder.date_settings(settings, round(now * 1000))

    def claim_tick(self, second: int) -> bool:
        """Whether the tick of this second is ours: nobody has claimed it or a later one."""
        ticks = schema.ticks.c
        with self._database.writing() as connection:
            claim = update(schema.ticks).where(ticks.id == 1, ticks.second < second).values(second=second)
            return connection.execute(claim).rowcount == 1

    def set_meta(self, name: str, value: str) -> None:
        """Keep a fact about the store itself, in place of an earlier one of this name."""
        with self._database.writing() as connection:
            connection.execute(schema.meta.delete().where(schema.meta.c.name == name))
            connection.execute(insert(schema.meta).values(name=name, value=value))

    # --- reading: lines ----------------------------------------------------------------------------------------------

    def lines(self) -> dict[Key, Line]:
        """Every line as of its last try; `judge.standing` says what it is worth now."""
        with self._database.reading() as connection:
            return _lines(connection)

    def states(self, now: float) -> dict[Key, State]:
        """The state of every line at `now` (seconds)."""
        line = schema.lines.c
        with self._database.reading() as connection:
            rows = list(_by_line(connection, _named(schema.lines, line.state, line.until)))
        silent = now * 1000
        return {key: State.NO_DATA if silent >= until else State(state) for key, (state, until) in rows}

    def boundaries(self, start: int, end: int) -> dict[Key, list[Boundary]]:
        """The boundaries of every line in [start, end) (seconds), with the last one at or before `start`."""
        with self._database.reading() as connection:
            return _boundaries(connection, start, end)

    def mark_before(self, second: int) -> int:
        """A mark of what was in force in all lines at a second; another one as soon as any of it is changed."""
        table = schema.boundaries
        last = _last_before(second).correlate(schema.series).scalar_subquery()
        belongs = and_(table.c.series == schema.series.c.id, table.c.at == last)
        chosen = select(func.sum(_mark())).outerjoin_from(schema.series, table, belongs)
        with self._database.reading() as connection:
            return int(connection.execute(chosen).scalar() or 0)

    def marks(self, start: int, end: int) -> dict[int, int]:
        """By day of UTC (its number since 1970) a mark of the boundaries in it, for [start, end) (seconds).

        A day without any has none. A mark is another one as soon as a boundary is added, moved, taken away or given
        another state; the database makes it without handing out rows.
        """
        table = schema.boundaries
        belongs = _inside(start, end)
        day = table.c.at // literal_column("86400", Integer)  # PostgreSQL knows a parameter of two places as two
        chosen = select(day, func.sum(_mark())).outerjoin_from(schema.series, table, belongs).group_by(day)
        with self._database.reading() as connection:
            return {day: int(mark) for day, mark in connection.execute(chosen) if day is not None}

    def mark(self, start: int, end: int) -> int:
        """The sum of the `marks` of [start, end) (seconds), in half their time: nothing has to be sorted by days."""
        chosen = select(func.sum(_mark())).outerjoin_from(schema.series, schema.boundaries, _inside(start, end))
        with self._database.reading() as connection:
            return int(connection.execute(chosen).scalar() or 0)

    def timelines(self, start: int, end: int, now: float) -> dict[Key, list[Interval]]:
        """Every line over [start, end) (seconds) as known at `now`: without gaps, in a running period up to now."""
        with self._database.reading() as connection:
            boundaries, lines = _boundaries(connection, start, end), _lines(connection)
        return {key: timeline(boundaries.get(key, ()), line, start, end, now) for key, line in lines.items()}

    def blind(self, start: int, end: int) -> dict[str, list[Blind]]:
        """Where locations were blind in [start, end) (seconds): whole pieces, also where they begin or end outside."""
        table = schema.blind
        chosen = select(table).where(table.c.start < end, or_(table.c.end > start, table.c.end.is_(None)))
        found: dict[str, list[Blind]] = {}
        with self._database.reading() as connection:
            for location, *piece in connection.execute(chosen.order_by(table.c.location, table.c.start)):
                found.setdefault(location, []).append(Blind(*piece))
        return {location: merged(pieces) for location, pieces in found.items()}

    def gauges(self) -> dict[Key, dict[Gauge, Measured]]:
        """The newest value of each gauge, by line."""
        with self._database.reading() as connection:
            return read_gauges(connection)

    # --- reading: counts ---------------------------------------------------------------------------------------------

    def rollups(self, start: int, end: int) -> dict[Key, list[Rollup]]:
        """The roll-ups of the hours that begin in [start, end) (seconds), in order; hours without tries have none."""
        hour = schema.rollups.c.hour
        return self._grouped(_named(schema.rollups, *_ROLLUP, on=_hours(hour, start, end)).order_by(hour), _rollup)

    def totals(self) -> dict[Key, Rollup]:
        """The counts of every line since the beginning."""
        chosen = _named(schema.rollups, *_ROLLUP, on=[schema.rollups.c.hour == schema.ALWAYS])
        return {key: rollups[0] for key, rollups in self._grouped(chosen, _rollup).items()}

    def reasons(self, start: int, end: int) -> dict[Key, list[ReasonCount]]:
        """First tries by reason and step in the hours that begin in [start, end) (seconds)."""
        return self._reasons(_hours(schema.reasons.c.hour, start, end))

    def reason_totals(self) -> dict[Key, list[ReasonCount]]:
        """First tries by reason and step since the beginning."""
        return self._reasons([schema.reasons.c.hour == schema.ALWAYS])

    def counters(self) -> dict[str, int]:
        """Cumulative counters by name: the recorder's own (`outcomes_up`, `duplicates`...) and all `statistics`."""
        with self._database.reading() as connection:
            return {row.name: row.value for row in connection.execute(select(schema.counters))}

    def _reasons(self, hours: Sequence[Any]) -> dict[Key, list[ReasonCount]]:
        count = schema.reasons.c
        chosen = _named(schema.reasons, count.hour, count.reason, count.step, count.tries, on=hours)
        return self._grouped(chosen.order_by(count.hour, count.reason, count.step), _reason_count)

    def _grouped(self, chosen: Select[Any], value: Callable[[Sequence[Any]], _T]) -> dict[Key, list[_T]]:
        with self._database.reading() as connection:
            return _grouped(connection, chosen, value)

    # --- reading: outcomes -------------------------------------------------------------------------------------------

    def outcomes(self, start: int, end: int, system: str | None = None) -> Iterator[Outcome]:
        """The outcomes due in [start, end) in ms, of one system if named, in order of due instant, as a stream.

        They are read as they are asked for, from one instant's state of things, on a connection of their own.
        """
        with self._database.reading() as connection:
            names = Names()
            names.read(connection)
            series = None if system is None else [n for n, key in names.keys.items() if key[0] == system]
            with connection.execution_options(yield_per=1000).execute(between(start, end, series)) as rows:
                for row in rows:
                    yield outcome_of_row(row, names)

    def first_outcome(self) -> int | None:
        """When the earliest outcome was due, in ms; None when there is none."""
        with self._database.reading() as connection:
            first: int | None = connection.execute(select(func.min(schema.outcomes.c.due_at))).scalar()
        return first

    def size(self) -> int:
        """Bytes that the database takes."""
        pages = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        whole = "SELECT pg_database_size(current_database())"
        with self._database.reading() as connection:
            return int(connection.execute(text(pages if self._database.is_sqlite else whole)).scalar_one())

    def meta(self) -> dict[str, str]:
        """Facts about the store itself, by name."""
        with self._database.reading() as connection:
            return {row.name: row.value for row in connection.execute(select(schema.meta))}


_KEY = (schema.series.c.system, schema.series.c.check, schema.series.c.location)
_ROLLUP = (schema.rollups.c.hour, *(schema.rollups.c[name] for name in schema.ROLLUP_COUNTS))


def _named(table: Any, *columns: Any, on: Sequence[Any] = ()) -> Select[Any]:
    """Columns of the rows of each line that fulfil these conditions, after the line's name; in order of lines.

    The first column is null for a line that has no such row: an outer join, because SQLite would turn an inner one
    round and look at all rows of the table instead of looking up those of each line.
    """
    belongs = and_(table.c.series == schema.series.c.id, *on)
    return select(*_KEY, *columns).outerjoin_from(schema.series, table, belongs).order_by(schema.series.c.id)


def _by_line(connection: Connection, chosen: Select[Any]) -> Iterator[tuple[Key, Sequence[Any]]]:
    for rows in connection.execution_options(yield_per=_AT_ONCE).execute(chosen).partitions():
        for system, check, location, *row in rows:
            if row[0] is not None:
                yield (system, check, location), row


def _grouped(connection: Connection, chosen: Select[Any], value: Callable[[Sequence[Any]], _T]) -> dict[Key, list[_T]]:
    found: dict[Key, list[_T]] = {}
    for key, row in _by_line(connection, chosen):
        found.setdefault(key, []).append(value(row))
    return found


def _lines(connection: Connection) -> dict[Key, Line]:
    return {key: line_of(row)[1] for key, row in _by_line(connection, _named(schema.lines, *schema.lines.columns))}


def _boundaries(connection: Connection, start: int, end: int) -> dict[Key, list[Boundary]]:
    table = schema.boundaries
    last = _last_before(start)
    first = func.coalesce(last.correlate(schema.series).scalar_subquery(), start)
    belongs = and_(table.c.series == schema.series.c.id, table.c.at >= first, table.c.at < end)
    columns = table.c.series, table.c.at, table.c.state, table.c.reason, table.c.step
    chosen = select(*columns).outerjoin_from(schema.series, table, belongs).order_by(schema.series.c.id, table.c.at)
    names = Names()
    names.read(connection)
    of_line: dict[int, list[Boundary]] = {}
    for rows in connection.execution_options(yield_per=_AT_ONCE).execute(chosen).partitions():
        for series, boundaries in groupby(rows, itemgetter(0)):
            if series is not None:  # a line without any; see `_named`
                of_line.setdefault(series, []).extend(boundaries_of(boundaries))
    return {names.keys[series]: found for series, found in of_line.items()}


def _last_before(second: int) -> Select[Any]:
    earlier = schema.boundaries.alias()
    return select(func.max(earlier.c.at)).where(earlier.c.series == schema.series.c.id, earlier.c.at <= second)


def _inside(start: int, end: int) -> Any:
    table = schema.boundaries
    return and_(table.c.series == schema.series.c.id, table.c.at >= start, table.c.at < end)


def _mark() -> Any:
    """A number of a boundary: a product of two remainders, in whose sums changes do not make up for one another.

    The names of the states differ in length. Below 2^40, so that a sum of eight million fits.
    """
    row = schema.boundaries.c
    return ((row.at * 8 + func.length(row.state)) % 1_000_003 + 1) * ((row.at * 31 + row.series) % 999_983 + 1)


def _hours(hour: Any, start: int, end: int) -> Sequence[Any]:
    return hour >= max(start, schema.ALWAYS + 1), hour < end


def _rollup(row: Sequence[Any]) -> Rollup:
    hour, up, degraded, down, inconclusive, rechecks, failed, micros, *rest = row
    phases = len(schema.PHASE_SUMS)
    return Rollup(
        hour, up, degraded, down, inconclusive, rechecks, failed, micros, tuple(rest[:phases]), tuple(rest[phases:])
    )


def _reason_count(row: Sequence[Any]) -> ReasonCount:
    hour, reason, step, tries = row
    return ReasonCount(hour, Reason(reason), step or None, tries)

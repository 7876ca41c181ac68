"""Incidents as they are kept: made again whenever a line changes, and what people wrote down about them.

What the lines make of an incident (its times, its party, how bad it is) is derived. Its id, when it was detected and
its facts are not: they stay, whatever comes later. The rules are those of `monitor.incident_rules`; here is when they
are asked, and how far the lines have to reach back.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, case, func, insert, or_, select, update

from monitor.availability import Attribution, Outage, Stretch
from monitor.blindness import merged
from monitor.incident_rules import (
    FactKind,
    IncidentKind,
    IncidentRules,
    IncidentState,
    Made,
    checked_account,
    checked_text,
)
from monitor.incidents import (
    REOPEN,
    ChangeKind,
    Clocks,
    Incident,
    Reconciliation,
    Severity,
    Stored,
    incidents,
    reconcile,
)
from monitor.judge import Blind, Boundary, Line, known_at
from monitor.model import CONTROL_SYSTEM, Reason, State
from monitor.spans import union
from monitor.store import schema
from monitor.store.books import Books
from monitor.store.codec import boundary_of, line_of
from monitor.store.database import Database
from monitor.store.outcomes import Key, Names

_table = schema.incidents
_facts = schema.incident_facts
_FOREVER = 1 << 40
_RESTARTED = 3600  # seconds of silence before a recorder's first transaction that it has to look at
_DAY = 86_400
SETTLED = 60  # seconds; longer than a parent's check takes to confirm that it was the parent
_MADE = "incidents"  # the row of `meta` that is there while incidents are as the lines say

BLIND_SEVERITY = Severity.S2
"""Of an incident in which the monitor itself sees nothing."""


class IncidentError(ValueError):
    """What is asked cannot be done with an incident; says why in one sentence."""


class IncidentRecord(NamedTuple):
    """An incident as it is kept: `start` and `end` in seconds (end None: it goes on), `detected_at` in ms.

    `down_seconds` of one that goes on are those at the last change of a line; `Incidents.current` has them as of now.
    """

    id: int
    kind: IncidentKind
    system: str  # of one that is blind: _control
    location: str | None  # of one that is blind
    state: IncidentState
    start: int
    end: int | None
    down_seconds: int
    root: str | None
    party: str | None
    reason: Reason | None
    step: str | None
    severity: Severity
    detected_at: int
    merged_into: int | None

    @property
    def incident(self) -> Incident:
        """For means and repeats: with its down seconds in one piece at its start."""
        end = self.start + self.down_seconds if self.end is None else self.end
        piece = Stretch(self.start, self.start + self.down_seconds, self.system, self.start, self.party or "")
        outage = Outage(self.system, self.start, end, (piece,), self.reason, self.step, self.end is None)
        return Incident(self.system, self.start, end, self.end is None, (outage,))


class Fact(NamedTuple):
    """What somebody wrote down: `at` is when he did, `effective_at` when it happened; ms."""

    id: int
    incident: int
    at: int
    effective_at: int
    kind: FactKind
    by: str  # an account or a role, no person's name
    value: Mapping[str, Any]
    text: str | None


class Counted(NamedTuple):
    """Measured outages of one system and party, withdrawn ones apart. Times in seconds.

    `down` are all their down seconds as they are kept, `fix` those of the `restored` alone; `acknowledge` is the time
    from detection to acknowledgement of the `acknowledged`.
    """

    began: int = 0
    down: int = 0
    restored: int = 0
    fix: int = 0
    acknowledged: int = 0
    acknowledge: int = 0


class IncidentChange(NamedTuple):
    """What became of an incident in one transaction, and how it is kept now."""

    kind: ChangeKind
    incident: IncidentRecord


class Incidents:
    """What may be asked and written about incidents: `Store.incidents`. Each call is a short transaction of its own.

    `clock` says what time it is where something is written down. Any method raises StoreError.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.clock = clock

    def now(self) -> int:
        """What the clock says, in ms."""
        return round(self.clock() * 1000)

    # --- reading -----------------------------------------------------------------------------------------------------

    def list(
        self, start: int, end: int, system: str | None = None, *, or_detected: bool = False
    ) -> Sequence[IncidentRecord]:
        """Those with a second in [start, end), in order of start; withdrawn ones too.

        `or_detected`: also those that were detected in it, whenever they were.
        """
        wanted = and_(_table.c.start < end, or_(_table.c.end.is_(None), _table.c.end > start))
        if or_detected:
            wanted = or_(wanted, and_(_table.c.detected_at >= start * 1000, _table.c.detected_at < end * 1000))
        chosen = select(_table).where(wanted)
        if system is not None:
            chosen = chosen.where(_table.c.system == system)
        with self._database.reading() as connection:
            return [_record(row) for row in connection.execute(chosen.order_by(_table.c.start, _table.c.id))]

    def counted(self, now: int) -> dict[tuple[str, str | None], Counted]:
        """How many outages there were until an instant (seconds) since the store began, by system and party.

        For counters, which must not fall: one counts from SETTLED seconds after its detection on, because a parent may
        still take it, and as restored only when nothing reopens it any more.
        """
        seen = _table.c.kind == IncidentKind.OUTAGE, _table.c.state != IncidentState.WITHDRAWN
        chosen = select(_table).where(*seen, _table.c.detected_at < (now - SETTLED) * 1000)
        restored = func.sum(case((_table.c.end <= now - REOPEN, 1), else_=0))
        fix = func.sum(case((_table.c.end <= now - REOPEN, _table.c.down_seconds), else_=0))
        sums = chosen.with_only_columns(
            _table.c.system, _table.c.party, func.count(), func.sum(_table.c.down_seconds), restored, fix
        )
        acknowledged = chosen.join(_facts, _facts.c.incident == _table.c.id)
        acknowledged = acknowledged.where(_facts.c.kind == FactKind.ACKNOWLEDGED).group_by(_table.c.id)
        latency = func.min(_facts.c.effective_at) - _table.c.detected_at
        acknowledged = acknowledged.with_only_columns(_table.c.system, _table.c.party, latency)
        with self._database.reading() as connection:
            found = {
                (system, party): Counted(*map(int, numbers))
                for system, party, *numbers in connection.execute(sums.group_by(_table.c.system, _table.c.party))
            }
            for system, party, took in connection.execute(acknowledged):
                known = found[system, party]
                spent = known.acknowledge + max(0, took) // 1000
                found[system, party] = known._replace(acknowledged=known.acknowledged + 1, acknowledge=spent)
        return found

    def get(self, id_: int) -> IncidentRecord:
        """Raises IncidentError where there is none."""
        with self._database.reading() as connection:
            return _get(connection, id_)

    def facts(self, id_: int) -> Sequence[Fact]:
        """What was written down about an incident, in that order. Raises IncidentError where there is no such one."""
        with self._database.reading() as connection:
            _get(connection, id_)
            return _facts_of(connection, [id_])

    def clocks(self, id_: int) -> Clocks:
        """When what happened, in seconds. Raises IncidentError where there is no such incident."""
        with self._database.reading() as connection:
            return _clocks(connection, [_get(connection, id_)])[id_]

    def clocks_of(self, records: Sequence[IncidentRecord]) -> dict[int, Clocks]:
        """Those of several incidents, by id."""
        with self._database.reading() as connection:
            return _clocks(connection, records)

    def attributions(self) -> Sequence[Attribution]:
        """What people decided about whose fault outages were, for `availability.outages`."""
        with self._database.reading() as connection:
            return attributions(connection)

    def current(self, rules: IncidentRules, now: int) -> dict[int, Incident]:
        """The outages that go on, as they are now, by id."""
        with self._database.reading() as connection:
            known = [
                record for row in connection.execute(_open(select(_table))) if (record := _record(row)).system in rules
            ]
            return _seen(connection, rules, known, now)

    def seen(self, rules: IncidentRules, id_: int, now: int) -> Incident | None:
        """An outage with all that is known of it: its parts, and the systems that were unreachable through it.

        None for one that was withdrawn, or whose system has left the catalogue, and for other kinds. Raises
        IncidentError where there is no such incident.
        """
        with self._database.reading() as connection:
            record = _get(connection, id_)
            is_gone = record.state is IncidentState.WITHDRAWN or record.system not in rules
            if record.kind is not IncidentKind.OUTAGE or is_gone:
                return None
            return _seen(connection, rules, [record], now).get(id_)

    # --- writing -----------------------------------------------------------------------------------------------------

    def add_fact(
        self,
        id_: int,
        kind: FactKind,
        by: str,
        *,
        effective_at: int | None = None,
        value: Mapping[str, Any] | None = None,
        text: str | None = None,
    ) -> Fact:
        """Write down what somebody did; it is never changed.

        `effective_at` in ms is when it happened, by default now. `value` may hold

        - of `vendor_notified` the vendor's `ticket`;
        - of `vendor_answered` the vendor's own `claims_start` and `claims_end`, seconds;
        - of `attributed` the `party`, which it must, and the `root_cause`, a system; the latest one counts.

        `closed` closes the incident; one that was reported and goes on ends with it. Raises IncidentError where that
        cannot be, BadText for a text or a name that may not be written down.
        """
        now = self.now()
        by, text = checked_account(by), None if text is None else checked_text(text)
        value = _checked_value(kind, value or {}, now)
        effective_at = now if effective_at is None else effective_at
        if effective_at > now:
            raise IncidentError("the instant lies in the future")
        with self._database.writing() as connection:
            record = _get(connection, id_, lock=True)
            _check_fact(record, kind, effective_at)
            if kind is FactKind.ATTRIBUTED:
                value = {**value, "start": record.start, "end": now // 1000 if record.end is None else record.end}
                _update(connection, record, record._replace(party=value["party"]))
            elif kind is FactKind.CLOSED:
                end = effective_at // 1000 if record.end is None else record.end
                _update(connection, record, record._replace(state=IncidentState.CLOSED, end=end))
            return _add_fact(connection, id_, now, effective_at, kind, by, value, text)

    def report(
        self, system: str, severity: Severity, by: str, text: str, *, start: int, end: int | None = None
    ) -> IncidentRecord:
        """Write down a fault that desk staff met; seconds. Raises IncidentError, BadText.

        It is listed, and in no availability: what it says was not measured.
        """
        now = self.now()
        by, text = checked_account(by), checked_text(text)
        if start * 1000 > now or (end or 0) * 1000 > now:
            raise IncidentError("the instant lies in the future")
        if end is not None and end <= start:
            raise IncidentError("it ends before it begins")
        state = IncidentState.OPEN if end is None else IncidentState.RESTORED
        about = {"kind": IncidentKind.REPORTED, "system": system, "state": state, "severity": severity, "root": system}
        times = {"start": start, "end": end, "down_seconds": 0, "detected_at": now}
        with self._database.writing() as connection:
            row = connection.execute(insert(_table).values(about | times).returning(*_table.columns)).one()
            record = _record(row)
            _add_fact(connection, record.id, now, start * 1000, FactKind.NOTE, by, {}, text)
        return record

    def make_all(self, rules: IncidentRules) -> tuple[IncidentChange, ...]:
        """Make all incidents again from the lines, as of the latest try: after a rebuild.

        Each that is found again keeps its id, each that is not is withdrawn.
        """
        with self._database.writing() as connection:
            names = Names()
            names.read(connection)
            lines = dict(map(line_of, connection.execute(select(schema.lines))))
            now = max((line.last.started_at for line in lines.values() if line.last), default=0) // 1000 + 1
            return _make_all(connection, rules, names, lines, now, self.now)[0]

    def unmake(self) -> None:
        """Say that incidents are not as the lines will be: the next recorder makes all of them again."""
        with self._database.writing() as connection:
            _set_made(connection, made=False)


# --- in the recording transaction -------------------------------------------------------------------------------------


class _Silence(NamedTuple):
    """Of a line: the end of its last hold (ms), and the second from which on there is no data."""

    until: int
    at: int


class IncidentKeeper:
    """Brings incidents up to date with the lines, in the transaction that changes these.

    Instants are those of the tries, not of the clock on the wall: what waited in a queue is judged as it was in its
    time. While no line changes, and none falls silent, it does nothing.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock  # ms
        self.forget()

    def forget(self) -> None:
        """The tables were changed by somebody else, or a transaction was taken back."""
        self._is_made: bool | None = None  # whether they were, as of the last transaction; None: look
        self._now = 0  # ms: the start of the latest try of all lines
        self._silent: dict[int, _Silence] = {}  # lines that have fallen silent
        self._expires = 0  # ms: before then no other line falls silent
        self._wakes: dict[str, int] = {}  # seconds from which on systems may change though no line does

    def update(
        self, connection: Connection, rules: IncidentRules | None, books: Books, recorded: Collection[int]
    ) -> tuple[IncidentChange, ...]:
        """Make again what may have changed in this transaction, and keep it.

        The lines are written already; `recorded` are those with new tries. Without rules the incidents are left to the
        next one who has some.
        """
        names, lines = books.names, books.ledger.lines
        touched, blind = books.ledger.touched, books.ledger.blinded
        if rules is None:
            if (touched or blind) and self._is_made is not False:
                _set_made(connection, made=False)
                self._is_made = False
            return ()
        is_new = self._is_made is None
        if is_new:
            self._is_made = _was_made(connection)
        self._advance(lines, recorded)
        if not self._is_made:
            return self._make_all(connection, rules, names, lines)
        changed = _earliest((names.keys[series][0], second) for series, second in touched.items())
        _earliest(self._resumed(names, lines, recorded), changed)
        _earliest(self._expired(rules, names, lines, _RESTARTED if is_new else None), changed)
        _earliest(self._woken(), changed)
        if is_new:
            _earliest(self._unsettled(connection, names, lines), changed)
            _earliest(rules.turning(self._second).items(), self._wakes)
        if not (changed or blind):
            return ()
        changes = _keep_blind(connection, blind, self._second, self._clock)
        return (*changes, *self._make(connection, rules, names, lines, changed))

    @property
    def _second(self) -> int:
        """The end of what is known, in seconds."""
        return self._now // 1000 + 1

    def _make_all(
        self, connection: Connection, rules: IncidentRules, names: Names, lines: Mapping[int, Line]
    ) -> tuple[IncidentChange, ...]:
        changes, self._wakes = _make_all(connection, rules, names, lines, self._second, self._clock)
        _earliest(rules.turning(self._second).items(), self._wakes)
        list(self._expired(rules, names, lines, None))
        self._is_made = True
        return changes

    def _make(
        self,
        connection: Connection,
        rules: IncidentRules,
        names: Names,
        lines: Mapping[int, Line],
        changed: Mapping[str, int],
    ) -> list[IncidentChange]:
        systems = [system for system in changed if system in rules]
        if not systems:
            return []
        window = _Window(connection, rules, names, lines, self._second)
        affected = rules.affected(systems)
        starts = window.open(affected, min(changed[system] for system in systems))
        made = window.make(starts, attributions(connection))
        for system in affected:
            self._wakes.pop(system, None)
        wakes = [*made.wakes.items(), *rules.turning(self._second).items()]
        _earliest(((system, at) for system, at in wakes if system in affected), self._wakes)
        return _keep(connection, made, {system: starts[system] for system in affected}, self._second, self._clock)

    def _advance(self, lines: Mapping[int, Line], recorded: Iterable[int]) -> None:
        for series in recorded if self._now else lines:
            line = lines.get(series)
            if line and line.last:
                self._now = max(self._now, line.last.started_at)
                if line.until < self._expires and line.state is not State.NO_DATA:
                    self._expires = line.until  # it came late, and is silent by now

    def _resumed(self, names: Names, lines: Mapping[int, Line], recorded: Collection[int]) -> Iterator[tuple[str, int]]:
        """Lines whose silence turns out to have been none: their tries came late, and changed no state."""
        for series in self._silent.keys() & recorded if self._silent else ():
            silence = self._silent[series]
            if lines[series].until != silence.until:
                del self._silent[series]
                self._expires = 0
                yield names.keys[series][0], silence.at

    def _expired(
        self, rules: IncidentRules, names: Names, lines: Mapping[int, Line], seconds: int | None
    ) -> Iterator[tuple[str, int]]:
        """Lines that have fallen silent since the last look, or so many seconds ago, where that matters."""
        now = 1000 * self._second
        if now < self._expires:
            return
        self._expires = 1000 * _FOREVER
        for series, line in lines.items():
            if line.state is State.NO_DATA:
                continue
            silence = _Silence(line.until, known_at(now, (), line)[-1].at) if line.until <= now else None
            if silence is None or silence.at >= self._second:
                self._expires = min(self._expires, line.until)
            elif self._silent.get(series) != silence:
                self._silent[series] = silence
                is_old = seconds is not None and line.until < now - 1000 * seconds
                if not is_old and rules.silence_matters(names.keys[series], line):
                    yield names.keys[series][0], silence.at

    def _woken(self) -> Iterator[tuple[str, int]]:
        return ((system, at - 2) for system, at in self._wakes.items() if self._second >= at)

    def _unsettled(self, connection: Connection, names: Names, lines: Mapping[int, Line]) -> Iterator[tuple[str, int]]:
        """What goes on where another recorder has stopped."""
        now = self._second - 1
        yield from ((names.keys[series][0], now) for series, line in lines.items() if line.state is State.DOWN)
        yield from ((system, now) for system in connection.execute(_open(select(_table.c.system))).scalars())


def _earliest(told: Iterable[tuple[str, int]], known: dict[str, int] | None = None) -> dict[str, int]:
    """The first second told of each system, added to those that are known."""
    known = {} if known is None else known
    for system, second in told:
        known[system] = min(second, known.get(system, second))
    return known


def _make_all(
    connection: Connection,
    rules: IncidentRules,
    names: Names,
    lines: Mapping[int, Line],
    now: int,
    clock: Callable[[], int],
) -> tuple[tuple[IncidentChange, ...], dict[str, int]]:
    """All incidents from the beginning on, and the wakes of systems."""
    starts = dict.fromkeys(rules.catalogue.systems, 0)
    made = _Window(connection, rules, names, lines, now).make(starts, attributions(connection))
    changes = _keep_blind(connection, rules.catalogue.locations, now, clock)
    changes += _keep(connection, made, starts, now, clock)
    _set_made(connection, made=True)
    return tuple(changes), dict(made.wakes)


def _was_made(connection: Connection) -> bool:
    found = select(schema.meta.c.value).where(schema.meta.c.name == _MADE)
    return connection.execute(found).scalar() is not None


def _set_made(connection: Connection, *, made: bool) -> None:
    connection.execute(schema.meta.delete().where(schema.meta.c.name == _MADE))
    if made:
        connection.execute(insert(schema.meta).values(name=_MADE, value="made"))


# --- how far lines reach back -----------------------------------------------------------------------------------------


class _Window:
    """The lines of some systems as of one instant, read as far back as it takes."""

    def __init__(
        self, connection: Connection, rules: IncidentRules, names: Names, lines: Mapping[int, Line], now: int
    ) -> None:
        self._connection, self._rules, self._names, self._now = connection, rules, names, now
        self._all_lines = lines
        self._lines: dict[Key, Line] = {}
        self._boundaries: dict[Key, list[Boundary]] = {}
        self._read_from: dict[str, int] = {}

    def open(self, systems: Collection[str], since: int) -> dict[str, int]:
        """From when on the lines of these systems and of all their parents are needed if something changed at `since`.

        It is a second in which no outage and no kept incident is cut, early enough that what is before cannot change.
        Of a parent it is earlier than of its children, as it takes what is near.
        """
        rules = self._rules
        needed = rules.needed(systems)
        latest = max(0, since - rules.reach - 1)
        lowest = max(0, latest - rules.reach * rules.depth)
        self._read(needed, lowest)
        kept = self._kept(needed, lowest)
        starts: dict[str, int] = {}
        for system in needed:
            start = min([latest, *(starts[c] - rules.reach for c in rules.children(system) if c in starts)])
            starts[system] = self._clean(system, max(0, start), kept if start >= lowest else None)
        return starts

    def make(self, starts: Mapping[str, int], decisions: Iterable[Attribution]) -> Made:
        """The incidents of systems, each from its start on."""
        for start in set(starts.values()):
            self._read([system for system, at in starts.items() if at == start], start)
        return self._rules.make(starts, self._boundaries, self._lines, self._now, decisions)

    def _clean(self, system: str, start: int, kept: Sequence[Stored] | None) -> int:
        """The last second at or before `start` that we find in which nothing is cut."""
        while start > 0:
            known = self._kept([system], start) if kept is None else [k for k in kept if k.system == system]
            reaching = [k.start for k in known if k.start < start and (k.end is None or start - k.end <= REOPEN)]
            if reaching:
                start, kept = max(0, min(reaching) - 1), None
                continue
            self._read([system], start)
            if not self._rules.is_cut(system, start, self._boundaries, self._lines, self._now):
                break
            start, kept = max(0, start - 4 * (self._now - start)), None
        return start

    def _kept(self, systems: Collection[str], start: int) -> list[Stored]:
        """The incidents that are not over by `start`, or may be reopened."""
        chosen = select(_table.c.id, _table.c.system, _table.c.start, _table.c.end).where(
            _table.c.system.in_(systems),
            _table.c.kind == IncidentKind.OUTAGE,
            _table.c.state != IncidentState.WITHDRAWN,
            or_(_table.c.end.is_(None), _table.c.end >= start - REOPEN),
        )
        return [Stored(*row) for row in self._connection.execute(chosen)]

    def _read(self, systems: Iterable[str], start: int) -> None:
        """Read the boundaries of systems from the last one at or before `start` on, where that is not done."""
        systems = [system for system in systems if start < self._read_from.get(system, _FOREVER)]
        self._read_from.update(dict.fromkeys(systems, start))
        numbers = {
            self._names.series[key]: key for s in systems for key in self._rules.keys(s) if key in self._names.series
        }
        self._lines |= {key: self._all_lines[number] for number, key in numbers.items() if number in self._all_lines}
        for key in numbers.values():
            self._boundaries[key] = []
        if numbers:
            for number, *boundary in self._connection.execute(_boundaries(numbers, start)):
                if boundary[0] is not None:  # as it is of a line without any
                    self._boundaries[numbers[number]].append(boundary_of(boundary))


def _boundaries(series: Collection[int], start: int) -> Select[Any]:
    """Those of lines from the last one at or before `start` on; of each line it is looked up."""
    lines, table, earlier = schema.series, schema.boundaries, schema.boundaries.alias()
    last = select(func.max(earlier.c.at)).where(earlier.c.series == lines.c.id, earlier.c.at <= start)
    first = func.coalesce(last.correlate(lines).scalar_subquery(), start)
    chosen = select(lines.c.id, table.c.at, table.c.state, table.c.reason, table.c.step)
    chosen = chosen.outerjoin_from(lines, table, and_(table.c.series == lines.c.id, table.c.at >= first))
    return chosen.where(lines.c.id.in_(series)).order_by(lines.c.id, table.c.at)


# --- keeping ----------------------------------------------------------------------------------------------------------


def _keep(
    connection: Connection, made: Made, starts: Mapping[str, int], now: int, clock: Callable[[], int]
) -> list[IncidentChange]:
    """Find kept outages of systems again among those made from their starts on, and write down what is new.

    What became of a parent comes before what became of its children.
    """
    since = min(starts.values())
    chosen = select(_table).where(
        _table.c.kind == IncidentKind.OUTAGE, _table.c.system.in_(starts), _table.c.start >= since
    )
    rows = _by_id(connection, chosen)
    decided = {id_: fact.value["party"] for id_, fact in _decisions(connection).items()}
    changes: list[IncidentChange] = []
    for system in (system for system in made.outages if system in starts):
        known = [_stored(r) for r in rows.values() if r.system == system and r.start >= starts[system]]
        found = {f.incident.start: f for f in made.incidents[system]}
        result = reconcile(known, [f.incident for f in found.values()], starts[system])

        def values(id_: int | None, incident: Incident, found: Any = found) -> dict[str, Any]:
            party = decided.get(id_ or 0, incident.party)
            return _derived(incident) | {
                "system": incident.system,
                "root": incident.system,
                "party": party,
                "severity": found[incident.start].severity,
            }

        changes += _write(connection, rows, result, IncidentKind.OUTAGE, values, now, clock)
    return changes


def _keep_blind(
    connection: Connection, locations: Iterable[str], now: int, clock: Callable[[], int]
) -> list[IncidentChange]:
    """One incident for each time in which the monitor saw nothing at a location; those near one another are one."""
    changes: list[IncidentChange] = []
    for location in sorted(locations):
        outages = [
            Outage(location, start, end or now, (Stretch(start, end or now, location, start, ""),), ongoing=end is None)
            for start, end in _blindness(connection, location)
        ]
        chosen = select(_table).where(_table.c.kind == IncidentKind.BLIND, _table.c.location == location)
        rows = _by_id(connection, chosen)
        result = reconcile(
            [_stored(r)._replace(system=location) for r in rows.values()], incidents({location: outages})
        )

        def values(_: int | None, incident: Incident) -> dict[str, Any]:
            about = {"system": CONTROL_SYSTEM, "location": incident.system, "severity": BLIND_SEVERITY}
            return _derived(incident) | about | {"reason": Reason.BLIND}

        changes += _write(connection, rows, result, IncidentKind.BLIND, values, now, clock)
    return changes


def _blindness(connection: Connection, location: str) -> list[Blind]:
    table = schema.blind
    chosen = select(table.c.start, table.c.end).where(table.c.location == location).order_by(table.c.start)
    return merged(Blind(*row) for row in connection.execute(chosen))


def _write(
    connection: Connection,
    rows: Mapping[int, IncidentRecord],
    result: Reconciliation,
    kind: IncidentKind,
    values_of: Callable[[int | None, Incident], dict[str, Any]],
    now: int,
    clock: Callable[[], int],
) -> list[IncidentChange]:
    """Write what has changed; nothing is deleted."""
    happened: dict[int, list[ChangeKind]] = {}
    for change in result.changes:
        if change.id is not None:
            happened.setdefault(change.id, []).append(change.kind)
    written: dict[int, IncidentRecord] = {}
    for id_, incident in result.kept.items():
        old, kinds = rows[id_], happened.get(id_, [])
        state = IncidentState.OPEN if incident.ongoing else IncidentState.RESTORED
        if old.state is IncidentState.CLOSED and ChangeKind.REOPENED not in kinds:
            state = IncidentState.CLOSED
        new = old._replace(**values_of(id_, incident), state=state, merged_into=None)
        written[id_] = _update(connection, old, new)
    changes: list[IncidentChange] = []
    for change in result.changes:
        if change.incident is None:
            assert change.id is not None, "what is withdrawn is kept"
            old = rows[change.id]
            end = max(old.start, now) if old.end is None else old.end
            new = old._replace(state=IncidentState.WITHDRAWN, end=end, merged_into=change.into)
            record = _update(connection, old, new)
        elif change.id is None:
            state = IncidentState.OPEN if change.incident.ongoing else IncidentState.RESTORED
            fresh = {"kind": kind, "state": state, "detected_at": clock()}
            row = insert(_table).values(fresh | values_of(None, change.incident)).returning(*_table.columns)
            record = _record(connection.execute(row).one())
        else:
            record = written[change.id]
        changes.append(IncidentChange(change.kind, record))
    return changes


def _derived(incident: Incident) -> dict[str, Any]:
    return {
        "start": incident.start,
        "end": None if incident.ongoing else incident.end,
        "down_seconds": incident.seconds,
        "reason": incident.reason,
        "step": incident.step,
    }


def _update(connection: Connection, old: IncidentRecord, new: IncidentRecord) -> IncidentRecord:
    different = {name: value for name, value in new._asdict().items() if value != getattr(old, name)}
    if different:
        connection.execute(update(_table).where(_table.c.id == old.id).values(different))
    return new


def _by_id(connection: Connection, chosen: Select[Any]) -> dict[int, IncidentRecord]:
    """Rows that we are going to write: nobody else may close one meanwhile."""
    return {row.id: _record(row) for row in connection.execute(chosen.order_by(_table.c.id).with_for_update())}


def _record(row: Sequence[Any]) -> IncidentRecord:
    id_, kind, system, location, state, start, end, down, root, party, reason, step, severity, detected, into = row
    return IncidentRecord(
        id_, IncidentKind(kind), system, location, IncidentState(state), start, end, down, root, party,
        reason and Reason(reason), step, Severity(severity), detected, into,
    )  # fmt: skip


def record_of(row: Sequence[Any]) -> IncidentRecord:
    """The incident of a row of the table."""
    return _record(row)


def acknowledged(connection: Connection, records: Sequence[IncidentRecord]) -> set[int]:
    """The ids of those that somebody has acknowledged."""
    found: set[int] = set()
    for part in (records[i : i + 500] for i in range(0, len(records), 500)):
        found |= {id_ for id_, clocks in _clocks(connection, part).items() if clocks.acknowledged is not None}
    return found


def _stored(record: IncidentRecord) -> Stored:
    withdrawn = record.state is IncidentState.WITHDRAWN
    return Stored(record.id, record.system, record.start, record.end, withdrawn)


def _open(chosen: Select[Any]) -> Select[Any]:
    return chosen.where(_table.c.state == IncidentState.OPEN, _table.c.kind == IncidentKind.OUTAGE)


# --- facts ------------------------------------------------------------------------------------------------------------


def attributions(connection: Connection) -> list[Attribution]:
    """The latest decision about each incident: for its seconds as they are now, and as they were when it was taken.

    So it follows an incident whose times move, and holds for the rest of one that turns out to be two.
    """
    facts = _decisions(connection)
    if not facts:
        return []
    chosen = select(_table).where(_table.c.id.in_(facts), _table.c.kind == IncidentKind.OUTAGE)
    made: list[Attribution] = []
    for record in map(_record, connection.execute(chosen.order_by(_table.c.id))):
        if record.state is IncidentState.WITHDRAWN and record.merged_into is None:
            continue
        fact = facts[record.id]
        then = fact.value["start"], fact.value["end"]
        now = record.start, _FOREVER if record.end is None else record.end
        made += [Attribution(fact.at, record.system, *span, fact.value["party"]) for span in union([then, now])]
    return made


def _decisions(connection: Connection) -> dict[int, Fact]:
    chosen = select(_facts).where(_facts.c.kind == FactKind.ATTRIBUTED).order_by(_facts.c.id)
    return {fact.incident: fact for fact in map(_fact, connection.execute(chosen))}


def _fact(row: Sequence[Any]) -> Fact:
    id_, incident, at, effective_at, kind, by, value, text = row
    return Fact(id_, incident, at, effective_at, FactKind(kind), by, json.loads(value) if value else {}, text)


def _get(connection: Connection, id_: int, *, lock: bool = False) -> IncidentRecord:
    chosen = select(_table).where(_table.c.id == id_)
    row = connection.execute(chosen.with_for_update() if lock else chosen).one_or_none()
    if row is None:
        raise IncidentError(f"there is no incident {id_}")
    return _record(row)


def _facts_of(connection: Connection, ids: Collection[int]) -> list[Fact]:
    chosen = select(_facts).where(_facts.c.incident.in_(ids)).order_by(_facts.c.id)
    return [_fact(row) for row in connection.execute(chosen)]


def _clocks(connection: Connection, records: Sequence[IncidentRecord]) -> dict[int, Clocks]:
    """What was written about one that was merged into another counts for that one too."""
    into = {record.id: record.id for record in records}
    merged_ = select(_table.c.id, _table.c.merged_into).where(_table.c.merged_into.in_(list(into)))
    into |= {id_: other for id_, other in connection.execute(merged_).all() if id_ not in into}
    facts: dict[int, list[Fact]] = {}
    for fact in _facts_of(connection, list(into)):
        facts.setdefault(into[fact.incident], []).append(fact)
    return {record.id: clocks_of(record, facts.get(record.id, ())) for record in records}


def clocks_of(record: IncidentRecord, facts: Iterable[Fact]) -> Clocks:
    """When what happened, in seconds: of what was written down several times the first instant counts."""
    first: dict[FactKind, int] = {}
    for fact in facts:
        first[fact.kind] = min(fact.effective_at // 1000, first.get(fact.kind, _FOREVER))
    closed = [fact.effective_at // 1000 for fact in facts if fact.kind is FactKind.CLOSED]
    return Clocks(
        record.start,
        record.detected_at // 1000,
        first.get(FactKind.ACKNOWLEDGED),
        first.get(FactKind.VENDOR_NOTIFIED),
        first.get(FactKind.VENDOR_ANSWERED),
        record.end,
        closed[-1] if closed and record.state is IncidentState.CLOSED else None,
    )


def _seen(
    connection: Connection, rules: IncidentRules, records: Sequence[IncidentRecord], now: int
) -> dict[int, Incident]:
    """Kept outages as the lines make them now, with all that is reached through them, by id."""
    if not records:
        return {}
    names = Names()
    names.read(connection)
    lines = dict(map(line_of, connection.execute(select(schema.lines))))
    window = _Window(connection, rules, names, lines, now)
    systems = {record.system for record in records}
    starts = window.open(rules.affected(systems), min(record.start for record in records))
    made = window.make(starts, attributions(connection))
    found = [f.incident for system in systems for f in made.incidents[system]]
    return dict(reconcile([_stored(record) for record in records], found).kept)


_TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#-]{0,39}")


def _checked_value(kind: FactKind, value: Mapping[str, Any], now: int) -> dict[str, Any]:
    """What belongs to a kind of fact; what is None is left out."""
    known = {
        FactKind.VENDOR_NOTIFIED: {"ticket"},
        FactKind.VENDOR_ANSWERED: {"claims_start", "claims_end"},
        FactKind.ATTRIBUTED: {"party", "root_cause"},
    }.get(kind, set())
    if unknown := value.keys() - known:
        raise IncidentError(f"{', '.join(sorted(unknown))} does not belong to {kind}")
    kept = {name: part for name, part in value.items() if part is not None}
    if kind is FactKind.ATTRIBUTED and "party" not in kept:
        raise IncidentError("name the party that is responsible")
    ticket = kept.get("ticket")
    if ticket is not None:
        if not _TICKET.fullmatch(ticket):
            raise IncidentError(f"{ticket!r} is no ticket: letters, digits and ._/#-, 40 at most")
        if not re.search("[A-Za-z]", ticket):
            checked_text(ticket)
    claims = kept.get("claims_start"), kept.get("claims_end")
    if any(at is not None and at * 1000 > now for at in claims):
        raise IncidentError("the vendor's time lies in the future")
    if claims[0] is not None and claims[1] is not None and claims[1] < claims[0]:
        raise IncidentError("by the vendor's times it ends before it begins")
    return kept


def _check_fact(record: IncidentRecord, kind: FactKind, effective_at: int) -> None:
    """Whether such a fact can be about an incident as it stands."""
    if effective_at // 1000 < record.start - _DAY:
        raise IncidentError(f"the instant lies more than a day before incident {record.id} began")
    if kind is FactKind.NOTE:
        return
    if record.state is IncidentState.WITHDRAWN:
        into = "" if record.merged_into is None else f"; it is part of incident {record.merged_into}"
        raise IncidentError(f"incident {record.id} was withdrawn{into}")
    if kind is FactKind.CLOSED:
        if record.state is IncidentState.CLOSED:
            raise IncidentError(f"incident {record.id} is closed already")
        if record.state is IncidentState.OPEN and record.kind is not IncidentKind.REPORTED:
            raise IncidentError(f"incident {record.id} goes on; it can be closed once it is over")
        if effective_at // 1000 < (record.end or record.start + 1):
            raise IncidentError(f"the instant lies before the end of incident {record.id}")
    if kind is FactKind.ATTRIBUTED and record.kind is not IncidentKind.OUTAGE:
        raise IncidentError(f"incident {record.id} is no outage of a system: there are no seconds to attribute")


def _add_fact(
    connection: Connection,
    id_: int,
    at: int,
    effective_at: int,
    kind: FactKind,
    by: str,
    value: Mapping[str, Any],
    text: str | None,
) -> Fact:
    packed = json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else None
    row = {
        "incident": id_,
        "at": at,
        "effective_at": effective_at,
        "kind": kind,
        "by": by,
        "value": packed,
        "text": text,
    }
    return _fact(connection.execute(insert(_facts).values(row).returning(*_facts.columns)).one())

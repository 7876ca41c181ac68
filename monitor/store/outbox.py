"""The outbox: what is to be told, to whom, and what became of it.

Rows are made in the transaction that changes an incident (`announce`), or by a look at how things stand (`look`); what
they are is decided in `monitor.alerts`. Whoever sends one claims it before, by compare-and-set, so that nobody else
sends it too, and says afterwards what came of it. Nothing is deleted. Instants in ms.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.alerts import (
    BEGINS,
    ENDS,
    GONE,
    GONE_AFTER,
    AlertRules,
    Certificate,
    MessageKind,
    MessageState,
    New,
    Plan,
    Subject,
    Target,
    Told,
    announce,
    due,
    is_settled,
)
from monitor.incident_rules import IncidentKind, IncidentRules, IncidentState
from monitor.judge import Line
from monitor.model import Gauge
from monitor.status import Key
from monitor.store import schema
from monitor.store.codec import line_of
from monitor.store.database import Database
from monitor.store.gauges import read_gauges
from monitor.store.incidents import IncidentChange, IncidentRecord, acknowledged, record_of
from monitor.store.ledger import upsert
from monitor.words import CERTIFICATE_DAYS

LEASE = 300_000
"""How long (ms) a claim holds: longer than any channel takes to send a message."""

_table = schema.messages
_DAY = 86_400_000
_MOST = 2000  # rows in one message
_TOLD = (IncidentKind.OUTAGE, IncidentKind.BLIND)
"""Kinds of incidents that are told; who reports one knows of it."""


class Row(NamedTuple):
    """A row of the outbox. `title` and `body`: what was sent last, None before."""

    id: int
    key: str
    target: Target
    kind: MessageKind
    incident: int | None
    system: str | None
    ordinal: int
    labels: Mapping[str, str]
    state: MessageState
    made_at: int
    not_before: int
    held_since: int | None
    attempts: int
    tried_at: int | None
    claim: str | None
    ended_at: int | None
    error: str | None
    title: str | None
    body: str | None


class Deliveries(NamedTuple):
    """What the outbox has done and has to do.

    `attempts`: since the beginning, by channel and result (ok, failed). `waiting`: rows that no channel has taken and
    that are due; `oldest_at`: when the oldest of them was made, None without any. `failed`: rows that were given up.
    """

    attempts: Mapping[tuple[str, str], int]
    waiting: int
    oldest_at: int | None
    failed: int


class Firing(NamedTuple):
    """An incident that a target believes to go on."""

    incident: int
    target: Target
    labels: Mapping[str, str]


class Outbox:
    """`Store.outbox`. Each call is a short transaction of its own; any method raises StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- making rows -------------------------------------------------------------------------------------------------

    def look(self, rules: AlertRules, now: int, since: int = 0) -> int:
        """Bring the outbox up to date with how things stand: reminders, escalations, digests, certificates, parents.

        `since` is when who asks has begun to look. Returns how many rows are held for parents.
        """
        with self._database.reading() as connection:
            plan, held = _look(connection, rules, now, since)
        if plan:
            with self._database.writing() as connection:
                plan, held = _look(connection, rules, now, since)  # the incidents may have changed between
                _carry_out(connection, self._database, plan, now)
        return held

    def drop_unknown(self, rules: AlertRules, now: int) -> int:
        """Drop what waits for a route or a channel that the catalogue no longer has; returns how many rows."""
        known = and_(_table.c.route.in_(rules.alerts.routes), _table.c.channel.in_(rules.alerts.channels))
        gone = _table.c.state == MessageState.WAITING, _table.c.made_at < now - GONE_AFTER, ~known, _is_free(now)
        with self._database.reading() as connection:
            if connection.execute(select(_table.c.id).where(*gone).limit(1)).first() is None:
                return 0
        dropped = {"state": MessageState.DROPPED, "ended_at": now, "error": GONE, "stands": None}
        with self._database.writing() as connection:
            return connection.execute(update(_table).where(*gone).values(dropped)).rowcount

    # --- sending rows ------------------------------------------------------------------------------------------------

    def claim(self, channel: str, now: int, routes: Collection[str] | None = None) -> Row | None:
        """The next row of a channel that is due, of these routes, ours until its lease ends; None where there is none.

        What a target is told of one incident it is told in order. One whose sender has died is due again.
        """
        chosen = _due(now).where(_table.c.channel == channel)
        if routes is not None:
            chosen = chosen.where(_table.c.route.in_(routes))
        with self._database.reading() as connection:
            candidates = list(connection.execute(chosen.limit(5)).scalars())
        for id_ in candidates:
            with self._database.writing() as connection:
                if rows := _take(connection, [id_], now):
                    return rows[0]
        return None

    def claim_like(self, row: Row, now: int, least: int) -> list[Row]:
        """The other rows of the same target and kind that are due, ours too; none where they are fewer than `least`."""
        same = _table.c.route == row.target.route, _table.c.channel == row.target.channel, _table.c.kind == row.kind
        with self._database.reading() as connection:
            ids = list(connection.execute(_due(now).where(*same).limit(_MOST)).scalars())
        if len(ids) < least:
            return []
        with self._database.writing() as connection:
            return [taken for part in _parts(ids) for taken in _take(connection, part, now)]

    def sent(self, row: Row, title: str, body: str, now: int) -> bool:
        """The receiver has it. False: the claim had ended, and somebody else has it now."""
        values = {"state": MessageState.SENT, "ended_at": now, "error": None, "title": title, "body": body}
        with self._database.writing() as connection:
            if is_ours := _end(connection, row, values):
                _settle(connection, row)
            _count(connection, self._database, row.target.channel, "ok")
            if is_ours and row.attempts > 1:  # it works again: what waits for the next attempt need not wait any more
                waits = _table.c.error.is_not(None), _table.c.claim.is_(None), _table.c.not_before > now
                rest = _table.c.state == MessageState.WAITING, _table.c.channel == row.target.channel
                connection.execute(update(_table).where(*rest, *waits).values(not_before=now))
        return is_ours

    def failed(self, row: Row, error: str, again_at: int | None, now: int, title: str = "", body: str = "") -> None:
        """It was not taken; it is due again at `again_at`, or given up where that is None. `error` holds no secret."""
        values: dict[str, Any] = {"error": error[:300], "title": title or None, "body": body or None}
        if again_at is None:
            values |= {"state": MessageState.FAILED, "ended_at": now}
        else:
            values |= {"not_before": again_at}
        with self._database.writing() as connection:
            if _end(connection, row, values) and again_at is None:
                _settle(connection, row)
            _count(connection, self._database, row.target.channel, "failed")

    def drop(self, row: Row, now: int) -> None:
        """What it would say is no longer so."""
        with self._database.writing() as connection:
            _end(connection, row, {"state": MessageState.DROPPED, "ended_at": now, "stands": None})

    def count(self, channel: str, result: str) -> None:
        """An attempt that belongs to no row: an Alertmanager told again, a call of the dead man's switch."""
        with self._database.writing() as connection:
            _count(connection, self._database, channel, result)

    # --- reading -----------------------------------------------------------------------------------------------------

    def log(self, since: int, limit: int, states: Collection[MessageState] = tuple(MessageState)) -> list[Row]:
        """The newest rows made at or after `since`, the newest first."""
        chosen = select(_table).where(_table.c.made_at >= since, _table.c.state.in_(states))
        with self._database.reading() as connection:
            return [_row(row) for row in connection.execute(chosen.order_by(_table.c.id.desc()).limit(limit))]

    def digest_before(self, row: Row) -> date | None:
        """The day of the last digest before this one that its target has, or that still waits for it."""
        same = _table.c.kind == MessageKind.DIGEST, _table.c.route == row.target.route
        arrives = _table.c.channel == row.target.channel, _table.c.state.in_([MessageState.SENT, MessageState.WAITING])
        last = select(func.max(_table.c.ordinal)).where(*same, *arrives, _table.c.ordinal < row.ordinal)
        with self._database.reading() as connection:
            day: int | None = connection.execute(last).scalar()
        return None if day is None else date.fromordinal(day)

    def deliveries(self, now: int) -> Deliveries:
        """For metrics: counters that never go back, and what waits now."""
        waits = _table.c.state == MessageState.WAITING, _table.c.not_before <= now
        retried = _table.c.state == MessageState.WAITING, _table.c.attempts > 0
        with self._database.reading() as connection:
            attempts = {(row.channel, row.result): row.number for row in connection.execute(select(schema.deliveries))}
            undelivered = select(func.count(), func.min(_table.c.made_at)).where(or_(and_(*waits), and_(*retried)))
            waiting, oldest = connection.execute(undelivered).one()
            given_up = select(func.count()).where(_table.c.state == MessageState.FAILED)
            return Deliveries(attempts, waiting, oldest, connection.execute(given_up).scalar_one())

    def firing(self, channel: str) -> list[Firing]:
        """What a channel was told to go on and not yet told to be over."""
        with self._database.reading() as connection:
            rows = [told for told in _standing(connection) if told.target.channel == channel]
        return [
            Firing(row.incident, row.target, row.labels)
            for row in rows
            if row.incident is not None and row.state is MessageState.SENT
        ]

    def latest_try(self) -> int | None:
        """When the latest try that is recorded started, in ms."""
        with self._database.reading() as connection:
            latest: int | None = connection.execute(select(func.max(schema.lines.c.started_at))).scalar()
        return latest


# --- in the recording transaction -------------------------------------------------------------------------------------


def announce_changes(
    connection: Connection, database: Database, rules: IncidentRules, changes: Sequence[IncidentChange], now: int
) -> None:
    """Make the rows that tell of changed incidents, in the transaction that changes them."""
    alerts = AlertRules(rules)
    if alerts and changes:
        records = {change.incident.id: change.incident for change in changes}
        _carry_out(connection, database, _announced(connection, alerts, list(records.values()), now), now)


def _announced(connection: Connection, rules: AlertRules, records: Sequence[IncidentRecord], now: int) -> Plan:
    records = [record for record in records if record.kind in _TOLD]
    if not records:
        return Plan()
    known = acknowledged(connection, records)
    told: dict[tuple[int, Target], list[Told]] = {}
    for part in _parts([record.id for record in records]):
        chosen = select(_table).where(_table.c.incident.in_(part)).order_by(_table.c.id)
        for row in map(_told, connection.execute(chosen)):
            told.setdefault((row.incident or 0, row.target), []).append(row)
    return announce(rules, [_subject(record, record.id in known) for record in records], told, now)


def _subject(record: IncidentRecord, is_acknowledged: bool) -> Subject:
    return Subject(
        record.id, record.kind, record.system, record.location, record.state, record.party, record.severity,
        record.detected_at, is_acknowledged,
    )  # fmt: skip


def _carry_out(connection: Connection, database: Database, plan: Plan, now: int) -> None:
    if plan.add:
        dialect = sqlite if database.is_sqlite else postgresql
        once = dialect.insert(_table).on_conflict_do_nothing(index_elements=["key", "route", "channel"])
        connection.execute(once, [_values(new, now) for new in plan.add])
    untouched = _table.c.state == MessageState.WAITING, _table.c.attempts == 0
    for part in _parts(plan.drop):
        gone = {"state": MessageState.DROPPED, "ended_at": now, "stands": None}
        connection.execute(update(_table).where(_table.c.id.in_(part), *untouched).values(gone))
    for part in _parts(plan.release):
        connection.execute(update(_table).where(_table.c.id.in_(part), *untouched).values(not_before=now))


def _values(new: New, now: int) -> dict[str, Any]:
    return {
        "key": new.key,
        "route": new.target.route,
        "channel": new.target.channel,
        "kind": new.kind,
        "incident": new.incident,
        "system": new.system,
        "ordinal": new.ordinal,
        "labels": json.dumps(new.labels, ensure_ascii=False, separators=(",", ":")),
        "state": MessageState.WAITING,
        "made_at": now,
        "not_before": new.not_before,
        "held_since": now if new.held else None,
        "attempts": 0,
        "stands": 1 if new.kind in BEGINS else None,
    }


# --- a look at how things stand ---------------------------------------------------------------------------------------


def _look(connection: Connection, rules: AlertRules, now: int, since: int) -> tuple[Plan, int]:
    """What is to be done, and how many rows are held after that."""
    ids = {row.incident for row in _standing(connection) if row.incident is not None}
    plan = _announced(connection, rules, _current(connection, ids), now)
    recent = select(_table).where(
        _table.c.kind.in_([MessageKind.DIGEST, MessageKind.CERTIFICATE]),
        _table.c.made_at > now - CERTIFICATE_DAYS[0] * _DAY,
    )
    told = list(map(_told, connection.execute(recent)))
    other = due(rules, told, _certificates(connection), _last_seal(connection), now, since)
    plan.add.extend(other.add)
    held = list(connection.execute(_held(now)))
    if held:
        lines = _lines(connection)
        free = [id_ for id_, system, since in held if is_settled(rules, system, since, lines)]
        plan.release.extend(free)
        return plan, len(held) - len(free)
    return plan, 0


def _held(now: int) -> Select[Any]:
    waits = _table.c.state == MessageState.WAITING, _table.c.attempts == 0, _table.c.held_since.is_not(None)
    return select(_table.c.id, _table.c.system, _table.c.held_since).where(*waits, _table.c.not_before > now)


def _current(connection: Connection, ids: Iterable[int]) -> list[IncidentRecord]:
    """The incidents that go on, and those of these ids."""
    table = schema.incidents
    rows = list(connection.execute(select(table).where(table.c.state == IncidentState.OPEN)))
    for part in _parts(sorted(set(ids) - {row.id for row in rows})):
        rows += connection.execute(select(table).where(table.c.id.in_(part)))
    return [record_of(row) for row in rows]


def _standing(connection: Connection) -> list[Told]:
    """The rows by which targets believe that an incident goes on: of each the last that began or ended one.

    Of the many rows of what is over for everybody none is read.
    """
    incidents = select(_table.c.incident).where(_table.c.stands == 1)
    rows = connection.execute(select(_table).where(_table.c.incident.in_(incidents)).order_by(_table.c.id))
    last: dict[tuple[int | None, Target], Told] = {}
    for row in map(_told, rows):
        if row.kind in BEGINS | ENDS and row.state is not MessageState.DROPPED:
            last[row.incident, row.target] = row
    return sorted((row for row in last.values() if row.kind in BEGINS), key=lambda row: row.id)


def _certificates(connection: Connection) -> dict[str, Certificate]:
    """Of each system the one that ends first."""
    found: dict[str, Certificate] = {}
    for (system, _, _), gauges in read_gauges(connection).items():
        if Gauge.CERTIFICATE_NOT_AFTER in gauges:
            value, at = gauges[Gauge.CERTIFICATE_NOT_AFTER]
            found[system] = min(Certificate(value, at), found.get(system, Certificate(value, at)))
    return found


def _last_seal(connection: Connection) -> date | None:
    day: str | None = connection.execute(select(func.max(schema.seals.c.day))).scalar()
    return date.fromisoformat(day) if day else None


def _lines(connection: Connection) -> dict[Key, Line]:
    names = {row.id: (row.system, row.check, row.location) for row in connection.execute(select(schema.series))}
    return {names[number]: line for number, line in map(line_of, connection.execute(select(schema.lines)))}


# --- claims -----------------------------------------------------------------------------------------------------------


def _due(now: int) -> Select[Any]:
    """Ids of rows that may be sent, the oldest first: what a target is told of one incident it is told in order."""
    earlier = _table.alias()
    is_earlier = and_(
        earlier.c.incident == _table.c.incident,
        earlier.c.route == _table.c.route,
        earlier.c.channel == _table.c.channel,
        earlier.c.state == MessageState.WAITING,
        earlier.c.id < _table.c.id,
    )
    waits = _table.c.state == MessageState.WAITING, _table.c.not_before <= now, _is_free(now)
    chosen = select(_table.c.id).where(*waits, ~select(earlier.c.id).where(is_earlier).exists())
    return chosen.order_by(_table.c.id)


def _take(connection: Connection, ids: Sequence[int], now: int) -> list[Row]:
    """Compare and set: those of the rows that nobody else has taken meanwhile."""
    mine = {"claim": uuid.uuid4().hex, "claimed_until": now + LEASE, "attempts": _table.c.attempts + 1}
    mine["tried_at"] = func.coalesce(_table.c.tried_at, now)
    taken = update(_table).where(_table.c.id.in_(ids), _table.c.state == MessageState.WAITING, _is_free(now))
    rows = map(_row, connection.execute(taken.values(mine).returning(*_table.columns)).all())
    return sorted(rows, key=lambda row: row.id)


def _is_free(now: int) -> Any:
    return or_(_table.c.claimed_until.is_(None), _table.c.claimed_until < now)


# --- rows -------------------------------------------------------------------------------------------------------------


def _end(connection: Connection, row: Row, values: Mapping[str, Any]) -> bool:
    """Write what became of a row while the claim is still ours."""
    ours = update(_table).where(_table.c.id == row.id, _table.c.claim == row.claim)
    return connection.execute(ours.values({**values, "claim": None, "claimed_until": None})).rowcount == 1


def _settle(connection: Connection, row: Row) -> None:
    """Its target has been told that an incident is over, or nobody tries any more: a look need not see it again."""
    if row.kind in ENDS:
        same = _table.c.incident == row.incident, _table.c.route == row.target.route, _table.c.id < row.id
        told = update(_table).where(*same, _table.c.channel == row.target.channel, _table.c.stands == 1)
        connection.execute(told.values(stands=None))


def _count(connection: Connection, database: Database, channel: str, result: str) -> None:
    row = {"channel": channel, "result": result, "number": 1}
    connection.execute(upsert(database, schema.deliveries, add=True), row)


def _row(row: Any) -> Row:
    return Row(
        row.id, row.key, Target(row.route, row.channel), MessageKind(row.kind), row.incident, row.system, row.ordinal,
        json.loads(row.labels), MessageState(row.state), row.made_at, row.not_before, row.held_since, row.attempts,
        row.tried_at, row.claim, row.ended_at, row.error, row.title, row.body,
    )  # fmt: skip


def _told(row: Any) -> Told:
    state, at = MessageState(row.state), row.made_at if row.ended_at is None else row.ended_at
    return Told(
        row.id, Target(row.route, row.channel), MessageKind(row.kind), state, row.incident, row.system, row.ordinal,
        json.loads(row.labels), at, row.held_since is not None,
        state is MessageState.WAITING and row.attempts == 0,
    )  # fmt: skip


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[i : i + 500] for i in range(0, len(ids), 500))

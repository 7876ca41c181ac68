"""The book of dossiers: what was collected and imported, and what is counted of it. Instants in seconds.

Only the fields of `monitor.dossiers.Dossier` come in. What is counted over many dossiers is counted by the database.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitor.dossiers import (
    FINAL,
    By,
    Channel,
    Counts,
    Dossier,
    Form,
    Group,
    Row,
    Source,
    Status,
    Supplement,
    Timeliness,
    Unit,
    UnitTree,
    Violation,
    carried,
    deadline,
    ended_at,
    timeliness,
    violations,
)
from monitor.index766 import OfficialScore
from monitor.store import schema
from monitor.store.database import Database, StoreError

_DOSSIER = schema.dossiers.c
_GROUP = schema.dossier_groups.c
_PARTS = 500  # values in one IN (...)

GONE_META = "dossiers_looked_for_gone"
"""The fact about a store when the last complete look at what its systems have no more ended."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the dossiers of a system have been collected, the one that changed last first.

    `watermark`: all changes before it are here; None: nothing is complete yet. While a collection goes on `page` is the
    next page to ask, `started_at` when it began and `next_watermark` the newest change that it began with. `since`: how
    far back all changes are known (0: to the first); `next_since` how far back they are once it is complete. `until`:
    when the last complete one began, which is up to when they are known; `listed`: how many dossiers the system said
    it has.
    """

    system: str
    watermark: int | None = None
    since: int | None = None
    next_watermark: int | None = None
    page: int = 0
    size: int = 0
    started_at: int | None = None
    until: int | None = None
    listed: int | None = None
    next_since: int | None = None


class Kept(NamedTuple):
    """What became of collected dossiers; the rest was known already."""

    new: int
    changed: int


@dataclass(frozen=True, slots=True)
class KeptForm:
    """One version of a form in the store, and what did not hold in it when it came."""

    id: int
    form: Form
    version: int
    made_at: int
    made_by: str
    reason: str | None
    violations: tuple[Violation, ...]


class Pending(NamedTuple):
    """Open dossiers of a unit by their due date beside now: late already, due today, due tomorrow, later or never."""

    overdue: int
    today: int
    tomorrow: int
    later: int


class Progressing(NamedTuple):
    """What index 766 needs to know of one dossier; the fields are those of `Dossier`."""

    group: Group
    accepted: int
    due: int | None
    deadline: int | None
    ended: int | None
    supplements: tuple[Supplement, ...]


class Judged(NamedTuple):
    """Dossiers with a due date and without a supplement, as of the end of a period: counted by the database."""

    on_time: int
    overdue: int


class DossierBook:
    """Dossiers, forms, units and scores, in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- collecting --------------------------------------------------------------------------------------------------

    def progress(self, system: str) -> Progress:
        """How far the dossiers of a system have been collected."""
        table = schema.dossier_collections
        with self._database.reading() as connection:
            row = connection.execute(select(table).where(table.c.system == system)).one_or_none()
        return Progress(**row._mapping) if row else Progress(system)

    def collections(self) -> list[Progress]:
        """How far the dossiers of each system have been collected."""
        table = schema.dossier_collections
        with self._database.reading() as connection:
            return [Progress(**row._mapping) for row in connection.execute(select(table).order_by(table.c.system))]

    def collected_until(self) -> int | None:
        """The instant up to which dossiers are known: that of the system that is furthest behind. None: none are."""
        table = schema.dossier_collections.c
        with self._database.reading() as connection:
            rows = connection.execute(select(table.until)).scalars().all()
        return None if not rows or None in rows else min(at for at in rows if at is not None)

    def read_mark(self) -> tuple[int | None, ...]:
        """Another one when a collection or a look at what is gone is complete; units, points or statistics came in."""
        forms, scores, units = schema.dossier_forms.c, schema.official_scores.c, schema.units
        marks = select(
            select(func.max(scores.id)).scalar_subquery(),
            select(func.max(forms.made_at)).scalar_subquery(),
            select(func.count()).select_from(units).where(units.c.imported == 1).scalar_subquery(),
            select(schema.meta.c.value).where(schema.meta.c.name == GONE_META).scalar_subquery(),
        )
        with self._database.reading() as connection:
            return (self.collected_until(), *connection.execute(marks).one())

    def collected_since(self) -> int | None:
        """The first instant from which all changes are known, 0: from the beginning. None: nothing is collected."""
        table = schema.dossier_collections.c
        with self._database.reading() as connection:
            rows = connection.execute(select(table.since)).scalars().all()
        return max((since or 0 for since in rows), default=None)

    def keep(
        self,
        dossiers: Sequence[Dossier],
        zone: ZoneInfo,
        *,
        units: Iterable[Unit] = (),
        names: Mapping[tuple[str, str], str] | None = None,
        progress: Progress | None = None,
    ) -> Kept:
        """Keep collected dossiers, the latest change of each, and how far the collection is: all or nothing.

        What is known in this version or a later one is left alone, so everything may come twice and in any order; but
        what was marked as gone and comes is there again. A change to or from the status SUPPLEMENT is written down as a
        request for more, or its end.
        """
        newest = {d.code: d for d in sorted(dossiers, key=lambda d: d.updated)}
        with self._database.writing() as connection:
            known = _states(connection, list(newest))
            fresh = [d for d in newest.values() if (was := known.get(d.code)) is None or was.gives_way_to(d)]
            fresh = [replace(d, ended=_ended(d, known.get(d.code))) for d in fresh]
            self._write(connection, fresh, zone)
            self._write_supplements(connection, fresh, known)
            self._write_names(connection, units, names or {})
            if progress is not None:
                self._write_progress(connection, progress)
        changed = sum(d.code in known for d in fresh)
        return Kept(len(fresh) - changed, changed)

    def _write(self, connection: Connection, dossiers: Sequence[Dossier], zone: ZoneInfo) -> None:
        if not dossiers:
            return
        groups = self._groups(connection, {Group(d.unit, d.procedure, d.sector) for d in dossiers})
        rows = [
            {
                "code": d.code,
                "group": groups[Group(d.unit, d.procedure, d.sector)],
                "channel": int(d.channel),
                "status": int(d.status),
                "applied": d.applied,
                "accepted": d.accepted,
                "due": d.due,
                "ended": d.ended,
                "updated": d.updated,
                "deadline": deadline(d.due, zone),
                "timeliness": timeliness(d.due, d.ended, zone),
            }
            for d in dossiers
        ]
        upsert = self._insert(schema.dossiers)
        newer = {name: upsert.excluded[name] for name in rows[0] if name != "code"}
        # Another collector may have been faster.
        later = or_(upsert.excluded.updated > _DOSSIER.updated, _DOSSIER.status == Status.GONE)
        connection.execute(upsert.on_conflict_do_update(index_elements=["code"], set_=newer, where=later), rows)

    def _groups(self, connection: Connection, wanted: Collection[Group]) -> dict[Group, int]:
        known = _known_groups(connection)
        missing = [group._asdict() for group in sorted(set(wanted) - set(known))]
        if missing:
            connection.execute(self._insert(schema.dossier_groups).on_conflict_do_nothing(), missing)
            known = _known_groups(connection)
        return known

    def _write_supplements(self, connection: Connection, fresh: Iterable[Dossier], known: Mapping[str, _Known]) -> None:
        table = schema.dossier_supplements
        for dossier in fresh:
            was = known[dossier.code].status if dossier.code in known else None
            if dossier.status is Status.SUPPLEMENT and was is not Status.SUPPLEMENT:
                row = {"code": dossier.code, "requested": dossier.updated, "answered": None}
                connection.execute(self._insert(table).on_conflict_do_nothing(), row)
            elif was is Status.SUPPLEMENT and dossier.status is not Status.SUPPLEMENT:
                waiting = update(table).where(table.c.code == dossier.code, table.c.answered.is_(None))
                connection.execute(waiting.values(answered=dossier.updated))

    def _write_names(self, connection: Connection, units: Iterable[Unit], names: Mapping[tuple[str, str], str]) -> None:
        rows = [{"kind": kind, "code": code, "name": name} for (kind, code), name in names.items()]
        if rows:
            upsert = self._insert(schema.dossier_names)
            newer = {"name": upsert.excluded.name}
            connection.execute(upsert.on_conflict_do_update(index_elements=["kind", "code"], set_=newer), rows)
        found = [_unit_row(unit, imported=False) for unit in units]
        if found:
            imported = set(
                connection.execute(select(schema.units.c.code).where(schema.units.c.imported == 1)).scalars()
            )
            upsert = self._insert(schema.units)
            newer = {
                "name": upsert.excluded.name,
                "parent": func.coalesce(upsert.excluded.parent, schema.units.c.parent),
            }
            upsert = upsert.on_conflict_do_update(index_elements=["code", "valid_from"], set_=newer)
            rows = [row for row in found if row["code"] not in imported]
            if rows:
                connection.execute(upsert, rows)

    def _write_progress(self, connection: Connection, progress: Progress) -> None:
        table = schema.dossier_collections
        connection.execute(delete(table).where(table.c.system == progress.system))
        connection.execute(insert(table).values(asdict(progress)))

    def _insert(self, table: Any) -> Any:
        return sqlite.insert(table) if self._database.is_sqlite else postgresql.insert(table)

    # --- what the system has no more ---------------------------------------------------------------------------------

    def number_accepted(self, start: int, end: int) -> int:
        """How many dossiers were accepted in [start, end), without those that are gone."""
        chosen = select(func.count()).select_from(schema.dossiers)
        there = _DOSSIER.accepted >= start, _DOSSIER.accepted < end, _DOSSIER.status != Status.GONE
        with self._database.reading() as connection:
            return int(connection.execute(chosen.where(*there)).scalar_one())

    def first_accepted(self) -> int | None:
        """When the earliest dossier was accepted."""
        with self._database.reading() as connection:
            first: int | None = connection.execute(select(func.min(_DOSSIER.accepted))).scalar()
        return first

    def mark_gone(self, codes: Sequence[str]) -> None:
        """The system has these no more; all else that is known of them stays."""
        with self._database.writing() as connection:
            for at in range(0, len(codes), _PARTS):
                these = _DOSSIER.code.in_(codes[at : at + _PARTS])
                connection.execute(update(schema.dossiers).where(these).values(status=int(Status.GONE)))

    def looked_for_gone(self, at: int) -> None:
        """A look at what is gone was complete at this instant."""
        upsert = self._insert(schema.meta).values(name=GONE_META, value=str(at))
        with self._database.writing() as connection:
            connection.execute(upsert.on_conflict_do_update(index_elements=["name"], set_={"value": str(at)}))

    def gone(self, start: int, end: int, units: Collection[str] | None = None) -> list[str]:
        """Codes of the dossiers that a form of [start, end) counts though the system has them no more."""
        chosen = _of_units(select(_DOSSIER.code), units).where(_DOSSIER.status == Status.GONE, _touches(start, end))
        with self._database.reading() as connection:
            return list(connection.execute(chosen.order_by(_DOSSIER.code)).scalars())

    def gone_by_unit(self) -> dict[str, int]:
        """How many dossiers the system has no more, by unit."""
        where = _DOSSIER.status == Status.GONE, _DOSSIER.accepted.is_not(None)
        return {unit: number for (unit,), (number,) in self._by_unit((), [func.count()], *where)}

    # --- units -------------------------------------------------------------------------------------------------------

    def units(self) -> UnitTree:
        """Every unit, under each of its names."""
        with self._database.reading() as connection:
            return UnitTree(_unit(row) for row in connection.execute(select(schema.units)))

    def import_units(self, units: Sequence[Unit]) -> None:
        """Let this list of units be the one that counts, in place of one imported before.

        Units that were only collected stay, unless the list names them.
        """
        table = schema.units
        codes = {unit.code for unit in units}
        with self._database.writing() as connection:
            connection.execute(delete(table).where(or_(table.c.imported == 1, table.c.code.in_(codes))))
            if units:
                connection.execute(insert(table), [_unit_row(unit, imported=True) for unit in units])

    def unit_codes(self) -> set[str]:
        """Codes of the units that have dossiers."""
        with self._database.reading() as connection:
            return set(connection.execute(select(_GROUP.unit).distinct()).scalars())

    def names(self) -> dict[tuple[str, str], str]:
        """Names of procedures and sectors by (kind, code)."""
        table = schema.dossier_names
        with self._database.reading() as connection:
            return {(row.kind, row.code): row.name for row in connection.execute(select(table))}

    def unnamed(self, kind: By) -> set[str]:
        """Codes of procedures or sectors that have dossiers and no name."""
        column = {By.PROCEDURE: _GROUP.procedure, By.SECTOR: _GROUP.sector}[kind]
        table = schema.dossier_names.c
        named = select(table.code).where(table.kind == kind.value)
        chosen = select(column).where(column != "", column.not_in(named)).distinct()
        with self._database.reading() as connection:
            return set(connection.execute(chosen).scalars())

    # --- forms -------------------------------------------------------------------------------------------------------

    def checked(self, form: Form) -> list[Violation]:
        """All that does not hold in a form and with the forms before and after it, of its own source."""
        found = violations(form)
        if before := self.form_before(form.start, form.source):
            found += carried(before.form, form)
        if after := self.form_after(form.end, form.source):
            found += carried(form, after.form)
        return found

    def keep_form(
        self,
        form: Form,
        violations: Sequence[Violation],
        *,
        at: int,
        by: str,
        reason: str | None = None,
        in_place: bool = False,
    ) -> KeptForm:
        """Keep a form, with all that does not hold in it, as the next version of its period and source.

        The same figures as in the last version are not kept again. Raises StoreError for other ones without a reason.
        `in_place`: a form that grows with its period takes the place of its last version.
        """
        with self._database.writing() as connection:
            kept = [_kept_form(r) for r in connection.execute(_forms(form.start, form.end, form.source))]
            if kept and in_place:
                table = schema.dossier_forms
                grown = {"body": _form_json(form), "violations": _violations_json(violations), "made_at": at}
                renewed = update(table).where(table.c.id == kept[-1].id).values(grown).returning(table)
                return _kept_form(connection.execute(renewed).one())
            if kept and kept[-1].form == form:
                return kept[-1]
            if kept and not reason:
                said = (
                    f"the form of {form.start} to {form.end - timedelta(days=1)} ({form.source}) is there already, as"
                )
                raise StoreError(f"{said} version {kept[-1].version}: other figures need a --reason", permanent=True)
            row = {
                "start": form.start.isoformat(),
                "end": form.end.isoformat(),
                "source": str(form.source),
                "version": len(kept) + 1,
                "made_at": at,
                "made_by": by,
                "reason": reason if kept else None,
                "body": _form_json(form),
                "violations": _violations_json(violations),
            }
            made = connection.execute(insert(schema.dossier_forms).values(row).returning(schema.dossier_forms)).one()
        return _kept_form(made)

    def form(self, start: date, end: date, source: Source) -> KeptForm | None:
        """The last version of a form."""
        with self._database.reading() as connection:
            kept = connection.execute(_forms(start, end, source)).all()
        return _kept_form(kept[-1]) if kept else None

    def form_before(self, start: date, source: Source) -> KeptForm | None:
        """The last version of the form that ends where this day begins; of several, that of the shortest period."""
        return self._neighbour(source, schema.dossier_forms.c.end == start.isoformat())

    def form_after(self, end: date, source: Source) -> KeptForm | None:
        """The last version of the form that begins where another one ended; of several, that of the shortest period."""
        return self._neighbour(source, schema.dossier_forms.c.start == end.isoformat())

    def _neighbour(self, source: Source, where: Any) -> KeptForm | None:
        table = schema.dossier_forms
        with self._database.reading() as connection:
            chosen = select(table).where(where, table.c.source == str(source)).order_by(table.c.version.desc())
            kept = [_kept_form(row) for row in connection.execute(chosen)]
        return min(kept, key=lambda k: k.form.end - k.form.start) if kept else None

    def forms(self) -> list[KeptForm]:
        """Every version of every form, in order of time."""
        table = schema.dossier_forms
        order = table.c.start, table.c.end, table.c.source, table.c.version
        with self._database.reading() as connection:
            return [_kept_form(row) for row in connection.execute(select(table).order_by(*order))]

    def number_of_violations(self) -> dict[Source, int]:
        """How much does not hold in the last versions of all forms, by their source."""
        table = schema.dossier_forms.c
        chosen = select(table.start, table.end, table.source, table.violations).order_by(table.version)
        with self._database.reading() as connection:
            last = {(row.start, row.end, row.source): row.violations for row in connection.execute(chosen)}
        found: dict[Source, int] = {}
        for (*_, source), broken in last.items():
            found[Source(source)] = found.get(Source(source), 0) + len(json.loads(broken))
        return found

    def broken_forms(self) -> list[KeptForm]:
        """The forms whose last version had something that did not hold when it was kept: what is to be alerted."""
        last = {(kept.form.start, kept.form.end, kept.form.source): kept for kept in self.forms()}
        return [kept for kept in last.values() if kept.violations]

    # --- what is counted ---------------------------------------------------------------------------------------------

    def counts(self, start: int, end: int) -> dict[Group, Counts]:
        """Columns (3) to (13) of [start, end), by unit, procedure and sector.

        A dossier counts from its acceptance; received before `start` and not ended then, it is carried over. What is
        open at `end` is pending, overdue if its due date is over by then.
        """
        d = _DOSSIER
        new, before = d.accepted >= start, d.accepted < start
        ended, still = d.ended < end, or_(d.ended.is_(None), d.ended >= end)
        late = d.deadline < end
        columns = [
            func.count().filter(and_(new, d.channel == Channel.ONLINE)),
            func.count().filter(and_(new, d.channel != Channel.ONLINE)),
            func.count().filter(before),
            *(func.count().filter(and_(ended, d.timeliness == timely)) for timely in Timeliness),
            func.count().filter(still),
            func.count().filter(and_(still, late)),
        ]
        chosen = select(d.group, *columns).where(_touches(start, end)).group_by(d.group)
        with self._database.reading() as connection:
            groups = {number: group for group, number in _known_groups(connection).items()}
            return {groups[number]: _counts(*row) for number, *row in connection.execute(chosen)}

    def received(self, starts: Sequence[int], end: int) -> dict[tuple[str, Channel], tuple[int, ...]]:
        """How many dossiers were accepted from each start to `end`, by unit and channel."""
        d = _DOSSIER
        counts = [func.count().filter(d.accepted >= start) for start in starts]
        return {
            (unit, Channel(channel)): tuple(found)
            for (unit, channel), found in self._by_unit(
                (d.channel,), counts, d.accepted >= min(starts), d.accepted < end
            )
        }

    def resolved(self, starts: Sequence[int], end: int) -> dict[tuple[str, Channel, Timeliness], tuple[int, ...]]:
        """How many accepted dossiers ended from each start to `end`, by unit, channel and timeliness."""
        d = _DOSSIER
        counts = [func.count().filter(d.ended >= start) for start in starts]
        where = d.ended >= min(starts), d.ended < end, d.accepted < end
        return {
            (unit, Channel(channel), Timeliness(timely)): tuple(found)
            for (unit, channel, timely), found in self._by_unit((d.channel, d.timeliness), counts, *where)
        }

    def submitted_online(self, start: int, end: int) -> dict[str, int]:
        """How many dossiers were submitted online in [start, end), by unit, without those that were refused."""
        d = _DOSSIER
        refused = and_(d.accepted.is_(None), d.ended.is_not(None))
        where = d.applied >= start, d.applied < end, d.channel == Channel.ONLINE, ~refused
        return {unit: number for (unit,), (number,) in self._by_unit((), [func.count()], *where)}

    def _by_unit(self, keys: Sequence[Any], counts: Sequence[Any], *where: Any) -> list[tuple[list[Any], list[int]]]:
        """Counts by unit and these columns. The database counts by group first: groups are few, dossiers many."""
        inner = select(_DOSSIER.group, *keys, *(c.label(f"n{i}") for i, c in enumerate(counts)))
        inner = inner.where(*where).group_by(_DOSSIER.group, *keys)
        table = inner.subquery()
        named = [_GROUP.unit, *(table.c[key.name] for key in keys)]
        sums = [func.sum(table.c[f"n{i}"]) for i in range(len(counts))]
        chosen = select(*named, *sums).join_from(table, schema.dossier_groups, table.c.group == _GROUP.id)
        with self._database.reading() as connection:
            rows = connection.execute(chosen.group_by(*named)).all()
        return [(list(row[: len(named)]), [int(n) for n in row[len(named) :]]) for row in rows]

    def pending(self, now: int, zone: ZoneInfo) -> dict[tuple[str, Channel], Pending]:
        """What is open now by unit and channel: overdue, due today and tomorrow; those with most overdue ones first."""
        d = _DOSSIER
        today = datetime.fromtimestamp(now, zone).date()
        ends = [int(datetime.combine(today + timedelta(days=n), time(), zone).timestamp()) for n in (1, 2)]
        due = d.deadline >= now
        columns = (
            func.count().filter(d.deadline < now),
            func.count().filter(and_(due, d.deadline < ends[0])),
            func.count().filter(and_(d.deadline >= ends[0], d.deadline < ends[1])),
            func.count().filter(or_(d.deadline.is_(None), d.deadline >= ends[1])),
        )
        where = d.ended.is_(None), d.accepted.is_not(None)
        rows = self._by_unit((d.channel,), columns, *where)
        found = {(unit, Channel(channel)): Pending(*counts) for (unit, channel), counts in rows}
        return dict(sorted(found.items(), key=lambda item: (-item[1].overdue, item[0])))

    def slow_to_accept(self, start: int, end: int, now: int, at_least: int) -> Iterator[tuple[str, int, int | None]]:
        """Online dossiers of [start, end) that waited `at_least` seconds by the clock: unit, applied, accepted.

        Which of them waited for too long by working hours is said by `dossiers.late_acceptance`.
        """
        d = _DOSSIER
        refused = and_(d.accepted.is_(None), d.ended.is_not(None))
        waited = func.coalesce(d.accepted, now) - d.applied > at_least
        chosen = select(_GROUP.unit, d.applied, d.accepted).join_from(
            schema.dossiers, schema.dossier_groups, d.group == _GROUP.id
        )
        chosen = chosen.where(d.applied >= start, d.applied < end, d.channel == Channel.ONLINE, waited, ~refused)
        with self._database.reading() as connection:
            for row in connection.execute(chosen):
                yield row.unit, row.applied, row.accepted

    def number(self) -> int:
        """How many dossiers there are."""
        with self._database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(schema.dossiers)).scalar_one())

    # --- index 766 ---------------------------------------------------------------------------------------------------

    def judged(self, start: int, end: int) -> dict[Group, Judged]:
        """Component 2.1 of dossiers with a due date and without a supplement in [start, end), by group."""
        d = _DOSSIER
        ended = d.ended < end
        late = or_(
            and_(ended, d.timeliness == Timeliness.OVERDUE), and_(~func.coalesce(ended, False), d.deadline < end)
        )
        plain = d.due.is_not(None), d.code.not_in(select(schema.dossier_supplements.c.code))
        chosen = select(d.group, func.count(), func.count().filter(late)).where(_touches(start, end), *plain)
        with self._database.reading() as connection:
            groups = {number: group for group, number in _known_groups(connection).items()}
            rows = connection.execute(chosen.group_by(d.group)).all()
        return {groups[number]: Judged(whole - overdue, overdue) for number, whole, overdue in rows}

    def special(self, start: int, end: int) -> Iterator[Progressing]:
        """The others of [start, end): without a due date, or with supplements. One by one."""
        d, s = _DOSSIER, schema.dossier_supplements
        chosen = (
            select(d.code, _GROUP.unit, _GROUP.procedure, _GROUP.sector, d.accepted, d.due, d.deadline, d.ended)
            .add_columns(s.c.requested, s.c.answered)
            .join_from(schema.dossiers, schema.dossier_groups, d.group == _GROUP.id)
            .outerjoin(s, and_(s.c.code == d.code, s.c.requested < end))
            .where(_touches(start, end), or_(d.due.is_(None), d.code.in_(select(s.c.code))))
            .order_by(d.code, s.c.requested)
        )
        last: str | None = None
        found: Progressing | None = None
        with self._database.reading() as connection:
            for code, *group, accepted, due, limit, ended, requested, answered in connection.execute(chosen):
                asked = () if requested is None else (Supplement(requested, answered),)
                if found is not None and code == last:
                    found = found._replace(supplements=found.supplements + asked)
                    continue
                if found is not None:
                    yield found
                last, found = code, Progressing(Group(*group), accepted, due, limit, ended, asked)
        if found is not None:
            yield found

    def keep_scores(self, start: date, end: date, scores: Iterable[OfficialScore], *, at: int, by: str) -> None:
        """Keep what the national portal gave for a period; what it said before stays, the latest counts."""
        common = {"start": start.isoformat(), "end": end.isoformat(), "made_at": at, "made_by": by}
        rows = [
            {
                **common,
                "unit": score.unit,
                "component": score.component,
                **{name: None if (v := getattr(score, name)) is None else str(v) for name in OfficialScore._fields[2:]},
            }
            for score in scores
        ]
        if rows:
            with self._database.writing() as connection:
                connection.execute(insert(schema.official_scores), rows)

    def scores(self, start: date, end: date) -> dict[tuple[str, str], OfficialScore]:
        """The latest points of a period by (unit, component); unit "" is the whole province."""
        table = schema.official_scores
        chosen = select(table).where(table.c.start == start.isoformat(), table.c.end == end.isoformat())
        found: dict[tuple[str, str], OfficialScore] = {}
        with self._database.reading() as connection:
            for row in connection.execute(chosen.order_by(table.c.id)):
                numbers = (None if v is None else Fraction(v) for v in (row.points, row.numerator, row.denominator))
                found[row.unit, row.component] = OfficialScore(row.unit, row.component, *numbers)
        return found

    def last_scored(self) -> tuple[date, date] | None:
        """The latest period [start, end) of which the portal's points for the whole province are there."""
        table = schema.official_scores.c
        chosen = select(table.start, table.end).where(table.unit == "").order_by(table.end.desc(), table.start.desc())
        with self._database.reading() as connection:
            row = connection.execute(chosen.limit(1)).one_or_none()
        return (date.fromisoformat(row.start), date.fromisoformat(row.end)) if row else None

    # --- outages -----------------------------------------------------------------------------------------------------

    def submitted(self, spans: Sequence[tuple[int, int]], units: Collection[str] | None = None) -> list[int]:
        """How many dossiers were submitted in each of these spans; of these units, None: of all."""
        d = _DOSSIER
        with self._database.reading() as connection:
            return [
                int(
                    connection.execute(
                        _of_units(select(func.count(d.code)), units).where(d.applied >= start, d.applied < end)
                    ).scalar_one()
                )
                for start, end in spans
            ]

    def first_applied(self) -> int | None:
        """When the earliest dossier was submitted: before it there is nothing to compare with."""
        with self._database.reading() as connection:
            first: int | None = connection.execute(select(func.min(_DOSSIER.applied))).scalar()
        return first

    def due_in(
        self, start: int, end: int, due_before: int, units: Collection[str] | None = None
    ) -> list[tuple[str, int, int | None]]:
        """Dossiers open in [start, end) and due in [start, due_before): code, last second in time, when they ended."""
        d = _DOSSIER
        chosen = _of_units(select(d.code, d.deadline, d.ended), units)
        chosen = chosen.where(d.deadline >= start, d.deadline < due_before, d.accepted < end)
        chosen = chosen.where(or_(d.ended.is_(None), d.ended >= start)).order_by(d.code)
        with self._database.reading() as connection:
            return [(code, limit, ended) for code, limit, ended in connection.execute(chosen)]

    def supplements(self, start: int, end: int, units: Collection[str] | None = None) -> list[str]:
        """Codes of the dossiers for which something more was asked for in [start, end)."""
        table = schema.dossier_supplements
        chosen = _of_units(select(_DOSSIER.code), units).join(table, table.c.code == _DOSSIER.code)
        chosen = chosen.where(table.c.requested >= start, table.c.requested < end).distinct().order_by(_DOSSIER.code)
        with self._database.reading() as connection:
            return list(connection.execute(chosen).scalars())

    # --- the national portal -----------------------------------------------------------------------------------------

    def accepted_in(self, start: int, end: int, units: Collection[str] | None = None) -> list[tuple[str, str, int]]:
        """Code, unit and instant of acceptance of the dossiers accepted in [start, end) that are not gone."""
        chosen = _of_units(select(_DOSSIER.code, _GROUP.unit, _DOSSIER.accepted), units)
        there = _DOSSIER.accepted >= start, _DOSSIER.accepted < end, _DOSSIER.status != Status.GONE
        chosen = chosen.where(*there).order_by(_DOSSIER.code)
        with self._database.reading() as connection:
            return [(code, unit, accepted) for code, unit, accepted in connection.execute(chosen)]

    def keep_answers(self, answers: Mapping[str, bool | None], at: int) -> None:
        """Keep whether the national portal has these dossiers; the latest word counts."""
        rows = [{"code": c, "at": at, "found": None if f is None else int(f)} for c, f in answers.items()]
        if rows:
            upsert = self._insert(schema.dossier_answers)
            newer = {"at": upsert.excluded.at, "found": upsert.excluded.found}
            with self._database.writing() as connection:
                connection.execute(upsert.on_conflict_do_update(index_elements=["code"], set_=newer), rows)

    def answers(self, start: int, end: int) -> dict[str, bool | None]:
        """What the national portal said of the dossiers accepted in [start, end)."""
        table = schema.dossier_answers
        chosen = select(table.c.code, table.c.found).join(schema.dossiers, _DOSSIER.code == table.c.code)
        chosen = chosen.where(_DOSSIER.accepted >= start, _DOSSIER.accepted < end)
        with self._database.reading() as connection:
            return {code: None if found is None else bool(found) for code, found in connection.execute(chosen)}


def _touches(start: int, end: int) -> Any:
    """Accepted before the end, and not ended before the start."""
    return and_(_DOSSIER.accepted < end, or_(_DOSSIER.ended.is_(None), _DOSSIER.ended >= start))


def _counts(
    online: int, direct: int, carried: int, early: int, on_time: int, overdue: int, pending: int, late: int
) -> Counts:
    """Sums are counted on their own where that can be: what came and was carried over, what ended and what is open."""
    resolved = early + on_time + overdue
    return Counts(
        online + direct + carried,
        online,
        direct,
        carried,
        resolved,
        early,
        on_time,
        overdue,
        pending,
        pending - late,
        late,
    )


def _of_units(chosen: Select[Any], units: Collection[str] | None) -> Select[Any]:
    chosen = chosen.select_from(schema.dossiers).join(schema.dossier_groups, _DOSSIER.group == _GROUP.id)
    return chosen if units is None else chosen.where(_GROUP.unit.in_(units))


def _known_groups(connection: Connection) -> dict[Group, int]:
    return {Group(r.unit, r.procedure, r.sector): r.id for r in connection.execute(select(schema.dossier_groups))}


class _Known(NamedTuple):
    """A dossier as it is known so far."""

    status: Status
    updated: int
    ended: int | None

    def gives_way_to(self, dossier: Dossier) -> bool:
        return self.updated < dossier.updated or (self.status is Status.GONE and self.updated == dossier.updated)


def _ended(dossier: Dossier, was: _Known | None) -> int | None:
    before = was.ended if was is not None and was.status in FINAL else None
    return ended_at(dossier.status, dossier.ended, dossier.updated, before)


def _states(connection: Connection, codes: Sequence[str]) -> dict[str, _Known]:
    """Those of these dossiers that are known."""
    found: dict[str, _Known] = {}
    for at in range(0, len(codes), _PARTS):
        chosen = select(_DOSSIER.code, _DOSSIER.status, _DOSSIER.updated, _DOSSIER.ended)
        chosen = chosen.where(_DOSSIER.code.in_(codes[at : at + _PARTS]))
        for code, status, updated, ended in connection.execute(chosen):
            found[code] = _Known(Status(status), updated, ended)
    return found


def _unit_row(unit: Unit, *, imported: bool) -> dict[str, Any]:
    days = {name: v.isoformat() if (v := getattr(unit, name)) else None for name in ("valid_from", "valid_to")}
    days["valid_from"] = days["valid_from"] or ""
    return {**asdict(unit), **days, "imported": int(imported)}


def _unit(row: Any) -> Unit:
    first, after = (date.fromisoformat(day) if day else None for day in (row.valid_from, row.valid_to))
    return Unit(row.code, row.name, row.parent, row.level, first, after, row.successor)


def _forms(start: date, end: date, source: Source) -> Select[Any]:
    table = schema.dossier_forms
    same = table.c.start == start.isoformat(), table.c.end == end.isoformat(), table.c.source == str(source)
    return select(table).where(*same).order_by(table.c.version)


def _form_json(form: Form) -> str:
    body = {
        "rows": form.rows,
        "total": form.total,
        "subtotals": [[row, parts] for row, parts in form.subtotals],
    }
    return json.dumps(body, ensure_ascii=False)


def _violations_json(violations: Sequence[Violation]) -> str:
    return json.dumps([list(v) for v in violations], ensure_ascii=False)


def _kept_form(row: Any) -> KeptForm:
    body = json.loads(row.body)
    form = Form(
        date.fromisoformat(row.start),
        date.fromisoformat(row.end),
        Source(row.source),
        tuple(map(_row, body["rows"])),
        None if body["total"] is None else Counts(*body["total"]),
        tuple((_row(one), tuple(map(_row, parts))) for one, parts in body["subtotals"]),
    )
    broken = tuple(Violation(*v) for v in json.loads(row.violations))
    return KeptForm(row.id, form, row.version, row.made_at, row.made_by, row.reason, broken)


def _row(written: Sequence[Any]) -> Row:
    name, code, counts = written
    return Row(name, code, Counts(*counts))

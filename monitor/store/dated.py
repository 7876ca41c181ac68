"""The settings of checks, each from an instant on: a slot is judged by those in force at its time (docs/figures.md).

They are facts: rows are added and never changed, so what is judged again comes out the same under any catalogue.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import itemgetter
from typing import TypeAlias

from sqlalchemy import Connection, func, insert, select

from monitor.judge import hold_ms, latest_ms
from monitor.model import Settings
from monitor.store import schema
from monitor.store.outcomes import Names

SettingsOf: TypeAlias = Callable[[str, str], Settings | None]
"""The settings of (system, check) in a catalogue; None for a check that it does not know."""

CheckKey: TypeAlias = tuple[str, str]  # system, check

ALWAYS = 0  # the first settings of a check are in force from the beginning of time


class Dated:
    """All settings there have been, by check."""

    def __init__(self) -> None:
        self._rows: dict[CheckKey, list[tuple[int, Settings]]] = {}

    def read(self, connection: Connection) -> None:
        """Learn all that the database knows."""
        table = schema.settings
        for system, check, valid_from, *values in connection.execute(select(table).order_by(table.c.valid_from)):
            self._rows.setdefault((system, check), []).append((valid_from, Settings(*values)))

    def of(self, check: CheckKey, due_at: int) -> Settings | None:
        """Those in force for the slot of an instant (ms); None for a check that is not known, or was not yet."""
        rows = self._rows.get(check)
        if rows is None:
            return None
        if due_at >= rows[-1][0]:
            return rows[-1][1]
        index = bisect_right(rows, due_at, key=itemgetter(0))
        return rows[index - 1][1] if index else None

    def newest(self, check: CheckKey) -> tuple[int, Settings] | None:
        """The last ones, with the instant from which they are in force."""
        rows = self._rows.get(check)
        return rows[-1] if rows else None

    def unknown(self, checks: Iterable[CheckKey]) -> set[CheckKey]:
        """Those that have no settings yet."""
        return {*checks} - self._rows.keys()

    def reach(self, check: CheckKey, at: int, holds: int) -> tuple[int, int]:
        """The longest hold and the latest start after its due instant (ms) of a try that may matter to an instant.

        What may matter are verdicts up to so many holds before. Settings that were out of force by then do not.
        """
        rows = self._rows[check]
        ends = [valid_from for valid_from, _ in rows[1:]]
        hold, latest = (max(measure(s) for _, s in rows) for measure in (hold_ms, latest_ms))
        oldest = at - holds * hold - latest
        late = [s for (_, s), end in zip(rows, ends, strict=False) if end + latest_ms(s) + hold_ms(s) > oldest]
        late.append(rows[-1][1])
        return max(map(hold_ms, late)), max(map(latest_ms, late))

    def add(self, connection: Connection, new: Mapping[CheckKey, tuple[int, Settings]]) -> None:
        """Keep settings that are in force from an instant on, each after all others of its check."""
        if not new:
            return
        columns = schema.settings.columns.keys()
        rows = [(*check, valid_from, *_values(settings)) for check, (valid_from, settings) in new.items()]
        connection.execute(insert(schema.settings), [dict(zip(columns, row, strict=True)) for row in rows])
        for check, row in new.items():
            self._rows.setdefault(check, []).append(row)


def _values(settings: Settings) -> tuple[float, float, int, int, float]:
    s = settings
    return s.interval, s.timeout, s.confirm_down, s.confirm_up, s.spacing


def first_settings(
    connection: Connection, names: Names, judged: Collection[int], new: Mapping[CheckKey, Settings]
) -> dict[CheckKey, tuple[int, Settings]]:
    """From when on the first settings of checks are in force: always, so that old outcomes are judged.

    Where outcomes were kept while the check was unknown, none of which is `judged` (the numbers of lines), they stay
    as they are: then from after the last of them.
    """
    if not new:
        return {}
    lines = _lines_of(names)
    since = dict.fromkeys(new, ALWAYS)
    for check in new:
        known = lines[check]
        if known and not any(series in judged for series in known):
            since[check] = _after(connection, known, ALWAYS)
    return {check: (since[check], settings) for check, settings in new.items()}


def changed_settings(
    connection: Connection, names: Names, dated: Dated, current: Mapping[CheckKey, Settings], now: int
) -> dict[CheckKey, tuple[int, Settings]]:
    """Those that differ from the last ones, in force from now on (ms), or from after the last slot that is judged."""
    changed: dict[CheckKey, tuple[int, Settings]] = {}
    lines = _lines_of(names)
    for check, settings in current.items():
        newest = dated.newest(check)
        if newest and newest[1] != settings:
            valid_from = max(now, newest[0] + 1)
            changed[check] = max(valid_from, _after(connection, lines[check], valid_from)), settings
    return changed


def _lines_of(names: Names) -> defaultdict[CheckKey, list[int]]:
    lines: defaultdict[CheckKey, list[int]] = defaultdict(list)
    for series, (system, check, _) in names.keys.items():
        lines[system, check].append(series)
    return lines


def _after(connection: Connection, series: Collection[int], since: int) -> int:
    """The instant after the last outcome of these lines due at or after an instant; that instant if there is none."""
    table = schema.outcomes.c
    last = select(func.max(table.due_at)).where(table.due_at >= since, table.series.in_(series))
    found: int | None = connection.execute(last).scalar()
    return since if found is None else found + 1

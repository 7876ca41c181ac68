"""The newest value of each gauge of a line. A gauge is shown and exported; it is never judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from monitor.model import Gauge
from monitor.store import schema
from monitor.store.database import Database
from monitor.store.ledger import upsert
from monitor.store.outcomes import Kept, Key


class Measured(NamedTuple):
    """A gauge's value, and the start of the try that brought it, in ms."""

    value: float
    at: int


def keep_gauges(connection: Connection, database: Database, new: Iterable[Kept]) -> None:
    """Keep the newest value of each, whatever the order in which they come."""
    newest: dict[tuple[int, Gauge], Measured] = {}
    for series, outcome, _ in new:
        for step in outcome.steps:
            for gauge, value in step.gauges:
                measured = Measured(value, outcome.started_at)
                newest[series, gauge] = max(newest.get((series, gauge), measured), measured, key=lambda m: m[::-1])
    if newest:
        rows = [{"series": s, "name": g, "value": m.value, "at": m.at} for (s, g), m in newest.items()]
        table = schema.gauges.c
        connection.execute(upsert(database, schema.gauges, newer=table.at), rows)


def read_gauges(connection: Connection) -> dict[Key, dict[Gauge, Measured]]:
    """By line; names of a newer program are left out."""
    chosen = select(
        *(schema.series.c[name] for name in ("system", "check", "location")),
        *(schema.gauges.c[name] for name in ("name", "value", "at")),
    ).join(schema.series, schema.series.c.id == schema.gauges.c.series)
    found: dict[Key, dict[Gauge, Measured]] = defaultdict(dict)
    for system, check, location, name, value, at in connection.execute(chosen):
        if name in set(Gauge):
            found[system, check, location][Gauge(name)] = Measured(value, at)
    return dict(found)

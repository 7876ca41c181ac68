"""The book of announced maintenance: what was announced, by whom, and what was called off. Nothing is taken out.

Which of it counts is not said here (monitor/maintenance.py): that depends on the contract. Instants in seconds.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from monitor.maintenance import Window
from monitor.spans import Span
from monitor.store import schema
from monitor.store.database import Database, StoreError


@dataclass(frozen=True, slots=True)
class Announcement:
    """A window as it was announced: what people need to know of it beside what is judged."""

    window: Window
    title: str
    notice_url: str | None
    made_at: int
    made_by: str
    cancelled_by: str | None

    @property
    def id(self) -> int:
        """The number by which people name it."""
        return int(self.window.id)


class MaintenanceBook:
    """Announced maintenance, in the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        systems: Collection[str],
        spans: Sequence[Span],
        notice_at: int,
        *,
        at: int,
        by: str,
        title: str = "",
        notice_url: str | None = None,
    ) -> list[Announcement]:
        """Write down one notice: a window, or the dates of a series, which get one name. Returns them with their ids.

        Raises ValueError for a window without a system or that ends before it begins: nothing is written then.
        """
        if not systems or not spans:
            raise ValueError("a notice names systems and at least one window")
        series = uuid.uuid4().hex[:12] if len(spans) > 1 else None
        for start, end in spans:
            Window("", frozenset(systems), start, end, notice_at)  # refuses what is none
        common = {
            "systems": json.dumps(sorted(systems)),
            "notice_at": notice_at,
            "notice_url": notice_url,
            "series": series,
            "title": title,
            "made_at": at,
            "made_by": by,
        }
        made = insert(schema.maintenance).returning(*schema.maintenance.columns)
        with self._database.writing() as connection:
            return [
                _announcement(connection.execute(made, {**common, "start": start, "end": end}).one())
                for start, end in spans
            ]

    def cancel(self, id_: int, *, at: int, by: str) -> Announcement:
        """Write down when a cancellation was sent, once. Raises StoreError for what is unknown or cancelled already."""
        table = schema.maintenance
        cancelled = update(table).where(table.c.id == id_, table.c.cancelled_at.is_(None))
        with self._database.writing() as connection:
            row = connection.execute(
                cancelled.values(cancelled_at=at, cancelled_by=by).returning(*table.columns)
            ).one_or_none()
            if row is not None:
                return _announcement(row)
            known = connection.execute(select(table.c.id).where(table.c.id == id_)).first()
        said = "is cancelled already" if known else "is unknown; `motcua maintenance list` shows all"
        raise StoreError(f"maintenance {id_} {said}", permanent=True)

    def announcements(self, start: int | None = None, end: int | None = None) -> list[Announcement]:
        """What touches [start, end), in order of start; None is open."""
        table = schema.maintenance
        chosen = select(table).order_by(table.c.start, table.c.id)
        if start is not None:
            chosen = chosen.where(table.c.end > start)
        if end is not None:
            chosen = chosen.where(table.c.start < end)
        with self._database.reading() as connection:
            return [_announcement(row) for row in connection.execute(chosen)]

    def windows(self, start: int, end: int) -> list[Window]:
        """The windows that touch [start, end), in order of start; cancelled ones too: a cancellation may not count."""
        return [announcement.window for announcement in self.announcements(start, end)]


def _announcement(row: Any) -> Announcement:
    window = Window(
        str(row.id),
        frozenset(json.loads(row.systems)),
        row.start,
        row.end,
        row.notice_at,
        row.cancelled_at,
        row.series,
    )
    return Announcement(window, row.title, row.notice_url, row.made_at, row.made_by, row.cancelled_by)

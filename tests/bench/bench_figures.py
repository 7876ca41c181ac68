"""What the figures of a period cost: 2,000 checks with 20 incidents a month each, in a store of its own.

In one process, and as the whole command `motcua availability`, with the start of the interpreter. Plain functions;
results go into JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import connectors
from monitor import catalogue as catalogues
from monitor import figures, periods
from monitor.catalogue import Catalogue
from monitor.garbage import collecting_later
from monitor.judge import Boundary, Line, Try
from monitor.model import Reason, State, Verdict
from monitor.periods import Kind
from monitor.store import Store, schema
from monitor.store.codec import line_row
from monitor.terms import keys_in

SYSTEMS, CHECKS = 200, 10
INCIDENTS = 20
"""Of each check in each month."""

HOLD = 130
DAY = 86_400
HOURS = [["07:00-11:00", "13:00-17:00"], ["07:30-11:30", "13:30-17:30"], ["00:00-24:00"]]
REASONS = (Reason.HTTP_5XX, Reason.READ_TIMEOUT, Reason.CONNECT_REFUSED, Reason.CONTRACT_VIOLATION)


def bench_figures(name: str, months: int, runs: int = 3) -> dict[str, Any]:
    """Seconds that the availability of a period takes, the best of some runs, and what they are made of.

    Each check has as many incidents as are usual in so many months, wherever in the period they lie.
    """
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        path, data = Path(folder) / "catalogue.yaml", Path(folder) / "data"
        path.write_text(json.dumps(province(), ensure_ascii=False), encoding="utf-8")
        data.mkdir()
        store = Store.open(f"sqlite:///{data / 'motcua.db'}")
        try:
            store.upgrade()
            loaded = catalogues.load(path, connectors.CONNECTORS, {})
            span = periods.seconds(periods.parse(name, Kind.CALENDAR), ZoneInfo(loaded.province.timezone))
            fill(store, loaded, span, months * INCIDENTS)
            with collecting_later():  # as the command does
                measured = [in_process(store, loaded, span) for _ in range(runs)]
        finally:
            store.close()
        best = min(measured, key=lambda one: one["all_s"])
        return {
            **{key: value if key.startswith("n_") else round(value, 3) for key, value in best.items()},
            **command(name, path, data, runs),
        }


def in_process(store: Store, loaded: Catalogue, span: tuple[int, int]) -> dict[str, Any]:
    clock = _Clock()
    store.boundaries(span[0] - DAY, span[1] + DAY)
    parts = {"boundaries_s": clock.lap()}
    counted = store.periods.tries(*span)
    parts["tries_s"] = clock.lap()
    began = time.perf_counter()
    read = figures.read(loaded, store, span, span[1] + 2 * DAY)
    parts["read_s"] = clock.lap()
    made = figures.rows(read)
    parts["count_s"] = clock.lap()
    text = [json.dumps(row, ensure_ascii=False) for row in made]
    parts["json_s"] = clock.lap()
    parts["all_s"] = time.perf_counter() - began
    assert len(counted) == len(list(keys(loaded))), "a line has no tries"
    assert all(row["down_seconds"] for row in made if row["figure"] == "raw" and row["check"] is not None)
    return {"n_rows": len(text), "n_bytes": sum(map(len, text)), **parts}


def command(name: str, path: Path, data: Path, runs: int) -> dict[str, Any]:
    """Wall seconds of the whole command, and of one that does nothing: interpreter and imports alone."""
    words = ["availability", "--period", name, "--json", "--data", str(data), "-c", str(path)]
    took = min(_run(words) for _ in range(runs))
    return {"command_s": round(took, 3), "command_help_s": round(min(_run(["--version"]) for _ in range(runs)), 3)}


def _run(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "monitor.cli", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


class _Clock:
    def __init__(self) -> None:
        self._at = time.perf_counter()

    def lap(self) -> float:
        before, self._at = self._at, time.perf_counter()
        return self._at - before


# --- what is looked at ------------------------------------------------------------------------------------------------


def province() -> dict[str, Any]:
    """200 systems of 10 checks, eight of them critical; every fifth is asked from two locations.

    Each hangs on one of the first five, and a third of them have a contract.
    """
    calendars = {
        name: {
            "hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), hours),
            "years": {str(year): {"confirmed": True, "days": []} for year in (2024, 2025, 2026, 2027)},
        }
        for name, hours in zip(("state", "late", "always"), HOURS, strict=True)
    }
    return {
        "province": {"id": "do_luong", "name": _named("Đo lường"), "timezone": "Asia/Ho_Chi_Minh"},
        "parties": {party: {"name": _named(party)} for party in ("vendor", "carrier", "centre")},
        "contracts": {"hire": {"party": "vendor", "name": _named("Hợp đồng"), "objective": "99.5%"}},
        "calendars": calendars,
        "defaults": {"interval": 60, "timeout": 10},
        "locations": {
            place: {"name": _named(place), "controls": [{"id": f"to_{place}", "url": "http://127.0.0.1:9/"}]}
            for place in ("office", "branch")
        },
        "systems": {f"s{number:03}": _system(number) for number in range(SYSTEMS)},
    }


def _named(name: str) -> dict[str, str]:
    return {"vi": name, "en": name}


def _system(number: int) -> dict[str, Any]:
    places = ["office", "branch"] if number % 5 == 4 else ["office"]
    return {
        "name": _named(f"Hệ thống {number}"),
        "owner": "centre",
        "party": ("vendor", "carrier", "centre")[number % 3],
        "connector": "http",
        "options": {"base_url": "http://127.0.0.1:9"},
        "calendar": ("state", "late", "always")[number % 3],
        "depends_on": [f"s{number % 5:03}"] if number >= 5 else [],
        "checks": {
            f"c{check}": {"options": {"path": "/"}, "critical": check < 8, "locations": places}
            for check in range(CHECKS)
        },
    } | ({"contract": "hire"} if number % 3 == 0 else {})


def keys(loaded: Catalogue) -> Iterator[tuple[str, str, str]]:
    for system in loaded.systems:
        yield from keys_in(loaded, system)


_KEY = ("system", "check", "location")


def fill(store: Store, loaded: Catalogue, span: tuple[int, int], incidents: int) -> None:
    """What a recorder leaves of such a period: lines, boundaries, roll-ups by the hour, reasons; no raw outcomes."""
    random, told = Random(1), dict[tuple[str, str], list[Boundary]]()
    database = store._database
    insert = {table: database.many(table.insert()) for table in (schema.boundaries, schema.lines, schema.reasons)}
    with database.writing() as connection:
        for number, key in enumerate(keys(loaded), 1):
            connection.execute(schema.series.insert().values(dict(zip(_KEY, key, strict=True))))
            if key[:2] not in told:
                told[key[:2]] = boundaries(random, span, incidents)
            seen = [b._replace(at=b.at + 7 * (key[2] == "branch")) for b in told[key[:2]]]
            connection.exec_driver_sql(insert[schema.boundaries], [(number, *b) for b in seen])
            at = 1000 * (span[1] + 3 * DAY)
            line = Line(seen[-1], None, at + 1000 * HOLD, (), Try(at, at, 1, Verdict.UP, micros=200_000))
            connection.exec_driver_sql(insert[schema.lines], [line_row(number, line)])
            hours = {b.at // 3600 * 3600: b for b in seen if b.state is State.DOWN}
            failed = [(number, hour, b.reason, b.step, 3) for hour, b in hours.items()]
            connection.exec_driver_sql(insert[schema.reasons], failed)
        connection.exec_driver_sql(ROLLUPS, (span[0] - DAY, span[1] + DAY))
        connection.exec_driver_sql("ANALYZE")


ROLLUPS = f"""
    WITH RECURSIVE hours (hour) AS (SELECT ? UNION ALL SELECT hour + 3600 FROM hours WHERE hour + 3600 < ?)
    INSERT INTO rollups (series, hour, {", ".join(schema.ROLLUP_COUNTS)})
    SELECT id, hour, 57, 0, 3, 0, 4, 4, 12000000, 300, 600, 900, 9000, 600, 0, 0, 57, 3, 0, 0, 0, 0, 0
    FROM series, hours ORDER BY id, hour
"""
"""60 first tries an hour, 57 of them up: what is added up, whatever the numbers."""


def boundaries(random: Random, span: tuple[int, int], incidents: int) -> list[Boundary]:
    """A line that is up but for its incidents, a minute to an hour each; every tenth ends in silence."""
    whole = span[1] - span[0]
    starts = sorted(random.sample(range(span[0] // 7200 + 1, (span[0] + whole) // 7200), incidents))
    made = [Boundary(span[0] - 20 * DAY, State.UP)]
    for number, slot in enumerate(starts):
        at = 7200 * slot + random.randrange(1800)
        reason = REASONS[random.randrange(len(REASONS))]
        lasts = list(accumulate((random.randrange(60, 3600), random.randrange(60, 1200))))
        made.append(Boundary(at, State.DOWN, reason, "request"))
        if number % 10 == 9:
            made += [Boundary(at + lasts[0], State.NO_DATA), Boundary(at + lasts[1], State.UP)]
        elif number % 10 == 4:
            made += [Boundary(at + lasts[0], State.DEGRADED, Reason.SLOW, "request"), Boundary(at + lasts[1], State.UP)]
        else:
            made.append(Boundary(at + lasts[0], State.UP))
    return made

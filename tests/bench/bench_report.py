"""What a report costs: 20 systems, 200 systems with 2,000 checks and 500 incidents, and 1, 3 and 12 months of raw rows.

Each run is a process of its own, so that its peak of memory is its own. Plain functions; results go into JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import connectors
from monitor import catalogue as catalogues
from monitor import figures, periods
from monitor.catalogue import Catalogue
from monitor.garbage import collecting_later
from monitor.incident_rules import IncidentRules
from monitor.judge import Boundary, Line, Try
from monitor.model import Outcome, Phases, Reason, State, StepResult, Verdict
from monitor.report import content as contents
from monitor.report import dossiers
from monitor.report.facts import gather
from monitor.report.renderers import RENDERERS, render
from monitor.store import Store, schema
from monitor.store.codec import line_row
from tests.bench import bench_figures as base

MONTH = "2026-10"
DAY = 86_400
REASONS = (Reason.HTTP_5XX, Reason.READ_TIMEOUT, Reason.CONNECT_REFUSED)


def bench_report() -> dict[str, Any]:
    """Seconds and peak of memory of each case; the raw rows of the last three differ, the report does not."""
    found = {"systems_20": measured(20, 50, 0, 0), "systems_200": measured(200, 500, 0, 0)}
    for months in (1, 3, 12):
        found[f"raw_{months}_months"] = measured(20, 50, months, months - 1)
    return found


def measured(systems: int, incidents: int, raw_months: int, closed_months: int) -> dict[str, Any]:
    """In processes of their own: one fills a store, five times another one builds; the best of these."""
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        words = [folder, str(systems), str(incidents), str(raw_months), str(closed_months)]
        _run(["fill", *words])
        runs = [_sampled(["build", folder]) for _ in range(5)]
    best: dict[str, Any] = min(runs, key=lambda one: one["cpu_s"])
    return {**best, "sum_peak_mb": max(run["sum_peak_mb"] for run in runs)}


def _run(words: list[str]) -> str:
    done = subprocess.run([sys.executable, "-m", "tests.bench.bench_report", *words], check=True, capture_output=True)
    return done.stdout.decode()


def _sampled(words: list[str]) -> dict[str, Any]:
    """A run in a process group of its own; `sum_peak_mb`: the most that all of the group held at one instant.

    Resident memory, every 5 ms: what process and child share (libraries) is counted in both.
    """
    command = [sys.executable, "-m", "tests.bench.bench_report", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as running:
        most = 0
        while running.poll() is None:
            most = max(most, _resident(running.pid))
            time.sleep(0.005)
        assert running.stdout is not None
        told: dict[str, Any] = json.loads(running.stdout.read())
        assert running.returncode == 0, "the run failed"
    return {**told, "sum_peak_mb": most // 1024**2}


def _resident(group: int) -> int:
    """Bytes that the processes of a group hold in memory now."""
    found = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group:
                    found += int(fields[21]) * resource.getpagesize()
    return found


# --- building ---------------------------------------------------------------------------------------------------------


def build(folder: Path) -> dict[str, Any]:
    """The five formats of one month, in this process."""
    loaded, store = _opened(folder)
    period, parts = periods.parse(MONTH, "calendar"), dict[str, float]()
    now = _span(loaded)[1] + 2 * DAY
    spent = resource.getrusage(resource.RUSAGE_SELF)
    started = spent.ru_utime + spent.ru_stime
    began = clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        before, clock = clock, time.perf_counter()
        parts[f"{name}_s"] = round(clock - before, 3)

    with collecting_later():
        facts = gather(loaded, store, period, now, dossiers.gather(loaded, store, period, now))
        lap("gather")
        made = contents.document(facts, "vi")
        lap("content")
        sizes = {}
        for name, content in render(made, RENDERERS):
            sizes[f"{name}_bytes"] = len(content)
            lap(name)
    store.close()
    counts = {"incidents": len(facts.incidents), "systems": len(facts.systems)}
    whose = {"peak_mb": resource.RUSAGE_SELF, "typst_peak_mb": resource.RUSAGE_CHILDREN}
    peaks = {name: resource.getrusage(who).ru_maxrss // 1024 for name, who in whose.items()}
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(one.ru_utime + one.ru_stime for one in used) - started
    return {"all_s": round(time.perf_counter() - began, 2), "cpu_s": round(cpu, 2), **peaks, **parts, **counts, **sizes}


def _opened(folder: Path) -> tuple[Catalogue, Store]:
    loaded = catalogues.load(folder / "catalogue.yaml", connectors.CONNECTORS, {})
    return loaded, Store.open(f"sqlite:///{folder / 'motcua.db'}")


def _span(loaded: Catalogue) -> tuple[int, int]:
    return periods.seconds(periods.parse(MONTH, "calendar"), ZoneInfo(loaded.province.timezone))


# --- filling ----------------------------------------------------------------------------------------------------------


def fill(folder: Path, systems: int, incidents: int, raw_months: int, closed_months: int) -> None:
    """What a recorder leaves: lines, boundaries, hourly roll-ups, incidents; raw outcomes, one an hour and check."""
    province = base.province()
    province["systems"] = dict(list(province["systems"].items())[:systems])
    (folder / "catalogue.yaml").write_text(json.dumps(province, ensure_ascii=False), encoding="utf-8")
    loaded, store = _opened(folder)
    store.upgrade()
    start, end = _span(loaded)
    first = start - 31 * DAY * max(closed_months, 1)
    told = _boundaries(loaded, Random(1), first, end, incidents * (1 + max(closed_months, 1)))
    database = store._database
    insert = {table: database.many(table.insert()) for table in (schema.boundaries, schema.lines, schema.reasons)}
    with database.writing() as connection:
        for number, key in enumerate(base.keys(loaded), 1):
            named = dict(zip(("system", "check", "location"), key, strict=True))
            connection.execute(schema.series.insert().values(named))
            seen = told.get(key[:2], [Boundary(first, State.UP)])
            connection.exec_driver_sql(insert[schema.boundaries], [(number, *b) for b in seen])
            at = 1000 * (end + 3 * DAY)
            line = Line(seen[-1], None, at + 130_000, (), Try(at, at, 1, Verdict.UP, micros=200_000))
            connection.exec_driver_sql(insert[schema.lines], [line_row(number, line)])
            hours = {b.at // 3600 * 3600: b for b in seen if b.state is State.DOWN}
            if hours:
                failed = [(number, hour, b.reason, b.step, 3) for hour, b in hours.items()]
                connection.exec_driver_sql(insert[schema.reasons], failed)
        connection.exec_driver_sql(base.ROLLUPS, (first - DAY, end + DAY))
    store.incidents.make_all(IncidentRules(loaded))
    if raw_months:
        for part in _raw(loaded, end - raw_months * 30 * DAY, end):
            store.record(part, lambda *_: None)
    for number in range(1, closed_months + 1):
        month = 2026 * 12 + 9 - number
        _close(loaded, store, f"{month // 12}-{month % 12 + 1:02d}")
    with database.writing() as connection:
        connection.exec_driver_sql("ANALYZE")
    store.close()


def _boundaries(
    loaded: Catalogue, random: Random, start: int, end: int, number: int
) -> dict[tuple[str, str], list[Boundary]]:
    """So many outages of the first checks of systems, hours apart; no system fails twice within an hour."""
    told = {(system, "c0"): [Boundary(start - 20 * DAY, State.UP)] for system in loaded.systems}
    slots = random.sample(range(len(told) * ((end - start) // 10_800)), number)
    for slot in sorted(slots, key=lambda s: s // len(told)):
        key = list(told)[slot % len(told)]
        at = start + 10_800 * (slot // len(told)) + random.randrange(1800)
        reason = REASONS[random.randrange(len(REASONS))]
        up = Boundary(at + random.randrange(60, 3600), State.UP)
        told[key] += [Boundary(at, State.DOWN, reason, "request"), up]
    return told


def _raw(loaded: Catalogue, start: int, end: int) -> Iterator[list[Outcome]]:
    """One good try an hour of each line, a day at a time; they are judged by nobody here."""
    steps = (StepResult("request", Verdict.UP, None, Phases(0.01, 0.02, 0.03, 0.1, 0.04), 200),)
    for day in range(start, end, DAY):
        yield [
            Outcome(*key, 1000 * at, 1, 1000 * at, 0.2, Verdict.UP, None, steps)
            for at in range(day, day + DAY, 3600)
            for key in base.keys(loaded)
        ]


def _close(loaded: Catalogue, store: Store, name: str) -> None:
    period = periods.parse(name, "calendar")
    start, end = periods.seconds(period, ZoneInfo(loaded.province.timezone))
    read = figures.read(loaded, store, (start, end), end + DAY)
    frozen = figures.canonical(figures.frozen(read))
    store.periods.close("calendar", name, start, end, at=end + DAY, by="bench", inputs=read.digest, figures=frozen)


if __name__ == "__main__":
    task, place, *numbers = sys.argv[1:]
    if task == "fill":
        fill(Path(place), *map(int, numbers))
    else:
        print(json.dumps(build(Path(place))))

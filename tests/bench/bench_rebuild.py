"""What it costs to judge everything again: `motcua rebuild` as a process of its own, on a store full of outcomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from monitor.model import Phases, Reason, Settings, StepResult, Verdict
from monitor.seals import day_of
from monitor.store import Store, schema
from monitor.store.codec import outcome_code, pack_steps
from monitor.store.outcomes import Names
from tests.bench.bench_figures import CHECKS, SYSTEMS, province

START = 1_790_000_000_000
INTERVAL = 60_000


def bench_rebuild(n: int = 1_000_000) -> dict[str, Any]:
    """Wall seconds, CPU and peak memory of rebuilding n outcomes; $BENCH_OUTCOMES sets n (the target: 10 million)."""
    n = int(os.environ.get("BENCH_OUTCOMES") or n)
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        path, data = Path(folder) / "catalogue.yaml", Path(folder) / "data"
        path.write_text(json.dumps(province()), encoding="utf-8")
        data.mkdir()
        store = Store.open(f"sqlite:///{data / 'motcua.db'}")
        try:
            store.upgrade()
            fill(store, n)
            size = store.size()
        finally:
            store.close()
        measured = _rebuild(path, data, n)
        store = Store.open(f"sqlite:///{data / 'motcua.db'}")
        counted = sum(t.conclusive + t.inconclusive + t.rechecks for t in store.totals().values())
        store.close()
        if counted != n:
            raise RuntimeError(f"{counted} of {n} outcomes were judged")
        return {"outcomes": n, "store_mb": round(size / 1e6), **measured}


def _rebuild(path: Path, data: Path, n: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "monitor.cli", "rebuild", "--data", str(data), "-c", str(path)]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "100"}) as process:
        while process.poll() is None:
            peak = max(peak, _peak_kb(process.pid))
            time.sleep(0.1)
        said = process.stderr.read().strip().splitlines() if process.stderr else []
    took, cpu = time.perf_counter() - began, os.times()
    if process.returncode:
        raise RuntimeError("\n".join(said))
    return {
        "wall_s": round(took, 1),
        "children_cpu_s": round(cpu.children_user + cpu.children_system, 1),
        "outcomes_per_s": round(n / took),
        "peak_rss_mb": round(peak / 1024),
        "last_words": said[-2:],
    }


def _peak_kb(process: int) -> int:
    """The highest RSS of a process so far, 0 when it has just ended; wait4's figure has the parent's in it."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def fill(store: Store, n: int) -> None:
    """Put outcomes into the table as the recorder would, and nothing else: 2,000 checks and the controls, by minutes.

    One try in a hundred fails, and is repeated twice; in between a check fails for ten minutes.
    """
    store.date_settings({key[:2]: Settings(interval=60, timeout=10) for key in _keys()}, 0)
    database = store._database
    insert = database.many(schema.outcomes.insert())
    with database.writing() as connection:
        names = Names()
        series = [names.number(connection, key) for key in _keys()]
        connection.execute(schema.step_names.insert().values(id=1, name="request"))
    rows = _rows(series, n)
    while part := list(islice(rows, 50_000)):
        with database.writing() as connection:
            connection.exec_driver_sql(insert, part)


def _keys() -> Iterator[tuple[str, str, str]]:
    for system in range(SYSTEMS):
        for check in range(CHECKS):
            yield f"s{system:03}", f"c{check}", "office"
    yield "_control", "to_office", "office"


_Row = tuple[int, int, int, int, int, int, bytes, int]


def _rows(series: list[int], n: int) -> Iterator[_Row]:
    random = Random(1)
    good = [_packed(random, Verdict.UP, None) for _ in range(500)]
    bad = [_packed(random, Verdict.DOWN, Reason.HTTP_5XX) for _ in range(500)]
    up, down = outcome_code(Verdict.UP, None, "measured"), outcome_code(Verdict.DOWN, Reason.HTTP_5XX, "measured")
    failing = dict.fromkeys(series, 0)
    step, slot, made = INTERVAL // len(series), 0, 0
    while made < n:
        for place, number in enumerate(series):
            due_at = START + slot * INTERVAL + place * step
            failing[number] -= 1
            if failing[number] < -100 and random.random() < 0.0005:
                failing[number] = 10
            failed = failing[number] > 0 or random.random() < 0.01
            micros, packed = random.choice(bad if failed else good)
            tries = 3 if failed and (failing[number] == 9 or failing[number] < 0) else 1
            for number_of_try in range(1, tries + 1):
                late = random.randrange(20) + 2000 * (number_of_try - 1)
                refuted = number_of_try > 1 and failing[number] < 0
                code = up if refuted or not failed else down
                yield due_at, number, number_of_try, late, micros, code, packed, day_of(due_at)
                made += 1
                if made == n:
                    return
        slot += 1


def _packed(random: Random, verdict: Verdict, reason: Reason | None) -> tuple[int, bytes]:
    phases = Phases(*(random.uniform(0.0005, most) for most in (0.01, 0.02, 0.05, 0.4, 0.05)))
    made = StepResult("request", verdict, reason, phases, 500 if reason else 200)
    return round(made.seconds * 1e6), pack_steps([made], {"request": 1})[0]

"""What judging and recording cost: CPU a try, CPU and bytes an outcome. Plain functions; results go into JSON."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from monitor.judge import Line, Try, fold, step
from monitor.model import Outcome, Phases, Reason, Settings, StepResult, Verdict
from monitor.store import Store

SETTINGS = Settings(interval=60, timeout=10)
START = 1_790_000_000_000
CHECKS = 500
BATCH = 500

SHAPES = {"http": ("request",), "igate": ("token", "portal", "search", "procedures")}
"""Steps of a plain page's check, and of one that logs in and asks for three things."""


def bench_judge(n: int = 200_000) -> dict[str, Any]:
    """Tries a second that one core folds, and microseconds of CPU a step; a fifth of the tries failed."""
    random = Random(1)
    tries = []
    for number in range(n):
        at = START + number * 60_000
        said = (Verdict.DOWN, Reason.HTTP_5XX, "request") if random.random() < 0.2 else (Verdict.UP, None, None)
        tries.append(Try(at, at, 1, *said))
    began = time.process_time()
    _, boundaries = fold(tries, lambda _: SETTINGS)
    folded = time.process_time() - began
    line = Line()
    began = time.process_time()
    for try_ in tries:
        line, _ = step(line, try_, SETTINGS)
    stepped = time.process_time() - began
    return {
        "tries": n,
        "boundaries": len(boundaries),
        "fold_tries_per_s": round(n / folded),
        "step_cpu_us": round(stepped / n * 1e6, 2),
    }


def bench_store(n: int = 100_000) -> dict[str, Any]:
    """CPU and bytes that an outcome costs in SQLite, for each shape; the bytes are all that the database takes."""
    measured = {}
    for shape, steps in SHAPES.items():
        with tempfile.TemporaryDirectory() as directory:
            measured[shape] = measure(f"sqlite:///{Path(directory) / 'bench.db'}", n, steps)
    return measured


def measure(url: str, n: int, steps: Sequence[str]) -> dict[str, Any]:
    """Record n outcomes into an empty store; the clocks run inside `record` only."""
    store = Store.open(url)
    try:
        store.upgrade()
        cpu = wall = 0.0
        made = outcomes_of(steps)
        for _ in range(n // BATCH):
            batch = list(islice(made, BATCH))
            cpu_began, wall_began = time.process_time(), time.perf_counter()
            store.record(batch, lambda *_: SETTINGS)
            cpu += time.process_time() - cpu_began
            wall += time.perf_counter() - wall_began
        began = time.process_time()
        store.rebuild(lambda *_: SETTINGS)
        rebuilt = time.process_time() - began
        return {
            "outcomes": n,
            "record_cpu_ms_per_outcome": round(cpu / n * 1000, 4),
            "record_outcomes_per_s": round(n / wall),
            "rebuild_cpu_ms_per_outcome": round(rebuilt / n * 1000, 4),
            "bytes_per_outcome": round(store.size() / n, 1),
        }
    finally:
        store.close()


def outcomes_of(steps: Sequence[str]) -> Iterator[Outcome]:
    """What 500 checks say, a minute after the other: one in a hundred tries fails."""
    random = Random(1)
    slot = 0
    while True:
        for check in range(CHECKS):
            due_at = START + slot * 60_000 + check * 120
            failed = random.random() < 0.01
            verdict, reason = (Verdict.DOWN, Reason.HTTP_5XX) if failed else (Verdict.UP, None)
            made = []
            for number, name in enumerate(steps):
                fresh = Phases(*(random.uniform(0.0005, most) for most in (0.01, 0.02, 0.05, 0.4, 0.05)))
                phases = fresh if number == 0 else Phases(wait=fresh.wait, transfer=fresh.transfer)
                last = number == len(steps) - 1
                bad = failed and last
                made.append(
                    StepResult(
                        name, verdict if last else Verdict.UP, reason if last else None, phases, 500 if bad else 200
                    )
                )
            seconds = sum(s.seconds for s in made)
            started_at = due_at + random.randrange(20)
            key = f"system-{check % 25}", f"check-{check // 25}", "office"
            yield Outcome(*key, due_at, 1, started_at, seconds, verdict, reason, tuple(made))
        slot += 1

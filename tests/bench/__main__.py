"""make bench: every measurement in one run, as one JSON object on standard output; progress on standard error.

python -m tests.bench [NAME...]
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

import pycurl

from tests.bench import (
    bench_boards,
    bench_figures,
    bench_metrics,
    bench_monitor,
    bench_rebuild,
    bench_report,
    bench_store,
    bench_tls,
)

BENCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "judge": bench_store.bench_judge,
    "store": lambda: bench_store.bench_store(50_000),
    "figures_month": lambda: bench_figures.bench_figures("2026-10", 1),
    "figures_year": lambda: bench_figures.bench_figures("2025", 12),
    "figures_year_of_20": lambda: bench_figures.bench_figures("2025", 1),
    "rebuild": bench_rebuild.bench_rebuild,
    "idle": bench_monitor.bench_idle,
    "load_100": lambda: bench_monitor.bench_load(100),
    "load_1000": lambda: bench_monitor.bench_load(1000),
    "tls_1000": bench_tls.bench_tls,
    "dead_names": bench_monitor.bench_dead_names,
    "hung_targets": bench_monitor.bench_hung_targets,
    "boards": bench_boards.bench_boards,
    "metrics": bench_metrics.bench_metrics,
    "detection": bench_monitor.bench_detection,
    "alert_latency": bench_monitor.bench_alert_latency,
    "hanging_bus": bench_monitor.bench_hanging_bus,
    "receiver_away": bench_monitor.bench_receiver_away,
    "report": bench_report.bench_report,
}

LONG = frozenset({"receiver_away"})
"""What takes more than five minutes is run by its name alone."""


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    results: dict[str, Any] = {"machine": machine()}
    for name in names or [name for name in BENCHES if name not in LONG]:
        began = time.monotonic()
        print(f"{name}...", file=sys.stderr, end="", flush=True)
        results[name] = BENCHES[name]()
        print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(json.dumps(results, indent=2))
    return 0


def machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "libcurl": pycurl.version,
        "sqlite": sqlite3.sqlite_version,
        "load_before": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

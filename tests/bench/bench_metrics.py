"""What a scrape of /metrics costs: 200 systems of 10 checks, each with 20 incidents in the last 30 days."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import connectors
from monitor import catalogue as catalogues
from monitor.incident_rules import IncidentRules
from monitor.judge import Boundary
from monitor.metrics import Exporter
from monitor.model import Reason, State
from monitor.store import Store, schema
from tests.bench.bench_figures import DAY, INCIDENTS, fill, province

NOW = 1_790_000_000
RUNS = 10
LATE = 12 * DAY


def bench_metrics() -> dict[str, Any]:
    """Seconds and bytes of a scrape: the first one, later ones 15 s apart, and one after a late outcome."""
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        path = Path(folder) / "catalogue.yaml"
        path.write_text(json.dumps(province(), ensure_ascii=False), encoding="utf-8")
        loaded = catalogues.load(path, connectors.CONNECTORS, {})
        store = Store.open(f"sqlite:///{Path(folder) / 'motcua.db'}")
        try:
            store.upgrade()
            fill(store, loaded, (NOW - 30 * DAY, NOW), INCIDENTS)
            store.incidents.make_all(IncidentRules(loaded))
            return measured(loaded, store)
        finally:
            store.close()


def measured(loaded: catalogues.Catalogue, store: Store) -> dict[str, Any]:
    clock = [float(NOW)]
    exporter = Exporter(loaded, store, lambda: clock[0])
    first, _, text = scrape(exporter)
    later = []
    for _ in range(RUNS):
        clock[0] += 15
        later.append(scrape(exporter)[:2])
    with store._database.writing() as connection:  # as the recorder writes one that comes late
        connection.execute(
            schema.boundaries.insert(),
            [
                {"series": 1, "at": at, "state": state, "reason": reason, "step": None}
                for at, state, reason, _ in (
                    Boundary(NOW - LATE, State.DOWN, Reason.HTTP_5XX),
                    Boundary(NOW - LATE + 60, State.UP),
                )
            ],
        )
    late, _, changed = scrape(exporter)
    assert changed == Exporter(loaded, store, lambda: clock[0]).text(), "kept days say something else than a count"
    assert changed != text
    return {
        "n_bytes": len(text),
        "n_series": sum(not line.startswith(b"#") for line in text.splitlines()),
        "first_s": round(first, 3),
        "best_s": round(min(wall for wall, _ in later), 3),
        "median_s": round(sorted(wall for wall, _ in later)[RUNS // 2], 3),
        "worst_s": round(max(wall for wall, _ in later), 3),
        "best_cpu_s": round(min(cpu for _, cpu in later), 3),
        "after_late_outcome_s": round(late, 3),
    }


def scrape(exporter: Exporter) -> tuple[float, float, bytes]:
    wall, cpu = time.perf_counter(), time.process_time()
    text = exporter.text()
    return time.perf_counter() - wall, time.process_time() - cpu, text

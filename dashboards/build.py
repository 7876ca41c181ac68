"""Writes what is generated: the boards as Grafana reads them, and docs/metrics.md.

`python -m dashboards.build` writes the files, `--check` compares them with what would be written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dashboards import dossiers, igate_failures, interlink, overview, slo, system, watcher
from dashboards.vocabulary import Json
from monitor.metric_names import LABELS, METRICS, PLANNED, PLANNED_LABELS, Metric

BOARDS: Mapping[str, Callable[[], Json]] = {
    "overview": overview.board,
    "system": system.board,
    "igate_failures": igate_failures.board,
    "interlink": interlink.board,
    "slo": slo.board,
    "dossiers": dossiers.board,
    "watcher": watcher.board,
}
"""By the name of the file."""

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Every generated file with its text."""
    files = {ROOT / f"dashboards/grafana/{name}.json": _board_file(board()) for name, board in BOARDS.items()}
    return {**files, ROOT / "docs/metrics.md": _metrics_page()}


def _board_file(board: Json) -> str:
    return json.dumps(board, ensure_ascii=False, indent=2) + "\n"


def _metrics_page() -> str:
    lines = [
        "# Metrics",
        "",
        "Generated from `monitor/metric_names.py` by `python -m dashboards.build`; do not edit.",
        "",
        "Counters and windows are read from the database: they survive a restart. What figures mean is fixed in",
        "[figures.md](figures.md). Histograms have the usual `_bucket`, `_sum` and `_count`.",
        "",
        *_table(METRICS.values(), LABELS),
    ]
    if PLANNED:
        lines += [
            "",
            "## Planned",
            "",
            "Boards and rules ask for these already; nothing exports them yet. What needs them is empty until then.",
            "",
            *_table(PLANNED, PLANNED_LABELS),
        ]
    return "\n".join(lines) + "\n"


def _table(metrics: Iterable[Metric], labels: Mapping[str, str]) -> list[str]:
    return [
        "| metric | type | labels | meaning |",
        "|---|---|---|---|",
        *map(_row, metrics),
        "",
        "| label | values |",
        "|---|---|",
        *(f"| `{label}` | {text} |" for label, text in labels.items()),
    ]


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    text = metric.help
    if metric.buckets:
        text += " Buckets: " + ", ".join(f"{limit:g}" for limit in metric.buckets) + "."
    return f"| `{metric.name}` | {metric.kind} | {labels} | {text} |"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is not up to date")
    check = parser.parse_args().check
    stale = [
        path for path, text in generated().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        sys.stdout.write(f"{'not up to date' if check else 'written'}: {path.relative_to(ROOT)}\n")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())

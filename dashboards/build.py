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
from monitor.metric_names import LABELS, METRICS, Metric

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


class BuildError(Exception):
    """A file cannot be read or written; says which and why."""


def generated(folder: Path | None = None) -> dict[Path, str]:
    """Every generated file with its text; with a folder the boards alone, in it."""
    boards = {f"{name}.json": _board_file(board()) for name, board in BOARDS.items()}
    if folder is not None:
        return {folder / name: text for name, text in boards.items()}
    files = {ROOT / "dashboards/grafana" / name: text for name, text in boards.items()}
    return {**files, ROOT / "docs/metrics.md": _metrics_page()}


def stale(files: Mapping[Path, str]) -> list[Path]:
    """Those that are missing or say something else. Raises BuildError."""
    return [path for path, text in files.items() if _read(path) != text]


def write(files: Mapping[Path, str], paths: Iterable[Path]) -> None:
    """Write these of the files, each whole or not at all. Raises BuildError."""
    for path in paths:
        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_text(files[path], encoding="utf-8")
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise BuildError(f"{path}: can't write: {error.strerror}") from None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise BuildError(f"{path}: can't read: {error.strerror}") from None


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
    files = generated()
    try:
        found = stale(files)
        if not check:
            write(files, found)
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in found:
        sys.stdout.write(f"{'not up to date' if check else 'written'}: {path.relative_to(ROOT)}\n")
    return 1 if check and found else 0


if __name__ == "__main__":
    sys.exit(main())

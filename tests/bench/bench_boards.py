"""How long each board takes over 30 days of 20 systems, on Debian's Prometheus, with a sample a minute.

The samples are made up (`Series`), those of recording rules too, and are put into blocks as Prometheus would have
made them. Each query of a board is asked as Grafana asks it, one after the other, over the whole 30 days.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import requests
import yaml

from monitor.metric_names import DURATION_BUCKETS, LATENESS_BUCKETS
from tests import servers
from tests.dashboards.reading import ALL_BOARDS, panels

SYSTEMS, CHECKS, DAYS, STEP = 20, 3, 30, 60
DAY = 86_400
BLOCK = 18 * 3600  # a size that Prometheus compacts to
POINTS = 1200
"""Of a panel as wide as a screen; Grafana asks for no more than it has pixels."""

REGION_POINTS = 11_000
"""Of a region (annotation), whose step is its own."""

RUNS = 3


def bench_boards() -> dict[str, Any]:
    """Milliseconds of each board, all its queries one after the other; and its slowest queries."""
    end = int(time.time()) // BLOCK * BLOCK
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        began = time.monotonic()
        blocks = Path(folder) / "blocks"
        fill(blocks, end - DAYS * DAY, end)
        filled = time.monotonic() - began
        config = yaml.safe_dump({"scrape_configs": []})
        with servers.prometheus(config, data=blocks) as server:
            samples = ask(
                server.url, {"title": "", "expr": "count({__name__=~'motcua.+|.+:.+'})", "instant": True}, end
            )
            boards = {name: measure(server.url, board, end) for name, board in ALL_BOARDS.items()}
    return {"fill_s": round(filled), "series": int(samples["data"]["result"][0]["value"][1]), "boards": boards}


class Query(NamedTuple):
    title: str
    seconds: float


def measure(url: str, board: dict[str, Any], end: int) -> dict[str, Any]:
    queries = [Query(target["title"], min(_timed(url, target, end) for _ in range(RUNS))) for target in targets(board)]
    slowest = sorted(queries, key=lambda query: -query.seconds)[:3]
    return {
        "queries": len(queries),
        "ms": round(1000 * sum(query.seconds for query in queries)),
        "slowest_ms": {f"{number}: {q.title}": round(1000 * q.seconds) for number, q in enumerate(slowest, 1)},
    }


def targets(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Its queries, with all systems chosen where that is possible, else one."""
    several = {one["name"]: bool(one.get("multi")) for one in board["templating"]["list"]}
    several["bus"] = False  # a province has one bus, and many systems behind it

    def written(expression: str) -> str:
        for name, value in (("system", "s03"), ("bus", "s00"), ("location", "office")):
            expression = expression.replace(f"${name}", ".*" if several.get(name) else value)
        return expression

    for one in board["annotations"]["list"]:
        yield {"title": one["name"], "expr": written(one["expr"]), "region": True, "step": one["step"]}
    for panel in panels(board):
        for target in panel["targets"]:
            own = panel.get("interval") or target.get("interval") or "15s"
            yield {"title": panel["title"], **target, "expr": written(target["expr"]), "step": own}


def _timed(url: str, target: dict[str, Any], end: int) -> float:
    began = time.perf_counter()
    answer = ask(url, target, end)
    assert answer["status"] == "success", (target, answer)
    return time.perf_counter() - began


def ask(url: str, target: dict[str, Any], end: int) -> Any:
    """As Grafana does: a range of so many points, or an instant."""
    least = _seconds(target.get("step", "15s"))
    most = REGION_POINTS if target.get("region") else POINTS
    step = max(least, math.ceil(DAYS * DAY / most))
    words = {
        "$__rate_interval": f"{max(step + 15, 60)}s",
        "$__range": f"{DAYS}d",
        "$__interval": f"{step}s",
    }
    expression = target["expr"]
    for word, value in words.items():
        expression = expression.replace(word, value)
    if target.get("instant"):
        path, parameters = "query", {"query": expression, "time": str(end - STEP)}
    else:
        path = "query_range"
        parameters = {"query": expression, "start": str(end - DAYS * DAY), "end": str(end - STEP), "step": str(step)}
    return requests.post(f"{url}/api/v1/{path}", data=parameters, timeout=120).json()


def _seconds(written: str) -> int:
    return int(written[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": DAY}[written[-1]]


# --- what is looked at ------------------------------------------------------------------------------------------------


class Series(NamedTuple):
    """A series of a metric: constant, or a counter that grows by so much a sample on average."""

    name: str
    value: float
    grows: float = 0.0


def series() -> Iterator[Series]:
    """All that boards ask for, of every system, check and location; the metrics' own and those that rules record."""
    yield Series('motcua_build_info{version="1",python="3"}', 1)
    yield Series('motcua_catalogue_info{hash="h",simulated="false"}', 1)
    yield Series("motcua_store_size_bytes", 1e9, 1000)
    yield Series("motcua_deliveries_waiting", 0)
    yield Series("motcua_conflicts_total", 0)
    for verdict in ("up", "degraded", "down", "inconclusive"):
        yield Series(f'motcua_outcomes_total{{verdict="{verdict}"}}', 0, 10)
    for result in ("ok", "failed"):
        yield Series(f'motcua_deliveries_total{{channel="duty",result="{result}"}}', 0, 0.01)
    for place in ("office", "branch"):
        yield from _of_location(f'location="{place}"')
    for number in range(SYSTEMS):
        yield from _of_system(f"s{number:02}", number)


def _of_location(label: str) -> Iterator[Series]:
    yield Series(f"motcua_location_blind{{{label}}}", 0)
    for name in ("outcomes_dropped", "engine_errors", "batches_skewed", "clock_steps"):
        yield Series(f"motcua_{name}_total{{{label}}}", 0)
    for cause in ("overrun", "late", "capacity", "unknown_check"):
        yield Series(f'motcua_slots_skipped_total{{{label},cause="{cause}"}}', 0, 0.01)
    for limit in (*LATENESS_BUCKETS, "+Inf"):
        yield Series(f'motcua_start_lateness_seconds_bucket{{{label},le="{limit}"}}', 0, 30)
    yield Series(f"location:motcua_start_lateness_seconds:p99_rate5m{{{label}}}", 0.01)
    yield Series(f"location:motcua_check_last_outcome_timestamp_seconds:min_age{{{label}}}", 10)
    yield Series(f"location:motcua_check_interval_seconds:min{{{label}}}", 60)


def _of_system(system: str, number: int) -> Iterator[Series]:
    of = f'system="{system}"'
    about = f'name="Hệ thống {number}",party="p{number % 3}",connector="http",criticality="high"'
    yield Series(f"motcua_system_info{{{of},{about}}}", 1)
    if number:
        yield Series(f'motcua_system_parent_info{{{of},parent="s00"}}', 1)
        yield Series(f'system_parent:motcua_system_state:down{{{of},parent="s00"}}', DOWN)
    for name, value in _GAUGES.items():
        yield Series(f"{name}{{{of}}}", value)
    for name, grows in _COUNTERS.items():
        yield Series(f"{name}{{{of}}}", 0, grows)
    yield Series(f'motcua_incidents_total{{{of},party="p{number % 3}"}}', 0, 0.0005)
    yield from _of_system_by_other_labels(of)
    for check in range(CHECKS):
        yield from _of_check(f'{of},check="c{check}"')


def _of_system_by_other_labels(of: str) -> Iterator[Series]:
    for window in ("1d", "30d"):
        for name, value in _WINDOWS.items():
            yield Series(f'motcua_system_{name}{{{of},window="{window}"}}', value)
    for limit in (*DURATION_BUCKETS, "+Inf"):
        yield Series(f'motcua_system_try_duration_seconds_bucket{{{of},le="{limit}"}}', 0, 3)
    for phase in ("dns", "connect", "tls", "wait", "transfer"):
        yield Series(f'motcua_system_phase_seconds_total{{{of},phase="{phase}"}}', 0, 0.2)
    for reason in ("http_5xx", "read_timeout", "contract_violation"):
        failing = f'{of},step="search",reason="{reason}"'
        yield Series(f"motcua_system_failures_total{{{failing}}}", 0, 0.02)
        yield Series(f"system_step_reason:motcua_system_failures:increase1h{{{failing}}}", 1)
    for severity in ("S1", "S2", "S3", "S4"):
        yield Series(f'motcua_incidents_open{{{of},severity="{severity}"}}', 0)
        for term in ("response", "restoration"):
            yield Series(f'motcua_system_{term}_term_seconds{{{of},severity="{severity}"}}', 3600)


def _of_check(of: str) -> Iterator[Series]:
    yield Series(f"motcua_check_state{{{of}}}", STATE)
    yield Series(f"system_check:motcua_check_state:down{{{of}}}", DOWN)
    yield Series(f"motcua_check_interval_seconds{{{of}}}", 60)
    yield Series(f'motcua_check_last_outcome_timestamp_seconds{{{of},location="office"}}', 1.7e9, 60)
    yield Series(f'motcua_certificate_expiry_timestamp_seconds{{{of},location="office"}}', 1.9e9)
    yield Series(f'motcua_check_measured{{{of},location="office",gauge="procedures"}}', 1800)
    for result in ("ok", "failed", "inconclusive"):
        yield Series(f'motcua_check_first_tries_total{{{of},result="{result}"}}', 0, 0.9)


STATE, DOWN = -7.0, -8.0
"""In place of a value: 2 but for outages (0), and 0 but for outages (1): 20 of them in 30 days, of 20 minutes each."""


_WINDOWS = {
    "observed_seconds": 86_000,
    "down_seconds": 60,
    "degraded_seconds": 9,
    "availability_ratio": 0.9987,
    "coverage_ratio": 0.9987,
}
_GAUGES = {
    "motcua_system_state": STATE,
    "motcua_system_state_since_timestamp_seconds": 1.7e9,
    "motcua_system_objective_ratio": 0.995,
    "motcua_maintenance_active": 0,
    "system:motcua_system_failures:increase1h": 3,
    "system:motcua_system_objective_ratio:budget": 0.005,
    "system:motcua_check_first_tries:error_ratio5m": 0.01,
    "system:motcua_system_try_duration_seconds:p50_rate5m": 0.3,
    "system:motcua_system_try_duration_seconds:p95_rate5m": 0.3,
    "system:motcua_incident_acknowledge_seconds:increase1d": 1,
    "system:motcua_incident_fix_seconds:increase1d": 1,
    "system:motcua_incidents_acknowledged:increase1d": 1,
    "system:motcua_incidents_restored:increase1d": 1,
    **dict.fromkeys(
        (
            "system:motcua_system_state:down",
            "system:motcua_system_state:down_outside_maintenance",
            *(f"system:motcua_system_state:down_ratio{window}" for window in ("5m", "1h", "6h", "1d", "3d")),
        ),
        DOWN,
    ),
}
_COUNTERS = {
    "motcua_system_try_duration_seconds_count": 3,
    "motcua_incident_down_seconds_total": 0.5,
    "motcua_incident_acknowledge_seconds_total": 0.5,
    "motcua_incident_fix_seconds_total": 0.5,
    "motcua_incidents_acknowledged_total": 0.0005,
    "motcua_incidents_restored_total": 0.0005,
}


def fill(folder: Path, start: int, end: int) -> None:
    folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda at: _fill_block(folder, start, at), range(start, end, BLOCK)))


def _fill_block(folder: Path, start: int, at: int) -> None:
    """One file of OpenMetrics becomes one block."""
    numbers = range((at - start) // STEP, (at - start + BLOCK) // STEP)
    stamps = [f" {start + STEP * number}\n" for number in numbers]
    with tempfile.NamedTemporaryFile("w", dir=folder.parent, suffix=".txt", encoding="utf-8") as file:
        for number, one in enumerate(series()):
            file.write("".join(map(str.__add__, _values(one, number, numbers), stamps)))
        file.write("# EOF\n")
        file.flush()
        command = [servers.find("promtool"), "tsdb", "create-blocks-from", f"--max-block-duration={BLOCK // 3600}h"]
        subprocess.run([*command, "openmetrics", file.name, str(folder)], check=True, stdout=subprocess.DEVNULL)


def _values(one: Series, number: int, at: range) -> list[str]:
    """The name and the value of each sample."""
    if one.value in (STATE, DOWN):
        good, bad = (2, 0) if one.value == STATE else (0, 1)
        of_system = number // 5  # several series of one system fail together
        return [f"{one.name} {bad if (n + 97 * of_system) % 2160 < 20 else good}" for n in at]
    if not one.grows:
        return [f"{one.name} {one.value:g}"] * len(at)
    steps = Random(number).choices([0, 1, 2], k=50)
    scale, whole = one.grows, sum(steps)
    sums = [0, *accumulate(steps)]
    return [f"{one.name} {one.value + scale * (n // 50 * whole + sums[n % 50]):.10g}" for n in at]

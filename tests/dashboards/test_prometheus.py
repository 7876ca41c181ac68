"""Rules, configuration and the boards' own expressions, as Prometheus' tools see them."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import requests
import yaml

from dashboards import build
from monitor.metric_names import METRICS, STATE_VALUES, Metric, series_names
from tests import servers
from tests.dashboards.reading import BOARDS, as_promql, panels, selectors, targets

ROOT = build.ROOT
PROMETHEUS = ROOT / "dashboards/prometheus"
RULES = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]


def run(program: str, *words: str | Path, text: str | None = None) -> None:
    done = subprocess.run([servers.find(program), *words], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=["_".join([rule["alert"], *rule["labels"].values()]) for rule in RULES])
class TestRule:
    def test_has_what_a_person_on_duty_needs(self, rule: dict[str, Any]) -> None:
        assert re.fullmatch(r"Motcua([A-Z][a-z]+)+", rule["alert"])
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}

    def test_asks_for_known_metrics(self, rule: dict[str, Any]) -> None:
        names = set(selectors(promql_parser.parse(rule["expr"])))
        assert names
        assert names <= series_names()
        assert set(re.findall(r"\bmotcua_\w+", str(rule["annotations"]))) <= series_names()

    def test_is_explained_in_the_runbook(self, rule: dict[str, Any]) -> None:
        path, anchor = rule["annotations"]["runbook_url"].split("#")
        headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        assert rule["alert"] in headings
        assert anchor == rule["alert"].lower()

    def test_is_tested(self, rule: dict[str, Any]) -> None:
        assert f"alertname: {rule['alert']}\n" in (Path(__file__).parent / "rules_test.yml").read_text(encoding="utf-8")


@pytest.mark.live("promtool")
def test_prometheus_accepts_its_configuration() -> None:
    run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.live("promtool")
def test_rules_fire_when_they_should_and_only_then() -> None:
    run("promtool", "test", "rules", Path(__file__).parent / "rules_test.yml")


@pytest.mark.live("amtool")
def test_alertmanager_accepts_its_configuration() -> None:
    run("amtool", "check-config", PROMETHEUS / "alertmanager.yml")


@pytest.mark.live("amtool")
@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_every_severity_is_routed(severity: str) -> None:
    config = f"--config.file={PROMETHEUS / 'alertmanager.yml'}"
    run("amtool", "config", "routes", "test", config, "--verify.receivers=duty", f"severity={severity}")


# --- what the board's figures are on series whose meaning is known ----------------------------------------------------

NAMES = {
    'motcua_system_info{system="igate", name="Một cửa", party="v", connector="igate", criticality="high"}': "1x240",
    'motcua_system_info{system="portal", name="Cổng", party="v", connector="page", criticality="high"}': "1x240",
}
IGATE, PORTAL = '{name="Một cửa", system="igate"}', '{name="Cổng", system="portal"}'


def state_of(igate: str, portal: str = "2x240") -> dict[str, str]:
    return NAMES | {'motcua_system_state{system="igate"}': igate, 'motcua_system_state{system="portal"}': portal}


def first_tries(ok: str, failed: str, inconclusive: str) -> dict[str, str]:
    results = {"ok": ok, "failed": failed, "inconclusive": inconclusive}
    return {
        f'motcua_check_first_tries_total{{system="igate", check="a", result="{result}"}}': values
        for result, values in results.items()
    }


def ratio(metric: str, value: float) -> dict[str, str]:
    return NAMES | {f'{metric}{{system="igate", window="30d"}}': f"{value}x240"}


CASES: list[tuple[str, int, dict[str, str], dict[str, float]]] = [
    # (panel, query, series with a sample every 15 s for an hour, values at the end)
    ("Nguồn số liệu", 0, {'motcua_catalogue_info{hash="h", simulated="true"}': "1x240"}, {"{}": 1}),
    ("Nguồn số liệu", 0, {'motcua_catalogue_info{hash="h", simulated="false"}': "1x240"}, {"{}": 0}),
    ("Nguồn số liệu", 0, {}, {}),
    ("Gián đoạn", 0, state_of("0x240"), {"{}": 1}),
    ("Gián đoạn", 0, state_of("-1x240"), {"{}": 0}),
    ("Không có dữ liệu", 0, state_of("-1x240", "-1x240"), {"{}": 2}),
    ("Hoạt động", 0, state_of("1x240"), {"{}": 1}),
    ("Hoạt động", 0, {}, {}),
    # an outage of 30 s between two points that are a minute apart shows, and so does none before it
    ("Trạng thái theo thời gian", 0, state_of("2x237 0 0 2"), {IGATE: 0, PORTAL: 2}),
    ("Trạng thái theo thời gian", 0, state_of("2x230 0 0 2x8"), {IGATE: 2, PORTAL: 2}),
    ("Trạng thái theo thời gian", 0, state_of("2x239 -1", "1x240"), {IGATE: -1, PORTAL: 1}),
    # 3 of 4 conclusive tries failed; the inconclusive ones do not count
    ("Tỷ lệ lỗi của lần thử đầu", 0, first_tries("0+1x240", "0+3x240", "0+9x240"), {'{system="igate"}': 0.75}),
    # rounded down, never up, and a figure that needs no rounding stays as it is
    ("Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 0.9999999), {IGATE: 0.99999}),
    ("Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 0.99995), {IGATE: 0.99995}),
    ("Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 1), {IGATE: 1}),
    ("Mức sẵn sàng", 1, ratio("motcua_system_coverage_ratio", 0.94999999), {IGATE: 0.94999}),
    (
        "Phép kiểm tra đang hỏng",
        0,
        NAMES
        | {
            'motcua_check_down_info{system="igate", check="a", step="login", reason="auth_failed"}': "1x240",
            'motcua_system_state_since_timestamp_seconds{system="igate"}': "3540x240",
        },
        {'{check="a", name="Một cửa", reason="auth_failed", step="login", system="igate"}': 60},
    ),
    (
        "Thời gian theo pha",
        0,
        {
            'motcua_system_phase_seconds_total{system="igate", phase="wait"}': "0+3x240",
            'motcua_system_phase_seconds_total{system="portal", phase="wait"}': "0+1x240",
            'motcua_system_try_duration_seconds_count{system="igate"}': "0+4x240",
            'motcua_system_try_duration_seconds_count{system="portal"}': "0+4x240",
        },
        {'{phase="wait"}': 0.5},
    ),
    (
        "Lỗi theo bước và nguyên nhân",
        0,
        {'motcua_system_failures_total{system="igate", step="login", reason="slow"}': "7x240"},
        {},  # nothing failed in the time that is looked at
    ),
]


@pytest.mark.live("promtool")
def test_the_boards_expressions_mean_what_their_panels_say(tmp_path: Path) -> None:
    by_title = {panel["title"]: panel for panel in panels(BOARDS["overview"])}
    tests = [
        {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": as_promql(by_title[title]["targets"][number]["expr"]),
                    "eval_time": "60m",
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
                }
            ],
        }
        for title, number, series, expected in CASES
    ]
    file = tmp_path / "boards_test.yml"
    file.write_text(yaml.safe_dump({"tests": tests}, allow_unicode=True), encoding="utf-8")
    run("promtool", "test", "rules", file)


# --- every metric of the table, made up -------------------------------------------------------------------------------

LABEL_VALUES = {"result": ("ok", "failed", "inconclusive"), "window": ("1d", "30d"), "simulated": ("true",)}


def exposition() -> str:
    """What /metrics would say of one system that is down: each metric once for each value that boards ask for."""
    lines: list[str] = []
    for metric in METRICS.values():
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *samples(metric)]
    return "\n".join(lines) + "\n"


def samples(metric: Metric) -> list[str]:
    value = STATE_VALUES["down"] if metric.name.endswith("_state") else 1
    sets: list[dict[str, str]] = [{}]
    for label in metric.labels:
        sets = [{**labels, label: value} for labels in sets for value in LABEL_VALUES.get(label, ("a",))]
    if not metric.buckets:
        return [f"{metric.name}{written(labels)} {value}" for labels in sets]
    lines = []
    for labels in sets:
        limits = [*map(str, metric.buckets), "+Inf"]
        lines += [f"{metric.name}_bucket{written({**labels, 'le': limit})} 1" for limit in limits]
        lines += [f"{metric.name}_{part}{written(labels)} 1" for part in ("sum", "count")]
    return lines


def written(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


@pytest.mark.live("promtool")
def test_the_table_keeps_prometheus_conventions() -> None:
    run("promtool", "check", "metrics", text=exposition())


@pytest.mark.live("prometheus", "nginx")
def test_a_real_prometheus_answers_every_expression_of_the_boards() -> None:
    expressions = {target["expr"] for board in BOARDS.values() for target in targets(board)}
    site = "server { listen 127.0.0.1:@PORT@; location = /metrics { default_type text/plain; } }"
    with servers.nginx(site, {"metrics": exposition()}) as exporter:
        scrape = {
            "job_name": "motcua",
            "scrape_interval": "1s",
            "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}],
        }
        with servers.prometheus(yaml.safe_dump({"scrape_configs": [scrape]})) as server:

            def ask(expression: str) -> list[Any]:
                reply = requests.get(f"{server.url}/api/v1/query", params={"query": as_promql(expression)}, timeout=10)
                answer = reply.json()
                assert answer["status"] == "success", (expression, answer)
                return list(answer["data"]["result"])

            # Nothing fails while we look: a table of what failed is rightly empty, and only has to be understood.
            empty = {expression for expression in expressions if not expression.endswith("> 0")}
            assert [ask(expression) for expression in expressions - empty] == [[]]
            # A rate needs two samples, and the first comes seconds after Prometheus is ready.
            deadline = time.monotonic() + 60
            while empty and time.monotonic() < deadline:
                time.sleep(0.2)
                empty = {expression for expression in empty if not ask(expression)}
    assert empty == set()

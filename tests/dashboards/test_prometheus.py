"""Rules, configuration and the boards' own expressions, as Prometheus' tools see them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import yaml

from dashboards import build
from monitor.metric_names import METRICS, STATE_VALUES, Metric, series_names
from tests import servers
from tests.dashboards.reading import ALERTS, ALL_BOARDS, RECORDED, RULES, as_promql, expressions, names, panels
from tests.processes import eventually

ROOT = build.ROOT
PROMETHEUS = ROOT / "dashboards/prometheus"
HERE = Path(__file__).parent
RULE_TESTS = sorted(HERE.glob("*_test.yml"))


def run(program: str, *words: str | Path, text: str | None = None) -> str:
    done = subprocess.run([servers.find(program), *words], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("rule", ALERTS, ids=["_".join([rule["alert"], *rule["labels"].values()]) for rule in ALERTS])
class TestAlert:
    def test_has_what_a_person_on_duty_needs(self, rule: dict[str, Any]) -> None:
        assert re.fullmatch(r"Motcua([A-Z][a-z]+)+", rule["alert"])
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}

    def test_asks_for_known_metrics(self, rule: dict[str, Any]) -> None:
        asked = names(rule["expr"])
        assert asked
        assert asked <= series_names() | RECORDED.keys()
        assert set(re.findall(r"\bmotcua_\w+", str(rule["annotations"]))) <= series_names()

    def test_speaks_of_a_system_or_of_the_monitor(self, rule: dict[str, Any]) -> None:
        """By that the routes choose who hears of it."""
        of_systems = {"MotcuaSystemDown", "MotcuaParentDown", "MotcuaErrorBudgetBurn", "MotcuaCertificateExpires"}
        of_systems |= {"MotcuaDossiersNotCollected", "MotcuaDossiersNeverCollected"}
        assert ("$labels.system" in str(rule["annotations"])) == (rule["alert"] in of_systems)

    def test_is_explained_in_the_runbook(self, rule: dict[str, Any]) -> None:
        path, anchor = rule["annotations"]["runbook_url"].split("#")
        headings = re.findall(r"^## (.+)$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
        assert rule["alert"] in headings
        assert anchor == rule["alert"].lower()

    def test_is_tested(self, rule: dict[str, Any]) -> None:
        fired = [
            expected["exp_labels"]
            for file in RULE_TESTS
            for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
            for one in test.get("alert_rule_test", ())
            for expected in one["exp_alerts"]
            if one["alertname"] == rule["alert"]
        ]
        assert any(rule["labels"].items() <= labels.items() for labels in fired)


@pytest.mark.parametrize("record", RECORDED)
class TestRecord:
    def test_is_named_by_its_level_its_metric_and_what_was_done(self, record: str) -> None:
        level, metric, operation = record.split(":")
        assert re.fullmatch(r"[a-z0-9_]+", operation)
        assert {metric, f"{metric}_total"} & {name for one in METRICS.values() for name in (one.name,)}
        by = re.match(r"[^(]*\b(?:max|min|sum) by \(([^)]*)\)", RECORDED[record])
        assert not by or by.group(1).replace(", ", "_") == level

    def test_asks_for_known_metrics(self, record: str) -> None:
        assert names(RECORDED[record]) <= series_names() | RECORDED.keys()

    def test_is_read_by_somebody(self, record: str) -> None:
        asking = [e for board in ALL_BOARDS.values() for e in expressions(board)]
        asking += [rule["expr"] for rule in ALERTS] + list(RECORDED.values())
        assert any(record in names(expression) for expression in asking)

    def test_is_tested(self, record: str) -> None:
        asked = [
            one["expr"]
            for file in RULE_TESTS
            for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
            for one in test.get("promql_expr_test", ())
        ]
        assert any(record in names(expression) for expression in asked)


@pytest.mark.live("promtool")
def test_prometheus_accepts_its_configuration() -> None:
    run("promtool", "check", "config", PROMETHEUS / "prometheus.yml")


@pytest.mark.live("promtool")
def test_prometheus_accepts_the_rules() -> None:
    run("promtool", "check", "rules", "--lint-fatal", PROMETHEUS / "rules.yml")


@pytest.mark.parametrize("file", RULE_TESTS, ids=[file.stem for file in RULE_TESTS])
def test_rules_are_tested_in_their_order(file: Path) -> None:
    """What is recorded comes before what reads it; promtool takes groups that are not listed in any order."""
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"]
    test = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert test["group_eval_order"] == [group["name"] for group in groups]
    assert test["rule_files"] == ["../../dashboards/prometheus/rules.yml"]


@pytest.mark.live("promtool")
@pytest.mark.parametrize("file", RULE_TESTS, ids=[file.stem for file in RULE_TESTS])
def test_rules_fire_when_they_should_and_only_then(file: Path) -> None:
    run("promtool", "test", "rules", file)


@pytest.mark.live("amtool")
def test_alertmanager_accepts_its_configuration() -> None:
    run("amtool", "check-config", PROMETHEUS / "alertmanager.yml")


@pytest.mark.live("amtool")
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        *(("duty", {"alertname": "MotcuaIncident", "system": "a", "severity": s}) for s in ("critical", "info")),
        ("duty", {"alertname": "MotcuaErrorBudgetBurn", "system": "a", "severity": "warning"}),
        ("duty", {"alertname": "MotcuaSystemDown", "system": "a", "severity": "critical"}),
        ("operator", {"alertname": "MotcuaExporterAbsent", "severity": "critical"}),
        ("operator", {"alertname": "MotcuaNoOutcome", "location": "van_phong", "severity": "critical"}),
        ("nobody", {"alertname": "MotcuaParentDown", "system": "a", "parent": "a", "severity": "info"}),
        ("duty", {"alertname": "SomebodyElses", "severity": "warning"}),
    ],
)
def test_every_alert_is_routed(receiver: str, labels: dict[str, str]) -> None:
    config = f"--config.file={PROMETHEUS / 'alertmanager.yml'}"
    words = (f"{name}={value}" for name, value in labels.items())
    run("amtool", "config", "routes", "test", config, f"--verify.receivers={receiver}", *words)


def alert(name: str, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, **labels}, "annotations": {"summary": name, "description": "d"}}


@pytest.mark.live("alertmanager")
def test_an_outage_is_told_once_and_not_of_what_is_behind_it() -> None:
    config, template = "alertmanager.yml", "templates/motcua.tmpl"
    files = {name: (PROMETHEUS / name).read_text(encoding="utf-8") for name in (config, template)}
    sent = [
        alert("MotcuaIncident", system="bus", incident="1", severity="critical", province="x"),
        alert("MotcuaIncident", system="app", incident="2", severity="critical", province="x", parent="bus"),
        alert("MotcuaIncident", system="other", incident="3", severity="critical", province="x", parent="net"),
        alert("MotcuaParentDown", system="bus", parent="bus", severity="info"),
        alert("MotcuaSystemDown", system="bus", severity="critical"),
        alert("MotcuaSystemDown", system="lone", severity="critical"),
        alert("MotcuaExporterAbsent", severity="critical"),
        alert("MotcuaErrorBudgetBurn", system="lone", severity="critical", window="1h"),
    ]
    with servers.alertmanager(files.pop(config), files) as server:
        assert requests.post(f"{server.url}/api/v2/alerts", json=sent, timeout=10).status_code == 200

        def active() -> set[str]:
            found = requests.get(f"{server.url}/api/v2/alerts?inhibited=false", timeout=10).json()
            return {f"{one['labels']['alertname']} {one['labels'].get('system', '')}".strip() for one in found}

        told = {"MotcuaIncident bus", "MotcuaIncident other", "MotcuaExporterAbsent"}
        eventually(lambda: active() == told, within=20)
        requests.post(
            f"{server.url}/api/v2/alerts", json=[sent[6] | {"endsAt": "2026-01-01T00:00:00Z"}], timeout=10
        ).raise_for_status()
        told = {"MotcuaIncident bus", "MotcuaIncident other"}
        told |= {"MotcuaParentDown bus", "MotcuaSystemDown lone", "MotcuaErrorBudgetBurn lone"}
        eventually(lambda: active() == told, within=20)


ALERT_DATA = {
    "Status": "firing",
    "Receiver": "duty",
    "Alerts": [
        {
            "Status": "firing",
            "Labels": {"alertname": "MotcuaIncident", "severity": "critical", "incident": "7"},
            "Annotations": {"summary": "Gián đoạn: Một cửa", "description": "Hỏng ở: <tra cứu>."},
            "StartsAt": "2026-10-07T02:00:00Z",
        },
        {
            "Status": "resolved",
            "Labels": {"alertname": "MotcuaNoOutcome", "severity": "warning"},
            "Annotations": {"summary": "Im lặng", "description": "Không có kết quả.", "runbook_url": "docs/x#y"},
            "StartsAt": "2026-10-07T20:00:00Z",
            "EndsAt": "2026-10-07T20:30:00Z",
        },
    ],
    "ExternalURL": "http://127.0.0.1:9093",
}


@pytest.mark.live("amtool")
def test_what_alertmanager_writes(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text(json.dumps(ALERT_DATA), encoding="utf-8")

    def written(name: str, kind: str = "text") -> str:
        glob, text = f"--template.glob={PROMETHEUS}/templates/*.tmpl", f'{{{{ template "{name}" . }}}}'
        words = ("template", "render", glob, f"--template.data={data}", f"--template.type={kind}")
        return run("amtool", *words, f"--template.text={text}").strip()

    assert written("motcua.title") == "[KHẨN CẤP] Gián đoạn: Một cửa (và các tin khác, tổng cộng 2)"
    assert written("motcua.text").splitlines() == [
        "Gián đoạn: Một cửa", "Hỏng ở: <tra cứu>.", "Bắt đầu: 07/10/2026 09:00", "Sự cố số 7", "", "Đã hết:", "",
        "Im lặng", "Không có kết quả.", "Bắt đầu: 08/10/2026 03:00", "Kết thúc: 08/10/2026 03:30",
        "Hướng dẫn xử lý: docs/x#y", "", "Xem tại: http://127.0.0.1:9093",
    ]  # fmt: skip
    html = written("motcua.html", "html")
    assert "<strong>KHẨN CẤP</strong> Gián đoạn: Một cửa" in html
    assert "&lt;tra cứu&gt;" in html
    data.write_text(json.dumps(ALERT_DATA | {"Status": "resolved"}), encoding="utf-8")
    assert written("motcua.title").startswith("[ĐÃ HẾT] Gián đoạn")


# --- what the boards' figures are on series whose meaning is known ---------------------------------------------------

NAMES = {
    'motcua_system_info{system="igate", name="Một cửa", party="v", connector="igate", criticality="high"}': "1x240",
    'motcua_system_info{system="portal", name="Cổng", party="v", connector="page", criticality="high"}': "1x240",
}
IGATE, PORTAL = '{name="Một cửa", system="igate"}', '{name="Cổng", system="portal"}'
REAL = {'motcua_catalogue_info{hash="h", simulated="false"}': "1x100000"}


class Case(NamedTuple):
    """A panel's (or region's) query, series from second 0 on, and what it gives at `at`."""

    board: str
    title: str
    query: int
    series: Mapping[str, str]
    expected: Mapping[str, float]
    step: str = "15s"  # of the series, and of the rules
    at: str = "60m"
    chosen: Mapping[str, str] = {}


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


def of_igate(**values: str) -> dict[str, str]:
    return {f'motcua_{name}{{system="igate"}}': written for name, written in values.items()}


def failures(values: str) -> dict[str, str]:
    return {'motcua_system_failures_total{system="igate", step="login", reason="http_5xx"}': values}


def dossiers(metric: str, values: str, /, **labels: str) -> dict[str, str]:
    written = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return {f"motcua_dossiers_{metric}{{{written}}}": values}


# Of unit A three were ended this month, one of them overdue; of B none. Of one the channel is not known.
DOSSIERS = {
    **dossiers("figures_timestamp_seconds", "3540x240"),
    **dossiers("unit_info", "1x240", unit="A", name="Sở A"),
    **dossiers("unit_info", "1x240", unit="B", name="Sở B"),
    **dossiers("received", "4x240", unit="A", channel="online", period="month"),
    **dossiers("received", "2x240", unit="B", channel="direct", period="month"),
    **dossiers("received", "9x240", unit="A", channel="online", period="year"),
    **dossiers("resolved", "2x240", unit="A", channel="online", timeliness="early", period="month"),
    **dossiers("resolved", "1x240", unit="A", channel="any", timeliness="overdue", period="month"),
    **dossiers("pending", "5x240", unit="B", channel="direct", timeliness="in_time"),
    **dossiers("pending", "3x240", unit="B", channel="direct", timeliness="overdue"),
    **dossiers("submitted_online", "3x240", unit="A"),
    **dossiers("accepted_late", "1x240", unit="A"),
}
NOBODY = dossiers("figures_timestamp_seconds", "3540x240")
UNIT_A, UNIT_B = '{name="Sở A", unit="A"}', '{name="Sở B", unit="B"}'
THIS_MONTH = "Hồ sơ theo đơn vị trong kỳ"

BUS_AND_BEHIND = {
    'motcua_system_state{system="bus"}': "2x99 0x39 2x100",
    'motcua_system_state{system="behind"}': "2x119 0x39 2x80",
    'motcua_system_parent_info{system="behind", parent="bus"}': "1x240",
}

CASES = [
    Case("overview", "Nguồn số liệu", 0, {'motcua_catalogue_info{hash="h", simulated="true"}': "1x240"}, {"{}": 1}),
    Case("slo", "Nguồn số liệu", 0, REAL, {"{}": 0}),
    Case("watcher", "Nguồn số liệu", 0, {}, {}),
    Case("overview", "Gián đoạn", 0, state_of("0x240"), {"{}": 1}),
    Case("overview", "Gián đoạn", 0, state_of("-1x240"), {"{}": 0}),
    Case("overview", "Không có dữ liệu", 0, state_of("-1x240", "-1x240"), {"{}": 2}),
    Case("overview", "Hoạt động", 0, state_of("1x240"), {"{}": 1}),
    Case("overview", "Hoạt động", 0, {}, {}),
    # an outage of 30 s between two points that are a minute apart shows, and so does none before it
    Case("overview", "Trạng thái theo thời gian", 0, state_of("2x237 0 0 2"), {IGATE: 0, PORTAL: 2}),
    Case("overview", "Trạng thái theo thời gian", 0, state_of("2x230 0 0 2x8"), {IGATE: 2, PORTAL: 2}),
    Case("overview", "Trạng thái theo thời gian", 0, state_of("2x239 -1", "1x240"), {IGATE: -1, PORTAL: 1}),
    Case(
        "system",
        "Các phép kiểm tra theo thời gian",
        0,
        {
            'motcua_check_state{system="igate", check="a"}': "2x237 0 0 2",
            'motcua_check_state{system="igate", check="b"}': "-1x240",
        },
        {'{check="a"}': 0, '{check="b"}': -1},
    ),
    # 3 of 4 conclusive tries failed; the inconclusive ones do not count
    Case(
        "overview",
        "Tỷ lệ lỗi của lần thử đầu",
        0,
        first_tries("0+1x240", "0+3x240", "0+9x240"),
        {'{system="igate"}': 0.75},
    ),
    Case("system", "Tỷ lệ lỗi của lần thử đầu", 0, first_tries("0+1x240", "0+3x240", "0+9x240"), {'{check="a"}': 0.75}),
    Case("igate_failures", "Tỷ lệ lỗi", 0, first_tries("0+2x240", "0+1x240", "0+9x240"), {"{}": 0.3334}),  # up
    # rounded down, never up, and a figure that needs no rounding stays as it is
    Case("overview", "Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 0.9999999), {IGATE: 0.99999}),
    Case("overview", "Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 0.99995), {IGATE: 0.99995}),
    Case("overview", "Mức sẵn sàng", 0, ratio("motcua_system_availability_ratio", 1), {IGATE: 1}),
    Case("overview", "Mức sẵn sàng", 1, ratio("motcua_system_coverage_ratio", 0.94999999), {IGATE: 0.94999}),
    Case("system", "Sẵn sàng 30 ngày", 0, ratio("motcua_system_availability_ratio", 0.9999999), {"{}": 0.99999}),
    Case(
        "overview",
        "Phép kiểm tra đang hỏng",
        0,
        NAMES
        | {
            'motcua_check_down_info{system="igate", check="a", step="login", reason="auth_failed"}': "1x240",
            'motcua_system_state_since_timestamp_seconds{system="igate"}': "3540x240",
        },
        {'{check="a", name="Một cửa", reason="auth_failed", step="login", system="igate"}': 60},
    ),
    Case(
        "system",
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
    Case("overview", "Lỗi theo bước và nguyên nhân", 0, failures("7x240"), {}),  # nothing failed in this time
    # a share of the time of 1 - 0.75 may be down, and half of it was
    Case(
        "slo",
        "Sẵn sàng và phần gián đoạn được phép, 30 ngày",
        5,
        ratio("motcua_system_availability_ratio", 0.875) | of_igate(system_objective_ratio="0.75x240"),
        {'{system="igate"}': 0.5},
    ),
    Case(
        "slo",
        "Nhanh: 1 giờ và 6 giờ",
        0,
        state_of("0x240") | of_igate(system_objective_ratio="0.75x240"),
        {'{system="igate"}': 4},
    ),
    Case(
        "slo",
        "Nhanh: 1 giờ và 6 giờ",
        0,
        state_of("0x240") | of_igate(system_objective_ratio="0.75x240", maintenance_active="1x240"),
        {},  # what the contract takes out uses up nothing
    ),
    Case("slo", "Nhanh: 1 giờ và 6 giờ", 0, state_of("0x240") | of_igate(system_objective_ratio="1x240"), {}),
    Case("system", "Gián đoạn", 0, state_of("2x236 0 2x10"), {'{system="igate"}': 1}),
    Case("system", "Gián đoạn", 0, state_of("2x200 0 2x40"), {}),
    Case("system", "Bảo trì có báo trước", 0, of_igate(maintenance_active="0x239 1"), {'{system="igate"}': 1}),
    # 40 samples of 15 s each, of which 20 while the bus was down too
    Case(
        "interlink",
        "Gián đoạn cùng lúc với trục",
        0,
        BUS_AND_BEHIND,
        {'{system="behind"}': 600},
        chosen={"$bus": "bus", "$system": "behind"},
    ),
    Case(
        "interlink",
        "Gián đoạn cùng lúc với trục",
        1,
        BUS_AND_BEHIND,
        {'{system="behind"}': 300},
        chosen={"$bus": "bus", "$system": "behind"},
    ),
    Case(
        "system",
        "Thời gian khắc phục trung bình (MTTR)",
        0,
        of_igate(incident_fix_seconds_total="0+600x240", incidents_restored_total="0+1x240"),
        {"{}": 600},
    ),
    Case(
        "system",
        "Thời gian khắc phục trung bình (MTTR)",
        0,
        of_igate(incident_fix_seconds_total="600x240", incidents_restored_total="1x240"),
        {},  # none was mended in this time
    ),
    Case(
        "watcher",
        "Kết quả mới nhất cách đây",
        0,
        {
            'motcua_check_last_outcome_timestamp_seconds{system="igate", check="a", location="vp"}': "3540x240",
            'motcua_check_last_outcome_timestamp_seconds{system="igate", check="b", location="vp"}': "0x240",
        },
        {"{}": 60},
    ),
    Case("dossiers", "Tiếp nhận", 0, DOSSIERS, {"{}": 6}),
    Case("dossiers", "Tiếp nhận", 0, DOSSIERS, {"{}": 9}, chosen={"$period": "year"}),
    Case("dossiers", "Tiếp nhận", 0, DOSSIERS, {"{}": 2}, chosen={"$unit": "B"}),
    Case("dossiers", "Tiếp nhận", 0, NOBODY, {"{}": 0}),
    Case("dossiers", "Tiếp nhận", 0, {}, {}),
    Case("dossiers", "Tỷ lệ trực tuyến", 0, DOSSIERS, {"{}": 0.6666}),
    Case("dossiers", "Tỷ lệ đúng hạn", 0, DOSSIERS, {"{}": 0.6666}),  # down
    Case("dossiers", "Tỷ lệ đúng hạn", 0, DOSSIERS, {}, chosen={"$unit": "B"}),  # none ended: neither 0 nor 100 %
    Case("dossiers", "Trong đó trước và đúng hạn", 0, DOSSIERS, {"{}": 2}),
    Case("dossiers", "Đã giải quyết", 0, DOSSIERS, {"{}": 3}),
    Case("dossiers", "Tỷ lệ tiếp nhận chậm", 0, DOSSIERS, {"{}": 0.3334}),  # up
    Case("dossiers", "Quá hạn", 0, DOSSIERS, {"{}": 3}),
    Case("dossiers", "Đơn vị có nhiều hồ sơ quá hạn nhất", 0, DOSSIERS, {UNIT_A: 0, UNIT_B: 3}),
    Case("dossiers", "Quá hạn theo đơn vị", 0, DOSSIERS, {UNIT_B: 3}),
    Case("dossiers", THIS_MONTH, 1, DOSSIERS, {UNIT_A: 2, UNIT_B: 0}),
    Case("dossiers", THIS_MONTH, 2, DOSSIERS, {UNIT_A: 3, UNIT_B: 0}),
    Case("dossiers", THIS_MONTH, 3, DOSSIERS, {UNIT_A: 0.6666}),
    Case("dossiers", "Số liệu cách đây", 0, DOSSIERS, {"{}": 60}),
    Case("dossiers", "Hệ thức của biểu không khớp", 0, REAL, {"{}": 0}),
    # The hour from 1 to 2 of UTC on the first day of 1970, a Thursday, is that from 8 to 9 of the province.
    *(
        Case(
            "igate_failures",
            title,
            query,
            REAL | failures("0x60 1+1x59 60x300"),
            {"{}": count},
            step="1m",
            at="6h",
        )
        for title, query, count in (
            ("Lỗi theo giờ trong ngày", 7, 0),
            ("Lỗi theo giờ trong ngày", 8, 60),
            ("Lỗi theo giờ trong ngày", 9, 0),
            ("Lỗi theo ngày trong tuần", 2, 0),
            ("Lỗi theo ngày trong tuần", 3, 60),
        )
    ),
    # Every hour an incident is mended, in January of 600 s each, in February of 1200 s: from 17:00 of UTC on.
    *(
        Case(
            "igate_failures",
            "Thời gian khắc phục trung bình theo tháng (MTTR)",
            query,
            of_igate(
                incident_fix_seconds_total="0+600x737 443400+1200x270",
                incidents_restored_total="0+1x1008",
            ),
            expected,
            step="1h",
            at="42d",
        )
        for query, expected in ((0, {"{}": 600.0}), (1, {"{}": 1200.0}), (2, dict[str, float]()))
    ),
]


@pytest.mark.live("promtool")
@pytest.mark.parametrize("step", sorted({case.step for case in CASES}))
def test_the_boards_expressions_mean_what_their_panels_say(tmp_path: Path, step: str) -> None:
    by_title = {
        name: {one["name"]: [one] for one in board["annotations"]["list"]}
        | {panel["title"]: panel["targets"] for panel in panels(board)}
        for name, board in ALL_BOARDS.items()
    }

    def asked(case: Case) -> str:
        expression: str = by_title[case.board][case.title][case.query]["expr"]
        for variable, value in case.chosen.items():
            expression = expression.replace(variable, value)
        return as_promql(expression)

    tests = [
        {
            "name": f"{number}: {case.board}, {case.title}",
            "interval": step,
            "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
            "promql_expr_test": [
                {
                    "expr": asked(case),
                    "eval_time": case.at,
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in case.expected.items()],
                }
            ],
        }
        for number, case in enumerate(CASES)
        if case.step == step
    ]
    recorded = {"groups": [{"name": "recorded", "rules": [rule for rule in RULES if "record" in rule]}]}
    (tmp_path / "recorded.yml").write_text(yaml.safe_dump(recorded), encoding="utf-8")
    file = tmp_path / "boards_test.yml"
    rules = {"rule_files": ["recorded.yml"], "evaluation_interval": step}
    file.write_text(yaml.safe_dump(rules | {"tests": tests}, allow_unicode=True), encoding="utf-8")
    run("promtool", "test", "rules", file)


# --- every metric of the table, made up -------------------------------------------------------------------------------

LABEL_VALUES = {
    "result": ("ok", "failed", "inconclusive"),
    "window": ("1d", "30d"),
    "simulated": ("true",),
    "channel": ("direct", "online", "post", "any"),
    "timeliness": ("early", "on_time", "overdue"),
    "period": ("today", "month", "official"),
    "source": ("own", "official"),
    "figure": ("pending", "index766"),
}


def exposition() -> str:
    """What /metrics would say of one system that is down: each metric once for each value that boards ask for."""
    lines: list[str] = []
    for metric in METRICS.values():
        lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *samples(metric)]
    return "\n".join(lines) + "\n"


def samples(metric: Metric) -> list[str]:
    value = {"state": STATE_VALUES["down"], "active": 0, "ratio": 0.5}.get(metric.name.rsplit("_", 1)[1], 1)
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
    asked = {expression for board in ALL_BOARDS.values() for expression in expressions(board)}
    site = "server { listen 127.0.0.1:@PORT@; location = /metrics { default_type text/plain; } }"
    rules = (PROMETHEUS / "rules.yml").read_text(encoding="utf-8")
    hurried = re.sub(r"^    interval: \w+$", "    interval: 1s", rules, flags=re.MULTILINE)
    with servers.nginx(site, {"metrics": exposition()}) as exporter:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "motcua", "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"]}]}],
        }
        with servers.prometheus(yaml.safe_dump(config), {"rules.yml": hurried}) as server:

            def ask(expression: str) -> list[Any]:
                reply = requests.get(f"{server.url}/api/v1/query", params={"query": as_promql(expression)}, timeout=10)
                answer = reply.json()
                assert answer["status"] == "success", (expression, answer)
                return list(answer["data"]["result"])

            # Nothing happens while we look: a table of what failed and the mean of what was mended are rightly empty,
            # and only have to be understood.
            empty = {e for e in asked if not e.endswith("> 0") and "> 0.5)" not in e}
            regions = {one["expr"] for board in ALL_BOARDS.values() for one in board["annotations"]["list"]}
            assert all(expression.endswith("> 0") for expression in regions)
            assert not any(ask(expression) for expression in asked - empty - regions)
            assert len(asked - empty - regions) < 35
            # A rate needs two samples, and the first comes seconds after Prometheus is ready.
            deadline = time.monotonic() + 60
            while empty and time.monotonic() < deadline:
                time.sleep(0.2)
                empty = {expression for expression in empty if not ask(expression)}
    assert empty == set()

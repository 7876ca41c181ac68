"""Debian's Prometheus on the running monitor: every expression of the board has data, and the rules fire and resolve.

The rules are the committed file; only the pace differs: scraped and evaluated once a second, not every 15 s, and an
outage fires after two seconds, not after a minute.
"""

from __future__ import annotations

import math
import subprocess
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import yaml

from dashboards import build
from tests import processes, servers
from tests.dashboards.reading import ALL_BOARDS, BOARDS, as_promql, panels
from tests.processes import eventually

RULES = (build.ROOT / "dashboards/prometheus/rules.yml").read_text(encoding="utf-8").replace("for: 1m\n", "for: 2s\n")
EXPRESSIONS = {
    f"{panel['title']} {target['refId']}": as_promql(target["expr"])
    for board in BOARDS.values()
    for panel in panels(board)
    for target in panel["targets"]
}


class Prometheus:
    def __init__(self, url: str) -> None:
        self._url = url

    def _get(self, path: str, **parameters: str) -> Any:
        answer = requests.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    def ask(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values; what is no number is left out."""
        found = [(s["metric"], float(s["value"][1])) for s in self._get("query", query=expression)["result"]]
        return [(labels, value) for labels, value in found if not math.isnan(value)]

    def firing(self) -> dict[tuple[str, str], dict[str, str]]:
        """Annotations of the alerts that fire, by name and system."""
        return {
            (alert["labels"]["alertname"], alert["labels"].get("system", "")): alert["annotations"]
            for alert in self._get("alerts")["alerts"]
            if alert["state"] == "firing"
        }


@pytest.mark.live("prometheus", "promtool")
def test_prometheus_sees_an_outage_from_beginning_to_end(tmp_path: Path) -> None:
    catalogue = processes.fast_catalogue(tmp_path)
    words = ("up", "-c", catalogue, "--port", "0", "--data", "data")
    with (
        processes.sandbox() as sandbox,
        processes.motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor,
    ):
        pages = monitor.until(r"Trang: http://(\S+)/ ")[1]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "motcua", "static_configs": [{"targets": [pages]}]}],
        }
        with servers.prometheus(yaml.safe_dump(config), {"rules.yml": RULES}) as server:
            prometheus = Prometheus(server.url)
            # The first sample comes some five seconds after the start; a young server scrapes at its own moment.
            eventually(lambda: prometheus.ask('motcua_system_state{system="igate"} == 2'), within=40)
            assert prometheus.ask("up") == [({"__name__": "up", "instance": pages, "job": "motcua"}, 1.0)]
            assert prometheus.firing() == {}

            sandbox.fault("igate.search", "http_503")
            down = ("MotcuaSystemDown", "igate")
            alert = eventually(lambda: prometheus.firing().get(down), within=30)
            assert alert is not None
            assert "Hệ thống một cửa điện tử iGate (mô phỏng)" in alert["summary"]
            assert "one_stop" in alert["description"]
            assert "search" in alert["description"]
            assert "http_5xx" in alert["description"]
            assert list(prometheus.firing()) == [down], "the others are well, and so is the watcher"

            # All of the board, while something fails: what is only there then has data too.
            empty = dict(EXPRESSIONS)

            def still_empty() -> dict[str, str]:
                for name in [name for name, expression in empty.items() if prometheus.ask(expression)]:
                    del empty[name]
                return empty

            with suppress(AssertionError):  # the list of what stays empty says more
                eventually(lambda: not still_empty(), within=40)
            assert not empty
            assert len(EXPRESSIONS) > 20

            # What the exposition looks like to Prometheus' own reviewer.
            text = requests.get(f"http://{pages}/metrics", timeout=10).text
            checked = subprocess.run(
                [servers.find("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
            )
            assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")

            sandbox.clear()
            eventually(lambda: prometheus.firing() == {}, within=30)
            assert prometheus.ask('motcua_system_state{system="igate"}')[0][1] == 2
            ((_, seconds),) = prometheus.ask('motcua_system_down_seconds{system="igate", window="1d"}')
            assert 2 <= seconds <= 90
        assert monitor.end(10) == 0
        assert monitor.err == ""


@pytest.mark.live("prometheus")
def test_the_board_of_dossiers_has_data_once_the_job_has_collected_them(tmp_path: Path) -> None:
    first = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date().replace(day=1)
    catalogue = processes.fast_catalogue(tmp_path, dossiers={"every": "60s", "rate": 20, "since": first.isoformat()})
    words = ("up", "-c", catalogue, "--port", "0", "--data", "data")
    with (
        processes.sandbox() as sandbox,
        processes.motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor,
    ):
        pages = monitor.until(r"Trang: http://(\S+)/ ")[1]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "motcua", "static_configs": [{"targets": [pages]}]}],
        }
        with servers.prometheus(yaml.safe_dump(config)) as server:
            prometheus = Prometheus(server.url)
            # The exporter looks once a minute: it may have looked just before the collection was complete.
            eventually(lambda: prometheus.ask("motcua_dossiers_figures_timestamp_seconds"), within=100)
            asked = {
                f"{panel['title']} {target['refId']}": as_promql(target["expr"])
                for panel in panels(ALL_BOARDS["dossiers"])
                for target in panel["targets"]
            }
            assert len(asked) > 40
            empty = {title for title, expression in asked.items() if not prometheus.ask(expression)}
            # Without an import there are no official points, and a share of nothing is no share: early in a month.
            rare = ("index766_points", "index766_numerator", "index766_denominator", "> 0", "official", " / on (unit) ")
            assert {title for title in empty if not any(word in asked[title] for word in rare)} == set()
            ((_, month),) = prometheus.ask('sum(motcua_dossiers_received{period="month"})')
            assert prometheus.ask('motcua_dossiers_received{period="year"}') == []  # known from this month on
            assert month == sum(n for _, n in prometheus.ask(as_promql(asked["Hồ sơ theo đơn vị trong kỳ A"])))
            ((job, age),) = prometheus.ask(
                'time() - motcua_job_last_success_timestamp_seconds{job_name="dossiers_igate"}'
            )
            assert (job["job_name"], 0 <= age < 120) == ("dossiers_igate", True)
        assert monitor.end(15) == 0
        assert monitor.err == ""

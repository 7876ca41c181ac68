"""docker-compose.yml: valid, closed by default, and in step with the files that it mounts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import servers

ROOT = Path(__file__).parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("motcua:")}
PASSWORDS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "GRAFANA_ADMIN_PASSWORD"}


def env_example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_part_is_there() -> None:
    assert {"scheduler", "worker", "record", "deliver", "jobs", "web"} == OURS
    assert SERVICES.keys() - OURS == {"redis", "postgres", "prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize("name", SERVICES)
class TestService:
    def test_image_is_pinned(self, name: str) -> None:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)?", SERVICES[name]["image"])

    def test_runs_without_privileges_and_comes_back(self, name: str) -> None:
        service = SERVICES[name]
        assert service["user"].split(":")[0] not in {"root", "0"}
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["restart"] == "unless-stopped"

    def test_what_can_be_asked_is_asked(self, name: str) -> None:
        assert ("healthcheck" in SERVICES[name]) == (name not in {"scheduler", "worker", "record", "deliver", "jobs"})

    def test_what_it_waits_for_can_say_that_it_is_there(self, name: str) -> None:
        for other, how in SERVICES[name].get("depends_on", {}).items():
            assert how["condition"] in {"service_healthy", "service_started"}
            assert how["condition"] == "service_started" or "healthcheck" in SERVICES[other]

    def test_ports_are_open_to_this_machine_only(self, name: str) -> None:
        for port in SERVICES[name].get("ports", []):
            assert re.fullmatch(r"\$\{[A-Z]+_LISTEN:-127\.0\.0\.1:\d+\}:\d+", port)

    def test_mounts_exist_and_are_read_only(self, name: str) -> None:
        for volume in SERVICES[name].get("volumes", []):
            if volume.startswith("./"):
                path, _, mode = volume.split(":")
                assert (ROOT / path).exists()
                assert mode == "ro"
            elif not volume.startswith("$"):
                assert volume.split(":")[0] in COMPOSE["volumes"]


def test_a_worker_does_not_know_the_database() -> None:
    assert "MOTCUA_DATABASE_URL" not in SERVICES["worker"]["environment"]
    assert all("MOTCUA_DATABASE_URL" in SERVICES[name]["environment"] for name in OURS - {"worker"})


def test_who_tells_knows_the_alertmanager() -> None:
    knowing = {name for name in OURS if "MOTCUA_ALERT_ALERTMANAGER" in SERVICES[name]["environment"]}
    assert knowing == {"record", "deliver"}
    example = (ROOT / "config/province.example.yaml").read_text(encoding="utf-8")
    assert 'alertmanager: {kind: alertmanager, url: "${MOTCUA_ALERT_ALERTMANAGER:-}"}' in example


def test_the_accounts_name_every_variable_of_the_example_about_alerts() -> None:
    example = (ROOT / "config/province.example.yaml").read_text(encoding="utf-8")
    named = set(re.findall(r"\$\{(MOTCUA_(?:ALERT|GRAFANA)\w+)", example)) - {"MOTCUA_ALERT_ALERTMANAGER"}
    accounts = (ROOT / "accounts.env.example").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^# (MOTCUA_(?:ALERT|GRAFANA)\w+)=$", accounts, re.MULTILINE))


def test_no_password_has_a_default_and_each_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert {name for name in env_example() if name.endswith("_PASSWORD")} == PASSWORDS
    for name in PASSWORDS:
        assert env_example()[name] == ""
        assert f"${{{name}:?" in text
        assert not re.search(rf"\$\{{{name}(:?-|\}})", text)


def test_the_example_names_every_variable() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text)) | {"COMPOSE_PROJECT_NAME"} == env_example().keys()


def test_grafana_asks_who_you_are() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_grafana_finds_its_datasource_and_boards() -> None:
    provisioning = ROOT / "dashboards/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/motcua.yml").read_text(encoding="utf-8"))["providers"]
    assert source["uid"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    boards = provider["options"]["path"]
    assert f"./dashboards/grafana:{boards}:ro" in SERVICES["grafana"]["volumes"]
    assert SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] == f"{boards}/overview.json"


def test_prometheus_asks_the_containers_that_exist() -> None:
    config = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    targets = {t for job in config["scrape_configs"] for group in job["static_configs"] for t in group["targets"]}
    receivers = {t for am in config["alerting"]["alertmanagers"] for g in am["static_configs"] for t in g["targets"]}
    assert targets == {"web:8000", "localhost:9090"}
    assert receivers == {"alertmanager:9093"}


@pytest.mark.live("docker-compose")
def test_compose_accepts_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    shutil.copy(ROOT / "accounts.env.example", tmp_path / "accounts.env")
    command = [servers.find("docker-compose"), "config", "--quiet"]
    without = {name: value for name, value in os.environ.items() if name not in PASSWORDS}
    refused = subprocess.run(command, cwd=tmp_path, env=without, capture_output=True, text=True, check=False)
    assert "set it in .env" in refused.stderr
    complete = without | dict.fromkeys(PASSWORDS, "x")
    accepted = subprocess.run(command, cwd=tmp_path, env=complete, capture_output=True, text=True, check=False)
    assert accepted.returncode == 0, accepted.stderr

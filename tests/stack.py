"""The production processes on this machine, without containers: each with the command line and the variables that
docker-compose.yml gives it, on real Redis, PostgreSQL, Alertmanager and Prometheus, and the sandbox as the province.

python -m tests.stack     (make stack) starts all, says where to look, and ends all at Ctrl-C
"""

from __future__ import annotations

import re
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from connectors.sandbox import Sandbox
from tests import processes, servers
from tests.processes import ROOT, Process, eventually

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
OURS = tuple(name for name, service in SERVICES.items() if service["image"].startswith("motcua:"))
CONFIGURATION = ROOT / "dashboards/prometheus"
LOCATION = "van_phong"
END_WITHIN = 20.0


class Stack:
    """The servers, the sandbox as the province, and our processes by the names of their services."""

    def __init__(
        self,
        folder: Path,
        catalogue: Path,
        redis: servers.Server,
        postgres: servers.Server,
        sandbox: Sandbox,
        alertmanager: servers.Server | None = None,
    ) -> None:
        self.redis, self.postgres, self.sandbox, self.alertmanager = redis, postgres, sandbox, alertmanager
        self._folder, self._path = folder, catalogue
        self._port = servers.free_port()
        self._stack = ExitStack()
        self.running: dict[str, Process] = {}

    def start(self, service: str, name: str = "") -> Process:
        """Start a service with its command and its variables; the values that name machines are ours."""
        ours = {
            "MOTCUA_CATALOGUE": str(self._path),
            "MOTCUA_BROKER_URL": self.redis.url,
            "MOTCUA_DATABASE_URL": self.postgres.url,
            "MOTCUA_ALERT_ALERTMANAGER": self.alertmanager.url if self.alertmanager else "",
            "MOTCUA_REPORT_SMTP": "",
        }
        words = [re.sub(r"\$\{MOTCUA_LOCATION:-\w+\}", LOCATION, word) for word in SERVICES[service]["command"]]
        words = [{"0.0.0.0": "127.0.0.1", "8000": str(self._port)}.get(word, word) for word in words]
        env = {variable: ours[variable] for variable in SERVICES[service]["environment"]}
        process = self._stack.enter_context(
            processes.motcua(*words, folder=self._folder, env={**env, **self.sandbox.environment})
        )
        self.running[name or service] = process
        return process

    @property
    def pages(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.pages}{path}", timeout=20)

    def state(self, system: str = "igate") -> float | None:
        """What /metrics says; None while it does not answer."""
        try:
            reply = self.get("/metrics")
        except requests.ConnectionError:
            return None
        return processes.samples(reply.text).get(f'motcua_system_state{{system="{system}"}}') if reply.ok else None

    def all_live(self) -> bool:
        return all(process.popen.poll() is None for process in self.running.values())

    def end(self) -> dict[str, int]:
        """End all that runs in good order; the exit codes."""
        for process in self.running.values():
            process.signal(signal.SIGTERM)
        codes = {name: process.wait(END_WITHIN) for name, process in self.running.items()}
        self.close()
        return codes

    def close(self) -> None:
        self._stack.close()


def alertmanager_config(receivers: Mapping[str, str], pace: Mapping[str, str]) -> str:
    """The committed file, with webhooks (URL by receiver) in its receivers and other times in its root route."""
    config = yaml.safe_load((CONFIGURATION / "alertmanager.yml").read_text(encoding="utf-8"))
    for receiver in config["receivers"]:
        if receiver["name"] in receivers:
            receiver["webhook_configs"] = [{"url": receivers[receiver["name"]]}]
    config["route"] |= pace
    return yaml.safe_dump(config, allow_unicode=True)


def prometheus_files(pages: str, alertmanager: str, pace: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The committed configuration and rules, at our addresses and with other times where `pace` has some."""
    texts = {name: (CONFIGURATION / name).read_text(encoding="utf-8") for name in ("prometheus.yml", "rules.yml")}
    places = {"web:8000": pages, "alertmanager:9093": alertmanager}
    for place, url in places.items():
        assert place in texts["prometheus.yml"]
        texts["prometheus.yml"] = texts["prometheus.yml"].replace(place, url.removeprefix("http://"))
    for written, other in pace.items():
        assert any(written in text for text in texts.values()), written
        texts = {name: text.replace(written, other) for name, text in texts.items()}
    return texts.pop("prometheus.yml"), texts


@contextmanager
def whole(
    folder: Path,
    catalogue: Path,
    *,
    receivers: Mapping[str, str] | None = None,
    routes_pace: Mapping[str, str] | None = None,
    rules_pace: Mapping[str, str] | None = None,
    services: Sequence[str] = OURS,
) -> Iterator[tuple[Stack, servers.Server]]:
    """All of it, until the block ends; with Prometheus."""
    templates = {"templates/motcua.tmpl": (CONFIGURATION / "templates/motcua.tmpl").read_text(encoding="utf-8")}
    with (
        servers.redis() as redis,
        servers.postgres() as postgres,
        servers.alertmanager(alertmanager_config(receivers or {}, routes_pace or {}), templates) as alertmanager,
        processes.sandbox() as sandbox,
    ):
        stack = Stack(folder, catalogue, redis, postgres, sandbox, alertmanager)
        try:
            for service in services:
                stack.start(service)
            config, files = prometheus_files(stack.pages, alertmanager.url, rules_pace or {})
            with servers.prometheus(config, files) as prometheus:
                yield stack, prometheus
            stack.end()
        finally:
            stack.close()


def main() -> int:
    missing = servers.missing_packages()
    if missing:
        sys.stderr.write(f"missing Debian packages: {', '.join(missing)}; make test-deps installs them\n")
        return 2
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    say("starting Redis, PostgreSQL, Alertmanager, the simulated province...")
    with tempfile.TemporaryDirectory(prefix="motcua-stack-") as folder:
        try:
            with whole(Path(folder), processes.EXAMPLE) as (stack, prometheus):
                tell(stack, prometheus, Path(folder))
                while not ended.wait(1):
                    if not stack.all_live():
                        say(f"ended by itself: {dead(stack)}; all others are ended too")
                        return 1
                say("ending...")
        except servers.ServerError as error:
            say(str(error))
            return 1
    say("all has ended")
    return 0


def tell(stack: Stack, prometheus: servers.Server, folder: Path) -> None:
    say("starting " + ", ".join(stack.running) + "; the first figures take a minute...")
    eventually(lambda: stack.state() is not None or not stack.all_live(), within=60)
    assert stack.alertmanager is not None
    say(
        "",
        f"pages         {stack.pages}/",
        f"metrics       {stack.pages}/metrics",
        f"Prometheus    {prometheus.url}/alerts",
        f"Alertmanager  {stack.alertmanager.url}/",
        f"logs          {folder}",
        "",
        f"a fault       motcua sandbox fault igate.search http_503 --for 2m --api {stack.sandbox.addresses.api}",
        "boards        motcua dashboards publish --url ... (Debian has no Grafana; docker compose up brings one)",
        "",
        "Ctrl-C ends all.",
    )


def dead(stack: Stack) -> str:
    return ", ".join(
        f"{name} (exit code {code})\n{process.err[-2000:]}"
        for name, process in stack.running.items()
        if (code := process.popen.poll()) is not None
    )


def say(*lines: Any) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

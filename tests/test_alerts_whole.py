"""The whole way of a message, on real sockets: a fault in the sandbox, the monitor, a receiver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connectors.sandbox import Sandbox
from tests import processes
from tests.processes import eventually
from tests.receivers import SECRET, Webhook


@pytest.fixture(scope="module")
def province() -> Iterator[Sandbox]:
    with processes.sandbox() as sandbox:
        yield sandbox


def catalogue(folder: Path, hook: Webhook) -> Path:
    path = processes.fast_catalogue(folder, bus=(20, 1))  # its children fail before it is due, mostly
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    text["alerts"] = {
        "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
        "routes": {"duty": {"channels": ["hook"]}},
        "retry_first": "200ms",
        "retry_most": "1s",
    }
    path.write_text(yaml.safe_dump(text, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def told(hook: Webhook, kind: str, system: str) -> list[float]:
    return [
        got.at for got in hook.got if got.json["kind"] == kind and got.json.get("incident", {}).get("system") == system
    ]


def test_a_failure_and_its_end_reach_the_receiver(tmp_path: Path, province: Sandbox) -> None:
    with Webhook() as hook:
        path = catalogue(tmp_path, hook)
        words = ("up", "-c", path, "--port", "0", "--data", "data")
        with processes.motcua(*words, folder=tmp_path, env=province.environment) as monitor:
            monitor.until(r"http://\S+")
            time.sleep(5)
            assert not hook.got
            province.fault("shared.category", "http_503")
            began = time.time()
            eventually(lambda: told(hook, "down", "shared_catalogue"), within=20)
            seconds = told(hook, "down", "shared_catalogue")[0] - began
            assert seconds < 2 + 6 + 2, "an interval, the tries and the delivery"
            province.clear()
            eventually(lambda: told(hook, "up", "shared_catalogue"), within=20)
            assert monitor.end() == 0
    down, up = hook.got
    assert down.signed and up.signed
    assert down.json["title"].startswith("[DỮ LIỆU MÔ PHỎNG] [Mức 2] Gián đoạn: Hệ thống danh mục dùng chung")
    assert "máy chủ báo lỗi (HTTP 5xx)" in down.json["text"]
    assert up.json["incident"]["down_seconds"] > 0
    shown = processes.run("alert", "log", "-c", path, "--data", tmp_path / "data", env=province.environment)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("Đã gửi") == 2


def test_a_silent_bus_makes_one_message(tmp_path: Path, province: Sandbox) -> None:
    with Webhook() as hook:
        path = catalogue(tmp_path, hook)
        words = ("up", "-c", path, "--port", "0", "--data", "data")
        with processes.motcua(*words, folder=tmp_path, env=province.environment) as monitor:
            monitor.until(r"http://\S+")
            time.sleep(5)
            province.fault("lgsp.token", "hang_connect")  # it takes the whole bus
            began = time.time()
            eventually(lambda: told(hook, "down", "bus"), within=25)
            assert told(hook, "down", "bus")[0] - began < 2 + 16, "an interval, and what a child behind a bus may take"
            time.sleep(11)  # longer than any child may be held
            systems = {got.json["incident"]["system"] for got in hook.got}
            assert systems == {"bus"}
            assert len(hook.got) == 1
            assert "CSDL" in hook.got[0].json["text"] or "dân cư" in hook.got[0].json["text"]
            province.clear()
            eventually(lambda: told(hook, "up", "bus"), within=45)
            assert monitor.end() == 0
    assert [got.json["kind"] for got in hook.got] == ["down", "up"]

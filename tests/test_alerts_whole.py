"""The whole way of a message, on real sockets: a fault in the sandbox, the monitor, a receiver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from connectors.sandbox import Sandbox
from monitor.model import Verdict
from monitor.store import Store
from tests import processes
from tests.connectors.harness import Answer, Asked, http, serving
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


CHILDREN = 30
BEHIND = """
province: {id: tinh_thu, name: {vi: Tỉnh Thử, en: Test Province}}
defaults: {interval: 20s, timeout: 8s}
parties: {centre: {name: {vi: Trung tâm, en: Centre}}}
locations: {office: {name: {vi: Văn phòng, en: Office}, controls: [{id: gateway, url: "CONTROL"}]}}
systems:
  bus: {name: {vi: Trục, en: Bus}, owner: centre, party: centre, connector: http, options: {base_url: "URL"},
        checks: {ping: {options: {path: /bus}}}}
"""


def test_a_bus_that_hangs_for_long_makes_one_message(tmp_path: Path) -> None:
    """It takes connections and answers nothing, nor does what is reached through it; 8 s until a try gives up."""
    hangs = False

    def answer(_asked: Asked) -> Answer:
        return None if hangs else http("ok")

    with Webhook() as hook, serving(answer) as bus, serving(http("ok")) as control:
        made = yaml.safe_load(BEHIND.replace("URL", bus.url).replace("CONTROL", control.url))
        for number in range(CHILDREN):
            child = {**made["systems"]["bus"], "depends_on": ["bus"], "name": {"vi": "Con", "en": "Child"}}
            made["systems"][f"c{number}"] = {**child, "checks": {"ping": {"options": {"path": f"/c{number}"}}}}
        made["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
            "routes": {"duty": {"channels": ["hook"]}},
        }
        path = tmp_path / "catalogue.yaml"
        path.write_text(yaml.safe_dump(made, allow_unicode=True, sort_keys=False), encoding="utf-8")
        with processes.motcua("up", "-c", path, "--port", "0", "--data", "data", folder=tmp_path) as monitor:
            monitor.until(r"http://\S+")
            time.sleep(4)  # every check has had its first look
            hangs = True
            began = time.time()
            eventually(lambda: hook.got, within=20 + 8 + 4 + 8 + 5)
            time.sleep(max(0.0, began + 20 + 3 * 8 + 16 - time.time()))  # all are confirmed, none is held any more
            assert monitor.end() == 0
    assert [(got.json["kind"], got.json["incident"]["system"]) for got in hook.got] == [("down", "bus")]
    store = Store.open(f"sqlite:///{tmp_path / 'data' / 'motcua.db'}")
    failed = [o for o in store.outcomes(int(began * 1000) - 10_000, 2**52) if o.verdict is Verdict.DOWN]
    store.close()
    assert {o.system for o in failed} == {"bus", *(f"c{number}" for number in range(CHILDREN))}
    waited = hook.got[0].at - min(o.started_at for o in failed) / 1000
    print(f"from the first failed try to the message: {waited:.1f} s")
    assert waited < 8 + 4 + 8 + 3, "a child's timeout, three tries two seconds apart, the bus's timeout, and delivery"

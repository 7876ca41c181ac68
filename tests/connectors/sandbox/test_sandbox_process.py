"""The sandbox as a process: how it starts and ends, and the switching and logging of faults."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from connectors.sandbox import Sandbox, SandboxError, active_faults, clear_faults, describe, set_fault, spawn
from connectors.sandbox.upstreams import Addresses

if TYPE_CHECKING:
    from tests.connectors.sandbox.conftest import Client

ROOT = Path(__file__).resolve().parents[3]

PARENT = """
import os, sys, time
from connectors.sandbox import spawn
sandbox = spawn()
if sys.argv[1] == "forked" and os.fork() == 0:  # this one inherits the pipe and outlives the parent
    time.sleep(20)
    os._exit(0)
print(sandbox.pid, flush=True)
time.sleep(20)  # until the test kills it
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_base(count: int = 10) -> int:
    """The first of so many ports in a row that are free."""
    for base in range(20_000 + os.getpid() % 5_000, 32_000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for offset, held in enumerate(sockets):
                held.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        else:
            return base
        finally:
            for held in sockets:
                held.close()
    raise AssertionError("no free ports")


# --- starting and ending ---


def test_as_a_child_it_starts_quickly_stays_small_and_leaves_ctrl_c_to_its_parent() -> None:
    start = time.monotonic()
    with spawn() as sandbox:
        started = time.monotonic() - start
        assert os.getpgid(sandbox.pid) != os.getpgid(0)
        os.kill(sandbox.pid, signal.SIGINT)
        connection = http.client.HTTPConnection(urlsplit(sandbox.addresses.gateway).netloc, timeout=10)
        connection.request("GET", "/pa/dossier/search")  # waits until the dossiers are there
        assert connection.getresponse().status == 401
        connection.close()
        status = Path(f"/proc/{sandbox.pid}/status").read_text()
        authority = Path(sandbox.addresses.ca)
        assert "PRIVATE" not in authority.read_text()
        assert authority.parent.stat().st_mode & 0o077 == 0
    assert not is_alive(sandbox.pid)
    assert not authority.parent.exists(), "no file is left behind"
    sandbox.stop()
    assert int(status.partition("VmHWM:")[2].split()[0]) / 1024 < 80, "MB at most"
    assert started < 5, "1 s on an idle machine"


def test_the_environment_is_what_the_example_catalogue_expects(sandbox: Sandbox) -> None:
    names = {
        "SSO", "GATEWAY", "PORTAL", "NATIONAL", "SHARED", "CONTROL", "TLS", "BUS", "DNS", "CA", "USER", "PASSWORD",
        "BUS_KEY", "BUS_SECRET", "BUS_APP", "BUS_PARTNER", "BUS_CUSTOMER",
        "NATIONAL_USER", "NATIONAL_PASSWORD", "NATIONAL_AGENCY", "NATIONAL_DSTCODE",
        "POPULATION_USER", "POPULATION_SECRET", "POPULATION_CLIENT", "POPULATION_API_KEY", "POPULATION_OFFICER",
        "POPULATION_PROCEDURE", "POPULATION_SUBJECT", "POPULATION_NAME", "POPULATION_BORN",
    }  # fmt: skip
    environment, addresses = sandbox.environment, sandbox.addresses
    assert set(environment) == {f"MOTCUA_SANDBOX_{name}" for name in names}
    assert environment["MOTCUA_SANDBOX_CONTROL"] == addresses.control
    assert environment["MOTCUA_SANDBOX_BUS"] == addresses.bus
    assert environment["MOTCUA_SANDBOX_DNS"] == addresses.dns
    assert environment["MOTCUA_SANDBOX_CA"] == addresses.ca


@pytest.mark.parametrize("how", ["plain", "forked"])
def test_the_child_dies_with_its_parent(how: str, eventually: Callable[..., bool]) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, how],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert is_alive(child)
        parent.kill()
        parent.wait()
        assert eventually(lambda: not is_alive(child))
    finally:
        parent.stdout.close()
        if how == "forked":
            os.killpg(parent.pid, signal.SIGKILL)


def test_it_ends_at_once_though_connections_hang(tmp_path: Path, eventually: Callable[..., bool]) -> None:
    log = tmp_path / "faults.jsonl"
    with spawn(log=log) as sandbox:
        sandbox.fault("control.a", "hang_headers", seconds=60)
        sandbox.fault("control.b", "slow", delay=90)
        sandbox.fault("tls.page", "tls_hang")
        address = urlsplit(sandbox.addresses.control)
        hanging = [socket.create_connection((address.hostname, address.port), timeout=5) for _ in range(400)]
        for number, connection in enumerate(hanging):
            connection.sendall(b"GET /%s HTTP/1.1\r\n\r\n" % (b"a" if number % 2 else b"b"))
        shaking = [socket.create_connection(("127.0.0.1", urlsplit(sandbox.addresses.tls).port), 5) for _ in range(50)]
        assert eventually(lambda: sandbox.requests()["counts"]["control.a"] == 200)
        assert eventually(lambda: sandbox.requests()["open"]["tls"] == 50)
        told = sandbox.log()
        start = time.monotonic()
        os.kill(sandbox.pid, signal.SIGTERM)
        assert eventually(lambda: not is_alive(sandbox.pid))
        assert time.monotonic() - start < 2
        for connection in hanging + shaking:
            connection.close()
    written = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert written[:3] == told, "the log is also a file"
    assert (written[0]["for"], written[1]["params"]) == (60, {"delay": 90.0})
    assert [(event["state"], event["cause"]) for event in written[3:]] == [("off", "stopped")] * 3


def test_clients_that_leave_are_forgotten(client: Client, eventually: Callable[..., bool]) -> None:
    for route, fault in (("control.a", "hang_headers"), ("control.b", "hang_body")):
        client.sandbox.fault(route, fault)
    address = urlsplit(client.sandbox.addresses.control)
    hanging = [socket.create_connection((address.hostname, address.port), timeout=5) for _ in range(400)]
    for number, connection in enumerate(hanging):
        connection.sendall(client.request("control.a" if number % 2 else "control.b"))
    silent = [socket.create_connection((address.hostname, address.port), timeout=5) for _ in range(10)]
    assert eventually(lambda: client.sandbox.requests()["open"]["control"] == 410)
    for connection in hanging + silent:
        connection.close()
    assert eventually(lambda: client.sandbox.requests()["open"]["control"] == 0)


def test_by_hand_it_takes_ten_ports_in_a_row_and_ends_on_ctrl_c() -> None:
    base = free_base()
    process = subprocess.Popen(
        [sys.executable, "-m", "connectors.sandbox", "--port", str(base)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(12)]
    assert "DỮ LIỆU MÔ PHỎNG" in lines[0]
    ports = [int(line.rsplit(":", 1)[1]) for line in lines[1:-1]]
    assert ports == list(range(base, base + 10))
    addresses = Addresses(**describe(f"http://127.0.0.1:{base}")["addresses"])
    assert addresses.control == f"http://127.0.0.1:{base + 6}", "ports once given are kept"
    assert addresses.bus == f"https://bus.mo-phong.test:{base + 8}"
    assert (addresses.dns, Path(addresses.ca).is_file()) == (f"127.0.0.1:{base + 9}", True)
    process.send_signal(signal.SIGINT)
    assert process.wait(3) == 0
    process.stdout.close()
    assert not Path(addresses.ca).parent.exists()


def test_a_busy_port_is_one_clear_error() -> None:
    base = free_base()
    with socket.create_server(("127.0.0.1", base + 3)):
        with pytest.raises(SandboxError, match=rf"cannot listen on 127\.0\.0\.1:{base + 3}: .*choose another --port"):
            spawn(port=base)
        by_hand = subprocess.run(
            [sys.executable, "-m", "connectors.sandbox", "--port", str(base)],
            capture_output=True,
            check=False,
            text=True,
            cwd=ROOT,
        )
    assert by_hand.returncode == 1
    assert by_hand.stderr.count("\n") == 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", base + 9))
        with pytest.raises(SandboxError, match=rf"cannot listen on 127\.0\.0\.1:{base + 9}: .*choose another --port"):
            spawn(port=base)


# --- faults in time ---


def test_a_fault_with_a_duration_switches_itself_off(client: Client, eventually: Callable[..., bool]) -> None:
    seen = len(client.sandbox.log())
    client.sandbox.fault("control.a", "refuse", seconds=0.3)
    client.sandbox.fault("igate.search", "http_500", seconds=0.2)
    assert client.ask("control.b").end == "refused"
    assert client.ask("igate.search").status == 500
    assert eventually(lambda: client.ask("control.a").end == "closed" and client.ask("igate.search").status == 200)
    events = client.sandbox.log()[seen:]
    assert [(event["route"], event["state"], event.get("cause")) for event in events] == [
        ("control.a", "on", None),
        ("igate.search", "on", None),
        ("igate.search", "off", "expired"),
        ("control.a", "off", "expired"),
    ]
    assert 300 <= events[3]["at"] - events[0]["at"] < 1_000
    assert abs(events[3]["at"] / 1000 - time.time()) < 5
    assert events[0]["affects"] == ["control.a", "control.b"]


def test_a_later_fault_takes_the_place_of_an_earlier_one(client: Client) -> None:
    sandbox, seen = client.sandbox, len(client.sandbox.log())
    sandbox.fault("igate.search", "http_500", seconds=0.2)
    sandbox.fault("igate.search", "http_503")
    time.sleep(0.3)
    assert client.ask("igate.search").status == 503, "the timer of the first does not end the second"
    sandbox.fault("igate.agencies", "refuse")
    sandbox.fault("igate.procedures", "hang_connect")
    assert {(it["route"], it["fault"]) for it in active_faults(sandbox.addresses.api)} == {
        ("igate.search", "http_503"),
        ("igate.procedures", "hang_connect"),
    }
    assert sandbox.clear("igate.procedures") == 1
    assert client.ask("igate.search").status == 503
    assert sandbox.clear() == 1
    states = [(event["fault"], event["state"], event.get("cause")) for event in sandbox.log()[seen:]]
    assert states == [
        ("http_500", "on", None),
        ("http_500", "off", "replaced"),
        ("http_503", "on", None),
        ("refuse", "on", None),
        ("refuse", "off", "replaced"),
        ("hang_connect", "on", None),
        ("hang_connect", "off", "cleared"),
        ("http_503", "off", "cleared"),
    ]


# --- the API ---


def test_the_api_says_what_there_is(sandbox: Sandbox) -> None:
    told = describe(sandbox.addresses.api)
    assert told["simulated"] is True
    assert told["environment"] == sandbox.environment
    assert set(told["routes"]) == {
        "igate.token", "igate.portal", "igate.search", "igate.procedures", "igate.agencies", "igate.statistics",
        "national.home", "shared.category", "control.a", "control.b", "tls.page",
        "lgsp.token", "lgsp.category", "national.login", "national.call",
        "population.lookup", "population.c06", "population.json", "dns.bus", "dns.tls",
    }  # fmt: skip
    assert all(told["faults"].values()), "each fault says what it does"


def test_requests_are_counted_and_listed(client: Client) -> None:
    before = client.sandbox.requests()["counts"]
    client.sandbox.fault("control.a", "close")
    client.ask("control.a")
    client.ask("control.b")
    after = client.sandbox.requests()
    assert [after["counts"][name] - before[name] for name in ("control.a", "control.b")] == [1, 1]
    assert [(it["route"], it["status"]) for it in after["last"][-2:]] == [("control.a", 0), ("control.b", 200)]
    assert abs(after["last"][-1]["at"] / 1000 - time.time()) < 5


def test_without_a_sandbox_the_client_says_how_to_start_one() -> None:
    api = f"http://127.0.0.1:{free_base()}"
    for call in (lambda: set_fault(api, "igate.search", "slow"), lambda: clear_faults(api), lambda: describe(api)):
        with pytest.raises(SandboxError, match=r"no sandbox answers at .*; start one with `motcua sandbox`"):
            call()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"route": 1, "fault": "slow"}', b'{"route": "igate.search", "fault": "slow", "seconds": 3}']
)
def test_the_api_refuses_what_is_no_fault(sandbox: Sandbox, body: bytes) -> None:
    connection = http.client.HTTPConnection(urlsplit(sandbox.addresses.api).netloc, timeout=5)
    connection.request("POST", "/faults", body)
    response = connection.getresponse()
    assert response.status == 400
    assert "error" in json.loads(response.read())
    connection.close()


# --- HTTP ---


def test_connections_are_kept_when_asked_for(client: Client) -> None:
    connection = http.client.HTTPConnection(urlsplit(client.urls["control.a"]).netloc, timeout=5)
    for _ in range(3):
        connection.request("GET", "/a", headers={"Connection": "keep-alive"})
        response = connection.getresponse()
        assert (response.read(), response.headers["Connection"]) == (b"ok\n", "keep-alive")
        assert connection.sock is not None
    connection.close()
    assert client.ask("control.a").end == "closed"


def test_every_reply_is_marked_as_simulated(client: Client) -> None:
    for route in client.urls:
        heard = client.ask(route)
        assert (heard.status, heard.headers["x-motcua-simulated"]) == (200, "1"), route
    assert client.ask("control.a", target="/khong-co").headers["x-motcua-simulated"] == "1"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused(sandbox: Sandbox, sent: bytes, status: int) -> None:
    address = urlsplit(sandbox.addresses.portal)
    with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
        connection.sendall(sent)
        assert connection.recv(4096).startswith(b"HTTP/1.1 %d " % status)

"""`motcua up`, the whole monitor in one process, as a user runs it: against the simulated province."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors.sandbox import DEFAULT_API, Sandbox
from monitor.model import State
from monitor.store import Store
from monitor.words import SIMULATED
from tests import processes
from tests.processes import Process, eventually, motcua

UP_WITHIN = 10  # seconds after the start
SEEN_WITHIN = 25  # one interval of 20 s, two rechecks 2 s apart, and one second
BUSY = 2  # more, on a machine that does other things too
MEMORY = 160  # MB; some 105 are usual, the rest is for other versions of Python and libraries
IGATE = r"Hệ thống một cửa điện tử iGate \(mô phỏng\)"


def pages_of(monitor: Process) -> str:
    return monitor.until(r"Trang: (http://\S+)/ ")[1]


def metrics(pages: str) -> dict[str, float]:
    reply = requests.get(f"{pages}/metrics", timeout=10)
    assert reply.status_code == 200, reply.text
    return processes.samples(reply.text)


def igate_state(pages: str) -> float:
    return metrics(pages)['motcua_system_state{system="igate"}']


def recorded(pages: str) -> int:
    return int(requests.get(f"{pages}/healthz", timeout=10).json()["outcomes"])


def exported(data: Path) -> list[dict[str, Any]]:
    done = processes.run("outcomes", "export", "--data", data)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def identity(outcome: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(outcome[name] for name in ("system", "check", "location", "due_at", "try"))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with processes.sandbox() as running:
        yield running


def test_an_outage_from_beginning_to_end(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with motcua("up", "--sandbox", "--port", "0", "--data", data, folder=tmp_path) as monitor:
        # It comes up, and says where.
        monitor.until(f"{IGATE}: Hoạt động", within=UP_WITHIN)
        up_after = time.monotonic() - monitor.started
        assert monitor.out.startswith(f"{SIMULATED}\n")
        pages = pages_of(monitor)
        api = (
            monitor.until(r"motcua sandbox fault igate\.search http_503 --for 2m(?: --api (\S+))?\n")[1] or DEFAULT_API
        )
        assert igate_state(pages) == 2
        (child,) = processes.children(monitor.pid)

        # A second one on the same folder says so and harms nothing.
        second = processes.run("up", "--sandbox", "--port", "0", "--data", data)
        assert second.returncode == 2
        assert second.stdout == ""
        assert re.fullmatch(r"motcua: \S+/motcua\.db: another .*--data\n", second.stderr)

        # Something breaks: told with step and reason, wherever one looks.
        told = len(monitor.out)
        fault = processes.run("sandbox", "fault", "igate.search", "http_503", "--for", "5m", "--api", api)
        assert fault.stdout.startswith(f"{SIMULATED}: ")
        cpu, begin, broken_at = processes.cpu_seconds(monitor.pid), time.monotonic(), time.time()
        eventually(lambda: igate_state(pages) == 0, within=SEEN_WITHIN + BUSY, every=0.3)
        down_after = time.time() - broken_at
        monitor.until(rf"{IGATE}: Gián đoạn \(tra cứu hồ sơ: máy chủ báo lỗi \(HTTP 5xx\)\)\n", within=2, start=told)
        sample = 'motcua_check_down_info{check="one_stop",reason="http_5xx",step="search",system="igate"}'
        assert metrics(pages)[sample] == 1
        page = requests.get(f"{pages}/", timeout=10).text
        assert SIMULATED in page
        assert "tra cứu hồ sơ: máy chủ báo lỗi (HTTP 5xx)" in page
        at_sandbox = {"MOTCUA_SANDBOX_API": api}
        status = json.loads(processes.run("status", "--sandbox", "--data", data, "--json", env=at_sandbox).stdout)
        assert status["simulated"] is True
        igate = status["systems"][0]
        assert (igate["system"], igate["state"], igate["step"], igate["reason"]) == (
            "igate", "down", "search", "http_5xx",
        )  # fmt: skip
        assert broken_at - 2 <= igate["since"] <= time.time()
        table = processes.run("status", "--sandbox", "--data", data, env=at_sandbox).stdout
        assert SIMULATED in table
        assert "Gián đoạn" in table

        # It is mended.
        told = len(monitor.out)
        assert processes.run("sandbox", "clear", "--api", api).returncode == 0
        mended_at = time.time()
        monitor.until(f"{IGATE}: Hoạt động", within=SEEN_WITHIN + BUSY, start=told)
        well_after = time.time() - mended_at
        assert sample not in metrics(pages)
        took, seconds = processes.cpu_seconds(monitor.pid) - cpu, time.monotonic() - begin
        memory = processes.resident_mb(monitor.pid)
        assert memory < MEMORY

        # It ends in good order, and takes the sandbox along.
        begin = time.monotonic()
        assert monitor.end(10) == 0
        ended_after = time.monotonic() - begin
        eventually(lambda: not processes.alive(child), within=5)
        # A collection of dossiers that the outage met says so too, and is tried again.
        assert [line for line in monitor.err.splitlines() if "job.failed" not in line] == []
    faults = [json.loads(line) for line in (data / "faults.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(event["state"], event["route"]) for event in faults] == [("on", "igate.search"), ("off", "igate.search")]

    # For the report; tests/bench is where CPU has a limit.
    print(
        f"\nup after {up_after:.1f} s, down after {down_after:.1f} s, up again after {well_after:.1f} s, ended after "
        f"{ended_after:.1f} s, RSS {memory:.0f} MB, CPU {100 * took / seconds:.1f} % of a core over {seconds:.0f} s"
    )

    # What was told is what was recorded.
    outcomes = [o for o in exported(data) if o["system"] == "igate"]
    assert len({identity(o) for o in outcomes}) == len(outcomes)
    failed = [o for o in outcomes if o["verdict"] == "down"]
    assert {(o["reason"], next(s["name"] for s in o["steps"] if s["verdict"] == "down")) for o in failed} == {
        ("http_5xx", "search")
    }
    assert failed[0]["started_at"] // 1000 == igate["since"]
    assert [o["try"] for o in failed[:3]] == [1, 2, 3]


def test_a_kill_loses_what_was_in_flight_and_nothing_else(tmp_path: Path, sandbox: Sandbox) -> None:
    data, catalogue = tmp_path / "data", processes.fast_catalogue(tmp_path)
    words = ("up", "-c", catalogue, "--port", "0", "--data", data)
    with motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor:
        pages = pages_of(monitor)
        eventually(lambda: recorded(pages) >= 10, within=30)
        monitor.kill()
    before = exported(data)
    assert len(before) >= 10
    last = {o["system"]: o["started_at"] for o in before}  # the export is in order of time
    hold = 5  # seconds: twice the interval and the timeout
    gap = max(last.values()) / 1000 + hold + 3
    eventually(lambda: time.time() > gap, within=20)

    with motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor:
        pages = pages_of(monitor)
        again = time.time()
        eventually(lambda: recorded(pages) >= len(before) + 8, within=30)
        assert monitor.end(10) == 0
        assert monitor.err == ""
    after = exported(data)
    assert after[: len(before)] == before, "what was recorded stays as it was"
    assert len({identity(o) for o in after}) == len(after), "each once"
    assert len(after) >= len(before) + 8

    # The gap is no data, to the second, and counts neither as up nor as down.
    store = Store.open(f"sqlite:///{data}/motcua.db")
    try:
        now = time.time()
        line = store.timelines(before[0]["started_at"] // 1000, int(now), now)["igate", "one_stop", "van_phong"]
    finally:
        store.close()
    first_again = next(o["started_at"] for o in after[len(before) :] if o["system"] == "igate")
    assert first_again / 1000 > gap - 3
    assert abs(first_again / 1000 - again) < 5
    (silence,) = [i for i in line if i.state is State.NO_DATA and i.start >= last["igate"] // 1000]
    assert (silence.start, silence.end) == (last["igate"] // 1000 + hold, first_again // 1000)
    assert {i.state for i in line if i.start >= first_again // 1000} == {State.UP}


def test_the_sandbox_dies_with_a_monitor_that_is_killed(tmp_path: Path) -> None:
    with motcua("up", "--sandbox", "--port", "0", "--data", "data", folder=tmp_path) as monitor:
        pages_of(monitor)
        (child,) = processes.children(monitor.pid)
        assert processes.alive(child)
        monitor.kill()
        eventually(lambda: not processes.alive(child), within=5)


def test_sigterm_records_what_was_in_flight(tmp_path: Path, sandbox: Sandbox) -> None:
    catalogue = processes.fast_catalogue(tmp_path, interval=4, timeout=2)
    words = ("up", "-c", catalogue, "--port", "0", "--data", "data")
    with motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor:
        pages = pages_of(monitor)
        eventually(lambda: igate_state(pages) == 2, within=20)
        sandbox.fault("igate.search", "slow", delay=1.5)
        asked = sandbox.requests()["counts"]["igate.search"]
        eventually(lambda: sandbox.requests()["counts"]["igate.search"] > asked, within=20, every=0.02)
        ended_at = time.time()
        assert monitor.end(10) == 0
        assert monitor.err == ""
        assert time.time() - ended_at > 0.5, "it waited for the answer"
    last = [o for o in exported(tmp_path / "data") if o["system"] == "igate"][-1]
    assert last["started_at"] / 1000 < ended_at + 0.5
    assert last["started_at"] / 1000 + last["seconds"] > ended_at + 0.5
    assert last["verdict"] == "up"


def test_ctrl_c_ends_it_well_too(tmp_path: Path, sandbox: Sandbox) -> None:
    words = ("up", "-c", processes.fast_catalogue(tmp_path), "--port", "0", "--data", "data")
    with motcua(*words, folder=tmp_path, env=sandbox.environment) as monitor:
        pages_of(monitor)
        monitor.signal(signal.SIGINT)
        assert monitor.wait(10) == 0
        assert monitor.err == ""


def test_it_ends_by_itself_when_its_time_is_over(tmp_path: Path, sandbox: Sandbox) -> None:
    catalogue = processes.fast_catalogue(tmp_path)
    words = ("up", "-c", catalogue, "--port", "0", "--data", tmp_path / "data", "--for", "3s")
    done = processes.run(*words, env=sandbox.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert {o["system"] for o in exported(tmp_path / "data")} >= {
        "igate",
        "bus",
        "national_portal",
        "population",
        "shared_catalogue",
    }


def test_a_reader_that_goes_away_ends_it_and_the_sandbox(tmp_path: Path) -> None:
    words: list[str | Path] = ["up", "--sandbox", "--port", "0", "--data", tmp_path / "data"]
    monitor = subprocess.Popen(
        [*processes.COMMAND, *words],
        env=processes.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    with monitor:
        assert monitor.stdout is not None
        assert monitor.stderr is not None
        assert monitor.stdout.readline() == f"{SIMULATED}\n"
        (child,) = processes.children(monitor.pid)
        monitor.stdout.close()
        assert (monitor.wait(20), monitor.stderr.read()) == (0, "")
    eventually(lambda: not processes.alive(child), within=5)

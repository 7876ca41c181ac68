"""The embedded monitor under load, from outside: CPU by /proc, lateness by the target's access log, state by the store.

Every function starts its own target and its own `motcua up`, and returns a JSON-able dict.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, Self

from connectors import sandbox
from monitor.model import State, Verdict
from monitor.schedule import phase
from monitor.store import Store
from tests import servers
from tests.receivers import SECRET, Webhook

TICKS = os.sysconf("SC_CLK_TCK")
LOCATION = "o_do"

NGINX = """
    log_format instant '$msec $request_time $uri';
    keepalive_timeout 0;
    server { listen 127.0.0.1:@PORT@ backlog=4096; access_log @LOG@ instant;
             location / { default_type application/json; return 200 '{"content":[]}'; } }
"""


class Monitor:
    """A running `motcua up`."""

    def __init__(self, process: subprocess.Popen[bytes], data: Path) -> None:
        self.process, self.data = process, data

    def cpu(self) -> float:
        """Seconds of CPU used so far, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the monitor has ended")

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = Store.open(f"sqlite:///{self.data / 'motcua.db'}")
        try:
            yield store
        finally:
            store.close()


@contextmanager
def monitor(catalogue: Mapping[str, Any] | Path, env: Mapping[str, str] | None = None) -> Iterator[Monitor]:
    """`motcua up` on a catalogue, in its own process and temporary folder."""
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        path, data = Path(folder) / "catalogue.yaml", Path(folder) / "data"
        if isinstance(catalogue, Path):
            path = catalogue
        else:
            path.write_text(json.dumps(catalogue), encoding="utf-8")
        command = [sys.executable, "-m", "monitor.cli", "up", "-c", str(path), "--data", str(data), "--port", "0"]
        log = (Path(folder) / "log").open("wb")
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(env or {})})
        try:
            yield Monitor(process, data)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()
            if process.returncode:
                sys.stderr.write((Path(folder) / "log").read_text())


def catalogue(url: str, checks: int, interval: float, *, dead: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """So many plain checks, a hundred a system, and systems of other kinds beside them."""
    systems: dict[str, Any] = {}
    for number in range(checks):
        system = systems.setdefault(f"s{number // 100}", _system(url))
        system["checks"][f"c{number % 100}"] = {"options": {"path": f"/s{number // 100}/c{number % 100}"}}
    for number, other in enumerate(dead):
        systems[f"dead{number}"] = {**_system(url), **other}
    return {
        "province": {"id": "do_luong", "name": {"vi": "Đo lường", "en": "Bench"}},
        "parties": {"nobody": {"name": {"vi": "Không ai", "en": "Nobody"}}},
        "defaults": {"interval": interval, "timeout": interval / 2},
        "locations": {LOCATION: {"name": {"vi": "Ổ", "en": "Here"}, "controls": [{"id": "control", "url": url}]}},
        "systems": systems,
    }


def _system(url: str) -> dict[str, Any]:
    return {
        "name": {"vi": "Đích", "en": "Target"},
        "owner": "nobody",
        "party": "nobody",
        "connector": "http",
        "options": {"base_url": url},
        "checks": {},
    }


@contextmanager
def target() -> Iterator[tuple[str, Path]]:
    """nginx that answers at once, and its access log."""
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as folder:
        Path(folder).chmod(0o777)
        log = Path(folder) / "access.log"
        with servers.nginx(NGINX.replace("@LOG@", str(log))) as nginx:
            yield nginx.url, log


def lateness(log: Path, interval: float, since: float) -> dict[str, Any]:
    """How long after its instant each check started, in ms, by the target's clock (its log has whole ms)."""
    late, period = [], round(interval * 1000)
    for line in log.read_text().splitlines():
        at, took, uri = line.split()
        if float(at) < since or uri.count("/") != 2:
            continue
        _, system, check = uri.split("/")
        started = round((float(at) - float(took)) * 1000)
        off = (started - phase(system, check, period)) % period
        late.append(off - period if off > period / 2 else off)
    return {"starts": len(late), **percentiles(late)}


def percentiles(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "p50": round(ordered[len(ordered) // 2], digits),
        "p99": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], digits),
        "max": round(ordered[-1], digits),
    }


def bench_load(rate: int, seconds: float = 12.0) -> dict[str, Any]:
    """So many HTTP checks a second on SQLite, all in; the bare loop, paced alike, right after it."""
    with target() as (url, log):
        with monitor(catalogue(url, rate, 1.0)) as motcua:
            time.sleep(8)  # the start, and the first look at everything, are not part of it
            began, cpu = time.time(), motcua.cpu()
            time.sleep(seconds)
            cpu, took = motcua.cpu() - cpu, time.time() - began
            rss = motcua.rss_mb()
            late = lateness(log, 1.0, began)
            with motcua.store() as store:
                counters = store.counters()
        bare = json.loads(
            subprocess.check_output([sys.executable, "-m", "tests.bench.bare", url, str(rate), str(seconds / 2)])
        )
    ours = cpu / late["starts"] * 1000
    return {
        "asked_per_s": rate,
        "started_per_s": round(late["starts"] / took, 1),
        "cpu_ms_per_check": round(ours, 4),
        "bare_loop": bare,
        "times_the_bare_loop": round(ours / bare["cpu_ms_per_check"], 2),
        "start_lateness_ms": late,
        "rss_mb": round(rss, 1),
        "not_up": sum(n for name, n in counters.items() if name in ("outcomes_down", "outcomes_inconclusive")),
    }


def bench_dead_names(seconds: float = 15.0) -> dict[str, Any]:
    """100 healthy checks a second without and with 40 names beside them that no DNS server knows."""
    names = [
        {"options": {"base_url": f"http://khong-co-{n}.invalid"}, "checks": {"c": {"interval": 2, "timeout": 1}}}
        for n in range(40)
    ]
    with target() as (url, _):
        runs = [_healthy(catalogue(url, 100, 1.0, dead=dead), seconds) for dead in ((), names)]
    alone, beside = runs
    return {
        "healthy_failed": beside["failed"],
        "healthy_outcomes": beside["outcomes"],
        "phases_p99_ms_alone": alone["p99"],
        "phases_p99_ms_beside_40_dead_names": beside["p99"],
        "moved_ms": {name: round(beside["p99"][name] - alone["p99"][name], 1) for name in alone["p99"]},
    }


def _healthy(catalogue_: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    with monitor(catalogue_) as motcua:
        time.sleep(5)  # the start is not part of it
        since = int(time.time() * 1000)
        time.sleep(seconds)
        with motcua.store() as store:
            seen = [o for o in store.outcomes(since, 2**52) if o.system.startswith("s")]
    phases = {
        name: percentiles([getattr(o.steps[0].phases, name) * 1000 for o in seen])["p99"]
        for name in ("dns", "connect", "wait", "transfer")
    }
    return {"outcomes": len(seen), "failed": sum(o.verdict is not Verdict.UP for o in seen), "p99": phases}


def bench_hung_targets(seconds: float = 15.0) -> dict[str, Any]:
    """100 healthy checks a second beside 40 that hang until their deadline: how late are the others recorded?"""
    with sandbox.spawn() as province, target() as (url, log):
        province.fault("shared.category", "hang_headers")
        hung = [
            {
                "options": {"base_url": province.addresses.shared},
                "checks": {"c": {"interval": 4, "timeout": 2, "options": {"path": "/dmdc/Category/magioitinh"}}},
            }
            for _ in range(40)
        ]
        with monitor(catalogue(url, 100, 1.0, dead=hung)) as motcua:
            time.sleep(6)  # the start is not part of it
            began, delays, seen = time.time(), [], int(time.time() * 1000)
            with motcua.store() as store:
                while time.time() < began + seconds:
                    time.sleep(0.05)
                    now = time.time()
                    new = [o for o in store.outcomes(seen, 2**52) if o.system.startswith("s")]
                    delays += [now - o.started_at / 1000 - o.seconds for o in new]
                    seen = max([seen, *(o.due_at + 1 for o in new)])
            late = lateness(log, 1.0, began)
    return {"known_to_recorded_s": percentiles(delays, 3), "start_lateness_ms": late, "hung_checks": len(hung)}


def bench_detection() -> dict[str, Any]:
    """503 switched on at once for ten checks with phases spread over 20 s: when is each down in the store?"""
    checks: dict[str, str] = {}
    for number in range(2000):  # ids whose phases are k/10 of the interval, within 1 %
        tenth, off = divmod(phase("s0", f"c{number}", 20_000), 2_000)
        if off < 200:
            checks.setdefault(str(tenth), f"c{number}")
    with sandbox.spawn() as province:
        made = catalogue(province.addresses.shared, 1, 20.0)
        options = {"options": {"path": "/dmdc/Category/magioitinh"}}
        made["systems"]["s0"]["checks"] = dict.fromkeys(checks.values(), options)
        made["locations"][LOCATION]["controls"][0]["url"] = province.addresses.control + "/a"
        with monitor(made) as motcua:
            time.sleep(25)  # an interval and the start: every check is known to be up
            province.fault("shared.category", "http_503")
            began, down = time.time(), dict[str, float]()
            with motcua.store() as store:
                while len(down) < len(checks) and time.time() < began + 45:
                    for key, state in store.states(time.time()).items():
                        if state is State.DOWN:
                            down.setdefault(key[1], time.time() - began)
                    time.sleep(0.05)
    seconds = sorted(down.values())
    return {
        "checks": len(checks),
        "down": len(down),
        "seconds_to_down": {"p50": round(median(seconds), 2), "max": round(seconds[-1], 2)},
    }


def bench_alert_latency() -> dict[str, Any]:
    """503 at once for twenty systems with phases at k/20 of 20 s: when has the receiver the message of each?"""
    systems: dict[int, str] = {}
    for number in range(20_000):  # ids whose phases are k/20 of the interval, within 0.5 %
        part, off = divmod(phase(f"s{number}", "c", 20_000), 1_000)
        if off < 100:
            systems.setdefault(part, f"s{number}")
    assert len(systems) == 20, "every twentieth has its system"
    with sandbox.spawn() as province, Webhook() as hook:
        made = catalogue(province.addresses.shared, 1, 20.0)
        (one,) = made["systems"].values()
        one["checks"] = {"c": {"options": {"path": "/dmdc/Category/magioitinh"}}}
        made["systems"] = {system: {**one, "criticality": "high"} for system in systems.values()}
        made["locations"][LOCATION]["controls"][0]["url"] = province.addresses.control + "/a"
        made["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
            "routes": {"duty": {"channels": ["hook"]}},
        }
        with monitor(made) as motcua:
            time.sleep(25)  # an interval and the start: every check is known to be up
            province.fault("shared.category", "http_503")
            began = time.time()
            while len(hook.got) < len(systems) and time.time() < began + 60:
                time.sleep(0.05)
            told = {got.json["incident"]["system"]: got.at for got in hook.got}
            first: dict[str, float] = {}
            with motcua.store() as store:
                for o in store.outcomes(int(began * 1000) - 25_000, 2**52):
                    if o.verdict is Verdict.DOWN:
                        first[o.system] = min(o.started_at / 1000, first.get(o.system, o.started_at / 1000))
    seconds = sorted(at - began for at in told.values())
    delays = sorted(at - first[system] for system, at in told.items())
    return {
        "systems": len(systems),
        "messages": len(hook.got),
        "seconds_from_fault": {"p50": round(median(seconds), 2), "max": round(seconds[-1], 2)},
        "seconds_from_first_failed_try": {"p50": round(median(delays), 2), "max": round(delays[-1], 2)},
    }


class HangingBus:
    """Answers every request until `hangs` is set; then it takes connections and says nothing. One thread for all."""

    def __init__(self) -> None:
        self.hangs = False
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if self.hangs:
                await reader.read()  # until the client leaves
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                await writer.drain()
        writer.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def bench_hanging_bus(children: int = 1000, interval: float = 20.0, timeout: float = 8.0) -> dict[str, Any]:
    """A bus that takes connections and answers nothing, and all behind it with it: which messages are sent, and when?

    Its controls answer all the time, so that this is no blindness.
    """
    with HangingBus() as bus, HangingBus() as control, Webhook() as hook:
        made = catalogue(bus.url, 1, interval)
        made["defaults"]["timeout"] = timeout
        made["locations"][LOCATION]["controls"][0]["url"] = control.url
        one = {**_system(bus.url), "checks": {"c": {"options": {"path": "/"}}}}
        made["systems"] = {"bus": one, **{f"s{n}": {**one, "depends_on": ["bus"]} for n in range(children)}}
        made["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
            "routes": {"duty": {"channels": ["hook"]}},
        }
        with monitor(made) as motcua:
            time.sleep(interval + 10)
            assert not hook.got, "nothing fails before"
            bus.hangs = True
            began = time.time()
            # All have failed, are confirmed one after the other, and none of their messages is held any more.
            time.sleep(interval + 3 * timeout + (4 + timeout + 2) + 5)
            with motcua.store() as store:
                failed = [o for o in store.outcomes(int(began * 1000) - 25_000, 2**52) if o.verdict is Verdict.DOWN]
    first = min(o.started_at for o in failed) / 1000
    of_bus = min(o.started_at for o in failed if o.system == "bus") / 1000
    told = {got.json["incident"]["system"]: got.at for got in hook.got}
    return {
        "children": children,
        "timeout_seconds": timeout,
        "systems_with_a_failed_try": len({o.system for o in failed}),
        "messages": len(hook.got),
        "systems_told": sorted(told)[:10],
        "seconds_from_fault": round(told["bus"] - began, 2),
        "seconds_from_first_failed_try_of_a_child": round(told["bus"] - first, 2),
        "seconds_from_first_failed_try_of_the_bus": round(told["bus"] - of_bus, 2),
        "tries_of_the_bus_until_then": sum(o.system == "bus" and o.started_at / 1000 < told["bus"] for o in failed),
    }


def bench_receiver_away(minutes: float = 5.0, systems: int = 20) -> dict[str, Any]:
    """A receiver that is gone for five real minutes in which systems fail and come back: what is lost, or twice?"""
    with HangingBus() as control, sandbox.spawn() as province, Webhook() as hook:
        made = catalogue(province.addresses.shared, 1, 5.0)
        made["defaults"]["timeout"] = 2.0
        (one,) = made["systems"].values()
        one["checks"] = {"c": {"options": {"path": "/dmdc/Category/magioitinh"}}}
        made["systems"] = {f"s{n}": one for n in range(systems)}
        made["locations"][LOCATION]["controls"][0]["url"] = control.url
        made["alerts"] = {
            "channels": {"hook": {"kind": "webhook", "url": hook.url, "secret": SECRET}},
            "routes": {"duty": {"channels": ["hook"]}},
        }
        with monitor(made) as motcua:
            time.sleep(12)  # the start, and a first look at every system: all are known to be up
            hook.stop()
            gone = time.time()
            province.fault("shared.category", "http_503")
            time.sleep(minutes * 30)
            province.clear()  # half of the time is left: the ends wait as well
            time.sleep(max(0.0, gone + minutes * 60 - time.time()))
            early = len(hook.got)
            hook.start()
            back = time.time()
            while len({got.json["id"] for got in hook.got}) < 2 * systems and time.time() < back + 320:
                time.sleep(0.1)
            time.sleep(10)  # what comes twice comes soon
            with motcua.store() as store:
                rows = store.outbox.log(0, 10_000)
    order: dict[str, list[str]] = {}
    for got in hook.got:
        order.setdefault(got.json["incident"]["system"], []).append(got.json["kind"])
    return {
        "away_seconds": round(back - gone, 1),
        "systems": systems,
        "received_while_away": early,
        "rows": dict(Counter(f"{row.kind} {row.state}" for row in rows)),
        "messages_received": len(hook.got),
        "different_ids": len({got.json["id"] for got in hook.got}),
        "systems_told_down_then_up": sum(kinds == ["down", "up"] for kinds in order.values()),
        "attempts_of_a_row": max(row.attempts for row in rows),
        "seconds_from_its_return_to_the_first": round(min(got.at for got in hook.got) - back, 1),
        "seconds_from_its_return_to_the_last": round(max(got.at for got in hook.got) - back, 1),
    }


def bench_idle(seconds: float = 20.0) -> dict[str, Any]:
    """The embedded monitor on the sandbox's catalogue, without the sandbox process."""
    with sandbox.spawn() as province:
        example = Path(__file__).parents[2] / "config" / "province.example.yaml"
        with monitor(example, province.environment) as motcua:
            time.sleep(8)  # the start is not part of it
            cpu = motcua.cpu()
            time.sleep(seconds)
            return {
                "rss_mb": round(motcua.rss_mb(), 1),
                "cpu_percent_of_a_core": round((motcua.cpu() - cpu) / seconds * 100, 2),
            }

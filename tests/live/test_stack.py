"""The production processes on a real Redis and a real PostgreSQL, started as docker-compose.yml starts them.

What was asked is known to somebody who cannot err in our favour: the sandbox counts the requests that it received.
"""

from __future__ import annotations

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

import connectors
from connectors.sandbox import Sandbox
from monitor import catalogue as catalogues
from monitor.model import Outcome, State
from monitor.schedule import due
from monitor.store import Store
from tests import processes, servers
from tests import stack as stacks
from tests.processes import eventually
from tests.receivers import Webhook
from tests.stack import LOCATION

HOLD = 5  # seconds: twice the interval of the fast catalogue, and its timeout
ROUTES = {  # one request of each is one step of one outcome
    "igate.search": ("igate", "search"),
    "igate.procedures": ("igate", "procedures"),
    "national.home": ("national_site", "request"),
    "shared.category": ("shared_catalogue", "request"),
}


class Stack(stacks.Stack):
    """With what the tests ask of it."""

    def __init__(self, folder: Path, redis: servers.Server, postgres: servers.Server, sandbox: Sandbox) -> None:
        # One of them may be under way for longer than the worker takes to end its other affairs.
        path = processes.fast_catalogue(folder, national_site=(6, 3))
        super().__init__(folder, path, redis, postgres, sandbox)
        self.catalogue = catalogues.load(path, connectors.CONNECTORS, sandbox.environment)
        self._warm = Counter(sandbox.requests()["counts"])

    @contextmanager
    def store(self) -> Iterator[Store]:
        store = Store.open(self.postgres.url)
        try:
            yield store
        finally:
            store.close()

    def rows(self) -> list[Outcome]:
        with self.store() as store:
            return list(store.outcomes(0, 10**15))

    def counters(self) -> dict[str, int]:
        with self.store() as store:
            return store.counters()

    def recorded_since(self, second: float) -> set[str]:
        """The systems of which an outcome that started after `second` is recorded."""
        with self.store() as store:
            lines = store.lines()
        return {key[0] for key, line in lines.items() if line.last and line.last.started_at > second * 1000}

    def goes_on(self, within: float) -> None:
        """Wait until what starts from now on is recorded."""
        now = time.time()
        eventually(lambda: {"igate", "shared_catalogue"} <= self.recorded_since(now), within)

    def asked_and_recorded(self) -> tuple[Counter[str], Counter[str]]:
        """The requests that the sandbox received, and the steps that are recorded."""
        steps = Counter((o.system, s.name) for o in self.rows() for s in o.steps if s.verdict is not None)
        asked = Counter(self.sandbox.requests()["counts"]) - self._warm
        return Counter({route: asked[route] for route in ROUTES}), Counter({r: steps[s] for r, s in ROUTES.items()})

    def slots(self, start: float, end: float) -> set[tuple[str, str, int]]:
        """Every slot of a check or a control that is due in a period: arithmetic."""
        checks = {key: check.settings for key, check in self.catalogue.checks(LOCATION).items()}
        checks |= {(c.system, c.check): c.settings for c in self.catalogue.controls(LOCATION)}
        period = (int(start * 1000), int(end * 1000))
        return {(*key, at) for key, settings in checks.items() for at in due(*key, settings, *period)}

    def tried(self) -> set[tuple[str, str, int]]:
        """The slots whose first try is recorded."""
        return {(o.system, o.check, o.due_at) for o in self.rows() if o.try_ == 1}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Everything runs and igate is up."""
    with (
        servers.redis() as redis,
        servers.postgres() as postgres,
        processes.sandbox() as sandbox,
        closing(Stack(tmp_path, redis, postgres, sandbox)) as stack,
    ):
        begin = time.monotonic()
        for service in ("scheduler", "worker", "record", "web"):
            stack.start(service)
        eventually(lambda: stack.state() == 2, within=40)
        print(f"\nup after {time.monotonic() - begin:.1f} s")
        yield stack


@pytest.mark.live("redis-server", "postgres")
def test_an_outage_of_a_system_and_outages_of_our_own_servers(stack: Stack) -> None:
    # A system fails and is well again.
    stack.sandbox.fault("igate.search", "http_503")
    begin = time.monotonic()
    eventually(lambda: stack.state() == 0, within=20)
    print(f"down after {time.monotonic() - begin:.1f} s")
    down = 'motcua_check_down_info{check="one_stop",reason="http_5xx",step="search",system="igate"}'
    assert processes.samples(stack.get("/metrics").text)[down] == 1
    assert stack.state("national_site") == 2
    stack.sandbox.clear()
    eventually(lambda: stack.state() == 2, within=20)
    for _ in range(2):  # until the scheduler hands out no slot any more that is to be rechecked
        stack.goes_on(within=10)

    # PostgreSQL goes away for five seconds, and in them the recorder is ended: outcomes wait in the broker.
    away = time.time()
    stack.postgres.stop()
    eventually(lambda: stack.get("/metrics").status_code == 503, within=10)
    assert stack.get("/healthz").status_code == 503
    assert "Traceback" not in stack.get("/").text
    eventually(lambda: "recorder.store_away" in stack.running["record"].err, within=10)
    assert stack.running.pop("record").end(15) == 0
    assert stack.all_live()
    eventually(lambda: time.time() > away + 5, within=6)
    stack.postgres.start()
    back = time.time()
    stack.start("record")
    stack.goes_on(within=30)
    eventually(lambda: stack.state() == 2, within=10)
    due_then = stack.slots(away - 1, back + 1)
    assert len(due_then) >= 6
    # A message that the ended recorder gave back comes again at once.
    with suppress(AssertionError):
        eventually(lambda: due_then <= stack.tried(), within=15)
    assert due_then - stack.tried() == set(), stack.counters()
    failing = [line for line in stack.running["scheduler"].err.splitlines() if "scheduler." in line]
    assert [re.findall(r"scheduler\.\w+", line) for line in failing] == [
        ["scheduler.failing"],
        ["scheduler.works_again"],
    ], "said once, not every second"

    # The worker is ended while a check is under way: it is finished and handed over.
    stack.sandbox.fault("national.home", "slow", delay=2.5)
    asked = stack.sandbox.requests()["counts"]["national.home"]
    eventually(lambda: stack.sandbox.requests()["counts"]["national.home"] > asked, within=10, every=0.02)
    ended = time.time()
    assert stack.running.pop("worker").end(15) == 0
    print(f"worker ended after {time.time() - ended:.1f} s")
    eventually(lambda: (counts := stack.asked_and_recorded())[0] == counts[1], within=10)
    asked_for, recorded = stack.asked_and_recorded()
    assert asked_for == recorded, "every request that was ever made is recorded"
    assert all(recorded[route] for route in ROUTES)
    assert sum(recorded.values()) > 25
    rows, counters = stack.rows(), stack.counters()
    assert counters[f"starts@{LOCATION}"] == sum(o.try_ == 1 for o in rows)
    assert not counters.get("conflicts")
    last = next(o for o in reversed(rows) if o.system == "national_site")
    assert last.started_at / 1000 < ended
    assert last.started_at / 1000 + last.seconds > ended + 1.5
    stack.sandbox.clear()

    # Redis is killed and comes back empty: what was not asked is no data, and nobody has to be started again.
    stack.start("worker")
    stack.goes_on(within=30)
    killed = time.time()
    stack.redis.kill()
    eventually(lambda: time.time() > killed + HOLD + 3, within=HOLD + 4)
    stack.redis.start()
    back = time.time()
    stack.goes_on(within=40)
    print(f"goes on {time.time() - back:.1f} s after Redis")
    eventually(lambda: stack.state() == 2, within=10)
    assert stack.all_live()
    now = time.time()
    with stack.store() as store:
        timelines = store.timelines(int(killed), int(now) + 1, now + 1)  # the second that is now included
    line = timelines["igate", "one_stop", LOCATION]
    assert [i.state for i in line] == [State.UP, State.NO_DATA, State.UP], line
    assert killed < line[1].start <= killed + HOLD + 1
    assert back - 1 < line[1].end <= now

    # All end in good order.
    for process in stack.running.values():
        process.signal(signal.SIGTERM)
    assert {name: process.wait(20) for name, process in stack.running.items()} == dict.fromkeys(stack.running, 0)


@pytest.mark.live("redis-server", "postgres")
def test_two_of_each(stack: Stack) -> None:
    # Two schedulers: each slot goes out once, for each second belongs to one of them.
    before = len(sessions(stack))
    second = stack.start("scheduler", "scheduler 2")
    eventually(lambda: len(sessions(stack)) > before, within=20)
    stack.start("record", "record 2")
    eventually(lambda: len(at_the_lock(stack)) == 2, within=20)
    begin = int(time.time()) + 2
    eventually(lambda: time.time() > begin + 6, within=12)
    eventually(lambda: stack.slots(begin, begin + 6) <= stack.tried(), within=10)
    counters = stack.counters()
    assert not [name for name in counters if name.startswith(("conflicts", "duplicates", "slots_"))], counters
    asked, recorded = stack.asked_and_recorded()
    assert sum(asked.values()) - sum(recorded.values()) <= 5, "but for those under way"

    # One of them dies: the other goes on alone.
    stack.running.pop("scheduler").kill()
    stack.goes_on(within=15)
    assert second.popen.poll() is None

    # A second recorder stands by and takes over from the first, however that ends.
    (holder,) = lock_holders(stack)
    stack.running.pop("record").kill()
    begun = time.monotonic()
    stack.goes_on(within=15)
    print(f"the second recorder goes on after {time.monotonic() - begun:.1f} s")
    (successor,) = lock_holders(stack)
    assert successor != holder
    assert stack.running["record 2"].popen.poll() is None

    # What came was counted once: no row and no start too many.
    counters = stack.counters()
    assert not [name for name in counters if name.startswith(("conflicts", "slots_"))], counters
    identities = Counter((o.system, o.check, o.location, o.due_at, o.try_) for o in stack.rows())
    assert set(identities.values()) == {1}

    # A standby ends well too.
    third = stack.start("record", "record 3")
    eventually(lambda: len(at_the_lock(stack)) == 2, within=20)
    assert third.end(15) == 143
    assert third.err == ""


def query(stack: Stack, text: str) -> list[Any]:
    with psycopg.connect(stack.postgres.url.replace("+psycopg", "")) as connection:
        return [row[0] for row in connection.execute(text)]


def lock_holders(stack: Stack) -> list[int]:
    return query(stack, "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted")


def at_the_lock(stack: Stack) -> list[int]:
    """The sessions that have asked for the recorder's lock: that of the active one, and those of who stands by."""
    return query(stack, "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT pg_try_advisory_lock(%'")


def sessions(stack: Stack) -> list[int]:
    return query(stack, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")


@pytest.mark.live("redis-server", "postgres", "prometheus", "alertmanager")
def test_an_outage_goes_to_the_receiver_of_alertmanager_once_and_back(tmp_path: Path) -> None:
    """All processes of docker-compose.yml, with the committed configuration; only its times are shorter."""
    catalogue = processes.fast_catalogue(tmp_path)
    pace = {"interval: 15s": "interval: 1s", "        for: 1m\n": "        for: 15s\n"}
    with (
        Webhook() as duty,
        stacks.whole(
            tmp_path,
            catalogue,
            receivers={"duty": duty.url},
            routes_pace={"group_wait": "1s", "group_interval": "1s"},
            rules_pace=pace,
        ) as (stack, prometheus),
    ):

        def asked(query: str) -> list[Any]:
            answer = requests.get(f"{prometheus.url}/api/v1/query", params={"query": query}, timeout=10).json()
            return list(answer["data"]["result"])

        def heard(status: str) -> list[dict[str, Any]]:
            told = [alert for got in list(duty.got) for alert in got.json["alerts"]]
            return [alert for alert in told if alert["status"] == status]

        eventually(lambda: asked('motcua_system_state{system="igate"} == 2'), within=90)
        assert not duty.got
        stack.sandbox.fault("igate.search", "http_503")
        (first, *_) = eventually(lambda: heard("firing"), within=40)
        assert (first["labels"]["alertname"], first["labels"]["system"]) == ("MotcuaIncident", "igate")
        assert first["annotations"]["summary"].startswith("[DỮ LIỆU MÔ PHỎNG]")
        eventually(lambda: asked('motcua_system_state{system="igate"} == 0'), within=20)
        eventually(lambda: asked('motcua_deliveries_total{channel="alertmanager", result="ok"} >= 1'), within=20)

        # The rule, which knows of it by now, would have had its time: it holds its tongue.
        down = time.time()
        eventually(lambda: time.time() > down + 25, within=30)
        assert asked("motcua_system_state == 0")
        assert not asked('ALERTS{alertname="MotcuaSystemDown"}')
        assert {alert["labels"]["alertname"] for alert in heard("firing")} == {"MotcuaIncident"}
        assert {alert["labels"]["incident"] for alert in heard("firing")} == {first["labels"]["incident"]}

        stack.sandbox.clear()
        (over, *_) = eventually(lambda: heard("resolved"), within=40)
        assert over["labels"] == first["labels"]
        eventually(lambda: asked('motcua_system_state{system="igate"} == 2'), within=20)
        eventually(lambda: asked('motcua_incidents_open{system="igate", severity="S1"} == 0'), within=20)
        assert stack.all_live()
        assert set(stack.end().values()) == {0}
        stack.running.clear()

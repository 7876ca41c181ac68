"""make soak: ten minutes under faults that come and go; afterwards every interval must match the fault log.

    python -m tests.soak [MINUTES] [SEED]

Three systems of the sandbox, asked every ten seconds, fail in their own rhythm. For each fault that was on there must
be one outage: it begins with the first try after the fault was switched on, so at most an interval later, and ends
with the first good try after it was switched off. There must be no other outage. Prints the comparison; exit code 1
on a mismatch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple

from connectors import sandbox
from monitor.judge import Interval, timeline
from monitor.model import State
from monitor.store import StoreError
from tests.bench.bench_monitor import LOCATION, Monitor, monitor

INTERVAL, TIMEOUT = 10.0, 3.0
SLACK = 1.0  # lines have whole seconds
FAULTS = (
    "http_503", "http_401", "html", "empty", "wrong_type", "refuse", "hang_headers", "hang_body", "reset", "reset_body",
    "close", "truncate", "garbage", "drip_body", "huge_body", "redirect_loop", "business_error", "missing_field",
)  # fmt: skip
ROUTES = {"igate": "igate.search", "national": "national.home", "shared": "shared.category"}


class Fault(NamedTuple):
    route: str
    name: str
    start: float
    end: float


def main(minutes: float = 10.0, seed: int = 1) -> int:
    with sandbox.spawn() as province, monitor(_catalogue(province)) as motcua:
        _until_all_up(motcua)
        faults = _play(province, minutes * 60, Random(seed))
        time.sleep(INTERVAL * 2 + TIMEOUT)
        return 1 if _compare(motcua, faults) else 0


def _catalogue(province: sandbox.Sandbox) -> dict[str, Any]:
    at, env = province.addresses, province.environment

    def system(connector: str, system_options: dict[str, Any], check_options: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": {"vi": "Mô phỏng", "en": "Simulated"},
            "owner": "nobody",
            "party": "nobody",
            "connector": connector,
            "options": system_options,
            "checks": {"c": {"options": check_options}},
        }

    igate = {
        "sso_url": at.sso,
        "gateway_url": at.gateway,
        "portal_url": at.portal,
        "username": env["MOTCUA_SANDBOX_USER"],
        "password": env["MOTCUA_SANDBOX_PASSWORD"],
    }
    home = {"path": "/", "text_present": ["Cổng Dịch vụ công quốc gia"]}
    category = {"path": "/dmdc/Category/magioitinh", "json": [{"path": "0.Ma", "type": "string"}]}
    return {
        "province": {"id": "mo_phong", "name": {"vi": "Mô phỏng", "en": "Simulated"}},
        "simulated": True,
        "parties": {"nobody": {"name": {"vi": "Không ai", "en": "Nobody"}}},
        "defaults": {"interval": INTERVAL, "timeout": TIMEOUT},
        "locations": {
            LOCATION: {"name": {"vi": "Ổ", "en": "Here"}, "controls": [{"id": "control_a", "url": at.control + "/a"}]}
        },
        "systems": {
            "igate": system("igate", igate, {}),
            "national": system("http", {"base_url": at.national}, home),
            "shared": system("http", {"base_url": at.shared}, category),
        },
    }


def _until_all_up(motcua: Monitor) -> None:
    end, states = time.monotonic() + 60, list[State]()
    while time.monotonic() < end:
        time.sleep(1)
        with suppress(StoreError), motcua.store() as store:  # it is not there yet at the very beginning
            states = [state for key, state in store.states(time.time()).items() if key[0] in ROUTES]
        if states.count(State.UP) == len(ROUTES):
            return
    raise SystemExit("the systems were not up within a minute")


def _play(province: sandbox.Sandbox, seconds: float, random: Random) -> list[Fault]:
    """Switches faults on and off, one at a time per system; what was on, by the sandbox's own log."""
    end = time.monotonic() + seconds
    due = [(time.monotonic() + random.uniform(5, 30), route) for route in ROUTES.values()]
    on: dict[str, bool] = dict.fromkeys(ROUTES.values(), False)
    while due:
        due.sort()
        at, route = due.pop(0)
        time.sleep(max(0.0, at - time.monotonic()))
        if on[route]:
            province.clear(route)
        else:
            name = random.choice(FAULTS)
            if route == "national.home" and name in ("html", "wrong_type", "business_error"):
                name = "http_503"  # a page is HTML, and has no fields
            province.fault(route, name)
        on[route] = not on[route]
        if on[route] or time.monotonic() < end - 60:
            due.append((time.monotonic() + random.uniform(30, 60), route))
        print(f"\r{max(0.0, end - time.monotonic()):4.0f} s left", end="", file=sys.stderr)
    print(file=sys.stderr)
    return list(_faults(province.log()))


def _faults(log: Sequence[dict[str, Any]]) -> Iterator[Fault]:
    on: dict[str, dict[str, Any]] = {}
    for line in log:
        if line["state"] == "on":
            on[line["route"]] = line
        elif line["route"] in on:
            began = on.pop(line["route"])
            yield Fault(line["route"], began["fault"], began["at"] / 1000, line["at"] / 1000)


def _compare(motcua: Monitor, faults: Sequence[Fault]) -> int:
    """Prints fault by fault what the line of its system says; how many do not match."""
    wrong = 0
    now = time.time()
    with motcua.store() as store:
        boundaries, lines = store.boundaries(0, int(now) + 1), store.lines()
    for system, route in ROUTES.items():
        key = (system, "c", LOCATION)
        start = min((b.at for b in boundaries[key]), default=int(now))
        seen = timeline(boundaries[key], lines[key], start, int(now), now)
        outages = [i for i in seen if i.state is State.DOWN]
        for fault in (f for f in faults if f.route == route):
            outage = next((o for o in outages if o.start < fault.end + INTERVAL and o.end > fault.start), None)
            if outage:
                outages.remove(outage)
            wrong += _report(system, fault, outage)
        for stray in outages:
            print(f"{system}: an outage without a fault: {stray}")
            wrong += 1
        gaps = sum(i.end - i.start for i in seen if i.state is State.NO_DATA)
        if gaps:
            print(f"{system}: {gaps} s without data")
            wrong += 1
    print(f"{len(faults)} faults, {wrong} that do not match")
    return wrong


def _report(system: str, fault: Fault, outage: Interval | None) -> int:
    if outage is None:
        print(f"{system:8} {fault.name:15} {fault.end - fault.start:5.1f} s   NO OUTAGE")
        return 1
    late, long = outage.start - fault.start, outage.end - fault.end
    good = -SLACK <= late <= INTERVAL + SLACK and -SLACK <= long <= INTERVAL + TIMEOUT + SLACK
    print(
        f"{system:8} {fault.name:15} on {fault.end - fault.start:5.1f} s, down {outage.end - outage.start:3d} s: began "
        f"{late:+5.1f} s, ended {long:+5.1f} s after the fault; {outage.step} {outage.reason}"
        + ("" if good else "   DOES NOT MATCH")
    )
    return 0 if good else 1


if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main(float(given[0]) if given else 10.0, int(given[1]) if len(given) > 1 else 1))

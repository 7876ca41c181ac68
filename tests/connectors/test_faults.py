"""The contract with every way in which an upstream can fail: what each fault of the sandbox is called, what it costs.

What is expected stands in fault_table.txt. Each cell is asked for its verdict, reason and step, its deadline, and the
memory that it takes at its peak.
"""

from __future__ import annotations

import gc
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from connectors.http import Http, HttpCheck, HttpSystem
from connectors.igate import IGate, IGateCheck, IGateSystem
from connectors.lgsp import Lgsp
from connectors.national_portal import NationalPortal
from connectors.sandbox import Sandbox, spawn
from connectors.sandbox.faults import BUS, DNS_FAULTS, FAULTS, LISTENER_FAULTS, TLS_FAULTS, misplaced, takes_listener
from monitor.model import Check, Login, Outcome, Route, Verdict
from tests.connectors.behind_the_bus import lgsp, national, population
from tests.connectors.harness import ENGINE_WARNS, Watch, check, control, eventually, watching

pytestmark = ENGINE_WARNS

TIMEOUT = 1.2  # seconds
SLACK = 0.5  # beyond the timeout
OBJECTIVE = 0.6
GROWTH = 5.0  # MB
HANGING = (
    "hang_connect", "hang_headers", "stall_headers", "hang_body", "drip_headers", "drip_body", "slow_beyond",
    "dns_silent", "tls_hang",
)  # fmt: skip
AT_ONCE = 5  # routes asked together: what one reply may cost is measured while others cost the same

TABLE = Path(__file__).with_name("fault_table.txt").read_text(encoding="utf-8")

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "drip_headers": ("drip_headers", {"interval": 0.2}),
    "drip_body": ("drip_body", {"interval": 0.2}),
    "slow": ("slow", {"delay": 0.8}),
    "slow_beyond": ("slow", {"delay": 5}),
    "dns_slow": ("dns_slow", {"delay": 0.8}),
    "soap_fault_200": ("soap_fault", {"status": 200}),
    "redirect_chain_3": ("redirect_chain", {"hops": 3}),
}
"""Faults with parameters; the others have those that the sandbox gives them."""

FORMS = ("json4", "xml")

WORDS = {"degraded": Verdict.DEGRADED, "?": Verdict.INCONCLUSIVE}

Expected: TypeAlias = tuple[Verdict, str | None]


@dataclass(frozen=True)
class Row:
    """One fault and what is expected of it, by route."""

    title: str
    fault: str
    parameters: dict[str, Any]
    expected: dict[str, Expected]


def read_table() -> tuple[dict[str, str], list[Row]]:
    """The step that fails on each route, and the rows. Those of the first block are about every route."""
    steps: dict[str, str] = {}
    found: list[tuple[str, dict[str, str]]] = []
    for block in TABLE.split("\n== ")[1:]:
        header, *lines = [line for line in block.splitlines()[1:] if line.strip()]
        routes = re.split(r"  +", header)[1:]
        columns = [header.index(route) for route in routes]
        for line in lines:
            cells = [line[start:end].strip() for start, end in zip(columns, [*columns[1:], None], strict=True)]
            title, by_route = line.split()[0], dict(zip(routes, cells, strict=True))
            if title == "step":
                steps |= by_route
            elif title != "kind":
                found.append((title, by_route))
    for _, of in found:
        if "every route" in of:
            of.update(dict.fromkeys(steps, of.pop("every route")))
    rows = [
        Row(title, *_fault(title), {route: _expected(cell) for route, cell in cells.items() if cell != "-"})
        for title, cells in _together(found)
    ]
    return steps, rows


def _together(found: Iterable[tuple[str, dict[str, str]]]) -> Iterator[tuple[str, dict[str, str]]]:
    """A fault has one row, though it stand in several blocks."""
    rows: dict[str, dict[str, str]] = {}
    for title, cells in found:
        rows.setdefault(title, {}).update(cells)
    yield from rows.items()


def _fault(title: str) -> tuple[str, dict[str, Any]]:
    base, _, form = title.rpartition("_")
    return (base, {"form": form}) if form in FORMS else VARIANTS.get(title, (title, {}))


def _expected(cell: str) -> Expected:
    if cell == "up":
        return Verdict.UP, None
    word, _, reason = cell.rpartition(":")
    return WORDS.get(word, Verdict.DOWN), reason


STEPS, ROWS = read_table()
ROUTES = tuple(STEPS)


def test_the_table_names_every_fault_on_every_route_on_which_it_can_be_had() -> None:
    named = {(row.fault, route) for row in ROWS for route in row.expected if row.fault not in DNS_FAULTS}
    wire_alone = {fault for fault, route in named if route == "tls.page"}  # a page is another column's
    assert named == {
        (fault, route)
        for fault in {**FAULTS, **LISTENER_FAULTS, **TLS_FAULTS}
        for route in ROUTES
        if not misplaced(fault, route)
        and (route != "tls.page" or fault in wire_alone)
        and (fault not in TLS_FAULTS or route not in LOGINS)
    }
    assert {row.fault for row in ROWS} >= {*DNS_FAULTS, *TLS_FAULTS}


# --- the province under watch -----------------------------------------------------------------------------------------


LOGINS = ("igate.token", "lgsp.token", "national.login")


@dataclass
class Bench:
    """An engine that watches two sandboxes, the second of which has the faults of logins.

    So one round of questions meets a fault on every route at once, and each check meets one fault only.
    """

    watch: Watch
    sandboxes: dict[str, Sandbox]  # by route
    checks: dict[str, Check]  # by route

    def set(self, row: Row) -> None:
        if row.fault in DNS_FAULTS:
            for name in ("dns.bus", "dns.tls"):
                self.sandboxes["tls.page"].fault(name, row.fault, **row.parameters)
            return
        taken: set[tuple[str, str]] = set()  # listeners: whole ones have one fault
        for route in row.expected:
            sandbox = self.sandboxes[route]
            listener = ("bus" if route in BUS else route, sandbox.addresses.api)
            if takes_listener(row.fault) and listener in taken:
                continue
            taken.add(listener)
            sandbox.fault(route, row.fault, **row.parameters)

    def clear(self) -> None:
        for sandbox in self.sandboxes.values():
            sandbox.clear()

    def ask(self, routes: Sequence[str], times: int = 1) -> list[tuple[str, Outcome, float]]:
        """So many questions at once on each route; with each outcome the seconds until it was there."""
        answers: list[tuple[str, Outcome, float]] = []
        began = time.monotonic()
        for route in [*routes] * times:

            def done(outcome: Outcome, route: str = route) -> None:
                answers.append((route, outcome, time.monotonic() - began))

            self.watch.engine.ask(self.checks[route].system, self.checks[route].check, done)
        eventually(lambda: len(answers) == len(routes) * times, within=30)
        return answers


class ForgetfulIGate(IGate):
    """Logs in for each run."""

    def _login(self) -> Login:
        return replace((yield from super()._login()), expires_in=0)


class ForgetfulLgsp(Lgsp):
    def login(self) -> Login:
        return replace((yield from super().login()), expires_in=0)


class ForgetfulPortal(NationalPortal):
    def login(self) -> Login:
        return replace((yield from super().login()), expires_in=0)


def igate(sandbox: Sandbox, *steps: str, kind: type[IGate] = IGate) -> IGate:
    env = sandbox.environment
    return kind(
        IGateSystem.model_validate(
            {
                "sso_url": env["MOTCUA_SANDBOX_SSO"],
                "gateway_url": env["MOTCUA_SANDBOX_GATEWAY"],
                "portal_url": env["MOTCUA_SANDBOX_PORTAL"],
                "portal_text": "Dịch vụ công",
                "username": env["MOTCUA_SANDBOX_USER"],
                "password": env["MOTCUA_SANDBOX_PASSWORD"],
            }
        ),
        IGateCheck.model_validate({"steps": list(steps)}),
    )


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with spawn(year=2025, seed=1) as first, spawn(year=2025, seed=1) as second:
        home = {"text_present": ["Cổng Dịch vụ công quốc gia"], "follow": 5, "public": True}
        genders = {"path": "/dmdc/Category/magioitinh", "json": [{"path": "0.Ma", "type": "string"}]}
        connectors: dict[str, Any] = {
            "tls.page": Http(HttpSystem(base_url=first.addresses.tls), HttpCheck()),
            "lgsp.category": lgsp(first),
            "national.call": national(first),
            "population.lookup": population(first),
            "national.home": Http(HttpSystem(base_url=first.addresses.national), HttpCheck.model_validate(home)),
            "shared.category": Http(HttpSystem(base_url=first.addresses.shared), HttpCheck.model_validate(genders)),
            "igate.portal": igate(first, "portal"),
            "igate.search": igate(first, "search"),
            "igate.token": igate(second, "search", "procedures", kind=ForgetfulIGate),
            "lgsp.token": lgsp(second, ForgetfulLgsp),
            "national.login": national(second, ForgetfulPortal),
        }
        sandboxes = {route: second if route in LOGINS else first for route in ROUTES}
        checks = {
            route: check(
                connectors[route],
                route,
                f"he_thong_{number}",
                timeout=TIMEOUT,
                objective=OBJECTIVE,
                route=Route(ca_bundle=sandboxes[route].addresses.ca),
            )
            for number, route in enumerate(ROUTES)
        }
        controls = [control(f"{first.addresses.control}/{name}", f"doi_chung_{name}") for name in "ab"]
        dns = [first.addresses.dns]
        with watching(*checks.values(), controls=controls, publish=lambda *_: None, dns=dns) as watch:
            bench = Bench(watch, sandboxes, checks)
            eventually(lambda: all(o.verdict is Verdict.UP for _, o, _ in bench.ask(ROUTES)), within=20)
            yield bench


def in_use(field: str) -> float:
    """MB of this process: VmRSS now, VmHWM at most since `forget_the_peak`."""
    return int(Path("/proc/self/status").read_text().partition(f"{field}:")[2].split()[0]) / 1024


def forget_the_peak() -> None:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


@pytest.mark.parametrize("row", ROWS, ids=[row.title for row in ROWS])
def test_fault(bench: Bench, row: Row) -> None:
    routes = list(row.expected)
    rounds, times = (1, 5) if row.title in HANGING else (2, 1) if row.title.endswith("slow") else (12, 1)
    answers = []
    bench.set(row)
    try:
        for first in range(0, len(routes), AT_ONCE):
            forget_the_peak()
            before = in_use("VmRSS")
            for _ in range(rounds):
                answers += bench.ask(routes[first : first + AT_ONCE], times)
            growth = in_use("VmHWM") - before
            assert growth < GROWTH, "at the peak, with what libraries make for themselves at the first time"
    finally:
        bench.clear()
    seen: dict[str, set[Expected]] = {route: set() for route in routes}
    for route, outcome, _ in answers:
        seen[route].add((outcome.verdict, outcome.reason))
    assert seen == {route: {expected} for route, expected in row.expected.items()}
    failed = {(route, o.failed_step) for route, o, _ in answers if o.verdict is not Verdict.UP}
    assert failed <= set(STEPS.items())
    assert max(o.seconds for _, o, _ in answers) <= TIMEOUT + SLACK
    assert max(took for _, _, took in answers) <= TIMEOUT + SLACK + 1.0, "with the controls, and all at once"
    assert [thread.name for thread in threading.enumerate()].count("engine") == 1
    healthy = bench.ask(routes)
    assert {(route, o.verdict) for route, o, _ in healthy} == {(route, Verdict.UP) for route in routes}

"""The contract with every way in which an upstream can fail: what each fault of the sandbox is called, what it costs.

The table was written from section 1 of docs/figures.md, not from what came out. Where that leaves a choice:

- A page is not JSON: another page, or JSON in its place, is content_mismatch; nothing at all breaks any contract.
- The kind http knows no error codes: one where a list was due is a wrong type. The kind igate does.
- A redirect is unexpected where none is followed (the shared catalogue, the gateway, the sso); where some are (the
  portals), one that never ends is a redirect_loop.
- Compression was not asked for, so a gzip bomb is bad_encoding, and nobody unpacks it.
- 401 and 403 mean auth_failed to those who said who they are; elsewhere they are http_4xx.
- 429 is our own fault: inconclusive.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.http import Http, HttpCheck, HttpSystem
from connectors.igate import IGate, IGateCheck, IGateSystem
from connectors.sandbox import Sandbox, spawn
from connectors.sandbox.faults import FAULTS, LISTENER_FAULTS, ONLY_ON
from monitor.model import Check, Login, Outcome, Verdict
from tests.connectors.harness import ENGINE_WARNS, Watch, check, control, eventually, watching

pytestmark = ENGINE_WARNS

TIMEOUT = 1.2  # seconds
SLACK = 0.5  # beyond the timeout
OBJECTIVE = 0.6
GROWTH = 5.0  # MB
HANGING = ("hang_connect", "hang_headers", "hang_body", "drip_headers", "drip_body", "slow_beyond")

ROUTES = ("national.home", "shared.category", "igate.portal", "igate.search", "igate.token")
STEPS = ("request", "request", "portal", "search", "token")

# A cell that names a reason alone means down; `-` where the fault does not exist.
TABLE = """
fault             national.home       shared.category     igate.portal        igate.search        igate.token

refuse            connect_refused     connect_refused     connect_refused     connect_refused     connect_refused
hang_connect      connect_timeout     connect_timeout     connect_timeout     connect_timeout     connect_timeout
hang_headers      read_timeout        read_timeout        read_timeout        read_timeout        read_timeout
slow              degraded:slow       degraded:slow       degraded:slow       degraded:slow       degraded:slow
slow_beyond       read_timeout        read_timeout        read_timeout        read_timeout        read_timeout
reset             connection_reset    connection_reset    connection_reset    connection_reset    connection_reset
close             empty_reply         empty_reply         empty_reply         empty_reply         empty_reply
garbage           not_http            not_http            not_http            not_http            not_http

hang_body         deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
drip_headers      deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
drip_body         deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
reset_body        connection_reset    connection_reset    connection_reset    connection_reset    connection_reset
truncate          truncated           truncated           truncated           truncated           truncated
truncate_chunked  truncated           truncated           truncated           truncated           truncated

huge_body         too_large           too_large           too_large           too_large           too_large
big_headers       too_large           too_large           too_large           too_large           too_large
gzip_bomb         bad_encoding        bad_encoding        bad_encoding        bad_encoding        bad_encoding
bad_gzip          bad_encoding        bad_encoding        bad_encoding        bad_encoding        bad_encoding

http_401          http_4xx            http_4xx            http_4xx            auth_failed         auth_failed
http_403          http_4xx            http_4xx            http_4xx            auth_failed         auth_failed
http_404          http_4xx            http_4xx            http_4xx            http_4xx            http_4xx
http_429          ?:rate_limited      ?:rate_limited      ?:rate_limited      ?:rate_limited      ?:rate_limited
http_500          http_5xx            http_5xx            http_5xx            http_5xx            http_5xx
http_502          http_5xx            http_5xx            http_5xx            http_5xx            http_5xx
http_503          http_5xx            http_5xx            http_5xx            http_5xx            http_5xx

html              content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
empty             contract_violation  contract_violation  contract_violation  contract_violation  contract_violation
wrong_type        content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
missing_field     content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
business_error    content_mismatch    contract_violation  content_mismatch    business_error      business_error

redirect_loop     redirect_loop       unexpected_redirect redirect_loop       unexpected_redirect unexpected_redirect
redirect_chain_3  up                  unexpected_redirect up                  unexpected_redirect unexpected_redirect
redirect_chain    redirect_loop       unexpected_redirect redirect_loop       unexpected_redirect unexpected_redirect
redirect_host     unexpected_redirect unexpected_redirect unexpected_redirect unexpected_redirect unexpected_redirect

expired_token     -                   -                   -                   up                  up
wrong_credentials -                   -                   -                   -                   auth_failed
"""

VARIANTS: dict[str, tuple[str, dict[str, float]]] = {
    "drip_headers": ("drip_headers", {"interval": 0.2}),
    "drip_body": ("drip_body", {"interval": 0.2}),
    "slow": ("slow", {"delay": 0.8}),
    "slow_beyond": ("slow", {"delay": 5}),
    "redirect_chain_3": ("redirect_chain", {"hops": 3}),
}
"""Faults with parameters; the others have those that the sandbox gives them."""

WORDS = {"degraded": Verdict.DEGRADED, "?": Verdict.INCONCLUSIVE}


@dataclass(frozen=True)
class Row:
    """One fault and what is expected of it, by route."""

    title: str
    fault: str
    parameters: dict[str, float]
    expected: dict[str, tuple[Verdict, str | None]]


def rows() -> Iterator[Row]:
    lines = [line for line in TABLE.splitlines() if line.strip()]
    columns = [lines[0].index(route) for route in ROUTES]
    for line in lines[1:]:
        title = line.split()[0]
        cells = [line[start:end].strip() for start, end in zip(columns, [*columns[1:], None], strict=True)]
        expected = {route: _expected(cell) for route, cell in zip(ROUTES, cells, strict=True) if cell != "-"}
        yield Row(title, *VARIANTS.get(title, (title, {})), expected)


def _expected(cell: str) -> tuple[Verdict, str | None]:
    if cell == "up":
        return Verdict.UP, None
    word, _, reason = cell.rpartition(":")
    return WORDS.get(word, Verdict.DOWN), reason


ROWS = list(rows())


def test_the_table_names_every_fault_on_every_route_on_which_it_can_be_had() -> None:
    named = {(row.fault, route) for row in ROWS for route in row.expected}
    assert named == {
        (fault, route)
        for fault in {**FAULTS, **LISTENER_FAULTS}
        for route in ROUTES
        if route in ONLY_ON.get(fault, {route})
    }


# --- the province under watch -----------------------------------------------------------------------------------------


@dataclass
class Bench:
    """An engine that watches two sandboxes, the second of which has the faults of the sso.

    So one round of questions meets a fault on every route at once, and each check meets one fault only.
    """

    watch: Watch
    sandboxes: dict[str, Sandbox]  # by route
    checks: dict[str, Check]  # by route

    def set(self, row: Row) -> None:
        for route in row.expected:
            self.sandboxes[route].fault(route, row.fault, **row.parameters)

    def clear(self) -> None:
        for sandbox in set(self.sandboxes.values()):
            sandbox.clear()

    def ask(self, routes: list[str], times: int = 1) -> list[tuple[str, Outcome, float]]:
        """So many questions at once on each route; with each outcome the seconds until it was there."""
        answers: list[tuple[str, Outcome, float]] = []
        began = time.monotonic()
        for route in routes * times:

            def done(outcome: Outcome, route: str = route) -> None:
                answers.append((route, outcome, time.monotonic() - began))

            self.watch.engine.ask(self.checks[route].system, self.checks[route].check, done)
        eventually(lambda: len(answers) == len(routes) * times, within=30)
        return answers


class Forgetful(IGate):
    """Logs in for each run."""

    def _login(self) -> Login:
        auth = yield from super()._login()
        return replace(auth, expires_in=0)


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
        national, shared = first.addresses.national, first.addresses.shared
        home = HttpCheck.model_validate({"text_present": ["Cổng Dịch vụ công quốc gia"], "follow": 5, "public": True})
        genders = HttpCheck.model_validate(
            {"path": "/dmdc/Category/magioitinh", "json": [{"path": "0.Ma", "type": "string"}]}
        )
        connectors: dict[str, Any] = {
            "national.home": Http(HttpSystem(base_url=national), home),
            "shared.category": Http(HttpSystem(base_url=shared), genders),
            "igate.portal": igate(first, "portal"),
            "igate.search": igate(first, "search"),
            "igate.token": igate(second, "search", "procedures", kind=Forgetful),
        }
        checks = {
            route: check(connector, route, f"he_thong_{number}", timeout=TIMEOUT, objective=OBJECTIVE)
            for number, (route, connector) in enumerate(connectors.items())
        }
        controls = [control(f"{first.addresses.control}/{name}", f"doi_chung_{name}") for name in "ab"]
        sandboxes = dict.fromkeys(ROUTES, first) | {"igate.token": second}
        with watching(*checks.values(), controls=controls, publish=lambda *_: None) as watch:
            bench = Bench(watch, sandboxes, checks)
            eventually(lambda: all(o.verdict is Verdict.UP for _, o, _ in bench.ask([*ROUTES])), within=20)
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
    rounds, times = (1, 20) if row.title in HANGING else (2, 1) if row.title == "slow" else (12, 1)
    answers = []
    bench.set(row)
    try:
        forget_the_peak()
        before = in_use("VmRSS")
        for _ in range(rounds):
            answers += bench.ask(routes, times)
        growth = in_use("VmHWM") - before
    finally:
        bench.clear()
    seen: dict[str, set[tuple[Verdict, str | None]]] = {route: set() for route in routes}
    for route, outcome, _ in answers:
        seen[route].add((outcome.verdict, outcome.reason))
    assert seen == {route: {expected} for route, expected in row.expected.items()}
    failed = {(route, o.failed_step) for route, o, _ in answers if o.verdict is not Verdict.UP}
    assert failed <= set(zip(ROUTES, STEPS, strict=True))
    assert max(o.seconds for _, o, _ in answers) <= TIMEOUT + SLACK
    assert max(took for _, _, took in answers) <= TIMEOUT + SLACK + 1.0, "with the controls, and all at once"
    assert growth < GROWTH, "at the peak, with what libraries make for themselves at the first time"
    assert [thread.name for thread in threading.enumerate()].count("engine") == 1
    healthy = bench.ask(routes)
    assert {(route, o.verdict) for route, o, _ in healthy} == {(route, Verdict.UP) for route in routes}

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
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.http import Http, HttpCheck, HttpSystem
from connectors.igate import IGate, IGateCheck, IGateSystem
from connectors.sandbox import Sandbox, spawn
from connectors.sandbox.faults import FAULTS, LISTENER_FAULTS, ONLY_ON
from monitor.model import Check, Outcome, Verdict
from tests.connectors.harness import Watch, check, control, eventually, watching

TIMEOUT = 1.0  # seconds
SLACK = 0.5  # beyond the timeout
OBJECTIVE = 0.6
GROWTH = 5.0  # MB
ROUNDS = 3

ROUTES = ("national.home", "shared.category", "igate.portal", "igate.search", "igate.token")

# A cell that names a reason alone means down; `-` where the fault does not exist.
TABLE = """
fault                  national.home       shared.category     igate.portal        igate.search        igate.token

refuse                 connect_refused     connect_refused     connect_refused     connect_refused     connect_refused
hang_connect           connect_timeout     connect_timeout     connect_timeout     connect_timeout     connect_timeout
hang_headers           read_timeout        read_timeout        read_timeout        read_timeout        read_timeout
slow delay=0.7         degraded:slow       degraded:slow       degraded:slow       degraded:slow       degraded:slow
slow delay=5           read_timeout        read_timeout        read_timeout        read_timeout        read_timeout
reset                  connection_reset    connection_reset    connection_reset    connection_reset    connection_reset
close                  empty_reply         empty_reply         empty_reply         empty_reply         empty_reply
garbage                not_http            not_http            not_http            not_http            not_http

hang_body              deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
drip_headers           deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
drip_body              deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded   deadline_exceeded
reset_body             connection_reset    connection_reset    connection_reset    connection_reset    connection_reset
truncate               truncated           truncated           truncated           truncated           truncated
truncate_chunked       truncated           truncated           truncated           truncated           truncated

huge_body              too_large           too_large           too_large           too_large           too_large
big_headers            too_large           too_large           too_large           too_large           too_large
gzip_bomb              bad_encoding        bad_encoding        bad_encoding        bad_encoding        bad_encoding
bad_gzip               bad_encoding        bad_encoding        bad_encoding        bad_encoding        bad_encoding

http_401               http_4xx            http_4xx            http_4xx            auth_failed         auth_failed
http_403               http_4xx            http_4xx            http_4xx            auth_failed         auth_failed
http_404               http_4xx            http_4xx            http_4xx            http_4xx            http_4xx
http_429               ?:rate_limited      ?:rate_limited      ?:rate_limited      ?:rate_limited      ?:rate_limited
http_500               http_5xx            http_5xx            http_5xx            http_5xx            http_5xx
http_502               http_5xx            http_5xx            http_5xx            http_5xx            http_5xx
http_503               http_5xx            http_5xx            http_5xx            http_5xx            http_5xx

html                   content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
empty                  contract_violation  contract_violation  contract_violation  contract_violation  contract_violation
wrong_type             content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
missing_field          content_mismatch    contract_violation  content_mismatch    contract_violation  contract_violation
business_error         content_mismatch    contract_violation  content_mismatch    business_error      business_error

redirect_loop          redirect_loop       unexpected_redirect redirect_loop       unexpected_redirect unexpected_redirect
redirect_chain hops=3  up                  unexpected_redirect up                  unexpected_redirect unexpected_redirect
redirect_chain         redirect_loop       unexpected_redirect redirect_loop       unexpected_redirect unexpected_redirect
redirect_host          unexpected_redirect unexpected_redirect unexpected_redirect unexpected_redirect unexpected_redirect

expired_token          -                   -                   -                   up                  up
wrong_credentials      -                   -                   -                   -                   auth_failed
"""

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
        title = line[: columns[0]].strip()
        fault, *parameters = title.split()
        cells = [line[start:end].strip() for start, end in zip(columns, [*columns[1:], None], strict=True)]
        yield Row(
            title,
            fault,
            {name: float(value) for name, value in (parameter.split("=") for parameter in parameters)},
            {route: _expected(cell) for route, cell in zip(ROUTES, cells, strict=True) if cell != "-"},
        )


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
    """An engine that watches two sandboxes, the second of which has the faults of the sso alone.

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


def province(sandbox: Sandbox, system: str, steps: list[str]) -> IGate:
    env = sandbox.environment
    return IGate(
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
        IGateCheck.model_validate({"steps": steps}),
    )


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with spawn(year=2025, seed=1) as first, spawn(year=2025, seed=1, token_ttl=1) as second:
        national, shared = first.addresses.national, first.addresses.shared
        home = HttpCheck.model_validate({"text_present": ["Cổng Dịch vụ công quốc gia"], "follow": 5, "public": True})
        genders = HttpCheck.model_validate(
            {"path": "/dmdc/Category/magioitinh", "json": [{"path": "0.Ma", "type": "string"}]}
        )
        connectors: dict[str, Any] = {
            "national.home": Http(HttpSystem(base_url=national), home),
            "shared.category": Http(HttpSystem(base_url=shared), genders),
            "igate.portal": province(first, "igate", ["portal"]),
            "igate.search": province(first, "igate", ["search"]),
            "igate.token": province(second, "igate", ["search", "procedures"]),
        }
        checks = {
            route: check(connector, route, f"he_thong_{number}", timeout=TIMEOUT, objective=OBJECTIVE)
            for number, (route, connector) in enumerate(connectors.items())
        }
        controls = [control(f"{first.addresses.control}/{name}", f"doi_chung_{name}") for name in "ab"]
        sandboxes = dict.fromkeys(ROUTES, first) | {"igate.token": second}
        with watching(*checks.values(), controls=controls, publish=lambda *_: None) as watch:
            bench = Bench(watch, sandboxes, checks)
            eventually(lambda: all(o.verdict is Verdict.UP for _, o, _ in bench.ask(list(ROUTES))), within=20)
            yield bench


def memory() -> float:
    """MB in use now, what nobody refers to any more not counted."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024**2


@pytest.mark.parametrize("row", ROWS, ids=[row.title for row in ROWS])
def test_fault(bench: Bench, row: Row) -> None:
    routes = list(row.expected)
    bench.set(row)
    try:
        # The first round, five at once, is not counted: libraries and buffers come into being in it.
        rounds = [bench.ask(routes, times=5)]
        before = memory()
        rounds += [bench.ask(routes, times=5) for _ in range(ROUNDS)]
        growth = memory() - before
    finally:
        bench.clear()
    answers = [answer for round_ in rounds for answer in round_]
    assert {(route, o.verdict, o.reason) for route, o, _ in answers} == {
        (route, *expected) for route, expected in row.expected.items()
    }
    assert max(o.seconds for _, o, _ in answers) <= TIMEOUT + SLACK
    assert max(took for _, _, took in answers) <= TIMEOUT + SLACK + 1.0, "with the controls, and all five at once"
    assert growth < GROWTH
    assert [thread.name for thread in threading.enumerate()].count("engine") == 1
    healthy = bench.ask(routes)
    assert {(route, o.verdict) for route, o, _ in healthy} == {(route, Verdict.UP) for route in routes}

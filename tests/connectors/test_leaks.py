"""Secrets and personal data appear in no log, outcome, evidence or error, whatever happens.

The sandbox's dossiers hold bait in every personal field. Each step of iGate, and a page that asks for credentials, are
asked healthy and under every fault, with all that `motcua probe` shows; then all that was said is searched.
"""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

import pytest
import structlog
from structlog.testing import capture_logs

from connectors import CONNECTORS
from connectors.engine import ask_once
from connectors.http import Http, HttpCheck, HttpSystem
from connectors.igate import IGate, IGateCheck, IGateSystem
from connectors.sandbox import PERSONAL_MARKERS, Sandbox, spawn
from connectors.sandbox.faults import FAULTS, LISTENER_FAULTS, TLS_FAULTS, misplaced
from monitor.model import (
    Auth,
    Batch,
    Check,
    Connector,
    Finding,
    Outcome,
    Phases,
    Reason,
    Reply,
    Request,
    Route,
    Settings,
    Slot,
    Step,
    StepResult,
    Verdict,
)
from monitor.wire import dump_outcomes, export_line
from tests.connectors.behind_the_bus import lgsp, national, population
from tests.connectors.harness import ENGINE_WARNS, check, control, eventually, http, serving

pytestmark = ENGINE_WARNS

API_KEY = "khoa-mo-phong-0001"
SECRETS = ("tai-khoan-mo-phong", "mat-khau-mo-phong", API_KEY, "dGFpLWtob2Fu")  # the last: the user's name in Base64
BUS_SECRETS = (
    "khoa-truc-mo-phong", "bi-mat-truc-mo-phong", "tai-khoan-quoc-gia-mo-phong", "mat-khau-quoc-gia-mo-phong",
    "can-bo-mo-phong", "NGƯỜI MÔ PHỎNG", "19000101", "a2hvYS10cnVj",
)  # fmt: skip
TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}")  # how each token of the sandbox begins: {"alg"... in Base64
WORDS = re.compile(r"bearer|authorization|basic ", re.IGNORECASE)
CANARY = "chim-hoang-yen"

PARAMETERS: dict[str, dict[str, float]] = {"slow": {"delay": 5}, "drip_headers": {"interval": 0.1}}
TIMEOUT = 0.8


def found_in(text: str) -> set[str]:
    """Whatever must not appear and does. Noughts are bait where they stand alone, not within a fraction."""
    words = {
        word
        for word in (*PERSONAL_MARKERS, *SECRETS, *BUS_SECRETS)
        if re.search(rf"(?<![0-9.]){re.escape(word)}(?!\d)", text)
    }
    return words | set(TOKEN.findall(text)) | set(WORDS.findall(text))


def all_said_of(outcome: Outcome) -> str:
    """An outcome in every form in which it leaves the engine."""
    forms: list[Any] = [
        repr(outcome),
        dump_outcomes([outcome], {}),
        export_line(outcome),
        json.dumps(asdict(outcome), ensure_ascii=False),  # what `motcua probe --json` shows of exchanges
        *(str(step.exchange) for step in outcome.steps),
    ]
    return "\n".join(forms)


def faults_of(route: str) -> list[str]:
    return [name for name in {**FAULTS, **LISTENER_FAULTS, **TLS_FAULTS} if not misplaced(name, route)]


# --- what is asked ----------------------------------------------------------------------------------------------------


@dataclass
class Asking:
    """A province, and which of its routes are given faults there; checks that do not meet each other's faults."""

    sandbox: Sandbox
    checks: dict[str, Check]  # by the route whose faults they meet

    def ask(self, route: str) -> Outcome:
        control_target = control(f"{self.sandbox.addresses.control}/a")
        return ask_once(self.checks[route], [control_target], "van_phong", [self.sandbox.addresses.dns])

    def under_every_fault(self, route: str) -> dict[str, Outcome]:
        return {fault: self.under(route, fault) for fault in faults_of(route)}

    def under(self, route: str, fault: str) -> Outcome:
        self.sandbox.fault(route, fault, **PARAMETERS.get(fault, {}))
        try:
            return self.ask(route)
        finally:
            self.sandbox.clear(route)


def igate(sandbox: Sandbox, *steps: str) -> Check:
    env = sandbox.environment
    options = {
        "sso_url": env["MOTCUA_SANDBOX_SSO"],
        "gateway_url": env["MOTCUA_SANDBOX_GATEWAY"],
        "portal_url": env["MOTCUA_SANDBOX_PORTAL"],
        "portal_text": "Dịch vụ công",
        "username": env["MOTCUA_SANDBOX_USER"],
        "password": env["MOTCUA_SANDBOX_PASSWORD"],
        "client_secret": API_KEY,
        # Twenty dossiers, and a query that a log would keep: what is asked for may be personal, too.
        "paths": {"search": "/pa/dossier/search?page=0&size=20&spec=page&code=000000000000"},
    }
    checked = IGateCheck.model_validate({"steps": list(steps)})
    return check(IGate(IGateSystem.model_validate(options), checked), "mot_cua", "igate", timeout=TIMEOUT)


def with_credentials(sandbox: Sandbox) -> Check:
    env = sandbox.environment
    system = {
        "base_url": sandbox.addresses.shared,
        "username": env["MOTCUA_SANDBOX_USER"],
        "password": env["MOTCUA_SANDBOX_PASSWORD"],
        "headers": {"X-Api-Key": API_KEY},
    }
    options = {"path": "/dmdc/Category/magioitinh?ma=000000000000", "json": [{"path": "0.Ma"}], "follow": 2}
    connector = Http(HttpSystem.model_validate(system), HttpCheck.model_validate(options))
    return check(connector, "danh_muc", "dung_chung", timeout=TIMEOUT)


def over_tls(sandbox: Sandbox, connector: Connector) -> Check:
    return check(connector, timeout=TIMEOUT, route=Route(ca_bundle=sandbox.addresses.ca))


def warm(sandbox: Sandbox) -> bool:
    return ask_once(igate(sandbox, "search")).verdict is Verdict.UP


@pytest.fixture(scope="module")
def askings() -> Iterator[dict[str, Asking]]:
    """By route. The routes of one province are asked at the same time, so none may stand in another's way."""
    with ExitStack() as stack:
        first, second, third, *others = [stack.enter_context(spawn(year=2025, seed=1)) for _ in range(6)]
        sso = Asking(first, {"igate.token": igate(first, "portal", "search", "procedures")})
        search = Asking(
            second,
            {
                "igate.portal": igate(second, "portal"),
                "igate.search": igate(second, "search"),
                "shared.category": with_credentials(second),
            },
        )
        procedures = Asking(third, {"igate.procedures": igate(third, "procedures")})
        for sandbox in (first, second, third):  # a gateway keeps its first client waiting until its dossiers are made
            eventually(lambda s=sandbox: warm(s), within=20)  # type: ignore[misc]
        kinds: dict[str, Callable[[Sandbox], Connector]] = {
            "lgsp.category": lgsp,
            "national.call": national,
            "population.lookup": population,
        }
        behind = [
            Asking(sandbox, {route: over_tls(sandbox, kind(sandbox))})
            for sandbox, (route, kind) in zip(others, kinds.items(), strict=True)
        ]
        yield {route: asking for asking in (sso, search, procedures, *behind) for route in asking.checks}


# --- the bait is there ---


def urlopen(request: urllib.request.Request) -> str:
    with urllib.request.urlopen(request, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_the_sandbox_sends_what_is_searched_for(askings: dict[str, Asking]) -> None:
    """Without it, nothing found would mean nothing."""
    sandbox = askings["igate.search"].sandbox
    env = sandbox.environment
    login = igate(sandbox, "search").connector.login()
    assert login is not None
    asked = next(login).request
    form = dict(parse_qsl((asked.body or b"").decode()))
    assert {form["username"], form["password"], form["client_secret"]} == set(SECRETS[:3])
    answer = urlopen(urllib.request.Request(asked.url, asked.body, dict(asked.headers)))
    token = json.loads(answer)["access_token"]
    assert TOKEN.match(token)
    url = f"{env['MOTCUA_SANDBOX_GATEWAY']}/pa/dossier/search?size=20"
    dossiers = urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}))
    assert found_in(dossiers) >= set(PERSONAL_MARKERS)


def test_the_bus_is_sent_and_sends_what_is_searched_for(askings: dict[str, Asking]) -> None:
    sandbox = askings["population.lookup"].sandbox
    connector = population(sandbox)
    token = next(connector.login()).request  # type: ignore[arg-type]
    assert found_in(str(token.headers)) >= {"a2hvYS10cnVj"}
    asked = next(connector.run(Auth("x"))).request
    assert found_in((asked.body or b"").decode()) >= {"NGƯỜI MÔ PHỎNG", "19000101", "can-bo-mo-phong"}
    session = next(national(sandbox).login()).request
    assert found_in((session.body or b"").decode()) >= {"tai-khoan-quoc-gia-mo-phong", "mat-khau-quoc-gia-mo-phong"}


@pytest.mark.parametrize("bait", [*PERSONAL_MARKERS, *SECRETS, "eyJhbGciOiAiSFMyNTYi", "Authorization: x", "bearer"])
def test_the_search_finds_what_is_there(bait: str) -> None:
    assert found_in(f"[{bait}]")


# --- and does not come out ---


def test_neither_secrets_nor_personal_data_come_out_whatever_happens(
    askings: dict[str, Asking], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs, ThreadPoolExecutor(len(askings)) as pool:
        structlog.get_logger("engine").debug(CANARY)
        logging.getLogger("engine").debug(CANARY)
        healthy = list(pool.map(lambda route: askings[route].ask(route), askings))
        every = [pool.submit(askings[route].under_every_fault, route) for route in askings]
        outcomes = {route: future.result() for route, future in zip(askings, every, strict=True)}
    assert {o.verdict for o in healthy} == {Verdict.UP}
    assert {o.verdict for of_route in outcomes.values() for o in of_route.values()} > {Verdict.DOWN}
    assert {len(of_route) for of_route in outcomes.values()} == {len(faults_of(route)) for route in askings}

    tried = [*healthy, *(o for of_route in outcomes.values() for o in of_route.values())]
    texts = [*map(all_said_of, tried), repr(logs), caplog.text, *capfd.readouterr()]
    said = "\n".join(texts)
    assert (
        len(re.findall(r"GET http://127.0.0.1:\d+/pa/dossier/search\?page=0&size=20&spec=page&code=\*\*\*", said)) > 30
    )
    assert len(re.findall(r"POST http://127.0.0.1:\d+/auth/realms/digo/", said)) > 30
    for path in ("dmdc/1.0/AllCategory", "XrdAdapter/RestService/forward/mapi/g", "apiDanCu/1.0/TraCuuThongTinCongDan"):
        assert said.count(f"/{path}") > 30
    assert repr(logs).count(CANARY) == caplog.text.count(CANARY) == 1, "logs were listened to"
    assert found_in(said) == set()


def test_every_kind_of_service_is_searched() -> None:
    """A new kind needs a line above: this says so. The last two send nothing and read nothing."""
    assert set(CONNECTORS) == {"http", "igate", "lgsp", "national_portal", "population", "tcp", "tls"}


BAIT = f"{PERSONAL_MARKERS[5]} {PERSONAL_MARKERS[7]}"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http({"error_code": BAIT, "message": BAIT}), id="an error code that is a sentence"),
        pytest.param(http({"content": BAIT}), id="a field of another type"),
        pytest.param(http(json.dumps(BAIT)), id="a text"),
        pytest.param(http(f"<html>{BAIT}"), id="HTML"),
        pytest.param(http(f"{{{BAIT}"), id="broken JSON"),
        pytest.param(http("", 302, location=f"http://khac.invalid/?{BAIT.replace(' ', '&')}"), id="a redirect's query"),
        pytest.param(http("", 302, location=f"/;id={PERSONAL_MARKERS[5]}?a={PERSONAL_MARKERS[7]}"), id="parameters"),
        pytest.param(http("", 302, location=f"http://[{BAIT}/"), id="a redirect to no address"),
        pytest.param(http("", 500, etag=BAIT, set_cookie=BAIT, x_nguoi_dung=BAIT), id="headers"),
        pytest.param(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {BAIT}\r\n\r\n".encode(), id="an encoding that is none"),
        pytest.param(f"HTTP/1.1 200 OK\r\nContent-Length: {BAIT}\r\n\r\n".encode(), id="a length that is none"),
        pytest.param(f"HTTP/1.1 200 OK\r\n{BAIT}\r\n\r\n".encode(), id="a header that is none"),
        pytest.param(f"HTTP/1.1 {BAIT}\r\n\r\n".encode(), id="a status that is none"),
        pytest.param(f"{BAIT}\r\n\r\n".encode(), id="no HTTP"),
    ],
)
def test_what_a_server_puts_where_it_does_not_belong_does_not_come_out(
    answer: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs, serving(answer) as server:
        system = IGateSystem(gateway_url=server.url, portal_url=server.url, login=False)
        outcomes = [
            ask_once(check(IGate(system, IGateCheck(steps=["search"])))),
            ask_once(check(Http(HttpSystem(base_url=server.url), HttpCheck(follow=2, header={"X": "x"})))),
        ]
    assert Verdict.UP not in {o.verdict for o in outcomes}
    texts = [*map(all_said_of, outcomes), repr(logs), caplog.text, *capfd.readouterr()]
    assert found_in("\n".join(texts)) == set()


# --- values, as an unexpected traceback or a careless log line would show them ---

HEADERS = (("Authorization", f"Bearer {SECRETS[0]}"),)
REQUEST = Request("https://igate.invalid/", "POST", HEADERS, f"password={SECRETS[1]}".encode())
REPLY = Reply(200, {"set-cookie": SECRETS[1]}, PERSONAL_MARKERS[5].encode())
AUTH = Auth(SECRETS[1])
SYSTEM = IGateSystem.model_validate(
    {
        "gateway_url": "https://api.invalid",
        "sso_url": "https://sso.invalid",
        "username": SECRETS[0],
        "password": SECRETS[1],
    }
)
CONNECTOR = IGate(SYSTEM, IGateCheck())
SLOT = Slot("igate", "mot_cua", 1)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(REQUEST, id="Request"),
        pytest.param(REPLY, id="Reply"),
        pytest.param(Step("search", REQUEST), id="Step"),
        pytest.param(AUTH, id="Auth"),
        pytest.param(Route(proxy=f"http://{SECRETS[0]}:{SECRETS[1]}@proxy.invalid"), id="Route"),
        pytest.param(
            Check("igate", "mot_cua", CONNECTOR, Settings(60, 10), Route(proxy=f"http://{SECRETS[1]}@a")), id="Check"
        ),
        pytest.param(SYSTEM, id="options of igate"),
        pytest.param(
            HttpSystem.model_validate(
                {
                    "base_url": "https://cong.invalid",
                    "username": SECRETS[0],
                    "password": SECRETS[1],
                    "headers": {"X-Api-Key": API_KEY},
                }
            ),
            id="options of http",
        ),
        pytest.param(CONNECTOR, id="IGate"),
        pytest.param(Batch("van_phong", 1, "h", (SLOT,)), id="Batch"),
        pytest.param(
            Outcome(
                "igate",
                "mot_cua",
                "van_phong",
                1,
                1,
                1,
                0.1,
                Verdict.DOWN,
                Reason.HTTP_5XX,
                (StepResult("search", Verdict.DOWN, Reason.HTTP_5XX, Phases()),),
            ),
            id="Outcome",
        ),
        pytest.param(Finding(Reason.HTTP_5XX, "HTTP 500"), id="Finding"),
    ],
)
def test_no_value_shows_a_secret(value: Any) -> None:
    assert found_in(f"{value!r} {value!s}") == set()

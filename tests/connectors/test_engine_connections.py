"""A connection or a handshake alone, the protocol floor, numbers measured in a reply, and DNS servers of our own."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from connectors.engine import ask_once
from connectors.resolver import nameservers
from monitor.model import Certificate, Check, Gauge, Outcome, Phases, Reason, Reply, Request, Route, Step, Verdict
from tests.connectors.harness import ENGINE_WARNS, asking, check, http, nobody, page, serving, watching

pytestmark = ENGINE_WARNS

TLS = Path(__file__).parent / "tls"
TRUSTED = Route(ca_bundle=str(TLS / "authority.pem"))
END_OF_2119 = datetime(2120, 1, 1, tzinfo=UTC).timestamp()


def certificate_end(reply: Reply) -> Mapping[Gauge, float]:
    return {Gauge.CERTIFICATE_NOT_AFTER: reply.certificate.not_after} if reply.certificate else {}


def bare(url: str, route: Route = TRUSTED, timeout: float = 2.0) -> Check:
    """A check of the connection alone, or of the handshake."""
    return check(asking(Step("handshake", Request(url), measure=certificate_end)), route=route, timeout=timeout)


def server_tls(newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")
    if newest:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    return context


def step_of(outcome: Outcome) -> tuple[Verdict | None, Reason | None, int]:
    (step,) = outcome.steps
    return step.verdict, step.reason, step.status


def test_a_connection_alone() -> None:
    with serving(None, raw=True) as server:
        outcome = ask_once(bare(f"tcp://127.0.0.1:{server.port}"))
    assert step_of(outcome) == (Verdict.UP, None, 0)
    phases = outcome.steps[0].phases
    assert phases == Phases(connect=phases.connect)
    assert phases.connect > 0
    assert outcome.steps[0].gauges == ()


def test_a_connection_alone_that_is_refused() -> None:
    with nobody() as nowhere:
        outcome = ask_once(bare(nowhere.replace("http:", "tcp:")))
    assert step_of(outcome) == (Verdict.DOWN, Reason.CONNECT_REFUSED, 0)


def test_a_handshake_alone_and_the_end_of_the_certificate() -> None:
    with serving(None, server_tls(), raw=True) as server:
        outcome = ask_once(bare(f"tls://127.0.0.1:{server.port}"))
    (step,) = outcome.steps
    assert step.verdict is Verdict.UP
    assert step.phases == Phases(connect=step.phases.connect, tls=step.phases.tls)
    assert step.phases.tls > 0
    assert step.gauges == ((Gauge.CERTIFICATE_NOT_AFTER, END_OF_2119),)
    assert step.exchange
    assert step.exchange.request == f"tls://127.0.0.1:{server.port}"
    assert step.exchange.certificate == "2120-01-01 00:00 UTC, 1 certificate"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(None, Reason.TLS_HANDSHAKE), (b"", Reason.TLS_HANDSHAKE), (http("no TLS here"), Reason.TLS_HANDSHAKE)],
    ids=["silent", "closed", "plain http"],
)
def test_a_handshake_alone_that_fails(answer: bytes | None, expected: Reason) -> None:
    with serving(answer, raw=True) as server:
        outcome = ask_once(bare(f"tls://127.0.0.1:{server.port}", timeout=0.5))
    assert (outcome.reason, outcome.steps[0].gauges) == (expected, ())
    assert outcome.seconds < 1.0


def test_a_handle_that_asked_for_a_connection_asks_for_a_page_again() -> None:
    """Handles are used again by route; nothing of a handshake alone may stay with them, and the other way round."""
    with serving(http("Cổng"), server_tls()) as server:
        hand = bare(f"tls://127.0.0.1:{server.port}")
        whole = page(f"https://127.0.0.1:{server.port}", "trang", route=TRUSTED, text_present=["Cổng"])
        with watching(hand, whole) as watch:
            outcomes = [watch.ask(of) for of in (hand, whole, hand, whole)]
    assert [o.verdict for o in outcomes] == [Verdict.UP] * 4
    assert [o.steps[0].status for o in outcomes] == [0, 200, 0, 200]
    assert [bool(o.steps[0].gauges) for o in outcomes] == [True, False, True, False]


@pytest.mark.parametrize(
    ("newest", "floor", "expected"),
    [
        (ssl.TLSVersion.TLSv1_2, None, None),
        (ssl.TLSVersion.TLSv1_2, "1.2", None),
        (ssl.TLSVersion.TLSv1_2, "1.3", Reason.TLS_PROTOCOL),
        (ssl.TLSVersion.TLSv1_3, "1.3", None),
        (ssl.TLSVersion.TLSv1_1, None, Reason.TLS_PROTOCOL),
        (ssl.TLSVersion.TLSv1_1, "1.1", None),
        (ssl.TLSVersion.TLSv1_1, "1.0", None),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_the_oldest_protocol_that_is_accepted(
    newest: ssl.TLSVersion, floor: str | None, expected: Reason | None
) -> None:
    route = Route(ca_bundle=TRUSTED.ca_bundle, tls_minimum=floor)
    with serving(None, server_tls(newest), raw=True) as server:
        assert ask_once(bare(f"tls://127.0.0.1:{server.port}", route)).reason is expected


def test_a_reply_that_breaks_a_rule_is_not_measured() -> None:
    def measure(reply: Reply) -> Mapping[Gauge, float]:
        return {Gauge.PROCEDURES: len(reply.json)}

    with serving(http([1, 2, 3])) as server:
        good = Step("request", Request(server.url), measure=measure)
        bad = Step("request", Request(server.url), (lambda _reply: None,), measure=lambda reply: reply.json["x"])
        assert ask_once(check(asking(good))).steps[0].gauges == ((Gauge.PROCEDURES, 3),)
        spoilt = ask_once(check(asking(bad)))
    assert (spoilt.verdict, spoilt.reason) == (Verdict.INCONCLUSIVE, Reason.PROBE_ERROR)


def test_a_certificate_says_when_it_ends() -> None:
    assert Certificate(END_OF_2119).chain == 1


# --- DNS servers ------------------------------------------------------------------------------------------------------


@pytest.fixture
def name_server() -> Iterator[str]:
    """Knows dns4.invalid (two addresses) and dns6.invalid, fails for fail.invalid, is silent about silent.invalid."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        known = {("dns4.invalid.", "A"): ["127.0.0.1", "127.0.0.2"], ("dns6.invalid.", "AAAA"): ["::1"]}

        def serve() -> None:
            while True:
                query, peer = udp.recvfrom(4096)
                if not query:
                    return
                asked = dns.message.from_wire(query)
                name, kind = str(asked.question[0].name), asked.question[0].rdtype.name
                answer = dns.message.make_response(asked)
                if name == "silent.invalid.":
                    continue
                if name == "fail.invalid.":
                    answer.set_rcode(dns.rcode.SERVFAIL)
                elif not any(name == there for there, _ in known):
                    answer.set_rcode(dns.rcode.NXDOMAIN)
                elif (name, kind) in known:
                    answer.answer.append(dns.rrset.from_text(name, 0, "IN", kind, *known[name, kind]))
                udp.sendto(answer.to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        host, port = udp.getsockname()
        yield f"{host}:{port}"
        udp.sendto(b"", (host, port))
        thread.join()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("dns4.invalid", ("127.0.0.1", "127.0.0.2")),
        ("dns6.invalid", ("::1",)),
        ("khong-co.invalid", ()),
        ("fail.invalid", ()),
        ("a..b", ()),
        ("x" * 64 + ".invalid", ()),
    ],
)
def test_what_a_dns_server_of_our_own_says(name_server: str, host: str, expected: tuple[str, ...]) -> None:
    assert sorted(nameservers([name_server])(host)) == list(expected)  # in no order: they share the load


def test_a_dns_server_that_is_silent_gets_a_second_and_the_next_one_its_turn(name_server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        dead = f"127.0.0.1:{silent.getsockname()[1]}"
        assert len(nameservers([dead, name_server])("dns4.invalid")) == 2
        assert nameservers([dead])("dns4.invalid") == ()


def test_the_engine_asks_the_dns_server_it_is_told(name_server: str) -> None:
    with serving(http("Cổng")) as server:
        of = page(f"http://dns4.invalid:{server.port}")
        dead = page(f"http://silent.invalid:{server.port}", timeout=0.5)
        assert ask_once(of, dns=[name_server]).verdict is Verdict.UP
        assert ask_once(of).reason is Reason.DNS_FAILURE
        late = ask_once(dead, dns=[name_server])
    assert late.reason is Reason.DNS_FAILURE
    assert 0.4 < late.seconds < 1.0

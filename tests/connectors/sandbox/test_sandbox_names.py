"""The sandbox's DNS server, asked over UDP: its names, and every way in which they can fail."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from connectors.sandbox import Sandbox, SandboxError
from connectors.sandbox.faults import DNS_FAULTS

BUS, TLS = "bus.mo-phong.test", "tls.mo-phong.test"


def ask(sandbox: Sandbox, name: str = BUS, kind: str = "A", patience: float = 3.0) -> dns.message.Message:
    host, _, port = sandbox.addresses.dns.partition(":")
    return dns.query.udp(dns.message.make_query(name, kind), host, patience, int(port))


def addresses(reply: dns.message.Message) -> list[str]:
    assert reply.rcode() == dns.rcode.NOERROR
    return [str(record) for records in reply.answer for record in records]


# --- the healthy server ---


@pytest.mark.parametrize("name", [BUS, TLS, "BUS.Mo-Phong.TEST"])
def test_a_name_stands_for_the_loopback_address(sandbox: Sandbox, name: str) -> None:
    reply = ask(sandbox, name)
    assert addresses(reply) == ["127.0.0.1"]
    assert (reply.answer[0].ttl, bool(reply.flags & dns.flags.AA)) == (0, True)


def test_a_name_has_no_records_of_other_types(sandbox: Sandbox) -> None:
    for kind in ("AAAA", "MX", "TXT"):
        assert addresses(ask(sandbox, BUS, kind)) == []


def test_there_are_no_other_names(sandbox: Sandbox) -> None:
    for name in ("khac.mo-phong.test", "mo-phong.test", "a.bus.mo-phong.test", "example.com"):
        assert ask(sandbox, name).rcode() == dns.rcode.NXDOMAIN


def test_the_names_are_those_of_the_addresses(sandbox: Sandbox) -> None:
    assert sandbox.addresses.bus.startswith(f"https://{BUS}:")
    assert sandbox.addresses.tls.startswith(f"https://{TLS}:")


def test_what_is_no_question_hinders_nobody(sandbox: Sandbox) -> None:
    host, _, port = sandbox.addresses.dns.partition(":")
    answer = dns.message.make_response(dns.message.make_query(BUS, "A")).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.2)
        for sent in (b"", b"la", b"\0" * 600, answer, dns.message.Message().to_wire()):
            sender.sendto(sent, (host, int(port)))
        with pytest.raises(TimeoutError):
            sender.recv(4096)
    assert addresses(ask(sandbox)) == ["127.0.0.1"]


def test_questions_are_counted_and_listed(sandbox: Sandbox) -> None:
    before = sandbox.requests()["counts"]
    ask(sandbox)
    ask(sandbox, BUS, "AAAA")
    ask(sandbox, TLS)
    ask(sandbox, "khac.test")
    after = sandbox.requests()
    counted = [after["counts"][name] - before[name] for name in ("dns.bus", "dns.tls", "other")]
    assert counted == [2, 1, 1]
    assert [(it["route"], it["status"]) for it in after["last"][-2:]] == [
        ("dns.bus", "NOERROR"),
        ("dns.tls", "NOERROR"),
    ]


# --- faults ---


def test_dns_nxdomain(sandbox: Sandbox) -> None:
    sandbox.fault("dns.bus", "dns_nxdomain")
    assert ask(sandbox).rcode() == dns.rcode.NXDOMAIN
    assert addresses(ask(sandbox, TLS)) == ["127.0.0.1"], "a fault acts on its own name"
    assert sandbox.requests()["last"][-2]["status"] == "NXDOMAIN"
    sandbox.clear("dns.bus")
    assert addresses(ask(sandbox)) == ["127.0.0.1"]


def test_dns_servfail(sandbox: Sandbox) -> None:
    sandbox.fault("dns.tls", "dns_servfail")
    reply = ask(sandbox, TLS)
    assert (reply.rcode(), reply.answer) == (dns.rcode.SERVFAIL, [])


def test_dns_silent(sandbox: Sandbox) -> None:
    sandbox.fault("dns.bus", "dns_silent")
    with pytest.raises(dns.exception.Timeout):
        ask(sandbox, patience=0.3)
    last = sandbox.requests()["last"][-1]
    assert (last["route"], last["status"]) == ("dns.bus", "")


def test_dns_slow(sandbox: Sandbox) -> None:
    for parameters, least in (({}, 0.5), ({"delay": 0.2}, 0.2)):
        sandbox.fault("dns.bus", "dns_slow", **parameters)
        start = time.monotonic()
        assert addresses(ask(sandbox)) == ["127.0.0.1"]
        assert time.monotonic() - start >= least
    assert addresses(ask(sandbox, TLS, patience=0.2)) == ["127.0.0.1"], "nobody else waits"


def test_every_fault_of_names_is_tested() -> None:
    assert set(DNS_FAULTS) - {name.removeprefix("test_") for name in globals()} == set()


def test_a_fault_is_switched_like_any_other(sandbox: Sandbox, eventually: Callable[..., bool]) -> None:
    seen = len(sandbox.log())
    active = sandbox.fault("dns.bus", "dns_servfail", seconds=0.2)
    assert active["affects"] == ["dns.bus"]
    assert ask(sandbox).rcode() == dns.rcode.SERVFAIL
    assert eventually(lambda: ask(sandbox).rcode() == dns.rcode.NOERROR)
    assert [(it["state"], it["fault"]) for it in sandbox.log()[seen:]] == [
        ("on", "dns_servfail"),
        ("off", "dns_servfail"),
    ]


def test_names_and_listeners_have_faults_of_their_own(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"fault 'dns_silent' makes sense on dns\.bus, dns\.tls alone"):
        sandbox.fault("lgsp.token", "dns_silent")
    for fault in ("slow", "refuse"):
        with pytest.raises(SandboxError, match=r"'dns\.bus' is a name: it takes dns_nxdomain, dns_servfail, "):
            sandbox.fault("dns.bus", fault)
    with pytest.raises(SandboxError, match="makes sense on"):
        sandbox.fault("dns.bus", "tls_hang")
    with pytest.raises(SandboxError, match=r"it takes delay=0\.5"):
        sandbox.fault("dns.bus", "dns_slow", wait=1)

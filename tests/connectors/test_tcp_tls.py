"""Kinds tcp and tls, without a socket: what they ask, and what a good handshake is measured by."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from connectors import CONNECTORS
from connectors.tcp import Tcp, TcpCheck, TcpSystem
from connectors.tls import Tls, TlsCheck, TlsSystem, reach
from monitor.model import Certificate, Connector, Gauge, Reply, Request, Step
from tests.connectors.harness import walk

NOT_AFTER = 1_800_000_000.0
CONNECTED = Reply(0, {}, b"")
SHAKEN = Reply(0, {}, b"", certificate=Certificate(NOT_AFTER, 2))


def only_step(connector: Connector, answer: Reply) -> Step:
    """The one step of a run that gets this answer."""
    assert connector.login() is None
    (step,), result = walk(connector.run(None), answer)
    assert result is None
    assert connector.steps() == (step.name,)
    return step


def measured(step: Step, answer: Reply) -> dict[Gauge, float]:
    assert step.measure is not None
    return dict(step.measure(answer))


def test_a_connection_is_all_that_tcp_asks() -> None:
    step = only_step(Tcp(TcpSystem(host="may-chu.invalid", port=8080), TcpCheck()), CONNECTED)
    assert (step.name, step.request) == ("connect", Request("tcp://may-chu.invalid:8080"))
    assert (step.rules, step.measure, step.relogin_on, step.public) == ((), None, None, False)


def test_a_handshake_is_all_that_tls_asks() -> None:
    step = only_step(Tls(TlsSystem(host="may-chu.invalid"), TlsCheck()), SHAKEN)
    assert (step.name, step.request) == ("handshake", Request("tls://may-chu.invalid:443"))
    assert (step.rules, step.relogin_on, step.public) == ((), None, False)
    assert measured(step, SHAKEN) == {Gauge.CERTIFICATE_NOT_AFTER: NOT_AFTER}


def test_an_end_that_is_past_or_unknown_is_no_verdict() -> None:
    step = only_step(Tls(TlsSystem(host="may-chu.invalid", port=8443), TlsCheck()), CONNECTED)
    assert step.request.url == "tls://may-chu.invalid:8443"
    assert measured(step, CONNECTED) == {}
    assert measured(step, Reply(0, {}, b"", certificate=Certificate(0.0))) == {Gauge.CERTIFICATE_NOT_AFTER: 0.0}


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("10.0.0.1", "tcp://10.0.0.1:80"),
        ("2001:DB8::1", "tcp://[2001:db8::1]:80"),
        ("::1", "tcp://[::1]:80"),
        ("cổng.invalid", "tcp://cổng.invalid:80"),
    ],
)
def test_hosts(host: str, url: str) -> None:
    assert only_step(Tcp(TcpSystem(host=host, port=80), TcpCheck()), CONNECTED).request.url == url


@pytest.mark.parametrize("kind", [TcpSystem, TlsSystem])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "may-chu.invalid:80"}, "the port is an option of its own"),
        ({"host": "https://may-chu.invalid"}, "no IPv6 address"),
        ({"host": "may-chu.invalid/a"}, "without scheme, port or path"),
        ({"host": "[::1]"}, "no IPv6 address"),
        ({"host": "a@b"}, "without scheme"),
        ({"host": "a b"}, "without scheme"),
        ({"host": ""}, "without scheme"),
        ({"host": None}, "host"),
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": "http"}, "port"),
        ({"timeout": 3}, "timeout"),
    ],
    ids=str,
)
def test_bad_options_are_refused(kind: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        kind(**{"host": "may-chu.invalid", "port": 80} | changes)


@pytest.mark.parametrize("kind", [TcpCheck, TlsCheck])
def test_a_check_has_no_options(kind: Any) -> None:
    with pytest.raises(ValidationError, match="port"):
        kind(port=80)


def test_tcp_knows_no_port_that_goes_without_saying() -> None:
    with pytest.raises(ValidationError, match="port"):
        TcpSystem.model_validate({"host": "may-chu.invalid"})


# --- reaching the service of a URL ---


@pytest.mark.parametrize(
    ("url", "endpoint", "end"),
    [
        ("http://bus.invalid", "tcp://bus.invalid:80", False),
        ("http://bus.invalid:8280/token?a=b", "tcp://bus.invalid:8280", False),
        ("https://bus.invalid/api", "tls://bus.invalid:443", True),
        ("https://tai-khoan:mat-khau@bus.invalid:8243", "tls://bus.invalid:8243", True),
        ("https://[2001:db8::1]/", "tls://[2001:db8::1]:443", True),
    ],
)
def test_reach(url: str, endpoint: str, end: bool) -> None:
    step = reach(url)
    assert (step.name, step.request, step.rules) == ("reach", Request(endpoint), ())
    assert (step.measure is not None) is end
    if end:
        assert measured(step, SHAKEN) == {Gauge.CERTIFICATE_NOT_AFTER: NOT_AFTER}


@pytest.mark.parametrize(
    "url", ["https://:443", "https://bus.invalid:cong", "https://bus.invalid:99999", "https://[::1"]
)
def test_what_cannot_be_reached_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"host|[Pp]ort|IPv6"):
        reach(url)


def test_the_kinds_are_in_the_table() -> None:
    assert (CONNECTORS["tcp"], CONNECTORS["tls"]) == (Tcp, Tls)

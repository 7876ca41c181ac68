"""TLS on the wire: what the healthy listeners show, and every fault of the handshake."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import pytest

from connectors.sandbox import Sandbox, SandboxError, active_faults
from connectors.sandbox.faults import TLS_FAULTS, bind
from connectors.sandbox.wire import Exchange, Request

if TYPE_CHECKING:
    from tests.connectors.sandbox.conftest import Client

PAGE = "tls.page"

# What OpenSSL says of a certificate that it does not take (X509_V_ERR_*).
VERDICTS = {"tls_expired": 10, "tls_self_signed": 18, "tls_unknown_ca": 20, "tls_wrong_host": 62}


def verdict(client: Client, route: str = PAGE) -> int:
    """How a client judges the certificate of a listener; 0: it is good."""
    try:
        with client.connect(client.urls[route]):
            return 0
    except ssl.SSLCertVerificationError as error:
        return error.verify_code


# --- the healthy listeners ---


@pytest.mark.parametrize("route", [PAGE, "lgsp.token"])
def test_certificates_hold_for_the_name_and_for_the_loopback_address(client: Client, route: str) -> None:
    url = urlsplit(client.urls[route])
    assert url.hostname in {"tls.mo-phong.test", "bus.mo-phong.test"}
    client.trust.verify_flags |= ssl.VERIFY_X509_STRICT
    for host in (url.hostname, "127.0.0.1"):
        with client.connect(f"https://{host}:{url.port}") as connection:
            assert isinstance(connection, ssl.SSLSocket)
            assert connection.version() == "TLSv1.3"
            told = connection.getpeercert()
            assert told is not None
            assert told["subjectAltName"] == (("DNS", url.hostname), ("IP Address", "127.0.0.1"))
    with pytest.raises(ssl.SSLCertVerificationError):
        client.connect(f"https://localhost:{url.port}")


def test_nobody_else_trusts_the_authority(client: Client, sandbox: Sandbox) -> None:
    parts = urlsplit(sandbox.addresses.tls)
    with (
        socket.create_connection(("127.0.0.1", parts.port), timeout=5) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def test_many_connect_at_once(client: Client, sandbox: Sandbox, eventually: Callable[..., bool]) -> None:
    with ThreadPoolExecutor(16) as pool:
        heard = list(pool.map(lambda _: client.ask(PAGE), range(200)))
    assert {(one.status, one.end) for one in heard} == {(200, "closed")}
    assert all("Trang bảo mật" in one.body.decode() for one in heard)
    assert eventually(lambda: sandbox.requests()["open"]["tls"] == 0)


def test_a_connection_is_kept_when_asked_for(client: Client) -> None:
    with client.connect(client.urls[PAGE]) as kept:
        for _ in range(3):
            kept.sendall(client.request(PAGE, keep=True))
            assert b"keep-alive" in kept.recv(65_536)


def test_what_is_no_handshake_hinders_nobody(client: Client, sandbox: Sandbox, eventually: Callable[..., bool]) -> None:
    port = urlsplit(sandbox.addresses.tls).port
    for sent in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b""):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
            plain.sendall(sent)
            assert client.ask(PAGE).status == 200
    assert eventually(lambda: sandbox.requests()["open"]["tls"] == 0)


# --- faults ---


@pytest.mark.parametrize("fault", VERDICTS)
def test_certificates_that_are_not_to_be_trusted(client: Client, sandbox: Sandbox, fault: str) -> None:
    assert verdict(client) == 0
    sandbox.fault(PAGE, fault)
    assert [verdict(client) for _ in range(2)] == [VERDICTS[fault]] * 2
    sandbox.clear()
    assert verdict(client) == 0
    assert client.ask(PAGE).status == 200


def test_who_does_not_look_at_the_certificate_is_served(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault(PAGE, "tls_expired")
    client.trust.check_hostname = False
    client.trust.verify_mode = ssl.CERT_NONE
    assert client.ask(PAGE).status == 200


def test_tls_hang(client: Client, sandbox: Sandbox, eventually: Callable[..., bool]) -> None:
    sandbox.fault(PAGE, "tls_hang")
    with pytest.raises(TimeoutError):
        client.connect(client.urls[PAGE], patience=0.3)
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.addresses.tls).port), timeout=5) as hanging:
        assert eventually(lambda: sandbox.requests()["open"]["tls"] == 1)
        sandbox.clear()
        with contextlib.suppress(ConnectionResetError):
            assert hanging.recv(1) == b"", "who still waits is dropped"
    assert client.ask(PAGE).status == 200


def test_tls_reset(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault(PAGE, "tls_reset")
    with pytest.raises(ConnectionResetError):
        client.connect(client.urls[PAGE])
    with socket.create_connection(("127.0.0.1", urlsplit(sandbox.addresses.tls).port), timeout=5) as plain:
        plain.sendall(b"\x16\x03\x01\x00\x02xy")
        assert plain.recv(5)[:1] == b"\x16", "the server's hello has begun"
        assert plain.recv(100)
        with pytest.raises(ConnectionResetError):
            plain.recv(100)


@pytest.fixture
def of_tls_1_1(client: Client) -> ssl.SSLContext:
    """A client that is content with TLS 1.1."""
    context = ssl.create_default_context(cafile=client.sandbox.addresses.ca)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    return context


def test_tls_old_protocol(client: Client, sandbox: Sandbox, of_tls_1_1: ssl.SSLContext) -> None:
    sandbox.fault(PAGE, "tls_old_protocol")
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        client.connect(client.urls[PAGE])
    client.trust = of_tls_1_1
    with client.connect(client.urls[PAGE]) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.version() == "TLSv1.1"
    assert client.ask(PAGE).status == 200
    sandbox.clear()
    with client.connect(client.urls[PAGE]) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.version() == "TLSv1.3"


def test_every_fault_of_tls_is_tested() -> None:
    tested = {name.removeprefix("test_") for name in globals()} | set(VERDICTS)
    assert set(TLS_FAULTS) - tested == set()


def test_a_fault_takes_every_route_of_its_listener_and_no_other(client: Client, sandbox: Sandbox) -> None:
    with client.connect(client.urls["lgsp.token"]) as kept:
        active = sandbox.fault("lgsp.token", "tls_expired")
        assert set(active["affects"]) == {
            "lgsp.token", "lgsp.category", "national.login", "national.call",
            "population.lookup", "population.c06", "population.json",
        }  # fmt: skip
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            assert kept.recv(1) == b"", "open connections are dropped"
    assert [verdict(client, route) for route in ("national.call", "population.json", PAGE)] == [10, 10, 0]
    sandbox.fault("national.call", "tls_wrong_host")
    assert verdict(client, "lgsp.token") == 62
    assert [it["route"] for it in active_faults(sandbox.addresses.api)] == ["national.call"], "one at a time"
    sandbox.fault("lgsp.token", "refuse")
    assert client.ask("population.json").end == "refused"
    sandbox.fault("lgsp.token", "tls_self_signed")
    assert verdict(client, "lgsp.token") == 18
    sandbox.clear()
    assert client.ask("lgsp.token").status == 200


def test_a_fault_with_a_duration_switches_itself_off(
    client: Client, sandbox: Sandbox, eventually: Callable[..., bool]
) -> None:
    sandbox.fault(PAGE, "tls_unknown_ca", seconds=0.2)
    assert verdict(client) == 20
    assert eventually(lambda: verdict(client) == 0)
    assert sandbox.log()[-1]["cause"] == "expired"


def test_without_tls_there_are_no_faults_of_it(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"fault 'tls_expired' makes sense on lgsp\.category, .*, tls\.page alone"):
        sandbox.fault("igate.search", "tls_expired")


@pytest.mark.parametrize(
    ("fault", "end"), [("reset", "reset"), ("reset_body", "reset"), ("close", "closed"), ("truncate", "closed")]
)
def test_faults_of_the_wire_act_under_tls(client: Client, sandbox: Sandbox, fault: str, end: str) -> None:
    sandbox.fault(PAGE, fault)
    heard = client.ask(PAGE)
    assert heard.end == end
    assert len(heard.body) == (heard.announced // 2 if heard.data else 0)


class Bottomless:
    """A connection that takes whatever is written without ever giving way, as TLS does when the client has left."""

    def write(self, data: bytes) -> None:
        assert data

    async def drain(self) -> None:
        pass


def test_who_writes_gives_way_to_others() -> None:
    async def write() -> bool:
        heard = asyncio.Event()
        request = Request("GET", "/", {}, b"", 0.0)
        exchange = Exchange(request, asyncio.StreamReader(), cast("Any", Bottomless()))
        asyncio.get_running_loop().call_soon(heard.set)
        await exchange.write(b"x")
        return heard.is_set()

    assert asyncio.run(write())


def test_listeners_do_not_wait_for_full_packets() -> None:
    with bind(("127.0.0.1", 0)) as held:
        assert held.proto == socket.IPPROTO_TCP, "what asyncio looks at before it switches Nagle's delay off"

"""A sandbox for the whole run, healthy at the start of each test, and a client that reports what came on the wire."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from connectors.sandbox import Sandbox, describe, spawn
from connectors.sandbox.dossiers import Flow

YEAR = 2025


@dataclass
class Heard:
    """All that a client got to hear on one connection."""

    data: bytes
    end: str  # closed, reset, silent (the client's patience was over), refused, no_answer (to connecting), left
    seconds: float

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        lines = self.data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def announced(self) -> int:
        return int(self.headers["content-length"])


@dataclass
class Client:
    """Asks routes by name over raw sockets."""

    sandbox: Sandbox
    urls: dict[str, str]
    token: str = ""

    def ask(self, route: str, *, patience: float = 5.0, most: int = 10**8, **more: Any) -> Heard:
        """Ask a route; leave after `patience` seconds or `most` bytes."""
        start, data, end = time.monotonic(), b"", "left"
        parts = urlsplit(self.urls[route])
        try:
            connection = socket.create_connection((parts.hostname, parts.port), timeout=patience)
        except ConnectionRefusedError:
            return Heard(b"", "refused", time.monotonic() - start)
        except TimeoutError:
            return Heard(b"", "no_answer", time.monotonic() - start)
        with connection:
            connection.sendall(self.request(route, **more))
            while len(data) < most:
                connection.settimeout(max(0.001, start + patience - time.monotonic()))
                try:
                    part = connection.recv(1 << 20)
                except TimeoutError:
                    end = "silent"
                    break
                except ConnectionResetError:
                    end = "reset"
                    break
                if not part:
                    end = "closed"
                    break
                data += part
        return Heard(data, end, time.monotonic() - start)

    def request(
        self, route: str, *, target: str = "", form: dict[str, str] | None = None, keep: bool = False, token: str = ""
    ) -> bytes:
        """The bytes of a good request to a route."""
        is_post = route == "igate.token"
        body = urlencode(form if form is not None else self.credentials).encode() if is_post else b""
        lines = [
            f"{'POST' if is_post else 'GET'} {target or urlsplit(self.urls[route]).path} HTTP/1.1",
            "Host: sandbox",
            *(["Content-Type: application/x-www-form-urlencoded"] if is_post else []),
            f"Content-Length: {len(body)}",
            f"Authorization: Bearer {token or self.token}",
            *(["Connection: keep-alive"] if keep else []),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    @property
    def credentials(self) -> dict[str, str]:
        environment = self.sandbox.environment
        return {
            "grant_type": "password",
            "client_id": "web-onegate",
            "username": environment["MOTCUA_SANDBOX_USER"],
            "password": environment["MOTCUA_SANDBOX_PASSWORD"],
        }


def eventually(holds: Callable[[], object], within: float = 3.0) -> bool:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(name="eventually", scope="session")
def eventually_fixture() -> Callable[..., bool]:
    """Whether a condition comes to hold within some seconds."""
    return eventually


@pytest.fixture(scope="session")
def flow() -> Flow:
    return Flow(YEAR, 1)


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with spawn(year=YEAR, seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.clear()


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    from json import loads

    routes = describe(sandbox.addresses.api)["routes"]
    client = Client(sandbox, {name: route["url"] for name, route in routes.items()})
    client.urls["igate.statistics"] += "?from-date=2025-01-01&to-date=2025-12-31"
    client.token = loads(client.ask("igate.token").body)["access_token"]
    return client

"""A sandbox for the whole run, healthy at the start of each test, and a client that reports what came on the wire."""

from __future__ import annotations

import json
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from connectors.sandbox import Sandbox, describe, spawn
from connectors.sandbox.dossiers import Flow

YEAR = 2025

PERSON = {
    "MaYeuCau": "yeu-cau-mo-phong", "MaDVC": "VPCP", "MaTichHop": "037", "MaCanBo": "can-bo-mo-phong",
    "SoDinhDanh": "000000000000", "HoVaTen": "NGƯỜI MÔ PHỎNG", "NgayThangNam": "19000101",
}  # fmt: skip
"""The fields of a look-up, the last one without its parent."""


def soap(fields: Mapping[str, str] = PERSON, operation: str = "TraCuuThongTinCongDan") -> bytes:
    """A look-up as the population database takes it."""
    inside = "".join(
        f"<d:NgayThangNamSinh><d:{name}>{value}</d:{name}></d:NgayThangNamSinh>"
        if name in {"NgayThangNam", "Nam"}
        else f"<d:{name}>{value}</d:{name}>"
        for name, value in fields.items()
    )
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:d="http://dancuquocgia.bca"><s:Header/>'
        f"<s:Body><d:{operation}>{inside}</d:{operation}></s:Body></s:Envelope>"
    ).encode()


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, secret: str) -> str:
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


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
    def json(self) -> Any:
        return json.loads(self.body)

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
    methods: dict[str, str]
    token: str = ""

    def ask(self, route: str, *, patience: float = 5.0, most: int = 10**8, **more: Any) -> Heard:
        """Ask a route; leave after `patience` seconds or `most` bytes."""
        request = self.request(route, **more)
        start, data, end = time.monotonic(), b"", "left"
        try:
            connection = self.connect(self.urls[route], patience)
        except ConnectionRefusedError:
            return Heard(b"", "refused", time.monotonic() - start)
        except TimeoutError:
            return Heard(b"", "no_answer", time.monotonic() - start)
        with connection:
            connection.sendall(request)
            while len(data) < most:
                connection.settimeout(max(0.001, start + patience - time.monotonic()))
                try:
                    part = connection.recv(1 << 20)
                except TimeoutError:
                    end = "silent"
                    break
                except (ConnectionResetError, ssl.SSLEOFError):  # the second: TLS that was not ended in good order
                    end = "reset"
                    break
                if not part:
                    end = "closed"
                    break
                data += part
        return Heard(data, end, time.monotonic() - start)

    def connect(self, url: str, patience: float = 5.0) -> socket.socket:
        """A connection to an upstream; over TLS where it speaks that, as one who trusts the sandbox's authority."""
        parts = urlsplit(url)
        if parts.scheme == "http":
            return socket.create_connection((parts.hostname, parts.port), timeout=patience)
        plain = socket.create_connection(("127.0.0.1", parts.port), timeout=patience)
        try:
            return self.trust.wrap_socket(plain, server_hostname=parts.hostname, suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise

    @cached_property
    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.sandbox.addresses.ca)
        # As everywhere else; Debian's own Python offers less, and then refuses what it is answered.
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def request(
        self,
        route: str,
        *,
        target: str = "",
        keep: bool = False,
        token: str = "",
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        sent: Any = None,
        body: bytes | None = None,
    ) -> bytes:
        """The bytes of a good request to a route, but for what is given: `sent` takes the place of its JSON."""
        usual, content = self.usual(route, token)
        if body is not None:
            content = body
        elif form is not None:
            content = urlencode(form).encode()
        elif sent is not None:
            content = json.dumps(sent).encode()
        parts = urlsplit(self.urls[route])
        lines = {
            "Host": parts.netloc,
            "Content-Length": str(len(content)),
            **({"Connection": "keep-alive"} if keep else {}),
            **usual,
            **(headers or {}),
        }
        head = [f"{self.methods[route]} {target or parts._replace(scheme='', netloc='').geturl()} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in lines.items() if value]
        return "\r\n".join(head).encode() + b"\r\n\r\n" + content

    def usual(self, route: str, token: str = "") -> tuple[dict[str, str], bytes]:
        """Headers and body of a good request to a route."""
        env = self.sandbox.environment
        headers: dict[str, str] = {}
        body = b""
        match route:
            case "igate.token":
                headers, body = FORM, urlencode(self.credentials).encode()
            case "lgsp.token":
                key = basic(env["MOTCUA_SANDBOX_BUS_KEY"], env["MOTCUA_SANDBOX_BUS_SECRET"])
                headers, body = FORM | {"Authorization": key}, b"grant_type=client_credentials"
            case "lgsp.category":
                headers = bearer(token or self.bus_token)
            case "national.login" | "national.call":
                headers = JSON | {"dstcode": env["MOTCUA_SANDBOX_NATIONAL_DSTCODE"]}
                sent = self.national_credentials if route == "national.login" else self.asking(token=token)
                body = json.dumps(sent).encode()
            case "population.lookup":
                headers, body = bearer(token or self.bus_token) | {"Content-Type": "text/xml"}, soap()
            case "population.c06":
                headers = self.signed(self.urls[route])
            case "population.json":
                headers, body = JSON, json.dumps(PERSON).encode()
            case _:
                headers = bearer(token or self.token)
        return headers, body

    def asking(self, service: str = "LayDanhMucLinhVuc", token: str = "", **more: str) -> dict[str, str]:
        """The JSON that asks a service of the national portal."""
        agency = self.sandbox.environment["MOTCUA_SANDBOX_NATIONAL_AGENCY"]
        return {"session": token or self.session, "madonvi": agency, "service": service, **more}

    @property
    def person(self) -> dict[str, str]:
        """The fields of a good look-up."""
        return dict(PERSON)

    def soap(self, fields: Mapping[str, str], operation: str = "TraCuuThongTinCongDan") -> bytes:
        return soap(fields, operation)

    def signed(self, url: str, stamp: str = "") -> dict[str, str]:
        """The headers of profile c06_sha256."""
        env = self.sandbox.environment
        user, stamp = env["MOTCUA_SANDBOX_POPULATION_USER"], stamp or str(int(time.time() * 1000))
        secret = env["MOTCUA_SANDBOX_POPULATION_SECRET"]
        return {
            "Authorization": basic(user, sha256(f"{url}{user}{stamp}{secret}".encode()).hexdigest()),
            "Timestamp": stamp,
            "X-Road-Client": env["MOTCUA_SANDBOX_POPULATION_CLIENT"],
            "ApiKey": env["MOTCUA_SANDBOX_POPULATION_API_KEY"],
        }

    @cached_property
    def bus_token(self) -> str:
        return str(self.ask("lgsp.token").json["access_token"])

    @cached_property
    def session(self) -> str:
        return str(self.ask("national.login").json["session"])

    @property
    def national_credentials(self) -> dict[str, str]:
        environment = self.sandbox.environment
        return {
            "username": environment["MOTCUA_SANDBOX_NATIONAL_USER"],
            "password": environment["MOTCUA_SANDBOX_NATIONAL_PASSWORD"],
        }

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
    routes = describe(sandbox.addresses.api)["routes"]
    over_http = {name: route for name, route in routes.items() if route["upstream"] != "dns"}
    client = Client(
        sandbox,
        {name: route["url"] for name, route in over_http.items()},
        {name: route["method"] for name, route in over_http.items()},
    )
    client.urls["igate.statistics"] += "?from-date=2025-01-01&to-date=2025-12-31"
    client.token = client.ask("igate.token").json["access_token"]
    return client

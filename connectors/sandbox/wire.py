"""HTTP/1.1 as the sandbox speaks it, and the TLS handshake before it.

Requests are read whole, replies may be written byte by byte. Written by hand on asyncio streams, because most faults
are breaches of HTTP that no web framework would send.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from connectors.sandbox.authority import Identity

SIMULATED = "DỮ LIỆU MÔ PHỎNG"
"""Every page shows these words; every reply carries the header X-Motcua-Simulated besides."""

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 1024 * 1024
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SETTLE = 0.05
"""Seconds between the last byte and a RST, so that the byte is not overtaken by it."""


class BadRequest(Exception):
    """The client's bytes are no request that the sandbox takes; carries the HTTP status to answer with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Orders:
    """What a fault tells the upstream to decide, where the fault lies in the answer and not in its bytes."""

    refuse_credentials: bool = False  # who issues tokens knows nobody; who takes them takes none
    single_use: bool = False  # who issues tokens issues such as are taken once
    tokens_from: float = 0.0  # no token is taken that was issued before this epoch second
    no_match: bool = False  # what is looked up is not found


@dataclass(frozen=True)
class Request:
    method: str
    target: str  # as sent: path and query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    received_at: float  # epoch seconds at which the request was complete
    orders: Orders = Orders()
    path: str = field(init=False)  # decoded, without the query
    query: Mapping[str, str] = field(init=False)  # the last of values with one name

    def __post_init__(self) -> None:
        parts = urlsplit(self.target)
        object.__setattr__(self, "path", unquote(parts.path))
        object.__setattr__(self, "query", dict(parse_qsl(parts.query, keep_blank_values=True)))

    @property
    def wants_keep_alive(self) -> bool:
        """Only a client that asks for it is kept: every other exchange gets a connection of its own."""
        return "keep-alive" in self.headers.get("connection", "").lower()


@dataclass(frozen=True)
class Reply:
    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_json(self) -> bool:
        return self.content_type.startswith("application/json")

    @property
    def is_xml(self) -> bool:
        return self.content_type.startswith(("text/xml", "application/xml"))


def json_reply(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, "application/json;charset=UTF-8", body, headers)


def html_reply(title: str, text: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    page = (
        f'<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><p><strong>{SIMULATED}</strong></p><h1>{title}</h1>\n<p>{text}</p></body></html>\n"
    )
    return Reply(status, "text/html;charset=UTF-8", page.encode(), headers)


def soap_envelope(body: str) -> str:
    """A SOAP 1.1 message around the XML of its body."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Header/>'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )


def soap_error(code: str, text: str) -> str:
    """A message that is a Fault: `code` is Client or Server, whose mistake it is."""
    fields = f"<faultcode>soapenv:{code}</faultcode><faultstring>{escape(text)}</faultstring>"
    return soap_envelope(f"<soapenv:Fault>{fields}</soapenv:Fault>")


def xml_reply(text: str, status: int = 200) -> Reply:
    return Reply(status, "text/xml;charset=UTF-8", text.encode())


def status_line(status: int) -> str:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    return f"HTTP/1.1 {status} {phrase}\r\n"


def rfc1123(now: float) -> str:
    return formatdate(now, usegmt=True)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request, or None when the client has left. Raises BadRequest, ConnectionError."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest(431) from error
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:-2])}
        length = int(headers.get("content-length", "0"))
        urlsplit(target)
    except ValueError as error:
        raise BadRequest(400) from error
    if not version.startswith("HTTP/1.") or length < 0:
        raise BadRequest(400)
    if "transfer-encoding" in headers:
        raise BadRequest(411)
    if length > BODY_LIMIT:
        raise BadRequest(413)
    try:
        body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    return Request(method, target, headers, body, time.time())


async def silence(reader: asyncio.StreamReader, seconds: float | None) -> None:
    """Say nothing for so long (None: for ever) while the client stays; what it sends meanwhile is dropped.

    Raises ConnectionResetError when it has left.
    """
    try:
        async with asyncio.timeout(seconds):
            while await reader.read(HEAD_LIMIT):
                pass
    except TimeoutError:
        return
    raise ConnectionResetError("the client has left")


def drop(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    # A close with lingering switched on and no time to linger is what makes the kernel send RST.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Handshake:
    """A connection before TLS: all that a fault of the handshake may lay its hands on.

    Methods raise OSError (ssl.SSLError is one) when the client has left or does not agree; whoever runs the handshake
    catches it. After one that succeeds, requests are answered as ever.
    """

    def __init__(self, identity: Identity, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.identity = identity
        self._reader = reader
        self._writer = writer

    async def secure(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server that the context describes."""
        # It comes first of all that is done with the connection: no byte of the client's hello is in the reader yet.
        await self._writer.start_tls(context)

    async def silence(self) -> None:
        await silence(self._reader, None)

    async def hello(self) -> None:
        """Wait for the client's hello, whatever it holds."""
        try:
            head = await self._reader.readexactly(5)
            await self._reader.readexactly(int.from_bytes(head[3:], "big"))
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the client has left") from error

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reset(self) -> None:
        """Drop the connection with RST, after what was written."""
        await asyncio.sleep(SETTLE)
        drop(self._writer)


class Exchange:
    """One request and the wire on which it is answered: all that a fault may lay its hands on.

    Every method that touches the wire raises ConnectionError when the client has left; whoever runs the exchange
    catches it, so a fault never has to.
    """

    def __init__(
        self,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answer: Callable[[Request], Reply] | None = None,
        refuse: Callable[[int, Request], Reply] | None = None,
        essential: str = "",
        error_field: str = "",
        fault_since: float = 0.0,
    ) -> None:
        self.request = request
        self.essential = essential  # the field (of a page: the words) without which the reply is worthless
        self.error_field = error_field  # where this upstream says that a call failed
        self.fault_since = fault_since  # epoch seconds at which the acting fault was switched on
        self.keep = request.wants_keep_alive
        self.status = 0  # the status sent; 0 while none is
        self._answer = answer
        self._refuse = refuse
        self._reader = reader
        self._writer = writer

    def reply(self, **orders: Any) -> Reply:
        """What the healthy upstream answers, under the orders given (see Orders)."""
        assert self._answer is not None
        return self._answer(replace(self.request, orders=Orders(**orders)))

    def refusal(self, status: int) -> Reply:
        """How this upstream words the HTTP error `status`."""
        assert self._refuse is not None
        return self._refuse(status, self.request)

    def head(self, reply: Reply, length: int | None = None, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
        """Status line and headers of a reply; `length` announces another body length, -1 none at all."""
        self.status = reply.status
        announced = len(reply.body) if length is None else length
        lines = [
            status_line(reply.status),
            f"Date: {rfc1123(time.time())}\r\n",
            f"Content-Type: {reply.content_type}\r\n",
            f"Content-Length: {announced}\r\n" if announced >= 0 else "",
            "X-Motcua-Simulated: 1\r\n",
            *(f"{name}: {value}\r\n" for name, value in (*reply.headers, *headers)),
            f"Connection: {'keep-alive' if self.keep else 'close'}\r\n\r\n",
        ]
        return "".join(lines).encode("latin-1")

    async def send(self, reply: Reply) -> None:
        """A whole, correct reply."""
        body = b"" if self.request.method == "HEAD" else reply.body
        await self.write(self.head(reply) + body)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()
        # Under TLS drain() may go on for ever without giving way, and that the client has left is heard by nobody.
        await asyncio.sleep(0)

    async def pause(self, seconds: float | None = None) -> None:
        """Say nothing for so long (None: for ever) while the client stays; what it sends meanwhile is dropped."""
        await silence(self._reader, seconds)

    async def drip(self, data: bytes, interval: float) -> None:
        """One byte every `interval` seconds."""
        for offset in range(len(data)):
            await self.write(data[offset : offset + 1])
            await self.pause(interval)

    def hang_up(self) -> None:
        """No further request on this connection: it is closed in good order (FIN) when the exchange ends."""
        self.keep = False

    def reset(self) -> None:
        """Drop the connection with RST."""
        self.keep = False
        drop(self._writer)

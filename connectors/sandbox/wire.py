"""HTTP/1.1 as the sandbox speaks it: requests are read whole, replies may be written byte by byte.

Written by hand on asyncio streams, because most faults are breaches of HTTP that no web framework would send.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SIMULATED = "DỮ LIỆU MÔ PHỎNG"
"""Every page shows these words; every reply carries the header X-Motcua-Simulated besides."""

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 1024 * 1024


class BadRequest(Exception):
    """The client's bytes are no request that the sandbox takes; carries the HTTP status to answer with."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True)
class Orders:
    """What a fault tells the upstream to decide, where the fault lies in the answer and not in its bytes."""

    refuse_credentials: bool = False  # the sso knows nobody
    single_use: bool = False  # the sso issues tokens that the gateway takes once
    tokens_from: float = 0.0  # the gateway takes no token issued before this epoch second


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


def json_reply(value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, "application/json;charset=UTF-8", body, headers)


def html_reply(title: str, text: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    page = (
        f'<!DOCTYPE html>\n<html lang="vi"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><p><strong>{SIMULATED}</strong></p><h1>{title}</h1>\n<p>{text}</p></body></html>\n"
    )
    return Reply(status, "text/html;charset=UTF-8", page.encode(), headers)


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

    async def pause(self, seconds: float | None = None) -> None:
        """Say nothing for so long (None: for ever) while the client stays; what it sends meanwhile is dropped."""
        try:
            async with asyncio.timeout(seconds):
                while await self._reader.read(HEAD_LIMIT):
                    pass
        except TimeoutError:
            return
        raise ConnectionResetError("the client has left")

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
        # A close with lingering switched on and no time to linger is what makes the kernel send RST.
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

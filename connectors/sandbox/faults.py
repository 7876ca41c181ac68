"""Every way in which an upstream can fail, by name. To add one: one function and one line in FAULTS.

A fault of a route is `async def fault(x, **parameters)`: it takes the place of the healthy answer to one request.
`x` is the Exchange; the defaults of the parameters give their types. Requests that a fault already holds are not let
go when it is switched off: they end when their client leaves.

A fault of a listener is `def fault(address) -> sockets`: it takes the port from the upstream and holds it by those
sockets until it is switched off. Refusing to connect happens before any path is known, so such a fault, set on one
route, takes with it every route of the same listener.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import inspect
import json
import socket
import zlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox.wire import Exchange, Reply, html_reply, json_reply

RouteFault = Callable[..., Awaitable[None]]
ListenerFault = Callable[[tuple[str, int]], Sequence[socket.socket]]

MIB = 1024 * 1024
SETTLE = 0.05
"""Seconds between the last byte and a RST, so that the byte is not overtaken by it."""


# --- before a request is read -----------------------------------------------------------------------------------------


def bind(address: tuple[str, int]) -> socket.socket:
    """A socket that owns the port and does not listen. Raises OSError if the port belongs to somebody else."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(address)
    except OSError:
        held.close()
        raise
    return held


def refuse(address: tuple[str, int]) -> Sequence[socket.socket]:
    """Nothing listens: connecting is refused. Open connections are dropped."""
    # Bound but not listening, rather than free: a free port could be given to another program meanwhile, or, being
    # drawn as the client's own port, connect the client to itself.
    return [bind(address)]


def hang_connect(address: tuple[str, int]) -> Sequence[socket.socket]:
    """The listener's queue is full and nobody accepts: connecting gets no answer. Open connections are dropped."""
    held = [bind(address)]
    held[0].listen(0)
    # The kernel takes one or two connections more than were asked for: fill the queue until one stays unanswered.
    for _ in range(8):
        plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.append(plug)
        plug.settimeout(0.1)
        try:
            plug.connect(held[0].getsockname())
        except TimeoutError:
            break
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
            break
    return held


# --- instead of a reply -----------------------------------------------------------------------------------------------


async def hang_headers(x: Exchange) -> None:
    """The request is read and never answered."""
    await x.pause()


async def slow(x: Exchange, delay: float = 3.0) -> None:
    """The right answer, `delay` seconds late."""
    await x.pause(delay)
    await x.send(x.reply())


async def reset(x: Exchange) -> None:
    """RST before the reply."""
    x.reset()


async def close(x: Exchange) -> None:
    """The connection is closed without a reply."""
    x.hang_up()


async def garbage(x: Exchange) -> None:
    """Bytes that are not HTTP."""
    x.hang_up()
    await x.write(b"\x15\x03\x01\x00\x02\x02\x46 mo phong: this is not HTTP\r\n\r\n")


# --- a reply that breaks off or drags ---------------------------------------------------------------------------------


def half(reply: Reply) -> bytes:
    return reply.body[: len(reply.body) // 2]


async def hang_body(x: Exchange) -> None:
    """Headers and half of the body, then silence."""
    reply = x.reply()
    await x.write(x.head(reply) + half(reply))
    await x.pause()


async def drip_headers(x: Exchange, interval: float = 1.0) -> None:
    """The right answer, its headers one byte every `interval` seconds."""
    reply = x.reply()
    await x.drip(x.head(reply), interval)
    await x.write(reply.body)


async def drip_body(x: Exchange, interval: float = 1.0) -> None:
    """The right answer, its body one byte every `interval` seconds."""
    reply = x.reply()
    await x.write(x.head(reply))
    await x.drip(reply.body, interval)


async def reset_body(x: Exchange) -> None:
    """Headers and half of the body, then RST."""
    reply = x.reply()
    await x.write(x.head(reply) + half(reply))
    await asyncio.sleep(SETTLE)
    x.reset()


async def truncate(x: Exchange) -> None:
    """Closed after half of the body that Content-Length announced."""
    x.hang_up()
    reply = x.reply()
    await x.write(x.head(reply) + half(reply))


async def truncate_chunked(x: Exchange) -> None:
    """A chunked body, closed without its last chunk."""
    x.hang_up()
    reply = x.reply()
    part = half(reply)
    head = x.head(reply, length=-1, headers=(("Transfer-Encoding", "chunked"),))
    await x.write(head + b"%x\r\n%s\r\n" % (len(part), part))


# --- a reply too big or not decodable ---------------------------------------------------------------------------------


async def huge_body(x: Exchange, size: int = 1024 * MIB) -> None:
    """A body of `size` bytes, sent as long as the client takes it."""
    x.hang_up()
    await x.write(x.head(x.reply(), length=size))
    block = b" " * 65_536
    for sent in range(0, size, len(block)):
        await x.write(block[: size - sent])


async def big_headers(x: Exchange, size: int = 400 * 1024, line: int = 8000) -> None:
    """The right answer under `size` bytes of headers, in lines of `line` bytes."""
    reply = x.reply()
    padding = tuple((f"X-Mo-Phong-{number}", "0" * line) for number in range(-(-size // line)))
    await x.write(x.head(reply, headers=padding) + reply.body)


@functools.cache
def gzipped_spaces(size: int) -> bytes:
    """`size` MiB of spaces as one gzip member, about a thousandth as large."""
    block = b" " * MIB
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush each block compresses to the same bytes, so one is compressed and repeated.
    repeated = compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(size):
        checksum = zlib.crc32(block, checksum)
    trailer = checksum.to_bytes(4, "little") + (size * MIB % 2**32).to_bytes(4, "little")
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + repeated * size + compressor.flush() + trailer


async def gzip_bomb(x: Exchange, size: int = 200) -> None:
    """A small gzip body that unpacks to `size` MiB, whatever encoding was asked for."""
    reply = x.reply()
    body = await asyncio.to_thread(gzipped_spaces, size)
    await x.write(x.head(reply, length=len(body), headers=(("Content-Encoding", "gzip"),)) + body)


async def bad_gzip(x: Exchange) -> None:
    """Announced as gzip, and none."""
    reply = x.reply()
    await x.write(x.head(reply, headers=(("Content-Encoding", "gzip"),)) + reply.body)


# --- a reply of another kind ------------------------------------------------------------------------------------------


def http_error(status: int) -> RouteFault:
    async def answer(x: Exchange) -> None:
        await x.send(x.refusal(status))

    answer.__doc__ = f"HTTP {status}, worded as this upstream words it."
    return answer


async def http_429(x: Exchange, retry_after: int = 5) -> None:
    """HTTP 429 with Retry-After, in seconds."""
    refusal = x.refusal(429)
    await x.send(Reply(429, refusal.content_type, refusal.body, (*refusal.headers, ("Retry-After", str(retry_after)))))


async def html(x: Exchange) -> None:
    """HTTP 200 with a login page in HTML, whatever was due."""
    await x.send(html_reply("Đăng nhập", "Phiên làm việc đã hết hạn. Vui lòng đăng nhập lại."))


async def empty(x: Exchange) -> None:
    """HTTP 200 without a body."""
    await x.send(Reply(200, x.reply().content_type, b""))


async def wrong_type(x: Exchange, whole: bool = False) -> None:
    """The essential field holds another type; `whole`: the reply itself is a list where an object is due, or a text.

    A page becomes JSON.
    """
    reply = x.reply()
    value = json.loads(reply.body) if reply.is_json else None
    if isinstance(value, dict) and x.essential in value and not whole:
        value[x.essential] = "mô phỏng" if isinstance(value[x.essential], list | dict) else [value[x.essential]]
    else:
        value = [value] if isinstance(value, dict) else "mô phỏng"
    await x.send(json_reply(value, reply.status))


def without(value: Any, name: str) -> Any:
    """A JSON value in which no object has the field."""
    if isinstance(value, dict):
        return {key: without(item, name) for key, item in value.items() if key != name}
    return [without(item, name) for item in value] if isinstance(value, list) else value


async def missing_field(x: Exchange, field: str = "") -> None:
    """The reply lacks `field` (default: the essential one) wherever it occurs; a page lacks its essential words."""
    reply, name = x.reply(), field or x.essential
    if reply.is_json:
        await x.send(json_reply(without(json.loads(reply.body), name), reply.status))
    else:
        await x.send(Reply(reply.status, reply.content_type, reply.body.replace(name.encode(), b"")))


async def business_error(x: Exchange, code: str = "-1", field: str = "") -> None:
    """HTTP 200 with the error `code` in `field` (default: where this upstream puts it)."""
    await x.send(json_reply({field or x.error_field: code, "message": "Lỗi nghiệp vụ (mô phỏng)", "result": None}))


# --- redirects --------------------------------------------------------------------------------------------------------


async def redirect(x: Exchange, location: str) -> None:
    await x.send(Reply(302, "text/plain;charset=UTF-8", b"", (("Location", location),)))


async def redirect_loop(x: Exchange) -> None:
    """A redirect to the same address."""
    await redirect(x, x.request.target)


async def redirect_chain(x: Exchange, hops: int = 15) -> None:
    """`hops` redirects on the same host, then the right answer."""
    hop = int("0" + "".join(filter(str.isdecimal, x.request.query.get("buoc", ""))))
    if hop >= hops:
        await x.send(x.reply())
    else:
        path = x.request.target.partition("?")[0]
        await redirect(x, f"{path}?{urlencode({**x.request.query, 'buoc': str(hop + 1)})}")


async def redirect_host(x: Exchange, location: str = "http://may-chu-khac.invalid/") -> None:
    """A redirect to another host, one that does not exist unless `location` says otherwise."""
    await redirect(x, location)


# --- tokens -----------------------------------------------------------------------------------------------------------


async def expired_token(x: Exchange) -> None:
    """On the sso: tokens that the gateway takes only once. On the gateway: 401 to tokens issued before the fault."""
    await x.send(x.reply(single_use=True, tokens_from=x.fault_since))


async def wrong_credentials(x: Exchange) -> None:
    """The sso refuses every user, client and refresh token."""
    await x.send(x.reply(refuse_credentials=True))


LISTENER_FAULTS: dict[str, ListenerFault] = {
    "refuse": refuse,
    "hang_connect": hang_connect,
}

FAULTS: dict[str, RouteFault] = {
    "hang_headers": hang_headers,
    "hang_body": hang_body,
    "slow": slow,
    "drip_headers": drip_headers,
    "drip_body": drip_body,
    "reset": reset,
    "reset_body": reset_body,
    "close": close,
    "truncate": truncate,
    "truncate_chunked": truncate_chunked,
    "http_401": http_error(401),
    "http_403": http_error(403),
    "http_404": http_error(404),
    "http_429": http_429,
    "http_500": http_error(500),
    "http_502": http_error(502),
    "http_503": http_error(503),
    "html": html,
    "empty": empty,
    "wrong_type": wrong_type,
    "missing_field": missing_field,
    "business_error": business_error,
    "garbage": garbage,
    "huge_body": huge_body,
    "big_headers": big_headers,
    "gzip_bomb": gzip_bomb,
    "bad_gzip": bad_gzip,
    "redirect_loop": redirect_loop,
    "redirect_chain": redirect_chain,
    "redirect_host": redirect_host,
    "expired_token": expired_token,
    "wrong_credentials": wrong_credentials,
}

ONLY_ON: dict[str, frozenset[str]] = {
    "expired_token": frozenset(
        {"igate.token", "igate.search", "igate.procedures", "igate.agencies", "igate.statistics"}
    ),
    "wrong_credentials": frozenset({"igate.token"}),
}
"""The routes of faults that would do nothing elsewhere."""


def describe() -> dict[str, str]:
    """Every fault's name and, in a sentence, what it does."""
    every: dict[str, Callable[..., Any]] = {**LISTENER_FAULTS, **FAULTS}
    return {name: (inspect.getdoc(function) or "").splitlines()[0] for name, function in every.items()}


def parameters(fault: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the types of the fault's defaults. Raises ValueError, saying which ones the fault takes."""
    taken = list(inspect.signature(FAULTS[fault]).parameters.values())[1:] if fault in FAULTS else []
    defaults = {parameter.name: parameter.default for parameter in taken}
    if unknown := sorted(set(given) - set(defaults)):
        takes = ", ".join(f"{name}={default!r}" for name, default in defaults.items()) or "no parameters"
        raise ValueError(f"fault {fault!r} has no parameter {unknown[0]!r}; it takes {takes}")
    return {name: _converted(name, value, type(defaults[name])) for name, value in given.items()}


def _converted(name: str, value: Any, wanted: type) -> Any:
    if wanted is bool:
        words = {"true": True, "1": True, "false": False, "0": False}
        if str(value).lower() in words:
            return words[str(value).lower()]
    elif isinstance(value, str | int | float):
        try:
            return wanted(value)
        except ValueError:
            pass
    raise ValueError(f"parameter {name!r} must be a {wanted.__name__}, not {value!r}")

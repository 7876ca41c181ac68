"""Every way in which an upstream can fail, by name. To add one: one function and one line in its table.

A fault of a route, in FAULTS, is `async def fault(x, **parameters)`: it takes the place of the healthy answer to one
request. `x` is the Exchange; the defaults of the parameters give their types. Requests that a fault already holds are
not let go when it is switched off: they end when their client leaves.

A fault of a listener, in LISTENER_FAULTS, is `def fault(address) -> sockets`: it takes the port from the upstream and
holds it by those sockets until it is switched off. Refusing to connect happens before any path is known, so such a
fault, set on one route, takes with it every route of the same listener.

A fault of TLS, in TLS_FAULTS, is `async def fault(h)`: it takes the place of the handshake. `h` is the Handshake. It
takes every route of its listener too, and is to be had where there is TLS alone.

A fault of a name, in DNS_FAULTS, is `async def fault(q, **parameters)`: it gives the answer to one question, or None
for silence. `q` is the Question. A name has no other faults.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import gzip
import inspect
import json
import re
import socket
import zlib
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any
from urllib.parse import urlencode

import dns.rcode
from dns.message import Message

from connectors.sandbox import wso2
from connectors.sandbox.names import Question
from connectors.sandbox.wire import SETTLE, Exchange, Handshake, Reply, html_reply, json_reply, soap_error, xml_reply

RouteFault = Callable[..., Awaitable[None]]
ListenerFault = Callable[[tuple[str, int]], Sequence[socket.socket]]
TlsFault = Callable[[Handshake], Awaitable[None]]
NameFault = Callable[..., Awaitable[Message | None]]

MIB = 1024 * 1024


# --- before a request is read -----------------------------------------------------------------------------------------


def bind(address: tuple[str, int]) -> socket.socket:
    """A socket that owns the port and does not listen. Raises OSError if the port belongs to somebody else."""
    # asyncio switches Nagle's delay off only where the protocol is named; with it a reply over TLS takes 40 ms longer.
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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


# --- instead of the TLS handshake -------------------------------------------------------------------------------------


async def tls_hang(h: Handshake) -> None:
    """The connection is taken and the client's hello never answered."""
    await h.silence()


async def tls_reset(h: Handshake) -> None:
    """RST in the middle of the handshake, after the beginning of the server's hello."""
    await h.hello()
    await h.write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")
    await h.reset()


async def tls_expired(h: Handshake) -> None:
    """The certificate ended yesterday."""
    await h.secure(h.identity.expired)


async def tls_self_signed(h: Handshake) -> None:
    """The certificate is signed by itself."""
    await h.secure(h.identity.self_signed)


async def tls_unknown_ca(h: Handshake) -> None:
    """The certificate is signed by an authority that nobody knows."""
    await h.secure(h.identity.unknown_ca)


async def tls_wrong_host(h: Handshake) -> None:
    """The certificate is another host's."""
    await h.secure(h.identity.wrong_host)


async def tls_old_protocol(h: Handshake) -> None:
    """TLS 1.1 is spoken, and nothing newer."""
    await h.secure(h.identity.old_protocol)


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


async def stall_headers(x: Exchange) -> None:
    """Half of the headers, then silence."""
    head = x.head(x.reply())
    await x.write(head[: len(head) // 2])
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


async def truncated_gzip(x: Exchange) -> None:
    """Half of a gzip body, whose length is the one that was announced."""
    reply = x.reply()
    packed = gzip.compress(reply.body)
    body = packed[: len(packed) // 2]
    await x.write(x.head(reply, length=len(body), headers=(("Content-Encoding", "gzip"),)) + body)


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

    What is not JSON becomes JSON.
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


def without_element(text: bytes, name: str) -> bytes:
    """XML in which no element has the name, prefix aside."""
    tag = rb"((?:\w+:)?%s)" % re.escape(name.encode())
    return re.sub(rb"<%s(?:\s[^>]*)?(?:/>|>.*?</\1>)" % tag, b"", text, flags=re.DOTALL)


async def missing_field(x: Exchange, field: str = "") -> None:
    """The reply lacks `field` (default: the essential one) wherever it occurs; a page lacks its essential words."""
    reply, name = x.reply(), field or x.essential
    if reply.is_json:
        await x.send(json_reply(without(json.loads(reply.body), name), reply.status))
    elif reply.is_xml:
        await x.send(Reply(reply.status, reply.content_type, without_element(reply.body, name)))
    else:
        await x.send(Reply(reply.status, reply.content_type, reply.body.replace(name.encode(), b"")))


async def refused(x: Exchange, code: str | int, field: str) -> None:
    await x.send(json_reply({field or x.error_field: code, "message": "Lỗi nghiệp vụ (mô phỏng)", "result": None}))


async def business_error(x: Exchange, code: str = "-1", field: str = "") -> None:
    """HTTP 200 with the error `code` in `field` (default: where this upstream puts it)."""
    await refused(x, code, field)


async def business_error_int(x: Exchange, code: int = -1, field: str = "") -> None:
    """HTTP 200 with the error `code` as a number in `field` (default: where this upstream puts it)."""
    await refused(x, code, field)


async def amended(x: Exchange, **fields: Any) -> None:
    """The right answer, an object, with other values in these fields."""
    reply = x.reply()
    await x.send(json_reply(json.loads(reply.body) | fields, reply.status))


async def code_0(x: Exchange) -> None:
    """The right answer, its code of success written as the text "0"."""
    await amended(x, **{x.error_field: "0"})


async def code_00(x: Exchange) -> None:
    """The right answer, its code of success written as the text "00"."""
    await amended(x, **{x.error_field: "00"})


async def result_object(x: Exchange) -> None:
    """The right answer, its `result` an object instead of an array."""
    rows = json.loads(x.reply().body).get("result") or [{}]
    await amended(x, result=rows[0])


async def result_absent(x: Exchange) -> None:
    """The right answer without its `result`."""
    reply = x.reply()
    await x.send(json_reply(without(json.loads(reply.body), "result"), reply.status))


async def no_match(x: Exchange) -> None:
    """What is looked up is not there: no CongDan for a person, no `result` for a dossier."""
    await x.send(x.reply(no_match=True))


async def soap_fault(x: Exchange, status: int = 500) -> None:
    """A SOAP Fault under HTTP `status`; where SOAP comes in JSON, the Fault comes in it, under HTTP 200."""
    text = soap_error("Server", "Lỗi hệ thống (mô phỏng)")
    if x.reply().is_json:
        await amended(x, message=text)
    else:
        await x.send(xml_reply(text, status))


def wso2_fault(code: int) -> RouteFault:
    async def answer(x: Exchange, form: wso2.Form = wso2.Form.JSON3) -> None:
        await x.send(wso2.fault_reply(code, form))

    fault = wso2.FAULTS[code]
    answer.__doc__ = f"The bus's fault {code}, {fault.message}: HTTP {fault.status}; `form` is json3, json4 or xml."
    return answer


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
    """Where tokens are issued: such as are taken only once. Where they are taken: none from before the fault."""
    await x.send(x.reply(single_use=True, tokens_from=x.fault_since))


async def wrong_credentials(x: Exchange) -> None:
    """Where tokens are issued: to nobody. Where they are taken: none, however new."""
    await x.send(x.reply(refuse_credentials=True))


# --- names ------------------------------------------------------------------------------------------------------------


async def dns_nxdomain(q: Question) -> Message:
    """There is no such name."""
    return q.refusal(dns.rcode.NXDOMAIN)


async def dns_servfail(q: Question) -> Message:
    """The server has failed."""
    return q.refusal(dns.rcode.SERVFAIL)


async def dns_silent(q: Question) -> None:
    """No answer."""


async def dns_slow(q: Question, delay: float = 0.5) -> Message:
    """The right answer, `delay` seconds late."""
    await asyncio.sleep(delay)
    return q.answer()


LISTENER_FAULTS: dict[str, ListenerFault] = {
    "refuse": refuse,
    "hang_connect": hang_connect,
}

TLS_FAULTS: dict[str, TlsFault] = {
    "tls_hang": tls_hang,
    "tls_expired": tls_expired,
    "tls_self_signed": tls_self_signed,
    "tls_unknown_ca": tls_unknown_ca,
    "tls_wrong_host": tls_wrong_host,
    "tls_old_protocol": tls_old_protocol,
    "tls_reset": tls_reset,
}

DNS_FAULTS: dict[str, NameFault] = {
    "dns_nxdomain": dns_nxdomain,
    "dns_servfail": dns_servfail,
    "dns_silent": dns_silent,
    "dns_slow": dns_slow,
}

FAULTS: dict[str, RouteFault] = {
    "hang_headers": hang_headers,
    "stall_headers": stall_headers,
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
    "business_error_int": business_error_int,
    "code_0": code_0,
    "code_00": code_00,
    "result_object": result_object,
    "result_absent": result_absent,
    "no_match": no_match,
    "soap_fault": soap_fault,
    **{f"wso2_{code}": wso2_fault(code) for code in wso2.FAULTS if code != 900906},
    "garbage": garbage,
    "huge_body": huge_body,
    "big_headers": big_headers,
    "gzip_bomb": gzip_bomb,
    "bad_gzip": bad_gzip,
    "truncated_gzip": truncated_gzip,
    "redirect_loop": redirect_loop,
    "redirect_chain": redirect_chain,
    "redirect_host": redirect_host,
    "expired_token": expired_token,
    "wrong_credentials": wrong_credentials,
}

IGATE_CALLS = frozenset({"igate.search", "igate.procedures", "igate.agencies", "igate.statistics"})
LGSP = frozenset({"lgsp.token", "lgsp.category"})
NATIONAL = frozenset({"national.login", "national.call"})
POPULATION = frozenset({"population.lookup", "population.c06", "population.json"})
BUS = LGSP | NATIONAL | POPULATION
WITH_TLS = BUS | {"tls.page"}
NAMES = frozenset({"dns.bus", "dns.tls"})

ONLY_ON: dict[str, frozenset[str]] = {
    "expired_token": IGATE_CALLS | (BUS - {"population.json"}) | {"igate.token"},
    "wrong_credentials": BUS | {"igate.token"},
    **dict.fromkeys(("business_error_int", "code_0", "code_00"), NATIONAL | {"population.json"}),
    **dict.fromkeys(("result_object", "result_absent"), frozenset({"national.call"})),
    "no_match": frozenset({"national.call", "population.lookup", "population.json"}),
    "soap_fault": frozenset({"population.lookup", "population.json"}),
    **{name: BUS for name in FAULTS if name.startswith("wso2_")},
    **dict.fromkeys(TLS_FAULTS, WITH_TLS),
    **dict.fromkeys(DNS_FAULTS, NAMES),
}
"""The routes of faults that would do nothing elsewhere."""


def misplaced(fault: str, route: str) -> str:
    """Why a fault is not to be had on a route; empty: it is."""
    if route not in ONLY_ON.get(fault, {route}):
        return f"fault {fault!r} makes sense on {', '.join(sorted(ONLY_ON[fault]))} alone"
    if route in NAMES and fault not in DNS_FAULTS:
        return f"{route!r} is a name: it takes {', '.join(DNS_FAULTS)} alone"
    return ""


def takes_listener(fault: str) -> bool:
    """Whether the fault of a route takes every route of its listener."""
    return fault in LISTENER_FAULTS or fault in TLS_FAULTS


def describe() -> dict[str, str]:
    """Every fault's name and, in a sentence, what it does."""
    every: dict[str, Callable[..., Any]] = {**LISTENER_FAULTS, **TLS_FAULTS, **DNS_FAULTS, **FAULTS}
    return {name: (inspect.getdoc(function) or "").splitlines()[0] for name, function in every.items()}


def parameters(fault: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters with the types of the fault's defaults. Raises ValueError, saying which ones the fault takes."""
    function: Callable[..., Any] | None = FAULTS.get(fault) or DNS_FAULTS.get(fault)
    taken = list(inspect.signature(function).parameters.values())[1:] if function else []
    defaults = {parameter.name: parameter.default for parameter in taken}
    if unknown := sorted(set(given) - set(defaults)):
        takes = ", ".join(f"{name}={_plain(default)!r}" for name, default in defaults.items()) or "no parameters"
        raise ValueError(f"fault {fault!r} has no parameter {unknown[0]!r}; it takes {takes}")
    return {name: _converted(name, value, type(defaults[name])) for name, value in given.items()}


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value


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
    needed = f"one of {', '.join(map(_plain, wanted))}" if issubclass(wanted, Enum) else f"a {wanted.__name__}"
    raise ValueError(f"parameter {name!r} must be {needed}, not {value!r}")

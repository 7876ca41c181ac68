"""The sandbox's process: its listeners, the switching of faults, and the API for it.

The API listens on a port of its own, on the loopback interface:

GET    /                 addresses, environment, routes, faults and what is active
GET    /faults           the active faults
POST   /faults           {"route", "fault", "for": seconds or null, "params": {}}: switch one on
DELETE /faults[?route=]  switch one or all off
GET    /log              every switching, with its instant in epoch milliseconds; the newest 20,000
GET    /requests         counts per route, open connections per listener, the last 1,000 requests

A route has one fault at a time; a second takes its place. The faults of a listener (refuse, hang_connect, and those of
TLS) take all routes of its upstream: open connections are dropped, for the first two the port is closed, and it is the
same port that answers again when the fault is switched off.

The names dns.* are routes too. Their entries in GET /requests have the answer's RCODE as status, "" for silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import math
import os
import resource
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.rcode
from dns.message import Message

from connectors.sandbox import faults, names, upstreams
from connectors.sandbox.bus import bus
from connectors.sandbox.dossiers import ZONE, Flow
from connectors.sandbox.upstreams import DEFAULT_PORT, DEFAULT_SEED, Addresses, SandboxError, Upstream
from connectors.sandbox.wire import (
    HEAD_LIMIT,
    SIMULATED,
    BadRequest,
    Exchange,
    Handshake,
    Reply,
    Request,
    json_reply,
    read_request,
)

if TYPE_CHECKING:
    from connectors.sandbox.authority import Identity

Serve = Callable[[Request, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]
"""Answers one request; says whether another may follow on the connection."""

BACKLOG = 1024
API_HOST = "127.0.0.1"  # whoever may switch faults sits on this machine, wherever the upstreams listen
KEPT_REQUESTS = 1_000
KEPT_EVENTS = 20_000
OTHER = "other"  # in the counts: requests that no route took
CLOSING = 2.0  # seconds that a client has to say that it has seen the end of TLS
PORTS = "ten in a row are needed, the last one for UDP"


class Flows:
    """The dossiers of the year, made beside the event loop: making them takes half a second."""

    def __init__(self, year: int | None, seed: int, ahead: float = 0) -> None:
        self._year = year
        self._ahead = ahead
        self._seed = seed
        self._flow: Flow | None = None
        self._making = asyncio.Lock()

    async def prepare(self, now: float) -> None:
        """Return when the dossiers to show at this instant are there."""
        year = self._year_at(now)
        if self._flow is None or self._flow.year != year:
            async with self._making:
                if self._flow is None or self._flow.year != year:
                    self._flow = await self._make(year)

    def at(self, now: float) -> Flow:
        assert self._flow is not None and self._flow.year == self._year_at(now), "prepare() comes first"
        return self._flow

    def _year_at(self, now: float) -> int:
        return self._year or datetime.fromtimestamp(now + self._ahead, ZONE).year

    async def _make(self, year: int) -> Flow:
        loop = asyncio.get_running_loop()
        made: asyncio.Future[Flow] = loop.create_future()

        def deliver(flow: Flow) -> None:
            if not made.done():
                made.set_result(flow)

        def make() -> None:
            flow = Flow(year, self._seed)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(deliver, flow)

        # A daemon, unlike asyncio's own threads: the process need not finish it before it ends.
        threading.Thread(target=make, name="dossiers", daemon=True).start()
        return await made


class Listener:
    """One port, and who serves it or what obstructs it."""

    def __init__(self, serve: Serve, host: str = "") -> None:
        self.address = ("", 0)
        self.host = host  # by which name it is known; empty: it has none, and speaks no TLS
        self._serve = serve
        self._identity: Identity | None = None
        self._shake: faults.TlsFault = _shake
        self._server: asyncio.Server | None = None
        self._obstacles: Sequence[socket.socket] = ()
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        if self.host:
            return f"https://{self.host}:{self.address[1]}"
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def open_connections(self) -> int:
        return len(self._connections)

    async def open(self, address: tuple[str, int], identity: Identity | None = None) -> None:
        """Listen; port 0 takes a free one. Who has a host name needs an identity.

        Raises SandboxError if the port cannot be had.
        """
        self._identity = identity
        try:
            bound = faults.bind(address)
            self.address = bound.getsockname()
            self._server = await asyncio.start_server(self._connected, sock=bound, limit=HEAD_LIMIT, backlog=BACKLOG)
        except OSError as error:
            raise taken(address, error) from error

    def close(self) -> None:
        """Stop listening and drop every connection."""
        for held in self._obstacles:
            held.close()
        self._obstacles = ()
        if self._server is not None:
            self._server.close()
            self._server = None
        self._drop()

    def _drop(self) -> None:
        for writer in self._connections:
            writer.transport.abort()

    def obstruct(self, fault: str) -> None:
        """Hand the port, or the handshake, to a fault until restore(). Raises OSError."""
        if fault in faults.TLS_FAULTS:
            self._shake = faults.TLS_FAULTS[fault]
            self._drop()
        else:
            self.close()
            self._obstacles = faults.LISTENER_FAULTS[fault](self.address)

    async def restore(self) -> None:
        self._shake = _shake
        self.close()
        await self.open(self.address, self._identity)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            # The client may leave at any point or not agree to TLS, or close() may drop it: none of it is an error.
            with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError, asyncio.CancelledError):
                if self._identity is not None:
                    await self._shake(Handshake(self._identity, reader, writer))
                await self._converse(reader, writer)
                writer.close()
                async with asyncio.timeout(CLOSING):
                    await writer.wait_closed()
        finally:
            self._connections.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        keep = True
        while keep:
            try:
                request = await read_request(reader)
            except BadRequest as error:
                unread = Exchange(Request("GET", "/", {}, b"", time.time()), reader, writer)
                await unread.send(upstreams.page_error(error.status, unread.request))
                return
            keep = request is not None and await self._serve(request, reader, writer)


async def _shake(h: Handshake) -> None:
    """The healthy handshake."""
    await h.secure(h.identity.good)


def taken(address: tuple[str, int], error: OSError) -> SandboxError:
    """What to say of a port that cannot be had."""
    why = error.strerror or str(error)
    return SandboxError(f"cannot listen on {address[0]}:{address[1]}: {why}; choose another --port ({PORTS})")


@dataclass
class Active:
    """A fault that is switched on."""

    route: str
    fault: str
    since: float  # epoch seconds
    seconds: float | None  # how long, if it switches itself off
    parameters: dict[str, Any]
    affects: list[str]  # every route that suffers from it
    timer: asyncio.TimerHandle | None = None

    def show(self) -> dict[str, Any]:
        return {
            "route": self.route,
            "fault": self.fault,
            "for": self.seconds,
            "params": self.parameters,
            "affects": self.affects,
        }


@dataclass
class Log:
    """The fault log: what was switched on and off, and when. A measured outage is compared with it."""

    path: Path | None
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))

    def write(self, state: str, active: Active, **more: Any) -> None:
        event = {"at": int(time.time() * 1000), "state": state, **active.show(), **more}
        self.events.append(event)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")


class Server:
    """All listeners of one sandbox, and the faults that act on them."""

    def __init__(self, *, year: int | None, seed: int, token_ttl: int, log: Path | None, ahead: float = 0) -> None:
        self._flows = Flows(year, seed, ahead)
        every = (
            *upstreams.province(self._flows.at, token_ttl=token_ttl, ahead=ahead),
            bus(self._flows.at, token_ttl=token_ttl, ahead=ahead),
        )
        self._upstreams = {it.name: it for it in every}
        self._upstream_of = {route.name: it.name for it in every for route in it.routes}
        self._upstream_of |= dict.fromkeys(names.ROUTES, "dns")
        self._listeners = {it.name: Listener(partial(self._serve, it), it.host) for it in every}
        self._api = Listener(self._serve_api)
        self._names: names.NameServer | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._addresses: Addresses | None = None
        self._active: dict[str, Active] = {}
        self._switching = asyncio.Lock()
        self._log = Log(log)
        self._counts = Counter({**dict.fromkeys(self._upstream_of, 0), OTHER: 0})
        self._requests: deque[tuple[int, str, int | str]] = deque(maxlen=KEPT_REQUESTS)
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life ---

    async def start(self, host: str, port: int) -> Addresses:
        """Listen on consecutive ports from `port` on, or on free ones if it is 0. Raises SandboxError."""
        from connectors.sandbox.authority import Authority  # noqa: PLC0415 - cryptography is slow to import

        self._folder = tempfile.TemporaryDirectory(prefix="motcua-sandbox-")
        authority = Authority(Path(self._folder.name))
        await self._api.open((API_HOST, port))
        for offset, listener in enumerate(self._listeners.values(), start=1):
            identity = None
            if listener.host:
                identity = authority.identity([*dict.fromkeys((listener.host, API_HOST, self._reached()))])
            await listener.open((host, port and port + offset), identity)
        address = self._reached()
        dns_port = await self._open_names((host, port and port + len(self._listeners) + 1), address)
        self._addresses = Addresses(
            api=self._api.url,
            **{name: listener.url for name, listener in self._listeners.items()},
            dns=f"{address}:{dns_port}",
            ca=str(authority.path),
        )
        self._in_background(self._flows.prepare(time.time()))
        return self._addresses

    def _reached(self) -> str:
        """The address at which the upstreams, one of which listens, are reached from this machine."""
        address = self._listeners["sso"].address[0]
        return API_HOST if address == "0.0.0.0" else address  # noqa: S104 - compared, not bound

    async def _open_names(self, where: tuple[str, int], address: str) -> int:
        """Answer questions for names with this address; the port. Raises SandboxError if it cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            transport, self._names = await loop.create_datagram_endpoint(
                lambda: names.NameServer(address, self._answer_name), local_addr=where
            )
        except OSError as error:
            raise taken(where, error) from error
        return int(transport.get_extra_info("sockname")[1])

    async def stop(self) -> None:
        """Switch every fault off in the log, drop whatever is open, and leave no file behind."""
        for active in self._active.values():
            if active.timer:
                active.timer.cancel()
            self._log.write("off", active, cause="stopped")
        self._active.clear()
        for listener in (self._api, *self._listeners.values()):
            listener.close()
        if self._names:
            self._names.close()
        if self._folder:
            self._folder.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- answering for the upstreams ---

    async def _serve(
        self, upstream: Upstream, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; whether another may follow on the connection."""
        route = upstream.route(request)
        if isinstance(route, Reply):
            self._counts[OTHER] += 1
            exchange = Exchange(request, reader, writer)
            await exchange.send(route)
            return exchange.keep
        self._counts[route.name] += 1
        if route.shows_dossiers:
            await self._flows.prepare(request.received_at)
        active = self._active.get(route.name)
        exchange = Exchange(
            request,
            reader,
            writer,
            answer=route.answer,
            refuse=route.refuse or upstream.refuse,
            essential=route.essential,
            error_field=route.error_field or upstream.error_field,
            fault_since=active.since if active else 0.0,
        )
        try:
            if active and active.fault in faults.FAULTS:
                await faults.FAULTS[active.fault](exchange, **active.parameters)
            else:
                await exchange.send(exchange.reply())
        finally:
            self._requests.append((int(request.received_at * 1000), route.name, exchange.status))
        return exchange.keep

    async def _answer_name(self, question: names.Question) -> Message | None:
        """The answer to a question for a name, or silence."""
        route, now = question.route, time.time()
        self._counts[route or OTHER] += 1
        if route is None:
            return question.refusal(dns.rcode.NXDOMAIN)
        active = self._active.get(route)
        reply = await faults.DNS_FAULTS[active.fault](question, **active.parameters) if active else question.answer()
        status = dns.rcode.to_text(reply.rcode()) if reply else ""
        self._requests.append((int(now * 1000), route, status))
        return reply

    # --- faults ---

    async def _switch_on(self, route: str, fault: str, seconds: float | None, parameters: dict[str, Any]) -> Active:
        """Put a fault in the place of whatever acts on the route. Raises SandboxError."""
        _known("route", route, self._upstream_of)
        _known("fault", fault, faults.describe())
        if why := faults.misplaced(fault, route):
            raise SandboxError(why)
        try:
            parameters = faults.parameters(fault, parameters)
        except ValueError as error:
            raise SandboxError(str(error)) from error
        upstream = self._upstream_of[route]
        is_listener_fault = faults.takes_listener(fault)
        neighbours = [name for name, it in self._upstream_of.items() if it == upstream]
        async with self._switching:
            for name in neighbours:
                other = self._active.get(name)
                # A port can be obstructed in one way at a time.
                if other and (name == route or (is_listener_fault and faults.takes_listener(other.fault))):
                    await self._off(other, "replaced")
            if is_listener_fault:
                try:
                    self._listeners[upstream].obstruct(fault)
                except OSError as error:
                    await self._listeners[upstream].restore()
                    raise SandboxError(f"fault {fault!r} is not possible here: {error.strerror or error}") from error
            active = Active(
                route, fault, time.time(), seconds, parameters, neighbours if is_listener_fault else [route]
            )
            self._active[route] = active
            if seconds is not None:
                loop = asyncio.get_running_loop()
                active.timer = loop.call_later(seconds, lambda: self._in_background(self._expire(active)))
            self._log.write("on", active)
        return active

    async def _expire(self, active: Active) -> None:
        async with self._switching:
            if self._active.get(active.route) is active:
                await self._off(active, "expired")

    async def _switch_off(self, route: str | None) -> int:
        """Clear the fault of one route, or every fault; how many there were. Raises SandboxError."""
        if route is not None:
            _known("route", route, self._upstream_of)
        async with self._switching:
            doomed = [active for name, active in self._active.items() if route in (None, name)]
            for active in doomed:
                await self._off(active, "cleared")
        return len(doomed)

    async def _off(self, active: Active, cause: str) -> None:
        del self._active[active.route]
        if active.timer:
            active.timer.cancel()
        if faults.takes_listener(active.fault):
            await self._listeners[self._upstream_of[active.route]].restore()
        self._log.write("off", active, cause=cause)

    # --- answering for ourselves ---

    async def _serve_api(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        exchange = Exchange(request, reader, writer)
        try:
            reply = await self._answer(request)
        except SandboxError as error:
            reply = json_reply({"error": str(error)}, 400)
        await exchange.send(reply)
        return exchange.keep

    async def _answer(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/":
                return json_reply(self._describe())
            case "GET", "/faults":
                return json_reply([active.show() for active in self._active.values()])
            case "POST", "/faults":
                return json_reply((await self._switch_on(*_fault_wanted(request.body))).show())
            case "DELETE", "/faults":
                return json_reply({"cleared": await self._switch_off(request.query.get("route"))})
            case "GET", "/log":
                return json_reply(list(self._log.events))
            case "GET", "/requests":
                return json_reply(
                    {
                        "counts": self._counts,
                        "open": {name: listener.open_connections for name, listener in self._listeners.items()},
                        "last": [{"at": at, "route": route, "status": status} for at, route, status in self._requests],
                    }
                )
        return json_reply({"error": "GET /, GET|POST|DELETE /faults, GET /log, GET /requests"}, 404)

    def _describe(self) -> dict[str, Any]:
        assert self._addresses is not None, "nobody can ask before start()"
        return {
            "simulated": True,
            "notice": SIMULATED,
            "addresses": asdict(self._addresses),
            "environment": self._addresses.environment,
            "routes": {
                route.name: {"upstream": name, "method": route.method, "url": self._listeners[name].url + route.path}
                for name, upstream in self._upstreams.items()
                for route in upstream.routes
            }
            | {
                route: {"upstream": "dns", "method": "A", "url": f"dns://{self._addresses.dns}/{name}"}
                for route, name in names.ROUTES.items()
            },
            "faults": faults.describe(),
            "active": [active.show() for active in self._active.values()],
        }


def _known(kind: str, name: str, names: Mapping[str, Any]) -> None:
    """Raise SandboxError, with the name that was probably meant, unless there is one such."""
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
        raise SandboxError(f"no {kind} {name!r}; {hint}")


def _fault_wanted(body: bytes) -> tuple[str, str, float | None, dict[str, Any]]:
    """Route, fault, duration and parameters out of the body of POST /faults. Raises SandboxError."""
    try:
        wanted = json.loads(body)
    except ValueError as error:
        raise SandboxError("the body must be JSON: {route, fault, for, params}") from error
    match wanted:
        case {"route": str(route), "fault": str(fault)} if not set(wanted) - {"route", "fault", "for", "params"}:
            seconds, parameters = wanted.get("for"), wanted.get("params") or {}
        case _:
            raise SandboxError("the body must be an object {route, fault, for, params}; the first two are texts")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds < math.inf):
        raise SandboxError(f"'for' must be a number of seconds above 0, not {seconds!r}")
    if not isinstance(parameters, dict):
        raise SandboxError("'params' must be an object")
    return route, fault, seconds, parameters


# --- the process ------------------------------------------------------------------------------------------------------


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    year: int | None = None,
    seed: int = DEFAULT_SEED,
    token_ttl: int = 300,
    ahead: float = 0,
    log: str | os.PathLike[str] | None = None,
    ready: Callable[[Addresses], None] | None = None,
    until_stdin_closes: bool = False,
) -> None:
    """Be the sandbox until SIGTERM or SIGINT; to be called from the main thread.

    host: where the upstreams listen; the API that switches faults listens on 127.0.0.1 always.
    port: that of the API; the upstreams take the nine after it, in the order of Addresses. 0: any free ports.
    year: whose dossiers to show; None: the clock's.
    ahead: dossiers are shown as they stand so many seconds after the clock; before it, if negative.
    token_ttl: seconds that a token of the sso or the bus and a session of the national portal live.
    log: a file to which the fault log is appended, an object a line.
    ready: called once, as soon as every port listens. The gateway keeps its first clients waiting until the dossiers
        are made, half a second or so.
    until_stdin_closes: be a child; end with the parent, and leave Ctrl-C to it.

    Raises SandboxError if a port cannot be had.
    """
    parent = os.getppid()
    if until_stdin_closes:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # A fault that hangs keeps a descriptor for every client that it keeps waiting.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server(year=year, seed=seed, token_ttl=token_ttl, log=None if log is None else Path(log), ahead=ahead)
    asyncio.run(_run(server, host, port, ready, parent if until_stdin_closes else None))


async def _run(
    server: Server, host: str, port: int, ready: Callable[[Addresses], None] | None, parent: int | None
) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if parent is None:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    try:
        addresses = await server.start(host, port)
        watch = asyncio.create_task(_parent_gone(parent, stop)) if parent is not None else None
        if ready:
            ready(addresses)
        await stop.wait()
        if watch:
            watch.cancel()
    finally:
        await server.stop()


async def _parent_gone(parent: int, stop: asyncio.Event) -> None:
    """Set the event when the parent has closed our stdin or is dead, however it died."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            stop.set()

    try:
        loop.add_reader(stdin, read)
    except PermissionError:  # epoll does not take a plain file, and there is nobody behind one
        stop.set()
    # A process that the parent forked may hold the other end of the pipe open after its death.
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
            return
    stop.set()

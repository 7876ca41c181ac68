"""What the tests of connectors and engine share: replies by hand, a server that does as told, an engine to watch."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import pytest

from connectors.engine import Engine, Publish
from connectors.http import Http, HttpCheck, HttpSystem
from monitor.model import (
    Auth,
    Batch,
    Check,
    Connector,
    Finding,
    Login,
    Outcome,
    Reply,
    Route,
    Run,
    Settings,
    Slot,
    State,
    Step,
)

_T = TypeVar("_T")

ENGINE_WARNS = pytest.mark.filterwarnings("ignore:socket_all is deprecated:DeprecationWarning")
"""The engine means it: run one by one, transfers would wait for the interpreter each time."""


def eventually(look: Callable[[], _T], within: float = 5.0) -> _T:
    """The first true answer of `look`; AssertionError with its last one when none came in time."""
    deadline = time.monotonic() + within
    while not (seen := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s; seen last: {seen!r}"
        time.sleep(0.005)
    return seen


# --- replies by hand --------------------------------------------------------------------------------------------------


def reply(body: bytes | str | Any = b"", status: int = 200, **headers: str) -> Reply:
    """A reply with these bytes, this text or this value as JSON."""
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, _bytes(body))


def finding(step: Step, answer: Reply) -> Finding | None:
    """What is wrong with the answer to a step: the first rule that it breaks."""
    return next((found for rule in step.rules if (found := rule(answer))), None)


def walk(dialogue: Generator[Step, Reply, Any], *answers: Reply) -> tuple[list[Step], Any]:
    """The steps of a dialogue that gets these answers, each of which its step must accept, and what it returns."""
    steps = [next(dialogue)]
    try:
        for answer in answers:
            assert finding(steps[-1], answer) is None, f"step {steps[-1].name} does not accept the answer"
            steps.append(dialogue.send(answer))
    except StopIteration as stop:
        return steps, stop.value
    raise AssertionError(f"the dialogue goes on: {steps[-1].name}")


def _bytes(body: bytes | str | Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()


# --- a server ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One request that came."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: float  # monotonic seconds

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


Answer = bytes | Iterable[bytes] | None
"""What goes back: bytes, bytes in parts, or silence until the client leaves."""


def http(body: bytes | str | Any = b"ok", status: int = 200, **headers: str) -> bytes:
    """A whole HTTP reply."""
    content = _bytes(body)
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class Server:
    """Listens on a free port of 127.0.0.1 and answers each connection once, as `answer` says.

    `raw`: the request need not be HTTP; whatever comes first is its body.
    """

    def __init__(
        self, answer: Callable[[Asked], Answer] | Answer, tls: ssl.SSLContext | None = None, *, raw: bool = False
    ) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Answer] = answer if callable(answer) else lambda _asked: answer
        self._tls, self._raw = tls, raw
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, name="server", daemon=True).start()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), name="server-connection", daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        with contextlib.suppress(OSError), raw:  # the client may leave at any time
            raw.settimeout(20)
            with (
                self._tls.wrap_socket(raw, server_side=True) if self._tls else contextlib.nullcontext(raw) as connection
            ):
                asked = Asked("", "", {}, connection.recv(65_536), time.monotonic()) if self._raw else _read(connection)
                if asked is None:
                    return
                self.asked.append(asked)
                answer = self.answer(asked)
                if answer is None:
                    connection.recv(1)
                    return
                for part in (answer,) if isinstance(answer, bytes) else answer:
                    connection.sendall(part)


def _read(connection: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            return None
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    method, target, _ = first.split(" ")
    return Asked(method, target, headers, body, time.monotonic())


@contextlib.contextmanager
def serving(
    answer: Callable[[Asked], Answer] | Answer = None, tls: ssl.SSLContext | None = None, *, raw: bool = False
) -> Iterator[Server]:
    server = Server(answer, tls, raw=raw)
    try:
        yield server
    finally:
        server.close()


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """The answers one after another; the last one again and again."""
    left = list(answers)
    lock = threading.Lock()

    def answer(_asked: Asked) -> Answer:
        with lock:
            return left.pop(0) if len(left) > 1 else left[0]

    return answer


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """The URL of a port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


# --- an engine --------------------------------------------------------------------------------------------------------


def check(
    connector: Connector,
    name: str = "trang_chu",
    system: str = "cong_tinh",
    *,
    timeout: float = 3.0,
    spacing: float = 0.1,
    objective: float | None = None,
    route: Route = Route(),
) -> Check:
    """A check whose rechecks follow fast."""
    return Check(system, name, connector, Settings(60, timeout, spacing=spacing), route, objective)


def page(url: str, name: str = "trang_chu", system: str = "cong_tinh", **options: Any) -> Check:
    """A check of kind http; of the options, those of `check` above and those of HttpCheck."""
    ours = {key: options.pop(key) for key in ("timeout", "spacing", "objective", "route") if key in options}
    return check(Http(HttpSystem(base_url=url), HttpCheck(**options)), name, system, **ours)


def control(url: str, name: str = "doi_chung", timeout: float = 1.0) -> Check:
    """A control target, as a catalogue makes it of its URL; one that answers with an error is not good here."""
    return page(url, name, "_control", path=url, timeout=timeout)


class Watch:
    """An engine that runs these checks, and all that it has published."""

    def __init__(
        self, checks: Sequence[Check], controls: Sequence[Check], publish: Publish | None, **options: Any
    ) -> None:
        self.outcomes: list[Outcome] = []
        self.published_at: list[float] = []  # of each outcome, monotonic seconds
        self.statistics: Counter[str] = Counter()
        by_key = {(c.system, c.check): c for c in checks}
        self.engine = Engine("van_phong", by_key, controls, publish or self.publish, **options)

    def publish(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        self.outcomes += outcomes
        self.published_at += [time.monotonic()] * len(outcomes)
        self.statistics.update(statistics)

    def slot(self, of: Check, after: float = 0.0, state: State = State.UP) -> Slot:
        """One that falls due so many seconds from now."""
        return Slot(of.system, of.check, int((time.time() + after) * 1000), state)

    def submit(self, *slots: Slot, sent_at: float | None = None) -> None:
        sent = time.time() if sent_at is None else sent_at
        self.engine.submit(Batch("van_phong", int(sent * 1000), "hash", slots))

    def run(self, *checks: Check, state: State = State.UP) -> list[Slot]:
        """One slot of each, due now."""
        slots = [self.slot(of, state=state) for of in checks]
        self.submit(*slots)
        return slots

    def wait(self, count: int, within: float = 8.0) -> list[Outcome]:
        """The first so many outcomes, once they are published."""
        try:
            eventually(lambda: len(self.outcomes) >= count, within)
        except AssertionError:
            raise AssertionError(f"{count} outcomes were due; published: {self.outcomes}") from None
        return self.outcomes[:count]

    def ask(self, of: Check, within: float = 12.0) -> Outcome:
        """One try out of turn."""
        answers: list[Outcome] = []
        self.engine.ask(of.system, of.check, answers.append)
        return eventually(lambda: answers, within)[0]

    def counted(self, name: str, count: int, within: float = 5.0) -> bool:
        """Whether the engine comes to have counted so many."""
        eventually(lambda: self.statistics[name] >= count, within)
        return self.statistics[name] == count

    def is_idle(self, of: Check, state: State = State.UP) -> bool:
        """Whether nothing of a check is under way or still to come, rechecks above all: then a slot of it starts.

        `state` is what the check answers now, so that the slot asks for no recheck.
        """
        overrun, before = self.statistics["slots_overrun"], len(self.outcomes)
        slot = self.slot(of, state=state)
        self.submit(slot)
        eventually(lambda: self.statistics["slots_overrun"] > overrun or len(self.outcomes) > before)
        return [o.due_at for o in self.outcomes[before:]] == [slot.due_at]


@contextlib.contextmanager
def watching(
    *checks: Check, controls: Sequence[Check] = (), publish: Publish | None = None, **options: Any
) -> Iterator[Watch]:
    """An engine that runs, and is stopped in the end; `options` are those of Engine."""
    watch = Watch(checks, controls, publish, **options)
    watch.engine.start()
    try:
        yield watch
    finally:
        watch.engine.stop(drain=0)


@dataclass
class Scripted:
    """A connector made of the functions it is given."""

    runs: Callable[[Auth | None], Any]
    logs_in: Callable[[], Any] = lambda: None
    names: Callable[[], tuple[str, ...]] = lambda: ("request",)

    SystemOptions: ClassVar = None
    CheckOptions: ClassVar = None

    def steps(self) -> tuple[str, ...]:
        return self.names()

    def login(self) -> Login | None:
        login: Login | None = self.logs_in()
        return login

    def run(self, auth: Auth | None) -> Run:
        run: Run = self.runs(auth)
        return run


def asking(*steps: Any) -> Scripted:
    """A connector that asks these steps, one after another, and needs no login."""

    def run(_auth: Auth | None) -> Iterator[Any]:
        yield from (step for step in steps)  # a generator, for a tuple takes no replies

    return Scripted(run, names=lambda: tuple(getattr(step, "name", "request") for step in steps) or ("request",))

"""The engine and the wire: names, redirects, limits, encodings, proxies and TLS, each against a server that misbehaves.

The certificates in tls/ are invented: authority.pem signs server.pem and expired.pem, both of cong.invalid and
127.0.0.1; each holds its key, which opens nothing else.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors import engine as engine_module
from connectors import expect
from connectors.engine import BODY_CAP, HEADER_CAP
from connectors.http import Http, HttpCheck, HttpSystem
from monitor.model import Check, Outcome, Reason, Request, Route, Step, StepResult, Verdict
from tests.connectors.harness import (
    ENGINE_WARNS,
    Answer,
    Asked,
    Server,
    asking,
    check,
    http,
    in_turn,
    nobody,
    page,
    serving,
    watching,
)

pytestmark = ENGINE_WARNS

UP, DOWN, INCONCLUSIVE = Verdict.UP, Verdict.DOWN, Verdict.INCONCLUSIVE
TLS = Path(__file__).parent / "tls"


@pytest.fixture(autouse=True)
def _fast_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(engine_module, "FLUSH_APART", 0.001)


def asked_once(of: Check, **options: Any) -> Outcome:
    with watching(of, **options) as watch:
        return watch.ask(of)


def result(of: Check, **options: Any) -> StepResult:
    """The one step of one try."""
    (step,) = asked_once(of, **options).steps
    return step


def reason(answer: Callable[[Asked], Answer] | Answer, *, raw: bool = False, **options: Any) -> Reason | None:
    """What is made of a server that answers so; `options` are those of `page`."""
    options.setdefault("timeout", 2.0)
    with serving(answer, raw=raw) as server:
        outcome = asked_once(page(server.url, **options))
    assert outcome.seconds <= options["timeout"] + 0.5
    return outcome.reason


# --- names ---


class Names:
    """A look-up by table; a name that is not in it hangs until the test ends."""

    def __init__(self, **known: Sequence[str]) -> None:
        self.known = {f"{name}.invalid": addresses for name, addresses in known.items()}
        self.asked: list[str] = []
        self.seconds = 0.0
        self.ended = threading.Event()

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.known:
            self.ended.wait(10)
            return ()
        time.sleep(self.seconds)
        return self.known[host]


@pytest.fixture
def names() -> Iterator[Names]:
    it = Names(cong=["127.0.0.1"], khong_co=[])
    yield it
    it.ended.set()


@pytest.fixture
def good() -> Iterator[Server]:
    with serving(http()) as server:
        yield server


def test_a_name_is_looked_up_and_sent_as_host(good: Server, names: Names) -> None:
    step = result(page(f"http://cong.invalid:{good.port}"), lookup=names)
    assert step.verdict is UP
    assert names.asked == ["cong.invalid"]
    assert good.asked[0].headers["host"] == f"cong.invalid:{good.port}"


def test_an_address_is_not_looked_up(good: Server, names: Names) -> None:
    assert result(page(good.url), lookup=names).verdict is UP
    assert names.asked == []


def test_many_runs_share_one_look_up(good: Server, names: Names) -> None:
    names.seconds = 0.3
    checks = [page(f"http://cong.invalid:{good.port}", f"muc_{n}") for n in range(20)]
    with watching(*checks, lookup=names) as watch:
        watch.run(*checks)
        assert {o.verdict for o in watch.wait(20)} == {UP}
        assert names.asked == ["cong.invalid"]
        watch.ask(checks[0])
        assert names.asked == ["cong.invalid"] * 2, "an answer is not kept: an address may change"


def test_the_look_up_is_a_phase_and_counts(good: Server, names: Names) -> None:
    names.seconds = 0.25
    outcome = asked_once(page(f"http://cong.invalid:{good.port}"), lookup=names)
    assert 0.25 <= outcome.steps[0].phases.dns < 0.5
    assert outcome.seconds >= outcome.steps[0].phases.dns
    assert outcome.steps[0].phases.connect < 0.1


def test_a_name_without_an_address_fails_at_once(names: Names) -> None:
    outcome = asked_once(page("http://khong_co.invalid", timeout=5), lookup=names)
    assert (outcome.verdict, outcome.reason) == (DOWN, Reason.DNS_FAILURE)
    assert outcome.seconds < 0.5


def test_a_look_up_that_hangs_is_a_dns_failure_at_the_deadline(names: Names) -> None:
    step = result(page("http://im-lang.invalid", timeout=0.4), lookup=names)
    assert step.reason is Reason.DNS_FAILURE
    assert step.phases.dns == step.seconds
    assert 0.4 <= step.seconds < 0.7


def test_dead_names_delay_nobody(good: Server, names: Names) -> None:
    dead = [page(f"http://chet-{n}.invalid", f"chet_{n}", timeout=2) for n in range(60)]
    alive = [page(f"http://cong.invalid:{good.port}", f"song_{n}") for n in range(10)]
    with watching(*dead, *alive, lookup=names) as watch:
        watch.submit(*map(watch.slot, dead), *(watch.slot(c, after=0.2) for c in alive))
        first = watch.wait(10)
    assert {o.check for o in first} == {c.check for c in alive}
    assert {o.verdict for o in first} == {UP}
    assert max(o.seconds for o in first) < 0.5


def test_look_up_and_reply_have_one_deadline_together(names: Names) -> None:
    names.seconds = 0.4
    with serving() as silent:
        outcome = asked_once(page(f"http://cong.invalid:{silent.port}", timeout=0.8), lookup=names)
    assert outcome.reason is Reason.READ_TIMEOUT
    assert 0.7 < outcome.seconds < 1.1


def test_an_answer_after_the_deadline_is_nobodys(good: Server, names: Names) -> None:
    names.seconds = 0.5
    of = page(f"http://cong.invalid:{good.port}", timeout=0.3)
    with watching(of, lookup=names) as watch:
        assert watch.ask(of).reason is Reason.DNS_FAILURE
        names.seconds = 0.0
        time.sleep(0.3)  # until the late answer is there
        assert watch.ask(of).verdict is UP
    assert len(good.asked) == 1
    assert len(watch.outcomes) == 2


def test_a_look_up_that_fails_by_a_bug_does_not_block_its_name(good: Server) -> None:
    answers: list[Any] = [None, ["127.0.0.1"]]

    def lookup(_host: str) -> Sequence[str]:
        return tuple(answers.pop(0))

    of = page(f"http://cong.invalid:{good.port}")
    with watching(of, lookup=lookup) as watch:
        assert watch.ask(of).reason is Reason.DNS_FAILURE
        assert watch.ask(of).verdict is UP


def test_the_next_address_is_tried_when_the_first_refuses(good: Server) -> None:
    outcome = asked_once(page(f"http://cong.invalid:{good.port}"), lookup=lambda _host: ["127.0.0.2", "127.0.0.1"])
    assert outcome.verdict is UP


def test_a_name_that_moves_is_followed(good: Server) -> None:
    addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
    of = page(f"http://cong.invalid:{good.port}")
    with watching(of, lookup=lambda _host: [addresses.pop(0)]) as watch:
        assert [watch.ask(of).reason for _ in range(3)] == [None, Reason.CONNECT_REFUSED, None]


# --- how long it took ---


def test_phases_tell_waiting_from_transfer() -> None:
    def answer(_asked: Asked) -> Iterator[bytes]:
        time.sleep(0.2)
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
        time.sleep(0.3)
        yield b"cd"

    with serving(answer) as server:
        step = result(page(server.url))
    assert 0.19 < step.phases.wait < 0.3
    assert 0.29 < step.phases.transfer < 0.4
    assert step.seconds == pytest.approx(step.phases.wait + step.phases.transfer + step.phases.connect)


@pytest.mark.parametrize(
    ("objective", "expected"),
    [(0.1, (Verdict.DEGRADED, Reason.SLOW)), (1.0, (UP, None)), (None, (UP, None))],
)
def test_slower_than_the_objective_is_degraded(objective: float | None, expected: tuple[Any, Any]) -> None:
    def answer(_asked: Asked) -> bytes:
        time.sleep(0.2)
        return http()

    with serving(answer) as server:
        outcome = asked_once(page(server.url, objective=objective))
    assert (outcome.verdict, outcome.reason) == expected
    assert (outcome.steps[0].verdict, outcome.steps[0].reason) == expected


def test_the_objective_is_for_the_whole_try_and_names_the_slowest_step() -> None:
    def answer(asked: Asked) -> bytes:
        time.sleep(0.3 if asked.path == "/b" else 0.1)
        return http()

    with serving(answer) as server:
        steps = [Step(name, Request(f"{server.url}/{name}")) for name in "abc"]
        outcome = asked_once(check(asking(*steps), objective=0.4))
    assert (outcome.verdict, outcome.failed_step) == (Verdict.DEGRADED, "b")
    assert [s.verdict for s in outcome.steps] == [UP, Verdict.DEGRADED, UP]


def test_a_failure_is_a_failure_however_slow() -> None:
    def answer(_asked: Asked) -> bytes:
        time.sleep(0.2)
        return http(status=500)

    with serving(answer) as server:
        assert asked_once(page(server.url, objective=0.1)).reason is Reason.HTTP_5XX


def test_all_steps_have_one_deadline_together() -> None:
    def answer(_asked: Asked) -> bytes:
        time.sleep(0.3)
        return http()

    with serving(answer) as server:
        steps = [Step(name, Request(server.url)) for name in "abcde"]
        outcome = asked_once(check(asking(*steps), timeout=0.8))
    assert [s.verdict for s in outcome.steps] == [UP, UP, DOWN, None, None]
    assert 0.75 < outcome.seconds < 1.1


# --- redirects ---


def redirect(target: str, status: int = 302) -> bytes:
    return http(status=status, location=target)


def hops(count: int) -> Callable[[Asked], bytes]:
    """So many redirects, then the page."""

    def answer(asked: Asked) -> bytes:
        number = int(asked.path.strip("/") or 0)
        return http("<h1>Cổng</h1>") if number == count else redirect(f"/{number + 1}")

    return answer


@pytest.mark.parametrize(
    ("count", "follow", "expected"),
    [
        (0, 0, None),
        (1, 0, Reason.UNEXPECTED_REDIRECT),
        (1, 1, None),
        (3, 3, None),
        (4, 3, Reason.REDIRECT_LOOP),
        (10, 10, None),
    ],
)
def test_redirects_are_followed_as_often_as_is_said(count: int, follow: int, expected: Reason | None) -> None:
    assert reason(hops(count), follow=follow, text_present=["Cổng"]) is expected


def test_time_and_requests_of_a_chain_are_counted() -> None:
    def answer(asked: Asked) -> bytes:
        time.sleep(0.1)
        return hops(3)(asked)

    with serving(answer) as server:
        outcome = asked_once(page(server.url, follow=5))
    assert [asked.path for asked in server.asked] == ["/", "/1", "/2", "/3"]
    assert len(outcome.steps) == 1
    assert outcome.seconds > 0.4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_loop_ends(status: int) -> None:
    with serving(redirect("/", status)) as server:
        assert asked_once(page(server.url, follow=4)).reason is Reason.REDIRECT_LOOP
        assert len(server.asked) == 5


def test_a_chain_that_is_slow_ends_at_the_deadline() -> None:
    def answer(asked: Asked) -> bytes:
        time.sleep(0.2)
        return hops(10)(asked)

    with serving(answer) as server:
        outcome = asked_once(page(server.url, follow=10, timeout=0.7))
    assert outcome.reason in (Reason.READ_TIMEOUT, Reason.CONNECT_TIMEOUT)
    assert 0.65 < outcome.seconds < 1.0


@pytest.mark.parametrize(
    "target",
    [
        "http://may-chu-khac.invalid/",
        "//may-chu-khac.invalid/",
        "http://127.0.0.1.khac.invalid/",
        "http://127.0.0.1@khac.invalid/",
        "ftp://127.0.0.1/",
        "file:///etc/hostname",
        "javascript:alert(1)",
        "http://[khong-phai/",
        "http://127.0.0.1:cong/",
        "http://127.0.0.1:99999/",
    ],
)
def test_a_redirect_that_leads_astray_is_not_followed(target: str, names: Names) -> None:
    with serving(redirect(target)) as server:
        outcome = asked_once(page(server.url, follow=5), lookup=names, keep_exchanges=True)
    assert (outcome.verdict, outcome.reason) == (DOWN, Reason.UNEXPECTED_REDIRECT)
    assert len(server.asked) == 1
    assert names.asked == []


@pytest.mark.parametrize(
    ("target", "arrives"),
    [
        ("/trang-chu?a=1#muc", "/trang-chu?a=1"),
        ("trang-chu", "/trang-chu"),
        ("?b=2", "/?b=2"),
        ("./a/../b", "/b"),
        ("/tìm kiếm", "/t%C3%ACm%20ki%E1%BA%BFm"),
        ("/a%20b", "/a%20b"),
        ("", "/"),
    ],
)
def test_where_a_redirect_leads(target: str, arrives: str) -> None:
    location = target.encode().decode("latin-1")  # as a careless server sends it: UTF-8, unescaped
    found = http("Cổng")
    head = f"HTTP/1.1 302 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
    with serving(in_turn(head, found)) as server:
        outcome = asked_once(page(server.url, follow=1))
    assert (outcome.verdict, [asked.target for asked in server.asked]) == (UP, ["/", arrives])


def test_a_redirect_without_a_location_is_no_redirect() -> None:
    assert reason(http(status=302), follow=5) is Reason.UNEXPECTED_REDIRECT
    assert reason(http(status=304), follow=5) is Reason.UNEXPECTED_REDIRECT


def test_a_redirect_to_https_of_the_same_host_is_followed_and_back_is_not() -> None:
    with serving(http("Cổng"), server_tls("server.pem")) as secure, serving(redirect(f"{secure.url}/a")) as plain:
        of = page(plain.url, follow=2, route=Route(ca_bundle=str(TLS / "authority.pem")))
        assert asked_once(of).verdict is UP
        secure.answer = lambda _asked: redirect(plain.url)
        assert asked_once(of).reason is Reason.UNEXPECTED_REDIRECT


def test_head_stays_head_over_a_redirect() -> None:
    with serving(in_turn(redirect("/a"), http())) as server:
        assert asked_once(page(server.url, method="HEAD", follow=1)).verdict is UP
    assert [asked.method for asked in server.asked] == ["HEAD", "HEAD"]


# --- limits ---


def test_head_has_no_body_however_long_the_page_is_said_to_be() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    with serving(head) as server:
        of = page(server.url, method="HEAD")
        with watching(of, page(server.url, "khac")) as watch:
            assert watch.ask(of).verdict is UP
            server.answer = lambda _asked: http("x" * 10)
            assert watch.ask(page(server.url, "khac")).verdict is UP, "the handle reads bodies again"
    assert [asked.method for asked in server.asked] == ["HEAD", "GET"]


@pytest.mark.parametrize(("size", "expected"), [(BODY_CAP, None), (BODY_CAP + 1, Reason.TOO_LARGE)])
def test_how_long_a_body_may_be(size: int, expected: Reason | None) -> None:
    assert reason(http(b"x" * size)) is expected


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body + end


@pytest.mark.parametrize(("size", "expected"), [(BODY_CAP, None), (BODY_CAP + 1, Reason.TOO_LARGE)])
def test_how_long_a_body_of_unknown_length_may_be(size: int, expected: Reason | None) -> None:
    assert reason(chunked(*(b"x" * 50_000 for _ in range(size // 50_000)), b"x" * (size % 50_000) or b"")) is expected
    until_closed = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * size
    assert reason(until_closed) is expected


def endless(start: bytes, part: bytes) -> Callable[[Asked], Iterator[bytes]]:
    def answer(_asked: Asked) -> Iterator[bytes]:
        yield start
        while True:
            yield part

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536), id="a body without end"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X-Mo-Phong: " + b"0" * 900 + b"\r\n"), id="headers without end"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX: ", b"0" * 65_536), id="one header without end"),
        pytest.param(endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim replies without end"),
        pytest.param(endless(chunked(b"x", end=b"0\r\n"), b"X: 0\r\n"), id="trailers without end"),
    ],
)
def test_what_has_no_end_is_too_large_at_once(answer: Callable[[Asked], Iterator[bytes]]) -> None:
    began = time.monotonic()
    assert reason(answer, timeout=8) is Reason.TOO_LARGE
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(("size", "expected"), [(HEADER_CAP, None), (HEADER_CAP + 1, Reason.TOO_LARGE)])
@pytest.mark.parametrize("line", [1_000, 50_000])
def test_how_long_headers_may_be(size: int, line: int, expected: Reason | None) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
    while len(head) < size - 2:
        head += b"X: " + b"0" * (min(line, size - 2 - len(head)) - 5) + b"\r\n"
        if 0 < size - 2 - len(head) < 10:  # too short for a line of its own
            head = head[:-2] + b"0" * (size - 2 - len(head)) + b"\r\n"
    head += b"\r\n"
    assert len(head) == size
    assert reason(head) is expected


# --- replies that are not as they should be ---


def head(*lines: str, first: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((first, *lines, "", "")).encode()


HTML = "Content-Type: text/html"

# (what comes, its bytes, the reason); the check wants text/html
ODD_REPLIES: list[tuple[str, bytes, Reason | None]] = [
    ("lines that end with a newline alone", head(HTML, "Content-Length: 2").replace(b"\r", b"") + b"ok", None),
    ("HTTP/1.0", head(HTML, first="HTTP/1.0 200 OK") + b"ok", None),
    ("an interim reply first", head("Content-Type: a/b", first="HTTP/1.1 103 x") + head(HTML) + b"ok", None),
    ("204 without a body", head(HTML, first="HTTP/1.1 204 No Content"), None),
    ("a repeated header", head("Content-Type: a/b", HTML, "Content-Length: 0"), None),
    ("a trailer", chunked(b"ok", end=b"0\r\nX: 1\r\n\r\n").replace(b"\r\n", f"\r\n{HTML}\r\n".encode(), 1), None),
    ("nothing", b"", Reason.EMPTY_REPLY),
    ("no HTTP", b"SSH-2.0-OpenSSH_9.2\r\n", Reason.NOT_HTTP),
    ("another protocol's reply", head(HTML, first="RTSP/1.0 200 OK"), Reason.NOT_HTTP),
    ("a version of the future", head(HTML, first="HTTP/9.1 200 OK"), Reason.NOT_HTTP),
    ("a status that is none", head(HTML, first="HTTP/1.1 tot"), Reason.NOT_HTTP),
    ("a header without a colon", head(HTML, "khong co dau hai cham"), Reason.NOT_HTTP),
    ("a body cut short", head(HTML, "Content-Length: 10") + b"abc", Reason.TRUNCATED),
    ("chunks cut short", head(HTML, "Transfer-Encoding: chunked") + b"3\r\nabc\r\n", Reason.TRUNCATED),
    ("headers cut short", head(HTML, "Content-Length: 0")[:-2], Reason.TRUNCATED),
    ("headers cut within a line", head(HTML, "Content-Length: 0")[:-9], Reason.TRUNCATED),
    ("a status line and nothing else", b"HTTP/1.1 200 OK\r\n", Reason.TRUNCATED),
    ("an interim reply and nothing else", head(first="HTTP/1.1 103 x"), Reason.EMPTY_REPLY),
    ("a length that is none", head(HTML, "Content-Length: nhieu") + b"abc", Reason.NOT_HTTP),
    ("two lengths", head(HTML, "Content-Length: 1", "Content-Length: 2") + b"ab", Reason.NOT_HTTP),
    ("chunks that are none", head(HTML, "Transfer-Encoding: chunked") + b"xyz\r\n", Reason.NOT_HTTP),
    ("an encoding of transfer that is none", head(HTML, "Transfer-Encoding: x") + b"abc", Reason.BAD_ENCODING),
]


@pytest.mark.parametrize(("answer", "expected"), [row[1:] for row in ODD_REPLIES], ids=[r[0] for r in ODD_REPLIES])
def test_odd_replies(answer: bytes, expected: Reason | None) -> None:
    assert reason(answer, header={"Content-Type": "^text/html$"}) is expected


def test_no_byte_and_some_bytes_are_told_apart() -> None:
    def drip(text: bytes) -> Callable[[Asked], Iterator[bytes]]:
        def answer(_asked: Asked) -> Iterator[bytes]:
            for byte in text:
                yield bytes([byte])
                time.sleep(0.1)

        return answer

    assert reason(None, timeout=0.5) is Reason.READ_TIMEOUT
    assert reason(drip(b"HTTP/1.1 200 OK\r\n"), timeout=0.5) is Reason.DEADLINE_EXCEEDED, "no line is complete yet"
    assert reason(drip(b"\n" * 20), timeout=0.5) in (Reason.DEADLINE_EXCEEDED, Reason.NOT_HTTP)


def test_an_address_that_refused_before_does_not_count_as_a_byte() -> None:
    with serving() as silent:
        of = page(f"http://cong.invalid:{silent.port}", timeout=0.5)
        assert asked_once(of, lookup=lambda _host: ["127.0.0.2", "127.0.0.1"]).reason is Reason.READ_TIMEOUT


# --- encodings ---


def test_no_encoding_is_asked_for_and_one_that_comes_all_the_same_is_bad() -> None:
    with serving(http(gzip.compress(b"ok"), content_encoding="gzip")) as server:
        assert asked_once(page(server.url)).reason is Reason.BAD_ENCODING
        assert server.asked[0].headers["accept-encoding"] == "identity"
    assert reason(http(b"ok", content_encoding="identity")) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (gzip.compress("Cổng".encode()), None),
        (b"khong phai gzip", Reason.BAD_ENCODING),
        (gzip.compress(b"\0" * (BODY_CAP + 1)), Reason.TOO_LARGE),
    ],
    ids=["gzip", "none", "a bomb"],
)
def test_where_an_encoding_is_what_is_tested_it_is_undone(body: bytes, expected: Reason | None) -> None:
    with serving(http(body, content_encoding="gzip")) as server:
        step = Step("request", Request(server.url), (expect.text_present("Cổng"),), encoding="gzip")
        outcome = asked_once(check(asking(step)))
        assert server.asked[0].headers["accept-encoding"] == "gzip"
    assert outcome.reason is expected


def test_nothing_of_one_step_stays_for_the_next() -> None:
    """Handles are used again: neither the headers nor the encoding of the request before may go with the next one."""
    with serving(http()) as server:
        secret = Request(server.url, headers=(("X-Api-Key", "khoa"),))
        steps = [
            Step("a", secret),
            Step("b", Request(server.url), encoding="gzip"),  # has no header of its own
            Step("c", Request(server.url)),
        ]
        assert asked_once(check(asking(*steps))).verdict is UP
    assert [asked.headers.get("x-api-key") for asked in server.asked] == ["khoa", None, None]
    assert [asked.headers["accept-encoding"] for asked in server.asked] == ["identity", "gzip", "identity"]


def test_what_was_unpacked_in_one_step_is_not_in_the_next() -> None:
    bomb = http(gzip.compress(b"\0" * (BODY_CAP + 1)), content_encoding="gzip")
    with serving(in_turn(http(), bomb)) as server:
        steps = [Step("a", Request(server.url), encoding="gzip"), Step("b", Request(server.url))]
        assert asked_once(check(asking(*steps))).reason is Reason.BAD_ENCODING, "too_large, had it been unpacked"


# --- what is sent ---


def test_what_is_sent(good: Server) -> None:
    asked_once(page(good.url, path="/tra cứu?mã=1"))
    (asked,) = good.asked
    assert (asked.method, asked.target, asked.body) == ("GET", "/tra%20c%E1%BB%A9u?m%C3%A3=1", b"")
    assert dict(asked.headers) == {
        "host": f"127.0.0.1:{good.port}",
        "user-agent": "motcua",
        "accept": "*/*",
        "accept-encoding": "identity",
    }


def test_each_run_makes_a_connection_of_its_own_and_leaves_none_open() -> None:
    """Also where the server would keep it: each run proves that one can connect."""
    left: list[bool] = []

    def serve(listener: socket.socket) -> None:
        for _ in range(3):
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(5)
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")
                left.append(connection.recv(65_536) == b"")  # neither a second request nor silence

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        of = page(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with watching(of) as watch:
            assert [watch.ask(of).verdict for _ in range(3)] == [UP] * 3
            thread.join(5)
            assert left == [True] * 3
            assert all(o.steps[0].phases.connect > 0 for o in watch.wait(3))


def test_cookies_are_not_kept() -> None:
    with serving(http(set_cookie="phien=1; path=/")) as server:
        of = page(server.url)
        with watching(of) as watch:
            assert [watch.ask(of).verdict for _ in range(2)] == [UP] * 2
    assert all("cookie" not in asked.headers for asked in server.asked)


def test_headers_of_one_system_do_not_go_to_another(good: Server) -> None:
    with serving(http()) as other:
        system = HttpSystem.model_validate({"base_url": good.url, "headers": {"X-Api-Key": "khoa"}})
        secret, plain = check(Http(system, HttpCheck()), "co_khoa"), page(other.url, "khong_khoa")
        with watching(secret, plain) as watch:
            assert [watch.ask(of).verdict for of in (secret, plain, secret, plain)] == [UP] * 4
    assert [asked.headers.get("x-api-key") for asked in good.asked] == ["khoa", "khoa"]
    assert ["x-api-key" in asked.headers for asked in other.asked] == [False, False]


# --- ways out ---


def test_the_proxy_of_the_environment_is_ignored(good: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody() as nowhere:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, nowhere)
        assert asked_once(page(good.url)).verdict is UP


def test_a_route_goes_by_its_proxy_whatever_the_environment_excepts(
    good: Server, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    of = page("http://ben-ngoai.invalid", route=Route(proxy=f"http://cong.invalid:{good.port}"))
    assert asked_once(of, lookup=names).verdict is UP
    assert [asked.target for asked in good.asked] == ["http://ben-ngoai.invalid/"]
    assert names.asked == ["cong.invalid"], "the proxy looks up the other name"


@pytest.mark.parametrize("proxy", ["http://khong_co.invalid:3128", "http://im-lang.invalid:3128"])
def test_a_proxy_whose_name_has_no_address_is_our_own_fault(proxy: str, names: Names) -> None:
    outcome = asked_once(page("http://ben-ngoai.invalid", route=Route(proxy=proxy), timeout=0.5), lookup=names)
    assert (outcome.verdict, outcome.reason) == (INCONCLUSIVE, Reason.PROBE_ERROR)


def test_a_proxy_that_refuses_is_our_own_fault() -> None:
    with nobody() as nowhere:
        for url in ("http://ben-ngoai.invalid", "https://ben-ngoai.invalid"):
            assert asked_once(page(url, route=Route(proxy=nowhere))).reason is Reason.PROBE_ERROR


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [(407, Reason.PROBE_ERROR), (502, Reason.HTTP_5XX), (504, Reason.HTTP_5XX)],
)
def test_a_proxy_that_does_not_know_us_is_our_own_fault_and_one_that_reaches_nobody_is_not(
    scheme: str, status: int, expected: Reason
) -> None:
    with serving(http(status=status)) as proxy:
        assert asked_once(page(f"{scheme}://ben-ngoai.invalid", route=Route(proxy=proxy.url))).reason is expected
    assert [asked.method for asked in proxy.asked] == [{"http": "GET", "https": "CONNECT"}[scheme]]


def test_a_socks_proxy_looks_up_the_name() -> None:
    """As one of http does; here it would have no address."""

    def answer(_asked: Asked) -> Iterator[bytes]:
        yield b"\x05\x00"  # no authentication
        yield bytes.fromhex("05 00 00 01 00000000 0000") + http()  # connected
        time.sleep(0.5)  # closed sooner, what it has not read would make it a reset

    with serving(answer, raw=True) as proxy:
        of = page("http://ben-ngoai.invalid", route=Route(proxy=proxy.url.replace("http:", "socks5:")))
        assert asked_once(of).verdict is UP


def test_a_source_address_that_is_not_ours_is_our_own_fault(good: Server) -> None:
    assert asked_once(page(good.url, route=Route(source_address="192.0.2.1"))).reason is Reason.PROBE_ERROR
    assert asked_once(page(good.url, route=Route(source_address="127.0.0.3"))).verdict is UP


def test_a_bundle_that_is_missing_is_our_own_fault() -> None:
    with serving(http(), server_tls("server.pem")) as server:
        of = page(server.url, route=Route(ca_bundle="/khong/co/tep.pem"))
        assert asked_once(of).reason is Reason.PROBE_ERROR


# --- connections ---


def test_a_connection_that_is_reset() -> None:
    def rst(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: rst(listener.accept()[0]))
        thread.start()
        outcome = asked_once(page(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert outcome.reason is Reason.CONNECTION_RESET


def test_a_connection_that_is_refused() -> None:
    with nobody() as nowhere:
        step = result(page(nowhere))
    assert (step.reason, step.status) == (Reason.CONNECT_REFUSED, 0)
    assert step.phases.connect == step.seconds


# --- TLS ---


def server_tls(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / name)
    return context


TRUSTED = Route(ca_bundle=str(TLS / "authority.pem"))


@pytest.mark.parametrize(
    ("certificate", "host", "route", "expected"),
    [
        ("server.pem", "cong.invalid", TRUSTED, None),
        ("server.pem", "127.0.0.1", TRUSTED, None),
        ("server.pem", "khac.invalid", TRUSTED, Reason.TLS_HOSTNAME),
        ("server.pem", "cong.invalid", Route(), Reason.TLS_UNTRUSTED),
        ("expired.pem", "cong.invalid", TRUSTED, Reason.TLS_EXPIRED),
    ],
)
def test_certificates(certificate: str, host: str, route: Route, expected: Reason | None) -> None:
    with serving(http(), server_tls(certificate)) as server:
        of = page(f"https://{host}:{server.port}", route=route)
        outcome = asked_once(of, lookup=lambda _host: ["127.0.0.1"])
    assert outcome.reason is expected
    assert outcome.verdict is (DOWN if expected else UP)


def test_the_handshake_is_a_phase() -> None:
    with serving(http(), server_tls("server.pem")) as server:
        of = page(server.url, route=TRUSTED)
        with watching(of) as watch:
            phases = [watch.ask(of).steps[0].phases for _ in range(2)]
    assert all(p.tls > 0 and p.connect > 0 and p.wait > 0 for p in phases)


ALERT_PROTOCOL_VERSION = bytes.fromhex("15 0301 0002 02 46")
ALERT_HANDSHAKE_FAILURE = bytes.fromhex("15 0303 0002 02 28")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ALERT_PROTOCOL_VERSION, Reason.TLS_PROTOCOL),
        (ALERT_HANDSHAKE_FAILURE, Reason.TLS_HANDSHAKE),
        (http("no TLS here"), Reason.TLS_HANDSHAKE),
        (b"", Reason.TLS_HANDSHAKE),
        (None, Reason.TLS_HANDSHAKE),
    ],
    ids=["protocol version", "handshake failure", "plain http", "closed", "silent"],
)
def test_handshakes_that_fail(answer: bytes | None, expected: Reason) -> None:
    with serving(answer, raw=True) as server:
        url = server.url.replace("http:", "https:")
        outcome = asked_once(page(url, route=TRUSTED, timeout=0.8))
    assert outcome.reason is expected
    assert outcome.seconds <= 1.3


def test_http_to_a_port_that_speaks_tls() -> None:
    with serving(http(), server_tls("server.pem")) as server:
        outcome = asked_once(page(server.url.replace("https:", "http:")))
    assert outcome.verdict is DOWN
    assert outcome.reason in (Reason.NOT_HTTP, Reason.CONNECTION_RESET, Reason.EMPTY_REPLY)


def test_over_tls_too_silence_and_drips_are_told_apart() -> None:
    """Tickets that the server sends after the handshake are no byte of the reply."""

    def drip(_asked: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"
        time.sleep(1)

    with serving(None, server_tls("server.pem")) as server:
        of = page(server.url, route=TRUSTED, timeout=0.5)
        assert asked_once(of).reason is Reason.READ_TIMEOUT
        server.answer = drip
        assert asked_once(of).reason is Reason.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", Reason.EMPTY_REPLY),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Reason.TRUNCATED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", None),
        (b"HTTP/1.1 200 OK\r\n\r\nabc", Reason.TRUNCATED),  # it might have been longer: nothing said its end
    ],
    ids=["nothing", "cut short", "whole", "of unknown length"],
)
def test_a_tls_connection_that_is_closed_without_a_word(answer: bytes, expected: Reason | None) -> None:
    with serving(answer, server_tls("server.pem")) as server:
        assert asked_once(page(server.url, route=TRUSTED)).reason is expected

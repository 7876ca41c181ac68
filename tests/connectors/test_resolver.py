"""Look-ups beside the loop: one per name at a time, and a name that hangs holds up nobody."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from connectors.resolver import Resolver, getaddrinfo, literal
from tests.connectors.harness import eventually

Answers = list[Sequence[str]]


class Lookups:
    """A look-up that answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = threading.Event()

    def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host.startswith("chet"):
            self.go.wait(10)
            return ()
        return [f"192.0.2.{len(host)}"]


@pytest.fixture
def lookups() -> Iterator[Lookups]:
    it = Lookups()
    yield it
    it.go.set()


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("resolver-")}


def test_whoever_asks_meanwhile_gets_the_same_answer(lookups: Lookups) -> None:
    resolver, answers = Resolver(lookup=lookups), Answers()
    for _ in range(50):
        resolver.resolve("chet.invalid", answers.append)
    assert eventually(lambda: lookups.asked) == ["chet.invalid"]
    lookups.go.set()
    eventually(lambda: len(answers) == 50)
    assert answers == [()] * 50
    resolver.resolve("chet.invalid", answers.append)
    eventually(lambda: len(answers) == 51)
    assert lookups.asked == ["chet.invalid"] * 2
    resolver.close()


def test_a_name_that_hangs_holds_up_no_other(lookups: Lookups) -> None:
    resolver, dead, alive = Resolver(threads=20, lookup=lookups), Answers(), Answers()
    for n in range(19):
        resolver.resolve(f"chet-{n}.invalid", dead.append)
    eventually(lambda: len(lookups.asked) == 19)
    began = time.monotonic()
    for n in range(30):
        resolver.resolve(f"song-{n}.invalid", alive.append)
    eventually(lambda: len(alive) == 30)
    assert time.monotonic() - began < 1
    assert dead == []
    resolver.close()


def test_threads_come_as_they_are_needed_up_to_the_most_and_go(lookups: Lookups) -> None:
    before = threads()
    resolver, answers = Resolver(threads=5, lookup=lookups), Answers()
    for n in range(20):
        resolver.resolve(f"chet-{n}.invalid", answers.append)
    eventually(lambda: len(lookups.asked) == 5)
    born = threads() - before
    assert len(born) == 5
    lookups.go.set()
    eventually(lambda: len(answers) == 20)
    assert threads() - before == born
    resolver.close()
    eventually(lambda: not threads() & born)


def test_a_look_up_that_raises_is_no_address_and_ends_no_thread() -> None:
    hosts = iter(["hỏng", "tốt"])

    def lookup(_host: str) -> Sequence[str]:
        if next(hosts) == "hỏng":
            raise ZeroDivisionError
        return ["192.0.2.1"]

    resolver, answers = Resolver(threads=1, lookup=lookup), Answers()
    for _ in range(2):
        count = len(answers)
        resolver.resolve("cong.invalid", answers.append)
        eventually(lambda count=count: len(answers) > count)  # type: ignore[misc]
    assert answers == [(), ["192.0.2.1"]]
    resolver.close()


def test_libc_is_told_not_to_insist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RES_OPTIONS", raising=False)
    Resolver()
    assert os.environ["RES_OPTIONS"] == "timeout:1 attempts:1"
    monkeypatch.setenv("RES_OPTIONS", "timeout:3")
    Resolver()
    assert os.environ["RES_OPTIONS"] == "timeout:3", "unless somebody said otherwise"


def test_addresses_of_this_machine() -> None:
    assert "127.0.0.1" in getaddrinfo("localhost")
    assert getaddrinfo("127.0.0.1") == ("127.0.0.1",)


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label too long")])
def test_a_name_that_is_none_has_no_address(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    assert getaddrinfo("cong.invalid") == ()


def test_a_label_too_long_is_no_name() -> None:
    assert getaddrinfo("x" * 64 + ".invalid") == ()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("2001:db8::1", True),
        ("cong.invalid", False),
        ("127.0.0.1.invalid", False),
        ("", False),
    ],
)
def test_literal(host: str, expected: bool) -> None:
    assert literal(host) is expected

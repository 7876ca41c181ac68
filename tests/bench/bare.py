"""The least that a check can cost: a bare CurlMulti loop on epoll, paced like the monitor, that looks at nothing.

python -m tests.bench.bare URL RATE SECONDS [AUTHORITY]     prints one JSON object
"""

from __future__ import annotations

import json
import select
import sys
import time
from typing import Any

import pycurl


def run(url: str, rate: int, seconds: float, authority: str | None = None) -> dict[str, Any]:
    multi, poll = pycurl.CurlMulti(), select.epoll()
    timer = [0.0]

    def on_socket(what: int, fd: int, _multi: Any, _data: Any) -> None:
        events = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        try:
            if what == pycurl.POLL_REMOVE:
                poll.unregister(fd)
            else:
                poll.register(fd, events)
        except FileExistsError:
            poll.modify(fd, events)
        except OSError:
            pass  # closed, which removes it too

    def on_timer(ms: int) -> None:
        timer[0] = float("inf") if ms < 0 else time.monotonic() + ms / 1000

    multi.setopt(pycurl.M_SOCKETFUNCTION, on_socket)
    multi.setopt(pycurl.M_TIMERFUNCTION, on_timer)
    idle: list[pycurl.Curl] = []
    began, cpu, started, done, bad = time.monotonic(), time.process_time(), 0, 0, 0
    while done < rate * seconds:
        now = time.monotonic()
        while started < min(rate * seconds, (now - began) * rate):
            easy = idle.pop() if idle else _handle(url, authority)
            multi.add_handle(easy)
            started += 1
        wait = min(timer[0], began + (started + 1) / rate) - time.monotonic()
        for fd, events in poll.poll(max(0.0, wait), 512):
            mask = (pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0) | (
                pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0
            )
            multi.socket_action(fd, mask)
        if timer[0] <= time.monotonic():
            timer[0] = float("inf")
            multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        _, good, failed = multi.info_read(512)
        for easy in [*good, *(failure[0] for failure in failed)]:
            multi.remove_handle(easy)
            idle.append(easy)
            done += 1
        bad += len(failed)
    return {
        "checks_per_s": round(done / (time.monotonic() - began), 1),
        "cpu_ms_per_check": round((time.process_time() - cpu) / done * 1000, 4),
        "failed": bad,
    }


def _handle(url: str, authority: str | None) -> pycurl.Curl:
    easy = pycurl.Curl()
    for option, value in (
        (pycurl.URL, url),
        (pycurl.NOSIGNAL, 1),
        (pycurl.FRESH_CONNECT, 1),
        (pycurl.FORBID_REUSE, 1),
        (pycurl.TIMEOUT_MS, 2000),
        (pycurl.WRITEFUNCTION, lambda _: None),
    ):
        easy.setopt(option, value)
    if authority:
        easy.setopt(pycurl.CAINFO, authority)
        easy.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
    return easy


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:5])))

"""Receivers of messages on real sockets: a webhook that checks signatures, and an SMTP server.

Both can be told to answer badly, and be stopped and started again on the same port.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socketserver
import threading
import time
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

SECRET = "khoa-gia-de-thu-0000"  # invented, for tests alone


class Got(NamedTuple):
    """One request: when it came, its headers, its body, and whether its signature is right."""

    at: float
    path: str
    headers: dict[str, str]
    body: bytes
    signed: bool

    @property
    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


class Webhook:
    """Keeps what it is sent. `status` is what it answers, `delay` how many seconds it takes."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.status, self.delay, self.port = 200, 0.0, 0
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def do_GET(self) -> None:
                self._answer(b"")

            def _answer(self, body: bytes) -> None:
                stamp = self.headers.get("Motcua-Timestamp", "")
                expected = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
                signed = hmac.compare_digest(f"sha256={expected}", self.headers.get("Motcua-Signature", ""))
                time.sleep(receiver.delay)
                receiver.got.append(Got(time.time(), self.path, dict(self.headers), body, signed))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        server, self._server = self._server, None
        if server:
            server.shutdown()
            server.server_close()


class Drip:
    """Sends the head of an answer, a byte at a time, and never ends it. `asked`: how many connections it has taken."""

    def __init__(self) -> None:
        self.asked = 0
        self._stop = threading.Event()
        receiver = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                receiver.asked += 1
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
                while not receiver._stop.wait(0.1):
                    self.request.sendall(b".")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()


class Mail:
    """An SMTP server that takes every message."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 thu.example")
                while line := self.rfile.readline():
                    word = line.split(b" ")[0].strip().upper()
                    if word == b"DATA":
                        self._say("354 go on")
                        receiver.got.append(self._mail())
                    if word == b"QUIT":
                        self._say("221 bye")
                        return
                    self._say("250 ok")

            def _mail(self) -> EmailMessage:
                lines: list[bytes] = []
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
                found = message_from_bytes(b"".join(lines), policy=policy.default)
                assert isinstance(found, EmailMessage)
                return found

            def _say(self, text: str) -> None:
                self.wfile.write(text.encode() + b"\r\n")

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """For Apprise."""
        return f"mailto://127.0.0.1:{self.port}?from=motcua@tinh.example&to=truc@tinh.example&mode=insecure"

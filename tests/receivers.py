"""Receivers of messages on real sockets: a webhook that checks signatures, and an SMTP server.

Both can be told to answer badly, and be stopped and started again on the same port.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socketserver
import ssl
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


class SecureMail:
    """An SMTP server with TLS from the start (`smtps`) or asked for (`smtp+starttls`), and one account.

    `refused` maps addresses to the code that they get, `account` is name and password; without STARTTLS it offers no
    login. `began`: how many mails were begun; `got`: those that it took, with their receivers.
    """

    NAME = "motcua"

    def __init__(self, scheme: str, certificate: str, refused: dict[str, int] | None = None) -> None:
        self.scheme, self.refused, self.began = scheme, refused or {}, 0
        self.got: list[tuple[list[str], EmailMessage]] = []
        self.offers_tls, self.data_code, self.quit_code = True, 250, 221
        self.port = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def url(self, password: str = SECRET, host: str = "localhost") -> str:
        return f"{self.scheme}://{self.NAME}:{password}@{host}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        tls = self._tls if self.scheme == "smtps" else None
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, limit=2**26)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):  # the client has gone, as one does that trusts no certificate
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure, known, to = self.scheme == "smtps", False, list[str]()

        async def say(*lines: str) -> None:
            writer.write("".join(f"{line}\r\n" for line in lines).encode())
            await writer.drain()

        await say("220 thu.example")
        while line := (await reader.readline()).decode().strip():
            word = line.split(" ")[0].upper()
            if word == "EHLO":
                offered = ["250-thu.example", *(["250-AUTH PLAIN LOGIN"] if secure else [])]
                offered += ["250-STARTTLS"] if self.offers_tls and not secure else []
                await say(*offered, "250 SIZE 100000000")
            elif word == "STARTTLS":
                await say("220 go on")
                await writer.start_tls(self._tls)
                secure = True
            elif word == "AUTH":
                told = base64.b64decode(line.split(" ")[2]).split(b"\0")
                known = told[1:] == [self.NAME.encode(), SECRET.encode()]
                await say("235 ok" if known else f"535 {self.NAME} is refused")
            elif word == "MAIL":
                to = []
                await say("250 ok" if known else "530 who is it")
            elif word == "RCPT":
                address = line.partition("<")[2].partition(">")[0]
                code = self.refused.get(address, 250)
                to += [address] if code == 250 else []
                await say(f"{code} {address}")
            elif word == "DATA":
                self.began += 1
                await say("354 go on")
                content = await reader.readuntil(b"\r\n.\r\n")
                if self.data_code == 250:
                    found = message_from_bytes(content.removesuffix(b".\r\n"), policy=policy.default)
                    assert isinstance(found, EmailMessage)
                    self.got.append((to, found))
                await say(f"{self.data_code} so")
            elif word == "QUIT":
                await say(f"{self.quit_code} bye")
                return
            else:
                await say("250 ok")

"""DNS as the sandbox speaks it: the names of its TLS listeners, each a route whose answers can fail.

dns.bus      bus.mo-phong.test
dns.tls      tls.mo-phong.test

Asked over UDP for A, it gives the address at which the upstreams listen, not to be kept (TTL 0); of other types these
names have no records; there are no other names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

BUS_HOST = "bus.mo-phong.test"
TLS_HOST = "tls.mo-phong.test"

ROUTES = {"dns.bus": BUS_HOST, "dns.tls": TLS_HOST}
"""The name behind each route."""


class Question:
    """One question, and the answers that it can get: all that a fault of a name needs."""

    def __init__(self, query: dns.message.QueryMessage, address: str) -> None:
        self._query = query
        self._address = address  # IPv4, what every name stands for

    @property
    def route(self) -> str | None:
        """The route of the name that is asked for; None: there is no such name."""
        asked = self._query.question[0].name
        return next((route for route, name in ROUTES.items() if dns.name.from_text(name) == asked), None)

    def answer(self) -> dns.message.Message:
        """What the healthy server says of a name that there is."""
        reply, asked = self._reply(), self._query.question[0]
        if (asked.rdtype, asked.rdclass) == (dns.rdatatype.A, dns.rdataclass.IN):
            reply.answer.append(dns.rrset.from_text(asked.name, 0, asked.rdclass, asked.rdtype, self._address))
        return reply

    def refusal(self, code: dns.rcode.Rcode) -> dns.message.Message:
        """An answer with this code and no records."""
        reply = self._reply()
        reply.set_rcode(code)
        return reply

    def _reply(self) -> dns.message.Message:
        reply = dns.message.make_response(self._query)
        reply.flags |= dns.flags.AA
        return reply


Answer = Callable[[Question], Awaitable[dns.message.Message | None]]
"""Answers a question; None: with silence."""


class NameServer(asyncio.DatagramProtocol):
    """A DNS server on one UDP port, which answers as it is told."""

    def __init__(self, address: str, answer: Answer) -> None:
        self._address = address
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None
        self._asked: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, sender: tuple[str | Any, int]) -> None:
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        # An answer in place of a question is left alone: two servers would talk to each other for ever.
        if isinstance(query, dns.message.QueryMessage) and len(query.question) == 1 and not query.flags & dns.flags.QR:
            task = asyncio.get_running_loop().create_task(self._reply(query, sender))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    async def _reply(self, query: dns.message.QueryMessage, sender: tuple[str | Any, int]) -> None:
        reply = await self._answer(Question(query, self._address))
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply.to_wire(), sender)

    def close(self) -> None:
        """Stop listening and forget whoever waits."""
        for task in self._asked:
            task.cancel()
        if self._transport is not None:
            self._transport.close()

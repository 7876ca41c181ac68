"""A port that speaks TLS: the step `handshake` connects, checks the certificate as for a page, and sends nothing.

A certificate that has expired, that nobody trusts or that is for another name fails the step, and so does a protocol
older than the catalogue accepts (`tls_minimum` of the network). The day on which a good certificate ends is measured;
it is advice and never a verdict.

Options of the system: `host` (a name or an address) and `port` (443). A check has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from connectors.http import Strict
from connectors.tcp import Host, Port, endpoint
from monitor.model import Auth, Gauge, Reply, Request, Run, Step


class TlsSystem(Strict):
    host: Host
    port: Port = 443


class TlsCheck(Strict):
    pass


class Tls:
    SystemOptions: ClassVar = TlsSystem
    CheckOptions: ClassVar = TlsCheck

    def __init__(self, system: TlsSystem, check: TlsCheck) -> None:
        self._step = Step("handshake", Request(endpoint("tls", system.host, system.port)), measure=_end)

    def steps(self) -> tuple[str, ...]:
        return (self._step.name,)

    def login(self) -> None:
        return None

    def run(self, auth: Auth | None) -> Run:
        yield self._step


def reach(url: str) -> Step:
    """A step `reach`: the service of an http or https URL can be reached; it is asked nothing.

    Raises ValueError where the URL names no host or a port that is none.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError("the address names no host")
    if parts.scheme == "https":
        return Step("reach", Request(endpoint("tls", parts.hostname, parts.port or 443)), measure=_end)
    return Step("reach", Request(endpoint("tcp", parts.hostname, parts.port or 80)))


def _end(reply: Reply) -> Mapping[Gauge, float]:
    known = reply.certificate
    return {Gauge.CERTIFICATE_NOT_AFTER: known.not_after} if known else {}

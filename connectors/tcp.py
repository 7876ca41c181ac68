"""A port that takes connections: the step `connect` opens one and closes it again, nothing is sent.

Options of the system: `host` (a name or an address) and `port`. A check has none.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from connectors.http import Strict
from monitor.model import Auth, Request, Run, Step


def _host(value: str) -> str:
    if ":" in value:
        try:
            return str(ipaddress.IPv6Address(value))
        except ValueError:
            raise ValueError("no IPv6 address; the port is an option of its own") from None
    if not re.fullmatch(r"[^\s/?#@\[\]]+", value):
        raise ValueError("a host is a name or an address, without scheme, port or path")
    return value


Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65_535)]


class TcpSystem(Strict):
    host: Host
    port: Port


class TcpCheck(Strict):
    pass


class Tcp:
    SystemOptions: ClassVar = TcpSystem
    CheckOptions: ClassVar = TcpCheck

    def __init__(self, system: TcpSystem, check: TcpCheck) -> None:
        self._step = Step("connect", Request(endpoint("tcp", system.host, system.port)))

    def steps(self) -> tuple[str, ...]:
        return (self._step.name,)

    def login(self) -> None:
        return None

    def run(self, auth: Auth | None) -> Run:
        yield self._step


def endpoint(scheme: str, host: str, port: int) -> str:
    """The address of a port: "tcp://10.0.0.1:8080", "tls://[2001:db8::1]:443"."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

"""How to ask one kind of service. A new kind is one module and one line here."""

from __future__ import annotations

from connectors.http import Http
from connectors.igate import IGate
from monitor.model import Connector

CONNECTORS: dict[str, type[Connector]] = {
    "http": Http,
    "igate": IGate,
}

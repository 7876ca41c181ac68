"""How to ask one kind of service. A new kind is one module and one line here."""

from __future__ import annotations

from connectors.http import Http
from connectors.igate import IGate
from connectors.lgsp import Lgsp
from connectors.national_portal import NationalPortal
from connectors.population import Population
from connectors.tcp import Tcp
from connectors.tls import Tls
from monitor.model import Connector

CONNECTORS: dict[str, type[Connector]] = {
    "http": Http,
    "igate": IGate,
    "lgsp": Lgsp,
    "national_portal": NationalPortal,
    "population": Population,
    "tcp": Tcp,
    "tls": Tls,
}

"""The simulated province: every upstream over real sockets, with faults that can be switched on and off.

It is a process of its own and imports nothing of ours. Whatever it shows is marked as DỮ LIỆU MÔ PHỎNG and invented.

    with spawn() as sandbox:
        sandbox.fault("igate.search", "hang_headers", seconds=30)
        watch(sandbox.environment)

`upstreams`, `bus`, `population` and `names` say which routes there are, `faults` what can go wrong with them, `server`
how to ask over HTTP, `dossiers` where the figures come from, `authority` whom to trust.

Of two listeners, bus and tls, the addresses are names, which only the sandbox's own DNS server knows; whoever does not
ask it connects to 127.0.0.1 under those names, or to 127.0.0.1 itself. Their certificates are of the authority in
Addresses.ca, which is made anew at each start.
"""

from __future__ import annotations

from connectors.sandbox.client import (
    DEFAULT_API,
    Sandbox,
    active_faults,
    clear_faults,
    describe,
    fault_log,
    requests_seen,
    set_fault,
    spawn,
)
from connectors.sandbox.dossiers import PERSONAL_MARKERS
from connectors.sandbox.server import serve
from connectors.sandbox.upstreams import DEFAULT_PORT, DEFAULT_SEED, Addresses, SandboxError

__all__ = [
    "DEFAULT_API",
    "DEFAULT_PORT",
    "DEFAULT_SEED",
    "PERSONAL_MARKERS",
    "Addresses",
    "Sandbox",
    "SandboxError",
    "active_faults",
    "clear_faults",
    "describe",
    "fault_log",
    "requests_seen",
    "serve",
    "set_fault",
    "spawn",
]

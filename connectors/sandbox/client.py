"""Starting a sandbox as a child process, and switching the faults of one that runs."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from connectors.sandbox.upstreams import DEFAULT_PORT, DEFAULT_SEED, Addresses, SandboxError

DEFAULT_API = f"http://127.0.0.1:{DEFAULT_PORT}"
START_LIMIT = 30.0
CALL_LIMIT = 10.0


# --- one that runs ----------------------------------------------------------------------------------------------------


def set_fault(
    api: str, route: str, fault: str, seconds: float | None = None, params: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Switch a fault of a route on, for so many seconds (None: until it is cleared); what is active now.

    The effect is there when this returns. Raises SandboxError: unknown names, or no sandbox at that address.
    """
    return _call(api, "POST", "/faults", {"route": route, "fault": fault, "for": seconds, "params": params or {}})


def clear_faults(api: str, route: str | None = None) -> int:
    """Switch the fault of a route off, or every fault; how many there were. Raises SandboxError."""
    return _call(api, "DELETE", "/faults" + (f"?{urlencode({'route': route})}" if route else ""))["cleared"]


def active_faults(api: str) -> list[dict[str, Any]]:
    """What is switched on. Raises SandboxError."""
    return _call(api, "GET", "/faults")


def fault_log(api: str) -> list[dict[str, Any]]:
    """What was switched on ("state": "on") and off, "at" epoch milliseconds, oldest first. Raises SandboxError."""
    return _call(api, "GET", "/log")


def describe(api: str) -> dict[str, Any]:
    """Addresses, environment, routes, faults (name and meaning) and what is active. Raises SandboxError."""
    return _call(api, "GET", "/")


def requests_seen(api: str) -> dict[str, Any]:
    """Counts per route, connections open per listener, and the last requests. Raises SandboxError."""
    return _call(api, "GET", "/requests")


def _call(api: str, method: str, path: str, body: Any = None) -> Any:
    where = urlsplit(api)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=CALL_LIMIT)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        value = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SandboxError(
            f"no sandbox answers at {api} ({error or type(error).__name__}); start one with `motcua sandbox`"
        ) from error
    finally:
        connection.close()
    if response.status != 200:
        raise SandboxError(str(value.get("error", value)) if isinstance(value, dict) else str(value))
    return value


# --- one of our own ---------------------------------------------------------------------------------------------------


class Sandbox:
    """A sandbox that runs as a child of this process; as a context manager it is stopped at the end."""

    def __init__(self, process: subprocess.Popen[bytes], addresses: Addresses) -> None:
        self._process = process
        self.addresses = addresses

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The variables that a catalogue of this province expects."""
        return self.addresses.environment

    def fault(self, route: str, name: str, seconds: float | None = None, **params: Any) -> dict[str, Any]:
        """Switch a fault on, for so many seconds; it acts when this returns. Raises SandboxError."""
        return set_fault(self.addresses.api, route, name, seconds, params)

    def clear(self, route: str | None = None) -> int:
        """Switch the fault of one route, or every fault, off."""
        return clear_faults(self.addresses.api, route)

    def log(self) -> list[dict[str, Any]]:
        return fault_log(self.addresses.api)

    def requests(self) -> dict[str, Any]:
        return requests_seen(self.addresses.api)

    def stop(self) -> None:
        """End it; harmless if it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        for insist in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(3.0)
            except subprocess.TimeoutExpired:
                insist()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def spawn(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    year: int | None = None,
    seed: int = DEFAULT_SEED,
    token_ttl: int = 300,
    ahead: float = 0,
    log: str | os.PathLike[str] | None = None,
) -> Sandbox:
    """Start a sandbox as a child process and wait until it listens; arguments as for serve().

    The child ends when this process does, be it killed, and leaves Ctrl-C to it. Raises SandboxError if it does not
    come up.
    """
    command = [sys.executable, "-m", "connectors.sandbox", "--json", "--until-stdin-closes"]
    command += ["--host", host, "--port", str(port), "--seed", str(seed), "--token-ttl", str(token_ttl)]
    command += [f"--ahead={ahead}"]
    if year is not None:
        command += ["--year", str(year)]
    if log is not None:
        command += ["--log", os.fspath(log)]
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        # Ctrl-C goes to a whole process group: not to the child, which has not set its signals yet when it starts.
        process_group=0,
    )
    try:
        return Sandbox(process, _when_ready(process))
    except BaseException:
        process.kill()
        process.communicate()
        raise


def _when_ready(process: subprocess.Popen[bytes]) -> Addresses:
    """The addresses in the child's first line. Raises SandboxError."""
    assert process.stdout is not None
    line, deadline = b"", time.monotonic() + START_LIMIT
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise SandboxError(f"the sandbox was not ready within {START_LIMIT:.0f} s")
            part = os.read(process.stdout.fileno(), 65_536)
            if not part:
                raise SandboxError(f"the sandbox ended while starting, with exit code {process.wait()}")
            line += part
    first = json.loads(line)
    if "error" in first:
        raise SandboxError(first["error"])
    return Addresses(**first["addresses"])

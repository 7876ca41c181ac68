"""The composition root: from the environment and a catalogue to the parts of a process. It chooses, nothing else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import ClassVar

import structlog

import connectors
from connectors.engine import Engine
from monitor import catalogue as catalogues
from monitor.catalogue import Catalogue
from monitor.model import Auth, Check, Connector, Outcome, Run, Settings
from monitor.status import SystemStatus, alive, overview
from monitor.store import Change, Recorded, Store, StoreError

MEMORY_BROKER = "memory://localhost"  # kombu warns where no host is named
DEFAULT_DATA = Path("data")

log = structlog.get_logger("wiring")


class ConfigurationError(Exception):
    """A setting is missing or bad; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a process finds its broker and its store; URLs may hold passwords, so neither is ever shown."""

    broker_url: str = field(repr=False)
    database_url: str = field(repr=False)
    data: Path | None = None  # the folder of an embedded installation

    @property
    def embedded(self) -> bool:
        return self.data is not None


def configuration(data: Path | None, env: Mapping[str, str] = os.environ) -> Configuration:
    """`--data DIR` (SQLite, no broker) before MOTCUA_DATABASE_URL and MOTCUA_BROKER_URL before ./data."""
    if data is None and "MOTCUA_DATABASE_URL" in env:
        return Configuration(env.get("MOTCUA_BROKER_URL", ""), env["MOTCUA_DATABASE_URL"])
    folder = data or DEFAULT_DATA
    return Configuration(MEMORY_BROKER, f"sqlite:///{folder.absolute() / 'motcua.db'}", folder)


def broker_url(env: Mapping[str, str] = os.environ) -> str:
    """The broker of a process that needs nothing else; raises ConfigurationError."""
    if not env.get("MOTCUA_BROKER_URL"):
        raise ConfigurationError("MOTCUA_BROKER_URL is not set; set it to the broker, such as redis://redis:6379/0")
    return env["MOTCUA_BROKER_URL"]


def load_catalogue(path: Path | None, env: Mapping[str, str] = os.environ) -> Catalogue:
    """The catalogue named on the command line or by MOTCUA_CATALOGUE; raises ConfigurationError, CatalogueError."""
    named = path or (Path(env["MOTCUA_CATALOGUE"]) if env.get("MOTCUA_CATALOGUE") else None)
    if named is None:
        raise ConfigurationError(
            "no catalogue is named; give --catalogue FILE or set MOTCUA_CATALOGUE (`motcua init` writes a first one)"
        )
    return catalogues.load(named, connectors.CONNECTORS, env)


def example_catalogue() -> Path:
    """The province of the sandbox: config/ in a checkout, beside the package in an installation."""
    beside = Path(str(resources.files("monitor"))) / "province.example.yaml"
    return beside if beside.exists() else Path(__file__).parent.parent / "config" / "province.example.yaml"


def open_store(config: Configuration, *, create: bool = True) -> Store:
    """The store, brought up to this version's tables where `create`; raises StoreError."""
    if config.data is not None:
        if not create and not (config.data / "motcua.db").exists():
            raise ConfigurationError(f"{config.data}: there is no store; `motcua up --data {config.data}` makes one")
        try:
            config.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{config.data}: can't make the data folder: {error.strerror}") from None
    store = Store.open(config.database_url)
    if create:
        store.upgrade()
    return store


def location_of(catalogue: Catalogue, wanted: str | None) -> str:
    """The location that this process asks from: the only one, or the one that is named."""
    if wanted is None:
        if len(catalogue.locations) == 1:
            return next(iter(catalogue.locations))
        raise ConfigurationError(f"several locations: choose one with --location ({', '.join(catalogue.locations)})")
    if wanted not in catalogue.locations:
        raise ConfigurationError(f"location {wanted} is not in the catalogue ({', '.join(catalogue.locations)})")
    return wanted


def make_engine(
    catalogue: Catalogue, location: str, publish: Callable[[Sequence[Outcome], Mapping[str, int]], None]
) -> Engine:
    """The engine of this process. Its counts get the location's name, for every worker reports into one store."""

    def publish_from_here(outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        publish(outcomes, {f"{name}@{location}": count for name, count in statistics.items()})

    return Engine(location, catalogue.checks(location), catalogue.controls(location), publish_from_here)


def due_checks(catalogue: Catalogue, now: float) -> dict[str, dict[tuple[str, str], Settings]]:
    """The settings of every check and control that lives now, by location: what the scheduler hands out."""
    due = {}
    for location in catalogue.locations:
        checks = catalogue.checks(location)
        due[location] = {key: check.settings for key, check in checks.items() if alive(catalogue, key[0], now)}
        due[location] |= {(c.system, c.check): c.settings for c in catalogue.controls(location)}
    return due


def read_overview(catalogue: Catalogue, store: Store, now: float) -> list[SystemStatus]:
    """Where every system stands now."""
    return overview(catalogue, store.boundaries(int(now) - 86_400, int(now) + 1), store.lines(), now)


class LoginOnly:
    """A connector cut down to its login, for `motcua validate --live`."""

    SystemOptions: ClassVar = None
    CheckOptions: ClassVar = None

    def __init__(self, system: Connector, _check: None = None) -> None:
        self.login = system.login

    def steps(self) -> tuple[str, ...]:
        return ()

    def run(self, _auth: Auth | None) -> Run:
        yield from ()


def login_only(check: Check) -> Check | None:
    """The check without its run; None for a system that asks for no login."""
    return replace(check, connector=LoginOnly(check.connector)) if check.connector.login() else None


class Recorder:
    """The one writer: records what arrives and says what changed.

    While the store is away it holds its message back, so that the others wait in the broker.
    """

    def __init__(self, store: Store, catalogue: Catalogue, changed: Callable[[Change], None] | None = None) -> None:
        self._store, self._catalogue, self._changed = store, catalogue, changed
        self._lock = threading.Lock()
        self.stopping = threading.Event()

    def record(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        with self._lock:
            recorded = self._insist(outcomes, statistics)
        for change in recorded.changes:
            log.info("state.changed", **change._asdict())
            if self._changed:
                self._changed(change)

    def _insist(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> Recorded:
        wait = 0.5
        while True:
            try:
                return self._store.record(outcomes, self._catalogue.settings, statistics)
            except StoreError as error:
                if error.permanent or self.stopping.is_set():
                    raise
                log.warning("recorder.store_away", error=str(error), waiting=len(outcomes))
            self.stopping.wait(wait)
            wait = min(wait * 2, 10.0)


def free_port(host: str, port: int) -> int:
    """The port itself if it is free, with 0 any; raises ConfigurationError when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"port {port} on {host}: {error.strerror}; choose another with --port") from None
        return int(probe.getsockname()[1])

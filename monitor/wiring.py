"""The composition root: from the environment and a catalogue to the parts of a process. It chooses, nothing else."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import structlog

import connectors
from connectors.engine import Engine
from monitor import catalogue as catalogues
from monitor.alerts import SKEW
from monitor.catalogue import Catalogue
from monitor.channels import ChannelError, make_channels
from monitor.deliverer import Deliverer
from monitor.incident_rules import IncidentRules
from monitor.incidents import ChangeKind
from monitor.model import Auth, Batch, Check, Connector, Gauge, Outcome, Run, Settings, State
from monitor.schedule import solicited
from monitor.status import SystemStatus, alive, overview
from monitor.store import Change, Recorded, Store, StoreError

MEMORY_BROKER = "memory://localhost"  # kombu warns where no host is named
BROKERS = ("redis", "rediss")
DEFAULT_DATA = Path("data")
SOLICIT_PAUSE = SKEW / 1000  # seconds between two askings of one parent out of turn: its answer is new for so long
STANDBY_WAIT = 2.0  # seconds between two looks whether the store is back
SEAL_LOOK = 60.0  # seconds between two looks whether a day is over
SEAL_PAUSE = 0.02  # seconds of rest after some hundred outcomes: seals have time, checks have none
SEAL_TELL = 10.0  # seconds between two words about a seal that takes long

log = structlog.get_logger("wiring")


class ConfigurationError(Exception):
    """A setting is missing or bad; the message says which and what to do."""

    permanent = True  # as in StoreError: waiting does not help


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where a process finds its broker and its store; URLs may hold passwords, so neither is ever shown."""

    broker_url: str = field(repr=False)
    database_url: str = field(repr=False)
    data: Path | None = None  # the folder of an embedded installation

    @property
    def embedded(self) -> bool:
        return self.data is not None


class Unrecorded(Exception):
    """The process ends while the store is away: the message must go back to the broker."""


def configuration(data: Path | None, env: Mapping[str, str] = os.environ) -> Configuration:
    """`--data DIR` (SQLite, no broker) before MOTCUA_DATABASE_URL and MOTCUA_BROKER_URL before ./data."""
    if data is None and env.get("MOTCUA_DATABASE_URL"):
        return Configuration(env.get("MOTCUA_BROKER_URL", ""), env["MOTCUA_DATABASE_URL"])
    folder = data or DEFAULT_DATA
    return Configuration(MEMORY_BROKER, f"sqlite:///{folder.absolute() / 'motcua.db'}", folder)


def server_configuration(env: Mapping[str, str] = os.environ) -> Configuration:
    """The same of a process that shares its store with others: it never falls back to a folder of its own."""
    if not env.get("MOTCUA_DATABASE_URL"):
        raise ConfigurationError(
            "MOTCUA_DATABASE_URL is not set; set it to the store of all processes, such as postgresql://host/motcua"
        )
    return configuration(None, env)


def broker_url(env: Mapping[str, str] = os.environ) -> str:
    """The broker of a process that needs nothing else; raises ConfigurationError."""
    url = env.get("MOTCUA_BROKER_URL", "")
    hint = "set it to the broker, such as redis://redis:6379/0"
    if not url:
        raise ConfigurationError(f"MOTCUA_BROKER_URL is not set; {hint}")
    with suppress(ValueError):  # a port that is no number, a bracket that is not closed
        parts = urlsplit(url)
        if parts.scheme in BROKERS and parts.hostname and parts.port != 0:
            return url
    raise ConfigurationError(f"MOTCUA_BROKER_URL is no address of a Redis; {hint}")  # it may hold a password


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
    """The store, brought up to this version's tables where `create`; raises ConfigurationError, StoreError."""
    if config.data is not None:
        if not create and not (config.data / "motcua.db").exists():
            raise ConfigurationError(f"{config.data}: there is no store; `motcua up --data {config.data}` makes one")
        make_folder(config.data)
    with ExitStack() as stack:
        store = Store.open(config.database_url)
        stack.callback(store.close)
        if create:
            store.upgrade()
        else:
            store.check()
        stack.pop_all()
    return store


def make_folder(folder: Path) -> None:
    """Raises ConfigurationError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{folder}: can't make the data folder: {error.strerror}") from None


@contextmanager
def the_one_recorder(store: Store) -> Iterator[None]:
    """Be the one recorder while inside; until then a hot standby, which outlives outages of the database."""
    lock = ExitStack()
    while True:
        try:
            lock.enter_context(store.recorder_lock(wait=None))
            break
        except StoreError as error:
            if error.permanent:
                raise
            log.warning("recorder.store_away", error=str(error))
        time.sleep(STANDBY_WAIT)
    try:
        yield
    finally:
        with suppress(StoreError):  # it has gone with its connection, in an outage
            lock.close()


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

    checks, controls = catalogue.checks(location), catalogue.controls(location)
    return Engine(location, checks, controls, publish_from_here, dns=catalogue.locations[location].dns)


class DueChecks:
    """The settings of every check and control that lives now, by location: what the scheduler hands out.

    Made anew once a minute: lives begin and end at midnight.
    """

    def __init__(self, catalogue: Catalogue, locations: Sequence[str] | None = None) -> None:
        self._catalogue = catalogue
        self._locations = catalogue.locations if locations is None else locations
        self._minute = -1
        self._due: dict[str, dict[tuple[str, str], Settings]] = {}

    def __call__(self, now: float) -> Mapping[str, Mapping[tuple[str, str], Settings]]:
        if int(now) // 60 != self._minute:
            self._minute = int(now) // 60
            self._due = {location: self._at(location, now) for location in self._locations}
        return self._due

    def _at(self, location: str, now: float) -> dict[tuple[str, str], Settings]:
        living = {system for system in self._catalogue.systems if alive(self._catalogue, system, now)}
        checks = self._catalogue.checks(location).items()
        due = {key: check.settings for key, check in checks if key[0] in living}
        return due | {(c.system, c.check): c.settings for c in self._catalogue.controls(location)}


def read_overview(catalogue: Catalogue, store: Store, now: float) -> list[SystemStatus]:
    """Where every system stands now."""
    certificates: dict[str, float] = {}
    for (system, _, _), gauges in store.gauges().items():
        if Gauge.CERTIFICATE_NOT_AFTER in gauges:
            end = gauges[Gauge.CERTIFICATE_NOT_AFTER].value
            certificates[system] = min(end, certificates.get(system, end))
    boundaries = store.boundaries(int(now) - 86_400, int(now) + 1)
    catalogue = store.terms.dated(catalogue, now)
    return overview(catalogue, boundaries, store.lines(), now, certificates)


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


class Solicitor:
    """Asks the parents of what fails, so that nobody is told of a child whose bus is down.

    Their critical checks are asked at once, out of turn: when a try of a child has failed, so that a bus that hangs is
    confirmed before its children are, or soon after; and when the child is confirmed, for the bus may have failed
    since. Each parent once in `SOLICIT_PAUSE` seconds, however many of its children fail. What the broker does not take
    is left out: the message waits for a parent no longer than it may.
    """

    def __init__(self, catalogue: Catalogue, store: Store, send: Callable[[Batch], None]) -> None:
        self._catalogue, self._store, self._send = catalogue, store, send
        self._rules = IncidentRules(catalogue)
        self._asked: dict[str, float] = {}

    def __call__(self, systems: Iterable[str]) -> None:
        """These have a try that failed, or are down. After that is committed; raises nothing."""
        failing = {system for system in systems if system in self._rules}
        parents = {parent for system in failing for parent in self._rules.needed([system]) if parent != system}
        now = time.time()
        wanted = sorted(p for p in parents if now - self._asked.get(p, 0.0) >= SOLICIT_PAUSE)
        if not wanted:
            return
        self._asked.update(dict.fromkeys(wanted, now))
        try:
            states = self._store.states(now)
            for location, checks in self._checks(wanted).items():
                known = partial(_state_of, states, location)
                for batch in solicited(location, checks, int(now * 1000), self._catalogue.hash, known):
                    self._send(batch)
        except Exception as error:  # noqa: BLE001 - the recorder goes on, whatever ails the broker
            log.warning("solicit.failed", error=type(error).__name__)

    def _checks(self, systems: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = {}
        for system in systems:
            for check, spec in self._catalogue.systems[system].checks.items():
                for location in self._catalogue.locations_of(system, check) if spec.critical else ():
                    found.setdefault(location, []).append((system, check))
        return found


def _state_of(states: Mapping[tuple[str, str, str], State], location: str, system: str, check: str) -> State:
    return states.get((system, check, location), State.NO_DATA)


def check_channels(catalogue: Catalogue) -> None:
    """Raises ConfigurationError for a channel of alerts that cannot be made."""
    try:
        make_channels(catalogue)
    except ChannelError as error:
        raise ConfigurationError(str(error)) from None


def make_deliverer(store: Store, catalogue: Catalogue) -> Deliverer:
    """The deliverer of this process; raises ConfigurationError."""
    with suppress(StoreError):  # it may be away now: then today's terms judge the messages
        catalogue = store.terms.dated(catalogue, time.time())
    try:
        return Deliverer(store, catalogue)
    except ChannelError as error:
        raise ConfigurationError(str(error)) from None


class Recorder:
    """The one writer: records what arrives and says what changed.

    What its catalogue says of checks is in force from now on: slots that were due before are judged by what was in
    force then. While the store is away it holds its message back, so that the others wait in the broker.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        changed: Callable[[Change], None] | None = None,
        incidents: Callable[[], None] | None = None,
        solicit: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        """All three are called after the commit; what they raise is not caught.

        `changed` with each change of a state, `incidents` where some have changed, `solicit` with the systems that
        begin to fail, in doubt or confirmed.
        """
        self._store, self._settings, self._changed = store, cache(catalogue.settings), changed
        self._incidents, self._solicit = incidents, solicit
        self._catalogue, self._rules = catalogue, IncidentRules(catalogue)
        self._undated: Mapping[tuple[str, str], Settings] | None = all_settings(catalogue)
        self._since = time.time()
        self._lock = threading.Lock()
        self.stopping = threading.Event()

    def record(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> None:
        with self._lock:
            recorded = self._insist(outcomes, statistics)
        if recorded.incidents and self._incidents:
            self._incidents()
        opened = {c.incident.system for c in recorded.incidents if c.kind in (ChangeKind.OPENED, ChangeKind.REINSTATED)}
        if self._solicit and (failing := opened | recorded.doubted):
            self._solicit(failing)
        for change in recorded.changes:
            log.info("state.changed", **change._asdict())
            if self._changed:
                self._changed(change)
        for what in recorded.incidents:
            about = what.incident
            log.info("incident.changed", what=what.kind, id=about.id, system=about.system, start=about.start)

    def _insist(self, outcomes: Sequence[Outcome], statistics: Mapping[str, int]) -> Recorded:
        wait = 0.5
        while True:
            try:
                self._date_settings()
                received_at = time.time()
                return self._store.record(
                    outcomes, self._settings, statistics, rules=self._rules, received_at=received_at
                )
            except StoreError as error:
                if self.stopping.is_set():
                    raise Unrecorded from error
                log.warning("recorder.store_away", error=str(error), waiting=len(outcomes))
            self.stopping.wait(wait)
            wait = min(wait * 2, 10.0)

    def _date_settings(self) -> None:
        """Once, with the first message: the store may be away before."""
        if self._undated is not None:
            for system, check in self._store.date_settings(self._undated, self._since):
                log.info("settings.changed", system=system, check=check)
            for subject, id_ in self._store.terms.record(self._catalogue, int(self._since)):
                log.info("terms.changed", subject=subject, id=id_)
            self._rules = IncidentRules(self._store.terms.dated(self._catalogue, self._since))
            self._undated = None


class Sealer:
    """Seals every day that is over (docs/evidence.md), beside the recorder and out of its way."""

    def __init__(self, store: Store) -> None:
        self._evidence = store.evidence
        self._failing = ""  # said once, when it begins

    def run(self, stop: threading.Event) -> None:
        """Look at once and then once a minute, until `stop` is set."""
        self.look(stop)
        while not stop.wait(SEAL_LOOK):
            self.look(stop)

    def look(self, stop: threading.Event) -> None:
        """Seal the days that are over; whatever ails one, the next look tries again."""
        try:
            for day in self._evidence.unsealed():
                self._seal(day, stop)
            self._failing = ""
        except _Stopped:
            log.info("seal.stopped")
        except Exception as error:  # noqa: BLE001 - the checks go on
            said = str(error) if isinstance(error, StoreError) else type(error).__name__
            if said != self._failing:
                log.warning("seal.failing", error=said)
            self._failing = said

    def _seal(self, day: date, stop: threading.Event) -> None:
        began = told = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal told
            if stop.wait(SEAL_PAUSE):
                raise _Stopped
            if time.monotonic() - told >= SEAL_TELL:
                told = time.monotonic()
                log.info("seal.progress", day=str(day), done=done, total=total)

        if stop.is_set():
            raise _Stopped
        seal = self._evidence.seal(day, progress)
        counts = {"outcomes": seal.outcomes, "evidence": seal.evidence}
        log.info("seal.made", day=str(day), digest=seal.digest, **counts, seconds=round(time.monotonic() - began, 1))


class _Stopped(Exception):
    """A seal is given up: the process ends."""


@contextmanager
def sealing(store: Store) -> Iterator[None]:
    """Seal the days that are over while inside, in a thread of its own. For the one recorder."""
    stop = threading.Event()
    thread = threading.Thread(target=Sealer(store).run, args=(stop,), name="sealer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def all_settings(catalogue: Catalogue) -> dict[tuple[str, str], Settings]:
    """What judges the outcomes of every check and control of a catalogue."""
    checks = (c for location in catalogue.locations for c in catalogue.checks(location).values())
    controls = (c for location in catalogue.locations for c in catalogue.controls(location))
    return {(c.system, c.check): c.settings for c in (*checks, *controls)}


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens already, with 0 on any port: who asks early waits. Raises ConfigurationError."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise ConfigurationError(f"port {port} on {host}: {error.strerror}; choose another with --port") from None
    return listening


def address_of(listening: socket.socket) -> str:
    """Where the pages of a listening socket are, for people."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

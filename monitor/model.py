"""The values that flow through motcua; imports nothing of ours.

One value flows one way: a `Slot` is handed out by the schedule, the engine turns it into one `Outcome` per try,
the judge turns outcomes into state lines. All are frozen: nobody edits a value on its way.
The meaning of every figure made from them is fixed in docs/figures.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, ClassVar, Protocol, TypeAlias

CONTROL_SYSTEM = "_control"
"""The system id under which a location's own control probes are recorded."""


class Verdict(StrEnum):
    """What one try of one check said."""

    UP = "up"
    DEGRADED = "degraded"  # the right answer, slower than the objective
    DOWN = "down"
    INCONCLUSIVE = "inconclusive"  # our own side failed: says nothing about the system


class State(StrEnum):
    """What a line (of a check at a location, of a check, of a system) is worth in one second."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    NO_DATA = "no_data"


class Reason(StrEnum):
    """Why a try was not plainly good: a closed set."""

    DNS_FAILURE = "dns_failure"
    CONNECT_REFUSED = "connect_refused"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_EXPIRED = "tls_expired"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_HOSTNAME = "tls_hostname"
    TLS_PROTOCOL = "tls_protocol"
    TLS_HANDSHAKE = "tls_handshake"
    CONNECTION_RESET = "connection_reset"
    EMPTY_REPLY = "empty_reply"
    NOT_HTTP = "not_http"
    READ_TIMEOUT = "read_timeout"  # no byte came
    DEADLINE_EXCEEDED = "deadline_exceeded"  # bytes came, too slowly
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    REDIRECT_LOOP = "redirect_loop"
    UNEXPECTED_REDIRECT = "unexpected_redirect"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    AUTH_FAILED = "auth_failed"
    BUSINESS_ERROR = "business_error"  # HTTP 200 with an error code
    CONTRACT_VIOLATION = "contract_violation"  # HTML or nothing where JSON was due, a missing field, a wrong type
    CONTENT_MISMATCH = "content_mismatch"
    NO_FLOW = "no_flow"
    SLOW = "slow"  # the reason of a degraded verdict
    BLIND = "blind"
    PROBE_ERROR = "probe_error"  # a bug or a setting of ours
    RATE_LIMITED = "rate_limited"  # we ask too often


class Gauge(StrEnum):
    """A number that a good reply may carry besides its verdict: a closed set. The newest is kept, none is judged."""

    CERTIFICATE_NOT_AFTER = "certificate_not_after"  # seconds since the epoch, UTC
    PROCEDURES = "procedures"  # administrative procedures that are published
    FIELDS_PRESENT = "fields_present"  # fields of a record that were filled, whatever they held


INCONCLUSIVE_REASONS = frozenset({Reason.BLIND, Reason.PROBE_ERROR, Reason.RATE_LIMITED})


def verdict_of(reason: Reason | None) -> Verdict:
    """The verdict that a reason implies; None means that nothing was wrong."""
    if reason is None:
        return Verdict.UP
    if reason is Reason.SLOW:
        return Verdict.DEGRADED
    return Verdict.INCONCLUSIVE if reason in INCONCLUSIVE_REASONS else Verdict.DOWN


# --- what a connector says -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `url` is absolute. Headers may hold secrets, so a Request is never logged or stored.

    `tcp://host:port` asks for a connection alone, `tls://host:port` for a handshake too; both are answered by a Reply
    with status 0 and no body. All else is HTTP.
    """

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Phases:
    """Seconds spent in each phase of one request; they add up to its total. A phase that was not reached is 0."""

    dns: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    wait: float = 0.0  # from the request sent to the first byte of the reply
    transfer: float = 0.0

    @property
    def total(self) -> float:
        return self.dns + self.connect + self.tls + self.wait + self.transfer


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server proved itself with: the first of its chain. `not_after` in seconds since the epoch, UTC."""

    not_after: float
    chain: int = 1  # certificates sent


@dataclass(frozen=True)
class Reply:
    """A complete reply. `headers` has lower-case names, the last of repeated ones."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = ""
    certificate: Certificate | None = None  # of a tls:// request

    @cached_property
    def json(self) -> Any:
        """The body as JSON, parsed once; raises ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a reply. `detail` names codes, fields and sizes, never a value that came from the system."""

    reason: Reason
    detail: str = ""


Rule: TypeAlias = Callable[[Reply], Finding | None]
"""One expectation of a reply: None when it is met."""

Measure: TypeAlias = Callable[[Reply], Mapping[Gauge, float]]
"""What is counted in a reply whose rules are met; numbers alone, never a value that names a person."""


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a run and what is expected of its reply: the first broken rule names the reason."""

    name: str
    request: Request
    rules: tuple[Rule, ...] = ()
    relogin_on: Callable[[Reply], bool] | None = None  # such a reply means: log in once more, then send this step again
    follow: int = 0  # redirects to follow on the same host; one more than that is a finding
    public: bool = False  # the body holds no personal data and may be kept as evidence
    encoding: str = "identity"  # Accept-Encoding; anything else only where encoding itself is tested
    measure: Measure | None = None


@dataclass(frozen=True, slots=True)
class Auth:
    """What a login obtained; `token` is secret. `expires_in` in seconds, None where the system does not say."""

    token: str = field(repr=False)
    expires_in: float | None = None


Login: TypeAlias = Generator[Step, Reply, Auth]
Run: TypeAlias = Generator[Step, Reply, None]


class Connector(Protocol):
    """How to ask one kind of service: sans-I/O, made of one system's and one check's options.

    A connector opens no socket, knows no clock and catches nothing. It receives a reply only when the step's rules
    are met, so it may rely on them.
    """

    SystemOptions: ClassVar[Any]  # pydantic models that refuse unknown keys: what `options` of a system
    CheckOptions: ClassVar[Any]  # ... and of a check may hold

    def __init__(self, system: Any, check: Any) -> None: ...

    def steps(self) -> tuple[str, ...]:
        """Names of the steps of `run`, in order."""
        ...

    def login(self) -> Login | None:
        """The dialogue that obtains a token, None when the system asks for none."""
        ...

    def run(self, auth: Auth | None) -> Run: ...


# --- what is to be done ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Route:
    """How requests leave this machine; paths are absolute, None means the default."""

    proxy: str | None = field(default=None, repr=False)
    ca_bundle: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    source_address: str | None = None
    tls_minimum: str | None = None  # the oldest protocol that is accepted: "1.0" ... "1.3"; None: 1.2


@dataclass(frozen=True, slots=True)
class Settings:
    """What judges a check's outcomes: seconds and counts, from the catalogue."""

    interval: float
    timeout: float  # total deadline of one try
    confirm_down: int = 3
    confirm_up: int = 2
    spacing: float = 2.0  # between the tries of a recheck, start to start

    @property
    def hold(self) -> float:
        """How long a verdict holds when nothing follows, in seconds (figures, section 2)."""
        return 2 * self.interval + self.timeout


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one system as the engine runs it."""

    system: str
    check: str
    connector: Connector
    settings: Settings
    route: Route = Route()
    latency_objective: float | None = None  # seconds for the whole try; slower is degraded


@dataclass(frozen=True, slots=True)
class Slot:
    """One instant at which one check is due; `state` is the check's state as known when it was handed out.

    `asked`: out of turn, at once. Its tries count as number 0, then as rechecks: they are in no error rate.
    """

    system: str
    check: str
    due_at: int  # ms since the epoch, UTC
    state: State = State.NO_DATA
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """The slots of one location that fall due within one second, handed out ahead of it."""

    location: str
    sent_at: int  # ms since the epoch, by the scheduler's clock
    catalogue: str  # hash of the catalogue that the scheduler holds
    slots: tuple[Slot, ...]


# --- what was seen ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Exchange:
    """What may be shown of a request and its reply: no secret, no personal data, no body unless the step is public."""

    request: str  # "GET https://host/path?size=1&code=***"
    status: int = 0  # 0: no reply
    headers: tuple[tuple[str, str], ...] = ()  # allow-listed
    length: int = 0  # bytes of body received
    address: str = ""
    certificate: str = ""
    error: str = ""  # the transport's own words
    detail: str = ""  # of the finding
    body: str = ""  # at most 2 KB, public steps only


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step of a try. `verdict` None: skipped because an earlier step failed; it counts nowhere."""

    name: str
    verdict: Verdict | None
    reason: Reason | None = None
    phases: Phases = Phases()
    status: int = 0  # HTTP status, 0 where there was no reply
    exchange: Exchange | None = None  # of a failed step, as evidence; `motcua probe` has it of every step
    gauges: tuple[tuple[Gauge, float], ...] = ()

    @property
    def seconds(self) -> float:
        return self.phases.total


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try of one check from one location: the record that every figure is a function of.

    Its identity is (system, check, location, due_at, try_); instants are ms since the epoch, UTC.
    """

    system: str
    check: str
    location: str
    due_at: int
    try_: int  # 1 is the scheduled try, 2 and more are rechecks, 0 was asked out of turn
    started_at: int
    seconds: float
    verdict: Verdict
    reason: Reason | None = None
    steps: tuple[StepResult, ...] = ()
    origin: str = "measured"  # or "imported"

    @property
    def failed_step(self) -> str | None:
        """The step that decided the verdict, None when all was well."""
        return next((s.name for s in self.steps if s.verdict not in (None, Verdict.UP)), None)

"""The catalogue: one YAML file that says what is watched, whose it is and what was promised.

`load` makes a `Catalogue` of it or raises `CatalogueError` with every problem at once, each with its line and column.

In values, `${NAME}` and `${NAME:-default}` stand for variables of the environment, `$${` for a plain `${`, and
`file:PATH` for the stripped content of a file (a relative path starts at the catalogue's folder). What came from
there is secret: no message shows it. A value whose references come out empty counts as not written.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias, Union, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    SecretBytes,
    SecretStr,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema
from pydantic_core import ErrorDetails, PydanticCustomError

from monitor.model import CONTROL_SYSTEM, Check, Connector, Route, Settings

CONTROL_TIMEOUT = 3.0
"""Seconds that a control target has for any answer."""

CONTROL_MIN_INTERVAL = 30.0
"""Controls belong to others: nobody asks them by schedule more often than this many seconds."""

COLLECTION_MIN_INTERVAL = 60.0
"""Collecting dossiers costs iGate more than a check does: no more often than this many seconds."""

STATE_CALENDAR = "state"
"""The calendar of a contract that names none."""

Where: TypeAlias = tuple[str | int, ...]
"""The way from the top of the file to one value: ("systems", "igate", "depends_on", 0)."""


# --- what is wrong ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `line` and `column` count from 1, `hint` may be empty. Holds no secret."""

    file: str
    line: int
    column: int
    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.file}:{self.line}:{self.column}: {self.path}: {self.what}{hint}"


class CatalogueError(Exception):
    """The file is no catalogue: `problems` are all reasons, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def _wrong(what: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises to choose its own words."""
    return PydanticCustomError("catalogue", "{what}", {"what": what, "hint": hint})


# --- kinds of values --------------------------------------------------------------------------------------------------

_ID = "^[a-z][a-z0-9_]{0,39}$"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?) ?(%?)")
_DNS_SERVER = re.compile(r"(?:\[([0-9a-fA-F:]+)\]|([0-9.]+)):\d{1,5}|([0-9a-fA-F:.]+)")
_MINUTE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_APPRISE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+$")
_SHIFT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")


def _duration(value: object) -> float:
    match = None if isinstance(value, bool) else _DURATION.fullmatch(str(value))
    seconds = round(float(match[1]) * _UNITS[match[2]], 3) if match else 0.0
    if not match or seconds <= 0:
        raise _wrong("is no duration", "write 500ms, 20s, 5m, 2h or a number of seconds, above zero")
    return seconds


def _interval(seconds: float) -> float:
    if seconds < 1:
        raise _wrong("is below 1 s", "a system is asked once a second at most")
    return seconds


def _control_interval(seconds: float) -> float:
    if seconds < CONTROL_MIN_INTERVAL:
        raise _wrong(f"is below {CONTROL_MIN_INTERVAL:g} s", "controls are asked besides whenever a check fails")
    return seconds


def _collection_interval(seconds: float) -> float:
    if seconds < COLLECTION_MIN_INTERVAL:
        raise _wrong(f"is below {COLLECTION_MIN_INTERVAL:g} s", "15m is often enough, 1h spares iGate")
    return seconds


def _a_minute(seconds: float) -> float:
    if seconds < 60:
        raise _wrong("is below 1 m", "who is reminded more often looks away")
    return seconds


def _minute(value: object) -> int:
    match = _MINUTE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise _wrong("is no time of day", 'write "07:00"')
    return int(match[1]) * 60 + int(match[2])


def _link(value: str) -> str:
    if re.search(r"[{}]", value.replace("{incident}", "")):
        raise _wrong("holds braces that mean nothing", "only {incident} stands for something: the number")
    return _web_url(value)


def _share(value: object) -> Fraction:
    match = None if isinstance(value, bool) else _SHARE.fullmatch(str(value))
    if not match:
        raise _wrong("is no share", 'write "99.5%" or 0.995')
    share = Fraction(match[1]) / (100 if match[2] else 1)
    if not 0 < share <= 1:
        raise _wrong("is out of range: above 0 %, at most 100 %", 'write "99.5%" or 0.995')
    return share


def _date(value: object) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    except ValueError:
        raise _wrong("is no day of the calendar") from None
    raise _wrong("is no date", "write YYYY-MM-DD, such as 2026-09-02")


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (OSError, ValueError, ZoneInfoNotFoundError):  # OSError: the name of a folder of zones, such as Asia
        hint = _closest(value, sorted(available_timezones())) or "such as Asia/Ho_Chi_Minh"
        raise _wrong("is an unknown timezone", hint) from None


def _is_url(value: str, schemes: Sequence[str]) -> bool:
    if re.search(r"\s", value) or not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        return False
    try:
        parts = urlsplit(value)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no port, a bracket without its pair
        return False


def _web_url(value: str) -> str:
    if not _is_url(value, ("http", "https")):
        raise _wrong("is no URL", "write http://host/path or https://host/path")
    return value


def _proxy(value: SecretStr) -> SecretStr:
    url = value.get_secret_value()
    if url != "direct" and not _is_url(url, ("http", "https", "socks5")):
        raise _wrong(
            "is no proxy URL", "write http://host:port, https://host:port, socks5://host:port, or direct for none"
        )
    return value


def _file(value: str) -> str:
    path = Path(value)
    if not path.is_absolute():
        raise _wrong("is a relative path", "write the path from / on: every process must find the same file")
    if not path.is_file():
        raise _wrong(f"there is no file {value}", "it must be readable on every machine that loads this catalogue")
    return value


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise _wrong("is no IP address", "write an address of this machine, such as 192.0.2.10") from None


def _dns_server(value: str) -> str:
    match = _DNS_SERVER.fullmatch(value)
    try:
        ipaddress.ip_address(match[1] or match[2] or match[3] if match else "")
    except ValueError:
        hint = 'write an address such as "10.0.0.53", with a port "10.0.0.53:5353" or "[2001:db8::53]:5353"'
        raise _wrong("is no DNS server", hint) from None
    return value


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise _wrong("is an empty list", "name at least one")
    return values


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({v for v in values if values.count(v) > 1})
    if twice:
        raise _wrong(f"names {', '.join(twice)} more than once")
    return values


@dataclass(frozen=True, slots=True)
class Shift:
    """Part of a day, in minutes from its midnight, half-open; beyond 1440 it reaches into the next day."""

    start: int
    end: int


def _shift(value: object) -> Shift:
    match = _SHIFT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise _wrong("is no shift", 'write "07:00-11:00"; "22:00-06:00" ends on the next day')
    start = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else 1440
    if start == end:
        raise _wrong("is a shift without length", 'a whole day is "00:00-24:00"')
    return Shift(start, end if end > start else end + 1440)


def _apart(shifts: tuple[Shift, ...]) -> tuple[Shift, ...]:
    ordered = sorted(shifts, key=lambda s: s.start)
    if any(after.start < before.end for before, after in pairwise(ordered)):
        raise _wrong("has overlapping shifts", "end each shift before the next one starts")
    return tuple(ordered)


def _text_or_number(pattern: str, **number: float) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string", "pattern": pattern}, {"type": "number", **number}]})


Id: TypeAlias = Annotated[str, StringConstraints(pattern=_ID)]
Text: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Duration: TypeAlias = Annotated[
    float, BeforeValidator(_duration), _text_or_number(f"^{_DURATION.pattern}$", exclusiveMinimum=0)
]
Interval: TypeAlias = Annotated[Duration, AfterValidator(_interval)]
Share: TypeAlias = Annotated[
    Fraction, PlainValidator(_share), _text_or_number(f"^{_SHARE.pattern}$", exclusiveMinimum=0, maximum=1)
]
Day: TypeAlias = Annotated[date, PlainValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
WebUrl: TypeAlias = Annotated[str, AfterValidator(_web_url)]
Proxy: TypeAlias = Annotated[SecretStr, AfterValidator(_proxy)]
ExistingFile: TypeAlias = Annotated[str, AfterValidator(_file)]
Address: TypeAlias = Annotated[str, AfterValidator(_address)]
MinuteOfDay: TypeAlias = Annotated[
    int, PlainValidator(_minute), WithJsonSchema({"type": "string", "pattern": f"^{_MINUTE.pattern}$"})
]
DnsServer: TypeAlias = Annotated[str, AfterValidator(_dns_server)]
TlsVersion: TypeAlias = Annotated[
    Literal["1.0", "1.1", "1.2", "1.3"],
    BeforeValidator(lambda value: str(value) if isinstance(value, float) else value),
]
Count: TypeAlias = Annotated[int, Field(ge=1, le=20)]
References: TypeAlias = Annotated[tuple[str, ...], AfterValidator(_distinct)]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Criticality: TypeAlias = Literal["high", "medium", "low"]
Severity: TypeAlias = Literal["S1", "S2", "S3", "S4"]
Extent: TypeAlias = Literal["whole", "function", "regional", "degraded"]
Shifts: TypeAlias = Annotated[
    tuple[
        Annotated[Shift, PlainValidator(_shift), WithJsonSchema({"type": "string", "pattern": f"^{_SHIFT.pattern}$"})],
        ...,
    ],
    AfterValidator(_apart),
]


# --- the parts of a catalogue -----------------------------------------------------------------------------------------

# pydantic's own min_length speaks up, too, where an item is broken; these say it in the schema alone.
_NOT_EMPTY_LIST: JsonDict = {"minItems": 1}
_NOT_EMPTY_MAPPING: JsonDict = {"minProperties": 1}


class _Part(BaseModel):
    """A part of the file. A field's description is in the JSON Schema, and is the hint where the field is missing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Name(_Part):
    """A name in both languages of the pages."""

    vi: Text = Field(description="the Vietnamese name")
    en: Text = Field(description="the English name")


class _Dated(_Part):
    """Something that counts in [valid_from, valid_to), days of the province's zone; None is open."""

    valid_from: Day | None = Field(None, description="the first day")
    valid_to: Day | None = Field(None, description="the first day on which it is no longer valid")

    @field_validator("valid_to")
    @classmethod
    def _after_start(cls, value: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("valid_from")
        if value and start and value <= start:
            raise _wrong("is not after valid_from", "valid_to is the first day that does not count")
        return value


class Province(_Part):
    id: Id = Field(description="a short id, such as tinh_mau")
    name: Name = Field(description="name: {vi: ..., en: ...}")
    timezone: Zone = Field("Asia/Ho_Chi_Minh", description="the zone of every date and hour in this file")


class Network(_Part):
    """How requests leave this machine."""

    proxy: Proxy | None = Field(
        None, description="http://, https:// or socks5:// URL of the outbound proxy; direct: none"
    )
    ca_bundle: ExistingFile | None = Field(
        None, description="PEM file of the authorities that are trusted instead of the system's"
    )
    source_address: Address | None = Field(None, description="the local IP address that requests come from")
    tls_minimum: TlsVersion | None = Field(None, description='the oldest TLS that is accepted; default "1.2"')


class SystemNetwork(Network):
    """What differs for one system from the top-level `network`, and its client certificate."""

    client_certificate: ExistingFile | None = Field(None, description="PEM file that this system knows us by")
    client_key: ExistingFile | None = Field(
        None, description="PEM file of its private key, where that is a file of its own"
    )

    @field_validator("client_key")
    @classmethod
    def _has_certificate(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("client_certificate", value) is None:
            raise _wrong("is given without client_certificate", "name the certificate that this key belongs to")
        return value


class Contact(_Part):
    phone: Text | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None


class Party(_Part):
    """Who may be responsible: an agency, a vendor, a carrier."""

    name: Name = Field(description="name: {vi: ..., en: ...}")
    contact: Contact = Field(Contact(), description="phone and e-mail of the desk, not of a person")


class Promise(_Part):
    """What a contract promises for incidents of one severity."""

    response: Duration | None = Field(None, description="time until the vendor answers")
    fix: Duration | None = Field(None, description="time until the system works again, from the start of the incident")
    clock: Literal["24x7", "working_hours"] = Field(
        "24x7", description="24x7, or working_hours: only those of the contract's calendar count"
    )
    response_from: Literal["detected", "vendor_notified"] = Field(
        "detected", description="from when the response is counted: detected or vendor_notified"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.response is None and self.fix is None:
            raise _wrong("promises nothing", "write response, fix or both, such as {response: 30m, fix: 4h}")
        return self


class Contract(_Dated):
    party: str = Field(description="the id of the party that promised")
    name: Name = Field(description="name: {vi: ..., en: ...}")
    number: Text | None = Field(None, description="the number of the document")
    objective: Share | None = Field(None, description='the promised availability, such as "99.5%"')
    maintenance_notice_days: Annotated[int, Field(ge=0, le=365)] = Field(
        1, description="whole working days between the notice and the maintenance that it announces"
    )
    calendar: str | None = Field(
        None, description="the calendar of the notice and of the working hours; where there is none: state"
    )
    terms: Mapping[Severity, Promise] = Field({}, description="what is promised for incidents, by severity S1 to S4")
    severities: Mapping[Criticality, Mapping[Extent, Severity]] = Field(
        {}, description="where they differ from the usual ones: by criticality, then by how much of the system fails"
    )


class SpecialDay(_Part):
    """A day that is not what its weekday says."""

    date: Day = Field(description="YYYY-MM-DD")
    kind: Literal["holiday", "compensatory_off", "swapped_off", "swapped_work"] = Field(
        description="holiday, compensatory_off, swapped_off or swapped_work"
    )
    name: Name = Field(description="name: {vi: ..., en: ...}")
    as_weekday: Weekday | None = Field(None, description="the weekday whose hours a swapped_work day takes")

    @model_validator(mode="after")
    def _weekday_for_work(self) -> Self:
        if (self.kind == "swapped_work") != (self.as_weekday is not None):
            raise _wrong(
                "as_weekday goes with swapped_work alone", "a day worked in exchange takes the hours of that weekday"
            )
        return self


class CalendarYear(_Part):
    confirmed: bool = Field(
        description="true once the year's list is official; until then figures that need it are provisional"
    )
    days: tuple[SpecialDay, ...] = Field(description="the days that differ; an empty list if there are none")


class Calendar(_Part):
    """Service hours and special days; a year that is not listed is refused by the figures that need it."""

    years: Mapping[int, CalendarYear] = Field(description="the special days, by year")
    hours: Mapping[Weekday, Shifts] = Field(
        {},
        description="shifts by weekday; a weekday that is not listed is off, a shift belongs to the day it starts on",
    )


class Control(_Part):
    """A target outside every system watched; if all of a location's are silent, the location is blind."""

    id: Id = Field(description="a short id, used at one location only")
    url: WebUrl = Field(description="http:// or https:// URL; any HTTP answer counts as good")


class Location(_Part):
    """A place from which checks run."""

    name: Name = Field(description="name: {vi: ..., en: ...}")
    controls: Annotated[tuple[Control, ...], AfterValidator(_some), Field(json_schema_extra=_NOT_EMPTY_LIST)] = Field(
        description="at least one control, better two that fail for different reasons"
    )
    control_interval: Annotated[Duration, AfterValidator(_control_interval)] = Field(
        CONTROL_MIN_INTERVAL, description="time between two scheduled probes of each control"
    )
    dns: tuple[DnsServer, ...] = Field(
        (), description='DNS servers that are asked instead of this machine\'s own, such as "10.0.0.53"'
    )


class Defaults(_Part):
    """What a check takes where it says nothing."""

    interval: Interval = 60.0
    timeout: Duration = 10.0
    confirm_down: Count = Field(3, description="failed tries in a row that make an outage")
    confirm_up: Count = Field(2, description="good tries in a row that end one")


class CheckSpec(_Part):
    """One check of one system, as written: None is the default of `defaults`, or all locations."""

    interval: Interval | None = Field(None, description="time between two scheduled tries")
    timeout: Duration | None = Field(None, description="total deadline of one try, half of the interval at most")
    critical: bool = Field(True, description="false: it makes the system degraded at most")
    locations: Annotated[References, AfterValidator(_some), Field(json_schema_extra=_NOT_EMPTY_LIST)] | None = Field(
        None, description="ids of the locations that run it; default: all"
    )
    quorum: Annotated[int, Field(ge=1)] | None = Field(
        None, description="how many locations must see it down; default: more than half of those that report"
    )
    latency_objective: Duration | None = Field(None, description="a good answer slower than this is degraded")
    confirm_down: Count | None = None
    confirm_up: Count | None = None
    options: Any = Field(
        default_factory=dict,
        repr=False,
        description="what the connector offers for its checks; once loaded, its CheckOptions",
    )


class System(_Dated):
    """One system that is watched."""

    name: Name = Field(description="name: {vi: ..., en: ...}")
    owner: str = Field(description="the id of the party whose system it is")
    party: str = Field(description="the id of the party that is responsible when it fails")
    contract: str | None = Field(None, description="the id of the contract under which it runs")
    criticality: Criticality = Field("medium", description="high, medium or low")
    objective: Share | None = Field(None, description="the availability to reach; default: the contract's")
    calendar: str | None = Field(
        None, description="the id of the calendar of its service hours, for the office figure; default: state"
    )
    connector: str = Field(description="the kind of service")
    options: Any = Field(
        default_factory=dict,
        repr=False,
        description="what the connector needs to know of the system; once loaded, its SystemOptions",
    )
    network: SystemNetwork = Field(SystemNetwork(), description="where it differs from the top-level network")
    depends_on: References = Field((), description="ids of the systems through which this one is reached")
    successor: str | None = Field(None, description="the id of the system that replaces it")
    checks: Mapping[Id, CheckSpec] = Field(description="at least one check, one of them critical")


class Dossiers(_Part):
    """What is collected of dossiers, how often, and which figures of them are wanted."""

    every: Annotated[Duration, AfterValidator(_collection_interval)] | None = Field(
        None, description="time between two collections, such as 15m; without it nothing is collected by itself"
    )
    source: Literal["search", "statistics"] = Field(
        "search", description="search: dossier by dossier; statistics: iGate's own counts of the month alone"
    )
    since: Day | None = Field(None, description="how far back the first collection goes; default: to the first dossier")
    rate: Annotated[float, Field(ge=0.1, le=20)] = Field(2.0, description="requests a second at most")
    page: Annotated[int, Field(ge=10, le=500)] = Field(500, description="dossiers a request at most")
    units: References = Field((), description="codes of units below the top that have figures of their own on boards")
    databases: References | None = Field(
        None, description="ids of the systems that officers query instead of asking for paper; default: population"
    )


class Channel(_Part):
    """One way to people or to another program. Without an address (`${NAME:-}` of a name that is not set) it is off."""

    kind: Literal["alertmanager", "apprise", "webhook"] = Field(description="alertmanager, apprise or webhook")
    url: SecretStr | None = Field(None, description="where messages go; secret where it holds a password or a token")
    secret: SecretStr | None = Field(None, description="of a webhook: the key that signs what it is sent")
    resend: Duration = Field(60.0, description="of an Alertmanager: time between two tellings of what goes on")

    @field_validator("url")
    @classmethod
    def _fits_its_kind(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url, kind = value.get_secret_value() if value else None, info.data.get("kind")
        if url is None or kind is None:
            return value
        if kind == "apprise":
            if not _APPRISE.match(url):
                raise _wrong("is no Apprise URL", "such as mailto://user:password@mail.example.vn?to=duty@example.vn")
        elif not _is_url(url, ("http", "https")):
            raise _wrong("is no URL", "write http://host/path or https://host/path")
        return value

    @field_validator("secret")
    @classmethod
    def _of_a_webhook(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value and info.data.get("kind", "webhook") != "webhook":
            raise _wrong("is given to a channel that signs nothing", "only a webhook has a secret")
        if value and len(value.get_secret_value()) < 16:
            raise _wrong("is shorter than 16 characters", "openssl rand -hex 32 makes a good one")
        return value


class AlertRoute(_Part):
    """Who is told what. What is not written does not matter: a route of channels alone tells everything at once."""

    channels: Annotated[References, AfterValidator(_some), Field(json_schema_extra=_NOT_EMPTY_LIST)] = Field(
        description="ids of the channels, at least one"
    )
    systems: References | None = Field(None, description="ids of the systems; default: all, and the monitor itself")
    parties: References | None = Field(None, description="ids of the parties that are responsible; default: all")
    severities: tuple[Severity, ...] | None = Field(None, description="S1 to S4; default: all")
    hours: Literal["always", "working", "off"] = Field(
        "always", description="always, working (in working hours alone) or off (outside of them)"
    )
    after: Duration | None = Field(
        None, description="an escalation: only what nobody has acknowledged for so long after it was detected"
    )
    remind: Annotated[Duration, AfterValidator(_a_minute)] | None = Field(
        None, description="time between two reminders of what goes on and nobody has acknowledged; default: none"
    )
    digest: bool = Field(False, description="true: on working days it brings the news of the night")
    certificates: bool = Field(True, description="false: says nothing of certificates that end soon")
    language: Literal["vi", "en"] = Field("vi", description="vi or en")


class Heartbeat(_Part):
    """A dead man's switch elsewhere: it raises the alarm when nobody calls its address any more."""

    url: SecretStr | None = Field(None, description="the address to call, by GET; where it is empty nobody is called")
    every: Annotated[Duration, AfterValidator(_interval)] = Field(60.0, description="time between two calls")

    @field_validator("url")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            _web_url(value.get_secret_value())
        return value


class GrafanaRegions(_Part):
    """A Grafana in which outages and planned maintenance are drawn as regions (annotations), beside its own boards."""

    url: SecretStr | None = Field(None, description="where people open Grafana; where it is empty nothing is drawn")
    token: SecretStr | None = Field(
        None, description="of a service account with the role Editor", validate_default=True
    )

    @field_validator("url")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        if value:
            _web_url(value.get_secret_value())
        return value

    @field_validator("token")
    @classmethod
    def _both(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if bool(value) is not bool(info.data.get("url", value)):
            raise _wrong("and url are given both or not at all", "write token: ${MOTCUA_GRAFANA_TOKEN:-}")
        if value and not re.fullmatch(r"[\x21-\x7e]+", value.get_secret_value()):
            raise _wrong("has spaces or other signs that no token has", "copy it anew from Grafana")
        return value


class Alerts(_Part):
    """Who is told of incidents, and how: docs/alerts.md."""

    channels: Mapping[Id, Channel] = Field({}, description="ways to people, by id")
    routes: Mapping[Id, AlertRoute] = Field({}, description="who is told what, by id")
    calendar: str | None = Field(None, description="the calendar of working hours and days; default: state")
    digest_at: MinuteOfDay = Field(420, description='when the digest of the night goes out; default "07:00"')
    link: Annotated[str, AfterValidator(_link)] | None = Field(
        None, description="address of an incident's page, with {incident} for its number"
    )
    retry_first: Duration = Field(5.0, description="time to the second attempt; each further one takes twice as long")
    retry_most: Duration = Field(300.0, description="the longest time between two attempts")
    give_up: Duration = Field(86_400.0, description="how long a message is tried; then it is kept as failed")
    heartbeat: Heartbeat = Field(Heartbeat(), description="heartbeat: {url: ...}, a dead man's switch elsewhere")
    grafana: GrafanaRegions = Field(
        GrafanaRegions(), description="grafana: {url: ..., token: ...}, where outages are drawn as regions"
    )


class Letterhead(_Dated):
    """What stands around a report, as Decree 30/2020/NĐ-CP, Appendix I, wants it; of several the last valid one."""

    superior: Text | None = Field(None, description="the superior body, above the issuing one")
    issuer: Text = Field(description="the body that issues the report")
    symbol: Text = Field("BC", description='what follows the blank number after a stroke, such as "BC-VP"')
    place: Text = Field(description="the place in the line of the date")
    to: tuple[Text, ...] = Field((), description="Kính gửi: only where the report goes to a higher body")
    recipients: tuple[Text, ...] = Field((), description="Nơi nhận, without dashes; the last one is the archive")
    authority: tuple[Text, ...] = Field(
        (), description="the lines above the signature, such as [TM. ỦY BAN NHÂN DÂN, CHỦ TỊCH] or [CHÁNH VĂN PHÒNG]"
    )
    signatory: Text | None = Field(None, description="the name under the signature; may be left out")


class ReportMail(_Part):
    """Where finished reports go, by e-mail."""

    url: SecretStr | None = Field(
        None, description="smtp://host:25, smtp+starttls://name:password@host:587 or smtps://...; empty: no e-mail"
    )
    sender: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = Field(
        None, description="the address it comes from"
    )
    to: tuple[Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")], ...] = Field(
        (), description="addresses of offices"
    )

    @field_validator("url")
    @classmethod
    def _is_mail(cls, value: SecretStr | None) -> SecretStr | None:
        written = value.get_secret_value() if value else ""
        if not written:
            return None
        if not _is_url(written, ("smtp", "smtps", "smtp+starttls")):
            raise _wrong("is no address of a mail server", "write smtp+starttls://name:password@host:587")
        return value


class ReportSettings(_Part):
    """The report that is signed: docs/report.md."""

    letterheads: tuple[Letterhead, ...] = Field((), description="letterheads, each with its days")
    mail: ReportMail = Field(ReportMail(), description="mail: {url: ..., sender: ..., to: [...]}")


class _File(_Part):
    """The catalogue of motcua."""

    province: Province = Field(description="province: {id: ..., name: {vi: ..., en: ...}}")
    simulated: bool = Field(False, description="true: everything shown says that its data are simulated")
    network: Network = Field(Network(), description="how requests leave this machine; a system may differ")
    defaults: Defaults = Field(Defaults(), description="what checks take where they say nothing")
    parties: Mapping[Id, Party] = Field(description="who may be responsible, by id")
    contracts: Mapping[Id, Contract] = Field({}, description="what was promised, by id")
    calendars: Mapping[Id, Calendar] = Field({}, description="service hours and special days, by id")
    dossiers: Dossiers = Field(Dossiers(), description="the dossiers of the one-stop desk")
    locations: Annotated[Mapping[Id, Location], Field(json_schema_extra=_NOT_EMPTY_MAPPING)] = Field(
        description="where checks run, by id"
    )
    systems: Annotated[Mapping[Id, System], Field(json_schema_extra=_NOT_EMPTY_MAPPING)] = Field(
        description="what is watched, by id"
    )
    alerts: Alerts = Field(Alerts(), description="who is told of incidents, and how")
    report: ReportSettings = Field(ReportSettings(), description="letterhead and mailing list of the report")


_SECTIONS = ("parties", "contracts", "calendars", "locations", "systems")
_SINGULAR = {"parties": "party", **{s: s.removesuffix("s") for s in _SECTIONS[1:]}}

_REFERENCES: tuple[tuple[Where, str], ...] = (
    (("contracts", "*", "party"), "parties"),
    (("contracts", "*", "calendar"), "calendars"),
    (("systems", "*", "owner"), "parties"),
    (("systems", "*", "party"), "parties"),
    (("systems", "*", "contract"), "contracts"),
    (("systems", "*", "calendar"), "calendars"),
    (("systems", "*", "depends_on", "*"), "systems"),
    (("systems", "*", "successor"), "systems"),
    (("systems", "*", "checks", "*", "locations", "*"), "locations"),
    (("dossiers", "databases", "*"), "systems"),
    (("alerts", "calendar"), "calendars"),
    (("alerts", "routes", "*", "systems", "*"), "systems"),
    (("alerts", "routes", "*", "parties", "*"), "parties"),
)
"""Which values are ids, and of which section."""


# --- the whole --------------------------------------------------------------------------------------------------------


class CheckTerms(NamedTuple):
    """What the line of a system takes from a check; `reach` is interval + timeout in whole seconds."""

    critical: bool
    quorum: int | None
    locations: tuple[str, ...]
    reach: int


class SystemTerms(NamedTuple):
    """What makes the line of a system, its root causes and its figures; dated, see monitor/terms.py."""

    party: str
    contract: str | None
    objective: Fraction | None  # its own
    criticality: str
    depends_on: tuple[str, ...]
    checks: Mapping[str, CheckTerms]


@dataclass(frozen=True, eq=False)
class Past:
    """Terms by id, each from a second on; the last ones are those of the catalogue, where it has the id.

    What is not named has never changed.
    """

    systems: Mapping[str, Sequence[tuple[int, SystemTerms]]] = field(default_factory=dict)
    contracts: Mapping[str, Sequence[tuple[int, Contract]]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What is watched, from where, whose it is and what was promised: complete, checked, immutable.

    `hash` is the same on every machine that holds the same text: references count as written, secrets do not count.
    `warnings` are problems that do not hinder, such as a secret that stands in the file.
    """

    province: Province
    simulated: bool
    network: Network
    defaults: Defaults
    parties: Mapping[str, Party]
    contracts: Mapping[str, Contract]
    calendars: Mapping[str, Calendar]
    dossiers: Dossiers
    locations: Mapping[str, Location]
    systems: Mapping[str, System]
    alerts: Alerts
    report: ReportSettings
    hash: str
    warnings: tuple[Problem, ...]
    _connectors: Mapping[tuple[str, str], Connector] = field(repr=False)  # of checks and controls
    past: Past = field(default_factory=Past, repr=False)  # of the store: monitor/terms.py
    _terms: dict[str, SystemTerms] = field(default_factory=dict, repr=False)  # made once: each figure asks for them

    def checks(self, location: str) -> dict[tuple[str, str], Check]:
        """What the engine at a location runs, controls apart; KeyError for an unknown location."""
        _ = self.locations[location]
        return {
            (system_id, check_id): Check(
                system_id,
                check_id,
                self._connectors[system_id, check_id],
                _settings(check, self.defaults),
                _route(system.network, self.network),
                check.latency_objective,
            )
            for system_id, system in self.systems.items()
            for check_id, check in system.checks.items()
            if location in self.locations_of(system_id, check_id)
        }

    def controls(self, location: str) -> tuple[Check, ...]:
        """The control targets of a location, as checks of system `_control`; KeyError for an unknown location."""
        place = self.locations[location]
        return tuple(
            Check(
                CONTROL_SYSTEM,
                control.id,
                self._connectors[CONTROL_SYSTEM, control.id],
                self._control_settings(place),
                _route(self.network, self.network),
            )
            for control in place.controls
        )

    def settings(self, system: str, check: str) -> Settings | None:
        """What judges a check's outcomes, a control's too; None for a check that is not in the catalogue."""
        if system == CONTROL_SYSTEM:
            for place in self.locations.values():
                if any(control.id == check for control in place.controls):
                    return self._control_settings(place)
            return None
        spec = self.systems[system].checks.get(check) if system in self.systems else None
        return _settings(spec, self.defaults) if spec else None

    def locations_of(self, system: str, check: str) -> tuple[str, ...]:
        """Ids of the locations that run a check, in the order of the file; KeyError for an unknown one."""
        chosen = self.systems[system].checks[check].locations
        return tuple(self.locations) if chosen is None else chosen

    def terms(self, system: str) -> SystemTerms:
        """The terms of a system as the file has them; KeyError for an unknown one."""
        if system not in self._terms:
            spec = self.systems[system]
            checks = {
                check: CheckTerms(of.critical, of.quorum, self.locations_of(system, check), _reach(of, self.defaults))
                for check, of in spec.checks.items()
            }
            self._terms[system] = SystemTerms(
                spec.party, spec.contract, spec.objective, spec.criticality, spec.depends_on, checks
            )
        return self._terms[system]

    def objective(self, system: str) -> Fraction | None:
        """The availability that a system is to reach, its own before its contract's; exact, 1 is always."""
        spec = self.systems[system]
        contract = self.contracts[spec.contract].objective if spec.contract else None
        return contract if spec.objective is None else spec.objective

    def databases(self) -> tuple[str, ...]:
        """Ids of the systems that officers query instead of asking citizens for paper."""
        if self.dossiers.databases is not None:
            return self.dossiers.databases
        return tuple(system for system, spec in self.systems.items() if spec.connector == "population")

    def _control_settings(self, place: Location) -> Settings:
        # Figures, section 3: confirmed like checks, but a control recovers at the first good try.
        return Settings(place.control_interval, CONTROL_TIMEOUT, self.defaults.confirm_down, confirm_up=1)


def load(path: Path, kinds: Mapping[str, type[Connector]], env: Mapping[str, str]) -> Catalogue:
    """Read, check and connect a catalogue; raises CatalogueError with every problem of the file.

    `kinds` are the connectors by name; one named `http` is needed for the control targets.
    """
    return _Assembly(_Document(path, env), kinds).catalogue()


def first_catalogue() -> str:
    """A commented catalogue to start from; it is valid once the variables that it names are set."""
    return resources.files("monitor").joinpath("first_catalogue.yaml").read_text(encoding="utf-8")


def _settings(check: CheckSpec, defaults: Defaults) -> Settings:
    def chosen(own: Any, default: Any) -> Any:
        return default if own is None else own

    return Settings(
        interval=chosen(check.interval, defaults.interval),
        timeout=chosen(check.timeout, defaults.timeout),
        confirm_down=chosen(check.confirm_down, defaults.confirm_down),
        confirm_up=chosen(check.confirm_up, defaults.confirm_up),
    )


def _reach(check: CheckSpec, defaults: Defaults) -> int:
    settings = _settings(check, defaults)
    return (round(1000 * settings.interval) + round(1000 * settings.timeout)) // 1000


def _route(own: Network, common: Network) -> Route:
    chosen = own.proxy or common.proxy
    proxy = chosen.get_secret_value() if chosen else "direct"
    return Route(
        proxy=None if proxy == "direct" else proxy,
        ca_bundle=own.ca_bundle or common.ca_bundle,
        client_certificate=own.client_certificate if isinstance(own, SystemNetwork) else None,
        client_key=own.client_key if isinstance(own, SystemNetwork) else None,
        source_address=own.source_address or common.source_address,
        tls_minimum=own.tls_minimum or common.tls_minimum,
    )


# --- reading: text -> values with their places ------------------------------------------------------------------------

_TAG = "tag:yaml.org,2002:"
_TOP = "(file)"
_MAX_SECRET = 65536  # characters; more is no secret but a mistake, such as a device
_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


def _plain_words() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    words = (
        ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
        ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
        ("int", r"[-+]?[0-9]+$", list("-+0123456789")),
        ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
        ("merge", r"<<$", ["<"]),
    )
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for name, pattern, first in words:
        for character in first:
            resolvers.setdefault(character, []).append((_TAG + name, re.compile(pattern)))
    return resolvers


class _Loader(yaml.SafeLoader):
    """YAML 1.2's reading of plain words: `no` and `on` are text, and so is 07:00."""

    yaml_implicit_resolvers = _plain_words()


try:
    from yaml._yaml import CParser
except ImportError:  # PyYAML without libyaml
    _FastLoader: type[Any] = _Loader
else:

    class _FastLoader(yaml.composer.Composer, CParser, yaml.resolver.Resolver):  # type: ignore[no-redef]
        """The same, split into words by libyaml, which is several times as fast and says less of what it refuses.

        Not libyaml's own composer: deep nesting would end the process.
        """

        yaml_implicit_resolvers = _plain_words()

        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            yaml.composer.Composer.__init__(self)
            yaml.resolver.Resolver.__init__(self)


def _compose(text: str) -> yaml.Node | None:
    """Raises yaml.YAMLError."""
    with suppress(yaml.YAMLError):
        return yaml.compose(text, Loader=_FastLoader)
    return yaml.compose(text, Loader=_Loader)


class _Document:
    """A file as written (`raw`) and as meant (`data`: references resolved), with the place of every part.

    All keys are text. `references` has, for every value that holds a reference, the text as written and as meant.
    Raises CatalogueError at once only where there is nothing left to check: no file, no YAML.
    """

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self.file = str(path)
        self.problems: list[Problem] = []
        self.references: dict[Where, tuple[str, str]] = {}
        self._folder, self._env = path.parent, env
        self._lacking: list[Where] = []
        self._keys: dict[Where, tuple[int, int]] = {}
        self._values: dict[Where, tuple[int, int]] = {}
        self._open: set[int] = set()  # nodes that are being read: an anchor may not contain itself
        self.raw = self._parse(self._text(path))
        self.data = self._resolve(self.raw, ())

    # places

    def problem(self, where: Where, what: str, hint: str = "", *, at_key: bool = False) -> None:
        self.problems.append(self.at(where, what, hint, at_key=at_key))

    def at(self, where: Where, what: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """A problem of the value there; of its key if `at_key`, if the value is long, empty or absent."""
        place = where
        while place and place not in self._keys and place not in self._values:
            place, at_key = place[:-1], True
        key, value = self._keys.get(place), self._values.get(place)
        line, column = ((key or value) if at_key else (value or key)) or (1, 1)
        return Problem(self.file, line, column, _dotted(where), what, hint)

    def failure(self) -> CatalogueError:
        return CatalogueError(sorted(dict.fromkeys(self.problems), key=lambda p: (p.line, p.column, p.path)))

    def value(self, where: Where) -> Any:
        """The value there, None where there is none."""
        node: Any = self.data
        for part in where:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node

    def has(self, where: Where) -> bool:
        return where in self._keys or where in self._values

    def shown(self, where: Where) -> str:
        """A value as a message may show it: as it is written."""
        return self.references[where][0] if where in self.references else str(self.value(where))

    def scrub(self, text: str, where: Where) -> str:
        """A message of others without what references brought into the value it is about."""
        for place, (written, meant) in self.references.items():
            if meant and (place[: len(where)] == where or where[: len(place)] == place):
                for secret in (meant, repr(meant)[1:-1]):
                    text = text.replace(secret, written)
                for part in re.findall(r"'([^']+)'", text):
                    text = text.replace(f"'{part}'", f"'{written}'") if part in meant else text
        return text

    def lacks_value(self, where: Where) -> bool:
        """True where a value could not be read there, above or below: what follows from that is no news."""
        return any(w[: len(where)] == where or where[: len(w)] == w for w in self._lacking)

    # text -> nodes

    def _text(self, path: Path) -> str:
        try:
            data = path.read_bytes()
            return data.decode("utf-8-sig")
        except OSError as error:
            self.problem((), f"cannot be read: {error.strerror}", "motcua init writes a first catalogue")
        except UnicodeDecodeError as error:
            before = data[: error.start].decode("utf-8-sig")
            self._unreadable(*_end_of(before), "is not UTF-8", "save the file in the encoding UTF-8")
        raise self.failure()

    def _parse(self, text: str) -> Any:
        try:
            node = _compose(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            what = ", ".join(filter(None, (error.context, error.problem)))
            self._unreadable(line, column, f"is not YAML: {what}", _yaml_hint(text.split("\n")[line - 1]))
        except yaml.reader.ReaderError as error:
            self._unreadable(*_end_of(text[: error.position]), "is not YAML: a character that may not stand in text")
        else:
            if isinstance(node, yaml.MappingNode):
                return self._read(node, ())
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                self.problem((), "is empty", "motcua init writes a first catalogue")
            else:
                self.problem((), "is no mapping", "it starts with province:, parties:, locations:, systems:")
        raise self.failure()

    def _unreadable(self, line: int, column: int, what: str, hint: str = "") -> None:
        self.problems.append(Problem(self.file, line, column, _TOP, what, hint))

    # nodes -> raw values

    def _read(self, node: yaml.Node, where: Where) -> Any:
        block = isinstance(node, yaml.CollectionNode)
        if where not in self._keys or not (block or node.start_mark.index == node.end_mark.index):
            self._values[where] = _mark(node)
        if id(node) in self._open:
            self._lacks(where, "is an anchor that contains itself")
            return None
        self._open.add(id(node))
        try:
            return self._convert(node, where)
        finally:
            self._open.discard(id(node))

    def _convert(self, node: yaml.Node, where: Where) -> Any:
        kind = node.tag.removeprefix(_TAG)
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self._read(item, (*where, i)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in ("null", "bool", "int", "float", "str", "merge"):
            return self._scalar(kind, node.value, where)
        self._lacks(where, f"has the tag {node.tag}", "a catalogue needs no tags")
        return None

    def _scalar(self, kind: str, text: str, where: Where) -> Any:
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return text.lower() == "true"
            return int(text) if kind == "int" else float(text) if kind == "float" else text
        except ValueError:  # only under an explicit tag: !!int word
            self._lacks(where, f"is no {kind}")
            return None

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value, merged in self._pairs(node, where):
            if not isinstance(key, yaml.ScalarNode):
                self.problem(where, "has a key that is no word")
            elif key.value not in result:
                here = (*where, key.value)
                self._keys[here] = _mark(key)
                result[key.value] = self._read(value, here)
            elif not merged:
                line, column = _mark(key)
                first = self._keys[*where, key.value][0]
                path = _dotted((*where, key.value))
                what, hint = "is written twice", f"the first is on line {first}: keep one"
                self.problems.append(Problem(self.file, line, column, path, what, hint))
        return result

    def _pairs(self, node: yaml.MappingNode, where: Where) -> Iterator[tuple[yaml.Node, yaml.Node, bool]]:
        """Keys with their values: the mapping's own, then those that `<<` brings in."""
        brought: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                brought += value.value if isinstance(value, yaml.SequenceNode) else [value]
            else:
                yield key, value, False
        for source in brought:
            if isinstance(source, yaml.MappingNode) and id(source) not in self._open:
                yield from ((key, value, True) for key, value, _ in self._pairs(source, where))
            else:
                self.problem(where, "<< brings in something that is no mapping")

    # raw values -> values

    def _resolve(self, raw: Any, where: Where) -> Any:
        if isinstance(raw, dict):
            values = {key: self._resolve(value, (*where, key)) for key, value in raw.items()}
            empty = [key for key in values if self.references.get((*where, key), ("", "full"))[1] == ""]
            return {key: value for key, value in values.items() if key not in empty}
        if isinstance(raw, list):
            return [self._resolve(value, (*where, i)) for i, value in enumerate(raw)]
        if not isinstance(raw, str) or not ("${" in raw or raw.startswith("file:")):
            return raw
        known = len(self._lacking)
        meant = _REFERENCE.sub(lambda match: self._variable(match, where), raw)
        if raw.startswith("file:") and len(self._lacking) == known:
            meant = self._secret(meant.removeprefix("file:").strip(), where)
        if len(self._lacking) > known:
            return None
        self.references[where] = (raw, meant)
        return meant

    def _variable(self, match: re.Match[str], where: Where) -> str:
        if match[0] == "$${":
            return "${"
        name, default = match[1], match[2]
        if name is None:
            self._lacks(where, "holds a broken reference", "write ${NAME} or ${NAME:-default}, or $${ for a plain ${")
            return ""
        value = self._env.get(name, "") or default
        if not value and default is None:
            state = "empty" if name in self._env else "not set"
            self._lacks(where, f"the environment variable {name} is {state}", f"set it, or write ${{{name}:-default}}")
        return value or ""

    def _secret(self, name: str, where: Where) -> str:
        path = self._folder / name
        try:
            if not path.is_file():
                hint = "file: is followed by the path of a file; a relative one starts at the catalogue's folder"
                self._lacks(where, "the file that it names is missing", hint)
                return ""
            with path.open(encoding="utf-8") as file:
                text = file.read(_MAX_SECRET + 1)
        except OSError as error:
            self._lacks(where, f"the file that it names cannot be read: {error.strerror}")
            return ""
        except ValueError:  # not UTF-8, or a path with a NUL
            self._lacks(where, "the file that it names is no UTF-8 text")
            return ""
        if not text.strip():
            self._lacks(where, "the file that it names is empty")
        if len(text) > _MAX_SECRET:
            self._lacks(where, "the file that it names is too large", f"at most {_MAX_SECRET} characters")
        return text.strip()

    def _lacks(self, where: Where, what: str, hint: str = "") -> None:
        self.problem(where, what, hint)
        self._lacking.append(where)


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1


def _yaml_hint(line: str) -> str:
    if "\t" in line:
        return "indent with spaces, not with tabs"
    if "${" in line:
        return 'inside { } and [ ] a reference needs quotes: "${NAME}"'
    return "look for indentation, quotes and brackets, here and above"


def _dotted(where: Where) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".") or _TOP


# --- checking: values -> catalogue ------------------------------------------------------------------------------------


class _Assembly:
    """Makes a catalogue of a document, part by part, so that one broken part hides no problem of another.

    What needs no types (which ids exist, which systems form a circle) is checked on the values as they are.
    """

    def __init__(self, document: _Document, kinds: Mapping[str, type[Connector]]) -> None:
        self._document, self._kinds = document, kinds
        self._checks: dict[tuple[str, str], CheckSpec] = {}
        self._connectors: dict[tuple[str, str], Connector] = {}

    def catalogue(self) -> Catalogue:
        """All of it, or CatalogueError."""
        shell = {k: {} if k in _SECTIONS and isinstance(v, dict) else v for k, v in self._document.data.items()}
        file = self._validated(_File, shell, ())
        parts: dict[str, dict[str, Any]] = {
            "parties": self._entries(Mapping[Id, Party], ("parties",)),
            "contracts": self._entries(Mapping[Id, Contract], ("contracts",)),
            "calendars": self._entries(Mapping[Id, Calendar], ("calendars",)),
            "locations": self._entries(Mapping[Id, Location], ("locations",)),
            "systems": {},
        }
        for key, written in self._section("systems").items():
            if system := self._system(key, written):
                parts["systems"][key] = system

        self._check_presence()
        self._check_references()
        self._check_circles(("systems", "*", "depends_on", "*"), "systems may not depend on each other in a circle")
        self._check_circles(("systems", "*", "successor"), "in the end one system must be the last")
        self._check_calendars(parts["calendars"])
        self._check_terms(parts["contracts"], parts["calendars"])
        self._check_controls(parts["locations"])
        self._check_timing()
        self._check_alerts()
        if file is None or self._document.problems:
            raise self._document.failure()

        parsed = file.model_copy(update=parts)
        literals = [where for where, secret in _secrets(parsed, ()) if self._is_literal(where, secret)]
        return Catalogue(
            **{name: getattr(parsed, name) for name in _File.model_fields},
            hash=_hash(self._document.raw, literals),
            warnings=tuple(
                self._document.at(where, "a secret stands in the file", "write ${NAME} or file:/path/of/the/secret")
                for where in literals
            ),
            _connectors=self._connectors,
        )

    # one part after the other

    def _section(self, *where: str) -> dict[str, Any]:
        """The mapping there; an empty one where there is something else, which is reported elsewhere."""
        value = self._document.value(where)
        return value if isinstance(value, dict) else {}

    def _validated(self, kind: Any, data: Any, where: Where) -> Any:
        """The data as a value of this type, None when they are not, which is then reported."""
        try:
            return _adapter(kind).validate_python(data)
        except ValidationError as error:
            _report(self._document, error, kind, where)
            return None

    def _entries(self, kind: Any, where: tuple[str, ...]) -> dict[str, Any]:
        """The entries of a mapping that are valid, each by itself."""
        found: dict[str, Any] = {}
        for key, value in self._section(*where).items():
            found |= self._validated(kind, {key: value}, where) or {}
        return found

    def _system(self, key: str, written: Any) -> System | None:
        """A system with its checks and connected; None when some part of it is broken."""
        where = ("systems", key)
        shell = {**written, "checks": {}} if self._section(*where, "checks") else written
        system: System | None = (self._validated(Mapping[Id, System], {key: shell}, ("systems",)) or {}).get(key)
        checks: dict[str, CheckSpec] = self._entries(Mapping[Id, CheckSpec], (*where, "checks"))
        self._checks |= {(key, check): spec for check, spec in checks.items()}

        kind = self._kinds.get(str(self._document.value((*where, "connector"))))
        if kind is None:  # an unknown one is reported with the other unknown ids
            return None
        options = self._options(kind.SystemOptions, where)
        for check in self._section(*where, "checks"):
            place = (*where, "checks", check)
            check_options = (
                self._options(kind.CheckOptions, place) if self._section(*place) or check in checks else None
            )
            if options is not None and check_options is not None:
                self._connect(kind, options, check_options, place)
            if check in checks:
                checks[check] = checks[check].model_copy(update={"options": check_options})
        return system.model_copy(update={"options": options, "checks": checks}) if system else None

    def _options(self, kind: Any, where: Where) -> Any:
        owner = self._document.value(where)
        written = owner.get("options", {}) if isinstance(owner, dict) else {}
        return self._validated(kind, written, (*where, "options"))

    def _connect(self, kind: type[Connector], system: Any, check: Any, where: Where) -> None:
        try:
            self._connectors[str(where[1]), str(where[-1])] = kind(system, check)
        except ValueError as error:  # a connector may refuse options that only together make no sense
            said = "its options do not go together" if isinstance(error, ValidationError) else str(error)
            self._document.problem(where, self._document.scrub(said, where[:2]), at_key=True)

    # rules across parts

    def _check_presence(self) -> None:
        data = self._document.data
        for section, what in (("locations", "has no location"), ("systems", "has no system")):
            if data.get(section) == {}:
                self._document.problem((section,), what, "name at least one", at_key=True)
        for key in self._section("systems"):
            where = ("systems", key, "checks")
            checks = self._section(*where)
            if self._document.value(where) == {}:
                self._document.problem(where, "has no check", "name at least one", at_key=True)
            known = [self._checks.get((key, check)) for check in checks]
            if checks and not any(spec is None or spec.critical for spec in known):
                hint = "only a critical check can say that the system is down"
                self._document.problem(where, "has no critical check", hint, at_key=True)

    def _check_references(self) -> None:
        for pattern, section in _REFERENCES:
            absent = section not in self._document.data and not _File.model_fields[section].is_required()
            if absent or isinstance(self._document.value((section,)), dict):  # else there is one problem, not many
                self._check_known(pattern, self._section(section), _SINGULAR[section])
        self._check_known(("systems", "*", "connector"), self._kinds, "connector")

    def _check_known(self, pattern: Where, known: Mapping[str, Any], noun: str) -> None:
        for where, value in _matches(self._document.data, pattern):
            if isinstance(value, str) and value not in known:
                shown = self._document.shown(where)
                self._document.problem(where, f"unknown {noun} {shown}", _suggest(shown, known))

    def _check_circles(self, pattern: Where, hint: str) -> None:
        """Reports each edge that closes a circle of systems, in the order of the file."""
        edges: dict[str, list[tuple[str, Where]]] = {system: [] for system in self._section("systems")}
        for where, target in _matches(self._document.data, pattern):
            if isinstance(target, str) and target in edges:
                edges[str(where[1])].append((target, where))
        done: set[str] = set()

        def follow(system: str, trail: list[str]) -> None:
            trail = [*trail, system]
            for target, where in edges[system]:
                if target == system:
                    self._document.problem(where, "names the system itself", hint)
                elif target in trail:
                    circle = " -> ".join([*trail[trail.index(target) :], target])
                    self._document.problem(where, f"closes the circle {circle}", hint)
                elif target not in done:
                    follow(target, trail)
            done.add(system)

        for system in edges:
            if system not in done:
                follow(system, [])

    def _check_calendars(self, calendars: Mapping[str, Calendar]) -> None:
        for key, calendar in calendars.items():
            for year, content in calendar.years.items():
                seen: set[date] = set()
                for i, day in enumerate(content.days):
                    where = ("calendars", key, "years", str(year), "days", i, "date")
                    if day.date.year != year:
                        self._document.problem(where, f"is not in {year}", "list each day under its own year")
                    if day.date in seen:
                        self._document.problem(where, "is listed twice", "a day is one kind of day")
                    seen.add(day.date)

    def _check_terms(self, contracts: Mapping[str, Contract], calendars: Mapping[str, Calendar]) -> None:
        """A clock of working hours needs some; a calendar that is broken or unknown is reported elsewhere."""
        for key, contract in contracts.items():
            name = contract.calendar or STATE_CALENDAR
            written = name in self._section("calendars")
            if (calendar := calendars.get(name)) is None and (written or contract.calendar):
                continue
            for severity, promise in contract.terms.items():
                if promise.clock == "working_hours" and not (calendar and any(calendar.hours.values())):
                    what = f"calendar {name} has no hours" if calendar else f"there is no calendar {name}"
                    where = ("contracts", key, "terms", severity, "clock")
                    self._document.problem(where, what, "define it with the hours in which the contract's clock runs")

    def _check_controls(self, locations: Mapping[str, Location]) -> None:
        """Ids of controls are unique in the file: settings and records know a control by its id alone."""
        http = self._kinds["http"]
        any_answer = [f"{n}xx" for n in range(1, 6)]
        for key, location in locations.items():
            for i, control in enumerate(location.controls):
                if (CONTROL_SYSTEM, control.id) in self._connectors:
                    hint = "name it after its location, such as " + f"{key}_{control.id}"[:40]
                    where = ("locations", key, "controls", i, "id")
                    self._document.problem(where, "another control has this id", hint)
                where = ("locations", key, "controls", i, "url")
                system = self._validated(http.SystemOptions, {"base_url": control.url}, where)
                check = self._validated(http.CheckOptions, {"path": control.url, "status": any_answer}, where)
                if system and check:
                    self._connectors[CONTROL_SYSTEM, control.id] = http(system, check)

    def _check_timing(self) -> None:
        """The rules on a check's figures, defaults included."""
        defaults = _quietly(Defaults, self._document.data.get("defaults", {}))
        everywhere = len(self._section("locations"))
        for (system, check), spec in self._checks.items():
            where = ("systems", system, "checks", check)
            count = everywhere if spec.locations is None else len(spec.locations)
            if spec.quorum and spec.quorum > count:
                what = f"is above the number of the check's locations, {count}"
                self._document.problem((*where, "quorum"), what, "such a check could never be down")
            if not defaults:
                continue
            settings = _settings(spec, defaults)
            if 2 * settings.timeout > settings.interval:
                self._report_timeout(where)
            if spec.latency_objective and spec.latency_objective >= settings.timeout:
                hint = "a try ends at its timeout: it could never be slow"
                self._document.problem((*where, "latency_objective"), "is not below the timeout", hint)

    def _report_timeout(self, check: Where) -> None:
        """Points at the figure that the author of the check wrote: the check's own before the defaults."""
        written = [
            place
            for place in ((*check, "timeout"), (*check, "interval"), ("defaults", "timeout"), ("defaults", "interval"))
            if self._document.value(place) is not None
        ]
        hint = "a try must end well before the next one is due"
        if not any(place[-1] == "timeout" for place in written):
            hint = f"where no timeout is written it is {Defaults().timeout:g} s"
        elif not any(place[-1] == "interval" for place in written):
            hint = f"where no interval is written it is {Defaults().interval:g} s"
        what = "is more than half of the interval" if written[0][-1] == "timeout" else "is less than twice the timeout"
        self._document.problem(written[0], what, hint)

    def _check_alerts(self) -> None:
        """A channel without an address is off, but somebody has to have written that it may be."""
        where: Where = ("alerts", "channels")
        channels = self._section("alerts", "channels")
        for key, channel in channels.items():
            if not isinstance(channel, dict):
                continue
            if not self._document.has((*where, key, "url")):
                hint = "write url: ${NAME}, or ${NAME:-} where it may be empty, which turns the channel off"
                self._document.problem((*where, key, "url"), "is missing", hint)
            elif channel.get("kind") == "webhook" and "url" in channel and "secret" not in channel:
                hint = "the key that signs what is sent, such as secret: ${NAME}"
                self._document.problem((*where, key, "secret"), "is missing", hint)
        self._check_known(("alerts", "routes", "*", "channels", "*"), channels, "channel")
        if self._document.value(("alerts", "calendar")) is None and STATE_CALENDAR not in self._section("calendars"):
            for key, route in self._section("alerts", "routes").items():
                needs = [
                    name
                    for name, usual in (("hours", "always"), ("digest", False))
                    if isinstance(route, dict) and route.get(name, usual) != usual
                ]
                for name in needs:
                    what = f"there is no calendar {STATE_CALENDAR}"
                    self._document.problem(("alerts", "routes", key, name), what, "it needs working hours and days")

    # secrets that stand in the file

    def _is_literal(self, where: Where, secret: str) -> bool:
        is_alertmanager = self._document.value((*where[:-1], "kind")) == "alertmanager"
        if (where[-1] == "proxy" or is_alertmanager) and "@" not in secret:
            return False
        written = self._document.references.get(where)
        if written is None:
            return True
        has_default = any(match[2] for match in _REFERENCE.finditer(written[0]))
        return has_default and not written[0].startswith("file:")


_adapter = cache(TypeAdapter)

_SECRET_NAME = re.compile(r"auth|cookie|key|pass|secret|token", re.IGNORECASE)


def _quietly(kind: Any, data: Any) -> Any:
    try:
        return _adapter(kind).validate_python(data)
    except ValidationError:
        return None


def _matches(data: Any, pattern: Where, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    """Every value at a place like ("systems", "*", "owner"), with its place."""
    if not pattern:
        yield where, data
        return
    inside: dict[Any, Any] = data if isinstance(data, dict) else {}
    if isinstance(data, list) and pattern[0] == "*":
        inside = dict(enumerate(data))
    for key in inside if pattern[0] == "*" else inside.keys() & {pattern[0]}:
        yield from _matches(inside[key], pattern[1:], (*where, key))


def _secrets(value: Any, where: Where) -> Iterator[tuple[Where, str]]:
    """Where secrets were written; of a mapping of secrets, such as headers, those whose name sounds like one."""
    if isinstance(value, SecretStr | SecretBytes):
        yield where, str(value.get_secret_value())
    elif isinstance(value, BaseModel):
        fields = type(value).model_fields
        for name in (n for n in fields if n in value.model_fields_set):
            yield from _secrets(getattr(value, name), (*where, fields[name].alias or name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(item, SecretStr | SecretBytes) or _SECRET_NAME.search(str(key)):
                yield from _secrets(item, (*where, str(key)))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _secrets(item, (*where, i))


def _hash(raw: Any, literals: Sequence[Where]) -> str:
    """16 hexadecimal digits of the file's meaning: comments, order of keys and secrets do not count."""

    def masked(value: Any, where: Where) -> Any:
        if where in hidden:
            return "***"
        if isinstance(value, dict):
            return {key: masked(item, (*where, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [masked(item, (*where, i)) for i, item in enumerate(value)]
        return value

    hidden = frozenset(literals)
    text = json.dumps(masked(raw, ()), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- pydantic's errors in our words -----------------------------------------------------------------------------------

_MUST_BE = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "mapping_type": "a mapping",
    "model_attributes_type": "a mapping",
    "model_type": "a mapping",
    "string_too_short": "of length {min_length} or more",
    "string_type": "text",
    "too_short": "of length {min_length} or more",
    "tuple_type": "a list",
}
"""What pydantic asks for, by the type of its error; its own sentences speak of inputs and of Python."""


def _report(document: _Document, error: ValidationError, kind: Any, prefix: Where) -> None:
    """Every error of a validation of what stands at `prefix`. The branches of a union give one problem together."""
    found: dict[tuple[Where, bool], list[tuple[str, str]]] = {}
    for item in error.errors(include_url=False, include_input=False):
        where, at_key = _locate(document, item, prefix)
        if not document.lacks_value(where):
            fields = _fields(kind, where[len(prefix) : -1])
            found.setdefault((where, at_key), []).append(_explain(document, item, where, fields))
    for (where, at_key), said in found.items():
        what = ", or ".join(dict.fromkeys(what for what, _ in said))
        document.problem(where, what, next((hint for _, hint in said if hint), ""), at_key=at_key)


def _locate(document: _Document, item: ErrorDetails, prefix: Where) -> tuple[Where, bool]:
    """Where an error is, and whether it is about the key. Names of a union's branches are no places in the file."""
    where = prefix
    missing = item["loc"][-1:] if item["type"] == "missing" else ()
    for part in item["loc"][: len(item["loc"]) - len(missing)]:
        step = part if isinstance(document.value(where), list) else str(part)
        if document.has((*where, step)):
            where = (*where, step)
    return (*where, *missing), item["type"] == "extra_forbidden" or "[key]" in item["loc"]


def _explain(document: _Document, item: ErrorDetails, where: Where, fields: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """What is wrong, and a hint. Texts of validators may quote the value, and are scrubbed."""
    kind, context = item["type"], item.get("ctx", {})
    name = str(where[-1]) if where else ""
    if kind == "missing":
        return "is missing", (fields[name].description or "") if name in fields else ""
    if kind == "extra_forbidden":
        return "unknown key", _suggest(name, fields)
    value = document.value(where)
    if value is None and document.has(where):
        return "is empty", (fields[name].description or "") if name in fields else ""
    if kind == "string_pattern_mismatch":
        return _mismatch(context["pattern"])
    if kind in _MUST_BE:
        hint = "write it in quotes" if kind == "string_type" and isinstance(value, bool | int | float) else ""
        if kind == "literal_error":
            word = name if "[key]" in item["loc"] else document.shown(where)
            hint = _closest(word, re.findall("'([^']*)'", context["expected"]))
        return f"must be {_MUST_BE[kind].format(**context)}", hint
    if kind == "catalogue":
        return document.scrub(context["what"], where), context["hint"]
    return document.scrub(item["msg"].removeprefix("Value error, "), where), ""


def _mismatch(pattern: str) -> tuple[str, str]:
    if pattern == _ID:
        return "is no id", "small letters a-z, digits and _, a letter first, 40 characters at most"
    if pattern.startswith("^https?://"):
        return "is no URL", "write http://host/path or https://host/path"
    return f"does not match {pattern}", ""


def _suggest(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    names = sorted(known)
    listed = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return _closest(word, names) or (f"known: {listed}" if names else "none is defined")


def _closest(word: str, known: Sequence[str]) -> str:
    return next((f"did you mean {close}?" for close in get_close_matches(word, known, 1)), "")


def _fields(kind: Any, where: Where) -> dict[str, FieldInfo]:
    """The keys that a type has at a place inside it, as they are written in the file."""
    kinds = [kind]
    for part in where:
        kinds = [inner for outer in kinds for inner in _inside(outer, part)]
    models = [model for outer in kinds for model in _members(outer) if _is_model(model)]
    return {field.alias or name: field for model in models for name, field in model.model_fields.items()}


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    for member in _members(kind):
        if _is_model(member):
            yield from (f.annotation for name, f in member.model_fields.items() if part == (f.alias or name))
        elif arguments := get_args(member):
            yield arguments[0] if get_origin(member) is tuple else arguments[-1]


def _members(kind: Any) -> Iterator[Any]:
    """The types that an annotation allows."""
    if get_origin(kind) is Annotated:
        yield from _members(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        yield from (member for part in get_args(kind) for member in _members(part))
    else:
        yield kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and not get_args(kind) and issubclass(kind, BaseModel)


# --- the JSON Schema --------------------------------------------------------------------------------------------------


def json_schema(kinds: Mapping[str, type[Connector]]) -> dict[str, Any]:
    """What an editor needs to help with a catalogue as it is written: references may stand for any plain value."""
    models: list[tuple[Any, Literal["validation"]]] = [(_File, "validation"), (System, "validation")]
    for kind in kinds.values():
        models += [(kind.SystemOptions, "validation"), (kind.CheckOptions, "validation")]
    refs, document = models_json_schema(models)
    definitions = {name: _referable(schema) for name, schema in document["$defs"].items()}
    definitions["Reference"] = {"type": "string", "pattern": r"\$\{|^file:"}

    system = definitions[refs[System, "validation"]["$ref"].rsplit("/", 1)[1]]
    system["properties"]["connector"] = {"enum": sorted(kinds), "description": "the kind of service"}
    system["allOf"] = []
    for name, kind in sorted(kinds.items()):
        then = _with_options(kind.SystemOptions, refs[kind.SystemOptions, "validation"])
        checks = _with_options(kind.CheckOptions, refs[kind.CheckOptions, "validation"])
        then["properties"]["checks"] = {"additionalProperties": checks}
        chosen = {"properties": {"connector": {"const": name}}, "required": ["connector"]}
        system["allOf"].append({"if": chosen, "then": then})
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **refs[_File, "validation"]}
    return {**schema, "$defs": definitions}


def _with_options(kind: Any, ref: Mapping[str, Any]) -> dict[str, Any]:
    needed = any(f.is_required() for f in kind.model_fields.values())
    return {"properties": {"options": dict(ref)}, **({"required": ["options"]} if needed else {})}


def _referable(schema: Any) -> Any:
    """A schema that allows a reference wherever it asks for more than any text."""
    if isinstance(schema, list):
        return [_referable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    keep = ("default", "propertyNames")
    result = {key: part if key in keep else _referable(part) for key, part in schema.items()}
    if "patternProperties" in result:
        result.setdefault("additionalProperties", False)
    plain = result.get("type") in ("boolean", "integer", "number") if isinstance(result.get("type"), str) else False
    fixed = any(isinstance(result.get(key), str | list) for key in ("pattern", "format", "enum", "const"))
    return {"anyOf": [result, {"$ref": "#/$defs/Reference"}]} if plain or fixed else result

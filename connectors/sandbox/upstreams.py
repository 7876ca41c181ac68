"""The systems of the simulated province: which routes each has and what it answers when it is healthy.

Every upstream listens on a socket of its own. An answer is a function of the request (which carries its instant), the
year's dossiers and the tokens issued; it touches no socket, so that a fault can withhold, twist or break it.

sso          POST /auth/realms/digo/protocol/openid-connect/token     igate.token        as Keycloak
portal       GET  /                                                   igate.portal       page with "Dịch vụ công"
gateway      GET  /pa/dossier/search                                  igate.search       page of dossiers
             GET  /bd/procedure                                       igate.procedures   page of procedures
             GET  /ba/agency/name+code                                igate.agencies     page of agencies
             GET  /pa/dossier-statistic/--statistic-agency-kgg        igate.statistics   array, one row per agency
national     GET  /                                                   national.home      page of the national portal
shared       GET  /dmdc/Category/magioitinh                           shared.category    array
control      GET  /a, GET /b                                          control.a, .b      "ok"
tls          GET  /                                                   tls.page           page, over TLS

The bus, behind which lie the national portal's adapter and the population database, is in `bus` and `population`; the
names of the two listeners that speak TLS are in `names`.

All of the gateway needs a Bearer token of the sso. Of igate.search are understood: page, size, spec (slice, page), sort
(updatedDate, appliedDate, acceptedDate), code, accepted-from/-to, applied-from/-to, dossier-status, apply-method-id,
ancestor-agency-id; of igate.statistics agency-id, from-date, to-date. Dates are ISO 8601 or dd/MM/yyyy; an upper bound
takes in the millisecond, or the day, that it names. What lies in the future of the clock is not there yet.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from connectors.sandbox.dossiers import AGENCIES, PROCEDURES, ROOT_AGENCY, ZONE, Flow, iso, sector_id, translated
from connectors.sandbox.names import TLS_HOST
from connectors.sandbox.wire import Reply, Request, html_reply, json_reply

USER = "tai-khoan-mo-phong"
PASSWORD = "mat-khau-mo-phong"  # noqa: S105 - of a simulated province
CLIENT_ID = "ung-dung-mo-phong"
CLIENT_SECRET = "bi-mat-mo-phong"  # noqa: S105
PUBLIC_CLIENTS = ("web-onegate", "test-public")

BUS_KEY = "khoa-truc-mo-phong"
BUS_SECRET = "bi-mat-truc-mo-phong"  # noqa: S105
BUS_APP = "ung-dung-truc-mo-phong"
BUS_PARTNER = "doi-tac-mo-phong"
BUS_CUSTOMER = "khach-cua-doi-tac-mo-phong"

NATIONAL_USER = "tai-khoan-quoc-gia-mo-phong"
NATIONAL_PASSWORD = "mat-khau-quoc-gia-mo-phong"  # noqa: S105
NATIONAL_AGENCY = ROOT_AGENCY.code  # madonvi
NATIONAL_DSTCODE = "VN:GOV:000.00.00.G22:vpcpdvcprovider"

POPULATION_USER = "tai-khoan-dan-cu-mo-phong"
POPULATION_SECRET = "bi-mat-dan-cu-mo-phong"  # noqa: S105
POPULATION_CLIENT = "VN/GOV/H00/mo-phong"  # X-Road-Client
POPULATION_API_KEY = "khoa-dan-cu-mo-phong"
POPULATION_OFFICER = "can-bo-mo-phong"  # MaCanBo
POPULATION_PROCEDURE = "VPCP"  # MaDVC
POPULATION_SUBJECT = "000000000000"  # SoDinhDanh of the only person there is, who is invented
POPULATION_OLD_SUBJECT = "000000000"  # the same person's SoCMND
POPULATION_NAME = "NGƯỜI MÔ PHỎNG"
POPULATION_BORN = "19000101"

DEFAULT_PORT = 18080
DEFAULT_SEED = 84859

ALWAYS = (-math.inf, math.inf)

Answer = Callable[[Request], Reply]


class SandboxError(Exception):
    """What was asked of the sandbox cannot be done; the text says why, and what would help."""


@dataclass(frozen=True)
class Addresses:
    """Where a running sandbox listens, in the order of its ports: base URLs without a slash at the end.

    The last two are no URLs. The names in those of `bus` and `tls` are known to `dns` alone; so listens 127.0.0.1, for
    which their certificates hold as well.
    """

    api: str  # the one that switches faults
    sso: str
    gateway: str
    portal: str
    national: str
    shared: str
    control: str  # the control targets, /a and /b
    tls: str
    bus: str
    dns: str  # host:port, UDP
    ca: str  # a file: the certificate of the authority behind `bus` and `tls`, in PEM

    @property
    def environment(self) -> dict[str, str]:
        """What config/province.example.yaml expects, to watch this sandbox."""
        return {
            "MOTCUA_SANDBOX_SSO": self.sso,
            "MOTCUA_SANDBOX_GATEWAY": self.gateway,
            "MOTCUA_SANDBOX_PORTAL": self.portal,
            "MOTCUA_SANDBOX_NATIONAL": self.national,
            "MOTCUA_SANDBOX_SHARED": self.shared,
            "MOTCUA_SANDBOX_CONTROL": self.control,
            "MOTCUA_SANDBOX_TLS": self.tls,
            "MOTCUA_SANDBOX_BUS": self.bus,
            "MOTCUA_SANDBOX_DNS": self.dns,
            "MOTCUA_SANDBOX_CA": self.ca,
            "MOTCUA_SANDBOX_USER": USER,
            "MOTCUA_SANDBOX_PASSWORD": PASSWORD,
            "MOTCUA_SANDBOX_BUS_KEY": BUS_KEY,
            "MOTCUA_SANDBOX_BUS_SECRET": BUS_SECRET,
            "MOTCUA_SANDBOX_BUS_APP": BUS_APP,
            "MOTCUA_SANDBOX_BUS_PARTNER": BUS_PARTNER,
            "MOTCUA_SANDBOX_BUS_CUSTOMER": BUS_CUSTOMER,
            "MOTCUA_SANDBOX_NATIONAL_USER": NATIONAL_USER,
            "MOTCUA_SANDBOX_NATIONAL_PASSWORD": NATIONAL_PASSWORD,
            "MOTCUA_SANDBOX_NATIONAL_AGENCY": NATIONAL_AGENCY,
            "MOTCUA_SANDBOX_NATIONAL_DSTCODE": NATIONAL_DSTCODE,
            "MOTCUA_SANDBOX_POPULATION_USER": POPULATION_USER,
            "MOTCUA_SANDBOX_POPULATION_SECRET": POPULATION_SECRET,
            "MOTCUA_SANDBOX_POPULATION_CLIENT": POPULATION_CLIENT,
            "MOTCUA_SANDBOX_POPULATION_API_KEY": POPULATION_API_KEY,
            "MOTCUA_SANDBOX_POPULATION_OFFICER": POPULATION_OFFICER,
            "MOTCUA_SANDBOX_POPULATION_PROCEDURE": POPULATION_PROCEDURE,
            "MOTCUA_SANDBOX_POPULATION_SUBJECT": POPULATION_SUBJECT,
            "MOTCUA_SANDBOX_POPULATION_NAME": POPULATION_NAME,
            "MOTCUA_SANDBOX_POPULATION_BORN": POPULATION_BORN,
        }


@dataclass(frozen=True)
class Route:
    name: str
    method: str
    path: str
    answer: Answer
    essential: str  # the field, or the words of a page, without which the reply is worthless
    shows_dossiers: bool = False
    refuse: Callable[[int, Request], Reply] | None = None  # how it words an HTTP error, if not as its upstream does
    error_field: str = ""  # where it puts the code of a failed call, if not where its upstream does


@dataclass(frozen=True)
class Upstream:
    name: str
    routes: tuple[Route, ...]
    refuse: Callable[[int, Request], Reply]  # how it words an HTTP error
    error_field: str = "error_code"  # where it puts the code of a failed call
    host: str = ""  # whose certificate it shows; empty: it speaks no TLS

    def route(self, request: Request) -> Route | Reply:
        """The route that a request asks for, or the refusal if there is none."""
        routes = [route for route in self.routes if route.path == request.path]
        if not routes:
            return self.refuse(404, request)
        method = "GET" if request.method == "HEAD" else request.method
        return next((route for route in routes if route.method == method), None) or self.refuse(405, request)


def province(flow: Callable[[float], Flow], *, token_ttl: int, ahead: float = 0) -> tuple[Upstream, ...]:
    """All upstreams but the bus. `flow` gives the dossiers to show at an instant; tokens live `token_ttl` seconds.

    Dossiers are those of `ahead` seconds after the clock.
    """
    tokens = Tokens(token_ttl)
    return (Sso(tokens).upstream(), Gateway(tokens, flow, ahead).upstream(), *_pages(), _shared(), _control(), _tls())


# --- how errors are worded --------------------------------------------------------------------------------------------


def phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def spring_error(status: int, request: Request, message: str = "") -> Reply:
    """The error body of Spring, on which iGate's gateway is built."""
    headers = (("WWW-Authenticate", 'Bearer error="invalid_token"'),) if status == 401 else ()
    body = {
        "timestamp": iso(request.received_at),
        "status": status,
        "error": phrase(status),
        "message": message or "No message available",
        "path": request.path,
    }
    return json_reply(body, status, headers)


def keycloak_error(status: int, _request: Request) -> Reply:
    code = "invalid_grant" if status == 401 else phrase(status).lower().replace(" ", "_")
    return json_reply({"error": code, "error_description": phrase(status)}, status)


def page_error(status: int, _request: Request) -> Reply:
    return html_reply(f"{status} {phrase(status)}", "Yêu cầu không được phục vụ.", status)


# --- sso --------------------------------------------------------------------------------------------------------------


class Tokens:
    """Tokens shaped like JWTs. They carry their own state, so that a million of them cost no memory."""

    def __init__(self, ttl: int) -> None:
        self.ttl = ttl
        self._key = secrets.token_bytes(32)  # of this process: tokens of an earlier one are refused
        self._issued = 0
        self._spent: dict[int, float] = {}  # single-use tokens that were used, and when they would expire

    def issue(self, now: float, subject: str, *, kind: str, ttl: int | None = None, single_use: bool = False) -> str:
        self._issued += 1
        claims = {
            "iss": "http://sso.mo-phong.invalid/auth/realms/digo",
            "azp": "mo-phong",
            "typ": kind,
            "jti": self._issued,
            "iat": now,
            "exp": now + (self.ttl if ttl is None else ttl),
            "preferred_username": subject,
            "single_use": single_use,
            "simulated": True,
        }
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{signed}.{self._sign(signed)}"

    def refusal(self, token: str, now: float, *, kind: str, issued_from: float = 0.0) -> str:
        """Why a token is not taken; empty: it is. A single-use token is used up by being taken."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(signed).encode()):
            return "Invalid token"
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        if claims["typ"] != kind:
            return "Invalid token type"
        if now >= claims["exp"] or claims["iat"] < issued_from or claims["jti"] in self._spent:
            return "Token is not active"
        if claims["single_use"]:
            if len(self._spent) > 10_000:
                self._spent = {number: expiry for number, expiry in self._spent.items() if expiry > now}
            self._spent[claims["jti"]] = claims["exp"]
        return ""

    def _sign(self, signed: str) -> str:
        return _base64url(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Refused(Exception):
    """The sso's answer to a request for a token that it does not grant."""

    def __init__(self, status: int, code: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.code = code
        self.description = description


class Sso:
    """Keycloak's token endpoint: grants password, client_credentials and refresh_token."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def upstream(self) -> Upstream:
        path = "/auth/realms/digo/protocol/openid-connect/token"
        route = Route("igate.token", "POST", path, self.token, essential="access_token")
        return Upstream("sso", (route,), keycloak_error, error_field="error")

    def token(self, request: Request) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return json_reply({"error": "invalid_request", "error_description": "Content-Type is not a form"}, 415)
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            client = self._client(request, form)
            return self._grant(request, self._subject(request, form, client), form.get("scope", "openid"))
        except Refused as refused:
            return json_reply({"error": refused.code, "error_description": refused.description}, refused.status)

    @staticmethod
    def _client(request: Request, form: Mapping[str, str]) -> str:
        """The client, once it has shown that it is one."""
        client, secret = basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
        refused = request.orders.refuse_credentials
        if client not in PUBLIC_CLIENTS and (refused or (client, secret) != (CLIENT_ID, CLIENT_SECRET)):
            raise Refused(401, "invalid_client", "Invalid client or Invalid client credentials")
        return client

    def _subject(self, request: Request, form: Mapping[str, str], client: str) -> str:
        """Whom the token is for, once the grant is in order."""
        refused = request.orders.refuse_credentials
        match form.get("grant_type"):
            case None:
                raise Refused(400, "invalid_request", "Missing form parameter: grant_type")
            case "password":
                if refused or (form.get("username"), form.get("password")) != (USER, PASSWORD):
                    raise Refused(401, "invalid_grant", "Invalid user credentials")
                return USER
            case "client_credentials":
                if client in PUBLIC_CLIENTS:
                    raise Refused(401, "unauthorized_client", "Public client not allowed to retrieve service account")
                return f"service-account-{client}"
            case "refresh_token":
                refusal = self._tokens.refusal(form.get("refresh_token", ""), request.received_at, kind="Refresh")
                if refused or refusal:
                    raise Refused(400, "invalid_grant", refusal or "Token is not active")
                return USER
            case _:
                raise Refused(400, "unsupported_grant_type", "Unsupported grant_type")

    def _grant(self, request: Request, subject: str, scope: str) -> Reply:
        now, refresh_ttl = request.received_at, 6 * self._tokens.ttl
        body = {
            "access_token": self._tokens.issue(now, subject, kind="Bearer", single_use=request.orders.single_use),
            "expires_in": self._tokens.ttl,
            "refresh_expires_in": refresh_ttl,
            "refresh_token": self._tokens.issue(now, subject, kind="Refresh", ttl=refresh_ttl),
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": scope,
        }
        return json_reply(body, headers=(("Cache-Control", "no-store"),))


def basic(request: Request) -> tuple[str, str] | None:
    """The credentials of HTTP Basic, if the request has any that can be read."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, secret


def is_partner(encoded: str) -> bool:
    """Whether the header lgspaccesstoken holds what the bus knows of its client."""
    try:
        told = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        return False
    names = {
        "AccessKey": BUS_KEY,
        "SecretKey": BUS_SECRET,
        "AppName": BUS_APP,
        "PartnerCode": BUS_PARTNER,
        "PartnerCodeCus": BUS_CUSTOMER,
    }
    return bool(told == names)


def bearer(request: Request) -> str | None:
    """The token that the request brings, if it brings one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


# --- gateway ----------------------------------------------------------------------------------------------------------


class BadParameter(Exception):
    """A query parameter that the gateway answers with HTTP 400."""


class Gateway:
    """iGate's gateway: dossiers, procedures, agencies, statistics. Every call needs a Bearer token."""

    def __init__(self, tokens: Tokens, flow: Callable[[float], Flow], ahead: float = 0) -> None:
        self._tokens = tokens
        self._flow = flow
        self._ahead = ahead

    def upstream(self) -> Upstream:
        calls = (
            ("igate.search", "/pa/dossier/search", self.search, "content"),
            ("igate.procedures", "/bd/procedure", self.procedures, "content"),
            ("igate.agencies", "/ba/agency/name+code", self.agencies, "content"),
            ("igate.statistics", "/pa/dossier-statistic/--statistic-agency-kgg", self.statistics, "received"),
        )
        routes = tuple(
            Route(name, "GET", path, self._guarded(call), needed, shows_dossiers=True)
            for name, path, call, needed in calls
        )
        return Upstream("gateway", routes, spring_error)

    def _guarded(self, answer: Callable[[Request], Any]) -> Answer:
        """The answer for those who bring a token."""

        def guarded(request: Request) -> Reply:
            token = bearer(request)
            if token is None:
                return spring_error(401, request, "Full authentication is required to access this resource")
            now, issued_from = request.received_at, request.orders.tokens_from
            if refusal := self._tokens.refusal(token, now, kind="Bearer", issued_from=issued_from):
                return spring_error(401, request, refusal)
            try:
                return json_reply(answer(request))
            except BadParameter as error:
                return spring_error(400, request, str(error))

        return guarded

    def search(self, request: Request) -> dict[str, Any]:
        query, now = request.query, request.received_at + self._ahead
        flow = self._flow(request.received_at)
        tests = self._tests(flow, query, now)
        found = (number for number in self._ordered(flow, query, now) if all(test(number) for test in tests))
        total = None
        if query.get("spec") == "page":
            among = self._among(flow, query, now)
            total = sum(all(test(number) for test in tests) for number in among) if tests else len(among)
        return envelope(query, found, total, lambda number: flow.dossier(number, now))

    @staticmethod
    def _tests(flow: Flow, query: Mapping[str, str], now: float) -> list[Callable[[int], bool]]:
        """What a dossier must satisfy to be found, beside being there."""
        tests: list[Callable[[int], bool]] = []
        accepted, applied = period(query, "accepted-from", "accepted-to"), period(query, "applied-from", "applied-to")
        if accepted != ALWAYS:
            # What is not accepted yet has no date of acceptance to be found by.
            tests.append(lambda number: accepted[0] <= flow.accepted[number] < min(accepted[1], now))
        if applied != ALWAYS:
            tests.append(lambda number: applied[0] <= flow.applied[number] < applied[1])
        if statuses := integers(query, "dossier-status"):
            tests.append(lambda number: flow.status(number, now) in statuses)
        if methods := integers(query, "apply-method-id"):
            tests.append(lambda number: flow.apply_method(number) in methods)
        if agency := query.get("ancestor-agency-id"):
            within = {index for index, it in enumerate(AGENCIES) if agency in (it.id, ROOT_AGENCY.id)}
            tests.append(lambda number: flow.agency(number) in within)
        return tests

    @staticmethod
    def _among(flow: Flow, query: Mapping[str, str], now: float) -> Sequence[int]:
        """Dossiers that are there, among which are all that are asked for: few, where the query allows it."""
        visible = flow.count(now)
        if code := query.get("code"):
            number = flow.find(code)
            return () if number is None or number >= visible else (number,)
        start, end = period(query, "accepted-from", "accepted-to")
        if (start, end) != ALWAYS:
            return flow.accepted_in(start, min(end, now))
        start, end = period(query, "applied-from", "applied-to")
        return flow.applied_in(start, end, visible)

    def _ordered(self, flow: Flow, query: Mapping[str, str], now: float) -> Iterable[int]:
        """The same in the order asked for."""
        field, _, direction = query.get("sort", "updatedDate,desc").partition(",")
        descending = direction.lower() == "desc"
        narrowed = any(
            query.get(name) for name in ("code", "accepted-from", "accepted-to", "applied-from", "applied-to")
        )
        if field == "updatedDate" and descending and not narrowed:
            return flow.latest_first(now)
        keys: dict[str, Callable[[int], int]] = {
            "updatedDate": lambda number: flow.updated(number, now),
            "appliedDate": flow.applied.__getitem__,
            "acceptedDate": flow.accepted.__getitem__,
        }
        if field not in keys:
            raise BadParameter(f"No property {field} found for type Dossier")
        return sorted(self._among(flow, query, now), key=keys[field], reverse=descending)

    def procedures(self, request: Request) -> dict[str, Any]:
        def show(index: int) -> dict[str, Any]:
            it = PROCEDURES[index]
            return {
                "id": it.id,
                "code": it.code,
                "translate": translated(it.name),
                "sector": {"id": sector_id(it), "name": translated(it.sector)},
                "agency": {"id": AGENCIES[it.agency].id, "code": AGENCIES[it.agency].code},
                "processingTime": it.days,
                "processingTimeUnit": "d",
                "status": 1,
            }

        total = len(PROCEDURES) if request.query.get("spec") == "page" else None
        return envelope(request.query, iter(range(len(PROCEDURES))), total, show)

    def agencies(self, request: Request) -> dict[str, Any]:
        found = AGENCIES if request.query.get("ancestor-id", ROOT_AGENCY.id) == ROOT_AGENCY.id else ()
        total = len(found) if request.query.get("spec") == "page" else None

        def show(index: int) -> dict[str, Any]:
            return {"id": found[index].id, "code": found[index].code, "name": found[index].name}

        return envelope(request.query, iter(range(len(found))), total, show)

    def statistics(self, request: Request) -> list[dict[str, Any]]:
        """Per agency the columns of form II.06a; `received` is the sum of receivedOld, -Online and -Direct."""
        query, now = request.query, request.received_at + self._ahead
        start, end = period(query, "from-date", "to-date")
        if not (math.isfinite(start) and math.isfinite(end)):
            raise BadParameter("Required parameters 'from-date' and 'to-date' are not present")
        asked = query.get("agency-id", ROOT_AGENCY.id)
        flow, rows = self._flow(request.received_at), []
        for index, agency in enumerate(AGENCIES):
            if asked not in (agency.id, ROOT_AGENCY.id):
                continue
            totals = flow.totals(min(start, now), min(end, now), (index,))
            rows.append(
                {
                    "agency": {"id": agency.id, "code": agency.code, "name": agency.name},
                    "received": totals.received,
                    "receivedOld": totals.carried_over,
                    "receivedOnline": totals.new_online,
                    "receivedDirect": totals.new_direct,
                    "resolved": totals.resolved,
                    "resolvedEarly": totals.resolved_early,
                    "resolvedOnTime": totals.resolved_on_time,
                    "resolvedOverdue": totals.resolved_overdue,
                    "unresolved": totals.pending,
                    "unresolvedOnTime": totals.pending_in_time,
                    "unresolvedOverdue": totals.pending_overdue,
                }
            )
        return rows


def envelope(
    query: Mapping[str, str], found: Iterator[int], total: int | None, show: Callable[[int], dict[str, Any]]
) -> dict[str, Any]:
    """A page of results as Spring wraps it; totals only where `total` is given."""
    number, size = whole(query, "page", 0), whole(query, "size", 20)
    if not 1 <= size <= 500:
        raise BadParameter("Page size must be between 1 and 500")
    page = list(islice(found, number * size, number * size + size + 1))
    body: dict[str, Any] = {
        "content": [show(item) for item in page[:size]],
        "number": number,
        "size": size,
        "numberOfElements": min(size, len(page)),
        "first": number == 0,
        "last": len(page) <= size,
    }
    if total is not None:
        body |= {"totalElements": total, "totalPages": -(-total // size)}
    return body


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name) or str(default)
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadParameter(f"Failed to convert value of parameter '{name}': '{value}'")
    return int(value)


def integers(query: Mapping[str, str], name: str) -> frozenset[int]:
    """A list of numbers with commas between them."""
    return frozenset(whole({name: part.strip()}, name, 0) for part in query.get(name, "").split(",") if part.strip())


def period(query: Mapping[str, str], lower: str, upper: str) -> tuple[float, float]:
    """[from, to) in epoch seconds; a bound that is not given is infinite."""
    start, _ = _instant(query, lower)
    end, unit = _instant(query, upper)
    return -math.inf if start is None else start, math.inf if end is None else end + unit


def _instant(query: Mapping[str, str], name: str) -> tuple[float | None, float]:
    """The instant that a parameter names, and how long the millisecond or day is that it names."""
    value = query.get(name)
    if not value:
        return None, 0.0
    try:
        if "/" in value:
            return datetime.strptime(value, "%d/%m/%Y").replace(tzinfo=ZONE).timestamp(), timedelta(
                days=1
            ).total_seconds()
        # A plus sign that the client did not escape has arrived as a space.
        parsed = datetime.fromisoformat(value.replace(" ", "+"))
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=ZONE)).timestamp(), 86_400 if len(
            value
        ) == 10 else 0.001
    except (ValueError, OverflowError) as error:
        raise BadParameter(f"Failed to parse date of parameter '{name}': '{value}'") from error


# --- pages, shared catalogue, control targets, a page over TLS --------------------------------------------------------


def _pages() -> Iterator[Upstream]:
    for upstream, route, title, essential, text in (
        (
            "portal",
            "igate.portal",
            "Cổng Dịch vụ công tỉnh",
            "Dịch vụ công",
            "Tra cứu hồ sơ, nộp hồ sơ trực tuyến, đánh giá cán bộ.",
        ),
        (
            "national",
            "national.home",
            "Cổng Dịch vụ công quốc gia",
            "Cổng Dịch vụ công quốc gia",
            "Kết nối, cung cấp thông tin và dịch vụ công mọi lúc, mọi nơi.",
        ),
    ):
        reply = html_reply(title, text)
        yield Upstream(upstream, (Route(route, "GET", "/", _always(reply), essential),), page_error)


def _shared() -> Upstream:
    names = {"0": "Chưa có thông tin", "1": "Nam", "2": "Nữ", "9": "Giới tính chưa xác định"}
    reply = json_reply([{"Ma": code, "Ten": name, "TrangThai": "1"} for code, name in names.items()])
    path = "/dmdc/Category/magioitinh"
    return Upstream("shared", (Route("shared.category", "GET", path, _always(reply), "Ma"),), spring_error)


def _control() -> Upstream:
    reply = Reply(200, "text/plain;charset=UTF-8", b"ok\n")
    routes = tuple(Route(f"control.{name}", "GET", f"/{name}", _always(reply), "ok") for name in ("a", "b"))
    return Upstream("control", routes, page_error)


def _tls() -> Upstream:
    reply = html_reply("Trang bảo mật", "Trang này được truyền qua TLS.")
    return Upstream("tls", (Route("tls.page", "GET", "/", _always(reply), "Trang bảo mật"),), page_error, host=TLS_HOST)


def _always(reply: Reply) -> Answer:
    return lambda _request: reply

"""The national public service portal, through the adapter of the province's security server (protocols, section 2).

A run opens a session (step `login`) and asks for lists that hold no personal data: the sectors (`sectors`), the
administrative procedures (`procedures`, whose number is measured), and whether a dossier that was sent is there
(`dossier`). All are reads.

What is expected: both lists have rows with codes (MALINHVUC, MATTHC); a single object in place of a list is one row; a
list that is absent or empty breaks the contract. A dossier that is not on the portal is content_mismatch, "dossier not
found": the portal works, the dossier was not synchronised.

Options of the system: `base_url` (such as https://host:port/XrdAdapter/RestService/forward), `username`, `password`,
`madonvi`; `dstcode` and where it is sent (`dstcode_in`: header or query), `providerurl`, `login_path`, `call_path`;
`session_codes`, the codes by which the portal says that a session has ended (one whose message speaks of a session
counts too).
Options of a check: `services` (sectors, procedures, dossier); `dossier_code`, a dossier that may be named openly and
must be on the portal; `procedures_of`, the unit whose procedures are asked for: those of the whole country may be more
than the 1 MB that is read of a reply.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors import expect, lgsp
from connectors.http import Strict, Url, address
from monitor.model import Auth, Finding, Gauge, Login, Reason, Reply, Request, Rule, Run, Step

Service = Literal["sectors", "procedures", "dossier"]
Code = Annotated[str | int, Field(union_mode="left_to_right"), AfterValidator(str)]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]+$")]  # may go into a header

_NAMES: dict[Service, str] = {
    "sectors": "LayDanhMucLinhVuc",
    "procedures": "LayDanhSachTTHC",
    "dossier": "TraCuuHoSo",
}
_CODES = ("error_code", "errorCode", "ErrorCode", "ERROR_CODE")
_GOOD = ("0", "00")
_SESSION = re.compile(r"session|phiên(?! bản)", re.IGNORECASE)  # "phiên bản" is a version


class NationalPortalSystem(Strict):
    base_url: Url
    dstcode: Word = "VN:GOV:000.00.00.G22:vpcpdvcprovider"
    dstcode_in: Literal["header", "query"] = "header"
    providerurl: str | None = None
    login_path: str = "/mapi/login"
    call_path: str = "/mapi/g"
    username: SecretStr
    password: SecretStr
    madonvi: str
    session_codes: list[Code] = ["-2", "401"]


class NationalPortalCheck(Strict):
    services: Annotated[list[Service], Field(min_length=1)] = ["sectors"]
    dossier_code: str | None = None
    procedures_of: str | None = None

    @model_validator(mode="after")
    def _together(self) -> Self:
        if ("dossier" in self.services) is not bool(self.dossier_code):
            raise ValueError("service dossier and dossier_code go together")
        if self.procedures_of and "procedures" not in self.services:
            raise ValueError("procedures_of goes with service procedures")
        return self


class NationalPortal:
    SystemOptions: ClassVar = NationalPortalSystem
    CheckOptions: ClassVar = NationalPortalCheck

    def __init__(self, system: NationalPortalSystem, check: NationalPortalCheck) -> None:
        self._system, self._check = system, check
        self._session_codes = frozenset(system.session_codes)

    def steps(self) -> tuple[str, ...]:
        return tuple(self._check.services)

    def login(self) -> Login:
        system = self._system
        known = {"username": system.username.get_secret_value(), "password": system.password.get_secret_value()}
        reply = yield Step(
            "login",
            self._request(system.login_path, known),
            (
                lgsp.fault(),
                expect.status(refusals=(401, 403)),
                expect.json_type(),
                _refused,
                expect.field("session", "string"),
                _session,
            ),
        )
        return Auth(reply.json["session"])

    def run(self, auth: Auth | None) -> Run:
        for service in self._check.services:
            yield self._call(service, auth.token if auth else "")

    def _call(self, service: Service, session: str) -> Step:
        asked = {"session": session, "madonvi": self._system.madonvi, "service": _NAMES[service]}
        rules: dict[Service, Rule] = {
            "sectors": _listed("MALINHVUC"),
            "procedures": _listed("MATTHC"),
            "dossier": _dossier(self._check.dossier_code or ""),
        }
        if service == "dossier":
            asked["mahoso"] = self._check.dossier_code or ""
        elif service == "procedures" and self._check.procedures_of:
            asked["maDonVi"] = self._check.procedures_of
        return Step(
            service,
            self._request(self._system.call_path, asked),
            (
                lgsp.fault(),
                expect.status(refusals=(401, 403)),
                expect.json_type(),
                self._ended,
                expect.no_error_code(*_CODES, accepted=_GOOD),
                rules[service],
            ),
            relogin_on=lambda reply: reply.status == 401 or self._ended(reply) is not None,
            measure=_number_of_procedures if service == "procedures" else None,
        )

    def _request(self, path: str, body: Mapping[str, str]) -> Request:
        system = self._system
        in_query = {"dstcode": system.dstcode} if system.dstcode_in == "query" else {}
        if system.providerurl:
            in_query["providerurl"] = system.providerurl
        url = address(system.base_url, path)
        if in_query:
            url += f"{'&' if '?' in url else '?'}{urlencode(in_query, safe=':/')}"
        headers = [("Accept", "application/json"), ("Content-Type", "application/json"), ("Charset", "utf-8")]
        if system.dstcode_in == "header":
            headers.append(("dstcode", system.dstcode))
        return Request(url, "POST", tuple(headers), json.dumps(body, ensure_ascii=False).encode())

    def _ended(self, reply: Reply) -> Finding | None:
        """The portal says that the session is none any more, by its code or in words."""
        if expect.json_type()(reply):
            return None
        code, message = _code(reply), reply.json.get("message")
        words = unicodedata.normalize("NFC", message) if isinstance(message, str) else ""
        if code in _GOOD or not (code in self._session_codes or _SESSION.search(f"{code} {words}")):
            return None
        return Finding(Reason.AUTH_FAILED, f"session {expect.safe_code(code)}".strip())


def _code(reply: Reply) -> str:
    return next((code for name in _CODES if (code := expect.as_code(reply.json.get(name)))), "")


def _refused(reply: Reply) -> Finding | None:
    """At the login any error code means that it did not take place."""
    found = expect.no_error_code(*_CODES, accepted=_GOOD)(reply)
    return Finding(Reason.AUTH_FAILED, found.detail) if found else None


def _session(reply: Reply) -> Finding | None:
    return None if reply.json["session"].strip() else Finding(Reason.CONTRACT_VIOLATION, "field session is empty")


def _rows(reply: Reply) -> list[dict[str, Any]] | Finding:
    """The rows of a result; none where it is absent, one where it is an object."""
    result = reply.json.get("result")
    if result is None or isinstance(result, dict):
        return [result] if result else []
    if not isinstance(result, list):
        return Finding(Reason.CONTRACT_VIOLATION, f"field result is {expect.type_name(result)}, array was due")
    at = next((i for i, row in enumerate(result) if not isinstance(row, dict)), None)
    if at is None:
        return result
    return Finding(Reason.CONTRACT_VIOLATION, f"field result.{at} is {expect.type_name(result[at])}, object was due")


def _cell(row: Mapping[str, Any], name: str) -> str:
    """The code in a column, whose name comes in any case; "" where there is none."""
    return next((expect.as_code(value) for key, value in row.items() if key.upper() == name), "")


def _listed(column: str) -> Rule:
    """The result has rows, the first of them with its code."""

    def rule(reply: Reply) -> Finding | None:
        rows = _rows(reply)
        if isinstance(rows, Finding):
            return rows
        if not rows:
            empty = reply.json.get("result") is not None
            return Finding(Reason.CONTRACT_VIOLATION, "field result is empty" if empty else "missing field result")
        if _cell(rows[0], column):
            return None
        return Finding(Reason.CONTRACT_VIOLATION, f"missing field result.0.{column}")

    return rule


def _dossier(code: str) -> Rule:
    """The dossier is on the portal. A reply that does not repeat its code is taken at its word."""

    def rule(reply: Reply) -> Finding | None:
        rows = _rows(reply)
        if isinstance(rows, Finding):
            return rows
        if not any(rows):
            return Finding(Reason.CONTENT_MISMATCH, "dossier not found")
        codes = {_cell(row, "MAHOSO") for row in rows} - {""}
        return Finding(Reason.CONTENT_MISMATCH, "another dossier") if codes and code not in codes else None

    return rule


def _number_of_procedures(reply: Reply) -> Mapping[Gauge, float]:
    rows = _rows(reply)
    return {} if isinstance(rows, Finding) else {Gauge.PROCEDURES: float(len(rows))}

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
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from connectors import expect, wso2
from connectors import national_portal_replies as replies
from connectors.http import Strict, Url, address
from monitor.model import Auth, Finding, Login, Reason, Reply, Request, Rule, Run, Step

Service = Literal["sectors", "procedures", "dossier"]
Code = Annotated[str | int, Field(union_mode="left_to_right"), AfterValidator(str)]
Word = Annotated[str, StringConstraints(pattern=r"^[!-~]+$")]  # may go into a header

_NAMES: dict[Service, str] = {
    "sectors": "LayDanhMucLinhVuc",
    "procedures": "LayDanhSachTTHC",
    "dossier": "TraCuuHoSo",
}
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
                wso2.fault(),
                expect.status(refusals=(401, 403)),
                expect.json_type(),
                replies.refused,
                expect.field("session", "string"),
                replies.session,
            ),
        )
        return Auth(reply.json["session"])

    def run(self, auth: Auth | None) -> Run:
        for service in self._check.services:
            yield self._call(service, auth.token if auth else "")

    def _call(self, service: Service, session: str) -> Step:
        asked = {"session": session, "madonvi": self._system.madonvi, "service": _NAMES[service]}
        rules: dict[Service, Rule] = {
            "sectors": replies.listed("MALINHVUC"),
            "procedures": replies.listed("MATTHC"),
            "dossier": replies.dossier(self._check.dossier_code or ""),
        }
        if service == "dossier":
            asked["mahoso"] = self._check.dossier_code or ""
        elif service == "procedures" and self._check.procedures_of:
            asked["maDonVi"] = self._check.procedures_of
        return Step(
            service,
            self._request(self._system.call_path, asked),
            (
                wso2.fault(),
                expect.status(refusals=(401, 403)),
                expect.json_type(),
                self._ended,
                expect.no_error_code(*replies.CODES, accepted=replies.GOOD),
                rules[service],
            ),
            relogin_on=lambda reply: reply.status == 401 or self._ended(reply) is not None,
            measure=replies.number_of_procedures if service == "procedures" else None,
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
        code, message = replies.code_of(reply), reply.json.get("message")
        words = unicodedata.normalize("NFC", message) if isinstance(message, str) else ""
        if code in replies.GOOD or not (code in self._session_codes or _SESSION.search(f"{code} {words}")):
            return None
        return Finding(Reason.AUTH_FAILED, f"session {expect.safe_code(code)}".strip())

"""The national population database, service 037 (protocols, section 3).

A run asks for no person: it obtains a token where the profile has one (step `token`) and reaches the service (`reach`).

Only a check with `lookup: true` looks one person up (`lookup`), and only where the system names the written `approval`
for it and an authorised test identity (`subject`, from the environment). Of the answer nothing is kept but how many
fields were filled. That nobody was found is a good answer, too.

Options of the system: `service_url` and `profile`, which says how the service knows us and takes its own options:
- wso2_cc: `token_url`, `consumer_key`, `consumer_secret`; a SOAP request with a Bearer token;
- lgspaccesstoken: `token_url`, `access_key`, `secret_key`, `app_name`, `partner_code`, `partner_code_cus`, and for a
  look-up `officer_username`, `officer_password`; the SOAP request travels in JSON;
- c06_sha256: `auth_url`, `username`, `secret`, `road_client`, `api_key`, and `timestamp_unit` (ms or s); a SOAP request
  with a signature that holds the time, so that our clock must be right. Where a `token_url` is given, it is the request
  for a token that is signed, and the token then goes with the SOAP request;
- json_wrapper: none; a JSON request, whose reply holds the SOAP answer in `message`.
For a look-up: `approval`, `subject` (12 digits, or 9 of an old card), `subject_name`, `subject_born` (yyyyMMdd or
yyyy), `ids` (MaDVC, MaTichHop, MaCanBo, MaDonVi, TaiKhoan, SoDienThoai; best from the environment too).
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal, Self, get_args
from uuid import uuid4

from pydantic import AfterValidator, SecretStr, model_validator

from connectors import expect, lgsp, soap
from connectors.http import Strict, Url
from connectors.tls import reach
from monitor.model import Auth, Finding, Gauge, Login, Reason, Reply, Request, Rule, Run, Step

Profile = Literal["wso2_cc", "lgspaccesstoken", "c06_sha256", "json_wrapper"]
IdName = Literal["MaDVC", "MaTichHop", "MaCanBo", "MaDonVi", "TaiKhoan", "SoDienThoai"]

_NEEDS: dict[Profile, tuple[str, ...]] = {
    "wso2_cc": ("token_url", "consumer_key", "consumer_secret"),
    "lgspaccesstoken": ("token_url", "access_key", "secret_key", "app_name", "partner_code", "partner_code_cus"),
    "c06_sha256": ("auth_url", "username", "secret", "road_client", "api_key"),
    "json_wrapper": (),
}
_OFFICER = ("officer_username", "officer_password")
_MAY_HAVE: dict[Profile, tuple[str, ...]] = {
    "wso2_cc": (),
    "lgspaccesstoken": _OFFICER,
    "c06_sha256": ("timestamp_unit", "token_url"),
    "json_wrapper": (),
}
_OF_PROFILES = tuple(dict.fromkeys(name for table in (_NEEDS, _MAY_HAVE) for names in table.values() for name in names))

_NAMESPACE = "http://dancuquocgia.bca"
_SOAP_HEADERS = (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '""'))
_C06_HEADERS = (("Content-Type", "application/xml; charset=utf-8"), ("SOAPAction", '""'))  # as its clients send it
_JSON_HEADERS = (("Content-Type", "application/json"), ("Accept", "application/json, text/xml"))


def _digits(*lengths: int) -> AfterValidator:
    """Digits, of one of these numbers; the message does not show them."""

    def check(value: SecretStr) -> SecretStr:
        if not re.fullmatch("|".join(rf"[0-9]{{{n}}}" for n in lengths), value.get_secret_value()):
            raise ValueError(f"must be {' or '.join(map(str, lengths))} digits")
        return value

    return AfterValidator(check)


class PopulationSystem(Strict):
    service_url: Url
    profile: Profile
    token_url: Url | None = None
    consumer_key: SecretStr | None = None
    consumer_secret: SecretStr | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    app_name: str | None = None
    partner_code: str | None = None
    partner_code_cus: str | None = None
    officer_username: SecretStr | None = None
    officer_password: SecretStr | None = None
    auth_url: Url | None = None
    username: SecretStr | None = None
    secret: SecretStr | None = None
    road_client: str | None = None
    api_key: SecretStr | None = None
    timestamp_unit: Literal["ms", "s"] | None = None
    approval: str | None = None
    subject: Annotated[SecretStr, _digits(12, 9)] | None = None
    subject_name: SecretStr | None = None
    subject_born: Annotated[SecretStr, _digits(8, 4)] | None = None
    ids: dict[IdName, SecretStr] = {}  # secret, for those of the officer are personal

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        needed, allowed = _NEEDS[self.profile], _MAY_HAVE[self.profile]
        given = [name for name in _OF_PROFILES if getattr(self, name) is not None]
        missing = [name for name in needed if name not in given]
        others = [name for name in given if name not in (*needed, *allowed)]
        said = [f"needs {', '.join(missing)}"] if missing else []
        said += [f"has no {', '.join(others)}"] if others else []
        if said:
            raise ValueError(f"profile {self.profile} {' and '.join(said)}")
        return self


class PopulationCheck(Strict):
    lookup: bool = False


class Population:
    """`clock` gives seconds since the epoch.

    The signature of c06_sha256 holds the time at which it is made, so this one connector is handed a clock; that of the
    machine, for the service compares it with its own. Each request has a number of its own, too, drawn at random.
    """

    SystemOptions: ClassVar = PopulationSystem
    CheckOptions: ClassVar = PopulationCheck

    def __init__(
        self, system: PopulationSystem, check: PopulationCheck, clock: Callable[[], float] = time.time
    ) -> None:
        self._system, self._clock, self._lookup = system, clock, check.lookup
        self._reach = reach(system.service_url)
        needed = ("approval", "subject", *(_OFFICER if system.profile == "lgspaccesstoken" else ()))
        missing = [name for name in needed if not _text(getattr(system, name)).strip()]
        if check.lookup and missing:
            raise ValueError(f"lookup asks for a person: it needs {', '.join(missing)} in the options of the system")

    def steps(self) -> tuple[str, ...]:
        return ("lookup" if self._lookup else "reach",)

    def login(self) -> Login | None:
        system = self._system
        if system.profile == "wso2_cc":
            key = lgsp.basic(_text(system.consumer_key), _text(system.consumer_secret))
            return lgsp.token(_text(system.token_url), ("Authorization", key))
        if system.profile == "lgspaccesstoken":
            return lgsp.token(_text(system.token_url), ("lgspaccesstoken", self._lgsp_access_token()))
        if system.profile == "c06_sha256" and system.token_url:
            return lgsp.token(system.token_url, *self._signed())
        return None

    def run(self, auth: Auth | None) -> Run:
        yield self._look_up(auth) if self._lookup else self._reach

    def _look_up(self, auth: Auth | None) -> Step:
        wrapped = self._system.profile == "json_wrapper"
        rules: list[Rule] = [lgsp.fault(), expect.status(refusals=() if wrapped else (401, 403))]
        if wrapped:
            rules += [expect.json_type(), expect.no_error_code("error_code"), expect.field("message", "string")]
        read = _message if wrapped else _body
        return Step(
            "lookup",
            Request(self._system.service_url, "POST", *self._request(auth)),
            (*rules, lambda reply: _wrong(read(reply))),
            relogin_on=lgsp.expired if auth else None,
            measure=lambda reply: {Gauge.FIELDS_PRESENT: float(_fields_present(read(reply)))},
        )

    def _request(self, auth: Auth | None) -> tuple[tuple[tuple[str, str], ...], bytes]:
        """Headers and body of a look-up."""
        asked, born = self._asked(), self._born()
        if self._system.profile == "json_wrapper":
            return _JSON_HEADERS, _json(asked | born)
        fields = {**asked, "NgayThangNamSinh": born} if born else asked
        text = soap.envelope(_NAMESPACE, "TraCuuThongTinCongDan", fields)
        bearer = f"Bearer {auth.token}" if auth else ""
        if self._system.profile == "wso2_cc":
            return (*_SOAP_HEADERS, ("Authorization", bearer)), text.encode()
        if self._system.profile == "c06_sha256":
            proof = (("Authorization", bearer), *self._client()) if auth else self._signed()
            return (*_C06_HEADERS, *proof), text.encode()
        known = self._lgsp_access_token()
        officer = f"{_text(self._system.officer_username)}:{_text(self._system.officer_password)}"
        body = {"accessToken": bearer, "lgspAccessToken": known, "AuthHash": _base64(officer), "data": text}
        return (*_JSON_HEADERS, ("lgspaccesstoken", known)), _json(body)

    def _asked(self) -> dict[str, str]:
        """The fields of a look-up but the date of birth, in the order of the service's schema."""
        system, subject = self._system, _text(self._system.subject)
        ids = {"MaDVC": "VPCP", "MaTichHop": "037"} | {name: _text(value) for name, value in system.ids.items()}
        asked = {"MaYeuCau": uuid4().hex} | {name: ids[name] for name in get_args(IdName) if name in ids}
        asked["SoDinhDanh" if len(subject) == 12 else "SoCMND"] = subject
        if system.subject_name:
            asked["HoVaTen"] = _text(system.subject_name).upper()
        return asked

    def _born(self) -> dict[str, str]:
        born = _text(self._system.subject_born)
        return {"NgayThangNam" if len(born) == 8 else "Nam": born} if born else {}

    def _lgsp_access_token(self) -> str:
        system = self._system
        known = {
            "AccessKey": _text(system.access_key),
            "SecretKey": _text(system.secret_key),
            "AppName": _text(system.app_name),
            "PartnerCode": _text(system.partner_code),
            "PartnerCodeCus": _text(system.partner_code_cus),
        }
        return _base64(json.dumps(known, ensure_ascii=False, separators=(",", ":")))

    def _signed(self) -> tuple[tuple[str, str], ...]:
        """The headers by which c06_sha256 knows who asks, made now."""
        system, user = self._system, _text(self._system.username)
        timestamp = str(int(self._clock() * (1 if system.timestamp_unit == "s" else 1000)))
        signed = signature(_text(system.auth_url), user, timestamp, _text(system.secret))
        return (("Authorization", lgsp.basic(user, signed)), ("Timestamp", timestamp), *self._client())

    def _client(self) -> tuple[tuple[str, str], ...]:
        return (("X-Road-Client", _text(self._system.road_client)), ("ApiKey", _text(self._system.api_key)))


def signature(auth_url: str, user: str, timestamp: str, secret: str) -> str:
    """What stands for the password under c06_sha256: SHA-256 of the four in this order, in hexadecimal."""
    return hashlib.sha256(f"{auth_url}{user}{timestamp}{secret}".encode()).hexdigest()


def _text(value: str | SecretStr | None) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


# --- what is made of the answer to a look-up --------------------------------------------------------------------------


def _body(reply: Reply) -> bytes:
    return reply.body


def _message(reply: Reply) -> bytes:
    text: str = reply.json["message"]
    return text.encode(errors="replace")


def _wrong(text: bytes) -> Finding | None:
    """A collection must be there; nobody in it is an answer too."""
    answer = soap.body(text)
    if isinstance(answer, Finding):
        return answer
    if answer.find(".//CongdanCollection") is None:
        return Finding(Reason.CONTRACT_VIOLATION, "missing field CongdanCollection")
    return None


def _fields_present(text: bytes) -> int:
    """How many fields of the citizen are filled; 0 where none was found, which a record without a name means, too."""
    answer = soap.body(text)
    citizen = None if isinstance(answer, Finding) else answer.find(".//CongdanCollection/CongDan")
    if citizen is None or not (citizen.findtext("HoVaTen/Ten") or "").strip():
        return 0
    return sum(1 for field in citizen.iter() if not len(field) and (field.text or "").strip())

"""How the population database is asked: its options, and what each profile makes of them (protocols, section 3).

What the options mean is said in connectors/population.py.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Self, get_args
from uuid import uuid4

from pydantic import AfterValidator, SecretStr, model_validator

from connectors import soap, wso2
from connectors.http import Strict, Url
from monitor.model import Auth, Login

Profile = Literal["wso2_cc", "lgspaccesstoken", "c06_sha256", "json_wrapper"]
IdName = Literal["MaDVC", "MaTichHop", "MaCanBo", "MaDonVi", "TaiKhoan", "SoDienThoai"]

_NEEDS: dict[Profile, tuple[str, ...]] = {
    "wso2_cc": ("token_url", "consumer_key", "consumer_secret"),
    "lgspaccesstoken": ("token_url", "access_key", "secret_key", "app_name", "partner_code", "partner_code_cus"),
    "c06_sha256": ("auth_url", "username", "secret", "road_client", "api_key"),
    "json_wrapper": (),
}
OFFICER = ("officer_username", "officer_password")
_MAY_HAVE: dict[Profile, tuple[str, ...]] = {
    "wso2_cc": (),
    "lgspaccesstoken": OFFICER,
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


class Profiled:
    """Logins and requests by a system's profile; `clock` gives seconds since the epoch, which one of them signs."""

    def __init__(self, system: PopulationSystem, clock: Callable[[], float]) -> None:
        self._system, self._clock = system, clock

    def login(self) -> Login | None:
        """The login, where the profile has one."""
        system = self._system
        if system.profile == "wso2_cc":
            key = wso2.basic(text_of(system.consumer_key), text_of(system.consumer_secret))
            return wso2.token(text_of(system.token_url), ("Authorization", key))
        if system.profile == "lgspaccesstoken":
            return wso2.token(text_of(system.token_url), ("lgspaccesstoken", self._lgsp_access_token()))
        if system.profile == "c06_sha256" and system.token_url:
            return wso2.token(system.token_url, *self._signed())
        return None

    def look_up(self, auth: Auth | None) -> tuple[tuple[tuple[str, str], ...], bytes]:
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
        officer = f"{text_of(self._system.officer_username)}:{text_of(self._system.officer_password)}"
        body = {"accessToken": bearer, "lgspAccessToken": known, "AuthHash": _base64(officer), "data": text}
        return (*_JSON_HEADERS, ("lgspaccesstoken", known)), _json(body)

    def _asked(self) -> dict[str, str]:
        """The fields of a look-up but the date of birth, in the order of the service's schema."""
        system, subject = self._system, text_of(self._system.subject)
        ids = {"MaDVC": "VPCP", "MaTichHop": "037"} | {name: text_of(value) for name, value in system.ids.items()}
        asked = {"MaYeuCau": uuid4().hex} | {name: ids[name] for name in get_args(IdName) if name in ids}
        asked["SoDinhDanh" if len(subject) == 12 else "SoCMND"] = subject
        if system.subject_name:
            asked["HoVaTen"] = text_of(system.subject_name).upper()
        return asked

    def _born(self) -> dict[str, str]:
        born = text_of(self._system.subject_born)
        return {"NgayThangNam" if len(born) == 8 else "Nam": born} if born else {}

    def _lgsp_access_token(self) -> str:
        system = self._system
        known = {
            "AccessKey": text_of(system.access_key),
            "SecretKey": text_of(system.secret_key),
            "AppName": text_of(system.app_name),
            "PartnerCode": text_of(system.partner_code),
            "PartnerCodeCus": text_of(system.partner_code_cus),
        }
        return _base64(json.dumps(known, ensure_ascii=False, separators=(",", ":")))

    def _signed(self) -> tuple[tuple[str, str], ...]:
        """The headers by which c06_sha256 knows who asks, made now."""
        system, user = self._system, text_of(self._system.username)
        timestamp = str(int(self._clock() * (1 if system.timestamp_unit == "s" else 1000)))
        signed = signature(text_of(system.auth_url), user, timestamp, text_of(system.secret))
        return (("Authorization", wso2.basic(user, signed)), ("Timestamp", timestamp), *self._client())

    def _client(self) -> tuple[tuple[str, str], ...]:
        return (("X-Road-Client", text_of(self._system.road_client)), ("ApiKey", text_of(self._system.api_key)))


def signature(auth_url: str, user: str, timestamp: str, secret: str) -> str:
    """What stands for the password under c06_sha256: SHA-256 of the four in this order, in hexadecimal."""
    return hashlib.sha256(f"{auth_url}{user}{timestamp}{secret}".encode()).hexdigest()


def text_of(value: str | SecretStr | None) -> str:
    """What an option says, secret or not; "" for one that is not given."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()

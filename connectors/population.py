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

import time
from collections.abc import Callable
from typing import ClassVar

from connectors import expect, soap, wso2
from connectors.http import Strict
from connectors.population_profiles import OFFICER, PopulationSystem, Profiled, text_of
from connectors.tls import reach
from monitor.model import Auth, Finding, Gauge, Login, Reason, Reply, Request, Rule, Run, Step


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
        self._system, self._profile, self._lookup = system, Profiled(system, clock), check.lookup
        self._reach = reach(system.service_url)
        needed = ("approval", "subject", *(OFFICER if system.profile == "lgspaccesstoken" else ()))
        missing = [name for name in needed if not text_of(getattr(system, name)).strip()]
        if check.lookup and missing:
            raise ValueError(f"lookup asks for a person: it needs {', '.join(missing)} in the options of the system")

    def steps(self) -> tuple[str, ...]:
        return ("lookup" if self._lookup else "reach",)

    def login(self) -> Login | None:
        return self._profile.login()

    def run(self, auth: Auth | None) -> Run:
        yield self._look_up(auth) if self._lookup else self._reach

    def _look_up(self, auth: Auth | None) -> Step:
        wrapped = self._system.profile == "json_wrapper"
        rules: list[Rule] = [wso2.fault(), expect.status(refusals=() if wrapped else (401, 403))]
        if wrapped:
            rules += [expect.json_type(), expect.no_error_code("error_code"), expect.field("message", "string")]
        read = _message if wrapped else _body
        return Step(
            "lookup",
            Request(self._system.service_url, "POST", *self._profile.look_up(auth)),
            (*rules, lambda reply: _wrong(read(reply))),
            relogin_on=wso2.expired if auth else None,
            measure=lambda reply: {Gauge.FIELDS_PRESENT: float(_fields_present(read(reply)))},
        )


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

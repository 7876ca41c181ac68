"""The data sharing bus of a province (LGSP) or of the country (NGSP): a WSO2 gateway (protocols, section 4.1).

A run asks for one thing behind the bus: the login (step `token`), then a GET (`request`) whose reply must be JSON. What
the gateway itself says of it (a token that it does not know, a service that does not answer it) is told from what the
service says: "gateway 101503" is the service's silence, not the bus's.

Options of the system: `gateway_url`; `consumer_key`, `consumer_secret`; `token_path` or, where tokens are given out
elsewhere, `token_url`; `headers` that a service wants besides (MaDonVi, ApiKey).
Options of a check: `path`, `type` (array or object), `field` that must be there; or `token_only`: a token was obtained
and the gateway can be reached (`reach`), which says little of the services behind it and so is a layer of its own.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import ClassVar, Literal, Self

from pydantic import SecretStr, model_validator

from connectors import expect, soap
from connectors.http import Strict, Url, address
from connectors.tls import reach
from monitor.model import Auth, Finding, Login, Reason, Reply, Request, Rule, Run, Step

MEANINGS: dict[str, Reason] = {
    **dict.fromkeys(("900900", "900901", "900902", "900908", "900910"), Reason.AUTH_FAILED),
    "900906": Reason.HTTP_4XX,  # no such resource
    **{f"90080{digit}": Reason.RATE_LIMITED for digit in range(8)},
    "700700": Reason.HTTP_5XX,  # the API is blocked
    **dict.fromkeys(("101503", "101504", "101505", "303001"), Reason.HTTP_5XX),  # the service behind it fails
}
"""What the gateway's codes mean (protocols, section 4.1)."""

_FAMILIES = re.compile(r"(900|101|303)\d{3}|700700")
_CODES = ("error_code", "errorCode", "ErrorCode", "error")


class LgspSystem(Strict):
    gateway_url: Url
    token_path: str = "/token"  # noqa: S105 - a path
    token_url: Url | None = None
    consumer_key: SecretStr
    consumer_secret: SecretStr
    headers: dict[str, SecretStr] = {}

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.token_url and "token_path" in self.model_fields_set:
            raise ValueError("token_url and token_path exclude each other")
        return self


class LgspCheck(Strict):
    path: str = "/dmdc/1.0/AllCategory"
    type: Literal["array", "object"] = "array"
    field: str | None = None
    token_only: bool = False

    @model_validator(mode="after")
    def _token_only(self) -> Self:
        if self.token_only and (others := sorted(self.model_fields_set - {"token_only"})):
            raise ValueError(f"token_only asks for nothing else: leave out {', '.join(others)}")
        return self


class Lgsp:
    SystemOptions: ClassVar = LgspSystem
    CheckOptions: ClassVar = LgspCheck

    def __init__(self, system: LgspSystem, check: LgspCheck) -> None:
        self._system, self._check = system, check
        self._reach = reach(system.gateway_url) if check.token_only else None

    def steps(self) -> tuple[str, ...]:
        return ("reach" if self._reach else "request",)

    def login(self) -> Login:
        system = self._system
        key = basic(system.consumer_key.get_secret_value(), system.consumer_secret.get_secret_value())
        return token(system.token_url or address(system.gateway_url, system.token_path), ("Authorization", key))

    def run(self, auth: Auth | None) -> Run:
        yield self._reach or self._read(auth)

    def _read(self, auth: Auth | None) -> Step:
        system, check = self._system, self._check
        headers = [("Accept", "application/json"), *([("Authorization", f"Bearer {auth.token}")] if auth else [])]
        headers += [(name, value.get_secret_value()) for name, value in system.headers.items()]
        rules = [fault(), expect.status(refusals=(401, 403)), _no_error_code, expect.json_type(check.type)]
        if check.field is not None:
            rules.append(expect.field(check.field))
        request = Request(address(system.gateway_url, check.path), "GET", tuple(headers))
        return Step("request", request, tuple(rules), relogin_on=expired)


def token(url: str, *headers: tuple[str, str]) -> Login:
    """Asks for a token by client credentials (RFC 6749, section 4.4); the headers say who asks."""
    reply = yield Step(
        "token",
        Request(
            url,
            "POST",
            (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"), *headers),
            b"grant_type=client_credentials",
        ),
        (
            fault(),
            expect.token_refused(),
            expect.status(),
            expect.json_type(),
            expect.no_error_code("error"),
            expect.token("access_token"),
        ),
    )
    return Auth(reply.json["access_token"], expect.lifetime(reply))


def basic(user: str, password: str) -> str:
    """The value of the header Authorization by which a user and a password are sent (RFC 7617)."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def fault() -> Rule:
    """The gateway reports no fault of its own, whatever the HTTP status. Comes before the rule of the status.

    A code that is not in the table leaves the word to the status; where that is a good one, it is a business_error.
    """

    def rule(reply: Reply) -> Finding | None:
        code = fault_code(reply)
        reason = MEANINGS.get(code or "")
        if code is None or (reason is None and reply.status // 100 != 2):
            return None
        return Finding(reason or Reason.BUSINESS_ERROR, f"gateway {expect.safe_code(code)}".strip())

    return rule


def fault_code(reply: Reply) -> str | None:
    """The code of a fault of the gateway, "" of one without a code that can be read; None where there is no fault.

    Faults are {"fault": {"code": ...}} (3.x), a flat {"code": ...} (4.x), or XML <fault><code> under any prefix. A flat
    code counts only if it is one of the gateway's: the services behind it have codes, too.
    """
    if reply.body.lstrip(soap.SPACE).startswith(b"<"):
        root = soap.document(reply.body) if b"fault" in reply.body else None
        code = root.findtext("code") if root is not None and root.tag == "fault" else None
        return None if code is None else code.strip()
    if expect.json_type()(reply):
        return None
    reported = reply.json.get("fault")
    if isinstance(reported, dict) and "code" in reported:
        return expect.as_code(reported["code"])
    flat = expect.as_code(reply.json.get("code"))
    return flat if _FAMILIES.fullmatch(flat) else None


def _no_error_code(reply: Reply) -> Finding | None:
    """An object with an error code is an answer of the service, even where a list was due."""
    return None if expect.json_type()(reply) else expect.no_error_code(*_CODES)(reply)


def expired(reply: Reply) -> bool:
    """The gateway does not know the token any more: HTTP 401, or its code for it under another status."""
    return reply.status == 401 or fault_code(reply) == "900901"

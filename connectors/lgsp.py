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

from typing import ClassVar, Literal, Self

from pydantic import SecretStr, model_validator

from connectors import expect, wso2
from connectors.http import Strict, Url, address
from connectors.tls import reach
from monitor.model import Auth, Finding, Login, Reply, Request, Run, Step

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
        key = wso2.basic(system.consumer_key.get_secret_value(), system.consumer_secret.get_secret_value())
        return wso2.token(system.token_url or address(system.gateway_url, system.token_path), ("Authorization", key))

    def run(self, auth: Auth | None) -> Run:
        yield self._reach or self._read(auth)

    def _read(self, auth: Auth | None) -> Step:
        system, check = self._system, self._check
        headers = [("Accept", "application/json"), *([("Authorization", f"Bearer {auth.token}")] if auth else [])]
        headers += [(name, value.get_secret_value()) for name, value in system.headers.items()]
        rules = [wso2.fault(), expect.status(refusals=(401, 403)), _no_error_code, expect.json_type(check.type)]
        if check.field is not None:
            rules.append(expect.field(check.field))
        request = Request(address(system.gateway_url, check.path), "GET", tuple(headers))
        return Step("request", request, tuple(rules), relogin_on=wso2.expired)


def _no_error_code(reply: Reply) -> Finding | None:
    """An object with an error code is an answer of the service, even where a list was due."""
    return None if expect.json_type()(reply) else expect.no_error_code(*_CODES)(reply)

"""Any HTTP service: one request, and what its reply must look like.

Options of the system: `base_url`, `headers`, `username` and `password` (basic authentication).
Options of a check: `path` below it (or an absolute URL), `method`, `status`, `header`, `json`, `text_present`,
`text_absent`, `follow` (redirects to follow on the same host), `public` (the page holds no personal data).
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

from connectors import expect
from monitor.model import Auth, Request, Rule, Run, Step

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+")]


def _status(value: str | int) -> str:
    if not re.fullmatch(r"[1-5](xx|\d\d)", str(value)):
        raise ValueError('an HTTP status is a number such as 200 or a class such as "2xx"')
    return str(value)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


Status = Annotated[str | int, Field(union_mode="left_to_right"), AfterValidator(_status)]


class Strict(BaseModel):
    """Options of connectors: unknown keys are refused, values never appear in messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class JsonField(Strict):
    path: str
    type: Literal["object", "array", "string", "number", "boolean", "null"] | None = None
    equals: Any = None


class HttpSystem(Strict):
    base_url: Url
    headers: dict[str, SecretStr] = {}
    username: SecretStr | None = None
    password: SecretStr | None = None

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        if (self.username is None) is not (self.password is None):
            raise ValueError("username and password go together")
        return self


class HttpCheck(Strict):
    path: str = "/"
    method: Literal["GET", "HEAD"] = "GET"
    status: list[Status] = ["2xx"]
    header: dict[str, Annotated[str, AfterValidator(_pattern)]] = {}
    json_fields: list[JsonField] = Field([], alias="json")
    text_present: list[str] = []
    text_absent: list[str] = []
    follow: int = Field(0, ge=0, le=10)
    public: bool = False


class Http:
    SystemOptions: ClassVar = HttpSystem
    CheckOptions: ClassVar = HttpCheck

    def __init__(self, system: HttpSystem, check: HttpCheck) -> None:
        self._step = Step(
            "request",
            Request(address(system.base_url, check.path), check.method, _headers(system)),
            tuple(_rules(system, check)),
            follow=check.follow,
            public=check.public,
        )

    def steps(self) -> tuple[str, ...]:
        return (self._step.name,)

    def login(self) -> None:
        return None

    def run(self, auth: Auth | None) -> Run:
        yield self._step


def address(base: str, path: str) -> str:
    """The URL of a path below a base, whose own path is kept; an absolute URL stands for itself."""
    if re.match(r"https?://", path):
        return path
    return base if path == "/" and urlsplit(base).path else f"{base.rstrip('/')}/{path.lstrip('/')}"


def _headers(system: HttpSystem) -> tuple[tuple[str, str], ...]:
    headers = [(name, value.get_secret_value()) for name, value in system.headers.items()]
    if system.username is not None and system.password is not None:
        pair = f"{system.username.get_secret_value()}:{system.password.get_secret_value()}"
        headers.append(("Authorization", f"Basic {b64encode(pair.encode()).decode()}"))
    return tuple(headers)


def _rules(system: HttpSystem, check: HttpCheck) -> list[Rule]:
    known = system.username is not None or bool(system.headers)
    rules = [expect.status(check.status, refusals=(401,) if known else ())]
    rules += [expect.header(name, pattern) for name, pattern in check.header.items()]
    if check.json_fields:
        first = check.json_fields[0].path.split(".")[0]
        rules.append(expect.json_type("array" if first.isdigit() else "object"))
    for wanted in check.json_fields:
        given = {"equals": wanted.equals} if "equals" in wanted.model_fields_set else {}
        rules.append(expect.field(wanted.path, wanted.type, **given))
    rules += [expect.text_present(text) for text in check.text_present]
    rules += [expect.text_absent(text) for text in check.text_absent]
    return rules

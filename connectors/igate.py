"""iGate, the dossier software of the one-stop desk (iGate 2.0; protocols, section 1).

A run asks what a clerk's morning asks: the login (step `token`), the public page (`portal`), one dossier (`search`,
size 1) and the list of procedures (`procedures`). All are reads. iGate has no health call, so these are its health.

Options of the system: `sso_url`, `gateway_url`, `portal_url`; `grant` with its credentials; `paths` for deployments
whose prefixes differ and for iGate 1.x. `login: false` leaves the login out (iGate 1.x answers without one).
What collecting dossiers needs beside these is said in connectors/igate_dossiers.py.
Option of a check: `steps`, if it is to ask only some of them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, SecretStr, model_validator

from connectors import expect
from connectors.http import Strict, Url, address
from monitor.model import Auth, Login, Reply, Request, Run, Step

StepName = Literal["portal", "search", "procedures"]

_PATHS = {
    "token": "/auth/realms/digo/protocol/openid-connect/token",
    "portal": "/",
    "search": "/pa/dossier/search?page=0&size=1&spec=slice&sort=updatedDate,desc",
    "procedures": "/bd/procedure?page=0&size=1&spec=slice",
}


class IGateSystem(Strict):
    portal_url: Url | None = None
    gateway_url: Url
    sso_url: Url | None = None
    login: bool = True
    grant: Literal["password", "client_credentials"] = "password"
    client_id: str = "web-onegate"
    client_secret: SecretStr | None = None
    username: SecretStr | None = None
    password: SecretStr | None = None
    paths: dict[Literal["token", "portal", "search", "procedures", "statistics"], str] = {}
    list_field: str | None = "content"  # the list in a page of results; null where the reply itself is the list
    portal_text: str | None = None
    root_agency: str | None = (
        None  # iGate's id of the unit whose dossiers are collected; all that we may see, if absent
    )
    search_dates: Literal["instants", "yyyy-MM-dd", "dd/MM/yyyy"] = "instants"
    statuses: dict[str, Annotated[int, Field(ge=0, le=10)]] = {}
    statistics_fields: dict[str, str] = {}

    @model_validator(mode="after")
    def _credentials(self) -> Self:
        secrets = ("username", "password") if self.grant == "password" else ("client_secret",)
        missing = [name for name in ("sso_url", *secrets) if self.login and getattr(self, name) is None]
        if missing:
            raise ValueError(f"grant {self.grant} needs {', '.join(missing)}")
        return self


class IGateCheck(Strict):
    steps: Annotated[list[StepName], Field(min_length=1)] = ["portal", "search", "procedures"]


class IGate:
    SystemOptions: ClassVar = IGateSystem
    CheckOptions: ClassVar = IGateCheck

    def __init__(self, system: IGateSystem, check: IGateCheck) -> None:
        self._system = system
        self._steps = tuple(name for name in check.steps if name != "portal" or system.portal_url)
        if not self._steps:
            raise ValueError("step portal needs portal_url")
        self._paths: dict[str, str] = _PATHS | {str(name): path for name, path in system.paths.items()}

    def steps(self) -> tuple[str, ...]:
        return self._steps

    def login(self) -> Login | None:
        return self._login() if self._system.login and self._steps != ("portal",) else None

    def _login(self) -> Login:
        reply = yield Step(
            "token",
            Request(
                address(self._system.sso_url or "", self._paths["token"]),
                "POST",
                (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")),
                urlencode(self._credentials()).encode(),
            ),
            (
                expect.token_refused(),
                expect.status(),
                expect.json_type(),
                expect.no_error_code("error"),
                expect.token("access_token"),
            ),
        )
        return Auth(reply.json["access_token"], expect.lifetime(reply))

    def _credentials(self) -> dict[str, str]:
        system = self._system
        form = {"grant_type": str(system.grant), "client_id": system.client_id}
        if system.client_secret:
            form["client_secret"] = system.client_secret.get_secret_value()
        if system.grant == "password" and system.username and system.password:
            form |= {
                "username": system.username.get_secret_value(),
                "password": system.password.get_secret_value(),
                "scope": "openid",
            }
        return form

    def run(self, auth: Auth | None) -> Run:
        for name in self._steps:
            yield self._portal() if name == "portal" else self._read(name, auth)

    def _portal(self) -> Step:
        text = self._system.portal_text
        rules = (expect.status(), expect.not_empty(), *([expect.text_present(text)] if text else []))
        url = address(self._system.portal_url or "", self._paths["portal"])
        return Step("portal", Request(url), rules, follow=5, public=True)

    def _read(self, name: str, auth: Auth | None) -> Step:
        headers = (("Accept", "application/json"), *([("Authorization", f"Bearer {auth.token}")] if auth else []))
        url, listed = address(self._system.gateway_url, self._paths[name]), self._system.list_field
        rules = [expect.status(refusals=(401, 403))]
        if listed:
            codes = expect.no_error_code("error_code", "errorCode", "error")
            rules += [expect.json_type(), codes, expect.field(listed, "array")]
        else:
            rules.append(expect.json_type("array"))
        return Step(name, Request(url, "GET", headers), tuple(rules), relogin_on=_unauthorised)


def _unauthorised(reply: Reply) -> bool:
    """iGate says 401 to an expired token (protocols, section 1.4)."""
    return reply.status == 401

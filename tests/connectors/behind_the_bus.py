"""Connectors for the bus of a sandbox and for what lies behind it."""

from __future__ import annotations

from connectors.lgsp import Lgsp, LgspCheck, LgspSystem
from connectors.national_portal import NationalPortal, NationalPortalCheck, NationalPortalSystem
from connectors.population import Population, PopulationCheck
from connectors.population_profiles import PopulationSystem
from connectors.sandbox import Sandbox


def lgsp(sandbox: Sandbox, kind: type[Lgsp] = Lgsp) -> Lgsp:
    system = {"gateway_url": sandbox.addresses.bus, **_bus_key(sandbox)}
    check = {"path": "/dmdc/1.0/AllCategory", "field": "0.PropertyCode"}
    return kind(LgspSystem.model_validate(system), LgspCheck.model_validate(check))


def national(sandbox: Sandbox, kind: type[NationalPortal] = NationalPortal) -> NationalPortal:
    env = sandbox.environment
    system = {
        "base_url": f"{sandbox.addresses.bus}/XrdAdapter/RestService/forward",
        "username": env["MOTCUA_SANDBOX_NATIONAL_USER"],
        "password": env["MOTCUA_SANDBOX_NATIONAL_PASSWORD"],
        "madonvi": env["MOTCUA_SANDBOX_NATIONAL_AGENCY"],
    }
    return kind(NationalPortalSystem.model_validate(system), NationalPortalCheck())


def population(sandbox: Sandbox) -> Population:
    env = sandbox.environment
    system = {
        "profile": "wso2_cc",
        "service_url": f"{sandbox.addresses.bus}/apiDanCu/1.0/TraCuuThongTinCongDan",
        "token_url": f"{sandbox.addresses.bus}/token",
        **_bus_key(sandbox),
        "approval": "00/MP",
        "subject": env["MOTCUA_SANDBOX_POPULATION_SUBJECT"],
        "subject_name": env["MOTCUA_SANDBOX_POPULATION_NAME"],
        "subject_born": env["MOTCUA_SANDBOX_POPULATION_BORN"],
        "ids": {"MaCanBo": env["MOTCUA_SANDBOX_POPULATION_OFFICER"]},
    }
    return Population(PopulationSystem.model_validate(system), PopulationCheck(lookup=True))


def _bus_key(sandbox: Sandbox) -> dict[str, str]:
    env = sandbox.environment
    return {"consumer_key": env["MOTCUA_SANDBOX_BUS_KEY"], "consumer_secret": env["MOTCUA_SANDBOX_BUS_SECRET"]}

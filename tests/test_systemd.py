"""deploy/systemd: what `systemd-analyze` says of the units, and that they start what docker-compose.yml starts."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.test_compose import OURS, SERVICES

FOLDER = ROOT / "deploy/systemd"
UNITS = {path.name: path for path in sorted(FOLDER.glob("*.service"))}
PROGRAM = "/opt/motcua/bin/motcua"


def read(path: Path) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment, method-assign] # names keep their capitals
    unit.read_string(path.read_text(encoding="utf-8"))
    return unit


def service_of(name: str) -> str:
    return name.removeprefix("motcua-").removesuffix(".service").removesuffix("@")


def test_there_is_one_for_each_service_of_ours() -> None:
    assert {service_of(name) for name in UNITS} == OURS
    wanted = read(FOLDER / "motcua.target")["Unit"]["Wants"].split()
    assert set(wanted) == UNITS.keys() - {"motcua-worker@.service"}, "locations are named by whoever installs"


@pytest.mark.parametrize("name", UNITS)
class TestUnit:
    def test_starts_what_compose_starts(self, name: str) -> None:
        program, *words = read(UNITS[name])["Service"]["ExecStart"].split()
        assert program == PROGRAM
        command = [{"0.0.0.0": "127.0.0.1"}.get(word, word) for word in SERVICES[service_of(name)]["command"]]
        assert [word.replace("%i", "${MOTCUA_LOCATION:-data_centre}") for word in words] == command

    def test_knows_the_database_only_where_it_has_to(self, name: str) -> None:
        text = UNITS[name].read_text(encoding="utf-8")
        knows = "MOTCUA_DATABASE_URL" in SERVICES[service_of(name)]["environment"]
        assert ("EnvironmentFile=/etc/motcua/database.env" in text) == knows

    def test_comes_back_and_ends_well(self, name: str) -> None:
        service = read(UNITS[name])["Service"]
        assert service["Restart"] == "always"
        assert service["SuccessExitStatus"] == "143"  # a standby that is ended
        assert read(UNITS[name])["Unit"]["StartLimitIntervalSec"] == "0"  # however long the database is away

    def test_has_no_privileges(self, name: str) -> None:
        service = read(UNITS[name])["Service"]
        assert service["User"] == "motcua"
        assert service["CapabilityBoundingSet"] == ""
        assert service["ProtectSystem"] == "strict"
        assert service["NoNewPrivileges"] == service["PrivateDevices"] == service["ProtectHome"] == "yes"
        assert not {"ReadWritePaths", "StateDirectory"} & set(service)


def as_here(folder: Path) -> list[str]:
    """The units with a program that exists on this machine."""
    program = shutil.which("true")
    assert program
    paths = []
    for path in [*UNITS.values(), FOLDER / "motcua.target"]:
        name = path.name.replace("@.", "@van_phong.")
        (folder / name).write_text(path.read_text(encoding="utf-8").replace(PROGRAM, program), encoding="utf-8")
        paths.append(str(folder / name))
    return paths


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (package systemd)")
def test_systemd_understands_every_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *as_here(tmp_path)], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "motcua" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing (package systemd)")
def test_systemd_finds_them_well_fenced(tmp_path: Path) -> None:
    for path in as_here(tmp_path):
        if path.endswith(".service"):
            words = ["systemd-analyze", "security", "--offline=true", "--threshold=25", "--no-pager", path]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout[-300:] + done.stderr

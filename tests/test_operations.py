"""docs/operations.md names what there is: every alert, every file, and commands that exist."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from monitor.cli import cli
from tests.dashboards.reading import ALERTS
from tests.processes import ROOT

TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
RUNBOOK = re.findall(r"^## (\w+)$", (ROOT / "docs/runbook.md").read_text(encoding="utf-8"), re.MULTILINE)
COMMANDS = sorted(
    set(re.findall(r"`(motcua [^`]+)`", TEXT)) | set(re.findall(r"^(motcua [^#\n]+?)\s*(?:#.*)?$", TEXT, re.MULTILINE))
)


def test_every_alert_is_explained_once() -> None:
    rows = dict(re.findall(r"^\| \[(\w+)\]\(runbook\.md#(\w+)\) \|", TEXT, re.MULTILINE))
    assert rows.keys() == {rule["alert"] for rule in ALERTS} | {"MotcuaIncident"} == set(RUNBOOK)
    assert all(anchor == name.lower() for name, anchor in rows.items())


def test_severities_are_those_of_the_rules() -> None:
    for name, said in re.findall(r"^\| \[(\w+)\]\([^)]+\) \| ([^|]+) \|", TEXT, re.MULTILINE):
        severities = {rule["labels"]["severity"] for rule in ALERTS if rule["alert"] == name}
        assert len(severities) != 1 or severities == {said}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist(command: str) -> None:
    found: click.Command = cli
    words = shlex.split(command)[1:]
    for word in words:
        if not isinstance(found, click.Group):
            break
        named = found.get_command(click.Context(found), word)
        assert named is not None, command
        found = named
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known, command


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:deploy|dashboards|requirements|config)/[\w./-]*\w", TEXT))))
def test_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_setting_of_compose_is_explained() -> None:
    named = set(
        re.findall(r"^ {6}(MOTCUA_\w+):", (ROOT / "docker-compose.yml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert len(named) >= 4
    assert all(name in TEXT for name in named)
